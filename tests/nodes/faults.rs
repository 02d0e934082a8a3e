//! Faults on a real engine: crashcart killed at any moment, nodes killed or removed behind its back, an
//! image build interrupted.

use std::time::Duration;

use crashcart::cli::exit::Exit;
use crashcart::engine::docker::DockerEngine;
use crashcart::engine::{ContainerId, Engine, Exec, FoundKind, LABEL_HOME, LABEL_NODE, Labels, Silent};
use crashcart::image::agent;
use crashcart::store::Stage;

use crate::bench::Bench;
use crate::engine::{base, engine, state, unique};

const LAB: &str = "shm-dataloader-bus-error";

/// A state directory of its own on the engine of this machine, with the lab's image built.
async fn bench() -> (Bench, DockerEngine) {
    let engine = engine().await;
    base(&engine).await;
    // Built once for all tests of this run, whose state directories share no locks.
    let built = tokio::task::spawn_blocking(|| {
        let mut bench = Bench::real();
        bench.set_env("CRASHCART_STATE_DIR", &state().display().to_string());
        bench.run("image build trainer").succeeds();
    });
    built.await.expect("the image is built");
    (Bench::real(), engine)
}

/// Everything in the engine that belongs to this bench.
async fn ours(bench: &Bench, engine: &DockerEngine) -> Vec<String> {
    let labels = Labels::from([(LABEL_HOME.to_owned(), bench.store().home_label())]);
    engine.list(&labels).await.expect("a list").into_iter().map(|thing| thing.name).collect()
}

/// The containers of this bench's nodes.
pub async fn nodes(bench: &Bench, engine: &DockerEngine) -> Vec<ContainerId> {
    let labels = Labels::from([(LABEL_HOME.to_owned(), bench.store().home_label())]);
    let found = engine.list(&labels).await.expect("a list").into_iter();
    let nodes = found.filter(|thing| {
        matches!(thing.kind, FoundKind::Container(_)) && thing.labels.contains_key(LABEL_NODE)
    });
    nodes.map(|thing| ContainerId(thing.id)).collect()
}

