//! `crashcart reset`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::stop;
use crate::store::{AttemptRow, ENDED_BY_RESET, Purpose, RecordKind, Stage, Store};

/// Begin the lab anew: a new attempt with the same fault, unless another is asked for
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
    /// Draw another cause, other names and numbers
    #[arg(long)]
    new_seed: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let mut row = choose(app, &store, args.attempt.as_deref())?;
    // Before anything is given up: the lab must still be there, and right.
    let catalog = app.follow(&store, &row)?;
    catalog.rubric(&catalog.lab(&row.lab)?)?;
    if app.output.interactive && !args.yes && row.stage != Stage::Stopped {
        let question = format!(
            "attempt {} of {} ends, and what you changed in its nodes is gone. Go on?",
            row.id, row.lab
        );
        if !super::app::ask(&question)? {
            app.output.talk("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    if row.stage != Stage::Stopped {
        let site = app.site(&store)?;
        let _lock = app.hold(&store, &mut row)?;
        if row.stage != Stage::Stopped {
            app.block_on(stop(&site, &mut store, &row.id, ENDED_BY_RESET))?;
        }
    }
    let started = store.glance(&row.id, RecordKind::Started)?;
    let accelerators = started
        .and_then(|mut record| serde_json::from_value(record["accelerators"].take()).ok())
        .unwrap_or_default();
    let start = super::start::Args {
        seed: (!args.new_seed).then_some(row.seed),
        variant: (!args.new_seed).then_some(row.variant),
        accelerators,
        ..super::start::Args::of(&row.lab)
    };
    super::start::begin(app, &mut store, &start)?.show(app);
    Ok(Exit::Done)
}

/// The attempt that is meant: one that runs, else the newest one.
pub fn choose(app: &mut App, store: &Store, named: Option<&str>) -> Result<AttemptRow, Failure> {
    let newest = || -> Result<Option<AttemptRow>, Failure> {
        Ok(store.attempts()?.into_iter().find(|row| row.purpose == Purpose::Learn))
    };
    match (app.attempt(store, named), named) {
        (Ok(row), _) => Ok(row),
        // None runs: the one that ended last, or whose start was interrupted.
        (Err(failure), None) if failure.detail.is_empty() => newest()?.ok_or(failure),
        (Err(failure), _) => Err(failure),
    }
}
