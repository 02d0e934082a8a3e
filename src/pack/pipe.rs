//! Between the engine, which is waited for, and files, archives and compression, which take the time of a
//! processor: those run on a thread of their own, a pipe between.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::io::SyncIoBridge;

use crate::engine::{Inflow, Outflow, Progress};

/// Bytes that may be under way.
const UNDER_WAY: usize = 1 << 20;
/// How often to look how far it has come.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs `read` on what is written to the [`Outflow`].
pub(super) fn out_of_engine<T: Send + 'static>(
    read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> (Outflow, tokio::task::JoinHandle<T>) {
    let (near, far) = tokio::io::duplex(UNDER_WAY);
    let reading = tokio::task::spawn_blocking(move || read(&mut SyncIoBridge::new(far)));
    (Box::pin(near), reading)
}

/// Runs `write`, whose bytes can be read from the [`Inflow`].
pub(super) fn into_engine<T: Send + 'static>(
    write: impl FnOnce(&mut dyn Write) -> T + Send + 'static,
) -> (Inflow, tokio::task::JoinHandle<T>) {
    let (near, far) = tokio::io::duplex(UNDER_WAY);
    let writing = tokio::task::spawn_blocking(move || write(&mut SyncIoBridge::new(far)));
    (Box::pin(near), writing)
}

/// What a thread did. It ends of itself, well or not: nobody stops it, and it does not panic.
pub(super) async fn ended<T>(thread: tokio::task::JoinHandle<T>) -> T {
    match thread.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Counts bytes on their way.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Waits for `work`, and tells meanwhile how many of about `total` bytes have come, in MiB and in tenths.
    pub async fn tell<T>(
        &self,
        progress: &dyn Progress,
        what: &str,
        total: u64,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let mib = |bytes: u64| u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        let step = (total / 10).max(1 << 20);
        let mut next = step;
        loop {
            match tokio::time::timeout(LOOK_EVERY, &mut work).await {
                Ok(done) => return done,
                Err(_) => {
                    let done = self.0.load(Ordering::Relaxed);
                    if done >= next {
                        progress.step(mib(done.min(total)), mib(total), &format!("MiB {what}"));
                        next = done + step;
                    }
                }
            }
        }
    }

    /// Counts what is read of `inner`.
    pub fn reader<R: Read>(&self, inner: R) -> Metered<R> {
        Metered { inner, meter: self.clone() }
    }
}

pub(super) struct Metered<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(bytes)?;
        self.meter.add(got);
        Ok(got)
    }
}
