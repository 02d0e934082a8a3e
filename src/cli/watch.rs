//! `crashcart watch`: the checks, live, beside the learner's shell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::app::{App, Open};
use super::complete;
use super::exit::{Exit, end_by};
use super::home::arguments;
use super::message::Failure;
use super::output::Paint;
use super::report;
use super::takeover::{Event, Lent, Stay, Takeover};
use super::tmux;
use crate::advice::chain;
use crate::attempt::{BringUpError, Extent, Nodes, Site, Vigil, check, find_nodes};
use crate::engine::Condition;
use crate::grade::Report;
use crate::lab::{Lab, NodeName};
use crate::screen::Look;
use crate::screen::watch::{Act, Doing, Subject, Trouble, Watch};
use crate::store::{Stage, Store};
use crate::units::spoken_duration;

/// Show the checks live while you work in another terminal
///
/// On a terminal it stays until you leave it: what is met, not met or unknown, since when, and the time
/// used. What is dear to ask is asked rarely; `c` asks everything. Inside tmux, `t` opens a shell in a
/// second pane. Without a terminal it prints every look, until nothing is wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
    /// Seconds between two looks; up to three times that while nothing changes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3600))]
    every: u32,
    /// Look once and leave
    #[arg(long)]
    once: bool,
    /// Watch in a second pane of tmux and leave this one to you
    #[arg(long, conflicts_with = "once")]
    split: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    if args.split {
        return split(app, args);
    }
    match super::home::wanted(&app.output) && !args.once {
        true => live(app, args),
        false => printed(app, args),
    }
}

/// Opens a pane that watches.
fn split(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    if !tmux::inside() {
        return Err(Failure::plain(
            Exit::Usage,
            "`--split` needs tmux, and this terminal is none of its panes",
            "start `tmux` first, or run `crashcart watch` in another terminal",
        ));
    }
    let store = app.store()?;
    // Errors show here, not in a pane that closes.
    let row = app.attempt(&store, args.attempt.as_deref())?;
    let words = ["watch".to_owned(), row.id.to_string(), "--every".to_owned(), args.every.to_string()];
    tmux::beside(&arguments(app, &words), tmux::Focus::Here)?;
    app.output.talk(format!("attempt {} is watched in the other pane; this one is yours", row.id));
    Ok(Exit::Done)
}

