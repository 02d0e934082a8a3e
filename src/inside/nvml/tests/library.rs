//! The built library, loaded as clients load it, over an owner in this process.
//!
//! All tests share one process and one name of the socket, so they run one after another.

#![expect(unsafe_code, reason = "what is tested is a C library")]

#[path = "library/hostile.rs"]
mod hostile;
mod owner;

use std::ffi::{CStr, c_char, c_void};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crashcart_hardware::command::{Command, Verb};
use crashcart_hardware::fault::{Fault, GpuFault};
use crashcart_hardware::machine::{Client, Machine};
use crashcart_hardware::spec::{HardwareSpec, MigLayout};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::EccCounter;
use nvml_wrapper::enum_wrappers::device::{Clock, MemoryError, TemperatureSensor, TopologyLevel};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper_sys::bindings as sys;
use owner::Owner;

/// A node: its hardware, and the library over it.
struct Node {
    library: PathBuf,
    devices: tempfile::TempDir,
    owner: Owner,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Node {
    fn with(spec: HardwareSpec) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let devices = tempfile::tempdir().expect("a folder");
        let machine = Machine::new(&spec, None, owner::now_ms()).expect("hardware that there is");
        for name in (0..machine.gpus()).map(|minor| format!("nvidia{minor}")).chain(["nvidiactl".into()]) {
            std::fs::write(devices.path().join(name), []).expect("a device node");
        }
        let socket = format!("crashcart-nvml-test-{}", std::process::id());
        // SAFETY: tests hold `ALONE`, and nothing else here reads the environment meanwhile.
        unsafe {
            std::env::set_var("CRASHCART_NVML_SOCKET", &socket);
            std::env::set_var("CRASHCART_NVML_DEVICES", devices.path());
        }
        let owner = Owner::open(machine, socket.as_bytes());
        let test = std::env::current_exe().expect("this test");
        // Beside the tests: the one a folder up is of the last `cargo build`.
        let library = test.with_file_name("libnvidia_ml.so");
        Self { library, devices, owner, _alone: alone }
    }

    fn new(profile: &str) -> Self {
        Self::with(spec(profile))
    }

    fn nvml(&self) -> Nvml {
        self.try_nvml().expect("the library initialises")
    }

    fn try_nvml(&self) -> Result<Nvml, NvmlError> {
        Nvml::builder().lib_path(self.library.as_os_str()).init()
    }

    fn breaks(&self, gpu: u32, fault: Fault) {
        let fault = GpuFault { gpu, fault };
        self.owner
            .change(|machine, now| machine.inject(now, &fault))
            .expect("a fault that this hardware has");
    }

    fn raw(&self) -> libloading::Library {
        // SAFETY: our library does nothing when it is loaded.
        unsafe { libloading::Library::new(&self.library) }.expect("the library loads")
    }
}

fn spec(profile: &str) -> HardwareSpec {
    HardwareSpec {
        profile: profile.into(),
        driver: "580.105.08".into(),
        gpus: None,
        identity: "test".into(),
        mig: Vec::new(),
    }
}

/// A function that takes up to eight words.
type Words = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize, usize, usize) -> u32;

fn call(library: &libloading::Library, name: &str, arguments: &[usize]) -> u32 {
    let mut all = [0; 8];
    all[..arguments.len()].copy_from_slice(arguments);
    let [a, b, c, d, e, f, g, h] = all;
    // SAFETY: every function takes at most eight words, and those that it takes are as the test means them.
    unsafe {
        let function = library.get::<Words>(name.as_bytes()).unwrap_or_else(|_| panic!("{name} is exported"));
        function(a, b, c, d, e, f, g, h)
    }
}

