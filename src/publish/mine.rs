//! A learner's own attempts as pages: what each came to, criterion by criterion, and how skills and roles stand.
//!
//! Reads the store and nothing else. What a node said is in the reports, so every text here may hold anything.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::plot::{self, Dot};
use crate::grade::{
    CheckVerdict, GuardState, Met, Outcome, Report, RoleVerdict, TEXT_LIMIT, Verdict, clean, scorecard,
};
use crate::rubric::{Effect, Phase, Role, Skill};
use crate::store::{AttemptId, AttemptRow, Purpose, RecordKind, Stage, Store, StoreError};
use crate::units::spoken_duration;

/// All attempts of a learner, the newest first.
#[derive(Debug)]
pub struct Mine {
    attempts: Vec<Tried>,
    /// For dates.
    zone: TimeZone,
}

#[derive(Debug)]
struct Tried {
    row: AttemptRow,
    used_ms: u64,
    intact: bool,
    /// The oldest first.
    gradings: Vec<Grading>,
    /// Gradings that no longer read.
    unreadable: usize,
}

#[derive(Debug)]
struct Grading {
    at_ms: u64,
    report: Report,
}

impl Mine {
    /// Reads them.
    pub fn read(store: &Store, zone: TimeZone) -> Result<Self, StoreError> {
        let mut attempts = Vec::new();
        for row in store.attempts()? {
            // A row that was changed behind our back could name anything; pages are named by it.
            if row.purpose != Purpose::Learn || AttemptId::parse(row.id.as_str()).is_none() {
                continue;
            }
            let (mut gradings, mut unreadable) = (Vec::new(), 0);
            for record in store.records(&row.id)?.iter().filter(|it| it.kind == RecordKind::Grade) {
                match serde_json::from_str(&record.body) {
                    Ok(report) => gradings.push(Grading { at_ms: record.at_ms, report }),
                    Err(_) => unreadable += 1,
                }
            }
            attempts.push(Tried {
                // An open span counts for nothing: the same store makes the same page.
                used_ms: store.time_used_ms(&row.id, 0)?,
                intact: store.verify_chain(&row.id)?.is_none(),
                gradings,
                unreadable,
                row,
            });
        }
        Ok(Self { attempts, zone })
    }

    /// Every grading with its attempt, the oldest first.
    fn gradings(&self) -> Vec<(&Tried, &Grading)> {
        let mut all: Vec<(&Tried, &Grading)> =
            self.attempts.iter().flat_map(|tried| tried.gradings.iter().map(move |it| (tried, it))).collect();
        all.sort_by_key(|(tried, grading)| (grading.at_ms, tried.row.id.clone()));
        all
    }

    /// What the pages say.
    pub fn view(&self, roles: &[Role]) -> MineView {
        let gradings = self.gradings();
        let dots: Vec<Dot> = gradings
            .iter()
            .map(|(tried, grading)| Dot {
                told: format!(
                    "{}, {}: {} points",
                    self.date(grading.at_ms),
                    tried.row.lab,
                    grading.report.totals.earned
                ),
                points: grading.report.totals.earned.0,
                mark: grading.report.pass.0,
                passed: grading.report.verdict == Verdict::Passed,
            })
            .collect();
        let (skills, best) = progress(&gradings);
        let best: Vec<&Report> = best.into_values().collect();
        let cards = roles.iter().map(|role| {
            let card = scorecard(role, &best);
            Standing {
                name: role.id.to_string(),
                title: role.title.clone(),
                verdict: match card.verdict {
                    RoleVerdict::Pass => "passed",
                    RoleVerdict::Fail => "not passed",
                    RoleVerdict::Incomplete => "more labs needed",
                },
                passed: card.verdict == RoleVerdict::Pass,
                score: card.score_bp.map(percent),
                mark: percent(card.pass_bp),
                covered: card.weight_covered,
                below: card
                    .skills
                    .iter()
                    .filter(|skill| skill.met == Met::No)
                    .map(|skill| skill.skill.title().to_owned())
                    .collect(),
            }
        });
        let mut tried: Vec<&str> = self.attempts.iter().map(|tried| tried.row.lab.as_str()).collect();
        tried.sort_unstable();
        tried.dedup();
        MineView {
            passed: best.iter().filter(|report| report.verdict == Verdict::Passed).count(),
            tried: tried.len(),
            gradings: dots.len(),
            hidden_gradings: dots.len().saturating_sub(plot::MOST_DOTS),
            plot: (!dots.is_empty()).then(|| plot::points(&dots)),
            skills,
            // With nothing graded there is nothing to say of roles.
            roles: if best.is_empty() { Vec::new() } else { cards.collect() },
            attempts: self.attempts.iter().map(|tried| self.attempt(tried)).collect(),
        }
    }

