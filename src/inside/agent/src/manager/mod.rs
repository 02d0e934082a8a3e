//! The service manager of a node: units, their jobs, and the order of both.
//!
//! It reads systemd unit files and does with them what systemd does, for
//! services and targets. A unit's life is in `service.rs`; its files are
//! `unit_file.rs`, their meaning `settings.rs`, the start of a process
//! `spawn.rs`, the log `journal.rs`. Knows no request of the host: `init.rs`
//! feeds it events and asks it.
//!
//! Honoured: all that `settings.rs` names; drop-ins, masks, aliases, templates,
//! `.wants` and `.requires`; ordering, Requires, BindsTo, PartOf, Wants,
//! Conflicts; tmpfiles.d (d D f F r R) at boot; /dev/log and NOTIFY_SOCKET.
//!
//! Not honoured, and ignored as systemd ignores what it does not know: timers,
//! sockets, paths, mounts and slices; control groups and their limits
//! (`MemoryMax=`); sandboxing (`Private…=`, `Protect…=`, `CapabilityBoundingSet=`,
//! `DynamicUser=`); watchdogs; `LimitLOCKS=`, which carries a unit's mark;
//! negative niceness and raised hard limits, for which nodes lack the
//! capability. Services that systemd's own package brings are not pulled in.

pub mod journal;
pub mod service;
pub mod settings;
pub mod spawn;
pub mod status_words;
pub mod tmpfiles;
pub mod unit_file;
pub mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::local::{CommandView, Ended, JobEnd, JobReport, UnitView, Verb};
use crate::processes::{self, Mark};
use crate::rooted::Root;
use journal::Journal;
use service::Phase;
use settings::{Common, Service, Type};
use unit_file::{Found, UnitName, UnitText};

/// From this many units on, those that nothing holds are forgotten: anybody
/// may ask for the state of any name.
const UNITS_LIMIT: usize = 512;
/// Most service processes whose output is followed at once.
const LOGS_LIMIT: usize = 512;

/// Whether a unit could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    Loaded,
    NotFound,
    Masked,
    BadSetting(String),
}

impl Load {
    fn word(&self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::NotFound => "not-found",
            Self::Masked => "masked",
            Self::BadSetting(_) => "bad-setting",
        }
    }
}

/// A number that stands for one asker's interest in one job.
pub type Ticket = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Start,
    Stop,
    /// Stops, then becomes a start.
    Restart,
    Reload,
}

/// What a unit has been told to do and has not finished.
#[derive(Debug)]
pub struct Job {
    pub kind: JobKind,
    pub tickets: Vec<Ticket>,
    pub begun: bool,
}

/// A running process of a unit.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub began_ms: u64,
    /// Not our child: its end is noticed by looking.
    pub alien: bool,
}

/// One unit and all that is known of its life.
pub struct Unit {
    pub name: String,
    pub load: Load,
    pub path: Option<String>,
    pub text: UnitText,
    pub common: Common,
    pub service: Option<Rc<Service>>,
    pub mark: Mark,
    pub phase: Phase,
    pub main: Option<Process>,
    pub control: Option<Process>,
    pub main_ended: Option<Ended>,
    pub commands: Vec<CommandView>,
    pub result: &'static str,
    pub deadline: Option<Instant>,
    /// Look again then, while waiting for something that sends no event.
    pub look_again: Option<Instant>,
    pub restarts: u32,
    /// The next start is the manager's own doing.
    pub restarting: bool,
    /// Somebody asked for the unit to be down.
    pub stop_wanted: bool,
    pub status_text: String,
    pub invocation: String,
    pub starts: VecDeque<Instant>,
    pub job: Option<Job>,
    pub since_ms: u64,
    pub active_enter_ms: u64,
    pub active_exit_ms: u64,
    pub condition: Option<String>,
    /// Waiting for exec of a Type=exec service.
    pub gate: Option<OwnedFd>,
}

/// The output of one process of a service.
pub struct LogPipe {
    pub fd: OwnedFd,
    unit: String,
    speaker: String,
    pid: i32,
    partial: Vec<u8>,
}

pub struct Manager {
    pub units: BTreeMap<String, Unit>,
    pub journal: Journal,
    pub logs: Vec<LogPipe>,
    finished: Vec<(Ticket, JobReport)>,
    next_ticket: Ticket,
    next_mark: u32,
    root: Root,
    pub host: String,
    pub machine_boot_ms: u64,
    /// The node goes down: nothing is started any more.
    pub leaving: bool,
}

pub fn now_ms() -> u64 {
    journal::now_us() / 1000
}

impl Manager {
    pub fn new(root: Root, host: String, boot_id: &str, machine_boot_ms: u64) -> Self {
        Self {
            units: BTreeMap::new(),
            journal: Journal::new(boot_id),
            logs: Vec::new(),
            finished: Vec::new(),
            next_ticket: 1,
            next_mark: 1,
            root,
            host,
            machine_boot_ms,
            leaving: false,
        }
    }

