//! Mounts: /proc/self/mountinfo and the fill of a file system.

use std::io;

use crashcart_facts::MountFact;

use crate::rooted::{Link, Root};

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub id: u64,
    /// The part of the file system that is mounted.
    pub root: String,
    pub point: String,
    pub options: Vec<String>,
    pub fstype: String,
    pub source: String,
    pub super_options: Vec<String>,
}

/// All mounts of this node.
pub fn table() -> Vec<Mount> {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Mount> {
    // proc_pid_mountinfo(5): six fields, any number of optional ones, a dash, three more.
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let mut right = right.split(' ');
    let list = |text: &str| text.split(',').map(unescape).collect::<Vec<_>>();
    Some(Mount {
        id: left.first()?.parse().ok()?,
        root: unescape(left.get(3)?),
        point: unescape(left.get(4)?),
        options: list(left.get(5)?),
        fstype: unescape(right.next()?),
        source: unescape(right.next()?),
        super_options: list(right.next().unwrap_or_default()),
    })
}

/// Blanks and backslashes in names are written as `\040`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let raw = text.as_bytes();
    let mut at = 0;
    while at < raw.len() {
        let code = text.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (raw[at], code) {
            (b'\\', Some(code)) => {
                bytes.push(code);
                at += 4;
            }
            (byte, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The mount that a path lies on, and how full it is.
pub fn mount(root: &Root, path: &str) -> io::Result<MountFact> {
    let Some(place) = root.place(path, Link::Follow)? else { return Ok(MountFact::default()) };
    let id = place.mount_id();
    let Some(mount) = table().into_iter().find(|mount| Some(mount.id) == id) else {
        return Err(io::Error::other("the mount of this path is not listed"));
    };
    let stat = rustix::fs::fstatvfs(place.fd())?;
    let used_blocks = stat.f_blocks.saturating_sub(stat.f_bfree);
    let usable = used_blocks + stat.f_bavail;
    let mut options = mount.options;
    for option in mount.super_options {
        if !options.contains(&option) && !matches!(option.as_str(), "rw" | "ro") {
            options.push(option);
        }
    }
    Ok(MountFact {
        exists: true,
        is_mount_point: place.path().is_some_and(|path| path == mount.point),
        mount_point: mount.point,
        fstype: mount.fstype,
        source: mount.source,
        options,
        size_bytes: stat.f_blocks * stat.f_frsize,
        used_bytes: used_blocks * stat.f_frsize,
        available_bytes: stat.f_bavail * stat.f_frsize,
        // As df counts: of what ordinary users can have, rounded up.
        used_percent: if usable == 0 {
            0
        } else {
            u32::try_from((used_blocks * 100).div_ceil(usable)).unwrap_or(100)
        },
        inodes: stat.f_files,
        inodes_used: stat.f_files.saturating_sub(stat.f_ffree),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_optional_fields_are_read() {
        let line = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).expect("a mount");
        assert_eq!((mount.id, mount.point.as_str(), mount.fstype.as_str()), (36, "/mnt 2", "ext3"));
        assert_eq!(mount.super_options, ["rw", "errors=continue"]);
        let line = "700 699 0:60 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k";
        let mount = parse(line).expect("a mount");
        assert_eq!((mount.source.as_str(), mount.options.len()), ("shm", 2));
        assert_eq!(parse("garbage"), None);
    }

    #[test]
    fn the_root_of_this_machine_is_a_mount() {
        let fact = mount(&Root::system().expect("opens"), "/").expect("a fact");
        assert!(fact.exists && fact.is_mount_point && fact.size_bytes > 0 && fact.used_percent <= 100);
        let fact = mount(&Root::system().expect("opens"), "/proc/self").expect("a fact");
        assert_eq!((fact.fstype.as_str(), fact.is_mount_point), ("proc", false));
    }
}
