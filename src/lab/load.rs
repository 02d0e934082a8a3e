//! From `labs/<name>/` to a [`Lab`]: `lab.toml` parsed into closed types, and
//! what its names point at looked up. A mistake is shown at its line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Act, Half, HardwareFault, Lab, LabName, NodeName, NodePlan, Parameter, Solution, SolutionKind, Step,
    Track, Variant, VariantName, Wrong, WrongKind,
};
use crate::advice::NextStep;
use crate::document::{Document, DocumentError, Mistakes, Place};
use crate::rubric::Skill;
use crate::units::Bytes;
use crate::units::hex;
use crashcart_facts::{VmBoard, VmBus, VmDisk, VmShape};
use crashcart_hardware::bus::Bus;
use crashcart_hardware::fault::{Deed, Fault, FaultError, GpuFault, Inherited};
use crashcart_hardware::machine::Machine;
use crashcart_hardware::profile::{profile, profiles};
use crashcart_hardware::spec::{HardwareSpec, SpecError};

/// Files that every lab has beside `lab.toml`.
const TEXTS: [&str; 3] = ["brief.md", "hints.md", "debrief.md"];

impl Lab {
    /// Reads a lab's folder.
    pub fn load(folder: &Path) -> Result<Self, LabError> {
        let called = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let name = LabName::try_from(called)
            .map_err(|source| LabError::Misnamed { folder: folder.to_owned(), source })?;
        let (document, file) = Document::read::<File>(&folder.join("lab.toml"))?;
        let lab = file.into_lab(name, folder.to_owned(), digest_of(folder)?);
        let mut mistakes = Mistakes::default();
        check(&lab, &document, &mut mistakes);
        mistakes.or(lab).map_err(LabError::from)
    }
}

/// Why a lab could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("`{}` is no folder of a lab", folder.display())]
    Misnamed { folder: PathBuf, source: super::NotAName },
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("could not read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
}

impl NextStep for LabError {
    fn next_step(&self) -> String {
        match self {
            Self::Misnamed { .. } => "rename the folder".into(),
            Self::Document(error) => error.next_step(),
            Self::Unreadable { path, .. } => format!("make `{}` readable", path.display()),
        }
    }
}

/// `lab.toml`, word for word.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    title: String,
    summary: String,
    track: Track,
    level: u8,
    minutes: u16,
    skills: Vec<Skill>,
    node: Vec<FileNode>,
    #[serde(default)]
    network: FileNetwork,
    #[serde(default)]
    parameter: BTreeMap<String, FileParameter>,
    #[serde(default)]
    prepare: Vec<FileStep>,
    variant: Vec<FileVariant>,
    #[serde(default)]
    solution: Vec<FileSolution>,
    #[serde(default)]
    half: Vec<FileHalf>,
    #[serde(default)]
    wrong: Vec<FileWrong>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileNode {
    name: NodeName,
    image: String,
    memory: Bytes,
    cpus: f64,
    pids: u32,
    disk: Bytes,
    #[serde(default = "default_shm")]
    shm: Bytes,
    #[serde(default)]
    tmpfs: BTreeMap<String, Bytes>,
    hardware: Option<HardwareSpec>,
    #[serde(default)]
    real_accelerators: bool,
    vm: Option<FileVm>,
}

/// What makes a node a vm node. Its memory is the node's.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileVm {
    #[serde(default = "default_processors")]
    processors: u32,
    #[serde(default = "one")]
    numa_nodes: u32,
    #[serde(default = "default_distance")]
    numa_distance: u32,
    #[serde(default)]
    disks: Vec<FileDisk>,
    #[serde(default = "one")]
    nics: u32,
    #[serde(default)]
    secure_boot: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileDisk {
    serial: String,
    size: Bytes,
    #[serde(default)]
    bus: VmBus,
    numa_node: Option<u32>,
}

fn one() -> u32 {
    1
}

fn default_processors() -> u32 {
    2
}

/// What two-socket servers report.
fn default_distance() -> u32 {
    21
}

