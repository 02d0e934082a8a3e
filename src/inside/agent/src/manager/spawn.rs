//! Starting one process of a service: all that lies between fork and exec.
//!
//! It happens in the child, so that nothing a node can plant there (a FIFO as
//! environment file, a slow disk) holds up PID 1. Failures leave with
//! systemd's exit statuses and say why on the service's log.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit};

use super::settings::{Exec, Output, OwnDirectory, Service};
use super::words;
use crate::accounts::{Accounts, User};
use crate::kernel;
use crate::processes::Mark;
use crate::program::{Identity, SEARCH_PATH};
use crate::rooted::{Contents, Root};

/// What to start, and as part of which unit.
pub struct Order<'a> {
    pub unit: &'a str,
    pub service: &'a Service,
    pub exec: &'a Exec,
    pub mark: Mark,
    /// Variables that the manager adds: MAINPID, INVOCATION_ID, NOTIFY_SOCKET, …
    pub extra: Vec<(String, String)>,
}

/// A started process.
pub struct Started {
    pub pid: Pid,
    /// What it prints.
    pub log: OwnedFd,
    /// Ends when the program has replaced our child; holds a byte if it never will.
    pub gate: OwnedFd,
}

/// Why a child could not become its program.
struct Refusal {
    status: i32,
    step: &'static str,
    why: String,
}

fn refusal(status: i32, step: &'static str) -> impl Fn(io::Error) -> Refusal {
    move |error| Refusal { status, step, why: describe(&error) }
}

/// The kernel's words alone, without Rust's `(os error 2)`.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

pub fn start(order: &Order<'_>) -> io::Result<Started> {
    let (log, print) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (gate, gate_keeper) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let pid = kernel::fork(|| {
        let refusal = become_service(order, &print);
        let program = order.exec.words.first().map_or("", String::as_str);
        let line =
            format!("{}: Failed at step {} spawning {program}: {}\n", order.unit, refusal.step, refusal.why);
        let _ = rustix::io::write(&print, line.as_bytes());
        let _ = rustix::io::write(&gate_keeper, b"x");
        refusal.status
    })?;
    rustix::io::ioctl_fionbio(&log, true)?;
    rustix::io::ioctl_fionbio(&gate, true)?;
    Ok(Started { pid, log, gate })
}

fn become_service(order: &Order<'_>, print: &OwnedFd) -> Refusal {
    let service = order.service;
    let prepare = || -> Result<(Command, Option<Identity>), Refusal> {
        kernel::give_signals_back();
        rustix::process::setsid().map_err(|error| refusal(220, "SETSID")(error.into()))?;
        let root = Root::system().map_err(refusal(200, "CHDIR"))?;
        let accounts = Accounts::read(&root);
        let user = match &service.user {
            Some(name) => Some(accounts.user(name).cloned().ok_or(Refusal {
                status: 217,
                step: "USER",
                why: "No such process".into(),
            })?),
            None => None,
        };
        let identity = identity(service, user.as_ref(), &accounts)?;
        rustix::process::umask(Mode::from_raw_mode(service.umask));
        place_limits(service, order.mark).map_err(refusal(205, "LIMITS"))?;
        adjust(service);
        for directory in &service.directories {
            make(directory, identity.as_ref()).map_err(refusal(directory.failure, directory.variable))?;
        }
        let stdin = open("/dev/null", OFlags::RDONLY).map_err(refusal(208, "STDIN"))?;
        rustix::stdio::dup2_stdin(&stdin).map_err(|error| refusal(208, "STDIN")(error.into()))?;
        let to = |output: &Output| output_file(output).map_err(refusal(209, "STDOUT"));
        let stdout = to(&service.stdout)?;
        let stderr = to(&service.stderr)?;
        rustix::stdio::dup2_stdout(stdout.as_ref().unwrap_or(print))
            .map_err(|error| refusal(209, "STDOUT")(error.into()))?;
        rustix::stdio::dup2_stderr(stderr.as_ref().unwrap_or(print))
            .map_err(|error| refusal(222, "STDERR")(error.into()))?;
        let env = environment(order, &root, user.as_ref())?;
        let command = command(order.exec, &env)?;
        Ok((command, identity.filter(|_| !order.exec.privileged)))
    };
    let (mut command, identity) = match prepare() {
        Ok(ready) => ready,
        Err(refusal) => return refusal,
    };
    if let Some(identity) = identity
        && let Err(error) = identity.assume()
    {
        return refusal(216, "GROUP")(error);
    }
    if service.no_new_privileges
        && let Err(error) = rustix::thread::set_no_new_privs(true)
    {
        return refusal(227, "NO_NEW_PRIVILEGES")(error.into());
    }
    if let Err(error) = enter(service) {
        return refusal(200, "CHDIR")(error);
    }
    refusal(203, "EXEC")(command.exec())
}

