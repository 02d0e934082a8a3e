//! The machine as its owner and its clients see it.

mod faults;
mod mig;
mod persistence;
mod saved;

use super::*;
use crate::command::{Command, Outcome, Status, Verb};
use crate::fault::GpuFault;
use crate::page::{GpuPage, NONE, NONE32, text};

const START: u64 = 1_750_000_000_000;
const ROOT: Client = Client { connection: 1, pid: 100, uid: 0 };
const USER: Client = Client { connection: 2, pid: 200, uid: 1000 };

fn spec(profile: &str) -> HardwareSpec {
    HardwareSpec {
        profile: profile.into(),
        driver: "580.105.08".into(),
        gpus: None,
        identity: "test".into(),
        mig: Vec::new(),
    }
}

fn up(profile: &str) -> Machine {
    let mut machine = Machine::new(&spec(profile), None, START).expect("a profile of ours");
    machine.take_kernel_lines();
    machine
}

impl Machine {
    fn ask(&mut self, from: Client, verb: Verb, gpu: u32, arguments: &[u64]) -> (Status, [u64; 4]) {
        let Outcome { status, values, .. } =
            self.command(self.now_ms, from, &Command::new(verb, gpu, arguments));
        let known = [
            Status::Success,
            Status::InvalidArgument,
            Status::NotSupported,
            Status::NoPermission,
            Status::NotFound,
            Status::DriverNotLoaded,
            Status::GpuIsLost,
            Status::ResetRequired,
            Status::InUse,
            Status::Memory,
            Status::InsufficientResources,
            Status::Unknown,
        ];
        (known.into_iter().find(|known| *known as u32 == status).expect("a status of ours"), values)
    }

    fn root(&mut self, verb: Verb, gpu: u32, arguments: &[u64]) -> Status {
        self.ask(ROOT, verb, gpu, arguments).0
    }

    fn open(&mut self, from: Client, gpu: u32) -> u64 {
        let (status, values) = self.ask(from, Verb::OpenContext, gpu, &[NONE, NONE, 1]);
        assert_eq!(status, Status::Success);
        values[0]
    }

    fn wait(&mut self, seconds: u64) {
        self.advance(self.now_ms + seconds * 1000);
    }

    fn break_it(&mut self, gpu: u32, fault: Fault) {
        self.inject(self.now_ms, &GpuFault { gpu, fault }).expect("a fault that this node can have");
    }

    fn power_cycle(&self) -> Machine {
        let mut machine =
            Machine::new(&self.spec, Some(&self.save()), self.now_ms + 60_000).expect("the same");
        assert_eq!(machine.saved_refused(), None);
        machine.take_kernel_lines();
        machine
    }

    fn said(&mut self) -> Vec<String> {
        self.take_kernel_lines().into_iter().map(|line| line.text).collect()
    }
}

#[test]
fn a_node_comes_up_idle_and_says_so_on_every_surface() {
    let mut machine = Machine::new(&spec("hgx-h100"), None, START).expect("ours");
    let node = machine.node_page();
    assert_eq!((node.gpu_count, node.driver_state, node.generation), (8, 1, 1));
    assert_eq!((text(&node.driver_version), node.cuda_version), ("580.105.08", 13000));
    let said: Vec<String> = machine.said();
    assert!(said.iter().any(|line| line.starts_with(
        "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.105.08  Release Build  ("
    )));
    machine.wait(60);
    for index in 0..8 {
        let page = machine.gpu_page(index);
        assert_eq!(text(&page.name), "NVIDIA H100 80GB HBM3");
        assert_eq!((page.pci_id, page.pci_subsystem), (0x2330_10de, 0x16c1_10de));
        assert_eq!((page.memory_total >> 20, page.memory_used), (81559, 0));
        let free = page.memory_total - page.memory_reserved;
        // As the capture has them, each rounded up.
        assert_eq!((page.memory_reserved.div_ceil(1 << 20), free.div_ceil(1 << 20)), (480, 81080));
        assert!((30_000..36_000).contains(&page.power_memory), "{}", page.power_memory);
        assert!((29..=41).contains(&page.temperature), "{}", page.temperature);
        assert!((66_000..72_000).contains(&page.power_draw), "{}", page.power_draw);
        assert_eq!((page.clock, page.performance_state), ([345, 345, 2619, 765], 0));
        assert_eq!((page.clock_reasons, page.fabric_state, page.link_count), (1, 3, 18));
        assert!(page.links.iter().all(|link| link.up == 1 && link.remote_kind == 2));
    }
    let first = machine.gpu_page(0);
    assert_eq!((first.pci_bus, first.module_id, first.board_id, first.numa_node), (0x53, 7, 0x5300, 0));
    assert_ne!(first.uuid, machine.gpu_page(1).uuid);
    assert!(machine.gpu_information(0).contains("Bus Location: \t 0000:53:00.0\n"));
    assert!(
        machine.proc_version().starts_with("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.")
    );
}

