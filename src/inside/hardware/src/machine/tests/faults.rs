//! Every fault: what it shows, what cures it, and what does not.

use super::*;
use crate::fault::{Deed, FaultError, Part};

/// Kernel-log lines of an H100 under this driver after a fault, the first GPU's.
fn said_after(driver: &str, fault: Fault) -> Vec<String> {
    let spec = HardwareSpec { driver: driver.into(), ..spec("hgx-h100") };
    let mut machine = Machine::new(&spec, None, START).expect("ours");
    machine.take_kernel_lines();
    machine.break_it(0, fault);
    machine.said()
}

fn xids(machine: &Machine) -> Vec<u64> {
    let node = machine.node_page();
    (1..=node.event_last).map(|number| node.events[number as usize % 64].data).collect()
}

#[test]
fn lines_have_the_form_of_the_drivers_branch() {
    let new = said_after("580.105.08", Fault::FallenOffBus);
    assert!(new[0].starts_with("NVRM: GPU at PCI:0000:53:00: GPU-"), "{new:?}");
    assert!(new[1].starts_with("NVRM: GPU Board Serial Number: 165"), "{new:?}");
    assert_eq!(new[2], "NVRM: Xid (PCI:0000:53:00): 79, GPU has fallen off the bus.");
    assert_eq!(new[3], "NVRM: GPU 0000:53:00.0: GPU has fallen off the bus.");
    assert_eq!(
        new.last().map(String::as_str),
        Some(
            "NVRM: Xid (PCI:0000:53:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"
        )
    );
    let old = said_after("570.158.01", Fault::FallenOffBus);
    assert_eq!(
        old[2],
        "NVRM: Xid (PCI:0000:53:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
    );
    let oldest = said_after("550.163.01", Fault::FallenOffBus);
    assert!(!oldest.iter().any(|line| line.contains("154")), "branch 550 has no Xid 154");
    assert!(said_after("580.105.08", Fault::GspTimeout)[2].contains("(GSP_RM_CONTROL) sequence "));
    assert!(said_after("570.158.01", Fault::GspTimeout)[2].contains("(GSP_RM_CONTROL) (0x208f1105 0x8)."));
}

#[test]
fn a_gpu_is_introduced_once() {
    let mut machine = up("hgx-h100");
    machine.break_it(2, Fault::ProgramError { xid: 31, pid: 7, name: "python".into() });
    machine.break_it(2, Fault::ProgramError { xid: 43, pid: 7, name: "python".into() });
    let said = machine.said();
    assert_eq!(said.iter().filter(|line| line.contains("GPU at PCI")).count(), 1);
    assert_eq!(
        said.last().map(String::as_str),
        Some("NVRM: Xid (PCI:0000:75:00): 43, pid=7, name=python, Ch 00000020, engmask 00000101")
    );
}

#[test]
fn what_happened_before_is_told_with_its_time_and_nobody_of_today_pays_for_it() {
    let mut machine = up("hgx-h100");
    let (mine, other) = (machine.open(USER, 0), machine.open(USER, 1));
    let night = START - 90 * 60_000;
    let before = GpuFault { gpu: 0, fault: Fault::UncorrectableEcc };
    machine.inject_as_of(START, night, &before).expect("it can");
    let lines = machine.take_kernel_lines();
    assert!(lines.len() == 6 && lines.iter().all(|line| line.at_ms == night), "{lines:?}");
    assert!(lines[5].text.ends_with("to 0x4 (Drain and Reset)"), "{lines:?}");
    assert_eq!(machine.node_page().events[1].at_ms, night);
    assert_eq!(machine.gpu_page(0).remap_pending, 1, "what it left is there");
    assert_eq!(machine.ask(USER, Verb::UseContext, 0, &[mine]).1[1], 0, "who came later lives");

    // A process of that number was another one then.
    let program = GpuFault { gpu: 1, fault: Fault::ProgramError { xid: 31, pid: 200, name: "old".into() } };
    machine.inject_as_of(START, night, &program).expect("it can");
    assert_eq!(machine.ask(USER, Verb::UseContext, 1, &[other]).1[1], 0);
    // A state in which nothing works spares nobody.
    machine.inject_as_of(START, night, &GpuFault { gpu: 1, fault: Fault::UncontainedEcc }).expect("it can");
    assert_eq!(machine.ask(USER, Verb::UseContext, 1, &[other]).1[1], 214);
    machine.take_kernel_lines();
    machine.break_it(2, Fault::GspTimeout);
    assert!(machine.take_kernel_lines().iter().all(|line| line.at_ms == START), "now is now again");
}

