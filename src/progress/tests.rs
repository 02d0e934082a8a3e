//! Whole learners: attempts in a store, and what path, series and days come to.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::schedule::Went;
use super::*;
use crate::grade::{FORMAT, GuardReport, GuardState, Report, Totals, Verdict};
use crate::rubric::{Effect, Phase, Points, Role, Skill};
use crate::store::{AttemptId, ENDED_BY_DEMO, ENDED_BY_RESET, NewAttempt, Purpose, RecordKind, Stage, Store};

const DAY: u64 = 86_400_000;
/// Noon of the first of January 2026.
const NOON: u64 = 1_767_268_800_000;

const OPERATOR: &str = r#"
format = 1
id = "operator"
title = "Operator"
pass = 70
core-floor = 60
floor = 35
core = ["SCH"]

[weights]
SCH = 50
TRB = 30
MON = 20
"#;

fn operator() -> Role {
    Role::parse("operator.toml", OPERATOR).unwrap_or_else(|error| panic!("{error}"))
}

fn on(day: u64) -> Date {
    date(2026, 1, 1).saturating_add(jiff::Span::new().days(i64::try_from(day).expect("few")))
}

/// A learner, and the day that it is.
struct Learner {
    _directory: tempfile::TempDir,
    store: Store,
    seeds: u64,
}

impl Learner {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).expect("a new store");
        Self { _directory: directory, store, seeds: 0 }
    }

    /// Begins a lab at noon of a day, with a seed of its own.
    fn begin(&mut self, lab: &str, day: u64) -> AttemptId {
        self.seeds += 1;
        self.begin_with(lab, day, self.seeds)
    }

    fn begin_with(&mut self, lab: &str, day: u64, seed: u64) -> AttemptId {
        let new = NewAttempt {
            purpose: Purpose::Learn,
            lab,
            variant: "one",
            collection: None,
            seed,
            lab_digest: "",
            rubric_digest: "",
        };
        let now = NOON + day * DAY;
        let (id, _lock) = self.store.begin_attempt(&new, now).expect("written");
        self.store.set_stage(&id, Stage::Running, now).expect("running");
        id
    }

    fn grade(&mut self, id: &AttemptId, day: u64, report: &Report) {
        self.store.append(id, RecordKind::Grade, report, NOON + day * DAY).expect("written");
    }

    fn end(&mut self, id: &AttemptId, why: &str) {
        self.store.append(id, RecordKind::Note, &why, NOON).expect("written");
        self.store.set_stage(id, Stage::Stopped, NOON).expect("stopped");
    }

    /// A whole attempt: graded once, then stopped.
    fn play(&mut self, lab: &str, day: u64, hints: u32, report: &Report) {
        let id = self.begin(lab, day);
        self.store.set_hints(&id, hints).expect("written");
        self.grade(&id, day, report);
        self.end(&id, "stopped");
    }

    fn past(&self) -> Past {
        Past::read(&self.store, TimeZone::UTC).expect("read")
    }

    fn plan(&self, offers: &[Offer], day: u64) -> Plan {
        plan(Some(&operator()), &self.past(), offers, on(day))
    }
}

/// A report with these points: skill, earned, undecided, available.
fn report(points: &[(Skill, u32, u32, u32)]) -> Report {
    let skills: BTreeMap<Skill, Totals> = points
        .iter()
        .map(|&(skill, earned, undecided, max)| {
            let (earned, undecided, max) = (Points(earned), Points(undecided), Points(max));
            (skill, Totals { earned, undecided, max, provisional: None })
        })
        .collect();
    let sum = |of: fn(&Totals) -> Points| skills.values().map(of).sum();
    let totals = Totals {
        earned: sum(|it| it.earned),
        undecided: sum(|it| it.undecided),
        max: sum(|it| it.max),
        provisional: None,
    };
    let mark = totals.max.0 * 7 / 10;
    Report {
        format: FORMAT,
        attempt: "a1".into(),
        lab: "some-lab".parse().expect("a name"),
        variant: "one".parse().expect("a name"),
        pass: Points(mark),
        verdict: match (totals.earned.0 >= mark, (totals.earned + totals.undecided).0 >= mark) {
            (true, _) => Verdict::Passed,
            (false, true) => Verdict::Undecided,
            (false, false) => Verdict::Failed,
        },
        totals,
        skills,
        checks: Vec::new(),
        criteria: Vec::new(),
        guards: Vec::new(),
        beside: None,
    }
}

