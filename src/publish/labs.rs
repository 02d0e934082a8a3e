//! What may be said of a lab before anybody has tried it: its ticket, its nodes, its points by skill.
//!
//! Never what gives it away: no variant, cause, hint, solution, check or criterion. A ticket is shown with the names
//! of what each attempt draws anew in the place of what is drawn.

use std::collections::{BTreeMap, BTreeSet};

use crashcart_hardware::profile;
use serde::Serialize;
use tera::{Context, Tera};

use super::TextError;
use crate::lab::{Lab, LabName, NodePlan};
use crate::progress::Offer;
use crate::rubric::{Phase, Points, Role, Rubric, Skill};

/// Points that differ between variants: the least and the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub low: u32,
    pub high: u32,
}

impl Range {
    fn of(points: impl Iterator<Item = Points> + Clone) -> Self {
        let points = points.map(|points| points.0);
        Self { low: points.clone().min().unwrap_or(0), high: points.max().unwrap_or(0) }
    }
}

impl Range {
    /// As short as a table wants it: `15–35`.
    pub fn in_a_cell(self) -> String {
        match self.low == self.high {
            true => self.low.to_string(),
            false => format!("{}–{}", self.low, self.high),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.low == self.high {
            true => write!(f, "{}", self.low),
            false => write!(f, "{} to {}", self.low, self.high),
        }
    }
}

/// A lab with its rubric, where that is at hand: labs are also handed out without what grades them.
pub struct Shown {
    pub lab: Lab,
    pub scoring: Option<Scoring>,
}

/// How a lab is scored, as far as it gives nothing away.
#[derive(Clone, Debug)]
pub struct Scoring {
    /// Points from which it is passed.
    pub pass: u32,
    pub skills: BTreeMap<Skill, Range>,
    /// Points that are only given after a restart.
    pub after_restart: Range,
}

impl Scoring {
    pub fn of(lab: &Lab, rubric: &Rubric) -> Self {
        let available: Vec<BTreeMap<Skill, Points>> =
            lab.variants.iter().map(|variant| rubric.available(&variant.name)).collect();
        let known: BTreeSet<Skill> = available.iter().flat_map(|points| points.keys().copied()).collect();
        let skills = known.into_iter().map(|skill| {
            let points = available.iter().map(move |points| points.get(&skill).copied().unwrap_or_default());
            (skill, Range::of(points))
        });
        let late = lab.variants.iter().map(|variant| {
            let criteria = rubric.criteria_of(&variant.name);
            criteria.filter(|it| it.phase == Phase::AfterRestart).map(|it| it.points).sum()
        });
        Self { pass: rubric.pass.0, skills: skills.collect(), after_restart: Range::of(late) }
    }
}

/// A lab as templates see it.
#[derive(Debug, Serialize)]
pub struct LabView {
    pub name: String,
    pub title: String,
    pub summary: String,
    pub track: String,
    pub level: u8,
    pub level_words: &'static str,
    pub minutes: u16,
    pub kind: &'static str,
    pub nodes: Vec<NodeView>,
    /// How many GPUs there are, on all nodes.
    pub gpus: u32,
    pub real_accelerators: bool,
    pub outside: bool,
    /// That the seed draws a cause: said of every lab that has more than one.
    pub drawn: bool,
    pub pass: Option<u32>,
    pub after_restart: Option<String>,
    pub skills: Vec<SkillView>,
}

/// One node as templates see it.
#[derive(Debug, Serialize)]
pub struct NodeView {
    pub name: String,
    pub kind: &'static str,
    pub processors: String,
    pub memory: String,
    pub disk: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<String>,
}

/// One skill of a lab as templates see it.
#[derive(Debug, Serialize)]
pub struct SkillView {
    pub tag: &'static str,
    pub title: &'static str,
    /// None where the rubric is not at hand.
    pub points: Option<String>,
    /// Of 100; for a bar.
    pub most: u32,
}

impl Shown {
    /// As a path takes it. Where variants differ, their middle counts; without a rubric, the lab's skills share its
    /// points alike.
    pub fn offer(&self) -> Offer {
        let lab = &self.lab;
        let points = match &self.scoring {
            Some(scoring) => {
                let middle =
                    |(skill, range): (&Skill, &Range)| (*skill, (range.low + range.high).div_ceil(2));
                scoring.skills.iter().map(middle).collect()
            }
            None => {
                let each = Points::FULL.0 / (lab.skills.len().max(1) as u32);
                lab.skills.iter().map(|skill| (*skill, each)).collect()
            }
        };
        Offer {
            lab: lab.name.to_string(),
            level: lab.level,
            minutes: lab.minutes,
            causes: lab.variants.len(),
            points,
        }
    }

