//! What stood on the nodes of an attempt at one moment, as stored.

use std::collections::BTreeMap;

use crashcart_facts::Inventory;
use serde::{Deserialize, Serialize};

use super::Taken;
use crate::lab::NodeName;

/// The inventories of all nodes, taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inventories {
    /// [`super::FORMAT`] of the version that wrote it.
    pub format: u32,
    /// When in the attempt they were taken.
    pub phase: Taken,
    pub nodes: BTreeMap<NodeName, Stock>,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stock {
    Known(Box<Inventory>),
    /// It could not be told. `why` is one lower-case phrase.
    Unknown {
        why: String,
    },
}

impl Inventories {
    /// Nothing taken yet.
    pub fn nothing_yet(phase: Taken) -> Self {
        Self { format: super::FORMAT, phase, nodes: BTreeMap::new() }
    }
}
