//! The properties that `--query-gpu` and its kin can be asked for: one table with name, aliases, unit,
//! meaning and how to read it.
//!
//! Names, order, units and which branch has them follow `--help-query-gpu` of 580.173.02 and 590.48.01,
//! and for older branches what their captures lack; the explanations are ours. Pure.

use crate::node::{Accounted, Board, Code, Driver, Live, Node, Place, Process, Reading, RetiredPage};
use crate::words::*;

/// One GPU as a row of CSV: node, GPU, time.
#[derive(Clone, Copy)]
pub struct Row<'n> {
    pub node: &'n Node,
    pub index: u32,
    pub live: &'n Live,
    pub now: &'n str,
    pub of: Of<'n>,
}

/// What a row tells of beside its GPU.
#[derive(Clone, Copy)]
pub enum Of<'n> {
    Gpu,
    Process(&'n Process),
    Accounted(&'n Accounted),
    /// A page and why it was retired, or why there is no list of such pages.
    Retired(Reading<RetiredPage>, Cause),
    /// A memory clock and a graphics clock that goes with it, MHz.
    Clocks(u32, u32),
}

/// Why a page of memory is used no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    SingleBit,
    DoubleBit,
}

type Read = Box<dyn Fn(&Row<'_>) -> Reading<String>>;
/// Which reading of the board.
type Source<T> = fn(&Board) -> &Reading<T>;
/// How a value that holds several is told.
type Told<T> = fn(&T) -> String;
type Names = &'static [&'static str];

/// A property.
pub struct Field {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub unit: Option<&'static str>,
    pub meaning: String,
    /// Refusals stand without brackets.
    pub bare: bool,
    since: Since,
    pub read: Read,
}

/// Which drivers have a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Always,
    /// From this branch on.
    Branch(u32),
    /// From the later builds of 580 on.
    Wide,
    /// Before this branch.
    Until(u32),
}

impl Field {
    pub fn is_known_to(&self, driver: Driver) -> bool {
        match self.since {
            Since::Always => true,
            Since::Branch(branch) => driver.branch >= branch,
            Since::Wide => driver.is_wide(),
            Since::Until(branch) => driver.branch < branch,
        }
    }

    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    fn since(mut self, since: Since) -> Self {
        self.since = since;
        self
    }

    fn bare(mut self) -> Self {
        self.bare = true;
        self
    }
}

fn field(
    name: &'static str,
    meaning: impl Into<String>,
    read: impl Fn(&Row<'_>) -> Reading<String> + 'static,
) -> Field {
    Field {
        name,
        aliases: &[],
        unit: None,
        meaning: meaning.into(),
        bare: false,
        since: Since::Always,
        read: Box::new(read),
    }
}

/// A property that is a reading of the board.
fn board<T: Clone + 'static>(
    name: &'static str,
    meaning: impl Into<String>,
    read: fn(&Board) -> &Reading<T>,
    write: impl Fn(T) -> String + 'static,
) -> Field {
    field(name, meaning, move |row| read(&row.live.board).clone().map(&write))
}

/// A property that no public call tells.
fn unknown(name: &'static str, meaning: impl Into<String>) -> Field {
    field(name, meaning, |_| Err(Code::NOT_SUPPORTED))
}

fn on(is: bool) -> String {
    enabled(is).into()
}

