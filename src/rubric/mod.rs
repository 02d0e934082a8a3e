//! Rubrics and roles, parsed from graders/: which questions are put to which nodes, what is expected,
//! and what it is worth. Loading refuses what cannot be right (an expectation that cannot fail, points
//! that do not sum); judging is [`crate::grade`]. Knows no engine, no store and no attempt.

mod ask;
mod damage;
pub mod fidelity;
mod load;
mod matcher;
mod name;
mod render;
mod role;

use std::collections::{BTreeMap, BTreeSet};

pub use ask::*;
pub use damage::*;
pub use fidelity::NodeKind;
pub(crate) use load::text_property;
pub use matcher::*;
pub use name::*;
pub use render::*;
pub use role::*;
use serde::{Deserialize, Serialize};

use crate::{
    document::Document,
    evidence::{Syntax, Taken},
    lab::{LabName, NodeName, VariantName},
};

/// Longest time that a check is asked again, in seconds.
pub const SETTLE_LIMIT_S: u32 = 60;

/// The grading of one lab.
#[derive(Clone, Debug)]
pub struct Rubric {
    /// The lab that it belongs to.
    pub lab: LabName,
    /// Points from which the lab is passed.
    pub pass: Points,
    /// Questions that are put, and not judged.
    pub probes: Vec<Probe>,
    /// Questions with expectations.
    pub checks: Vec<Check>,
    /// Checks with points.
    pub criteria: Vec<Criterion>,
    /// What must stay as it is.
    pub guards: Vec<Guard>,
    source: Document,
}

/// A question that is put and not judged: others use its answer.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name, shared with checks.
    pub id: CheckId,
    /// Who is asked.
    pub node: NodeName,
    /// What is asked.
    pub ask: Ask,
    /// The probe whose standard output is this command's standard input.
    pub stdin_from: Option<CheckId>,
}

/// One question and what is expected of the answer.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name, shared with probes.
    pub id: CheckId,
    /// Who is asked; the check passes when all pass.
    pub nodes: Vec<NodeName>,
    /// What is asked.
    pub ask: Ask,
    /// The probe whose standard output is this command's standard input.
    pub stdin_from: Option<CheckId>,
    /// The key to pick out of the answer's text.
    pub read: Option<Read>,
    /// Nodes on which a secret token is planted for this question.
    pub plant: Vec<NodeName>,
    /// What is expected of which property, in the order of the fact's own; never empty.
    pub expect: Vec<(Property, Matcher)>,
    /// Ask again for so many seconds until it passes.
    pub settle_s: u32,
    /// Asking changes something in the node, such as killing a process to see it come back: asked when
    /// grading, and never just to look.
    pub disturbs: bool,
    /// Why it matters: shown to the learner.
    pub why: String,
}

/// Which key is picked out of a text, and how the text is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Read {
    /// How the text is written.
    pub syntax: Syntax,
    /// The key; may hold placeholders. Only `lines` does without.
    #[serde(default)]
    pub key: Option<Template>,
}

/// A property of a fact, in kebab-case; beside the fact's own `value`, `values`, `present` and `answered`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Property(pub String);

impl Property {
    /// The property's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks with points.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Its name.
    pub id: CriterionId,
    /// What it is worth at most.
    pub points: Points,
    /// What it shows.
    pub skill: Skill,
    /// When it is judged.
    pub phase: Phase,
    /// How checks become points.
    pub credit: Credit,
    /// Criteria that must be met in full first.
    pub requires: Vec<CriterionId>,
    /// The variants that it belongs to; none means all.
    pub variants: Option<Vec<VariantName>>,
}

/// How checks become points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credit {
    /// All points when all checks pass, else none.
    All(Vec<CheckId>),
    /// Points in proportion to the checks that pass, rounded down.
    Each(Vec<CheckId>),
    /// The points of the highest level of which all checks pass. Levels rise.
    Levels(Vec<Level>),
}

/// One level of a criterion.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Level {
    /// What has been reached.
    pub name: String,
    /// What that is worth.
    pub points: Points,
    /// What shows it.
    pub checks: Vec<CheckId>,
}

