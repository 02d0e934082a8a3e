//! `agent vm`: PID 1 of a vm node's container. It starts the guest, restored
//! from a snapshot or booted from its own disk, and joins the host to it.
//!
//! ```text
//! the host's `agent call`, `shell`, `console` ──► this socket ──► frames over a virtio-serial port ──► `agent guest`
//!                                                  │
//!                            QEMU's monitor, the serial console, frames of the network
//! ```
//!
//! The guest is not believed about itself: whether it runs is known from
//! QEMU's monitor and from its console (`console.rs`). When the engine stops
//! the node, the guest is shut down as by its power button, so that it stops
//! its services and writes its disks; when the engine starts it again, it
//! boots from its own disk.
//!
//! - `identity.rs`: who a guest is
//! - `aside.rs`: what of a request is answered out here, where the hardware is
//! - `qemu.rs`, `qmp.rs`: QEMU's command line and monitor
//! - `template.rs`: makes the snapshot (`agent vm-template`) and reads it
//! - `probe.rs`: whether KVM runs guests here
//! - `packets.rs`: the network
//! - `terminal.rs`: shells and consoles in this container, far ends of channels

mod aside;
pub mod console;
pub mod identity;
mod packets;
mod probe;
mod qemu;
mod qmp;
pub mod template;
pub mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crashcart_facts::{
    Answer, Envelope, Fact, GuestCondition, GuestState, QEMU_ENDED, Question, REPLY_LIMIT, REQUEST_LIMIT,
    Reading, Reply, Request, TEMPLATE_DIR, VM_VARIABLE, VmNode,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Pid;
use serde_json::json;

use crate::frames::{CHUNK, Decoder, Frame, Kind, NONCE, Opening, Terminal, WINDOW};
use crate::hardware::{DriverTold, GuestHardware};
use crate::kernel;
use crate::relay::SOCKET;
use aside::Aside;
use console::{Console, Sign};
use identity::Identity;
use qemu::{Accelerator, Memory, Running, Start};
use qmp::{Qmp, Said};

/// What belongs to this node alone: its disks, and who it is.
const HOME: &str = "/var/lib/crashcart-vm";
/// The guest's disk as the image has it.
const IMAGE_DISK: &str = "/usr/share/crashcart-vm/disk.qcow2";
/// How long a guest may take to answer after it was restored.
const RESTORED_WITHIN: Duration = Duration::from_secs(20);
/// How long an answer to a `Sync` is waited for before another one is sent.
const SYNC_AGAIN: Duration = Duration::from_secs(2);
/// How long a shutdown may take before the power is cut.
const SHUTDOWN: Duration = Duration::from_secs(40);
/// What a request waits for a guest that is coming up, when it does not say.
const WAIT: Duration = Duration::from_secs(10);
/// Connections at once.
const CLIENTS: usize = 128;
/// Bytes that wait for one client before it is given up.
const CLIENT_BACKLOG: usize = 4 * WINDOW;
/// Lines of the console that are told.
const CONSOLE_LINES: usize = 30;
/// The signal with which a program stops itself that has found a mistake of its own.
const ABORTED: i32 = libc::SIGABRT;
/// In the home: how often in a row QEMU has done so while the guest came up.
const ABORTS: &str = "aborts";
const ABORTS_IN_A_ROW: u32 = 3;

/// Runs as PID 1 until the guest is off; gives the exit status.
pub fn main() -> u8 {
    if rustix::process::getpid() != Pid::INIT {
        eprintln!("crashcart-agent: `vm` is for PID 1 of a vm node");
        return 2;
    }
    match Launcher::new() {
        Ok(mut launcher) => launcher.run(),
        Err(error) => {
            eprintln!("crashcart-agent: could not start the guest: {error}");
            1
        }
    }
}

/// The node that this container is told to be.
fn node_of_environment() -> io::Result<VmNode> {
    let text =
        std::env::var(VM_VARIABLE).map_err(|_| io::Error::other(format!("{VM_VARIABLE} is not set")))?;
    serde_json::from_str(&text).map_err(io::Error::other)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Name and text of each file of sshd's host keys.
type HostKeys = Vec<(String, String)>;

/// Where the guest stands.
enum Guest {
    /// Not heard of yet.
    Coming {
        since: Instant,
    },
    /// Asked whether it hears us.
    Syncing {
        since: Instant,
        nonce: [u8; NONCE],
        asked: Instant,
    },
    /// It is becoming this node.
    Adopting {
        since: Instant,
        said: String,
    },
    Up,
    Down {
        why: String,
    },
}

/// A client on the socket.
struct Client {
    fd: OwnedFd,
    since: Instant,
    /// Bytes that wait for it.
    out: Vec<u8>,
    what: What,
    /// To be dropped once `out` is written.
    done: bool,
}

enum What {
    /// Nothing is known of it yet.
    New(Vec<u8>),
    Call(Call),
    /// Waits until the guest is up or will not come up, or until then.
    State(Instant),
    Shell(Shell),
    Console(Decoder),
}

/// A request on its way.
struct Call {
    bytes: Vec<u8>,
    /// Until when it waits for the guest.
    until: Instant,
    /// Bytes handed to the guest, and of them not yet taken.
    sent: usize,
    outstanding: usize,
    channel: Option<u32>,
    replied: usize,
    /// What is answered out here.
    asides: Vec<Aside>,
    /// A collection: faults that wait for it come true before.
    collects: bool,
    /// The guest's reply, where something is to be put back into it.
    reply: Vec<u8>,
}

/// A terminal in the guest.
struct Shell {
    decoder: Decoder,
    terminal: Terminal,
    channel: Option<u32>,
    /// Its user has been told that the guest is away.
    waits: bool,
}

struct Launcher {
    node: VmNode,
    home: PathBuf,
    listener: OwnedFd,
    signals: OwnedFd,
    running: Running,
    qmp: Qmp,
    decoder: Decoder,
    /// Frames that wait for the port.
    backlog: Vec<u8>,
    console: Console,
    /// systemd gave up on this start.
    emergency: bool,
    guest: Guest,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    next_channel: u32,
    /// Which client a channel belongs to.
    channels: BTreeMap<u32, u64>,
    adopting: u32,
    /// Host keys of its sshd, being made while the guest comes up.
    keys: Option<std::thread::JoinHandle<io::Result<HostKeys>>>,
    accelerator: Accelerator,
    no_kvm: Option<String>,
    restored: bool,
    snapshot_problem: Option<String>,
    /// The guest's accelerators.
    hardware: Option<GuestHardware>,
    /// The node is being stopped, until then at the latest.
    leaving: Option<Instant>,
    /// The guest switched itself off.
    switched_off: bool,
    /// The guest stood still while it came up, and was ended for that.
    hung: bool,
}

impl Launcher {
    fn new() -> io::Result<Self> {
        let node = node_of_environment()?;
        let home = PathBuf::from(HOME);
        fs::create_dir_all(&home)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&listener, &SocketAddrUnix::new_abstract_name(SOCKET)?)?;
        rustix::net::listen(&listener, 128)?;
        let signals = kernel::take_signals()?;
        let mut plan = Plan::of(&node, &home)?;
        let mut hardware = GuestHardware::from_environment(&node.shape).map_err(io::Error::other)?;
        if let Some(hardware) = &mut hardware {
            plan.restore_board(hardware);
        }
        let Launched { running, qmp } = plan.launch(&node, &home, hardware.as_ref())?;
        let now = Instant::now();
        let keys = (!home.join("adopted").exists()).then(|| {
            let home = home.clone();
            std::thread::spawn(move || ssh_keys(&home))
        });
        let guest = match plan.restores() {
            // It hears us as soon as it lives: its port was open when the snapshot was taken.
            true => Guest::Syncing { since: now, nonce: random(), asked: now - SYNC_AGAIN },
            false => Guest::Coming { since: now },
        };
        let mut launcher = Self {
            home,
            listener,
            signals,
            qmp,
            decoder: Decoder::default(),
            backlog: Vec::new(),
            console: Console::default(),
            emergency: false,
            guest,
            clients: BTreeMap::new(),
            next_client: 1,
            next_channel: 1,
            channels: BTreeMap::new(),
            adopting: 0,
            keys,
            accelerator: plan.accelerator,
            no_kvm: plan.no_kvm.clone(),
            restored: plan.restores(),
            snapshot_problem: plan.snapshot_problem.clone(),
            hardware,
            leaving: None,
            switched_off: false,
            hung: false,
            running,
            node,
        };
        launcher.carry_frames()?;
        Ok(launcher)
    }

    /// Joins the guest's interfaces to the container's.
    fn carry_frames(&mut self) -> io::Result<()> {
        for (fd, mac) in std::mem::take(&mut self.running.nics).into_iter().zip(macs(&self.node)) {
            let wire = kernel::packet_socket("eth0").map_err(|error| {
                io::Error::other(format!(
                    "eth0 could not be joined to the guest, which takes NET_RAW: {error}"
                ))
            })?;
            packets::carry(wire, fd, &mac)?;
        }
        Ok(())
    }

    fn run(&mut self) -> u8 {
        loop {
            self.wait();
            self.take_signals();
            if let Some(status) = self.look_after_qemu() {
                return status;
            }
            self.hear_monitor();
            self.hear_console();
            self.hear_port();
            self.serve_hardware();
            self.accept();
            self.go_on();
            self.serve_clients();
            self.write();
        }
    }

    fn wait(&self) {
        let out = |backlog: &[u8]| if backlog.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.qmp.fd.as_fd(), PollFlags::IN | out(&self.qmp.output)),
            PollFd::from_borrowed_fd(self.running.serial.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.running.port.as_fd(), PollFlags::IN | out(&self.backlog)),
        ];
        if let Some(bell) = &self.running.bell {
            fds.push(PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN));
        }
        for client in self.clients.values() {
            // A request has been read to its end: only its reply is left.
            let heard = match client.what {
                What::Call(_) | What::State(_) => PollFlags::empty(),
                _ => PollFlags::IN,
            };
            fds.push(PollFd::from_borrowed_fd(client.fd.as_fd(), heard | out(&client.out)));
        }
        // Short while something is due, long while nothing is.
        let ms = match &self.guest {
            Guest::Up | Guest::Down { .. } if self.leaving.is_none() => 1000,
            _ => 100,
        };
        let due = self.hardware.as_ref().map(|it| it.deadline().saturating_duration_since(Instant::now()));
        let ms = due.and_then(|due| i64::try_from(due.as_millis()).ok()).map_or(ms, |due| ms.min(due + 1));
        let wait = Timespec { tv_sec: ms / 1000, tv_nsec: ms % 1000 * 1_000_000 };
        let _ = rustix::event::poll(&mut fds, Some(&wait));
    }

    /// Lets the hardware have its turn.
    fn serve_hardware(&mut self) {
        let Some(hardware) = &mut self.hardware else { return };
        self.running.quiet_bell();
        hardware.turn();
        for remark in hardware.take_remarks() {
            println!("crashcart: {remark}");
        }
    }

    fn take_signals(&mut self) {
        while let Some(arrived) = kernel::next_signal(&self.signals) {
            let stops = matches!(arrived.signal, libc::SIGTERM | libc::SIGINT | libc::SIGPWR);
            if stops && arrived.from_outside && self.leaving.is_none() {
                // A guest that does not answer has no button to press.
                let answers = matches!(self.guest, Guest::Up);
                self.leaving = Some(Instant::now() + if answers { SHUTDOWN } else { Duration::ZERO });
                if answers {
                    self.qmp.say("system_powerdown", json!({}));
                }
            }
        }
    }

    /// Gives the node's exit status once QEMU has ended.
    fn look_after_qemu(&mut self) -> Option<u8> {
        // Nobody else: what the engine starts in this container is not ours to bury, and whoever runs a tool
        // here waits for it.
        if let Ok(Some(status)) = self.running.child.try_wait() {
            self.hear_monitor();
            self.hear_console();
            if let Some(hardware) = &mut self.hardware {
                hardware.leave();
            }
            let by_itself = status.success();
            if self.leaving.is_some() || (by_itself && self.switched_off) {
                self.say("the guest is off");
                return Some(0);
            }
            if self.restored && !self.is_adopted() {
                return Some(self.start_over(&format!("QEMU ended with {status} while it was restored")));
            }
            let stopped_itself = status.signal() == Some(ABORTED) || self.hung;
            if stopped_itself && !matches!(self.guest, Guest::Up) && self.may_boot_again() {
                return Some(self.boot_again(&format!("QEMU ended with {status} while the guest came up")));
            }
            let _ = writeln!(io::stdout().lock(), "\n{QEMU_ENDED} {status}; the guest's disk is kept");
            return Some(1);
        }
        if let Some(until) = self.leaving
            && Instant::now() >= until
        {
            self.qmp.say("quit", json!({}));
            self.qmp.write();
            if Instant::now() >= until + Duration::from_secs(2) {
                let _ = self.running.child.kill();
            }
        }
        None
    }

    /// Speaks to the engine's log, where the console is, too.
    fn say(&self, text: &str) {
        let _ = writeln!(io::stdout().lock(), "\ncrashcart: {text}");
    }

    fn is_adopted(&self) -> bool {
        self.home.join("adopted").exists()
    }

    /// A snapshot that does not come to life is worth nothing, and nothing of a learner's is in the guest
    /// yet: it boots instead.
    fn start_over(&mut self, why: &str) -> u8 {
        self.say(&format!("{why}; the guest boots from its disk instead"));
        let _ = self.running.child.kill();
        let _ = fs::write(self.home.join("no-snapshot"), why);
        for entry in fs::read_dir(&self.home).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "qcow2") {
                let _ = fs::remove_file(entry.path());
            }
        }
        self.begin_again()
    }

    /// QEMU stops itself now and then while a guest's firmware or kernel lays out its buses and another processor
    /// runs (`iotlb_to_section: Assertion …`; known as its issue 1921). To the guest that is a power cut in its
    /// first seconds. Whoever waits for it asks again.
    fn boot_again(&mut self, why: &str) -> u8 {
        self.say(&format!("{why}; the guest boots again"));
        self.begin_again()
    }

    /// Whether QEMU has not stopped itself too often in a row; counts this time.
    fn may_boot_again(&self) -> bool {
        let file = self.home.join(ABORTS);
        let before = fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()).unwrap_or(0u32);
        before < ABORTS_IN_A_ROW && fs::write(&file, (before + 1).to_string()).is_ok()
    }

    fn begin_again(&self) -> u8 {
        kernel::give_signals_back();
        let error =
            std::process::Command::new("/proc/self/exe").arg0(crashcart_facts::AGENT_PATH).arg("vm").exec();
        self.say(&format!("could not begin again: {error}"));
        1
    }

    /// The guest is up, and is this node.
    fn is_up(&mut self) {
        self.guest = Guest::Up;
        let _ = fs::remove_file(self.home.join(ABORTS));
    }

    // ----- what QEMU and the guest say -----

    fn hear_monitor(&mut self) {
        for said in self.qmp.read() {
            match said {
                Said::Event { name, data } => self.happened(&name, &data),
                Said::Failed { id, why } => {
                    self.say(&format!("QEMU did not do `{id}`: {why}"));
                    if self.restored && !self.is_adopted() && id.starts_with("migrate") {
                        self.fail_restore(&why);
                    }
                }
                Said::Done { .. } => {}
            }
        }
    }

    fn fail_restore(&mut self, why: &str) {
        let status = self.start_over(&format!("the snapshot could not be restored ({why})"));
        std::process::exit(i32::from(status));
    }

    fn happened(&mut self, name: &str, data: &serde_json::Value) {
        match name {
            "VSERPORT_CHANGE" => {
                let now = Instant::now();
                match data.get("open").and_then(serde_json::Value::as_bool) {
                    Some(true) if !matches!(self.guest, Guest::Up | Guest::Adopting { .. }) => {
                        self.guest =
                            Guest::Syncing { since: self.since(), nonce: random(), asked: now - SYNC_AGAIN };
                    }
                    Some(false) => self.lose_guest(Guest::Coming { since: now }),
                    _ => {}
                }
            }
            "RESET" => {
                self.emergency = false;
                if let Some(hardware) = &mut self.hardware {
                    hardware.power_cycle();
                }
                self.lose_guest(Guest::Coming { since: Instant::now() });
            }
            "SHUTDOWN" => {
                self.switched_off = true;
                self.lose_guest(Guest::Down { why: "it is switched off".into() });
            }
            "GUEST_PANICKED" if !matches!(self.guest, Guest::Down { .. }) => {
                self.lose_guest(Guest::Down { why: "its kernel panicked".into() });
            }
            _ => {}
        }
    }

    /// Since when the guest has been coming up.
    fn since(&self) -> Instant {
        match &self.guest {
            Guest::Coming { since } | Guest::Syncing { since, .. } | Guest::Adopting { since, .. } => *since,
            Guest::Up | Guest::Down { .. } => Instant::now(),
        }
    }

    /// The guest no longer answers: all that was under way in it is over.
    fn lose_guest(&mut self, now: Guest) {
        self.guest = now;
        self.backlog.clear();
        self.decoder = Decoder::default();
        self.channels.clear();
        for client in self.clients.values_mut() {
            match &mut client.what {
                What::Call(call) if call.channel.is_some() => {
                    if call.replied == 0 {
                        client.out = reply(&Reply::Refused { why: "the guest went down meanwhile".into() });
                    }
                    client.done = true;
                }
                What::Shell(shell) => shell.channel = None,
                _ => {}
            }
        }
    }

    fn hear_console(&mut self) {
        let mut buffer = [0; CHUNK];
        while let Ok(got @ 1..) = rustix::io::read(&self.running.serial, &mut buffer) {
            let bytes = &buffer[..got];
            let _ = io::stdout().lock().write_all(bytes);
            let _ = io::stdout().lock().flush();
            for client in self.clients.values_mut() {
                if matches!(client.what, What::Console(_)) && client.out.len() < CLIENT_BACKLOG {
                    client.out.extend(Frame::new(Kind::Data, 1, bytes).encode());
                }
            }
            for sign in self.console.take(bytes) {
                match sign {
                    // A prompt in a shell on the console is no sign of a guest that answers.
                    Sign::Stuck(why) if !matches!(self.guest, Guest::Up) || why.contains("panicked") => {
                        self.lose_guest(Guest::Down { why });
                    }
                    Sign::Stuck(_) => {}
                    // The agent runs there, too, and tells the rest.
                    Sign::Emergency => self.emergency = true,
                    // Seen once without KVM, on a busy machine, a second into a boot; the guest stood still for ever.
                    Sign::LostTimer => {
                        let boots = !self.restored || self.is_adopted();
                        let comes = matches!(self.guest, Guest::Coming { .. }) && boots;
                        if comes && self.accelerator == Accelerator::Tcg && self.leaving.is_none() {
                            self.hung = true;
                            let _ = self.running.child.kill();
                        }
                    }
                }
            }
        }
    }

    fn hear_port(&mut self) {
        let mut buffer = [0; 64 * 1024];
        loop {
            match rustix::io::read(&self.running.port, &mut buffer) {
                Ok(got @ 1..) => self.decoder.push(&buffer[..got]),
                Err(Errno::INTR) => continue,
                _ => return,
            }
            while let Some(frame) = self.decoder.next() {
                self.take(frame);
            }
        }
    }

    fn take(&mut self, frame: Frame) {
        if frame.kind == Kind::Sync {
            if let Guest::Syncing { since, nonce, .. } = &self.guest
                && frame.bytes == *nonce
            {
                let since = *since;
                self.heard(since);
            }
            return;
        }
        match &mut self.guest {
            Guest::Adopting { said, .. } if frame.channel == self.adopting => match frame.kind {
                Kind::Data => said.push_str(&String::from_utf8_lossy(&frame.bytes)),
                Kind::Exit if frame.number() == 0 => {
                    let _ = fs::write(self.home.join("adopted"), "");
                    let took = self.since().elapsed().as_millis();
                    self.is_up();
                    self.say(&format!("the guest is this node, {took} ms after its start"));
                }
                Kind::Exit => {
                    let why = format!("it could not become this node: {said}");
                    self.say(&why);
                    self.guest = Guest::Down { why };
                }
                _ => {}
            },
            Guest::Up => self.deliver(frame),
            _ => {}
        }
    }

    /// The guest's agent answers.
    fn heard(&mut self, since: Instant) {
        if self.is_adopted() {
            self.is_up();
            self.say(&format!("the guest answers, {} ms after its start", since.elapsed().as_millis()));
            return;
        }
        self.say(&format!("the guest answers, {} ms after its start", since.elapsed().as_millis()));
        self.next_channel += 1;
        self.adopting = self.next_channel;
        match self.identity() {
            Ok(identity) => {
                let opening = Opening::Adopt(Box::new(identity));
                self.backlog.extend(Frame::open(self.adopting, &opening).encode());
                self.guest = Guest::Adopting { since, said: String::new() };
            }
            Err(error) => self.guest = Guest::Down { why: format!("nobody could say who it is: {error}") },
        }
    }

    fn identity(&mut self) -> io::Result<Identity> {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_err(io::Error::other)?;
        let name = self.node.hostname.clone();
        let mut hosts: Vec<String> = fs::read_to_string("/etc/hosts")?
            .lines()
            .filter(|line| {
                let mut words = line.split_ascii_whitespace();
                let address = words.next().unwrap_or_default();
                let others =
                    !address.starts_with("127.") && !address.contains(':') && !address.starts_with('#');
                others && !words.any(|word| word == name.as_str())
            })
            .map(str::to_owned)
            .collect();
        hosts.push(format!("{}\t{name}", self.node.address));
        Ok(Identity {
            now_us: u64::try_from(now.as_micros()).unwrap_or(0),
            entropy: hex(&random::<64>()),
            hostname: name.clone(),
            machine_id: hex(&random::<16>()),
            macs: macs(&self.node),
            address: self.node.address,
            prefix: self.node.prefix,
            gateway: self.node.gateway,
            hosts,
            ssh_keys: match self.keys.take() {
                Some(making) => making.join().map_err(|_| io::Error::other("no host keys were made"))??,
                None => ssh_keys(&self.home)?,
            },
        })
    }

    /// What time brings about.
    fn go_on(&mut self) {
        let now = Instant::now();
        if let Guest::Syncing { nonce, asked, since } = &mut self.guest {
            if self.restored && !self.home.join("adopted").exists() && now >= *since + RESTORED_WITHIN {
                self.fail_restore("its guest did not answer");
                return;
            }
            if now >= *asked + SYNC_AGAIN {
                *nonce = random();
                *asked = now;
                self.backlog.extend(Frame::sync(*nonce).encode());
            }
        }
    }

    // ----- clients -----

    fn accept(&mut self) {
        while let Ok(fd) =
            rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
        {
            // Nobody but the engine's own starts anything in this container.
            if self.clients.len() >= CLIENTS {
                continue;
            }
            self.next_client += 1;
            let what = What::New(Vec::new());
            let client = Client { fd, since: Instant::now(), out: Vec::new(), what, done: false };
            self.clients.insert(self.next_client, client);
        }
    }

    fn serve_clients(&mut self) {
        let numbers: Vec<u64> = self.clients.keys().copied().collect();
        for number in numbers {
            let Some(mut client) = self.clients.remove(&number) else { continue };
            let gone = self.hear_client(&mut client);
            if !gone {
                self.serve_client(number, &mut client);
                if client.write() && !(client.done && client.out.is_empty()) {
                    self.clients.insert(number, client);
                    continue;
                }
            }
            self.forget(&client);
        }
    }

    /// A client is gone: so is its channel.
    fn forget(&mut self, client: &Client) {
        let channel = match &client.what {
            What::Call(call) => call.channel,
            What::Shell(shell) => shell.channel,
            _ => None,
        };
        if let Some(channel) = channel
            && self.channels.remove(&channel).is_some()
        {
            self.backlog.extend(Frame::exit(channel, 0).encode());
        }
    }

    /// Reads what a client sent; true when it is gone.
    fn hear_client(&mut self, client: &mut Client) -> bool {
        let mut buffer = [0; 64 * 1024];
        loop {
            let got = match rustix::io::read(&client.fd, &mut buffer) {
                Ok(got) => got,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return false,
                Err(_) => return true,
            };
            match &mut client.what {
                What::New(bytes) if got == 0 => {
                    let bytes = std::mem::take(bytes);
                    self.begin_call(client, bytes);
                    return false;
                }
                // The end of a request has been read already: it waits for its reply, or is gone. Writing tells.
                What::Call(_) | What::State(_) => return false,
                _ if got == 0 => return true,
                What::New(bytes) => {
                    bytes.extend_from_slice(&buffer[..got]);
                    if bytes.len() > REQUEST_LIMIT {
                        client.out = reply(&Reply::Refused { why: "the request is too large".into() });
                        client.done = true;
                        return false;
                    }
                    // Requests are JSON; no frame begins like it.
                    if bytes[0] == Kind::Open as u8 {
                        let mut decoder = Decoder::in_step();
                        decoder.push(bytes);
                        self.begin_terminal(client, decoder);
                    }
                }
                What::Shell(shell) => {
                    shell.decoder.push(&buffer[..got]);
                    self.hear_shell(client);
                }
                What::Console(decoder) => {
                    decoder.push(&buffer[..got]);
                    while let Some(frame) = decoder.next() {
                        if frame.kind == Kind::Data {
                            let _ = rustix::io::write(&self.running.serial, &frame.bytes);
                        }
                    }
                }
            }
        }
    }

    fn begin_call(&mut self, client: &mut Client, bytes: Vec<u8>) {
        let mut bytes = bytes;
        let mut asides = Vec::new();
        let request = serde_json::from_slice::<Envelope>(&bytes).map(|envelope| envelope.request);
        if let (Ok(request), Some(_)) = (&request, &self.hardware)
            && let Some((left, aside)) = aside::set_aside(request)
            && let Ok(text) = serde_json::to_vec(&Envelope::new(left))
        {
            (bytes, asides) = (text, aside);
        }
        let wait = match &request {
            Ok(Request::Hardware(act)) => {
                let done = match &mut self.hardware {
                    Some(hardware) => hardware.act(act.clone()),
                    None => Err("this node has no simulated hardware".to_owned()),
                };
                client.out = reply(&done.map_or_else(|why| Reply::Refused { why }, |()| Reply::Done));
                client.done = true;
                return;
            }
            Ok(Request::Guest { wait_ms }) => {
                client.what = What::State(Instant::now() + Duration::from_millis(u64::from(*wait_ms)));
                return;
            }
            Ok(Request::Hello { wait_ms }) => Duration::from_millis(u64::from(*wait_ms)),
            Ok(Request::Batch(requests)) => match requests.first() {
                Some(Request::Hello { wait_ms }) => Duration::from_millis(u64::from(*wait_ms)),
                _ => WAIT,
            },
            _ => WAIT,
        };
        let until = Instant::now() + wait;
        let collects = match &request {
            Ok(Request::Batch(requests)) => requests.iter().any(|it| matches!(it, Request::Collect { .. })),
            Ok(request) => matches!(request, Request::Collect { .. }),
            Err(_) => false,
        };
        client.what = What::Call(Call {
            bytes,
            until,
            sent: 0,
            outstanding: 0,
            channel: None,
            replied: 0,
            asides,
            collects,
            reply: Vec::new(),
        });
    }

    /// Does what a request asks for out here, before the rest of it goes to the guest.
    fn act_aside(&mut self, call: &Call) {
        let Some(hardware) = &mut self.hardware else { return };
        for aside in &call.asides {
            if let Aside::Act { act, .. } = aside
                && let Err(why) = hardware.act(act.clone())
            {
                println!("crashcart: the hardware was asked for what it does not do: {why}");
            }
        }
        if call.collects {
            hardware.let_break();
        }
    }

    /// The guest's reply with what was answered out here.
    fn whole_reply(&self, call: &mut Call) -> Vec<u8> {
        let Some(hardware) = &self.hardware else { return std::mem::take(&mut call.reply) };
        match serde_json::from_slice(&call.reply) {
            Ok(said) => reply(&aside::put_back(said, std::mem::take(&mut call.asides), |question| {
                let began = Instant::now();
                let fact = match question {
                    Question::Gpu { index } => Fact::Gpu(Box::new(hardware.gpu(*index))),
                    _ => Fact::Gpus(Box::new(hardware.gpus())),
                };
                let took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
                Answer { reading: Reading::Known(fact), again: None, took_ms }
            })),
            Err(_) => std::mem::take(&mut call.reply),
        }
    }

    fn state(&self) -> GuestState {
        let condition = match &self.guest {
            Guest::Up => GuestCondition::Up,
            Guest::Down { why } => GuestCondition::Down { why: why.clone() },
            _ => GuestCondition::Coming {
                for_ms: u64::try_from(self.since().elapsed().as_millis()).unwrap_or(u64::MAX),
            },
        };
        GuestState {
            condition,
            emergency: self.emergency,
            accelerator: self.accelerator.word().into(),
            no_kvm: self.no_kvm.clone(),
            restored: self.restored,
            snapshot_problem: self.snapshot_problem.clone(),
            console: self.console.last_lines(CONSOLE_LINES),
        }
    }

    fn begin_terminal(&mut self, client: &mut Client, mut decoder: Decoder) {
        let Some(frame) = decoder.next() else {
            // The rest of it is still on its way.
            return;
        };
        match serde_json::from_slice(&frame.bytes) {
            Ok(Opening::Shell(terminal)) => {
                client.what = What::Shell(Shell { decoder, terminal, channel: None, waits: false });
            }
            Ok(Opening::Console) => {
                client.out.extend(
                    self.console
                        .kept()
                        .chunks(CHUNK)
                        .flat_map(|part| Frame::new(Kind::Data, 1, part).encode()),
                );
                client.what = What::Console(decoder);
            }
            _ => client.done = true,
        }
    }

    /// Hands on what a shell's user did.
    fn hear_shell(&mut self, client: &mut Client) {
        let What::Shell(shell) = &mut client.what else { return };
        while let Some(mut frame) = shell.decoder.next() {
            if let (Kind::Resize, Some((columns, rows))) = (frame.kind, frame.size()) {
                (shell.terminal.columns, shell.terminal.rows) = (columns, rows);
            }
            match shell.channel {
                Some(channel) => {
                    frame.channel = channel;
                    self.backlog.extend(frame.encode());
                }
                // ctrl-C, ctrl-D, or the end of what is typed: no more waiting.
                None if frame.kind == Kind::End
                    || (frame.kind == Kind::Data && frame.bytes.iter().any(|byte| matches!(byte, 3 | 4))) =>
                {
                    client.out.extend(Frame::exit(1, 0).encode());
                    client.done = true;
                }
                None => {}
            }
        }
    }

    /// Goes on with what a client waits for.
    fn serve_client(&mut self, number: u64, client: &mut Client) {
        let now = Instant::now();
        match &mut client.what {
            What::New(_) if now >= client.since + Duration::from_secs(20) => client.done = true,
            What::New(_) | What::Console(_) => {}
            What::State(until) => {
                if !client.done && (now >= *until || matches!(self.guest, Guest::Up | Guest::Down { .. })) {
                    client.out = reply(&Reply::Guest(self.state()));
                    client.done = true;
                }
            }
            What::Call(call) => {
                if call.channel.is_none() && !client.done {
                    match &self.guest {
                        Guest::Up => {
                            self.act_aside(call);
                            self.next_channel += 1;
                            call.channel = Some(self.next_channel);
                            self.channels.insert(self.next_channel, number);
                            self.backlog.extend(Frame::open(self.next_channel, &Opening::Call).encode());
                        }
                        Guest::Down { why } => {
                            client.out = reply(&Reply::Down { why: why.clone() });
                            client.done = true;
                        }
                        _ if now >= call.until => {
                            let last = self.console.last_lines(1).pop().unwrap_or_else(|| "nothing".into());
                            let why = format!("its guest has not come up yet; its console says: {last:.200}");
                            client.out = reply(&Reply::Refused { why });
                            client.done = true;
                        }
                        _ => {}
                    }
                }
                if let Some(channel) = call.channel {
                    while call.sent < call.bytes.len() && call.outstanding < WINDOW {
                        let end = (call.sent + CHUNK).min(call.bytes.len());
                        self.backlog
                            .extend(Frame::new(Kind::Data, channel, &call.bytes[call.sent..end]).encode());
                        call.outstanding += end - call.sent;
                        call.sent = end;
                        if end == call.bytes.len() {
                            self.backlog.extend(Frame::new(Kind::End, channel, Vec::new()).encode());
                        }
                    }
                }
            }
            What::Shell(shell) => {
                if shell.channel.is_some() || client.done {
                    return;
                }
                let name = &self.node.hostname;
                let note = match &self.guest {
                    Guest::Up => {
                        if shell.waits {
                            let text = format!("{name} is back\r\n");
                            client.out.extend(Frame::new(Kind::Data, 1, text).encode());
                            shell.waits = false;
                        }
                        self.next_channel += 1;
                        shell.channel = Some(self.next_channel);
                        self.channels.insert(self.next_channel, number);
                        let opening = Opening::Shell(shell.terminal.clone());
                        self.backlog.extend(Frame::open(self.next_channel, &opening).encode());
                        return;
                    }
                    Guest::Down { why } => {
                        format!("{name} is down: {why}\r\n`crashcart console {name}` shows its console\r\n")
                    }
                    _ if shell.waits => return,
                    _ => {
                        shell.waits = true;
                        let text = format!(
                            "\r\n{name} is not up; waiting for it (ctrl-C leaves, `crashcart console {name}` shows how it boots)\r\n"
                        );
                        client.out.extend(Frame::new(Kind::Data, 1, text).encode());
                        return;
                    }
                };
                client.out.extend(Frame::new(Kind::Data, 1, note).encode());
                client.out.extend(Frame::exit(1, 1).encode());
                client.done = true;
            }
        }
    }

    /// Gives a frame of the guest to the client whose it is.
    fn deliver(&mut self, mut frame: Frame) {
        let mut exited = false;
        let Some(number) = self.channels.get(&frame.channel).copied() else { return };
        let channel = frame.channel;
        let Some(client) = self.clients.get_mut(&number) else { return };
        match &mut client.what {
            What::Call(call) => match frame.kind {
                Kind::Ack => {
                    call.outstanding =
                        call.outstanding.saturating_sub(usize::try_from(frame.number()).unwrap_or(0));
                }
                Kind::Data => {
                    call.replied += frame.bytes.len();
                    if call.replied > REPLY_LIMIT {
                        client.done = true;
                    } else {
                        let kept = if call.asides.is_empty() { &mut client.out } else { &mut call.reply };
                        kept.extend(&frame.bytes);
                        self.backlog.extend(Frame::ack(channel, frame.bytes.len()).encode());
                    }
                }
                Kind::Exit => {
                    client.done = true;
                    call.channel = None;
                    self.channels.remove(&channel);
                    exited = !call.asides.is_empty();
                }
                _ => {}
            },
            What::Shell(shell) => {
                frame.channel = 1;
                if frame.kind == Kind::Exit {
                    shell.channel = None;
                    self.channels.remove(&channel);
                    client.done = true;
                }
                if client.out.len() <= CLIENT_BACKLOG {
                    client.out.extend(frame.encode());
                }
            }
            _ => {}
        }
        if exited && let Some(mut client) = self.clients.remove(&number) {
            if let What::Call(call) = &mut client.what {
                client.out = self.whole_reply(call);
            }
            self.clients.insert(number, client);
        }
    }

    fn write(&mut self) {
        self.qmp.write();
        while !self.backlog.is_empty() {
            match rustix::io::write(&self.running.port, &self.backlog) {
                Ok(sent @ 1..) => drop(self.backlog.drain(..sent)),
                Err(Errno::INTR) => {}
                _ => return,
            }
        }
    }
}