#[test]
fn every_profile_comes_up() {
    for (name, profile) in profile::profiles() {
        let machine =
            Machine::new(&spec(name), None, START).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(machine.node_page().gpu_count as usize, profile.slots.len(), "{name}");
    }
}

#[test]
fn the_same_commands_at_the_same_times_give_the_same_pages() {
    let run = || {
        let mut machine = up("hgx-h100");
        let context = machine.open(USER, 3);
        machine.ask(USER, Verb::UseContext, 3, &[context, 1 << 34, 900, 500, 200]);
        machine.wait(37);
        machine.break_it(3, Fault::UncorrectableEcc);
        machine.wait(5);
        let pages: Vec<GpuPage> = (0..8).map(|index| machine.gpu_page(index)).collect();
        (machine.node_page(), pages, machine.said(), machine.save())
    };
    assert!(run() == run());
}

#[test]
fn a_loaded_gpu_is_busy_warm_and_counted() {
    let mut machine = up("hgx-h100");
    let context = machine.open(USER, 0);
    let (status, _) = machine.ask(USER, Verb::UseContext, 0, &[context, 16 << 30, 1000, 600]);
    assert_eq!(status, Status::Success);
    machine.wait(120);
    let page = machine.gpu_page(0);
    assert_eq!((page.utilization_gpu, page.utilization_memory), (100, 60));
    assert!(page.power_draw > 560_000 && page.temperature > 50, "{} {}", page.power_draw, page.temperature);
    assert_eq!(page.clock[0], 1980);
    assert_eq!((page.process_count, page.processes[0].pid, page.processes[0].sm), (1, 200, 100));
    assert_eq!(page.processes[0].memory, page.memory_used);
    assert_eq!(page.memory_used >> 20, 16384 + 528);
    assert_eq!(page.processes[0].gpu_instance, NONE32);
    let (_, values) = machine.ask(USER, Verb::UseContext, 0, &[context, 16 << 30, 0, 0]);
    let whole = 120.0 * 1000.0 * 132.0;
    assert!((values[2] as f64 / whole - 1.0).abs() < 0.02, "{}", values[2]);
    machine.disconnect(machine.now_ms, USER.connection);
    machine.wait(120);
    let page = machine.gpu_page(0);
    assert_eq!((page.process_count, page.memory_used, page.utilization_gpu), (0, 0, 0));
    assert!(page.temperature < 42);
}

#[test]
fn the_owner_may_sleep_while_nothing_moves() {
    let mut machine = up("hgx-h100");
    machine.wait(30);
    let now = machine.now_ms;
    assert_eq!(machine.next_change_ms(now), now + 60_000);
    let context = machine.open(USER, 0);
    assert_eq!(machine.next_change_ms(now), now + 1000);
    machine.ask(USER, Verb::UseContext, 0, &[context, 0, 500]);
    machine.wait(300);
    assert_eq!(machine.next_change_ms(machine.now_ms), machine.now_ms + 1000);
}

#[test]
fn only_root_changes_what_all_share() {
    let mut machine = up("single-l4");
    for verb in
        [Verb::SetPersistence, Verb::SetPowerLimit, Verb::Reset, Verb::SetMigMode, Verb::ClearEccCounts]
    {
        assert_eq!(machine.ask(USER, verb, 0, &[1]).0, Status::NoPermission);
    }
    assert_eq!(machine.root(Verb::SetPowerLimit, 0, &[72_001]), Status::InvalidArgument);
    assert_eq!(machine.root(Verb::SetPowerLimit, 0, &[39_999]), Status::InvalidArgument);
    assert_eq!(machine.root(Verb::SetPowerLimit, 0, &[50_000]), Status::Success);
    assert_eq!(machine.root(Verb::SetMigMode, 0, &[1]), Status::NotSupported);
    assert_eq!(machine.root(Verb::SetApplicationClocks, 0, &[6251, 2041]), Status::InvalidArgument);
    assert_eq!(machine.root(Verb::SetApplicationClocks, 0, &[6251, 2025]), Status::Success);
    assert_eq!(machine.root(Verb::SetLockedClocks, 0, &[900, 600]), Status::InvalidArgument);
    assert_eq!(machine.root(Verb::SetPersistence, 1, &[1]), Status::InvalidArgument);
    assert_eq!(machine.gpu_page(0).power_limit, 50_000);
}

