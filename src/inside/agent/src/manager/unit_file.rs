//! Unit files: where they lie, which of them wins, drop-ins, masks, aliases,
//! and their text as sections of assignments. What a setting means is
//! `settings.rs`; nothing here runs anything.

use std::time::Instant;

use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use crate::rooted::{Contents, Link, Root};

/// Directories of unit files, the strongest first, as systemd.unit(5) lists them.
pub const DIRECTORIES: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Caps against hostile trees: bytes of one file, of one unit with all its
/// drop-ins, names in one directory.
const FILE_LIMIT: usize = 256 * 1024;
const UNIT_LIMIT: usize = 512 * 1024;
pub const NAMES_LIMIT: usize = 4096;

/// One file that a unit was read from, to tell whether it has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub path: String,
    /// Change time in nanoseconds.
    pub changed: i128,
}

/// The assignments of a unit and its drop-ins, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitText {
    pub assignments: Vec<Assignment>,
    pub sources: Vec<Source>,
}

/// One `Key=value` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub section: String,
    pub key: String,
    pub value: String,
}

impl UnitText {
    /// The last value of a setting; an empty assignment resets it.
    pub fn one(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).last().copied()
    }

    /// All values of a setting since it was last reset.
    pub fn all(&self, section: &str, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for line in &self.assignments {
            if line.section == section && line.key == key {
                if line.value.is_empty() {
                    values.clear();
                } else {
                    values.push(line.value.as_str());
                }
            }
        }
        values
    }

    /// The blank-separated words of all values.
    pub fn words(&self, section: &str, key: &str) -> Vec<String> {
        self.all(section, key)
            .iter()
            .flat_map(|value| value.split_ascii_whitespace())
            .map(str::to_owned)
            .collect()
    }
}

/// Parses the text of one file as systemd.syntax(7) describes: comments,
/// continuation lines, sections. Lines that are none of these are left out.
pub fn parse(text: &str) -> Vec<Assignment> {
    let mut assignments = Vec::new();
    let mut section = String::new();
    let mut joined = String::new();
    for line in text.lines().chain([""]) {
        let trimmed = line.trim_start();
        // A comment inside a continued line is skipped, and the line goes on.
        if trimmed.starts_with('#') || trimmed.starts_with(';') {
            continue;
        }
        if let Some(more) = line.strip_suffix('\\') {
            joined.push_str(more);
            joined.push(' ');
            continue;
        }
        joined.push_str(line);
        let whole = std::mem::take(&mut joined);
        let whole = whole.trim();
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = whole.split_once('=')
            && !section.is_empty()
        {
            assignments.push(Assignment {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            });
        }
    }
    assignments
}

/// What lies under a unit's name.
#[derive(Clone, Debug)]
pub enum Found {
    Missing,
    Masked {
        path: String,
    },
    Unit {
        /// The unit's own name, where the one asked for is an alias.
        name: String,
        /// The main file.
        path: String,
        text: UnitText,
    },
}

/// `name@instance.service` in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitName<'a> {
    /// Before the `@` or the dot.
    pub prefix: &'a str,
    pub instance: Option<&'a str>,
    /// `service`, `target`, …
    pub kind: &'a str,
}

impl<'a> UnitName<'a> {
    /// `None` for what is no unit name.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (stem, kind) = name.rsplit_once('.')?;
        let known = matches!(
            kind,
            "service"
                | "target"
                | "socket"
                | "timer"
                | "path"
                | "mount"
                | "slice"
                | "scope"
                | "swap"
                | "device"
                | "automount"
        );
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b));
        if stem.is_empty() || !known || !plain || name.len() > 255 {
            return None;
        }
        Some(match stem.split_once('@') {
            Some((prefix, instance)) => Self { prefix, instance: Some(instance), kind },
            None => Self { prefix: stem, instance: None, kind },
        })
    }

    /// `name@.service`, for an instance.
    pub fn template(&self) -> Option<String> {
        let instance = self.instance?;
        (!instance.is_empty()).then(|| format!("{}@.{}", self.prefix, self.kind))
    }
}

/// Adds `.service` to a name that has no suffix, as systemctl does.
pub fn complete_name(name: &str) -> String {
    if UnitName::parse(name).is_some() { name.to_owned() } else { format!("{name}.service") }
}

