//! MIG: modes, profiles, GPU instances, compute instances and the devices that these make.

use crashcart_hardware::command::Verb;
use crashcart_hardware::page::{self, MigProfile, NONE};
use nvml_wrapper_sys::bindings::{
    nvmlComputeInstance_t, nvmlComputeInstanceInfo_t, nvmlComputeInstancePlacement_t,
    nvmlComputeInstanceProfileInfo_t, nvmlComputeInstanceProfileInfo_v2_t,
    nvmlComputeInstanceProfileInfo_v3_t, nvmlDevice_t, nvmlDeviceAttributes_t, nvmlGpuInstance_t,
    nvmlGpuInstanceInfo_t, nvmlGpuInstancePlacement_t, nvmlGpuInstanceProfileInfo_t,
    nvmlGpuInstanceProfileInfo_v2_t, nvmlGpuInstanceProfileInfo_v3_t, nvmlReturn_t,
};

use super::{ComputeInstance, Device, GpuInstance, In, Out, chars, exports, raw_device, versioned};
use crate::answer::{Answer, Error};
use crate::instance::{self, ComputeProfile};
use crate::machine::{Gpu, Target, has, target};
use crate::{handle, library};

exports! {
    /// Whether the GPU is cut: now, and after the next reset.
    fn nvmlDeviceGetMigMode(device: Device, current: Out<u32>, pending: Out<u32>) {
        let gpu = device.gpu()?;
        current.there()?;
        pending.give(has(gpu.page.mig_pending))?;
        current.give(has(gpu.page.mig_current))
    }

    /// Switches MIG; `activation` says whether it took effect at once.
    fn nvmlDeviceSetMigMode(device: Device, mode: u32, activation: Out<nvmlReturn_t>) {
        let gpu = device.gpu()?;
        gpu.able_to_be_cut()?;
        activation.there()?;
        if mode > 1 {
            return Err(Error::InvalidArgument);
        }
        let outcome = gpu.command(Verb::SetMigMode, &[mode.into()])?;
        activation.put(outcome.values[0] as nvmlReturn_t)
    }

    /// Whether a handle is a MIG device's.
    fn nvmlDeviceIsMigDeviceHandle(device: Device, is_mig: Out<u32>) {
        let target = device.target()?;
        is_mig.put(u32::from(matches!(target, Target::Slice(..))))
    }

    /// GPU instance of a MIG device.
    fn nvmlDeviceGetGpuInstanceId(device: Device, id: Out<u32>) {
        id.give(slice(device).map(|(_, instance, _)| instance.id))
    }

    /// Compute instance of a MIG device.
    fn nvmlDeviceGetComputeInstanceId(device: Device, id: Out<u32>) {
        id.give(slice(device).map(|(_, _, compute)| compute.id))
    }

    /// Most MIG devices that there could be.
    fn nvmlDeviceGetMaxMigDeviceCount(device: Device, count: Out<u32>) {
        count.put(device.gpu()?.most_mig_devices())
    }

    /// A MIG device by its place on the GPU.
    fn nvmlDeviceGetMigDeviceHandleByIndex(device: Device, index: u32, mig: Out<nvmlDevice_t>) {
        let gpu = device.gpu()?;
        mig.there()?;
        gpu.is_cut()?;
        if index >= gpu.most_mig_devices() {
            return Err(Error::InvalidArgument);
        }
        let compute = *gpu.mig_devices().get(index as usize).ok_or(Error::NotFound)?;
        mig.put(raw_device(handle::Device::Slice {
            gpu: gpu.at,
            instance: compute.gpu_instance,
            compute: compute.id,
        })?)
    }

    /// The GPU of a MIG device.
    fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig: Device, device: Out<nvmlDevice_t>) {
        let (gpu, ..) = slice(mig)?;
        device.put(raw_device(gpu.handle())?)
    }

    /// What a MIG device has.
    fn nvmlDeviceGetAttributes_v2(device: Device, attributes: Out<nvmlDeviceAttributes_t>) {
        attributes.give(self::attributes(device))
    }

    /// The same.
    fn nvmlDeviceGetAttributes(device: Device, attributes: Out<nvmlDeviceAttributes_t>) {
        attributes.give(self::attributes(device))
    }

    /// A GPU instance profile by NVML's enum.
    fn nvmlDeviceGetGpuInstanceProfileInfo(device: Device, profile: u32, info: Out<nvmlGpuInstanceProfileInfo_t>) {
        let gpu = device.gpu()?;
        info.there()?;
        let it = gpu.profile(profile)?;
        info.put(nvmlGpuInstanceProfileInfo_t {
            id: it.id,
            isP2pSupported: it.peer_to_peer,
            sliceCount: it.slices,
            instanceCount: it.instances,
            multiprocessorCount: it.sm,
            copyEngineCount: it.copy_engines,
            decoderCount: it.decoders,
            encoderCount: it.encoders,
            jpegCount: it.jpegs,
            ofaCount: it.ofas,
            memorySizeMB: it.memory_mib.into(),
        })
    }

    /// The same with its name, in the layout that the caller names.
    fn nvmlDeviceGetGpuInstanceProfileInfoV(device: Device, profile: u32, info: Out<nvmlGpuInstanceProfileInfo_v3_t>) {
        let gpu = device.gpu()?;
        info.there()?;
        put_profile(info, gpu.profile(profile)?)
    }

    /// The same by the profile's id.
    fn nvmlDeviceGetGpuInstanceProfileInfoByIdV(device: Device, id: u32, info: Out<nvmlGpuInstanceProfileInfo_v3_t>) {
        let gpu = device.gpu()?;
        info.there()?;
        put_profile(info, gpu.profile_by_id(id)?)
    }

    /// Where instances of a profile may lie.
    fn nvmlDeviceGetGpuInstancePossiblePlacements_v2(
        device: Device,
        id: u32,
        placements: Out<nvmlGpuInstancePlacement_t>,
        count: Out<u32>,
    ) {
        self::placements(device, id, placements, count)
    }

    /// The same.
    fn nvmlDeviceGetGpuInstancePossiblePlacements(
        device: Device,
        id: u32,
        placements: Out<nvmlGpuInstancePlacement_t>,
        count: Out<u32>,
    ) {
        self::placements(device, id, placements, count)
    }

    /// How many more instances of a profile there is room for.
    fn nvmlDeviceGetGpuInstanceRemainingCapacity(device: Device, id: u32, count: Out<u32>) {
        let gpu = device.gpu()?;
        count.there()?;
        gpu.is_cut()?;
        count.put(gpu.room_for(gpu.profile_by_id(id)?))
    }

    /// Makes a GPU instance wherever there is room.
    fn nvmlDeviceCreateGpuInstance(device: Device, id: u32, instance: Out<nvmlGpuInstance_t>) {
        create(device, id, NONE, instance)
    }

    /// Makes a GPU instance at a place.
    fn nvmlDeviceCreateGpuInstanceWithPlacement(
        device: Device,
        id: u32,
        placement: In<nvmlGpuInstancePlacement_t>,
        instance: Out<nvmlGpuInstance_t>,
    ) {
        library::session()?;
        let placement = placement.get()?;
        let gpu = device.gpu()?;
        gpu.is_cut()?;
        let profile = gpu.profile_by_id(id)?;
        if placement.size != profile.size || !instance::starts(profile).any(|start| start == placement.start) {
            return Err(Error::InvalidArgument);
        }
        create(device, id, placement.start.into(), instance)
    }

    /// Unmakes a GPU instance.
    fn nvmlGpuInstanceDestroy(instance: GpuInstance) {
        let (gpu, instance) = found(instance)?;
        gpu.command(Verb::DestroyGpuInstance, &[instance.id.into()]).map(|_| ())
    }

    /// The GPU instances of a profile; the array has room for all that there can be.
    fn nvmlDeviceGetGpuInstances(device: Device, id: u32, instances: Out<nvmlGpuInstance_t>, count: Out<u32>) {
        let gpu = device.gpu()?;
        instances.there()?;
        count.there()?;
        gpu.is_cut()?;
        gpu.profile_by_id(id)?;
        let of_it: Vec<_> = gpu.instances().iter().filter(|it| it.profile_id == id).collect();
        for (at, it) in of_it.iter().enumerate() {
            instances.nth(at).put(raw_instance(&gpu, it.id)?)?;
        }
        count.put(of_it.len() as u32)
    }

    /// A GPU instance by its id.
    fn nvmlDeviceGetGpuInstanceById(device: Device, id: u32, instance: Out<nvmlGpuInstance_t>) {
        let gpu = device.gpu()?;
        instance.there()?;
        gpu.is_cut()?;
        gpu.instance(id).ok_or(Error::NotFound)?;
        instance.put(raw_instance(&gpu, id)?)
    }

    /// What a GPU instance is and where it lies.
    fn nvmlGpuInstanceGetInfo(instance: GpuInstance, info: Out<nvmlGpuInstanceInfo_t>) {
        let (gpu, instance) = found(instance)?;
        info.put(nvmlGpuInstanceInfo_t {
            device: raw_device(gpu.handle())?,
            id: instance.id,
            profileId: instance.profile_id,
            placement: nvmlGpuInstancePlacement_t { start: instance.start, size: instance.size },
        })
    }

    /// A compute instance profile by NVML's enum; engines are always shared (0).
    fn nvmlGpuInstanceGetComputeInstanceProfileInfo(
        instance: GpuInstance,
        profile: u32,
        engines: u32,
        info: Out<nvmlComputeInstanceProfileInfo_t>,
    ) {
        let (gpu, instance) = found(instance)?;
        info.there()?;
        let it = compute_profile(&gpu, &instance, profile, engines)?;
        let of = gpu.profile_of(&instance)?;
        info.put(nvmlComputeInstanceProfileInfo_t {
            id: it.id,
            sliceCount: it.slices,
            instanceCount: it.instances,
            multiprocessorCount: it.sm,
            sharedCopyEngineCount: of.copy_engines,
            sharedDecoderCount: of.decoders,
            sharedEncoderCount: of.encoders,
            sharedJpegCount: of.jpegs,
            sharedOfaCount: of.ofas,
        })
    }

    /// The same with its name, in the layout that the caller names.
    fn nvmlGpuInstanceGetComputeInstanceProfileInfoV(
        instance: GpuInstance,
        profile: u32,
        engines: u32,
        info: Out<nvmlComputeInstanceProfileInfo_v3_t>,
    ) {
        let (gpu, instance) = found(instance)?;
        info.there()?;
        let it = compute_profile(&gpu, &instance, profile, engines)?;
        let of = gpu.profile_of(&instance)?;
        let version = info.cast::<u32>().get()?;
        let whole = page::text(&of.name);
        let name = if it.slices == of.slices { whole.to_owned() } else { format!("{}c.{whole}", it.slices) };
        let second = nvmlComputeInstanceProfileInfo_v2_t {
            version,
            id: it.id,
            sliceCount: it.slices,
            instanceCount: it.instances,
            multiprocessorCount: it.sm,
            sharedCopyEngineCount: of.copy_engines,
            sharedDecoderCount: of.decoders,
            sharedEncoderCount: of.encoders,
            sharedJpegCount: of.jpegs,
            sharedOfaCount: of.ofas,
            name: chars(&format!("MIG {name}")),
        };
        if version == versioned::<nvmlComputeInstanceProfileInfo_v2_t>(2) {
            return info.cast().put(second);
        }
        info.version(3)?;
        info.put(nvmlComputeInstanceProfileInfo_v3_t {
            version,
            id: second.id,
            sliceCount: second.sliceCount,
            instanceCount: second.instanceCount,
            multiprocessorCount: second.multiprocessorCount,
            sharedCopyEngineCount: second.sharedCopyEngineCount,
            sharedDecoderCount: second.sharedDecoderCount,
            sharedEncoderCount: second.sharedEncoderCount,
            sharedJpegCount: second.sharedJpegCount,
            sharedOfaCount: second.sharedOfaCount,
            name: second.name,
            capabilities: 0,
        })
    }

    /// How many more compute instances of a profile there is room for.
    fn nvmlGpuInstanceGetComputeInstanceRemainingCapacity(instance: GpuInstance, id: u32, count: Out<u32>) {
        let (gpu, instance) = found(instance)?;
        count.there()?;
        count.put(gpu.compute_room(&instance, &gpu.compute_profile(&instance, id)?)?)
    }

    /// Where compute instances of a profile may lie.
    fn nvmlGpuInstanceGetComputeInstancePossiblePlacements(
        instance: GpuInstance,
        id: u32,
        placements: Out<nvmlComputeInstancePlacement_t>,
        count: Out<u32>,
    ) {
        let (gpu, instance) = found(instance)?;
        count.there()?;
        let profile = gpu.compute_profile(&instance, id)?;
        let places: Vec<_> = gpu
            .compute_starts(&instance, &profile)?
            .into_iter()
            .map(|start| nvmlComputeInstancePlacement_t { start, size: profile.slices })
            .collect();
        placements.list_or_count(count, &places)
    }

    /// Makes a compute instance wherever there is room.
    fn nvmlGpuInstanceCreateComputeInstance(instance: GpuInstance, id: u32, compute: Out<nvmlComputeInstance_t>) {
        create_compute(instance, id, compute)
    }

    /// Makes a compute instance; the owner lays it where there is room, so the place must be one of those.
    fn nvmlGpuInstanceCreateComputeInstanceWithPlacement(
        instance: GpuInstance,
        id: u32,
        placement: In<nvmlComputeInstancePlacement_t>,
        compute: Out<nvmlComputeInstance_t>,
    ) {
        library::session()?;
        let placement = placement.get()?;
        let (gpu, of) = found(instance)?;
        let profile = gpu.compute_profile(&of, id)?;
        let starts = gpu.compute_starts(&of, &profile)?;
        if placement.size != profile.slices || !starts.contains(&placement.start) {
            return Err(Error::InvalidArgument);
        }
        create_compute(instance, id, compute)
    }

    /// Unmakes a compute instance.
    fn nvmlComputeInstanceDestroy(compute: ComputeInstance) {
        let (gpu, instance, compute) = found_compute(compute)?;
        gpu.command(Verb::DestroyComputeInstance, &[instance.id.into(), compute.id.into()]).map(|_| ())
    }

    /// The compute instances of a profile.
    fn nvmlGpuInstanceGetComputeInstances(
        instance: GpuInstance,
        id: u32,
        computes: Out<nvmlComputeInstance_t>,
        count: Out<u32>,
    ) {
        let (gpu, instance) = found(instance)?;
        computes.there()?;
        count.there()?;
        gpu.compute_profile(&instance, id)?;
        let of_it: Vec<_> = gpu
            .computes()
            .iter()
            .filter(|it| it.gpu_instance == instance.id && it.nvml_profile == id)
            .collect();
        for (at, it) in of_it.iter().enumerate() {
            computes.nth(at).put(raw_compute(&gpu, instance.id, it.id)?)?;
        }
        count.put(of_it.len() as u32)
    }

    /// A compute instance by its id.
    fn nvmlGpuInstanceGetComputeInstanceById(instance: GpuInstance, id: u32, compute: Out<nvmlComputeInstance_t>) {
        let (gpu, instance) = found(instance)?;
        compute.there()?;
        gpu.slice(instance.id, id).ok_or(Error::NotFound)?;
        compute.put(raw_compute(&gpu, instance.id, id)?)
    }

    /// What a compute instance is and where it lies.
    fn nvmlComputeInstanceGetInfo_v2(compute: ComputeInstance, info: Out<nvmlComputeInstanceInfo_t>) {
        compute_info(compute, info)
    }

    /// The same.
    fn nvmlComputeInstanceGetInfo(compute: ComputeInstance, info: Out<nvmlComputeInstanceInfo_t>) {
        compute_info(compute, info)
    }
}

