//! The machine: the accelerators of one node, from power-up to power-down.
//!
//! ```text
//! Machine::new ──> advance, command, inject, clear ──> save ──> Machine::new (the next power-up)
//! ```
//!
//! Whoever owns it tells it the time, hands on what clients ask, publishes its
//! pages and prints what the driver says. Pure: time is an argument, no file is
//! read and nothing is drawn at random. Knows no transport, no NVML and no lab.

mod body;
mod contexts;
mod faults;
mod gpu;
mod identity;
mod links;
mod mig;
mod module;
mod report;
mod saved;
#[cfg(test)]
mod tests;
mod verbs;
mod xid;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::body::Limits;
pub use self::module::Surroundings;

use self::contexts::Context;
use self::gpu::{DEVICE_MEMORY, Gpu, Inforom};
use self::saved::Saved;
use crate::catalog::Device;
use crate::driver::Driver;
use crate::fault::{Fault, Part};
use crate::page::{Condition, EventEntry};
use crate::profile::{self, NodeProfile};
use crate::spec::{HardwareSpec, SpecError};

/// Who asks, as the transport knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Contexts live as long as it.
    pub connection: u64,
    /// As the node's own processes see it.
    pub pid: i32,
    pub uid: u32,
}

/// A line of the kernel log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelLine {
    /// Milliseconds since the epoch.
    pub at_ms: u64,
    /// 0 to 7, as syslog has it.
    pub priority: u8,
    pub text: String,
}

/// The accelerators of one node.
#[derive(Clone, Debug)]
pub struct Machine {
    spec: HardwareSpec,
    profile: &'static NodeProfile,
    device: &'static Device,
    driver: Driver,
    loaded: bool,
    /// Where it is in a guest.
    surroundings: Option<Surroundings>,
    generation: u64,
    now_ms: u64,
    /// When somebody last asked for something or let go of it.
    touched_ms: u64,
    gpus: Vec<Gpu>,
    contexts: BTreeMap<u64, Context>,
    last_context: u64,
    /// What the programs behind connections are called.
    programs: BTreeMap<u64, String>,
    /// When what is being said happened, where that is not now.
    told_ms: Option<u64>,
    /// Whether the switches route without anybody's doing.
    fabric_ready: bool,
    /// Connections that have set them up.
    fabric_managers: BTreeSet<u64>,
    /// Connections that hold a GPU's persistence, each with the GPU.
    persistence_holders: BTreeSet<(u64, usize)>,
    events: VecDeque<EventEntry>,
    event_last: u64,
    lines: Vec<KernelLine>,
    /// What the owner has written down.
    written: Option<Saved>,
    saved_refused: Option<String>,
}

/// Longest step of the model, milliseconds; longer absences take longer steps.
const STEP_MS: u64 = 1000;
/// An absence longer than this is taken in steps of its hundred-and-twentieth part.
const ABSENCE_MS: u64 = 120_000;
/// While something moves.
const SOON_MS: u64 = 1000;
/// While only counters of a bad link do.
const LATER_MS: u64 = 10_000;
/// While nothing does.
const AT_REST_MS: u64 = 60_000;
/// A driver without persistence lets go of an idle GPU after so long.
const LINGER_MS: u64 = 2000;
/// Replays of a bad PCIe link, per second.
const REPLAYS_AT_REST: f64 = 0.2;
const REPLAYS_UNDER_LOAD: f64 = 20.0;

impl Machine {
    /// Powers the node up. `saved` is what [`Machine::save`] gave before the power went.
    ///
    /// Text that is no such thing counts as a factory state, and [`Machine::saved_refused`] says so.
    pub fn new(spec: &HardwareSpec, saved: Option<&str>, now_ms: u64) -> Result<Self, SpecError> {
        Self::power_up(spec, saved, now_ms, true)
    }

    /// Powers up a node on which the driver is not loaded.
    pub fn without_driver(spec: &HardwareSpec, saved: Option<&str>, now_ms: u64) -> Result<Self, SpecError> {
        Self::power_up(spec, saved, now_ms, false)
    }

