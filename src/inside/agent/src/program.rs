//! Running one program under watch: its output is kept up to a limit, its time
//! is bounded, and all that it started dies with it when the time is up.
//!
//! Used by workers only, never by PID 1 itself, because it waits. The caller
//! makes itself a subreaper, so that whatever the program leaves behind stays
//! a descendant that can be found and killed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crashcart_facts::{End, TEXT_LIMIT};

use crate::kernel;
use crate::processes;

/// Where programs of a node are looked for.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whose rights a program gets.
#[derive(Clone, Debug)]
pub struct Identity {
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All supplementary groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// Takes on this identity for good, groups first.
    pub fn assume(&self) -> io::Result<()> {
        let gid = |id| rustix::process::Gid::from_raw(id);
        let uid = rustix::process::Uid::from_raw(self.uid);
        let groups: Vec<_> = self.groups.iter().copied().map(gid).collect();
        set_thread_groups(&groups)?;
        set_thread_gid(gid(self.gid))?;
        set_thread_res_gid(gid(self.gid), gid(self.gid), gid(self.gid))?;
        set_thread_res_uid(uid, uid, uid)?;
        Ok(())
    }
}

/// One program to run.
pub struct Program {
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    pub directory: String,
    /// `None`: stay what the worker is, which is root.
    pub identity: Option<Identity>,
    pub stdin: Vec<u8>,
    /// A file that the program finds under the descriptor number that it has here, beside 0 to 2.
    pub extra: Option<OwnedFd>,
    pub deadline: Instant,
    /// Kill what is left over also after a normal end.
    pub leave_nothing: bool,
}

/// What became of it.
pub struct Outcome {
    /// Why it could not even be started.
    pub not_started: Option<String>,
    pub end: End,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// An anonymous file holding `bytes`, read from the start.
pub fn anonymous_file(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let fd = OwnedFd::from(file);
    rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(0))?;
    Ok(fd)
}

/// The limit that a worker puts on itself and takes off again before `exec`.
pub const WORKER_ADDRESS_SPACE: u64 = 512 * 1024 * 1024;

/// Sets only the soft limit, so that programs can have the whole back.
pub fn limit_own_memory() {
    let hard = rustix::process::getrlimit(Resource::As).maximum;
    let _ = rustix::process::setrlimit(
        Resource::As,
        Rlimit { current: Some(WORKER_ADDRESS_SPACE), maximum: hard },
    );
}

pub fn lift_own_memory_limit() {
    let hard = rustix::process::getrlimit(Resource::As).maximum;
    let _ = rustix::process::setrlimit(Resource::As, Rlimit { current: hard, maximum: hard });
}

