//! What the daemon has in `/var/run/nvidia-persistenced`: a PID file that is locked while it lives, and a socket.
//!
//! The real daemon answers remote procedure calls on the socket, by which its tools turn the mode of a GPU on and
//! off. Ours speaks no such protocol: whoever connects finds the connection closed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::{Access, FlockOperation, Gid, Uid};

use crate::log::{Level, Log};
use crate::said;

/// Its name, below the root of the system.
pub const DIRECTORY: &str = "var/run/nvidia-persistenced";

pub struct Runtime {
    directory: PathBuf,
    /// Whether there was none before us.
    made: bool,
    pid_file: Option<File>,
    listener: Option<UnixListener>,
}

impl Runtime {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, made: false, pid_file: None, listener: None }
    }

    /// Makes the directory where it is missing. Whether it can be used shows later.
    pub fn make(&mut self, log: &Log) {
        let name = self.directory.display();
        match std::fs::DirBuilder::new().mode(0o755).create(&self.directory) {
            Ok(()) => {
                self.made = true;
                return;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                log.say(Level::Warning, &format!("Failed to create directory {name}: {}", said(&error)));
            }
        }
        log.detail(Level::Info, &format!("Directory {name} will not be removed on exit"));
    }

    /// Gives the directory to whoever the daemon becomes.
    pub fn give(&self, uid: Uid, gid: Gid) -> Result<(), String> {
        rustix::fs::chown(&self.directory, Some(uid), Some(gid)).map_err(|error| {
            format!("Failed to change ownership of {}: {}", self.directory.display(), said(&error.into()))
        })
    }

    /// Makes this the only daemon: writes the PID file and keeps it locked.
    pub fn lock(&mut self) -> Result<(), String> {
        rustix::fs::access(&self.directory, Access::READ_OK | Access::WRITE_OK).map_err(|error| {
            format!("Unable to access {}: {}", self.directory.display(), said(&error.into()))
        })?;
        let failed = |what: &str, error: io::Error| format!("Failed to {what} PID file: {}", said(&error));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(self.pid_path())
            .map_err(|error| failed("open", error))?;
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed("lock", error.into()))?;
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        // From here on it is ours to remove.
        self.pid_file = Some(file);
        written.map_err(|error| failed("update", error))
    }

    /// Opens the socket.
    pub fn listen(&mut self) -> Result<(), String> {
        let path = self.directory.join("socket");
        // Of a daemon that was killed.
        let _ = std::fs::remove_file(&path);
        let open = || {
            let listener = UnixListener::bind(&path)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener =
            open().map_err(|error: io::Error| format!("Failed to create socket: {}", said(&error)))?;
        self.listener = Some(listener);
        Ok(())
    }

    /// What to wait for.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(UnixListener::as_fd)
    }

    /// Closes the connection of whoever came.
    pub fn answer(&self) {
        if let Some(listener) = &self.listener {
            let _ = listener.accept();
        }
    }

    pub fn close_socket(&mut self, log: &Log) {
        if self.listener.take().is_none() {
            return;
        }
        log.detail(Level::Info, "Socket closed.");
        if let Err(error) = std::fs::remove_file(self.directory.join("socket")) {
            log.say(Level::Error, &format!("Failed to unlink socket: {}", said(&error)));
        }
    }

    /// Removes the PID file, if it is ours, and the directory, if we made it.
    pub fn remove(&mut self, log: &Log) {
        if let Some(file) = self.pid_file.take() {
            match rustix::fs::fcntl_lock(&file, FlockOperation::Unlock) {
                Ok(()) => log.detail(Level::Info, "PID file unlocked."),
                Err(error) => {
                    log.say(Level::Error, &format!("Failed to unlock PID file: {}", said(&error.into())));
                }
            }
            drop(file);
            log.detail(Level::Info, "PID file closed.");
            if let Err(error) = std::fs::remove_file(self.pid_path()) {
                log.say(Level::Error, &format!("Failed to unlink PID file: {}", said(&error)));
            }
        }
        if !self.made {
            return;
        }
        match std::fs::remove_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => log.detail(
                Level::Notice,
                &format!(
                    "The daemon no longer has permission to remove its runtime data directory {}",
                    self.directory.display()
                ),
            ),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log.say(
                    Level::Warning,
                    &format!("Failed to remove runtime data directory: {}", said(&error)),
                );
            }
            _ => {}
        }
    }

    fn pid_path(&self) -> PathBuf {
        self.directory.join("nvidia-persistenced.pid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_removed_and_what_was_there_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("nvidia-persistenced");
        let log = Log::new(folder.path().join("log"), false);
        let run = || {
            let mut runtime = Runtime::new(directory.clone());
            runtime.make(&log);
            runtime.lock().expect("nobody else has it");
            runtime.listen().expect("a socket");
            let pid = std::fs::read_to_string(runtime.pid_path()).expect("a PID file");
            assert_eq!(pid, format!("{}\n", std::process::id()));
            assert!(directory.join("socket").exists());
            runtime.close_socket(&log);
            runtime.remove(&log);
        };
        run();
        assert!(!directory.exists());
        std::fs::create_dir(&directory).expect("a directory");
        std::fs::write(directory.join("nvidia-persistenced.pid"), "4194304 and more\n").expect("a stale one");
        run();
        assert_eq!(std::fs::read_dir(&directory).expect("it is there").count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_named() {
        let mut runtime = Runtime::new("/nonexistent/nvidia-persistenced".into());
        assert_eq!(
            runtime.lock(),
            Err("Unable to access /nonexistent/nvidia-persistenced: No such file or directory".into())
        );
    }
}
