//! What /proc says about processes, and which of them belong to a unit.
//!
//! A unit's processes are found by a mark that the kernel hands down: the
//! service manager sets the obsolete limit RLIMIT_LOCKS (no effect since Linux
//! 2.4.25) to a number of the unit's own before `exec`. It survives fork, exec,
//! setsid, setuid and an emptied environment, and any process may read it in
//! /proc/PID/limits. It does what a control group does for systemd, where
//! cgroupfs is read-only.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::{Pid, PidfdFlags, Signal};

/// Marks are this plus the number of the unit.
const MARK_BASE: u64 = 0x4343_0000;

/// The mark of a unit, from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u32);

impl Mark {
    /// The limit that carries it.
    pub fn limit(self) -> u64 {
        MARK_BASE + u64::from(self.0)
    }

    fn from_limit(limit: u64) -> Option<Self> {
        let number = limit.checked_sub(MARK_BASE)?;
        u32::try_from(number).ok().filter(|number| *number < 0x10_0000).map(Self)
    }
}

/// The fields of /proc/PID/stat that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    pub name: String,
    pub state: char,
    pub parent: i32,
    pub session: i32,
    /// Device number of the controlling terminal; 0 for none.
    pub terminal: i32,
    /// User plus system time, in clock ticks.
    pub cpu_ticks: u64,
    pub threads: u32,
    /// Start, in clock ticks after the machine's boot.
    pub started_ticks: u64,
}

/// All process ids, ascending.
pub fn all() -> Vec<i32> {
    let mut pids: Vec<i32> = Vec::new();
    if let Ok(entries) = std::fs::read_dir("/proc") {
        pids.extend(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()));
    }
    pids.sort_unstable();
    pids
}

fn read(pid: i32, file: &str) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

pub fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&read(pid, "stat")?)
}

/// The name stands in parentheses and may itself hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let open = text.find('(')?;
    let close = text.rfind(')')?;
    let name = text.get(open + 1..close)?.to_owned();
    let rest: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
    // proc_pid_stat(5) counts from 1 with the pid; rest[0] is its field 3.
    let field = |number: usize| rest.get(number - 3).copied();
    Some(Stat {
        name,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        terminal: field(7)?.parse().ok()?,
        cpu_ticks: field(14)?.parse::<u64>().ok()? + field(15)?.parse::<u64>().ok()?,
        threads: field(20)?.parse().ok()?,
        started_ticks: field(22)?.parse().ok()?,
    })
}

/// Whether a process exists and is more than a corpse awaiting its parent.
pub fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// One line of /proc/PID/limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub soft: String,
    pub hard: String,
}

/// A limit by the kernel's words for it.
pub fn limit(pid: i32, resource: &str) -> Option<Limit> {
    parse_limit(&read(pid, "limits")?, resource)
}

fn parse_limit(text: &str, resource: &str) -> Option<Limit> {
    text.lines().skip(1).find_map(|line| {
        let rest = line.strip_prefix(resource)?;
        // Names are padded with blanks: `Max stack size` must not match a longer name.
        rest.starts_with("  ").then_some(())?;
        let mut words = rest.split_ascii_whitespace();
        Some(Limit { soft: words.next()?.to_owned(), hard: words.next()?.to_owned() })
    })
}

/// The unit mark that a process carries.
pub fn mark(pid: i32) -> Option<Mark> {
    Mark::from_limit(limit(pid, "Max file locks")?.hard.parse().ok()?)
}

/// Every living process that carries a mark.
pub fn marked() -> BTreeMap<Mark, Vec<i32>> {
    let mut found: BTreeMap<Mark, Vec<i32>> = BTreeMap::new();
    for pid in all() {
        if pid == 1 {
            continue;
        }
        if let Some(mark) = mark(pid)
            && is_alive(pid)
        {
            found.entry(mark).or_default().push(pid);
        }
    }
    found
}

/// The living processes that carry this mark.
pub fn of_mark(wanted: Mark) -> Vec<i32> {
    all().into_iter().filter(|pid| *pid != 1 && mark(*pid) == Some(wanted) && is_alive(*pid)).collect()
}

/// All living descendants of a process, itself left out.
pub fn descendants(ancestor: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> =
        all().into_iter().filter_map(|pid| stat(pid).map(|stat| (pid, stat.parent))).collect();
    let mut family = BTreeSet::from([ancestor]);
    loop {
        let before = family.len();
        for (pid, parent) in &parents {
            if family.contains(parent) {
                family.insert(*pid);
            }
        }
        if family.len() == before {
            break;
        }
    }
    family.remove(&ancestor);
    family.into_iter().filter(|pid| is_alive(*pid)).collect()
}

