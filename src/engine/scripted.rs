//! An engine for tests: containers on paper, replies from a file, faults on demand.
//!
//! It keeps containers, networks, volumes and images in memory or, for tests that start
//! crashcart several times, in a folder: `CRASHCART_ENGINE=scripted:/path/to/folder`. Such a
//! folder holds
//!
//! - `engine.json`: what there is. Written here; a test may read it, or write the images
//!   that it wants to be there already.
//! - `replies.json` ([`Replies`]): what the agents of nodes answer, by the name of the node
//!   (its container's hostname). Read anew for every call, so a test "mends" a node by
//!   writing another file.
//! - `faults.json` ([`Faults`]): which operation fails, hangs or kills this very process.
//!
//! ```json
//! {"nodes": {"trainer": {
//!     "collect": [
//!         {"when": {"file": {"path": "/etc/fstab"}}, "reading": {"known": {"file": {"exists": true}}}},
//!         {"when": {"service": {}}, "marks": ["mended"], "reading": {"unreadable": {"why": "asleep"}}}
//!     ],
//!     "run": [
//!         {"contains": "systemctl restart", "sets": ["mended"]},
//!         {"contains": "false", "ran": {"end": {"exit": 1}, "stdout": "", "stderr": "", "took-ms": 1}}
//!     ]
//! }}}
//! ```
//!
//! Rules are tried in order; the first that fits answers. `marks` of a node are set by
//! scripts that ran in it; `restarted` is set by a second start. There is no clock and no
//! chance in here: the same calls give the same answers.
//!
//! ```json
//! {"create": {"at": 2, "error": "no space left on device"}, "any": {"at": 7, "kill": "after"}}
//! ```
//!
//! An operation is counted under its own name (`create`, `remove-network`), agents' requests
//! as `exec-hello`, `exec-collect`, `exec-batch` and so on, and all of them as `any`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use crashcart_facts::{
    AGENT_PATH, Answer, Asked, End, Envelope, Hello, Inventory, PROTOCOL, Ran, Reading, Reply, Request,
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    About, Build, Condition, ContainerId, ContainerSpec, Ends, Engine, EngineError, Exec, ExecOutput, Found,
    FoundKind, ImageInfo, Inflow, LABEL_KIND, Labels, Mount, NO_NETWORK, Network, NetworkSpec, Outflow,
    Progress, Said, Terminal, WindowSize, subnet,
};

/// What the agents of nodes answer, by the nodes' names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Replies {
    #[serde(default)]
    pub nodes: BTreeMap<String, NodeReplies>,
}

/// What one agent answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeReplies {
    /// Units that the agent calls failed.
    #[serde(default)]
    pub failed_units: Vec<String>,
    #[serde(default)]
    pub collect: Vec<CollectRule>,
    #[serde(default)]
    pub run: Vec<RunRule>,
    /// What stands on the node; of several the first whose marks it bears. Nothing where none does.
    #[serde(default)]
    pub inventory: Vec<InventoryRule>,
    /// Requests that the agent refuses, by name (`hello`, `collect`, `run`, `plant`, `unplant`, `batch`), and why.
    #[serde(default)]
    pub refuse: BTreeMap<String, String>,
    /// What a terminal shows.
    #[serde(default)]
    pub shell: String,
    /// What programs other than the agent do, by the path they are run by.
    #[serde(default)]
    pub programs: BTreeMap<String, Program>,
}

/// The answer to questions of one form.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CollectRule {
    /// A part of the question as JSON: `{"file": {"path": "/x"}}`, or `{"file": {}}` for all files.
    pub when: Value,
    /// Marks that the node must bear.
    #[serde(default)]
    pub marks: Vec<String>,
    /// The answer. `{{stdin}}` in it stands for the question's standard input.
    pub reading: Value,
}

/// What stands on a node.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InventoryRule {
    /// Marks that the node must bear.
    #[serde(default)]
    pub marks: Vec<String>,
    /// What there is of it; the rest is empty.
    pub inventory: Inventory,
}

/// What a script does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunRule {
    /// A piece of the script's text.
    pub contains: String,
    /// Marks that the node bears from then on.
    #[serde(default)]
    pub sets: Vec<String>,
    /// Marks that it loses.
    #[serde(default)]
    pub clears: Vec<String>,
    /// How the script ends; well and in silence when absent.
    #[serde(default)]
    pub ran: Option<Ran>,
}

/// What a program does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Program {
    #[serde(default)]
    pub code: i64,
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
}

/// Faults by the name of an operation, or `any`.
pub type Faults = BTreeMap<String, Fault>;

/// What goes wrong with an operation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fault {
    /// The how manyth operation of this name, counted from 1; every one when absent.
    #[serde(default)]
    pub at: Option<u64>,
    /// That one and every one after it, as when an engine goes away.
    #[serde(default)]
    pub from: Option<u64>,
    /// The engine refuses, and says this.
    #[serde(default)]
    pub error: Option<String>,
    /// The engine never answers.
    #[serde(default)]
    pub hang: bool,
    /// This process is killed.
    #[serde(default)]
    pub kill: Option<Kill>,
    /// The container that it is done on ends meanwhile, and this is the last that its log says.
    #[serde(default)]
    pub last_words: Option<String>,
}

impl Fault {
    fn hits(&self, count: u64) -> bool {
        self.at.is_none_or(|at| at == count) && self.from.is_none_or(|from| from <= count)
    }
}

