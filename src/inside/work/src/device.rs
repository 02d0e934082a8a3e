//! Which devices a CUDA program of this node sees, and in what order.
//!
//! Rules: CUDA C++ Programming Guide, "CUDA Environment Variables", and the MIG
//! user guide: an index that does not exist ends the list, a name twice empties
//! it, and of a GPU that is cut only its MIG devices can be used.

use std::path::Path;

use crashcart_hardware::client::may_open;
use crashcart_hardware::page::{Condition, GpuPage, MAGIC, NONE, text};

/// A device as CUDA counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Index of the GPU in the order of bus ids.
    pub gpu: u32,
    pub uuid: String,
    pub name: String,
    /// GPU and compute instance; `NONE` for a whole GPU.
    pub instance: (u64, u64),
}

/// Where device nodes stand.
pub const DEV: &str = "/dev";

/// Devices of these GPUs that a program may open, before its own choice among them; `open` opens a device file.
pub fn all(gpus: &[GpuPage], dev: &Path, mut open: impl FnMut(&Path) -> bool) -> Vec<Device> {
    if may_open(&dev.join("nvidiactl")).is_err() {
        return Vec::new();
    }
    gpus.iter()
        .filter(|gpu| {
            gpu.magic == MAGIC
                && Condition::from_raw(gpu.condition) != Condition::Lost
                && open(&dev.join(format!("nvidia{}", gpu.minor)))
        })
        .flat_map(devices_of)
        .collect()
}

fn devices_of(gpu: &GpuPage) -> Vec<Device> {
    let device = |uuid: &[u8], instance| Device {
        gpu: gpu.index,
        uuid: text(uuid).to_owned(),
        name: text(&gpu.name).to_owned(),
        instance,
    };
    match gpu.mig_current {
        1 => gpu
            .compute_instances
            .iter()
            .take(gpu.compute_instance_count as usize)
            .map(|ci| device(&ci.uuid, (u64::from(ci.gpu_instance), u64::from(ci.id))))
            .collect(),
        _ => vec![device(&gpu.uuid, (NONE, NONE))],
    }
}

/// What is left of them under `CUDA_VISIBLE_DEVICES`.
pub fn visible(all: Vec<Device>, wanted: Option<&str>) -> Vec<Device> {
    let Some(wanted) = wanted else {
        // Whole GPUs win over pieces; of pieces, a program sees the first only.
        let (whole, pieces): (Vec<Device>, Vec<Device>) =
            all.into_iter().partition(|device| device.is_whole());
        return if whole.is_empty() { pieces.into_iter().take(1).collect() } else { whole };
    };
    let mut chosen: Vec<Device> = Vec::new();
    for word in wanted.split(',').map(str::trim) {
        match find(&all, word) {
            Some(device) if chosen.contains(device) => return Vec::new(),
            Some(device) => chosen.push(device.clone()),
            None => break,
        }
    }
    // As above: one piece at most, and none beside a whole GPU.
    match chosen.iter().position(|device| !device.is_whole()) {
        Some(0) => chosen.truncate(1),
        Some(_) => chosen.retain(Device::is_whole),
        None => {}
    }
    chosen
}

impl Device {
    fn is_whole(&self) -> bool {
        self.instance.0 == NONE
    }
}

/// By number among whole GPUs, or by the beginning of a UUID that fits one device only.
fn find<'a>(all: &'a [Device], word: &str) -> Option<&'a Device> {
    if let Ok(number) = word.parse::<usize>() {
        return all.iter().filter(|device| device.is_whole()).nth(number);
    }
    if !(word.starts_with("GPU-") || word.starts_with("MIG-")) {
        return None;
    }
    let mut fitting = all.iter().filter(|device| device.uuid.starts_with(word));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(gpu: u32, uuid: &str, instance: (u64, u64)) -> Device {
        Device { gpu, uuid: uuid.into(), name: "NVIDIA H100 80GB HBM3".into(), instance }
    }

    fn node() -> Vec<Device> {
        vec![
            device(0, "GPU-aa11", (NONE, NONE)),
            device(1, "GPU-ab22", (NONE, NONE)),
            device(2, "GPU-b333", (NONE, NONE)),
            device(3, "MIG-c1", (1, 0)),
            device(3, "MIG-c2", (2, 0)),
        ]
    }

    #[test]
    fn what_a_program_sees_follows_the_programming_guide() {
        let case = |wanted: Option<&str>, seen: &[&str]| {
            let found: Vec<String> = visible(node(), wanted).into_iter().map(|device| device.uuid).collect();
            assert_eq!(found, seen, "{wanted:?}");
        };
        case(None, &["GPU-aa11", "GPU-ab22", "GPU-b333"]);
        case(Some("2,0"), &["GPU-b333", "GPU-aa11"]);
        case(Some("0,7,1"), &["GPU-aa11"]);
        case(Some("-1"), &[]);
        case(Some(""), &[]);
        case(Some("1,1"), &[]);
        case(Some("GPU-b"), &["GPU-b333"]);
        case(Some("GPU-a"), &[]);
        case(Some("MIG-c2,MIG-c1"), &["MIG-c2"]);
        case(Some("0,MIG-c1"), &["GPU-aa11"]);
        case(Some("b333"), &[]);
    }

    #[test]
    fn a_node_of_pieces_shows_a_program_the_first_one() {
        let pieces: Vec<Device> = node().into_iter().filter(|device| !device.is_whole()).collect();
        let seen = visible(pieces, None);
        assert_eq!(seen.iter().map(|device| device.uuid.as_str()).collect::<Vec<_>>(), ["MIG-c1"]);
    }

    #[test]
    fn a_gpu_whose_device_node_is_closed_is_not_seen() {
        use bytemuck::Zeroable;
        let dir = std::env::temp_dir().join(format!("gpu-work-dev-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let gpu = |index| GpuPage { magic: MAGIC, index, minor: index, ..GpuPage::zeroed() };
        assert!(all(&[gpu(0)], &dir, |path| may_open(path).is_ok()).is_empty(), "no nvidiactl, no device");
        for name in ["nvidiactl", "nvidia1"] {
            std::fs::write(dir.join(name), "").expect("a file");
        }
        let seen: Vec<u32> = all(&[gpu(0), gpu(1)], &dir, |path| may_open(path).is_ok())
            .iter()
            .map(|device| device.gpu)
            .collect();
        std::fs::remove_dir_all(&dir).expect("removed");
        assert_eq!(seen, [1]);
    }
}
