//! What differs on the nodes of an attempt between two inventories: all of it, whoever did it and whether it
//! was good, but for what a node changes by itself (`volatile.toml`). Pure. What of it is damage is
//! `grade::damage`'s to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crashcart_facts::{
    AccountEntry, FileEntry, FilterEntry, Inventory, MountEntry, PackageEntry, ProgramEntry, SocketEntry,
    TeamEntry, UnitEntry,
};
use serde::{Deserialize, Serialize};

use super::{Inventories, Stock, Thing};
use crate::lab::NodeName;
use crate::pattern;

/// What is different on each node. A node that no inventory tells of is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Changes {
    pub nodes: BTreeMap<NodeName, NodeChanges>,
}

/// One node: each list in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeChanges {
    /// Why nothing is known, where one of the two inventories is missing. All lists are empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_known: Option<String>,
    /// What was not looked at in full, by tree or list, and why: nothing is said there of what came or went.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cut: BTreeMap<String, String>,
    /// By path.
    pub files: Vec<Change<FileEntry>>,
    /// By full name.
    pub units: Vec<Change<UnitEntry>>,
    pub packages: Vec<Change<PackageEntry>>,
    pub users: Vec<Change<AccountEntry>>,
    pub groups: Vec<Change<TeamEntry>>,
    /// `tcp 0.0.0.0:22`.
    pub sockets: Vec<Change<SocketEntry>>,
    /// By mount point.
    pub mounts: Vec<Change<MountEntry>>,
    /// As sysctl names them.
    pub kernel_parameters: Vec<Change<String>>,
    /// The command line of the next boot; its name is `kernel command line`.
    pub next_boot: Vec<Change<String>>,
    /// `munged as munge`.
    pub programs: Vec<Change<ProgramEntry>>,
    /// `family table chain`.
    pub packet_filter: Vec<Change<FilterEntry>>,
    /// Settings by path: the texts of files that are in `files`, too.
    pub texts: Vec<Change<String>>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change<T> {
    pub name: String,
    /// As it was handed over; none where it was not there.
    pub before: Option<T>,
    /// As it was left; none where it is gone.
    pub after: Option<T>,
}

/// One of the lists of [`NodeChanges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum List {
    Files,
    Units,
    Packages,
    Users,
    Groups,
    Sockets,
    Mounts,
    KernelParameters,
    NextBoot,
    Programs,
    PacketFilter,
}

impl List {
    pub const ALL: [Self; 11] = [
        Self::Files,
        Self::Units,
        Self::Packages,
        Self::Users,
        Self::Groups,
        Self::Sockets,
        Self::Mounts,
        Self::KernelParameters,
        Self::NextBoot,
        Self::Programs,
        Self::PacketFilter,
    ];

    /// What one of so many things in it is called.
    pub fn words(self, count: usize) -> &'static str {
        let (one, many) = match self {
            Self::Files => ("file", "files"),
            Self::Units => ("unit", "units"),
            Self::Packages => ("package", "packages"),
            Self::Users => ("user", "users"),
            Self::Groups => ("group", "groups"),
            Self::Sockets => ("listening socket", "listening sockets"),
            Self::Mounts => ("mount", "mounts"),
            Self::KernelParameters => ("kernel parameter", "kernel parameters"),
            Self::NextBoot => ("setting of the next boot", "settings of the next boot"),
            Self::Programs => ("running program", "running programs"),
            Self::PacketFilter => ("chain of the packet filter", "chains of the packet filter"),
        };
        if count == 1 { one } else { many }
    }
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    Added,
    Changed,
    Removed,
}

impl Fate {
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// One change in words, whatever list it stands in. Names and words come from the node: clean them before they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    pub list: List,
    pub name: String,
    pub fate: Fate,
    /// What differs: `mode 0400 → 0644`. Empty where the fate says all.
    pub what: String,
}

impl<T: Thing> Change<T> {
    pub fn fate(&self) -> Fate {
        match (&self.before, &self.after) {
            (None, _) => Fate::Added,
            (_, None) => Fate::Removed,
            _ => Fate::Changed,
        }
    }

    /// What differs, in words: of what came or went what it is like.
    pub fn words(&self) -> String {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.tell(Some(after)),
            (Some(only), None) | (None, Some(only)) => only.tell(None),
            (None, None) => String::new(),
        }
    }

    fn line(&self, list: List) -> Line {
        Line { list, name: self.name.clone(), fate: self.fate(), what: self.words() }
    }
}

