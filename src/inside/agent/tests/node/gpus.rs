//! Simulated GPUs of a real node: what clients get, what they cannot do, what stays.

use std::time::{Duration, Instant};

use crashcart_facts::{Fact, GpuFact, GpusFact, HardwareAct, Question, Reply, Request};

use crashcart_hardware::fault::Deed;
use crashcart_hardware::page::LAYOUT;

use super::{Node, succeed};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CLIENT: &str = include_str!("gpu.py");
const STATE: &str = "/var/lib/crashcart-hardware/state";

/// A node with an HGX H100 board on which GPU 3 is to fall off the bus.
fn start(faults: &str) -> Node {
    let hardware = format!(
        r#"CRASHCART_HARDWARE={{"spec":{{"profile":"hgx-h100","driver":"570.158.01","identity":"test"}},"faults":[{faults}]}}"#
    );
    let key = format!("CRASHCART_HARDWARE_KEY={KEY}");
    let pci = "/sys/bus/pci/devices:mode=755";
    let node = Node::start_with(&["--env", &hardware, "--env", &key, "--tmpfs", pci, "--memory", "256m"]);
    node.sh(&format!("cat > /usr/local/bin/gpu.py <<'EOF'\n{CLIENT}\nEOF"));
    node
}

impl Node {
    fn gpu(&self, index: u32) -> GpuFact {
        match self.ask(Question::Gpu { index }) {
            Fact::Gpu(fact) => *fact,
            other => panic!("{other:?}"),
        }
    }

    fn gpus(&self) -> GpusFact {
        match self.ask(Question::Gpus {}) {
            Fact::Gpus(fact) => *fact,
            other => panic!("{other:?}"),
        }
    }

    fn client(&self, words: &str) -> String {
        self.sh(&format!("python3 /usr/local/bin/gpu.py {words}")).1
    }

    fn gpu_until(&self, index: u32, wanted: impl Fn(&GpuFact) -> bool) -> GpuFact {
        let fact =
            self.ask_until(Question::Gpu { index }, |fact| matches!(fact, Fact::Gpu(fact) if wanted(fact)));
        let Fact::Gpu(fact) = fact else { panic!("{fact:?}") };
        *fact
    }
}

/// HMAC-SHA-256 of `host` under [`KEY`], as the host makes it.
fn token(node: &Node) -> String {
    let script = format!(
        "python3 -c 'import hmac; print(hmac.new(bytes.fromhex(\"{KEY}\"), b\"host\", \"sha256\").hexdigest())'"
    );
    node.sh(&script).1.trim().to_owned()
}

#[test]
fn clients_read_the_pages_and_nobody_in_the_node_writes_them() {
    let node = start("");
    let all = node.gpus();
    assert!(all.exists && all.driver_loaded, "{all:?}");
    assert_eq!((all.count, all.driver_version.as_str()), (8, "570.158.01"));
    assert!(all.conditions.iter().all(|condition| condition == "answers"), "{all:?}");
    assert_eq!(node.client("read"), format!("{LAYOUT} 8 True\n"));
    assert_eq!(node.client("attack"), "", "an attack of root worked");
    // Setters are root's: verb 1 is persistence, status 4 "no permission".
    assert_eq!(node.client("command 1000 1 0 0"), "4\n");
    assert_eq!(node.client("command 0 1 0 1"), "0\n");
    assert!(node.gpu(0).persistence);
    let (_, devices) =
        node.sh("stat -c '%n %t %T %a' /dev/nvidia0 /dev/nvidia7 /dev/nvidiactl /dev/nvidia-uvm");
    assert_eq!(
        devices,
        "/dev/nvidia0 c3 0 666\n/dev/nvidia7 c3 7 666\n/dev/nvidiactl c3 ff 666\n/dev/nvidia-uvm 1fe 0 666\n"
    );
    let (_, pci) = node.sh("cat /sys/bus/pci/devices/*/vendor | sort | uniq -c | tr -s ' '");
    assert_eq!(pci, " 8 0x10de\n");
}

