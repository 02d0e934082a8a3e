//! Nodes made by hand, with the values of public captures: an H200 under 580.173.02 (idle), an H100 under
//! 590.48.01 cut by MIG, an H100 whose GSP stopped answering, one that fell off the bus.

use smi::node::*;

/// A node by the name that a case gives.
pub fn named(name: &str) -> Node {
    match name {
        "h200" => node("580.173.02", (13, 0), vec![h200()]),
        "h200-550" => node("550.90.12", (12, 4), vec![h200()]),
        "h200-570" => node("570.148.08", (12, 8), vec![h200()]),
        "mig" => node("580.105.08", (13, 0), vec![mig(h200())]),
        "mig-590" => node("590.48.01", (13, 1), vec![mig(h200())]),
        "lost" => {
            let mut node = node("580.105.08", (13, 0), vec![h200(), h200(), h200()]);
            node.gpus[1].state =
                Err(Missing { code: Code::GPU_IS_LOST, bus_id: Some("0000:0A:00.0".into()) });
            node
        }
        "lost-550" => {
            let mut node = named("lost");
            node.system.driver_version = Ok("550.90.12".into());
            node.gpus[1].state = Err(Missing { code: Code::UNKNOWN, bus_id: Some("0000:0A:00.0".into()) });
            node
        }
        "hung" => node("570.158.01", (12, 8), vec![hung(h200())]),
        "busy" => node("580.105.08", (13, 0), vec![busy(h200())]),
        "busy-550" => node("550.90.12", (12, 4), vec![busy(h200())]),
        "long-name" => {
            let mut live = h200();
            live.board.name = Ok("NVIDIA RTX 6000 Ada Generation".into());
            live.board.links = Err(Code::NOT_SUPPORTED);
            node("580.105.08", (13, 0), vec![live])
        }
        "remap-pending" => {
            let mut live = h200();
            live.board.ecc_uncorrected_total = Ok(1);
            live.board.remapped = Ok(Remapped { corrected: 0, uncorrected: 1, pending: true, failed: false });
            live.board.remap_histogram = Ok([3071, 1, 0, 0, 0]);
            live.board.recovery_action = Ok(1);
            live.ecc.count[1][0][2] = Ok(1);
            live.ecc.total[1][0] = Ok(1);
            node("580.105.08", (13, 0), vec![live])
        }
        "pair" => {
            let mut node = node("580.105.08", (13, 0), vec![h200(), h200()]);
            for (from, to) in [(0, 1), (1, 0)] {
                node.paths.push(Path { from, to, ancestor: Ok(50), links: 18, peer: [Ok(0); 5] });
            }
            node
        }
        other => panic!("no node is called `{other}`"),
    }
}

fn node(driver: &str, cuda: (u32, u32), gpus: Vec<Live>) -> Node {
    let library = format!("{}.{driver}", cuda.0);
    Node {
        system: System {
            driver_version: Ok(driver.into()),
            nvml_version: Ok(library),
            cuda_version: Ok(cuda),
        },
        attached: gpus.len() as u32,
        excluded: Vec::new(),
        gpus: gpus
            .into_iter()
            .enumerate()
            .map(|(index, mut live)| {
                if let (Ok(pci), true) = (&mut live.board.pci, index > 0) {
                    pci.bus += index as u32;
                    pci.bus_id = format!("00000000:{:02X}:00.0", pci.bus);
                }
                Gpu { index: index as u32, state: Ok(Box::new(live)) }
            })
            .collect(),
        paths: Vec::new(),
    }
}

fn mebibytes(total: u64, reserved: u64, used: u64, free: u64) -> Reading<Memory> {
    let bytes = |mib: u64| mib << 20;
    Ok(Memory { total: bytes(total), reserved: bytes(reserved), used: bytes(used), free: bytes(free) })
}

