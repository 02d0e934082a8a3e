//! What clients ask, and whether they may.

use super::{Client, Machine};
use crate::catalog::Architecture;
use crate::command::{Command, Outcome, Status, Verb};
use crate::page::Condition;

/// Why a command is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub status: Status,
    pub values: [u64; 4],
}

impl Refusal {
    pub fn new(status: Status) -> Self {
        Self { status, values: [0; 4] }
    }
}

pub(super) type Answer = Result<[u64; 4], Refusal>;

pub(super) fn refuse<T>(status: Status) -> Result<T, Refusal> {
    Err(Refusal::new(status))
}

impl Machine {
    /// Does what a client asks, or says why not. The transport says who asks.
    pub fn command(&mut self, now_ms: u64, from: Client, command: &Command) -> Outcome {
        self.advance(now_ms);
        match self.obey(from, command) {
            Ok(values) => {
                self.touch();
                Outcome::new(Status::Success, &values)
            }
            Err(Refusal { status, values }) => Outcome::new(status, &values),
        }
    }

    fn obey(&mut self, from: Client, command: &Command) -> Answer {
        let Some(verb) = Verb::from_raw(command.verb) else { return refuse(Status::InvalidArgument) };
        if !self.loaded {
            return Err(Refusal {
                status: Status::DriverNotLoaded,
                values: [0, super::contexts::cuda::NO_DEVICE, 0, 0],
            });
        }
        if verb == Verb::SetFabric {
            return self.set_fabric(from, command.arguments[0]);
        }
        let gpu = command.gpu as usize;
        if gpu >= self.gpus.len() {
            return refuse(Status::InvalidArgument);
        }
        if verb == Verb::HoldPersistence && command.arguments[0] == 0 {
            self.persistence_holders.remove(&(from.connection, gpu));
            return Ok([0; 4]);
        }
        if verb.needs_root() {
            if from.uid != 0 {
                return refuse(Status::NoPermission);
            }
            match self.gpus[gpu].condition {
                Condition::Lost => return refuse(Status::GpuIsLost),
                Condition::Hung if verb != Verb::Reset => return refuse(Status::Unknown),
                _ => {}
            }
        }
        let arguments = command.arguments;
        let [first, second, third, ..] = arguments;
        match verb {
            Verb::SetPersistence => {
                self.gpus[gpu].settings.persistence = switch(first)?;
                Ok([0; 4])
            }
            Verb::SetAccounting => {
                self.gpus[gpu].settings.accounting = switch(first)?;
                Ok([0; 4])
            }
            Verb::SetComputeMode => self.set_compute_mode(gpu, first),
            Verb::SetPowerLimit => self.set_power_limit(gpu, first),
            Verb::SetApplicationClocks => self.set_application_clocks(gpu, first, second),
            Verb::ResetApplicationClocks => {
                self.gpus[gpu].settings.application = None;
                Ok([0; 4])
            }
            Verb::SetLockedClocks => self.set_locked_clocks(gpu, first, second),
            Verb::ResetLockedClocks => {
                self.gpus[gpu].settings.locked = None;
                Ok([0; 4])
            }
            Verb::SetEccMode => {
                self.gpus[gpu].inforom.ecc = switch(first)?;
                Ok([0; 4])
            }
            Verb::ClearEccCounts => self.clear_ecc_counts(gpu, first),
            Verb::SetMigMode => {
                let on = switch(first)?;
                self.set_mig_mode(gpu, on)
            }
            Verb::CreateGpuInstance => self.create_gpu_instance(gpu, first, second),
            Verb::DestroyGpuInstance => self.destroy_gpu_instance(gpu, first),
            Verb::CreateComputeInstance => self.create_compute_instance(gpu, first, second, third),
            Verb::DestroyComputeInstance => self.destroy_compute_instance(gpu, first, second),
            Verb::Reset => self.reset(gpu, first),
            Verb::HoldPersistence => {
                // Letting go is dealt with above.
                switch(first)?;
                self.persistence_holders.insert((from.connection, gpu));
                Ok([0; 4])
            }
            Verb::SetFabric => refuse(Status::InvalidArgument),
            Verb::OpenContext => self.open_context(from, gpu, arguments),
            Verb::UseContext => self.use_context(from, gpu, arguments),
            Verb::CloseContext => self.close_context(from, gpu, first),
        }
    }