impl Changes {
    /// What became different between two inventories. A node of either is in it.
    pub fn between(before: &Inventories, after: &Inventories) -> Self {
        let names: BTreeSet<&NodeName> = before.nodes.keys().chain(after.nodes.keys()).collect();
        let nodes = names.into_iter().map(|name| {
            let before = known(before, name, "at the beginning");
            let changes = match (before, known(after, name, "at the end")) {
                (Ok(before), Ok(after)) => NodeChanges::between(before, after),
                (Err(why), _) | (_, Err(why)) => {
                    NodeChanges { not_known: Some(why), ..NodeChanges::default() }
                }
            };
            (name.clone(), changes)
        });
        Self { nodes: nodes.collect() }
    }
}

/// What is known of a node at a time, or why nothing is.
fn known<'a>(inventories: &'a Inventories, name: &NodeName, when: &str) -> Result<&'a Inventory, String> {
    match inventories.nodes.get(name) {
        Some(Stock::Known(inventory)) => Ok(inventory),
        Some(Stock::Unknown { why }) => Err(format!("{when}: {why}")),
        None => Err(format!("{when}: it was not looked at")),
    }
}

impl NodeChanges {
    fn between(before: &Inventory, after: &Inventory) -> Self {
        let mut cut = before.cut.clone();
        cut.extend(after.cut.clone());
        let trees: Vec<&str> = cut.keys().map(String::as_str).filter(|tree| tree.starts_with('/')).collect();
        // Where not all was seen, nobody can tell what came or went.
        let is_cut = |path: &str| {
            trees.iter().any(|tree| path.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/')))
        };
        let mut files = differences(List::Files, &before.files, &after.files);
        files.retain(|change| change.fate() == Fate::Changed || !is_cut(&change.name));
        let boot = |inventory: &Inventory| -> BTreeMap<String, String> {
            inventory.next_boot.iter().map(|line| ("kernel command line".to_owned(), line.clone())).collect()
        };
        let unless_cut = |list: &str| !cut.contains_key(list);
        let chains = |inventory: &Inventory| inventory.packet_filter.clone();
        Self {
            not_known: None,
            files,
            units: if unless_cut("units") {
                differences(List::Units, &before.units, &after.units)
            } else {
                Vec::new()
            },
            packages: if unless_cut("packages") {
                differences(List::Packages, &before.packages, &after.packages)
            } else {
                Vec::new()
            },
            users: differences(List::Users, &before.users, &after.users),
            groups: differences(List::Groups, &before.groups, &after.groups),
            sockets: if unless_cut("sockets") {
                differences(List::Sockets, &before.sockets, &after.sockets)
            } else {
                Vec::new()
            },
            mounts: differences(List::Mounts, &before.mounts, &after.mounts),
            kernel_parameters: differences(
                List::KernelParameters,
                &before.kernel_parameters,
                &after.kernel_parameters,
            ),
            next_boot: if unless_cut("next boot") {
                differences(List::NextBoot, &boot(before), &boot(after))
            } else {
                Vec::new()
            },
            programs: differences(List::Programs, &before.programs, &after.programs),
            packet_filter: match (chains(before), chains(after)) {
                (Some(before), Some(after)) => differences(List::PacketFilter, &before, &after),
                _ => Vec::new(),
            },
            texts: differences(List::Files, &before.texts, &after.texts),
            cut,
        }
    }

    /// Every change in words, list by list.
    pub fn lines(&self) -> Vec<Line> {
        fn of<T: Thing>(list: List, changes: &[Change<T>]) -> impl Iterator<Item = Line> + '_ {
            changes.iter().map(move |change| change.line(list))
        }
        of(List::Files, &self.files)
            .chain(of(List::Units, &self.units))
            .chain(of(List::Packages, &self.packages))
            .chain(of(List::Users, &self.users))
            .chain(of(List::Groups, &self.groups))
            .chain(of(List::Sockets, &self.sockets))
            .chain(of(List::Mounts, &self.mounts))
            .chain(of(List::KernelParameters, &self.kernel_parameters))
            .chain(of(List::NextBoot, &self.next_boot))
            .chain(of(List::Programs, &self.programs))
            .chain(of(List::PacketFilter, &self.packet_filter))
            .collect()
    }