/// As the capture of 580.173.02 has it.
fn h200() -> Live {
    let none = Code::NOT_SUPPORTED;
    let idle = Sessions { count: 0, fps: 0, latency: 0 };
    let board = Board {
        name: Ok("NVIDIA H200".into()),
        brand: Ok(14),
        architecture: Ok(9),
        compute_capability: Ok((9, 0)),
        serial: Ok("0000000000000".into()),
        uuid: Ok("GPU-00000000-0000-0000-0000-000000000000".into()),
        pdi: Ok(0xdcf1_ff36_c40b_d6cb),
        minor: Ok(0),
        vbios: Ok("96.00.A5.00.03".into()),
        multi_gpu_board: Ok(false),
        board_id: Ok(0x8300),
        board_part_number: Ok("695-2G520-0280-001".into()),
        gpu_part_number: Ok("2335-895-A1".into()),
        module_id: Ok(5),
        inforom_image: Ok("G520.0280.02.02".into()),
        inforom_oem: Ok("2.1".into()),
        inforom_ecc: Ok("7.16".into()),
        inforom_valid: Ok(true),
        platform: Ok(Platform {
            chassis_serial: String::new(),
            slot: 0,
            tray: 0,
            host: 1,
            peer: 0,
            module: 5,
            fabric_guid: 0,
        }),
        pci: Ok(Pci {
            domain: 0,
            bus: 0x83,
            device: 0,
            id: 0x2335_10DE,
            subsystem: 0x18BE_10DE,
            bus_id: "00000000:83:00.0".into(),
            class: Ok((3, 2)),
        }),
        display_mode: Ok(true),
        display_active: Ok(false),
        persistence: Ok(true),
        addressing_mode: Ok(0),
        mig: Ok((false, false)),
        accounting: Ok(false),
        accounting_buffer: Ok(4000),
        c2c: Ok(false),
        virtualization: Ok(1),
        recovery_action: Ok(0),
        reset_required: Ok(false),
        drain_and_reset: Ok(false),
        gsp_version: Ok("580.173.02".into()),
        gsp_mode: Ok((true, true)),
        pcie_gen: Ok(5),
        pcie_gen_max: Ok(5),
        pcie_gen_device_max: Ok(5),
        pcie_width: Ok(16),
        pcie_width_max: Ok(16),
        pcie_replays: Ok(4),
        pcie_replay_rollovers: Ok(0),
        pcie_tx: Ok(726),
        pcie_rx: Ok(358),
        performance_state: Ok(0),
        reasons: Ok(1),
        reasons_supported: Ok(0x1FF),
        reason_power_cap: Ok(0),
        reason_sync_boost: Ok(0),
        reason_software_thermal: Ok(0),
        reason_hardware_thermal: Ok(0),
        reason_power_brake: Ok(0),
        memory: mebibytes(143_771, 616, 0, 143_156),
        bar1: mebibytes(262_144, 0, 1, 262_143),
        protected_memory: mebibytes(0, 0, 0, 0),
        compute_mode: Ok(0),
        utilization_gpu: Ok(0),
        utilization_memory: Ok(0),
        utilization_encoder: Ok(0),
        utilization_decoder: Ok(0),
        utilization_jpeg: Ok(0),
        utilization_ofa: Ok(0),
        encoder_stats: Ok(idle),
        fbc_stats: Ok(idle),
        ecc: Ok((true, true)),
        ecc_uncorrected_total: Ok(0),
        sram: Ok(Sram {
            corrected: [0; 2],
            parity: [0; 2],
            secded: [0; 2],
            sources: [0; 5],
            threshold_exceeded: false,
        }),
        remapped: Ok(Remapped { corrected: 0, uncorrected: 0, pending: false, failed: false }),
        remap_histogram: Ok([3072, 0, 0, 0, 0]),
        repair_pending: Ok((false, false)),
        temperature: Ok(37),
        temperature_margin: Ok(50),
        temperature_memory: Ok(38),
        tlimit_shutdown: Ok(-8),
        tlimit_slowdown: Ok(-2),
        tlimit_gpu_max: Ok(0),
        tlimit_memory: Ok(0),
        power_management: Ok(true),
        power_draw: Ok(85_160),
        power_average: Ok(85_160),
        power_instant: Ok(84_760),
        power_memory_average: Ok(42_160),
        power_limit: Ok(700_000),
        power_limit_enforced: Ok(700_000),
        power_limit_default: Ok(700_000),
        power_limit_min: Ok(200_000),
        power_limit_max: Ok(700_000),
        clock_graphics: Ok(345),
        clock_sm: Ok(345),
        clock_memory: Ok(3201),
        clock_video: Ok(765),
        clock_app_graphics: Ok(1980),
        clock_app_memory: Ok(3201),
        clock_app_default_graphics: Ok(1980),
        clock_app_default_memory: Ok(3201),
        clock_max_graphics: Ok(1980),
        clock_max_sm: Ok(1980),
        clock_max_memory: Ok(3201),
        clock_max_video: Ok(1545),
        clock_boost_graphics: Ok(1980),
        fabric: Ok(Fabric { state: 3, status: Code(0), clique: 0, cluster: [0; 16], health: 0, summary: 0 }),
        supported_clocks: Ok(vec![(3201, vec![1980, 1965, 1950])]),
        processes: Ok(Vec::new()),
        links: Ok((0..4)
            .map(|number| Link {
                number,
                up: Ok(number != 3),
                speed: Ok(26_562),
                replays: Ok(0),
                recoveries: Ok(0),
                crc: Ok(number.into()),
                capability: [Ok(true); 6],
                remote: Ok("00000000:05:00.0".into()),
                remote_link: Ok(24 + number),
                data: [Ok(1024), Ok(512)],
                raw: [Ok(1100), Ok(550)],
            })
            .collect()),
        cpu_affinity: Ok((0..24).collect()),
        numa_nodes: Ok(vec![0]),
        ..Board::unread(none)
    };
    let mut ecc = EccCounts::unread(none);
    for kind in 0..2 {
        for period in 0..2 {
            for place in [Place::Dram, Place::Sram] {
                ecc.count[kind][period][place as usize] = Ok(0);
            }
            ecc.total[kind][period] = Ok(0);
        }
    }
    Live { board, ecc }
}