#[test]
fn what_is_contained_ends_with_one_program_and_what_is_not_with_all_of_them() {
    let mut machine = up("hgx-h100");
    let (victim, other) = (machine.open(USER, 0), machine.open(ROOT, 0));
    machine.meet(USER.connection, "pt_main_thread\n and more");
    machine.ask(USER, Verb::UseContext, 0, &[victim, 1 << 32, 500, 500]);
    machine.break_it(0, Fault::ContainedEcc);
    let said = machine.said();
    assert_eq!(said[2], "NVRM: Xid (PCI:0000:53:00): 94, Contained: SM (0x1). RST: No, D-RST: No");
    assert_eq!(said[3], "NVRM: Xid (PCI:0000:53:00): 94, pid=200, name=pt_main_thread , Ch 00000008");
    assert_eq!(said.len(), 4, "nothing is to be done about the GPU");
    let page = machine.gpu_page(0);
    assert_eq!((page.condition, page.recovery_action, page.remap_pending), (0, 0, 0));
    assert_eq!((page.ecc_volatile[1][7], page.ecc_sram_secded), (1, [1, 1]));
    assert_eq!(machine.ask(USER, Verb::UseContext, 0, &[victim]).1[1], 214);
    assert_eq!(machine.ask(ROOT, Verb::UseContext, 0, &[other]).1[1], 0);
    machine.disconnect(machine.now_ms, USER.connection);
    machine.open(USER, 0);

    machine.break_it(0, Fault::UncontainedEcc);
    let said = machine.said();
    assert!(said[0].ends_with(", Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No"), "{said:?}");
    assert!(said[1].ends_with("from 0x0 (None) to 0x1 (GPU Reset Required)"), "{said:?}");
    assert_eq!(machine.ask(ROOT, Verb::UseContext, 0, &[other]).1[1], 214);
    assert_eq!(machine.gpu_page(0).process_count, 0);
    let third = Client { connection: 9, ..USER };
    assert_eq!(
        machine.ask(third, Verb::OpenContext, 0, &[NONE, NONE, 1]),
        (Status::ResetRequired, [0, 46, 0, 0])
    );
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::InUse);
    assert!(machine.clear(machine.now_ms, 0, &Fault::UncontainedEcc).is_err());
    machine.disconnect(machine.now_ms, USER.connection);
    machine.disconnect(machine.now_ms, ROOT.connection);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success);
    let page = machine.gpu_page(0);
    assert_eq!((page.condition, page.recovery_action, page.ecc_sram_secded), (0, 0, [0, 2]));
}

#[test]
fn an_xid_names_the_piece_of_a_gpu_that_its_program_had() {
    let mut spec = spec("hgx-h100");
    spec.mig = vec![crate::spec::MigLayout { gpu: 0, profiles: vec!["3g.40gb".into(), "2g.20gb".into()] }];
    let mut machine = Machine::new(&spec, None, START).expect("ours");
    machine.take_kernel_lines();
    let part = machine.gpu_page(0).compute_instances[1];
    let at = [u64::from(part.gpu_instance), u64::from(part.id), 1];
    assert_eq!(machine.ask(USER, Verb::OpenContext, 0, &at).0, Status::Success);
    machine.break_it(0, Fault::ProgramError { xid: 13, pid: 200, name: "train".into() });
    let said = machine.said();
    let place = format!("(PCI:0000:53:00 GPU-I:{:02} GPU-CI:{:02})", part.gpu_instance, part.id);
    assert!(said[2].contains(&place) && said[3].contains(&place), "{said:?}");
    let event = machine.node_page().events[1];
    assert_eq!((event.gpu_instance, event.compute_instance), (part.gpu_instance, part.id));
}

#[test]
fn a_gpu_off_the_bus_is_lost_until_the_node_is_power_cycled() {
    let mut machine = up("hgx-h100");
    let context = machine.open(USER, 3);
    machine.break_it(3, Fault::FallenOffBus);
    let page = machine.gpu_page(3);
    assert_eq!((page.condition, page.process_count, page.memory_used), (Condition::Lost as u32, 0, 0));
    assert_eq!(page.recovery_action, 2);
    assert_eq!(machine.node_page().gpu_count, 8, "the driver still has it");
    assert_eq!(xids(&machine), [79, 154]);
    let event = machine.node_page().events[1];
    assert_eq!((event.kind, event.gpu, event.at_ms, event.gpu_instance), (8, 3, START, NONE32));
    assert_eq!(machine.ask(USER, Verb::UseContext, 3, &[context, 0]), (Status::GpuIsLost, [0, 999, 0, 0]));
    assert_eq!(
        machine.ask(USER, Verb::OpenContext, 3, &[NONE, NONE, 1]),
        (Status::GpuIsLost, [0, 100, 0, 0])
    );
    assert_eq!(machine.root(Verb::SetPersistence, 3, &[1]), Status::GpuIsLost);
    assert_eq!(machine.gpu_page(2).condition, Condition::Answers as u32);
    assert!(machine.gpu_information(3).contains("Video BIOS: \t ??.??.??.??.??"));

    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.root(Verb::Reset, 3, &[]), Status::GpuIsLost);
    assert!(machine.clear(machine.now_ms, 3, &Fault::FallenOffBus).is_err());
    machine.take_kernel_lines();
    machine.set_driver_loaded(machine.now_ms, false);
    machine.set_driver_loaded(machine.now_ms, true);
    assert_eq!(
        machine.gpu_page(3).condition,
        Condition::Lost as u32,
        "another driver does not find it either"
    );
    let said = machine.said();
    assert!(said.contains(&"NVRM: The NVIDIA GPU 0000:86:00.0".to_owned()), "{said:?}");
    assert!(said.contains(&"NVRM: fallen off the bus and is not responding to commands.".to_owned()));
    assert!(machine.inject(machine.now_ms, &GpuFault { gpu: 3, fault: Fault::GspTimeout }).is_err());
    assert_eq!(machine.power_cycle().gpu_page(3).condition, Condition::Answers as u32);
}

