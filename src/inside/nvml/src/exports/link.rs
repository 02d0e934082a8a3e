//! NVLinks and the fabric behind them.

use std::ffi::c_ulonglong;

use crashcart_hardware::page::GpuPage;
use nvml_wrapper_sys::bindings::{
    nvmlEnableState_t, nvmlGpmSupport_t, nvmlGpuFabricInfo_t, nvmlGpuFabricInfo_v2_t, nvmlGpuFabricInfo_v3_t,
    nvmlNvLinkInfo_v1_t, nvmlPciInfo_t,
};

use super::device::LegacyPciInfo;
use super::{Device, Out, chars, exports, versioned};
use crate::answer::{Answer, Error};
use crate::machine::{Gpu, has};

exports! {
    /// Whether a link is up.
    fn nvmlDeviceGetNvLinkState(device: Device, link: u32, active: Out<nvmlEnableState_t>) {
        let gpu = linked(device)?;
        active.give(gpu.link(link).map(|link| link.up))
    }

    /// Version of a link, as NVML's enum: 6 is 4.0.
    fn nvmlDeviceGetNvLinkVersion(device: Device, link: u32, version: Out<u32>) {
        let gpu = linked(device)?;
        gpu.link(link)?;
        version.give(has(gpu.page.link_version))
    }

    /// What a link can do: peers, system memory, atomics for either, SLI; and whether any of it counts.
    fn nvmlDeviceGetNvLinkCapability(device: Device, link: u32, capability: u32, result: Out<u32>) {
        let gpu = linked(device)?;
        let up = gpu.link(link)?.up;
        result.there()?;
        match capability {
            0 | 2 | 5 => result.put(up),
            // System memory and its atomics: over a link to the processor alone; 4: SLI.
            1 | 3 | 4 => result.put(0),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// What is at the other end of a link.
    fn nvmlDeviceGetNvLinkRemotePciInfo_v2(device: Device, link: u32, info: Out<nvmlPciInfo_t>) {
        let gpu = linked(device)?;
        let link = gpu.link(link)?;
        info.there()?;
        // A link that is down has no other end.
        if link.up != 1 {
            return Err(Error::NotSupported);
        }
        let (domain, bus, device) = (link.remote_domain, link.remote_bus, link.remote_device);
        info.put(nvmlPciInfo_t {
            busIdLegacy: chars(&format!("{domain:04X}:{bus:02X}:{device:02X}.0")),
            domain,
            bus,
            device,
            pciDeviceId: link.remote_pci_id,
            pciSubSystemId: 0,
            busId: chars(&format!("{domain:08X}:{bus:02X}:{device:02X}.0")),
        })
    }

    /// The same in the layout of NVML 4, as NCCL asks for it.
    fn nvmlDeviceGetNvLinkRemotePciInfo(device: Device, link: u32, info: Out<nvmlPciInfo_t>) {
        let gpu = linked(device)?;
        let link = gpu.link(link)?;
        info.there()?;
        if link.up != 1 {
            return Err(Error::NotSupported);
        }
        info.cast::<LegacyPciInfo>().put(LegacyPciInfo::at(
            link.remote_domain,
            link.remote_bus,
            link.remote_device,
            link.remote_pci_id,
            0,
        ))
    }

    /// Kind of the other end: 0 GPU, 2 switch, 255 unknown.
    fn nvmlDeviceGetNvLinkRemoteDeviceType(device: Device, link: u32, kind: Out<u32>) {
        let gpu = linked(device)?;
        kind.give(gpu.link(link).map(|link| if link.up == 1 { link.remote_kind } else { 255 }))
    }

    /// Errors of a link: 0 replays, 1 recoveries, 2 CRC of flits, 3 CRC of data, 4 ECC of data.
    fn nvmlDeviceGetNvLinkErrorCounter(device: Device, link: u32, counter: u32, value: Out<c_ulonglong>) {
        let gpu = linked(device)?;
        let link = *gpu.link(link)?;
        value.there()?;
        // Blackwell counts in field values.
        if gpu.page.architecture >= 10 {
            return Err(Error::NotSupported);
        }
        match counter {
            0 => value.put(link.replays),
            1 => value.put(link.recoveries),
            2 => value.put(link.crc_flit),
            3 => value.put(link.crc_data),
            4 => Err(Error::NotSupported),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// KiB over a link, either way.
    fn nvmlDeviceGetNvLinkUtilizationCounter(
        device: Device,
        link: u32,
        counter: u32,
        received: Out<c_ulonglong>,
        sent: Out<c_ulonglong>,
    ) {
        let gpu = linked(device)?;
        let link = *gpu.link(link)?;
        if counter > 1 {
            return Err(Error::InvalidArgument);
        }
        received.there()?;
        sent.put(link.tx_kib)?;
        received.put(link.rx_kib)
    }

    /// Whether links are encrypted: they are not.
    fn nvmlDeviceGetNvLinkInfo(device: Device, info: Out<nvmlNvLinkInfo_v1_t>) {
        linked(device)?;
        info.version(1)?;
        info.put(nvmlNvLinkInfo_v1_t { isNvleEnabled: 0, ..info.get()? })
    }

    /// How the GPU has joined the fabric.
    fn nvmlDeviceGetGpuFabricInfo(device: Device, info: Out<nvmlGpuFabricInfo_t>) {
        let page = device.gpu()?.page;
        info.cast().put(Fabric::of(&page))
    }

    /// The same with its health; in its third layout with a summary of that.
    fn nvmlDeviceGetGpuFabricInfoV(device: Device, info: Out<nvmlGpuFabricInfo_v3_t>) {
        let page = device.gpu()?.page;
        let second = info.cast::<nvmlGpuFabricInfo_v2_t>();
        let version = info.cast::<u32>().get()?;
        let health =
            FabricHealth { version, fabric: Fabric::of(&page), mask: page.fabric_health };
        if version == versioned::<nvmlGpuFabricInfo_v2_t>(2) {
            return second.cast().put(health);
        }
        info.version(3)?;
        let summary = health_summary(page.fabric_state, page.fabric_health).into();
        info.cast().put(FabricSummary { health, summary })
    }

    /// Profiling metrics: this GPU has none, which is an answer and no error.
    fn nvmlGpmQueryDeviceSupport(device: Device, support: Out<nvmlGpmSupport_t>) {
        device.gpu()?;
        let asked = support.get()?;
        // The first version of this structure counts without its size.
        if asked.version & 0xff_ffff != 1 && asked.version != versioned::<nvmlGpmSupport_t>(1) {
            return Err(Error::ArgumentVersion);
        }
        support.put(nvmlGpmSupport_t { isSupportedDevice: 0, ..asked })
    }
}

/// `nvmlGpuFabricInfo_t` without holes: its last field is a byte in `nvml.h`, of which clients that have no
/// header, as nvidia-ml-py, read four.
#[derive(Clone, Copy)]
#[repr(C)]
struct Fabric {
    cluster: [u8; 16],
    status: u32,
    clique: u32,
    state: u32,
}

impl Fabric {
    fn of(page: &GpuPage) -> Self {
        Self {
            cluster: page.fabric_cluster,
            status: page.fabric_status,
            clique: page.fabric_clique,
            state: page.fabric_state,
        }
    }
}

/// `nvmlGpuFabricInfo_v2_t` in the same way.
#[derive(Clone, Copy)]
#[repr(C)]
struct FabricHealth {
    version: u32,
    fabric: Fabric,
    mask: u32,
}

/// `nvmlGpuFabricInfo_v3_t`: its summary is a byte, too.
#[derive(Clone, Copy)]
#[repr(C)]
struct FabricSummary {
    health: FabricHealth,
    summary: u32,
}

/// The GPU, unless it is cut: links are then nobody's.
fn linked(device: Device) -> Answer<Gpu> {
    let gpu = device.gpu()?;
    if gpu.link_count() == 0 || gpu.is_cut().is_ok() { Err(Error::NotSupported) } else { Ok(gpu) }
}

/// NVML's summary of the health mask: 0 not supported, 1 healthy, 2 unhealthy, 3 limited capacity.
/// The mask's fields are two bits each, of which 1 means "true"; the lowest is "degraded bandwidth".
fn health_summary(state: u32, mask: u32) -> u8 {
    let is_true = |field: u32| mask >> (2 * field) & 3 == 1;
    match state {
        0 => 0,
        _ if (1..4).any(is_true) => 2,
        _ if is_true(0) => 3,
        _ => 1,
    }
}
