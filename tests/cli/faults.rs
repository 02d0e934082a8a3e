//! The command killed, or refused by the engine, at every single operation of the engine that it asks
//! for. Afterwards nothing that was recorded is lost, the next command works, and in the end nothing
//! of ours is left.

use crashcart::cli::exit::Exit;
use crashcart::store::{Record, Stage};
use crashcart_facts::QEMU_ENDED;
use serde_json::{Value, json};

use crate::bench::{Bench, Printed, Ran};

/// Runs `words` on the same state again and again, with a fault at the first, second, third … of its
/// operations, until it asks for no so many. `then` looks at what the fault left.
fn at_every_operation(
    bench: &Bench,
    words: &str,
    expected: Exit,
    fault: &dyn Fn(u64) -> Value,
    then: &dyn Fn(u64, &Ran<'_>),
) -> u64 {
    let kept = bench.keep();
    for n in 1..200 {
        bench.restore(&kept);
        let so_far = bench.operations("any");
        bench.faults(fault(so_far + n));
        let ran = bench.run(words);
        let asked = bench.operations("any") - so_far;
        bench.faults(json!({}));
        if asked < n {
            assert_eq!(ran.code(), Some(expected as i32), "without a fault: {:?}", ran.printed());
            bench.restore(&kept);
            return n - 1;
        }
        then(n, &ran);
    }
    panic!("`crashcart {words}` asks the engine without end");
}

/// What was recorded before still is, and every chain holds.
#[track_caller]
fn nothing_is_lost(bench: &Bench, before: &[Record]) {
    let now = bench.records();
    for record in before {
        assert!(now.iter().any(|kept| kept.digest == record.digest), "record {} is lost", record.seq);
    }
}

/// Everything that shows where things stand answers; the state file is sound.
#[track_caller]
fn all_is_told(bench: &Bench, at: &str) -> Printed {
    bench.run("status").succeeds();
    let next = bench.run("next").succeeds();
    let doctor = bench.run("doctor");
    assert!(matches!(doctor.code(), Some(0 | 3)), "{at}: {:?}", doctor.printed());
    assert!(!doctor.printed().stdout.contains("WRONG"), "{at}: {:?}", doctor.printed());
    next
}

/// Ends everything; nothing of ours stays in the engine.
#[track_caller]
fn nothing_is_left(bench: &Bench, at: &str) {
    bench.run("stop --all").succeeds();
    let doctor = bench.run("doctor --fix --yes").succeeds();
    assert!(!doctor.stdout.contains("left "), "{at}: {}", doctor.stdout);
    assert_eq!(bench.objects(), [""; 0], "{at}");
    let stages: Vec<Stage> = bench.attempts().iter().map(|row| row.stage).collect();
    assert!(stages.iter().all(|stage| *stage == Stage::Stopped), "{at}: {stages:?}");
}

/// Kills `words` at every operation, once before it is done and once after. The same command then ends
/// as if nothing had been, with `exit`, and all is well.
fn killed_at_every_operation(bench: &Bench, words: &str, exit: Exit, at_least: u64) {
    let before = if bench.attempts().is_empty() { Vec::new() } else { bench.records() };
    for when in ["before", "after"] {
        let fault = |n| json!({ "any": { "at": n, "kill": when } });
        let count = at_every_operation(bench, words, exit, &fault, &|n, ran| {
            let at = format!("`crashcart {words}` killed {when} operation {n}");
            assert!(ran.was_killed(), "{at}: it lives: {:?}", ran.printed());
            nothing_is_lost(bench, &before);
            all_is_told(bench, &at);
            let again = bench.run(words);
            assert_eq!(again.code(), Some(exit as i32), "{at}, then again: {:?}", again.printed());
            nothing_is_lost(bench, &before);
            nothing_is_left(bench, &at);
        });
        assert!(count >= at_least, "only {count} operations were tried");
    }
}

/// Lets the engine refuse each operation of `words` in turn, and then lets it be away from each on. An
/// error is told in full; when the engine is well again, the same command ends with `exit`.
fn refused_at_every_operation(bench: &Bench, words: &str, exit: Exit, clean: Clean) {
    let before = if bench.attempts().is_empty() { Vec::new() } else { bench.records() };
    for (how, key) in [("refused at", "at"), ("away from", "from")] {
        let fault = |n| json!({ "any": { key: n, "error": "out of order" } });
        at_every_operation(bench, words, exit, &fault, &|n, ran| {
            let at = format!("`crashcart {words}`, {how} operation {n}");
            let printed = ran.printed();
            assert!(matches!(ran.code(), Some(0..=3)), "{at}: {printed:?}");
            // A check whose questions found no node is a report, and says so itself.
            if ran.code() == Some(3) && printed.stdout.is_empty() {
                let told = |word: &str| printed.stderr.lines().any(|line| line.starts_with(word));
                assert!(told("error: ") && told("next:  "), "{at}: no error is told: {printed:?}");
                assert!(printed.stderr.contains("out of order"), "{at}: no cause is told: {printed:?}");
            }
            if ran.code() != Some(exit as i32) && key == "at" && clean == Clean::AtOnce {
                assert_eq!(bench.objects(), [""; 0], "{at}: {printed:?}");
            }
            nothing_is_lost(bench, &before);
            all_is_told(bench, &at);
            let again = bench.run(words);
            // What could be done in spite of the fault is done, and need not be done again.
            let fine = again.code() == Some(exit as i32) || ran.code() == Some(exit as i32);
            assert!(fine, "{at}, then again: {:?}", again.printed());
            nothing_is_lost(bench, &before);
            nothing_is_left(bench, &at);
        });
    }
}

/// Whether a command that fails has cleaned up when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clean {
    AtOnce,
    WithTheNext,
}