    fn attempt(&self, tried: &Tried) -> AttemptView {
        let row = &tried.row;
        let newest = tried.gradings.last().map(|grading| &grading.report);
        AttemptView {
            id: row.id.to_string(),
            lab: line(&row.lab),
            began: self.date(row.created_at_ms),
            stage: row.stage.to_string(),
            over: row.stage == Stage::Stopped,
            used: (row.stage == Stage::Stopped).then(|| spoken_duration(tried.used_ms)),
            hints: row.hints,
            intact: tried.intact,
            unreadable: tried.unreadable,
            result: newest.map(result),
            gradings: tried
                .gradings
                .iter()
                .map(|grading| GradingView { at: self.date(grading.at_ms), result: result(&grading.report) })
                .collect(),
            criteria: newest.map(criteria).unwrap_or_default(),
            checks: newest.map(checks).unwrap_or_default(),
            guards: newest.map(guards).unwrap_or_default(),
        }
    }

    /// Local time to the minute, as `history` has it.
    fn date(&self, ms: u64) -> String {
        let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        stamp.unwrap_or_default().to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// The best grading of each lab, and how each skill moved while gradings came in.
fn progress<'a>(gradings: &[(&'a Tried, &'a Grading)]) -> (Vec<SkillView>, BTreeMap<&'a str, &'a Report>) {
    let mut best: BTreeMap<&str, &Report> = BTreeMap::new();
    let mut ways: BTreeMap<Skill, Vec<u32>> = BTreeMap::new();
    let worth = |report: &Report| (report.verdict == Verdict::Passed, report.totals.earned);
    for (tried, grading) in gradings {
        let slot = best.entry(&tried.row.lab).or_insert(&grading.report);
        if worth(&grading.report) >= worth(slot) {
            *slot = &grading.report;
        }
        for skill in Skill::ALL {
            let (earned, available) = sum(best.values(), skill);
            if let Some(share) = (earned * 10_000).checked_div(available) {
                ways.entry(skill).or_default().push(share as u32);
            }
        }
    }
    let views = ways.iter().map(|(skill, way)| {
        let (earned, available) = sum(best.values(), *skill);
        SkillView {
            tag: skill.tag(),
            title: skill.title(),
            earned,
            available,
            first: percent(way[0]),
            now: percent(way[way.len() - 1]),
            line: plot::line(way),
        }
    });
    (views.collect(), best)
}

fn sum<'a, 'r: 'a>(reports: impl Iterator<Item = &'a &'r Report>, skill: Skill) -> (u64, u64) {
    reports.filter_map(|report| report.skills.get(&skill)).fold((0, 0), |(earned, available), totals| {
        (earned + u64::from(totals.earned.0), available + u64::from(totals.max.0))
    })
}

/// `66.6 %` of 6666.
fn percent(bp: u32) -> String {
    match bp % 100 / 10 {
        0 => format!("{} %", bp / 100),
        tenth => format!("{}.{tenth} %", bp / 100),
    }
}

/// A text of a report on one line, without what a terminal or a reader's eye could be misled by.
fn line(text: &str) -> String {
    clean(text, TEXT_LIMIT)
}

fn result(report: &Report) -> Outcomes {
    Outcomes {
        earned: report.totals.earned.0,
        undecided: report.totals.undecided.0,
        max: report.totals.max.0,
        mark: report.pass.0,
        verdict: match report.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "not passed",
            Verdict::Undecided => "undecided",
        },
        passed: report.verdict == Verdict::Passed,
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Live => "before the restart",
        Phase::AfterRestart => "after the restart",
    }
}

