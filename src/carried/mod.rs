//! What a release build carries in itself: labs, rubrics, images and texts, so that the program is all that needs to
//! be installed. It is unpacked once below the state directory, in a folder named after its digest.
//!
//! ```text
//! carried/3f2a90c1b7de4410/   whole, for a folder gets this name when all is in it
//! carried/new-x81Qpt/         being unpacked, or left by a run that was killed
//! ```
//!
//! A version is locked by whoever reads it, and only what nobody has locked is removed. Knows no labs, no store and
//! no engine; which other versions are still wanted is said by the caller.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::advice::NextStep;

#[allow(dead_code, reason = "the build script packs what is unpacked here")]
mod archive;

/// Digits of the digest in a folder's name.
const DIGITS: usize = 16;
/// How the name of a folder begins that is not whole yet.
const UNFINISHED: &str = "new-";
/// File of an installed folder that says which program it belongs to: the digest of [`Carried`].
pub const DIGEST_FILE: &str = "digest";

/// The archive in a program.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    archive: &'static [u8],
    /// SHA-256 of the archive, in hexadecimal.
    digest: &'static str,
}

/// A version that lies unpacked. Nobody removes it as long as this is held.
#[derive(Clone, Debug)]
pub struct Unfolded {
    pub folder: PathBuf,
    _in_use: Arc<File>,
}

impl Carried {
    /// What this program carries; none in a debug build, which reads the folder that it was built from.
    pub fn ours() -> Option<Self> {
        let archive: &[u8] = include_bytes!(env!("CRASHCART_CARRIED"));
        (!archive.is_empty()).then_some(Self { archive, digest: env!("CRASHCART_CARRIED_DIGEST") })
    }

    /// Whether an installed folder holds just what this program carries, by its own word.
    pub fn is_installed_at(&self, folder: &Path) -> bool {
        std::fs::read_to_string(folder.join(DIGEST_FILE)).is_ok_and(|digest| digest.trim() == self.digest)
    }

    /// Where it lies below a state directory, once it is unpacked.
    pub fn place(&self, state: &Path) -> PathBuf {
        versions(state).join(&self.digest[..DIGITS])
    }

    /// Makes sure that it lies unpacked below a state directory. Several may do so at once.
    ///
    /// # Errors
    /// No room, or no right to write there; nothing half done is left under the version's name then.
    pub fn unfold(&self, state: &Path) -> Result<Unfolded, UnfoldError> {
        let place = self.place(state);
        let at = |source| UnfoldError { path: place.clone(), source };
        loop {
            if let Some(unfolded) = Unfolded::take(&place).map_err(at)? {
                return Ok(unfolded);
            }
            let _alone = alone(state).map_err(at)?;
            if place.exists() {
                continue;
            }
            sweep(state);
            let begun =
                tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(versions(state)).map_err(at)?;
            let tar = archive::tar_of(self.archive).map_err(at)?;
            archive::unpack(&tar, begun.path()).map_err(at)?;
            std::fs::rename(begun.path(), &place).map_err(at)?;
            // It has its new name: nothing is left to remove under the old one.
            let _ = begun.keep();
        }
    }

    /// The first file that is not as it was packed, where it lies below a state directory; none also where it does not
    /// lie there at all.
    ///
    /// # Errors
    /// This program's own archive is damaged.
    pub fn damage(&self, state: &Path) -> io::Result<Option<String>> {
        let place = self.place(state);
        if place.is_dir() { archive::first_difference(self.archive, &place) } else { Ok(None) }
    }

    /// Folders of other versions below a state directory, by name.
    pub fn others(&self, state: &Path) -> Vec<PathBuf> {
        let whole = |name: &str| name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        folders(state, |name| whole(name) && !self.digest.starts_with(name))
    }
}

/// Copies what crashcart reads at run time from one root folder to another, which is there. Where it is what this program
/// carries, the copy says so, as [`Carried::is_installed_at`] looks for.
///
/// # Errors
/// What cannot be read, and what cannot be written.
pub fn copy(root: &Path, folder: &Path) -> io::Result<()> {
    let tar = archive::tar(root)?;
    archive::unpack(&tar, folder)?;
    let ours = Carried::ours();
    match ours.filter(|carried| archive::tar_of(carried.archive).is_ok_and(|carried| carried == tar)) {
        Some(carried) => std::fs::write(folder.join(DIGEST_FILE), format!("{}\n", carried.digest)),
        None => Ok(()),
    }
}

