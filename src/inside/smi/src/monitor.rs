//! `dmon` and `pmon`: a line for each GPU or process, again and again. Spaces at line ends are
//! nvidia-smi's. Compared with captures of 580.173.02 and 590.48.01. Pure.

use std::fmt::Write;

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

/// Groups that `-s` may name, in the order of columns.
pub const GROUPS: &str = "pucvmet";

/// One round of `dmon`, the heading with the first.
pub fn devices(node: &Node, groups: &str, heading: bool, time: Option<&str>) -> (String, Option<Code>) {
    let columns: Vec<&Column> = COLUMNS.iter().filter(|(group, ..)| groups.contains(*group)).collect();
    let mut out = String::new();
    if heading {
        let (clock, unit) = if time.is_some() { ("Time        ", "HH:MM:SS    ") } else { ("", "") };
        let _ = write!(out, "#{clock}{}", if time.is_some() { "gpu " } else { " gpu " });
        for (_, name, ..) in &columns {
            let _ = write!(out, "{name:>6} ");
        }
        let _ = write!(out, "\n#{unit}{}", if time.is_some() { "Idx " } else { " Idx " });
        for (_, _, unit, _) in &columns {
            let _ = write!(out, "{unit:>6} ");
        }
        out.push('\n');
    }
    let mut failed = None;
    for gpu in &node.gpus {
        match &gpu.state {
            Ok(live) => {
                if let Some(time) = time {
                    let _ = write!(out, " {time}   ");
                    let _ = write!(out, "{:>4} ", gpu.index);
                } else {
                    let _ = write!(out, "{:>5} ", gpu.index);
                }
                for (.., read) in &columns {
                    let cell = read(live).map_or("-".into(), |value| value.to_string());
                    let _ = write!(out, "{cell:>6} ");
                }
                out.push('\n');
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
pub fn processes(node: &Node, heading: bool, memory: bool) -> (String, Option<Code>) {
    let (extra, units) = if memory { ("     fb   ccpm", "     MB     MB") } else { ("", "") };
    let mut out = String::new();
    if heading {
        let _ = writeln!(
            out,
            "# gpu         pid   type     sm    mem    enc    dec    jpg    ofa{extra}    command "
        );
        let _ = writeln!(
            out,
            "# Idx           #    C/G      %      %      %      %      %      %{units}    name "
        );
    }
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
        if all.is_empty() {
            let blank = if memory { "      -      -" } else { "" };
            let _ = writeln!(
                out,
                "{:>5} {:>10} {:>5} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}{blank}    {:<15}",
                gpu.index, "-", "-", "-", "-", "-", "-", "-", "-", "-"
            );
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
                value.filter(|percent| *percent > 0).map_or("-".into(), |percent| percent.to_string())
            };
            let held = match (&one.memory, memory) {
                (_, false) => String::new(),
                (Ok(bytes), true) => format!(" {:>6} {:>6}", bytes >> 20, 0),
                (Err(_), true) => format!(" {:>6} {:>6}", "-", "-"),
            };
            let name = one.name.as_deref().unwrap_or("-");
            let program = name.split_whitespace().next().unwrap_or("-");
            let program: String = program.rsplit('/').next().unwrap_or(program).chars().take(14).collect();
            let _ = writeln!(
                out,
                "{:>5} {:>10} {:>5} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}{held}    {program:<15}",
                gpu.index,
                one.pid,
                process_type(one.compute, one.graphics),
                percent(used.map(|used| used.sm)),
                percent(used.map(|used| used.memory)),
                percent(used.map(|used| used.encoder)),
                percent(used.map(|used| used.decoder)),
                "-",
                "-",
            );
        }
    }
    (out, failed)
}