fn symbols() -> Vec<&'static str> {
    include_str!("../src/symbols.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn a_healthy_node_answers_as_hardware_does() {
    let node = Node::new("hgx-h100");
    let nvml = node.nvml();
    assert_eq!(nvml.device_count().expect("a count"), 8);
    assert_eq!(nvml.sys_driver_version().expect("a version"), "580.105.08");
    assert_eq!(nvml.sys_nvml_version().expect("a version"), "13.580.105.08");
    assert_eq!(nvml.sys_cuda_driver_version().expect("a version"), 13000);

    let gpu = nvml.device_by_index(1).expect("a GPU");
    assert_eq!(gpu.name().expect("a name"), "NVIDIA H100 80GB HBM3");
    assert_eq!(gpu.index().expect("an index"), 1);
    assert_eq!(gpu.minor_number().expect("a number"), 1);
    assert_eq!(gpu.memory_info().expect("memory").total, 81559 << 20);
    assert_eq!(gpu.power_management_limit().expect("a limit"), 700_000);
    assert_eq!(gpu.max_clock_info(Clock::Memory).expect("a clock"), 2619);
    assert!((15..60).contains(&gpu.temperature(TemperatureSensor::Gpu).expect("a temperature")));
    assert_eq!(gpu.utilization_rates().expect("load").gpu, 0);
    let pci = gpu.pci_info().expect("a place");
    assert_eq!((pci.bus_id.as_str(), pci.pci_device_id), ("00000000:64:00.0", 0x2330_10de));
    assert_eq!(gpu.cuda_compute_capability().expect("a capability").major, 9);
    assert!(gpu.running_compute_processes().expect("a list").is_empty());
    assert_eq!(gpu.supported_graphics_clocks(2619).expect("clocks").len(), 110);
    assert!(gpu.link_wrapper_for(17).is_active().is_ok());
    assert!(matches!(gpu.link_wrapper_for(18).is_active(), Err(NvmlError::InvalidArg)));
    assert!(matches!(gpu.fan_speed(0), Err(NvmlError::NotSupported)));

    let uuid = gpu.uuid().expect("a UUID");
    assert_eq!(nvml.device_by_uuid(uuid.as_str()).expect("the same").index().expect("an index"), 1);
    assert_eq!(nvml.device_by_pci_bus_id("0000:64:00.0").expect("the same").uuid().expect("a UUID"), uuid);
    let other = nvml.device_by_index(0).expect("a GPU");
    assert_ne!(gpu.topology_common_ancestor(other).expect("a level"), TopologyLevel::Internal);
    assert!(matches!(nvml.device_by_index(8), Err(NvmlError::InvalidArg)));
    assert!(matches!(nvml.device_by_uuid("GPU-0"), Err(NvmlError::NotFound)));
}

#[test]
fn a_gpu_off_the_bus_is_lost_and_the_others_go_on() {
    let node = Node::new("hgx-h100");
    let nvml = node.nvml();
    let held = nvml.device_by_index(3).expect("a GPU");
    node.breaks(3, Fault::FallenOffBus);
    assert_eq!(nvml.device_count().expect("a count"), 8);
    assert!(matches!(nvml.device_by_index(3), Err(NvmlError::GpuLost)));
    assert!(matches!(held.name(), Err(NvmlError::GpuLost)));
    assert!(matches!(held.power_usage(), Err(NvmlError::GpuLost)));
    assert!(nvml.device_by_index(4).expect("a GPU").power_usage().is_ok());
}

#[test]
fn of_a_gpu_whose_firmware_hangs_the_driver_tells_what_it_knows() {
    let node = Node::new("hgx-h100");
    node.breaks(5, Fault::GspTimeout);
    let nvml = node.nvml();
    let gpu = nvml.device_by_index(5).expect("a GPU");
    assert_eq!(gpu.name().expect("a name"), "NVIDIA H100 80GB HBM3");
    assert!(
        gpu.memory_info().is_ok() && gpu.uuid().is_ok() && gpu.pci_info().is_ok() && gpu.serial().is_ok()
    );
    assert!(gpu.is_in_persistent_mode().is_ok() && gpu.temperature(TemperatureSensor::Gpu).is_ok());
    assert!(gpu.performance_state().is_ok() && gpu.compute_mode().is_ok());
    assert!(matches!(gpu.power_usage(), Err(NvmlError::NotSupported)));
    assert!(matches!(gpu.utilization_rates(), Err(NvmlError::NotSupported)));
    assert!(matches!(gpu.mig_mode(), Err(NvmlError::Unknown)));
    assert!(matches!(gpu.is_ecc_enabled(), Err(NvmlError::Unknown)));
    assert!(matches!(gpu.clock_info(Clock::SM), Err(NvmlError::Unknown)));
    let recovery = FieldId(sys::field_id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION);
    let energy = FieldId(sys::field_id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION);
    let values = gpu.field_values_for(&[recovery, energy]).expect("values");
    let [Ok(recovery), Ok(energy)] = values.as_slice() else { panic!("two values") };
    assert!(matches!(recovery.value, Ok(SampleValue::U32(1))), "a reset is needed: {recovery:?}");
    assert!(matches!(energy.value, Err(NvmlError::Unknown)), "{energy:?}");
}

