//! Every question of `crashcart-facts`, answered for real.
//!
//! Reads the node's files through `rooted.rs` and the kernel's own words in
//! /proc and /sys; asks the service manager's state as this worker inherited
//! it. Tools of the node run for `command` questions only. What is missing is
//! a fact; what cannot be found out is `Unreadable`, with the reason.

mod block_devices;
mod boot_loader;
mod compressed;
mod files;
mod http;
mod initramfs;
pub mod inventory;
mod kernel_facts;
mod logs;
mod memory_facts;
mod module_files;
mod mounts;
mod packages;
mod ports;
mod process_facts;
mod scheduling;
pub mod time_stamps;
#[cfg(test)]
mod trees;

use std::io;
use std::time::{Duration, Instant};

use crashcart_facts::{
    CommandFact, End, Fact, GroupFact, LogFact, LogOf, Question, Reading, ServiceFact, UserFact,
};

use crate::accounts::Accounts;
use crate::guest::systemd::Systemd;
use crate::init::Init;
use crate::manager::unit_file;
use crate::processes;
use crate::program::{self, Identity, Program, SEARCH_PATH};
use crate::rooted::Root;

/// Most time that one reading of a file may take, so that none eats the budget of all.
const FILE_TIME: Duration = Duration::from_secs(4);
/// Most time of one search.
const SEARCH_TIME: Duration = Duration::from_secs(6);
/// Most time of unpacking one initramfs; what a host allows for it beside the rest.
const UNPACK_TIME: Duration = Duration::from_secs(30);

/// Answers questions within one deadline.
pub struct Collector<'a> {
    root: Root,
    init: &'a Init,
    deadline: Instant,
}

/// A fact, or the error that kept it from being one.
type Answered = io::Result<Fact>;

/// A kernel release as asked for, or that of the running kernel.
fn release_or_running(release: &Option<String>) -> String {
    let running = || rustix::system::uname().release().to_string_lossy().into_owned();
    release.clone().unwrap_or_else(running)
}

impl<'a> Collector<'a> {
    pub fn new(init: &'a Init, deadline: Instant) -> io::Result<Self> {
        Ok(Self { root: Root::system()?, init, deadline })
    }

    /// Puts one question to the node.
    pub fn read(&self, question: &Question) -> Reading {
        match self.answer(question) {
            Ok(fact) => Reading::Known(fact),
            Err(error) => {
                let text = error.to_string();
                Reading::Unreadable { why: text.split(" (os error").next().unwrap_or_default().to_owned() }
            }
        }
    }

    fn within(&self, longest: Duration) -> Instant {
        self.deadline.min(Instant::now() + longest)
    }

