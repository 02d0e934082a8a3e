//! What `-q` shows, described once for text and XML: labels, tags, values, and which `-d` section each
//! belongs to.
//!
//! The description follows the driver's branch: fields came and went with 570, 580 and the later builds of
//! 580. Compared with captures of 550.90.12 (text), 570.148.08 (XML), 580.105.08 (XML) and 580.173.02
//! (text). Pure.

use crate::node::{Board, Code, Driver, Live, Memory, Node, Reading, RetiredPage, Samples};
use crate::words::*;

/// A line, or a heading with lines below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub label: String,
    pub tag: &'static str,
    pub body: Body,
    pub show: Show,
    /// Sections of `-d` that it belongs to.
    pub sections: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Value {
        text: String,
        /// Where XML writes it otherwise.
        xml: Option<String>,
    },
    Group(Vec<Item>),
}

/// Where an item is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    Everywhere,
    Text,
    Xml,
    /// In text, and only where `-d` asks for its section.
    Asked,
}

/// Names that `-d` takes; the place in this list is the bit in [`Item::sections`].
pub const SECTIONS: [&str; 21] = [
    "MEMORY",
    "UTILIZATION",
    "ECC",
    "TEMPERATURE",
    "POWER",
    "CLOCK",
    "COMPUTE",
    "PIDS",
    "PERFORMANCE",
    "SUPPORTED_CLOCKS",
    "PAGE_RETIREMENT",
    "ACCOUNTING",
    "ENCODER_STATS",
    "SUPPORTED_GPU_TARGET_TEMP",
    "VOLTAGE",
    "FBC_STATS",
    "ROW_REMAPPER",
    "RESET_STATUS",
    "GSP_FIRMWARE_VERSION",
    "POWER_SMOOTHING",
    "POWER_PROFILES",
];

/// The bit of a section.
pub fn section(name: &str) -> Option<u32> {
    SECTIONS.iter().position(|one| one.eq_ignore_ascii_case(name)).map(|at| 1 << at)
}

impl Item {
    fn shown(self, show: Show) -> Self {
        Self { show, ..self }
    }

    fn xml(self, other: String) -> Self {
        match self.body {
            Body::Value { text, .. } => Self { body: Body::Value { text, xml: Some(other) }, ..self },
            Body::Group(_) => self,
        }
    }

    fn of(self, name: &str) -> Self {
        Self { sections: self.sections | section(name).unwrap_or(0), ..self }
    }
}

fn value(label: &str, tag: &'static str, text: impl Into<String>) -> Item {
    Item {
        label: label.into(),
        tag,
        body: Body::Value { text: text.into(), xml: None },
        show: Show::Everywhere,
        sections: 0,
    }
}

fn group(label: &str, tag: &'static str, items: Vec<Item>) -> Item {
    Item { label: label.into(), tag, body: Body::Group(items), show: Show::Everywhere, sections: 0 }
}

/// A group where it is so, nothing otherwise.
fn when(is: bool, item: impl FnOnce() -> Item) -> Option<Item> {
    is.then(item)
}

/// Two states, now and after the next reset.
fn pair(label: &str, tag: &'static str, tags: [&'static str; 2], both: Reading<(String, String)>) -> Item {
    let (now, pending) = match both {
        Ok(both) => both,
        Err(code) => (refusal(code), refusal(code)),
    };
    group(label, tag, vec![value("Current", tags[0], now), value("Pending", tags[1], pending)])
}

fn switches(reading: &Reading<(bool, bool)>) -> Reading<(String, String)> {
    reading.map(|(now, pending)| (enabled(now).into(), enabled(pending).into()))
}

fn percent(reading: &Reading<u32>) -> String {
    with(reading, |percent| format!("{percent} %"))
}

fn megahertz(reading: &Reading<u32>) -> String {
    with(reading, |clock| format!("{clock} MHz"))
}

fn celsius<T: std::fmt::Display>(reading: &Reading<T>) -> String {
    with(reading, |degrees| format!("{degrees} C"))
}

fn power(reading: &Reading<u32>) -> String {
    with(reading, |milliwatts| format!("{} W", watts(*milliwatts)))
}

/// The lines above the GPUs.
pub fn head(node: &Node) -> Vec<Item> {
    vec![
        value("Driver Version", "driver_version", plain(&node.system.driver_version)),
        value(
            "CUDA Version",
            "cuda_version",
            with(&node.system.cuda_version, |(major, minor)| format!("{major}.{minor}")),
        ),
    ]
}

/// Everything about one GPU.
pub fn gpu(driver: Driver, live: &Live) -> Vec<Item> {
    let mut items = identity(driver, live);
    items.extend(state(driver, live));
    items.extend(errors(driver, live));
    items.extend(heat_and_power(driver, &live.board));
    items.extend(clocks(driver, &live.board));
    items.extend(work(driver, live));
    items
}

