//! What a worker does: one request, one reply. Runs in a process forked from
//! PID 1, so it sees the manager's state as it was at that moment.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};

use crashcart_facts::{
    Answer, Asked, Envelope, Hello, PROTOCOL, Question, Ran, Reading, Reply, Request, Script, TEXT_LIMIT,
};

use crate::accounts::Accounts;
use crate::collect::{Collector, inventory};
use crate::guest::systemd::Systemd;
use crate::init::Init;
use crate::program::{self, Program, SEARCH_PATH};
use crate::relay;
use crate::rooted::{Link, Root};

/// An answer that says why there is none.
pub fn unreadable(why: &str) -> Answer {
    Answer { reading: Reading::Unreadable { why: why.to_owned() }, again: None, took_ms: 0 }
}

/// Answers one request of the host with at most `room` bytes.
pub fn answer(
    init: &Init,
    request: &Request,
    deadline: Instant,
    answers: Option<&OwnedFd>,
    room: usize,
) -> Reply {
    match request {
        Request::Hello { .. } if init.in_guest => hello_of_guest(deadline),
        Request::Hello { .. } => Reply::Refused { why: "the agent answers this itself".into() },
        Request::Guest { .. } => Reply::Refused { why: "this is answered outside the guest".into() },
        Request::Hardware(_) => Reply::Refused { why: "the agent does this itself".into() },
        Request::Batch(_) => Reply::Refused { why: "the agent takes a batch apart itself".into() },
        // Some is left for second readings, which are small and few.
        Request::Collect { asked, .. } => collect(init, asked, deadline, answers, room / 4 * 3),
        Request::Inventory { .. } => match inventory::take(init, deadline, room) {
            Ok(inventory) => Reply::Inventory(Box::new(inventory)),
            Err(error) => Reply::Refused { why: format!("the node's root could not be opened: {error}") },
        },
        Request::Run(script) => run(script, deadline),
        Request::Plant { path, text, owner } => match plant(path, text, owner) {
            Ok(()) => Reply::Planted,
            Err(why) => Reply::Refused { why },
        },
        Request::Unplant { path } => match unplant(path) {
            Ok(()) => Reply::Unplanted,
            Err(why) => Reply::Refused { why },
        },
    }
}

/// Longest wait for one word of systemd's on how far it is.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);

