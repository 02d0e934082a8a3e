//! What commands share: the catalogue, the store, the engine, each opened when first needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Exit;
use super::message::{Failure, fails_with};
use super::output::Output;
use crate::advice::{chain, nearest};
use crate::attempt::fit::{self, NoFit};
use crate::attempt::{
    BringUpError, Clock, Nodes, Site, StartError, StopError, SubmitError, bring_up, recover,
};
use crate::carried::{self, Carried, Unfolded};
use crate::collection::{Asks, Collection, CollectionError, Freshness, Source};
use crate::document::DocumentError;
use crate::engine::{Engine, EngineError, Left, Progress, Silent};
use crate::image::pace::{self, Ahead, Paced};
use crate::image::template::Place;
use crate::image::{Image, ImageCatalog, ImageError, Making};
use crate::lab::{Catalog, CatalogError, Draw, Lab, LabError, Origin};
use crate::machine::accelerators::NoAccelerators;
use crate::node::{NodeError, NodeLink};
use crate::pack::PackError;
use crate::rubric::Rubric;
use crate::store::{AttemptLock, AttemptRow, Purpose, Stage, Store, StoreError};

/// One run of the command line.
pub struct App {
    pub output: Output,
    pub clock: Clock,
    root: Option<PathBuf>,
    /// Labs of somebody else's that were asked for: a folder or a repository.
    labs: Option<String>,
    /// Whether whoever runs this has agreed beforehand to what such labs ask for.
    trusts_labs: bool,
    catalog: Option<Catalog>,
    runtime: Option<tokio::runtime::Runtime>,
    engine: Option<Arc<dyn Engine>>,
}

/// Whether a lab must fit on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Wanted,
    /// Whoever asks knows better.
    Ignored,
}

/// An attempt with everything that belongs to it.
pub struct Open {
    pub row: AttemptRow,
    pub lab: Lab,
    pub rubric: Rubric,
    /// Where its lab is of.
    pub catalog: Catalog,
}

impl Open {
    /// What the attempt's seed made of its lab.
    pub fn draw(&self) -> Result<Draw<'_>, Failure> {
        let variant = self.lab.variant(&self.row.variant).ok_or_else(|| {
            Failure::plain(
                Exit::Usage,
                format!(
                    "lab `{}` no longer has the variant `{}` of this attempt",
                    self.lab.name, self.row.variant
                ),
                "end it with `crashcart stop`, or use the version of the labs that it was started from",
            )
        })?;
        Ok(Draw::new(&self.lab, self.row.seed, Some(variant)))
    }

    /// The node of this name, or the lab's first one.
    pub fn node<'n>(&self, nodes: &'n Nodes, name: Option<&str>) -> Result<&'n NodeLink, Failure> {
        let name = name.unwrap_or(self.lab.nodes[0].name.as_str());
        nodes.iter().find(|(known, _)| known.as_str() == name).map(|(_, link)| link).ok_or_else(|| {
            let names: Vec<&str> = nodes.keys().map(|name| name.as_str()).collect();
            let next = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.join(", ")),
            };
            Failure::plain(Exit::Usage, format!("lab `{}` has no node `{name}`", self.lab.name), next)
        })
    }
}

impl App {
    pub fn new(output: Output, root: Option<PathBuf>, labs: Option<String>, trusts_labs: bool) -> Self {
        let clock = Clock::system();
        Self { output, clock, root, labs, trusts_labs, catalog: None, runtime: None, engine: None }
    }

    /// The labs of somebody else's that were asked for, if some were.
    pub fn labs(&self) -> Result<Option<Source>, Failure> {
        Ok(self.labs.as_deref().map(Source::parse).transpose()?)
    }

    /// The folder of labs that was asked for, if one was.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Where the labs are.
    pub fn catalog(&mut self) -> Result<Catalog, Failure> {
        if self.catalog.is_none() {
            self.catalog = Some(match self.labs()? {
                None => self.ours(None)?,
                Some(source) => self.collection(&source)?,
            });
        }
        Ok(self.catalog.clone().expect("just found"))
    }

