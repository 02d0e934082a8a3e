//! `agent call`: carries one request from standard input to PID 1 and its
//! reply to standard output. The engine starts it inside the node as uid
//! 65534, which may execute but not read this binary, so that no process of
//! the node can trace it or read its memory.
//!
//! Knows no question and no fact; it only sees to it that whoever answers is PID 1.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crashcart_facts::{Envelope, REPLY_LIMIT, REQUEST_LIMIT, Reply, Request};

/// Name of PID 1's socket in the abstract namespace.
pub const SOCKET: &[u8] = b"crashcart-agent";

/// How long PID 1 may take from its start to its listening: the engine says that a node runs before that, and a busy
/// machine gives PID 1 its first turn late.
const NOT_YET: Duration = Duration::from_secs(5);

/// How often a request that waits for a guest is put again.
const AGAIN: usize = 4;

/// Exit status when there is no reply to print.
const NOT_DELIVERED: u8 = 3;

pub fn main() -> u8 {
    match deliver() {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("crashcart-agent: {why}");
            NOT_DELIVERED
        }
    }
}

fn deliver() -> Result<(), String> {
    let mut request = Vec::new();
    io::stdin()
        .take(REQUEST_LIMIT as u64 + 1)
        .read_to_end(&mut request)
        .map_err(|error| format!("could not read the request: {error}"))?;
    if request.len() > REQUEST_LIMIT {
        return Err(format!("the request is larger than {REQUEST_LIMIT} bytes"));
    }
    let mut reply = ask(&request);
    // The launcher of a guest begins again where QEMU stopped itself before the guest was up. Whoever waits for the
    // guest has had nothing done, and asks again.
    for _ in 0..AGAIN {
        match &reply {
            Err(NoReply::HungUp) if waits(&request) => reply = ask(&request),
            _ => break,
        }
    }
    let reply = reply.map_err(|why| why.to_string())?;
    // A reply cut short by a dying worker must not pass for one.
    serde_json::from_slice::<Reply>(&reply).map_err(|_| "the reply was cut short".to_owned())?;
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(&reply)
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("could not hand on the reply: {error}"))
}

/// Whether a request begins with waiting for the node to be up.
fn waits(request: &[u8]) -> bool {
    match serde_json::from_slice(request).map(|Envelope { request, .. }| request) {
        Ok(Request::Batch(all)) => matches!(all.first(), Some(Request::Hello { .. })),
        Ok(request) => matches!(request, Request::Hello { .. } | Request::Guest { .. }),
        Err(_) => false,
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoReply {
    /// PID 1 ended the connection without a word.
    HungUp,
    /// Something else, in words.
    Other(String),
}

impl std::fmt::Display for NoReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HungUp => f.write_str("the agent of this node hung up without a reply"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// Puts one message to PID 1 and waits for the whole answer.
pub fn ask(request: &[u8]) -> Result<Vec<u8>, NoReply> {
    let other = NoReply::Other;
    let mut stream =
        connect().map_err(|error| other(format!("could not reach the agent of this node: {error}")))?;
    let talk = |stream: &mut UnixStream| -> io::Result<Vec<u8>> {
        stream.write_all(request)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut reply = Vec::new();
        stream.take(REPLY_LIMIT as u64 + 1).read_to_end(&mut reply)?;
        Ok(reply)
    };
    let reply = match talk(&mut stream) {
        Ok(reply) if reply.is_empty() => return Err(NoReply::HungUp),
        Ok(reply) => reply,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(NoReply::HungUp),
        Err(error) => return Err(other(format!("the agent of this node hung up: {error}"))),
    };
    if reply.len() > REPLY_LIMIT {
        return Err(other(format!("the reply is larger than {REPLY_LIMIT} bytes")));
    }
    Ok(reply)
}

/// A connection to PID 1, and to nobody else. A node that has just been started may not listen yet.
pub fn connect() -> io::Result<UnixStream> {
    let until = Instant::now() + NOT_YET;
    let socket = loop {
        let socket: OwnedFd =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        match rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(SOCKET)?) {
            Ok(()) => break socket,
            Err(Errno::CONNREFUSED) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10))
            }
            Err(error) => return Err(error.into()),
        }
    };
    if crate::kernel::peer(socket.as_fd())?.pid != 1 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "who answers there is not PID 1"));
    }
    Ok(UnixStream::from(socket))
}
