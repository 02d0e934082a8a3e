//! A lab: a broken machine and its story, parsed from `labs/<name>/`.
//!
//! The noun and what can be said of it without touching a node. Reading the
//! folder is `load`, what a seed makes of a lab is `draw`, its mistakes that
//! are no syntax errors are `lint`. How well its rubric judges is in
//! `graders/` and in `crate::rubric`; proving one against the other is
//! `crate::prove`.

mod catalog;
mod console;
mod draw;
mod load;
pub mod name;
mod new;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use catalog::{Catalog, CatalogError, Origin};
pub use console::{AtConsole, parse as parse_console};
pub use draw::{Draw, another_seed};
pub use load::LabError;
pub use name::*;
pub use new::{NewLabError, new_lab};

use crate::rubric::Skill;
use crate::units::Bytes;
use crashcart_facts::VmShape;
use crashcart_hardware::fault::{Deed, Inherited};
use crashcart_hardware::machine::Machine;
use crashcart_hardware::spec::HardwareSpec;

/// A broken machine and its story.
#[derive(Clone, Debug)]
pub struct Lab {
    pub name: LabName,
    /// Its folder.
    pub folder: PathBuf,
    pub title: String,
    /// The complaint in one sentence.
    pub summary: String,
    pub track: Track,
    /// 1 (first week) to 5.
    pub level: u8,
    /// Minutes that a learner of that level needs.
    pub minutes: u16,
    pub skills: Vec<Skill>,
    pub nodes: Vec<NodePlan>,
    /// Whether its nodes may reach what lies outside their network.
    pub outside: bool,
    pub parameters: BTreeMap<String, Parameter>,
    pub prepare: Vec<Step>,
    pub variants: Vec<Variant>,
    pub solutions: Vec<Solution>,
    pub halves: Vec<Half>,
    pub wrongs: Vec<Wrong>,
    /// SHA-256 over every file of the folder.
    pub digest: String,
}

impl Lab {
    /// The variant of this name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name.as_str() == name)
    }

    /// Whether a node has a kernel of its own.
    pub fn has_guest(&self) -> bool {
        self.nodes.iter().any(|node| node.vm.is_some())
    }

    /// Variants that real accelerators can have: nothing of the hardware itself is broken.
    pub fn variants_for_real(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| variant.hardware.is_empty())
    }

    /// Reads a text of the lab's folder: `brief.md`, `hints.md`, a script.
    pub fn read(&self, file: &str) -> std::io::Result<String> {
        std::fs::read_to_string(self.folder.join(file))
    }
}

/// One node of a lab.
#[derive(Clone, Debug)]
pub struct NodePlan {
    pub name: NodeName,
    /// Folder below `containers/`.
    pub image: String,
    pub memory: Bytes,
    /// Thousandths of a processor.
    pub cpu_milli: u32,
    pub pids: u32,
    pub disk: Bytes,
    /// Size of /dev/shm.
    pub shm: Bytes,
    /// Beside /run and /tmp.
    pub tmpfs: BTreeMap<String, Bytes>,
    /// Its accelerators. Who they are (`identity`) is left to the attempt.
    pub hardware: Option<HardwareSpec>,
    /// Whether it may have this machine's real GPUs in their place.
    pub real_accelerators: bool,
    /// The guest that a vm node runs; none where the node is the container itself.
    pub vm: Option<VmShape>,
}

impl NodePlan {
    /// How many GPUs it has; none where there are none, or none such can be.
    pub fn gpus(&self) -> Option<u32> {
        Some(Machine::new(self.hardware.as_ref()?, None, 0).ok()?.gpus() as u32)
    }
}

/// Where a lab belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Track {
    Driver,
    Kernel,
    Scheduling,
    Containers,
    Storage,
    Monitoring,
    Automation,
    Network,
    Security,
}

impl std::fmt::Display for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = format!("{self:?}").to_lowercase();
        f.pad(&name)
    }
}

/// A value that the seed draws.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// One of these.
    Choose(Vec<String>),
    /// A whole number, both ends included.
    Between(i64, i64),
}

/// One of several root causes behind the same complaint.
#[derive(Clone, Debug)]
pub struct Variant {
    pub name: VariantName,
    /// What really is wrong; told after passing.
    pub cause: String,
    /// What is broken in the hardware; before the scripts.
    pub hardware: Vec<HardwareFault>,
    pub breaks: Vec<Step>,
}

/// A GPU of a node that is broken.
#[derive(Clone, Debug, PartialEq)]
pub struct HardwareFault {
    pub node: NodeName,
    pub inherited: Inherited,
}

/// Something that is done in a node or at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub node: NodeName,
    pub act: Act,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Runs a script: its path below the lab's folder.
    Run(String),
    /// Sends a technician, as `crashcart hands` does.
    Hands(Deed),
    /// Sits at the serial console of a node with a kernel of its own: path of what is done there, below the lab's folder.
    Console(String),
}

/// A repair that earns everything.
#[derive(Clone, Debug)]
pub struct Solution {
    pub name: String,
    pub kind: SolutionKind,
    /// Empty: all.
    pub variants: Vec<VariantName>,
    pub steps: Vec<Step>,
}

/// Which solution is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolutionKind {
    /// The one that `demo` plays and whose steps must all matter.
    Reference,
    /// Another way that must earn the same.
    Alternative,
}

/// A repair that earns part.
#[derive(Clone, Debug)]
pub struct Half {
    pub name: String,
    pub variants: Vec<VariantName>,
    pub steps: Vec<Step>,
    /// Exactly what `grade` must give.
    pub points: u32,
}

/// A tempting wrong fix, or a cheat.
#[derive(Clone, Debug)]
pub struct Wrong {
    pub name: String,
    pub kind: WrongKind,
    pub variants: Vec<VariantName>,
    pub steps: Vec<Step>,
    /// Checks that must fail.
    pub refused_by: Vec<String>,
}

/// What sort of refusal is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongKind {
    Wrong,
    Cheat,
}

/// Whether something that names its variants (none: all) applies to one.
pub fn applies(variants: &[VariantName], variant: &VariantName) -> bool {
    variants.is_empty() || variants.contains(variant)
}
