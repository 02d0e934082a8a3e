//! What the kernel of a real machine shows of its accelerators, as far as a
//! container can carry it: the device files, and the PCI devices in a tmpfs
//! that the engine has put over `/sys/bus/pci/devices`.
//!
//! The device files have the right names, numbers and modes, and cannot be
//! opened: the engine's device rules refuse what there is no driver for. All of
//! this is the node's to look at and root's to change; nothing is graded by it.

use std::io;

use rustix::fs::{FileType, Mode};

use crashcart_hardware::page::{Condition, GpuPage, NONE32};

/// Where the engine puts a tmpfs for the PCI devices.
pub const PCI: &str = "/sys/bus/pci/devices";
/// Major number of the driver's own files, and those that the kernel would draw.
const NVIDIA: u32 = 195;
const UVM: u32 = 510;
const CAPS: u32 = 511;
/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: i64 = 0x0102_1994;

/// Makes the device files of a driver that has taken these GPUs; each once, so that a mode that
/// somebody has set stays. Gives the first refusal.
pub fn make_devices(gpus: &[GpuPage]) -> io::Result<()> {
    let mut made = device("/dev/nvidiactl", NVIDIA, 255, 0o666);
    made = made.and(device("/dev/nvidia-modeset", NVIDIA, 254, 0o666));
    made = made.and(device("/dev/nvidia-uvm", UVM, 0, 0o666)).and(device(
        "/dev/nvidia-uvm-tools",
        UVM,
        1,
        0o666,
    ));
    for gpu in gpus {
        made = made.and(device(&format!("/dev/nvidia{}", gpu.minor), NVIDIA, gpu.minor, 0o666));
    }
    made
}

/// The files that open MIG, by their numbers: its configuration, its monitor, and one per piece.
#[derive(Default)]
pub struct Capabilities(Vec<u32>);

impl Capabilities {
    /// Makes what is new and removes what is gone.
    pub fn show(&mut self, gpus: &[GpuPage]) -> io::Result<()> {
        let wanted = numbers(gpus);
        if wanted == self.0 {
            return Ok(());
        }
        let path = |minor: &u32| format!("/dev/nvidia-caps/nvidia-cap{minor}");
        let _ = rustix::fs::mkdir("/dev/nvidia-caps", Mode::from_raw_mode(0o755));
        for gone in self.0.iter().filter(|minor| !wanted.contains(minor)) {
            let _ = rustix::fs::unlink(path(gone));
        }
        let mode = |minor: u32| if minor == 1 { 0o400 } else { 0o444 };
        let made = wanted.iter().try_for_each(|minor| device(&path(minor), CAPS, *minor, mode(*minor)));
        self.0 = wanted;
        made
    }
}

fn numbers(gpus: &[GpuPage]) -> Vec<u32> {
    if gpus.iter().all(|gpu| gpu.mig_current == NONE32) {
        return Vec::new();
    }
    let mut numbers = vec![1, 2];
    for gpu in gpus {
        let instances = gpu.gpu_instances.iter().take(gpu.gpu_instance_count as usize);
        numbers.extend(instances.map(|instance| capability(gpu.minor, instance.id, None)));
        let pieces = gpu.compute_instances.iter().take(gpu.compute_instance_count as usize);
        numbers.extend(pieces.map(|piece| capability(gpu.minor, piece.gpu_instance, Some(piece.id))));
    }
    numbers
}

/// Minor number of a piece's file, as /proc/driver/nvidia-caps/mig-minors has them.
fn capability(gpu: u32, gpu_instance: u32, compute_instance: Option<u32>) -> u32 {
    3 + gpu * 135 + gpu_instance * 9 + compute_instance.map_or(0, |id| id + 1)
}

fn device(path: &str, major: u32, minor: u32, mode: u32) -> io::Result<()> {
    let number = rustix::fs::makedev(major, minor);
    match rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        FileType::CharacterDevice,
        Mode::from_raw_mode(mode),
        number,
    ) {
        // The umask took from it.
        Ok(()) => Ok(rustix::fs::chmod(path, Mode::from_raw_mode(mode))?),
        Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The PCI devices as last written, so that only what changed is written again.
#[derive(Default)]
pub struct PciBus {
    shown: Vec<Slot>,
    refused: bool,
}

/// What of a GPU its PCI device shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    name: String,
    id: u32,
    subsystem: u32,
    numa: Option<u32>,
    irq: u32,
    speed: (u32, u32),
    width: (u32, u32),
    lost: bool,
}

impl PciBus {
    /// Brings the files up to date.
    pub fn show(&mut self, gpus: &[GpuPage]) -> io::Result<()> {
        let slots: Vec<Slot> = gpus.iter().map(Slot::of).collect();
        if self.refused || slots == self.shown {
            return Ok(());
        }
        // Whatever else is mounted there is not ours to fill.
        let is_ours = rustix::fs::statfs(PCI).is_ok_and(|stat| stat.f_type == TMPFS);
        let written = if is_ours { slots.iter().try_for_each(|slot| slot.write(PCI)) } else { Ok(()) };
        self.refused = written.is_err();
        self.shown = slots;
        written
    }
}

impl Slot {
    fn of(gpu: &GpuPage) -> Self {
        Self {
            name: format!("{:04x}:{:02x}:{:02x}.0", gpu.pci_domain, gpu.pci_bus, gpu.pci_device),
            id: gpu.pci_id,
            subsystem: gpu.pci_subsystem,
            numa: (gpu.numa_node != NONE32).then_some(gpu.numa_node),
            irq: gpu.irq,
            speed: (gpu.pcie_gen, gpu.pcie_gen_max),
            width: (gpu.pcie_width, gpu.pcie_width_max),
            lost: Condition::from_raw(gpu.condition) == Condition::Lost,
        }
    }

