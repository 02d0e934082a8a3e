//! `-q`: the description of `sections` as text and as XML. Pure.

use std::fmt::Write;

use crate::node::{Code, Driver, Live, Node};
use crate::sections::{self, Body, Item, Show};
use crate::table::complaint;

/// Where the colon stands; the process list keeps the narrow one.
const NARROW: usize = 42;
const WIDE: usize = 55;

/// `-q`, or `-q -d` with the bits of the sections asked for.
pub fn text(node: &Node, wanted: Option<u32>, now: &jiff::Zoned) -> (String, Option<Code>) {
    let driver = node.driver();
    let column = if driver.is_wide() { WIDE } else { NARROW };
    let mut out = String::from("\n==============NVSMI LOG==============\n\n");
    line(&mut out, 0, column, "Timestamp", &stamp(now));
    for item in sections::head(node) {
        write_text(&mut out, &item, 0, column, false);
    }
    out.push('\n');
    line(&mut out, 0, column, "Attached GPUs", &node.attached.to_string());
    let mut failed = None;
    for gpu in &node.gpus {
        match &gpu.state {
            Ok(live) => gpu_text(&mut out, driver, live, wanted, column),
            Err(missing) => {
                out += &complaint(driver, gpu.index, missing);
                failed.get_or_insert(missing.code);
            }
        }
    }
    (out, failed)
}

fn stamp(now: &jiff::Zoned) -> String {
    now.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

fn gpu_text(out: &mut String, driver: Driver, live: &Live, wanted: Option<u32>, column: usize) {
    let _ = writeln!(out, "GPU {}", live.bus_id());
    for item in sections::gpu(driver, live) {
        let asked = wanted.is_some_and(|bits| item.sections & bits != 0);
        if wanted.is_none() || asked {
            let column = if item.label == "Processes" && matches!(item.body, Body::Group(_)) {
                NARROW
            } else {
                column
            };
            write_text(out, &item, 4, column, asked);
        }
    }
    out.push('\n');
}

fn write_text(out: &mut String, item: &Item, indent: usize, column: usize, asked: bool) {
    match item.show {
        Show::Everywhere | Show::Text => {}
        Show::Asked if asked => {}
        Show::Asked | Show::Xml => return,
    }
    match &item.body {
        Body::Value { text, .. } => line(out, indent, column, &item.label, text),
        Body::Group(items) => {
            let _ = writeln!(out, "{:indent$}{}", "", item.label);
            for inner in items {
                write_text(out, inner, indent + 4, column, asked);
            }
        }
    }
}

fn line(out: &mut String, indent: usize, column: usize, label: &str, text: &str) {
    let width = column - indent;
    let _ = writeln!(out, "{:indent$}{label:<width$}: {text}", "");
}

/// `-q -x`.
pub fn xml(node: &Node, now: &jiff::Zoned, embedded: bool) -> (String, Option<Code>) {
    let driver = node.driver();
    let version = match driver.branch {
        580.. => 13,
        535.. => 12,
        _ => 11,
    };
    let definition = match embedded {
        true => format!("[\n{}]", dtd(node)),
        false => format!("SYSTEM \"nvsmi_device_v{version}.dtd\""),
    };
    let mut out =
        format!("<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log {definition}>\n<nvidia_smi_log>\n");
    let _ = writeln!(out, "\t<timestamp>{}</timestamp>", stamp(now));
    for item in sections::head(node) {
        write_xml(&mut out, &item, 1);
    }
    let _ = writeln!(out, "\t<attached_gpus>{}</attached_gpus>", node.attached);
    let mut failed = None;
    for gpu in &node.gpus {
        match &gpu.state {
            Ok(live) => {
                let _ = writeln!(out, "\t<gpu id=\"{}\">", escape(live.bus_id()));
                for item in sections::gpu(driver, live) {
                    write_xml(&mut out, &item, 2);
                }
                out += "\t</gpu>\n\n";
            }
            Err(missing) => {
                out += &complaint(driver, gpu.index, missing);
                failed.get_or_insert(missing.code);
            }
        }
    }
    out += "</nvidia_smi_log>\n";
    (out, failed)
}

fn write_xml(out: &mut String, item: &Item, depth: usize) {
    if matches!(item.show, Show::Text | Show::Asked) {
        return;
    }
    let tabs = "\t".repeat(depth);
    let tag = item.tag;
    match &item.body {
        Body::Value { text, xml } => {
            let _ = writeln!(out, "{tabs}<{tag}>{}</{tag}>", escape(xml.as_deref().unwrap_or(text)));
        }
        Body::Group(items) => {
            let _ = writeln!(out, "{tabs}<{tag}>");
            // MIG devices stand as deep as the list that holds them.
            let inner = if tag == "mig_devices" { depth } else { depth + 1 };
            for item in items {
                write_xml(out, item, inner);
            }
            let _ = writeln!(out, "{tabs}</{tag}>");
        }
    }
}

/// `--dtd`: the definition of what [`xml`] writes. Made from the same description, so that it always fits; what
/// may stand in a list may stand there in any number and order.
pub fn dtd(node: &Node) -> String {
    let driver = node.driver();
    let mut elements = Elements::default();
    elements.child("nvidia_smi_log", "timestamp");
    elements.group("nvidia_smi_log", &sections::head(node));
    elements.child("nvidia_smi_log", "attached_gpus");
    elements.child("nvidia_smi_log", "gpu");
    let unread = Live::unread(Code::NOT_SUPPORTED);
    let answering = node.gpus.iter().filter_map(|gpu| gpu.state.as_deref().ok());
    for live in answering.chain([&unread]) {
        elements.group("gpu", &sections::gpu(driver, live));
    }
    let mut out = String::new();
    for (tag, children, text) in &elements.0 {
        let content = match (children.is_empty(), text) {
            (true, _) => "(#PCDATA)".to_owned(),
            (false, true) => format!("(#PCDATA | {})*", children.join(" | ")),
            (false, false) => format!("({})*", children.join(" | ")),
        };
        let _ = writeln!(out, "<!ELEMENT {tag} {content}>");
    }
    out += "<!ATTLIST gpu id CDATA #REQUIRED>\n";
    out
}

/// Elements with their children and whether they hold text, in the order of their first appearance.
#[derive(Default)]
struct Elements(Vec<(&'static str, Vec<&'static str>, bool)>);

impl Elements {
    fn at(&mut self, tag: &'static str) -> usize {
        match self.0.iter().position(|(known, ..)| *known == tag) {
            Some(at) => at,
            None => {
                self.0.push((tag, Vec::new(), false));
                self.0.len() - 1
            }
        }
    }

    fn child(&mut self, parent: &'static str, child: &'static str) {
        let at = self.at(parent);
        if !self.0[at].1.contains(&child) {
            self.0[at].1.push(child);
        }
        self.at(child);
    }

    fn group(&mut self, parent: &'static str, items: &[Item]) {
        for item in items.iter().filter(|item| !matches!(item.show, Show::Text | Show::Asked)) {
            self.child(parent, item.tag);
            match &item.body {
                Body::Group(inner) => self.group(item.tag, inner),
                Body::Value { .. } => {
                    let at = self.at(item.tag);
                    self.0[at].2 = true;
                }
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