#[test]
fn a_library_of_another_version_than_the_driver_does_not_initialise() {
    let mut node = Node::new("hgx-h100");
    let folder = tempfile::tempdir().expect("a folder");
    let built = node.library.clone();
    for (version, fits) in [("570.158.01", false), ("580.105.08", true)] {
        let file = folder.path().join(format!("libnvidia-ml.so.{version}"));
        std::fs::copy(&built, &file).expect("a copy");
        // As the package installs it: clients load the name without a version.
        let link = folder.path().join(format!("{version}.so.1"));
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        node.library = link;
        match node.try_nvml() {
            Ok(nvml) => {
                assert!(fits);
                assert_eq!(nvml.sys_nvml_version().expect("a version"), "13.580.105.08");
            }
            Err(error) => assert!(!fits && matches!(error, NvmlError::LibRmVersionMismatch), "{error}"),
        }
        // A mismatched library still says which it is.
        let mut text = [0 as c_char; 80];
        assert_eq!(call(&node.raw(), "nvmlSystemGetNVMLVersion", &[text.as_mut_ptr().addr(), 80]), 0);
        // SAFETY: the library ended the text with a zero byte.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().expect("a version");
        assert!(text.ends_with(version), "{text}");
    }
}

#[test]
fn without_driver_or_device_nodes_nothing_initialises() {
    let node = Node::new("single-t4");
    std::fs::remove_file(node.devices.path().join("nvidiactl")).expect("it was there");
    assert!(matches!(node.try_nvml(), Err(NvmlError::DriverNotLoaded)));
    std::fs::write(node.devices.path().join("nvidiactl"), []).expect("a device node");
    node.owner.change(|machine, now| machine.set_driver_loaded(now, false));
    assert!(matches!(node.try_nvml(), Err(NvmlError::DriverNotLoaded)));
    node.owner.change(|machine, now| machine.set_driver_loaded(now, true));
    assert_eq!(node.nvml().device_count().expect("a count"), 1);
    let Node { owner, library, .. } = &node;
    let _ = owner;
    // SAFETY: as in `Node::with`.
    unsafe { std::env::set_var("CRASHCART_NVML_SOCKET", "crashcart-nobody") };
    assert!(matches!(Nvml::builder().lib_path(library.as_os_str()).init(), Err(NvmlError::DriverNotLoaded)));
}

#[test]
fn gpus_whose_device_nodes_are_not_there_are_hidden() {
    let node = Node::new("hgx-h100");
    for minor in [0, 2] {
        std::fs::remove_file(node.devices.path().join(format!("nvidia{minor}"))).expect("it was there");
    }
    let nvml = node.nvml();
    assert_eq!(nvml.device_count().expect("a count"), 6);
    let first = nvml.device_by_index(0).expect("a GPU");
    assert_eq!((first.index().expect("an index"), first.minor_number().expect("a number")), (0, 1));
    assert_eq!(nvml.device_by_index(1).expect("a GPU").minor_number().expect("a number"), 3);
}

