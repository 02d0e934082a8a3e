//! Events: sets, and waiting on them in the caller's own thread.

use std::ffi::c_ulonglong;
use std::time::{Duration, Instant};

use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlEventData_t, nvmlEventSet_t};

use super::{Device, EventSet, Out, exports, raw_device};
use crate::answer::{Answer, Error};
use crate::event::KINDS;
use crate::handle;
use crate::library;

/// How often the pages are looked at: clients see an event within this time.
const LOOK: Duration = Duration::from_millis(10);

/// NVML's `nvmlEventData_t` as it was before MIG.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ShortEventData {
    device: nvmlDevice_t,
    kind: c_ulonglong,
    data: c_ulonglong,
}

exports! {
    /// A new set, of nothing.
    fn nvmlEventSetCreate(set: Out<nvmlEventSet_t>) {
        library::session()?;
        set.there()?;
        let address = library::with_sets(|sets| sets.create())?;
        set.put(std::ptr::without_provenance_mut(address))
    }

    /// The end of a set.
    fn nvmlEventSetFree(set: EventSet) {
        library::with_sets(|sets| sets.free(set.0))
    }

    /// Adds kinds of events of a GPU to a set.
    fn nvmlDeviceRegisterEvents(device: Device, kinds: c_ulonglong, set: EventSet) {
        let gpu = device.known_gpu()?;
        let set = library::with_sets(|sets| sets.get(set.0))?;
        set.register(&gpu, kinds)
    }

    /// Kinds of events that there are.
    fn nvmlDeviceGetSupportedEventTypes(device: Device, kinds: Out<c_ulonglong>) {
        device.known_gpu()?;
        kinds.put(KINDS)
    }

    /// The set's next event; waits for one for so many milliseconds.
    fn nvmlEventSetWait_v2(set: EventSet, data: Out<nvmlEventData_t>, timeout_ms: u32) {
        data.put(wait(set, data.is_null(), timeout_ms)?)
    }

    /// The same in the layout of before MIG.
    fn nvmlEventSetWait(set: EventSet, data: Out<nvmlEventData_t>, timeout_ms: u32) {
        let event = wait(set, data.is_null(), timeout_ms)?;
        data.cast().put(ShortEventData { device: event.device, kind: event.eventType, data: event.eventData })
    }
}

fn wait(set: EventSet, nowhere: bool, timeout_ms: u32) -> Answer<nvmlEventData_t> {
    let set = library::with_sets(|sets| sets.get(set.0))?;
    if nowhere {
        return Err(Error::InvalidArgument);
    }
    let begin = Instant::now();
    let timeout = Duration::from_millis(timeout_ms.into());
    loop {
        // Asked anew each time: whoever shuts the library down meanwhile ends the wait.
        if let Some(event) = set.next(&*library::session()?)? {
            return Ok(nvmlEventData_t {
                device: raw_device(handle::Device::Whole { gpu: event.gpu as usize })?,
                eventType: event.kind,
                eventData: event.data,
                gpuInstanceId: event.gpu_instance,
                computeInstanceId: event.compute_instance,
            });
        }
        let left = timeout.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(Error::Timeout);
        }
        std::thread::sleep(left.min(LOOK));
    }
}
