//! How good graders are, in figures: what was accepted that should not be, what was refused that should not be, how
//! often a verdict turned, which steps and checks matter. Counts, with the bound below which the true rate lies in
//! 95 of 100 such proofs (Clopper and Pearson, one-sided). Trials are a catalogue of what people do, not a sample of it;
//! the bound says how much was tried, not how clever it was.
//!
//! Pure: outcomes in, figures out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

use super::{Outcome, TrialKind, TrialResult};
use crate::grade::Verdict;
use crate::rubric::{CheckId, Rubric};

/// Some of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Count {
    /// Those that are counted.
    pub found: usize,
    /// All that there were.
    pub of: usize,
}

impl Count {
    fn add(&mut self, found: bool) {
        self.found += usize::from(found);
        self.of += 1;
    }

    /// The share that is not exceeded with a confidence of 95 %, in percent; none where nothing was tried.
    pub fn upper_bound(self) -> Option<f64> {
        if self.of == 0 {
            return None;
        }
        if self.found == self.of {
            return Some(100.0);
        }
        let beta =
            Beta::new(self.found as f64 + 1.0, (self.of - self.found) as f64).expect("both are positive");
        Some(100.0 * beta.inverse_cdf(0.95))
    }

    /// `0/30 (below 9.5 %)`.
    pub fn bounded(self) -> String {
        match self.upper_bound() {
            Some(bound) => format!("{}/{} (below {bound:.1} %)", self.found, self.of),
            None => "none tried".into(),
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.found, self.of)
    }
}

/// The figures of one lab, or of all.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Quality {
    /// Wrong fixes, cheats, references without a step and untouched nodes that passed or earned everything.
    pub false_accepts: Count,
    /// Solutions that were refused a point.
    pub false_rejects: Count,
    /// Gradings that judged a check otherwise than the grading before, of nodes that nobody touched between them.
    pub flips: Count,
    /// References without one step that were refused something.
    pub step_mutants_killed: Count,
    /// Cheats of the standard pack that earned nothing.
    pub standard_blocked: Count,
    /// Cheats of the standard pack that broke a guard.
    pub standard_flagged: Count,
    /// Checks that no trial saw fail: they decide nothing that was tried.
    pub never_failed: BTreeSet<String>,
    /// Verdicts that could not be given, in all gradings.
    pub unknown: usize,
    /// How long it took to read nodes and judge them, in milliseconds, sorted.
    pub looks_ms: Vec<u64>,
    /// Trials that could not be played.
    pub broke: usize,
    /// What did not hold, one sentence each.
    pub gaps: Vec<String>,
}

impl Quality {
    /// The value below which this share of the looks lies; none without looks.
    pub fn look_ms(&self, share: f64) -> Option<u64> {
        let last = self.looks_ms.len().checked_sub(1)?;
        Some(self.looks_ms[(last as f64 * share).round() as usize])
    }

    fn take(&mut self, outcome: &Outcome) {
        let trial = &outcome.trial;
        let last = outcome.judgements.last();
        match &outcome.result {
            TrialResult::Broke(why) => {
                self.broke += 1;
                self.gaps.push(format!("{} {}: {why}", trial.variant, trial.kind.describe()));
                return;
            }
            TrialResult::Gap(gaps) => {
                for gap in gaps {
                    self.gaps.push(format!("{} {}: {gap}", trial.variant, trial.kind.describe()));
                }
            }
            TrialResult::Held => {}
        }
        let passed = last.is_some_and(|judged| judged.verdict == Verdict::Passed);
        let earned = last.is_some_and(|judged| judged.earned > 0);
        let all = last.is_some_and(|judged| judged.everything);
        match &trial.kind {
            TrialKind::Pristine => self.false_accepts.add(earned),
            TrialKind::Wrong { .. } => self.false_accepts.add(passed),
            TrialKind::WithoutStep { .. } => {
                self.false_accepts.add(all);
                self.step_mutants_killed.add(!all);
            }
            TrialKind::Standard { .. } => {
                self.false_accepts.add(passed || earned);
                self.standard_blocked.add(!passed && !earned);
                self.standard_flagged.add(last.is_some_and(|judged| !judged.broken_guards.is_empty()));
            }
            TrialKind::Solution { .. } | TrialKind::Mended { .. } => self.false_rejects.add(!all),
            TrialKind::Half { .. } => {}
        }
        if matches!(trial.kind, TrialKind::Solution { .. }) {
            for pair in outcome.judgements.windows(2) {
                self.flips.add(pair[0].failing != pair[1].failing || pair[0].unknown != pair[1].unknown);
            }
        }
        self.unknown += outcome.judgements.iter().map(|judged| judged.unknown.len()).sum::<usize>();
        self.looks_ms.extend(outcome.look_ms);
    }