impl Client {
    /// Writes what can be written; false when nobody takes it any more.
    fn write(&mut self) -> bool {
        while !self.out.is_empty() {
            match rustix::io::write(&self.fd, &self.out) {
                Ok(sent @ 1..) => drop(self.out.drain(..sent)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                _ => return false,
            }
        }
        true
    }
}

fn reply(reply: &Reply) -> Vec<u8> {
    serde_json::to_vec(reply).unwrap_or_default()
}

/// MAC addresses of a node's interfaces: of QEMU's own range, and no two alike in one network.
fn macs(node: &VmNode) -> Vec<String> {
    let [_, b, c, d] = node.address.octets();
    (0..node.shape.nics).map(|n| format!("52:54:{:02x}:{b:02x}:{c:02x}:{d:02x}", 0x10 + n)).collect()
}

/// Host keys of this node's sshd, made here, where it takes no time.
fn ssh_keys(home: &Path) -> io::Result<HostKeys> {
    let mut keys = Vec::new();
    for kind in ["ed25519", "ecdsa"] {
        let name = format!("ssh_host_{kind}_key");
        let path = home.join(&name);
        if !path.exists() {
            let output = std::process::Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-t", kind, "-N", "", "-C", "root", "-f"])
                .arg(&path)
                .stdin(std::process::Stdio::null())
                .output()?;
            if !output.status.success() {
                return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
            }
        }
        for name in [name.clone(), format!("{name}.pub")] {
            keys.push((name.clone(), fs::read_to_string(home.join(&name))?));
        }
    }
    Ok(keys)
}

/// How the guest of this node is started this time.
struct Plan {
    accelerator: Accelerator,
    no_kvm: Option<String>,
    how: How,
    snapshot_problem: Option<String>,
    /// What the driver in the snapshot has told.
    told: DriverTold,
}

enum How {
    /// From its own disk, as any machine.
    Boot,
    /// For the first time, from a disk without a past.
    First { over: PathBuf },
    /// For the first time, from a snapshot and the disk that goes with it.
    Restore { over: PathBuf },
}

struct Launched {
    running: Running,
    qmp: Qmp,
}

impl Plan {
    fn of(node: &VmNode, home: &Path) -> io::Result<Self> {
        let folder = Path::new(TEMPLATE_DIR);
        let template = template::read(folder, &node.shape);
        let mut problem = fs::read_to_string(home.join("no-snapshot")).ok();
        let (kvm, no_kvm) = match &template {
            // Whoever made the snapshot has tried, on this very machine.
            Ok(template) if template.accelerator == Accelerator::Tcg => (false, template.no_kvm.clone()),
            _ => match probe::kvm(home) {
                Ok(()) => (true, None),
                Err(why) => (false, Some(why)),
            },
        };
        let accelerator = if kvm { Accelerator::Kvm } else { Accelerator::Tcg };
        let how = if home.join("root.qcow2").exists() {
            How::Boot
        } else {
            match &template {
                Ok(template) if problem.is_none() && template.accelerator == accelerator => {
                    How::Restore { over: folder.join(&template.root) }
                }
                Ok(template) => {
                    problem.get_or_insert_with(|| "it was made with another accelerator".into());
                    How::First { over: folder.join(&template.root) }
                }
                Err(why) => {
                    problem.get_or_insert_with(|| why.clone());
                    How::First { over: IMAGE_DISK.into() }
                }
            }
        };
        let told = template.map(|template| template.driver).unwrap_or_default();
        Ok(Self { accelerator, no_kvm, how, snapshot_problem: problem, told })
    }