/// Finds and reads a unit with its drop-ins.
pub fn find(root: &Root, name: &str) -> Found {
    let Some(parts) = UnitName::parse(name) else { return Found::Missing };
    let mut candidates = vec![name.to_owned()];
    candidates.extend(parts.template());
    for file in &candidates {
        for directory in DIRECTORIES {
            let path = format!("{directory}/{file}");
            match read_one(root, &path) {
                Fragment::Missing => {}
                Fragment::Masked => return Found::Masked { path },
                Fragment::Alias(target) => {
                    let real = match (UnitName::parse(&target), parts.instance) {
                        // foo@.service linked to bar@.service: the instance goes along.
                        (Some(to), Some(instance)) if to.instance == Some("") => {
                            format!("{}@{instance}.{}", to.prefix, to.kind)
                        }
                        _ => target,
                    };
                    // One step only: an alias of an alias is the resolved file's name already.
                    if real != name
                        && let Found::Unit { name, path, text } = find_without_aliases(root, &real)
                    {
                        return Found::Unit { name, path, text };
                    }
                    return Found::Missing;
                }
                Fragment::Text(assignments, source) => {
                    return with_drop_ins(root, name, &parts, path, assignments, source);
                }
            }
        }
    }
    Found::Missing
}

fn find_without_aliases(root: &Root, name: &str) -> Found {
    let Some(parts) = UnitName::parse(name) else { return Found::Missing };
    for file in [Some(name.to_owned()), parts.template()].into_iter().flatten() {
        for directory in DIRECTORIES {
            let path = format!("{directory}/{file}");
            match read_one(root, &path) {
                Fragment::Masked => return Found::Masked { path },
                Fragment::Text(assignments, source) => {
                    return with_drop_ins(root, name, &parts, path, assignments, source);
                }
                Fragment::Missing | Fragment::Alias(_) => {}
            }
        }
    }
    Found::Missing
}

enum Fragment {
    Missing,
    Masked,
    /// A link to a unit file of another name.
    Alias(String),
    Text(Vec<Assignment>, Source),
}

fn read_one(root: &Root, path: &str) -> Fragment {
    let Ok(Some(place)) = root.place(path, Link::Keep) else { return Fragment::Missing };
    if let Some(target) = place.target() {
        if target == "/dev/null" {
            return Fragment::Masked;
        }
        let own = path.rsplit('/').next().unwrap_or_default();
        let other = target.rsplit('/').next().unwrap_or_default();
        if other != own && UnitName::parse(other).is_some() {
            return Fragment::Alias(other.to_owned());
        }
    }
    let Ok(Some(place)) = root.place(path, Link::Follow) else { return Fragment::Missing };
    let source = Source { path: path.to_owned(), changed: change_time(&place.stat) };
    match root.read(path, FILE_LIMIT) {
        // An empty file masks as well, says systemd.unit(5).
        Ok(Some(Contents::Regular(bytes))) if bytes.bytes.is_empty() => Fragment::Masked,
        Ok(Some(Contents::Regular(bytes))) => Fragment::Text(parse(&bytes.text()), source),
        _ => Fragment::Missing,
    }
}

fn change_time(stat: &rustix::fs::Stat) -> i128 {
    i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)
}

fn with_drop_ins(
    root: &Root,
    name: &str,
    parts: &UnitName<'_>,
    path: String,
    assignments: Vec<Assignment>,
    source: Source,
) -> Found {
    let mut text = UnitText { assignments, sources: vec![source] };
    for (path, assignments, changed) in drop_ins(root, name, parts) {
        text.assignments.extend(assignments);
        text.sources.push(Source { path, changed });
    }
    Found::Unit { name: name.to_owned(), path, text }
}

/// The `*.conf` files of a unit's `.d` directories, ordered by file name; of
/// two with one name the one in the stronger directory counts.
fn drop_ins(root: &Root, name: &str, parts: &UnitName<'_>) -> Vec<(String, Vec<Assignment>, i128)> {
    let mut folders = vec![format!("{name}.d")];
    folders.extend(parts.template().map(|template| format!("{template}.d")));
    folders.push(format!("{}.d", parts.kind));
    let mut chosen: Vec<(String, String)> = Vec::new();
    for folder in &folders {
        for directory in DIRECTORIES {
            for file in root.list(&format!("{directory}/{folder}"), NAMES_LIMIT) {
                if file.ends_with(".conf") && !chosen.iter().any(|(known, _)| *known == file) {
                    chosen.push((file.clone(), format!("{directory}/{folder}/{file}")));
                }
            }
        }
    }
    chosen.sort();
    let mut total = 0;
    let read = |(_, path): (String, String)| {
        let place = root.place(&path, Link::Follow).ok()??;
        let text = root.text(&path, FILE_LIMIT.min(UNIT_LIMIT - total)).ok()??;
        total += text.len().min(UNIT_LIMIT - total);
        Some((path, parse(&text), change_time(&place.stat)))
    };
    chosen.into_iter().filter_map(read).collect()
}

