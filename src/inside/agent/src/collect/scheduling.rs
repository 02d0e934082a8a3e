//! Who runs where: threads, processors, interrupts.

use std::collections::BTreeSet;
use std::io;

use crashcart_facts::{InterruptsFact, ProcessorsFact, TEXT_LIMIT, ThreadsFact};

use super::memory_facts::{NUMA, per_node};
use crate::rooted::Root;

/// Most threads that are described.
const THREADS: usize = 512;
/// Most threads of one process that are counted; the kernel allows no more by default.
const COUNTED: usize = 65_536;
/// Most interrupts that are described.
const INTERRUPTS: usize = 1024;

/// sched(7), by the number in /proc/PID/stat.
const POLICIES: [&str; 8] = ["other", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext"];

pub fn threads(root: &Root, pids: &[i32]) -> io::Result<ThreadsFact> {
    let mut fact = ThreadsFact::default();
    let mut all: Vec<(u32, i32)> = Vec::new();
    for pid in pids {
        let names = root.list(&format!("/proc/{pid}/task"), COUNTED);
        all.extend(names.iter().filter_map(|name| Some((name.parse().ok()?, *pid))));
    }
    all.sort_unstable();
    let mut processors = BTreeSet::new();
    for (tid, pid) in all {
        let task = format!("/proc/{pid}/task/{tid}");
        // It may have ended since it was listed.
        let Some(thread) = gone(root.text(&format!("{task}/stat"), 4096))?.as_deref().and_then(Thread::parse)
        else {
            continue;
        };
        fact.count += 1;
        if fact.names.len() >= THREADS {
            fact.truncated = true;
            continue;
        }
        let status = gone(root.text(&format!("{task}/status"), TEXT_LIMIT))?.unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        fact.names.push(thread.name);
        fact.policies.push(thread.policy.to_owned());
        fact.priorities.push(thread.priority);
        fact.nices.push(thread.nice);
        fact.allowed.push(allowed.unwrap_or_default().trim().to_owned());
        fact.processors.push(thread.processor);
        processors.insert(thread.processor);
    }
    fact.running = fact.count > 0;
    fact.distinct_processors = processors.into_iter().collect();
    Ok(fact)
}

fn gone(read: io::Result<Option<String>>) -> io::Result<Option<String>> {
    match read {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
        other => other,
    }
}

/// What /proc/PID/task/TID/stat says of scheduling.
#[derive(Debug, PartialEq, Eq)]
struct Thread {
    name: String,
    policy: &'static str,
    priority: u32,
    nice: i32,
    processor: u32,
}

impl Thread {
    fn parse(text: &str) -> Option<Self> {
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let rest: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1 with the pid; rest[0] is its field 3.
        let field = |number: usize| rest.get(number - 3).copied();
        let policy: usize = field(41)?.parse().ok()?;
        Some(Self {
            name: text.get(open + 1..close)?.to_owned(),
            policy: POLICIES.get(policy)?,
            priority: field(40)?.parse().ok()?,
            nice: field(19)?.parse().ok()?,
            processor: field(39)?.parse().ok()?,
        })
    }
}

pub fn processors(root: &Root) -> io::Result<ProcessorsFact> {
    const CPU: &str = "/sys/devices/system/cpu";
    let line = |path: &str| -> io::Result<String> {
        let text = root.text(path, TEXT_LIMIT)?.unwrap_or_default();
        // What is not set is printed as a missing string.
        Ok(if text.trim() == "(null)" { String::new() } else { text.trim().to_owned() })
    };
    let mask = |path: &str| -> io::Result<String> { Ok(list_of_mask(&line(path)?).unwrap_or_default()) };
    let of_node = |file: &str| {
        per_node(root, |node| {
            let text = root.text(&format!("{NUMA}/node{node}/{file}"), TEXT_LIMIT)?;
            Ok(text.map(|text| text.trim().to_owned()))
        })
    };
    let memory = |text: &String| {
        let line = text.lines().find_map(|line| line.split_once("MemTotal:"));
        line.and_then(|(_, value)| value.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
            / 1024
    };
    let online = line(&format!("{CPU}/online"))?;
    Ok(ProcessorsFact {
        present: line(&format!("{CPU}/present"))?,
        // The kernel lists the boot line's apart from those of cpuset's isolated partitions.
        isolated: union(&line(&format!("{CPU}/isolated"))?, &line("/sys/fs/cgroup/cpuset.cpus.isolated")?),
        nohz_full: line(&format!("{CPU}/nohz_full"))?,
        count_online: length_of_list(&online),
        online,
        workqueue_mask: mask("/sys/devices/virtual/workqueue/cpumask")?,
        default_irq_affinity: mask("/proc/irq/default_smp_affinity")?,
        numa_online: line(&format!("{NUMA}/online"))?,
        numa_processors: of_node("cpulist")?,
        numa_memory_mib: of_node("meminfo")?.iter().map(memory).collect(),
        distances: of_node("distance")?,
    })
}

/// The ranges that a list names, first and last of each: `0-3,8` has two.
fn ranges(list: &str) -> impl Iterator<Item = (u32, u32)> {
    let range = |part: &str| -> Option<(u32, u32)> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some((first, last))
    };
    list.split(',').filter_map(range)
}

/// How many processors a list names: `0-3,8` are five.
fn length_of_list(list: &str) -> u32 {
    ranges(list).map(|(first, last)| (last - first).saturating_add(1)).fold(0, u32::saturating_add)
}

/// The list of all processors that are in one of two.
fn union(one: &str, other: &str) -> String {
    list_of(ranges(one).chain(ranges(other)).collect())
}

/// Ranges as the kernel writes them: in order, and those that touch as one.
fn list_of(mut ranges: Vec<(u32, u32)>) -> String {
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    let range = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    joined.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The list that a mask stands for: `00000001,0000000f` is `0-3,32`. Groups of 32 bits, the last one lowest.
fn list_of_mask(mask: &str) -> Option<String> {
    let mut bits = Vec::new();
    for (group, word) in (0u32..).zip(mask.split(',').rev()) {
        let word = u32::from_str_radix(word.trim(), 16).ok()?;
        bits.extend((0..32).filter(|bit| word >> bit & 1 == 1).map(|bit| group * 32 + bit));
    }
    Some(list_of(bits.into_iter().map(|bit| (bit, bit)).collect()))
}

pub fn interrupts(root: &Root, name: &str) -> io::Result<InterruptsFact> {
    let table = root.text("/proc/interrupts", 4 * 1024 * 1024)?.unwrap_or_default();
    let mut fact = InterruptsFact::default();
    for (number, total) in described(&table, name).into_iter().take(INTERRUPTS) {
        let list = |file: &str| -> io::Result<String> {
            // A chip without an effective mask has no such file, or one that cannot be read.
            let text = root.text(&format!("/proc/irq/{number}/{file}"), TEXT_LIMIT)?;
            Ok(text.unwrap_or_default().trim().to_owned())
        };
        fact.numbers.push(number);
        fact.affinities.push(list("smp_affinity_list")?);
        fact.effective.push(list("effective_affinity_list")?);
        fact.totals.push(total);
    }
    fact.count = u32::try_from(fact.numbers.len()).unwrap_or(u32::MAX);
    fact.exists = fact.count > 0;
    Ok(fact)
}

/// Numbers and totals of the interrupts with this in their description. The first line names the processors, and
/// each other one has a count for each of them: ` 25:  0  12  PCI-MSIX-0000:00:02.0  1-edge  virtio1-req.0`.
fn described(table: &str, name: &str) -> Vec<(u32, u64)> {
    let mut lines = table.lines();
    let processors = lines.next().unwrap_or_default().split_ascii_whitespace().count();
    lines
        .filter_map(|line| {
            let (number, rest) = line.split_once(':')?;
            let number = number.trim().parse().ok()?;
            let mut words = rest.split_ascii_whitespace();
            let mut total = 0u64;
            for _ in 0..processors {
                total = total.saturating_add(words.next()?.parse().ok()?);
            }
            words.collect::<Vec<_>>().join(" ").contains(name).then_some((number, total))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::trees::tree;
    use super::*;

    fn stat(name: &str, nice: i32, processor: u32, priority: u32, policy: u32) -> String {
        format!(
            "77 ({name}) S 1 77 77 0 -1 4194560 1 0 0 0 30 12 0 0 20 {nice} 2 0 987654 1 2 3 4 5 6 7 8 9 10 11 12 13 \
             17 0 17 {processor} {priority} {policy} 0 0 0\n"
        )
    }

    #[test]
    fn threads_are_listed_in_order_of_their_numbers() {
        let status = |list: &str| format!("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\n");
        let (_keep, root) = tree(&[
            ("proc/77/task/77/stat", stat("loader", 0, 3, 0, 0)),
            ("proc/77/task/77/status", status("0-3")),
            ("proc/77/task/101/stat", stat("odd ) name", -5, 1, 0, 3)),
            ("proc/77/task/101/status", status("1")),
            ("proc/78/task/78/stat", stat("timer", 0, 1, 50, 1)),
            ("proc/78/task/78/status", status("0,2")),
        ]);
        let fact = threads(&root, &[78, 77, 5]).expect("readable");
        assert_eq!((fact.running, fact.count, fact.truncated), (true, 3, false));
        assert_eq!(fact.names, ["loader", "timer", "odd ) name"]);
        assert_eq!(fact.policies, ["other", "fifo", "batch"]);
        assert_eq!((fact.priorities, fact.nices), (vec![0, 50, 0], vec![0, 0, -5]));
        assert_eq!(fact.allowed, ["0-3", "0,2", "1"]);
        assert_eq!((fact.processors, fact.distinct_processors), (vec![3, 1, 1], vec![1, 3]));
        assert_eq!(threads(&root, &[5]).expect("readable"), ThreadsFact::default());
    }

    #[test]
    fn this_very_thread_is_described() {
        let me = i32::try_from(std::process::id()).expect("pids are small");
        let fact = threads(&Root::system().expect("a root"), &[me]).expect("readable");
        assert!(fact.running && fact.policies.iter().all(|policy| policy == "other"), "{fact:?}");
    }

    #[test]
    fn masks_and_lists_of_processors_say_the_same() {
        fn case(mask: &str, list: Option<&str>, length: u32) {
            assert_eq!(list_of_mask(mask).as_deref(), list, "{mask}");
            assert_eq!(length_of_list(list.unwrap_or_default()), length, "{mask}");
        }
        case("f", Some("0-3"), 4);
        case("00000001,0000000d", Some("0,2-3,32"), 4);
        case("80000000,00000000", Some("63"), 1);
        case("0", Some(""), 0);
        case("none", None, 0);
    }

    #[test]
    fn processors_and_numa_nodes_are_described() {
        let meminfo = |node: u32, kib: u32| {
            format!("Node {node} MemTotal:       {kib} kB\nNode {node} MemFree: 1 kB\n")
        };
        let (_keep, root) = tree(&[
            ("sys/devices/system/cpu/present", "0-3\n".to_owned()),
            ("sys/devices/system/cpu/online", "0-2\n".to_owned()),
            ("sys/devices/system/cpu/isolated", "1\n".to_owned()),
            ("sys/fs/cgroup/cpuset.cpus.isolated", "2-3\n".to_owned()),
            ("sys/devices/system/cpu/nohz_full", "(null)\n".to_owned()),
            ("sys/devices/virtual/workqueue/cpumask", "3\n".to_owned()),
            ("proc/irq/default_smp_affinity", "f\n".to_owned()),
            ("sys/devices/system/node/online", "0-1\n".to_owned()),
            ("sys/devices/system/node/node0/cpulist", "0-1\n".to_owned()),
            ("sys/devices/system/node/node1/cpulist", "2-3\n".to_owned()),
            ("sys/devices/system/node/node0/meminfo", meminfo(0, 1_048_576)),
            ("sys/devices/system/node/node1/meminfo", meminfo(1, 2_097_151)),
            ("sys/devices/system/node/node0/distance", "10 21\n".to_owned()),
            ("sys/devices/system/node/node1/distance", "21 10\n".to_owned()),
        ]);
        let expected = ProcessorsFact {
            present: "0-3".into(),
            online: "0-2".into(),
            isolated: "1-3".into(),
            count_online: 3,
            workqueue_mask: "0-1".into(),
            default_irq_affinity: "0-3".into(),
            numa_online: "0-1".into(),
            numa_processors: vec!["0-1".into(), "2-3".into()],
            numa_memory_mib: vec![1024, 2047],
            distances: vec!["10 21".into(), "21 10".into()],
            ..ProcessorsFact::default()
        };
        assert_eq!(processors(&root).expect("readable"), expected);
    }

    #[test]
    fn interrupts_are_found_by_a_part_of_their_description() {
        let table = "            CPU0       CPU1       \n\
            \u{20}  1:          9          0   IO-APIC   1-edge      i8042\n\
            \u{20} 24:          0          0   PCI-MSIX-0000:00:02.0   0-edge      virtio1-config\n\
            \u{20} 25:        100         23   PCI-MSIX-0000:00:02.0   1-edge      virtio1-req.0\n\
            NMI:          0          0   Non-maskable interrupts\nERR:          0\n";
        let (_keep, root) = tree(&[
            ("proc/interrupts", table),
            ("proc/irq/25/smp_affinity_list", "0-1\n"),
            ("proc/irq/25/effective_affinity_list", "1\n"),
        ]);
        let fact = interrupts(&root, "virtio1-req").expect("readable");
        assert_eq!((fact.exists, fact.count, fact.numbers, fact.totals), (true, 1, vec![25], vec![123]));
        assert_eq!((fact.affinities, fact.effective), (vec!["0-1".to_owned()], vec!["1".to_owned()]));
        assert_eq!(interrupts(&root, "virtio1").expect("readable").numbers, [24, 25]);
        assert!(!interrupts(&root, "Non-maskable").expect("readable").exists);
    }
}