    /// Crashcart's own labs; not taken for those of a collection in which somebody stands.
    fn ours(&self, collection: Option<&Path>) -> Result<Catalog, Failure> {
        let state = Self::state_directory();
        Ok(Catalog::find_beside(self.root.as_deref(), state.as_deref().ok(), collection)?)
    }

    /// The labs of a collection; fetched where they are not here yet.
    fn collection(&self, source: &Source) -> Result<Catalog, Failure> {
        let collection = Collection::open(source, &Self::state_directory()?, Freshness::Kept)?;
        let ours = self.ours(Some(&collection.folder)).ok();
        let catalog = Catalog::of_collection(&collection.folder, &collection.source, ours.as_ref());
        if let Some(ours) = &ours {
            catalog.is_apart_from(ours)?;
        }
        if let Some(commit) = collection.commit.as_ref().filter(|_| collection.fetched) {
            let labs = catalog.names()?.len();
            self.output
                .talk(format!("fetched commit {commit} with {labs} lab{}", if labs == 1 { "" } else { "s" }));
        }
        Ok(catalog)
    }

    /// The labs that an attempt was started from, whatever labs are asked for now: those of an older version where it was
    /// that version's and that still lies there. Where labs came with the program and another version of this one came
    /// meanwhile, says so.
    pub fn catalog_of(&mut self, store: &Store, row: &AttemptRow) -> Result<Catalog, Failure> {
        if let Some(source) = &row.collection {
            let collection = Collection::remembered(source, &Self::state_directory()?)?;
            let ours = self.ours(Some(&collection.folder)).ok();
            return Ok(Catalog::of_collection(&collection.folder, source, ours.as_ref()));
        }
        let catalog = if self.labs.is_some() { self.ours(None)? } else { self.catalog()? };
        if catalog.origin == Origin::Written || is_of(&catalog, row) {
            return Ok(catalog);
        }
        if let Some(older) = older_catalogs(store).into_iter().find(|older| is_of(older, row)) {
            return Ok(older);
        }
        self.output.talk(format!(
            "lab {} is another version than the one that attempt {} was started from; it is judged as it is now",
            row.lab, row.id
        ));
        Ok(catalog)
    }

    /// From now on the labs are those that an attempt is of.
    pub fn follow(&mut self, store: &Store, row: &AttemptRow) -> Result<Catalog, Failure> {
        let catalog = self.catalog_of(store, row)?;
        self.catalog = Some(catalog.clone());
        Ok(catalog)
    }

    /// Sees that whoever runs this agrees to what labs of somebody else's ask for: once for each commit of a repository,
    /// and for a folder until it asks for something else.
    pub fn agree(&mut self, store: &Store) -> Result<(), Failure> {
        let catalog = self.catalog()?;
        let Some(source) = catalog.collection() else { return Ok(()) };
        let images = ImageCatalog::load_all(&catalog.containers())?;
        let (labs, bad) = catalog.labs()?;
        let asks = Asks::of(&labs, &images, catalog.root())?;
        let (name, revision) = match source.rsplit_once('#') {
            Some((url, commit)) => (url, commit.to_owned()),
            None => (source, asks.digest()),
        };
        if store.has_consent(name, &revision)? {
            return Ok(());
        }
        let wrong = super::lab::with_mistakes(&catalog, &images)?;
        if let Some(lab) = bad.iter().map(ToString::to_string).chain(wrong).next() {
            return Err(Failure::plain(
                Exit::Usage,
                format!("the lab `{lab}` of `{source}` has mistakes; none of these labs is run"),
                format!("see them with `crashcart --labs {source} lab lint`, and tell their author"),
            ));
        }
        if !self.trusts_labs {
            let told = asks.told();
            if !self.output.interactive {
                let error = format!("nobody has agreed to what the labs of `{source}` may do");
                let next = "if you trust whoever wrote them, say `--trust-labs`, once";
                return Err(Failure::plain(Exit::Usage, error, next).with_detail(told));
            }
            super::output::prompt(&format!("labs of {source}\n  {}\n", told.join("\n  ")));
            if !ask("do you trust whoever wrote them?")? {
                return Err(Failure::plain(
                    Exit::Usage,
                    "these labs are not run without your consent",
                    format!("read them first: they lie in `{}`", catalog.root().display()),
                ));
            }
        }
        Ok(store.consent(name, &revision, self.clock.now_ms())?)
    }

