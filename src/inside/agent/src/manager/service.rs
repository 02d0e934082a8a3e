//! The life of one service, in systemd's own words for its states:
//!
//! ```text
//! dead ─► start-pre ─► start ─► start-post ─► running ─► stop ─► stop-sigterm ─► stop-post ─► final-sigterm ─► dead
//!              │          │          │           │ ▲        ▲         │ time out                                failed
//!              └──────────┴──────────┴───────────┼─┼────────┘         ▼                                   auto-restart ─► start-pre
//!                     a step fails               reload           stop-sigkill
//! ```
//!
//! Events come from `init.rs`: a child ended, a deadline passed, a datagram on
//! the notify socket. Each ends the current step and enters the next.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitStatus};

use super::settings::{Exec, KillMode, Restart, Service, Type};
use super::{JobKind, Manager, Process, Unit, now_ms, spawn, status_words};
use crate::kernel;
use crate::local::{CommandView, Ended, JobEnd};
use crate::processes;
use crate::rooted::Root;

/// Where services say that they are ready.
pub const NOTIFY_SOCKET: &str = "/run/systemd/notify";

/// Where a unit is in its life. The number is the command of a list that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Dead,
    StartPre(usize),
    Start(usize),
    StartPost(usize),
    Running,
    /// Active without processes: RemainAfterExit.
    Exited,
    Reload(usize),
    Stop(usize),
    StopSigterm,
    StopSigkill,
    StopPost(usize),
    FinalSigterm,
    FinalSigkill,
    /// Its runtime directories are being removed.
    CleanUp,
    Failed,
    AutoRestart,
}

impl Unit {
    /// systemctl's ActiveState.
    pub fn active_word(&self) -> &'static str {
        match self.phase {
            Phase::Dead => "inactive",
            Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) | Phase::AutoRestart => "activating",
            Phase::Running | Phase::Exited => "active",
            Phase::Reload(_) => "reloading",
            Phase::Stop(_)
            | Phase::StopSigterm
            | Phase::StopSigkill
            | Phase::StopPost(_)
            | Phase::FinalSigterm
            | Phase::FinalSigkill
            | Phase::CleanUp => "deactivating",
            Phase::Failed => "failed",
        }
    }

    /// systemctl's SubState.
    pub fn sub_word(&self) -> &'static str {
        match self.phase {
            Phase::Dead => "dead",
            Phase::StartPre(_) => "start-pre",
            Phase::Start(_) => "start",
            Phase::StartPost(_) => "start-post",
            Phase::Running if self.service.is_none() => "active",
            Phase::Running => "running",
            Phase::Exited => "exited",
            Phase::Reload(_) => "reload",
            Phase::Stop(_) => "stop",
            Phase::StopSigterm => "stop-sigterm",
            Phase::StopSigkill => "stop-sigkill",
            Phase::StopPost(_) => "stop-post",
            Phase::FinalSigterm => "final-sigterm",
            Phase::FinalSigkill => "final-sigkill",
            Phase::CleanUp => "cleaning",
            Phase::Failed => "failed",
            Phase::AutoRestart => "auto-restart",
        }
    }

    /// A main process that is not our child, or none where one is expected.
    pub fn watches_without_events(&self) -> bool {
        self.phase == Phase::Running
            && self.service.is_some()
            && self.main.as_ref().is_none_or(|main| main.alien)
    }

    fn enter(&mut self, phase: Phase) {
        let was = self.active_word();
        self.phase = phase;
        self.deadline = None;
        self.look_again = None;
        let is = self.active_word();
        if was != is {
            let now = now_ms();
            self.since_ms = now;
            if is == "active" && was != "reloading" {
                self.active_enter_ms = now;
            } else if was == "active" && is != "reloading" {
                self.active_exit_ms = now;
            }
        }
    }

    /// Remembers the first thing that went wrong.
    fn note(&mut self, result: &'static str) {
        if self.result == "success" {
            self.result = result;
        }
    }
}

fn in_ms(ms: u64) -> Option<Instant> {
    // Infinity is no deadline at all.
    if ms > 1_000_000_000_000 { None } else { Instant::now().checked_add(Duration::from_millis(ms)) }
}

/// How long to wait between looks for what sends no event.
const LOOK: Duration = Duration::from_millis(15);

impl Manager {
    fn service(&self, name: &str) -> Rc<Service> {
        self.units[name].service.clone().expect("only services get here")
    }

    fn unit(&mut self, name: &str) -> &mut Unit {
        self.units.get_mut(name).expect("only known units get here")
    }

    // ----- up -----