fn identity(driver: Driver, live: &Live) -> Vec<Item> {
    let board = &live.board;
    let late = driver.branch >= 570;
    let newest = driver.branch >= 580;
    let mut items = vec![
        value("Product Name", "product_name", plain(&board.name)),
        value("Product Brand", "product_brand", with(&board.brand, |one| brand(*one).into())),
        value(
            "Product Architecture",
            "product_architecture",
            with(&board.architecture, |one| architecture(*one).into()),
        ),
        value("Display Mode", "display_mode", plain(&display_mode(driver, &board.display_mode))),
    ];
    items.extend(when(newest, || {
        value("Display Attached", "display_attached", with(&board.display_mode, |on| yes(*on).into()))
    }));
    items.extend([
        value("Display Active", "display_active", with(&board.display_active, |on| enabled(*on).into())),
        value("Persistence Mode", "persistence_mode", with(&board.persistence, |on| enabled(*on).into())),
        value(
            "Addressing Mode",
            "addressing_mode",
            with(&board.addressing_mode, |mode| addressing_mode(*mode).into()),
        ),
        pair("MIG Mode", "mig_mode", ["current_mig", "pending_mig"], switches(&board.mig)),
    ]);
    items.extend(mig_devices(driver, live));
    items.extend([
        value("Accounting Mode", "accounting_mode", with(&board.accounting, |on| enabled(*on).into()))
            .of("ACCOUNTING"),
        value("Accounting Mode Buffer Size", "accounting_mode_buffer_size", plain(&board.accounting_buffer))
            .of("ACCOUNTING"),
        pair("Driver Model", "driver_model", ["current_dm", "pending_dm"], Err(Code::NOT_SUPPORTED)),
        value("Serial Number", "serial", plain(&board.serial)),
        value("GPU UUID", "uuid", plain(&board.uuid)),
    ]);
    items.extend(when(newest, || value("GPU PDI", "pdi", with(&board.pdi, |id| format!("0x{id:016x}")))));
    items.extend([
        value("Minor Number", "minor_number", plain(&board.minor)),
        value("VBIOS Version", "vbios_version", plain(&board.vbios)),
        value("MultiGPU Board", "multigpu_board", with(&board.multi_gpu_board, |is| yes(*is).into())),
        value("Board ID", "board_id", with(&board.board_id, |id| format!("{id:#x}"))),
        value("Board Part Number", "board_part_number", plain(&board.board_part_number)),
        value("GPU Part Number", "gpu_part_number", plain(&board.gpu_part_number)),
        value("FRU Part Number", "gpu_fru_part_number", "N/A"),
    ]);
    if late {
        let platform = &board.platform;
        let number = |read: fn(&crate::node::Platform) -> u32| match platform {
            Ok(one) if one.peer_known() => read(one).to_string(),
            Ok(_) => "N/A".into(),
            Err(code) => refusal(*code),
        };
        items.push(group(
            "Platform Info",
            "platformInfo",
            vec![
                value(
                    "Chassis Serial Number",
                    "chassis_serial_number",
                    with(platform, |one| {
                        if one.chassis_serial.is_empty() { "N/A".into() } else { one.chassis_serial.clone() }
                    }),
                ),
                value("Slot Number", "slot_number", number(|one| one.slot)),
                value("Tray Index", "tray_index", number(|one| one.tray)),
                value("Host ID", "host_id", number(|one| one.host)),
                value(
                    "Peer Type",
                    "peer_type",
                    match platform {
                        Ok(one) if one.peer_known() => one.peer_type().into(),
                        Ok(_) => "N/A".into(),
                        Err(code) => refusal(*code),
                    },
                ),
                value("Module Id", "module_id", plain(&board.module_id)),
                value(
                    "GPU Fabric GUID",
                    "gpu_fabric_guid",
                    match platform {
                        Ok(one) if one.fabric_guid != 0 => format!("0x{:016x}", one.fabric_guid),
                        Ok(_) => "N/A".into(),
                        Err(code) => refusal(*code),
                    },
                ),
            ],
        ));
    } else {
        items.push(value("Module ID", "module_id", plain(&board.module_id)));
    }
    items.extend([
        group(
            "Inforom Version",
            "inforom_version",
            vec![
                value("Image Version", "img_version", plain(&board.inforom_image)),
                value("OEM Object", "oem_object", plain(&board.inforom_oem)),
                value("ECC Object", "ecc_object", plain(&board.inforom_ecc)),
                value("Power Management Object", "pwr_object", plain(&board.inforom_power)),
            ],
        ),
        group(
            "Inforom BBX Object Flush",
            "inforom_bbx_flush",
            vec![
                value(
                    "Latest Timestamp",
                    "latest_timestamp",
                    with(&board.blackbox_flush, |(at, _)| crate::clock::moment(*at)),
                ),
                value(
                    "Latest Duration",
                    "latest_duration",
                    with(&board.blackbox_flush, |(_, took)| format!("{took} us")),
                ),
            ],
        ),
        pair(
            "GPU Operation Mode",
            "gpu_operation_mode",
            ["current_gom", "pending_gom"],
            board
                .gpu_operation_mode
                .map(|(now, pending)| (operation_mode(now).into(), operation_mode(pending).into())),
        ),
        value("GPU C2C Mode", "c2c_mode", with(&board.c2c, |on| enabled(*on).into())),
        group(
            "GPU Virtualization Mode",
            "gpu_virtualization_mode",
            vec![
                value(
                    "Virtualization Mode",
                    "virtualization_mode",
                    with(&board.virtualization, |mode| virtualization(*mode).into()),
                ),
                value("Host VGPU Mode", "host_vgpu_mode", "N/A"),
                value("vGPU Heterogeneous Mode", "vgpu_heterogeneous_mode", "N/A"),
            ],
        ),
    ]);
    if !newest {
        let one = |reading: &Reading<bool>| {
            if late { Code::DEPRECATED.text().into() } else { with(reading, |is| yes(*is).into()) }
        };
        items.push(
            group(
                "GPU Reset Status",
                "gpu_reset_status",
                vec![
                    value("Reset Required", "reset_required", one(&board.reset_required)),
                    value(
                        "Drain and Reset Recommended",
                        "drain_and_reset_recommended",
                        one(&board.drain_and_reset),
                    ),
                ],
            )
            .of("RESET_STATUS"),
        );
    }
    items.extend(when(late, || {
        value(
            "GPU Recovery Action",
            "gpu_recovery_action",
            with(&board.recovery_action, |action| recovery_action(*action).into()),
        )
    }));
    items.extend([
        value("GSP Firmware Version", "gsp_firmware_version", plain(&board.gsp_version))
            .of("GSP_FIRMWARE_VERSION"),
        group("IBMNPU", "ibmnpu", vec![value("Relaxed Ordering Mode", "relaxed_ordering_mode", "N/A")]),
        pci(driver, board),
    ]);
    items
}