    /// Says something in the log in the manager's own name.
    pub fn say(&mut self, unit: &str, text: &str) {
        self.journal.add(Some(unit), journal::SPEAKER, 1, text);
    }

    // ----- units -----

    /// Loads a unit unless it is loaded, and gives its real name. A unit that
    /// nothing holds on to is read anew each time, as systemd does.
    pub fn load(&mut self, asked: &str) -> String {
        let known = self.units.get(asked).is_some_and(|unit| unit.load == Load::Loaded && self.is_held(unit));
        if known {
            return asked.to_owned();
        }
        if self.units.len() >= UNITS_LIMIT {
            self.forget_idle_units();
        }
        let found = unit_file::find(&self.root, asked);
        let name = match &found {
            Found::Unit { name, .. } => name.clone(),
            _ => asked.to_owned(),
        };
        if name != asked
            && self.units.get(&name).is_some_and(|unit| unit.load == Load::Loaded && self.is_held(unit))
        {
            return name;
        }
        self.put(&name, found);
        name
    }

    /// Lets go of units that only somebody's question brought in.
    fn forget_idle_units(&mut self) {
        let marked = processes::marked();
        let idle: Vec<String> = self
            .units
            .values()
            .filter(|unit| !self.is_held(unit) && !marked.contains_key(&unit.mark))
            .map(|unit| unit.name.clone())
            .collect();
        for name in idle {
            self.units.remove(&name);
        }
    }

    /// Whether a unit stays as it was loaded until daemon-reload.
    fn is_held(&self, unit: &Unit) -> bool {
        if unit.phase != Phase::Dead || unit.job.is_some() {
            return true;
        }
        self.units.values().any(|other| {
            other.phase != Phase::Dead
                && [&other.common.requires, &other.common.wants, &other.common.binds_to]
                    .iter()
                    .any(|names| names.contains(&unit.name))
        })
    }

    fn put(&mut self, name: &str, found: Found) {
        let (load, path, text) = match found {
            Found::Missing => (Load::NotFound, None, UnitText::default()),
            Found::Masked { path } => (Load::Masked, Some(path), UnitText::default()),
            Found::Unit { path, text, .. } => (Load::Loaded, Some(path), text),
        };
        let before = self.units.get(name).map(|unit| unit.load.clone());
        let kind = UnitName::parse(name).map_or("service", |parts| parts.kind);
        let mut common = settings::common(name, &text, &self.host);
        for relation in ["wants", "requires"] {
            let linked = unit_file::linked(&self.root, name, relation);
            if relation == "wants" {
                common.wants.extend(linked);
            } else {
                common.requires.extend(linked);
            }
        }
        let mut load = load;
        // Targets that no file describes exist all the same: basic.target,
        // network-online.target and their like hold nothing but order here.
        if load == Load::NotFound && kind == "target" && is_standard_target(name) {
            load = Load::Loaded;
        }
        let mut service = None;
        if kind == "service" && load == Load::Loaded {
            let accounts = crate::accounts::Accounts::read(&self.root);
            let user = text.one("Service", "User").and_then(|name| accounts.user(name));
            let with = words::Specifiers {
                unit: name,
                host: &self.host,
                user: user.map(|user| (user.name.as_str(), user.uid, user.home.as_str())),
            };
            match settings::service(&text, &with) {
                Ok(read) => service = Some(Rc::new(read)),
                Err(why) => load = Load::BadSetting(why),
            }
        }
        if kind == "target" {
            // A target is reached when all it wants is up.
            common.after.extend(common.wants.iter().chain(&common.requires).cloned().collect::<Vec<_>>());
        }
        match self.units.get_mut(name) {
            Some(unit) => {
                unit.load = load;
                unit.path = path;
                unit.text = text;
                unit.common = common;
                // What runs goes on as it was started, whatever its files say now.
                if service.is_some() || matches!(unit.phase, Phase::Dead | Phase::Failed) {
                    unit.service = service;
                }
            }
            None => {
                let mark = Mark(self.next_mark);
                self.next_mark += 1;
                let unit = Unit {
                    name: name.to_owned(),
                    load,
                    path,
                    text,
                    common,
                    service,
                    mark,
                    phase: Phase::Dead,
                    main: None,
                    control: None,
                    main_ended: None,
                    commands: Vec::new(),
                    result: "success",
                    deadline: None,
                    look_again: None,
                    restarts: 0,
                    restarting: false,
                    stop_wanted: false,
                    status_text: String::new(),
                    invocation: String::new(),
                    starts: VecDeque::new(),
                    job: None,
                    since_ms: 0,
                    active_enter_ms: 0,
                    active_exit_ms: 0,
                    condition: None,
                    gate: None,
                };
                self.units.insert(name.to_owned(), unit);
            }
        }
        let now = self.units.get(name).map(|unit| unit.load.clone());
        if let Some(Load::BadSetting(why)) = now.clone()
            && now != before
        {
            self.say(name, &format!("{name}: {why}"));
        }
    }

