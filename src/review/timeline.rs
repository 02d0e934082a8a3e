//! What happened in an attempt and when, out of its records: looks at the nodes and what had changed by then, hints,
//! technicians, gradings.
//!
//! Time is the learner's: while an attempt is paused it stands still. What changed between two looks is known at the
//! second one only. `watch` leaves no records, so its looks are not among these.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::grade::{CheckVerdict, CriterionReport, Report, Verdict, clean};
use crate::rubric::CheckId;
use crate::store::{Record, RecordKind};
use crate::units::spoken_duration;

/// Most moments that are kept from the beginning of an attempt, and as many from its end.
const MOST_AT_EACH_END: usize = 100;
/// Most bytes of one word of a record.
const WORD_LIMIT: usize = 200;
/// Most checks that are named for one look.
const MOST_NAMES: usize = 4;

/// An attempt's story as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Timeline {
    /// When the learner got the nodes, in milliseconds since the epoch.
    pub began_ms: Option<u64>,
    /// In order.
    pub moments: Vec<Moment>,
    /// So many in the middle are not among them.
    pub left_out: usize,
    pub summary: Summary,
}

/// The story in a few figures. Times are in milliseconds of the learner's time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// The first check or grading.
    pub first_look_ms: Option<u64>,
    /// The first look at which a check that earns had come to be met, and that check.
    pub first_met_ms: Option<u64>,
    pub first_met: Option<CheckId>,
    /// The first look of the last ones that found nothing wrong.
    pub mended_ms: Option<u64>,
    /// The first grading that was passed.
    pub passed_ms: Option<u64>,
    pub checks: u32,
    pub hints: u32,
    pub gradings: u32,
    /// Times that a technician was sent.
    pub hands: u32,
    /// All of it so far.
    pub total_ms: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moment {
    /// In milliseconds since the epoch.
    pub at_ms: u64,
    /// In milliseconds of the learner's time.
    pub used_ms: u64,
    pub what: What,
}

/// What it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The nodes stand, broken.
    Started,
    /// The nodes were looked at.
    Look(Look),
    /// A hint of the ladder, from 1. Old records do not say of how many.
    Hint {
        hint: u64,
        of: Option<u64>,
    },
    /// A technician was at a node.
    Hands {
        node: String,
        deed: String,
    },
    /// A shell was recorded.
    Recorded {
        node: String,
        file: String,
    },
    Paused,
    Resumed,
    Ended {
        why: String,
    },
}

/// A look at the nodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Look {
    pub by: By,
    /// Looks like this one, one after the other: the same command, and nothing had changed.
    pub times: u32,
    /// Checks that earn and are met, and all that earn.
    pub met: usize,
    pub of: usize,
    /// Checks that gave no answer.
    pub unknown: usize,
    /// Met by now, and not at the look before; at the first look what belongs to points that are earned already.
    pub better: Vec<CheckId>,
    /// No longer met.
    pub worse: Vec<CheckId>,
    pub points: u32,
    pub max: u32,
    pub verdict: Verdict,
}

/// Which command looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    Check,
    Grade,
}

/// Takes an attempt's records in their order and makes its [`Timeline`] of them.
#[derive(Debug, Default)]
pub struct Story {
    used: Used,
    first: Vec<Moment>,
    last: VecDeque<Moment>,
    left_out: usize,
    /// Whether each check was met when it last gave an answer.
    met: BTreeMap<CheckId, bool>,
    summary: Summary,
}

impl Story {
    /// Takes the next record; gives what it tells, if it tells anything. A record that no longer reads tells nothing:
    /// that it was changed is told elsewhere.
    pub fn add(&mut self, record: &Record) -> Option<What> {
        let what = self.read(record)?;
        let used_ms = self.used.at(record.at_ms);
        self.count(&what, used_ms);
        let moment = Moment { at_ms: record.at_ms, used_ms, what: what.clone() };
        self.keep(moment);
        Some(what)
    }

    /// The story up to now, in milliseconds since the epoch.
    pub fn told(&self, now_ms: u64) -> Timeline {
        let summary = Summary { total_ms: self.used.at(now_ms), ..self.summary.clone() };
        let moments = self.first.iter().chain(&self.last).cloned().collect();
        Timeline { began_ms: self.used.began_ms, moments, left_out: self.left_out, summary }
    }

