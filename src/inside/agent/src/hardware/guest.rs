//! The hardware of a guest: PID 1 of its container, outside of the guest, owns it, and the guest's driver speaks to it
//! over the board.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use crashcart_facts::{GpuFact, GpusFact, HardwareAct, NodeHardware, VmShape};
use crashcart_hardware::board::{BoardCall, CallKind};
use crashcart_hardware::bus::Bus;
use crashcart_hardware::command::{Command, Outcome, Status};
use crashcart_hardware::machine::{Client, Machine, Surroundings};
use crashcart_hardware::page::text;
use crashcart_hardware::profile;
use crashcart_hardware::spec::{HardwareSpec, SpecError, default_driver};
use serde::{Deserialize, Serialize};

use super::backplane::Backplane;
use super::keep::{Key, Past};
use super::{Owner, Place, Told, facts};
use crate::manager::now_ms;

/// What the driver of a guest had told when a snapshot was taken of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DriverTold {
    /// Version of the module that is loaded.
    pub module: Option<String>,
    /// Which GPUs it has, and by which number each interrupts it.
    pub taken: Vec<(usize, u32)>,
}

/// The accelerators of a guest.
pub struct GuestHardware {
    owner: Owner,
    spec: HardwareSpec,
    surroundings: Surroundings,
}

impl GuestHardware {
    /// The hardware that the environment of PID 1 speaks of, for a guest of this shape; `Err` says why there is none.
    pub fn from_environment(shape: &VmShape) -> Result<Option<Self>, String> {
        Told::from_environment()?.map(|told| Self::new(told, shape)).transpose()
    }

    /// Hardware as a guest has it of which a snapshot is made: of the right kind, and nobody's.
    pub fn of_snapshot(shape: &VmShape) -> Result<Option<Self>, String> {
        let Some(board) = &shape.board else { return Ok(None) };
        let spec = HardwareSpec {
            profile: board.profile.clone(),
            driver: default_driver(),
            gpus: board.gpus,
            identity: "snapshot".into(),
            mig: Vec::new(),
        };
        let hardware = NodeHardware { spec, faults: Vec::new() };
        let told = Told { hardware, key: Key::random(), past: Past::None };
        Self::new(told, shape).map(Some)
    }

    fn new(told: Told, shape: &VmShape) -> Result<Self, String> {
        let spec = told.hardware.spec.clone();
        let surroundings = Surroundings { processors: shape.processors, numa_nodes: shape.numa_nodes };
        let refused = |error: SpecError| error.to_string();
        let machine = Machine::without_driver(&spec, told.saved(), told.since_ms())
            .map_err(refused)?
            .in_guest(surroundings);
        let profile = profile::profile(&spec.profile).map_err(refused)?;
        let device = profile.device().map_err(refused)?;
        let bus = Bus::new(profile, device, machine.gpus(), shape.numa_nodes).map_err(refused)?;
        let board = Backplane::new(bus)
            .map_err(|error| format!("memory for its devices could not be had: {error}"))?;
        let mut owner = Owner::new(machine, Place::Guest(Box::new(board)), told);
        owner.power_up_board();
        Ok(Self { owner, spec, surroundings })
    }

    /// The memory that the guest shares, and its size in bytes.
    pub fn memory(&self) -> (&File, u64) {
        self.owner.board().file()
    }

    /// What a snapshot of the guest keeps: the board, and what the driver has told.
    pub fn kept(&self) -> std::io::Result<(Vec<u8>, DriverTold)> {
        let machine = &self.owner.machine;
        let told = DriverTold {
            module: machine.module_version().map(str::to_owned),
            taken: (0..machine.gpus())
                .filter(|gpu| machine.has_taken(*gpu))
                .map(|gpu| (gpu, machine.gpu_page(gpu).irq))
                .collect(),
        };
        Ok((self.owner.board().kept()?, told))
    }

    /// The guest comes from a snapshot, with this board and a driver that has told this.
    pub fn restore(&mut self, board: &Path, told: &DriverTold) -> Result<(), String> {
        let kept = std::fs::read(board).map_err(|error| format!("the board that was kept: {error}"))?;
        let owner = &mut self.owner;
        if let Some(version) = &told.module {
            owner.machine.module_loaded(now_ms(), version).map_err(|error| error.to_string())?;
            for (gpu, irq) in &told.taken {
                owner.machine.take(now_ms(), *gpu, *irq).map_err(|error| error.to_string())?;
            }
        }
        let gpus = owner.gpus();
        owner.board_mut().restore(&kept, &gpus).map_err(|error| error.to_string())?;
        owner.publish();
        Ok(())
    }

