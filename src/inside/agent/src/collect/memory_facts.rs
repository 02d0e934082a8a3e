//! Memory as the kernel hands it out: pools of huge pages, transparent huge pages, where a process has its
//! memory, and the kernel's counters.

use std::collections::BTreeSet;
use std::io;

use crashcart_facts::{
    HugepagesFact, KernelCounterFact, MemoryFact, TEXT_LIMIT, TransparentHugepagesFact, is_counter_file,
};

use crate::rooted::{Link, Root};

/// Largest listing of a process's mappings that is read: over a hundred thousand of them.
const MAPPINGS_LIMIT: usize = 32 * 1024 * 1024;
/// Most NUMA nodes that are looked at. Debian's kernels know 1024.
const NUMA_NODES: usize = 1024;
/// Where the kernel lists its NUMA nodes.
pub const NUMA: &str = "/sys/devices/system/node";

/// Numbers of the NUMA nodes, ascending.
pub fn numa_nodes(root: &Root) -> Vec<usize> {
    let names = root.list(NUMA, 2 * NUMA_NODES);
    let mut nodes: Vec<usize> = names
        .iter()
        .filter_map(|name| name.strip_prefix("node")?.parse().ok())
        .filter(|node| *node < NUMA_NODES)
        .collect();
    nodes.sort_unstable();
    nodes
}

/// One value per NUMA node, by its number; the default where a number is skipped.
pub fn per_node<T: Default + Clone>(
    root: &Root,
    read: impl Fn(usize) -> io::Result<Option<T>>,
) -> io::Result<Vec<T>> {
    let nodes = numa_nodes(root);
    let mut values = vec![T::default(); nodes.last().map_or(0, |last| last + 1)];
    for node in nodes {
        if let Some(value) = read(node)? {
            values[node] = value;
        }
    }
    Ok(values)
}

fn number(root: &Root, path: &str) -> io::Result<Option<u64>> {
    Ok(root.text(path, 256)?.and_then(|text| text.trim().parse().ok()))
}

pub fn hugepages(root: &Root, size_kib: u32) -> io::Result<HugepagesFact> {
    let pool = format!("hugepages-{size_kib}kB");
    let whole = format!("/sys/kernel/mm/hugepages/{pool}");
    if root.place(&whole, Link::Follow)?.is_none() {
        return Ok(HugepagesFact::default());
    }
    let of = |file: &str| -> io::Result<u64> {
        number(root, &format!("{whole}/{file}"))?
            .ok_or_else(|| io::Error::other(format!("`{whole}/{file}` holds no number")))
    };
    let of_node = |file: &str| {
        per_node(root, |node| number(root, &format!("{NUMA}/node{node}/hugepages/{pool}/{file}")))
    };
    let (total, free) = (of("nr_hugepages")?, of("free_hugepages")?);
    Ok(HugepagesFact {
        exists: true,
        total,
        free,
        reserved: of("resv_hugepages")?,
        surplus: of("surplus_hugepages")?,
        // Pools of gigantic pages cannot grow by themselves, and may lack the file.
        overcommit: number(root, &format!("{whole}/nr_overcommit_hugepages"))?.unwrap_or(0),
        used: total.saturating_sub(free),
        node_total: of_node("nr_hugepages")?,
        node_free: of_node("free_hugepages")?,
    })
}

pub fn transparent_hugepages(root: &Root) -> io::Result<TransparentHugepagesFact> {
    const DIRECTORY: &str = "/sys/kernel/mm/transparent_hugepage";
    let read = |file: &str| root.text(&format!("{DIRECTORY}/{file}"), 256);
    let Some(enabled) = read("enabled")? else { return Ok(TransparentHugepagesFact::default()) };
    let chosen = |text: Option<String>| text.as_deref().and_then(bracketed).unwrap_or_default();
    Ok(TransparentHugepagesFact {
        exists: true,
        enabled: chosen(Some(enabled)),
        defrag: chosen(read("defrag")?),
        shmem_enabled: chosen(read("shmem_enabled")?),
        khugepaged_defrag: read("khugepaged/defrag")?.map(|text| text.trim() == "1"),
    })
}

