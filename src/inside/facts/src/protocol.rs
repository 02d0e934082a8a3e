//! Requests to an agent and its replies.

use std::collections::BTreeMap;

use crashcart_hardware::fault::{Deed, GpuFault, Inherited};
use crashcart_hardware::spec::HardwareSpec;
use serde::{Deserialize, Serialize};

use crate::{Fact, Inventory, Question};

/// Version of this protocol. An agent refuses a request of another version.
pub const PROTOCOL: u32 = 4;

/// Where crashcart's read-only directory stands inside every node.
pub const AGENT_DIR: &str = "/.crashcart";
/// The agent: PID 1 of a container node, and the client that reaches it.
pub const AGENT_PATH: &str = "/.crashcart/agent";

/// Largest request that an agent reads, in bytes.
pub const REQUEST_LIMIT: usize = 8 * 1024 * 1024;
/// Largest reply that the host reads, in bytes.
pub const REPLY_LIMIT: usize = 32 * 1024 * 1024;
/// Most bytes kept of one text: a file, a log window, an http body, one output stream.
pub const TEXT_LIMIT: usize = 256 * 1024;

/// What the host sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Envelope {
    /// The sender's [`PROTOCOL`].
    pub protocol: u32,
    pub request: Request,
}

impl Envelope {
    /// Wraps a request in the current protocol version.
    pub fn new(request: Request) -> Self {
        Self { protocol: PROTOCOL, request }
    }
}

/// One thing asked of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Wait until the node's enabled services have been started, at most `wait_ms`, and say who you are.
    Hello {
        #[serde(default)]
        wait_ms: u32,
    },
    /// Answer all of these, in order, within `budget_ms` milliseconds in total.
    Collect { asked: Vec<Asked>, budget_ms: u32 },
    /// Say what stands on the node, all of it in one answer, within `budget_ms` milliseconds. Changes nothing.
    Inventory { budget_ms: u32 },
    /// Run a script and wait for it.
    Run(Script),
    /// Put a small file where only `owner` can read it, creating its directory. Used for nonce jobs.
    Plant { path: String, text: String, owner: String },
    /// Remove a file that was planted, and its directory when that is empty.
    Unplant { path: String },
    /// Do something to the simulated hardware from outside.
    Hardware(HardwareAct),
    /// Wait until the guest of this node is up or will not come up, at most `wait_ms`, and say how it is. Answered
    /// from outside the guest; container nodes have none.
    Guest {
        #[serde(default)]
        wait_ms: u32,
    },
    /// Do all of these one after the other, each with its own time; stop after the first that does not
    /// succeed (see [`Reply::succeeded`]). None of them is a batch.
    Batch(Vec<Request>),
}

/// What hands do to hardware, and what happens to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HardwareAct {
    /// Let the faults come true that this node was made with. Happens once, and at the latest before the
    /// node's first question is answered.
    Break,
    /// These happen now. Only the host knows the token.
    Inject { token: String, faults: Vec<GpuFault> },
    /// Do this at the machine: reseat a board, exchange it, clean its fans. Takes the token, too.
    Serve { token: String, deed: Deed },
}

/// What PID 1 of a node with GPUs finds in its environment, and nobody else.
pub const HARDWARE_VARIABLE: &str = "CRASHCART_HARDWARE";
/// Key of what the hardware keeps, and of the host's token: 64 hex digits. The token is the HMAC-SHA-256 of
/// [`HOST_WORD`] under this key, in hex.
pub const HARDWARE_KEY_VARIABLE: &str = "CRASHCART_HARDWARE_KEY";
/// What the host's token is made of.
pub const HOST_WORD: &str = "host";
/// What engines must not hand on from a container's first process to others.
pub const SECRET_VARIABLES: [&str; 2] = [HARDWARE_VARIABLE, HARDWARE_KEY_VARIABLE];

/// The accelerators that a node is made with: value of [`HARDWARE_VARIABLE`], as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeHardware {
    pub spec: HardwareSpec,
    /// What is broken, unless what was kept over a power cycle says otherwise.
    #[serde(default)]
    pub faults: Vec<Inherited>,
}

/// A question, and whether to put it a second time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asked {
    pub question: Question,
    /// Ask again after this many milliseconds; 0 asks once. For values that must hold still.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub again_after_ms: u32,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// A script for the node's shell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Script {
    /// The text, run by `/bin/bash -eu -o pipefail` from an anonymous file: it never touches the node's disk.
    pub text: String,
    /// Environment beside PATH, HOME, LANG and TERM.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Killed, with all that it started, after this many milliseconds.
    pub timeout_ms: u32,
}

