//! Which GPUs there are, who they are, how they are plugged in, and how they lie to each other.

use std::ffi::{c_char, c_int};

use crashcart_hardware::page::{self, GpuPage};
use nvml_wrapper_sys::bindings::{
    nvmlBrandType_t, nvmlBusType_t, nvmlC2cModeInfo_v1_t, nvmlDevice_t, nvmlDeviceAddressingMode_v1_t,
    nvmlDeviceArchitecture_t, nvmlDeviceCapabilities_v1_t, nvmlEnableState_t, nvmlPciInfo_t,
    nvmlPciInfoExt_v1_t, nvmlPdi_v1_t, nvmlPlatformInfo_v2_t, nvmlUUID_v1_t,
};

use super::{Device, In, Mask, Out, Text, chars, exports, raw_device};
use crate::answer::{Answer, Error};
use crate::library;
use crate::machine::{Gpu, Target, has};
use crate::topology::{self, Level};

/// Words of an affinity mask that a page has.
const WORDS: usize = page::CPU_WORDS;

/// NVML's `nvmlPciInfo_t` as it was before `busId` grew: 52 bytes, of which the last 16 are reserved.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LegacyPciInfo {
    bus_id: [c_char; 16],
    domain: u32,
    bus: u32,
    device: u32,
    pci_device_id: u32,
    pci_subsystem_id: u32,
}