#[test]
fn what_fails_under_load_comes_back_until_its_part_is_mended() {
    for (part, mended, others) in [
        (Part::Seat, Deed::Reseat(1), [Deed::PowerCycle, Deed::Reseat(0)]),
        (Part::Board, Deed::Replace(1), [Deed::Reseat(1), Deed::Replace(0)]),
    ] {
        let mut machine = up("quad-l4");
        machine.break_it(1, Fault::FailsUnderLoad { after_s: 20, part });
        assert!(machine.said().is_empty(), "nobody can tell yet");
        assert_eq!(machine.flaws(), ["1:fails-under-load"]);
        machine.wait(3600);
        assert_eq!(machine.gpu_page(1).condition, Condition::Answers as u32, "it does nothing at rest");
        let replays = machine.gpu_page(1).pcie_replays;
        assert_eq!(replays > 0, part == Part::Seat, "{replays}");
        // Work of several programs adds up, also at half the load.
        for load in [1000, 500] {
            let context = machine.open(USER, 1);
            machine.ask(USER, Verb::UseContext, 1, &[context, 0, load]);
            machine.wait(12);
            machine.disconnect(machine.now_ms, USER.connection);
            assert_eq!(machine.gpu_page(1).condition, Condition::Answers as u32);
        }
        let context = busy(&mut machine, 1);
        machine.wait(4);
        assert_eq!(machine.gpu_page(1).condition, Condition::Lost as u32);
        assert_eq!(machine.ask(USER, Verb::UseContext, 1, &[context, 0]).0, Status::GpuIsLost);
        let said = machine.said();
        assert_eq!(said[0].contains("PCIe Bus Error"), part == Part::Seat, "{said:?}");
        assert_eq!(xids(&machine), [79, 154]);

        for deed in others {
            machine.serve(machine.now_ms, deed).expect("from outside");
            machine = machine.power_cycle();
            busy(&mut machine, 1);
            machine.wait(19);
            assert_eq!(
                machine.gpu_page(1).condition,
                Condition::Answers as u32,
                "it works for as long again"
            );
            machine.wait(2);
            assert_eq!(machine.gpu_page(1).condition, Condition::Lost as u32, "{deed:?} does not help");
        }
        machine.serve(machine.now_ms, mended).expect("from outside");
        let mut machine = machine.power_cycle();
        assert!(machine.flaws().is_empty());
        busy(&mut machine, 1);
        machine.wait(600);
        assert_eq!(machine.worked_s(), [0, 600, 0, 0]);
        assert_eq!(machine.gpu_page(1).condition, Condition::Answers as u32, "{mended:?} mends it");
    }
    let never = Fault::FailsUnderLoad { after_s: 0, part: Part::Board };
    let mut machine = up("quad-l4");
    assert!(machine.inject(START, &GpuFault { gpu: 0, fault: never }).is_err());
}

#[test]
fn a_double_bit_error_waits_for_a_reset_without_clients() {
    let mut machine = up("hgx-h100");
    let (victim, other) = (machine.open(USER, 0), machine.open(ROOT, 0));
    machine.ask(USER, Verb::UseContext, 0, &[victim, 1 << 32, 500, 500]);
    machine.break_it(0, Fault::UncorrectableEcc);
    assert_eq!(xids(&machine), [48, 63, 94, 94, 154], "the second 94 names the program that read it");
    assert!(machine.said().last().is_some_and(|line| line.ends_with("to 0x4 (Drain and Reset)")));
    let page = machine.gpu_page(0);
    assert_eq!((page.ecc_volatile[1][2], page.ecc_aggregate[1][2]), (1, 1));
    assert_eq!((page.remap_pending, page.remapped_uncorrected, page.recovery_action), (1, 1, 4));
    assert_eq!(page.remap_histogram, [2559, 1, 0, 0, 0]);
    assert_eq!(page.process_count, 1, "only the program that read it dies");
    assert_eq!(machine.ask(USER, Verb::UseContext, 0, &[victim]).1[1], 214);
    assert_eq!(machine.ask(ROOT, Verb::UseContext, 0, &[other]).1[1], 0);

    // Wrong cures: a reset while programs hold it, clearing the counts, a new driver.
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::InUse);
    machine.root(Verb::ClearEccCounts, 0, &[0]);
    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::InUse);
    machine.disconnect(machine.now_ms, ROOT.connection);
    machine.set_driver_loaded(machine.now_ms, false);
    machine.set_driver_loaded(machine.now_ms, true);
    assert_eq!(machine.gpu_page(0).remap_pending, 1);

    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success);
    let page = machine.gpu_page(0);
    assert_eq!((page.remap_pending, page.remapped_uncorrected, page.recovery_action), (0, 1, 0));
    assert_eq!((page.ecc_volatile[1][2], page.ecc_aggregate[1][2]), (0, 1));
}

