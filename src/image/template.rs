//! Snapshots of booted guests, for vm nodes: a volume for each image and shape, made once and shared by all
//! nodes that want it.
//!
//! A container of the node's image makes it (`agent vm-template`), looks first whether it is whole already, and
//! ends. What a snapshot is made of is the agent's business (`src/inside/agent/src/vm/template.rs`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crashcart_facts::{AGENT_DIR, AGENT_PATH, TEMPLATE_DIR, VM_VARIABLE, VmNode, VmShape};
use sha2::{Digest, Sha256};

use super::lock::Lock;
use super::{Cost, Image, ImageError, LABEL_DIGEST, Making, agent};
use crate::engine::{
    About, Condition, ContainerId, ContainerSpec, Engine, EngineError, FoundKind, Inflow, LABEL_HOME,
    LABEL_KIND, Labels, Limits, Mount, NO_NETWORK, Outflow, Progress, Silent, kvm_devices,
};
use crate::units::{Bytes, hex};

/// Value of [`LABEL_KIND`] on these volumes.
pub const KIND_TEMPLATE: &str = "template";
/// Value of [`LABEL_KIND`] on a container that makes one.
const KIND_MAKER: &str = "template-maker";
/// Label with the image that a snapshot is of.
const LABEL_OF: &str = "crashcart.template-of";
/// What a QEMU takes beside its guest's memory: its own, and translations of the guest's code.
pub const OVERHEAD_BYTES: u64 = 640 << 20;
/// How long to wait between two looks at a maker.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks after which a maker that does not run is taken for one that nobody waits for: more than a minute, for on a
/// busy machine it takes a while from its making to its start.
const LOOKS: u32 = 300;
/// Lines of a maker's log that are kept for an error.
const LOG_LINES: u32 = 20;

/// The file of a snapshot that says that all others are there; written last.
pub const SHEET: &str = "template.json";

/// Whether the agent gives files of its snapshots such names; [`SHEET`] is none of them.
pub fn is_file_of(name: &str) -> bool {
    let memory = name.strip_prefix("memory-").is_some_and(|n| matches!(n, "0" | "1" | "2" | "3"));
    let root = name.strip_prefix("root-").and_then(|rest| rest.strip_suffix(".qcow2"));
    let root = root.is_some_and(|it| it.len() == 12 && it.bytes().all(|byte| byte.is_ascii_hexdigit()));
    memory || root || matches!(name, "state" | "board" | "variables.fd" | "agent.img")
}

/// Name of the volume with the snapshot of a guest of this shape. Image and agent are part of it: both are in
/// the guest's memory.
pub fn volume(image: &Image, shape: &VmShape) -> String {
    let mut sum = Sha256::new();
    for part in [&image.digest, agent::DIGEST, &serde_json::to_string(shape).expect("a shape serialises")] {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    format!("crashcart-template-{}", &hex(&sum.finalize())[..12])
}

/// A node could not be restored from this snapshot: whoever wants it next looks at it again, and has it made anew
/// where it is damaged.
pub fn distrust(state: &Path, endpoint: &str, volume: &str) {
    // Left there, it costs the next node a boot, no more.
    let _ = std::fs::remove_file(note(state, endpoint, volume));
}

/// Our own note that a snapshot was whole.
fn note(state: &Path, endpoint: &str, volume: &str) -> PathBuf {
    state.join("templates").join(format!("{volume}@{}", agent::place(endpoint)))
}

/// Whether the volume is not even begun.
pub async fn is_missing(engine: &dyn Engine, image: &Image, shape: &VmShape) -> Result<bool, EngineError> {
    Ok(!is_there(engine, &volume(image, shape)).await?)
}

async fn is_there(engine: &dyn Engine, volume: &str) -> Result<bool, EngineError> {
    let kind = Labels::from([(LABEL_KIND.to_owned(), KIND_TEMPLATE.to_owned())]);
    let found = engine.list(&kind).await?;
    Ok(found.iter().any(|thing| thing.kind == FoundKind::Volume && thing.name == volume))
}

/// What making the snapshot of a guest takes: its memory, whole, on disk, and a boot where a processor is emulated.
pub fn making(shape: &VmShape) -> Making {
    let cost =
        Cost { disk: Bytes((shape.memory_mib + 32) << 20), scratch: Bytes(0), steps_s: MAKING_S.to_vec() };
    Making { name: job(shape), cost: Some(cost) }
}

/// What [`Progress::job`] calls it.
fn job(shape: &VmShape) -> String {
    format!("snapshot of a guest with {} MiB", shape.memory_mib)
}

/// Where a snapshot is to be made.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub engine: &'a dyn Engine,
    /// The state directory, and its name in engines.
    pub state: &'a Path,
    pub home: &'a str,
    /// The engine's address.
    pub endpoint: &'a str,
    pub agent_volume: &'a str,
}

