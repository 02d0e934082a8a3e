//! Log lines as logrus writes them to standard error: short and coloured on a terminal, `key=value` elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Info,
    Debug,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// ANSI colour.
    fn colour(self) -> u8 {
        match self {
            Self::Error => 31,
            Self::Warning => 33,
            Self::Info => 36,
            Self::Debug => 37,
        }
    }
}

/// Where messages go, and which.
pub struct Log {
    least: Level,
    terminal: bool,
}

impl Log {
    /// `quiet` leaves errors, `debug` everything; `quiet` wins.
    pub fn new(debug: bool, quiet: bool) -> Self {
        let least = match (quiet, debug) {
            (true, _) => Level::Error,
            (false, true) => Level::Debug,
            (false, false) => Level::Info,
        };
        Self { least, terminal: io::stderr().is_terminal() }
    }

    pub fn error(&self, text: &str) {
        self.say(Level::Error, text);
    }

    pub fn warning(&self, text: &str) {
        self.say(Level::Warning, text);
    }

    pub fn info(&self, text: &str) {
        self.say(Level::Info, text);
    }

    pub fn debug(&self, text: &str) {
        self.say(Level::Debug, text);
    }

    fn say(&self, level: Level, text: &str) {
        if level <= self.least {
            // Who closed standard error does not want to know.
            let _ = io::stderr().write_all(line(level, text, self.terminal, &jiff::Zoned::now()).as_bytes());
        }
    }
}

fn line(level: Level, text: &str, terminal: bool, now: &jiff::Zoned) -> String {
    let word = level.word();
    if terminal {
        // Seconds since the program began; it does not run for one.
        let short = word[..4].to_uppercase();
        return format!("\x1b[{}m{short}\x1b[0m[0000] {text:<44} \n", level.colour());
    }
    let mut stamp = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    match now.offset().seconds() {
        0 => stamp.push('Z'),
        _ => {
            let _ = write!(stamp, "{}", now.strftime("%:z"));
        }
    }
    let plain =
        !text.is_empty() && text.chars().all(|sign| sign.is_ascii_alphanumeric() || "-._/@^+".contains(sign));
    match plain {
        true => format!("time=\"{stamp}\" level={word} msg={text}\n"),
        false => format!("time=\"{stamp}\" level={word} msg={text:?}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_logrus_writes_them() {
        let utc: jiff::Zoned = "2026-03-01T04:05:06+00:00[UTC]".parse().expect("a time");
        let said = |level, text, terminal| line(level, text, terminal, &utc);
        assert_eq!(
            said(Level::Info, "Found 3 CDI devices", false),
            "time=\"2026-03-01T04:05:06Z\" level=info msg=\"Found 3 CDI devices\"\n"
        );
        assert_eq!(
            said(Level::Warning, r#"invalid version "9""#, false),
            "time=\"2026-03-01T04:05:06Z\" level=warning msg=\"invalid version \\\"9\\\"\"\n"
        );
        let wide = format!("\x1b[31mERRO\x1b[0m[0000] {:<44} \n", "no");
        assert_eq!(said(Level::Error, "no", true), wide);
        let cet: jiff::Zoned = "2026-03-01T04:05:06+01:00[Europe/Berlin]".parse().expect("a time");
        assert!(
            line(Level::Info, "word", false, &cet)
                .starts_with("time=\"2026-03-01T04:05:06+01:00\" level=info msg=word")
        );
    }
}
