//! Rubric and evidence in, report out. Pure: no I/O, no clock; the same input gives the same report.
//!
//! [`judge_check`] answers for one check, [`grade`] for a whole rubric, [`scorecard`] for a role. Reading the nodes is the collector's,
//! printing a report the command line's. Points are whole numbers; where they are divided they round down.
//!
//! What cannot be known is never wrong and never right: its points are *undecided*. A criterion of the phase
//! after-restart is *not yet* judged until there was a restart; how it stands on live evidence is kept beside it.

mod check;
mod clue;
mod damage;
mod matching;
mod scorecard;
mod simulate;
mod words;

use std::collections::BTreeMap;

pub use check::{CheckVerdict, Context, judge_check};
pub use clue::{Clue, clue, where_read};
pub use damage::Damage;
pub use scorecard::*;
use serde::{Deserialize, Serialize};
pub use simulate::{Played, Profile, simulate};
pub use words::{TEXT_LIMIT, clean, short};

use crate::{
    evidence::{Changes, Evidence, Evidences, List},
    lab::{LabName, NodeName, VariantName},
    rubric::{
        Check, CheckId, Credit, Criterion, CriterionId, Effect, Guard, GuardId, Phase, Points, Rubric, Skill,
    },
};

/// The format of stored reports that this version writes.
pub const FORMAT: u32 = 1;

/// Why a check that disturbs the node is unknown until there was a grading.
const ONLY_WHEN_GRADING: &str = "asked only when grading";

/// What became of an attempt: a verdict per check, points per criterion, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Report {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The attempt.
    pub attempt: String,
    /// The lab.
    pub lab: LabName,
    /// The root cause that was drawn.
    pub variant: VariantName,
    /// Points from which the lab is passed.
    pub pass: Points,
    /// The whole.
    pub verdict: Verdict,
    /// Sum of all criteria, after guards.
    pub totals: Totals,
    /// The same by skill.
    pub skills: BTreeMap<Skill, Totals>,
    /// In the rubric's order; a check that is judged in both phases stands twice.
    pub checks: Vec<CheckReport>,
    /// In the rubric's order, of this variant only.
    pub criteria: Vec<CriterionReport>,
    /// In the rubric's order.
    pub guards: Vec<GuardReport>,
    /// What else became of the nodes. None where nobody looked: before a grading, and in attempts of a version that knew
    /// no inventories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// What became of the nodes beside the task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Beside {
    /// The worst first. Empty is good news only where every node is known.
    pub damage: Vec<Damage>,
    /// How much changed on each node, by list, for the task and beside it.
    pub changed: BTreeMap<NodeName, BTreeMap<List, usize>>,
    /// Nodes of which it is not known, or not in full, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_known: BTreeMap<NodeName, String>,
}

impl Beside {
    /// How much changed on one node: `2 files, 1 unit`, or `nothing`.
    pub fn counted(counts: &BTreeMap<List, usize>) -> String {
        let words: Vec<String> =
            counts.iter().map(|(list, count)| format!("{count} {}", list.words(*count))).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    }

    /// What changes come to.
    pub fn of(changes: &Changes) -> Self {
        let known = changes.nodes.iter().filter(|(_, node)| node.not_known.is_none());
        let not_known = changes.nodes.iter().filter_map(|(name, node)| {
            let why = node.not_known.clone().or_else(|| {
                let cut: Vec<String> =
                    node.cut.iter().map(|(place, why)| format!("{place} not in full: {why}")).collect();
                (!cut.is_empty()).then(|| cut.join("; "))
            })?;
            Some((name.clone(), clean(&why, TEXT_LIMIT)))
        });
        Self {
            damage: damage::damage(changes),
            changed: known.map(|(name, node)| (name.clone(), node.counts())).collect(),
            not_known: not_known.collect(),
        }
    }
}

/// Whether a lab is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Enough points, and every guard held.
    Passed,
    /// Not enough points even if all that is undecided were earned; or a guard that must not break broke.
    Failed,
    /// It hangs on what is not known yet.
    Undecided,
}

/// Points earned, to be earned, and not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Totals {
    /// Earned for certain.
    pub earned: Points,
    /// Hanging on what is unknown, or on a restart that has not been.
    pub undecided: Points,
    /// All that there are.
    pub max: Points,
    /// What would be earned if everything were after the restart as it is now; only where a restart is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Points>,
}

