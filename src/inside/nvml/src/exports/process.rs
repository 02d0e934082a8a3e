//! Who works on a GPU, what they use, and who may.

use std::ffi::{c_int, c_ulonglong};

use crashcart_hardware::page::{NONE32, ProcessEntry};
use nvml_wrapper_sys::bindings::{
    nvmlAccountingStats_t, nvmlComputeMode_t, nvmlDriverModel_t, nvmlEnableState_t, nvmlEncoderSessionInfo_t,
    nvmlFBCSessionInfo_t, nvmlFBCStats_t, nvmlGpuOperationMode_t, nvmlProcessDetail_v1_t,
    nvmlProcessDetailList_v1_t, nvmlProcessInfo_v1_t, nvmlProcessInfo_v2_t, nvmlProcessUtilizationInfo_v1_t,
    nvmlProcessUtilizationSample_t, nvmlProcessesUtilizationInfo_v1_t,
};

use super::{Device, Out, exports};
use crate::answer::{Answer, Error};
use crate::machine::{Gpu, Target, has};

/// Kinds of contexts, as a page has them.
const COMPUTE: u32 = 1;
const GRAPHICS: u32 = 2;
/// Processes that accounting remembers. Source: the value that A100s and H100s report.
const ACCOUNTS: u32 = 4000;

/// NVML's `nvmlAccountingStats_v2_t`, which the crate of bindings does not have yet.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct AccountingStats {
    pid: u32,
    is_running: u32,
    gpu_utilization: u32,
    memory_utilization: u32,
    most_memory: u64,
    samples: u32,
    gpu_sum: u64,
    memory_sum: u64,
    time: u64,
    start_time: u64,
}

