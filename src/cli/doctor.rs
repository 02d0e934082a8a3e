//! `crashcart doctor`.

use std::collections::BTreeMap;

use super::app::{App, ask};
use super::exit::Exit;
use super::message::Failure;
use super::output::{Paint, table};
use crate::attempt::fit;
use crate::attempt::{Leftover, LeftoverKind, leftovers, remove_leftover};
use crate::carried::{self, Carried};
use crate::engine::Engine;
use crate::image::pace::{self, Ahead};
use crate::image::{Ground, ImageCatalog, Making};
use crate::lab::{Catalog, Lab};
use crate::machine::fix::{Action, FixError, Fixed, fix, rerun_in_group};
use crate::machine::{self, ItemState};
use crate::store::{AttemptRow, Store};
use crate::units::Bytes;

/// Say what works on this machine, and mend what does not
///
/// Looks at the engine, disk, memory, virtualisation and GPUs, at what labs need and whether they fit, at the
/// state file, and for what killed runs left in the engine. Changes nothing without `--fix`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install and start a container engine where none answers; finish or remove what killed runs left
    #[arg(long)]
    fix: bool,
    /// Do not ask before each step
    #[arg(long, short, requires = "fix")]
    yes: bool,
}

/// All that was found.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Findings {
    machine: machine::Report,
    /// What labs need, those together that want the same images; without an engine nobody knows.
    labs: Vec<Group>,
    /// What is wrong with the labs themselves.
    labs_wrong: Option<String>,
    /// What is wrong with the state file or its records.
    state: Vec<String>,
    leftovers: Vec<Leftover>,
}

/// Labs whose nodes are of the same images.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Group {
    images: Vec<String>,
    /// Those of the images that no other of them is built on.
    #[serde(skip)]
    on: Vec<String>,
    labs: Vec<String>,
    /// Whether a node has a kernel of its own.
    guests: bool,
    /// The most that one of them takes, about.
    memory_bytes: u64,
    disk_bytes: u64,
    /// What the first start must make, for which it needs the network.
    to_make: Vec<String>,
    /// About how long that takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_make_s: Option<u64>,
    /// What this machine has too little of.
    lacks: Vec<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let directory = App::state_directory()?;
    if args.fix {
        make_ready(app, args.yes)?;
        unfold_anew(app, &directory);
    }
    let engine = app.block_on(crate::engine::open());
    let machine = app.block_on(machine::report(&directory, &engine));
    let (state, mut left) = match app.store() {
        Err(failure) => {
            let told = std::iter::once(failure.error).chain(failure.causes).collect::<Vec<_>>().join(": ");
            (vec![format!("{told}; {}", failure.next)], Vec::new())
        }
        Ok(mut store) => {
            let wrong = state_mistakes(&store);
            let mut left = Vec::new();
            // A state file whose attempts cannot be read does not tell what belongs to whom.
            if machine.is_ready() && store.attempts().is_ok() {
                let site = app.site(&store)?;
                left = app.block_on(leftovers(&site, &store))?;
                if args.fix {
                    let progress = app.progress();
                    app.block_on(crate::image::agent::sweep(
                        &*site.engine,
                        &directory,
                        &site.home,
                        &*progress,
                    ))?;
                    drop(progress);
                    app.block_on(crate::image::template::sweep(&*site.engine, &directory, &site.home))?;
                    for leftover in &left {
                        // One that cannot be removed must not keep the others.
                        if let Err(failure) = mend(app, &mut store, leftover, args.yes) {
                            app.output.talk(failure.to_string().trim_end());
                        }
                    }
                    left = app.block_on(leftovers(&site, &store))?;
                }
            }
            (wrong, left)
        }
    };
    left.sort_by(|a, b| a.attempt.cmp(&b.attempt));
    let (labs, labs_wrong) = match (look_at_labs(app, &directory, engine.as_deref().ok()), machine.is_ready())
    {
        (Ok(labs), _) => (labs, None),
        // What is wrong with the engine is said already.
        (Err(failure), false) if failure.exit == Exit::Machine => (Vec::new(), None),
        (Err(failure), _) => (Vec::new(), Some(format!("{}; {}", failure.error, failure.next))),
    };
    let found = Findings { machine, labs, labs_wrong, state, leftovers: left };
    app.output.data(&found, |paint| text(&found, *paint));
    if found.labs.iter().any(|group| !group.to_make.is_empty()) {
        app.output.talk("what is to be built takes the network, once; after that no lab needs one");
    }
    let sound = found.machine.is_ready()
        && found.labs_wrong.is_none()
        && found.state.is_empty()
        && found.leftovers.is_empty();
    app.output.talk(match (sound, args.fix) {
        (true, _) => "next:  crashcart next",
        (false, false) => "next:  crashcart doctor --fix",
        (false, true) => "next:  do by hand what is said above",
    });
    Ok(if sound { Exit::Done } else { Exit::Machine })
}

