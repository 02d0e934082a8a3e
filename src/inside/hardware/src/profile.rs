//! The nodes there are: which device stands in which slot, and what joins them.
//!
//! One data file each in `profiles/`, parsed once. Knows no state and no driver.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::catalog::{self, Device};
use crate::document::{self, Doubts, FileError};
use crate::page::{CPU_WORDS, GPUS};
use crate::spec::SpecError;

/// The data files, by the name that labs use.
const FILES: &[(&str, &str)] = &[
    ("hgx-a100", include_str!("../profiles/hgx-a100.toml")),
    ("hgx-h100", include_str!("../profiles/hgx-h100.toml")),
    ("hgx-h200", include_str!("../profiles/hgx-h200.toml")),
    ("hgx-b200", include_str!("../profiles/hgx-b200.toml")),
    ("pcie-pair-h100", include_str!("../profiles/pcie-pair-h100.toml")),
    ("pcie-pair-a100-pcie", include_str!("../profiles/pcie-pair-a100-pcie.toml")),
    ("pcie-pair-l40s", include_str!("../profiles/pcie-pair-l40s.toml")),
    ("single-t4", include_str!("../profiles/single-t4.toml")),
    ("single-l4", include_str!("../profiles/single-l4.toml")),
    ("quad-l4", include_str!("../profiles/quad-l4.toml")),
];

/// A kind of node, as its data file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeProfile {
    /// Version of the file's format: 1.
    pub format: u32,
    device: String,
    /// Processors of each NUMA node: `0-55,112-167`.
    processors: Vec<String>,
    /// Keys of this file that are not confirmed.
    pub uncertain: Vec<String>,
    /// GPUs that NVLink bridges join directly.
    #[serde(default)]
    pub bridges: Vec<[usize; 2]>,
    pub nvswitch: Option<Nvswitch>,
    #[serde(rename = "gpu")]
    pub slots: Vec<Slot>,
}

/// The switches of an NVLink fabric.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nvswitch {
    /// PCI device id.
    pub id: u32,
    /// Whether the node's own PCI bus has them.
    pub visible: bool,
    pub buses: Vec<u32>,
}

/// Where a GPU stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Slot {
    pub bus: u32,
    #[serde(default)]
    pub device: u32,
    /// Place on a baseboard.
    pub module: Option<u32>,
    pub numa: u32,
    pub host_bridge: u32,
    /// PCIe switch below the host bridge.
    pub switch: Option<u32>,
    /// Lanes of the slot, where fewer than the board has.
    pub slot_width: Option<u32>,
}

impl Slot {
    /// `0000:53:00`, as Xid lines have it.
    pub fn xid_address(&self) -> String {
        format!("0000:{:02x}:{:02x}", self.bus, self.device)
    }

    /// `0000:53:00.0`, as the kernel has it.
    pub fn address(&self) -> String {
        format!("{}.0", self.xid_address())
    }
}

impl NodeProfile {
    /// Reads a profile file, and refuses what no node can be, at its line.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        document::parse(text, Self::check)
    }

    fn check(&self, doubts: &mut Doubts) {
        doubts.demand(self.format == 1, "format", "only format 1 is known");
        let device = match self.device() {
            Ok(device) => device,
            Err(error) => {
                let nearest = match &error {
                    SpecError::NoSuchDevice { nearest: Some(nearest), .. } => {
                        format!("; the nearest is `{nearest}`")
                    }
                    _ => String::new(),
                };
                return doubts.demand(false, "device", format!("{error}{nearest}"));
            }
        };
        let gpus = self.slots.len();
        doubts.demand(
            (1..=GPUS).contains(&gpus),
            "device",
            format!("stands in {gpus} slots, not in 1 to {GPUS}"),
        );
        let joined = self.nvswitch.is_some() || !self.bridges.is_empty();
        doubts.demand(
            joined == device.nvlink.is_some(),
            "device",
            format!("a {} {} NVLinks", device.name, if device.nvlink.is_some() { "has" } else { "has no" }),
        );
        let bridged = self.bridges.iter().flatten().all(|gpu| *gpu < gpus);
        doubts.demand(bridged, "bridges", format!("leads to a GPU beyond the {gpus} that there are"));
        for (at, slot) in self.slots.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &self.slots[before]);
            doubts.demand(
                before.is_none_or(|before| (before.bus, before.device) < (slot.bus, slot.device)),
                format!("gpu[{at}].bus"),
                "NVML's order is that of places on the bus",
            );
            doubts.demand(
                slot.numa < self.numa_count(),
                format!("gpu[{at}].numa"),
                format!("there are {} NUMA nodes, from 0 on", self.numa_count()),
            );
            doubts.demand(
                slot.module.is_some() == self.nvswitch.is_some(),
                format!("gpu[{at}].bus"),
                "a GPU has a place on a baseboard where there are switches, and only there",
            );
        }
    }

    /// What stands in every slot.
    pub fn device(&self) -> Result<&'static Device, SpecError> {
        catalog::device(&self.device)
    }

    pub fn numa_count(&self) -> u32 {
        self.processors.len() as u32
    }

    pub fn cpu_count(&self) -> u32 {
        (0..self.numa_count())
            .map(|numa| self.affinity(numa).iter().map(|word| word.count_ones()).sum::<u32>())
            .sum()
    }

    /// Processors of a NUMA node, a bit each.
    pub fn affinity(&self, numa: u32) -> [u64; CPU_WORDS] {
        let mut mask = [0; CPU_WORDS];
        for range in self.processors.get(numa as usize).into_iter().flat_map(|list| list.split(',')) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { continue };
            for cpu in first..=last.min(CPU_WORDS * 64 - 1) {
                mask[cpu / 64] |= 1 << (cpu % 64);
            }
        }
        mask
    }
}

/// Every profile with its name in labs.
pub fn profiles() -> &'static [(&'static str, NodeProfile)] {
    static PROFILES: OnceLock<Vec<(&'static str, NodeProfile)>> = OnceLock::new();
    // A test parses every file: none can be refused here.
    PROFILES.get_or_init(|| {
        FILES.iter().filter_map(|(name, text)| Some((*name, NodeProfile::parse(text).ok()?))).collect()
    })
}

/// A profile by its name in labs.
pub fn profile(asked: &str) -> Result<&'static NodeProfile, SpecError> {
    profiles().iter().find(|(name, _)| *name == asked).map(|(_, profile)| profile).ok_or_else(|| {
        SpecError::NoSuchProfile {
            asked: asked.to_owned(),
            nearest: catalog::nearest(asked, profiles().iter().map(|(name, _)| *name)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_parses_and_stands_on_a_device_of_the_catalogue() {
        for (name, text) in FILES {
            let profile = NodeProfile::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            catalog::tests::has_keys(name, text, &profile.uncertain);
        }
        assert_eq!(profiles().len(), FILES.len());
    }

    #[test]
    fn processors_are_near_one_numa_node_each() {
        let profile = profile("hgx-h100").expect("ours");
        assert_eq!(profile.cpu_count(), 224);
        assert_eq!(profile.affinity(0)[0], (1 << 56) - 1);
        assert!(profile.affinity(0).iter().zip(profile.affinity(1)).all(|(one, other)| one & other == 0));
    }

    #[test]
    fn an_unknown_profile_is_refused_with_the_nearest_name() {
        assert_eq!(
            profile("hgx-h10").expect_err("no such profile"),
            SpecError::NoSuchProfile { asked: "hgx-h10".into(), nearest: Some("hgx-h100".into()) }
        );
    }
}