    /// How many changes each list has; only lists that have some.
    pub fn counts(&self) -> BTreeMap<List, usize> {
        let mut counts = BTreeMap::new();
        for line in self.lines() {
            *counts.entry(line.list).or_default() += 1;
        }
        counts
    }
}

/// What differs between two lists, names in order, without what changes by itself.
fn differences<T: Thing>(
    list: List,
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
) -> Vec<Change<T>> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |name: &&&String| match (before.get(**name), after.get(**name)) {
        (Some(before), Some(after)) => !before.is_same(after),
        _ => true,
    };
    names
        .iter()
        .filter(differs)
        .filter(|name| !is_volatile(list, name))
        .map(|name| Change {
            name: (**name).clone(),
            before: before.get(*name).cloned(),
            after: after.get(*name).cloned(),
        })
        .collect()
}

/// Something that a running node changes by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Volatile {
    list: List,
    /// Patterns, with `*` for anything.
    names: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever reads the file; a test demands one"))]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VolatileFile {
    #[serde(rename = "format")]
    _format: u32,
    volatile: Vec<Volatile>,
}

fn is_volatile(list: List, name: &str) -> bool {
    static ALL: OnceLock<Vec<Volatile>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let file: VolatileFile = toml::from_str(include_str!("volatile.toml")).expect("a test parses it");
        file.volatile
    });
    all.iter()
        .filter(|volatile| volatile.list == list)
        .any(|volatile| volatile.names.iter().any(|pattern| pattern::matches(pattern, name)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::evidence::Taken;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn inventories(inventory: Value) -> Inventories {
        let inventory: Inventory = serde_json::from_value(inventory).expect("an inventory");
        let mut all = Inventories::nothing_yet(Taken::Live);
        all.nodes.insert("front".parse().expect("a name"), Stock::Known(Box::new(inventory)));
        all
    }

    fn between(before: Value, after: Value) -> NodeChanges {
        let changes = Changes::between(&inventories(before), &inventories(after));
        changes.nodes.into_values().next().expect("one node")
    }

    fn told(changes: &NodeChanges) -> Vec<String> {
        let lines = changes.lines().into_iter();
        lines.map(|line| format!("{} {} {}", line.fate.word(), line.name, line.what)).collect()
    }

    #[test]
    fn files_differ_by_what_they_are_and_hold_and_not_by_when_they_were_written() {
        let before = json!({ "files": {
            "/etc/gone": format!("file 0644 0:0 3 @1 {DIGEST}"),
            "/etc/key": format!("file 0400 0:0 3 @1 {DIGEST}"),
            "/etc/text": format!("file 0644 0:0 3 @1 {DIGEST}"),
            "/etc/written-again": format!("file 0644 0:0 3 @1 {DIGEST}"),
            "/etc/link": "symlink 0777 0:0 0 @0 >a",
            "/usr/bin/tool": "file 0755 0:0 9 @1",
            "/usr/bin/same": "file 0755 0:0 9 @1",
            "/usr/bin/longer": "file 0755 0:0 9 @1",
        }});
        let after = json!({ "files": {
            "/etc/key": format!("file 0644 0:0 3 @2 {DIGEST}"),
            "/etc/text": format!("file 0644 0:0 3 @2 {OTHER}"),
            "/etc/written-again": format!("file 0644 0:0 3 @2 {DIGEST}"),
            "/etc/link": "symlink 0777 0:0 0 @0 >b",
            "/etc/new": format!("file 0600 5:5 3 @2 {DIGEST}"),
            "/usr/bin/tool": "file 0755 0:0 9 @2",
            "/usr/bin/same": "file 0755 0:0 9 @1",
            "/usr/bin/longer": "file 0755 0:0 10 @2",
        }});
        assert_eq!(
            told(&between(before, after)),
            [
                "removed /etc/gone mode 0644, owner 0:0",
                "changed /etc/key mode 0400 → 0644",
                "changed /etc/link to a → b",
                "added /etc/new mode 0600, owner 5:5",
                "changed /etc/text content",
                "changed /usr/bin/longer content",
                "changed /usr/bin/tool content, or touched",
            ]
        );
    }

    #[test]
    fn what_changes_by_itself_is_left_out_and_every_other_list_is_told() {
        let before = json!({
            "files": { "/etc/ld.so.cache": "file 0644 0:0 9 @1" },
            "units": { "a.service": { "enabled": "enabled", "active": "active" } },
            "packages": { "sudo": { "version": "1", "status": "install ok installed" } },
            "users": { "ada": { "uid": 7, "gid": 7, "home": "/", "shell": "/bin/sh", "password": "locked" } },
            "groups": { "video": { "gid": 44, "members": ["ada"] } },
            "sockets": { "tcp 0.0.0.0:22": { "exe": "/usr/sbin/sshd" } },
            "mounts": { "/srv": { "fstype": "ext4", "source": "/dev/vdb", "options": ["rw"] } },
            "kernel-parameters": { "vm.swappiness": "60" },
            "next-boot": "quiet",
            "programs": { "/usr/sbin/x as ada": { "exe": "/usr/sbin/x", "user": "ada", "count": 3 } },
            "packet-filter": { "inet filter input": { "policy": "drop", "rules": 2, "digest": "d" } },
        });
        let after = json!({
            "files": { "/root/.bash_history": "file 0600 0:0 9 @1" },
            "units": { "a.service": { "enabled": "masked", "active": "inactive" } },
            "packages": { "sudo": { "version": "1", "status": "hold ok installed" } },
            "users": { "ada": { "uid": 7, "gid": 7, "home": "/", "shell": "/bin/sh", "password": "empty" } },
            "groups": { "video": { "gid": 44, "members": ["zoe"] } },
            "mounts": { "/srv": { "fstype": "ext4", "source": "/dev/vdb", "options": ["ro"] } },
            "kernel-parameters": { "vm.swappiness": "10" },
            "next-boot": "quiet audit=0",
            "programs": { "/usr/sbin/x as ada": { "exe": "/usr/sbin/x", "user": "ada", "count": 1 } },
            "packet-filter": { "inet filter input": { "policy": "accept", "rules": 1, "digest": "e" } },
        });
        let changes = between(before, after);
        assert_eq!(
            told(&changes),
            [
                "changed a.service enabled → masked, active → inactive",
                "changed sudo state install ok installed → hold ok installed",
                "changed ada password locked → empty",
                "changed video with zoe, without ada",
                "removed tcp 0.0.0.0:22 /usr/sbin/sshd",
                "changed /srv options rw → ro",
                "changed vm.swappiness 60 → 10",
                "changed kernel command line quiet → quiet audit=0",
                "changed inet filter input policy drop → accept, 2 rules → 1 rule",
            ]
        );
        assert_eq!(changes.counts().values().sum::<usize>(), 9);
    }

    #[test]
    fn where_not_all_was_seen_nothing_is_said_to_have_come_or_gone() {
        let before = json!({ "files": {
            "/home/a": "file 0644 0:0 1 @1",
            "/home/b": "file 0644 0:0 1 @1",
            "/homes": "file 0644 0:0 1 @1",
        }});
        let after = json!({
            "files": { "/home/b": "file 0666 0:0 1 @1" },
            "packages": { "sudo": { "version": "1", "status": "install ok installed" } },
            "cut": { "/home": "there are too many files", "packages": "it could not be read" },
        });
        let changes = between(before, after);
        assert_eq!(
            told(&changes),
            ["changed /home/b mode 0644 → 0666", "removed /homes mode 0644, owner 0:0"]
        );
        assert_eq!(changes.cut.len(), 2);
    }

    #[test]
    fn a_node_that_was_not_seen_twice_is_not_known() {
        let seen = inventories(json!({}));
        let mut unseen = Inventories::nothing_yet(Taken::Live);
        let why = |changes: Changes| changes.nodes.into_values().next().expect("one node").not_known;
        assert_eq!(
            why(Changes::between(&seen, &unseen)).as_deref(),
            Some("at the end: it was not looked at")
        );
        unseen.nodes.insert("front".parse().expect("a name"), Stock::Unknown { why: "it is down".into() });
        assert_eq!(why(Changes::between(&unseen, &seen)).as_deref(), Some("at the beginning: it is down"));
    }

    #[test]
    fn every_entry_of_what_changes_by_itself_has_a_reason_and_hides_no_setting() {
        let file: VolatileFile = toml::from_str(include_str!("volatile.toml")).expect("it parses");
        assert!(file.volatile.iter().all(|entry| !entry.why.is_empty() && !entry.names.is_empty()));
        for path in [
            "/etc/passwd",
            "/etc/munge/munge.key",
            "/root/.ssh/id_rsa",
            "/etc/ld.so.preload",
            "/usr/bin/squeue",
        ] {
            assert!(!is_volatile(List::Files, path), "{path}");
        }
    }
}
