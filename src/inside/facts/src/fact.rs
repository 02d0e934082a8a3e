//! What a node answers. A fact is typed where it is read and travels as JSON;
//! a grader names its properties in kebab-case: `expect.used-percent`.

use serde::{Deserialize, Serialize};

/// Declares a fact's struct together with the list of its properties, so that
/// a grader that names a property which does not exist is refused at load.
macro_rules! fact {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
        impl $name {
            /// Its properties, as Rust spells them: kebab-case in graders.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    };
}

fact! {
    /// A file. All but `exists` are empty or zero where it does not.
    FileFact {
        exists: bool,
        /// file, directory, symlink, fifo, socket, char, block.
        kind: String,
        /// Permission bits as four octal digits: `0400`.
        mode: String,
        uid: u32,
        gid: u32,
        owner: String,
        group: String,
        /// Bytes.
        size: u64,
        /// SHA-256 in lower-case hex; none for what is no regular file or is larger than 64 MiB.
        sha256: Option<String>,
        /// Where a symbolic link points, unresolved.
        target: Option<String>,
        /// Last change of content, milliseconds since the epoch.
        modified_ms: u64,
        /// A mount lies on this very path.
        mounted_over: bool,
    }
}
fact! {
    /// A text file. A link is followed inside the node; what is no regular file is not read.
    TextFact {
        exists: bool,
        text: String,
        /// More than the limit was there.
        truncated: bool,
        /// A mount lies on this very path.
        mounted_over: bool,
    }
}
fact! {
    /// Result of a search.
    FindFact {
        /// Paths that match, sorted, at most 200.
        paths: Vec<String>,
        /// Files looked at.
        scanned: u64,
        /// The search stopped early; absence is then not proved.
        truncated: bool,
    }
}
fact! {
    /// A service unit, as the node's service manager knows it.
    ServiceFact {
        /// A unit of this name exists.
        known: bool,
        /// active, activating, deactivating, inactive, failed.
        active: String,
        /// enabled, disabled, masked, static.
        enabled: String,
        main_pid: Option<u32>,
        /// Executable of the main process, as /proc/PID/exe says.
        exe: Option<String>,
        /// When the main process started, milliseconds since the epoch.
        started_at_ms: Option<u64>,
        /// Restarts by the service manager since the node came up.
        restarts: u32,
        /// `exit-code`, `signal`, `success`, … as in systemctl's Result.
        result: String,
    }
}
fact! {
    /// One process.
    ProcessEntry {
        pid: u32,
        exe: String,
        cmdline: String,
        user: String,
        uid: u32,
        /// Milliseconds since the epoch.
        started_at_ms: u64,
        threads: u32,
        /// Resident memory, KiB.
        resident_kib: u64,
    }
}
fact! {
    /// The processes that match.
    ProcessFact {
        running: bool,
        count: u32,
        processes: Vec<ProcessEntry>,
        /// When the oldest of them started, milliseconds since the epoch.
        started_at_ms: Option<u64>,
        /// Users that own them, sorted.
        users: Vec<String>,
    }
}
fact! {
    /// A listening port.
    PortFact {
        listening: bool,
        /// Local addresses, sorted: `0.0.0.0`, `127.0.0.1`, `::`.
        addresses: Vec<String>,
        /// Executable that holds the socket, where it could be found.
        exe: Option<String>,
        pid: Option<u32>,
    }
}
fact! {
    /// A package.
    PackageFact {
        installed: bool,
        version: Option<String>,
        /// dpkg's three words: `install ok installed`.
        status: Option<String>,
        held: bool,
    }
}
fact! {
    UserFact {
        exists: bool,
        uid: Option<u32>,
        gid: Option<u32>,
        home: Option<String>,
        shell: Option<String>,
        /// All groups, sorted.
        groups: Vec<String>,
    }
}
fact! {
    GroupFact {
        exists: bool,
        gid: Option<u32>,
        /// Members, those by primary group included, sorted.
        members: Vec<String>,
    }
}
fact! {
    /// The file system under a path.
    MountFact {
        exists: bool,
        /// The path is itself a mount point.
        is_mount_point: bool,
        mount_point: String,
        fstype: String,
        source: String,
        options: Vec<String>,
        size_bytes: u64,
        used_bytes: u64,
        available_bytes: u64,
        /// Whole percent, rounded up.
        used_percent: u32,
        inodes: u64,
        inodes_used: u64,
    }
}
fact! {
    DeviceFact {
        exists: bool,
        /// char or block; empty where it is no device.
        kind: String,
        major: Option<u32>,
        minor: Option<u32>,
        mode: String,
        owner: String,
        group: String,
    }
}
fact! {
    ModuleFact {
        loaded: bool,
        /// Live, Loading, Unloading; built-in where /sys/module knows it and /proc/modules does not.
        state: String,
        references: Option<u32>,
        version: Option<String>,
    }
}
fact! {
    KernelParameterFact {
        exists: bool,
        /// As /proc/sys prints it, without the last newline.
        value: Option<String>,
    }
}
fact! {
    KernelCommandLineFact {
        text: String,
        /// Split at spaces outside quotes.
        words: Vec<String>,
        release: String,
    }
}
fact! {
    CgroupFact {
        exists: bool,
        value: Option<String>,
        path: String,
    }
}
fact! {
    LimitFact {
        exists: bool,
        /// `unlimited` or a number.
        soft: Option<String>,
        hard: Option<String>,
        pid: Option<u32>,
    }
}
fact! {
    LogFact {
        exists: bool,
        text: String,
        truncated: bool,
    }
}
fact! {
    HttpFact {
        answered: bool,
        status: Option<u16>,
        body: String,
        content_type: Option<String>,
        /// Why there was no answer.
        problem: Option<String>,
        took_ms: u32,
    }
}
fact! {
    /// A program of the node was run. Its word is only as good as the node.
    CommandFact {
        /// The program exists and could be started.
        started: bool,
        /// Exit status; none when killed.
        exit: Option<i32>,
        signal: Option<i32>,
        timed_out: bool,
        stdout: String,
        stderr: String,
        took_ms: u32,
    }
}

fact! {
    /// One GPU, from the hardware itself: no program or library of the node has a say in it. What a board
    /// does not have is absent.
    GpuFact {
        /// The node has a GPU of this index.
        exists: bool,
        name: String,
        uuid: String,
        serial: String,
        /// `00000000:18:00.0`.
        bus_id: String,
        /// answers, lost, hung, needs-reset.
        condition: String,
        /// What the driver asks for: none, reset, reboot, drain-p2p, drain-and-reset.
        recovery: String,
        persistence: bool,
        /// default, exclusive-thread, prohibited, exclusive-process.
        compute_mode: String,
        ecc: Option<bool>,
        /// After the next reset.
        ecc_pending: Option<bool>,
        mig: Option<bool>,
        mig_pending: Option<bool>,
        /// GPU instances as profile and first slice, in that order: `3g.40gb@0`.
        mig_layout: Vec<String>,
        /// Compute instances: what programs can run on.
        mig_devices: u32,
        power_limit_w: Option<u32>,
        power_limit_default_w: Option<u32>,
        power_draw_w: Option<u32>,
        temperature_c: Option<u32>,
        graphics_clock_mhz: u32,
        memory_clock_mhz: u32,
        application_graphics_clock_mhz: Option<u32>,
        /// Locked graphics clocks; absent when free.
        locked_clock_min_mhz: Option<u32>,
        locked_clock_max_mhz: Option<u32>,
        /// Why the clocks are where they are: idle, application-clocks, software-power-cap,
        /// hardware-slowdown, software-thermal, hardware-thermal, hardware-power-brake, …
        clock_reasons: Vec<String>,
        pcie_gen: u32,
        pcie_gen_max: u32,
        pcie_width: u32,
        pcie_width_max: u32,
        pcie_replays: u64,
        links: u32,
        links_up: u32,
        /// Numbers of the links that are down.
        links_down: Vec<u32>,
        /// not-supported, not-started, in-progress, completed.
        fabric: String,
        /// Errors in device memory and SRAM since the driver was loaded, and ever.
        ecc_corrected: u64,
        ecc_uncorrected: u64,
        ecc_corrected_ever: u64,
        ecc_uncorrected_ever: u64,
        remapped_rows: u32,
        remap_pending: bool,
        remap_failed: bool,
        utilization_percent: u32,
        memory_total_mib: u64,
        memory_used_mib: u64,
        /// Processes that work on it.
        processes: u32,
        pids: Vec<u32>,
        accounting: Option<bool>,
    }
}
fact! {
    /// All GPUs of a node, from the hardware itself; a list has an element per GPU, by index.
    GpusFact {
        /// The node has simulated hardware.
        exists: bool,
        /// The kernel's side of the driver is loaded.
        driver_loaded: bool,
        driver_version: String,
        count: u32,
        names: Vec<String>,
        uuids: Vec<String>,
        conditions: Vec<String>,
        recoveries: Vec<String>,
        persistence: Vec<bool>,
        compute_modes: Vec<String>,
        /// Boards without ECC count as without it.
        ecc: Vec<bool>,
        mig: Vec<bool>,
        /// All pieces, as `GPU:profile@start`: `0:3g.40gb@0`.
        mig_layout: Vec<String>,
        power_limits_w: Vec<u32>,
        temperatures_c: Vec<u32>,
        /// Links that are down, as `GPU:link`.
        links_down: Vec<String>,
        /// not-supported, not-started, in-progress, completed.
        fabrics: Vec<String>,
        /// What is wrong with boards, slots, cooling and power, whether it shows or not, and stays so after a power
        /// cycle, as `GPU:flaw`: `2:fails-under-load`. Of all boards, also of those that the driver has not.
        flaws: Vec<String>,
        /// Whole seconds of work at full load since the node came up; of all boards.
        worked_s: Vec<u64>,
        /// Processes on all of them.
        processes: u32,
    }
}

fact! {
    /// One pool of huge pages, from /sys/kernel/mm/hugepages and /sys/devices/system/node. Pages, not bytes.
    HugepagesFact {
        /// The kernel has a pool of this page size.
        exists: bool,
        /// Pages that the pool holds, surplus ones included.
        total: u64,
        free: u64,
        /// Free, and promised to a mapping that has not touched them yet.
        reserved: u64,
        /// Beyond what the pool was sized to; taken by overcommitment and given back when free.
        surplus: u64,
        /// Most surplus pages that may be taken.
        overcommit: u64,
        /// Total without free.
        used: u64,
        /// Pages of each NUMA node, by its number.
        node_total: Vec<u64>,
        node_free: Vec<u64>,
    }
}
fact! {
    /// Transparent huge pages, from /sys/kernel/mm/transparent_hugepage: the word in brackets of each file.
    TransparentHugepagesFact {
        exists: bool,
        /// always, madvise, never.
        enabled: String,
        /// always, defer, defer+madvise, madvise, never.
        defrag: String,
        /// always, within_size, advise, never, deny, force.
        shmem_enabled: String,
        /// Whether khugepaged may compact memory to find huge pages.
        khugepaged_defrag: Option<bool>,
    }
}
fact! {
    /// The memory of one process, from /proc/PID/smaps_rollup and numa_maps: of several that match, the one
    /// with the most anonymous memory. KiB.
    MemoryFact {
        running: bool,
        pid: Option<u32>,
        resident_kib: u64,
        anonymous_kib: u64,
        /// Backed by transparent huge pages.
        anonymous_huge_kib: u64,
        /// From pools of huge pages, private and shared.
        hugetlb_kib: u64,
        swap_kib: u64,
        locked_kib: u64,
        /// Everything resident on each NUMA node, by its number, huge pages of pools included.
        node_kib: Vec<u64>,
        /// Anonymous memory on each NUMA node, without pools of huge pages. A private mapping of a file counts
        /// only where all of its pages are copies.
        anonymous_node_kib: Vec<u64>,
        /// The same in whole percent of their sum, rounded; empty where there is none.
        anonymous_node_percent: Vec<u32>,
        /// Policies of its mappings in the kernel's words, each once: `default`, `bind:1`, `interleave:0-1`.
        policies: Vec<String>,
    }
}
fact! {
    /// The threads of all processes that match, from /proc/PID/task. Lists have an element per thread, in the
    /// order of their numbers.
    ThreadsFact {
        running: bool,
        /// All of them, also where the lists were cut.
        count: u32,
        names: Vec<String>,
        /// other, fifo, rr, batch, idle, deadline, ext.
        policies: Vec<String>,
        /// Real-time priorities: 1 to 99 with fifo and rr, else 0.
        priorities: Vec<u32>,
        /// -20 to 19.
        nices: Vec<i32>,
        /// Processors that each may run on, as a list: `0-3,8`.
        allowed: Vec<String>,
        /// The processor that each ran on last.
        processors: Vec<u32>,
        /// The same, each once, ascending.
        distinct_processors: Vec<u32>,
        /// There were more threads than the lists hold, which is 512.
        truncated: bool,
    }
}
fact! {
    /// Processors and NUMA nodes, from /sys/devices/system and /proc/irq. Sets of processors are written as the
    /// kernel writes lists: `0-3,8`; an empty set is an empty text.
    ProcessorsFact {
        present: String,
        online: String,
        /// Taken out of scheduling by `isolcpus=` or an isolated partition of cpuset.
        isolated: String,
        /// Without a tick while one task runs: `nohz_full=`.
        nohz_full: String,
        count_online: u32,
        /// Where unbound work of the kernel may run.
        workqueue_mask: String,
        /// Where new interrupts may go: /proc/irq/default_smp_affinity.
        default_irq_affinity: String,
        /// NUMA nodes that are online.
        numa_online: String,
        /// Processors of each NUMA node, by its number.
        numa_processors: Vec<String>,
        /// Memory of each NUMA node, MiB rounded down.
        numa_memory_mib: Vec<u64>,
        /// Distances from each NUMA node to all, as its file has them: `10 21`.
        distances: Vec<String>,
    }
}
fact! {
    /// The interrupts whose line in /proc/interrupts has this text in its description. Lists have an element
    /// per interrupt, in the order of their numbers.
    InterruptsFact {
        exists: bool,
        count: u32,
        numbers: Vec<u32>,
        /// Processors that each may go to, as a list: smp_affinity_list.
        affinities: Vec<String>,
        /// Processors that each does go to: effective_affinity_list.
        effective: Vec<String>,
        /// How often each came, on all processors together, since the start.
        totals: Vec<u64>,
    }
}
fact! {
    /// What GRUB would boot next without anybody at the menu, from /boot/grub/grub.cfg and grubenv.
    NextBootFact {
        /// There is a grub.cfg, and it boots something.
        exists: bool,
        /// Title of the entry, without those of the submenus around it; empty where the script boots by itself.
        title: String,
        /// As it is named, from the root of its file system: `/boot/vmlinuz-6.12.48+deb13-amd64`.
        kernel: String,
        /// What follows `vmlinuz-` in it; empty where nothing does.
        release: String,
        initrd: String,
        /// The parameters that the entry gives to the kernel; GRUB adds `BOOT_IMAGE=` when it boots.
        text: String,
        /// Split at spaces outside quotes.
        words: Vec<String>,
        kernel_present: bool,
        initrd_present: bool,
        /// For the next boot only: `grub-reboot`.
        once: bool,
    }
}
fact! {
    /// A kernel module on disk. Of several files of one name the one that modprobe would load: what modules.dep
    /// names, else one below `updates`.
    ModuleFileFact {
        exists: bool,
        path: String,
        /// Kernel releases below /lib/modules that have a module of this name, sorted.
        releases: Vec<String>,
        /// modules.dep of the release names this file, so that modprobe finds it.
        listed: bool,
        version: Option<String>,
        /// Release and options of the kernel that it was built for.
        vermagic: Option<String>,
        /// A signature is appended. Whether a kernel would believe it is not looked at.
        signed: bool,
        /// Modules that must be loaded before, with underscores.
        depends: Vec<String>,
    }
}
fact! {
    /// The first file system of a kernel: /boot/initrd.img-RELEASE, all archives in it.
    InitramfsFact {
        exists: bool,
        path: String,
        /// Last change of content, milliseconds since the epoch.
        modified_ms: u64,
        /// Every archive could be read to its end. What lies behind damage is not there for the kernel either.
        whole: bool,
        /// Of the last archive: none, gzip, xz, zstd.
        compression: String,
        /// Files, directories and links, all archives together.
        members: u32,
        /// Kernel modules, sorted, with underscores and without suffix.
        modules: Vec<String>,
        /// There is such a member; absent where none was asked for.
        has_member: Option<bool>,
        /// The member's text, where it is a regular file.
        text: Option<String>,
        /// More of the member was there than was kept.
        truncated: bool,
    }
}
fact! {
    /// A package of module sources in DKMS, from /var/lib/dkms and /lib/modules.
    DkmsFact {
        exists: bool,
        /// Versions that were added, sorted.
        versions: Vec<String>,
        /// A line per version and kernel, as `dkms status` has it without the name: `1.2: added`,
        /// `1.2, 6.12.48+deb13-amd64, x86_64: installed`. Installed is what DKMS calls so and whose modules stand below
        /// /lib/modules.
        states: Vec<String>,
        /// Kernel releases for which it is installed, sorted.
        installed: Vec<String>,
    }
}
fact! {
    /// A number that the kernel counts.
    KernelCounterFact {
        /// The file has such a name.
        exists: bool,
        /// The first number after it; KiB where the kernel says kB.
        value: Option<u64>,
    }
}
fact! {
    /// A disk and the settings of its queue, from /sys/block.
    BlockDeviceFact {
        exists: bool,
        /// The kernel's name: `vdb`.
        name: String,
        /// Empty where the disk tells none.
        serial: String,
        /// Rounded down.
        size_mib: u64,
        /// The scheduler in use: none, mq-deadline, bfq, kyber.
        scheduler: String,
        read_ahead_kib: u64,
        /// Requests that its queue holds: nr_requests.
        requests: u64,
        rotational: bool,
        /// The NUMA node that it is attached to; absent where the kernel knows none.
        numa_node: Option<u32>,
        /// write back, write through.
        write_cache: String,
    }
}

/// The answer to the question of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fact {
    File(FileFact),
    Text(TextFact),
    Find(FindFact),
    Service(ServiceFact),
    Process(ProcessFact),
    Port(PortFact),
    Package(PackageFact),
    User(UserFact),
    Group(GroupFact),
    Mount(MountFact),
    Device(DeviceFact),
    Module(ModuleFact),
    KernelParameter(KernelParameterFact),
    KernelCommandLine(KernelCommandLineFact),
    Cgroup(CgroupFact),
    Limit(LimitFact),
    Log(LogFact),
    Http(HttpFact),
    Command(CommandFact),
    Gpu(Box<GpuFact>),
    Gpus(Box<GpusFact>),
    Hugepages(HugepagesFact),
    TransparentHugepages(TransparentHugepagesFact),
    Memory(MemoryFact),
    Threads(ThreadsFact),
    Processors(Box<ProcessorsFact>),
    Interrupts(InterruptsFact),
    NextBoot(NextBootFact),
    ModuleFile(ModuleFileFact),
    Initramfs(InitramfsFact),
    Dkms(DkmsFact),
    KernelCounter(KernelCounterFact),
    BlockDevice(BlockDeviceFact),
}

