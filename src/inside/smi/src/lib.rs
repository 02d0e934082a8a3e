//! nvidia-smi over NVML: what operators type and read every day, in the layout of the driver's own branch.
//!
//! `arguments` understands what was typed, `gather` asks NVML and lays the answers down as a `node`, and
//! `table`, `query`, `csv`, `links` and `monitor` write it; those are pure and tested with hand-made nodes.
//! `settings` and `mig` change things and say what became of it. `sections` and `fields` are the tables of
//! what `-q` and `--query-gpu` know. It speaks NVML and nothing else, so it runs over any library that has
//! its functions, on a real GPU as well.

pub mod arguments;
pub mod clock;
pub mod csv;
pub mod fields;
pub mod gather;
pub mod help;
pub mod links;
pub mod mig;
pub mod monitor;
pub mod node;
pub mod query;
pub mod raw;
pub mod sections;
pub mod settings;
pub mod table;
pub mod words;

use arguments::{Action, Arguments, Matrix, Monitor};
use gather::{Unavailable, Want};
use node::{Code, Node};

/// What is printed for one round of an action that only looks, and how the program ends.
///
/// Pure: the same node at the same time reads the same. `round` counts from 0; `terminal` allows underlining.
pub fn show(
    arguments: &Arguments,
    node: &Node,
    now: &jiff::Zoned,
    round: u64,
    terminal: bool,
) -> (String, u8) {
    let (out, failed) = match &arguments.action {
        Action::Version => (version(node), None),
        Action::List => table::list(node),
        Action::ListExcluded => table::excluded(node),
        Action::Dtd => (query::dtd(node), None),
        Action::Summary => table::render(node, now),
        Action::Query { xml: true, dtd, .. } => query::xml(node, now, *dtd),
        Action::Query { sections, .. } => query::text(node, *sections, now),
        Action::Select { subject, fields, format } => {
            match csv::render(node, *subject, fields, *format, round == 0, now) {
                Ok(rows) => rows,
                Err(csv::NoSuchField(name)) => {
                    return (format!("Field \"{name}\" is not a valid field to query.\n\n"), 2);
                }
            }
        }
        Action::HelpFields(subject) => (csv::help(*subject, node.driver()), None),
        Action::Topology(matrix) => links::topology(node, matrix, terminal),
        Action::Links(view, link) => links::links(node, *view, *link),
        Action::Monitor { kind: Monitor::Devices, groups, stamp, csv, .. } => {
            let groups = groups.as_deref().unwrap_or("puc");
            monitor::devices(node, groups, *csv, &monitor::Heading::of(*stamp, now, round == 0))
        }
        Action::Monitor { kind: Monitor::Processes, groups, stamp, .. } => {
            let groups = groups.as_deref().unwrap_or("u");
            monitor::processes(node, groups, &monitor::Heading::of(*stamp, now, round == 0))
        }
        Action::Help | Action::HelpOf(_) | Action::Set(_) | Action::Reset | Action::Mig(_) => {
            (String::new(), None)
        }
    };
    (out, failed.map_or(0, Code::exit))
}

/// How much of a node an action looks at.
pub fn want(action: &Action) -> Want {
    let plain = Want::default();
    let detail = Want { detail: true, ..plain };
    match action {
        Action::Query { sections: None, xml, .. } => {
            Want { throughput: true, clocks: *xml, accounting: true, ..detail }
        }
        Action::Query { .. } => Want { clocks: true, samples: true, accounting: true, ..detail },
        Action::Select { subject, .. } => {
            Want { accounting: true, clocks: *subject == csv::Subject::SupportedClocks, ..detail }
        }
        Action::Topology(matrix) => {
            Want { links: matches!(matrix, Matrix::Paths | Matrix::Peer(_)), paths: true, ..plain }
        }
        Action::Links(..) => Want { links: true, ..plain },
        Action::Monitor { kind: Monitor::Devices, groups, .. } => {
            Want { throughput: groups.as_deref().is_some_and(|groups| groups.contains('t')), ..detail }
        }
        Action::Monitor { kind: Monitor::Processes, .. } => Want { load: true, ..plain },
        _ => plain,
    }
}

fn version(node: &Node) -> String {
    let driver = words::plain(&node.system.driver_version);
    let library = words::with(&node.system.nvml_version, |version| gather::library_version(version));
    let cuda = words::with(&node.system.cuda_version, |(major, minor)| format!("{major}.{minor}"));
    if node.driver().branch >= 610 {
        return format!(
            "NVIDIA-SMI version  : {driver}\nNVML version        : {library}\n\
             KMD version         : {driver}\nCUDA UMD version    : {cuda}\n"
        );
    }
    format!(
        "NVIDIA-SMI version  : {driver}\nNVML version        : {library}\n\
         DRIVER version      : {driver}\nCUDA Version        : {cuda}\n"
    )
}

/// What is said where NVML cannot be had, and how the program ends.
pub fn explain(unavailable: &Unavailable) -> (String, u8) {
    let code = unavailable.code;
    let said = match code {
        Code::LIBRARY_NOT_FOUND => "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make \
                                    sure that the NVIDIA Display Driver is properly installed and present in your \
                                    system.\nPlease also try adding directory that contains libnvidia-ml.so to \
                                    your system PATH.\n"
            .into(),
        Code::DRIVER_NOT_LOADED => "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. \
                                    Make sure that the latest NVIDIA driver is installed and running.\n\n"
            .into(),
        code => {
            let mut said = format!("Failed to initialize NVML: {code}\n");
            if let Some(library) = &unavailable.library {
                said += &format!("NVML library version: {library}\n");
            }
            said
        }
    };
    (said, code.exit())
}

/// What is said where there is nothing to look at.
pub const NO_DEVICES: (&str, u8) = ("No devices were found\n", 6);