#[test]
fn what_pid_1_is_told_reaches_no_service_shell_or_script() {
    let node = start("");
    let (_, seen) = node.sh(
        "mkdir -p /etc/systemd/system; printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"env > /tmp/unit\"\\n' \
         > /etc/systemd/system/look.service; systemctl daemon-reload; systemctl start look; grep -c HARDWARE /tmp/unit",
    );
    assert_eq!(seen, "0\n");
    let ran = node
        .run("env | grep -c HARDWARE || true; cat /proc/1/environ 2>&1 | grep -c HARDWARE || true", 5_000);
    assert_eq!(ran.stdout, "0\n0\n");
    let (_, shell) = node.sh("echo env | setsid /.crashcart/agent shell 2>/dev/null | grep -c HARDWARE");
    assert_eq!(shell, "0\n");
}

#[test]
fn a_context_ends_with_its_process_though_a_child_holds_the_connection() {
    let node = start("");
    node.sh("(setsid python3 /usr/local/bin/gpu.py hold 2 > /tmp/held 2>&1 &) ; sleep 0.5");
    let busy = node.gpu_until(2, |gpu| gpu.processes == 1);
    assert_eq!(busy.processes, 1, "{}", node.sh("cat /tmp/held").1);
    assert!(busy.memory_used_mib >= 1024, "{busy:?}");
    // Busy: a reset is refused with status 19, "in use".
    assert_eq!(node.client("command 0 15 2"), "19\n");
    node.sh("pkill -KILL -f 'gpu.py hold'");
    assert_eq!(node.gpu_until(2, |gpu| gpu.processes == 0).processes, 0);
    node.sh("(setsid python3 /usr/local/bin/gpu.py fork 2 > /tmp/held 2>&1 &) ; sleep 0.5");
    assert_eq!(node.sh("pgrep -fc 'gpu.py fork'").1, "1\n", "the child lives");
    assert_eq!(node.gpu_until(2, |gpu| gpu.processes == 0).processes, 0);
}

#[test]
fn faults_show_as_lines_of_the_kernel_and_a_power_cycle_cures_what_it_cures() {
    let node = start(
        r#"{"fault":{"gpu":3,"fault":"fallen-off-bus"}},{"ago-s":7200,"fault":{"gpu":5,"fault":"remap-failure"}}"#,
    );
    // Until the host says so, or asks its first question, all is well.
    assert!(!node.sh("journalctl -k").1.contains("Xid"));
    assert_eq!(node.call(Request::Hardware(HardwareAct::Break)), Reply::Done);
    assert_eq!(node.gpu(3).condition, "lost");
    assert!(node.gpu(5).remap_failed);
    let (_, kernel) = node.sh("journalctl -k -o cat");
    assert!(kernel.contains("fallen off the bus") && kernel.contains(": 79, "), "{kernel}");
    assert_eq!(node.sh("journalctl _TRANSPORT=kernel -o cat").1, kernel);
    // What happened first stands first, with its time, also among the lines of others.
    assert!(kernel.find(": 64, ") < kernel.find(": 79, "), "{kernel}");
    let (_, old) = node.sh("journalctl --until '-119min' -k -o cat");
    assert!(old.contains(": 64, ") && old.contains("NVRM: loading") && !old.contains(": 79, "), "{old}");
    let (_, times) = node.sh("journalctl -o short-iso | cut -d' ' -f1");
    assert!(times.lines().is_sorted(), "{times}");
    let (_, line) = node.sh("journalctl -k | grep 'fallen off' | head -1");
    assert!(line.contains(" node kernel: NVRM: "), "{line}");
    let (_, file) =
        node.sh("grep -c '+00:00 node kernel: \\[ *[0-9]*\\.[0-9]*\\] NVRM: Xid' /var/log/kern.log");
    assert_ne!(file, "0\n");
    let lspci = "/sys/bus/pci/devices/$(ls /sys/bus/pci/devices | sed -n 4p)/config";
    assert_eq!(node.sh(&format!("head -c 4 {lspci} | od -An -tx1")).1.trim(), "ff ff ff ff");
    // Said twice, done once.
    assert_eq!(node.call(Request::Hardware(HardwareAct::Break)), Reply::Done);
    assert_eq!(node.sh("journalctl -k -o cat").1, kernel);

    node.client("command 0 8 0 0");
    assert_eq!(node.gpu(0).ecc_pending, Some(false));
    succeed(&["restart", &node.name]);
    node.hello();
    assert_eq!(node.gpu(3).condition, "answers", "a power cycle brings it back");
    assert!(node.gpu(5).remap_failed, "a power cycle gives no spare rows");
    assert_eq!(node.gpu(0).ecc, Some(false), "what was pending is so");
    assert!(!node.sh("journalctl -k").1.contains("79"), "a line of the boot before");
}

