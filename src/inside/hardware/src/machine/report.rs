//! The machine as others see it: pages, and the files of the driver in `/proc`.

use bytemuck::Zeroable;

use super::Machine;
use super::body::reason;
use super::contexts::Context;
use super::gpu::{Gpu, MIB, SRAM};
use crate::catalog::Architecture;
use crate::fault::Fault;
use crate::page::{
    COMPUTE_INSTANCES, ComputeInstance, Condition, DriverState, EVENTS, GPU_INSTANCES, GpuInstance, GpuPage,
    LINKS, MAGIC, MEMORY_CLOCKS, MIG_PROFILES, MigProfile, NONE32, NodePage, PROCESSES, ProcessEntry, Shared,
    field,
};

/// NVML's brand "NVIDIA".
const BRAND: u32 = 14;
/// A temperature distance that a board does not have.
const NO_DISTANCE: i32 = i32::MAX;

impl Machine {
    /// What is true of the node as a whole.
    pub fn node_page(&self) -> NodePage {
        let mut page = NodePage {
            magic: MAGIC,
            generation: self.generation,
            cpu_count: self.surroundings.map_or(self.profile.cpu_count(), |guest| guest.processors),
            numa_count: self.surroundings.map_or(self.profile.numa_count(), |guest| guest.numa_nodes),
            event_last: self.event_last,
            updated_ms: self.now_ms,
            driver_state: DriverState::Absent as u32,
            ..NodePage::zeroed()
        };
        if self.loaded {
            page.driver_state = DriverState::Loaded as u32;
            page.gpu_count = self.gpus.len() as u32;
            page.driver_version = field(&self.driver.version);
            page.cuda_version = self.driver.cuda;
        }
        for event in &self.events {
            page.events[event.number as usize % EVENTS] = *event;
        }
        page
    }

    /// A GPU; all zero beyond the last.
    pub fn gpu_page(&self, index: usize) -> GpuPage {
        let mut page = GpuPage::zeroed();
        if let Some(gpu) = self.gpus.get(index) {
            page.magic = MAGIC;
            page.condition = gpu.condition as u32;
            page.index = index as u32;
            page.minor = index as u32;
            self.fill_board(index, &mut page);
            self.fill_memory(index, &mut page);
            self.fill_sensors(index, &mut page);
            self.fill_modes(index, &mut page);
            self.fill_errors(index, &mut page);
            self.fill_links(index, &mut page);
            self.fill_processes(index, &mut page);
            self.fill_mig(index, &mut page);
        }
        page
    }

    /// What outlives a power cycle and is none of the node's doing, as `GPU:flaw`.
    pub fn flaws(&self) -> Vec<String> {
        let of = |gpu: &Gpu| {
            let faults = gpu.inforom.faults.iter().filter_map(|fault| match fault {
                Fault::Overheating => Some("overheating"),
                Fault::PowerBrake => Some("power-brake"),
                Fault::DegradedPcie { .. } => Some("degraded-pcie"),
                Fault::FailsUnderLoad { .. } => Some("fails-under-load"),
                Fault::CorrectedEcc { .. } => Some("corrected-ecc"),
                _ => None,
            });
            let rows = gpu.inforom.remap_failed.then_some("remap-failure");
            faults.chain(rows).map(|flaw| format!("{}:{flaw}", gpu.index)).collect::<Vec<_>>()
        };
        self.gpus.iter().flat_map(of).collect()
    }

    /// Seconds of work at full load since the node came up, of each GPU.
    pub fn worked_s(&self) -> Vec<u64> {
        self.gpus.iter().map(|gpu| gpu.worked_s as u64).collect()
    }

    /// Writes every page where clients read them; of a GPU that the driver has not taken, an empty one.
    pub fn publish(&self, node: &Shared, gpus: &[Shared]) {
        for ((index, gpu), shared) in self.gpus.iter().enumerate().zip(gpus) {
            shared.write(&if gpu.taken { self.gpu_page(index) } else { GpuPage::zeroed() });
        }
        node.write(&self.node_page());
    }

    /// `/proc/driver/nvidia/version`.
    pub fn proc_version(&self) -> String {
        format!(
            "NVRM version: {}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) \n",
            self.driver.banner()
        )
    }

    /// `/proc/driver/nvidia/gpus/<address>/information`; empty beyond the last.
    pub fn gpu_information(&self, index: usize) -> String {
        let Some(gpu) = self.gpus.get(index) else { return String::new() };
        let vbios = match gpu.condition {
            Condition::Lost => "??.??.??.??.??",
            _ => &gpu.device.board.vbios,
        };
        format!(
            "Model: \t\t {}\nIRQ:   \t\t {}\nGPU UUID: \t {}\nVideo BIOS: \t {vbios}\nBus Type: \t PCIe\n\
             DMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\nBus Location: \t {}\nDevice Minor: \t {index}\n\
             GPU Firmware: \t {}\nGPU Excluded:\t No\n",
            gpu.device.name,
            gpu.identity.irq,
            gpu.identity.uuid,
            gpu.slot.address(),
            self.driver.version,
        )
    }

