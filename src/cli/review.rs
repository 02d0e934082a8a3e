//! `crashcart report`: looking back on an attempt. How a report looks is `report.rs`'s.

use std::cmp::Reverse;

use serde_json::json;

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::report;
use crate::attempt::{cost_percent, difference};
use crate::grade::{Report, Verdict, scorecard};
use crate::publish::card::{Card, CardRole};
use crate::recording;
use crate::review::{Story, Summary, Timeline, beside, left_lines, reference, shown, shown_lines};
use crate::store::{AttemptId, AttemptRow, RecordKind, Stage, Store};

/// Look back on an attempt: how it was graded last, and how it went
///
/// Touches no node. Without a name it is the attempt that runs, or else the newest one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt
    #[arg(add = complete::attempted())]
    attempt: Option<String>,
    /// Tell what happened and when: looks and what had changed by then, hints, gradings
    #[arg(long)]
    timeline: bool,
    /// Make a card to show to others, without the cause: as text, or as a picture in SVG
    #[arg(
        long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true,
        default_missing_value = "text", conflicts_with = "timeline"
    )]
    card: Option<Form>,
    /// Show the lab's own solution beside what is different on your nodes; only after passing
    #[arg(long, conflicts_with_all = ["timeline", "card"])]
    solution: bool,
    /// The role that the card is for; the one that the lab counts most for unless named
    #[arg(long, value_name = "ROLE", requires = "card", add = complete::roles())]
    role: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Text,
    Svg,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let row = super::reset::choose(app, &store, args.attempt.as_deref())?;
    if let Some(form) = args.card {
        return show_card(app, &store, &row, form, args.role.as_deref());
    }
    if args.solution {
        return show_solution(app, &store, row);
    }
    let went = timeline(app, &store, &row.id)?;
    match args.timeline {
        true => show_timeline(app, &row, &went),
        false => overview(app, &store, &row, &went)?,
    }
    if let Some(broken) = store.verify_chain(&row.id)? {
        app.output.talk(format!("record {} of this attempt is not as it was written", broken.seq));
        return Ok(Exit::NotYet);
    }
    Ok(Exit::Done)
}

/// How an attempt went up to now.
pub fn timeline(app: &App, store: &Store, id: &AttemptId) -> Result<Timeline, Failure> {
    let mut story = Story::default();
    store.story(id, 0, |record| drop(story.add(record)))?;
    Ok(story.told(app.clock.now_ms()))
}

fn show_timeline(app: &App, row: &AttemptRow, went: &Timeline) {
    let data = json!({ "attempt": row.id, "lab": row.lab, "timeline": went });
    app.output.data(&data, |paint| {
        format!("{}\n{}", report::timeline(went, *paint), report::summary(&went.summary))
    });
}

fn overview(app: &App, store: &Store, row: &AttemptRow, went: &Timeline) -> Result<(), Failure> {
    let graded = store.glance(&row.id, RecordKind::Grade)?;
    let graded: Option<Report> = graded.and_then(|body| serde_json::from_value(body).ok());
    let recordings = recording::all(store.directory(), &row.id);
    let data = json!({ "attempt": row, "report": graded, "went": went.summary, "recordings": recordings });
    app.output.data(&data, |paint| {
        let mut text = format!("{}, attempt {}, {}\n\n", paint.strong(&row.lab), row.id, row.stage);
        match &graded {
            Some(graded) => text.push_str(&format!(
                "{}\n{}\n{}\n",
                report::checks(graded, *paint, app.output.width()),
                report::criteria(graded, *paint),
                report::totals(graded, *paint)
            )),
            None => text.push_str("It has not been graded.\n"),
        }
        text.push_str(&format!("\n{}\n{}", paint.strong("How it went"), report::summary(&went.summary)));
        if !recordings.is_empty() {
            text.push_str(&format!("\n{}\n", paint.strong("Recordings of its shells")));
            text.extend(recordings.iter().map(|path| format!("  {}\n", path.display())));
        }
        text
    });
    let passed = graded.is_some_and(|graded| graded.verdict == Verdict::Passed);
    app.output.talk(match passed {
        true => format!("\nnext:  crashcart report {} --timeline", row.id),
        false => format!("\nnext:  crashcart report {} --timeline, or crashcart next", row.id),
    });
    Ok(())
}

