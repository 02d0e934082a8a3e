//! `agent guest`: the agent in the guest of a vm node, a service of the
//! guest's own systemd.
//!
//! Two processes. One is the loop of `init.rs` with systemd in the place of
//! our manager: it takes requests on the abstract socket. The other, here,
//! holds the virtio-serial port and carries its channels: requests to that
//! socket, shells to terminals that it opens; and it takes on who this machine
//! is (`adopt.rs`) when it is told.
//!
//! Root of the guest can end both, or take the port: whoever owns the kernel
//! owns what runs on it. What the launcher learns by itself (`vm/`) does not
//! pass through here.

pub mod adopt;
mod network;
pub mod systemd;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::pty::OpenptFlags;

use crate::frames::{CHUNK, Decoder, Frame, Kind, Opening, Terminal, WINDOW};
use crate::kernel;
use crate::relay::SOCKET;
use crate::shell;
use crate::vm::identity::Identity;

/// Name of the port, as QEMU gives it.
pub const PORT: &str = "crashcart";
/// Bytes that wait for the port before channels are read no further.
const PORT_BACKLOG: usize = 1024 * 1024;
/// Time until the port is looked for again.
const PORT_PAUSE: Duration = Duration::from_millis(100);
/// Channels at once.
const CHANNELS: usize = 128;

/// Runs until the port is gone for good; gives the exit status.
pub fn main() -> u8 {
    let init = crate::init::listen()
        .and_then(|listener| kernel::fork(move || i32::from(crate::init::guest_main(listener))));
    let init = match init {
        Ok(pid) => pid,
        Err(error) => {
            eprintln!("crashcart-agent: could not begin: {error}");
            return 1;
        }
    };
    let status = match Bridge::new(init) {
        Ok(mut bridge) => bridge.run(),
        Err(error) => {
            eprintln!("crashcart-agent: {error}");
            1
        }
    };
    let _ = rustix::process::kill_process(init, Signal::KILL);
    status
}

/// Opens the port, once there is one.
fn open_port() -> std::io::Result<OwnedFd> {
    loop {
        for entry in std::fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten() {
            let name = std::fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim() == PORT {
                let path = std::path::Path::new("/dev").join(entry.file_name());
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
                return Ok(rustix::fs::open(&path, flags, Mode::empty())?);
            }
        }
        std::thread::sleep(PORT_PAUSE);
    }
}

/// What a channel leads to.
enum Far {
    /// A connection to the request loop.
    Call(OwnedFd),
    /// The master side of a shell's terminal.
    Shell { master: OwnedFd, pid: Pid },
}

impl Far {
    fn fd(&self) -> &OwnedFd {
        match self {
            Self::Call(fd) | Self::Shell { master: fd, .. } => fd,
        }
    }
}

struct Channel {
    far: Far,
    /// Bytes from the host that the far side has not taken yet.
    inbound: Vec<u8>,
    /// The host sends no more.
    inbound_ended: bool,
    /// Bytes sent to the host and not acknowledged.
    outstanding: usize,
    /// How the child behind it ended, once it has.
    status: Option<i32>,
    /// Nothing more comes from the far side.
    outbound_ended: bool,
}

struct Bridge {
    port: OwnedFd,
    decoder: Decoder,
    /// Frames that wait for the port.
    backlog: Vec<u8>,
    channels: BTreeMap<u32, Channel>,
    signals: OwnedFd,
    init: Pid,
    /// This machine has become another one, and not all who run on it have heard of it.
    changed: bool,
}

impl Bridge {
    fn new(init: Pid) -> std::io::Result<Self> {
        let signals = kernel::take_signals()?;
        Ok(Self {
            port: open_port()?,
            decoder: Decoder::default(),
            backlog: Vec::new(),
            channels: BTreeMap::new(),
            signals,
            init,
            changed: false,
        })
    }

    fn run(&mut self) -> u8 {
        loop {
            self.wait();
            if self.bury() {
                return 1;
            }
            self.read_port();
            let numbers: Vec<u32> = self.channels.keys().copied().collect();
            for number in numbers {
                self.serve(number);
            }
            self.write_port();
            // Not before the host knows.
            if self.changed && self.backlog.is_empty() {
                self.changed = false;
                adopt::spread();
            }
        }
    }