fn criteria(report: &Report) -> Vec<CriterionView> {
    let view = |it: &crate::grade::CriterionReport| CriterionView {
        name: it.id.to_string(),
        skill: it.skill.title(),
        tag: it.skill.tag(),
        phase: phase(it.phase),
        earned: it.earned.0,
        max: it.max.0,
        outcome: match it.outcome {
            Outcome::Pass => "earned".into(),
            Outcome::Part => match &it.level {
                Some(level) => format!("in part: {}", line(level)),
                None => "in part".into(),
            },
            Outcome::Fail => "not earned".into(),
            Outcome::Blocked => {
                let by: Vec<String> = it.blocked_by.iter().map(ToString::to_string).collect();
                format!("not counted without {}", by.join(", "))
            }
            Outcome::Unknown => "could not be told".into(),
            Outcome::NotYet => "not judged yet".into(),
        },
    };
    report.criteria.iter().map(view).collect()
}

/// Checks that did not pass.
fn checks(report: &Report) -> Vec<CheckView> {
    let view = |it: &crate::grade::CheckReport| {
        let (verdict, wanted) = match &it.verdict {
            CheckVerdict::Pass { .. } => return None,
            CheckVerdict::Fail { wanted, .. } => ("failed", wanted),
            CheckVerdict::Unknown { .. } => ("could not be told", &it.wanted),
        };
        let nodes: Vec<&str> = it.nodes.iter().map(|node| node.as_str()).collect();
        Some(CheckView {
            name: it.id.to_string(),
            nodes: nodes.join(", "),
            phase: phase(it.phase),
            verdict,
            found: line(it.found()),
            wanted: line(wanted),
            why: line(&it.why),
        })
    };
    report.checks.iter().filter_map(view).collect()
}

fn guards(report: &Report) -> Vec<GuardView> {
    let broken = report.guards.iter().filter(|it| it.state == GuardState::Broken);
    let view = |it: &crate::grade::GuardReport| GuardView {
        why: line(&it.why),
        costs: match it.effect {
            Effect::Fail => "the lab is failed".into(),
            Effect::Cap(points) => format!("at most {points} points in all"),
            Effect::CapSkill { skill, at } => format!("at most {at} points for {}", skill.title()),
        },
    };
    broken.map(view).collect()
}

/// All attempts, as templates see them.
#[derive(Debug, Serialize)]
pub struct MineView {
    pub tried: usize,
    pub passed: usize,
    pub gradings: usize,
    pub hidden_gradings: usize,
    pub plot: Option<String>,
    pub skills: Vec<SkillView>,
    pub roles: Vec<Standing>,
    pub attempts: Vec<AttemptView>,
}

/// One skill, over all labs: the best grading of each counts.
#[derive(Debug, Serialize)]
pub struct SkillView {
    pub tag: &'static str,
    pub title: &'static str,
    pub earned: u64,
    pub available: u64,
    pub first: String,
    pub now: String,
    pub line: String,
}

/// How somebody stands in a role.
#[derive(Debug, Serialize)]
pub struct Standing {
    pub name: String,
    pub title: String,
    pub verdict: &'static str,
    pub passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    pub mark: String,
    pub covered: u32,
    /// Skills below their floor.
    pub below: Vec<String>,
}

/// One attempt.
#[derive(Debug, Serialize)]
pub struct AttemptView {
    pub id: String,
    pub lab: String,
    pub began: String,
    pub stage: String,
    pub over: bool,
    /// None while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<String>,
    pub hints: u32,
    pub intact: bool,
    pub unreadable: usize,
    pub result: Option<Outcomes>,
    pub gradings: Vec<GradingView>,
    pub criteria: Vec<CriterionView>,
    pub checks: Vec<CheckView>,
    pub guards: Vec<GuardView>,
}

/// What a grading came to.
#[derive(Debug, Serialize)]
pub struct Outcomes {
    pub earned: u32,
    pub undecided: u32,
    pub max: u32,
    pub mark: u32,
    pub verdict: &'static str,
    pub passed: bool,
}

/// One grading of an attempt.
#[derive(Debug, Serialize)]
pub struct GradingView {
    pub at: String,
    pub result: Outcomes,
}

/// One criterion.
#[derive(Debug, Serialize)]
pub struct CriterionView {
    pub name: String,
    pub skill: &'static str,
    pub tag: &'static str,
    pub phase: &'static str,
    pub earned: u32,
    pub max: u32,
    pub outcome: String,
}

