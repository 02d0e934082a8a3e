//! Questions about files: one file, its text, a search, a device node.

use std::io;
use std::time::Instant;

use rustix::fs::FileType;

use crashcart_facts::{DeviceFact, FileFact, FindFact, TEXT_LIMIT, TextFact};

use super::mounts;
use crate::accounts::Accounts;
use crate::manager::words;
use crate::rooted::{self, Contents, Link, Place, Root};

/// Files larger than this are described without a digest.
const DIGEST_LIMIT: u64 = 64 * 1024 * 1024;
/// A search looks at no more files, goes no deeper, lists no more.
const SCAN_LIMIT: u64 = 200_000;
const DEPTH_LIMIT: usize = 48;
const FOUND_LIMIT: usize = 200;
/// A search by digest reads no more bytes than this in total.
const READ_LIMIT: u64 = 4 * 1024 * 1024 * 1024;

fn kind_word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::CharacterDevice => "char",
        FileType::BlockDevice => "block",
        FileType::Unknown => "unknown",
    }
}

fn mode_word(place: &Place) -> String {
    format!("{:04o}", place.stat.st_mode & 0o7777)
}

/// Describes one file; a link is described itself, not what it points to.
pub fn file(root: &Root, path: &str, deadline: Instant) -> io::Result<FileFact> {
    let Some(place) = root.place(path, Link::Keep)? else { return Ok(FileFact::default()) };
    let accounts = Accounts::read(root);
    let stat = &place.stat;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let sha256 = match place.open()? {
        Some(mut file) if size <= DIGEST_LIMIT => rooted::digest(&mut file, DIGEST_LIMIT, deadline)?,
        _ => None,
    };
    Ok(FileFact {
        exists: true,
        kind: kind_word(place.kind()).into(),
        mode: mode_word(&place),
        uid: stat.st_uid,
        gid: stat.st_gid,
        owner: accounts.user_name(stat.st_uid),
        group: accounts.group_name(stat.st_gid),
        size,
        sha256,
        target: place.target(),
        modified_ms: u64::try_from(
            i128::from(stat.st_mtime) * 1000 + i128::from(stat.st_mtime_nsec) / 1_000_000,
        )
        .unwrap_or(0),
        mounted_over: is_mounted_over(&place),
    })
}

fn is_mounted_over(place: &Place) -> bool {
    place.path().is_some_and(|path| mounts::table().iter().any(|mount| mount.point == path))
}

/// The text of a regular file, links followed inside the node. What is no
/// regular file exists and has no text: it is the node's doing, not an error.
pub fn text(root: &Root, path: &str) -> io::Result<TextFact> {
    let Some(place) = root.place(path, Link::Follow)? else { return Ok(TextFact::default()) };
    let mounted_over = is_mounted_over(&place);
    match root.read(path, TEXT_LIMIT)? {
        None => Ok(TextFact::default()),
        Some(Contents::NotRegular) => {
            Ok(TextFact { exists: true, text: String::new(), truncated: false, mounted_over })
        }
        Some(Contents::Regular(bytes)) => {
            Ok(TextFact { exists: true, text: bytes.text(), truncated: bytes.truncated, mounted_over })
        }
    }
}

/// What a search looks for; both must match where both are given.
pub struct Wanted<'a> {
    pub name: Option<&'a str>,
    pub sha256: Option<&'a str>,
}

/// Searches below some directories. Links are not followed, and kernel file
/// systems are not entered.
pub fn find(root: &Root, under: &[String], wanted: &Wanted<'_>, deadline: Instant) -> io::Result<FindFact> {
    let mut search = Search { wanted, deadline, fact: FindFact::default(), read: 0 };
    for path in under {
        if let Some(place) = root.place(path, Link::Follow)? {
            let path = path.trim_end_matches('/').to_owned();
            search.visit(&place, &path, 0);
        }
    }
    search.fact.paths.sort();
    search.fact.paths.dedup();
    Ok(search.fact)
}

struct Search<'a> {
    wanted: &'a Wanted<'a>,
    deadline: Instant,
    fact: FindFact,
    read: u64,
}

