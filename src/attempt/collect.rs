//! Putting a rubric's questions to the nodes: one round trip per node, more
//! only where an answer is another's input or a fact must be given time to
//! settle. Judges nothing for the score; `grade` alone is asked whether a
//! question is worth putting again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crashcart_facts::{Answer, Asked, Fact, Question, Reading, Reply, Request};
use futures_util::future::join_all;

use super::Site;
use super::nodes::Nodes;
use crate::advice::chain;
use crate::evidence::{Evidence, FORMAT, Inventories, Observation, Stock, Taken};
use crate::grade::{CheckVerdict, Context, judge_check};
use crate::lab::{Draw, NodeName};
use crate::machine::accelerators;
use crate::node::{NodeError, NodeLink};
use crate::rubric::{Asking, CheckId, Rubric, token_path};
use crate::store::AttemptId;
use crate::units::hex;

/// Milliseconds that a node has for the questions that wait for nothing.
const BUDGET_MS: u32 = 15_000;
/// Milliseconds for unpacking one initramfs: a second natively, twenty to thirty times that where the guest's processor
/// is emulated.
const UNPACK_MS: u32 = 30_000;
/// Milliseconds for taking stock of a node. A container takes some tens, a guest without KVM a second or two.
const STOCK_MS: u32 = 15_000;
/// Seconds for which the baseline asks again what gave no answer: on a busy machine time runs out now and then.
const BASELINE_PATIENCE_S: u64 = 45;
/// First and longest pause between two rounds of asking what has not settled, in milliseconds. Pauses
/// grow: most facts settle soon, and asking may cost the node as much as its own work.
const SETTLE_PAUSE_MS: (u64, u64) = (300, 4_000);

/// What nodes are to do before they are asked anything.
pub type Errands = BTreeMap<NodeName, Vec<Request>>;
/// What became of it, by node: a reply for each that was tried, the last of them the one that failed, if
/// one did.
pub type Done = BTreeMap<NodeName, Result<Vec<Reply>, NodeError>>;

/// What travels beside questions, and what came of it.
#[derive(Default)]
struct Beside {
    /// Still to be done, before the questions of the next round trip.
    errands: Errands,
    done: Done,
    /// All nodes are to be taken stock of with the first round trip that follows no errand alone.
    stock_due: bool,
    inventories: BTreeMap<NodeName, Stock>,
}

impl Beside {
    fn is_due(&self) -> bool {
        self.stock_due || !self.errands.is_empty()
    }
}

/// What a collection found.
pub struct Collected {
    pub evidence: Evidence,
    /// What became of the errands.
    pub done: Done,
    /// What stands on the nodes, where that was asked for.
    pub inventories: Option<Inventories>,
}

/// Collects for one attempt.
pub struct Collector<'a> {
    rubric: &'a Rubric,
    draw: &'a Draw<'a>,
    attempt: &'a AttemptId,
    ahead: bool,
    patience_s: u32,
    takes_stock: bool,
}

impl<'a> Collector<'a> {
    pub fn new(rubric: &'a Rubric, draw: &'a Draw<'a>, attempt: &'a AttemptId) -> Self {
        Self { rubric, draw, attempt, ahead: false, patience_s: u32::MAX, takes_stock: false }
    }

    /// Reads live what only a restart decides, too.
    pub fn ahead(self) -> Self {
        Self { ahead: true, ..self }
    }

    /// Gives no fact more than so many seconds to settle, whatever its check grants: for somebody who
    /// waits at the screen and can look again.
    pub fn patience(self, patience_s: u32) -> Self {
        Self { patience_s, ..self }
    }

    /// Takes stock of the nodes, too, on the first round trip.
    pub fn taking_stock(self) -> Self {
        Self { takes_stock: true, ..self }
    }

    /// Reads the facts that matter at this point of the attempt. What could not be read stands in the
    /// evidence as such; this never fails.
    pub async fn collect(
        &self,
        site: &Site,
        nodes: &Nodes,
        taken: Taken,
        baseline: Option<&Evidence>,
    ) -> Evidence {
        self.collect_after(site, nodes, taken, baseline, Errands::new()).await.evidence
    }