/// Whether the operation was done when its caller died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kill {
    Before,
    After,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct State {
    counts: BTreeMap<String, u64>,
    /// Names of all operations so far, in order, with what they were done to.
    log: Vec<String>,
    next_id: u64,
    machine: MachineState,
    images: Vec<ImageState>,
    containers: Vec<ContainerState>,
    networks: Vec<NetworkState>,
    volumes: Vec<VolumeState>,
}

/// What the engine says of its machine, where a test wants it to say something.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct MachineState {
    memory_available_bytes: Option<u64>,
    data_free_bytes: Option<u64>,
    architecture: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ImageState {
    id: String,
    tags: Vec<String>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ContainerState {
    id: String,
    name: String,
    node: String,
    image: String,
    labels: Labels,
    network: String,
    address: Ipv4Addr,
    volumes: Vec<String>,
    capabilities: Vec<String>,
    condition: Condition,
    /// Times that it was started.
    starts: u64,
    marks: BTreeSet<String>,
    /// Files planted and not removed, by path.
    planted: BTreeMap<String, String>,
    #[serde(default)]
    log: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkState {
    id: String,
    name: String,
    labels: Labels,
    base: Ipv4Addr,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VolumeState {
    name: String,
    labels: Labels,
}

/// The engine on paper.
pub struct ScriptedEngine {
    place: Place,
}

enum Place {
    Memory { state: Box<Mutex<State>>, replies: Replies, faults: Faults },
    Folder(PathBuf),
}

impl ScriptedEngine {
    /// An engine in memory that knows these images, gives these replies and has these faults.
    pub fn in_memory(images: &[&str], replies: Replies, faults: Faults) -> Self {
        let mut state = State::default();
        for tag in images {
            state.add_image(tag, &Labels::new());
        }
        Self { place: Place::Memory { state: Box::new(Mutex::new(state)), replies, faults } }
    }

    /// An engine in a folder, shared by all processes that name it.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { place: Place::Folder(folder.into()) }
    }

    /// Does one operation: counts it, looks for its faults, and lets `work` change the state.
    async fn operate<T>(
        &self,
        name: &str,
        on: &str,
        work: impl FnOnce(&mut State, &Replies) -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError>
    where
        T: Send,
    {
        let (result, hang) = match &self.place {
            Place::Memory { state, replies, faults } => {
                let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let fault = state.count(name, on, faults);
                (state.perform(fault.as_ref(), name, on, work, replies), fault)
            }
            Place::Folder(folder) => {
                let unreadable = |source| EngineError::Unreadable { path: folder.clone(), source };
                std::fs::create_dir_all(folder).map_err(unreadable)?;
                let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"));
                let lock = lock.map_err(unreadable)?;
                flock(&lock, FlockOperation::LockExclusive).map_err(|error| unreadable(error.into()))?;
                let mut state: State = read_json(&folder.join("engine.json"))?;
                let faults: Faults = read_json(&folder.join("faults.json"))?;
                let replies: Replies = read_json(&folder.join("replies.json"))?;
                let fault = state.count(name, on, &faults);
                // The count is kept whatever becomes of the operation, or a fault would never be over.
                write_json(&folder.join("engine.json"), &state).map_err(unreadable)?;
                let result = state.perform(fault.as_ref(), name, on, work, &replies);
                write_json(&folder.join("engine.json"), &state).map_err(unreadable)?;
                (result, fault)
            }
        };
        match hang {
            Some(Fault { kill: Some(Kill::After), .. }) => die(),
            Some(Fault { hang: true, .. }) => std::future::pending().await,
            _ => result,
        }
    }
}

/// Ends this process as `kill -9` would: nothing is written, nothing is tidied up.
fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    unreachable!("nobody survives SIGKILL")
}

impl State {
    /// Counts an operation and gives the fault that hits it.
    fn count(&mut self, name: &str, on: &str, faults: &Faults) -> Option<Fault> {
        self.log.push(if on.is_empty() { name.to_owned() } else { format!("{name} {on}") });
        let mut hit = None;
        // `exec-collect` is also an `exec`.
        let family = name.split_once('-').map(|(family, _)| family).filter(|family| *family == "exec");
        for counted in [Some(name), family, Some("any")].into_iter().flatten() {
            let count = self.counts.entry(counted.to_owned()).or_default();
            *count += 1;
            if let Some(fault) = faults.get(counted).filter(|fault| fault.hits(*count)) {
                hit = hit.or_else(|| Some(fault.clone()));
            }
        }
        hit
    }

    fn perform<T>(
        &mut self,
        fault: Option<&Fault>,
        name: &str,
        on: &str,
        work: impl FnOnce(&mut Self, &Replies) -> Result<T, EngineError>,
        replies: &Replies,
    ) -> Result<T, EngineError> {
        match fault {
            Some(Fault { last_words: Some(words), .. }) => {
                let container = self.container(on)?;
                container.condition = Condition::Exited;
                container.log.clone_from(words);
                Err(refused(name, 409, "the container has ended"))
            }
            Some(Fault { kill: Some(Kill::Before), .. }) => die(),
            Some(Fault { error: Some(error), .. }) => Err(refused(name, 500, error)),
            _ => work(self, replies),
        }
    }

    fn id(&mut self, kind: &str) -> String {
        self.next_id += 1;
        format!("{kind}-{:04}", self.next_id)
    }

    fn add_image(&mut self, tag: &str, labels: &Labels) {
        for image in &mut self.images {
            image.tags.retain(|other| other != tag);
        }
        let id = self.id("image");
        self.images.push(ImageState { id, tags: vec![tag.to_owned()], labels: labels.clone() });
    }

    fn image(&self, name: &str) -> Option<&ImageState> {
        self.images.iter().find(|image| image.id == name || image.tags.iter().any(|tag| tag == name))
    }

    fn container(&mut self, id: &str) -> Result<&mut ContainerState, EngineError> {
        let found = self.containers.iter_mut().find(|container| container.id == id || container.name == id);
        found.ok_or_else(|| EngineError::Gone { name: id.to_owned() })
    }

    /// A container that runs and is not paused.
    fn running(&mut self, id: &str) -> Result<&mut ContainerState, EngineError> {
        let container = self.container(id)?;
        match container.condition {
            Condition::Running => Ok(container),
            condition => Err(refused("run a program", 409, &format!("container {id} is {condition:?}"))),
        }
    }
}

impl ContainerState {
    fn boot(&mut self) {
        self.condition = Condition::Running;
        self.starts += 1;
        if self.starts > 1 {
            self.marks.insert("restarted".into());
        }
    }

    /// What the agent of this node says.
    fn answer(&mut self, request: Request, replies: &NodeReplies) -> Reply {
        let name = request_name(&request);
        if let Some(why) = replies.refuse.get(name) {
            return Reply::Refused { why: why.clone() };
        }
        match request {
            Request::Hello { .. } => Reply::Hello(Hello {
                protocol: PROTOCOL,
                agent: env!("CARGO_PKG_VERSION").into(),
                boot_id: format!("{}-{}", self.id, self.starts),
                booted_at_ms: self.starts,
                settled: true,
                failed_units: replies.failed_units.clone(),
            }),
            Request::Collect { asked, .. } => {
                Reply::Collected { answers: asked.iter().map(|asked| self.read(asked, replies)).collect() }
            }
            Request::Inventory { .. } => {
                let fits = |rule: &&InventoryRule| rule.marks.iter().all(|mark| self.marks.contains(mark));
                let found = replies.inventory.iter().find(fits).map(|rule| rule.inventory.clone());
                Reply::Inventory(Box::new(found.unwrap_or_default()))
            }
            Request::Run(script) => {
                let rule = replies.run.iter().find(|rule| script.text.contains(&rule.contains));
                if let Some(rule) = rule {
                    self.marks.extend(rule.sets.iter().cloned());
                    self.marks.retain(|mark| !rule.clears.contains(mark));
                }
                let silent =
                    Ran { end: End::Exit(0), stdout: String::new(), stderr: String::new(), took_ms: 1 };
                Reply::Ran(rule.and_then(|rule| rule.ran.clone()).unwrap_or(silent))
            }
            Request::Hardware(_) => Reply::Done,
            Request::Guest { .. } => Reply::Refused { why: "this node runs no guest".into() },
            Request::Plant { path, text, .. } => {
                self.planted.insert(path, text);
                Reply::Planted
            }
            Request::Unplant { path } => {
                self.planted.remove(&path);
                Reply::Unplanted
            }
            Request::Batch(requests) => {
                let mut replies_so_far = Vec::new();
                for request in requests {
                    let reply = self.answer(request, replies);
                    let goes_on = reply.succeeded();
                    replies_so_far.push(reply);
                    if !goes_on {
                        break;
                    }
                }
                Reply::Batch(replies_so_far)
            }
        }
    }

    fn read(&self, asked: &Asked, replies: &NodeReplies) -> Answer {
        let question = serde_json::to_value(&asked.question).expect("questions serialise");
        let fits = |rule: &&CollectRule| {
            is_part(&rule.when, &question) && rule.marks.iter().all(|mark| self.marks.contains(mark))
        };
        let reading = match replies.collect.iter().find(fits) {
            Some(rule) => {
                let stdin = question.pointer("/command/stdin").and_then(Value::as_str).unwrap_or_default();
                serde_json::from_value(complete(fill(&rule.reading, stdin))).unwrap_or_else(|error| {
                    Reading::Unreadable { why: format!("a scripted reading is wrong: {error}") }
                })
            }
            None => Reading::Unreadable { why: format!("no reply is scripted for {question}") },
        };
        let again = (asked.again_after_ms > 0).then(|| reading.clone());
        Answer { reading, again, took_ms: 1 }
    }
}

fn request_name(request: &Request) -> &'static str {
    match request {
        Request::Hello { .. } => "hello",
        Request::Collect { .. } => "collect",
        Request::Inventory { .. } => "inventory",
        Request::Run(_) => "run",
        Request::Plant { .. } => "plant",
        Request::Unplant { .. } => "unplant",
        Request::Hardware(_) => "hardware",
        Request::Guest { .. } => "guest",
        Request::Batch(_) => "batch",
    }
}

/// Whether all that `part` says holds in `whole`.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|found| is_part(value, found)))
        }
        _ => part == whole,
    }
}

