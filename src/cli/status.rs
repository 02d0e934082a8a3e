//! `crashcart status`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::attempt::find_nodes;
use crate::engine::Condition;
use crate::store::{AttemptRow, RecordKind, Stage};
use crate::units::spoken_duration;
use crashcart_facts::{GuestCondition, GuestState};

/// Show what is running
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt; all that are not over unless named
    #[arg(add = complete::running())]
    attempt: Option<String>,
}

/// One attempt, as shown.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    #[serde(flatten)]
    row: AttemptRow,
    time_used_ms: u64,
    /// That a learner needs; unknown when the lab cannot be read.
    minutes: Option<u16>,
    nodes: Vec<(String, String)>,
    checked: Option<u64>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let rows = match &args.attempt {
        Some(named) => vec![app.attempt(&store, Some(named))?],
        None => store.unfinished()?,
    };
    let mut lines = Vec::new();
    for row in rows {
        let lab = match app.catalog_of(&store, &row) {
            Ok(catalog) => catalog
                .lab(&row.lab)
                .map_err(|_| format!("its lab has a mistake: see `crashcart lab lint {}`", row.lab)),
            Err(failure) => Err(failure.error),
        };
        let minutes = lab.as_ref().ok().map(|lab| lab.minutes);
        let nodes = match (row.stage, lab) {
            (Stage::Stopped, _) => Vec::new(),
            // The other attempts are shown all the same.
            (_, Err(why)) => vec![("?".to_owned(), why)],
            (_, Ok(lab)) => {
                let site = app.site(&store)?;
                match app.block_on(find_nodes(&site, &row.id, &lab)) {
                    Ok(nodes) => nodes
                        .into_iter()
                        .map(|(name, (link, condition))| {
                            let word = format!("{condition:?}").to_lowercase();
                            let guest = (link.is_vm && condition == Condition::Running)
                                .then(|| app.block_on(link.guest(0)).ok())
                                .flatten();
                            (name.to_string(), guest.map_or(word, |guest| of_guest(&guest)))
                        })
                        .collect(),
                    Err(error) => vec![("?".to_owned(), crate::advice::chain(&error))],
                }
            }
        };
        let report = match store.glance(&row.id, RecordKind::Grade)? {
            Some(graded) => Some(graded),
            None => store.glance(&row.id, RecordKind::Report)?,
        };
        lines.push(Line {
            time_used_ms: store.time_used_ms(&row.id, app.clock.now_ms())?,
            minutes,
            nodes,
            checked: report.and_then(|report| {
                report["totals"]["provisional"].as_u64().or(report["totals"]["earned"].as_u64())
            }),
            row,
        });
    }
    app.output.data(&lines, |paint| {
        let mut rows = Vec::new();
        for line in &lines {
            let used = spoken_duration(line.time_used_ms);
            let time = line.minutes.map_or(used.clone(), |minutes| format!("{used} of about {minutes} min"));
            rows.push(vec![
                paint.strong(line.row.id.as_str()),
                line.row.lab.clone(),
                line.row.stage.to_string(),
                time,
                format!("hints {}", line.row.hints),
                line.checked.map(|points| format!("{points} points so far")).unwrap_or_default(),
            ]);
            for (name, condition) in &line.nodes {
                let shown =
                    if condition == "running" { paint.good(condition) } else { paint.unsure(condition) };
                rows.push(vec![String::new(), format!("  {name}"), shown]);
            }
        }
        table(&rows)
    });
    if lines.is_empty() {
        app.output.talk("nothing is running\nnext:  crashcart next");
    }
    Ok(Exit::Done)
}

/// How the guest of a vm node is, in a few words.
fn of_guest(guest: &GuestState) -> String {
    let condition = match &guest.condition {
        GuestCondition::Up if guest.emergency => "up in emergency mode".to_owned(),
        GuestCondition::Up => "up".to_owned(),
        GuestCondition::Coming { for_ms } => format!("coming up for {}", spoken_duration(*for_ms)),
        GuestCondition::Down { why } => format!("down: {why}"),
    };
    let made = match (guest.restored, &guest.snapshot_problem) {
        (true, _) => ", restored from a snapshot".to_owned(),
        (false, None) => String::new(),
        (false, Some(why)) => format!(", booted: {why}"),
    };
    format!("{condition}, on {}{made}", guest.accelerator)
}