#[test]
fn a_turing_board_retires_pages_and_takes_no_work_until_its_reset() {
    let mut machine = up("single-t4");
    machine.open(USER, 0);
    machine.break_it(0, Fault::UncorrectableEcc);
    let page = machine.gpu_page(0);
    assert_eq!((page.retired_dbe, page.retired_pending, page.remaps_rows), (1, 1, 0));
    assert_eq!((page.condition, page.process_count), (Condition::NeedsReset as u32, 0));
    assert_eq!(
        machine.ask(ROOT, Verb::OpenContext, 0, &[NONE, NONE, 1]),
        (Status::ResetRequired, [0, 46, 0, 0])
    );
    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success);
    let page = machine.gpu_page(0);
    assert_eq!((page.retired_dbe, page.retired_pending, page.condition), (1, 0, 0));
}

#[test]
fn a_board_without_spare_rows_takes_another_board() {
    let mut machine = up("hgx-h100");
    machine.break_it(5, Fault::RemapFailure);
    assert_eq!(xids(&machine), [48, 64, 94, 154]);
    machine.root(Verb::Reset, 5, &[]);
    let mut machine = machine.power_cycle();
    let page = machine.gpu_page(5);
    assert_eq!((page.remap_failed, page.remap_histogram), (1, [2559, 0, 0, 0, 1]));
    machine.serve(machine.now_ms, Deed::Replace(5)).expect("a board is replaced from outside");
    let new = machine.gpu_page(5);
    assert_eq!((new.remap_failed, new.ecc_aggregate[1][2]), (0, 0));
    assert_ne!((new.uuid, new.serial), (page.uuid, page.serial));
    assert_eq!(machine.power_cycle().gpu_page(5).uuid, new.uuid);
}

#[test]
fn hung_firmware_takes_a_reset() {
    let mut machine = up("hgx-h100");
    let context = machine.open(USER, 6);
    machine.break_it(6, Fault::GspTimeout);
    assert_eq!(xids(&machine), [119, 154]);
    let page = machine.gpu_page(6);
    assert_eq!((page.condition, page.recovery_action), (Condition::Hung as u32, 1));
    assert_eq!(machine.ask(USER, Verb::UseContext, 6, &[context]), (Status::Unknown, [0, 999, 0, 0]));
    assert_eq!(machine.root(Verb::SetPowerLimit, 6, &[500_000]), Status::Unknown);
    assert_eq!(machine.ask(ROOT, Verb::OpenContext, 6, &[NONE, NONE, 1]).1[1], 999);
    assert_eq!(machine.root(Verb::Reset, 6, &[]), Status::InUse, "its dead program has not let go");
    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.root(Verb::Reset, 6, &[]), Status::Success);
    assert_eq!(machine.gpu_page(6).condition, Condition::Answers as u32);
}

fn busy(machine: &mut Machine, gpu: u32) -> u64 {
    let context = machine.open(USER, gpu);
    machine.ask(USER, Verb::UseContext, gpu, &[context, 1 << 30, 1000, 600]);
    context
}

#[test]
fn lost_cooling_slows_down_until_it_is_back_and_less_power_makes_it_bearable() {
    let mut machine = up("hgx-h100");
    busy(&mut machine, 1);
    machine.break_it(1, Fault::Overheating);
    machine.wait(180);
    let page = machine.gpu_page(1);
    assert_eq!(page.clock_reasons, 0x20 | 0x40 | 0x8, "at {} degrees", page.temperature);
    assert!(page.temperature_margin <= 0 && page.clock[0] < 1900, "{}", page.temperature_margin);
    assert!(page.violation[1] > 0 && page.violation[6] > 0);
    let mut machine = {
        let mut next = machine.power_cycle();
        busy(&mut next, 1);
        next.wait(180);
        next
    };
    assert_ne!(machine.gpu_page(1).clock_reasons & 0x40, 0, "a power cycle mends no fan");
    assert_eq!(machine.root(Verb::SetPowerLimit, 1, &[300_000]), Status::Success);
    machine.wait(180);
    assert_eq!(machine.gpu_page(1).clock_reasons, 0x4);
    machine.serve(machine.now_ms, Deed::Clean).expect("from outside");
    machine.root(Verb::SetPowerLimit, 1, &[700_000]);
    machine.wait(180);
    let page = machine.gpu_page(1);
    assert_eq!((page.clock_reasons, page.clock[0]), (0, 1980));
}

