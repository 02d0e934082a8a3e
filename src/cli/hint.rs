//! `crashcart hint`.

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use crate::store::RecordKind;

/// Show the next hint; each helps one step
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    attempt: Option<String>,
    /// Show the hints seen so far, and no new one
    #[arg(long)]
    again: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let open = app.open(&store, args.attempt.as_deref())?;
    let hints = crate::publish::hints(&super::brief::fill(&open.lab, &open.draw()?, "hints.md")?);
    let seen = (open.row.hints as usize).min(hints.len());
    let (from, to) = if args.again { (0, seen) } else { (seen, (seen + 1).min(hints.len())) };
    if to > seen {
        store.set_hints(&open.row.id, to as u32)?;
        store.append(&open.row.id, RecordKind::Hint, &to, app.clock.now_ms())?;
    }
    let shown = &hints[from..to];
    let data = serde_json::json!({ "attempt": open.row.id, "seen": to, "of": hints.len(), "hints": shown });
    app.output.data(&data, |paint| {
        let numbered = shown.iter().enumerate().map(|(i, hint)| {
            format!("{}\n{hint}\n", paint.strong(format!("Hint {} of {}", from + i + 1, hints.len())))
        });
        numbered.collect::<Vec<_>>().join("\n")
    });
    match (shown.is_empty(), args.again) {
        (true, true) => app.output.talk("no hint has been shown yet\nnext:  crashcart hint"),
        (true, false) => app.output.talk("there are no more hints\nnext:  crashcart hint --again"),
        (false, _) => {}
    }
    Ok(Exit::Done)
}
