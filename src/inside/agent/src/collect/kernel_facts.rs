//! The kernel's own facts: modules, parameters, command line, control groups.

use std::io;

use crashcart_facts::{CgroupFact, KernelCommandLineFact, KernelParameterFact, ModuleFact, TEXT_LIMIT};

use super::mounts;
use crate::rooted::{Link, Root};

pub fn module(root: &Root, name: &str) -> io::Result<ModuleFact> {
    // The kernel writes every dash of a module's name as an underscore.
    let name = name.replace('-', "_");
    if name.contains('/') || name.is_empty() {
        return Err(io::Error::other("this is no name of a module"));
    }
    let table = root.text("/proc/modules", 4 * 1024 * 1024)?.unwrap_or_default();
    let version = root.text(&format!("/sys/module/{name}/version"), 256)?.map(|text| text.trim().to_owned());
    if let Some((references, state)) = listed(&table, &name) {
        return Ok(ModuleFact { loaded: true, state, references, version });
    }
    // Drivers that are built in have a directory, and no `initstate`.
    let is_known = root.place(&format!("/sys/module/{name}"), Link::Follow)?.is_some();
    Ok(ModuleFact {
        loaded: is_known,
        state: if is_known { "built-in".into() } else { String::new() },
        references: None,
        version,
    })
}

/// `name size references users state address`
fn listed(table: &str, name: &str) -> Option<(Option<u32>, String)> {
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        (fields.first() == Some(&name)).then_some(())?;
        Some((fields.get(2)?.parse().ok(), (*fields.get(4)?).to_owned()))
    })
}

pub fn parameter(root: &Root, name: &str) -> io::Result<KernelParameterFact> {
    let path =
        parameter_path(name).ok_or_else(|| io::Error::other("this is no name of a kernel parameter"))?;
    let value = root.text(&path, TEXT_LIMIT)?;
    Ok(KernelParameterFact {
        exists: value.is_some(),
        value: value.map(|text| text.strip_suffix('\n').map_or(text.clone(), str::to_owned)),
    })
}

/// sysctl(8): the first separator decides; with dots, a slash stands for a dot within a name.
fn parameter_path(name: &str) -> Option<String> {
    let first = name.chars().find(|c| matches!(c, '.' | '/'));
    let relative: String = match first {
        Some('/') => name.to_owned(),
        _ => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                c => c,
            })
            .collect(),
    };
    let clean = !relative.is_empty()
        && relative.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    clean.then(|| format!("/proc/sys/{relative}"))
}

pub fn command_line(root: &Root) -> io::Result<KernelCommandLineFact> {
    let text = root.text("/proc/cmdline", TEXT_LIMIT)?.unwrap_or_default();
    let text = text.trim_end().to_owned();
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Ok(KernelCommandLineFact { words: words(&text), text, release })
}

/// Splits at blanks outside double quotes, which is all that the kernel knows.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => {
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn plain_name(file: &str) -> io::Result<()> {
    if file.is_empty() || file.contains('/') {
        return Err(io::Error::other("this is no file of a control group"));
    }
    Ok(())
}

/// A file of a control group named by its path below /sys/fs/cgroup.
pub fn cgroup_at(root: &Root, below: &str, file: &str) -> io::Result<CgroupFact> {
    plain_name(file)?;
    read_cgroup(root, &format!("/sys/fs/cgroup/{}/{file}", below.trim_matches('/')).replace("//", "/"))
}

/// A file of the control group that a process is in; of this node's where
/// there is no such process.
pub fn cgroup_of(root: &Root, pid: Option<i32>, file: &str) -> io::Result<CgroupFact> {
    plain_name(file)?;
    let Some(pid) = pid else { return Ok(CgroupFact::default()) };
    let groups = root.text(&format!("/proc/{pid}/cgroup"), 64 * 1024)?.unwrap_or_default();
    match directory_of(&groups, file, &mounts::table()) {
        Some(directory) => read_cgroup(root, &format!("{directory}/{file}")),
        None => Ok(CgroupFact::default()),
    }
}