#[test]
fn every_waiter_hears_of_an_xid_once() {
    let node = Node::new("hgx-h100");
    let nvml = node.nvml();
    let watch = || {
        let set = nvml.create_event_set().expect("a set");
        let gpu = nvml.device_by_index(3).expect("a GPU");
        gpu.register_events(EventTypes::CRITICAL_XID_ERROR, set).expect("a registration")
    };
    let (first, second) = (watch(), watch());
    assert!(matches!(first.wait(20), Err(NvmlError::Timeout)));

    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            node.breaks(3, Fault::FallenOffBus);
        });
        let event = first.wait(5000).expect("an event");
        assert!(format!("{event:?}").contains("Value(79)"), "{event:?}");
    });
    assert!(format!("{:?}", second.wait(1000).expect("an event")).contains("Value(79)"));
    // What was said once is not said again; Xid 154 that follows 79 is another.
    while let Ok(event) = first.wait(0) {
        assert!(!format!("{event:?}").contains("Value(79)"), "{event:?}");
    }
    let late = {
        let set = nvml.create_event_set().expect("a set");
        nvml.device_by_index(4).expect("a GPU").register_events(EventTypes::CRITICAL_XID_ERROR, set)
    };
    let begin = Instant::now();
    assert!(matches!(late.expect("a registration").wait(60), Err(NvmlError::Timeout)));
    assert!(begin.elapsed() >= Duration::from_millis(60), "a wait lasts as long as it was told");
}

#[test]
fn memory_errors_and_rows_that_wait_are_told() {
    let node = Node::new("hgx-h100");
    node.breaks(0, Fault::UncorrectableEcc);
    let nvml = node.nvml();
    let gpu = nvml.device_by_index(0).expect("a GPU");
    let errors = gpu.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile);
    assert_eq!(errors.expect("a count"), 1);
    let raw = node.raw();
    let handle = handle_of(&raw, 0);
    let mut rows = [9u32; 4];
    let places: Vec<usize> = rows.iter_mut().map(|row| std::ptr::from_mut(row).addr()).collect();
    assert_eq!(call(&raw, "nvmlDeviceGetRemappedRows", &[&[handle], &places[..]].concat()), 0);
    assert_eq!(rows[2], 1, "a row waits for the reset");
    assert!(matches!(
        gpu.retired_pages(nvml_wrapper::enum_wrappers::device::RetirementCause::DoubleBitEccError),
        Err(NvmlError::NotSupported)
    ));
}

#[test]
fn processes_come_in_both_layouts() {
    use crashcart_hardware::command::{Command, Verb};
    use crashcart_hardware::machine::Client;
    let node = Node::new("single-t4");
    let pid = std::process::id();
    node.owner.change(|machine, now| {
        let from = Client { connection: 77_000, pid: pid as i32, uid: 0 };
        let whole = crashcart_hardware::page::NONE;
        let opened = machine.command(now, from, &Command::new(Verb::OpenContext, 0, &[whole, whole, 1]));
        assert_eq!(opened.status, 0);
        machine.command(
            now,
            from,
            &Command::new(Verb::UseContext, 0, &[opened.values[0], 512 << 20, 500, 100]),
        )
    });
    let nvml = node.nvml();
    let gpu = nvml.device_by_index(0).expect("a GPU");
    let new = gpu.running_compute_processes().expect("a list");
    let old = gpu.running_compute_processes_v2().expect("a list");
    assert_eq!((new.len(), new[0].pid, new[0].gpu_instance_id), (1, pid, None));
    assert!(matches!(new[0].used_gpu_memory, UsedGpuMemory::Used(bytes) if bytes >= 512 << 20));
    assert_eq!(old, new);
    assert!(nvml.sys_process_name(pid, 256).expect("a name").contains("library"));

    // The oldest layout: 16 bytes an entry, and what lies behind stays as it was.
    let raw = node.raw();
    let mut entries = [0xaaaa_aaaa_aaaa_aaaau64; 4];
    let mut count = 0u32;
    let arguments = |count: &mut u32, entries: &mut [u64; 4]| {
        [handle_of(&raw, 0), std::ptr::from_mut(count).addr(), entries.as_mut_ptr().addr()]
    };
    let given = arguments(&mut count, &mut entries);
    assert_eq!(call(&raw, "nvmlDeviceGetComputeRunningProcesses", &given), 7, "too small");
    assert_eq!(count, 1);
    let given = arguments(&mut count, &mut entries);
    assert_eq!(call(&raw, "nvmlDeviceGetComputeRunningProcesses", &given), 0);
    assert_eq!(entries[0] as u32, pid);
    assert_eq!(entries[2..], [0xaaaa_aaaa_aaaa_aaaa; 2]);
}

