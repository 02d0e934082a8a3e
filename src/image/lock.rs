//! Locks between crashcarts that share a state directory.
//!
//! A lock is a file and dies with the process that holds it, however it ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::ImageError;

/// A lock that is held until it is dropped.
pub(crate) struct Lock(#[expect(dead_code, reason = "holding the file is holding the lock")] File);

impl Lock {
    /// Held by one. `waiting` is called once when somebody else has it.
    pub(crate) async fn exclusive(
        state: &Path,
        name: &str,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Self, ImageError> {
        Self::take(
            state,
            name,
            FlockOperation::LockExclusive,
            FlockOperation::NonBlockingLockExclusive,
            waiting,
        )
        .await
    }

    /// Held by many, none of them exclusively.
    pub(crate) async fn shared(
        state: &Path,
        name: &str,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Self, ImageError> {
        Self::take(state, name, FlockOperation::LockShared, FlockOperation::NonBlockingLockShared, waiting)
            .await
    }

    async fn take(
        state: &Path,
        name: &str,
        patient: FlockOperation,
        impatient: FlockOperation,
        waiting: &(dyn Fn() + Sync),
    ) -> Result<Self, ImageError> {
        let dir = state.join("locks");
        let path = dir.join(format!("{name}.lock"));
        let unwritable = |source: std::io::Error| ImageError::Unwritable { path: path.clone(), source };
        std::fs::create_dir_all(&dir).map_err(unwritable)?;
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(unwritable)?;
        match flock(&file, impatient) {
            Ok(()) => return Ok(Self(file)),
            Err(Errno::WOULDBLOCK) => waiting(),
            Err(error) => return Err(unwritable(error.into())),
        }
        let locked = tokio::task::spawn_blocking(move || flock(&file, patient).map(|()| file)).await;
        let file =
            locked.expect("waiting for a lock does not panic").map_err(|error| unwritable(error.into()))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_waits_for_the_other_and_says_so() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let quiet = || panic!("nobody else is here");
        let first = Lock::exclusive(dir.path(), "x", &quiet).await.expect("a lock");
        let _other = Lock::exclusive(dir.path(), "y", &quiet).await.expect("another lock");
        let said = AtomicBool::new(false);
        let say = || said.store(true, Ordering::SeqCst);
        let second = Lock::exclusive(dir.path(), "x", &say);
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut second).await.is_err());
        assert!(said.load(Ordering::SeqCst));
        drop(first);
        second.await.expect("the lock, once it is free");
    }

    #[tokio::test]
    async fn many_share_what_one_may_not_have_meanwhile() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let quiet = || panic!("nobody else is here");
        let one = Lock::shared(dir.path(), "x", &quiet).await.expect("a lock");
        let two = Lock::shared(dir.path(), "x", &quiet).await.expect("a lock");
        let alone = Lock::exclusive(dir.path(), "x", &|| {});
        tokio::pin!(alone);
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut alone).await.is_err());
        drop((one, two));
        alone.await.expect("the lock, once it is free");
    }
}
