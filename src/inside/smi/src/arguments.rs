//! What was typed. nvidia-smi's grammar is its own: `-lms 500`, `-pl=250`, `--query-gpu=name`, one dash for
//! names of several letters, values with or without `=`, some of which may be left out.
//!
//! Parses and nothing else; a mistake is a text and an exit code. Pure.

use std::path::PathBuf;
use std::time::Duration;

use crate::csv::{Format, Subject};
use crate::sections;

/// What to do, to which GPUs, and where its output goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// As `-i` named them; empty means all.
    pub ids: Vec<String>,
    pub file: Option<PathBuf>,
    /// Again and again with this pause.
    pub every: Option<Duration>,
    /// Warnings end it with a status of their own.
    pub error_on_warning: bool,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Help,
    /// Of a subcommand.
    HelpOf(String),
    Version,
    List,
    /// GPUs that the driver was told to leave alone.
    ListExcluded,
    Summary,
    Query {
        sections: Option<u32>,
        xml: bool,
        /// The definition of its document type within the XML.
        dtd: bool,
    },
    /// That definition alone.
    Dtd,
    Select {
        subject: Subject,
        fields: Vec<String>,
        format: Format,
    },
    HelpFields(Subject),
    Set(Vec<Setting>),
    /// Resets GPUs, all in one request.
    Reset,
    Topology(Matrix),
    /// Of all links, or of one.
    Links(LinkView, Option<u32>),
    Monitor {
        kind: Monitor,
        count: Option<u64>,
        groups: Option<String>,
        stamp: Stamp,
        /// `dmon` alone: rows as CSV.
        csv: Option<Format>,
    },
    Mig(Mig),
}

/// A change to GPUs.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Persistence(bool),
    Ecc(bool),
    /// 0 volatile, 1 aggregate.
    ClearEcc(u32),
    /// `nvmlComputeMode_t`.
    ComputeMode(u32),
    /// MHz.
    LockClocks(u32, u32),
    UnlockClocks,
    LockMemoryClocks(u32, u32),
    UnlockMemoryClocks,
    /// Memory and graphics MHz.
    ApplicationClocks(u32, u32),
    ResetApplicationClocks,
    /// Milliwatts.
    PowerLimit(u32),
    Accounting(bool),
    ClearAccounted,
    Mig(bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// How each pair is joined.
    Paths,
    /// The same, NVLinks left out.
    PciPaths,
    /// Which GPUs are near a processor.
    NearProcessor(u32),
    /// Which GPUs are so far from one: `nvmlGpuTopologyLevel_t`.
    Nearest {
        level: u32,
        of: String,
    },
    /// How the two named are joined.
    Between,
    /// Which NUMA node has the processors, the memory or the GPU itself.
    NumaOfProcessors,
    NumaOfMemory,
    NumaOfGpu,
    /// Whether each pair can do this together: the index of NVML's capability.
    Peer(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkView {
    Status,
    Errors,
    Capabilities,
    Remote,
    RemoteLink,
    /// Of data, or with what goes along with it.
    Throughput {
        data: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    Devices,
    Processes,
}

/// What stands before each row of a watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub date: bool,
    pub time: bool,
}

/// `nvidia-smi mig`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mig {
    pub verb: MigVerb,
    pub gpu_instances: Option<Vec<u32>>,
    pub compute_instances: Option<Vec<u32>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MigVerb {
    ListProfiles,
    ListPlacements,
    ListInstances,
    ListComputeProfiles,
    ListComputeInstances,
    /// Profiles as asked, `19`, `1g.10gb` or `9:4` with a place; and whether compute instances come with them.
    Create {
        profiles: Vec<String>,
        whole: bool,
    },
    CreateCompute {
        profiles: Vec<String>,
    },
    Destroy,
    DestroyCompute,
}

/// What cannot be understood, and how the program ends then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub text: String,
    pub exit: u8,
}

const USAGE: u8 = 255;

fn combination() -> Mistake {
    Mistake {
        text: "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n".into(),
        exit: USAGE,
    }
}

fn missing(option: &str) -> Mistake {
    Mistake {
        text: format!("ERROR: Option {option} is missing its value. Please run 'nvidia-smi -h' for help.\n"),
        exit: USAGE,
    }
}

fn invalid(option: &str, value: &str) -> Mistake {
    Mistake {
        text: format!(
            "ERROR: Option {option} has an invalid value: {value}. Please run 'nvidia-smi -h' for help.\n"
        ),
        exit: 2,
    }
}

/// The words after the program's name, taken one by one.
struct Words<'a> {
    rest: std::slice::Iter<'a, String>,
}

