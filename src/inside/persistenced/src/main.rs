//! `nvidia-persistenced`: keeps the driver on GPUs that nobody uses, so that what was set on them lasts.
//!
//! As long as it runs, a GPU has persistence mode. Messages are those of the real daemon, whose sources stand on the
//! fidelity page. `options` reads the command line, `accounts` finds users, `runtime` has the PID file and the socket,
//! `gpus` what is held. Sets no power limit, clock or mode.

mod accounts;
mod gpus;
mod log;
mod options;
mod runtime;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command as Process, ExitCode, Stdio};

use crashcart_hardware::client::{Client, own_version};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

use gpus::{Gpus, NotQueried};
use log::{Level, Log};
use options::{Asked, Options, Wrong};
use runtime::{DIRECTORY, Runtime};

/// Set in the process that stays when the first one has gone.
const STAYS: &str = "NVIDIA_PERSISTENCED_STAYS";
/// What that process says when it is ready.
const READY: &str = "ready";

const ABOUT: &str = "
  The NVIDIA Persistence Daemon.

  A tool for maintaining persistent driver state, specifically for use by the
  NVIDIA Linux driver.
";

const HELP: &str = "
nvidia-persistenced [options]

  -v, --version
      Print the version and exit.

  -h, --help
      Print this text and exit.

  -V, --verbose
      Log every change of a GPU's persistence mode, and how the daemon starts
      and ends. Without it only errors, start and end are logged.

  -u USERNAME, --user=USERNAME
      Run as this user, who is given the directory
      /var/run/nvidia-persistenced. It is made where it is missing. Takes root.

  -g GROUPNAME, --group=GROUPNAME
      Run with this group instead of the user's own.

  --persistence-mode, --no-persistence-mode
      Whether to start with persistence mode for all GPUs, which is the default.

  --uvm-persistence-mode, --no-uvm-persistence-mode
      Whether to start with UVM persistence mode, which is for confidential
      computing alone.

  --nvidia-cfg-path=PATH
      Where the library nvidia-cfg is. Accepted; there is none here.
";

fn main() -> ExitCode {
    let mut words = std::env::args();
    let program = words.next().unwrap_or_default();
    let options = match Asked::parse(words) {
        Ok(Asked::Run(options)) => options,
        Ok(asked) => {
            print!("\nnvidia-persistenced:  version {}\n{ABOUT}\n", own_version());
            if asked == Asked::Help {
                println!("{HELP}");
            }
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            match wrong {
                Wrong::Unknown(option) => eprintln!("{program}: unrecognized option: \"{option}\""),
                Wrong::WithoutArgument(option) => {
                    eprintln!("{program}: option \"{option}\" requires an argument.");
                }
            }
            refuse(&format!("Invalid commandline, please run `{program} --help` for usage information."));
            // The real one ends so, too: what starts it finds no PID file.
            return ExitCode::SUCCESS;
        }
    };
    let place = Place::from_environment();
    let identity = match place.identity(&options) {
        Ok(identity) => identity,
        Err(why) => {
            refuse(&why);
            return ExitCode::FAILURE;
        }
    };
    match std::env::var_os(STAYS) {
        None => detach(),
        Some(_) => stay(&place, &options, identity),
    }
}

fn refuse(why: &str) {
    eprintln!("\nERROR: {why}\n");
}

/// An error as strerror(3) words it.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text).to_owned()
}

/// Where the daemon finds what it needs: on the system that it runs on, but in tests.
struct Place {
    root: PathBuf,
    /// Name of the hardware owner's socket, where it is not the usual one.
    owner: Option<OsString>,
}

impl Place {
    fn from_environment() -> Self {
        Self {
            root: std::env::var_os("CRASHCART_PERSISTENCED_ROOT").unwrap_or_else(|| "/".into()).into(),
            owner: std::env::var_os("CRASHCART_PERSISTENCED_SOCKET"),
        }
    }

    fn dev(&self) -> PathBuf {
        self.root.join("dev")
    }

    /// Who the daemon is to be.
    fn identity(&self, options: &Options) -> Result<(Uid, Gid), String> {
        let read = |path: &str| std::fs::read_to_string(self.root.join(path)).unwrap_or_default();
        let missing =
            |what: &str, name: &str| format!("Failed to find {what} ID of {what} '{name}': Success");
        let (uid, mut gid) = match &options.user {
            None => (rustix::process::getuid(), rustix::process::getgid()),
            Some(name) => accounts::user(&read("etc/passwd"), name).ok_or_else(|| missing("user", name))?,
        };
        if let Some(name) = &options.group {
            gid = accounts::group(&read("etc/group"), name).ok_or_else(|| missing("group", name))?;
        }
        Ok((uid, gid))
    }

    fn connect(&self) -> Option<Client> {
        match &self.owner {
            None => Client::connect().ok(),
            Some(name) => Client::connect_to(name.as_encoded_bytes(), None).ok(),
        }
    }
}

/// Starts the process that stays and leaves once it is ready, as a daemon's first process does.
fn detach() -> ExitCode {
    let started = std::env::current_exe().and_then(|program| {
        Process::new(program)
            .args(std::env::args_os().skip(1))
            .env(STAYS, "1")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("Failed to fork() daemon: {}", said(&error));
            return ExitCode::FAILURE;
        }
    };
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        // An end without a line is that of a process that failed.
        let _ = BufReader::new(out).read_line(&mut line);
    }
    if line.trim() == READY {
        return ExitCode::SUCCESS;
    }
    let _ = child.wait();
    eprintln!("nvidia-persistenced failed to initialize. Check syslog for more details.");
    ExitCode::FAILURE
}

