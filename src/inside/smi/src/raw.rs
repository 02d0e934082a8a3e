//! The calls that nvml-wrapper lacks, each as a safe function over its library and its devices.
//!
//! The only unsafe code of this crate: C functions are called with pointers to values that live through
//! the call, sized and stamped as `nvml.h` asks. A function that the library does not have answers
//! [`Code::FUNCTION_NOT_FOUND`]. What the values mean is `gather`'s affair.
#![expect(unsafe_code, reason = "the boundary to NVML's C functions")]

use std::ffi::{CStr, c_char, c_ulong};

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::*;

use crate::node::{Code, Engines, Excluded, Fabric, Memory, Pci, Place, Platform, Reading, Remapped, Sram};

impl From<NvmlError> for Code {
    fn from(error: NvmlError) -> Self {
        match error {
            // The wrapper has no name for newer statuses and hands on the number.
            NvmlError::UnexpectedVariant(number @ 20..=40) => Code(number),
            NvmlError::FailedToLoadSymbol(_) => Code::FUNCTION_NOT_FOUND,
            NvmlError::LibloadingError(_) => Code::LIBRARY_NOT_FOUND,
            NvmlError::Utf8Error(_)
            | NvmlError::NulError(_)
            | NvmlError::UnexpectedVariant(_)
            | NvmlError::IncorrectBits(_) => Code::UNKNOWN,
            other => Code(nvmlReturn_t::from(other)),
        }
    }
}

/// Calls a function of the library if the library has it.
macro_rules! call {
    ($lib:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $lib.$function.as_ref() {
            // SAFETY: pointers are to values of the caller that live through the call, and lengths are theirs.
            Ok(function) => match unsafe { function($($argument),*) } {
                0 => Ok(()),
                status => Err(Code(status)),
            },
            Err(_) => Err(Code::FUNCTION_NOT_FOUND),
        }
    };
}

/// A C value with every byte zero, as NVML wants its structures handed over.
fn zeroed<T: Copy>() -> T {
    // SAFETY: used in this module alone, with integers and with C structures of integers and pointers.
    unsafe { std::mem::zeroed() }
}

/// What a versioned structure carries in its first field.
fn stamp<T>(version: u32) -> u32 {
    size_of::<T>() as u32 | version << 24
}

fn handle(device: &Device<'_>) -> nvmlDevice_t {
    // SAFETY: the handle is used only while the device and its library live.
    unsafe { device.handle() }
}

