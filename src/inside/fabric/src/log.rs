//! The daemon's log: a file of its own, or the system's when the file has no name.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;

use crate::config::Config;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error = 2,
    Info = 4,
}

pub struct Log {
    file: Option<File>,
    most: u8,
}

impl Log {
    pub fn open(config: &Config) -> std::io::Result<Self> {
        let file = match config.log_file.as_os_str().is_empty() {
            true => None,
            false => Some(
                File::options()
                    .create(true)
                    .write(true)
                    .append(config.append)
                    .truncate(!config.append)
                    .open(&config.log_file)?,
            ),
        };
        Ok(Self { file, most: config.log_level })
    }

    /// Writes one line, to the system's log too when it is an error: that is where operators look first.
    pub fn say(&mut self, level: Level, line: &str) {
        if level as u8 > self.most {
            return;
        }
        let word = match level {
            Level::Error => "ERROR",
            Level::Info => "INFO",
        };
        if let Some(file) = &mut self.file {
            let now = jiff::Zoned::now().strftime("%b %d %Y %H:%M:%S").to_string();
            // A full disk is no reason to stop.
            let _ = writeln!(file, "[{now}] [{word}] [tid {}] {line}", std::process::id());
        }
        if level == Level::Error || self.file.is_none() {
            let priority = if level == Level::Error { 27 } else { 30 };
            let message = format!("<{priority}>nv-fabricmanager[{}]: {line}", std::process::id());
            let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(message.as_bytes(), "/dev/log"));
        }
    }
}
