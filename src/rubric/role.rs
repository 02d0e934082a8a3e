//! Roles: skills with weights, floors and a pass mark, parsed from graders/roles/.
//! What the reports of several labs come to in a role is [`crate::grade::scorecard`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{DamageId, GuardId, RoleName, Skill};
use crate::{
    document::{Document, DocumentError, Mistakes, Place},
    lab::LabName,
};

/// What somebody in a role must be able to do.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub id: RoleName,
    /// Its name for people.
    pub title: String,
    /// Least score, in percent.
    pub pass: u32,
    /// Least score of each core skill, in percent.
    pub core_floor: u32,
    /// Least score of each other skill with a weight, in percent.
    pub floor: u32,
    /// Percent of the score; 100 in all.
    pub weights: BTreeMap<Skill, u32>,
    /// The skills that the role stands on.
    pub core: BTreeSet<Skill>,
    /// Guards of labs that matter to the whole role.
    pub gates: Vec<Gate>,
}

/// A guard of one or of all labs that costs more than its lab.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Its name.
    pub id: GuardId,
    /// The guards: of one lab, or of every lab that has one of this name.
    pub guards: Vec<GuardOf>,
    /// Kinds of damage, in whatever lab: each closes it, too.
    pub damage: Vec<DamageId>,
    /// What it costs when one of them is broken, or done.
    pub effect: GateEffect,
    /// Why: shown to the candidate.
    pub why: String,
}

/// `LAB/GUARD` or `*/GUARD`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct GuardOf {
    /// None means every lab.
    pub lab: Option<LabName>,
    /// The guard.
    pub guard: GuardId,
}

impl TryFrom<String> for GuardOf {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (lab, guard) =
            text.split_once('/').ok_or_else(|| format!("`{text}` is no `LAB/GUARD` and no `*/GUARD`"))?;
        let lab = match lab {
            "*" => None,
            name => Some(name.parse().map_err(|error: crate::lab::NotAName| error.to_string())?),
        };
        let guard = guard.parse().map_err(|error: crate::lab::NotAName| error.to_string())?;
        Ok(Self { lab, guard })
    }
}

