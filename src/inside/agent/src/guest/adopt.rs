//! Makes this guest the machine that its launcher says it is. Guests are
//! restored from one snapshot and are alike to the last bit until this is done;
//! where that was cut short it is done again after a boot, and finds some of it
//! in place.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::Timespec;
use rustix::time::ClockId;

use super::network;
use crate::kernel;
use crate::program::SEARCH_PATH;
use crate::vm::identity::Identity;

/// The file that gives the node's address to systemd-networkd after the next start.
const NETWORK: &str = "/etc/systemd/network/10-node.network";

/// Takes on an identity; on failure says what could not be done. Gives whether this machine was another one before:
/// then [`spread`] is due, once nobody waits.
pub fn adopt(identity: &Identity) -> Result<bool, String> {
    let try_to =
        |what: &str, done: io::Result<()>| done.map_err(|error| format!("could not {what}: {error}"));
    try_to("set the clock", set_clock(identity.now_us))?;
    try_to("renew the random numbers", kernel::reseed(identity.entropy.as_bytes()))?;
    try_to("set the host name", set_name(&identity.hostname))?;
    try_to("write /etc/hosts", write(Path::new("/etc/hosts"), &hosts(identity), 0o644))?;
    let was = fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned();
    let is_new = was != identity.machine_id;
    if is_new {
        let id = format!("{}\n", identity.machine_id);
        // The file may be one that a container engine or systemd has mounted; its content is what counts.
        try_to("write /etc/machine-id", fs::write("/etc/machine-id", &id))?;
        // The journal's directory bears it; journalctl looks there.
        let _ = fs::rename(
            format!("/var/log/journal/{was}"),
            format!("/var/log/journal/{}", identity.machine_id),
        );
    }
    for (name, text) in &identity.ssh_keys {
        let mode = if name.ends_with(".pub") { 0o644 } else { 0o600 };
        let path = Path::new("/etc/ssh").join(Path::new(name).file_name().unwrap_or_default());
        if is_new || !path.exists() {
            try_to("write the host keys of sshd", write(&path, text, mode))?;
        }
    }
    try_to("set up the network", set_network(identity))?;
    Ok(is_new)
}

fn set_clock(now_us: u64) -> io::Result<()> {
    let seconds = i64::try_from(now_us / 1_000_000).map_err(io::Error::other)?;
    let time = Timespec { tv_sec: seconds, tv_nsec: (now_us % 1_000_000 * 1000) as _ };
    Ok(rustix::time::clock_settime(ClockId::Realtime, time)?)
}

fn set_name(name: &str) -> io::Result<()> {
    rustix::system::sethostname(name.as_bytes())?;
    write(Path::new("/etc/hostname"), &format!("{name}\n"), 0o644)
}

fn hosts(identity: &Identity) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n\n".to_owned();
    for line in &identity.hosts {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Puts a file in the place of another in one step.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".crashcart-new");
    let new = PathBuf::from(new);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&new, path)
}

/// Gives the node its address, and to systemd-networkd the file that gives it after the next start.
fn set_network(identity: &Identity) -> io::Result<()> {
    let first = network::set_up(identity)?;
    // What a learner has made of the file is his.
    if Path::new(NETWORK).exists() {
        return Ok(());
    }
    let (address, prefix) = (identity.address, identity.prefix);
    let mut text = format!(
        "# The node's address in the attempt's network.\n[Match]\nName={first}\n\n[Network]\nAddress={address}/{prefix}\nLinkLocalAddressing=ipv6\n"
    );
    if let Some(gateway) = identity.gateway {
        text.push_str(&format!("Gateway={gateway}\n"));
    }
    fs::create_dir_all("/etc/systemd/network")?;
    write(Path::new(NETWORK), &text, 0o644)
}

/// Has those begin anew who have read what has changed, and sshd, which waited for its keys; without haste,
/// for the first thing that a node is asked should not wait for them.
pub fn spread() {
    const SCRIPT: &str = "sleep 1; systemctl start --no-block ssh.service; sleep 2; \
        systemctl try-restart --no-block systemd-journald.service; networkctl reload";
    let _ = Command::new("/usr/bin/nice")
        .args(["/bin/sh", "-c", SCRIPT])
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
