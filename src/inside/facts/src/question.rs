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
        }
    }
}