    fn add(&mut self, lab: &str, other: &Self) {
        for (sum, more) in [
            (&mut self.false_accepts, other.false_accepts),
            (&mut self.false_rejects, other.false_rejects),
            (&mut self.flips, other.flips),
            (&mut self.step_mutants_killed, other.step_mutants_killed),
            (&mut self.standard_blocked, other.standard_blocked),
            (&mut self.standard_flagged, other.standard_flagged),
        ] {
            sum.found += more.found;
            sum.of += more.of;
        }
        self.never_failed.extend(other.never_failed.iter().map(|check| format!("{lab}/{check}")));
        self.unknown += other.unknown;
        self.broke += other.broke;
        self.looks_ms.extend(&other.looks_ms);
        self.gaps.extend(other.gaps.iter().map(|gap| format!("{lab}: {gap}")));
    }
}

/// The figures per lab, and of all together.
pub fn quality(outcomes: &[Outcome], rubrics: &[&Rubric]) -> (BTreeMap<String, Quality>, Quality) {
    let mut labs: BTreeMap<String, Quality> = BTreeMap::new();
    for outcome in outcomes {
        labs.entry(outcome.trial.lab.clone()).or_default().take(outcome);
    }
    for rubric in rubrics {
        let Some(quality) = labs.get_mut(rubric.lab.as_str()) else { continue };
        let failed: BTreeSet<&CheckId> = outcomes
            .iter()
            .filter(|outcome| outcome.trial.lab == rubric.lab.as_str())
            .flat_map(|outcome| outcome.judgements.iter().flat_map(|judged| &judged.failing))
            .collect();
        let idle = rubric.checks.iter().map(|check| &check.id).filter(|id| !failed.contains(id));
        quality.never_failed = idle.map(ToString::to_string).collect();
    }
    let mut total = Quality::default();
    for (lab, quality) in &mut labs {
        quality.looks_ms.sort_unstable();
        total.add(lab, quality);
    }
    total.looks_ms.sort_unstable();
    (labs, total)
}

/// The figures as a page: a table of labs, then what did not hold.
pub fn page(labs: &BTreeMap<String, Quality>, total: &Quality, seeds: u64, version: &str) -> String {
    let mut text = format!(
        "# How good the graders are\n\nWritten by `crashcart lab prove --report`, version {version}, {seeds} seed(s). \
         Bounds are one-sided, 95 %, exact.\nTrials are a catalogue of what people do, not a sample of it.\n\n\
         | lab | false accepts | false rejects | flips | step mutants killed | standard cheats blocked | flagged \
         | checks never seen to fail | look p50, p95 |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    let row = |name: &str, quality: &Quality| {
        let look = match (quality.look_ms(0.5), quality.look_ms(0.95)) {
            (Some(median), Some(p95)) => format!("{median} ms, {p95} ms"),
            _ => "not measured".into(),
        };
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {look} |\n",
            quality.false_accepts.bounded(),
            quality.false_rejects.bounded(),
            quality.flips,
            quality.step_mutants_killed,
            quality.standard_blocked,
            quality.standard_flagged,
            quality.never_failed.len(),
        )
    };
    for (lab, quality) in labs {
        text.push_str(&row(&format!("`{lab}`"), quality));
    }
    text.push_str(&row("all", total));
    text.push_str(&format!(
        "\nVerdicts that could not be given: {}. Trials that broke: {}.\n",
        total.unknown, total.broke
    ));
    let mut list = |title: &str, lines: &mut dyn Iterator<Item = String>| {
        let lines: Vec<String> = lines.map(|line| format!("- {line}\n")).collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n## {title}\n\n{}", lines.concat()));
        }
    };
    list("What did not hold", &mut total.gaps.iter().map(|gap| crate::grade::short(gap, 300)));
    list("Checks that no trial saw fail", &mut total.never_failed.iter().map(|check| format!("`{check}`")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_clopper_and_pearson() {
        // 1 - 0.05^(1/n) where nothing was found; the others from tables of the binomial distribution.
        for (found, of, bound) in [(0, 30, 9.5), (0, 60, 4.9), (0, 300, 1.0), (5, 115, 8.9), (1, 1, 100.0)] {
            let count = Count { found, of };
            assert_eq!(format!("{:.1}", count.upper_bound().unwrap()), format!("{bound:.1}"), "{count}");
        }
        assert_eq!(Count::default().upper_bound(), None);
        assert_eq!(Count::default().bounded(), "none tried");
    }
}