#[test]
fn root_of_the_node_cannot_give_its_hardware_another_past() {
    let node = start(r#"{"fault":{"gpu":5,"fault":"remap-failure"}}"#);
    let before = node.gpu(5);
    assert!(before.remap_failed);
    assert_eq!(node.sh(&format!("stat -c %a:%u {STATE}")).1, "600:0\n");
    let cycle = |tamper: &str| {
        let (status, said) = node.sh(tamper);
        assert_eq!(status, 0, "{said}");
        succeed(&["restart", &node.name]);
        node.hello();
        assert!(node.gpu(5).remap_failed, "{tamper} cured it");
    };
    cycle(&format!("sed -i 's/generation/Generation/' {STATE}; echo >> {STATE}"));
    let (_, told) = node.sh("journalctl -b | grep -c 'begins anew'");
    assert_eq!(told, "1\n");
    cycle(&format!("rm {STATE}"));
    cycle("rm -r /var/lib/crashcart-hardware; mkfifo /var/lib/crashcart-hardware");
    cycle("rm /var/lib/crashcart-hardware; ln -s /tmp /var/lib/crashcart-hardware");
    assert_eq!(node.gpu(5).serial, before.serial, "and it is the same board");
}

#[test]
fn only_the_host_has_hands_on_the_hardware() {
    let node = start(r#"{"fault":{"gpu":1,"fault":{"degraded-pcie":{"gen":2,"width":8}}}}"#);
    let fault = |gpu, text: &str| {
        serde_json::from_str(&format!(r#"{{"gpu":{gpu},"fault":{text}}}"#)).expect("a fault")
    };
    assert!(node.gpu(1).exists);
    let reseat = |token, gpu| HardwareAct::Serve { token, deed: Deed::Reseat(gpu) };
    let forged = reseat("00".repeat(32), 1);
    let Reply::Refused { why } = node.call(Request::Hardware(forged)) else {
        panic!("a stranger's word was taken")
    };
    assert_eq!(why, "this is not the host's token");
    let token = token(&node);
    let wrong = HardwareAct::Inject { token: token.clone(), faults: vec![fault(9, r#""gsp-timeout""#)] };
    assert!(matches!(node.call(Request::Hardware(wrong)), Reply::Refused { .. }));
    let inject = HardwareAct::Inject { token: token.clone(), faults: vec![fault(2, r#""gsp-timeout""#)] };
    assert_eq!(node.call(Request::Hardware(inject)), Reply::Done);
    assert_eq!(node.gpu(2).condition, "hung");
    assert_eq!(node.call(Request::Hardware(reseat(token.clone(), 0))), Reply::Done);
    assert_eq!(node.gpu(1).pcie_width, 8, "another board was reseated");
    assert!(matches!(node.call(Request::Hardware(reseat(token.clone(), 8))), Reply::Refused { .. }));
    assert_eq!(node.call(Request::Hardware(reseat(token, 1))), Reply::Done);
    assert_eq!(node.gpu(1).pcie_width, 16);
    let other = Node::start();
    assert!(!other.gpus().exists && !other.gpu(0).exists);
    assert!(matches!(other.call(Request::Hardware(HardwareAct::Break)), Reply::Refused { .. }));
}

#[test]
fn an_idle_node_with_eight_gpus_costs_next_to_nothing() {
    let node = start("");
    let ticks = |node: &Node| -> u64 {
        let (_, text) = node.sh("cut -d' ' -f14,15 /proc/1/stat; grep VmRSS /proc/1/status");
        println!("{text}");
        text.lines().next().unwrap_or_default().split(' ').filter_map(|n| n.parse::<u64>().ok()).sum()
    };
    node.client("read");
    std::thread::sleep(Duration::from_secs(3));
    let (began, before) = (Instant::now(), ticks(&node));
    std::thread::sleep(Duration::from_secs(10));
    let spent = ticks(&node) - before;
    println!("{spent} ticks of 10 ms in {:?}", began.elapsed());
    assert!(spent <= 10, "PID 1 took {spent} ticks of 10 ms in 10 s of idling");
}