fn show_card(
    app: &mut App,
    store: &Store,
    row: &AttemptRow,
    form: Form,
    role: Option<&str>,
) -> Result<Exit, Failure> {
    if store.verify_chain(&row.id)?.is_some() {
        let error = format!("the records of attempt `{}` are not as they were written", row.id);
        return Err(Failure::plain(
            Exit::NotYet,
            error,
            "no card is made of them; `crashcart history` shows them",
        ));
    }
    let grading = last_grading(store, &row.id)?.ok_or_else(|| {
        let over = row.stage == Stage::Stopped;
        let next =
            if over { format!("crashcart start {}", row.lab) } else { format!("crashcart grade {}", row.id) };
        Failure::plain(Exit::NotYet, format!("attempt `{}` has not been graded", row.id), format!("`{next}`"))
    })?;
    if grading.report.verdict == Verdict::Undecided {
        let error = format!("the last grading of attempt `{}` is undecided", row.id);
        return Err(Failure::plain(Exit::NotYet, error, format!("`crashcart grade {}` again", row.id)));
    }
    let role = card_role(app, &grading.report, role)?;
    // A lab that was tried once may be gone.
    let lab = app.catalog().ok().and_then(|catalog| catalog.lab(&row.lab).ok());
    let (report, summary) = (&grading.report, &grading.summary);
    let card = Card {
        lab: row.lab.clone(),
        title: lab.as_ref().map_or_else(|| row.lab.clone(), |lab| lab.title.clone()),
        level: lab.map(|lab| lab.level),
        passed: report.verdict == Verdict::Passed,
        earned: report.totals.earned.0,
        max: report.totals.max.0,
        mark: report.pass.0,
        hints: summary.hints,
        hints_cost_percent: cost_percent(summary.hints),
        used_ms: summary.total_ms,
        gradings: summary.gradings,
        date: day(grading.at_ms),
        role,
        attempt: row.id.to_string(),
        record: grading.seq,
        sha256: grading.digest,
    };
    let data = json!({ "card": card, "text": card.text(), "svg": card.svg() });
    app.output.data(&data, |_| match form {
        Form::Text => card.text(),
        Form::Svg => card.svg(),
    });
    Ok(Exit::Done)
}

fn show_solution(app: &mut App, store: &Store, row: AttemptRow) -> Result<Exit, Failure> {
    if timeline(app, store, &row.id)?.summary.passed_ms.is_none() {
        let error = format!("attempt `{}` is not passed, and the solution is told after passing", row.id);
        return Err(Failure::plain(Exit::NotYet, error, "`crashcart hint` helps one step"));
    }
    let open = app.open(store, Some(row.id.as_str()))?;
    if open.lab.digest != open.row.lab_digest {
        app.output.talk(format!("lab {} has changed since this attempt began", open.lab.name));
    }
    let draw = open.draw()?;
    let solution = reference(&open.lab, &draw).expect("every variant has one: the lab was refused otherwise");
    let shown = shown(&open.lab, solution, &draw).map_err(|source| {
        let error =
            format!("could not read the solution `{}` of lab `{}`: {source}", solution.name, open.lab.name);
        Failure::plain(Exit::Usage, error, "make the lab's folder `solve` readable")
    })?;
    let left = difference(store, &open.row.id, &open.rubric)?;
    let data = json!({ "attempt": open.row.id, "lab": open.lab.name, "solution": shown, "left": left });
    app.output.data(&data, |_| {
        let headings = ["The lab's own solution", "What is different on your nodes"];
        beside(headings, [&shown_lines(&shown), &left_lines(&left)], app.output.width())
    });
    Ok(Exit::Done)
}

/// A grading with all that went before it.
struct LastGrading {
    report: Report,
    seq: u32,
    at_ms: u64,
    digest: String,
    summary: Summary,
}

fn last_grading(store: &Store, id: &AttemptId) -> Result<Option<LastGrading>, Failure> {
    let (mut story, mut last) = (Story::default(), None);
    store.story(id, 0, |record| {
        story.add(record);
        if record.kind == RecordKind::Grade
            && let Ok(report) = serde_json::from_str(&record.body)
        {
            let summary = story.told(record.at_ms).summary;
            let (seq, at_ms, digest) = (record.seq, record.at_ms, record.digest.clone());
            last = Some(LastGrading { report, seq, at_ms, digest, summary });
        }
    })?;
    Ok(last)
}

/// What a report means for the role of this name, or else for the one of whose weight the lab covers most; none where
/// it covers nothing of any.
fn card_role(app: &mut App, report: &Report, named: Option<&str>) -> Result<Option<CardRole>, Failure> {
    let roles = match named {
        Some(name) => vec![super::grade::role(&app.catalog()?, name)?],
        None => app.catalog()?.roles()?,
    };
    let cards = roles.iter().map(|role| scorecard(role, &[report]));
    let best = cards.filter(|card| card.weight_covered > 0).min_by_key(|card| Reverse(card.weight_covered));
    Ok(best.map(|card| CardRole { title: card.title, score_bp: card.score_bp, covered: card.weight_covered }))
}

/// The day in UTC.
fn day(ms: u64) -> String {
    crate::progress::day(ms, jiff::tz::TimeZone::UTC).to_string()
}
