//! What can be asked of a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One question. Written in a grader as `ask.file = { path = "/etc/fstab" }`.
///
/// Paths are absolute, inside the node. No answer follows a symbolic link out
/// of the node, blocks on a FIFO, or reads more than [`crate::TEXT_LIMIT`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// Type, mode, owner, size and digest of one file, and where it points if it is a link.
    File {
        path: String,
    },
    /// The text of a configuration file. The grader picks keys out of it.
    Text {
        path: String,
    },
    /// The files below some directories that have this name (`*` and `?` allowed) or this digest.
    Find {
        under: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// SHA-256, lower-case hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// State of a service unit.
    Service {
        unit: String,
    },
    /// The processes of a unit, of an executable, or with a name.
    Process(ProcessOf),
    /// Who listens on a port.
    Port {
        port: u16,
        #[serde(default)]
        protocol: Transport,
    },
    /// A Debian package, from dpkg's own database.
    Package {
        name: String,
    },
    User {
        name: String,
    },
    Group {
        name: String,
    },
    /// The mount that `path` lies on, as the node sees it, and its fill.
    Mount {
        path: String,
    },
    /// A device node.
    Device {
        path: String,
    },
    /// A kernel module, from /proc/modules and /sys/module.
    Module {
        name: String,
    },
    /// A value below /proc/sys, named as sysctl does: `vm.nr_hugepages`.
    KernelParameter {
        name: String,
    },
    /// The running kernel's command line and release.
    KernelCommandLine {},
    /// One file of a control group: of a unit's, or by path below the hierarchy.
    Cgroup {
        /// A unit name, or a path below /sys/fs/cgroup that begins with a slash.
        of: String,
        /// `memory.max`, `cpuset.cpus.effective`, …
        file: String,
    },
    /// A resource limit of the first process that matches, as in /proc/PID/limits.
    Limit {
        of: ProcessOf,
        /// The kernel's words: `Max locked memory`, `Max open files`, …
        resource: String,
    },
    /// The last lines of a log: a unit's, or a file's.
    Log {
        of: LogOf,
        /// Only lines of the last so many seconds, where the log carries times; 0 for all.
        #[serde(default)]
        within_s: u32,
    },
    /// A plain HTTP request from inside the node.
    Http {
        /// `http://host:port/path`.
        url: String,
        #[serde(default = "default_timeout_ms")]
        timeout_ms: u32,
    },
    /// Run a program of the node by absolute path, with a clean environment. The fact says so.
    Command {
        argv: Vec<String>,
        /// User to run as; root when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        stdin: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        env: BTreeMap<String, String>,
        #[serde(default = "default_timeout_ms")]
        timeout_ms: u32,
    },
    /// One simulated GPU, as its owner knows it.
    Gpu {
        /// In NVML's order, from 0.
        index: u32,
    },
    /// All of them together.
    Gpus {},
    /// A pool of huge pages, over all and for each NUMA node.
    Hugepages {
        /// Size of its pages, KiB.
        #[serde(default = "default_hugepage_kib")]
        size_kib: u32,
    },
    /// Settings of transparent huge pages.
    TransparentHugepages {},
    /// Where the memory of a process is, and of what kind.
    Memory {
        of: ProcessOf,
    },
    /// How the threads of processes are scheduled, and where.
    Threads {
        of: ProcessOf,
    },
    /// Processors and NUMA nodes.
    Processors {},
    /// Interrupts by a part of their description in /proc/interrupts.
    Interrupts {
        /// `virtio1`, `eth0-rx`; upper and lower case differ.
        name: String,
    },
    /// What the boot loader would boot next.
    NextBoot {},
    /// A kernel module on disk.
    ModuleFile {
        /// Dashes and underscores are the same.
        name: String,
        /// Kernel release; the running one where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
    /// What is in a kernel's initramfs.
    Initramfs {
        /// Kernel release; the running one where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<String>,
        /// A path in it whose text is wanted: `etc/modprobe.d/nouveau.conf`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
    },
    /// State of a package of module sources in DKMS.
    Dkms {
        name: String,
    },
    /// A number that the kernel counts, by its name in a file of names and numbers.
    KernelCounter {
        /// One that [`is_counter_file`] admits.
        file: String,
        /// `compact_stall`, `HugePages_Rsvd`.
        name: String,
    },
    /// A disk, by the kernel's name for it or by its serial number.
    BlockDevice {
        /// `vdb`, or a serial number.
        name: String,
    },
}

/// Default page size of a pool, KiB: the small huge page of x86-64.
pub fn default_hugepage_kib() -> u32 {
    2048
}

/// Whether a file has a name and a number in each line: `/proc/vmstat`, `/proc/meminfo`, `/proc/stat`, the files
/// `numastat`, `vmstat` and `meminfo` of a NUMA node, and `memory.stat`, `memory.events`, `cpu.stat` of a control group.
pub fn is_counter_file(path: &str) -> bool {
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or_default().split('/').collect();
    match parts.as_slice() {
        ["proc", "vmstat" | "meminfo" | "stat"] => true,
        ["sys", "devices", "system", "node", node, "numastat" | "vmstat" | "meminfo"] => node
            .strip_prefix("node")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
        ["sys", "fs", "cgroup", groups @ .., "memory.stat" | "memory.events" | "cpu.stat"] => {
            groups.iter().all(|part| !part.is_empty() && *part != "." && *part != "..")
        }
        _ => false,
    }
}

/// Default budget of a question that waits for something, in milliseconds.
pub fn default_timeout_ms() -> u32 {
    5_000
}

/// Which processes are meant; exactly one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProcessOf {
    /// All processes that the service manager started for this unit.
    Unit(String),
    /// Absolute path of the executable, as /proc/PID/exe says.
    Exe(String),
    /// A substring of the command line, arguments joined by spaces.
    Cmdline(String),
}

