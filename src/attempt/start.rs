//! From a lab and a seed to broken nodes that answer.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::future::{join, join_all, try_join_all};
use futures_util::stream::FuturesUnordered;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::collect::Errands;
use super::console::{ConsoleError, sit_at};
use super::nodes::{BringUpError, Nodes, hands, last_words};
use super::room::Turn;
use super::stop::remove_all;
use super::{Accelerators, Collector, Secret, Site, StopError, script_environment};
use crate::advice::NextStep;
use crate::engine::{
    ContainerSpec, EngineError, LABEL_ACCELERATORS, LABEL_HARDWARE_TOKEN, LABEL_KIND, LABEL_NODE,
    LABEL_PROTOCOL, Limits, Mount, Network, NetworkSpec, REAL_ACCELERATORS, kvm_devices,
};
use crate::evidence::Taken;
use crate::image::{Image, ImageError, template};
use crate::lab::{Act, Draw, Lab, NodeName, NodePlan, Step, parse_console};
use crate::node::{LABEL_VM, NodeError, NodeLink, describe_end, settle_ms};
use crate::rubric::Rubric;
use crate::store::{AttemptId, AttemptLock, NewAttempt, Purpose, RecordKind, Stage, Store, StoreError};
use crate::units::{Bytes, hex};
use crashcart_facts::{
    AGENT_DIR, AGENT_PATH, End, HARDWARE_KEY_VARIABLE, HARDWARE_VARIABLE, HOST_WORD, HardwareAct,
    NodeHardware, PROTOCOL, QEMU_ENDED, Ran, Reply, Request, Script, TEMPLATE_DIR, VM_VARIABLE, VmNode,
    VmShape,
};

/// Time that one script of a lab may take, in milliseconds.
const SCRIPT_MS: u32 = 120_000;
/// The same in a guest: without KVM, and beside other work, an initramfs takes minutes and a module ten.
const GUEST_SCRIPT_MS: u32 = 900_000;
/// How often nodes are made anew where QEMU ended by itself.
const ANEW: u32 = 2;
/// Sizes of the tmpfs mounts that every node has.
const RUN_BYTES: u64 = 64 << 20;
const TMP_BYTES: u64 = 256 << 20;
const PCI_BYTES: u64 = 1 << 20;

/// What to start.
pub struct Plan<'a> {
    pub lab: &'a Lab,
    /// The collection that the lab is of, where it is not one of our own.
    pub collection: Option<&'a str>,
    pub rubric: &'a Rubric,
    pub draw: Draw<'a>,
    pub purpose: Purpose,
    /// Images of the lab's nodes by the name of their folder; all present.
    pub images: &'a BTreeMap<String, Image>,
    /// Volume that holds the agent.
    pub agent_volume: &'a str,
    /// Whose accelerators the nodes get that a lab gives some.
    pub accelerators: Accelerators,
    /// Finish this attempt, whose start was interrupted, instead of making a new one.
    pub again: Option<AttemptId>,
    /// Write down what stands on the nodes when they are handed over, so that it can be said later what else changed.
    pub takes_stock: bool,
}

/// An attempt whose nodes stand, broken.
pub struct Started {
    pub attempt: AttemptId,
    pub nodes: Nodes,
    /// Held until the caller is done with the attempt.
    pub lock: AttemptLock,
}

