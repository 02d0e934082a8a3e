//! One GPU: what it remembers without power, what somebody set, and its state now.

use serde::{Deserialize, Serialize};

use super::body::Body;
use super::identity::Identity;
use super::links::LinkState;
use super::mig::{ComputePart, GpuPart};
use crate::catalog::{Architecture, Device};
use crate::fault::{Fault, Part};
use crate::page::Condition;
use crate::profile::Slot;

/// Bytes of a mebibyte.
pub(super) const MIB: u64 = 1 << 20;

/// Places of memory errors, in NVML's order.
pub(super) const DEVICE_MEMORY: usize = 2;
pub(super) const SRAM: usize = 7;

#[derive(Clone, Debug)]
pub(super) struct Gpu {
    pub index: usize,
    pub device: &'static Device,
    pub slot: &'static Slot,
    pub identity: Identity,
    pub inforom: Inforom,
    pub settings: Settings,
    /// ECC and MIG mode since the last reset; what is pending stands in the inforom.
    pub ecc_on: bool,
    pub mig_on: bool,
    pub condition: Condition,
    /// NVML's recovery action.
    pub recovery: u32,
    /// Memory errors since the driver was loaded or the GPU was reset.
    pub volatile: Errors,
    pub links: Vec<LinkState>,
    pub gpu_parts: Vec<GpuPart>,
    pub compute_parts: Vec<ComputePart>,
    /// Bytes that nobody holds and that are not free either.
    pub leaked: u64,
    /// Whether the driver has it.
    pub taken: bool,
    /// Whether the log has said which GPU this is.
    pub introduced: bool,
    /// When it was last reset, milliseconds since the epoch.
    pub reset_at_ms: Option<u64>,
    /// Seconds of work at full load since the node came up.
    pub worked_s: f64,
    pub body: Body,
}

/// What a board remembers without power, and what is wrong around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Inforom {
    /// 0 for the board that the node came with, one more for every replacement.
    pub board: u32,
    /// Mode after the next reset.
    pub ecc: bool,
    pub mig: bool,
    pub remapped_corrected: u32,
    pub remapped_uncorrected: u32,
    pub remap_pending: bool,
    pub remap_failed: bool,
    pub retired_single: u32,
    pub retired_double: u32,
    pub retired_pending: bool,
    pub aggregate: Errors,
    /// Faults that outlive a power cycle.
    pub faults: Vec<Fault>,
}

impl Inforom {
    /// Of a board from the factory.
    pub fn factory(board: u32) -> Self {
        Self {
            board,
            ecc: true,
            mig: false,
            remapped_corrected: 0,
            remapped_uncorrected: 0,
            remap_pending: false,
            remap_failed: false,
            retired_single: 0,
            retired_double: 0,
            retired_pending: false,
            aggregate: Errors::default(),
            faults: Vec::new(),
        }
    }

    /// What a reset and a power cycle do alike: rows and pages that wait are taken out of use.
    pub fn repair(&mut self) {
        self.remap_pending = false;
        self.retired_pending = false;
    }
}

/// Memory errors by place, in NVML's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Errors {
    pub corrected: [u64; 8],
    pub uncorrected: [u64; 8],
}

/// What somebody set and a reset forgets, but for persistence and accounting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub persistence: bool,
    pub accounting: bool,
    /// `nvmlComputeMode_t`.
    pub compute_mode: u32,
    /// Milliwatts.
    pub power_limit: u32,
    /// Memory and graphics MHz.
    pub application: Option<(u32, u32)>,
    /// Least and most graphics MHz.
    pub locked: Option<(u32, u32)>,
}

impl Settings {
    pub fn of(device: &Device) -> Self {
        Self {
            persistence: true,
            accounting: false,
            compute_mode: 0,
            power_limit: device.power.default * 1000,
            application: None,
            locked: None,
        }
    }

