//! `crashcart manual`.

use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::app::App;
use super::exit::Exit;
use super::message::Failure;

/// Print the manual page of a command, or write all of them
///
/// Pages are what `--help` says, for `man`: `crashcart manual lab prove | man -l -`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command, its words one after the other; none for the page of crashcart itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder, which `man` finds as `man1` below a folder of its path
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    out: Option<PathBuf>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    if let Some(folder) = &args.out {
        let files = write(&pages(), folder)?;
        app.output.data(&files, |_| files.iter().map(|path| format!("{}\n", path.display())).collect());
        return Ok(Exit::Done);
    }
    let name = std::iter::once("crashcart").chain(args.command.iter().map(String::as_str));
    let name = name.collect::<Vec<_>>().join("-");
    let pages = pages();
    let Some((_, text)) = pages.iter().find(|(known, _)| *known == name) else {
        let error = format!("there is no command `{}`", args.command.join(" "));
        return Err(Failure::plain(Exit::Usage, error, "see `crashcart --help`"));
    };
    app.output.data(&serde_json::json!({ "name": name, "page": text }), |_| text.clone());
    Ok(Exit::Done)
}

/// All pages by name (`crashcart-lab-prove`), in roff.
pub fn pages() -> Vec<(String, String)> {
    fn add(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
        let mut text = Vec::new();
        let man = Man::new(command.clone()).title(name.to_uppercase()).section("1").manual("crashcart");
        man.source(concat!("crashcart ", env!("CARGO_PKG_VERSION")))
            .render(&mut text)
            .expect("a Vec takes all that is written to it");
        pages.push((name.to_owned(), String::from_utf8_lossy(&text).into_owned()));
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            add(inner, &format!("{name}-{}", inner.get_name()), pages);
        }
    }
    let mut command = super::command();
    // Gives each its full name, and the options that all have.
    command.build();
    let mut pages = Vec::new();
    add(&command, "crashcart", &mut pages);
    pages
}

fn write(pages: &[(String, String)], folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut written = Vec::new();
    for (name, text) in pages {
        let path = folder.join(format!("{name}.1"));
        let done = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        done.map_err(|error| {
            let what = format!("could not write `{}`: {error}", path.display());
            Failure::plain(Exit::Machine, what, "name another folder")
        })?;
        written.push(path);
    }
    Ok(written)
}