#[test]
fn a_gpu_is_cut_used_and_made_whole_again() {
    let mut spec = spec("hgx-h100");
    spec.mig = vec![MigLayout { gpu: 0, profiles: vec!["3g.40gb".into(), "2g.20gb".into()] }];
    let node = Node::with(spec);
    let nvml = node.nvml();
    let gpu = nvml.device_by_index(0).expect("a GPU");
    assert_eq!(gpu.mig_device_count().expect("a count"), 7);
    assert!(matches!(gpu.utilization_rates(), Err(NvmlError::NotSupported)));
    let first = gpu.mig_device_by_index(0).expect("a MIG device");
    assert_eq!(first.name().expect("a name"), "NVIDIA H100 80GB HBM3 MIG 3g.40gb");
    assert_eq!(first.memory_info().expect("memory").total, 40448 << 20);
    assert_eq!(first.attributes().expect("attributes").multiprocessor_count, 60);
    assert!(first.mig_is_mig_device_handle().expect("an answer"));
    assert_eq!(first.mig_parent_device().expect("its GPU").index().expect("an index"), 0);
    let uuid = first.uuid().expect("a UUID");
    assert!(uuid.starts_with("MIG-"));
    assert_eq!(nvml.device_by_uuid(uuid.as_str()).expect("the same").uuid().expect("a UUID"), uuid);
    assert!(matches!(gpu.mig_device_by_index(2), Err(NvmlError::NotFound)));
    assert!(matches!(first.power_management_limit_constraints(), Err(NvmlError::NotSupported)));

    let raw = node.raw();
    let device = handle_of(&raw, 0);
    let mut instance = 0usize;
    let mut compute = 0usize;
    let place = |of: &mut usize| std::ptr::from_mut(of).addr();
    assert_eq!(call(&raw, "nvmlDeviceCreateGpuInstance", &[device, 9, place(&mut instance)]), 23);
    assert_eq!(call(&raw, "nvmlDeviceCreateGpuInstance", &[device, 19, place(&mut instance)]), 0);
    assert_eq!(call(&raw, "nvmlGpuInstanceCreateComputeInstance", &[instance, 0, place(&mut compute)]), 0);
    assert_eq!(
        gpu.mig_device_by_index(2).expect("a third").attributes().expect("some").multiprocessor_count,
        16
    );
    assert_eq!(call(&raw, "nvmlGpuInstanceDestroy", &[instance]), 19, "in use");
    assert_eq!(call(&raw, "nvmlComputeInstanceDestroy", &[compute]), 0);
    assert_eq!(call(&raw, "nvmlGpuInstanceDestroy", &[instance]), 0);
    assert_eq!(call(&raw, "nvmlGpuInstanceDestroy", &[instance]), 2, "a stale handle");
    assert_eq!(call(&raw, "nvmlComputeInstanceDestroy", &[compute]), 2, "a stale handle");
}

#[test]
fn setters_reach_the_hardware() {
    let node = Node::new("single-t4");
    let nvml = node.nvml();
    let mut gpu = nvml.device_by_index(0).expect("a GPU");
    gpu.set_power_management_limit(65_000).expect("root may");
    assert_eq!(gpu.power_management_limit().expect("a limit"), 65_000);
    assert!(matches!(gpu.set_power_management_limit(650_000), Err(NvmlError::InvalidArg)));
    gpu.set_persistent(false).expect("root may");
    assert!(!gpu.is_in_persistent_mode().expect("a mode"));
    gpu.set_compute_mode(nvml_wrapper::enum_wrappers::device::ComputeMode::ExclusiveProcess)
        .expect("root may");
    assert!(gpu.set_mig_mode(true).is_err());
}

#[test]
fn clients_come_and_go() {
    let node = Node::new("single-t4");
    for _ in 0..20 {
        let nvml = node.nvml();
        assert_eq!(nvml.device_count().expect("a count"), 1);
        nvml.shutdown().expect("it was initialised");
    }
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 1);
    assert_eq!(call(&raw, "nvmlInitWithFlags", &[1]), 0);
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
    let mut count = 0u32;
    let place = std::ptr::from_mut(&mut count).addr();
    assert_eq!(call(&raw, "nvmlDeviceGetCount_v2", &[place]), 0);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
    assert_eq!(call(&raw, "nvmlDeviceGetCount_v2", &[place]), 1);
}

