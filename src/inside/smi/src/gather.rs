//! Asks NVML for what a command needs and lays it down as a [`Node`].
//!
//! [`Want`] says how much: the summary of a GPU is a few calls, its throughput on the bus takes tens of
//! milliseconds. A refusal is kept as the reading it is; only NVML itself failing is an error here.

use std::ffi::OsStr;

use nvml_wrapper::enum_wrappers::device::{
    Clock, ClockId, EccCounter, InfoRom, MemoryError, PcieUtilCounter, RetirementCause, Sampling,
    TemperatureSensor, TemperatureThreshold,
};
use nvml_wrapper::enum_wrappers::nv_link::{Capability, ErrorCounter};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::node::*;
use crate::raw;

/// Where the dynamic linker looks for it.
pub const LIBRARY: &str = "libnvidia-ml.so.1";

/// How much to ask for beyond the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Everything that `-q` shows.
    pub detail: bool,
    /// Throughput on the bus: two slow calls.
    pub throughput: bool,
    /// Clocks on offer: a call for each memory clock.
    pub clocks: bool,
    pub links: bool,
    /// How each pair of GPUs is joined.
    pub paths: bool,
    /// Samples of power, utilization and clocks.
    pub samples: bool,
    /// What each process uses.
    pub load: bool,
    pub accounting: bool,
}

/// Why there is no node to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    pub code: Code,
    /// `570.124`, for a library that is not the driver's.
    pub library: Option<String>,
}

/// Loads the library and starts it.
pub fn open() -> Result<Nvml, Unavailable> {
    Nvml::builder().lib_path(OsStr::new(LIBRARY)).init().map_err(|error| {
        let code = Code::from(error);
        let library = (code == Code::VERSION_MISMATCH)
            .then(|| raw::version_without_init(LIBRARY).ok())
            .flatten()
            .map(|version| library_version(&version));
        Unavailable { code, library }
    })
}

/// `13.580.105.08` to `580.105`, as nvidia-smi shows it.
pub fn library_version(nvml: &str) -> String {
    let mut parts = nvml.split('.').skip(1);
    match (parts.next(), parts.next()) {
        (Some(branch), Some(minor)) => format!("{branch}.{minor}"),
        _ => nvml.to_owned(),
    }
}

/// What was asked with `-i`: index, UUID, serial number or bus id.
pub fn selects(asked: &str, gpu: &Gpu) -> bool {
    if asked == gpu.index.to_string() {
        return true;
    }
    match &gpu.state {
        Ok(live) => {
            live.board.uuid.as_deref() == Ok(asked)
                || live.board.serial.as_deref() == Ok(asked)
                || live.board.pci.as_ref().is_ok_and(|pci| same_bus_id(&pci.bus_id, asked))
        }
        Err(missing) => missing.bus_id.as_deref().is_some_and(|id| same_bus_id(id, asked)),
    }
}

/// Whether two ways to write a place on the bus mean the same: the domain may be short or left out.
fn same_bus_id(one: &str, other: &str) -> bool {
    fn parts(text: &str) -> Option<(u32, u32, u32, u32)> {
        let (rest, function) = text.rsplit_once('.').unwrap_or((text, "0"));
        let mut numbers = rest.rsplit(':');
        let mut next = || numbers.next().map(|part| u32::from_str_radix(part, 16));
        let (device, bus, domain) = (next()?.ok()?, next()?.ok()?, next().unwrap_or(Ok(0)).ok()?);
        Some((domain, bus, device, function.parse().ok()?))
    }
    parts(one).is_some() && parts(one) == parts(other)
}

