//! The devices there are: one data file each in `devices/`, parsed once.
//!
//! A number stands in its file beside where it comes from; what could not be
//! confirmed is listed there under `uncertain`, so that the fidelity page can
//! say so. Knows no node and no state: what holds them is `profile`, what they
//! do is `machine`.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::document::{self, Doubts, FileError};
use crate::page::{MEMORY_CLOCKS, MIG_PROFILES};
use crate::spec::SpecError;

/// The data files, by the name that profiles use.
const FILES: &[(&str, &str)] = &[
    ("a100-sxm4-40gb", include_str!("../devices/a100-sxm4-40gb.toml")),
    ("a100-sxm4-80gb", include_str!("../devices/a100-sxm4-80gb.toml")),
    ("a100-pcie-40gb", include_str!("../devices/a100-pcie-40gb.toml")),
    ("h100-sxm5", include_str!("../devices/h100-sxm5.toml")),
    ("h100-pcie", include_str!("../devices/h100-pcie.toml")),
    ("h200", include_str!("../devices/h200.toml")),
    ("b200", include_str!("../devices/b200.toml")),
    ("l40s", include_str!("../devices/l40s.toml")),
    ("l4", include_str!("../devices/l4.toml")),
    ("t4", include_str!("../devices/t4.toml")),
];

/// A model of accelerator, as its data file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Device {
    /// Version of the file's format: 1.
    pub format: u32,
    /// As NVML names it.
    pub name: String,
    pub architecture: Architecture,
    /// Major * 10 + minor.
    pub compute_capability: u32,
    /// Oldest driver branch that knows it.
    pub driver_floor: u32,
    /// Keys of this file whose numbers are not confirmed, as `memory.bar1-mib`.
    pub uncertain: Vec<String>,
    pub pci: Pci,
    pub board: Board,
    pub memory: Memory,
    pub cores: Cores,
    pub clocks: Clocks,
    pub power: Power,
    pub thermal: Thermal,
    pub nvlink: Option<Nvlink>,
    #[serde(default)]
    pub mig: Vec<MigCut>,
}

/// In NVML's order; the number is `nvmlDeviceArchitecture_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u32)]
pub enum Architecture {
    Turing = 6,
    Ampere = 7,
    Ada = 8,
    Hopper = 9,
    Blackwell = 10,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pci {
    pub device: u32,
    /// Device half of the subsystem id; the vendor half is NVIDIA's.
    pub subsystem: u32,
    pub r#gen: u32,
    pub width: u32,
    /// What the register `PMC_BOOT_0` reads: chip and stepping. Source: nouveau's table of chips.
    pub chip: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Board {
    pub vbios: String,
    pub board_part: String,
    pub gpu_part: String,
    pub inforom_image: String,
    pub inforom_oem: String,
    pub inforom_ecc: String,
    /// Whether heterogeneous memory management is the addressing mode.
    pub hmm: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    pub total_mib: u64,
    /// Total without ECC, where ECC costs memory.
    pub total_without_ecc_mib: Option<u64>,
    pub reserved_mib: u64,
    pub bar1_mib: u64,
    pub bus_width: u32,
    /// Banks with spare rows; absent where pages are retired instead.
    pub remap_banks: Option<u32>,
    /// Kelvins above the GPU's own sensor; absent without a sensor.
    pub sensor_offset_k: Option<u32>,
    /// What a context takes before it asks for anything.
    pub context_mib: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cores {
    pub sms: u32,
    pub cores: u32,
}

/// MHz.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Clocks {
    pub graphics_max: u32,
    pub graphics_min: u32,
    /// 1/10 MHz.
    pub graphics_step_tenths: u32,
    /// Highest first.
    pub memory: Vec<u32>,
    pub video_max: u32,
    /// Default application clock for graphics; the one for memory is the highest.
    pub application: u32,
    pub idle_graphics: u32,
    pub idle_memory: u32,
    pub idle_video: u32,
}

/// Watts.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Power {
    pub min: u32,
    pub default: u32,
    pub max: u32,
    /// Drawn when nobody has a context.
    pub idle: u32,
    /// Drawn when somebody has a context and nothing runs.
    pub ready: u32,
    /// Wanted at full load and the highest clocks; above the limit it is capped.
    pub load: u32,
    /// What of it the memory draws at rest, and when it is fully loaded; absent on boards that do not say.
    pub memory: Option<[u32; 2]>,
}

/// Degrees Celsius.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Thermal {
    pub idle: u32,
    /// At full load.
    pub load: u32,
    pub time_constant_s: u32,
    pub shutdown: u32,
    pub slowdown: u32,
    pub gpu_max: u32,
    pub memory_max: Option<u32>,
    /// Present on boards that state thresholds as distances; `gpu-max` is then where the distance is 0.
    pub tlimit: Option<Tlimit>,
}

