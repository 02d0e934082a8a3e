//! `crashcart completions`.

use super::app::App;
use super::exit::Exit;
use super::message::Failure;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell; put the output where it looks, e.g. ~/.local/share/bash-completion/completions/crashcart
    shell: clap_complete::Shell,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "crashcart", &mut script);
    let script = String::from_utf8_lossy(&script);
    let data = serde_json::json!({ "shell": args.shell.to_string(), "script": script });
    app.output.data(&data, |_| script.clone().into_owned());
    Ok(Exit::Done)
}
