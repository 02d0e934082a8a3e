//! How accelerators break: causes, each with all its surfaces and its cure.
//!
//! The surfaces themselves are made by the machine; this is the list.

use serde::{Deserialize, Serialize};

/// One GPU, broken in one way: `{ gpu = 3, fault = "fallen-off-bus" }`, or
/// `{ gpu = 0, fault = { power-cap = { watts = 300 } } }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GpuFault {
    pub gpu: u32,
    pub fault: Fault,
}

/// A fault that a node's GPUs came with, and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inherited {
    /// Seconds before the faults of the node go in; 0 is at that moment.
    #[serde(default)]
    pub ago_s: u32,
    pub fault: GpuFault,
}

/// A cause. What each shows where, and what cures it, stands beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Xid 79, then 154 (reboot); lost to NVML. Cure: power cycle of the node.
    FallenOffBus,
    /// Xid 48, 63, 94, then 154 (drain and reset or reset); one volatile and aggregate double-bit error, a
    /// row waits to be remapped. Turing retires a page instead (Xid 48, 63) and takes no work until its reset.
    /// Cure: a reset of the GPU without clients, which remaps it. Drivers before 570 say no Xid 154.
    UncorrectableEcc,
    /// As above, but no spare row is left: Xid 64, remapping failure. Cure: another board.
    RemapFailure,
    /// Xid 94: an error that a program has read and that its own death contains; one volatile and aggregate
    /// error of SRAM. Cure: the program starts anew; the GPU needs nothing.
    ContainedEcc,
    /// Xid 95, then 154 (reset): an error that nobody can say the end of. Every program on the GPU dies, and
    /// it takes no work. Cure: a reset of the GPU.
    UncontainedEcc,
    /// Xid 119, then 154 (reset); most queries fail. Cure: a reset of the GPU.
    GspTimeout,
    /// Coolant or fan: hot, hardware and software thermal slowdown. Cure: outside (`clear`); a lower power
    /// limit makes it bearable.
    Overheating,
    /// A power supply asks for less: hardware power brake. Cure: outside.
    PowerBrake,
    /// A power limit below the board's default, left by somebody. Cure: `nvidia-smi -pl`.
    PowerCap {
        watts: u32,
    },
    /// PCI Express came up slower or narrower; the replay counter rises. Cure: outside (reseat).
    DegradedPcie {
        r#gen: u32,
        width: u32,
    },
    /// Falls off the bus, as [`Fault::FallenOffBus`] has it, once it has worked for so many seconds in all since
    /// the node came up: 1 to 3600, at full load; half the load takes twice as long. A power cycle brings it back until
    /// then. Cure: outside, by what is done to the part. A loose seat shows before, by replays on the link and an AER
    /// line; a bad board does not.
    FailsUnderLoad {
        after_s: u32,
        part: Part,
    },
    /// One NVLink is down: Xid 74, on Blackwell 149. Cure: a reset of all GPUs on the fabric.
    NvlinkDown {
        link: u32,
    },
    /// The fabric manager is not there: fabric state in progress, CUDA says 802. Cure: start it.
    FabricNotReady,
    /// Wrong mode, left by somebody. Cure: the setter, and a reset where one is needed.
    EccOff,
    MigLeftOn,
    PersistenceOff,
    /// `nvmlComputeMode_t`: 2 prohibited, 3 exclusive process.
    ComputeMode {
        mode: u32,
    },
    LockedClocks {
        mhz: u32,
    },
    /// Corrected errors rise with load; nothing else. Cure: none is due.
    CorrectedEcc {
        per_hour: u32,
    },
    /// A process that has died holds memory: it is listed by nobody. Cure: a reset.
    LeakedMemory {
        mib: u64,
    },
    /// Xid of a program (13, 31, 43, 45): the GPU is well, the program is not, or was ended by somebody (45).
    /// The first two take the program's other channels with them, which says Xid 45. Cure: mend the program.
    ProgramError {
        xid: u32,
        pid: u32,
        name: String,
    },
}

/// What of a board and its slot is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// How the board sits in its slot. Cure: reseat.
    Seat,
    /// The board itself. Cure: another one.
    Board,
}

/// What somebody who stands at the machine does to it, while it is switched off. `{ reseat = 3 }` is for
/// GPU 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Off and on again, and nothing else.
    PowerCycle,
    /// Takes a board out and puts it back: cures a degraded link of PCI Express and a loose seat.
    Reseat(u32),
    /// Puts another board of the same model in: another serial number and UUID, factory settings. Cures what a
    /// reseat cures, and what the board itself had.
    Replace(u32),
    /// Cleans fans and filters, opens the flow of coolant: cures overheating of all boards.
    Clean,
    /// Exchanges power supplies: ends the power brake of all boards.
    PowerSupply,
}

/// Why a fault cannot be had, or not be cured so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("there is no GPU {asked}; the node has {has}")]
    NoSuchGpu { asked: u32, has: u32 },
    #[error("a {device} {why}")]
    NotOnThisDevice { device: String, why: String },
    #[error("{what}")]
    Impossible { what: String },
    /// The cure is another: what stands beside the variant of [`Fault`].
    #[error("this is not cured from outside, but by {cure}")]
    NotCuredFromOutside { cure: &'static str },
}
