//! `systemctl`: the tool of this node's service manager, with systemctl's own
//! words, columns and exit codes for the subset that nodes have.
//!
//! - `jobs.rs`: start, stop, restart, reload, kill
//! - `status.rs`: status
//! - `show.rs`: show, cat, is-active, is-failed, is-enabled, is-system-running
//! - `lists.rs`: list-units, list-unit-files
//! - `install.rs`: enable, disable, mask, unmask, edit
//!
//! Talks to PID 1 in the language of `local.rs`; reads and links unit files
//! itself, with the rights of whoever runs it.

mod install;
mod jobs;
mod lists;
mod show;
mod status;

use std::collections::VecDeque;

use crate::local::{Local, LocalReply, UnitView};
use crate::manager::unit_file;
use crate::manager::words;

const HELP: &str = "systemctl [OPTIONS…] COMMAND …

The service manager of this crashcart node. It reads systemd unit files and
does with them what systemd does, for services and targets.

Units:      list-units [PATTERN…]  status [UNIT…]  show [UNIT…]  cat UNIT…
            is-active UNIT…  is-failed UNIT…  is-system-running
            start UNIT…  stop UNIT…  restart UNIT…  try-restart UNIT…
            reload UNIT…  reload-or-restart UNIT…  kill UNIT…  reset-failed [UNIT…]
Unit files: list-unit-files [PATTERN…]  is-enabled UNIT…
            enable [--now] UNIT…  disable [--now] UNIT…  reenable UNIT…
            mask [--now] UNIT…  unmask UNIT…  edit UNIT…  revert UNIT…
Manager:    daemon-reload  get-default

  -q --quiet  -a --all  --failed  --state=STATE  -t --type=TYPE  -p --property=NAME
  --value  --now  --no-block  -n --lines=N  -s --signal=SIGNAL  --no-legend  --plain  --runtime
";

/// What was asked for on the command line.
#[derive(Default)]
pub struct Options {
    pub quiet: bool,
    pub all: bool,
    pub now: bool,
    pub no_block: bool,
    pub no_legend: bool,
    pub plain: bool,
    pub runtime: bool,
    pub force: bool,
    pub value: bool,
    pub states: Vec<String>,
    pub types: Vec<String>,
    pub properties: Vec<String>,
    pub lines: Option<usize>,
    pub signal: Option<String>,
    pub whom: Option<String>,
}

/// Exit codes, after systemctl(1).
pub mod exit {
    pub const FAILURE: u8 = 1;
    /// A unit is not running.
    pub const NOT_ACTIVE: u8 = 3;
    /// There is no such unit.
    pub const NO_SUCH_UNIT: u8 = 4;
    pub const NOT_INSTALLED: u8 = 5;
}

pub fn main(words: &[String]) -> u8 {
    match parse(words) {
        Ok(Parsed::Do(command, names, options)) => run(&command, &names, &options),
        Ok(Parsed::Printed) => 0,
        Err(why) => {
            eprintln!("{why}");
            exit::FAILURE
        }
    }
}

enum Parsed {
    Do(String, Vec<String>, Options),
    Printed,
}

