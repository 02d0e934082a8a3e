//! `fabricmanager.cfg`: `KEY=value` lines and `#` comments.

use std::path::{Path, PathBuf};

/// What the file says, with the package's defaults for what it does not say.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    pub log_file: PathBuf,
    /// 0 off, 1 critical, 2 errors, 3 warnings, 4 all.
    pub log_level: u8,
    pub append: bool,
    pub daemonize: bool,
    /// 0 bare metal or full passthrough, 1 shared NVSwitch, 2 vGPU.
    pub fabric_mode: u8,
    /// Every line, as written, for the log.
    pub all: Vec<(String, String)>,
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("could not read config file {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut config = Self {
            log_file: "/var/log/fabricmanager.log".into(),
            log_level: 4,
            append: true,
            daemonize: true,
            fabric_mode: 0,
            all: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("line {}: `{line}` is no option with a value", number + 1);
            let (key, value) = line.split_once('=').ok_or_else(wrong)?;
            let (key, value) = (key.trim(), value.trim());
            let upto = |most: u8| value.parse::<u8>().ok().filter(|value| *value <= most).ok_or_else(wrong);
            match key {
                "LOG_FILE_NAME" => config.log_file = value.into(),
                "LOG_LEVEL" => config.log_level = upto(4)?,
                "LOG_APPEND_TO_LOG" => config.append = upto(1)? == 1,
                "DAEMONIZE" => config.daemonize = upto(1)? == 1,
                "FABRIC_MODE" => config.fabric_mode = upto(2)?,
                // Options that change nothing which could be seen here.
                _ => {}
            }
            config.all.push((key.to_owned(), value.to_owned()));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_package_reads_and_a_slip_names_its_line() {
        let config = Config::parse("# mode\nFABRIC_MODE = 1\nDAEMONIZE=0\n\nBIND_INTERFACE_IP=127.0.0.1\n");
        let config = config.expect("it is right");
        assert_eq!((config.fabric_mode, config.daemonize, config.log_level), (1, false, 4));
        assert_eq!(config.all.len(), 3);
        let case = |text, wanted: &str| assert_eq!(Config::parse(text).expect_err(text), wanted);
        case("LOG_LEVEL=4\nFABRIC_MODE=bare\n", "line 2: `FABRIC_MODE=bare` is no option with a value");
        case("FABRIC_MODE\n", "line 1: `FABRIC_MODE` is no option with a value");
    }
}
