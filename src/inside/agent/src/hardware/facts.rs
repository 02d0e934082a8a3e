//! Facts about GPUs, from the pages of the machine itself.

use crashcart_facts::{GpuFact, GpusFact};
use crashcart_hardware::machine::Machine;
use crashcart_hardware::page::{Condition, DriverState, GpuPage, NONE32, NodePage, text};

/// One GPU, if the node has it.
pub fn gpu(gpus: &[GpuPage], index: u32) -> GpuFact {
    let Some(page) = gpus.iter().find(|page| page.index == index) else { return GpuFact::default() };
    let links = &page.links[..page.links.len().min(page.link_count as usize)];
    let down = down(page);
    let processes = &page.processes[..page.processes.len().min(page.process_count as usize)];
    // Rows and columns as in the page: corrected, uncorrected; by place.
    let sum = |counts: &[u64; 8]| counts.iter().filter(|count| **count != u64::MAX).sum();
    GpuFact {
        exists: true,
        name: text(&page.name).to_owned(),
        uuid: text(&page.uuid).to_owned(),
        serial: text(&page.serial).to_owned(),
        bus_id: format!("{:08x}:{:02x}:{:02x}.0", page.pci_domain, page.pci_bus, page.pci_device),
        condition: condition(page).to_owned(),
        recovery: recovery(page).to_owned(),
        persistence: page.persistence == 1,
        compute_mode: compute_mode(page).to_owned(),
        ecc: switch(page.ecc_current),
        ecc_pending: switch(page.ecc_pending),
        mig: switch(page.mig_current),
        mig_pending: switch(page.mig_pending),
        mig_layout: layout(page),
        mig_devices: page.compute_instance_count,
        power_limit_w: watts(page.power_limit),
        power_limit_default_w: watts(page.power_limit_default),
        power_draw_w: watts(page.power_draw),
        temperature_c: some(page.temperature),
        graphics_clock_mhz: page.clock[0],
        memory_clock_mhz: page.clock[2],
        application_graphics_clock_mhz: some(page.clock_app[0]),
        locked_clock_min_mhz: some(page.clock_locked_min),
        locked_clock_max_mhz: some(page.clock_locked_max),
        clock_reasons: reasons(page.clock_reasons),
        pcie_gen: page.pcie_gen,
        pcie_gen_max: page.pcie_gen_max,
        pcie_width: page.pcie_width,
        pcie_width_max: page.pcie_width_max,
        pcie_replays: page.pcie_replays,
        links: links.len() as u32,
        links_up: (links.len() - down.len()) as u32,
        links_down: down,
        fabric: fabric(page.fabric_state).to_owned(),
        ecc_corrected: sum(&page.ecc_volatile[0]),
        ecc_uncorrected: sum(&page.ecc_volatile[1]),
        ecc_corrected_ever: sum(&page.ecc_aggregate[0]),
        ecc_uncorrected_ever: sum(&page.ecc_aggregate[1]),
        remapped_rows: some(page.remapped_corrected).unwrap_or(0)
            + some(page.remapped_uncorrected).unwrap_or(0),
        remap_pending: page.remap_pending == 1,
        remap_failed: page.remap_failed == 1,
        utilization_percent: some(page.utilization_gpu).unwrap_or(0),
        memory_total_mib: page.memory_total >> 20,
        memory_used_mib: page.memory_used >> 20,
        processes: processes.len() as u32,
        pids: processes.iter().map(|process| process.pid).collect(),
        accounting: switch(page.accounting),
    }
}

/// All of them; the pages are those of the GPUs that the driver has.
pub fn gpus(machine: &Machine, gpus: &[GpuPage]) -> GpusFact {
    GpusFact {
        flaws: machine.flaws(),
        worked_s: machine.worked_s(),
        ..from_pages(&machine.node_page(), gpus)
    }
}

fn from_pages(node: &NodePage, gpus: &[GpuPage]) -> GpusFact {
    let each = |word: fn(&GpuPage) -> &str| gpus.iter().map(|page| word(page).to_owned()).collect();
    let pairs = |list: &dyn Fn(&GpuPage) -> Vec<String>| {
        let named =
            |page: &GpuPage| list(page).into_iter().map(|word| format!("{}:{word}", page.index)).collect();
        gpus.iter().flat_map::<Vec<String>, _>(named).collect()
    };
    GpusFact {
        exists: true,
        driver_loaded: node.driver_state == DriverState::Loaded as u32,
        driver_version: text(&node.driver_version).to_owned(),
        count: gpus.len() as u32,
        names: each(|page| text(&page.name)),
        uuids: each(|page| text(&page.uuid)),
        conditions: each(condition),
        recoveries: each(recovery),
        persistence: gpus.iter().map(|page| page.persistence == 1).collect(),
        compute_modes: each(compute_mode),
        ecc: gpus.iter().map(|page| page.ecc_current == 1).collect(),
        mig: gpus.iter().map(|page| page.mig_current == 1).collect(),
        mig_layout: pairs(&layout),
        power_limits_w: gpus.iter().map(|page| watts(page.power_limit).unwrap_or(0)).collect(),
        temperatures_c: gpus.iter().map(|page| some(page.temperature).unwrap_or(0)).collect(),
        links_down: pairs(&|page| down(page).iter().map(u32::to_string).collect()),
        fabrics: each(|page| fabric(page.fabric_state)),
        processes: gpus.iter().map(|page| page.process_count).sum(),
        flaws: Vec::new(),
        worked_s: Vec::new(),
    }
}