fn text(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The library's own version, which it tells even where it cannot start.
pub fn version_without_init(path: &str) -> Reading<String> {
    // SAFETY: loading NVML runs no code of ours; it is the library that the program exists to talk to.
    let lib = unsafe { NvmlLib::new(path) }.map_err(|_| Code::LIBRARY_NOT_FOUND)?;
    let mut buffer = [0; 80];
    call!(lib, nvmlSystemGetNVMLVersion(buffer.as_mut_ptr(), buffer.len() as u32))?;
    Ok(text(&buffer))
}

/// GPUs that the driver was told to leave alone.
pub fn excluded(nvml: &Nvml) -> Reading<Vec<Excluded>> {
    let mut count = 0;
    call!(nvml.lib(), nvmlGetExcludedDeviceCount(&mut count))?;
    (0..count)
        .map(|index| {
            let mut info: nvmlExcludedDeviceInfo_t = zeroed();
            call!(nvml.lib(), nvmlGetExcludedDeviceInfoByIndex(index, &mut info))?;
            Ok(Excluded { bus_id: text(&info.pciInfo.busId), uuid: text(&info.uuid) })
        })
        .collect()
}

/// One field value as a whole number; `scope` is a link, or a power domain.
pub fn field(device: &Device<'_>, id: u32, scope: u32) -> Reading<i64> {
    let mut value = nvmlFieldValue_t { fieldId: id, scopeId: scope, ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetFieldValues(handle(device), 1, &mut value))?;
    if value.nvmlReturn != 0 {
        return Err(Code(value.nvmlReturn));
    }
    // SAFETY: the type field says which member NVML has written, and every bit pattern is a number.
    Ok(unsafe {
        match value.valueType {
            0 => value.value.dVal as i64,
            1 => i64::from(value.value.uiVal),
            4 => value.value.sllVal,
            5 => i64::from(value.value.siVal),
            6 => i64::from(value.value.usVal),
            _ => value.value.ullVal as i64,
        }
    })
}

/// [`field`] as what the caller keeps.
pub fn field_as<T: TryFrom<i64>>(device: &Device<'_>, id: u32, scope: u32) -> Reading<T> {
    T::try_from(field(device, id, scope)?).map_err(|_| Code::UNKNOWN)
}

pub fn pdi(device: &Device<'_>) -> Reading<u64> {
    let mut value = nvmlPdi_t { version: stamp::<nvmlPdi_t>(1), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetPdi(handle(device), &mut value))?;
    Ok(value.value)
}

pub fn addressing_mode(device: &Device<'_>) -> Reading<u32> {
    let mut mode = nvmlDeviceAddressingMode_t { version: stamp::<nvmlDeviceAddressingMode_t>(1), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetAddressingMode(handle(device), &mut mode))?;
    Ok(mode.value)
}

pub fn module_id(device: &Device<'_>) -> Reading<u32> {
    let mut id = 0;
    call!(device.nvml().lib(), nvmlDeviceGetModuleId(handle(device), &mut id)).map(|()| id)
}

pub fn platform(device: &Device<'_>) -> Reading<Platform> {
    let mut info = nvmlPlatformInfo_v2_t { version: stamp::<nvmlPlatformInfo_v2_t>(2), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetPlatformInfo(handle(device), &mut info))?;
    let serial: Vec<u8> = info.chassisSerialNumber.into_iter().take_while(|byte| *byte != 0).collect();
    Ok(Platform {
        chassis_serial: String::from_utf8_lossy(&serial).into_owned(),
        slot: info.slotNumber.into(),
        tray: info.trayIndex.into(),
        host: info.hostId.into(),
        peer: info.peerType.into(),
        module: info.moduleId.into(),
        fabric_guid: u64::from_le_bytes(std::array::from_fn(|at| info.ibGuid[at])),
    })
}

pub fn blackbox_flush(device: &Device<'_>) -> Reading<(u64, u64)> {
    let (mut at, mut took): (u64, c_ulong) = (0, 0);
    call!(device.nvml().lib(), nvmlDeviceGetLastBBXFlushTime(handle(device), &mut at, &mut took))?;
    Ok((at, took))
}

pub fn pci(device: &Device<'_>) -> Reading<Pci> {
    let mut info: nvmlPciInfo_t = zeroed();
    call!(device.nvml().lib(), nvmlDeviceGetPciInfo_v3(handle(device), &mut info))?;
    let mut more = nvmlPciInfoExt_v1_t { version: stamp::<nvmlPciInfoExt_v1_t>(1), ..zeroed() };
    let class = call!(device.nvml().lib(), nvmlDeviceGetPciInfoExt(handle(device), &mut more));
    Ok(Pci {
        domain: info.domain,
        bus: info.bus,
        device: info.device,
        id: info.pciDeviceId,
        subsystem: info.pciSubSystemId,
        bus_id: text(&info.busId),
        class: class.map(|()| (more.baseClass, more.subClass)),
    })
}

pub fn c2c(device: &Device<'_>) -> Reading<bool> {
    let mut info: nvmlC2cModeInfo_v1_t = zeroed();
    call!(device.nvml().lib(), nvmlDeviceGetC2cModeInfoV(handle(device), &mut info))?;
    Ok(info.isC2cEnabled != 0)
}

pub fn pcie_gen_device_max(device: &Device<'_>) -> Reading<u32> {
    let mut generation = 0;
    call!(device.nvml().lib(), nvmlDeviceGetGpuMaxPcieLinkGeneration(handle(device), &mut generation))?;
    Ok(generation)
}

/// Bits of `nvmlClocksEventReason*`: active ones, and those that the board knows.
pub fn reasons(device: &Device<'_>) -> (Reading<u64>, Reading<u64>) {
    let lib = device.nvml().lib();
    let (mut now, mut known) = (0, 0);
    let now = call!(lib, nvmlDeviceGetCurrentClocksEventReasons(handle(device), &mut now)).map(|()| now);
    let known =
        call!(lib, nvmlDeviceGetSupportedClocksEventReasons(handle(device), &mut known)).map(|()| known);
    (now, known)
}

/// Memory; without what is reserved where the library has only the older call.
pub fn memory(device: &Device<'_>) -> Reading<Memory> {
    let mut info = nvmlMemory_v2_t { version: stamp::<nvmlMemory_v2_t>(2), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetMemoryInfo_v2(handle(device), &mut info))?;
    Ok(Memory { total: info.total, reserved: info.reserved, used: info.used, free: info.free })
}

pub fn protected_memory(device: &Device<'_>) -> Reading<Memory> {
    let mut info: nvmlMemory_t = zeroed();
    call!(device.nvml().lib(), nvmlDeviceGetConfComputeProtectedMemoryUsage(handle(device), &mut info))?;
    Ok(Memory { total: info.total, reserved: 0, used: info.used, free: info.free })
}

pub fn jpeg_utilization(device: &Device<'_>) -> Reading<u32> {
    let (mut percent, mut period) = (0, 0);
    call!(device.nvml().lib(), nvmlDeviceGetJpgUtilization(handle(device), &mut percent, &mut period))?;
    Ok(percent)
}

pub fn ofa_utilization(device: &Device<'_>) -> Reading<u32> {
    let (mut percent, mut period) = (0, 0);
    call!(device.nvml().lib(), nvmlDeviceGetOfaUtilization(handle(device), &mut percent, &mut period))?;
    Ok(percent)
}

pub fn dram_encryption(device: &Device<'_>) -> Reading<(bool, bool)> {
    let fresh = nvmlDramEncryptionInfo_v1_t { version: stamp::<nvmlDramEncryptionInfo_v1_t>(1), ..zeroed() };
    let (mut now, mut pending) = (fresh, fresh);
    call!(device.nvml().lib(), nvmlDeviceGetDramEncryptionMode(handle(device), &mut now, &mut pending))?;
    Ok((now.encryptionState != 0, pending.encryptionState != 0))
}

pub fn sram(device: &Device<'_>) -> Reading<Sram> {
    let mut status = nvmlEccSramErrorStatus_t { version: stamp::<nvmlEccSramErrorStatus_t>(1), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetSramEccErrorStatus(handle(device), &mut status))?;
    Ok(Sram {
        corrected: [status.volatileCor, status.aggregateCor],
        parity: [status.volatileUncParity, status.aggregateUncParity],
        secded: [status.volatileUncSecDed, status.aggregateUncSecDed],
        sources: [
            status.aggregateUncBucketL2,
            status.aggregateUncBucketSm,
            status.aggregateUncBucketMcu,
            status.aggregateUncBucketPcie,
            status.aggregateUncBucketOther,
        ],
        threshold_exceeded: status.bThresholdExceeded != 0,
    })
}

/// Errors by place; `uncorrected` and `aggregate` as NVML's enums count.
pub fn ecc_count(device: &Device<'_>, uncorrected: u32, aggregate: u32, place: Place) -> Reading<u64> {
    ecc_count_at(device, uncorrected, aggregate, place as u32)
}

/// [`ecc_count`] by number of the place.
pub fn ecc_count_at(device: &Device<'_>, uncorrected: u32, aggregate: u32, place: u32) -> Reading<u64> {
    let mut count = 0;
    call!(
        device.nvml().lib(),
        nvmlDeviceGetMemoryErrorCounter(handle(device), uncorrected, aggregate, place, &mut count)
    )?;
    Ok(count)
}

pub fn ecc_total(device: &Device<'_>, uncorrected: u32, aggregate: u32) -> Reading<u64> {
    let mut count = 0;
    call!(
        device.nvml().lib(),
        nvmlDeviceGetTotalEccErrors(handle(device), uncorrected, aggregate, &mut count)
    )?;
    Ok(count)
}

pub fn remapped(device: &Device<'_>) -> Reading<Remapped> {
    let (mut corrected, mut uncorrected, mut pending, mut failed) = (0, 0, 0, 0);
    call!(
        device.nvml().lib(),
        nvmlDeviceGetRemappedRows(
            handle(device),
            &mut corrected,
            &mut uncorrected,
            &mut pending,
            &mut failed
        )
    )?;
    Ok(Remapped { corrected, uncorrected, pending: pending != 0, failed: failed != 0 })
}

pub fn remap_histogram(device: &Device<'_>) -> Reading<[u32; 5]> {
    let mut values: nvmlRowRemapperHistogramValues_t = zeroed();
    call!(device.nvml().lib(), nvmlDeviceGetRowRemapperHistogram(handle(device), &mut values))?;
    Ok([values.max, values.high, values.partial, values.low, values.none])
}

pub fn repair_pending(device: &Device<'_>) -> Reading<(bool, bool)> {
    let mut status = nvmlRepairStatus_t { version: stamp::<nvmlRepairStatus_t>(1), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetRepairStatus(handle(device), &mut status))?;
    Ok((status.bChannelRepairPending != 0, status.bTpcRepairPending != 0))
}

pub fn temperature_margin(device: &Device<'_>) -> Reading<i32> {
    let mut margin =
        nvmlMarginTemperature_v1_t { version: stamp::<nvmlMarginTemperature_v1_t>(1), ..zeroed() };
    call!(device.nvml().lib(), nvmlDeviceGetMarginTemperature(handle(device), &mut margin))?;
    Ok(margin.marginTemperature)
}

pub fn fabric(device: &Device<'_>) -> Reading<Fabric> {
    let lib = device.nvml().lib();
    let mut info = nvmlGpuFabricInfo_v3_t { version: stamp::<nvmlGpuFabricInfo_v3_t>(3), ..zeroed() };
    let newest = call!(lib, nvmlDeviceGetGpuFabricInfoV(handle(device), (&raw mut info).cast()));
    if newest == Err(Code(25)) || newest == Err(Code::INVALID_ARGUMENT) {
        // A library of before health summaries: the second layout is a prefix of the third.
        info = nvmlGpuFabricInfo_v3_t { version: stamp::<nvmlGpuFabricInfo_v2_t>(2), ..zeroed() };
        call!(lib, nvmlDeviceGetGpuFabricInfoV(handle(device), (&raw mut info).cast()))?;
    } else {
        newest?;
    }
    Ok(Fabric {
        state: info.state.into(),
        status: Code(info.status),
        clique: info.cliqueId,
        cluster: info.clusterUuid,
        health: info.healthMask,
        summary: info.healthSummary.into(),
    })
}

/// Level of the nearest common ancestor on the bus, `nvmlGpuTopologyLevel_t`.
pub fn common_ancestor(from: &Device<'_>, to: &Device<'_>) -> Reading<u32> {
    let mut level = 0;
    call!(from.nvml().lib(), nvmlDeviceGetTopologyCommonAncestor(handle(from), handle(to), &mut level))?;
    Ok(level)
}

/// `nvmlGpuP2PStatus_t` for one of `nvmlGpuP2PCapsIndex_t`.
pub fn peer_status(from: &Device<'_>, to: &Device<'_>, capability: u32) -> Reading<u32> {
    let mut status = 0;
    call!(from.nvml().lib(), nvmlDeviceGetP2PStatus(handle(from), handle(to), capability, &mut status))?;
    Ok(status)
}

/// GPU and compute instance of a MIG device.
pub fn mig_ids(device: &Device<'_>) -> (Reading<u32>, Reading<u32>) {
    let lib = device.nvml().lib();
    let (mut gpu, mut compute) = (0, 0);
    let gpu = call!(lib, nvmlDeviceGetGpuInstanceId(handle(device), &mut gpu)).map(|()| gpu);
    let compute = call!(lib, nvmlDeviceGetComputeInstanceId(handle(device), &mut compute)).map(|()| compute);
    (gpu, compute)
}

pub fn mig_attributes(device: &Device<'_>) -> Reading<(Engines, u32, u32, u64)> {
    let mut all: nvmlDeviceAttributes_t = zeroed();
    call!(device.nvml().lib(), nvmlDeviceGetAttributes_v2(handle(device), &mut all))?;
    let engines = Engines {
        sm: all.multiprocessorCount,
        copy: all.sharedCopyEngineCount,
        encoder: all.sharedEncoderCount,
        decoder: all.sharedDecoderCount,
        ofa: all.sharedOfaCount,
        jpeg: all.sharedJpegCount,
    };
    Ok((engines, all.gpuInstanceSliceCount, all.computeInstanceSliceCount, all.memorySizeMB))
}

/// A GPU instance, as long as its device lives.
#[derive(Clone, Copy)]
pub struct GpuInstance<'d> {
    device: &'d Device<'d>,
    handle: nvmlGpuInstance_t,
    pub id: u32,
    pub profile: u32,
    pub start: u32,
    pub size: u32,
}