/// What a closed gate costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateEffect {
    /// The role is failed.
    Fail,
    /// At most so many percent of the score.
    CapTotal(u32),
    /// At most so many percent of one skill.
    CapSkill {
        /// The skill.
        skill: Skill,
        /// Its highest score, in percent.
        at: u32,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawRole {
    id: RoleName,
    title: String,
    pass: u32,
    core_floor: u32,
    floor: u32,
    core: Vec<Skill>,
    weights: BTreeMap<Skill, u32>,
    #[serde(default)]
    gate: Vec<RawGate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawGate {
    id: GuardId,
    #[serde(default)]
    guards: Vec<GuardOf>,
    #[serde(default)]
    damage: Vec<DamageId>,
    effect: RawEffect,
    why: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawEffect {
    #[serde(default)]
    fail: Option<bool>,
    #[serde(default)]
    cap_total: Option<u32>,
    #[serde(default)]
    cap_skill: Option<Skill>,
    #[serde(default)]
    at: Option<u32>,
}

impl Role {
    /// Reads and checks a role file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        Self::parse(path, Document::text_of(path)?)
    }

    /// Parses and checks the text of a role; `path` is what mistakes name.
    pub fn parse(path: impl Into<PathBuf>, text: impl Into<String>) -> Result<Self, DocumentError> {
        let (source, raw) = Document::parse::<RawRole>(path, text)?;
        let mut mistakes = Mistakes::default();
        let root = Place::root();
        let mut wrong = |place: Place, what: String, hint: &str| {
            mistakes.push(source.mistake(&place, what).hint(hint));
        };
        if raw.title.trim().is_empty() {
            wrong(root.then("title"), "this role has no title".into(), "its name for people");
        }
        for (key, percent) in [("pass", raw.pass), ("core-floor", raw.core_floor), ("floor", raw.floor)] {
            if !(1..=100).contains(&percent) {
                wrong(root.then(key), format!("`{key}` lies outside 1 to 100"), "a whole number of percent");
            }
        }
        if raw.floor > raw.core_floor {
            wrong(
                root.then("floor"),
                "other skills have a higher floor than core skills".into(),
                "`core-floor` or less",
            );
        }
        for (skill, weight) in &raw.weights {
            if *weight == 0 {
                wrong(
                    root.then("weights").then(skill.tag()),
                    format!("`{skill}` weighs nothing"),
                    "leave it out",
                );
            }
        }
        let sum: u32 = raw.weights.values().fold(0, |sum, weight| sum.saturating_add(*weight));
        if sum != 100 {
            wrong(
                root.then("weights"),
                format!("the weights sum to {sum}, not to 100"),
                "change them so that they do",
            );
        }
        if raw.core.is_empty() {
            wrong(root.then("core"), "this role has no core skill".into(), "name at least one");
        }
        let mut core = BTreeSet::new();
        for (i, skill) in raw.core.iter().enumerate() {
            if !raw.weights.contains_key(skill) {
                wrong(
                    root.then("core").then(i),
                    format!("the core skill `{skill}` has no weight"),
                    "add it to `[weights]`",
                );
            }
            if !core.insert(*skill) {
                wrong(root.then("core").then(i), format!("`{skill}` stands here twice"), "each skill once");
            }
        }
        let mut gates = Vec::new();
        for (i, gate) in raw.gate.into_iter().enumerate() {
            let place = root.then("gate").then(i);
            if gate.guards.is_empty() && gate.damage.is_empty() {
                let hint = "name at least one guard, or a kind of damage";
                wrong(place.then("guards"), "this list is empty".into(), hint);
            }
            if gates.iter().any(|known: &Gate| known.id == gate.id) {
                wrong(place.then("id"), format!("`{}` is used twice", gate.id), "each name once");
            }
            if gate.why.trim().is_empty() {
                wrong(
                    place.then("why"),
                    "this gate does not say why".into(),
                    "one sentence for the candidate",
                );
            }
            let effect = match gate.effect {
                RawEffect { fail: Some(true), cap_total: None, cap_skill: None, at: None } => {
                    GateEffect::Fail
                }
                RawEffect { fail: None, cap_total: Some(cap), cap_skill: None, at: None } if cap < 100 => {
                    GateEffect::CapTotal(cap)
                }
                RawEffect { fail: None, cap_total: None, cap_skill: Some(skill), at: Some(at) }
                    if at < 100 =>
                {
                    if !raw.weights.contains_key(&skill) {
                        wrong(
                            place.then("effect").then("cap-skill"),
                            format!("`{skill}` has no weight in this role"),
                            "a skill of `[weights]`",
                        );
                    }
                    GateEffect::CapSkill { skill, at }
                }
                _ => {
                    wrong(
                        place.then("effect"),
                        "this effect is not known, or costs nothing".into(),
                        "`{ fail = true }`, `{ cap-total = PERCENT }` or `{ cap-skill = \"KRN\", at = PERCENT }`, below 100",
                    );
                    continue;
                }
            };
            let why = gate.why.trim().to_string();
            gates.push(Gate { id: gate.id, guards: gate.guards, damage: gate.damage, effect, why });
        }
        mistakes.or(Self {
            id: raw.id,
            title: raw.title.trim().to_string(),
            pass: raw.pass,
            core_floor: raw.core_floor,
            floor: raw.floor,
            weights: raw.weights,
            core,
            gates,
        })
    }

    /// The core skill with the greatest weight; the catalogue's order decides between equals.
    pub fn heaviest_core(&self) -> Option<Skill> {
        let weight = |skill: &Skill| self.weights.get(skill).copied().unwrap_or(0);
        self.core.iter().copied().rev().max_by_key(|skill| weight(skill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_role_loads_as_the_catalogue_has_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("graders/roles");
        // Role, pass mark, core floor, floor, core skills. Source: the lab catalogue, section 6.
        let catalogue = [
            ("ai-infrastructure-architect", 75, 60, 40, "KRN NET SEC ARC"),
            ("ai-operations-specialist", 70, 60, 35, "SCH MON TRB"),
            ("data-platform-administrator", 70, 60, 35, "STO TRB SEC"),
            ("devops-ai-engineer", 70, 60, 35, "KRN STO CIC"),
            ("machine-learning-engineer", 68, 55, 35, "KRN SCH CTR"),
            ("mlops-engineer", 70, 60, 35, "DRV CTR AUT"),
        ];
        for (name, pass, core_floor, floor, core) in catalogue {
            let role =
                Role::read(&folder.join(format!("{name}.toml"))).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(role.id.as_str(), name);
            assert_eq!((role.pass, role.core_floor, role.floor), (pass, core_floor, floor), "{name}");
            let tags: Vec<&str> = role.core.iter().map(|skill| skill.tag()).collect();
            assert_eq!(tags.join(" "), core, "{name}");
        }
        let files = folder.read_dir().expect("the roles are there").count();
        assert_eq!(files, catalogue.len(), "every role is in the list above");
    }
}
