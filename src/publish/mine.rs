//! A learner's own attempts as pages: what each came to, criterion by criterion, how skills moved, how roles stand, and
//! the path to each of them.
//!
//! Reads the store and nothing else; figures, plans and reasons are those of [`crate::progress`]. What a node said is in
//! the reports, so every text here may hold anything.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::plot::{self, Dot, Milestone, MilestoneKind};
use crate::attempt::difference;
use crate::grade::{
    CheckVerdict, GuardState, Met, Outcome, Report, RoleVerdict, Scorecard, TEXT_LIMIT, Verdict, clean,
};
use crate::lab::{Catalog, Draw};
use crate::progress::{
    Grading, Mark, Offer, Past, Plan, Series, SkillStanding, Strength, Tried, plan, series,
};
use crate::recording;
use crate::review::{By, Moment, Story, Timeline, What, left_lines, reference, shown, shown_lines};
use crate::rubric::{Effect, Phase, Role};
use crate::store::{AttemptRow, Stage, Store, StoreError};
use crate::units::spoken_duration;

/// All attempts of a learner.
#[derive(Debug)]
pub struct Mine {
    past: Past,
    /// Of each attempt.
    beside: Vec<Beside>,
    /// For what is due.
    today: Date,
}

/// What the page of an attempt tells beside its gradings.
#[derive(Debug)]
struct Beside {
    used_ms: u64,
    /// Its records are as they were written.
    intact: bool,
    went: Timeline,
    /// Recordings of its shells, by name.
    recordings: Vec<String>,
    solution: Option<SolutionView>,
}

impl Mine {
    /// Reads them; `zone` is for days, `now_ms` says which is today.
    pub fn read(store: &Store, zone: TimeZone, now_ms: u64) -> Result<Self, StoreError> {
        let past = Past::read(store, zone)?;
        let beside = |tried: &Tried| {
            let id = &tried.row.id;
            let (mut story, mut last_ms) = (Story::default(), 0);
            store.story(id, 0, |record| {
                last_ms = record.at_ms;
                story.add(record);
            })?;
            let recordings = recording::all(store.directory(), id);
            Ok(Beside {
                // An open span counts for nothing: the same store makes the same page.
                used_ms: store.time_used_ms(id, 0)?,
                intact: store.verify_chain(id)?.is_none(),
                went: story.told(last_ms),
                recordings: recordings
                    .iter()
                    .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                    .collect(),
                solution: None,
            })
        };
        let beside = past.tried().iter().map(beside).collect::<Result<_, StoreError>>()?;
        let today = past.day(now_ms);
        Ok(Self { past, beside, today })
    }

    /// Adds what gives labs away, for pages that nobody but the learner sees: of each attempt that was passed the lab's own
    /// solution, beside what is different on its nodes. Where lab or evidence no longer read, there is none.
    pub fn with_solutions(mut self, store: &Store, catalog: &Catalog) -> Self {
        for (tried, beside) in self.past.tried().iter().zip(&mut self.beside) {
            if beside.went.summary.passed_ms.is_some() {
                beside.solution = solution(store, catalog, &tried.row);
            }
        }
        self
    }

    /// Every grading with its attempt, the oldest first.
    fn gradings(&self) -> Vec<(&Tried, &Grading)> {
        let tried = self.past.tried().iter();
        let mut all: Vec<(&Tried, &Grading)> =
            tried.flat_map(|tried| tried.gradings.iter().map(move |it| (tried, it))).collect();
        all.sort_by_key(|(tried, grading)| (grading.at_ms, tried.row.id.clone()));
        all
    }

