//! The container engine: nodes up, commands in, files out, nodes down.
//!
//! One trait with two implementations that we ship: `docker` (the Docker API,
//! which Podman's socket speaks too) and `scripted` (for tests). The engine
//! knows no labs, no grading and no virtual machines; what stands in an image
//! or runs in a node is not its business. Everything it makes carries labels,
//! so that what a killed run left behind can be found.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::advice::NextStep;

pub mod docker;
pub mod find;
mod hijack;
pub mod scripted;
mod subnet;

/// Label on every object that crashcart makes in an engine; its value is the kind of object.
pub const LABEL_KIND: &str = "crashcart.kind";
/// Label that names the attempt an object belongs to.
pub const LABEL_ATTEMPT: &str = "crashcart.attempt";
/// Label that names the node inside its attempt.
pub const LABEL_NODE: &str = "crashcart.node";
/// Label of a node whose accelerators are the machine's own: `real`.
pub const LABEL_ACCELERATORS: &str = "crashcart.accelerators";
pub const REAL_ACCELERATORS: &str = "real";
/// Label of a node with simulated accelerators: what a technician shows to be let in.
pub const LABEL_HARDWARE_TOKEN: &str = "crashcart.hardware-token";
/// Label of a node with the version of the protocol that its agent speaks.
pub const LABEL_PROTOCOL: &str = "crashcart.protocol";
/// Label that tells one crashcart state directory from another on the same engine.
pub const LABEL_HOME: &str = "crashcart.home";

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// A container engine.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What answers, where, and what it can do.
    async fn about(&self) -> Result<About, EngineError>;

    /// Whether an image of this tag is present, and its id.
    async fn image(&self, tag: &str) -> Result<Option<ImageInfo>, EngineError>;
    /// Builds an image from a tar of its context (a `Containerfile` at its top) and tags it.
    async fn build_image(&self, build: Build, progress: &dyn Progress) -> Result<(), EngineError>;
    /// Pulls `reference` and tags it `tag`.
    async fn pull_image(
        &self,
        reference: &str,
        tag: &str,
        progress: &dyn Progress,
    ) -> Result<(), EngineError>;
    /// Makes an image of a root file system, given as a tar file on this machine.
    async fn import_image(
        &self,
        tar: PathBuf,
        tag: &str,
        labels: &Labels,
        progress: &dyn Progress,
    ) -> Result<(), EngineError>;
    /// Writes images and all that they are made of as one tar, as `docker save` does.
    async fn save_images(&self, tags: &[String], tar: Outflow) -> Result<(), EngineError>;
    /// Takes in what [`Self::save_images`] wrote, here or elsewhere.
    async fn load_images(&self, tar: Inflow) -> Result<(), EngineError>;
    /// Our images: those that carry [`LABEL_KIND`].
    async fn images(&self) -> Result<Vec<ImageInfo>, EngineError>;
    async fn remove_image(&self, id: &str) -> Result<(), EngineError>;

    /// Makes a volume if there is none of that name, and puts the files of `tar` into it where it does not
    /// hold them yet, by way of a container of `image` that never runs and is labelled `carrier`. One
    /// caller at a time, whatever process it is in.
    async fn fill_volume(
        &self,
        name: &str,
        labels: &Labels,
        carrier: &Labels,
        image: &str,
        tar: Vec<u8>,
    ) -> Result<(), EngineError>;

    /// Makes a private network with an address range of its own. Picks another range when the
    /// engine says that the proposed one is taken.
    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network, EngineError>;
    /// Makes a container without starting it; gives its id.
    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError>;
    async fn start(&self, id: &ContainerId) -> Result<(), EngineError>;
    /// Stops the container's processes: SIGTERM, then SIGKILL after `grace_s` seconds.
    async fn stop(&self, id: &ContainerId, grace_s: u32) -> Result<(), EngineError>;
    /// All processes anew on the same disk.
    async fn restart(&self, id: &ContainerId, grace_s: u32) -> Result<(), EngineError>;
    async fn pause(&self, id: &ContainerId) -> Result<(), EngineError>;
    async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError>;
    /// Removes a container, running or not, with its anonymous volumes. One that is gone already is no error.
    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError>;
    async fn remove_network(&self, id: &str) -> Result<(), EngineError>;
    async fn remove_volume(&self, name: &str) -> Result<(), EngineError>;

    /// Runs a program in a container with `stdin` on its standard input, and waits for it.
    async fn exec(&self, id: &ContainerId, exec: Exec) -> Result<ExecOutput, EngineError>;
    /// Runs a program in a container on a terminal of its own.
    async fn attach(
        &self,
        id: &ContainerId,
        exec: Exec,
        size: WindowSize,
    ) -> Result<Box<dyn Terminal>, EngineError>;
    /// Unpacks a tar below `path` in a container, running or not.
    async fn copy_in(&self, id: &ContainerId, path: &str, tar: Inflow) -> Result<(), EngineError>;
    /// Writes what is at `path` in a container, running or not, as a tar whose entries begin with the last part
    /// of `path`. [`EngineError::Gone`] where there is nothing.
    async fn copy_out(&self, id: &ContainerId, path: &str, tar: Outflow) -> Result<(), EngineError>;
    /// The last `lines` lines that the container's first process printed.
    async fn logs(&self, id: &ContainerId, lines: u32) -> Result<String, EngineError>;

    /// Every container, network and volume that carries all of these labels.
    async fn list(&self, labels: &Labels) -> Result<Vec<Found>, EngineError>;
}