/// Reads the GPUs that `ids` names, or all of them.
pub fn node(nvml: &Nvml, ids: &[String], want: Want) -> Node {
    let attached = nvml.device_count().unwrap_or(0);
    let mut handles = Vec::new();
    let mut gpus = Vec::new();
    for index in 0..attached {
        let handle = nvml.device_by_index(index).map_err(Code::from);
        let gpu = match &handle {
            Ok(device) => Gpu { index, state: Ok(Box::new(identity(device))) },
            Err(code) => Gpu { index, state: Err(Missing { code: *code, bus_id: place(attached, index) }) },
        };
        if ids.is_empty() || ids.iter().any(|asked| selects(asked, &gpu)) {
            gpus.push(gpu);
            handles.push(handle);
        }
    }
    for (gpu, handle) in gpus.iter_mut().zip(&handles) {
        if let (Ok(live), Ok(device)) = (&mut gpu.state, handle) {
            fill(nvml, device, live, want);
        }
    }
    let mut paths = Vec::new();
    if want.paths {
        for (from, one) in handles.iter().enumerate() {
            for (to, other) in handles.iter().enumerate() {
                if let (Ok(one), Ok(other), true) = (one, other, from != to) {
                    paths.push(path(&gpus, (from, one), (to, other)));
                }
            }
        }
    }
    let system = System {
        driver_version: nvml.sys_driver_version().map_err(Code::from),
        nvml_version: nvml.sys_nvml_version().map_err(Code::from),
        cuda_version: raw::cuda_version(nvml),
    };
    Node { system, attached, excluded: raw::excluded(nvml).unwrap_or_default(), gpus, paths }
}

/// Where the machine has the GPU that NVML will not hand out: as a library of ours says, or by the kernel's list
/// of GPUs, which is in the order of NVML's.
fn place(attached: u32, index: u32) -> Option<String> {
    if let Ok(place) = raw::bus_id(index) {
        return Some(place);
    }
    let mut all: Vec<String> = std::fs::read_dir("/proc/driver/nvidia/gpus")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    all.sort();
    let place = (all.len() == attached as usize).then(|| all.swap_remove(index as usize))?;
    Some(place.to_uppercase())
}

fn ok<T>(answer: Result<T, NvmlError>) -> Reading<T> {
    answer.map_err(Code::from)
}

/// What `-i` is compared with.
fn identity(device: &Device<'_>) -> Live {
    let mut live = Live::unread(Code::NOT_SUPPORTED);
    live.board.name = ok(device.name());
    live.board.uuid = ok(device.uuid());
    live.board.serial = ok(device.serial());
    live.board.pci = raw::pci(device);
    live
}

fn fill(nvml: &Nvml, device: &Device<'_>, live: &mut Live, want: Want) {
    summary(nvml, device, &mut live.board);
    if want.detail {
        detail(device, &mut live.board);
        ecc(device, live);
    }
    let board = &mut live.board;
    if want.throughput {
        board.pcie_tx = ok(device.pcie_throughput(PcieUtilCounter::Send));
        board.pcie_rx = ok(device.pcie_throughput(PcieUtilCounter::Receive));
    }
    if want.clocks {
        board.supported_clocks = ok(device.supported_memory_clocks()).map(|all| {
            all.into_iter()
                .map(|memory| (memory, device.supported_graphics_clocks(memory).unwrap_or_default()))
                .collect()
        });
    }
    if want.links {
        board.links = links(device);
    }
    if want.paths {
        board.cpu_affinity = ok(device.cpu_affinity(16)).map(|words| bits(&words));
        board.numa_nodes = ok(device.memory_affinity(16, 0)).map(|words| bits(&words));
    }
    if want.load {
        board.process_utilization = ok(device.process_utilization_stats(None)).map(|all| {
            all.into_iter()
                .map(|one| ProcessUtilization {
                    pid: one.pid,
                    sm: one.sm_util,
                    memory: one.mem_util,
                    encoder: one.enc_util,
                    decoder: one.dec_util,
                })
                .collect()
        });
    }
    if want.accounting {
        board.accounted = ok(device.accounting_pids()).map(|pids| {
            pids.into_iter()
                .filter_map(|pid| {
                    let stats = device.accounting_stats_for(pid).ok()?;
                    Some(Accounted {
                        pid,
                        gpu: stats.gpu_utilization,
                        memory: stats.memory_utilization,
                        most_memory: stats.max_memory_usage.unwrap_or(0),
                        time: stats.time,
                    })
                })
                .collect()
        });
    }
    if want.samples {
        let taken = |kind| ok(device.samples(kind, None)).and_then(|all| measure(&all));
        board.power_samples = taken(Sampling::Power).map(|watts| Samples {
            most: watts.most / 1000.0,
            least: watts.least / 1000.0,
            mean: watts.mean / 1000.0,
            ..watts
        });
        board.utilization_samples = Ok([
            taken(Sampling::GpuUtilization),
            taken(Sampling::MemoryUtilization),
            taken(Sampling::EncoderUtilization),
            taken(Sampling::DecoderUtilization),
        ]);
        board.clock_samples = Ok([taken(Sampling::ProcessorClock), taken(Sampling::MemoryClock)]);
    }
}

