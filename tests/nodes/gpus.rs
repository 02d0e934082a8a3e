//! A node with simulated GPUs as a learner gets it: the real image, packages and tools.

use std::os::unix::fs::symlink;
use std::path::Path;

use crashcart::cli::exit::Exit;

use crate::bench::Bench;
use crate::engine::{base, engine, state};
use crate::faults::{done, nodes, sh};

const LAB: &str = "seven-of-eight";
const FOLDER: &str = "gpu-lab";
pub const IMAGES: [&str; 2] = ["base", "gpu"];

/// The lab in a folder beside this file, on the repository's own images.
pub fn bench(lab: &str, folder: &str, images: &[&str]) -> Bench {
    let mut bench = Bench::real();
    let root = bench.root();
    for image in images {
        let ours = format!("{}/containers/{image}", env!("CARGO_MANIFEST_DIR"));
        symlink(ours, root.join("containers").join(image)).expect("a link");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nodes").join(folder);
    for entry in walkdir::WalkDir::new(&folder) {
        let entry = entry.expect("a file of the lab");
        if entry.file_type().is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("a file of the lab");
        let path = entry.path().strip_prefix(&folder).expect("below the folder").display().to_string();
        match path.as_str() {
            "grader.toml" => bench.write(&format!("graders/{lab}.toml"), &text),
            _ => bench.write(&format!("labs/{lab}/{path}"), &text),
        }
    }
    bench.set_env("CRASHCART_ROOT", &root.display().to_string());
    bench
}

/// Builds a bench's image in the state directory that all tests share, whose locks keep them apart; gives a
/// bench with a state of its own.
pub async fn with_image(image: &'static str, bench: impl Fn() -> Bench + Send + 'static) -> Bench {
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = bench();
        builder.set_env("CRASHCART_STATE_DIR", &state().display().to_string());
        builder.run(&format!("image build {image}")).succeeds();
        bench()
    });
    built.await.expect("the image is built")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_gpu_shows_everywhere_and_comes_back_with_the_power() {
    let engine = engine().await;
    base(&engine).await;
    let bench = with_image("gpu", || bench(LAB, FOLDER, &IMAGES)).await;
    bench.run(&format!("start {LAB}")).succeeds();
    let node = nodes(&bench, &engine).await.remove(0);
    let say = async |script: &str| sh(&engine, &node, script).await;

    assert_eq!(say("grep -c 'NVIDIA H100' /root/before").await.1, "8\n", "all are well while it is prepared");
    assert_eq!(say("grep -c 'NVIDIA H100' /root/after").await.1, "7\n", "and broken before the scripts");
    let (code, listed) = say("nvidia-smi -L 2>&1").await;
    assert!(listed.contains("GPU 7: NVIDIA H100 80GB HBM3 (UUID: GPU-"), "{code}: {listed}");
    assert!(listed.contains("GPU is lost"), "{code}: {listed}");
    assert_eq!(say("lspci -n | grep -c 10de:2330").await.1, "8\n");
    assert!(say("lspci -vv -s 86:00.0 2>/dev/null").await.1.contains("Unknown header type 7f"));
    assert!(say("journalctl -k").await.1.contains("): 79, "));
    assert_eq!(
        say("env | grep -c CRASHCART_HARDWARE_KEY=[0-9a-f]").await.1,
        "0\n",
        "an exec was told the key"
    );
    bench.run("check").ends_with(Exit::NotYet);

    // Another branch beside the kernel's, without a way out of the node.
    let other = "apt-get install --quiet --quiet --yes --allow-downgrades nvidia-smi=550.163.01-1 \
                 libnvidia-ml1=550.163.01-1 >/dev/null 2>&1; nvidia-smi";
    let (code, said) = say(other).await;
    assert_eq!(code, 18, "{said}");
    assert!(said.contains("Driver/library version mismatch"), "{said}");

    bench.run("grade").succeeds();
    assert_eq!(say("nvidia-smi >/dev/null; echo $?").await.1, "18\n", "what is installed stays");
    done(&bench, &engine).await;
}
