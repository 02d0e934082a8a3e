//! The built daemon over hardware owned by this process, with a root folder of its own: what it logs, what it holds,
//! and how it ends. What takes root is left out where there is none.

#[path = "../../nvml/tests/owner/mod.rs"]
mod owner;

use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crashcart_hardware::fault::{Fault, GpuFault};
use crashcart_hardware::machine::Machine;
use crashcart_hardware::spec::HardwareSpec;
use owner::Owner;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// Whose daemon it is, in the root folder's own list of users.
const NVPD: u32 = 65_534;
const QUERY: &str = "Failed to query NVIDIA devices. Please ensure that the NVIDIA device files (/dev/nvidia*) exist, \
                     and that user";

/// A node with four GPUs whose legacy persistence mode is off.
struct Node {
    owner: Option<Owner>,
    socket: String,
    root: TempDir,
    log: Receiver<String>,
}

impl Node {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = format!("crashcart-persistenced-test-{}-{number}", std::process::id());
        let spec = HardwareSpec {
            profile: "quad-l4".into(),
            driver: "580.105.08".into(),
            gpus: None,
            identity: "test".into(),
            mig: Vec::new(),
        };
        let machine = Machine::new(&spec, None, owner::now_ms()).expect("hardware that there is");
        let owner = Some(Owner::open(machine, socket.as_bytes()));
        let root = tempfile::tempdir().expect("a folder");
        let at = |path: &str| root.path().join(path);
        for folder in ["dev", "etc", "var/run"] {
            std::fs::create_dir_all(at(folder)).expect("a folder");
        }
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).expect("open to all");
        for file in ["nvidiactl", "nvidia0", "nvidia1", "nvidia2", "nvidia3"] {
            let path = at("dev").join(file);
            std::fs::write(&path, "").expect("a file");
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).expect("open to all");
        }
        let passwd = format!("nvpd:x:{NVPD}:{NVPD}:NVIDIA:/:/usr/sbin/nologin\n");
        std::fs::write(at("etc/passwd"), passwd).expect("a list of users");
        let log = UnixDatagram::bind(at("dev/log")).expect("a log");
        std::fs::set_permissions(at("dev/log"), PermissionsExt::from_mode(0o666)).expect("open to all");
        // Whoever sends waits while too many lines are unread.
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(got) = log.recv(&mut bytes)
                && sender.send(String::from_utf8_lossy(&bytes[..got]).into_owned()).is_ok()
            {}
        });
        let node = Self { owner, socket, root, log: receiver };
        for gpu in 0..4 {
            node.breaks(gpu, Fault::PersistenceOff);
        }
        node
    }

    fn breaks(&self, gpu: u32, fault: Fault) {
        let owner = self.owner.as_ref().expect("hardware to break");
        owner
            .change(|machine, now| machine.inject(now, &GpuFault { gpu, fault }))
            .expect("a fault that this hardware can have");
    }

    /// Persistence mode of all GPUs.
    fn persistence(&self) -> [u32; 4] {
        let owner = self.owner.as_ref().expect("hardware to look at");
        owner.change(|machine, _| [0, 1, 2, 3].map(|gpu| machine.gpu_page(gpu).persistence))
    }

    /// The program of this build, with a version behind its end as the packages have it.
    fn daemon(&self, version: &str, line: &str) -> Command {
        let program = self.root.path().join(format!("nvidia-persistenced-{version}"));
        if !program.exists() {
            let mut bytes = std::fs::read(env!("CARGO_BIN_EXE_nvidia-persistenced")).expect("it is built");
            bytes.extend(format!("version={version}\n").bytes());
            std::fs::write(&program, bytes).expect("a copy");
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it runs");
        }
        let mut command = Command::new(program);
        command
            .args(line.split_whitespace())
            .env("CRASHCART_PERSISTENCED_ROOT", self.root.path())
            .env("CRASHCART_PERSISTENCED_SOCKET", &self.socket);
        command
    }

    /// What a start ends with, and what it prints.
    fn start(&self, line: &str) -> (i32, String) {
        outcome(&mut self.daemon("580.105.08", line))
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join("var/run/nvidia-persistenced")
    }

    fn pid(&self) -> Pid {
        let text = std::fs::read_to_string(self.directory().join("nvidia-persistenced.pid"));
        let pid = text.expect("a PID file").trim().parse().expect("a number");
        Pid::from_raw(pid).expect("a process")
    }

    /// Lines of the log up to the first that begins so, the root folder and the daemon's number left out.
    fn log_to(&self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let message = self.log.recv_timeout(Duration::from_secs(20));
            let message = message.unwrap_or_else(|error| panic!("{error} after {lines:#?}"));
            let (_, line) = message.split_once(" nvidia-persistenced: ").expect("the daemon's name");
            let line = line.replace(self.root.path().to_str().expect("text"), "");
            let (line, _) =
                line.rsplit_once(" (").filter(|(_, pid)| pid.ends_with(')')).unwrap_or((&line, ""));
            lines.push(line.to_owned());
            if line.starts_with(last) {
                return lines;
            }
        }
    }

    /// Stops the daemon; what it logs.
    fn stop(&self) -> Vec<String> {
        rustix::process::kill_process(self.pid(), Signal::TERM).expect("it runs");
        self.log_to("Shutdown")
    }

    fn wait_for(&self, wanted: [u32; 4]) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.persistence() != wanted {
            assert!(Instant::now() < until, "{:?}", self.persistence());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A test that failed has left it running.
        if self.directory().join("nvidia-persistenced.pid").exists() {
            let _ = rustix::process::kill_process(self.pid(), Signal::KILL);
        }
    }
}