pub async fn sh(engine: &DockerEngine, id: &ContainerId, script: &str) -> (i64, String) {
    let exec = Exec {
        argv: ["/bin/sh", "-c", script].map(String::from).into(),
        user: "root".into(),
        env: Default::default(),
        stdin: Vec::new(),
        output_limit: 1 << 20,
        timeout_ms: 20_000,
    };
    let output = engine.exec(id, exec).await.expect("an exec");
    (output.code, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ends everything, and sees that the engine holds nothing of it.
pub async fn done(bench: &Bench, engine: &DockerEngine) {
    bench.run("stop --all").succeeds();
    bench.run("doctor --fix --yes").succeeds();
    bench.run("doctor").succeeds();
    assert_eq!(ours(bench, engine).await, [""; 0]);
    bench.records();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_killed_at_any_moment_is_finished_by_the_next() {
    let (bench, engine) = bench().await;
    // From before the first request until after the fault is in.
    for round in 0..6u64 {
        let moment = Duration::from_millis(round * 250 + rand::random_range(0..250));
        let starting = bench.begin(&format!("start {LAB} --seed 1"));
        std::thread::sleep(moment);
        starting.killed();
        let ran = bench.run(&format!("start {LAB}"));
        // A machine so fast that nothing was left to kill.
        let was_ready = ran.code() == Some(2) && ran.printed().stderr.contains("already running");
        assert!(ran.code() == Some(0) || was_ready, "killed after {moment:?}: {:?}", ran.printed());
        let alive = bench.attempts().into_iter().filter(|row| row.stage == Stage::Running).count();
        assert_eq!(alive, 1, "killed after {moment:?}");
        assert_eq!(nodes(&bench, &engine).await.len(), 1, "killed after {moment:?}");
        let checked = bench.run("check");
        assert_eq!(checked.code(), Some(1), "killed after {moment:?}: {:?}", checked.printed());
        done(&bench, &engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_an_engine_restart_stopped_come_back_with_the_work_in_them() {
    let (bench, engine) = bench().await;
    bench.run(&format!("start {LAB} --seed 1")).succeeds();
    let node = nodes(&bench, &engine).await.remove(0);
    assert_eq!(sh(&engine, &node, "echo mine > /root/work").await.0, 0);
    for words in ["check", "resume", "grade"] {
        // As a restart of the engine does: all processes gone at once, the disk kept.
        engine.stop(&node, 0).await.expect("a kill");
        let ran = bench.run(words);
        let printed = ran.printed();
        assert!(matches!(ran.code(), Some(0 | 1)), "{words}: {printed:?}");
        let told = format!("{}{}", printed.stdout, printed.stderr);
        assert!(told.contains("started again"), "{words}: {told}");
        assert_eq!(sh(&engine, &node, "cat /root/work").await.1, "mine\n", "{words}");
    }
    // The clock and the nodes of a paused attempt outlive it as well.
    bench.run("pause").succeeds();
    engine.unpause(&node).await.expect("an unpause");
    engine.stop(&node, 0).await.expect("a kill");
    bench.run("resume").succeeds();
    assert_eq!(sh(&engine, &node, "cat /root/work").await.1, "mine\n");
    done(&bench, &engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_removed_behind_our_back_is_told_and_made_again_by_reset() {
    let (bench, engine) = bench().await;
    bench.run(&format!("start {LAB} --seed 1")).succeeds();
    let node = nodes(&bench, &engine).await.remove(0);
    engine.remove(&node).await.expect("a removal");
    for words in ["check", "grade", "resume", "pause"] {
        let printed = bench.run(words).fails(Exit::Machine);
        assert!(printed.stderr.contains("is no longer in the engine"), "{words}: {}", printed.stderr);
        assert!(printed.stderr.contains("begin anew with `crashcart reset`"), "{words}: {}", printed.stderr);
    }
    bench.run("status").succeeds();
    bench.run("reset").succeeds();
    bench.run("check").ends_with(Exit::NotYet);
    done(&bench, &engine).await;
}

/// Commands of all containers of this engine, whoever made them.
async fn commands() -> Vec<String> {
    let docker = bollard::Docker::connect_with_defaults().expect("the engine");
    let docker = docker.negotiate_version().await.expect("the engine's version");
    let all = bollard::query_parameters::ListContainersOptionsBuilder::default().all(true).build();
    let found = docker.list_containers(Some(all)).await.expect("a list");
    found.into_iter().filter_map(|container| container.command).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_build_that_is_interrupted_is_done_by_the_next() {
    let engine = engine().await;
    base(&engine).await;
    let bench = Bench::real();
    // A folder of images of its own, and a step in it that takes its time.
    let word = unique("slow");
    bench.write(
        &format!("containers/{word}/image.toml"),
        "format = 1\nbase = \"debian\"\nsummary = \"For a test.\"\n",
    );
    let slow = format!("ARG BASE\nFROM ${{BASE}}\nRUN sleep 4; echo {word} > /etc/word\n");
    bench.write(&format!("containers/{word}/Containerfile"), &slow);
    let build = format!("image build {word} --root {}", bench.root().display());
    let began = bench.begin(&build);
    let is_there = async || commands().await.iter().any(|command| command.contains("sleep 4"));
    let mut waited = 0;
    while !is_there().await {
        waited += 1;
        assert!(waited < 600, "the build never gets to its slow step");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    began.killed();
    let printed = bench.run(&build).succeeds();
    assert!(printed.stdout.contains("built"), "{}", printed.stdout);
    let mut left = commands().await;
    for _ in 0..50 {
        left.retain(|command| command.contains("sleep 4"));
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        left = commands().await;
    }
    assert_eq!(left, [""; 0], "containers of the build are left");
    let again = bench.run(&build).succeeds();
    assert!(again.stdout.contains("was there"), "{}", again.stdout);
    let catalog = crashcart::image::ImageCatalog::load(&bench.root().join("containers")).expect("the images");
    engine.remove_image(&catalog.get(&word).expect("the image").tag()).await.expect("a removal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_of_the_agent_that_a_killed_run_left_is_removed() {
    let engine = engine().await;
    let base = base(&engine).await;
    let bench = Bench::real();
    let home = bench.store().home_label();
    let docker = bollard::Docker::connect_with_defaults().expect("the engine");
    let docker = docker.negotiate_version().await.expect("the engine's version");
    let labels = [("crashcart.kind", "carrier"), (LABEL_HOME, home.as_str())];
    let body = bollard::models::ContainerCreateBody {
        image: Some(base),
        cmd: Some(vec!["/nothing".into()]),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        ..Default::default()
    };
    let none = None::<bollard::query_parameters::CreateContainerOptions>;
    docker.create_container(none, body).await.expect("a container");
    assert_eq!(ours(&bench, &engine).await.len(), 1);
    bench.run("doctor --fix --yes").succeeds();
    assert_eq!(ours(&bench, &engine).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_state_directory_leaves_the_agent_of_running_nodes_alone() {
    let (bench, engine) = bench().await;
    bench.run(&format!("start {LAB} --seed 1")).succeeds();
    let node = nodes(&bench, &engine).await.remove(0);
    let inode = async || sh(&engine, &node, "stat -c %i /.crashcart/agent").await;
    let before = inode().await;
    assert_eq!(before.0, 0);
    let (endpoint, base) = (engine.about().await.expect("about").endpoint, base(&engine).await);
    let others: Vec<tempfile::TempDir> =
        (0..4).map(|_| tempfile::tempdir().expect("a temporary folder")).collect();
    let deliver =
        others.iter().map(|other| agent::ensure(&engine, other.path(), "none", &endpoint, &base, &Silent));
    for delivered in futures_util::future::join_all(deliver).await {
        delivered.expect("a volume");
    }
    assert_eq!(inode().await, before, "the file that the node runs from was written again");
    done(&bench, &engine).await;
}
