//! `crashcart resume`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::bring_up;
use crate::store::{RecordKind, Stage};

/// Go on: after a pause, a restart of the engine, or of the machine
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
    if !matches!(open.row.stage, Stage::Running | Stage::Paused) {
        return Err(Failure::plain(
            Exit::Usage,
            format!("attempt `{}` is {}", open.row.id, open.row.stage),
            format!("begin anew with `crashcart start {}`", open.lab.name),
        ));
    }
    let (_, done) = app.block_on(bring_up(&site, &open.row.id, &open.lab))?;
    if open.row.stage == Stage::Paused || done != Default::default() {
        let now = app.clock.now_ms();
        store.append(&open.row.id, RecordKind::Note, &serde_json::json!({ "resumed": done }), now)?;
    }
    if open.row.stage == Stage::Paused {
        store.set_stage(&open.row.id, Stage::Running, app.clock.now_ms())?;
    }
    app.output.data(
        &serde_json::json!({ "attempt": open.row.id, "stage": "running", "nodes": done }),
        |_| {
            let mut text = format!("attempt {} of {} goes on", open.row.id, open.lab.name);
            if !done.started.is_empty() {
                let names: Vec<&str> = done.started.iter().map(|node| node.as_str()).collect();
                text.push_str(&format!("; started again: {}", names.join(", ")));
            }
            text
        },
    );
    app.output.talk("next:  crashcart shell");
    Ok(Exit::Done)
}
