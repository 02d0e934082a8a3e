//! Looks over the files of a collection before any of them is read for what it says.

use std::path::Path;

use super::CollectionError;

/// Most bytes of one file.
pub(super) const FILE_BYTES: u64 = 4 << 20;
/// Most bytes of all files.
pub(super) const ALL_BYTES: u64 = 64 << 20;
/// Most files and folders.
pub(super) const FILES: usize = 5_000;
/// Most folders above a file.
const DEPTH: usize = 16;
/// Folders of a collection; whatever else lies beside them is not looked at.
pub(super) const PARTS: [&str; 3] = ["labs", "graders", "containers"];

/// Refuses links, whatever is neither file nor folder, and more than labs have.
pub(super) fn over(folder: &Path) -> Result<(), CollectionError> {
    if !folder.join("labs").is_dir() || !folder.join("graders").is_dir() {
        return Err(CollectionError::NoLabs { folder: folder.to_owned() });
    }
    let (mut files, mut bytes) = (0, 0u64);
    for part in PARTS.map(|part| folder.join(part)) {
        if std::fs::symlink_metadata(&part).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            continue;
        }
        for entry in walkdir::WalkDir::new(&part).follow_root_links(false).follow_links(false) {
            let unreadable = |error: walkdir::Error| CollectionError::Unreadable {
                path: error.path().unwrap_or(&part).to_owned(),
                source: error.into(),
            };
            let entry = entry.map_err(unreadable)?;
            let refused = |why: String| {
                let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                CollectionError::Refused { path: path.display().to_string(), why }
            };
            let kind = entry.file_type();
            if kind.is_symlink() {
                return Err(refused("it is a link".into()));
            }
            if !kind.is_file() && !kind.is_dir() {
                return Err(refused("it is neither a file nor a folder".into()));
            }
            if entry.depth() > DEPTH {
                return Err(refused(format!("it lies deeper than {DEPTH} folders")));
            }
            files += 1;
            if files > FILES {
                return Err(refused(format!("there are more than {FILES} files")));
            }
            if kind.is_file() {
                let size = entry.metadata().map_err(unreadable)?.len();
                bytes = bytes.saturating_add(size);
                if size > FILE_BYTES {
                    return Err(refused(format!("it is larger than {} MiB", FILE_BYTES >> 20)));
                }
                if bytes > ALL_BYTES {
                    return Err(refused(format!("with it, they are larger than {} MiB", ALL_BYTES >> 20)));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn collection() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("labs/one")).expect("a folder");
        fs::create_dir_all(folder.path().join("graders")).expect("a folder");
        fs::write(folder.path().join("labs/one/lab.toml"), "x").expect("a file");
        folder
    }

    #[test]
    fn plain_files_are_well() {
        let folder = collection();
        over(folder.path()).expect("nothing is wrong");
        // What is no part of it may be anything.
        symlink("/etc", folder.path().join("docs")).expect("a link");
        over(folder.path()).expect("nothing is wrong");
    }

    #[test]
    fn links_pipes_and_giants_are_refused() {
        let case = |wanted: &str, make: &dyn Fn(&Path)| {
            let folder = collection();
            make(folder.path());
            let error = over(folder.path()).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error}");
        };
        case("is a link", &|at| symlink("/etc/passwd", at.join("labs/one/brief.md")).expect("a link"));
        case("is a link", &|at| symlink("lab.toml", at.join("labs/one/brief.md")).expect("a link"));
        case("is a link", &|at| symlink("/", at.join("containers")).expect("a link"));
        case("neither a file", &|at| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                at.join("graders/pipe"),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .expect("a pipe");
        });
        case("larger than 4 MiB", &|at| {
            fs::File::create(at.join("labs/giant")).and_then(|file| file.set_len(5 << 20)).expect("a file");
        });
        case("larger than 64 MiB", &|at| {
            for n in 0..20 {
                let file = fs::File::create(at.join(format!("labs/one/{n}"))).expect("a file");
                file.set_len(FILE_BYTES).expect("a file");
            }
        });
        case("deeper than", &|at| {
            fs::create_dir_all(at.join(format!("labs/{}", "d/".repeat(20)))).expect("folders")
        });
        case("has no `labs`", &|at| fs::remove_dir_all(at.join("labs")).expect("a folder"));
    }
}
