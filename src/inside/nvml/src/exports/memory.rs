//! Memory: how much there is, and what broke in it.

use std::ffi::c_ulonglong;

use crashcart_hardware::page::NONE;
use nvml_wrapper_sys::bindings::{
    nvmlBAR1Memory_t, nvmlEccErrorCounts_t, nvmlEccSramErrorStatus_v1_t, nvmlEnableState_t, nvmlMemory_t,
    nvmlMemory_v2_t, nvmlRepairStatus_v1_t, nvmlRowRemapperHistogramValues_t,
};

use super::{Device, Out, exports};
use crate::answer::{Answer, Error};
use crate::machine::{Gpu, Target, has, has_wide};

/// NVML's `NVML_MEMORY_LOCATION_SRAM`.
const SRAM: usize = 7;
/// One mebibyte.
const MIB: u64 = 1 << 20;

/// Bytes of a GPU or of a MIG device.
struct Bytes {
    total: u64,
    reserved: u64,
    used: u64,
}

/// NVML's `nvmlRemappedRowsInfo_v2_t`, which the crate of bindings does not have yet.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct RemappedRowsInfo {
    corrected_active: u32,
    corrected_inactive: u32,
    uncorrected_active: u32,
    uncorrected_inactive: u32,
    pending: u32,
    failed: u32,
}

/// NVML's `nvmlUnrepairableMemoryStatus_v1_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct UnrepairableMemory {
    version: u32,
    unrepairable: u32,
}