/// A compute instance of a [`GpuInstance`].
#[derive(Clone, Copy)]
pub struct ComputeInstance<'d> {
    device: &'d Device<'d>,
    handle: nvmlComputeInstance_t,
    pub id: u32,
    pub profile: u32,
    pub start: u32,
    pub size: u32,
}

/// A profile of GPU or compute instances.
#[derive(Clone, Debug)]
pub struct Profile {
    pub id: u32,
    pub slices: u32,
    pub instances: u32,
    pub engines: Engines,
    pub peer: bool,
    pub memory_mib: u64,
    /// `MIG 1g.10gb`, where the library tells it.
    pub name: Option<String>,
}

/// The profile of GPU instances with this number in NVML's own count.
pub fn gpu_instance_profile(device: &Device<'_>, number: u32) -> Reading<Profile> {
    let lib = device.nvml().lib();
    let mut named =
        nvmlGpuInstanceProfileInfo_v2_t { version: stamp::<nvmlGpuInstanceProfileInfo_v2_t>(2), ..zeroed() };
    if call!(lib, nvmlDeviceGetGpuInstanceProfileInfoV(handle(device), number, &mut named)).is_ok() {
        return Ok(Profile {
            id: named.id,
            slices: named.sliceCount,
            instances: named.instanceCount,
            engines: Engines {
                sm: named.multiprocessorCount,
                copy: named.copyEngineCount,
                encoder: named.encoderCount,
                decoder: named.decoderCount,
                ofa: named.ofaCount,
                jpeg: named.jpegCount,
            },
            peer: named.isP2pSupported != 0,
            memory_mib: named.memorySizeMB,
            name: Some(text(&named.name)).filter(|name| !name.is_empty()),
        });
    }
    let mut plain: nvmlGpuInstanceProfileInfo_t = zeroed();
    call!(lib, nvmlDeviceGetGpuInstanceProfileInfo(handle(device), number, &mut plain))?;
    Ok(Profile {
        id: plain.id,
        slices: plain.sliceCount,
        instances: plain.instanceCount,
        engines: Engines {
            sm: plain.multiprocessorCount,
            copy: plain.copyEngineCount,
            encoder: plain.encoderCount,
            decoder: plain.decoderCount,
            ofa: plain.ofaCount,
            jpeg: plain.jpegCount,
        },
        peer: plain.isP2pSupported != 0,
        memory_mib: plain.memorySizeMB,
        name: None,
    })
}

