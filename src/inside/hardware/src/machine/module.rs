//! A machine whose driver is a kernel module of its own: what the module tells of itself, and where it runs.
//!
//! In a container node the machine plays the driver's part too: it says its lines and has every GPU. In a guest a real
//! kernel loads a real module, which says its own lines and takes the GPUs that the kernel gives it.

use super::Machine;
use crate::driver::Driver;
use crate::page::CPU_WORDS;
use crate::profile::NodeProfile;
use crate::spec::SpecError;

/// The guest around a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Processors, the same number in each NUMA node.
    pub processors: u32,
    pub numa_nodes: u32,
}

impl Surroundings {
    /// The NUMA node of a slot; the guest may have fewer than the profile.
    pub fn numa_node(&self, profile: &NodeProfile, slot: usize) -> Option<u32> {
        profile.slots.get(slot).map(|slot| slot.numa).filter(|node| *node < self.numa_nodes)
    }

    /// Processors near a NUMA node, a bit each; all of them where no node is known.
    pub fn affinity(&self, node: Option<u32>) -> [u64; CPU_WORDS] {
        let each = self.processors / self.numa_nodes.max(1);
        let near = node.map_or(0..self.processors, |node| node * each..(node + 1) * each);
        let mut mask = [0; CPU_WORDS];
        for cpu in near.map(|cpu| cpu as usize).take_while(|cpu| *cpu < CPU_WORDS * 64) {
            mask[cpu / 64] |= 1 << (cpu % 64);
        }
        mask
    }
}

impl Machine {
    /// Puts the machine into a guest, in which no driver is loaded yet.
    pub fn in_guest(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = Some(surroundings);
        self.lines.clear();
        for gpu in &mut self.gpus {
            gpu.taken = false;
        }
        self
    }

    /// The module is there, of this version, and has no GPU yet.
    pub fn module_loaded(&mut self, now_ms: u64, version: &str) -> Result<(), SpecError> {
        let driver = Driver::parse(version)?;
        self.module_unloaded(now_ms);
        self.driver = driver;
        self.loaded = true;
        self.touch();
        Ok(())
    }

    /// The module is gone, and with it all that it kept in memory.
    pub fn module_unloaded(&mut self, now_ms: u64) {
        self.advance(now_ms);
        self.forget_driver();
        self.loaded = false;
        for gpu in &mut self.gpus {
            gpu.taken = false;
        }
        self.touch();
    }

    /// The module takes a GPU, which interrupts it by this number (0 if it does not). Refused to a driver that came
    /// before the device.
    pub fn take(&mut self, now_ms: u64, gpu: usize, irq: u32) -> Result<(), SpecError> {
        self.advance(now_ms);
        if let Some(it) = self.gpus.get_mut(gpu).filter(|_| self.loaded) {
            self.driver.drives(it.device)?;
            it.taken = true;
            if irq != 0 {
                it.identity.irq = irq;
            }
            self.touch();
        }
        Ok(())
    }

    /// The module lets go of a GPU, which has no clients left.
    pub fn release(&mut self, now_ms: u64, gpu: usize) {
        self.advance(now_ms);
        if let Some(it) = self.gpus.get_mut(gpu) {
            it.taken = false;
            self.contexts.retain(|_, context| context.gpu != gpu);
            self.persistence_holders.retain(|(_, held)| *held != gpu);
            self.touch();
        }
    }

    /// Whether the driver has this GPU.
    pub fn has_taken(&self, gpu: usize) -> bool {
        self.gpus.get(gpu).is_some_and(|gpu| gpu.taken)
    }

    /// Version of the module that is loaded.
    pub fn module_version(&self) -> Option<&str> {
        self.loaded.then_some(self.driver.version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::HardwareSpec;

    #[test]
    fn a_guests_driver_has_what_it_takes_and_forgets_with_it() {
        let spec = HardwareSpec {
            profile: "pcie-pair-h100".into(),
            driver: "580.105.08".into(),
            gpus: None,
            identity: "test".into(),
            mig: Vec::new(),
        };
        let machine = Machine::without_driver(&spec, None, 1_000).expect("a machine");
        let around = Surroundings { processors: 4, numa_nodes: 1 };
        let mut machine = machine.in_guest(around);
        assert_eq!((machine.node_page().gpu_count, machine.module_version()), (0, None));
        machine.take(1_000, 0, 0).expect("nothing");
        assert!(!machine.has_taken(0), "without a module nobody takes anything");
        machine.module_loaded(2_000, "570.158.01").expect("a known branch");
        machine.take(2_000, 1, 44).expect("it knows this device");
        assert_eq!(machine.gpu_page(1).irq, 44);
        assert_eq!((machine.has_taken(0), machine.has_taken(1)), (false, true));
        assert_eq!(crate::page::text(&machine.node_page().driver_version), "570.158.01");
        assert!(machine.take_kernel_lines().is_empty(), "the module speaks for itself");
        assert_eq!(machine.gpu_page(1).cpu_affinity[0], 0b1111, "the guest's own processors");
        assert!(machine.module_loaded(3_000, "1.2").is_err());
        machine.module_unloaded(4_000);
        assert!(!machine.has_taken(1));
        assert_eq!(around.affinity(Some(0))[0], 0b1111);
        assert_eq!(Surroundings { processors: 8, numa_nodes: 2 }.affinity(Some(1))[0], 0xf0);
    }
}
