//! Who keeps a driver on a GPU that nobody uses.

use super::*;

/// The daemon that holds, as root and, once it has dropped its rights, as a user.
const DAEMON: Client = Client { connection: 7, pid: 700, uid: 0 };
const DROPPED: Client = Client { uid: 999, ..DAEMON };

/// A GPU whose legacy setting is off.
fn forgetful() -> Machine {
    let mut machine = up("single-l4");
    machine.break_it(0, Fault::PersistenceOff);
    assert_eq!(machine.gpu_page(0).persistence, 0);
    machine
}

fn hold(machine: &mut Machine) {
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 0, &[1]).0, Status::Success);
    assert_eq!(machine.gpu_page(0).persistence, 1);
}

#[test]
fn what_was_set_lasts_as_long_as_a_daemon_holds_the_gpu() {
    let mut machine = forgetful();
    hold(&mut machine);
    assert_eq!(machine.root(Verb::SetPowerLimit, 0, &[50_000]), Status::Success);
    machine.wait(600);
    assert_eq!((machine.gpu_page(0).power_limit, machine.gpu_page(0).persistence), (50_000, 1));
    machine.disconnect(machine.now_ms, DAEMON.connection);
    assert_eq!((machine.gpu_page(0).power_limit, machine.gpu_page(0).persistence), (50_000, 0));
    machine.wait(3);
    assert_eq!(machine.gpu_page(0).power_limit, 72_000);
}

#[test]
fn holding_takes_root_and_letting_go_does_not() {
    let mut machine = forgetful();
    assert_eq!(machine.ask(USER, Verb::HoldPersistence, 0, &[1]).0, Status::NoPermission);
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 0, &[2]).0, Status::InvalidArgument);
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 1, &[1]).0, Status::InvalidArgument);
    hold(&mut machine);
    assert_eq!(machine.ask(USER, Verb::HoldPersistence, 0, &[0]).0, Status::Success);
    assert_eq!(machine.gpu_page(0).persistence, 1, "nobody lets go for another");
    assert_eq!(machine.ask(DROPPED, Verb::HoldPersistence, 0, &[0]).0, Status::Success);
    assert_eq!(machine.gpu_page(0).persistence, 0);
}

#[test]
fn the_legacy_setting_and_a_hold_are_apart() {
    let mut machine = up("single-l4");
    assert_eq!(machine.gpu_page(0).persistence, 1, "set, as every node comes up");
    hold(&mut machine);
    machine.root(Verb::SetPersistence, 0, &[0]);
    assert_eq!(machine.gpu_page(0).persistence, 1, "held still");
    machine.root(Verb::SetPersistence, 0, &[1]);
    machine.ask(DAEMON, Verb::HoldPersistence, 0, &[0]);
    assert_eq!(machine.gpu_page(0).persistence, 1, "set still");
    machine.root(Verb::SetPersistence, 0, &[0]);
    assert_eq!(machine.gpu_page(0).persistence, 0);
}

#[test]
fn each_gpu_is_held_by_as_many_as_hold_it() {
    let mut machine = up("quad-l4");
    for gpu in 0..4 {
        machine.break_it(gpu, Fault::PersistenceOff);
    }
    let other = Client { connection: 8, ..DAEMON };
    for (from, gpu) in [(DAEMON, 1), (other, 1), (other, 2)] {
        assert_eq!(machine.ask(from, Verb::HoldPersistence, gpu, &[1]).0, Status::Success);
    }
    let held = |machine: &Machine| [0, 1, 2, 3].map(|gpu| machine.gpu_page(gpu).persistence);
    assert_eq!(held(&machine), [0, 1, 1, 0]);
    machine.disconnect(machine.now_ms, other.connection);
    assert_eq!(held(&machine), [0, 1, 0, 0]);
    machine.break_it(0, Fault::FallenOffBus);
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 0, &[1]).0, Status::GpuIsLost);
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 0, &[0]).0, Status::Success);
}

#[test]
fn a_hold_outlives_a_reset_and_ends_with_the_driver() {
    let mut machine = forgetful();
    hold(&mut machine);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success, "a daemon does not stand in the way");
    assert_eq!(machine.gpu_page(0).persistence, 1);
    machine.set_driver_loaded(machine.now_ms, false);
    assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, 0, &[1]).0, Status::DriverNotLoaded);
    machine.set_driver_loaded(machine.now_ms, true);
    machine.root(Verb::SetPersistence, 0, &[0]);
    assert_eq!(machine.gpu_page(0).persistence, 0);
}

#[test]
fn in_a_guest_a_hold_ends_with_the_drivers_own_on_the_gpu() {
    let machine = Machine::without_driver(&spec("pcie-pair-h100"), None, START).expect("ours");
    let mut machine = machine.in_guest(Surroundings { processors: 2, numa_nodes: 1 });
    machine.module_loaded(START, "580.105.08").expect("a known branch");
    for gpu in 0..2 {
        machine.take(START, gpu, 0).expect("it knows this device");
        machine.root(Verb::SetPersistence, gpu as u32, &[0]);
        assert_eq!(machine.ask(DAEMON, Verb::HoldPersistence, gpu as u32, &[1]).0, Status::Success);
    }
    machine.release(START, 0);
    machine.take(START, 0, 0).expect("it knows this device");
    assert_eq!([0, 1].map(|gpu| machine.gpu_page(gpu).persistence), [0, 1]);
    machine.module_unloaded(START);
    machine.module_loaded(START, "580.105.08").expect("a known branch");
    machine.take(START, 1, 0).expect("it knows this device");
    machine.root(Verb::SetPersistence, 1, &[0]);
    assert_eq!(machine.gpu_page(1).persistence, 0);
}