/// One of scheduling alone, of 100 points.
fn scheduling(earned: u32) -> Report {
    report(&[(Scheduling, earned, 0, 100)])
}

fn offer(lab: &str, level: u8, points: &[(Skill, u32)]) -> Offer {
    Offer { lab: lab.into(), level, minutes: 10, causes: 4, points: points.iter().copied().collect() }
}

fn labs(plan: &Plan) -> Vec<&str> {
    plan.next.iter().map(|it| it.lab.as_str()).collect()
}

use Skill::{Kernel, Monitoring, Scheduling, Troubleshooting};

#[test]
fn a_turn_is_hard_by_hints_by_few_points_by_a_failed_grading_and_by_a_new_beginning() {
    let mut learner = Learner::new();
    learner.play("clean", 0, 0, &scheduling(100));
    learner.play("hints", 0, 2, &scheduling(100));
    learner.play("points", 0, 0, &scheduling(75));
    learner.play("failed", 0, 0, &scheduling(30));
    let id = learner.begin("regraded", 0);
    learner.grade(&id, 0, &scheduling(30));
    learner.grade(&id, 2, &scheduling(100));
    learner.grade(&id, 5, &scheduling(100));
    let id = learner.begin("reset", 0);
    learner.end(&id, ENDED_BY_RESET);
    learner.play("reset", 0, 0, &scheduling(100));
    learner.play("reset", 1, 0, &scheduling(100));
    let past = learner.past();
    let turns = past.turns();
    let said = |lab: &str| -> Vec<(Went, String, Date)> {
        turns[lab].iter().map(|turn| (turn.went, turn.words(), turn.day)).collect()
    };
    assert_eq!(said("clean"), [(Went::Clean, "passed cleanly last time".into(), on(0))]);
    assert_eq!(said("hints"), [(Went::Hard, "hard last time: 2 hints".into(), on(0))]);
    assert_eq!(said("points"), [(Went::Hard, "hard last time: 75 of 100 points".into(), on(0))]);
    assert_eq!(said("failed"), [(Went::Failed, "not passed last time: 30 of 100 points".into(), on(0))]);
    // The day is that on which it was passed first, whatever was graded after.
    assert_eq!(said("regraded"), [(Went::Hard, "hard last time: 1 grading failed first".into(), on(2))]);
    assert_eq!(
        said("reset"),
        [
            (Went::Hard, "hard last time: begun anew".into(), on(0)),
            (Went::Clean, "passed cleanly last time".into(), on(1))
        ]
    );
}

#[test]
fn what_could_not_be_told_is_no_turn_and_no_share() {
    let mut learner = Learner::new();
    let undecided = report(&[(Scheduling, 20, 80, 100)]);
    assert_eq!(undecided.verdict, Verdict::Undecided);
    learner.play("some-lab", 0, 0, &undecided);
    assert!(learner.past().turns().is_empty());
    assert_eq!(learner.past().ungraded("some-lab"), 1);
    let plan = learner.plan(&[offer("some-lab", 1, &[(Scheduling, 100)])], 0);
    assert_eq!(plan.skills[0].strength, Strength::Untried);
    assert!(plan.next[0].why.ends_with("; begun once, not graded"), "{}", plan.next[0].why);
    // Passed all the same, with ten points that nobody knows of: 90 of 90.
    learner.play("some-lab", 1, 0, &report(&[(Scheduling, 90, 10, 100), (Monitoring, 0, 0, 0)]));
    let plan = learner.plan(&[offer("some-lab", 1, &[(Scheduling, 100)])], 1);
    let shown = plan.skills[0].shown.as_ref().expect("shown");
    assert_eq!((shown.share_bp, shown.points, plan.returns[0].went), (10_000, 90, Went::Clean));
    // An undecided grading after it takes nothing back.
    learner.play("some-lab", 2, 0, &undecided);
    assert_eq!(learner.past().turns()["some-lab"].len(), 1);
}

