//! What hardware a node has, as `lab.toml` says it and as PID 1 is told.

use serde::{Deserialize, Serialize};

/// The accelerators of a node: `hardware = { profile = "hgx-h100", driver = "570.158.01" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HardwareSpec {
    /// Name of a node profile: `hgx-h100`, `pcie-pair-l40s`, `single-t4`.
    pub profile: String,
    /// Version of the driver's kernel side; its branch is the part before the first dot.
    #[serde(default = "default_driver")]
    pub driver: String,
    /// Only so many of the profile's GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Identity: UUIDs, serial numbers and the like are drawn from it.
    #[serde(default)]
    pub identity: String,
    /// MIG mode and layout that it comes up with, per GPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mig: Vec<MigLayout>,
}

/// Where nothing else is said.
pub fn default_driver() -> String {
    "580.105.08".into()
}

/// How one GPU is cut: `{ gpu = 0, profiles = ["3g.40gb", "2g.20gb"] }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigLayout {
    pub gpu: u32,
    pub profiles: Vec<String>,
}

/// Why a specification cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error("there is no node profile `{asked}`")]
    NoSuchProfile { asked: String, nearest: Option<String> },
    #[error("there is no device `{asked}`")]
    NoSuchDevice { asked: String, nearest: Option<String> },
    #[error("profile `{profile}` has {has} GPUs, not {asked}")]
    TooManyGpus { profile: String, has: u32, asked: u32 },
    #[error("there is no driver `{asked}`; known branches are 550, 570 and 580")]
    NoSuchDriver { asked: String },
    #[error("{what}")]
    Impossible { what: String },
}
