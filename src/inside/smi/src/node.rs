//! What a node's driver says of itself and of each GPU, as plain data.
//!
//! Every value is a [`Reading`]: what NVML answered, or the status with which it refused. Values keep
//! NVML's own numbers and units, as each field says; `words` turns them into text. Knows neither NVML
//! (that is `gather`) nor any output.

use std::fmt;

/// What one call gave.
pub type Reading<T> = Result<T, Code>;

/// A status of NVML, `nvmlReturn_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub u32);

impl Code {
    pub const INVALID_ARGUMENT: Code = Code(2);
    pub const NOT_SUPPORTED: Code = Code(3);
    pub const NO_PERMISSION: Code = Code(4);
    pub const NOT_FOUND: Code = Code(6);
    pub const INSUFFICIENT_SIZE: Code = Code(7);
    pub const DRIVER_NOT_LOADED: Code = Code(9);
    pub const LIBRARY_NOT_FOUND: Code = Code(12);
    pub const FUNCTION_NOT_FOUND: Code = Code(13);
    pub const GPU_IS_LOST: Code = Code(15);
    pub const RESET_REQUIRED: Code = Code(16);
    pub const VERSION_MISMATCH: Code = Code(18);
    pub const IN_USE: Code = Code(19);
    pub const NO_DATA: Code = Code(21);
    pub const DEPRECATED: Code = Code(26);
    pub const UNKNOWN: Code = Code(999);

    /// As NVML's `nvmlErrorString` has it.
    pub fn text(self) -> &'static str {
        match self.0 {
            0 => "Success",
            1 => "Uninitialized",
            2 => "Invalid Argument",
            3 => "Not Supported",
            4 => "Insufficient Permissions",
            5 => "Already Initialized",
            6 => "Not Found",
            7 => "Insufficient Size",
            8 => "Insufficient External Power",
            9 => "Driver Not Loaded",
            10 => "Timeout",
            11 => "Interrupt Request Issue",
            12 => "NVML Shared Library Not Found",
            13 => "Function Not Found",
            14 => "Corrupted infoROM",
            15 => "GPU is lost",
            16 => "GPU requires reset",
            17 => "GPU access blocked by the operating system",
            18 => "Driver/library version mismatch",
            19 => "In use by another client",
            20 => "Insufficient Memory",
            21 => "No data",
            23 => "Insufficient Resources",
            25 => "Argument version mismatch",
            26 => "Requested functionality has been deprecated",
            27 => "The system is not ready for the request",
            28 => "No GPUs were found",
            29 => "Invalid state",
            _ => "Unknown Error",
        }
    }

    /// Whether the board (or the library) simply does not have what was asked for.
    pub fn is_absence(self) -> bool {
        matches!(self, Code::NOT_SUPPORTED | Code::FUNCTION_NOT_FOUND | Code::NO_DATA)
    }

    /// How the program ends after this: the low byte, as the shell sees it; 255 for unknown errors.
    pub fn exit(self) -> u8 {
        if self == Code::UNKNOWN { 255 } else { u8::try_from(self.0).unwrap_or(255) }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

/// Structures of which each field is a reading of its own.
macro_rules! readings {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[$field_meta])* pub $field: Reading<$kind>,)* }
        impl $name {
            /// Every field refused alike.
            pub fn unread(code: Code) -> Self {
                Self { $($field: Err(code),)* }
            }
        }
    )* };
}

