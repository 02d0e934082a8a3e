//! A node with simulated GPUs as a learner gets it: the real image, packages and tools.

use std::os::unix::fs::symlink;

use crashcart::cli::exit::Exit;

use crate::bench::Bench;
use crate::engine::{base, engine, state};
use crate::faults::{done, nodes, sh};

const LAB: &str = "seven-of-eight";

/// The lab of `gpu-lab/` on the repository's own images.
fn bench() -> Bench {
    let mut bench = Bench::real();
    let root = bench.root();
    for image in ["base", "gpu"] {
        let ours = format!("{}/containers/{image}", env!("CARGO_MANIFEST_DIR"));
        symlink(ours, root.join("containers").join(image)).expect("a link");
    }
    let files = [
        ("lab.toml", include_str!("gpu-lab/lab.toml")),
        ("brief.md", include_str!("gpu-lab/brief.md")),
        ("hints.md", include_str!("gpu-lab/hints.md")),
        ("debrief.md", include_str!("gpu-lab/debrief.md")),
        ("prepare/driver.sh", include_str!("gpu-lab/prepare/driver.sh")),
        ("break/look.sh", include_str!("gpu-lab/break/look.sh")),
        ("solve/nothing.sh", include_str!("gpu-lab/solve/nothing.sh")),
    ];
    for (file, text) in files {
        bench.write(&format!("labs/{LAB}/{file}"), text);
    }
    bench.write(&format!("graders/{LAB}.toml"), include_str!("gpu-lab/grader.toml"));
    bench.set_env("CRASHCART_ROOT", &root.display().to_string());
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_gpu_shows_everywhere_and_comes_back_with_the_power() {
    let engine = engine().await;
    base(&engine).await;
    let built = tokio::task::spawn_blocking(|| {
        let mut bench = bench();
        bench.set_env("CRASHCART_STATE_DIR", &state().display().to_string());
        bench.run("image build gpu").succeeds();
    });
    built.await.expect("the image is built");
    let bench = bench();
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