    fn restores(&self) -> bool {
        matches!(self.how, How::Restore { .. })
    }

    /// Gives a guest that is restored the board of its snapshot. Without it the guest boots.
    fn restore_board(&mut self, hardware: &mut GuestHardware) {
        if let How::Restore { over } = &self.how
            && let Err(why) = hardware.restore(&Path::new(TEMPLATE_DIR).join(template::BOARD), &self.told)
        {
            self.snapshot_problem = Some(why);
            self.how = How::First { over: over.clone() };
        }
    }

    fn launch(&self, node: &VmNode, home: &Path, hardware: Option<&GuestHardware>) -> io::Result<Launched> {
        let folder = Path::new(TEMPLATE_DIR);
        let root = home.join("root.qcow2");
        let disks: Vec<PathBuf> =
            (0..node.shape.disks.len()).map(|n| home.join(format!("disk-{n}.qcow2"))).collect();
        let over = match &self.how {
            How::Boot => None,
            How::First { over } | How::Restore { over } => Some(over),
        };
        if let Some(over) = over {
            for (disk, shape) in disks.iter().zip(&node.shape.disks) {
                qemu::make_disk(disk, None, shape.size_mib)?;
            }
            // Last, for its being there says that all are.
            let new = home.join("root.new");
            qemu::make_disk(&new, Some(over), node.shape.disk_mib)?;
            fs::rename(&new, &root)?;
        }
        let agent = template::agent_disk(folder, home)?;
        let variables = node.shape.secure_boot.then(|| home.join(template::VARIABLES));
        if let Some(variables) = variables.as_ref().filter(|variables| over.is_some() || !variables.exists())
        {
            template::copy_variables(folder, variables)?;
        }
        let start = Start {
            shape: &node.shape,
            accelerator: self.accelerator,
            memory: if self.restores() { Memory::Shared(folder) } else { Memory::Own },
            root: &root,
            agent: &agent,
            disks: &disks,
            macs: &macs(node),
            variables: variables.as_deref(),
            board: hardware.map(GuestHardware::memory),
            incoming: self.restores(),
        };
        let mut running = start.spawn()?;
        let mut qmp = Qmp::new(std::mem::replace(&mut running.qmp, template::placeholder()?));
        if self.restores() {
            let capabilities =
                json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
            qmp.say("migrate-set-capabilities", capabilities);
            let state = folder.join("state");
            qmp.say("migrate-incoming", json!({ "uri": format!("file:{}", state.display()) }));
        }
        Ok(Launched { running, qmp })
    }
}