    /// `systemctl daemon-reload`: reads the files of every known unit again.
    pub fn reload_files(&mut self) {
        let names: Vec<String> = self.units.keys().cloned().collect();
        for name in names {
            let found = match unit_file::find(&self.root, &name) {
                // It has become an alias of another; under this name nothing is left.
                Found::Unit { name: real, .. } if real != name => Found::Missing,
                found => found,
            };
            let unit = &self.units[&name];
            let idle = unit.phase == Phase::Dead && unit.job.is_none();
            if matches!(found, Found::Missing) && idle && processes::of_mark(unit.mark).is_empty() {
                self.units.remove(&name);
                continue;
            }
            // A running service whose file has gone keeps what it was started with.
            if matches!(found, Found::Missing | Found::Masked { .. }) && !idle {
                let unit = self.units.get_mut(&name).expect("just listed");
                unit.load = if matches!(found, Found::Missing) { Load::NotFound } else { Load::Masked };
                unit.path = None;
                unit.text.sources.clear();
                if UnitName::parse(&name).is_some_and(|parts| parts.kind == "target")
                    && is_standard_target(&name)
                {
                    self.put(&name, Found::Missing);
                }
                continue;
            }
            self.put(&name, found);
        }
    }

    // ----- jobs -----

    /// Starts what the default target wants.
    pub fn boot(&mut self) {
        let default = self
            .root
            .link("/etc/systemd/system/default.target")
            .and_then(|target| target.rsplit('/').next().map(str::to_owned))
            .filter(|name| name.ends_with(".target"))
            .unwrap_or_else(|| "multi-user.target".into());
        let ticket = self.ticket();
        self.request_start(&default, ticket);
        self.advance();
    }

    pub fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Jobs that have ended since the last call.
    pub fn take_finished(&mut self) -> Vec<(Ticket, JobReport)> {
        std::mem::take(&mut self.finished)
    }

    /// Whether anything is still on its way up or down.
    pub fn is_busy(&self) -> bool {
        self.units.values().any(|unit| unit.job.is_some())
    }

    /// Asks for something to be done to a unit. The ticket comes back with the report.
    pub fn request(&mut self, verb: Verb, asked: &str) -> Ticket {
        let ticket = self.ticket();
        let name = self.load(asked);
        let unit = &self.units[&name];
        let idle = matches!(unit.phase, Phase::Dead | Phase::Failed);
        let kind = UnitName::parse(&name).map_or("", |parts| parts.kind);
        let refuse = match (&unit.load, verb) {
            (Load::Loaded, Verb::Start | Verb::Restart) if !matches!(kind, "service" | "target") => {
                Some(JobEnd::NotApplicable(
                    "is of a kind that this node does not run: it has services and targets".into(),
                ))
            }
            (Load::NotFound, Verb::Stop | Verb::TryRestart) if !idle => None,
            (Load::NotFound, Verb::TryRestart) => None,
            (Load::NotFound, _) => Some(JobEnd::NotFound),
            (Load::Masked, Verb::Stop | Verb::TryRestart) => None,
            (Load::Masked, _) => Some(JobEnd::Masked),
            (Load::BadSetting(_), Verb::Stop) => None,
            (Load::BadSetting(_), _) => Some(JobEnd::BadSetting),
            (Load::Loaded, Verb::Start | Verb::Restart) if unit.common.refuse_manual_start => {
                Some(JobEnd::NotApplicable(
                    "may be requested by dependency only (it is configured to refuse manual start/stop)"
                        .into(),
                ))
            }
            (Load::Loaded, Verb::Stop | Verb::Restart) if unit.common.refuse_manual_stop => {
                Some(JobEnd::NotApplicable(
                    "may be requested by dependency only (it is configured to refuse manual start/stop)"
                        .into(),
                ))
            }
            (Load::Loaded, Verb::Reload) if !self.can_reload(&name) => {
                Some(JobEnd::NotApplicable("Job type reload is not applicable for unit".into()))
            }
            (Load::Loaded, Verb::Reload) if unit.active_word() != "active" => {
                Some(JobEnd::NotApplicable("is not active, cannot reload.".into()))
            }
            (Load::Loaded, _) => None,
        };
        if let Some(end) = refuse {
            self.report(ticket, &name, end);
            return ticket;
        }
        match verb {
            Verb::Start => self.request_start(&name, ticket),
            Verb::Stop => self.request_stop(&name, ticket),
            Verb::Restart => self.request_restart(&name, ticket),
            Verb::TryRestart if idle => self.report(ticket, &name, JobEnd::Done),
            Verb::TryRestart => self.request_restart(&name, ticket),
            Verb::Reload => self.put_job(&name, JobKind::Reload, Some(ticket)),
            Verb::ReloadOrRestart if !idle && self.can_reload(&name) => {
                self.put_job(&name, JobKind::Reload, Some(ticket));
            }
            Verb::ReloadOrRestart => self.request_restart(&name, ticket),
        }
        self.advance();
        ticket
    }