readings! {
    /// What the driver says of itself.
    struct System {
        /// `580.105.08`.
        driver_version: String,
        /// `13.580.105.08`.
        nvml_version: String,
        /// Major and minor.
        cuda_version: (u32, u32),
    }

    /// What the board says. Bytes, milliwatts, degrees Celsius and MHz where nothing else is said.
    struct Board {
        name: String,
        /// `nvmlBrandType_t`.
        brand: u32,
        /// `nvmlDeviceArchitecture_t`.
        architecture: u32,
        /// Major and minor.
        compute_capability: (u32, u32),
        serial: String,
        uuid: String,
        pdi: u64,
        minor: u32,
        vbios: String,
        multi_gpu_board: bool,
        board_id: u32,
        board_part_number: String,
        gpu_part_number: String,
        module_id: u32,
        inforom_image: String,
        inforom_oem: String,
        inforom_ecc: String,
        inforom_power: String,
        /// Whether the checksum holds.
        inforom_valid: bool,
        /// Microseconds since the epoch, and microseconds that it took.
        blackbox_flush: (u64, u64),
        platform: Platform,
        pci: Pci,
        display_mode: bool,
        display_active: bool,
        persistence: bool,
        /// `nvmlDeviceAddressingModeType_t`.
        addressing_mode: u32,
        /// Current and pending.
        mig: (bool, bool),
        accounting: bool,
        accounting_buffer: u32,
        gpu_operation_mode: (u32, u32),
        c2c: bool,
        /// `nvmlGpuVirtualizationMode_t`.
        virtualization: u32,
        /// `nvmlDeviceGpuRecoveryAction_t`.
        recovery_action: u32,
        reset_required: bool,
        drain_and_reset: bool,
        gsp_version: String,
        /// Enabled now, enabled by default.
        gsp_mode: (bool, bool),
        pcie_gen: u32,
        pcie_gen_max: u32,
        pcie_gen_device_max: u32,
        pcie_width: u32,
        pcie_width_max: u32,
        pcie_replays: u32,
        pcie_replay_rollovers: u64,
        /// KB/s.
        pcie_tx: u32,
        pcie_rx: u32,
        /// Percent.
        fan: u32,
        performance_state: u32,
        /// `nvmlClocksEventReason*` bits.
        reasons: u64,
        reasons_supported: u64,
        /// Microseconds.
        reason_power_cap: u64,
        reason_sync_boost: u64,
        reason_software_thermal: u64,
        reason_hardware_thermal: u64,
        reason_power_brake: u64,
        memory: Memory,
        bar1: Memory,
        protected_memory: Memory,
        /// `nvmlComputeMode_t`.
        compute_mode: u32,
        /// Percent.
        utilization_gpu: u32,
        utilization_memory: u32,
        utilization_encoder: u32,
        utilization_decoder: u32,
        utilization_jpeg: u32,
        utilization_ofa: u32,
        encoder_stats: Sessions,
        fbc_stats: Sessions,
        dram_encryption: (bool, bool),
        ecc: (bool, bool),
        /// Uncorrected errors since the driver was loaded, for the summary.
        ecc_uncorrected_total: u64,
        sram: Sram,
        retired_pages_single_bit: Vec<RetiredPage>,
        retired_pages_double_bit: Vec<RetiredPage>,
        retired_pending: bool,
        remapped: Remapped,
        remap_histogram: [u32; 5],
        /// Channel, TPC.
        repair_pending: (bool, bool),
        temperature: u32,
        temperature_margin: i32,
        temperature_memory: u32,
        threshold_shutdown: u32,
        threshold_slowdown: u32,
        threshold_gpu_max: u32,
        threshold_memory: u32,
        tlimit_shutdown: i32,
        tlimit_slowdown: i32,
        tlimit_gpu_max: i32,
        tlimit_memory: i32,
        target_temperature: u32,
        target_temperature_min: u32,
        target_temperature_max: u32,
        power_management: bool,
        power_draw: u32,
        power_average: u32,
        power_instant: u32,
        power_memory_average: u32,
        power_limit: u32,
        power_limit_enforced: u32,
        power_limit_default: u32,
        power_limit_min: u32,
        power_limit_max: u32,
        clock_graphics: u32,
        clock_sm: u32,
        clock_memory: u32,
        clock_video: u32,
        clock_app_graphics: u32,
        clock_app_memory: u32,
        clock_app_default_graphics: u32,
        clock_app_default_memory: u32,
        clock_max_graphics: u32,
        clock_max_sm: u32,
        clock_max_memory: u32,
        clock_max_video: u32,
        clock_boost_graphics: u32,
        fabric: Fabric,
        /// Memory clocks, each with its graphics clocks.
        supported_clocks: Vec<(u32, Vec<u32>)>,
        processes: Vec<Process>,
        accounted: Vec<Accounted>,
        /// What each process used lately.
        process_utilization: Vec<ProcessUtilization>,
        mig_devices: Vec<MigDevice>,
        links: Vec<Link>,
        /// Processors near the GPU.
        cpu_affinity: Vec<u32>,
        numa_nodes: Vec<u32>,
        power_samples: Samples,
        utilization_samples: [Reading<Samples>; 4],
        clock_samples: [Reading<Samples>; 2],
    }
}