/// Why an attempt did not start. Nothing of it is left in the engine then, unless that itself failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another crashcart is at work on attempt `{attempt}`")]
    Busy { attempt: AttemptId },
    #[error("there is no room for the lab's guests: they need {needed}, and {free} are left")]
    NoRoom { needed: Bytes, free: Bytes },
    #[error("could not wait for the turn to start guests")]
    Turn(#[source] ImageError),
    #[error("script `{script}` of the lab {end} in node `{node}`")]
    Script { script: String, node: NodeName, end: String, said: Vec<String> },
    #[error("script `{script}` of the lab came to no end at the console of node `{node}`")]
    Console {
        script: String,
        node: NodeName,
        #[source]
        error: Box<ConsoleError>,
    },
    #[error("could not read script `{script}`")]
    Unreadable { script: String, source: std::io::Error },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    BringUp(#[from] BringUpError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stop(#[from] StopError),
}

impl NextStep for StartError {
    fn next_step(&self) -> String {
        match self {
            Self::NoRoom { .. } => {
                "stop another attempt with `crashcart stop`, or close what else takes memory, and start again"
                    .into()
            }
            Self::Turn(error) => error.next_step(),
            Self::Busy { .. } => "wait for it, then run the command again".into(),
            Self::Script { .. } | Self::Unreadable { .. } | Self::Console { .. } => {
                "this is a mistake of the lab: `crashcart lab prove` shows it, its author should know".into()
            }
            Self::Engine(error) => error.next_step(),
            Self::Node(error) => error.next_step(),
            Self::BringUp(error) => error.next_step(),
            Self::Store(error) => error.next_step(),
            Self::Stop(error) => error.next_step(),
        }
    }
}

/// Starts an attempt: written down first, then made, then broken, then read once.
pub async fn start(site: &Site, store: &mut Store, plan: &Plan<'_>) -> Result<Started, StartError> {
    let (attempt, lock) = match &plan.again {
        Some(attempt) => (attempt.clone(), take_up(store, attempt).await?),
        None => {
            let new = NewAttempt {
                purpose: plan.purpose,
                lab: plan.lab.name.as_str(),
                variant: plan.draw.variant.name.as_str(),
                seed: plan.draw.seed,
                lab_digest: &plan.lab.digest,
                rubric_digest: &plan.rubric.digest(),
                collection: plan.collection,
            };
            store.begin_attempt(&new, site.clock.now_ms())?
        }
    };
    if plan.again.is_some() {
        remove_all(site, &attempt).await?;
    }
    let mut raised = raise(site, store, &attempt, plan).await;
    for _ in 0..ANEW {
        // Nobody has worked in the nodes yet: they are made anew.
        if raised.is_ok() || !qemu_ended(site, &attempt).await || remove_all(site, &attempt).await.is_err() {
            break;
        }
        let note = "QEMU ended by itself while the nodes were made; they are made anew";
        store.append(&attempt, RecordKind::Note, &note, site.clock.now_ms())?;
        raised = raise(site, store, &attempt, plan).await;
    }
    match raised {
        Ok(nodes) => Ok(Started { attempt, nodes, lock }),
        Err(error) => {
            // The reason for the failure is worth more than a failure to clean up, which `recover`
            // finds again: the stage stays `starting` then.
            if remove_all(site, &attempt).await.is_ok() {
                store.append(
                    &attempt,
                    RecordKind::Note,
                    &format!("did not start: {error}"),
                    site.clock.now_ms(),
                )?;
                store.set_stage(&attempt, Stage::Stopped, site.clock.now_ms())?;
            }
            Err(error)
        }
    }
}

/// Whether QEMU, and with it a guest of this attempt, ended by itself: it finds a mistake of its own now and then
/// when processors of a guest change its memory map while others run (issue 1921 of QEMU).
async fn qemu_ended(site: &Site, attempt: &AttemptId) -> bool {
    last_words(site, attempt).await.iter().any(|(_, log)| log.contains(QEMU_ENDED))
}

/// Takes an attempt whose start was interrupted.
async fn take_up(store: &Store, attempt: &AttemptId) -> Result<AttemptLock, StartError> {
    let busy = || StartError::Busy { attempt: attempt.clone() };
    // Another crashcart that only looks whether somebody is at work on it holds the lock for a moment.
    let mut lock = store.try_lock(attempt)?;
    for _ in 0..10 {
        if lock.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        lock = store.try_lock(attempt)?;
    }
    let lock = lock.ok_or_else(busy)?;
    // It may have been finished meanwhile, and belong to a learner by now.
    match store.attempt(attempt)? {
        Some(row) if row.stage == Stage::Starting => Ok(lock),
        _ => Err(busy()),
    }
}

async fn raise(
    site: &Site,
    store: &mut Store,
    attempt: &AttemptId,
    plan: &Plan<'_>,
) -> Result<Nodes, StartError> {
    let labels = site.labels(attempt);
    let mut network_labels = labels.clone();
    network_labels.insert(LABEL_KIND.into(), "network".into());
    let spec = NetworkSpec {
        name: format!("crashcart-{attempt}"),
        labels: network_labels,
        outside: plan.lab.outside,
        // A guest has an address beside its container's.
        hosts: (plan.lab.nodes.len() + plan.lab.nodes.iter().filter(|node| node.vm.is_some()).count()) as u8,
    };
    let mut scripts = Scripts::of(plan)?;
    let has_guests = plan.lab.has_guest();
    let about = if has_guests { Some(site.engine.about().await?) } else { None };
    let devices = about.as_ref().map(kvm_devices).unwrap_or_default();
    let turn = match has_guests {
        true => Some(Turn::take(store.directory(), &*site.engine, plan.lab).await?),
        false => None,
    };
    let network = site.engine.create_network(&spec).await?;
    let hosts: BTreeMap<String, _> = plan
        .lab
        .nodes
        .iter()
        .enumerate()
        .map(|(n, node)| (node.name.to_string(), address(plan, node, &network, n as u8)))
        .collect();
    // A node by itself is prepared, broken and read in one round trip. Several wait for each other
    // twice: none is broken before all are prepared, none is read before all are broken.
    let alone = plan.lab.nodes.len() == 1;
    let raised = plan.lab.nodes.iter().enumerate().map(|(n, node)| {
        let mut spec = container(attempt, plan, node, &network, n as u8);
        spec.hosts = hosts.clone();
        spec.labels.extend(labels.clone());
        if node.vm.is_some() {
            spec.devices = devices.clone();
        }
        let prepare = match alone {
            true => None,
            false => Some(scripts.prepare.remove(&node.name).unwrap_or_default()),
        };
        async move {
            let id = site.engine.create(&spec).await?;
            site.engine.start(&id).await?;
            let link = NodeLink::new(site.engine.clone(), node.name.as_str(), id).labelled(&spec.labels);
            if let Some(scripts) = prepare {
                run_scripts(&link, &scripts, from_the_start(&scripts, link.is_vm)).await?;
            }
            Ok::<_, StartError>((node.name.clone(), link))
        }
    });
    // All of them, even when one fails: what is still being made could not be removed. What failed first
    // is told, for scripts elsewhere may have waited for it in vain.
    let mut raised: FuturesUnordered<_> = raised.collect();
    let mut nodes = Nodes::new();
    let mut failed = None;
    while let Some(one) = raised.next().await {
        match one {
            Ok((name, link)) => drop(nodes.insert(name, link)),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some(turn) = turn {
        turn.pass();
    }

    let collector = Collector::new(plan.rubric, &plan.draw, attempt);
    let collector = if plan.takes_stock { collector.taking_stock() } else { collector };
    let baseline = async {
        if alone {
            let errands = scripts
                .prepare
                .iter()
                .map(|(node, prepare)| {
                    let mut errands = from_the_start(prepare, nodes[node].is_vm);
                    errands.extend(scripts.breaking(node));
                    (node.clone(), errands)
                })
                .collect();
            let mut baseline = collector.collect_after(site, &nodes, Taken::Baseline, None, errands).await;
            for (node, replies) in std::mem::take(&mut baseline.done) {
                let scripts = scripts.prepare[&node].iter().chain(&scripts.breaks[&node]);
                judge(&nodes[&node], scripts, replies?)?;
            }
            Ok::<_, StartError>(baseline)
        } else {
            let broken = scripts
                .breaks
                .iter()
                .map(|(node, breaks)| (node, breaks, scripts.breaking(node)))
                .filter(|(_, _, breaking)| !breaking.is_empty())
                .map(|(node, breaks, breaking)| run_scripts(&nodes[node], breaks, breaking));
            try_join_all(broken).await?;
            Ok(collector.collect_after(site, &nodes, Taken::Baseline, None, Errands::new()).await)
        }
    };
    let (baseline, damaged) = join(baseline, damaged_snapshots(plan, &nodes)).await;
    if let Some(about) = &about {
        damaged.iter().for_each(|volume| template::distrust(store.directory(), &about.endpoint, volume));
    }
    let baseline = baseline?;
    let now = site.clock.now_ms();
    let started = serde_json::json!({
        "variant": plan.draw.variant.name,
        "parameters": plan.draw.parameters,
        "accelerators": plan.accelerators,
        "images": plan.images.values().map(Image::tag).collect::<Vec<_>>(),
    });
    store.append(attempt, RecordKind::Started, &started, now)?;
    store.append(attempt, RecordKind::Baseline, &baseline.evidence, now)?;
    store.append(attempt, RecordKind::Inventory, &baseline.inventories, now)?;
    store.set_stage(attempt, Stage::Running, now)?;
    Ok(nodes)
}

/// The volumes of snapshots from which a guest could not be restored.
async fn damaged_snapshots(plan: &Plan<'_>, nodes: &Nodes) -> Vec<String> {
    let guests = plan.lab.nodes.iter().filter_map(|node| Some((node, node.vm.as_ref()?)));
    let told = guests.map(|(node, shape)| async {
        let state = nodes[&node.name].guest(settle_ms(true)).await.ok()?;
        state.snapshot_problem.map(|_| template::volume(&plan.images[&node.image], shape))
    });
    join_all(told).await.into_iter().flatten().collect()
}

/// The address by which the other nodes know this one: a guest's is its own, not its container's.
fn address(plan: &Plan<'_>, node: &NodePlan, network: &Network, n: u8) -> std::net::Ipv4Addr {
    match node.vm {
        None => network.address(n),
        Some(_) => {
            let guests = plan.lab.nodes.iter().take(usize::from(n)).filter(|node| node.vm.is_some()).count();
            network.address((plan.lab.nodes.len() + guests) as u8)
        }
    }
}

/// Makes a container that of a vm node: its first process starts the guest.
fn run_guest(
    spec: &mut ContainerSpec,
    plan: &Plan<'_>,
    node: &NodePlan,
    shape: &VmShape,
    network: &Network,
    n: u8,
) {
    let guest = VmNode {
        shape: shape.clone(),
        hostname: node.name.to_string(),
        address: address(plan, node, network, n),
        prefix: network.prefix,
        gateway: plan.lab.outside.then(|| network.gateway()),
    };
    spec.labels.insert(LABEL_VM.to_owned(), "true".to_owned());
    spec.argv = vec![AGENT_PATH.into(), "vm".into()];
    spec.env.insert(VM_VARIABLE.to_owned(), serde_json::to_string(&guest).expect("a node serialises"));
    spec.volumes.push(Mount::read(&template::volume(&plan.images[&node.image], shape), TEMPLATE_DIR));
    spec.tmpfs.clear();
    spec.limits.memory_bytes += template::OVERHEAD_BYTES;
    // Room for every block of every disk: a guest's disk is full when the guest says so.
    let disks: u64 = shape.disks.iter().map(|disk| disk.size_mib).sum();
    spec.limits.disk_bytes = (shape.disk_mib + disks + 1024) << 20;
}

fn container(
    attempt: &AttemptId,
    plan: &Plan<'_>,
    node: &NodePlan,
    network: &Network,
    n: u8,
) -> ContainerSpec {
    let image = &plan.images[&node.image];
    let mut tmpfs = BTreeMap::from([("/run".to_owned(), RUN_BYTES), ("/tmp".to_owned(), TMP_BYTES)]);
    tmpfs.extend(node.tmpfs.iter().map(|(path, size)| (path.clone(), size.0)));
    let mut labels = BTreeMap::from([
        (LABEL_KIND.to_owned(), "node".to_owned()),
        (LABEL_NODE.to_owned(), node.name.to_string()),
        (LABEL_PROTOCOL.to_owned(), PROTOCOL.to_string()),
    ]);
    if has_real(plan, node) {
        labels.insert(LABEL_ACCELERATORS.to_owned(), REAL_ACCELERATORS.to_owned());
    } else if node.hardware.is_some() {
        // The machine's own devices are not the node's; PID 1 puts the node's there.
        tmpfs.insert("/sys/bus/pci/devices".to_owned(), PCI_BYTES);
    }
    let (env, token) = hardware(plan, node);
    labels.extend(token.map(|token| (LABEL_HARDWARE_TOKEN.to_owned(), token)));
    let mut spec = ContainerSpec {
        name: format!("crashcart-{attempt}-{}", node.name),
        hostname: node.name.to_string(),
        image: image.tag(),
        labels,
        argv: vec![AGENT_PATH.into(), "init".into()],
        env,
        network: network.name.clone(),
        address: network.address(n),
        hosts: BTreeMap::new(),
        outside: plan.lab.outside,
        volumes: vec![Mount::read(plan.agent_volume, AGENT_DIR)],
        tmpfs,
        shm_bytes: node.shm.0,
        limits: Limits {
            memory_bytes: node.memory.0,
            cpu_milli: node.cpu_milli,
            pids: node.pids,
            disk_bytes: node.disk.0,
        },
        capabilities: image.capabilities.clone(),
        gpus: has_real(plan, node),
        devices: Vec::new(),
    };
    if let Some(shape) = &node.vm {
        run_guest(&mut spec, plan, node, shape, network, n);
    }
    spec
}

/// Whether a node gets this machine's own accelerators.
fn has_real(plan: &Plan<'_>, node: &NodePlan) -> bool {
    plan.accelerators == Accelerators::Real && node.real_accelerators
}

/// What PID 1 of a node with accelerators is told in its environment, which engines keep from all others, and
/// the token by which it knows the host.
fn hardware(plan: &Plan<'_>, node: &NodePlan) -> (BTreeMap<String, String>, Option<String>) {
    let Some(spec) = &node.hardware else { return Default::default() };
    if has_real(plan, node) {
        // What the engine's helper brings into the node beside the devices: NVML, nvidia-smi and CUDA.
        let brought = ("NVIDIA_DRIVER_CAPABILITIES".to_owned(), "compute,utility".to_owned());
        return (BTreeMap::from([brought]), None);
    }
    let mut spec = spec.clone();
    if spec.identity.is_empty() {
        // Other boards for everybody, and the same ones for a seed that is played again.
        spec.identity = format!("{}-{}-{}", plan.lab.name, plan.draw.seed_word, node.name);
    }
    let faults = plan.draw.variant.hardware.iter().filter(|fault| fault.node == node.name);
    let hardware = NodeHardware { spec, faults: faults.map(|fault| fault.inherited.clone()).collect() };
    let key = rand::random::<[u8; 32]>();
    let mut token = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length will do");
    token.update(HOST_WORD.as_bytes());
    let hardware = serde_json::to_string(&hardware).expect("specifications serialise");
    let env = [(HARDWARE_VARIABLE, hardware), (HARDWARE_KEY_VARIABLE, hex(&key))];
    let token = hex(&token.finalize().into_bytes());
    (env.map(|(name, value)| (name.to_owned(), value)).into(), Some(token))
}

/// A script of the lab, ready to be sent.
struct Ready {
    node: NodeName,
    /// Its path below the lab's folder.
    path: String,
    script: Script,
}

/// The scripts that make a lab of its nodes: those of one node in order, different nodes side by side.
struct Scripts {
    prepare: BTreeMap<NodeName, Vec<Ready>>,
    breaks: BTreeMap<NodeName, Vec<Ready>>,
    /// Nodes whose accelerators break.
    faults: BTreeSet<NodeName>,
}

impl Scripts {
    fn of(plan: &Plan<'_>) -> Result<Self, StartError> {
        let by_node = |steps: &[Step], secret| {
            let of = |node: &NodePlan| {
                let steps = steps.iter().filter(|step| step.node == node.name);
                // Technicians are sent by solutions alone: `lab::load` sees to it.
                let paths = steps.filter_map(|step| match &step.act {
                    Act::Run(path) => Some(path),
                    Act::Hands(_) | Act::Console(_) => None,
                });
                let scripts =
                    paths.map(|path| ready(plan.lab, &plan.draw, &node.name, path, secret, |text| text));
                Ok((node.name.clone(), scripts.collect::<Result<_, StartError>>()?))
            };
            plan.lab.nodes.iter().map(of).collect::<Result<_, StartError>>()
        };
        Ok(Self {
            prepare: by_node(&plan.lab.prepare, Secret::Told)?,
            breaks: by_node(&plan.draw.variant.breaks, Secret::Withheld)?,
            // Those of real accelerators are never drawn.
            faults: plan.draw.variant.hardware.iter().map(|fault| fault.node.clone()).collect(),
        })
    }

    /// What breaks a node: its accelerators first, then its scripts.
    fn breaking(&self, node: &NodeName) -> Vec<Request> {
        let faults = self.faults.contains(node).then_some(Request::Hardware(HardwareAct::Break));
        faults.into_iter().chain(runs(&self.breaks[node])).collect()
    }
}

fn ready(
    lab: &Lab,
    draw: &Draw<'_>,
    node: &NodeName,
    path: &str,
    secret: Secret,
    edit: impl Fn(String) -> String,
) -> Result<Ready, StartError> {
    let unreadable = |source| StartError::Unreadable { script: path.to_owned(), source };
    let text = edit(lab.read(path).map_err(unreadable)?);
    let env = script_environment(draw, node.as_str(), secret);
    let is_vm = lab.nodes.iter().any(|plan| plan.name == *node && plan.vm.is_some());
    let script = Script { text, env, timeout_ms: if is_vm { GUEST_SCRIPT_MS } else { SCRIPT_MS } };
    Ok(Ready { node: node.clone(), path: path.to_owned(), script })
}

/// What a node that has just been started is asked first: to say when its services are up, then to run
/// these.
fn from_the_start(scripts: &[Ready], is_vm: bool) -> Vec<Request> {
    let hello = Request::Hello { wait_ms: settle_ms(is_vm) };
    std::iter::once(hello).chain(runs(scripts)).collect()
}

fn runs(scripts: &[Ready]) -> impl Iterator<Item = Request> {
    scripts.iter().map(|ready| Request::Run(ready.script.clone()))
}

/// Does these requests, of which the last run these scripts.
async fn run_scripts(link: &NodeLink, scripts: &[Ready], requests: Vec<Request>) -> Result<(), StartError> {
    judge(link, scripts, link.batch(requests).await?)
}

/// Whether all of these scripts did what they should, by the replies of their node.
fn judge<'a>(
    link: &NodeLink,
    scripts: impl IntoIterator<Item = &'a Ready>,
    replies: Vec<Reply>,
) -> Result<(), StartError> {
    let mut scripts = scripts.into_iter();
    for reply in replies {
        if matches!(reply, Reply::Hello(_) | Reply::Done) {
            continue;
        }
        let ran = link.ran(reply)?;
        if let Some(ready) = scripts.next() {
            demand(&ready.node, &ready.path, ran)?;
        }
    }
    Ok(())
}

/// Runs steps in order; each must succeed. `edit` may change a script's text before it runs.
pub async fn run_steps(
    site: &Site,
    lab: &Lab,
    draw: &Draw<'_>,
    nodes: &Nodes,
    steps: &[Step],
    edit: impl Fn(String) -> String,
) -> Result<(), StartError> {
    for Step { node, act } in steps {
        match act {
            Act::Run(path) => {
                let Ready { script, .. } = ready(lab, draw, node, path, Secret::Withheld, &edit)?;
                let ran = nodes[node].run(script.text, script.env, script.timeout_ms).await?;
                demand(node, path, ran)?;
            }
            Act::Hands(deed) => hands(site, &nodes[node], *deed).await?,
            Act::Console(path) => {
                let unreadable = |source| StartError::Unreadable { script: path.clone(), source };
                let script = parse_console(&lab.read(path).map_err(unreadable)?).map_err(|(line, why)| {
                    unreadable(std::io::Error::other(format!("line {line}: {why}")))
                })?;
                sit_at(site, &nodes[node], &script).await.map_err(|error| StartError::Console {
                    script: path.clone(),
                    node: node.clone(),
                    error: Box::new(error),
                })?;
            }
        }
    }
    Ok(())
}

/// A script of a lab must succeed.
fn demand(node: &NodeName, script: &str, ran: Ran) -> Result<(), StartError> {
    match ran.end {
        End::Exit(0) => Ok(()),
        end => Err(StartError::Script {
            script: script.to_owned(),
            node: node.clone(),
            end: describe_end(end),
            said: last_lines(ran.stdout.lines().chain(ran.stderr.lines()), 12),
        }),
    }
}

fn last_lines<'a>(lines: impl Iterator<Item = &'a str>, count: usize) -> Vec<String> {
    let lines: Vec<&str> = lines.collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}