/// Waits until the guest's systemd has nothing left to start.
fn hello_of_guest(deadline: Instant) -> Reply {
    // Some is left to say so when it does not.
    let until = deadline - Duration::from_secs(4).min(deadline.saturating_duration_since(Instant::now()) / 2);
    let mut state = String::new();
    let mut failed_units = Vec::new();
    loop {
        // A question that is put while it boots may get no answer; the next one does.
        let mut systemd = Systemd::connect().map(|systemd| systemd.with_patience(HELLO_PATIENCE));
        if let Ok(systemd) = &mut systemd {
            state = systemd.state().unwrap_or_default();
        }
        let settled = matches!(state.as_str(), "running" | "degraded" | "maintenance");
        if let (true, Ok(systemd)) = (settled, &mut systemd) {
            failed_units = systemd.failed().unwrap_or_default();
        }
        if settled || Instant::now() >= until {
            let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            return Reply::Hello(Hello {
                protocol: PROTOCOL,
                agent: env!("CARGO_PKG_VERSION").into(),
                boot_id: boot_id.trim().to_owned(),
                booted_at_ms: crate::processes::machine_boot_ms(),
                settled,
                failed_units,
            });
        }
        // systemd has better things to do meanwhile.
        std::thread::sleep(Duration::from_millis(400));
    }
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn collect(
    init: &Init,
    asked: &[Asked],
    deadline: Instant,
    log: Option<&OwnedFd>,
    answers_limit: usize,
) -> Reply {
    let collector = match Collector::new(init, deadline) {
        Ok(collector) => collector,
        Err(error) => return Reply::Refused { why: format!("the node's root could not be opened: {error}") },
    };
    let mut log = log.and_then(|fd| fd.try_clone().ok()).map(File::from);
    let mut answers = Vec::new();
    let mut again: Vec<(Instant, usize)> = Vec::new();
    let mut size = 0;
    for (index, asked) in asked.iter().enumerate() {
        let began = Instant::now();
        let mut answer = if began >= deadline {
            unreadable("the time for all questions ran out")
        } else {
            let reading = collector.read(&asked.question);
            Answer { reading, again: None, took_ms: ms(began.elapsed()) }
        };
        let mut line = serde_json::to_string(&answer).unwrap_or_default();
        if size + line.len() > answers_limit {
            answer = unreadable("the answers to all questions together are too large");
            line = serde_json::to_string(&answer).unwrap_or_default();
        }
        size += line.len();
        if let Some(log) = &mut log {
            let _ = writeln!(log, "{line}");
        }
        answers.push(answer);
        if asked.again_after_ms > 0 {
            again.push((Instant::now() + Duration::from_millis(u64::from(asked.again_after_ms)), index));
        }
    }
    again.sort();
    for (due, index) in again {
        let now = Instant::now();
        answers[index].again = Some(if due >= deadline {
            Reading::Unreadable { why: "the time for all questions ran out before the second reading".into() }
        } else {
            std::thread::sleep(due.saturating_duration_since(now));
            match init.in_guest {
                true => collector.read(&asked[index].question),
                false => ask_anew(&asked[index].question, deadline),
            }
        });
    }
    Reply::Collected { answers }
}

/// The second reading of a question. What PID 1 keeps for itself, services and accelerators, stands still in this
/// copy of it: PID 1 is asked once more, for a copy of what it is now.
fn ask_anew(question: &Question, deadline: Instant) -> Reading {
    let asked = vec![Asked { question: question.clone(), again_after_ms: 0 }];
    let budget_ms = ms(deadline.saturating_duration_since(Instant::now()));
    let request = Envelope::new(Request::Collect { asked, budget_ms });
    let reply = serde_json::to_vec(&request)
        .map_err(|error| error.to_string())
        .and_then(|bytes| relay::ask(&bytes).map_err(|why| why.to_string()))
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    let why = match reply {
        Ok(Reply::Collected { answers }) => match answers.into_iter().next() {
            Some(answer) => return answer.reading,
            None => "no answer".to_owned(),
        },
        Ok(Reply::Refused { why }) | Err(why) => why,
        Ok(_) => "another answer".to_owned(),
    };
    Reading::Unreadable { why: format!("the second reading failed: {why}") }
}

/// Holds a script in an anonymous file. Bash is given its descriptor and
/// closes it in its first command, so that nothing it starts inherits the script.
fn hold(text: &str) -> std::io::Result<OwnedFd> {
    let fd = program::anonymous_file("script", b"")?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let mut file = File::from(fd);
    // On the first line itself, so that bash counts the lines as their author did.
    writeln!(file, "exec {number}<&-; {text}")?;
    Ok(OwnedFd::from(file))
}

fn run(script: &Script, deadline: Instant) -> Reply {
    let file = match hold(&script.text) {
        Ok(file) => file,
        Err(error) => return Reply::Refused { why: format!("the script could not be held: {error}") },
    };
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    let mut env: Vec<(String, String)> = [
        ("PATH", SEARCH_PATH),
        ("HOME", "/root"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec();
    env.extend(script.env.clone());
    let outcome = program::run(Program {
        argv: ["/bin/bash", "-eu", "-o", "pipefail", &path].map(str::to_owned).to_vec(),
        env,
        directory: "/root".into(),
        identity: None,
        stdin: Vec::new(),
        extra: Some(file),
        deadline,
        leave_nothing: false,
    });
    match outcome {
        Ok(outcome) => match outcome.not_started {
            Some(why) => Reply::Refused { why: format!("/bin/bash could not be started: {why}") },
            None => Reply::Ran(Ran {
                end: outcome.end,
                stdout: outcome.stdout,
                stderr: outcome.stderr,
                took_ms: ms(outcome.took),
            }),
        },
        Err(error) => Reply::Refused { why: format!("the script could not be started: {error}") },
    }
}

fn parts(path: &str) -> Result<(&str, &str), String> {
    let (parent, name) = path.rsplit_once('/').ok_or_else(|| format!("`{path}` is no absolute path"))?;
    if !path.starts_with('/') || name.is_empty() || name == "." || name == ".." || parent.is_empty() {
        return Err(format!("`{path}` names no file in a directory of its own"));
    }
    Ok((parent, name))
}

/// Puts a small file where only its owner can read it.
fn plant(path: &str, text: &str, owner: &str) -> Result<(), String> {
    if text.len() > TEXT_LIMIT {
        return Err("the text is too large".into());
    }
    let (parent, name) = parts(path)?;
    let root = Root::system().map_err(|error| error.to_string())?;
    let accounts = Accounts::read(&root);
    let user = accounts.user(owner).ok_or_else(|| format!("there is no user `{owner}`"))?;
    std::fs::create_dir_all(parent).map_err(|error| format!("could not make `{parent}`: {error}"))?;
    let said = |error: rustix::io::Errno| format!("could not write `{path}`: {error}");
    let dir = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(said)?;
    // Whatever lies there was not put there by us, or by an earlier run of us.
    let _ = rustix::fs::unlinkat(&dir, name, rustix::fs::AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, name, flags, Mode::from_raw_mode(0o400)).map_err(said)?;
    let uid = rustix::fs::Uid::from_raw(user.uid);
    let gid = rustix::fs::Gid::from_raw(user.gid);
    rustix::fs::fchown(&fd, Some(uid), Some(gid)).map_err(said)?;
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o400)).map_err(said)?;
    File::from(fd).write_all(text.as_bytes()).map_err(|error| format!("could not write `{path}`: {error}"))
}

/// Removes what was planted, and its directory when that is empty then.
fn unplant(path: &str) -> Result<(), String> {
    let (parent, _) = parts(path)?;
    let root = Root::system().map_err(|error| error.to_string())?;
    let place =
        root.place(path, Link::Keep).map_err(|error| format!("could not look at `{path}`: {error}"))?;
    match place.map(|place| place.kind()) {
        None => {}
        Some(FileType::Directory) => return Err(format!("`{path}` is a directory")),
        Some(_) => {
            std::fs::remove_file(path).map_err(|error| format!("could not remove `{path}`: {error}"))?
        }
    }
    // Only a directory below another one can be ours; `/tmp` and its like stay.
    if parent.matches('/').count() > 1 {
        let _ = std::fs::remove_dir(parent);
    }
    Ok(())
}