/// The calls behind the default table.
fn summary(nvml: &Nvml, device: &Device<'_>, board: &mut Board) {
    board.persistence = ok(device.is_in_persistent_mode());
    board.display_active = ok(device.is_display_active());
    board.fan = ok(device.fan_speed(0));
    board.temperature = ok(device.temperature(TemperatureSensor::Gpu));
    board.performance_state = ok(device.performance_state()).map(|state| state.as_c());
    board.power_draw = ok(device.power_usage());
    board.power_limit_enforced = ok(device.enforced_power_limit());
    board.power_limit = ok(device.power_management_limit());
    board.memory = raw::memory(device).or_else(|_| {
        ok(device.memory_info()).map(|memory| Memory {
            total: memory.total,
            reserved: memory.reserved,
            used: memory.used,
            free: memory.free,
        })
    });
    let utilization = ok(device.utilization_rates());
    board.utilization_gpu = utilization.as_ref().map(|rates| rates.gpu).map_err(|code| *code);
    board.utilization_memory = utilization.map(|rates| rates.memory);
    board.compute_mode = ok(device.compute_mode()).map(|mode| mode.as_c());
    board.ecc = ok(device.is_ecc_enabled()).map(|state| (state.currently_enabled, state.pending_enabled));
    board.ecc_uncorrected_total = ok(device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile));
    board.mig = ok(device.mig_mode()).map(|mode| (mode.current != 0, mode.pending != 0));
    board.processes = processes(nvml, device);
    if matches!(board.mig, Ok((true, _))) {
        board.mig_devices = mig_devices(device);
    }
}

