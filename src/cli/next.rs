//! `crashcart next`, and `crashcart` alone where there is no terminal.

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use crate::store::{Purpose, RecordKind, Stage};

/// Say what to do next
#[derive(Debug, Default, clap::Args)]
pub struct Args {}

/// One thing to do, and why.
#[derive(Debug, serde::Serialize)]
pub(super) struct Advice {
    pub command: String,
    pub why: String,
}

pub fn run(app: &mut App, _args: &Args) -> Result<Exit, Failure> {
    let advice = advice(app)?;
    app.output.data(&advice, |paint| format!("{}\nnext:  {}", advice.why, paint.strong(&advice.command)));
    Ok(Exit::Done)
}

pub(super) fn advice(app: &mut App) -> Result<Advice, Failure> {
    let store = app.store()?;
    let rows: Vec<_> = store.attempts()?.into_iter().filter(|row| row.purpose == Purpose::Learn).collect();
    let advise = |command: String, why: String| Ok(Advice { command, why });
    for row in &rows {
        let graded = store.glance(&row.id, RecordKind::Grade)?;
        let passed = graded.as_ref().is_some_and(|report| report["verdict"] == "passed");
        let (id, lab) = (&row.id, &row.lab);
        match row.stage {
            Stage::Starting => {
                return advise(
                    format!("crashcart start {lab}"),
                    format!("the start of {lab} was interrupted; this finishes it"),
                );
            }
            Stage::Stopping => {
                return advise(
                    "crashcart doctor --fix".into(),
                    format!("the end of attempt {id} was interrupted; this finishes it"),
                );
            }
            Stage::Paused => {
                return advise(format!("crashcart resume {id}"), format!("attempt {id} of {lab} is paused"));
            }
            Stage::Running if passed => {
                return advise(
                    format!("crashcart stop {id}"),
                    format!("{lab} is passed; its nodes still run"),
                );
            }
            Stage::Running => {
                let seen = store.glance(id, RecordKind::Report)?;
                return match seen
                    .as_ref()
                    .map(|report| report["totals"]["provisional"] == report["totals"]["max"])
                {
                    None => advise(
                        format!("crashcart shell --attempt {id}"),
                        format!("{lab} is running and waits for you"),
                    ),
                    Some(false) => advise(
                        format!("crashcart shell --attempt {id}"),
                        format!(
                            "{lab} is running; the last check found something still wrong (`crashcart hint {id}` helps one step)"
                        ),
                    ),
                    Some(true) => advise(
                        format!("crashcart grade {id}"),
                        format!(
                            "the last check of {lab} found everything right; grading restarts the nodes and scores it"
                        ),
                    ),
                };
            }
            Stage::Stopped => {}
        }
    }
    let (labs, _) = app.catalog()?.labs()?;
    let best = super::list::best(&store)?;
    let passed = |name: &str| best.get(name).is_some_and(|score| score.verdict == "passed");
    let mut open: Vec<_> = labs.iter().filter(|lab| !passed(lab.name.as_str())).collect();
    open.sort_by_key(|lab| (lab.level, lab.minutes, lab.name.clone()));
    match (open.first(), rows.is_empty()) {
        (Some(_), true) => advise(
            "crashcart demo".into(),
            "nothing has been started yet; the demo sets everything up".into(),
        ),
        (Some(lab), false) => advise(
            format!("crashcart start {}", lab.name),
            format!("level {}, about {} minutes: {}", lab.level, lab.minutes, lab.summary),
        ),
        (None, _) => advise(
            "crashcart list".into(),
            "every lab is passed; another cause of the same fault waits in each".into(),
        ),
    }
}
