//! MIG: modes, pieces, and who works in them.

use super::*;
use crate::spec::MigLayout;

fn cut(machine: &mut Machine, profile: u64) -> (Status, u64) {
    let (status, values) = machine.ask(ROOT, Verb::CreateGpuInstance, 0, &[profile, NONE]);
    (status, values[0])
}

#[test]
fn an_h100_is_cut_as_in_the_capture() {
    let layout = MigLayout {
        gpu: 0,
        profiles: ["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"].map(String::from).to_vec(),
    };
    let spec = HardwareSpec { mig: vec![layout], ..spec("hgx-h100") };
    let machine = Machine::new(&spec, None, START).expect("it fits");
    let page = machine.gpu_page(0);
    let parts = &page.gpu_instances[..page.gpu_instance_count as usize];
    assert_eq!(parts.iter().map(|part| part.id).collect::<Vec<_>>(), [2, 3, 9, 10]);
    let compute = &page.compute_instances[..page.compute_instance_count as usize];
    assert_eq!(compute.iter().map(|part| part.sm).collect::<Vec<_>>(), [60, 32, 16, 16]);
    assert!(compute.iter().all(|part| text(&part.uuid).len() == 40 && part.id == 0));
    let memory = |id: u32| page.mig_profiles.iter().find(|profile| profile.id == id).map(|it| it.memory_mib);
    assert_eq!([9, 14, 19].map(memory), [Some(40448), Some(20096), Some(9984)]);
    assert_eq!((page.mig_current, page.mig_pending, page.utilization_gpu), (1, 1, NONE32));
    assert_eq!(machine.gpu_page(1).mig_current, 0);
}

#[test]
fn a_layout_that_does_not_fit_is_refused_by_name() {
    let refused = |profile: &str, cuts: &[&str]| {
        let layout = MigLayout { gpu: 0, profiles: cuts.iter().map(ToString::to_string).collect() };
        let spec = HardwareSpec { mig: vec![layout], ..spec(profile) };
        Machine::new(&spec, None, START).expect_err("it does not fit").to_string()
    };
    assert_eq!(
        refused("hgx-h100", &["7g.80gb", "1g.10gb"]),
        "`1g.10gb` does not fit beside the others on GPU 0"
    );
    assert_eq!(
        refused("hgx-h100", &["3g.4gb"]),
        "the NVIDIA H100 80GB HBM3 has no MIG profile `3g.4gb`; the nearest is `3g.40gb`"
    );
    assert_eq!(refused("single-l4", &["1g.6gb"]), "the NVIDIA L4 has no MIG");
}

#[test]
fn a_free_hopper_goes_into_mig_mode_at_once_and_an_ampere_with_a_reset() {
    let mut hopper = up("hgx-h100");
    assert_eq!(hopper.ask(ROOT, Verb::SetMigMode, 0, &[1]), (Status::Success, [0; 4]));
    assert_eq!(hopper.gpu_page(0).mig_current, 1);

    let mut ampere = up("hgx-a100");
    let pending = [Status::ResetRequired as u64, 0, 0, 0];
    assert_eq!(ampere.ask(ROOT, Verb::SetMigMode, 0, &[1]), (Status::Success, pending));
    assert_eq!((ampere.gpu_page(0).mig_current, ampere.gpu_page(0).mig_pending), (0, 1));
    assert_eq!(cut(&mut ampere, 9).0, Status::NotSupported);
    assert_eq!(ampere.root(Verb::Reset, 0, &[]), Status::Success);
    assert_eq!(ampere.gpu_page(0).mig_current, 1);
    // Ampere keeps the mode without power, Hopper does not.
    assert_eq!(ampere.power_cycle().gpu_page(0).mig_current, 1);
    assert_eq!(hopper.power_cycle().gpu_page(0).mig_current, 0);
}

#[test]
fn mig_mode_is_pending_while_somebody_works_there() {
    let mut machine = up("hgx-h100");
    machine.open(USER, 0);
    let (status, values) = machine.ask(ROOT, Verb::SetMigMode, 0, &[1]);
    assert_eq!((status, values[0]), (Status::Success, Status::InUse as u64));
    assert_eq!((machine.gpu_page(0).mig_current, machine.gpu_page(0).mig_pending), (0, 1));
    machine.disconnect(machine.now_ms, USER.connection);
    assert_eq!(machine.gpu_page(0).mig_current, 0, "somebody has to ask again");
    assert_eq!(machine.ask(ROOT, Verb::SetMigMode, 0, &[1]).1[0], Status::Success as u64);
    assert_eq!(machine.gpu_page(0).mig_current, 1);
}