/// Cut as the capture of an H100 under 590.48.01 was, with two compute instances in the last piece.
fn mig(mut live: Live) -> Live {
    let device = |index, (gpu, compute): (u32, u32), profile: &str, sm, engines: u32, mib, bar| MigDevice {
        index,
        uuid: Ok(format!("MIG-00000000-0000-0000-0000-00000000000{index}")),
        profile: Ok(profile.to_owned()),
        gpu_instance: Ok(gpu),
        compute_instance: Ok(compute),
        engines: Ok(Engines { sm, copy: engines, encoder: 0, decoder: engines, ofa: 0, jpeg: engines }),
        memory: mebibytes(mib, 0, 26, mib - 26),
        bar1: mebibytes(bar, 0, 0, bar),
        sram_uncorrected: Ok(0),
    };
    live.board.mig = Ok((true, true));
    live.board.mig_devices = Ok(vec![
        device(0, (2, 0), "3g.40gb", 60, 3, 40448, 24739),
        device(1, (9, 0), "1g.10gb", 16, 1, 9984, 6184),
        device(2, (10, 0), "1c.2g.20gb", 16, 2, 20096, 12369),
        device(3, (10, 1), "1c.2g.20gb", 16, 2, 20096, 12369),
    ]);
    live.board.processes = Ok(vec![process(4242, "/usr/bin/python3", 2566, Some((2, 0)))]);
    live
}

fn process(pid: u32, name: &str, mib: u64, instance: Option<(u32, u32)>) -> Process {
    Process {
        pid,
        compute: true,
        graphics: false,
        name: Ok(name.into()),
        memory: Ok(mib << 20),
        gpu_instance: instance.map(|(gpu, _)| gpu),
        compute_instance: instance.map(|(_, compute)| compute),
    }
}

/// The row that a GSP timeout leaves (Xid 119), as a report of an H100 under 570 shows it.
fn hung(mut live: Live) -> Live {
    let board = &mut live.board;
    board.fan = Err(Code::UNKNOWN);
    board.temperature = Ok(50);
    board.display_active = Err(Code::NOT_SUPPORTED);
    board.ecc = Err(Code::UNKNOWN);
    board.ecc_uncorrected_total = Err(Code::NOT_SUPPORTED);
    board.power_draw = Err(Code::NOT_SUPPORTED);
    board.power_limit = Err(Code::NOT_SUPPORTED);
    board.power_limit_enforced = Err(Code::NOT_SUPPORTED);
    board.utilization_gpu = Err(Code::NOT_SUPPORTED);
    board.mig = Err(Code::UNKNOWN);
    live
}

/// Processes as the capture of 590.48.01 under load has them, and one with a long name.
fn busy(mut live: Live) -> Live {
    let mut desktop =
        process(9001, "/usr/libexec/a-desktop/that/likes/long/paths/xdg-desktop-portal", 49, None);
    (desktop.compute, desktop.graphics) = (false, true);
    live.board.utilization_gpu = Ok(100);
    live.board.power_draw = Ok(631_950);
    live.board.processes = Ok(vec![
        desktop,
        process(11327, "/root/tools/memhog", 2566, None),
        process(11345, "./gpu_burn", 15690, None),
    ]);
    live.board.process_utilization =
        Ok(vec![ProcessUtilization { pid: 11345, sm: 99, memory: 10, encoder: 0, decoder: 0 }]);
    live
}