    fn read(&mut self, record: &Record) -> Option<What> {
        match record.kind {
            RecordKind::Started => {
                self.used.go_on(record.at_ms);
                Some(What::Started)
            }
            RecordKind::Report => {
                Some(self.look(By::Check, record.at_ms, &serde_json::from_str(&record.body).ok()?))
            }
            RecordKind::Grade => {
                Some(self.look(By::Grade, record.at_ms, &serde_json::from_str(&record.body).ok()?))
            }
            RecordKind::Hint => match serde_json::from_str(&record.body).ok()? {
                // Earlier versions recorded its number alone.
                Value::Number(hint) => Some(What::Hint { hint: hint.as_u64()?, of: None }),
                body => Some(What::Hint { hint: body["hint"].as_u64()?, of: body["of"].as_u64() }),
            },
            RecordKind::Note => self.note(record.at_ms, &serde_json::from_str(&record.body).ok()?),
            // What was read from nodes tells nothing by itself.
            _ => None,
        }
    }

    fn note(&mut self, at_ms: u64, body: &Value) -> Option<What> {
        let word = |value: &Value| clean(value.as_str().unwrap_or_default(), WORD_LIMIT);
        match body {
            Value::String(note) if note == "paused" => {
                self.used.stand(at_ms);
                Some(What::Paused)
            }
            // All others are written when an attempt ends.
            Value::String(why) => {
                self.used.stand(at_ms);
                Some(What::Ended { why: clean(why, WORD_LIMIT) })
            }
            body if !body["resumed"].is_null() => {
                self.used.go_on(at_ms);
                Some(What::Resumed)
            }
            body if !body["hands"].is_null() => {
                Some(What::Hands { node: word(&body["node"]), deed: deed_words(&body["hands"])? })
            }
            body if !body["recorded"].is_null() => {
                let recorded = &body["recorded"];
                Some(What::Recorded { node: word(&recorded["node"]), file: word(&recorded["file"]) })
            }
            _ => None,
        }
    }

    fn look(&mut self, by: By, at_ms: u64, report: &Report) -> What {
        let earns = |id: &CheckId| report.criteria.iter().any(|criterion| criterion.checks.contains(id));
        let answers = answers(report);
        let (mut better, mut worse) = (Vec::new(), Vec::new());
        for (id, met) in answers.iter().filter_map(|(id, answer)| Some((*id, (*answer)?))) {
            // No point is earned when an attempt begins, and what earns nothing is met.
            let at_first = if met { !is_earned(report, id) } else { !earns(id) };
            let before = self.met.insert(id.clone(), met).unwrap_or(at_first);
            match (before, met) {
                (false, true) => better.push(id.clone()),
                (true, false) => worse.push(id.clone()),
                _ => {}
            }
        }
        let earning: Vec<_> = answers.iter().filter(|(id, _)| earns(id)).collect();
        let look = Look {
            by,
            times: 1,
            met: earning.iter().filter(|(_, answer)| *answer == Some(true)).count(),
            of: earning.len(),
            unknown: answers.iter().filter(|(_, answer)| answer.is_none()).count(),
            points: report.totals.provisional.unwrap_or(report.totals.earned).0,
            max: report.totals.max.0,
            verdict: report.verdict,
            better,
            worse,
        };
        let used_ms = self.used.at(at_ms);
        if self.summary.first_met.is_none() {
            self.summary.first_met = look.better.iter().find(|id| earns(id)).cloned();
            self.summary.first_met_ms = self.summary.first_met.is_some().then_some(used_ms);
        }
        let well = look.unknown == 0 && self.met.values().all(|met| *met);
        self.summary.mended_ms = well.then(|| self.summary.mended_ms.unwrap_or(used_ms));
        What::Look(look)
    }

    fn count(&mut self, what: &What, used_ms: u64) {
        let summary = &mut self.summary;
        match what {
            What::Hint { .. } => summary.hints += 1,
            What::Hands { .. } => summary.hands += 1,
            What::Look(look) => {
                summary.first_look_ms.get_or_insert(used_ms);
                match look.by {
                    By::Check => summary.checks += 1,
                    By::Grade => summary.gradings += 1,
                }
                if look.by == By::Grade && look.verdict == Verdict::Passed {
                    summary.passed_ms.get_or_insert(used_ms);
                }
            }
            _ => {}
        }
    }

    fn keep(&mut self, moment: Moment) {
        let last = self.last.back_mut().or(self.first.last_mut());
        if let (Some(Moment { what: What::Look(before), .. }), What::Look(look)) = (last, &moment.what)
            && before.is_repeated_by(look)
        {
            before.times += 1;
            return;
        }
        match self.first.len() < MOST_AT_EACH_END {
            true => self.first.push(moment),
            false => self.last.push_back(moment),
        }
        if self.last.len() > MOST_AT_EACH_END {
            self.last.pop_front();
            self.left_out += 1;
        }
    }
}