#[test]
fn the_newest_attempt_of_each_lab_counts_after_its_hints() {
    let mut learner = Learner::new();
    learner.play("one", 0, 0, &report(&[(Scheduling, 60, 0, 60), (Monitoring, 10, 0, 40)]));
    learner.play("two", 0, 3, &report(&[(Scheduling, 40, 0, 40)]));
    let offers =
        [offer("one", 1, &[(Scheduling, 60), (Monitoring, 40)]), offer("two", 1, &[(Scheduling, 40)])];
    let plan = learner.plan(&offers, 12);
    let figures: Vec<_> = plan
        .skills
        .iter()
        .map(|it| {
            (it.skill, it.strength, it.shown.as_ref().map(|shown| (shown.share_bp, shown.labs, shown.hints)))
        })
        .collect();
    assert_eq!(
        figures,
        [
            // 60 and 40 less 30 %: 88 of 100.
            (Scheduling, Strength::Strong, Some((8_800, 2, 3))),
            (Troubleshooting, Strength::Untried, None),
            (Monitoring, Strength::Weak, Some((2_500, 1, 0))),
        ]
    );
    assert_eq!((plan.skills[0].age_days, plan.skills[0].newest), (Some(12), Some(on(0))));
    learner.play("one", 13, 0, &report(&[(Scheduling, 0, 0, 60), (Monitoring, 0, 0, 40)]));
    let plan = learner.plan(&offers, 13);
    assert_eq!(plan.skills[0].shown.as_ref().map(|shown| shown.share_bp), Some(2_800));
    // A role counts the best grading all the same.
    assert_eq!(plan.scorecard.expect("of a role").skills[0].skill, Scheduling);
}

#[test]
fn what_was_strong_long_ago_has_faded_and_wants_practice() {
    let mut learner = Learner::new();
    learner.play("one", 0, 0, &scheduling(100));
    let strength = |day| learner.plan(&[], day).skills[0].strength;
    assert_eq!((strength(60), strength(61)), (Strength::Strong, Strength::Faded));
    // A clock that was set back to before it all.
    let plan = plan(None, &learner.past(), &[], date(2020, 1, 1));
    assert_eq!((plan.skills[0].strength, plan.skills[0].age_days), (Strength::Strong, Some(0)));
}

#[test]
fn another_version_of_a_rubric_counts_by_its_own_points() {
    let mut learner = Learner::new();
    // 40 of 40 under a rubric that had no more, and a skill that the role does not know.
    learner.play("one", 0, 0, &report(&[(Scheduling, 40, 0, 40), (Kernel, 7, 0, 7)]));
    // More points than there are, by a record that somebody changed.
    learner.play("two", 0, 0, &report(&[(Scheduling, 4_000_000_000, 0, 60)]));
    let id = learner.begin("three", 0);
    learner.store.append(&id, RecordKind::Grade, &serde_json::json!({ "format": 9 }), NOON).expect("written");
    learner.end(&id, "stopped");
    let past = learner.past();
    assert_eq!(past.turns()["one"][0].went, Went::Clean);
    assert_eq!((past.tried()[2].unreadable, past.turns().contains_key("three")), (1, false));
    let plan = learner.plan(&[], 0);
    assert_eq!(plan.skills[0].shown.as_ref().map(|it| (it.share_bp, it.points)), Some((10_000, 100)));
}

#[test]
fn a_lab_that_a_guard_failed_shows_nothing() {
    let mut learner = Learner::new();
    let mut voided = scheduling(100);
    voided.verdict = Verdict::Failed;
    voided.guards.push(GuardReport {
        id: "kept".parse().expect("a name"),
        phase: Phase::Live,
        checks: Vec::new(),
        damage: Vec::new(),
        state: GuardState::Broken,
        provisional: false,
        effect: Effect::Fail,
        why: "it matters".into(),
    });
    learner.play("one", 0, 0, &voided);
    let plan = learner.plan(&[offer("one", 1, &[(Scheduling, 100)])], 0);
    assert_eq!(plan.skills[0].shown.as_ref().map(|it| it.share_bp), Some(0));
    assert_eq!(plan.returns[0].went, Went::Failed);
}

