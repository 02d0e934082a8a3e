//! What the reports of several labs come to in a role.
//!
//! The score of a skill is points earned by points available; a role's score is their weighted mean over the
//! skills that the labs cover. A floor that rests on fewer than 20 points is waived, and its weight moves to
//! the heaviest core skill. All sums are exact; only the printed score is rounded down.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{GuardState, Report, Verdict};
use crate::{
    lab::LabName,
    rubric::{Effect, Gate, GateEffect, GuardId, Points, Role, RoleName, Skill},
};

/// Fewer points of a skill than this say too little to hold somebody to a floor.
pub const WAIVER_BELOW: Points = Points(20);
/// Labs that may be failed by a guard before the role is failed.
pub const VOIDED_ALLOWED: usize = 1;
/// The whole, in basis points.
const WHOLE: u32 = 10_000;

/// What the reports of several labs come to, in one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scorecard {
    /// The role.
    pub role: RoleName,
    /// The role's name for people.
    pub title: String,
    /// The whole.
    pub verdict: RoleVerdict,
    /// Weighted mean of the covered skills, in basis points, rounded down; none while nothing is covered.
    pub score_bp: Option<u32>,
    /// The pass mark, in basis points.
    pub pass_bp: u32,
    /// Percent of the role's weight that the labs cover.
    pub weight_covered: u32,
    /// Every skill with a weight, in the catalogue's order.
    pub skills: Vec<SkillScore>,
    /// Skills of the role that no lab covers.
    pub uncovered: Vec<Skill>,
    /// Gates that are closed.
    pub gates: Vec<ClosedGate>,
    /// Labs that a guard failed: they count with no points.
    pub voided: Vec<LabName>,
}

/// Whether somebody meets a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleVerdict {
    /// The score, every floor and every gate.
    Pass,
    /// Not the score, or a floor missed, or a gate closed.
    Fail,
    /// Skills are not covered yet, or points are undecided.
    Incomplete,
}

/// One skill of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SkillScore {
    /// The skill.
    pub skill: Skill,
    /// It is a core skill.
    pub core: bool,
    /// Points earned in all labs.
    pub earned: Points,
    /// Points that may still be earned in them.
    pub undecided: Points,
    /// Points that could be earned in them.
    pub available: Points,
    /// Earned by available, in basis points, rounded down; none where nothing is available.
    pub score_bp: Option<u32>,
    /// Percent of the role's score, after weight has moved.
    pub weight: u32,
    /// Least score, in percent.
    pub floor: u32,
    /// Whether the floor is met.
    pub met: Met,
}

/// Whether a floor is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Met {
    /// It is.
    Yes,
    /// It is not, and undecided points would not change that.
    No,
    /// It hangs on undecided points, or nothing covers the skill.
    Open,
    /// Too few points for a floor; the weight has moved.
    Waived,
}

/// A gate that is closed, and by which labs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClosedGate {
    /// The gate.
    pub id: GuardId,
    /// The labs whose guard broke.
    pub labs: Vec<LabName>,
    /// What it costs.
    pub effect: GateEffect,
    /// Why.
    pub why: String,
}

