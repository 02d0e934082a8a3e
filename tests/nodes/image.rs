//! Images built by the engine of this machine: the base, a catalogue on it, the agent's volume.

use std::path::Path;
use std::sync::Mutex;

use crashcart::engine::{Engine, FoundKind, LABEL_KIND, Labels, Progress, Silent};
use crashcart::image::{ImageCatalog, LABEL_DIGEST, LABEL_IMAGE, agent, base};

use crate::engine::{base as debian, engine, state, unique};

/// Writes an image of a catalogue; `word` makes it unlike any other.
fn image(containers: &Path, name: &str, below: &str, word: &str) {
    let folder = containers.join(name);
    std::fs::create_dir_all(folder.join("files/etc")).expect("folders");
    std::fs::write(
        folder.join("image.toml"),
        format!("format = 1\nbase = \"{below}\"\nsummary = \"For a test.\"\n"),
    )
    .expect("a file");
    std::fs::write(
        folder.join("Containerfile"),
        "ARG BASE\nFROM ${BASE}\nCOPY files/ /\nRUN cat /etc/word\n",
    )
    .expect("a file");
    std::fs::write(folder.join("files/etc/word"), word).expect("a file");
}

/// Counts jobs.
#[derive(Default)]
struct Jobs(Mutex<Vec<String>>);

impl Progress for Jobs {
    fn job(&self, what: &str) {
        self.0.lock().expect("no poison").push(what.into());
    }
    fn step(&self, _done: u32, _of: u32, _what: &str) {}
    fn line(&self, _line: &str) {}
}

#[tokio::test]
async fn the_base_says_how_it_was_made() {
    let engine = engine().await;
    let tag = debian(&engine).await;
    let image = engine.image(&tag).await.expect("an answer").expect("the base");
    assert_eq!(image.labels.get(LABEL_KIND).map(String::as_str), Some("image"));
    assert!(
        matches!(image.labels.get(base::LABEL_BASE).map(String::as_str), Some("pulled" | "mmdebstrap")),
        "{image:?}"
    );
}

#[tokio::test]
async fn two_crashcarts_that_want_the_same_image_build_it_once() {
    let engine = engine().await;
    debian(&engine).await;
    let word = unique("image");
    let containers = tempfile::tempdir().expect("a temporary folder");
    let (lower, upper) = (format!("{word}-lower"), format!("{word}-upper"));
    image(containers.path(), &lower, "debian", &word);
    image(containers.path(), &upper, &lower, &word);
    let catalog = ImageCatalog::load(containers.path()).expect("a catalogue");

    let plan = catalog.plan(&engine, &[&upper]).await.expect("a plan");
    assert_eq!(
        plan.steps.iter().map(|step| (step.image.as_str(), step.present)).collect::<Vec<_>>(),
        [(lower.as_str(), false), (upper.as_str(), false)]
    );
    let (one, two) = (Jobs::default(), Jobs::default());
    let state = state();
    let (first, second) = tokio::join!(
        catalog.build(&engine, &state, &plan, &one),
        catalog.build(&engine, &state, &plan, &two)
    );
    first.and(second).expect("both are served");
    let jobs = one.0.lock().expect("no poison").len() + two.0.lock().expect("no poison").len();
    assert_eq!(jobs, 2, "each image is built once");

    let plan = catalog.plan(&engine, &[&upper]).await.expect("a plan");
    assert!(plan.is_done());
    assert_eq!(plan.steps.len(), 1, "what a present image was built on is not asked for");
    let tag = catalog.get(&upper).expect("an image").tag();
    let built = engine.image(&tag).await.expect("an answer").expect("an image");
    assert_eq!(built.labels.get(LABEL_IMAGE), Some(&upper));
    assert_eq!(built.labels.get(LABEL_DIGEST), Some(&catalog.get(&upper).expect("an image").digest));
    for name in [&upper, &lower] {
        engine.remove_image(&catalog.get(name).expect("an image").tag()).await.expect("a removal");
    }
}

#[tokio::test]
async fn the_agent_is_delivered_once() {
    let engine = engine().await;
    let base = debian(&engine).await;
    let endpoint = engine.about().await.expect("about").endpoint;
    let state = tempfile::tempdir().expect("a temporary folder");
    let first =
        agent::ensure(&engine, state.path(), "none", &endpoint, &base, &Silent).await.expect("a volume");
    let second =
        agent::ensure(&engine, state.path(), "none", &endpoint, &base, &Silent).await.expect("a volume");
    assert_eq!(first, second);
    let found =
        engine.list(&Labels::from([(LABEL_KIND.into(), agent::KIND_AGENT.into())])).await.expect("a list");
    assert_eq!(
        found.iter().filter(|thing| thing.kind == FoundKind::Volume && thing.name == first).count(),
        1
    );
}