    /// What the pages say, for these roles and labs.
    pub fn view(&self, roles: &[Role], offers: &[Offer]) -> MineView {
        let dots: Vec<Dot> = self
            .gradings()
            .iter()
            .map(|(tried, grading)| Dot {
                told: format!(
                    "{}, {}: {} points",
                    self.past.minute(grading.at_ms),
                    tried.row.lab,
                    grading.report.totals.earned
                ),
                points: grading.report.totals.earned.0,
                mark: grading.report.pass.0,
                passed: grading.report.verdict == Verdict::Passed,
            })
            .collect();
        let best = self.past.best();
        let mut tried: Vec<&str> = self.past.tried().iter().map(|tried| tried.row.lab.as_str()).collect();
        tried.sort_unstable();
        tried.dedup();
        let plans: Vec<(&Role, Plan)> = match tried.is_empty() {
            true => Vec::new(),
            false => {
                roles.iter().map(|role| (role, plan(Some(role), &self.past, offers, self.today))).collect()
            }
        };
        MineView {
            passed: best.values().filter(|report| report.verdict == Verdict::Passed).count(),
            tried: tried.len(),
            gradings: dots.len(),
            hidden_gradings: dots.len().saturating_sub(plot::MOST_DOTS),
            plot: (!dots.is_empty()).then(|| plot::points(&dots)),
            skills: self.skills(),
            roles: plans
                .iter()
                .filter_map(|(role, plan)| Some(standing(role, plan.scorecard.as_ref()?)))
                .collect(),
            paths: plans.into_iter().map(|(role, plan)| path(role, plan)).collect(),
            attempts: self
                .past
                .tried()
                .iter()
                .zip(&self.beside)
                .rev()
                .map(|(tried, beside)| self.attempt(tried, beside))
                .collect(),
        }
    }

    /// How each skill moved, drawn over the same stretch of time.
    fn skills(&self) -> Vec<SkillView> {
        let series = series(&self.past);
        let moments = || series.iter().flat_map(|it| &it.marks).map(|mark| mark.at_ms);
        let (Some(from), Some(to)) = (moments().min(), moments().max()) else { return Vec::new() };
        let view = |one: &Series| {
            let share =
                |mark: &Mark| format!("{} on {}", percent(mark.share_bp), self.past.minute(mark.at_ms));
            // So many can be listened to; of more, both ends are told.
            let told: Vec<String> = match one.marks.len() {
                ..=TOLD => one.marks.iter().map(share).collect(),
                many => {
                    vec![share(&one.marks[0]), format!("{} gradings", many - 2), share(&one.marks[many - 1])]
                }
            };
            let marks: Vec<(u64, u32)> = one.marks.iter().map(|mark| (mark.at_ms, mark.share_bp)).collect();
            SkillView {
                tag: one.skill.tag(),
                title: one.title,
                points: one.now.points,
                labs: one.now.labs,
                hints: one.now.hints,
                first: percent(one.marks[0].share_bp),
                now: percent(one.now.share_bp),
                newest: self.past.day(one.now.newest_ms).to_string(),
                picture: plot::steps(&marks, from, to, &format!("{}: {}", one.title, told.join(", "))),
            }
        };
        series.iter().map(view).collect()
    }

    fn attempt(&self, tried: &Tried, beside: &Beside) -> AttemptView {
        let row = &tried.row;
        let newest = tried.gradings.last().map(|grading| &grading.report);
        AttemptView {
            id: row.id.to_string(),
            lab: line(&row.lab),
            began: self.past.minute(row.created_at_ms),
            stage: row.stage.to_string(),
            over: row.stage == Stage::Stopped,
            used: (row.stage == Stage::Stopped).then(|| spoken_duration(beside.used_ms)),
            hints: row.hints,
            intact: beside.intact,
            unreadable: tried.unreadable,
            result: newest.map(result),
            gradings: tried
                .gradings
                .iter()
                .map(|grading| GradingView {
                    at: self.past.minute(grading.at_ms),
                    result: result(&grading.report),
                })
                .collect(),
            criteria: newest.map(criteria).unwrap_or_default(),
            checks: newest.map(checks).unwrap_or_default(),
            guards: newest.map(guards).unwrap_or_default(),
            went: went(&beside.went),
            recordings: beside.recordings.iter().map(|name| line(name)).collect(),
            solution: beside.solution.clone(),
            beside: newest.map(beside_the_task),
        }
    }
}

/// Most marks of a skill that are told in words.
const TOLD: usize = 12;

fn standing(role: &Role, card: &Scorecard) -> Standing {
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
}