/// Scores several labs against a role.
pub fn scorecard(role: &Role, reports: &[&Report]) -> Scorecard {
    let voided: Vec<LabName> = reports.iter().filter(|r| is_voided(r)).map(|r| r.lab.clone()).collect();
    let gates = closed_gates(role, reports);
    let mut weights = role.weights.clone();
    let counted: BTreeMap<Skill, Counted> =
        role.weights.keys().map(|skill| (*skill, Counted::of(*skill, reports, &gates))).collect();
    let mut waived = BTreeSet::new();
    if let Some(heaviest) = role.heaviest_core() {
        for (skill, points) in &counted {
            if points.few() && !role.core.contains(skill) {
                waived.insert(*skill);
                let moved = std::mem::take(weights.entry(*skill).or_default());
                *weights.entry(heaviest).or_default() += moved;
            }
        }
    }
    let skills: Vec<SkillScore> = counted
        .iter()
        .map(|(skill, points)| {
            let core = role.core.contains(skill);
            let floor = if core { role.core_floor } else { role.floor };
            let met = if waived.contains(skill) { Met::Waived } else { points.met(floor) };
            SkillScore {
                skill: *skill,
                core,
                earned: whole_points(points.earned),
                undecided: whole_points(points.reachable - points.earned),
                available: whole_points(points.available),
                score_bp: points.score_bp(),
                weight: weights[skill],
                floor,
                met,
            }
        })
        .collect();
    let uncovered: Vec<Skill> =
        counted.iter().filter(|(_, p)| p.available == 0).map(|(skill, _)| *skill).collect();
    let mean = |points: &dyn Fn(&Counted) -> u64| {
        let parts = counted.iter().filter(|(_, p)| p.available > 0);
        weighted_mean(parts.map(|(skill, p)| (u64::from(weights[skill]), points(p), p.available)))
    };
    let cap = gates.iter().filter_map(|gate| match gate.effect {
        GateEffect::CapTotal(percent) => Some(percent * (WHOLE / 100)),
        _ => None,
    });
    let cap = cap.min().unwrap_or(WHOLE);
    let low = mean(&|points| points.earned).map(|mean| mean.capped(cap));
    let high = mean(&|points| points.reachable).map(|mean| mean.capped(cap));
    let pass_bp = role.pass * (WHOLE / 100);
    let failed = gates.iter().any(|gate| gate.effect == GateEffect::Fail)
        || voided.len() > VOIDED_ALLOWED
        || (uncovered.is_empty()
            && (skills.iter().any(|skill| skill.met == Met::No)
                || high.is_none_or(|high| !high.reaches(pass_bp))));
    let open = !uncovered.is_empty()
        || skills.iter().any(|skill| skill.met == Met::Open)
        || reports.iter().any(|report| report.verdict == Verdict::Undecided)
        || low.is_none_or(|low| !low.reaches(pass_bp));
    Scorecard {
        role: role.id.clone(),
        title: role.title.clone(),
        verdict: match (failed, open) {
            (true, _) => RoleVerdict::Fail,
            (false, true) => RoleVerdict::Incomplete,
            (false, false) => RoleVerdict::Pass,
        },
        score_bp: low.map(|low| low.floor_bp()),
        pass_bp,
        weight_covered: weights.iter().filter(|(skill, _)| !uncovered.contains(skill)).map(|(_, w)| w).sum(),
        skills,
        uncovered,
        gates,
        voided,
    }
}

/// A guard that must not break broke, so the lab counts with no points.
pub(crate) fn is_voided(report: &Report) -> bool {
    report
        .guards
        .iter()
        .any(|guard| guard.effect == Effect::Fail && guard.state == GuardState::Broken && !guard.provisional)
}

fn closed_gates(role: &Role, reports: &[&Report]) -> Vec<ClosedGate> {
    let closes = |gate: &Gate, report: &Report| {
        let mut damage = report.beside.iter().flat_map(|beside| &beside.damage);
        damage.any(|damage| gate.damage.contains(&damage.kind))
            || report.guards.iter().any(|guard| {
                let named = gate
                    .guards
                    .iter()
                    .any(|of| of.guard == guard.id && of.lab.as_ref().is_none_or(|lab| lab == &report.lab));
                named && guard.state == GuardState::Broken && !guard.provisional
            })
    };
    role.gates
        .iter()
        .filter_map(|gate| {
            let labs: Vec<LabName> = reports
                .iter()
                .filter(|report| closes(gate, report))
                .map(|report| report.lab.clone())
                .collect();
            (!labs.is_empty()).then(|| ClosedGate {
                id: gate.id.clone(),
                labs,
                effect: gate.effect,
                why: gate.why.clone(),
            })
        })
        .collect()
}

/// Points of one skill over all labs, in hundredths, so that a cap in percent of them is a whole number.
struct Counted {
    earned: u64,
    reachable: u64,
    available: u64,
}

impl Counted {
    fn of(skill: Skill, reports: &[&Report], gates: &[ClosedGate]) -> Self {
        let hundredths = |points: Points| 100 * u64::from(points.0);
        let mut all = Self { earned: 0, reachable: 0, available: 0 };
        for report in reports {
            let Some(totals) = report.skills.get(&skill) else { continue };
            all.available += hundredths(totals.max);
            if !is_voided(report) {
                all.earned += hundredths(totals.earned);
                all.reachable += hundredths(totals.earned + totals.undecided);
            }
        }
        for gate in gates {
            if let GateEffect::CapSkill { skill: capped, at } = gate.effect
                && capped == skill
            {
                let cap = all.available / 100 * u64::from(at);
                all.earned = all.earned.min(cap);
                all.reachable = all.reachable.min(cap);
            }
        }
        all
    }