/// A bench whose lab runs, has been checked, and has shown a hint.
fn under_way() -> Bench {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed --seed 7").succeeds();
    bench.run("hint").succeeds();
    bench.run("check").ends_with(Exit::NotYet);
    bench
}

#[test]
fn a_start_killed_anywhere_is_finished_by_the_next() {
    let bench = Bench::new().lab("key-exposed");
    killed_at_every_operation(&bench, "start key-exposed", Exit::Done, 10);
}

#[test]
fn a_start_that_must_build_images_first_survives_as_well() {
    let bench = Bench::new().lab("key-exposed");
    bench.clear_engine();
    killed_at_every_operation(&bench, "start key-exposed --seed 7", Exit::Done, 15);
}

#[test]
fn a_check_killed_anywhere_costs_nothing() {
    killed_at_every_operation(&under_way(), "check", Exit::NotYet, 3);
}

#[test]
fn a_check_that_plants_tokens_survives_as_well() {
    let bench = Bench::new().lab("key-exposed");
    // A job of which no node may give an answer: on paper none does.
    let check = r#"
[[check]]
id = "no-answer"
node = "back"
ask.command = { argv = ["/usr/bin/srun", "/bin/cat", "{{token}}", "{{nonce}}"], user = "ada" }
plant = ["front", "back"]
expect.answered = { len = 0 }
why = "It is stopped."

[[criterion]]
id = "key-in-order""#;
    bench.edit("graders/key-exposed.toml", "\n[[criterion]]\nid = \"key-in-order\"", check);
    bench.edit(
        "graders/key-exposed.toml",
        "checks = [\"job-runs\"]",
        "checks = [\"job-runs\", \"no-answer\"]",
    );
    bench.run("start key-exposed --seed 7").succeeds();
    bench.run("check").ends_with(Exit::NotYet);
    assert!(bench.engine_state()["counts"]["exec-plant"].as_u64() >= Some(2), "tokens are planted");
    killed_at_every_operation(&bench, "check", Exit::NotYet, 7);
}

#[test]
fn a_grading_killed_anywhere_is_done_by_the_next() {
    killed_at_every_operation(&under_way(), "grade", Exit::NotYet, 6);
}

#[test]
fn a_stop_killed_anywhere_is_finished_by_the_next() {
    killed_at_every_operation(&under_way(), "stop", Exit::Done, 4);
}

#[test]
fn a_reset_killed_anywhere_is_finished_by_the_next() {
    killed_at_every_operation(&under_way(), "reset", Exit::Done, 14);
}

#[test]
fn a_pause_and_a_resume_killed_anywhere_are_finished_by_the_next() {
    let bench = under_way();
    killed_at_every_operation(&bench, "pause", Exit::Done, 3);
    bench.run("pause").succeeds();
    killed_at_every_operation(&bench, "resume", Exit::Done, 3);
}

#[test]
fn a_start_that_is_refused_anything_leaves_nothing() {
    let bench = Bench::new().lab("key-exposed");
    refused_at_every_operation(&bench, "start key-exposed", Exit::Done, Clean::AtOnce);
}

#[test]
fn a_check_and_a_grading_outlive_every_refusal() {
    let bench = under_way();
    refused_at_every_operation(&bench, "check", Exit::NotYet, Clean::WithTheNext);
    refused_at_every_operation(&bench, "grade", Exit::NotYet, Clean::WithTheNext);
}

#[test]
fn a_stop_and_a_pause_outlive_every_refusal() {
    let bench = under_way();
    refused_at_every_operation(&bench, "stop", Exit::Done, Clean::WithTheNext);
    refused_at_every_operation(&bench, "pause", Exit::Done, Clean::WithTheNext);
}

#[test]
fn a_reset_outlives_every_refusal() {
    refused_at_every_operation(&under_way(), "reset", Exit::Done, Clean::WithTheNext);
}

#[test]
fn a_proof_killed_anywhere_leaves_no_trial() {
    let bench = Bench::new().lab("key-exposed");
    let fault = |n| json!({ "any": { "at": n, "kill": "after" } });
    let words = "lab prove key-exposed --seeds 1 --variant world-readable --only wrong --jobs 1";
    at_every_operation(&bench, words, Exit::Done, &fault, &|n, ran| {
        let at = format!("killed after operation {n}");
        assert!(ran.was_killed(), "{at}");
        all_is_told(&bench, &at);
        nothing_is_left(&bench, &at);
        assert!(bench.attempts().is_empty(), "{at}: a trial is kept: {:?}", bench.attempts());
    });
}