/// Every kind of question with the fields of its fact, as Rust spells them.
pub const KINDS: &[(&str, &[&str])] = &[
    ("file", FileFact::FIELDS),
    ("text", TextFact::FIELDS),
    ("find", FindFact::FIELDS),
    ("service", ServiceFact::FIELDS),
    ("process", ProcessFact::FIELDS),
    ("port", PortFact::FIELDS),
    ("package", PackageFact::FIELDS),
    ("user", UserFact::FIELDS),
    ("group", GroupFact::FIELDS),
    ("mount", MountFact::FIELDS),
    ("device", DeviceFact::FIELDS),
    ("module", ModuleFact::FIELDS),
    ("kernel-parameter", KernelParameterFact::FIELDS),
    ("kernel-command-line", KernelCommandLineFact::FIELDS),
    ("cgroup", CgroupFact::FIELDS),
    ("limit", LimitFact::FIELDS),
    ("log", LogFact::FIELDS),
    ("http", HttpFact::FIELDS),
    ("command", CommandFact::FIELDS),
    ("gpu", GpuFact::FIELDS),
    ("gpus", GpusFact::FIELDS),
    ("hugepages", HugepagesFact::FIELDS),
    ("transparent-hugepages", TransparentHugepagesFact::FIELDS),
    ("memory", MemoryFact::FIELDS),
    ("threads", ThreadsFact::FIELDS),
    ("processors", ProcessorsFact::FIELDS),
    ("interrupts", InterruptsFact::FIELDS),
    ("next-boot", NextBootFact::FIELDS),
    ("module-file", ModuleFileFact::FIELDS),
    ("initramfs", InitramfsFact::FIELDS),
    ("dkms", DkmsFact::FIELDS),
    ("kernel-counter", KernelCounterFact::FIELDS),
    ("block-device", BlockDeviceFact::FIELDS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_travels_under_the_name_of_its_question() {
        let fact = Fact::KernelParameter(KernelParameterFact { exists: true, value: Some("0".into()) });
        let json = serde_json::to_string(&fact).expect("facts serialise");
        assert_eq!(json, r#"{"kernel-parameter":{"exists":true,"value":"0"}}"#);
        assert_eq!(serde_json::from_str::<Fact>(&json).expect("facts parse"), fact);
    }

    #[test]
    fn the_list_of_properties_is_what_travels() {
        let mount = serde_json::to_value(MountFact::default()).expect("facts serialise");
        let travels: Vec<&String> = mount.as_object().expect("a fact is an object").keys().collect();
        let mut listed: Vec<String> = MountFact::FIELDS.iter().map(|f| f.replace('_', "-")).collect();
        listed.sort();
        assert_eq!(travels.into_iter().cloned().collect::<Vec<_>>(), listed);
    }
}
