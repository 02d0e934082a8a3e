//! What runs in a container's own namespaces before it starts: it links names to the driver's libraries and has the
//! linker know them.
//!
//! The container's files are whatever its image says, so no path of it is followed out of its root.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use serde::Deserialize;

/// Bytes of a container's state or of its configuration: both are a few KiB.
const LONGEST: u64 = 16 << 20;

#[derive(Deserialize)]
struct State {
    bundle: PathBuf,
}

#[derive(Deserialize)]
struct Config {
    root: Option<Root>,
}

#[derive(Deserialize)]
struct Root {
    path: PathBuf,
}

/// Where the root of a container is, by the state that its runtime hands to a hook: `-` or nothing is standard input.
///
/// # Errors
///
/// The state or the configuration it leads to cannot be read, or names no root of its own.
pub fn container_root(state: Option<&Path>) -> Result<PathBuf, String> {
    let failed = |what: &str| {
        let what = format!("failed to load container state: {what}");
        move |error: io::Error| format!("{what}: {error}")
    };
    let mut text = String::new();
    match state {
        Some(path) if path != Path::new("-") => File::open(path)
            .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
            .map_err(failed("failed to open file"))?,
        _ => io::stdin().take(LONGEST).read_to_string(&mut text).map_err(failed("failed to read STDIN"))?,
    };
    let state: State =
        serde_json::from_str(&text).map_err(|error| failed("failed to unmarshal state")(error.into()))?;
    let path = state.bundle.join("config.json");
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        .map_err(failed(&format!("failed to open OCI spec file {path:?}")))?;
    let config: Config =
        serde_json::from_str(&text).map_err(|error| failed("failed to load OCI spec")(error.into()))?;
    // A path from the root stays one.
    match config.root.map(|root| state.bundle.join(root.path)) {
        Some(root) if root != Path::new("/") && !root.as_os_str().is_empty() => Ok(root),
        _ => Err("failed to determined container root: it has none of its own".into()),
    }
}

/// Makes each `TARGET::LINK` in a container, in place of what is there.
///
/// # Errors
///
/// A link is not written so, or cannot be made.
pub fn create_symlinks(root: &Path, links: &[String]) -> Result<(), String> {
    let root = open_root(root)?;
    for spec in links {
        let parts: Vec<&str> = spec.split("::").collect();
        let [target, link] = parts[..] else { return Err(format!("invalid symlink specification {spec}")) };
        create_link(&root, target, Path::new(link))
            .map_err(|error| format!("failed to create link [{target} {link}]: {error}"))?;
    }
    Ok(())
}

