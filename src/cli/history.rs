//! `crashcart history`.

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::attempt::cost_percent;
use crate::grade::{TEXT_LIMIT, clean};
use crate::store::{AttemptId, AttemptRow, Purpose};
use crate::units::spoken_duration;

/// Show past attempts and their scores
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tell the story of one attempt: its id
    attempt: Option<String>,
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
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    if let Some(named) = &args.attempt {
        return story(app, named);
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
                if line.intact { String::new() } else { paint.bad("its records were changed") },
            ]);
        }
        table(&rows)
    });
    if lines.is_empty() {
        app.output.talk("nothing has been tried yet\nnext:  crashcart next");
    }
    Ok(Exit::Done)
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
    let data = serde_json::json!({ "attempt": row, "records": records, "broken-at": broken.as_ref().map(|b| b.seq) });
    app.output.data(&data, |paint| {
        let mut rows = Vec::new();
        for record in &records {
            let body: serde_json::Value = serde_json::from_str(&record.body).unwrap_or_default();
            let told =
                match (&body, body["totals"]["provisional"].as_u64().or(body["totals"]["earned"].as_u64())) {
                    (_, Some(earned)) => {
                        format!("{earned} points, {}", body["verdict"].as_str().unwrap_or("no verdict"))
                    }
                    (body, _) if !body["cost-percent"].is_null() => hint(body),
                    (serde_json::Value::String(text), _) => text.clone(),
                    (serde_json::Value::Number(number), _) => number.to_string(),
                    (body, _) if !body["resumed"].is_null() => "resumed".to_owned(),
                    _ => String::new(),
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
