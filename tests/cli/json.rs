//! `--json` prints one JSON document, of success and of failure alike, and nothing else.

use crashcart::cli::exit::Exit;
use serde_json::Value;

use crate::bench::Bench;

/// Runs a command with `--json`; what it prints must be one document, and nothing may stand beside it.
#[track_caller]
fn asked(bench: &Bench, words: &str, exit: Exit) -> Value {
    let ran = bench.run(&format!("{words} --json"));
    let value = ran.json();
    let printed = ran.ends_with(exit);
    assert_eq!(printed.stderr, "", "`{words} --json` talks");
    value
}

/// As [`asked`], for a command that fails: the document is the error.
#[track_caller]
fn refused(bench: &Bench, words: &str, exit: Exit) -> Value {
    let value = asked(bench, words, exit);
    for key in ["error", "next"] {
        assert!(
            value[key].as_str().is_some_and(|text| !text.is_empty()),
            "`{words} --json` has no `{key}`: {value}"
        );
    }
    value
}

#[test]
fn every_command_prints_json_when_it_succeeds() {
    let bench = Bench::new().lab("key-exposed");
    let done = |words: &str| asked(&bench, words, Exit::Done);
    assert_eq!(done("")["command"], "crashcart demo");
    done("next");
    assert_eq!(done("path")["next"][0]["lab"], "key-exposed");
    assert_eq!(done("history --skills"), serde_json::json!([]));
    assert_eq!(done("list")[0]["name"], "key-exposed");
    assert_eq!(done("status"), serde_json::json!([]));
    let started = done("start key-exposed --seed 7");
    assert_eq!((&started["lab"], &started["seed"]), (&"key-exposed".into(), &7.into()));
    assert!(done("brief")["brief"].as_str().is_some_and(|text| text.contains("port")));
    assert_eq!(done("status")[0]["stage"], "running");
    assert_eq!(asked(&bench, "check", Exit::NotYet)["verdict"], "failed");
    assert_eq!(asked(&bench, "check --why key-private", Exit::NotYet)["check"]["id"], "key-private");
    assert_eq!(asked(&bench, "watch --once", Exit::NotYet)["verdict"], "failed");
    assert_eq!(done("hint")["seen"], 1);
    assert_eq!(done("hint --again")["hints"].as_array().map(Vec::len), Some(1));
    bench.mend();
    assert_eq!(done("grade --role all")["roles"].as_array().map(Vec::len), Some(1));
    assert_eq!(done("grade --stored")["verdict"], "passed");
    assert_eq!(done("pause")["stage"], "paused");
    assert_eq!(done("pause")["stage"], "paused");
    assert_eq!(done("resume")["stage"], "running");
    assert_eq!(done("reset")["seed"], 7);
    done("stop");
    assert_eq!(done("stop --all"), serde_json::json!([]));
    assert_eq!(done("next --role site-keeper")["command"], "crashcart path");
    let path = done("path site-keeper --follow");
    assert_eq!((&path["role"], &path["followed"]), (&"site-keeper".into(), &true.into()));
    assert_eq!((&path["skills"][0]["skill"], &path["skills"][0]["weight"]), (&"SEC".into(), &60.into()));
    assert_eq!(path["returns"][0]["went"], "hard");
    assert_eq!(done("path --unfollow")["role"], Value::Null);
    assert_eq!(done("history --skills")[0]["marks"][0]["lab"], "key-exposed");
    assert_eq!(done("history").as_array().map(Vec::len), Some(2));
    let id = bench.attempts()[0].id.to_string();
    assert!(done(&format!("history {id}"))["broken-at"].is_null());
    assert_eq!(done("pack key-exposed")["labs"], serde_json::json!(["key-exposed"]));
    assert_eq!(done("unpack key-exposed.pack --check")["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(done("unpack key-exposed.pack")["taken"].as_array().map(Vec::len), Some(2));
    assert!(done("site build")["pages"].as_u64().is_some_and(|pages| pages > 5));
    done("image list");
    done("image build");
    done("image prune");
    done("lab lint");
    done("lab new nfs-exports-gone");
    done("lab copy copied");
    assert!(done("manual lab prove")["page"].as_str().is_some_and(|page| page.contains(".TH")));
    done("lab prove key-exposed --quick");
    assert!(done("completions bash")["script"].as_str().is_some_and(|text| text.contains("crashcart")));
    assert!(done("doctor")["machine"]["items"].is_array());
    assert!(done("doctor --fix --yes")["leftovers"].is_array());
}

#[test]
fn the_demo_prints_one_document() {
    let bench = Bench::new().lab("shm-dataloader-bus-error");
    bench.edit(
        "graders/roles/site-keeper.toml",
        "id = \"site-keeper\"",
        "id = \"machine-learning-engineer\"",
    );
    assert_eq!(asked(&bench, "demo", Exit::Done)["verdict"], "passed");
}

#[test]
fn every_command_prints_json_when_it_fails() {
    let bench = Bench::new().lab("key-exposed");
    for words in [
        "strat",
        "start",
        "start key-exposed --seed many",
        "doctor --yes",
        "image",
        "lab",
        "completions basch",
    ] {
        refused(&bench, words, Exit::Usage);
    }
    for words in [
        "brief",
        "check",
        "watch --once",
        "hint",
        "grade",
        "pause",
        "resume",
        "reset",
        "stop",
        "history abcdef",
    ] {
        refused(&bench, words, Exit::Usage);
    }
    for words in [
        "start nothing",
        "start key-exposed --variant none",
        "list --track none",
        "next --role none",
        "path none",
        "path none --follow",
        "path --follow",
        "lab lint none",
        "lab prove none",
        "lab new key-exposed",
        "lab copy .",
        "manual lab prov",
        "image build none",
    ] {
        refused(&bench, words, Exit::Usage);
    }
    let near = refused(&bench, "start key-exposd", Exit::Usage);
    assert_eq!(near["next"], "did you mean `key-exposed`?");
    bench.run("start key-exposed").succeeds();
    for words in [
        "shell",
        "start key-exposed",
        "start key-exposed --shell",
        "check --why none",
        "grade --role none",
        "grade --stored",
    ] {
        refused(&bench, words, Exit::Usage);
    }
    bench.faults(serde_json::json!({ "any": { "error": "out of order" } }));
    for words in [
        "check",
        "grade",
        "pause",
        "resume",
        "stop",
        "reset",
        "image list",
        "image build",
        "image prune",
        "lab prove key-exposed",
    ] {
        refused(&bench, words, Exit::Machine);
    }
    bench.faults(serde_json::json!({}));
    bench.run("start key-exposed").succeeds();
    bench.edit("labs/key-exposed/lab.toml", "level = 1", "level = 9");
    for words in ["brief", "check", "reset", "lab prove key-exposed"] {
        let error = refused(&bench, words, Exit::Usage);
        assert!(error["error"].as_str().is_some_and(|text| text.contains("level = 9")), "{error}");
    }
}