    /// Begins a start whose conditions hold and whose dependencies are up.
    pub fn start_service(&mut self, name: &str) {
        let now = Instant::now();
        let unit = self.unit(name);
        let interval = Duration::from_millis(unit.common.start_limit_ms.min(86_400_000));
        let burst = unit.common.start_limit_burst as usize;
        while unit.starts.front().is_some_and(|start| now.duration_since(*start) > interval) {
            unit.starts.pop_front();
        }
        if burst > 0 && unit.common.start_limit_ms > 0 && unit.starts.len() >= burst {
            unit.result = "start-limit-hit";
            unit.enter(Phase::Failed);
            unit.since_ms = now_ms();
            self.say(name, &format!("{name}: Start request repeated too quickly."));
            self.say(name, &format!("{name}: Failed with result 'start-limit-hit'."));
            let title = self.title(name);
            self.say(name, &format!("Failed to start {title}."));
            self.finish_job(name, JobEnd::Failed);
            return;
        }
        unit.starts.push_back(now);
        if unit.restarting {
            unit.restarting = false;
        } else {
            unit.restarts = 0;
        }
        unit.result = "success";
        unit.stop_wanted = false;
        unit.status_text.clear();
        unit.main = None;
        unit.control = None;
        unit.main_ended = None;
        unit.commands.clear();
        unit.gate = None;
        unit.invocation = random_hex();
        let service = self.service(name);
        if !matches!(service.kind, Type::Simple) {
            let title = self.title(name);
            self.say(name, &format!("Starting {title}..."));
        }
        self.enter_start_pre(name, 0);
    }

    fn enter_start_pre(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        if index < service.start_pre.len() {
            self.unit(name).enter(Phase::StartPre(index));
            self.run_control(name, "ExecStartPre", &service.start_pre[index], service.start_timeout_ms);
        } else {
            self.enter_start(name, 0);
        }
    }

    fn enter_start(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        let Some(exec) = service.start.get(index) else {
            // A oneshot without ExecStart has nothing to wait for.
            self.enter_start_post(name, 0);
            return;
        };
        self.unit(name).enter(Phase::Start(index));
        match service.kind {
            Type::Forking => self.run_control(name, "ExecStart", exec, service.start_timeout_ms),
            kind => {
                if !self.run_main(name, exec) {
                    return;
                }
                match kind {
                    Type::Simple => self.enter_start_post(name, 0),
                    _ => self.unit(name).deadline = in_ms(service.start_timeout_ms),
                }
            }
        }
    }

    fn enter_start_post(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        if index < service.start_post.len() {
            self.unit(name).enter(Phase::StartPost(index));
            self.run_control(name, "ExecStartPost", &service.start_post[index], service.start_timeout_ms);
        } else {
            self.enter_running(name);
        }
    }

    fn enter_running(&mut self, name: &str) {
        let service = self.service(name);
        let unit = self.unit(name);
        let is_new = matches!(unit.phase, Phase::Start(_) | Phase::StartPost(_) | Phase::StartPre(_));
        if service.kind == Type::Oneshot {
            if is_new {
                let word = if service.remain_after_exit || !service.start.is_empty() {
                    "Finished"
                } else {
                    "Started"
                };
                let title = self.title(name);
                self.say(name, &format!("{word} {title}."));
                self.finish_start(name, JobEnd::Done);
            }
            if service.remain_after_exit {
                self.unit(name).enter(Phase::Exited);
            } else {
                self.enter_stop(name, 0);
            }
            return;
        }
        let is_good = unit.main.is_some() || unit.main_ended.is_none();
        if !is_good {
            if service.remain_after_exit && unit.result == "success" {
                unit.enter(Phase::Exited);
                self.finish_start(name, JobEnd::Done);
            } else {
                self.enter_stop(name, 0);
            }
            return;
        }
        unit.enter(Phase::Running);
        if is_new {
            let title = self.title(name);
            self.say(name, &format!("Started {title}."));
            self.finish_start(name, JobEnd::Done);
        }
    }

    /// Ends a start job only; a stop or restart that came meanwhile goes on.
    fn finish_start(&mut self, name: &str, end: JobEnd) {
        if self.units[name].job.as_ref().is_some_and(|job| job.begun && job.kind == JobKind::Start) {
            self.finish_job(name, end);
        }
    }

    /// A step of the start failed: everything comes down again.
    fn fail_start(&mut self, name: &str, result: &'static str) {
        self.unit(name).note(result);
        self.enter_signal(name, Phase::StopSigterm);
    }

    // ----- reload -----

