//! What NVML has no public call for: the table through which a vendor's own program asks for it.
//!
//! NVIDIA's program gets such tables from `nvmlInternalGetExportTable` by an id that only the library of
//! the same build knows. Ours has one, under an id of its own; every other is refused, as an unknown one
//! is by NVIDIA's library. The program at the other end of this agreement is `nvidia-smi` (`raw.rs` there).

use std::ffi::{c_char, c_void};

use crashcart_hardware::command::{Command, Status, Verb};
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlReturn_t};

use super::device::legacy_bus_id;
use super::{Argument, Device, In, Out, boundary, exports};
use crate::answer::{Answer, Error};
use crate::machine::{Gpu, Target};
use crate::{client, library};

/// Id of the table.
const ID: [u8; 16] = *b"crashcart-smi-01";

/// The table: its own size first, as NVIDIA's have it.
#[repr(C)]
struct Table {
    bytes: usize,
    reset: unsafe extern "C" fn(*const nvmlDevice_t, u32, *mut nvmlReturn_t, *mut u64) -> nvmlReturn_t,
    gpu_part_number: unsafe extern "C" fn(nvmlDevice_t, *mut c_char, u32) -> nvmlReturn_t,
    bus_id: unsafe extern "C" fn(u32, *mut c_char, u32) -> nvmlReturn_t,
}

static TABLE: Table = Table { bytes: size_of::<Table>(), reset, gpu_part_number, bus_id };

exports! {
    /// The table with this id.
    fn nvmlInternalGetExportTable(table: Out<*const c_void>, id: In<[u8; 16]>) {
        table.there()?;
        if id.get()? != ID {
            return Err(Error::NotSupported);
        }
        library::session()?;
        table.put((&raw const TABLE).cast())
    }
}

/// Resets these GPUs in one request. `outcomes` gets a status for each; `missing` gets the indices, as bits, of
/// the GPUs that would have had to be among them.
///
/// # Safety
/// `devices` and `outcomes` are null or arrays of `count`, `missing` is null or a place for a number.
unsafe extern "C" fn reset(
    devices: *const nvmlDevice_t,
    count: u32,
    outcomes: *mut nvmlReturn_t,
    missing: *mut u64,
) -> nvmlReturn_t {
    boundary(move || {
        // SAFETY: the caller's promise above is the one that `take` asks for.
        let (outcomes, missing) = unsafe { (Out::take(outcomes), Out::take(missing)) };
        // SAFETY: as above; nothing is written through it.
        let devices = unsafe { Out::take(devices.cast_mut()) };
        let mut gpus = Vec::new();
        for at in 0..count as usize {
            // SAFETY: a handle is looked up and never followed.
            let device = unsafe { Device::take(devices.nth(at).get()?) };
            // Whatever its condition: a reset is for those that do not answer. What is off the bus the
            // owner refuses.
            gpus.push(match device.target()? {
                Target::Whole(gpu) => gpu,
                Target::Slice(..) => return Err(Error::NotSupported),
            });
        }
        let together = gpus.iter().fold(0, |bits, gpu| bits | 1u64 << gpu.at);
        let mut lacks = 0;
        for (at, gpu) in gpus.iter().enumerate() {
            let status = reset_one(gpu, together, &mut lacks)?;
            outcomes.nth(at).put(status)?;
        }
        missing.put(lacks)
    })
}

/// Part number of the chip, where NVML tells that of the board alone.
///
/// # Safety
/// `text` is null or room for `length` characters.
unsafe extern "C" fn gpu_part_number(device: nvmlDevice_t, text: *mut c_char, length: u32) -> nvmlReturn_t {
    boundary(move || {
        // SAFETY: the caller's promise above is the one that `take` asks for; a handle is only looked up.
        let (device, text) = unsafe { (Device::take(device), Out::take(text)) };
        let gpu = device.known_board()?;
        text.give_text(length, gpu.text(&gpu.page.gpu_part_number))
    })
}

/// Place on the bus of the GPU with this index, also of one that NVML gives no handle for.
///
/// # Safety
/// `text` is null or room for `length` characters.
unsafe extern "C" fn bus_id(index: u32, text: *mut c_char, length: u32) -> nvmlReturn_t {
    boundary(move || {
        // SAFETY: the caller's promise above is the one that `take` asks for.
        let text = unsafe { Out::take(text) };
        let page = library::session()?.by_index(index as usize)?.page;
        text.give_text(length, Ok(&legacy_bus_id(&page)))
    })
}

fn reset_one(gpu: &Gpu, together: u64, lacks: &mut u64) -> Answer<nvmlReturn_t> {
    let outcome = client::outcome(&Command::new(Verb::Reset, gpu.at as u32, &[together]))?;
    if outcome.status == Status::InvalidArgument as u32 {
        let pages = (0..u64::BITS).filter(|page| outcome.values[0] >> page & 1 == 1);
        let indices = pages.filter_map(|page| gpu.session.index_of(page as usize));
        *lacks |= indices.fold(0, |bits, index| bits | 1 << index);
    }
    Ok(outcome.status)
}