/// Prints every look until nothing is wrong.
fn printed(app: &mut App, args: &Args) -> Result<Exit, Failure> {
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
        let width = app.output.width();
        app.output.data(&report, |paint| look_in_words(&report, &open.lab.name, &used, *paint, width));
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

fn look_in_words(
    report: &Report,
    lab: &crate::lab::LabName,
    used: &str,
    paint: Paint,
    width: usize,
) -> String {
    let head = format!("{}  attempt {}  {used} used", paint.strong(lab), report.attempt);
    format!("{head}\n\n{}\n{}\n", report::checks(report, paint, width), report::totals(report, paint))
}

/// How much longer than asked for the pause between two looks becomes while nothing changes.
const SLACK: u32 = 3;
/// Time after which the screen is drawn anew: it counts seconds.
const TICK: Duration = Duration::from_secs(1);
/// Time after which a lock that another crashcart holds is tried again.
const LOCKED: Duration = Duration::from_secs(1);

/// What is watched, and what is known of it.
struct Watched {
    open: Open,
    vigil: Vigil,
    screen: Watch,
    /// The nodes that run; none where that must be found out anew.
    nodes: Option<Nodes>,
    troubles: Vec<Trouble>,
    /// Since when a node gives no answer, in milliseconds.
    silent: BTreeMap<NodeName, u64>,
}

impl Watched {
    fn begin(app: &mut App, store: &Store, site: &Site, named: Option<&str>) -> Result<Self, Failure> {
        let open = app.open(store, named)?;
        let vigil = Vigil::begin(site, store, &open.row.id, &open.rubric, &open.draw()?)?;
        let subject = Subject {
            attempt: open.row.id.to_string(),
            lab: open.lab.name.to_string(),
            minutes: open.lab.minutes,
            panes: tmux::inside(),
        };
        let screen = Watch::new(subject);
        Ok(Self { open, vigil, screen, nodes: None, troubles: Vec::new(), silent: BTreeMap::new() })
    }

    /// The nodes may be others, or other processes: nothing that was read holds any more.
    fn forget(&mut self) {
        self.nodes = None;
        self.vigil.forget();
        self.silent.clear();
    }

    /// Nodes that give no answer although they run, or whose machine does not.
    fn unanswered(&mut self, now_ms: u64) -> Vec<Trouble> {
        let silent = self.vigil.silent();
        self.silent.retain(|node, _| silent.contains_key(node));
        let off = |node: &NodeName| {
            self.troubles
                .iter()
                .any(|known| matches!(known, Trouble::Off { node: name } if *name == *node.as_str()))
        };
        let mut troubles = Vec::new();
        for (node, why) in silent.iter().filter(|(node, _)| !off(node)) {
            let since = *self.silent.entry(node.clone()).or_insert(now_ms);
            let for_ms = now_ms.saturating_sub(since);
            troubles.push(Trouble::Silent { node: node.to_string(), why: why.clone(), for_ms });
        }
        for (node, why) in self.vigil.down() {
            troubles.push(Trouble::Down { node: node.to_string(), why: why.clone() });
        }
        troubles
    }
}

/// What came of one stretch of waiting or looking.
enum Step {
    /// The time was up.
    Late,
    Seen(Box<Report>),
    Act(Act),
    End(i32),
}

fn live(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let site = app.site(&store)?;
    let mut watched = Watched::begin(app, &store, &site, args.attempt.as_deref())?;
    let look = Look { colour: app.output.colour };
    let mut takeover = app.block_on(async { Takeover::begin() })?;
    let every = Duration::from_secs(args.every.into());
    let mut pause = every;
    let mut extent = Extent::Due;
    loop {
        let step = match gaze(app, &store, &site, &mut watched, &mut takeover, look, extent)? {
            Gaze::Step(step) => step,
            Gaze::Wait(doing, time) => {
                watched.screen.doing(doing);
                wait(app, &store, &mut watched, &mut takeover, look, time)?
            }
        };
        let act = match step {
            Step::Late => {
                extent = Extent::Due;
                continue;
            }
            Step::Seen(report) => {
                let now_ms = app.clock.now_ms();
                let changed = watched.screen.seen(&report, &watched.vigil.read(), now_ms);
                let unanswered = watched.unanswered(now_ms);
                let troubles: Vec<Trouble> = watched.troubles.iter().cloned().chain(unanswered).collect();
                let troubled = !troubles.is_empty();
                if troubled {
                    // How they are is asked before the next look.
                    watched.nodes = None;
                }
                watched.screen.troubles(troubles);
                pause = match changed || troubled || extent == Extent::Everything {
                    true => every,
                    false => (pause * 3 / 2).min(every * SLACK),
                };
                extent = Extent::Due;
                let until = now_ms + pause.as_millis() as u64;
                watched.screen.doing(Doing::Waiting(until));
                match wait(app, &store, &mut watched, &mut takeover, look, pause)? {
                    Step::Act(act) => act,
                    Step::End(number) => {
                        drop(takeover);
                        return Ok(end_by(number));
                    }
                    Step::Late | Step::Seen(_) => continue,
                }
            }
            Step::Act(act) => act,
            Step::End(number) => {
                drop(takeover);
                return Ok(end_by(number));
            }
        };
        match act {
            Act::Leave => return Ok(Exit::Done),
            Act::Redraw => takeover.redraw()?,
            Act::Look => {
                extent = Extent::Everything;
                pause = every;
            }
            Act::Suspend => {
                let continued = app.block_on(async { takeover.suspend() })?;
                if !continued {
                    watched.screen.say("there is no shell below this one to come back from");
                }
            }
            Act::Split => {
                let id = watched.open.row.id.to_string();
                let words = ["shell".to_owned(), "--attempt".to_owned(), id];
                if let Err(failure) = tmux::beside(&arguments(app, &words), tmux::Focus::There) {
                    watched.screen.say(format!("{}; {}", failure.error, failure.next));
                }
            }
            Act::Run(words) => {
                let arguments: Vec<OsString> = arguments(app, &words);
                if let Lent::Told(number) = app.block_on(takeover.lend(&arguments, Stay::UntilKey))? {
                    drop(takeover);
                    return Ok(end_by(number));
                }
                pause = every;
                // After a reset it is another attempt at the same lab.
                let lab = watched.open.lab.name.to_string();
                match app.attempt(&store, Some(&lab)) {
                    Ok(row) if row.id != watched.open.row.id => {
                        watched = Watched::begin(app, &store, &site, Some(&lab))?;
                    }
                    _ if matches!(words[0].as_str(), "grade" | "resume" | "reset") => watched.forget(),
                    _ => {}
                }
            }
        }
    }
}

/// Draws, with the time that has been used by now.
fn draw(
    app: &App,
    store: &Store,
    watched: &mut Watched,
    takeover: &mut Takeover,
    look: Look,
) -> Result<(), Failure> {
    let now_ms = app.clock.now_ms();
    watched.screen.used(store.time_used_ms(&watched.open.row.id, now_ms)?);
    takeover.draw(|frame| watched.screen.draw(frame, look, now_ms))
}

/// Waits so long for a key that asks for something.
fn wait(
    app: &mut App,
    store: &Store,
    watched: &mut Watched,
    takeover: &mut Takeover,
    look: Look,
    time: Duration,
) -> Result<Step, Failure> {
    let until = std::time::Instant::now() + time;
    loop {
        draw(app, store, watched, takeover, look)?;
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Ok(Step::Late);
        }
        match app.block_on(takeover.next(left.min(TICK))) {
            Event::Key(key) => {
                if let Some(act) = watched.screen.press(key) {
                    return Ok(Step::Act(act));
                }
            }
            Event::End(number) => return Ok(Step::End(number)),
            Event::Draw | Event::Paste(_) => {}
        }
    }
}

