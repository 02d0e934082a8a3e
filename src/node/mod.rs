//! The host's side of an agent: requests to a node, replies from it.
//!
//! A node is reached through its engine by running the agent's relay in it.
//! Knows the protocol and the engine; knows no lab, no rubric, no store.

use std::collections::BTreeMap;
use std::sync::Arc;

use crashcart_facts::{
    AGENT_PATH, Answer, Asked, End, Envelope, GuestState, HardwareAct, Hello, PROTOCOL, REPLY_LIMIT, Ran,
    Reply, Request, Script,
};
use crashcart_hardware::fault::Deed;

use crate::advice::NextStep;
use crate::engine::{
    ContainerId, Engine, EngineError, Exec, LABEL_ACCELERATORS, LABEL_HARDWARE_TOKEN, Labels,
    REAL_ACCELERATORS,
};

/// User that runs the relay. It can execute the agent but not read it, which keeps the process
/// out of every debugger's reach from its first instruction on.
const RELAY_USER: &str = "65534";
/// Time that a request may take beyond its own budget, in milliseconds.
const SLACK_MS: u32 = 10_000;
/// Time for a planted file to come or to go, in milliseconds.
const PLANT_MS: u32 = 5_000;

/// One node of a running attempt.
#[derive(Clone)]
pub struct NodeLink {
    engine: Arc<dyn Engine>,
    pub name: String,
    pub container: ContainerId,
    /// Whether it has this machine's own accelerators: what is asked about them is answered outside of it.
    pub real_accelerators: bool,
    /// What lets the host do something to its simulated accelerators, where it has some.
    pub hardware_token: Option<String>,
    /// Whether a guest of its own runs in it, which takes its time to boot and to shut down.
    pub is_vm: bool,
}

/// Label of the container of a vm node.
pub const LABEL_VM: &str = "crashcart.vm";

impl NodeLink {
    pub fn new(engine: Arc<dyn Engine>, name: impl Into<String>, container: ContainerId) -> Self {
        Self {
            engine,
            name: name.into(),
            container,
            real_accelerators: false,
            hardware_token: None,
            is_vm: false,
        }
    }

    /// The same link to a node whose container carries these labels.
    pub fn labelled(self, labels: &Labels) -> Self {
        let real = labels.get(LABEL_ACCELERATORS).is_some_and(|whose| whose == REAL_ACCELERATORS);
        let hardware_token = labels.get(LABEL_HARDWARE_TOKEN).cloned();
        let is_vm = labels.contains_key(LABEL_VM);
        Self { real_accelerators: real, hardware_token, is_vm, ..self }
    }

