//! The system's log: `/dev/log`, and where nobody listens there, standard error.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Zoned;

/// By syslog's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// Syslog's facility of daemons.
const FACILITY: u8 = 3;
/// How long to wait for a log that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// Long enough for a sender to be looked up.
const LOOKED_UP: Duration = Duration::from_millis(100);

pub struct Log {
    socket: PathBuf,
    verbose: bool,
}

impl Log {
    pub fn new(socket: PathBuf, verbose: bool) -> Self {
        Self { socket, verbose }
    }

    /// Says what everybody should know.
    pub fn say(&self, level: Level, text: &str) {
        let message = message(level, &Zoned::now(), text);
        let sent = UnixDatagram::unbound().and_then(|us| {
            us.set_write_timeout(Some(PATIENCE))?;
            us.send_to(message.as_bytes(), &self.socket)
        });
        if sent.is_err() {
            // Where that goes nowhere either, there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "nvidia-persistenced: {text}");
        }
    }

    /// Waits a moment before the daemon ends: whoever keeps the log looks up who sent a line, and of which unit it is.
    pub fn close(self) {
        std::thread::sleep(LOOKED_UP);
    }

    /// Says what only `--verbose` shows.
    pub fn detail(&self, level: Level, text: &str) {
        if self.verbose {
            self.say(level, text);
        }
    }
}

/// A message as RFC 3164 has it and syslog(3) sends it, which leaves the host out. Its process is known to who
/// receives it.
fn message(level: Level, now: &Zoned, text: &str) -> String {
    let priority = FACILITY << 3 | level as u8;
    format!("<{priority}>{} nvidia-persistenced: {text}", now.strftime("%b %e %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn lines_are_those_of_syslog() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment").to_zoned(TimeZone::UTC);
        let first = at("2026-02-03T04:05:06Z");
        assert_eq!(
            message(Level::Notice, &first, "Started (42)"),
            "<29>Feb  3 04:05:06 nvidia-persistenced: Started (42)"
        );
        let last = at("2026-12-31T23:59:59Z");
        assert_eq!(message(Level::Error, &last, "a: b"), "<27>Dec 31 23:59:59 nvidia-persistenced: a: b");
        assert!(message(Level::Debug, &last, "").starts_with("<31>"));
    }

    #[test]
    fn details_are_for_those_who_ask() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not wait");
        Log::new(path.clone(), false).detail(Level::Info, "unseen");
        Log::new(path, true).detail(Level::Info, "seen");
        let mut bytes = [0; 200];
        let got = socket.recv(&mut bytes).expect("a line");
        assert!(bytes[..got].ends_with(b" nvidia-persistenced: seen"));
        assert!(socket.recv(&mut bytes).is_err(), "one line and no more");
    }
}