/// How many more GPU instances of a profile there is room for.
pub fn remaining(device: &Device<'_>, profile: u32) -> Reading<u32> {
    let mut count = 0;
    call!(
        device.nvml().lib(),
        nvmlDeviceGetGpuInstanceRemainingCapacity(handle(device), profile, &mut count)
    )?;
    Ok(count)
}

/// Where GPU instances of a profile may begin, and their size.
pub fn placements(device: &Device<'_>, profile: u32) -> Reading<Vec<(u32, u32)>> {
    let mut all = [zeroed::<nvmlGpuInstancePlacement_t>(); 32];
    let mut count = all.len() as u32;
    call!(
        device.nvml().lib(),
        nvmlDeviceGetGpuInstancePossiblePlacements_v2(handle(device), profile, all.as_mut_ptr(), &mut count)
    )?;
    Ok(all.iter().take(count as usize).map(|place| (place.start, place.size)).collect())
}

/// The GPU instances of one profile.
pub fn gpu_instances<'d>(device: &'d Device<'d>, profile: u32) -> Reading<Vec<GpuInstance<'d>>> {
    let mut handles = [std::ptr::null_mut(); 16];
    let mut count = handles.len() as u32;
    call!(
        device.nvml().lib(),
        nvmlDeviceGetGpuInstances(handle(device), profile, handles.as_mut_ptr(), &mut count)
    )?;
    handles.iter().take(count as usize).map(|instance| describe_gpu_instance(device, *instance)).collect()
}