/// The MIG device that a handle stands for; "not supported" for a whole GPU.
fn slice(device: Device) -> Answer<(Gpu, page::GpuInstance, page::ComputeInstance)> {
    match device.target()? {
        Target::Slice(gpu, instance, compute) => Ok((gpu.answering()?, instance, compute)),
        Target::Whole(gpu) => gpu.answering().and(Err(Error::NotSupported)),
    }
}

fn attributes(device: Device) -> Answer<nvmlDeviceAttributes_t> {
    let (gpu, instance, compute) = slice(device)?;
    let profile = gpu.profile_of(&instance)?;
    Ok(nvmlDeviceAttributes_t {
        multiprocessorCount: compute.sm,
        sharedCopyEngineCount: profile.copy_engines,
        sharedDecoderCount: profile.decoders,
        sharedEncoderCount: profile.encoders,
        sharedJpegCount: profile.jpegs,
        sharedOfaCount: profile.ofas,
        gpuInstanceSliceCount: profile.slices,
        computeInstanceSliceCount: compute.slices,
        memorySizeMB: profile.memory_mib.into(),
    })
}

fn put_profile(info: Out<nvmlGpuInstanceProfileInfo_v3_t>, it: &MigProfile) -> Answer<()> {
    let version = info.cast::<u32>().get()?;
    let name = chars(&format!("MIG {}", page::text(&it.name)));
    if version == versioned::<nvmlGpuInstanceProfileInfo_v2_t>(2) {
        return info.cast().put(nvmlGpuInstanceProfileInfo_v2_t {
            version,
            id: it.id,
            isP2pSupported: it.peer_to_peer,
            sliceCount: it.slices,
            instanceCount: it.instances,
            multiprocessorCount: it.sm,
            copyEngineCount: it.copy_engines,
            decoderCount: it.decoders,
            encoderCount: it.encoders,
            jpegCount: it.jpegs,
            ofaCount: it.ofas,
            memorySizeMB: it.memory_mib.into(),
            name,
        });
    }
    info.version(3)?;
    info.put(nvmlGpuInstanceProfileInfo_v3_t {
        version,
        id: it.id,
        sliceCount: it.slices,
        instanceCount: it.instances,
        multiprocessorCount: it.sm,
        copyEngineCount: it.copy_engines,
        decoderCount: it.decoders,
        encoderCount: it.encoders,
        jpegCount: it.jpegs,
        ofaCount: it.ofas,
        memorySizeMB: it.memory_mib.into(),
        name,
        // NVML_GPU_INSTANCE_PROFILE_CAPS_P2P.
        capabilities: it.peer_to_peer & 1,
    })
}