/// One check in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckReport {
    /// Its name.
    pub id: CheckId,
    /// Who was asked.
    pub nodes: Vec<NodeName>,
    /// The phase that it is judged for.
    pub phase: Phase,
    /// Judged on live evidence, because there was no restart yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub provisional: bool,
    /// What it says; `found` and `why` of an unknown one are in here.
    pub verdict: CheckVerdict,
    /// What was wanted, whatever the verdict.
    pub wanted: String,
    /// Why it matters, from the rubric.
    pub why: String,
    /// The longest that a node took, in milliseconds.
    pub took_ms: u32,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl CheckReport {
    /// It is not judged yet, because only grading asks it.
    pub fn waits(&self) -> bool {
        matches!(&self.verdict, CheckVerdict::Unknown { why } if self.provisional && why == ONLY_WHEN_GRADING)
    }

    /// What was found, or why nothing was; one line of at most `limit` characters.
    pub fn short_found(&self, limit: usize) -> String {
        short(self.found(), limit)
    }

    /// What was found, or why nothing was.
    pub fn found(&self) -> &str {
        match &self.verdict {
            CheckVerdict::Pass { found } | CheckVerdict::Fail { found, .. } => found,
            CheckVerdict::Unknown { why } => why,
        }
    }

    /// What was wanted, in one line of at most `limit` characters.
    pub fn short_wanted(&self, limit: usize) -> String {
        match &self.verdict {
            CheckVerdict::Fail { wanted, .. } => short(wanted, limit),
            _ => short(&self.wanted, limit),
        }
    }
}

/// How a criterion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All points.
    Pass,
    /// Some of them, and no more to come.
    Part,
    /// None.
    Fail,
    /// A criterion that it requires is not met, so it is not counted.
    Blocked,
    /// It hangs on a check that is unknown.
    Unknown,
    /// It is judged after a restart, and there was none yet.
    NotYet,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CriterionReport {
    /// Its name.
    pub id: CriterionId,
    /// What it shows.
    pub skill: Skill,
    /// When it is judged.
    pub phase: Phase,
    /// The checks that matter to it.
    pub checks: Vec<CheckId>,
    /// How it ended.
    pub outcome: Outcome,
    /// Points earned, before guards.
    pub earned: Points,
    /// Points that may still be earned.
    pub undecided: Points,
    /// All its points.
    pub max: Points,
    /// The level that was reached, where it has levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Criteria that it requires and that are not met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<CriterionId>,
    /// How it stands on live evidence, where it is not yet judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Standing>,
}

/// Outcome and points of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Standing {
    /// How it stands.
    pub outcome: Outcome,
    /// Points earned.
    pub earned: Points,
    /// Points that may still be earned.
    pub undecided: Points,
}

/// Whether a guard held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardState {
    /// All its checks pass.
    Held,
    /// One of its checks fails: its effect is applied.
    Broken,
    /// It cannot be said.
    Unknown,
}

/// One guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GuardReport {
    /// Its name.
    pub id: GuardId,
    /// When it is judged.
    pub phase: Phase,
    /// Its checks.
    pub checks: Vec<CheckId>,
    /// Damage that broke it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<Damage>,
    /// Whether it held.
    pub state: GuardState,
    /// Judged on live evidence, because there was no restart yet; its effect waits for that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub provisional: bool,
    /// What breaking it costs.
    pub effect: Effect,
    /// Why it matters, from the rubric.
    pub why: String,
}

impl Report {
    /// Every check that was asked passes.
    pub fn nothing_wrong(&self) -> bool {
        self.checks.iter().all(|check| matches!(check.verdict, CheckVerdict::Pass { .. }) || check.waits())
    }
}

/// A check's verdict without its texts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Pass,
    Fail,
    Unknown,
}

/// Judges all that belongs to the variant that was drawn.
pub fn grade(rubric: &Rubric, evidences: &Evidences) -> Report {
    let variant = &evidences.live.variant;
    let criteria: Vec<&Criterion> = rubric.criteria_of(variant).collect();
    let checks = judge_checks(rubric, &criteria, evidences);
    let restarted = evidences.after_restart.is_some();
    let beside = evidences.changes.as_ref().map(Beside::of);
    report(rubric, variant, &evidences.live.attempt, checks, beside, restarted)
}