impl Search<'_> {
    /// Whether to go on at all.
    fn may_go_on(&mut self) -> bool {
        let over = self.fact.scanned >= SCAN_LIMIT
            || self.read > READ_LIMIT
            || self.fact.paths.len() >= FOUND_LIMIT
            || Instant::now() >= self.deadline;
        self.fact.truncated |= over;
        !over
    }

    fn visit(&mut self, place: &Place, path: &str, depth: usize) {
        if place.kind() != FileType::Directory {
            self.judge(place, path);
            return;
        }
        if is_kernels(place) {
            return;
        }
        if depth >= DEPTH_LIMIT {
            self.fact.truncated = true;
            return;
        }
        let Ok(Some(dir)) = place.directory() else {
            self.fact.truncated = true;
            return;
        };
        for entry in dir {
            if !self.may_go_on() {
                return;
            }
            let Ok(entry) = entry else {
                self.fact.truncated = true;
                return;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            // It may be gone by now, which is no reason to stop.
            let Ok(child) = place.child(name) else { continue };
            self.visit(&child, &format!("{path}/{}", name.to_string_lossy()), depth + 1);
        }
    }

    fn judge(&mut self, place: &Place, path: &str) {
        self.fact.scanned += 1;
        let name = path.rsplit('/').next().unwrap_or_default();
        if self.wanted.name.is_some_and(|pattern| !words::glob(pattern, name)) {
            return;
        }
        if let Some(wanted) = self.wanted.sha256 {
            let size = u64::try_from(place.stat.st_size).unwrap_or(u64::MAX);
            if place.kind() != FileType::RegularFile || size > DIGEST_LIMIT {
                return;
            }
            self.read += size;
            let digest = place.open().and_then(|file| match file {
                Some(mut file) => rooted::digest(&mut file, DIGEST_LIMIT, self.deadline),
                None => Ok(None),
            });
            match digest {
                Ok(Some(found)) if found.eq_ignore_ascii_case(wanted) => {}
                Ok(_) => return,
                Err(_) => {
                    // Unread is not proved absent.
                    self.fact.truncated = true;
                    return;
                }
            }
        }
        self.fact.paths.push(path.to_owned());
    }
}

/// /proc, /sys and their like: endless, and not the node's files.
fn is_kernels(place: &Place) -> bool {
    const KINDS: &[i64] = &[
        0x9fa0,
        0x6265_6572,
        0x0027_e0eb,
        0x6367_7270,
        0x6462_6720,
        0x7472_6163,
        0x1373,
        0x1cd1,
        0xcafe_4a11,
    ];
    rustix::fs::fstatfs(place.fd()).is_ok_and(|stat| KINDS.contains(&stat.f_type))
}

