//! What changes a GPU: `-pm`, `-pl`, `-mig`, `-r` and the like, each with its own words for having done it,
//! having had nothing to do, and not being able or allowed to.

use std::fmt::Write;

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{ComputeMode, EccCounter};
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::error::NvmlError;

use crate::arguments::Setting;
use crate::node::{Code, Reading};
use crate::raw;
use crate::words::{enabled, watts};

/// What became of one setting on one GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Yes(String),
    /// Done, with something to be aware of; or not possible here, which is no failure.
    Warning(String),
    /// Ends the program.
    No(String, Code),
}

fn ok<T>(answer: Result<T, NvmlError>) -> Reading<T> {
    answer.map_err(Code::from)
}

/// Applies one setting to one GPU.
pub fn apply(device: &mut Device<'_>, bus: &str, setting: &Setting) -> Done {
    match setting {
        Setting::Persistence(on) => persistence(device, bus, *on),
        Setting::Ecc(on) => ecc(device, bus, *on),
        Setting::ClearEcc(which) => {
            let (counter, name) = match which {
                0 => (EccCounter::Volatile, "volatile"),
                _ => (EccCounter::Aggregate, "aggregate"),
            };
            report(
                ok(device.clear_ecc_error_counts(counter)),
                format!("Reset {name} ECC errors to zero for GPU {bus}.\n"),
                &format!("reset {name} ECC errors"),
                "Resetting ECC errors",
                bus,
            )
        }
        Setting::ComputeMode(mode) => compute_mode(device, bus, *mode),
        Setting::LockClocks(least, most) => {
            let range = GpuLockedClocksSetting::Numeric { min_clock_mhz: *least, max_clock_mhz: *most };
            clocks(
                ok(device.set_gpu_locked_clocks(range)),
                format!("GPU clocks set to \"(gpuClkMin {least}, gpuClkMax {most})\" for GPU {bus}\n"),
                "Setting locked GPU clocks",
                bus,
            )
        }
        Setting::UnlockClocks => {
            clocks(ok(device.reset_gpu_locked_clocks()), String::new(), "Resetting locked GPU clocks", bus)
        }
        Setting::LockMemoryClocks(least, most) => clocks(
            ok(device.set_mem_locked_clocks(*least, *most)),
            format!("Memory clocks set to \"(memClkMin {least}, memClkMax {most})\" for GPU {bus}\n"),
            "Setting locked Memory clocks",
            bus,
        ),
        Setting::UnlockMemoryClocks => {
            clocks(ok(device.reset_mem_locked_clocks()), String::new(), "Resetting locked Memory clocks", bus)
        }
        Setting::ApplicationClocks(memory, graphics) => {
            match ok(device.set_applications_clocks(*memory, *graphics)) {
                Err(Code::INVALID_ARGUMENT) => Done::No(
                    format!(
                        "Specified clock combination \"(MEM {memory}, SM {graphics})\" is not supported for \
                         GPU {bus}. Run 'nvidia-smi -q -d SUPPORTED_CLOCKS' to see list of supported clock \
                         combinations\n"
                    ),
                    Code::INVALID_ARGUMENT,
                ),
                answer => clocks(
                    answer,
                    format!("Applications clocks set to \"(MEM {memory}, SM {graphics})\" for GPU {bus}\n"),
                    "Setting applications clocks",
                    bus,
                ),
            }
        }
        Setting::ResetApplicationClocks => clocks(
            ok(device.reset_applications_clocks()),
            String::new(),
            "Resetting applications clocks",
            bus,
        ),
        Setting::PowerLimit(milliwatts) => power_limit(device, bus, *milliwatts),
        Setting::Accounting(on) => {
            if ok(device.is_accounting_enabled()) == Ok(*on) {
                return Done::Yes(format!("Accounting mode is already {} for GPU {bus}.\n", enabled(*on)));
            }
            report(
                ok(device.set_accounting(*on)),
                format!("{} Accounting Mode for GPU {bus}.\n", enabled(*on)),
                "set accounting mode",
                "Setting accounting mode",
                bus,
            )
        }
        Setting::ClearAccounted => report(
            ok(device.clear_accounting_pids()),
            format!("Cleared Accounted PIDs for GPU {bus}.\n"),
            "clear accounted PIDs",
            "Clearing accounted PIDs",
            bus,
        ),
        Setting::Mig(on) => mig(device, bus, *on),
    }
}

/// What most settings say.
fn report(answer: Reading<()>, done: String, verb: &str, gerund: &str, bus: &str) -> Done {
    match answer {
        Ok(()) => Done::Yes(done),
        Err(code) if code.is_absence() => {
            Done::Warning(format!("{gerund} is not supported for GPU {bus}.\n"))
        }
        Err(code) => Done::No(format!("Unable to {verb} for GPU {bus}: {code}\n"), code),
    }
}

/// Clocks have their own words for what only root may do.
fn clocks(answer: Reading<()>, done: String, gerund: &str, bus: &str) -> Done {
    match answer {
        Err(Code::NO_PERMISSION) => Done::No(
            format!("The current user does not have permission to change clocks for GPU {bus}.\n"),
            Code::NO_PERMISSION,
        ),
        answer => report(answer, done, "change clocks", gerund, bus),
    }
}