/// What judged checks come to.
fn report(
    rubric: &Rubric,
    variant: &VariantName,
    attempt: &str,
    checks: Vec<CheckReport>,
    beside: Option<Beside>,
    restarted: bool,
) -> Report {
    let criteria: Vec<&Criterion> = rubric.criteria_of(variant).collect();
    let said: Said<'_> = checks
        .iter()
        .map(|report| {
            let says = match report.verdict {
                CheckVerdict::Pass { .. } => Says::Pass,
                CheckVerdict::Fail { .. } => Says::Fail,
                CheckVerdict::Unknown { .. } => Says::Unknown,
            };
            ((&report.id, report.phase), says)
        })
        .collect();
    let judged: Vec<CriterionReport> =
        criteria.iter().map(|criterion| judge_criterion(criterion, &criteria, &said, restarted)).collect();
    let guards: Vec<GuardReport> =
        rubric.guards.iter().map(|guard| judge_guard(guard, &said, beside.as_ref(), restarted)).collect();
    let (totals, skills) = count(&judged, &guards);
    let verdict = verdict(rubric.pass, totals, &guards);
    Report {
        format: FORMAT,
        attempt: attempt.to_owned(),
        lab: rubric.lab.clone(),
        variant: variant.clone(),
        pass: rubric.pass,
        verdict,
        totals,
        skills,
        checks,
        criteria: judged,
        guards,
        beside,
    }
}

/// What each check says in each phase in which it is used.
type Said<'a> = BTreeMap<(&'a CheckId, Phase), Says>;

fn judge_checks(rubric: &Rubric, criteria: &[&Criterion], evidences: &Evidences) -> Vec<CheckReport> {
    let used = |id: &CheckId, phase: Phase| {
        criteria.iter().any(|criterion| criterion.phase == phase && criterion.credit.checks().contains(id))
            || rubric.guards.iter().any(|guard| guard.phase == phase && guard.checks.contains(id))
    };
    let context = Context { baseline: Some(&evidences.baseline) };
    let mut reports = Vec::new();
    for check in &rubric.checks {
        for phase in [Phase::Live, Phase::AfterRestart] {
            if !used(&check.id, phase) {
                continue;
            }
            let (evidence, provisional): (&Evidence, bool) = match (phase, &evidences.after_restart) {
                (Phase::Live, _) => (&evidences.live, false),
                (Phase::AfterRestart, Some(after)) => (after, false),
                (Phase::AfterRestart, None) => (&evidences.live, true),
            };
            let took = check.nodes.iter().filter_map(|node| evidence.observation(&check.id, node));
            reports.push(CheckReport {
                id: check.id.clone(),
                nodes: check.nodes.clone(),
                phase,
                provisional,
                verdict: match judge_check(check, context, evidence) {
                    // A check that no live criterion uses is not asked before the restart.
                    CheckVerdict::Unknown { .. } if provisional && never_asked(check, evidence) => {
                        CheckVerdict::Unknown { why: ONLY_WHEN_GRADING.into() }
                    }
                    verdict => verdict,
                },
                wanted: check::wanted_of(check, evidence),
                why: check.why.clone(),
                took_ms: took.map(|observation| observation.took_ms).max().unwrap_or(0),
            });
        }
    }
    reports
}

fn never_asked(check: &Check, evidence: &Evidence) -> bool {
    let asked = |node| evidence.observation(&check.id, node).is_some();
    !check.nodes.iter().any(|node| {
        asked(node) || evidence.absent_nodes.contains_key(node) || evidence.down_nodes.contains_key(node)
    })
}

