//! Commands that change what runs.

use std::fmt::Write;

use super::{Options, ask, ask_views, exit, views};
use crate::local::{JobEnd, JobReport, Local, LocalReply, Verb};
use crate::manager::{settings, unit_file, words};

/// Does one thing to several units and explains what failed.
pub fn run(verb: Verb, names: &[String], options: &Options) -> Result<u8, String> {
    let units = resolve(names)?;
    warn_of_changes(&units);
    let reports = match ask(&Local::Job { verb, units, wait: !options.no_block })? {
        LocalReply::Jobs(reports) => reports,
        LocalReply::Refused(why) => {
            return Err(format!("Failed to {} {}: {why}", verb.word(), names.join(" ")));
        }
        _ => return Err("PID 1 gave an answer of another kind".into()),
    };
    let mut status = 0;
    for report in &reports {
        let (text, code) = explain(verb, report);
        if !text.is_empty() && !options.quiet {
            eprint!("{text}");
        }
        status = status.max(code);
    }
    Ok(status)
}

/// Names completed, patterns replaced by the loaded units that match.
fn resolve(names: &[String]) -> Result<Vec<String>, String> {
    let mut units = Vec::new();
    for name in names {
        if name.contains(['*', '?', '[']) {
            units.extend(
                ask_views(&[])?.into_iter().map(|view| view.name).filter(|unit| words::glob(name, unit)),
            );
        } else {
            units.push(unit_file::complete_name(name));
        }
    }
    Ok(units)
}

/// systemd's warning when the manager has not read the files as they are now.
fn warn_of_changes(units: &[String]) {
    let (Ok(views), Ok(root)) = (ask_views(units), crate::rooted::Root::system()) else { return };
    for view in views {
        if needs_reload(&root, &view) {
            eprintln!(
                "Warning: The unit file, source configuration file or drop-ins of {} changed on disk. Run 'systemctl daemon-reload' to reload units.",
                view.name
            );
        }
    }
}

/// Whether a unit's files have changed since the manager read them.
pub fn needs_reload(root: &crate::rooted::Root, view: &crate::local::UnitView) -> bool {
    !view.sources.is_empty() && unit_file::has_changed(root, &view.name, &view.sources)
}

/// systemctl's own sentences for a job that did not come out well, and its exit code.
fn explain(verb: Verb, report: &JobReport) -> (String, u8) {
    let unit = &report.unit;
    let word = verb.word();
    let mut text = String::new();
    let code = match &report.end {
        JobEnd::Done => 0,
        // A unit whose condition does not hold has not failed.
        JobEnd::Skipped => 0,
        JobEnd::Failed => {
            let reason = match report.result.as_str() {
                "exit-code" => " because the control process exited with error code",
                "signal" => " because a fatal signal was delivered to the control process",
                "core-dump" => {
                    " because a fatal signal was delivered causing the control process to dump core"
                }
                "timeout" => " because a timeout was exceeded",
                "protocol" => {
                    " because the service did not take the steps required by its unit configuration"
                }
                "resources" => " because of unavailable resources or another system error",
                "start-limit-hit" => " because start of the service was attempted too often",
                _ => "",
            };
            let _ = writeln!(text, "Job for {unit} failed{reason}.");
            let _ =
                writeln!(text, "See \"systemctl status {unit}\" and \"journalctl -xeu {unit}\" for details.");
            if report.result == "start-limit-hit" {
                let _ = writeln!(text, "To force a start use \"systemctl reset-failed {unit}\"");
                let _ = writeln!(text, "followed by \"systemctl start {unit}\" again.");
            }
            exit::FAILURE
        }
        JobEnd::Dependency => {
            let _ = writeln!(text, "A dependency job for {unit} failed. See 'journalctl -xe' for details.");
            exit::FAILURE
        }
        JobEnd::Canceled => {
            let _ = writeln!(text, "Job for {unit} canceled.");
            exit::FAILURE
        }
        JobEnd::AssertFailed => {
            let _ = writeln!(text, "Assertion failed on job for {unit}.");
            exit::FAILURE
        }
        JobEnd::NotFound if matches!(verb, Verb::Stop) => {
            let _ = writeln!(text, "Failed to {word} {unit}: Unit {unit} not loaded.");
            exit::NOT_INSTALLED
        }
        JobEnd::NotFound => {
            let _ = writeln!(text, "Failed to {word} {unit}: Unit {unit} not found.");
            exit::NOT_INSTALLED
        }
        JobEnd::Masked => {
            let _ = writeln!(text, "Failed to {word} {unit}: Unit {unit} is masked.");
            exit::FAILURE
        }
        JobEnd::BadSetting => {
            let _ = writeln!(text, "Failed to {word} {unit}: Unit {unit} has a bad unit file setting.");
            let _ = writeln!(text, "See system logs and 'systemctl status {unit}' for details.");
            exit::FAILURE
        }
        JobEnd::NotApplicable(why) if why.starts_with("is not active") => {
            let _ = writeln!(text, "{unit} {why}");
            exit::FAILURE
        }
        JobEnd::NotApplicable(why) if why.starts_with("Job type") => {
            let _ = writeln!(text, "Failed to {word} {unit}: {why} {unit}.");
            exit::FAILURE
        }
        JobEnd::NotApplicable(why) => {
            let _ = writeln!(text, "Failed to {word} {unit}: Operation refused, unit {unit} {why}.");
            exit::FAILURE
        }
    };
    (text, code)
}

pub fn try_reload_or_restart(names: &[String], options: &Options) -> Result<u8, String> {
    let running: Vec<String> =
        views(names)?.into_iter().filter(|view| view.active == "active").map(|view| view.name).collect();
    if running.is_empty() { Ok(0) } else { run(Verb::ReloadOrRestart, &running, options) }
}

pub fn kill(names: &[String], options: &Options) -> Result<u8, String> {
    let name = options.signal.as_deref().unwrap_or("SIGTERM");
    let signal = settings::signal(name).ok_or_else(|| format!("Failed to parse signal string {name}."))?;
    let units = resolve(names)?;
    let main_only = options.whom.as_deref() == Some("main");
    match ask(&Local::Kill { units: units.clone(), signal: signal.as_raw(), main_only })? {
        LocalReply::Done => Ok(0),
        LocalReply::Refused(why) => Err(format!("Failed to kill unit {}: {why}", units.join(" "))),
        _ => Err("PID 1 gave an answer of another kind".into()),
    }
}

pub fn reset_failed(names: &[String]) -> Result<u8, String> {
    let units = resolve(names)?;
    match ask(&Local::ResetFailed { units })? {
        LocalReply::Refused(why) => Err(format!("Failed to reset failed state: {why}")),
        _ => Ok(0),
    }
}

pub fn reload_files() -> Result<u8, String> {
    match ask(&Local::Reload)? {
        LocalReply::Refused(why) => Err(format!("Failed to reload daemon: {why}")),
        _ => Ok(0),
    }
}
