//! What the lab's own solution does, and what the learner left different: one beside the other, or one above the other
//! where there is no room.
//!
//! What the learner did comes from the state of the nodes, never from what was typed in a shell. [`Left`] is all that this
//! view knows of it: whoever compares two states of a node fills it.

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::timeline::deed_words;
use crate::evidence::Changes;
use crate::grade::{CheckReport, CheckVerdict, Report, clean};
use crate::lab::{Act, Draw, Lab, Solution, SolutionKind, applies};
use crate::screen::plain;

/// From so many columns on the two stand side by side.
pub const SIDE_BY_SIDE: usize = 120;
/// Most bytes of one script, and of one line of what was left.
const TEXT_LIMIT: usize = 16 * 1024;
const LINE_LIMIT: usize = 400;
/// Most lines of one list on one node; how many there are more is said.
const MOST_LINES: usize = 120;
/// Most characters of what a check found.
const FOUND_LIMIT: usize = 100;
/// Begins a line of a script that says what the lines below it are for.
const STEP: &str = "#: step ";

/// What a lab's own solution does in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    pub node: String,
    /// Path of the script in the lab's folder; none where a technician was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The script as its author wrote it, or what the technician did.
    pub text: String,
    /// What stands in the script for this attempt's names and numbers: `CC_PORT=7271`.
    pub values: Vec<String>,
}

/// What is different on a node, in lists of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Left {
    pub node: String,
    /// What the lines are: `files`, `units`, `packages`, or `as the checks read it`.
    pub list: String,
    /// `/etc/service/key: mode 0644 → 0400`; indented where a line belongs to the one above. Anything that a node said:
    /// it is cleaned where it is shown.
    pub lines: Vec<String>,
}

/// The reference solution for an attempt's cause.
pub fn reference<'l>(lab: &'l Lab, draw: &Draw<'_>) -> Option<&'l Solution> {
    let is = |solution: &&Solution| {
        solution.kind == SolutionKind::Reference && applies(&solution.variants, &draw.variant.name)
    };
    lab.solutions.iter().find(is)
}

/// What a solution does, step by step; the error is that of a script that cannot be read.
pub fn shown(lab: &Lab, solution: &Solution, draw: &Draw<'_>) -> std::io::Result<Vec<Shown>> {
    let steps = solution.steps.iter().map(|step| {
        let node = step.node.to_string();
        match &step.act {
            Act::Hands(deed) => {
                let deed = serde_json::to_value(deed).ok().as_ref().and_then(deed_words);
                let text = format!("a technician: {}", deed.unwrap_or_default());
                Ok(Shown { node, script: None, text, values: Vec::new() })
            }
            Act::Run(path) | Act::Console(path) => {
                let text = clean(&lab.read(path)?, TEXT_LIMIT);
                let values = values(&text, draw);
                Ok(Shown { node, script: Some(path.clone()), text, values })
            }
        }
    });
    steps.collect()
}

/// The parameters that a script names, with their values.
fn values(text: &str, draw: &Draw<'_>) -> Vec<String> {
    let named = |(name, value): (&String, &String)| {
        let variable = format!("CC_{}", name.to_uppercase().replace('-', "_"));
        text.contains(&variable).then(|| format!("{variable}={value}"))
    };
    draw.parameters.iter().filter_map(named).collect()
}

/// Checks that say another thing now than they did at first, with what was found then and now. `before` are the first
/// readings, the earliest first.
pub fn as_checks_read_it(before: &[Report], after: &Report) -> Vec<Left> {
    let mut left: Vec<Left> = Vec::new();
    for check in &after.checks {
        let same = |other: &&CheckReport| other.id == check.id;
        // What a check read last: after the restart, where it was read there, too.
        if after.checks.iter().rfind(same).is_some_and(|last| last.phase != check.phase) {
            continue;
        }
        let first = before
            .iter()
            .filter_map(|report| report.checks.iter().find(|other| same(other) && met(other).is_some()))
            .next();
        let (Some(first), Some(now_met)) = (first, met(check)) else { continue };
        if met(first) == Some(now_met) {
            continue;
        }
        let node = check.nodes.iter().map(|node| node.as_str()).collect::<Vec<_>>().join(", ");
        let lines = [
            check.id.to_string(),
            format!("  was {}", first.short_found(FOUND_LIMIT)),
            format!("  now {}", check.short_found(FOUND_LIMIT)),
        ];
        match left.iter_mut().find(|it| it.node == node) {
            Some(known) => known.lines.extend(lines),
            None => left.push(Left { node, list: "as the checks read it".into(), lines: lines.into() }),
        }
    }
    left
}