impl Look {
    /// The next look was by the same command and found all as it was.
    fn is_repeated_by(&self, next: &Self) -> bool {
        let plain = |look: &Self| look.by == By::Check && look.better.is_empty() && look.worse.is_empty();
        plain(self)
            && plain(next)
            && (self.met, self.unknown, self.points) == (next.met, next.unknown, next.points)
    }
}

/// Whether each check that was asked is met, in the report's order; none where that could not be told. One that is
/// judged in two phases must be met in both.
fn answers(report: &Report) -> Vec<(&CheckId, Option<bool>)> {
    let mut answers: Vec<(&CheckId, Option<bool>)> = Vec::new();
    for check in report.checks.iter().filter(|check| !check.waits()) {
        let answer = match check.verdict {
            CheckVerdict::Pass { .. } => Some(true),
            CheckVerdict::Fail { .. } => Some(false),
            CheckVerdict::Unknown { .. } => None,
        };
        match answers.iter_mut().find(|(id, _)| *id == &check.id) {
            None => answers.push((&check.id, answer)),
            Some((_, known)) => {
                *known = match (*known, answer) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
        }
    }
    answers
}

/// What a technician did, in words: `replace GPU 3`, `power-cycle`.
pub(super) fn deed_words(deed: &Value) -> Option<String> {
    let words = match deed {
        Value::Object(deed) => deed.iter().next().map(|(name, gpu)| format!("{name} GPU {gpu}"))?,
        deed => deed.as_str()?.to_owned(),
    };
    Some(clean(&words, WORD_LIMIT))
}

/// Whether a check belongs to a criterion that earns something as it stands.
fn is_earned(report: &Report, id: &CheckId) -> bool {
    let of = report.criteria.iter().filter(|criterion| criterion.checks.contains(id));
    let points = |it: &CriterionReport| it.provisional.map_or(it.earned, |standing| standing.earned);
    of.map(points).any(|points| points.0 > 0)
}

/// A clock that stands while an attempt is paused and after its end.
#[derive(Debug, Default)]
struct Used {
    began_ms: Option<u64>,
    before_ms: u64,
    since_ms: Option<u64>,
}

impl Used {
    fn go_on(&mut self, at_ms: u64) {
        self.began_ms.get_or_insert(at_ms);
        self.since_ms.get_or_insert(at_ms);
    }

    fn stand(&mut self, at_ms: u64) {
        self.before_ms = self.at(at_ms);
        self.since_ms = None;
    }

    fn at(&self, at_ms: u64) -> u64 {
        self.before_ms + self.since_ms.map_or(0, |since_ms| at_ms.saturating_sub(since_ms))
    }
}

impl Summary {
    /// In words, a line for each thing that there is to say: what it is, and how it was.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let mut told = |what, words: Option<String>| lines.extend(words.map(|words| (what, words)));
        let after = |ms: Option<u64>| ms.map(|ms| format!("after {}", spoken_duration(ms)));
        told("first look", after(self.first_look_ms));
        let first_met = after(self.first_met_ms).zip(self.first_met.as_ref());
        told("first mended", first_met.map(|(after, check)| format!("{after}: {check}")));
        told("all mended", after(self.mended_ms));
        told("passed", after(self.passed_ms));
        let counts = [
            (self.checks, "check", "checks"),
            (self.gradings, "grading", "gradings"),
            (self.hints, "hint", "hints"),
            (self.hands, "visit of a technician", "visits of a technician"),
        ];
        let counted = counts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
        let counted: Vec<String> = counted.collect();
        told("with", (!counted.is_empty()).then(|| counted.join(", ")));
        let after = self.passed_ms.map_or(0, |passed_ms| self.total_ms.saturating_sub(passed_ms));
        let used = spoken_duration(self.total_ms);
        // Who looks around on mended nodes is not slow.
        told(
            "time used",
            Some(match after {
                ..60_000 => used,
                _ => format!("{used}, {} of it after passing", spoken_duration(after)),
            }),
        );
        lines
    }
}

