//! Every file of the trees that people administer.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, Stat};
use sha2::{Digest, Sha256};

use crashcart_facts::{FILES_LIMIT, FileEntry, FileKind, NAMES_LIMIT};

use crate::rooted::{Link, Place, Root};

/// Trees whose small files are read, and trees that are only looked at. What a learner may fill with anything comes
/// last, so that it is cut first.
const TREES: [(&str, Depth); 13] = [
    ("/etc", Depth::Read),
    ("/var/spool/cron", Depth::Read),
    ("/usr/local", Depth::Read),
    ("/usr/lib/systemd", Depth::Looked),
    ("/usr/lib/udev", Depth::Looked),
    ("/usr/lib/sysctl.d", Depth::Read),
    ("/usr/lib/modprobe.d", Depth::Read),
    ("/usr/bin", Depth::Looked),
    ("/usr/sbin", Depth::Looked),
    ("/boot", Depth::Looked),
    ("/root", Depth::Read),
    ("/opt", Depth::Looked),
    ("/home", Depth::Read),
];
/// A file larger than this is not read; nor is anything once so much was.
const READ_LIMIT: u64 = 256 * 1024;
const READ_ALL_LIMIT: u64 = 16 * 1024 * 1024;
const DEPTH_LIMIT: usize = 24;

/// How closely a tree is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Small files by their digests.
    Read,
    /// By what the file system says of them.
    Looked,
}

/// Looks through all trees. Links are not followed, other file systems are: a mount is part of what people see.
pub fn walk(
    root: &Root,
    deadline: Instant,
    room: usize,
    cut: &mut BTreeMap<String, String>,
) -> BTreeMap<String, FileEntry> {
    let mut walk = Walk {
        deadline,
        names_left: room.min(NAMES_LIMIT),
        read: 0,
        text: Vec::new(),
        files: BTreeMap::new(),
    };
    for (tree, depth) in TREES {
        let begun = match root.place(tree, Link::Keep) {
            Ok(None) => Ok(()),
            Ok(Some(place)) => walk.directory(&place, tree, depth, 0),
            Err(error) => Err(said(&error)),
        };
        if let Err(why) = begun {
            cut.insert(tree.to_owned(), why);
        }
    }
    walk.files
}

struct Walk {
    deadline: Instant,
    names_left: usize,
    /// Bytes read for digests.
    read: u64,
    text: Vec<u8>,
    files: BTreeMap<String, FileEntry>,
}

impl Walk {
    /// Goes through one directory; gives why it, or something below it, was not looked at in full.
    fn directory(&mut self, place: &Place, path: &str, depth: Depth, level: usize) -> Result<(), String> {
        let mut whole = Ok(());
        if level >= DEPTH_LIMIT {
            return Err(format!("it is more than {DEPTH_LIMIT} directories deep"));
        }
        let Some(dir) = place.directory().map_err(|error| said(&error))? else { return Ok(()) };
        for entry in dir {
            let entry = entry.map_err(|error| said(&error.into()))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = format!("{path}/{}", name.to_string_lossy());
            if Instant::now() >= self.deadline {
                return Err("the time ran out".to_owned());
            }
            if self.files.len() >= FILES_LIMIT || path.len() > self.names_left {
                return Err("there are too many files".to_owned());
            }
            // It may be gone by now, which is no reason to stop.
            let Ok(stat) = rustix::fs::statat(place.fd(), name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let mut entry = describe(&stat, kind);
            match kind {
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(place.fd().as_fd(), name, Vec::new());
                    entry.target = target.ok().map(|target| target.to_string_lossy().into_owned());
                }
                FileType::RegularFile if depth == Depth::Read => {
                    entry.sha256 = place.child(name).ok().and_then(|place| self.digest(&place));
                }
                _ => {}
            }
            self.names_left -=
                path.len() + entry.target.as_ref().map_or(0, String::len).min(self.names_left - path.len());
            self.files.insert(path.clone(), entry);
            if kind == FileType::Directory
                && let Ok(child) = place.child(name)
                && let Err(why) = self.directory(&child, &path, depth, level + 1)
            {
                whole = Err(why);
                if Instant::now() >= self.deadline || self.files.len() >= FILES_LIMIT {
                    return whole;
                }
            }
        }
        whole
    }