/// Which log is meant; exactly one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LogOf {
    Unit(String),
    Path(String),
}

/// Transport of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    #[default]
    Tcp,
    Udp,
}

impl Question {
    /// Its name in a grader: `kernel-parameter`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Text { .. } => "text",
            Self::Find { .. } => "find",
            Self::Service { .. } => "service",
            Self::Process { .. } => "process",
            Self::Port { .. } => "port",
            Self::Package { .. } => "package",
            Self::User { .. } => "user",
            Self::Group { .. } => "group",
            Self::Mount { .. } => "mount",
            Self::Device { .. } => "device",
            Self::Module { .. } => "module",
            Self::KernelParameter { .. } => "kernel-parameter",
            Self::KernelCommandLine {} => "kernel-command-line",
            Self::Cgroup { .. } => "cgroup",
            Self::Limit { .. } => "limit",
            Self::Log { .. } => "log",
            Self::Http { .. } => "http",
            Self::Command { .. } => "command",
            Self::Gpu { .. } => "gpu",
            Self::Gpus {} => "gpus",
            Self::Hugepages { .. } => "hugepages",
            Self::TransparentHugepages {} => "transparent-hugepages",
            Self::Memory { .. } => "memory",
            Self::Threads { .. } => "threads",
            Self::Processors {} => "processors",
            Self::Interrupts { .. } => "interrupts",
            Self::NextBoot {} => "next-boot",
            Self::ModuleFile { .. } => "module-file",
            Self::Initramfs { .. } => "initramfs",
            Self::Dkms { .. } => "dkms",
            Self::KernelCounter { .. } => "kernel-counter",
            Self::BlockDevice { .. } => "block-device",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_files_of_names_and_numbers_only() {
        let case = |path: &str, wanted: bool| assert_eq!(is_counter_file(path), wanted, "{path}");
        case("/proc/vmstat", true);
        case("/sys/devices/system/node/node1/numastat", true);
        case("/sys/devices/system/node/node/numastat", false);
        case("/sys/devices/system/node/node1/../node0/numastat", false);
        case("/sys/fs/cgroup/system.slice/a.service/memory.events", true);
        case("/sys/fs/cgroup/cpu.stat", true);
        case("/sys/fs/cgroup/../../proc/cpu.stat", false);
        case("/etc/shadow", false);
        case("proc/vmstat", false);
    }

    #[test]
    fn a_pool_without_a_size_is_that_of_2_mib_pages() {
        let question: Question = serde_json::from_str(r#"{"hugepages":{}}"#).expect("a question");
        assert_eq!(question, Question::Hugepages { size_kib: 2048 });
        let json = serde_json::to_string(&Question::ModuleFile { name: "xfs".into(), release: None });
        assert_eq!(json.expect("questions serialise"), r#"{"module-file":{"name":"xfs"}}"#);
    }
}
