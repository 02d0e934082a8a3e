//! What is beside files: units, packages, accounts, sockets, mounts, settings, programs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rustix::fs::FileType;

use crashcart_facts::{
    AccountEntry, MountEntry, PackageEntry, ProgramEntry, SocketEntry, TEXTS_LIMIT, TeamEntry, UnitEntry,
};

use super::super::{boot_loader, kernel_facts, mounts as mount_table, packages as dpkg, ports};
use crate::accounts::Accounts;
use crate::guest::systemd::Systemd;
use crate::init::Init;
use crate::manager::unit_file::{DIRECTORIES, NAMES_LIMIT};
use crate::processes;
use crate::rooted::{Link, Root};

/// Units of other kinds come and go with what they stand for.
const UNIT_KINDS: [&str; 4] = [".service", ".timer", ".socket", ".path"];
/// Most names of one list.
const LIST_LIMIT: usize = 4_000;
/// From this port on the kernel hands them out by itself.
const EPHEMERAL: u16 = 32_768;
/// Largest text that is kept, in bytes.
const TEXT_LIMIT: usize = 32 * 1024;
/// Larger account files than this are not a node's.
const ACCOUNTS_LIMIT: usize = 4 * 1024 * 1024;

/// Settings whose change means something, and that hold no secrets: files, or directories whose files are meant.
const TEXTS: [&str; 20] = [
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/",
    "/etc/sudoers",
    "/etc/sudoers.d/",
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/",
    "/etc/apt/preferences",
    "/etc/apt/preferences.d/",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/",
    "/etc/ld.so.preload",
    "/etc/hosts",
    "/etc/default/ufw",
    "/etc/ufw/ufw.conf",
    "/etc/nftables.conf",
    "/etc/systemd/journald.conf",
    "/etc/systemd/journald.conf.d/",
    "/etc/rsyslog.conf",
    "/etc/audit/auditd.conf",
    "/etc/pam.d/",
];

/// Kernel parameters of the node's own namespaces.
const OWN_PARAMETERS: [&str; 17] = [
    "kernel.shmmax",
    "kernel.shmall",
    "kernel.shmmni",
    "kernel.sem",
    "kernel.msgmax",
    "fs.mqueue.msg_max",
    "net.core.somaxconn",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
];
/// And those that are one kernel's: in a container they are the machine's, which others may change.
const KERNEL_PARAMETERS: [&str; 45] = [
    "fs.aio-max-nr",
    "fs.file-max",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "fs.nr_open",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.core_pattern",
    "kernel.dmesg_restrict",
    "kernel.hung_task_timeout_secs",
    "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.nmi_watchdog",
    "kernel.numa_balancing",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.perf_event_paranoid",
    "kernel.pid_max",
    "kernel.randomize_va_space",
    "kernel.sched_rt_runtime_us",
    "kernel.sysrq",
    "kernel.threads-max",
    "kernel.unprivileged_bpf_disabled",
    "kernel.watchdog",
    "kernel.yama.ptrace_scope",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "vm.compaction_proactiveness",
    "vm.dirty_background_bytes",
    "vm.dirty_background_ratio",
    "vm.dirty_bytes",
    "vm.dirty_expire_centisecs",
    "vm.dirty_ratio",
    "vm.dirty_writeback_centisecs",
    "vm.max_map_count",
    "vm.min_free_kbytes",
    "vm.nr_hugepages",
    "vm.nr_overcommit_hugepages",
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "vm.swappiness",
    "vm.zone_reclaim_mode",
];

/// Unit files and the states of their units. Reads no unit file: which are enabled or masked stands in links.
pub fn units(root: &Root, init: &Init) -> io::Result<BTreeMap<String, UnitEntry>> {
    let is_meant = |name: &str| UNIT_KINDS.iter().any(|kind| name.ends_with(kind));
    let mut units: BTreeMap<String, UnitEntry> = BTreeMap::new();
    let linked = linked(root);
    // The strongest directory comes first.
    for directory in DIRECTORIES {
        for name in root.list(directory, NAMES_LIMIT).into_iter().filter(|name| is_meant(name)) {
            if units.contains_key(&name) || units.len() >= LIST_LIMIT {
                continue;
            }
            let Ok(Some(place)) = root.place(&format!("{directory}/{name}"), Link::Keep) else { continue };
            let is_masked = match place.kind() {
                FileType::Symlink => place.target().as_deref() == Some("/dev/null"),
                FileType::RegularFile => place.stat.st_size == 0,
                _ => continue,
            };
            let enabled = match (is_masked, linked.contains(&name)) {
                (true, _) => "masked",
                (false, true) => "enabled",
                _ => "",
            };
            units.insert(name, UnitEntry { enabled: enabled.to_owned(), active: "inactive".to_owned() });
        }
    }
    for (name, active) in states(init)?.into_iter().filter(|(name, _)| is_meant(name)) {
        if units.len() < LIST_LIMIT {
            units.entry(name).or_default().active = rounded(&active).to_owned();
        }
    }
    // An instance that was never started is not there, and neither is a file that came to nothing.
    units.retain(|_, unit| !unit.active.is_empty());
    Ok(units)
}