/// A path in words. It says days and never how far away they are: the same store makes the same page.
fn path(role: &Role, plan: Plan) -> PathView {
    let skill = |it: &SkillStanding| PathSkill {
        tag: it.skill.tag(),
        title: it.title,
        weight: it.weight.unwrap_or_default(),
        core: it.core,
        share: it.shown.as_ref().map(|shown| percent(shown.share_bp)),
        labs: it.shown.as_ref().map_or(0, |shown| shown.labs),
        hints: it.shown.as_ref().map_or(0, |shown| shown.hints),
        newest: it.newest.map(|day| day.to_string()),
        word: it.strength.word(),
        strong: it.strength == Strength::Strong,
        weak: it.strength == Strength::Weak,
    };
    PathView {
        name: role.id.to_string(),
        title: role.title.clone(),
        skills: plan.skills.iter().map(skill).collect(),
        next: plan
            .next
            .into_iter()
            .map(|it| PathStep { lab: it.lab, level: it.level, minutes: it.minutes, why: it.why })
            .collect(),
        returns: plan
            .returns
            .into_iter()
            .map(|it| PathReturn {
                lab: it.lab,
                due: it.due.to_string(),
                last: it.last.to_string(),
                why: it.why,
            })
            .collect(),
    }
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

fn solution(store: &Store, catalog: &Catalog, row: &AttemptRow) -> Option<SolutionView> {
    let lab = catalog.lab(&row.lab).ok()?;
    let rubric = catalog.rubric(&lab).ok()?;
    let draw = Draw::new(&lab, row.seed, Some(lab.variant(&row.variant)?));
    let shown = shown(&lab, reference(&lab, &draw)?, &draw).ok()?;
    let left = difference(store, &row.id, &rubric).ok()?;
    Some(SolutionView { shown: shown_lines(&shown).join("\n"), left: left_lines(&left).join("\n") })
}

/// None where nobody looked at the nodes yet.
fn went(went: &Timeline) -> Option<WentView> {
    went.summary.first_look_ms?;
    let milestone = |moment: &Moment| {
        let kind = match &moment.what {
            What::Look(look) => MilestoneKind::Look {
                met: look.met,
                of: look.of,
                graded: look.by == By::Grade,
                passed: look.by == By::Grade && look.verdict == Verdict::Passed,
            },
            What::Hint { .. } | What::Hands { .. } => MilestoneKind::Help,
            _ => return None,
        };
        let told = format!("{}: {}", spoken_duration(moment.used_ms), moment.what.words());
        Some(Milestone { used_ms: moment.used_ms, told, kind })
    };
    let milestones: Vec<Milestone> = went.moments.iter().filter_map(milestone).collect();
    Some(WentView {
        plot: plot::way(&milestones, went.summary.total_ms),
        summary: went
            .summary
            .words()
            .into_iter()
            .map(|(what, how)| Told { what: what.into(), how })
            .collect(),
        moments: went
            .moments
            .iter()
            .map(|moment| Told { what: spoken_duration(moment.used_ms), how: moment.what.words() })
            .collect(),
        left_out: went.left_out,
    })
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

fn beside_the_task(report: &Report) -> BesideView {
    let Some(beside) = &report.beside else { return BesideView { known: false, ..BesideView::default() } };
    let damage = beside.damage.iter().map(|it| DamageView {
        severity: it.severity.to_string(),
        says: line(&it.says),
        node: it.node.to_string(),
        what: line(&it.what),
        how: line(&it.how),
    });
    let changed = beside
        .changed
        .iter()
        .map(|(node, counts)| format!("{node}: {}", crate::grade::Beside::counted(counts)));
    let not_known = beside.not_known.iter().map(|(node, why)| format!("{node}: {}", line(why)));
    BesideView {
        known: true,
        damage: damage.collect(),
        changed: changed.collect(),
        not_known: not_known.collect(),
    }
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
    pub paths: Vec<PathView>,
    pub attempts: Vec<AttemptView>,
}

/// One skill, over all labs: of each the newest attempt counts.
#[derive(Debug, Serialize)]
pub struct SkillView {
    pub tag: &'static str,
    pub title: &'static str,
    /// Points that could be told.
    pub points: u64,
    pub labs: usize,
    pub hints: u32,
    pub first: String,
    pub now: String,
    /// Day on which it was graded last.
    pub newest: String,
    pub picture: String,
}

/// A path to a role.
#[derive(Debug, Serialize)]
pub struct PathView {
    pub name: String,
    pub title: String,
    /// The heaviest first.
    pub skills: Vec<PathSkill>,
    pub next: Vec<PathStep>,
    pub returns: Vec<PathReturn>,
}

/// A skill on a path.
#[derive(Debug, Serialize)]
pub struct PathSkill {
    pub tag: &'static str,
    pub title: &'static str,
    pub weight: u32,
    pub core: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    pub labs: usize,
    pub hints: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    pub word: &'static str,
    pub strong: bool,
    pub weak: bool,
}

/// A lab that comes next.
#[derive(Debug, Serialize)]
pub struct PathStep {
    pub lab: String,
    pub level: u8,
    pub minutes: u16,
    pub why: String,
}

/// A lab that comes back.
#[derive(Debug, Serialize)]
pub struct PathReturn {
    pub lab: String,
    pub due: String,
    pub last: String,
    pub why: String,
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
    /// None where nothing was graded.
    pub beside: Option<BesideView>,
    pub went: Option<WentView>,
    pub recordings: Vec<String>,
    /// On pages that only the learner sees.
    pub solution: Option<SolutionView>,
}

/// The lab's own solution, and what the learner left different.
#[derive(Clone, Debug, Serialize)]
pub struct SolutionView {
    pub shown: String,
    pub left: String,
}

/// How an attempt went.
#[derive(Debug, Serialize)]
pub struct WentView {
    pub plot: String,
    pub summary: Vec<Told>,
    /// What happened, and when in the learner's time.
    pub moments: Vec<Told>,
    /// So many in the middle are not among them.
    pub left_out: usize,
}

/// Two words that belong together.
#[derive(Debug, Serialize)]
pub struct Told {
    pub what: String,
    pub how: String,
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

/// What became of the nodes beside the task.
#[derive(Debug, Default, Serialize)]
pub struct BesideView {
    /// Somebody looked when the nodes were handed over.
    pub known: bool,
    pub damage: Vec<DamageView>,
    pub changed: Vec<String>,
    pub not_known: Vec<String>,
}

/// One piece of damage.
#[derive(Debug, Serialize)]
pub struct DamageView {
    pub severity: String,
    pub says: String,
    pub node: String,
    pub what: String,
    pub how: String,
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
    use crate::store::{NewAttempt, Purpose, RecordKind};

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
            collection: None,
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
        let mine = Mine::read(&store, TimeZone::UTC, 20_000).expect("read");
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
    fn the_way_of_a_skill_is_drawn_and_told_and_its_last_grading_counts() {
        let (_directory, store) = store_with(&[report(30, ""), report(100, ""), report(80, "")]);
        let view = Mine::read(&store, TimeZone::UTC, 20_000).expect("read").view(&[], &[]);
        assert_eq!((view.tried, view.passed, view.gradings), (1, 1, 3));
        let [skill] = &view.skills[..] else { panic!("{:?}", view.skills) };
        assert_eq!((skill.first.as_str(), skill.now.as_str(), skill.points), ("30 %", "80 %", 100));
        let told =
            "kernel tuning: 30 % on 1970-01-01 00:00, 100 % on 1970-01-01 00:00, 80 % on 1970-01-01 00:00";
        assert!(skill.picture.contains(told), "{}", skill.picture);
        let [attempt] = &view.attempts[..] else { panic!("{:?}", view.attempts) };
        assert!(attempt.result.as_ref().is_some_and(|result| result.earned == 80), "the newest one is shown");
        assert_eq!((attempt.began.as_str(), attempt.used.as_deref()), ("1970-01-01 00:00", None));
    }

    #[test]
    fn a_grading_that_no_longer_reads_is_counted_and_takes_nothing_else_away() {
        let (_directory, store) = store_with(&[report(100, ""), json!({ "format": 9 })]);
        let view = Mine::read(&store, TimeZone::UTC, 20_000).expect("read").view(&[], &[]);
        assert_eq!((view.gradings, view.attempts[0].unreadable), (1, 1));
    }
}
