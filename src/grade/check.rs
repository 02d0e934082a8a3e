//! One check against the evidence: usable alone, so that a collector knows whether to ask again.

use std::collections::BTreeMap;

use crashcart_facts::{Fact, Question, Reading, TEXT_LIMIT as READ_LIMIT};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    matching::{Extent, Holds, Other, Scope, holds},
    words,
};
use crate::{
    evidence::{Evidence, Found, Observation, known, pick},
    lab::NodeName,
    rubric::{Check, CheckId, Matcher, Property, expected_answer, text_property},
};

/// What a check may look at beside the evidence that it judges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Evidence read right after the fault went in; without it `unchanged` is unknown.
    pub baseline: Option<&'a Evidence>,
}

/// What a check says. Texts are clean: no control characters, at most 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVerdict {
    /// As wanted.
    Pass {
        /// What was found.
        found: String,
    },
    /// The node answered, and the answer is wrong.
    Fail {
        /// What was found.
        found: String,
        /// What was wanted.
        wanted: String,
    },
    /// There is no answer to judge. Shown, and never counted as wrong or right.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Judges one check on all its nodes. It fails when one node fails, and passes when all pass.
pub fn judge_check(check: &Check, context: Context<'_>, evidence: &Evidence) -> CheckVerdict {
    let verdicts: Vec<(&NodeName, CheckVerdict)> =
        check.nodes.iter().map(|node| (node, judge_node(check, node, context, evidence))).collect();
    let alone = check.nodes.len() == 1;
    let gathered = |pick: &dyn Fn(&CheckVerdict) -> Option<String>| -> Vec<(&NodeName, String)> {
        verdicts.iter().filter_map(|(node, verdict)| Some((*node, pick(verdict)?))).collect()
    };
    let failed = gathered(&|verdict| match verdict {
        CheckVerdict::Fail { found, .. } => Some(found.clone()),
        _ => None,
    });
    if !failed.is_empty() {
        let wanted = gathered(&|verdict| match verdict {
            CheckVerdict::Fail { wanted, .. } => Some(wanted.clone()),
            _ => None,
        });
        return CheckVerdict::Fail { found: per_node(&failed, alone), wanted: per_wanted(&wanted) };
    }
    let unknown = gathered(&|verdict| match verdict {
        CheckVerdict::Unknown { why } => Some(why.clone()),
        _ => None,
    });
    if !unknown.is_empty() {
        return CheckVerdict::Unknown { why: per_node(&unknown, alone) };
    }
    let passed = gathered(&|verdict| match verdict {
        CheckVerdict::Pass { found } => Some(found.clone()),
        _ => None,
    });
    CheckVerdict::Pass { found: per_node(&passed, alone) }
}

/// What a check wants of its first node, in words.
pub(super) fn wanted_of(check: &Check, evidence: &Evidence) -> String {
    let Some(node) = check.nodes.first() else { return String::new() };
    wanted_all(check, &check.expect.iter().collect::<Vec<_>>(), node, evidence)
}

/// `gpu1: 0644; gpu2, gpu3: 0400`: nodes with the same text stand together.
fn per_node(texts: &[(&NodeName, String)], alone: bool) -> String {
    if let (true, [(_, text)]) = (alone, texts) {
        return text.clone();
    }
    let mut grouped: Vec<(Vec<&str>, &str)> = Vec::new();
    for (node, text) in texts {
        match grouped.iter_mut().find(|(_, known)| known == text) {
            Some((nodes, _)) => nodes.push(node.as_str()),
            None => grouped.push((vec![node.as_str()], text)),
        }
    }
    let lines: Vec<String> =
        grouped.iter().map(|(nodes, text)| format!("{}: {text}", nodes.join(", "))).collect();
    words::clean(&lines.join("; "), words::TEXT_LIMIT)
}

/// What is wanted is mostly the same everywhere, and then stands once.
fn per_wanted(texts: &[(&NodeName, String)]) -> String {
    match texts.iter().all(|(_, text)| text == &texts[0].1) {
        true => texts[0].1.clone(),
        false => per_node(texts, false),
    }
}

