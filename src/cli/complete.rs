//! What a shell is offered for a word that is being typed: labs, attempts, nodes, roles, images. The shell asks this
//! program (see `completions.rs`), which reads labs and attempts, starts nothing and fetches nothing.

use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::app::App;
use super::output::Output;
use crate::image::ImageCatalog;
use crate::store::{self, AttemptRow, Purpose, Store};

/// The variable by which a shell asks; its value is the shell's name.
pub const VARIABLE: &str = "CRASHCART_COMPLETE";

/// An old attempt beyond so many is looked up, not completed.
const PAST: usize = 20;

/// Names of labs.
pub fn labs() -> ArgValueCompleter {
    completer(|| {
        let (labs, _) = app().catalog().ok()?.labs().ok()?;
        Some(labs.into_iter().map(|lab| (lab.name.to_string(), lab.title)).collect())
    })
}

/// Attempts that are not over, by their own names and by their labs'.
pub fn running() -> ArgValueCompleter {
    completer(|| Some(named(store()?.unfinished().ok()?)))
}

/// Attempts, those that are over among them.
pub fn attempted() -> ArgValueCompleter {
    completer(|| {
        let mine = store()?.attempts().ok()?.into_iter().filter(|row| row.purpose == Purpose::Learn);
        Some(named(mine.take(PAST)))
    })
}

/// Nodes of attempts that are not over.
pub fn nodes() -> ArgValueCompleter {
    completer(|| {
        let (mut app, store) = (app(), store()?);
        let mut nodes = Vec::new();
        for row in store.unfinished().ok()? {
            if let Ok(lab) = app.catalog_of(&store, &row).and_then(|catalog| Ok(catalog.lab(&row.lab)?)) {
                nodes.extend(
                    lab.nodes.into_iter().map(|node| (node.name.to_string(), format!("of {}", lab.name))),
                );
            }
        }
        Some(nodes)
    })
}

/// Roles.
pub fn roles() -> ArgValueCompleter {
    completer(|| {
        let roles = app().catalog().ok()?.roles().ok()?;
        Some(roles.into_iter().map(|role| (role.id.to_string(), role.title)).collect())
    })
}

/// Images of nodes.
pub fn images() -> ArgValueCompleter {
    completer(|| {
        let images = ImageCatalog::load_all(&app().catalog().ok()?.containers()).ok()?;
        Some(images.iter().map(|image| (image.name.clone(), image.summary.clone())).collect())
    })
}

/// Offers those of the pairs of a word and what it is that begin as what is typed. Where something could not be read
/// there is nothing to offer: whoever runs the command is told why.
fn completer(all: impl Fn() -> Option<Vec<(String, String)>> + Send + Sync + 'static) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        all()
            .unwrap_or_default()
            .into_iter()
            .filter(|(word, _)| word.starts_with(&*typed))
            .map(|(word, what)| CompletionCandidate::new(word).help(Some(what.into())))
            .collect::<Vec<_>>()
    })
}

fn app() -> App {
    let root = std::env::var_os("CRASHCART_ROOT").filter(|root| !root.is_empty());
    App::new(Output::detect(false, true), root.map(Into::into), None, false)
}

/// What is kept of attempts, where something is: nobody who only looks makes a place for it.
fn store() -> Option<Store> {
    let directory = App::state_directory().ok()?;
    directory.join(store::FILE).exists().then(|| Store::open(&directory).ok())?
}

fn named(rows: impl IntoIterator<Item = AttemptRow>) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for row in rows {
        let lab = (row.lab.to_string(), "its newest attempt".to_owned());
        if !words.contains(&lab) {
            words.push(lab);
        }
        words.push((row.id.to_string(), format!("of {}", row.lab)));
    }
    words
}
