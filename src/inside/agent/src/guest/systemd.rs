//! What the guest's systemd says of its units, over its private D-Bus socket:
//! no program of the guest has a say in it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustbus::connection::Timeout;
use rustbus::connection::ll_conn::DuplexConn;
use rustbus::message_builder::{HeaderFlags, MarshalledMessage, MessageBuilder, MessageType};
use rustbus::wire::ObjectPath;
use rustbus::wire::unmarshal::traits::Variant;

/// Where systemd's PID 1 answers to root without a bus between.
const SOCKET: &str = "/run/systemd/private";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const ROOT: &str = "/org/freedesktop/systemd1";
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Silence after which systemd is nudged.
const SILENCE: Duration = Duration::from_millis(150);

/// A connection to PID 1.
pub struct Systemd {
    connection: DuplexConn,
    patience: Duration,
}

/// One unit, in the words of org.freedesktop.systemd1(5).
#[derive(Debug, Default)]
pub struct Unit {
    pub load: String,
    pub active: String,
    pub unit_file: String,
    pub main_pid: u32,
    pub restarts: u32,
    pub result: String,
    /// Below /sys/fs/cgroup, beginning with a slash; empty where it has none.
    pub control_group: String,
}

impl Systemd {
    pub fn connect() -> io::Result<Self> {
        Self::at(Path::new(SOCKET))
    }

    fn at(socket: &Path) -> io::Result<Self> {
        let address = nix::sys::socket::UnixAddr::new(socket)?;
        let connection = DuplexConn::connect_to_bus(address, false).map_err(other)?;
        Ok(Self { connection, patience: PATIENCE })
    }

    /// Waits for each answer so long, no longer.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The unit of this name, loaded if need be.
    pub fn unit(&mut self, name: &str) -> io::Result<Unit> {
        let reply = self.call(ROOT, MANAGER, "LoadUnit", &[name])?;
        let path: ObjectPath<&str> = reply.body.parser().get().map_err(other)?;
        let path = path.as_ref().to_owned();
        let of_unit = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        let mut unit = Unit {
            load: text(&of_unit, "LoadState"),
            active: text(&of_unit, "ActiveState"),
            unit_file: text(&of_unit, "UnitFileState"),
            result: "success".into(),
            ..Unit::default()
        };
        let kind = match name.rsplit('.').next() {
            Some("service") => "Service",
            Some("socket") => "Socket",
            Some("mount") => "Mount",
            Some("swap") => "Swap",
            Some("slice") => "Slice",
            Some("scope") => "Scope",
            Some("timer") => "Timer",
            _ => return Ok(unit),
        };
        let of_kind = self.properties(&path, &format!("org.freedesktop.systemd1.{kind}"))?;
        unit.main_pid = number(&of_kind, "MainPID");
        unit.restarts = number(&of_kind, "NRestarts");
        unit.result = text(&of_kind, "Result");
        unit.control_group = text(&of_kind, "ControlGroup");
        Ok(unit)
    }

    /// starting, running, degraded, maintenance, stopping …
    pub fn state(&mut self) -> io::Result<String> {
        let reply = self.call(ROOT, "org.freedesktop.DBus.Properties", "Get", &[MANAGER, "SystemState"])?;
        let value: Variant<'_, '_> = reply.body.parser().get().map_err(other)?;
        value.get().map_err(other)
    }

    /// Units that have failed, sorted.
    pub fn failed(&mut self) -> io::Result<Vec<String>> {
        Ok(self.units_in(&["failed"])?.into_iter().map(|(name, _)| name).collect())
    }

    /// Loaded units by name that are in one of these states, and in which; in all where none is named. Sorted.
    pub fn units_in(&mut self, states: &[&str]) -> io::Result<Vec<(String, String)>> {
        let mut message = self.message(ROOT, MANAGER, "ListUnitsFiltered");
        message.body.push_param(states).map_err(other)?;
        let reply = self.answer(&message)?;
        let rows: Vec<Row> = reply.body.parser().get().map_err(other)?;
        let mut units: Vec<_> = rows.into_iter().map(|row| (row.name, row.active)).collect();
        units.sort();
        Ok(units)
    }

    fn properties(&mut self, path: &str, interface: &str) -> io::Result<HashMap<String, Value>> {
        let reply = self.call(path, "org.freedesktop.DBus.Properties", "GetAll", &[interface])?;
        let mut parser = reply.body.parser();
        let all: HashMap<&str, Variant<'_, '_>> = parser.get().map_err(other)?;
        let value = |variant: &Variant<'_, '_>| {
            let text = variant.get::<String>().map(Value::Text);
            text.or_else(|_| variant.get::<u32>().map(Value::Number)).ok()
        };
        Ok(all.iter().filter_map(|(name, variant)| Some(((*name).to_owned(), value(variant)?))).collect())
    }