/// The engine that this process shall use: the scripted one where `CRASHCART_ENGINE` names its
/// folder (`scripted:/path`), else the one that [`find`] finds.
pub async fn open() -> Result<Arc<dyn Engine>, EngineError> {
    match std::env::var("CRASHCART_ENGINE") {
        Ok(value) if !value.is_empty() => match value.strip_prefix("scripted:") {
            Some(folder) if !folder.is_empty() => Ok(Arc::new(scripted::ScriptedEngine::in_folder(folder))),
            _ => Err(EngineError::UnusableAddress { endpoint: value, why: AddressFault::Scheme }),
        },
        _ => Ok(Arc::new(docker::DockerEngine::connect().await?)),
    }
}

/// An engine's id of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ContainerId(pub String);

/// What an engine says of itself.
#[derive(Clone, Debug, serde::Serialize)]
pub struct About {
    /// `Docker 20.10.24`, `Podman 5.4.2`.
    pub name: String,
    /// API version in use.
    pub api: String,
    /// Where it was found: `unix:///var/run/docker.sock`.
    pub endpoint: String,
    /// Why this endpoint: `DOCKER_HOST`, `context "desktop-linux"`, `the usual place`.
    pub chosen_by: String,
    /// Processors and bytes of memory that the engine has.
    pub cpus: u32,
    pub memory_bytes: u64,
    /// Bytes of memory that could be had now; none where the engine is on another machine, and does not say.
    pub memory_available_bytes: Option<u64>,
    /// Kind of processor as Rust calls it: `x86_64`, `aarch64`.
    pub architecture: String,
    pub storage_driver: String,
    /// The storage driver can hold a container to a disk size.
    pub disk_limits: bool,
    pub cgroup_version: u8,
    pub rootless: bool,
    /// Where the engine keeps its data, as it says; on another machine when the engine is.
    pub data_root: Option<PathBuf>,
    /// Bytes that can still be written there; none where the engine is on another machine.
    pub data_free_bytes: Option<u64>,
}

/// An image in the engine.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ImageInfo {
    pub id: String,
    pub tags: Vec<String>,
    pub size_bytes: u64,
    pub created_at_s: i64,
    pub labels: Labels,
}

/// What to build.
pub struct Build {
    pub tag: String,
    pub labels: Labels,
    /// Tar of the context, its `Containerfile` at the top.
    pub context: Vec<u8>,
    pub arguments: BTreeMap<String, String>,
}

