//! What is tried of a lab: everything that it declares, what follows from its rubric, or a quick selection.

use serde::Serialize;

use super::standard::Standard;
use crate::lab::{Act, Lab, Solution, SolutionKind, VariantName, Wrong, WrongKind, applies};
use crate::rubric::Rubric;

/// Labs with guests of which something is played quickly. A guest without KVM boots for half a minute, and boots
/// twice in each trial.
const QUICK_GUESTS: usize = 2;

/// One thing to try, on nodes of its own.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    pub lab: String,
    pub variant: VariantName,
    pub seed: u64,
    pub kind: TrialKind,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum TrialKind {
    /// Nothing is done: must score 0, and 0 after a restart.
    Pristine,
    /// A solution: must score everything, twice, and grading must change nothing.
    Solution { name: String },
    /// The broken state, graded, then a solution on the same nodes: must score 0, then everything, and the second
    /// grading must change nothing.
    Mended { name: String },
    /// A half-solution: must score exactly this.
    Half { name: String, points: u32 },
    /// A wrong fix or a cheat: must be refused by these checks.
    Wrong { name: String, cheat: bool, refused_by: Vec<String> },
    /// The reference without one of its steps: must lose points.
    WithoutStep { step: String },
    /// A cheat of the standard pack, on the broken state: must earn nothing.
    Standard { cheat: Standard },
}

impl TrialKind {
    /// In a few words, for a table.
    pub fn describe(&self) -> String {
        match self {
            Self::Pristine => "pristine".into(),
            Self::Solution { name } => format!("solution: {name}"),
            Self::Mended { name } => format!("pristine, then solution: {name}"),
            Self::Half { name, points } => format!("half: {name} ({points})"),
            Self::Wrong { name, cheat: false, .. } => format!("wrong: {name}"),
            Self::Wrong { name, cheat: true, .. } => format!("cheat: {name}"),
            Self::WithoutStep { step } => format!("without step: {step}"),
            Self::Standard { cheat } => format!("standard cheat: {}", cheat.name()),
        }
    }
}

/// Everything to be tried of a lab with one seed: for every variant the broken state, each solution, half-solution,
/// wrong fix and cheat, and the reference without each of its steps; and each cheat of the standard pack once, on
/// variants that take turns.
pub fn trials(lab: &Lab, rubric: &Rubric, seed: u64) -> Vec<Trial> {
    let mut kinds: Vec<(VariantName, TrialKind)> = Vec::new();
    for variant in lab.variants.iter().map(|variant| &variant.name) {
        let mut add = |kind| kinds.push((variant.clone(), kind));
        add(TrialKind::Pristine);
        for solution in lab.solutions.iter().filter(|it| applies(&it.variants, variant)) {
            add(TrialKind::Solution { name: solution.name.clone() });
        }
        for wrong in lab.wrongs.iter().filter(|it| applies(&it.variants, variant)) {
            add(refused(wrong));
        }
        for half in lab.halves.iter().filter(|it| applies(&it.variants, variant)) {
            add(TrialKind::Half { name: half.name.clone(), points: half.points });
        }
        for step in reference_steps(lab, variant) {
            add(TrialKind::WithoutStep { step });
        }
    }
    for (place, cheat) in Standard::of(lab, rubric).into_iter().enumerate() {
        let turn = place + usize::try_from(seed).unwrap_or(0);
        kinds.push((variant_at(lab, turn).clone(), TrialKind::Standard { cheat }));
    }
    of_lab(lab, seed, kinds)
}

/// What a change most often breaks, of many labs, with one seed: of each lab one variant's broken state and its
/// reference; one alternative, or another variant's reference where there is none; one half-solution, one wrong fix, and
/// one cheat, of its own or of the standard pack. Of labs with guests, one variant of two labs, graded broken and then
/// mended on the same node, for starts are dear there; in containers not, for every grading restarts, and some of those
/// labs are about what a restart ends. What is picked depends on what is in the labs' folders, and is the same until
/// that changes.
pub fn quick_trials(labs: &[(Lab, Rubric)]) -> Vec<Trial> {
    let (guests, containers): (Vec<_>, Vec<_>) = labs.iter().partition(|(lab, _)| lab.has_guest());
    let mut all: Vec<Trial> = containers.iter().flat_map(|(lab, rubric)| quick(lab, rubric)).collect();
    let first = guests.iter().fold(0, |sum: usize, (lab, _)| sum.wrapping_add(draw(lab)));
    for turn in 0..QUICK_GUESTS.min(guests.len()) {
        let lab = &guests[(first.wrapping_add(turn)) % guests.len()].0;
        let variant = variant_at(lab, draw(lab));
        let name = reference(lab, variant).name.clone();
        all.extend(of_lab(lab, 1, vec![(variant.clone(), TrialKind::Mended { name })]));
    }
    all
}

