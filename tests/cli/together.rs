//! Two crashcarts at once: each either does its part, or says who is at work.

use crashcart::cli::exit::Exit;
use crashcart::store::{RecordKind, Stage};
use serde_json::json;

use crate::bench::Bench;

/// How many records of a kind there are.
fn count(bench: &Bench, kind: RecordKind) -> usize {
    bench.records().iter().filter(|record| record.kind == kind).count()
}

#[test]
fn two_starts_of_one_lab_make_one_attempt() {
    for _ in 0..4 {
        let bench = Bench::new().lab("key-exposed");
        bench.clear_engine();
        let (one, two) = (bench.begin("start key-exposed"), bench.begin("start key-exposed"));
        let (one, two) = (one.ends(), two.ends());
        let codes = [one.code(), two.code()];
        assert!(codes.contains(&Some(0)), "one of them starts it: {:?} {:?}", one.printed(), two.printed());
        let alive: Vec<_> = bench.attempts().into_iter().filter(|row| row.stage != Stage::Stopped).collect();
        assert_eq!(alive.len(), 1, "{:?} {:?}", one.printed(), two.printed());
        for ran in [one, two] {
            if ran.code() != Some(0) {
                let printed = ran.printed();
                let told = ["is at work on attempt", "is already running", "is under way already"];
                assert!(told.iter().any(|said| printed.stderr.contains(said)), "{}", printed.stderr);
            }
        }
        bench.run("check").ends_with(Exit::NotYet);
        assert_eq!(bench.objects().len(), 3, "two nodes and a network: {:?}", bench.objects());
        bench.run("stop").succeeds();
        assert_eq!(bench.objects(), [""; 0]);
    }
}

#[test]
fn a_start_that_is_under_way_is_not_taken_for_a_killed_one() {
    let bench = Bench::new().lab("key-exposed").lab("key-forgotten");
    // It hangs in the second container's making, holding its lock.
    bench.faults(json!({ "create": { "at": 2, "hang": true } }));
    let hanging = bench.begin("start key-exposed");
    hanging.until_operations("create", 2);
    let objects = bench.objects();
    let printed = bench.run("start key-exposed").fails(Exit::Machine);
    assert!(
        printed.stderr.contains("another crashcart is at work on attempt `[ATTEMPT]`"),
        "{}",
        printed.stderr
    );
    let printed = bench.run("start key-exposed --seed 5").fails(Exit::Usage);
    assert!(printed.stderr.contains("is under way already, as attempt `[ATTEMPT]`"), "{}", printed.stderr);
    // Another lab is another matter, and doctor leaves the living alone.
    bench.run("start key-forgotten").succeeds();
    bench.run("doctor --fix --yes").succeeds();
    assert!(objects.iter().all(|name| bench.objects().contains(name)), "{objects:?}");
    hanging.killed();
    bench.run("start key-exposed").succeeds();
    bench.run("stop --all").succeeds();
    assert_eq!(bench.objects(), [""; 0]);
}

#[test]
fn a_check_waits_while_the_nodes_are_graded() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let (grade, check) = (bench.begin("grade"), bench.begin("check"));
    grade.ends().ends_with(Exit::NotYet);
    check.ends().ends_with(Exit::NotYet);
    assert_eq!((count(&bench, RecordKind::Grade), count(&bench, RecordKind::Report)), (1, 1));
}

#[test]
fn a_check_that_waited_for_a_stop_says_that_the_attempt_is_over() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let attempt = bench.attempts()[0].id.clone();
    let lock = bench.store().try_lock(&attempt).expect("lockable").expect("free");
    let mut waiting: Vec<_> =
        ["check", "grade", "pause", "resume", "watch --once"].map(|words| bench.begin(words)).into();
    waiting.iter_mut().for_each(|ran| ran.until_it_says("another crashcart is at work"));
    // What a stop does, in the one step that matters to those who wait.
    bench.sql("UPDATE attempt SET stage = 'stopped'");
    drop(lock);
    for ran in waiting {
        let printed = ran.ends().fails(Exit::Usage);
        assert!(
            printed.stderr.contains("is over") || printed.stderr.contains("is stopped"),
            "{}",
            printed.stderr
        );
        assert!(printed.stderr.contains("another crashcart is at work"), "{}", printed.stderr);
    }
}

#[test]
fn two_stops_end_an_attempt_once() {
    for words in ["stop", "stop --all"] {
        let bench = Bench::new().lab("key-exposed");
        bench.run("start key-exposed").succeeds();
        let (one, two) = (bench.begin(words), bench.begin(words));
        for ran in [one.ends(), two.ends()] {
            // Whoever comes when all is done finds nothing to end.
            assert!(matches!(ran.code(), Some(0 | 2)), "{:?}", ran.printed());
        }
        let stops = bench.records().iter().filter(|record| record.body.contains("stop")).count();
        assert_eq!(stops, 1, "{:?}", bench.records());
        assert_eq!(bench.objects(), [""; 0]);
    }
}

#[test]
fn two_resets_leave_one_attempt() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let (one, two) = (bench.begin("reset"), bench.begin("reset"));
    let codes = [one.ends().code(), two.ends().code()];
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 2 | 3))), "{codes:?}");
    let alive: Vec<_> = bench.attempts().into_iter().filter(|row| row.stage != Stage::Stopped).collect();
    assert_eq!(alive.len(), 1);
    bench.run("check").ends_with(Exit::NotYet);
    bench.run("stop").succeeds();
    assert_eq!(bench.objects(), [""; 0]);
}

#[test]
fn many_checks_at_once_keep_all_their_records() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let checks: Vec<_> = (0..6).map(|_| bench.begin("check")).collect();
    for check in checks {
        check.ends().ends_with(Exit::NotYet);
    }
    assert_eq!((count(&bench, RecordKind::Evidence), count(&bench, RecordKind::Report)), (6, 6));
}
