//! Proving a lab: its own solutions, half-solutions, wrong fixes and cheats
//! are played against its rubric, each on nodes of its own, and every verdict
//! must be the declared one.
//!
//! What is tried stands in [`trials`]; [`run_trial`] plays one; what the
//! outcome looks like on paper is `report`. Knows no screen.

mod report;

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::StreamExt;
use serde::Serialize;

pub use report::{junit, summary_rows};

use crate::attempt::{self, Accelerators, Graded, Nodes, Plan, Site, StartError, SubmitError, run_steps};
use crate::engine::{Condition, ContainerId, FoundKind, LABEL_ATTEMPT, Labels};
use crate::grade::{CheckVerdict, GuardState, Report, Verdict, short};
use crate::image::Image;
use crate::lab::{Act, Draw, Lab, Solution, SolutionKind, Step, VariantName, Wrong, WrongKind, applies};
use crate::rubric::Rubric;
use crate::store::{AttemptId, Purpose, Store, StoreError};

/// Lines of the log of a node that has ended.
const LAST_WORDS: u32 = 15;

/// One thing to try, on nodes of its own.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    pub lab: String,
    pub variant: VariantName,
    pub seed: u64,
    pub kind: TrialKind,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TrialKind {
    /// Nothing is done: must score 0, and 0 after a restart.
    Pristine,
    /// A solution: must score everything, twice, and grading must change nothing.
    Solution { name: String },
    /// The broken state, graded, then a solution on the same nodes: must score 0, then everything, and the second
    /// grading must change nothing.
    Mended { name: String },
    /// A half-solution: must score exactly this.
    Half { name: String, points: u32 },
    /// A wrong fix or a cheat: must be refused by these checks.
    Wrong { name: String, cheat: bool, refused_by: Vec<String> },
    /// The reference without one of its steps: must lose points.
    WithoutStep { step: String },
}

impl TrialKind {
    /// In a few words, for a table.
    pub fn describe(&self) -> String {
        match self {
            Self::Pristine => "pristine".into(),
            Self::Solution { name } => format!("solution: {name}"),
            Self::Mended { name } => format!("pristine, then solution: {name}"),
            Self::Half { name, points } => format!("half: {name} ({points})"),
            Self::Wrong { name, cheat: false, .. } => format!("wrong: {name}"),
            Self::Wrong { name, cheat: true, .. } => format!("cheat: {name}"),
            Self::WithoutStep { step } => format!("without step: {step}"),
        }
    }
}

/// What came of a trial.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    pub trial: Trial,
    /// Points after the restart, where it came to a grade.
    pub earned: Option<u32>,
    pub took_ms: u64,
    pub result: TrialResult,
    /// Why it was played a second time: a node had ended by itself, which is the machine's failure and no lab's.
    pub again: Option<String>,
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

/// Everything to be tried of a lab with one seed. With `quick`, only what a change most often breaks:
/// for every variant the broken state and the reference, and every other solution, half-solution, wrong fix
/// and cheat on one of its variants. Of a lab with guests, which take a minute for each start from their disks,
/// `quick` leaves one trial: the broken state and then the reference, of one variant. Which variant depends on the
/// lab's files, and is the same until they change.
pub fn trials(lab: &Lab, seed: u64, quick: bool) -> Vec<Trial> {
    let trial = |(variant, kind)| Trial { lab: lab.name.to_string(), variant, seed, kind };
    if quick && lab.nodes.iter().any(|node| node.vm.is_some()) {
        return vec![trial(mended(lab))];
    }
    let mut kinds: Vec<(VariantName, TrialKind)> = Vec::new();
    // One of the variants that something applies to; its place in the file decides which, so that the
    // selection spreads over all variants.
    let chosen = |variants: &[VariantName], place: usize, variant: &VariantName| {
        let fitting: Vec<&VariantName> =
            lab.variants.iter().map(|known| &known.name).filter(|known| applies(variants, known)).collect();
        !quick || fitting.get(place % fitting.len().max(1)).is_some_and(|it| *it == variant)
    };
    for variant in lab.variants.iter().map(|variant| &variant.name) {
        let mut add = |kind| kinds.push((variant.clone(), kind));
        add(TrialKind::Pristine);
        for (place, solution) in
            lab.solutions.iter().enumerate().filter(|(_, it)| applies(&it.variants, variant))
        {
            if solution.kind == SolutionKind::Reference || chosen(&solution.variants, place, variant) {
                add(TrialKind::Solution { name: solution.name.clone() });
            }
        }
        for (place, wrong) in lab.wrongs.iter().enumerate().filter(|(_, it)| applies(&it.variants, variant)) {
            if chosen(&wrong.variants, place, variant) {
                let Wrong { name, kind, refused_by, .. } = wrong.clone();
                add(TrialKind::Wrong { name, cheat: kind == WrongKind::Cheat, refused_by });
            }
        }
        for (place, half) in lab.halves.iter().enumerate().filter(|(_, it)| applies(&it.variants, variant)) {
            if chosen(&half.variants, place, variant) {
                add(TrialKind::Half { name: half.name.clone(), points: half.points });
            }
        }
        if quick {
            continue;
        }
        for step in reference_steps(lab, variant) {
            add(TrialKind::WithoutStep { step });
        }
    }
    kinds.into_iter().map(trial).collect()
}

