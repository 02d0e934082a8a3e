//! The owner of a node's simulated hardware: PID 1 holds the machine in its own
//! memory, where root of the node neither reads nor writes it.
//!
//! `desk` is where the programs of a container node meet it, `surfaces` what a
//! kernel would show of it there; a guest's own kernel finds it on the
//! `backplane`, which `guest` serves. `keep` is what outlives a power cycle,
//! `facts` what graders ask. What devices do is said by `crashcart-hardware`;
//! this gives it time, clients and a disk. Knows no units and no requests.

mod backplane;
mod desk;
mod facts;
mod guest;
mod keep;
mod surfaces;

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crashcart_facts::{
    GpuFact, GpusFact, HARDWARE_KEY_VARIABLE, HARDWARE_VARIABLE, HardwareAct, NodeHardware,
};
use crashcart_hardware::command::{Command, Outcome, Verb};
use crashcart_hardware::fault::Inherited;
use crashcart_hardware::machine::{Client, KernelLine, Machine};
use crashcart_hardware::page::{GpuPage, NodePage, Shared, gpu_offset, node_offset};

use crate::manager::now_ms;
use desk::{Desk, Heard};
pub use guest::{DriverTold, GuestHardware};
use keep::{Key, Past};

/// How long hardware that nobody looks at may go on by itself: Xids come at most so much later.
const UNSEEN: Duration = Duration::from_secs(2);
/// Shortest time between two writes of what is kept.
const BETWEEN_WRITES: Duration = Duration::from_millis(200);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);
/// How long before the first thing that happened to it hardware with a past was switched on.
const UP_BEFORE_MS: u64 = 24 * 3_600_000;

/// A node's hardware and its clients.
pub struct Hardware {
    desk: Desk,
    owner: Owner,
}

struct Owner {
    machine: Machine,
    place: Place,
    key: Key,
    /// Faults that wait for the host's word.
    waiting: Vec<Inherited>,
    /// When the machine changes by itself.
    due: Instant,
    /// When the disk may be written again.
    write_after: Instant,
    /// The kernel's lines, and then our own, for the node's log.
    kernel: Vec<KernelLine>,
    said: Vec<String>,
}

/// Where the node sees it.
enum Place {
    Node {
        /// Where clients read.
        words: &'static [AtomicU64],
        bus: surfaces::PciBus,
        capabilities: surfaces::Capabilities,
    },
    Guest(Box<backplane::Backplane>),
}

/// What PID 1 is told of the hardware; nothing where the node has none.
struct Told {
    hardware: NodeHardware,
    key: Key,
    /// What was kept of an earlier power cycle.
    past: Past,
}

impl Told {
    fn from_environment() -> Result<Option<Self>, String> {
        let Ok(text) = std::env::var(HARDWARE_VARIABLE) else { return Ok(None) };
        let hardware: NodeHardware =
            serde_json::from_str(&text).map_err(|error| format!("it is not understood: {error}"))?;
        let key = std::env::var(HARDWARE_KEY_VARIABLE).ok().and_then(|key| Key::parse(&key));
        let key = key.ok_or("there is no key for what it keeps")?;
        let past = keep::load(&key);
        Ok(Some(Self { hardware, key, past }))
    }

    /// What was kept, as text.
    fn saved(&self) -> Option<&str> {
        match &self.past {
            Past::Kept(text) => Some(text.as_str()),
            Past::None | Past::Forged => None,
        }
    }

    /// When the machine was switched on: before the first thing that happened to it.
    fn since_ms(&self) -> u64 {
        let past_ms = self.saved().is_none().then(|| age_ms(&self.hardware.faults)).flatten();
        now_ms().saturating_sub(past_ms.map_or(0, |age| age + UP_BEFORE_MS))
    }
}

