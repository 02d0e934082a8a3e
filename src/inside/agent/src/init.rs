//! `agent init`: PID 1 of a container node.
//!
//! One thread, one poll loop. It buries the dead, runs the service manager,
//! and takes requests on an abstract socket that it binds before anything
//! else runs. Whatever might block, bloat or crash (reading a node's files,
//! running its programs) happens in a worker forked for that one request,
//! with limits; PID 1 answers in its place when the worker does not.
//!
//! Out of reach of the node's root: not dumpable, so neither ptrace nor
//! /proc/1/{mem,environ,maps,fd} open without CAP_SYS_PTRACE; signals from
//! inside the node are ignored by the kernel or by `kernel::Arrived`; its
//! limits cannot be changed, since one of its group ids is nobody else's.
//!
//! In the guest of a vm node the same loop runs as a service (`guest_main`):
//! systemd is the manager there, and nobody but root may speak to it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions};

use crashcart_facts::{Answer, Envelope, Hello, PROTOCOL, REPLY_LIMIT, REQUEST_LIMIT, Reply, Request};

use crate::hardware::Hardware;
use crate::kernel::{self, Peer};
use crate::local::{JobReport, Local, LocalReply, Wire};
use crate::manager::{Manager, Ticket, now_ms, service, tmpfiles};
use crate::processes;
use crate::program;
use crate::relay::SOCKET;
use crate::rooted::Root;
use crate::worker;

/// The user that the host's relay runs as.
pub const RELAY_UID: u32 = 65534;

/// Connections at once: of the host, and of all others together.
const HOST_CONNECTIONS: usize = 64;
const NODE_CONNECTIONS: usize = 24;
/// Largest message of the node's own tools.
const LOCAL_LIMIT: usize = 64 * 1024;
/// How long a client may take to send its message or to fetch its reply.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a worker gets beyond its own deadline before PID 1 ends it.
const GRACE: Duration = Duration::from_millis(1_000);
/// Longest budget of one request.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How long the whole node may take to stop.
const LEAVING: Duration = Duration::from_millis(6_000);

/// One client on the socket.
struct Client {
    fd: OwnedFd,
    peer: Peer,
    /// Started from outside the node, so it is the host's.
    is_host: bool,
    since: Instant,
    state: State,
    /// What is still to be done for it, where it asked for several things at once.
    batch: Option<Batch>,
}

/// A batch under way. Its replies go to the client one by one, each written by the worker that did the
/// work; what stands between them belongs to whoever writes next.
struct Batch {
    left: VecDeque<Request>,
    /// Written before the next reply.
    lead: Vec<u8>,
    /// Bytes that the client has been sent.
    sent: usize,
}

impl Batch {
    const BEGIN: &[u8] = br#"{"batch":["#;
    const NEXT: &[u8] = b",";
    const END: &[u8] = b"]}";
    /// Kept free for the end, and for a refusal in the place of a reply that has no room.
    const RESERVE: usize = 4096;

    fn new(requests: Vec<Request>) -> Self {
        Self { left: requests.into(), lead: Self::BEGIN.to_vec(), sent: 0 }
    }

    /// Bytes that the next reply may have.
    fn room(&self) -> usize {
        REPLY_LIMIT.saturating_sub(self.sent + self.lead.len() + Self::RESERVE)
    }

    /// The next reply with what stands around it.
    fn frame(&self, reply: &Reply) -> Framed {
        let mut body = serde_json::to_vec(reply).unwrap_or_default();
        let mut goes_on = reply.succeeded();
        if body.len() > self.room() {
            body = serde_json::to_vec(&refused("the replies of this batch together are too large"))
                .unwrap_or_default();
            goes_on = false;
        }
        goes_on &= !self.left.is_empty();
        let end: &[u8] = if goes_on { b"" } else { Self::END };
        Framed { bytes: [&self.lead, &body[..], end].concat(), goes_on }
    }
}

/// One reply of a batch as it is written.
struct Framed {
    bytes: Vec<u8>,
    /// Another one follows.
    goes_on: bool,
}

enum State {
    Reading(Vec<u8>),
    /// A worker answers.
    Working,
    /// Waits for the node to settle.
    Settling {
        until: Instant,
    },
    /// Waits for jobs of the manager.
    Jobs {
        tickets: Vec<Ticket>,
        reports: Vec<JobReport>,
    },
    Writing {
        bytes: Vec<u8>,
        sent: usize,
    },
    Done,
}

