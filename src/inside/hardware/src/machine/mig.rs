//! MIG on one GPU: its instances, and the commands that make and end them.
//!
//! Where pieces may lie is told by `placement`.

use super::verbs::{Answer, Refusal, refuse};
use super::{
    Machine,
    gpu::{Gpu, MIB},
};
use crate::catalog::MigCut;
use crate::command::Status;
use crate::page::{COMPUTE_INSTANCES, NONE};
use crate::placement::{self, Piece, Placed};

/// A GPU instance.
#[derive(Clone, Debug)]
pub(super) struct GpuPart {
    pub id: u32,
    pub cut: &'static MigCut,
    /// First memory slice.
    pub start: u32,
}

impl GpuPart {
    /// Bytes that it takes before anybody works in it. Source: a capture of an H100 under 590.48.01, where
    /// instances of one, two and three slices have 9, 17 and 26 MiB in use, 59 MiB in all with another of one.
    pub fn overhead(&self) -> u64 {
        const OF_A_SLICE: u64 = MIB * 67 / 8;
        u64::from(self.cut.slices) * OF_A_SLICE
    }
}

/// A compute instance: with it, programs can run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ComputePart {
    pub id: u32,
    pub gpu_part: u32,
    pub slices: u32,
    /// `NVML_COMPUTE_INSTANCE_PROFILE_*`.
    pub nvml_profile: u32,
    /// First slice within its GPU instance.
    pub start: u32,
    pub sm: u32,
}

/// Slices by NVML's numbers of compute instance profiles.
const COMPUTE_PROFILES: &[(u32, u32)] = &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 7)];

/// NVML's number for a compute instance of so many slices.
pub(super) fn compute_profile(slices: u32) -> Option<u32> {
    COMPUTE_PROFILES.iter().find(|(_, has)| *has == slices).map(|(number, _)| *number)
}

impl Gpu {
    /// Cuts off a GPU instance; `None` when there is no room.
    pub(super) fn cut(&mut self, cut: &'static MigCut, start: Option<u32>) -> Option<u32> {
        let pieces: Vec<Piece> = self.device.mig.iter().map(Piece::from).collect();
        let placed: Vec<Placed> = (self.gpu_parts.iter())
            .map(|part| Placed { piece: Piece::from(part.cut), start: part.start })
            .collect();
        let piece = Piece::from(cut);
        let start = match start {
            Some(start) => placement::places(&placed, piece).find(|place| *place == start)?,
            None => placement::best_place(&placed, &pieces, piece)?,
        };
        let id = Placed { piece, start }.id();
        self.gpu_parts.push(GpuPart { id, cut, start });
        self.gpu_parts.sort_by_key(|part| part.id);
        Some(id)
    }

    /// Puts a compute instance into a GPU instance; `None` when there is no room.
    pub(super) fn fill(&mut self, gpu_part: u32, slices: u32, nvml_profile: u32) -> Option<u32> {
        let within = self.gpu_parts.iter().find(|part| part.id == gpu_part)?;
        let siblings: Vec<&ComputePart> =
            self.compute_parts.iter().filter(|part| part.gpu_part == gpu_part).collect();
        let taken: Vec<(u32, u32)> = siblings.iter().map(|part| (part.start, part.slices)).collect();
        let start = placement::compute_places(within.cut.slices, &taken, slices).next()?;
        if self.compute_parts.len() >= COMPUTE_INSTANCES {
            return None;
        }
        let id = (0..).find(|id| siblings.iter().all(|part| part.id != *id))?;
        let one = self.device.mig.iter().find(|cut| cut.slices == 1).map_or(0, |cut| cut.sm);
        let sm = if slices == within.cut.slices { within.cut.sm } else { (one * slices).min(within.cut.sm) };
        self.compute_parts.push(ComputePart { id, gpu_part, slices, nvml_profile, start, sm });
        self.compute_parts.sort_by_key(|part| (part.gpu_part, part.id));
        Some(id)
    }
}

