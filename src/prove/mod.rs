//! Proving a lab: its own solutions, half-solutions, wrong fixes and cheats
//! are played against its rubric, each on nodes of its own, and every verdict
//! must be the declared one.
//!
//! What is tried stands in `trials` and `standard`; [`run_trial`] plays one; what the
//! outcomes look like on paper is `report`, and in figures `quality`. Knows no screen.

mod quality;
mod report;
mod standard;
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::StreamExt;
use serde::Serialize;

pub use quality::{Count, Quality, page, quality};
pub use report::{junit, summary_rows};
pub use standard::Standard;
pub use trials::{Trial, TrialKind, quick_trials, reference_steps, trials};
use trials::{reference, step_name};

use crate::attempt::{self, Accelerators, Graded, Nodes, Plan, Site, StartError, SubmitError, run_steps};
use crate::grade::{CheckVerdict, GuardState, Report, Verdict, short};
use crate::image::Image;
use crate::lab::{Draw, Lab, Step, VariantName, applies};
use crate::rubric::{CheckId, GuardId, Rubric};
use crate::store::{AttemptId, Purpose, Store, StoreError};

/// What a cheat of the standard pack has for its work in one node.
const STANDARD_TIME_MS: u32 = 60_000;

/// What came of a trial.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    pub trial: Trial,
    /// Points after the restart, where it came to a grade.
    pub earned: Option<u32>,
    /// What each grading came to.
    pub judgements: Vec<Judgement>,
    /// How long it took to read the mended nodes and judge them, where that was measured.
    pub look_ms: Option<u64>,
    pub took_ms: u64,
    pub result: TrialResult,
    /// Why it was played a second time: a node had ended by itself, which is the machine's failure and no lab's.
    pub again: Option<String>,
}

/// One grading within a trial.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgement {
    pub verdict: Verdict,
    pub earned: u32,
    /// Passed with all points.
    pub everything: bool,
    pub failing: BTreeSet<CheckId>,
    pub unknown: BTreeSet<CheckId>,
    pub broken_guards: BTreeSet<GuardId>,
}

impl Judgement {
    fn of(report: &Report) -> Self {
        let named = |wanted: fn(&CheckVerdict) -> bool| {
            report
                .checks
                .iter()
                .filter(|check| wanted(&check.verdict))
                .map(|check| check.id.clone())
                .collect()
        };
        let broken = report.guards.iter().filter(|guard| guard.state == GuardState::Broken);
        Self {
            verdict: report.verdict,
            earned: report.totals.earned.0,
            everything: is_full(report),
            failing: named(|verdict| matches!(verdict, CheckVerdict::Fail { .. })),
            unknown: named(|verdict| matches!(verdict, CheckVerdict::Unknown { .. })),
            broken_guards: broken.map(|guard| guard.id.clone()).collect(),
        }
    }
}

/// Whether the rubric held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialResult {
    Held,
    /// The rubric or the lab has a gap: each is one sentence.
    Gap(Vec<String>),
    /// The trial could not be played.
    Broke(String),
}

/// What a prover works with.
pub struct Prover<'a> {
    pub site: Site,
    /// State directory; each trial opens the store for itself.
    pub state: &'a Path,
    pub images: &'a BTreeMap<String, Image>,
    pub agent_volume: &'a str,
    /// How often mended nodes are graded, at least once.
    pub gradings: u32,
}

