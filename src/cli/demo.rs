//! `crashcart demo`: everything from nothing to the first lab.

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::{grade, run_steps, stop};
use crate::lab::{SolutionKind, applies};
use crate::store::{AttemptRow, ENDED_BY_DEMO, Purpose, Stage};

/// The lab that shows what crashcart is.
const LAB: &str = "shm-dataloader-bus-error";
/// A cause that shows the point best: the same for everybody who tries the demo.
const SEED: u64 = 1;

/// Set everything up and play the first lab
///
/// On a terminal you are left in the broken node's shell, with the ticket above it. Without a terminal
/// the lab's own solution is played and graded.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask before installing and starting a container engine
    #[arg(long, short)]
    yes: bool,
    /// Play the lab's own solution, also on a terminal
    #[arg(long)]
    play: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let interactive = app.output.interactive && !args.play;
    let record = if interactive { super::tape::Wish::of_environment()? } else { None };
    super::doctor::make_ready(app, args.yes)?;
    let mut store = app.store()?;
    let running = store.attempts()?.into_iter().find(|row: &AttemptRow| {
        row.purpose == Purpose::Learn && row.lab == LAB && matches!(row.stage, Stage::Running | Stage::Paused)
    });
    if let (Some(row), true) = (&running, interactive) {
        app.output.talk(format!("the demo's lab runs already, as attempt {}", row.id));
        if row.stage == Stage::Paused {
            app.output.talk("next:  crashcart resume");
            return Ok(Exit::Done);
        }
        return super::shell::enter(app, &mut store, Some(row.id.as_str()), None, record);
    }
    if let Some(row) = running {
        return Err(Failure::plain(
            Exit::Usage,
            format!(
                "the demo's lab is yours already, as attempt `{}`: its own solution is not played over your work",
                row.id
            ),
            format!("grade it with `crashcart grade {0}`, or end it with `crashcart stop {0}`", row.id),
        ));
    }
    let start = super::start::Args { seed: Some(SEED), ..super::start::Args::of(LAB) };
    let begun = super::start::begin(app, &mut store, &start)?;
    // One JSON document for a run: the grading at its end.
    if !app.output.json {
        begun.show(app);
    }
    let attempt = begun.attempt;
    if interactive {
        let exit = super::shell::enter(app, &mut store, Some(attempt.as_str()), None, record)?;
        app.output.talk("       crashcart check says what is still wrong, crashcart hint helps, crashcart grade scores it");
        return Ok(exit);
    }

    // No terminal: the lab's own solution shows what a learner would do.
    let mut open = app.open(&store, Some(attempt.as_str()))?;
    let site = app.site(&store)?;
    let lock = app.hold(&store, &mut open.row)?;
    let nodes = app.open_nodes(&site, &open)?;
    let draw = open.draw()?;
    let reference = open
        .lab
        .solutions
        .iter()
        .find(|solution| {
            solution.kind == SolutionKind::Reference && applies(&solution.variants, &draw.variant.name)
        })
        .expect("every variant has a reference solution: the lab was refused otherwise");
    app.output.talk(format!("\nno terminal here: playing the lab's own solution ({})", reference.name));
    app.block_on(run_steps(&site, &open.lab, &draw, &nodes, &reference.steps, |text| text))?;
    let output = app.output;
    let told = move |line: &str| output.talk(line);
    let graded = app.block_on(grade(&site, &mut store, &attempt, &nodes, &open.rubric, &draw, &told))?;
    let role = super::grade::role(&open.catalog, super::grade::DEMO_ROLE)?;
    let went = super::review::timeline(app, &store, &attempt)?;
    super::grade::show(app, &open, &graded, &[role], &went, false)?;
    app.block_on(stop(&site, &mut store, &attempt, ENDED_BY_DEMO))?;
    drop(lock);
    app.output.talk("next:  run `crashcart demo` on a terminal and mend it yourself");
    Ok(super::grade::exit_of(&graded.report))
}