/// A forked process that answers one request.
struct Worker {
    pid: Pid,
    client: u64,
    deadline: Instant,
    request: Request,
    /// Holds a [`Note`] once the worker has begun to write its reply itself.
    answering: OwnedFd,
    /// Answers so far, one JSON document per line, to save what there is of an overrun collection.
    answers: Option<OwnedFd>,
    killed: bool,
}

/// What a worker tells PID 1 before it writes its reply.
struct Note {
    /// The reply's length in bytes, with what stands around it.
    length: u32,
    /// The next request of the batch is to be done.
    goes_on: bool,
}

impl Note {
    fn bytes(&self) -> [u8; 5] {
        let [a, b, c, d] = self.length.to_le_bytes();
        [a, b, c, d, u8::from(self.goes_on)]
    }

    fn read(fd: &OwnedFd) -> Option<Self> {
        let mut bytes = [0; 5];
        match rustix::io::read(fd, &mut bytes) {
            Ok(5) => {
                let [a, b, c, d, goes_on] = bytes;
                Some(Self { length: u32::from_le_bytes([a, b, c, d]), goes_on: goes_on == 1 })
            }
            _ => None,
        }
    }
}

/// Where the start of the node has got to.
enum Boot {
    /// A child makes the directories that services need.
    Preparing {
        child: Pid,
        until: Instant,
    },
    /// The manager starts what is enabled.
    Starting,
    Settled,
}

pub struct Init {
    listener: OwnedFd,
    signals: OwnedFd,
    notify: Option<OwnedFd>,
    syslog: Option<OwnedFd>,
    clients: Vec<(u64, Client)>,
    next_client: u64,
    workers: Vec<Worker>,
    pub manager: Manager,
    /// The node's accelerators, if it has any.
    pub hardware: Option<Hardware>,
    boot: Boot,
    pub boot_id: String,
    pub booted_at_ms: u64,
    leaving: Option<Instant>,
    /// This is the guest of a vm node, and its services are systemd's.
    pub in_guest: bool,
}

/// Runs in the guest of a vm node, below the process that holds the port; gives the exit status. `listener` listens
/// already: the host may ask as soon as the port is open.
pub fn guest_main(listener: OwnedFd) -> u8 {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    match Init::new(listener) {
        Ok(mut init) => {
            init.in_guest = true;
            init.run()
        }
        Err(error) => {
            eprintln!("crashcart-agent: could not begin: {error}");
            1
        }
    }
}

/// Runs as PID 1 until the engine stops the node; gives the exit status.
pub fn main() -> u8 {
    if rustix::process::getpid() != Pid::INIT {
        eprintln!("crashcart-agent: `init` is for PID 1 of a node");
        return 2;
    }
    // Before anything else can run in the node.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    keep_strangers_off();
    match listen().and_then(Init::new) {
        Ok(mut init) => init.run(),
        Err(error) => {
            eprintln!("crashcart-agent: could not begin: {error}");
            1
        }
    }
}

/// Gives this process a saved group id that nobody shares. prlimit(2) lets a
/// process change the limits of another when all of its ids are the caller's
/// own, and a CPU limit kills even PID 1; with one odd id it takes a
/// capability that nodes lack. Programs lose the id again at `exec`.
fn keep_strangers_off() {
    let root = rustix::process::Gid::from_raw(0);
    let odd = rustix::process::Gid::from_raw(RELAY_UID);
    let _ = rustix::thread::set_thread_res_gid(root, root, odd);
    // Changing ids may have reset the flag.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// The agent's socket, where requests wait until they are taken.
pub fn listen() -> std::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(SOCKET)?)?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket)
}

/// A datagram socket of the node's programs, open to all of them.
fn bind_datagrams(path: &str) -> std::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let _ = rustix::fs::unlink(path);
    rustix::net::sockopt::set_socket_passcred(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o666))?;
    Ok(socket)
}

impl Init {
    fn new(listener: OwnedFd) -> std::io::Result<Self> {
        // Its socket, too, is bound before anybody else could.
        let hardware = Hardware::from_environment();
        let signals = kernel::take_signals()?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        rustix::process::chdir("/")?;
        // The engine's pipes: a stuck reader there must not hold up PID 1.
        for stdio in [rustix::stdio::stdout(), rustix::stdio::stderr()] {
            let _ = rustix::io::ioctl_fionbio(stdio, true);
        }
        let boot_id = uuid();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut manager = Manager::new(Root::system()?, host, &boot_id, processes::machine_boot_ms());
        let hardware = hardware.unwrap_or_else(|why| {
            manager.say("init", &format!("This node has no GPUs: {why}."));
            None
        });
        Ok(Self {
            listener,
            signals,
            notify: None,
            syslog: None,
            clients: Vec::new(),
            next_client: 1,
            workers: Vec::new(),
            manager,
            hardware,
            boot: Boot::Settled,
            boot_id,
            booted_at_ms: now_ms(),
            leaving: None,
            in_guest: false,
        })
    }

