//! What a learner does beside the task, on real nodes: told, with what was done to what, and nothing that a node does
//! by itself.

use std::collections::BTreeSet;

use crashcart::cli::exit::Exit;
use serde_json::Value;

use crate::engine::{base, engine};
use crate::faults::{done, nodes, sh};
use crate::gpus::{IMAGES, bench, with_image};

const LAB: &str = "seven-of-eight";

/// A key of the system's, a unit, a package, a program and a user: all on one node of simulated GPUs.
const DAMAGE: &str = "set -eu
chmod 0644 /etc/shadow
cp /usr/bin/id /usr/local/bin/id-of-root
chmod 4755 /usr/local/bin/id-of-root
printf 'deb [trusted=yes] http://mirror.invalid ./\\n' > /etc/apt/sources.list.d/mine.list
dpkg --purge --force-all gpu-work > /dev/null 2>&1
systemctl mask apt-daily-upgrade.timer > /dev/null 2>&1
mkfifo /etc/a-fifo
ln -s a-loop /etc/a-loop
rm /etc/issue";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_beside_the_task_is_told_and_what_a_node_does_itself_is_not() {
    let engine = engine().await;
    base(&engine).await;
    let bench = with_image("gpu", || bench(LAB, "gpu-lab", &IMAGES)).await;
    bench.run(&format!("start {LAB}")).succeeds();
    let graded = |bench: &crate::bench::Bench, exit: Exit| -> Value {
        let output = bench.run("grade --yes --json --changes").ends_with(exit);
        serde_json::from_str(&output.stdout).expect("JSON")
    };

    // Untouched, then restarted by the grading, and still untouched: nothing changed by itself.
    for _ in 0..2 {
        let report = graded(&bench, Exit::Done);
        assert_eq!(report["beside"]["damage"], serde_json::json!([]), "{}", report["beside"]);
        for (node, changed) in report["beside"]["changed"].as_object().expect("by node") {
            assert_eq!(changed, &serde_json::json!({}), "{node}: {}", report["changes"]);
        }
    }

    let node = nodes(&bench, &engine).await.remove(0);
    let (code, said) = sh(&engine, &node, &format!("exec 2>&1; {DAMAGE}")).await;
    assert_eq!((code, said.as_str()), (0, ""));
    let report = graded(&bench, Exit::Done);
    let damage = report["beside"]["damage"].as_array().expect("a list").iter();
    let found: BTreeSet<(&str, &str)> = damage
        .map(|one| (one["kind"].as_str().expect("a name"), one["what"].as_str().expect("a text")))
        .collect();
    let wanted = [
        ("secret-readable", "/etc/shadow"),
        ("setuid-program", "/usr/local/bin/id-of-root"),
        ("signatures-off", "/etc/apt/sources.list.d/mine.list"),
    ];
    for one in wanted {
        assert!(found.contains(&one), "{one:?} in {found:?}");
    }
    let text = serde_json::to_string(&report["changes"]).expect("JSON");
    for name in [
        "\"/etc/a-fifo\"",
        "\"/etc/a-loop\"",
        "\"/etc/issue\"",
        "\"apt-daily-upgrade.timer\"",
        "\"gpu-work\"",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }

    done(&bench, &engine).await;
}
