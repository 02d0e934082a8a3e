//! `agent shell`: a clean login environment, then the node's own shell. The
//! engine gives it the terminal and passes on changes of its size. In a vm
//! node the shell is the guest's, and this its far end (`vm/terminal.rs`).

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::program::SEARCH_PATH;

/// Variables of the learner's terminal that a shell keeps.
pub const KEPT: [&str; 3] = ["TERM", "COLORTERM", "NO_COLOR"];

/// Becomes the shell; returns only when there is none to become.
pub fn main() -> u8 {
    become_shell(&kept())
}

/// What the engine was told of the learner's terminal.
pub fn kept() -> Vec<(String, String)> {
    let of =
        |name: &str| Some((name.to_owned(), std::env::var(name).ok().filter(|value| !value.is_empty())?));
    KEPT.into_iter().filter_map(of).collect()
}

/// Becomes a login shell of root on the terminal that this process has.
pub fn become_shell(variables: &[(String, String)]) -> u8 {
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let home = if Path::new("/root").is_dir() { "/root" } else { "/" };
    if let Err(error) = std::env::set_current_dir(home) {
        eprintln!("crashcart-agent: could not enter {home}: {error}");
    }
    let mut command = Command::new(shell);
    command
        .arg("-l")
        .env_clear()
        .env("HOME", "/root")
        .env("USER", "root")
        .env("LOGNAME", "root")
        .env("SHELL", shell)
        .env("PATH", SEARCH_PATH)
        .env("TERM", "xterm")
        .env("LANG", "C.UTF-8")
        // What /etc/profile sets wins; this is for nodes that have none.
        .env("PS1", "\\u@\\h:\\w\\$ ");
    for (name, value) in variables.iter().filter(|(name, _)| KEPT.contains(&name.as_str())) {
        command.env(name, value);
    }
    let error = command.exec();
    eprintln!("crashcart-agent: could not start {shell}: {error}");
    127
}