#[test]
fn exactly_the_listed_symbols_are_exported() {
    let node = Node::new("single-t4");
    let output = std::process::Command::new("nm")
        .args(["-D", "--defined-only", "--format=posix"])
        .arg(&node.library)
        .output()
        .expect("nm of binutils");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut exported: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    exported.sort_unstable();
    assert_eq!(exported, symbols());
}

#[test]
fn bad_input_is_refused_and_never_a_crash() {
    let node = Node::new("hgx-h100");
    let raw = node.raw();
    let plain: &[&str] = &[
        // They take no argument that could be bad, or answer without initialisation.
        "nvmlInit",
        "nvmlInit_v2",
        "nvmlInitWithFlags",
        "nvmlShutdown",
        "nvmlErrorString",
    ];
    let without_init =
        ["nvmlSystemGetNVMLVersion", "nvmlSystemGetCudaDriverVersion", "nvmlSystemGetCudaDriverVersion_v2"];
    let excluded = |name: &str| {
        name.contains("Excluded") || name.contains("Blacklist") || name == "nvmlInternalGetExportTable"
    };
    let sweep: Vec<&str> = symbols().into_iter().filter(|name| !plain.contains(name)).collect();
    for name in &sweep {
        let status = call(&raw, name, &[]);
        let expected = if without_init.contains(name) || excluded(name) { 2 } else { 1 };
        assert_eq!(status, expected, "{name} before initialisation");
    }
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    // Nulls, then a GPU's handle with nulls, then a foreign handle with a scratch buffer everywhere else,
    // then the GPU's with that buffer: zeros are a wrong version, a count of none, an empty string.
    let device = handle_of(&raw, 0);
    let scratch = scratch();
    for name in &sweep {
        let status = call(&raw, name, &[]);
        assert!([2, 3].contains(&status), "{name} with nulls: {status}");
        if !writes_to_first(name) {
            let status = call(&raw, name, &[device]);
            assert!(matches!(status, 0 | 2 | 3 | 6 | 7), "{name} with a handle: {status}");
        }
        scratch.fill(0);
        let buffer = scratch.as_ptr().addr();
        for first in [0xdead_beef_0000, device + 1, device] {
            // Where a place to write to comes first, a handle would be none.
            let first = if writes_to_first(name) { buffer } else { first };
            let status = call(
                &raw,
                name,
                &[first, buffer, buffer + 4096, buffer + 8192, buffer + 12288, buffer + 16384],
            );
            assert!(status != 999 && status != 15, "{name}: {status}");
        }
    }
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
}

/// Room at an address whose lower half is a small number: as a length it does not lead out of it. In bytes,
/// since those are cleared at once also in a debug build, and cleared they are for every call.
fn scratch() -> &'static mut [u8] {
    use rustix::mm::{MapFlags, ProtFlags};
    const BYTES: usize = 64 << 10;
    let place = std::ptr::without_provenance_mut(0x7000_0000_0000);
    // Tests run one after another (`ALONE`): one finds the place as another has left it.
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    // SAFETY: a mapping that replaces none but that of a test before, and is never unmapped.
    unsafe {
        let start = rustix::mm::mmap_anonymous(place, BYTES, ProtFlags::READ | ProtFlags::WRITE, flags);
        std::slice::from_raw_parts_mut(start.expect("a free place").cast(), BYTES)
    }
}

/// Whether the first argument is no device's handle.
fn writes_to_first(name: &str) -> bool {
    !name.starts_with("nvmlDevice")
        || name.contains("GetHandleBy")
        || name.contains("GetCount")
        || ["nvmlDeviceModifyDrainState", "nvmlDeviceQueryDrainState", "nvmlDeviceDiscoverGpus"]
            .contains(&name)
        || name.starts_with("nvmlDeviceRemoveGpu")
}