/// Hears how far a long job has come.
pub trait Progress: Send + Sync {
    /// A job began: `image slurm (2 of 4)`. Its steps follow.
    fn job(&self, _what: &str) {}
    /// A step began: `3 of 7`, and its words.
    fn step(&self, done: u32, of: u32, what: &str);
    /// A line of the job's own output; there may be thousands.
    fn line(&self, line: &str);
    /// Something that crashcart itself has to say meanwhile.
    fn note(&self, text: &str) {
        self.line(text);
    }
    /// How long is left can be asked here from now on, as often as one likes.
    fn left(&self, _asked: Arc<dyn Fn() -> Left + Send + Sync>) {}
}

/// How long a job still takes, in seconds, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Unknown,
    About {
        s: u64,
    },
    /// The step at work takes longer than it should; after it, about so long.
    Late {
        about_s: u64,
    },
}

impl std::fmt::Display for Left {
    /// In words that promise no more than is known; nothing where nothing is known, and for the last seconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let about = |f: &mut std::fmt::Formatter<'_>, s: u64| match s {
            0..95 => write!(f, "about {} s", s.div_ceil(10) * 10),
            _ => write!(f, "about {} min", (s + 30) / 60),
        };
        match self {
            Self::Unknown | Self::About { s: 0..5 } => Ok(()),
            Self::About { s } => {
                about(f, *s)?;
                f.write_str(" left")
            }
            Self::Late { about_s: 0..5 } => f.write_str("longer than expected"),
            Self::Late { about_s } => {
                f.write_str("longer than expected, then ")?;
                about(f, *about_s)
            }
        }
    }
}

/// Hears nothing.
pub struct Silent;
impl Progress for Silent {
    fn step(&self, _done: u32, _of: u32, _what: &str) {}
    fn line(&self, _line: &str) {}
}

/// A private network to make.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    pub name: String,
    pub labels: Labels,
    /// Whether its nodes may reach what is outside.
    pub outside: bool,
    /// Addresses needed.
    pub hosts: u8,
}

/// A network made. Host `n` (from 0) has [`Network::address`]`(n)`.
#[derive(Clone, Debug)]
pub struct Network {
    pub id: String,
    pub name: String,
    /// First address of its range.
    pub base: Ipv4Addr,
    /// Length of the range's prefix.
    pub prefix: u8,
}

impl Network {
    /// The engine's own address in it, and the way out where there is one.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + 1)
    }

    /// Address of host `n`, counted from 0. The first addresses are the engine's own.
    pub fn address(&self, n: u8) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + 2 + u32::from(n))
    }
}

/// A container to make. Every capability that is not named is dropped; nothing is ever privileged.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    pub name: String,
    pub hostname: String,
    pub image: String,
    pub labels: Labels,
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Name of the network, and the address in it.
    pub network: String,
    pub address: Ipv4Addr,
    /// Names of the other nodes.
    pub hosts: BTreeMap<String, Ipv4Addr>,
    /// Whether its network leads outside, as in [`NetworkSpec::outside`]. Where it does not, names
    /// outside are not looked up either.
    pub outside: bool,
    pub volumes: Vec<Mount>,
    /// tmpfs mounts: path and bytes.
    pub tmpfs: BTreeMap<String, u64>,
    pub shm_bytes: u64,
    pub limits: Limits,
    /// Without the `CAP_` prefix.
    pub capabilities: Vec<String>,
    /// Whether it gets all GPUs of the engine's machine, by way of the engine's own helper for them.
    pub gpus: bool,
    /// Devices of the engine's machine that it may open, by their paths there: see [`kvm_devices`].
    pub devices: Vec<String>,
}

/// A volume in a container.
#[derive(Clone, Debug)]
pub struct Mount {
    pub volume: String,
    /// Where it stands.
    pub path: String,
    pub access: Access,
}

impl Mount {
    pub fn read(volume: &str, path: &str) -> Self {
        Self { volume: volume.to_owned(), path: path.to_owned(), access: Access::Read }
    }

    pub fn write(volume: &str, path: &str) -> Self {
        Self { volume: volume.to_owned(), path: path.to_owned(), access: Access::Write }
    }
}

/// What a container may do with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// Name of the network of a container that has none.
pub const NO_NETWORK: &str = "none";

