//! QEMU's monitor (QMP): commands out, events and answers in, one JSON
//! document a line. Knows no guest.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use serde_json::{Value, json};

/// What QEMU says.
#[derive(Debug)]
pub enum Said {
    /// Something happened: `SHUTDOWN`, `RESET`, `VSERPORT_CHANGE` …
    Event { name: String, data: Value },
    /// The command of this id was done.
    Done { id: String, value: Value },
    /// The command of this id was not done.
    Failed { id: String, why: String },
}

/// A connection to the monitor.
pub struct Qmp {
    pub fd: OwnedFd,
    input: Vec<u8>,
    pub output: Vec<u8>,
}

impl Qmp {
    /// Takes a non-blocking connection to a monitor that has not said anything yet.
    pub fn new(fd: OwnedFd) -> Self {
        let mut qmp = Self { fd, input: Vec::new(), output: Vec::new() };
        qmp.say("qmp_capabilities", json!({}));
        qmp
    }

    /// Says a command; its name is its id.
    pub fn say(&mut self, command: &str, arguments: Value) {
        let text = json!({ "execute": command, "arguments": arguments, "id": command }).to_string();
        self.output.extend(text.as_bytes());
        self.output.push(b'\n');
    }

    /// Sends what can be sent.
    pub fn write(&mut self) {
        while !self.output.is_empty() {
            match rustix::io::write(&self.fd, &self.output) {
                Ok(sent @ 1..) => drop(self.output.drain(..sent)),
                Err(Errno::INTR) => {}
                _ => return,
            }
        }
    }

    /// All that has been said since the last call.
    pub fn read(&mut self) -> Vec<Said> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match rustix::io::read(&self.fd, &mut buffer) {
                Ok(got @ 1..) => self.input.extend_from_slice(&buffer[..got]),
                Err(Errno::INTR) => {}
                _ => break,
            }
        }
        let Some(end) = self.input.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.input.split_off(end + 1);
        let lines = std::mem::replace(&mut self.input, rest);
        lines.split(|byte| *byte == b'\n').filter_map(parse).collect()
    }
}

fn parse(line: &[u8]) -> Option<Said> {
    let mut value: Value = serde_json::from_slice(line).ok()?;
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(name) = value.get("event").and_then(Value::as_str) {
        let name = name.to_owned();
        return Some(Said::Event { name, data: value.get_mut("data").map(Value::take).unwrap_or_default() });
    }
    if let Some(error) = value.get("error") {
        let why = error.get("desc").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
        return Some(Said::Failed { id, why });
    }
    value.get_mut("return").map(|done| Said::Done { id, value: done.take() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_monitor_are_told_apart() {
        let case = |line: &str| format!("{:?}", parse(line.as_bytes()));
        assert_eq!(
            case(r#"{"timestamp": {"seconds": 1}, "event": "RESET", "data": {"guest": true}}"#),
            r#"Some(Event { name: "RESET", data: Object {"guest": Bool(true)} })"#
        );
        assert_eq!(case(r#"{"return": {}, "id": "cont"}"#), r#"Some(Done { id: "cont", value: Object {} })"#);
        assert_eq!(
            case(r#"{"id": "cont", "error": {"class": "GenericError", "desc": "no"}}"#),
            r#"Some(Failed { id: "cont", why: "no" })"#
        );
        assert_eq!(case(r#"{"QMP": {"version": {}}}"#), "None");
        assert_eq!(case("rubbish"), "None");
    }
}
