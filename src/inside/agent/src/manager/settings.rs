//! What the settings of a unit mean: from the assignments of `unit_file.rs` to
//! types. Settings that are not understood are ignored here, as systemd
//! ignores them, and still shown by `systemctl show` and `systemctl cat`.

use rustix::process::{Resource, Signal};

use super::unit_file::UnitText;
use super::words::{self, Specifiers};

/// How a service says that it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Simple,
    Exec,
    Forking,
    Oneshot,
    Notify,
}

impl Type {
    pub fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Exec => "exec",
            Self::Forking => "forking",
            Self::Oneshot => "oneshot",
            Self::Notify => "notify",
        }
    }
}

/// When the manager starts a service again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    No,
    Always,
    OnSuccess,
    OnFailure,
    OnAbnormal,
    OnAbort,
}

impl Restart {
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::OnSuccess => "on-success",
            Self::OnFailure => "on-failure",
            Self::OnAbnormal => "on-abnormal",
            Self::OnAbort => "on-abort",
        }
    }
}

/// Which processes a stop strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillMode {
    ControlGroup,
    Mixed,
    Process,
    None,
}

/// One command of an `Exec…=` setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Program and arguments, specifiers filled, variables not yet.
    pub words: Vec<String>,
    /// `@`: the second word is the program's own name for itself.
    pub own_name: Option<String>,
    /// `-`: a failure counts as success.
    pub may_fail: bool,
    /// `+` and `!`: with root's rights, whatever `User=` says.
    pub privileged: bool,
    /// `:` leaves `$` alone.
    pub literal: bool,
}

/// One `Condition…=` or `Assert…=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub test: Test,
    pub argument: String,
    pub negated: bool,
    /// `|`: one of those marked so is enough.
    pub trigger: bool,
    pub is_assert: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    PathExists,
    PathExistsGlob,
    PathIsDirectory,
    PathIsSymbolicLink,
    PathIsMountPoint,
    FileNotEmpty,
    DirectoryNotEmpty,
    FileIsExecutable,
}

impl Test {
    const ALL: &'static [(&'static str, Self)] = &[
        ("PathExists", Self::PathExists),
        ("PathExistsGlob", Self::PathExistsGlob),
        ("PathIsDirectory", Self::PathIsDirectory),
        ("PathIsSymbolicLink", Self::PathIsSymbolicLink),
        ("PathIsMountPoint", Self::PathIsMountPoint),
        ("FileNotEmpty", Self::FileNotEmpty),
        ("DirectoryNotEmpty", Self::DirectoryNotEmpty),
        ("FileIsExecutable", Self::FileIsExecutable),
    ];

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, test)| *test == self).map_or("", |(word, _)| word)
    }
}

/// A soft and a hard limit; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimit {
    pub resource: Resource,
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// A directory that the manager makes for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDirectory {
    /// `/run`, `/var/lib`, `/var/log`, `/var/cache`, `/etc`.
    pub base: &'static str,
    /// Name of the variable that tells the service.
    pub variable: &'static str,
    pub names: Vec<String>,
    pub mode: u32,
    /// Exit status when it cannot be made, as systemd's.
    pub failure: i32,
}

/// Where standard output or error goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Journal,
    Null,
    File { path: String, append: bool, truncate: bool },
}

