//! The command line, as the daemon's manual page has it.

/// How the daemon is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub verbose: bool,
    /// Whose rights it keeps once it has started.
    pub user: Option<String>,
    /// In the place of that user's own group.
    pub group: Option<String>,
    pub persistence: bool,
    pub uvm_persistence: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { verbose: false, user: None, group: None, persistence: true, uvm_persistence: false }
    }
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Help,
    Version,
    Run(Options),
}

/// What is wrong with a command line: the option that is.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    Unknown(String),
    WithoutArgument(String),
}

impl Asked {
    /// Reads the words after the program's name. What asks for help or version counts as soon as it is met.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Wrong> {
        let mut options = Options::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, given) = match word.split_once('=') {
                Some((name, given)) if name.starts_with("--") => (name, Some(given.to_owned())),
                _ => (word.as_str(), None),
            };
            let takes_one = ["-u", "--user", "-g", "--group", "--nvidia-cfg-path"].contains(&name);
            if given.is_some() && !takes_one {
                return Err(Wrong::Unknown(word));
            }
            let argument =
                || given.or_else(|| words.next()).ok_or_else(|| Wrong::WithoutArgument(name.to_owned()));
            match name {
                "-h" | "--help" => return Ok(Self::Help),
                "-v" | "--version" => return Ok(Self::Version),
                "-V" | "--verbose" => options.verbose = true,
                "-u" | "--user" => options.user = Some(argument()?),
                "-g" | "--group" => options.group = Some(argument()?),
                "--persistence-mode" => options.persistence = true,
                "--no-persistence-mode" => options.persistence = false,
                "--uvm-persistence-mode" => options.uvm_persistence = true,
                "--no-uvm-persistence-mode" => options.uvm_persistence = false,
                // There is no such library here to look for.
                "--nvidia-cfg-path" => drop(argument()?),
                _ => return Err(Wrong::Unknown(word)),
            }
        }
        Ok(Self::Run(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked, Wrong> {
        Asked::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_option_of_the_manual_page_is_known() {
        let case = |line: &str, wanted: Options| assert_eq!(parse(line), Ok(Asked::Run(wanted)), "{line}");
        let plain = Options::default;
        case("", plain());
        case("-V", Options { verbose: true, ..plain() });
        for line in ["--user nvpd", "--user=nvpd", "-u nvpd"] {
            case(line, Options { user: Some("nvpd".into()), ..plain() });
        }
        case(
            "-u nvpd -g video",
            Options { user: Some("nvpd".into()), group: Some("video".into()), ..plain() },
        );
        case("--persistence-mode --no-persistence-mode", Options { persistence: false, ..plain() });
        case("--no-persistence-mode --persistence-mode", plain());
        case("--uvm-persistence-mode --verbose", Options { uvm_persistence: true, verbose: true, ..plain() });
        case("--no-uvm-persistence-mode", plain());
        case("--nvidia-cfg-path=/opt/nvidia", plain());
        assert_eq!(parse("-V --help --nonsense"), Ok(Asked::Help));
        assert_eq!(parse("-v"), Ok(Asked::Version));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let unknown = |word: &str| Err(Wrong::Unknown(word.into()));
        assert_eq!(parse("--verbose --no-persistance-mode"), unknown("--no-persistance-mode"));
        assert_eq!(parse("start"), unknown("start"));
        assert_eq!(parse("--verbose=1"), unknown("--verbose=1"));
        assert_eq!(parse("--verbose -u"), Err(Wrong::WithoutArgument("-u".into())));
    }
}
