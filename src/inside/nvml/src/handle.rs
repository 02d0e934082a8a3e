//! Handles: addresses of blocks that are always there, one for every GPU, instance and set that can be.
//!
//! Comparable, stable, found by address and never read through by us; clients may read, and find zeros.
//! Whether what a handle stands for exists is asked elsewhere, at every call.

use crashcart_hardware::page::GPUS;

/// Instance ids of a GPU, and compute instance ids of such an instance: H100's go to 14 and 6.
const GPU_INSTANCE_IDS: usize = 16;
const COMPUTE_INSTANCE_IDS: usize = 8;
/// Event sets that a process may have at once.
pub const EVENT_SETS: usize = 1024;

#[repr(C, align(16))]
struct Block([u8; 16]);

static DEVICES: [Block; GPUS] = [const { Block([0; 16]) }; GPUS];
static GPU_INSTANCES: [Block; GPUS * GPU_INSTANCE_IDS] = [const { Block([0; 16]) }; GPUS * GPU_INSTANCE_IDS];
static COMPUTE_INSTANCES: [Block; GPUS * GPU_INSTANCE_IDS * COMPUTE_INSTANCE_IDS] =
    [const { Block([0; 16]) }; GPUS * GPU_INSTANCE_IDS * COMPUTE_INSTANCE_IDS];
static MIG_DEVICES: [Block; GPUS * GPU_INSTANCE_IDS * COMPUTE_INSTANCE_IDS] =
    [const { Block([0; 16]) }; GPUS * GPU_INSTANCE_IDS * COMPUTE_INSTANCE_IDS];
static SETS: [Block; EVENT_SETS] = [const { Block([0; 16]) }; EVENT_SETS];

/// What an `nvmlDevice_t` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Whole {
        gpu: usize,
    },
    /// A MIG device.
    Slice {
        gpu: usize,
        instance: u32,
        compute: u32,
    },
}

/// What an `nvmlGpuInstance_t` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuInstance {
    pub gpu: usize,
    pub id: u32,
}

/// What an `nvmlComputeInstance_t` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputeInstance {
    pub gpu: usize,
    pub instance: u32,
    pub id: u32,
}

impl Device {
    pub fn address(self) -> Option<usize> {
        match self {
            Self::Whole { gpu } => address(&DEVICES, gpu),
            Self::Slice { gpu, instance, compute } => {
                address(&MIG_DEVICES, nested(gpu, instance, Some(compute))?)
            }
        }
    }

    pub fn at(address: usize) -> Option<Self> {
        if let Some(gpu) = position(&DEVICES, address) {
            return Some(Self::Whole { gpu });
        }
        let (gpu, instance, compute) = unnested(position(&MIG_DEVICES, address)?);
        Some(Self::Slice { gpu, instance, compute })
    }
}

impl GpuInstance {
    pub fn address(self) -> Option<usize> {
        address(&GPU_INSTANCES, nested(self.gpu, self.id, None)?)
    }

    pub fn at(address: usize) -> Option<Self> {
        let at = position(&GPU_INSTANCES, address)?;
        Some(Self { gpu: at / GPU_INSTANCE_IDS, id: (at % GPU_INSTANCE_IDS) as u32 })
    }
}

impl ComputeInstance {
    pub fn address(self) -> Option<usize> {
        address(&COMPUTE_INSTANCES, nested(self.gpu, self.instance, Some(self.id))?)
    }

    pub fn at(address: usize) -> Option<Self> {
        let (gpu, instance, id) = unnested(position(&COMPUTE_INSTANCES, address)?);
        Some(Self { gpu, instance, id })
    }
}

/// The handle of the set at this place in the table of sets.
pub fn set_address(at: usize) -> Option<usize> {
    address(&SETS, at)
}

/// The place in the table of sets that a handle stands for.
pub fn set_at(address: usize) -> Option<usize> {
    position(&SETS, address)
}

fn nested(gpu: usize, instance: u32, compute: Option<u32>) -> Option<usize> {
    let instance = usize::try_from(instance).ok().filter(|id| *id < GPU_INSTANCE_IDS)?;
    let of_gpu = gpu * GPU_INSTANCE_IDS + instance;
    let Some(compute) = compute else { return Some(of_gpu) };
    let compute = usize::try_from(compute).ok().filter(|id| *id < COMPUTE_INSTANCE_IDS)?;
    Some(of_gpu * COMPUTE_INSTANCE_IDS + compute)
}

fn unnested(at: usize) -> (usize, u32, u32) {
    let of_gpu = at / COMPUTE_INSTANCE_IDS;
    (of_gpu / GPU_INSTANCE_IDS, (of_gpu % GPU_INSTANCE_IDS) as u32, (at % COMPUTE_INSTANCE_IDS) as u32)
}

fn address(blocks: &'static [Block], at: usize) -> Option<usize> {
    blocks.get(at).map(|block| block.0.as_ptr().addr())
}

fn position(blocks: &'static [Block], address: usize) -> Option<usize> {
    let offset = address.checked_sub(blocks.as_ptr().addr())?;
    let at = offset / size_of::<Block>();
    (offset % size_of::<Block>() == 0 && at < blocks.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_as_what_it_was_made_for() {
        for device in [
            Device::Whole { gpu: 0 },
            Device::Whole { gpu: 15 },
            Device::Slice { gpu: 3, instance: 14, compute: 6 },
            Device::Slice { gpu: 0, instance: 0, compute: 0 },
        ] {
            assert_eq!(Device::at(device.address().expect("an address")), Some(device));
        }
        let instance = GpuInstance { gpu: 7, id: 9 };
        assert_eq!(GpuInstance::at(instance.address().expect("an address")), Some(instance));
        let compute = ComputeInstance { gpu: 7, instance: 9, id: 2 };
        assert_eq!(ComputeInstance::at(compute.address().expect("an address")), Some(compute));
    }

    #[test]
    fn foreign_addresses_are_no_handles() {
        let whole = Device::Whole { gpu: 2 }.address().expect("an address");
        assert_eq!(Device::at(0), None);
        assert_eq!(Device::at(whole + 1), None);
        assert_eq!(Device::at(usize::MAX), None);
        assert_eq!(GpuInstance::at(whole), None);
        assert_eq!(Device::Whole { gpu: 16 }.address(), None);
        assert_eq!(Device::Slice { gpu: 0, instance: 16, compute: 0 }.address(), None);
    }
}
