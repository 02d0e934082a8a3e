//! `journalctl`: prints the node's log. This boot's entries come from PID 1,
//! those of earlier boots from the files that PID 1 wrote.

use std::io::Write;
use std::time::Duration;

use crate::collect::time_stamps;
use crate::local::{Local, LocalReply};
use crate::manager::journal::{self, Entry};
use crate::manager::unit_file;
use crate::manager::words;
use crate::rooted::Root;
use crate::systemctl::ask;

const HELP: &str = "journalctl [OPTIONS…]

Prints the log of this crashcart node.

  -u --unit=UNIT        Only this unit (may be a pattern; may be repeated)
  -n --lines[=N]        Only the last N lines (10)
  -r --reverse          Newest first
  -f --follow           Go on printing what comes
  -k --dmesg            Only what the kernel said, in this start of the node
  -b --boot             Only this start of the node
     --since=TIME       2026-11-22 14:00:00, -10min, \"5 minutes ago\", today, yesterday
     --until=TIME
  -g --grep=TEXT        Only lines that hold this text
  -o --output=FORMAT    short, short-iso, cat
  -x -e --no-pager -q   Accepted; nothing is paged here
";

#[derive(Default)]
struct Options {
    units: Vec<String>,
    kernel: bool,
    lines: Option<usize>,
    reverse: bool,
    follow: bool,
    this_boot: bool,
    previous_boot: bool,
    since_us: Option<u64>,
    until_us: Option<u64>,
    grep: Option<String>,
    format: Format,
    quiet: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Short,
    Iso,
    Cat,
}

pub fn main(words: &[String]) -> u8 {
    let options = match parse(words) {
        Ok(Some(options)) => options,
        Ok(None) => return 0,
        Err(why) => {
            eprintln!("{why}");
            return 1;
        }
    };
    match show(&options) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("{why}");
            1
        }
    }
}

/// `None`: help or version was printed.
fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut queue: std::collections::VecDeque<String> = words.iter().cloned().collect();
    while let Some(word) = queue.pop_front() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, mut value) = match long.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (long.to_owned(), None),
            };
            let mut needs = || {
                value
                    .take()
                    .or_else(|| queue.pop_front())
                    .ok_or(format!("option '--{name}' requires an argument"))
            };
            match name.as_str() {
                "unit" => options.units.push(needs()?),
                "lines" => options.lines = Some(count(value.as_deref().unwrap_or("10"))?),
                "reverse" => options.reverse = true,
                "follow" => options.follow = true,
                "dmesg" => (options.kernel, options.this_boot) = (true, true),
                "boot" => boot(&mut options, value.as_deref().unwrap_or("0"))?,
                "since" => options.since_us = Some(time(&needs()?)?),
                "until" => options.until_us = Some(time(&needs()?)?),
                "grep" => options.grep = Some(needs()?),
                "output" => options.format = format(&needs()?)?,
                "pager-end" | "no-pager" | "catalog" | "all" | "no-full" | "full" | "system"
                | "no-hostname" | "merge" => {}
                "quiet" => options.quiet = true,
                "priority" | "identifier" => {
                    needs()?;
                }
                "help" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                "version" => {
                    crate::systemctl::version("journalctl");
                    return Ok(None);
                }
                _ => {
                    return Err(format!(
                        "journalctl: unrecognized option '--{name}' (see journalctl --help)"
                    ));
                }
            }
            continue;
        }
        if word == "_TRANSPORT=kernel" {
            options.kernel = true;
            continue;
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return Err(format!(
                "Failed to add match '{word}': Invalid argument (this journalctl takes -u UNIT instead)"
            ));
        };
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let attached: String = rest.as_str().to_owned();
            let mut value = || -> Result<String, String> {
                if attached.is_empty() {
                    queue.pop_front().ok_or(format!("option requires an argument -- '{letter}'"))
                } else {
                    Ok(attached.trim_start_matches('=').to_owned())
                }
            };
            match letter {
                'u' => options.units.push(value()?),
                'S' => options.since_us = Some(time(&value()?)?),
                'U' => options.until_us = Some(time(&value()?)?),
                'g' => options.grep = Some(value()?),
                'o' => options.format = format(&value()?)?,
                'p' | 't' => {
                    value()?;
                }
                'n' => {
                    let is_number = |text: &String| text.parse::<usize>().is_ok() || text == "all";
                    let next = if attached.is_empty() {
                        queue.front().filter(|text| is_number(text)).cloned()
                    } else {
                        None
                    };
                    if next.is_some() {
                        queue.pop_front();
                    }
                    let text =
                        next.unwrap_or(if attached.is_empty() { "10".into() } else { attached.clone() });
                    options.lines = Some(count(&text)?);
                    break;
                }
                'b' => {
                    let is_offset = |text: &String| text.parse::<i32>().is_ok();
                    let next = if attached.is_empty() {
                        queue.front().filter(|text| is_offset(text)).cloned()
                    } else {
                        None
                    };
                    if next.is_some() {
                        queue.pop_front();
                    }
                    let is_attached = is_offset(&attached);
                    boot(&mut options, if is_attached { &attached } else { next.as_deref().unwrap_or("0") })?;
                    if is_attached {
                        break;
                    }
                    continue;
                }
                'k' => (options.kernel, options.this_boot) = (true, true),
                'f' => options.follow = true,
                'r' => options.reverse = true,
                'q' => options.quiet = true,
                'e' => options.lines = options.lines.or(Some(1000)),
                'x' | 'a' | 'l' | 'm' => {}
                'h' => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => {
                    return Err(format!("journalctl: invalid option -- '{other}' (see journalctl --help)"));
                }
            }
            if matches!(letter, 'u' | 'S' | 'U' | 'g' | 'o' | 'p' | 't') {
                break;
            }
        }
    }
    Ok(Some(options))
}

