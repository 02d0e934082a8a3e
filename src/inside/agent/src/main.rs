//! crashcart-agent: the one program of crashcart that runs inside a node.
//!
//! A static binary, delivered read-only at `/.crashcart/agent`. By its first
//! word, or by the name it is called under, it is:
//!
//! | called as | file | what it is |
//! |---|---|---|
//! | `agent init` | `init.rs` | PID 1: poll loop, requests, one worker per request |
//! | `agent call` | `relay.rs` | carries one request of the host to PID 1 |
//! | `agent shell` | `shell.rs` | a clean login shell |
//! | `agent vm` | `vm/` | PID 1 of a vm node: starts the guest and joins the host to it |
//! | `agent vm-template` | `vm/template.rs` | makes the snapshot that guests are restored from |
//! | `agent console` | `vm/terminal.rs` | the guest's serial console |
//! | `agent guest` | `guest/` | the agent in the guest, under its systemd |
//! | `systemctl`, `journalctl` | `systemctl/`, `journalctl.rs` | the service manager's tools |
//! | `reboot`, `poweroff`, `shutdown` | `power.rs` | say how a node is restarted instead |
//!
//! and below them
//!
//! - `manager/`: units, jobs, processes of services, the log (read its `mod.rs`)
//! - `worker.rs`: what a worker does with one request
//! - `hardware/`: the simulated GPUs, whose owner PID 1 is
//! - `collect/`: every question of `crashcart-facts`, answered
//! - `program.rs`: running one program of the node under watch
//! - `rooted.rs`: reading files of a node that may be hostile
//! - `processes.rs`, `accounts.rs`: /proc, and /etc/passwd with /etc/group
//! - `local.rs`: what systemctl and journalctl say to PID 1
//! - `frames.rs`: the language between `vm/` and `guest/`
//! - `kernel.rs`: fork, signalfd, peer credentials, sealed memory; the only unsafe code
//!
//! It knows no lab, no rubric and no engine. The types that it speaks are
//! `crashcart-facts`; expected values never come in here.

mod accounts;
mod collect;
mod frames;
mod guest;
mod hardware;
mod init;
mod journalctl;
mod kernel;
mod local;
mod manager;
mod power;
mod processes;
mod program;
mod relay;
mod rooted;
mod shell;
mod systemctl;
mod vm;
mod worker;

use std::process::ExitCode;

const USAGE: &str = "usage: agent init | call | shell | console | vm | vm-template | guest | systemctl … | journalctl … | --version";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let called = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let rest = words.get(1..).unwrap_or_default();
    let status = match dispatch(called, rest) {
        Some(status) => status,
        None => match rest.split_first() {
            Some((word, rest)) => dispatch(word, rest).unwrap_or_else(usage),
            None => usage(),
        },
    };
    ExitCode::from(status)
}

/// Runs the part that a name stands for; `None` when it stands for none.
fn dispatch(name: &str, words: &[String]) -> Option<u8> {
    Some(match name {
        "init" => init::main(),
        "call" => relay::main(),
        "shell" if vm::terminal::is_vm_node() => vm::terminal::shell(),
        "shell" => shell::main(),
        "vm" => vm::main(),
        "vm-template" => vm::template::main(),
        "console" => vm::terminal::console(),
        "guest" => guest::main(),
        "systemctl" => systemctl::main(words),
        "journalctl" => journalctl::main(words),
        "reboot" | "poweroff" | "halt" | "shutdown" => power::main(name),
        "--version" => {
            println!("crashcart-agent {}", env!("CARGO_PKG_VERSION"));
            0
        }
        _ => return None,
    })
}

fn usage() -> u8 {
    eprintln!("{USAGE}");
    2
}