/// How a criterion stands on what its own checks say, whatever it requires.
fn own_standing(criterion: &Criterion, said: &Said<'_>) -> (Standing, Option<String>) {
    let says = |id: &CheckId| said.get(&(id, criterion.phase)).copied().unwrap_or(Says::Unknown);
    let full = criterion.points;
    let mut level_reached = None;
    let (earned, reachable) = match &criterion.credit {
        Credit::All(checks) => {
            let failed = checks.iter().any(|id| says(id) == Says::Fail);
            let passed = checks.iter().all(|id| says(id) == Says::Pass);
            (if passed { full } else { Points(0) }, if failed { Points(0) } else { full })
        }
        Credit::Each(checks) => {
            let number = |what: Says| checks.iter().filter(|id| says(id) == what).count();
            let share = |passed: usize| {
                let (passed, all) = (passed as u64, checks.len().max(1) as u64);
                Points(u32::try_from(u64::from(full.0) * passed / all).unwrap_or(full.0))
            };
            (share(number(Says::Pass)), share(number(Says::Pass) + number(Says::Unknown)))
        }
        Credit::Levels(levels) => {
            let reached = levels.iter().rfind(|level| level.checks.iter().all(|id| says(id) == Says::Pass));
            let open = levels.iter().rfind(|level| level.checks.iter().all(|id| says(id) != Says::Fail));
            level_reached = reached.map(|level| level.name.clone());
            (reached.map_or(Points(0), |level| level.points), open.map_or(Points(0), |level| level.points))
        }
    };
    let undecided = reachable.less(earned);
    let outcome = match (undecided, earned) {
        (Points(0), Points(0)) => Outcome::Fail,
        (Points(0), earned) if earned == full => Outcome::Pass,
        (Points(0), _) => Outcome::Part,
        _ => Outcome::Unknown,
    };
    (Standing { outcome, earned, undecided }, level_reached)
}

/// A criterion's standing with what it requires.
struct Full {
    standing: Standing,
    level: Option<String>,
    blocked_by: Vec<CriterionId>,
    /// It, or something that it requires, waits for a restart.
    waits: bool,
}

fn full_standing(criterion: &Criterion, all: &[&Criterion], said: &Said<'_>, restarted: bool) -> Full {
    let (own, level) = own_standing(criterion, said);
    let mut full = Full {
        standing: own,
        level,
        blocked_by: Vec::new(),
        waits: criterion.phase == Phase::AfterRestart && !restarted,
    };
    let mut open = false;
    for id in &criterion.requires {
        let Some(required) = all.iter().find(|other| &other.id == id) else { continue };
        let required = full_standing(required, all, said, restarted);
        full.waits |= required.waits;
        match required.standing.outcome {
            Outcome::Pass => {}
            Outcome::Unknown | Outcome::NotYet => open = true,
            Outcome::Part | Outcome::Fail | Outcome::Blocked => full.blocked_by.push(id.clone()),
        }
    }
    let Standing { earned, undecided, .. } = own;
    if !full.blocked_by.is_empty() {
        full.standing = Standing { outcome: Outcome::Blocked, earned: Points(0), undecided: Points(0) };
    } else if open && own.outcome != Outcome::Fail {
        full.standing =
            Standing { outcome: Outcome::Unknown, earned: Points(0), undecided: earned + undecided };
    }
    full
}

fn judge_criterion(
    criterion: &Criterion,
    all: &[&Criterion],
    said: &Said<'_>,
    restarted: bool,
) -> CriterionReport {
    let Full { standing, level, blocked_by, waits } = full_standing(criterion, all, said, restarted);
    let shown = match waits {
        false => standing,
        // The restart may change anything, for better or worse.
        true => Standing { outcome: Outcome::NotYet, earned: Points(0), undecided: criterion.points },
    };
    CriterionReport {
        id: criterion.id.clone(),
        skill: criterion.skill,
        phase: criterion.phase,
        checks: criterion.credit.checks().into_iter().cloned().collect(),
        outcome: shown.outcome,
        earned: shown.earned,
        undecided: shown.undecided,
        max: criterion.points,
        level,
        blocked_by,
        provisional: waits.then_some(standing),
    }
}

fn judge_guard(guard: &Guard, said: &Said<'_>, beside: Option<&Beside>, restarted: bool) -> GuardReport {
    let says = |id: &CheckId| said.get(&(id, guard.phase)).copied().unwrap_or(Says::Unknown);
    let damage: Vec<Damage> = beside
        .iter()
        .flat_map(|beside| &beside.damage)
        .filter(|damage| guard.damage.contains(&damage.kind))
        .cloned()
        .collect();
    let all_known = guard.damage.is_empty() || beside.is_some_and(|beside| beside.not_known.is_empty());
    let state = if guard.checks.iter().any(|id| says(id) == Says::Fail) || !damage.is_empty() {
        GuardState::Broken
    } else if guard.checks.iter().all(|id| says(id) == Says::Pass) && all_known {
        GuardState::Held
    } else {
        GuardState::Unknown
    };
    let waits_for_grading = !guard.damage.is_empty() && beside.is_none();
    GuardReport {
        id: guard.id.clone(),
        phase: guard.phase,
        checks: guard.checks.clone(),
        damage,
        state,
        provisional: !restarted && (guard.phase == Phase::AfterRestart || waits_for_grading),
        effect: guard.effect,
        why: guard.why.clone(),
    }
}