    fn met(&self, floor: u32) -> Met {
        let needed = self.available / 100 * u64::from(floor);
        match (self.available, self.earned >= needed, self.reachable >= needed) {
            (0, _, _) => Met::Open,
            (_, true, _) => Met::Yes,
            (_, false, true) => Met::Open,
            (_, false, false) => Met::No,
        }
    }

    fn score_bp(&self) -> Option<u32> {
        u32::try_from((self.earned * u64::from(WHOLE)).checked_div(self.available)?).ok()
    }

    fn few(&self) -> bool {
        self.available > 0 && self.available < 100 * u64::from(WAIVER_BELOW.0)
    }
}

/// Whole points of hundredths, rounded down.
fn whole_points(hundredths: u64) -> Points {
    Points(u32::try_from(hundredths / 100).unwrap_or(u32::MAX))
}

/// A part of one: exact, so that nobody misses a mark by rounding.
#[derive(Clone, Copy)]
struct Share {
    numerator: u128,
    denominator: u128,
}

/// Denominators beyond this are given up for a fixed one, far finer than any mark.
const DENOMINATOR_LIMIT: u128 = 1_000_000_000_000_000_000_000_000_000_000;
const FIXED_DENOMINATOR: u128 = 1_000_000_000_000_000;

impl Share {
    fn plus(self, other: Self) -> Self {
        let common = self.denominator / gcd(self.denominator, other.denominator);
        match common.checked_mul(other.denominator).filter(|denominator| *denominator <= DENOMINATOR_LIMIT) {
            Some(denominator) => Self {
                numerator: self.numerator * (denominator / self.denominator)
                    + other.numerator * (denominator / other.denominator),
                denominator,
            },
            None => Self { numerator: self.coarse() + other.coarse(), denominator: FIXED_DENOMINATOR },
        }
    }

    /// Its numerator over [`FIXED_DENOMINATOR`], rounded down: long division, so that nothing overflows.
    fn coarse(self) -> u128 {
        let (mut quotient, mut rest) = (self.numerator / self.denominator, self.numerator % self.denominator);
        let mut scale = 1;
        while scale < FIXED_DENOMINATOR {
            (quotient, rest) = (quotient * 10 + rest * 10 / self.denominator, rest * 10 % self.denominator);
            scale *= 10;
        }
        quotient
    }

    fn capped(self, bp: u32) -> Self {
        match self.numerator * u128::from(WHOLE) > u128::from(bp) * self.denominator {
            true => Self { numerator: bp.into(), denominator: WHOLE.into() },
            false => self,
        }
    }

    fn reaches(self, bp: u32) -> bool {
        self.numerator * u128::from(WHOLE) >= u128::from(bp) * self.denominator
    }

