//! A site becomes a folder: whole or not at all, and never in the place of something that is not a site of ours.
//!
//! The pages are written beside the folder and change places with it in one step. A file in it lists what was
//! written, so that whatever else somebody put there is noticed and kept.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::Pages;
use crate::advice::NextStep;

/// Lists what was written; its first line says whose it is.
const MARK: &str = ".crashcart-site";
const FIRST_LINE: &str = "crashcart site 1";
/// So many strangers are named in an error.
const NAMED: usize = 5;

/// Why a site was not written. Whatever was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("`{}` is there, and is no site of crashcart's", folder.display())]
    NotOurs { folder: PathBuf },
    #[error("`{}` has in it what crashcart did not write", folder.display())]
    Strangers { folder: PathBuf, files: Vec<String> },
    #[error("`{}` is the working directory, which a site cannot take the place of", folder.display())]
    Here { folder: PathBuf },
    #[error("could not {what} `{}`", path.display())]
    System { what: &'static str, path: PathBuf, source: io::Error },
}

impl NextStep for FolderError {
    fn next_step(&self) -> String {
        match self {
            Self::NotOurs { .. } => "name another folder with `--out`, or move that one away".into(),
            Self::Strangers { files, .. } => {
                format!("move {} away, or name another folder with `--out`", files.join(", "))
            }
            Self::Here { .. } => "run it from elsewhere, or name a folder below with `--out`".into(),
            Self::System { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room on that disk, or name a folder on another with `--out`".into()
            }
            Self::System { .. } => "name a folder that you may write with `--out`".into(),
        }
    }
}

/// Writes all pages into a folder, in the place of an older site.
pub fn write(pages: &Pages, folder: &Path) -> Result<PathBuf, FolderError> {
    let system = |what, path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::System { what, path, source }
    };
    let there = folder.symlink_metadata().is_ok();
    // A link to a folder means the folder.
    let folder = match there {
        true => folder.canonicalize().map_err(system("find", folder))?,
        false => std::path::absolute(folder).map_err(system("find", folder))?,
    };
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(FolderError::NotOurs { folder });
    };
    if std::env::current_dir().is_ok_and(|here| here == folder) {
        return Err(FolderError::Here { folder });
    }
    if there {
        check(&folder)?;
    }
    std::fs::create_dir_all(parent).map_err(system("make", parent))?;
    let prefix = format!(".{}.", name.to_string_lossy());
    let beside = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent);
    let beside = beside.map_err(system("make a folder in", parent))?;
    // A folder of its own in there: the temporary one is for its owner's eyes only.
    let new = beside.path().join("site");
    std::fs::create_dir(&new).map_err(system("make", &new))?;
    let mut mark = format!("{FIRST_LINE}\n");
    for (path, text) in pages.iter() {
        let file = new.join(path);
        if let Some(above) = file.parent() {
            std::fs::create_dir_all(above).map_err(system("make", above))?;
        }
        std::fs::write(&file, text).map_err(system("write", &file))?;
        mark.push_str(path);
        mark.push('\n');
    }
    std::fs::write(new.join(MARK), mark).map_err(system("write", &new))?;
    match there {
        false => std::fs::rename(&new, &folder).map_err(system("make", &folder))?,
        true => {
            exchange(&new, &folder, beside.path()).map_err(system("replace", &folder))?;
            // Something may have come in since we looked. What was there is in `new` now.
            if let Err(error) = check(&new) {
                exchange(&new, &folder, beside.path()).map_err(system("replace", &folder))?;
                return Err(match error {
                    FolderError::Strangers { files, .. } => FolderError::Strangers { folder, files },
                    error => error,
                });
            }
        }
    }
    Ok(folder)
}

/// Two folders change places.
fn exchange(one: &Path, other: &Path, spare: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // File systems that cannot do that in one step: for a moment nothing is there.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            let aside = spare.join("before");
            std::fs::rename(other, &aside)?;
            if let Err(error) = std::fs::rename(one, other) {
                std::fs::rename(&aside, other)?;
                return Err(error);
            }
            std::fs::rename(&aside, one)
        }
        done => Ok(done?),
    }
}

