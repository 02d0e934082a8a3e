//! A proof on paper: rows for a table, and JUnit for CI.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, TrialKind, TrialResult};

/// One row per lab and sort of trial: name, how many, how many held.
pub fn summary_rows(outcomes: &[Outcome]) -> Vec<(String, &'static str, usize, usize)> {
    let mut rows: BTreeMap<(String, usize), (&'static str, usize, usize)> = BTreeMap::new();
    for outcome in outcomes {
        let (rank, sort) = match &outcome.trial.kind {
            TrialKind::Pristine => (0, "pristine scores 0"),
            TrialKind::Solution { .. } => (1, "solutions score 100, twice"),
            TrialKind::Mended { .. } => (1, "broken 0, then mended 100"),
            TrialKind::Half { .. } => (2, "halves score as declared"),
            TrialKind::WithoutStep { .. } => (3, "each step matters"),
            TrialKind::Wrong { cheat: false, .. } => (4, "wrong fixes refused"),
            TrialKind::Wrong { cheat: true, .. } => (5, "cheats refused"),
            TrialKind::Standard { .. } => (6, "standard cheats earn nothing"),
        };
        let row = rows.entry((outcome.trial.lab.clone(), rank)).or_insert((sort, 0, 0));
        row.1 += 1;
        row.2 += usize::from(outcome.result == TrialResult::Held);
    }
    rows.into_iter().map(|((lab, _), (sort, tried, held))| (lab, sort, tried, held)).collect()
}

/// The proof as JUnit XML: a suite per lab, a case per trial.
pub fn junit(outcomes: &[Outcome]) -> String {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for outcome in outcomes {
        let trial = &outcome.trial;
        let suite = suites.entry(&trial.lab).or_insert_with(|| TestSuite::new(trial.lab.clone()));
        let status = match &outcome.result {
            TrialResult::Held => TestCaseStatus::success(),
            TrialResult::Gap(gaps) => failed(NonSuccessKind::Failure, &gaps.join("; ")),
            TrialResult::Broke(why) => failed(NonSuccessKind::Error, why),
        };
        let name = format!("{} / {} / seed {:016x}", trial.variant, trial.kind.describe(), trial.seed);
        let mut case = TestCase::new(name, status);
        case.set_time(std::time::Duration::from_millis(outcome.took_ms));
        suite.add_test_case(case);
    }
    let mut report = Junit::new("crashcart lab prove");
    report.add_test_suites(suites.into_values());
    report.to_string().expect("a report of texts and numbers serialises")
}

fn failed(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message.to_owned());
    status
}