    fn answer(&self, question: &Question) -> Answered {
        let root = &self.root;
        let boot = self.init.manager.machine_boot_ms;
        Ok(match question {
            Question::File { path } => Fact::File(files::file(root, path, self.within(FILE_TIME))?),
            Question::Text { path } => Fact::Text(files::text(root, path)?),
            Question::Find { under, name, sha256 } => {
                let wanted = files::Wanted { name: name.as_deref(), sha256: sha256.as_deref() };
                Fact::Find(files::find(root, under, &wanted, self.within(SEARCH_TIME))?)
            }
            Question::Service { unit } if self.init.in_guest => Fact::Service(self.service_of_guest(unit)?),
            Question::Service { unit } => Fact::Service(self.service(unit)),
            Question::Process(of) => {
                let pids = self.pids(of)?;
                Fact::Process(process_facts::processes(&pids, &Accounts::read(root), boot))
            }
            Question::Port { port, protocol } => Fact::Port(ports::port(*port, *protocol)?),
            Question::Package { name } => Fact::Package(packages::package(root, name)?),
            Question::User { name } => Fact::User(self.user(name)),
            Question::Group { name } => Fact::Group(self.group(name)),
            Question::Mount { path } => Fact::Mount(mounts::mount(root, path)?),
            Question::Device { path } => Fact::Device(files::device(root, path)?),
            Question::Module { name } => Fact::Module(kernel_facts::module(root, name)?),
            Question::KernelParameter { name } => Fact::KernelParameter(kernel_facts::parameter(root, name)?),
            Question::KernelCommandLine {} => Fact::KernelCommandLine(kernel_facts::command_line(root)?),
            Question::Cgroup { of, file } => Fact::Cgroup(self.cgroup(of, file)?),
            Question::Limit { of, resource } => {
                Fact::Limit(process_facts::limit(self.pids(of)?.first().copied(), resource))
            }
            Question::Log { of: LogOf::Unit(unit), within_s } if self.init.in_guest => {
                Fact::Log(self.journal_of_guest(unit, *within_s)?)
            }
            Question::Log { of, within_s } => Fact::Log(logs::log(root, &self.init.manager, of, *within_s)?),
            Question::Http { url, timeout_ms } => {
                let until = self.within(Duration::from_millis(u64::from(*timeout_ms)));
                Fact::Http(http::get(root, url, until))
            }
            Question::Command { argv, user, stdin, env, timeout_ms } => {
                let until = self.within(Duration::from_millis(u64::from(*timeout_ms)));
                Fact::Command(self.command(argv, user.as_deref(), stdin, env, until)?)
            }
            Question::Gpu { index } => {
                let hardware = self.init.hardware.as_ref();
                Fact::Gpu(Box::new(hardware.map(|hardware| hardware.gpu(*index)).unwrap_or_default()))
            }
            Question::Gpus {} => {
                let hardware = self.init.hardware.as_ref();
                Fact::Gpus(Box::new(hardware.map(|hardware| hardware.gpus()).unwrap_or_default()))
            }
            Question::Hugepages { size_kib } => Fact::Hugepages(memory_facts::hugepages(root, *size_kib)?),
            Question::TransparentHugepages {} => {
                Fact::TransparentHugepages(memory_facts::transparent_hugepages(root)?)
            }
            Question::Memory { of } => Fact::Memory(memory_facts::memory(root, &self.pids(of)?)?),
            Question::Threads { of } => Fact::Threads(scheduling::threads(root, &self.pids(of)?)?),
            Question::Processors {} => Fact::Processors(Box::new(scheduling::processors(root)?)),
            Question::Interrupts { name } => Fact::Interrupts(scheduling::interrupts(root, name)?),
            Question::NextBoot {} => Fact::NextBoot(boot_loader::next_boot(root)?),
            Question::ModuleFile { name, release } => {
                Fact::ModuleFile(module_files::module_file(root, name, &release_or_running(release))?)
            }
            Question::Initramfs { release, member } => Fact::Initramfs(initramfs::initramfs(
                root,
                &release_or_running(release),
                member.as_deref(),
                self.within(UNPACK_TIME),
            )?),
            Question::Dkms { name } => Fact::Dkms(module_files::dkms(root, name)?),
            Question::KernelCounter { file, name } => {
                Fact::KernelCounter(memory_facts::counter(root, file, name)?)
            }
            Question::BlockDevice { name } => Fact::BlockDevice(block_devices::block_device(root, name)?),
        })
    }

    fn pids(&self, of: &crashcart_facts::ProcessOf) -> io::Result<Vec<i32>> {
        if let (true, crashcart_facts::ProcessOf::Unit(unit)) = (self.init.in_guest, of) {
            return self.pids_of_guest(unit);
        }
        let mark = |unit: &str| {
            let name = unit_file::complete_name(unit);
            self.init.manager.units.get(&name).map(|unit| unit.mark)
        };
        Ok(process_facts::matching(of, mark))
    }