fn mig_devices(driver: Driver, live: &Live) -> Vec<Item> {
    let devices = live.board.mig_devices.as_deref().unwrap_or_default();
    if devices.is_empty() {
        return vec![value("", "mig_devices", "").shown(Show::Xml).xml("\n\t\t\tNone\n\t\t".into())];
    }
    let shared = if driver.branch >= 590 { "Shared " } else { "" };
    let described: Vec<Item> = devices
        .iter()
        .map(|device| {
            let engine =
                |read: fn(&crate::node::Engines) -> u32| with(&device.engines, |all| read(all).to_string());
            group(
                "MIG Device",
                "mig_device",
                vec![
                    value("Index", "index", device.index.to_string()),
                    value("GPU Instance ID", "gpu_instance_id", plain(&device.gpu_instance)),
                    value("Compute Instance ID", "compute_instance_id", plain(&device.compute_instance)),
                    group(
                        "Device Attributes",
                        "device_attributes",
                        vec![group(
                            "Shared",
                            "shared",
                            vec![
                                value("Multiprocessor count", "multiprocessor_count", engine(|all| all.sm)),
                                value("Copy Engine count", "copy_engine_count", engine(|all| all.copy)),
                                value("Encoder count", "encoder_count", engine(|all| all.encoder)),
                                value("Decoder count", "decoder_count", engine(|all| all.decoder)),
                                value("OFA count", "ofa_count", engine(|all| all.ofa)),
                                value("JPG count", "jpg_count", engine(|all| all.jpeg)),
                            ],
                        )],
                    ),
                    group(
                        "ECC Errors",
                        "ecc_error_count",
                        vec![group(
                            "Volatile",
                            "volatile_count",
                            vec![value(
                                "SRAM Uncorrectable",
                                "sram_uncorrectable",
                                plain(&device.sram_uncorrected),
                            )],
                        )],
                    ),
                    memory(&format!("{shared}FB Memory Usage"), "fb_memory_usage", &device.memory, true),
                    memory(&format!("{shared}BAR1 Memory"), "bar1_memory_usage", &device.bar1, false),
                ],
            )
        })
        .collect();
    let mut items: Vec<Item> = described.iter().cloned().map(|item| item.shown(Show::Text)).collect();
    items.push(group("", "mig_devices", described).shown(Show::Xml));
    items
}

fn memory(label: &str, tag: &'static str, reading: &Reading<Memory>, reserved: bool) -> Item {
    let one = |read: fn(&Memory) -> u64| with(reading, |memory| format!("{} MiB", mib(read(memory))));
    let mut items = vec![value("Total", "total", one(|memory| memory.total))];
    if reserved {
        items.push(value("Reserved", "reserved", one(|memory| memory.reserved)));
    }
    items.extend([
        value("Used", "used", one(|memory| memory.used)),
        value("Free", "free", one(|memory| memory.free)),
    ]);
    group(label, tag, items)
}

fn pci(driver: Driver, board: &Board) -> Item {
    let pci = &board.pci;
    // XML leaves out the 0x.
    let hex = |label: &str, tag, read: &dyn Fn(&crate::node::Pci) -> Reading<String>| {
        let bare = pci.as_ref().map_err(|code| *code).and_then(read);
        value(label, tag, with(&bare, |digits| format!("0x{digits}"))).xml(plain(&bare))
    };
    let class = |read: fn(&(u32, u32)) -> u32| {
        move |pci: &crate::node::Pci| {
            pci.class.as_ref().map(|class| format!("{:X}", read(class))).map_err(|code| *code)
        }
    };
    let width = |reading: &Reading<u32>| with(reading, |lanes| format!("{lanes}x"));
    let mut atomics = [
        value("Atomic Caps Outbound", "atomic_caps_outbound", "N/A"),
        value("Atomic Caps Inbound", "atomic_caps_inbound", "N/A"),
    ];
    if driver.branch < 570 {
        atomics.reverse();
    }
    let mut items = vec![
        hex("Bus", "pci_bus", &|pci| Ok(format!("{:02X}", pci.bus))),
        hex("Device", "pci_device", &|pci| Ok(format!("{:02X}", pci.device))),
        hex("Domain", "pci_domain", &|pci| Ok(format!("{:04X}", pci.domain))),
        hex("Base Classcode", "pci_base_class", &class(|class| class.0)),
        hex("Sub Classcode", "pci_sub_class", &class(|class| class.1)),
        hex("Device Id", "pci_device_id", &|pci| Ok(format!("{:08X}", pci.id))),
        value("Bus Id", "pci_bus_id", with(pci, |pci| pci.bus_id.clone())),
        hex("Sub System Id", "pci_sub_system_id", &|pci| Ok(format!("{:08X}", pci.subsystem))),
        group(
            "GPU Link Info",
            "pci_gpu_link_info",
            vec![
                group(
                    "PCIe Generation",
                    "pcie_gen",
                    vec![
                        value("Max", "max_link_gen", plain(&board.pcie_gen_max)),
                        value("Current", "current_link_gen", plain(&board.pcie_gen)),
                        value("Device Current", "device_current_link_gen", plain(&board.pcie_gen)),
                        value("Device Max", "max_device_link_gen", plain(&board.pcie_gen_device_max)),
                        value("Host Max", "max_host_link_gen", "N/A"),
                    ],
                ),
                group(
                    "Link Width",
                    "link_widths",
                    vec![
                        value("Max", "max_link_width", width(&board.pcie_width_max)),
                        value("Current", "current_link_width", width(&board.pcie_width)),
                    ],
                ),
            ],
        ),
        group(
            "Bridge Chip",
            "pci_bridge_chip",
            vec![value("Type", "bridge_chip_type", "N/A"), value("Firmware", "bridge_chip_fw", "N/A")],
        ),
        value("Replays Since Reset", "replay_counter", plain(&board.pcie_replays)),
        value("Replay Number Rollovers", "replay_rollover_counter", plain(&board.pcie_replay_rollovers)),
        value("Tx Throughput", "tx_util", with(&board.pcie_tx, |rate| format!("{rate} KB/s"))),
        value("Rx Throughput", "rx_util", with(&board.pcie_rx, |rate| format!("{rate} KB/s"))),
    ];
    items.extend(atomics);
    group("PCI", "pci", items)
}