/// What a unit's state comes to, so that who looks a moment earlier sees the same.
fn rounded(active: &str) -> &str {
    match active {
        "activating" | "reloading" | "refreshing" => "active",
        "deactivating" | "maintenance" => "inactive",
        other => other,
    }
}

/// Names that something wants or requires, or that an alias of an administrator's stands for.
fn linked(root: &Root) -> BTreeSet<String> {
    let mut linked = BTreeSet::new();
    for area in ["/etc/systemd/system", "/run/systemd/system"] {
        for name in root.list(area, NAMES_LIMIT) {
            if name.ends_with(".wants") || name.ends_with(".requires") {
                linked.extend(root.list(&format!("{area}/{name}"), NAMES_LIMIT));
            } else if let Some(target) = root.link(&format!("{area}/{name}"))
                && let Some(real) = target.rsplit('/').next().filter(|real| *real != name)
            {
                linked.insert(real.to_owned());
            }
        }
    }
    linked
}

/// The states of loaded units.
fn states(init: &Init) -> io::Result<Vec<(String, String)>> {
    if init.in_guest {
        return Systemd::connect()?.units_in(&["active", "activating", "reloading", "failed"]);
    }
    let states = init.manager.units.iter().map(|(name, unit)| (name.clone(), unit.active_word().to_owned()));
    Ok(states.filter(|(_, active)| active != "inactive").collect())
}

pub fn packages(root: &Root) -> io::Result<BTreeMap<String, PackageEntry>> {
    Ok(dpkg::all(root)?.into_iter().take(LIST_LIMIT).collect())
}

/// Users and groups. Of passwords it is told whether there is one.
pub fn accounts(root: &Root) -> (BTreeMap<String, AccountEntry>, BTreeMap<String, TeamEntry>) {
    let accounts = Accounts::read(root);
    let shadow = root.text("/etc/shadow", ACCOUNTS_LIMIT).ok().flatten().unwrap_or_default();
    let hashes: BTreeMap<&str, &str> = shadow
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.next()?))
        })
        .collect();
    let users = accounts.users.iter().take(LIST_LIMIT).map(|user| {
        let entry = AccountEntry {
            uid: user.uid,
            gid: user.gid,
            home: user.home.clone(),
            shell: user.shell.clone(),
            password: password(hashes.get(user.name.as_str()).copied()).to_owned(),
        };
        (user.name.clone(), entry)
    });
    let groups = accounts.groups.iter().take(LIST_LIMIT).map(|group| {
        let mut members = group.members.clone();
        members.sort();
        (group.name.clone(), TeamEntry { gid: group.gid, members })
    });
    (users.collect(), groups.collect())
}

/// What shadow(5) says of a password: nothing of its hash.
fn password(hash: Option<&str>) -> &'static str {
    match hash {
        None => "none",
        Some("") => "empty",
        Some(hash) if hash.starts_with('!') || hash.starts_with('*') => "locked",
        Some(_) => "set",
    }
}

/// Ports on which somebody listens, but for those that the kernel hands out by itself.
pub fn sockets() -> io::Result<BTreeMap<String, SocketEntry>> {
    let listening = ports::listening()?.into_iter().filter(|socket| socket.port < EPHEMERAL);
    let entries = listening.take(LIST_LIMIT).map(|socket| {
        let address = match socket.address {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("[{address}]"),
        };
        let name = format!("{} {address}:{}", socket.transport, socket.port);
        (name, SocketEntry { exe: socket.exe.unwrap_or_default() })
    });
    Ok(entries.collect())
}

/// Mounts that are not the kernel's or the engine's own.
pub fn mounts() -> BTreeMap<String, MountEntry> {
    const KERNELS: [&str; 15] = [
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "devpts",
        "mqueue",
        "devtmpfs",
        "securityfs",
        "pstore",
        "bpf",
        "debugfs",
        "tracefs",
        "fusectl",
        "configfs",
        "autofs",
    ];
    let own = |point: &str| {
        ["/proc/", "/sys/", "/.crashcart", "/run/user/", "/run/credentials/"]
            .iter()
            .any(|start| point.starts_with(start))
    };
    let meant = mount_table::table()
        .into_iter()
        .filter(|mount| !KERNELS.contains(&mount.fstype.as_str()) && !own(&mount.point));
    meant
        .take(LIST_LIMIT)
        .map(|mount| {
            let options: BTreeSet<String> = mount.options.into_iter().chain(mount.super_options).collect();
            let entry = MountEntry {
                fstype: mount.fstype,
                // Layers and volumes are named by whoever made the node.
                source: if mount.point == "/" { String::new() } else { mount.source },
                options: if mount.point == "/" {
                    options.into_iter().filter(|option| matches!(option.as_str(), "ro" | "rw")).collect()
                } else {
                    options.into_iter().collect()
                },
            };
            (mount.point, entry)
        })
        .collect()
}

