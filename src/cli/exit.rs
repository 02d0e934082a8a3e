//! How a run ends. Exit codes are API: scripts and instructors rely on them. Who asks by a signal that a run ends sees
//! that it ended by that.

use futures_util::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Signals by which somebody asks that this process ends. While it is there, they end nothing by themselves, and none
/// is missed between two waits.
pub struct Asked(Vec<(SignalKind, Signal)>);

impl Asked {
    /// Ctrl-C, whoever manages processes, and a terminal that goes.
    pub const USUAL: [SignalKind; 3] =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];

    /// Call it within the runtime.
    pub fn listen(kinds: &[SignalKind]) -> std::io::Result<Self> {
        Ok(Self(kinds.iter().map(|kind| Ok((*kind, signal(*kind)?))).collect::<std::io::Result<_>>()?))
    }

    /// Waits for one; gives its number.
    pub async fn next(&mut self) -> i32 {
        let asked = self.0.iter_mut().map(|(kind, signal)| {
            let number = kind.as_raw_value();
            Box::pin(async move {
                match signal.recv().await {
                    Some(()) => number,
                    None => std::future::pending().await,
                }
            })
        });
        select_all(asked).await.0
    }
}

/// Ends this process by the signal that asked for it, as if we had never listened: whoever waits for us sees that.
/// A terminal that was taken must have been given back.
pub fn end_by(number: i32) -> Exit {
    let _ = signal_hook::low_level::emulate_default_handler(number);
    // Reached only where the signal could not be raised.
    Exit::Machine
}