#[test]
fn a_power_brake_stays_until_the_supply_is_mended() {
    let mut machine = up("hgx-h100");
    machine.wait(30);
    machine.break_it(0, Fault::PowerBrake);
    assert_eq!(machine.next_change_ms(machine.now_ms), machine.now_ms + 1000, "the owner sleeps no longer");
    machine.wait(1);
    assert_eq!(machine.gpu_page(0).clock_reasons, 0x80 | 0x8 | 0x1);
    busy(&mut machine, 0);
    machine.wait(10);
    let page = machine.gpu_page(0);
    assert_eq!((page.clock_reasons, page.clock[0]), (0x80 | 0x8, 990));
    assert!(page.violation[7] > 0);
    machine.disconnect(machine.now_ms, USER.connection);
    machine.root(Verb::Reset, 0, &[]);
    machine.wait(2);
    assert_ne!(machine.gpu_page(0).clock_reasons & 0x80, 0);
    machine.serve(machine.now_ms, Deed::PowerSupply).expect("from outside");
    machine.wait(2);
    assert_eq!(machine.gpu_page(0).clock_reasons, 0x1);
}

#[test]
fn a_low_power_limit_costs_work_until_it_is_raised() {
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::PowerCap { watts: 300 });
    let context = busy(&mut machine, 0);
    machine.wait(10);
    let page = machine.gpu_page(0);
    assert_eq!((page.power_limit, page.power_limit_default, page.clock_reasons), (300_000, 700_000, 0x4));
    assert!(page.power_draw <= 300_000 && page.clock[0] < 1700);
    assert_eq!(machine.root(Verb::SetPowerLimit, 0, &[700_000]), Status::Success);
    let before = machine.ask(USER, Verb::UseContext, 0, &[context, 1 << 30, 1000, 600]).1[2];
    machine.wait(10);
    let after = machine.ask(USER, Verb::UseContext, 0, &[context, 1 << 30, 1000, 600]).1[2];
    assert!(after - before > before * 11 / 10, "{before} {after}");
    assert_eq!(machine.gpu_page(0).clock_reasons, 0);
}