fn persistence(device: &mut Device<'_>, bus: &str, on: bool) -> Done {
    if ok(device.is_in_persistent_mode()) == Ok(on) {
        return Done::Yes(format!("Persistence mode is already {} for GPU {bus}.\n", enabled(on)));
    }
    report(
        ok(device.set_persistent(on)),
        format!("{} persistence mode for GPU {bus}.\n", enabled(on)),
        "set persistence mode",
        "Setting persistence mode",
        bus,
    )
}

fn ecc(device: &mut Device<'_>, bus: &str, on: bool) -> Done {
    if ok(device.is_ecc_enabled()).is_ok_and(|state| state.pending_enabled == on) {
        return Done::Yes(format!("ECC support is already {} for GPU {bus}.\n", enabled(on)));
    }
    match ok(device.set_ecc(on)) {
        Ok(()) => Done::Yes(format!("{} ECC support for GPU {bus}.\n", enabled(on))),
        Err(code) if code.is_absence() => {
            Done::Warning(format!("Unable to set ECC mode for GPU {bus}: Not Supported\n"))
        }
        Err(code) => Done::No(format!("Unable to set ECC mode for GPU {bus}: {code}\n"), code),
    }
}

fn compute_mode(device: &mut Device<'_>, bus: &str, mode: u32) -> Done {
    let (wanted, name) = match mode {
        2 => (ComputeMode::Prohibited, "PROHIBITED"),
        3 => (ComputeMode::ExclusiveProcess, "EXCLUSIVE_PROCESS"),
        _ => (ComputeMode::Default, "DEFAULT"),
    };
    if ok(device.compute_mode()).is_ok_and(|now| now == wanted) {
        return Done::Yes(format!("Compute mode is already set to {name} for GPU {bus}.\n"));
    }
    report(
        ok(device.set_compute_mode(wanted)),
        format!("Set compute mode to {name} for GPU {bus}.\n"),
        "set compute mode",
        "Setting compute mode",
        bus,
    )
}

fn power_limit(device: &mut Device<'_>, bus: &str, milliwatts: u32) -> Done {
    let limits = ok(device.power_management_limit_constraints());
    if let Ok(limits) = &limits
        && !(limits.min_limit..=limits.max_limit).contains(&milliwatts)
    {
        return Done::No(
            format!(
                "Provided power limit {} W is not a valid power limit which should be between {} W and {} W for \
                 GPU {bus}\n",
                watts(milliwatts),
                watts(limits.min_limit),
                watts(limits.max_limit)
            ),
            Code::INVALID_ARGUMENT,
        );
    }
    let before = ok(device.power_management_limit());
    match ok(device.set_power_management_limit(milliwatts)) {
        Ok(()) => {
            let mut said = format!("Power limit for GPU {bus} was set to {} W", watts(milliwatts));
            if let Ok(before) = before {
                let _ = write!(said, " from {} W", watts(before));
            }
            said += ".\n";
            if ok(device.is_in_persistent_mode()) == Ok(false) {
                let _ = writeln!(
                    said,
                    "\nWarning: persistence mode is disabled on device {bus}. See the Known Issues section of the \
                     nvidia-smi(1) man page for more information. Run with [--help | -h] switch to get more \
                     information on how to enable persistence mode."
                );
            }
            Done::Yes(said)
        }
        Err(code) if code.is_absence() => Done::Warning(format!(
            "Changing power management limit is not supported in current scope for GPU: {bus}.\n"
        )),
        Err(code) => Done::No(format!("Unable to set power limit for GPU {bus}: {code}\n"), code),
    }
}

fn mig(device: &Device<'_>, bus: &str, on: bool) -> Done {
    let verb = if on { "enable" } else { "disable" };
    match raw::set_mig_mode(device, on) {
        Ok(Code(0)) => Done::Yes(format!("{} MIG Mode for GPU {bus}\n", enabled(on))),
        Ok(waits) => Done::Yes(mig_waits(bus, verb, waits)),
        Err(code) if code.is_absence() => {
            Done::Warning(format!("Unable to {verb} MIG Mode for GPU {bus}: Not Supported\n"))
        }
        Err(code) => Done::No(format!("Unable to {verb} MIG Mode for GPU {bus}: {code}\n"), code),
    }
}

/// Words for a mode that waits: for those who use the GPU, or for its reset. Done all the same, so not among the
/// warnings that are moved on from; as reports of 450 to 580 have it.
fn mig_waits(bus: &str, verb: &str, waits: Code) -> String {
    let mut said = format!("Warning: MIG mode is in pending {verb} state for GPU {bus}:{waits}\n");
    let _ = match waits {
        Code::IN_USE => writeln!(
            said,
            "{bus} is currently being used by one or more other processes (e.g. CUDA application or a monitoring \
             application such as another instance of nvidia-smi). Please first kill all processes using the device \
             and retry the command or reboot the system to make MIG mode effective."
        ),
        _ => writeln!(
            said,
            "Reboot the system or try nvidia-smi --gpu-reset to make MIG mode effective on GPU {bus}"
        ),
    };
    said
}