    fn power_up(
        spec: &HardwareSpec,
        saved: Option<&str>,
        now_ms: u64,
        loaded: bool,
    ) -> Result<Self, SpecError> {
        let profile = profile::profile(&spec.profile)?;
        let device = profile.device()?;
        let driver = Driver::parse(&spec.driver)?;
        driver.drives(device)?;
        let has = profile.slots.len() as u32;
        let count = spec.gpus.unwrap_or(has);
        if count > has {
            return Err(SpecError::TooManyGpus { profile: spec.profile.clone(), has, asked: count });
        }
        if count == 0 {
            return Err(SpecError::Impossible { what: "a node with accelerators has one at least".into() });
        }
        let (saved, saved_refused) = match saved.map(|text| Saved::read(text, &spec.profile, count as usize))
        {
            None => (None, None),
            Some(Ok(saved)) => (Some(saved), None),
            Some(Err(why)) => (None, Some(why)),
        };
        let generation = saved.as_ref().map_or(0, |saved| saved.generation).saturating_add(1);
        let fabric_ready = saved.as_ref().is_none_or(|saved| saved.fabric_ready);
        let mut boards = saved.map(|saved| saved.gpus).unwrap_or_default().into_iter();
        let who = format!("{}/{}", spec.identity, spec.profile);
        let gpus = (profile.slots.iter().take(count as usize).enumerate())
            .map(|(index, slot)| {
                let mut inforom = boards.next().unwrap_or_else(|| Inforom::factory(0));
                inforom.repair();
                let mut gpu = Gpu::new(index, device, slot, &who, inforom);
                if device.mig.is_empty() || !gpu.mig_takes_a_reset() {
                    gpu.inforom.mig = false;
                    gpu.mig_on = false;
                }
                let links = device.nvlink.as_ref().map_or(0, |nvlink| nvlink.links);
                gpu.links = vec![Default::default(); links as usize];
                gpu
            })
            .collect();
        let mut machine = Self {
            spec: spec.clone(),
            profile,
            device,
            driver,
            loaded,
            surroundings: None,
            generation,
            now_ms,
            touched_ms: now_ms,
            gpus,
            contexts: BTreeMap::new(),
            last_context: 0,
            programs: BTreeMap::new(),
            told_ms: None,
            fabric_ready,
            fabric_managers: BTreeSet::new(),
            persistence_holders: BTreeSet::new(),
            events: VecDeque::new(),
            event_last: 0,
            lines: Vec::new(),
            written: None,
            saved_refused,
        };
        if loaded {
            machine.say_loaded();
        }
        for gpu in 0..machine.gpus.len() {
            if machine.gpus[gpu].degraded_pcie().is_some() {
                machine.say_aer(gpu);
            }
        }
        machine.cut_as_specified()?;
        Ok(machine)
    }

    /// Cuts the GPUs that come up in MIG mode.
    fn cut_as_specified(&mut self) -> Result<(), SpecError> {
        let impossible = |what: String| SpecError::Impossible { what };
        for layout in &self.spec.mig {
            let name = &self.device.name;
            let gpu = self
                .gpus
                .get_mut(layout.gpu as usize)
                .ok_or_else(|| impossible(format!("there is no GPU {} to cut", layout.gpu)))?;
            if gpu.device.mig.is_empty() {
                return Err(impossible(format!("the {name} has no MIG")));
            }
            gpu.inforom.mig = true;
            gpu.mig_on = true;
            for profile in &layout.profiles {
                let cut = gpu.device.mig.iter().find(|cut| cut.name == *profile).ok_or_else(|| {
                    let nearest =
                        crate::catalog::nearest(profile, gpu.device.mig.iter().map(|cut| cut.name.as_str()));
                    let hint = nearest.map(|nearest| format!("; the nearest is `{nearest}`"));
                    impossible(format!(
                        "the {name} has no MIG profile `{profile}`{}",
                        hint.unwrap_or_default()
                    ))
                })?;
                let id = gpu.cut(cut, None).ok_or_else(|| {
                    impossible(format!("`{profile}` does not fit beside the others on GPU {}", layout.gpu))
                })?;
                let whole = mig::compute_profile(cut.slices).unwrap_or(0);
                gpu.fill(id, cut.slices, whole)
                    .ok_or_else(|| impossible(format!("GPU {} is cut into too many pieces", layout.gpu)))?;
            }
        }
        Ok(())
    }