fn state(driver: Driver, live: &Live) -> Vec<Item> {
    let board = &live.board;
    const REASON_TAGS: [&str; 9] = [
        "clocks_event_reason_gpu_idle",
        "clocks_event_reason_applications_clocks_setting",
        "clocks_event_reason_sw_power_cap",
        "clocks_event_reason_hw_slowdown",
        "clocks_event_reason_hw_thermal_slowdown",
        "clocks_event_reason_hw_power_brake_slowdown",
        "clocks_event_reason_sync_boost",
        "clocks_event_reason_sw_thermal_slowdown",
        "clocks_event_reason_display_clocks_setting",
    ];
    let reasons = match &board.reasons {
        Ok(bits) => group(
            "Clocks Event Reasons",
            "clocks_event_reasons",
            REASONS
                .iter()
                .zip(REASON_TAGS)
                .map(|((bit, label, _), tag)| value(label, tag, active(bits & bit != 0)))
                .collect(),
        ),
        Err(code) => value("Clocks Event Reasons", "clocks_event_reasons", refusal(*code)),
    };
    let microseconds = |reading: &Reading<u64>| with(reading, |time| format!("{time} us"));
    let mig = live.mig_enabled();
    // MIG has no utilization of the whole.
    let busy = |reading: &Reading<u32>| if mig { "N/A".into() } else { percent(reading) };
    let sessions = |label: &str, tag, reading: &Reading<crate::node::Sessions>| {
        group(
            label,
            tag,
            vec![
                value("Active Sessions", "session_count", with(reading, |one| one.count.to_string())),
                value("Average FPS", "average_fps", with(reading, |one| one.fps.to_string())),
                value("Average Latency", "average_latency", with(reading, |one| one.latency.to_string())),
            ],
        )
    };
    let mut items = vec![
        value("Fan Speed", "fan_speed", percent(&board.fan)),
        value(
            "Performance State",
            "performance_state",
            with(&board.performance_state, |state| performance_state(*state)),
        )
        .of("PERFORMANCE"),
        reasons.of("PERFORMANCE"),
    ];
    items.extend(when(driver.branch >= 580, || {
        group(
            "Clocks Event Reasons Counters",
            "clocks_event_reasons_counters",
            vec![
                value(
                    "SW Power Capping",
                    "clocks_event_reasons_counters_sw_power_cap",
                    microseconds(&board.reason_power_cap),
                ),
                value(
                    "Sync Boost",
                    "clocks_event_reasons_counters_sync_boost",
                    microseconds(&board.reason_sync_boost),
                ),
                value(
                    "SW Thermal Slowdown",
                    "clocks_event_reasons_counters_sw_therm_slowdown",
                    microseconds(&board.reason_software_thermal),
                ),
                value(
                    "HW Thermal Slowdown",
                    "clocks_event_reasons_counters_hw_therm_slowdown",
                    microseconds(&board.reason_hardware_thermal),
                ),
                value(
                    "HW Power Braking",
                    "clocks_event_reasons_counters_hw_power_brake",
                    microseconds(&board.reason_power_brake),
                ),
            ],
        )
        .of("PERFORMANCE")
    }));
    items.extend([
        value(
            "Sparse Operation Mode",
            "sparse_operation_mode",
            // Hopper and later have it, and leave it off.
            with(&board.architecture, |one| if *one >= 9 { "Disabled" } else { "N/A" }.into()),
        )
        .of("PERFORMANCE"),
        memory("FB Memory Usage", "fb_memory_usage", &board.memory, true).of("MEMORY"),
        memory("BAR1 Memory Usage", "bar1_memory_usage", &board.bar1, false).of("MEMORY"),
        memory(
            "Conf Compute Protected Memory Usage",
            "cc_protected_memory_usage",
            &board.protected_memory,
            false,
        )
        .of("MEMORY"),
        value("Compute Mode", "compute_mode", with(&board.compute_mode, |mode| compute_mode(*mode).into()))
            .of("COMPUTE"),
        group(
            "Utilization",
            "utilization",
            vec![
                value(
                    if driver.branch >= 570 { "GPU" } else { "Gpu" },
                    "gpu_util",
                    busy(&board.utilization_gpu),
                ),
                value("Memory", "memory_util", busy(&board.utilization_memory)),
                value("Encoder", "encoder_util", busy(&board.utilization_encoder)),
                value("Decoder", "decoder_util", busy(&board.utilization_decoder)),
                value("JPEG", "jpeg_util", busy(&board.utilization_jpeg)),
                value("OFA", "ofa_util", busy(&board.utilization_ofa)),
            ],
        )
        .of("UTILIZATION"),
    ]);
    const LOADS: [&str; 4] = ["GPU", "Memory", "ENC", "DEC"];
    for (at, name) in LOADS.into_iter().enumerate() {
        let taken = board.utilization_samples.as_ref().map_err(|code| *code).and_then(|all| all[at]);
        items.push(samples(&format!("{name} Utilization Samples"), &taken, "%", 0).of("UTILIZATION"));
    }
    items.extend([
        sessions("Encoder Stats", "encoder_stats", &board.encoder_stats).of("ENCODER_STATS"),
        sessions("FBC Stats", "fbc_stats", &board.fbc_stats).of("FBC_STATS"),
    ]);
    items.extend(when(driver.branch >= 570, || {
        pair(
            "DRAM Encryption Mode",
            "dram_encryption_mode",
            ["current_dram_encryption", "pending_dram_encryption"],
            switches(&board.dram_encryption),
        )
    }));
    items
}

