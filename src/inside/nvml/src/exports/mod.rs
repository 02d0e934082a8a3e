//! The C side: one shim for every function of NVML.
//!
//! A shim turns what C passed into the types below, says which value of which GPU goes where, and
//! returns a status. The types are where the caller's promises end: what they hand out is safe. All
//! shims keep NVML's order of complaints: not initialised, no such handle, null pointer, the rest.

#![expect(unsafe_code, reason = "this module is the C boundary")]
#![expect(non_snake_case, reason = "the names are NVML's")]

mod clock;
mod device;
mod event;
mod link;
mod memory;
mod mig;
mod private;
mod process;
mod setter;
mod system;

use std::ffi::{CStr, c_char, c_int, c_ulong, c_ulonglong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr::NonNull;

use nvml_wrapper_sys::bindings::nvmlReturn_t;

use crate::answer::{Answer, Error};
use crate::machine::{self, Gpu, Target};
use crate::{handle, library};

/// Runs a shim's body: its status, and 999 for a panic, which no C caller could catch.
fn boundary(body: impl FnOnce() -> Answer<()>) -> nvmlReturn_t {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => error as nvmlReturn_t,
        Err(_) => Error::Unknown as nvmlReturn_t,
    }
}

/// Something that C passes, and what it becomes.
trait Argument {
    type Raw;

    /// # Safety
    /// What `raw` points to is what its type says, for as long as the call lasts; or it is null.
    unsafe fn take(raw: Self::Raw) -> Self;
}

/// Defines exported functions: arguments by their types below, a body that comes to an `Answer<()>`.
macro_rules! exports {
    ($($(#[doc = $doc:literal])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block)*) => {$(
        $(#[doc = $doc])*
        ///
        /// # Safety
        /// Every pointer is null, or of what `nvml.h` says for as long as the call lasts.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            $($argument: <$kind as $crate::exports::Argument>::Raw),*
        ) -> nvml_wrapper_sys::bindings::nvmlReturn_t {
            $crate::exports::boundary(move || {
                // SAFETY: the caller's promise above is the one that `take` asks for.
                $(let $argument = unsafe { <$kind as $crate::exports::Argument>::take($argument) };)*
                $body
            })
        }
    )*};
}
use exports;

/// Defines functions that are there and do nothing.
macro_rules! stubs {
    ($($name:ident)*) => {$(
        /// Not simulated: "not supported", once initialised.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> nvmlReturn_t {
            boundary(|| library::session().and(Err(Error::NotSupported)))
        }
    )*};
}

include!(concat!(env!("OUT_DIR"), "/stubs.rs"));

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Argument for $kind {
            type Raw = Self;
            unsafe fn take(raw: Self) -> Self {
                raw
            }
        }
    )*};
}
plain!(u32, c_int, c_ulonglong);

/// Where a value goes, or a structure that the caller has filled in part.
struct Out<T>(Option<NonNull<T>>);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Out<T> {}

impl<T: Copy> Argument for Out<T> {
    type Raw = *mut T;
    unsafe fn take(raw: *mut T) -> Self {
        Self(NonNull::new(raw))
    }
}

impl<T: Copy> Out<T> {
    fn is_null(self) -> bool {
        self.0.is_none()
    }

    /// "Invalid argument" for null.
    fn there(self) -> Answer<NonNull<T>> {
        self.0.ok_or(Error::InvalidArgument)
    }

    /// Writes a value.
    fn put(self, value: T) -> Answer<()> {
        let place = self.there()?;
        // SAFETY: `take`'s caller promised a place for a `T`; alignment is not asked of it.
        unsafe { place.as_ptr().write_unaligned(value) };
        Ok(())
    }

    /// Writes what a value comes to.
    fn give(self, value: Answer<T>) -> Answer<()> {
        match value {
            Ok(value) => self.put(value),
            // Before a null pointer comes that nothing is initialised, behind it the rest.
            Err(Error::Uninitialized) => Err(Error::Uninitialized),
            Err(error) => self.there().and(Err(error)),
        }
    }

    /// Reads what the caller left there.
    fn get(self) -> Answer<T> {
        let place = self.there()?;
        // SAFETY: `take`'s caller promised a `T`, and all of NVML's are plain numbers.
        Ok(unsafe { place.as_ptr().read_unaligned() })
    }

    /// The place `at` further on, in an array.
    fn nth(self, at: usize) -> Self {
        // Not `add`: that the array reaches so far is only known when it is written to.
        Self(self.0.and_then(|place| NonNull::new(place.as_ptr().wrapping_add(at))))
    }

    /// The same place for another type, which is the beginning of this one or as long.
    fn cast<U: Copy>(self) -> Out<U> {
        const { assert!(size_of::<U>() <= size_of::<T>(), "only a part may be written") }
        Out(self.0.map(NonNull::cast))
    }

    /// Checks the version that the caller left in the first word: the structure's size and number.
    fn version(self, number: u32) -> Answer<()> {
        let version = self.cast::<u32>().get()?;
        if version == versioned::<T>(number) { Ok(()) } else { Err(Error::ArgumentVersion) }
    }

    /// NVML's way to hand out a list: the caller's `count` says how much room there is and comes back as
    /// how much is needed.
    fn list(self, count: Out<u32>, items: &[T]) -> Answer<()> {
        let room = count.get()? as usize;
        count.put(items.len() as u32)?;
        if items.is_empty() {
            return Ok(());
        }
        if self.is_null() || room < items.len() {
            return Err(Error::InsufficientSize);
        }
        for (at, item) in items.iter().enumerate() {
            self.nth(at).put(*item)?;
        }
        Ok(())
    }