pub fn create_gpu_instance<'d>(device: &'d Device<'d>, profile: u32) -> Reading<GpuInstance<'d>> {
    let mut instance = std::ptr::null_mut();
    call!(device.nvml().lib(), nvmlDeviceCreateGpuInstance(handle(device), profile, &mut instance))?;
    describe_gpu_instance(device, instance)
}

/// [`create_gpu_instance`] that begins at a certain slice.
pub fn create_gpu_instance_at<'d>(
    device: &'d Device<'d>,
    profile: u32,
    start: u32,
    size: u32,
) -> Reading<GpuInstance<'d>> {
    let mut instance = std::ptr::null_mut();
    let place = nvmlGpuInstancePlacement_t { start, size };
    call!(
        device.nvml().lib(),
        nvmlDeviceCreateGpuInstanceWithPlacement(handle(device), profile, &place, &mut instance)
    )?;
    describe_gpu_instance(device, instance)
}

fn describe_gpu_instance<'d>(
    device: &'d Device<'d>,
    instance: nvmlGpuInstance_t,
) -> Reading<GpuInstance<'d>> {
    let mut info: nvmlGpuInstanceInfo_t = zeroed();
    call!(device.nvml().lib(), nvmlGpuInstanceGetInfo(instance, &mut info))?;
    Ok(GpuInstance {
        device,
        handle: instance,
        id: info.id,
        profile: info.profileId,
        start: info.placement.start,
        size: info.placement.size,
    })
}