fn identity(
    service: &Service,
    user: Option<&User>,
    accounts: &Accounts,
) -> Result<Option<Identity>, Refusal> {
    let no_group = || Refusal { status: 216, step: "GROUP", why: "No such process".into() };
    let group = match &service.group {
        Some(name) => Some(accounts.group(name).ok_or_else(no_group)?.gid),
        None => None,
    };
    let mut extra = Vec::new();
    for name in &service.supplementary_groups {
        extra.push(accounts.group(name).ok_or_else(no_group)?.gid);
    }
    if user.is_none() && group.is_none() && extra.is_empty() {
        return Ok(None);
    }
    let gid = group.or(user.map(|user| user.gid)).unwrap_or(0);
    let mut groups = user.map_or_else(|| vec![gid], |user| accounts.group_ids(user));
    for id in [gid].into_iter().chain(extra) {
        if !groups.contains(&id) {
            groups.push(id);
        }
    }
    Ok(Some(Identity { uid: user.map_or(0, |user| user.uid), gid, groups }))
}

/// Sets the limits that the unit asks for, as near as this node allows, and the unit's mark.
fn place_limits(service: &Service, mark: Mark) -> io::Result<()> {
    // PID 1's own limits are the engine's; a service starts with systemd's soft default for files.
    let files = rustix::process::getrlimit(Resource::Nofile);
    let soft = files.maximum.map_or(1024, |hard| hard.min(1024));
    let _ =
        rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum: files.maximum });
    for limit in &service.limits {
        let wanted = Rlimit { current: limit.soft, maximum: limit.hard };
        if rustix::process::setrlimit(limit.resource, wanted).is_ok() {
            continue;
        }
        // Raising a hard limit needs a capability that nodes lack: take what there is.
        let ceiling = rustix::process::getrlimit(limit.resource).maximum;
        let least = |value: Option<u64>| match (value, ceiling) {
            (Some(value), Some(ceiling)) => Some(value.min(ceiling)),
            (None, ceiling) => ceiling,
            (value, None) => value,
        };
        rustix::process::setrlimit(
            limit.resource,
            Rlimit { current: least(limit.soft), maximum: least(limit.hard) },
        )?;
    }
    let mark = Some(mark.limit());
    rustix::process::setrlimit(Resource::Locks, Rlimit { current: mark, maximum: mark })?;
    Ok(())
}

/// Niceness and OOM score: a node lacks the capability to lower either, and
/// the service is started all the same.
fn adjust(service: &Service) {
    if let Some(nice) = service.nice {
        let _ = rustix::process::setpriority_process(None, nice);
    }
    if let Some(score) = service.oom_score_adjust {
        let _ = std::fs::write("/proc/self/oom_score_adj", score.to_string());
    }
}

/// Makes a service's own directories, never through a link.
fn make(directory: &OwnDirectory, identity: Option<&Identity>) -> io::Result<()> {
    for name in &directory.names {
        let mut path = directory.base.to_owned();
        let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
        for (index, part) in parts.iter().enumerate() {
            path = format!("{path}/{part}");
            match rustix::fs::mkdir(path.as_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            if index + 1 < parts.len() {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let dir = rustix::fs::open(path.as_str(), flags, Mode::empty())?;
            let stat = rustix::fs::fstat(&dir)?;
            // Configuration stays root's, as with systemd.
            let owner = identity.filter(|_| directory.base != "/etc").map_or((0, 0), |id| (id.uid, id.gid));
            if (stat.st_uid, stat.st_gid) != owner {
                let uid = rustix::fs::Uid::from_raw(owner.0);
                let gid = rustix::fs::Gid::from_raw(owner.1);
                rustix::fs::fchown(&dir, Some(uid), Some(gid))?;
            }
            rustix::fs::fchmod(&dir, Mode::from_raw_mode(directory.mode))?;
        }
    }
    Ok(())
}

fn open(path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::from_raw_mode(0o644))?)
}

