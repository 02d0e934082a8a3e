//! Where to look, computed from the evidence of a check that fails: what was found, where it was read, and how to
//! read it by hand. Pure, and it knows nothing of what is wanted: a clue cannot give the cure away.

use crashcart_facts::{Fact, ServiceFact};
use serde::{Deserialize, Serialize};

use super::check::judge_node;
use super::{CheckReport, CheckVerdict, Context, CriterionReport, Outcome, Report, words};
use crate::evidence::{Evidence, Evidences, Observation, Place, place};
use crate::lab::NodeName;
use crate::rubric::{Check, CheckId, Rubric};

/// What the evidence says of one failing check. Its texts are clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Clue {
    /// The check that fails.
    pub check: CheckId,
    /// A node that it fails on.
    pub node: NodeName,
    /// Where it was read.
    pub read_from: String,
    /// What was found there.
    pub found: String,
    /// How to look at it by hand.
    pub look: String,
}

/// The clue of the check that is best looked at first; none where none fails.
pub fn clue(rubric: &Rubric, report: &Report, evidences: &Evidences) -> Option<Clue> {
    let evidence = evidences.after_restart.as_ref().unwrap_or(&evidences.live);
    first_failing(rubric, report).into_iter().find_map(|failing| {
        let check = rubric.check(&failing.id)?;
        let context = Context { baseline: Some(&evidences.baseline) };
        check.nodes.iter().find_map(|node| match judge_node(check, node, context, evidence) {
            CheckVerdict::Fail { found, .. } => Some(of(check, node, evidence, &found)),
            _ => None,
        })
    })
}

/// Failing checks, the one that is best looked at first: those of criteria that wait for no other before the rest,
/// and single facts before programs, which do many things at once and tell least about where it goes wrong.
fn first_failing<'a>(rubric: &Rubric, report: &'a Report) -> Vec<&'a CheckReport> {
    let outcome = |criterion: &CriterionReport| {
        criterion.provisional.map_or(criterion.outcome, |standing| standing.outcome)
    };
    let waits = |failing: &CheckReport| {
        let mut using = report
            .criteria
            .iter()
            .filter(|criterion| criterion.phase == failing.phase && criterion.checks.contains(&failing.id));
        !using.any(|criterion| outcome(criterion) != Outcome::Blocked)
    };
    let is_program =
        |failing: &CheckReport| rubric.check(&failing.id).is_some_and(|check| check.ask.kind() == "command");
    let mut failing: Vec<&CheckReport> =
        report.checks.iter().filter(|check| matches!(check.verdict, CheckVerdict::Fail { .. })).collect();
    failing.sort_by_key(|failing| (waits(failing), is_program(failing)));
    failing
}

fn of(check: &Check, node: &NodeName, evidence: &Evidence, found: &str) -> Clue {
    let observation = evidence.observation(&check.id, node);
    let Place { source, by_hand } = where_read(check, node, evidence);
    let clean = |text: &str| words::clean(text, words::TEXT_LIMIT);
    let (found, look) = match observation.map(Observation::fact) {
        Some(Ok(fact)) => (saw(fact, found), look(fact, by_hand, check)),
        _ => (found.to_owned(), by_hand),
    };
    Clue {
        check: check.id.clone(),
        node: node.clone(),
        read_from: clean(&source),
        found: clean(&found),
        look: clean(&look),
    }
}

/// Where a check is read on one node, as it was asked there.
pub fn where_read(check: &Check, node: &NodeName, evidence: &Evidence) -> Place {
    let values = evidence.values(&check.id, node);
    let key = check.read.as_ref().and_then(|read| read.key.as_ref()?.render(&values).ok());
    match evidence.observation(&check.id, node) {
        Some(observation) => place(&observation.question, key.as_deref()),
        None => place(check.ask.template(), key.as_deref()),
    }
}

/// What was found, with what else the fact says that helps to understand it.
fn saw(fact: &Fact, found: &str) -> String {
    match fact {
        Fact::Service(ServiceFact { known: true, active, result, restarts, .. }) => {
            let mut words = vec![format!("`{active}`")];
            if !result.is_empty() && result != "success" {
                words.push(format!("its last run ended with `{result}`"));
            }
            if *restarts > 0 {
                words.push(format!("restarted {restarts} times"));
            }
            // Then it is not its state that is wrong.
            if active == "active" && found != active {
                words.push(found.to_owned());
            }
            words.join(", ")
        }
        Fact::Process(processes) if processes.running => {
            let users = processes.users.join(", ");
            format!("{found} ({} of them, of {users})", processes.count)
        }
        _ => found.to_owned(),
    }
}

