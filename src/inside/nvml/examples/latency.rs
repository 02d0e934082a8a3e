//! How long getters take, as a C client has them: by `dlsym`, over an owner that runs.
//!
//! ```text
//! CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true cargo build --release -p crashcart-nvml --examples
//! CRASHCART_NVML_SOCKET=try target/release/examples/owner &
//! CRASHCART_NVML_SOCKET=try CRASHCART_NVML_DEVICES=skip target/release/examples/latency target/release/libnvidia_ml.so
//! ```

#![expect(unsafe_code, reason = "what is timed is a C library")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::ffi::c_void;
use std::time::Instant;

const CALLS: usize = 20_000;

type Getter = unsafe extern "C" fn(*mut c_void, *mut c_void) -> u32;

fn main() {
    let path = std::env::args().nth(1).expect("the library's path");
    // SAFETY: the library does nothing when it is loaded.
    let library = unsafe { libloading::Library::new(path) }.expect("the library");
    let mut device: *mut c_void = std::ptr::null_mut();
    // SAFETY: the signatures are nvml.h's.
    unsafe {
        let init = library.get::<unsafe extern "C" fn() -> u32>(b"nvmlInit_v2").expect("exported");
        let begin = Instant::now();
        assert_eq!(init(), 0, "an owner serves");
        println!("nvmlInit_v2 {:?}", begin.elapsed());
        let by_index = library
            .get::<unsafe extern "C" fn(u32, *mut *mut c_void) -> u32>(b"nvmlDeviceGetHandleByIndex_v2")
            .expect("exported");
        assert_eq!(by_index(0, &mut device), 0);
    }
    let mut place = [0u64; 16];
    for name in [
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetPciInfo_v3",
    ] {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            // SAFETY: each of them takes a device and a place of at most 128 bytes.
            let status = unsafe {
                let getter = library.get::<Getter>(name.as_bytes()).expect("exported");
                let begin = Instant::now();
                let status = getter(device, place.as_mut_ptr().cast());
                times.push(begin.elapsed());
                status
            };
            assert_eq!(status, 0);
        }
        times.sort_unstable();
        println!("{name} median {:?}, 99 of 100 within {:?}", times[CALLS / 2], times[CALLS / 100 * 99]);
    }
}
