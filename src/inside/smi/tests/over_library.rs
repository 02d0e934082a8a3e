//! The built program over the built library, over hardware owned by this process: what an operator sees of a
//! healthy node and of broken ones, and how the program ends.

#[path = "../../nvml/tests/owner/mod.rs"]
mod owner;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crashcart_hardware::command::{Command as Ask, Verb};
use crashcart_hardware::fault::{Fault, GpuFault};
use crashcart_hardware::machine::{Client, Machine};
use crashcart_hardware::spec::{HardwareSpec, MigLayout};
use owner::Owner;
use tempfile::TempDir;

/// A node of whose GPUs this process is the owner.
struct Node {
    owner: Option<Owner>,
    socket: String,
    libraries: TempDir,
}

fn spec(driver: &str, mig: Vec<MigLayout>) -> HardwareSpec {
    HardwareSpec {
        profile: "hgx-h100".into(),
        driver: driver.into(),
        gpus: None,
        identity: "test".into(),
        mig,
    }
}

/// The library of this build, among what Cargo has built for this test.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let deps = test.parent().expect("a folder");
    let built = [deps.join("libnvidia_ml.so"), deps.with_file_name("libnvidia_ml.so")];
    built.into_iter().find(|path| path.exists()).expect("the library is built")
}

impl Node {
    fn healthy() -> Self {
        Self::with(spec("580.105.08", Vec::new()), "580.105.08")
    }

    /// `version` is that of the library; another than the driver's is a mismatch.
    fn with(spec: HardwareSpec, version: &str) -> Self {
        let machine = Machine::new(&spec, None, owner::now_ms()).expect("hardware that there is");
        let mut node = Self::without_driver(version);
        node.owner = Some(Owner::open(machine, node.socket.as_bytes()));
        node
    }

    fn without_driver(version: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = format!("crashcart-smi-test-{}-{number}", std::process::id());
        let libraries = tempfile::tempdir().expect("a folder");
        let named = format!("libnvidia-ml.so.{version}");
        std::fs::copy(library(), libraries.path().join(&named)).expect("the library");
        std::os::unix::fs::symlink(named, libraries.path().join("libnvidia-ml.so.1")).expect("its soname");
        Self { owner: None, socket, libraries }
    }

    fn breaks(&self, gpu: u32, fault: Fault) {
        let owner = self.owner.as_ref().expect("hardware to break");
        owner
            .change(|machine, now| machine.inject(now, &GpuFault { gpu, fault }))
            .expect("a fault that this hardware can have");
    }

    /// What is printed, and the exit code.
    fn run(&self, line: &str) -> (String, i32) {
        let done = Command::new(env!("CARGO_BIN_EXE_nvidia-smi"))
            .args(line.split_whitespace())
            .env("LD_LIBRARY_PATH", self.libraries.path())
            .env("CRASHCART_NVML_SOCKET", &self.socket)
            .env("CRASHCART_NVML_DEVICES", "skip")
            .output()
            .expect("the program runs");
        assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        (String::from_utf8(done.stdout).expect("text"), done.status.code().expect("an exit code"))
    }
}

#[test]
fn a_healthy_node_shows_its_eight_gpus() {
    let node = Node::healthy();
    let (table, exit) = node.run("");
    assert_eq!(exit, 0);
    assert_eq!(table.matches("NVIDIA H100 80GB HBM3          On").count(), 8, "{table}");
    assert!(table.contains("No running processes found"));
    for line in table.lines().skip(1).filter(|line| !line.is_empty()) {
        assert_eq!(line.chars().count(), 91, "{line}");
    }
    assert_eq!(node.run("-L").0.lines().count(), 8);
    let (query, exit) = node.run("-q");
    assert_eq!(exit, 0);
    assert!(!query.contains("Unknown Error") && !query.contains("Function Not Found"), "{query}");
    let (xml, _) = node.run("-q -x");
    assert!(xml.contains("nvsmi_device_v13.dtd") && xml.matches("<gpu id=").count() == 8);
    assert!(node.run("topo -m").0.contains("GPU0\t X \tNV18\t"));
    assert!(node.run("nvlink -s -i 0").0.contains("\t Link 17: 26.562 GB/s"));
    assert_eq!(node.run("-i 12"), ("No devices were found\n".into(), 6));
}