    /// Why the saved text was not taken, when it was not.
    pub fn saved_refused(&self) -> Option<&str> {
        self.saved_refused.as_deref()
    }

    /// What outlives a power cycle, as text for the next [`Machine::new`].
    pub fn save(&self) -> String {
        self.durable().text()
    }

    /// Whether [`Machine::save`] gives another text than at the last [`Machine::mark_saved`].
    pub fn changed_since_save(&self) -> bool {
        self.written.as_ref() != Some(&self.durable())
    }

    /// The owner has written down what [`Machine::save`] gives now.
    pub fn mark_saved(&mut self) {
        self.written = Some(self.durable());
    }

    fn durable(&self) -> Saved {
        Saved {
            format: 1,
            profile: self.spec.profile.clone(),
            generation: self.generation,
            fabric_ready: self.fabric_ready,
            gpus: self.gpus.iter().map(|gpu| gpu.inforom.clone()).collect(),
        }
    }

    /// GPUs in the machine, whether the driver has them or not.
    pub fn gpus(&self) -> usize {
        self.gpus.len()
    }

    /// Whether the kernel's side of the driver is there.
    pub fn driver_loaded(&self) -> bool {
        self.loaded
    }

    /// Loads the driver or removes it. What it kept in memory goes with it, the contexts too.
    pub fn set_driver_loaded(&mut self, now_ms: u64, loaded: bool) {
        self.advance(now_ms);
        if self.loaded == loaded {
            return;
        }
        self.forget_driver();
        if loaded {
            self.loaded = true;
            self.say_loaded();
        } else {
            self.say(xid::INFO, "nvidia-modeset: Unloading");
            self.say(xid::INFO, "nvidia-nvlink: Unregistered Nvlink Core, major device number 236");
            self.loaded = false;
        }
        self.touch();
    }

    /// What a driver keeps in memory goes with it.
    fn forget_driver(&mut self) {
        self.contexts.clear();
        self.programs.clear();
        self.fabric_managers.clear();
        self.persistence_holders.clear();
        for gpu in &mut self.gpus {
            gpu.settings = gpu::Settings::of(gpu.device);
            gpu.volatile = Default::default();
            gpu.body.energy = 0.0;
            gpu.body.violation = [0.0; 8];
            gpu.introduced = false;
        }
    }

    /// Lines for the kernel log that were not taken yet.
    pub fn take_kernel_lines(&mut self) -> Vec<KernelLine> {
        std::mem::take(&mut self.lines)
    }

    /// Lets time pass until then. A time that has passed already changes nothing.
    pub fn advance(&mut self, now_ms: u64) {
        while self.now_ms < now_ms {
            let left = now_ms - self.now_ms;
            let step = if left <= ABSENCE_MS { left.min(STEP_MS) } else { left / 120 };
            self.step(step as f64 / 1000.0);
            self.now_ms += step;
        }
        self.let_go();
    }

    /// When something is different again that no client asked for.
    pub fn next_change_ms(&self, now_ms: u64) -> u64 {
        let moving = self.gpus.iter().any(|gpu| {
            gpu.condition != Condition::Lost
                && (!gpu.body.settled || gpu.body.load != self.load_of(gpu.index) || gpu.body.load.sm > 0.0)
        });
        let forgetting =
            self.gpus.iter().any(|gpu| self.is_let_go(gpu) && gpu.settings.any_to_forget(gpu.device));
        let loose = |gpu: &Gpu| matches!(gpu.fails_under_load(), Some((_, Part::Seat)));
        let bad_link = self.gpus.iter().any(|gpu| gpu.degraded_pcie().is_some() || loose(gpu));
        now_ms.saturating_add(if moving || forgetting {
            SOON_MS
        } else if bad_link {
            LATER_MS
        } else {
            AT_REST_MS
        })
    }

