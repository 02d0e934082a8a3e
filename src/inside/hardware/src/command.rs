//! What clients may ask of the hardware: one [`Command`], one [`Outcome`].
//!
//! Both are plain integers of fixed size, so that they travel over a socket as
//! well as through the mailbox of a device. The hardware knows who asks (the
//! transport says so, never the client) and refuses what only root may do.

use bytemuck::{CheckedBitPattern, Pod, Zeroable};

use crate::page::{LAYOUT, MAGIC};

/// Name of the owner's socket in the abstract namespace of a container node: SOCK_SEQPACKET.
///
/// To whoever connects it first sends a [`Greeting`] with the pages' file attached (SCM_RIGHTS, sealed
/// against writing), then an [`Outcome`] for each [`Command`]. A context lives as long as the connection
/// that opened it.
pub const SOCKET: &[u8] = b"crashcart-gpu";

/// The first message of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Greeting {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`LAYOUT`].
    pub layout: u32,
    /// GPUs that the file has pages for.
    pub gpus: u32,
}

impl Greeting {
    pub fn new(gpus: u32) -> Self {
        Self { magic: MAGIC, layout: LAYOUT, gpus }
    }
}

/// One thing asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Command {
    /// [`Verb`].
    pub verb: u32,
    /// Index of the GPU.
    pub gpu: u32,
    /// As the verb says.
    pub arguments: [u64; 6],
}

impl Command {
    pub fn new(verb: Verb, gpu: u32, arguments: &[u64]) -> Self {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        Self { verb: verb as u32, gpu, arguments: all }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Outcome {
    /// [`Status`].
    pub status: u32,
    pub pad: u32,
    /// As the verb says.
    pub values: [u64; 4],
}

impl Outcome {
    pub fn new(status: Status, values: &[u64]) -> Self {
        let mut all = [0; 4];
        all[..values.len()].copy_from_slice(values);
        Self { status: status as u32, pad: 0, values: all }
    }
}

/// Statuses by NVML's numbers (`nvmlReturn_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    Success = 0,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    NotFound = 6,
    InsufficientSize = 7,
    DriverNotLoaded = 9,
    Timeout = 10,
    GpuIsLost = 15,
    ResetRequired = 16,
    InUse = 19,
    Memory = 20,
    InsufficientResources = 23,
    Unknown = 999,
}

/// Arguments and values of every verb; arguments that are not named are 0. "Root" marks what takes uid 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, CheckedBitPattern)]
#[repr(u32)]
pub enum Verb {
    /// Root. 0: 1 on, 0 off.
    SetPersistence = 1,
    /// Root. 0: `nvmlComputeMode_t`.
    SetComputeMode = 2,
    /// Root. 0: milliwatts, within the board's limits.
    SetPowerLimit = 3,
    /// Root. 0: memory MHz, 1: graphics MHz; both must be on offer.
    SetApplicationClocks = 4,
    /// Root.
    ResetApplicationClocks = 5,
    /// Root. 0: least, 1: most, MHz.
    SetLockedClocks = 6,
    /// Root.
    ResetLockedClocks = 7,
    /// Root. 0: 1 on, 0 off; takes effect with the next reset.
    SetEccMode = 8,
    /// Root. 0: 0 volatile, 1 aggregate.
    ClearEccCounts = 9,
    /// Root. 0: 1 on, 0 off. Pending, with value 0 = the status of the activation, when the GPU is in use.
    SetMigMode = 10,
    /// Root. 0: profile id, 1: first memory slice or NONE for any. Value 0: id of the GPU instance.
    CreateGpuInstance = 11,
    /// Root. 0: id.
    DestroyGpuInstance = 12,
    /// Root. 0: GPU instance, 1: slices, 2: NVML's compute instance profile. Value 0: id.
    CreateComputeInstance = 13,
    /// Root. 0: GPU instance, 1: id.
    DestroyComputeInstance = 14,
    /// Root. 0: a bit for each GPU that the same request resets; its own counts as set. Refused while anybody
    /// has a context there, and as an invalid argument where others must be reset with it: value 0 has their bits.
    Reset = 15,
    /// Root. 0: 1 on, 0 off.
    SetAccounting = 16,
    /// Root. 0: 1 when the switches are set up. The fabric is ready as long as a connection lives that said
    /// so; without switches it is `NotSupported`.
    SetFabric = 17,
    /// Root. 0: 1 holds the GPU's persistence, 0 lets go of it, which takes no root. It is persistent as long as
    /// a connection lives that holds it, whatever [`Verb::SetPersistence`] has set.
    HoldPersistence = 18,
    /// Begins to work on a GPU, as `cuCtxCreate` does. 0: GPU instance or NONE, 1: compute instance or NONE,
    /// 2: bit 0 compute, bit 1 graphics. Value 0: number of the context; value 1: this status as CUDA has it
    /// (0, 2 out of memory, 46 device unavailable, 100 no device, 802 system not yet initialised, 999 unknown).
    OpenContext = 32,
    /// 0: context, 1: bytes wanted in all, 2: load of the SMs in 1/1000, 3: load of the memory in 1/1000,
    /// 4: share of it that waits for NVLink in 1/1000, 5: for PCIe. Values 1: CUDA's number; 2: work done by
    /// this context so far, in SM-milliseconds at the highest clock.
    UseContext = 33,
    /// 0: context.
    CloseContext = 34,
}

impl Verb {
    /// `None` for a number that is no verb.
    pub fn from_raw(raw: u32) -> Option<Self> {
        bytemuck::checked::try_cast(raw).ok()
    }

    /// Whether it takes uid 0.
    pub fn needs_root(self) -> bool {
        (self as u32) < Self::OpenContext as u32
    }
}