    /// Removes what older versions of crashcart have unpacked, once no attempt is left that was started from it.
    pub fn forget_older_labs(&self, store: &Store) {
        let Some(carried) = Carried::ours() else { return };
        let mut idle = carried.others(store.directory());
        // Without a list of attempts nobody knows which are needed.
        let (false, Ok(rows)) = (idle.is_empty(), store.attempts()) else { return };
        for older in older_catalogs(store) {
            if rows.iter().any(|row| row.stage != Stage::Stopped && is_of(&older, row)) {
                idle.retain(|place| place != older.root());
            }
        }
        if let Err(error) = carried::remove(store.directory(), &idle) {
            self.output.talk(format!("could not remove the labs of an older crashcart: {error}"));
        }
    }

    /// The state directory: `CRASHCART_STATE_DIR`, else below `XDG_STATE_HOME`, else `~/.local/state`.
    pub fn state_directory() -> Result<PathBuf, Failure> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        named("CRASHCART_STATE_DIR")
            .or_else(|| named("XDG_STATE_HOME").map(|path| path.join("crashcart")))
            .or_else(|| named("HOME").map(|path| path.join(".local/state/crashcart")))
            .ok_or_else(|| {
                Failure::plain(
                    Exit::Machine,
                    "there is no place to keep attempts: neither CRASHCART_STATE_DIR nor HOME is set",
                    "name a directory in `CRASHCART_STATE_DIR`",
                )
            })
    }

    pub fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&Self::state_directory()?)?)
    }

    /// Runs something that waits.
    pub fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        let build = || {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("the system gives two threads")
        };
        self.runtime.get_or_insert_with(build).block_on(future)
    }

    /// The container engine.
    pub fn engine(&mut self) -> Result<Arc<dyn Engine>, Failure> {
        if self.engine.is_none() {
            let engine = self.block_on(crate::engine::open())?;
            self.engine = Some(engine);
        }
        Ok(self.engine.clone().expect("just connected"))
    }

    /// The engine, with the name that this state directory has in it.
    pub fn site(&mut self, store: &Store) -> Result<Site, Failure> {
        Ok(Site { engine: self.engine()?, home: store.home_label(), clock: self.clock })
    }

    /// Cleans up what killed runs left, and says so.
    pub fn recover(&mut self, site: &Site, store: &mut Store) -> Result<(), Failure> {
        for (leftover, removed) in self.block_on(recover(site, store))? {
            self.output.talk(match removed {
                Ok(()) => format!("cleaned up what a killed run left of attempt {}", leftover.attempt),
                Err(error) => format!(
                    "could not clean up what a killed run left of attempt {}: {}; `crashcart doctor --fix` tries again",
                    leftover.attempt,
                    chain(&error)
                ),
            });
        }
        Ok(())
    }

    /// The attempt that is meant: the only one that is not over, or the one named by id or lab.
    pub fn attempt(&mut self, store: &Store, named: Option<&str>) -> Result<AttemptRow, Failure> {
        let rows: Vec<AttemptRow> =
            store.attempts()?.into_iter().filter(|row| row.purpose == Purpose::Learn).collect();
        let alive: Vec<&AttemptRow> =
            rows.iter().filter(|row| matches!(row.stage, Stage::Running | Stage::Paused)).collect();
        if let Some(named) = named {
            let fits = |row: &&AttemptRow| row.id.as_str() == named || row.lab == named;
            if let Some(row) = alive.iter().copied().find(fits).or_else(|| rows.iter().find(fits)) {
                return Ok(row.clone());
            }
            let known: Vec<&str> = alive.iter().flat_map(|row| [row.id.as_str(), row.lab.as_str()]).collect();
            let next = match nearest(named, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.catalog().is_ok_and(|catalog| catalog.lab(named).is_ok()) => {
                    format!("start that lab with `crashcart start {named}`")
                }
                None => "see `crashcart status` and `crashcart history`".into(),
            };
            return Err(Failure::plain(Exit::Usage, format!("there is no attempt `{named}`"), next));
        }
        match alive[..] {
            [row] => Ok(row.clone()),
            [] => Err(match rows.iter().find(|row| row.stage == Stage::Starting) {
                Some(row) => not_ready(row),
                None => Failure::plain(
                    Exit::Usage,
                    NOTHING_RUNS,
                    "start a lab: `crashcart start LAB`; `crashcart list` shows them",
                ),
            }),
            _ => {
                let names = alive.iter().map(|row| format!("{} ({})", row.id, row.lab)).collect();
                let failure = Failure::plain(
                    Exit::Usage,
                    format!("{} attempts are running", alive.len()),
                    "name one: the lab, or the six characters of the attempt",
                );
                Err(failure.with_detail(names))
            }
        }
    }

    /// An attempt with its lab and rubric.
    pub fn open(&mut self, store: &Store, named: Option<&str>) -> Result<Open, Failure> {
        let row = self.attempt(store, named)?;
        let catalog = self.catalog_of(store, &row)?;
        let lab = catalog.lab(&row.lab)?;
        let rubric = catalog.rubric(&lab)?;
        Ok(Open { row, lab, rubric, catalog })
    }

    /// An attempt whose nodes are needed: it must not be over; nodes that stopped are started again.
    pub fn open_nodes(&mut self, site: &Site, open: &Open) -> Result<Nodes, Failure> {
        match open.row.stage {
            Stage::Running => {}
            Stage::Paused => {
                return Err(Failure::plain(
                    Exit::Usage,
                    format!("attempt `{}` is paused", open.row.id),
                    "go on with `crashcart resume`",
                ));
            }
            Stage::Starting => return Err(not_ready(&open.row)),
            Stage::Stopping | Stage::Stopped => {
                return Err(Failure::plain(
                    Exit::Usage,
                    format!("attempt `{}` is over", open.row.id),
                    format!("begin anew with `crashcart start {}`", open.row.lab),
                ));
            }
        }
        let (nodes, done) = self.block_on(bring_up(site, &open.row.id, &open.lab))?;
        for node in &done.started {
            self.output.talk(format!("node {node} was down and has been started again"));
        }
        for node in &done.thawed {
            self.output.talk(format!("node {node} was frozen and goes on"));
        }
        Ok(nodes)
    }

    /// Keeps other crashcarts off an attempt while this one changes it. The row is read anew: whoever
    /// had the attempt before may have ended it.
    pub fn hold(&self, store: &Store, row: &mut AttemptRow) -> Result<AttemptLock, Failure> {
        let attempt = row.id.clone();
        // A check takes a second or two; a grade may take a minute.
        for round in 0..1200 {
            if let Some(lock) = store.try_lock(&attempt)? {
                if let Some(now) = store.attempt(&attempt)? {
                    *row = now;
                }
                return Ok(lock);
            }
            // For a moment the lock is also held by one who only looks whether somebody is at work.
            if round == 3 {
                self.output
                    .talk(format!("another crashcart is at work on attempt {attempt}; waiting for it"));
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Err(Failure::plain(
            Exit::Machine,
            format!("another crashcart has been at work on attempt `{attempt}` for two minutes"),
            "wait for it, or end that process",
        ))
    }

    /// Shows long jobs: a bar on a terminal, lines elsewhere, nothing where only data was asked for.
    pub fn progress(&self) -> Box<dyn Progress> {
        match self.output.json || self.output.quiet {
            true => Box::new(Silent),
            false => crate::image::progress::on_stderr(),
        }
    }

    /// Makes sure that the images of these labs are there, and the volume that holds the agent. Before anything is
    /// built, sees whether each of the labs fits on the machine, unless that shall not matter.
    pub fn images(
        &mut self,
        store: &Store,
        labs: &[&Lab],
        fit: Fit,
    ) -> Result<(BTreeMap<String, Image>, String), Failure> {
        self.agree(store)?;
        let engine = self.engine()?;
        let catalog = ImageCatalog::load_all(&self.catalog()?.containers())?;
        let wanted = fit::images(labs);
        let shown = self.progress();
        let state = store.directory().to_owned();
        let plan = self.block_on(catalog.plan(&*engine, &wanted))?;
        let about = self.block_on(engine.about())?;
        let needs = self.block_on(fit::needs(&*engine, &catalog, &plan, labs))?;
        let lacks = fit::lacks(&needs, &about);
        if fit == Fit::Wanted && !lacks.is_empty() {
            let names: Vec<&str> = labs.iter().map(|lab| lab.name.as_str()).collect();
            return Err(NoFit { labs: names.join("`, `"), lacks }.into());
        }
        let ahead: Vec<Ahead> = needs.making.iter().map(Making::ahead).collect();
        if !ahead.is_empty() {
            let long = Left::About { s: pace::expected_s(&state, &ahead).unwrap_or(0) }.to_string();
            let long = if long.is_empty() { long } else { format!(" ({long})") };
            self.output.talk(format!("building what nodes are made of; this happens once{long}"));
        }
        let progress = Paced::new(&*shown, &state, &ahead);
        self.block_on(catalog.build(&*engine, &state, &plan, &progress))?;
        let images = wanted
            .iter()
            .map(|name| Ok(((*name).to_owned(), catalog.get(name)?.clone())))
            .collect::<Result<BTreeMap<_, _>, ImageError>>()?;
        let any = images.values().next().expect("a lab has a node").tag();
        let endpoint = about.endpoint;
        let volume = self.block_on(crate::image::agent::ensure(
            &*engine,
            &state,
            &store.home_label(),
            &endpoint,
            &any,
            &progress,
        ))?;
        let home = store.home_label();
        let place = Place {
            engine: &*engine,
            state: &state,
            home: &home,
            endpoint: &endpoint,
            agent_volume: &volume,
        };
        for (image, shape) in fit::guests(labs) {
            self.block_on(place.ensure(&images[image], shape, &progress))?;
        }
        progress.done();
        Ok((images, volume))
    }
}

/// Whether an attempt was started from these labs.
fn is_of(catalog: &Catalog, row: &AttemptRow) -> bool {
    let same = || {
        let lab = catalog.lab(&row.lab).ok()?;
        Some(lab.digest == row.lab_digest && catalog.rubric(&lab).ok()?.digest() == row.rubric_digest)
    };
    same().unwrap_or(false)
}

/// What older versions of crashcart have unpacked.
fn older_catalogs(store: &Store) -> Vec<Catalog> {
    let places = Carried::ours().map(|carried| carried.others(store.directory())).unwrap_or_default();
    places.iter().filter_map(|place| Unfolded::take(place).ok()?).map(Catalog::of).collect()
}

/// What is said where a command needs an attempt and none runs.
const NOTHING_RUNS: &str = "no attempt is running";

fn not_ready(row: &AttemptRow) -> Failure {
    Failure::plain(
        Exit::Usage,
        format!("attempt `{}` is not ready: its start was interrupted or is under way", row.id),
        format!("finish it with `crashcart start {}`", row.lab),
    )
}

fails_with! {
    CatalogError => |error: &CatalogError| match error {
        CatalogError::Unfold(_) => Exit::Machine,
        _ => Exit::Usage,
    },
    LabError => |_: &LabError| Exit::Usage,
    DocumentError => |_: &DocumentError| Exit::Usage,
    StoreError => |_: &StoreError| Exit::Machine,
    EngineError => |_: &EngineError| Exit::Machine,
    NoAccelerators => |_: &NoAccelerators| Exit::Machine,
    NodeError => |_: &NodeError| Exit::Machine,
    BringUpError => |_: &BringUpError| Exit::Machine,
    SubmitError => |error: &SubmitError| match error {
        SubmitError::NoEvidence { .. } => Exit::Usage,
        _ => Exit::Machine,
    },
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match error {
            StartError::Script { .. } | StartError::Unreadable { .. } | StartError::Console { .. } => {
                Exit::Usage
            }
            StartError::Store(StoreError::UnderWay { .. }) => Exit::Usage,
            _ => Exit::Machine,
        };
        let detail = match &error {
            StartError::Script { said, .. } => said.clone(),
            _ => Vec::new(),
        };
        Self::new(exit, &error).with_detail(detail)
    }
}

