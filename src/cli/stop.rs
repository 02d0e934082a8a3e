//! `crashcart stop`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::stop;
use crate::store::{AttemptId, AttemptRow, Stage, Store};

/// End the attempt and remove its nodes; its scores are kept
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
    /// End all attempts
    #[arg(long, conflicts_with = "attempt")]
    all: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    if store.unfinished()?.is_empty() && !args.all {
        // Nothing to end; it takes no engine to say so.
        app.attempt(&store, args.attempt.as_deref())?;
    }
    let site = app.site(&store)?;
    // What this command is asked to end may be ended by the recovery already.
    let before: Vec<AttemptId> = store.unfinished()?.into_iter().map(|row| row.id).collect();
    app.recover(&site, &mut store)?;
    let rows = choose(app, &store, args, &before)?;
    for mut row in rows.clone() {
        let _lock = app.hold(&store, &mut row)?;
        if row.stage == Stage::Stopped {
            let when = if before.contains(&row.id) { "has ended" } else { "was over already" };
            app.output.talk(format!("attempt {} of {} {when}", row.id, row.lab));
            continue;
        }
        app.block_on(stop(&site, &mut store, &row.id, "stopped"))?;
        app.output.talk(format!("attempt {} of {} has ended", row.id, row.lab));
    }
    app.forget_older_labs(&store);
    if app.output.json {
        app.output.data(&rows.iter().map(|row| &row.id).collect::<Vec<_>>(), |_| String::new());
    }
    app.output.talk("next:  crashcart next");
    Ok(Exit::Done)
}

/// What to end. `before` is what was not over when this command began.
fn choose(
    app: &mut App,
    store: &Store,
    args: &Args,
    before: &[AttemptId],
) -> Result<Vec<AttemptRow>, Failure> {
    if args.all {
        return Ok(store.attempts()?.into_iter().filter(|row| before.contains(&row.id)).collect());
    }
    match (app.attempt(store, args.attempt.as_deref()), &args.attempt, before) {
        (Ok(row), _, _) => Ok(vec![row]),
        // An interrupted start, or an interrupted stop that is finished now: nothing else can be meant.
        (Err(failure), None, [only]) => Ok(vec![store.attempt(only)?.ok_or(failure)?]),
        (Err(failure), _, _) => Err(failure),
    }
}
