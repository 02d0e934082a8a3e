//! What getters cost a C client: found by `dlsym`, called by their pointers, over an owner in this process.
//!
//! ```text
//! cargo bench -p crashcart-nvml
//! ```
//!
//! Each figure stands beside a system call that does next to nothing (`getppid`), taken in turn: machines differ,
//! ratios travel. Ends with 1 when a getter misses its bar.

#![expect(unsafe_code, reason = "what is timed is a C library")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

#[path = "../tests/owner/mod.rs"]
mod owner;

use std::ffi::c_void;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use crashcart_hardware::machine::Machine;
use crashcart_hardware::spec::HardwareSpec;
use owner::Owner;

/// Calls that are timed together: one alone takes not much longer than reading the clock.
const TOGETHER: u32 = 64;
const ROUNDS: usize = 2_000;
/// Microseconds, for the median.
const BAR_US: f64 = 2.0;

type Getter = unsafe extern "C" fn(*mut c_void, *mut c_void) -> u32;

/// All of them take a device and a place of at most 128 bytes.
const GETTERS: [&str; 6] = [
    "nvmlDeviceGetTemperatureV",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetUtilizationRates",
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetPciInfo_v3",
    "nvmlDeviceGetCurrentClocksEventReasons",
];

fn main() -> ExitCode {
    let socket = format!("crashcart-nvml-bench-{}", std::process::id());
    // SAFETY: no other thread has begun yet.
    unsafe {
        std::env::set_var("CRASHCART_NVML_SOCKET", &socket);
        std::env::set_var("CRASHCART_NVML_DEVICES", "skip");
    }
    let spec = HardwareSpec {
        profile: "hgx-h100".into(),
        driver: "580.105.08".into(),
        gpus: None,
        identity: "bench".into(),
        mig: Vec::new(),
    };
    let machine = Machine::new(&spec, None, owner::now_ms()).expect("hardware that there is");
    let _owner = Owner::open(machine, socket.as_bytes());

    let bench = std::env::current_exe().expect("this program");
    // SAFETY: the library does nothing when it is loaded.
    let library = unsafe { libloading::Library::new(bench.with_file_name("libnvidia_ml.so")) }
        .expect("the library is built beside the benchmark");
    let mut device: *mut c_void = std::ptr::null_mut();
    // SAFETY: the signatures are nvml.h's.
    unsafe {
        let init = library.get::<unsafe extern "C" fn() -> u32>(b"nvmlInit_v2").expect("exported");
        assert_eq!(init(), 0, "the owner serves");
        let by_index = library
            .get::<unsafe extern "C" fn(u32, *mut *mut c_void) -> u32>(b"nvmlDeviceGetHandleByIndex_v2")
            .expect("exported");
        assert_eq!(by_index(0, &mut device), 0);
    }

    println!("{:<40} {:>9} {:>9} {:>9} {:>12} {:>6}", "", "median", "p95", "p99", "x getppid()", "bar");
    let mut missed = false;
    for name in GETTERS {
        // SAFETY: as above, and the library stays loaded.
        let getter = unsafe { library.get::<Getter>(name.as_bytes()).expect("exported") };
        let mut place = [0u64; 16];
        // The stamp of the one that is a structure with a version: its size, and 1 above.
        place[0] = 12 | 1 << 24;
        // SAFETY: the place is as large as the largest of them.
        let mut call = || unsafe { getter(device, place.as_mut_ptr().cast()) };
        assert_eq!(call(), 0, "{name}");
        let (mut ours, mut theirs) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            ours.push(microseconds(|| {
                black_box(call());
            }));
            theirs.push(microseconds(|| {
                black_box(std::os::unix::process::parent_id());
            }));
        }
        let [ours, theirs] = [ours, theirs].map(|mut times| {
            times.sort_by(f64::total_cmp);
            times
        });
        let median = ours[ROUNDS / 2];
        let met = median <= BAR_US;
        missed |= !met;
        println!(
            "{name:<40} {median:>6.3} us {:>6.3} us {:>6.3} us {:>12.2} {:>6}",
            ours[ROUNDS * 95 / 100],
            ours[ROUNDS * 99 / 100],
            median / theirs[ROUNDS / 2],
            if met { "met" } else { "missed" },
        );
    }
    println!("bar: {BAR_US} us for the median; {ROUNDS} rounds of {TOGETHER} calls each");
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One call's share of several.
fn microseconds(mut call: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..TOGETHER {
        call();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(TOGETHER)
}