/// What identifies a row wherever it comes from.
fn common(gpu: bool) -> Vec<Field> {
    let [name, serial, uuid, bus]: [(&'static str, &'static [&'static str]); 4] = if gpu {
        [
            ("name", &["gpu_name"]),
            ("serial", &["gpu_serial"]),
            ("uuid", &["gpu_uuid"]),
            ("pci.bus_id", &["gpu_bus_id"]),
        ]
    } else {
        [("gpu_name", &[]), ("gpu_serial", &[]), ("gpu_uuid", &[]), ("gpu_bus_id", &[])]
    };
    vec![
        field("timestamp", "When the row was read, YYYY/MM/DD HH:MM:SS.msec.", |row| Ok(row.now.to_owned())),
        board(name.0, "Name of the product.", |board| &board.name, |name| name).or(name.1),
        board(serial.0, "Serial number, as printed on the board.", |board| &board.serial, |serial| serial)
            .or(serial.1),
        board(uuid.0, "Identifier that no other GPU has.", |board| &board.uuid, |uuid| uuid).or(uuid.1),
        board(
            bus.0,
            "Place on the bus: domain:bus:device.function, in hex.",
            |board| &board.pci,
            |pci| pci.bus_id,
        )
        .or(bus.1),
    ]
}

/// All of `--query-gpu`.
pub fn gpu() -> Vec<Field> {
    let mut all = common(true);
    let later = all.split_off(1);
    all.extend([
        field("driver_version", "Version of the driver.", |row| row.node.system.driver_version.clone()),
        unknown("vgpu_driver_capability.heterogenous_multivGPU", "Whether the driver mixes kinds of vGPU."),
        field("count", "GPUs of the machine.", |row| Ok(row.node.attached.to_string())),
    ]);
    all.extend(later);
    all.extend(place());
    all.extend(modes());
    all.extend(load());
    all.extend(ecc());
    all.extend(retirement());
    all.extend(heat_and_power());
    all.extend(clocks());
    all.extend(rest());
    all
}

fn place() -> Vec<Field> {
    let class = |read: fn((u32, u32)) -> u32| {
        move |row: &Row<'_>| {
            let pci = row.live.board.pci.as_ref().map_err(|code| *code)?;
            pci.class.map(|class| format!("0x{:X}", read(class)))
        }
    };
    let mut all = vec![
        board("pci.domain", "Domain, in hex.", |board| &board.pci, |pci| format!("0x{:04X}", pci.domain)),
        board("pci.bus", "Bus, in hex.", |board| &board.pci, |pci| format!("0x{:02X}", pci.bus)),
        board("pci.device", "Device, in hex.", |board| &board.pci, |pci| format!("0x{:02X}", pci.device)),
        field("pci.baseClass", "Base class, in hex.", class(|class| class.0)).since(Since::Branch(550)),
        field("pci.subClass", "Sub class, in hex.", class(|class| class.1)).since(Since::Branch(550)),
        board(
            "pci.device_id",
            "Device and vendor, in hex.",
            |board| &board.pci,
            |pci| format!("0x{:08X}", pci.id),
        ),
        board(
            "pci.sub_device_id",
            "Subsystem, in hex.",
            |board| &board.pci,
            |pci| format!("0x{:08X}", pci.subsystem),
        ),
    ];
    for name in [
        "vgpu_device_capability.fractional_multiVgpu",
        "vgpu_device_capability.heterogeneous_timeSlice_profile",
        "vgpu_device_capability.heterogeneous_timeSlice_sizes",
        "vgpu_device_capability.homogeneous_placements",
        "vgpu_device_capability.mig_timeSlicing",
        "vgpu_device_capability.mig_timeSlicing_mode",
    ] {
        all.push(unknown(name, "A capability of vGPU hosts."));
    }
    let number = |value: u32| value.to_string();
    all.extend([
        board(
            "pcie.link.gen.current",
            "Generation of the link now; it may fall when idle. See pcie.link.gen.gpucurrent.",
            |board| &board.pcie_gen,
            number,
        ),
        board(
            "pcie.link.gen.gpucurrent",
            "Generation of the link now; it may fall when idle.",
            |board| &board.pcie_gen,
            number,
        ),
        board(
            "pcie.link.gen.max",
            "Highest generation that board and slot have in common.",
            |board| &board.pcie_gen_max,
            number,
        ),
        board(
            "pcie.link.gen.gpumax",
            "Highest generation of the board.",
            |board| &board.pcie_gen_device_max,
            number,
        ),
        unknown("pcie.link.gen.hostmax", "Highest generation of the root port."),
        board(
            "pcie.link.width.current",
            "Lanes in use; they may fall when idle.",
            |board| &board.pcie_width,
            number,
        ),
        board(
            "pcie.link.width.max",
            "Most lanes that board and slot have in common.",
            |board| &board.pcie_width_max,
            number,
        ),
        field("index", "Number of the GPU, from 0; may change at a reboot.", |row| Ok(row.index.to_string())),
    ]);
    all
}

fn modes() -> Vec<Field> {
    let number = |value: u32| value.to_string();
    vec![
        field("display_mode", "Whether a display is attached. Deprecated from 580 on.", |row| {
            display_mode(row.node.driver(), &row.live.board.display_mode)
        }),
        board(
            "display_attached",
            "Whether a display is attached.",
            |board| &board.display_mode,
            |is| yes(is).into(),
        )
        .since(Since::Branch(580)),
        board(
            "display_active",
            "Whether a display has been set up on the GPU.",
            |board| &board.display_active,
            on,
        ),
        board(
            "persistence_mode",
            "Whether the driver stays loaded without clients.",
            |board| &board.persistence,
            on,
        ),
        board(
            "addressing_mode",
            "How the GPU reaches the system's memory: HMM, ATS or None.",
            |board| &board.addressing_mode,
            |mode| addressing_mode(mode).into(),
        ),
        board(
            "accounting.mode",
            "Whether statistics are kept for each process.",
            |board| &board.accounting,
            on,
        ),
        board(
            "accounting.buffer_size",
            "Processes that statistics are kept for.",
            |board| &board.accounting_buffer,
            number,
        ),
        unknown("driver_model.current", "Driver model of Windows."),
        unknown("driver_model.pending", "Driver model of Windows after a reboot."),
        board("vbios_version", "Version of the board's BIOS.", |board| &board.vbios, |text| text),
        board("inforom.img", "Version of the infoROM's image.", |board| &board.inforom_image, |text| text)
            .or(&["inforom.image"]),
        board("inforom.oem", "Version of its OEM object.", |board| &board.inforom_oem, |text| text),
        board("inforom.ecc", "Version of its ECC object.", |board| &board.inforom_ecc, |text| text),
        board("inforom.pwr", "Version of its power object.", |board| &board.inforom_power, |text| text)
            .or(&["inforom.power"]),
        board(
            "inforom.checksum_validation",
            "Whether its checksum holds.",
            |board| &board.inforom_valid,
            |valid| if valid { "valid" } else { "invalid" }.into(),
        )
        .since(Since::Branch(570)),
        board(
            "reset_status.reset_required",
            "Whether a reset is needed.",
            |board| &board.reset_required,
            |is| yes(is).into(),
        )
        .since(Since::Until(570)),
        board(
            "reset_status.drain_and_reset_recommended",
            "Whether draining and a reset are advised.",
            |board| &board.drain_and_reset,
            |is| yes(is).into(),
        )
        .since(Since::Until(570)),
        board(
            "gpu_recovery_action",
            "What brings the GPU back from a bad state.",
            |board| &board.recovery_action,
            |action| recovery_action(action).into(),
        )
        .since(Since::Branch(570)),
        board(
            "gom.current",
            "Operation mode.",
            |board| &board.gpu_operation_mode,
            |(now, _)| operation_mode(now).into(),
        )
        .or(&["gpu_operation_mode.current"]),
        board(
            "gom.pending",
            "Operation mode after a reboot.",
            |board| &board.gpu_operation_mode,
            |(_, pending)| operation_mode(pending).into(),
        )
        .or(&["gpu_operation_mode.pending"]),
        board("fan.speed", "Speed that the fan is meant to have, of its most.", |board| &board.fan, number)
            .unit("%"),
        board(
            "pstate",
            "Performance state, P0 the highest to P15.",
            |board| &board.performance_state,
            performance_state,
        ),
    ]
}

fn load() -> Vec<Field> {
    let bits = |value: u64| format!("0x{value:016X}");
    let mut all = vec![
        board(
            "clocks_event_reasons.supported",
            "Bits of the reasons that the board knows.",
            |board| &board.reasons_supported,
            bits,
        )
        .or(&["clocks_throttle_reasons.supported"]),
        board(
            "clocks_event_reasons.active",
            "Bits of the reasons that hold clocks down now.",
            |board| &board.reasons,
            bits,
        )
        .or(&["clocks_throttle_reasons.active"]),
    ];
    let reasons: [(u64, &'static str, &'static [&'static str], &'static str); 8] = [
        (0x1, "clocks_event_reasons.gpu_idle", &["clocks_throttle_reasons.gpu_idle"], "Nothing runs."),
        (
            0x2,
            "clocks_event_reasons.applications_clocks_setting",
            &["clocks_throttle_reasons.applications_clocks_setting"],
            "Applications clocks are set.",
        ),
        (
            0x4,
            "clocks_event_reasons.sw_power_cap",
            &["clocks_throttle_reasons.sw_power_cap"],
            "The power limit is reached.",
        ),
        (
            0x8,
            "clocks_event_reasons.hw_slowdown",
            &["clocks_throttle_reasons.hw_slowdown"],
            "The hardware halves its clocks, or worse: heat, power brake.",
        ),
        (
            0x40,
            "clocks_event_reasons.hw_thermal_slowdown",
            &["clocks_throttle_reasons.hw_thermal_slowdown"],
            "It does so for heat.",
        ),
        (
            0x80,
            "clocks_event_reasons.hw_power_brake_slowdown",
            &["clocks_throttle_reasons.hw_power_brake_slowdown"],
            "It does so for the power supply.",
        ),
        (
            0x20,
            "clocks_event_reasons.sw_thermal_slowdown",
            &["clocks_throttle_reasons.sw_thermal_slowdown"],
            "The highest operating temperature is passed.",
        ),
        (
            0x10,
            "clocks_event_reasons.sync_boost",
            &["clocks_throttle_reasons.sync_boost"],
            "Another GPU of its group is slower.",
        ),
    ];
    for (bit, name, aliases, meaning) in reasons {
        all.push(
            board(name, meaning, |board| &board.reasons, move |bits| active(bits & bit != 0).into())
                .or(aliases),
        );
    }
    let count = |value: u64| value.to_string();
    let counters: [(&'static str, Source<u64>); 5] = [
        ("clocks_event_reasons_counters.sw_power_cap", |board| &board.reason_power_cap),
        ("clocks_event_reasons_counters.sync_boost", |board| &board.reason_sync_boost),
        ("clocks_event_reasons_counters.sw_thermal_slowdown", |board| &board.reason_software_thermal),
        ("clocks_event_reasons_counters.hw_thermal_slowdown", |board| &board.reason_hardware_thermal),
        ("clocks_event_reasons_counters.hw_power_brake_slowdown", |board| &board.reason_power_brake),
    ];
    for (name, read) in counters {
        all.push(board(name, "How long so far.", read, count).unit("us").since(Since::Branch(570)));
    }
    let mebibytes = |value: u64| mib(value).to_string();
    all.extend([
        board(
            "memory.total",
            "Memory that there is.",
            |board| &board.memory,
            move |memory| mebibytes(memory.total),
        )
        .unit("MiB"),
        board(
            "memory.reserved",
            "Memory that driver and firmware keep.",
            |board| &board.memory,
            move |memory| mebibytes(memory.reserved),
        )
        .unit("MiB"),
        board(
            "memory.used",
            "Memory that contexts have.",
            |board| &board.memory,
            move |memory| mebibytes(memory.used),
        )
        .unit("MiB"),
        board(
            "memory.free",
            "Memory that is left.",
            |board| &board.memory,
            move |memory| mebibytes(memory.free),
        )
        .unit("MiB"),
        board(
            "compute_mode",
            "Who may compute: Default, Exclusive_Thread, Prohibited, Exclusive_Process.",
            |board| &board.compute_mode,
            |mode| compute_mode(mode).into(),
        ),
        board(
            "compute_cap",
            "CUDA's compute capability.",
            |board| &board.compute_capability,
            |(major, minor)| format!("{major}.{minor}"),
        ),
    ]);
    let engines: [(&'static str, &'static str, Since, Source<u32>); 6] = [
        ("utilization.gpu", "Share of time in which a kernel ran.", Since::Always, |board| {
            &board.utilization_gpu
        }),
        (
            "utilization.memory",
            "Share of time in which memory was read or written.",
            Since::Always,
            |board| &board.utilization_memory,
        ),
        ("utilization.encoder", "Share of time of the encoder.", Since::Branch(550), |board| {
            &board.utilization_encoder
        }),
        ("utilization.decoder", "Share of time of the decoder.", Since::Branch(550), |board| {
            &board.utilization_decoder
        }),
        ("utilization.jpeg", "Share of time of the JPEG engine.", Since::Branch(550), |board| {
            &board.utilization_jpeg
        }),
        ("utilization.ofa", "Share of time of the optical flow engine.", Since::Branch(550), |board| {
            &board.utilization_ofa
        }),
    ];
    for (name, meaning, since, read) in engines {
        all.push(
            field(name, meaning, move |row| {
                // MIG has no utilization of the whole.
                if row.live.mig_enabled() {
                    return Err(Code::NOT_SUPPORTED);
                }
                read(&row.live.board).map(|percent| percent.to_string())
            })
            .unit("%")
            .since(since),
        );
    }
    all.extend([
        board(
            "encoder.stats.sessionCount",
            "Sessions of the encoder.",
            |board| &board.encoder_stats,
            |stats| stats.count.to_string(),
        ),
        board(
            "encoder.stats.averageFps",
            "Their frames per second.",
            |board| &board.encoder_stats,
            |stats| stats.fps.to_string(),
        ),
        board(
            "encoder.stats.averageLatency",
            "Their latency in microseconds.",
            |board| &board.encoder_stats,
            |stats| stats.latency.to_string(),
        ),
        board(
            "dramEncryption.mode.current",
            "Whether memory is encrypted.",
            |board| &board.dram_encryption,
            |(now, _)| on(now),
        )
        .since(Since::Branch(570)),
        board(
            "dramEncryption.mode.pending",
            "Whether it will be after a reboot.",
            |board| &board.dram_encryption,
            |(_, pending)| on(pending),
        )
        .since(Since::Branch(570)),
    ]);
    all
}

fn ecc() -> Vec<Field> {
    let mut all = vec![
        board(
            "ecc.mode.current",
            "Whether memory errors are corrected.",
            |board| &board.ecc,
            |(now, _)| on(now),
        ),
        board(
            "ecc.mode.pending",
            "Whether they will be after a reset.",
            |board| &board.ecc,
            |(_, pending)| on(pending),
        ),
    ];
    const NAMES: [[&str; 9]; 4] = [
        [
            "ecc.errors.corrected.volatile.device_memory",
            "ecc.errors.corrected.volatile.dram",
            "ecc.errors.corrected.volatile.register_file",
            "ecc.errors.corrected.volatile.l1_cache",
            "ecc.errors.corrected.volatile.l2_cache",
            "ecc.errors.corrected.volatile.texture_memory",
            "ecc.errors.corrected.volatile.cbu",
            "ecc.errors.corrected.volatile.sram",
            "ecc.errors.corrected.volatile.total",
        ],
        [
            "ecc.errors.corrected.aggregate.device_memory",
            "ecc.errors.corrected.aggregate.dram",
            "ecc.errors.corrected.aggregate.register_file",
            "ecc.errors.corrected.aggregate.l1_cache",
            "ecc.errors.corrected.aggregate.l2_cache",
            "ecc.errors.corrected.aggregate.texture_memory",
            "ecc.errors.corrected.aggregate.cbu",
            "ecc.errors.corrected.aggregate.sram",
            "ecc.errors.corrected.aggregate.total",
        ],
        [
            "ecc.errors.uncorrected.volatile.device_memory",
            "ecc.errors.uncorrected.volatile.dram",
            "ecc.errors.uncorrected.volatile.register_file",
            "ecc.errors.uncorrected.volatile.l1_cache",
            "ecc.errors.uncorrected.volatile.l2_cache",
            "ecc.errors.uncorrected.volatile.texture_memory",
            "ecc.errors.uncorrected.volatile.cbu",
            "ecc.errors.uncorrected.volatile.sram",
            "ecc.errors.uncorrected.volatile.total",
        ],
        [
            "ecc.errors.uncorrected.aggregate.device_memory",
            "ecc.errors.uncorrected.aggregate.dram",
            "ecc.errors.uncorrected.aggregate.register_file",
            "ecc.errors.uncorrected.aggregate.l1_cache",
            "ecc.errors.uncorrected.aggregate.l2_cache",
            "ecc.errors.uncorrected.aggregate.texture_memory",
            "ecc.errors.uncorrected.aggregate.cbu",
            "ecc.errors.uncorrected.aggregate.sram",
            "ecc.errors.uncorrected.aggregate.total",
        ],
    ];
    const PLACES: [Option<Place>; 9] = [
        Some(Place::Dram),
        Some(Place::Dram),
        Some(Place::RegisterFile),
        Some(Place::L1),
        Some(Place::L2),
        Some(Place::Texture),
        Some(Place::Cbu),
        Some(Place::Sram),
        None,
    ];
    for (at, names) in NAMES.into_iter().enumerate() {
        let (kind, period) = (at / 2, at % 2);
        let which = ["Corrected", "Uncorrected"][kind];
        let when = ["since the driver was loaded", "in the life of the board"][period];
        for (name, place) in names.into_iter().zip(PLACES) {
            all.push(field(name, format!("{which} errors there {when}."), move |row| {
                let counts = &row.live.ecc;
                match place {
                    Some(place) => counts.count[kind][period][place as usize].map(|count| count.to_string()),
                    None => counts.total[kind][period].map(|count| count.to_string()),
                }
            }));
        }
    }
    let sram: [(&'static str, Told<crate::node::Sram>); 10] = [
        ("ecc.errors.uncorrected.volatile.sram.parity", |sram| sram.parity[0].to_string()),
        ("ecc.errors.uncorrected.volatile.sram.secded", |sram| sram.secded[0].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.parity", |sram| sram.parity[1].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.secded", |sram| sram.secded[1].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.thresholdExceeded", |sram| {
            yes(sram.threshold_exceeded).into()
        }),
        ("ecc.errors.uncorrected.aggregate.sram.l2", |sram| sram.sources[0].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.sm", |sram| sram.sources[1].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.mcu", |sram| sram.sources[2].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.pcie", |sram| sram.sources[3].to_string()),
        ("ecc.errors.uncorrected.aggregate.sram.other", |sram| sram.sources[4].to_string()),
    ];
    for (name, read) in sram {
        all.push(
            board(name, "Of the uncorrected errors in SRAM.", |board| &board.sram, move |sram| read(&sram))
                .since(Since::Branch(550)),
        );
    }
    all.push(
        unknown("ecc.unrepairable_memory", "Whether memory is beyond repair.").since(Since::Branch(590)),
    );
    all
}

fn retirement() -> Vec<Field> {
    let rows = |name, meaning: &str, read: fn(&crate::node::Remapped) -> String| {
        field(name, meaning, move |row| match &row.live.board.remapped {
            Ok(_) if row.live.mig_enabled() => Err(Code::NOT_SUPPORTED),
            Ok(rows) => Ok(read(rows)),
            Err(code) => Err(*code),
        })
    };
    let mut all = vec![
        board(
            "retired_pages.single_bit_ecc.count",
            "Pages retired for single bit errors.",
            |board| &board.retired_pages_single_bit,
            |pages| pages.len().to_string(),
        )
        .or(&["retired_pages.sbe"]),
        board(
            "retired_pages.double_bit.count",
            "Pages retired for a double bit error.",
            |board| &board.retired_pages_double_bit,
            |pages| pages.len().to_string(),
        )
        .or(&["retired_pages.dbe"]),
        board(
            "retired_pages.pending",
            "Whether pages will be retired at the next reboot.",
            |board| &board.retired_pending,
            |is| yes(is).into(),
        ),
        rows("remapped_rows.correctable", "Rows remapped for correctable errors.", |rows| {
            rows.corrected.to_string()
        })
        .or(&["remapped_rows.sbe"]),
        rows("remapped_rows.correctable_inactive", "Such rows that are not in use.", |_| "0".into())
            .since(Since::Wide),
        rows("remapped_rows.uncorrectable", "Rows remapped for an uncorrectable error.", |rows| {
            rows.uncorrected.to_string()
        })
        .or(&["remapped_rows.dbe"]),
        rows("remapped_rows.uncorrectable_inactive", "Such rows that are not in use.", |_| "0".into())
            .since(Since::Wide),
        rows("remapped_rows.pending", "Whether a row waits for a reset to be remapped.", |rows| {
            yes(rows.pending).into()
        }),
        rows("remapped_rows.failure", "Whether a row could ever not be remapped.", |rows| {
            yes(rows.failed).into()
        }),
    ];
    const NAMES: [&str; 5] = [
        "remapped_rows.histogram.max",
        "remapped_rows.histogram.high",
        "remapped_rows.histogram.partial",
        "remapped_rows.histogram.low",
        "remapped_rows.histogram.none",
    ];
    for (at, name) in NAMES.into_iter().enumerate() {
        all.push(
            field(name, "Banks with so many spare rows left.", move |row| {
                if row.live.mig_enabled() {
                    return Err(Code::NOT_SUPPORTED);
                }
                row.live.board.remap_histogram.map(|banks| banks[at].to_string())
            })
            .since(Since::Branch(550)),
        );
    }
    all
}

fn heat_and_power() -> Vec<Field> {
    let number = |value: u32| value.to_string();
    let mut all = vec![
        board("temperature.gpu", "Temperature of the GPU, in degrees C.", |board| &board.temperature, number),
        board(
            "temperature.gpu.tlimit",
            "Degrees C that are left before it slows down.",
            |board| &board.temperature_margin,
            |margin| margin.to_string(),
        )
        .since(Since::Branch(550)),
        board(
            "temperature.memory",
            "Temperature of the memory, in degrees C.",
            |board| &board.temperature_memory,
            number,
        )
        .bare(),
        field("power.management", "Whether power is managed. Deprecated from 590 on.", |row| {
            if row.node.driver().branch >= 590 {
                return Err(Code::DEPRECATED);
            }
            row.live.board.power_management.map(on)
        }),
    ];
    let readings: [(&'static str, Names, &'static str, Source<u32>); 8] = [
        ("power.draw", &[], "Power drawn by the board.", |board| &board.power_draw),
        ("power.draw.average", &["gpu.power.draw.average"], "Power drawn over the last second.", |board| {
            &board.power_average
        }),
        ("power.draw.instant", &["gpu.power.draw.instant"], "Power drawn this instant.", |board| {
            &board.power_instant
        }),
        ("power.limit", &["gpu.power.requested_limit"], "Power limit that was asked for.", |board| {
            &board.power_limit
        }),
        ("enforced.power.limit", &["gpu.power.current_limit"], "Power limit in force.", |board| {
            &board.power_limit_enforced
        }),
        (
            "power.default_limit",
            &["gpu.power.default_limit"],
            "Power limit after the driver is loaded.",
            |board| &board.power_limit_default,
        ),
        ("power.min_limit", &["gpu.power.min_limit"], "Lowest power limit.", |board| &board.power_limit_min),
        ("power.max_limit", &["gpu.power.max_limit"], "Highest power limit.", |board| &board.power_limit_max),
    ];
    for (name, aliases, meaning, read) in readings {
        all.push(board(name, meaning, read, watts).or(aliases).unit("W"));
    }
    let module: [(&'static str, &'static [&'static str]); 7] = [
        ("module.power.draw.average", &[]),
        ("module.power.draw.instant", &[]),
        ("module.power.limit", &["module.power.requested_limit"]),
        ("module.enforced.power.limit", &["module.power.current_limit"]),
        ("module.power.default_limit", &[]),
        ("module.power.min_limit", &[]),
        ("module.power.max_limit", &[]),
    ];
    for (name, aliases) in module {
        all.push(
            unknown(name, "The same of a module with its processor.")
                .or(aliases)
                .unit("W")
                .since(Since::Branch(570)),
        );
    }
    let smoothing: [(&'static str, Option<&'static str>); 14] = [
        ("power_smoothing.delayed_power_smoothing_supported", None),
        ("power_smoothing.primary_power_floor", Some("W")),
        ("power_smoothing.secondary_power_floor", Some("W")),
        ("power_smoothing.min_primary_floor_activation_offset", Some("W")),
        ("power_smoothing.min_primary_floor_activation_point", Some("W")),
        ("power_smoothing.window_multiplier", Some("ms")),
        ("power_smoothing.curr_profile.secondary_power_floor", Some("W")),
        ("power_smoothing.curr_profile.primary_floor_act_window_multiplier", None),
        ("power_smoothing.curr_profile.primary_floor_tar_window_multiplier", None),
        ("power_smoothing.curr_profile.primary_floor_act_offset", Some("W")),
        ("power_smoothing.admin_override.secondary_power_floor", Some("W")),
        ("power_smoothing.admin_override.primary_floor_act_window_multiplier", None),
        ("power_smoothing.admin_override.primary_floor_tar_window_multiplier", None),
        ("power_smoothing.admin_override.primary_floor_act_offset", Some("W")),
    ];
    for (name, unit) in smoothing {
        let mut one = unknown(name, "Of power smoothing, on boards that have it.").since(Since::Wide);
        one.unit = unit;
        all.push(one);
    }
    all.push(unknown("edpp_multiplier", "Multiplier of the peak power.").unit("%").since(Since::Branch(590)));
    all
}

fn clocks() -> Vec<Field> {
    let now: [(&'static str, Names, Source<u32>); 4] = [
        ("clocks.current.graphics", &["clocks.gr"], |board| &board.clock_graphics),
        ("clocks.current.sm", &["clocks.sm"], |board| &board.clock_sm),
        ("clocks.current.memory", &["clocks.mem"], |board| &board.clock_memory),
        ("clocks.current.video", &["clocks.video"], |board| &board.clock_video),
    ];
    let old: [(&'static str, Names, Source<u32>); 4] = [
        ("clocks.applications.graphics", &["clocks.applications.gr"], |board| &board.clock_app_graphics),
        ("clocks.applications.memory", &["clocks.applications.mem"], |board| &board.clock_app_memory),
        ("clocks.default_applications.graphics", &["clocks.default_applications.gr"], |board| {
            &board.clock_app_default_graphics
        }),
        ("clocks.default_applications.memory", &["clocks.default_applications.mem"], |board| {
            &board.clock_app_default_memory
        }),
    ];
    let most: [(&'static str, Names, Source<u32>); 3] = [
        ("clocks.max.graphics", &["clocks.max.gr"], |board| &board.clock_max_graphics),
        ("clocks.max.sm", &[], |board| &board.clock_max_sm),
        ("clocks.max.memory", &["clocks.max.mem"], |board| &board.clock_max_memory),
    ];
    let mut all = Vec::new();
    for (name, aliases, read) in now {
        all.push(board(name, "Clock now.", read, |clock| clock.to_string()).or(aliases).unit("MHz"));
    }
    for (name, aliases, read) in old {
        all.push(
            field(name, "Clock that applications were given. Deprecated from 590 on.", move |row| {
                if row.node.driver().branch >= 590 {
                    return Err(Code::DEPRECATED);
                }
                read(&row.live.board).map(|clock| clock.to_string())
            })
            .or(aliases)
            .unit("MHz"),
        );
    }
    for (name, aliases, read) in most {
        all.push(board(name, "Highest clock.", read, |clock| clock.to_string()).or(aliases).unit("MHz"));
    }
    all
}

fn rest() -> Vec<Field> {
    let mebibytes = |value: u64| mib(value).to_string();
    let mut all = vec![
        board(
            "mig.mode.current",
            "Whether the GPU is cut into instances.",
            |board| &board.mig,
            |(now, _)| on(now),
        ),
        board(
            "mig.mode.pending",
            "Whether it will be after a reset.",
            |board| &board.mig,
            |(_, pending)| on(pending),
        ),
        board(
            "gsp.mode.current",
            "Whether the GPU's own processor runs the driver's firmware.",
            |board| &board.gsp_mode,
            |(now, _)| on(now),
        ),
        board(
            "gsp.mode.default",
            "Whether it does by default.",
            |board| &board.gsp_mode,
            |(_, default)| on(default),
        ),
        board("c2c.mode", "Whether it is joined to its processor chip to chip.", |board| &board.c2c, on)
            .since(Since::Branch(550)),
        board(
            "protected_memory.total",
            "Memory for confidential computing.",
            |board| &board.protected_memory,
            move |memory| mebibytes(memory.total),
        )
        .unit("MiB")
        .since(Since::Branch(550)),
        board(
            "protected_memory.used",
            "What of it is used.",
            |board| &board.protected_memory,
            move |memory| mebibytes(memory.used),
        )
        .unit("MiB")
        .since(Since::Branch(550)),
        board(
            "protected_memory.free",
            "What of it is left.",
            |board| &board.protected_memory,
            move |memory| mebibytes(memory.free),
        )
        .unit("MiB")
        .since(Since::Branch(550)),
        board(
            "fabric.state",
            "How far it has joined the NVLink fabric.",
            |board| &board.fabric,
            |fabric| fabric_state(&fabric).into(),
        ),
        board(
            "fabric.status",
            "Status of joining, once that is complete.",
            |board| &board.fabric,
            |fabric| fabric_status(&fabric).into(),
        ),
        board(
            "fabric.cliqueId",
            "Clique of the fabric.",
            |board| &board.fabric,
            |fabric| fabric_clique(&fabric),
        )
        .since(Since::Branch(550)),
        board(
            "fabric.clusterUuid",
            "Cluster of the fabric.",
            |board| &board.fabric,
            |fabric| fabric_cluster(&fabric),
        )
        .since(Since::Branch(550)),
    ];
    const HEALTH: [(&str, u32); 6] = [
        ("fabric.health.summary", 580),
        ("fabric.health.bandwidth", 550),
        ("fabric.health.route_recovery_in_progress", 570),
        ("fabric.health.route_unhealthy", 570),
        ("fabric.health.access_timeout_recovery", 570),
        ("fabric.health.incorrect_configuration", 580),
    ];
    for (at, (name, branch)) in HEALTH.into_iter().enumerate() {
        all.push(
            board(
                name,
                "Health of the fabric.",
                |board| &board.fabric,
                move |fabric| fabric_health(&fabric)[at].into(),
            )
            .bare()
            .since(Since::Branch(branch)),
        );
    }
    all.push(
        unknown("fabric.health.partition_assigned", "Whether a partition is assigned.")
            .bare()
            .since(Since::Wide),
    );
    let platform: [(&'static str, Told<crate::node::Platform>); 7] = [
        ("platform.chassis_serial_number", |one| one.chassis_serial.clone()),
        ("platform.slot_number", |one| one.slot.to_string()),
        ("platform.tray_index", |one| one.tray.to_string()),
        ("platform.host_id", |one| one.host.to_string()),
        ("platform.peer_type", |one| one.peer_type().into()),
        ("platform.module_id", |one| one.module.to_string()),
        ("platform.gpu_fabric_guid", |one| format!("0x{:016x}", one.fabric_guid)),
    ];
    for (name, read) in platform {
        all.push(
            board(name, "Place in the rack.", |board| &board.platform, move |one| read(&one))
                .since(Since::Branch(570)),
        );
    }
    all.push(unknown("hostname", "Host name given to the GPU.").since(Since::Branch(580)));
    all
}

/// What identifies a row that is not a GPU's own, in the order of its help, which is another than that of GPUs.
fn identity() -> Vec<Field> {
    let mut all = common(false);
    all.swap(2, 4);
    all.swap(3, 4);
    all
}

/// All of `--query-compute-apps`.
pub fn compute_apps() -> Vec<Field> {
    fn of(row: &Row<'_>, read: fn(&Process) -> Reading<String>) -> Reading<String> {
        match row.of {
            Of::Process(one) => read(one),
            _ => Err(Code::NOT_FOUND),
        }
    }
    let mut all = identity();
    all.extend([
        field("pid", "Process that computes.", move |row| of(row, |one| Ok(one.pid.to_string()))),
        field("process_name", "Its name.", move |row| of(row, |one| one.name.clone())).or(&["name"]),
        field("used_gpu_memory", "Memory that it has on the GPU.", move |row| {
            of(row, |one| one.memory.map(|bytes| mib(bytes).to_string()))
        })
        .or(&["used_memory"])
        .unit("MiB"),
    ]);
    all
}

/// All of `--query-accounted-apps`.
pub fn accounted_apps() -> Vec<Field> {
    fn of(row: &Row<'_>, read: fn(&Accounted) -> Option<String>) -> Reading<String> {
        match row.of {
            Of::Accounted(one) => read(one).ok_or(Code::NOT_SUPPORTED),
            _ => Err(Code::NOT_SUPPORTED),
        }
    }
    let mut all = identity();
    all.extend([
        unknown("vgpu_instance", "vGPU."),
        field("pid", "Process that computed.", |row| of(row, |one| Some(one.pid.to_string()))),
        field("gpu_utilization", "Share of its time in which a kernel ran.", |row| {
            of(row, |one| one.gpu.map(|percent| percent.to_string()))
        })
        .or(&["gpu_util"])
        .unit("%"),
        field("mem_utilization", "Share of its time in which memory was used.", |row| {
            of(row, |one| one.memory.map(|percent| percent.to_string()))
        })
        .or(&["mem_util"])
        .unit("%"),
        field("max_memory_usage", "Most memory that it had.", |row| {
            of(row, |one| Some(mib(one.most_memory).to_string()))
        })
        .unit("MiB"),
        field("time", "How long its context was there.", |row| of(row, |one| Some(one.time.to_string())))
            .unit("ms"),
    ]);
    all
}

/// All of `--query-retired-pages`.
pub fn retired_pages() -> Vec<Field> {
    fn page(row: &Row<'_>, write: fn(RetiredPage) -> String) -> Reading<String> {
        match row.of {
            Of::Retired(page, _) => page.map(write),
            _ => Err(Code::NOT_SUPPORTED),
        }
    }
    let mut all = identity();
    all.extend([
        field("retired_pages.address", "Where the page is.", |row| {
            page(row, |page| format!("0x{:016x}", page.address))
        }),
        field("retired_pages.timestamp", "When it was retired.", |row| {
            page(row, |page| crate::clock::moment(page.at_us))
        }),
        field("retired_pages.cause", "Why: Single Bit ECC (several of them) or Double Bit ECC.", |row| {
            match row.of {
                Of::Retired(_, Cause::SingleBit) => Ok("Single Bit ECC".into()),
                Of::Retired(_, Cause::DoubleBit) => Ok("Double Bit ECC".into()),
                _ => Err(Code::NOT_SUPPORTED),
            }
        }),
    ]);
    all
}

/// All of `--query-remapped-rows`.
pub fn remapped_rows() -> Vec<Field> {
    let mut all = identity();
    all.extend(retirement().into_iter().filter(|field| field.name.starts_with("remapped_rows.")));
    all
}

/// All of `--query-supported-clocks`.
pub fn supported_clocks() -> Vec<Field> {
    fn clock(row: &Row<'_>, which: fn((u32, u32)) -> u32) -> Reading<String> {
        match row.of {
            Of::Clocks(memory, graphics) => Ok(which((memory, graphics)).to_string()),
            _ => Err(Code::NOT_SUPPORTED),
        }
    }
    let mut all = identity();
    all.extend([
        field("memory", "Clock of the memory.", |row| clock(row, |(memory, _)| memory))
            .or(&["mem"])
            .unit("MHz"),
        field("graphics", "A clock of graphics and SM that goes with it.", |row| {
            clock(row, |(_, graphics)| graphics)
        })
        .or(&["gr"])
        .unit("MHz"),
    ]);
    all
}