    fn write(&self, bus: &str) -> io::Result<()> {
        let folder = format!("{bus}/{}", self.name);
        match rustix::fs::mkdir(folder.as_str(), Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        for (name, text) in self.texts() {
            replace(&folder, name, text.as_bytes())?;
        }
        replace(&folder, "config", &self.config())?;
        let _ = rustix::fs::symlink("../../../bus/pci/drivers/nvidia", format!("{folder}/driver"));
        Ok(())
    }

    fn texts(&self) -> Vec<(&'static str, String)> {
        let (vendor, device) = (self.id & 0xffff, self.id >> 16);
        let (sub_vendor, sub_device) = (self.subsystem & 0xffff, self.subsystem >> 16);
        // What cannot be asked any more, the kernel answers with "unknown" and the width of all ones.
        let speed = |generation: u32| match generation {
            1 => "2.5 GT/s PCIe",
            2 => "5.0 GT/s PCIe",
            3 => "8.0 GT/s PCIe",
            4 => "16.0 GT/s PCIe",
            5 => "32.0 GT/s PCIe",
            6 => "64.0 GT/s PCIe",
            _ => "Unknown",
        };
        let current = if self.lost { (0, 63) } else { (self.speed.0, self.width.0) };
        let numa = self.numa.map_or("-1".to_owned(), |node| node.to_string());
        vec![
            ("vendor", format!("0x{vendor:04x}\n")),
            ("device", format!("0x{device:04x}\n")),
            ("subsystem_vendor", format!("0x{sub_vendor:04x}\n")),
            ("subsystem_device", format!("0x{sub_device:04x}\n")),
            ("class", "0x030200\n".to_owned()),
            ("revision", "0xa1\n".to_owned()),
            ("irq", format!("{}\n", self.irq)),
            ("enable", "1\n".to_owned()),
            ("numa_node", format!("{numa}\n")),
            ("current_link_speed", format!("{}\n", speed(current.0))),
            ("current_link_width", format!("{}\n", current.1)),
            ("max_link_speed", format!("{}\n", speed(self.speed.1))),
            ("max_link_width", format!("{}\n", self.width.1)),
            // Six regions, the ROM and no more: this machine's memory map is nobody's business.
            ("resource", "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(7)),
            (
                "uevent",
                format!(
                    "DRIVER=nvidia\nPCI_CLASS=30200\nPCI_ID={vendor:04X}:{device:04X}\n\
                     PCI_SUBSYS_ID={sub_vendor:04X}:{sub_device:04X}\nPCI_SLOT_NAME={}\n",
                    self.name
                ),
            ),
        ]
    }

    /// Configuration space: the header and a PCI Express capability with the state of the link; all
    /// ones when nobody answers there.
    fn config(&self) -> Vec<u8> {
        const EXPRESS: usize = 0x78;
        if self.lost {
            return vec![0xff; 4096];
        }
        let mut bytes = vec![0; 4096];
        let mut put = |at: usize, value: u32, size: usize| {
            bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        };
        // In NVML's order the device stands in the upper half, as it does here.
        put(0x00, self.id, 4);
        // Memory access and bus mastering on, INTx off; a list of capabilities.
        put(0x04, 0x0010_0406, 4);
        put(0x08, 0x0302_00a1, 4);
        put(0x2c, self.subsystem, 4);
        put(0x34, EXPRESS as u32, 1);
        // Capability 0x10, the last; version 2, an endpoint.
        put(EXPRESS, 0x0002_0010, 4);
        put(EXPRESS + 0x0c, self.speed.1 | self.width.1 << 4, 4);
        put(EXPRESS + 0x12, self.speed.0 | self.width.0 << 4, 2);
        bytes
    }
}

/// Root of the node may have put anything there.
fn replace(folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    use rustix::fs::OFlags;
    let path = format!("{folder}/{name}");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let _ = rustix::fs::unlink(path.as_str());
    let fd = rustix::fs::open(path.as_str(), flags, Mode::from_raw_mode(0o444))?;
    io::Write::write_all(&mut std::fs::File::from(fd), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            name: "0000:18:00.0".into(),
            id: 0x2330_10de,
            subsystem: 0x16c1_10de,
            numa: Some(0),
            irq: 120,
            speed: (4, 5),
            width: (8, 16),
            lost: false,
        }
    }

    #[test]
    fn a_slower_link_shows_in_text_and_in_configuration_space() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let bus = folder.path().to_str().expect("plain");
        slot().write(bus).expect("written");
        let read = |name: &str| std::fs::read(format!("{bus}/0000:18:00.0/{name}")).expect("readable");
        assert_eq!(read("current_link_speed"), b"16.0 GT/s PCIe\n");
        assert_eq!(read("current_link_width"), b"8\n");
        assert_eq!(read("device"), b"0x2330\n");
        let config = read("config");
        assert_eq!(config[..4], [0xde, 0x10, 0x30, 0x23]);
        assert_eq!((config[0x78 + 0x12], config[0x78 + 0x0c] & 0xf), (0x84, 5));
    }

    #[test]
    fn a_lost_device_reads_as_all_ones() {
        let lost = Slot { lost: true, ..slot() };
        assert!(lost.config().iter().all(|byte| *byte == 0xff));
        let texts = lost.texts();
        assert!(texts.contains(&("current_link_width", "63\n".to_owned())));
        assert!(texts.contains(&("vendor", "0x10de\n".to_owned())), "what the kernel once read it keeps");
    }

    #[test]
    fn a_piece_has_the_number_that_the_driver_gives_it() {
        assert_eq!(capability(0, 0, None), 3);
        assert_eq!(capability(0, 1, Some(0)), 13);
        assert_eq!(capability(1, 0, Some(0)), 139);
    }
}