    fn run(&mut self) -> u8 {
        if !self.in_guest {
            self.prepare();
        }
        loop {
            self.wait();
            // A mistake of ours must not take the whole node down with it.
            let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.turn()));
            if turn.is_err() {
                self.manager.say("init", "The agent made a mistake and goes on; please report this.");
                std::thread::sleep(Duration::from_millis(100));
            }
            if let Some(until) = self.leaving
                && (self.manager.is_down() || Instant::now() >= until)
            {
                return self.leave();
            }
        }
    }

    /// Everything that can be done without waiting.
    fn turn(&mut self) {
        self.take_signals();
        self.manager.read_logs();
        self.read_syslog();
        self.read_notifications();
        self.manager.tick();
        self.serve_hardware();
        self.go_on_booting();
        self.end_overdue_workers();
        self.accept();
        self.serve_clients();
        self.hand_out_reports();
    }

    // ----- start and end of the node -----

    fn prepare(&mut self) {
        let child = kernel::fork(|| {
            if let Ok(root) = Root::system() {
                tmpfiles::apply(&root);
            }
            0
        });
        match child {
            Ok(child) => {
                self.boot = Boot::Preparing { child, until: Instant::now() + Duration::from_secs(5) }
            }
            Err(_) => self.start_services(),
        }
    }

    fn start_services(&mut self) {
        self.boot = Boot::Starting;
        self.notify = bind_datagrams(service::NOTIFY_SOCKET).ok();
        self.syslog = bind_datagrams("/dev/log").ok();
        self.manager.say("init", &format!("crashcart agent {} starts this node.", env!("CARGO_PKG_VERSION")));
        self.manager.boot();
    }

    fn go_on_booting(&mut self) {
        match &self.boot {
            Boot::Preparing { child, until } if Instant::now() >= *until => {
                let _ = rustix::process::kill_process(*child, Signal::KILL);
                self.start_services();
            }
            Boot::Starting if !self.manager.is_busy() => self.boot = Boot::Settled,
            _ => {}
        }
    }

    /// The engine asks the node to stop.
    fn begin_to_leave(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(Instant::now() + LEAVING);
        self.manager.stop_all();
    }

    /// Lets the hardware have its turn, and the kernel its say.
    fn serve_hardware(&mut self) {
        let Some(hardware) = &mut self.hardware else { return };
        hardware.turn();
        let (lines, remarks) = (hardware.take_kernel_lines(), hardware.take_remarks());
        for remark in remarks {
            self.manager.say("init", &remark);
        }
        for line in lines {
            self.manager.journal.add_kernel(line.at_ms * 1000, &line.text);
        }
    }

    /// The last act: whatever still runs gets a moment, then dies with the pid namespace.
    fn leave(&mut self) -> u8 {
        if let Some(hardware) = &mut self.hardware {
            hardware.leave();
        }
        let others = || -> Vec<i32> {
            processes::all().into_iter().filter(|pid| *pid != 1 && processes::is_alive(*pid)).collect()
        };
        for pid in others() {
            processes::signal(pid, Signal::TERM, |_| true);
        }
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
            if others().is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        0
    }

    // ----- events -----

    fn wait(&self) {
        let mut watched: Vec<(&OwnedFd, PollFlags)> =
            vec![(&self.listener, PollFlags::IN), (&self.signals, PollFlags::IN)];
        watched.extend([&self.notify, &self.syslog].into_iter().flatten().map(|fd| (fd, PollFlags::IN)));
        let mut deadlines: Vec<Instant> =
            self.manager.next_deadline().into_iter().chain(self.leaving).collect();
        if let Some(hardware) = &self.hardware {
            watched.extend(hardware.watched().map(|fd| (fd, PollFlags::IN)));
            deadlines.extend(hardware.deadline());
        }
        for (_, client) in &self.clients {
            match &client.state {
                State::Reading(_) => {
                    watched.push((&client.fd, PollFlags::IN));
                    deadlines.push(client.since + PATIENCE);
                }
                State::Writing { .. } => {
                    watched.push((&client.fd, PollFlags::OUT));
                    deadlines.push(client.since + PATIENCE);
                }
                // Whoever waits for the node to settle is answered in the turn after it has.
                State::Settling { .. } if matches!(self.boot, Boot::Settled) => {
                    deadlines.push(Instant::now())
                }
                State::Settling { until } => deadlines.push(*until),
                State::Working | State::Jobs { .. } | State::Done => {}
            }
        }
        watched.extend(self.manager.logs.iter().map(|pipe| (&pipe.fd, PollFlags::IN)));
        watched.extend(
            self.manager
                .units
                .values()
                .filter_map(|unit| unit.gate.as_ref())
                .map(|gate| (gate, PollFlags::IN)),
        );
        deadlines.extend(self.workers.iter().map(|worker| worker.deadline));
        match &self.boot {
            Boot::Preparing { until, .. } => deadlines.push(*until),
            Boot::Starting if !self.manager.is_busy() => deadlines.push(Instant::now()),
            Boot::Starting | Boot::Settled => {}
        }
        let now = Instant::now();
        let wait = deadlines.into_iter().min().map(|at| {
            let left = at.saturating_duration_since(now);
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut fds: Vec<PollFd<'_>> =
            watched.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd.as_fd(), *flags)).collect();
        let _ = rustix::event::poll(&mut fds, wait.as_ref());
    }

    fn take_signals(&mut self) {
        while let Some(arrived) = kernel::next_signal(&self.signals) {
            let stops = matches!(arrived.signal, libc::SIGTERM | libc::SIGINT | libc::SIGPWR);
            if stops && arrived.from_outside {
                self.begin_to_leave();
            }
        }
        let mut ended = Vec::new();
        while let Ok(Some(end)) = rustix::process::wait(WaitOptions::NOHANG) {
            ended.push(end);
        }
        // What a process said before it ended counts before its end: a daemon that hands over to another says
        // MAINPID= and goes.
        if !ended.is_empty() {
            self.read_notifications();
        }
        for (pid, status) in ended {
            let raw = pid.as_raw_nonzero().get();
            if let Some(index) = self.workers.iter().position(|worker| worker.pid == pid) {
                let worker = self.workers.swap_remove(index);
                self.worker_ended(worker, status);
            } else if matches!(&self.boot, Boot::Preparing { child, .. } if *child == pid) {
                self.start_services();
            } else {
                self.manager.child_ended(raw, status);
            }
        }
    }

    fn read_syslog(&mut self) {
        let Some(socket) = &self.syslog else { return };
        let mut buffer = vec![0; 16 * 1024];
        for _ in 0..64 {
            let Ok((got, sender)) = kernel::receive(socket, &mut buffer) else { return };
            let text = String::from_utf8_lossy(&buffer[..got]).into_owned();
            let (speaker, claimed, text) = crate::manager::journal::syslog(&text);
            // The kernel's word on who sent it counts, not the message's.
            let pid = sender.map_or(0, |peer| peer.pid);
            let unit = self.manager.unit_of(pid).map(|unit| unit.name.clone());
            for line in text.lines() {
                // 0 is the kernel's, and no program's to claim.
                let pid = claimed.filter(|claimed| *claimed > 0).unwrap_or(pid);
                self.manager.journal.add(unit.as_deref(), &speaker, pid, line);
            }
        }
    }

    fn read_notifications(&mut self) {
        let Some(socket) = &self.notify else { return };
        let mut buffer = vec![0; 8 * 1024];
        let mut messages = Vec::new();
        for _ in 0..64 {
            let Ok((got, Some(sender))) = kernel::receive(socket, &mut buffer) else { break };
            messages.push((sender.pid, String::from_utf8_lossy(&buffer[..got]).into_owned()));
        }
        for (pid, message) in messages {
            let by_main = |manager: &Manager| {
                let is_main =
                    |unit: &&crate::manager::Unit| unit.main.as_ref().is_some_and(|main| main.pid == pid);
                manager.units.values().find(is_main).map(|unit| unit.name.clone())
            };
            let unit =
                self.manager.unit_of(pid).map(|unit| unit.name.clone()).or_else(|| by_main(&self.manager));
            if let Some(unit) = unit {
                self.manager.notified(&unit, &message);
            }
        }
    }

    // ----- clients -----

    fn accept(&mut self) {
        for _ in 0..32 {
            let Ok(fd) =
                rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
            else {
                return;
            };
            let Ok(peer) = kernel::peer(&fd) else { continue };
            // What the engine starts in a node has its parent outside of it.
            let is_host = peer.pid > 0 && processes::stat(peer.pid).is_some_and(|stat| stat.parent == 0);
            let others = self.clients.iter().filter(|(_, client)| client.is_host == is_host).count();
            if others >= if is_host { HOST_CONNECTIONS } else { NODE_CONNECTIONS } {
                continue;
            }
            self.next_client += 1;
            let state = State::Reading(Vec::new());
            let client = Client { fd, peer, is_host, since: Instant::now(), state, batch: None };
            self.clients.push((self.next_client, client));
        }
    }

    fn serve_clients(&mut self) {
        let now = Instant::now();
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index].1;
            match &mut client.state {
                State::Reading(bytes) => match read_message(&client.fd, bytes, client.is_host) {
                    Message::More if now >= client.since + PATIENCE => client.state = State::Done,
                    Message::More => {}
                    Message::Broken => client.state = State::Done,
                    Message::TooLarge => self.reply(index, &refused("the request is too large")),
                    Message::Whole => {
                        let bytes = std::mem::take(bytes);
                        client.state = State::Working;
                        self.take_request(index, &bytes);
                    }
                },
                State::Writing { bytes, sent } => match rustix::io::write(&client.fd, &bytes[*sent..]) {
                    Ok(more) => {
                        *sent += more;
                        client.since = now;
                        if *sent == bytes.len() {
                            client.state = State::Done;
                        }
                    }
                    Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
                        if now < client.since + PATIENCE => {}
                    Err(_) => client.state = State::Done,
                },
                State::Settling { until } => {
                    if matches!(self.boot, Boot::Settled) || now >= *until {
                        let hello = self.hello();
                        self.reply_in_turn(index, &hello);
                    }
                }
                State::Working | State::Jobs { .. } | State::Done => {}
            }
        }
        self.clients.retain(|(_, client)| {
            let done = matches!(client.state, State::Done);
            if done {
                // Workers may hold copies of the descriptor: shutting down ends them all.
                let _ = rustix::net::shutdown(&client.fd, Shutdown::Both);
            }
            !done
        });
    }

    fn reply(&mut self, index: usize, reply: &impl serde::Serialize) {
        let bytes = serde_json::to_vec(reply).unwrap_or_default();
        self.write(index, bytes);
    }

    fn write(&mut self, index: usize, bytes: Vec<u8>) {
        let client = &mut self.clients[index].1;
        client.since = Instant::now();
        client.state = State::Writing { bytes, sent: 0 };
    }

    /// Answers one request: all that the client asked, or the next part of its batch.
    fn reply_in_turn(&mut self, index: usize, reply: &Reply) {
        let Some(batch) = &mut self.clients[index].1.batch else {
            self.reply(index, reply);
            return;
        };
        let framed = batch.frame(reply);
        if framed.goes_on {
            batch.lead = [&framed.bytes, Batch::NEXT].concat();
            self.go_on_with_batch(index);
        } else {
            self.write(index, framed.bytes);
        }
    }

    /// Begins with the next request of a batch.
    fn go_on_with_batch(&mut self, index: usize) {
        let Some(batch) = &mut self.clients[index].1.batch else { return };
        match batch.left.pop_front() {
            Some(request) => self.begin(index, request),
            None => {
                let bytes = [&batch.lead, Batch::END].concat();
                self.write(index, bytes);
            }
        }
    }

    fn hello(&self) -> Reply {
        Reply::Hello(Hello {
            protocol: PROTOCOL,
            agent: env!("CARGO_PKG_VERSION").into(),
            boot_id: self.boot_id.clone(),
            booted_at_ms: self.booted_at_ms,
            settled: matches!(self.boot, Boot::Settled),
            failed_units: self.manager.failed_units(),
        })
    }

    fn take_request(&mut self, index: usize, bytes: &[u8]) {
        let client = &self.clients[index].1;
        let peer = client.peer;
        if bytes.len() <= LOCAL_LIMIT
            && let Ok(Wire::Local(local)) = serde_json::from_slice::<Wire>(bytes)
        {
            if peer.uid == 0 || local.is_harmless() {
                self.take_local(index, local);
            } else {
                self.reply(index, &LocalReply::Refused("Access denied".into()));
            }
            return;
        }
        // Root of the node may do all this anyway; the relay is known by where it comes from.
        let may_ask = peer.uid == 0 || (peer.uid == RELAY_UID && client.is_host);
        if !may_ask {
            self.reply(index, &refused("only the host and root may ask"));
            return;
        }
        let envelope: Envelope = match serde_json::from_slice(bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                // An agent of another protocol version fails here or just below.
                self.reply(index, &refused(&format!("the request is not understood: {error}")));
                return;
            }
        };
        if envelope.protocol != PROTOCOL {
            let why =
                format!("the request speaks protocol {}, this agent speaks {PROTOCOL}", envelope.protocol);
            self.reply(index, &refused(&why));
            return;
        }
        match envelope.request {
            Request::Batch(requests)
                if requests.iter().any(|request| matches!(request, Request::Batch(_))) =>
            {
                self.reply(index, &refused("a batch holds no other batch"));
            }
            Request::Batch(requests) => {
                self.clients[index].1.batch = Some(Batch::new(requests));
                self.go_on_with_batch(index);
            }
            request => self.begin(index, request),
        }
    }

    fn begin(&mut self, index: usize, request: Request) {
        match request {
            Request::Guest { .. } => {
                self.reply_in_turn(index, &refused("this node runs no guest"));
            }
            Request::Hello { wait_ms } if !self.in_guest => {
                let until = Instant::now() + Duration::from_millis(u64::from(wait_ms));
                self.clients[index].1.state = State::Settling { until };
            }
            Request::Hardware(act) => {
                let done = match &mut self.hardware {
                    Some(hardware) => hardware.act(act),
                    None => Err("this node has no simulated hardware".to_owned()),
                };
                let reply = done.map_or_else(|why| refused(&why), |()| Reply::Done);
                self.reply_in_turn(index, &reply);
            }
            request => {
                if let (Request::Collect { .. }, Some(hardware)) = (&request, &mut self.hardware) {
                    hardware.let_break();
                }
                self.clients[index].1.state = State::Working;
                self.start_worker(index, request);
            }
        }
    }

    fn take_local(&mut self, index: usize, local: Local) {
        match local {
            Local::Job { verb, units, wait } => {
                let tickets: Vec<Ticket> =
                    units.iter().take(256).map(|unit| self.manager.request(verb, unit)).collect();
                self.clients[index].1.state = State::Jobs { tickets, reports: Vec::new() };
                if !wait {
                    // What is refused at once is still told.
                    self.hand_out_reports();
                    if let State::Jobs { reports, .. } = &mut self.clients[index].1.state {
                        let reports = std::mem::take(reports);
                        self.reply(index, &LocalReply::Jobs(reports));
                    }
                }
            }
            Local::Kill { units, signal, main_only } => {
                let Some(signal) = Signal::from_named_raw(signal) else {
                    self.reply(index, &LocalReply::Refused("unknown signal".into()));
                    return;
                };
                let mut hit = false;
                for name in &units {
                    let Some(unit) = self.manager.units.get(name) else { continue };
                    let mark = unit.mark;
                    let main = unit.main.as_ref().map(|main| main.pid);
                    let pids = if main_only { main.into_iter().collect() } else { processes::of_mark(mark) };
                    for pid in pids {
                        hit = true;
                        processes::signal(pid, signal, |pid| processes::mark(pid) == Some(mark));
                    }
                }
                let reply =
                    if hit { LocalReply::Done } else { LocalReply::Refused("no process to signal".into()) };
                self.reply(index, &reply);
            }
            Local::Units { names } if names.is_empty() => {
                let views = self.manager.views();
                self.reply(index, &LocalReply::Units(views));
            }
            Local::Units { names } => {
                let views = names.iter().take(256).map(|name| self.manager.view(name)).collect();
                self.reply(index, &LocalReply::Units(views));
            }
            Local::Reload => {
                self.manager.say("init", "Reloading requested from client...");
                self.manager.reload_files();
                self.reply(index, &LocalReply::Done);
            }
            Local::ResetFailed { units } => {
                self.manager.reset_failed(&units);
                self.reply(index, &LocalReply::Done);
            }
            Local::Journal { after, unit, most } => {
                let entries = self.manager.journal.after(after, unit.as_deref(), most.min(20_000));
                let boot = self.manager.journal.boot().to_owned();
                self.reply(index, &LocalReply::Journal { boot, entries });
            }
        }
    }

    /// Gives finished jobs to the clients that wait for them.
    fn hand_out_reports(&mut self) {
        let finished = self.manager.take_finished();
        for (ticket, report) in finished {
            for (_, client) in &mut self.clients {
                if let State::Jobs { tickets, reports } = &mut client.state
                    && let Some(at) = tickets.iter().position(|known| *known == ticket)
                {
                    tickets.remove(at);
                    reports.push(report.clone());
                }
            }
        }
        for index in 0..self.clients.len() {
            if let State::Jobs { tickets, reports } = &mut self.clients[index].1.state
                && tickets.is_empty()
            {
                let reports = std::mem::take(reports);
                self.reply(index, &LocalReply::Jobs(reports));
            }
        }
    }

    // ----- workers -----

    fn start_worker(&mut self, index: usize, request: Request) {
        let budget = match &request {
            Request::Collect { budget_ms, .. } | Request::Inventory { budget_ms } => {
                Duration::from_millis(u64::from(*budget_ms))
            }
            Request::Run(script) => Duration::from_millis(u64::from(script.timeout_ms)),
            Request::Hello { wait_ms } => Duration::from_millis(u64::from(*wait_ms)) + Duration::from_secs(5),
            Request::Plant { .. }
            | Request::Unplant { .. }
            | Request::Hardware(_)
            | Request::Guest { .. }
            | Request::Batch(_) => Duration::from_secs(5),
        }
        .min(LONGEST);
        let answers = match &request {
            Request::Collect { .. } => program::anonymous_file("answers", b"").ok(),
            _ => None,
        };
        let Ok((answering, answering_keeper)) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)
        else {
            self.reply_in_turn(index, &refused("no descriptor is left for a worker"));
            return;
        };
        let deadline = Instant::now() + budget;
        let child = kernel::fork(|| {
            let (fd, batch) = self.become_worker(index);
            let room = batch.as_ref().map_or(REPLY_LIMIT, Batch::room);
            let reply = worker::answer(self, &request, deadline, answers.as_ref(), room);
            let framed = match batch {
                Some(batch) => batch.frame(&reply),
                None => Framed { bytes: serde_json::to_vec(&reply).unwrap_or_default(), goes_on: false },
            };
            let length = u32::try_from(framed.bytes.len()).unwrap_or(u32::MAX);
            let note = Note { length, goes_on: framed.goes_on };
            let _ = rustix::io::write(&answering_keeper, &note.bytes());
            i32::from(File::from(fd).write_all(&framed.bytes).is_err())
        });
        match child {
            Err(error) => {
                self.reply_in_turn(index, &refused(&format!("no worker could be started: {error}")));
            }
            Ok(pid) => {
                let client = self.clients[index].0;
                let deadline = deadline + GRACE;
                self.workers.push(Worker {
                    pid,
                    client,
                    deadline,
                    request,
                    answering,
                    answers,
                    killed: false,
                });
            }
        }
    }

    /// In a forked child: lets go of all that is PID 1's own and takes on limits.
    fn become_worker(&mut self, index: usize) -> (OwnedFd, Option<Batch>) {
        let (_, client) = self.clients.swap_remove(index);
        self.clients.clear();
        self.workers.clear();
        self.manager.logs.clear();
        self.notify = None;
        self.syslog = None;
        if let Some(hardware) = &mut self.hardware {
            hardware.forget_clients();
        }
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        if self.in_guest {
            // The clock may have been set since.
            self.manager.machine_boot_ms = processes::machine_boot_ms();
            let _ = std::fs::write("/proc/self/oom_score_adj", "0");
        }
        program::limit_own_memory();
        let _ = rustix::io::ioctl_fionbio(&client.fd, false);
        (client.fd, client.batch)
    }

    fn end_overdue_workers(&mut self) {
        let now = Instant::now();
        for worker in &mut self.workers {
            if now < worker.deadline {
                continue;
            }
            // All that it started first: afterwards nobody could tell whose they were.
            for pid in processes::descendants(worker.pid.as_raw_nonzero().get()) {
                processes::signal(pid, Signal::KILL, |_| true);
            }
            let _ = rustix::process::kill_process(worker.pid, Signal::KILL);
            worker.killed = true;
            worker.deadline = now + Duration::from_secs(1);
        }
    }

    /// Speaks for a worker that could not speak for itself.
    fn worker_ended(&mut self, worker: Worker, status: rustix::process::WaitStatus) {
        let Some(index) = self.clients.iter().position(|(id, _)| *id == worker.client) else { return };
        let client = &mut self.clients[index].1;
        // The worker, which could wait, had made the descriptor wait.
        let _ = rustix::io::ioctl_fionbio(&client.fd, true);
        if let Some(note) = Note::read(&worker.answering) {
            match &mut client.batch {
                // It has been written whole, and somebody was there to take it.
                Some(batch) if note.goes_on && status.exit_status() == Some(0) => {
                    batch.sent += note.length as usize;
                    batch.lead = Batch::NEXT.to_vec();
                    self.go_on_with_batch(index);
                }
                _ => client.state = State::Done,
            }
            return;
        }
        let why = if worker.killed {
            "the time for this request ran out".to_owned()
        } else if let Some(signal) = status.terminating_signal() {
            format!("the agent's worker was killed by signal {signal}")
        } else {
            "the agent's worker ended without an answer".to_owned()
        };
        match (&worker.request, &worker.answers) {
            (Request::Collect { asked, .. }, Some(answers)) => {
                let reply = salvage(asked.len(), answers, &why);
                self.reply_in_turn(index, &reply);
            }
            _ => self.reply_in_turn(index, &refused(&why)),
        }
    }
}