    /// Does something at the node's simulated accelerators.
    pub async fn serve(&self, deed: Deed) -> Result<(), NodeError> {
        let Some(token) = self.hardware_token.clone() else {
            let why = "it has no simulated accelerators".to_owned();
            return Err(NodeError::Refused { node: self.name.clone(), why });
        };
        match self.request(Request::Hardware(HardwareAct::Serve { token, deed }), PLANT_MS).await? {
            Reply::Done => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Waits until the node's services have been started, at most `wait_ms`.
    pub async fn hello(&self, wait_ms: u32) -> Result<Hello, NodeError> {
        match self.request(Request::Hello { wait_ms }, wait_ms).await? {
            Reply::Hello(hello) => Ok(hello),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Time that the node has to start its services, in milliseconds.
    pub fn settle_ms(&self) -> u32 {
        settle_ms(self.is_vm)
    }

    /// Seconds that the node has to stop them.
    pub fn grace_s(&self) -> u32 {
        if self.is_vm { 50 } else { 5 }
    }

    /// How its guest is, once it is up or will not come up, or after `wait_ms`; for vm nodes.
    pub async fn guest(&self, wait_ms: u32) -> Result<GuestState, NodeError> {
        let request = Request::Guest { wait_ms };
        let time_ms = budget_ms(&request);
        match self.request(request, time_ms).await? {
            Reply::Guest(state) => Ok(state),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Puts all questions in one round trip; the answers come in the same order.
    pub async fn collect(&self, asked: Vec<Asked>, budget_ms: u32) -> Result<Vec<Answer>, NodeError> {
        let count = asked.len();
        let reply = self.request(Request::Collect { asked, budget_ms }, budget_ms).await?;
        self.answers(reply, count)
    }

    /// Runs a script and waits for it, whatever its end.
    pub async fn run(
        &self,
        text: String,
        env: BTreeMap<String, String>,
        timeout_ms: u32,
    ) -> Result<Ran, NodeError> {
        let reply = self.request(Request::Run(Script { text, env, timeout_ms }), timeout_ms).await?;
        self.ran(reply)
    }

    /// Puts a file where only `owner` can read it.
    pub async fn plant(&self, path: String, text: String, owner: String) -> Result<(), NodeError> {
        match self.request(Request::Plant { path, text, owner }, PLANT_MS).await? {
            Reply::Planted => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Takes such a file away again.
    pub async fn unplant(&self, path: String) -> Result<(), NodeError> {
        match self.request(Request::Unplant { path }, PLANT_MS).await? {
            Reply::Unplanted => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Does all of these in one round trip, in order, up to the first that does not succeed: one reply
    /// for each that was tried.
    pub async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Reply>, NodeError> {
        let count = requests.len();
        let budget = requests.iter().map(budget_ms).fold(0, u32::saturating_add);
        match self.request(Request::Batch(requests), budget).await? {
            Reply::Batch(replies)
                if replies.len() == count
                    || (replies.len() < count && replies.last().is_some_and(|last| !last.succeeded())) =>
            {
                Ok(replies)
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// The reply's answers, if it is one to so many questions.
    pub fn answers(&self, reply: Reply, count: usize) -> Result<Vec<Answer>, NodeError> {
        match reply {
            Reply::Collected { answers } if answers.len() == count => Ok(answers),
            Reply::Refused { why } => Err(NodeError::Refused { node: self.name.clone(), why }),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The reply's word on how a script ended, if it is one.
    pub fn ran(&self, reply: Reply) -> Result<Ran, NodeError> {
        match reply {
            Reply::Ran(ran) => Ok(ran),
            Reply::Refused { why } => Err(NodeError::Refused { node: self.name.clone(), why }),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn request(&self, request: Request, budget_ms: u32) -> Result<Reply, NodeError> {
        let stdin = serde_json::to_vec(&Envelope::new(request)).expect("requests serialise");
        let exec = Exec {
            argv: vec![AGENT_PATH.into(), "call".into()],
            user: RELAY_USER.into(),
            env: BTreeMap::new(),
            stdin,
            output_limit: REPLY_LIMIT,
            timeout_ms: budget_ms.saturating_add(SLACK_MS),
        };
        let output = self
            .engine
            .exec(&self.container, exec)
            .await
            .map_err(|source| NodeError::Engine { node: self.name.clone(), source })?;
        if output.code != 0 {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or("nothing").chars().take(300).collect();
            return Err(NodeError::NoAnswer { node: self.name.clone(), said });
        }
        match serde_json::from_slice(&output.stdout) {
            Ok(Reply::Refused { why }) => Err(NodeError::Refused { node: self.name.clone(), why }),
            Ok(Reply::Down { why }) => Err(NodeError::Down { node: self.name.clone(), why }),
            Ok(reply) => Ok(reply),
            Err(source) => Err(NodeError::Garbled { node: self.name.clone(), source }),
        }
    }

    fn unexpected(&self, reply: &Reply) -> NodeError {
        let why = format!("protocol {PROTOCOL}: unexpected reply {reply:.80?}");
        NodeError::Refused { node: self.name.clone(), why }
    }
}

/// Time that a node has to start its services, in milliseconds. A guest boots, on a busy machine without KVM
/// for minutes.
pub fn settle_ms(is_vm: bool) -> u32 {
    if is_vm { 300_000 } else { 90_000 }
}

/// Milliseconds that a request may take by itself.
fn budget_ms(request: &Request) -> u32 {
    match request {
        Request::Hello { wait_ms } => *wait_ms,
        Request::Collect { budget_ms, .. } | Request::Inventory { budget_ms } => *budget_ms,
        Request::Run(script) => script.timeout_ms,
        Request::Guest { wait_ms } => wait_ms.saturating_add(PLANT_MS),
        Request::Plant { .. } | Request::Unplant { .. } | Request::Hardware(_) => PLANT_MS,
        Request::Batch(requests) => requests.iter().map(budget_ms).fold(0, u32::saturating_add),
    }
}

/// Whether a script did what it should, in words for an error.
pub fn describe_end(end: End) -> String {
    match end {
        End::Exit(0) => "succeeded".into(),
        End::Exit(code) => format!("ended with status {code}"),
        End::Signal(signal) => format!("was killed by signal {signal}"),
        End::TimedOut => "did not finish in time".into(),
    }
}

/// Why a node gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("could not reach node `{node}`")]
    Engine { node: String, source: EngineError },
    #[error("the agent of node `{node}` gave no answer: {said}")]
    NoAnswer { node: String, said: String },
    #[error("the agent of node `{node}` refused: {why}")]
    Refused { node: String, why: String },
    /// Its guest does not run, and will not come up by itself.
    #[error("node `{node}` is down: {why}")]
    Down { node: String, why: String },
    #[error("the agent of node `{node}` answered in an unknown form")]
    Garbled { node: String, source: serde_json::Error },
}

impl NextStep for NodeError {
    fn next_step(&self) -> String {
        match self {
            Self::Engine { .. } | Self::NoAnswer { .. } => {
                "run `crashcart resume`; when that does not help, `crashcart reset`".into()
            }
            Self::Down { node, .. } => format!(
                "see `crashcart console {node}`; `crashcart hands power-cycle {node}` switches it off and on"
            ),
            Self::Refused { .. } | Self::Garbled { .. } => {
                "start the node anew with `crashcart resume`, or the attempt with `crashcart reset`".into()
            }
        }
    }
}
