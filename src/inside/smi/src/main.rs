//! The program: arguments in, NVML asked, text out, exit code.
//!
//! Everything goes to standard output, complaints as well, as with NVIDIA's own. Who stops reading (`| head`)
//! ends it quietly.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use nvml_wrapper::Nvml;
use smi::arguments::{Action, Arguments, Monitor, Setting};
use smi::node::{Code, Driver, Gpu, Missing};
use smi::settings::Done;
use smi::{NO_DEVICES, arguments, clock, csv, explain, gather, help, mig, raw, settings, show, table, want};

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&words) {
        Ok(code) => ExitCode::from(code),
        // Nobody reads any more: there is nobody to tell.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(255),
    }
}

fn run(words: &[String]) -> io::Result<u8> {
    let arguments = match arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(mistake) => return say(&mut io::stdout(), &mistake.text, mistake.exit),
    };
    let mut out: Box<dyn Write> = match &arguments.file {
        None => Box::new(io::stdout()),
        Some(path) => match File::create(path) {
            Ok(file) => Box::new(file),
            Err(_) => {
                let text = format!("Unable to open file {} for writing.\n", path.display());
                return say(&mut io::stdout(), &text, 2);
            }
        },
    };
    let nvml = match gather::open() {
        Ok(nvml) => nvml,
        Err(_) if arguments.action == Action::Help => {
            return say(&mut out, &help::general(env!("CARGO_PKG_VERSION")), 0);
        }
        Err(unavailable) => {
            // What can be asked for is known without a driver; then it is what the newest known one has.
            let manual = match &arguments.action {
                Action::HelpOf(name) => Some(help::of(name).to_owned()),
                Action::HelpFields(subject) => Some(csv::help(*subject, Driver::of(&Err(unavailable.code)))),
                _ => None,
            };
            if let Some(text) = manual {
                return say(&mut out, &text, 0);
            }
            let (text, code) = explain(&unavailable);
            return say(&mut out, &text, code);
        }
    };
    match &arguments.action {
        Action::Help => {
            let version = nvml.sys_driver_version().unwrap_or_else(|_| env!("CARGO_PKG_VERSION").into());
            say(&mut out, &help::general(&version), 0)
        }
        Action::HelpOf(name) => say(&mut out, help::of(name), 0),
        Action::Set(all) => set(&mut out, &nvml, &arguments, all),
        Action::Reset => reset(&mut out, &nvml, &arguments),
        Action::Mig(asked) => {
            let node = gather::node(&nvml, &arguments.ids, want(&arguments.action));
            let indices: Vec<u32> = node.gpus.iter().map(|gpu| gpu.index).collect();
            if indices.is_empty() {
                return say(&mut out, NO_DEVICES.0, NO_DEVICES.1);
            }
            let (text, code) = mig::run(&nvml, &indices, asked);
            say(&mut out, &text, code)
        }
        _ => look(&mut out, &nvml, &arguments),
    }
}

fn say(out: &mut impl Write, text: &str, code: u8) -> io::Result<u8> {
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(code)
}

/// Actions that only look, once or again and again.
fn look(out: &mut impl Write, nvml: &Nvml, arguments: &Arguments) -> io::Result<u8> {
    let want = want(&arguments.action);
    let rounds = match &arguments.action {
        Action::Monitor { count, .. } => *count,
        _ if arguments.every.is_none() => Some(1),
        _ => None,
    };
    let deviceless = matches!(
        arguments.action,
        Action::Version | Action::HelpFields(_) | Action::ListExcluded | Action::Dtd
    );
    let terminal = arguments.file.is_none() && io::stdout().is_terminal();
    let mut round = 0;
    loop {
        let node = gather::node(nvml, &arguments.ids, want);
        if node.gpus.is_empty() && !deviceless {
            return say(out, NO_DEVICES.0, NO_DEVICES.1);
        }
        let now = clock::now();
        let (text, code) = show(arguments, &node, &now, round, terminal);
        say(out, &text, code)?;
        round += 1;
        if rounds.is_some_and(|rounds| round >= rounds) {
            return Ok(code);
        }
        // A watch goes on past a lost GPU; only a question that makes no sense ends it.
        if code == 2 && !matches!(arguments.action, Action::Monitor { kind: Monitor::Devices, .. }) {
            return Ok(code);
        }
        if let Some(pause) = arguments.every {
            std::thread::sleep(pause);
        }
    }
}

