//! Who works on the GPUs: contexts, what they take, and how they end.

use super::Client;
use super::Machine;
use super::body::Load;
use super::gpu::MIB;
use super::verbs::{Answer, Refusal, refuse};
use super::xid::{Process, said_name};
use crate::command::Status;
use crate::page::{Condition, NONE, NONE32, PROCESSES};

/// CUDA's own numbers.
pub(super) mod cuda {
    pub const OUT_OF_MEMORY: u64 = 2;
    pub const DEVICE_UNAVAILABLE: u64 = 46;
    pub const NO_DEVICE: u64 = 100;
    pub const INVALID_CONTEXT: u64 = 201;
    pub const ECC_UNCORRECTABLE: u64 = 214;
    pub const ILLEGAL_ADDRESS: u64 = 700;
    pub const LAUNCH_FAILED: u64 = 719;
    pub const SYSTEM_NOT_READY: u64 = 802;
    pub const UNKNOWN: u64 = 999;
}

/// Most contexts of a node.
const CONTEXTS: usize = 256;
/// Share of the time that data takes over PCI Express which NVLink would take.
const NVLINK_OVER_PCIE: f64 = 0.1;

/// A program's hold on a GPU.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub connection: u64,
    pub pid: u32,
    pub gpu: usize,
    /// NONE32 without MIG.
    pub gpu_part: u32,
    pub compute_part: u32,
    /// Bit 0 compute, bit 1 graphics.
    pub kind: u32,
    /// All that it takes, its own overhead included.
    pub bytes: u64,
    /// 1 is all of what it was given.
    pub sm: f64,
    pub memory: f64,
    pub nvlink: f64,
    pub pcie: f64,
    /// SM-milliseconds at the highest clock.
    pub work: f64,
    pub since_ms: u64,
    /// What CUDA says once it has died under its program.
    pub died: Option<u64>,
}

impl Context {
    pub fn lives(&self) -> bool {
        self.died.is_none()
    }
}

impl Machine {
    /// Whether anybody has a context there, a dead one included: its program has not let go.
    pub(super) fn is_held(&self, gpu: usize) -> bool {
        self.contexts.values().any(|context| context.gpu == gpu)
    }

    /// Contexts of a GPU that live, with their numbers.
    pub(super) fn living(&self, gpu: usize) -> impl Iterator<Item = (u64, &Context)> {
        self.contexts
            .iter()
            .filter(move |(_, context)| context.gpu == gpu && context.lives())
            .map(|(number, context)| (*number, context))
    }

    /// Bytes that contexts take, of a GPU or of one of its GPU instances.
    pub(super) fn bytes_taken(&self, gpu: usize, gpu_part: Option<u32>) -> u64 {
        self.living(gpu)
            .filter(|(_, context)| gpu_part.is_none_or(|part| part == context.gpu_part))
            .map(|(_, context)| context.bytes)
            .sum()
    }

    /// What the kernel calls the program behind a connection: Xids name it.
    pub fn meet(&mut self, connection: u64, program: &str) {
        self.programs.insert(connection, said_name(program));
    }

    /// Ends all contexts of a connection, and what it held.
    pub fn disconnect(&mut self, now_ms: u64, connection: u64) {
        self.advance(now_ms);
        self.programs.remove(&connection);
        let before = self.contexts.len();
        self.contexts.retain(|_, context| context.connection != connection);
        let managed = self.fabric_managers.remove(&connection);
        let holders = self.persistence_holders.len();
        self.persistence_holders.retain(|(holder, _)| *holder != connection);
        if managed || self.persistence_holders.len() != holders || self.contexts.len() != before {
            self.touch();
        }
    }

    /// The program of a context, as Xids blame it.
    pub(super) fn blamed(&self, number: u64) -> Option<Process> {
        let context = self.contexts.get(&number)?;
        let name = self.programs.get(&context.connection).cloned().unwrap_or_default();
        let instance = (context.gpu_part != NONE32).then_some((context.gpu_part, context.compute_part));
        Some(Process { pid: context.pid, name, instance })
    }

    /// Kills the contexts that are named; their programs learn it at their next call.
    pub(super) fn kill(&mut self, cuda: u64, which: impl Fn(u64, &Context) -> bool) {
        for (number, context) in &mut self.contexts {
            if context.lives() && which(*number, context) {
                context.died = Some(cuda);
                context.bytes = 0;
            }
        }
    }