/// A node, or that part of it that `-i` asked for.
#[derive(Clone, Debug)]
pub struct Node {
    pub system: System,
    /// GPUs that the driver counts, asked for or not.
    pub attached: u32,
    /// Those that it was told to leave alone, and does not count.
    pub excluded: Vec<Excluded>,
    pub gpus: Vec<Gpu>,
    /// How two GPUs are joined; between indices of `gpus`.
    pub paths: Vec<Path>,
}

/// A GPU that the driver leaves alone.
#[derive(Clone, Debug)]
pub struct Excluded {
    /// `00000000:53:00.0`.
    pub bus_id: String,
    pub uuid: String,
}

/// One GPU.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// As NVML counts.
    pub index: u32,
    /// `Err` where NVML gives no handle: then the place on the bus is what the machine says, if anything.
    pub state: Result<Box<Live>, Missing>,
}

/// A GPU that cannot be asked.
#[derive(Clone, Debug)]
pub struct Missing {
    pub code: Code,
    /// `0000:0A:00.0`.
    pub bus_id: Option<String>,
}

/// A GPU that can be asked.
#[derive(Clone, Debug)]
pub struct Live {
    pub board: Board,
    pub ecc: EccCounts,
}

/// Counts of memory errors: `[corrected, uncorrected]`, `[volatile, aggregate]`, by [`Place`].
#[derive(Clone, Debug)]
pub struct EccCounts {
    pub count: [[[Reading<u64>; 8]; 2]; 2],
    pub total: [[Reading<u64>; 2]; 2],
}

impl EccCounts {
    pub fn unread(code: Code) -> Self {
        Self {
            count: std::array::from_fn(|_| std::array::from_fn(|_| std::array::from_fn(|_| Err(code)))),
            total: std::array::from_fn(|_| std::array::from_fn(|_| Err(code))),
        }
    }
}

/// `nvmlMemoryLocation_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Place {
    L1 = 0,
    L2 = 1,
    Dram = 2,
    RegisterFile = 3,
    Texture = 4,
    Cbu = 6,
    Sram = 7,
}

#[derive(Clone, Debug)]
pub struct Pci {
    pub domain: u32,
    pub bus: u32,
    pub device: u32,
    /// Device id above, vendor id below.
    pub id: u32,
    pub subsystem: u32,
    /// `00000000:53:00.0`.
    pub bus_id: String,
    /// Base and sub class.
    pub class: Reading<(u32, u32)>,
}

#[derive(Clone, Debug)]
pub struct Platform {
    pub chassis_serial: String,
    pub slot: u32,
    pub tray: u32,
    pub host: u32,
    /// 0 direct, 1 through a switch.
    pub peer: u32,
    pub module: u32,
    pub fabric_guid: u64,
}

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub total: u64,
    pub reserved: u64,
    pub used: u64,
    pub free: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    pub count: u32,
    pub fps: u32,
    /// Microseconds.
    pub latency: u32,
}

/// What `nvmlDeviceGetSramEccErrorStatus` has: `[volatile, aggregate]`.
#[derive(Clone, Copy, Debug)]
pub struct Sram {
    pub corrected: [u64; 2],
    pub parity: [u64; 2],
    pub secded: [u64; 2],
    /// L2, SM, microcontroller, PCIe, other.
    pub sources: [u64; 5],
    pub threshold_exceeded: bool,
}

