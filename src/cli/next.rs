//! `crashcart next`, and `crashcart` alone where there is no terminal.

use jiff::civil::Date;

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::progress::schedule::spoken_due;
use crate::progress::{Offer, Past, plan};
use crate::rubric::Role;
use crate::store::{AttemptRow, RecordKind, Stage, Store};

/// Say what to do next
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Plan for this role, and not for the one that you follow
    #[arg(long, add = complete::roles())]
    role: Option<String>,
}

/// One thing to do, and why.
#[derive(Debug, serde::Serialize)]
pub(super) struct Advice {
    pub command: String,
    pub why: String,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let catalog = app.catalog()?;
    let roles = match &args.role {
        Some(name) => vec![super::grade::role(&app.catalog()?, name)?],
        // A mistake in a role takes no lab away.
        None => catalog.roles().unwrap_or_default(),
    };
    let role = match &args.role {
        Some(_) => roles.first(),
        None => super::path::followed(&store, &roles)?,
    };
    let (labs, _) = catalog.labs()?;
    let offers = super::path::offers(app, labs)?;
    let past = super::path::past(&store)?;
    let today = past.day(app.clock.now_ms());
    let advice = advice(&store, &past, role, &offers, today)?;
    app.output.data(&advice, |paint| format!("{}\nnext:  {}", advice.why, paint.strong(&advice.command)));
    Ok(Exit::Done)
}

/// What to do next: what was begun first, then the first lab of the learner's path.
pub(super) fn advice(
    store: &Store,
    past: &Past,
    role: Option<&Role>,
    offers: &[Offer],
    today: Date,
) -> Result<Advice, Failure> {
    for tried in past.tried().iter().rev() {
        if let Some(advice) = go_on(store, &tried.row)? {
            return Ok(advice);
        }
    }
    if offers.is_empty() {
        return advise("crashcart list", "there is no lab here that can be read");
    }
    if past.tried().is_empty() {
        return advise("crashcart demo", "nothing has been started yet; the demo sets everything up");
    }
    let all = plan(None, past, offers, today);
    let of_role = role.map(|role| plan(Some(role), past, offers, today).next);
    if let Some(first) = of_role.iter().flatten().chain(&all.next).next() {
        return advise(
            format!("crashcart start {}", first.lab),
            format!("level {}, about {} minutes: {}", first.level, first.minutes, first.why),
        );
    }
    let first = all.returns.first();
    let due = first.map_or(String::new(), |back| {
        format!("; {} comes back first, {}", back.lab, spoken_due(back.due_in_days))
    });
    advise("crashcart path", format!("every lab is passed and none is due{due}"))
}

fn advise(command: impl Into<String>, why: impl Into<String>) -> Result<Advice, Failure> {
    Ok(Advice { command: command.into(), why: why.into() })
}

/// How to go on with an attempt; none where it is over.
fn go_on(store: &Store, row: &AttemptRow) -> Result<Option<Advice>, Failure> {
    let graded = store.glance(&row.id, RecordKind::Grade)?;
    let passed = graded.as_ref().is_some_and(|report| report["verdict"] == "passed");
    let (id, lab) = (&row.id, &row.lab);
    let advice = match row.stage {
        Stage::Stopped => return Ok(None),
        Stage::Starting => advise(
            format!("crashcart start {lab}"),
            format!("the start of {lab} was interrupted; this finishes it"),
        ),
        Stage::Stopping => advise(
            "crashcart doctor --fix",
            format!("the end of attempt {id} was interrupted; this finishes it"),
        ),
        Stage::Paused => advise(format!("crashcart resume {id}"), format!("attempt {id} of {lab} is paused")),
        Stage::Running if passed => {
            advise(format!("crashcart stop {id}"), format!("{lab} is passed; its nodes still run"))
        }
        Stage::Running => {
            let seen = store.glance(id, RecordKind::Report)?;
            match seen.as_ref().map(|report| report["totals"]["provisional"] == report["totals"]["max"]) {
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
            }
        }
    };
    advice.map(Some)
}
