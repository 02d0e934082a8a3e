//! The command line of a guest's QEMU, and the wires to it. What a guest sees
//! is decided here: the same for the guest of a snapshot and for all that are
//! restored from it.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crashcart_facts::{VmBus, VmShape};
use crashcart_hardware::board::DOORBELL;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

use crate::guest::PORT;

pub const PROGRAM: &str = "/usr/bin/qemu-system-x86_64";

/// UEFI that asks for signatures, as the image has it: its code, and the partition that it starts from.
const FIRMWARE_CODE: &str = "/usr/share/crashcart-vm/firmware/code.fd";
const BOOT_PARTITION: &str = "/usr/share/crashcart-vm/firmware/esp.img";
/// The firmware's variables, as a machine has them on its first day.
pub const FIRST_VARIABLES: &str = "/usr/share/crashcart-vm/firmware/vars.fd";

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl Accelerator {
    pub fn word(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// Where the guest's memory is.
pub enum Memory<'a> {
    /// In QEMU alone.
    Own,
    /// In files of this folder, written by this guest.
    Made(&'a Path),
    /// In files of this folder, shared until it is written to.
    Shared(&'a Path),
}

/// A guest to start.
pub struct Start<'a> {
    pub shape: &'a VmShape,
    pub accelerator: Accelerator,
    pub memory: Memory<'a>,
    /// The disk that it boots from, as qcow2.
    pub root: &'a Path,
    /// The read-only disk with the agent.
    pub agent: &'a Path,
    /// One for each disk of the shape, as qcow2.
    pub disks: &'a [PathBuf],
    /// One for each interface.
    pub macs: &'a [String],
    /// Where UEFI keeps its variables; a BIOS starts the guest where there is no such file.
    pub variables: Option<&'a Path>,
    /// The memory in which its kernel finds its accelerators, and how large it is.
    pub board: Option<(&'a File, u64)>,
    /// Wait for a state to be restored instead of booting.
    pub incoming: bool,
}

/// A running QEMU and what leads to it. All descriptors are non-blocking but those of the interfaces.
pub struct Running {
    pub child: Child,
    pub qmp: OwnedFd,
    pub port: OwnedFd,
    pub serial: OwnedFd,
    /// One for each interface: a datagram is a frame.
    pub nics: Vec<OwnedFd>,
    /// Rings when the guest's driver asks for something.
    pub bell: Option<OwnedFd>,
}

impl Running {
    /// Hears the bell out: how often it rang means nothing.
    pub fn quiet_bell(&self) {
        if let Some(bell) = &self.bell {
            while matches!(rustix::io::read(bell, &mut [0; 256]), Ok(1..)) {}
        }
    }
}

/// The files of a guest's memory in a folder, one for each NUMA node.
pub fn memory_files(shape: &VmShape, folder: &Path) -> Vec<PathBuf> {
    (0..shape.numa_nodes).map(|node| folder.join(format!("memory-{node}"))).collect()
}

impl Start<'_> {
    /// Starts QEMU.
    pub fn spawn(&self) -> io::Result<Running> {
        let (qmp, qmp_far) = pair(SocketType::STREAM)?;
        let (port, port_far) = pair(SocketType::STREAM)?;
        let (serial, serial_far) = pair(SocketType::STREAM)?;
        let nics: Vec<(OwnedFd, OwnedFd)> =
            (0..self.shape.nics).map(|_| pair(SocketType::DGRAM)).collect::<io::Result<_>>()?;
        let bell = self.board.map(|_| pair(SocketType::STREAM)).transpose()?;
        let board = self.board.map(|(file, _)| file.try_clone()).transpose()?.map(OwnedFd::from);
        let handed: Vec<&OwnedFd> = [&qmp_far, &port_far, &serial_far]
            .into_iter()
            .chain(nics.iter().map(|(_, far)| far))
            .chain(bell.iter().map(|(_, far)| far))
            .chain(&board)
            .collect();
        for fd in &handed {
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        let numbers: Vec<i32> = handed.iter().map(|fd| fd.as_raw_fd()).collect();
        let child = Command::new(PROGRAM)
            .args(self.arguments(&numbers))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()?;
        let bell = bell.map(|(near, _)| near);
        for fd in [&qmp, &port, &serial].into_iter().chain(&bell) {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let nics = nics.into_iter().map(|(near, _)| near).collect();
        Ok(Running { child, qmp, port, serial, nics, bell })
    }

    /// `fds` are those of monitor, port, serial line and interfaces, and of the board's bell and memory, in this order.
    fn arguments(&self, fds: &[i32]) -> Vec<String> {
        let shape = self.shape;
        let mut words = Words::default();
        words.add("-name", "guest,process=guest".into());
        let accelerator = match self.accelerator {
            Accelerator::Kvm => "kvm".to_owned(),
            // A larger cache of translations doubles the process and gains nothing; with 64 MiB a boot takes a quarter
            // more of the processor, with 32 twice as much (site/pages/performance.md).
            Accelerator::Tcg => "tcg,thread=multi,tb-size=256".to_owned(),
        };
        words.add("-accel", accelerator);
        words.add("-cpu", "max".into());
        let mut machine = "q35,sata=off,smbus=off,vmport=off,usb=off".to_owned();
        // UEFI resets the machine through the keyboard's controller; MokManager asks it to.
        machine.push_str(if self.variables.is_some() { ",smm=on" } else { ",i8042=off" });
        if shape.numa_nodes == 1 {
            machine.push_str(",memory-backend=m0");
        }
        if self.board.is_some() {
            machine.push_str(",nvdimm=on");
        }
        words.add("-machine", machine);
        if let Some(variables) = self.variables {
            // The flash is written to by the firmware's own code alone.
            words.add("-global", "driver=cfi.pflash01,property=secure,value=on".into());
            words.add("-drive", format!("if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE_CODE}"));
            words.add("-drive", format!("if=pflash,unit=1,format=raw,file={}", variables.display()));
        }
        for word in ["-nodefaults", "-no-user-config"] {
            words.0.push(word.into());
        }
        words.add("-display", "none".into());
        words.add("-rtc", "base=utc,clock=host".into());
        words.add("-action", "panic=none".into());
        words.add(
            "-m",
            match self.board {
                None => format!("{}M", shape.memory_mib),
                // Room for the board above the guest's memory, and for its alignment.
                Some((_, bytes)) => {
                    format!(
                        "{}M,slots=1,maxmem={}M",
                        shape.memory_mib,
                        shape.memory_mib + (bytes >> 20) + 1024
                    )
                }
            },
        );
        let per_node = shape.processors / shape.numa_nodes;
        words.add(
            "-smp",
            format!("{},sockets={},cores={per_node},threads=1", shape.processors, shape.numa_nodes),
        );
        self.memory(&mut words, per_node);
        self.devices(&mut words, fds);
        if self.incoming {
            words.add("-incoming", "defer".into());
        }
        words.0
    }

    fn memory(&self, words: &mut Words, per_node: u32) {
        let shape = self.shape;
        let size = shape.memory_mib / u64::from(shape.numa_nodes);
        for node in 0..shape.numa_nodes {
            let files = |folder: &Path| memory_files(shape, folder)[node as usize].display().to_string();
            let object = match &self.memory {
                Memory::Own => format!("memory-backend-ram,id=m{node},size={size}M"),
                Memory::Made(folder) => {
                    format!("memory-backend-file,id=m{node},size={size}M,mem-path={},share=on", files(folder))
                }
                Memory::Shared(folder) => format!(
                    "memory-backend-file,id=m{node},size={size}M,mem-path={},share=off,readonly=on,rom=off",
                    files(folder)
                ),
            };
            words.add("-object", object);
        }
        if shape.numa_nodes < 2 {
            return;
        }
        for node in 0..shape.numa_nodes {
            let (first, last) = (node * per_node, (node + 1) * per_node - 1);
            words.add("-numa", format!("node,nodeid={node},memdev=m{node},cpus={first}-{last}"));
        }
        for from in 0..shape.numa_nodes {
            for to in (0..shape.numa_nodes).filter(|to| *to != from) {
                words.add("-numa", format!("dist,src={from},dst={to},val={}", shape.numa_distance));
            }
        }
    }

    fn devices(&self, words: &mut Words, fds: &[i32]) {
        let shape = self.shape;
        let [qmp, port, serial, rest @ ..] = fds else { return };
        let (nics, board) = rest.split_at(self.macs.len().min(rest.len()));
        words.add("-chardev", format!("socket,id=qmp,fd={qmp}"));
        words.add("-mon", "chardev=qmp,mode=control".into());
        words.add("-chardev", format!("socket,id=serial,fd={serial}"));
        words.add("-serial", "chardev:serial".into());
        words.add("-chardev", format!("socket,id=port,fd={port}"));
        words.add("-device", "virtio-serial-pci,id=ports,addr=0x1c,max_ports=2".into());
        words.add("-device", format!("virtserialport,id=port,bus=ports.0,chardev=port,name={PORT}"));
        words.add("-device", "vmgenid,guid=auto".into());
        words.add("-device", "virtio-rng-pci,addr=0x1b".into());
        words.add("-device", "pvpanic-pci,addr=0x1a".into());
        if let (Some((_, bytes)), [bell, memory]) = (self.board, board) {
            // A memory device stays where it is over a restore, as no PCI device's memory does.
            words.add(
                "-object",
                format!("memory-backend-file,id=board,size={bytes},mem-path=/proc/self/fd/{memory},share=on"),
            );
            words.add("-device", "nvdimm,id=nvdimm0,memdev=board".into());
            words.add("-chardev", format!("socket,id=bell,fd={bell}"));
            words.add("-device", format!("isa-debugcon,iobase={DOORBELL:#x},chardev=bell"));
        }
        for (n, (fd, mac)) in nics.iter().zip(self.macs).enumerate() {
            words.add("-netdev", format!("dgram,id=net{n},local.type=fd,local.str={fd}"));
            words
                .add("-device", format!("virtio-net-pci,netdev=net{n},mac={mac},romfile=,addr={:#x}", 2 + n));
        }
        // A guest's flush reaches this machine's page cache, which outlives QEMU; not its disk.
        let drive = |id: &str, path: &Path| {
            format!("if=none,id={id},file={},format=qcow2,cache=unsafe,discard=unmap", path.display())
        };
        words.add("-drive", drive("root", self.root));
        words.add("-device", "virtio-blk-pci,drive=root,serial=root,bootindex=1,addr=0x8".into());
        if self.variables.is_some() {
            words.add("-drive", format!("if=none,id=esp,file={BOOT_PARTITION},format=raw,readonly=on"));
            words.add("-device", "virtio-blk-pci,drive=esp,serial=esp,bootindex=0,addr=0x1e".into());
        }
        words.add("-drive", format!("if=none,id=agent,file={},format=raw,readonly=on", self.agent.display()));
        words.add("-device", "virtio-blk-pci,drive=agent,serial=crashcart,addr=0x1d".into());
        // A root complex of its own for each NUMA node that has devices.
        let homes: std::collections::BTreeSet<u32> =
            shape.disks.iter().filter_map(|disk| disk.numa_node).collect();
        for node in &homes {
            let bus = 0x20 + node * 0x20;
            words.add(
                "-device",
                format!(
                    "pxb-pcie,id=pxb{node},bus=pcie.0,bus_nr={bus},numa_node={node},addr={:#x}",
                    0x14 + node
                ),
            );
        }
        for (n, (disk, path)) in shape.disks.iter().zip(self.disks).enumerate() {
            words.add("-drive", drive(&format!("disk{n}"), path));
            let mut device = match disk.bus {
                VmBus::Virtio => "virtio-blk-pci".to_owned(),
                VmBus::Nvme => "nvme".to_owned(),
            };
            let _ = write!(device, ",drive=disk{n},serial={}", disk.serial);
            match disk.numa_node {
                Some(node) => {
                    words.add(
                        "-device",
                        format!("pcie-root-port,id=rp{n},bus=pxb{node},chassis={},addr={:#x}", n + 1, n + 1),
                    );
                    let _ = write!(device, ",bus=rp{n}");
                }
                None => {
                    let _ = write!(device, ",addr={:#x}", 0x9 + n);
                }
            }
            words.add("-device", device);
        }
    }
}

/// Words of a command line.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, option: &str, value: String) {
        self.0.push(option.into());
        self.0.push(value);
    }
}

fn pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    let pair = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    if kind == SocketType::DGRAM {
        // Room for many frames: a burst must not be lost between the two.
        for fd in [&pair.0, &pair.1] {
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(fd.as_fd(), 1 << 20);
        }
    }
    Ok(pair)
}

/// Makes a qcow2 file over another one, or a blank one of this size.
pub fn make_disk(path: &Path, over: Option<&Path>, size_mib: u64) -> io::Result<()> {
    let mut command = Command::new("/usr/bin/qemu-img");
    command.args(["create", "-q", "-f", "qcow2"]);
    if let Some(over) = over {
        command.args(["-F", "qcow2", "-b"]).arg(over);
    }
    let output = command.arg(path).arg(format!("{size_mib}M")).stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}
