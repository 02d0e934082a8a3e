//! The way through the driver of a guest: `/dev/nvidiactl`, whose requests `src/inside/kmod/nvidia/nv-crashcart.h`
//! lists, and the GPUs' own device files.

#![expect(unsafe_code, reason = "an ioctl has no safe form; each request's structure stands beside it")]

use std::os::fd::OwnedFd;
use std::path::Path;

use bytemuck::{Pod, Zeroable};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, Setter, Updater, ioctl, opcode};

use crate::command::{Command, Greeting, Outcome};

/// Where device files stand.
pub const CONTROL: &str = "/dev/nvidiactl";

const GREETING: Opcode = opcode::read::<Greeting>(b'N', 0xd0);
const COMMAND: Opcode = opcode::read_write::<Asked>(b'N', 0xd1);
const VERSION: Opcode = opcode::write::<[u8; 32]>(b'N', 0xd2);

/// A command and what became of it.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Asked {
    command: Command,
    outcome: Outcome,
}

/// Opens the driver's control file, if a driver of ours stands behind it.
pub fn connect() -> Result<(OwnedFd, Greeting), Errno> {
    let control = open(Path::new(CONTROL))?;
    // SAFETY: the request writes one `Greeting`, plain integers for which any bytes are valid. A driver of somebody
    // else's knows no such request and refuses it.
    let greeting = unsafe { ioctl(&control, Getter::<GREETING, Greeting>::new())? };
    Ok((control, greeting))
}

/// Has the driver ask the owner.
pub fn ask(control: &OwnedFd, command: &Command) -> Result<Outcome, Errno> {
    let mut asked = Asked { command: *command, outcome: Outcome::zeroed() };
    // SAFETY: the request reads and writes one `Asked`, plain integers in the layout of the driver's own structure.
    unsafe { ioctl(control, Updater::<COMMAND, Asked>::new(&mut asked))? };
    Ok(asked.outcome)
}

/// Holds a library's version against the driver's: `Errno::INVAL` where they differ, which the kernel log tells.
pub fn compare(control: &OwnedFd, version: &str) -> Result<(), Errno> {
    let version = crate::page::field::<32>(version);
    // SAFETY: the request reads 32 bytes.
    unsafe { ioctl(control, Setter::<VERSION, [u8; 32]>::new(version)) }
}

/// Opens a device file as CUDA does.
pub fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
        FileType::CharacterDevice => Ok(file),
        _ => Err(Errno::NODEV),
    }
}