impl Unfolded {
    /// Takes a version into use; none where it is not there, or just goes.
    pub fn take(place: &Path) -> io::Result<Option<Self>> {
        use std::os::unix::fs::MetadataExt;
        let folder = match File::open(place) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        flock(&folder, FlockOperation::LockShared)?;
        // It may have been removed, and unpacked anew, while we waited.
        let number = folder.metadata()?.ino();
        let is_this = std::fs::metadata(place).is_ok_and(|about| about.ino() == number);
        Ok(is_this.then(|| Self { folder: place.to_owned(), _in_use: Arc::new(folder) }))
    }
}

/// Removes versions that nobody reads, of those given, and what killed runs left.
///
/// # Errors
/// What cannot be removed; what is half removed then is no version any more.
pub fn remove(state: &Path, places: &[PathBuf]) -> io::Result<()> {
    let _alone = alone(state)?;
    for place in places {
        let folder = File::open(place)?;
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // Under its name it is whole, or not there at all.
            let going = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(versions(state))?;
            std::fs::rename(place, going.path().join("going"))?;
            going.close()?;
        }
    }
    sweep(state);
    Ok(())
}

/// Nobody else unpacks or removes meanwhile.
fn alone(state: &Path) -> io::Result<File> {
    std::fs::create_dir_all(versions(state))?;
    let folder = File::open(versions(state))?;
    flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}

/// Removes what killed runs left half unpacked or half removed. The caller is alone.
fn sweep(state: &Path) {
    for folder in folders(state, |name| name.starts_with(UNFINISHED)) {
        // What stays is tried again next time, and in nobody's way.
        let _ = std::fs::remove_dir_all(&folder);
    }
}

fn versions(state: &Path) -> PathBuf {
    state.join("carried")
}

fn folders(state: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(versions(state)).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(&wanted));
    let mut found: Vec<PathBuf> = named.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// The labs could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("could not unpack the labs that crashcart carries into `{}`", path.display())]
pub struct UnfoldError {
    path: PathBuf,
    source: io::Error,
}

impl NextStep for UnfoldError {
    fn next_step(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space there and run the command again".into()
            }
            _ => "make it writable, or name another state directory in `CRASHCART_STATE_DIR`".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A root folder with one lab and a script in it.
    fn root(word: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (path, text, mode) in [
            ("labs/one/lab.toml", word, 0o644),
            ("labs/one/break/it.sh", "#!/bin/sh\n", 0o755),
            ("LICENSE", "free\n", 0o600),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("a mode");
        }
        root
    }

    /// What a program built of this folder would carry.
    fn carried(root: &Path) -> Carried {
        use sha2::Digest;
        let archive = archive::pack(root).expect("packed");
        let digest = crate::units::hex(&sha2::Sha256::digest(&archive));
        Carried { archive: archive.leak(), digest: digest.leak() }
    }

    fn state() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[test]
    fn the_same_files_make_the_same_archive_whoever_packs_them() {
        let (here, there) = (root("x"), root("x"));
        let licence = there.path().join("LICENSE");
        std::fs::set_permissions(&licence, PermissionsExt::from_mode(0o664)).expect("a mode");
        let file = File::options().write(true).open(&licence).expect("a file");
        file.set_modified(std::time::UNIX_EPOCH).expect("a time");
        assert_eq!(carried(here.path()).digest, carried(there.path()).digest);
        assert_ne!(carried(here.path()).digest, carried(root("y").path()).digest);
    }

