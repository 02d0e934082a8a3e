//! The register page: one layout for every kind of node.
//!
//! The hardware publishes one [`NodePage`] and one [`GpuPage`] per GPU; clients
//! only read them. Fields are plain integers of fixed size in fixed places, so
//! that Rust, C and a kernel module see the same; [`c_header`] writes the C side.
//! Text is UTF-8 padded with zero bytes. What a board does not have is [`NONE`]
//! (or `NONE32`), never a zero that could pass for a value.
//!
//! [`Shared`] is how a page lies in memory that two processes map, so that no
//! reader ever sees half of a write. Knows no device and no transport; who maps
//! what is left to the agent and the library.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use bytemuck::{CheckedBitPattern, Pod};

use crate::layout::{self, layout};

/// Version of this layout; a client refuses another.
pub const LAYOUT: u32 = 2;
/// `CCGPU` and the layout's version, the first field of every page.
pub const MAGIC: u64 = u64::from_le_bytes(*b"CCGPU\0\0\x01");
/// A value that this board does not have.
pub const NONE: u64 = u64::MAX;
/// A value that this board does not have, in a field of 32 bits.
pub const NONE32: u32 = u32::MAX;

/// Most GPUs of a node.
pub const GPUS: usize = 16;
/// Most NVLinks of a GPU.
pub const LINKS: usize = 18;
/// Most processes on a GPU.
pub const PROCESSES: usize = 64;
/// Most memory clocks of a GPU.
pub const MEMORY_CLOCKS: usize = 6;
/// Most MIG profiles of a GPU.
pub const MIG_PROFILES: usize = 10;
/// Most GPU instances of a GPU (seven slices), and most compute instances over all of them.
pub const GPU_INSTANCES: usize = 7;
pub const COMPUTE_INSTANCES: usize = 7;
/// Events that the node remembers.
pub const EVENTS: usize = 64;
/// Words of 64 processors in an affinity mask.
pub const CPU_WORDS: usize = 16;

