//! Programs that others wrote over NVML, unmodified, on nodes as learners get them: what each shows of a healthy
//! node, of one with a GPU off the bus, of one whose library is not of its driver's version, and of one whose GPUs
//! are cut, hang or have lost memory.
//!
//! nvtop comes from Debian. nvidia-ml-py, gpustat, nvitop and glances come from PyPI in the versions below; this
//! test fetches them itself, since a machine's own certificates are known on the machine and not in an image's
//! build. `clients-image/sweep.py` calls all of nvidia-ml-py.

use std::collections::BTreeMap;

use crashcart::engine::docker::DockerEngine;
use crashcart::engine::{ContainerId, Engine, Exec};
use serde_json::Value;

use crate::bench::Bench;
use crate::bench::fetched::Fetched;
use crate::engine::{base, engine};
use crate::faults::{done, nodes};
use crate::gpus::{self, with_image};

const LAB: &str = "monitors";

/// The newest versions in November 2026. To move on, take address and digest from `https://pypi.org/pypi/NAME/json`.
const PACKAGES: [Fetched; 4] = [
    Fetched {
        name: "nvidia_ml_py-13.615.71-py3-none-any.whl",
        url: "https://files.pythonhosted.org/packages/\
              53/a1/1681dfa1c904d4e3e72e51b55a0ff012d50b766843ef832d584abe2113c6/\
              nvidia_ml_py-13.615.71-py3-none-any.whl",
        sha256: "959bf4adf6fe1308e4bd739e722236b0d1ec8392e2cefad33ff70c311380b9b6",
    },
    Fetched {
        name: "nvitop-1.7.2-py3-none-any.whl",
        url: "https://files.pythonhosted.org/packages/\
              19/bf/58080a8c4d0d517aeea6758187edfa59300f16e1fb55e7f78693fa05508f/\
              nvitop-1.7.2-py3-none-any.whl",
        sha256: "44206b26a8ed808d5f75be32dd37e83c69f80aef0570f8f804600926dea7881b",
    },
    Fetched {
        name: "glances-4.5.8-py3-none-any.whl",
        url: "https://files.pythonhosted.org/packages/\
              dc/e1/54b0687e7e5011d5244e44dcbde3c7f9bb684901deb1ea7d5b19f8823101/\
              glances-4.5.8-py3-none-any.whl",
        sha256: "0634e63f656bc270970117e352fc085dc666395be93f5ba7db48dc2104224f7f",
    },
    Fetched {
        name: "gpustat.tar.gz",
        url: "https://files.pythonhosted.org/packages/\
              79/c4/46d005aec3bf911cb030467d91e062a5386ff4a03e51874424cacc0f60c1/\
              gpustat-1.1.1.tar.gz",
        sha256: "c18d3ed5518fc16300c42d694debc70aebb3be55cae91f1db64d63b5fa8af9d8",
    },
];

/// The lab of `clients-lab/` on the image of `clients-image/`.
fn bench() -> Bench {
    let bench = gpus::bench(LAB, "clients-lab", &["base", "gpu"]);
    let files = [
        ("image.toml", include_str!("clients-image/image.toml")),
        ("Containerfile", include_str!("clients-image/Containerfile")),
        ("sweep.py", include_str!("clients-image/sweep.py")),
    ];
    for (file, text) in files {
        bench.write(&format!("containers/clients/{file}"), text);
    }
    let wheels = bench.root().join("containers/clients/wheels");
    std::fs::create_dir_all(&wheels).expect("a folder");
    for package in &PACKAGES {
        std::fs::copy(package.cached(), wheels.join(package.name)).expect("a copy");
    }
    bench
}

/// The nodes of the lab.
struct Nodes<'a> {
    engine: &'a DockerEngine,
    by_name: BTreeMap<String, ContainerId>,
}