/// Sees that a folder is empty, or holds a site of ours and nothing else.
fn check(folder: &Path) -> Result<(), FolderError> {
    let system = |source| FolderError::System { what: "look into", path: folder.to_owned(), source };
    if !folder.is_dir() {
        return Err(FolderError::NotOurs { folder: folder.to_owned() });
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| system(error.into()))?;
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
        found.push((path, entry.file_type().is_dir()));
    }
    if found.is_empty() {
        return Ok(());
    }
    let mark = match std::fs::read_to_string(folder.join(MARK)) {
        Ok(mark) => mark,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::NotOurs { folder: folder.to_owned() });
        }
        Err(error) => return Err(system(error)),
    };
    let mut lines = mark.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(FolderError::NotOurs { folder: folder.to_owned() });
    }
    let ours: BTreeSet<&Path> = lines.chain([MARK]).map(Path::new).collect();
    let above = |path: &Path| ours.iter().any(|file| file.starts_with(path));
    let strange = |(path, is_folder): &(PathBuf, bool)| match is_folder {
        true => !above(path),
        false => !ours.contains(path.as_path()),
    };
    let mut files: Vec<String> =
        found.iter().filter(|it| strange(it)).map(|(path, _)| format!("`{}`", path.display())).collect();
    if files.is_empty() {
        return Ok(());
    }
    if files.len() > NAMED {
        let more = files.len() - NAMED;
        files.truncate(NAMED);
        files.push(format!("{more} more"));
    }
    Err(FolderError::Strangers { folder: folder.to_owned(), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(texts: &[(&str, &str)]) -> Pages {
        texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let walk = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name();
        let shown = |entry: walkdir::DirEntry| {
            entry.path().strip_prefix(folder).expect("below").display().to_string()
        };
        walk.into_iter().map(|entry| shown(entry.expect("readable"))).collect()
    }

    #[test]
    fn a_new_site_takes_the_place_of_an_older_one_and_leaves_nothing_of_it() {
        let place = tempfile::tempdir().expect("a folder");
        let out = place.path().join("deep/site");
        write(&pages(&[("index.html", "1"), ("labs/a.html", "a")]), &out).expect("written");
        write(&pages(&[("index.html", "2"), ("roles/b.html", "b")]), &out).expect("written again");
        assert_eq!(names(&out), [MARK, "index.html", "roles", "roles/b.html"]);
        assert_eq!(std::fs::read_to_string(out.join("index.html")).expect("there"), "2");
        assert_eq!(names(&place.path().join("deep")).iter().filter(|name| !name.contains('/')).count(), 1);
        let mode = std::os::unix::fs::PermissionsExt::mode(&out.metadata().expect("there").permissions());
        assert_eq!(mode & 0o500, 0o500);
        assert_ne!(mode & 0o077, 0, "a server of another user may read it, as far as the umask allows");
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_as_it_is() {
        let place = tempfile::tempdir().expect("a folder");
        let out = place.path().join("precious");
        std::fs::create_dir(&out).expect("made");
        write(&pages(&[("index.html", "1")]), &out).expect("an empty folder is nobody's");
        std::fs::write(out.join("CNAME"), "example.org").expect("written");
        std::fs::create_dir(out.join(".git")).expect("made");
        let error = write(&pages(&[("index.html", "2")]), &out).expect_err("strangers");
        assert!(
            matches!(&error, FolderError::Strangers { files, .. } if files == &["`.git`", "`CNAME`"]),
            "{error:?}"
        );
        assert_eq!(std::fs::read_to_string(out.join("index.html")).expect("there"), "1");
        let file = place.path().join("file");
        std::fs::write(&file, "x").expect("written");
        assert!(matches!(write(&pages(&[]), &file), Err(FolderError::NotOurs { .. })));
        let other = place.path().join("other");
        std::fs::create_dir(&other).expect("made");
        std::fs::write(other.join("x"), "x").expect("written");
        assert!(matches!(write(&pages(&[]), &other), Err(FolderError::NotOurs { .. })));
        assert!(matches!(write(&pages(&[]), Path::new("/")), Err(FolderError::NotOurs { .. })));
        assert_eq!(names(place.path()).iter().filter(|name| !name.contains('/')).count(), 3);
    }

    #[test]
    fn a_link_to_a_site_leads_to_the_site() {
        let place = tempfile::tempdir().expect("a folder");
        let (out, link) = (place.path().join("site"), place.path().join("link"));
        write(&pages(&[("index.html", "1")]), &out).expect("written");
        std::os::unix::fs::symlink(&out, &link).expect("a link");
        write(&pages(&[("index.html", "2")]), &link).expect("written");
        assert!(link.symlink_metadata().expect("there").file_type().is_symlink());
        assert_eq!(std::fs::read_to_string(out.join("index.html")).expect("there"), "2");
    }
}
