//! `dmon` and `pmon`: a line for each GPU or process, again and again. Spaces at line ends are
//! nvidia-smi's. Compared with captures of 580.173.02 and 590.48.01. Pure.

use std::fmt::Write;

use crate::arguments::Stamp;
use crate::csv::Format;
use crate::node::{Code, Live, Node, Reading};
use crate::table::complaint;
use crate::words::process_type;

/// A column of `dmon`: the letter of its group, name, unit, value.
type Column = (char, &'static str, &'static str, fn(&Live) -> Reading<u64>);

fn busy(live: &Live, reading: &Reading<u32>) -> Reading<u64> {
    if live.mig_enabled() { Err(Code::NOT_SUPPORTED) } else { reading.map(u64::from) }
}

const COLUMNS: [Column; 21] = [
    ('p', "pwr", "W", |live| live.board.power_draw.map(|draw| u64::from(draw / 1000))),
    ('p', "gtemp", "C", |live| live.board.temperature.map(u64::from)),
    ('p', "mtemp", "C", |live| live.board.temperature_memory.map(u64::from)),
    ('u', "sm", "%", |live| busy(live, &live.board.utilization_gpu)),
    ('u', "mem", "%", |live| busy(live, &live.board.utilization_memory)),
    ('u', "enc", "%", |live| busy(live, &live.board.utilization_encoder)),
    ('u', "dec", "%", |live| busy(live, &live.board.utilization_decoder)),
    ('u', "jpg", "%", |live| busy(live, &live.board.utilization_jpeg)),
    ('u', "ofa", "%", |live| busy(live, &live.board.utilization_ofa)),
    ('c', "mclk", "MHz", |live| live.board.clock_memory.map(u64::from)),
    ('c', "pclk", "MHz", |live| live.board.clock_graphics.map(u64::from)),
    ('v', "pviol", "%", |_| Err(Code::NOT_SUPPORTED)),
    ('v', "tviol", "bool", |live| live.board.reasons.map(|bits| u64::from(bits & 0x60 != 0))),
    ('m', "fb", "MB", |live| live.board.memory.map(|memory| memory.used >> 20)),
    ('m', "bar1", "MB", |live| live.board.bar1.map(|memory| memory.used >> 20)),
    ('m', "ccpm", "MB", |live| live.board.protected_memory.map(|memory| memory.used >> 20)),
    ('e', "sbecc", "errs", |live| live.ecc.total[0][1]),
    ('e', "dbecc", "errs", |live| live.ecc.total[1][1]),
    ('e', "pci", "errs", |live| live.board.pcie_replays.map(u64::from)),
    ('t', "rxpci", "MB/s", |live| live.board.pcie_rx.map(|rate| u64::from(rate / 1000))),
    ('t', "txpci", "MB/s", |live| live.board.pcie_tx.map(|rate| u64::from(rate / 1000))),
];

/// Groups that `-s` may name.
pub const GROUPS: &str = "pucvmet";

/// What stands before the columns: whether the heading is due, and the moment in each row.
pub struct Heading {
    due: bool,
    names: &'static str,
    units: &'static str,
    row: String,
}

impl Heading {
    pub fn of(stamp: Stamp, now: &jiff::Zoned, due: bool) -> Self {
        let (names, units, row) = match (stamp.date, stamp.time) {
            (false, false) => (" ", " ", ""),
            (true, false) => ("Date       ", "YYYYMMDD   ", " %Y%m%d  "),
            (false, true) => ("Time        ", "HH:MM:SS    ", " %H:%M:%S   "),
            (true, true) => ("Date       Time        ", "YYYYMMDD   HH:MM:SS    ", " %Y%m%d   %H:%M:%S   "),
        };
        // The number of the GPU stands where it does without a moment, five wide.
        let row = if row.is_empty() { " ".to_owned() } else { now.strftime(row).to_string() };
        Self { due, names, units, row }
    }

    /// The moment as columns of CSV.
    fn values(&self) -> impl Iterator<Item = String> {
        self.row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }
}