#[test]
fn instances_in_use_are_not_destroyed() {
    let mut machine = up("hgx-h100");
    assert_eq!(cut(&mut machine, 9).0, Status::NotSupported, "not in MIG mode");
    machine.root(Verb::SetMigMode, 0, &[1]);
    assert_eq!(cut(&mut machine, 99).0, Status::NotSupported);
    assert_eq!(machine.root(Verb::CreateGpuInstance, 0, &[9, 2]), Status::InvalidArgument);
    assert_eq!(cut(&mut machine, 9), (Status::Success, 2));
    assert_eq!(machine.root(Verb::CreateGpuInstance, 0, &[9, 4]), Status::InsufficientResources);
    assert_eq!(machine.root(Verb::CreateComputeInstance, 0, &[1, 3, 2]), Status::NotFound);
    assert_eq!(machine.root(Verb::CreateComputeInstance, 0, &[2, 4, 3]), Status::NotSupported);
    assert_eq!(machine.root(Verb::CreateComputeInstance, 0, &[2, 3, 0]), Status::InvalidArgument);
    assert_eq!(machine.ask(ROOT, Verb::CreateComputeInstance, 0, &[2, 1, 0]).1[0], 0);
    assert_eq!(machine.ask(ROOT, Verb::CreateComputeInstance, 0, &[2, 2, 1]).1[0], 1);
    assert_eq!(machine.root(Verb::CreateComputeInstance, 0, &[2, 1, 0]), Status::InsufficientResources);
    assert_eq!(machine.root(Verb::DestroyGpuInstance, 0, &[2]), Status::InUse);

    // A program in the first compute instance; the whole GPU is nobody's.
    assert_eq!(machine.ask(USER, Verb::OpenContext, 0, &[NONE, NONE, 1]), (Status::NotFound, [0, 100, 0, 0]));
    let (status, values) = machine.ask(USER, Verb::OpenContext, 0, &[2, 0, 1]);
    assert_eq!(status, Status::Success);
    let (status, _) = machine.ask(USER, Verb::UseContext, 0, &[values[0], 41 << 30]);
    assert_eq!(status, Status::Memory, "the instance has 39.5 GiB");
    machine.ask(USER, Verb::UseContext, 0, &[values[0], 10 << 30, 1000, 1000]);
    machine.wait(1);
    let page = machine.gpu_page(0);
    assert_eq!((page.processes[0].gpu_instance, page.processes[0].compute_instance), (2, 0));
    assert_eq!(page.processes[0].sm, 12, "16 of 132 SMs");
    assert_eq!(page.gpu_instances[0].memory_used, page.memory_used);
    assert_eq!(machine.root(Verb::DestroyComputeInstance, 0, &[2, 0]), Status::InUse);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::InUse);
    assert_eq!(machine.ask(ROOT, Verb::SetMigMode, 0, &[0]).1[0], Status::InUse as u64);

    machine.disconnect(machine.now_ms, USER.connection);
    for id in [0, 1] {
        assert_eq!(machine.root(Verb::DestroyComputeInstance, 0, &[2, id]), Status::Success);
    }
    assert_eq!(machine.root(Verb::DestroyGpuInstance, 0, &[2]), Status::Success);
    assert_eq!(machine.root(Verb::DestroyGpuInstance, 0, &[2]), Status::NotFound);
    assert_eq!(machine.gpu_page(0).gpu_instance_count, 0);
}

#[test]
fn a_reset_takes_the_instances_and_leaves_the_mode() {
    let mut machine = up("hgx-h100");
    machine.root(Verb::SetMigMode, 0, &[1]);
    cut(&mut machine, 0);
    assert_eq!(machine.root(Verb::Reset, 0, &[]), Status::Success);
    let page = machine.gpu_page(0);
    assert_eq!((page.mig_current, page.gpu_instance_count), (1, 0));
}