fn parse(words: &[String]) -> Result<Parsed, String> {
    let mut options = Options::default();
    let mut plain: Vec<String> = Vec::new();
    let mut queue: VecDeque<String> = words.iter().cloned().collect();
    let mut failed = false;
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    while let Some(word) = queue.pop_front() {
        if word == "--" {
            plain.extend(queue.drain(..));
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, mut value) = match long.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (long.to_owned(), None),
            };
            let mut needs = || {
                value
                    .take()
                    .or_else(|| queue.pop_front())
                    .ok_or(format!("systemctl: option '--{name}' requires an argument"))
            };
            match name.as_str() {
                "quiet" => options.quiet = true,
                "all" => options.all = true,
                "failed" => failed = true,
                "now" => options.now = true,
                "no-block" => options.no_block = true,
                "no-legend" => options.no_legend = true,
                "legend" => options.no_legend = needs()? == "false",
                "plain" => options.plain = true,
                "runtime" => options.runtime = true,
                "force" => options.force = true,
                "value" => options.value = true,
                "state" => options.states.extend(list(&needs()?)),
                "type" => options.types.extend(list(&needs()?)),
                "property" => options.properties.extend(list(&needs()?)),
                "lines" => options.lines = needs()?.parse().ok(),
                "signal" => options.signal = Some(needs()?),
                "kill-whom" | "kill-who" => options.whom = Some(needs()?),
                "output" | "job-mode" | "root" | "preset-mode" | "timestamp" | "what" => {
                    needs()?;
                }
                "no-pager" | "full" | "system" | "no-ask-password" | "no-reload" | "no-wall"
                | "show-types" | "recursive" | "wait" | "no-warn" | "reverse" | "global" => {}
                "user" => {
                    return Err(
                        "Failed to connect to user scope bus: this node has a system manager only".into()
                    );
                }
                "help" => {
                    print!("{HELP}");
                    return Ok(Parsed::Printed);
                }
                "version" => {
                    version("systemctl");
                    return Ok(Parsed::Printed);
                }
                _ => return Err(format!("systemctl: unrecognized option '--{name}'")),
            }
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            let mut rest = letters.chars();
            while let Some(letter) = rest.next() {
                let attached = rest.as_str().trim_start_matches('=').to_owned();
                let mut value = || {
                    if attached.is_empty() { queue.pop_front() } else { Some(attached.clone()) }
                        .ok_or(format!("systemctl: option requires an argument -- '{letter}'"))
                };
                match letter {
                    'q' => options.quiet = true,
                    'a' => options.all = true,
                    'f' => options.force = true,
                    'l' | 'r' | 'i' => {}
                    't' => options.types.extend(list(&value()?)),
                    'p' | 'P' => {
                        options.value |= letter == 'P';
                        options.properties.extend(list(&value()?));
                    }
                    'n' => options.lines = value()?.parse().ok(),
                    's' => options.signal = Some(value()?),
                    'o' => {
                        value()?;
                    }
                    'h' => {
                        print!("{HELP}");
                        return Ok(Parsed::Printed);
                    }
                    other => return Err(format!("systemctl: invalid option -- '{other}'")),
                }
                if matches!(letter, 't' | 'p' | 'P' | 'n' | 's' | 'o') {
                    break;
                }
            }
        } else {
            plain.push(word);
        }
    }
    if failed {
        options.states.push("failed".into());
    }
    let mut plain = plain.into_iter();
    let command = plain.next().unwrap_or_else(|| "list-units".into());
    Ok(Parsed::Do(command, plain.collect(), options))
}

fn run(command: &str, names: &[String], options: &Options) -> u8 {
    use crate::local::Verb;
    let needs_names = !matches!(
        command,
        "list-units"
            | "list-unit-files"
            | "status"
            | "show"
            | "daemon-reload"
            | "daemon-reexec"
            | "reset-failed"
            | "is-system-running"
            | "get-default"
            | "list-jobs"
            | "list-timers"
            | "list-sockets"
            | "help"
            | "reboot"
            | "poweroff"
            | "halt"
            | "is-failed"
    );
    if needs_names && names.is_empty() {
        eprintln!("Too few arguments.");
        return exit::FAILURE;
    }
    let done = match command {
        "start" => jobs::run(Verb::Start, names, options),
        "stop" => jobs::run(Verb::Stop, names, options),
        "restart" => jobs::run(Verb::Restart, names, options),
        "try-restart" | "condrestart" => jobs::run(Verb::TryRestart, names, options),
        "reload" => jobs::run(Verb::Reload, names, options),
        "reload-or-restart" | "force-reload" => jobs::run(Verb::ReloadOrRestart, names, options),
        "try-reload-or-restart" | "reload-or-try-restart" => jobs::try_reload_or_restart(names, options),
        "kill" => jobs::kill(names, options),
        "reset-failed" => jobs::reset_failed(names),
        "daemon-reload" | "daemon-reexec" => jobs::reload_files(),
        "status" => status::status(names, options),
        "show" => show::show(names, options),
        "cat" => show::cat(names),
        "is-active" => show::is_active(names, options),
        "is-failed" => show::is_failed(names, options),
        "is-enabled" => show::is_enabled(names, options),
        "is-system-running" => show::is_system_running(options),
        "list-units" => lists::units(names, options),
        "list-unit-files" => lists::unit_files(names, options),
        "list-jobs" => {
            println!("No jobs running.");
            Ok(0)
        }
        "list-timers" | "list-sockets" => {
            println!("0 {} listed.", command.trim_start_matches("list-"));
            Ok(0)
        }
        "get-default" => show::default_target(),
        "enable" => install::enable(names, options),
        "disable" => install::disable(names, options),
        "reenable" => install::disable(names, &Options { quiet: true, ..Options::default() })
            .and_then(|_| install::enable(names, options)),
        "mask" => install::mask(names, options),
        "unmask" => install::unmask(names, options),
        "edit" => install::edit(names, options),
        "revert" => install::revert(names),
        // dpkg's scripts ask for presets; a node has none beyond "enable what is installed".
        "preset" => install::enable(names, options),
        "reboot" | "poweroff" | "halt" => return crate::power::main(command),
        "help" => {
            print!("{HELP}");
            Ok(0)
        }
        _ => Err(format!(
            "Unknown command verb '{command}'. (This is crashcart's systemctl: see `systemctl --help`.)"
        )),
    };
    done.unwrap_or_else(|why| {
        eprintln!("{why}");
        exit::FAILURE
    })
}