    fn can_reload(&self, name: &str) -> bool {
        self.units[name].service.as_ref().is_some_and(|service| !service.reload.is_empty())
    }

    fn report(&mut self, ticket: Ticket, name: &str, end: JobEnd) {
        let result = self.units.get(name).map_or("", |unit| unit.result).to_owned();
        self.finished.push((ticket, JobReport { unit: name.to_owned(), end, result }));
    }

    fn request_start(&mut self, asked: &str, ticket: Ticket) {
        let mut order: Vec<String> = Vec::new();
        let mut ahead = vec![(asked.to_owned(), true)];
        while let Some((asked, required)) = ahead.pop() {
            let name = self.load(&asked);
            if order.contains(&name) {
                continue;
            }
            let unit = &self.units[&name];
            let kind = UnitName::parse(&name).map_or("", |parts| parts.kind);
            if is_systemds_own(&name) && !order.is_empty() {
                continue;
            }
            if unit.load != Load::Loaded || !matches!(kind, "service" | "target") {
                if required && !order.is_empty() && unit.load == Load::NotFound && kind == "service" {
                    let text = format!("{name}: Unit not found, though it is required.");
                    self.say(&name, &text);
                }
                continue;
            }
            let mut wanted =
                |names: &[String], required| ahead.extend(names.iter().map(|name| (name.clone(), required)));
            wanted(&unit.common.requires, true);
            wanted(&unit.common.binds_to, true);
            wanted(&unit.common.wants, false);
            order.push(name);
        }
        let first = order.first().cloned();
        for name in &order {
            let ticket = (Some(name) == first.as_ref()).then_some(ticket);
            if ticket.is_none() && self.units[name].active_word() == "active" {
                continue;
            }
            for enemy in self.enemies(name) {
                self.put_job(&enemy, JobKind::Stop, None);
            }
            self.put_job(name, JobKind::Start, ticket);
        }
        if first.is_none() {
            self.report(ticket, asked, JobEnd::NotFound);
        }
    }

    /// Units that must be down for this one to be up.
    fn enemies(&self, name: &str) -> Vec<String> {
        let own = &self.units[name].common.conflicts;
        self.units
            .values()
            .filter(|other| other.name != name && !matches!(other.phase, Phase::Dead | Phase::Failed))
            .filter(|other| {
                own.contains(&other.name) || other.common.conflicts.iter().any(|enemy| enemy == name)
            })
            .map(|other| other.name.clone())
            .collect()
    }

    /// Active units that cannot be without this one.
    fn dependents(&self, name: &str) -> Vec<String> {
        let mut found: BTreeSet<String> = BTreeSet::from([name.to_owned()]);
        loop {
            let before = found.len();
            for unit in self.units.values() {
                let leans = [&unit.common.requires, &unit.common.binds_to, &unit.common.part_of]
                    .iter()
                    .any(|names| names.iter().any(|name| found.contains(name)));
                if leans && !matches!(unit.phase, Phase::Dead | Phase::Failed) {
                    found.insert(unit.name.clone());
                }
            }
            if found.len() == before {
                break;
            }
        }
        found.remove(name);
        found.into_iter().collect()
    }

    fn request_stop(&mut self, name: &str, ticket: Ticket) {
        for dependent in self.dependents(name) {
            self.put_job(&dependent, JobKind::Stop, None);
        }
        self.put_job(name, JobKind::Stop, Some(ticket));
    }

    fn request_restart(&mut self, name: &str, ticket: Ticket) {
        if matches!(self.units[name].phase, Phase::Dead | Phase::Failed) {
            self.request_start(name, ticket);
            return;
        }
        for dependent in self.dependents(name) {
            self.put_job(&dependent, JobKind::Restart, None);
        }
        // What it requires and is not up comes along.
        let needed: Vec<String> = self.units[name].common.requires.clone();
        for needed in needed {
            let needed = self.load(&needed);
            let unit = &self.units[&needed];
            if unit.load == Load::Loaded && matches!(unit.phase, Phase::Dead | Phase::Failed) {
                self.put_job(&needed, JobKind::Start, None);
            }
        }
        self.put_job(name, JobKind::Restart, Some(ticket));
    }