exports! {
    /// Memory; what the driver reserves counts as used.
    fn nvmlDeviceGetMemoryInfo(device: Device, memory: Out<nvmlMemory_t>) {
        let Bytes { total, reserved, used } = bytes(device)?;
        let used = (used + reserved).min(total);
        memory.put(nvmlMemory_t { total, free: total - used, used })
    }

    /// Memory; what the driver reserves stands for itself.
    fn nvmlDeviceGetMemoryInfo_v2(device: Device, memory: Out<nvmlMemory_v2_t>) {
        let Bytes { total, reserved, used } = bytes(device)?;
        memory.version(2)?;
        let free = total.saturating_sub(reserved).saturating_sub(used);
        memory.put(nvmlMemory_v2_t { total, reserved, free, used, ..memory.get()? })
    }

    /// Memory that confidential computing protects: none, since that is off.
    fn nvmlDeviceGetConfComputeProtectedMemoryUsage(device: Device, memory: Out<nvmlMemory_t>) {
        device.board()?;
        memory.put(nvmlMemory_t { total: 0, free: 0, used: 0 })
    }

    /// The window through which the processor sees the memory; a MIG device has its part of it.
    fn nvmlDeviceGetBAR1MemoryInfo(device: Device, memory: Out<nvmlBAR1Memory_t>) {
        let (total, used) = match device.target()? {
            Target::Whole(gpu) => {
                let page = gpu.present()?.page;
                (has_wide(page.bar1_total)?, has_wide(page.bar1_used)?)
            }
            Target::Slice(gpu, instance, _) => {
                let page = gpu.present()?.page;
                let of_a_slice = bar1_of_a_slice(has_wide(page.bar1_total)?, page.bar1_used, page.architecture);
                (of_a_slice.saturating_mul(u64::from(instance.size)) / MIB * MIB, 0)
            }
        };
        memory.put(nvmlBAR1Memory_t { bar1Total: total, bar1Free: total.saturating_sub(used), bar1Used: used })
    }

    /// Width of the memory's bus, bits.
    fn nvmlDeviceGetMemoryBusWidth(device: Device, width: Out<u32>) {
        width.give(has(device.gpu()?.page.memory_bus_width))
    }

    /// Whether memory errors are corrected: now, and after the next reset.
    fn nvmlDeviceGetEccMode(device: Device, current: Out<nvmlEnableState_t>, pending: Out<nvmlEnableState_t>) {
        let page = device.gpu()?.page;
        current.there()?;
        pending.give(has(page.ecc_pending))?;
        current.give(has(page.ecc_current))
    }

    /// Whether memory errors are corrected as the board comes.
    fn nvmlDeviceGetDefaultEccMode(device: Device, mode: Out<nvmlEnableState_t>) {
        mode.give(has(device.gpu()?.page.ecc_default))
    }

    /// Memory errors in all.
    fn nvmlDeviceGetTotalEccErrors(device: Device, kind: u32, age: u32, count: Out<c_ulonglong>) {
        let gpu = device.gpu_or(Error::NotSupported)?;
        let (uncorrected, aggregate) = counter(kind, age)?;
        count.there()?;
        gpu.counts_memory_errors()?;
        count.put(gpu.memory_errors(uncorrected, aggregate))
    }

    /// Memory errors of one place. A MIG device tells of SRAM alone, and what the board counts there.
    fn nvmlDeviceGetMemoryErrorCounter(device: Device, kind: u32, age: u32, place: u32, count: Out<c_ulonglong>) {
        let gpu = match device.target()? {
            Target::Slice(gpu, ..) if (kind, age, place) == (1, 0, SRAM as u32) => gpu.answering()?,
            _ => device.gpu()?,
        };
        let (uncorrected, aggregate) = counter(kind, age)?;
        let counts = &gpu.counters(aggregate)[usize::from(uncorrected)];
        let value = *counts.get(place as usize).ok_or(Error::InvalidArgument)?;
        count.there()?;
        gpu.counts_memory_errors()?;
        count.give(has_wide(value))
    }

    /// Memory errors of the four places that NVML 3 knew.
    fn nvmlDeviceGetDetailedEccErrors(device: Device, kind: u32, age: u32, counts: Out<nvmlEccErrorCounts_t>) {
        let gpu = device.gpu()?;
        let (uncorrected, aggregate) = counter(kind, age)?;
        counts.there()?;
        gpu.counts_memory_errors()?;
        let of = |place: usize| match gpu.counters(aggregate)[usize::from(uncorrected)][place] {
            NONE => 0,
            count => count,
        };
        counts.put(nvmlEccErrorCounts_t {
            l1Cache: of(0),
            l2Cache: of(1),
            deviceMemory: of(2),
            registerFile: of(3),
        })
    }

    /// Errors of SRAM by kind, and whether there are too many.
    fn nvmlDeviceGetSramEccErrorStatus(device: Device, status: Out<nvmlEccSramErrorStatus_v1_t>) {
        let gpu = device.gpu()?;
        status.version(1)?;
        gpu.counts_memory_errors()?;
        let page = &gpu.page;
        if page.ecc_volatile[1][SRAM] == NONE {
            return Err(Error::NotSupported);
        }
        let uncorrected = page.ecc_aggregate[1][SRAM];
        let l2 = match page.ecc_aggregate[1][1] {
            NONE => 0,
            count => count.min(uncorrected),
        };
        status.put(nvmlEccSramErrorStatus_v1_t {
            aggregateUncParity: page.ecc_sram_parity[1],
            aggregateUncSecDed: page.ecc_sram_secded[1],
            aggregateCor: page.ecc_aggregate[0][SRAM],
            volatileUncParity: page.ecc_sram_parity[0],
            volatileUncSecDed: page.ecc_sram_secded[0],
            volatileCor: page.ecc_volatile[0][SRAM],
            aggregateUncBucketL2: l2,
            aggregateUncBucketSm: uncorrected - l2,
            aggregateUncBucketPcie: 0,
            aggregateUncBucketMcu: 0,
            aggregateUncBucketOther: 0,
            bThresholdExceeded: page.ecc_sram_threshold_exceeded,
            ..status.get()?
        })
    }

    /// Rows that spare rows stand in for; boards before Ampere retire pages instead.
    fn nvmlDeviceGetRemappedRows(
        device: Device,
        corrected: Out<u32>,
        uncorrected: Out<u32>,
        pending: Out<u32>,
        failed: Out<u32>,
    ) {
        let page = remapping(device)?.page;
        for place in [corrected, uncorrected, pending, failed] {
            place.there()?;
        }
        corrected.put(page.remapped_corrected)?;
        uncorrected.put(page.remapped_uncorrected)?;
        pending.put(page.remap_pending)?;
        failed.put(page.remap_failed)
    }

    /// The same in a structure, with those that wait to become active: the corrected ones never do.
    fn nvmlDeviceGetRemappedRows_v2(device: Device, info: Out<RemappedRowsInfo>) {
        let page = remapping(device)?.page;
        info.put(RemappedRowsInfo {
            corrected_active: page.remapped_corrected,
            corrected_inactive: 0,
            uncorrected_active: page.remapped_uncorrected,
            uncorrected_inactive: 0,
            pending: page.remap_pending,
            failed: page.remap_failed,
        })
    }

    /// Whether there is memory that no spare row can stand in for.
    fn nvmlDeviceGetUnrepairableMemoryFlag_v1(device: Device, status: Out<UnrepairableMemory>) {
        let gpu = remapping(device)?;
        status.version(1)?;
        status.put(UnrepairableMemory { unrepairable: gpu.page.remap_failed, ..status.get()? })
    }

    /// How many banks have how many spare rows left.
    fn nvmlDeviceGetRowRemapperHistogram(device: Device, values: Out<nvmlRowRemapperHistogramValues_t>) {
        let [max, high, partial, low, none] = remapping(device)?.page.remap_histogram;
        values.put(nvmlRowRemapperHistogramValues_t { max, high, partial, low, none })
    }

    /// Pages that are used no more: 0 for several single-bit errors, 1 for a double-bit error.
    fn nvmlDeviceGetRetiredPages(device: Device, cause: u32, count: Out<u32>, addresses: Out<c_ulonglong>) {
        addresses.list(count, &retired(&device.gpu()?, cause)?)
    }

    /// The same with times: of the last publication, since none is remembered.
    fn nvmlDeviceGetRetiredPages_v2(
        device: Device,
        cause: u32,
        count: Out<u32>,
        addresses: Out<c_ulonglong>,
        timestamps: Out<c_ulonglong>,
    ) {
        let gpu = device.gpu()?;
        let pages = retired(&gpu, cause)?;
        let room = count.get()?;
        let times = vec![gpu.session.node()?.updated_ms * 1000; pages.len()];
        timestamps.list(count, &times)?;
        count.put(room)?;
        addresses.list(count, &pages)
    }

    /// Whether pages wait for a reset to be retired.
    fn nvmlDeviceGetRetiredPagesPendingStatus(device: Device, pending: Out<nvmlEnableState_t>) {
        let page = device.gpu()?.page;
        pending.there()?;
        match page.remaps_rows {
            1 => Err(Error::NotSupported),
            _ => pending.give(has(page.retired_pending)),
        }
    }

    /// Whether channels or TPCs wait for a reset to be repaired: none ever do.
    fn nvmlDeviceGetRepairStatus(device: Device, status: Out<nvmlRepairStatus_v1_t>) {
        device.gpu()?;
        status.version(1)?;
        status.put(nvmlRepairStatus_v1_t { bChannelRepairPending: 0, bTpcRepairPending: 0, ..status.get()? })
    }
}