/// Says whose tool this is.
pub fn version(tool: &str) {
    println!("{tool} of crashcart-agent {}", env!("CARGO_PKG_VERSION"));
    println!("A service manager for lab nodes that reads systemd unit files. It is not systemd.");
}

/// Puts a message to PID 1.
pub fn ask(local: &Local) -> Result<LocalReply, String> {
    let message = serde_json::json!({ "local": local });
    let reply = crate::relay::ask(message.to_string().as_bytes())
        .map_err(|why| format!("Failed to connect to the service manager: {why}"))?;
    serde_json::from_slice(&reply).map_err(|_| "the service manager's reply was cut short".to_owned())
}

/// Views of these units, patterns among them resolved over all loaded ones.
pub fn views(names: &[String]) -> Result<Vec<UnitView>, String> {
    let mut found: Vec<UnitView> = Vec::new();
    for name in names {
        if name.contains(['*', '?', '[']) {
            let all = ask_views(&[])?;
            found.extend(all.into_iter().filter(|view| words::glob(name, &view.name)));
        } else {
            found.extend(ask_views(&[unit_file::complete_name(name)])?);
        }
    }
    Ok(found)
}

pub fn ask_views(names: &[String]) -> Result<Vec<UnitView>, String> {
    match ask(&Local::Units { names: names.to_vec() })? {
        LocalReply::Units(views) => Ok(views),
        LocalReply::Refused(why) => Err(why),
        _ => Err("PID 1 gave an answer of another kind".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Wire;

    #[test]
    fn messages_arrive_as_they_were_meant() {
        let local =
            Local::Job { verb: crate::local::Verb::Restart, units: vec!["a.service".into()], wait: true };
        let text = serde_json::json!({ "local": local }).to_string();
        let Wire::Local(read) = serde_json::from_str(&text).expect("parses");
        assert!(matches!(read, Local::Job { wait: true, .. }));
        assert!(!read.is_harmless());
    }

    #[test]
    fn options_stand_anywhere() {
        let words = |line: &str| words::split(line).expect("splits");
        let Ok(Parsed::Do(command, names, options)) = parse(&words("--no-pager restart -q munge cron --now"))
        else {
            panic!("parses")
        };
        assert_eq!((command.as_str(), names), ("restart", vec!["munge".to_owned(), "cron".to_owned()]));
        assert!(options.quiet && options.now);
        let Ok(Parsed::Do(command, _, options)) = parse(&words("--failed")) else { panic!("parses") };
        assert_eq!((command.as_str(), options.states), ("list-units", vec!["failed".to_owned()]));
        let Ok(Parsed::Do(_, names, options)) =
            parse(&words("show -p ActiveState,SubState -pResult munge --value"))
        else {
            panic!("parses")
        };
        assert_eq!((names.len(), options.properties.len(), options.value), (1, 3, true));
        assert!(parse(&words("--bogus")).is_err());
    }
}
