//! `crashcart history`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::{Paint, table};
use crate::attempt::cost_percent;
use crate::grade::{TEXT_LIMIT, clean, short};
use crate::progress::{columns, series};
use crate::recording;
use crate::review::{Story, What};
use crate::store::{AttemptId, AttemptRow, Purpose, Store};
use crate::units::spoken_duration;

/// Show past attempts and their scores
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tell the story of one attempt: its id
    #[arg(add = complete::attempted())]
    attempt: Option<String>,
    /// Show how each skill moved over time
    ///
    /// Of each lab the newest attempt counts, its points after what its hints cost. A column is a stretch of time, its
    /// height the share of the points at its end.
    #[arg(long, conflicts_with = "attempt")]
    skills: bool,
    /// Draw with digits, for terminals without Unicode: 7 is 70 % and more
    #[arg(long, requires = "skills")]
    ascii: bool,
}

/// One attempt, as shown.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    #[serde(flatten)]
    row: AttemptRow,
    time_used_ms: u64,
    /// Newest grading: points and verdict.
    earned: Option<u32>,
    verdict: Option<String>,
    /// The records are as they were written.
    intact: bool,
    /// Recordings of its shells that lie below the state directory.
    recordings: usize,
    /// `crashcart demo` mended it.
    demo: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    if let Some(named) = &args.attempt {
        return story(app, named);
    }
    if args.skills {
        return skills(app, &store, args.ascii || !unicode());
    }
    let scores = store.scores()?;
    let mut lines = Vec::new();
    for row in store.attempts()?.into_iter().filter(|row| row.purpose == Purpose::Learn) {
        let score = scores.iter().find(|score| score.attempt == row.id);
        lines.push(Line {
            time_used_ms: store.time_used_ms(&row.id, app.clock.now_ms())?,
            earned: score.map(|score| score.earned),
            verdict: score.map(|score| score.verdict.clone()),
            intact: store.verify_chain(&row.id)?.is_none(),
            recordings: recording::all(store.directory(), &row.id).len(),
            demo: score.is_some_and(|score| score.demo),
            row,
        });
    }
    app.output.data(&lines, |paint| {
        let mut rows = Vec::new();
        for line in &lines {
            let verdict = match line.verdict.as_deref() {
                Some("passed") => paint.good("passed"),
                Some("failed") => paint.bad("failed"),
                Some(other) => paint.unsure(other),
                None => paint.faint("not graded"),
            };
            rows.push(vec![
                when(line.row.created_at_ms),
                line.row.id.to_string(),
                line.row.lab.clone(),
                line.row.stage.to_string(),
                spoken_duration(line.time_used_ms),
                match line.row.hints {
                    0 => "hints 0".to_owned(),
                    hints => format!("hints {hints} (-{} %)", cost_percent(hints)),
                },
                line.earned.map_or("-".into(), |earned| earned.to_string()),
                verdict,
                remarks(line, *paint),
            ]);
        }
        table(&rows)
    });
    if lines.is_empty() {
        app.output.talk("nothing has been tried yet\nnext:  crashcart next");
    }
    Ok(Exit::Done)
}

/// Characters beside a plot.
const BESIDE: usize = 31;
/// Most and least columns of a plot.
const MOST_COLUMNS: usize = 60;
const LEAST_COLUMNS: usize = 8;
/// Characters of a skill's name.
const NAME: usize = 20;

/// How each skill moved, a line each.
fn skills(app: &mut App, store: &Store, ascii: bool) -> Result<Exit, Failure> {
    let past = super::path::past(store)?;
    let series = series(&past);
    let width = app.output.width();
    app.output.data(&series, |paint| {
        let moments = || series.iter().flat_map(|it| &it.marks).map(|mark| mark.at_ms);
        let (Some(from), Some(to)) = (moments().min(), moments().max()) else { return String::new() };
        let count = width.saturating_sub(BESIDE).clamp(LEAST_COLUMNS, MOST_COLUMNS);
        // With one moment alone there is no time to draw.
        let count = if from == to { 1 } else { count };
        let mut rows = vec![["SKILL", "", "SHOWN", ""].map(|head| paint.faint(head)).to_vec()];
        for one in &series {
            let plot: String =
                columns(&one.marks, from, to, count).into_iter().map(|share| column(share, ascii)).collect();
            rows.push(vec![
                one.skill.to_string(),
                short(one.title, NAME),
                format!("{} %", one.now.share_bp / 100),
                plot,
            ]);
        }
        let scale = match ascii {
            true => "0 is below 10 %, 9 is 90 % and more",
            false => "from 0 % to 100 %",
        };
        let from = past.minute(from);
        let span = match count {
            1 => from,
            _ => format!("{from} to {}", past.minute(to)),
        };
        format!("{}\n{}\n", table(&rows), paint.faint(format!("{span}, {scale}")))
    });
    match series.is_empty() {
        true => app.output.talk("nothing has been graded yet\nnext:  crashcart next"),
        false => app.output.talk("next:  crashcart path"),
    }
    Ok(Exit::Done)
}