pub fn kernel_parameters(root: &Root, in_guest: bool) -> BTreeMap<String, String> {
    let own = OWN_PARAMETERS.iter();
    let kernels = KERNEL_PARAMETERS.iter().filter(|_| in_guest);
    own.chain(kernels)
        .filter_map(|name| {
            let value = kernel_facts::parameter(root, name).ok()?.value?;
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            Some(((*name).to_owned(), value))
        })
        .collect()
}

/// The command line of the next boot.
pub fn next_boot(root: &Root) -> io::Result<Option<String>> {
    if root.place("/boot/grub/grub.cfg", Link::Follow)?.is_none() {
        return Ok(None);
    }
    let next = boot_loader::next_boot(root)?;
    Ok(next.exists.then_some(next.text))
}

/// Programs that run, by executable and user: none of a terminal, of the agent or of the kernel.
pub fn programs(root: &Root) -> BTreeMap<String, ProgramEntry> {
    let accounts = Accounts::read(root);
    let mut programs: BTreeMap<String, ProgramEntry> = BTreeMap::new();
    for pid in processes::all().into_iter().filter(|pid| *pid != 1) {
        let Some(stat) = processes::stat(pid).filter(|stat| stat.terminal == 0 && stat.state != 'Z') else {
            continue;
        };
        let Some(exe) = processes::executable(pid) else { continue };
        if exe.starts_with(crashcart_facts::AGENT_DIR)
            || exe.contains("crashcart-agent")
            || stat.name.is_empty()
        {
            continue;
        }
        let user = processes::owner(pid).map_or_else(String::new, |(uid, _)| accounts.user_name(uid));
        let name = format!("{exe} as {user}");
        if programs.len() >= LIST_LIMIT && !programs.contains_key(&name) {
            break;
        }
        programs.entry(name).or_insert(ProgramEntry { exe, user, count: 0 }).count += 1;
    }
    programs
}

/// The texts of a few settings, each of bounded length. What is no regular file has none.
pub fn texts(root: &Root) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut left = TEXTS_LIMIT;
    for place in TEXTS {
        let paths = match place.strip_suffix('/') {
            Some(directory) => {
                root.list(directory, 256).into_iter().map(|name| format!("{directory}/{name}")).collect()
            }
            None => vec![place.to_owned()],
        };
        for path in paths {
            let Ok(Some(text)) = root.text(&path, TEXT_LIMIT.min(left)) else { continue };
            left -= text.len().min(left);
            texts.insert(path, text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::super::super::trees::tree;
    use super::*;

    #[test]
    fn of_a_password_it_is_told_whether_there_is_one() {
        let (_folder, root) = tree(&[
            (
                "etc/passwd",
                "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\nold:x:9:9::/:/bin/sh\n",
            ),
            ("etc/group", "root:x:0:\nvideo:x:44:zoe,ada\n"),
            ("etc/shadow", "root::1::::::\nada:$y$j9T$secret:1::::::\n"),
        ]);
        let (users, groups) = accounts(&root);
        let word = |name: &str| users[name].password.as_str();
        assert_eq!((word("root"), word("ada"), word("old")), ("empty", "set", "none"));
        assert_eq!(password(Some("!$y$x")), "locked");
        assert_eq!(groups["video"].members, ["ada", "zoe"]);
        let json = serde_json::to_string(&users).expect("it serialises");
        assert!(!json.contains("secret"), "{json}");
    }

    #[test]
    fn texts_are_those_of_public_settings_and_bounded() {
        let long = "x".repeat(TEXT_LIMIT + 1);
        let (_folder, root) = tree(&[
            ("etc/ssh/sshd_config", "PermitRootLogin no\n"),
            ("etc/ssh/ssh_host_ed25519_key", "secret"),
            ("etc/apt/apt.conf.d/20auto", long.as_str()),
            ("etc/shadow", "secret"),
        ]);
        let texts = texts(&root);
        assert_eq!(texts["/etc/ssh/sshd_config"], "PermitRootLogin no\n");
        assert_eq!(texts["/etc/apt/apt.conf.d/20auto"].len(), TEXT_LIMIT);
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn what_starts_by_itself_stands_in_links() {
        let (folder, root) = tree(&[
            ("usr/lib/systemd/system/a.service", "[Unit]\n"),
            ("usr/lib/systemd/system/real.service", "[Unit]\n"),
        ]);
        let folder = folder.path();
        let wants = folder.join("etc/systemd/system/multi-user.target.wants");
        std::fs::create_dir_all(&wants).expect("made");
        let link = std::os::unix::fs::symlink::<&str, std::path::PathBuf>;
        link("/usr/lib/systemd/system/a.service", wants.join("a.service")).expect("linked");
        link("/usr/lib/systemd/system/real.service", folder.join("etc/systemd/system/alias.service"))
            .expect("linked");
        assert_eq!(linked(&root).into_iter().collect::<Vec<_>>(), ["a.service", "real.service"]);
        assert_eq!((rounded("activating"), rounded("failed")), ("active", "failed"));
    }
}