    /// The same, after errands of each node, on the round trip of its first questions where that can be.
    /// Where they could not be done, the node's evidence is as good as none.
    pub async fn collect_after(
        &self,
        site: &Site,
        nodes: &Nodes,
        taken: Taken,
        baseline: Option<&Evidence>,
        errands: Errands,
    ) -> Collected {
        let askings = self.rubric.askings(&self.draw.variant.name, taken, self.ahead);
        let mut evidence = self.blank(taken, site.clock.now_ms());
        let mut beside = Beside { errands, ..Beside::default() };
        self.draw_secrets(&askings, &mut evidence);
        if !evidence.tokens.is_empty() && beside.is_due() {
            // They may make the user whom a token is for.
            self.ask_stage(nodes, &[], &mut evidence, &mut beside).await;
        }
        beside.stock_due = self.takes_stock;
        self.plant(nodes, &askings, &mut evidence).await;
        let began_ms = site.clock.now_ms();
        self.ask(nodes, &askings, &mut evidence, &mut beside).await;
        self.settle(site, nodes, &askings, &mut evidence, baseline, began_ms).await;
        self.unplant(nodes, &evidence).await;
        evidence.taken_at_ms = site.clock.now_ms();
        let inventories = self.takes_stock.then(|| Inventories {
            nodes: std::mem::take(&mut beside.inventories),
            ..Inventories::nothing_yet(taken)
        });
        Collected { evidence, done: beside.done, inventories }
    }

    /// Puts only some questions, live, and takes the answers into evidence that was read before; whatever else
    /// stands in it stays. Asks nothing twice: what has not settled is asked at the next look.
    pub async fn refresh(
        &self,
        site: &Site,
        nodes: &Nodes,
        evidence: &mut Evidence,
        wanted: &BTreeSet<CheckId>,
    ) {
        let all = self.rubric.askings(&self.draw.variant.name, Taken::Live, self.ahead);
        let chosen = together(&all, wanted);
        let askings: Vec<Asking<'_>> =
            all.iter().filter(|asking| chosen.contains(asking.id)).copied().collect();
        // Secrets of what is not asked now stay: it was answered under them.
        let mut fresh = self.nothing_yet(site.clock.now_ms());
        self.draw_secrets(&askings, &mut fresh);
        fresh.nonces.retain(|id, _| chosen.contains(id) || !evidence.nonces.contains_key(id));
        evidence.nonces.extend(fresh.nonces.clone());
        evidence.tokens.extend(fresh.tokens.clone());
        self.plant(nodes, &askings, evidence).await;
        self.ask(nodes, &askings, evidence, &mut Beside::default()).await;
        self.unplant(nodes, &fresh).await;
        evidence.taken_at_ms = site.clock.now_ms();
    }

    /// Nothing read yet, of a live node.
    pub fn nothing_yet(&self, now_ms: u64) -> Evidence {
        self.blank(Taken::Live, now_ms)
    }

    fn blank(&self, taken: Taken, now_ms: u64) -> Evidence {
        Evidence {
            format: FORMAT,
            attempt: self.attempt.to_string(),
            lab: self.rubric.lab.clone(),
            variant: self.draw.variant.name.clone(),
            seed_word: self.draw.seed_word.clone(),
            phase: taken,
            taken_at_ms: now_ms,
            parameters: self.draw.parameters.clone(),
            nonces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            observations: Vec::new(),
            absent_nodes: BTreeMap::new(),
            down_nodes: BTreeMap::new(),
        }
    }

