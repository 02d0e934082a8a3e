//! `--query-…` as comma separated values, and the help that lists what may be asked. Pure.
//!
//! The header repeats the name that nvidia-smi prefers, whichever was asked, and a unit in brackets; a
//! refusal stands in brackets itself, and never carries a unit.

use std::fmt::Write;

use crate::fields::{self, Cause, Field, Of, Row};
use crate::node::{Code, Driver, Live, Node, Reading, RetiredPage};
use crate::table::complaint;
use crate::words::refusal;

/// What is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Gpu,
    ComputeApps,
    AccountedApps,
    RetiredPages,
    RemappedRows,
    SupportedClocks,
}

/// How rows are to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub no_header: bool,
    pub no_units: bool,
}

impl Subject {
    pub const ALL: [Self; 6] = [
        Self::Gpu,
        Self::ComputeApps,
        Self::AccountedApps,
        Self::RetiredPages,
        Self::RemappedRows,
        Self::SupportedClocks,
    ];

    pub fn fields(self) -> Vec<Field> {
        match self {
            Subject::Gpu => fields::gpu(),
            Subject::ComputeApps => fields::compute_apps(),
            Subject::AccountedApps => fields::accounted_apps(),
            Subject::RetiredPages => fields::retired_pages(),
            Subject::RemappedRows => fields::remapped_rows(),
            Subject::SupportedClocks => fields::supported_clocks(),
        }
    }

    /// The option without its dashes.
    pub fn option(self) -> &'static str {
        match self {
            Subject::Gpu => "query-gpu",
            Subject::ComputeApps => "query-compute-apps",
            Subject::AccountedApps => "query-accounted-apps",
            Subject::RetiredPages => "query-retired-pages",
            Subject::RemappedRows => "query-remapped-rows",
            Subject::SupportedClocks => "query-supported-clocks",
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
    let row = |of| Row { node, index, live, now, of };
    let board = &live.board;
    match subject {
        Subject::Gpu | Subject::RemappedRows => vec![row(Of::Gpu)],
        Subject::ComputeApps => {
            let all = board.processes.as_deref().unwrap_or_default();
            all.iter().filter(|one| one.compute).map(|one| row(Of::Process(one))).collect()
        }
        Subject::AccountedApps => {
            board.accounted.as_deref().unwrap_or_default().iter().map(|one| row(Of::Accounted(one))).collect()
        }
        Subject::RetiredPages => [Cause::SingleBit, Cause::DoubleBit]
            .into_iter()
            .flat_map(|cause| {
                let list = match cause {
                    Cause::SingleBit => &board.retired_pages_single_bit,
                    Cause::DoubleBit => &board.retired_pages_double_bit,
                };
                // Where there is no such list, that stands in a row of its own.
                let pages: Vec<Reading<RetiredPage>> = match list {
                    Ok(pages) => pages.iter().map(|page| Ok(*page)).collect(),
                    Err(code) => vec![Err(*code)],
                };
                pages.into_iter().map(move |page| row(Of::Retired(page, cause)))
            })
            .collect(),
        Subject::SupportedClocks => {
            let all = board.supported_clocks.as_deref().unwrap_or_default();
            all.iter()
                .flat_map(|(memory, graphics)| {
                    graphics.iter().map(|graphics| row(Of::Clocks(*memory, *graphics)))
                })
                .collect()
        }
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
