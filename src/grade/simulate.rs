//! What a role says of candidates that nobody has to be: one who did nothing, one who did everything, one whose
//! repairs end with the next restart, one who lacks a skill, one who breaks what a gate guards. A role whose verdict on one
//! of them is not the declared one measures something else than it says.
//!
//! Pure, and needs no node: checks are given their verdicts, and everything from there on is the real grading. Skills
//! that no lab covers are left out, and said to be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Beside, CheckReport, CheckVerdict, Damage, Report, RoleVerdict, Scorecard, report, scorecard};
use crate::lab::{LabName, VariantName};
use crate::rubric::{CheckId, Criterion, Gate, GuardId, Phase, Role, Rubric, Severity, Skill};

/// Somebody who takes every lab of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Touched nothing.
    Broken,
    /// Mended everything.
    Reference,
    /// Mended everything, and nothing of it survives a restart.
    RuntimeOnly,
    /// Mended everything but what shows this skill.
    Without(Skill),
    /// Mended everything, and broke what this gate guards.
    Gate(GuardId),
}

impl Profile {
    /// Those whom a role must be able to tell apart: its core skills and its gates make some of them.
    pub fn of(role: &Role) -> Vec<Self> {
        let mut all = vec![Self::Broken, Self::Reference, Self::RuntimeOnly];
        all.extend(role.core.iter().map(|skill| Self::Without(*skill)));
        all.extend(role.gates.iter().map(|gate| Self::Gate(gate.id.clone())));
        all
    }

    /// What the role must say of them.
    pub fn declared(&self) -> RoleVerdict {
        match self {
            Self::Reference => RoleVerdict::Pass,
            _ => RoleVerdict::Fail,
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken => f.write_str("broken"),
            Self::Reference => f.write_str("reference"),
            Self::RuntimeOnly => f.write_str("runtime-only"),
            Self::Without(skill) => write!(f, "without-{}", skill.tag().to_lowercase()),
            Self::Gate(gate) => write!(f, "gate-{gate}"),
        }
    }
}

/// What came of one profile.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Played {
    /// Who.
    pub profile: Profile,
    /// What the role must say.
    pub declared: RoleVerdict,
    /// What it says.
    pub card: Scorecard,
    /// Why nothing can be said, where no lab covers what the profile is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
}

impl Played {
    /// Whether the role says what was declared, or the profile could not be played.
    pub fn holds(&self) -> bool {
        self.idle.is_some() || self.card.verdict == self.declared
    }
}

/// Plays every profile of a role over these labs, each with its first variant.
pub fn simulate(role: &Role, labs: &[(&Rubric, &VariantName)]) -> Vec<Played> {
    let covered = |skill: &Skill| {
        labs.iter().any(|(rubric, variant)| rubric.criteria_of(variant).any(|it| it.skill == *skill))
    };
    let mut role = role.clone();
    role.weights.retain(|skill, _| covered(skill));
    Profile::of(&role)
        .into_iter()
        .map(|profile| {
            let idle = match &profile {
                Profile::Without(skill) if !covered(skill) => Some(format!("no lab covers {skill}")),
                Profile::Gate(id) => role
                    .gates
                    .iter()
                    .find(|gate| gate.id == *id)
                    .filter(|gate| {
                        let plays = |rubric: &Rubric| {
                            guarded(gate, rubric).next().is_some() || !done(gate, rubric).is_empty()
                        };
                        !labs.iter().any(|(rubric, _)| plays(rubric))
                    })
                    .map(|_| "no lab has such a guard".to_owned()),
                _ => None,
            };
            let reports: Vec<Report> =
                labs.iter().map(|(rubric, variant)| played(rubric, variant, &profile, &role)).collect();
            let card = scorecard(&role, &reports.iter().collect::<Vec<_>>());
            Played { declared: profile.declared(), profile, card, idle }
        })
        .collect()
}

/// The checks of a rubric's guards that close a gate, with the phase in which they do.
fn guarded<'a>(gate: &'a Gate, rubric: &'a Rubric) -> impl Iterator<Item = (&'a CheckId, Phase)> {
    let named = |id: &GuardId, lab: &LabName| {
        gate.guards.iter().any(|of| of.guard == *id && of.lab.as_ref().is_none_or(|known| known == lab))
    };
    rubric
        .guards
        .iter()
        .filter(move |guard| named(&guard.id, &rubric.lab))
        .filter_map(|guard| guard.checks.first().map(|check| (check, guard.phase)))
}

/// The damage that closes a gate: its own, or that of a guard which nothing else breaks.
fn done(gate: &Gate, rubric: &Rubric) -> Vec<Damage> {
    let names = |id: &GuardId| {
        gate.guards
            .iter()
            .any(|of| of.guard == *id && of.lab.as_ref().is_none_or(|known| *known == rubric.lab))
    };
    let of_guards = rubric
        .guards
        .iter()
        .filter(|guard| guard.checks.is_empty() && names(&guard.id))
        .filter_map(|guard| guard.damage.first());
    let kinds = gate.damage.first().into_iter().chain(of_guards);
    kinds
        .map(|kind| Damage {
            kind: kind.clone(),
            severity: Severity::Grave,
            node: "simulated".parse().expect("a name"),
            what: "simulated".into(),
            how: String::new(),
            says: String::new(),
        })
        .collect()
}