/// The word that is chosen among all: `always [madvise] never`. A file with one word has no brackets.
pub fn bracketed(text: &str) -> Option<String> {
    let text = text.trim();
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some((chosen, _)) => Some(chosen.to_owned()),
        None => (!text.is_empty() && !text.contains(char::is_whitespace)).then(|| text.to_owned()),
    }
}

/// The memory of whichever of these processes has most of it.
pub fn memory(root: &Root, pids: &[i32]) -> io::Result<MemoryFact> {
    let mut most: Option<(i32, String, u64)> = None;
    for pid in pids {
        let Some(rollup) = of_process(root.text(&format!("/proc/{pid}/smaps_rollup"), TEXT_LIMIT))? else {
            continue;
        };
        let anonymous = labelled(&rollup, "Anonymous");
        if most.as_ref().is_none_or(|(_, _, before)| anonymous > *before) {
            most = Some((*pid, rollup, anonymous));
        }
    }
    let Some((pid, rollup, anonymous_kib)) = most else { return Ok(MemoryFact::default()) };
    let maps = of_process(root.text(&format!("/proc/{pid}/numa_maps"), MAPPINGS_LIMIT))?.unwrap_or_default();
    let nodes = numa_nodes(root).last().map_or(0, |last| last + 1);
    let placed = Placement::read(&maps, nodes);
    let sum: u64 = placed.anonymous_kib.iter().sum();
    let percent = |kib: &u64| u32::try_from((kib * 100 + sum / 2) / sum).unwrap_or(0);
    Ok(MemoryFact {
        running: true,
        pid: u32::try_from(pid).ok(),
        resident_kib: labelled(&rollup, "Rss"),
        anonymous_kib,
        anonymous_huge_kib: labelled(&rollup, "AnonHugePages"),
        hugetlb_kib: labelled(&rollup, "Private_Hugetlb") + labelled(&rollup, "Shared_Hugetlb"),
        swap_kib: labelled(&rollup, "Swap"),
        locked_kib: labelled(&rollup, "Locked"),
        anonymous_node_percent: match sum {
            0 => Vec::new(),
            _ => placed.anonymous_kib.iter().map(percent).collect(),
        },
        node_kib: placed.kib,
        anonymous_node_kib: placed.anonymous_kib,
        policies: placed.policies.into_iter().collect(),
    })
}

/// What was read of a process; nothing where it has ended since, or is a thread of the kernel.
fn of_process(read: io::Result<Option<String>>) -> io::Result<Option<String>> {
    match read {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
        other => other,
    }
}