/// Runs a program and waits for its end or its deadline.
pub fn run(program: Program) -> io::Result<Outcome> {
    let began = Instant::now();
    let (out_read, out_write) = pipe()?;
    let (err_read, err_write) = pipe()?;
    let (fault_read, fault_write) = pipe()?;
    let stdin = if program.stdin.is_empty() {
        rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?
    } else {
        anonymous_file("input", &program.stdin)?
    };
    let pid = kernel::fork(|| {
        let problem = become_program(&program, &stdin, &out_write, &err_write);
        let _ = rustix::io::write(&fault_write, problem.to_string().as_bytes());
        127
    })?;
    drop((out_write, err_write, fault_write, stdin));
    // Closed by a successful exec, or filled by the reason why there was none.
    let mut fault = String::new();
    let _ = File::from(fault_read).read_to_string(&mut fault);
    if !fault.is_empty() {
        let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        return Ok(Outcome {
            not_started: Some(fault),
            end: End::Exit(127),
            stdout: String::new(),
            stderr: String::new(),
            took: began.elapsed(),
        });
    }
    let mut stdout = Kept::new(out_read);
    let mut stderr = Kept::new(err_read);
    let end = watch(pid, &mut stdout, &mut stderr, program.deadline);
    if program.leave_nothing || end == End::TimedOut {
        kill_descendants();
    }
    Ok(Outcome {
        not_started: None,
        end,
        stdout: stdout.text(),
        stderr: stderr.text(),
        took: began.elapsed(),
    })
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// In the child: returns only with the reason why the program could not be started.
fn become_program(program: &Program, stdin: &OwnedFd, stdout: &OwnedFd, stderr: &OwnedFd) -> io::Error {
    let prepare = || -> io::Result<()> {
        kernel::give_signals_back();
        rustix::process::setsid()?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        lift_own_memory_limit();
        if let Some(file) = &program.extra {
            rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?;
        }
        rustix::stdio::dup2_stdin(stdin)?;
        rustix::stdio::dup2_stdout(stdout)?;
        rustix::stdio::dup2_stderr(stderr)?;
        if let Some(identity) = &program.identity {
            identity.assume()?;
        }
        if rustix::process::chdir(program.directory.as_str()).is_err() {
            rustix::process::chdir("/")?;
        }
        Ok(())
    };
    if let Err(error) = prepare() {
        return error;
    }
    let mut words = program.argv.iter();
    let Some(path) = words.next() else { return io::Error::from(io::ErrorKind::InvalidInput) };
    let mut command = Command::new(path);
    command.args(words).env_clear().envs(program.env.iter().map(|(key, value)| (key, value)));
    command.exec()
}

/// Output read so far, cut off at the limit but drained to its end.
struct Kept {
    fd: Option<OwnedFd>,
    bytes: Vec<u8>,
}

impl Kept {
    fn new(fd: OwnedFd) -> Self {
        let _ = rustix::io::ioctl_fionbio(&fd, true);
        Self { fd: Some(fd), bytes: Vec::new() }
    }

    fn drain(&mut self) {
        let mut chunk = [0; 16 * 1024];
        // A few rounds only: the deadline must be looked at between them.
        for _ in 0..16 {
            let Some(fd) = &self.fd else { return };
            match rustix::io::read(fd, &mut chunk) {
                Ok(0) => self.fd = None,
                Ok(got) => {
                    let room = TEXT_LIMIT - self.bytes.len();
                    self.bytes.extend_from_slice(&chunk[..got.min(room)]);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => self.fd = None,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// How long output is still read after the program itself has ended, for
/// children that share its pipe and are just finishing.
const AFTERMATH: Duration = Duration::from_millis(100);

fn watch(pid: Pid, stdout: &mut Kept, stderr: &mut Kept, deadline: Instant) -> End {
    let held = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
    let mut ended: Option<(End, Instant)> = None;
    loop {
        stdout.drain();
        stderr.drain();
        // Orphans of the program come to this worker as their subreaper and are buried here too.
        while let Ok(Some((gone, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if gone == pid {
                ended = Some((end_of(status), Instant::now() + AFTERMATH));
            }
        }
        let now = Instant::now();
        if let Some((end, until)) = ended {
            if (stdout.fd.is_none() && stderr.fd.is_none()) || now >= until {
                return end;
            }
        } else if now >= deadline {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            kill_descendants();
            stdout.drain();
            stderr.drain();
            return End::TimedOut;
        }
        let until = ended.map_or(deadline, |(_, until)| until);
        // Without a pidfd the end of the program is only noticed by looking.
        let longest = if held.is_some() { Duration::from_secs(5) } else { Duration::from_millis(10) };
        let wait = until.saturating_duration_since(now).min(longest);
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        for fd in [&stdout.fd, &stderr.fd].into_iter().flatten() {
            fds.push(PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN));
        }
        if let (Some(held), None) = (&held, ended) {
            fds.push(PollFd::from_borrowed_fd(held.as_fd(), PollFlags::IN));
        }
        let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        let _ = rustix::event::poll(&mut fds, Some(&timeout));
    }
}

fn end_of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exit(code),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => End::Exit(255),
    }
}

/// Kills every descendant of this process, until none is left or none can be.
pub fn kill_descendants() {
    let me = rustix::process::getpid().as_raw_nonzero().get();
    for _ in 0..20 {
        let left = processes::descendants(me);
        if left.is_empty() {
            return;
        }
        for pid in left {
            processes::signal(pid, Signal::KILL, |pid| processes::descendants(me).contains(&pid));
        }
        std::thread::sleep(Duration::from_millis(2));
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
}