/// The rest of what `-q` and `--query-gpu` can show.
fn detail(device: &Device<'_>, board: &mut Board) {
    board.brand = ok(device.brand()).map(|brand| brand.as_c());
    board.architecture = ok(device.architecture()).map(|architecture| architecture.as_c());
    board.compute_capability = ok(device.cuda_compute_capability())
        .map(|version| (version.major.unsigned_abs(), version.minor.unsigned_abs()));
    board.pdi = raw::pdi(device);
    board.gpu_part_number = raw::gpu_part_number(device);
    board.minor = ok(device.minor_number());
    board.vbios = ok(device.vbios_version());
    board.multi_gpu_board = ok(device.is_multi_gpu_board());
    board.board_id = ok(device.board_id());
    board.board_part_number = ok(device.board_part_number());
    board.module_id = raw::module_id(device);
    board.inforom_image = ok(device.info_rom_image_version());
    board.inforom_oem = ok(device.info_rom_version(InfoRom::OEM));
    board.inforom_ecc = ok(device.info_rom_version(InfoRom::ECC));
    board.inforom_power = ok(device.info_rom_version(InfoRom::Power));
    board.inforom_valid = match ok(device.validate_info_rom()) {
        Ok(()) => Ok(true),
        Err(Code(14)) => Ok(false),
        Err(code) => Err(code),
    };
    board.blackbox_flush = raw::blackbox_flush(device);
    board.platform = raw::platform(device);
    board.display_mode = ok(device.is_display_connected());
    board.addressing_mode = raw::addressing_mode(device);
    board.accounting = ok(device.is_accounting_enabled());
    board.accounting_buffer = ok(device.accounting_buffer_size());
    board.gpu_operation_mode =
        ok(device.gpu_operation_mode()).map(|mode| (mode.current.as_c(), mode.pending.as_c()));
    board.c2c = raw::c2c(device);
    board.virtualization = ok(device.virtualization_mode()).map(|mode| mode.as_c());
    board.recovery_action = raw::field_as(device, 230, 0);
    board.reset_required = raw::field(device, 226, 0).map(|value| value != 0);
    board.drain_and_reset = raw::field(device, 227, 0).map(|value| value != 0);
    board.gsp_version = ok(device.gsp_firmware_version());
    board.gsp_mode = ok(device.gsp_firmware_mode()).map(|mode| (mode.enabled, mode.default));
    board.pcie_gen = ok(device.current_pcie_link_gen());
    board.pcie_gen_max = ok(device.max_pcie_link_gen());
    board.pcie_gen_device_max = raw::pcie_gen_device_max(device);
    board.pcie_width = ok(device.current_pcie_link_width());
    board.pcie_width_max = ok(device.max_pcie_link_width());
    board.pcie_replays = ok(device.pcie_replay_counter());
    board.pcie_replay_rollovers = raw::field_as(device, 95, 0);
    (board.reasons, board.reasons_supported) = raw::reasons(device);
    // Nanoseconds by NVML's field values. From 580.82 on some have other numbers (NVML 13 Update 1).
    let driver = Driver::of(&device.nvml().sys_driver_version().map_err(Code::from));
    let moved = if driver >= (Driver { branch: 580, minor: 82 }) { 269 } else { 251 };
    let counter = |id| raw::field_as::<u64>(device, id, 0).map(|nanoseconds| nanoseconds / 1000);
    board.reason_power_cap = counter(74);
    board.reason_sync_boost = counter(76);
    board.reason_software_thermal = counter(moved);
    board.reason_hardware_thermal = counter(moved + 1);
    board.reason_power_brake = counter(moved + 2);
    board.bar1 = bar1(device);
    board.protected_memory = raw::protected_memory(device);
    board.utilization_encoder = ok(device.encoder_utilization()).map(|one| one.utilization);
    board.utilization_decoder = ok(device.decoder_utilization()).map(|one| one.utilization);
    board.utilization_jpeg = raw::jpeg_utilization(device);
    board.utilization_ofa = raw::ofa_utilization(device);
    board.encoder_stats = ok(device.encoder_stats()).map(|stats| Sessions {
        count: stats.session_count,
        fps: stats.average_fps,
        latency: stats.average_latency,
    });
    board.fbc_stats = ok(device.fbc_stats()).map(|stats| Sessions {
        count: stats.sessions_count,
        fps: stats.average_fps,
        latency: stats.average_latency,
    });
    board.dram_encryption = raw::dram_encryption(device);
    board.sram = raw::sram(device);
    let retired = |cause| {
        let page = |page: nvml_wrapper::structs::device::RetiredPage| RetiredPage {
            address: page.address,
            at_us: page.timestamp,
        };
        ok(device.retired_pages(cause)).map(|pages| pages.into_iter().map(page).collect())
    };
    board.retired_pages_single_bit = retired(RetirementCause::MultipleSingleBitEccErrors);
    board.retired_pages_double_bit = retired(RetirementCause::DoubleBitEccError);
    board.retired_pending = ok(device.are_pages_pending_retired());
    board.remapped = raw::remapped(device);
    board.remap_histogram = raw::remap_histogram(device);
    board.repair_pending = raw::repair_pending(device);
    board.temperature_margin = raw::temperature_margin(device);
    board.temperature_memory = raw::field_as(device, 82, 0);
    let threshold = |which| ok(device.temperature_threshold(which));
    board.threshold_shutdown = threshold(TemperatureThreshold::Shutdown);
    board.threshold_slowdown = threshold(TemperatureThreshold::Slowdown);
    board.threshold_gpu_max = threshold(TemperatureThreshold::GpuMax);
    board.threshold_memory = threshold(TemperatureThreshold::MemoryMax);
    board.target_temperature = threshold(TemperatureThreshold::AcousticCurr);
    board.target_temperature_min = threshold(TemperatureThreshold::AcousticMin);
    board.target_temperature_max = threshold(TemperatureThreshold::AcousticMax);
    board.tlimit_shutdown = raw::field_as(device, 193, 0);
    board.tlimit_slowdown = raw::field_as(device, 194, 0);
    board.tlimit_memory = raw::field_as(device, 195, 0);
    board.tlimit_gpu_max = raw::field_as(device, 196, 0);
    #[expect(deprecated, reason = "power.management is a property of older branches")]
    let management = ok(device.is_power_management_algo_active());
    board.power_management = management;
    board.power_average = raw::field_as(device, 185, 0);
    board.power_instant = raw::field_as(device, 186, 0);
    board.power_memory_average = raw::field_as(device, 185, 2);
    board.power_limit_default = ok(device.power_management_limit_default());
    let limits = ok(device.power_management_limit_constraints());
    board.power_limit_min = limits.as_ref().map(|limits| limits.min_limit).map_err(|code| *code);
    board.power_limit_max = limits.map(|limits| limits.max_limit);
    board.clock_graphics = ok(device.clock_info(Clock::Graphics));
    board.clock_sm = ok(device.clock_info(Clock::SM));
    board.clock_memory = ok(device.clock_info(Clock::Memory));
    board.clock_video = ok(device.clock_info(Clock::Video));
    board.clock_app_graphics = ok(device.applications_clock(Clock::Graphics));
    board.clock_app_memory = ok(device.applications_clock(Clock::Memory));
    board.clock_app_default_graphics = ok(device.default_applications_clock(Clock::Graphics));
    board.clock_app_default_memory = ok(device.default_applications_clock(Clock::Memory));
    board.clock_max_graphics = ok(device.max_clock_info(Clock::Graphics));
    board.clock_max_sm = ok(device.max_clock_info(Clock::SM));
    board.clock_max_memory = ok(device.max_clock_info(Clock::Memory));
    board.clock_max_video = ok(device.max_clock_info(Clock::Video));
    board.clock_boost_graphics = ok(device.max_customer_boost_clock(Clock::Graphics))
        .or_else(|_| ok(device.clock(Clock::Graphics, ClockId::CustomerMaxBoost)));
    board.fabric = raw::fabric(device);
}