impl Nodes<'_> {
    /// Runs a script on a node: its exit code, and what it printed.
    async fn say(&self, node: &str, script: &str) -> (i64, String) {
        let exec = Exec {
            argv: ["/bin/sh", "-c", script].map(String::from).into(),
            user: "root".into(),
            env: BTreeMap::from([("LC_ALL".into(), "C.UTF-8".into()), ("HOME".into(), "/root".into())]),
            stdin: Vec::new(),
            output_limit: 16 << 20,
            timeout_ms: 120_000,
        };
        let output = self.engine.exec(&self.by_name[node], exec).await.expect("an exec");
        let printed = [output.stdout, output.stderr].concat();
        (output.code, String::from_utf8_lossy(&printed).into_owned())
    }

    /// A document that a script prints.
    async fn json(&self, node: &str, script: &str) -> Value {
        let (code, printed) = self.say(node, script).await;
        assert_eq!(code, 0, "{node}: {script}: {printed}");
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{node}: {script}: {error}: {printed}"))
    }

    /// What nvtop shows on a terminal once it shows this text, and how it ends when `q` is pressed.
    async fn nvtop(&self, node: &str, until: &str) -> String {
        let script = format!(
            "tmux new-session -d -x 160 -y 50 'nvtop; echo ended with $?; sleep 60'\n\
             for nth in $(seq 100); do\n\
                 sleep 0.2; tmux capture-pane -p > /tmp/screen; grep -q '{until}' /tmp/screen && break\n\
             done\n\
             tmux send-keys q; sleep 0.5; tmux capture-pane -p | grep 'ended with' >> /tmp/screen\n\
             tmux kill-server; cat /tmp/screen"
        );
        self.say(node, &script).await.1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_others_show_every_node_as_it_is() {
    let engine = engine().await;
    base(&engine).await;
    let bench = with_image("clients", bench).await;
    bench.run(&format!("start {LAB}")).succeeds();

    let mut by_name = BTreeMap::new();
    for id in nodes(&bench, &engine).await {
        let nodes = Nodes { engine: &engine, by_name: BTreeMap::from([(String::new(), id.clone())]) };
        by_name.insert(nodes.say("", "hostname").await.1.trim().to_owned(), id);
    }
    let nodes = Nodes { engine: &engine, by_name };
    let work = "setsid gpu-work --quiet --gpus 1 --memory 4096 --load 90 </dev/null >/dev/null 2>&1 &\n\
                for nth in $(seq 200); do\n\
                    sleep 0.1; nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader | grep -q 90 && exit 0\n\
                done; exit 1";
    assert_eq!(nodes.say("healthy", work).await.0, 0, "the GPU is never at work");

    gpustat(&nodes).await;
    nvitop(&nodes).await;
    glances(&nodes).await;
    nvtop(&nodes).await;
    all_of_nvidia_ml_py(&nodes).await;

    done(&bench, &engine).await;
}

async fn gpustat(nodes: &Nodes<'_>) {
    const COMMAND: &str = "python3 -m gpustat --json 2>&1";
    let healthy = nodes.json("healthy", COMMAND).await;
    assert_eq!(healthy["driver_version"], "580.105.08");
    let gpus = healthy["gpus"].as_array().expect("a list");
    assert_eq!(gpus.len(), 8);
    let well = |gpu: &Value| {
        assert_eq!(gpu["name"], "NVIDIA H100 80GB HBM3", "{gpu}");
        assert_eq!(gpu["memory.total"], 81559, "{gpu}");
        assert_eq!(gpu["enforced.power.limit"], 700, "{gpu}");
        assert!(gpu["uuid"].as_str().expect("a UUID").starts_with("GPU-"), "{gpu}");
        assert!(gpu["fan.speed"].is_null(), "the board has no fan: {gpu}");
        within(gpu, "/temperature.gpu", 15.0, 95.0);
        within(gpu, "/power.draw", 50.0, 750.0);
    };
    gpus.iter().for_each(well);
    assert_eq!(gpus[0]["utilization.gpu"], 90, "{}", gpus[0]);
    let process = &gpus[0]["processes"][0];
    assert_eq!((&process["username"], &process["command"]), (&"root".into(), &"gpu-work".into()));
    within(process, "/gpu_memory_usage", 4096.0, 8192.0);
    assert_eq!(gpus[1]["processes"], Value::Array(Vec::new()));

    let lost = nodes.json("lost", COMMAND).await;
    for (index, gpu) in lost["gpus"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(gpu["index"], index);
        match index {
            3 => assert_eq!(gpu["name"], "((GPU is lost))"),
            _ => well(gpu),
        }
    }
    let sick = nodes.json("sick", COMMAND).await;
    let gpus = sick["gpus"].as_array().expect("a list");
    for (index, gpu) in gpus.iter().enumerate().filter(|(index, _)| *index != 5) {
        well(gpu);
        // How busy a GPU is, nobody knows of one that is cut.
        let load = if index == 3 { Value::Null } else { 0.into() };
        assert_eq!(gpu["utilization.gpu"], load, "{gpu}");
    }
    // The driver remembers name, memory and temperature of one that hangs.
    assert_eq!(
        (&gpus[5]["name"], &gpus[5]["memory.total"]),
        (&"NVIDIA H100 80GB HBM3".into(), &81559.into())
    );
    within(&gpus[5], "/temperature.gpu", 15.0, 95.0);
    assert!(gpus[5]["power.draw"].is_null() && gpus[5]["utilization.gpu"].is_null(), "{}", gpus[5]);
    let (code, printed) = nodes.say("mismatch", COMMAND).await;
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("RM has detected an NVML/RM version mismatch."), "{printed}");
}

