//! The real GPUs of this machine, through NVIDIA's own library. Labs simulate theirs, so none is needed; where
//! there are some, a lab that declares it safe can have them (`start --accelerators real`). What a rubric asks
//! about GPUs is then answered here, outside of the node.

use crashcart_facts::{Fact, GpuFact, GpusFact, Question, Reading};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, ComputeMode, EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::advice::NextStep;

/// Names the library where the loader would not find it.
const LIBRARY_VARIABLE: &str = "CRASHCART_NVML";

/// Whether this program can load a library at all.
const IS_STATIC: bool = cfg!(target_feature = "crt-static");

/// Why there are no real GPUs to be had.
#[derive(Debug, thiserror::Error)]
pub enum NoAccelerators {
    #[error("this machine has no real GPU that could be used: there is no NVIDIA driver")]
    NoLibrary { source: NvmlError },
    #[error("this crashcart is a static program, which cannot load NVIDIA's library")]
    StaticProgram,
    #[error("the NVIDIA driver of this machine does not answer")]
    NoAnswer { source: NvmlError },
    #[error("the NVIDIA driver of this machine knows no GPU")]
    None,
    #[error("the container engine is not on this machine, so its GPUs cannot be looked at")]
    ElsewhereEngine,
}

impl NextStep for NoAccelerators {
    fn next_step(&self) -> String {
        match self {
            Self::NoLibrary { .. } | Self::None => {
                "start the lab without `--accelerators real`: it brings simulated GPUs".into()
            }
            Self::StaticProgram => {
                "use the Debian package, or `cargo install`; or start the lab without `--accelerators real`"
                    .into()
            }
            Self::NoAnswer { .. } => "mend it until `nvidia-smi` works here, or start the lab without \
                                      `--accelerators real`"
                .into(),
            Self::ElsewhereEngine => {
                "run crashcart on the engine's machine, or start the lab without `--accelerators real`".into()
            }
        }
    }
}

/// The GPUs of this machine by name, and the driver's version.
pub fn present() -> Result<(Vec<String>, String), NoAccelerators> {
    if IS_STATIC {
        return Err(NoAccelerators::StaticProgram);
    }
    let nvml = open().map_err(|source| match source {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => NoAccelerators::NoLibrary { source },
        source => NoAccelerators::NoAnswer { source },
    })?;
    let count = nvml.device_count().map_err(|source| NoAccelerators::NoAnswer { source })?;
    // One that has been lost is told by its error, among the others.
    let name = |index| nvml.device_by_index(index).and_then(|device| device.name());
    let names: Vec<String> =
        (0..count).map(|index| name(index).unwrap_or_else(|error| error.to_string())).collect();
    if names.is_empty() {
        return Err(NoAccelerators::None);
    }
    Ok((names, nvml.sys_driver_version().unwrap_or_else(|error| error.to_string())))
}

/// What this machine's library says to a question about GPUs; none for any other question.
pub fn answer(question: &Question) -> Option<Reading> {
    let fact = |nvml: &Nvml| match question {
        Question::Gpu { index } => Some(Fact::Gpu(Box::new(gpu(nvml, *index)))),
        Question::Gpus {} => Some(Fact::Gpus(Box::new(gpus(nvml)))),
        _ => None,
    };
    if !matches!(question, Question::Gpu { .. } | Question::Gpus {}) {
        return None;
    }
    if IS_STATIC {
        return Some(Reading::Unreadable { why: NoAccelerators::StaticProgram.to_string() });
    }
    match open() {
        Ok(nvml) => fact(&nvml).map(Reading::Known),
        Err(error) => Some(Reading::Unreadable { why: format!("NVML of this machine: {error}") }),
    }
}

fn open() -> Result<Nvml, NvmlError> {
    match std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Nvml::builder().lib_path(&path).init(),
        None => Nvml::init(),
    }
}