fn ecc(device: &Device<'_>, live: &mut Live) {
    live.ecc = EccCounts {
        count: std::array::from_fn(|kind| {
            std::array::from_fn(|period| {
                std::array::from_fn(|place| {
                    raw::ecc_count_at(device, kind as u32, period as u32, place as u32)
                })
            })
        }),
        total: std::array::from_fn(|kind| {
            std::array::from_fn(|period| raw::ecc_total(device, kind as u32, period as u32))
        }),
    };
}

fn bar1(device: &Device<'_>) -> Reading<Memory> {
    ok(device.bar1_memory_info()).map(|bar| Memory {
        total: bar.total,
        reserved: 0,
        used: bar.used,
        free: bar.free,
    })
}

/// Numbers of the bits that are set.
fn bits(words: &[std::ffi::c_ulong]) -> Vec<u32> {
    let mut set = Vec::new();
    for (word, bits) in (0u32..).zip(words) {
        set.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| word * 64 + bit));
    }
    set
}

fn processes(nvml: &Nvml, device: &Device<'_>) -> Reading<Vec<Process>> {
    let compute = ok(device.running_compute_processes());
    let graphics = ok(device.running_graphics_processes());
    let mut all: Vec<Process> = Vec::new();
    if let (Err(code), Err(_)) = (&compute, &graphics) {
        return Err(*code);
    }
    for (list, is_compute) in [(compute, true), (graphics, false)] {
        for one in list.unwrap_or_default() {
            let same = all.iter_mut().find(|other| {
                other.pid == one.pid
                    && other.gpu_instance == one.gpu_instance_id
                    && other.compute_instance == one.compute_instance_id
            });
            match same {
                Some(other) => {
                    other.compute |= is_compute;
                    other.graphics |= !is_compute;
                }
                None => all.push(Process {
                    pid: one.pid,
                    compute: is_compute,
                    graphics: !is_compute,
                    name: raw::process_name(nvml, one.pid),
                    memory: match one.used_gpu_memory {
                        UsedGpuMemory::Used(bytes) => Ok(bytes),
                        UsedGpuMemory::Unavailable => Err(Code::NOT_SUPPORTED),
                    },
                    gpu_instance: one.gpu_instance_id,
                    compute_instance: one.compute_instance_id,
                }),
            }
        }
    }
    all.sort_by_key(|process| process.pid);
    Ok(all)
}

fn mig_devices(device: &Device<'_>) -> Reading<Vec<MigDevice>> {
    let most = ok(device.mig_device_count())?;
    let mut all = Vec::new();
    for index in 0..most {
        let mig = match ok(device.mig_device_by_index(index)) {
            Ok(mig) => mig,
            Err(Code::NOT_FOUND | Code::INVALID_ARGUMENT) => continue,
            Err(code) => return Err(code),
        };
        let (gpu_instance, compute_instance) = raw::mig_ids(&mig);
        let attributes = raw::mig_attributes(&mig);
        all.push(MigDevice {
            index,
            uuid: ok(mig.uuid()),
            profile: profile(&mig, &attributes),
            gpu_instance,
            compute_instance,
            engines: attributes.map(|(engines, ..)| engines),
            memory: raw::memory(&mig),
            bar1: bar1(&mig),
            sram_uncorrected: raw::ecc_count(&mig, 1, 0, Place::Sram),
        });
    }
    Ok(all)
}