/// One column of a plot. A share is never nothing: where there is none, the column is blank.
fn column(share_bp: Option<u32>, ascii: bool) -> char {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    let steps: &[char] = if ascii { &DIGITS } else { &HEIGHTS };
    let step = |share: u32| (share as usize * steps.len() / 10_000).min(steps.len() - 1);
    share_bp.map_or(' ', |share| steps[step(share)])
}

/// Whether the terminal shows more than ASCII, as the locale says; where that says nothing, it does.
fn unicode() -> bool {
    let named = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(named);
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// What stands at the end of a line, where there is anything to say.
fn remarks(line: &Line, paint: Paint) -> String {
    let mut remarks = Vec::new();
    if line.demo {
        remarks.push("mended by the demo, counts for nothing".to_owned());
    }
    if !line.intact {
        remarks.push(paint.bad("its records were changed"));
    }
    match line.recordings {
        0 => {}
        1 => remarks.push("1 recording".to_owned()),
        many => remarks.push(format!("{many} recordings")),
    }
    remarks.join("; ")
}

/// All records of one attempt, in order.
fn story(app: &mut App, named: &str) -> Result<Exit, Failure> {
    let store = app.store()?;
    let row = match AttemptId::parse(named).map(|id| store.attempt(&id)).transpose()?.flatten() {
        Some(row) => row,
        None => app.attempt(&store, Some(named))?,
    };
    let records = store.records(&row.id)?;
    let broken = store.verify_chain(&row.id)?;
    let recordings = recording::all(store.directory(), &row.id);
    let data = serde_json::json!({
        "attempt": row,
        "records": records,
        "broken-at": broken.as_ref().map(|b| b.seq),
        "recordings": recordings,
    });
    let mut story = Story::default();
    app.output.data(&data, |paint| {
        let mut rows = Vec::new();
        for record in &records {
            let what = story.add(record);
            let body: serde_json::Value = serde_json::from_str(&record.body).unwrap_or_default();
            let told =
                match (&body, body["totals"]["provisional"].as_u64().or(body["totals"]["earned"].as_u64())) {
                    (_, Some(earned)) => {
                        format!("{earned} points, {}", body["verdict"].as_str().unwrap_or("no verdict"))
                    }
                    (body, _) if !body["cost-percent"].is_null() => hint(body),
                    (serde_json::Value::String(text), _) => text.clone(),
                    (serde_json::Value::Number(number), _) => number.to_string(),
                    _ => match what {
                        Some(what @ (What::Resumed | What::Hands { .. } | What::Recorded { .. })) => {
                            what.words()
                        }
                        _ => String::new(),
                    },
                };
            rows.push(vec![
                when(record.at_ms),
                record.kind.to_string(),
                told,
                paint.faint(&record.digest[..12]),
            ]);
        }
        table(&rows)
    });
    for path in &recordings {
        app.output.talk(format!("recording:  {}", path.display()));
    }
    if let Some(broken) = broken {
        app.output.talk(format!("record {} is not as it was written", broken.seq));
        return Ok(Exit::NotYet);
    }
    Ok(Exit::Done)
}

/// A hint that was given: `2 of 3, cost 10 %, told of key-private`.
fn hint(body: &serde_json::Value) -> String {
    let number = |name: &str| body[name].as_u64().unwrap_or_default();
    let mut told = format!("{} of {}, cost {} %", number("hint"), number("of"), number("cost-percent"));
    if let Some(check) = body["clue"]["check"].as_str() {
        told.push_str(&format!(", told of {}", clean(check, TEXT_LIMIT)));
    }
    told
}

/// Local time to the minute.
fn when(ms: u64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(ms as i64).unwrap_or_default();
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}