    /// Whether any is set that a driver forgets when it lets go of the GPU.
    pub fn any_to_forget(&self, device: &Device) -> bool {
        *self != self.forgotten(device)
    }

    /// These, after the driver let go of the GPU or reset it.
    pub fn forgotten(&self, device: &Device) -> Self {
        Self { persistence: self.persistence, accounting: self.accounting, ..Self::of(device) }
    }
}

impl Gpu {
    pub fn new(
        index: usize,
        device: &'static Device,
        slot: &'static Slot,
        who: &str,
        inforom: Inforom,
    ) -> Self {
        let identity = Identity::draw(who, index, inforom.board);
        Self {
            index,
            device,
            slot,
            ecc_on: inforom.ecc,
            mig_on: inforom.mig,
            settings: Settings::of(device),
            condition: Condition::Answers,
            recovery: 0,
            volatile: Errors::default(),
            links: Vec::new(),
            gpu_parts: Vec::new(),
            compute_parts: Vec::new(),
            leaked: 0,
            taken: true,
            introduced: false,
            reset_at_ms: None,
            worked_s: 0.0,
            body: Body::at_rest(device, &identity),
            identity,
            inforom,
        }
    }

    /// Whether MIG mode takes a reset to change, and outlives a power cycle.
    pub fn mig_takes_a_reset(&self) -> bool {
        self.device.architecture == Architecture::Ampere
    }

    /// Whether rows are remapped; pages are retired where they are not.
    pub fn remaps_rows(&self) -> bool {
        self.device.memory.remap_banks.is_some()
    }

    pub fn memory_total(&self) -> u64 {
        let memory = &self.device.memory;
        let mib = match memory.total_without_ecc_mib {
            Some(mib) if !self.ecc_on => mib,
            _ => memory.total_mib,
        };
        mib * MIB
    }

    /// Never a whole mebibyte: what is reserved and what is free, each rounded up, are one more than the total.
    pub fn memory_reserved(&self) -> u64 {
        (self.device.memory.reserved_mib * MIB).saturating_sub(MIB / 2)
    }

    pub fn power_limit_default(&self) -> u32 {
        self.device.power.default * 1000
    }

    /// The fault of this kind that is there, if one is.
    pub fn has(&self, is: impl Fn(&Fault) -> bool) -> Option<&Fault> {
        self.inforom.faults.iter().find(|fault| is(fault))
    }

    pub fn pcie_gen(&self) -> u32 {
        match self.degraded_pcie() {
            Some((r#gen, _)) => r#gen,
            // A board that sleeps at P8 lets its link sleep too.
            None if self.body.asleep => 1,
            None => self.device.pci.r#gen,
        }
    }

    pub fn pcie_width(&self) -> u32 {
        self.degraded_pcie().map_or(self.lanes(), |(_, width)| width)
    }

    /// Lanes that board and slot have in common.
    pub fn lanes(&self) -> u32 {
        self.slot.slot_width.unwrap_or(self.device.pci.width).min(self.device.pci.width)
    }

    pub fn degraded_pcie(&self) -> Option<(u32, u32)> {
        self.inforom.faults.iter().find_map(|fault| match fault {
            Fault::DegradedPcie { r#gen, width } => Some((*r#gen, *width)),
            _ => None,
        })
    }

    /// Which part fails under load, where one does, and after how many seconds of work.
    pub fn fails_under_load(&self) -> Option<(f64, Part)> {
        self.inforom.faults.iter().find_map(|fault| match fault {
            Fault::FailsUnderLoad { after_s, part } => Some((f64::from(*after_s), *part)),
            _ => None,
        })
    }

    /// Counts memory errors, in both lifetimes.
    pub fn count_errors(&mut self, place: usize, corrected: u64, uncorrected: u64) {
        for errors in [&mut self.volatile, &mut self.inforom.aggregate] {
            errors.corrected[place] += corrected;
            errors.uncorrected[place] += uncorrected;
        }
    }
}