/// Readings over a while; only where `-d` asks.
fn samples(label: &str, reading: &Reading<Samples>, unit: &str, digits: usize) -> Item {
    let number = |read: fn(&Samples) -> f64| {
        let unit = unit.to_owned();
        with(reading, move |all| format!("{:.digits$} {unit}", read(all)))
    };
    group(
        label,
        "",
        vec![
            value("Duration", "", with(reading, |all| format!("{:.2} sec", all.seconds))),
            value("Number of Samples", "", with(reading, |all| all.count.to_string())),
            value("Max", "", number(|all| all.most)),
            value("Min", "", number(|all| all.least)),
            value("Avg", "", number(|all| all.mean)),
        ],
    )
    .shown(Show::Asked)
}

fn errors(driver: Driver, live: &Live) -> Vec<Item> {
    let board = &live.board;
    // Ampere and later tell parity from SEC-DED; before that there is one sum.
    let finer = !matches!(board.architecture, Ok(..=6));
    let period = |at: usize| {
        let mut items = vec![value("SRAM Correctable", "sram_correctable", plain(&live.ecc.count[0][at][7]))];
        if finer {
            items.extend([
                value(
                    "SRAM Uncorrectable Parity",
                    "sram_uncorrectable_parity",
                    with(&board.sram, |sram| sram.parity[at].to_string()),
                ),
                value(
                    "SRAM Uncorrectable SEC-DED",
                    "sram_uncorrectable_secded",
                    with(&board.sram, |sram| sram.secded[at].to_string()),
                ),
            ]);
        } else {
            items.push(value("SRAM Uncorrectable", "sram_uncorrectable", plain(&live.ecc.count[1][at][7])));
        }
        items.extend([
            value("DRAM Correctable", "dram_correctable", plain(&live.ecc.count[0][at][2])),
            value("DRAM Uncorrectable", "dram_uncorrectable", plain(&live.ecc.count[1][at][2])),
        ]);
        if finer && at == 1 {
            items.push(value(
                "SRAM Threshold Exceeded",
                "sram_threshold_exceeded",
                with(&board.sram, |sram| yes(sram.threshold_exceeded).into()),
            ));
        }
        items
    };
    let mut counts =
        vec![group("Volatile", "volatile", period(0)), group("Aggregate", "aggregate", period(1))];
    if finer {
        let source = |at: usize| with(&board.sram, |sram| sram.sources[at].to_string());
        counts.push(group(
            "Aggregate Uncorrectable SRAM Sources",
            "aggregate_uncorrectable_sram_sources",
            vec![
                value("SRAM L2", "sram_l2", source(0)),
                value("SRAM SM", "sram_sm", source(1)),
                value("SRAM Microcontroller", "sram_microcontroller", source(2)),
                value("SRAM PCIE", "sram_pcie", source(3)),
                value("SRAM Other", "sram_other", source(4)),
            ],
        ));
    }
    if finer && driver.branch >= 580 {
        counts.extend([
            value(
                "Channel Repair Pending",
                "channel_repair_pending",
                with(&board.repair_pending, |(channel, _)| yes(*channel).into()),
            ),
            value(
                "TPC Repair Pending",
                "tpc_repair_pending",
                with(&board.repair_pending, |(_, tpc)| yes(*tpc).into()),
            ),
        ]);
    }
    if finer && driver.is_wide() {
        // There is no public call for it.
        counts.push(value("Unrepairable Memory", "unrepairable_memory", "N/A"));
    }
    let count = |reading: &Reading<Vec<RetiredPage>>| with(reading, |pages| pages.len().to_string());
    let retired = |label: &str, tag, reading: &Reading<Vec<RetiredPage>>| {
        group(
            label,
            tag,
            vec![
                value("", "retired_count", count(reading)),
                value("", "retired_pagelist", "").xml(match reading {
                    Ok(_) => "\n\t\t\t\t".into(),
                    Err(code) => refusal(*code),
                }),
            ],
        )
        .shown(Show::Xml)
    };
    vec![
        pair("ECC Mode", "ecc_mode", ["current_ecc", "pending_ecc"], switches(&board.ecc)).of("ECC"),
        group("ECC Errors", "ecc_errors", counts).of("ECC"),
        group(
            "Retired Pages",
            "retired_pages",
            vec![
                retired("", "multiple_single_bit_retirement", &board.retired_pages_single_bit),
                retired("", "double_bit_retirement", &board.retired_pages_double_bit),
                value("Single Bit ECC", "", count(&board.retired_pages_single_bit)).shown(Show::Text),
                value("Double Bit ECC", "", count(&board.retired_pages_double_bit)).shown(Show::Text),
                value(
                    "Pending Page Blacklist",
                    "pending_blacklist",
                    with(&board.retired_pending, |is| yes(*is).into()),
                ),
                value("", "pending_retirement", with(&board.retired_pending, |is| yes(*is).into()))
                    .shown(Show::Xml),
            ],
        )
        .of("PAGE_RETIREMENT"),
        remapped(driver, live).of("ROW_REMAPPER"),
    ]
}