pub(super) fn judge_node(
    check: &Check,
    node: &NodeName,
    context: Context<'_>,
    evidence: &Evidence,
) -> CheckVerdict {
    let unknown = |why: String| CheckVerdict::Unknown { why: words::clean(&why, words::TEXT_LIMIT) };
    if let Some(why) = evidence.down_nodes.get(node) {
        // A machine that does not come up has none of what is wanted of it.
        let found = words::clean(&format!("the node is down: {why}"), words::TEXT_LIMIT);
        return CheckVerdict::Fail { found, wanted: wanted_of(check, evidence) };
    }
    let observation = match answer(check, node, evidence) {
        Ok(observation) => observation,
        Err(why) => return unknown(why),
    };
    if let Some(why) = input_missing(check, evidence) {
        return unknown(why);
    }
    let read = |reading: &Reading| -> Result<Properties, String> {
        Properties::of(check, node, known(reading).map_err(str::to_string)?, evidence)
    };
    let properties = match read(&observation.reading) {
        Ok(properties) => properties,
        Err(why) => return unknown(why),
    };
    let before = || -> Result<Properties, String> {
        let baseline = context.baseline.ok_or("there is no reading from the start to compare with")?;
        let before = answer(check, node, baseline).map_err(|why| format!("at the start: {why}"))?;
        Properties::of(check, node, before.fact().map_err(|why| format!("at the start: {why}"))?, baseline)
    };
    let later = || -> Result<Properties, String> {
        read(observation.again.as_ref().ok_or("the question was not put a second time")?)
    };
    let values = evidence.values(&check.id, node);
    let judged: Vec<Holds> = check
        .expect
        .iter()
        .map(|(property, matcher)| {
            if properties.missing.is_some() && !properties.speaks_when_missing(property) {
                return Holds::No;
            }
            let probe = |id: &CheckId, property: &Property| probe_value(id, property, evidence);
            let scope = Scope {
                values,
                baseline: &|| -> Other { before().map(|properties| properties.get(property)) },
                again: &|| -> Other { later().map(|properties| properties.get(property)) },
                probe: &probe,
            };
            holds(matcher, &properties.get(property), properties.extent(property), &scope)
        })
        .collect();
    let chosen = |wanted: &dyn Fn(&Holds) -> bool| -> Vec<&(Property, Matcher)> {
        check
            .expect
            .iter()
            .zip(&judged)
            .filter(|(_, holds)| wanted(holds))
            .map(|(expected, _)| expected)
            .collect()
    };
    match Holds::all(judged.iter().cloned()) {
        Holds::Unknown(why) => unknown(why),
        Holds::Yes => CheckVerdict::Pass { found: found_text(&properties, &chosen(&|_| true)) },
        Holds::No => {
            let failed = chosen(&|holds| *holds == Holds::No);
            let mut found = found_text(&properties, &failed);
            if let Some(extra) = properties.remark(&failed, &later) {
                found.push_str(&extra);
            }
            CheckVerdict::Fail {
                found: words::clean(&found, words::TEXT_LIMIT),
                wanted: wanted_all(check, &failed, node, evidence),
            }
        }
    }
}

fn wanted_all(
    check: &Check,
    expected: &[&(Property, Matcher)],
    node: &NodeName,
    evidence: &Evidence,
) -> String {
    let values = evidence.values(&check.id, node);
    let alone = check.expect.len() == 1;
    let texts: Vec<String> = expected
        .iter()
        .map(|(property, matcher)| {
            words::labelled(property, alone, words::yes_or_no(matcher), &words::wanted(matcher, &values))
        })
        .collect();
    words::clean(&texts.join(", "), words::TEXT_LIMIT)
}

fn found_text(properties: &Properties, expected: &[&(Property, Matcher)]) -> String {
    let shown =
        |property: &Property| properties.missing.is_none() || properties.speaks_when_missing(property);
    if let (Some(missing), false) =
        (&properties.missing, expected.iter().any(|(property, _)| shown(property)))
    {
        return missing.clone();
    }
    let texts: Vec<String> = expected
        .iter()
        .filter(|(property, _)| shown(property))
        .map(|(property, matcher)| {
            let value = properties.get(property);
            let alone = properties.alone;
            words::labelled(property, alone, words::yes_or_no(matcher), &words::value(&value))
        })
        .collect();
    words::clean(&texts.join(", "), words::TEXT_LIMIT)
}