/// Source: `nvidia-smi -q -x` of an HGX H100 under 580.105.08, idle (NVIDIA/k8s-test-infra, qx-h100.xml); what of it
/// differs from one board and moment to the next is left out.
#[test]
fn an_idle_h100_reads_as_a_capture_of_one() {
    let (xml, _) = Node::healthy().run("-q -x -i 0");
    for line in [
        "<display_attached>Yes</display_attached>",
        "<gpu_part_number>2330-885-A1</gpu_part_number>",
        "<reserved>480 MiB</reserved>",
        "<free>81080 MiB</free>",
        "<cc_protected_memory_usage>\n\t\t\t<total>0 MiB</total>",
        "<gpu_temp_max_tlimit_threshold>-8 C</gpu_temp_max_tlimit_threshold>",
        "<row_remapper_histogram_max>2560 bank(s)</row_remapper_histogram_max>",
        "<power_smoothing>N/A</power_smoothing>",
        "<fabric>\n\t\t\t<state>Completed</state>",
    ] {
        assert!(xml.contains(line), "{line} is not in\n{xml}");
    }
    let (_, memory) = xml.split_once("<gpu_memory_power_readings>").expect("the memory's power");
    let mut lines = memory.lines().skip(1).map(str::trim);
    let average = lines.next().and_then(|line| line.strip_prefix("<average_power_draw>")?.split(' ').next());
    let watts: f64 = average.and_then(|watts| watts.parse().ok()).expect("watts");
    assert!((30.0..36.0).contains(&watts), "{watts} W of the memory alone");
    assert_eq!(lines.next(), Some("<instant_power_draw>N/A</instant_power_draw>"));
}

/// Source: `nvidia-smi -q` of an H100 under 590.48.01 with instances of three, two and one slices
/// (nvidia_gpu_exporter), whose sizes and first megabytes are these.
#[test]
fn instances_have_the_memory_and_the_window_of_a_capture() {
    let profiles = ["3g.40gb", "2g.20gb", "1g.10gb", "1g.10gb"].map(String::from).to_vec();
    let node = Node::with(spec("580.105.08", vec![MigLayout { gpu: 0, profiles }]), "580.105.08");
    let (table, _) = node.run("-i 0");
    for cells in [
        "|              26MiB / 40448MiB    | 60      0 |  3   0    3    0    3 |",
        "|               0MiB / 24739MiB    |",
        "|              17MiB / 20096MiB    | 32      0 |  2   0    2    0    2 |",
        "|               0MiB / 12369MiB    |",
        "|               9MiB /  9984MiB    | 16      0 |  1   0    1    0    1 |",
        "|               0MiB /  6184MiB    |",
        "|      59MiB /  81559MiB |",
    ] {
        assert!(table.contains(cells), "{cells} is not in\n{table}");
    }
}

/// Source: `nvidia-smi -q -x` of an A100 under 570.148.08 and of a T4 under 595.91.07 (NVIDIA/k8s-test-infra).
#[test]
fn boards_without_an_average_of_their_power_have_none_to_show() {
    for (profile, unlike) in [("hgx-a100", "<jpeg_util>N/A"), ("single-t4", "_repair_pending>")] {
        let node =
            Node::with(HardwareSpec { profile: profile.into(), ..spec("580.105.08", vec![]) }, "580.105.08");
        let (xml, _) = node.run("-q -x -i 0");
        let power =
            "<gpu_power_readings>\n\t\t\t<power_state>P0</power_state>\n\t\t\t<average_power_draw>N/A";
        let power = if profile == "single-t4" { power.replace("P0", "P8") } else { power.into() };
        assert!(xml.contains(&power), "{profile}: {xml}");
        assert!(!xml.contains(unlike), "{profile} shows {unlike}");
    }
}

#[test]
fn what_is_retired_remapped_and_on_offer_is_asked_of_the_library() {
    let node =
        Node::with(HardwareSpec { profile: "single-t4".into(), ..spec("580.105.08", vec![]) }, "580.105.08");
    node.breaks(0, Fault::UncorrectableEcc);
    let (rows, exit) =
        node.run("--query-retired-pages=retired_pages.address,retired_pages.cause --format=csv,noheader");
    assert_eq!(exit, 0);
    let (address, cause) = rows.trim_end().split_once(", ").expect("one page");
    assert!(address.len() == 18 && address.starts_with("0x000"), "{rows}");
    assert_eq!(cause, "Double Bit ECC");
    let rows = node.run("--query-remapped-rows=remapped_rows.pending --format=csv,noheader").0;
    assert_eq!(rows, "[N/A]\n", "a T4 remaps none");
    let clocks = node.run("--query-supported-clocks=mem,gr --format=csv,noheader,nounits").0;
    assert_eq!(clocks.lines().filter(|line| line.starts_with("5001, ")).count(), 87, "{clocks}");
    assert_eq!(node.run("-B"), ("No excluded devices found.\n".into(), 0));
}