/// The one trial of a lab with guests that is played quickly.
fn mended(lab: &Lab) -> (VariantName, TrialKind) {
    let pick = usize::from_str_radix(&lab.digest[..4], 16).unwrap_or(0);
    let variant = &lab.variants[pick % lab.variants.len()].name;
    (variant.clone(), TrialKind::Mended { name: reference(lab, variant).name.clone() })
}

/// What a prover works with.
pub struct Prover<'a> {
    pub site: Site,
    /// State directory; each trial opens the store for itself.
    pub state: &'a Path,
    pub images: &'a BTreeMap<String, Image>,
    pub agent_volume: &'a str,
}

/// Plays all trials and tells of each as it ends: `side_by_side` at a time, and after those the trials of labs with
/// guests, half as many. A guest without KVM keeps a processor busy for as long as it boots, and what is judged
/// beside it would be judged late.
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
    let (guests, containers): (Vec<_>, Vec<_>) = trials
        .into_iter()
        .enumerate()
        .partition(|(_, trial)| of(trial).0.nodes.iter().any(|n| n.vm.is_some()));
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

/// Plays one trial from start to stop.
async fn run_trial(prover: &Prover<'_>, lab: &Lab, rubric: &Rubric, trial: Trial) -> Outcome {
    let began = prover.site.clock.now_ms();
    let mut earned = None;
    let mut again = None;
    let result = loop {
        match play(prover, lab, rubric, &trial, &mut earned).await {
            Ok(gaps) if gaps.is_empty() => break TrialResult::Held,
            Ok(gaps) => break TrialResult::Gap(gaps),
            Err(error) if again.is_none() && error.has_last_words() => again = Some(error.to_string()),
            Err(error) => break TrialResult::Broke(error.to_string()),
        }
    };
    let took_ms = prover.site.clock.now_ms().saturating_sub(began);
    Outcome { earned, took_ms, trial, result, again }
}

async fn play(
    prover: &Prover<'_>,
    lab: &Lab,
    rubric: &Rubric,
    trial: &Trial,
    earned: &mut Option<u32>,
) -> Result<Vec<String>, TrialError> {
    let mut store = Store::open(prover.state)?;
    let variant = lab.variant(trial.variant.as_str()).expect("trials are of the lab's variants");
    let plan = Plan {
        accelerators: Accelerators::Simulated,
        lab,
        rubric,
        draw: Draw::new(lab, trial.seed, Some(variant)),
        purpose: Purpose::Prove,
        images: prover.images,
        agent_volume: prover.agent_volume,
        again: None,
    };
    let started = attempt::start(&prover.site, &mut store, &plan).await?;
    let mut stage =
        Stage { prover, store, rubric, plan: &plan, attempt: &started.attempt, nodes: &started.nodes };
    let mut judged = stage.play(trial, earned).await;
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

/// A trial whose nodes stand.
struct Stage<'a> {
    prover: &'a Prover<'a>,
    store: Store,
    rubric: &'a Rubric,
    plan: &'a Plan<'a>,
    attempt: &'a AttemptId,
    nodes: &'a Nodes,
}