async fn nvitop(nodes: &Nodes<'_>) {
    const COMMAND: &str = "python3 -m nvitop --once --ascii 2>&1";
    let row = |index: usize, what: &str| format!("|   {index}  {what}");
    let (code, healthy) = nodes.say("healthy", COMMAND).await;
    assert_eq!(code, 0, "{healthy}");
    assert!(healthy.contains("Driver Version: 580.105.08      CUDA Driver Version: 13.0"), "{healthy}");
    for index in 0..8 {
        assert!(healthy.contains(&row(index, "H100 80GB HBM3        On | 00000000:")), "{healthy}");
    }
    assert!(healthy.contains("4624MiB / 79.65GiB |     90%      Default"), "{healthy}");
    assert!(healthy.contains("root  4624MiB  90"), "the process: {healthy}");
    assert!(!healthy.contains("ERROR") && !healthy.contains("No Such Process"), "{healthy}");

    let (code, lost) = nodes.say("lost", COMMAND).await;
    assert_eq!(code, 0, "{lost}");
    for index in 0..8 {
        let expected = if index == 3 { "ERROR: GPU is Lost   N/A" } else { "H100 80GB HBM3        On" };
        assert!(lost.contains(&row(index, expected)), "{lost}");
    }
    let (code, sick) = nodes.say("sick", COMMAND).await;
    assert_eq!(code, 0, "{sick}");
    for (index, expected) in [
        (0, "H100 80GB HBM3        On | 00000000:53:00.0 Off | Disabled           0 |"),
        (3, "H100 80GB HBM3        On | 00000000:86:00.0 Off |  Enabled           0 |"),
        (5, "H100 80GB HBM3        On | 00000000:A8:00.0 N/A |     N/A          N/A |"),
        (6, "H100 80GB HBM3        On | 00000000:B9:00.0 Off | Disabled           1 |"),
    ] {
        assert!(sick.contains(&row(index, expected)), "{expected}\n{sick}");
    }
    let (code, printed) = nodes.say("mismatch", COMMAND).await;
    assert_eq!((code, printed.trim()), (1, "NVML ERROR: RM has detected an NVML/RM version mismatch."));
}

async fn glances(nodes: &Nodes<'_>) {
    const COMMAND: &str = "python3 -m glances --stdout-json gpu --stop-after 1 2>/dev/null";
    let healthy = nodes.json("healthy", COMMAND).await;
    let gpus = healthy["gpu"].as_array().expect("a list");
    assert_eq!(gpus.len(), 8, "{healthy}");
    for (index, gpu) in gpus.iter().enumerate() {
        assert_eq!(gpu["gpu_id"], format!("nvidia{index}"));
        assert_eq!(gpu["name"], "NVIDIA H100 80GB HBM3");
        within(gpu, "/temperature", 15.0, 95.0);
        within(gpu, "/mem", 0.0, if index == 0 { 100.0 } else { 1.0 });
        assert_eq!(gpu["proc"], if index == 0 { 90 } else { 0 }, "{gpu}");
    }
    let sick = nodes.json("sick", COMMAND).await;
    let gpus = &sick["gpu"];
    assert_eq!(gpus.as_array().map(Vec::len), Some(8), "{sick}");
    assert!(gpus[3]["proc"].is_null() && gpus[5]["proc"].is_null(), "{sick}");
    within(&gpus[5], "/temperature", 15.0, 95.0);
    // It gives up on all GPUs when one of them does not answer, and says nothing either way.
    for node in ["lost", "mismatch"] {
        assert_eq!(nodes.json(node, COMMAND).await, serde_json::json!({ "gpu": [] }), "{node}");
    }
}