#[test]
fn the_ways_between_gpus_are_told_one_by_one() {
    let node = Node::healthy();
    let (said, exit) = node.run("topo -n 1 -i 4");
    assert_eq!(
        (said.as_str(), exit),
        ("Device 4 is connected by way of a single PCIe switch to device(s): 5\n", 0)
    );
    let said = node.run("topo -p -i 0,7").0;
    assert_eq!(
        said,
        "Device 0 is connected to device 7 by way of an SMP interconnect link between NUMA nodes.\n"
    );
    assert_eq!(node.run("topo -c 60").0, "The GPUs that have an affinity with CPU 60 are: 4, 5, 6, 7\n");
    assert!(node.run("topo -mp").0.contains("GPU0\t X \tPIX\t"));
    let links = node.run("nvlink -R -i 1 -l 3").0;
    assert!(links.contains("\t Link 3: Remote Device 00000000:"), "{links}");
    assert!(
        node.run("nvlink -gt d -i 1 -l 3")
            .0
            .ends_with("\t Link 3: Data Tx: 0 KiB\n\t Link 3: Data Rx: 0 KiB\n")
    );
}

#[test]
fn the_links_are_there_before_the_fabric_stands() {
    let node = Node::healthy();
    node.breaks(0, Fault::FabricNotReady);
    assert!(node.run("topo -m").0.contains("GPU0\t X \tNV18\t"));
    assert!(node.run("-q -i 0").0.contains("State                             : In Progress"));
}

#[test]
fn every_property_can_be_asked_of_the_library() {
    let node = Node::healthy();
    let (help, _) = node.run("--help-query-gpu");
    let names: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix('"')?.split('"').next()).collect();
    assert!(names.len() > 150, "{help}");
    let (rows, exit) = node.run(&format!("-i 0 --query-gpu={} --format=csv", names.join(",")));
    assert_eq!(exit, 0, "{rows}");
    assert!(!rows.contains("[Unknown Error]") && !rows.contains("[Invalid Argument]"), "{rows}");
}

#[test]
fn a_lost_gpu_is_named_and_the_others_still_answer() {
    let node = Node::healthy();
    node.breaks(3, Fault::FallenOffBus);
    let (table, exit) = node.run("");
    let said = "Unable to determine the device handle for GPU3: 0000:86:00.0: GPU is lost.  Reboot the system to \
                recover this GPU\n";
    assert!(table.starts_with(said), "{table}");
    assert_eq!(exit, 15);
    assert_eq!(node.run("-i 0000:86:00.0"), (said.into(), 15));
    let (rows, exit) = node.run("--query-gpu=index --format=csv,noheader");
    assert_eq!(rows.lines().filter(|line| line.len() == 1).count(), 7, "{rows}");
    assert_eq!(exit, 15);
    assert_eq!(node.run("-i 2 --query-gpu=index --format=csv,noheader"), ("2\n".into(), 0));
}

#[test]
fn a_gpu_whose_gsp_hangs_has_errors_in_its_cells() {
    let node = Node::healthy();
    node.breaks(5, Fault::GspTimeout);
    let (table, exit) = node.run("");
    assert_eq!(exit, 0);
    assert!(table.contains("ERR!"), "{table}");
    for line in table.lines().skip(1).filter(|line| !line.is_empty()) {
        assert_eq!(line.chars().count(), 91, "{line}");
    }
    let (row, _) = node.run("-i 5 --query-gpu=ecc.mode.current --format=csv,noheader");
    assert_eq!(row, "[Unknown Error]\n");
}

#[test]
fn a_library_of_another_version_is_refused() {
    let node = Node::with(spec("580.105.08", Vec::new()), "570.158.01");
    let expected =
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.158\n";
    assert_eq!(node.run(""), (expected.into(), 18));
}

#[test]
fn without_a_driver_there_is_nothing_to_talk_to() {
    let node = Node::without_driver("580.105.08");
    let (text, exit) = node.run("");
    assert!(text.starts_with("NVIDIA-SMI has failed because it couldn't communicate"), "{text}");
    assert_eq!(exit, 9);
    assert_eq!(node.run("-h").1, 0);
    assert!(node.run("--help-query-gpu").0.contains("\"memory.total\""));
}

#[test]
fn without_a_library_it_says_where_it_looked() {
    let node = Node::without_driver("580.105.08");
    std::fs::remove_file(node.libraries.path().join("libnvidia-ml.so.1")).expect("its soname");
    let (text, exit) = node.run("");
    if exit == 0 || exit == 9 {
        return; // This machine has a driver of its own.
    }
    assert!(text.starts_with("NVIDIA-SMI couldn't find libnvidia-ml.so library"), "{text}");
    assert_eq!(exit, 12);
}

