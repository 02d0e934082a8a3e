//! The facts read from the nodes of an attempt, as stored: which questions were put, when, and what came back.
//!
//! Evidence can be judged at any later time, so it carries all that judging needs beside the rubric:
//! parameters, nonces, planted tokens. It knows no points and no expectation.

mod changes;
mod inventories;
mod place;
mod text;
mod things;

use std::collections::BTreeMap;

pub use changes::*;
use crashcart_facts::{Fact, Question, Reading};
pub use inventories::*;
pub use place::{Place, place};
use serde::{Deserialize, Serialize};
pub use text::*;
pub use things::Thing;

use crate::{
    advice::NextStep,
    lab::{LabName, NodeName, VariantName},
    rubric::{CheckId, Values},
};

/// The format of stored evidence that this version writes and reads.
pub const FORMAT: u32 = 1;

/// One collection: all questions of a rubric, put once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The attempt that it was read for.
    pub attempt: String,
    /// The lab.
    pub lab: LabName,
    /// The root cause that was drawn.
    pub variant: VariantName,
    /// Eight hex digits of randomness, the same for the whole attempt.
    pub seed_word: String,
    /// When in the attempt it was read.
    pub phase: Taken,
    /// When it was read, milliseconds since the epoch.
    pub taken_at_ms: u64,
    /// The lab's parameters, as drawn.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// A secret per check or probe that wants one, fresh for this collection.
    #[serde(default)]
    pub nonces: BTreeMap<CheckId, String>,
    /// What was planted for a nonce job, on which node.
    #[serde(default)]
    pub tokens: BTreeMap<CheckId, BTreeMap<NodeName, String>>,
    /// The answers.
    #[serde(default)]
    pub observations: Vec<Observation>,
    /// Nodes that could not be asked at all, and why.
    #[serde(default)]
    pub absent_nodes: BTreeMap<NodeName, String>,
    /// Nodes whose own machine did not run, and why: known from outside, and so a finding.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub down_nodes: BTreeMap<NodeName, String>,
}

/// When in an attempt evidence was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// Right after the fault went in, before the learner.
    Baseline,
    /// While the nodes run as the learner left them.
    Live,
    /// After all processes were started anew on the same disks.
    AfterRestart,
}

/// One question to one node, and the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Observation {
    /// The check or probe that asked.
    pub of: CheckId,
    /// Who was asked.
    pub node: NodeName,
    /// The question as really put, everything filled in.
    pub question: Question,
    /// The answer.
    pub reading: Reading,
    /// The answer a little later, where the check wants two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Reading>,
    /// Time that the question took, in milliseconds.
    pub took_ms: u32,
}

impl Observation {
    /// The fact, or why there is none.
    pub fn fact(&self) -> Result<&Fact, &str> {
        known(&self.reading)
    }
}

/// The fact of a reading, or why there is none.
pub(crate) fn known(reading: &Reading) -> Result<&Fact, &str> {
    match reading {
        Reading::Known(fact) => Ok(fact),
        Reading::Unreadable { why } => Err(why),
    }
}

