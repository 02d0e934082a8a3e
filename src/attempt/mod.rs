//! An attempt: one learner on one lab, from start to report.
//!
//! ```text
//!            start                    stop, reset
//!   Starting ─────► Running ────────► Stopping ─────► Stopped
//!      │             │  ▲                 ▲
//!      │       pause │  │ resume          │
//!      │             ▼  │                 │
//!      │            Paused ───────────────┤
//!      └──────── recover ─────────────────┘
//! ```
//!
//! The stage is written down before anything is done in the engine, and again
//! after: whatever is killed and whenever, [`recover`] finds what was left. An
//! attempt in `Starting` has nothing of the learner's in it, so it is made
//! again or removed; one in `Stopping` was given up by the learner, so it is
//! removed. Evidence and reports are records of the store and outlive all of it.
//!
//! The verbs stand in files of their own and take engine and store as
//! arguments; none of them prints.

mod collect;
mod console;
pub mod fit;
mod hint;
mod nodes;
mod recover;
mod room;
mod start;
mod stop;
mod submit;
mod vigil;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use collect::Collector;
pub use hint::{Hint, MOST_COST_PERCENT, cost_percent, hint};
pub use nodes::{BringUp, BringUpError, Nodes, bring_up, find_nodes, hands, last_words, pause, restart_all};
pub use recover::{Leftover, LeftoverKind, leftovers, recover, remove_leftover};
pub use start::{Plan, StartError, Started, run_steps, start};
pub use stop::{StopError, stop};
pub use submit::{Checked, Graded, SubmitError, check, difference, grade, judge_again, last_seen};
pub use vigil::{Extent, Vigil};

use crate::engine::{Engine, LABEL_ATTEMPT, LABEL_HOME, Labels};
use crate::lab::Draw;
use crate::store::AttemptId;

/// Where verbs work: the engine, the name of this state directory in it, and a clock.
#[derive(Clone)]
pub struct Site {
    pub engine: Arc<dyn Engine>,
    /// [`crate::store::Store::home_label`].
    pub home: String,
    pub clock: Clock,
}

impl Site {
    /// Labels that everything of one attempt carries.
    pub fn labels(&self, attempt: &AttemptId) -> Labels {
        Labels::from([
            (LABEL_HOME.to_owned(), self.home.clone()),
            (LABEL_ATTEMPT.to_owned(), attempt.to_string()),
        ])
    }
}

/// Whose accelerators the nodes of an attempt have.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerators {
    /// Those of the hardware model, breakable
    #[default]
    Simulated,
    /// All GPUs of the engine's machine
    Real,
}

/// Tells the time, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub fn() -> u64);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |time| time.as_millis() as u64)
        })
    }

    pub fn now_ms(self) -> u64 {
        (self.0)()
    }
}

/// What scripts find in their environment. The shared secret is for `prepare` alone: what a lab makes of
/// it stands in the nodes, the secret itself nowhere.
fn script_environment(draw: &Draw<'_>, node: &str, secret: Secret) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("CC_VARIANT".to_owned(), draw.variant.name.to_string()),
        ("CC_NODE".to_owned(), node.to_owned()),
        ("CC_SEED_WORD".to_owned(), draw.seed_word.clone()),
    ]);
    if secret == Secret::Told {
        environment.insert("CC_SECRET".to_owned(), draw.secret.clone());
    }
    for (name, value) in &draw.parameters {
        environment.insert(format!("CC_{}", name.to_uppercase().replace('-', "_")), value.clone());
    }
    environment
}

/// Whether a script is told the attempt's shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    Told,
    Withheld,
}
