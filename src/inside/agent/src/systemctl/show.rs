//! Commands that print single facts about units.

use std::io::Write;

use super::{Options, ask_views, exit, views};
use crate::collect::time_stamps;
use crate::local::UnitView;
use crate::manager::unit_file::{self, Assignment};
use crate::rooted::Root;

pub fn is_active(names: &[String], options: &Options) -> Result<u8, String> {
    let mut status = exit::NOT_ACTIVE;
    let mut known = false;
    for view in views(names)? {
        if !options.quiet {
            println!("{}", view.active);
        }
        known |= view.load != "not-found";
        if matches!(view.active.as_str(), "active" | "reloading") {
            status = 0;
        }
    }
    Ok(if status != 0 && !known { exit::NO_SUCH_UNIT } else { status })
}

pub fn is_failed(names: &[String], options: &Options) -> Result<u8, String> {
    if names.is_empty() {
        let failed = ask_views(&[])?.iter().any(|view| view.active == "failed");
        if !options.quiet {
            println!("{}", if failed { "degraded" } else { "running" });
        }
        return Ok(u8::from(!failed));
    }
    let mut status = exit::FAILURE;
    for view in views(names)? {
        if !options.quiet {
            println!("{}", view.active);
        }
        if view.active == "failed" {
            status = 0;
        }
    }
    Ok(status)
}

pub fn is_enabled(names: &[String], options: &Options) -> Result<u8, String> {
    let root = Root::system().map_err(|error| error.to_string())?;
    let mut status = exit::FAILURE;
    for name in names {
        let unit = unit_file::complete_name(name);
        match unit_file::enablement(&root, &unit) {
            Some(state) => {
                if !options.quiet {
                    println!("{state}");
                }
                if matches!(
                    state.as_str(),
                    "enabled" | "enabled-runtime" | "static" | "alias" | "indirect" | "generated"
                ) {
                    status = 0;
                }
            }
            None => {
                if !options.quiet {
                    println!("not-found");
                }
                status = status.max(exit::NO_SUCH_UNIT);
            }
        }
    }
    Ok(status)
}

pub fn is_system_running(options: &Options) -> Result<u8, String> {
    let views = ask_views(&[])?;
    let word = if views.iter().any(|view| view.has_job) {
        "starting"
    } else if views.iter().any(|view| view.active == "failed") {
        "degraded"
    } else {
        "running"
    };
    if !options.quiet {
        println!("{word}");
    }
    Ok(u8::from(word != "running"))
}

pub fn default_target() -> Result<u8, String> {
    let root = Root::system().map_err(|error| error.to_string())?;
    let target = root.link("/etc/systemd/system/default.target");
    println!("{}", target.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or("multi-user.target"));
    Ok(0)
}

/// Prints a unit's files as they lie on disk.
pub fn cat(names: &[String]) -> Result<u8, String> {
    let root = Root::system().map_err(|error| error.to_string())?;
    let mut status = 0;
    let mut first = true;
    for name in names {
        let unit = unit_file::complete_name(name);
        match unit_file::find(&root, &unit) {
            unit_file::Found::Missing => {
                eprintln!("No files found for {unit}.");
                status = exit::FAILURE;
            }
            unit_file::Found::Masked { path } => println!("# Unit {unit} is masked ({path})."),
            unit_file::Found::Unit { text, .. } => {
                for source in text.sources {
                    if !first {
                        println!();
                    }
                    first = false;
                    println!("# {}", source.path);
                    let content = root.text(&source.path, 1024 * 1024).ok().flatten().unwrap_or_default();
                    print!("{content}");
                    if !content.ends_with('\n') {
                        println!();
                    }
                }
            }
        }
    }
    Ok(status)
}

pub fn show(names: &[String], options: &Options) -> Result<u8, String> {
    let root = Root::system().map_err(|error| error.to_string())?;
    let views = if names.is_empty() { Vec::new() } else { views(names)? };
    let mut out = std::io::stdout().lock();
    if names.is_empty() {
        let _ = writeln!(out, "Version=crashcart-agent {}", env!("CARGO_PKG_VERSION"));
    }
    for (index, view) in views.iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out);
        }
        let all = properties(&root, view);
        if options.properties.is_empty() {
            for (key, value) in &all {
                let _ = writeln!(out, "{key}={value}");
            }
            continue;
        }
        for wanted in &options.properties {
            for (key, value) in all.iter().filter(|(key, _)| key == wanted) {
                let _ = if options.value { writeln!(out, "{value}") } else { writeln!(out, "{key}={value}") };
            }
        }
    }
    Ok(0)
}