fn placements(
    device: Device,
    id: u32,
    placements: Out<nvmlGpuInstancePlacement_t>,
    count: Out<u32>,
) -> Answer<()> {
    let gpu = device.gpu()?;
    count.there()?;
    gpu.is_cut()?;
    let profile = gpu.profile_by_id(id)?;
    let places: Vec<_> = instance::starts(profile)
        .map(|start| nvmlGpuInstancePlacement_t { start, size: profile.size })
        .collect();
    placements.list_or_count(count, &places)
}

fn create(device: Device, id: u32, start: u64, instance: Out<nvmlGpuInstance_t>) -> Answer<()> {
    let gpu = device.gpu()?;
    instance.there()?;
    gpu.is_cut()?;
    gpu.profile_by_id(id)?;
    let outcome = gpu.command(Verb::CreateGpuInstance, &[id.into(), start])?;
    instance.put(raw_instance(&gpu, outcome.values[0] as u32)?)
}

fn create_compute(instance: GpuInstance, id: u32, compute: Out<nvmlComputeInstance_t>) -> Answer<()> {
    let (gpu, instance) = found(instance)?;
    compute.there()?;
    let profile = gpu.compute_profile(&instance, id)?;
    let arguments = [instance.id.into(), profile.slices.into(), profile.id.into()];
    let outcome = gpu.command(Verb::CreateComputeInstance, &arguments)?;
    compute.put(raw_compute(&gpu, instance.id, outcome.values[0] as u32)?)
}

