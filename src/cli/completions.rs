//! `crashcart completions`.

use clap_complete::env::Shells;

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;

/// Print completions for a shell
///
/// The shell asks crashcart for what fits: commands and options, and labs, attempts, nodes and roles by their names.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell; put the output where it looks, e.g. ~/.local/share/bash-completion/completions/crashcart
    shell: clap_complete::Shell,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let shell = args.shell.to_string();
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).expect("each shell that can be named has one");
    completer
        .write_registration(complete::VARIABLE, "crashcart", "crashcart", "crashcart", &mut script)
        .expect("memory takes all that is written");
    let script = String::from_utf8_lossy(&script);
    let data = serde_json::json!({ "shell": shell, "script": script });
    app.output.data(&data, |_| script.clone().into_owned());
    Ok(Exit::Done)
}