/// The command that tells most about a fact like this one.
fn look(fact: &Fact, by_hand: String, check: &Check) -> String {
    let unit = match check.ask.template() {
        crashcart_facts::Question::Service { unit } => unit,
        _ => "",
    };
    match fact {
        Fact::Service(service) if !service.known => "systemctl list-unit-files".into(),
        Fact::Service(service) if service.active == "active" => format!("systemctl cat {unit}"),
        Fact::Service(_) if !unit.contains("{{") => format!("journalctl -u {unit}"),
        Fact::File(file) if !file.exists => by_hand.replacen("stat ", "ls -ld ", 1),
        _ => by_hand,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crashcart_facts::{CommandFact, FileFact, Reading};

    use super::*;
    use crate::evidence::{FORMAT, Taken};
    use crate::grade::grade;

    const RUBRIC: &str = r#"
format = 1
lab = "some-lab"
pass = 70
[[check]]
id = "epoch"
node = "gpu1"
ask.command = { argv = ["/bin/epoch"] }
expect.exit = 0
why = "It must pass."
[[check]]
id = "service"
node = "gpu1"
ask.service = { unit = "trainer.service" }
expect.active = "active"
why = "It must run."
[[check]]
id = "key"
node = "gpu1"
ask.file = { path = "/etc/key" }
expect.mode = "0400"
why = "It must be secret."
[[criterion]]
id = "works"
points = 60
skill = "TRB"
phase = "live"
checks = ["epoch", "service"]
[[criterion]]
id = "secret"
points = 40
skill = "SEC"
phase = "live"
checks = ["key"]
requires = ["works"]
"#;

    /// The clue where these were read, in the order of the rubric's checks.
    fn clue_of(facts: [Fact; 3]) -> Option<Clue> {
        let rubric = Rubric::parse("some-lab.toml", RUBRIC.to_owned()).unwrap_or_else(|e| panic!("{e}"));
        let observations = rubric.checks.iter().zip(facts).map(|(check, fact)| Observation {
            of: check.id.clone(),
            node: check.nodes[0].clone(),
            question: check.ask.template().clone(),
            reading: Reading::Known(fact),
            again: None,
            took_ms: 1,
        });
        let evidence = |phase, observations| Evidence {
            format: FORMAT,
            attempt: "a1".into(),
            lab: rubric.lab.clone(),
            variant: "one".parse().expect("a name"),
            seed_word: "c0ffee00".into(),
            phase,
            taken_at_ms: 0,
            parameters: BTreeMap::new(),
            nonces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            observations,
            absent_nodes: BTreeMap::new(),
            down_nodes: BTreeMap::new(),
        };
        let evidences = Evidences {
            baseline: evidence(Taken::Baseline, Vec::new()),
            live: evidence(Taken::Live, observations.collect()),
            after_restart: None,
            changes: None,
        };
        clue(&rubric, &grade(&rubric, &evidences), &evidences)
    }

    fn epoch(exit: i32) -> Fact {
        Fact::Command(CommandFact { started: true, exit: Some(exit), ..CommandFact::default() })
    }

    fn service(active: &str, restarts: u32) -> Fact {
        let result = if active == "active" { "success" } else { "exit-code" };
        Fact::Service(ServiceFact {
            known: true,
            active: active.into(),
            result: result.into(),
            restarts,
            ..ServiceFact::default()
        })
    }

    fn key(mode: &str) -> Fact {
        Fact::File(FileFact { exists: true, mode: mode.into(), ..FileFact::default() })
    }

    #[test]
    fn a_single_fact_comes_before_a_program_and_what_others_wait_for_before_the_rest() {
        let told = clue_of([epoch(1), service("activating", 7), key("0644")]).expect("three checks fail");
        assert_eq!(told.check.as_str(), "service");
        assert_eq!(told.found, "`activating`, its last run ended with `exit-code`, restarted 7 times");
        assert_eq!(told.look, "journalctl -u trainer.service");
        let told = clue_of([epoch(1), service("active", 0), key("0644")]).expect("two checks fail");
        assert_eq!(told.check.as_str(), "epoch");
        let told = clue_of([epoch(0), service("active", 0), key("0644")]).expect("one check fails");
        assert_eq!((told.check.as_str(), told.look.as_str()), ("key", "stat /etc/key"));
        assert_eq!(clue_of([epoch(0), service("active", 0), key("0400")]), None);
    }

    #[test]
    fn a_clue_does_not_say_what_is_wanted_and_nothing_that_a_terminal_obeys() {
        let told = clue_of([epoch(0), service("active", 0), key("\u{1b}[31m0644")]).expect("one check fails");
        assert_eq!(told.found, "0644");
        assert!(!format!("{told:?}").contains("0400"), "{told:?}");
    }
}
