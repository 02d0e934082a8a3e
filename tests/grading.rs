//! Each folder of tests/cases/grading is a rubric, stored evidence and the report that they give.
//! UPDATE_CASES=1 writes the report that they give now; review the difference.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use crashcart::{
    evidence::{Evidence, Evidences},
    grade::{CheckVerdict, Report, Totals, grade},
    rubric::{Phase, Rubric},
};
use crashcart_facts::Reading;

struct Case {
    name: String,
    folder: PathBuf,
    rubric: Rubric,
    evidence: String,
    evidences: Evidences,
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/grading");
    let mut cases: Vec<Case> = fs::read_dir(&folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("a readable folder").path())
        .map(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
            // Several cases may judge the same rubric; each has its own copy, so that a case is whole.
            let rubric = Rubric::parse(format!("{name}/rubric.toml"), read(&folder.join("rubric.toml")))
                .unwrap_or_else(|error| panic!("error: {error}"));
            let evidence = read(&folder.join("evidence.json"));
            let evidences = serde_json::from_str(&evidence).unwrap_or_else(|error| panic!("{name}: {error}"));
            Case { name, folder, rubric, evidence, evidences }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() > 10, "the cases are there");
    cases
}

fn word<T: serde::Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).expect("reports serialise");
    json.trim_matches('"').to_string()
}

fn points(totals: &Totals) -> String {
    let mut text = format!("{} of {}", totals.earned, totals.max);
    if totals.undecided.0 > 0 {
        let _ = write!(text, ", {} undecided", totals.undecided);
    }
    if let Some(provisional) = totals.provisional {
        let _ = write!(text, ", {provisional} as it is now");
    }
    text
}

/// Everything that a report says, for people to review.
fn describe(report: &Report) -> String {
    let mut text = String::new();
    let phase = |phase: Phase, provisional: bool| match provisional {
        true => format!("{}, by live evidence", word(&phase)),
        false => word(&phase),
    };
    let _ = writeln!(text, "{} ({}): {}", report.lab, report.variant, word(&report.verdict));
    let _ = writeln!(text, "points: {}; {} to pass", points(&report.totals), report.pass);
    for (skill, totals) in &report.skills {
        let _ = writeln!(text, "  {skill}: {}", points(totals));
    }
    for check in &report.checks {
        let (verdict, word_for_found) = match &check.verdict {
            CheckVerdict::Pass { .. } => ("pass", "found"),
            CheckVerdict::Fail { .. } => ("fail", "found"),
            CheckVerdict::Unknown { .. } => ("unknown", "since"),
        };
        let nodes: Vec<&str> = check.nodes.iter().map(|node| node.as_str()).collect();
        let phase = phase(check.phase, check.provisional);
        let _ = writeln!(
            text,
            "\n{verdict} {} on {} ({phase}, {} ms)",
            check.id,
            nodes.join(", "),
            check.took_ms
        );
        let _ = writeln!(text, "  {word_for_found}:  {}", check.found().replace('\n', "\n          "));
        let wanted = match &check.verdict {
            CheckVerdict::Fail { wanted, .. } => wanted,
            _ => &check.wanted,
        };
        let _ = writeln!(text, "  wanted: {wanted}");
    }
    text.push('\n');
    for criterion in &report.criteria {
        let _ = write!(
            text,
            "{} {} ({}, {}): {} of {}",
            word(&criterion.outcome),
            criterion.id,
            criterion.skill,
            word(&criterion.phase),
            criterion.earned,
            criterion.max
        );
        if criterion.undecided.0 > 0 {
            let _ = write!(text, ", {} undecided", criterion.undecided);
        }
        if let Some(level) = &criterion.level {
            let _ = write!(text, ", reached \"{level}\"");
        }
        if !criterion.blocked_by.is_empty() {
            let by: Vec<&str> = criterion.blocked_by.iter().map(|id| id.as_str()).collect();
            let _ = write!(text, ", waits for {}", by.join(", "));
        }
        if let Some(now) = criterion.provisional {
            let _ =
                write!(text, "; now {}, {} and {} undecided", word(&now.outcome), now.earned, now.undecided);
        }
        text.push('\n');
    }
    for guard in &report.guards {
        let phase = phase(guard.phase, guard.provisional);
        let _ = writeln!(text, "{} {} ({phase}): {}", word(&guard.state), guard.id, word(&guard.effect));
    }
    text
}

#[test]
fn every_case_grades_as_recorded() {
    let mut different = Vec::new();
    for case in cases() {
        let now = describe(&grade(&case.rubric, &case.evidences));
        let path = case.folder.join("report.txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&path, &now).expect("the case can be written");
        }
        let recorded = fs::read_to_string(&path).unwrap_or_default();
        if recorded != now {
            different.push(format!("--- {}, recorded\n{recorded}\n+++ now\n{now}", case.name));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn stored_evidence_is_judged_again_to_the_same_report() {
    for case in cases() {
        let report = grade(&case.rubric, &case.evidences);
        let evidences: Evidences = serde_json::from_str(&case.evidence).expect("it was read before");
        let stored = Evidence::from_json(&evidences.live.to_json()).expect("our own text");
        assert_eq!(stored, case.evidences.live, "{}", case.name);
        assert_eq!(grade(&case.rubric, &Evidences { live: stored, ..evidences }), report, "{}", case.name);
        let json = serde_json::to_string(&report).expect("reports serialise");
        assert_eq!(serde_json::from_str::<Report>(&json).expect("our own text"), report, "{}", case.name);
    }
}

#[test]
fn points_add_up() {
    for case in cases() {
        let Report { totals, skills, criteria, .. } = grade(&case.rubric, &case.evidences);
        assert_eq!(totals.max.0, 100, "{}", case.name);
        assert!(totals.earned.0 + totals.undecided.0 <= 100, "{}", case.name);
        assert_eq!(
            skills.values().map(|skill| skill.earned.0).sum::<u32>(),
            totals.earned.0,
            "{}",
            case.name
        );
        assert_eq!(skills.values().map(|skill| skill.max.0).sum::<u32>(), 100, "{}", case.name);
        for criterion in criteria {
            assert!(criterion.earned.0 + criterion.undecided.0 <= criterion.max.0, "{}", case.name);
        }
    }
}

#[test]
fn what_is_unknown_neither_earns_nor_costs() {
    let unreadable = || Reading::Unreadable { why: "time ran out".into() };
    for case in cases() {
        let before = grade(&case.rubric, &case.evidences).totals;
        let guarded: Vec<_> = case.rubric.guards.iter().flat_map(|guard| guard.checks.clone()).collect();
        let phases = [true, false].into_iter().filter(|live| *live || case.evidences.after_restart.is_some());
        for live in phases {
            let of = |evidences: &mut Evidences, i: usize| -> bool {
                let evidence = match live {
                    true => &mut evidences.live,
                    false => evidences.after_restart.as_mut().expect("filtered above"),
                };
                let Some(observation) = evidence.observations.get_mut(i) else { return false };
                // A guard that turns from broken to unknown stops costing, which is another matter.
                if !guarded.contains(&observation.of) {
                    observation.reading = unreadable();
                }
                true
            };
            for i in 0.. {
                let mut evidences = case.evidences.clone();
                if !of(&mut evidences, i) {
                    break;
                }
                let after = grade(&case.rubric, &evidences).totals;
                assert!(after.earned <= before.earned, "{}, observation {i}: unknown earned", case.name);
                assert!(
                    after.earned + after.undecided >= before.earned + before.undecided,
                    "{}, observation {i}: unknown cost",
                    case.name
                );
            }
        }
    }
}
