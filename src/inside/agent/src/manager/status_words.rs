//! The words that systemd prints for exit statuses and signals: status=1/FAILURE, status=9/KILL.

/// Names of exit statuses, from systemd.exec(5).
const CODES: &[(i32, &str)] = &[
    (0, "SUCCESS"),
    (1, "FAILURE"),
    (2, "INVALIDARGUMENT"),
    (3, "NOTIMPLEMENTED"),
    (4, "NOPERMISSION"),
    (5, "NOTINSTALLED"),
    (6, "NOTCONFIGURED"),
    (7, "NOTRUNNING"),
    (64, "USAGE"),
    (65, "DATAERR"),
    (66, "NOINPUT"),
    (69, "UNAVAILABLE"),
    (70, "SOFTWARE"),
    (73, "CANTCREAT"),
    (74, "IOERR"),
    (75, "TEMPFAIL"),
    (77, "NOPERM"),
    (78, "CONFIG"),
    (200, "CHDIR"),
    (201, "NICE"),
    (202, "FDS"),
    (203, "EXEC"),
    (205, "LIMITS"),
    (206, "OOM_ADJUST"),
    (208, "STDIN"),
    (209, "STDOUT"),
    (216, "GROUP"),
    (217, "USER"),
    (220, "SETSID"),
    (227, "NO_NEW_PRIVILEGES"),
    (233, "RUNTIME_DIRECTORY"),
    (238, "STATE_DIRECTORY"),
    (239, "CACHE_DIRECTORY"),
    (240, "LOGS_DIRECTORY"),
    (241, "CONFIGURATION_DIRECTORY"),
];

/// The word for an exit status; `n/a` where there is none.
pub fn word(code: i32) -> &'static str {
    CODES.iter().find(|(known, _)| *known == code).map_or("n/a", |(_, word)| word)
}

/// The status of a word.
pub fn code(word: &str) -> Option<i32> {
    CODES.iter().find(|(_, known)| *known == word).map(|(code, _)| *code)
}

/// The name of a signal without its `SIG`; its number where it has none.
pub fn signal(number: i32) -> String {
    const NAMES: &[&str] = &[
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
        "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    usize::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .and_then(|number| NAMES.get(number))
        .map_or_else(|| number.to_string(), |name| (*name).to_owned())
}