/// `3g.40gb` of `NVIDIA H100 80GB HBM3 MIG 3g.40gb`, or made from the slices.
fn profile(mig: &Device<'_>, attributes: &Reading<(Engines, u32, u32, u64)>) -> Reading<String> {
    if let Ok(name) = mig.name()
        && let Some((_, profile)) = name.split_once(" MIG ")
    {
        return Ok(profile.to_owned());
    }
    let (_, slices, compute, mib) = (*attributes)?;
    let whole = format!("{slices}g.{}gb", mib.div_ceil(1024));
    Ok(if compute == slices { whole } else { format!("{compute}c.{whole}") })
}

fn links(device: &Device<'_>) -> Reading<Vec<Link>> {
    let count: u32 = match raw::field_as(device, 91, 0) {
        Ok(count) => count,
        // Before that field existed, a link that is not there refused to say its state.
        Err(code) => {
            let there = (0..18).take_while(|link| device.link_wrapper_for(*link).is_active().is_ok()).count();
            if there == 0 {
                return Err(code);
            }
            there as u32
        }
    };
    Ok((0..count)
        .map(|number| {
            let link = device.link_wrapper_for(number);
            let capabilities = [
                Capability::P2p,
                Capability::SysMemAccess,
                Capability::P2pAtomics,
                Capability::SysMemAtomics,
                Capability::SliBridge,
                Capability::ValidLink,
            ];
            Link {
                number,
                up: ok(link.is_active()),
                speed: raw::field_as(device, 164, number).or_else(|_| raw::field_as(device, 90, 0)),
                replays: ok(link.error_counter(ErrorCounter::DlReplay)),
                recoveries: ok(link.error_counter(ErrorCounter::DlRecovery)),
                crc: ok(link.error_counter(ErrorCounter::DlCrcFlit)),
                capability: capabilities.map(|which| ok(link.has_capability(which))),
                remote: ok(link.remote_pci_info()).map(|pci| pci.bus_id),
                remote_link: raw::field_as(device, 146, number),
                data: [138, 139].map(|id| raw::field_as(device, id, number)),
                raw: [140, 141].map(|id| raw::field_as(device, id, number)),
            }
        })
        .collect())
}

fn path(gpus: &[Gpu], (from, one): (usize, &Device<'_>), (to, other): (usize, &Device<'_>)) -> Path {
    let peer = std::array::from_fn(|capability| raw::peer_status(one, other, capability as u32));
    Path {
        from: from as u32,
        to: to as u32,
        ancestor: raw::common_ancestor(one, other),
        links: joint_links(gpus, from, to),
        peer,
    }
}

/// Links between two GPUs: those whose far end is the other, or all that lead to switches if both have such.
fn joint_links(gpus: &[Gpu], from: usize, to: usize) -> u32 {
    let up = |at: usize| -> Vec<&str> {
        let Ok(live) = &gpus[at].state else { return Vec::new() };
        let links = live.board.links.as_deref().unwrap_or_default();
        links
            .iter()
            .filter(|link| link.up == Ok(true))
            .map(|link| link.remote.as_deref().unwrap_or_default())
            .collect()
    };
    let is_gpu =
        |id: &str| gpus.iter().any(|gpu| gpu.state.as_ref().is_ok_and(|live| same_bus_id(live.bus_id(), id)));
    let Ok(other) = &gpus[to].state else { return 0 };
    let direct = up(from).iter().filter(|id| same_bus_id(id, other.bus_id())).count();
    let switched = |at| up(at).iter().filter(|id| !is_gpu(id)).count();
    // Whether the switches route already is not looked at: the links are there before the fabric stands.
    let through_switches = switched(from).min(switched(to));
    (direct + through_switches) as u32
}

fn measure(all: &[nvml_wrapper::struct_wrappers::device::Sample]) -> Reading<Samples> {
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Err(Code::NOT_FOUND) };
    let values: Vec<f64> = all
        .iter()
        .map(|sample| match sample.value {
            SampleValue::F64(value) => value,
            SampleValue::U32(value) => value.into(),
            SampleValue::U64(value) => value as f64,
            SampleValue::I64(value) => value as f64,
        })
        .collect();
    Ok(Samples {
        seconds: last.timestamp.saturating_sub(first.timestamp) as f64 / 1e6,
        count: values.len() as u32,
        most: values.iter().copied().fold(f64::MIN, f64::max),
        least: values.iter().copied().fold(f64::MAX, f64::min),
        mean: values.iter().sum::<f64>() / values.len() as f64,
    })
}