/// `/dev/kvm`, where the engine is on this machine and the machine has it. Whether it works is found out by
/// whoever uses it.
pub fn kvm_devices(about: &About) -> Vec<String> {
    const KVM: &str = "/dev/kvm";
    let here = about.endpoint.starts_with("unix://");
    (here && std::path::Path::new(KVM).exists()).then(|| KVM.to_owned()).into_iter().collect()
}

/// What a container may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub memory_bytes: u64,
    /// Thousandths of a processor.
    pub cpu_milli: u32,
    pub pids: u32,
    /// Bytes written to its own layer; a bound per file where the storage driver has no quota.
    pub disk_bytes: u64,
}

/// A program to run in a container.
#[derive(Clone, Debug)]
pub struct Exec {
    pub argv: Vec<String>,
    /// `root`, or a numeric uid.
    pub user: String,
    pub env: BTreeMap<String, String>,
    pub stdin: Vec<u8>,
    /// Most bytes of standard output to keep; more is an error.
    pub output_limit: usize,
    /// Give up after this many milliseconds.
    pub timeout_ms: u32,
}

/// What a program in a container printed, and how it ended.
#[derive(Clone, Debug)]
pub struct ExecOutput {
    pub code: i64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    pub columns: u16,
    pub rows: u16,
}

/// Both ends of a terminal: what it shows, and what is typed.
pub type Ends = (Pin<Box<dyn AsyncRead + Send>>, Pin<Box<dyn AsyncWrite + Send>>);

/// Bytes that an engine writes, more than memory holds.
pub type Outflow = Pin<Box<dyn AsyncWrite + Send>>;
/// Bytes that an engine reads, more than memory holds.
pub type Inflow = Pin<Box<dyn AsyncRead + Send>>;

/// A program on a terminal in a container.
#[async_trait]
pub trait Terminal: Send + Sync {
    /// Takes both ends of the terminal; once.
    fn split(&mut self) -> Ends;
    async fn resize(&self, size: WindowSize) -> Result<(), EngineError>;
    /// Exit status, once the output has ended.
    async fn wait(&self) -> Result<i64, EngineError>;
}

/// A thing of ours in the engine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    pub kind: FoundKind,
    pub id: String,
    pub name: String,
    pub labels: Labels,
}

/// What it is, and for a container what it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundKind {
    Container(Condition),
    Network,
    Volume,
}

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    Created,
    Running,
    Paused,
    Exited,
}

/// Why the engine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("could not reach the container engine at `{endpoint}`")]
    Unreachable {
        endpoint: String,
        #[source]
        source: Cause,
    },
    #[error("this user may not speak to the container engine at `{}`", socket.display())]
    NotAllowed {
        socket: PathBuf,
        /// Group that the socket belongs to, where it opens it and has a name.
        group: Option<String>,
    },
    #[error("nothing listens on the container engine's socket `{}`", socket.display())]
    NotRunning { socket: PathBuf },
    #[error("no container engine was found")]
    NotFound { tried: Vec<String> },
    #[error("there is no container engine at `{endpoint}`, which is chosen by {chosen_by}")]
    NoSocket { endpoint: String, chosen_by: String },
    #[error("crashcart cannot use the engine address `{endpoint}`")]
    UnusableAddress { endpoint: String, why: AddressFault },
    #[error("the engine context `{name}` could not be read from `{}`", path.display())]
    BadContext {
        name: String,
        path: PathBuf,
        #[source]
        source: Cause,
    },
    #[error("the container engine refused to {what}")]
    Refused {
        what: String,
        /// HTTP status.
        status: u16,
        #[source]
        source: Cause,
    },
    #[error("lost the container engine while it was to {what}")]
    Lost {
        what: String,
        #[source]
        source: Cause,
    },
    #[error("no free address range is left for the network `{name}`")]
    NoRange {
        name: String,
        tried: u32,
        #[source]
        source: Cause,
    },
    #[error("there is no such container, network, volume or image: `{name}`")]
    Gone { name: String },
    #[error("`{program}` in the container did not finish within {ms} ms")]
    TimedOut { program: String, ms: u32 },
    #[error("the image `{tag}` could not be built: step `{step}` failed")]
    BuildFailed { tag: String, step: String, log: Vec<String> },
    #[error("the image `{reference}` could not be pulled")]
    PullFailed {
        reference: String,
        #[source]
        source: Cause,
    },
    #[error("the output of `{program}` in the container is larger than {limit} bytes")]
    TooMuchOutput { program: String, limit: usize },
    #[error("could not read `{}`", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// An error below ours.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with an engine's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// `ssh://`: the engine is behind a secure shell.
    Ssh,
    /// A scheme that we do not know.
    Scheme,
    /// TLS is asked for, and its files are not there.
    TlsFiles,
}

