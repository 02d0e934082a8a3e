//! slurm.conf and its relatives. Source: slurm.conf(5): keys without case, `#` begins a comment unless a
//! backslash stands before it, a backslash at the end continues the line, and lines that begin with
//! NodeName, PartitionName and the like describe named things, with DEFAULT for all that follow.

/// Keys that begin a line about one named thing.
const RECORDS: &[&str] = &[
    "NodeName",
    "PartitionName",
    "FrontendName",
    "DownNodes",
    "NodeSet",
    "SwitchName",
    "Name",
    "AutoDetect",
];

/// Most names that one bracket expression is expanded to.
const EXPANSION_LIMIT: usize = 65_536;

/// All values of `Key`, or of `NodeName=gpu1.CPUs`, in order.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let lines: Vec<Vec<(String, String)>> = joined(text).iter().map(|line| pairs(line)).collect();
    let Some((record, rest)) = key.split_once('=') else {
        return lines.iter().filter(|line| !is_record(line)).flat_map(|line| all_of(line, key)).collect();
    };
    // A name has no blank in it, but it may have dots: the item comes after the last one.
    let (name, item) = match rest.rsplit_once('.') {
        Some((name, item)) => (name, Some(item)),
        None => (rest, None),
    };
    let mut values = Vec::new();
    let mut default: Option<String> = None;
    for line in &lines {
        let Some((_, names)) = line.iter().find(|(found, _)| found.eq_ignore_ascii_case(record)) else {
            continue;
        };
        let own = item.and_then(|item| all_of(line, item).pop());
        if names.eq_ignore_ascii_case("DEFAULT") {
            default = own.or(default);
        } else if names == name || names_host(names, name) {
            match item {
                None => values.push(names.clone()),
                Some(_) => values.extend(own.or_else(|| default.clone())),
            }
        }
    }
    values
}

fn is_record(line: &[(String, String)]) -> bool {
    line.first().is_some_and(|(key, _)| RECORDS.iter().any(|record| key.eq_ignore_ascii_case(record)))
}

fn all_of(line: &[(String, String)], key: &str) -> Vec<String> {
    line.iter().filter(|(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone()).collect()
}

/// Lines without comments, continued ones put together.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let line = without_comment(line);
        match line.trim_end().strip_suffix('\\') {
            Some(part) => pending.push_str(part),
            None => lines.push(std::mem::take(&mut pending) + &line),
        }
    }
    lines.push(pending);
    lines
}

/// The line up to its comment; `\#` is a hash.
fn without_comment(line: &str) -> String {
    let mut kept = String::new();
    for c in line.chars() {
        if c == '#' {
            if !kept.ends_with('\\') {
                break;
            }
            kept.pop();
        }
        kept.push(c);
    }
    kept
}

/// `Key=value` pairs of one line; a value may be in double quotes, and blanks may stand around `=`.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(at) = rest.find('=') {
        let key = rest[..at].split_whitespace().last().unwrap_or_default();
        // `+=` and the like add to a list in newer releases.
        let key = key.trim_end_matches(['+', '-']);
        let after = rest[at + 1..].trim_start();
        let (value, end) = match after.strip_prefix('"') {
            Some(quoted) => match quoted.find('"') {
                Some(end) => (&quoted[..end], end + 2),
                None => (quoted, after.len()),
            },
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        found.push((key.to_string(), value.to_string()));
        rest = &after[end..];
    }
    found
}

/// A list such as `login,gpu[1-4,07-09]` names the host.
fn names_host(list: &str, host: &str) -> bool {
    let mut depth = 0;
    let mut budget = EXPANSION_LIMIT;
    list.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .any(|one| matches_one(one, host, &mut budget))
}

/// One expression, tried against the host from the left. `budget` bounds the numbers that are tried.
fn matches_one(expression: &str, host: &str, budget: &mut usize) -> bool {
    let Some((prefix, rest)) = expression.split_once('[') else { return expression == host };
    let (Some(host), Some((ranges, rest))) = (host.strip_prefix(prefix), rest.split_once(']')) else {
        return false;
    };
    let digits = host.len() - host.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    // A number may be followed by digits of the next expression, so each length is tried, longest first.
    (1..=digits).rev().any(|taken| {
        let (number, host) = host.split_at(taken);
        *budget = budget.saturating_sub(1);
        *budget > 0
            && ranges.split(',').any(|range| in_range(range, number))
            && matches_one(rest, host, budget)
    })
}

/// `number` lies in `7`, `1-4` or `007-012`; leading zeros give the width.
fn in_range(range: &str, number: &str) -> bool {
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    let width = if low.starts_with('0') && low.len() > 1 { low.len() } else { 0 };
    let (Ok(low), Ok(high), Ok(value)) = (low.parse::<u64>(), high.parse::<u64>(), number.parse::<u64>())
    else {
        return false;
    };
    (low..=high).contains(&value) && number == format!("{value:0width$}")
}