layout! {
    /// Something that clients may wait for.
    struct EventEntry / "ccgpu_event" {
        /// 1 for the first of this boot.
        number: u64,
        /// NVML event type: 8 is a critical Xid.
        kind: u64,
        /// For an Xid its number.
        data: u64,
        /// Milliseconds since the epoch.
        at_ms: u64,
        gpu: u32,
        /// GPU and compute instance, NONE32 without MIG.
        gpu_instance: u32,
        compute_instance: u32,
        pad: u32,
    }

    /// One NVLink.
    struct Link / "ccgpu_link" {
        /// 1 up, 0 down.
        up: u32,
        /// `nvmlIntNvLinkDeviceType_t`: 0 GPU, 2 switch, 255 unknown.
        remote_kind: u32,
        remote_domain: u32,
        remote_bus: u32,
        remote_device: u32,
        remote_pci_id: u32,
        /// Link number at the other end.
        remote_link: u32,
        pad: u32,
        replays: u64,
        recoveries: u64,
        crc_flit: u64,
        crc_data: u64,
        /// KiB of payload.
        tx_kib: u64,
        rx_kib: u64,
    }

    /// A process that has a context on the GPU.
    struct ProcessEntry / "ccgpu_process" {
        /// As the node's own processes see it.
        pid: u32,
        /// Bit 0 compute, bit 1 graphics.
        kind: u32,
        /// Bytes.
        memory: u64,
        gpu_instance: u32,
        compute_instance: u32,
        /// Percent.
        sm: u32,
        memory_utilization: u32,
        /// Milliseconds since the epoch.
        since_ms: u64,
    }

    /// A way to cut a GPU.
    struct MigProfile / "ccgpu_mig_profile" {
        /// As nvidia-smi prints it: 19 is 1g.10gb.
        id: u32,
        /// `NVML_GPU_INSTANCE_PROFILE_*`: 0 is one slice.
        nvml_index: u32,
        /// Compute slices.
        slices: u32,
        /// Most at once.
        instances: u32,
        memory_mib: u32,
        sm: u32,
        decoders: u32,
        encoders: u32,
        copy_engines: u32,
        jpegs: u32,
        ofas: u32,
        peer_to_peer: u32,
        /// Memory slices that one takes.
        size: u32,
        /// Where one may begin, a bit per memory slice.
        starts: u32,
        /// `1g.10gb`, `1g.10gb+me`.
        name: [u8; 24],
    }

    /// A piece of a GPU.
    struct GpuInstance / "ccgpu_gpu_instance" {
        id: u32,
        profile_id: u32,
        start: u32,
        size: u32,
        memory_used: u64,
    }

    /// What programs run on in such a piece: a MIG device.
    struct ComputeInstance / "ccgpu_compute_instance" {
        id: u32,
        gpu_instance: u32,
        /// Compute slices it has; the whole of its GPU instance or fewer.
        slices: u32,
        /// `NVML_COMPUTE_INSTANCE_PROFILE_*`.
        nvml_profile: u32,
        /// First slice within its GPU instance.
        start: u32,
        sm: u32,
        /// `MIG-` and 36 characters.
        uuid: [u8; 48],
    }

    /// What is true of the node as a whole.
    struct NodePage / "ccgpu_node" {
        /// [`MAGIC`].
        magic: u64,
        /// Bumped at every power cycle of the node, so that handles of before are known to be stale.
        generation: u64,
        /// GPUs that the driver has taken, the lost ones included.
        gpu_count: u32,
        /// [`DriverState`].
        driver_state: u32,
        /// Version of the kernel's side of the driver: `570.158.01`.
        driver_version: [u8; 32],
        /// Highest CUDA version of that driver: major * 1000 + minor * 10.
        cuda_version: u32,
        /// NVML's `nvmlSystemGetConfComputeState`: always 0, off.
        confidential_compute: u32,
        /// Processors that the node has.
        cpu_count: u32,
        /// NUMA nodes that the node has.
        numa_count: u32,
        /// Number of the newest event; 0 when there was none.
        event_last: u64,
        /// The newest events; that of number n stands at n % EVENTS.
        events: [EventEntry; EVENTS],
        /// NVML's pretended clock: milliseconds since the epoch at the last publication.
        updated_ms: u64,
    }

    /// One GPU. Numbers are NVML's own units where a comment names none.
    struct GpuPage / "ccgpu_gpu" {
        /// [`MAGIC`].
        magic: u64,
        /// [`Condition`].
        condition: u32,
        /// Index in NVML's order, which is that of bus ids.
        index: u32,
        /// Minor number of `/dev/nvidia<minor>`.
        minor: u32,
        /// NVML's `nvmlDeviceArchitecture_t`: 6 Turing, 7 Ampere, 8 Ada, 9 Hopper, 10 Blackwell.
        architecture: u32,
        /// `nvmlBrandType_t`.
        brand: u32,
        /// Compute capability: major * 10 + minor.
        compute_capability: u32,

        // --- Who it is ---
        name: [u8; 96],
        /// `GPU-` and 36 characters.
        uuid: [u8; 48],
        serial: [u8; 32],
        board_part_number: [u8; 32],
        gpu_part_number: [u8; 32],
        vbios: [u8; 32],
        inforom_image: [u8; 32],
        inforom_oem: [u8; 16],
        inforom_ecc: [u8; 16],
        /// Empty where there is none.
        inforom_power: [u8; 16],
        board_id: u32,
        /// Place on the baseboard, NONE32 on a card.
        module_id: u32,
        multi_gpu_board: u32,
        irq: u32,
        gsp_firmware_mode: u32,
        /// `nvmlAddressingMode`: 0 none, 1 HMM, 2 ATS.
        addressing_mode: u32,

        // --- PCI ---
        pci_domain: u32,
        pci_bus: u32,
        pci_device: u32,
        /// Device id in the upper, vendor id in the lower half, as NVML has it.
        pci_id: u32,
        pci_subsystem: u32,
        /// NONE32 where the machine does not say.
        numa_node: u32,
        /// Which host bridge and which switch below it; equal numbers mean the same one.
        pci_host_bridge: u32,
        pci_switch: u32,
        pcie_gen: u32,
        pcie_width: u32,
        /// Of board and slot together.
        pcie_gen_max: u32,
        pcie_width_max: u32,
        pcie_gen_device_max: u32,
        pad_pci: u32,
        pcie_replays: u64,
        pcie_replay_rollovers: u64,
        /// KiB per second.
        pcie_tx_kib_s: u64,
        pcie_rx_kib_s: u64,
        /// Processors near this GPU, a bit each.
        cpu_affinity: [u64; CPU_WORDS],

        // --- Memory, bytes ---
        memory_total: u64,
        memory_reserved: u64,
        memory_used: u64,
        bar1_total: u64,
        bar1_used: u64,
        memory_bus_width: u32,
        sm_count: u32,
        core_count: u32,

        // --- Load, percent ---
        utilization_gpu: u32,
        utilization_memory: u32,
        utilization_encoder: u32,
        utilization_decoder: u32,
        utilization_jpeg: u32,
        utilization_ofa: u32,

        // --- Heat, power ---
        /// Degrees Celsius.
        temperature: u32,
        /// Degrees Celsius; NONE32 without such a sensor.
        temperature_memory: u32,
        /// Kelvins to the slowdown temperature, as a signed number; NONE32 as i32::MAX where the board has none.
        temperature_margin: i32,
        /// Absolute thresholds in degrees Celsius, NONE32 where the board has none.
        threshold_shutdown: u32,
        threshold_slowdown: u32,
        threshold_memory: u32,
        threshold_gpu_max: u32,
        /// T.Limit thresholds (i32::MAX where the board has none).
        tlimit_shutdown: i32,
        tlimit_slowdown: i32,
        tlimit_memory: i32,
        tlimit_gpu_max: i32,
        /// NONE32 without a fan.
        fan_count: u32,
        fan_percent: u32,
        fan_rpm: u32,
        /// Milliwatts.
        power_draw: u32,
        power_draw_instant: u32,
        power_limit: u32,
        power_limit_enforced: u32,
        power_limit_default: u32,
        power_limit_min: u32,
        power_limit_max: u32,
        /// What of it the memory draws, on average; NONE32 on boards that do not say.
        power_memory: u32,
        /// 1 where the board averages its power for those who ask for the average.
        power_averages: u32,
        /// Millijoules since the driver was loaded.
        energy: u64,
        performance_state: u32,

        // --- Clocks, MHz; in NVML's order graphics, SM, memory, video ---
        clock: [u32; 4],
        clock_max: [u32; 4],
        clock_app: [u32; 4],
        clock_app_default: [u32; 4],
        /// Locked graphics clocks: least and most; NONE32 when free.
        clock_locked_min: u32,
        clock_locked_max: u32,
        /// Graphics clocks on offer: from the highest down to the lowest by this step.
        graphics_clock_max: u32,
        graphics_clock_min: u32,
        /// In 1/10 MHz: steps of 7.5 MHz exist.
        graphics_clock_step_tenths: u32,
        /// Highest first, 0 behind the last.
        memory_clocks: [u32; MEMORY_CLOCKS],
        /// NVML's `nvmlClocksEventReason*` bits.
        clock_reasons: u64,
        clock_reasons_supported: u64,
        /// Nanoseconds under: power cap, thermal (software), sync boost, board limit, low utilisation,
        /// reliability, then hardware thermal and hardware power brake.
        violation: [u64; 8],

        // --- Modes ---
        persistence: u32,
        /// `nvmlComputeMode_t`.
        compute_mode: u32,
        ecc_current: u32,
        ecc_pending: u32,
        ecc_default: u32,
        /// 0 off, 1 on, NONE32 not able.
        mig_current: u32,
        mig_pending: u32,
        accounting: u32,
        display_active: u32,
        display_mode: u32,

        // --- Memory errors: [corrected, uncorrected] by place L1, L2, device memory, register file, texture, shared, CBU, SRAM ---
        ecc_volatile: [[u64; 8]; 2],
        ecc_aggregate: [[u64; 8]; 2],
        /// Parity and SEC-DED within the uncorrected ones of SRAM, volatile then aggregate.
        ecc_sram_parity: [u64; 2],
        ecc_sram_secded: [u64; 2],
        ecc_sram_threshold_exceeded: u32,
        /// 1 where rows are remapped (Ampere and later), 0 where pages are retired.
        remaps_rows: u32,
        remapped_corrected: u32,
        remapped_uncorrected: u32,
        remap_pending: u32,
        remap_failed: u32,
        /// Banks with so many spare rows left: all, high, partial, low, none.
        remap_histogram: [u32; 5],
        retired_sbe: u32,
        retired_dbe: u32,
        retired_pending: u32,
        /// NVML's recovery action: 0 none, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset.
        recovery_action: u32,

        // --- NVLink and fabric ---
        link_count: u32,
        /// NVML's enum, not the number: 4 is 3.0, 6 is 4.0, 7 is 5.0.
        link_version: u32,
        /// MB/s of one link in one direction.
        link_speed: u32,
        /// `nvmlGpuFabricState_t`: 0 not supported, 1 not started, 2 in progress, 3 completed.
        fabric_state: u32,
        /// NVML status of the fabric's initialisation.
        fabric_status: u32,
        fabric_clique: u32,
        /// `nvmlGpuFabricInfo` health mask.
        fabric_health: u32,
        fabric_cluster: [u8; 16],
        links: [Link; LINKS],

        // --- Who works on it ---
        process_count: u32,
        pad_processes: u32,
        processes: [ProcessEntry; PROCESSES],

        // --- MIG ---
        mig_profile_count: u32,
        gpu_instance_count: u32,
        compute_instance_count: u32,
        pad_mig: u32,
        mig_profiles: [MigProfile; MIG_PROFILES],
        gpu_instances: [GpuInstance; GPU_INSTANCES],
        compute_instances: [ComputeInstance; COMPUTE_INSTANCES],
    }
}