#[test]
fn structures_are_as_long_as_nvml_has_them() {
    fn case<T>(size: usize) {
        assert_eq!(size_of::<T>(), size, "{}", std::any::type_name::<T>());
    }
    case::<sys::nvmlPciInfo_t>(68);
    case::<sys::nvmlMemory_t>(24);
    case::<sys::nvmlMemory_v2_t>(40);
    case::<sys::nvmlProcessInfo_v1_t>(16);
    case::<sys::nvmlProcessInfo_v2_t>(24);
    case::<sys::nvmlFieldValue_t>(40);
    case::<sys::nvmlEventData_t>(32);
    case::<sys::nvmlGpuFabricInfo_v2_t>(36);
    case::<sys::nvmlGpuFabricInfo_v3_t>(40);
    case::<sys::nvmlTemperature_v1_t>(12);
    case::<sys::nvmlPciInfoExt_v1_t>(64);
    case::<sys::nvmlPlatformInfo_v2_t>(44);
    case::<sys::nvmlEccSramErrorStatus_v1_t>(104);
    case::<sys::nvmlDeviceAttributes_t>(40);
    case::<sys::nvmlGpuInstanceProfileInfo_t>(48);
    case::<sys::nvmlGpuInstanceProfileInfo_v2_t>(152);
    case::<sys::nvmlProcessUtilizationSample_t>(32);
    case::<sys::nvmlAccountingStats_t>(56);
}

#[test]
fn older_layouts_leave_the_rest_of_the_callers_memory_alone() {
    let node = Node::new("hgx-h100");
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    let device = handle_of(&raw, 0);
    let written = |name: &str, arguments: &dyn Fn(usize) -> Vec<usize>| {
        let mut place = [0xaau8; 256];
        assert_eq!(call(&raw, name, &arguments(place.as_mut_ptr().addr())), 0, "{name}");
        place.iter().rposition(|byte| *byte != 0xaa).map_or(0, |last| last + 1)
    };
    let alone = |place| vec![device, place];
    assert_eq!(written("nvmlDeviceGetPciInfo", &alone), 36);
    assert_eq!(written("nvmlDeviceGetPciInfo_v2", &alone), 36);
    assert_eq!(written("nvmlDeviceGetPciInfo_v3", &alone), 68);
    assert_eq!(written("nvmlDeviceGetNvLinkRemotePciInfo", &|place| vec![device, 0, place]), 36);
    assert_eq!(written("nvmlDeviceGetNvLinkRemotePciInfo_v2", &|place| vec![device, 0, place]), 68);
    assert_eq!(written("nvmlDeviceGetMemoryInfo", &alone), 24);

    // Its state is a byte in nvml.h, and four in nvidia-ml-py: nothing of ours stands behind it.
    let mut fabric = [0xaau8; 28];
    assert_eq!(call(&raw, "nvmlDeviceGetGpuFabricInfo", &[device, fabric.as_mut_ptr().addr()]), 0);
    assert_eq!(fabric[24..], [3, 0, 0, 0]);

    // nvtop asks with a bare 2 and wants to be refused.
    let mut memory = [0u64; 5];
    memory[0] = 2;
    assert_eq!(call(&raw, "nvmlDeviceGetMemoryInfo_v2", &[device, memory.as_mut_ptr().addr()]), 25);
    memory[0] = 40 | 2 << 24;
    assert_eq!(call(&raw, "nvmlDeviceGetMemoryInfo_v2", &[device, memory.as_mut_ptr().addr()]), 0);
    let [_, total, reserved, free, used] = memory;
    assert_eq!(total, reserved + free + used);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
}