#[test]
fn a_degraded_pcie_link_counts_replays_until_it_is_reseated() {
    let mut machine = up("pcie-pair-l40s");
    machine.break_it(1, Fault::DegradedPcie { r#gen: 1, width: 8 });
    assert!(machine.said()[0].starts_with("nvidia 0000:af:00.0: PCIe Bus Error: severity=Correctable"));
    machine.wait(60);
    let page = machine.gpu_page(1);
    assert_eq!((page.pcie_gen, page.pcie_width, page.pcie_gen_max, page.pcie_width_max), (1, 8, 4, 16));
    assert!(page.pcie_replays >= 10, "{}", page.pcie_replays);
    // Half of the time over PCI Express: one sixteenth of the link makes it crawl.
    let (slow, fast) = (machine.open(USER, 1), machine.open(USER, 0));
    machine.ask(USER, Verb::UseContext, 1, &[slow, 0, 1000, 0, 0, 500]);
    machine.ask(USER, Verb::UseContext, 0, &[fast, 0, 1000, 0, 0, 500]);
    machine.wait(20);
    let work =
        |machine: &mut Machine, gpu, context| machine.ask(USER, Verb::UseContext, gpu, &[context]).1[2];
    assert!(work(&mut machine, 1, slow) * 4 < work(&mut machine, 0, fast));
    assert!(machine.gpu_page(0).pcie_tx_kib_s > 1_000_000);
    machine.disconnect(machine.now_ms, USER.connection);
    machine.root(Verb::Reset, 1, &[]);
    assert_eq!(machine.gpu_page(1).pcie_width, 8);
    let mut machine = machine.power_cycle();
    assert_eq!(machine.gpu_page(1).pcie_width, 8);
    machine.serve(machine.now_ms, Deed::Reseat(1)).expect("from outside");
    assert_eq!(machine.gpu_page(1).pcie_width, 16);
}

#[test]
fn a_link_that_is_down_takes_a_reset_of_every_gpu_on_the_fabric() {
    let mut machine = up("hgx-h100");
    for gpu in 0..8 {
        machine.root(Verb::Reset, gpu, &[]);
    }
    machine.break_it(2, Fault::NvlinkDown { link: 14 });
    assert_eq!(xids(&machine), [74]);
    assert_eq!(
        machine.said().last().map(String::as_str),
        Some(
            "NVRM: Xid (PCI:0000:75:00): 74, NVLink: fatal error detected on link 14(0x0, 0x0, 0x10000, 0x0, 0x0, 0x0, 0x0)"
        )
    );
    let page = machine.gpu_page(2);
    assert_eq!((page.links[14].up, page.links[13].up), (0, 1));
    assert!(page.links[14].replays > 0);
    let context = machine.open(USER, 2);
    machine.ask(USER, Verb::UseContext, 2, &[context, 0, 1000, 0, 1000]);
    machine.wait(1);
    assert_eq!(machine.gpu_page(2).links[14].tx_kib, 0);
    assert!(machine.gpu_page(2).links[13].tx_kib > 0);
    machine.disconnect(machine.now_ms, USER.connection);
    machine.root(Verb::Reset, 2, &[]);
    assert_eq!(machine.gpu_page(2).links[14].up, 0, "the other end is still as it was");
    for gpu in 0..7 {
        machine.root(Verb::Reset, gpu, &[]);
    }
    assert_eq!(machine.gpu_page(2).links[14].up, 0, "one is missing");
    machine.root(Verb::Reset, 7, &[]);
    assert_eq!(machine.gpu_page(2).links[14].up, 1);
}

#[test]
fn what_a_board_counted_in_all_its_life_is_cleared_on_turing_alone() {
    for (profile, cleared) in [("single-t4", Status::Success), ("hgx-a100", Status::NotSupported)] {
        let mut machine = up(profile);
        machine.break_it(0, Fault::UncorrectableEcc);
        assert_eq!(machine.root(Verb::ClearEccCounts, 0, &[1]), cleared, "{profile}");
        let left = u64::from(cleared != Status::Success);
        assert_eq!(machine.gpu_page(0).ecc_aggregate[1][2], left, "{profile}");
        assert_eq!(machine.root(Verb::ClearEccCounts, 0, &[0]), Status::Success, "{profile}");
    }
}

#[test]
fn behind_the_switches_of_ampere_one_gpu_is_reset_alone_only_beside_a_fabric_manager() {
    let mut ampere = up("hgx-a100");
    assert_eq!(ampere.root(Verb::Reset, 2, &[]), Status::Success);
    ampere.break_it(0, Fault::FabricNotReady);
    let others = [0b1111_1011, 0, 0, 0];
    assert_eq!(ampere.ask(ROOT, Verb::Reset, 2, &[]), (Status::InvalidArgument, others));
    assert_eq!(ampere.ask(ROOT, Verb::Reset, 2, &[0b1111_1110]), (Status::InvalidArgument, [1, 0, 0, 0]));
    assert_eq!(ampere.root(Verb::Reset, 2, &[0b1111_1111]), Status::Success);

    let mut hopper = up("hgx-h100");
    hopper.break_it(0, Fault::FabricNotReady);
    assert_eq!(hopper.root(Verb::Reset, 2, &[]), Status::Success, "it does not depend on the fabric manager");
    // Bridges have no fabric manager to wait for.
    assert_eq!(up("pcie-pair-a100-pcie").root(Verb::Reset, 0, &[]), Status::Success);
}

#[test]
fn a_link_of_a_bridge_is_down_at_both_ends_and_one_of_blackwell_says_so_in_its_way() {
    let mut machine = up("pcie-pair-h100");
    assert!((0..2).all(|gpu| machine.gpu_page(gpu).links[3].remote_kind == 0));
    assert_eq!(machine.gpu_page(0).links[3].remote_bus, machine.gpu_page(1).pci_bus);
    machine.break_it(0, Fault::NvlinkDown { link: 3 });
    assert!((0..2).all(|gpu| machine.gpu_page(gpu).links[3].up == 0));
    machine.root(Verb::Reset, 0, &[]);
    machine.root(Verb::Reset, 1, &[]);
    assert!((0..2).all(|gpu| machine.gpu_page(gpu).links[3].up == 1));

    let mut blackwell = up("hgx-b200");
    assert_eq!(blackwell.gpu_page(4).fabric_health, 0x80);
    blackwell.break_it(4, Fault::NvlinkDown { link: 1 });
    assert_eq!((xids(&blackwell), blackwell.gpu_page(4).fabric_health), (vec![149], 0x81));
    assert!(
        blackwell.said().iter().any(|line| line.contains(": 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 01 ("))
    );
}

#[test]
fn a_bridge_without_its_neighbour_leads_nowhere() {
    let machine = Machine::new(&HardwareSpec { gpus: Some(1), ..spec("pcie-pair-h100") }, None, START);
    let page = machine.expect("one of two").gpu_page(0);
    assert!(page.links.iter().all(|link| link.up == 0));
}

#[test]
fn a_fabric_manager_makes_the_fabric_ready_for_as_long_as_it_lives() {
    let manager = Client { connection: 7, ..ROOT };
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::FabricNotReady);
    assert_eq!(machine.ask(USER, Verb::SetFabric, 0, &[1]).0, Status::NoPermission);
    assert_eq!(machine.ask(manager, Verb::SetFabric, 0, &[1]).0, Status::Success);
    assert!((0..8).all(|gpu| machine.gpu_page(gpu).fabric_state == 3));
    machine.open(USER, 5);
    assert_eq!(machine.power_cycle().gpu_page(5).fabric_state, 2, "it went with the power");
    machine.disconnect(machine.now_ms, manager.connection);
    assert_eq!(machine.gpu_page(5).fabric_state, 2);
    assert_eq!(up("single-t4").ask(manager, Verb::SetFabric, 0, &[1]).0, Status::NotSupported);
}

#[test]
fn without_a_fabric_manager_cuda_does_not_begin() {
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::FabricNotReady);
    assert!((0..8).all(|gpu| machine.gpu_page(gpu).fabric_state == 2));
    assert_eq!(machine.ask(USER, Verb::OpenContext, 5, &[NONE, NONE, 1]), (Status::Unknown, [0, 802, 0, 0]));
    machine.root(Verb::Reset, 5, &[]);
    let mut machine = machine.power_cycle();
    assert_eq!(machine.gpu_page(5).fabric_state, 2, "nobody has started it yet");
    machine.clear(machine.now_ms, 0, &Fault::FabricNotReady).expect("it is started");
    assert_eq!(machine.gpu_page(5).fabric_state, 3);
    machine.open(USER, 5);
}

