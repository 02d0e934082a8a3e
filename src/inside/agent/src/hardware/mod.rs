//! The owner of a node's simulated hardware: PID 1 holds the machine in its own
//! memory, where root of the node neither reads nor writes it.
//!
//! `desk` is where the node's programs meet it, `keep` what outlives a power
//! cycle, `surfaces` what a kernel would show of it, `facts` what graders ask.
//! What devices do is said by `crashcart-hardware`; this gives it time, clients
//! and a disk. Knows no units and no requests.

mod desk;
mod facts;
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
    /// Where clients read.
    words: &'static [AtomicU64],
    key: Key,
    /// Faults that wait for the host's word.
    waiting: Vec<Inherited>,
    bus: surfaces::PciBus,
    capabilities: surfaces::Capabilities,
    /// When the machine changes by itself.
    due: Instant,
    /// When the disk may be written again.
    write_after: Instant,
    /// The kernel's lines, and then our own, for the node's log.
    kernel: Vec<KernelLine>,
    said: Vec<String>,
}

impl Hardware {
    /// The hardware that the environment of PID 1 speaks of; `Err` says why there is none.
    pub fn from_environment() -> Result<Option<Self>, String> {
        let Ok(text) = std::env::var(HARDWARE_VARIABLE) else { return Ok(None) };
        let told: NodeHardware =
            serde_json::from_str(&text).map_err(|error| format!("it is not understood: {error}"))?;
        let key = std::env::var(HARDWARE_KEY_VARIABLE).ok().and_then(|key| Key::parse(&key));
        let key = key.ok_or("there is no key for what it keeps")?;
        let past = keep::load(&key);
        let saved = match &past {
            Past::Kept(text) => Some(text.as_str()),
            Past::None | Past::Forged => None,
        };
        // Hardware that something happened to before the node's time was on before that.
        let past_ms = saved.is_none().then(|| age_ms(&told.faults)).flatten();
        let since = now_ms().saturating_sub(past_ms.map_or(0, |age| age + UP_BEFORE_MS));
        let machine = Machine::new(&told.spec, saved, since).map_err(|error| error.to_string())?;
        let is_new = saved.is_none() || machine.saved_refused().is_some();
        let desk = Desk::open(machine.gpus()).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => {
                "this kernel cannot seal memory against writing (`F_SEAL_FUTURE_WRITE`, Linux 5.1)".to_owned()
            }
            _ => format!("its socket or its memory could not be had: {error}"),
        })?;
        let now = Instant::now();
        let mut owner = Owner {
            machine,
            words: desk.words(),
            key,
            waiting: if is_new { told.faults } else { Vec::new() },
            bus: surfaces::PciBus::default(),
            capabilities: surfaces::Capabilities::default(),
            due: now,
            write_after: now,
            kernel: Vec::new(),
            said: Vec::new(),
        };
        if past == Past::Forged {
            // Somebody wanted another past: it is as broken as on its first day, and from the start.
            owner
                .said
                .push("What the hardware had kept was not written by this node; it begins anew.".to_owned());
            owner.let_break();
        }
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
        let write = self.owner.has_to_keep().then_some(self.owner.write_after);
        std::iter::once(self.owner.due).chain(write).min()
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
        let owner = &mut self.owner;
        let stranger = || "this is not the host's token".to_owned();
        match act {
            HardwareAct::Break => owner.let_break(),
            HardwareAct::Inject { token, .. } | HardwareAct::Serve { token, .. }
                if !owner.key.is_hosts(&token) =>
            {
                return Err(stranger());
            }
            HardwareAct::Inject { faults, .. } => {
                for fault in &faults {
                    owner.machine.inject(now_ms(), fault).map_err(|error| error.to_string())?;
                }
            }
            HardwareAct::Serve { deed, .. } => {
                owner.machine.serve(now_ms(), deed).map_err(|error| error.to_string())?;
            }
        }
        owner.publish();
        owner.keep();
        Ok(())
    }

    /// Faults that wait for the host's word wait no longer.
    pub fn let_break(&mut self) {
        if !self.owner.waiting.is_empty() {
            self.owner.let_break();
            self.owner.publish();
            self.owner.keep();
        }
    }

    /// The last act before the power goes.
    pub fn leave(&mut self) {
        self.owner.write_after = Instant::now();
        self.owner.keep();
    }

    /// In a worker: lets go of all clients, whose connections are not a worker's to hold.
    pub fn forget_clients(&mut self) {
        self.desk.forget_clients();
    }

    pub fn gpu(&self, index: u32) -> GpuFact {
        facts::gpu(&self.owner.gpus(), index)
    }

    pub fn gpus(&self) -> GpusFact {
        facts::gpus(&self.owner.machine.node_page(), &self.owner.gpus())
    }
}

impl Owner {
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
        let at = |offset: usize| self.words.get(offset / 8..).unwrap_or_default();
        let pages = (0..self.machine.gpus()).map(|index| Shared::over::<GpuPage>(at(gpu_offset(index))));
        if let (Some(node), Some(pages)) =
            (Shared::over::<NodePage>(at(node_offset())), pages.collect::<Option<Vec<_>>>())
        {
            self.machine.publish(&node, &pages);
        }
        let left = self.machine.next_change_ms(now).saturating_sub(now);
        self.due = Instant::now() + Duration::from_millis(left);
        self.kernel.extend(self.machine.take_kernel_lines());
        let gpus = self.gpus();
        let shown = self.bus.show(&gpus).and(self.capabilities.show(&gpus));
        if let Err(error) = shown {
            self.said.push(format!("/sys or /dev could not show the GPUs: {error}"));
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