fn compute_info(compute: ComputeInstance, info: Out<nvmlComputeInstanceInfo_t>) -> Answer<()> {
    let (gpu, instance, compute) = found_compute(compute)?;
    info.put(nvmlComputeInstanceInfo_t {
        device: raw_device(gpu.handle())?,
        gpuInstance: raw_instance(&gpu, instance.id)?,
        id: compute.id,
        profileId: compute.nvml_profile,
        placement: nvmlComputeInstancePlacement_t { start: compute.start, size: compute.slices },
    })
}

fn compute_profile(
    gpu: &Gpu,
    instance: &page::GpuInstance,
    profile: u32,
    engines: u32,
) -> Answer<ComputeProfile> {
    if engines != 0 {
        return Err(Error::InvalidArgument);
    }
    gpu.compute_profile(instance, profile)
}

/// The GPU instance that a handle stands for.
fn found(instance: GpuInstance) -> Answer<(Gpu, page::GpuInstance)> {
    library::session()?;
    let it = handle::GpuInstance::at(instance.0).ok_or(Error::InvalidArgument)?;
    let gpu = whole(it.gpu)?;
    let instance = gpu.instance(it.id).ok_or(Error::InvalidArgument)?;
    Ok((gpu, instance))
}

/// The compute instance that a handle stands for.
fn found_compute(compute: ComputeInstance) -> Answer<(Gpu, page::GpuInstance, page::ComputeInstance)> {
    library::session()?;
    let it = handle::ComputeInstance::at(compute.0).ok_or(Error::InvalidArgument)?;
    let gpu = whole(it.gpu)?;
    let (instance, compute) = gpu.slice(it.instance, it.id).ok_or(Error::InvalidArgument)?;
    Ok((gpu, instance, compute))
}

fn whole(gpu: usize) -> Answer<Gpu> {
    match target(handle::Device::Whole { gpu }.address().ok_or(Error::InvalidArgument)?)? {
        Target::Whole(gpu) | Target::Slice(gpu, ..) => gpu.answering(),
    }
}

fn raw_instance(gpu: &Gpu, id: u32) -> Answer<nvmlGpuInstance_t> {
    let address = handle::GpuInstance { gpu: gpu.at, id }.address().ok_or(Error::Unknown)?;
    Ok(std::ptr::without_provenance_mut(address))
}

fn raw_compute(gpu: &Gpu, instance: u32, id: u32) -> Answer<nvmlComputeInstance_t> {
    let address = handle::ComputeInstance { gpu: gpu.at, instance, id }.address().ok_or(Error::Unknown)?;
    Ok(std::ptr::without_provenance_mut(address))
}
