//! What a shell is offered for a word that is being typed: labs, attempts, nodes, roles, images. The shell asks this
//! program (see `completions.rs`), which reads labs and attempts, starts nothing and fetches nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::app::App;
use super::output::Output;
use crate::lab::Catalog;
use crate::store::{AttemptRow, Purpose, Stage, Store};

/// The variable by which a shell asks; its value is the shell's name.
pub const VARIABLE: &str = "CRASHCART_COMPLETE";

/// An old attempt beyond so many is looked up, not completed.
const PAST: usize = 20;

/// Names of labs.
pub fn labs() -> ArgValueCompleter {
    completer(|| {
        let (labs, _) = catalog()?.labs().ok()?;
        Some(labs.into_iter().map(|lab| (lab.name.to_string(), lab.title)).collect())
    })
}

/// Attempts that are not over, by their own names and by their labs'.
pub fn running() -> ArgValueCompleter {
    completer(|| Some(named(attempts()?.into_iter().filter(|row| row.stage != Stage::Stopped))))
}

/// Attempts, those that are over among them.
pub fn attempted() -> ArgValueCompleter {
    completer(|| Some(named(attempts()?.into_iter().take(PAST))))
}

/// Nodes of attempts that are not over.
pub fn nodes() -> ArgValueCompleter {
    completer(|| {
        let catalog = catalog()?;
        let rows = attempts()?.into_iter().filter(|row| row.stage != Stage::Stopped);
        let labs = rows.filter_map(|row| catalog.lab(&row.lab).ok());
        let nodes =
            labs.flat_map(|lab| lab.nodes.into_iter().map(move |node| (node.name, lab.name.to_string())));
        Some(nodes.map(|(node, lab)| (node.to_string(), format!("of {lab}"))).collect())
    })
}

/// Roles.
pub fn roles() -> ArgValueCompleter {
    completer(|| {
        let roles = catalog()?.roles().ok()?;
        Some(roles.into_iter().map(|role| (role.id.to_string(), role.title)).collect())
    })
}

/// Images of nodes.
pub fn images() -> ArgValueCompleter {
    completer(|| {
        let (labs, _) = catalog()?.labs().ok()?;
        let images: BTreeSet<String> =
            labs.into_iter().flat_map(|lab| lab.nodes).map(|node| node.image.to_string()).collect();
        Some(images.into_iter().map(|image| (image, String::new())).collect())
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
            .map(|(word, what)| CompletionCandidate::new(word).help((!what.is_empty()).then(|| what.into())))
            .collect::<Vec<_>>()
    })
}

fn catalog() -> Option<Catalog> {
    let root = std::env::var_os("CRASHCART_ROOT").filter(|root| !root.is_empty());
    App::new(Output::detect(false, true), root.map(Into::into), None, false).catalog().ok()
}

/// A learner's own attempts, newest first.
fn attempts() -> Option<Vec<AttemptRow>> {
    let directory = App::state_directory().ok()?;
    // Nobody who only looks makes a place to keep attempts.
    if !directory.join(crate::store::FILE).exists() {
        return None;
    }
    let mut rows = Store::open(&directory).ok()?.attempts().ok()?;
    rows.retain(|row| row.purpose == Purpose::Learn);
    Some(rows)
}

fn named(rows: impl Iterator<Item = AttemptRow>) -> Vec<(String, String)> {
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