/// Numbers that look random and are not.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn no_sequence_of_commands_and_faults_makes_it_panic_or_lie() {
    let numbers =
        [0, 1, 2, 3, 5, 7, 9, 14, 19, 300, 990, 1980, 2619, 72_000, 300_000, 1 << 33, NONE - 1, NONE];
    for (seed, (name, _)) in profile::profiles().iter().enumerate() {
        let mut dice = Dice(seed as u64 + 1);
        let mut machine = up(name);
        for _ in 0..1500 {
            let number = |dice: &mut Dice| numbers[dice.roll(numbers.len() as u64) as usize];
            let now_ms = machine.now_ms + dice.roll(3) * 400;
            let gpu = dice.roll(9) as u32;
            let from = [ROOT, USER, Client { connection: 3, pid: -1, uid: 0 }][dice.roll(3) as usize];
            match dice.roll(40) {
                0 => machine.disconnect(now_ms, dice.roll(4)),
                1 => machine = machine.power_cycle(),
                2 => machine.set_driver_loaded(now_ms, dice.roll(4) > 0),
                3 => machine.advance(now_ms + number(&mut dice).min(1 << 40)),
                4 | 5 => {
                    let faults = [
                        Fault::FallenOffBus,
                        Fault::UncorrectableEcc,
                        Fault::RemapFailure,
                        Fault::ContainedEcc,
                        Fault::UncontainedEcc,
                        Fault::GspTimeout,
                        Fault::Overheating,
                        Fault::PowerBrake,
                        Fault::PowerCap { watts: number(&mut dice) as u32 },
                        Fault::DegradedPcie { r#gen: dice.roll(6) as u32, width: number(&mut dice) as u32 },
                        Fault::NvlinkDown { link: number(&mut dice) as u32 },
                        Fault::FabricNotReady,
                        Fault::EccOff,
                        Fault::MigLeftOn,
                        Fault::PersistenceOff,
                        Fault::ComputeMode { mode: number(&mut dice) as u32 },
                        Fault::LockedClocks { mhz: number(&mut dice) as u32 },
                        Fault::CorrectedEcc { per_hour: number(&mut dice) as u32 },
                        Fault::LeakedMemory { mib: number(&mut dice) },
                        Fault::ProgramError { xid: 31, pid: number(&mut dice) as u32, name: "é\n".into() },
                    ];
                    let fault = faults[dice.roll(faults.len() as u64) as usize].clone();
                    // Most are refused somewhere; that is the point.
                    let _ = match dice.roll(3) {
                        0 => machine.clear(now_ms, gpu, &fault),
                        1 => machine.inject(now_ms, &GpuFault { gpu, fault }),
                        _ => machine.inject_as_of(now_ms, number(&mut dice), &GpuFault { gpu, fault }),
                    };
                }
                _ => {
                    let arguments: Vec<u64> = (0..6).map(|_| number(&mut dice)).collect();
                    let verb = [dice.roll(19), 31 + dice.roll(5)][dice.roll(2) as usize] as u32;
                    let mut command = Command::new(Verb::Reset, gpu, &arguments);
                    command.verb = verb;
                    machine.command(now_ms, from, &command);
                }
            }
            for index in 0..=machine.gpus() {
                let page = machine.gpu_page(index);
                assert!(page.memory_used + page.memory_reserved <= page.memory_total, "{name}");
                assert!(page.temperature < 120 && page.power_draw <= 1_100_000, "{name}");
                assert!(page.utilization_gpu <= 100 || page.utilization_gpu == NONE32, "{name}");
                assert!(
                    page.remap_histogram.iter().sum::<u32>()
                        == machine.device.memory.remap_banks.unwrap_or(0)
                        || page.magic == 0,
                    "{name}"
                );
            }
            assert!(machine.next_change_ms(machine.now_ms) > machine.now_ms);
            if dice.roll(50) == 0 {
                machine.take_kernel_lines();
            }
        }
    }
}