exports! {
    /// Processes with a compute context, in the first layout: process id and bytes, 16 bytes an entry.
    fn nvmlDeviceGetComputeRunningProcesses(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v1_t>) {
        infos.list(count, &processes(device, COMPUTE)?.iter().map(short).collect::<Vec<_>>())
    }

    /// The same with instances, 24 bytes an entry.
    fn nvmlDeviceGetComputeRunningProcesses_v2(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        infos.list(count, &processes(device, COMPUTE)?.iter().map(long).collect::<Vec<_>>())
    }

    /// The same again.
    fn nvmlDeviceGetComputeRunningProcesses_v3(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        infos.list(count, &processes(device, COMPUTE)?.iter().map(long).collect::<Vec<_>>())
    }

    /// Processes with a graphics context, in the first layout.
    fn nvmlDeviceGetGraphicsRunningProcesses(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v1_t>) {
        infos.list(count, &processes(device, GRAPHICS)?.iter().map(short).collect::<Vec<_>>())
    }

    /// The same with instances.
    fn nvmlDeviceGetGraphicsRunningProcesses_v2(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        infos.list(count, &processes(device, GRAPHICS)?.iter().map(long).collect::<Vec<_>>())
    }

    /// The same again.
    fn nvmlDeviceGetGraphicsRunningProcesses_v3(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        infos.list(count, &processes(device, GRAPHICS)?.iter().map(long).collect::<Vec<_>>())
    }

    /// Clients of an MPS server: none, since none is simulated.
    fn nvmlDeviceGetMPSComputeRunningProcesses(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v1_t>) {
        device.board()?;
        infos.list(count, &[])
    }

    /// None again.
    fn nvmlDeviceGetMPSComputeRunningProcesses_v2(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        device.board()?;
        infos.list(count, &[])
    }

    /// None again.
    fn nvmlDeviceGetMPSComputeRunningProcesses_v3(device: Device, count: Out<u32>, infos: Out<nvmlProcessInfo_v2_t>) {
        device.board()?;
        infos.list(count, &[])
    }

    /// Processes of a kind: 0 compute, 1 graphics, 2 MPS.
    fn nvmlDeviceGetRunningProcessDetailList(device: Device, list: Out<nvmlProcessDetailList_v1_t>) {
        device.board()?;
        list.version(1)?;
        let mut filled = list.get()?;
        let found = match filled.mode {
            0 => processes(device, COMPUTE)?,
            1 => processes(device, GRAPHICS)?,
            2 => Vec::new(),
            _ => return Err(Error::InvalidArgument),
        };
        let details: Vec<_> = found
            .iter()
            .map(|process| nvmlProcessDetail_v1_t {
                pid: process.pid,
                usedGpuMemory: process.memory,
                gpuInstanceId: process.gpu_instance,
                computeInstanceId: process.compute_instance,
                usedGpuCcProtectedMemory: 0,
            })
            .collect();
        let room = filled.numProcArrayEntries as usize;
        filled.numProcArrayEntries = details.len() as u32;
        list.put(filled)?;
        if room < details.len() {
            return Err(Error::InsufficientSize);
        }
        let entries = Out(std::ptr::NonNull::new(filled.procArray));
        details.iter().enumerate().try_for_each(|(at, detail)| entries.nth(at).put(*detail))
    }

    /// What each process has used of the engines since a time, microseconds.
    fn nvmlDeviceGetProcessUtilization(
        device: Device,
        samples: Out<nvmlProcessUtilizationSample_t>,
        count: Out<u32>,
        last_seen: c_ulonglong,
    ) {
        let (gpu, now) = sampled(device)?;
        let found: Vec<_> = gpu
            .processes()
            .iter()
            .filter(|_| now > last_seen)
            .map(|process| nvmlProcessUtilizationSample_t {
                pid: process.pid,
                timeStamp: now,
                smUtil: process.sm,
                memUtil: process.memory_utilization,
                encUtil: 0,
                decUtil: 0,
            })
            .collect();
        count.there()?;
        if found.is_empty() {
            count.put(0)?;
            return Err(Error::NotFound);
        }
        samples.list(count, &found)
    }

    /// The same in a structure.
    fn nvmlDeviceGetProcessesUtilizationInfo(device: Device, info: Out<nvmlProcessesUtilizationInfo_v1_t>) {
        let (gpu, now) = sampled(device)?;
        info.version(1)?;
        let mut filled = info.get()?;
        let found: Vec<_> = gpu
            .processes()
            .iter()
            .filter(|_| now > filled.lastSeenTimeStamp)
            .map(|process| nvmlProcessUtilizationInfo_v1_t {
                timeStamp: now,
                pid: process.pid,
                smUtil: process.sm,
                memUtil: process.memory_utilization,
                encUtil: 0,
                decUtil: 0,
                jpgUtil: 0,
                ofaUtil: 0,
            })
            .collect();
        let room = filled.processSamplesCount as usize;
        filled.processSamplesCount = found.len() as u32;
        info.put(filled)?;
        if found.is_empty() {
            return Err(Error::NotFound);
        }
        let entries = Out(std::ptr::NonNull::new(filled.procUtilArray));
        if room < found.len() || entries.is_null() {
            return Err(Error::InsufficientSize);
        }
        found.iter().enumerate().try_for_each(|(at, sample)| entries.nth(at).put(*sample))
    }

    /// Who may have a compute context: 0 all, 2 nobody, 3 one process.
    fn nvmlDeviceGetComputeMode(device: Device, mode: Out<nvmlComputeMode_t>) {
        mode.give(has(device.known_board()?.page.compute_mode))
    }

    /// Driver model: Windows' alone.
    fn nvmlDeviceGetDriverModel_v2(device: Device, current: Out<nvmlDriverModel_t>, pending: Out<nvmlDriverModel_t>) {
        let _ = (current, pending);
        device.board()?;
        Err(Error::NotSupported)
    }

    /// The same.
    fn nvmlDeviceGetDriverModel(device: Device, current: Out<nvmlDriverModel_t>, pending: Out<nvmlDriverModel_t>) {
        let _ = (current, pending);
        device.board()?;
        Err(Error::NotSupported)
    }

    /// Operation mode: of boards before Maxwell.
    fn nvmlDeviceGetGpuOperationMode(
        device: Device,
        current: Out<nvmlGpuOperationMode_t>,
        pending: Out<nvmlGpuOperationMode_t>,
    ) {
        let _ = (current, pending);
        device.gpu()?;
        Err(Error::NotSupported)
    }

    /// Whether only root may set application clocks (0) or automatic boost (1).
    fn nvmlDeviceGetAPIRestriction(device: Device, call: u32, restricted: Out<nvmlEnableState_t>) {
        device.gpu()?;
        restricted.there()?;
        match call {
            0 => restricted.put(1),
            1 => Err(Error::NotSupported),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Whether the driver keeps accounts of processes.
    fn nvmlDeviceGetAccountingMode(device: Device, mode: Out<nvmlEnableState_t>) {
        mode.give(has(device.known_gpu()?.page.accounting))
    }

    /// How many processes it remembers.
    fn nvmlDeviceGetAccountingBufferSize(device: Device, size: Out<u32>) {
        has(device.known_gpu()?.page.accounting)?;
        size.put(ACCOUNTS)
    }

    /// Processes that it has accounts of: those that run.
    fn nvmlDeviceGetAccountingPids(device: Device, count: Out<u32>, pids: Out<u32>) {
        let gpu = accounting(device)?;
        pids.list(count, &gpu.processes().iter().map(|process| process.pid).collect::<Vec<_>>())
    }

    /// The account of one.
    fn nvmlDeviceGetAccountingStats(device: Device, pid: u32, stats: Out<nvmlAccountingStats_t>) {
        let gpu = accounting(device)?;
        stats.there()?;
        let process = *gpu.processes().iter().find(|it| it.pid == pid).ok_or(Error::NotFound)?;
        stats.put(nvmlAccountingStats_t {
            gpuUtilization: process.sm,
            memoryUtilization: process.memory_utilization,
            maxMemoryUsage: process.memory,
            // Of a process that runs, NVML says 0.
            time: 0,
            startTime: process.since_ms * 1000,
            isRunning: 1,
            reserved: [0; 5],
        })
    }

    /// The same in the layout of branch 610, which names the process itself.
    fn nvmlDeviceGetAccountingStats_v2(device: Device, stats: Out<AccountingStats>) {
        let gpu = accounting(device)?;
        let asked = stats.get()?;
        let process = *gpu.processes().iter().find(|it| it.pid == asked.pid).ok_or(Error::NotFound)?;
        stats.put(AccountingStats {
            is_running: 1,
            gpu_utilization: process.sm,
            memory_utilization: process.memory_utilization,
            most_memory: process.memory,
            samples: 1,
            gpu_sum: process.sm.into(),
            memory_sum: process.memory_utilization.into(),
            time: 0,
            start_time: process.since_ms * 1000,
            ..asked
        })
    }

    /// Sessions of the video encoders: none.
    fn nvmlDeviceGetEncoderStats(device: Device, sessions: Out<u32>, fps: Out<u32>, latency: Out<u32>) {
        let gpu = device.gpu()?;
        has(gpu.page.utilization_encoder)?;
        for place in [sessions, fps, latency] {
            place.put(0)?;
        }
        Ok(())
    }

    /// None of them.
    fn nvmlDeviceGetEncoderSessions(device: Device, count: Out<u32>, infos: Out<nvmlEncoderSessionInfo_t>) {
        has(device.gpu()?.page.utilization_encoder)?;
        infos.list(count, &[])
    }

    /// How much of an encoder (0 H.264, 1 HEVC, 2 AV1) is free, percent: all.
    fn nvmlDeviceGetEncoderCapacity(device: Device, kind: u32, capacity: Out<u32>) {
        has(device.gpu()?.page.utilization_encoder)?;
        if kind > 2 {
            return Err(Error::InvalidArgument);
        }
        capacity.put(100)
    }

    /// Captures of the frame buffer: none.
    fn nvmlDeviceGetFBCStats(device: Device, stats: Out<nvmlFBCStats_t>) {
        device.gpu()?;
        stats.put(nvmlFBCStats_t { sessionsCount: 0, averageFPS: 0, averageLatency: 0 })
    }

    /// None of them.
    fn nvmlDeviceGetFBCSessions(device: Device, count: Out<u32>, infos: Out<nvmlFBCSessionInfo_t>) {
        device.gpu()?;
        infos.list(count, &[])
    }

    /// Offsets of clocks, MHz: boards for servers have none.
    fn nvmlDeviceGetGpcClkVfOffset(device: Device, offset: Out<c_int>) {
        device.gpu()?;
        offset.put(0)
    }

    /// The same for memory.
    fn nvmlDeviceGetMemClkVfOffset(device: Device, offset: Out<c_int>) {
        device.gpu()?;
        offset.put(0)
    }
}

/// Processes of a kind: on the GPU, or on the MIG device.
fn processes(device: Device, kind: u32) -> Answer<Vec<ProcessEntry>> {
    let (gpu, slice) = match device.target()? {
        Target::Whole(gpu) => (gpu.answering()?, None),
        Target::Slice(gpu, _, compute) => (gpu.answering()?, Some((compute.gpu_instance, compute.id))),
    };
    let here = |process: &&ProcessEntry| {
        slice.is_none_or(|slice| (process.gpu_instance, process.compute_instance) == slice)
    };
    Ok(gpu.processes().iter().filter(|process| process.kind & kind != 0).filter(here).copied().collect())
}

fn short(process: &ProcessEntry) -> nvmlProcessInfo_v1_t {
    nvmlProcessInfo_v1_t { pid: process.pid, usedGpuMemory: process.memory }
}

fn long(process: &ProcessEntry) -> nvmlProcessInfo_v2_t {
    nvmlProcessInfo_v2_t {
        pid: process.pid,
        usedGpuMemory: process.memory,
        gpuInstanceId: process.gpu_instance,
        computeInstanceId: process.compute_instance,
    }
}

/// The GPU, which must not be cut, and the time of its samples in microseconds.
fn sampled(device: Device) -> Answer<(Gpu, u64)> {
    let gpu = device.gpu()?;
    if gpu.is_cut().is_ok() {
        return Err(Error::NotSupported);
    }
    let now = gpu.session.node()?.updated_ms * 1000;
    Ok((gpu, now))
}

/// The GPU, when accounts are kept.
fn accounting(device: Device) -> Answer<Gpu> {
    let gpu = device.gpu()?;
    match gpu.page.accounting {
        0 | NONE32 => Err(Error::NotSupported),
        _ => Ok(gpu),
    }
}
