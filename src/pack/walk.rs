//! Walks over a tar that anybody may have written: every name, size and header bounded before it is believed.
//!
//! Two programs must not read one tar in two ways, ours while it checks and the engine's while it unpacks. What
//! they could differ in is therefore refused: sizes outside of headers, sparse files, names given twice, anything
//! behind the end.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use tar::{EntryType, PaxExtensions};

/// Longest path of a member, in bytes.
const PATH_BYTES: usize = 1024;
/// Most parts of a path.
const PATH_PARTS: usize = 32;
/// Largest header that says more of the next member, in bytes.
const EXTENSION_BYTES: u64 = 64 * 1024;
/// Most members of one tar.
const MEMBERS: usize = 100_000;

/// Why a walk ended before the end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// It can, and is nothing that belongs here.
    Bad(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    pub fn bad(what: impl Into<String>) -> Self {
        Self::Bad(what.into())
    }
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A symbolic link, and where it leads.
    Link(String),
}

/// One member of a tar. Its path is relative and has no `.` and no `..` in it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub path: String,
    pub kind: Kind,
    pub size: u64,
    /// Where its bytes begin in the tar.
    pub at: u64,
    /// Whether its owner may run it.
    pub runs: bool,
}

/// The most that is laid out of a tar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub file_bytes: u64,
    pub all_bytes: u64,
    pub files: usize,
}

/// Lays files of a tar out below a folder, within bounds.
pub(crate) struct LayOut<'a> {
    folder: &'a Path,
    bounds: Bounds,
    files: usize,
    bytes: u64,
}

impl<'a> LayOut<'a> {
    pub fn below(folder: &'a Path, bounds: Bounds) -> Self {
        Self { folder, bounds, files: 0, bytes: 0 }
    }

    /// Lays out a file, which nobody has laid out before.
    pub fn lay(&mut self, member: &Member, from: &mut dyn Read) -> Result<(), Fault> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(member.size);
        let Bounds { file_bytes, all_bytes, files } = self.bounds;
        if member.size > file_bytes || self.bytes > all_bytes || self.files > files {
            return Err(Fault::bad(format!("`{}` is more than labs have", member.path)));
        }
        let path = self.folder.join(&member.path);
        fs::create_dir_all(path.parent().expect("it lies in a folder"))?;
        let mode = if member.runs { 0o755 } else { 0o644 };
        let mut file = fs::File::options().write(true).create_new(true).mode(mode).open(&path)?;
        io::copy(from, &mut file)?;
        Ok(())
    }
}

/// Shows every member to `see`, with its bytes; what `see` leaves of them is passed over.
pub(crate) fn walk<R: Read>(
    tar: R,
    mut see: impl FnMut(&Member, &mut dyn Read) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut archive = tar::Archive::new(tar);
    let mut names = HashSet::new();
    let mut longer = Longer::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if let EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader = kind {
            longer.read(kind, &mut entry)?;
            continue;
        }
        let said = std::mem::take(&mut longer);
        let path = said.path.unwrap_or_else(|| entry.path_bytes().into_owned());
        let path = plain_path(&path)?;
        let kind = match kind {
            EntryType::Regular => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => {
                let target = said.target.or_else(|| entry.link_name_bytes().map(|it| it.into_owned()));
                Kind::Link(text(target.unwrap_or_default())?)
            }
            other => {
                return Err(Fault::Bad(format!("`{path}` is of a kind that has no place here ({other:?})")));
            }
        };
        if kind != Kind::File && entry.size() > 0 {
            return Err(Fault::Bad(format!("`{path}` is no file and has a size")));
        }
        // The folder that all lies in is named by some.
        if path.is_empty() {
            continue;
        }
        if kind != Kind::Folder && !names.insert(path.clone()) {
            return Err(Fault::Bad(format!("`{path}` is there twice")));
        }
        if names.len() > MEMBERS {
            return Err(Fault::Bad(format!("there are more than {MEMBERS} files in it")));
        }
        let runs = entry.header().mode().unwrap_or(0) & 0o100 != 0;
        let member = Member { path, kind, size: entry.size(), at: entry.raw_file_position(), runs };
        see(&member, &mut entry)?;
    }
    only_zeros(archive.into_inner())
}

