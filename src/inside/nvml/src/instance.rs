//! MIG: profiles, where an instance may lie, what is there, and how many more would fit.
//!
//! Reads pages only; creating and destroying is the owner's affair, asked by `exports::mig`.

use crashcart_hardware::page::{ComputeInstance, GpuInstance, MigProfile};
use crashcart_hardware::placement;

use crate::answer::{Answer, Error};
use crate::machine::Gpu;

/// NVML's compute instance profiles: the enum's number, and how many slices it has.
const COMPUTE_PROFILES: [(u32, u32); 7] = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 7), (5, 8), (6, 6)];
/// One past the last compute instance profile that NVML names.
pub const COMPUTE_PROFILE_COUNT: u32 = 8;
/// One past the last GPU instance profile that NVML 13 names.
pub const GPU_PROFILE_COUNT: u32 = 0x12;

/// A way to cut a GPU instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputeProfile {
    /// NVML's enum and the id alike.
    pub id: u32,
    pub slices: u32,
    /// Most at once.
    pub instances: u32,
    pub sm: u32,
}

impl Gpu {
    /// Ways to cut this GPU; none where it cannot be cut.
    pub fn profiles(&self) -> &[MigProfile] {
        &self.page.mig_profiles[..(self.page.mig_profile_count as usize).min(self.page.mig_profiles.len())]
    }

    /// GPU instances that there are.
    pub fn instances(&self) -> &[GpuInstance] {
        &self.page.gpu_instances[..(self.page.gpu_instance_count as usize).min(self.page.gpu_instances.len())]
    }

    /// Compute instances that there are, those of all GPU instances.
    pub fn computes(&self) -> &[ComputeInstance] {
        let count = (self.page.compute_instance_count as usize).min(self.page.compute_instances.len());
        &self.page.compute_instances[..count]
    }

    /// The MIG devices in NVML's order.
    pub fn mig_devices(&self) -> Vec<ComputeInstance> {
        let mut all = self.computes().to_vec();
        all.sort_unstable_by_key(|compute| (compute.gpu_instance, compute.id));
        all
    }

    /// A MIG device by its ids.
    pub fn slice(&self, instance: u32, compute: u32) -> Option<(GpuInstance, ComputeInstance)> {
        let found = self.computes().iter().find(|it| it.gpu_instance == instance && it.id == compute)?;
        Some((self.instance(instance)?, *found))
    }

    /// A GPU instance by its id.
    pub fn instance(&self, id: u32) -> Option<GpuInstance> {
        self.instances().iter().find(|it| it.id == id).copied()
    }

    /// A profile by NVML's enum.
    pub fn profile(&self, nvml_index: u32) -> Answer<&MigProfile> {
        self.able_to_be_cut()?;
        if nvml_index >= GPU_PROFILE_COUNT {
            return Err(Error::InvalidArgument);
        }
        self.profiles().iter().find(|profile| profile.nvml_index == nvml_index).ok_or(Error::NotSupported)
    }

    /// A profile by its id, as nvidia-smi prints it.
    pub fn profile_by_id(&self, id: u32) -> Answer<&MigProfile> {
        self.able_to_be_cut()?;
        self.profiles().iter().find(|profile| profile.id == id).ok_or(Error::NotSupported)
    }

    /// That this board has MIG at all.
    pub fn able_to_be_cut(&self) -> Answer<()> {
        if self.page.mig_current > 1 { Err(Error::NotSupported) } else { Ok(()) }
    }

    /// That MIG mode is on.
    pub fn is_cut(&self) -> Answer<()> {
        if self.page.mig_current == 1 { Ok(()) } else { Err(Error::NotSupported) }
    }

    /// Most MIG devices that there could be; none while MIG is off.
    pub fn most_mig_devices(&self) -> u32 {
        if self.is_cut().is_err() {
            return 0;
        }
        self.profiles().iter().map(|profile| profile.instances).max().unwrap_or(0)
    }

    /// How many more instances of this profile there is room for.
    pub fn room_for(&self, profile: &MigProfile) -> u32 {
        let (pieces, placed) = placement::of_page(&self.page);
        placement::remaining(&placed, &pieces, profile.into())
    }

    /// The profile that a GPU instance was made from.
    pub fn profile_of(&self, instance: &GpuInstance) -> Answer<&MigProfile> {
        self.profiles().iter().find(|it| it.id == instance.profile_id).ok_or(Error::Unknown)
    }

    /// Ways to cut this GPU instance. Source: `nvidia-smi mig -lcip` on A100 and H100: one to four slices
    /// where they are fewer than the whole, and the whole.
    pub fn compute_profiles(&self, instance: &GpuInstance) -> Answer<Vec<ComputeProfile>> {
        let of = self.profile_of(instance)?;
        Ok(COMPUTE_PROFILES
            .iter()
            .filter(|(_, slices)| *slices == of.slices || (*slices < of.slices && fits(*slices, of.slices)))
            .map(|(id, slices)| ComputeProfile {
                id: *id,
                slices: *slices,
                instances: of.slices / slices,
                sm: of.sm / of.slices.max(1) * slices,
            })
            .map(|it| if it.slices == of.slices { ComputeProfile { sm: of.sm, ..it } } else { it })
            .collect())
    }

    /// One of them by NVML's enum, which is its id as well.
    pub fn compute_profile(&self, instance: &GpuInstance, id: u32) -> Answer<ComputeProfile> {
        if id >= COMPUTE_PROFILE_COUNT {
            return Err(Error::InvalidArgument);
        }
        self.compute_profiles(instance)?.into_iter().find(|it| it.id == id).ok_or(Error::NotSupported)
    }

