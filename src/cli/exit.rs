//! How a run ends. Exit codes are API: scripts and instructors rely on them. Who asks by a signal that a run ends sees
//! that it ended by that.

use futures_util::future::select_all;
use tokio::signal::unix::{SignalKind, signal};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The work is not right yet: a check fails, a grade is below the mark, a proof has a gap.
    NotYet = 1,
    /// Wrong usage: an unknown lab, a bad option, a file with a mistake.
    Usage = 2,
    /// The machine is not ready, or could not tell: no engine, a full disk, a node that gives no answer.
    Machine = 3,
    /// Our bug.
    Bug = 101,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Waits until somebody asks that this process ends: ctrl-C, or whoever manages processes. Gives the signal's number.
/// From the first call on such signals end nothing by themselves.
pub async fn asked_to_end() -> i32 {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let asked = kinds.into_iter().map(|kind| {
        Box::pin(async move {
            // Where there is no listening, a signal ends the process as ever.
            let Ok(mut asked) = signal(kind) else { return std::future::pending().await };
            asked.recv().await;
            kind.as_raw_value()
        })
    });
    select_all(asked).await.0
}

/// Ends this process by the signal that asked for it, as if we had never listened: whoever waits for us sees that.
/// A terminal that was taken must have been given back.
pub fn end_by(number: i32) -> Exit {
    let _ = signal_hook::low_level::emulate_default_handler(number);
    // Reached only where the signal could not be raised.
    Exit::Machine
}
