//! The machine that a vm node's guest sees, and who the guest is.

use serde::{Deserialize, Serialize};

/// Environment variable of a vm node's first process: a [`VmNode`] as JSON.
pub const VM_VARIABLE: &str = "CRASHCART_VM";
/// Where the volume with the snapshot of a booted guest stands in a vm node, read-only.
pub const TEMPLATE_DIR: &str = "/.crashcart-template";
/// How the launcher of a vm node begins the line that says that QEMU ended by itself, in the engine's log.
pub const QEMU_ENDED: &str = "crashcart: QEMU ended with";

/// What a guest has. Guests of one shape are restored from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VmShape {
    /// All NUMA nodes together.
    pub memory_mib: u64,
    /// The disk that it boots from.
    pub disk_mib: u64,
    /// All NUMA nodes together; each has as many as the others.
    pub processors: u32,
    /// 1 to 4.
    pub numa_nodes: u32,
    /// From any NUMA node to any other, as the ACPI SLIT has it; to itself it is 10.
    pub numa_distance: u32,
    /// Beside the disk that the guest boots from.
    pub disks: Vec<VmDisk>,
    /// Network interfaces, all in the attempt's network; the first one has the node's address.
    pub nics: u32,
    /// Its accelerators, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<VmBoard>,
    /// It is started by UEFI with Secure Boot, not by a BIOS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_boot: bool,
}

/// Which accelerators a guest's kernel finds on its buses. What they are called and how they are stands elsewhere:
/// that differs from one guest of a shape to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VmBoard {
    /// Name of a node profile.
    pub profile: String,
    /// Only so many of its GPUs.
    pub gpus: Option<u32>,
}

/// A further disk, blank when the guest first sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VmDisk {
    /// Serial number: part of its names in /dev/disk/by-id.
    pub serial: String,
    pub size_mib: u64,
    pub bus: VmBus,
    /// Whose root complex it hangs below, where there are several NUMA nodes.
    pub numa_node: Option<u32>,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VmBus {
    #[default]
    Virtio,
    Nvme,
}

/// One vm node: its guest's shape, and what sets it apart from other guests of that shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VmNode {
    pub shape: VmShape,
    pub hostname: String,
    /// The guest's own address in the attempt's network, and the length of the network's prefix.
    pub address: std::net::Ipv4Addr,
    pub prefix: u8,
    /// The way out, where there is one.
    pub gateway: Option<std::net::Ipv4Addr>,
}
