//! Gets an engine onto a Debian machine: installs it, starts it, and waits until it answers.
//!
//! [`next_action`] is pure: it looks at a [`Situation`] and names the one thing to do next.
//! [`fix`] does that thing, looks again, and so on until an engine answers. An engine that
//! answers is never touched, and one that somebody chose (`DOCKER_HOST`, a context) is
//! theirs to start.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{is_program, program};
use crate::advice::{NextStep, quoted};
use crate::engine::docker::DockerEngine;
use crate::engine::find::{self, Surroundings};
use crate::engine::{EngineError, Progress};

/// How long a started engine may take until it answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Where Debian's docker listens.
const SOCKET: &str = "/var/run/docker.sock";
/// Most actions in one fix: enough for each to happen once.
const ACTIONS_AT_MOST: usize = 8;
/// Lines of the engine's log to show when it fails.
const LOG_LINES: usize = 8;

/// What starts services on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    Systemd,
    /// A classic init that runs `/etc/init.d` scripts.
    SysV,
    /// Something else, as in a container or a bare virtual machine.
    Other,
}

/// How the search for an engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Answers,
    /// Somebody chose an engine that does not answer.
    ChosenIsSilent,
    /// It is there and does not let this user in; its socket belongs to the group `docker`.
    Closed,
    Silent,
}

/// All that decides what to do next.
#[derive(Clone, Debug)]
pub struct Situation {
    pub answer: Answer,
    pub dockerd: bool,
    pub mmdebstrap: bool,
    pub apt: bool,
    pub root: bool,
    pub sudo: bool,
    pub init: Init,
    pub init_script: bool,
    /// Some hierarchy of control groups is mounted.
    pub cgroups: bool,
}

/// One thing that changes this machine. [`Action::command`] is what is really run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Install packages from the machine's own mirror.
    Install {
        packages: Vec<&'static str>,
    },
    /// Mount the control groups that containers need.
    MountCgroups,
    StartBySystemd,
    StartByService,
    /// Start the engine as a process of its own; with another storage driver on a second try.
    StartDirectly {
        storage_driver: Option<&'static str>,
    },
    /// Let this user speak to the engine.
    JoinGroup,
}

impl Action {
    /// What it does, for the question whether it may.
    pub fn describe(&self) -> String {
        match self {
            Self::Install { packages } => format!("install {} with apt-get", packages.join(" and ")),
            Self::MountCgroups => "mount the control groups".into(),
            Self::StartBySystemd => "start Docker with systemctl, now and at every boot".into(),
            Self::StartByService => "start Docker with its init script".into(),
            Self::StartDirectly { storage_driver: None } => "start Docker as a process of its own".into(),
            Self::StartDirectly { storage_driver: Some(driver) } => {
                format!("start Docker as a process of its own, with the storage driver `{driver}`")
            }
            Self::JoinGroup => {
                "let this user speak to Docker (the group `docker`, which is as good as root)".into()
            }
        }
    }

    /// The programs that it runs, in order, without `sudo`.
    pub fn command(&self, user: &str) -> Vec<Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Install { packages } => {
                // Without recommended packages: they bring a firewall front end, a version control
                // system and a login session. On bookworm and trixie the engine runs without them.
                // A fresh machine may be busy with its first updates; their lock is waited for.
                let install = [
                    "apt-get",
                    "install",
                    "--yes",
                    "--no-install-recommends",
                    "--option",
                    "DPkg::Lock::Timeout=300",
                ];
                vec![words(&["apt-get", "update"]), words(&[&install, packages.as_slice()].concat())]
            }
            Self::MountCgroups => vec![words(&["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"])],
            Self::StartBySystemd => vec![words(&["systemctl", "enable", "--now", "docker.service"])],
            Self::StartByService => vec![words(&["service", "docker", "start"])],
            Self::StartDirectly { storage_driver } => {
                let mut command = words(&["setsid", "--fork", "dockerd"]);
                command.extend(storage_driver.map(|driver| format!("--storage-driver={driver}")));
                vec![command]
            }
            Self::JoinGroup => vec![words(&["usermod", "--append", "--groups", "docker", user])],
        }
    }
}