    pub fn begin_reload(&mut self, name: &str) {
        let title = self.title(name);
        self.say(name, &format!("Reloading {title}..."));
        self.enter_reload(name, 0);
    }

    fn enter_reload(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        if index < service.reload.len() {
            self.unit(name).enter(Phase::Reload(index));
            self.run_control(name, "ExecReload", &service.reload[index], service.start_timeout_ms);
        } else {
            let title = self.title(name);
            self.say(name, &format!("Reloaded {title}."));
            self.leave_reload(name, JobEnd::Done);
        }
    }

    fn leave_reload(&mut self, name: &str, end: JobEnd) {
        self.unit(name).enter(Phase::Running);
        if self.units[name].job.as_ref().is_some_and(|job| job.kind == JobKind::Reload) {
            self.finish_job(name, end);
        }
        self.enter_running(name);
    }

    // ----- down -----

    /// Begins a stop that somebody asked for.
    pub fn stop_service(&mut self, name: &str) {
        match self.units[name].phase {
            Phase::Dead | Phase::Failed => {}
            Phase::AutoRestart => {
                let unit = self.unit(name);
                let phase = if unit.result == "success" { Phase::Dead } else { Phase::Failed };
                unit.enter(phase);
                self.after_stop(name);
            }
            Phase::Running | Phase::Exited | Phase::Reload(_) => {
                if self.units[name].control.is_some() {
                    self.kill_control(name);
                }
                let title = self.title(name);
                self.say(name, &format!("Stopping {title}..."));
                self.enter_stop(name, 0);
            }
            Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                let title = self.title(name);
                self.say(name, &format!("Stopping {title}..."));
                self.enter_signal(name, Phase::StopSigterm);
            }
            // On its way down already: the job ends with it.
            _ => {}
        }
    }

    fn kill_control(&mut self, name: &str) {
        if let Some(control) = self.unit(name).control.take() {
            let mark = self.units[name].mark;
            processes::signal(control.pid, Signal::KILL, |pid| processes::mark(pid) == Some(mark));
        }
    }

    fn enter_stop(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        if index < service.stop.len() {
            self.unit(name).enter(Phase::Stop(index));
            self.run_control(name, "ExecStop", &service.stop[index], service.stop_timeout_ms);
        } else {
            self.enter_signal(name, Phase::StopSigterm);
        }
    }

    /// The processes that a stop has to wait for.
    fn left(&self, name: &str, service: &Service) -> Vec<i32> {
        let unit = &self.units[name];
        match service.kill_mode {
            KillMode::ControlGroup | KillMode::Mixed => processes::of_mark(unit.mark),
            KillMode::Process => {
                unit.main.iter().map(|main| main.pid).filter(|pid| processes::is_alive(*pid)).collect()
            }
            KillMode::None => Vec::new(),
        }
    }

    fn enter_signal(&mut self, name: &str, phase: Phase) {
        let service = self.service(name);
        let is_kill = matches!(phase, Phase::StopSigkill | Phase::FinalSigkill);
        let left = self.left(name, &service);
        let unit = self.unit(name);
        unit.enter(phase);
        if left.is_empty() {
            self.after_signal(name);
            return;
        }
        let mark = unit.mark;
        let main = unit.main.as_ref().map(|main| main.pid);
        let deadline = if is_kill {
            in_ms(service.stop_timeout_ms.min(10_000))
        } else if self.leaving {
            // The engine will not wait long for the whole node.
            in_ms(service.stop_timeout_ms.min(LEAVING_MS))
        } else {
            in_ms(service.stop_timeout_ms)
        };
        let belongs = |pid: i32| processes::mark(pid) == Some(mark);
        for pid in left {
            let spared =
                service.kill_mode == KillMode::Mixed && !is_kill && main.is_some_and(|main| main != pid);
            if spared {
                continue;
            }
            let signal = if is_kill { Signal::KILL } else { service.kill_signal };
            processes::signal(pid, signal, |pid| belongs(pid) || Some(pid) == main);
            if !is_kill {
                // A stopped process would never see its end coming.
                processes::signal(pid, Signal::CONT, |pid| belongs(pid) || Some(pid) == main);
            }
        }
        let unit = self.unit(name);
        unit.deadline = deadline;
        unit.look_again = Some(Instant::now() + LOOK);
    }

    /// Looks whether all that a stop waits for is gone.
    fn look_for_the_end(&mut self, name: &str) {
        let service = self.service(name);
        let left = self.left(name, &service);
        if left.is_empty() {
            self.after_signal(name);
            return;
        }
        let unit = self.unit(name);
        // With its main process gone, `mixed` has no more patience with the rest.
        let main_is_gone = unit.main.as_ref().is_none_or(|main| !processes::is_alive(main.pid));
        if service.kill_mode == KillMode::Mixed && unit.phase == Phase::StopSigterm && main_is_gone {
            self.enter_signal(name, Phase::StopSigkill);
            return;
        }
        unit.look_again = Some(Instant::now() + LOOK);
    }

    fn after_signal(&mut self, name: &str) {
        // A main process that was not our child leaves no status behind.
        let unit = self.unit(name);
        if unit.main.as_ref().is_some_and(|main| main.alien || !processes::is_alive(main.pid)) {
            unit.main = None;
        }
        match unit.phase {
            Phase::StopSigterm | Phase::StopSigkill => self.enter_stop_post(name, 0),
            _ => self.enter_clean_up(name),
        }
    }

    fn enter_stop_post(&mut self, name: &str, index: usize) {
        let service = self.service(name);
        if index < service.stop_post.len() {
            self.unit(name).enter(Phase::StopPost(index));
            self.run_control(name, "ExecStopPost", &service.stop_post[index], service.stop_timeout_ms);
        } else {
            self.enter_signal(name, Phase::FinalSigterm);
        }
    }

    /// Removes runtime directories in a child: what lies in there is the node's.
    fn enter_clean_up(&mut self, name: &str) {
        let service = self.service(name);
        let runtime: Vec<String> = service
            .directories
            .iter()
            .filter(|directory| directory.base == "/run" && !service.keep_runtime_directory)
            .flat_map(|directory| directory.names.iter().map(|name| format!("/run/{name}")))
            .collect();
        if runtime.is_empty() || self.leaving {
            self.enter_dead(name);
            return;
        }
        let child = kernel::fork(|| {
            for path in runtime {
                let _ = std::fs::remove_dir_all(path);
            }
            0
        });
        match child {
            Ok(pid) => {
                let unit = self.unit(name);
                unit.enter(Phase::CleanUp);
                let pid = pid.as_raw_nonzero().get();
                unit.control = Some(Process { pid, began_ms: now_ms(), alien: false });
                unit.deadline = in_ms(5_000);
            }
            Err(_) => self.enter_dead(name),
        }
    }

    fn enter_dead(&mut self, name: &str) {
        let service = self.service(name);
        let unit = self.unit(name);
        unit.control = None;
        unit.gate = None;
        let failed = unit.result != "success";
        let stop_wanted = unit.stop_wanted;
        let result = unit.result;
        let failed_start = unit.job.as_ref().is_some_and(|job| job.begun && job.kind == JobKind::Start);
        unit.enter(if failed { Phase::Failed } else { Phase::Dead });
        unit.since_ms = now_ms();
        if failed {
            self.say(name, &format!("{name}: Failed with result '{result}'."));
        } else {
            self.say(name, &format!("{name}: Deactivated successfully."));
        }
        let title = self.title(name);
        if failed_start && failed {
            self.say(name, &format!("Failed to start {title}."));
        } else if stop_wanted {
            self.say(name, &format!("Stopped {title}."));
        }
        if failed_start {
            self.finish_job(name, if failed { JobEnd::Failed } else { JobEnd::Done });
        }
        let has_job = self.units[name].job.is_some();
        if !stop_wanted && !has_job && !self.leaving && self.should_restart(name, &service) {
            let unit = self.unit(name);
            unit.enter(Phase::AutoRestart);
            unit.deadline = in_ms(service.restart_ms);
        }
        self.after_stop(name);
        // A start that was asked for during the stop can begin now.
        if let Some(job) = &mut self.unit(name).job
            && job.kind == JobKind::Start
        {
            job.begun = false;
        }
        self.take_down_dependents(name);
    }

    /// What is bound to a unit goes down with it.
    fn take_down_dependents(&mut self, name: &str) {
        let bound: Vec<String> = self
            .units
            .values()
            .filter(|unit| unit.common.binds_to.iter().any(|to| to == name))
            .filter(|unit| !matches!(unit.phase, Phase::Dead | Phase::Failed) && unit.job.is_none())
            .map(|unit| unit.name.clone())
            .collect();
        for unit in bound {
            self.put_job(&unit, JobKind::Stop, None);
        }
    }

    fn should_restart(&self, name: &str, service: &Service) -> bool {
        let unit = &self.units[name];
        let status = unit
            .main_ended
            .as_ref()
            .map(|ended| if ended.code == "exited" { ended.status } else { ended.status + 256 });
        if status.is_some_and(|status| service.restart_prevent.contains(&status)) {
            return false;
        }
        if status.is_some_and(|status| service.restart_force.contains(&status)) {
            return true;
        }
        let abnormal = matches!(unit.result, "signal" | "core-dump" | "timeout" | "watchdog");
        match service.restart {
            Restart::No => false,
            Restart::Always => true,
            Restart::OnSuccess => unit.result == "success",
            Restart::OnFailure => unit.result != "success",
            Restart::OnAbnormal => abnormal,
            Restart::OnAbort => matches!(unit.result, "signal" | "core-dump"),
        }
    }

    // ----- processes -----

    fn environment(&self, name: &str) -> Vec<(String, String)> {
        let unit = &self.units[name];
        let mut extra = vec![("INVOCATION_ID".to_owned(), unit.invocation.clone())];
        if let Some(main) = &unit.main {
            extra.push(("MAINPID".into(), main.pid.to_string()));
        }
        if unit.service.as_ref().is_some_and(|service| service.kind == Type::Notify) {
            extra.push(("NOTIFY_SOCKET".into(), NOTIFY_SOCKET.into()));
        }
        if matches!(unit.phase, Phase::StopPost(_) | Phase::Stop(_)) {
            extra.push(("SERVICE_RESULT".into(), unit.result.to_owned()));
            if let Some(ended) = &unit.main_ended {
                extra.push(("EXIT_CODE".into(), ended.code.clone()));
                let status = if ended.code == "exited" {
                    ended.status.to_string()
                } else {
                    status_words::signal(ended.status)
                };
                extra.push(("EXIT_STATUS".into(), status));
            }
        }
        extra
    }

    fn spawn(&mut self, name: &str, setting: &str, exec: &Exec) -> Option<spawn::Started> {
        let service = self.service(name);
        let order = spawn::Order {
            unit: name,
            service: &service,
            exec,
            mark: self.units[name].mark,
            extra: self.environment(name),
        };
        let started = match spawn::start(&order) {
            Ok(started) => started,
            Err(error) => {
                self.say(name, &format!("{name}: Failed to fork: {error}"));
                return None;
            }
        };
        let pid = started.pid.as_raw_nonzero().get();
        let program = exec.words.first().map_or("", String::as_str);
        let base = program.rsplit('/').next().unwrap_or(program);
        let speaker = service.syslog_identifier.clone().unwrap_or_else(|| base.to_owned());
        if let Ok(log) = started.log.try_clone() {
            self.follow(name, &speaker, pid, log);
        }
        let unit = self.unit(name);
        unit.commands.retain(|command| command.setting != setting || command.ended.is_none());
        unit.commands.push(CommandView {
            setting: setting.to_owned(),
            line: exec.words.join(" "),
            ended: None,
            pid,
        });
        Some(started)
    }

    fn run_control(&mut self, name: &str, setting: &str, exec: &Exec, timeout_ms: u64) {
        match self.spawn(name, setting, exec) {
            Some(started) => {
                let pid = started.pid.as_raw_nonzero().get();
                let leaving = self.leaving;
                let unit = self.unit(name);
                unit.control = Some(Process { pid, began_ms: now_ms(), alien: false });
                unit.deadline = in_ms(if leaving { timeout_ms.min(LEAVING_MS) } else { timeout_ms });
            }
            None => self.control_ended(name, false, "resources"),
        }
    }

    /// Starts the main process; `false` when that failed at once.
    fn run_main(&mut self, name: &str, exec: &Exec) -> bool {
        let wants_gate = self.service(name).kind == Type::Exec;
        match self.spawn(name, "ExecStart", exec) {
            Some(started) => {
                let pid = started.pid.as_raw_nonzero().get();
                let unit = self.unit(name);
                unit.main = Some(Process { pid, began_ms: now_ms(), alien: false });
                unit.main_ended = None;
                unit.gate = wants_gate.then_some(started.gate);
                true
            }
            None => {
                self.fail_start(name, "resources");
                false
            }
        }
    }

    /// A child of PID 1 has ended. Returns whether it was a unit's.
    pub fn child_ended(&mut self, pid: i32, status: WaitStatus) -> bool {
        let found = self.units.values().find_map(|unit| {
            let is = |process: &Option<Process>| process.as_ref().is_some_and(|process| process.pid == pid);
            if is(&unit.main) {
                Some((unit.name.clone(), true))
            } else if is(&unit.control) {
                Some((unit.name.clone(), false))
            } else {
                None
            }
        });
        let Some((name, is_main)) = found else { return false };
        // Its last words come before the verdict on it.
        self.read_logs();
        let unit = self.unit(&name);
        let process = if is_main { unit.main.take() } else { unit.control.take() };
        let ended = describe(pid, status, process.map_or(0, |process| process.began_ms));
        for command in &mut unit.commands {
            if command.pid == pid {
                command.ended = Some(ended.clone());
            }
        }
        if is_main {
            self.main_exited(&name, ended);
        } else if unit.phase == Phase::CleanUp {
            self.enter_dead(&name);
        } else {
            self.control_exited(&name, &ended);
        }
        self.advance();
        true
    }

    fn main_exited(&mut self, name: &str, ended: Ended) {
        let service = self.service(name);
        let exec_may_fail = match self.units[name].phase {
            Phase::Start(index) => service.start.get(index).is_some_and(|exec| exec.may_fail),
            _ => service.start.last().is_some_and(|exec| exec.may_fail),
        };
        let clean = is_clean(&service, &ended, true) || exec_may_fail;
        let failure = if clean { None } else { Some(failure_of(&ended)) };
        if !is_clean(&service, &ended, true) || ended.code != "exited" {
            self.say(name, &format!("{name}: Main process exited, {}", sentence(&ended)));
        }
        let unit = self.unit(name);
        unit.main_ended = Some(ended);
        unit.gate = None;
        if let Some(failure) = failure {
            unit.note(failure);
        }
        match unit.phase {
            Phase::Start(index) if service.kind == Type::Oneshot => match failure {
                None if index + 1 < service.start.len() => self.enter_start(name, index + 1),
                None => self.enter_start_post(name, 0),
                Some(failure) => self.fail_start(name, failure),
            },
            Phase::Start(_) => self.fail_start(name, failure.unwrap_or("protocol")),
            // A post command may still run; it is judged when that has ended.
            Phase::StartPost(_) => {
                if let Some(failure) = failure {
                    self.kill_control(name);
                    self.fail_start(name, failure);
                }
            }
            Phase::Running => self.enter_running(name),
            Phase::StopSigterm | Phase::StopSigkill | Phase::FinalSigterm | Phase::FinalSigkill => {
                self.look_for_the_end(name);
            }
            _ => {}
        }
    }

    fn control_exited(&mut self, name: &str, ended: &Ended) {
        let service = self.service(name);
        let list: &[Exec] = match self.units[name].phase {
            Phase::StartPre(_) => &service.start_pre,
            Phase::Start(_) => &service.start,
            Phase::StartPost(_) => &service.start_post,
            Phase::Reload(_) => &service.reload,
            Phase::Stop(_) => &service.stop,
            Phase::StopPost(_) => &service.stop_post,
            _ => &[],
        };
        let index = match self.units[name].phase {
            Phase::StartPre(i)
            | Phase::Start(i)
            | Phase::StartPost(i)
            | Phase::Reload(i)
            | Phase::Stop(i)
            | Phase::StopPost(i) => i,
            _ => 0,
        };
        let may_fail = list.get(index).is_some_and(|exec| exec.may_fail);
        let clean = is_clean(&service, ended, false);
        if !clean {
            self.say(name, &format!("{name}: Control process exited, {}", sentence(ended)));
        }
        self.control_ended(name, clean || may_fail, failure_of(ended));
    }

    fn control_ended(&mut self, name: &str, success: bool, failure: &'static str) {
        match (self.units[name].phase, success) {
            (Phase::StartPre(index), true) => self.enter_start_pre(name, index + 1),
            (Phase::Start(_), true) => self.after_fork(name),
            (Phase::StartPost(index), true) => self.enter_start_post(name, index + 1),
            (Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_), false) => {
                self.fail_start(name, failure)
            }
            (Phase::Reload(index), true) => self.enter_reload(name, index + 1),
            (Phase::Reload(_), false) => {
                let title = self.title(name);
                self.say(name, &format!("Reload failed for {title}."));
                self.leave_reload(name, JobEnd::Failed);
            }
            (Phase::Stop(index), success) => {
                if success {
                    self.enter_stop(name, index + 1);
                } else {
                    self.unit(name).note(failure);
                    self.enter_signal(name, Phase::StopSigterm);
                }
            }
            (Phase::StopPost(index), success) => {
                if !success {
                    self.unit(name).note(failure);
                }
                self.enter_stop_post(name, index + 1);
            }
            (Phase::StopSigterm | Phase::StopSigkill | Phase::FinalSigterm | Phase::FinalSigkill, _) => {
                self.look_for_the_end(name)
            }
            _ => {}
        }
    }

    /// The first process of a forking service has ended well: who is the main one?
    fn after_fork(&mut self, name: &str) {
        let service = self.service(name);
        // The deadline of the start goes on while the PID file is awaited.
        let unit = &self.units[name];
        match &service.pid_file {
            Some(path) => match self.read_pid_file(path, unit) {
                Some(pid) => {
                    self.set_main(name, pid);
                    self.enter_start_post(name, 0);
                }
                None => {
                    let unit = self.unit(name);
                    unit.deadline = unit.deadline.or_else(|| in_ms(service.start_timeout_ms));
                    unit.look_again = Some(Instant::now() + LOOK);
                    if processes::of_mark(unit.mark).is_empty() {
                        let path = path.clone();
                        self.say(name, &format!("{name}: Can't open PID file '{path}' (yet?) after start: No such file or directory"));
                        self.fail_start(name, "protocol");
                    }
                }
            },
            None => {
                if service.guess_main_pid && unit.main.is_none() {
                    let candidates: Vec<i32> = processes::of_mark(unit.mark)
                        .into_iter()
                        .filter(|pid| processes::stat(*pid).is_some_and(|stat| stat.parent == 1))
                        .collect();
                    if let [only] = candidates[..] {
                        self.set_main(name, only);
                    }
                }
                self.enter_start_post(name, 0);
            }
        }
    }

    /// The process that a PID file names, if it is one of the unit's.
    fn read_pid_file(&self, path: &str, unit: &Unit) -> Option<i32> {
        let text = Root::system().ok()?.text(path, 64).ok()??;
        let pid: i32 = text.trim().parse().ok()?;
        (pid > 1 && processes::is_alive(pid) && processes::mark(pid) == Some(unit.mark)).then_some(pid)
    }

    fn set_main(&mut self, name: &str, pid: i32) {
        let alien = processes::stat(pid).is_none_or(|stat| stat.parent != 1);
        let began_ms = processes::stat(pid)
            .map_or_else(now_ms, |stat| processes::started_at_ms(stat.started_ticks, self.machine_boot_ms));
        self.unit(name).main = Some(Process { pid, began_ms, alien });
    }

    // ----- time and messages -----

    /// Deadlines, and what has to be looked at because it sends no event.
    pub fn tick(&mut self) {
        let now = Instant::now();
        let names: Vec<String> = self.units.keys().cloned().collect();
        for name in names {
            let unit = &self.units[&name];
            if unit.deadline.is_some_and(|deadline| now >= deadline) {
                self.unit(&name).deadline = None;
                self.timed_out(&name);
            } else if unit.look_again.is_some_and(|look| now >= look) {
                self.unit(&name).look_again = None;
                match self.units[&name].phase {
                    Phase::Start(_) => self.after_fork(&name),
                    Phase::StopSigterm | Phase::StopSigkill | Phase::FinalSigterm | Phase::FinalSigkill => {
                        self.look_for_the_end(&name);
                    }
                    _ => {}
                }
            } else if unit.watches_without_events() {
                self.watch_alien(&name);
            }
            self.check_gate(&name);
        }
        self.advance();
    }

    fn watch_alien(&mut self, name: &str) {
        let unit = &self.units[name];
        let is_gone = match &unit.main {
            Some(main) => !processes::is_alive(main.pid),
            None => processes::of_mark(unit.mark).is_empty(),
        };
        if is_gone {
            let unit = self.unit(name);
            let pid = unit.main.take().map_or(0, |main| main.pid);
            // Whose child it was, that one has the status; systemd assumes the best as well.
            unit.main_ended =
                Some(Ended { pid, code: "exited".into(), status: 0, began_ms: 0, ended_ms: now_ms() });
            self.enter_running(name);
        }
    }

    /// Whether the program of a Type=exec service has been reached.
    pub fn check_gate(&mut self, name: &str) {
        let Some(gate) = &self.units[name].gate else { return };
        if spawn::gate_says(gate) == Some(true) {
            self.unit(name).gate = None;
            if matches!(self.units[name].phase, Phase::Start(_)) {
                self.enter_start_post(name, 0);
            }
        }
    }

    fn timed_out(&mut self, name: &str) {
        let service = self.service(name);
        let sub = self.units[name].sub_word();
        match self.units[name].phase {
            Phase::StartPre(_) | Phase::Start(_) | Phase::StartPost(_) => {
                self.say(name, &format!("{name}: {sub} operation timed out. Terminating."));
                self.fail_start(name, "timeout");
            }
            Phase::Reload(_) => {
                self.say(name, &format!("{name}: Reload operation timed out. Killing reload process."));
                self.kill_control(name);
                self.leave_reload(name, JobEnd::Failed);
            }
            Phase::Stop(_) => {
                self.say(name, &format!("{name}: Stopping timed out. Terminating."));
                self.kill_control(name);
                self.unit(name).note("timeout");
                self.enter_signal(name, Phase::StopSigterm);
            }
            Phase::StopSigterm => {
                self.say(name, &format!("{name}: State 'stop-sigterm' timed out. Killing."));
                self.unit(name).note("timeout");
                if service.send_sigkill {
                    self.enter_signal(name, Phase::StopSigkill)
                } else {
                    self.enter_stop_post(name, 0)
                }
            }
            Phase::StopSigkill => {
                self.say(name, &format!("{name}: Processes still around after SIGKILL. Ignoring."));
                self.enter_stop_post(name, 0);
            }
            Phase::StopPost(_) => {
                self.kill_control(name);
                self.unit(name).note("timeout");
                self.enter_signal(name, Phase::FinalSigterm);
            }
            Phase::FinalSigterm => {
                self.say(name, &format!("{name}: State 'final-sigterm' timed out. Killing."));
                self.unit(name).note("timeout");
                self.enter_signal(name, Phase::FinalSigkill);
            }
            Phase::FinalSigkill | Phase::CleanUp => self.enter_dead(name),
            Phase::AutoRestart => {
                let unit = self.unit(name);
                unit.restarts += 1;
                unit.restarting = true;
                let count = unit.restarts;
                self.say(name, &format!("{name}: Scheduled restart job, restart counter is at {count}."));
                self.put_job(name, JobKind::Start, None);
            }
            Phase::Dead | Phase::Running | Phase::Exited | Phase::Failed => {}
        }
    }

    /// A datagram on the notify socket, from a process of this unit.
    pub fn notified(&mut self, name: &str, message: &str) {
        let Some(service) = self.units.get(name).and_then(|unit| unit.service.clone()) else { return };
        let mut is_ready = false;
        for line in message.lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => is_ready = true,
                Some(("STATUS", text)) => {
                    self.unit(name).status_text =
                        text.chars().filter(|c| !c.is_control()).take(512).collect();
                }
                Some(("MAINPID", pid)) => {
                    let mark = self.units[name].mark;
                    if let Ok(pid) = pid.parse::<i32>()
                        && pid > 1
                        && processes::mark(pid) == Some(mark)
                    {
                        self.set_main(name, pid);
                    }
                }
                _ => {}
            }
        }
        if is_ready && service.kind == Type::Notify && matches!(self.units[name].phase, Phase::Start(_)) {
            self.enter_start_post(name, 0);
            self.advance();
        }
    }
}