exports! {
    /// How many GPUs this process sees.
    fn nvmlDeviceGetCount_v2(count: Out<u32>) {
        let session = library::session()?;
        session.node()?;
        count.put(session.count() as u32)
    }

    /// As before NVML 5: the same, since what this process may not open is hidden from it anyway.
    fn nvmlDeviceGetCount(count: Out<u32>) {
        let session = library::session()?;
        session.node()?;
        count.put(session.count() as u32)
    }

    /// A handle by NVML's index.
    fn nvmlDeviceGetHandleByIndex_v2(index: u32, device: Out<nvmlDevice_t>) {
        by_index(index, device)
    }

    /// As before NVML 5.
    fn nvmlDeviceGetHandleByIndex(index: u32, device: Out<nvmlDevice_t>) {
        by_index(index, device)
    }

    /// A handle by serial number.
    fn nvmlDeviceGetHandleBySerial(serial: Text, device: Out<nvmlDevice_t>) {
        let session = library::session()?;
        let serial = serial.get()?;
        device.there()?;
        device.put(raw_device(
            session.find(|page| page::text(&page.serial) == serial)?.present()?.handle(),
        )?)
    }

    /// A handle by UUID: a GPU's or a MIG device's.
    fn nvmlDeviceGetHandleByUUID(uuid: Text, device: Out<nvmlDevice_t>) {
        library::session()?;
        by_uuid(uuid.get()?, device)
    }

    /// The same with the UUID in a structure, as text (1) or as 16 bytes (2).
    fn nvmlDeviceGetHandleByUUIDV(uuid: In<nvmlUUID_v1_t>, device: Out<nvmlDevice_t>) {
        library::session()?;
        let place = Out(uuid.0);
        place.version(1)?;
        let uuid = place.get()?;
        let bytes: [u8; 41] = bytes_of(&uuid);
        match uuid.type_ {
            1 => by_uuid(page::text(&bytes), device),
            2 => {
                let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
                let wanted = format!(
                    "GPU-{}-{}-{}-{}-{}",
                    &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]
                );
                by_uuid(&wanted, device)
            }
            _ => Err(Error::InvalidArgument),
        }
    }

    /// A handle by bus id: `00000000:53:00.0`, `0000:53:00.0` or `53:00.0`.
    fn nvmlDeviceGetHandleByPciBusId_v2(bus_id: Text, device: Out<nvmlDevice_t>) {
        library::session()?;
        by_bus_id(bus_id.get()?, device)
    }

    /// As before NVML 5.
    fn nvmlDeviceGetHandleByPciBusId(bus_id: Text, device: Out<nvmlDevice_t>) {
        library::session()?;
        by_bus_id(bus_id.get()?, device)
    }

    /// Product name; a MIG device's has its profile behind it.
    fn nvmlDeviceGetName(device: Device, name: Out<c_char>, length: u32) {
        match device.target()? {
            Target::Whole(gpu) => {
                let gpu = gpu.present()?;
                name.give_text(length, gpu.text(&gpu.page.name))
            }
            Target::Slice(gpu, instance, compute) => {
                let gpu = gpu.present()?;
                let profile = gpu.profile_of(&instance)?;
                let cut = match profile.slices == compute.slices {
                    true => page::text(&profile.name).to_owned(),
                    false => format!("{}c.{}", compute.slices, page::text(&profile.name)),
                };
                name.text(length, &format!("{} MIG {cut}", page::text(&gpu.page.name)))
            }
        }
    }

    /// Brand.
    fn nvmlDeviceGetBrand(device: Device, brand: Out<nvmlBrandType_t>) {
        brand.give(has(device.known_board()?.page.brand))
    }

    /// Place in NVML's order; a MIG device's place on its GPU.
    fn nvmlDeviceGetIndex(device: Device, index: Out<u32>) {
        match device.target()? {
            Target::Whole(gpu) => {
                let gpu = gpu.present()?;
                index.give(gpu.session.index_of(gpu.at).map(|at| at as u32).ok_or(Error::Unknown))
            }
            Target::Slice(gpu, _, compute) => {
                let place = gpu
                    .mig_devices()
                    .iter()
                    .position(|it| (it.gpu_instance, it.id) == (compute.gpu_instance, compute.id));
                index.give(place.map(|at| at as u32).ok_or(Error::Unknown))
            }
        }
    }

    /// Serial number.
    fn nvmlDeviceGetSerial(device: Device, serial: Out<c_char>, length: u32) {
        let gpu = device.known_board()?;
        serial.give_text(length, gpu.text(&gpu.page.serial))
    }

    /// UUID.
    fn nvmlDeviceGetUUID(device: Device, uuid: Out<c_char>, length: u32) {
        match device.target()? {
            Target::Whole(gpu) => {
                let gpu = gpu.present()?;
                uuid.give_text(length, gpu.text(&gpu.page.uuid))
            }
            Target::Slice(gpu, _, compute) => {
                gpu.present()?;
                uuid.text(length, page::text(&compute.uuid))
            }
        }
    }

    /// Minor number of `/dev/nvidia<minor>`.
    fn nvmlDeviceGetMinorNumber(device: Device, minor: Out<u32>) {
        minor.give(has(device.known_board()?.page.minor))
    }

    /// Place on the baseboard.
    fn nvmlDeviceGetModuleId(device: Device, module: Out<u32>) {
        module.give(has(device.known_gpu()?.page.module_id))
    }

    /// Part number of the board.
    fn nvmlDeviceGetBoardPartNumber(device: Device, part: Out<c_char>, length: u32) {
        let gpu = device.known_gpu()?;
        part.give_text(length, gpu.text(&gpu.page.board_part_number))
    }

    /// Version of the VBIOS.
    fn nvmlDeviceGetVbiosVersion(device: Device, version: Out<c_char>, length: u32) {
        let gpu = device.known_board()?;
        version.give_text(length, gpu.text(&gpu.page.vbios))
    }

    /// Version of a part of the infoROM: 0 OEM, 1 ECC, 2 power.
    fn nvmlDeviceGetInforomVersion(device: Device, object: u32, version: Out<c_char>, length: u32) {
        let gpu = device.gpu()?;
        let part: &[u8] = match object {
            0 => &gpu.page.inforom_oem,
            1 => &gpu.page.inforom_ecc,
            2 => &gpu.page.inforom_power,
            3 => &[],
            _ => return Err(Error::InvalidArgument),
        };
        version.give_text(length, gpu.text(part))
    }

    /// Version of the infoROM's image.
    fn nvmlDeviceGetInforomImageVersion(device: Device, version: Out<c_char>, length: u32) {
        let gpu = device.gpu()?;
        version.give_text(length, gpu.text(&gpu.page.inforom_image))
    }

    /// A checksum of the configuration in the infoROM: of what is known of it here.
    fn nvmlDeviceGetInforomConfigurationChecksum(device: Device, checksum: Out<u32>) {
        let gpu = device.gpu()?;
        let sum = gpu.page.inforom_image.iter().chain(&gpu.page.inforom_ecc).fold(0x811c_9dc5, |sum: u32, byte| {
            (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        checksum.give(gpu.text(&gpu.page.inforom_image).map(|_| sum))
    }

    /// Whether the infoROM is whole: it always is.
    fn nvmlDeviceValidateInforom(device: Device) {
        let gpu = device.gpu()?;
        gpu.text(&gpu.page.inforom_image).map(|_| ())
    }

    /// Board number; equal on the GPUs of one board.
    fn nvmlDeviceGetBoardId(device: Device, board: Out<u32>) {
        board.give(has(device.known_gpu()?.page.board_id))
    }

    /// Whether the board has several GPUs.
    fn nvmlDeviceGetMultiGpuBoard(device: Device, several: Out<u32>) {
        several.give(has(device.known_gpu()?.page.multi_gpu_board))
    }

    /// Whether two GPUs are on one board.
    fn nvmlDeviceOnSameBoard(first: Device, second: Device, same: Out<c_int>) {
        let (first, second) = (first.gpu()?, second.gpu()?);
        let one = first.at == second.at || first.page.board_id == second.page.board_id;
        same.put(c_int::from(one))
    }

    /// Interrupt line.
    fn nvmlDeviceGetIrqNum(device: Device, irq: Out<u32>) {
        irq.give(has(device.known_gpu()?.page.irq))
    }

    /// Architecture.
    fn nvmlDeviceGetArchitecture(device: Device, architecture: Out<nvmlDeviceArchitecture_t>) {
        architecture.give(has(device.known_board()?.page.architecture))
    }

    /// Compute capability.
    fn nvmlDeviceGetCudaComputeCapability(device: Device, major: Out<c_int>, minor: Out<c_int>) {
        let capability = device.known_board()?.page.compute_capability as c_int;
        major.there()?;
        minor.put(capability % 10)?;
        major.put(capability / 10)
    }

    /// CUDA cores.
    fn nvmlDeviceGetNumGpuCores(device: Device, cores: Out<u32>) {
        cores.give(has(device.known_gpu()?.page.core_count))
    }

    /// Version of the GSP firmware, the driver's own, into a buffer of 64 bytes.
    fn nvmlDeviceGetGspFirmwareVersion(device: Device, version: Out<c_char>) {
        let gpu = device.known_gpu()?;
        let driver = gpu.session.node()?.driver_version;
        match gpu.page.gsp_firmware_mode {
            1 => version.text(64, page::text(&driver)),
            _ => Err(Error::NotSupported),
        }
    }

    /// Whether the GSP runs the driver's firmware.
    fn nvmlDeviceGetGspFirmwareMode(device: Device, enabled: Out<u32>, default: Out<u32>) {
        let mode = has(device.known_gpu()?.page.gsp_firmware_mode)?;
        enabled.there()?;
        default.put(mode)?;
        enabled.put(mode)
    }

    /// How the GPU sees the system's memory.
    fn nvmlDeviceGetAddressingMode(device: Device, mode: Out<nvmlDeviceAddressingMode_v1_t>) {
        let gpu = device.known_gpu()?;
        mode.version(1)?;
        mode.put(nvmlDeviceAddressingMode_v1_t { value: has(gpu.page.addressing_mode)?, ..mode.get()? })
    }

    /// NVML's capabilities of a device: EGM, which no simulated node has.
    fn nvmlDeviceGetCapabilities(device: Device, capabilities: Out<nvmlDeviceCapabilities_v1_t>) {
        device.gpu()?;
        capabilities.version(1)?;
        capabilities.put(nvmlDeviceCapabilities_v1_t { capMask: 0, ..capabilities.get()? })
    }

    /// Chip-to-chip link to the processor: on with ATS alone.
    fn nvmlDeviceGetC2cModeInfoV(device: Device, mode: Out<nvmlC2cModeInfo_v1_t>) {
        let gpu = device.known_gpu()?;
        mode.put(nvmlC2cModeInfo_v1_t { isC2cEnabled: u32::from(gpu.page.addressing_mode == 2) })
    }

    /// The device identifier: a number that no other GPU has.
    fn nvmlDeviceGetPdi(device: Device, pdi: Out<nvmlPdi_v1_t>) {
        let gpu = device.known_gpu()?;
        pdi.version(1)?;
        let uuid = gpu.text(&gpu.page.uuid)?;
        let digits: String = uuid.chars().filter(char::is_ascii_hexdigit).skip(1).take(16).collect();
        let value = u64::from_str_radix(&digits, 16).map_err(|_| Error::NotSupported)?;
        pdi.put(nvmlPdi_v1_t { value, ..pdi.get()? })
    }

    /// Place in the rack; known from Blackwell (architecture 10) on.
    fn nvmlDeviceGetPlatformInfo(device: Device, info: Out<nvmlPlatformInfo_v2_t>) {
        let gpu = device.known_gpu()?;
        // The two layouts are alike in size, and in all but the names of their fields.
        if info.version(2).is_err() {
            info.version(1)?;
        }
        if gpu.page.architecture < 10 {
            return Err(Error::NotSupported);
        }
        info.put(nvmlPlatformInfo_v2_t {
            ibGuid: [0; 16],
            chassisSerialNumber: [0; 16],
            slotNumber: 0,
            trayIndex: 0,
            hostId: 1,
            peerType: 1,
            moduleId: gpu.page.module_id as u8,
            ..info.get()?
        })
    }

    /// Whether a display hangs on the GPU.
    fn nvmlDeviceGetDisplayMode(device: Device, mode: Out<nvmlEnableState_t>) {
        mode.give(has(device.gpu()?.page.display_mode))
    }

    /// Whether a display is driven by it.
    fn nvmlDeviceGetDisplayActive(device: Device, active: Out<nvmlEnableState_t>) {
        active.give(has(device.gpu_or(Error::NotSupported)?.page.display_active))
    }

    /// Whether the driver stays loaded without clients.
    fn nvmlDeviceGetPersistenceMode(device: Device, mode: Out<nvmlEnableState_t>) {
        mode.give(has(device.known_board()?.page.persistence))
    }

    /// Virtualisation: 0, none.
    fn nvmlDeviceGetVirtualizationMode(device: Device, mode: Out<u32>) {
        device.known_gpu()?;
        mode.put(0)
    }

    /// Place on the PCI bus.
    fn nvmlDeviceGetPciInfo_v3(device: Device, info: Out<nvmlPciInfo_t>) {
        info.put(pci_info(&device.known_board()?.page))
    }

    /// The same in the layout of NVML 4: 36 of 52 bytes are written.
    fn nvmlDeviceGetPciInfo_v2(device: Device, info: Out<nvmlPciInfo_t>) {
        info.cast().put(legacy_pci_info(&device.known_board()?.page))
    }

    /// The same again.
    fn nvmlDeviceGetPciInfo(device: Device, info: Out<nvmlPciInfo_t>) {
        info.cast().put(legacy_pci_info(&device.known_board()?.page))
    }

    /// Place on the bus, and class 3, subclass 2: a 3D controller.
    fn nvmlDeviceGetPciInfoExt(device: Device, info: Out<nvmlPciInfoExt_v1_t>) {
        let page = device.known_board()?.page;
        info.version(1)?;
        info.put(nvmlPciInfoExt_v1_t {
            domain: page.pci_domain,
            bus: page.pci_bus,
            device: page.pci_device,
            pciDeviceId: page.pci_id,
            pciSubSystemId: page.pci_subsystem,
            baseClass: 3,
            subClass: 2,
            busId: chars(&bus_id(&page)),
            ..info.get()?
        })
    }

    /// Kind of bus: PCI Express.
    fn nvmlDeviceGetBusType(device: Device, kind: Out<nvmlBusType_t>) {
        device.known_gpu()?;
        kind.put(2)
    }

    /// Highest PCIe generation of board and slot together.
    fn nvmlDeviceGetMaxPcieLinkGeneration(device: Device, generation: Out<u32>) {
        generation.give(has(device.known_gpu()?.page.pcie_gen_max))
    }

    /// Highest PCIe generation of the board.
    fn nvmlDeviceGetGpuMaxPcieLinkGeneration(device: Device, generation: Out<u32>) {
        generation.give(has(device.known_gpu()?.page.pcie_gen_device_max))
    }

    /// Most PCIe lanes of board and slot together.
    fn nvmlDeviceGetMaxPcieLinkWidth(device: Device, width: Out<u32>) {
        width.give(has(device.known_gpu()?.page.pcie_width_max))
    }

    /// PCIe generation now.
    fn nvmlDeviceGetCurrPcieLinkGeneration(device: Device, generation: Out<u32>) {
        generation.give(has(device.known_gpu()?.page.pcie_gen))
    }

    /// PCIe lanes now.
    fn nvmlDeviceGetCurrPcieLinkWidth(device: Device, width: Out<u32>) {
        width.give(has(device.known_gpu()?.page.pcie_width))
    }

    /// Highest speed of a lane, as NVML's enum: 5 is 32 GT/s.
    fn nvmlDeviceGetPcieLinkMaxSpeed(device: Device, speed: Out<u32>) {
        speed.give(has(device.known_gpu()?.page.pcie_gen_max))
    }

    /// Speed of a lane now, Mbit/s.
    fn nvmlDeviceGetPcieSpeed(device: Device, speed: Out<u32>) {
        let generation = has(device.known_gpu()?.page.pcie_gen)?;
        speed.put(match generation {
            1 => 2_500,
            2 => 5_000,
            generation => 8_000 << generation.saturating_sub(3).min(4),
        })
    }

    /// KiB per second over PCIe: 0 sent, 1 received.
    fn nvmlDeviceGetPcieThroughput(device: Device, counter: u32, value: Out<u32>) {
        let page = device.gpu()?.page;
        let rate = match counter {
            0 => page.pcie_tx_kib_s,
            1 => page.pcie_rx_kib_s,
            _ => return Err(Error::InvalidArgument),
        };
        value.put(u32::try_from(crate::machine::has_wide(rate)?).unwrap_or(u32::MAX))
    }

    /// PCIe packets that were sent again.
    fn nvmlDeviceGetPcieReplayCounter(device: Device, value: Out<u32>) {
        value.give(crate::machine::has_wide(device.gpu()?.page.pcie_replays).map(|count| count as u32))
    }

    /// The processors near the GPU.
    fn nvmlDeviceGetCpuAffinity(device: Device, size: u32, mask: Mask) {
        cpu_affinity(device, size, mask)
    }

    /// The same within a NUMA node (0) or a socket (1).
    fn nvmlDeviceGetCpuAffinityWithinScope(device: Device, size: u32, mask: Mask, scope: u32) {
        if scope > 1 {
            return Err(Error::InvalidArgument);
        }
        cpu_affinity(device, size, mask)
    }

    /// The NUMA node near the GPU.
    fn nvmlDeviceGetMemoryAffinity(device: Device, size: u32, mask: Mask, scope: u32) {
        let node = has(device.known_board()?.page.numa_node)?;
        if scope > 1 || size == 0 {
            return Err(Error::InvalidArgument);
        }
        let mut words = [0; WORDS];
        *words.get_mut(node as usize / 64).ok_or(Error::Unknown)? = 1 << (node % 64);
        put_mask(size, mask, &words)
    }

    /// NUMA node of the GPU's own memory, where that is one: on coherent platforms.
    fn nvmlDeviceGetNumaNodeId(device: Device, node: Out<u32>) {
        let page = device.known_gpu()?.page;
        node.there()?;
        match page.addressing_mode {
            2 => node.give(has(page.numa_node)),
            _ => Err(Error::NotSupported),
        }
    }

    /// Binds the calling thread to the processors near the GPU.
    fn nvmlDeviceSetCpuAffinity(device: Device) {
        bind(&device.known_gpu()?.page.cpu_affinity)
    }

    /// Lets the calling thread run everywhere again.
    fn nvmlDeviceClearCpuAffinity(device: Device) {
        let count = device.known_gpu()?.session.node()?.cpu_count as usize;
        let mut all = [0; WORDS];
        for cpu in 0..count.min(WORDS * 64) {
            all[cpu / 64] |= 1 << (cpu % 64);
        }
        bind(&all)
    }

    /// The nearest thing that two GPUs hang on.
    fn nvmlDeviceGetTopologyCommonAncestor(first: Device, second: Device, level: Out<u32>) {
        let (first, second) = (first.gpu()?, second.gpu()?);
        level.put(Level::between(&first.page, &second.page) as u32)
    }

    /// The GPUs at a level from this one.
    fn nvmlDeviceGetTopologyNearestGpus(device: Device, level: u32, count: Out<u32>, devices: Out<nvmlDevice_t>) {
        let gpu = device.known_gpu()?;
        let level = Level::from_raw(level).ok_or(Error::InvalidArgument)?;
        let near: Answer<Vec<_>> =
            topology::at_level(&gpu, level).iter().map(|gpu| raw_device(gpu.handle())).collect();
        devices.list_or_count(count, &near?)
    }

    /// Whether a GPU reaches another's memory: 0 read, 1 write, 2 over NVLink, 3 atomics, 4 over PCI.
    fn nvmlDeviceGetP2PStatus(first: Device, second: Device, way: u32, status: Out<u32>) {
        let (first, second) = (first.known_gpu()?, second.known_gpu()?);
        let over_nvlink = match way {
            0 | 1 | 4 => false,
            2 | 3 => true,
            _ => return Err(Error::InvalidArgument),
        };
        status.there()?;
        if first.at == second.at {
            return Err(Error::InvalidArgument);
        }
        status.put(topology::peer(&first.page, &second.page, over_nvlink) as u32)
    }
}

fn by_index(index: u32, device: Out<nvmlDevice_t>) -> Answer<()> {
    let session = library::session()?;
    device.there()?;
    device.put(raw_device(session.by_index(index as usize)?.present()?.handle())?)
}

fn by_uuid(uuid: &str, device: Out<nvmlDevice_t>) -> Answer<()> {
    let session = library::session()?;
    device.there()?;
    for gpu in session.gpus() {
        if page::text(&gpu.page.uuid).eq_ignore_ascii_case(uuid) {
            return device.put(raw_device(gpu.present()?.handle())?);
        }
        let Some(compute) = gpu.computes().iter().find(|it| page::text(&it.uuid).eq_ignore_ascii_case(uuid))
        else {
            continue;
        };
        let handle =
            crate::handle::Device::Slice { gpu: gpu.at, instance: compute.gpu_instance, compute: compute.id };
        return device.put(raw_device(handle)?);
    }
    Err(Error::NotFound)
}

fn by_bus_id(text: &str, device: Out<nvmlDevice_t>) -> Answer<()> {
    let session = library::session()?;
    device.there()?;
    let wanted = parse_bus_id(text).ok_or(Error::InvalidArgument)?;
    let gpu = session.find(|page| (page.pci_domain, page.pci_bus, page.pci_device) == wanted)?;
    device.put(raw_device(gpu.present()?.handle())?)
}

/// Domain, bus and device of `[domain:]bus:device[.function]`.
fn parse_bus_id(text: &str) -> Option<(u32, u32, u32)> {
    let hex = |part: &str| u32::from_str_radix(part, 16).ok();
    let mut parts = text.split(':').rev();
    let device = hex(parts.next()?.split('.').next()?)?;
    let bus = hex(parts.next()?)?;
    let domain = parts.next().map_or(Some(0), hex)?;
    parts.next().is_none().then_some((domain, bus, device))
}

fn bus_id(page: &GpuPage) -> String {
    format!("{:08X}:{:02X}:{:02X}.0", page.pci_domain, page.pci_bus, page.pci_device)
}

pub(super) fn legacy_bus_id(page: &GpuPage) -> String {
    format!("{:04X}:{:02X}:{:02X}.0", page.pci_domain, page.pci_bus, page.pci_device)
}

fn pci_info(page: &GpuPage) -> nvmlPciInfo_t {
    nvmlPciInfo_t {
        busIdLegacy: chars(&legacy_bus_id(page)),
        domain: page.pci_domain,
        bus: page.pci_bus,
        device: page.pci_device,
        pciDeviceId: page.pci_id,
        pciSubSystemId: page.pci_subsystem,
        busId: chars(&bus_id(page)),
    }
}

fn legacy_pci_info(page: &GpuPage) -> LegacyPciInfo {
    LegacyPciInfo::at(page.pci_domain, page.pci_bus, page.pci_device, page.pci_id, page.pci_subsystem)
}

impl LegacyPciInfo {
    pub(super) fn at(domain: u32, bus: u32, device: u32, pci_device_id: u32, pci_subsystem_id: u32) -> Self {
        let bus_id = chars(&format!("{domain:04X}:{bus:02X}:{device:02X}.0"));
        Self { bus_id, domain, bus, device, pci_device_id, pci_subsystem_id }
    }
}

fn cpu_affinity(device: Device, size: u32, mask: Mask) -> Answer<()> {
    let gpu: Gpu = device.board()?;
    if size == 0 {
        return Err(Error::InvalidArgument);
    }
    put_mask(size, mask, &gpu.page.cpu_affinity)
}

/// Fills a mask of so many words; those that the page does not have are zero.
fn put_mask(size: u32, mask: Mask, words: &[u64; WORDS]) -> Answer<()> {
    mask.there()?;
    (0..size as usize).try_for_each(|at| mask.nth(at).put(words.get(at).copied().unwrap_or(0)))
}

fn bind(words: &[u64; WORDS]) -> Answer<()> {
    let mut set = rustix::thread::CpuSet::new();
    for cpu in 0..WORDS * 64 {
        if words[cpu / 64] >> (cpu % 64) & 1 == 1 && cpu < rustix::thread::CpuSet::MAX_CPU {
            set.set(cpu);
        }
    }
    // The machine below the simulated node may have fewer processors than the node.
    rustix::thread::sched_setaffinity(None, &set).map_err(|_| Error::Unknown)
}

/// The union's bytes, whichever of its members was written.
fn bytes_of(uuid: &nvmlUUID_v1_t) -> [u8; 41] {
    // SAFETY: any bytes are valid for both members, and the text is the longer.
    unsafe { uuid.value.str_ }.map(|character| character as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_ids_are_read_in_every_form_that_clients_use() {
        fn case(text: &str, expected: Option<(u32, u32, u32)>) {
            assert_eq!(parse_bus_id(text), expected, "{text}");
        }
        case("00000000:53:00.0", Some((0, 0x53, 0)));
        case("0000:CA:00.0", Some((0, 0xca, 0)));
        case("0001:ca:1f", Some((1, 0xca, 0x1f)));
        case("53:00.0", Some((0, 0x53, 0)));
        case("", None);
        case("GPU-1", None);
        case("0:0:0:0", None);
    }
}