/// What became of a fix.
#[derive(Debug, PartialEq, Eq)]
pub enum Fixed {
    /// An engine answers.
    Ready,
    /// An engine runs and will answer once this user's new group counts; [`rerun_in_group`] makes it count.
    AfterLogin,
}

/// Why a machine could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    #[error("the chosen container engine does not answer")]
    ChosenIsSilent {
        #[source]
        source: EngineError,
    },
    #[error("this machine has no apt-get, with which to install an engine")]
    NoApt,
    #[error("to {what} takes root's rights, and there is no `sudo`")]
    NotRoot { what: String },
    #[error("you did not want to {what}")]
    Declined { what: String },
    #[error("could not run `{program}`")]
    NoProgram {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{command}` failed")]
    Failed { command: String, log: Vec<String> },
    #[error("the container engine did not come up")]
    DidNotStart { trouble: Trouble, log_file: Option<PathBuf>, log: Vec<String> },
    #[error("all was done that could be, and still no container engine answers")]
    Stuck {
        #[source]
        source: EngineError,
    },
    #[error("could not write `{}`", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// What an engine that does not come up suffers from, as far as its log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The packet filter refuses its rules.
    Iptables,
    Storage,
    Cgroups,
    /// It thinks that another one runs.
    PidFile,
    /// It may not do what an engine must.
    Rights,
    Unknown,
}

impl NextStep for FixError {
    fn next_step(&self) -> String {
        match self {
            Self::ChosenIsSilent { .. } => "start that engine, or unset `DOCKER_HOST` and `DOCKER_CONTEXT`".into(),
            Self::NoApt => "install Docker or Podman the way of this system, and start it".into(),
            Self::NotRoot { .. } => "run `crashcart doctor --fix` as root".into(),
            Self::Declined { .. } => "do it yourself, or run `crashcart doctor --fix --yes`".into(),
            Self::NoProgram { program, .. } => format!("install `{program}`"),
            Self::Failed { command, .. } => format!("run it yourself and see: `{command}`"),
            Self::DidNotStart { trouble: Trouble::Iptables, .. } => "switch the packet filter's tools with \
                 `update-alternatives --set iptables /usr/sbin/iptables-legacy` (or back to `iptables-nft`), then try again"
                .into(),
            Self::DidNotStart { trouble: Trouble::Storage, .. } => {
                "put `/var/lib/docker` on an ext4 or XFS disk, then try again".into()
            }
            Self::DidNotStart { trouble: Trouble::Cgroups, .. } => {
                "mount control groups with `mount -t cgroup2 cgroup2 /sys/fs/cgroup`, then try again".into()
            }
            Self::DidNotStart { trouble: Trouble::PidFile, .. } => {
                "see what process `/var/run/docker.pid` names; remove the file if it is none".into()
            }
            Self::DidNotStart { trouble: Trouble::Rights, .. } => {
                "inside a container no engine can run; hand in one with `DOCKER_HOST`".into()
            }
            Self::DidNotStart { log_file: Some(path), .. } => format!("read its log, `{}`", path.display()),
            Self::DidNotStart { .. } => "read its log with `journalctl -u docker`".into(),
            Self::Stuck { source } => source.next_step(),
            Self::Unwritable { path, .. } => format!("see that you may write to `{}`", path.display()),
        }
    }
}

impl Situation {
    /// What it is on this machine.
    pub async fn look() -> (Self, Option<EngineError>) {
        let around = Surroundings::here();
        let found = match find::find(&around) {
            Ok(endpoint) => {
                let usual = endpoint.chosen_by == find::USUAL_PLACE;
                DockerEngine::connect_to(endpoint).await.map(drop).map_err(|error| (usual, error))
            }
            Err(error) => Err((!find::is_chosen(&around), error)),
        };
        let (answer, error) = match found {
            Ok(()) => (Answer::Answers, None),
            Err((false, error)) => (Answer::ChosenIsSilent, Some(error)),
            Err((true, error @ EngineError::NotAllowed { .. })) => (Answer::Closed, Some(error)),
            Err((true, error)) => (Answer::Silent, Some(error)),
        };
        let init = match std::fs::read_to_string("/proc/1/comm").unwrap_or_default().trim() {
            "systemd" => Init::Systemd,
            "init" => Init::SysV,
            _ => Init::Other,
        };
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let situation = Self {
            answer,
            dockerd: program("dockerd").is_some(),
            mmdebstrap: program("mmdebstrap").is_some(),
            apt: program("apt-get").is_some(),
            root: rustix::process::geteuid().is_root(),
            sudo: program("sudo").is_some(),
            init,
            init_script: is_program(Path::new("/etc/init.d/docker")),
            cgroups: mounts
                .lines()
                .any(|line| line.split(' ').nth(2).is_some_and(|kind| kind.starts_with("cgroup"))),
        };
        (situation, error)
    }
}

/// What to do next, given what was done already; none when there is nothing left to do.
///
/// `want_mmdebstrap`: also get the tool that makes the Debian base where no registry answers.
pub fn next_action(situation: &Situation, want_mmdebstrap: bool, done: &[Action]) -> Option<Action> {
    let once = |action: Action| (!done.contains(&action)).then_some(action);
    let mut packages = Vec::new();
    if situation.answer == Answer::Silent && !situation.dockerd {
        packages.push("docker.io");
    }
    if want_mmdebstrap && !situation.mmdebstrap && situation.apt {
        packages.push("mmdebstrap");
    }
    let installed = done.iter().any(|action| matches!(action, Action::Install { .. }));
    if !packages.is_empty() && !installed {
        return Some(Action::Install { packages });
    }
    match situation.answer {
        Answer::Answers | Answer::ChosenIsSilent => None,
        Answer::Closed => {
            if situation.root {
                None
            } else {
                once(Action::JoinGroup)
            }
        }
        Answer::Silent if !situation.dockerd => None,
        Answer::Silent => {
            let by_manager = match situation.init {
                Init::Systemd => once(Action::StartBySystemd),
                Init::SysV if situation.init_script => once(Action::StartByService),
                _ => None,
            };
            if by_manager.is_some() {
                return by_manager;
            }
            // Under systemd a second engine beside a failing unit would only hide what is wrong.
            if situation.init == Init::Systemd {
                return None;
            }
            if !situation.cgroups
                && let Some(mount) = once(Action::MountCgroups)
            {
                return Some(mount);
            }
            once(Action::StartDirectly { storage_driver: None })
        }
    }
}

/// Makes the machine ready. `consent` is asked before each action. Working files go to `state`.
pub async fn fix(
    state: &Path,
    want_mmdebstrap: bool,
    consent: &(dyn Fn(&Action) -> bool + Send + Sync),
    progress: &dyn Progress,
) -> Result<Fixed, FixError> {
    let mut done = Vec::new();
    for _ in 0..ACTIONS_AT_MOST {
        let (situation, error) = Situation::look().await;
        if done.contains(&Action::JoinGroup) {
            return Ok(if situation.answer == Answer::Answers { Fixed::Ready } else { Fixed::AfterLogin });
        }
        let Some(action) = next_action(&situation, want_mmdebstrap, &done) else {
            return match (situation.answer, error) {
                (Answer::Answers, _) | (_, None) => Ok(Fixed::Ready),
                (Answer::ChosenIsSilent, Some(source)) => Err(FixError::ChosenIsSilent { source }),
                (Answer::Silent, Some(_)) if !situation.dockerd && !situation.apt => Err(FixError::NoApt),
                (_, Some(source)) => Err(FixError::Stuck { source }),
            };
        };
        if !situation.apt && matches!(action, Action::Install { .. }) {
            return Err(FixError::NoApt);
        }
        if !situation.root && !situation.sudo {
            return Err(FixError::NotRoot { what: action.describe() });
        }
        if !consent(&action) {
            return Err(FixError::Declined { what: action.describe() });
        }
        progress.job(&action.describe());
        match perform(&action, &situation, state, progress).await {
            // A storage driver that does not work here: the one that works everywhere, slowly.
            Err(FixError::DidNotStart { trouble: Trouble::Storage, .. })
                if action == (Action::StartDirectly { storage_driver: None }) =>
            {
                let driver = if program("fuse-overlayfs").is_some() { "fuse-overlayfs" } else { "vfs" };
                let again = Action::StartDirectly { storage_driver: Some(driver) };
                progress.note(&format!("its storage driver does not work on this disk; trying `{driver}`"));
                perform(&again, &situation, state, progress).await?;
                done.push(again);
            }
            // An init script may want what a container or a small machine cannot give; the engine itself may not.
            Err(FixError::Failed { log, .. }) if action == Action::StartByService => {
                progress.note(&format!("the init script failed: {}", log.last().map_or("", String::as_str)));
            }
            other => other?,
        }
        done.push(action);
    }
    let (_, error) = Situation::look().await;
    match error {
        None => Ok(Fixed::Ready),
        Some(source) => Err(FixError::Stuck { source }),
    }
}

async fn perform(
    action: &Action,
    situation: &Situation,
    state: &Path,
    progress: &dyn Progress,
) -> Result<(), FixError> {
    let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
    for command in action.command(&user) {
        match action {
            Action::StartDirectly { .. } => start_directly(&command, situation.root, state).await?,
            // Some other archive of this machine may be broken; installing tells whether it matters.
            Action::Install { .. } if command.last().is_some_and(|word| word == "update") => {
                if let Err(error @ FixError::Failed { .. }) = run(&command, situation.root, progress).await {
                    progress.note(&format!("{error}; going on"));
                }
            }
            _ => run(&command, situation.root, progress).await?,
        }
    }
    match action {
        Action::StartBySystemd | Action::StartByService => await_answer(None).await,
        _ => Ok(()),
    }
}

/// The command, with root's rights and root's path.
fn rooted(command: &[String], root: bool) -> tokio::process::Command {
    let mut words: Vec<String> = Vec::new();
    if !root {
        words.push("sudo".into());
    }
    // Packages must not ask questions; and a user's path lacks the folders of daemons.
    let path = std::env::var("PATH").unwrap_or_default();
    words.extend(["env".into(), "DEBIAN_FRONTEND=noninteractive".into()]);
    words.push(format!("PATH={path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"));
    words.extend(command.iter().cloned());
    let mut program = tokio::process::Command::new(&words[0]);
    program.args(&words[1..]).stdin(Stdio::null());
    program
}

/// Runs a command to its end, its lines heard.
async fn run(command: &[String], root: bool, progress: &dyn Progress) -> Result<(), FixError> {
    let no_program = |source| FixError::NoProgram { program: command[0].clone(), source };
    let shown = command.join(" ");
    progress.note(&format!("$ {}{shown}", if root { "" } else { "sudo " }));
    let mut child =
        rooted(command, root).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(no_program)?;
    let mut out = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut err = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut log: Vec<String> = Vec::new();
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let line = tokio::select! {
            line = out.next_line(), if out_open => match line { Ok(Some(line)) => line, _ => { out_open = false; continue } },
            line = err.next_line(), if err_open => match line { Ok(Some(line)) => line, _ => { err_open = false; continue } },
        };
        progress.line(&line);
        if log.len() == LOG_LINES {
            log.remove(0);
        }
        log.push(line);
    }
    match child.wait().await.map_err(no_program)?.success() {
        true => Ok(()),
        false => Err(FixError::Failed { command: shown, log }),
    }
}

/// Starts the engine outside of any service manager; it outlives us.
async fn start_directly(command: &[String], root: bool, state: &Path) -> Result<(), FixError> {
    let path = state.join("engine/dockerd.log");
    let unwritable = |source| FixError::Unwritable { path: path.clone(), source };
    std::fs::create_dir_all(path.parent().expect("it has a parent")).map_err(unwritable)?;
    let log = std::fs::File::create(&path).map_err(unwritable)?;
    let errors = log.try_clone().map_err(unwritable)?;
    let no_program = |source| FixError::NoProgram { program: "setsid".into(), source };
    let status = rooted(command, root).stdout(log).stderr(errors).status().await.map_err(no_program)?;
    if !status.success() {
        return Err(FixError::Failed { command: command.join(" "), log: tail(&path) });
    }
    await_answer(Some(&path)).await
}

/// Waits until the engine answers, or its log says that it never will.
async fn await_answer(log_file: Option<&Path>) -> Result<(), FixError> {
    let failed = || {
        let log = log_file.map(tail).unwrap_or_default();
        FixError::DidNotStart { trouble: diagnose(&log), log_file: log_file.map(Path::to_owned), log }
    };
    let started = Instant::now();
    while started.elapsed() < ANSWERS_WITHIN {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let endpoint =
            find::Endpoint { address: find::Address::Unix(SOCKET.into()), chosen_by: "just started".into() };
        match DockerEngine::connect_to(endpoint).await {
            // It answers; that it does not answer us is the next thing to look at.
            Ok(_) | Err(EngineError::NotAllowed { .. }) => return Ok(()),
            Err(_) => {}
        }
        if log_file.is_some_and(|path| tail(path).iter().any(|line| is_fatal(line))) {
            return Err(failed());
        }
    }
    Err(failed())
}

/// The last lines of a log that say something: warnings and worse, or all where there are none.
fn tail(path: &Path) -> Vec<String> {
    let text =
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let says = |line: &&str| !line.contains("level=info") && !line.contains("level=debug");
    let mut lines: Vec<&str> = text.lines().filter(says).collect();
    if lines.is_empty() {
        lines = text.lines().collect();
    }
    lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

fn is_fatal(line: &str) -> bool {
    line.starts_with("failed to start daemon")
        || line.starts_with("failed to start containerd")
        || line.contains("level=fatal")
}

/// What an engine's log complains of.
fn diagnose(log: &[String]) -> Trouble {
    let text = log.join("\n").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["pid file found", "process with pid", "is still running"]) {
        Trouble::PidFile
    } else if has(&["iptables", "nat chain", "nftables"]) {
        Trouble::Iptables
    } else if has(&["graphdriver", "storage driver", "storage-driver", "overlay2", "snapshotter"]) {
        Trouble::Storage
    } else if has(&["cgroup"]) {
        Trouble::Cgroups
    } else if has(&["operation not permitted", "permission denied", "needs to be started with root"]) {
        Trouble::Rights
    } else {
        Trouble::Unknown
    }
}

/// Runs this very command again with the group `docker` counted in. Returns only on failure.
pub fn rerun_in_group() -> std::io::Error {
    use std::os::unix::process::CommandExt;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(std::env::args().skip(1));
    let line = words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ");
    std::process::Command::new("sg").args(["docker", "-c", &line]).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fresh machine, root, nothing installed, no service manager.
    fn fresh() -> Situation {
        Situation {
            answer: Answer::Silent,
            dockerd: false,
            mmdebstrap: false,
            apt: true,
            root: true,
            sudo: false,
            init: Init::Other,
            init_script: false,
            cgroups: true,
        }
    }

    /// The actions taken when each has its usual effect.
    fn walk(mut situation: Situation) -> Vec<Action> {
        let mut done = Vec::new();
        while let Some(action) = next_action(&situation, true, &done) {
            match &action {
                Action::Install { packages } => {
                    situation.dockerd |= packages.contains(&"docker.io");
                    situation.mmdebstrap |= packages.contains(&"mmdebstrap");
                    situation.init_script = true;
                }
                Action::MountCgroups => situation.cgroups = true,
                Action::StartBySystemd | Action::StartByService | Action::StartDirectly { .. } => {
                    situation.answer = if situation.root { Answer::Answers } else { Answer::Closed };
                }
                Action::JoinGroup => situation.answer = Answer::Answers,
            }
            done.push(action);
        }
        done
    }

    fn install(packages: &[&'static str]) -> Action {
        Action::Install { packages: packages.to_vec() }
    }

    #[test]
    fn a_fresh_machine_gets_an_engine_by_the_way_of_its_init() {
        let both = install(&["docker.io", "mmdebstrap"]);
        let directly = Action::StartDirectly { storage_driver: None };
        assert_eq!(walk(fresh()), [both.clone(), directly.clone()]);
        assert_eq!(
            walk(Situation { init: Init::Systemd, ..fresh() }),
            [both.clone(), Action::StartBySystemd]
        );
        assert_eq!(walk(Situation { init: Init::SysV, ..fresh() }), [both.clone(), Action::StartByService]);
        assert_eq!(
            walk(Situation { cgroups: false, ..fresh() }),
            [both.clone(), Action::MountCgroups, directly]
        );
        let user = Situation { root: false, sudo: true, init: Init::Systemd, ..fresh() };
        assert_eq!(walk(user), [both, Action::StartBySystemd, Action::JoinGroup]);
    }

    #[test]
    fn an_engine_that_answers_is_never_touched() {
        let ready = Situation { answer: Answer::Answers, dockerd: true, mmdebstrap: true, ..fresh() };
        assert_eq!(walk(ready.clone()), []);
        assert_eq!(walk(Situation { dockerd: false, ..ready.clone() }), [], "it may be podman, or elsewhere");
        assert_eq!(walk(Situation { mmdebstrap: false, ..ready }), [install(&["mmdebstrap"])]);
    }

    #[test]
    fn a_chosen_engine_is_its_owners_to_start() {
        let chosen = Situation { answer: Answer::ChosenIsSilent, dockerd: true, mmdebstrap: true, ..fresh() };
        assert_eq!(walk(chosen), []);
    }

    #[test]
    fn nothing_is_tried_twice_and_nothing_beside_a_failing_unit() {
        let down = Situation { dockerd: true, mmdebstrap: true, init: Init::Systemd, ..fresh() };
        assert_eq!(next_action(&down, true, &[Action::StartBySystemd]), None);
        let sysv = Situation { init: Init::SysV, init_script: true, ..down.clone() };
        assert_eq!(
            next_action(&sysv, true, &[Action::StartByService]),
            Some(Action::StartDirectly { storage_driver: None })
        );
        let bare = Situation { init: Init::Other, ..down };
        assert_eq!(next_action(&bare, true, &[Action::StartDirectly { storage_driver: None }]), None);
        assert_eq!(
            next_action(&fresh(), true, &[install(&["docker.io", "mmdebstrap"])]),
            None,
            "apt-get lied"
        );
    }

    #[test]
    fn a_log_is_read_for_what_hinders_the_engine() {
        let case = |line: &str, wanted| assert_eq!(diagnose(&[line.to_owned()]), wanted, "{line}");
        // Words of dockerd 20.10 and 26.1.
        case(
            "failed to start daemon: Error initializing network controller: error obtaining controller instance: failed to create NAT chain DOCKER: iptables failed: iptables -t nat -N DOCKER",
            Trouble::Iptables,
        );
        case(
            "failed to start daemon: error initializing graphdriver: driver not supported",
            Trouble::Storage,
        );
        case("failed to start daemon: Devices cgroup isn't mounted", Trouble::Cgroups);
        case(
            "failed to start daemon: pid file found, ensure docker is not running or delete /var/run/docker.pid",
            Trouble::PidFile,
        );
        case("failed to start daemon: process with PID 812 is still running", Trouble::PidFile);
        case("dockerd needs to be started with root privileges", Trouble::Rights);
        case("something new", Trouble::Unknown);
    }

    #[test]
    fn the_end_of_a_log_leaves_out_what_went_well() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("log");
        std::fs::write(
            &path,
            "time=1 level=info msg=up\ntime=2 level=warning msg=hm\nfailed to start daemon: no\n",
        )
        .expect("a file");
        assert_eq!(tail(&path), ["time=2 level=warning msg=hm", "failed to start daemon: no"]);
        assert!(tail(&path).iter().any(|line| is_fatal(line)));
        std::fs::write(&path, "time=1 level=info msg=up\n").expect("a file");
        assert_eq!(tail(&path), ["time=1 level=info msg=up"]);
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn every_action_says_what_it_runs() {
        let actions = [
            install(&["docker.io"]),
            Action::MountCgroups,
            Action::StartBySystemd,
            Action::StartByService,
            Action::StartDirectly { storage_driver: Some("vfs") },
            Action::JoinGroup,
        ];
        for action in actions {
            assert!(!action.describe().is_empty());
            assert!(action.command("ada").iter().all(|command| command.len() > 1), "{action:?}");
        }
        assert_eq!(
            install(&["docker.io"]).command("ada")[1].join(" "),
            "apt-get install --yes --no-install-recommends --option DPkg::Lock::Timeout=300 docker.io"
        );
    }
}
