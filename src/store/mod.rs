//! What crashcart remembers: one SQLite file in the state directory.
//!
//! A kept concept has a table here; what the concept means is `attempt`'s
//! business. Knows no engine, no rubric and no command line. Records are
//! append-only and chained by digest, so that a changed one shows.

mod attempt;
mod consent;
mod record;
mod score;
mod setting;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::advice::NextStep;
use crate::units::hex;

pub use attempt::{AttemptId, AttemptRow, NewAttempt, Purpose, Stage};
pub use record::{ChainBreak, ENDED_BY_DEMO, ENDED_BY_RESET, Record, RecordKind};
pub use score::Score;

/// Migrations in order; the file's `user_version` says how many it has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_attempt.sql"),
    include_str!("migrations/0002_setting_and_collection.sql"),
];

/// Marks our files among SQLite's: "ccrt".
const APPLICATION_ID: i32 = 0x6363_7274;

/// The state directory, and the database in it.
pub struct Store {
    directory: PathBuf,
    connection: Connection,
}

/// The database's name in the state directory.
pub const FILE: &str = "crashcart.db";

impl Store {
    /// Opens the state directory, making it and its database where they are not there yet.
    ///
    /// # Errors
    /// A file that is damaged, or that a newer crashcart wrote, is left exactly as it is.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let at = |source| StoreError::from_io(directory, source);
        std::fs::create_dir_all(directory.join("locks")).map_err(at)?;
        let path = directory.join(FILE);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&path, flags).map_err(|e| StoreError::from_sqlite(&path, e))?;
        let mut store = Self { directory: directory.to_owned(), connection };
        store.prepare().map_err(|e| match e {
            Preparing::Sqlite(e) => StoreError::from_sqlite(&path, e),
            Preparing::Other(e) => e,
        })?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<(), Preparing> {
        let path = self.path();
        self.connection.busy_timeout(Duration::from_secs(10))?;
        // Version, mark and tables are read one after the other, and SQLite changes the journal's mode
        // only for one who is alone: nobody looks while another crashcart makes or migrates the file.
        let _alone = self.lock_for_opening().map_err(Preparing::Other)?;
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let application: i32 =
            self.connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let current = MIGRATIONS.len() as i64;
        if version > current {
            return Err(Preparing::Other(StoreError::Newer { path, found: version, ours: current }));
        }
        // A file that has had no migration of ours must be quite empty: most programs never set a version.
        let fresh = version == 0 && application == 0 && self.is_empty()?;
        if application != APPLICATION_ID && !fresh {
            return Err(Preparing::Other(StoreError::NotOurs { path }));
        }
        self.connection.pragma_update(None, "foreign_keys", true)?;
        if version == current {
            return Ok(());
        }
        // WAL is a property of the file: set once, kept for all later connections.
        let _: String =
            self.connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        let change = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for migration in MIGRATIONS.iter().skip(version as usize) {
            change.execute_batch(migration)?;
        }
        change.pragma_update(None, "application_id", APPLICATION_ID)?;
        change.pragma_update(None, "user_version", current)?;
        change.commit()?;
        Ok(())
    }

    /// Held while the file is looked over, made or migrated; waits for whoever has it.
    fn lock_for_opening(&self) -> Result<File, StoreError> {
        let path = self.directory.join("locks").join("state-file");
        let at = |source| StoreError::from_io(&path, source);
        let file = File::create(&path).map_err(at)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|errno| at(errno.into()))?;
        Ok(file)
    }

    fn is_empty(&self) -> Result<bool, rusqlite::Error> {
        self.connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
    }

    /// The database file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// The state directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A short name for this state directory, put on everything made in an engine: two state
    /// directories on one engine leave each other's nodes alone.
    pub fn home_label(&self) -> String {
        use sha2::Digest;
        let canonical = self.directory.canonicalize().unwrap_or_else(|_| self.directory.clone());
        let digest = sha2::Sha256::digest(canonical.as_os_str().as_encoded_bytes());
        hex(&digest[..6])
    }

    /// A number that is another one as soon as another crashcart has written to the file.
    pub fn changes(&self) -> Result<i64, StoreError> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(|e| self.error(e))
    }

    /// Checks the whole file, slowly. For `doctor`.
    pub fn verify(&self) -> Result<(), StoreError> {
        let answer: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|e| self.error(e))?;
        if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path(), detail: answer }) }
    }

    /// Takes the lock of one attempt, or says that another crashcart has it.
    ///
    /// The lock belongs to the open file and so ends with the process, however that ends.
    pub fn try_lock(&self, attempt: &AttemptId) -> Result<Option<AttemptLock>, StoreError> {
        let path = self.directory.join("locks").join(attempt.as_str());
        let at = |source| StoreError::from_io(&path, source);
        let file = File::create(&path).map_err(at)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(AttemptLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(at(errno.into())),
        }
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.path(), error)
    }
}