/// Points by skill.
type BySkill = BTreeMap<Skill, Points>;

fn count(criteria: &[CriterionReport], guards: &[GuardReport]) -> (Totals, BTreeMap<Skill, Totals>) {
    let sum = |points: &dyn Fn(&CriterionReport) -> Points| -> BySkill {
        let mut sums = BySkill::new();
        for criterion in criteria {
            *sums.entry(criterion.skill).or_default() += points(criterion);
        }
        sums
    };
    let broken = |provisional: bool| -> Vec<Effect> {
        guards
            .iter()
            .filter(|guard| guard.state == GuardState::Broken && (provisional || !guard.provisional))
            .map(|guard| guard.effect)
            .collect()
    };
    let max = sum(&|criterion| criterion.max);
    let earned = apply(sum(&|criterion| criterion.earned), &broken(false));
    let reachable = apply(sum(&|criterion| criterion.earned + criterion.undecided), &broken(false));
    let waits = criteria.iter().any(|criterion| criterion.provisional.is_some())
        || guards.iter().any(|guard| guard.provisional);
    let as_now =
        |criterion: &CriterionReport| criterion.provisional.map_or(criterion.earned, |now| now.earned);
    let provisional = waits.then(|| apply(sum(&as_now), &broken(true)));
    let of = |points: &BySkill, skill: &Skill| points.get(skill).copied().unwrap_or_default();
    let skills: BTreeMap<Skill, Totals> = max
        .iter()
        .map(|(skill, max)| {
            let earned = of(&earned, skill);
            let totals = Totals {
                earned,
                undecided: of(&reachable, skill).less(earned),
                max: *max,
                provisional: provisional.as_ref().map(|points| of(points, skill)),
            };
            (*skill, totals)
        })
        .collect();
    let all = |points: &BySkill| points.values().copied().sum::<Points>();
    let totals = Totals {
        earned: all(&earned),
        undecided: all(&reachable).less(all(&earned)),
        max: all(&max),
        provisional: provisional.as_ref().map(all),
    };
    (totals, skills)
}

/// Points after the effects of broken guards: those on one skill first, then the lowest cap on all.
fn apply(mut points: BySkill, effects: &[Effect]) -> BySkill {
    for effect in effects {
        if let Effect::CapSkill { skill, at } = effect
            && let Some(points) = points.get_mut(skill)
        {
            *points = (*points).min(*at);
        }
    }
    let cap = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Cap(cap) => Some(*cap),
            _ => None,
        })
        .min();
    let total: Points = points.values().copied().sum();
    match cap {
        Some(cap) if cap < total => shrink(points, cap, total),
        _ => points,
    }
}

/// Shares `cap` among skills in proportion, so that the parts sum to it: largest remainders first.
fn shrink(points: BySkill, cap: Points, total: Points) -> BySkill {
    let (cap_, total_) = (u64::from(cap.0), u64::from(total.0));
    let mut parts: Vec<(Skill, u64, u64)> = points
        .into_iter()
        .map(|(skill, points)| {
            let product = u64::from(points.0) * cap_;
            (skill, product / total_, product % total_)
        })
        .collect();
    let mut left = cap_ - parts.iter().map(|(_, share, _)| share).sum::<u64>();
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    // The sort is stable, so skills with equal remainders keep the catalogue's order.
    by_remainder.sort_by_key(|&i| std::cmp::Reverse(parts[i].2));
    for i in by_remainder {
        if left > 0 && parts[i].2 > 0 {
            parts[i].1 += 1;
            left -= 1;
        }
    }
    parts.into_iter().map(|(skill, share, _)| (skill, Points(share as u32))).collect()
}

fn verdict(pass: Points, totals: Totals, guards: &[GuardReport]) -> Verdict {
    let certain = |guard: &&GuardReport| !guard.provisional;
    let fatal = guards
        .iter()
        .filter(certain)
        .any(|guard| guard.effect == Effect::Fail && guard.state == GuardState::Broken);
    let open = guards.iter().any(|guard| guard.provisional || guard.state == GuardState::Unknown);
    if fatal || totals.earned + totals.undecided < pass {
        Verdict::Failed
    } else if totals.earned >= pass && !open {
        Verdict::Passed
    } else {
        Verdict::Undecided
    }
}
