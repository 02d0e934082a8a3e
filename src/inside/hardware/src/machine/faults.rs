//! How GPUs break and what of it is mended from outside.
//!
//! A fault is one cause; every surface on which it shows is made here or follows
//! from the state that is left here. Cures by a reset stand in `verbs`, those by
//! a power cycle in `Machine::new`.

use std::ops::RangeInclusive;

use super::contexts::cuda;
use super::gpu::{DEVICE_MEMORY, Gpu, Inforom, MIB, SRAM};
use super::xid::{self, Process, said_name};
use super::{Machine, gpu::Settings};
use crate::catalog::Architecture;
use crate::fault::{Deed, Fault, FaultError, GpuFault, Part};
use crate::page::{Condition, NONE32};

/// Most that one bank's spare rows remap.
pub(super) const ROWS_OF_A_BANK: u32 = 8;
/// Most rows that a GPU remaps.
pub(super) const ROWS_OF_A_GPU: u32 = 512;
/// After how much work a GPU may be made to fail, seconds.
pub(super) const FAILS_AFTER_S: RangeInclusive<u32> = 1..=3600;

impl Machine {
    /// Breaks a GPU.
    pub fn inject(&mut self, now_ms: u64, fault: &GpuFault) -> Result<(), FaultError> {
        self.advance(now_ms);
        let gpu = self.index(fault.gpu)?;
        self.possible(gpu, &fault.fault)?;
        self.break_gpu(gpu, &fault.fault);
        self.touch();
        Ok(())
    }

    /// Breaks a GPU as of a moment that has passed. The log tells it with that time; what the GPU is left with
    /// is there now. Programs that work there now came later: none of them caused it, and they live on where
    /// the GPU still works.
    pub fn inject_as_of(&mut self, now_ms: u64, then_ms: u64, fault: &GpuFault) -> Result<(), FaultError> {
        self.advance(now_ms);
        self.told_ms = (then_ms < self.now_ms).then_some(then_ms);
        let done = self.inject(now_ms, fault);
        self.told_ms = None;
        done
    }

    /// Mends from outside what is mended there: cooling, power, slots, services, boards; or takes a wrong
    /// setting back.
    pub fn clear(&mut self, now_ms: u64, gpu: u32, fault: &Fault) -> Result<(), FaultError> {
        self.advance(now_ms);
        let gpu = self.index(gpu)?;
        let other = |cure| Err(FaultError::NotCuredFromOutside { cure });
        let it = &mut self.gpus[gpu];
        match fault {
            Fault::FallenOffBus => return other("a power cycle of the node"),
            Fault::UncorrectableEcc
            | Fault::UncontainedEcc
            | Fault::GspTimeout
            | Fault::LeakedMemory { .. } => {
                return other("a reset of the GPU");
            }
            Fault::ContainedEcc => return other("starting the program anew"),
            Fault::ProgramError { .. } => return other("mending the program"),
            Fault::Overheating
            | Fault::PowerBrake
            | Fault::DegradedPcie { .. }
            | Fault::FailsUnderLoad { .. }
            | Fault::CorrectedEcc { .. } => it.forget_fault(fault),
            Fault::RemapFailure => self.replace_board(gpu),
            Fault::NvlinkDown { link } => self.set_link(gpu, *link, false),
            Fault::FabricNotReady => self.fabric_ready = true,
            Fault::EccOff => it.inforom.ecc = true,
            Fault::MigLeftOn => {
                // As `nvidia-smi -mig 0` does: at once, or pending.
                let _ = self.set_mig_mode(gpu, false);
            }
            Fault::PersistenceOff => it.settings.persistence = true,
            Fault::ComputeMode { .. } => it.settings.compute_mode = 0,
            Fault::LockedClocks { .. } => it.settings.locked = None,
            Fault::PowerCap { .. } => it.settings.power_limit = it.power_limit_default(),
        }
        self.touch();
        Ok(())
    }