fn create_link(root: &OwnedFd, target: &str, link: &Path) -> io::Result<()> {
    let name = link.file_name().ok_or(Errno::INVAL)?;
    let folder = folder_in(root, link.parent().unwrap_or(Path::new("/")))?;
    match rustix::fs::readlinkat(&folder, name, Vec::new()) {
        Ok(there) if there.as_bytes() == target.as_bytes() => return Ok(()),
        Ok(_) | Err(Errno::INVAL) => rustix::fs::unlinkat(&folder, name, AtFlags::empty())?,
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(rustix::fs::symlinkat(target, &folder, name)?)
}

/// Tells the container's linker of these folders.
///
/// # Errors
///
/// The folders cannot be written down, or `ldconfig` fails.
pub fn update_ldcache(root: &Path, ldconfig: &Path, folders: &[String]) -> Result<(), String> {
    let opened = open_root(root)?;
    let said = |error: io::Error| format!("failed to update ld.so.conf: {error}");
    // An image without a linker has nothing to be told.
    if open_in(&opened, Path::new("etc/ld.so.cache"), OFlags::PATH).is_err()
        && open_in(&opened, Path::new("etc/ld.so.conf"), OFlags::PATH).is_err()
        && open_in(&opened, Path::new("etc/ld.so.conf.d"), OFlags::PATH).is_err()
    {
        return Ok(());
    }
    let conf = folder_in(&opened, Path::new("etc/ld.so.conf.d")).map_err(said)?;
    let name = "00-nvcr-crashcart.conf";
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        rustix::fs::openat(&conf, name, flags, Mode::from_raw_mode(0o644)).map_err(|e| said(e.into()))?;
    let text: String = folders.iter().map(|folder| format!("{folder}\n")).collect();
    File::from(file).write_all(text.as_bytes()).map_err(said)?;
    // It changes its root first: what the container's files name is looked for in there.
    let done = Command::new(ldconfig)
        .arg("-r")
        .arg(root)
        .args(["-f", "/etc/ld.so.conf", "-C", "/etc/ld.so.cache"])
        .args(folders)
        .env_clear()
        .output()
        .map_err(|error| format!("failed to run {}: {error}", ldconfig.display()))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(format!(
            "failed to update ldcache: {}: {}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        )),
    }
}

/// Gives paths in a container another mode; those that are not there are passed over.
///
/// # Errors
///
/// A mode cannot be set.
pub fn chmod(root: &Path, mode: u32, paths: &[String]) -> Result<(), String> {
    let root = open_root(root)?;
    for path in paths {
        let failed = |error: io::Error| format!("failed to chmod {path}: {error}");
        match open_in(&root, Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(file) => rustix::fs::fchmod(file, Mode::from_raw_mode(mode)).map_err(|e| failed(e.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn open_root(root: &Path) -> Result<OwnedFd, String> {
    rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| format!("failed to open container root {root:?}: {error}"))
}

/// A path as the container would find it.
fn open_in(root: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)?)
}

/// A folder as the container would find it, made where it is missing.
fn folder_in(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let folder = OFlags::PATH | OFlags::DIRECTORY;
    let mut at = PathBuf::from("/");
    let mut opened = open_in(root, &at, folder)?;
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name,
            Component::ParentDir => return Err(Errno::INVAL.into()),
            _ => continue,
        };
        at.push(name);
        opened = match open_in(root, &at, folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rustix::fs::mkdirat(&opened, name, Mode::from_raw_mode(0o755))?;
                open_in(root, &at, folder)?
            }
            other => other?,
        };
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_made_in_the_container_whatever_its_files_say() {
        let outside = tempfile::tempdir().expect("a folder");
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        fs::create_dir_all(root.join("usr/lib")).expect("a folder");
        // An image that points out of itself, by an absolute path and by a relative one.
        symlink(outside.path(), root.join("usr/lib/out")).expect("a link");
        symlink("../../../../../../../..", root.join("usr/lib/up")).expect("a link");
        let links =
            ["libnvidia-ml.so.1::/usr/lib/x86_64-linux-gnu/libnvidia-ml.so", "a::/usr/lib/up/new/link"];
        create_symlinks(root, &links.map(str::to_owned)).expect("both can be made");
        let target =
            fs::read_link(root.join("usr/lib/x86_64-linux-gnu/libnvidia-ml.so")).expect("it is a link");
        assert_eq!(target, Path::new("libnvidia-ml.so.1"));
        assert!(fs::symlink_metadata(root.join("new/link")).is_ok(), "up is the root's own root");
        assert!(create_symlinks(root, &["a::/usr/lib/out/link".to_owned()]).is_err());
        assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 0);
        // What is there is replaced; the same again changes nothing.
        fs::write(root.join("usr/lib/file"), "").expect("a file");
        for _ in 0..2 {
            create_symlinks(root, &["b::/usr/lib/file".to_owned()]).expect("it can be made");
            assert_eq!(fs::read_link(root.join("usr/lib/file")).expect("it is a link"), Path::new("b"));
        }
        assert!(create_symlinks(root, &["one".to_owned()]).expect_err("no link").contains("invalid symlink"));
        assert!(create_symlinks(root, &["a::/x/../../y".to_owned()]).is_err());
    }

    #[test]
    fn the_root_is_where_the_runtime_says() {
        let bundle = tempfile::tempdir().expect("a folder");
        let state = bundle.path().join("state.json");
        fs::write(&state, serde_json::json!({ "bundle": bundle.path() }).to_string()).expect("a file");
        let said = |config: &str| {
            fs::write(bundle.path().join("config.json"), config).expect("a file");
            container_root(Some(&state))
        };
        assert_eq!(said(r#"{"root":{"path":"rootfs"}}"#), Ok(bundle.path().join("rootfs")));
        assert_eq!(said(r#"{"root":{"path":"/srv/it"}}"#), Ok("/srv/it".into()));
        assert!(said(r#"{"root":{"path":"/"}}"#).is_err());
        assert!(said("{").expect_err("no JSON").starts_with("failed to load container state"));
    }
}
