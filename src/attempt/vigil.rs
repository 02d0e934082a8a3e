//! Looking at the nodes again and again while a learner works in them, without being in the way.
//!
//! Each question is put as often as it is cheap and matters: with a share of the node's time to spend, the weighted sum
//! of the ages of all answers is least where a question of cost `c` and weight `w` is put at intervals in proportion to
//! the square root of `c / w`. So the state of a unit is read at every look or every other one, the digest of a file
//! that must stay as it is about once a minute, and a program that runs for seconds once in some minutes; that is put
//! at once, too, when all that is cheap has come to be met, and whenever somebody asks for everything. Keeps nothing:
//! a look is no check, and leaves no record.

use std::collections::{BTreeMap, BTreeSet};

use super::submit::{SubmitError, baseline};
use super::{Collector, Nodes, Site};
use crate::evidence::{Evidence, Evidences, Taken};
use crate::grade::{CheckVerdict, Report, grade as judge};
use crate::lab::{Draw, NodeName};
use crate::rubric::{CheckId, Rubric};
use crate::store::{AttemptId, Store};

/// Share of one processor's time that a node spends on being looked at, while nobody asks for more.
const SHARE: f64 = 0.005;
/// What a question costs beside the time that its answer took, in milliseconds.
const LEAST_COST_MS: f64 = 0.2;
/// Most that reading a few files of /proc or /sys costs, in milliseconds: longer it takes only on a busy machine, where
/// it waits.
const READING_MS: f64 = 2.0;
/// Most that a digest or a walk through directories is taken to cost before it was seen to be quicker.
const DIGEST_MS: f64 = 30.0;
/// How much a guard that holds matters beside a check that earns, or one that is not met.
const WEIGHT_OF_GUARD: f64 = 0.04;
/// From this cost on a question is dear, in milliseconds: it is not put to follow what the learner does.
const DEAR_MS: f64 = 50.0;
/// A dear question is never put again within so many times its cost, unless somebody asks.
const DEAR_GAP: f64 = 20.0;

/// How much is asked at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What is due.
    Due,
    /// All that a check asks.
    Everything,
}

/// What has been seen of an attempt so far.
pub struct Vigil {
    baseline: Evidence,
    live: Evidence,
    /// When each check was asked last, in milliseconds since the epoch, and what that cost.
    asked: BTreeMap<CheckId, Asked>,
    /// All cheap checks passed at the last look.
    cheap_met: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    at_ms: u64,
    cost_ms: f64,
    weight: f64,
}

impl Vigil {
    /// Nothing has been seen yet.
    pub fn begin(
        site: &Site,
        store: &Store,
        attempt: &AttemptId,
        rubric: &Rubric,
        draw: &Draw<'_>,
    ) -> Result<Self, SubmitError> {
        let live = Collector::new(rubric, draw, attempt).nothing_yet(site.clock.now_ms());
        Ok(Self { baseline: baseline(store, attempt)?, live, asked: BTreeMap::new(), cheap_met: false })
    }

    /// Puts what is due, and judges all that is known. Never fails: what gave no answer is unknown.
    pub async fn look(
        &mut self,
        site: &Site,
        attempt: &AttemptId,
        nodes: &Nodes,
        rubric: &Rubric,
        draw: &Draw<'_>,
        extent: Extent,
    ) -> Report {
        let collector = Collector::new(rubric, draw, attempt).ahead();
        let wanted: BTreeSet<CheckId> = rubric
            .askings(&draw.variant.name, Taken::Live, true)
            .into_iter()
            .filter_map(|asking| Some(asking.check?.id.clone()))
            .filter(|id| extent == Extent::Everything || self.is_due(id, site.clock.now_ms()))
            .collect();
        self.ask(site, nodes, &collector, rubric, &wanted).await;
        let mut report = self.judge(rubric);
        let cheap_met = report
            .checks
            .iter()
            .filter(|check| !self.is_dear(&check.id))
            .all(|check| matches!(check.verdict, CheckVerdict::Pass { .. }) || check.waits());
        if cheap_met && !self.cheap_met {
            let now_ms = site.clock.now_ms();
            let dear: BTreeSet<CheckId> = self
                .asked
                .iter()
                .filter(|(id, asked)| {
                    self.is_dear(id) && (now_ms.saturating_sub(asked.at_ms)) as f64 > asked.cost_ms * DEAR_GAP
                })
                .map(|(id, _)| id.clone())
                .collect();
            if !dear.is_empty() {
                self.ask(site, nodes, &collector, rubric, &dear).await;
                report = self.judge(rubric);
            }
        }
        self.cheap_met = cheap_met;
        self.weigh(&report);
        report
    }