/// How long one service may take to stop when the whole node goes down.
const LEAVING_MS: u64 = 2_000;

fn describe(pid: i32, status: WaitStatus, began_ms: u64) -> Ended {
    // Bit 7 of a wait status says that memory was dumped.
    let dumped = status.as_raw() & 0x80 != 0;
    let (code, number) = match (status.exit_status(), status.terminating_signal()) {
        (Some(number), _) => ("exited", number),
        (None, Some(number)) if dumped => ("dumped", number),
        (None, number) => ("killed", number.unwrap_or(0)),
    };
    Ended { pid, code: code.into(), status: number, began_ms, ended_ms: now_ms() }
}

/// `code=exited, status=1/FAILURE`, as systemd writes it.
pub fn sentence(ended: &Ended) -> String {
    let word = if ended.code == "exited" {
        status_words::word(ended.status).to_owned()
    } else {
        status_words::signal(ended.status)
    };
    format!("code={}, status={}/{word}", ended.code, ended.status)
}

fn is_clean(service: &Service, ended: &Ended, is_main: bool) -> bool {
    if ended.code == "exited" {
        return ended.status == 0 || (is_main && service.success_statuses.contains(&ended.status));
    }
    // HUP, INT, TERM and PIPE are ordinary ways for a daemon to end.
    let ordinary = is_main && service.kind != Type::Oneshot && matches!(ended.status, 1 | 2 | 13 | 15);
    ended.code == "killed" && (ordinary || (is_main && service.success_signals.contains(&ended.status)))
}

fn failure_of(ended: &Ended) -> &'static str {
    match ended.code.as_str() {
        "exited" => "exit-code",
        "dumped" => "core-dump",
        _ => "signal",
    }
}

/// 32 random hex digits.
pub fn random_hex() -> String {
    let mut bytes = [0u8; 16];
    let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
