//! `--query-…` as comma separated values, and the help that lists what may be asked. Pure.
//!
//! The header repeats the name that nvidia-smi prefers, whichever was asked, and a unit in brackets; a
//! refusal stands in brackets itself, and never carries a unit.

use std::fmt::Write;

use crate::fields::{self, Field, Row};
use crate::node::{Code, Driver, Live, Node};
use crate::table::complaint;
use crate::words::refusal;

/// What is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Gpu,
    ComputeApps,
    AccountedApps,
}

/// How rows are to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub no_header: bool,
    pub no_units: bool,
}

impl Subject {
    pub fn fields(self) -> Vec<Field> {
        match self {
            Subject::Gpu => fields::gpu(),
            Subject::ComputeApps => fields::compute_apps(),
            Subject::AccountedApps => fields::accounted_apps(),
        }
    }

    /// The option without its dashes.
    pub fn option(self) -> &'static str {
        match self {
            Subject::Gpu => "query-gpu",
            Subject::ComputeApps => "query-compute-apps",
            Subject::AccountedApps => "query-accounted-apps",
        }
    }
}

/// A name that nobody answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchField(pub String);

/// Rows for what was asked; the status of the first GPU that could not be.
pub fn render(
    node: &Node,
    subject: Subject,
    names: &[String],
    format: Format,
    header: bool,
    now: &jiff::Zoned,
) -> Result<(String, Option<Code>), NoSuchField> {
    let driver = node.driver();
    let all = subject.fields();
    let asked: Vec<&Field> = names
        .iter()
        .map(|name| {
            all.iter()
                .find(|field| field.is_known_to(driver) && field.answers_to(name))
                .ok_or_else(|| NoSuchField(name.clone()))
        })
        .collect::<Result<_, _>>()?;
    let mut out = String::new();
    if header && !format.no_header {
        let titles: Vec<String> = asked
            .iter()
            .map(|field| match field.unit {
                Some(unit) if !format.no_units => format!("{} [{unit}]", field.name),
                _ => field.name.to_owned(),
            })
            .collect();
        let _ = writeln!(out, "{}", titles.join(", "));
    }
    let stamp = crate::clock::csv(now);
    let mut failed = None;
    for gpu in &node.gpus {
        match &gpu.state {
            Ok(live) => {
                for row in rows(node, subject, gpu.index, live, &stamp) {
                    let cells: Vec<String> = asked.iter().map(|field| cell(field, &row, format)).collect();
                    let _ = writeln!(out, "{}", cells.join(", "));
                }
            }
            Err(missing) => {
                out += &complaint(driver, gpu.index, missing);
                failed.get_or_insert(missing.code);
            }
        }
    }
    Ok((out, failed))
}

fn rows<'n>(node: &'n Node, subject: Subject, index: u32, live: &'n Live, now: &'n str) -> Vec<Row<'n>> {
    let plain = Row { node, index, live, now, process: None, accounted: None };
    match subject {
        Subject::Gpu => vec![plain],
        Subject::ComputeApps => live
            .board
            .processes
            .as_deref()
            .unwrap_or_default()
            .iter()
            .filter(|one| one.compute)
            .map(|one| Row { process: Some(one), ..plain })
            .collect(),
        Subject::AccountedApps => live
            .board
            .accounted
            .as_deref()
            .unwrap_or_default()
            .iter()
            .map(|one| Row { accounted: Some(one), ..plain })
            .collect(),
    }
}

fn cell(field: &Field, row: &Row<'_>, format: Format) -> String {
    match (field.read)(row) {
        Ok(value) => match field.unit {
            Some(unit) if !format.no_units => format!("{value} {unit}"),
            _ => value,
        },
        Err(code) if field.bare => refusal(code),
        Err(code) => format!("[{}]", refusal(code)),
    }
}

/// `--help-query-gpu` and its kin.
pub fn help(subject: Subject, driver: Driver) -> String {
    let mut out = format!("List of valid properties to query for the switch \"--{}\":\n\n", subject.option());
    for field in subject.fields().iter().filter(|field| field.is_known_to(driver)) {
        let _ = write!(out, "\"{}\"", field.name);
        for alias in field.aliases {
            let _ = write!(out, " or \"{alias}\"");
        }
        let _ = writeln!(out, "\n{}\n", field.meaning);
    }
    out
}