    /// Does what hands do at a machine, whether anything needed it or not.
    pub fn serve(&mut self, now_ms: u64, deed: Deed) -> Result<(), FaultError> {
        let cured = |fault: &Fault| match deed {
            Deed::PowerCycle => false,
            Deed::Reseat(_) => {
                matches!(fault, Fault::DegradedPcie { .. } | Fault::FailsUnderLoad { part: Part::Seat, .. })
            }
            Deed::Replace(_) => matches!(
                fault,
                Fault::DegradedPcie { .. } | Fault::FailsUnderLoad { .. } | Fault::CorrectedEcc { .. }
            ),
            Deed::Clean => matches!(fault, Fault::Overheating),
            Deed::PowerSupply => matches!(fault, Fault::PowerBrake),
        };
        let boards = match deed {
            Deed::Reseat(gpu) | Deed::Replace(gpu) => {
                let slot = self.index(gpu)?;
                slot..slot + 1
            }
            Deed::PowerCycle | Deed::Clean | Deed::PowerSupply => 0..self.gpus.len(),
        };
        for board in boards {
            let faults = self.gpus[board].inforom.faults.clone();
            for fault in faults.iter().filter(|fault| cured(fault)) {
                self.clear(now_ms, board as u32, fault)?;
            }
        }
        if let Deed::Replace(gpu) = deed {
            self.clear(now_ms, gpu, &Fault::RemapFailure)?;
        }
        Ok(())
    }

    fn index(&self, gpu: u32) -> Result<usize, FaultError> {
        let has = self.gpus.len() as u32;
        if gpu < has { Ok(gpu as usize) } else { Err(FaultError::NoSuchGpu { asked: gpu, has }) }
    }