impl<'d> GpuInstance<'d> {
    pub fn destroy(self) -> Reading<()> {
        call!(self.device.nvml().lib(), nvmlGpuInstanceDestroy(self.handle))
    }

    /// The compute profile with this number in NVML's own count, engines shared.
    pub fn profile(&self, number: u32) -> Reading<Profile> {
        let lib = self.device.nvml().lib();
        let mut named = nvmlComputeInstanceProfileInfo_v2_t {
            version: stamp::<nvmlComputeInstanceProfileInfo_v2_t>(2),
            ..zeroed()
        };
        if call!(lib, nvmlGpuInstanceGetComputeInstanceProfileInfoV(self.handle, number, 0, &mut named))
            .is_ok()
        {
            return Ok(Profile {
                id: named.id,
                slices: named.sliceCount,
                instances: named.instanceCount,
                engines: Engines {
                    sm: named.multiprocessorCount,
                    copy: named.sharedCopyEngineCount,
                    encoder: named.sharedEncoderCount,
                    decoder: named.sharedDecoderCount,
                    ofa: named.sharedOfaCount,
                    jpeg: named.sharedJpegCount,
                },
                peer: false,
                memory_mib: 0,
                name: Some(text(&named.name)).filter(|name| !name.is_empty()),
            });
        }
        let mut plain: nvmlComputeInstanceProfileInfo_t = zeroed();
        call!(lib, nvmlGpuInstanceGetComputeInstanceProfileInfo(self.handle, number, 0, &mut plain))?;
        Ok(Profile {
            id: plain.id,
            slices: plain.sliceCount,
            instances: plain.instanceCount,
            engines: Engines {
                sm: plain.multiprocessorCount,
                copy: plain.sharedCopyEngineCount,
                encoder: plain.sharedEncoderCount,
                decoder: plain.sharedDecoderCount,
                ofa: plain.sharedOfaCount,
                jpeg: plain.sharedJpegCount,
            },
            peer: false,
            memory_mib: 0,
            name: None,
        })
    }