    fn service(&self, asked: &str) -> ServiceFact {
        let mut name = unit_file::complete_name(asked);
        let enabled = unit_file::enablement(&self.root, &name);
        if let unit_file::Found::Unit { name: real, .. } = unit_file::find(&self.root, &name) {
            name = real;
        }
        let enabled = match enabled.as_deref() {
            // An alias is as enabled as the unit that it stands for.
            Some("alias") => unit_file::enablement(&self.root, &name),
            _ => enabled,
        };
        let unit = self.init.manager.units.get(&name);
        let main = unit.and_then(|unit| unit.main.as_ref());
        let started = main.and_then(|main| processes::stat(main.pid));
        let boot = self.init.manager.machine_boot_ms;
        ServiceFact {
            known: enabled.is_some(),
            active: match unit.map(|unit| unit.active_word()) {
                None => "inactive".into(),
                // A service that reloads is up.
                Some("reloading") => "active".into(),
                Some(word) => word.into(),
            },
            enabled: match enabled.as_deref() {
                Some("masked-runtime") => "masked".into(),
                Some("enabled-runtime") => "disabled".into(),
                Some("indirect") => "static".into(),
                other => other.unwrap_or_default().to_owned(),
            },
            main_pid: main.and_then(|main| u32::try_from(main.pid).ok()),
            exe: main.and_then(|main| processes::executable(main.pid)),
            started_at_ms: started.map(|stat| processes::started_at_ms(stat.started_ticks, boot)),
            restarts: unit.map_or(0, |unit| unit.restarts),
            result: unit.map_or("success", |unit| unit.result).to_owned(),
        }
    }

    /// A unit as the guest's systemd knows it.
    fn service_of_guest(&self, asked: &str) -> io::Result<ServiceFact> {
        let name = unit_file::complete_name(asked);
        let unit = Systemd::connect()?.unit(&name)?;
        let pid = i32::try_from(unit.main_pid).ok().filter(|pid| *pid > 0);
        let started = pid.and_then(processes::stat);
        let boot = self.init.manager.machine_boot_ms;
        Ok(ServiceFact {
            known: unit.load != "not-found",
            active: match unit.active.as_str() {
                "reloading" => "active".into(),
                word => word.into(),
            },
            enabled: match unit.unit_file.as_str() {
                "masked-runtime" => "masked".into(),
                "enabled-runtime" | "linked" | "linked-runtime" => "disabled".into(),
                "alias" => "enabled".into(),
                "indirect" | "generated" | "transient" => "static".into(),
                word => word.into(),
            },
            main_pid: pid.and_then(|pid| u32::try_from(pid).ok()),
            exe: pid.and_then(processes::executable),
            started_at_ms: started.map(|stat| processes::started_at_ms(stat.started_ticks, boot)),
            restarts: unit.restarts,
            result: unit.result,
        })
    }

    /// The journal keeps its own format; the guest's journalctl reads it, run by its path with a clean
    /// environment.
    fn journal_of_guest(&self, unit: &str, within_s: u32) -> io::Result<LogFact> {
        let name = unit_file::complete_name(unit);
        let mut argv = ["/usr/bin/journalctl", "--quiet", "--no-pager", "--boot", "--lines=2000", "--unit"]
            .map(str::to_owned)
            .to_vec();
        argv.push(name.clone());
        if within_s > 0 {
            argv.push(format!("--since=-{within_s}s"));
        }
        let ran = self.command(&argv, None, "", &Default::default(), self.within(SEARCH_TIME))?;
        if ran.exit != Some(0) {
            return Err(io::Error::other(format!("journalctl did not read it: {}", ran.stderr.trim())));
        }
        let exists = !ran.stdout.is_empty()
            || !matches!(unit_file::find(&self.root, &name), unit_file::Found::Missing);
        let truncated = ran.stdout.len() >= crashcart_facts::TEXT_LIMIT;
        Ok(LogFact { exists, text: ran.stdout, truncated })
    }