    /// What the fabric manager says of the switches; whichever GPU it names, it speaks of the node.
    fn set_fabric(&mut self, from: Client, on: u64) -> Answer {
        let on = switch(on)?;
        match (from.uid, &self.profile.nvswitch) {
            (0, Some(_)) => {}
            (0, None) => return refuse(Status::NotSupported),
            _ => return refuse(Status::NoPermission),
        }
        match on {
            true => self.fabric_managers.insert(from.connection),
            false => self.fabric_managers.remove(&from.connection),
        };
        Ok([0; 4])
    }

    fn set_compute_mode(&mut self, gpu: usize, mode: u64) -> Answer {
        match mode {
            // Exclusive thread went with CUDA 8.
            1 => refuse(Status::NotSupported),
            0 | 2 | 3 => {
                self.gpus[gpu].settings.compute_mode = mode as u32;
                Ok([0; 4])
            }
            _ => refuse(Status::InvalidArgument),
        }
    }

    fn set_power_limit(&mut self, gpu: usize, milliwatts: u64) -> Answer {
        let power = &self.device.power;
        let allowed = u64::from(power.min) * 1000..=u64::from(power.max) * 1000;
        if !allowed.contains(&milliwatts) {
            return refuse(Status::InvalidArgument);
        }
        self.gpus[gpu].settings.power_limit = milliwatts as u32;
        Ok([0; 4])
    }

    fn set_application_clocks(&mut self, gpu: usize, memory: u64, graphics: u64) -> Answer {
        let memory = self.device.clocks.memory.iter().find(|clock| u64::from(**clock) == memory);
        let graphics = self.device.graphics_clocks().find(|clock| u64::from(*clock) == graphics);
        let (Some(memory), Some(graphics)) = (memory, graphics) else {
            return refuse(Status::InvalidArgument);
        };
        self.gpus[gpu].settings.application = Some((*memory, graphics));
        Ok([0; 4])
    }

    fn set_locked_clocks(&mut self, gpu: usize, least: u64, most: u64) -> Answer {
        let clocks = &self.device.clocks;
        if least > most || least > u64::from(clocks.graphics_max) || most < u64::from(clocks.graphics_min) {
            return refuse(Status::InvalidArgument);
        }
        // What lies between two steps is taken for the lower one, as nvidia-smi -lgc shows.
        let step = |mhz: u64| self.device.graphics_clock_at_most(mhz.min(u64::from(u32::MAX)) as u32);
        let locked = (step(least), step(most));
        self.gpus[gpu].settings.locked = Some(locked);
        Ok([0; 4])
    }

    fn clear_ecc_counts(&mut self, gpu: usize, which: u64) -> Answer {
        let it = &mut self.gpus[gpu];
        if !it.ecc_on {
            return refuse(Status::NotSupported);
        }
        match which {
            0 => it.volatile = Default::default(),
            // Source: the manual of nvidia-smi: not supported from Ampere on.
            1 if it.device.architecture >= Architecture::Ampere => return refuse(Status::NotSupported),
            1 => it.inforom.aggregate = Default::default(),
            _ => return refuse(Status::InvalidArgument),
        }
        Ok([0; 4])
    }

    /// Resets a GPU that nobody holds. `together` has a bit for each GPU that the same request resets.
    fn reset(&mut self, gpu: usize, together: u64) -> Answer {
        let missing = self.must_be_reset_with(gpu) & !together;
        if missing != 0 {
            return Err(Refusal { status: Status::InvalidArgument, values: [missing, 0, 0, 0] });
        }
        if self.is_held(gpu) {
            return refuse(Status::InUse);
        }
        let now_ms = self.now_ms;
        let it = &mut self.gpus[gpu];
        it.settings = it.settings.forgotten(it.device);
        it.ecc_on = it.inforom.ecc;
        it.mig_on = it.inforom.mig;
        it.gpu_parts.clear();
        it.compute_parts.clear();
        it.volatile = Default::default();
        it.inforom.repair();
        it.leaked = 0;
        it.condition = Condition::Answers;
        it.recovery = 0;
        it.introduced = false;
        it.reset_at_ms = Some(now_ms);
        self.retrain(gpu);
        Ok([0; 4])
    }
}

/// 1 on, 0 off.
fn switch(argument: u64) -> Result<bool, Refusal> {
    match argument {
        0 => Ok(false),
        1 => Ok(true),
        _ => refuse(Status::InvalidArgument),
    }
}