impl What {
    /// In a line.
    pub fn words(&self) -> String {
        match self {
            Self::Started => "the nodes stood, broken".into(),
            Self::Look(look) => look.words(),
            Self::Hint { hint, of: Some(of) } => format!("hint {hint} of {of}"),
            Self::Hint { hint, of: None } => format!("hint {hint}"),
            Self::Hands { node, deed } => format!("a technician at {node}: {deed}"),
            Self::Recorded { node, file } => format!("a shell in {node} was recorded: {file}"),
            Self::Paused => "paused".into(),
            Self::Resumed => "resumed".into(),
            Self::Ended { why } => why.clone(),
        }
    }
}

impl Look {
    fn words(&self) -> String {
        let mut words = match (self.by, self.times, self.verdict) {
            (By::Check, 1, _) => format!("check: {} of {} met", self.met, self.of),
            (By::Check, times, _) => format!("check, {times} times: {} of {} met", self.met, self.of),
            (By::Grade, _, verdict) => {
                let verdict = match verdict {
                    Verdict::Passed => "passed",
                    Verdict::Failed => "not passed",
                    Verdict::Undecided => "undecided",
                };
                format!("grade: {verdict}, {} of {} points", self.points, self.max)
            }
        };
        for (heading, checks) in [("now met", &self.better), ("no longer met", &self.worse)] {
            if !checks.is_empty() {
                words.push_str(&format!("; {heading}: {}", names(checks)));
            }
        }
        if self.unknown > 0 {
            words.push_str(&format!("; {} gave no answer", self.unknown));
        }
        words
    }
}