/// Whether the kernel's side of the driver is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DriverState {
    /// Every client gets "driver not loaded" (9).
    Absent = 0,
    Loaded = 1,
}

/// How a GPU answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, CheckedBitPattern)]
#[repr(u32)]
pub enum Condition {
    /// As it should.
    Answers = 0,
    /// Off the bus: every call about it is "GPU is lost" (15).
    Lost = 1,
    /// Its firmware has hung: what the driver has in memory (name, UUID, bus, memory sizes) is
    /// answered, the rest is "unknown error" (999).
    Hung = 2,
    /// A reset is due before anything new may run: getters answer, new work is refused.
    NeedsReset = 3,
}

impl Condition {
    /// From a page; what nobody wrote counts as lost.
    pub fn from_raw(raw: u32) -> Self {
        bytemuck::checked::try_cast(raw).unwrap_or(Self::Lost)
    }
}

/// A page in memory that several processes map: a count of writes, then two copies of the page.
///
/// The count's lowest bit says which copy is the current one; a write fills the other and then
/// counts. A writer that stops half-way, for a moment or for good, leaves the current copy alone.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a>(&'a [AtomicU64]);

impl<'a> Shared<'a> {
    /// Bytes that a page of this type takes in shared memory.
    pub const fn bytes<P: Pod>() -> usize {
        8 + 2 * size_of::<P>()
    }

