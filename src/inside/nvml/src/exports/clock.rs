//! Load, clocks, heat, fans and power.

use std::ffi::{c_int, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlEnableState_t, nvmlFanSpeedInfo_v1_t, nvmlFieldValue_t, nvmlGpuDynamicPstatesInfo_t,
    nvmlGpuThermalSettings_t, nvmlMarginTemperature_v1_t, nvmlPowerSource_t, nvmlPstates_t, nvmlSample_t,
    nvmlTemperature_v1_t, nvmlUtilization_t, nvmlValue_t, nvmlValueType_t, nvmlViolationTime_t,
};

use super::{Device, Out, exports};
use crate::answer::{Answer, Error};
use crate::field::{self, Value};
use crate::machine::{Gpu, has, has_signed, has_wide};

/// How long encoder and decoder loads are averaged over. Source: the value that H100s report.
const SAMPLING_US: u32 = 167_000;
/// NVML's "no such performance state".
const NO_STATE: u32 = 32;

exports! {
    /// Load of the SMs and of the memory, percent; a GPU that is cut has none.
    fn nvmlDeviceGetUtilizationRates(device: Device, utilization: Out<nvmlUtilization_t>) {
        let gpu = uncut(device)?;
        utilization.there()?;
        utilization.put(nvmlUtilization_t {
            gpu: has(gpu.page.utilization_gpu)?,
            memory: has(gpu.page.utilization_memory)?,
        })
    }

    /// Load of the video encoders.
    fn nvmlDeviceGetEncoderUtilization(device: Device, load: Out<u32>, period: Out<u32>) {
        engine(device, load, period, |gpu| gpu.page.utilization_encoder)
    }

    /// Load of the video decoders.
    fn nvmlDeviceGetDecoderUtilization(device: Device, load: Out<u32>, period: Out<u32>) {
        engine(device, load, period, |gpu| gpu.page.utilization_decoder)
    }

    /// Load of the JPEG engines.
    fn nvmlDeviceGetJpgUtilization(device: Device, load: Out<u32>, period: Out<u32>) {
        engine(device, load, period, |gpu| gpu.page.utilization_jpeg)
    }

    /// Load of the optical flow engine.
    fn nvmlDeviceGetOfaUtilization(device: Device, load: Out<u32>, period: Out<u32>) {
        engine(device, load, period, |gpu| gpu.page.utilization_ofa)
    }

    /// The last sample of a quantity: the pages hold one.
    fn nvmlDeviceGetSamples(
        device: Device,
        kind: u32,
        last_seen: c_ulonglong,
        value_type: Out<nvmlValueType_t>,
        count: Out<u32>,
        samples: Out<nvmlSample_t>,
    ) {
        let gpu = device.gpu()?;
        let page = &gpu.page;
        let value = has(match kind {
            0 => page.power_draw_instant,
            1 => page.utilization_gpu,
            2 => page.utilization_memory,
            3 => page.utilization_encoder,
            4 => page.utilization_decoder,
            5 => page.clock[1],
            6 => page.clock[2],
            8 => page.utilization_jpeg,
            9 => page.utilization_ofa,
            7 => return Err(Error::NotSupported),
            _ => return Err(Error::InvalidArgument),
        })?;
        // 1: NVML_VALUE_TYPE_UNSIGNED_INT.
        value_type.put(1)?;
        count.there()?;
        if samples.is_null() {
            return count.put(1);
        }
        let now = gpu.session.node()?.updated_ms * 1000;
        if now <= last_seen {
            return Err(Error::NotFound);
        }
        samples.list(count, &[nvmlSample_t { timeStamp: now, sampleValue: nvmlValue_t { uiVal: value } }])
    }

    /// A clock now, MHz: 0 graphics, 1 SM, 2 memory, 3 video.
    fn nvmlDeviceGetClockInfo(device: Device, kind: u32, clock: Out<u32>) {
        pick(device, kind, clock, |gpu| gpu.page.clock)
    }

    /// The highest that a clock goes.
    fn nvmlDeviceGetMaxClockInfo(device: Device, kind: u32, clock: Out<u32>) {
        pick(device, kind, clock, |gpu| gpu.page.clock_max)
    }

    /// The clock that applications are to run at.
    fn nvmlDeviceGetApplicationsClock(device: Device, kind: u32, clock: Out<u32>) {
        pick(device, kind, clock, |gpu| gpu.page.clock_app)
    }

    /// The same as the board comes.
    fn nvmlDeviceGetDefaultApplicationsClock(device: Device, kind: u32, clock: Out<u32>) {
        pick(device, kind, clock, |gpu| gpu.page.clock_app_default)
    }

    /// The highest that a client may ask for.
    fn nvmlDeviceGetMaxCustomerBoostClock(device: Device, kind: u32, clock: Out<u32>) {
        pick(device, kind, clock, |gpu| gpu.page.clock_max)
    }

    /// One of those: 0 now, 1 application, 2 its default, 3 customer boost.
    fn nvmlDeviceGetClock(device: Device, kind: u32, which: u32, clock: Out<u32>) {
        match which {
            0 => pick(device, kind, clock, |gpu| gpu.page.clock),
            1 => pick(device, kind, clock, |gpu| gpu.page.clock_app),
            2 => pick(device, kind, clock, |gpu| gpu.page.clock_app_default),
            3 => pick(device, kind, clock, |gpu| gpu.page.clock_max),
            _ => Err(Error::InvalidArgument),
        }
    }

    /// Memory clocks on offer.
    fn nvmlDeviceGetSupportedMemoryClocks(device: Device, count: Out<u32>, clocks: Out<u32>) {
        clocks.list(count, &device.gpu()?.memory_clocks().collect::<Vec<_>>())
    }

    /// Graphics clocks on offer at a memory clock.
    fn nvmlDeviceGetSupportedGraphicsClocks(device: Device, memory: u32, count: Out<u32>, clocks: Out<u32>) {
        let gpu = device.gpu()?;
        count.there()?;
        if !gpu.memory_clocks().any(|clock| clock == memory) {
            return Err(Error::NotFound);
        }
        clocks.list(count, &gpu.graphics_clocks())
    }

    /// Least and most of a clock in a performance state.
    fn nvmlDeviceGetMinMaxClockOfPState(device: Device, kind: u32, state: u32, least: Out<u32>, most: Out<u32>) {
        let gpu = device.gpu()?;
        least.there()?;
        most.there()?;
        if kind > 3 || state > 15 {
            return Err(Error::InvalidArgument);
        }
        if !states(&gpu).contains(&state) {
            return Err(Error::NotSupported);
        }
        let top = has(gpu.page.clock_max[kind as usize])?;
        least.put(match kind {
            0 | 1 => has(gpu.page.graphics_clock_min)?,
            2 => gpu.memory_clocks().last().unwrap_or(top),
            _ => top.min(has(gpu.page.graphics_clock_min)?),
        })?;
        most.put(top)
    }

    /// Performance state: 0 is the fastest.
    fn nvmlDeviceGetPerformanceState(device: Device, state: Out<nvmlPstates_t>) {
        state.give(has(device.known_gpu()?.page.performance_state))
    }

    /// Its former name.
    fn nvmlDeviceGetPowerState(device: Device, state: Out<nvmlPstates_t>) {
        state.give(has(device.known_gpu()?.page.performance_state))
    }

    /// Performance states that there are, into an array of this many bytes.
    fn nvmlDeviceGetSupportedPerformanceStates(device: Device, list: Out<nvmlPstates_t>, size: u32) {
        let gpu = device.gpu()?;
        list.there()?;
        let states = states(&gpu);
        let room = size as usize / size_of::<nvmlPstates_t>();
        if room < states.len() {
            return Err(Error::InsufficientSize);
        }
        (0..room).try_for_each(|at| list.nth(at).put(states.get(at).copied().unwrap_or(NO_STATE)))
    }

    /// Load by domain, as the governor of clocks sees it: graphics, memory, video.
    fn nvmlDeviceGetDynamicPstatesInfo(device: Device, info: Out<nvmlGpuDynamicPstatesInfo_t>) {
        let gpu = uncut(device)?;
        let mut filled = info.get()?;
        filled.flags = 1;
        let loads = [
            gpu.page.utilization_gpu,
            gpu.page.utilization_memory,
            gpu.page.utilization_encoder.max(gpu.page.utilization_decoder),
        ];
        for (at, domain) in filled.utilization.iter_mut().enumerate() {
            let load = loads.get(at).copied().and_then(|load| has(load).ok());
            domain.bIsPresent = u32::from(load.is_some());
            domain.percentage = load.unwrap_or(0);
            (domain.incThreshold, domain.decThreshold) = (0, 0);
        }
        info.put(filled)
    }

    /// What holds the clocks down now (`nvmlClocksEventReason*`).
    fn nvmlDeviceGetCurrentClocksEventReasons(device: Device, reasons: Out<c_ulonglong>) {
        reasons.give(has_wide(device.gpu()?.page.clock_reasons))
    }

    /// Its former name.
    fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Device, reasons: Out<c_ulonglong>) {
        reasons.give(has_wide(device.gpu()?.page.clock_reasons))
    }

    /// What can hold them down.
    fn nvmlDeviceGetSupportedClocksEventReasons(device: Device, reasons: Out<c_ulonglong>) {
        reasons.give(has_wide(device.gpu()?.page.clock_reasons_supported))
    }

    /// Its former name.
    fn nvmlDeviceGetSupportedClocksThrottleReasons(device: Device, reasons: Out<c_ulonglong>) {
        reasons.give(has_wide(device.gpu()?.page.clock_reasons_supported))
    }

    /// For how long something held the clocks down: nanoseconds, and microseconds as the time of asking.
    fn nvmlDeviceGetViolationStatus(device: Device, policy: u32, time: Out<nvmlViolationTime_t>) {
        let gpu = device.gpu()?;
        let nanoseconds = match policy {
            0..=5 => gpu.page.violation[policy as usize],
            // Time below application and base clocks: not counted.
            10 | 11 => 0,
            _ => return Err(Error::InvalidArgument),
        };
        time.there()?;
        time.put(nvmlViolationTime_t {
            referenceTime: gpu.session.node()?.updated_ms * 1000,
            violationTime: has_wide(nanoseconds)?,
        })
    }

    /// Automatic boost: boards since Pascal have none to switch.
    fn nvmlDeviceGetAutoBoostedClocksEnabled(
        device: Device,
        enabled: Out<nvmlEnableState_t>,
        default: Out<nvmlEnableState_t>,
    ) {
        device.gpu()?;
        enabled.there()?;
        let _ = default;
        Err(Error::NotSupported)
    }

    /// Whether the clocks follow voltage droops: they do.
    fn nvmlDeviceGetAdaptiveClockInfoStatus(device: Device, status: Out<u32>) {
        device.gpu()?;
        status.put(1)
    }

    /// Degrees Celsius of the GPU.
    fn nvmlDeviceGetTemperature(device: Device, sensor: u32, temperature: Out<u32>) {
        let gpu = device.known_board()?;
        if sensor != 0 {
            return Err(Error::InvalidArgument);
        }
        temperature.give(has(gpu.page.temperature))
    }

    /// The same in a structure.
    fn nvmlDeviceGetTemperatureV(device: Device, temperature: Out<nvmlTemperature_v1_t>) {
        let gpu = device.known_board()?;
        temperature.version(1)?;
        let asked = temperature.get()?;
        if asked.sensorType != 0 {
            return Err(Error::InvalidArgument);
        }
        temperature.put(nvmlTemperature_v1_t { temperature: has(gpu.page.temperature)? as c_int, ..asked })
    }

    /// Temperatures at which something happens, degrees Celsius.
    fn nvmlDeviceGetTemperatureThreshold(device: Device, kind: u32, temperature: Out<u32>) {
        let page = device.gpu()?.page;
        let threshold = match kind {
            0 => page.threshold_shutdown,
            1 => page.threshold_slowdown,
            2 => page.threshold_memory,
            3 => page.threshold_gpu_max,
            // Acoustic and GPS thresholds: of boards for desks and laptops.
            4..=7 => return Err(Error::NotSupported),
            _ => return Err(Error::InvalidArgument),
        };
        temperature.give(has(threshold))
    }

    /// Kelvins to the nearest slowdown.
    fn nvmlDeviceGetMarginTemperature(device: Device, margin: Out<nvmlMarginTemperature_v1_t>) {
        let gpu = device.gpu()?;
        margin.version(1)?;
        let marginTemperature = has_signed(gpu.page.temperature_margin)?;
        margin.put(nvmlMarginTemperature_v1_t { marginTemperature, ..margin.get()? })
    }

    /// The one sensor: 0, or 15 for all.
    fn nvmlDeviceGetThermalSettings(device: Device, sensor: u32, settings: Out<nvmlGpuThermalSettings_t>) {
        let gpu = device.gpu()?;
        if !matches!(sensor, 0 | 15) {
            return Err(Error::InvalidArgument);
        }
        let mut filled = settings.get()?;
        filled.count = 1;
        // 1: the GPU's own controller, 1: the GPU.
        filled.sensor[0].controller = 1;
        filled.sensor[0].target = 1;
        filled.sensor[0].defaultMinTemp = 0;
        filled.sensor[0].defaultMaxTemp = has(gpu.page.threshold_shutdown).unwrap_or(127) as c_int;
        filled.sensor[0].currentTemp = has(gpu.page.temperature)? as c_int;
        settings.put(filled)
    }

    /// How many fans the board has.
    fn nvmlDeviceGetNumFans(device: Device, count: Out<u32>) {
        count.put(has(device.gpu()?.page.fan_count).unwrap_or(0))
    }

    /// Speed of the first fan, percent of the highest.
    fn nvmlDeviceGetFanSpeed(device: Device, speed: Out<u32>) {
        speed.give(fan(device, 0).and_then(|gpu| has(gpu.page.fan_percent)))
    }

    /// Speed of a fan.
    fn nvmlDeviceGetFanSpeed_v2(device: Device, number: u32, speed: Out<u32>) {
        speed.give(fan(device, number).and_then(|gpu| has(gpu.page.fan_percent)))
    }

    /// The speed that a fan is told to have: the same.
    fn nvmlDeviceGetTargetFanSpeed(device: Device, number: u32, speed: Out<u32>) {
        speed.give(fan(device, number).and_then(|gpu| has(gpu.page.fan_percent)))
    }

    /// Least and most that a fan may be told.
    fn nvmlDeviceGetMinMaxFanSpeed(device: Device, least: Out<u32>, most: Out<u32>) {
        fan(device, 0)?;
        least.there()?;
        most.put(100)?;
        least.put(30)
    }

    /// Who sets a fan's speed: 0, the board by its temperature.
    fn nvmlDeviceGetFanControlPolicy_v2(device: Device, number: u32, policy: Out<u32>) {
        fan(device, number)?;
        policy.put(0)
    }

    /// Turns per minute.
    fn nvmlDeviceGetFanSpeedRPM(device: Device, speed: Out<nvmlFanSpeedInfo_v1_t>) {
        device.gpu()?;
        speed.version(1)?;
        let asked = speed.get()?;
        let gpu = fan(device, asked.fan)?;
        speed.put(nvmlFanSpeedInfo_v1_t { speed: has(gpu.page.fan_rpm)?, ..asked })
    }

    /// Board power draw, milliwatts, averaged over a second.
    fn nvmlDeviceGetPowerUsage(device: Device, power: Out<u32>) {
        power.give(has(device.board_or(Error::NotSupported)?.page.power_draw))
    }

    /// Millijoules since the driver was loaded.
    fn nvmlDeviceGetTotalEnergyConsumption(device: Device, energy: Out<c_ulonglong>) {
        energy.give(has_wide(device.gpu()?.page.energy))
    }

    /// Whether the board's power can be limited.
    fn nvmlDeviceGetPowerManagementMode(device: Device, mode: Out<nvmlEnableState_t>) {
        mode.give(has(device.gpu()?.page.power_limit).map(|_| 1))
    }

    /// The limit that was set, milliwatts.
    fn nvmlDeviceGetPowerManagementLimit(device: Device, limit: Out<u32>) {
        limit.give(has(device.board_or(Error::NotSupported)?.page.power_limit))
    }

    /// Least and most that it can be set to.
    fn nvmlDeviceGetPowerManagementLimitConstraints(device: Device, least: Out<u32>, most: Out<u32>) {
        let page = device.gpu()?.page;
        least.there()?;
        most.give(has(page.power_limit_max))?;
        least.give(has(page.power_limit_min))
    }

    /// The limit as the board comes.
    fn nvmlDeviceGetPowerManagementDefaultLimit(device: Device, limit: Out<u32>) {
        limit.give(has(device.gpu()?.page.power_limit_default))
    }

    /// The limit that holds.
    fn nvmlDeviceGetEnforcedPowerLimit(device: Device, limit: Out<u32>) {
        limit.give(has(device.board_or(Error::NotSupported)?.page.power_limit_enforced))
    }

    /// Where the power comes from: 0, the mains.
    fn nvmlDeviceGetPowerSource(device: Device, source: Out<nvmlPowerSource_t>) {
        device.gpu()?;
        source.put(0)
    }

    /// Values by their ids, each with its own status.
    fn nvmlDeviceGetFieldValues(device: Device, count: c_int, values: Out<nvmlFieldValue_t>) {
        let gpu = device.known_gpu()?;
        values.there()?;
        if count <= 0 {
            return Err(Error::InvalidArgument);
        }
        let now = gpu.session.node()?.updated_ms * 1000;
        for at in 0..count as usize {
            let place = values.nth(at);
            let mut filled = place.get()?;
            filled.timestamp = now as i64;
            filled.latencyUsec = 0;
            match field::value(&gpu, filled.fieldId, filled.scopeId) {
                Ok(value) => {
                    filled.nvmlReturn = 0;
                    // NVML's value types: 1 unsigned, 3 unsigned long long, 5 signed.
                    (filled.valueType, filled.value) = match value {
                        Value::Unsigned(value) => (1, nvmlValue_t { ullVal: u64::from(value) }),
                        Value::Wide(value) => (3, nvmlValue_t { ullVal: value }),
                        Value::Signed(value) => (5, nvmlValue_t { sllVal: i64::from(value) }),
                    };
                }
                Err(error) => filled.nvmlReturn = error as u32,
            }
            place.put(filled)?;
        }
        Ok(())
    }
}