/// Held while a command changes an attempt.
#[derive(Debug)]
pub struct AttemptLock {
    _file: File,
}

enum Preparing {
    Sqlite(rusqlite::Error),
    Other(StoreError),
}

impl From<rusqlite::Error> for Preparing {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("could not use the state directory `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("the state file `{}` was written by a newer crashcart (format {found}, this one knows {ours})", path.display())]
    Newer { path: PathBuf, found: i64, ours: i64 },
    #[error("`{}` is a database of another program", path.display())]
    NotOurs { path: PathBuf },
    #[error("the state file `{}` is damaged: {detail}", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("the disk that holds `{}` is full", path.display())]
    DiskFull { path: PathBuf },
    #[error("another crashcart kept the state file `{}` busy for 10 s", path.display())]
    Busy { path: PathBuf },
    #[error("could not use the state file `{}`", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("lab `{lab}` is under way already, as attempt `{attempt}`")]
    UnderWay { lab: String, attempt: AttemptId },
    #[error("a stored {what} could not be read")]
    Unreadable { what: &'static str, source: serde_json::Error },
}

impl StoreError {
    fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Directory { path, source },
        }
    }

    fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        // A value that none of ours can be: somebody else wrote it.
        if let rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) = &error
        {
            return Self::Damaged { path, detail: error.to_string() };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            // SQLite tells a full disk only when it writes pages, not when it makes its helper files.
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if has_no_room(&path) => {
                Self::DiskFull { path }
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, detail: error.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Sqlite { path, source: error },
        }
    }
}

/// Whether the disk that holds a file has less room than one write-ahead log begins with.
fn has_no_room(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < 64 * 1024)
}

impl NextStep for StoreError {
    fn next_step(&self) -> String {
        match self {
            Self::Directory { .. } => "make it writable, or name another one in `CRASHCART_STATE_DIR`".into(),
            Self::Newer { .. } => "update crashcart; nothing in the file was changed".into(),
            Self::NotOurs { .. } => "name another state directory in `CRASHCART_STATE_DIR`".into(),
            Self::Damaged { path, .. } => format!(
                "nothing in it was changed; keep a copy and move it away to begin anew: `mv {0} {0}.damaged`",
                path.display()
            ),
            Self::DiskFull { .. } => "free some space there and run the command again".into(),
            Self::Busy { .. } => "run the command again when the other one is done".into(),
            Self::Sqlite { .. } => {
                "see whether the disk and the file's owner are right; `crashcart doctor` checks both".into()
            }
            Self::UnderWay { .. } => {
                "go on with `crashcart shell`, or begin anew with `crashcart reset`".into()
            }
            Self::Unreadable { .. } => "run `crashcart doctor`; the record stays as it is".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_newer_crashcart_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        drop(Store::open(directory.path()).expect("a new store"));
        let path = directory.path().join("crashcart.db");
        let connection = Connection::open(&path).expect("the file");
        connection.pragma_update(None, "user_version", 99).expect("set");
        drop(connection);
        let before = std::fs::read(&path).expect("read");
        let error = Store::open(directory.path()).err().expect("refused");
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(directory.path()).expect("made");
        let path = directory.path().join("crashcart.db");
        std::fs::write(&path, b"this was never a database, but it is long enough to look like a header ....")
            .expect("written");
        let before = std::fs::read(&path).expect("read");
        let error = Store::open(directory.path()).err().expect("refused");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }

    #[test]
    fn a_lock_is_held_once_and_ends_with_its_holder() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).expect("a new store");
        let id = AttemptId::random();
        let held = store.try_lock(&id).expect("lockable").expect("free");
        assert!(store.try_lock(&id).expect("lockable").is_none());
        drop(held);
        assert!(store.try_lock(&id).expect("lockable").is_some());
    }
}