    pub(super) fn open_context(&mut self, from: Client, gpu: usize, arguments: [u64; 6]) -> Answer {
        let no = |status, cuda| Err(Refusal { status, values: [0, cuda, 0, 0] });
        let [gpu_part, compute_part, kind, ..] = arguments;
        let it = &self.gpus[gpu];
        match it.condition {
            Condition::Answers => {}
            Condition::Lost => return no(Status::GpuIsLost, cuda::NO_DEVICE),
            Condition::Hung => return no(Status::Unknown, cuda::UNKNOWN),
            Condition::NeedsReset => return no(Status::ResetRequired, cuda::DEVICE_UNAVAILABLE),
        }
        if !(1..=3).contains(&kind) {
            return no(Status::InvalidArgument, cuda::UNKNOWN);
        }
        if !self.fabric_is_ready() && self.profile.nvswitch.is_some() && !it.mig_on {
            return no(Status::Unknown, cuda::SYSTEM_NOT_READY);
        }
        let (gpu_part, compute_part) = match (it.mig_on, gpu_part, compute_part) {
            (false, NONE, NONE) => (NONE32, NONE32),
            (true, gpu_part, compute_part) => {
                let found = it
                    .compute_parts
                    .iter()
                    .find(|part| u64::from(part.gpu_part) == gpu_part && u64::from(part.id) == compute_part);
                let Some(part) = found else { return no(Status::NotFound, cuda::NO_DEVICE) };
                (part.gpu_part, part.id)
            }
            (false, ..) => return no(Status::InvalidArgument, cuda::NO_DEVICE),
        };
        let pid = from.pid.max(0) as u32;
        let exclusive = it.settings.compute_mode == 3
            && self.living(gpu).any(|(_, context)| {
                context.pid != pid && context.kind & 1 != 0 && context.gpu_part == gpu_part
            });
        if kind & 1 != 0 && (it.settings.compute_mode == 2 || exclusive) {
            return no(Status::InUse, cuda::DEVICE_UNAVAILABLE);
        }
        let others = self.living(gpu).filter(|(_, context)| context.pid != pid).count();
        if self.contexts.len() >= CONTEXTS || others >= PROCESSES {
            return no(Status::InsufficientResources, cuda::OUT_OF_MEMORY);
        }
        let bytes = it.device.memory.context_mib * MIB;
        if bytes > self.bytes_free(gpu, gpu_part) {
            return no(Status::Memory, cuda::OUT_OF_MEMORY);
        }
        self.last_context += 1;
        let context = Context {
            connection: from.connection,
            pid,
            gpu,
            gpu_part,
            compute_part,
            kind: kind as u32,
            bytes,
            sm: 0.0,
            memory: 0.0,
            nvlink: 0.0,
            pcie: 0.0,
            work: 0.0,
            since_ms: self.now_ms,
            died: None,
        };
        self.contexts.insert(self.last_context, context);
        Ok([self.last_context, 0, 0, 0])
    }

    pub(super) fn use_context(&mut self, from: Client, gpu: usize, arguments: [u64; 6]) -> Answer {
        let [number, bytes, sm, memory, nvlink, pcie] = arguments;
        let overhead = self.device.memory.context_mib * MIB;
        let Some(context) = self.own_context(from, gpu, number) else {
            return Err(Refusal { status: Status::NotFound, values: [0, cuda::INVALID_CONTEXT, 0, 0] });
        };
        let work = context.work as u64;
        if let Some(died) = context.died {
            let status = match self.gpus[gpu].condition {
                Condition::Lost => Status::GpuIsLost,
                _ => Status::Unknown,
            };
            return Err(Refusal { status, values: [0, died, work, 0] });
        }
        let (has, gpu_part) = (context.bytes, context.gpu_part);
        let wanted = bytes.saturating_add(overhead);
        if wanted > has && wanted - has > self.bytes_free(gpu, gpu_part) {
            return Err(Refusal { status: Status::Memory, values: [0, cuda::OUT_OF_MEMORY, work, 0] });
        }
        if let Some(context) = self.contexts.get_mut(&number) {
            let share = |thousandths: u64| thousandths.min(1000) as f64 / 1000.0;
            context.bytes = wanted;
            context.sm = share(sm);
            context.memory = share(memory);
            context.nvlink = share(nvlink);
            context.pcie = share(pcie).min(1.0 - context.nvlink);
        }
        Ok([0, 0, work, 0])
    }

    pub(super) fn close_context(&mut self, from: Client, gpu: usize, number: u64) -> Answer {
        if self.own_context(from, gpu, number).is_none() {
            return refuse(Status::NotFound);
        }
        self.contexts.remove(&number);
        Ok([0; 4])
    }