fn boot(options: &mut Options, text: &str) -> Result<(), String> {
    match text {
        "0" | "" => options.this_boot = true,
        "-1" => options.previous_boot = true,
        other => return Err(format!("Data from the specified boot ({other}) is not available.")),
    }
    Ok(())
}

fn count(text: &str) -> Result<usize, String> {
    match text.trim_start_matches('=') {
        "all" => Ok(usize::MAX),
        text => text.parse().map_err(|_| format!("Failed to parse lines '{text}'")),
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "short" | "short-full" | "with-unit" => Ok(Format::Short),
        "short-iso" | "short-iso-precise" | "short-precise" => Ok(Format::Iso),
        "cat" => Ok(Format::Cat),
        other => Err(format!("Unknown output '{other}'; this journalctl has short, short-iso and cat.")),
    }
}

/// A moment in microseconds since the epoch.
fn time(text: &str) -> Result<u64, String> {
    let now = journal::now_us();
    moment(text.trim(), now).ok_or_else(|| format!("Failed to parse timestamp: {text}"))
}

fn moment(text: &str, now_us: u64) -> Option<u64> {
    const DAY: u64 = 86_400_000_000;
    let midnight = now_us - now_us % DAY;
    match text {
        "now" => return Some(now_us),
        "today" => return Some(midnight),
        "yesterday" => return Some(midnight - DAY),
        _ => {}
    }
    let ago = text.strip_suffix(" ago").or_else(|| text.strip_prefix('-'));
    if let Some(span) = ago {
        return now_us.checked_sub(words::time_span(span)?.checked_mul(1000)?);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse::<u64>().ok()?.checked_mul(1_000_000);
    }
    let now_s = i64::try_from(now_us / 1_000_000).ok()?;
    let seconds = time_stamps::of_line(text, now_s)
        .or_else(|| time_stamps::of_line(&format!("{text}:00"), now_s))
        .or_else(|| time_stamps::of_line(&format!("{text} 00:00:00"), now_s))
        .or_else(|| {
            let day = time_stamps::day(now_s);
            time_stamps::of_line(&format!("{day} {text}"), now_s)
                .or_else(|| time_stamps::of_line(&format!("{day} {text}:00"), now_s))
        })?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000)
}

/// What earlier starts of the node have left on disk; a file that is none is passed over.
fn earlier(boot: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let Ok(root) = Root::system() else { return entries };
    for name in journal::FILES {
        let path = format!("{}/{name}", journal::DIRECTORY);
        let Ok(Some(text)) = root.text(&path, 32 * 1024 * 1024) else { continue };
        entries.extend(text.lines().filter_map(journal::from_line).filter(|entry| entry.boot != boot));
    }
    entries
}

