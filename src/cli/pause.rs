//! `crashcart pause`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::pause;
use crate::store::{RecordKind, Stage};

/// Freeze the nodes and the clock
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let mut open = app.open(&store, args.attempt.as_deref())?;
    let site = app.site(&store)?;
    let _lock = app.hold(&store, &mut open.row)?;
    // Paused already: its nodes are frozen all the same, should the pause have been killed half-way.
    if open.row.stage != Stage::Paused {
        app.open_nodes(&site, &open)?;
        // The stage first: the clock stands, whatever becomes of the nodes.
        let now = app.clock.now_ms();
        store.append(&open.row.id, RecordKind::Note, &"paused", now)?;
        store.set_stage(&open.row.id, Stage::Paused, now)?;
    }
    app.block_on(pause(&site, &open.row.id, &open.lab))?;
    app.output.data(&serde_json::json!({ "attempt": open.row.id, "stage": "paused" }), |_| {
        format!("attempt {} of {} is paused; its clock stands", open.row.id, open.lab.name)
    });
    app.output.talk("next:  crashcart resume");
    Ok(Exit::Done)
}
