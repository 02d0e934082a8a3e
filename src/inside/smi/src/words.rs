//! NVML's numbers as nvidia-smi's words, and readings as the text of a cell.
//!
//! A number that nobody knows prints as `Unknown`, never as an error. Pure.

use crate::node::{Code, Driver, Fabric, Reading};

/// A value, or in `-q` and in XML the word for what went wrong.
pub fn plain<T: ToString>(reading: &Reading<T>) -> String {
    with(reading, T::to_string)
}

/// [`plain`] with the value written by `write`.
pub fn with<T>(reading: &Reading<T>, write: impl FnOnce(&T) -> String) -> String {
    match reading {
        Ok(value) => write(value),
        Err(code) => refusal(*code),
    }
}

/// What stands where a value cannot.
pub fn refusal(code: Code) -> String {
    if code.is_absence() { "N/A".into() } else { code.text().into() }
}

/// The same in the default table: there is room for four letters.
pub fn short(code: Code) -> &'static str {
    if code.is_absence() { "N/A" } else { "ERR!" }
}

pub fn enabled(on: bool) -> &'static str {
    if on { "Enabled" } else { "Disabled" }
}

pub fn yes(is: bool) -> &'static str {
    if is { "Yes" } else { "No" }
}

/// Bytes as whole MiB, rounded up as nvidia-smi does for what is used.
pub fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// Milliwatts as `629.50`.
pub fn watts(milliwatts: u32) -> String {
    format!("{:.2}", f64::from(milliwatts) / 1000.0)
}

pub fn brand(number: u32) -> &'static str {
    match number {
        1 => "Quadro",
        2 => "Tesla",
        3 => "NVS",
        4 => "GRID",
        5 => "GeForce",
        6 => "Titan",
        12 => "Quadro RTX",
        13 => "NVIDIA RTX",
        14 => "NVIDIA",
        15 => "GeForce RTX",
        16 => "Titan RTX",
        _ => "Unknown",
    }
}

pub fn architecture(number: u32) -> &'static str {
    match number {
        2 => "Kepler",
        3 => "Maxwell",
        4 => "Pascal",
        5 => "Volta",
        6 => "Turing",
        7 => "Ampere",
        8 => "Ada Lovelace",
        9 => "Hopper",
        10 => "Blackwell",
        _ => "Unknown",
    }
}

pub fn addressing_mode(number: u32) -> &'static str {
    match number {
        1 => "HMM",
        2 => "ATS",
        _ => "None",
    }
}

pub fn virtualization(number: u32) -> &'static str {
    match number {
        0 => "None",
        1 => "Pass-Through",
        2 => "VGPU",
        3 => "Host VGPU",
        4 => "Host VSGA",
        _ => "Unknown",
    }
}

pub fn recovery_action(number: u32) -> &'static str {
    match number {
        0 => "None",
        1 => "Reset",
        2 => "Reboot",
        3 => "Drain P2P",
        4 => "Drain and Reset",
        _ => "Unknown",
    }
}

/// As `-q` and CSV have it.
pub fn compute_mode(number: u32) -> &'static str {
    match number {
        0 => "Default",
        1 => "Exclusive_Thread",
        2 => "Prohibited",
        3 => "Exclusive_Process",
        _ => "Unknown",
    }
}

/// As the default table has it.
pub fn compute_mode_short(number: u32) -> &'static str {
    match number {
        0 => "Default",
        1 => "E. Thread",
        2 => "Prohibited",
        3 => "E. Process",
        _ => "ERR!",
    }
}

pub fn operation_mode(number: u32) -> &'static str {
    match number {
        0 => "All On",
        1 => "Compute",
        2 => "Low Double Precision",
        _ => "Unknown",
    }
}

pub fn performance_state(number: u32) -> String {
    if number < 16 { format!("P{number}") } else { "Unknown".into() }
}

pub fn fabric_state(fabric: &Fabric) -> &'static str {
    match fabric.state {
        1 => "Not Started",
        2 => "In Progress",
        3 => "Completed",
        _ => "N/A",
    }
}

/// A fabric has something to say of itself only once the GPU has joined it.
pub fn fabric_status(fabric: &Fabric) -> &'static str {
    if fabric.state == 3 { fabric.status.text() } else { "N/A" }
}

pub fn fabric_clique(fabric: &Fabric) -> String {
    if fabric.state == 3 { fabric.clique.to_string() } else { "N/A".into() }
}

pub fn fabric_cluster(fabric: &Fabric) -> String {
    if fabric.state != 3 {
        return "N/A".into();
    }
    let hex: String = fabric.cluster.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Health of the fabric: summary, bandwidth, route recovery, unhealthy route, timeout recovery, configuration.
pub fn fabric_health(fabric: &Fabric) -> [&'static str; 6] {
    let two = |shift: u32, yes: &'static str, no: &'static str| match fabric.health >> shift & 3 {
        1 => yes,
        2 => no,
        _ => "N/A",
    };
    let summary = match fabric.summary {
        1 => "Healthy",
        2 => "Unhealthy",
        3 => "Limited Capacity",
        _ => "N/A",
    };
    let configuration = match fabric.health >> 8 & 15 {
        1 => "None",
        2 => "Incorrect SysGuid",
        3 => "Incorrect Chassis Serial Number",
        4 => "No Partition",
        5 => "Insufficient NVLinks",
        _ => "N/A",
    };
    [
        summary,
        two(0, "Degraded", "Full"),
        two(2, "True", "False"),
        two(4, "True", "False"),
        two(6, "True", "False"),
        configuration,
    ]
}

/// The bits of `nvmlClocksEventReason*` by the names that `-q` and CSV have for them.
pub const REASONS: [(u64, &str, &str); 9] = [
    (0x1, "Idle", "gpu_idle"),
    (0x2, "Applications Clocks Setting", "applications_clocks_setting"),
    (0x4, "SW Power Cap", "sw_power_cap"),
    (0x8, "HW Slowdown", "hw_slowdown"),
    (0x40, "    HW Thermal Slowdown", "hw_thermal_slowdown"),
    (0x80, "    HW Power Brake Slowdown", "hw_power_brake_slowdown"),
    (0x10, "Sync Boost", "sync_boost"),
    (0x20, "SW Thermal Slowdown", "sw_thermal_slowdown"),
    (0x100, "Display Clock Setting", "display_clocks_setting"),
];

pub fn active(is: bool) -> &'static str {
    if is { "Active" } else { "Not Active" }
}

/// What of the display mode this driver still tells.
pub fn display_mode(driver: Driver, reading: &Reading<bool>) -> Reading<String> {
    if driver.branch >= 580 {
        return Err(Code::DEPRECATED);
    }
    reading.map(|on| enabled(on).to_owned())
}

/// A process as letters: C, G or both.
pub fn process_type(compute: bool, graphics: bool) -> &'static str {
    match (compute, graphics) {
        (true, true) => "C+G",
        (false, true) => "G",
        _ => "C",
    }
}

/// The end of a long name behind three dots.
pub fn tail(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - (room - 3)).collect();
    format!("...{end}")
}