    pub fn view(&self) -> LabView {
        let lab = &self.lab;
        let vm = lab.nodes.iter().filter(|node| node.vm.is_some()).count();
        let skills: BTreeSet<Skill> = match &self.scoring {
            Some(scoring) => scoring.skills.keys().copied().collect(),
            None => lab.skills.iter().copied().collect(),
        };
        let points =
            |skill: &Skill| self.scoring.as_ref().and_then(|scoring| scoring.skills.get(skill).copied());
        LabView {
            name: lab.name.to_string(),
            title: lab.title.clone(),
            summary: lab.summary.clone(),
            track: lab.track.to_string(),
            level: lab.level,
            level_words: level_words(lab.level),
            minutes: lab.minutes,
            kind: match (vm, lab.nodes.len()) {
                (0, 1) => "one container",
                (0, _) => "containers",
                (1, 1) => "a kernel of its own",
                (vm, all) if vm == all => "kernels of their own",
                _ => "containers and kernels of their own",
            },
            nodes: lab.nodes.iter().map(node_view).collect(),
            gpus: lab.nodes.iter().filter_map(NodePlan::gpus).sum(),
            real_accelerators: lab.nodes.iter().any(|node| node.real_accelerators),
            outside: lab.outside,
            drawn: lab.variants.len() > 1,
            pass: self.scoring.as_ref().map(|scoring| scoring.pass),
            after_restart: self.scoring.as_ref().map(|scoring| scoring.after_restart.to_string()),
            skills: skills
                .iter()
                .map(|skill| SkillView {
                    tag: skill.tag(),
                    title: skill.title(),
                    points: points(skill).map(|range| range.to_string()),
                    most: points(skill).map_or(0, |range| range.high),
                })
                .collect(),
        }
    }
}

/// Who a level is for. Source: the levels of the lab catalogue.
pub fn level_words(level: u8) -> &'static str {
    match level {
        0 | 1 => "first week",
        2 => "on call beside somebody",
        3 => "on call alone",
        4 => "senior",
        _ => "several things at once",
    }
}

fn node_view(node: &NodePlan) -> NodeView {
    let accelerators = node.hardware.as_ref().map(|spec| {
        let gpus = node.gpus().unwrap_or(0);
        let device = profile::profile(&spec.profile).and_then(|profile| profile.device()).ok();
        match device {
            Some(device) => format!("{gpus} × {}, driver {}", device.name, spec.driver),
            None => format!("{gpus} GPUs, driver {}", spec.driver),
        }
    });
    let (processors, memory, disk) = match &node.vm {
        Some(shape) => (
            shape.processors.to_string(),
            crate::units::Bytes(shape.memory_mib << 20),
            crate::units::Bytes(shape.disk_mib << 20),
        ),
        None => (thousandths(node.cpu_milli), node.memory, node.disk),
    };
    NodeView {
        name: node.name.to_string(),
        kind: if node.vm.is_some() { "kernel of its own" } else { "container" },
        processors,
        memory: memory.to_string(),
        disk: disk.to_string(),
        accelerators,
    }
}

/// `1.5` of 1500.
fn thousandths(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The ticket, with `‹name›` for what each attempt draws anew.
pub fn ticket(lab: &Lab) -> Result<String, TextError> {
    let file = format!("{}/brief.md", lab.name);
    let template =
        lab.read("brief.md").map_err(|source| TextError::Unreadable { file: file.clone(), source })?;
    let mut context = Context::new();
    context.insert("lab", lab.name.as_str());
    context.insert("seed_word", "‹word›");
    for name in lab.parameters.keys() {
        context.insert(name.replace('-', "_"), &format!("‹{name}›"));
    }
    Tera::one_off(&template, &context, false).map_err(|source| TextError::Template { file, source })
}

/// What a lab gives in a role: the weight of each of its skills there.
#[derive(Debug, Serialize)]
pub struct RoleOfLab {
    pub name: String,
    pub title: String,
    /// `container orchestration (24 %)`, the heaviest first.
    pub skills: Vec<String>,
    /// Percent of the role's weight that this lab touches.
    pub weight: u32,
}

/// The roles that a lab counts for, the one that it counts most for first.
pub fn roles_of(shown: &Shown, roles: &[Role]) -> Vec<RoleOfLab> {
    let skills: Vec<Skill> = match &shown.scoring {
        Some(scoring) => scoring.skills.keys().copied().collect(),
        None => shown.lab.skills.clone(),
    };
    let mut found: Vec<RoleOfLab> = roles
        .iter()
        .filter_map(|role| {
            let mut weights: Vec<(u32, Skill)> =
                skills.iter().filter_map(|skill| Some((*role.weights.get(skill)?, *skill))).collect();
            weights.sort_by_key(|(weight, skill)| (std::cmp::Reverse(*weight), *skill));
            let weight = weights.iter().map(|(weight, _)| weight).sum();
            let skills =
                weights.iter().map(|(weight, skill)| format!("{} ({weight} %)", skill.title())).collect();
            (weight > 0).then(|| RoleOfLab {
                name: role.id.to_string(),
                title: role.title.clone(),
                skills,
                weight,
            })
        })
        .collect();
    found.sort_by(|one, other| other.weight.cmp(&one.weight).then_with(|| one.title.cmp(&other.title)));
    found
}

/// What labs give of a skill: each lab's name and points.
pub fn points_of(shown: &[Shown], skill: Skill) -> Vec<(&LabName, Range)> {
    let points = |shown: &Shown| shown.scoring.as_ref()?.skills.get(&skill).copied();
    shown.iter().filter_map(|it| Some((&it.lab.name, points(it)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_one_number_where_every_variant_agrees() {
        assert_eq!(Range { low: 20, high: 20 }.to_string(), "20");
        assert_eq!(Range { low: 15, high: 35 }.to_string(), "15 to 35");
        assert_eq!(thousandths(1500), "1.5");
        assert_eq!(thousandths(2000), "2");
        assert_eq!(thousandths(250), "0.25");
    }
}
