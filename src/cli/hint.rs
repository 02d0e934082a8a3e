//! `crashcart hint`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::attempt::{cost_percent, hint, last_seen};
use crate::grade::{CheckVerdict, clue, short};
use crate::units::spoken_duration;

/// Show the next hint; each helps one step
///
/// Beside the lab's own hint stands where to look, from what the last check found: that costs nothing. A
/// hint costs 10 % of the lab's points, all together at most 30 %: a grade is told with and without.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
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
    let last = last_seen(&store, &open.row.id, &open.rubric)?;
    let clue = last.as_ref().and_then(|last| clue(&open.rubric, &last.report, &last.evidences));
    let given = match args.again {
        true => None,
        false => hint(&mut store, &open.row, hints.len() as u32, clue.clone(), app.clock.now_ms())?,
    };
    let (from, to) = match (&given, args.again) {
        (Some(given), _) => (given.hint as usize - 1, given.hint as usize),
        (None, true) => (0, seen),
        (None, false) => (seen, seen),
    };
    let shown = &hints[from..to];
    let so_far = cost_percent(to as u32);
    let data = serde_json::json!({
        "attempt": open.row.id,
        "seen": to,
        "of": hints.len(),
        "hints": shown,
        "cost-percent": so_far,
        "clue": clue,
    });
    app.output.data(&data, |paint| {
        let mut parts: Vec<String> = shown
            .iter()
            .enumerate()
            .map(|(i, hint)| {
                format!("{}\n{hint}\n", paint.strong(format!("Hint {} of {}", from + i + 1, hints.len())))
            })
            .collect();
        if let Some(clue) = &clue {
            let read_ms = last.as_ref().map_or(0, |last| {
                let evidences = &last.evidences;
                evidences.after_restart.as_ref().unwrap_or(&evidences.live).taken_at_ms
            });
            let ago = spoken_duration(app.clock.now_ms().saturating_sub(read_ms));
            let rows = [
                ("check", format!("{} on {}", clue.check, clue.node)),
                ("read from", clue.read_from.clone()),
                ("found", short(&clue.found, 300)),
                ("look with", clue.look.clone()),
            ];
            let rows: Vec<Vec<String>> =
                rows.into_iter().map(|(head, text)| vec![format!("  {head}"), text]).collect();
            parts.push(format!("{}\n{}", paint.strong(format!("What was found {ago} ago")), table(&rows)));
        }
        parts.join("\n")
    });
    let unseen = last.as_ref().is_none_or(|last| {
        last.report.checks.iter().all(|check| matches!(check.verdict, CheckVerdict::Unknown { .. }))
    });
    if let Some(given) = &given {
        let all = if given.hint > 1 { format!(", {so_far} % with those before") } else { String::new() };
        app.output.talk(format!("this hint costs {} % of the lab{all}", given.cost_percent));
        if unseen {
            app.output.talk("next:  crashcart check, so that a hint can tell of what was found");
        }
    }
    match (shown.is_empty(), args.again) {
        (true, true) => app.output.talk("no hint has been shown yet\nnext:  crashcart hint"),
        (true, false) => app.output.talk("there are no more hints\nnext:  crashcart hint --again"),
        (false, _) => {}
    }
    Ok(Exit::Done)
}