/// What a dead worker had found out, and `why` for the rest.
fn salvage(asked: usize, answers: &OwnedFd, why: &str) -> Reply {
    let mut text = String::new();
    if let Ok(fd) = answers.try_clone() {
        let mut file = File::from(fd);
        if file.seek(SeekFrom::Start(0)).is_ok() {
            let _ = file.take(REPLY_LIMIT as u64).read_to_string(&mut text);
        }
    }
    let mut found: Vec<Answer> =
        text.lines().map_while(|line| serde_json::from_str(line).ok()).take(asked).collect();
    while found.len() < asked {
        found.push(worker::unreadable(why));
    }
    Reply::Collected { answers: found }
}

fn refused(why: &str) -> Reply {
    Reply::Refused { why: why.to_owned() }
}

enum Message {
    More,
    Whole,
    TooLarge,
    Broken,
}

/// Reads what has arrived of a message; its end is the end of the stream.
fn read_message(fd: &OwnedFd, bytes: &mut Vec<u8>, is_host: bool) -> Message {
    let limit = if is_host { REQUEST_LIMIT } else { LOCAL_LIMIT };
    let mut chunk = [0; 64 * 1024];
    for _ in 0..16 {
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => return Message::Whole,
            Ok(got) if bytes.len() + got > limit => return Message::TooLarge,
            Ok(got) => bytes.extend_from_slice(&chunk[..got]),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Message::More,
            Err(_) => return Message::Broken,
        }
    }
    Message::More
}