/// Something that holds in the broken state too: it can cost, never earn.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Its name.
    pub id: GuardId,
    /// When it is judged.
    pub phase: Phase,
    /// It holds while all of them pass.
    pub checks: Vec<CheckId>,
    /// And while the learner did no damage of these kinds.
    pub damage: Vec<DamageId>,
    /// What breaking it costs.
    pub effect: Effect,
    /// Why it matters: shown to the learner.
    pub why: String,
}

/// What a broken guard costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The lab is failed whatever was earned.
    Fail,
    /// At most so many points in all.
    Cap(Points),
    /// At most so many points of one skill.
    CapSkill {
        /// The skill.
        skill: Skill,
        /// Its most points.
        at: Points,
    },
}

/// One question to be put, whether it is judged or not.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The check's or probe's name.
    pub id: &'a CheckId,
    /// Who is asked.
    pub nodes: &'a [NodeName],
    /// What is asked.
    pub ask: &'a Ask,
    /// The probe that must be asked before, and whose standard output is this command's standard input.
    /// Where that has no output to give (it is unreadable), this is recorded as unreadable too, and not asked.
    pub stdin_from: Option<&'a CheckId>,
    /// Nodes on which a token is planted first.
    pub plant: &'a [NodeName],
    /// The check, where it is one.
    pub check: Option<&'a Check>,
}

impl Rubric {
    /// What is asked of one variant's nodes at one time: only what a criterion or a guard of that time uses, and
    /// the probes that this needs. At the baseline that is what will be compared with it.
    ///
    /// `ahead` is for a look that is no grading: it adds to a live reading what only a restart decides, since
    /// how that stands is worth showing, and leaves out what disturbs the node.
    ///
    /// Probes come first, each after the one whose output it takes in; then checks in the order of the file.
    pub fn askings(&self, variant: &VariantName, taken: Taken, ahead: bool) -> Vec<Asking<'_>> {
        let now = |phase: Phase| match taken {
            Taken::Baseline => true,
            Taken::Live => ahead || phase == Phase::Live,
            Taken::AfterRestart => phase == Phase::AfterRestart,
        };
        let mut wanted: BTreeSet<&CheckId> = BTreeSet::new();
        for criterion in self.criteria_of(variant).filter(|criterion| now(criterion.phase)) {
            wanted.extend(criterion.credit.checks());
        }
        for guard in self.guards.iter().filter(|guard| now(guard.phase)) {
            wanted.extend(&guard.checks);
        }
        let checks: Vec<&Check> = self
            .checks
            .iter()
            .filter(|check| {
                wanted.contains(&check.id) && (taken != Taken::Baseline || check.needs_baseline())
            })
            .filter(|check| !(ahead && check.disturbs))
            .collect();
        let mut probes = Vec::new();
        for check in &checks {
            for id in check.probes() {
                self.probe_chain(&id, &mut probes);
            }
        }
        let probes = probes.into_iter().map(|probe| Asking {
            id: &probe.id,
            nodes: std::slice::from_ref(&probe.node),
            ask: &probe.ask,
            stdin_from: probe.stdin_from.as_ref(),
            plant: &[],
            check: None,
        });
        let checks = checks.into_iter().map(|check| Asking {
            id: &check.id,
            nodes: &check.nodes,
            ask: &check.ask,
            stdin_from: check.stdin_from.as_ref(),
            plant: &check.plant,
            check: Some(check),
        });
        probes.chain(checks).collect()
    }

    /// A probe and those whose output it takes in, the first one first. Loading has refused circles.
    fn probe_chain<'a>(&'a self, id: &CheckId, chain: &mut Vec<&'a Probe>) {
        let Some(probe) = self.probes.iter().find(|probe| &probe.id == id) else { return };
        if chain.iter().any(|known| known.id == probe.id) {
            return;
        }
        if let Some(before) = &probe.stdin_from {
            self.probe_chain(before, chain);
        }
        chain.push(probe);
    }

    /// SHA-256 of the file's text, in lower-case hex: an attempt remembers what it was judged by.
    pub fn digest(&self) -> String {
        use sha2::Digest;
        crate::units::hex(&sha2::Sha256::digest(self.source.text()))
    }

    /// The check of this name.
    pub fn check(&self, id: &CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| &check.id == id)
    }

    /// Checks and probes for which a nonce must be drawn.
    pub fn nonces(&self) -> BTreeSet<CheckId> {
        let mut wanted = BTreeSet::new();
        for (own, placeholder) in self.placeholders() {
            match placeholder {
                Placeholder::Nonce(Some(other)) => wanted.insert(other),
                Placeholder::Nonce(None) | Placeholder::Token => wanted.insert(own),
                _ => false,
            };
        }
        wanted
    }

    /// Parameters of the lab that its texts name.
    pub fn parameters(&self) -> BTreeSet<String> {
        self.placeholders()
            .into_iter()
            .filter_map(|(_, placeholder)| match placeholder {
                Placeholder::Parameter(name) => Some(name),
                _ => None,
            })
            .collect()
    }

    /// Every placeholder, with the check or probe that it stands in.
    fn placeholders(&self) -> Vec<(CheckId, Placeholder)> {
        let mut found = Vec::new();
        for probe in &self.probes {
            found.extend(probe.ask.placeholders().into_iter().map(|p| (probe.id.clone(), p)));
        }
        for check in &self.checks {
            found.extend(check.placeholders().into_iter().map(|p| (check.id.clone(), p)));
        }
        found
    }

    /// The criteria of one variant.
    pub fn criteria_of<'a>(&'a self, variant: &'a VariantName) -> impl Iterator<Item = &'a Criterion> {
        self.criteria
            .iter()
            .filter(move |criterion| criterion.variants.as_ref().is_none_or(|these| these.contains(variant)))
    }

    /// Points of each skill that can be earned in one variant.
    pub fn available(&self, variant: &VariantName) -> BTreeMap<Skill, Points> {
        let mut points = BTreeMap::new();
        for criterion in self.criteria_of(variant) {
            *points.entry(criterion.skill).or_default() += criterion.points;
        }
        points
    }
}