    fn step(&mut self, seconds: f64) {
        for index in 0..self.gpus.len() {
            let load = self.load_of(index);
            let gpu = &mut self.gpus[index];
            if gpu.condition == Condition::Lost {
                continue;
            }
            let (application, locked) = (gpu.settings.application, gpu.settings.locked);
            let clock = [application.map(|(_, clock)| clock), locked.map(|(_, most)| most)];
            let limits = Limits {
                power_w: f64::from(gpu.settings.power_limit) / 1000.0,
                clock: clock.into_iter().flatten().min(),
                clock_least: locked.map(|(least, _)| least),
                memory_clock: application.map(|(clock, _)| clock),
                brake: gpu.has(|fault| matches!(fault, Fault::PowerBrake)).is_some(),
                overheating: gpu.has(|fault| matches!(fault, Fault::Overheating)).is_some(),
            };
            gpu.body.advance(gpu.device, &gpu.identity, load, limits, seconds);
            let bad = gpu.fails_under_load();
            let loose = bad.is_some_and(|(_, part)| part == Part::Seat);
            if gpu.degraded_pcie().is_some() || loose {
                gpu.body.replays += seconds * (REPLAYS_AT_REST + REPLAYS_UNDER_LOAD * load.sm);
            }
            let corrected = gpu.inforom.faults.iter().find_map(|fault| match fault {
                Fault::CorrectedEcc { per_hour } => Some(f64::from(*per_hour)),
                _ => None,
            });
            if let Some(per_hour) = corrected.filter(|_| gpu.ecc_on) {
                gpu.body.ecc_debt += per_hour * load.sm.max(load.memory) * seconds / 3600.0;
                let whole = gpu.body.ecc_debt.floor();
                gpu.body.ecc_debt -= whole;
                gpu.count_errors(DEVICE_MEMORY, whole as u64, 0);
            }
            gpu.worked_s += load.sm * seconds;
            if bad.is_some_and(|(after_s, _)| gpu.worked_s >= after_s) {
                if loose {
                    self.say_aer(index);
                }
                self.fall_off_bus(index);
            }
        }
        self.work(seconds);
    }

    /// Somebody asked for something just now: what follows from it shows with the next step.
    fn touch(&mut self) {
        self.touched_ms = self.now_ms;
        for gpu in &mut self.gpus {
            gpu.body.settled = false;
        }
    }

    /// Without persistence the driver lets go of a GPU that nobody uses, and forgets what was set.
    fn let_go(&mut self) {
        if self.now_ms.saturating_sub(self.touched_ms) < LINGER_MS {
            return;
        }
        for index in 0..self.gpus.len() {
            if self.is_let_go(&self.gpus[index]) {
                let gpu = &mut self.gpus[index];
                gpu.settings = gpu.settings.forgotten(gpu.device);
            }
        }
    }

    /// Whether the switches route what the GPUs send.
    fn fabric_is_ready(&self) -> bool {
        self.fabric_ready || !self.fabric_managers.is_empty()
    }

    /// Whether nothing keeps the driver on this GPU: no persistence, no context, no fabric manager.
    fn is_let_go(&self, gpu: &Gpu) -> bool {
        let managed = self.profile.nvswitch.is_some() && self.fabric_is_ready();
        !self.is_persistent(gpu) && !managed && !self.is_held(gpu.index)
    }

    /// Whether the driver stays on this GPU without clients: somebody set it so, or a daemon holds it.
    fn is_persistent(&self, gpu: &Gpu) -> bool {
        gpu.settings.persistence || self.persistence_holders.iter().any(|(_, held)| *held == gpu.index)
    }
}
