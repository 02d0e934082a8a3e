//! The part of a pack with labs, graders and image folders: gathered from a catalogue, and laid out again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::PackError;
use super::walk::{Bounds, Fault, Kind, LayOut, walk};
use crate::image::{Ground, ImageCatalog};
use crate::lab::{Catalog, Lab};

/// Folder below the state directory into which labs are unpacked.
pub const UNPACKED: &str = "unpacked";
/// The most that is laid out.
const BOUNDS: Bounds = Bounds { file_bytes: 16 << 20, all_bytes: 256 << 20, files: 20_000 };
/// Date of every file: 2025-01-01.
const DATE_S: u64 = 1_735_689_600;

/// A file that goes into a pack.
pub(super) struct Source {
    /// Its path in the pack.
    path: String,
    from: PathBuf,
}

/// The files of these labs: their folders, rubrics, all roles, and the folders of their images with all that those
/// are built on.
pub(super) fn gather(
    catalog: &Catalog,
    images: &ImageCatalog,
    labs: &[&Lab],
) -> Result<Vec<Source>, PackError> {
    let mut sources = Vec::new();
    let unreadable = |path: &Path, source| PackError::Unreadable { path: path.to_owned(), source };
    let mut wanted = BTreeSet::new();
    for lab in labs {
        let wrong = |what: String| PackError::Unpackable { lab: lab.name.to_string(), what };
        below(&lab.folder, &format!("labs/{}", lab.name), &mut sources).map_err(wrong)?;
        let grader = format!("{}.toml", lab.name);
        let from = catalog.graders().join(&grader);
        sources.push(Source { path: format!("graders/{grader}"), from });
        for node in &lab.nodes {
            let mut next = Some(node.image.clone());
            while let Some(name) = next.take().filter(|name| wanted.insert(name.clone())) {
                let image = images.get(&name)?;
                below(&image.folder, &format!("containers/{name}"), &mut sources).map_err(wrong)?;
                if let Ground::Image(under) = &image.ground {
                    next = Some(under.clone());
                }
            }
        }
    }
    let roles = catalog.roles_folder();
    for entry in fs::read_dir(&roles).map_err(|error| unreadable(&roles, error))? {
        let from = entry.map_err(|error| unreadable(&roles, error))?.path();
        let name = from.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".toml") {
            sources.push(Source { path: format!("graders/roles/{name}"), from });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// All files below a folder.
fn below(folder: &Path, path: &str, sources: &mut Vec<Source>) -> Result<(), String> {
    for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| error.to_string())?;
        let relative = entry.path().strip_prefix(folder).expect("the walk stays below its start");
        let shown = entry.path().display();
        let Some(relative) = relative.to_str() else {
            return Err(format!("the name of `{shown}` is no text"));
        };
        match entry.file_type() {
            kind if kind.is_dir() => {}
            kind if kind.is_file() => {
                sources.push(Source { path: format!("{path}/{relative}"), from: entry.into_path() });
            }
            _ => return Err(format!("`{shown}` is a link or worse, and packs hold files alone")),
        }
    }
    Ok(())
}

/// Writes these files as a tar that knows no owner and no day.
pub(super) fn write(sources: &[Source], to: &mut dyn Write) -> Result<(), PackError> {
    let mut tar = tar::Builder::new(to);
    for source in sources {
        let unreadable = |error| PackError::Unreadable { path: source.from.clone(), source: error };
        let mode = fs::metadata(&source.from).map_err(unreadable)?.permissions().mode();
        let bytes = fs::read(&source.from).map_err(unreadable)?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(DATE_S);
        header.set_mode(if mode & 0o100 != 0 { 0o755 } else { 0o644 });
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, &source.path, bytes.as_slice()).map_err(unreadable)?;
    }
    let done = |error| PackError::Unwritable { path: LABS_PATH.into(), source: error };
    tar.finish().map_err(done)
}

/// How an error names the part itself.
const LABS_PATH: &str = super::LABS;