    /// A page over these words; `None` when they are too few for it.
    pub fn over<P: Pod>(words: &'a [AtomicU64]) -> Option<Self> {
        const { assert!(size_of::<P>().is_multiple_of(8), "pages are whole words") }
        words.get(..Self::bytes::<P>() / 8).map(Self)
    }

    /// The page as one write left it; all zero when nothing was ever written.
    pub fn read<P: Pod>(&self) -> P {
        let mut page = P::zeroed();
        loop {
            let before = self.0[0].load(Ordering::Acquire);
            for (bytes, word) in bytemuck::bytes_of_mut(&mut page).chunks_exact_mut(8).zip(self.copy(before))
            {
                bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
            }
            // Pairs with the fence in `write`: whoever has seen a word of a later write sees its count.
            fence(Ordering::Acquire);
            if self.0[0].load(Ordering::Relaxed) == before {
                return page;
            }
        }
    }

    /// Replaces the page. There must be one writer only.
    pub fn write<P: Pod>(&self, page: &P) {
        let before = self.0[0].load(Ordering::Relaxed);
        fence(Ordering::Release);
        for (bytes, word) in bytemuck::bytes_of(page).chunks_exact(8).zip(self.copy(before.wrapping_add(1))) {
            word.store(u64::from_ne_bytes(bytes.try_into().expect("chunks of eight")), Ordering::Relaxed);
        }
        self.0[0].store(before.wrapping_add(1), Ordering::Release);
    }