/// What a look became.
enum Gaze {
    Step(Step),
    /// There was none, for this reason; so long until the next try.
    Wait(Doing, Duration),
}

/// Looks once, if the attempt is there to be looked at. Keys are taken meanwhile; one that asks for something ends
/// the look.
fn gaze(
    app: &mut App,
    store: &Store,
    site: &Site,
    watched: &mut Watched,
    takeover: &mut Takeover,
    look: Look,
    extent: Extent,
) -> Result<Gaze, Failure> {
    let id = watched.open.row.id.clone();
    // It may have been paused or stopped meanwhile.
    if let Some(row) = store.attempt(&id)? {
        watched.open.row = row;
    }
    match watched.open.row.stage {
        Stage::Running => {}
        Stage::Paused => {
            watched.forget();
            return Ok(Gaze::Wait(Doing::Paused, LOCKED * 2));
        }
        Stage::Starting | Stage::Stopping | Stage::Stopped => {
            return Ok(Gaze::Wait(Doing::Over, LOCKED * 2));
        }
    }
    // Held for one look only: grading and stopping need their turn, and a look at nodes that restart tells nothing.
    let Some(_lock) = store.try_lock(&id)? else {
        watched.nodes = None;
        return Ok(Gaze::Wait(Doing::Locked, LOCKED));
    };
    watched.screen.doing(Doing::Looking);
    draw(app, store, watched, takeover, look)?;
    if watched.nodes.is_none() {
        match app.block_on(find_nodes(site, &id, &watched.open.lab)) {
            Ok(found) => {
                let was_off = !watched.troubles.is_empty();
                let (nodes, troubles) = sorted(found, &watched.open.lab);
                if was_off && troubles.is_empty() {
                    watched.vigil.forget();
                }
                watched.troubles = troubles;
                watched.nodes = Some(nodes);
            }
            Err(BringUpError::Missing { node, .. }) => {
                watched.troubles = vec![Trouble::Gone { node: node.to_string() }];
                watched.screen.troubles(watched.troubles.clone());
                let time = TICK * 10;
                return Ok(Gaze::Wait(Doing::Waiting(app.clock.now_ms() + time.as_millis() as u64), time));
            }
            Err(error) => return Ok(Gaze::Wait(Doing::Failed(chain(&error)), TICK * 10)),
        }
    }
    let now = app.clock;
    let Watched { open, vigil, screen, nodes, .. } = watched;
    let nodes = nodes.as_ref().expect("just found");
    let draw = open.draw()?;
    let looking = async {
        let seen = vigil.look(site, &id, nodes, &open.rubric, &draw, extent);
        tokio::pin!(seen);
        loop {
            takeover.draw(|frame| screen.draw(frame, look, now.now_ms()))?;
            tokio::select! {
                report = &mut seen => return Ok(Step::Seen(Box::new(report))),
                event = takeover.next(TICK) => match event {
                    Event::Key(key) => match screen.press(key) {
                        // A look is on its way; that it is at everything can wait for the next one.
                        Some(Act::Look) | None => {}
                        Some(act) => return Ok(Step::Act(act)),
                    },
                    Event::End(number) => return Ok(Step::End(number)),
                    Event::Draw | Event::Paste(_) => {}
                },
            }
        }
    };
    let step: Result<Step, Failure> = app.block_on(looking);
    Ok(Gaze::Step(step?))
}

/// The nodes that run, and what is wrong with the others.
fn sorted(found: BTreeMap<NodeName, (crate::node::NodeLink, Condition)>, lab: &Lab) -> (Nodes, Vec<Trouble>) {
    let mut nodes = Nodes::new();
    let mut troubles = Vec::new();
    for (name, (link, condition)) in found {
        match condition {
            Condition::Running => drop(nodes.insert(name, link)),
            // One that the lab does not know is none of ours to worry about.
            _ if lab.nodes.iter().any(|node| node.name == name) => {
                troubles.push(Trouble::Off { node: name.to_string() });
            }
            _ => {}
        }
    }
    (nodes, troubles)
}
