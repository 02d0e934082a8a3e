//! `systemctl status`.

use std::io::{IsTerminal, Write};

use super::{Options, ask, ask_views, exit, views};
use crate::collect::time_stamps;
use crate::local::{Local, LocalReply, UnitView};
use crate::manager::{journal, service, unit_file};
use crate::processes;
use crate::rooted::Root;

pub fn status(names: &[String], options: &Options) -> Result<u8, String> {
    let mut out = std::io::stdout().lock();
    if names.is_empty() {
        return whole(&mut out);
    }
    let root = Root::system().map_err(|error| error.to_string())?;
    let mut code = 0;
    let mut first = true;
    for view in views(names)? {
        if view.load == "not-found" && view.active == "inactive" {
            eprintln!("Unit {} could not be found.", view.asked);
            code = code.max(exit::NO_SUCH_UNIT);
            continue;
        }
        if !first {
            let _ = writeln!(out);
        }
        first = false;
        let _ = unit(&mut out, &root, &view, options);
        if !matches!(view.active.as_str(), "active" | "reloading") {
            code = code.max(exit::NOT_ACTIVE);
        }
    }
    Ok(code)
}

/// The state of the node as a whole.
fn whole(out: &mut impl Write) -> Result<u8, String> {
    let views = ask_views(&[])?;
    let failed = views.iter().filter(|view| view.active == "failed").count();
    let jobs = views.iter().filter(|view| view.has_job).count();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let state = if jobs > 0 {
        "starting"
    } else if failed > 0 {
        "degraded"
    } else {
        "running"
    };
    let _ = writeln!(out, "● {host}");
    let _ = writeln!(out, "    State: {state}");
    let _ = writeln!(out, "    Units: {} loaded", views.len());
    let _ = writeln!(out, "     Jobs: {jobs} queued");
    let _ = writeln!(out, "   Failed: {failed} units");
    let _ = writeln!(out, "  Manager: crashcart-agent {}", env!("CARGO_PKG_VERSION"));
    for view in views.iter().filter(|view| !view.pids.is_empty()) {
        let _ = writeln!(out, "           ├─{}", view.name);
        for pid in &view.pids {
            let _ = writeln!(out, "           │ └─{pid} {}", processes::command_line(*pid));
        }
    }
    Ok(0)
}

struct Paint {
    on: bool,
}

