//! NVLinks: where each leads, whether it is up, and what it counts.

use super::Machine;
use crate::catalog::Architecture;
use crate::page::Link;

/// What a link counts and whether it is up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LinkState {
    pub down: bool,
    pub replays: u64,
    pub recoveries: u64,
    pub crc_flit: u64,
    pub crc_data: u64,
    /// KiB of payload.
    pub traffic_kib: f64,
}

/// GPUs that are reset within so long of each other count as reset together, milliseconds.
const TOGETHER_MS: u64 = 120_000;

impl Machine {
    /// GPUs on the same fabric as this one, itself included; none without NVLink.
    pub(super) fn fabric_of(&self, gpu: usize) -> Vec<usize> {
        if self.device.nvlink.is_none() {
            return Vec::new();
        }
        if self.profile.nvswitch.is_some() {
            return (0..self.gpus.len()).collect();
        }
        (0..self.gpus.len()).filter(|other| *other == gpu || self.bridge_peer(gpu) == Some(*other)).collect()
    }

    /// Other GPUs that can only be reset in the same request as this one, as bits. Source: the manual of
    /// nvidia-smi, `--gpu-reset`: from Ampere on each GPU is reset alone, but behind switches Ampere takes
    /// the fabric manager for that, on which Hopper and later no longer depend.
    pub(super) fn must_be_reset_with(&self, gpu: usize) -> u64 {
        let alone = self.profile.nvswitch.is_none()
            || self.device.architecture > Architecture::Ampere
            || self.fabric_is_ready();
        if alone {
            return 0;
        }
        self.fabric_of(gpu).into_iter().filter(|other| *other != gpu).fold(0, |bits, other| bits | 1 << other)
    }

    /// The GPU at the other end of this one's bridges.
    pub(super) fn bridge_peer(&self, gpu: usize) -> Option<usize> {
        let other = self.profile.bridges.iter().find_map(|pair| match *pair {
            [one, other] if one == gpu => Some(other),
            [other, one] if one == gpu => Some(other),
            _ => None,
        })?;
        (other < self.gpus.len()).then_some(other)
    }

    /// Whether this GPU's links lead anywhere.
    pub(super) fn is_linked(&self, gpu: usize) -> bool {
        self.device.nvlink.is_some() && (self.profile.nvswitch.is_some() || self.bridge_peer(gpu).is_some())
    }

    /// Takes a link down or up, at both ends where the other is a GPU too.
    pub(super) fn set_link(&mut self, gpu: usize, link: u32, down: bool) {
        for end in [Some(gpu), self.bridge_peer(gpu)].into_iter().flatten() {
            if let Some(state) = self.gpus[end].links.get_mut(link as usize) {
                state.down = down;
                if down {
                    state.replays += 12;
                    state.recoveries += 1;
                    state.crc_flit += 3;
                }
            }
        }
    }

    /// NVML's mask of what ails the fabric; Blackwell fills two fields of it, Hopper none.
    pub(super) fn fabric_health(&self, gpu: usize) -> u32 {
        const DEGRADED_BANDWIDTH: u32 = 1;
        const NO_ACCESS_TIMEOUT: u32 = 2 << 6;
        let it = &self.gpus[gpu];
        if self.profile.nvswitch.is_none() || it.device.architecture < Architecture::Blackwell {
            return 0;
        }
        let degraded = it.links.iter().any(|link| link.down);
        NO_ACCESS_TIMEOUT | if degraded { DEGRADED_BANDWIDTH } else { 0 }
    }

    /// Share of a GPU's NVLink bandwidth that is there.
    pub(super) fn link_share(&self, gpu: usize) -> f64 {
        let links = &self.gpus[gpu].links;
        if links.is_empty() || !self.is_linked(gpu) {
            return 0.0;
        }
        links.iter().filter(|link| !link.down).count() as f64 / links.len() as f64
    }

    /// Trains the links anew when every GPU of the fabric was reset lately; one alone cannot.
    pub(super) fn retrain(&mut self, gpu: usize) {
        let fabric = self.fabric_of(gpu);
        let together = fabric.iter().all(|member| {
            self.gpus[*member].reset_at_ms.is_some_and(|at| self.now_ms.saturating_sub(at) <= TOGETHER_MS)
        });
        if together {
            for member in fabric {
                for link in &mut self.gpus[member].links {
                    *link = LinkState::default();
                }
                // The next training takes another round of resets.
                self.gpus[member].reset_at_ms = None;
            }
        }
    }

    /// A link as the page has it.
    pub(super) fn link_entry(&self, gpu: usize, number: usize) -> Link {
        let state = &self.gpus[gpu].links[number];
        let mut link = Link {
            up: u32::from(!state.down && self.is_linked(gpu)),
            remote_kind: 255,
            replays: state.replays,
            recoveries: state.recoveries,
            crc_flit: state.crc_flit,
            crc_data: state.crc_data,
            tx_kib: state.traffic_kib as u64,
            rx_kib: state.traffic_kib as u64,
            remote_domain: 0,
            remote_bus: 0,
            remote_device: 0,
            remote_pci_id: 0,
            remote_link: 0,
            pad: 0,
        };
        if let Some(switch) = &self.profile.nvswitch {
            link.remote_kind = 2;
            link.remote_bus = switch.buses[number % switch.buses.len()];
            link.remote_pci_id = switch.id << 16 | 0x10de;
            link.remote_link = (gpu * self.gpus[gpu].links.len().div_ceil(switch.buses.len())
                + number / switch.buses.len()) as u32;
        } else if let Some(peer) = self.bridge_peer(gpu) {
            let slot = self.gpus[peer].slot;
            link.remote_kind = 0;
            link.remote_bus = slot.bus;
            link.remote_device = slot.device;
            link.remote_pci_id = self.device.pci.device << 16 | 0x10de;
            link.remote_link = number as u32;
        }
        link
    }
}
