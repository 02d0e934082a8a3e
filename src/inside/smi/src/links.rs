//! `topo` and `nvlink`: how GPUs are joined. Pure.

use std::fmt::Write;

use crate::NO_DEVICES;
use crate::arguments::{LinkView, Matrix};
use crate::gather::selects;
use crate::node::{Code, Gpu, Link, Live, Node, Path, Reading};
use crate::table::{complaint, headline};

/// `topo -m` and `topo -p2p`; headings are underlined on a terminal.
pub fn topology(node: &Node, matrix: &Matrix, terminal: bool) -> (String, Option<Code>) {
    if let Some(gpu) = node.gpus.iter().find(|gpu| gpu.state.is_err())
        && let Err(missing) = &gpu.state
    {
        return (complaint(node.driver(), gpu.index, missing), Some(missing.code));
    }
    let said = match matrix {
        Matrix::Paths => paths(node, terminal, true),
        Matrix::PciPaths => paths(node, terminal, false),
        Matrix::Peer(capability) => peers(node, *capability),
        Matrix::NearProcessor(number) => near_processor(node, *number),
        Matrix::Nearest { level, of } => return nearest(node, *level, of),
        Matrix::Between => return between_two(node),
        Matrix::NumaOfProcessors => numa(node, "NUMA IDs of closest CPU"),
        Matrix::NumaOfMemory => numa(node, "NUMA IDs of closest memory"),
        Matrix::NumaOfGpu => "GPU NUMA ID: N/A\n".repeat(node.gpus.len()),
    };
    (said, None)
}

fn near_processor(node: &Node, number: u32) -> String {
    let near = |gpu: &&Gpu| {
        gpu.state.as_ref().is_ok_and(|live| {
            live.board.cpu_affinity.as_ref().is_ok_and(|processors| processors.contains(&number))
        })
    };
    let all: Vec<String> = node.gpus.iter().filter(near).map(|gpu| gpu.index.to_string()).collect();
    format!("The GPUs that have an affinity with CPU {number} are: {}\n", all.join(", "))
}

/// What lies between two GPUs at each of NVML's levels.
fn way(level: u32) -> &'static str {
    match level {
        0 => "a single PCIe switch on a dual GPU board",
        10 => "a single PCIe switch",
        20 => "multiple PCIe switches",
        30 => "a PCIe host bridge",
        40 => "an on-CPU interconnect link between PCIe host bridges",
        _ => "an SMP interconnect link between NUMA nodes",
    }
}

fn nearest(node: &Node, level: u32, of: &str) -> (String, Option<Code>) {
    let Some(from) = node.gpus.iter().position(|gpu| selects(of, gpu)) else {
        return (NO_DEVICES.0.into(), Some(Code::NOT_FOUND));
    };
    let all: Vec<String> = (node.paths.iter())
        .filter(|path| path.from as usize == from && path.ancestor == Ok(level))
        .filter_map(|path| Some(node.gpus.get(path.to as usize)?.index.to_string()))
        .collect();
    let (from, way) = (node.gpus[from].index, way(level));
    (format!("Device {from} is connected by way of {way} to device(s): {}\n", all.join(", ")), None)
}

fn between_two(node: &Node) -> (String, Option<Code>) {
    match (node.gpus.as_slice(), between(node, 0, 1).map(|path| &path.ancestor)) {
        ([one, other], Some(Ok(level))) => {
            let (one, other, way) = (one.index, other.index, way(*level));
            (format!("Device {one} is connected to device {other} by way of {way}.\n"), None)
        }
        (_, Some(Err(code))) => (format!("Failed to run topology path: {code}\n"), Some(*code)),
        _ => (NO_DEVICES.0.into(), Some(Code::NOT_FOUND)),
    }
}

/// GPUs of ours are near one node's processors and memory alike, and are none themselves.
fn numa(node: &Node, what: &str) -> String {
    let mut out = String::new();
    for gpu in &node.gpus {
        let near = gpu.state.as_ref().ok().and_then(|live| live.board.numa_nodes.as_deref().ok());
        let _ = writeln!(out, "{what}: {}", near.map_or("N/A".into(), runs));
    }
    out
}

fn between(node: &Node, from: usize, to: usize) -> Option<&Path> {
    node.paths.iter().find(|path| path.from as usize == from && path.to as usize == to)
}

