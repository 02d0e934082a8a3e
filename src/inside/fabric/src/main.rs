//! `nv-fabricmanager`: sets up the NVSwitches of a node, and stays.
//!
//! Until it has, CUDA programs get "system not yet initialized" (802). It works
//! with the driver of exactly its own version. Messages are those that operators
//! search for; their sources stand on the fidelity page.

mod config;
mod log;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command as Process, ExitCode, Stdio};

use crashcart_hardware::client::{Client, own_version};
use crashcart_hardware::command::{Command, Status, Verb};
use crashcart_hardware::page::{DriverState, text};

use config::Config;
use log::{Level, Log};

/// Where the package puts its configuration.
const CONFIG: &str = "/usr/share/nvidia/nvswitch/fabricmanager.cfg";
/// Set in the process that stays when the first one has gone.
const STAYS: &str = "NV_FABRICMANAGER_STAYS";
/// What that process says when it is ready.
const READY: &str = "ready";

const HELP: &str = "\
NVIDIA Fabric Manager
Runs as a background process to configure the NVSwitches to form
a single NVLink fabric among all participating GPUs.

    Usage: nv-fabricmanager [options]
    Options:
        [-h | --help]: Displays help information
        [-v | --version]: Displays the Fabric Manager version and exit.
        [-c | --config]: Provides Fabric Manager config file path/name which controls all the config options.";

fn main() -> ExitCode {
    let mut config = PathBuf::from(CONFIG);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), argument.split_once('=')) {
            ("-h" | "--help", _) => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            ("-v" | "--version", _) => {
                println!("Fabric Manager version is : {}", own_version());
                return ExitCode::SUCCESS;
            }
            ("-c" | "--config", _) => match arguments.next() {
                Some(path) => config = path.into(),
                None => return refuse("option `-c` wants the path of a config file"),
            },
            (_, Some(("--config", path))) => config = path.into(),
            (other, _) => return refuse(&format!("unknown option `{other}`")),
        }
    }
    let config = match Config::read(&config) {
        Ok(config) => config,
        Err(why) => return refuse(&why),
    };
    match config.daemonize && std::env::var_os(STAYS).is_none() {
        true => detach(),
        false => stay(&config),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("nv-fabricmanager: {why}");
    ExitCode::FAILURE
}

/// Starts the process that stays and leaves once it is ready, as a daemon's first process does.
fn detach() -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return refuse("could not find itself") };
    let started = Process::new(program)
        .args(std::env::args_os().skip(1))
        .env(STAYS, "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return refuse(&format!("could not start: {error}")),
    };
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        // An end without a line is that of a process that failed.
        let _ = BufReader::new(out).read_line(&mut line);
    }
    match line.trim() == READY {
        true => ExitCode::SUCCESS,
        false => {
            let code = child.wait().ok().and_then(|status| status.code()).unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
    }
}

/// Sets up the fabric and keeps it until a signal ends this process.
fn stay(config: &Config) -> ExitCode {
    let mut log = match Log::open(config) {
        Ok(log) => log,
        Err(error) => {
            return refuse(&format!("could not open log file {}: {error}", config.log_file.display()));
        }
    };
    let version = own_version();
    log.say(
        Level::Info,
        &format!("Fabric Manager version {version} is running with the following configuration options"),
    );
    for (key, value) in &config.all {
        log.say(Level::Info, &format!("{key} = {value}"));
    }
    let fabric = match set_up(config, &version) {
        Ok(fabric) => fabric,
        Err(why) => {
            log.say(Level::Error, &why);
            return ExitCode::FAILURE;
        }
    };
    log.say(Level::Info, "Connected to 1 node.");
    log.say(
        Level::Info,
        match fabric {
            Fabric::Routed(_) => {
                "Successfully configured all the available NVSwitches to route GPU NVLink traffic. NVLink Peer-to-Peer \
                 support will be enabled once the GPUs are successfully registered with the NVLink fabric."
            }
            Fabric::Shared(_) => {
                "Fabric Manager is in shared NVSwitch mode and waits for a partition to be activated."
            }
        },
    );
    if std::env::var_os(STAYS).is_some() {
        println!("{READY}");
    }
    fabric.keep()
}

/// What this process holds while it lives.
enum Fabric {
    /// All switches route; the fabric is ready as long as the connection lives.
    Routed(Client),
    /// Another one, the hypervisor's, has to activate partitions first.
    Shared(Client),
}

impl Fabric {
    fn keep(self) -> ExitCode {
        let (Self::Routed(client) | Self::Shared(client)) = self;
        // The owner says nothing unasked: this returns when it has gone.
        client.wait_for_end();
        ExitCode::FAILURE
    }
}

fn set_up(config: &Config, version: &str) -> Result<Fabric, String> {
    let no_switch = || {
        "request to query NVSwitch device information from NVSwitch driver failed with error:WARNING Nothing to do \
         [NV_WARN_NOTHING_TO_DO]"
            .to_owned()
    };
    let client = Client::connect().map_err(|_| no_switch())?;
    let node = client.node().map_err(|_| no_switch())?;
    if node.driver_state != DriverState::Loaded as u32 {
        return Err(no_switch());
    }
    let driver = text(&node.driver_version);
    if driver != version {
        return Err(format!(
            "fabric manager NVIDIA GPU driver interface version {version} don't match with driver version {driver}. \
             Please update with matching NVIDIA driver package."
        ));
    }
    if config.fabric_mode != 0 {
        return Ok(Fabric::Shared(client));
    }
    let outcome = client.ask(&Command::new(Verb::SetFabric, 0, &[1])).map_err(|_| no_switch())?;
    match outcome.status {
        status if status == Status::Success as u32 => Ok(Fabric::Routed(client)),
        status if status == Status::NoPermission as u32 => {
            Err("failed to open NVSwitch device: Operation not permitted".into())
        }
        _ => Err(no_switch()),
    }
}