impl Place<'_> {
    /// Makes sure that there is a snapshot, and gives the name of its volume.
    pub async fn ensure(
        &self,
        image: &Image,
        shape: &VmShape,
        progress: &dyn Progress,
    ) -> Result<String, ImageError> {
        let volume = volume(image, shape);
        // Looking into the volume takes longer.
        let note = note(self.state, self.endpoint, &volume);
        if note.is_file() && is_there(self.engine, &volume).await? {
            return Ok(volume);
        }
        let wait = || progress.note("waiting for another crashcart that makes the snapshot of this guest");
        let _lock = Lock::exclusive(self.state, &volume, &wait).await?;
        if note.is_file() && is_there(self.engine, &volume).await? {
            return Ok(volume);
        }
        self.remove_makers(&volume).await?;
        self.make_volume(&volume, image).await?;
        progress.job(&job(shape));
        let made = self.make(&volume, image, shape, progress).await;
        self.remove_makers(&volume).await?;
        made?;
        let unwritable = |source| ImageError::Unwritable { path: note.clone(), source };
        std::fs::create_dir_all(note.parent().expect("it has a parent")).map_err(unwritable)?;
        std::fs::write(&note, "").map_err(unwritable)?;
        Ok(volume)
    }

    /// Labels of the container that makes the snapshot in this volume.
    fn maker(&self, volume: &str) -> Labels {
        Labels::from([
            (LABEL_KIND.to_owned(), KIND_MAKER.to_owned()),
            (LABEL_HOME.to_owned(), self.home.to_owned()),
            (LABEL_OF.to_owned(), volume.to_owned()),
        ])
    }

    /// The caller holds the volume's lock: whatever maker is there was left by a run that is gone.
    async fn remove_makers(&self, volume: &str) -> Result<(), EngineError> {
        for thing in self.engine.list(&self.maker(volume)).await? {
            if matches!(thing.kind, FoundKind::Container(_)) {
                self.engine.remove(&ContainerId(thing.id)).await?;
            }
        }
        Ok(())
    }

    /// Creates the maker once no other is at work on this volume. Locks keep makers of one state directory apart,
    /// the engine those of different ones: a container's name is given once.
    async fn create_alone(
        &self,
        spec: &ContainerSpec,
        volume: &str,
        progress: &dyn Progress,
    ) -> Result<ContainerId, EngineError> {
        let anybodys = Labels::from([
            (LABEL_KIND.to_owned(), KIND_MAKER.to_owned()),
            (LABEL_OF.to_owned(), volume.to_owned()),
        ]);
        let mut ended: Option<(String, u32)> = None;
        loop {
            match self.engine.create(spec).await {
                Err(EngineError::Refused { status: 409, .. }) => {}
                created => return created,
            }
            if ended.is_none() {
                progress.note("waiting for another crashcart that makes the snapshot of this guest");
            }
            tokio::time::sleep(LOOK_EVERY).await;
            // One that has ended and is not taken away belongs to nobody any more.
            let found = self.engine.list(&anybodys).await?;
            let idle = found.iter().find(|thing| {
                matches!(thing.kind, FoundKind::Container(condition) if condition != Condition::Running)
            });
            ended = match (idle, ended) {
                (Some(thing), Some((id, looks))) if thing.id == id => {
                    if looks >= LOOKS {
                        self.engine.remove(&ContainerId(id.clone())).await?;
                    }
                    Some((id, looks + 1))
                }
                (Some(thing), _) => Some((thing.id.clone(), 0)),
                (None, _) => Some((String::new(), 0)),
            };
        }
    }

    /// Whether there is a snapshot that was seen whole here.
    pub async fn has(&self, image: &Image, shape: &VmShape) -> Result<bool, EngineError> {
        let volume = volume(image, shape);
        Ok(note(self.state, self.endpoint, &volume).is_file() && is_there(self.engine, &volume).await?)
    }

    /// Writes a file of a snapshot, or all where none is named, as a tar.
    pub async fn save(
        &self,
        image: &Image,
        shape: &VmShape,
        file: &str,
        tar: Outflow,
    ) -> Result<(), ImageError> {
        let volume = volume(image, shape);
        let _lock = Lock::exclusive(self.state, &volume, &|| ()).await?;
        let carrier = self.carrier(&volume, image, shape, &Silent).await?;
        let path = if file.is_empty() { TEMPLATE_DIR.to_owned() } else { format!("{TEMPLATE_DIR}/{file}") };
        let saved = self.engine.copy_out(&carrier, &path, tar).await;
        self.engine.remove(&carrier).await?;
        Ok(saved?)
    }

    /// Takes in a snapshot that was made elsewhere, unless there is one; says whether it did. It is not believed:
    /// [`Self::ensure`] looks whether it is whole and can be restored here.
    pub async fn bring(
        &self,
        image: &Image,
        shape: &VmShape,
        tar: Inflow,
        progress: &dyn Progress,
    ) -> Result<bool, ImageError> {
        let volume = volume(image, shape);
        let wait = || progress.note("waiting for another crashcart that makes the snapshot of this guest");
        let _lock = Lock::exclusive(self.state, &volume, &wait).await?;
        self.remove_makers(&volume).await?;
        self.make_volume(&volume, image).await?;
        let carrier = self.carrier(&volume, image, shape, progress).await?;
        let sheet = format!("{TEMPLATE_DIR}/{SHEET}");
        let brought = match self.engine.copy_out(&carrier, &sheet, Box::pin(tokio::io::sink())).await {
            // Guests may be running from it.
            Ok(()) => Ok(false),
            Err(EngineError::Gone { .. }) => {
                self.engine.copy_in(&carrier, TEMPLATE_DIR, tar).await.map(|()| true)
            }
            Err(error) => Err(error),
        };
        self.engine.remove(&carrier).await?;
        Ok(brought?)
    }

    /// A container that files go in and out by, and that never runs. It bears a maker's name, so that no maker is at
    /// work meanwhile.
    async fn carrier(
        &self,
        volume: &str,
        image: &Image,
        shape: &VmShape,
        progress: &dyn Progress,
    ) -> Result<ContainerId, EngineError> {
        let about = self.engine.about().await?;
        let mut spec = self.spec(volume, image, shape, &about);
        spec.argv = vec!["/nothing".into()];
        self.create_alone(&spec, volume, progress).await
    }

    /// What a maker is made of.
    fn spec(&self, volume: &str, image: &Image, shape: &VmShape, about: &About) -> ContainerSpec {
        let node = VmNode {
            shape: shape.clone(),
            hostname: "debian".into(),
            address: std::net::Ipv4Addr::UNSPECIFIED,
            prefix: 24,
            gateway: None,
        };
        ContainerSpec {
            name: format!("{volume}-maker"),
            hostname: "maker".into(),
            image: image.tag(),
            labels: self.maker(volume),
            argv: vec![AGENT_PATH.into(), "vm-template".into()],
            env: [(VM_VARIABLE.to_owned(), serde_json::to_string(&node).expect("a node serialises"))].into(),
            network: NO_NETWORK.into(),
            address: node.address,
            hosts: Default::default(),
            outside: false,
            volumes: vec![Mount::read(self.agent_volume, AGENT_DIR), Mount::write(volume, TEMPLATE_DIR)],
            tmpfs: Default::default(),
            shm_bytes: 64 << 20,
            limits: Limits {
                memory_bytes: (shape.memory_mib << 20) + OVERHEAD_BYTES,
                cpu_milli: about.cpus.clamp(1, 4) * 1000,
                pids: 256,
                disk_bytes: (shape.memory_mib + shape.disk_mib + 4096) << 20,
            },
            capabilities: image.capabilities.clone(),
            gpus: false,
            devices: kvm_devices(about),
        }
    }

    async fn make_volume(&self, volume: &str, image: &Image) -> Result<(), EngineError> {
        let labels = Labels::from([
            (LABEL_KIND.to_owned(), KIND_TEMPLATE.to_owned()),
            (LABEL_DIGEST.to_owned(), agent::DIGEST.to_owned()),
            (LABEL_OF.to_owned(), image.tag()),
        ]);
        let empty =
            tar::Builder::new(Vec::new()).into_inner().expect("a Vec takes all that is written to it");
        self.engine.fill_volume(volume, &labels, &self.maker(volume), &image.tag(), empty).await
    }

    async fn make(
        &self,
        volume: &str,
        image: &Image,
        shape: &VmShape,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        let about = self.engine.about().await?;
        let spec = self.spec(volume, image, shape, &about);
        let id = self.create_alone(&spec, volume, progress).await?;
        self.engine.start(&id).await?;
        let (mut told, mut anew) = (0, false);
        loop {
            let found = self.engine.list(&self.maker(volume)).await?;
            let runs = found.iter().any(|thing| {
                thing.id == id.0 && matches!(thing.kind, FoundKind::Container(Condition::Running))
            });
            let log = self.engine.logs(&id, LOG_LINES).await?;
            for line in log.lines() {
                if let Some((n, what)) = step_of(line).filter(|(n, _)| *n > told) {
                    told = n;
                    progress.step(n, STEPS, what);
                }
                if let Some(why) = line.strip_prefix("crashcart: anew: ").filter(|_| !anew) {
                    anew = true;
                    progress.note(&format!("the snapshot that is there is of no use, and made anew: {why}"));
                }
            }
            if !runs {
                return match log.lines().any(|line| line == "crashcart: done") {
                    true => Ok(()),
                    false => Err(failure(&log)),
                };
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Steps that a maker tells of.
const STEPS: u32 = 6;
/// Seconds of each, without KVM, on two processors that had other work as well: 91 all together, of which the last four
/// went into the files.
const MAKING_S: [f32; STEPS as usize] = [1.0, 1.0, 75.0, 10.0, 4.0, 0.0];

/// `crashcart: step 2 of 6: booting`
fn step_of(line: &str) -> Option<(u32, &str)> {
    let (n, what) = line.strip_prefix("crashcart: step ")?.split_once(" of 6: ")?;
    Some((n.parse().ok()?, what))
}

fn failure(log: &str) -> ImageError {
    let said = log.lines().find_map(|line| line.strip_prefix("crashcart: failed: "));
    ImageError::NoSnapshot {
        why: said.unwrap_or("its maker ended without a word").to_owned(),
        log: log.lines().map(str::to_owned).collect(),
    }
}

/// Removes makers that killed runs of this state directory left behind.
pub async fn sweep(engine: &dyn Engine, state: &Path, home: &str) -> Result<(), ImageError> {
    let all = Labels::from([
        (LABEL_KIND.to_owned(), KIND_MAKER.to_owned()),
        (LABEL_HOME.to_owned(), home.to_owned()),
    ]);
    for thing in engine.list(&all).await? {
        let (FoundKind::Container(_), Some(volume)) = (thing.kind, thing.labels.get(LABEL_OF)) else {
            continue;
        };
        let _lock = Lock::exclusive(state, volume, &|| ()).await?;
        engine.remove(&ContainerId(thing.id)).await?;
    }
    Ok(())
}

/// Removes snapshots that no image of this version would use, and that no node uses.
pub(super) async fn prune(engine: &dyn Engine, current: &[String]) -> Result<(), EngineError> {
    super::prune_volumes(engine, KIND_TEMPLATE, |thing| {
        let label = |name: &str| thing.labels.get(name).map(String::as_str).unwrap_or_default();
        label(LABEL_DIGEST) == agent::DIGEST && current.iter().any(|tag| tag == label(LABEL_OF))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_snapshots_are_known_by_name() {
        let case = |name: &str, wanted| assert_eq!(is_file_of(name), wanted, "{name}");
        let root = "root-0123456789ab.qcow2";
        for name in ["memory-0", "memory-3", "state", "board", "variables.fd", "agent.img", root] {
            case(name, true);
        }
        for name in [SHEET, "memory-4", "memory-", "root-.qcow2", "root-../../x.qcow2", "a/state", ".."] {
            case(name, false);
        }
    }

    #[test]
    fn what_a_maker_says_is_understood() {
        assert_eq!(
            step_of("crashcart: step 3 of 6: waiting for its services"),
            Some((3, "waiting for its services"))
        );
        assert_eq!(step_of("[    0.0] Linux version 6.12"), None);
        match failure("crashcart: step 1 of 6: x\ncrashcart: failed: no room\n") {
            ImageError::NoSnapshot { why, log } => {
                assert_eq!((why.as_str(), log.len()), ("no room", 2));
            }
            other => panic!("{other:?}"),
        }
    }
}