/// What headers before a member say of it.
#[derive(Default)]
struct Longer {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Longer {
    fn read(&mut self, kind: EntryType, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Fault> {
        if entry.size() > EXTENSION_BYTES {
            return Err(Fault::bad("a header is longer than any that is needed"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if kind != EntryType::XHeader {
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            *(if kind == EntryType::GNULongName { &mut self.path } else { &mut self.target }) = Some(bytes);
            return Ok(());
        }
        for record in PaxExtensions::new(&bytes) {
            let record = record?;
            match record.key().unwrap_or_default() {
                "path" => self.path = Some(record.value_bytes().to_owned()),
                "linkpath" => self.target = Some(record.value_bytes().to_owned()),
                key if key == "size" || key.starts_with("GNU.sparse") => {
                    return Err(Fault::Bad(format!("a header gives a size its own way (`{key}`)")));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    let text = String::from_utf8(bytes).map_err(|_| Fault::bad("a name is no text"))?;
    match text.len() > PATH_BYTES || text.chars().any(char::is_control) {
        true => {
            Err(Fault::Bad(format!("`{}…` is no name", text.escape_debug().take(40).collect::<String>())))
        }
        false => Ok(text),
    }
}

/// A path that stays below where it is unpacked.
fn plain_path(bytes: &[u8]) -> Result<String, Fault> {
    let text = text(bytes.to_owned())?;
    let mut parts = Vec::new();
    for part in Path::new(&text).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().expect("it is a part of a text")),
            Component::CurDir => {}
            _ => return Err(Fault::Bad(format!("`{text}` leads out of its folder"))),
        }
    }
    match parts.len() > PATH_PARTS {
        true => Err(Fault::Bad(format!("`{text}` is too deep"))),
        false => Ok(parts.join("/")),
    }
}

fn only_zeros(mut rest: impl Read) -> Result<(), Fault> {
    let mut bytes = [0; 64 * 1024];
    loop {
        match rest.read(&mut bytes)? {
            0 => return Ok(()),
            got if bytes[..got].iter().all(|byte| *byte == 0) => {}
            _ => return Err(Fault::bad("something stands behind its end")),
        }
    }
}

/// Reads a member that must not be longer than `most`.
pub(crate) fn read_whole(member: &Member, bytes: &mut dyn Read, most: u64) -> Result<Vec<u8>, Fault> {
    if member.size > most {
        return Err(Fault::Bad(format!("`{}` is larger than {most} bytes", member.path)));
    }
    let mut whole = Vec::new();
    bytes.read_to_end(&mut whole)?;
    Ok(whole)
}

/// A tar of plain files, for tests.
#[cfg(test)]
pub(super) fn tar_of<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.as_ref().len() as u64);
        tar.append_data(&mut header, path, bytes.as_ref()).expect("a Vec takes all");
    }
    tar.into_inner().expect("a Vec takes all")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(path: &str, kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        // As a hostile hand would: the crate's own `set_path` refuses.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        header
    }

    fn tar(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, bytes) in members {
            tar.append(&header(path, *kind, bytes.len() as u64), *bytes).expect("a Vec takes all");
        }
        tar.into_inner().expect("a Vec takes all")
    }

    fn seen(tar: &[u8]) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let walked = walk(tar, |member, _| {
            seen.push(format!("{} {:?}", member.path, member.kind));
            Ok(())
        });
        match walked {
            Ok(()) => Ok(seen),
            Err(Fault::Bad(why)) => Err(why),
            Err(Fault::Io(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn members_are_shown_in_order_by_plain_paths() {
        let tar = tar(&[
            ("./", EntryType::Directory, b""),
            ("./a/", EntryType::Directory, b""),
            ("./a/b", EntryType::Regular, b"12"),
            ("a/c", EntryType::Symlink, b""),
        ]);
        assert_eq!(seen(&tar), Ok(vec!["a Folder".into(), "a/b File".into(), "a/c Link(\"\")".into()]));
    }

    #[test]
    fn long_names_are_read_in_both_ways_of_writing_them() {
        let long = format!("{}/x", "d".repeat(120));
        let gnu = tar(&[
            ("././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes()),
            ("short", EntryType::Regular, b"1"),
        ]);
        assert_eq!(seen(&gnu), Ok(vec![format!("{long} File")]));
        let record = format!("{} path={long}\n", 5 + long.len() + 5);
        let pax = tar(&[("pax", EntryType::XHeader, record.as_bytes()), ("short", EntryType::Regular, b"1")]);
        assert_eq!(seen(&pax), Ok(vec![format!("{long} File")]));
    }

    #[test]
    fn what_leads_out_or_reads_two_ways_is_refused() {
        let case = |members: &[(&str, EntryType, &[u8])], wanted: &str| {
            let why = seen(&tar(members)).expect_err(wanted);
            assert!(why.contains(wanted), "{why}");
        };
        case(&[("../x", EntryType::Regular, b"")], "leads out");
        case(&[("a/../../x", EntryType::Regular, b"")], "leads out");
        case(&[("/etc/passwd", EntryType::Regular, b"")], "leads out");
        case(&[("a", EntryType::Regular, b"1"), ("./a", EntryType::Regular, b"2")], "twice");
        case(&[("a", EntryType::Link, b"")], "has no place here");
        case(&[("a", EntryType::Char, b"")], "has no place here");
        case(&[("a", EntryType::Fifo, b"")], "has no place here");
        case(&[("a", EntryType::GNUSparse, b"")], "has no place here");
        case(&[("g", EntryType::XGlobalHeader, b"")], "has no place here");
        case(&[("a\nb", EntryType::Regular, b"")], "no name");
        case(&[(&"d/".repeat(40), EntryType::Directory, b"")], "too deep");
        case(&[("x", EntryType::XHeader, b"9 size=1\n"), ("a", EntryType::Regular, b"12")], "its own way");
        case(&[("L", EntryType::GNULongName, &[b'a'; 70_000])], "longer than any");
        let mut behind = tar(&[("a", EntryType::Regular, b"")]);
        behind.extend(tar(&[("b", EntryType::Regular, b"")]));
        assert!(seen(&behind).expect_err("two tars").contains("behind its end"));
    }
}
