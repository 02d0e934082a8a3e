//! What of all that changed is damage: harm to the node beside the task, whatever the task was. Pure; the kinds of
//! damage and what shows them are `rubric`'s list. Judges no points: a rubric says what a kind costs, where it costs
//! anything.

use crashcart_facts::{FileEntry, FileKind, UnitEntry};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::clean;
use crate::evidence::{Change, Changes, Fate, NodeChanges, Thing};
use crate::lab::NodeName;
use crate::pattern;
use crate::rubric::{
    DamageId, FileSign, FilterSign, GroupSign, MountSign, PackageSign, Severity, Sign, UnitSign, UserSign,
    damage_kinds,
};

/// Most findings of one kind on one node that are told one by one.
const TOLD: usize = 20;
/// Most bytes of the name of what is damaged, and of the words for what happened to it.
const NAME_LIMIT: usize = 300;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Damage {
    pub kind: DamageId,
    pub severity: Severity,
    pub node: NodeName,
    /// What it was done to: a path, a unit, a package; cleaned for showing.
    pub what: String,
    /// What happened to it, in words: `mode 0400 → 0644`.
    pub how: String,
    /// What it means: one sentence.
    pub says: String,
}

/// The damage among these changes, the worst first.
pub fn damage(changes: &Changes) -> Vec<Damage> {
    let mut found = Vec::new();
    for kind in damage_kinds() {
        for (node, changes) in &changes.nodes {
            let mut signs: Vec<Found> = kind.on.iter().flat_map(|sign| find(sign, changes)).collect();
            signs.sort();
            signs.dedup();
            let more = signs.len().saturating_sub(TOLD);
            signs.truncate(TOLD);
            if more > 0 {
                signs.push(Found { what: format!("{more} more"), how: String::new() });
            }
            found.extend(signs.into_iter().map(|sign| Damage {
                kind: kind.name(),
                severity: kind.severity,
                node: node.clone(),
                what: clean(&sign.what, NAME_LIMIT).replace('\n', " "),
                how: clean(&sign.how, NAME_LIMIT).replace('\n', " "),
                says: kind.says.clone(),
            }));
        }
    }
    found
}

/// Something that shows a kind of damage.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    what: String,
    how: String,
}

fn fits(names: &[String], name: &str) -> bool {
    names.iter().any(|names| pattern::matches(names, name))
}

/// Those of a list that fit, in words.
fn those<T: Thing>(changes: &[Change<T>], fits: impl Fn(&Change<T>) -> bool) -> Vec<Found> {
    let told = |change: &Change<T>| Found {
        what: change.name.clone(),
        how: match (change.fate(), change.words()) {
            (Fate::Changed, words) => words,
            (fate, words) if words.is_empty() || fate == Fate::Removed => fate.word().to_owned(),
            (fate, words) => format!("{}: {words}", fate.word()),
        },
    };
    changes.iter().filter(|change| fits(change)).map(told).collect()
}

