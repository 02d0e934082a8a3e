//! Log windows: a unit's lines from PID 1's memory, or the end of a file.

use std::io;

use crashcart_facts::{LogFact, LogOf, TEXT_LIMIT};

use super::time_stamps;
use crate::manager::{Manager, journal, unit_file};
use crate::rooted::{self, Link, Root};

pub fn log(root: &Root, manager: &Manager, of: &LogOf, within_s: u32) -> io::Result<LogFact> {
    let now_s = i64::try_from(journal::now_us() / 1_000_000).unwrap_or(0);
    let from = (within_s > 0).then(|| now_s - i64::from(within_s));
    match of {
        LogOf::Unit(unit) => Ok(of_unit(root, manager, unit, from)),
        LogOf::Path(path) => of_file(root, path, from, now_s),
    }
}

fn of_unit(root: &Root, manager: &Manager, asked: &str, from: Option<i64>) -> LogFact {
    let name = unit_file::complete_name(asked);
    let entries = manager.journal.after(0, Some(&name), usize::MAX);
    let exists = !entries.is_empty()
        || manager.units.contains_key(&name)
        || !matches!(unit_file::find(root, &name), unit_file::Found::Missing);
    let mut text = String::new();
    for entry in entries {
        let at = i64::try_from(entry.at_us / 1_000_000).unwrap_or(0);
        if from.is_none_or(|from| at >= from) {
            text.push_str(&format!(
                "{} {}[{}]: {}\n",
                time_stamps::short(at),
                entry.speaker,
                entry.pid,
                entry.text
            ));
        }
    }
    let truncated = keep_end(&mut text);
    LogFact { exists, text, truncated }
}

fn of_file(root: &Root, path: &str, from: Option<i64>, now_s: i64) -> io::Result<LogFact> {
    let Some(place) = root.place(path, Link::Follow)? else { return Ok(LogFact::default()) };
    let Some(mut file) = place.open()? else {
        return Ok(LogFact { exists: true, ..LogFact::default() });
    };
    let tail = rooted::read_tail(&mut file, TEXT_LIMIT)?;
    let mut text = tail.text();
    if tail.truncated
        && let Some((_, whole_lines)) = text.split_once('\n')
    {
        text = whole_lines.to_owned();
    }
    if let Some(from) = from {
        text = recent(&text, from, now_s);
    }
    let truncated = keep_end(&mut text) || tail.truncated;
    Ok(LogFact { exists: true, text, truncated })
}

/// Lines of the window. One without a time goes with the line before it; a
/// log that carries no times at all is given whole.
fn recent(text: &str, from: i64, now_s: i64) -> String {
    let times: Vec<Option<i64>> = text.lines().map(|line| time_stamps::of_line(line, now_s)).collect();
    if times.iter().all(Option::is_none) {
        return text.to_owned();
    }
    let mut keeps = false;
    let mut out = String::new();
    for (line, time) in text.lines().zip(times) {
        keeps = time.map_or(keeps, |time| time >= from);
        if keeps {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// Cuts the beginning off what is too long.
fn keep_end(text: &mut String) -> bool {
    if text.len() <= TEXT_LIMIT {
        return false;
    }
    let mut cut = text.len() - TEXT_LIMIT;
    while !text.is_char_boundary(cut) {
        cut += 1;
    }
    text.drain(..cut);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_356_000; // 2026-11-22 14:00:00 UTC

    #[test]
    fn only_the_window_remains_and_lines_without_time_follow_theirs() {
        let text = "2026-11-22T13:00:00 old\n  more of old\n2026-11-22T13:59:30 new\n  more of new\n";
        assert_eq!(recent(text, NOW - 60, NOW), "2026-11-22T13:59:30 new\n  more of new\n");
        assert_eq!(recent("no times\nat all\n", NOW - 60, NOW), "no times\nat all\n");
    }

    #[test]
    fn the_end_of_a_file_is_what_counts() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let line = "x".repeat(99);
        let text: String = (0..5000).map(|n| format!("{line}{n}\n")).collect();
        std::fs::write(folder.path().join("log"), text).expect("written");
        let root = Root::at(folder.path()).expect("opens");
        let fact = of_file(&root, "/log", None, NOW).expect("a fact");
        assert!(fact.exists && fact.truncated && fact.text.len() <= TEXT_LIMIT);
        assert!(fact.text.ends_with("4999\n") && fact.text.starts_with('x'));
        assert!(!of_file(&root, "/none", None, NOW).expect("a fact").exists);
    }
}
