//! The things of an inventory: when two of a kind are the same, and how they differ in words.

use crashcart_facts::{
    AccountEntry, FileEntry, FileKind, FilterEntry, MountEntry, PackageEntry, ProgramEntry, SocketEntry,
    TeamEntry, UnitEntry,
};

/// A thing of an inventory.
pub trait Thing: Clone + PartialEq {
    /// Whether nobody would call the two different.
    fn is_same(&self, later: &Self) -> bool {
        self == later
    }

    /// What makes the two different, in words; and what it is like, where there is no later one.
    fn tell(&self, later: Option<&Self>) -> String;
}

/// `word a → b` where the two differ.
fn moved(parts: &mut Vec<String>, word: &str, before: impl ToString, after: impl ToString) {
    let (before, after) = (before.to_string(), after.to_string());
    if before != after {
        parts.push(format!("{word} {before} → {after}").trim().to_owned());
    }
}

impl Thing for FileEntry {
    fn is_same(&self, later: &Self) -> bool {
        let looks = |file: &Self| (file.kind, file.mode, file.uid, file.gid, file.target.clone());
        looks(self) == looks(later) && self.has_content_of(later)
    }

    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else {
            let kind = if self.kind == FileKind::File { "" } else { self.kind.word() };
            return match &self.target {
                Some(target) => format!("{kind} to {target}"),
                None => format!("{kind} mode {:04o}, owner {}:{}", self.mode, self.uid, self.gid)
                    .trim()
                    .to_owned(),
            };
        };
        let mut parts = Vec::new();
        moved(&mut parts, "", self.kind.word(), later.kind.word());
        moved(&mut parts, "mode", format!("{:04o}", self.mode), format!("{:04o}", later.mode));
        moved(
            &mut parts,
            "owner",
            format!("{}:{}", self.uid, self.gid),
            format!("{}:{}", later.uid, later.gid),
        );
        let target = |file: &Self| file.target.clone().unwrap_or_default();
        moved(&mut parts, "to", target(self), target(later));
        if self.kind == FileKind::File && later.kind == FileKind::File && !self.has_content_of(later) {
            parts.push(match (&self.sha256, &later.sha256, self.size == later.size) {
                (Some(_), Some(_), _) | (_, _, false) => "content".to_owned(),
                _ => "content, or touched".to_owned(),
            });
        }
        parts.join(", ")
    }
}

/// What the comparison of two files adds to the file itself.
trait Contents {
    fn has_content_of(&self, later: &Self) -> bool;
}

impl Contents for FileEntry {
    /// By digest where both were read, else by size and by the time of the last change.
    fn has_content_of(&self, later: &Self) -> bool {
        match (&self.sha256, &later.sha256) {
            (Some(before), Some(after)) => before == after,
            _ => self.size == later.size && self.changed_ns == later.changed_ns,
        }
    }
}

/// Words for the two states of a unit.
impl Thing for UnitEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let enabled =
            |unit: &Self| if unit.enabled.is_empty() { "not enabled" } else { &unit.enabled }.to_owned();
        let Some(later) = later else { return format!("{}, {}", enabled(self), self.active) };
        let mut parts = Vec::new();
        moved(&mut parts, "", enabled(self), enabled(later));
        moved(&mut parts, "", &self.active, &later.active);
        parts.join(", ")
    }
}

impl Thing for PackageEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else { return self.version.clone() };
        let mut parts = Vec::new();
        moved(&mut parts, "version", &self.version, &later.version);
        moved(&mut parts, "state", &self.status, &later.status);
        parts.join(", ")
    }
}

impl Thing for AccountEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else { return format!("uid {}, shell {}", self.uid, self.shell) };
        let mut parts = Vec::new();
        moved(&mut parts, "uid", self.uid, later.uid);
        moved(&mut parts, "gid", self.gid, later.gid);
        moved(&mut parts, "home", &self.home, &later.home);
        moved(&mut parts, "shell", &self.shell, &later.shell);
        moved(&mut parts, "password", &self.password, &later.password);
        parts.join(", ")
    }
}

impl Thing for TeamEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else { return format!("gid {}", self.gid) };
        let mut parts = Vec::new();
        moved(&mut parts, "gid", self.gid, later.gid);
        let only = |one: &Self, other: &Self| -> Vec<String> {
            one.members.iter().filter(|member| !other.members.contains(member)).cloned().collect()
        };
        for (word, members) in [("with", only(later, self)), ("without", only(self, later))] {
            if !members.is_empty() {
                parts.push(format!("{word} {}", members.join(", ")));
            }
        }
        parts.join(", ")
    }
}

impl Thing for SocketEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else { return self.exe.clone() };
        let mut parts = Vec::new();
        moved(&mut parts, "held by", &self.exe, &later.exe);
        parts.join(", ")
    }
}

impl Thing for MountEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let Some(later) = later else { return format!("{} from {}", self.fstype, self.source) };
        let mut parts = Vec::new();
        moved(&mut parts, "type", &self.fstype, &later.fstype);
        moved(&mut parts, "from", &self.source, &later.source);
        moved(&mut parts, "options", self.options.join(","), later.options.join(","));
        parts.join(", ")
    }
}

impl Thing for ProgramEntry {
    /// How many there are of it is the program's own business.
    fn is_same(&self, later: &Self) -> bool {
        (&self.exe, &self.user) == (&later.exe, &later.user)
    }

    fn tell(&self, _later: Option<&Self>) -> String {
        String::new()
    }
}

impl Thing for FilterEntry {
    fn tell(&self, later: Option<&Self>) -> String {
        let rules =
            |chain: &Self| format!("{} {}", chain.rules, if chain.rules == 1 { "rule" } else { "rules" });
        let Some(later) = later else { return rules(self) };
        let mut parts = Vec::new();
        moved(&mut parts, "policy", &self.policy, &later.policy);
        moved(&mut parts, "", rules(self), rules(later));
        if parts.is_empty() {
            parts.push("other rules".to_owned());
        }
        parts.join(", ")
    }
}

impl Thing for String {
    fn tell(&self, later: Option<&Self>) -> String {
        match later {
            Some(later) => format!("{self} → {later}"),
            None => self.clone(),
        }
    }
}