/// Thresholds as distances to the limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tlimit {
    pub shutdown: i32,
    pub slowdown: i32,
    pub gpu_max: i32,
    /// Absent on boards without a memory sensor.
    pub memory: Option<i32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nvlink {
    pub links: u32,
    /// NVML's enum: 4 is 3.0, 6 is 4.0, 7 is 5.0.
    pub version: u32,
    /// MB/s of one link in one direction.
    pub speed_mb_s: u32,
}

/// A way to cut a GPU into instances.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigCut {
    pub name: String,
    pub id: u32,
    pub nvml_index: u32,
    pub slices: u32,
    pub instances: u32,
    pub memory_mib: u32,
    pub sm: u32,
    pub decoders: u32,
    pub copy_engines: u32,
    pub jpegs: u32,
    pub ofas: u32,
    /// Memory slices that one takes.
    pub size: u32,
    /// Where one may begin.
    pub starts: Vec<u32>,
}

impl Device {
    /// Reads a device file, and refuses what no board can be, at its line.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        document::parse(text, Self::check)
    }

    fn check(&self, doubts: &mut Doubts) {
        doubts.demand(self.format == 1, "format", "only format 1 is known");
        let Memory { total_mib, reserved_mib, context_mib, .. } = self.memory;
        doubts.demand(
            reserved_mib + context_mib < total_mib,
            "memory.reserved-mib",
            format!(
                "with a context ({context_mib} MiB) it takes more than the {total_mib} MiB that there are"
            ),
        );
        let Power { min, default, max, idle, ready, load, memory } = self.power;
        doubts.demand(
            min <= default && default <= max,
            "power.default",
            format!("not between {min} W and {max} W"),
        );
        doubts.demand(
            idle < min && idle < ready && ready < load,
            "power.idle",
            format!("a board at rest draws less than its least limit ({min} W), than one in use ({ready} W), than one at work ({load} W)"),
        );
        if let Some([rest, most]) = memory {
            let what = "the memory draws less than the board, and less at rest than at work";
            doubts.demand(rest < idle && rest < most && most < load, "power.memory", what);
        }
        self.check_clocks(doubts);
        let Thermal { idle, load, shutdown, slowdown, gpu_max, .. } = self.thermal;
        doubts.demand(
            idle < load && load < gpu_max && gpu_max < slowdown && slowdown < shutdown,
            "thermal.idle",
            "idle, load, gpu-max, slowdown and shutdown rise in this order",
        );
        if let Some(tlimit) = &self.thermal.tlimit {
            let distance = |threshold: u32| i64::from(gpu_max) - i64::from(threshold);
            doubts.demand(
                distance(slowdown) == i64::from(tlimit.slowdown)
                    && distance(shutdown) == i64::from(tlimit.shutdown),
                "thermal.tlimit",
                "the distances are not those between the thresholds",
            );
        }
        self.check_cuts(doubts);
    }

    fn check_clocks(&self, doubts: &mut Doubts) {
        let clocks = &self.clocks;
        let offered: Vec<u32> = self.graphics_clocks().collect();
        doubts.demand(
            offered.last() == Some(&clocks.graphics_min),
            "clocks.graphics-min",
            "the steps from the highest clock do not end there",
        );
        for (key, clock) in [("application", clocks.application), ("idle-graphics", clocks.idle_graphics)] {
            doubts.demand(
                offered.contains(&clock),
                format!("clocks.{key}"),
                format!("{clock} MHz is not on offer"),
            );
        }
        doubts.demand(
            clocks.memory.is_sorted_by(|a, b| a > b) && (1..=MEMORY_CLOCKS).contains(&clocks.memory.len()),
            "clocks.memory",
            format!("one to {MEMORY_CLOCKS} clocks, the highest first"),
        );
        doubts.demand(
            clocks.memory.contains(&clocks.idle_memory),
            "clocks.idle-memory",
            format!("{} MHz is not on offer", clocks.idle_memory),
        );
    }

    fn check_cuts(&self, doubts: &mut Doubts) {
        doubts.demand(
            self.mig.len() <= MIG_PROFILES,
            "mig",
            format!("at most {MIG_PROFILES} ways to cut it"),
        );
        for (at, cut) in self.mig.iter().enumerate() {
            let name = &cut.name;
            let mut must =
                |holds, key: &str, what: String| doubts.demand(holds, format!("mig[{at}].{key}"), what);
            must(
                cut.starts.iter().all(|start| start + cut.size <= 8),
                "starts",
                format!("`{name}` would reach beyond the eighth memory slice"),
            );
            must(
                u64::from(cut.memory_mib) < self.memory.total_mib,
                "memory-mib",
                format!("`{name}` has more than the {} MiB of the board", self.memory.total_mib),
            );
            must(
                cut.sm <= self.cores.sms,
                "sm",
                format!("`{name}` has more than the {} of the board", self.cores.sms),
            );
            must(
                cut.slices <= 7 && cut.instances * cut.slices <= 7 && cut.instances * cut.size <= 8,
                "instances",
                format!("{} of `{name}` do not fit into seven slices and eight of memory", cut.instances),
            );
            let twins = self.mig[..at].iter().any(|other| {
                other.id == cut.id || other.nvml_index == cut.nvml_index || other.name == cut.name
            });
            must(!twins, "id", format!("`{name}` shares name, id or NVML's index with another"));
        }
    }

    /// Graphics clocks on offer, highest first. NVML cuts the halves of 7.5 MHz steps.
    pub fn graphics_clocks(&self) -> impl Iterator<Item = u32> + '_ {
        let Clocks { graphics_max, graphics_min, graphics_step_tenths, .. } = self.clocks;
        (0..)
            .map(move |n| (graphics_max * 10).saturating_sub(n * graphics_step_tenths.max(1)) / 10)
            .take_while(move |clock| *clock >= graphics_min.max(1))
    }

    /// The clock on offer that is nearest from below, or the lowest.
    pub fn graphics_clock_at_most(&self, mhz: u32) -> u32 {
        self.graphics_clocks().find(|clock| *clock <= mhz).unwrap_or(self.clocks.graphics_min)
    }
}