/// What is different by the inventories of the nodes: a list for each kind of thing.
pub fn as_inventories_tell(changes: &Changes) -> Vec<Left> {
    let mut all: Vec<Left> = Vec::new();
    for (node, changes) in &changes.nodes {
        for line in changes.lines() {
            let list = line.list.words(2);
            let words = match line.what.is_empty() {
                true => format!("{}: {}", line.name, line.fate.word()),
                false => format!("{}: {}, {}", line.name, line.fate.word(), line.what),
            };
            match all.last_mut() {
                Some(last) if last.node == node.as_str() && last.list == list => last.lines.push(words),
                _ => all.push(Left { node: node.to_string(), list: list.to_owned(), lines: vec![words] }),
            }
        }
    }
    all
}

/// None where a check gave no answer.
fn met(check: &CheckReport) -> Option<bool> {
    match check.verdict {
        CheckVerdict::Pass { .. } => Some(true),
        CheckVerdict::Fail { .. } => Some(false),
        CheckVerdict::Unknown { .. } => None,
    }
}

/// The solution's side, line by line.
pub fn shown_lines(shown: &[Shown]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in shown {
        lines.push(match &step.script {
            Some(script) => format!("on {}, {script}", step.node),
            None => format!("at {}", step.node),
        });
        lines.extend(step.values.iter().map(|value| format!("  # {}", clean(value, LINE_LIMIT))));
        for line in step.text.lines().filter(|line| !line.starts_with("#!")) {
            match line.strip_prefix(STEP) {
                Some(what) => lines.push(format!("  # {what}")),
                None => lines.push(format!("  {line}")),
            }
        }
        lines.push(String::new());
    }
    lines.truncate(lines.len().saturating_sub(1));
    lines
}

/// The learner's side, line by line.
pub fn left_lines(left: &[Left]) -> Vec<String> {
    let mut lines = Vec::new();
    for list in left.iter().filter(|list| !list.lines.is_empty()) {
        lines.push(format!("on {}, {}", clean(&list.node, LINE_LIMIT), clean(&list.list, LINE_LIMIT)));
        let shown = list.lines.iter().take(MOST_LINES);
        lines.extend(shown.map(|line| {
            let indent = if line.starts_with("  ") { "    " } else { "  " };
            format!("{indent}{}", plain(line))
        }));
        if list.lines.len() > MOST_LINES {
            lines.push(format!("  and {} more", list.lines.len() - MOST_LINES));
        }
        lines.push(String::new());
    }
    lines.truncate(lines.len().saturating_sub(1));
    if lines.is_empty() {
        lines.push("nothing that was read both before and after".into());
    }
    lines
}

/// Two texts beside each other in so many columns, each below its heading; one above the other in fewer than
/// [`SIDE_BY_SIDE`].
pub fn beside(headings: [&str; 2], sides: [&[String]; 2], columns: usize) -> String {
    let mut text = String::new();
    if columns < SIDE_BY_SIDE {
        for (heading, lines) in headings.into_iter().zip(sides) {
            text.push_str(&format!("{heading}\n\n"));
            for line in lines.iter().flat_map(|line| wrapped(line, columns)) {
                text.push_str(&format!("{line}\n"));
            }
            text.push('\n');
        }
        text.pop();
        return text;
    }
    let half = (columns - 3) / 2;
    let column = |side: usize| -> Vec<String> {
        let lines = sides[side].iter().flat_map(|line| wrapped(line, half));
        [headings[side].to_owned(), String::new()].into_iter().chain(lines).collect()
    };
    let (one, other) = (column(0), column(1));
    for nth in 0..one.len().max(other.len()) {
        let at = |lines: &[String]| lines.get(nth).cloned().unwrap_or_default();
        let (one, other) = (at(&one), at(&other));
        let gap = " ".repeat(half.saturating_sub(one.width()));
        text.push_str(format!("{one}{gap} | {other}").trim_end());
        text.push('\n');
    }
    text
}