    /// The digest of a small file. None is no mistake: then the time of its last change tells.
    fn digest(&mut self, place: &Place) -> Option<String> {
        let size = u64::try_from(place.stat.st_size).ok().filter(|size| *size <= READ_LIMIT)?;
        if self.read + size > READ_ALL_LIMIT {
            return None;
        }
        self.read += size;
        let file = place.open().ok()??;
        // One buffer for all of them: fresh pages cost more than what most files hold.
        self.text.clear();
        file.take(READ_LIMIT + 1).read_to_end(&mut self.text).ok()?;
        // It grew meanwhile.
        if self.text.len() as u64 > READ_LIMIT {
            return None;
        }
        Some(Sha256::digest(&self.text).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn describe(stat: &Stat, kind: FileType) -> FileEntry {
    let is_file = kind == FileType::RegularFile;
    let changed_ns = i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec);
    FileEntry {
        kind: match kind {
            FileType::RegularFile | FileType::Unknown => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::CharacterDevice => FileKind::Char,
            FileType::BlockDevice => FileKind::Block,
        },
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        changed_ns: if is_file { u64::try_from(changed_ns).unwrap_or(0) } else { 0 },
        sha256: None,
        target: None,
    }
}

fn said(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use rustix::fs::{CWD, Mode, mknodat};

    use super::super::super::trees::tree;
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn whole(root: &Root) -> (BTreeMap<String, FileEntry>, BTreeMap<String, String>) {
        let mut cut = BTreeMap::new();
        let files = walk(root, soon(), usize::MAX, &mut cut);
        (files, cut)
    }

    #[test]
    fn files_are_told_with_mode_digest_and_target_and_programs_by_their_change_alone() {
        let (folder, root) = tree(&[("etc/munge/munge.key", "abc"), ("usr/bin/tool", "abc")]);
        fs::set_permissions(folder.path().join("etc/munge/munge.key"), fs::Permissions::from_mode(0o400))
            .expect("set");
        symlink("/run/x y", folder.path().join("etc/link")).expect("linked");
        let (files, cut) = whole(&root);
        assert!(cut.is_empty(), "{cut:?}");
        let key = &files["/etc/munge/munge.key"];
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((key.mode, key.size, key.sha256.as_deref()), (0o400, 3, Some(digest)));
        assert!(files["/usr/bin/tool"].sha256.is_none() && files["/usr/bin/tool"].changed_ns > 0);
        assert_eq!(files["/etc/link"].target.as_deref(), Some("/run/x y"));
        assert_eq!(files["/etc/munge"].kind, FileKind::Directory);
        assert_eq!(files.len(), 4);
    }

    #[test]
    fn fifos_loops_sparse_giants_and_odd_names_neither_block_nor_lead_astray() {
        let (folder, root) = tree(&[("etc/plain", "x")]);
        let path = |name: &str| folder.path().join("etc").join(name);
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("made");
        symlink("loop", path("loop")).expect("linked");
        symlink("..", path("up")).expect("linked");
        let outside = tempfile::NamedTempFile::new().expect("a file outside");
        symlink(outside.path(), path("out")).expect("linked");
        fs::File::create(path("giant")).expect("made").set_len(1 << 40).expect("sparse");
        fs::write(path("bad\nname\u{1b}[2J"), "").expect("written");
        let (files, cut) = whole(&root);
        assert!(cut.is_empty(), "{cut:?}");
        assert_eq!(files["/etc/fifo"].kind, FileKind::Fifo);
        assert_eq!((files["/etc/giant"].size, files["/etc/giant"].sha256.as_ref()), (1 << 40, None));
        assert_eq!(files["/etc/out"].kind, FileKind::Symlink);
        assert!(files.contains_key("/etc/bad\nname\u{1b}[2J"));
        assert_eq!(files.len(), 7);
    }

    #[test]
    fn a_tree_of_a_link_is_not_entered_and_one_too_deep_or_too_large_is_said() {
        let (folder, root) = tree(&[("etc/plain", "x"), ("elsewhere/secret", "x")]);
        symlink("/elsewhere", folder.path().join("opt")).expect("linked");
        let mut deep = folder.path().join("home");
        for _ in 0..30 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("made");
        let (files, cut) = whole(&root);
        assert_eq!(cut.keys().collect::<Vec<_>>(), ["/home"]);
        assert!(files.contains_key("/etc/plain") && !files.keys().any(|path| path.contains("secret")));
        let mut cut = BTreeMap::new();
        assert!(walk(&root, soon(), 12, &mut cut).contains_key("/etc/plain"));
        assert!(cut.contains_key("/home"), "{cut:?}");
        let mut cut = BTreeMap::new();
        assert!(walk(&root, Instant::now(), usize::MAX, &mut cut).is_empty());
        assert_eq!(cut["/etc"], "the time ran out");
    }
}
