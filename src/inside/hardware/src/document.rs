//! A data file of the catalogue: parsed, held against what hardware can be, and refused at its line.
//!
//! The files are part of the program, so whoever sees such a mistake is changing one of them.

use serde::de::DeserializeOwned;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FileError {
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    pub what: String,
}

/// Collects what cannot be, each with the key that says so: `memory.reserved-mib`, or `mig[2].size`.
#[derive(Debug, Default)]
pub struct Doubts(Vec<(String, String)>);

impl Doubts {
    /// Notes a reason where it does not hold.
    pub fn demand(&mut self, holds: bool, key: impl Into<String>, reason: impl Into<String>) {
        if !holds {
            self.0.push((key.into(), reason.into()));
        }
    }
}

/// Parses a file and asks `check` what in it cannot be; the first of it is told.
pub fn parse<T: DeserializeOwned>(text: &str, check: impl FnOnce(&T, &mut Doubts)) -> Result<T, FileError> {
    let value: T = toml::from_str(text).map_err(|error| FileError {
        line: error.span().map_or(0, |span| line_at(text, span.start)),
        what: error.message().to_owned(),
    })?;
    let mut doubts = Doubts::default();
    check(&value, &mut doubts);
    match doubts.0.into_iter().next() {
        None => Ok(value),
        Some((key, what)) => Err(FileError { line: line_of(text, &key), what: format!("`{key}`: {what}") }),
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(0, |before| before.matches('\n').count() + 1)
}

/// The line that sets a key: in its table, or in the table of a list that has its place.
fn line_of(text: &str, key: &str) -> usize {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let (table, place) = match table.split_once('[') {
        Some((list, place)) => (list, place.trim_end_matches(']').parse::<usize>().ok()),
        None => (table, None),
    };
    let (mut within, mut seen) = (String::new(), 0);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(list) = line.strip_prefix("[[").and_then(|line| line.strip_suffix("]]")) {
            seen = if list == within { seen + 1 } else { 0 };
            within = list.to_owned();
        } else if let Some(one) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            (within, seen) = (one.to_owned(), 0);
        } else if within == table
            && place.is_none_or(|place| place == seen)
            && line.split(['=', '.']).next().map(str::trim) == Some(name)
        {
            return number;
        }
    }
    0
}