fn outcome(command: &mut Command) -> (i32, String) {
    // A test beside this one may be between fork and exec, with the program's copy still open for writing.
    let until = Instant::now() + Duration::from_secs(5);
    let done = loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => break done.expect("the program runs"),
        }
    };
    let code = done.status.code().expect("an exit code");
    (code, String::from_utf8(done.stderr).expect("text"))
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

#[test]
fn a_daemon_holds_all_gpus_until_it_is_stopped() {
    if !is_root() {
        return;
    }
    let node = Node::new();
    assert_eq!(node.persistence(), [0; 4]);
    assert_eq!(node.start("--user nvpd --verbose"), (0, String::new()));
    assert_eq!(node.persistence(), [1; 4]);
    let log = node.log_to("Local RPC");
    assert_eq!(
        log[..6],
        [
            "Verbose syslog connection opened",
            "Now running with user ID 65534 and group ID 65534",
            "Started",
            "device 0000:38:00.0 - registered",
            "device 0000:38:00.0 - persistence mode enabled.",
            "device 0000:38:00.0 - NUMA memory onlined.",
        ],
        "{log:#?}"
    );
    assert_eq!(log.iter().filter(|line| line.ends_with("persistence mode enabled.")).count(), 4);

    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid().as_raw_nonzero()));
    let status = status.expect("it runs");
    assert!(
        status.contains("Name:\tnvidia-persiste\n") && status.contains("Uid:\t65534\t65534\t65534\t65534\n")
    );
    let mut stream = UnixStream::connect(node.directory().join("socket")).expect("it listens");
    assert_eq!(stream.read(&mut [0; 8]).expect("closed and no more"), 0);

    let refused = "nvidia-persistenced failed to initialize. Check syslog for more details.\n";
    assert_eq!(node.start("--user nvpd"), (1, refused.into()));
    assert_eq!(
        node.log_to("Shutdown"),
        ["Failed to lock PID file: Resource temporarily unavailable", "Shutdown"]
    );
    assert_eq!(node.persistence(), [1; 4], "the first is still there");

    let log = node.stop();
    assert_eq!(
        log[..4],
        [
            "Received signal 15",
            "Socket closed.",
            "device 0000:38:00.0 - persistence mode disabled.",
            "device 0000:38:00.0 - NUMA memory offlined.",
        ],
        "{log:#?}"
    );
    assert_eq!(
        log[log.len() - 4..],
        [
            "PID file unlocked.",
            "PID file closed.",
            "The daemon no longer has permission to remove its runtime data directory /var/run/nvidia-persistenced",
            "Shutdown",
        ],
        "{log:#?}"
    );
    node.wait_for([0; 4]);
    assert_eq!(std::fs::read_dir(node.directory()).expect("it stays").count(), 0);
}

