//! What goes into an image: the files of a folder, the same bytes on every machine.
//!
//! Owners, times and the umask's traces are taken out, so that the digest and the tar
//! depend on the repository alone.

use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ImageError;

/// Date of every file in a context: 2025-01-01. The epoch itself would look odd in a node.
const DATE_S: u64 = 1_735_689_600;

/// A folder's files, sorted by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Relative to the folder, with `/` between its parts.
    path: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    File { runs: bool, bytes: Vec<u8> },
    Link { target: PathBuf },
}

impl Context {
    /// Reads all files below `folder` but its `image.toml`, which speaks to us and not to the engine.
    pub(super) fn read(folder: &Path) -> Result<Self, ImageError> {
        use std::os::unix::fs::PermissionsExt;
        let mut entries = Vec::new();
        for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
            let entry = entry.map_err(|error| ImageError::Unreadable {
                path: error.path().unwrap_or(folder).to_owned(),
                source: error.into(),
            })?;
            let path = entry.path().to_owned();
            let relative = path.strip_prefix(folder).expect("the walk stays below its start").to_owned();
            let Some(name) = relative.to_str().map(str::to_owned) else {
                return Err(ImageError::OddFile { path });
            };
            let unreadable = |source| ImageError::Unreadable { path: path.clone(), source };
            let kind = entry.file_type();
            let what = if kind.is_dir() || name == "image.toml" {
                continue;
            } else if kind.is_symlink() {
                let target = std::fs::read_link(&path).map_err(unreadable)?;
                if leads_out(&relative, &target) {
                    return Err(ImageError::LinkOut { path });
                }
                What::Link { target }
            } else if kind.is_file() {
                let mode = std::fs::metadata(&path).map_err(unreadable)?.permissions().mode();
                What::File { runs: mode & 0o100 != 0, bytes: std::fs::read(&path).map_err(unreadable)? }
            } else {
                return Err(ImageError::OddFile { path });
            };
            entries.push(Entry { path: name, what });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { entries })
    }

    /// Puts a file of ours in, in the place of one that the folder has there.
    pub(super) fn add(&mut self, path: &str, runs: bool, bytes: &[u8]) {
        self.entries.retain(|entry| entry.path != path);
        self.entries.push(Entry { path: path.to_owned(), what: What::File { runs, bytes: bytes.to_vec() } });
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// A context made of texts.
    pub(super) fn of(files: &[(&str, &[u8])]) -> Self {
        let mut entries: Vec<Entry> = files
            .iter()
            .map(|(path, bytes)| Entry {
                path: (*path).to_owned(),
                what: What::File { runs: false, bytes: bytes.to_vec() },
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self { entries }
    }

    /// Adds every entry to a digest. Lengths stand before contents, so that no two contexts read alike.
    pub(super) fn digest_into(&self, sum: &mut Sha256) {
        let mut part = |bytes: &[u8]| {
            sum.update((bytes.len() as u64).to_be_bytes());
            sum.update(bytes);
        };
        for entry in &self.entries {
            part(entry.path.as_bytes());
            match &entry.what {
                What::File { runs, bytes } => {
                    part(if *runs { b"0755" } else { b"0644" });
                    part(bytes);
                }
                What::Link { target } => {
                    part(b"link");
                    part(target.as_os_str().as_encoded_bytes());
                }
            }
        }
    }

    /// The tar that an engine takes.
    pub(super) fn tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for entry in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(DATE_S);
            header.set_uid(0);
            header.set_gid(0);
            let written = match &entry.what {
                What::File { runs, bytes } => {
                    header.set_mode(if *runs { 0o755 } else { 0o644 });
                    header.set_size(bytes.len() as u64);
                    tar.append_data(&mut header, &entry.path, bytes.as_slice())
                }
                What::Link { target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    tar.append_link(&mut header, &entry.path, target)
                }
            };
            written.expect("a Vec takes all that is written to it");
        }
        tar.into_inner().expect("a Vec takes all that is written to it")
    }
}

/// Whether a link at `path` (relative to the context) leads out of the context.
fn leads_out(path: &Path, target: &Path) -> bool {
    let mut depth = path.parent().map_or(0, |parent| parent.components().count());
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_may_lead_anywhere_inside() {
        let case = |path: &str, target: &str, out| {
            assert_eq!(leads_out(Path::new(path), Path::new(target)), out, "{path} -> {target}")
        };
        case("files/a", "b", false);
        case("files/etc/a", "../usr/b", false);
        case("files/a", "../Containerfile", false);
        case("files/a", "../../x", true);
        case("files/a", "/x", true);
        case("a", "..", true);
    }

    #[test]
    fn the_tar_names_no_owner_and_no_day() {
        let tar = Context::of(&[("b", b"2"), ("a", b"1")]).tar();
        let mut archive = tar::Archive::new(tar.as_slice());
        let headers: Vec<(PathBuf, u64, u64, u32)> = archive
            .entries()
            .expect("entries")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                let header = entry.header();
                (
                    entry.path().expect("a path").into_owned(),
                    header.uid().expect("uid"),
                    header.mtime().expect("mtime"),
                    header.mode().expect("mode"),
                )
            })
            .collect();
        assert_eq!(headers, [("a".into(), 0, DATE_S, 0o644), ("b".into(), 0, DATE_S, 0o644)]);
    }
}
