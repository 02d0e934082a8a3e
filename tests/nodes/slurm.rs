//! Slurm as Debian ships it, with its own NVML plugin, as a client of our library: what it says of GPUs that
//! are well, of one that is lost, and of a library that is not the driver's.

use crashcart::cli::exit::Exit;

use crate::engine::{base, engine};
use crate::faults::{done, nodes, sh};
use crate::gpus::{bench, with_image};

const LAB: &str = "seven-says-slurm";
const IMAGES: [&str; 3] = ["base", "gpu", "slurm"];

#[tokio::test(flavor = "multi_thread")]
async fn slurm_counts_gpus_by_nvml_and_refuses_a_node_that_lost_one() {
    let engine = engine().await;
    base(&engine).await;
    let bench = with_image("slurm", || bench(LAB, "slurm-lab", &IMAGES)).await;
    bench.run(&format!("start {LAB}")).succeeds();
    let node = nodes(&bench, &engine).await.remove(0);
    let say = async |script: &str| sh(&engine, &node, script).await.1;

    // All well: each GPU with its file, the cores of its socket, and no direct link to another, since the links
    // of such a board end in switches.
    let found = say("cat /root/found-before").await;
    assert!(found.contains("_get_system_gpu_list_nvml: 8 GPU system device(s) detected"), "{found}");
    for gpu in 0..8 {
        let cores = if gpu < 4 { "0-55" } else { "56-111" };
        let links = (0..8).map(|other| if other == gpu { "-1" } else { "0" }).collect::<Vec<_>>().join(",");
        let line = format!(
            "Name=gpu Type=h100 Count=1 Index={gpu} ID=7696487 File=/dev/nvidia{gpu} Cores={cores} \
             CoreCnt=224 Links={links} Flags=HAS_FILE,HAS_TYPE,ENV_NVML"
        );
        assert!(found.contains(&line), "no `{line}` in {found}");
    }
    assert_eq!(say("cat /root/before").await, "idle gpu:h100:8(S:0-1) none\n");
    assert_eq!(say("cat /root/job").await, "0,1,2,3,4,5,6,7\n", "what a job was given, and worked on");

    // One lost: NVML names it, slurmd leaves it out, the controller does the sum and will not have the node.
    let found = say("cat /root/found-after").await;
    assert!(found.contains("error: Failed to get device handle for GPU 3: GPU is lost"), "{found}");
    assert!(!found.contains("File=/dev/nvidia3"), "{found}");
    assert_eq!(found.matches("Gres Name=gpu Type=h100").count(), 7, "{found}");
    let reason = "gres/gpu count reported lower than configured (7 < 8)";
    assert_eq!(say("cat /root/after").await, format!("inval gpu:h100:7(S:0-1) {reason}\n"));
    let node_shown = say("scontrol show node gpu1").await;
    assert!(node_shown.contains("State=IDLE+DRAIN+INVALID_REG"), "{node_shown}");
    assert!(node_shown.contains(&format!("Reason={reason} [slurm@")), "{node_shown}");
    assert_eq!(say("cat /root/resumed").await, "slurm_update error: Invalid node state specified\n");
    bench.run("check").ends_with(Exit::NotYet);

    // A library of another branch than the kernel's side: NVML will not begin, and none is found.
    let other =
        "export DEBIAN_FRONTEND=noninteractive; apt-get install --quiet --quiet --yes --allow-downgrades";
    let install = async |driver: &str| {
        let install = format!("{other} nvidia-smi={driver}-1 libnvidia-ml1={driver}-1");
        assert_eq!(sh(&engine, &node, &install).await.0, 0, "{driver} is installed");
    };
    install("570.158.01").await;
    let found = say("slurmd -G 2>&1").await;
    assert!(found.contains("error: Failed to initialize NVML: Driver/library version mismatch"), "{found}");
    assert!(found.contains("_get_system_gpu_list_nvml: 0 GPU system device(s) detected"), "{found}");
    assert!(!found.contains("Gres Name=gpu"), "{found}");
    say("systemctl restart slurmd").await;
    let state = "sinfo --noheader --format='%T %E'";
    let becomes = async |wanted: &str| {
        let wait =
            format!("for _ in $(seq 40); do [ \"$({state})\" = '{wanted}' ] && break; sleep 0.25; done");
        assert_eq!(say(&format!("{wait}; {state}")).await, format!("{wanted}\n"));
    };
    becomes("inval gres/gpu count reported lower than configured (0 < 8)").await;

    // The right library, and a power cycle, which `grade` makes: eight again, and drained until somebody resumes it.
    install("580.105.08").await;
    bench.run("grade").ends_with(Exit::NotYet);
    becomes("drained gres/gpu count reported lower than configured (0 < 8)").await;
    say("scontrol update nodename=gpu1 state=resume").await;
    becomes("idle gres/gpu count reported lower than configured (0 < 8)").await;
    bench.run("check").succeeds();

    done(&bench, &engine).await;
}