impl Hardware {
    /// The hardware that the environment of PID 1 speaks of; `Err` says why there is none.
    pub fn from_environment() -> Result<Option<Self>, String> {
        let Some(told) = Told::from_environment()? else { return Ok(None) };
        let machine = Machine::new(&told.hardware.spec, told.saved(), told.since_ms())
            .map_err(|error| error.to_string())?;
        let desk = Desk::open(machine.gpus()).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => {
                "this kernel cannot seal memory against writing (`F_SEAL_FUTURE_WRITE`, Linux 5.1)".to_owned()
            }
            _ => format!("its socket or its memory could not be had: {error}"),
        })?;
        let place = Place::Node {
            words: desk.words(),
            bus: surfaces::PciBus::default(),
            capabilities: surfaces::Capabilities::default(),
        };
        let mut owner = Owner::new(machine, place, told);
        if let Err(error) = surfaces::make_devices(&owner.gpus()) {
            owner.said.push(format!("The device files of the GPUs could not be made: {error}"));
        }
        owner.publish();
        Ok(Some(Self { desk, owner }))
    }

    /// Descriptors to wait for.
    pub fn watched(&self) -> impl Iterator<Item = &OwnedFd> {
        self.desk.watched()
    }

    /// When to take a turn if nobody comes.
    pub fn deadline(&self) -> Option<Instant> {
        Some(self.owner.deadline())
    }

    /// Serves whoever is there, lets time pass, and writes down what is to be kept.
    pub fn turn(&mut self) {
        let owner = &mut self.owner;
        self.desk.serve(&mut |heard| owner.hear(heard));
        if Instant::now() >= owner.due {
            owner.publish();
        }
        if !self.desk.is_visited() {
            owner.due = owner.due.max(Instant::now() + UNSEEN);
        }
        owner.keep();
    }

    /// Lines of the kernel since the last call.
    pub fn take_kernel_lines(&mut self) -> Vec<KernelLine> {
        std::mem::take(&mut self.owner.kernel)
    }

    /// What PID 1 has to say of it.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.owner.said)
    }

    /// Does what the host asks; the reason where it does not.
    pub fn act(&mut self, act: HardwareAct) -> Result<(), String> {
        self.owner.act(act)
    }

    /// Faults that wait for the host's word wait no longer.
    pub fn let_break(&mut self) {
        self.owner.let_waiting_break();
    }

    /// The last act before the power goes.
    pub fn leave(&mut self) {
        self.owner.leave();
    }

    /// In a worker: lets go of all clients, whose connections are not a worker's to hold.
    pub fn forget_clients(&mut self) {
        self.desk.forget_clients();
    }

    pub fn gpu(&self, index: u32) -> GpuFact {
        facts::gpu(&self.owner.gpus(), index)
    }

    pub fn gpus(&self) -> GpusFact {
        facts::gpus(&self.owner.machine, &self.owner.gpus())
    }
}

impl Owner {
    fn new(machine: Machine, place: Place, told: Told) -> Self {
        let is_new = told.saved().is_none() || machine.saved_refused().is_some();
        let now = Instant::now();
        let mut owner = Self {
            machine,
            place,
            key: told.key,
            waiting: if is_new { told.hardware.faults } else { Vec::new() },
            due: now,
            write_after: now,
            kernel: Vec::new(),
            said: Vec::new(),
        };
        if told.past == Past::Forged {
            // Somebody wanted another past: it is as broken as on its first day, and from the start.
            owner
                .said
                .push("What the hardware had kept was not written by this node; it begins anew.".to_owned());
            owner.let_break();
        }
        owner
    }

    /// When to take a turn if nobody comes.
    fn deadline(&self) -> Instant {
        let write = self.has_to_keep().then_some(self.write_after);
        write.map_or(self.due, |write| write.min(self.due))
    }

    fn act(&mut self, act: HardwareAct) -> Result<(), String> {
        let stranger = || "this is not the host's token".to_owned();
        match act {
            HardwareAct::Break => self.let_break(),
            HardwareAct::Inject { token, .. } | HardwareAct::Serve { token, .. }
                if !self.key.is_hosts(&token) =>
            {
                return Err(stranger());
            }
            HardwareAct::Inject { faults, .. } => {
                for fault in &faults {
                    self.machine.inject(now_ms(), fault).map_err(|error| error.to_string())?;
                }
            }
            HardwareAct::Serve { deed, .. } => {
                self.machine.serve(now_ms(), deed).map_err(|error| error.to_string())?;
            }
        }
        self.publish();
        self.keep();
        Ok(())
    }

    fn let_waiting_break(&mut self) {
        if !self.waiting.is_empty() {
            self.let_break();
            self.publish();
            self.keep();
        }
    }

