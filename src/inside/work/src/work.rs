//! Opens contexts, keeps them busy, reports, and stops at the first error.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crashcart_hardware::client::Client;
use crashcart_hardware::command::{Command, Outcome, Verb};
use crashcart_hardware::page::{DriverState, text};

use crate::Arguments;
use crate::cuda::CudaError;
use crate::device::{self, Device};

/// How often the hardware is asked how far it has come.
const BEAT: Duration = Duration::from_millis(200);
/// Multiprocessor-milliseconds at the highest clock that make one step.
const STEP: u64 = 1_000;
/// Where the distribution puts the driver's libraries; the first that is there counts.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1",
    "/usr/lib64/libnvidia-ml.so.1",
];

/// Why the work ended before its time.
#[derive(Debug)]
pub enum Stopped {
    /// `device` as CUDA counts them.
    Cuda { device: Option<usize>, error: CudaError },
    /// Nobody reads standard output any more.
    Deaf,
}

impl From<CudaError> for Stopped {
    fn from(error: CudaError) -> Self {
        Self::Cuda { device: None, error }
    }
}

/// One context and how far it is.
struct Context {
    device: Device,
    number: u64,
    /// Multiprocessor-milliseconds.
    done: u64,
}

/// One line of what is reported.
#[derive(serde::Serialize)]
struct Report<'a> {
    seconds: f64,
    steps: u64,
    steps_per_s: f64,
    /// Each device's own pace.
    devices: Vec<Pace<'a>>,
}

#[derive(serde::Serialize)]
struct Pace<'a> {
    uuid: &'a str,
    steps_per_s: f64,
}

/// Works until the time or the steps are over, or until something fails.
pub fn run(arguments: &Arguments) -> Result<(), Stopped> {
    let client = Client::connect().map_err(|_| CudaError::NO_DEVICE)?;
    // A guest's driver counts who holds its devices.
    let mut held = Vec::new();
    let devices = usable(&client, arguments, &mut held)?;
    let wanted = arguments.gpus.map_or(devices.len(), |gpus| gpus as usize);
    if wanted > devices.len() {
        return Err(CudaError::INVALID_DEVICE.into());
    }
    let mut contexts = Vec::new();
    for (ordinal, device) in devices.into_iter().take(wanted).enumerate() {
        contexts.push(open(&client, device).map_err(|error| Stopped::Cuda { device: Some(ordinal), error })?);
    }
    if !arguments.quiet {
        for (ordinal, context) in contexts.iter().enumerate() {
            say(&format!("device {ordinal}: {} ({})", context.device.name, context.device.uuid))?;
        }
    }
    work(&client, &mut contexts, arguments)
}

/// The devices that this program may use, or the error with which CUDA's initialisation fails.
fn usable(client: &Client, arguments: &Arguments, held: &mut Vec<OwnedFd>) -> Result<Vec<Device>, CudaError> {
    let node = client.node().map_err(|_| CudaError::UNKNOWN)?;
    if node.driver_state != DriverState::Loaded as u32 {
        return Err(CudaError::NO_DEVICE);
    }
    match library_version() {
        None => return Err(CudaError::INSUFFICIENT_DRIVER),
        Some(version) if version != text(&node.driver_version) => {
            return Err(CudaError::SYSTEM_DRIVER_MISMATCH);
        }
        Some(_) => {}
    }
    let pages = (0..node.gpu_count.min(client.gpus())).map(|index| client.gpu(index));
    let pages: Vec<_> = pages.collect::<Result<_, _>>().map_err(|_| CudaError::UNKNOWN)?;
    let open = |path: &Path| client.open_gpu(path).map(|file| held.extend(file)).is_ok();
    let all = device::all(&pages, Path::new(device::DEV), open);
    let devices = device::visible(all, arguments.devices.as_deref());
    match devices.is_empty() {
        true => Err(CudaError::NO_DEVICE),
        false => Ok(devices),
    }
}

/// Version of the user side of the driver, as the installed library's file name has it.
fn library_version() -> Option<String> {
    let file = LIBRARIES.iter().find_map(|path| std::fs::canonicalize(path).ok())?;
    let name = file.file_name()?.to_str()?;
    name.strip_prefix("libnvidia-ml.so.").map(str::to_owned)
}