fn some(value: u32) -> Option<u32> {
    (value != NONE32).then_some(value)
}

fn watts(milliwatts: u32) -> Option<u32> {
    some(milliwatts).map(|milliwatts| milliwatts.div_ceil(1000))
}

fn switch(value: u32) -> Option<bool> {
    some(value).map(|value| value == 1)
}

fn condition(page: &GpuPage) -> &'static str {
    match Condition::from_raw(page.condition) {
        Condition::Answers => "answers",
        Condition::Lost => "lost",
        Condition::Hung => "hung",
        Condition::NeedsReset => "needs-reset",
    }
}

fn recovery(page: &GpuPage) -> &'static str {
    match page.recovery_action {
        1 => "reset",
        2 => "reboot",
        3 => "drain-p2p",
        4 => "drain-and-reset",
        _ => "none",
    }
}

fn compute_mode(page: &GpuPage) -> &'static str {
    match page.compute_mode {
        1 => "exclusive-thread",
        2 => "prohibited",
        3 => "exclusive-process",
        _ => "default",
    }
}

fn fabric(state: u32) -> &'static str {
    match state {
        1 => "not-started",
        2 => "in-progress",
        3 => "completed",
        _ => "not-supported",
    }
}

fn layout(page: &GpuPage) -> Vec<String> {
    let instances = &page.gpu_instances[..page.gpu_instances.len().min(page.gpu_instance_count as usize)];
    let profiles = &page.mig_profiles[..page.mig_profiles.len().min(page.mig_profile_count as usize)];
    let mut words: Vec<(u32, String)> = instances
        .iter()
        .map(|instance| {
            let profile = profiles.iter().find(|profile| profile.id == instance.profile_id);
            let name = profile.map_or("unknown", |profile| text(&profile.name));
            (instance.start, format!("{name}@{}", instance.start))
        })
        .collect();
    words.sort();
    words.into_iter().map(|(_, word)| word).collect()
}

fn down(page: &GpuPage) -> Vec<u32> {
    let links = page.links.iter().take(page.link_count as usize);
    links.zip(0..).filter(|(link, _)| link.up == 0).map(|(_, number)| number).collect()
}

/// `nvmlClocksEventReason*` by its own words.
fn reasons(bits: u64) -> Vec<String> {
    const WORDS: [(u64, &str); 9] = [
        (0x1, "idle"),
        (0x2, "application-clocks"),
        (0x4, "software-power-cap"),
        (0x8, "hardware-slowdown"),
        (0x10, "sync-boost"),
        (0x20, "software-thermal"),
        (0x40, "hardware-thermal"),
        (0x80, "hardware-power-brake"),
        (0x100, "display"),
    ];
    WORDS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;
    use crashcart_hardware::page::{GpuInstance, MigProfile, field};

    #[test]
    fn a_page_is_told_in_words() {
        let mut page = GpuPage {
            index: 1,
            name: field("NVIDIA H100 80GB HBM3"),
            condition: Condition::NeedsReset as u32,
            recovery_action: 4,
            power_limit: 699_500,
            ecc_current: 1,
            mig_current: NONE32,
            clock_reasons: 0x84,
            link_count: 2,
            mig_profile_count: 1,
            gpu_instance_count: 2,
            clock_locked_min: NONE32,
            ..GpuPage::zeroed()
        };
        page.links[1].up = 1;
        page.mig_profiles[0] = MigProfile { id: 9, name: field("3g.40gb"), ..MigProfile::zeroed() };
        page.gpu_instances[0] = GpuInstance { id: 1, profile_id: 9, start: 4, ..GpuInstance::zeroed() };
        page.gpu_instances[1] = GpuInstance { id: 2, profile_id: 9, start: 0, ..GpuInstance::zeroed() };
        let fact = gpu(&[page], 1);
        assert_eq!((fact.condition.as_str(), fact.recovery.as_str()), ("needs-reset", "drain-and-reset"));
        assert_eq!((fact.power_limit_w, fact.ecc, fact.mig), (Some(700), Some(true), None));
        assert_eq!(fact.clock_reasons, ["software-power-cap", "hardware-power-brake"]);
        assert_eq!((fact.links, fact.links_up, fact.links_down), (2, 1, vec![0]));
        assert_eq!(fact.mig_layout, ["3g.40gb@0", "3g.40gb@4"]);
        assert_eq!(fact.locked_clock_min_mhz, None);
        assert!(!gpu(&[page], 0).exists);
        let all = from_pages(&NodePage::zeroed(), &[page]);
        assert_eq!(all.mig_layout, ["1:3g.40gb@0", "1:3g.40gb@4"]);
        assert_eq!((all.links_down, all.driver_loaded), (vec!["1:0".to_owned()], false));
    }
}