fn remapped(driver: Driver, live: &Live) -> Item {
    let board = &live.board;
    let rows = match &board.remapped {
        Ok(rows) if !live.mig_enabled() => rows,
        Ok(_) => return value("Remapped Rows", "remapped_rows", "N/A"),
        Err(code) => return value("Remapped Rows", "remapped_rows", refusal(*code)),
    };
    let wide = driver.is_wide();
    let mut items = vec![value("Correctable Error", "remapped_row_corr", rows.corrected.to_string())];
    // The older call has no count of inactive rows; none are inactive on a board that it knows.
    items.extend(when(wide, || value("Inactive Correctable Error", "remapped_row_corr_inactive", "0")));
    items.push(value("Uncorrectable Error", "remapped_row_unc", rows.uncorrected.to_string()));
    items.extend(when(wide, || value("Inactive Uncorrectable Error", "remapped_row_unc_inactive", "0")));
    items.extend([
        value("Pending", "remapped_row_pending", yes(rows.pending)),
        value("Remapping Failure Occurred", "remapped_row_failure", yes(rows.failed)),
    ]);
    let banks = |at: usize| with(&board.remap_histogram, |all| format!("{} bank(s)", all[at]));
    items.push(group(
        "Bank Remap Availability Histogram",
        "row_remapper_histogram",
        vec![
            value("Max", "row_remapper_histogram_max", banks(0)),
            value("High", "row_remapper_histogram_high", banks(1)),
            value("Partial", "row_remapper_histogram_partial", banks(2)),
            value("Low", "row_remapper_histogram_low", banks(3)),
            value("None", "row_remapper_histogram_none", banks(4)),
        ],
    ));
    group("Remapped Rows", "remapped_rows", items)
}