/// What a profile's work on one lab comes to.
fn played(rubric: &Rubric, variant: &VariantName, profile: &Profile, role: &Role) -> Report {
    let criteria: Vec<&Criterion> = rubric.criteria_of(variant).collect();
    let closed: Vec<(&CheckId, Phase)> = match profile {
        Profile::Gate(id) => {
            role.gates.iter().filter(|gate| gate.id == *id).flat_map(|gate| guarded(gate, rubric)).collect()
        }
        _ => Vec::new(),
    };
    // Each check in each phase in which somebody uses it: whether it passes.
    let mut passes: BTreeMap<(&CheckId, Phase), bool> = BTreeMap::new();
    for guard in &rubric.guards {
        for check in &guard.checks {
            passes.insert((check, guard.phase), !closed.contains(&(check, guard.phase)));
        }
    }
    for criterion in &criteria {
        let mended = match profile {
            Profile::Broken => false,
            Profile::Reference | Profile::Gate(_) => true,
            Profile::RuntimeOnly => criterion.phase == Phase::Live,
            Profile::Without(skill) => criterion.skill != *skill,
        };
        for check in criterion.credit.checks() {
            // A check that shows two skills is not passed by somebody who lacks one of them.
            *passes.entry((check, criterion.phase)).or_insert(true) &= mended;
        }
    }
    let checks = passes.into_iter().map(|((id, phase), passes)| CheckReport {
        id: id.clone(),
        nodes: Vec::new(),
        phase,
        provisional: false,
        verdict: match passes {
            true => CheckVerdict::Pass { found: "simulated".into() },
            false => CheckVerdict::Fail { found: "simulated".into(), wanted: "the other".into() },
        },
        wanted: String::new(),
        why: String::new(),
        took_ms: 0,
    });
    let closed = role.gates.iter().filter(|gate| *profile == Profile::Gate(gate.id.clone()));
    let damage = closed.flat_map(|gate| done(gate, rubric)).collect();
    let beside = Beside { damage, ..Beside::default() };
    report(rubric, variant, "simulated", checks.collect(), Some(beside), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = r#"
format = 1
lab = "some-lab"
pass = 70

[[check]]
id = "runs"
node = "gpu1"
ask.service = { unit = "trainer.service" }
expect.active = "active"
why = "It must run."

[[check]]
id = "bystander-runs"
node = "gpu1"
ask.service = { unit = "other.service" }
expect.active = "active"
why = "It is not yours."

[[criterion]]
id = "now"
points = 60
skill = "TRB"
phase = "live"
checks = ["runs"]

[[criterion]]
id = "later"
points = 40
skill = "AUT"
phase = "after-restart"
checks = ["runs"]

[[guard]]
id = "bystander"
phase = "live"
checks = ["bystander-runs"]
effect = { cap = 90 }
why = "It is not yours."
"#;

    const ROLE: &str = r#"
format = 1
id = "operator"
title = "Operator"
pass = 70
core-floor = 50
floor = 30
core = ["TRB"]

[weights]
TRB = 70
AUT = 20
MON = 10

[[gate]]
id = "bystanders"
guards = ["*/bystander"]
effect = { fail = true }
why = "Somebody else's job was stopped."
"#;

    fn verdicts(role: &str) -> Vec<String> {
        let rubric = Rubric::parse("some-lab.toml", LAB).unwrap_or_else(|error| panic!("{error}"));
        let role = Role::parse("operator.toml", role).unwrap_or_else(|error| panic!("{error}"));
        let variant = "one".parse().expect("a name");
        let told =
            |played: Played| format!("{} {:?} {}", played.profile, played.card.verdict, played.holds());
        simulate(&role, &[(&rubric, &variant)]).into_iter().map(told).collect()
    }

    #[test]
    fn a_role_tells_its_profiles_apart() {
        let expected = [
            "broken Fail true",
            "reference Pass true",
            // 70 of the 90 percent that are covered: the lower half of the rubric suffices, which is a mistake.
            "runtime-only Pass false",
            "without-trb Fail true",
            "gate-bystanders Fail true",
        ];
        // AUT's floor of 30 percent fails whoever has nothing of it, unless it is waived for too few points.
        let strict = verdicts(ROLE);
        assert_eq!(strict[2], "runtime-only Fail true");
        let lax = verdicts(&ROLE.replace("AUT = 20\nMON = 10", "MON = 30"));
        assert_eq!(lax, expected);
    }

    #[test]
    fn what_no_lab_covers_is_left_out_and_said() {
        let role = ROLE.replace("core = [\"TRB\"]", "core = [\"TRB\", \"MON\"]");
        let rubric = Rubric::parse("some-lab.toml", LAB).unwrap();
        let role = Role::parse("operator.toml", role).unwrap();
        let played = simulate(&role, &[(&rubric, &"one".parse().unwrap())]);
        let monitoring = played.iter().find(|it| it.profile == Profile::Without(Skill::Monitoring)).unwrap();
        assert_eq!(monitoring.idle.as_deref(), Some("no lab covers MON"));
        assert!(monitoring.holds());
    }
}