/// The answer of a node to this very question, or why there is none.
fn answer<'a>(check: &Check, node: &NodeName, evidence: &'a Evidence) -> Result<&'a Observation, String> {
    if let Some(why) = evidence.absent_nodes.get(node) {
        return Err(format!("could not be asked: {why}"));
    }
    let observation = evidence.observation(&check.id, node).ok_or("was not asked")?;
    // A rubric may have been corrected since; an answer to another question proves nothing.
    let asked = check.ask.render(&evidence.values(&check.id, node)).map_err(|error| error.to_string())?;
    match comparable(asked, check) == comparable(observation.question.clone(), check) {
        true => Ok(observation),
        false => Err("the rubric asks something else now than was asked then".into()),
    }
}

/// Why the input of a command was never made, if so: then its answer is no fault of the node.
/// A probe that ran and failed is another matter: what it printed is what a learner would have got.
fn input_missing(check: &Check, evidence: &Evidence) -> Option<String> {
    let id = check.stdin_from.as_ref()?;
    let why = match evidence.probe(id).map(Observation::fact) {
        None => "was not asked",
        Some(Err(why)) => why,
        Some(Ok(_)) => return None,
    };
    Some(format!("its input comes from `{id}`: {why}"))
}

/// A question without what may differ while it asks the same: patience, and input that comes from a probe.
fn comparable(question: Question, check: &Check) -> Question {
    match question {
        Question::Command { argv, user, stdin, env, .. } => {
            let stdin = if check.stdin_from.is_some() { String::new() } else { stdin };
            Question::Command { argv, user, stdin, env, timeout_ms: 0 }
        }
        Question::Http { url, .. } => Question::Http { url, timeout_ms: 0 },
        other => other,
    }
}

fn probe_value(id: &CheckId, property: &Property, evidence: &Evidence) -> Other {
    let observation = evidence.probe(id).ok_or_else(|| format!("the probe `{id}` was not asked"))?;
    let fact = observation.fact().map_err(|why| format!("the probe `{id}`: {why}"))?;
    Ok(fields(fact).get(property.as_str()).cloned().unwrap_or(Value::Null))
}

/// A fact's properties by their names in kebab-case.
fn fields(fact: &Fact) -> Map<String, Value> {
    match serde_json::to_value(fact) {
        Ok(Value::Object(mut outer)) => match outer.iter_mut().next() {
            Some((_, Value::Object(fields))) => std::mem::take(fields),
            _ => Map::new(),
        },
        _ => Map::new(),
    }
}

/// The properties of one fact that a check can look at.
struct Properties {
    kind: &'static str,
    fields: BTreeMap<String, Value>,
    /// What the fact is about is not there; in words. Its other properties are then empty and prove nothing.
    missing: Option<String>,
    /// Properties that were cut short.
    cut: &'static [&'static str],
    /// Why a text could not be read in the syntax that was asked for.
    problem: Option<String>,
    /// The check expects one property only.
    alone: bool,
}

impl Properties {
    fn of(check: &Check, node: &NodeName, fact: &Fact, evidence: &Evidence) -> Result<Self, String> {
        let fields: BTreeMap<String, Value> = fields(fact).into_iter().collect();
        let kind = check.ask.kind();
        let mut properties = Self {
            kind,
            fields,
            missing: missing(fact),
            cut: cut(fact),
            problem: None,
            alone: check.expect.len() == 1,
        };
        if let Some(read) = &check.read {
            let key = match &read.key {
                Some(key) => {
                    key.render(&evidence.values(&check.id, node)).map_err(|error| error.to_string())?
                }
                None => String::new(),
            };
            let text =
                text_property(kind).and_then(|name| properties.fields.get(name)).and_then(Value::as_str);
            let found = text.map_or_else(Found::default, |text| pick(read.syntax, &key, text));
            properties.fields.insert("present".into(), found.present().into());
            properties.fields.insert("value".into(), found.value.unwrap_or(Value::Null));
            properties.fields.insert("values".into(), found.values.into());
            properties.problem = found.problem;
        }
        if !check.plant.is_empty() {
            let nonce = evidence.nonces.get(&check.id).ok_or("no nonce was drawn for this question")?;
            let tokens = evidence.tokens.get(&check.id).ok_or("no token was planted for this question")?;
            // A node that could not be given its token cannot answer for it.
            if let Some((node, why)) =
                check.plant.iter().find_map(|node| evidence.absent_nodes.get_key_value(node))
            {
                return Err(format!("{node} could not be asked: {why}"));
            }
            if let Some(node) = check.plant.iter().find(|node| !tokens.contains_key(*node)) {
                return Err(format!("no token was planted on {node}"));
            }
            let printed = properties.fields.get("stdout").and_then(Value::as_str).unwrap_or_default();
            let answered: Vec<Value> = tokens
                .iter()
                .filter(|(_, token)| printed.contains(&expected_answer(nonce, token)))
                .map(|(node, _)| node.as_str().into())
                .collect();
            properties.fields.insert("answered".into(), answered.into());
        }
        Ok(properties)
    }