/// One GPU. What the board does not have, or the library does not tell, is absent.
fn gpu(nvml: &Nvml, index: u32) -> GpuFact {
    let device = match nvml.device_by_index(index) {
        Ok(device) => device,
        Err(error) => {
            let exists = nvml.device_count().is_ok_and(|count| index < count);
            let condition = if exists { condition(Some(&error)) } else { "" };
            return GpuFact { exists, condition: condition.into(), ..GpuFact::default() };
        }
    };
    let watts = |milliwatts: Result<u32, NvmlError>| milliwatts.ok().map(|value| value.div_ceil(1000));
    let ecc = device.is_ecc_enabled().ok();
    let mig = device.mig_mode().ok();
    let memory = device.memory_info().ok();
    let pids: Vec<u32> =
        device.running_compute_processes().unwrap_or_default().iter().map(|process| process.pid).collect();
    let errors = |kind, age| device.total_ecc_errors(kind, age).unwrap_or(0);
    let links: Vec<bool> = (0..18).map_while(|link| device.link_wrapper_for(link).is_active().ok()).collect();
    let down: Vec<u32> = links.iter().zip(0..).filter(|(up, _)| !**up).map(|(_, link)| link).collect();
    GpuFact {
        exists: true,
        name: device.name().unwrap_or_default(),
        uuid: device.uuid().unwrap_or_default(),
        serial: device.serial().unwrap_or_default(),
        bus_id: device.pci_info().map(|pci| pci.bus_id.to_lowercase()).unwrap_or_default(),
        condition: condition(device.temperature(TemperatureSensor::Gpu).err().as_ref()).into(),
        recovery: "none".into(),
        persistence: device.is_in_persistent_mode().unwrap_or(false),
        compute_mode: compute_mode(&device).into(),
        ecc: ecc.as_ref().map(|ecc| ecc.currently_enabled),
        ecc_pending: ecc.as_ref().map(|ecc| ecc.pending_enabled),
        mig: mig.as_ref().map(|mig| mig.current == 1),
        mig_pending: mig.as_ref().map(|mig| mig.pending == 1),
        power_limit_w: watts(device.power_management_limit()),
        power_limit_default_w: watts(device.power_management_limit_default()),
        power_draw_w: watts(device.power_usage()),
        temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
        graphics_clock_mhz: device.clock_info(Clock::Graphics).unwrap_or(0),
        memory_clock_mhz: device.clock_info(Clock::Memory).unwrap_or(0),
        application_graphics_clock_mhz: device.applications_clock(Clock::Graphics).ok(),
        clock_reasons: device.current_throttle_reasons().map(reasons).unwrap_or_default(),
        pcie_gen: device.current_pcie_link_gen().unwrap_or(0),
        pcie_gen_max: device.max_pcie_link_gen().unwrap_or(0),
        pcie_width: device.current_pcie_link_width().unwrap_or(0),
        pcie_width_max: device.max_pcie_link_width().unwrap_or(0),
        pcie_replays: device.pcie_replay_counter().unwrap_or(0).into(),
        links: links.len() as u32,
        links_up: (links.len() - down.len()) as u32,
        links_down: down,
        fabric: "not-supported".into(),
        ecc_corrected: errors(MemoryError::Corrected, EccCounter::Volatile),
        ecc_uncorrected: errors(MemoryError::Uncorrected, EccCounter::Volatile),
        ecc_corrected_ever: errors(MemoryError::Corrected, EccCounter::Aggregate),
        ecc_uncorrected_ever: errors(MemoryError::Uncorrected, EccCounter::Aggregate),
        utilization_percent: device.utilization_rates().map(|rates| rates.gpu).unwrap_or(0),
        memory_total_mib: memory.as_ref().map_or(0, |memory| memory.total >> 20),
        memory_used_mib: memory.as_ref().map_or(0, |memory| memory.used >> 20),
        processes: pids.len() as u32,
        pids,
        ..GpuFact::default()
    }
}

fn gpus(nvml: &Nvml) -> GpusFact {
    let all: Vec<GpuFact> = (0..nvml.device_count().unwrap_or(0)).map(|index| gpu(nvml, index)).collect();
    let words = |word: fn(&GpuFact) -> &str| all.iter().map(|gpu| word(gpu).to_owned()).collect();
    GpusFact {
        exists: true,
        driver_loaded: true,
        driver_version: nvml.sys_driver_version().unwrap_or_default(),
        count: all.len() as u32,
        names: words(|gpu| &gpu.name),
        uuids: words(|gpu| &gpu.uuid),
        conditions: words(|gpu| &gpu.condition),
        recoveries: words(|gpu| &gpu.recovery),
        persistence: all.iter().map(|gpu| gpu.persistence).collect(),
        compute_modes: words(|gpu| &gpu.compute_mode),
        ecc: all.iter().map(|gpu| gpu.ecc == Some(true)).collect(),
        mig: all.iter().map(|gpu| gpu.mig == Some(true)).collect(),
        mig_layout: Vec::new(),
        power_limits_w: all.iter().map(|gpu| gpu.power_limit_w.unwrap_or(0)).collect(),
        temperatures_c: all.iter().map(|gpu| gpu.temperature_c.unwrap_or(0)).collect(),
        links_down: (all.iter().zip(0..))
            .flat_map(|(gpu, index)| gpu.links_down.iter().map(move |link| format!("{index}:{link}")))
            .collect(),
        fabrics: words(|gpu| &gpu.fabric),
        flaws: Vec::new(),
        worked_s: Vec::new(),
        processes: all.iter().map(|gpu| gpu.processes).sum(),
    }
}

fn condition(error: Option<&NvmlError>) -> &'static str {
    match error {
        Some(NvmlError::GpuLost) => "lost",
        Some(NvmlError::ResetRequired) => "needs-reset",
        _ => "answers",
    }
}

fn compute_mode(device: &Device<'_>) -> &'static str {
    match device.compute_mode() {
        Ok(ComputeMode::ExclusiveThread) => "exclusive-thread",
        Ok(ComputeMode::Prohibited) => "prohibited",
        Ok(ComputeMode::ExclusiveProcess) => "exclusive-process",
        _ => "default",
    }
}

/// The words of [`GpuFact::clock_reasons`].
fn reasons(given: ThrottleReasons) -> Vec<String> {
    const WORDS: [(ThrottleReasons, &str); 9] = [
        (ThrottleReasons::GPU_IDLE, "idle"),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, "application-clocks"),
        (ThrottleReasons::SW_POWER_CAP, "software-power-cap"),
        (ThrottleReasons::HW_SLOWDOWN, "hardware-slowdown"),
        (ThrottleReasons::SYNC_BOOST, "sync-boost"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "software-thermal"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "hardware-thermal"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "hardware-power-brake"),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, "display"),
    ];
    WORDS.iter().filter(|(reason, _)| given.contains(*reason)).map(|(_, word)| (*word).to_owned()).collect()
}