    /// Where a GPU is on the PCI bus: `0000:53:00.0`.
    pub fn pci_address(&self, index: usize) -> Option<String> {
        self.gpus.get(index).map(|gpu| gpu.slot.address())
    }

    /// NVSwitches that the node's PCI bus has: address and device id.
    pub fn nvswitches(&self) -> Vec<(String, u32)> {
        let visible = self.profile.nvswitch.as_ref().filter(|switch| switch.visible);
        visible
            .map(|switch| {
                switch.buses.iter().map(|bus| (format!("0000:{bus:02x}:00.0"), switch.id)).collect()
            })
            .unwrap_or_default()
    }

    fn fill_board(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        let (device, slot) = (gpu.device, gpu.slot);
        let board = &device.board;
        page.architecture = device.architecture as u32;
        page.brand = BRAND;
        page.compute_capability = device.compute_capability;
        page.name = field(&device.name);
        page.uuid = field(&gpu.identity.uuid);
        page.serial = field(&gpu.identity.serial);
        page.board_part_number = field(&board.board_part);
        page.gpu_part_number = field(&board.gpu_part);
        page.vbios = field(&board.vbios);
        page.inforom_image = field(&board.inforom_image);
        page.inforom_oem = field(&board.inforom_oem);
        page.inforom_ecc = field(&board.inforom_ecc);
        page.board_id = slot.bus << 8 | slot.device;
        page.module_id = slot.module.unwrap_or(NONE32);
        page.irq = gpu.identity.irq;
        page.gsp_firmware_mode = 1;
        page.addressing_mode = u32::from(board.hmm);

        page.pci_bus = slot.bus;
        page.pci_device = slot.device;
        page.pci_id = device.pci.device << 16 | 0x10de;
        page.pci_subsystem = device.pci.subsystem << 16 | 0x10de;
        (page.numa_node, page.cpu_affinity) = match self.surroundings {
            None => (slot.numa, self.profile.affinity(slot.numa)),
            Some(guest) => {
                let node = guest.numa_node(self.profile, index);
                (node.unwrap_or(NONE32), guest.affinity(node))
            }
        };
        page.pci_host_bridge = slot.host_bridge;
        page.pci_switch = slot.switch.unwrap_or(NONE32);
        page.pcie_gen = gpu.pcie_gen();
        page.pcie_width = gpu.pcie_width();
        page.pcie_gen_max = device.pci.r#gen;
        page.pcie_width_max = device.pci.width;
        page.pcie_gen_device_max = device.pci.r#gen;
        page.pcie_replays = gpu.body.replays as u64;
        // What the driver itself moves is a few hundred KiB per second.
        let chatter = 300 + gpu.identity.number("chatter", 0) % 300;
        page.pcie_tx_kib_s = chatter + gpu.body.pcie_kib_s as u64;
        page.pcie_rx_kib_s = chatter + (gpu.body.pcie_kib_s * 0.8) as u64;
        page.sm_count = device.cores.sms;
        page.core_count = device.cores.cores;
    }

    fn fill_memory(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        page.memory_total = gpu.memory_total();
        page.memory_reserved = gpu.memory_reserved();
        let instances: u64 = gpu.gpu_parts.iter().map(super::mig::GpuPart::overhead).sum();
        page.memory_used = gpu.leaked + instances + self.bytes_taken(index, None);
        page.bar1_total = gpu.device.memory.bar1_mib * MIB;
        let mut bar1_used = MIB;
        if gpu.mig_on && gpu.device.architecture >= Architecture::Hopper {
            // All memory is mapped, and instances share what the window has beyond it.
            bar1_used += gpu.memory_total() - gpu.memory_reserved();
        }
        bar1_used += 2 * MIB * self.living(index).count() as u64;
        page.bar1_used = bar1_used.min(page.bar1_total);
        page.memory_bus_width = gpu.device.memory.bus_width;
    }