fn quick(lab: &Lab, rubric: &Rubric) -> Vec<Trial> {
    let pick = draw(lab);
    let solved = |variant: &VariantName| {
        (variant.clone(), TrialKind::Solution { name: reference(lab, variant).name.clone() })
    };
    let variant = variant_at(lab, pick);
    let mut kinds = vec![(variant.clone(), TrialKind::Pristine), solved(variant)];
    // One of the variants that something applies to.
    let on = |variants: &[VariantName]| {
        let fitting: Vec<_> =
            lab.variants.iter().map(|it| &it.name).filter(|it| applies(variants, it)).collect();
        fitting.get(pick % fitting.len().max(1)).map(|variant| (*variant).clone())
    };
    let others: Vec<_> = lab.solutions.iter().filter(|it| it.kind == SolutionKind::Alternative).collect();
    if let Some(other) = turn(&others, pick)
        && let Some(variant) = on(&other.variants)
    {
        kinds.push((variant, TrialKind::Solution { name: other.name.clone() }));
    } else if lab.variants.len() > 1 {
        kinds.push(solved(variant_at(lab, pick.wrapping_add(1))));
    }
    let halves: Vec<_> = lab.halves.iter().collect();
    if let Some(half) = turn(&halves, pick)
        && let Some(variant) = on(&half.variants)
    {
        kinds.push((variant, TrialKind::Half { name: half.name.clone(), points: half.points }));
    }
    let refusal = |kind: WrongKind| {
        let wrongs: Vec<_> = lab.wrongs.iter().filter(|it| it.kind == kind).collect();
        turn(&wrongs, pick).and_then(|wrong| Some((on(&wrong.variants)?, refused(wrong))))
    };
    kinds.extend(refusal(WrongKind::Wrong));
    let own = refusal(WrongKind::Cheat);
    let standard = turn(&Standard::of(lab, rubric), pick / 2)
        .map(|cheat| (variant.clone(), TrialKind::Standard { cheat: *cheat }));
    kinds.extend(if pick.is_multiple_of(2) { own.or(standard) } else { standard.or(own) });
    of_lab(lab, 1, kinds)
}

fn of_lab(lab: &Lab, seed: u64, kinds: Vec<(VariantName, TrialKind)>) -> Vec<Trial> {
    kinds
        .into_iter()
        .map(|(variant, kind)| Trial { lab: lab.name.to_string(), variant, seed, kind })
        .collect()
}

/// A number that a lab's files draw.
fn draw(lab: &Lab) -> usize {
    usize::from_str_radix(&lab.digest[..4], 16).unwrap_or(0)
}

fn turn<T>(many: &[T], pick: usize) -> Option<&T> {
    many.get(pick % many.len().max(1))
}

fn refused(wrong: &Wrong) -> TrialKind {
    let Wrong { name, kind, refused_by, .. } = wrong.clone();
    TrialKind::Wrong { name, cheat: kind == WrongKind::Cheat, refused_by }
}

/// A lab's variants, one after the other and round again.
fn variant_at(lab: &Lab, turn: usize) -> &VariantName {
    &lab.variants[turn % lab.variants.len()].name
}

/// The reference of a variant; every variant has one.
pub(super) fn reference<'a>(lab: &'a Lab, variant: &VariantName) -> &'a Solution {
    let fits = |s: &&Solution| s.kind == SolutionKind::Reference && applies(&s.variants, variant);
    lab.solutions.iter().find(fits).expect("every variant has a reference")
}

/// The names of the steps of a variant's reference, in order.
pub fn reference_steps(lab: &Lab, variant: &VariantName) -> Vec<String> {
    let texts = reference(lab, variant).steps.iter().filter_map(|step| match &step.act {
        Act::Run(script) => lab.read(script).ok(),
        Act::Hands(_) | Act::Console(_) => None,
    });
    let mut names: Vec<String> = Vec::new();
    for name in
        texts.flat_map(|text| text.lines().filter_map(step_name).map(str::to_owned).collect::<Vec<_>>())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The name in a line `#: step NAME`.
pub(super) fn step_name(line: &str) -> Option<&str> {
    line.trim().strip_prefix("#: step ").map(str::trim).filter(|name| !name.is_empty())
}