/// A page of memory that is used no more.
#[derive(Clone, Copy, Debug)]
pub struct RetiredPage {
    pub address: u64,
    /// Microseconds since the epoch.
    pub at_us: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Remapped {
    pub corrected: u32,
    pub uncorrected: u32,
    pub pending: bool,
    pub failed: bool,
}

#[derive(Clone, Debug)]
pub struct Fabric {
    /// `nvmlGpuFabricState_t`.
    pub state: u32,
    pub status: Code,
    pub clique: u32,
    pub cluster: [u8; 16],
    pub health: u32,
    /// `nvmlGpuFabricInfo` health summary; 0 where it says nothing.
    pub summary: u32,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub compute: bool,
    pub graphics: bool,
    pub name: Reading<String>,
    pub memory: Reading<u64>,
    pub gpu_instance: Option<u32>,
    pub compute_instance: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Accounted {
    pub pid: u32,
    pub gpu: Option<u32>,
    pub memory: Option<u32>,
    /// Bytes.
    pub most_memory: u64,
    /// Milliseconds.
    pub time: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct ProcessUtilization {
    pub pid: u32,
    pub sm: u32,
    pub memory: u32,
    pub encoder: u32,
    pub decoder: u32,
}

#[derive(Clone, Debug)]
pub struct MigDevice {
    pub index: u32,
    pub uuid: Reading<String>,
    /// `3g.40gb`, `1c.3g.40gb`.
    pub profile: Reading<String>,
    pub gpu_instance: Reading<u32>,
    pub compute_instance: Reading<u32>,
    pub engines: Reading<Engines>,
    pub memory: Reading<Memory>,
    pub bar1: Reading<Memory>,
    pub sram_uncorrected: Reading<u64>,
}

#[derive(Clone, Copy, Debug)]
pub struct Engines {
    pub sm: u32,
    pub copy: u32,
    pub encoder: u32,
    pub decoder: u32,
    pub ofa: u32,
    pub jpeg: u32,
}

/// One NVLink.
#[derive(Clone, Debug)]
pub struct Link {
    pub number: u32,
    pub up: Reading<bool>,
    /// MB/s.
    pub speed: Reading<u32>,
    pub replays: Reading<u64>,
    pub recoveries: Reading<u64>,
    pub crc: Reading<u64>,
    /// By `nvmlNvLinkCapability_t`.
    pub capability: [Reading<bool>; 6],
    /// Bus id of the other end, and its number of the link.
    pub remote: Reading<String>,
    pub remote_link: Reading<u32>,
    /// KiB sent and received: data, and with what goes along with it.
    pub data: [Reading<u64>; 2],
    pub raw: [Reading<u64>; 2],
}

/// Between two GPUs.
#[derive(Clone, Debug)]
pub struct Path {
    pub from: u32,
    pub to: u32,
    /// `nvmlGpuTopologyLevel_t`.
    pub ancestor: Reading<u32>,
    /// NVLinks between them, directly or through the switches.
    pub links: u32,
    /// By `nvmlGpuP2PCapsIndex_t`: read, write, NVLink, atomics, PCIe.
    pub peer: [Reading<u32>; 5],
}

/// Readings over a while.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    pub seconds: f64,
    pub count: u32,
    pub most: f64,
    pub least: f64,
    pub mean: f64,
}

/// A driver's version, for what differs from one branch to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Driver {
    pub branch: u32,
    pub minor: u32,
}

impl Driver {
    /// The branch of today where there is no version to read.
    pub fn of(version: &Reading<String>) -> Self {
        let mut numbers = version.as_deref().unwrap_or("580.105").split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(branch)), Some(Ok(minor))) => Self { branch, minor },
            (Some(Ok(branch)), _) => Self { branch, minor: 0 },
            _ => Self { branch: 580, minor: 105 },
        }
    }

    /// From 590, and the builds of 580 that were made beside it: wide keys and a few more fields.
    pub fn is_wide(self) -> bool {
        self.branch >= 590 || (self.branch == 580 && (self.minor == 142 || self.minor >= 173))
    }
}

impl Node {
    pub fn driver(&self) -> Driver {
        Driver::of(&self.system.driver_version)
    }
}

impl Live {
    /// A GPU of which every reading is refused alike.
    pub fn unread(code: Code) -> Self {
        Self { board: Board::unread(code), ecc: EccCounts::unread(code) }
    }

    /// `00000000:53:00.0`, or what went wrong.
    pub fn bus_id(&self) -> &str {
        match &self.board.pci {
            Ok(pci) => &pci.bus_id,
            Err(code) => code.text(),
        }
    }

    pub fn mig_enabled(&self) -> bool {
        matches!(self.board.mig, Ok((true, _)))
    }
}

impl Platform {
    /// Whether the platform says anything of this GPU's place; boards outside of racks leave it all zero.
    pub fn peer_known(&self) -> bool {
        self.fabric_guid != 0 || !self.chassis_serial.is_empty()
    }

    pub fn peer_type(&self) -> &'static str {
        match self.peer {
            0 => "Direct Connected",
            1 => "Switch Connected",
            _ => "Unknown",
        }
    }
}