#[test]
fn a_child_of_fork_goes_on_with_what_its_parent_initialised() {
    let node = Node::new("single-t4");
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    let device = handle_of(&raw, 0);
    // SAFETY: the child only calls the library and leaves at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut power = 0u32;
        let read = call(&raw, "nvmlDeviceGetPowerUsage", &[device, std::ptr::from_mut(&mut power).addr()]);
        let set = call(&raw, "nvmlDeviceSetPowerManagementLimit", &[device, 65_000]);
        // SAFETY: ends the child without running what the parent has registered.
        unsafe { libc::_exit(i32::from(read != 0 || power == 0 || set != 0)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
}

#[test]
fn who_is_not_root_changes_nothing() {
    let node = Node::new("single-t4");
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    let device = handle_of(&raw, 0);
    // SAFETY: the child only calls the library and leaves at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above; without root it stays who it is, and is refused all the same.
        unsafe { libc::setuid(65534) };
        let set = call(&raw, "nvmlDeviceSetPowerManagementLimit", &[device, 65_000]);
        // SAFETY: ends the child without running what the parent has registered.
        unsafe { libc::_exit(set as i32) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(libc::WEXITSTATUS(status), 4, "no permission");
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
}

/// Resets through the table for which NVML has no public call: the status, the GPUs' own, and who is missing.
fn reset(library: &libloading::Library, devices: &[usize]) -> (u32, Vec<u32>, u64) {
    type Reset = unsafe extern "C" fn(*const usize, u32, *mut u32, *mut u64) -> u32;
    let mut table: *const usize = std::ptr::null();
    let place = std::ptr::from_mut(&mut table).addr();
    let of_another = call(library, "nvmlInternalGetExportTable", &[place, [0u8; 16].as_ptr().addr()]);
    assert_eq!((of_another, table.is_null()), (3, true), "a table that only NVIDIA's library has");
    assert_eq!(call(library, "nvmlInternalGetExportTable", &[place, b"crashcart-smi-01".as_ptr().addr()]), 0);
    let mut outcomes = vec![u32::MAX; devices.len()];
    let mut missing = 0;
    // SAFETY: the table begins with its size, and its first function is this one.
    let status = unsafe {
        assert!(*table >= 16, "a table of {} bytes", *table);
        let reset: Reset = std::mem::transmute(*table.add(1));
        assert_eq!(reset(std::ptr::null(), 1, outcomes.as_mut_ptr(), &mut missing), 2);
        reset(devices.as_ptr(), devices.len() as u32, outcomes.as_mut_ptr(), &mut missing)
    };
    (status, outcomes, missing)
}

#[test]
fn gpus_are_reset_through_a_table_of_our_own() {
    let node = Node::new("hgx-a100");
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    let (first, second) = (handle_of(&raw, 0), handle_of(&raw, 1));
    node.breaks(0, Fault::UncorrectableEcc);
    let pending = |device| {
        let mut rows = [0u32; 4];
        let places: Vec<usize> = rows.iter_mut().map(|row| std::ptr::from_mut(row).addr()).collect();
        let all = [device, places[0], places[1], places[2], places[3]];
        assert_eq!(call(&raw, "nvmlDeviceGetRemappedRows", &all), 0);
        rows[2]
    };
    assert_eq!(pending(first), 1);

    let mut holder = None;
    let context = Command::new(Verb::OpenContext, 1, &[u64::MAX, u64::MAX, 1]);
    let client = Client { connection: 77, pid: std::process::id() as i32, uid: 1000 };
    node.owner.change(|machine, now| holder = Some(machine.command(now, client, &context)));
    assert_eq!(holder.map(|outcome| outcome.status), Some(0));
    assert_eq!(reset(&raw, &[first, second]), (0, vec![0, 19], 0), "the second is in use");
    assert_eq!(pending(first), 0, "what waited for a reset has had it");

    node.owner.change(|machine, now| machine.disconnect(now, client.connection));
    assert_eq!(reset(&raw, &[second]), (0, vec![0], 0));
    assert_eq!(reset(&raw, &[first + 1]).0, 2, "no such handle");
    node.breaks(0, Fault::FabricNotReady);
    assert_eq!(reset(&raw, &[first, second]), (0, vec![2, 2], 0b1111_1100));
    node.breaks(1, Fault::FallenOffBus);
    let all: Vec<usize> = std::iter::once(first).chain((2..8).map(|gpu| handle_of(&raw, gpu))).collect();
    assert_eq!(reset(&raw, &all).2, 0b10);
    assert_eq!(reset(&raw, &[second]).1, [15], "off the bus, no reset reaches it");
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
}

/// Handle of a GPU; initialises if need be, which the process's end undoes.
fn handle_of(library: &libloading::Library, index: usize) -> usize {
    let mut device: *mut c_void = std::ptr::null_mut();
    let place = std::ptr::from_mut(&mut device).addr();
    assert_eq!(call(library, "nvmlDeviceGetHandleByIndex_v2", &[index, place]), 0);
    device.addr()
}