    fn floor_bp(self) -> u32 {
        u32::try_from(self.numerator * u128::from(WHOLE) / self.denominator).unwrap_or(WHOLE)
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    match b {
        0 => a,
        b => gcd(b, a % b),
    }
}

/// Mean of `part / whole`, each with its weight; none where nothing weighs anything.
fn weighted_mean(parts: impl Iterator<Item = (u64, u64, u64)>) -> Option<Share> {
    let mut sum = Share { numerator: 0, denominator: 1 };
    let mut weight_of_all = 0u128;
    for (weight, part, whole) in parts {
        let (weight, part, whole) = (u128::from(weight), u128::from(part), u128::from(whole));
        let shared = gcd(weight * part, whole).max(1);
        weight_of_all += weight;
        sum = sum.plus(Share { numerator: weight * part / shared, denominator: whole / shared });
    }
    (weight_of_all > 0)
        .then_some(Share { numerator: sum.numerator, denominator: sum.denominator * weight_of_all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grade::{GuardReport, Totals},
        rubric::Phase,
    };

    const OPERATOR: &str = r#"
format = 1
id = "operator"
title = "Operator"
pass = 70
core-floor = 60
floor = 35
core = ["SCH", "TRB"]

[weights]
SCH = 50
TRB = 30
MON = 20

[[gate]]
id = "silenced"
guards = ["*/alarms-kept"]
effect = { cap-skill = "MON", at = 40 }
why = "The alarm was removed instead of its cause."

[[gate]]
id = "bystander"
guards = ["other-lab/jobs-kept"]
effect = { fail = true }
why = "A healthy job of another team was stopped."

[[gate]]
id = "careless"
guards = ["*/care"]
effect = { cap-total = 50 }
why = "It was done without care."
"#;

    fn operator() -> Role {
        Role::parse("operator.toml", OPERATOR).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A report with these points: skill, earned, undecided, available.
    fn report(lab: &str, points: &[(Skill, u32, u32, u32)]) -> Report {
        let skills: BTreeMap<Skill, Totals> = points
            .iter()
            .map(|&(skill, earned, undecided, max)| {
                let (earned, undecided, max) = (Points(earned), Points(undecided), Points(max));
                (skill, Totals { earned, undecided, max, provisional: None })
            })
            .collect();
        Report {
            format: crate::grade::FORMAT,
            attempt: "a1".into(),
            lab: lab.parse().expect("a name"),
            variant: "one".parse().expect("a name"),
            pass: Points(70),
            verdict: Verdict::Passed,
            totals: Totals::default(),
            skills,
            checks: Vec::new(),
            criteria: Vec::new(),
            guards: Vec::new(),
            beside: None,
        }
    }

    fn with_broken(mut report: Report, guard: &str, effect: Effect) -> Report {
        report.guards.push(GuardReport {
            id: guard.parse().expect("a name"),
            phase: Phase::Live,
            checks: Vec::new(),
            damage: Vec::new(),
            state: GuardState::Broken,
            provisional: false,
            effect,
            why: "it matters".into(),
        });
        report
    }

    use Skill::{Kernel, Monitoring, Scheduling, Troubleshooting};

    #[test]
    fn everything_earned_is_a_pass() {
        let report = report(
            "some-lab",
            &[(Scheduling, 40, 0, 40), (Troubleshooting, 30, 0, 30), (Monitoring, 30, 0, 30)],
        );
        let card = scorecard(&operator(), &[&report]);
        assert_eq!(
            (card.verdict, card.score_bp, card.weight_covered),
            (RoleVerdict::Pass, Some(10_000), 100)
        );
        assert!(card.skills.iter().all(|skill| skill.met == Met::Yes));
    }

    #[test]
    fn the_score_is_weighted_and_rounded_down_only_to_be_shown() {
        // 50 x 2/3 + 30 x 1 + 20 x 1/3 is 70 exactly; rounding each part down would lose it.
        let points = [(Scheduling, 40, 0, 60), (Troubleshooting, 20, 0, 20), (Monitoring, 10, 0, 30)];
        let card = scorecard(&operator(), &[&report("some-lab", &points)]);
        assert_eq!(card.score_bp, Some(7000));
        let met: Vec<(Skill, Met, Option<u32>)> =
            card.skills.iter().map(|skill| (skill.skill, skill.met, skill.score_bp)).collect();
        assert_eq!(
            met,
            [
                (Scheduling, Met::Yes, Some(6666)),
                (Monitoring, Met::No, Some(3333)),
                (Troubleshooting, Met::Yes, Some(10_000))
            ]
        );
        assert_eq!(card.verdict, RoleVerdict::Fail, "the floor of monitoring is missed");
        let points = [(Scheduling, 40, 0, 60), (Troubleshooting, 20, 0, 20), (Monitoring, 11, 0, 30)];
        assert_eq!(scorecard(&operator(), &[&report("some-lab", &points)]).verdict, RoleVerdict::Pass);
    }

    #[test]
    fn points_of_several_labs_are_put_together() {
        let one = report("one", &[(Scheduling, 10, 0, 30), (Kernel, 0, 0, 70)]);
        let two =
            report("two", &[(Scheduling, 50, 0, 50), (Troubleshooting, 25, 0, 25), (Monitoring, 25, 0, 25)]);
        let card = scorecard(&operator(), &[&one, &two]);
        assert_eq!((card.skills[0].earned, card.skills[0].available), (Points(60), Points(80)));
        assert_eq!(card.skills.len(), 3, "a skill without weight counts for its lab only");
        assert_eq!(card.score_bp, Some(8750));
    }

    #[test]
    fn uncovered_skills_leave_a_role_incomplete() {
        let card = scorecard(&operator(), &[&report("some-lab", &[(Scheduling, 100, 0, 100)])]);
        assert_eq!(card.verdict, RoleVerdict::Incomplete);
        assert_eq!((card.score_bp, card.weight_covered), (Some(10_000), 50));
        assert_eq!(card.uncovered, [Monitoring, Troubleshooting]);
        let nothing = scorecard(&operator(), &[]);
        assert_eq!((nothing.verdict, nothing.score_bp), (RoleVerdict::Incomplete, None));
    }

    #[test]
    fn a_floor_on_few_points_is_waived_and_its_weight_moves_to_the_heaviest_core_skill() {
        let points = |available| {
            [(Scheduling, 60, 0, 60), (Troubleshooting, 21, 0, 21), (Monitoring, 0, 0, available)]
        };
        let card = scorecard(&operator(), &[&report("some-lab", &points(19))]);
        let weights: Vec<u32> = card.skills.iter().map(|skill| skill.weight).collect();
        assert_eq!(weights, [70, 0, 30]);
        assert_eq!(card.skills[1].met, Met::Waived);
        assert_eq!((card.verdict, card.score_bp), (RoleVerdict::Pass, Some(10_000)));
        let card = scorecard(&operator(), &[&report("some-lab", &points(20))]);
        assert_eq!((card.verdict, card.skills[1].met), (RoleVerdict::Fail, Met::No));
        // A core skill stands on whatever there is.
        let few = [(Scheduling, 60, 0, 60), (Troubleshooting, 1, 0, 10), (Monitoring, 30, 0, 30)];
        assert_eq!(scorecard(&operator(), &[&report("some-lab", &few)]).verdict, RoleVerdict::Fail);
    }

    #[test]
    fn undecided_points_leave_open_what_hangs_on_them() {
        let points = |undecided| {
            [(Scheduling, 30, undecided, 60), (Troubleshooting, 20, 0, 20), (Monitoring, 20, 0, 20)]
        };
        let card = scorecard(&operator(), &[&report("some-lab", &points(30))]);
        assert_eq!((card.verdict, card.skills[0].met), (RoleVerdict::Incomplete, Met::Open));
        assert_eq!(card.skills[0].undecided, Points(30));
        let card = scorecard(&operator(), &[&report("some-lab", &points(1))]);
        assert_eq!((card.verdict, card.skills[0].met), (RoleVerdict::Fail, Met::No));
    }

    #[test]
    fn gates_close_for_the_labs_that_they_name() {
        let full = [(Scheduling, 40, 0, 40), (Troubleshooting, 30, 0, 30), (Monitoring, 30, 0, 30)];
        let broken = |lab, guard| with_broken(report(lab, &full), guard, Effect::Cap(Points(50)));
        let card = scorecard(&operator(), &[&broken("some-lab", "alarms-kept")]);
        assert_eq!((card.skills[1].earned, card.score_bp), (Points(12), Some(8800)));
        assert_eq!((card.verdict, card.gates[0].labs.len()), (RoleVerdict::Pass, 1));
        assert_eq!(scorecard(&operator(), &[&broken("other-lab", "jobs-kept")]).verdict, RoleVerdict::Fail);
        assert_eq!(scorecard(&operator(), &[&broken("some-lab", "jobs-kept")]).verdict, RoleVerdict::Pass);
        let card = scorecard(&operator(), &[&broken("some-lab", "care")]);
        assert_eq!((card.verdict, card.score_bp), (RoleVerdict::Fail, Some(5000)));
    }

    #[test]
    fn a_lab_failed_by_a_guard_counts_with_no_points_and_two_fail_the_role() {
        let full = [(Scheduling, 40, 0, 40), (Troubleshooting, 30, 0, 30), (Monitoring, 30, 0, 30)];
        let voided = with_broken(report("one", &full), "authentication-kept", Effect::Fail);
        let good = report("two", &full);
        let card = scorecard(&operator(), &[&voided, &good, &good, &good]);
        assert_eq!((card.verdict, card.score_bp), (RoleVerdict::Pass, Some(7500)));
        assert_eq!(card.voided.len(), 1);
        let card = scorecard(&operator(), &[&voided, &voided, &good, &good, &good, &good, &good, &good]);
        assert_eq!((card.verdict, card.score_bp), (RoleVerdict::Fail, Some(7500)));
    }

    #[test]
    fn shares_stay_exact_however_many_are_added() {
        let thirds =
            weighted_mean([(30, 1, 3), (30, 1, 3), (40, 1, 3)].into_iter()).expect("something weighs");
        assert_eq!(thirds.floor_bp(), 3333);
        assert!(!thirds.reaches(3334) && thirds.reaches(3333));
        // Denominators whose product exceeds every integer type.
        let primes = [5987, 5981, 5953, 5939, 5927, 5923, 5903, 5897, 5881, 5879, 5869, 5867];
        let mean = weighted_mean(primes.iter().map(|&p| (8, p - 1, p))).expect("something weighs");
        assert_eq!(mean.floor_bp(), 9998);
        assert!(weighted_mean(std::iter::empty()).is_none());
    }
}