/// Signals a process only if `still` holds for it after it has been pinned
/// down, so that a recycled process id never strikes a stranger.
pub fn signal(pid: i32, signal: Signal, still: impl Fn(i32) -> bool) {
    let Some(pid) = Pid::from_raw(pid).filter(|pid| pid.as_raw_nonzero().get() > 1) else { return };
    let raw = pid.as_raw_nonzero().get();
    match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(held) => {
            if still(raw) {
                let _ = rustix::process::pidfd_send_signal(held, signal);
            }
        }
        // Engines whose filter does not know pidfds.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            if still(raw) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        Err(_) => {}
    }
}

/// Real user and group id of a process.
pub fn owner(pid: i32) -> Option<(u32, u32)> {
    let status = read(pid, "status")?;
    let id = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()?.parse().ok()
    };
    Some((id("Uid:")?, id("Gid:")?))
}

/// Resident memory in KiB; 0 for kernel threads and corpses.
pub fn resident_kib(pid: i32) -> u64 {
    let value = read(pid, "status")
        .and_then(|status| status.lines().find_map(|line| line.strip_prefix("VmRSS:").map(str::to_owned)));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The command line, arguments joined by spaces; the name in brackets where there is none.
pub fn command_line(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let line = words.join(" ").trim_end().to_owned();
    if line.is_empty() { stat(pid).map_or_else(String::new, |stat| format!("[{}]", stat.name)) } else { line }
}

/// Reads a link below /proc/PID that only the process's owner may read.
fn owned_link(pid: i32, path: &str) -> Option<String> {
    let path = format!("/proc/{pid}/{path}");
    let read =
        || rustix::fs::readlink(&path, Vec::new()).ok().map(|link| link.to_string_lossy().into_owned());
    read().or_else(|| {
        let (uid, gid) = owner(pid)?;
        crate::kernel::as_files_of(uid, gid, read)
    })
}

/// The executable, as /proc/PID/exe says.
pub fn executable(pid: i32) -> Option<String> {
    let link = owned_link(pid, "exe")?;
    Some(link.strip_suffix(" (deleted)").map_or(link.clone(), str::to_owned))
}

/// The inodes of the sockets that a process holds open.
pub fn sockets(pid: i32) -> Vec<u64> {
    let list = || -> Option<Vec<u64>> {
        let mut inodes = Vec::new();
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
            let Ok(link) = std::fs::read_link(entry.path()) else { continue };
            let link = link.to_string_lossy().into_owned();
            if let Some(inode) = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) {
                inodes.extend(inode.parse::<u64>());
            }
        }
        Some(inodes)
    };
    match owner(pid) {
        Some((0, _)) | None => list().unwrap_or_default(),
        Some((uid, gid)) => crate::kernel::as_files_of(uid, gid, list).unwrap_or_default(),
    }
}

/// When this machine booted, in milliseconds since the epoch. Taken once at
/// the start of PID 1, so that start times do not waver between readings.
pub fn machine_boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ms = |time: rustix::time::Timespec| time.tv_sec * 1000 + time.tv_nsec / 1_000_000;
    u64::try_from(ms(now) - ms(up)).unwrap_or(0)
}

/// When a process started, in milliseconds since the epoch.
pub fn started_at_ms(started_ticks: u64, machine_boot_ms: u64) -> u64 {
    machine_boot_ms + started_ticks * 1000 / rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let line = "4242 (odd ) name (x) S 17 4242 4200 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 7 0 987654 1 2 3";
        let stat = parse_stat(line).expect("the line parses");
        assert_eq!(stat.name, "odd ) name (x");
        assert_eq!((stat.state, stat.parent, stat.session), ('S', 17, 4200));
        assert_eq!((stat.cpu_ticks, stat.threads, stat.started_ticks), (42, 7, 987_654));
        assert_eq!(parse_stat("4242 cut off"), None);
    }

    #[test]
    fn limits_are_found_by_their_whole_name() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n\
                    Max open files            1024                 524288               files     \n\
                    Max file locks            1128464391           1128464391           locks     \n";
        assert_eq!(
            parse_limit(text, "Max open files"),
            Some(Limit { soft: "1024".into(), hard: "524288".into() })
        );
        assert_eq!(parse_limit(text, "Max open"), None);
        assert_eq!(parse_limit(text, "Max nice priority"), None);
        let marked = parse_limit(text, "Max file locks").expect("listed");
        assert_eq!(Mark::from_limit(marked.hard.parse().expect("a number")), Some(Mark(7)));
    }

    #[test]
    fn a_mark_comes_back_from_its_limit_and_nothing_else_is_a_mark() {
        assert_eq!(Mark::from_limit(Mark(12).limit()), Some(Mark(12)));
        assert_eq!(Mark::from_limit(1024), None);
        assert_eq!(Mark::from_limit(u64::MAX), None);
    }

    #[test]
    fn this_very_process_is_described() {
        let me = i32::try_from(std::process::id()).expect("pids are small");
        assert!(is_alive(me));
        assert!(executable(me).expect("readable").contains("crashcart_agent"));
        assert!(command_line(me).contains("crashcart_agent"));
        assert!(resident_kib(me) > 0);
        assert_eq!(mark(me), None);
    }
}
