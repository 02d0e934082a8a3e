//! Names and small numbers of rubrics and roles: parsed once, then trusted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::lab::kebab_name;

kebab_name! {
    /// Name of a check or a probe. Both share one name space: `{{nonce.ID}}` may mean either.
    CheckId, "check"
}
kebab_name! {
    /// Name of a criterion within its rubric.
    CriterionId, "criterion"
}
kebab_name! {
    /// Name of a guard within its rubric.
    GuardId, "guard"
}
kebab_name! {
    /// Name of a file under `graders/roles/`.
    RoleName, "role"
}

/// Whole points of a lab; 100 in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub u32);

impl Points {
    /// All points of a lab.
    pub const FULL: Self = Self(100);

    /// The difference, never below zero.
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Add for Points {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for Points {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0), |sum, one| sum + one)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a criterion shows that somebody can do. Source: the lab catalogue's twelve tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Skill {
    /// GPU driver maintenance.
    #[serde(rename = "DRV")]
    Driver,
    /// Kernel tuning.
    #[serde(rename = "KRN")]
    Kernel,
    /// Process and job scheduling.
    #[serde(rename = "SCH")]
    Scheduling,
    /// Container orchestration.
    #[serde(rename = "CTR")]
    Containers,
    /// Distributed storage configuration.
    #[serde(rename = "STO")]
    Storage,
    /// Resource monitoring.
    #[serde(rename = "MON")]
    Monitoring,
    /// System-level troubleshooting.
    #[serde(rename = "TRB")]
    Troubleshooting,
    /// Automation scripting.
    #[serde(rename = "AUT")]
    Automation,
    /// CI/CD.
    #[serde(rename = "CIC")]
    Integration,
    /// Network and fabric.
    #[serde(rename = "NET")]
    Network,
    /// Security and multi-tenancy.
    #[serde(rename = "SEC")]
    Security,
    /// Accelerator architecture and placement: NUMA, bus, topology.
    #[serde(rename = "ARC")]
    Architecture,
}

impl Skill {
    /// All of them, in the catalogue's order.
    pub const ALL: [Self; 12] = [
        Self::Driver,
        Self::Kernel,
        Self::Scheduling,
        Self::Containers,
        Self::Storage,
        Self::Monitoring,
        Self::Troubleshooting,
        Self::Automation,
        Self::Integration,
        Self::Network,
        Self::Security,
        Self::Architecture,
    ];

    /// The tag in data files: `KRN`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Driver => "DRV",
            Self::Kernel => "KRN",
            Self::Scheduling => "SCH",
            Self::Containers => "CTR",
            Self::Storage => "STO",
            Self::Monitoring => "MON",
            Self::Troubleshooting => "TRB",
            Self::Automation => "AUT",
            Self::Integration => "CIC",
            Self::Network => "NET",
            Self::Security => "SEC",
            Self::Architecture => "ARC",
        }
    }

    /// The full name: `kernel tuning`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Driver => "GPU driver maintenance",
            Self::Kernel => "kernel tuning",
            Self::Scheduling => "process and job scheduling",
            Self::Containers => "container orchestration",
            Self::Storage => "distributed storage configuration",
            Self::Monitoring => "resource monitoring",
            Self::Troubleshooting => "system-level troubleshooting",
            Self::Automation => "automation scripting",
            Self::Integration => "CI/CD",
            Self::Network => "network and fabric",
            Self::Security => "security and multi-tenancy",
            Self::Architecture => "accelerator architecture and placement",
        }
    }
}

impl fmt::Display for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.tag())
    }
}

/// When a criterion or guard is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// As the learner left the nodes.
    #[default]
    Live,
    /// After all processes were started anew on the same disks.
    AfterRestart,
}