    fn put_job(&mut self, name: &str, kind: JobKind, ticket: Option<Ticket>) {
        let Some(unit) = self.units.get_mut(name) else { return };
        let mut tickets: Vec<Ticket> = ticket.into_iter().collect();
        match unit.job.take() {
            // The same again: one job, several askers.
            Some(mut job) if job.kind == kind && !(kind == JobKind::Restart && job.begun) => {
                job.tickets.append(&mut tickets);
                unit.job = Some(job);
                return;
            }
            // A restart covers a start.
            Some(mut job) if job.kind == JobKind::Restart && kind == JobKind::Start => {
                job.tickets.append(&mut tickets);
                unit.job = Some(job);
                return;
            }
            Some(mut job) if job.kind == JobKind::Start && kind == JobKind::Restart => {
                job.tickets.append(&mut tickets);
                tickets = job.tickets;
            }
            Some(job) => {
                for ticket in job.tickets {
                    self.report(ticket, name, JobEnd::Canceled);
                }
            }
            None => {}
        }
        let unit = self.units.get_mut(name).expect("just found");
        unit.job = Some(Job { kind, tickets, begun: false });
    }

    /// Ends a unit's job and tells whoever asked for it.
    pub fn finish_job(&mut self, name: &str, end: JobEnd) {
        let Some(job) = self.units.get_mut(name).and_then(|unit| unit.job.take()) else { return };
        for ticket in job.tickets {
            self.report(ticket, name, end.clone());
        }
    }

    /// Begins every job that nothing holds back any more.
    pub fn advance(&mut self) {
        loop {
            let waiting: Vec<String> = self
                .units
                .values()
                .filter(|unit| unit.job.as_ref().is_some_and(|job| !job.begun))
                .map(|unit| unit.name.clone())
                .collect();
            if waiting.is_empty() {
                return;
            }
            let mut ready: Vec<String> =
                waiting.iter().filter(|name| !self.is_held_back(name)).cloned().collect();
            let in_progress = self.units.values().any(|unit| unit.job.as_ref().is_some_and(|job| job.begun));
            if ready.is_empty() && !in_progress {
                let first = waiting[0].clone();
                self.say(&first, &format!("{first}: Found ordering cycle; starting it regardless"));
                ready.push(first);
            }
            if ready.is_empty() {
                return;
            }
            for name in ready {
                self.begin(&name);
            }
        }
    }

    /// Whether another job has to end first.
    fn is_held_back(&self, name: &str) -> bool {
        let unit = &self.units[name];
        let Some(job) = &unit.job else { return false };
        self.units.values().filter(|other| other.name != name).any(|other| {
            let Some(theirs) = &other.job else { return false };
            let after = unit.common.after.contains(&other.name) || other.common.before.contains(&unit.name);
            let before = unit.common.before.contains(&other.name) || other.common.after.contains(&unit.name);
            let goes_down = |job: &Job, unit: &Unit| {
                job.kind == JobKind::Stop
                    || (job.kind == JobKind::Restart && !matches!(unit.phase, Phase::Dead | Phase::Failed))
            };
            match (goes_down(job, unit), goes_down(theirs, other)) {
                // Down in the opposite order of up.
                (true, true) => before,
                // Up only when what is ordered around it has come down.
                (false, true) => {
                    let at_odds = |one: &Unit, two: &Unit| one.common.conflicts.contains(&two.name);
                    after || before || at_odds(unit, other) || at_odds(other, unit)
                }
                (true, false) => false,
                (false, false) => after,
            }
        })
    }

    fn begin(&mut self, name: &str) {
        let unit = self.units.get_mut(name).expect("jobs are of known units");
        let Some(job) = &mut unit.job else { return };
        job.begun = true;
        let idle = matches!(unit.phase, Phase::Dead | Phase::Failed);
        match job.kind {
            JobKind::Restart if idle => {
                job.kind = JobKind::Start;
                self.begin_start(name);
            }
            JobKind::Start => self.begin_start(name),
            JobKind::Stop | JobKind::Restart => self.begin_stop(name),
            JobKind::Reload => self.begin_reload(name),
        }
    }