    /// The copy that is current when the count is this.
    fn copy(&self, count: u64) -> &'a [AtomicU64] {
        let (first, second) = self.0[1..].split_at((self.0.len() - 1) / 2);
        if count.is_multiple_of(2) { first } else { second }
    }
}

/// Where the pages lie in the one file that clients map: the node's first, then one per GPU, each at a
/// multiple of 4096 bytes.
pub const fn node_offset() -> usize {
    0
}

/// Offset of a GPU's page in that file.
pub const fn gpu_offset(index: usize) -> usize {
    whole_pages(Shared::bytes::<NodePage>()) + index * whole_pages(Shared::bytes::<GpuPage>())
}

/// Bytes of that file for a node with so many GPUs.
pub const fn file_bytes(gpus: usize) -> usize {
    gpu_offset(gpus)
}

const fn whole_pages(bytes: usize) -> usize {
    bytes.div_ceil(4096) * 4096
}

/// Text in a padded field, up to the first zero byte.
pub fn text(field: &[u8]) -> &str {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).unwrap_or_default()
}

/// Text as a padded field holds it; what does not fit is cut.
pub fn field<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let mut end = text.len().min(N - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

/// The layout for C, as one header.
pub fn c_header() -> String {
    let numbers = [("CCGPU_LAYOUT", LAYOUT.to_string()), ("CCGPU_MAGIC", format!("0x{MAGIC:016x}ULL"))];
    layout::c_header("page", "CCGPU_PAGE_H", &numbers, STRUCTURES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn no_field_is_padded_in_and_pages_are_whole_words() {
        layout::tests::is_tight(STRUCTURES);
    }

    #[test]
    fn what_is_written_is_read_whatever_becomes_of_the_next_write() {
        let words: Vec<AtomicU64> = (0..Shared::bytes::<NodePage>() / 8).map(|_| AtomicU64::new(0)).collect();
        let shared = Shared::over::<NodePage>(&words).expect("enough words");
        let page = NodePage {
            magic: MAGIC,
            gpu_count: 8,
            driver_version: field("570.158.01"),
            ..NodePage::zeroed()
        };
        shared.write(&page);
        assert_eq!(shared.read::<NodePage>(), page);
        // A writer that died in the middle of the next one.
        words[1].store(0, Ordering::Relaxed);
        assert_eq!(shared.read::<NodePage>(), page);
        assert!(Shared::over::<NodePage>(&words[1..]).is_none());
    }

    #[test]
    fn no_reader_sees_half_of_a_write() {
        let words: Vec<AtomicU64> = (0..Shared::bytes::<NodePage>() / 8).map(|_| AtomicU64::new(0)).collect();
        let shared = Shared::over::<NodePage>(&words).expect("enough words");
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for n in 0..3_000u64 {
                    shared.write(&NodePage { generation: n, updated_ms: n, ..NodePage::zeroed() });
                }
            });
            let mut seen = 0;
            while !writer.is_finished() {
                let page: NodePage = shared.read();
                assert_eq!(page.generation, page.updated_ms);
                assert!(page.generation >= seen, "time went backwards");
                seen = page.generation;
            }
        });
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(text(&field::<8>("H100")), "H100");
        assert_eq!(text(&field::<4>("aéé")), "aé");
    }
}