fn output_file(output: &Output) -> io::Result<Option<OwnedFd>> {
    Ok(match output {
        Output::Journal => None,
        Output::Null => Some(open("/dev/null", OFlags::WRONLY)?),
        Output::File { path, append, truncate } => {
            let mut flags = OFlags::WRONLY | OFlags::CREATE;
            if *append {
                flags |= OFlags::APPEND;
            }
            if *truncate {
                flags |= OFlags::TRUNC;
            }
            Some(open(path, flags)?)
        }
    })
}

/// The whole environment of a service, the later source winning, as systemd.exec(5) orders them.
fn environment(
    order: &Order<'_>,
    root: &Root,
    user: Option<&User>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let service = order.service;
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), SEARCH_PATH.to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    if let Some(user) = user {
        env.insert("USER".into(), user.name.clone());
        env.insert("LOGNAME".into(), user.name.clone());
        env.insert("HOME".into(), user.home.clone());
        env.insert("SHELL".into(), user.shell.clone());
    }
    env.insert("SYSTEMD_EXEC_PID".into(), std::process::id().to_string());
    env.extend(order.extra.iter().cloned());
    for directory in &service.directories {
        let paths: Vec<String> =
            directory.names.iter().map(|name| format!("{}/{name}", directory.base)).collect();
        env.insert(directory.variable.to_owned(), paths.join(":"));
    }
    env.extend(service.environment.iter().cloned());
    for (path, may_be_missing) in &service.environment_files {
        let missing = |why: &str| Refusal { status: 1, step: "ENVIRONMENT", why: format!("{path}: {why}") };
        match root.read(path, 1024 * 1024) {
            Ok(Some(Contents::Regular(bytes))) => env.extend(words::environment_file(&bytes.text())),
            _ if *may_be_missing => {}
            Ok(None) => return Err(missing("No such file or directory")),
            Ok(Some(Contents::NotRegular)) => return Err(missing("not a regular file")),
            Err(error) => return Err(missing(&describe(&error))),
        }
    }
    Ok(env)
}

fn command(exec: &Exec, env: &BTreeMap<String, String>) -> Result<Command, Refusal> {
    let words = if exec.literal { exec.words.clone() } else { words::expand(&exec.words, env) };
    let none = || Refusal { status: 203, step: "EXEC", why: "No such file or directory".into() };
    // The program itself is never taken from a variable.
    let program = exec.words.first().ok_or_else(none)?;
    let path = if program.contains('/') {
        program.clone()
    } else {
        let found = SEARCH_PATH.split(':').map(|dir| format!("{dir}/{program}"));
        found.into_iter().find(|path| std::path::Path::new(path).is_file()).ok_or_else(none)?
    };
    let mut command = Command::new(path);
    command.env_clear().envs(env).args(words.iter().skip(1));
    if let Some(name) = &exec.own_name {
        command.arg0(name);
    }
    Ok(command)
}

fn enter(service: &Service) -> io::Result<()> {
    let Some((path, may_be_missing)) = &service.working_directory else {
        return Ok(rustix::process::chdir("/")?);
    };
    let home;
    let path = if path == "~" {
        let accounts = Accounts::read(&Root::system()?);
        home = service
            .user
            .as_ref()
            .and_then(|name| accounts.user(name))
            .map_or("/root".to_owned(), |u| u.home.clone());
        home.as_str()
    } else {
        path.as_str()
    };
    match rustix::process::chdir(path) {
        Err(_) if *may_be_missing => Ok(rustix::process::chdir("/")?),
        other => Ok(other?),
    }
}

/// Whether a gate has told: `Some(true)` the program runs, `Some(false)` it never will.
pub fn gate_says(gate: &OwnedFd) -> Option<bool> {
    let mut byte = [0];
    let mut file = std::fs::File::from(gate.try_clone().ok()?);
    match file.read(&mut byte) {
        Ok(0) => Some(true),
        Ok(_) => Some(false),
        Err(_) => None,
    }
}