impl Check {
    /// Everything that must be filled in, in its question and its expectations.
    pub fn placeholders(&self) -> Vec<Placeholder> {
        let read = self.read.as_ref().and_then(|read| read.key.as_ref());
        let expected = self.expect.iter().flat_map(|(_, m)| m.walk()).flat_map(Matcher::templates);
        let mut found = self.ask.placeholders();
        found.extend(read.into_iter().chain(expected).flat_map(Template::placeholders).cloned());
        found
    }

    /// Probes (and perhaps checks) whose answer or nonce it uses.
    pub fn probes(&self) -> BTreeSet<CheckId> {
        let followed = self.expect.iter().flat_map(|(_, m)| m.walk()).filter_map(|matcher| match matcher {
            Matcher::Tracks { probe, .. } => Some(probe.clone()),
            _ => None,
        });
        let named = self.placeholders().into_iter().filter_map(|placeholder| match placeholder {
            Placeholder::Nonce(other) => other,
            _ => None,
        });
        self.stdin_from.iter().cloned().chain(followed).chain(named).collect()
    }

    /// Milliseconds after which the question is put a second time; 0 where once is enough.
    pub fn again_after_ms(&self) -> u32 {
        let pauses = self.expect.iter().flat_map(|(_, matcher)| matcher.walk()).filter_map(Matcher::pause_ms);
        pauses.max().unwrap_or(0)
    }

    /// Probes whose values this one is compared with.
    pub fn tracks(&self) -> impl Iterator<Item = &CheckId> {
        self.expect.iter().flat_map(|(_, matcher)| matcher.walk()).filter_map(|matcher| match matcher {
            Matcher::Tracks { probe, .. } => Some(probe),
            _ => None,
        })
    }