#[test]
fn wrong_modes_are_set_right_by_their_setters() {
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::EccOff);
    machine.break_it(1, Fault::MigLeftOn);
    machine.break_it(2, Fault::PersistenceOff);
    machine.break_it(3, Fault::ComputeMode { mode: 2 });
    machine.break_it(4, Fault::LockedClocks { mhz: 1000 });
    machine.break_it(5, Fault::ComputeMode { mode: 3 });

    assert_eq!((machine.gpu_page(0).ecc_current, machine.gpu_page(0).ecc_pending), (0, 0));
    machine.root(Verb::SetEccMode, 0, &[1]);
    assert_eq!((machine.gpu_page(0).ecc_current, machine.gpu_page(0).ecc_pending), (0, 1));
    machine.root(Verb::Reset, 0, &[]);
    assert_eq!(machine.gpu_page(0).ecc_current, 1);

    assert_eq!(machine.ask(USER, Verb::OpenContext, 1, &[NONE, NONE, 1]).1[1], 100);
    machine.root(Verb::SetMigMode, 1, &[0]);
    machine.open(USER, 1);

    assert_eq!(machine.gpu_page(2).persistence, 0);
    machine.root(Verb::SetPersistence, 2, &[1]);
    assert_eq!(machine.gpu_page(2).persistence, 1);

    assert_eq!(machine.ask(USER, Verb::OpenContext, 3, &[NONE, NONE, 1]), (Status::InUse, [0, 46, 0, 0]));
    machine.root(Verb::SetComputeMode, 3, &[0]);
    machine.open(USER, 3);

    assert_eq!((machine.gpu_page(4).clock_locked_min, machine.gpu_page(4).clock_locked_max), (990, 990));
    busy(&mut machine, 4);
    machine.wait(1);
    assert_eq!((machine.gpu_page(4).clock[0], machine.gpu_page(4).clock_reasons), (990, 0x2));
    machine.root(Verb::ResetLockedClocks, 4, &[]);
    machine.wait(1);
    assert_eq!((machine.gpu_page(4).clock[0], machine.gpu_page(4).clock_reasons), (1980, 0));

    machine.open(USER, 5);
    machine.open(USER, 5);
    assert_eq!(machine.ask(ROOT, Verb::OpenContext, 5, &[NONE, NONE, 1]).1[1], 46, "one process only");
}

#[test]
fn without_persistence_a_card_forgets_what_was_set() {
    let mut machine = up("single-l4");
    machine.break_it(0, Fault::PersistenceOff);
    machine.root(Verb::SetPowerLimit, 0, &[50_000]);
    assert_eq!(machine.gpu_page(0).power_limit, 50_000);
    machine.wait(3);
    assert_eq!(machine.gpu_page(0).power_limit, 72_000);
    machine.root(Verb::SetPersistence, 0, &[1]);
    machine.root(Verb::SetPowerLimit, 0, &[50_000]);
    machine.wait(600);
    assert_eq!(machine.gpu_page(0).power_limit, 50_000);
}

