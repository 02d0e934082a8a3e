//! What the driver says: lines of the kernel log and events for those who wait.
//!
//! The forms are those of the open kernel modules and of logs of real nodes; up
//! to branch 570 a line without a process says so in so many words.

use super::gpu::Gpu;
use super::{KernelLine, Machine};
use crate::page::{Condition, EventEntry, NONE32};

/// Priorities of the kernel log.
pub(super) const ERROR: u8 = 3;
pub(super) const WARNING: u8 = 4;
pub(super) const INFO: u8 = 6;

/// NVML's event type of a critical Xid.
const CRITICAL_XID: u64 = 8;

/// Recovery actions, by NVML's number.
const ACTIONS: [&str; 5] =
    ["None", "GPU Reset Required", "Node Reboot Required", "Drain P2P", "Drain and Reset"];

pub(super) const RESET: u32 = 1;
pub(super) const REBOOT: u32 = 2;
pub(super) const DRAIN_AND_RESET: u32 = 4;

/// Whose fault an Xid is, where that is known.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub pid: u32,
    pub name: String,
    /// GPU and compute instance that it works on, on a GPU that is cut.
    pub instance: Option<(u32, u32)>,
}

/// A program's name as the log can have it: the kernel keeps 15 characters, and the log one line of each
/// message.
pub(super) fn said_name(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(15).collect()
}

impl Machine {
    pub(super) fn say(&mut self, priority: u8, text: impl Into<String>) {
        let at_ms = self.told_ms.unwrap_or(self.now_ms);
        self.lines.push(KernelLine { at_ms, priority, text: text.into() });
    }

    /// An Xid: its line, after the two that say which GPU this is, and its event.
    pub(super) fn xid(&mut self, gpu: usize, number: u32, process: Option<&Process>, message: &str) {
        if !self.loaded {
            return;
        }
        let it = &mut self.gpus[gpu];
        let at = it.slot.xid_address();
        if !std::mem::replace(&mut it.introduced, true) {
            let (uuid, serial) = (it.identity.uuid.clone(), it.identity.serial.clone());
            self.say(ERROR, format!("NVRM: GPU at PCI:{at}: {uuid}"));
            self.say(ERROR, format!("NVRM: GPU Board Serial Number: {serial}"));
        }
        let who = match process {
            Some(Process { pid, name, .. }) => format!(" pid={pid}, name={name},"),
            None if self.driver.names_unknown_processes() => " pid='<unknown>', name=<unknown>,".to_owned(),
            None => String::new(),
        };
        let instance = process.and_then(|process| process.instance);
        let place = match instance {
            Some((gpu_part, compute_part)) => format!(" GPU-I:{gpu_part:02} GPU-CI:{compute_part:02}"),
            None => String::new(),
        };
        self.say(ERROR, format!("NVRM: Xid (PCI:{at}{place}): {number},{who} {message}"));
        self.event_last += 1;
        self.events.push_back(EventEntry {
            number: self.event_last,
            kind: CRITICAL_XID,
            data: u64::from(number),
            at_ms: self.told_ms.unwrap_or(self.now_ms),
            gpu: gpu as u32,
            gpu_instance: instance.map_or(NONE32, |(gpu_part, _)| gpu_part),
            compute_instance: instance.map_or(NONE32, |(_, compute_part)| compute_part),
            pad: 0,
        });
        while self.events.len() > crate::page::EVENTS {
            self.events.pop_front();
        }
    }

    /// Changes what has to be done about a GPU, and says so (Xid 154).
    pub(super) fn recovery(&mut self, gpu: usize, action: u32) {
        let before = std::mem::replace(&mut self.gpus[gpu].recovery, action);
        if before == action || !self.driver.says_recovery_actions() {
            return;
        }
        let name = |action: u32| ACTIONS.get(action as usize).copied().unwrap_or("Unknown");
        let message = format!(
            "GPU recovery action changed from 0x{before:x} ({}) to 0x{action:x} ({})",
            name(before),
            name(action)
        );
        self.xid(gpu, 154, None, &message);
    }

    /// What the modules say when they are loaded.
    pub(super) fn say_loaded(&mut self) {
        self.say(WARNING, "nvidia: loading out-of-tree module taints kernel.");
        self.say(INFO, "nvidia-nvlink: Nvlink Core is being initialized, major device number 236");
        for gpu in 0..self.gpus.len() {
            let at = self.gpus[gpu].slot.address();
            self.say(INFO, format!("nvidia {at}: enabling device (0140 -> 0142)"));
        }
        for (at, id) in self.nvswitches() {
            self.say(
                INFO,
                format!(
                    "nvidia-nvswitch: Probing device {at}, Vendor Id = 0x10de, Device Id = 0x{id:x}, Class = 0x68000"
                ),
            );
        }
        let banner = self.driver.banner();
        self.say(ERROR, format!("NVRM: loading {banner}"));
        let mode_setting = banner.replace("Kernel Module", "Kernel Mode Setting Driver");
        self.say(INFO, format!("nvidia-modeset: Loading {mode_setting}"));
        for gpu in 0..self.gpus.len() {
            let Gpu { slot, .. } = &self.gpus[gpu];
            let (id, at) = (slot.bus << 8 | slot.device, slot.address());
            self.say(INFO, format!("[drm] [nvidia-drm] [GPU ID 0x{id:08x}] Loading driver"));
            self.say(INFO, format!("[drm] Initialized nvidia-drm 0.0.0 for {at} on minor {gpu}"));
        }
        let lost: Vec<String> = (self.gpus.iter())
            .filter(|gpu| gpu.condition == Condition::Lost)
            .map(|gpu| gpu.slot.address())
            .collect();
        for at in &lost {
            let id = self.device.pci.device;
            self.say(ERROR, format!("NVRM: The NVIDIA GPU {at}"));
            self.say(ERROR, format!("NVRM: (PCI ID: 10de:{id:04x}) installed in this system has"));
            self.say(ERROR, "NVRM: fallen off the bus and is not responding to commands.");
            self.say(WARNING, format!("nvidia {at}: probe with driver nvidia failed with error -1"));
        }
        if !lost.is_empty() {
            self.say(ERROR, format!("NVRM: The NVIDIA probe routine failed for {} device(s).", lost.len()));
        }
        self.say(INFO, "nvidia-uvm: Loaded the UVM driver, major device number 511.");
    }
}