fn paths(node: &Node, terminal: bool, links: bool) -> String {
    let (on, off) = if terminal { ("\x1b[4m", "\x1b[0m") } else { ("", "") };
    let mut out = format!("\t{on}");
    for gpu in &node.gpus {
        let _ = write!(out, "GPU{}\t", gpu.index);
    }
    let _ = writeln!(out, "CPU Affinity\tNUMA Affinity\tGPU NUMA ID{off}");
    for (from, gpu) in node.gpus.iter().enumerate() {
        let _ = write!(out, "GPU{}", gpu.index);
        for to in 0..node.gpus.len() {
            let cell = if from == to { " X ".into() } else { joint(between(node, from, to), links) };
            let _ = write!(out, "\t{cell}");
        }
        let near = |read: fn(&Live) -> &Reading<Vec<u32>>| {
            gpu.state.as_ref().ok().and_then(|live| read(live).as_ref().ok()).map(|all| runs(all))
        };
        let _ = writeln!(
            out,
            "\t{}\t{}\t\tN/A",
            near(|live| &live.board.cpu_affinity).unwrap_or_default(),
            near(|live| &live.board.numa_nodes).unwrap_or("N/A".into())
        );
    }
    out += "
Legend:

  X    = Self
  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA nodes (e.g., QPI/UPI)
  NODE = Connection traversing PCIe as well as the interconnect between PCIe Host Bridges within a NUMA node
  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the CPU)
  PXB  = Connection traversing multiple PCIe bridges (without traversing the PCIe Host Bridge)
  PIX  = Connection traversing at most a single PCIe bridge
";
    if links {
        out += "  NV#  = Connection traversing a bonded set of # NVLinks\n";
    }
    out
}

fn joint(path: Option<&Path>, links: bool) -> String {
    let Some(path) = path else { return "N/A".into() };
    if links && path.links > 0 {
        return format!("NV{}", path.links);
    }
    match path.ancestor {
        Ok(0 | 10) => "PIX",
        Ok(20) => "PXB",
        Ok(30) => "PHB",
        Ok(40) => "NODE",
        Ok(50) => "SYS",
        _ => "N/A",
    }
    .into()
}

/// `0-55,112-167`.
fn runs(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *number => *end = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let text: Vec<String> = runs
        .into_iter()
        .map(|(start, end)| if start == end { start.to_string() } else { format!("{start}-{end}") })
        .collect();
    text.join(",")
}

fn peers(node: &Node, capability: usize) -> String {
    let mut out = String::from(" ");
    for gpu in &node.gpus {
        let _ = write!(out, "\tGPU{}", gpu.index);
    }
    out += "\t\n";
    for (from, gpu) in node.gpus.iter().enumerate() {
        let _ = write!(out, " GPU{}", gpu.index);
        for to in 0..node.gpus.len() {
            let cell = if from == to {
                "X"
            } else {
                match between(node, from, to).and_then(|path| path.peer[capability].as_ref().ok()) {
                    Some(0) => "OK",
                    Some(1) => "CNS",
                    Some(2) => "GNS",
                    Some(3) => "TNS",
                    Some(4) => "DR",
                    Some(5) => "NS",
                    _ => "U",
                }
            };
            let _ = write!(out, "\t{cell}");
        }
        out += "\t\n";
    }
    out += "
Legend:

  X    = Self
  OK   = Status Ok
  CNS  = Chipset not supported
  GNS  = GPU not supported
  TNS  = Topology not supported
  NS   = Not supported
  DR   = Disabled by regkey
  U    = Unknown
";
    out
}

/// `nvlink`.
pub fn links(node: &Node, view: LinkView, only: Option<u32>) -> (String, Option<Code>) {
    let mut out = String::new();
    let mut failed = None;
    for Gpu { index, state } in &node.gpus {
        match state {
            Ok(live) => {
                out += &headline(*index, live);
                of_gpu(&mut out, live, view, only);
            }
            Err(missing) => {
                out += &complaint(node.driver(), *index, missing);
                failed.get_or_insert(missing.code);
            }
        }
    }
    (out, failed)
}