async fn nvtop(nodes: &Nodes<'_>) {
    let devices = |screen: &str| screen.matches("[NVIDIA H100 80GB HBM3] PCIe GEN 5@16x").count();
    let healthy = nodes.nvtop("healthy", "gpu-work --quiet").await;
    assert_eq!(devices(&healthy), 8, "{healthy}");
    assert!(healthy.contains("Device 7 [NVIDIA H100 80GB HBM3]"), "{healthy}");
    assert!(healthy.contains("GPU 1980MHz MEM 2619MHz TEMP"), "{healthy}");
    assert!(healthy.contains("90%] MEM[") && healthy.contains("/ 700 W"), "{healthy}");
    // Its share is not shown: nvtop 3.2.0 asks for it only where MIG is on or unknown, which is a slip of its own.
    assert!(healthy.contains("root   0  Compute N/A    4624MiB"), "{healthy}");
    assert!(healthy.contains("ended with 0"), "{healthy}");
    // It numbers what answers: seven devices, and no word of the eighth.
    let lost = nodes.nvtop("lost", "F2Setup").await;
    assert_eq!(devices(&lost), 7, "{lost}");
    assert!(lost.contains("Device 6 [") && !lost.contains("Device 7 ["), "{lost}");
    assert!(lost.contains("ended with 0"), "{lost}");
    let sick = nodes.nvtop("sick", "F2Setup").await;
    assert_eq!(devices(&sick), 8, "{sick}");
    assert!(sick.contains("Device 7 [") && sick.contains("ended with 0"), "{sick}");
    let mismatch = nodes.nvtop("mismatch", "ended with").await;
    assert!(mismatch.contains("No GPU to monitor."), "{mismatch}");
}