    fn fill_sensors(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        let (device, body) = (gpu.device, &gpu.body);
        let percent = |share: f64| (share * 100.0).round() as u32;
        let load = self.load_of(index);
        // With MIG there is no one utilisation to tell.
        let [busy, memory, none] = match gpu.mig_on {
            true => [NONE32; 3],
            false => [percent(load.sm), percent(load.memory), 0],
        };
        page.utilization_gpu = busy;
        page.utilization_memory = memory;
        for engine in [
            &mut page.utilization_encoder,
            &mut page.utilization_decoder,
            &mut page.utilization_jpeg,
            &mut page.utilization_ofa,
        ] {
            *engine = none;
        }

        let thermal = &device.thermal;
        page.temperature = body.celsius.round().max(0.0) as u32;
        page.temperature_memory =
            device.memory.sensor_offset_k.map_or(NONE32, |offset| page.temperature + offset);
        page.threshold_shutdown = thermal.shutdown;
        page.threshold_slowdown = thermal.slowdown;
        page.threshold_gpu_max = thermal.gpu_max;
        page.threshold_memory = thermal.memory_max.unwrap_or(NONE32);
        let tlimit = thermal.tlimit.as_ref();
        page.temperature_margin =
            tlimit.map_or(NO_DISTANCE, |_| thermal.gpu_max as i32 - page.temperature as i32);
        page.tlimit_shutdown = tlimit.map_or(NO_DISTANCE, |tlimit| tlimit.shutdown);
        page.tlimit_slowdown = tlimit.map_or(NO_DISTANCE, |tlimit| tlimit.slowdown);
        page.tlimit_gpu_max = tlimit.map_or(NO_DISTANCE, |tlimit| tlimit.gpu_max);
        page.tlimit_memory = tlimit.and_then(|tlimit| tlimit.memory).unwrap_or(NO_DISTANCE);
        page.fan_count = NONE32;
        page.fan_percent = NONE32;
        page.fan_rpm = NONE32;

        page.power_draw = (body.watts_average * 1000.0) as u32;
        page.power_draw_instant = (body.watts * 1000.0) as u32;
        page.power_limit = gpu.settings.power_limit;
        page.power_limit_enforced = gpu.settings.power_limit;
        page.power_limit_default = gpu.power_limit_default();
        page.power_limit_min = device.power.min * 1000;
        page.power_limit_max = device.power.max * 1000;
        page.power_memory = body.memory_watts(device).map_or(NONE32, |watts| (watts * 1000.0) as u32);
        // A100 and T4 tell the power of the instant alone.
        page.power_averages = u32::from(device.architecture >= Architecture::Ada);
        page.energy = body.energy as u64;
        page.performance_state = if body.asleep { 8 } else { 0 };

        let clocks = &device.clocks;
        let highest = clocks.memory.first().copied().unwrap_or(0);
        page.clock = [body.graphics, body.graphics, body.memory, body.video];
        page.clock_max = [clocks.graphics_max, clocks.graphics_max, highest, clocks.video_max];
        page.clock_app_default = [clocks.application, clocks.application, highest, clocks.video_max];
        page.clock_app = page.clock_app_default;
        if let Some((memory, graphics)) = gpu.settings.application {
            page.clock_app = [graphics, graphics, memory, clocks.video_max];
        }
        (page.clock_locked_min, page.clock_locked_max) = gpu.settings.locked.unwrap_or((NONE32, NONE32));
        page.graphics_clock_max = clocks.graphics_max;
        page.graphics_clock_min = clocks.graphics_min;
        page.graphics_clock_step_tenths = clocks.graphics_step_tenths;
        for (to, from) in page.memory_clocks.iter_mut().zip(clocks.memory.iter().take(MEMORY_CLOCKS)) {
            *to = *from;
        }
        page.clock_reasons = body.reasons;
        page.clock_reasons_supported = reason::SUPPORTED;
        page.violation = body.violation.map(|nanoseconds| nanoseconds as u64);
    }

    fn fill_modes(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        page.persistence = u32::from(self.is_persistent(gpu));
        page.compute_mode = gpu.settings.compute_mode;
        page.ecc_current = u32::from(gpu.ecc_on);
        page.ecc_pending = u32::from(gpu.inforom.ecc);
        page.ecc_default = 1;
        let able = !gpu.device.mig.is_empty();
        page.mig_current = if able { u32::from(gpu.mig_on) } else { NONE32 };
        page.mig_pending = if able { u32::from(gpu.inforom.mig) } else { NONE32 };
        page.accounting = u32::from(gpu.settings.accounting);
        // What boards without an output say too, under branches of ours.
        page.display_mode = 1;
    }

