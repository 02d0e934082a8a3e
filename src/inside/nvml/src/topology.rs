//! How GPUs lie to each other: levels of the PCI tree, and peers over it or over NVLink.

use crashcart_hardware::page::{GpuPage, NONE32};

use crate::machine::Gpu;

/// NVML's levels (`nvmlGpuTopologyLevel_t`), nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// The same board.
    Internal = 0,
    /// One PCIe switch.
    Single = 10,
    /// Several switches, no host bridge.
    Multiple = 20,
    /// One host bridge.
    HostBridge = 30,
    /// One NUMA node.
    Node = 40,
    System = 50,
}

impl Level {
    pub fn from_raw(raw: u32) -> Option<Self> {
        use Level::*;
        [Internal, Single, Multiple, HostBridge, Node, System].into_iter().find(|level| *level as u32 == raw)
    }

    /// The nearest thing that both GPUs hang on.
    pub fn between(a: &GpuPage, b: &GpuPage) -> Self {
        let same = |of: fn(&GpuPage) -> u32| of(a) == of(b) && of(a) != NONE32;
        let same_board = a.multi_gpu_board == 1 && a.board_id == b.board_id;
        if bus(a) == bus(b) || same_board {
            Self::Internal
        } else if same(|gpu| gpu.pci_switch) {
            Self::Single
        } else if same(|gpu| gpu.pci_host_bridge) {
            Self::HostBridge
        } else if same(|gpu| gpu.numa_node) {
            Self::Node
        } else {
            Self::System
        }
    }
}

/// NVML's peer-to-peer statuses (`nvmlGpuP2PStatus_t`) that a simulated node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Peer {
    Ok = 0,
    ChipsetNotSupported = 1,
    NotSupported = 5,
}

/// Whether one GPU reaches the other's memory: over NVLink, or over PCI.
pub fn peer(a: &GpuPage, b: &GpuPage, over_nvlink: bool) -> Peer {
    if linked(a, b) {
        return Peer::Ok;
    }
    if over_nvlink {
        return Peer::NotSupported;
    }
    // GeForce boards have no peer-to-peer over PCI: brands 5 GeForce, 15 GeForce RTX.
    if matches!(a.brand, 5 | 15) || matches!(b.brand, 5 | 15) { Peer::ChipsetNotSupported } else { Peer::Ok }
}

/// Whether NVLinks that are up join the two, themselves or over switches.
fn linked(a: &GpuPage, b: &GpuPage) -> bool {
    const GPU: u32 = 0;
    const SWITCH: u32 = 2;
    let up = |gpu: &GpuPage| {
        gpu.links
            .into_iter()
            .take(if gpu.link_count == NONE32 { 0 } else { gpu.link_count as usize })
            .filter(|link| link.up == 1)
    };
    let switched = |gpu: &GpuPage| up(gpu).any(|link| link.remote_kind == SWITCH);
    let directly = up(a).any(|link| {
        link.remote_kind == GPU && (link.remote_domain, link.remote_bus, link.remote_device) == bus(b)
    });
    // Fabric states: 0 not supported (switches without a manager), 3 completed.
    let fabric = |gpu: &GpuPage| matches!(gpu.fabric_state, 0 | 3) && gpu.fabric_status == 0;
    directly || (switched(a) && switched(b) && fabric(a) && fabric(b) && a.fabric_clique == b.fabric_clique)
}

fn bus(gpu: &GpuPage) -> (u32, u32, u32) {
    (gpu.pci_domain, gpu.pci_bus, gpu.pci_device)
}

/// The GPUs whose nearest common level is this one.
pub fn at_level(gpu: &Gpu, level: Level) -> Vec<Gpu> {
    gpu.session
        .gpus()
        .filter(|other| other.at != gpu.at && Level::between(&gpu.page, &other.page) == level)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn at(bus: u32, switch: u32, bridge: u32, numa: u32) -> GpuPage {
        GpuPage {
            pci_bus: bus,
            pci_switch: switch,
            pci_host_bridge: bridge,
            numa_node: numa,
            ..GpuPage::zeroed()
        }
    }

    #[test]
    fn the_nearest_common_level_is_found() {
        fn case(b: &GpuPage, expected: Level) {
            assert_eq!(Level::between(&at(1, 1, 1, 0), b), expected);
        }
        case(&at(1, 1, 1, 0), Level::Internal);
        case(&at(2, 1, 1, 0), Level::Single);
        case(&at(2, 2, 1, 0), Level::HostBridge);
        case(&at(2, 2, 2, 0), Level::Node);
        case(&at(2, 2, 2, 1), Level::System);
        case(&at(2, NONE32, NONE32, NONE32), Level::System);
    }

    #[test]
    fn a_link_that_is_down_joins_nothing() {
        let mut a = at(1, 1, 1, 0);
        let mut b = at(2, 2, 1, 0);
        for gpu in [&mut a, &mut b] {
            gpu.link_count = 1;
            gpu.links[0].up = 1;
            gpu.links[0].remote_kind = 2;
            gpu.fabric_state = 3;
        }
        assert_eq!(peer(&a, &b, true), Peer::Ok);
        b.fabric_state = 2;
        assert_eq!(peer(&a, &b, true), Peer::NotSupported);
        b.fabric_state = 3;
        b.links[0].up = 0;
        assert_eq!(peer(&a, &b, true), Peer::NotSupported);
        assert_eq!(peer(&a, &b, false), Peer::Ok);
        b.brand = 15;
        assert_eq!(peer(&a, &b, false), Peer::ChipsetNotSupported);
    }
}