    fn begin_start(&mut self, name: &str) {
        let unit = &self.units[name];
        if self.leaving {
            self.finish_job(name, JobEnd::Canceled);
            return;
        }
        match unit.active_word() {
            "active" | "reloading" => {
                self.finish_job(name, JobEnd::Done);
                return;
            }
            // On its way: the job ends with it. An automatic restart is taken up at once.
            "activating" if unit.phase != Phase::AutoRestart => return,
            "deactivating" => {
                // Wait for the end of the stop; `enter_dead` takes the job up again.
                if let Some(job) = self.units.get_mut(name).and_then(|unit| unit.job.as_mut()) {
                    job.begun = true;
                }
                return;
            }
            _ => {}
        }
        let needs: Vec<String> = unit.common.requires.iter().chain(&unit.common.binds_to).cloned().collect();
        for needed in needs {
            let Some(other) = self.units.get(&needed) else { continue };
            let kind = UnitName::parse(&needed).map_or("", |parts| parts.kind);
            let ordered = self.units[name].common.after.contains(&needed)
                || other.common.before.iter().any(|n| n == name);
            let is_down = !matches!(other.active_word(), "active" | "reloading" | "activating");
            let is_missing = other.load == Load::NotFound;
            if matches!(kind, "service" | "target") && is_down && (ordered || is_missing) {
                self.say(name, &format!("Dependency failed for {}.", self.title(name)));
                self.say(name, &format!("{name}: Job {name}/start failed with result 'dependency'."));
                self.finish_job(name, JobEnd::Dependency);
                return;
            }
        }
        if let Some(failed) = self.failed_condition(name) {
            let (is_assert, what) = failed;
            let unit = self.units.get_mut(name).expect("known");
            unit.condition = Some(what.clone());
            unit.since_ms = now_ms();
            if is_assert {
                unit.phase = Phase::Failed;
                unit.result = "assert";
                self.say(name, &format!("{}: Starting requested but asserts failed.", name));
                self.finish_job(name, JobEnd::AssertFailed);
            } else {
                unit.phase = Phase::Dead;
                self.say(
                    name,
                    &format!(
                        "{} was skipped because of an unmet condition check ({what}).",
                        self.title(name)
                    ),
                );
                self.finish_job(name, JobEnd::Skipped);
            }
            return;
        }
        self.units.get_mut(name).expect("known").condition = None;
        if self.units[name].service.is_some() {
            self.start_service(name);
        } else {
            let unit = self.units.get_mut(name).expect("known");
            unit.phase = Phase::Running;
            unit.since_ms = now_ms();
            unit.active_enter_ms = unit.since_ms;
            let title = self.title(name);
            self.say(name, &format!("Reached target {title}."));
            self.finish_job(name, JobEnd::Done);
        }
    }

    /// `munge.service - MUNGE authentication service`, as systemd names units in its log.
    pub fn title(&self, name: &str) -> String {
        let description = &self.units[name].common.description;
        if description == name { name.to_owned() } else { format!("{name} - {description}") }
    }

    /// The first condition or assertion that does not hold.
    fn failed_condition(&self, name: &str) -> Option<(bool, String)> {
        let conditions = &self.units[name].common.conditions;
        for is_assert in [false, true] {
            let mut triggers = conditions.iter().filter(|c| c.trigger && c.is_assert == is_assert).peekable();
            let any_trigger = triggers.peek().is_none() || triggers.any(|condition| self.holds(condition));
            let failed = conditions
                .iter()
                .filter(|c| c.is_assert == is_assert)
                .find(|c| if c.trigger { !any_trigger } else { !self.holds(c) });
            if let Some(failed) = failed {
                let word = if is_assert { "Assert" } else { "Condition" };
                let not = if failed.negated { "!" } else { "" };
                return Some((is_assert, format!("{word}{}={not}{}", failed.test.word(), failed.argument)));
            }
        }
        None
    }

    fn holds(&self, condition: &settings::Condition) -> bool {
        use rustix::fs::FileType;
        use settings::Test;
        let path = condition.argument.as_str();
        let place = self.root.place(path, crate::rooted::Link::Follow).ok().flatten();
        let kind = place.as_ref().map(crate::rooted::Place::kind);
        let holds = match condition.test {
            Test::PathExists => place.is_some(),
            Test::PathExistsGlob => self.glob_exists(path),
            Test::PathIsDirectory => kind == Some(FileType::Directory),
            Test::PathIsSymbolicLink => self.root.link(path).is_some(),
            Test::PathIsMountPoint => {
                let parent =
                    self.root.place(&format!("{path}/.."), crate::rooted::Link::Follow).ok().flatten();
                place.is_some_and(|place| place.mount_id() != parent.and_then(|parent| parent.mount_id()))
            }
            Test::FileNotEmpty => {
                kind == Some(FileType::RegularFile) && place.is_some_and(|place| place.stat.st_size > 0)
            }
            Test::DirectoryNotEmpty => !self.root.list(path, 1).is_empty(),
            Test::FileIsExecutable => {
                kind == Some(FileType::RegularFile)
                    && place.is_some_and(|place| place.stat.st_mode & 0o111 != 0)
            }
        };
        holds != condition.negated
    }