#[test]
fn mig_devices_are_listed_cut_and_joined_again() {
    let cut = MigLayout { gpu: 0, profiles: vec!["3g.40gb".into(), "1g.10gb".into()] };
    let node = Node::with(spec("580.105.08", vec![cut]), "580.105.08");
    let (table, _) = node.run("-i 0");
    assert!(table.contains("| MIG devices:") && table.contains("/ 40448MiB    |"), "{table}");
    assert!(node.run("-L -i 0").0.contains("  MIG 3g.40gb     Device  0: (UUID: MIG-"));
    let (profiles, _) = node.run("mig -lgip -i 0");
    assert!(
        profiles
            .contains("|   0  MIG 1g.10gb         19     3/7        9.75       No     16     1     0   |"),
        "{profiles}"
    );
    for line in profiles.lines() {
        assert_eq!(line.chars().count(), 81, "{line}");
    }
    let (refused, exit) = node.run("mig -dgi -i 0 -gi 2");
    assert_eq!(
        refused,
        "Unable to destroy GPU instance ID  2 from GPU  0: In use by another client\n\
         Failed to destroy GPU instances: In use by another client\n"
    );
    assert_eq!(exit, 19);
    assert_eq!(node.run("mig -dci").1, 0);
    assert_eq!(node.run("mig -dgi").1, 0);
    assert_eq!(node.run("mig -lgi"), ("No GPU instances found: Not Found\n".into(), 6));
    let (made, exit) = node.run("mig -i 0 -cgi 9 -C");
    assert!(made.starts_with("Successfully created GPU instance ID "), "{made}");
    assert!(made.contains("using profile MIG 3g.40gb (ID  9)"), "{made}");
    assert_eq!(exit, 0);
    assert_eq!(node.run("mig -lgi -i 1"), ("No MIG-enabled devices found.\n".into(), 6));
}

#[test]
fn a_reset_cures_what_waits_for_one_and_is_refused_where_somebody_works() {
    let node = Node::with(
        HardwareSpec { profile: "hgx-a100".into(), ..spec("580.105.08", Vec::new()) },
        "580.105.08",
    );
    node.breaks(0, Fault::UncorrectableEcc);
    let bus = |gpu: u32| {
        node.run(&format!("-i {gpu} --query-gpu=pci.bus_id --format=csv,noheader")).0.trim().to_owned()
    };
    let (first, second, last) = (bus(0), bus(1), bus(7));
    let owner = node.owner.as_ref().expect("hardware");
    let worker = Client { connection: 77, pid: std::process::id() as i32, uid: 1000 };
    let context = Ask::new(Verb::OpenContext, 1, &[u64::MAX, u64::MAX, 1]);
    assert_eq!(owner.change(|machine, now| machine.command(now, worker, &context)).status, 0);

    let (said, exit) = node.run("-q -d ROW_REMAPPER -i 0");
    assert!(said.contains("Pending                           : Yes"), "{said}");
    assert_eq!(exit, 0);
    let busy = format!(
        "GPU {first} was successfully reset.\n\
         The following GPUs could not be reset:\n  GPU {second}: In use by another client\n\n\
         1 device is currently being used by one or more other processes (e.g., Fabric Manager, CUDA application, \
         graphics application such as an X server, or a monitoring application such as another instance of \
         nvidia-smi). Please first kill all processes using this device and all compute applications running in \
         the system.\n"
    );
    assert_eq!(node.run("--gpu-reset -i 0,1"), (busy, 255));
    let (said, _) = node.run("-q -d ROW_REMAPPER -i 0");
    assert!(said.contains("Pending                           : No"), "{said}");

    owner.change(|machine, now| machine.disconnect(now, worker.connection));
    let (said, exit) = node.run("-mig 1 -i 1");
    assert!(
        said.starts_with("Warning: MIG mode is in pending enable state") && said.ends_with("\nAll done.\n"),
        "{said}"
    );
    assert!(!said.contains("Treating as warning") && exit == 0, "{said}");
    assert_eq!(node.run("-r -i 1"), (format!("GPU {second} was successfully reset.\nAll done.\n"), 0));
    node.breaks(0, Fault::FabricNotReady);
    let (said, exit) = node.run("-r -i 0,1,2,3,4,5,6");
    assert!(said.contains(&format!("the same command:\n  GPU {last}\n\n")), "{said}");
    assert_eq!(exit, 255);
    assert_eq!(node.run("-r").0.matches("was successfully reset.").count(), 8);
    node.breaks(3, Fault::FallenOffBus);
    let (said, exit) = node.run("-r -i 3");
    assert!(said.starts_with("Unable to determine the device handle for GPU3"), "{said}");
    assert_eq!(exit, 15);
}

#[test]
fn settings_say_what_became_of_them() {
    let node = Node::healthy();
    let (said, exit) = node.run("-i 0 -pl 300");
    assert_eq!(exit, 0);
    assert!(said.ends_with("was set to 300.00 W from 700.00 W.\nAll done.\n"), "{said}");
    let (said, exit) = node.run("-i 0 -pl 30");
    assert!(said.starts_with("Provided power limit 30.00 W is not a valid power limit"), "{said}");
    assert_eq!(exit, 2);
    assert!(node.run("-i 0 -pm 1").0.starts_with("Persistence mode is already Enabled for GPU"));
}