async fn all_of_nvidia_ml_py(nodes: &Nodes<'_>) {
    const SWEEP: &str = "python3 /opt/clients/sweep.py";
    let healthy = nodes.json("healthy", &format!("{SWEEP} 0")).await;
    let cut = nodes.json("sick", &format!("{SWEEP} 3")).await;
    let hung = nodes.json("sick", &format!("{SWEEP} 5")).await;
    let mismatch = nodes.json("mismatch", &format!("{SWEEP} 0")).await;
    // It had its handles before the GPU was lost, and ends by itself after that.
    let held = "for nth in $(seq 300); do pgrep -f [w]hen-lost > /dev/null || break; sleep 0.1; done; cat /root/held.json";
    let lost = nodes.json("lost", held).await;
    let sweeps =
        [(&healthy, "healthy"), (&cut, "cut"), (&hung, "hung"), (&mismatch, "mismatch"), (&lost, "lost")];
    for (told, node) in sweeps {
        let calls = &told["alone"];
        assert!(calls.as_object().expect("calls").len() >= 420, "{node}: functions are missing");
        for_each_call(calls, |name, call| {
            assert!(call["client"].is_null(), "{node}: {name} is called in a wrong way: {call}");
        });
        only_what_is_newer_is_missing(node, calls);
    }

    let rules = rules();
    assert_eq!(healthy["init"], 0);
    assert_eq!(healthy["handles"], serde_json::json!([0, 0, 0, 0, 0, 0, 0, 0]), "all are there in the end");
    answers_of_a_healthy_gpu(&healthy["alone"], &rules);
    let from_threads = healthy["threads"].as_array().expect("a list");
    assert_eq!(from_threads.len(), 8);
    let elsewhere = from_threads.iter().map(|codes| ("a thread", codes));
    for (where_from, codes) in elsewhere.chain([("a child of a fork", &healthy["child"])]) {
        let codes = codes.as_object().expect("codes");
        assert!(codes.len() >= 200, "{where_from}: functions are missing");
        for (name, codes) in codes {
            for symbol_and_code in codes.as_array().expect("a list") {
                expected_code(where_from, name, symbol_and_code[1].as_u64().expect("a code"));
            }
        }
    }

    for_each_call(&cut["alone"], |name, call| match last(call) {
        // What takes an instance is asked for profiles that it has not, and also after it has been taken away.
        Some(code) if name.contains("Instance") => {
            assert!([0, 2, 3, 6, 13, 19, 23].contains(&code), "cut: {name}: {call}");
        }
        code => expected_code("cut", name, code.unwrap_or(0)),
    });
    let parent = |name: &str| &cut["alone"][name][0]["value"];
    assert_eq!(parent("nvmlGpuInstanceGetInfo")["profileId"], 9);
    assert_eq!(parent("nvmlGpuInstanceGetInfo")["placement"]["size"], 4);
    assert_eq!(parent("nvmlComputeInstanceGetInfo")["profileId"], 2);
    assert_eq!(last(&cut["alone"]["nvmlComputeInstanceDestroy"][0]), Some(0));
    let slice = |name: &str| &cut["slice"][name][0]["value"];
    assert_eq!(slice("nvmlDeviceGetName"), "NVIDIA H100 80GB HBM3 MIG 3g.40gb");
    assert!(slice("nvmlDeviceGetUUID").as_str().expect("a UUID").starts_with("MIG-"));
    assert_eq!(slice("nvmlDeviceGetMemoryInfo")["total"], 40448u64 << 20);
    assert_eq!(slice("nvmlDeviceGetAttributes_v2")["multiprocessorCount"], 60);
    for_each_call(&cut["slice"], |name, call| expected_code("a MIG device", name, last(call).unwrap_or(0)));

    // What the driver has in memory it tells; who asks for more hears that something is wrong.
    for_each_call(&hung["alone"], |name, call| match last(call) {
        Some(999) => assert!(name.starts_with("nvmlDevice") || name.starts_with("nvmlGpm"), "hung: {name}"),
        code => expected_code("hung", name, code.unwrap_or(0)),
    });
    let told = [
        ("nvmlDeviceGetName", 0),
        ("nvmlDeviceGetUUID", 0),
        ("nvmlDeviceGetPciInfo", 0),
        ("nvmlDeviceGetTemperature", 0),
        ("nvmlDeviceGetPowerUsage", 3),
        ("nvmlDeviceGetClockInfo", 999),
        ("nvmlDeviceGetUtilizationRates", 3),
        ("nvmlDeviceSetPowerManagementLimit", 999),
    ];
    let codes = told.map(|(name, _)| (name, last(&hung["alone"][name][0]).unwrap_or(0)));
    assert_eq!(codes, told);

    assert_eq!(mismatch["init"], 18);
    for_each_call(&mismatch["alone"], |name, call| {
        let expected: &[u64] = match name {
            // They need no driver, or ask for it only.
            "nvmlErrorString" | "nvmlGetExcludedDeviceCount" => &[0],
            "nvmlSystemGetNVMLVersion" | "nvmlSystemGetCudaDriverVersion" => &[0],
            "nvmlSystemGetCudaDriverVersion_v2" => &[0],
            "nvmlGetExcludedDeviceInfoByIndex" => &[2],
            _ => &[1, 13],
        };
        assert!(last(call).is_none_or(|code| expected.contains(&code)), "mismatch: {name}: {call}");
    });
    assert_eq!(mismatch["alone"]["nvmlSystemGetNVMLVersion"][0]["value"], "13.580.105.08");

    assert_eq!(lost["event"], serde_json::json!({ "xid": 79, "type": 8 }));
    assert_eq!(lost["handles"], serde_json::json!([0, 0, 0, 15, 0, 0, 0, 0]));
    for (name, calls) in lost["alone"].as_object().expect("calls") {
        let of_the_gpu = name.starts_with("nvmlDevice") || name == "nvmlGpmQueryDeviceSupport";
        let codes: Vec<u64> = calls.as_array().expect("a list").iter().filter_map(last).collect();
        let needs_no_gpu = [
            "nvmlDeviceGetCount",
            "nvmlDeviceIsMigDeviceHandle",
            "nvmlDeviceQueryDrainState",
            "nvmlDeviceDiscoverGpus",
        ];
        if of_the_gpu && !needs_no_gpu.contains(&name.as_str()) {
            assert!(codes.iter().all(|code| [3, 13, 15].contains(code)), "lost: {name}: {codes:?}");
            assert!(!rules.contains_key(name.as_str()) || codes.contains(&15), "lost: {name}: {codes:?}");
        } else {
            codes.iter().for_each(|code| expected_code("lost", name, *code));
        }
    }
}