/// Puts `stdin` where a scripted reading asks for it.
fn fill(value: &Value, stdin: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{{stdin}}", stdin)),
        Value::Array(items) => items.iter().map(|item| fill(item, stdin)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), fill(value, stdin))).collect()
        }
        other => other.clone(),
    }
}

/// Gives a scripted fact the properties that the script leaves out: empty, zero, false.
fn complete(mut reading: Value) -> Value {
    use crashcart_facts as facts;
    let Some(known) = reading.get_mut("known").and_then(Value::as_object_mut) else { return reading };
    for (kind, fact) in known {
        let whole = match kind.as_str() {
            "file" => json_of(&facts::FileFact::default()),
            "text" => json_of(&facts::TextFact::default()),
            "find" => json_of(&facts::FindFact::default()),
            "service" => json_of(&facts::ServiceFact::default()),
            "process" => json_of(&facts::ProcessFact::default()),
            "port" => json_of(&facts::PortFact::default()),
            "package" => json_of(&facts::PackageFact::default()),
            "user" => json_of(&facts::UserFact::default()),
            "group" => json_of(&facts::GroupFact::default()),
            "mount" => json_of(&facts::MountFact::default()),
            "device" => json_of(&facts::DeviceFact::default()),
            "module" => json_of(&facts::ModuleFact::default()),
            "kernel-parameter" => json_of(&facts::KernelParameterFact::default()),
            "kernel-command-line" => json_of(&facts::KernelCommandLineFact::default()),
            "cgroup" => json_of(&facts::CgroupFact::default()),
            "limit" => json_of(&facts::LimitFact::default()),
            "log" => json_of(&facts::LogFact::default()),
            "http" => json_of(&facts::HttpFact::default()),
            "command" => json_of(&facts::CommandFact::default()),
            "gpu" => json_of(&facts::GpuFact::default()),
            "gpus" => json_of(&facts::GpusFact::default()),
            "hugepages" => json_of(&facts::HugepagesFact::default()),
            "transparent-hugepages" => json_of(&facts::TransparentHugepagesFact::default()),
            "memory" => json_of(&facts::MemoryFact::default()),
            "threads" => json_of(&facts::ThreadsFact::default()),
            "processors" => json_of(&facts::ProcessorsFact::default()),
            "interrupts" => json_of(&facts::InterruptsFact::default()),
            "next-boot" => json_of(&facts::NextBootFact::default()),
            "module-file" => json_of(&facts::ModuleFileFact::default()),
            "initramfs" => json_of(&facts::InitramfsFact::default()),
            "dkms" => json_of(&facts::DkmsFact::default()),
            "kernel-counter" => json_of(&facts::KernelCounterFact::default()),
            "block-device" => json_of(&facts::BlockDeviceFact::default()),
            _ => continue,
        };
        if let (Value::Object(mut whole), Value::Object(said)) = (whole, fact.clone()) {
            whole.extend(said);
            *fact = Value::Object(whole);
        }
    }
    reading
}