/// A line in pieces of so many columns; those below the first are indented as it is, and a little more.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let below = " ".repeat((indent + 2).min(columns / 2));
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut used = 0;
    for c in line.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns {
            // At the last blank, where there is one that leaves something on this line.
            let at = piece.rfind(' ').filter(|at| *at > below.len());
            let rest = at.map_or_else(String::new, |at| piece.split_off(at).trim_start().to_owned());
            pieces.push(std::mem::replace(&mut piece, format!("{below}{rest}")));
            used = piece.width();
            if c == ' ' && rest.is_empty() {
                continue;
            }
        }
        piece.push(c);
        used += wide;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn two_texts_stand_side_by_side_where_there_is_room_and_else_one_above_the_other() {
        let one = lines(&["on front, solve/a.sh", "  chmod 0400 /etc/key"]);
        let other = lines(&["on front, files", "  /etc/key: mode 0644 → 0400", "  火: 火"]);
        let wide = beside(["THEIRS", "MINE"], [&one, &other], 120);
        let wanted = [
            "THEIRS                                                     | MINE",
            "                                                           |",
            "on front, solve/a.sh                                       | on front, files",
            "  chmod 0400 /etc/key                                      |   /etc/key: mode 0644 → 0400",
            "                                                           |   火: 火",
        ];
        assert_eq!(wide.lines().collect::<Vec<_>>(), wanted);
        let narrow = beside(["THEIRS", "MINE"], [&one, &other], 80);
        assert_eq!(
            narrow,
            "THEIRS\n\non front, solve/a.sh\n  chmod 0400 /etc/key\n\n\
             MINE\n\non front, files\n  /etc/key: mode 0644 → 0400\n  火: 火\n"
        );
    }

    #[test]
    fn no_line_is_longer_than_its_column_and_nothing_is_lost() {
        let line =
            "  sed -i 's/^a = .*/a = 1/' /etc/some/where/that/is/quite/long/and/has/no/blank/in/it 火火火火";
        for columns in [12, 20, 38, 58, 200] {
            let pieces = wrapped(line, columns);
            assert!(pieces.iter().all(|piece| piece.width() <= columns), "{columns}: {pieces:?}");
            let kept: String = pieces.concat().split_whitespace().collect();
            assert_eq!(kept, line.split_whitespace().collect::<String>(), "{columns}");
        }
        assert_eq!(wrapped("", 20), [""]);
    }

    #[test]
    fn what_a_node_said_is_cleaned_and_long_lists_are_cut() {
        let many = |count: usize| (0..count).map(|n| format!("/f{n}: \u{1b}[2Jadded\nx")).collect();
        let left = [
            Left { node: "front".into(), list: "files".into(), lines: many(122) },
            Left { node: "front".into(), list: "units".into(), lines: Vec::new() },
        ];
        let lines = left_lines(&left);
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("on front, files", "  /f0: added x"));
        assert_eq!((lines.len(), lines[121].as_str()), (122, "  and 2 more"));
        assert_eq!(left_lines(&[]), ["nothing that was read both before and after"]);
    }

    #[test]
    fn a_solution_tells_what_its_steps_are_for_and_what_stands_in_them() {
        let shown = [
            Shown {
                node: "front".into(),
                script: Some("solve/a.sh".into()),
                text: "#!/bin/sh\n#: step close it\nchmod $CC_MODE /etc/key\n".into(),
                values: vec!["CC_MODE=0400".into()],
            },
            Shown {
                node: "back".into(),
                script: None,
                text: "a technician: reseat GPU 3".into(),
                values: Vec::new(),
            },
        ];
        let wanted = [
            "on front, solve/a.sh",
            "  # CC_MODE=0400",
            "  # close it",
            "  chmod $CC_MODE /etc/key",
            "",
            "at back",
            "  a technician: reseat GPU 3",
        ];
        assert_eq!(shown_lines(&shown), wanted);
    }
}