/// An option as typed, and the value that came with it after `=`.
struct Typed<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Typed<'a>> {
        let word = self.rest.next()?;
        Some(match word.split_once('=') {
            Some((name, value)) if word.starts_with('-') => Typed { name, value: Some(value) },
            _ => Typed { name: word, value: None },
        })
    }

    /// The value of an option that needs one.
    fn value(&mut self, typed: &Typed<'a>) -> Result<&'a str, Mistake> {
        match typed.value {
            Some("") => Err(missing(typed.name)),
            Some(value) => Ok(value),
            None => self.optional(typed).ok_or_else(|| missing(typed.name)),
        }
    }

    /// The value of an option that may do without: the next word, if it is none.
    fn optional(&mut self, typed: &Typed<'a>) -> Option<&'a str> {
        if typed.value.is_some() {
            return typed.value;
        }
        let mut ahead = self.rest.clone();
        let word = ahead.next().filter(|word| !word.starts_with('-'))?;
        self.rest = ahead;
        Some(word)
    }
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

fn switch(typed: &Typed<'_>, value: &str) -> Result<bool, Mistake> {
    match value.to_ascii_uppercase().as_str() {
        "0" | "DISABLED" => Ok(false),
        "1" | "ENABLED" => Ok(true),
        _ => Err(invalid(typed.name, value)),
    }
}

fn number<T: std::str::FromStr>(typed: &Typed<'_>, value: &str) -> Result<T, Mistake> {
    value.parse().map_err(|_| invalid(typed.name, value))
}

fn numbers(typed: &Typed<'_>, value: &str) -> Result<Vec<u32>, Mistake> {
    list(value).iter().map(|one| number(typed, one)).collect()
}

/// `1500,1800`, or one number for both.
fn range(typed: &Typed<'_>, value: &str, alone: bool) -> Result<(u32, u32), Mistake> {
    match numbers(typed, value)?.as_slice() {
        [both] if alone => Ok((*both, *both)),
        [one, other] => Ok((*one, *other)),
        _ => Err(invalid(typed.name, value)),
    }
}

/// Watts, perhaps with a fraction, as milliwatts.
fn milliwatts(typed: &Typed<'_>, value: &str) -> Result<u32, Mistake> {
    let watts: f64 = number(typed, value)?;
    if (0.0..4e6).contains(&watts) {
        Ok((watts * 1000.0).round() as u32)
    } else {
        Err(invalid(typed.name, value))
    }
}

/// Understands what was typed after the program's name.
pub fn parse(words: &[String]) -> Result<Arguments, Mistake> {
    let mut rest = Words { rest: words.iter() };
    match words.first().map(String::as_str) {
        Some("topo") => {
            rest.next();
            return topology(rest);
        }
        Some("nvlink") => {
            rest.next();
            return links(rest);
        }
        Some("dmon") => {
            rest.next();
            return monitor(rest, Monitor::Devices);
        }
        Some("pmon") => {
            rest.next();
            return monitor(rest, Monitor::Processes);
        }
        Some("mig") => {
            rest.next();
            return mig(rest);
        }
        _ => {}
    }
    plain(rest)
}

fn plain(mut words: Words<'_>) -> Result<Arguments, Mistake> {
    let mut out = Arguments {
        ids: Vec::new(),
        file: None,
        every: None,
        error_on_warning: false,
        action: Action::Summary,
    };
    let (mut query, mut xml, mut dtd, mut wanted) = (false, false, false, None);
    let mut select: Option<(Subject, Vec<String>)> = None;
    let mut format = None;
    let mut settings = Vec::new();
    let mut other: Option<Action> = None;
    while let Some(typed) = words.next() {
        match typed.name {
            "-h" | "--help" => other = Some(Action::Help),
            "--version" => other = Some(Action::Version),
            "-L" | "--list-gpus" => other = Some(Action::List),
            "-B" | "--list-excluded-gpus" => other = Some(Action::ListExcluded),
            "--dtd" => dtd = true,
            "-q" | "--query" => query = true,
            "-a" => query = true,
            "-x" | "--xml-format" => xml = true,
            "-i" | "--id" => out.ids.extend(list(words.value(&typed)?)),
            "-f" | "--filename" => out.file = Some(words.value(&typed)?.into()),
            "-l" | "--loop" => {
                let seconds = match words.optional(&typed) {
                    Some(value) => number(&typed, value)?,
                    None => 5,
                };
                out.every = Some(Duration::from_secs(seconds));
            }
            "-lms" | "--loop-ms" => {
                let value = words.value(&typed)?;
                out.every = Some(Duration::from_millis(number(&typed, value)?));
            }
            "-d" | "--display" => {
                let value = words.value(&typed)?;
                let mut bits = 0;
                for name in list(value) {
                    bits |= sections::section(&name).ok_or_else(|| invalid(typed.name, &name))?;
                }
                wanted = Some(bits);
            }
            "--format" => format = Some(self::format(&typed, words.value(&typed)?)?),
            "-eow" | "--error-on-warning" => out.error_on_warning = true,
            // `bus` asks for another kind of reset; here both kinds do the same.
            "-r" | "--gpu-reset" => match words.optional(&typed) {
                None | Some("bus") => other = Some(Action::Reset),
                Some(value) => return Err(invalid(typed.name, value)),
            },
            name => match (subject(name, "--"), subject(name, "--help-")) {
                (Some(subject), _) => select = Some((subject, list(words.value(&typed)?))),
                (None, Some(subject)) => other = Some(Action::HelpFields(subject)),
                (None, None) => settings.push(setting(&typed, &mut words)?),
            },
        }
    }
    out.action = match (other, select, settings.is_empty()) {
        (None, None, true) if dtd && !query && !xml => Action::Dtd,
        _ if dtd && !(query && xml) => return Err(combination()),
        (Some(action), None, true) if !query => action,
        (None, Some((subject, fields)), true) if !query => {
            let Some(format) = format else {
                return Err(Mistake {
                    text: "\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n".into(),
                    exit: USAGE,
                });
            };
            Action::Select { subject, fields, format }
        }
        (None, None, false) if !query => Action::Set(settings),
        (None, None, true) if query && !(xml && wanted.is_some()) => {
            Action::Query { sections: wanted, xml, dtd }
        }
        (None, None, true) if !query && !xml && wanted.is_none() && format.is_none() => Action::Summary,
        _ => return Err(combination()),
    };
    Ok(out)
}

/// What an option like `--query-gpu` asks of.
fn subject(option: &str, dashes: &str) -> Option<Subject> {
    let name = option.strip_prefix(dashes)?;
    Subject::ALL.into_iter().find(|subject| subject.option() == name)
}

fn format(typed: &Typed<'_>, value: &str) -> Result<Format, Mistake> {
    let mut format = Format::default();
    let mut csv = false;
    for one in list(value) {
        match one.as_str() {
            "csv" => csv = true,
            "noheader" => format.no_header = true,
            "nounits" | "nounit" => format.no_units = true,
            other => return Err(invalid(typed.name, other)),
        }
    }
    if csv { Ok(format) } else { Err(invalid(typed.name, value)) }
}

fn setting(typed: &Typed<'_>, words: &mut Words<'_>) -> Result<Setting, Mistake> {
    let typed = Typed { name: typed.name, value: typed.value };
    // Lifetimes of names and values are those of the words typed; only the ones with a value ask for it.
    let needs_value = !matches!(
        typed.name,
        "-rgc"
            | "--reset-gpu-clocks"
            | "-rmc"
            | "--reset-memory-clocks"
            | "-rac"
            | "--reset-applications-clocks"
            | "-caa"
            | "--clear-accounted-apps"
    );
    let known = matches!(
        typed.name,
        "-pm"
            | "--persistence-mode"
            | "-e"
            | "--ecc-config"
            | "-p"
            | "--reset-ecc-errors"
            | "-c"
            | "--compute-mode"
            | "-lgc"
            | "--lock-gpu-clocks"
            | "-lmc"
            | "--lock-memory-clocks"
            | "-ac"
            | "--applications-clocks"
            | "-pl"
            | "--power-limit"
            | "-am"
            | "--accounting-mode"
            | "-mig"
            | "--multi-instance-gpu"
    );
    if needs_value && !known {
        return Err(combination());
    }
    let value = match (needs_value, typed.value) {
        (true, Some(value)) if !value.is_empty() => value.to_owned(),
        (true, None) => {
            words.optional(&Typed { name: "", value: None }).ok_or_else(|| missing(typed.name))?.to_owned()
        }
        (true, Some(_)) => return Err(missing(typed.name)),
        (false, _) => String::new(),
    };
    Ok(match typed.name {
        "-pm" | "--persistence-mode" => Setting::Persistence(switch(&typed, &value)?),
        "-e" | "--ecc-config" => Setting::Ecc(switch(&typed, &value)?),
        "-p" | "--reset-ecc-errors" => Setting::ClearEcc(match value.to_ascii_uppercase().as_str() {
            "0" | "VOLATILE" => 0,
            "1" | "AGGREGATE" => 1,
            _ => return Err(invalid(typed.name, &value)),
        }),
        "-c" | "--compute-mode" => Setting::ComputeMode(match value.to_ascii_uppercase().as_str() {
            "0" | "DEFAULT" => 0,
            // Exclusive to a thread is gone; it means exclusive to a process.
            "1" | "EXCLUSIVE_THREAD" | "3" | "EXCLUSIVE_PROCESS" => 3,
            "2" | "PROHIBITED" => 2,
            _ => return Err(invalid(typed.name, &value)),
        }),
        "-lgc" | "--lock-gpu-clocks" => {
            let (least, most) = range(&typed, &value, true)?;
            Setting::LockClocks(least, most)
        }
        "-rgc" | "--reset-gpu-clocks" => Setting::UnlockClocks,
        "-lmc" | "--lock-memory-clocks" => {
            let (least, most) = range(&typed, &value, true)?;
            Setting::LockMemoryClocks(least, most)
        }
        "-rmc" | "--reset-memory-clocks" => Setting::UnlockMemoryClocks,
        "-ac" | "--applications-clocks" => {
            let (memory, graphics) = range(&typed, &value, false)?;
            Setting::ApplicationClocks(memory, graphics)
        }
        "-rac" | "--reset-applications-clocks" => Setting::ResetApplicationClocks,
        "-pl" | "--power-limit" => Setting::PowerLimit(milliwatts(&typed, &value)?),
        "-am" | "--accounting-mode" => Setting::Accounting(switch(&typed, &value)?),
        "-caa" | "--clear-accounted-apps" => Setting::ClearAccounted,
        "-mig" | "--multi-instance-gpu" => Setting::Mig(switch(&typed, &value)?),
        _ => return Err(combination()),
    })
}

fn done(ids: Vec<String>, every: Option<Duration>, file: Option<PathBuf>, action: Action) -> Arguments {
    Arguments { ids, file, every, error_on_warning: false, action }
}

fn topology(mut words: Words<'_>) -> Result<Arguments, Mistake> {
    let mut ids = Vec::new();
    let mut matrix = None;
    while let Some(typed) = words.next() {
        match typed.name {
            "-h" | "--help" => return Ok(done(ids, None, None, Action::HelpOf("topo".into()))),
            "-m" | "--matrix" => matrix = Some(Matrix::Paths),
            "-mp" | "--matrix_pci" => matrix = Some(Matrix::PciPaths),
            "-c" | "--cpu" => matrix = Some(Matrix::NearProcessor(number(&typed, words.value(&typed)?)?)),
            "-n" | "--nearest_gpus" => {
                let value = words.value(&typed)?;
                let level: u32 = number(&typed, value)?;
                if level > 5 {
                    return Err(invalid(typed.name, value));
                }
                matrix = Some(Matrix::Nearest { level: level * 10, of: String::new() });
            }
            "-p" | "--gpu_path" => matrix = Some(Matrix::Between),
            "-C" | "--get-numa-id-of-nearby-cpu" => matrix = Some(Matrix::NumaOfProcessors),
            "-M" | "--get-numa-id-of-nearby-mem" => matrix = Some(Matrix::NumaOfMemory),
            "-gnid" | "--gpu-numa-id" => matrix = Some(Matrix::NumaOfGpu),
            "-p2p" | "--p2pstatus" => {
                let value = words.value(&typed)?;
                matrix = Some(Matrix::Peer(match value {
                    "r" => 0,
                    "w" => 1,
                    "n" => 2,
                    "a" => 3,
                    "p" => 4,
                    _ => return Err(invalid(typed.name, value)),
                }));
            }
            "-i" | "--id" => ids.extend(list(words.value(&typed)?)),
            _ => return Err(combination()),
        }
    }
    let matrix = matrix.ok_or_else(combination)?;
    let matrix = match matrix {
        // All GPUs are looked at, the one named among them.
        Matrix::Nearest { level, .. } => match std::mem::take(&mut ids).as_slice() {
            [one] => Matrix::Nearest { level, of: one.clone() },
            _ => return Err(combination()),
        },
        Matrix::Between if ids.len() != 2 => return Err(combination()),
        other => other,
    };
    Ok(done(ids, None, None, Action::Topology(matrix)))
}

fn links(mut words: Words<'_>) -> Result<Arguments, Mistake> {
    let mut ids = Vec::new();
    let (mut view, mut link) = (None, None);
    while let Some(typed) = words.next() {
        match typed.name {
            "-h" | "--help" => return Ok(done(ids, None, None, Action::HelpOf("nvlink".into()))),
            "-R" | "--remotelinkinfo" => view = Some(LinkView::RemoteLink),
            "-gt" | "--getthroughput" => {
                let value = words.value(&typed)?;
                let data = match value {
                    "d" => true,
                    "r" => false,
                    _ => return Err(invalid(typed.name, value)),
                };
                view = Some(LinkView::Throughput { data });
            }
            "-l" | "--link" => link = Some(number(&typed, words.value(&typed)?)?),
            "-s" | "--status" => view = Some(LinkView::Status),
            "-e" | "--errorcounters" => view = Some(LinkView::Errors),
            "-c" | "--capabilities" => view = Some(LinkView::Capabilities),
            "-p" | "--pcibusid" => view = Some(LinkView::Remote),
            "-i" | "--id" => ids.extend(list(words.value(&typed)?)),
            _ => return Err(combination()),
        }
    }
    Ok(done(ids, None, None, Action::Links(view.ok_or_else(combination)?, link)))
}

fn monitor(mut words: Words<'_>, kind: Monitor) -> Result<Arguments, Mistake> {
    let name = if kind == Monitor::Devices { "dmon" } else { "pmon" };
    let mut ids = Vec::new();
    let (mut count, mut pause, mut groups, mut file) = (None, 1, None, None);
    let (mut stamp, mut csv) = (Stamp::default(), None);
    let known = if kind == Monitor::Devices { crate::monitor::GROUPS } else { "um" };
    while let Some(typed) = words.next() {
        match typed.name {
            "-h" | "--help" => return Ok(done(ids, None, None, Action::HelpOf(name.into()))),
            "-i" | "--id" => ids.extend(list(words.value(&typed)?)),
            "-c" | "--count" => count = Some(number(&typed, words.value(&typed)?)?),
            "-d" | "--delay" => pause = number(&typed, words.value(&typed)?)?,
            "-s" | "--select" => {
                let value = words.value(&typed)?;
                if !value.chars().all(|group| known.contains(group)) {
                    return Err(invalid(typed.name, value));
                }
                groups = Some(value.to_owned());
            }
            "-o" | "--options" => {
                let value = words.value(&typed)?;
                if !value.chars().all(|option| matches!(option, 'D' | 'T')) {
                    return Err(invalid(typed.name, value));
                }
                stamp = Stamp { date: value.contains('D'), time: value.contains('T') };
            }
            "--format" if kind == Monitor::Devices => {
                csv = Some(format(&typed, words.value(&typed)?)?);
            }
            "-f" | "--filename" => file = Some(words.value(&typed)?.into()),
            _ => return Err(combination()),
        }
    }
    let action = Action::Monitor { kind, count, groups, stamp, csv };
    Ok(done(ids, Some(Duration::from_secs(pause)), file, action))
}

fn mig(mut words: Words<'_>) -> Result<Arguments, Mistake> {
    let mut ids = Vec::new();
    let mut verb = None;
    let mut whole = false;
    let (mut gpu_instances, mut compute_instances) = (None, None);
    while let Some(typed) = words.next() {
        match typed.name {
            "-h" | "--help" => return Ok(done(ids, None, None, Action::HelpOf("mig".into()))),
            "-i" | "--id" => ids.extend(list(words.value(&typed)?)),
            "-gi" | "--gpu-instance-id" => gpu_instances = Some(numbers(&typed, words.value(&typed)?)?),
            "-ci" | "--compute-instance-id" => {
                compute_instances = Some(numbers(&typed, words.value(&typed)?)?);
            }
            "-lgip" | "--list-gpu-instance-profiles" => verb = Some(MigVerb::ListProfiles),
            "-lgipp" | "--list-gpu-instance-possible-placements" => verb = Some(MigVerb::ListPlacements),
            "-lgi" | "--list-gpu-instances" => verb = Some(MigVerb::ListInstances),
            "-lcip" | "--list-compute-instance-profiles" => verb = Some(MigVerb::ListComputeProfiles),
            "-lci" | "--list-compute-instances" => verb = Some(MigVerb::ListComputeInstances),
            "-cgi" | "--create-gpu-instance" => {
                let profiles = list(words.value(&typed)?);
                verb = Some(MigVerb::Create { profiles, whole: false });
            }
            "-C" | "--default-compute-instance" => whole = true,
            "-cci" | "--create-compute-instance" => {
                let profiles = list(words.optional(&typed).unwrap_or(""));
                verb = Some(MigVerb::CreateCompute { profiles });
            }
            "-dgi" | "--destroy-gpu-instance" => verb = Some(MigVerb::Destroy),
            "-dci" | "--destroy-compute-instance" => verb = Some(MigVerb::DestroyCompute),
            _ => return Err(combination()),
        }
    }
    let verb = match verb.ok_or_else(combination)? {
        MigVerb::Create { profiles, .. } => MigVerb::Create { profiles, whole },
        other => other,
    };
    Ok(done(ids, None, None, Action::Mig(Mig { verb, gpu_instances, compute_instances })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &str) -> Result<Action, Mistake> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).map(|arguments| arguments.action)
    }

    #[test]
    fn values_follow_with_or_without_an_equals_sign() {
        for line in ["-pl 250", "-pl=250", "--power-limit=250", "--power-limit 250"] {
            assert_eq!(action(line), Ok(Action::Set(vec![Setting::PowerLimit(250_000)])), "{line}");
        }
    }

    #[test]
    fn a_loop_without_a_pause_takes_five_seconds() {
        let words = ["-l".to_owned(), "-i".to_owned(), "0,1".to_owned()];
        let arguments = parse(&words).unwrap();
        assert_eq!(arguments.every, Some(Duration::from_secs(5)));
        assert_eq!(arguments.ids, ["0", "1"]);
    }

    #[test]
    fn an_unknown_option_is_an_invalid_combination() {
        assert_eq!(action("--frobnicate").unwrap_err().exit, 255);
        assert!(action("-q -L").unwrap_err().text.starts_with("Invalid combination"));
    }

    #[test]
    fn an_option_without_its_value_says_so() {
        let text = action("-pl").unwrap_err().text;
        assert_eq!(text, "ERROR: Option -pl is missing its value. Please run 'nvidia-smi -h' for help.\n");
    }

    #[test]
    fn one_locked_clock_is_both_ends() {
        assert_eq!(action("-lgc 1500"), Ok(Action::Set(vec![Setting::LockClocks(1500, 1500)])));
        assert_eq!(action("-lgc 1200,1500"), Ok(Action::Set(vec![Setting::LockClocks(1200, 1500)])));
        assert!(action("-ac 1500").is_err());
    }

    #[test]
    fn a_reset_stands_alone_and_may_be_one_of_the_bus() {
        for line in ["-r", "--gpu-reset", "-r bus", "-r -i 0", "--gpu-reset -i 0,1", "-i 0 -r"] {
            assert_eq!(action(line), Ok(Action::Reset), "{line}");
        }
        assert_eq!(action("-r hard").unwrap_err().exit, 2);
        assert!(action("-r -pm 1").unwrap_err().text.starts_with("Invalid combination"));
    }

    #[test]
    fn compute_instances_need_no_profile() {
        let Ok(Action::Mig(mig)) = action("mig -i 0 -gi 2 -cci") else { panic!() };
        assert_eq!(mig.verb, MigVerb::CreateCompute { profiles: Vec::new() });
        assert_eq!(mig.gpu_instances, Some(vec![2]));
    }
}