fn show(options: &Options) -> Result<(), String> {
    let wanted = |entry: &Entry| {
        let unit = options.units.is_empty()
            || options.units.iter().any(|asked| {
                let name = if asked.contains(['*', '?', '[']) {
                    asked.clone()
                } else {
                    unit_file::complete_name(asked)
                };
                entry.unit.as_deref().is_some_and(|unit| words::glob(&name, unit))
            });
        unit && (!options.kernel || entry.is_kernel())
            && options.since_us.is_none_or(|since| entry.at_us >= since)
            && options.until_us.is_none_or(|until| entry.at_us <= until)
            && options.grep.as_ref().is_none_or(|text| entry.text.contains(text.as_str()))
    };
    let (boot, current) = current(0)?;
    let last = current.last().map_or(0, |entry| entry.number);
    let mut entries = if options.this_boot && !options.previous_boot { Vec::new() } else { earlier(&boot) };
    if options.previous_boot {
        let previous = entries.last().map(|entry| entry.boot.clone());
        entries.retain(|entry| Some(&entry.boot) == previous.as_ref());
    } else {
        entries.extend(current);
    }
    entries.retain(wanted);
    by_time(&mut entries);
    let most = options.lines.unwrap_or(if options.follow { 10 } else { usize::MAX });
    entries.drain(..entries.len().saturating_sub(most));
    if options.reverse {
        entries.reverse();
    }
    if entries.is_empty() && !options.follow && !options.quiet {
        println!("-- No entries --");
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut out = std::io::stdout().lock();
    let mut before: Option<String> = None;
    for entry in &entries {
        if before.as_ref().is_some_and(|before| *before != entry.boot) && options.format != Format::Cat {
            let _ = writeln!(out, "-- Boot {} --", entry.boot);
        }
        before = Some(entry.boot.clone());
        if writeln!(out, "{}", line(entry, &host, options.format)).is_err() {
            // The reader has had enough.
            return Ok(());
        }
    }
    if options.follow { follow(&mut out, options, last, &host, wanted) } else { Ok(()) }
}

/// Puts the entries of each start of the node in the order of their time: what the kernel had said before
/// the node's services began is noted after they did.
fn by_time(entries: &mut [Entry]) {
    for boot in entries.chunk_by_mut(|one, next| one.boot == next.boot) {
        boot.sort_by_key(|entry| entry.at_us);
    }
}

/// Prints what comes, until the reader has had enough.
fn follow(
    out: &mut impl Write,
    options: &Options,
    mut last: u64,
    host: &str,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<(), String> {
    loop {
        let _ = out.flush();
        std::thread::sleep(Duration::from_millis(200));
        let (_, more) = current(last)?;
        last = more.last().map_or(last, |entry| entry.number);
        for entry in more.iter().filter(|entry| wanted(entry)) {
            if writeln!(out, "{}", line(entry, host, options.format)).is_err() {
                return Ok(());
            }
        }
    }
}

fn current(after: u64) -> Result<(String, Vec<Entry>), String> {
    match ask(&Local::Journal { after, unit: None, most: 20_000 })? {
        LocalReply::Journal { boot, entries } => Ok((boot, entries)),
        LocalReply::Refused(why) => Err(why),
        _ => Err("PID 1 gave an answer of another kind".into()),
    }
}

fn line(entry: &Entry, host: &str, format: Format) -> String {
    let seconds = i64::try_from(entry.at_us / 1_000_000).unwrap_or(0);
    match format {
        Format::Cat => entry.text.clone(),
        Format::Short => {
            format!("{} {host} {}: {}", time_stamps::short(seconds), entry.who(), entry.text)
        }
        Format::Iso => {
            format!("{} {host} {}: {}", time_stamps::iso(seconds), entry.who(), entry.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        let words: Vec<String> = words::split(line).expect("splits");
        parse(&words).expect("parses").expect("is no help")
    }

    #[test]
    fn what_the_kernel_said_before_stands_before() {
        let entry = |number, boot: &str, at_us| Entry {
            number,
            boot: boot.into(),
            at_us,
            unit: None,
            speaker: "kernel".into(),
            pid: 0,
            text: String::new(),
        };
        let mut entries =
            [entry(1, "old", 50), entry(1, "new", 60), entry(2, "new", 30), entry(3, "new", 60)];
        by_time(&mut entries);
        let order: Vec<(u64, u64)> = entries.iter().map(|entry| (entry.number, entry.at_us)).collect();
        assert_eq!(order, [(1, 50), (2, 30), (1, 60), (3, 60)]);
    }

    #[test]
    fn options_are_read_as_people_write_them() {
        let read = options("-xeu munge.service --no-pager");
        assert_eq!((read.units, read.lines), (vec!["munge.service".to_owned()], Some(1000)));
        assert_eq!(options("-n 5 -u munge").lines, Some(5));
        assert_eq!(options("-n5").lines, Some(5));
        assert!(options("-fu munge").follow);
        assert_eq!(options("-n").lines, Some(10));
        assert!(options("-b -u munge -r").this_boot);
        assert!(options("-b -1").previous_boot);
        assert!(options("-k").kernel && options("-k").this_boot && options("--dmesg -n 3").kernel);
        assert!(options("_TRANSPORT=kernel").kernel && !options("_TRANSPORT=kernel").this_boot);
        assert!(options("-k -b -1").previous_boot);
        assert_eq!(options("--unit=munge --lines=3 --since '5 min ago'").lines, Some(3));
        assert!(parse(&["--nonsense".to_owned()]).is_err());
        assert!(parse(&["-u".to_owned()]).is_err());
    }

    #[test]
    fn moments_are_understood() {
        const NOW: u64 = 1_795_356_000_000_000; // 2026-11-22 14:00:00 UTC
        fn case(text: &str, expected: Option<u64>) {
            assert_eq!(moment(text, NOW), expected, "{text}");
        }
        case("-10min", Some(NOW - 600_000_000));
        case("5 minutes ago", Some(NOW - 300_000_000));
        case("today", Some(NOW - 14 * 3_600_000_000));
        case("yesterday", Some(NOW - 38 * 3_600_000_000));
        case("2026-11-22 14:00:00", Some(NOW));
        case("2026-11-22 14:00", Some(NOW));
        case("2026-11-22", Some(NOW - 14 * 3_600_000_000));
        case("13:30", Some(NOW - 1_800_000_000));
        case("13:30:00", Some(NOW - 1_800_000_000));
        case("@12", Some(12_000_000));
        case("someday", None);
    }
}