fn stamp(ms: u64) -> String {
    if ms == 0 { String::new() } else { time_stamps::long(i64::try_from(ms / 1000).unwrap_or(0)) }
}

/// A unit's properties under systemctl's names; then every other setting of
/// its files as written there, for those that this manager does not know.
fn properties(root: &Root, view: &UnitView) -> Vec<(String, String)> {
    let pid = |pid: Option<i32>| pid.unwrap_or(0).to_string();
    let code = |view: &UnitView| match view.main_ended.as_ref().map(|ended| ended.code.as_str()) {
        Some("exited") => "1",
        Some("killed") => "2",
        Some("dumped") => "3",
        _ => "0",
    };
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let drop_ins: Vec<&str> = view.sources.iter().skip(1).map(|source| source.path.as_str()).collect();
    let mut out: Vec<(String, String)> = Vec::new();
    let mut put = |key: &str, value: String| out.push((key.to_owned(), value));
    put("Id", view.name.clone());
    put("Names", view.name.clone());
    put("Description", view.description.clone());
    put("Documentation", view.documentation.join(" "));
    put("LoadState", view.load.clone());
    put("ActiveState", view.active.clone());
    put("SubState", view.sub.clone());
    put("UnitFileState", unit_file::enablement(root, &view.name).unwrap_or_default());
    put("FragmentPath", view.path.clone().unwrap_or_default());
    put("DropInPaths", drop_ins.join(" "));
    put("NeedDaemonReload", yes(super::jobs::needs_reload(root, view)));
    put("CanReload", yes(view.can_reload));
    put("CanStart", yes(view.load == "loaded"));
    put("Requires", view.requires.join(" "));
    put("Wants", view.wants.join(" "));
    put("Conflicts", view.conflicts.join(" "));
    put("After", view.after.join(" "));
    put("Before", view.before.join(" "));
    put("StateChangeTimestamp", stamp(view.since_ms));
    put("ActiveEnterTimestamp", stamp(view.active_enter_ms));
    put("ActiveExitTimestamp", stamp(view.active_exit_ms));
    put("ConditionResult", yes(view.condition.is_none()));
    put("InvocationID", view.invocation.clone());
    if !view.kind.is_empty() {
        put("Type", view.kind.clone());
        put("Restart", view.restart.clone());
        put("MainPID", pid(view.main_pid));
        put("ControlPID", pid(view.control_pid));
        put("NRestarts", view.restarts.to_string());
        put("Result", view.result.clone());
        put("StatusText", view.status_text.clone());
        put("TasksCurrent", view.pids.len().to_string());
        let main = view.main_pid.or(view.main_ended.as_ref().map(|ended| ended.pid));
        put("ExecMainPID", pid(main));
        put("ExecMainCode", code(view).to_owned());
        put("ExecMainStatus", view.main_ended.as_ref().map_or(0, |ended| ended.status).to_string());
        let began = view.main_began_ms.or(view.main_ended.as_ref().map(|ended| ended.began_ms)).unwrap_or(0);
        put("ExecMainStartTimestamp", stamp(began));
        put("ExecMainExitTimestamp", stamp(view.main_ended.as_ref().map_or(0, |ended| ended.ended_ms)));
    }
    let known: Vec<String> = out.iter().map(|(key, _)| key.clone()).collect();
    for (key, value) in settings(&view.assignments) {
        if !known.contains(&key) {
            out.push((key, value));
        }
    }
    out
}

/// Settings of the files, later ones joined to earlier ones of the same name.
fn settings(assignments: &[Assignment]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in assignments.iter().filter(|line| line.section != "Install") {
        let at = out.iter().position(|(key, _)| *key == line.key);
        let adds_up = line.key.starts_with("Exec") || line.key.starts_with("Environment");
        match at {
            Some(at) if line.value.is_empty() => out[at].1.clear(),
            Some(at) if adds_up && !out[at].1.is_empty() => {
                out[at].1 = format!("{} {}", out[at].1, line.value)
            }
            Some(at) => out[at].1 = line.value.clone(),
            None => out.push((line.key.clone(), line.value.clone())),
        }
    }
    out
}