    /// A context of this client on this GPU.
    fn own_context(&self, from: Client, gpu: usize, number: u64) -> Option<&Context> {
        self.contexts
            .get(&number)
            .filter(|context| context.connection == from.connection && context.gpu == gpu)
    }

    /// Bytes that a program may still take.
    fn bytes_free(&self, gpu: usize, gpu_part: u32) -> u64 {
        let it = &self.gpus[gpu];
        let taken = it.memory_reserved() + it.leaked + self.bytes_taken(gpu, None);
        let free = it.memory_total().saturating_sub(taken);
        match it.gpu_parts.iter().find(|part| part.id == gpu_part) {
            Some(part) => {
                let within = u64::from(part.cut.memory_mib) * MIB;
                within.saturating_sub(self.bytes_taken(gpu, Some(gpu_part))).min(free)
            }
            None => free,
        }
    }

    /// Share of the GPU's SMs that a context keeps busy: all contexts of one place share it.
    pub(super) fn share_of(&self, context: &Context) -> f64 {
        let it = &self.gpus[context.gpu];
        let wanted: f64 = self
            .living(context.gpu)
            .filter(|(_, other)| {
                (other.gpu_part, other.compute_part) == (context.gpu_part, context.compute_part)
            })
            .map(|(_, other)| other.sm)
            .sum();
        let place = it
            .compute_parts
            .iter()
            .find(|part| (part.gpu_part, part.id) == (context.gpu_part, context.compute_part))
            .map_or(1.0, |part| f64::from(part.sm) / f64::from(it.device.cores.sms.max(1)));
        place * context.sm / wanted.max(1.0)
    }

    /// What all contexts ask of a GPU together.
    pub(super) fn load_of(&self, gpu: usize) -> Load {
        let mut load = Load::default();
        for (_, context) in self.living(gpu) {
            load.open = true;
            load.sm += self.share_of(context);
            load.memory += context.memory;
        }
        Load { sm: load.sm.min(1.0), memory: load.memory.min(1.0), ..load }
    }

    /// Lets every context work for so long, at the clocks of now.
    pub(super) fn work(&mut self, seconds: f64) {
        for gpu in 0..self.gpus.len() {
            let it = &self.gpus[gpu];
            let pci = &it.device.pci;
            let speed = f64::from(it.body.graphics) / f64::from(it.device.clocks.graphics_max.max(1));
            let lanes = |r#gen: u32, width: u32| f64::from(width) * 2f64.powi(r#gen as i32);
            let awake = it.degraded_pcie().map_or(pci.r#gen, |(r#gen, _)| r#gen);
            let pcie = lanes(awake, it.pcie_width()) / lanes(pci.r#gen, pci.width);
            let pcie_kib_s = lanes(awake, it.pcie_width()) * 1e6 / 8.0 * 0.9765625;
            let nvlink = self.link_share(gpu).max(NVLINK_OVER_PCIE * pcie);
            let link_kib_s =
                it.device.nvlink.as_ref().map_or(0.0, |link| f64::from(link.speed_mb_s) * 976.5625);
            let sms = f64::from(it.device.cores.sms);
            let done: Vec<(u64, f64, f64, f64)> = self
                .living(gpu)
                .map(|(number, context)| {
                    let share = self.share_of(context);
                    let computing = 1.0 - context.nvlink - context.pcie;
                    let time = computing / speed.max(0.01) + context.nvlink / nvlink + context.pcie / pcie;
                    let done = share * sms * seconds * 1000.0 / time.max(0.001);
                    // Share of the time in which each kind of link is busy.
                    let busy = share / time.max(0.001);
                    (number, done, busy * context.nvlink, busy * context.pcie)
                })
                .collect();
            let (mut nvlink_busy, mut pcie_busy) = (0.0, 0.0);
            for (number, done, on_nvlink, on_pcie) in done {
                nvlink_busy += on_nvlink;
                pcie_busy += on_pcie;
                if let Some(context) = self.contexts.get_mut(&number) {
                    context.work += done;
                }
            }
            let linked = self.is_linked(gpu);
            let it = &mut self.gpus[gpu];
            it.body.pcie_kib_s = pcie_kib_s * pcie_busy;
            for link in it.links.iter_mut().filter(|link| linked && !link.down) {
                link.traffic_kib += link_kib_s * nvlink_busy * seconds;
            }
        }
    }
}