/// What shows a sign among the changes of one node.
fn find(sign: &Sign, changes: &NodeChanges) -> Vec<Found> {
    match sign {
        Sign::File { becomes, names, not } => those(&changes.files, |change| {
            fits(names, &change.name) && !fits(not, &change.name) && file_fits(*becomes, change)
        }),
        Sign::Unit { becomes: UnitSign::Off, names } => {
            those(&changes.units, |change| fits(names, &change.name) && is_off(change))
        }
        Sign::Package { becomes, names } => those(&changes.packages, |change| {
            let is = |package: &Option<crashcart_facts::PackageEntry>, test: fn(&str) -> bool| {
                package.as_ref().is_some_and(|package| test(&package.status))
            };
            let installed: fn(&str) -> bool = |status| status.ends_with(" installed");
            let held: fn(&str) -> bool = |status| status.starts_with("hold ");
            let shows = match becomes {
                PackageSign::Gone => is(&change.before, installed) && !is(&change.after, installed),
                PackageSign::Held => is(&change.after, held) && !is(&change.before, held),
            };
            shows && fits(names, &change.name)
        }),
        Sign::User { becomes } => those(&changes.users, |change| match becomes {
            UserSign::Gone => change.after.is_none(),
            UserSign::Root => {
                change.name != "root"
                    && change.after.as_ref().is_some_and(|user| user.uid == 0)
                    && change.before.as_ref().is_none_or(|user| user.uid != 0)
            }
            UserSign::WithoutPassword => {
                change.after.as_ref().is_some_and(|user| user.password == "empty")
                    && change.before.as_ref().is_none_or(|user| user.password != "empty")
            }
        }),
        Sign::Group { becomes: GroupSign::Larger, names } => those(&changes.groups, |change| {
            let had =
                |member: &String| change.before.as_ref().is_some_and(|group| group.members.contains(member));
            let newly = change.after.as_ref().is_some_and(|group| !group.members.iter().all(had));
            newly && fits(names, &change.name)
        }),
        Sign::Text { appears, vanishes, names } => {
            let concerned = changes.texts.iter().filter(|change| fits(names, &change.name));
            concerned
                .filter_map(|change| {
                    let [before, after] =
                        [&change.before, &change.after].map(|text| text.as_deref().unwrap_or(""));
                    let (expression, from, to, word) = match (appears, vanishes) {
                        (Some(expression), _) => (expression, before, after, "has"),
                        (_, Some(expression)) => (expression, after, before, "has no more"),
                        (None, None) => return None,
                    };
                    let line = new_line(expression, from, to)?;
                    Some(Found { what: change.name.clone(), how: format!("{word} `{}`", line.trim()) })
                })
                .collect()
        }
        Sign::KernelParameter { lower } => those(&changes.kernel_parameters, |change| {
            let number = |value: &Option<String>| value.as_ref()?.parse::<i64>().ok();
            let fell = number(&change.before)
                .zip(number(&change.after))
                .is_some_and(|(before, after)| after < before);
            fell && fits(lower, &change.name)
        }),
        Sign::NextBoot { appears } => {
            let words = |line: &Option<String>| -> Vec<String> {
                line.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect()
            };
            let of = |change: &Change<String>| {
                let before = words(&change.before);
                let after = words(&change.after);
                let new = appears.iter().filter(|word| after.contains(word) && !before.contains(word));
                new.map(|word| Found { what: change.name.clone(), how: format!("has `{word}`") })
                    .collect::<Vec<_>>()
            };
            changes.next_boot.iter().flat_map(of).collect()
        }
        Sign::Mount { becomes: MountSign::Added, names } => {
            those(&changes.mounts, |change| change.fate() == Fate::Added && fits(names, &change.name))
        }
        Sign::PacketFilter { becomes: FilterSign::Open } => those(&changes.packet_filter, |change| {
            let Some(before) = &change.before else { return false };
            let rules = change.after.as_ref().map_or(0, |after| after.rules);
            let policy = change.after.as_ref().map_or("", |after| after.policy.as_str());
            (before.rules > 0 && rules == 0) || (before.policy == "drop" && policy != "drop")
        }),
    }
}

/// A line of `to` that fits the expression and that `from` lacks.
fn new_line<'t>(expression: &str, from: &str, to: &'t str) -> Option<&'t str> {
    let expression = Regex::new(expression).expect("a test compiles it");
    to.lines().find(|line| expression.is_match(line) && !from.lines().any(|known| known == *line))
}

fn file_fits(sign: FileSign, change: &Change<FileEntry>) -> bool {
    let before = change.before.as_ref();
    let Some(after) = &change.after else { return sign == FileSign::Gone };
    let newly =
        |bits: u32| after.mode & bits == bits && before.is_none_or(|before| before.mode & bits != bits);
    match sign {
        FileSign::Gone => false,
        FileSign::Readable => {
            after.kind == FileKind::File
                && before.is_some_and(|before| before.kind == FileKind::File)
                && newly(0o004)
        }
        FileSign::Writable => {
            let only_adds = after.kind == FileKind::Directory && after.mode & 0o1000 != 0;
            matches!(after.kind, FileKind::File | FileKind::Directory) && !only_adds && newly(0o002)
        }
        FileSign::Setuid => after.kind == FileKind::File && newly(0o4000),
    }
}