    /// Something is compared with the reading taken right after the fault went in.
    pub fn needs_baseline(&self) -> bool {
        self.expect.iter().flat_map(|(_, m)| m.walk()).any(|matcher| matches!(matcher, Matcher::Unchanged))
    }
}

impl Credit {
    /// Every check that matters to it, each once.
    pub fn checks(&self) -> BTreeSet<&CheckId> {
        match self {
            Self::All(checks) | Self::Each(checks) => checks.iter().collect(),
            Self::Levels(levels) => levels.iter().flat_map(|level| &level.checks).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crashcart_facts::Question;

    use super::*;

    const MUNGE: &str = include_str!("../../tests/cases/rubric-mistakes/nothing-wrong.toml");

    fn rubric(text: &str) -> Rubric {
        Rubric::parse("munge.toml", text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn asked(rubric: &Rubric, taken: Taken) -> Vec<&str> {
        let variant = "one".parse().expect("a name");
        rubric.askings(&variant, taken, false).iter().map(|asking| asking.id.as_str()).collect()
    }

    #[test]
    fn only_what_is_judged_then_is_asked_and_probes_come_first() {
        let rubric = rubric(MUNGE);
        assert_eq!(asked(&rubric, Taken::Live), ["credential", "decodes", "key-kept"]);
        assert_eq!(asked(&rubric, Taken::AfterRestart), ["prefetch", "job", "port-free"]);
        assert_eq!(asked(&rubric, Taken::Baseline), ["key-kept"]);
    }

    #[test]
    fn probes_that_feed_each_other_are_asked_in_their_order() {
        let chained = MUNGE.replacen(
            "[[check]]",
            "stdin-from = \"earlier\"\n\n[[probe]]\nid = \"earlier\"\nnode = \"ctl\"\nask.command = { argv = [\"/bin/date\"] }\n\n[[check]]",
            1,
        );
        assert_eq!(asked(&rubric(&chained), Taken::Live), ["earlier", "credential", "decodes", "key-kept"]);
    }

    #[test]
    fn a_rubric_knows_what_must_be_drawn_for_it() {
        let rubric = rubric(MUNGE);
        let nonces: Vec<String> = rubric.nonces().into_iter().map(String::from).collect();
        assert_eq!(nonces, ["credential", "job"]);
        assert_eq!(rubric.parameters().into_iter().collect::<Vec<_>>(), ["port"]);
    }

    #[test]
    fn a_question_is_filled_in_numbers_too() {
        let rubric = rubric(MUNGE);
        let check = |id: &str| rubric.check(&id.parse().expect("a name")).expect("it is there");
        let node = "gpu1".parse().expect("a name");
        let nonces = BTreeMap::from([("job".parse().expect("a name"), "0123".to_string())]);
        let ask = |id: &str, port: &str| {
            let parameters = BTreeMap::from([("port".to_string(), port.to_string())]);
            let check = check(id);
            let values = Values {
                of: &check.id,
                node: &node,
                parameters: &parameters,
                nonces: &nonces,
                seed_word: "00",
            };
            check.ask.render(&values).map_err(|error| error.to_string())
        };
        let port = |port| Question::Port { port, protocol: crashcart_facts::Transport::Tcp };
        assert_eq!(ask("port-free", "7001"), Ok(port(7001)));
        assert_eq!(ask("port-free", "70000"), Err("`70000` is no `port`".into()));
        assert_eq!(ask("port-free", "many"), Err("`many` is no `port`".into()));
        let Ok(Question::Command { argv, .. }) = ask("job", "1") else { panic!("a command was asked") };
        assert_eq!(argv[2], format!("(printf %s 0123; cat {}) | sha256sum", token_path("0123")));
        assert_eq!(
            ask("decodes", "1"),
            Ok(check("decodes").ask.template().clone()),
            "it has nothing to fill in"
        );
    }

    #[test]
    fn every_shipped_rubric_loads() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("graders");
        for entry in folder.read_dir().expect("the graders are there") {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let rubric = Rubric::read(&path).unwrap_or_else(|error| panic!("error: {error}"));
                assert_eq!(Some(rubric.lab.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
            }
        }
    }
}
