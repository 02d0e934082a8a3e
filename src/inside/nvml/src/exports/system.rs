//! The library and the node: initialisation, versions, processes' names, units.

use std::ffi::{c_char, c_int};

use crashcart_hardware::page;
use nvml_wrapper_sys::bindings::{
    nvmlConfComputeSystemState_t, nvmlDevice_t, nvmlExcludedDeviceInfo_t, nvmlHwbcEntry_t, nvmlReturn_t,
    nvmlSystemDriverBranchInfo_t, nvmlUnit_t,
};

use super::{Out, Unit, chars, exports, raw_device};
use crate::answer::{Answer, Error};
use crate::{client, library, version};

exports! {
    /// Initialises, and fails without GPUs only where the driver itself is missing.
    fn nvmlInit_v2() {
        init()
    }

    /// As before NVML 5: the same here.
    fn nvmlInit() {
        init()
    }

    /// Initialises; the flags (no GPUs is no error, do not attach) ask for nothing that is not so anyway.
    fn nvmlInitWithFlags(flags: u32) {
        let _ = flags;
        init()
    }

    /// Takes back one initialisation.
    fn nvmlShutdown() {
        library::shutdown()
    }

    /// Version of the kernel's side of the driver.
    fn nvmlSystemGetDriverVersion(version: Out<c_char>, length: u32) {
        let node = library::session()?.node()?;
        version.text(length, page::text(&node.driver_version))
    }

    /// Version of this library: CUDA's major version, then the driver's. Answers without initialisation, which is
    /// how nvidia-smi names the library of a mismatched pair.
    fn nvmlSystemGetNVMLVersion(version: Out<c_char>, length: u32) {
        let driver = match version::of_library() {
            Some(version) => version.to_owned(),
            None => page::text(&node_of_now()?.driver_version).to_owned(),
        };
        version.text(length, &format!("{}.{driver}", version::cuda_major(&driver)))
    }

    /// Highest CUDA version of the driver, major * 1000 + minor * 10.
    fn nvmlSystemGetCudaDriverVersion(version: Out<c_int>) {
        version.give(node_of_now().map(|node| node.cuda_version as c_int))
    }

    /// The same; in NVML that of `libcuda`, which comes with the driver.
    fn nvmlSystemGetCudaDriverVersion_v2(version: Out<c_int>) {
        version.give(node_of_now().map(|node| node.cuda_version as c_int))
    }

    /// Branch of the driver: `r570_00`.
    fn nvmlSystemGetDriverBranch(info: Out<nvmlSystemDriverBranchInfo_t>, length: u32) {
        let node = library::session()?.node()?;
        info.version(1)?;
        if length == 0 {
            return Err(Error::InvalidArgument);
        }
        let (major, _) = version::branch(page::text(&node.driver_version));
        let branch = format!("r{major}_00");
        if branch.len() >= length as usize {
            return Err(Error::InsufficientSize);
        }
        info.put(nvmlSystemDriverBranchInfo_t { branch: chars(&branch), ..info.get()? })
    }

    /// Path of a process's program and its arguments, as /proc has them; cut to the buffer.
    fn nvmlSystemGetProcessName(pid: u32, name: Out<c_char>, length: u32) {
        library::session()?;
        name.there()?;
        if length == 0 {
            return Err(Error::InvalidArgument);
        }
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).map_err(|_| Error::NotFound)?;
        let words: Vec<u8> = line.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let mut words = match String::from_utf8_lossy(&words).into_owned() {
            // A kernel thread, or one that has ended: its short name is left.
            empty if empty.is_empty() => std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .map_err(|_| Error::NotFound)?
                .trim_end()
                .to_owned(),
            words => words,
        };
        while words.len() >= length as usize {
            words.pop();
        }
        name.text(length, &words)
    }

    /// The GPUs near a processor.
    fn nvmlSystemGetTopologyGpuSet(cpu: u32, count: Out<u32>, devices: Out<nvmlDevice_t>) {
        let session = library::session()?;
        let near = |page: &page::GpuPage| {
            page.cpu_affinity.get(cpu as usize / 64).is_some_and(|word| word >> (cpu % 64) & 1 == 1)
        };
        let found: Answer<Vec<_>> =
            session.gpus().filter(|gpu| near(&gpu.page)).map(|gpu| raw_device(gpu.handle())).collect();
        devices.list_or_count(count, &found?)
    }

    /// Host interface cards of S-class systems: none.
    fn nvmlSystemGetHicVersion(count: Out<u32>, entries: Out<nvmlHwbcEntry_t>) {
        library::session()?;
        entries.list(count, &[])
    }

    /// Confidential computing: off.
    fn nvmlSystemGetConfComputeState(state: Out<nvmlConfComputeSystemState_t>) {
        let node = library::session()?.node()?;
        state.put(nvmlConfComputeSystemState_t {
            environment: 0,
            ccFeature: node.confidential_compute,
            devToolsMode: 0,
        })
    }

    /// S-class units: none.
    fn nvmlUnitGetCount(count: Out<u32>) {
        library::session()?;
        count.put(0)
    }

    /// None of them has an index.
    fn nvmlUnitGetHandleByIndex(index: u32, unit: Out<nvmlUnit_t>) {
        let _ = index;
        library::session()?;
        unit.there()?;
        Err(Error::InvalidArgument)
    }

    /// No handle is a unit's.
    fn nvmlUnitGetDevices(unit: Unit, count: Out<u32>, devices: Out<nvmlDevice_t>) {
        let _ = (unit.0, count, devices);
        library::session()?;
        Err(Error::InvalidArgument)
    }

    /// GPUs that the driver was told to leave alone: none.
    fn nvmlGetExcludedDeviceCount(count: Out<u32>) {
        count.put(0)
    }

    /// None of them has an index.
    fn nvmlGetExcludedDeviceInfoByIndex(index: u32, info: Out<nvmlExcludedDeviceInfo_t>) {
        let _ = index;
        info.there()?;
        Err(Error::InvalidArgument)
    }

    /// Former name of `nvmlGetExcludedDeviceCount`.
    fn nvmlGetBlacklistDeviceCount(count: Out<u32>) {
        count.put(0)
    }

    /// Former name of `nvmlGetExcludedDeviceInfoByIndex`.
    fn nvmlGetBlacklistDeviceInfoByIndex(index: u32, info: Out<nvmlExcludedDeviceInfo_t>) {
        let _ = index;
        info.there()?;
        Err(Error::InvalidArgument)
    }
}

/// One more user of a library that says nothing on the client's stderr, not even of a panic that
/// `boundary` catches. The hook is that of this library's own copy of Rust's runtime.
fn init() -> Answer<()> {
    #[cfg(not(debug_assertions))]
    {
        static QUIET: std::sync::Once = std::sync::Once::new();
        QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    }
    library::init()
}

/// Words for a status; always a string, which the caller must not free.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(status: nvmlReturn_t) -> *const c_char {
    crate::answer::words(status).as_ptr()
}

/// The node's page, also before initialisation: these few calls need none.
fn node_of_now() -> Answer<page::NodePage> {
    match library::session() {
        Ok(session) => session.node(),
        Err(_) => match client::pages()?.node() {
            node if node.driver_state == page::DriverState::Loaded as u32 => Ok(node),
            _ => Err(Error::DriverNotLoaded),
        },
    }
}