fn names(checks: &[CheckId]) -> String {
    let named: Vec<&str> = checks.iter().take(MOST_NAMES).map(|check| check.as_str()).collect();
    match checks.len().saturating_sub(MOST_NAMES) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report in which `a` and `b` earn and `guard` must stay; verdicts by name, `?` is no answer.
    fn report(verdicts: &[(&str, char)], verdict: &str) -> Value {
        let check = |(id, says): &(&str, char)| {
            let verdict = match says {
                '+' => json!({ "pass": { "found": "well" } }),
                '-' => json!({ "fail": { "found": "ill", "wanted": "well" } }),
                _ => json!({ "unknown": { "why": "asleep" } }),
            };
            json!({
                "id": id, "nodes": ["front"], "phase": "live", "verdict": verdict, "wanted": "well",
                "why": "It matters.", "took-ms": 3,
            })
        };
        json!({
            "format": 1, "attempt": "a1", "lab": "some-lab", "variant": "one", "pass": 70, "verdict": verdict,
            "totals": { "earned": 40, "undecided": 0, "max": 100 },
            "skills": {},
            "checks": verdicts.iter().map(check).collect::<Vec<_>>(),
            "criteria": [{
                "id": "some-criterion", "skill": "KRN", "phase": "live", "checks": ["a", "b"],
                "outcome": "fail", "earned": 0, "undecided": 0, "max": 100,
            }],
            "guards": [],
        })
    }

    fn look(kind: RecordKind, verdicts: &[(&str, char)]) -> (RecordKind, Value) {
        (kind, report(verdicts, if kind == RecordKind::Grade { "passed" } else { "undecided" }))
    }

    /// The story of records that are a minute apart.
    fn story(records: &[(RecordKind, Value)]) -> Timeline {
        let mut story = Story::default();
        let mut at_ms = 1_000_000;
        for (nth, (kind, body)) in records.iter().enumerate() {
            story.add(&Record {
                seq: nth as u32 + 1,
                kind: *kind,
                at_ms,
                body: body.to_string(),
                previous: String::new(),
                digest: String::new(),
            });
            at_ms += 60_000;
        }
        story.told(at_ms)
    }

    fn told(timeline: &Timeline) -> Vec<String> {
        let line = |moment: &Moment| format!("{} {}", moment.used_ms / 60_000, moment.what.words());
        timeline.moments.iter().map(line).collect()
    }

    #[test]
    fn a_story_tells_what_had_changed_at_each_look() {
        use RecordKind::{Grade, Hint, Note, Report, Started};
        let timeline = story(&[
            (Started, json!({ "variant": "one" })),
            look(Report, &[("a", '-'), ("b", '-'), ("guard", '+')]),
            look(Report, &[("a", '-'), ("b", '-'), ("guard", '+')]),
            (Hint, json!({ "hint": 1, "of": 3, "cost-percent": 10 })),
            (Hint, json!(2)),
            look(Report, &[("a", '-'), ("b", '+'), ("guard", '-')]),
            (Note, json!({ "node": "front", "hands": { "replace": 3 } })),
            look(Report, &[("a", '?'), ("b", '+'), ("guard", '+')]),
            look(Grade, &[("a", '+'), ("b", '+'), ("guard", '+')]),
            (Note, json!({ "recorded": { "node": "front", "file": "recordings/x/front-1.cast" } })),
            (Note, json!("stopped")),
        ]);
        assert_eq!(
            told(&timeline),
            [
                "0 the nodes stood, broken",
                "1 check, 2 times: 0 of 2 met",
                "3 hint 1 of 3",
                "4 hint 2",
                "5 check: 1 of 2 met; now met: b; no longer met: guard",
                "6 a technician at front: replace GPU 3",
                "7 check: 1 of 2 met; now met: guard; 1 gave no answer",
                "8 grade: passed, 40 of 100 points; now met: a",
                "9 a shell in front was recorded: recordings/x/front-1.cast",
                "10 stopped",
            ]
        );
        let minutes = |ms: Option<u64>| ms.map(|ms| ms / 60_000);
        let summary = &timeline.summary;
        assert_eq!(minutes(summary.first_look_ms), Some(1));
        assert_eq!(
            (minutes(summary.first_met_ms), summary.first_met.as_ref().map(|it| it.as_str())),
            (Some(5), Some("b"))
        );
        assert_eq!((minutes(summary.mended_ms), minutes(summary.passed_ms)), (Some(8), Some(8)));
        assert_eq!((summary.checks, summary.gradings, summary.hints, summary.hands), (4, 1, 2, 1));
        assert_eq!(summary.total_ms / 60_000, 10, "after the end nothing is used");
    }

    #[test]
    fn at_the_first_look_only_what_earns_points_was_mended() {
        let first = |earned: u32| {
            let mut report = report(&[("a", '+'), ("b", '-'), ("guard", '+')], "failed");
            report["criteria"][0]["earned"] = json!(earned);
            let timeline = story(&[(RecordKind::Started, json!({})), (RecordKind::Report, report)]);
            (timeline.moments[1].what.words(), timeline.summary.first_met)
        };
        assert_eq!(first(0), ("check: 1 of 2 met".into(), None));
        let (words, first_met) = first(10);
        assert_eq!((words.as_str(), first_met.is_some()), ("check: 1 of 2 met; now met: a", true));
    }

    #[test]
    fn time_stands_while_an_attempt_is_paused() {
        use RecordKind::{Note, Report, Started};
        let timeline = story(&[
            (Started, json!({})),
            (Note, json!("paused")),
            (Report, json!("nothing that reads")),
            (Note, json!({ "resumed": { "started": [], "thawed": ["front"] } })),
            // Nodes came up again while it ran: time goes on as before.
            (Note, json!({ "resumed": { "started": ["front"], "thawed": [] } })),
        ]);
        assert_eq!(told(&timeline), ["0 the nodes stood, broken", "1 paused", "1 resumed", "2 resumed"]);
        assert_eq!(timeline.summary.total_ms / 60_000, 3);
    }

    #[test]
    fn what_was_mended_and_broke_again_is_not_mended() {
        use RecordKind::{Report, Started};
        let well = || look(Report, &[("a", '+'), ("b", '+')]);
        let ill = || look(Report, &[("a", '+'), ("b", '-')]);
        let mended = |records: &[(RecordKind, Value)]| {
            let mut all = vec![(Started, json!({}))];
            all.extend_from_slice(records);
            story(&all).summary.mended_ms.map(|ms| ms / 60_000)
        };
        assert_eq!(mended(&[ill()]), None);
        assert_eq!(mended(&[ill(), well(), well()]), Some(2));
        assert_eq!(mended(&[well(), ill()]), None);
        assert_eq!(mended(&[well(), ill(), well()]), Some(3));
    }

    #[test]
    fn however_much_happened_a_story_has_an_end() {
        use RecordKind::{Hint, Started};
        let mut records = vec![(Started, json!({}))];
        records.extend((1..=1_000).map(|hint| (Hint, json!({ "hint": hint, "of": 1_000 }))));
        let timeline = story(&records);
        assert_eq!((timeline.moments.len(), timeline.left_out), (200, 801));
        assert_eq!(timeline.moments[199].what.words(), "hint 1000 of 1000");
        assert_eq!(timeline.summary.hints, 1_000);
    }

    #[test]
    fn a_story_shows_no_tricks_of_whoever_wrote_its_records() {
        let timeline = story(&[(RecordKind::Note, json!("stop\u{1b}[31mped\u{202e}"))]);
        assert_eq!(told(&timeline), ["0 stopped"]);
    }
}