impl Paint {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn unit(out: &mut impl Write, root: &Root, view: &UnitView, options: &Options) -> std::io::Result<()> {
    let paint = Paint { on: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() };
    let colour = match view.active.as_str() {
        "active" | "reloading" => "0;1;32",
        "failed" => "0;1;31",
        "activating" | "deactivating" => "0;1;33",
        _ => "0",
    };
    let dot = match view.active.as_str() {
        "active" => "●",
        "failed" => "×",
        "reloading" => "↻",
        "inactive" => "○",
        _ => "●",
    };
    let title = if view.description == view.name {
        view.name.clone()
    } else {
        format!("{} - {}", view.name, view.description)
    };
    writeln!(out, "{} {title}", paint.paint(colour, dot))?;
    writeln!(out, "     Loaded: {}", loaded(root, view))?;
    let drop_ins: Vec<&str> = view.sources.iter().skip(1).map(|source| source.path.as_str()).collect();
    for (index, path) in drop_ins.iter().enumerate() {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        if index == 0 {
            writeln!(out, "    Drop-In: {folder}")?;
        }
        let branch = if index + 1 == drop_ins.len() { "└─" } else { "├─" };
        writeln!(out, "             {branch}{file}")?;
    }
    let now = journal::now_us() / 1000;
    let mut words = match (view.active.as_str(), view.result.as_str()) {
        ("failed", result) => format!("failed (Result: {result})"),
        ("activating", result) if view.sub == "auto-restart" => {
            format!("activating (auto-restart) (Result: {result})")
        }
        (active, _) => format!("{active} ({})", view.sub),
    };
    words = paint.paint(colour, &words);
    if view.since_ms > 0 {
        let since = time_stamps::long(i64::try_from(view.since_ms / 1000).unwrap_or(0));
        words.push_str(&format!(" since {since}; {} ago", span(now.saturating_sub(view.since_ms))));
    }
    writeln!(out, "     Active: {words}")?;
    if let Some(condition) = &view.condition {
        writeln!(out, "  Condition: start condition unmet")?;
        writeln!(out, "             └─ {condition} was not met")?;
    }
    if view.active != "active" && view.active_exit_ms > view.active_enter_ms && view.active_enter_ms > 0 {
        writeln!(out, "   Duration: {}", precise_span(view.active_exit_ms - view.active_enter_ms))?;
    }
    if !view.invocation.is_empty() {
        writeln!(out, " Invocation: {}", view.invocation)?;
    }
    for (index, documentation) in view.documentation.iter().enumerate() {
        writeln!(out, "{}{documentation}", if index == 0 { "       Docs: " } else { "             " })?;
    }
    for command in &view.commands {
        let is_main = view.main_ended.as_ref().is_some_and(|ended| ended.pid == command.pid);
        if let Some(ended) = &command.ended
            && (!is_main || view.kind == "oneshot" || view.active != "active")
        {
            writeln!(
                out,
                "    Process: {} {}={} ({})",
                command.pid,
                command.setting,
                command.line,
                service::sentence(ended)
            )?;
        }
    }
    match (view.main_pid, &view.main_ended) {
        (Some(pid), _) => {
            let name = processes::stat(pid).map_or_else(String::new, |stat| stat.name);
            writeln!(out, "   Main PID: {pid} ({name})")?;
        }
        (None, Some(ended)) if ended.pid > 0 => {
            writeln!(out, "   Main PID: {} ({})", ended.pid, service::sentence(ended))?;
        }
        _ => {}
    }
    if !view.status_text.is_empty() {
        writeln!(out, "     Status: \"{}\"", view.status_text)?;
    }
    if !view.pids.is_empty() {
        let tasks: u32 =
            view.pids.iter().filter_map(|pid| processes::stat(*pid)).map(|stat| stat.threads).sum();
        let memory: u64 = view.pids.iter().map(|pid| processes::resident_kib(*pid)).sum();
        let ticks: u64 =
            view.pids.iter().filter_map(|pid| processes::stat(*pid)).map(|stat| stat.cpu_ticks).sum();
        writeln!(out, "      Tasks: {tasks}")?;
        writeln!(out, "     Memory: {} (resident)", size(memory))?;
        writeln!(
            out,
            "        CPU: {}",
            precise_span(ticks * 1000 / rustix::param::clock_ticks_per_second())
        )?;
        for (index, pid) in view.pids.iter().enumerate() {
            let lead = if index == 0 { "  Processes: " } else { "             " };
            let branch = if index + 1 == view.pids.len() { "└─" } else { "├─" };
            writeln!(out, "{lead}{branch}{pid} {}", processes::command_line(*pid))?;
        }
    }
    log(out, view, options)?;
    if super::jobs::needs_reload(root, view) {
        writeln!(
            out,
            "\nWarning: The unit file, source configuration file or drop-ins of {} changed on disk. Run 'systemctl daemon-reload' to reload units.",
            view.name
        )?;
    }
    Ok(())
}

fn loaded(root: &Root, view: &UnitView) -> String {
    let path = view.path.as_deref().unwrap_or("");
    match view.load.as_str() {
        "masked" => format!("masked (Reason: Unit {} is masked.)", view.name),
        "not-found" => format!("not-found (Reason: Unit {} not found.)", view.name),
        "bad-setting" => format!("bad-setting (Reason: Unit {} has a bad unit file setting.)", view.name),
        load if path.is_empty() => load.to_owned(),
        load => {
            let state = unit_file::enablement(root, &view.name).unwrap_or_default();
            let preset =
                if matches!(state.as_str(), "enabled" | "disabled") { "; preset: enabled" } else { "" };
            format!("{load} ({path}; {state}{preset})")
        }
    }
}

/// The last lines of the unit's log.
fn log(out: &mut impl Write, view: &UnitView, options: &Options) -> std::io::Result<()> {
    let most = options.lines.unwrap_or(10);
    let asked = Local::Journal { after: 0, unit: Some(view.name.clone()), most };
    let Ok(LocalReply::Journal { entries, .. }) = ask(&asked) else { return Ok(()) };
    if entries.is_empty() || most == 0 {
        return Ok(());
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    writeln!(out)?;
    for entry in entries {
        let at = time_stamps::short(i64::try_from(entry.at_us / 1_000_000).unwrap_or(0));
        writeln!(out, "{at} {host} {}[{}]: {}", entry.speaker, entry.pid, entry.text)?;
    }
    Ok(())
}

/// `5s`, `3min 2s`, `2h 5min`, as systemctl rounds.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}min {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn precise_span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}.{:03}s", ms / 1000, ms % 1000),
        _ => format!("{}min {}.{:03}s", ms / 60_000, ms / 1000 % 60, ms % 1000),
    }
}

fn size(kib: u64) -> String {
    if kib < 1024 { format!("{kib}K") } else { format!("{}.{}M", kib / 1024, kib % 1024 * 10 / 1024) }
}