/// What was read before and after: all that a rubric is judged on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Evidences {
    /// Read right after the fault went in.
    pub baseline: Evidence,
    /// Read as the learner left the nodes.
    pub live: Evidence,
    /// Read after the restart, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_restart: Option<Evidence>,
    /// What the learner changed, beside the task or for it. None where it was not looked at: before a grading, and in
    /// attempts of a version that knew no inventories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// Stored evidence could not be used.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A later version wrote it.
    #[error("this evidence has format {found}, and this crashcart reads format {FORMAT}")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// It is no evidence.
    #[error("this is no stored evidence")]
    Malformed {
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl NextStep for EvidenceError {
    fn next_step(&self) -> String {
        match self {
            Self::Newer { .. } => "update crashcart; nothing was changed".into(),
            Self::Malformed { .. } => "collect it again with `crashcart check`; nothing was changed".into(),
        }
    }
}

impl Evidence {
    /// The answer of one node to one check or probe. The latest, where it was put more than once.
    pub fn observation(&self, of: &CheckId, node: &NodeName) -> Option<&Observation> {
        self.observations.iter().rfind(|seen| &seen.of == of && &seen.node == node)
    }

    /// The answer to a probe, whichever node it asks.
    pub fn probe(&self, of: &CheckId) -> Option<&Observation> {
        self.observations.iter().rfind(|seen| &seen.of == of)
    }

    /// Keeps an answer; one that the same node gave to the same check before gives way.
    pub fn record(&mut self, observation: Observation) {
        let same = |seen: &Observation| seen.of == observation.of && seen.node == observation.node;
        match self.observations.iter_mut().find(|seen| same(seen)) {
            Some(seen) => *seen = observation,
            None => self.observations.push(observation),
        }
    }

    /// What the placeholders of a check or probe stand for here.
    pub fn values<'a>(&'a self, of: &'a CheckId, node: &'a NodeName) -> Values<'a> {
        Values { of, node, parameters: &self.parameters, nonces: &self.nonces, seed_word: &self.seed_word }
    }

    /// As stored: JSON, the same text for the same evidence.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("evidence serialises: its maps have text keys")
    }

    /// Reads what [`Evidence::to_json`] wrote, in this version or an earlier one.
    pub fn from_json(text: &str) -> Result<Self, EvidenceError> {
        /// The one field that every format shares.
        #[derive(Deserialize)]
        struct Versioned {
            format: u64,
        }
        let malformed = |source| EvidenceError::Malformed { source };
        // The number first: a later format may differ in anything else.
        let Versioned { format } = serde_json::from_str(text).map_err(malformed)?;
        if format > u64::from(FORMAT) {
            return Err(EvidenceError::Newer { found: format });
        }
        serde_json::from_str(text).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use crashcart_facts::{CommandFact, KernelParameterFact};

    use super::*;

    fn sample() -> Evidence {
        let check: CheckId = "panic-timeout".parse().expect("a name");
        let node: NodeName = "gpu1".parse().expect("a name");
        Evidence {
            format: FORMAT,
            attempt: "a1".into(),
            lab: "some-lab".parse().expect("a name"),
            variant: "one".parse().expect("a name"),
            seed_word: "c0ffee00".into(),
            phase: Taken::AfterRestart,
            taken_at_ms: 1_700_000_000_000,
            parameters: BTreeMap::from([("workers".into(), "8".into())]),
            nonces: BTreeMap::from([(check.clone(), "aa".into())]),
            tokens: BTreeMap::from([(check.clone(), BTreeMap::from([(node.clone(), "bb".into())]))]),
            observations: vec![Observation {
                of: check,
                node: node.clone(),
                question: Question::KernelParameter { name: "kernel.panic".into() },
                reading: Reading::Known(Fact::KernelParameter(KernelParameterFact {
                    exists: true,
                    value: Some("10".into()),
                })),
                again: Some(Reading::Unreadable { why: "time ran out".into() }),
                took_ms: 3,
            }],
            absent_nodes: BTreeMap::from([(node, "it is not running".into())]),
            down_nodes: BTreeMap::new(),
        }
    }

    #[test]
    fn evidence_comes_back_as_it_was_stored() {
        let evidence = sample();
        let stored = evidence.to_json();
        assert_eq!(Evidence::from_json(&stored).expect("our own text"), evidence);
        assert_eq!(Evidence::from_json(&stored).expect("our own text").to_json(), stored);
    }

    #[test]
    fn evidence_of_a_later_format_is_refused_by_its_number_alone() {
        let error =
            Evidence::from_json(r#"{"format": 2, "shape": "unheard of"}"#).expect_err("format 2 is newer");
        assert_eq!(error.to_string(), "this evidence has format 2, and this crashcart reads format 1");
        assert_eq!(error.next_step(), "update crashcart; nothing was changed");
        assert!(matches!(Evidence::from_json("not json"), Err(EvidenceError::Malformed { .. })));
    }

    #[test]
    fn a_later_answer_takes_the_place_of_an_earlier_one() {
        let mut evidence = sample();
        let mut later = evidence.observations[0].clone();
        later.reading = Reading::Known(Fact::Command(CommandFact::default()));
        evidence.record(later.clone());
        assert_eq!(evidence.observations, vec![later]);
    }
}