#[test]
fn a_beginner_gets_the_easy_labs_of_the_heavy_skills() {
    let offers = [
        offer("hard", 4, &[(Scheduling, 100)]),
        offer("light", 1, &[(Monitoring, 100)]),
        offer("heavy", 1, &[(Scheduling, 100)]),
        offer("second", 2, &[(Scheduling, 100)]),
        offer("elsewhere", 1, &[(Kernel, 100)]),
    ];
    let mut learner = Learner::new();
    let plan = learner.plan(&offers, 0);
    assert_eq!(labs(&plan), ["heavy", "light", "second"]);
    assert_eq!(
        plan.next[0].why,
        "process and job scheduling, 50 % of the role, was never tried; everybody can begin with level 1"
    );
    assert_eq!(plan.level, 1);
    // What is shown wants less; what was passed alone leads a level up.
    learner.play("heavy", 0, 0, &scheduling(100));
    let plan = learner.plan(&offers, 0);
    assert_eq!((plan.level, labs(&plan)), (2, vec!["light", "second", "hard"]));
    assert_eq!(
        plan.next[1].why,
        "process and job scheduling, 50 % of the role, is strong (100 %) and stays so by practice; level 2 is your next step"
    );
    // With hints, no level up.
    let mut helped = Learner::new();
    helped.play("heavy", 0, 1, &scheduling(100));
    assert_eq!(helped.plan(&offers, 0).level, 1);
    // Where no role is named, all skills count alike.
    let plan = super::plan(None, &Learner::new().past(), &offers, on(0));
    assert_eq!(labs(&plan), ["elsewhere", "heavy", "light"]);
    assert_eq!((plan.skills.len(), plan.scorecard.is_none()), (3, true));
}

#[test]
fn what_is_due_comes_first_and_leaves_room_for_something_new() {
    let all = [(Scheduling, 100)];
    let offers: Vec<Offer> = ["a", "b", "c", "d", "e", "f"].map(|lab| offer(lab, 1, &all)).into();
    let mut learner = Learner::new();
    for lab in ["c", "b", "a"] {
        learner.play(lab, 0, 1, &scheduling(100));
    }
    learner.play("d", 1, 0, &scheduling(10));
    // On the same day nothing is due: something new, then what was not passed.
    let plan = learner.plan(&offers, 1);
    assert_eq!(labs(&plan), ["e", "f", "d"]);
    assert_eq!(plan.next[2].kind, Kind::Again);
    // Failures come back after a day, hard ones after three.
    let plan = learner.plan(&offers, 3);
    assert_eq!(labs(&plan), ["d", "e", "a"]);
    assert_eq!(plan.next[0].why, "not passed last time: 10 of 100 points; another cause is drawn");
    let returns: Vec<_> = plan.returns.iter().map(|it| (it.lab.as_str(), it.due_in_days)).collect();
    assert_eq!(returns, [("d", -1), ("a", 0), ("b", 0), ("c", 0)]);
    // One that runs is nothing to begin.
    learner.begin("d", 3);
    assert_eq!(labs(&learner.plan(&offers, 3)), ["a", "e", "b"]);
    // Nothing new: all three come back.
    assert_eq!(labs(&learner.plan(&offers[..4], 3)), ["a", "b", "c"]);
}

#[test]
fn a_lab_that_was_removed_is_not_proposed_and_what_it_showed_counts() {
    let mut learner = Learner::new();
    learner.play("gone", 0, 0, &scheduling(30));
    let plan = learner.plan(&[offer("here", 1, &[(Scheduling, 100)])], 9);
    assert_eq!(labs(&plan), ["here"]);
    assert!(plan.returns.is_empty());
    assert_eq!(plan.skills[0].strength, Strength::Weak);
    assert!(plan.next[0].why.starts_with("process and job scheduling, 50 % of the role, is weak (30 %)"));
    let nothing = learner.plan(&[], 9);
    assert!(nothing.next.is_empty() && nothing.returns.is_empty());
}