/// Processes of a control group and of all below it, as the kernel lists them.
pub fn processes_below(hierarchy: &std::path::Path, group: &str) -> Vec<i32> {
    let mut pids = Vec::new();
    let mut folders = vec![hierarchy.join(group.trim_start_matches('/'))];
    while let Some(folder) = folders.pop() {
        let list = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        pids.extend(list.lines().filter_map(|line| line.parse::<i32>().ok()));
        let below = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(below.filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
    }
    pids
}

fn read_cgroup(root: &Root, path: &str) -> io::Result<CgroupFact> {
    let value = root.text(path, TEXT_LIMIT)?;
    Ok(CgroupFact {
        exists: value.is_some(),
        value: value.map(|text| text.trim_end_matches('\n').to_owned()),
        path: path.to_owned(),
    })
}

/// The directory that holds a process's files of the controller that `file` belongs to.
fn directory_of(groups: &str, file: &str, mounts: &[mounts::Mount]) -> Option<String> {
    let controller = file.split('.').next()?;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let mount = if controllers.is_empty() {
            mounts.iter().find(|mount| mount.fstype == "cgroup2")
        } else if controllers.split(',').any(|name| name == controller) {
            mounts.iter().find(|mount| {
                mount.fstype == "cgroup" && mount.super_options.iter().any(|option| option == controller)
            })
        } else {
            continue;
        };
        let Some(mount) = mount else { continue };
        // In a container the mount often begins below the path that /proc tells.
        let inside = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or(path);
        return Some(
            format!("{}/{}", mount.point, inside.trim_matches('/')).trim_end_matches('/').to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_in_the_table() {
        let table = "nvidia 60000000 42 nvidia_uvm,nvidia_modeset, Live 0x0000000000000000 (POE)\nvirtio_net 90112 0 - Live 0x0\n";
        assert_eq!(listed(table, "nvidia"), Some((Some(42), "Live".into())));
        assert_eq!(listed(table, "nvidia_uvm"), None);
    }

    #[test]
    fn names_of_parameters_become_paths() {
        fn case(name: &str, expected: Option<&str>) {
            assert_eq!(parameter_path(name).as_deref(), expected, "{name}");
        }
        case("vm.nr_hugepages", Some("/proc/sys/vm/nr_hugepages"));
        case("net.ipv4.conf.eth0/1.forwarding", Some("/proc/sys/net/ipv4/conf/eth0.1/forwarding"));
        case("net/ipv4/conf/eth0.1/forwarding", Some("/proc/sys/net/ipv4/conf/eth0.1/forwarding"));
        case("kernel/../../version", None);
        case("", None);
    }

    #[test]
    fn a_command_line_splits_outside_quotes() {
        assert_eq!(words("a b=\"c d\"  e\n"), ["a", "b=c d", "e"]);
    }

    #[test]
    fn control_groups_of_both_versions_are_located() {
        let mount = |fstype: &str, root: &str, point: &str, option: &str| mounts::Mount {
            id: 1,
            root: root.into(),
            point: point.into(),
            options: vec![],
            fstype: fstype.into(),
            source: "cgroup".into(),
            super_options: vec!["rw".into(), option.into()],
        };
        let v1 = [mount("cgroup", "/docker/abc", "/sys/fs/cgroup/memory", "memory")];
        let groups = "9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n";
        assert_eq!(
            directory_of(groups, "memory.limit_in_bytes", &v1).as_deref(),
            Some("/sys/fs/cgroup/memory")
        );
        assert_eq!(
            directory_of("9:memory:/docker/abc/x\n", "memory.limit_in_bytes", &v1).as_deref(),
            Some("/sys/fs/cgroup/memory/x")
        );
        let v2 = [mount("cgroup2", "/", "/sys/fs/cgroup", "nsdelegate")];
        assert_eq!(
            directory_of("0::/system.slice/a.service\n", "memory.max", &v2).as_deref(),
            Some("/sys/fs/cgroup/system.slice/a.service")
        );
        assert_eq!(directory_of(groups, "pids.max", &v1), None);
    }
}
