//! What labs need of a machine, and whether it is there: asked before anything is built or started. What nodes take is
//! known about, so what hardly fits is let through; what a guest takes is looked at again when it is started (`room`).

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::room::{RESERVE, guest_memory};
use crate::advice::NextStep;
use crate::engine::{About, Engine};
use crate::image::{ImageCatalog, ImageError, Making, Plan, template};
use crate::lab::{Lab, NodePlan};
use crate::units::Bytes;
use crashcart_facts::VmShape;

/// Memory that stays free for all else where there are no guests.
const RESERVE_BESIDE_CONTAINERS: u64 = 256 << 20;
/// Disk that a node writes before long, beside what its image has.
const CONTAINER_WRITES: u64 = 64 << 20;
/// The same of a guest, which writes to a disk of its own.
const GUEST_WRITES: u64 = 512 << 20;
/// The kind of processor that guests have.
const GUEST_ARCHITECTURE: &str = "x86_64";

/// What starting one of some labs takes.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Memory that the nodes take before long.
    pub memory: Bytes,
    /// Disk in the engine: what must be made first, and what nodes write.
    pub disk: Bytes,
    /// What must be made first; it needs the network, and nothing else does.
    pub making: Vec<Making>,
    pub has_guest: bool,
}

/// Finds out what one after the other of some labs needs: of memory and of what nodes write the most that any of
/// them takes, of what must be made all together. `plan` is that of their images.
pub async fn needs(
    engine: &dyn Engine,
    images: &ImageCatalog,
    plan: &Plan,
    labs: &[&Lab],
) -> Result<Needs, ImageError> {
    let mut making = images.ahead(engine, plan).await?;
    for (image, shape) in guests(labs) {
        let image = images.get(image)?;
        if template::is_missing(engine, image, shape).await? {
            making.push(template::making(shape));
        }
    }
    let made: u64 = making
        .iter()
        .filter_map(|making| making.cost.as_ref())
        .map(|cost| cost.disk.0.saturating_add(cost.scratch.0))
        .fold(0, u64::saturating_add);
    let most = |of: fn(&NodePlan) -> u64| {
        let sums = labs.iter().map(|lab| lab.nodes.iter().map(of).fold(0, u64::saturating_add));
        sums.max().unwrap_or(0)
    };
    Ok(Needs {
        memory: Bytes(most(memory)),
        disk: Bytes(made.saturating_add(most(writes))),
        making,
        has_guest: labs.iter().any(|lab| lab.has_guest()),
    })
}

/// Each guest that some labs want, by its image and its shape, once.
pub fn guests<'a>(labs: &[&'a Lab]) -> Vec<(&'a str, &'a VmShape)> {
    let mut guests: Vec<(&str, &VmShape)> = Vec::new();
    for node in labs.iter().flat_map(|lab| &lab.nodes) {
        if let Some(shape) = &node.vm
            && !guests.contains(&(node.image.as_str(), shape))
        {
            guests.push((node.image.as_str(), shape));
        }
    }
    guests
}

/// Names of the images that some labs want.
pub fn images<'a>(labs: &[&'a Lab]) -> Vec<&'a str> {
    let names: BTreeSet<&str> =
        labs.iter().flat_map(|lab| &lab.nodes).map(|node| node.image.as_str()).collect();
    names.into_iter().collect()
}

/// A container takes about a quarter of what it may.
fn memory(node: &NodePlan) -> u64 {
    node.vm.as_ref().map_or(node.memory.0 / 4, guest_memory)
}

fn writes(node: &NodePlan) -> u64 {
    if node.vm.is_some() { GUEST_WRITES } else { CONTAINER_WRITES }.min(node.disk.0)
}

/// Something that a machine has too little of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    Memory { needed: Bytes, spare: Bytes, present: Bytes },
    Disk { needed: Bytes, present: Bytes, place: Option<PathBuf> },
    Processor { needed: &'static str, present: String },
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { needed, spare, present } => {
                write!(f, "memory: about {needed} needed, and {spare} to spare; {present} available")
            }
            Self::Disk { needed, present, place } => {
                write!(f, "disk: about {needed} needed; {present} free")?;
                place.as_ref().map_or(Ok(()), |place| write!(f, " in {}", place.display()))
            }
            Self::Processor { needed, present } => {
                write!(f, "processor: {needed} needed; the engine has {present}")
            }
        }
    }
}