/// What labs need, and whether this machine has it.
fn look_at_labs(
    app: &mut App,
    directory: &std::path::Path,
    engine: Option<&dyn Engine>,
) -> Result<Vec<Group>, Failure> {
    let catalog = app.catalog()?;
    if let Some(carried) = Carried::ours()
        && let Ok(Some(file)) = carried.damage(directory)
    {
        let what = format!("`{file}` in `{}` is not as it came", carried.place(directory).display());
        return Err(Failure::plain(Exit::Usage, what, "`crashcart doctor --fix` unpacks it anew"));
    }
    let (labs, _) = catalog.labs()?;
    let Some(engine) = engine else { return Ok(Vec::new()) };
    let images = ImageCatalog::load_all(&catalog.containers())?;
    let about = app.block_on(engine.about())?;
    let mut sorts: BTreeMap<Vec<&str>, Vec<&Lab>> = BTreeMap::new();
    // What is wrong with a lab's own files is said by `lab lint`.
    let is_whole = |lab: &&Lab| fit::images(&[lab]).iter().all(|name| images.get(name).is_ok());
    for lab in labs.iter().filter(is_whole) {
        sorts.entry(fit::images(&[lab])).or_default().push(lab);
    }
    let mut groups = Vec::new();
    for (names, labs) in sorts {
        let plan = app.block_on(images.plan(engine, &names))?;
        let needs = app.block_on(fit::needs(engine, &images, &plan, &labs))?;
        let ahead: Vec<Ahead> = needs.making.iter().map(Making::ahead).collect();
        let below = |name: &str| {
            let is_below = |other: &&str| match images.get(other).map(|image| &image.ground) {
                Ok(Ground::Image(ground)) => ground == name,
                _ => false,
            };
            names.iter().any(is_below)
        };
        groups.push(Group {
            on: names.iter().filter(|name| !below(name)).map(|name| (*name).to_owned()).collect(),
            images: names.into_iter().map(str::to_owned).collect(),
            labs: labs.iter().map(|lab| lab.name.to_string()).collect(),
            guests: needs.has_guest,
            memory_bytes: needs.memory.0,
            disk_bytes: needs.disk.0,
            to_make_s: pace::expected_s(directory, &ahead).filter(|_| !ahead.is_empty()),
            to_make: ahead.into_iter().map(|job| job.name).collect(),
            lacks: fit::lacks(&needs, &about).iter().map(ToString::to_string).collect(),
        });
    }
    // Those that most labs want first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.labs.len()));
    Ok(groups)
}

/// Unpacks the carried labs anew where they are not as they came.
fn unfold_anew(app: &App, directory: &std::path::Path) {
    let Some(carried) = Carried::ours() else { return };
    if let Ok(Some(file)) = carried.damage(directory) {
        let removed = carried::remove(directory, &[carried.place(directory)]);
        match removed
            .map_err(|error| error.to_string())
            .and_then(|()| carried.unfold(directory).map(drop).map_err(|error| crate::advice::chain(&error)))
        {
            Ok(()) => app.output.talk(format!("`{file}` was not as it came: unpacked the labs anew")),
            Err(why) => app.output.talk(format!("could not unpack the labs anew: {why}")),
        }
    }
}

/// What is wrong with the state file and the chains of records in it.
fn state_mistakes(store: &Store) -> Vec<String> {
    let rows = match store.verify().and_then(|()| store.attempts()) {
        Ok(rows) => rows,
        Err(error) => return vec![crate::advice::chain(&error)],
    };
    let mistake = |row: &AttemptRow| match store.verify_chain(&row.id) {
        Ok(None) => None,
        Ok(Some(broken)) => {
            Some(format!("record {} of attempt {} is not as it was written", broken.seq, broken.attempt))
        }
        Err(error) => Some(format!(
            "the records of attempt {} cannot be read: {}",
            row.id,
            crate::advice::chain(&error)
        )),
    };
    rows.iter().filter_map(mistake).collect()
}

/// Finishes or removes one leftover, as the learner wants.
fn mend(app: &mut App, store: &mut Store, leftover: &Leftover, yes: bool) -> Result<(), Failure> {
    let site = app.site(store)?;
    let lab = leftover.lab.clone().unwrap_or_else(|| "a lab".into());
    let known = |catalog: &Catalog| catalog.lab(&lab).is_ok();
    if leftover.kind == LeftoverKind::Start
        && !yes
        && app.output.interactive
        && app.catalog().is_ok_and(|catalog| known(&catalog))
        && ask(&format!("the start of {lab} was interrupted. Finish it?"))?
    {
        let args = super::start::Args::of(&lab);
        super::start::begin(app, store, &args)?.show(app);
        return Ok(());
    }
    let question = format!("remove what is left of attempt {}: {}?", leftover.attempt, objects(leftover));
    if yes || !app.output.interactive || ask(&question)? {
        app.block_on(remove_leftover(&site, store, leftover))?;
        app.output.talk(format!("removed what was left of attempt {}", leftover.attempt));
    }
    Ok(())
}