impl FileVm {
    fn into_shape(self, memory: Bytes, disk: Bytes, hardware: Option<&HardwareSpec>) -> VmShape {
        let disk_mib = disk.0 >> 20;
        let disk = |FileDisk { serial, size, bus, numa_node }| VmDisk {
            serial,
            size_mib: size.0 >> 20,
            bus,
            numa_node,
        };
        VmShape {
            memory_mib: memory.0 >> 20,
            disk_mib,
            processors: self.processors,
            numa_nodes: self.numa_nodes,
            numa_distance: self.numa_distance,
            disks: self.disks.into_iter().map(disk).collect(),
            nics: self.nics,
            board: hardware.map(|spec| VmBoard { profile: spec.profile.clone(), gpus: spec.gpus }),
            secure_boot: self.secure_boot,
        }
    }
}

/// What container engines give when nothing is said.
fn default_shm() -> Bytes {
    Bytes(64 << 20)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileNetwork {
    #[serde(default)]
    outside: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum FileParameter {
    Choose(Vec<toml::Value>),
    Between([i64; 2]),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileStep {
    node: NodeName,
    #[serde(default)]
    run: String,
    hands: Option<Deed>,
    console: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileVariant {
    name: VariantName,
    cause: String,
    #[serde(default)]
    hardware: Vec<FileFault>,
    #[serde(default)]
    r#break: Vec<FileStep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileFault {
    node: NodeName,
    gpu: u32,
    fault: Fault,
    #[serde(default)]
    ago_s: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileSolution {
    name: String,
    kind: SolutionKind,
    #[serde(default)]
    variants: Vec<VariantName>,
    steps: Vec<FileStep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileHalf {
    name: String,
    #[serde(default)]
    variants: Vec<VariantName>,
    steps: Vec<FileStep>,
    points: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileWrong {
    name: String,
    kind: WrongKind,
    #[serde(default)]
    variants: Vec<VariantName>,
    steps: Vec<FileStep>,
    refused_by: Vec<String>,
}

fn steps(from: Vec<FileStep>) -> Vec<Step> {
    let step = |FileStep { node, run, hands, console }| {
        let act = match (hands, console) {
            (Some(deed), _) => Act::Hands(deed),
            (None, Some(path)) => Act::Console(path),
            (None, None) => Act::Run(run),
        };
        Step { node, act }
    };
    from.into_iter().map(step).collect()
}

impl File {
    fn into_lab(self, name: LabName, folder: PathBuf, digest: String) -> Lab {
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        let parameter = |from| match from {
            FileParameter::Choose(values) => Parameter::Choose(values.into_iter().map(text).collect()),
            FileParameter::Between([low, high]) => Parameter::Between(low, high),
        };
        let node = |from: FileNode| NodePlan {
            name: from.name,
            image: from.image,
            memory: from.memory,
            // Saturates for what `check` refuses anyway.
            cpu_milli: (from.cpus * 1000.0) as u32,
            pids: from.pids,
            disk: from.disk,
            shm: from.shm,
            tmpfs: from.tmpfs,
            vm: from.vm.map(|vm| vm.into_shape(from.memory, from.disk, from.hardware.as_ref())),
            hardware: from.hardware,
            real_accelerators: from.real_accelerators,
        };
        let fault = |FileFault { node, gpu, fault, ago_s }| HardwareFault {
            node,
            inherited: Inherited { ago_s, fault: GpuFault { gpu, fault } },
        };
        Lab {
            name,
            folder,
            title: self.title,
            summary: self.summary,
            track: self.track,
            level: self.level,
            minutes: self.minutes,
            skills: self.skills,
            nodes: self.node.into_iter().map(node).collect(),
            outside: self.network.outside,
            parameters: self.parameter.into_iter().map(|(name, from)| (name, parameter(from))).collect(),
            prepare: steps(self.prepare),
            variants: self
                .variant
                .into_iter()
                .map(|from| Variant {
                    name: from.name,
                    cause: from.cause,
                    hardware: from.hardware.into_iter().map(fault).collect(),
                    breaks: steps(from.r#break),
                })
                .collect(),
            solutions: self
                .solution
                .into_iter()
                .map(|from| Solution {
                    name: from.name,
                    kind: from.kind,
                    variants: from.variants,
                    steps: steps(from.steps),
                })
                .collect(),
            halves: self
                .half
                .into_iter()
                .map(|from| Half {
                    name: from.name,
                    variants: from.variants,
                    steps: steps(from.steps),
                    points: from.points,
                })
                .collect(),
            wrongs: self
                .wrong
                .into_iter()
                .map(|from| Wrong {
                    name: from.name,
                    kind: from.kind,
                    variants: from.variants,
                    steps: steps(from.steps),
                    refused_by: from.refused_by,
                })
                .collect(),
            digest,
        }
    }
}

/// What closed types cannot say: names that must exist, numbers in range, files that must be there.
fn check(lab: &Lab, document: &Document, mistakes: &mut Mistakes) {
    let root = Place::root();
    let nodes: Vec<&str> = lab.nodes.iter().map(|node| node.name.as_str()).collect();
    let variants: Vec<&str> = lab.variants.iter().map(|variant| variant.name.as_str()).collect();
    let mut wrong = |place: &Place, what: String, hint: &str| {
        mistakes.push(document.mistake(place, what).hint(hint));
    };

    if !(1..=5).contains(&lab.level) {
        wrong(&root.then("level"), format!("there is no level {}", lab.level), "levels go from 1 to 5");
    }
    if lab.minutes == 0 {
        wrong(
            &root.then("minutes"),
            "nobody mends anything in no time".into(),
            "write the minutes that a learner needs",
        );
    }
    if lab.nodes.is_empty() {
        wrong(&root.then("node"), "a lab needs a node".into(), "add a `[[node]]`");
    }
    if lab.nodes.len() > 10 {
        wrong(
            &root.then("node"),
            format!("{} nodes are too many", lab.nodes.len()),
            "the network of an attempt holds 10",
        );
    }
    if lab.variants.is_empty() {
        wrong(&root.then("variant"), "a lab needs a variant".into(), "add a `[[variant]]`");
    }
    for (i, node) in lab.nodes.iter().enumerate() {
        let place = root.then("node").then(i);
        if nodes[..i].contains(&node.name.as_str()) {
            wrong(
                &place.then("name"),
                format!("there are two nodes `{}`", node.name),
                "give one another name",
            );
        }
        if !(50..=64_000).contains(&node.cpu_milli) {
            wrong(&place.then("cpus"), "so many processors cannot be given".into(), "0.05 to 64");
        }
        if !(16..=32_768).contains(&node.pids) {
            wrong(&place.then("pids"), format!("{} processes are out of range", node.pids), "16 to 32768");
        }
        for (key, size, least) in
            [("memory", node.memory, 32u64 << 20), ("disk", node.disk, 16 << 20), ("shm", node.shm, 1 << 20)]
        {
            if size.0 < least {
                wrong(
                    &place.then(key),
                    format!("{size} is too little"),
                    &format!("at least {}", Bytes(least)),
                );
            }
        }
        for path in node
            .tmpfs
            .keys()
            .filter(|path| !path.starts_with('/') || path.split('/').any(|part| part == ".."))
        {
            wrong(
                &place.then("tmpfs").then(path.as_str()),
                format!("`{path}` is no absolute path"),
                "begin with a slash",
            );
        }
    }
    for (name, parameter) in &lab.parameters {
        let place = root.then("parameter").then(name.as_str());
        let kebab = super::is_kebab(name);
        if !kebab
            || ["lab", "variant", "node", "nonce", "token", "seed-word", "secret"].contains(&name.as_str())
        {
            wrong(
                &place,
                format!("`{name}` cannot name a parameter"),
                "lower-case words joined by hyphens, none of crashcart's own",
            );
        }
        match parameter {
            Parameter::Choose(values) if values.is_empty() => {
                wrong(&place.then("choose"), "there is nothing to choose from".into(), "list the values");
            }
            Parameter::Between(low, high) if low > high => {
                wrong(
                    &place.then("between"),
                    format!("nothing lies between {low} and {high}"),
                    "write the smaller number first",
                );
            }
            Parameter::Choose(_) | Parameter::Between(..) => {}
        }
    }
    for (i, variant) in lab.variants.iter().enumerate() {
        let place = root.then("variant").then(i);
        if variants[..i].contains(&variant.name.as_str()) {
            wrong(
                &place.then("name"),
                format!("there are two variants `{}`", variant.name),
                "give one another name",
            );
        }
        if variant.breaks.is_empty() && variant.hardware.is_empty() {
            let hint = "name a script, or a fault of the hardware";
            wrong(&place.then("break"), "a variant that breaks nothing is none".into(), hint);
        }
    }

    check_hardware(lab, document, mistakes);
    check_guests(lab, document, mistakes);

    // Each list of scripts: its nodes and files must be there.
    let mut lists: Vec<(Place, &[Step])> = vec![(root.then("prepare"), &lab.prepare)];
    lists.extend(
        lab.variants
            .iter()
            .enumerate()
            .map(|(i, v)| (root.then("variant").then(i).then("break"), &v.breaks[..])),
    );
    lists.extend(
        lab.solutions
            .iter()
            .enumerate()
            .map(|(i, s)| (root.then("solution").then(i).then("steps"), &s.steps[..])),
    );
    lists.extend(
        lab.halves.iter().enumerate().map(|(i, h)| (root.then("half").then(i).then("steps"), &h.steps[..])),
    );
    lists.extend(
        lab.wrongs.iter().enumerate().map(|(i, w)| (root.then("wrong").then(i).then("steps"), &w.steps[..])),
    );
    let breaking = 1 + lab.variants.len();
    for (n, (place, steps)) in lists.iter().enumerate() {
        let repairs = n >= breaking;
        for (i, step) in steps.iter().enumerate() {
            let place = place.then(i);
            if !nodes.contains(&step.node.as_str()) {
                let what = format!("there is no node `{}`", step.node);
                mistakes.push(
                    document.mistake(&place.then("node"), what).allowing(step.node.as_str(), nodes.iter()),
                );
            }
            match &step.act {
                _ if several(document, &place) => {
                    let hint = "one of run, hands and console in a step";
                    mistakes.push(document.mistake(&place, "this step does several things").hint(hint));
                }
                Act::Run(run) => {
                    if !has_file(lab, run) {
                        let what = format!("there is no script `{run}`");
                        let hint = "a path below the lab's folder";
                        mistakes.push(document.mistake(&place.then("run"), what).hint(hint));
                    }
                }
                Act::Console(path) => {
                    let wrong =
                        |what: String, hint| document.mistake(&place.then("console"), what).hint(hint);
                    let guest = lab.nodes.iter().any(|node| node.name == step.node && node.vm.is_some());
                    if !has_file(lab, path) {
                        mistakes.push(wrong(
                            format!("there is no file `{path}`"),
                            "a path below the lab's folder",
                        ));
                    } else if let Err((line, why)) =
                        lab.read(path).map_or(Ok(()), |text| super::parse_console(&text).map(|_| ()))
                    {
                        mistakes.push(wrong(
                            format!("line {line} of `{path}`: {why}"),
                            "see the guide for authors",
                        ));
                    }
                    if !guest {
                        let hint = "nodes with `vm` have one";
                        mistakes.push(wrong(format!("node `{}` has no console", step.node), hint));
                    }
                    if !repairs {
                        mistakes.push(wrong("nobody sits there yet".into(), "consoles are for repairs"));
                    }
                }
                Act::Hands(_) if !repairs => {
                    let hint = "technicians repair; what is broken stands in `hardware`";
                    mistakes.push(document.mistake(&place.then("hands"), "nobody is sent here").hint(hint));
                }
                Act::Hands(deed) => {
                    let gpus = lab.nodes.iter().find(|node| node.name == step.node).and_then(NodePlan::gpus);
                    let what = match (deed, gpus) {
                        (Deed::PowerCycle, _) => continue,
                        (Deed::Reseat(gpu) | Deed::Replace(gpu), Some(has)) if *gpu >= has => {
                            format!("there is no GPU {gpu}; the node has {has}")
                        }
                        (_, Some(_)) => continue,
                        (_, None) => format!("node `{}` has no accelerators", step.node),
                    };
                    mistakes.push(document.mistake(&place.then("hands"), what));
                }
            }
        }
    }

    // Each list of variants: they must exist.
    let mut named: Vec<(Place, &[VariantName])> = Vec::new();
    named.extend(
        lab.solutions.iter().enumerate().map(|(i, s)| (root.then("solution").then(i), &s.variants[..])),
    );
    named.extend(lab.halves.iter().enumerate().map(|(i, h)| (root.then("half").then(i), &h.variants[..])));
    named.extend(lab.wrongs.iter().enumerate().map(|(i, w)| (root.then("wrong").then(i), &w.variants[..])));
    for (place, list) in &named {
        for (i, name) in list.iter().enumerate().filter(|(_, name)| !variants.contains(&name.as_str())) {
            let what = format!("there is no variant `{name}`");
            let place = place.then("variants").then(i);
            mistakes.push(document.mistake(&place, what).allowing(name.as_str(), variants.iter()));
        }
    }

    // Every variant can be mended in more ways than one: a rubric is not to grade the author's taste.
    for (i, variant) in lab.variants.iter().enumerate() {
        let other =
            |s: &Solution| s.kind == SolutionKind::Alternative && super::applies(&s.variants, &variant.name);
        if !lab.solutions.iter().any(other) {
            let what = format!("variant `{}` has no alternative solution", variant.name);
            let place = root.then("variant").then(i).then("name");
            mistakes.push(
                document.mistake(&place, what).hint("add a `[[solution]]` of kind `alternative` for it"),
            );
        }
    }

    // Every variant can be mended in the reference's way, and a wrong fix is refused by something.
    for (i, variant) in lab.variants.iter().enumerate() {
        let mends =
            |s: &&Solution| s.kind == SolutionKind::Reference && super::applies(&s.variants, &variant.name);
        if lab.solutions.iter().filter(mends).count() != 1 {
            let what = format!("variant `{}` needs exactly one reference solution", variant.name);
            let place = root.then("variant").then(i).then("name");
            mistakes
                .push(document.mistake(&place, what).hint("add a `[[solution]]` of kind `reference` for it"));
        }
    }
    for (i, _) in lab.wrongs.iter().enumerate().filter(|(_, wrong)| wrong.refused_by.is_empty()) {
        let place = root.then("wrong").then(i).then("refused-by");
        mistakes
            .push(document.mistake(&place, "nothing refuses this").hint("name the checks that must fail"));
    }
    for text in TEXTS.iter().filter(|text| !lab.folder.join(text).is_file()) {
        let mistake = document.mistake(&root.then("title"), format!("`{text}` is missing beside this file"));
        mistakes.push(mistake.hint("every lab has a brief, hints and a debrief"));
    }
}

/// Accelerators must exist, and break in ways that they can.
fn check_hardware(lab: &Lab, document: &Document, mistakes: &mut Mistakes) {
    for (i, node) in lab.nodes.iter().enumerate().filter(|(_, node)| node.real_accelerators) {
        let place = Place::root().then("node").then(i).then("real-accelerators");
        if node.hardware.is_none() {
            let what = format!("node `{}` has no accelerators", node.name);
            mistakes
                .push(document.mistake(&place, what).hint("add `hardware`, for machines without real ones"));
        }
        if lab.nodes.iter().filter(|node| node.hardware.is_some()).count() > 1 {
            let what = "real accelerators cannot be in several nodes at once";
            mistakes.push(document.mistake(&place, what).hint("only where one node has `hardware`"));
        }
        if lab.variants_for_real().next().is_none() {
            let what = "every variant breaks the hardware itself";
            mistakes
                .push(document.mistake(&place, what).hint("nobody breaks real accelerators; drop this key"));
        }
    }
    let mut machines = BTreeMap::new();
    for (i, node) in lab.nodes.iter().enumerate() {
        let Some(spec) = &node.hardware else { continue };
        let place = Place::root().then("node").then(i).then("hardware");
        match Machine::new(spec, None, 0) {
            Ok(machine) => drop(machines.insert(node.name.as_str(), machine)),
            Err(error) => {
                let key = match &error {
                    SpecError::NoSuchProfile { .. } | SpecError::NoSuchDevice { .. } => "profile",
                    SpecError::TooManyGpus { .. } => "gpus",
                    SpecError::NoSuchDriver { .. } => "driver",
                    SpecError::Impossible { .. } if spec.gpus == Some(0) => "gpus",
                    SpecError::Impossible { .. } => {
                        let whole = HardwareSpec { mig: Vec::new(), ..spec.clone() };
                        if Machine::new(&whole, None, 0).is_ok() { "mig" } else { "driver" }
                    }
                };
                let mistake = document.mistake(&place.then(key), error.to_string());
                mistakes.push(match &error {
                    SpecError::NoSuchProfile { asked, .. } => {
                        mistake.allowing(asked, profiles().iter().map(|(name, _)| *name))
                    }
                    SpecError::TooManyGpus { has, .. } => mistake.hint(format!("at most {has}")),
                    _ => mistake,
                });
            }
        }
    }
    for (i, variant) in lab.variants.iter().enumerate() {
        // One after the other into the same hardware: two may be possible alone and not together.
        let mut broken = machines.clone();
        // And in the order in which they happen, the oldest first.
        let mut faults: Vec<(usize, &HardwareFault)> = variant.hardware.iter().enumerate().collect();
        faults.sort_by_key(|(_, fault)| std::cmp::Reverse(fault.inherited.ago_s));
        for (n, HardwareFault { node, inherited }) in faults {
            let place = Place::root().then("variant").then(i).then("hardware").then(n);
            let Some(plan) = lab.nodes.iter().find(|plan| plan.name == *node) else {
                let what = format!("there is no node `{node}`");
                let nodes = lab.nodes.iter().map(|plan| plan.name.as_str());
                mistakes.push(document.mistake(&place.then("node"), what).allowing(node.as_str(), nodes));
                continue;
            };
            if plan.hardware.is_none() {
                let what = format!("node `{node}` has no hardware that could break");
                mistakes.push(
                    document.mistake(&place.then("node"), what).hint("give it `hardware = { profile = … }`"),
                );
                continue;
            }
            // A node whose hardware is not right has been told of already.
            let Some(machine) = broken.get_mut(node.as_str()) else { continue };
            if let Err(error) = machine.inject(0, &inherited.fault) {
                let key = if matches!(error, FaultError::NoSuchGpu { .. }) { "gpu" } else { "fault" };
                mistakes.push(document.mistake(&place.then(key), error.to_string()));
            }
        }
    }
}

/// Whether there is such a file below the lab's folder.
fn has_file(lab: &Lab, path: &str) -> bool {
    let inside = !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..");
    inside && lab.folder.join(path).is_file()
}

/// Whether a step names more than one thing to do.
fn several(document: &Document, step: &Place) -> bool {
    ["run", "hands", "console"].iter().filter(|key| document.has(&step.then(**key))).count() > 1
}

/// The buses on which a guest finds this hardware; what is wrong with it elsewhere is told elsewhere.
fn buses(spec: &HardwareSpec, numa_nodes: u32) -> Result<(), SpecError> {
    let Ok(profile) = profile(&spec.profile) else { return Ok(()) };
    let gpus = spec.gpus.map_or(profile.slots.len(), |gpus| gpus as usize);
    Bus::new(profile, profile.device()?, gpus, numa_nodes).map(|_| ())
}

/// SHA-256 over the paths, modes and contents of a folder's files, in order.
fn digest_of(folder: &Path) -> Result<String, LabError> {
    let mut hash = Sha256::new();
    let mut files = BTreeSet::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            LabError::Unreadable { path, source: error.into() }
        })?;
        if entry.file_type().is_file() {
            files.insert(entry.into_path());
        }
    }
    for path in files {
        let bytes =
            std::fs::read(&path).map_err(|source| LabError::Unreadable { path: path.clone(), source })?;
        let name = path.strip_prefix(folder).unwrap_or(&path).as_os_str().as_encoded_bytes();
        for part in [name, &bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Guests that QEMU would refuse, and keys that mean nothing to a guest.
fn check_guests(lab: &Lab, document: &Document, mistakes: &mut Mistakes) {
    for (i, node) in lab.nodes.iter().enumerate() {
        let Some(shape) = &node.vm else { continue };
        let place = Place::root().then("node").then(i);
        let vm = place.then("vm");
        let mut wrong = |place: &Place, what: String, hint: &str| {
            mistakes.push(document.mistake(place, what).hint(hint));
        };
        for key in ["shm", "tmpfs", "real-accelerators"] {
            if document.has(&place.then(key)) {
                wrong(
                    &place.then(key),
                    format!("`{key}` is for container nodes"),
                    "leave it out; a guest has a kernel of its own",
                );
            }
        }
        let hardware = place.then("hardware");
        if document.has(&hardware.then("driver")) {
            wrong(
                &hardware.then("driver"),
                "a guest has the driver that is installed in it".into(),
                "leave it out; install another one with a script",
            );
        }
        if let Some(spec) = &node.hardware
            && let Err(error) = buses(spec, shape.numa_nodes)
        {
            wrong(&hardware.then("profile"), error.to_string(), "choose a profile of a server");
        }
        if !(256..=65_536).contains(&shape.memory_mib) {
            wrong(&place.then("memory"), "no guest boots with that".into(), "256 MiB to 64 GiB");
        }
        if !(4096..=65_536).contains(&shape.disk_mib) {
            wrong(&place.then("disk"), "no guest fits there".into(), "4 GiB to 64 GiB");
        }
        if !(1..=4).contains(&shape.numa_nodes) {
            wrong(&vm.then("numa-nodes"), format!("{} is out of range", shape.numa_nodes), "1 to 4");
            continue;
        }
        if !(1..=32).contains(&shape.processors) || shape.processors % shape.numa_nodes != 0 {
            wrong(
                &vm.then("processors"),
                format!("{} processors cannot be given", shape.processors),
                "1 to 32, and as many on each NUMA node",
            );
        }
        if shape.memory_mib % (u64::from(shape.numa_nodes) * 2) != 0 {
            wrong(&place.then("memory"), "it cannot be divided evenly".into(), "as much for each NUMA node");
        }
        if !(11..=254).contains(&shape.numa_distance) {
            wrong(&vm.then("numa-distance"), format!("{} is out of range", shape.numa_distance), "11 to 254");
        }
        if !(1..=4).contains(&shape.nics) {
            wrong(&vm.then("nics"), format!("{} is out of range", shape.nics), "1 to 4");
        }
        if shape.disks.len() > 8 {
            wrong(&vm.then("disks"), format!("{} disks are too many", shape.disks.len()), "at most 8");
        }
        for (n, disk) in shape.disks.iter().enumerate() {
            let place = vm.then("disks").then(n);
            let named = |other: &VmDisk| other.serial == disk.serial;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if disk.serial.is_empty() || disk.serial.len() > 20 || !disk.serial.chars().all(plain) {
                let hint = "at most 20 lower-case letters, digits and hyphens";
                wrong(&place.then("serial"), format!("`{}` is no serial number", disk.serial), hint);
            }
            if disk.serial == "crashcart" || shape.disks[..n].iter().any(named) {
                wrong(&place.then("serial"), format!("`{}` is taken", disk.serial), "choose another");
            }
            if !(1..=65_536).contains(&disk.size_mib) {
                wrong(&place.then("size"), "no such disk can be given".into(), "1 MiB to 64 GiB");
            }
            if disk.numa_node.is_some_and(|node| node >= shape.numa_nodes) {
                let hint = "NUMA nodes count from 0, up to `numa-nodes`";
                wrong(&place.then("numa-node"), "there is no such NUMA node".into(), hint);
            }
        }
    }
}