fn bytes(device: Device) -> Answer<Bytes> {
    Ok(match device.target()? {
        Target::Whole(gpu) => {
            let page = gpu.present()?.page;
            Bytes { total: page.memory_total, reserved: page.memory_reserved, used: page.memory_used }
        }
        Target::Slice(gpu, instance, _) => {
            let gpu = gpu.present()?;
            let total = u64::from(gpu.profile_of(&instance)?.memory_mib) * MIB;
            Bytes { total, reserved: 0, used: instance.memory_used.min(total) }
        }
    })
}

/// Bytes of the window that a MIG device has for each memory slice.
///
/// Source: captures of an H100 and an H200 under 580 and 590, which share what the window has beyond the memory,
/// less 64 MiB each; and NVIDIA's MIG guide, where an A100's devices have eighths of the whole window less 1 MiB.
fn bar1_of_a_slice(total: u64, used: u64, architecture: u32) -> u64 {
    const HOPPER: u32 = 9;
    if architecture >= HOPPER {
        (total.saturating_sub(used) / 8).saturating_sub(64 * MIB)
    } else {
        // So that whole mebibytes of it are one less.
        (total / 8).saturating_sub(1)
    }
}

/// Kind 0 corrected, 1 uncorrected; age 0 volatile, 1 aggregate.
fn counter(kind: u32, age: u32) -> Answer<(bool, bool)> {
    if kind > 1 || age > 1 { Err(Error::InvalidArgument) } else { Ok((kind == 1, age == 1)) }
}

fn remapping(device: Device) -> Answer<Gpu> {
    let gpu = device.gpu()?;
    if gpu.page.remaps_rows == 1 { Ok(gpu) } else { Err(Error::NotSupported) }
}

/// Addresses of retired pages. A page's number is all that the hardware remembers of it, so the
/// addresses are made from it: always the same, and never twice.
fn retired(gpu: &Gpu, cause: u32) -> Answer<Vec<c_ulonglong>> {
    if gpu.page.remaps_rows == 1 {
        return Err(Error::NotSupported);
    }
    let (count, first) = match cause {
        0 => (has(gpu.page.retired_sbe)?, 0),
        1 => (has(gpu.page.retired_dbe)?, 64),
        _ => return Err(Error::InvalidArgument),
    };
    Ok((first..first + u64::from(count.min(64))).map(|n| (0x2_3f1 + n * 0x1_0a7) << 12).collect())
}
