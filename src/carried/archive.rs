//! One archive of all that crashcart reads at run time: packed while the program is built, unpacked where it runs.
//! The same files give the same bytes, whoever packs them and when.
//!
//! `src/build.rs` takes this file in as well, so it knows nothing of the rest of the crate.

use std::io::{self, Error};
use std::path::Path;

/// What goes in, from the root of the repository. Each is a file or a folder with all that is below it.
pub const PARTS: [&str; 7] =
    ["LICENSE", "README.md", "containers", "graders", "labs", "site", "src/README.md"];
/// Most bytes that an archive may hold when it is unpacked.
const LIMIT: usize = 256 << 20;
/// How hard to press.
const LEVEL: u8 = 6;

/// Packs [`PARTS`] below `root`, as [`tar`] does.
///
/// # Errors
/// As [`tar`].
pub fn pack(root: &Path) -> io::Result<Vec<u8>> {
    Ok(miniz_oxide::deflate::compress_to_vec_zlib(&tar(root)?, LEVEL))
}

/// The tar of [`PARTS`] below `root`. Parts that are not there are left out.
///
/// # Errors
/// What cannot be read, and what is neither a file nor a folder.
pub fn tar(root: &Path) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for part in PARTS {
        if !root.join(part).exists() {
            continue;
        }
        for entry in walkdir::WalkDir::new(root.join(part)).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_dir() {
                continue;
            }
            if !entry.file_type().is_file() {
                let said = format!("`{}` is neither a file nor a folder", entry.path().display());
                return Err(Error::other(said));
            }
            let name = entry.path().strip_prefix(root).expect("the walk stays below its start");
            let mut header = tar::Header::new_gnu();
            header.set_mode(mode(entry.path())?);
            header.set_size(entry.metadata()?.len());
            tar.append_data(&mut header, name, std::fs::File::open(entry.path())?)?;
        }
    }
    tar.into_inner()
}

/// Group and other bits depend on the umask of whoever cloned the repository.
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    let runs = std::fs::metadata(path)?.permissions().mode() & 0o100 != 0;
    Ok(if runs { 0o755 } else { 0o644 })
}

/// The tar in an archive.
///
/// # Errors
/// Bytes that [`pack`] did not make.
pub fn tar_of(archive: &[u8]) -> io::Result<Vec<u8>> {
    let inflated = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(archive, LIMIT);
    inflated.map_err(|error| Error::other(format!("the archive is damaged ({:?})", error.status)))
}

/// Writes the files of a tar into a folder that is there.
///
/// # Errors
/// What cannot be written, and a tar that is none or would write outside of the folder.
pub fn unpack(tar: &[u8], folder: &Path) -> io::Result<()> {
    let mut tar = tar::Archive::new(tar);
    tar.set_preserve_mtime(false);
    for entry in tar.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() || !entry.unpack_in(folder)? {
            let said = format!("`{}` does not belong into a folder of labs", entry.path()?.display());
            return Err(Error::other(said));
        }
    }
    Ok(())
}

/// The first file of an archive that is not in the folder as it was packed, by its path in it. What stands there
/// beside them is not looked at.
///
/// # Errors
/// An archive that is none.
pub fn first_difference(archive: &[u8], folder: &Path) -> io::Result<Option<String>> {
    let tar = tar_of(archive)?;
    let mut tar = tar::Archive::new(tar.as_slice());
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let mut wanted = Vec::new();
        io::Read::read_to_end(&mut entry, &mut wanted)?;
        let there = folder.join(&path);
        let is_whole = std::fs::symlink_metadata(&there).is_ok_and(|about| about.is_file())
            && std::fs::read(&there).is_ok_and(|found| found == wanted)
            && mode(&there).ok() == entry.header().mode().ok();
        if !is_whole {
            return Ok(Some(path.display().to_string()));
        }
    }
    Ok(None)
}