/// Resets GPUs, those of one command together.
fn reset(out: &mut impl Write, nvml: &Nvml, arguments: &Arguments) -> io::Result<u8> {
    // All of them, because one that was not named may have to be named in what is said.
    let node = gather::node(nvml, &[], want(&arguments.action));
    let named =
        |gpu: &Gpu| arguments.ids.is_empty() || arguments.ids.iter().any(|asked| gather::selects(asked, gpu));
    let (mut devices, mut buses) = (Vec::new(), Vec::new());
    for gpu in node.gpus.iter().filter(|gpu| named(gpu)) {
        let missing = |code| Missing { code, bus_id: None };
        let state = gpu.state.as_ref().map_err(Clone::clone);
        match state
            .and_then(|live| Ok((live, nvml.device_by_index(gpu.index).map_err(|e| missing(e.into()))?)))
        {
            Ok((live, device)) => {
                devices.push(device);
                buses.push(live.bus_id());
            }
            Err(gone) => {
                let said = table::complaint(node.driver(), gpu.index, &gone);
                return say(out, &said, gone.code.exit());
            }
        }
    }
    if devices.is_empty() {
        return say(out, NO_DEVICES.0, NO_DEVICES.1);
    }
    let (said, code) = match raw::reset(&devices) {
        Ok(done) => {
            let bus_of = |index: &u32| {
                let gpu = node.gpus.iter().find(|gpu| gpu.index == *index);
                gpu.and_then(|gpu| gpu.state.as_ref().ok())
                    .map_or_else(|| format!("GPU {index}"), |live| live.bus_id().to_owned())
            };
            let missing: Vec<String> = done.missing.iter().map(bus_of).collect();
            settings::reset(&buses, &done.outcomes, &missing)
        }
        Err(code) => settings::reset(&buses, &vec![Err(code); buses.len()], &[]),
    };
    say(out, &said, code)
}

/// Actions that change GPUs, one after the other, until one fails.
fn set(out: &mut impl Write, nvml: &Nvml, arguments: &Arguments, all: &[Setting]) -> io::Result<u8> {
    let node = gather::node(nvml, &arguments.ids, want(&arguments.action));
    if node.gpus.is_empty() {
        return say(out, NO_DEVICES.0, NO_DEVICES.1);
    }
    let (mut worst, mut warned, mut reboot) = (None, false, false);
    'settings: for setting in all {
        for gpu in &node.gpus {
            let live = match &gpu.state {
                Ok(live) => live,
                Err(missing) => {
                    say(out, &table::complaint(node.driver(), gpu.index, missing), 0)?;
                    worst = Some(missing.code);
                    break 'settings;
                }
            };
            let mut device = match nvml.device_by_index(gpu.index) {
                Ok(device) => device,
                Err(error) => {
                    worst = Some(Code::from(error));
                    break 'settings;
                }
            };
            match settings::apply(&mut device, live.bus_id(), setting) {
                Done::Yes(said) => {
                    reboot |= matches!(setting, Setting::Ecc(_)) && !said.contains("already");
                    say(out, &said, 0)?;
                }
                Done::Warning(said) => {
                    warned = true;
                    say(out, &said, 0)?;
                }
                Done::No(said, code) => {
                    say(out, &said, 0)?;
                    worst = Some(code);
                    break 'settings;
                }
            }
        }
    }
    let (said, code) = settings::conclude(&worst, warned, arguments.error_on_warning, reboot);
    say(out, &said, code)
}