/// Plays all trials and tells of each as it ends: `side_by_side` at a time, one lab's between the others', and after
/// those the trials of labs with guests, half as many. A guest without KVM keeps a processor busy for as long as it
/// boots, and what is judged beside it would be judged late.
pub async fn prove(
    prover: &Prover<'_>,
    labs: &[(Lab, Rubric)],
    trials: Vec<Trial>,
    side_by_side: usize,
    told: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let of = |trial: &Trial| {
        labs.iter().find(|(lab, _)| lab.name.as_str() == trial.lab).expect("trials are of these labs")
    };
    let (guests, containers): (Vec<_>, Vec<_>) =
        mixed(trials).into_iter().partition(|(_, trial)| of(trial).0.has_guest());
    let mut outcomes: Vec<(usize, Outcome)> = Vec::new();
    for (trials, at_once) in [(containers, side_by_side), (guests, side_by_side / 2)] {
        let played = futures_util::stream::iter(trials)
            .map(|(index, trial)| async move {
                let (lab, rubric) = of(&trial);
                let outcome = run_trial(prover, lab, rubric, trial).await;
                told(&outcome);
                (index, outcome)
            })
            .buffer_unordered(at_once.max(1));
        outcomes.extend(played.collect::<Vec<_>>().await);
    }
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Trials with their places, ordered so that those of one lab are far from each other: some labs take a processor
/// for minutes where others wait, and side by side with themselves those would be judged late.
fn mixed(trials: Vec<Trial>) -> Vec<(usize, Trial)> {
    let mut of_lab: BTreeMap<String, usize> = BTreeMap::new();
    for trial in &trials {
        *of_lab.entry(trial.lab.clone()).or_default() += 1;
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut placed: Vec<(f64, usize, Trial)> = Vec::new();
    for (place, trial) in trials.into_iter().enumerate() {
        let nth = seen.entry(trial.lab.clone()).or_default();
        *nth += 1;
        // Each lab's trials are spread over the whole, however many it has.
        placed.push((*nth as f64 / (of_lab[&trial.lab] + 1) as f64, place, trial));
    }
    placed.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    placed.into_iter().map(|(_, place, trial)| (place, trial)).collect()
}

/// Plays one trial from start to stop.
async fn run_trial(prover: &Prover<'_>, lab: &Lab, rubric: &Rubric, trial: Trial) -> Outcome {
    let began = prover.site.clock.now_ms();
    let mut seen;
    let mut again = None;
    let result = loop {
        seen = Seen::default();
        match play(prover, lab, rubric, &trial, &mut seen).await {
            Ok(gaps) if gaps.is_empty() => break TrialResult::Held,
            Ok(gaps) => break TrialResult::Gap(gaps),
            Err(error) if again.is_none() && error.has_last_words() => again = Some(error.to_string()),
            Err(error) => break TrialResult::Broke(error.to_string()),
        }
    };
    let took_ms = prover.site.clock.now_ms().saturating_sub(began);
    let earned = seen.judgements.last().map(|judged| judged.earned);
    Outcome { earned, judgements: seen.judgements, look_ms: seen.look_ms, took_ms, trial, result, again }
}

async fn play(
    prover: &Prover<'_>,
    lab: &Lab,
    rubric: &Rubric,
    trial: &Trial,
    seen: &mut Seen,
) -> Result<Vec<String>, TrialError> {
    let mut store = Store::open(prover.state)?;
    let variant = lab.variant(trial.variant.as_str()).expect("trials are of the lab's variants");
    let plan = Plan {
        // A trial is forgotten when it is over.
        collection: None,
        accelerators: Accelerators::Simulated,
        lab,
        rubric,
        draw: Draw::new(lab, trial.seed, Some(variant)),
        purpose: Purpose::Prove,
        images: prover.images,
        agent_volume: prover.agent_volume,
        again: None,
        takes_stock: true,
    };
    let started = attempt::start(&prover.site, &mut store, &plan).await?;
    let mut stage =
        Stage { prover, store, rubric, plan: &plan, attempt: &started.attempt, nodes: &started.nodes, seen };
    let mut judged = stage.play(trial).await;
    if let Err(error) = judged {
        judged = Err(TrialError::Broke { last_words: stage.last_words().await, error: Box::new(error) });
    }
    // Whatever came of it, its nodes go.
    let mut store = stage.store;
    attempt::stop(&prover.site, &mut store, &started.attempt, "trial over").await?;
    drop(started.lock);
    store.forget_trial(&started.attempt)?;
    judged
}

/// What was measured while a trial was played.
#[derive(Default)]
struct Seen {
    judgements: Vec<Judgement>,
    look_ms: Option<u64>,
}

/// A trial whose nodes stand.
struct Stage<'a> {
    prover: &'a Prover<'a>,
    store: Store,
    rubric: &'a Rubric,
    plan: &'a Plan<'a>,
    attempt: &'a AttemptId,
    nodes: &'a Nodes,
    seen: &'a mut Seen,
}

impl Stage<'_> {
    async fn play(&mut self, trial: &Trial) -> Result<Vec<String>, TrialError> {
        let lab = self.plan.lab;
        let variant = &trial.variant;
        let mut gaps = Vec::new();
        match &trial.kind {
            TrialKind::Pristine => {
                let graded = self.grade().await?;
                pristine_gaps(&graded.report, &mut gaps);
            }
            TrialKind::Solution { name } => {
                self.solve(variant, name).await?;
                let first = self.grade().await?;
                full_gaps(&first.report, "", &mut gaps);
                damage_gaps(&first.report, &mut gaps);
                self.look().await?;
                for _ in 1..self.prover.gradings {
                    self.grade_unchanged("graded again: ", &mut gaps).await?;
                }
            }
            TrialKind::Mended { name } => {
                let broken = self.grade().await?;
                pristine_gaps(&broken.report, &mut gaps);
                self.solve(variant, name).await?;
                self.grade_unchanged("", &mut gaps).await?;
            }
            TrialKind::Half { name, points } => {
                let half = lab.halves.iter().find(|h| h.name == *name && applies(&h.variants, variant));
                self.steps(&half.expect("trials are of the lab's halves").steps, |text| text).await?;
                let graded = self.grade().await?;
                if graded.report.totals.earned.0 != *points {
                    gaps.push(format!(
                        "scores {}, declared are {points}; {}",
                        graded.report.totals.earned.0,
                        failing(&graded.report)
                    ));
                }
            }
            TrialKind::Wrong { name, refused_by, .. } => {
                let wrong = lab.wrongs.iter().find(|w| w.name == *name && applies(&w.variants, variant));
                self.steps(&wrong.expect("trials are of the lab's wrong fixes").steps, |text| text).await?;
                let graded = self.grade().await?;
                refusal_gaps(&graded.report, refused_by, &mut gaps);
            }
            TrialKind::WithoutStep { step } => {
                let without = |text: String| without_step(&text, step);
                match self.steps(&reference(lab, variant).steps, without).await {
                    // A script that cannot go on without the step proves that the step matters.
                    Err(TrialError::Start(StartError::Script { .. } | StartError::Console { .. })) => {}
                    other => other?,
                }
                let graded = self.grade().await?;
                if is_full(&graded.report) {
                    gaps.push("scores everything: the step is idle, or the rubric blind to it".into());
                }
            }
            TrialKind::Standard { cheat } => {
                for (node, link) in self.nodes {
                    if let Some(script) = cheat.script(self.rubric, node) {
                        let script = format!("set +e\n{script}\ntrue\n");
                        link.run(script, BTreeMap::new(), STANDARD_TIME_MS)
                            .await
                            .map_err(StartError::from)?;
                    }
                }
                let graded = self.grade().await?;
                if graded.report.totals.earned.0 > 0 || graded.report.verdict == Verdict::Passed {
                    gaps.push(format!("it earns {} points", graded.report.totals.earned));
                }
            }
        }
        Ok(gaps)
    }

    /// What nodes that have ended by themselves said last.
    async fn last_words(&self) -> String {
        let mut words = String::new();
        for (node, log) in attempt::last_words(&self.prover.site, self.attempt).await {
            let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            words.push_str(&format!("; {node} has ended, saying: {}", lines.join(" | ")));
        }
        words
    }

    async fn solve(&self, variant: &VariantName, name: &str) -> Result<(), TrialError> {
        let lab = self.plan.lab;
        let solution = lab.solutions.iter().find(|s| s.name == name && applies(&s.variants, variant));
        self.steps(&solution.expect("trials are of the lab's solutions").steps, |text| text).await
    }

    async fn steps(&self, steps: &[Step], edit: impl Fn(String) -> String) -> Result<(), TrialError> {
        Ok(run_steps(&self.prover.site, self.plan.lab, &self.plan.draw, self.nodes, steps, edit).await?)
    }

    /// Reads the nodes and judges them, for the time that it takes.
    async fn look(&mut self) -> Result<(), TrialError> {
        let (site, draw) = (&self.prover.site, &self.plan.draw);
        let began = site.clock.now_ms();
        attempt::check(site, &mut self.store, self.attempt, self.nodes, self.rubric, draw, false).await?;
        self.seen.look_ms = Some(site.clock.now_ms().saturating_sub(began));
        Ok(())
    }

    async fn grade(&mut self) -> Result<Graded, TrialError> {
        let (site, draw) = (&self.prover.site, &self.plan.draw);
        let graded =
            attempt::grade(site, &mut self.store, self.attempt, self.nodes, self.rubric, draw, &|_| {})
                .await?;
        self.seen.judgements.push(Judgement::of(&graded.report));
        Ok(graded)
    }

    /// Grades nodes that are mended: all points, and nothing is changed by it.
    async fn grade_unchanged(&mut self, prefix: &str, gaps: &mut Vec<String>) -> Result<(), TrialError> {
        let before = self.fingerprint().await?;
        let graded = self.grade().await?;
        full_gaps(&graded.report, prefix, gaps);
        let after = self.fingerprint().await?;
        if before != after {
            gaps.push(format!("grading changed the nodes: {}", changed(&before, &after)));
        }
        Ok(())
    }

    /// What a grading must leave as it was: per node and folder a digest over name, mode, owner, size and
    /// time of every file that belongs to the system's configuration, programs and data. Three files of /etc
    /// are the engine's: it writes them at every start.
    async fn fingerprint(&self) -> Result<BTreeMap<String, String>, TrialError> {
        const LIST: &str = "for d in /etc/* /opt/* /home/* /root /srv /usr/local /usr/bin /usr/sbin; do \
                            [ -e \"$d\" ] || continue; \
                            case \"$d\" in /etc/hostname|/etc/hosts|/etc/resolv.conf) continue;; esac; printf '%s ' \"$d\"; \
                            find \"$d\" -xdev \\( -type f -o -type l \\) -printf '%p %m %u %g %s %T@\\n' \
                            | sort | sha256sum | cut -c1-16; done";
        let mut lines = BTreeMap::new();
        for (node, link) in self.nodes {
            let time_ms = if link.is_vm { 600_000 } else { 60_000 };
            let ran = link.run(LIST.into(), BTreeMap::new(), time_ms).await.map_err(StartError::from)?;
            for line in ran.stdout.lines() {
                if let Some((folder, digest)) = line.rsplit_once(' ') {
                    lines.insert(format!("{node}:{folder}"), digest.to_owned());
                }
            }
        }
        Ok(lines)
    }
}

fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut places: Vec<&str> = before
        .iter()
        .filter(|(place, digest)| after.get(*place) != Some(digest))
        .map(|(place, _)| place.as_str())
        .chain(after.keys().filter(|place| !before.contains_key(*place)).map(String::as_str))
        .collect();
    places.truncate(5);
    places.join(", ")
}

/// A script without the lines of one step: those from its mark to the next mark. A step may be marked in
/// several places, and in scripts of several nodes: all of them go.
fn without_step(text: &str, step: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(name) = step_name(line) {
            inside = name == step;
        }
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn pristine_gaps(report: &Report, gaps: &mut Vec<String>) {
    if report.totals.earned.0 > 0 {
        let earning: Vec<String> = report
            .criteria
            .iter()
            .filter(|criterion| criterion.earned.0 > 0)
            .map(|criterion| format!("{} ({})", criterion.id, criterion.earned.0))
            .collect();
        gaps.push(format!("scores {} for nothing: {}", report.totals.earned, earning.join(", ")));
    }
    for guard in report.guards.iter().filter(|guard| guard.state == GuardState::Broken) {
        gaps.push(format!("guard `{}` does not hold in the broken state", guard.id));
    }
    unknown_gaps(report, gaps);
}

/// Whether it passes with all points.
fn is_full(report: &Report) -> bool {
    report.verdict == Verdict::Passed && report.totals.earned == report.totals.max
}

fn full_gaps(report: &Report, prefix: &str, gaps: &mut Vec<String>) {
    if !is_full(report) {
        gaps.push(format!(
            "{prefix}scores {} of {}; {}",
            report.totals.earned,
            report.totals.max,
            failing(report)
        ));
    }
}

/// A solution that does damage is none.
fn damage_gaps(report: &Report, gaps: &mut Vec<String>) {
    for damage in report.beside.iter().flat_map(|beside| &beside.damage) {
        gaps.push(format!("does damage: {} on {}: {} {}", damage.kind, damage.node, damage.what, damage.how));
    }
}

fn refusal_gaps(report: &Report, refused_by: &[String], gaps: &mut Vec<String>) {
    for name in refused_by {
        let judged: Vec<_> = report.checks.iter().filter(|check| check.id.as_str() == name).collect();
        if judged.is_empty() {
            gaps.push(format!("there is no check `{name}` to refuse it"));
        } else if !judged.iter().any(|check| matches!(check.verdict, CheckVerdict::Fail { .. })) {
            gaps.push(format!("check `{name}` does not refuse it"));
        }
    }
    if report.verdict == Verdict::Passed {
        gaps.push(format!("it passes with {} points", report.totals.earned));
    }
}

fn unknown_gaps(report: &Report, gaps: &mut Vec<String>) {
    for check in &report.checks {
        if let CheckVerdict::Unknown { why } = &check.verdict {
            gaps.push(format!("check `{}` could not tell: {why}", check.id));
        }
    }
}

/// The checks that do not pass, with what they found.
fn failing(report: &Report) -> String {
    let failing: Vec<String> = report
        .checks
        .iter()
        .filter_map(|check| match &check.verdict {
            CheckVerdict::Pass { .. } => None,
            CheckVerdict::Fail { found, wanted } => {
                Some(format!("{} found {}, wanted {}", check.id, short(found, 160), short(wanted, 160)))
            }
            CheckVerdict::Unknown { why } => Some(format!("{} unknown: {}", check.id, short(why, 160))),
        })
        .collect();
    if failing.is_empty() {
        "every check passes".into()
    } else {
        format!("not passing: {}", failing.join("; "))
    }
}

/// Why a trial could not be played.
#[derive(Debug, thiserror::Error)]
enum TrialError {
    #[error("{}", told(.0))]
    Start(#[from] StartError),
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Stop(#[from] attempt::StopError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{error}{last_words}")]
    Broke { error: Box<TrialError>, last_words: String },
}

impl TrialError {
    /// Whether it broke with a node that ended by itself.
    fn has_last_words(&self) -> bool {
        matches!(self, Self::Broke { last_words, .. } if !last_words.is_empty())
    }
}

fn told(error: &StartError) -> String {
    let mut text = crate::advice::chain(error);
    if let StartError::Script { said, .. } = error {
        text.push_str(&format!(": {}", said.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_of_one_lab_are_played_between_those_of_others() {
        let trial = |lab: &str| Trial {
            lab: lab.into(),
            variant: "one".parse().expect("a name"),
            seed: 1,
            kind: TrialKind::Pristine,
        };
        let labs = ["a", "a", "a", "a", "b", "b", "c"];
        let mixed = mixed(labs.map(trial).into());
        let order: Vec<&str> = mixed.iter().map(|(_, trial)| trial.lab.as_str()).collect();
        assert_eq!(order, ["a", "b", "a", "c", "a", "b", "a"]);
        let mut places: Vec<usize> = mixed.iter().map(|(place, _)| *place).collect();
        places.sort();
        assert_eq!(places, (0..labs.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_step_goes_from_its_mark_to_the_next() {
        let script = "before\n#: step one\na\n#: step two\nb\n#: step one\nc\n";
        assert_eq!(without_step(script, "one"), "before\n#: step two\nb\n");
        assert_eq!(without_step(script, "two"), "before\n#: step one\na\n#: step one\nc\n");
    }
}