    fn message(&self, path: &str, interface: &str, member: &str) -> MarshalledMessage {
        MessageBuilder::new().call(member).on(path).with_interface(interface).build()
    }

    fn call(
        &mut self,
        path: &str,
        interface: &str,
        member: &str,
        words: &[&str],
    ) -> io::Result<MarshalledMessage> {
        let mut message = self.message(path, interface, member);
        for word in words {
            message.body.push_param(*word).map_err(other)?;
        }
        self.answer(&message)
    }

    fn answer(&mut self, message: &MarshalledMessage) -> io::Result<MarshalledMessage> {
        let serial = self.connection.send.send_message_write_all(message).map_err(other)?;
        let until = Instant::now() + self.patience;
        loop {
            // Signals come all the time, and never end where a service starts again and again.
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "systemd did not answer in time"));
            }
            let wait = Timeout::Duration(left.min(SILENCE));
            let reply = match self.connection.recv.get_next_message(wait) {
                Err(rustbus::connection::Error::TimedOut) => {
                    self.nudge()?;
                    continue;
                }
                reply => reply.map_err(other)?,
            };
            if reply.dynheader.response_serial != Some(serial) {
                continue;
            }
            if reply.typ == MessageType::Error {
                let name = reply.dynheader.error_name.clone().unwrap_or_default();
                let why = reply.body.parser().get::<&str>().unwrap_or_default().to_owned();
                return Err(io::Error::other(format!("systemd says {name}: {why}")));
            }
            return Ok(reply);
        }
    }

    /// Sends something that wants no answer. A systemd that is slow to wake reads the end of the greeting and the first
    /// message in one piece, and then waits for its socket to become readable with that message in its hands
    /// (sd-bus looks into its buffer only when more arrives).
    fn nudge(&mut self) -> io::Result<()> {
        let mut ping = self.message(ROOT, "org.freedesktop.DBus.Peer", "Ping");
        HeaderFlags::NoReplyExpected.set(&mut ping.flags);
        self.connection.send.send_message_write_all(&ping).map(drop).map_err(other)
    }
}

/// One line of `ListUnits`; of ten fields only two matter here.
#[derive(rustbus::Unmarshal, rustbus::Signature)]
struct Row {
    name: String,
    _description: String,
    _load: String,
    active: String,
    _sub: String,
    _following: String,
    _path: ObjectPath<String>,
    _job: u32,
    _job_type: String,
    _job_path: ObjectPath<String>,
}

/// A property of the two types that matter here.
enum Value {
    Text(String),
    Number(u32),
}

fn text(properties: &HashMap<String, Value>, name: &str) -> String {
    match properties.get(name) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn number(properties: &HashMap<String, Value>, name: &str) -> u32 {
    match properties.get(name) {
        Some(Value::Number(number)) => *number,
        _ => 0,
    }
}

fn other(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("systemd could not be asked: {error:?}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use rustbus::message_builder::DynamicHeader;

    use super::*;

    /// Reads until this has come, at whatever place.
    fn read_until(stream: &mut UnixStream, seen: &mut Vec<u8>, awaited: &[u8]) {
        let mut piece = [0; 512];
        while !seen.windows(awaited.len()).any(|window| window == awaited) {
            let got = stream.read(&mut piece).expect("more");
            assert!(got > 0, "it hung up");
            seen.extend(&piece[..got]);
        }
    }

    #[test]
    fn a_question_that_came_in_one_piece_with_the_greeting_is_answered() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("private");
        let listener = UnixListener::bind(&path).expect("a socket");
        let slow = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut seen = Vec::<u8>::new();
            read_until(&mut stream, &mut seen, b"\r\n");
            stream.write_all(b"OK 00112233445566778899aabbccddeeff\r\n").expect("sent");
            // The end of the greeting, and with it the question, which is only seen when something else comes.
            read_until(&mut stream, &mut seen, b"SystemState");
            read_until(&mut stream, &mut seen, b"Ping");
            let mut reply = DynamicHeader { serial: Some(1), ..DynamicHeader::default() }.make_response();
            reply.body.push_variant("running").expect("a value");
            let mut bytes = Vec::new();
            rustbus::wire::marshal::marshal(&reply, 1, &mut bytes).expect("a header");
            bytes.extend(reply.get_buf());
            stream.write_all(&bytes).expect("sent");
        });
        let state = Systemd::at(&path).and_then(|mut systemd| systemd.state()).expect("an answer");
        assert_eq!(state, "running");
        slow.join().expect("it was nudged");
    }
}
