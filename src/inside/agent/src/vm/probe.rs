//! Whether this machine's KVM runs a guest. A `/dev/kvm` that opens and makes
//! machines may still run none: only an instruction that was carried out is
//! believed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::qemu::PROGRAM;

const DEVICE: &str = "/dev/kvm";
/// How long a working KVM may take for two instructions.
const PATIENCE: Duration = Duration::from_secs(4);
/// What QEMU exits with when 0x2a is written to its debug-exit port: twice that, plus one.
const EXPECTED: i32 = 0x2a * 2 + 1;

/// A boot sector: `mov al, 0x2a; out 0xf4, al; hlt`, then zeros, then the BIOS's mark.
fn sector() -> Vec<u8> {
    let mut sector = vec![0xb0, 0x2a, 0xe6, 0xf4, 0xf4];
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

/// Says why KVM cannot be used, or nothing.
pub fn kvm(scratch: &Path) -> Result<(), String> {
    if !Path::new(DEVICE).exists() {
        return Err("there is no /dev/kvm in the node".into());
    }
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(DEVICE)
        .map_err(|error| format!("/dev/kvm does not open: {error}"))?;
    let disk = scratch.join("probe");
    let write = || std::fs::File::create(&disk)?.write_all(&sector());
    write().map_err(|error| format!("the probe could not be written: {error}"))?;
    let ran = run(&disk);
    let _ = std::fs::remove_file(&disk);
    ran
}

fn run(disk: &Path) -> Result<(), String> {
    let mut child = Command::new(PROGRAM)
        .args([
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-machine",
            "pc",
            "-m",
            "16M",
            "-nodefaults",
            "-no-user-config",
        ])
        .args(["-display", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive"])
        .arg(format!("if=ide,format=raw,readonly=on,file={}", disk.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("QEMU does not start: {error}"))?;
    let until = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.code() == Some(EXPECTED) => return Ok(()),
            Ok(Some(status)) => return Err(format!("a guest on KVM ended with {status}")),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            _ => {
                // A vCPU that hangs in the kernel may not even die; nobody waits for it.
                let _ = child.kill();
                return Err("a guest on KVM did not carry out two instructions in 4 s".into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_is_a_boot_sector() {
        let sector = sector();
        assert_eq!(sector.len(), 512);
        assert_eq!(sector[510..], [0x55, 0xaa]);
    }
}