/// What the engine's machine has too little of.
pub fn lacks(needs: &Needs, about: &About) -> Vec<Lack> {
    let mut lacks = Vec::new();
    // Without a word from the engine nothing is known to be wrong.
    let ours = if needs.has_guest { GUEST_ARCHITECTURE } else { std::env::consts::ARCH };
    if !about.architecture.is_empty() && about.architecture != ours {
        lacks.push(Lack::Processor { needed: ours, present: about.architecture.clone() });
    }
    let spare = if needs.has_guest { RESERVE } else { RESERVE_BESIDE_CONTAINERS };
    let all = Some(about.memory_bytes).filter(|bytes| *bytes > 0);
    if let Some(present) = about.memory_available_bytes.or(all)
        && present < needs.memory.0.saturating_add(spare)
    {
        lacks.push(Lack::Memory { needed: needs.memory, spare: Bytes(spare), present: rounded(present) });
    }
    if let Some(present) = about.data_free_bytes
        && present < needs.disk.0
    {
        let place = about.data_root.clone();
        lacks.push(Lack::Disk { needed: rounded(needs.disk.0), present: rounded(present), place });
    }
    lacks
}

/// Bytes as whole MiB.
fn rounded(bytes: u64) -> Bytes {
    Bytes(bytes >> 20 << 20)
}

/// Labs that this machine has no room for.
#[derive(Debug, thiserror::Error)]
#[error("`{labs}` does not fit on this machine")]
pub struct NoFit {
    /// Their names.
    pub labs: String,
    pub lacks: Vec<Lack>,
}

impl NextStep for NoFit {
    fn next_step(&self) -> String {
        let anyway = "`crashcart start LAB --anyway` tries all the same";
        match self.lacks.first() {
            Some(Lack::Memory { .. }) => {
                format!(
                    "stop another attempt with `crashcart stop`, or close what else takes memory; {anyway}"
                )
            }
            Some(Lack::Disk { .. }) => {
                format!("make room there, `crashcart image prune` may help; {anyway}")
            }
            _ => "point `DOCKER_HOST` at an engine on such a machine".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(available: Option<u64>, free: Option<u64>, architecture: &str) -> About {
        About {
            name: "x".into(),
            api: "1".into(),
            endpoint: "unix:///x".into(),
            chosen_by: "x".into(),
            cpus: 2,
            memory_bytes: 8 << 30,
            memory_available_bytes: available,
            architecture: architecture.into(),
            storage_driver: "x".into(),
            disk_limits: false,
            cgroup_version: 2,
            rootless: false,
            data_root: Some("/var/lib/docker".into()),
            data_free_bytes: free,
        }
    }

    #[test]
    fn what_is_too_little_is_said_with_both_numbers() {
        let needs =
            Needs { memory: Bytes(400 << 20), disk: Bytes(3 << 30), making: Vec::new(), has_guest: true };
        let case = |about: &About, wanted: &[&str]| {
            let told: Vec<String> = lacks(&needs, about).iter().map(ToString::to_string).collect();
            assert_eq!(told, wanted);
        };
        let (memory, disk) = (Some(2 << 30), Some(4 << 30));
        case(&about(memory, disk, GUEST_ARCHITECTURE), &[]);
        case(&about(memory, None, ""), &[]);
        case(&about(None, None, GUEST_ARCHITECTURE), &[]);
        case(
            &about(Some(1 << 30), disk, GUEST_ARCHITECTURE),
            &["memory: about 400 MiB needed, and 1 GiB to spare; 1 GiB available"],
        );
        case(
            &about(memory, Some(1 << 30), GUEST_ARCHITECTURE),
            &["disk: about 3 GiB needed; 1 GiB free in /var/lib/docker"],
        );
        case(&about(memory, disk, "riscv64"), &["processor: x86_64 needed; the engine has riscv64"]);
    }

    #[test]
    fn containers_leave_less_to_spare_than_guests_do() {
        let needs = Needs { memory: Bytes(400 << 20), disk: Bytes(0), making: Vec::new(), has_guest: false };
        let arch = std::env::consts::ARCH;
        assert_eq!(lacks(&needs, &about(Some(700 << 20), None, arch)), []);
        assert_eq!(lacks(&needs, &about(Some(600 << 20), None, arch)).len(), 1);
    }
}
