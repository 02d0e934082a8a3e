//! Reads `graders/<lab>.toml` and refuses what cannot be right, each mistake at its place.
//!
//! What a single file can show is refused by [`Rubric::parse`]; what only the lab can say (its nodes,
//! variants and parameters) by [`Rubric::fits`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crashcart_facts::{KINDS, LogOf, ProcessOf, Question, is_counter_file};
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Ask, Check, CheckId, Credit, Criterion, CriterionId, DamageId, Effect, Guard, GuardId, Level, Matcher,
    NodeKind, Operand, Phase, Placeholder, Points, Probe, Property, Read, Rubric, SETTLE_LIMIT_S, Skill,
    Template, fidelity,
};
use crate::{
    document::{Document, DocumentError, Mistakes, Place, Step},
    evidence::Syntax,
    lab::{LabName, NodeName, VariantName},
};

/// Longest time that one question may wait, in milliseconds.
const TIMEOUT_LIMIT_MS: u32 = 60_000;
/// Shortest time that says anything, in milliseconds.
const TIMEOUT_LEAST_MS: u32 = 100;
/// Longest pause between two readings of `stable-for`, in milliseconds.
const STABLE_LIMIT_MS: u32 = 10_000;
/// Longest pause between two readings of `rises`, in milliseconds.
const RISES_LIMIT_MS: u32 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawRubric {
    lab: LabName,
    pass: Points,
    #[serde(default)]
    probe: Vec<RawProbe>,
    check: Vec<RawCheck>,
    criterion: Vec<RawCriterion>,
    #[serde(default)]
    guard: Vec<RawGuard>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawProbe {
    id: CheckId,
    node: NodeName,
    ask: Question,
    #[serde(default)]
    stdin_from: Option<CheckId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawCheck {
    id: CheckId,
    #[serde(default)]
    node: Option<NodeName>,
    #[serde(default)]
    nodes: Option<Vec<NodeName>>,
    ask: Question,
    #[serde(default)]
    stdin_from: Option<CheckId>,
    #[serde(default)]
    read: Option<Read>,
    #[serde(default)]
    plant: Vec<NodeName>,
    expect: BTreeMap<Property, Matcher>,
    #[serde(default)]
    settle_s: u32,
    #[serde(default)]
    disturbs: bool,
    why: String,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum RawCredit {
    #[default]
    All,
    Each,
    Levels,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawCriterion {
    id: CriterionId,
    points: Points,
    skill: Skill,
    phase: Phase,
    #[serde(default)]
    credit: RawCredit,
    #[serde(default)]
    checks: Option<Vec<CheckId>>,
    #[serde(default)]
    level: Option<Vec<Level>>,
    #[serde(default)]
    requires: Vec<CriterionId>,
    #[serde(default)]
    variants: Option<Vec<VariantName>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawGuard {
    id: GuardId,
    #[serde(default)]
    phase: Phase,
    #[serde(default)]
    checks: Vec<CheckId>,
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
    cap: Option<Points>,
    #[serde(default)]
    cap_skill: Option<Skill>,
    #[serde(default)]
    at: Option<Points>,
}

/// A number of a question that is written as a placeholder.
struct HeldNumber {
    list: &'static str,
    index: usize,
    field: String,
    text: String,
}

/// Fields of questions that are numbers and may come from a parameter.
const NUMBERS: &[&str] = &["index", "port", "size-kib", "timeout-ms", "within-s"];

/// Puts a number where a placeholder stands for one, so that the question's type is satisfied, and notes it.
fn hold_numbers(table: &mut DeTable<'_>, held: &mut Vec<HeldNumber>) {
    for list in ["probe", "check"] {
        let Some(DeValue::Array(items)) = table.get_mut(list).map(Spanned::get_mut) else { continue };
        for (index, item) in items.as_mut().iter_mut().enumerate() {
            let DeValue::Table(item) = item.get_mut() else { continue };
            let Some(DeValue::Table(ask)) = item.get_mut("ask").map(Spanned::get_mut) else { continue };
            for (_, question) in ask.iter_mut() {
                let DeValue::Table(fields) = question.get_mut() else { continue };
                for (field, value) in fields.iter_mut() {
                    let Some(text) = value.get_ref().as_str().filter(|text| text.contains("{{")) else {
                        continue;
                    };
                    if NUMBERS.contains(&field.get_ref().as_ref()) {
                        let (field, text) = (field.get_ref().to_string(), text.to_string());
                        held.push(HeldNumber { list, index, field, text });
                        // Fits every one of them; the real value is checked when it is filled in.
                        *value.get_mut() = DeValue::parse("1000").expect("a number is TOML").into_inner();
                    }
                }
            }
        }
    }
}

impl Rubric {
    /// Reads and checks a rubric file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        // Reading first, so that the text can be prepared before its types are read.
        let text = Document::text_of(path)?;
        Self::parse(path, text)
    }

    /// Parses and checks the text of a rubric; `path` is what mistakes name.
    pub fn parse(path: impl Into<PathBuf>, text: impl Into<String>) -> Result<Self, DocumentError> {
        let mut held = Vec::new();
        let (source, raw) =
            Document::parse_prepared::<RawRubric>(path, text, &mut |table| hold_numbers(table, &mut held))?;
        Loader { source, mistakes: Mistakes::default(), held }.load(raw)
    }

    /// Refuses a rubric that names what the lab does not have, that does not give 100 points in each variant, or
    /// that grades what the lab's nodes do not carry truthfully.
    pub fn fits(
        &self,
        variants: &[VariantName],
        nodes: &[(NodeName, NodeKind)],
        parameters: &[impl AsRef<str>],
    ) -> Result<(), DocumentError> {
        let mut mistakes = Mistakes::default();
        let names: Vec<NodeName> = nodes.iter().map(|(name, _)| name.clone()).collect();
        self.nodes_exist(&names, &mut mistakes);
        self.parameters_exist(parameters, &mut mistakes);
        self.is_faithful(nodes, &mut mistakes);
        for (i, criterion) in self.criteria.iter().enumerate() {
            for (j, variant) in criterion.variants.iter().flatten().enumerate() {
                if !variants.contains(variant) {
                    let place = Place::root().then("criterion").then(i).then("variants").then(j);
                    mistakes.push(
                        self.source
                            .mistake(&place, format!("the lab has no variant `{variant}`"))
                            .allowing(variant.as_str(), variants),
                    );
                }
            }
        }
        for variant in variants {
            let sum: Points = self.criteria_of(variant).map(|criterion| criterion.points).sum();
            if sum != Points::FULL {
                mistakes.push(sum_mistake(&self.source, &format!(" in variant `{variant}`"), sum));
            }
        }
        mistakes.or(())
    }

    /// Refuses what could not be graded on real accelerators, for labs whose nodes may have them.
    pub fn fits_real_accelerators(&self) -> Result<(), DocumentError> {
        let mut mistakes = Mistakes::default();
        for (i, check) in self.checks.iter().enumerate() {
            let of_gpus = matches!(check.ask.template(), Question::Gpu { .. } | Question::Gpus {});
            let untold =
                |(property, _): &&(Property, Matcher)| fidelity::UNTOLD_OF_REAL.contains(&property.as_str());
            for (property, _) in check.expect.iter().filter(untold).take_while(|_| of_gpus) {
                let place = Place::root().then("check").then(i).then("expect").then(property.as_str());
                let what = format!("`{}` cannot be told of real accelerators", property.as_str());
                let hint = "the lab declares `real-accelerators`; expect something else, or drop that";
                mistakes.push(self.source.mistake_in_key(&place, what).hint(hint));
            }
        }
        mistakes.or(())
    }

    fn nodes_exist(&self, nodes: &[NodeName], mistakes: &mut Mistakes) {
        let mut need = |place: Place, node: &NodeName| {
            if !nodes.contains(node) {
                mistakes.push(
                    self.source
                        .mistake(&place, format!("the lab has no node `{node}`"))
                        .allowing(node.as_str(), nodes),
                );
            }
        };
        for (i, probe) in self.probes.iter().enumerate() {
            need(Place::root().then("probe").then(i).then("node"), &probe.node);
        }
        for (i, check) in self.checks.iter().enumerate() {
            let place = Place::root().then("check").then(i);
            for (j, node) in check.nodes.iter().enumerate() {
                // One of the two keys is there; the other leads nowhere and is ignored.
                let place = if self.source.has(&place.then("node")) {
                    place.then("node")
                } else {
                    place.then("nodes").then(j)
                };
                need(place, node);
            }
            for (j, node) in check.plant.iter().enumerate() {
                need(place.then("plant").then(j), node);
            }
        }
    }

    /// Refuses to grade what nodes do not carry truthfully, each kind of node by its own list.
    fn is_faithful(&self, nodes: &[(NodeName, NodeKind)], mistakes: &mut Mistakes) {
        for ((list, i, ask), asked) in self.asks().zip(self.asked_nodes()) {
            let place = Place::root().then(list).then(i).then("ask");
            // A question to several nodes must be answerable on each of them.
            let kinds: BTreeSet<NodeKind> =
                nodes.iter().filter(|(name, _)| asked.contains(name)).map(|(_, kind)| *kind).collect();
            // Where only nodes of this kind cannot answer, they are named.
            let hint = |kind: NodeKind| {
                let truthful =
                    "ask for what nodes carry truthfully; site/pages/fidelity.md says what that is"
                        .to_string();
                if kinds.len() < 2 {
                    return truthful;
                }
                let these = nodes.iter().filter(|(name, other)| *other == kind && asked.contains(name));
                let these: Vec<String> = these.map(|(name, _)| format!("`{name}`")).collect();
                format!("leave out {}, or {truthful}", these.join(", "))
            };
            let of_kind = |kind: &NodeKind| Some((*kind, fidelity::refuses_kind(ask.kind(), *kind)?));
            if let Some((kind, surface)) = kinds.iter().find_map(of_kind) {
                let (own, what, here) = (ask.kind(), &surface.what, &surface.here);
                let what = format!("`{own}` asks for the {what} of a {}: {here}", kind.words());
                mistakes.push(self.source.mistake_in_key(&place.then(own), what).hint(hint(kind)));
                continue;
            }
            for (steps, text) in ask.texts() {
                let of_text =
                    |kind: &NodeKind| Some((*kind, fidelity::refuses_text(ask.template(), &text, *kind)?));
                if let Some((kind, (word, surface))) = kinds.iter().find_map(of_text) {
                    let (what, here) = (&surface.what, &surface.here);
                    let what = format!("`{word}` tells of the {what} of a {}: {here}", kind.words());
                    mistakes.push(self.source.mistake(&place.along(steps), what).hint(hint(kind)));
                }
            }
        }
    }

    /// The nodes that each question is put to, in the order of [`Rubric::asks`].
    fn asked_nodes(&self) -> impl Iterator<Item = &[NodeName]> {
        let probed = self.probes.iter().map(|probe| std::slice::from_ref(&probe.node));
        probed.chain(self.checks.iter().map(|check| &check.nodes[..]))
    }

    /// Every question, with the list that it stands in and its place there.
    fn asks(&self) -> impl Iterator<Item = (&'static str, usize, &Ask)> {
        let probes = self.probes.iter().map(|probe| &probe.ask).enumerate().map(|(i, ask)| ("probe", i, ask));
        let checks = self.checks.iter().map(|check| &check.ask).enumerate().map(|(i, ask)| ("check", i, ask));
        probes.chain(checks)
    }

    fn parameters_exist(&self, parameters: &[impl AsRef<str>], mistakes: &mut Mistakes) {
        let known: Vec<&str> = parameters.iter().map(AsRef::as_ref).collect();
        for (place, template) in self.templates() {
            for placeholder in template.placeholders() {
                let Placeholder::Parameter(name) = placeholder else { continue };
                if !known.contains(&name.as_str()) {
                    let allowed = known.iter().chain(super::RESERVED);
                    mistakes.push(
                        self.source
                            .mistake(&place, format!("the lab has no parameter `{name}`"))
                            .allowing(name, allowed),
                    );
                }
            }
        }
    }

    /// Every text that may hold placeholders, and where it stands.
    fn templates(&self) -> Vec<(Place, Template)> {
        let mut found = Vec::new();
        for (list, i, ask) in self.asks() {
            let place = Place::root().then(list).then(i).then("ask");
            for (steps, text) in ask.texts() {
                if let Ok(template) = Template::try_from(text) {
                    found.push((place.along(steps), template));
                }
            }
        }
        for (i, check) in self.checks.iter().enumerate() {
            let place = Place::root().then("check").then(i);
            if let Some(key) = check.read.as_ref().and_then(|read| read.key.clone()) {
                found.push((place.then("read").then("key"), key));
            }
            for (property, matcher) in &check.expect {
                matcher_templates(matcher, &place.then("expect").then(property.as_str()), &mut found);
            }
        }
        found
    }
}

fn matcher_templates(matcher: &Matcher, place: &Place, found: &mut Vec<(Place, Template)>) {
    let own = matcher.key().map_or_else(|| place.clone(), |key| place.then(key));
    found.extend(matcher.templates().into_iter().map(|template| (own.clone(), template.clone())));
    for (steps, inner) in matcher.inner() {
        matcher_templates(inner, &place.along(steps), found);
    }
}

fn sum_mistake(source: &Document, where_: &str, sum: Points) -> crate::document::Mistake {
    let place = Place::root().then("criterion").then(0).then("points");
    source
        .mistake(&place, format!("the points of all criteria{where_} sum to {sum}, not to {}", Points::FULL))
        .hint("one of several: change points so that they sum to 100")
}

struct Loader {
    source: Document,
    mistakes: Mistakes,
    held: Vec<HeldNumber>,
}

impl Loader {
    fn load(mut self, raw: RawRubric) -> Result<Rubric, DocumentError> {
        if !(1..=Points::FULL.0).contains(&raw.pass.0) {
            self.wrong(
                Place::root().then("pass"),
                "the pass mark lies outside 1 to 100",
                "a number from 1 to 100",
            );
        }
        let kinds = self.kinds(&raw);
        let probes: Vec<Probe> =
            raw.probe.into_iter().enumerate().map(|(i, probe)| self.probe(i, probe, &kinds)).collect();
        let checks: Vec<Check> =
            raw.check.into_iter().enumerate().map(|(i, check)| self.check(i, check, &kinds)).collect();
        self.no_circle_of_probes(&probes);
        let named: Vec<CriterionId> = raw.criterion.iter().map(|criterion| criterion.id.clone()).collect();
        let criteria: Vec<Criterion> = raw
            .criterion
            .into_iter()
            .enumerate()
            .filter_map(|(i, criterion)| self.criterion(i, criterion, &kinds))
            .collect();
        let guards: Vec<Guard> =
            raw.guard.into_iter().enumerate().filter_map(|(i, guard)| self.guard(i, guard, &kinds)).collect();
        self.distinct("criterion", criteria.iter().map(|criterion| criterion.id.as_str()));
        self.distinct("guard", guards.iter().map(|guard| guard.id.as_str()));
        self.requirements(&criteria, &named);
        self.uses(&probes, &checks, &criteria, &guards);
        self.sums(&criteria);
        let Self { source, mistakes, .. } = self;
        mistakes.or(Rubric { lab: raw.lab, pass: raw.pass, probes, checks, criteria, guards, source })
    }

    fn wrong(&mut self, place: Place, what: impl Into<String>, hint: &str) {
        let mistake = self.source.mistake(&place, what).hint(hint);
        self.mistakes.push(mistake);
    }

    /// Kind of question of every check and probe; refuses a name that is used twice.
    fn kinds(&mut self, raw: &RawRubric) -> BTreeMap<CheckId, (bool, &'static str)> {
        let mut kinds = BTreeMap::new();
        let probes = raw.probe.iter().enumerate().map(|(i, p)| ("probe", i, &p.id, p.ask.kind()));
        let checks = raw.check.iter().enumerate().map(|(i, c)| ("check", i, &c.id, c.ask.kind()));
        for (list, i, id, kind) in probes.chain(checks) {
            if kinds.insert(id.clone(), (list == "check", kind)).is_some() {
                self.wrong(
                    Place::root().then(list).then(i).then("id"),
                    format!("`{id}` is used twice"),
                    "checks and probes share one set of names",
                );
            }
        }
        kinds
    }

    fn distinct<'a>(&mut self, list: &str, ids: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for (i, id) in ids.enumerate() {
            if !seen.insert(id) {
                self.wrong(
                    Place::root().then(list).then(i).then("id"),
                    format!("`{id}` is used twice"),
                    "each name once",
                );
            }
        }
    }

    fn probe(&mut self, i: usize, raw: RawProbe, kinds: &BTreeMap<CheckId, (bool, &'static str)>) -> Probe {
        let place = Place::root().then("probe").then(i);
        self.stdin_from(&place, raw.stdin_from.as_ref(), &raw.ask, kinds);
        let ask = self.ask("probe", i, raw.ask, false, kinds);
        Probe { id: raw.id, node: raw.node, ask, stdin_from: raw.stdin_from }
    }

    fn check(&mut self, i: usize, raw: RawCheck, kinds: &BTreeMap<CheckId, (bool, &'static str)>) -> Check {
        let place = Place::root().then("check").then(i);
        let nodes = match (raw.node, raw.nodes) {
            (Some(node), None) => vec![node],
            (None, Some(nodes)) => {
                self.names(&place.then("nodes"), &nodes);
                nodes
            }
            (Some(_), Some(nodes)) => {
                self.wrong(place.then("nodes"), "this check has `node` and `nodes`", "one of the two");
                nodes
            }
            (None, None) => {
                self.wrong(place.then("id"), "this check asks no node", "add `node` or `nodes`");
                Vec::new()
            }
        };
        if raw.settle_s > SETTLE_LIMIT_S {
            self.wrong(
                place.then("settle-s"),
                format!("{} s is too long to wait", raw.settle_s),
                "at most 60 seconds",
            );
        }
        if raw.why.trim().is_empty() {
            self.wrong(place.then("why"), "this check does not say why", "one sentence for the learner");
        }
        self.stdin_from(&place, raw.stdin_from.as_ref(), &raw.ask, kinds);
        let planted = !raw.plant.is_empty();
        if self.source.has(&place.then("plant")) {
            self.names(&place.then("plant"), &raw.plant);
        }
        let kind = raw.ask.kind();
        if planted && kind != "command" {
            self.wrong(
                place.then("plant"),
                format!("a `{kind}` question reads no token"),
                "only `ask.command` does",
            );
        }
        let ask = self.ask("check", i, raw.ask, planted, kinds);
        if planted && kind == "command" {
            let placeholders = ask.placeholders();
            if !placeholders.contains(&Placeholder::Token)
                || !placeholders.contains(&Placeholder::Nonce(None))
            {
                self.wrong(
                    place.then("plant"),
                    "the command of a nonce job must read the token and know the nonce",
                    "use `{{token}}` and `{{nonce}}` in `ask.command`",
                );
            }
        }
        self.read(&place, raw.read.as_ref(), kind);
        let properties = properties(kind, raw.read.is_some(), planted);
        if raw.expect.is_empty() {
            self.wrong(
                place.then("expect"),
                "this check expects nothing, so it cannot fail",
                "expect something",
            );
        }
        if planted && !raw.expect.contains_key(&Property("answered".into())) {
            self.wrong(
                place.then("plant"),
                "tokens are planted and no answer is expected",
                "add `expect.answered`",
            );
        }
        if let Some(key) = raw.read.as_ref().and_then(|read| read.key.as_ref()) {
            self.placeholders_known(&place.then("read").then("key"), key, planted, kinds);
        }
        let mut expect: Vec<(Property, Matcher)> = raw.expect.into_iter().collect();
        for (property, matcher) in &expect {
            let at = place.then("expect").then(property.as_str());
            if !properties.iter().any(|known| known == property.as_str()) {
                let hint = missing_property_hint(property.as_str(), kind);
                let what = format!("`{}` is no property of a `{kind}` fact", property.as_str());
                let mistake = self.source.mistake_in_key(&at, what).allowing(property.as_str(), &properties);
                self.mistakes.push(match hint {
                    Some(hint) => mistake.hint(hint),
                    None => mistake,
                });
            }
            self.matcher(&at, matcher, unsigned(property.as_str()), planted, kinds, &mut BTreeSet::new());
        }
        let pauses: BTreeSet<u32> =
            expect.iter().flat_map(|(_, matcher)| matcher.walk()).filter_map(Matcher::pause_ms).collect();
        if pauses.len() > 1 {
            self.wrong(
                place.then("expect"),
                "two pauses of `stable-for` or `rises` in one check",
                "a question is asked twice at most",
            );
        }
        // The fact's own order reads better than the alphabet: exists, kind, mode, owner.
        expect.sort_by_key(|(property, _)| properties.iter().position(|known| known == property.as_str()));
        Check {
            id: raw.id,
            nodes,
            ask,
            stdin_from: raw.stdin_from,
            read: raw.read,
            plant: raw.plant,
            expect,
            settle_s: raw.settle_s,
            disturbs: raw.disturbs,
            why: raw.why.trim().to_string(),
        }
    }

    /// A list of names: not empty, none twice.
    fn names<N: AsRef<str>>(&mut self, place: &Place, names: &[N]) {
        if names.is_empty() {
            self.wrong(place.clone(), "this list is empty", "name at least one");
        }
        let mut seen = BTreeSet::new();
        for (i, name) in names.iter().enumerate() {
            if !seen.insert(name.as_ref()) {
                self.wrong(place.then(i), format!("`{}` stands here twice", name.as_ref()), "each name once");
            }
        }
    }

    fn stdin_from(
        &mut self,
        place: &Place,
        from: Option<&CheckId>,
        ask: &Question,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) {
        let Some(from) = from else { return };
        let at = place.then("stdin-from");
        match ask {
            Question::Command { stdin, .. } if stdin.is_empty() => {}
            Question::Command { .. } => {
                self.wrong(at.clone(), "`ask.command` has its own `stdin`", "one of the two")
            }
            _ => self.wrong(at.clone(), "only a command has a standard input", "drop `stdin-from`"),
        }
        let probes: Vec<&CheckId> = kinds.iter().filter(|(_, (check, _))| !check).map(|(id, _)| id).collect();
        match kinds.get(from) {
            Some((false, "command")) => {}
            Some((false, kind)) => {
                self.wrong(
                    at,
                    format!("`{from}` asks for a `{kind}`, which has no standard output"),
                    "a command's probe",
                );
            }
            Some((true, _)) => {
                self.wrong(at, format!("`{from}` is a check, not a probe"), "make it a `[[probe]]`")
            }
            None => {
                let mistake = self.source.mistake(&at, format!("there is no probe `{from}`"));
                self.mistakes.push(mistake.allowing(from.as_str(), probes));
            }
        }
    }

    fn no_circle_of_probes(&mut self, probes: &[Probe]) {
        for (i, probe) in probes.iter().enumerate() {
            let mut at = probe.stdin_from.as_ref();
            let mut steps = 0;
            while let Some(id) = at {
                if id == &probe.id || steps > probes.len() {
                    self.wrong(
                        Place::root().then("probe").then(i).then("stdin-from"),
                        format!("`{}` waits for itself", probe.id),
                        "break the circle",
                    );
                    break;
                }
                steps += 1;
                at = probes.iter().find(|other| &other.id == id).and_then(|other| other.stdin_from.as_ref());
            }
        }
    }

    /// Checks the texts and limits of a question, and puts back the numbers that were held.
    fn ask(
        &mut self,
        list: &'static str,
        i: usize,
        question: Question,
        planted: bool,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) -> Ask {
        let place = Place::root().then(list).then(i).then("ask");
        let fields = place.then(question.kind());
        let mut numbers = Vec::new();
        for held in self.held.iter().filter(|held| held.list == list && held.index == i) {
            match Template::try_from(held.text.clone()) {
                Ok(template) => numbers.push((held.field.clone(), template)),
                Err(error) => {
                    let mistake = self.source.mistake(&fields.then(held.field.as_str()), error.to_string());
                    self.mistakes.push(mistake);
                }
            }
        }
        let ask = Ask::new(question, numbers);
        for (steps, text) in ask.texts() {
            let at = place.along(steps);
            match Template::try_from(text) {
                Ok(template) => self.placeholders_known(&at, &template, planted, kinds),
                Err(error) => {
                    let mistake = self.source.mistake(&at, error.to_string());
                    self.mistakes.push(mistake);
                }
            }
        }
        self.limits(&fields, ask.template());
        ask
    }

    fn limits(&mut self, fields: &Place, question: &Question) {
        let absolute = |loader: &mut Self, key: &str, path: &str| {
            if !path.starts_with('/') {
                loader.wrong(fields.then(key), format!("`{path}` is no absolute path"), "begin with `/`");
            }
        };
        match question {
            Question::File { path }
            | Question::Text { path }
            | Question::Mount { path }
            | Question::Device { path } => absolute(self, "path", path),
            Question::Find { under, name, sha256 } => {
                if name.is_none() && sha256.is_none() {
                    self.wrong(
                        fields.clone(),
                        "a search needs something to look for",
                        "add `name` or `sha256`",
                    );
                }
                if under.is_empty() {
                    self.wrong(fields.then("under"), "this list is empty", "name at least one directory");
                }
                for (i, path) in under.iter().enumerate() {
                    if !path.starts_with('/') {
                        self.wrong(
                            fields.then("under").then(i),
                            format!("`{path}` is no absolute path"),
                            "begin with `/`",
                        );
                    }
                }
            }
            Question::Command { argv, timeout_ms, .. } => {
                match argv.first() {
                    None => self.wrong(fields.then("argv"), "this list is empty", "name the program first"),
                    Some(program) if !program.starts_with('/') => self.wrong(
                        fields.then("argv").then(0),
                        format!("`{program}` is no absolute path"),
                        "the node's PATH is not believed; begin with `/`",
                    ),
                    Some(_) => {}
                }
                self.timeout(fields, *timeout_ms);
            }
            Question::Http { url, timeout_ms } => {
                if !url.starts_with("http://") {
                    self.wrong(fields.then("url"), "only plain HTTP is asked", "begin with `http://`");
                }
                self.timeout(fields, *timeout_ms);
            }
            Question::Log { of: LogOf::Path(path), .. } => absolute(self, "of", path),
            Question::KernelCounter { file, .. } if !file.contains("{{") && !is_counter_file(file) => {
                self.wrong(
                    fields.then("file"),
                    format!("`{file}` is no file of the kernel's counters"),
                    "such as `/proc/vmstat`; site/pages/authors.md names them all",
                );
            }
            Question::Interrupts { name } if name.trim().is_empty() => {
                self.wrong(
                    fields.then("name"),
                    "this is empty, so it means every interrupt",
                    "a part of their description",
                );
            }
            Question::Process(of)
            | Question::Limit { of, .. }
            | Question::Memory { of }
            | Question::Threads { of } => match of {
                ProcessOf::Exe(path) if !path.starts_with('/') => {
                    self.wrong(fields.clone(), format!("`{path}` is no absolute path"), "begin with `/`");
                }
                ProcessOf::Cmdline(text) | ProcessOf::Unit(text) if text.trim().is_empty() => {
                    self.wrong(
                        fields.clone(),
                        "this is empty, so it means every process",
                        "say which process",
                    );
                }
                _ => {}
            },
            Question::Cgroup { file, .. } if file.is_empty() || file.contains('/') => {
                self.wrong(
                    fields.then("file"),
                    format!("`{file}` is no file of a control group"),
                    "such as `memory.max`",
                );
            }
            Question::Port { port: 0, .. } => {
                self.wrong(fields.then("port"), "there is no port 0", "1 to 65535")
            }
            _ => {}
        }
    }

    fn timeout(&mut self, fields: &Place, timeout_ms: u32) {
        if !(TIMEOUT_LEAST_MS..=TIMEOUT_LIMIT_MS).contains(&timeout_ms) {
            self.wrong(
                fields.then("timeout-ms"),
                format!("{timeout_ms} ms lies outside 100 to 60000"),
                "from 0.1 s to 60 s",
            );
        }
    }

    fn placeholders_known(
        &mut self,
        place: &Place,
        template: &Template,
        planted: bool,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) {
        for placeholder in template.placeholders() {
            match placeholder {
                Placeholder::Nonce(Some(id)) if !kinds.contains_key(id) => {
                    let what = format!("there is no check or probe `{id}`");
                    let mistake = self.source.mistake(place, what).allowing(id.as_str(), kinds.keys());
                    self.mistakes.push(mistake);
                }
                Placeholder::Token if !planted => {
                    self.wrong(place.clone(), "no token is planted for this question", "add `plant`");
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, place: &Place, read: Option<&Read>, kind: &str) {
        let Some(read) = read else { return };
        if text_property(kind).is_none() {
            self.wrong(
                place.then("read"),
                format!("a `{kind}` fact has no text to read a key from"),
                "`text`, `command`, `http`, `log`, `cgroup` and `initramfs` have one",
            );
        }
        match (&read.key, read.syntax) {
            (None, Syntax::Lines) => {}
            (None, _) => self.wrong(place.then("read"), "the key to read is missing", "add `key`"),
            (Some(key), _) if key.as_str().trim().is_empty() => {
                self.wrong(place.then("read").then("key"), "the key is empty", "name the key");
            }
            (Some(_), _) => {}
        }
    }

    /// Refuses what cannot fail, cannot hold, or refers to nothing.
    fn matcher(
        &mut self,
        place: &Place,
        matcher: &Matcher,
        unsigned: bool,
        planted: bool,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
        above: &mut BTreeSet<&'static str>,
    ) {
        let at = matcher.key().map_or_else(|| place.clone(), |key| place.then(key));
        for template in matcher.templates() {
            self.placeholders_known(&at, template, planted, kinds);
        }
        if let Some(why) = cannot_fail(matcher, unsigned) {
            self.wrong(at.clone(), why, "expect something that can be otherwise");
        }
        match matcher {
            Matcher::Lt(o) | Matcher::Le(o) | Matcher::Gt(o) | Matcher::Ge(o) => self.numeric(&at, o),
            Matcher::Within(low, high) => {
                self.numeric(&at.then(0), low);
                self.numeric(&at.then(1), high);
                if low.number() > high.number() && high.number().is_some() {
                    self.wrong(
                        at.clone(),
                        "the first number is greater than the second",
                        "the smaller one first",
                    );
                }
            }
            Matcher::Semver(requirement) if requirement.is_plain() => {
                if let Err(error) = super::version_requirement(requirement.as_str()) {
                    let mistake =
                        self.source.mistake(&at, format!("this is no version requirement: {error}"));
                    self.mistakes.push(mistake.hint("such as `>=1.2` or `>=1.2, <2`"));
                }
            }
            Matcher::StableFor { ms, .. } => {
                if !(1..=STABLE_LIMIT_MS).contains(ms) {
                    self.wrong(
                        at.then("ms"),
                        format!("{ms} ms lies outside 1 to {STABLE_LIMIT_MS}"),
                        "at most 10 s",
                    );
                }
                if above.contains("stable-for") {
                    self.wrong(
                        at.clone(),
                        "`stable-for` inside `stable-for`",
                        "a question is asked twice at most",
                    );
                }
            }
            Matcher::Rises { ms, at_least, at_most } => {
                if !(1..=RISES_LIMIT_MS).contains(ms) {
                    self.wrong(
                        at.then("ms"),
                        format!("{ms} ms lies outside 1 to {RISES_LIMIT_MS}"),
                        "at most 60 s",
                    );
                }
                for (key, bound) in [("at-least", at_least), ("at-most", at_most)] {
                    if let Some(bound) = bound {
                        self.numeric(&at.then(key), bound);
                    }
                }
                let number = |bound: &Option<Operand>| bound.as_ref().and_then(Operand::number);
                if number(at_least).zip(number(at_most)).is_some_and(|(least, most)| least > most) {
                    self.wrong(
                        at.then("at-least"),
                        "it would have to rise by more than it may",
                        "the smaller number in `at-least`",
                    );
                }
                if let Some(outer) = ["every", "json-path", "len", "some", "stable-for"]
                    .iter()
                    .find(|outer| above.contains(**outer))
                {
                    self.wrong(
                        at.clone(),
                        format!("`rises` inside `{outer}`"),
                        "it compares two readings of the property itself",
                    );
                }
            }
            Matcher::Tracks { probe, property, within_percent } => {
                let probes: Vec<&CheckId> =
                    kinds.iter().filter(|(_, (check, _))| !check).map(|(id, _)| id).collect();
                match kinds.get(probe) {
                    Some((false, kind)) => {
                        let known = properties(kind, false, false);
                        if !known.iter().any(|name| name == property.as_str()) {
                            let what = format!("`{}` is no property of a `{kind}` fact", property.as_str());
                            let mistake = self.source.mistake(&at.then("property"), what);
                            self.mistakes.push(mistake.allowing(property.as_str(), &known));
                        }
                    }
                    _ => {
                        let mistake =
                            self.source.mistake(&at.then("probe"), format!("there is no probe `{probe}`"));
                        self.mistakes.push(mistake.allowing(probe.as_str(), probes));
                    }
                }
                if *within_percent > 100 {
                    self.wrong(
                        at.then("within-percent"),
                        "more than 100 percent follows nothing",
                        "0 to 100",
                    );
                }
            }
            _ => {}
        }
        let key = matcher.key();
        let fresh = key.is_some_and(|key| above.insert(key));
        for (steps, inner) in matcher.inner() {
            let counted = unsigned || matches!(matcher, Matcher::Len(_));
            let counted = counted && !matches!(matcher, Matcher::JsonPath { .. });
            self.matcher(&place.along(steps), inner, counted, planted, kinds, above);
        }
        if let (true, Some(key)) = (fresh, key) {
            above.remove(key);
        }
    }

    fn numeric(&mut self, place: &Place, operand: &Operand) {
        let may_be = operand.number().is_some() || matches!(operand, Operand::Text(text) if !text.is_plain());
        if !may_be {
            self.wrong(place.clone(), "only numbers have an order", "a number belongs here");
        }
    }

    /// Refuses names of checks that do not exist, are probes or stand twice.
    fn check_names(
        &mut self,
        place: &Place,
        names: &[CheckId],
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) {
        self.names(place, names);
        for (i, id) in names.iter().enumerate() {
            match kinds.get(id) {
                Some((true, _)) => {}
                Some((false, _)) => {
                    self.wrong(
                        place.then(i),
                        format!("`{id}` is a probe, which expects nothing"),
                        "name a check",
                    );
                }
                None => {
                    let checks = kinds.iter().filter(|(_, (check, _))| *check).map(|(id, _)| id);
                    let mistake = self.source.mistake(&place.then(i), format!("there is no check `{id}`"));
                    self.mistakes.push(mistake.allowing(id.as_str(), checks));
                }
            }
        }
    }

    fn criterion(
        &mut self,
        i: usize,
        raw: RawCriterion,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) -> Option<Criterion> {
        let place = Place::root().then("criterion").then(i);
        if !(1..=Points::FULL.0).contains(&raw.points.0) {
            self.wrong(place.then("points"), "points lie outside 1 to 100", "a number from 1 to 100");
        }
        if let Some(variants) = &raw.variants {
            self.names(&place.then("variants"), variants);
        }
        let credit = match (raw.credit, raw.checks, raw.level) {
            (RawCredit::Levels, None, Some(levels)) => {
                self.levels(&place, &levels, raw.points, kinds);
                Credit::Levels(levels)
            }
            (RawCredit::Levels, Some(_), _) => {
                self.wrong(
                    place.then("checks"),
                    "with `levels` each level has its own checks",
                    "drop `checks`",
                );
                return None;
            }
            (RawCredit::Levels, None, None) => {
                self.wrong(
                    place.then("credit"),
                    "there are no levels",
                    "add `level = [{ name, points, checks }, …]`",
                );
                return None;
            }
            (_, _, Some(_)) => {
                self.wrong(
                    place.then("level"),
                    "levels without `credit = \"levels\"`",
                    "say `credit = \"levels\"`",
                );
                return None;
            }
            (_, None, None) => {
                self.wrong(place.then("id"), "this criterion has no checks", "add `checks`");
                return None;
            }
            (credit, Some(checks), None) => {
                self.check_names(&place.then("checks"), &checks, kinds);
                match credit {
                    RawCredit::Each => Credit::Each(checks),
                    _ => Credit::All(checks),
                }
            }
        };
        Some(Criterion {
            id: raw.id,
            points: raw.points,
            skill: raw.skill,
            phase: raw.phase,
            credit,
            requires: raw.requires,
            variants: raw.variants,
        })
    }

    fn levels(
        &mut self,
        place: &Place,
        levels: &[Level],
        points: Points,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) {
        let mut below = Points(0);
        for (i, level) in levels.iter().enumerate() {
            let at = place.then("level").then(i);
            self.check_names(&at.then("checks"), &level.checks, kinds);
            if level.name.trim().is_empty() {
                self.wrong(at.then("name"), "this level has no name", "say what has been reached");
            }
            if level.points <= below {
                self.wrong(at.then("points"), "levels must rise", "more points than the level before");
            }
            below = level.points;
        }
        match levels.last() {
            None => self.wrong(place.then("level"), "this list is empty", "name at least one level"),
            Some(last) if last.points != points => self.wrong(
                place.then("level").then(levels.len() - 1).then("points"),
                format!("the last level is worth {}, the criterion {points}", last.points),
                "the last level is worth all points of the criterion",
            ),
            Some(_) => {}
        }
    }

    fn guard(
        &mut self,
        i: usize,
        raw: RawGuard,
        kinds: &BTreeMap<CheckId, (bool, &'static str)>,
    ) -> Option<Guard> {
        let place = Place::root().then("guard").then(i);
        if !raw.checks.is_empty() || raw.damage.is_empty() {
            self.check_names(&place.then("checks"), &raw.checks, kinds);
        }
        if !raw.damage.is_empty() && raw.phase != Phase::Live {
            self.wrong(
                place.then("phase"),
                "damage is looked for before the restart",
                "`phase = \"live\"`, and another guard for checks after it",
            );
        }
        if raw.why.trim().is_empty() {
            self.wrong(place.then("why"), "this guard does not say why", "one sentence for the learner");
        }
        let effect = match raw.effect {
            RawEffect { fail: Some(true), cap: None, cap_skill: None, at: None } => Effect::Fail,
            RawEffect { fail: None, cap: Some(cap), cap_skill: None, at: None } if cap < Points::FULL => {
                Effect::Cap(cap)
            }
            RawEffect { fail: None, cap: None, cap_skill: Some(skill), at: Some(at) }
                if at < Points::FULL =>
            {
                Effect::CapSkill { skill, at }
            }
            _ => {
                self.wrong(
                    place.then("effect"),
                    "this effect is not known, or costs nothing",
                    "`{ fail = true }`, `{ cap = POINTS }` or `{ cap-skill = \"KRN\", at = POINTS }`, points below 100",
                );
                return None;
            }
        };
        Some(Guard {
            id: raw.id,
            phase: raw.phase,
            checks: raw.checks,
            damage: raw.damage,
            effect,
            why: raw.why.trim().to_string(),
        })
    }

    fn requirements(&mut self, criteria: &[Criterion], named: &[CriterionId]) {
        for (i, criterion) in criteria.iter().enumerate() {
            for (j, id) in criterion.requires.iter().enumerate() {
                let at = Place::root().then("criterion").then(i).then("requires").then(j);
                let Some(required) = criteria.iter().find(|other| &other.id == id) else {
                    // It is there, and was refused for reasons of its own.
                    if named.contains(id) {
                        continue;
                    }
                    let mistake = self.source.mistake(&at, format!("there is no criterion `{id}`"));
                    self.mistakes.push(mistake.allowing(id.as_str(), named));
                    continue;
                };
                let missing = match (&criterion.variants, &required.variants) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(own), Some(theirs)) => own.iter().any(|variant| !theirs.contains(variant)),
                };
                if missing {
                    self.wrong(
                        at.clone(),
                        format!("`{id}` is not part of every variant of `{}`", criterion.id),
                        "a criterion that is not there cannot be met",
                    );
                }
                if reaches(criteria, id, &criterion.id, &mut BTreeSet::new()) {
                    self.wrong(at, format!("`{}` requires itself", criterion.id), "break the circle");
                }
            }
        }
    }

    /// Refuses a guard's check that also earns, and a check that nobody uses.
    fn uses(&mut self, probes: &[Probe], checks: &[Check], criteria: &[Criterion], guards: &[Guard]) {
        let earning: BTreeSet<&CheckId> =
            criteria.iter().flat_map(|criterion| criterion.credit.checks()).collect();
        let mut used = earning.clone();
        for (i, guard) in guards.iter().enumerate() {
            for (j, id) in guard.checks.iter().enumerate() {
                used.insert(id);
                if earning.contains(id) {
                    self.wrong(
                        Place::root().then("guard").then(i).then("checks").then(j),
                        format!("`{id}` earns points, so it cannot be a guard"),
                        "what holds in the broken state costs and never earns",
                    );
                }
            }
        }
        let mut asked: BTreeSet<CheckId> = checks.iter().flat_map(Check::probes).collect();
        asked.extend(probes.iter().filter_map(|probe| probe.stdin_from.clone()));
        for (i, probe) in probes.iter().enumerate() {
            if !asked.contains(&probe.id) && self.mistakes.0.is_empty() {
                self.wrong(
                    Place::root().then("probe").then(i).then("id"),
                    format!("no check uses `{}`", probe.id),
                    "use it, or drop it",
                );
            }
        }
        for (i, check) in checks.iter().enumerate() {
            // A criterion or guard that was refused itself may have used it; one mistake at a time.
            if !used.contains(&check.id) && self.mistakes.0.is_empty() {
                self.wrong(
                    Place::root().then("check").then(i).then("id"),
                    format!("no criterion and no guard uses `{}`", check.id),
                    "use it, or drop it",
                );
            }
        }
    }

    /// Refuses points that do not sum to 100 in a variant that the rubric itself mentions.
    fn sums(&mut self, criteria: &[Criterion]) {
        let mentioned: BTreeSet<&VariantName> =
            criteria.iter().flat_map(|c| c.variants.iter().flatten()).collect();
        let sum = |variant: Option<&VariantName>| -> Points {
            criteria
                .iter()
                .filter(|criterion| match (&criterion.variants, variant) {
                    (None, _) => true,
                    (Some(these), Some(variant)) => these.contains(variant),
                    (Some(_), None) => false,
                })
                .map(|criterion| criterion.points)
                .sum()
        };
        let wrong: Vec<(String, Points)> = match mentioned.is_empty() {
            true => vec![(String::new(), sum(None))],
            false => mentioned.into_iter().map(|v| (format!(" in variant `{v}`"), sum(Some(v)))).collect(),
        };
        for (where_, sum) in wrong.into_iter().filter(|(_, sum)| *sum != Points::FULL) {
            // A criterion that was refused itself is missing from the sum; one mistake at a time.
            if self.mistakes.0.is_empty() {
                let mistake = sum_mistake(&self.source, &where_, sum);
                self.mistakes.push(mistake);
            }
        }
    }
}

/// `to` can be reached from `from` by following requirements.
fn reaches<'a>(
    criteria: &'a [Criterion],
    from: &'a CriterionId,
    to: &CriterionId,
    seen: &mut BTreeSet<&'a CriterionId>,
) -> bool {
    from == to
        || (seen.insert(from)
            && criteria
                .iter()
                .filter(|criterion| &criterion.id == from)
                .flat_map(|criterion| &criterion.requires)
                .any(|next| reaches(criteria, next, to, seen)))
}

/// Properties that may be expected of a kind of fact, in its own order, in kebab-case.
fn properties(kind: &str, read: bool, planted: bool) -> Vec<String> {
    let fields = KINDS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, fields)| fields);
    let mut known: Vec<String> = fields.iter().map(|field| field.replace('_', "-")).collect();
    if read {
        known.extend(["present", "value", "values"].map(str::to_string));
    }
    if planted {
        known.push("answered".into());
    }
    known
}

fn missing_property_hint(property: &str, kind: &str) -> Option<String> {
    match property {
        "value" | "values" | "present" if text_property(kind).is_some() => {
            Some("a key's value needs `read = { syntax = …, key = … }`".into())
        }
        "answered" => Some("the answer of a nonce job needs `plant = [NODES]`".into()),
        _ => None,
    }
}

/// The property of a kind of fact that `read` picks keys out of.
pub(crate) fn text_property(kind: &str) -> Option<&'static str> {
    match kind {
        "text" | "log" | "initramfs" => Some("text"),
        "command" => Some("stdout"),
        "http" => Some("body"),
        "cgroup" => Some("value"),
        _ => None,
    }
}

/// Properties that are never below zero. An exit status is none; a value read from a text may be anything.
fn unsigned(property: &str) -> bool {
    !matches!(
        property,
        "exit" | "nices" | "value" | "values" | "text" | "stdout" | "stderr" | "body" | "soft" | "hard"
    )
}

/// Why an expectation holds for every value, if it does.
fn cannot_fail(matcher: &Matcher, unsigned: bool) -> Option<&'static str> {
    let empty = |o: &Operand| matches!(o, Operand::Text(t) if t.as_str().is_empty());
    let at_most = |o: &Operand, n: f64| o.number().is_some_and(|found| found <= n);
    let below = |o: &Operand, n: f64| o.number().is_some_and(|found| found < n);
    match matcher {
        Matcher::Regex(pattern) if pattern.matches_nothing_at_all() => {
            Some("this pattern is found in the empty text, so it is found in every text")
        }
        Matcher::Contains(o) if empty(o) => Some("every text contains the empty text"),
        Matcher::Contains(Operand::List(_)) => Some("a list is no element: look for one value"),
        Matcher::All(items) | Matcher::Any(items) | Matcher::None(items) if items.is_empty() => {
            Some("an empty list expects nothing")
        }
        Matcher::Any(items) if either_way(items) => Some("`true` or `false` is every answer"),
        Matcher::Ge(o) if unsigned && at_most(o, 0.0) => Some("this number is never below zero"),
        Matcher::Gt(o) if unsigned && below(o, 0.0) => Some("this number is never below zero"),
        Matcher::Ne(o) if unsigned && below(o, 0.0) => Some("this number is never below zero"),
        Matcher::Within(low, high) if unsigned && at_most(low, 0.0) && !below(high, 4_294_967_295.0) => {
            Some("every number lies in this range")
        }
        _ => None,
    }
}

/// Both truth values are admitted.
fn either_way(items: &[Matcher]) -> bool {
    let admits =
        |value: bool| items.iter().any(|item| matches!(item, Matcher::Eq(Operand::Bool(b)) if *b == value));
    admits(true) && admits(false)
}

impl Place {
    /// Several steps further in.
    pub(crate) fn along(&self, steps: impl IntoIterator<Item = Step>) -> Self {
        steps.into_iter().fold(self.clone(), |place, step| place.then(step))
    }
}