    /// Where a compute instance of this profile could lie in a GPU instance that has no other.
    pub fn compute_starts(&self, instance: &GpuInstance, profile: &ComputeProfile) -> Answer<Vec<u32>> {
        let within = self.profile_of(instance)?.slices;
        // NVML lists the places that lie side by side: 0 and 2 of four for two slices.
        Ok(placement::compute_places(within, &[], profile.slices)
            .filter(|start| start % profile.slices.max(1) == 0)
            .collect())
    }

    /// How many more compute instances of this profile there is room for.
    pub fn compute_room(&self, instance: &GpuInstance, profile: &ComputeProfile) -> Answer<u32> {
        let within = self.profile_of(instance)?.slices;
        let of_it = self.computes().iter().filter(|it| it.gpu_instance == instance.id);
        let mut taken: Vec<(u32, u32)> = of_it.map(|it| (it.start, it.slices)).collect();
        let mut room = 0;
        loop {
            let place = placement::compute_places(within, &taken, profile.slices).next();
            let Some(start) = place else { return Ok(room) };
            taken.push((start, profile.slices.max(1)));
            room += 1;
        }
    }
}

/// Three of four slices are on offer only in seven.
fn fits(slices: u32, all: u32) -> bool {
    slices <= 4 && !(slices == 3 && all == 4)
}

/// Memory slices where an instance of this profile may begin.
pub fn starts(profile: &MigProfile) -> impl Iterator<Item = u32> {
    let starts = profile.starts;
    (0..u32::BITS).filter(move |start| starts >> start & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::session;
    use bytemuck::Zeroable;

    /// Profiles of an H100 as `mig -lgipp` prints them: id, enum, slices, most, SMs, size, starts.
    pub const H100: [(u32, u32, u32, u32, u32, u32, u32); 7] = [
        (19, 0, 1, 7, 16, 1, 0b111_1111),
        (20, 7, 1, 1, 16, 1, 0b111_1111),
        (15, 9, 1, 4, 26, 2, 0b101_0101),
        (14, 1, 2, 3, 32, 2, 0b1_0101),
        (9, 2, 3, 2, 60, 4, 0b1_0001),
        (5, 3, 4, 1, 64, 4, 0b1),
        (0, 4, 7, 1, 132, 8, 0b1),
    ];

    fn cut(instances: &[(u32, u32, u32, u32)]) -> Gpu {
        let instances = instances.to_vec();
        session(1, move |_, gpu| {
            gpu.mig_current = 1;
            gpu.mig_profile_count = H100.len() as u32;
            for (place, (id, nvml_index, slices, most, sm, size, starts)) in
                gpu.mig_profiles.iter_mut().zip(H100)
            {
                *place = MigProfile {
                    id,
                    nvml_index,
                    slices,
                    instances: most,
                    sm,
                    size,
                    starts,
                    ofas: u32::from(id == 20),
                    ..MigProfile::zeroed()
                };
            }
            gpu.gpu_instance_count = instances.len() as u32;
            for (place, (id, profile_id, start, size)) in gpu.gpu_instances.iter_mut().zip(&instances) {
                *place = GpuInstance {
                    id: *id,
                    profile_id: *profile_id,
                    start: *start,
                    size: *size,
                    memory_used: 0,
                };
            }
        })
        .by_index(0)
        .expect("a GPU")
    }

    #[test]
    fn an_empty_gpu_has_room_for_what_the_table_says() {
        let gpu = cut(&[]);
        for (id, _, _, most, ..) in H100 {
            let room = gpu.room_for(gpu.profile_by_id(id).expect("a profile"));
            assert_eq!(room, most, "profile {id}");
        }
    }

    #[test]
    fn a_second_instance_takes_room_from_all() {
        // 3g.40gb at 4, 2g.20gb at 0: one 1g.20gb is left at 2, two 1g.10gb, no 3g.
        let gpu = cut(&[(2, 9, 4, 4), (3, 14, 0, 2)]);
        let room = |id| gpu.room_for(gpu.profile_by_id(id).expect("a profile"));
        assert_eq!((room(19), room(15), room(14), room(9), room(5), room(0)), (2, 1, 1, 0, 0, 0));
    }

    #[test]
    fn a_gpu_instance_is_cut_as_the_real_tool_lists_it() {
        fn case(profile: u32, expected: &[(u32, u32, u32)]) {
            let gpu = cut(&[(1, profile, 0, 4)]);
            let instance = gpu.instance(1).expect("an instance");
            let got: Vec<_> = gpu
                .compute_profiles(&instance)
                .expect("profiles")
                .iter()
                .map(|it| (it.id, it.instances, it.sm))
                .collect();
            assert_eq!(got, expected, "profile {profile}");
        }
        case(19, &[(0, 1, 16)]);
        case(9, &[(0, 3, 20), (1, 1, 40), (2, 1, 60)]);
        case(5, &[(0, 4, 16), (1, 2, 32), (3, 1, 64)]);
    }

    #[test]
    fn a_board_without_mig_says_so() {
        let gpu = session(1, |_, gpu| gpu.mig_current = u32::MAX).by_index(0).expect("a GPU");
        assert_eq!(gpu.profile(0).err(), Some(Error::NotSupported));
        assert_eq!(gpu.most_mig_devices(), 0);
    }
}