    pub fn remaining(&self, profile: u32) -> Reading<u32> {
        let mut count = 0;
        call!(
            self.device.nvml().lib(),
            nvmlGpuInstanceGetComputeInstanceRemainingCapacity(self.handle, profile, &mut count)
        )?;
        Ok(count)
    }

    /// The compute instances of one profile.
    pub fn compute_instances(&self, profile: u32) -> Reading<Vec<ComputeInstance<'d>>> {
        let mut handles = [std::ptr::null_mut(); 16];
        let mut count = handles.len() as u32;
        call!(
            self.device.nvml().lib(),
            nvmlGpuInstanceGetComputeInstances(self.handle, profile, handles.as_mut_ptr(), &mut count)
        )?;
        handles.iter().take(count as usize).map(|instance| self.describe(*instance)).collect()
    }

    pub fn create(&self, profile: u32) -> Reading<ComputeInstance<'d>> {
        let mut instance = std::ptr::null_mut();
        call!(
            self.device.nvml().lib(),
            nvmlGpuInstanceCreateComputeInstance(self.handle, profile, &mut instance)
        )?;
        self.describe(instance)
    }

    fn describe(&self, instance: nvmlComputeInstance_t) -> Reading<ComputeInstance<'d>> {
        let mut info: nvmlComputeInstanceInfo_t = zeroed();
        call!(self.device.nvml().lib(), nvmlComputeInstanceGetInfo_v2(instance, &mut info))?;
        Ok(ComputeInstance {
            device: self.device,
            handle: instance,
            id: info.id,
            profile: info.profileId,
            start: info.placement.start,
            size: info.placement.size,
        })
    }
}

impl ComputeInstance<'_> {
    pub fn destroy(self) -> Reading<()> {
        call!(self.device.nvml().lib(), nvmlComputeInstanceDestroy(self.handle))
    }
}

/// Sets MIG mode; the second status is that of the activation.
pub fn set_mig_mode(device: &Device<'_>, on: bool) -> Reading<Code> {
    let mut activation = 0;
    call!(device.nvml().lib(), nvmlDeviceSetMigMode(handle(device), u32::from(on), &mut activation))?;
    Ok(Code(activation))
}

/// The CUDA version that the driver is good for.
pub fn cuda_version(nvml: &Nvml) -> Reading<(u32, u32)> {
    let mut version = 0;
    call!(nvml.lib(), nvmlSystemGetCudaDriverVersion_v2(&mut version))?;
    let version = u32::try_from(version).map_err(|_| Code::UNKNOWN)?;
    Ok((version / 1000, version % 1000 / 10))
}

/// A name that the library keeps for a process, however it is written.
pub fn process_name(nvml: &Nvml, pid: u32) -> Reading<String> {
    let mut buffer = [0; 1024];
    call!(nvml.lib(), nvmlSystemGetProcessName(pid, buffer.as_mut_ptr(), buffer.len() as u32))?;
    buffer[1023] = 0;
    // SAFETY: the buffer is ours and its last byte is zero, so the text ends within it.
    let name = unsafe { CStr::from_ptr(buffer.as_ptr()) };
    Ok(name.to_string_lossy().into_owned())
}

/// What became of a reset.
pub struct Reset {
    /// For each GPU, in the order asked.
    pub outcomes: Vec<Reading<()>>,
    /// GPUs that would have had to be reset in the same request, by index.
    pub missing: Vec<u32>,
}