/// What an engine said; the end of a chain of causes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(pub String);

impl NextStep for EngineError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreachable { .. } => "start the engine, or point `DOCKER_HOST` at a running one; `crashcart doctor` looks again".into(),
            Self::NotAllowed { group: Some(group), .. } => {
                format!("join its group with `sudo usermod -aG {group} $USER`, then log in anew; or use `sudo`")
            }
            Self::NotAllowed { group: None, .. } => "run crashcart as the user who owns the engine, or with `sudo`".into(),
            Self::NotRunning { .. } => "start it with `crashcart doctor --fix`, or `sudo systemctl start docker`".into(),
            Self::NotFound { .. } => "install and start one with `crashcart doctor --fix`, or point `DOCKER_HOST` at one".into(),
            Self::NoSocket { .. } => "start the engine there, or unset `DOCKER_HOST` and `DOCKER_CONTEXT` and let crashcart look in the usual places".into(),
            Self::UnusableAddress { endpoint, why: AddressFault::Ssh } => format!(
                "forward its socket with `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {endpoint}` \
                 and set `DOCKER_HOST=unix:///tmp/engine.sock`"
            ),
            Self::UnusableAddress { why: AddressFault::Scheme, .. } => {
                "use an address that begins with `unix://` or `tcp://`".into()
            }
            Self::UnusableAddress { why: AddressFault::TlsFiles, .. } => {
                "put `ca.pem`, `cert.pem` and `key.pem` where `DOCKER_CERT_PATH` points, or unset `DOCKER_TLS_VERIFY`".into()
            }
            Self::BadContext { .. } => "choose another with `docker context use default`, or unset `DOCKER_CONTEXT`".into(),
            Self::Refused { source, .. } if format!("{source}").contains("select device driver") => {
                "give the engine NVIDIA's helper (package `nvidia-container-toolkit`, then `nvidia-ctk runtime configure` \
                 and a restart of the engine), or start the lab without `--accelerators real`"
                    .into()
            }
            Self::Refused { .. } => "read the cause; `crashcart doctor` looks over the engine and what we left in it".into(),
            Self::Lost { .. } => "see whether the engine still runs with `crashcart doctor`, then try again".into(),
            Self::NoRange { .. } => "remove networks that nobody uses with `docker network prune`".into(),
            Self::Gone { .. } => "see what is there with `crashcart doctor`".into(),
            Self::TimedOut { .. } => "try again; if the node hangs, `crashcart reset` makes a fresh one".into(),
            Self::BuildFailed { .. } => "read the log above, and try again with `crashcart image build`".into(),
            Self::PullFailed { .. } => "see whether the engine can reach a registry, or let `CRASHCART_BASE=mmdebstrap` make the base here".into(),
            Self::TooMuchOutput { .. } => "a program in the node prints without end; look in with `crashcart shell`".into(),
            Self::Unreadable { path, .. } => format!("see who may read it with `ls -l {}`", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_round_numbers() {
        let case = |left: Left, wanted: &str| assert_eq!(left.to_string(), wanted);
        case(Left::Unknown, "");
        case(Left::About { s: 3 }, "");
        case(Left::About { s: 31 }, "about 40 s left");
        case(Left::About { s: 94 }, "about 100 s left");
        case(Left::About { s: 95 }, "about 2 min left");
        case(Left::About { s: 299 }, "about 5 min left");
        case(Left::Late { about_s: 0 }, "longer than expected");
        case(Left::Late { about_s: 61 }, "longer than expected, then about 70 s");
    }
}
