//! `crashcart watch`: the checks, live, beside the learner's shell.

use std::io::Write;
use std::time::Duration;

use crossterm::{cursor, queue, terminal};

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use super::output::Paint;
use super::report;
use crate::attempt::check;
use crate::grade::Report;
use crate::units::spoken_duration;

/// Show the checks live, until everything is right or you press ctrl-C
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    attempt: Option<String>,
    /// Seconds between two looks
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    every: u32,
    /// Look once and leave
    #[arg(long)]
    once: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let mut open = app.open(&store, args.attempt.as_deref())?;
    let site = app.site(&store)?;
    loop {
        let report = {
            // Held for one look only: grading and stopping need their turn.
            // The attempt is read again each time: it may have been paused or stopped meanwhile.
            let _lock = app.hold(&store, &mut open.row)?;
            let nodes = app.open_nodes(&site, &open)?;
            let draw = open.draw()?;
            app.block_on(check(&site, &mut store, &open.row.id, &nodes, &open.rubric, &draw, false))?.report
        };
        let used = spoken_duration(store.time_used_ms(&open.row.id, app.clock.now_ms())?);
        let (paint, width) = (app.output.paint(), app.output.width());
        if app.output.interactive {
            redraw(&screen(&report, &open.lab.name, &used, paint, width));
        } else {
            app.output.data(&report, |paint| screen(&report, &open.lab.name, &used, *paint, width));
        }
        if report.nothing_wrong() {
            app.output.talk("\nnext:  crashcart grade");
            return Ok(Exit::Done);
        }
        if args.once {
            return Ok(Exit::NotYet);
        }
        std::thread::sleep(Duration::from_secs(args.every.into()));
    }
}

fn screen(report: &Report, lab: &crate::lab::LabName, used: &str, paint: Paint, width: usize) -> String {
    let head = format!("{}  attempt {}  {used} used", paint.strong(lab), report.attempt);
    format!("{head}\n\n{}\n{}\n", report::checks(report, paint, width), report::totals(report, paint))
}

/// Draws over the last look without clearing first, so that nothing flickers.
fn redraw(text: &str) {
    let mut out = std::io::stdout().lock();
    let (width, height) = terminal::size().unwrap_or((80, 24));
    let _ = queue!(out, cursor::MoveTo(0, 0));
    for line in text.lines().take(usize::from(height).saturating_sub(1)) {
        let _ = write!(out, "{}", clip(line, usize::from(width)));
        let _ = queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine));
        let _ = write!(out, "\r\n");
    }
    let _ = queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown));
    let _ = out.flush();
}

/// A line cut to the screen; escape sequences take no room and are kept whole.
fn clip(line: &str, width: usize) -> String {
    let mut out = String::new();
    let (mut shown, mut escape) = (0, false);
    for c in line.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (true, 'm') => {
                out.push(c);
                escape = false;
                continue;
            }
            _ => {}
        }
        if escape {
            out.push(c);
        } else if shown < width {
            out.push(c);
            shown += 1;
        }
    }
    out
}