    async fn ask(
        &mut self,
        site: &Site,
        nodes: &Nodes,
        collector: &Collector<'_>,
        rubric: &Rubric,
        wanted: &BTreeSet<CheckId>,
    ) {
        if wanted.is_empty() {
            return;
        }
        let at_ms = site.clock.now_ms();
        // A look may be called off at any moment: until it is over, what was known before stands, secrets and all.
        let mut live = self.live.clone();
        collector.refresh(site, nodes, &mut live, wanted).await;
        self.live = live;
        for id in wanted {
            let took = self.live.observations.iter().filter(|seen| seen.of == *id).map(|seen| seen.took_ms);
            let took_ms = f64::from(took.max().unwrap_or(0));
            let kind = rubric.check(id).map_or("", |check| check.ask.kind());
            let before = self.asked.get(id);
            let cost_ms = cost_ms(kind, took_ms, before.map(|asked| asked.cost_ms));
            let weight = before.map_or(1.0, |asked| asked.weight);
            self.asked.insert(id.clone(), Asked { at_ms, cost_ms, weight });
        }
    }

    /// What holds and earns nothing is looked after less.
    fn weigh(&mut self, report: &Report) {
        for check in &report.checks {
            let earns = report.criteria.iter().any(|criterion| criterion.checks.contains(&check.id));
            let met = matches!(check.verdict, CheckVerdict::Pass { .. });
            if let Some(asked) = self.asked.get_mut(&check.id) {
                asked.weight = if met && !earns { WEIGHT_OF_GUARD } else { 1.0 };
            }
        }
    }

    fn judge(&self, rubric: &Rubric) -> Report {
        let (baseline, live) = (self.baseline.clone(), self.live.clone());
        let evidences = Evidences { baseline, live, after_restart: None, changes: None };
        judge(rubric, &evidences)
    }

    fn is_dear(&self, id: &CheckId) -> bool {
        self.asked.get(id).is_some_and(|asked| asked.cost_ms >= DEAR_MS)
    }

    /// What was never asked is; what is asked with each look anyway is not counted to the millisecond.
    fn is_due(&self, id: &CheckId, now_ms: u64) -> bool {
        let Some(asked) = self.asked.get(id) else { return true };
        let all = self.asked.values().map(|asked| (asked.cost_ms, asked.weight));
        let interval_ms = interval_ms(asked.cost_ms, asked.weight, all);
        now_ms.saturating_sub(asked.at_ms) as f64 >= interval_ms
    }

    /// When each check was asked last, in milliseconds since the epoch.
    pub fn read(&self) -> BTreeMap<CheckId, u64> {
        self.asked.iter().map(|(id, asked)| (id.clone(), asked.at_ms)).collect()
    }

    /// Nodes that gave no answer, and why.
    pub fn silent(&self) -> &BTreeMap<NodeName, String> {
        &self.live.absent_nodes
    }

    /// Nodes whose own machine does not run, and why.
    pub fn down(&self) -> &BTreeMap<NodeName, String> {
        &self.live.down_nodes
    }

    /// Everything is due again: the nodes are not those that were asked.
    pub fn forget(&mut self) {
        self.asked.clear();
        self.cheap_met = false;
    }
}

/// What a question of a kind costs the node, in milliseconds, when its answer took so long and it was taken to cost
/// so much before.
fn cost_ms(kind: &str, took_ms: f64, before_ms: Option<f64>) -> f64 {
    let cost_ms = match kind {
        // What it does may be another thing the next time.
        "command" | "http" | "initramfs" => took_ms,
        "file" | "find" => took_ms.min(before_ms.unwrap_or(DIGEST_MS)),
        _ => took_ms.min(READING_MS),
    };
    cost_ms.max(LEAST_COST_MS)
}

/// How long a question of this cost and weight rests before it is put again, where all of them cost and weigh this.
fn interval_ms(cost_ms: f64, weight: f64, all: impl Iterator<Item = (f64, f64)>) -> f64 {
    let roots: f64 = all.map(|(cost_ms, weight)| (cost_ms * weight).sqrt()).sum();
    (cost_ms / weight).sqrt() * roots / SHARE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_questions_together_stay_within_their_share_and_the_cheap_are_put_often() {
        // As in a lab: an epoch, units and processes, digests of what must stay as it is.
        let mut all = vec![(2_000.0, 1.0)];
        all.extend([(1.0, 1.0); 6]);
        all.extend([(16.0, WEIGHT_OF_GUARD); 20]);
        let interval = |(cost, weight): (f64, f64)| interval_ms(cost, weight, all.iter().copied());
        let spent: f64 = all.iter().map(|question| question.0 / interval(*question)).sum();
        assert!((spent - SHARE).abs() < 1e-9, "{spent}");
        let (epoch, unit, digest) = (interval(all[0]), interval(all[1]), interval(all[7]));
        assert!(unit < 15_000.0 && unit < digest && digest < epoch, "{unit} {digest} {epoch} ms");
    }

    #[test]
    fn waiting_on_a_busy_machine_is_no_cost_and_a_program_costs_what_it_took_last() {
        assert_eq!(cost_ms("service", 400.0, None), READING_MS);
        assert_eq!(cost_ms("service", 0.0, None), LEAST_COST_MS);
        assert_eq!(cost_ms("file", 400.0, None), DIGEST_MS);
        assert_eq!(cost_ms("file", 400.0, Some(3.0)), 3.0);
        assert_eq!(cost_ms("command", 2_000.0, Some(30.0)), 2_000.0);
        assert_eq!(cost_ms("command", 30.0, Some(2_000.0)), 30.0);
    }
}