/// Functions that NVML has no public call for, as our library hands them out. Its size comes first.
///
/// NVIDIA's own program goes through private tables that only the library of the same build knows, and ours
/// through one that only ours knows; any other library has none for this id.
#[repr(C)]
struct Private {
    bytes: usize,
    reset: unsafe extern "C" fn(*const nvmlDevice_t, u32, *mut nvmlReturn_t, *mut u64) -> nvmlReturn_t,
    gpu_part_number: unsafe extern "C" fn(nvmlDevice_t, *mut c_char, u32) -> nvmlReturn_t,
    bus_id: unsafe extern "C" fn(u32, *mut c_char, u32) -> nvmlReturn_t,
}

/// Id of that table; the library at the other end of this agreement has the same (`exports/private.rs` there).
const PRIVATE: [u8; 16] = *b"crashcart-smi-01";

/// Has something done with the private table; [`Code::NOT_SUPPORTED`] where the library has none.
fn private(ask: impl FnOnce(&Private) -> nvmlReturn_t) -> Reading<()> {
    type GetTable = unsafe extern "C" fn(*mut *const Private, *const [u8; 16]) -> nvmlReturn_t;
    // SAFETY: the library is already loaded, so this runs nothing and only takes a second hold of it. The
    // function has had this signature in every NVML, and a table that it gives for our id is ours: it lives
    // as long as the library, is as large as it says, and is asked before the hold is let go.
    let status = unsafe {
        let library =
            libloading::Library::new(crate::gather::LIBRARY).map_err(|_| Code::LIBRARY_NOT_FOUND)?;
        let get: libloading::Symbol<'_, GetTable> =
            library.get(b"nvmlInternalGetExportTable\0").map_err(|_| Code::NOT_SUPPORTED)?;
        let mut table = std::ptr::null();
        match get(&mut table, &PRIVATE) {
            0 => {}
            status => return Err(Code(status)),
        }
        match table.as_ref() {
            Some(table) if table.bytes >= size_of::<Private>() => ask(table),
            _ => return Err(Code::NOT_SUPPORTED),
        }
    };
    if status == 0 { Ok(()) } else { Err(Code(status)) }
}

/// Resets GPUs in one request.
pub fn reset(devices: &[Device<'_>]) -> Reading<Reset> {
    let handles: Vec<nvmlDevice_t> = devices.iter().map(handle).collect();
    let mut statuses: Vec<nvmlReturn_t> = vec![Code::UNKNOWN.0; handles.len()];
    let mut missing = 0;
    private(|table| {
        let (count, outcomes) = (handles.len() as u32, statuses.as_mut_ptr());
        // SAFETY: both arrays have as many elements, and all pointers live through the call.
        unsafe { (table.reset)(handles.as_ptr(), count, outcomes, &mut missing) }
    })?;
    let outcomes = statuses.into_iter().map(|status| if status == 0 { Ok(()) } else { Err(Code(status)) });
    Ok(Reset {
        outcomes: outcomes.collect(),
        missing: (0..u64::BITS).filter(|index| missing >> index & 1 == 1).collect(),
    })
}

/// Part number of the chip: `2330-885-A1`.
pub fn gpu_part_number(device: &Device<'_>) -> Reading<String> {
    let mut buffer = [0; 32];
    private(|table| {
        // SAFETY: the handle is of a device that lives, and the buffer is as long as said.
        unsafe { (table.gpu_part_number)(handle(device), buffer.as_mut_ptr(), buffer.len() as u32) }
    })?;
    Ok(text(&buffer))
}

/// Place on the bus of a GPU that NVML gives no handle for: `0000:0A:00.0`.
pub fn bus_id(index: u32) -> Reading<String> {
    let mut buffer = [0; 32];
    // SAFETY: the buffer is as long as said.
    private(|table| unsafe { (table.bus_id)(index, buffer.as_mut_ptr(), buffer.len() as u32) })?;
    Ok(text(&buffer))
}