/// A value of a file with lines such as `AnonHugePages:   2048 kB`, in KiB; 0 where there is none.
fn labelled(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Sums over the lines of /proc/PID/numa_maps, see numa(7).
#[derive(Debug, Default, PartialEq, Eq)]
struct Placement {
    kib: Vec<u64>,
    anonymous_kib: Vec<u64>,
    policies: BTreeSet<String>,
}

impl Placement {
    /// `nodes`: how long the lists are at least.
    fn read(maps: &str, nodes: usize) -> Self {
        let mut sums = Self { kib: vec![0; nodes], anonymous_kib: vec![0; nodes], policies: BTreeSet::new() };
        for line in maps.lines() {
            // `ADDRESS POLICY [WORD | KEY=VALUE]…`; one policy has a blank in its name: `prefer (many):0-1`.
            let mut words = line.split_ascii_whitespace().skip(1).peekable();
            let Some(policy) = words.next() else { continue };
            let policy = match words.next_if(|word| word.starts_with("(many)")) {
                Some(rest) => format!("{policy} {rest}"),
                None => policy.to_owned(),
            };
            sums.policies.insert(policy);
            let (mut page_kib, mut copies) = (4, 0);
            let (mut has_file, mut is_huge) = (false, false);
            let mut pages: Vec<(usize, u64)> = Vec::new();
            for word in words {
                match word.split_once('=') {
                    None => is_huge |= word == "huge",
                    Some(("file", _)) => has_file = true,
                    Some(("anon", count)) => copies = count.parse().unwrap_or(0),
                    Some(("kernelpagesize_kB", size)) => page_kib = size.parse().unwrap_or(page_kib),
                    Some((key, count)) => {
                        let node = key.strip_prefix('N').and_then(|number| number.parse().ok());
                        pages.extend(node.filter(|node| *node < NUMA_NODES).zip(count.parse().ok()));
                    }
                }
            }
            let all: u64 = pages.iter().map(|(_, count)| count).sum();
            let is_anonymous = !is_huge && (!has_file || copies == all);
            for (node, count) in pages {
                if node >= sums.kib.len() {
                    sums.kib.resize(node + 1, 0);
                    sums.anonymous_kib.resize(node + 1, 0);
                }
                sums.kib[node] += count * page_kib;
                if is_anonymous {
                    sums.anonymous_kib[node] += count * page_kib;
                }
            }
        }
        sums
    }
}

pub fn counter(root: &Root, file: &str, name: &str) -> io::Result<KernelCounterFact> {
    if !is_counter_file(file) {
        return Err(io::Error::other("this is no file of the kernel's counters"));
    }
    let value = root.text(file, TEXT_LIMIT)?.and_then(|text| counted(&text, name));
    Ok(KernelCounterFact { exists: value.is_some(), value })
}

/// The number behind a name: `pgfault 12`, `MemFree:   12 kB`, `Node 0 MemFree:   12 kB`.
fn counted(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().peekable();
        if words.next_if_eq(&"Node").is_some() {
            words.next();
        }
        let found = words.next()?;
        (found.strip_suffix(':').unwrap_or(found) == name).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::super::trees::tree;
    use super::*;

    fn pool(path: &str, total: u64, free: u64) -> Vec<(String, String)> {
        vec![
            (format!("{path}/nr_hugepages"), format!("{total}\n")),
            (format!("{path}/free_hugepages"), format!("{free}\n")),
            (format!("{path}/surplus_hugepages"), "1\n".into()),
        ]
    }

    #[test]
    fn a_pool_is_read_over_all_and_for_each_numa_node() {
        let mut files = pool("sys/kernel/mm/hugepages/hugepages-2048kB", 12, 4);
        files.push(("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages".into(), "2\n".into()));
        files.push(("sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages".into(), "8\n".into()));
        files.extend(pool("sys/devices/system/node/node0/hugepages/hugepages-2048kB", 12, 4));
        files.extend(pool("sys/devices/system/node/node1/hugepages/hugepages-2048kB", 0, 0));
        let (_keep, root) = tree(&files);
        let expected = HugepagesFact {
            exists: true,
            total: 12,
            free: 4,
            reserved: 2,
            surplus: 1,
            overcommit: 8,
            used: 8,
            node_total: vec![12, 0],
            node_free: vec![4, 0],
        };
        assert_eq!(hugepages(&root, 2048).expect("readable"), expected);
        assert_eq!(hugepages(&root, 1_048_576).expect("readable"), HugepagesFact::default());
    }

    #[test]
    fn of_the_words_of_a_setting_the_one_in_brackets_counts() {
        let directory = "sys/kernel/mm/transparent_hugepage";
        let (_keep, root) = tree(&[
            (format!("{directory}/enabled"), "always [madvise] never\n"),
            (format!("{directory}/defrag"), "always defer [defer+madvise] madvise never\n"),
            (format!("{directory}/shmem_enabled"), "always within_size advise [never] deny force\n"),
            (format!("{directory}/khugepaged/defrag"), "1\n"),
        ]);
        let fact = transparent_hugepages(&root).expect("readable");
        assert_eq!((fact.enabled.as_str(), fact.defrag.as_str()), ("madvise", "defer+madvise"));
        assert_eq!((fact.shmem_enabled.as_str(), fact.khugepaged_defrag), ("never", Some(true)));
        assert_eq!(bracketed("none\n").as_deref(), Some("none"));
        assert_eq!(bracketed("one two\n"), None);
    }

    const ROLLUP: &str = "55d0c0000000-7ffd00000000 ---p 00000000 00:00 0    [rollup]\n\
        Rss:               10240 kB\nPss:                9000 kB\nAnonymous:          8192 kB\n\
        AnonHugePages:      4096 kB\nShared_Hugetlb:     2048 kB\nPrivate_Hugetlb:    4096 kB\n\
        Swap:                 12 kB\nSwapPss:              12 kB\nLocked:               64 kB\n";
    const MAPS: &str = "55d0c0000000 default file=/usr/bin/x mapped=3 N0=3 kernelpagesize_kB=4\n\
        55d0c1000000 default file=/usr/bin/x anon=2 dirty=2 N1=2 kernelpagesize_kB=4\n\
        7f0000000000 bind:1 anon=1536 dirty=1536 active=0 N0=512 N1=1024 kernelpagesize_kB=4\n\
        7f1000000000 prefer (many):0-1 anon=2 dirty=2 N1=2 kernelpagesize_kB=4\n\
        7f2000000000 default file=/anon_hugepage\\040(deleted) huge anon=3 dirty=3 N0=3 kernelpagesize_kB=2048\n\
        7f3000000000 default\n7ffd00000000 default stack anon=1 dirty=1 N0=1 kernelpagesize_kB=4\n";

    #[test]
    fn the_process_with_most_anonymous_memory_is_placed_on_its_numa_nodes() {
        let (_keep, root) = tree(&[
            ("proc/7/smaps_rollup", "x\nRss:  40 kB\nAnonymous:  20 kB\n"),
            ("proc/8/smaps_rollup", ROLLUP),
            ("proc/8/numa_maps", MAPS),
            ("sys/devices/system/node/node0/cpulist", "0\n"),
            ("sys/devices/system/node/node2/cpulist", "1\n"),
        ]);
        let fact = memory(&root, &[6, 7, 8]).expect("readable");
        assert_eq!((fact.running, fact.pid, fact.resident_kib), (true, Some(8), 10_240));
        assert_eq!((fact.anonymous_kib, fact.anonymous_huge_kib, fact.hugetlb_kib), (8192, 4096, 6144));
        assert_eq!((fact.swap_kib, fact.locked_kib), (12, 64));
        assert_eq!(fact.node_kib, [12 + 2048 + 6144 + 4, 8 + 4096 + 8, 0]);
        assert_eq!(fact.anonymous_node_kib, [2048 + 4, 8 + 4096 + 8, 0]);
        assert_eq!(fact.anonymous_node_percent, [33, 67, 0]);
        assert_eq!(fact.policies, ["bind:1", "default", "prefer (many):0-1"]);
        assert_eq!(memory(&root, &[6]).expect("readable"), MemoryFact::default());
    }

    #[test]
    fn counters_are_found_by_their_whole_name() {
        fn case(text: &str, name: &str, expected: Option<u64>) {
            assert_eq!(counted(text, name), expected, "{name} in {text:?}");
        }
        let vmstat = "compact_stall_more 9\ncompact_stall 7\nnr_free -3\n";
        case(vmstat, "compact_stall", Some(7));
        case(vmstat, "compact", None);
        case(vmstat, "nr_free", None);
        case("MemTotal:        4013200 kB\nHugePages_Rsvd:       3\n", "MemTotal", Some(4_013_200));
        case("Node 1 HugePages_Free:      5\n", "HugePages_Free", Some(5));
        case("cpu  10 20 30\ncpu0 10 20 30\nctxt 123\n", "ctxt", Some(123));
        case("numa_hit 18446744073709551615\n", "numa_hit", Some(u64::MAX));
        let (_keep, root) = tree(&[("proc/vmstat", vmstat)]);
        assert_eq!(counter(&root, "/proc/vmstat", "compact_stall").expect("readable").value, Some(7));
        assert!(!counter(&root, "/proc/meminfo", "MemTotal").expect("readable").exists);
        assert!(counter(&root, "/etc/shadow", "root").is_err());
    }
}