fn heat_and_power(driver: Driver, board: &Board) -> Vec<Item> {
    let mut heat = vec![
        value("GPU Current Temp", "gpu_temp", celsius(&board.temperature)),
        value("GPU T.Limit Temp", "gpu_temp_tlimit", celsius(&board.temperature_margin)),
    ];
    let target =
        value("GPU Target Temperature", "gpu_target_temperature", celsius(&board.target_temperature));
    let memory = value("Memory Current Temp", "memory_temp", celsius(&board.temperature_memory));
    if board.tlimit_slowdown.is_ok() {
        heat.extend([
            value(
                "GPU Shutdown T.Limit Temp",
                "gpu_temp_max_tlimit_threshold",
                celsius(&board.tlimit_shutdown),
            ),
            value(
                "GPU Slowdown T.Limit Temp",
                "gpu_temp_slow_tlimit_threshold",
                celsius(&board.tlimit_slowdown),
            ),
            value(
                "GPU Max Operating T.Limit Temp",
                "gpu_temp_max_gpu_tlimit_threshold",
                celsius(&board.tlimit_gpu_max),
            ),
            target,
            memory,
            value(
                "Memory Max Operating T.Limit Temp",
                "gpu_temp_max_mem_tlimit_threshold",
                celsius(&board.tlimit_memory),
            ),
        ]);
    } else {
        heat.extend([
            value("GPU Shutdown Temp", "gpu_temp_max_threshold", celsius(&board.threshold_shutdown)),
            value("GPU Slowdown Temp", "gpu_temp_slow_threshold", celsius(&board.threshold_slowdown)),
            value("GPU Max Operating Temp", "gpu_temp_max_gpu_threshold", celsius(&board.threshold_gpu_max)),
            target,
            memory,
            value(
                "Memory Max Operating Temp",
                "gpu_temp_max_mem_threshold",
                celsius(&board.threshold_memory),
            ),
        ]);
    }
    let absent = Err(Code::NOT_SUPPORTED);
    let late = driver.branch >= 570;
    let draw = |average: &Reading<u32>, instant: &Reading<u32>, one: &Reading<u32>| {
        if late {
            vec![
                value("Average Power Draw", "average_power_draw", power(average)),
                value("Instantaneous Power Draw", "instant_power_draw", power(instant)),
            ]
        } else {
            vec![value("Power Draw", "power_draw", power(one))]
        }
    };
    let limits = |readings: [&Reading<u32>; 5]| {
        [
            value("Current Power Limit", "current_power_limit", power(readings[0])),
            value("Requested Power Limit", "requested_power_limit", power(readings[1])),
            value("Default Power Limit", "default_power_limit", power(readings[2])),
            value("Min Power Limit", "min_power_limit", power(readings[3])),
            value("Max Power Limit", "max_power_limit", power(readings[4])),
        ]
    };
    let level = || {
        value("", "power_state", with(&board.performance_state, |state| performance_state(*state)))
            .shown(Show::Xml)
    };
    let mut gpu = vec![level()];
    gpu.extend(draw(&board.power_average, &board.power_instant, &board.power_draw));
    gpu.extend(limits([
        &board.power_limit_enforced,
        &board.power_limit,
        &board.power_limit_default,
        &board.power_limit_min,
        &board.power_limit_max,
    ]));
    let mut module = vec![level()];
    module.extend(draw(&absent, &absent, &absent));
    module.extend(limits([&absent; 5]));
    let mut items = vec![
        group("Temperature", "temperature", heat).of("TEMPERATURE"),
        group(
            "Supported GPU Target Temp",
            "supported_gpu_target_temp",
            vec![
                value("GPU Target Temp Min", "gpu_target_temp_min", celsius(&board.target_temperature_min)),
                value("GPU Target Temp Max", "gpu_target_temp_max", celsius(&board.target_temperature_max)),
            ],
        )
        .shown(Show::Xml),
        group(
            "Supported GPU Target Temp",
            "",
            vec![
                value("GPU Target Temp Min", "", celsius(&board.target_temperature_min)),
                value("GPU Target Temp Max", "", celsius(&board.target_temperature_max)),
            ],
        )
        .shown(Show::Asked)
        .of("SUPPORTED_GPU_TARGET_TEMP"),
        group("GPU Power Readings", "gpu_power_readings", gpu).of("POWER"),
        samples("Power Samples", &board.power_samples, "W", 2).of("POWER"),
        group(
            // The space at the end is nvidia-smi's.
            "GPU Memory Power Readings ",
            "gpu_memory_power_readings",
            draw(&board.power_memory_average, &absent, &board.power_memory_average),
        )
        .of("POWER"),
        group("Module Power Readings", "module_power_readings", module).of("POWER"),
    ];
    if late {
        items.extend([
            value("Power Smoothing", "power_smoothing", "N/A").of("POWER_SMOOTHING"),
            group(
                "Workload Power Profiles",
                "power_profiles",
                vec![
                    value("Requested Profiles", "power_profile_requested_profiles", "N/A"),
                    value("Enforced Profiles", "power_profile_enforced_profiles", "N/A"),
                ],
            )
            .of("POWER_PROFILES"),
        ]);
    }
    if driver.branch >= 590 {
        items.push(value("EDPp Multiplier", "edpp_multiplier", "N/A"));
    }
    items
}

fn clocks(driver: Driver, board: &Board) -> Vec<Item> {
    let old = |reading: &Reading<u32>| {
        if driver.branch >= 590 { Code::DEPRECATED.text().into() } else { megahertz(reading) }
    };
    let both = |label: &str, tag, graphics: String, memory: String| {
        group(
            label,
            tag,
            vec![value("Graphics", "graphics_clock", graphics), value("Memory", "mem_clock", memory)],
        )
    };
    let four = |label: &str, tag, readings: [&Reading<u32>; 4]| {
        group(
            label,
            tag,
            vec![
                value("Graphics", "graphics_clock", megahertz(readings[0])),
                value("SM", "sm_clock", megahertz(readings[1])),
                value("Memory", "mem_clock", megahertz(readings[2])),
                value("Video", "video_clock", megahertz(readings[3])),
            ],
        )
    };
    let taken = |at: usize| board.clock_samples.as_ref().map_err(|code| *code).and_then(|all| all[at]);
    let mut items = vec![
        four(
            "Clocks",
            "clocks",
            [&board.clock_graphics, &board.clock_sm, &board.clock_memory, &board.clock_video],
        ),
        both(
            "Applications Clocks",
            "applications_clocks",
            old(&board.clock_app_graphics),
            old(&board.clock_app_memory),
        ),
        both(
            "Default Applications Clocks",
            "default_applications_clocks",
            old(&board.clock_app_default_graphics),
            old(&board.clock_app_default_memory),
        ),
        group("Deferred Clocks", "deferred_clocks", vec![value("Memory", "mem_clock", "N/A")]),
        four(
            "Max Clocks",
            "max_clocks",
            [&board.clock_max_graphics, &board.clock_max_sm, &board.clock_max_memory, &board.clock_max_video],
        ),
        group(
            "Max Customer Boost Clocks",
            "max_customer_boost_clocks",
            vec![value("Graphics", "graphics_clock", megahertz(&board.clock_boost_graphics))],
        ),
        samples("SM Clock Samples", &taken(0), "MHz", 0),
        samples("Memory Clock Samples", &taken(1), "MHz", 0),
        group(
            "Clock Policy",
            "clock_policy",
            vec![
                value("Auto Boost", "auto_boost", "N/A"),
                value("Auto Boost Default", "auto_boost_default", "N/A"),
            ],
        ),
    ];
    items = items.into_iter().map(|item| item.of("CLOCK")).collect();
    if driver.branch < 580 {
        // There is no public call for it.
        items
            .push(group("Voltage", "voltage", vec![value("Graphics", "graphics_volt", "N/A")]).of("VOLTAGE"));
    }
    items
}