#[test]
fn what_the_demo_mended_says_nothing_of_the_learner() {
    let mut learner = Learner::new();
    let id = learner.begin("shown", 0);
    learner.grade(&id, 0, &scheduling(100));
    learner.end(&id, ENDED_BY_DEMO);
    let plan = learner.plan(&[offer("shown", 1, &[(Scheduling, 100)])], 0);
    assert_eq!((labs(&plan), plan.next[0].kind), (vec!["shown"], Kind::New));
    assert_eq!((plan.skills[0].strength, plan.returns.len()), (Strength::Untried, 0));
    assert!(series(&learner.past()).is_empty());
    assert!(learner.past().best().is_empty());
    let scores = learner.store.scores().expect("scores");
    assert!(scores.len() == 1 && scores[0].demo, "{scores:?}");
}

#[test]
fn a_clock_that_was_set_back_mixes_up_no_attempts() {
    let mut learner = Learner::new();
    learner.play("one", 500, 0, &scheduling(20));
    // Begun later, and graded when the clock had been set right.
    let id = learner.begin("one", 501);
    learner.grade(&id, 3, &scheduling(100));
    learner.end(&id, "stopped");
    let past = learner.past();
    let days: Vec<Date> = past.turns()["one"].iter().map(|turn| turn.day).collect();
    assert_eq!(days, [on(500), on(3)]);
    let [scheduling] = &series(&past)[..] else { panic!("one skill") };
    assert_eq!(scheduling.now.share_bp, 10_000, "what was written last counts");
    assert!(scheduling.marks.is_sorted_by_key(|mark| mark.at_ms));
    let plan = learner.plan(&[offer("one", 1, &[(Scheduling, 100)])], 4);
    assert_eq!((plan.returns[0].due, plan.returns[0].last), (on(4), on(3)));
}

#[test]
fn a_day_begins_where_the_learner_lives() {
    let mut learner = Learner::new();
    let id = learner.begin("one", 0);
    // 23:30 in Auckland is 10:30 in Greenwich, of the same day; 11 hours later there it is tomorrow.
    learner.grade(&id, 0, &scheduling(100));
    let day = |zone| {
        let past = Past::read(&learner.store, zone).expect("read");
        past.turns()["one"][0].day
    };
    assert_eq!(day(TimeZone::UTC), on(0));
    assert_eq!(day(TimeZone::fixed(jiff::tz::offset(13))), on(1));
}

#[test]
fn a_series_has_a_mark_for_each_grading_and_columns_of_equal_time() {
    let mut learner = Learner::new();
    learner.play("one", 0, 0, &scheduling(50));
    learner.play("two", 4, 0, &report(&[(Scheduling, 100, 0, 100), (Monitoring, 8, 0, 10)]));
    learner.play("one", 8, 1, &scheduling(100));
    let all = series(&learner.past());
    let told: Vec<(Skill, Vec<u32>)> =
        all.iter().map(|it| (it.skill, it.marks.iter().map(|mark| mark.share_bp).collect())).collect();
    assert_eq!(told, [(Scheduling, vec![5_000, 7_500, 9_500]), (Monitoring, vec![8_000])]);
    let (from, to) = (NOON, NOON + 8 * DAY);
    let drawn = |nth: usize, count| columns(&all[nth].marks, from, to, count);
    assert_eq!(drawn(0, 4), [Some(5_000), Some(7_500), Some(7_500), Some(9_500)]);
    assert_eq!(drawn(1, 4), [None, Some(8_000), Some(8_000), Some(8_000)]);
    assert_eq!(columns(&all[0].marks, from, from, 1), [Some(5_000)]);
    assert!(drawn(0, 0).is_empty());
    assert_eq!(columns(&all[0].marks, to, from, 2), [Some(9_500), Some(9_500)]);
}