impl Machine {
    /// 0: 1 on, 0 off.
    pub(super) fn set_mig_mode(&mut self, gpu: usize, on: bool) -> Answer {
        let held = self.is_held(gpu) || !self.gpus[gpu].gpu_parts.is_empty();
        let it = &mut self.gpus[gpu];
        if it.device.mig.is_empty() {
            return refuse(Status::NotSupported);
        }
        it.inforom.mig = on;
        let activation = match (it.mig_on == on, held, it.mig_takes_a_reset()) {
            (true, ..) => Status::Success,
            (false, true, _) => Status::InUse,
            (false, false, true) => Status::ResetRequired,
            (false, false, false) => {
                it.mig_on = on;
                Status::Success
            }
        };
        Ok([activation as u64, 0, 0, 0])
    }

    pub(super) fn create_gpu_instance(&mut self, gpu: usize, profile: u64, start: u64) -> Answer {
        let it = self.mig_gpu(gpu)?;
        let Some(cut) = it.device.mig.iter().find(|cut| u64::from(cut.id) == profile) else {
            return refuse(Status::NotSupported);
        };
        let start = match start {
            NONE => None,
            start if cut.starts.iter().any(|place| u64::from(*place) == start) => Some(start as u32),
            _ => return refuse(Status::InvalidArgument),
        };
        match it.cut(cut, start) {
            Some(id) => Ok([u64::from(id), 0, 0, 0]),
            None => refuse(Status::InsufficientResources),
        }
    }

    pub(super) fn destroy_gpu_instance(&mut self, gpu: usize, id: u64) -> Answer {
        let it = self.mig_gpu(gpu)?;
        if !it.gpu_parts.iter().any(|part| u64::from(part.id) == id) {
            return refuse(Status::NotFound);
        }
        if it.compute_parts.iter().any(|part| u64::from(part.gpu_part) == id) {
            return refuse(Status::InUse);
        }
        it.gpu_parts.retain(|part| u64::from(part.id) != id);
        Ok([0; 4])
    }

    pub(super) fn create_compute_instance(
        &mut self,
        gpu: usize,
        gpu_part: u64,
        slices: u64,
        nvml_profile: u64,
    ) -> Answer {
        let it = self.mig_gpu(gpu)?;
        let Some(part) = it.gpu_parts.iter().find(|part| u64::from(part.id) == gpu_part) else {
            return refuse(Status::NotFound);
        };
        let known = COMPUTE_PROFILES
            .iter()
            .any(|(number, has)| u64::from(*number) == nvml_profile && u64::from(*has) == slices);
        if !known {
            return refuse(Status::InvalidArgument);
        }
        if slices > u64::from(part.cut.slices) {
            return refuse(Status::NotSupported);
        }
        let id = part.id;
        match it.fill(id, slices as u32, nvml_profile as u32) {
            Some(id) => Ok([u64::from(id), 0, 0, 0]),
            None => refuse(Status::InsufficientResources),
        }
    }

    pub(super) fn destroy_compute_instance(&mut self, gpu: usize, gpu_part: u64, id: u64) -> Answer {
        let used = self.contexts.values().any(|context| {
            context.gpu == gpu
                && u64::from(context.gpu_part) == gpu_part
                && u64::from(context.compute_part) == id
        });
        let it = self.mig_gpu(gpu)?;
        let is = |part: &ComputePart| u64::from(part.gpu_part) == gpu_part && u64::from(part.id) == id;
        if !it.compute_parts.iter().any(is) {
            return refuse(Status::NotFound);
        }
        if used {
            return refuse(Status::InUse);
        }
        it.compute_parts.retain(|part| !is(part));
        Ok([0; 4])
    }

    /// The GPU, where it is in MIG mode.
    fn mig_gpu(&mut self, gpu: usize) -> Result<&mut Gpu, Refusal> {
        let it = &mut self.gpus[gpu];
        if it.mig_on { Ok(it) } else { Err(Refusal::new(Status::NotSupported)) }
    }
}