    fn fill_errors(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        let inforom = &gpu.inforom;
        page.ecc_volatile = [gpu.volatile.corrected, gpu.volatile.uncorrected];
        page.ecc_sram_secded = [&gpu.volatile, &gpu.inforom.aggregate].map(|errors| errors.uncorrected[SRAM]);
        page.ecc_aggregate = [inforom.aggregate.corrected, inforom.aggregate.uncorrected];
        page.recovery_action = gpu.recovery;
        if let Some(banks) = gpu.device.memory.remap_banks {
            page.remaps_rows = 1;
            page.remapped_corrected = inforom.remapped_corrected;
            page.remapped_uncorrected = inforom.remapped_uncorrected;
            page.remap_pending = u32::from(inforom.remap_pending);
            page.remap_failed = u32::from(inforom.remap_failed);
            // Every remapped row in a bank of its own, but for the bank that has none left.
            let none = u32::from(inforom.remap_failed);
            let rows = inforom.remapped_corrected + inforom.remapped_uncorrected;
            let high = rows.saturating_sub(none * super::faults::ROWS_OF_A_BANK).min(banks - none);
            page.remap_histogram = [banks - high - none, high, 0, 0, none];
        } else {
            page.retired_sbe = inforom.retired_single;
            page.retired_dbe = inforom.retired_double;
            page.retired_pending = u32::from(inforom.retired_pending);
        }
    }

    fn fill_links(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        let Some(nvlink) = &gpu.device.nvlink else {
            (page.link_version, page.link_speed) = (NONE32, NONE32);
            return;
        };
        page.link_count = nvlink.links;
        page.link_version = nvlink.version;
        page.link_speed = nvlink.speed_mb_s;
        for number in 0..gpu.links.len().min(LINKS) {
            page.links[number] = self.link_entry(index, number);
        }
        // Ampere's fabric is not registered with the GPU.
        if self.profile.nvswitch.is_some() && gpu.device.architecture >= Architecture::Hopper {
            page.fabric_state = if self.fabric_is_ready() { 3 } else { 2 };
            page.fabric_health = self.fabric_health(index);
        }
    }

    fn fill_processes(&self, index: usize, page: &mut GpuPage) {
        let mut count = 0;
        for (_, context) in self.living(index) {
            let Context { pid, gpu_part, compute_part, kind, bytes, since_ms, .. } = *context;
            let known = page.processes[..count].iter().position(|entry| {
                (entry.pid, entry.gpu_instance, entry.compute_instance) == (pid, gpu_part, compute_part)
            });
            let place = match known {
                Some(place) => place,
                None if count == PROCESSES => continue,
                None => {
                    page.processes[count] = ProcessEntry {
                        pid,
                        gpu_instance: gpu_part,
                        compute_instance: compute_part,
                        since_ms,
                        ..ProcessEntry::zeroed()
                    };
                    count += 1;
                    count - 1
                }
            };
            let entry = &mut page.processes[place];
            entry.kind |= kind;
            entry.memory += bytes;
            entry.sm = (entry.sm + (self.share_of(context) * 100.0).round() as u32).min(100);
            entry.memory_utilization =
                (entry.memory_utilization + (context.memory * 100.0).round() as u32).min(100);
        }
        page.process_count = count as u32;
    }

    fn fill_mig(&self, index: usize, page: &mut GpuPage) {
        let gpu = &self.gpus[index];
        for (entry, cut) in page.mig_profiles.iter_mut().zip(gpu.device.mig.iter().take(MIG_PROFILES)) {
            *entry = MigProfile {
                id: cut.id,
                nvml_index: cut.nvml_index,
                slices: cut.slices,
                instances: cut.instances,
                memory_mib: cut.memory_mib,
                sm: cut.sm,
                decoders: cut.decoders,
                encoders: 0,
                copy_engines: cut.copy_engines,
                jpegs: cut.jpegs,
                ofas: cut.ofas,
                peer_to_peer: 0,
                size: cut.size,
                starts: cut.starts.iter().fold(0, |mask, start| mask | 1 << start),
                name: field(&cut.name),
            };
        }
        page.mig_profile_count = gpu.device.mig.len().min(MIG_PROFILES) as u32;
        for (entry, part) in page.gpu_instances.iter_mut().zip(&gpu.gpu_parts) {
            *entry = GpuInstance {
                id: part.id,
                profile_id: part.cut.id,
                start: part.start,
                size: part.cut.size,
                memory_used: part.overhead() + self.bytes_taken(index, Some(part.id)),
            };
        }
        page.gpu_instance_count = gpu.gpu_parts.len().min(GPU_INSTANCES) as u32;
        for (entry, part) in page.compute_instances.iter_mut().zip(&gpu.compute_parts) {
            *entry = ComputeInstance {
                id: part.id,
                gpu_instance: part.gpu_part,
                slices: part.slices,
                nvml_profile: part.nvml_profile,
                start: part.start,
                sm: part.sm,
                uuid: field(&gpu.identity.mig_uuid(part.gpu_part, part.id)),
            };
        }
        page.compute_instance_count = gpu.compute_parts.len().min(COMPUTE_INSTANCES) as u32;
    }
}
