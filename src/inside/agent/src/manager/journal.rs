//! The node's log: what services print, what they send to /dev/log, and what
//! the manager has to say. This boot's entries are kept in PID 1's memory,
//! where the node's root cannot forge them; a copy on disk outlives a restart.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::collect::time_stamps;

/// Where earlier boots are remembered.
pub const DIRECTORY: &str = "/var/log/crashcart-journal";
/// The file that grows, and the one before it.
pub const FILES: [&str; 2] = ["journal.old", "journal"];

/// Bytes of text kept in memory.
const MEMORY: usize = 4 * 1024 * 1024;
/// Bytes of one file on disk before it becomes the old one.
const DISK: u64 = 8 * 1024 * 1024;
/// Longest line kept whole.
const LINE: usize = 8 * 1024;
/// Most lines of one unit in one [`WINDOW`], as journald's default.
const BURST: u32 = 10_000;
const WINDOW: Duration = Duration::from_secs(30);

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up within one boot.
    pub number: u64,
    /// First characters of the boot's id.
    pub boot: String,
    /// Microseconds since the epoch.
    pub at_us: u64,
    pub unit: Option<String>,
    /// Who speaks, as journalctl prints it before the `[pid]`.
    pub speaker: String,
    pub pid: i32,
    pub text: String,
}

pub struct Journal {
    boot: String,
    entries: VecDeque<Entry>,
    bytes: usize,
    next: u64,
    rates: BTreeMap<String, Rate>,
    /// What the kernel's clock counts from, microseconds since the epoch.
    kernel_zero_us: Option<u64>,
    file: Option<File>,
    written: u64,
    /// After a failure to write, when to try again.
    retry: Option<Instant>,
}

struct Rate {
    since: Instant,
    count: u32,
    dropped: u32,
}

/// Now, in microseconds since the epoch.
pub fn now_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}