    fn get(&self, property: &Property) -> Value {
        self.fields.get(property.as_str()).cloned().unwrap_or(Value::Null)
    }

    fn extent(&self, property: &Property) -> Extent {
        match self.cut.contains(&property.as_str()) {
            true => Extent::Cut,
            false => Extent::Whole,
        }
    }

    /// The property says something even where the thing itself is not there.
    fn speaks_when_missing(&self, property: &Property) -> bool {
        matches!(
            (self.kind, property.as_str()),
            (
                _,
                "exists"
                    | "known"
                    | "running"
                    | "listening"
                    | "installed"
                    | "loaded"
                    | "answered"
                    | "started"
            ) | (_, "present" | "values" | "mounted-over")
                | ("process", "count" | "processes" | "users")
                | ("package", "status" | "held")
                | ("http", "problem")
                | ("threads" | "interrupts", "count")
                | ("module-file", "releases")
                | ("dkms", "versions" | "states")
        )
    }

    /// What helps to understand a failure and was not among the properties looked at; begins with a separator.
    fn remark(
        &self,
        failed: &[&(Property, Matcher)],
        later: &dyn Fn() -> Result<Properties, String>,
    ) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(format!(" ({problem})"));
        }
        // What failed may be the second reading; then that is what must be seen.
        if let [(property, matcher)] = failed
            && matcher.walk().iter().any(|matcher| matcher.pause_ms().is_some())
            && let Ok(later) = later()
            && later.get(property) != self.get(property)
        {
            return Some(format!(", then {}", words::value(&later.get(property))));
        }
        if self.kind != "command" || self.missing.is_some() {
            return None;
        }
        if self.fields.get("timed-out") == Some(&Value::Bool(true)) {
            let took = self.fields.get("took-ms").and_then(Value::as_u64).unwrap_or_default();
            return Some(format!(" (no end after {took} ms)"));
        }
        if let Some(signal) = self.fields.get("signal").and_then(Value::as_i64) {
            return Some(format!(" (killed by signal {signal})"));
        }
        let shown = |name: &str| failed.iter().any(|(property, _)| property.as_str() == name);
        let last_line = |name: &str| {
            let text = self.fields.get(name).and_then(Value::as_str)?;
            let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
            (!shown(name)).then(|| words::short(&words::clean(line, words::TEXT_LIMIT), 200))
        };
        last_line("stderr").or_else(|| last_line("stdout")).map(|line| format!(" (it printed: {line})"))
    }
}