    /// All processes in the control group of a unit, and in those below it.
    fn pids_of_guest(&self, unit: &str) -> io::Result<Vec<i32>> {
        let group = Systemd::connect()?.unit(&unit_file::complete_name(unit))?.control_group;
        if group.is_empty() || group == "/" {
            return Ok(Vec::new());
        }
        let mut pids = kernel_facts::processes_below(std::path::Path::new("/sys/fs/cgroup"), &group);
        pids.sort_unstable();
        Ok(pids)
    }

    fn user(&self, name: &str) -> UserFact {
        let accounts = Accounts::read(&self.root);
        let Some(user) = accounts.users.iter().find(|user| user.name == name) else {
            return UserFact::default();
        };
        UserFact {
            exists: true,
            uid: Some(user.uid),
            gid: Some(user.gid),
            home: Some(user.home.clone()),
            shell: Some(user.shell.clone()),
            groups: accounts.groups_of(user),
        }
    }

    fn group(&self, name: &str) -> GroupFact {
        let accounts = Accounts::read(&self.root);
        let Some(group) = accounts.groups.iter().find(|group| group.name == name) else {
            return GroupFact::default();
        };
        GroupFact { exists: true, gid: Some(group.gid), members: accounts.members_of(group) }
    }

    fn cgroup(&self, of: &str, file: &str) -> io::Result<crashcart_facts::CgroupFact> {
        if of.starts_with('/') {
            return kernel_facts::cgroup_at(&self.root, of, file);
        }
        let pids = self.pids(&crashcart_facts::ProcessOf::Unit(of.to_owned()))?;
        kernel_facts::cgroup_of(&self.root, pids.first().copied(), file)
    }

    fn command(
        &self,
        argv: &[String],
        user: Option<&str>,
        stdin: &str,
        env: &std::collections::BTreeMap<String, String>,
        until: Instant,
    ) -> io::Result<CommandFact> {
        let Some(path) = argv.first().filter(|path| path.starts_with('/')) else {
            return Err(io::Error::other("a command is run by its absolute path only"));
        };
        let accounts = Accounts::read(&self.root);
        let name = user.unwrap_or("root");
        let account = accounts.user(name).cloned();
        let identity = match (&account, user) {
            (Some(user), Some(_)) => {
                Some(Identity { uid: user.uid, gid: user.gid, groups: accounts.group_ids(user) })
            }
            // Whoever should run it does not exist: it could not be started, and that is a fact.
            (None, Some(_)) => {
                return Ok(CommandFact {
                    stderr: format!("there is no user `{name}`"),
                    ..CommandFact::default()
                });
            }
            (_, None) => None,
        };
        let home = account.map_or_else(|| "/root".to_owned(), |user| user.home);
        let mut variables: Vec<(String, String)> = [
            ("PATH", SEARCH_PATH),
            ("LANG", "C"),
            ("HOME", home.as_str()),
            ("USER", name),
            ("LOGNAME", name),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
        variables.extend(env.clone());
        let outcome = program::run(Program {
            argv: argv.to_vec(),
            env: variables,
            directory: home.clone(),
            identity,
            stdin: stdin.as_bytes().to_vec(),
            extra: None,
            deadline: until,
            leave_nothing: true,
        })?;
        let took_ms = u32::try_from(outcome.took.as_millis()).unwrap_or(u32::MAX);
        if let Some(why) = outcome.not_started {
            let why = why.split(" (os error").next().unwrap_or_default().to_owned();
            return Ok(CommandFact { stderr: format!("{path}: {why}"), took_ms, ..CommandFact::default() });
        }
        Ok(CommandFact {
            started: true,
            exit: match outcome.end {
                End::Exit(code) => Some(code),
                _ => None,
            },
            signal: match outcome.end {
                End::Signal(signal) => Some(signal),
                _ => None,
            },
            timed_out: outcome.end == End::TimedOut,
            stdout: outcome.stdout,
            stderr: outcome.stderr,
            took_ms,
        })
    }
}