/// When the host was started, microseconds since the epoch.
fn host_start_us() -> u64 {
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up_us =
        u64::try_from(up.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(up.tv_nsec).unwrap_or(0) / 1000;
    now_us().saturating_sub(up_us)
}

impl Journal {
    pub fn new(boot_id: &str) -> Self {
        Self {
            boot: boot_id.chars().filter(|c| *c != '-').take(12).collect(),
            entries: VecDeque::new(),
            bytes: 0,
            next: 1,
            rates: BTreeMap::new(),
            kernel_zero_us: None,
            file: None,
            written: 0,
            retry: None,
        }
    }

    /// Notes one line.
    pub fn add(&mut self, unit: Option<&str>, speaker: &str, pid: i32, text: &str) {
        if !self.may_speak(unit.unwrap_or(speaker)) {
            return;
        }
        self.push(now_us(), unit, speaker, pid, text);
    }

    /// Notes a line of the kernel, said at `at_us`, which may have passed. No program speaks with its name
    /// and without a process; a copy goes where a syslog daemon would put it.
    pub fn add_kernel(&mut self, at_us: u64, text: &str) {
        self.push(at_us, None, KERNEL, 0, text);
        // A line of before the host's start was said by a kernel that was up by then.
        let zero = *self.kernel_zero_us.get_or_insert_with(|| at_us.min(host_start_us()));
        let since_boot = at_us.saturating_sub(zero);
        let (seconds, micros) = (since_boot / 1_000_000, since_boot % 1_000_000);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let at = time_stamps::precise(at_us);
        let line = format!("{at} {host} kernel: [{seconds:5}.{micros:06}] {text}\n");
        if let Some((mut file, _)) = open_in("/var/log", "kern.log") {
            let _ = file.write_all(line.as_bytes());
        }
    }

    fn may_speak(&mut self, who: &str) -> bool {
        let now = Instant::now();
        if self.rates.len() > 1000 {
            self.rates.clear();
        }
        let rate = self.rates.entry(who.to_owned()).or_insert(Rate { since: now, count: 0, dropped: 0 });
        let mut dropped = 0;
        if now.duration_since(rate.since) > WINDOW {
            dropped = rate.dropped;
            *rate = Rate { since: now, count: 0, dropped: 0 };
        }
        rate.count += 1;
        let may = rate.count <= BURST;
        if !may {
            rate.dropped += 1;
        }
        if dropped > 0 {
            let who = who.to_owned();
            self.push(now_us(), None, SPEAKER, 1, &format!("Suppressed {dropped} messages from {who}"));
        }
        may
    }

    fn push(&mut self, at_us: u64, unit: Option<&str>, speaker: &str, pid: i32, text: &str) {
        let mut end = text.len().min(LINE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let entry = Entry {
            number: self.next,
            boot: self.boot.clone(),
            at_us,
            unit: unit.map(str::to_owned),
            speaker: speaker.to_owned(),
            pid,
            text: text[..end].chars().filter(|c| !c.is_control() || *c == '\t' || *c == '\x1b').collect(),
        };
        self.next += 1;
        self.save(&entry);
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
        while self.bytes > MEMORY {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= weight(&oldest);
        }
    }

    /// Entries after `number`, of one unit if asked, the last `most` of them.
    pub fn after(&self, number: u64, unit: Option<&str>, most: usize) -> Vec<Entry> {
        let wanted = |entry: &&Entry| {
            entry.number > number && unit.is_none_or(|unit| entry.unit.as_deref() == Some(unit))
        };
        let mut chosen: Vec<Entry> = self.entries.iter().rev().filter(wanted).take(most).cloned().collect();
        chosen.reverse();
        chosen
    }

    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// The disk is the node's: whatever is wrong with it, the log in memory goes on.
    fn save(&mut self, entry: &Entry) {
        if self.retry.is_some_and(|retry| Instant::now() < retry) {
            return;
        }
        let full = self.written > DISK;
        if full {
            let path = |name| format!("{DIRECTORY}/{name}");
            let _ = rustix::fs::rename(path(FILES[1]), path(FILES[0]));
            self.file = None;
        }
        if self.file.as_ref().is_none_or(is_gone) {
            match open() {
                Some((file, size)) => (self.file, self.written) = (Some(file), size),
                None => {
                    self.retry = Some(Instant::now() + Duration::from_secs(5));
                    return;
                }
            }
        }
        let line = format!("{}\n", to_line(entry));
        if let Some(file) = &mut self.file {
            match file.write_all(line.as_bytes()) {
                Ok(()) => self.written += line.len() as u64,
                Err(_) => {
                    self.file = None;
                    self.retry = Some(Instant::now() + Duration::from_secs(5));
                }
            }
        }
    }
}

/// The manager's own name in the log. It is no systemd and does not say so.
pub const SPEAKER: &str = "init";

/// Speaker of the kernel's lines.
const KERNEL: &str = "kernel";

impl Entry {
    /// Whether the kernel said it; a program's line always has the program's number.
    pub fn is_kernel(&self) -> bool {
        self.speaker == KERNEL && self.pid == 0
    }

    /// Who speaks, as it stands before the text: `munged[71]`.
    pub fn who(&self) -> String {
        if self.is_kernel() { KERNEL.to_owned() } else { format!("{}[{}]", self.speaker, self.pid) }
    }
}

fn weight(entry: &Entry) -> usize {
    entry.text.len() + entry.speaker.len() + 64
}

fn is_gone(file: &File) -> bool {
    rustix::fs::fstat(file).map_or(true, |stat| stat.st_nlink == 0)
}

/// Opens the file to append to. Neither a link nor a FIFO planted there is used.
fn open() -> Option<(File, u64)> {
    let _ = rustix::fs::mkdir(DIRECTORY, Mode::from_raw_mode(0o755));
    open_in(DIRECTORY, FILES[1])
}

fn open_in(directory: &str, name: &str) -> Option<(File, u64)> {
    let dir_flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir: OwnedFd = rustix::fs::open(directory, dir_flags, Mode::empty()).ok()?;
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, name, flags, Mode::from_raw_mode(0o640)).ok()?;
    let stat = rustix::fs::fstat(&fd).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    Some((File::from(fd), u64::try_from(stat.st_size).unwrap_or(0)))
}

fn to_line(entry: &Entry) -> String {
    let unit = entry.unit.as_deref().unwrap_or("-");
    format!(
        "{} {} {} {} {}\t{}",
        entry.boot,
        entry.at_us,
        entry.pid,
        unit,
        entry.speaker.replace(['\t', ' '], "_"),
        entry.text
    )
}

/// Reads back a line of the file; `None` for what is none.
pub fn from_line(line: &str) -> Option<Entry> {
    let (head, text) = line.split_once('\t')?;
    let words: Vec<&str> = head.split(' ').collect();
    let [boot, at_us, pid, unit, speaker] = words[..] else { return None };
    Some(Entry {
        number: 0,
        boot: boot.to_owned(),
        at_us: at_us.parse().ok()?,
        unit: (unit != "-").then(|| unit.to_owned()),
        speaker: speaker.to_owned(),
        pid: pid.parse().ok()?,
        text: text.to_owned(),
    })
}

/// Takes a datagram of /dev/log apart: `<13>Nov 22 14:00:00 cron[71]: text`.
pub fn syslog(datagram: &str) -> (String, Option<i32>, String) {
    let mut rest = datagram.trim_end_matches(['\n', '\0']);
    if let Some((priority, after)) = rest.strip_prefix('<').and_then(|inner| inner.split_once('>'))
        && priority.len() <= 3
        && priority.bytes().all(|byte| byte.is_ascii_digit())
    {
        rest = after;
    }
    // `Mmm dd HH:MM:SS `, fifteen characters and a blank.
    if rest.len() > 16
        && rest.as_bytes()[15] == b' '
        && rest.as_bytes()[9] == b':'
        && rest.as_bytes()[12] == b':'
    {
        rest = rest.get(16..).unwrap_or(rest);
    }
    let Some((tag, text)) = rest.split_once(": ").filter(|(tag, _)| !tag.contains(' ') && tag.len() < 64)
    else {
        return (String::from("unknown"), None, rest.to_owned());
    };
    match tag.split_once('[') {
        Some((name, pid)) => (name.to_owned(), pid.trim_end_matches(']').parse().ok(), text.to_owned()),
        None => (tag.to_owned(), None, text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_file_reads_back() {
        let entry = Entry {
            number: 0,
            boot: "abc".into(),
            at_us: 12,
            unit: Some("munge.service".into()),
            speaker: "munged".into(),
            pid: 7,
            text: "a\tb c".into(),
        };
        assert_eq!(from_line(&to_line(&entry)), Some(entry));
        assert_eq!(from_line("garbage"), None);
    }

    #[test]
    fn syslog_datagrams_are_taken_apart() {
        fn case(datagram: &str, expected: (&str, Option<i32>, &str)) {
            let (speaker, pid, text) = syslog(datagram);
            assert_eq!((speaker.as_str(), pid, text.as_str()), expected, "{datagram}");
        }
        case("<78>Nov 22 14:00:01 cron[71]: (CRON) INFO (x)", ("cron", Some(71), "(CRON) INFO (x)"));
        case("<13>Nov  2 14:00:01 root: hello: you\n", ("root", None, "hello: you"));
        case("no tag at all", ("unknown", None, "no tag at all"));
        case("<x>y", ("unknown", None, "<x>y"));
    }

    #[test]
    fn a_chatty_unit_is_cut_off_and_others_are_not() {
        let mut journal = Journal::new("00000000-1111");
        for _ in 0..BURST + 5 {
            assert!(journal.may_speak("a.service") || journal.rates["a.service"].count > BURST);
        }
        assert_eq!(journal.rates["a.service"].dropped, 5);
        assert!(journal.may_speak("b.service"));
    }
}