/// What a fact is about is not there: in words.
fn missing(fact: &Fact) -> Option<String> {
    let (there, words) = match fact {
        Fact::File(fact) => (fact.exists, "no such file"),
        Fact::Text(fact) => (fact.exists, "no such file"),
        Fact::Service(fact) => (fact.known, "no such unit"),
        Fact::Process(fact) => (fact.running, "not running"),
        Fact::Port(fact) => (fact.listening, "nobody listens"),
        Fact::Package(fact) => (fact.installed, "not installed"),
        Fact::User(fact) => (fact.exists, "no such user"),
        Fact::Group(fact) => (fact.exists, "no such group"),
        Fact::Mount(fact) => (fact.exists, "no such path"),
        Fact::Device(fact) => (fact.exists, "no such device"),
        Fact::Module(fact) => (fact.loaded, "not loaded"),
        Fact::KernelParameter(fact) => (fact.exists, "no such kernel parameter"),
        Fact::Cgroup(fact) => (fact.exists, "no such control group file"),
        Fact::Limit(fact) => (fact.exists, "no such process or limit"),
        Fact::Log(fact) => (fact.exists, "no such log"),
        Fact::Gpu(fact) => (fact.exists, "no such GPU"),
        Fact::Gpus(fact) => (fact.exists, "no simulated GPUs"),
        Fact::Command(fact) => (fact.started, "the program could not be started"),
        Fact::Http(fact) => {
            return (!fact.answered).then(|| match &fact.problem {
                Some(problem) => format!("no answer: {}", words::clean(problem, 200)),
                None => "no answer".into(),
            });
        }
        Fact::Hugepages(fact) => (fact.exists, "no pool of such pages"),
        Fact::TransparentHugepages(fact) => (fact.exists, "the kernel has none"),
        Fact::Memory(fact) => (fact.running, "not running"),
        Fact::Threads(fact) => (fact.running, "not running"),
        Fact::Interrupts(fact) => (fact.exists, "no such interrupt"),
        Fact::NextBoot(fact) => (fact.exists, "nothing that GRUB would boot"),
        Fact::ModuleFile(fact) => (fact.exists, "no such module on disk"),
        Fact::Initramfs(fact) => (fact.exists, "no such initramfs"),
        Fact::Dkms(fact) => (fact.exists, "not known to DKMS"),
        Fact::KernelCounter(fact) => (fact.exists, "no such counter"),
        Fact::BlockDevice(fact) => (fact.exists, "no such disk"),
        Fact::Find(_) | Fact::KernelCommandLine(_) | Fact::Processors(_) => (true, ""),
    };
    (!there).then(|| words.to_string())
}