    #[test]
    fn the_repository_survives_its_packing() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (carried, state) = (carried(root), state());
        let unfolded = carried.unfold(state.path()).expect("unpacked");
        assert_eq!(carried.damage(state.path()).expect("an archive"), None);
        let lab = |root: &Path| {
            let catalog = crate::lab::Catalog::find(Some(root), None).expect("labs");
            let names = catalog.names().expect("names");
            let digests: Vec<String> =
                names.iter().map(|name| catalog.lab(name.as_str()).expect("a lab").digest).collect();
            (names, digests)
        };
        assert_eq!(lab(root), lab(&unfolded.folder));
        let tags = |root: &Path| -> Vec<String> {
            let images = crate::image::ImageCatalog::load(&root.join("containers")).expect("images");
            images.iter().map(crate::image::Image::tag).collect()
        };
        assert_eq!(tags(root), tags(&unfolded.folder));
    }

    #[test]
    fn it_is_unpacked_once_by_however_many() {
        let (carried, state) = (carried(root("x").path()), state());
        let folders: Vec<PathBuf> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| carried.unfold(state.path()).expect("unpacked").folder))
                .collect();
            all.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        assert!(folders.iter().all(|folder| *folder == carried.place(state.path())), "{folders:?}");
        let names: Vec<_> = std::fs::read_dir(state.path().join("carried")).expect("a folder").collect();
        assert_eq!(names.len(), 1, "{names:?}");
        let script = folders[0].join("labs/one/break/it.sh");
        assert_eq!(script.metadata().expect("a file").permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn what_a_killed_run_left_is_never_taken_for_the_labs() {
        let (carried, state) = (carried(root("x").path()), state());
        let left = state.path().join("carried/new-killed/labs");
        std::fs::create_dir_all(&left).expect("a folder");
        let unfolded = carried.unfold(state.path()).expect("unpacked");
        assert!(unfolded.folder.join("LICENSE").is_file());
        assert!(!left.exists(), "it is swept away");
    }

    #[test]
    fn damage_is_found_and_named() {
        let (carried, state) = (carried(root("x").path()), state());
        assert_eq!(carried.damage(state.path()).expect("an archive"), None, "it is not there yet");
        let unfolded = carried.unfold(state.path()).expect("unpacked");
        let file = unfolded.folder.join("labs/one/lab.toml");
        let case = |wanted: Option<&str>| {
            assert_eq!(carried.damage(state.path()).expect("an archive").as_deref(), wanted);
        };
        case(None);
        std::fs::write(&file, "other").expect("written");
        case(Some("labs/one/lab.toml"));
        std::fs::remove_file(&file).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &file).expect("a link");
        case(Some("labs/one/lab.toml"));
        drop(unfolded);
        remove(state.path(), &[carried.place(state.path())]).expect("removed");
        carried.unfold(state.path()).expect("unpacked anew");
        case(None);
    }

    #[test]
    fn a_version_that_somebody_reads_stays() {
        let (old, new, state) = (carried(root("old").path()), carried(root("new").path()), state());
        let reader = old.unfold(state.path()).expect("unpacked");
        new.unfold(state.path()).expect("unpacked");
        assert_eq!(new.others(state.path()), std::slice::from_ref(&reader.folder));
        let folder = reader.folder.clone();
        remove(state.path(), std::slice::from_ref(&folder)).expect("an answer");
        assert!(folder.join("LICENSE").is_file(), "it is being read");
        drop(reader);
        remove(state.path(), std::slice::from_ref(&folder)).expect("an answer");
        assert!(new.others(state.path()).is_empty());
        assert!(new.place(state.path()).is_dir());
    }

    #[test]
    fn an_archive_writes_nothing_outside_of_its_folder() {
        let folder = state();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        header.as_mut_bytes()[..9].copy_from_slice(b"../escape");
        header.set_cksum();
        tar.append(&header, &b"evil"[..]).expect("written");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        archive::unpack(&tar.into_inner().expect("a tar"), &inner).expect_err("it leads out");
        assert!(!folder.path().join("escape").exists());
        archive::tar_of(b"this was never an archive").expect_err("it is none");
    }

    #[test]
    fn an_installed_folder_says_whose_it_is() {
        let (source, folder) = (root("x"), state());
        let (ours, other) = (carried(source.path()), carried(root("y").path()));
        copy(source.path(), folder.path()).expect("copied");
        assert_eq!(archive::first_difference(ours.archive, folder.path()).expect("an archive"), None);
        assert!(!ours.is_installed_at(folder.path()), "nobody says so");
        std::fs::write(folder.path().join(DIGEST_FILE), format!("{}\n", ours.digest)).expect("a file");
        assert!(ours.is_installed_at(folder.path()) && !other.is_installed_at(folder.path()));
    }
}
