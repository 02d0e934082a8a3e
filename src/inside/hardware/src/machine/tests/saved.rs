//! What outlives a power cycle, and what does not.

use super::*;

#[test]
fn a_power_cycle_keeps_the_inforom_and_forgets_the_settings() {
    let mut machine = up("pcie-pair-l40s");
    assert!(machine.changed_since_save(), "nothing was written yet");
    machine.mark_saved();
    assert!(!machine.changed_since_save());
    machine.root(Verb::SetPowerLimit, 0, &[200_000]);
    machine.root(Verb::SetComputeMode, 0, &[3]);
    assert!(!machine.changed_since_save(), "settings are not kept");
    machine.root(Verb::SetEccMode, 0, &[0]);
    assert!(machine.changed_since_save());
    machine.break_it(1, Fault::UncorrectableEcc);
    assert_eq!((machine.gpu_page(0).ecc_current, machine.gpu_page(0).ecc_pending), (1, 0));

    let machine = machine.power_cycle();
    let (first, second) = (machine.gpu_page(0), machine.gpu_page(1));
    assert_eq!((first.ecc_current, first.ecc_pending), (0, 0));
    assert_eq!(first.memory_total >> 20, 49140, "ECC costs memory on GDDR");
    assert_eq!((first.power_limit, first.compute_mode), (350_000, 0));
    assert_eq!((second.ecc_volatile[1][2], second.ecc_aggregate[1][2]), (0, 1));
    assert_eq!(
        (second.remap_pending, second.remapped_uncorrected, second.remap_histogram),
        (0, 1, [191, 1, 0, 0, 0])
    );
    assert_eq!(machine.node_page().generation, 2);
    assert_eq!(machine.node_page().event_last, 0);
}

#[test]
fn damaged_text_counts_as_a_factory_state_and_is_told() {
    let machine = up("hgx-h100");
    let good = machine.save();
    let other = up("hgx-h200").save();
    let huge = good.replace("remapped-uncorrected = 0", "remapped-uncorrected = 4000000000");
    let odd = good.replacen("faults = []", "faults = [{ degraded-pcie = { gen = 3, width = 0 } }]", 1);
    let wrong = good.replacen("faults = []", "faults = [\"fallen-off-bus\"]", 1);
    assert!(odd != good && wrong != good, "{good}");
    for bad in [
        odd.as_str(),
        &wrong,
        "",
        "format = 1",
        "{}",
        &good[..good.len() / 2],
        &other,
        &good.replace("format = 1", "format = 2"),
        &huge,
    ] {
        let machine = Machine::new(&spec("hgx-h100"), Some(bad), START).expect("text is no reason to refuse");
        assert!(machine.saved_refused().is_some(), "{bad}");
        assert_eq!(machine.node_page().generation, 1);
    }
    let machine = Machine::new(&spec("hgx-h100"), Some(&good), START).expect("ours");
    assert_eq!((machine.saved_refused(), machine.node_page().generation), (None, 2));
    assert_eq!(machine.gpu_page(0).uuid, up("hgx-h100").gpu_page(0).uuid);
}

#[test]
fn what_was_saved_gives_the_same_text_again() {
    let mut machine = up("hgx-a100");
    machine.break_it(0, Fault::Overheating);
    machine.break_it(1, Fault::DegradedPcie { r#gen: 1, width: 8 });
    machine.break_it(2, Fault::CorrectedEcc { per_hour: 90 });
    machine.break_it(3, Fault::RemapFailure);
    machine.break_it(4, Fault::FabricNotReady);
    let text = machine.save();
    let generation = |text: &str, n: u64| text.replace(&format!("generation = {n}"), "generation = 0");
    let again = machine.power_cycle().save();
    assert_eq!(generation(&again, 2), generation(&text, 1));
}

#[test]
fn an_impossible_specification_is_refused_with_its_reason() {
    let refused = |spec: HardwareSpec| Machine::new(&spec, None, START).expect_err("impossible").to_string();
    assert_eq!(
        refused(HardwareSpec { gpus: Some(9), ..spec("hgx-h100") }),
        "profile `hgx-h100` has 8 GPUs, not 9"
    );
    assert_eq!(refused(spec("hgx-h10")), "there is no node profile `hgx-h10`");
    assert_eq!(
        refused(HardwareSpec { driver: "550.163.01".into(), ..spec("hgx-b200") }),
        "driver 550.163.01 does not know the NVIDIA B200: it takes branch 570 or later"
    );
    assert_eq!(
        refused(HardwareSpec { driver: "390.1".into(), ..spec("hgx-h100") }),
        "there is no driver `390.1`; known branches are 550, 570 and 580"
    );
    refused(HardwareSpec { gpus: Some(0), ..spec("hgx-h100") });
}