/// Lays the files of a part out below a folder that is empty and nobody else's.
pub(super) fn lay_out(part: impl Read, folder: &Path) -> Result<(), Fault> {
    let mut out = LayOut::below(folder, BOUNDS);
    walk(part, |member, from| {
        let top = member.path.split('/').next().unwrap_or_default();
        if !["labs", "graders", "containers"].contains(&top) {
            return Err(Fault::Bad(format!("`{}` is neither lab, grader nor image", member.path)));
        }
        match member.kind {
            Kind::Folder => Ok(()),
            Kind::Link(_) => Err(Fault::Bad(format!("`{}` is a link", member.path))),
            Kind::File => out.lay(member, from),
        }
    })
}

/// Moves what was laid out in `from` to its place `to`; gives the image folders that were there and differ.
///
/// Each lab, grader and image folder is changed at once. A run that is killed between two of them is repeated.
pub(super) fn settle(from: &Path, to: &Path) -> std::io::Result<Vec<String>> {
    let mut replaced = Vec::new();
    let away = from.join("replaced");
    for place in ["containers", "graders/roles", "graders", "labs"] {
        fs::create_dir_all(to.join(place))?;
        fs::create_dir_all(away.join(place))?;
        let Ok(entries) = fs::read_dir(from.join(place)) else { continue };
        for entry in entries {
            let entry = entry?;
            let (new, name) = (entry.path(), entry.file_name());
            let old = to.join(place).join(&name);
            if new.is_file() {
                fs::rename(&new, &old)?;
            } else if place != "graders" && !same(&new, &old) {
                if old.exists() {
                    fs::rename(&old, away.join(place).join(&name))?;
                    if place == "containers" {
                        replaced.push(name.to_string_lossy().into_owned());
                    }
                }
                fs::rename(&new, &old)?;
            }
        }
    }
    Ok(replaced)
}

/// Whether two folders hold the same files.
fn same(a: &Path, b: &Path) -> bool {
    let files = |folder: &Path| -> Option<Vec<(PathBuf, u32, Vec<u8>)>> {
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
            let entry = entry.ok()?;
            if !entry.file_type().is_dir() {
                let path = entry.path().strip_prefix(folder).ok()?.to_owned();
                let mode = entry.metadata().ok()?.permissions().mode() & 0o100;
                files.push((path, mode, fs::read(entry.path()).ok()?));
            }
        }
        Some(files)
    };
    matches!((files(a), files(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::super::walk::tar_of as tar;
    use super::*;

    #[test]
    fn what_is_laid_out_takes_its_place_and_what_it_replaces_is_told() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let (new, place) = (state.path().join("new"), state.path().join("place"));
        let round = |motd: &str, lab: &str| {
            let _ = fs::remove_dir_all(&new);
            let files = [
                ("labs/one/lab.toml", lab),
                ("graders/one.toml", "g"),
                ("graders/roles/r.toml", "r"),
                ("containers/box/files/motd", motd),
            ];
            lay_out(tar(&files).as_slice(), &new).expect("all is well");
            settle(&new, &place).expect("room")
        };
        assert_eq!(round("hello", "1"), Vec::<String>::new());
        assert_eq!(round("hello", "2"), Vec::<String>::new());
        assert_eq!(round("good day", "2"), ["box"]);
        let read = |path: &str| fs::read_to_string(place.join(path)).expect("a file");
        assert_eq!(
            (read("labs/one/lab.toml"), read("containers/box/files/motd")),
            ("2".into(), "good day".into())
        );
        assert_eq!((read("graders/one.toml"), read("graders/roles/r.toml")), ("g".into(), "r".into()));
    }

    #[test]
    fn only_files_of_labs_graders_and_images_are_laid_out() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let why = |tar: &[u8]| match lay_out(tar, &place.path().join("x")) {
            Err(Fault::Bad(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(&tar(&[("bin/sh", "x")])).contains("neither lab"));
        let mut links = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        links.append_link(&mut header, "labs/x", "/etc").expect("a Vec takes all");
        assert!(why(&links.into_inner().expect("a Vec takes all")).contains("is a link"));
    }
}