fn of_gpu(out: &mut String, live: &Live, view: LinkView, only: Option<u32>) {
    if live.mig_enabled() {
        *out += "Nvlink queries are not supported for Devices in MIG mode\n";
        return;
    }
    let links = match &live.board.links {
        Ok(links) if !links.is_empty() => links,
        Ok(_) => {
            *out += "Device does not have or support Nvlink\n";
            return;
        }
        Err(code) if code.is_absence() => {
            *out += "Device does not have or support Nvlink\n";
            return;
        }
        Err(code) => {
            let _ = writeln!(out, "NVML: Unable to retrieve NVLink information: {code}");
            return;
        }
    };
    if links.iter().all(|link| link.up == Ok(false)) {
        *out += "NVML: Unable to retrieve Nvlink information as all links are inActive\n";
        return;
    }
    for link in links.iter().filter(|link| only.is_none_or(|number| link.number == number)) {
        one(out, link, view);
    }
}

fn one(out: &mut String, link: &Link, view: LinkView) {
    let number = link.number;
    let up = link.up == Ok(true);
    let count = |reading: &Reading<u64>| match reading {
        Ok(count) => count.to_string(),
        Err(code) => crate::words::refusal(*code),
    };
    match view {
        LinkView::Status => {
            let state = match (&link.up, &link.speed) {
                (Err(code), _) => code.text().into(),
                (Ok(false), _) => "<inactive>".into(),
                (Ok(true), Ok(speed)) => format!("{} GB/s", gigabytes(*speed)),
                (Ok(true), Err(code)) => crate::words::refusal(*code),
            };
            let _ = writeln!(out, "\t Link {number}: {state}");
        }
        LinkView::Errors if up => {
            let _ = writeln!(out, "\t Link {number}: Replay Errors: {}", count(&link.replays));
            let _ = writeln!(out, "\t Link {number}: Recovery Errors: {}", count(&link.recoveries));
            let _ = writeln!(out, "\t Link {number}: CRC Errors: {}", count(&link.crc));
            out.push('\n');
        }
        LinkView::Capabilities if up => {
            const NAMES: [&str; 6] = [
                "P2P is supported",
                "Access to system memory supported",
                "P2P atomics supported",
                "System memory atomics supported",
                "SLI is supported",
                "Link is supported",
            ];
            for (name, reading) in NAMES.into_iter().zip(&link.capability) {
                let can = matches!(reading, Ok(true));
                let _ = writeln!(out, "\t Link {number}, {name}: {can}");
            }
        }
        LinkView::Remote if up => {
            let _ = writeln!(
                out,
                "\t Link {number}: {}",
                link.remote.as_deref().unwrap_or_else(|code| code.text())
            );
        }
        LinkView::RemoteLink if up => match (&link.remote, &link.remote_link) {
            (Ok(bus), Ok(remote)) => {
                let _ = writeln!(out, "\t Link {number}: Remote Device {bus}: Link {remote}");
            }
            (Err(code), _) | (_, Err(code)) => {
                let _ = writeln!(out, "\t Link {number}: {}", crate::words::refusal(*code));
            }
        },
        LinkView::Throughput { data } if up => {
            let (name, counts) = if data { ("Data", &link.data) } else { ("Raw", &link.raw) };
            for (way, kibibytes) in ["Tx", "Rx"].into_iter().zip(counts) {
                let amount = crate::words::with(kibibytes, |count| format!("{count} KiB"));
                let _ = writeln!(out, "\t Link {number}: {name} {way}: {amount}");
            }
        }
        LinkView::Errors
        | LinkView::Capabilities
        | LinkView::Remote
        | LinkView::RemoteLink
        | LinkView::Throughput { .. } => {
            let _ = writeln!(out, "\t Link {number}: <inactive>");
        }
    }
}

/// 26562 MB/s as `26.562`, 25000 as `25`.
fn gigabytes(megabytes: u32) -> String {
    let text = format!("{}.{:03}", megabytes / 1000, megabytes % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_drop_zeroes_that_say_nothing() {
        for (given, expected) in [(26562, "26.562"), (25000, "25"), (53125, "53.125"), (14062, "14.062")] {
            assert_eq!(gigabytes(given), expected);
        }
    }

    #[test]
    fn processors_are_written_as_runs() {
        assert_eq!(runs(&[0, 1, 2, 8, 10, 11]), "0-2,8,10-11");
    }
}