/// Keeps the GPUs until a signal ends this process, or their owner does.
fn stay(place: &Place, options: &Options, identity: (Uid, Gid)) -> ExitCode {
    let log = Log::new(place.root.join("dev/log"), options.verbose);
    log.detail(Level::Info, "Verbose syslog connection opened");
    rustix::process::umask(Mode::empty());
    // Refused to who leads a group already: nobody else's terminal is at stake then.
    let _ = rustix::process::setsid();
    let mut daemon =
        Daemon { runtime: Runtime::new(place.root.join(DIRECTORY)), gpus: None, signals: Vec::new() };
    let outcome = daemon.start(place, options, identity, &log).and_then(|()| daemon.serve(&log));
    if let Err(why) = &outcome {
        log.say(Level::Error, why);
    }
    daemon.end(&log);
    log.say(Level::Notice, &format!("Shutdown ({})", std::process::id()));
    log.close();
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Daemon {
    runtime: Runtime,
    gpus: Option<Gpus>,
    /// Signals that end it, each with what is readable once it has come.
    signals: Vec<(i32, UnixStream)>,
}

impl Daemon {
    fn start(
        &mut self,
        place: &Place,
        options: &Options,
        (uid, gid): (Uid, Gid),
        log: &Log,
    ) -> Result<(), String> {
        for signal in [SIGTERM, SIGINT] {
            let caught = UnixStream::pair().and_then(|(here, there)| {
                signal_hook::low_level::pipe::register(signal, there)?;
                Ok(here)
            });
            let caught = caught.map_err(|error| format!("Failed to catch signals: {}", said(&error)))?;
            self.signals.push((signal, caught));
        }
        self.runtime.make(log);
        // As root, if this is root: nobody else may.
        let version = own_version();
        let found = match place.connect() {
            Some(client) => Gpus::find(client, &version, options, &place.dev()),
            None => Err(NotQueried { reason: None }),
        };
        if (uid, gid) != (rustix::process::getuid(), rustix::process::getgid()) {
            self.runtime.give(uid, gid)?;
            become_other(uid, gid)?;
            let text = format!("Now running with user ID {uid} and group ID {gid}");
            log.detail(Level::Info, &text);
        }
        self.runtime.lock()?;
        log.say(Level::Notice, &format!("Started ({})", std::process::id()));

        let mut gpus = found.map_err(|error| not_queried(error, log))?;
        gpus.open(&place.dev(), options, log).map_err(|error| not_queried(error, log))?;
        let gpus = self.gpus.insert(gpus);
        if gpus.is_empty() {
            return Err("Unable to find any NVIDIA devices".into());
        }
        self.runtime.listen()?;
        log.detail(Level::Info, "Local RPC services initialized");
        let told = writeln!(io::stdout(), "{READY}").and_then(|()| be_silent());
        told.map_err(|error| format!("Failed to write init pipe: {}", said(&error)))
    }

    /// Returns when a signal asks for it; an error when the driver has gone.
    fn serve(&self, log: &Log) -> Result<(), String> {
        let (Some(gpus), Some(socket)) = (&self.gpus, self.runtime.socket()) else { return Ok(()) };
        loop {
            let signals = self.signals.iter().map(|(_, stream)| stream.as_fd());
            let mut waited: Vec<PollFd<'_>> = [gpus.end(), socket]
                .into_iter()
                .chain(signals)
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            match rustix::event::poll(&mut waited, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(format!("Failed to wait for signals: {}", said(&error.into()))),
            }
            let came: Vec<bool> = waited.iter().map(|fd| !fd.revents().is_empty()).collect();
            let signal = self.signals.iter().zip(&came[2..]).find(|(_, came)| **came);
            if let Some(((signal, _), _)) = signal {
                log.detail(Level::Debug, &format!("Received signal {signal}"));
                return Ok(());
            }
            if came[0] {
                return Err("The NVIDIA driver has gone, and what was held with it.".into());
            }
            if came[1] {
                self.runtime.answer();
            }
        }
    }

    fn end(&mut self, log: &Log) {
        self.runtime.close_socket(log);
        if let Some(gpus) = &mut self.gpus {
            gpus.let_go(log);
        }
        self.runtime.remove(log);
    }
}

fn not_queried(error: NotQueried, log: &Log) -> String {
    if let Some(reason) = error.reason {
        log.say(Level::Error, &reason);
    }
    format!(
        "Failed to query NVIDIA devices. Please ensure that the NVIDIA device files (/dev/nvidia*) exist, and that \
         user {} has read and write permissions for those files.",
        rustix::process::getuid()
    )
}

/// Gives up the rights of whoever started this process. Further groups stay, as with the real one. There is one
/// thread so far, whose rights are the process's.
fn become_other(uid: Uid, gid: Gid) -> Result<(), String> {
    let failed = |what, error: Errno| format!("Failed to set {what} ID: {}", said(&error.into()));
    rustix::thread::set_thread_gid(gid).map_err(|error| failed("group", error))?;
    rustix::thread::set_thread_uid(uid).map_err(|error| failed("user", error))
}

/// Lets go of the streams of whoever started this process.
fn be_silent() -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