    fn glob_exists(&self, pattern: &str) -> bool {
        let mut found = vec![String::new()];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for base in found {
                if !part.contains(['*', '?', '[']) {
                    next.push(format!("{base}/{part}"));
                    continue;
                }
                let names = self.root.list(if base.is_empty() { "/" } else { &base }, unit_file::NAMES_LIMIT);
                next.extend(
                    names
                        .into_iter()
                        .filter(|name| words::glob(part, name))
                        .map(|name| format!("{base}/{name}")),
                );
            }
            next.truncate(1000);
            found = next;
        }
        found.iter().any(|path| self.root.place(path, crate::rooted::Link::Follow).ok().flatten().is_some())
    }

    fn begin_stop(&mut self, name: &str) {
        let unit = self.units.get_mut(name).expect("known");
        unit.stop_wanted = true;
        if unit.service.is_none() || matches!(unit.phase, Phase::Dead | Phase::Failed) {
            let was_up = unit.phase == Phase::Running;
            // A failed unit stays failed when it is stopped, as with systemd.
            if unit.phase != Phase::Failed {
                unit.phase = Phase::Dead;
            }
            if was_up {
                unit.since_ms = now_ms();
                unit.active_exit_ms = unit.since_ms;
                let title = self.title(name);
                self.say(name, &format!("Stopped target {title}."));
            }
            self.after_stop(name);
            return;
        }
        self.stop_service(name);
    }

    /// The unit is down: ends a stop, turns a restart into a start.
    pub fn after_stop(&mut self, name: &str) {
        let kind = self.units[name].job.as_ref().map(|job| job.kind);
        match kind {
            Some(JobKind::Stop) => self.finish_job(name, JobEnd::Done),
            Some(JobKind::Restart) => {
                let unit = self.units.get_mut(name).expect("known");
                // Files changed meanwhile count only after daemon-reload, so nothing is read here.
                if let Some(job) = &mut unit.job {
                    job.kind = JobKind::Start;
                    job.begun = false;
                }
            }
            _ => {}
        }
    }

    /// `systemctl reset-failed`.
    pub fn reset_failed(&mut self, names: &[String]) {
        for unit in self.units.values_mut() {
            if !names.is_empty() && !names.contains(&unit.name) {
                continue;
            }
            unit.starts.clear();
            unit.restarts = 0;
            if unit.phase == Phase::Failed {
                unit.phase = Phase::Dead;
                unit.result = "success";
            }
        }
    }

    // ----- the whole -----

    /// Enabled services that should run and do not, and whatever has failed.
    pub fn failed_units(&self) -> Vec<String> {
        let wanted: BTreeSet<&String> = self
            .units
            .values()
            .filter(|unit| unit.name.ends_with(".target") && unit.phase == Phase::Running)
            .flat_map(|unit| unit.common.wants.iter().chain(&unit.common.requires))
            .collect();
        self.units
            .values()
            .filter(|unit| {
                let stays = unit.service.as_ref().is_some_and(|service| service.kind != Type::Oneshot);
                unit.phase == Phase::Failed
                    || unit.phase == Phase::AutoRestart
                    || (wanted.contains(&unit.name)
                        && stays
                        && !is_systemds_own(&unit.name)
                        && unit.phase == Phase::Dead
                        && unit.condition.is_none()
                        && unit.load == Load::Loaded)
            })
            .map(|unit| unit.name.clone())
            .collect()
    }

    /// Begins to stop everything, because the node goes down.
    pub fn stop_all(&mut self) {
        self.leaving = true;
        let names: Vec<String> =
            self.units.values().filter(|unit| unit.service.is_some()).map(|unit| unit.name.clone()).collect();
        for name in names {
            if !matches!(self.units[&name].phase, Phase::Dead | Phase::Failed) {
                self.put_job(&name, JobKind::Stop, None);
            }
        }
        self.advance();
    }

    /// All services are down.
    pub fn is_down(&self) -> bool {
        self.units
            .values()
            .all(|unit| unit.service.is_none() || matches!(unit.phase, Phase::Dead | Phase::Failed))
    }

    /// When the manager must look again by itself.
    pub fn next_deadline(&self) -> Option<Instant> {
        let aliens = self
            .units
            .values()
            .any(|unit| unit.watches_without_events())
            .then(|| Instant::now() + Duration::from_millis(500));
        self.units.values().flat_map(|unit| [unit.deadline, unit.look_again]).flatten().chain(aliens).min()
    }

    /// The unit that a process belongs to, by its mark.
    pub fn unit_of(&self, pid: i32) -> Option<&Unit> {
        let mark = processes::mark(pid)?;
        self.units.values().find(|unit| unit.mark == mark)
    }

    // ----- output of services -----

    pub fn follow(&mut self, unit: &str, speaker: &str, pid: i32, fd: OwnedFd) {
        if self.logs.len() < LOGS_LIMIT {
            self.logs.push(LogPipe {
                fd,
                unit: unit.to_owned(),
                speaker: speaker.to_owned(),
                pid,
                partial: Vec::new(),
            });
        }
    }

    /// Reads what services have printed, a bounded amount per call.
    pub fn read_logs(&mut self) {
        let mut index = 0;
        while index < self.logs.len() {
            if self.read_log(index) { index += 1 } else { drop(self.logs.swap_remove(index)) }
        }
    }

    /// Whether the pipe is still open.
    fn read_log(&mut self, index: usize) -> bool {
        let mut chunk = [0; 16 * 1024];
        let mut is_open = true;
        for _ in 0..4 {
            let pipe = &mut self.logs[index];
            match rustix::io::read(&pipe.fd, &mut chunk) {
                Ok(0) => is_open = false,
                Ok(got) => {
                    pipe.partial.extend_from_slice(&chunk[..got]);
                    let mut rest = std::mem::take(&mut pipe.partial);
                    let (unit, speaker, pid) = (pipe.unit.clone(), pipe.speaker.clone(), pipe.pid);
                    let mut from = 0;
                    while let Some(length) = rest[from..].iter().position(|byte| *byte == b'\n') {
                        let line = String::from_utf8_lossy(&rest[from..from + length]).into_owned();
                        if !line.trim().is_empty() {
                            self.journal.add(Some(&unit), &speaker, pid, &line);
                        }
                        from += length + 1;
                    }
                    rest.drain(..from);
                    if rest.len() > 8 * 1024 {
                        self.journal.add(Some(&unit), &speaker, pid, &String::from_utf8_lossy(&rest));
                        rest.clear();
                    }
                    self.logs[index].partial = rest;
                    continue;
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => is_open = false,
            }
            break;
        }
        if !is_open {
            let pipe = &mut self.logs[index];
            let rest = std::mem::take(&mut pipe.partial);
            if !rest.is_empty() {
                let (unit, speaker, pid) = (pipe.unit.clone(), pipe.speaker.clone(), pipe.pid);
                self.journal.add(Some(&unit), &speaker, pid, &String::from_utf8_lossy(&rest));
            }
        }
        is_open
    }

    // ----- views -----

    /// Describes a unit, loading it if need be.
    pub fn view(&mut self, asked: &str) -> UnitView {
        let name = self.load(asked);
        let pids = processes::of_mark(self.units[&name].mark);
        self.view_loaded(asked, &name, pids)
    }

    /// Describes all loaded units.
    pub fn views(&mut self) -> Vec<UnitView> {
        let names: Vec<String> = self.units.keys().cloned().collect();
        let mut marked = processes::marked();
        names
            .iter()
            .map(|name| {
                let pids = marked.remove(&self.units[name].mark).unwrap_or_default();
                self.view_loaded(name, name, pids)
            })
            .collect()
    }

    fn view_loaded(&self, asked: &str, name: &str, pids: Vec<i32>) -> UnitView {
        let unit = &self.units[name];
        let service = unit.service.as_deref();
        UnitView {
            asked: asked.to_owned(),
            name: name.to_owned(),
            description: unit.common.description.clone(),
            documentation: unit.common.documentation.clone(),
            load: unit.load.word().to_owned(),
            load_problem: match &unit.load {
                Load::BadSetting(why) => Some(why.clone()),
                _ => None,
            },
            active: unit.active_word().to_owned(),
            sub: unit.sub_word().to_owned(),
            result: unit.result.to_owned(),
            path: unit.path.clone(),
            sources: unit.text.sources.clone(),
            kind: service.map_or("", |service| service.kind.word()).to_owned(),
            restart: service.map_or("", |service| service.restart.word()).to_owned(),
            main_pid: unit.main.as_ref().map(|main| main.pid),
            control_pid: unit.control.as_ref().map(|control| control.pid),
            main_ended: unit.main_ended.clone(),
            main_began_ms: unit.main.as_ref().map(|main| main.began_ms),
            commands: unit.commands.clone(),
            pids,
            restarts: unit.restarts,
            status_text: unit.status_text.clone(),
            invocation: unit.invocation.clone(),
            since_ms: unit.since_ms,
            active_enter_ms: unit.active_enter_ms,
            active_exit_ms: unit.active_exit_ms,
            condition: unit.condition.clone(),
            can_reload: service.is_some_and(|service| !service.reload.is_empty()),
            has_job: unit.job.is_some(),
            assignments: unit.text.assignments.clone(),
            after: unit.common.after.clone(),
            before: unit.common.before.clone(),
            requires: unit.common.requires.clone(),
            wants: unit.common.wants.clone(),
            conflicts: unit.common.conflicts.clone(),
        }
    }
}

/// Services that systemd's package brings for its own work: journald, udevd,
/// tmpfiles. Where that package is installed they are not pulled in at boot,
/// since this manager does that work, or a container cannot.
fn is_systemds_own(name: &str) -> bool {
    name.ends_with(".service")
        && (name.starts_with("systemd-") || name.starts_with("getty@") || name.starts_with("console-getty"))
}

/// Targets that systemd itself would bring and that need no file here.
fn is_standard_target(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "basic",
        "cryptsetup",
        "default",
        "getty",
        "graphical",
        "local-fs",
        "local-fs-pre",
        "multi-user",
        "network",
        "network-online",
        "network-pre",
        "nss-lookup",
        "nss-user-lookup",
        "paths",
        "remote-fs",
        "remote-fs-pre",
        "rpcbind",
        "shutdown",
        "slices",
        "sockets",
        "swap",
        "sysinit",
        "time-set",
        "time-sync",
        "timers",
    ];
    name.strip_suffix(".target").is_some_and(|stem| NAMES.contains(&stem))
}
