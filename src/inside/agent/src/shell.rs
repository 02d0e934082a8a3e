//! `agent shell`: a clean login environment, then the node's own shell. The
//! engine gives it the terminal and passes on changes of its size.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::program::SEARCH_PATH;

/// Becomes the shell; returns only when there is none to become.
pub fn main() -> u8 {
    let term = std::env::var("TERM").ok().filter(|term| !term.is_empty()).unwrap_or_else(|| "xterm".into());
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
        .env("TERM", term)
        .env("LANG", "C.UTF-8")
        // What /etc/profile sets wins; this is for nodes that have none.
        .env("PS1", "\\u@\\h:\\w\\$ ");
    for colour in ["COLORTERM", "NO_COLOR"] {
        if let Ok(value) = std::env::var(colour) {
            command.env(colour, value);
        }
    }
    let error = command.exec();
    eprintln!("crashcart-agent: could not start {shell}: {error}");
    127
}