    /// Refuses what this board or this node cannot have.
    fn possible(&self, gpu: usize, fault: &Fault) -> Result<(), FaultError> {
        let device = self.device;
        let not_here = |why: String| Err(FaultError::NotOnThisDevice { device: device.name.clone(), why });
        if self.gpus[gpu].condition == Condition::Lost {
            return Err(FaultError::Impossible { what: format!("GPU {gpu} is off the bus already") });
        }
        match fault {
            Fault::UncorrectableEcc | Fault::RemapFailure | Fault::ContainedEcc | Fault::UncontainedEcc
                if !self.gpus[gpu].ecc_on =>
            {
                not_here("with ECC off notices no memory errors".into())
            }
            Fault::ContainedEcc | Fault::UncontainedEcc if !self.contains_errors() => {
                not_here("does not contain errors: its Xids know neither 94 nor 95".into())
            }
            Fault::RemapFailure if !self.gpus[gpu].remaps_rows() => {
                not_here("retires pages and remaps no rows".into())
            }
            Fault::PowerCap { watts } if !(device.power.min..device.power.default).contains(watts) => {
                not_here(format!(
                    "is capped at {} to {} W, not {watts} W",
                    device.power.min,
                    device.power.default - 1
                ))
            }
            Fault::DegradedPcie { r#gen, width } => {
                let (most, lanes) = (device.pci.r#gen, self.gpus[gpu].lanes());
                let known = (1..=most).contains(r#gen) && [1, 2, 4, 8, 16].contains(width) && *width <= lanes;
                if known && (*r#gen < most || *width < lanes) {
                    return Ok(());
                }
                not_here(format!("has no link slower than its own at generation {gen} and {width} lanes"))
            }
            Fault::NvlinkDown { link } => match &device.nvlink {
                None => not_here("has no NVLink".into()),
                Some(nvlink) if *link >= nvlink.links => not_here(format!("has {} NVLinks", nvlink.links)),
                Some(_) if !self.is_linked(gpu) => not_here("has no neighbour on its NVLinks here".into()),
                Some(_) => Ok(()),
            },
            Fault::FabricNotReady if self.profile.nvswitch.is_none() => {
                not_here("in this node is on no fabric".into())
            }
            Fault::MigLeftOn if device.mig.is_empty() => not_here("has no MIG".into()),
            Fault::ComputeMode { mode } if ![2, 3].contains(mode) => {
                not_here(format!("has no wrong compute mode {mode}: 2 is prohibited, 3 exclusive"))
            }
            Fault::LockedClocks { mhz }
                if !(device.clocks.graphics_min..=device.clocks.graphics_max).contains(mhz) =>
            {
                not_here(format!("has no graphics clock near {mhz} MHz"))
            }
            Fault::CorrectedEcc { per_hour } if *per_hour > 100_000 => {
                not_here("does not live through so many errors".into())
            }
            Fault::FailsUnderLoad { after_s, .. } if !FAILS_AFTER_S.contains(after_s) => {
                not_here(format!("fails after 1 to 3600 seconds of work, not {after_s}"))
            }
            Fault::LeakedMemory { mib } => {
                let it = &self.gpus[gpu];
                let taken = it.memory_reserved() + it.leaked + self.bytes_taken(gpu, None);
                if mib.saturating_mul(MIB) <= it.memory_total().saturating_sub(taken) {
                    return Ok(());
                }
                not_here(format!("has no {mib} MiB free"))
            }
            Fault::ProgramError { xid, .. } if ![13, 31, 43, 45].contains(xid) => {
                not_here(format!("does not blame Xid {xid} on a program: 13, 31, 43 and 45 it does"))
            }
            _ => Ok(()),
        }
    }

    fn break_gpu(&mut self, gpu: usize, fault: &Fault) {
        let it = &mut self.gpus[gpu];
        match fault {
            Fault::FallenOffBus => self.fall_off_bus(gpu),
            Fault::UncorrectableEcc => self.uncorrectable(gpu, true),
            Fault::RemapFailure => self.uncorrectable(gpu, false),
            Fault::ContainedEcc => self.contained(gpu),
            Fault::UncontainedEcc => self.uncontained(gpu),
            Fault::GspTimeout => self.hang(gpu),
            Fault::Overheating
            | Fault::PowerBrake
            | Fault::FailsUnderLoad { .. }
            | Fault::CorrectedEcc { .. } => it.remember_fault(fault),
            Fault::DegradedPcie { .. } => {
                it.remember_fault(fault);
                self.say_aer(gpu);
            }
            Fault::PowerCap { watts } => it.settings.power_limit = watts * 1000,
            Fault::NvlinkDown { link } => self.link_down(gpu, *link),
            Fault::FabricNotReady => self.fabric_ready = false,
            Fault::EccOff => {
                it.inforom.ecc = false;
                it.ecc_on = false;
            }
            Fault::MigLeftOn => {
                it.inforom.mig = true;
                it.mig_on = true;
                self.kill(cuda::UNKNOWN, |_, context| context.gpu == gpu);
            }
            Fault::PersistenceOff => it.settings.persistence = false,
            Fault::ComputeMode { mode } => it.settings.compute_mode = *mode,
            Fault::LockedClocks { mhz } => {
                let clock = it.device.graphics_clock_at_most(*mhz);
                it.settings.locked = Some((clock, clock));
            }
            Fault::LeakedMemory { mib } => it.leaked += mib * MIB,
            Fault::ProgramError { xid, pid, name } => self.program_error(gpu, *xid, *pid, name),
        }
    }

    pub(super) fn fall_off_bus(&mut self, gpu: usize) {
        let (at, serial) = (self.gpus[gpu].slot.address(), self.gpus[gpu].identity.serial.clone());
        self.kill(cuda::UNKNOWN, |_, context| context.gpu == gpu);
        self.xid(gpu, 79, None, "GPU has fallen off the bus.");
        if self.loaded {
            self.say(xid::ERROR, format!("NVRM: GPU {at}: GPU has fallen off the bus."));
            self.say(xid::ERROR, format!("NVRM: GPU {at}: GPU serial number is {serial}."));
        }
        self.recover_by(gpu, xid::REBOOT);
        self.gpus[gpu].condition = Condition::Lost;
    }

    /// A double-bit error; with a spare row for its place, or without.
    fn uncorrectable(&mut self, gpu: usize, spare: bool) {
        let victim = self.victim(gpu);
        let contains = self.contains_errors();
        let it = &mut self.gpus[gpu];
        let nth = it.inforom.aggregate.uncorrected[DEVICE_MEMORY];
        let address = (it.identity.number("address", nth) % (it.device.memory.total_mib * MIB)) & !0x3f;
        let (partition, part) =
            (it.identity.number("partition", nth) % 20, it.identity.number("part", nth) % 4);
        it.count_errors(DEVICE_MEMORY, 0, 1);
        let remaps = it.remaps_rows();
        match (remaps, spare) {
            (true, true) => {
                it.inforom.remapped_uncorrected = (it.inforom.remapped_uncorrected + 1).min(ROWS_OF_A_GPU);
                it.inforom.remap_pending = true;
            }
            (true, false) => {
                it.inforom.remapped_uncorrected =
                    (it.inforom.remapped_uncorrected + ROWS_OF_A_BANK).min(ROWS_OF_A_GPU);
                it.inforom.remap_failed = true;
            }
            (false, _) => {
                it.inforom.retired_double += 1;
                it.inforom.retired_pending = true;
            }
        }
        if !contains {
            it.condition = Condition::NeedsReset;
        }
        self.xid(
            gpu,
            48,
            None,
            &format!(
                "An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer at physAddr 0x{address:x} partition {partition}, subpartition {part}."
            ),
        );
        match (remaps, spare) {
            (true, true) => self.xid(
                gpu,
                63,
                None,
                &format!(
                    "Row Remapper: New row (0x{address:016x}) marked for remapping, reset gpu to activate."
                ),
            ),
            (true, false) => self.xid(
                gpu,
                64,
                None,
                &format!("Row Remapper Error: (0x{address:016x}) - All reserved rows for bank are remapped"),
            ),
            (false, _) => self.xid(
                gpu,
                63,
                None,
                &format!(
                    "Dynamic Page Retirement: New page retired, reboot to activate (0x{:016x}).",
                    address >> 12
                ),
            ),
        }
        if contains {
            self.contain(gpu, victim);
        } else {
            self.kill(cuda::ECC_UNCORRECTABLE, |_, context| context.gpu == gpu);
        }
        // Others may finish what they do before the GPU is reset; of the past we only know that it had some.
        let others = self.told_ms.is_some() || self.living(gpu).next().is_some();
        self.recover_by(gpu, if others { xid::DRAIN_AND_RESET } else { xid::RESET });
    }

    /// Who read the bad data: who holds most memory now, and nobody where it happened before.
    fn victim(&self, gpu: usize) -> Option<u64> {
        if self.told_ms.is_some() {
            return None;
        }
        self.living(gpu)
            .max_by_key(|(number, context)| (context.bytes, std::cmp::Reverse(*number)))
            .map(|(number, _)| number)
    }

    /// Whether an error that a program reads ends with that program.
    fn contains_errors(&self) -> bool {
        self.device.architecture >= Architecture::Ampere
    }

    /// Ends an error with the program that read it: what was contained, and whose channels that took.
    fn contain(&mut self, gpu: usize, victim: Option<u64>) {
        self.xid(gpu, 94, None, "Contained: SM (0x1). RST: No, D-RST: No");
        if let Some(process) = victim.and_then(|number| self.blamed(number)) {
            self.xid(gpu, 94, Some(&process), "Ch 00000008");
        }
        self.kill(cuda::ECC_UNCORRECTABLE, |number, _| Some(number) == victim);
    }

    fn contained(&mut self, gpu: usize) {
        let victim = self.victim(gpu);
        self.gpus[gpu].count_errors(SRAM, 0, 1);
        self.contain(gpu, victim);
    }

    fn uncontained(&mut self, gpu: usize) {
        let process = self.victim(gpu).and_then(|number| self.blamed(number));
        self.gpus[gpu].count_errors(SRAM, 0, 1);
        self.xid(gpu, 95, process.as_ref(), "Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No");
        self.recover_by(gpu, xid::RESET);
        self.gpus[gpu].condition = Condition::NeedsReset;
        self.kill(cuda::ECC_UNCORRECTABLE, |_, context| context.gpu == gpu);
    }

    fn hang(&mut self, gpu: usize) {
        let sequence = match self.driver.gives_rpc_sequence() {
            true => format!(
                " sequence {}",
                3_661_000 + self.gpus[gpu].identity.number("rpc", self.event_last) % 1000
            ),
            false => String::new(),
        };
        self.xid(
            gpu,
            119,
            None,
            &format!(
                "Timeout after 45s of waiting for RPC response from GPU{gpu} GSP! Expected function 76 (GSP_RM_CONTROL){sequence} (0x208f1105 0x8)."
            ),
        );
        self.recover_by(gpu, xid::RESET);
        self.gpus[gpu].condition = Condition::Hung;
        self.kill(cuda::UNKNOWN, |_, context| context.gpu == gpu);
    }

    fn link_down(&mut self, gpu: usize, link: u32) {
        self.set_link(gpu, link, true);
        // Resets of before do not count.
        for member in self.fabric_of(gpu) {
            self.gpus[member].reset_at_ms = None;
        }
        // From the fifth generation on, links have Xids of their own.
        if self.device.nvlink.as_ref().is_some_and(|nvlink| nvlink.version >= 7) {
            let registers = "0x021425c6 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000";
            self.xid(gpu, 149, None, &format!("NETIR_LINK_EVT  Fatal   XC0 i0 Link {link:02} ({registers})"));
        } else {
            let registers = "0x0, 0x0, 0x10000, 0x0, 0x0, 0x0, 0x0";
            self.xid(gpu, 74, None, &format!("NVLink: fatal error detected on link {link}({registers})"));
        }
    }

    fn program_error(&mut self, gpu: usize, xid: u32, pid: u32, name: &str) {
        let address = self.gpus[gpu].identity.number("fault", self.event_last);
        let instance = (self.living(gpu))
            .find(|(_, context)| context.pid == pid && context.gpu_part != NONE32)
            .map(|(_, context)| (context.gpu_part, context.compute_part));
        let process = Process { pid, name: said_name(name), instance };
        let (message, cuda) = match xid {
            13 => (
                "Graphics Exception: channel 0x0000000a, Class 0000cbc0, Offset 00000000, Data 00000000"
                    .to_owned(),
                cuda::LAUNCH_FAILED,
            ),
            31 => (
                format!(
                    "channel 0x0000000a, intr 00000000. MMU Fault: ENGINE GRAPHICS GPC0 GPCCLIENT_T1_13 faulted @ 0x7f{:02x}_{:04x}1000. Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_WRITE",
                    address >> 16 & 0xff,
                    address & 0xffff
                ),
                cuda::ILLEGAL_ADDRESS,
            ),
            45 => ("Ch 00000008".to_owned(), cuda::LAUNCH_FAILED),
            _ => ("Ch 00000020, engmask 00000101".to_owned(), cuda::LAUNCH_FAILED),
        };
        self.xid(gpu, xid, Some(&process), &message);
        if matches!(xid, 13 | 31) {
            let previous = match self.driver.gives_previous_xid() {
                true => format!(" caused by previous Xid {xid}"),
                false => String::new(),
            };
            self.xid(gpu, 45, Some(&process), &format!("Ch 00000008{previous}"));
        }
        if self.told_ms.is_none() {
            self.kill(cuda, |_, context| context.gpu == gpu && context.pid == pid);
        }
    }

    /// What the kernel says of a link that trained slower than it should.
    pub(super) fn say_aer(&mut self, gpu: usize) {
        let (at, id) = (self.gpus[gpu].slot.address(), self.device.pci.device);
        self.say(
            xid::WARNING,
            format!(
                "nvidia {at}: PCIe Bus Error: severity=Correctable, type=Data Link Layer, (Transmitter ID)"
            ),
        );
        self.say(
            xid::WARNING,
            format!("nvidia {at}:   device [10de:{id:04x}] error status/mask=00001000/0000a000"),
        );
        self.say(xid::WARNING, format!("nvidia {at}:    [12] Timeout               "));
    }

    /// Sets the recovery action, never to a weaker one.
    fn recover_by(&mut self, gpu: usize, action: u32) {
        if self.gpus[gpu].recovery != xid::REBOOT {
            self.recovery(gpu, action);
        }
    }

    /// Another board in the same slot.
    fn replace_board(&mut self, gpu: usize) {
        let old = &self.gpus[gpu];
        let mut inforom = Inforom::factory(old.inforom.board.saturating_add(1));
        inforom.faults = old.inforom.faults.clone();
        let links = vec![Default::default(); old.links.len()];
        let who = format!("{}/{}", self.spec.identity, self.spec.profile);
        let mut new = Gpu::new(gpu, old.device, old.slot, &who, inforom);
        new.links = links;
        new.settings = Settings::of(new.device);
        self.gpus[gpu] = new;
        self.contexts.retain(|_, context| context.gpu != gpu);
        self.persistence_holders.retain(|(_, held)| *held != gpu);
    }
}

impl Gpu {
    fn remember_fault(&mut self, fault: &Fault) {
        self.forget_fault(fault);
        self.inforom.faults.push(fault.clone());
    }

    fn forget_fault(&mut self, fault: &Fault) {
        let kind = std::mem::discriminant(fault);
        self.inforom.faults.retain(|other| std::mem::discriminant(other) != kind);
    }
}