    fn send(&mut self, frame: &Frame) {
        self.backlog.extend(frame.encode());
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN)];
        let out = if self.backlog.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        fds.push(PollFd::from_borrowed_fd(self.port.as_fd(), PollFlags::IN | out));
        for channel in self.channels.values() {
            let mut flags = PollFlags::empty();
            if channel.may_read(self.backlog.len()) {
                flags |= PollFlags::IN;
            }
            if !channel.inbound.is_empty() {
                flags |= PollFlags::OUT;
            }
            // A terminal without a user reports that over and over.
            if !flags.is_empty() {
                fds.push(PollFd::from_borrowed_fd(channel.far.fd().as_fd(), flags));
            }
        }
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        let _ = rustix::event::poll(&mut fds, Some(&second));
    }

    /// Takes note of children that have ended; true when the request loop is among them, or all shall end.
    fn bury(&mut self) -> bool {
        let mut gone = false;
        while let Some(arrived) = kernel::next_signal(&self.signals) {
            // systemd stops this service, as a rule because the machine goes down.
            gone |= arrived.signal == libc::SIGTERM;
        }
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            gone |= pid == self.init;
            let code = status.exit_status().unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0));
            for channel in self.channels.values_mut() {
                if matches!(&channel.far, Far::Shell { pid: of, .. } if *of == pid) {
                    channel.status = Some(code);
                }
            }
        }
        gone
    }

    fn read_port(&mut self) {
        let mut buffer = [0; 64 * 1024];
        loop {
            match rustix::io::read(&self.port, &mut buffer) {
                // Nobody holds the other end just now.
                Ok(0) => {
                    std::thread::sleep(PORT_PAUSE);
                    return;
                }
                Ok(got) => self.decoder.push(&buffer[..got]),
                Err(Errno::INTR) => continue,
                Err(_) => return,
            }
            while let Some(frame) = self.decoder.next() {
                self.take(frame);
            }
        }
    }

    fn write_port(&mut self) {
        while !self.backlog.is_empty() {
            match rustix::io::write(&self.port, &self.backlog) {
                Ok(0) => return,
                Ok(sent) => drop(self.backlog.drain(..sent)),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, frame: Frame) {
        match frame.kind {
            Kind::Sync => {
                for channel in std::mem::take(&mut self.channels).into_values() {
                    channel.hang_up();
                }
                self.backlog.clear();
                self.send(&frame);
            }
            Kind::Open => self.open(&frame),
            Kind::Data => {
                let Some(channel) = self.channels.get_mut(&frame.channel) else { return };
                // More than the window is a broken promise.
                if channel.inbound.len() + frame.bytes.len() <= 2 * WINDOW {
                    channel.inbound.extend(&frame.bytes);
                }
            }
            Kind::Ack => {
                if let Some(channel) = self.channels.get_mut(&frame.channel) {
                    let taken = usize::try_from(frame.number()).unwrap_or(0);
                    channel.outstanding = channel.outstanding.saturating_sub(taken);
                }
            }
            Kind::Resize => {
                if let (Some(Channel { far: Far::Shell { master, .. }, .. }), Some((columns, rows))) =
                    (self.channels.get(&frame.channel), frame.size())
                {
                    set_size(master, columns, rows);
                }
            }
            Kind::End => {
                if let Some(channel) = self.channels.get_mut(&frame.channel) {
                    channel.inbound_ended = true;
                }
            }
            Kind::Exit => {
                if let Some(channel) = self.channels.remove(&frame.channel) {
                    channel.hang_up();
                }
            }
        }
    }

    fn open(&mut self, frame: &Frame) {
        let far = match serde_json::from_slice(&frame.bytes) {
            _ if self.channels.len() >= CHANNELS => Err("too many channels are open".to_owned()),
            Ok(Opening::Call) => connect().map(Far::Call).map_err(|error| error.to_string()),
            Ok(Opening::Shell(terminal)) => open_shell(&terminal)
                .map(|(master, pid)| Far::Shell { master, pid })
                .map_err(|e| e.to_string()),
            Ok(Opening::Adopt(identity)) => return self.adopt(frame.channel, &identity),
            Ok(Opening::Console) => Err("the console is not here".into()),
            Err(error) => Err(error.to_string()),
        };
        match far {
            Ok(far) => {
                let channel = Channel {
                    far,
                    inbound: Vec::new(),
                    inbound_ended: false,
                    outstanding: 0,
                    status: None,
                    outbound_ended: false,
                };
                self.channels.insert(frame.channel, channel);
            }
            Err(why) => {
                self.send(&Frame::new(Kind::Data, frame.channel, format!("crashcart-agent: {why}\r\n")));
                self.send(&Frame::exit(frame.channel, 127));
            }
        }
    }

    /// Takes on an identity. Here and not in a process of its own: nothing else goes on before that is done, and to
    /// make a process takes an emulated processor a tenth of a second.
    fn adopt(&mut self, channel: u32, identity: &Identity) {
        match adopt::adopt(identity) {
            Ok(is_new) => {
                self.changed |= is_new;
                self.send(&Frame::exit(channel, 0));
            }
            Err(why) => {
                self.send(&Frame::new(Kind::Data, channel, why));
                self.send(&Frame::exit(channel, 1));
            }
        }
    }

    /// Moves what can be moved on one channel.
    fn serve(&mut self, number: u32) {
        let backlog = self.backlog.len();
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let mut out = Vec::new();
        if let Some(taken) = channel.write() {
            out.push(Frame::ack(number, taken));
        }
        if channel.may_read(backlog) {
            channel.read(number, &mut out);
        }
        let over = channel.over();
        for frame in &out {
            self.send(frame);
        }
        if let Some(status) = over {
            if let Some(channel) = self.channels.remove(&number) {
                channel.hang_up();
            }
            self.send(&Frame::exit(number, status));
        }
    }
}

impl Channel {
    fn may_read(&self, backlog: usize) -> bool {
        !self.outbound_ended && self.outstanding < WINDOW && backlog < PORT_BACKLOG
    }

    /// Hands bytes of the host on; gives how many were taken.
    fn write(&mut self) -> Option<usize> {
        let fd = self.far.fd();
        let mut taken = 0;
        while !self.inbound.is_empty() {
            match rustix::io::write(fd, &self.inbound) {
                Ok(sent @ 1..) => {
                    self.inbound.drain(..sent);
                    taken += sent;
                }
                Err(Errno::INTR) => {}
                Ok(0) | Err(Errno::AGAIN) => break,
                // Nobody will take the rest.
                Err(_) => {
                    taken += self.inbound.len();
                    self.inbound.clear();
                }
            }
        }
        if self.inbound_ended && self.inbound.is_empty() {
            self.inbound_ended = false;
            if let Far::Call(fd) = &self.far {
                let _ = rustix::net::shutdown(fd, Shutdown::Write);
            }
        }
        (taken > 0).then_some(taken)
    }

    /// Takes what the far side has to say.
    fn read(&mut self, number: u32, out: &mut Vec<Frame>) {
        let fd = self.far.fd();
        let mut buffer = [0; CHUNK];
        let mut sent = 0;
        let mut ended = false;
        while self.outstanding + sent < WINDOW {
            match rustix::io::read(fd, &mut buffer) {
                Ok(got @ 1..) => {
                    sent += got;
                    out.push(Frame::new(Kind::Data, number, &buffer[..got]));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // A terminal whose last user has gone gives EIO.
                _ => {
                    ended = true;
                    break;
                }
            }
        }
        self.outstanding += sent;
        self.outbound_ended |= ended;
    }

    /// The status with which the channel ends now, if it does.
    fn over(&self) -> Option<i32> {
        match &self.far {
            Far::Call(_) => self.outbound_ended.then_some(0),
            // What a shell left in the background may hold its terminal; the shell decides.
            Far::Shell { .. } => self.status,
        }
    }

    /// The host wants no more of it.
    fn hang_up(self) {
        if let (Far::Shell { pid, .. }, None) = (&self.far, self.status) {
            // As when a line is cut: the kernel tells the rest of the session once the master is closed.
            let _ = rustix::process::kill_process(*pid, Signal::HUP);
        }
    }
}

fn connect() -> std::io::Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(SOCKET)?)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

fn set_size(master: &OwnedFd, columns: u16, rows: u16) {
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let _ = rustix::termios::tcsetwinsize(master, size);
}

/// A login shell on a new terminal.
fn open_shell(terminal: &Terminal) -> std::io::Result<(OwnedFd, Pid)> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    set_size(&master, terminal.columns, terminal.rows);
    let pid = kernel::fork(|| {
        kernel::give_signals_back();
        let Ok(slave) = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
        else {
            return 127;
        };
        let _ = rustix::process::setsid();
        let _ = rustix::process::ioctl_tiocsctty(&slave);
        let _ = rustix::stdio::dup2_stdin(&slave);
        let _ = rustix::stdio::dup2_stdout(&slave);
        let _ = rustix::stdio::dup2_stderr(&slave);
        drop(slave);
        // The agent is spared when memory runs out; what a learner starts is not.
        let _ = std::fs::write("/proc/self/oom_score_adj", "0");
        i32::from(shell::become_shell(&terminal.variables))
    })?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok((master, pid))
}
