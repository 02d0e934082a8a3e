//! A second pane of tmux, where we run inside of it.

use std::ffi::OsString;
use std::process::Command;

use super::exit::Exit;
use super::message::Failure;

/// What tells a crashcart in another pane where attempts, labs and engine are; tmux gives it the environment that
/// its server was started with.
const CARRIED: &[&str] = &[
    "CRASHCART_STATE_DIR",
    "CRASHCART_ROOT",
    "CRASHCART_ENGINE",
    "CRASHCART_RECORD",
    "XDG_STATE_HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "NO_COLOR",
];
/// Least columns of a window whose panes stand side by side.
const SIDE_BY_SIDE: u16 = 160;

/// Which pane the next key goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Here,
    There,
}

/// This terminal is a pane of tmux.
pub fn inside() -> bool {
    std::env::var_os("TMUX").is_some_and(|value| !value.is_empty())
}

/// Runs a crashcart with these arguments in a new pane.
pub fn beside(arguments: &[OsString], focus: Focus) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| columns);
    let mut command = Command::new("tmux");
    command.arg("split-window");
    command.arg(if columns >= SIDE_BY_SIDE { "-h" } else { "-v" });
    if focus == Focus::Here {
        command.arg("-d");
    }
    if let Ok(here) = std::env::current_dir() {
        command.arg("-c").arg(here);
    }
    for name in CARRIED {
        if let Some(value) = std::env::var_os(name) {
            let mut pair = OsString::from(format!("{name}="));
            pair.push(value);
            command.arg("-e").arg(pair);
        }
    }
    // A pane closes with its program: an error must be read first.
    let script = r#""$@" || { printf '\n-- press Enter to close this pane --'; read -r _; }"#;
    command.args(["sh", "-c", script, "sh"]).arg(program).args(arguments);
    let output = command.output().map_err(|error| failed(&error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn failed(why: &str) -> Failure {
    Failure::plain(
        Exit::Machine,
        format!("tmux opened no pane: {why}"),
        "open another terminal by hand and run the command there",
    )
}