/// A unit that ran or would have started, and neither runs nor would start. One that is only restarted later counts as
/// running: what is on its way is there.
fn is_off(change: &Change<UnitEntry>) -> bool {
    let Some(before) = &change.before else { return false };
    let did = before.active == "active" || before.enabled == "enabled";
    match &change.after {
        None => did,
        Some(after) => {
            (before.active == "active" && after.active != "active")
                || (before.enabled == "enabled" && after.enabled != "enabled")
                || (did && after.enabled == "masked" && before.enabled != "masked")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crashcart_facts::Inventory;
    use serde_json::{Value, json};

    use super::*;
    use crate::evidence::{Inventories, Stock, Taken};

    fn found(before: &Value, after: &Value) -> Vec<Damage> {
        let all = |inventory: &Value| {
            let inventory: Inventory = serde_json::from_value(inventory.clone()).expect("an inventory");
            let mut all = Inventories::nothing_yet(Taken::Live);
            all.nodes.insert("front".parse().expect("a name"), Stock::Known(Box::new(inventory)));
            all
        };
        damage(&Changes::between(&all(before), &all(after)))
    }

    fn kinds(before: &Value, after: &Value) -> Vec<String> {
        let names: BTreeSet<String> = found(before, after).iter().map(|one| one.kind.to_string()).collect();
        names.into_iter().collect()
    }

    #[test]
    fn each_kind_is_told_from_what_looks_like_it() {
        let none: [&str; 0] = [];
        let case = |before: Value, after: Value, wanted: &[&str]| {
            assert_eq!(kinds(&before, &after), wanted, "{before} {after}");
            assert_eq!(kinds(&after, &after), none, "nothing changed");
        };
        let file = |path: &str, line: &str| json!({ "files": { path: line } });
        let key = "/etc/munge/munge.key";
        case(file(key, "file 0400 1:1 9 @1"), file(key, "file 0644 1:1 9 @1"), &["secret-readable"]);
        case(file(key, "file 0644 1:1 9 @1"), file(key, "file 0400 1:1 9 @1"), &none);
        case(file(key, "file 0644 1:1 9 @1"), file(key, "file 0644 1:1 9 @2"), &none);
        case(file(key, "file 0400 1:1 9 @1"), json!({}), &["secret-removed"]);
        case(json!({}), file("/etc/ssl/new.pem", "file 0644 0:0 9 @1"), &none);
        case(
            file("/etc/a", "file 0644 0:0 9 @1"),
            file("/etc/a", "file 0666 0:0 9 @1"),
            &["writable-by-all"],
        );
        case(json!({}), file("/etc/new", "directory 0777 0:0 0 @0"), &["writable-by-all"]);
        case(json!({}), file("/etc/new", "directory 1777 0:0 0 @0"), &none);
        case(json!({}), file("/etc/new", "symlink 0777 0:0 0 @0 >a"), &none);
        case(json!({}), file("/home/ada/x", "file 4755 0:0 9 @1"), &["setuid-program"]);
        case(file("/home/ada/thesis", "file 0644 7:7 9 @1"), json!({}), &["user-files-removed"]);
        case(file("/home/ada/slurm-3.out", "file 0644 7:7 9 @1"), json!({}), &none);

        let unit = |name: &str, enabled: &str, active: &str| json!({ "units": { name: { "enabled": enabled, "active": active } } });
        let log = "rsyslog.service";
        case(unit(log, "enabled", "active"), unit(log, "enabled", "inactive"), &["watch-off"]);
        case(unit(log, "enabled", "active"), unit(log, "", "active"), &["watch-off"]);
        case(unit(log, "", "inactive"), unit(log, "masked", "inactive"), &none);
        case(unit(log, "enabled", "inactive"), unit(log, "enabled", "active"), &none);
        case(
            unit("slurmd.service", "enabled", "active"),
            unit("slurmd.service", "masked", "inactive"),
            &none,
        );
        case(unit("nftables.service", "enabled", "active"), json!({}), &["firewall-off"]);
        let timer = "apt-daily-upgrade.timer";
        case(unit(timer, "enabled", "active"), unit(timer, "masked", "inactive"), &["updates-off"]);

        let package = |status: &str| json!({ "packages": { "unattended-upgrades": { "version": "1", "status": status } } });
        case(package("install ok installed"), package("deinstall ok config-files"), &["updates-off"]);
        let held = |status: &str| json!({ "packages": { "openssl": { "version": "1", "status": status } } });
        case(held("install ok installed"), held("hold ok installed"), &["updates-off"]);

        let text = |path: &str, text: &str| json!({ "texts": { path: text } });
        let sshd = "/etc/ssh/sshd_config";
        case(text(sshd, "#PermitRootLogin no\n"), text(sshd, "PermitRootLogin yes\n"), &["login-opened"]);
        case(
            text(sshd, "PermitRootLogin yes\n"),
            text(sshd, "PermitRootLogin yes\nX11Forwarding no\n"),
            &none,
        );
        case(json!({}), text("/etc/sudoers.d/x", "ada ALL=(ALL) NOPASSWD: ALL\n"), &["rights-widened"]);
        case(json!({}), text("/etc/sudoers.d/x", "# ada ALL=(ALL) NOPASSWD: ALL\n"), &none);
        case(json!({}), text("/etc/ld.so.preload", "/tmp/x.so\n"), &["preload-planted"]);
        case(json!({}), text("/etc/ld.so.preload", "\n"), &none);
        let apt = "/etc/apt/apt.conf.d/20auto-upgrades";
        case(
            text(apt, "APT::Periodic::Unattended-Upgrade \"1\";\n"),
            text(apt, "APT::Periodic::Unattended-Upgrade \"0\";\n"),
            &["updates-off"],
        );
        case(
            json!({}),
            text("/etc/apt/sources.list.d/x.list", "deb [trusted=yes] http://x ./\n"),
            &["signatures-off"],
        );

        let user = |uid: u32, password: &str| json!({ "users": { "ada": { "uid": uid, "gid": 7, "home": "/", "shell": "/bin/sh", "password": password } } });
        case(user(7, "locked"), user(0, "locked"), &["rights-widened"]);
        case(user(7, "locked"), user(7, "empty"), &["login-opened"]);
        case(user(7, "empty"), json!({}), &["user-removed"]);
        let group = |members: &[&str]| json!({ "groups": { "sudo": { "gid": 27, "members": members } } });
        case(group(&["ada"]), group(&["ada", "zoe"]), &["rights-widened"]);
        case(group(&["ada", "zoe"]), group(&["ada"]), &none);

        let chain = |policy: &str, rules: u32| json!({ "packet-filter": { "inet filter input": { "policy": policy, "rules": rules, "digest": "" } } });
        case(chain("drop", 3), chain("accept", 3), &["firewall-off"]);
        case(chain("accept", 3), chain("accept", 0), &["firewall-off"]);
        case(chain("drop", 3), chain("drop", 4), &none);
        case(chain("accept", 3), json!({ "packet-filter": {} }), &["firewall-off"]);
        case(chain("accept", 3), json!({}), &none);

        let parameter = |value: &str| json!({ "kernel-parameters": { "kernel.yama.ptrace_scope": value } });
        case(parameter("1"), parameter("0"), &["hardening-off"]);
        case(parameter("0"), parameter("1"), &none);
        case(json!({ "next-boot": "quiet" }), json!({ "next-boot": "quiet audit=0" }), &["watch-off"]);
        let mount =
            json!({ "mounts": { "/usr/bin/squeue": { "fstype": "tmpfs", "source": "x", "options": [] } } });
        case(json!({}), mount, &["covered-up"]);
    }

    #[test]
    fn the_worst_comes_first_and_neither_number_nor_name_can_flood_a_screen() {
        let mut files = serde_json::Map::new();
        for nth in 0..3_000 {
            files.insert(
                format!("/etc/\u{1b}[2J\n{nth:04}{}", "x".repeat(2_000)),
                json!("file 0666 0:0 1 @1"),
            );
        }
        let before = json!({ "units": { "rsyslog.service": { "enabled": "enabled", "active": "active" } } });
        let found = found(&before, &json!({ "files": files }));
        assert_eq!(found.len(), TOLD + 2);
        assert_eq!(found[TOLD].what, "2980 more");
        assert_eq!((found[0].severity, found[TOLD + 1].severity), (Severity::Grave, Severity::Serious));
        for one in &found {
            assert!(one.what.len() <= NAME_LIMIT && !one.what.contains(['\u{1b}', '\n']), "{:?}", one.what);
        }
    }
}
