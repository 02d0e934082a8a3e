//! Roles in words: what somebody must reach, what each skill weighs, which labs give points in it, and how much of a
//! role the labs cover. What reports come to in a role is [`crate::grade::scorecard`].

use serde::Serialize;

use super::labs::{Shown, points_of};
use crate::grade::{VOIDED_ALLOWED, WAIVER_BELOW};
use crate::rubric::{GateEffect, Role, Skill};

/// A role as templates see it.
#[derive(Debug, Serialize)]
pub struct RoleView {
    pub name: String,
    pub title: String,
    /// `an` before a vowel.
    pub article: &'static str,
    pub pass: u32,
    pub core_floor: u32,
    pub floor: u32,
    /// The core skills, the heaviest first.
    pub core: Vec<String>,
    /// The heaviest first.
    pub skills: Vec<RoleSkill>,
    pub gates: Vec<GateView>,
    /// Percent of the weight of which some lab gives points.
    pub covered: u32,
    /// Skills of which none does.
    pub uncovered: Vec<String>,
    /// Skills of which all labs together give too few for a floor, with those points.
    pub thin: Vec<String>,
    pub labs: usize,
    pub waiver_below: u32,
    pub voided_allowed: usize,
}

/// A skill of a role.
#[derive(Debug, Serialize)]
pub struct RoleSkill {
    pub tag: &'static str,
    pub title: &'static str,
    pub weight: u32,
    pub floor: u32,
    pub core: bool,
    pub labs: Vec<LabPoints>,
    /// The least that all labs give together.
    pub points: u32,
}

/// What a lab gives.
#[derive(Debug, Serialize)]
pub struct LabPoints {
    pub name: String,
    pub points: String,
}

/// A gate in words.
#[derive(Debug, Serialize)]
pub struct GateView {
    pub why: String,
    pub costs: String,
}

/// Everything about a role that a page says.
pub fn view(role: &Role, labs: &[Shown]) -> RoleView {
    let mut skills: Vec<RoleSkill> = role
        .weights
        .iter()
        .map(|(skill, weight)| {
            let given = points_of(labs, *skill);
            let core = role.core.contains(skill);
            RoleSkill {
                tag: skill.tag(),
                title: skill.title(),
                weight: *weight,
                floor: if core { role.core_floor } else { role.floor },
                core,
                points: given.iter().map(|(_, range)| range.low).sum(),
                labs: given
                    .into_iter()
                    .map(|(name, range)| LabPoints { name: name.to_string(), points: range.to_string() })
                    .collect(),
            }
        })
        .collect();
    skills.sort_by_key(|skill| std::cmp::Reverse(skill.weight));
    let covered = skills.iter().filter(|skill| skill.points > 0).map(|skill| skill.weight).sum();
    let mut counted: Vec<&str> =
        skills.iter().flat_map(|skill| skill.labs.iter().map(|lab| lab.name.as_str())).collect();
    counted.sort_unstable();
    counted.dedup();
    RoleView {
        name: role.id.to_string(),
        title: role.title.clone(),
        article: if an(&role.title) { "an" } else { "a" },
        pass: role.pass,
        core_floor: role.core_floor,
        floor: role.floor,
        core: skills.iter().filter(|skill| skill.core).map(|skill| skill.title.to_owned()).collect(),
        gates: role
            .gates
            .iter()
            .map(|gate| GateView {
                why: gate.why.clone(),
                costs: match gate.effect {
                    GateEffect::Fail => "the role is failed".into(),
                    GateEffect::CapTotal(percent) => format!("the score is at most {percent} %"),
                    GateEffect::CapSkill { skill, at } => format!("{} counts at most {at} %", skill.title()),
                },
            })
            .collect(),
        covered,
        uncovered: skills
            .iter()
            .filter(|skill| skill.points == 0)
            .map(|skill| skill.title.to_owned())
            .collect(),
        thin: skills
            .iter()
            .filter(|skill| (1..WAIVER_BELOW.0).contains(&skill.points))
            .map(|skill| format!("{} ({} points)", skill.title, skill.points))
            .collect(),
        labs: counted.len(),
        waiver_below: WAIVER_BELOW.0,
        voided_allowed: VOIDED_ALLOWED,
        skills,
    }
}

/// Whether `an` stands before a title: `an MLOps Engineer`, `a Machine Learning Engineer`.
fn an(title: &str) -> bool {
    let first = title.split_whitespace().next().unwrap_or_default();
    let spelt = first.chars().take(2).all(|c| c.is_ascii_uppercase());
    match first.chars().next() {
        // Letters whose own name begins with a vowel, where the word is spelt out.
        Some(letter) if spelt => "AEFHILMNORSX".contains(letter),
        Some(letter) => "AEIO".contains(letter),
        None => false,
    }
}

/// A skill with what every lab gives of it, for the matrix.
#[derive(Debug, Serialize)]
pub struct SkillRow {
    pub tag: &'static str,
    pub title: &'static str,
    pub labs: usize,
    /// The least that all labs give together.
    pub points: u32,
    /// Roles in which it weighs something: name, title, weight, whether it is core.
    pub roles: Vec<(String, String, u32, bool)>,
}

/// All skills, in the catalogue's order.
pub fn skills(labs: &[Shown], roles: &[Role]) -> Vec<SkillRow> {
    let row = |skill: Skill| {
        let given = points_of(labs, skill);
        let weight = |role: &Role| {
            let weight = *role.weights.get(&skill)?;
            Some((role.id.to_string(), role.title.clone(), weight, role.core.contains(&skill)))
        };
        let mut roles: Vec<_> = roles.iter().filter_map(weight).collect();
        roles.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.1.cmp(&other.1)));
        SkillRow {
            tag: skill.tag(),
            title: skill.title(),
            labs: given.len(),
            points: given.iter().map(|(_, range)| range.low).sum(),
            roles,
        }
    };
    Skill::ALL.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_have_the_right_article() {
        for (title, wanted) in [
            ("MLOps Engineer", true),
            ("AI Operations Specialist", true),
            ("Machine Learning Engineer", false),
            ("Data Platform Administrator", false),
            ("DevOps/AI Engineer", false),
            ("Operator", true),
        ] {
            assert_eq!(an(title), wanted, "{title}");
        }
    }
}