/// The GPU, unless it is cut: its load is then nobody's.
fn uncut(device: Device) -> Answer<Gpu> {
    let gpu = device.gpu_or(Error::NotSupported)?;
    if gpu.is_cut().is_ok() { Err(Error::NotSupported) } else { Ok(gpu) }
}

fn engine(device: Device, load: Out<u32>, period: Out<u32>, of: fn(&Gpu) -> u32) -> Answer<()> {
    let gpu = uncut(device)?;
    load.there()?;
    period.there()?;
    load.give(has(of(&gpu)))?;
    period.put(SAMPLING_US)
}

fn pick(device: Device, kind: u32, clock: Out<u32>, of: fn(&Gpu) -> [u32; 4]) -> Answer<()> {
    let gpu = device.gpu()?;
    clock.give(of(&gpu).get(kind as usize).copied().ok_or(Error::InvalidArgument).and_then(has))
}

/// The GPU, when it has this fan.
fn fan(device: Device, number: u32) -> Answer<Gpu> {
    let gpu = device.gpu()?;
    match has(gpu.page.fan_count)? {
        0 => Err(Error::NotSupported),
        count if number >= count => Err(Error::InvalidArgument),
        _ => Ok(gpu),
    }
}

/// Performance states of a board: those with one memory clock stay in P0.
fn states(gpu: &Gpu) -> &'static [u32] {
    match gpu.memory_clocks().count() {
        0 | 1 => &[0],
        2 => &[0, 8],
        _ => &[0, 2, 3, 5, 8],
    }
}