impl From<NoFit> for Failure {
    fn from(error: NoFit) -> Self {
        let lacks = error.lacks.iter().map(ToString::to_string).collect();
        Self::new(Exit::Machine, &error).with_detail(lacks)
    }
}

impl From<StopError> for Failure {
    fn from(error: StopError) -> Self {
        let detail = match &error {
            StopError::Left { errors, .. } => errors.iter().map(|error| chain(error)).collect(),
            _ => Vec::new(),
        };
        Self::new(Exit::Machine, &error).with_detail(detail)
    }
}

impl From<CollectionError> for Failure {
    fn from(error: CollectionError) -> Self {
        let exit = match error {
            CollectionError::Unreadable { .. }
            | CollectionError::Unwritable { .. }
            | CollectionError::NoGit { .. }
            | CollectionError::NotFetched { .. } => Exit::Machine,
            _ => Exit::Usage,
        };
        let detail = match &error {
            CollectionError::NotFetched { said, .. } => said.clone(),
            _ => Vec::new(),
        };
        Self::new(exit, &error).with_detail(detail)
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        let exit = match error {
            PackError::Image(error) => return error.into(),
            PackError::Engine(error) => return error.into(),
            PackError::Unreadable { .. }
            | PackError::Unwritable { .. }
            | PackError::NoRoom { .. }
            | PackError::NotTaken { .. } => Exit::Machine,
            _ => Exit::Usage,
        };
        Self::new(exit, &error)
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let detail = match &error {
            ImageError::NoSnapshot { log, .. }
            | ImageError::BaseFailed { log, .. }
            | ImageError::Engine(EngineError::BuildFailed { log, .. }) => log.clone(),
            _ => Vec::new(),
        };
        let exit = match &error {
            ImageError::Malformed { .. }
            | ImageError::OtherFormat { .. }
            | ImageError::NoSuchImage { .. }
            | ImageError::NameTaken { .. }
            | ImageError::Circle { .. }
            | ImageError::Capability { .. }
            | ImageError::LinkOut { .. }
            | ImageError::OddFile { .. }
            | ImageError::UnknownBase { .. } => Exit::Usage,
            _ => Exit::Machine,
        };
        Self::new(exit, &error).with_detail(detail)
    }
}

/// Asks a yes-or-no question on the terminal; anything but a yes is a no.
pub fn ask(question: &str) -> Result<bool, Failure> {
    super::output::prompt(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| {
        Failure::plain(Exit::Machine, format!("could not read an answer: {error}"), "say `--yes`")
    })?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