/// A service, as far as this manager understands it.
#[derive(Clone, Debug)]
pub struct Service {
    pub kind: Type,
    pub start_pre: Vec<Exec>,
    pub start: Vec<Exec>,
    pub start_post: Vec<Exec>,
    pub stop: Vec<Exec>,
    pub stop_post: Vec<Exec>,
    pub reload: Vec<Exec>,
    pub environment: Vec<(String, String)>,
    /// Path and whether it may be missing.
    pub environment_files: Vec<(String, bool)>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub supplementary_groups: Vec<String>,
    /// Path and whether it may be missing.
    pub working_directory: Option<(String, bool)>,
    pub directories: Vec<OwnDirectory>,
    pub keep_runtime_directory: bool,
    pub umask: u32,
    pub limits: Vec<ResourceLimit>,
    pub nice: Option<i32>,
    pub oom_score_adjust: Option<i32>,
    pub no_new_privileges: bool,
    pub stdout: Output,
    pub stderr: Output,
    pub syslog_identifier: Option<String>,
    pub restart: Restart,
    pub restart_ms: u64,
    pub restart_prevent: Vec<i32>,
    pub restart_force: Vec<i32>,
    pub success_statuses: Vec<i32>,
    pub success_signals: Vec<i32>,
    pub start_timeout_ms: u64,
    pub stop_timeout_ms: u64,
    pub kill_mode: KillMode,
    pub kill_signal: Signal,
    pub send_sigkill: bool,
    pub pid_file: Option<String>,
    pub guess_main_pid: bool,
    pub remain_after_exit: bool,
}

/// What every kind of unit has.
#[derive(Clone, Debug, Default)]
pub struct Common {
    pub description: String,
    pub documentation: Vec<String>,
    pub after: Vec<String>,
    pub before: Vec<String>,
    pub requires: Vec<String>,
    pub binds_to: Vec<String>,
    pub part_of: Vec<String>,
    pub wants: Vec<String>,
    pub conflicts: Vec<String>,
    pub conditions: Vec<Condition>,
    pub start_limit_ms: u64,
    pub start_limit_burst: u32,
    pub refuse_manual_start: bool,
    pub refuse_manual_stop: bool,
}

/// Reads what is common to all units.
pub fn common(unit: &str, text: &UnitText, host: &str) -> Common {
    let with = Specifiers { unit, host, user: None };
    let names =
        |key: &str| -> Vec<String> { text.words("Unit", key).iter().map(|name| with.fill(name)).collect() };
    let flag = |key: &str| text.one("Unit", key).and_then(words::boolean).unwrap_or(false);
    let mut conditions = Vec::new();
    for line in &text.assignments {
        let (is_assert, rest) = match (line.key.strip_prefix("Condition"), line.key.strip_prefix("Assert")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => continue,
        };
        let Some((_, test)) = Test::ALL.iter().find(|(word, _)| *word == rest) else { continue };
        if line.value.is_empty() {
            conditions.retain(|known: &Condition| known.is_assert != is_assert);
            continue;
        }
        let (trigger, value) = strip(&line.value, '|');
        let (negated, value) = strip(value, '!');
        conditions.push(Condition { test: *test, argument: with.fill(value), negated, trigger, is_assert });
    }
    // StartLimit…= once stood in [Service], and packages still write it there.
    let limit = |key: &str| text.one("Unit", key).or_else(|| text.one("Service", key));
    let interval = limit("StartLimitIntervalSec").or_else(|| limit("StartLimitInterval"));
    Common {
        description: text
            .one("Unit", "Description")
            .map_or_else(|| unit.to_owned(), |value| with.fill(value)),
        documentation: text.words("Unit", "Documentation"),
        after: names("After"),
        before: names("Before"),
        requires: [names("Requires"), names("Requisite")].concat(),
        binds_to: names("BindsTo"),
        part_of: names("PartOf"),
        wants: names("Wants"),
        conflicts: names("Conflicts"),
        conditions,
        start_limit_ms: interval.and_then(words::time_span).unwrap_or(10_000),
        start_limit_burst: limit("StartLimitBurst").and_then(|value| value.parse().ok()).unwrap_or(5),
        refuse_manual_start: flag("RefuseManualStart"),
        refuse_manual_stop: flag("RefuseManualStop"),
    }
}

fn strip(value: &str, mark: char) -> (bool, &str) {
    value.strip_prefix(mark).map_or((false, value), |rest| (true, rest.trim_start()))
}