    fn leave(&mut self) {
        self.write_after = Instant::now();
        self.keep();
    }

    fn gpus(&self) -> Vec<GpuPage> {
        (0..self.machine.gpus()).map(|index| self.machine.gpu_page(index)).collect()
    }

    fn hear(&mut self, heard: Heard) -> Option<Outcome> {
        let outcome = match heard {
            Heard::Arrives => None,
            Heard::Command(who, command) => {
                self.meet(&who, &command);
                let from = Client { connection: who.client, pid: who.pid, uid: who.uid };
                Some(self.machine.command(now_ms(), from, &command))
            }
            Heard::Left { client } => {
                self.machine.disconnect(now_ms(), client);
                None
            }
        };
        // Before the answer: who has it finds its effect on the pages.
        self.publish();
        outcome
    }

    /// Who begins to work is to be known by name.
    fn meet(&mut self, who: &desk::Who, command: &Command) {
        if command.verb == Verb::OpenContext as u32
            && let Ok(name) = std::fs::read_to_string(format!("/proc/{}/comm", who.pid))
        {
            self.machine.meet(who.client, name.trim_end());
        }
    }

    /// What happened first comes first.
    fn let_break(&mut self) {
        self.waiting.sort_by_key(|fault| std::cmp::Reverse(fault.ago_s));
        let now = now_ms();
        for Inherited { ago_s, fault } in std::mem::take(&mut self.waiting) {
            let then = now.saturating_sub(u64::from(ago_s) * 1000);
            if let Err(error) = self.machine.inject_as_of(now, then, &fault) {
                self.said.push(format!("A fault of the lab does not fit this hardware: {error}"));
            }
        }
    }

    /// Shows the machine as it is now, everywhere.
    fn publish(&mut self) {
        let now = now_ms();
        self.machine.advance(now);
        let words = match &self.place {
            Place::Node { words, .. } => words,
            Place::Guest(board) => board.pages(),
        };
        let at = |offset: usize| words.get(offset / 8..).unwrap_or_default();
        let pages = (0..self.machine.gpus()).map(|index| Shared::over::<GpuPage>(at(gpu_offset(index))));
        if let (Some(node), Some(pages)) =
            (Shared::over::<NodePage>(at(node_offset())), pages.collect::<Option<Vec<_>>>())
        {
            self.machine.publish(&node, &pages);
        }
        let left = self.machine.next_change_ms(now).saturating_sub(now);
        self.due = Instant::now() + Duration::from_millis(left);
        let lines = self.machine.take_kernel_lines();
        let gpus = self.gpus();
        let shown = match &mut self.place {
            Place::Node { bus, capabilities, .. } => {
                self.kernel.extend(lines);
                bus.show(&gpus).and(capabilities.show(&gpus))
            }
            Place::Guest(board) => {
                let ringer = (0..gpus.len()).find(|gpu| self.machine.has_taken(*gpu)).unwrap_or(0);
                board.show(&gpus).and(board.say(&lines, ringer))
            }
        };
        if let Err(error) = shown {
            self.said.push(format!("The node could not be shown its GPUs: {error}"));
        }
    }

    /// Writes what outlives a power cycle, where it has changed.
    fn keep(&mut self) {
        let now = Instant::now();
        if !self.has_to_keep() || now < self.write_after {
            return;
        }
        match keep::save(&self.key, &self.machine.save()) {
            Ok(()) => {
                self.machine.mark_saved();
                self.write_after = now + BETWEEN_WRITES;
            }
            // The disk is the node's: full, or taken away.
            Err(error) => {
                self.said.push(format!("What the hardware keeps could not be written: {error}"));
                self.write_after = now + AFTER_A_FAILURE;
            }
        }
    }

    /// While faults wait for their time, the machine has no past to keep.
    fn has_to_keep(&self) -> bool {
        self.waiting.is_empty() && self.machine.changed_since_save()
    }
}

/// Age of the oldest of these that did not happen just now, in milliseconds.
fn age_ms(faults: &[Inherited]) -> Option<u64> {
    let oldest = faults.iter().map(|fault| fault.ago_s).max().filter(|seconds| *seconds > 0)?;
    Some(u64::from(oldest) * 1000)
}
