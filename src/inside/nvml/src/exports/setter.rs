//! What changes a GPU: every one of these is asked of the owner, who knows whether the caller may.

use std::ffi::c_int;

use crashcart_hardware::command::Verb;
use nvml_wrapper_sys::bindings::{nvmlPciInfo_t, nvmlPowerValue_v2_t};

use super::{Device, Out, exports};
use crate::answer::{Answer, Error};
use crate::machine::{Gpu, has};

exports! {
    /// Keeps the driver loaded without clients, or no longer.
    fn nvmlDeviceSetPersistenceMode(device: Device, mode: u32) {
        switch(device.gpu()?, Verb::SetPersistence, mode)
    }

    /// Says who may have a compute context.
    fn nvmlDeviceSetComputeMode(device: Device, mode: u32) {
        if !matches!(mode, 0..=3) {
            return Err(Error::InvalidArgument);
        }
        // 1: one thread, which NVML 8 did away with.
        if mode == 1 {
            return Err(Error::NotSupported);
        }
        ask(&device.gpu()?, Verb::SetComputeMode, &[mode.into()])
    }

    /// Limits the board's power, milliwatts.
    fn nvmlDeviceSetPowerManagementLimit(device: Device, limit: u32) {
        let gpu = device.gpu()?;
        has(gpu.page.power_limit)?;
        ask(&gpu, Verb::SetPowerLimit, &[limit.into()])
    }

    /// The same in a structure; scope 0 is the GPU, of the others none is simulated.
    fn nvmlDeviceSetPowerManagementLimit_v2(device: Device, value: Out<nvmlPowerValue_v2_t>) {
        let gpu = device.gpu()?;
        value.version(2)?;
        let value = value.get()?;
        match value.powerScope {
            0 => ask(&gpu, Verb::SetPowerLimit, &[value.powerValueMw.into()]),
            1 | 2 => Err(Error::NotSupported),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Sets the clocks that applications are to run at, MHz.
    fn nvmlDeviceSetApplicationsClocks(device: Device, memory: u32, graphics: u32) {
        ask(&device.gpu()?, Verb::SetApplicationClocks, &[memory.into(), graphics.into()])
    }

    /// Takes them back.
    fn nvmlDeviceResetApplicationsClocks(device: Device) {
        ask(&device.gpu()?, Verb::ResetApplicationClocks, &[])
    }

    /// Keeps the graphics clock within bounds, MHz.
    fn nvmlDeviceSetGpuLockedClocks(device: Device, least: u32, most: u32) {
        let gpu = device.gpu()?;
        if least > most {
            return Err(Error::InvalidArgument);
        }
        ask(&gpu, Verb::SetLockedClocks, &[least.into(), most.into()])
    }

    /// Lets it go.
    fn nvmlDeviceResetGpuLockedClocks(device: Device) {
        ask(&device.gpu()?, Verb::ResetLockedClocks, &[])
    }

    /// Switches the correction of memory errors, from the next reset on.
    fn nvmlDeviceSetEccMode(device: Device, mode: u32) {
        let gpu = device.gpu()?;
        has(gpu.page.ecc_current)?;
        switch(gpu, Verb::SetEccMode, mode)
    }

    /// Forgets memory errors: 0 those since the driver was loaded, 1 all.
    fn nvmlDeviceClearEccErrorCounts(device: Device, age: u32) {
        let gpu = device.gpu()?;
        if age > 1 {
            return Err(Error::InvalidArgument);
        }
        gpu.counts_memory_errors()?;
        ask(&gpu, Verb::ClearEccCounts, &[age.into()])
    }

    /// Switches the accounts of processes.
    fn nvmlDeviceSetAccountingMode(device: Device, mode: u32) {
        switch(device.gpu()?, Verb::SetAccounting, mode)
    }

    /// Forgets the accounts of processes that have ended: none are kept.
    fn nvmlDeviceClearAccountingPids(device: Device) {
        let gpu = device.gpu()?;
        let mode = has(gpu.page.accounting)?;
        // Asked of the owner for its permission alone.
        ask(&gpu, Verb::SetAccounting, &[mode.into()])
    }

    /// Thresholds of desk boards; no simulated board has one to set.
    fn nvmlDeviceSetTemperatureThreshold(device: Device, kind: u32, temperature: Out<c_int>) {
        device.gpu()?;
        temperature.there()?;
        if kind > 7 { Err(Error::InvalidArgument) } else { Err(Error::NotSupported) }
    }

    /// Whether a GPU is being drained of work: none ever is.
    fn nvmlDeviceQueryDrainState(info: Out<nvmlPciInfo_t>, state: Out<u32>) {
        crate::library::session()?;
        info.there()?;
        state.put(0)
    }
}

/// Has the owner do it.
fn ask(gpu: &Gpu, verb: Verb, arguments: &[u64]) -> Answer<()> {
    gpu.command(verb, arguments).map(|_| ())
}

/// The same for what is on or off.
fn switch(gpu: Gpu, verb: Verb, mode: u32) -> Answer<()> {
    if mode > 1 { Err(Error::InvalidArgument) } else { ask(&gpu, verb, &[mode.into()]) }
}