/// A random id in the shape of the kernel's boot id.
fn uuid() -> String {
    let hex = service::random_hex();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frames: Vec<Framed>) -> Reply {
        let bytes: Vec<u8> = frames.into_iter().flat_map(|framed| framed.bytes).collect();
        serde_json::from_slice(&bytes).expect("a reply")
    }

    fn batch(left: usize) -> Batch {
        Batch::new(vec![Request::Unplant { path: "/x".into() }; left])
    }

    #[test]
    fn replies_of_a_batch_make_one_document() {
        let mut batch = batch(1);
        let first = batch.frame(&Reply::Planted);
        assert!(first.goes_on);
        batch.left.clear();
        batch.lead = Batch::NEXT.to_vec();
        let last = batch.frame(&Reply::Unplanted);
        assert!(!last.goes_on);
        assert_eq!(read(vec![first, last]), Reply::Batch(vec![Reply::Planted, Reply::Unplanted]));
    }

    #[test]
    fn a_batch_ends_after_what_did_not_succeed() {
        let framed = batch(3).frame(&refused("no"));
        assert!(!framed.goes_on);
        assert_eq!(read(vec![framed]), Reply::Batch(vec![refused("no")]));
    }

    #[test]
    fn a_reply_without_room_is_refused_and_the_whole_stays_within_its_limit() {
        let mut batch = batch(2);
        batch.sent = REPLY_LIMIT - Batch::RESERVE - 100;
        let framed = batch.frame(&refused(&"x".repeat(1000)));
        assert!(!framed.goes_on && batch.sent + framed.bytes.len() <= REPLY_LIMIT);
        let Reply::Batch(replies) = read(vec![framed]) else { panic!("a batch") };
        assert_eq!(replies, [refused("the replies of this batch together are too large")]);
    }
}