/// Words for GPUs that were reset, or could not be, in one request. Not asked of one GPU after the other,
/// since some can only be reset together. `buses` are those of the GPUs asked for, `missing` those of the GPUs
/// that would have had to be.
///
/// Pure. Texts and exit codes as reports of 515 to 580 have them, but for the one about `missing`: the manual
/// says that there is such an error, its words are ours.
pub fn reset(buses: &[&str], outcomes: &[Reading<()>], missing: &[String]) -> (String, u8) {
    if !missing.is_empty() {
        let mut said = String::from(
            "The GPUs to be reset are connected by NVLink to GPUs that must be reset in the same command:\n",
        );
        for bus in missing {
            let _ = writeln!(said, "  GPU {bus}");
        }
        said += "\nPlease name these GPUs as well, or omit the -i switch to reset all GPUs.\n";
        return (said, Code::UNKNOWN.exit());
    }
    let mut said = String::new();
    let mut refused = Vec::new();
    for (bus, outcome) in buses.iter().zip(outcomes) {
        match outcome {
            Ok(()) => {
                let _ = writeln!(said, "GPU {bus} was successfully reset.");
            }
            Err(code) => refused.push((bus, *code)),
        }
    }
    if refused.is_empty() {
        said += "All done.\n";
        return (said, 0);
    }
    if refused.iter().all(|(_, code)| code.is_absence()) {
        for (bus, _) in refused {
            let _ = writeln!(said, "Resetting GPU {bus} is not supported.");
        }
        return (said, Code::NOT_SUPPORTED.exit());
    }
    said += "The following GPUs could not be reset:\n";
    for (bus, code) in &refused {
        let _ = writeln!(said, "  GPU {bus}: {code}");
    }
    let held = refused.iter().filter(|(_, code)| *code == Code::IN_USE).count();
    if held > 0 {
        let (these, are) = match held {
            1 => ("this device", "1 device is".to_owned()),
            _ => ("these devices", format!("{held} devices are")),
        };
        let _ = writeln!(
            said,
            "\n{are} currently being used by one or more other processes (e.g., Fabric Manager, CUDA application, \
             graphics application such as an X server, or a monitoring application such as another instance of \
             nvidia-smi). Please first kill all processes using {these} and all compute applications running \
             in the system.",
        );
    }
    let permission = refused.iter().all(|(_, code)| *code == Code::NO_PERMISSION);
    (said, if permission { Code::NO_PERMISSION } else { Code::UNKNOWN }.exit())
}

/// The words under all settings, and how the program ends.
pub fn conclude(worst: &Option<Code>, warned: bool, strict: bool, reboot: bool) -> (String, u8) {
    match worst {
        Some(code) => ("Terminating early due to previous errors.\n".into(), code.exit()),
        None => {
            let mut said = String::new();
            if warned && !strict {
                said += "Treating as warning and moving on.\n";
            }
            said += "All done.\n";
            if reboot {
                said += "Reboot required.\n";
            }
            (said, if warned && strict { Code::NOT_SUPPORTED.exit() } else { 0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_reset_is_told_so_and_a_library_without_resets_is_no_crash() {
        let said = reset(&["00000000:53:00.0"], &[Err(Code::NO_PERMISSION)], &[]);
        let refused =
            "The following GPUs could not be reset:\n  GPU 00000000:53:00.0: Insufficient Permissions\n";
        assert_eq!(said, (refused.into(), 4));
        let said = reset(&["00000000:53:00.0"], &[Err(Code::NOT_SUPPORTED)], &[]);
        assert_eq!(said, ("Resetting GPU 00000000:53:00.0 is not supported.\n".into(), 3));
    }

    #[test]
    fn a_mode_that_waits_says_for_what() {
        let said = mig_waits("00000000:C1:00.0", "disable", Code::IN_USE);
        let first = "Warning: MIG mode is in pending disable state for GPU 00000000:C1:00.0:In use by another client\n";
        assert!(
            said.starts_with(first) && said.contains("\n00000000:C1:00.0 is currently being used by"),
            "{said}"
        );
        let said = mig_waits("00000000:C1:00.0", "enable", Code::RESET_REQUIRED);
        assert!(said.ends_with("\nReboot the system or try nvidia-smi --gpu-reset to make MIG mode effective on GPU 00000000:C1:00.0\n"));
    }

    #[test]
    fn several_gpus_in_use_are_counted() {
        let busy = Err(Code::IN_USE);
        let (said, exit) = reset(&["a", "b", "c"], &[busy, Ok(()), busy], &[]);
        assert!(said.starts_with(
            "GPU b was successfully reset.\nThe following GPUs could not be reset:\n  GPU a: In"
        ));
        assert!(
            said.contains("\n\n2 devices are currently being used")
                && said.contains("using these devices and")
        );
        assert_eq!(exit, 255);
    }
}