fn objects(leftover: &Leftover) -> String {
    match leftover.objects.is_empty() {
        true => "nothing in the engine, a note in the state file".into(),
        false => leftover.objects.join(", "),
    }
}

fn text(found: &Findings, paint: Paint) -> String {
    let mut rows = Vec::new();
    for item in &found.machine.items {
        let mark = match item.state {
            ItemState::Ok => paint.good("ok"),
            ItemState::Warn => paint.unsure("note"),
            ItemState::Missing => paint.bad("MISSING"),
        };
        rows.push(vec![mark, item.title.to_owned(), item.found.clone()]);
        if let Some(next) = &item.next {
            rows.push(vec![String::new(), String::new(), paint.faint(next)]);
        }
    }
    for group in &found.labs {
        let mark = if group.lacks.is_empty() { paint.good("ok") } else { paint.unsure("note") };
        rows.push(vec![mark, title(group), described(group)]);
        rows.extend(group.lacks.iter().map(|lack| vec![String::new(), String::new(), paint.faint(lack)]));
    }
    rows.extend(found.labs_wrong.iter().map(|wrong| vec![paint.bad("WRONG"), "Labs".into(), wrong.clone()]));
    rows.extend(found.state.iter().map(|wrong| vec![paint.bad("WRONG"), "State file".into(), wrong.clone()]));
    for leftover in &found.leftovers {
        let what = match leftover.kind {
            LeftoverKind::Start => "an interrupted start",
            LeftoverKind::Stop => "an interrupted stop",
            LeftoverKind::Trial => "a trial of `lab prove`",
            LeftoverKind::Stray => "an attempt that is over",
        };
        rows.push(vec![
            paint.unsure("left"),
            what.into(),
            format!("{}: {}", leftover.attempt, objects(leftover)),
        ]);
    }
    table(&rows)
}

/// `4 labs on slurm-accounting`
fn title(group: &Group) -> String {
    let labs = if group.labs.len() == 1 { "lab" } else { "labs" };
    let kernel = if group.guests { " (own kernel)" } else { "" };
    format!("{} {labs} on {}{kernel}", group.labs.len(), group.on.join(", "))
}

/// What a group needs, in words.
fn described(group: &Group) -> String {
    let size = |bytes: u64| Bytes(((bytes >> 20).div_ceil(10) * 10) << 20);
    let needs = format!("memory {}, disk {}", size(group.memory_bytes), size(group.disk_bytes));
    match (group.to_make.is_empty(), group.to_make_s) {
        (true, _) => needs,
        (false, Some(s)) => format!("{needs}, to build {} min", s.div_ceil(60)),
        (false, None) => format!("{needs}, to build"),
    }
}

/// Makes sure that an engine answers: looks, and with consent installs and starts one.
pub fn make_ready(app: &mut App, yes: bool) -> Result<(), Failure> {
    let directory = App::state_directory()?;
    std::fs::create_dir_all(&directory).map_err(|error| {
        let text = format!("could not make the state directory `{}`: {error}", directory.display());
        Failure::plain(Exit::Machine, text, "name another one in `CRASHCART_STATE_DIR`")
    })?;
    // An engine that a test or a person chose by name is theirs to set up.
    if std::env::var_os("CRASHCART_ENGINE").is_some_and(|value| !value.is_empty()) {
        app.engine()?;
        return Ok(());
    }
    let interactive = app.output.interactive;
    let output = app.output;
    let consent = move |action: &Action| {
        if yes {
            output.talk(format!("{} …", action.describe()));
            return true;
        }
        interactive && ask(&format!("may crashcart {}?", action.describe())).unwrap_or(false)
    };
    let progress = app.progress();
    // The tool that makes the base where no registry answers; not needed once there is a base.
    let base_missing = match app.engine() {
        Ok(engine) => app.block_on(engine.images()).map_or(true, |images| images.is_empty()),
        Err(_) => true,
    };
    let fixed = app.block_on(fix(&directory, base_missing, &consent, &*progress));
    drop(progress);
    match fixed {
        Ok(Fixed::Ready) => Ok(()),
        Ok(Fixed::AfterLogin) => {
            let error = rerun_in_group();
            Err(Failure::plain(
                Exit::Machine,
                format!(
                    "your new group counts only after logging in again, and `sg` could not help: {error}"
                ),
                "log in again and run the command once more",
            ))
        }
        Err(error) => {
            let detail = match &error {
                FixError::Failed { log, .. } | FixError::DidNotStart { log, .. } => log.clone(),
                _ => Vec::new(),
            };
            Err(Failure::new(Exit::Machine, &error).with_detail(detail))
        }
    }
}