impl Stage<'_> {
    async fn play(&mut self, trial: &Trial, earned: &mut Option<u32>) -> Result<Vec<String>, TrialError> {
        let lab = self.plan.lab;
        let variant = &trial.variant;
        let mut gaps = Vec::new();
        match &trial.kind {
            TrialKind::Pristine => {
                let graded = self.grade(earned).await?;
                pristine_gaps(&graded.report, &mut gaps);
            }
            TrialKind::Solution { name } => {
                self.solve(variant, name).await?;
                let first = self.grade(earned).await?;
                full_gaps(&first.report, "", &mut gaps);
                self.grade_unchanged("graded a second time: ", earned, &mut gaps).await?;
            }
            TrialKind::Mended { name } => {
                let broken = self.grade(earned).await?;
                pristine_gaps(&broken.report, &mut gaps);
                self.solve(variant, name).await?;
                self.grade_unchanged("", earned, &mut gaps).await?;
            }
            TrialKind::Half { name, points } => {
                let half = lab.halves.iter().find(|h| h.name == *name && applies(&h.variants, variant));
                self.steps(&half.expect("trials are of the lab's halves").steps, |text| text).await?;
                let graded = self.grade(earned).await?;
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
                let graded = self.grade(earned).await?;
                refusal_gaps(&graded.report, refused_by, &mut gaps);
            }
            TrialKind::WithoutStep { step } => {
                let without = |text: String| without_step(&text, step);
                match self.steps(&reference(lab, variant).steps, without).await {
                    // A script that cannot go on without the step proves that the step matters.
                    Err(TrialError::Start(StartError::Script { .. })) => {}
                    other => other?,
                }
                let graded = self.grade(earned).await?;
                if graded.report.verdict == Verdict::Passed
                    && graded.report.totals.earned == graded.report.totals.max
                {
                    gaps.push("scores everything: the step is idle, or the rubric blind to it".into());
                }
            }
        }
        Ok(gaps)
    }

    /// What nodes that have ended by themselves said last.
    async fn last_words(&self) -> String {
        let engine = &self.prover.site.engine;
        let ours = Labels::from([(LABEL_ATTEMPT.to_owned(), self.attempt.to_string())]);
        let mut words = String::new();
        for thing in engine.list(&ours).await.unwrap_or_default() {
            if matches!(thing.kind, FoundKind::Container(condition) if condition != Condition::Running) {
                let log = engine.logs(&ContainerId(thing.id), LAST_WORDS).await.unwrap_or_default();
                let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                words.push_str(&format!("; {} has ended, saying: {}", thing.name, lines.join(" | ")));
            }
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

    async fn grade(&mut self, earned: &mut Option<u32>) -> Result<Graded, TrialError> {
        let (site, draw) = (&self.prover.site, &self.plan.draw);
        let graded =
            attempt::grade(site, &mut self.store, self.attempt, self.nodes, self.rubric, draw, &|_| {})
                .await?;
        *earned = Some(graded.report.totals.earned.0);
        Ok(graded)
    }

    /// Grades nodes that are mended: all points, and nothing is changed by it.
    async fn grade_unchanged(
        &mut self,
        prefix: &str,
        earned: &mut Option<u32>,
        gaps: &mut Vec<String>,
    ) -> Result<(), TrialError> {
        let before = self.fingerprint().await?;
        let graded = self.grade(earned).await?;
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

/// The reference of a variant; every variant has one.
fn reference<'a>(lab: &'a Lab, variant: &VariantName) -> &'a Solution {
    let fits = |s: &&Solution| s.kind == SolutionKind::Reference && applies(&s.variants, variant);
    lab.solutions.iter().find(fits).expect("every variant has a reference")
}

/// The names of the steps of a variant's reference, in order.
pub fn reference_steps(lab: &Lab, variant: &VariantName) -> Vec<String> {
    let texts = reference(lab, variant).steps.iter().filter_map(|step| match &step.act {
        Act::Run(script) => lab.read(script).ok(),
        Act::Hands(_) => None,
    });
    let mut names: Vec<String> = Vec::new();
    for name in
        texts.flat_map(|text| text.lines().filter_map(step_name).map(str::to_owned).collect::<Vec<_>>())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The name in a line `#: step NAME`.
fn step_name(line: &str) -> Option<&str> {
    line.trim().strip_prefix("#: step ").map(str::trim).filter(|name| !name.is_empty())
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

fn full_gaps(report: &Report, prefix: &str, gaps: &mut Vec<String>) {
    if report.verdict != Verdict::Passed || report.totals.earned != report.totals.max {
        gaps.push(format!(
            "{prefix}scores {} of {}; {}",
            report.totals.earned,
            report.totals.max,
            failing(report)
        ));
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
    fn a_step_goes_from_its_mark_to_the_next() {
        let script = "before\n#: step one\na\n#: step two\nb\n#: step one\nc\n";
        assert_eq!(without_step(script, "one"), "before\n#: step two\nb\n");
        assert_eq!(without_step(script, "two"), "before\n#: step one\na\n#: step one\nc\n");
    }
}