/// One round of `dmon`, the heading with the first. Columns stand in the order in which their groups were asked.
pub fn devices(node: &Node, groups: &str, csv: Option<Format>, heading: &Heading) -> (String, Option<Code>) {
    let columns: Vec<&Column> =
        groups.chars().flat_map(|group| COLUMNS.iter().filter(move |(of, ..)| *of == group)).collect();
    let mut out = String::new();
    if heading.due {
        match csv {
            None => {
                let names: String = columns.iter().map(|(_, name, ..)| format!("{name:>6} ")).collect();
                let units: String = columns.iter().map(|(_, _, unit, _)| format!("{unit:>6} ")).collect();
                let _ = writeln!(out, "#{}gpu {names}\n#{}Idx {units}", heading.names, heading.units);
            }
            Some(format) => {
                let line = |first: &str, number: &'static str, of: fn(&&Column) -> &'static str| {
                    let all = first.split_whitespace().chain([number]).chain(columns.iter().map(of));
                    format!("#{}\n", all.collect::<Vec<_>>().join(", "))
                };
                if !format.no_header {
                    out += &line(heading.names, "gpu", |(_, name, ..)| name);
                }
                if !format.no_header && !format.no_units {
                    out += &line(heading.units, "Idx", |(_, _, unit, _)| unit);
                }
            }
        }
    }
    let mut failed = None;
    for gpu in &node.gpus {
        match &gpu.state {
            Ok(live) => {
                let cells =
                    columns.iter().map(|(.., read)| read(live).map_or("-".into(), |value| value.to_string()));
                match csv {
                    None => {
                        let cells: String = cells.map(|cell| format!("{cell:>6} ")).collect();
                        let _ = writeln!(out, "{}{:>4} {cells}", heading.row, gpu.index);
                    }
                    Some(_) => {
                        let row: Vec<String> =
                            heading.values().chain([gpu.index.to_string()]).chain(cells).collect();
                        let _ = writeln!(out, "{}", row.join(", "));
                    }
                }
            }
            Err(missing) => {
                out += &complaint(node.driver(), gpu.index, missing);
                failed.get_or_insert(missing.code);
            }
        }
    }
    (out, failed)
}

/// One round of `pmon`, the heading with the first.
pub fn processes(node: &Node, groups: &str, heading: &Heading) -> (String, Option<Code>) {
    let (load, memory) = (groups.contains('u'), groups.contains('m'));
    let columns = |load_part: &str, memory_part: &str| {
        let pick = |part: &str, asked: bool| if asked { part.to_owned() } else { String::new() };
        pick(load_part, load) + &pick(memory_part, memory)
    };
    let mut out = String::new();
    if heading.due {
        let names = columns("     sm    mem    enc    dec    jpg    ofa", "     fb   ccpm");
        let units = columns("      %      %      %      %      %      %", "     MB     MB");
        let _ = writeln!(out, "#{}gpu         pid   type{names}    command ", heading.names);
        let _ = writeln!(out, "#{}Idx           #    C/G{units}    name ", heading.units);
    }
    let none = columns(&"      -".repeat(6), &"      -".repeat(2));
    let mut failed = None;
    for gpu in &node.gpus {
        let live = match &gpu.state {
            Ok(live) => live,
            Err(missing) => {
                out += &complaint(node.driver(), gpu.index, missing);
                failed.get_or_insert(missing.code);
                continue;
            }
        };
        let all = live.board.processes.as_deref().unwrap_or_default();
        let start = format!("{}{:>4}", heading.row, gpu.index);
        if all.is_empty() {
            let _ = writeln!(out, "{start} {:>10} {:>5}{none}    {:<15}", "-", "-", "-");
        }
        for one in all {
            let used = live
                .board
                .process_utilization
                .as_deref()
                .unwrap_or_default()
                .iter()
                .find(|used| used.pid == one.pid && !live.mig_enabled());
            let percent = |value: Option<u32>| {
                let value = value.filter(|percent| *percent > 0);
                format!(" {:>6}", value.map_or("-".into(), |percent| percent.to_string()))
            };
            let used: String = [
                percent(used.map(|used| used.sm)),
                percent(used.map(|used| used.memory)),
                percent(used.map(|used| used.encoder)),
                percent(used.map(|used| used.decoder)),
                percent(None),
                percent(None),
            ]
            .concat();
            let held = match &one.memory {
                Ok(bytes) => format!(" {:>6} {:>6}", bytes >> 20, 0),
                Err(_) => format!(" {:>6} {:>6}", "-", "-"),
            };
            let name = one.name.as_deref().unwrap_or("-");
            let program = name.split_whitespace().next().unwrap_or("-");
            let program: String = program.rsplit('/').next().unwrap_or(program).chars().take(14).collect();
            let _ = writeln!(
                out,
                "{start} {:>10} {:>5}{}    {program:<15}",
                one.pid,
                process_type(one.compute, one.graphics),
                columns(&used, &held),
            );
        }
    }
    (out, failed)
}