    /// The guest begins anew: what its driver knew is gone, and the power was off long enough for the boards.
    pub fn power_cycle(&mut self) {
        let saved = self.owner.machine.save();
        match Machine::without_driver(&self.spec, Some(&saved), now_ms()) {
            Ok(machine) => {
                self.owner.machine = machine.in_guest(self.surroundings);
                self.owner.power_up_board();
                self.owner.keep();
            }
            Err(error) => self.owner.said.push(format!("The hardware did not come up again: {error}")),
        }
    }

    /// When to take a turn if nothing happens.
    pub fn deadline(&self) -> Instant {
        self.owner.deadline()
    }

    /// Answers what the driver asks, lets time pass, and writes down what is to be kept.
    pub fn turn(&mut self) {
        let calls = match self.owner.board().calls() {
            Ok(calls) => calls,
            Err(error) => return self.owner.said.push(format!("The board could not be read: {error}")),
        };
        for (slot, call) in calls {
            let outcome = self.hear(&call);
            // Before the answer: who has it finds its effect on the pages.
            self.owner.publish();
            if let Err(error) = self.owner.board().answer(slot, &outcome) {
                self.owner.said.push(format!("The board could not be written: {error}"));
            }
        }
        if Instant::now() >= self.owner.due {
            self.owner.publish();
        }
        self.owner.keep();
    }

    fn hear(&mut self, call: &BoardCall) -> Outcome {
        let machine = &mut self.owner.machine;
        let done = Outcome::new(Status::Success, &[]);
        match CallKind::from_raw(call.kind) {
            Some(CallKind::Command) => {
                let from = Client { connection: call.connection, pid: call.pid as i32, uid: call.uid };
                if call.verb == crashcart_hardware::command::Verb::OpenContext as u32 {
                    machine.meet(call.connection, text(&call.name));
                }
                let command = Command { verb: call.verb, gpu: call.gpu, arguments: call.arguments };
                if !machine.has_taken(call.gpu as usize) {
                    return Outcome::new(Status::NotFound, &[]);
                }
                machine.command(now_ms(), from, &command)
            }
            Some(CallKind::Close) => {
                machine.disconnect(now_ms(), call.connection);
                done
            }
            Some(CallKind::Loaded) => match machine.module_loaded(now_ms(), text(&call.version)) {
                Ok(()) => done,
                Err(_) => Outcome::new(Status::NotSupported, &[]),
            },
            Some(CallKind::Unloaded) => {
                machine.module_unloaded(now_ms());
                done
            }
            Some(CallKind::Taken) => {
                match machine.take(now_ms(), call.gpu as usize, call.arguments[0] as u32) {
                    Ok(()) => done,
                    Err(_) => Outcome::new(Status::NotSupported, &[]),
                }
            }
            Some(CallKind::Released) => {
                machine.release(now_ms(), call.gpu as usize);
                done
            }
            None => Outcome::new(Status::InvalidArgument, &[]),
        }
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

    pub fn gpu(&self, index: u32) -> GpuFact {
        let taken = self.owner.machine.has_taken(index as usize);
        if taken { facts::gpu(&self.owner.gpus(), index) } else { GpuFact::default() }
    }

    pub fn gpus(&self) -> GpusFact {
        let all = self.owner.gpus().into_iter();
        let taken: Vec<_> = all.filter(|gpu| self.owner.machine.has_taken(gpu.index as usize)).collect();
        facts::gpus(&self.owner.machine, &taken)
    }
}

impl Owner {
    fn board(&self) -> &Backplane {
        match &self.place {
            Place::Guest(board) => board,
            Place::Node { .. } => unreachable!("a guest's hardware is on a board"),
        }
    }

    fn board_mut(&mut self) -> &mut Backplane {
        match &mut self.place {
            Place::Guest(board) => board,
            Place::Node { .. } => unreachable!("a guest's hardware is on a board"),
        }
    }

    fn power_up_board(&mut self) {
        let (generation, gpus) = (self.machine.node_page().generation, self.gpus());
        if let Err(error) = self.board_mut().power_up(generation, &gpus) {
            self.said.push(format!("The board could not be written: {error}"));
        }
        self.publish();
    }
}
