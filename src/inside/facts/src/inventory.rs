//! What stands on a node beside the task: all of it in one answer, so that it can be compared with another one.
//!
//! An inventory is taken twice, when a node is handed over and when it is graded. It carries what a comparison needs
//! and no secrets: of a file its digest, of a few public settings their text.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most files of one inventory, and most bytes of their names. What is beyond is left out, and [`Inventory::cut`] says so.
pub const FILES_LIMIT: usize = 30_000;
pub const NAMES_LIMIT: usize = 3 * 1024 * 1024;
/// Most bytes of all texts of one inventory together.
pub const TEXTS_LIMIT: usize = 256 * 1024;

/// A node at one moment. Names are keys, so two inventories are compared name by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Inventory {
    /// By absolute path.
    pub files: BTreeMap<String, FileEntry>,
    /// Unit files by their full name: `munge.service`, `apt-daily-upgrade.timer`.
    pub units: BTreeMap<String, UnitEntry>,
    /// Debian packages by name, with `:architecture` where that is not the machine's first.
    pub packages: BTreeMap<String, PackageEntry>,
    pub users: BTreeMap<String, AccountEntry>,
    pub groups: BTreeMap<String, TeamEntry>,
    /// Listening sockets: `tcp 0.0.0.0:22`.
    pub sockets: BTreeMap<String, SocketEntry>,
    /// By mount point; what the kernel mounts for itself is left out.
    pub mounts: BTreeMap<String, MountEntry>,
    /// Kernel parameters that are no counters, as sysctl names them, and their values.
    pub kernel_parameters: BTreeMap<String, String>,
    /// Kernel command line of the next boot; none where there is no boot loader.
    pub next_boot: Option<String>,
    /// Programs that run outside of logins: `munged as munge`, and how many.
    pub programs: BTreeMap<String, ProgramEntry>,
    /// Rules of the packet filter by `family table chain`; none where the node may not ask its kernel.
    pub packet_filter: Option<BTreeMap<String, FilterEntry>>,
    /// Settings that stand in texts, by path, for judging what a change in them means.
    pub texts: BTreeMap<String, String>,
    /// What was not looked at in full, by tree or list (`/home`, `packages`), and why: a lower-case phrase.
    pub cut: BTreeMap<String, String>,
}

/// A file. Written as one line of text, for there are thousands: `file 0644 0:0 1234 @1700000000000000000 <sha256>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileEntry {
    pub kind: FileKind,
    /// Permission bits, set-user-ID and its like among them.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes; of regular files only.
    pub size: u64,
    /// When its inode was changed last, nanoseconds since the epoch: a time that nobody sets at will. Of regular files
    /// only.
    pub changed_ns: u64,
    /// SHA-256 in lower-case hex, where it was read.
    pub sha256: Option<String>,
    /// Where a symbolic link points, unresolved.
    pub target: Option<String>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Char,
    Block,
}

/// A unit file and the state of its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct UnitEntry {
    /// enabled, masked, or empty: nothing starts it by itself, or nobody may.
    pub enabled: String,
    /// active, inactive, failed. What is on its way counts as there.
    pub active: String,
}

/// A package of dpkg's database that is not wholly gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackageEntry {
    pub version: String,
    /// dpkg's three words: `install ok installed`, `hold ok installed`, `deinstall ok config-files`.
    pub status: String,
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountEntry {
    pub uid: u32,
    pub gid: u32,
    pub home: String,
    pub shell: String,
    /// A password can open it: none, set, locked, empty. Never the password or its hash.
    pub password: String,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TeamEntry {
    pub gid: u32,
    /// Sorted.
    pub members: Vec<String>,
}

/// A listening socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SocketEntry {
    /// Executable of a process that holds it; empty where none was found.
    pub exe: String,
}

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MountEntry {
    pub fstype: String,
    pub source: String,
    /// Sorted.
    pub options: Vec<String>,
}

/// Processes of one program and one user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProgramEntry {
    /// Absolute path.
    pub exe: String,
    pub user: String,
    pub count: u32,
}

/// A chain of the packet filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FilterEntry {
    /// accept, drop; empty for a chain that no hook calls.
    pub policy: String,
    pub rules: u32,
    /// SHA-256 of what the kernel tells of the rules, counters left out.
    pub digest: String,
}

impl FileKind {
    /// Its name, as in the fact of a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Char => "char",
            Self::Block => "block",
        }
    }

    const ALL: [Self; 7] =
        [Self::File, Self::Directory, Self::Symlink, Self::Fifo, Self::Socket, Self::Char, Self::Block];
}

impl fmt::Display for FileEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, uid, gid, size, changed_ns, sha256, target } = self;
        write!(f, "{} {mode:04o} {uid}:{gid} {size} @{changed_ns}", kind.word())?;
        match (sha256, target) {
            (Some(digest), _) => write!(f, " {digest}"),
            (_, Some(target)) => write!(f, " >{target}"),
            _ => Ok(()),
        }
    }
}

impl From<FileEntry> for String {
    fn from(entry: FileEntry) -> Self {
        entry.to_string()
    }
}

impl TryFrom<String> for FileEntry {
    type Error = String;
    fn try_from(line: String) -> Result<Self, String> {
        line.parse()
    }
}

impl FromStr for FileEntry {
    type Err = String;
    fn from_str(line: &str) -> Result<Self, String> {
        parse(line).ok_or_else(|| "a file's line is not as an inventory writes it".to_owned())
    }
}

fn parse(line: &str) -> Option<FileEntry> {
    // A link's target may hold blanks, and anything else.
    let mut words = line.splitn(6, ' ');
    let kind = words.next()?;
    let kind = FileKind::ALL.into_iter().find(|one| one.word() == kind)?;
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let (uid, gid) = words.next()?.split_once(':')?;
    let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
    let size = words.next()?.parse().ok()?;
    let changed_ns = words.next()?.strip_prefix('@')?.parse().ok()?;
    let (mut sha256, mut target) = (None, None);
    match words.next() {
        None => {}
        Some(word) if word.starts_with('>') => target = Some(word[1..].to_owned()),
        Some(word) if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            sha256 = Some(word.to_owned());
        }
        Some(_) => return None,
    }
    Some(FileEntry { kind, mode, uid, gid, size, changed_ns, sha256, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_travels_as_one_line() {
        let read = |line: &str| -> FileEntry {
            let entry: FileEntry = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(entry.to_string(), line);
            entry
        };
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let entry = read(&format!("file 4400 101:7 32 @1700000000000000001 {digest}"));
        assert_eq!(
            (entry.mode, entry.uid, entry.gid, entry.sha256.as_deref()),
            (0o4400, 101, 7, Some(digest))
        );
        assert_eq!(read("file 4755 0:0 1234 @5").changed_ns, 5);
        assert_eq!(read("symlink 0777 0:0 0 @0 >../a b\nc").target.as_deref(), Some("../a b\nc"));
        assert_eq!(read("directory 1777 0:0 0 @0").kind, FileKind::Directory);
        for wrong in [
            "",
            "file",
            "file 0999 0:0 1 @1",
            "pipe 0644 0:0 1 @1",
            "file 0644 0 1 @1",
            "file 0644 0:0 1 @1 a",
        ] {
            assert!(wrong.parse::<FileEntry>().is_err(), "{wrong}");
        }
    }
}
