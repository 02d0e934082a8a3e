//! `gpu-work`: a load for the accelerators of a node.
//!
//! Takes memory and keeps multiprocessors busy on the devices that it is given,
//! says how fast it gets on, and fails as a CUDA program fails when the stack
//! below it is broken. How fast is the hardware's answer, not ours: clocks,
//! throttling and links decide.
//!
//! `device` decides which devices a CUDA program would see, `cuda` has CUDA's
//! numbers and names, `work` runs.

mod cuda;
mod device;
mod work;

use std::process::ExitCode;

use clap::Parser;

/// Keep GPUs busy, and say how fast they are
#[derive(Debug, Parser)]
#[command(name = "gpu-work", version)]
struct Arguments {
    /// Use so many of the visible GPUs (all, when this is left out)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    gpus: Option<u32>,
    /// Memory to take on each, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u64,
    /// Load of the multiprocessors, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = percent())]
    load: u64,
    /// Load of the memory, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 40, value_parser = percent())]
    memory_load: u64,
    /// Share of the time that waits for NVLink, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    nvlink: u64,
    /// Share of the time that waits for PCI Express, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    pcie: u64,
    /// Work in step, as training over several GPUs does: the slowest sets the pace
    #[arg(long)]
    collective: bool,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "steps")]
    seconds: Option<f64>,
    /// End after so many steps
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Say how fast it goes every so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    every: f64,
    /// Print each report as a line of JSON
    #[arg(long)]
    json: bool,
    /// Say only what goes wrong
    #[arg(short, long)]
    quiet: bool,
    /// Devices that a CUDA program may use, and in what order
    #[arg(long, env = "CUDA_VISIBLE_DEVICES", hide_env_values = true, value_name = "DEVICES")]
    devices: Option<String>,
}

fn percent() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(0..=100)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    for (name, seconds) in [("--seconds", arguments.seconds.unwrap_or(1.0)), ("--every", arguments.every)] {
        if !(seconds > 0.0 && seconds <= 1e9) {
            eprintln!("gpu-work: {name} wants a number of seconds above 0");
            return ExitCode::from(2);
        }
    }
    match work::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(work::Stopped::Cuda { device, error }) => {
            let on = device.map(|device| format!(" on device {device}")).unwrap_or_default();
            eprintln!("gpu-work: CUDA error{on}: {} ({}): {}", error.0, error.name(), error.text());
            ExitCode::FAILURE
        }
        // Whoever read our lines has gone.
        Err(work::Stopped::Deaf) => ExitCode::SUCCESS,
    }
}