fn open(client: &Client, device: Device) -> Result<Context, CudaError> {
    let arguments = [device.instance.0, device.instance.1, 1];
    let outcome = ask(client, &Command::new(Verb::OpenContext, device.gpu, &arguments))?;
    cuda(outcome)?;
    Ok(Context { device, number: outcome.values[0], done: 0 })
}

fn work(client: &Client, contexts: &mut [Context], arguments: &Arguments) -> Result<(), Stopped> {
    let began = Instant::now();
    let mut next_report = arguments.every;
    let mut reported = (0.0, 0, vec![0; contexts.len()]);
    loop {
        for (ordinal, context) in contexts.iter_mut().enumerate() {
            let load = [
                context.number,
                arguments.memory.saturating_mul(1 << 20),
                arguments.load * 10,
                arguments.memory_load * 10,
                arguments.nvlink * 10,
                arguments.pcie * 10,
            ];
            let failed = |error| Stopped::Cuda { device: Some(ordinal), error };
            let outcome =
                ask(client, &Command::new(Verb::UseContext, context.device.gpu, &load)).map_err(failed)?;
            cuda(outcome).map_err(failed)?;
            context.done = outcome.values[2];
        }
        let seconds = began.elapsed().as_secs_f64();
        let steps = steps(contexts, arguments.collective);
        let over = arguments.seconds.is_some_and(|limit| seconds >= limit)
            || arguments.steps.is_some_and(|limit| steps >= limit);
        if over || seconds >= next_report {
            next_report = seconds + arguments.every;
            let span = (seconds - reported.0).max(1e-3);
            let pace = |now: u64, then: u64| (now - then) as f64 / span;
            let report = Report {
                seconds,
                steps,
                steps_per_s: pace(steps, reported.1),
                devices: contexts
                    .iter()
                    .zip(&reported.2)
                    .map(|(context, then)| Pace {
                        uuid: &context.device.uuid,
                        steps_per_s: pace(context.done, *then) / STEP as f64,
                    })
                    .collect(),
            };
            show(&report, arguments)?;
            reported = (seconds, steps, contexts.iter().map(|context| context.done).collect());
        }
        if over {
            return Ok(());
        }
        std::thread::sleep(BEAT);
    }
}

/// Steps done by all together. In step, nobody is ahead of the slowest.
fn steps(contexts: &[Context], collective: bool) -> u64 {
    let done = contexts.iter().map(|context| context.done);
    let all = match collective {
        true => done.min().unwrap_or(0).saturating_mul(contexts.len() as u64),
        false => done.sum(),
    };
    all / STEP
}

fn show(report: &Report<'_>, arguments: &Arguments) -> Result<(), Stopped> {
    if arguments.quiet {
        return Ok(());
    }
    if arguments.json {
        return say(&serde_json::to_string(report).expect("a report serialises"));
    }
    let each = report.devices.iter().map(|pace| format!("{:.1}", pace.steps_per_s)).collect::<Vec<_>>();
    let each = if each.len() > 1 { format!("  ({})", each.join(" ")) } else { String::new() };
    say(&format!(
        "{:8.1} s  step {:>8}  {:8.1} steps/s{each}",
        report.seconds, report.steps, report.steps_per_s
    ))
}

fn say(line: &str) -> Result<(), Stopped> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|_| Stopped::Deaf)
}

/// What the hardware answered; it answers no more when the node is going down.
fn ask(client: &Client, command: &Command) -> Result<Outcome, CudaError> {
    client.ask(command).map_err(|_| CudaError::UNKNOWN)
}

/// CUDA's side of an answer.
fn cuda(outcome: Outcome) -> Result<(), CudaError> {
    match (outcome.values[1], outcome.status) {
        (0, 0) => Ok(()),
        (0, 20) => Err(CudaError::MEMORY_ALLOCATION),
        (0, _) => Err(CudaError::UNKNOWN),
        (number, _) => Err(u32::try_from(number).map_or(CudaError::UNKNOWN, CudaError)),
    }
}
