//! `crashcart` alone, on a terminal: the home screen. Fetches what it shows and runs what its keys ask for, each as
//! the ordinary command with its ordinary output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::app::App;
use super::exit::{Exit, end_by};
use super::message::Failure;
use super::output::Output;
use super::takeover::{Event, Lent, Stay, Takeover};
use crate::grade::{Report, RoleVerdict, scorecard};
use crate::lab::{Lab, LabName};
use crate::progress::schedule::spoken_due;
use crate::progress::{Offer, Past, plan};
use crate::rubric::Role;
use crate::screen::Look;
use crate::screen::home::{self as screen, Act, Home};
use crate::store::{AttemptRow, Purpose, RecordKind, Score, Stage, Store};
use crate::units::spoken_duration;

/// Time after which what other crashcarts did is looked for.
const RENEW: Duration = Duration::from_secs(5);

/// Whether somebody sits at a terminal that can show a screen.
pub fn wanted(output: &Output) -> bool {
    output.interactive && !output.quiet && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

pub fn run(app: &mut App) -> Result<Exit, Failure> {
    let store = app.store()?;
    let mut files = Files::read(app)?;
    let mut graded = Graded::read(app, &store)?;
    let mut home = Home::new(state(app, &store, &files, &graded)?);
    let look = Look { colour: app.output.colour };
    // Within the runtime: it listens for keys and signals.
    let mut takeover = app.block_on(async { Takeover::begin() })?;
    loop {
        takeover.draw(|frame| home.draw(frame, look))?;
        let act = match app.block_on(takeover.next(RENEW)) {
            Event::Key(key) => home.press(key),
            Event::Paste(text) => {
                home.paste(&text);
                None
            }
            Event::Draw => {
                graded.renew(app, &store)?;
                home.renew(state(app, &store, &files, &graded)?);
                None
            }
            Event::End(number) => {
                drop(takeover);
                return Ok(end_by(number));
            }
        };
        match act {
            None => {}
            Some(Act::Leave) => return Ok(Exit::Done),
            Some(Act::Redraw) => takeover.redraw()?,
            Some(Act::Suspend) => {
                let continued = app.block_on(async { takeover.suspend() })?;
                if !continued {
                    home.say("there is no shell below this one to come back from");
                }
            }
            Some(Act::Run(words)) => {
                let stay = if words[0] == "watch" { Stay::OnFailure } else { Stay::UntilKey };
                let arguments = arguments(app, &words);
                match app.block_on(takeover.lend(&arguments, stay))? {
                    Lent::Told(number) => {
                        drop(takeover);
                        return Ok(end_by(number));
                    }
                    Lent::Ended => {
                        files = Files::read(app)?;
                        graded.renew(app, &store)?;
                        home.renew(state(app, &store, &files, &graded)?);
                    }
                }
            }
        }
    }
}

/// A command line for a crashcart of ours, about the same labs as this one.
pub fn arguments(app: &App, words: &[String]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    if let Some(root) = app.root() {
        arguments.push("--root".into());
        arguments.push(root.into());
    }
    arguments
}

/// What is read from files, and changes only when somebody writes labs.
struct Files {
    labs: Vec<Lab>,
    bad: Vec<LabName>,
    /// The same labs as paths take them.
    offers: Vec<Offer>,
    roles: Vec<Role>,
    /// Why there are no roles.
    no_roles: Option<String>,
}

impl Files {
    fn read(app: &mut App) -> Result<Self, Failure> {
        let catalog = app.catalog()?;
        let (labs, bad) = catalog.labs()?;
        // A mistake in a role takes no lab away.
        let (roles, no_roles) = match catalog.roles() {
            Ok(roles) => (roles, None),
            Err(error) => (Vec::new(), Some(Failure::from(error).error)),
        };
        let offers = super::path::offers(app, labs.clone())?;
        Ok(Self { labs, bad, offers, roles, no_roles })
    }
}

/// What was graded so far: read anew only where another crashcart wrote, for it grows with every attempt.
struct Graded {
    /// As [`Store::changes`].
    changes: i64,
    past: Past,
    best: BTreeMap<String, Score>,
}

impl Graded {
    fn read(app: &mut App, store: &Store) -> Result<Self, Failure> {
        // First, so that what is written meanwhile is read the next time.
        let changes = store.changes()?;
        let best = super::list::best(store, app.catalog()?.collection())?;
        Ok(Self { changes, past: super::path::past(store)?, best })
    }

    fn renew(&mut self, app: &mut App, store: &Store) -> Result<(), Failure> {
        if store.changes()? != self.changes {
            *self = Self::read(app, store)?;
        }
        Ok(())
    }
}

/// What the screen shows now.
fn state(app: &App, store: &Store, files: &Files, graded: &Graded) -> Result<screen::State, Failure> {
    let Graded { past, best, .. } = graded;
    let passed = |name: &str| best.get(name).is_some_and(|score| score.verdict == "passed");
    let today = past.day(app.clock.now_ms());
    let followed = super::path::followed(store, &files.roles)?;
    let advice = super::next::advice(store, past, followed, &files.offers, today)?;
    let mut running = Vec::new();
    for row in store.attempts()? {
        if row.purpose == Purpose::Learn {
            running.extend(attempt(app, store, files, row)?);
        }
    }
    let mut labs: Vec<screen::Lab> = files
        .labs
        .iter()
        .map(|lab| screen::Lab {
            name: lab.name.to_string(),
            title: lab.title.clone(),
            summary: lab.summary.clone(),
            track: lab.track.to_string(),
            level: lab.level,
            minutes: lab.minutes,
            nodes: nodes(lab, [" container", " containers", " vm", " vms", " GPU", " GPUs"], ", "),
            nodes_short: nodes(lab, [" ctr", " ctr", " vm", " vm", "gpu", "gpu"], "+"),
            skills: lab
                .skills
                .iter()
                .map(|skill| format!("{skill} {}", skill.title()))
                .collect::<Vec<_>>()
                .join(" "),
            best: best.get(lab.name.as_str()).map(|score| score.earned),
            passed: passed(lab.name.as_str()),
        })
        .collect();
    labs.sort_by(|one, other| {
        (one.level, one.minutes, &one.name).cmp(&(other.level, other.minutes, &other.name))
    });
    let mut tracks: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for lab in &labs {
        let (done, all) = tracks.entry(lab.track.clone()).or_default();
        *done += usize::from(lab.passed);
        *all += 1;
    }
    let reports: Vec<&Report> = past.best().into_values().collect();
    let roles = files.roles.iter().map(|role| {
        let card = scorecard(role, &reports);
        screen::Role {
            title: role.title.clone(),
            score: card.score_bp.map(|score| score / 100),
            covered: card.weight_covered,
            mark: card.pass_bp / 100,
            met: card.verdict == RoleVerdict::Pass,
            followed: followed.is_some_and(|followed| followed.id == role.id),
        }
    });
    let bad = files.bad.iter().map(|name| format!("lab {name} has mistakes: see crashcart lab lint {name}"));
    Ok(screen::State {
        running,
        next: screen::Advice { command: advice.command, why: advice.why },
        roles: roles.collect(),
        labs,
        tracks: tracks
            .into_iter()
            .map(|(name, (passed, labs))| screen::Track { name, passed, labs })
            .collect(),
        returns: plan(followed, past, &files.offers, today)
            .returns
            .into_iter()
            .map(|back| screen::Return {
                due: spoken_due(back.due_in_days),
                is_due: back.due_in_days <= 0,
                lab: back.lab,
            })
            .collect(),
        remarks: bad.chain(files.no_roles.clone()).collect(),
    })
}

/// An attempt that is not over.
fn attempt(
    app: &App,
    store: &Store,
    files: &Files,
    row: AttemptRow,
) -> Result<Option<screen::Attempt>, Failure> {
    let stage = match row.stage {
        Stage::Starting => screen::Stage::Starting,
        Stage::Running => screen::Stage::Running,
        Stage::Paused => screen::Stage::Paused,
        Stage::Stopping => screen::Stage::Stopping,
        Stage::Stopped => return Ok(None),
    };
    let report = match store.glance(&row.id, RecordKind::Grade)? {
        Some(graded) => Some(graded),
        None => store.glance(&row.id, RecordKind::Report)?,
    };
    let points = report.and_then(|report| {
        let totals = &report["totals"];
        Some((totals["provisional"].as_u64().or(totals["earned"].as_u64())?, totals["max"].as_u64()?))
    });
    Ok(Some(screen::Attempt {
        used: spoken_duration(store.time_used_ms(&row.id, app.clock.now_ms())?),
        minutes: files.labs.iter().find(|lab| lab.name.as_str() == row.lab).map(|lab| lab.minutes),
        id: row.id.to_string(),
        lab: row.lab,
        stage,
        hints: row.hints,
        points,
    }))
}

/// What a lab's nodes are, with one word and several for containers, guests and GPUs: `2 containers, 8 GPUs`.
fn nodes(lab: &Lab, words: [&str; 6], between: &str) -> String {
    let vms = lab.nodes.iter().filter(|node| node.vm.is_some()).count();
    let containers = lab.nodes.len() - vms;
    let gpus: u32 = lab.nodes.iter().filter_map(|node| node.gpus()).sum();
    let counts = [containers, vms, gpus as usize];
    let told = counts.into_iter().zip(words.chunks(2)).filter(|(count, _)| *count > 0);
    told.map(|(count, word)| format!("{count}{}", word[usize::from(count > 1)]))
        .collect::<Vec<_>>()
        .join(between)
}
