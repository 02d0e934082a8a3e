//! Exit codes. They are API: scripts and instructors rely on them.

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
