//! `crashcart site build|serve`.

use std::path::PathBuf;

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use crate::publish::folder::{self, FolderError};
use crate::publish::mine::Mine;
use crate::publish::serve::{ServeError, Server, Trouble, remembering};
use crate::publish::site::{Pages, SiteError, build};
use crate::store::{self, Store};

/// Labs, roles and guides as pages to read in a browser
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the site into a folder: pages that need no server and no network
    ///
    /// The folder is replaced as a whole, and only where it is empty or holds a site that crashcart wrote. A
    /// link that leads nowhere is an error.
    Build(BuildArgs),
    /// Show the site on this machine, with your own attempts, until ctrl-C
    ///
    /// Pages are made anew once a file has changed: write, then reload. Nobody but this machine can see it.
    Serve(ServeArgs),
}

/// Write the site into a folder
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// Where to
    #[arg(long, value_name = "FOLDER", default_value = "crashcart-site")]
    out: PathBuf,
    /// Add pages about your own attempts: for yourself, or to hand in
    #[arg(long)]
    mine: bool,
}

/// Show the site on this machine
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Where it listens; 0 takes any port that is free
    #[arg(long, value_name = "NUMBER", default_value_t = 8077)]
    port: u16,
}

/// What was written.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Built {
    folder: PathBuf,
    pages: usize,
    bytes: usize,
    largest: String,
    largest_bytes: usize,
}

pub fn run(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Build(args) => run_build(app, args),
        Command::Serve(args) => serve(app, args),
    }
}

fn run_build(app: &mut App, args: &BuildArgs) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let mine = match args.mine {
        true => Some(Mine::read(&app.store()?, jiff::tz::TimeZone::system(), app.clock.now_ms())?),
        false => None,
    };
    let pages = build(&catalog, mine.as_ref())?;
    let folder = folder::write(&pages, &args.out)?;
    let (largest, text) = pages.iter().max_by_key(|(_, text)| text.len()).unwrap_or_default();
    let built = Built {
        folder,
        pages: pages.len(),
        bytes: pages.size(),
        largest: largest.to_owned(),
        largest_bytes: text.len(),
    };
    app.output.data(&built, |_| format!("{} pages in {}\n", built.pages, built.folder.display()));
    app.output.talk(format!("next:  open {}/index.html, or crashcart site serve", built.folder.display()));
    Ok(Exit::Done)
}

fn serve(app: &mut App, args: &ServeArgs) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let state = App::state_directory()?;
    let (root, clock) = (catalog.root().to_owned(), app.clock);
    let sources = ["labs", "graders", "site", "README.md", "src/README.md", "LICENSE"];
    let records = [store::FILE.to_owned(), format!("{}-wal", store::FILE)];
    let watched =
        sources.iter().map(|it| root.join(it)).chain(records.iter().map(|it| state.join(it))).collect();
    let today = move || super::path::day(clock.now_ms());
    // What would be wrong with every page is said here and now.
    let make = move || -> Result<Pages, Failure> {
        let store = Store::open(&state)?;
        // Nobody but this machine sees these.
        let mine = Mine::read(&store, jiff::tz::TimeZone::system(), clock.now_ms())?
            .with_solutions(&store, &catalog);
        Ok(build(&catalog, Some(&mine))?)
    };
    make()?;
    let server = app.block_on(Server::bind(args.port))?;
    let address = server.address();
    app.output.data(&serde_json::json!({ "address": address }), |_| address.clone());
    app.output.talk("ctrl-C ends it");
    let maker = remembering(watched, today, move || {
        make().map_err(|failure| Trouble {
            lines: failure.to_string().lines().map(str::to_owned).collect(),
            next: "Mend it and reload this page.".into(),
        })
    });
    app.block_on(async {
        tokio::select! {
            ended = server.run(maker) => ended.map_err(Failure::from),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(|source| {
                Failure::from(ServeError::Listening { source })
            }),
        }
    })?;
    Ok(Exit::Done)
}

impl From<SiteError> for Failure {
    fn from(error: SiteError) -> Self {
        let exit = match error {
            SiteError::Template { .. } | SiteError::DeadLink { .. } => Exit::Bug,
            _ => Exit::Usage,
        };
        let detail = match &error {
            SiteError::Links { bad } => bad.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        Self::new(exit, &error).with_detail(detail)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let exit = match error {
            FolderError::System { .. } => Exit::Machine,
            _ => Exit::Usage,
        };
        Self::new(exit, &error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(Exit::Machine, &error)
    }
}