#[test]
fn what_cannot_be_held_is_named_and_the_others_are_held() {
    if !is_root() {
        return;
    }
    let node = Node::new();
    node.breaks(1, Fault::FallenOffBus);
    let third = node.root.path().join("dev/nvidia2");
    std::fs::set_permissions(third, PermissionsExt::from_mode(0o600)).expect("root's alone");
    assert_eq!(node.start("--user=nvpd"), (0, String::new()));
    assert_eq!(node.persistence(), [1, 0, 0, 1]);
    node.stop();
    node.wait_for([0; 4]);

    assert_eq!(node.start("-V --no-persistence-mode"), (0, String::new()));
    assert_eq!(node.persistence(), [0; 4]);
    let log = node.log_to("Local RPC");
    assert_eq!(log.iter().filter(|line| line.ends_with(" - registered")).count(), 4, "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("failed") || line.contains("enabled")), "{log:#?}");
    node.stop();
}

#[test]
fn a_daemon_ends_with_the_owner_of_the_gpus() {
    if !is_root() {
        return;
    }
    let mut node = Node::new();
    assert_eq!(node.start(""), (0, String::new()));
    assert_eq!(node.log_to("Started"), ["Started"]);
    node.owner = None;
    assert_eq!(
        node.log_to("Shutdown"),
        ["The NVIDIA driver has gone, and what was held with it.", "Shutdown"]
    );
    assert!(!node.directory().exists(), "root may remove what it made");
}

#[test]
fn without_devices_of_its_own_version_no_daemon_stays() {
    let mut node = Node::new();
    std::fs::create_dir(node.directory()).expect("a directory");
    let failed = "nvidia-persistenced failed to initialize. Check syslog for more details.\n";
    assert_eq!(outcome(&mut node.daemon("570.158.01", "")), (1, failed.into()));
    let log = node.log_to("Shutdown");
    assert_eq!(log[1], "This is the daemon of driver 570.158.01, and the driver is 580.105.08.");
    assert!(log[2].starts_with(QUERY), "{log:#?}");

    std::fs::remove_file(node.root.path().join("dev/nvidiactl")).expect("a device file");
    assert_eq!(node.start(""), (1, failed.into()));
    let log = node.log_to("Shutdown");
    assert!(log[1].starts_with(QUERY) && log.len() == 3, "{log:#?}");

    node.owner = None;
    assert_eq!(node.start(""), (1, failed.into()));
    let log = node.log_to("Shutdown");
    assert!(log[1].starts_with(QUERY) && log.len() == 3, "{log:#?}");
    assert_eq!(std::fs::read_dir(node.directory()).expect("it stays").count(), 0);
}

#[test]
fn who_starts_it_without_root_holds_nothing_and_is_told_why() {
    let node = Node::new();
    std::fs::create_dir(node.directory()).expect("a directory");
    let mut command = node.daemon("580.105.08", "");
    if is_root() {
        rustix::fs::chown(node.directory(), Some(rustix::fs::Uid::from_raw(NVPD)), None).expect("its own");
        command.uid(NVPD).gid(NVPD);
    }
    assert_eq!(outcome(&mut command), (0, String::new()));
    assert_eq!(node.persistence(), [0; 4]);
    let log = node.log_to("device 0000:38:00.0 - failed");
    assert_eq!(
        log[1..],
        [
            "device 0000:38:00.0 - it is held for root alone here: start the daemon as root, with --user.",
            "device 0000:38:00.0 - failed to open.",
        ]
    );
    node.stop();
}

#[test]
fn command_lines_that_are_wrong_start_nothing() {
    let node = Node::new();
    let (code, said) = node.start("--no-persistance-mode");
    assert_eq!(code, 0);
    assert!(
        said.contains(": unrecognized option: \"--no-persistance-mode\"\n\nERROR: Invalid commandline"),
        "{said}"
    );
    let wanted = "\nERROR: Failed to find user ID of user 'nobody-here': Success\n\n";
    assert_eq!(node.start("--user nobody-here"), (1, wanted.into()));
    assert!(!node.directory().exists());
    let done = node.daemon("580.105.08", "--version").output().expect("it runs");
    assert!(
        String::from_utf8_lossy(&done.stdout).starts_with("\nnvidia-persistenced:  version 580.105.08\n")
    );
}