fn work(driver: Driver, live: &Live) -> Vec<Item> {
    let board = &live.board;
    let mut items = vec![fabric(driver, board)];
    let table = |show: Show, tags: [&'static str; 3]| match &board.supported_clocks {
        Ok(all) if show == Show::Xml || !all.is_empty() => {
            let memories = all
                .iter()
                .flat_map(|(memory, graphics)| {
                    let memory = format!("{memory} MHz");
                    let lines: Vec<Item> = graphics
                        .iter()
                        .map(|clock| value("Graphics", tags[2], format!("{clock} MHz")))
                        .collect();
                    if show == Show::Xml {
                        let mut inside = vec![value("Memory", "value", memory)];
                        inside.extend(lines);
                        vec![group("", tags[1], inside)]
                    } else {
                        let mut beside = vec![value("Memory", "", memory)];
                        beside.extend(
                            lines.into_iter().map(|line| Item { label: "    Graphics".into(), ..line }),
                        );
                        beside
                    }
                })
                .collect();
            group("Supported Clocks", tags[0], memories).shown(show)
        }
        Ok(_) => value("Supported Clocks", tags[0], "N/A").shown(show),
        Err(code) => value("Supported Clocks", tags[0], refusal(*code)).shown(show),
    };
    items.extend([
        table(Show::Xml, ["supported_clocks", "supported_mem_clock", "supported_graphics_clock"]),
        table(Show::Asked, [""; 3]).of("SUPPORTED_CLOCKS"),
    ]);
    items.extend(processes(board));
    items.push(accounted(board));
    items.push(group("", "accounted_processes", Vec::new()).shown(Show::Xml));
    items.extend(when(driver.branch >= 580, || {
        group("Capabilities", "capabilities", vec![value("EGM", "egm", "disabled")])
    }));
    items
}

fn fabric(driver: Driver, board: &Board) -> Item {
    let fabric = &board.fabric;
    let health = |at: usize| with(fabric, |fabric| fabric_health(fabric)[at].into());
    let mut lines = Vec::new();
    lines.extend(when(driver.branch >= 580, || value("Summary", "summary", health(0))));
    lines.push(value("Bandwidth", "bandwidth", health(1)));
    if driver.branch >= 570 {
        lines.extend([
            value("Route Recovery in progress", "route_recovery_in_progress", health(2)),
            value("Route Unhealthy", "route_unhealthy", health(3)),
            value("Access Timeout Recovery", "access_timeout_recovery", health(4)),
        ]);
    }
    lines.extend(when(driver.branch >= 580, || {
        value("Incorrect Configuration", "incorrect_configuration", health(5))
    }));
    lines.extend(when(driver.branch == 580 && driver.is_wide(), || {
        value("Partition Assigned", "partition_assigned", "N/A")
    }));
    group(
        "Fabric",
        "fabric",
        vec![
            value("State", "state", with(fabric, |fabric| fabric_state(fabric).into())),
            value("Status", "status", with(fabric, |fabric| fabric_status(fabric).into())),
            value("CliqueId", "cliqueId", with(fabric, fabric_clique)),
            value("ClusterUUID", "clusterUuid", with(fabric, fabric_cluster)),
            group("Health", "health", lines),
        ],
    )
}

fn processes(board: &Board) -> [Item; 2] {
    let all = match &board.processes {
        Ok(all) => all.as_slice(),
        Err(code) => {
            let text = value("Processes", "", refusal(*code)).shown(Show::Text).of("PIDS");
            return [text, value("", "processes", refusal(*code)).shown(Show::Xml)];
        }
    };
    let id = |id: Option<u32>| id.map_or("N/A".into(), |id| id.to_string());
    let entries: Vec<Vec<Item>> = all
        .iter()
        .map(|one| {
            vec![
                value("GPU instance ID", "gpu_instance_id", id(one.gpu_instance)),
                value("Compute instance ID", "compute_instance_id", id(one.compute_instance)),
                value("Process ID", "pid", one.pid.to_string()),
                value("    Type", "type", process_type(one.compute, one.graphics)),
                value("    Name", "process_name", plain(&one.name)),
                value(
                    "    Used GPU Memory",
                    "used_memory",
                    with(&one.memory, |bytes| format!("{} MiB", mib(*bytes))),
                ),
            ]
        })
        .collect();
    let text = if entries.is_empty() {
        value("Processes", "", "None")
    } else {
        group("Processes", "", entries.iter().flatten().cloned().collect())
    };
    let xml = entries.into_iter().map(|one| group("", "process_info", one)).collect();
    [text.shown(Show::Text).of("PIDS"), group("", "processes", xml).shown(Show::Xml)]
}

fn accounted(board: &Board) -> Item {
    let all = board.accounted.as_deref().unwrap_or_default();
    if all.is_empty() {
        return value("Accounted Processes", "", "None").shown(Show::Asked).of("ACCOUNTING");
    }
    let share = |one: Option<u32>| one.map_or("N/A".into(), |percent| format!("{percent} %"));
    let lines = all
        .iter()
        .flat_map(|one| {
            [
                value("Process ID", "", one.pid.to_string()),
                value("    GPU Utilization", "", share(one.gpu)),
                value("    Memory Utilization", "", share(one.memory)),
                value("    Max memory usage", "", format!("{} MiB", mib(one.most_memory))),
                value("    Time", "", format!("{} ms", one.time)),
            ]
        })
        .collect();
    group("Accounted Processes", "", lines).shown(Show::Asked).of("ACCOUNTING")
}