/// Every call of a sweep, with the function's name.
fn for_each_call(calls: &Value, mut see: impl FnMut(&str, &Value)) {
    for (name, calls) in calls.as_object().expect("calls") {
        calls.as_array().expect("a list").iter().for_each(|call| see(name, call));
    }
}

/// What NVML returned at the end of a call; none where the client did not get so far.
fn last(call: &Value) -> Option<u64> {
    call["codes"].as_array()?.last()?[1].as_u64()
}

/// The client knows functions of newer branches than any that is simulated, and no other is missing.
fn only_what_is_newer_is_missing(node: &str, calls: &Value) {
    let ours: Vec<&str> = include_str!("../../src/inside/nvml/src/symbols.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for_each_call(calls, |_, call| {
        for pair in call["codes"].as_array().expect("a list") {
            let symbol = pair[0].as_str().expect("a name");
            assert_eq!(
                pair[1] == 13,
                !ours.contains(&symbol),
                "{node}: {symbol} is missing, or is answered for"
            );
        }
    });
}

/// Whether a whole GPU that answers, or a MIG device, may return this from a well-formed call.
fn expected_code(node: &str, name: &str, code: u64) {
    let expected: &[u64] = match name {
        // There is no such instance, unit or excluded device.
        _ if name.starts_with("nvmlGpuInstance") || name.starts_with("nvmlComputeInstance") => &[2, 3],
        _ if name.starts_with("nvmlUnit") => &[0, 2, 3],
        "nvmlGetExcludedDeviceInfoByIndex" => &[2],
        // Nothing happens meanwhile, but for the Xid that follows the first; and on an idle GPU nobody works.
        "nvmlEventSetWait" | "nvmlEventSetWait_v2" if node != "lost" => &[10],
        "nvmlEventSetWait" | "nvmlEventSetWait_v2" => &[0, 10],
        "nvmlDeviceGetProcessUtilization" | "nvmlDeviceGetProcessesUtilizationInfo" => &[0, 3, 6],
        _ => &[0, 3],
    };
    assert!(code == 13 || expected.contains(&code), "{node}: {name} returned {code}");
}

/// Bounds of numbers in a function's answers, by JSON pointer; `*` is all of them.
type Bounds = Vec<(&'static str, f64, f64)>;

/// The lines of `answers.txt`.
fn rules() -> BTreeMap<&'static str, Bounds> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).expect("digits") as f64,
        None => text.parse().expect("a number"),
    };
    let lines = include_str!("clients-lab/answers.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rule = |line: &'static str| {
        let (name, bounds) = line.split_once(' ').unwrap_or((line, ""));
        let bounds = bounds.split_whitespace().map(|bound| {
            let (path, range) = bound.split_once('=').expect("PATH=LEAST..MOST");
            let (least, most) = range.split_once("..").expect("LEAST..MOST");
            (path, number(least), number(most))
        });
        (name, bounds.collect())
    };
    lines.map(rule).collect()
}