    /// A fresh nonce for each question that names one, and fresh tokens for its nodes.
    fn draw_secrets(&self, askings: &[Asking<'_>], evidence: &mut Evidence) {
        let random = || hex(&rand::random::<[u8; 16]>());
        evidence.nonces = self.rubric.nonces().into_iter().map(|id| (id, random())).collect();
        for asking in askings.iter().filter(|asking| !asking.plant.is_empty()) {
            let tokens = asking.plant.iter().map(|node| (node.clone(), random())).collect();
            evidence.tokens.insert(asking.id.clone(), tokens);
        }
    }

    /// Puts the tokens where only the user of the job can read them. A node that cannot be reached
    /// answers nothing later: that is what its check will find.
    async fn plant(&self, nodes: &Nodes, askings: &[Asking<'_>], evidence: &mut Evidence) {
        let jobs = askings.iter().flat_map(|asking| {
            let owner = match asking.ask.template() {
                Question::Command { user: Some(user), .. } => user.clone(),
                _ => "root".to_owned(),
            };
            let path = evidence.nonces.get(asking.id).map(|nonce| token_path(nonce));
            let tokens = evidence.tokens.get(asking.id).into_iter().flatten();
            tokens.filter_map(move |(node, token)| {
                Some((node.clone(), path.clone()?, token.clone(), owner.clone()))
            })
        });
        let planted = jobs.map(|(node, path, token, owner)| async move {
            let link = nodes.get(&node)?;
            link.plant(path, token, owner).await.err().map(|error| (node, chain(&error)))
        });
        let failed: Vec<_> = join_all(planted.collect::<Vec<_>>()).await.into_iter().flatten().collect();
        for (node, why) in failed {
            // Judging must not wait for an answer that nothing could give.
            evidence.tokens.values_mut().for_each(|tokens| drop(tokens.remove(&node)));
            evidence.absent_nodes.insert(node, why);
        }
    }

    async fn unplant(&self, nodes: &Nodes, evidence: &Evidence) {
        let jobs = evidence.tokens.iter().flat_map(|(id, tokens)| {
            let path = evidence.nonces.get(id).map(|nonce| token_path(nonce));
            tokens.keys().filter_map(move |node| Some((nodes.get(node)?, path.clone()?)))
        });
        // What stays behind is a random word in a directory that a restart empties.
        join_all(jobs.map(|(link, path)| link.unplant(path)).collect::<Vec<_>>()).await;
    }

    /// Puts all questions, in as many stages as their inputs need.
    async fn ask(&self, nodes: &Nodes, askings: &[Asking<'_>], evidence: &mut Evidence, beside: &mut Beside) {
        let mut asked: BTreeSet<&CheckId> = BTreeSet::new();
        let mut waiting: Vec<&Asking<'_>> = askings.iter().collect();
        while !waiting.is_empty() || beside.is_due() {
            let ready = |asking: &&Asking<'_>| {
                asking
                    .stdin_from
                    .is_none_or(|from| asked.contains(from) || askings.iter().all(|other| other.id != from))
            };
            let (now, later): (Vec<&Asking<'_>>, Vec<&Asking<'_>>) = waiting.into_iter().partition(ready);
            if now.is_empty() && !beside.is_due() {
                break; // Refused when the rubric was loaded.
            }
            asked.extend(now.iter().map(|asking| asking.id));
            self.ask_stage(nodes, &now, evidence, beside).await;
            waiting = later;
        }
    }

    async fn ask_stage(
        &self,
        nodes: &Nodes,
        askings: &[&Asking<'_>],
        evidence: &mut Evidence,
        beside: &mut Beside,
    ) {
        let mut errands = std::mem::take(&mut beside.errands);
        let takes_stock = std::mem::take(&mut beside.stock_due);
        let phase = evidence.phase;
        let mut batches: BTreeMap<&NodeName, Vec<(&CheckId, Asked)>> = BTreeMap::new();
        let mut unaskable = Vec::new();
        for asking in askings {
            for node in asking.nodes {
                match question(asking, node, evidence) {
                    Ok(question) => {
                        let again_after_ms = asking.check.map_or(0, |check| check.again_after_ms());
                        batches
                            .entry(node)
                            .or_default()
                            .push((asking.id, Asked { question, again_after_ms }));
                    }
                    Err(why) => unaskable.push(Observation {
                        of: asking.id.clone(),
                        node: node.clone(),
                        question: asking.ask.template().clone(),
                        reading: Reading::Unreadable { why },
                        again: None,
                        took_ms: 0,
                    }),
                }
            }
        }
        unaskable.into_iter().for_each(|observation| evidence.record(observation));
        for node in nodes.keys().filter(|node| takes_stock || errands.contains_key(*node)) {
            batches.entry(node).or_default();
        }
        let batches: Vec<_> = batches
            .into_iter()
            .map(|(node, batch)| (node, batch, errands.remove(node).unwrap_or_default()))
            .collect();
        let asked = batches.into_iter().map(|(node, batch, errands)| async move {
            let (ids, asked): (Vec<&CheckId>, Vec<Asked>) = batch.into_iter().unzip();
            let said = match nodes.get(node) {
                Some(link) => {
                    let mut said = put(link, errands, &asked, takes_stock.then_some(phase)).await;
                    if let (true, Ok(answers)) = (link.real_accelerators, &mut said.answers) {
                        ask_this_machine(&asked, answers).await;
                    }
                    said
                }
                None => Said {
                    done: None,
                    answers: Err(Unanswered::Absent("it is not running".to_owned())),
                    stock: None,
                },
            };
            (node, ids, asked, said)
        });
        for (node, ids, asked, said) in join_all(asked.collect::<Vec<_>>()).await {
            beside.done.extend(said.done.map(|done| (node.clone(), done)));
            if takes_stock {
                let why = |unanswered: &Unanswered| match unanswered {
                    Unanswered::Absent(why) | Unanswered::Down(why) => why.clone(),
                };
                let stock = said.stock.unwrap_or_else(|| Stock::Unknown {
                    why: said.answers.as_ref().err().map_or_else(|| "it was not told".to_owned(), why),
                });
                beside.inventories.insert(node.clone(), stock);
            }
            match said.answers {
                Ok(answers) => {
                    evidence.absent_nodes.remove(node);
                    evidence.down_nodes.remove(node);
                    for ((id, asked), Answer { reading, again, took_ms }) in
                        ids.into_iter().zip(asked).zip(answers)
                    {
                        let question = asked.question;
                        evidence.record(Observation {
                            of: id.clone(),
                            node: node.clone(),
                            question,
                            reading,
                            again,
                            took_ms,
                        });
                    }
                }
                Err(Unanswered::Absent(why)) => {
                    evidence.absent_nodes.insert(node.clone(), why);
                }
                Err(Unanswered::Down(why)) => {
                    evidence.down_nodes.insert(node.clone(), why);
                }
            }
        }
    }

    /// Asks again, counted from the first asking, what does not pass yet and may take its time; at the baseline,
    /// where nothing has to pass, what gave no answer: without one, nothing could be compared with it later.
    async fn settle(
        &self,
        site: &Site,
        nodes: &Nodes,
        askings: &[Asking<'_>],
        evidence: &mut Evidence,
        baseline: Option<&Evidence>,
        began_ms: u64,
    ) {
        let mut pause_ms = SETTLE_PAUSE_MS.0;
        loop {
            let waited_s = site.clock.now_ms().saturating_sub(began_ms) / 1000;
            let checks = askings.iter().filter_map(|asking| asking.check);
            let unsettled: BTreeSet<&CheckId> = match evidence.phase {
                Taken::Baseline if waited_s < BASELINE_PATIENCE_S => checks
                    .map(|check| &check.id)
                    .filter(|id| evidence.observations.iter().any(|seen| seen.of == **id && !answers(seen)))
                    .collect(),
                Taken::Baseline => BTreeSet::new(),
                _ => checks
                    .filter(|check| u64::from(check.settle_s.min(self.patience_s)) > waited_s)
                    .filter(|check| {
                        let verdict = judge_check(check, Context { baseline }, evidence);
                        !matches!(verdict, CheckVerdict::Pass { .. })
                    })
                    .map(|check| &check.id)
                    .collect(),
            };
            if unsettled.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 8 / 5).min(SETTLE_PAUSE_MS.1);
            let mut round: BTreeSet<&CheckId> = unsettled;
            for asking in askings.iter().rev() {
                if round.contains(asking.id) {
                    round.extend(asking.stdin_from);
                }
            }
            let again: Vec<Asking<'_>> =
                askings.iter().filter(|asking| round.contains(asking.id)).copied().collect();
            self.ask(nodes, &again, evidence, &mut Beside::default()).await;
        }
    }
}

/// What must be asked in one go with these: their inputs, and whatever else has those as its inputs. An answer made of
/// an old probe, or under an old nonce, tells of an old node.
fn together<'a>(all: &[Asking<'a>], wanted: &BTreeSet<CheckId>) -> BTreeSet<&'a CheckId> {
    let mut chosen: BTreeSet<&CheckId> =
        all.iter().map(|asking| asking.id).filter(|id| wanted.contains(*id)).collect();
    loop {
        let before = chosen.len();
        for asking in all {
            let named = asking.check.map(|check| check.probes()).unwrap_or_default();
            let inputs: Vec<&CheckId> = all
                .iter()
                .map(|other| other.id)
                .filter(|id| asking.stdin_from == Some(*id) || named.contains(*id))
                .collect();
            if chosen.contains(asking.id) {
                chosen.extend(&inputs);
            } else if inputs.iter().any(|id| chosen.contains(id)) {
                chosen.insert(asking.id);
            }
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

/// Whether something is there to be compared with: a fact, and not that a command was cut off.
fn answers(seen: &Observation) -> bool {
    match seen.fact() {
        Ok(Fact::Command(command)) => !command.timed_out,
        fact => fact.is_ok(),
    }
}

/// Why a node answered nothing.
enum Unanswered {
    /// Nobody knows how it is.
    Absent(String),
    /// Its machine does not run: known from outside of it.
    Down(String),
}

impl From<&NodeError> for Unanswered {
    fn from(error: &NodeError) -> Self {
        match error {
            NodeError::Down { why, .. } => Self::Down(why.clone()),
            error => Self::Absent(chain(error)),
        }
    }
}

/// What one node said on one round trip.
struct Said {
    /// A reply for each errand that was tried, where there were some.
    done: Option<Result<Vec<Reply>, NodeError>>,
    answers: Result<Vec<Answer>, Unanswered>,
    /// What stands on it, where that was asked and answered or refused.
    stock: Option<Stock>,
}

/// Puts questions to one node, after its errands. Stock is taken last where the node is handed over, so that what the
/// questions themselves leave behind is part of that, and else before them.
async fn put(link: &NodeLink, errands: Vec<Request>, asked: &[Asked], stock: Option<Taken>) -> Said {
    if errands.is_empty() && stock.is_none() {
        let answers = link.collect(asked.to_vec(), budget(asked)).await;
        return Said { done: None, answers: answers.map_err(|error| Unanswered::from(&error)), stock: None };
    }
    let errands_count = errands.len();
    let mut requests = errands;
    let takes_stock = stock.map(|_| Request::Inventory { budget_ms: STOCK_MS });
    let asks =
        (!asked.is_empty()).then(|| Request::Collect { asked: asked.to_vec(), budget_ms: budget(asked) });
    match stock {
        Some(Taken::Baseline) => requests.extend([asks, takes_stock].into_iter().flatten()),
        _ => requests.extend([takes_stock, asks].into_iter().flatten()),
    }
    let mut replies = match link.batch(requests).await {
        Ok(replies) => replies,
        Err(error) => {
            let why = Unanswered::from(&error);
            let done = (errands_count > 0).then_some(Err(error));
            return Said { done, answers: Err(why), stock: None };
        }
    };
    let mut answers = match asked.is_empty() {
        true => Some(Ok(Vec::new())),
        false => None,
    };
    let mut found = None;
    for reply in replies.split_off(errands_count.min(replies.len())) {
        match reply {
            Reply::Inventory(inventory) => found = Some(Stock::Known(inventory)),
            // What is refused ends a batch, and no question depends on an inventory.
            Reply::Refused { why }
                if stock.is_some() && (answers.is_some() || stock != Some(Taken::Baseline)) =>
            {
                found = Some(Stock::Unknown { why });
                if answers.is_none() {
                    let asked_again = link.collect(asked.to_vec(), budget(asked)).await;
                    answers = Some(asked_again.map_err(|error| Unanswered::from(&error)));
                }
            }
            reply => {
                answers = Some(link.answers(reply, asked.len()).map_err(|error| Unanswered::from(&error)));
            }
        }
    }
    let undone = || Err(Unanswered::Absent("what had to be done first did not succeed".to_owned()));
    Said {
        done: (errands_count > 0).then_some(Ok(replies)),
        answers: answers.unwrap_or_else(undone),
        stock: found,
    }
}

/// Answers what was asked about accelerators that are this machine's own: PID 1 of the node knows none.
async fn ask_this_machine(asked: &[Asked], answers: &mut [Answer]) {
    for (asked, answer) in asked.iter().zip(answers) {
        let Some(reading) = accelerators::answer(&asked.question) else { continue };
        answer.reading = reading;
        answer.again = None;
        if asked.again_after_ms > 0 {
            tokio::time::sleep(Duration::from_millis(asked.again_after_ms.into())).await;
            answer.again = accelerators::answer(&asked.question);
        }
    }
}

/// The question as it is put to one node, or why it cannot be.
fn question(asking: &Asking<'_>, node: &NodeName, evidence: &Evidence) -> Result<Question, String> {
    let mut question =
        asking.ask.render(&evidence.values(asking.id, node)).map_err(|error| error.to_string())?;
    if let (Some(from), Question::Command { stdin, .. }) = (asking.stdin_from, &mut question) {
        let fact = evidence.probe(from).ok_or_else(|| format!("`{from}` was not asked"))?.fact();
        match fact.map_err(|why| format!("`{from}` gave nothing: {why}"))? {
            Fact::Command(command) => *stdin = command.stdout.clone(),
            _ => return Err(format!("`{from}` runs no command")),
        }
    }
    Ok(question)
}

/// Milliseconds that a node has for a batch: what waits for something has its own budget in it.
fn budget(asked: &[Asked]) -> u32 {
    let waits = asked.iter().map(|asked| {
        let own = match &asked.question {
            Question::Command { timeout_ms, .. } | Question::Http { timeout_ms, .. } => *timeout_ms,
            Question::Initramfs { .. } => UNPACK_MS,
            _ => 0,
        };
        // The second reading takes as long again.
        if asked.again_after_ms > 0 {
            own.saturating_mul(2).saturating_add(asked.again_after_ms)
        } else {
            own
        }
    });
    waits.fold(BUDGET_MS, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcart_facts::{CommandFact, Reading};

    #[test]
    fn an_answer_is_asked_anew_together_with_what_it_was_made_of() {
        let text = include_str!("../../tests/cases/rubric-mistakes/nothing-wrong.toml");
        let rubric = Rubric::parse("munge.toml", text.to_owned()).unwrap_or_else(|error| panic!("{error}"));
        let all = rubric.askings(&"one".parse().expect("a name"), Taken::Live, false);
        let chosen = |wanted: &str| -> Vec<String> {
            let wanted = BTreeSet::from([wanted.parse().expect("an id")]);
            together(&all, &wanted).into_iter().map(ToString::to_string).collect()
        };
        assert_eq!(chosen("decodes"), ["credential", "decodes"]);
        assert_eq!(chosen("credential"), ["credential", "decodes"]);
        assert_eq!(chosen("key-kept"), ["key-kept"]);
        assert_eq!(chosen("unheard-of"), [""; 0]);
    }

    #[test]
    fn a_command_that_was_cut_off_is_no_answer() {
        let ran = CommandFact {
            started: true,
            exit: Some(0),
            signal: None,
            timed_out: false,
            stdout: "RUNNING\n".into(),
            stderr: String::new(),
            took_ms: 12,
        };
        let late = CommandFact { exit: None, signal: Some(9), timed_out: true, ..ran.clone() };
        let seen = |reading| Observation {
            of: "job".parse().expect("an id"),
            node: "ctl".parse().expect("a name"),
            question: Question::Processors {},
            reading,
            again: None,
            took_ms: 12,
        };
        assert!(answers(&seen(Reading::Known(Fact::Command(ran)))));
        assert!(!answers(&seen(Reading::Known(Fact::Command(late)))));
        assert!(!answers(&seen(Reading::Unreadable { why: "the time ran out".into() })));
    }
}