/// Whether a unit's files are not what they were when it was loaded.
pub fn has_changed(root: &Root, name: &str, loaded: &[Source]) -> bool {
    match find(root, name) {
        Found::Unit { text, .. } => text.sources != loaded,
        Found::Missing | Found::Masked { .. } => !loaded.is_empty(),
    }
}

/// The units that a `.wants` or `.requires` directory of `target` names.
pub fn linked(root: &Root, target: &str, relation: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for directory in DIRECTORIES {
        for name in root.list(&format!("{directory}/{target}.{relation}"), NAMES_LIMIT) {
            if UnitName::parse(&name).is_some() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.sort();
    names
}

/// Every unit file there is, as (name, path), the strongest of each name.
pub fn every(root: &Root) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for directory in DIRECTORIES {
        for name in root.list(directory, NAMES_LIMIT) {
            let path = format!("{directory}/{name}");
            let is_file = root
                .place(&path, Link::Keep)
                .ok()
                .flatten()
                .is_some_and(|place| matches!(place.kind(), FileType::RegularFile | FileType::Symlink));
            if is_file && UnitName::parse(&name).is_some() && !found.iter().any(|(known, _)| *known == name) {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// `enabled`, `disabled`, `masked`, `static`, `alias`, … as systemctl's is-enabled says; `None`: no such unit.
pub fn enablement(root: &Root, name: &str) -> Option<String> {
    let began = Instant::now();
    match find(root, name) {
        Found::Missing => None,
        Found::Masked { path } => {
            Some(if path.starts_with("/run/") { "masked-runtime" } else { "masked" }.to_owned())
        }
        Found::Unit { name: real, text, .. } => {
            if real != name {
                return Some("alias".to_owned());
            }
            let template = UnitName::parse(name).and_then(|parts| parts.template());
            let is_linked = |area: &str| {
                for folder in root.list(area, NAMES_LIMIT) {
                    if !(folder.ends_with(".wants") || folder.ends_with(".requires"))
                        || began.elapsed().as_secs() >= 2
                    {
                        continue;
                    }
                    if root.place(&format!("{area}/{folder}/{name}"), Link::Keep).ok().flatten().is_some() {
                        return true;
                    }
                }
                // An alias that [Install] asks for counts as enabled too.
                text.words("Install", "Alias")
                    .iter()
                    .any(|alias| root.place(&format!("{area}/{alias}"), Link::Keep).ok().flatten().is_some())
            };
            if is_linked("/etc/systemd/system") {
                return Some("enabled".to_owned());
            }
            if is_linked("/run/systemd/system") {
                return Some("enabled-runtime".to_owned());
            }
            let installs =
                ["WantedBy", "RequiredBy", "Alias"].iter().any(|key| !text.all("Install", key).is_empty());
            let also = !text.all("Install", "Also").is_empty();
            Some(match (installs, also, template) {
                (true, _, _) => "disabled".to_owned(),
                (false, true, _) => "indirect".to_owned(),
                (false, false, _) => "static".to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a temporary directory"))
        }
        fn file(self, path: &str, text: &str) -> Self {
            let path = self.0.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("has a parent")).expect("made");
            fs::write(path, text).expect("written");
            self
        }
        fn link(self, path: &str, target: &str) -> Self {
            let path = self.0.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("has a parent")).expect("made");
            symlink(target, path).expect("linked");
            self
        }
        fn root(&self) -> Root {
            Root::at(self.0.path()).expect("opens")
        }
    }

    #[test]
    fn comments_continuations_and_resets_are_understood() {
        let lines = parse(
            "# comment\n[Unit]\nDescription = A thing \nnonsense\n\n[Service]\nExecStart=/bin/a \\\n# in between\n  -x\nEnvironment=A=1\n\
             Environment=\nEnvironment=B=2\n; other\nExecStop=/bin/b\\",
        );
        let text = UnitText { assignments: lines, sources: vec![] };
        assert_eq!(text.one("Unit", "Description"), Some("A thing"));
        assert_eq!(text.one("Service", "ExecStart"), Some("/bin/a    -x"));
        assert_eq!(text.all("Service", "Environment"), ["B=2"]);
        assert_eq!(text.one("Service", "ExecStop"), Some("/bin/b"));
        assert_eq!(text.one("Service", "Missing"), None);
    }

    #[test]
    fn names_are_taken_apart() {
        fn case(name: &str, expected: Option<(&str, Option<&str>, &str)>) {
            let found = UnitName::parse(name);
            assert_eq!(found.map(|n| (n.prefix, n.instance, n.kind)), expected, "{name}");
        }
        case("munge.service", Some(("munge", None, "service")));
        case("gpu@0.service", Some(("gpu", Some("0"), "service")));
        case("gpu@.service", Some(("gpu", Some(""), "service")));
        case("dbus-org.freedesktop.nm.service", Some(("dbus-org.freedesktop.nm", None, "service")));
        case("munge", None);
        case("../x.service", None);
        case(".service", None);
    }

    #[test]
    fn the_stronger_directory_wins_and_drop_ins_apply_in_order() {
        let tree = Tree::new()
            .file("/usr/lib/systemd/system/a.service", "[Service]\nExecStart=/bin/vendor\nUser=one\n")
            .file("/usr/lib/systemd/system/a.service.d/20-x.conf", "[Service]\nUser=vendor\n")
            .file("/etc/systemd/system/a.service.d/10-y.conf", "[Service]\nUser=ten\nNice=5\n")
            .file("/etc/systemd/system/a.service.d/20-x.conf", "[Service]\nUser=twenty\n")
            .file("/etc/systemd/system/a.service.d/ignored.txt", "[Service]\nUser=no\n");
        let Found::Unit { text, path, .. } = find(&tree.root(), "a.service") else { panic!("found") };
        assert_eq!(path, "/usr/lib/systemd/system/a.service");
        assert_eq!(text.one("Service", "User"), Some("twenty"));
        assert_eq!(text.one("Service", "Nice"), Some("5"));
        assert_eq!(text.sources.len(), 3);
        assert!(!has_changed(&tree.root(), "a.service", &text.sources));
        let tree = tree.file("/etc/systemd/system/a.service", "[Service]\nExecStart=/bin/admin\n");
        assert!(has_changed(&tree.root(), "a.service", &text.sources));
        let Found::Unit { path, .. } = find(&tree.root(), "a.service") else { panic!("found") };
        assert_eq!(path, "/etc/systemd/system/a.service");
    }

    #[test]
    fn masks_aliases_and_templates_are_followed() {
        let tree = Tree::new()
            .file(
                "/usr/lib/systemd/system/real.service",
                "[Service]\nExecStart=/bin/x\n[Install]\nAlias=other.service\n",
            )
            .link("/etc/systemd/system/other.service", "/usr/lib/systemd/system/real.service")
            .file("/usr/lib/systemd/system/gone.service", "[Service]\nExecStart=/bin/x\n")
            .link("/etc/systemd/system/gone.service", "/dev/null")
            .file(
                "/usr/lib/systemd/system/gpu@.service",
                "[Service]\nExecStart=/bin/g %i\n[Install]\nWantedBy=multi-user.target\n",
            )
            .link(
                "/etc/systemd/system/multi-user.target.wants/gpu@1.service",
                "/usr/lib/systemd/system/gpu@.service",
            );
        let root = tree.root();
        assert!(matches!(find(&root, "gone.service"), Found::Masked { .. }));
        assert!(matches!(find(&root, "other.service"), Found::Unit { name, .. } if name == "real.service"));
        assert!(matches!(find(&root, "gpu@1.service"), Found::Unit { .. }));
        assert!(matches!(find(&root, "no.service"), Found::Missing));
        assert_eq!(linked(&root, "multi-user.target", "wants"), ["gpu@1.service"]);
        let state = |name| enablement(&root, name);
        assert_eq!(state("gpu@1.service").as_deref(), Some("enabled"));
        assert_eq!(state("gpu@2.service").as_deref(), Some("disabled"));
        assert_eq!(state("real.service").as_deref(), Some("enabled"));
        assert_eq!(state("gone.service").as_deref(), Some("masked"));
        assert_eq!(state("none.service"), None);
    }

    #[test]
    fn a_fifo_or_a_directory_as_a_unit_file_is_no_unit() {
        let tree = Tree::new().file("/etc/systemd/system/d.service/x", "");
        let fifo = tree.0.path().join("etc/systemd/system/f.service");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("made");
        assert!(matches!(find(&tree.root(), "f.service"), Found::Missing));
        assert!(matches!(find(&tree.root(), "d.service"), Found::Missing));
    }
}