/// Properties of a fact that were cut short, so that what is not in them may still be on the node.
fn cut(fact: &Fact) -> &'static [&'static str] {
    match fact {
        Fact::Text(fact) if fact.truncated => &["text", "value", "values", "present"],
        Fact::Log(fact) if fact.truncated => &["text", "value", "values", "present"],
        Fact::Find(fact) if fact.truncated => &["paths"],
        Fact::Initramfs(fact) if fact.truncated => &["text", "value", "values", "present"],
        Fact::Threads(fact) if fact.truncated => {
            &["names", "policies", "priorities", "nices", "allowed", "processors", "distinct-processors"]
        }
        Fact::Http(fact) if fact.body.len() >= READ_LIMIT => &["body", "value", "values", "present"],
        Fact::Command(fact) => match (fact.stdout.len() >= READ_LIMIT, fact.stderr.len() >= READ_LIMIT) {
            (true, true) => &["stdout", "stderr", "value", "values", "present", "answered"],
            (true, false) => &["stdout", "value", "values", "present", "answered"],
            (false, true) => &["stderr"],
            (false, false) => &[],
        },
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::{FORMAT, Taken},
        rubric::Rubric,
    };

    /// Judges one check on one node that answered with `fact`.
    fn judged(ask: &str, expect: &str, fact: Fact) -> CheckVerdict {
        let text = format!(
            "format = 1\nlab = \"some-lab\"\npass = 70\n[[check]]\nid = \"own\"\nnode = \"gpu1\"\nask.{ask}\n{expect}\n\
             why = \"It matters.\"\n[[criterion]]\nid = \"all\"\npoints = 100\nskill = \"TRB\"\nphase = \"live\"\n\
             checks = [\"own\"]\n"
        );
        let rubric = Rubric::parse("own.toml", text).unwrap_or_else(|error| panic!("{error}"));
        let check = &rubric.checks[0];
        let evidence = Evidence {
            format: FORMAT,
            attempt: "a1".into(),
            lab: rubric.lab.clone(),
            variant: "one".parse().expect("a name"),
            seed_word: "c0ffee00".into(),
            phase: Taken::Live,
            taken_at_ms: 0,
            parameters: BTreeMap::new(),
            nonces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            observations: vec![Observation {
                of: check.id.clone(),
                node: check.nodes[0].clone(),
                question: check.ask.template().clone(),
                reading: Reading::Known(fact),
                again: None,
                took_ms: 1,
            }],
            absent_nodes: BTreeMap::new(),
            down_nodes: BTreeMap::new(),
        };
        judge_check(check, Context::default(), &evidence)
    }

    fn passes(ask: &str, expect: &str, fact: Fact, found: &str) {
        assert_eq!(judged(ask, expect, fact), CheckVerdict::Pass { found: found.into() }, "{expect}");
    }

    fn fails(ask: &str, expect: &str, fact: Fact, found: &str, wanted: &str) {
        let verdict = CheckVerdict::Fail { found: found.into(), wanted: wanted.into() };
        assert_eq!(judged(ask, expect, fact), verdict, "{expect}");
    }

    #[test]
    fn what_is_not_there_proves_nothing_about_itself() {
        use crashcart_facts::{CommandFact, FileFact, PackageFact, ProcessFact, TextFact};
        let file = "file = { path = \"/etc/x\" }";
        // An absent file has an empty mode, which is not 0666; that must not pass.
        fails(
            file,
            "expect.mode = { ne = \"0666\" }",
            Fact::File(FileFact::default()),
            "no such file",
            "not 0666",
        );
        fails(
            file,
            "expect.size = { le = 10 }",
            Fact::File(FileFact::default()),
            "no such file",
            "at most 10",
        );
        passes(file, "expect.exists = false", Fact::File(FileFact::default()), "exists: no");
        fails(file, "expect.exists = true", Fact::File(FileFact::default()), "exists: no", "exists: yes");
        let text = "text = { path = \"/etc/x\" }\nread = { syntax = \"env\", key = \"k\" }";
        let none = "expect.value = { none = [{ contains = \"bad\" }] }";
        fails(text, none, Fact::Text(TextFact::default()), "no such file", "not: `bad` in it");
        passes(text, "expect.present = false", Fact::Text(TextFact::default()), "present: no");
        passes(
            text,
            "expect.values = { none = [{ contains = \"bad\" }] }",
            Fact::Text(TextFact::default()),
            "none",
        );
        // The file is there and the key is not.
        let there = || Fact::Text(TextFact { exists: true, ..TextFact::default() });
        fails(text, none, there(), "nothing", "not: `bad` in it");
        let process = "process = { exe = \"/usr/bin/x\" }";
        passes(process, "expect.count = 0", Fact::Process(ProcessFact::default()), "0");
        fails(
            process,
            "expect.started-at-ms = { le = 5 }",
            Fact::Process(ProcessFact::default()),
            "not running",
            "at most 5",
        );
        let package = "package = { name = \"x\" }";
        let removed =
            PackageFact { status: Some("deinstall ok config-files".into()), ..PackageFact::default() };
        fails(
            package,
            "expect.version = { ne = \"1\" }",
            Fact::Package(removed.clone()),
            "not installed",
            "not 1",
        );
        passes(
            package,
            "expect.status = { regex = \"^deinstall\" }",
            Fact::Package(removed),
            "deinstall ok config-files",
        );
        let command = "command = { argv = [\"/bin/x\"] }";
        let started = "the program could not be started";
        fails(
            command,
            "expect.stdout = { ne = \"bad\" }",
            Fact::Command(CommandFact::default()),
            started,
            "not bad",
        );
    }

    #[test]
    fn a_failed_command_says_what_it_printed_and_how_it_ended() {
        use crashcart_facts::CommandFact;
        let command = "command = { argv = [\"/bin/x\"] }";
        let ran = CommandFact { started: true, ..CommandFact::default() };
        let printed =
            CommandFact { exit: Some(1), stderr: "first\nx: no such thing\n\n".into(), ..ran.clone() };
        fails(
            command,
            "expect.exit = 0",
            Fact::Command(printed),
            "exit: 1 (it printed: x: no such thing)",
            "exit: 0",
        );
        let killed = CommandFact { signal: Some(7), ..ran.clone() };
        fails(
            command,
            "expect.exit = 0",
            Fact::Command(killed),
            "exit: nothing (killed by signal 7)",
            "exit: 0",
        );
        let late = CommandFact { timed_out: true, took_ms: 5000, signal: Some(9), ..ran };
        fails(
            command,
            "expect.exit = 0",
            Fact::Command(late),
            "exit: nothing (no end after 5000 ms)",
            "exit: 0",
        );
    }

    #[test]
    fn a_text_that_its_syntax_cannot_read_says_so() {
        use crashcart_facts::TextFact;
        let text = "text = { path = \"/etc/x\" }\nread = { syntax = \"json\", key = \"k\" }";
        let broken = TextFact { exists: true, text: "{\"k\": 4,}".into(), ..TextFact::default() };
        let CheckVerdict::Fail { found, .. } = judged(text, "expect.value = { le = 4 }", Fact::Text(broken))
        else {
            panic!("a text that cannot be read has no value")
        };
        assert!(found.starts_with("nothing (no JSON: "), "{found}");
    }
}