    /// The same where NVML lets a null array ask for the length alone.
    fn list_or_count(self, count: Out<u32>, items: &[T]) -> Answer<()> {
        if self.is_null() { count.put(items.len() as u32) } else { self.list(count, items) }
    }
}

impl Out<c_char> {
    /// Writes text and the zero byte after it into a buffer of this length.
    fn text(self, length: u32, text: &str) -> Answer<()> {
        self.there()?;
        if text.len() >= length as usize {
            return Err(Error::InsufficientSize);
        }
        for (at, byte) in text.bytes().chain([0]).enumerate() {
            self.nth(at).put(byte as c_char)?;
        }
        Ok(())
    }

    /// Writes what text comes to.
    fn give_text(self, length: u32, text: Answer<&str>) -> Answer<()> {
        self.there()?;
        self.text(length, text?)
    }
}

/// The version word of a structure: its size, and its number in the upper byte.
const fn versioned<T>(number: u32) -> u32 {
    size_of::<T>() as u32 | number << 24
}

/// A structure that the caller has filled.
struct In<T>(Option<NonNull<T>>);

impl<T: Copy> Argument for In<T> {
    type Raw = *const T;
    unsafe fn take(raw: *const T) -> Self {
        Self(NonNull::new(raw.cast_mut()))
    }
}

impl<T: Copy> In<T> {
    fn get(self) -> Answer<T> {
        Out(self.0).get()
    }
}

/// A string that the caller passes.
struct Text(Option<NonNull<c_char>>);

impl Argument for Text {
    type Raw = *const c_char;
    unsafe fn take(raw: *const c_char) -> Self {
        Self(NonNull::new(raw.cast_mut()))
    }
}

impl Text {
    fn get(&self) -> Answer<&str> {
        let start = self.0.ok_or(Error::InvalidArgument)?;
        // SAFETY: `take`'s caller promised a string that ends and outlives the call.
        let text = unsafe { CStr::from_ptr(start.as_ptr()) };
        text.to_str().map_err(|_| Error::InvalidArgument)
    }
}

/// A handle: an address that is looked up and never followed.
macro_rules! handles {
    ($($(#[doc = $doc:literal])* $name:ident: $raw:ident,)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy)]
        struct $name(usize);

        impl Argument for $name {
            type Raw = nvml_wrapper_sys::bindings::$raw;
            unsafe fn take(raw: Self::Raw) -> Self {
                Self(raw.addr())
            }
        }
    )*};
}

handles! {
    /// An `nvmlDevice_t`: a GPU or a MIG device.
    Device: nvmlDevice_t,
    /// An `nvmlGpuInstance_t`.
    GpuInstance: nvmlGpuInstance_t,
    /// An `nvmlComputeInstance_t`.
    ComputeInstance: nvmlComputeInstance_t,
    /// An `nvmlEventSet_t`.
    EventSet: nvmlEventSet_t,
    /// An `nvmlUnit_t`: S-class units are no part of a simulated node.
    Unit: nvmlUnit_t,
}

impl Device {
    /// What it stands for, whatever its condition.
    fn target(self) -> Answer<Target> {
        machine::target(self.0)
    }

    /// The GPU, when it answers; MIG devices have no such value.
    fn gpu(self) -> Answer<Gpu> {
        self.gpu_or(Error::Unknown)
    }

    /// The same with another error for a GPU whose firmware hangs.
    fn gpu_or(self, hung: Error) -> Answer<Gpu> {
        match self.target()? {
            Target::Whole(gpu) => gpu.answering_or(hung),
            Target::Slice(..) => Err(Error::NotSupported),
        }
    }

    /// The GPU, itself or that of the MIG device, when it answers.
    fn board(self) -> Answer<Gpu> {
        self.board_or(Error::Unknown)
    }

    /// The same with another error for a GPU whose firmware hangs.
    fn board_or(self, hung: Error) -> Answer<Gpu> {
        match self.target()? {
            Target::Whole(gpu) | Target::Slice(gpu, ..) => gpu.answering_or(hung),
        }
    }

    /// The GPU, for what the driver has in memory or the bus tells, even when the firmware hangs.
    ///
    /// Source: reports of an H100 after Xid 119, whose table has name, persistence, bus id, temperature, P0,
    /// memory and compute mode, `N/A` for display, power, load and errors, and `ERR!` for fan and MIG.
    fn known_gpu(self) -> Answer<Gpu> {
        match self.target()? {
            Target::Whole(gpu) => gpu.present(),
            Target::Slice(..) => Err(Error::NotSupported),
        }
    }

    /// The same, for what the driver has in memory and tells even when the firmware hangs.
    fn known_board(self) -> Answer<Gpu> {
        match self.target()? {
            Target::Whole(gpu) | Target::Slice(gpu, ..) => gpu.present(),
        }
    }
}

/// A handle as C has it.
fn raw_device(device: handle::Device) -> Answer<nvml_wrapper_sys::bindings::nvmlDevice_t> {
    Ok(std::ptr::without_provenance_mut(device.address().ok_or(Error::Unknown)?))
}

/// Text as a field of NVML's holds it.
fn chars<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    for (place, byte) in field[..N - 1].iter_mut().zip(text.bytes()) {
        *place = byte as c_char;
    }
    field
}

/// The path under which the dynamic linker has loaded this library.
pub(crate) fn own_path() -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: all zero is a valid `Dl_info`.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    let here: *const c_void = (own_path as fn() -> Option<PathBuf>) as *const c_void;
    // SAFETY: any address may be asked about, and `info` is ours.
    if unsafe { libc::dladdr(here, &mut info) } == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the linker's own string, which lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

/// Words of an affinity mask, as C has them.
type Mask = Out<c_ulong>;