fn json_of(fact: &impl Serialize) -> Value {
    serde_json::to_value(fact).expect("facts serialise")
}

fn refused(what: &str, status: u16, why: &str) -> EngineError {
    EngineError::Refused { what: what.to_owned(), status, source: Box::new(Said(why.to_owned())) }
}

/// Reads a JSON file; one that is absent is empty.
fn read_json<T: Default + for<'a> Deserialize<'a>>(path: &Path) -> Result<T, EngineError> {
    let unreadable = |source| EngineError::Unreadable { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(unreadable(error)),
    }
}

/// Writes a JSON file whole or not at all.
fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let draft = path.with_extension("json.new");
    std::fs::write(&draft, serde_json::to_vec_pretty(value)?)?;
    std::fs::rename(draft, path)
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn about(&self) -> Result<About, EngineError> {
        self.operate("about", "", |state, _| {
            let machine = &state.machine;
            Ok(About {
                name: "Scripted 1".into(),
                api: "0".into(),
                endpoint: match &self.place {
                    Place::Memory { .. } => "scripted:memory".into(),
                    Place::Folder(folder) => format!("scripted:{}", folder.display()),
                },
                chosen_by: "CRASHCART_ENGINE".into(),
                cpus: 4,
                memory_bytes: 8 << 30,
                memory_available_bytes: machine.memory_available_bytes,
                architecture: machine.architecture.clone().unwrap_or_else(|| std::env::consts::ARCH.into()),
                storage_driver: "paper".into(),
                disk_limits: true,
                cgroup_version: 2,
                rootless: false,
                data_root: None,
                data_free_bytes: machine.data_free_bytes,
            })
        })
        .await
    }

    async fn image(&self, tag: &str) -> Result<Option<ImageInfo>, EngineError> {
        self.operate("image", tag, |state, _| Ok(state.image(tag).map(image_info))).await
    }

    async fn build_image(&self, build: Build, progress: &dyn Progress) -> Result<(), EngineError> {
        let mut containerfile = String::new();
        let mut archive = tar::Archive::new(build.context.as_slice());
        let entries = archive.entries().into_iter().flatten().flatten();
        for mut entry in
            entries.filter(|entry| entry.path().is_ok_and(|path| path.as_ref() == Path::new("Containerfile")))
        {
            let _ = entry.read_to_string(&mut containerfile);
        }
        let steps: Vec<&str> =
            containerfile.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        for (n, step) in steps.iter().enumerate() {
            progress.step(n as u32 + 1, steps.len() as u32, step);
        }
        self.operate("build-image", &build.tag, |state, _| {
            if steps.is_empty() {
                let log = vec!["there is no Containerfile, or nothing in it".into()];
                return Err(EngineError::BuildFailed {
                    tag: build.tag.clone(),
                    step: "read the Containerfile".into(),
                    log,
                });
            }
            state.add_image(&build.tag, &build.labels);
            Ok(())
        })
        .await
    }

    async fn pull_image(
        &self,
        reference: &str,
        tag: &str,
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        progress.line(&format!("pulling {reference}"));
        self.operate("pull-image", reference, |state, _| {
            state.add_image(reference, &Labels::new());
            if let Some(image) = state.images.last_mut() {
                image.tags.push(tag.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn import_image(
        &self,
        tar: PathBuf,
        tag: &str,
        labels: &Labels,
        _progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        self.operate("import-image", tag, |state, _| {
            let size = std::fs::metadata(&tar)
                .map_err(|source| EngineError::Unreadable { path: tar, source })?
                .len();
            if size == 0 {
                return Err(refused("import an image", 500, "the tar is empty"));
            }
            state.add_image(tag, labels);
            Ok(())
        })
        .await
    }

    async fn images(&self) -> Result<Vec<ImageInfo>, EngineError> {
        self.operate("images", "", |state, _| {
            let ours = state.images.iter().filter(|image| image.labels.contains_key(LABEL_KIND));
            Ok(ours.map(image_info).collect())
        })
        .await
    }

    async fn remove_image(&self, id: &str) -> Result<(), EngineError> {
        self.operate("remove-image", id, |state, _| {
            let Some(image) = state.image(id).cloned() else { return Ok(()) };
            let used = state.containers.iter().any(|container| image.tags.contains(&container.image));
            if used && image.tags.len() < 2 {
                return Err(refused("remove an image", 409, "a container uses it"));
            }
            for other in state.images.iter_mut().filter(|other| other.id == image.id) {
                other.tags.retain(|tag| tag != id && other.id != id);
            }
            state.images.retain(|other| other.id != image.id || !other.tags.is_empty());
            Ok(())
        })
        .await
    }

    async fn fill_volume(
        &self,
        name: &str,
        labels: &Labels,
        _carrier: &Labels,
        image: &str,
        _tar: Vec<u8>,
    ) -> Result<(), EngineError> {
        self.operate("fill-volume", name, |state, _| {
            if state.image(image).is_none() {
                return Err(EngineError::Gone { name: image.to_owned() });
            }
            if !state.volumes.iter().any(|volume| volume.name == name) {
                state.volumes.push(VolumeState { name: name.to_owned(), labels: labels.clone() });
            }
            Ok(())
        })
        .await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network, EngineError> {
        self.operate("create-network", &spec.name, |state, _| {
            let taken: BTreeSet<Ipv4Addr> = state.networks.iter().map(|network| network.base).collect();
            let range =
                subnet::candidates(&spec.name, spec.hosts, &[]).find(|range| !taken.contains(&range.base));
            let base = range.expect("more ranges than a test makes networks").base;
            let id = state.id("network");
            state.networks.push(NetworkState {
                id: id.clone(),
                name: spec.name.clone(),
                labels: spec.labels.clone(),
                base,
            });
            Ok(Network { id, name: spec.name.clone(), base, prefix: 24 })
        })
        .await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        self.operate("create", &spec.name, |state, _| {
            if state.image(&spec.image).is_none() {
                return Err(EngineError::Gone { name: spec.image.clone() });
            }
            if state.containers.iter().any(|container| container.name == spec.name) {
                return Err(refused("make a container", 409, &format!("the name {} is in use", spec.name)));
            }
            if spec.network != NO_NETWORK
                && !state.networks.iter().any(|network| network.name == spec.network)
            {
                return Err(EngineError::Gone { name: spec.network.clone() });
            }
            // A real engine would make an empty volume, and the node would have no agent.
            let is_there = |mount: &&Mount| state.volumes.iter().any(|volume| volume.name == mount.volume);
            if let Some(missing) = spec.volumes.iter().find(|mount| !is_there(mount)) {
                return Err(EngineError::Gone { name: missing.volume.clone() });
            }
            let id = state.id("container");
            state.containers.push(ContainerState {
                id: id.clone(),
                name: spec.name.clone(),
                node: spec.hostname.clone(),
                image: spec.image.clone(),
                labels: spec.labels.clone(),
                network: spec.network.clone(),
                address: spec.address,
                volumes: spec.volumes.iter().map(|mount| mount.volume.clone()).collect(),
                capabilities: spec.capabilities.clone(),
                condition: Condition::Created,
                starts: 0,
                marks: BTreeSet::new(),
                planted: BTreeMap::new(),
                log: String::new(),
            });
            Ok(ContainerId(id))
        })
        .await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.operate("start", &id.0, |state, _| {
            let container = state.container(&id.0)?;
            if container.condition != Condition::Running {
                container.boot();
            }
            Ok(())
        })
        .await
    }

    async fn stop(&self, id: &ContainerId, _grace_s: u32) -> Result<(), EngineError> {
        self.operate("stop", &id.0, |state, _| {
            state.container(&id.0)?.condition = Condition::Exited;
            Ok(())
        })
        .await
    }

    async fn restart(&self, id: &ContainerId, _grace_s: u32) -> Result<(), EngineError> {
        self.operate("restart", &id.0, |state, _| {
            state.container(&id.0)?.boot();
            Ok(())
        })
        .await
    }

    async fn pause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.operate("pause", &id.0, |state, _| {
            state.running(&id.0)?.condition = Condition::Paused;
            Ok(())
        })
        .await
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.operate("unpause", &id.0, |state, _| {
            let container = state.container(&id.0)?;
            if container.condition != Condition::Paused {
                return Err(refused("unpause a container", 409, "it is not paused"));
            }
            container.condition = Condition::Running;
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.operate("remove", &id.0, |state, _| {
            state.containers.retain(|container| container.id != id.0 && container.name != id.0);
            Ok(())
        })
        .await
    }

    async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        self.operate("remove-network", id, |state, _| {
            let names: Vec<&str> = state
                .networks
                .iter()
                .filter(|network| network.id == id || network.name == id)
                .map(|network| network.name.as_str())
                .collect();
            let live = |container: &ContainerState| {
                matches!(container.condition, Condition::Running | Condition::Paused)
            };
            if state
                .containers
                .iter()
                .any(|container| live(container) && names.contains(&container.network.as_str()))
            {
                return Err(refused("remove a network", 403, "it has active endpoints"));
            }
            state.networks.retain(|network| network.id != id && network.name != id);
            Ok(())
        })
        .await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.operate("remove-volume", name, |state, _| {
            if state.containers.iter().any(|container| container.volumes.iter().any(|volume| volume == name))
            {
                return Err(refused("remove a volume", 409, "it is in use"));
            }
            state.volumes.retain(|volume| volume.name != name);
            Ok(())
        })
        .await
    }

    async fn exec(&self, id: &ContainerId, exec: Exec) -> Result<ExecOutput, EngineError> {
        let words: Vec<&str> = exec.argv.iter().map(String::as_str).collect();
        let request = match words.as_slice() {
            [AGENT_PATH, "call"] => Some(serde_json::from_slice::<Envelope>(&exec.stdin)),
            _ => None,
        };
        let name = match &request {
            Some(Ok(envelope)) => format!("exec-{}", request_name(&envelope.request)),
            _ => "exec".to_owned(),
        };
        self.operate(&name, &id.0, |state, replies| {
            let container = state.running(&id.0)?;
            let none = NodeReplies::default();
            let replies = replies.nodes.get(&container.node).unwrap_or(&none);
            let output =
                |code, stdout: Vec<u8>, stderr: &str| ExecOutput { code, stdout, stderr: stderr.into() };
            Ok(match request {
                Some(Ok(envelope)) => {
                    let reply = container.answer(envelope.request, replies);
                    output(0, serde_json::to_vec(&reply).expect("replies serialise"), "")
                }
                Some(Err(error)) => output(3, Vec::new(), &format!("the request is not right: {error}\n")),
                None => {
                    let program = words
                        .first()
                        .and_then(|word| replies.programs.get(*word))
                        .cloned()
                        .unwrap_or_default();
                    output(program.code, program.stdout.into_bytes(), &program.stderr)
                }
            })
        })
        .await
    }

    async fn attach(
        &self,
        id: &ContainerId,
        _exec: Exec,
        _size: WindowSize,
    ) -> Result<Box<dyn Terminal>, EngineError> {
        self.operate("attach", &id.0, |state, replies| {
            let node = &state.running(&id.0)?.node;
            let shown = replies.nodes.get(node).map(|replies| replies.shell.clone()).unwrap_or_default();
            let terminal: Box<dyn Terminal> = Box::new(ScriptedTerminal { shown });
            Ok(terminal)
        })
        .await
    }

    async fn copy_in(&self, id: &ContainerId, path: &str, mut tar: Inflow) -> Result<(), EngineError> {
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes)
            .await
            .map_err(|error| refused("unpack files", 400, &error.to_string()))?;
        self.operate("copy-in", path, |state, _| state.container(&id.0).map(drop)).await
    }

    /// There are no files on paper.
    async fn copy_out(&self, id: &ContainerId, path: &str, _tar: Outflow) -> Result<(), EngineError> {
        self.operate("copy-out", path, |state, _| {
            state.container(&id.0)?;
            Err(EngineError::Gone { name: path.to_owned() })
        })
        .await
    }

    /// As Docker has it: `manifest.json` with the tags, and for each image its configuration.
    async fn save_images(&self, tags: &[String], mut to: Outflow) -> Result<(), EngineError> {
        let names = tags.join(" ");
        let tar = self.operate("save-images", &names, |state, _| {
            let (mut list, mut files) = (Vec::new(), Vec::new());
            for tag in tags {
                let image = state.image(tag).ok_or_else(|| EngineError::Gone { name: tag.clone() })?;
                let config = format!("{}.json", image.id);
                list.push(serde_json::json!({ "Config": config, "RepoTags": [tag], "Layers": [] }));
                files.push((config, serde_json::json!({ "config": { "Labels": image.labels } })));
            }
            files.push(("manifest.json".into(), list.into()));
            let mut tar = tar::Builder::new(Vec::new());
            for (name, value) in files {
                let text = value.to_string();
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, name, text.as_bytes()).expect("a Vec takes all");
            }
            Ok(tar.into_inner().expect("a Vec takes all"))
        });
        let tar = tar.await?;
        let lost = |error: io::Error| refused("hand out images", 500, &error.to_string());
        to.write_all(&tar).await.map_err(lost)?;
        to.shutdown().await.map_err(lost)
    }

    async fn load_images(&self, mut tar: Inflow) -> Result<(), EngineError> {
        let mut bytes = Vec::new();
        tar.read_to_end(&mut bytes)
            .await
            .map_err(|error| refused("take images in", 400, &error.to_string()))?;
        let mut files: BTreeMap<String, Value> = BTreeMap::new();
        for mut entry in tar::Archive::new(bytes.as_slice()).entries().into_iter().flatten().flatten() {
            let path = entry.path().map(|path| path.display().to_string()).unwrap_or_default();
            let mut text = String::new();
            if entry.read_to_string(&mut text).is_ok() {
                files.insert(path, serde_json::from_str(&text).unwrap_or_default());
            }
        }
        self.operate("load-images", "", |state, _| {
            let list = files.get("manifest.json").and_then(Value::as_array).cloned().unwrap_or_default();
            for image in list {
                let config = image["Config"].as_str().and_then(|name| files.get(name)).cloned();
                let labels = config.and_then(|config| {
                    serde_json::from_value::<Labels>(config["config"]["Labels"].clone()).ok()
                });
                for tag in image["RepoTags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    state.add_image(tag, labels.as_ref().unwrap_or(&Labels::new()));
                }
            }
            Ok(())
        })
        .await
    }

    async fn logs(&self, id: &ContainerId, _lines: u32) -> Result<String, EngineError> {
        self.operate("logs", &id.0, |state, _| state.container(&id.0).map(|it| it.log.clone())).await
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<Found>, EngineError> {
        self.operate("list", "", |state, _| {
            let bears = |found: &Labels| labels.iter().all(|(name, value)| found.get(name) == Some(value));
            let found = |kind, id: &str, name: &str, labels: &Labels| Found {
                kind,
                id: id.to_owned(),
                name: name.to_owned(),
                labels: labels.clone(),
            };
            let containers = state
                .containers
                .iter()
                .map(|c| found(FoundKind::Container(c.condition), &c.id, &c.name, &c.labels));
            let networks =
                state.networks.iter().map(|n| found(FoundKind::Network, &n.id, &n.name, &n.labels));
            let volumes = state.volumes.iter().map(|v| found(FoundKind::Volume, &v.name, &v.name, &v.labels));
            Ok(containers.chain(networks).chain(volumes).filter(|thing| bears(&thing.labels)).collect())
        })
        .await
    }
}

fn image_info(image: &ImageState) -> ImageInfo {
    ImageInfo {
        id: image.id.clone(),
        tags: image.tags.clone(),
        size_bytes: 1 << 20,
        created_at_s: 0,
        labels: image.labels.clone(),
    }
}

/// A terminal that shows its text and ends.
struct ScriptedTerminal {
    shown: String,
}

#[async_trait]
impl Terminal for ScriptedTerminal {
    fn split(&mut self) -> Ends {
        let shown = std::mem::take(&mut self.shown);
        (Box::pin(io::Cursor::new(shown.into_bytes())), Box::pin(tokio::io::sink()))
    }

    async fn resize(&self, _size: WindowSize) -> Result<(), EngineError> {
        Ok(())
    }

    async fn wait(&self) -> Result<i64, EngineError> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use crashcart_facts::{Fact, Question, Script};
    use serde_json::json;

    use super::*;
    use crate::engine::Limits;

    fn replies(value: Value) -> Replies {
        serde_json::from_value(json!({"nodes": {"one": value}})).expect("replies")
    }

    fn faults(value: Value) -> Faults {
        serde_json::from_value(value).expect("faults")
    }

    async fn node(engine: &ScriptedEngine) -> Result<ContainerId, EngineError> {
        let labels = Labels::from([("crashcart.attempt".into(), "a".into())]);
        let network = NetworkSpec { name: "n".into(), labels: labels.clone(), outside: false, hosts: 1 };
        let network = engine.create_network(&network).await?;
        let spec = ContainerSpec {
            name: "c".into(),
            hostname: "one".into(),
            image: "image:1".into(),
            labels,
            argv: vec![],
            env: BTreeMap::new(),
            network: "n".into(),
            address: network.address(0),
            hosts: BTreeMap::new(),
            outside: false,
            volumes: vec![],
            tmpfs: BTreeMap::new(),
            shm_bytes: 0,
            limits: Limits { memory_bytes: 0, cpu_milli: 0, pids: 0, disk_bytes: 0 },
            capabilities: vec![],
            gpus: false,
            devices: vec![],
        };
        let id = engine.create(&spec).await?;
        engine.start(&id).await?;
        Ok(id)
    }

    async fn call(engine: &ScriptedEngine, id: &ContainerId, request: Request) -> Result<Reply, EngineError> {
        let exec = Exec {
            argv: vec![AGENT_PATH.into(), "call".into()],
            user: "65534".into(),
            env: BTreeMap::new(),
            stdin: serde_json::to_vec(&Envelope::new(request)).expect("JSON"),
            output_limit: 1 << 20,
            timeout_ms: 1000,
        };
        let output = engine.exec(id, exec).await?;
        assert_eq!(output.code, 0);
        Ok(serde_json::from_slice(&output.stdout).expect("a reply"))
    }

    async fn read(engine: &ScriptedEngine, id: &ContainerId, question: Question) -> Reading {
        let asked = vec![Asked { question, again_after_ms: 0 }];
        match call(engine, id, Request::Collect { asked, budget_ms: 1000 }).await {
            Ok(Reply::Collected { answers }) => answers[0].reading.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn agents_answer_as_scripted_and_scripts_leave_marks() {
        let engine = ScriptedEngine::in_memory(
            &["image:1"],
            replies(json!({
                "collect": [
                    {"when": {"kernel-parameter": {"name": "vm.x"}}, "marks": ["mended"], "reading": {"unreadable": {"why": "mended"}}},
                    {"when": {"kernel-parameter": {}}, "reading": {"unreadable": {"why": "broken"}}},
                    {"when": {"command": {"argv": ["/bin/cat"]}}, "reading": {"unreadable": {"why": "it said {{stdin}}"}}},
                ],
                "run": [{"contains": "sysctl -w", "sets": ["mended"]}],
                "refuse": {"plant": "no room"},
            })),
            Faults::new(),
        );
        let id = node(&engine).await.expect("a node");
        let why = async |question| match read(&engine, &id, question).await {
            Reading::Unreadable { why } => why,
            Reading::Known(fact) => panic!("{fact:?}"),
        };
        let parameter = || Question::KernelParameter { name: "vm.x".into() };
        assert_eq!(why(parameter()).await, "broken");
        let script = Script { text: "sysctl -w vm.x=1".into(), env: BTreeMap::new(), timeout_ms: 1 };
        assert!(matches!(
            call(&engine, &id, Request::Run(script)).await,
            Ok(Reply::Ran(Ran { end: End::Exit(0), .. }))
        ));
        assert_eq!(why(parameter()).await, "mended");
        let command = Question::Command {
            argv: vec!["/bin/cat".into()],
            user: None,
            stdin: "abc".into(),
            env: BTreeMap::new(),
            timeout_ms: 1,
        };
        assert_eq!(why(command).await, "it said abc");
        assert!(why(Question::Package { name: "x".into() }).await.starts_with("no reply is scripted"));
        let plant = Request::Plant { path: "/p".into(), text: "t".into(), owner: "o".into() };
        assert!(matches!(call(&engine, &id, plant).await, Ok(Reply::Refused { why }) if why == "no room"));
    }

    #[test]
    fn a_scripted_fact_needs_only_the_properties_that_matter() {
        for (kind, _) in crashcart_facts::KINDS {
            let reading = complete(json!({"known": {*kind: {}}}));
            let parsed: Result<Reading, _> = serde_json::from_value(reading);
            assert!(parsed.is_ok(), "{kind}: {parsed:?}");
        }
        let reading = complete(json!({"known": {"file": {"exists": true}}}));
        let parsed: Reading = serde_json::from_value(reading).expect("a reading");
        assert!(matches!(parsed, Reading::Known(Fact::File(file)) if file.exists && file.size == 0));
    }

    #[tokio::test]
    async fn processes_that_name_the_same_folder_share_one_engine() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let engine = || ScriptedEngine::in_folder(dir.path());
        std::fs::write(dir.path().join("engine.json"), r#"{"images": [{"id": "i", "tags": ["image:1"]}]}"#)
            .expect("a file");
        let id = node(&engine()).await.expect("a node");
        let all = Labels::from([("crashcart.attempt".into(), "a".into())]);
        assert_eq!(engine().list(&all).await.expect("a list").len(), 2);
        engine().restart(&id, 0).await.expect("a restart");
        match call(&engine(), &id, Request::Hello { wait_ms: 0 }).await {
            Ok(Reply::Hello(hello)) => assert_eq!(hello.boot_id, format!("{}-2", id.0)),
            other => panic!("{other:?}"),
        }
        assert!(matches!(engine().remove_network("n").await, Err(EngineError::Refused { status: 403, .. })));
        engine().remove(&id).await.expect("a removal");
        engine().remove_network("n").await.expect("a removal");
        assert_eq!(engine().list(&all).await.expect("a list"), []);
    }

    #[tokio::test]
    async fn faults_hit_the_operation_that_they_count_to() {
        let broken = faults(
            json!({"create": {"at": 1, "error": "full"}, "exec": {"at": 2, "error": "lost"}, "stop": {"hang": true}}),
        );
        let engine = ScriptedEngine::in_memory(&["image:1"], Replies::default(), broken);
        assert!(matches!(node(&engine).await, Err(EngineError::Refused { status: 500, .. })));
        engine.remove_network("n").await.expect("a removal");
        let id = node(&engine).await.expect("the second try");
        assert!(call(&engine, &id, Request::Hello { wait_ms: 0 }).await.is_ok());
        assert!(call(&engine, &id, Request::Hello { wait_ms: 0 }).await.is_err());
        assert!(call(&engine, &id, Request::Hello { wait_ms: 0 }).await.is_ok());
        let stopping = tokio::time::timeout(std::time::Duration::from_millis(50), engine.stop(&id, 0));
        assert!(stopping.await.is_err(), "it should hang");
    }

    /// Not a test by itself: the body of the process that the next one starts.
    #[tokio::test]
    async fn child_that_is_killed() {
        if let Some(folder) = std::env::var_os("CRASHCART_TEST_FOLDER") {
            let _ = node(&ScriptedEngine::in_folder(folder)).await;
        }
    }

    #[tokio::test]
    async fn a_kill_leaves_the_operation_done_or_not_as_asked() {
        let case = async |when: &str, containers: usize| {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let write = |name: &str, value: Value| {
                std::fs::write(dir.path().join(name), value.to_string()).expect("a file")
            };
            write("engine.json", json!({"images": [{"id": "i", "tags": ["image:1"]}]}));
            write("faults.json", json!({"create": {"at": 1, "kill": when}}));
            let status = std::process::Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "engine::scripted::tests::child_that_is_killed"])
                .env("CRASHCART_TEST_FOLDER", dir.path())
                .stdout(std::process::Stdio::null())
                .status()
                .expect("a child");
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
            let found = ScriptedEngine::in_folder(dir.path()).list(&Labels::new()).await.expect("a list");
            let count = found.iter().filter(|thing| matches!(thing.kind, FoundKind::Container(_))).count();
            assert_eq!(count, containers, "{when}: {found:?}");
        };
        case("before", 0).await;
        case("after", 1).await;
    }

    #[tokio::test]
    async fn a_pause_keeps_programs_out() {
        let engine = ScriptedEngine::in_memory(&["image:1"], Replies::default(), Faults::new());
        let id = node(&engine).await.expect("a node");
        engine.pause(&id).await.expect("a pause");
        assert!(matches!(
            call(&engine, &id, Request::Hello { wait_ms: 0 }).await,
            Err(EngineError::Refused { status: 409, .. })
        ));
        engine.unpause(&id).await.expect("an unpause");
        assert!(call(&engine, &id, Request::Hello { wait_ms: 0 }).await.is_ok());
    }
}