/// A device node, links followed: /dev/nvidia0 may be one.
pub fn device(root: &Root, path: &str) -> io::Result<DeviceFact> {
    let Some(place) = root.place(path, Link::Follow)? else { return Ok(DeviceFact::default()) };
    let accounts = Accounts::read(root);
    let is_device = matches!(place.kind(), FileType::CharacterDevice | FileType::BlockDevice);
    let number = |number: u32| is_device.then_some(number);
    Ok(DeviceFact {
        exists: true,
        kind: if is_device { kind_word(place.kind()).into() } else { String::new() },
        major: number(rustix::fs::major(place.stat.st_rdev)),
        minor: number(rustix::fs::minor(place.stat.st_rdev)),
        mode: mode_word(&place),
        owner: accounts.user_name(place.stat.st_uid),
        group: accounts.group_name(place.stat.st_gid),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use rustix::fs::{CWD, Mode, mknodat};

    use super::*;

    struct Node(tempfile::TempDir);

    impl Node {
        fn new() -> Self {
            let node = Self(tempfile::tempdir().expect("a temporary directory"));
            for folder in ["etc", "srv/deep", "dev", "tmp"] {
                fs::create_dir_all(node.path(folder)).expect("made");
            }
            fs::write(node.path("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").expect("written");
            node
        }
        fn path(&self, path: &str) -> std::path::PathBuf {
            self.0.path().join(path)
        }
        fn root(&self) -> Root {
            Root::at(self.0.path()).expect("opens")
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_planted_link_never_leads_out_of_the_node() {
        let node = Node::new();
        let outside = tempfile::NamedTempFile::new().expect("a file outside");
        fs::write(outside.path(), "secret of the host").expect("written");
        symlink(outside.path(), node.path("etc/absolute")).expect("linked");
        let up = format!("{}{}", "../".repeat(40), outside.path().display());
        symlink(up, node.path("etc/relative")).expect("linked");
        symlink("/proc/self/root/etc/passwd", node.path("etc/magic")).expect("linked");
        for link in ["/etc/absolute", "/etc/relative", "/etc/magic"] {
            let fact = text(&node.root(), link).expect("a fact");
            assert!(!fact.exists && fact.text.is_empty(), "{link}: {fact:?}");
            let fact = file(&node.root(), link, soon()).expect("a fact");
            assert_eq!((fact.kind.as_str(), fact.sha256), ("symlink", None), "{link}");
        }
        symlink("/etc/passwd", node.path("etc/inside")).expect("linked");
        assert!(text(&node.root(), "/etc/inside").expect("a fact").text.starts_with("root:"));
        assert!(text(&node.root(), "/../../../etc/passwd").expect("a fact").text.starts_with("root:"));
    }

    #[test]
    fn fifos_endless_files_loops_and_directories_neither_block_nor_bloat() {
        let node = Node::new();
        mknodat(CWD, node.path("etc/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("made");
        symlink("loop", node.path("etc/loop")).expect("linked");
        symlink("/dev/zero", node.path("etc/zero")).expect("linked");
        let huge = fs::File::create(node.path("etc/huge")).expect("made");
        huge.set_len(1 << 40).expect("sparse");
        let began = Instant::now();
        for (path, exists) in [
            ("/etc/fifo", true),
            ("/etc/loop", false),
            ("/etc/zero", false),
            ("/etc", true),
            ("/none", false),
        ] {
            let fact = text(&node.root(), path).expect("a fact");
            assert_eq!((fact.exists, fact.text.as_str()), (exists, ""), "{path}");
        }
        let fact = text(&node.root(), "/etc/huge").expect("a fact");
        assert!(fact.truncated && fact.text.len() == TEXT_LIMIT);
        let fact = file(&node.root(), "/etc/huge", soon()).expect("a fact");
        assert_eq!((fact.size, fact.sha256), (1 << 40, None));
        assert_eq!(file(&node.root(), "/etc/fifo", soon()).expect("a fact").kind, "fifo");
        assert!(began.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_device_in_the_way_is_described_and_not_read() {
        let root = Root::system().expect("opens");
        let began = Instant::now();
        let fact = text(&root, "/dev/zero").expect("a fact");
        assert!(fact.exists && fact.text.is_empty());
        let fact = device(&root, "/dev/zero").expect("a fact");
        assert_eq!((fact.kind.as_str(), fact.major, fact.minor), ("char", Some(1), Some(5)));
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn files_are_described_with_mode_and_digest() {
        use std::os::unix::fs::PermissionsExt;
        let node = Node::new();
        fs::write(node.path("etc/key"), "abc").expect("written");
        fs::set_permissions(node.path("etc/key"), fs::Permissions::from_mode(0o4640)).expect("set");
        let fact = file(&node.root(), "/etc/key", soon()).expect("a fact");
        assert_eq!((fact.kind.as_str(), fact.mode.as_str(), fact.size), ("file", "4640", 3));
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fact.sha256.as_deref(), Some(expected));
        assert_eq!(file(&node.root(), "/etc/none", soon()).expect("a fact"), FileFact::default());
        assert_eq!(file(&node.root(), "/etc/key/below", soon()).expect("a fact"), FileFact::default());
    }

    #[test]
    fn a_search_finds_by_name_and_digest_and_survives_depth() {
        let node = Node::new();
        fs::write(node.path("srv/deep/one.conf"), "abc").expect("written");
        fs::write(node.path("srv/two.conf"), "other").expect("written");
        symlink("..", node.path("srv/deep/up")).expect("linked");
        mknodat(CWD, node.path("srv/deep/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0)
            .expect("made");
        let under = ["/srv".to_owned(), "/none".to_owned()];
        let by_name = find(&node.root(), &under, &Wanted { name: Some("*.conf"), sha256: None }, soon())
            .expect("found");
        assert_eq!(by_name.paths, ["/srv/deep/one.conf", "/srv/two.conf"]);
        assert!(!by_name.truncated);
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let by_digest =
            find(&node.root(), &under, &Wanted { name: None, sha256: Some(digest) }, soon()).expect("found");
        assert_eq!(by_digest.paths, ["/srv/deep/one.conf"]);
        let mut deep = node.path("srv");
        for _ in 0..60 {
            deep.push("d");
            fs::create_dir(&deep).expect("made");
        }
        fs::write(deep.join("far.conf"), "").expect("written");
        let deep = find(&node.root(), &under, &Wanted { name: Some("far.conf"), sha256: None }, soon())
            .expect("found");
        assert!(deep.truncated && deep.paths.is_empty());
        let late =
            find(&node.root(), &under, &Wanted { name: None, sha256: None }, Instant::now()).expect("found");
        assert!(late.truncated);
    }
}