fn answers_of_a_healthy_gpu(calls: &Value, rules: &BTreeMap<&'static str, Bounds>) {
    let all = calls.as_object().expect("calls");
    for name in rules.keys() {
        assert!(all.contains_key(*name), "nvidia-ml-py has no {name}");
    }
    for (name, calls) in all {
        let calls = calls.as_array().expect("a list");
        calls.iter().filter_map(last).for_each(|code| expected_code("healthy", name, code));
        let answered: Vec<&Value> = calls.iter().filter(|call| last(call) == Some(0)).collect();
        let Some(bounds) = rules.get(name.as_str()) else {
            continue;
        };
        assert!(!answered.is_empty(), "{name} is not answered: {calls:?}");
        for call in answered {
            let value = &call["value"];
            printable(name, value);
            for (path, least, most) in bounds {
                match *path {
                    "*" => every_number(value, &mut |number| {
                        assert!((*least..=*most).contains(&number), "{name}: {number} in {call}");
                    }),
                    path => within(value, path, *least, *most),
                }
            }
        }
    }
    let value = |name: &str| &all[name][0]["value"];
    assert_eq!(value("nvmlDeviceGetName"), "NVIDIA H100 80GB HBM3");
    assert_eq!(value("nvmlSystemGetDriverVersion"), "580.105.08");
    assert_eq!(value("nvmlSystemGetNVMLVersion"), "13.580.105.08");
    assert_eq!(value("nvmlDeviceGetGspFirmwareVersion"), "580.105.08");
    assert_eq!(value("nvmlDeviceGetUUID").as_str().map(str::len), Some(40));
    assert_eq!(value("nvmlDeviceGetPciInfo")["busId"], "00000000:53:00.0");
    let memory = value("nvmlDeviceGetMemoryInfo");
    let bytes = |field: &str| memory[field].as_u64().expect("bytes");
    assert_eq!(bytes("used") + bytes("free"), bytes("total"));
    fields(&all["nvmlDeviceGetFieldValues"]);
}

/// Every field by its number: a value of a type that there is, taken now; or "not supported".
fn fields(calls: &Value) {
    let now_us = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_micros() as f64;
    let mut found = BTreeMap::new();
    for call in calls.as_array().expect("a list") {
        let field = &call["value"][0];
        let id = field["fieldId"].as_u64().expect("a number");
        within(field, "/timestamp", now_us - 60e6, now_us + 1e6);
        match field["nvmlReturn"].as_u64() {
            Some(0) => {
                within(field, "/valueType", 0.0, 5.0);
                found.insert(id, field["value"].clone());
            }
            Some(3) => {}
            _ => panic!("field {id}: {field}"),
        }
    }
    // NVML_FI_DEV_: ECC_CURRENT, MEMORY_TEMP (°C), NVLINK_LINK_COUNT, POWER_INSTANT, POWER_MIN_LIMIT and
    // POWER_MAX_LIMIT (mW).
    let known = [
        (1, 1, 1),
        (82, 15, 110),
        (91, 18, 18),
        (186, 50_000, 750_000),
        (187, 200_000, 200_000),
        (188, 700_000, 700_000),
    ];
    for (id, least, most) in known {
        within(&found[&id], "/uiVal", f64::from(least), f64::from(most));
    }
    assert!(found.len() >= 150, "only {} fields are answered", found.len());
}

#[track_caller]
fn within(value: &Value, path: &str, least: f64, most: f64) {
    let found = value.pointer(path);
    let number = match found {
        Some(Value::Bool(is)) => f64::from(u8::from(*is)),
        found => found.and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at `{path}` of {value}")),
    };
    assert!((least..=most).contains(&number), "{number} at `{path}` is not in {least}..{most}: {value}");
}

fn every_number(value: &Value, see: &mut impl FnMut(f64)) {
    match value {
        Value::Number(number) => see(number.as_f64().expect("a number")),
        Value::Array(items) => items.iter().for_each(|item| every_number(item, see)),
        // The version of a structure is its size as well.
        Value::Object(fields) => {
            let told = fields.iter().filter(|(name, _)| *name != "version");
            told.for_each(|(_, field)| every_number(field, see));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Texts are of letters that a terminal shows, and say something.
fn printable(name: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let shown = |letter: char| letter.is_ascii_graphic() || letter == ' ';
            assert!(!text.is_empty() && text.chars().all(shown), "{name}: {text:?}");
        }
        Value::Array(items) => items.iter().for_each(|item| printable(name, item)),
        Value::Object(fields) => fields.values().for_each(|field| printable(name, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