#[test]
fn corrected_errors_rise_with_load_and_nothing_else_happens() {
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::CorrectedEcc { per_hour: 360 });
    machine.wait(600);
    assert_eq!(machine.gpu_page(0).ecc_volatile[0][2], 0);
    let context = machine.open(USER, 0);
    machine.ask(USER, Verb::UseContext, 0, &[context, 0, 1000, 0]);
    machine.wait(101);
    let page = machine.gpu_page(0);
    assert_eq!((page.ecc_volatile[0][2], page.ecc_aggregate[0][2]), (10, 10));
    assert_eq!((page.condition, page.recovery_action, machine.node_page().event_last), (0, 0, 0));
}

#[test]
fn leaked_memory_is_held_by_nobody_until_a_reset() {
    let mut machine = up("hgx-h100");
    machine.break_it(0, Fault::LeakedMemory { mib: 60_000 });
    let page = machine.gpu_page(0);
    assert_eq!((page.memory_used >> 20, page.process_count), (60_000, 0));
    let context = machine.open(USER, 0);
    assert_eq!(machine.ask(USER, Verb::UseContext, 0, &[context, 30 << 30]), (Status::Memory, [0, 2, 0, 0]));
    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.gpu_page(0).memory_used >> 20, 60_000);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success);
    assert_eq!(machine.gpu_page(0).memory_used, 0);
}

#[test]
fn a_programs_error_ends_the_program_and_leaves_the_gpu() {
    let mut machine = up("hgx-h100");
    let mine = machine.open(USER, 0);
    machine.open(ROOT, 0);
    machine.break_it(0, Fault::ProgramError { xid: 31, pid: 200, name: "train\n[0] Xid 79".into() });
    let said = machine.said();
    assert!(said[2].starts_with(
        "NVRM: Xid (PCI:0000:53:00): 31, pid=200, name=train[0] Xid 79, channel 0x0000000a, intr 00000000. MMU Fault: "
    ));
    assert_eq!(
        said[3],
        "NVRM: Xid (PCI:0000:53:00): 45, pid=200, name=train[0] Xid 79, Ch 00000008 caused by previous Xid 31"
    );
    assert_eq!(machine.ask(USER, Verb::UseContext, 0, &[mine]).1[1], 700);
    let page = machine.gpu_page(0);
    assert_eq!((page.condition, page.recovery_action, page.process_count), (0, 0, 1));
}

#[test]
fn what_a_device_cannot_have_is_refused_in_words() {
    fn case(profile: &str, fault: Fault) {
        let mut machine = up(profile);
        let before = (machine.node_page(), machine.gpu_page(0));
        let error = machine.inject(START, &GpuFault { gpu: 0, fault }).expect_err("it cannot");
        assert!(matches!(error, FaultError::NotOnThisDevice { .. }), "{error}");
        assert!((machine.node_page(), machine.gpu_page(0)) == before);
    }
    case("single-t4", Fault::RemapFailure);
    case("single-t4", Fault::ContainedEcc);
    case("single-t4", Fault::UncontainedEcc);
    case("single-l4", Fault::NvlinkDown { link: 0 });
    case("hgx-h100", Fault::NvlinkDown { link: 18 });
    case("pcie-pair-l40s", Fault::FabricNotReady);
    case("quad-l4", Fault::MigLeftOn);
    case("hgx-h100", Fault::PowerCap { watts: 700 });
    case("hgx-h100", Fault::DegradedPcie { r#gen: 5, width: 16 });
    case("hgx-h100", Fault::DegradedPcie { r#gen: 3, width: 3 });
    case("single-t4", Fault::DegradedPcie { r#gen: 3, width: 8 });
    case("hgx-h100", Fault::ComputeMode { mode: 0 });
    case("hgx-h100", Fault::LockedClocks { mhz: 5000 });
    case("hgx-h100", Fault::LeakedMemory { mib: u64::MAX });
    case("hgx-h100", Fault::ProgramError { xid: 79, pid: 1, name: "x".into() });
    let mut machine = up("single-t4");
    let error =
        machine.inject(START, &GpuFault { gpu: 1, fault: Fault::PowerBrake }).expect_err("there is one");
    assert_eq!(error.to_string(), "there is no GPU 1; the node has 1");
}

#[test]
fn without_a_driver_every_client_is_told_so() {
    let mut machine = Machine::without_driver(&spec("hgx-h100"), None, START).expect("ours");
    assert!(machine.take_kernel_lines().is_empty());
    let node = machine.node_page();
    assert_eq!((node.driver_state, node.gpu_count, text(&node.driver_version)), (0, 0, ""));
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::DriverNotLoaded);
    machine.set_driver_loaded(START, true);
    assert_eq!(machine.node_page().gpu_count, 8);
    assert!(
        machine.said().iter().any(|line| line.starts_with("NVRM: loading NVIDIA UNIX Open Kernel Module"))
    );
}
