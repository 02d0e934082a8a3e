//! What the node's own `systemctl` and `journalctl` say to PID 1: a language
//! private to this binary, on the same socket as the host's requests.

use serde::{Deserialize, Serialize};

use crate::manager::journal::Entry;
use crate::manager::unit_file::{Assignment, Source};

/// One message; the outer key tells it from a host's request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    Local(Local),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Local {
    /// Do this to these units and wait, unless told not to.
    Job { verb: Verb, units: Vec<String>, wait: bool },
    /// Signal the processes of these units.
    Kill { units: Vec<String>, signal: i32, main_only: bool },
    /// Describe these units; all that are loaded when none is named.
    Units { names: Vec<String> },
    /// Read the unit files again.
    Reload,
    /// Forget failures: of these units, or of all.
    ResetFailed { units: Vec<String> },
    /// Log entries of this boot after a number, the last `most` of them.
    Journal { after: u64, unit: Option<String>, most: usize },
}

impl Local {
    /// Whether any user of the node may ask this.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Units { .. } | Self::Journal { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Start,
    Stop,
    Restart,
    /// Restart what runs, leave alone what does not.
    TryRestart,
    Reload,
    /// Reload where the unit can, restart it otherwise.
    ReloadOrRestart,
}

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::TryRestart => "try-restart",
            Self::Reload => "reload",
            Self::ReloadOrRestart => "reload-or-restart",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalReply {
    Jobs(Vec<JobReport>),
    Units(Vec<UnitView>),
    Journal { boot: String, entries: Vec<Entry> },
    Done,
    Refused(String),
}

/// How one job came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobReport {
    pub unit: String,
    pub end: JobEnd,
    /// The unit's result, for the sentence that explains a failure.
    pub result: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobEnd {
    Done,
    Failed,
    /// Something that the unit requires failed.
    Dependency,
    /// Another job took its place.
    Canceled,
    /// A condition did not hold.
    Skipped,
    AssertFailed,
    NotFound,
    Masked,
    BadSetting,
    /// The unit cannot do this, or refuses to have it done by hand.
    NotApplicable(String),
}

/// A process of a unit that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ended {
    pub pid: i32,
    /// exited, killed, dumped.
    pub code: String,
    /// Exit status or signal number.
    pub status: i32,
    pub began_ms: u64,
    pub ended_ms: u64,
}

/// A command of a unit that has been run: `ExecStartPre=/bin/x`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommandView {
    pub setting: String,
    pub line: String,
    pub ended: Option<Ended>,
    pub pid: i32,
}

/// A unit as the manager sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitView {
    /// As asked for; the unit may have another name of its own.
    pub asked: String,
    pub name: String,
    pub description: String,
    pub documentation: Vec<String>,
    /// loaded, not-found, masked, bad-setting.
    pub load: String,
    pub load_problem: Option<String>,
    pub active: String,
    pub sub: String,
    pub result: String,
    pub path: Option<String>,
    pub sources: Vec<Source>,
    pub kind: String,
    pub restart: String,
    pub main_pid: Option<i32>,
    pub control_pid: Option<i32>,
    pub main_ended: Option<Ended>,
    pub main_began_ms: Option<u64>,
    pub commands: Vec<CommandView>,
    pub pids: Vec<i32>,
    pub restarts: u32,
    pub status_text: String,
    pub invocation: String,
    pub since_ms: u64,
    pub active_enter_ms: u64,
    pub active_exit_ms: u64,
    pub condition: Option<String>,
    pub can_reload: bool,
    pub has_job: bool,
    pub assignments: Vec<Assignment>,
    pub after: Vec<String>,
    pub before: Vec<String>,
    pub requires: Vec<String>,
    pub wants: Vec<String>,
    pub conflicts: Vec<String>,
}