/// Reads a service; an error is what systemd calls a bad unit file setting.
pub fn service(text: &UnitText, with: &Specifiers<'_>) -> Result<Service, String> {
    let one = |key: &str| text.one("Service", key);
    let filled = |key: &str| one(key).map(|value| with.fill(value));
    let flag = |key: &str, default: bool| one(key).and_then(words::boolean).unwrap_or(default);
    let commands =
        |key: &str| commands(&text.all("Service", key), with).map_err(|why| format!("{key}={why}"));
    let start = commands("ExecStart")?;
    let stop = commands("ExecStop")?;
    let kind = match one("Type") {
        None if start.is_empty() => Type::Oneshot,
        None => Type::Simple,
        Some("simple" | "idle" | "dbus") => Type::Simple,
        Some("exec") => Type::Exec,
        Some("forking") => Type::Forking,
        Some("oneshot") => Type::Oneshot,
        Some("notify" | "notify-reload") => Type::Notify,
        Some(_) => Type::Simple,
    };
    let restart = match one("Restart") {
        Some("always") => Restart::Always,
        Some("on-success") => Restart::OnSuccess,
        Some("on-failure") => Restart::OnFailure,
        Some("on-abnormal" | "on-watchdog") => Restart::OnAbnormal,
        Some("on-abort") => Restart::OnAbort,
        _ => Restart::No,
    };
    if start.is_empty() && stop.is_empty() {
        return Err("Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing.".into());
    }
    if start.is_empty() && kind != Type::Oneshot {
        return Err(
            "Service has no ExecStart= setting, which is only allowed for Type=oneshot services. Refusing."
                .into(),
        );
    }
    if start.len() > 1 && kind != Type::Oneshot {
        return Err("Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing.".into());
    }
    if kind == Type::Oneshot && matches!(restart, Restart::Always | Restart::OnSuccess) {
        return Err(
            "Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot services. Refusing."
                .into(),
        );
    }
    let both = one("TimeoutSec").and_then(words::time_span);
    let timeout = |key: &str, default: u64| {
        let value = one(key).and_then(words::time_span).or(both).unwrap_or(default);
        // 0 once meant "no limit", and still does.
        if value == 0 { u64::MAX } else { value }
    };
    let (success_statuses, success_signals) = statuses(&text.words("Service", "SuccessExitStatus"));
    let mut environment = Vec::new();
    for value in text.all("Service", "Environment") {
        for word in words::split(&with.fill(value)).unwrap_or_default() {
            if let Some((key, value)) = word.split_once('=') {
                environment.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    let may_be_missing = |value: &str| match value.strip_prefix('-') {
        Some(path) => (path.to_owned(), true),
        None => (value.to_owned(), false),
    };
    Ok(Service {
        kind,
        start_pre: commands("ExecStartPre")?,
        start,
        start_post: commands("ExecStartPost")?,
        stop,
        stop_post: commands("ExecStopPost")?,
        reload: commands("ExecReload")?,
        environment,
        environment_files: text
            .all("Service", "EnvironmentFile")
            .iter()
            .map(|value| may_be_missing(&with.fill(value)))
            .collect(),
        user: filled("User"),
        group: filled("Group"),
        supplementary_groups: text.words("Service", "SupplementaryGroups"),
        working_directory: filled("WorkingDirectory").map(|value| may_be_missing(&value)),
        directories: directories(text, with),
        keep_runtime_directory: one("RuntimeDirectoryPreserve")
            .is_some_and(|value| words::boolean(value) != Some(false)),
        umask: one("UMask").and_then(|value| u32::from_str_radix(value, 8).ok()).unwrap_or(0o022) & 0o777,
        limits: limits(text),
        nice: one("Nice").and_then(|value| value.parse().ok()),
        oom_score_adjust: one("OOMScoreAdjust").and_then(|value| value.parse().ok()),
        no_new_privileges: flag("NoNewPrivileges", false),
        stdout: output(filled("StandardOutput").as_deref(), Output::Journal),
        stderr: match filled("StandardError").as_deref() {
            None | Some("inherit") => output(filled("StandardOutput").as_deref(), Output::Journal),
            other => output(other, Output::Journal),
        },
        syslog_identifier: filled("SyslogIdentifier"),
        restart,
        restart_ms: one("RestartSec").and_then(words::time_span).unwrap_or(100),
        restart_prevent: all_statuses(&text.words("Service", "RestartPreventExitStatus")),
        restart_force: all_statuses(&text.words("Service", "RestartForceExitStatus")),
        success_statuses,
        success_signals,
        start_timeout_ms: timeout("TimeoutStartSec", if kind == Type::Oneshot { u64::MAX } else { 90_000 }),
        stop_timeout_ms: timeout("TimeoutStopSec", 90_000),
        kill_mode: match one("KillMode") {
            Some("mixed") => KillMode::Mixed,
            Some("process") => KillMode::Process,
            Some("none") => KillMode::None,
            _ => KillMode::ControlGroup,
        },
        kill_signal: one("KillSignal").and_then(signal).unwrap_or(Signal::TERM),
        send_sigkill: flag("SendSIGKILL", true),
        pid_file: filled("PIDFile")
            .map(|path| if path.starts_with('/') { path } else { format!("/run/{path}") }),
        guess_main_pid: flag("GuessMainPID", true),
        remain_after_exit: flag("RemainAfterExit", false),
    })
}

fn output(value: Option<&str>, default: Output) -> Output {
    let file = |path: &str, append, truncate| Output::File { path: path.to_owned(), append, truncate };
    match value {
        Some("null") => Output::Null,
        Some(other) => match other.split_once(':') {
            Some(("file", path)) => file(path, false, false),
            Some(("append", path)) => file(path, true, false),
            Some(("truncate", path)) => file(path, false, true),
            _ => default,
        },
        None => default,
    }
}

/// Exit statuses and signal names of a list.
fn statuses(list: &[String]) -> (Vec<i32>, Vec<i32>) {
    let mut codes = Vec::new();
    let mut signals = Vec::new();
    for word in list {
        if let Ok(code) = word.parse::<i32>() {
            codes.push(code);
        } else if let Some(signal) = signal(word) {
            signals.push(signal.as_raw());
        } else if let Some(code) = super::status_words::code(word) {
            codes.push(code);
        }
    }
    (codes, signals)
}

/// As [`statuses`], signals counted from 256 up so that one list holds both.
fn all_statuses(list: &[String]) -> Vec<i32> {
    let (mut codes, signals) = statuses(list);
    codes.extend(signals.into_iter().map(|signal| signal + 256));
    codes
}

/// A signal by name or number.
pub fn signal(name: &str) -> Option<Signal> {
    let short = name.strip_prefix("SIG").unwrap_or(name);
    let named = match short {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "ILL" => Signal::ILL,
        "TRAP" => Signal::TRAP,
        "ABRT" => Signal::ABORT,
        "BUS" => Signal::BUS,
        "FPE" => Signal::FPE,
        "KILL" => Signal::KILL,
        "USR1" => Signal::USR1,
        "SEGV" => Signal::SEGV,
        "USR2" => Signal::USR2,
        "PIPE" => Signal::PIPE,
        "ALRM" => Signal::ALARM,
        "TERM" => Signal::TERM,
        "CHLD" => Signal::CHILD,
        "CONT" => Signal::CONT,
        "STOP" => Signal::STOP,
        "TSTP" => Signal::TSTP,
        "WINCH" => Signal::WINCH,
        _ => return Signal::from_named_raw(short.parse().ok()?),
    };
    Some(named)
}

fn directories(text: &UnitText, with: &Specifiers<'_>) -> Vec<OwnDirectory> {
    const KINDS: &[(&str, &str, &str, i32)] = &[
        ("RuntimeDirectory", "/run", "RUNTIME_DIRECTORY", 233),
        ("StateDirectory", "/var/lib", "STATE_DIRECTORY", 238),
        ("CacheDirectory", "/var/cache", "CACHE_DIRECTORY", 239),
        ("LogsDirectory", "/var/log", "LOGS_DIRECTORY", 240),
        ("ConfigurationDirectory", "/etc", "CONFIGURATION_DIRECTORY", 241),
    ];
    let mut out = Vec::new();
    for (key, base, variable, failure) in KINDS {
        let names: Vec<String> = text
            .words("Service", key)
            .iter()
            .map(|name| with.fill(name).split(':').next().unwrap_or_default().to_owned())
            .filter(|name| {
                !name.is_empty() && !name.starts_with('/') && !name.split('/').any(|part| part == "..")
            })
            .collect();
        if names.is_empty() {
            continue;
        }
        let mode =
            text.one("Service", &format!("{key}Mode")).and_then(|mode| u32::from_str_radix(mode, 8).ok());
        out.push(OwnDirectory {
            base,
            variable,
            names,
            mode: mode.unwrap_or(0o755) & 0o7777,
            failure: *failure,
        });
    }
    out
}

fn limits(text: &UnitText) -> Vec<ResourceLimit> {
    // RLIMIT_LOCKS is left out: it carries the unit's mark (see processes.rs).
    const NAMES: &[(&str, Resource)] = &[
        ("LimitCPU", Resource::Cpu),
        ("LimitFSIZE", Resource::Fsize),
        ("LimitDATA", Resource::Data),
        ("LimitSTACK", Resource::Stack),
        ("LimitCORE", Resource::Core),
        ("LimitRSS", Resource::Rss),
        ("LimitNOFILE", Resource::Nofile),
        ("LimitAS", Resource::As),
        ("LimitNPROC", Resource::Nproc),
        ("LimitMEMLOCK", Resource::Memlock),
        ("LimitSIGPENDING", Resource::Sigpending),
        ("LimitMSGQUEUE", Resource::Msgqueue),
        ("LimitNICE", Resource::Nice),
        ("LimitRTPRIO", Resource::Rtprio),
        ("LimitRTTIME", Resource::Rttime),
    ];
    let value = |resource: Resource, word: &str| -> Option<Option<u64>> {
        if word == "infinity" {
            return Some(None);
        }
        let number = match resource {
            // Seconds and microseconds are the kernel's units for these two.
            Resource::Cpu => words::time_span(word).map(|ms| ms.div_ceil(1000)),
            Resource::Rttime => word.parse().ok().or_else(|| words::time_span(word).map(|ms| ms * 1000)),
            _ => words::size(word),
        };
        number.map(Some)
    };
    let mut out = Vec::new();
    for (key, resource) in NAMES {
        let Some(setting) = text.one("Service", key) else { continue };
        let (soft, hard) = setting.split_once(':').unwrap_or((setting, setting));
        if let (Some(soft), Some(hard)) = (value(*resource, soft), value(*resource, hard)) {
            out.push(ResourceLimit { resource: *resource, soft, hard });
        }
    }
    out
}

/// The commands of one `Exec…=` setting.
fn commands(values: &[&str], with: &Specifiers<'_>) -> Result<Vec<Exec>, String> {
    let mut out = Vec::new();
    for value in values {
        let words = words::split(value).map_err(|why| format!("{value}: {why}"))?;
        for part in words.split(|word| word == ";") {
            let mut part: Vec<String> = part.iter().map(|word| word.replace("\\;", ";")).collect();
            let Some(first) = part.first_mut() else { continue };
            let (mut may_fail, mut privileged, mut renamed, mut literal) = (false, false, false, false);
            while let Some(mark) = first.chars().next() {
                match mark {
                    '-' => may_fail = true,
                    '+' | '!' => privileged = true,
                    '@' => renamed = true,
                    ':' => literal = true,
                    '|' => {}
                    _ => break,
                }
                first.remove(0);
            }
            if first.is_empty() {
                return Err(format!("{value}: no program is named"));
            }
            if first.contains('/') && !first.starts_with('/') && !first.starts_with('%') {
                return Err(format!("{value}: the path of the program is not absolute"));
            }
            let words: Vec<String> = part.iter().map(|word| with.fill(word)).collect();
            let (words, own_name) = if renamed && words.len() > 1 {
                let mut rest = words.clone();
                let name = rest.remove(1);
                (rest, Some(name))
            } else {
                (words, None)
            };
            out.push(Exec { words, own_name, may_fail, privileged, literal });
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::unit_file::parse;
    use super::*;

    fn read(text: &str) -> Result<Service, String> {
        let text = UnitText { assignments: parse(text), sources: vec![] };
        service(&text, &Specifiers { unit: "x@7.service", host: "node", user: None })
    }

    #[test]
    fn the_package_unit_of_munge_is_understood() {
        let service = read(
            "[Unit]\nDescription=MUNGE authentication service\n[Service]\nType=forking\nEnvironmentFile=-/etc/default/munge\n\
             ExecStart=/usr/sbin/munged $OPTIONS\nPIDFile=/run/munge/munged.pid\nRuntimeDirectory=munge\n\
             RuntimeDirectoryMode=0755\nUser=munge\nGroup=munge\nRestart=on-abort\n[Install]\nWantedBy=multi-user.target\n",
        )
        .expect("a good unit");
        assert_eq!(service.kind, Type::Forking);
        assert_eq!(service.environment_files, [("/etc/default/munge".to_owned(), true)]);
        assert_eq!(service.pid_file.as_deref(), Some("/run/munge/munged.pid"));
        assert_eq!(service.restart, Restart::OnAbort);
        assert_eq!(service.directories[0].names, ["munge"]);
    }

    #[test]
    fn prefixes_of_commands_are_taken_off() {
        let service = read(
            "[Service]\nType=oneshot\nExecStartPre=-+/bin/a %i\nExecStart=/bin/b ; @/bin/c cc d \\; e\nExecStart=:/bin/e $X\n",
        )
        .expect("a good unit");
        assert!(service.start_pre[0].may_fail && service.start_pre[0].privileged);
        assert_eq!(service.start_pre[0].words, ["/bin/a", "7"]);
        assert_eq!(service.start.len(), 3);
        assert_eq!(service.start[1].own_name.as_deref(), Some("cc"));
        assert_eq!(service.start[1].words, ["/bin/c", "d", ";", "e"]);
        assert!(service.start[2].literal);
    }

    #[test]
    fn what_systemd_refuses_is_refused() {
        assert!(read("[Service]\nType=simple\n").is_err());
        assert!(read("[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n").is_err());
        assert!(read("[Service]\nExecStart=bin/a\n").is_err());
        assert!(read("[Service]\nType=oneshot\nRestart=always\nExecStart=/bin/a\n").is_err());
        assert!(read("[Service]\nExecStart=/bin/a 'open\n").is_err());
    }

    #[test]
    fn limits_have_soft_and_hard_values() {
        let service = read("[Service]\nExecStart=/bin/a\nLimitNOFILE=1024:4096\nLimitMEMLOCK=infinity\nLimitCORE=64M\nLimitLOCKS=5\n")
            .expect("a good unit");
        let find = |resource| {
            service.limits.iter().find(|limit| limit.resource == resource).map(|l| (l.soft, l.hard))
        };
        assert_eq!(find(Resource::Nofile), Some((Some(1024), Some(4096))));
        assert_eq!(find(Resource::Memlock), Some((None, None)));
        assert_eq!(find(Resource::Core), Some((Some(64 << 20), Some(64 << 20))));
        assert_eq!(service.limits.len(), 3);
    }

    #[test]
    fn conditions_know_their_marks() {
        let text = UnitText {
            assignments: parse(
                "[Unit]\nConditionPathExists=!/etc/off\nConditionPathExists=|/a\nAssertPathIsDirectory=/d\nConditionVirtualization=no\n",
            ),
            sources: vec![],
        };
        let common = common("a.service", &text, "node");
        assert_eq!(common.conditions.len(), 3);
        assert!(common.conditions[0].negated && !common.conditions[0].trigger);
        assert!(common.conditions[1].trigger && !common.conditions[1].negated);
        assert!(common.conditions[2].is_assert);
        assert_eq!(common.description, "a.service");
    }
}