/// Every device with its name in profiles.
pub fn devices() -> &'static [(&'static str, Device)] {
    static DEVICES: OnceLock<Vec<(&'static str, Device)>> = OnceLock::new();
    // A test parses every file: none can be refused here.
    DEVICES.get_or_init(|| {
        FILES.iter().filter_map(|(name, text)| Some((*name, Device::parse(text).ok()?))).collect()
    })
}

/// A device by its name in profiles.
pub fn device(asked: &str) -> Result<&'static Device, SpecError> {
    devices().iter().find(|(name, _)| *name == asked).map(|(_, device)| device).ok_or_else(|| {
        SpecError::NoSuchDevice {
            asked: asked.to_owned(),
            nearest: nearest(asked, devices().iter().map(|(name, _)| *name)),
        }
    })
}

/// The name that is most like the asked one, if any is like it at all.
pub(crate) fn nearest<'a>(asked: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (edits(asked, name), name))
        .min()
        .filter(|(edits, name)| *edits <= name.len().max(asked.len()) / 2)
        .map(|(_, name)| name.to_owned())
}

/// Insertions, deletions and replacements from one word to the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut corner = at;
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_its_numbers_are_possible() {
        for (name, text) in FILES {
            Device::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(devices().len(), FILES.len());
    }

    /// Every key is in this file; a list counts when one of its rows has it.
    pub(crate) fn has_keys(name: &str, text: &str, keys: &[String]) {
        let file: toml::Table = toml::from_str(text).expect("another test parses it");
        for key in keys {
            let mut parts = key.split('.');
            let first = parts.next().and_then(|part| file.get(part));
            let found = parts.try_fold(first, |value, part| match value? {
                toml::Value::Array(rows) => Some(rows.iter().find_map(|row| row.as_table()?.get(part))),
                value => Some(value.as_table()?.get(part)),
            });
            assert!(found.flatten().is_some(), "{name}: nothing is called {key}");
        }
    }

    #[test]
    fn what_is_called_uncertain_is_in_the_file() {
        for (name, text) in FILES {
            has_keys(name, text, &device(name).expect("a file of ours").uncertain);
        }
    }

    #[test]
    fn the_number_of_graphics_clocks_is_that_of_the_captures() {
        fn case(name: &str, count: usize) {
            assert_eq!(device(name).expect("ours").graphics_clocks().count(), count, "{name}");
        }
        case("a100-sxm4-40gb", 81);
        case("h100-sxm5", 110);
        case("b200", 247);
        case("l40s", 155);
        case("t4", 87);
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_nearest_name() {
        let error = device("h100-smx5").expect_err("no such device");
        assert_eq!(
            error,
            SpecError::NoSuchDevice { asked: "h100-smx5".into(), nearest: Some("h100-sxm5".into()) }
        );
        assert!(matches!(device("zzz"), Err(SpecError::NoSuchDevice { nearest: None, .. })));
    }
}
