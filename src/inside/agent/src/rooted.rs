//! Reading files of a node that may be hostile.
//!
//! Every path is resolved below one root (`/` in a node, a temporary directory
//! in tests), never out of it and never through /proc's magic links. A file is
//! first opened as a mere place (`O_PATH`: no side effect, no blocking), looked
//! at, and only a regular file is opened for reading, with a limit on size.
//! FIFOs, sockets and devices are described and never read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// A directory that paths cannot leave.
pub struct Root {
    dir: OwnedFd,
}

/// Whether the last component may be a symbolic link that is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Follow,
    Keep,
}

/// A place in the tree, opened without reading from it.
pub struct Place {
    fd: OwnedFd,
    pub stat: Stat,
}

/// Bytes of a regular file, at most as many as asked for.
#[derive(Debug)]
pub struct Bytes {
    pub bytes: Vec<u8>,
    /// The file held more.
    pub truncated: bool,
}

impl Bytes {
    /// As text, invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Root {
    /// The root of this node.
    pub fn system() -> io::Result<Self> {
        Self::at("/")
    }

    /// Any directory, for tests.
    pub fn at(path: impl rustix::path::Arg) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { dir: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Opens a place. `None`: there is nothing that any program could open
    /// there, be it for a missing name, a file in the way or a loop of links.
    pub fn place(&self, path: &str, link: Link) -> io::Result<Option<Place>> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        if link == Link::Keep {
            flags |= OFlags::NOFOLLOW;
        }
        match self.open(path, flags) {
            Ok(fd) => {
                let stat = rustix::fs::fstat(&fd)?;
                Ok(Some(Place { fd, stat }))
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..16 {
            match rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), resolve) {
                // A rename raced with a `..`; the kernel asks to try again.
                Err(Errno::AGAIN) => {}
                // Kernels before 5.6, and engines whose filter does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => return self.walk(path, flags),
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// The same by hand: one component at a time, links resolved here.
    fn walk(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let again = || rustix::fs::openat(&self.dir, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let mut ahead: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut behind: Vec<OwnedFd> = vec![again()?];
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    if behind.len() > 1 {
                        behind.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let here = behind.last().expect("the root is never popped");
            let next = rustix::fs::openat(here, &name, step, Mode::empty())?;
            let stat = rustix::fs::fstat(&next)?;
            let last = ahead.iter().all(|rest| rest.is_empty() || rest == ".");
            let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
            if !is_link || (last && flags.contains(OFlags::NOFOLLOW)) {
                behind.push(next);
                continue;
            }
            links += 1;
            if links > 40
                || rustix::fs::fstatfs(&next)?.f_type == 0x9fa0 && stat.st_size == 0 && is_magic(&name)
            {
                return Err(Errno::LOOP);
            }
            let target = rustix::fs::readlinkat(&next, "", Vec::new())?;
            let target = target.into_string().map_err(|_| Errno::INVAL)?;
            if target.starts_with('/') {
                behind.truncate(1);
            }
            ahead.extend(target.split('/').rev().map(str::to_owned));
        }
        behind.pop().ok_or(Errno::NOENT)
    }

    /// Reads a regular file, following links inside the root. `None`: nothing is there.
    pub fn read(&self, path: &str, limit: usize) -> io::Result<Option<Contents>> {
        let Some(place) = self.place(path, Link::Follow)? else { return Ok(None) };
        let Some(mut file) = place.open()? else { return Ok(Some(Contents::NotRegular)) };
        Ok(Some(Contents::Regular(read_limited(&mut file, limit)?)))
    }

    /// Text of a small regular file; `None` where there is no such file.
    pub fn text(&self, path: &str, limit: usize) -> io::Result<Option<String>> {
        match self.read(path, limit)? {
            Some(Contents::Regular(bytes)) => Ok(Some(bytes.text())),
            _ => Ok(None),
        }
    }

    /// Names in a directory, sorted, at most `limit`; empty where there is no directory.
    pub fn list(&self, path: &str, limit: usize) -> Vec<String> {
        let mut names = Vec::new();
        let Ok(Some(place)) = self.place(path, Link::Follow) else { return names };
        let Ok(Some(dir)) = place.directory() else { return names };
        for entry in dir {
            let Ok(entry) = entry else { break };
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            names.push(name);
            if names.len() >= limit {
                break;
            }
        }
        names.sort();
        names
    }

    /// Where a symbolic link points; `None` for what is no link.
    pub fn link(&self, path: &str) -> Option<String> {
        self.place(path, Link::Keep).ok()??.target()
    }
}

/// Names under /proc/PID whose links lead past the root.
fn is_magic(name: &str) -> bool {
    matches!(name, "root" | "cwd" | "exe") || name.bytes().all(|b| b.is_ascii_digit())
}

/// What a path led to.
#[derive(Debug)]
pub enum Contents {
    Regular(Bytes),
    /// A directory, FIFO, socket or device: not read.
    NotRegular,
}

impl Place {
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Opens a regular file for reading; `None` for anything else. The
    /// descriptor is the very inode that was looked at: it is reopened through
    /// our own /proc entry, not by its path.
    pub fn open(&self) -> io::Result<Option<File>> {
        if self.kind() != FileType::RegularFile {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(format!("/proc/self/fd/{}", self.fd.as_raw_fd()), flags, Mode::empty())?;
        Ok(Some(File::from(file)))
    }

    /// Opens a directory for listing; `None` for anything else.
    pub fn directory(&self) -> io::Result<Option<Dir>> {
        if self.kind() != FileType::Directory {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty())?;
        Ok(Some(Dir::new(fd)?))
    }

    /// A place directly below this directory; never follows a link.
    pub fn child(&self, name: &std::ffi::CStr) -> io::Result<Place> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        Ok(Place { fd, stat })
    }

    /// Where a link points, unresolved; `None` for what is no link.
    pub fn target(&self) -> Option<String> {
        if self.kind() != FileType::Symlink {
            return None;
        }
        let target = rustix::fs::readlinkat(&self.fd, "", Vec::new()).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    /// The path that this place really has, links resolved.
    pub fn path(&self) -> Option<String> {
        let link = rustix::fs::readlink(format!("/proc/self/fd/{}", self.fd.as_raw_fd()), Vec::new()).ok()?;
        link.into_string().ok()
    }

    /// The kernel's number of the mount that this place lies on, as in mountinfo.
    pub fn mount_id(&self) -> Option<u64> {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.fd.as_raw_fd())).ok()?;
        info.lines().find_map(|line| line.strip_prefix("mnt_id:")).and_then(|id| id.trim().parse().ok())
    }

    pub fn fd(&self) -> impl AsFd + '_ {
        &self.fd
    }
}

/// Reads at most `limit` bytes. A file that grows while it is read ends there too.
pub fn read_limited(file: &mut File, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > limit;
    bytes.truncate(limit);
    Ok(Bytes { bytes, truncated })
}

/// Reads the last `limit` bytes of a file.
pub fn read_tail(file: &mut File, limit: usize) -> io::Result<Bytes> {
    let size = file.metadata()?.len();
    let skip = size.saturating_sub(limit as u64);
    if skip > 0 {
        file.seek(SeekFrom::Start(skip))?;
    }
    let tail = read_limited(file, limit)?;
    Ok(Bytes { bytes: tail.bytes, truncated: skip > 0 || tail.truncated })
}

/// SHA-256 of a file in lower-case hex; `None` when it is larger than `limit` or time is up.
pub fn digest(file: &mut File, limit: u64, deadline: Instant) -> io::Result<Option<String>> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    let mut total = 0u64;
    loop {
        if Instant::now() >= deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time ran out while reading the file"));
        }
        let got = file.read(&mut chunk)?;
        if got == 0 {
            break;
        }
        total += got as u64;
        if total > limit {
            return Ok(None);
        }
        hash.update(&chunk[..got]);
    }
    Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}
