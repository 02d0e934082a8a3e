//! The far ends of `agent shell` and `agent console` in the container of a vm
//! node: the terminal that the engine gave, joined to a channel of the
//! launcher. Knows no guest.

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios};

use crate::frames::{CHUNK, Decoder, Frame, Kind, Opening, Terminal};
use crate::{kernel, relay, shell};

/// What leaves a console: ctrl-].
const LEAVE: u8 = 0x1d;
/// Channel number on this connection; there is no other.
const CHANNEL: u32 = 1;

/// Whether this is the container of a vm node: its PID 1 is the launcher.
pub fn is_vm_node() -> bool {
    let line = std::fs::read("/proc/1/cmdline").unwrap_or_default();
    line.split(|byte| *byte == 0).nth(1) == Some(b"vm")
}

/// `agent shell` in a vm node.
pub fn shell() -> u8 {
    let (columns, rows) = size();
    join(&Opening::Shell(Terminal { variables: shell::kept(), columns, rows }))
}

/// `agent console`.
pub fn console() -> u8 {
    if !is_vm_node() {
        eprintln!("crashcart-agent: this node has no machine of its own, and so no console");
        return 2;
    }
    join(&Opening::Console)
}

fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Keeps the terminal raw, and gives it back.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Self {
        if !std::io::stdin().is_terminal() {
            return Self(None);
        }
        let Ok(was) = rustix::termios::tcgetattr(rustix::stdio::stdin()) else { return Self(None) };
        let mut raw = was.clone();
        raw.make_raw();
        let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw);
        Self(Some(was))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(was) = &self.0 {
            let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, was);
        }
    }
}

fn join(opening: &Opening) -> u8 {
    let socket = match relay::connect() {
        Ok(socket) => OwnedFd::from(socket),
        Err(error) => {
            eprintln!("crashcart-agent: could not reach the launcher of this node: {error}");
            return 3;
        }
    };
    let Ok(changes) = kernel::take_window_changes() else { return 3 };
    let _raw = Raw::enter();
    carry(&socket, &changes, opening).unwrap_or(3)
}

/// Writes all, waiting where it must.
fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Carries bytes until the channel ends; gives its status.
fn carry(socket: &OwnedFd, changes: &OwnedFd, opening: &Opening) -> Result<u8, Errno> {
    write_all(socket, &Frame::open(CHANNEL, opening).encode())?;
    let console = matches!(opening, Opening::Console);
    let mut decoder = Decoder::in_step();
    let mut typing = true;
    let mut buffer = [0; CHUNK];
    loop {
        let stdin = rustix::stdio::stdin();
        let mut fds = vec![
            PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(changes.as_fd(), PollFlags::IN),
        ];
        if typing {
            fds.push(PollFd::from_borrowed_fd(stdin, PollFlags::IN));
        }
        match rustix::event::poll(&mut fds, None::<&Timespec>) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[1] {
            while kernel::next_signal(changes).is_some() {}
            let (columns, rows) = size();
            write_all(socket, &Frame::resize(CHANNEL, columns, rows).encode())?;
        }
        if ready.get(2) == Some(&true) {
            match rustix::io::read(stdin, &mut buffer) {
                Ok(0) | Err(Errno::IO) => {
                    typing = false;
                    write_all(socket, &Frame::new(Kind::End, CHANNEL, Vec::new()).encode())?;
                }
                Ok(got) if console && buffer[..got].contains(&LEAVE) => return Ok(0),
                Ok(got) => write_all(socket, &Frame::new(Kind::Data, CHANNEL, &buffer[..got]).encode())?,
                Err(_) => {}
            }
        }
        if ready[0] {
            match rustix::io::read(socket, &mut buffer) {
                Ok(0) => return Ok(3),
                Ok(got) => decoder.push(&buffer[..got]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error),
            }
            while let Some(frame) = decoder.next() {
                match frame.kind {
                    Kind::Data => {
                        write_all(rustix::stdio::stdout(), &frame.bytes)?;
                        write_all(socket, &Frame::ack(CHANNEL, frame.bytes.len()).encode())?;
                    }
                    Kind::Exit => return Ok(u8::try_from(frame.number() & 0xff).unwrap_or(1)),
                    _ => {}
                }
            }
        }
    }
}