/// One check that did not pass.
#[derive(Debug, Serialize)]
pub struct CheckView {
    pub name: String,
    pub nodes: String,
    pub phase: &'static str,
    pub verdict: &'static str,
    pub found: String,
    pub wanted: String,
    pub why: String,
}

/// A guard that broke.
#[derive(Debug, Serialize)]
pub struct GuardView {
    pub why: String,
    pub costs: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::NewAttempt;

    /// A grading of `some-lab` with so many points of two skills, as a node of somebody hostile could have shaped it.
    fn report(earned: u32, said: &str) -> serde_json::Value {
        json!({
            "format": 1, "attempt": "a1", "lab": "some-lab", "variant": "one", "pass": 70,
            "verdict": if earned >= 70 { "passed" } else { "failed" },
            "totals": { "earned": earned, "undecided": 0, "max": 100 },
            "skills": { "KRN": { "earned": earned, "undecided": 0, "max": 100 } },
            "checks": [{
                "id": "some-check", "nodes": ["front"], "phase": "live",
                "verdict": { "fail": { "found": said, "wanted": "<i>well</i>" } },
                "wanted": "<i>well</i>", "why": "It <matters>.", "took-ms": 3,
            }],
            "criteria": [{
                "id": "some-criterion", "skill": "KRN", "phase": "live", "checks": ["some-check"],
                "outcome": "fail", "earned": 0, "undecided": 0, "max": 100,
            }],
            "guards": [],
        })
    }

    fn store_with(reports: &[serde_json::Value]) -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(directory.path()).expect("a new store");
        let new = NewAttempt {
            purpose: Purpose::Learn,
            lab: "some-lab",
            variant: "one",
            seed: 1,
            lab_digest: "",
            rubric_digest: "",
        };
        let (id, _lock) = store.begin_attempt(&new, 1_000).expect("written");
        store.set_stage(&id, Stage::Running, 2_000).expect("running");
        for (nth, report) in reports.iter().enumerate() {
            store.append(&id, RecordKind::Grade, report, 10_000 + nth as u64).expect("written");
        }
        (directory, store)
    }

    #[test]
    fn what_a_node_said_reaches_the_page_as_text_and_without_its_tricks() {
        let hostile = "<script>alert(1)</script>\u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe \"quoted\"";
        let (_directory, store) = store_with(&[report(30, hostile)]);
        let mine = Mine::read(&store, TimeZone::UTC).expect("read");
        let pages = super::super::site::tests::mine_alone(&mine);
        let page = pages.iter().find(|(path, _)| path.starts_with("mine/")).expect("a page of the attempt").1;
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;red gnp.exe &quot;quoted&quot;"),
            "{page}"
        );
        for trick in ["<script>alert", "\u{1b}", "\u{202e}", "<i>well", "<matters>"] {
            assert!(!page.contains(trick), "{trick:?} is on the page");
        }
    }

    #[test]
    fn the_best_grading_of_a_lab_counts_and_the_way_there_is_drawn() {
        let (_directory, store) = store_with(&[report(30, ""), report(100, ""), report(80, "")]);
        let view = Mine::read(&store, TimeZone::UTC).expect("read").view(&[]);
        assert_eq!((view.tried, view.passed, view.gradings), (1, 1, 3));
        let [skill] = &view.skills[..] else { panic!("{:?}", view.skills) };
        assert_eq!((skill.first.as_str(), skill.now.as_str(), skill.earned), ("30 %", "100 %", 100));
        let [attempt] = &view.attempts[..] else { panic!("{:?}", view.attempts) };
        assert!(attempt.result.as_ref().is_some_and(|result| result.earned == 80), "the newest one is shown");
        assert_eq!((attempt.began.as_str(), attempt.used.as_deref()), ("1970-01-01 00:00", None));
    }

    #[test]
    fn a_grading_that_no_longer_reads_is_counted_and_takes_nothing_else_away() {
        let (_directory, store) = store_with(&[report(100, ""), json!({ "format": 9 })]);
        let view = Mine::read(&store, TimeZone::UTC).expect("read").view(&[]);
        assert_eq!((view.gradings, view.attempts[0].unreadable), (1, 1));
    }
}