/// What an agent sends back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    Hello(Hello),
    /// One answer per question, in the order asked.
    Collected {
        answers: Vec<Answer>,
    },
    Inventory(Box<Inventory>),
    Ran(Ran),
    Planted,
    Unplanted,
    /// The hardware is as was asked for.
    Done,
    Guest(GuestState),
    /// The node's own machine does not run, and will not come up by itself: known from outside of it. `why`
    /// is one lower-case phrase.
    Down {
        why: String,
    },
    /// One reply per request that was tried, in order; only the last can be one that did not succeed.
    Batch(Vec<Reply>),
    /// The agent did not do it. `why` is one lower-case phrase.
    Refused {
        why: String,
    },
}

impl Reply {
    /// Whether a batch goes on after it: it was not refused, and a script ended with status 0.
    pub fn succeeded(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Down { .. } => false,
            Self::Ran(ran) => ran.end == End::Exit(0),
            Self::Batch(replies) => replies.iter().all(Self::succeeded),
            Self::Hello(_)
            | Self::Collected { .. }
            | Self::Inventory(_)
            | Self::Planted
            | Self::Unplanted
            | Self::Done
            | Self::Guest(_) => true,
        }
    }
}

/// Who the agent is and how its node came up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hello {
    pub protocol: u32,
    /// Version of the agent.
    pub agent: String,
    /// Changes with every start of the node.
    pub boot_id: String,
    /// When the node came up, in milliseconds since the epoch.
    pub booted_at_ms: u64,
    /// All enabled services have been started (or have failed).
    pub settled: bool,
    /// Services that should run and do not.
    pub failed_units: Vec<String>,
}

/// How the guest of a vm node is, as its launcher knows from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GuestState {
    pub condition: GuestCondition,
    /// systemd gave up on starting it, and serves a shell at the console.
    pub emergency: bool,
    /// What runs its instructions: `kvm` or `tcg`.
    pub accelerator: String,
    /// Why it is not `kvm`, where it is not.
    pub no_kvm: Option<String>,
    /// Restored from a snapshot, not booted, when this node was first started.
    pub restored: bool,
    /// Why it was not restored though there is a snapshot: it is damaged, or did not come to life.
    pub snapshot_problem: Option<String>,
    /// The last lines on its serial console.
    pub console: Vec<String>,
}

/// Whether a guest answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum GuestCondition {
    Up,
    /// It is booting or being restored, for so many milliseconds.
    Coming {
        for_ms: u64,
    },
    /// It will not come up by itself.
    Down {
        why: String,
    },
}

/// The answer to one [`Asked`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    pub reading: Reading,
    /// The second reading, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Reading>,
    /// Time that the question took, in milliseconds.
    pub took_ms: u32,
}

/// A fact, or why there is none. "The file does not exist" is a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reading {
    Known(Fact),
    /// The agent could not find out: time ran out, a read failed. Never the learner's fault by itself.
    Unreadable {
        why: String,
    },
}

/// What became of a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ran {
    pub end: End,
    /// At most [`TEXT_LIMIT`] bytes, invalid UTF-8 replaced.
    pub stdout: String,
    pub stderr: String,
    pub took_ms: u32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum End {
    /// Exit status, 0 to 255.
    Exit(i32),
    /// Signal number.
    Signal(i32),
    TimedOut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_travel_in_kebab_case() {
        let case = |request: Request, wanted: &str| {
            let text = serde_json::to_string(&request).expect("requests serialise");
            assert_eq!(text, wanted);
            assert_eq!(serde_json::from_str::<Request>(&text).expect("and come back"), request);
        };
        case(Request::Hello { wait_ms: 7 }, r#"{"hello":{"wait-ms":7}}"#);
        case(
            Request::Batch(vec![
                Request::Collect { asked: vec![], budget_ms: 9 },
                Request::Run(Script { text: "true".into(), env: BTreeMap::new(), timeout_ms: 1 }),
            ]),
            r#"{"batch":[{"collect":{"asked":[],"budget-ms":9}},{"run":{"text":"true","env":{},"timeout-ms":1}}]}"#,
        );
    }

    #[test]
    fn a_batch_goes_on_after_what_succeeded_only() {
        let ran = |end| Reply::Ran(Ran { end, stdout: String::new(), stderr: String::new(), took_ms: 1 });
        let case = |reply: &Reply, wanted| assert_eq!(reply.succeeded(), wanted, "{reply:?}");
        case(&ran(End::Exit(0)), true);
        case(&ran(End::Exit(1)), false);
        case(&ran(End::Signal(9)), false);
        case(&ran(End::TimedOut), false);
        case(&Reply::Planted, true);
        case(&Reply::Collected { answers: vec![] }, true);
        case(&Reply::Refused { why: "no".into() }, false);
        case(&Reply::Batch(vec![Reply::Planted, ran(End::Exit(3))]), false);
    }
}