#[test]
fn a_proof_that_is_asked_to_end_removes_its_nodes_first() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let bench = Bench::new().lab("key-exposed");
        // In the middle of a trial, with its network and one of its nodes made.
        bench.faults(json!({ "create": { "at": 2, "hang": true } }));
        let proving = bench.begin("lab prove key-exposed --seeds 1 --jobs 1");
        proving.until_operations("create", 2);
        assert!(!bench.objects().is_empty(), "{name}: the trial has no nodes yet");
        proving.told(name);
        let ran = proving.ends();
        assert_eq!(ran.signal(), Some(number), "{name}: {:?}", ran.printed());
        assert!(ran.printed().stderr.contains("are removed"), "{name}: {:?}", ran.printed());
        assert_eq!(bench.objects(), [""; 0], "{name}");
        assert!(bench.attempts().is_empty(), "{name}: a trial is kept: {:?}", bench.attempts());
    }
}

#[test]
fn what_cannot_be_removed_keeps_nobody_from_another_lab() {
    let bench = Bench::new().lab("key-exposed").lab("key-forgotten");
    bench.run("start key-exposed").succeeds();
    bench.faults(json!({ "remove": { "error": "device is busy" } }));
    let printed = bench.run("stop").fails(Exit::Machine);
    assert!(
        printed.stderr.contains("could not remove everything of attempt `[ATTEMPT]`"),
        "{}",
        printed.stderr
    );
    assert!(printed.stderr.contains("device is busy"), "{}", printed.stderr);
    let printed = bench.run("start key-forgotten").succeeds();
    assert!(printed.stderr.contains("could not clean up"), "{}", printed.stderr);
    let doctor = bench.run("doctor --fix --yes").ends_with(Exit::Machine);
    assert!(doctor.stdout.contains("an interrupted stop"), "{}", doctor.stdout);
    bench.faults(json!({}));
    nothing_is_left(&bench, "well again");
}

#[test]
fn nodes_are_made_anew_where_qemu_ended_by_itself() {
    let ends = |words: &str| {
        let bench = Bench::new().lab("key-exposed");
        bench.faults(json!({ "exec-batch": { "at": 1, "last-words": words } }));
        bench
    };
    let by_itself = format!("{QEMU_ENDED} signal: 6 (SIGABRT) (core dumped); the guest's disk is kept");

    let bench = ends(&by_itself);
    bench.run("start key-exposed --seed 7").succeeds();
    assert_eq!(bench.attempts().iter().map(|row| row.stage).collect::<Vec<_>>(), [Stage::Running]);
    bench.run("check").ends_with(Exit::NotYet);
    nothing_is_left(&bench, "made anew");

    // Whatever else ends a node is the lab's own affair, and told at once.
    let bench = ends("Out of memory");
    bench.run("start key-exposed --seed 7").fails(Exit::Machine);
    assert_eq!(bench.attempts().iter().map(|row| row.stage).collect::<Vec<_>>(), [Stage::Stopped]);

    // Three times is not by chance.
    let bench = Bench::new().lab("key-exposed");
    bench.faults(json!({ "exec-batch": { "last-words": by_itself } }));
    bench.run("start key-exposed --seed 7").fails(Exit::Machine);
    assert_eq!(bench.attempts().iter().map(|row| row.stage).collect::<Vec<_>>(), [Stage::Stopped]);
    assert_eq!(bench.objects(), [""; 0]);
}

#[test]
fn an_interrupted_start_gives_way_to_another_seed() {
    let bench = Bench::new().lab("key-exposed");
    bench.faults(json!({ "exec-batch": { "at": 1, "kill": "before" } }));
    assert!(bench.run("start key-exposed --seed 7").was_killed());
    bench.faults(json!({}));
    // The other commands say what it is.
    let printed = bench.run("check").fails(Exit::Usage);
    assert!(printed.stderr.contains("finish it with `crashcart start key-exposed`"), "{}", printed.stderr);
    assert!(all_is_told(&bench, "interrupted").stdout.contains("crashcart start key-exposed"));
    let doctor = bench.run("doctor").ends_with(Exit::Machine);
    assert!(doctor.stdout.contains("an interrupted start"), "{}", doctor.stdout);
    bench.run("start key-exposed --seed 8").succeeds();
    assert_eq!(
        bench.attempts().iter().map(|row| (row.seed, row.stage)).collect::<Vec<_>>(),
        [(7, Stage::Stopped), (8, Stage::Running)]
    );
    nothing_is_left(&bench, "with another seed");
}

#[test]
fn an_interrupted_start_is_ended_by_stop() {
    let bench = Bench::new().lab("key-exposed");
    bench.faults(json!({ "start": { "at": 2, "kill": "after" } }));
    assert!(bench.run("start key-exposed").was_killed());
    bench.faults(json!({}));
    bench.run("stop").succeeds();
    assert_eq!(bench.objects(), [""; 0]);
    bench.run("doctor").succeeds();
}
