//! The nodes of an attempt that exists: found by their labels, started again,
//! restarted, frozen.

use std::collections::BTreeMap;

use crashcart_facts::PROTOCOL;
use crashcart_hardware::fault::Deed;
use futures_util::future::join_all;

use super::Site;
use crate::advice::NextStep;
use crate::engine::{Condition, ContainerId, EngineError, FoundKind, LABEL_NODE, LABEL_PROTOCOL};
use crate::lab::{Lab, NodeName};
use crate::node::{NodeError, NodeLink};
use crate::store::AttemptId;

/// Links to all nodes of an attempt.
pub type Nodes = BTreeMap<NodeName, NodeLink>;

/// What had to be done so that all nodes run.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BringUp {
    /// Nodes that had stopped and were started, with all their processes new.
    pub started: Vec<NodeName>,
    /// Nodes that were frozen and go on where they were.
    pub thawed: Vec<NodeName>,
}

/// Why the nodes of an attempt do not run.
#[derive(Debug, thiserror::Error)]
pub enum BringUpError {
    #[error("node `{node}` of attempt `{attempt}` is no longer in the engine")]
    Missing { attempt: AttemptId, node: NodeName },
    #[error(
        "attempt `{attempt}` has nodes of another crashcart, which this one does not understand (protocol {found})"
    )]
    OtherProtocol { attempt: AttemptId, found: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl NextStep for BringUpError {
    fn next_step(&self) -> String {
        match self {
            Self::OtherProtocol { .. } => {
                "finish it with that version, or begin anew with `crashcart reset`; what was graded is kept"
                    .into()
            }
            Self::Missing { .. } => "begin anew with `crashcart reset`; what was graded is kept".into(),
            Self::Engine(error) => error.next_step(),
            Self::Node(error) => error.next_step(),
        }
    }
}

/// The nodes of an attempt and what each is doing. An agent stays what it was when the node was made, whatever
/// crashcart becomes meanwhile: one of another protocol is told here, before anything is asked of it.
pub async fn find_nodes(
    site: &Site,
    attempt: &AttemptId,
    lab: &Lab,
) -> Result<BTreeMap<NodeName, (NodeLink, Condition)>, BringUpError> {
    let found = site.engine.list(&site.labels(attempt)).await?;
    let mut nodes = BTreeMap::new();
    for thing in found {
        let FoundKind::Container(condition) = thing.kind else { continue };
        let Some(name) = thing.labels.get(LABEL_NODE).and_then(|name| name.parse::<NodeName>().ok()) else {
            continue;
        };
        if let Some(found) = thing.labels.get(LABEL_PROTOCOL).filter(|found| **found != PROTOCOL.to_string())
        {
            return Err(BringUpError::OtherProtocol { attempt: attempt.clone(), found: found.clone() });
        }
        let link =
            NodeLink::new(site.engine.clone(), name.as_str(), ContainerId(thing.id)).labelled(&thing.labels);
        nodes.insert(name, (link, condition));
    }
    for plan in &lab.nodes {
        if !nodes.contains_key(&plan.name) {
            return Err(BringUpError::Missing { attempt: attempt.clone(), node: plan.name.clone() });
        }
    }
    Ok(nodes)
}

/// Makes sure that all nodes of an attempt run and answer.
pub async fn bring_up(site: &Site, attempt: &AttemptId, lab: &Lab) -> Result<(Nodes, BringUp), BringUpError> {
    let nodes = find_nodes(site, attempt, lab).await?;
    let mut done = BringUp::default();
    for (name, (link, condition)) in &nodes {
        match condition {
            Condition::Running => {}
            Condition::Paused => {
                site.engine.unpause(&link.container).await?;
                done.thawed.push(name.clone());
            }
            Condition::Created | Condition::Exited => {
                site.engine.start(&link.container).await?;
                done.started.push(name.clone());
            }
        }
    }
    let nodes: Nodes = nodes.into_iter().map(|(name, (link, _))| (name, link)).collect();
    if !done.started.is_empty() {
        settle(&nodes).await?;
    }
    Ok((nodes, done))
}

/// Waits until every node has started its services.
async fn settle(nodes: &Nodes) -> Result<(), NodeError> {
    for hello in join_all(nodes.values().map(|link| link.hello(link.settle_ms()))).await {
        hello?;
    }
    Ok(())
}

/// Sends a technician to a node: it is switched off, and on again when the deed is done. Waits until its
/// services have been started.
pub async fn hands(site: &Site, link: &NodeLink, deed: Deed) -> Result<(), BringUpError> {
    if deed != Deed::PowerCycle {
        // What a killed crashcart leaves here is a deed that can be done again.
        link.serve(deed).await?;
    }
    site.engine.restart(&link.container, link.grace_s()).await?;
    link.hello(link.settle_ms()).await?;
    Ok(())
}

/// Restarts every node: all processes anew, the same disk. A node that does not come up is no error
/// here: its facts will be unknown, and the report says so. A guest whose QEMU ended by itself meanwhile is started
/// once more, for that is no doing of the learner's.
pub async fn restart_all(site: &Site, nodes: &Nodes) -> Result<(), EngineError> {
    let restarts = nodes.values().map(|link| site.engine.restart(&link.container, link.grace_s()));
    for restarted in join_all(restarts).await {
        restarted?;
    }
    let come_up = nodes.values().map(|link| async {
        let lost = match link.hello(link.settle_ms()).await {
            Err(NodeError::Engine { source, .. }) => !matches!(source, EngineError::TimedOut { .. }),
            Err(NodeError::NoAnswer { .. }) => true,
            _ => false,
        };
        if lost && link.is_vm && site.engine.start(&link.container).await.is_ok() {
            let _ = link.hello(link.settle_ms()).await;
        }
    });
    join_all(come_up).await;
    Ok(())
}

/// Freezes all nodes where they are.
pub async fn pause(site: &Site, attempt: &AttemptId, lab: &Lab) -> Result<(), BringUpError> {
    for (link, condition) in find_nodes(site, attempt, lab).await?.into_values() {
        if condition == Condition::Running {
            site.engine.pause(&link.container).await?;
        }
    }
    Ok(())
}

/// Lines of a log that are enough for what a node said last.
const LAST_LINES: u32 = 15;

/// What nodes of an attempt that have ended by themselves said last: each with the end of its log.
pub async fn last_words(site: &Site, attempt: &AttemptId) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for thing in site.engine.list(&site.labels(attempt)).await.unwrap_or_default() {
        if matches!(thing.kind, FoundKind::Container(condition) if condition != Condition::Running) {
            let log = site.engine.logs(&ContainerId(thing.id), LAST_LINES).await.unwrap_or_default();
            words.push((thing.name, log));
        }
    }
    words
}
