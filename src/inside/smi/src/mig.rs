//! `nvidia-smi mig`: what a GPU can be cut into, what it is cut into, and cutting it.
//!
//! Tables have the widths of 570 and later. Their rules and words were compared with public transcripts of
//! H100 and A100.

use std::fmt::Write;

use nvml_wrapper::{Device, Nvml};

use crate::arguments::{Mig, MigVerb};
use crate::node::{Code, Reading};
use crate::raw::{self, ComputeInstance, GpuInstance, Profile};

/// Profiles that NVML counts; the library refuses numbers that a GPU does not have.
const GPU_PROFILES: u32 = 17;
const COMPUTE_PROFILES: u32 = 8;

/// Runs it over the GPUs at these indices; what was printed and how the program ends.
pub fn run(nvml: &Nvml, indices: &[u32], asked: &Mig) -> (String, u8) {
    let mut out = String::new();
    let mut devices = Vec::new();
    for index in indices {
        if let Ok(device) = nvml.device_by_index(*index) {
            devices.push((*index, device));
        }
    }
    let able: Vec<&(u32, Device<'_>)> =
        devices.iter().filter(|(_, device)| device.mig_mode().is_ok()).collect();
    if able.is_empty() {
        return ("No MIG-supported devices found.\n".into(), Code::NOT_FOUND.exit());
    }
    let on: Vec<&(u32, Device<'_>)> = able
        .iter()
        .copied()
        .filter(|(_, device)| device.mig_mode().is_ok_and(|mode| mode.current != 0))
        .collect();
    if on.is_empty() {
        return ("No MIG-enabled devices found.\n".into(), Code::NOT_FOUND.exit());
    }
    let answer = match &asked.verb {
        MigVerb::ListProfiles => profiles(&mut out, &on),
        MigVerb::ListPlacements => placements(&mut out, &on),
        MigVerb::ListInstances => instances(&mut out, &on),
        MigVerb::ListComputeProfiles => compute_profiles(&mut out, &on, asked),
        MigVerb::ListComputeInstances => compute_instances(&mut out, &on, asked),
        MigVerb::Create { profiles, whole } => create(&mut out, &on, profiles, *whole),
        MigVerb::CreateCompute { profiles } => create_compute(&mut out, &on, asked, profiles),
        MigVerb::Destroy => destroy(&mut out, &on, asked),
        MigVerb::DestroyCompute => destroy_compute(&mut out, &on, asked),
    };
    (out, answer.map_or_else(Code::exit, |()| 0))
}

/// A table with a rule after each entry.
struct Table {
    rule: String,
    body: String,
}

impl Table {
    fn new(width: usize, title: &str, heading: &[&str]) -> Self {
        let rule = format!("+{}+\n", "-".repeat(width));
        let mut body = rule.clone();
        for line in std::iter::once(&title).chain(heading) {
            let _ = writeln!(body, "|{line:<width$}|");
        }
        let _ = writeln!(body, "|{}|", "=".repeat(width));
        Self { rule, body }
    }

    fn entry(&mut self, lines: &[String]) {
        let width = self.rule.len() - 3;
        for line in lines {
            let _ = writeln!(self.body, "|{line:<width$}|");
        }
        self.body += &self.rule;
    }
}

/// The profiles of a GPU with their numbers, in the order of `-lgip`: small ones first.
fn offered(device: &Device<'_>) -> Vec<Profile> {
    let mut all: Vec<Profile> =
        (0..GPU_PROFILES).filter_map(|number| raw::gpu_instance_profile(device, number).ok()).collect();
    all.sort_by_key(|profile| (profile.slices, profile.memory_mib, std::cmp::Reverse(profile.id == 19)));
    all
}

/// `MIG 1g.10gb`, from the library or from what it says of slices and memory.
fn name(profile: &Profile) -> String {
    match &profile.name {
        Some(name) if name.starts_with("MIG ") => name.clone(),
        Some(name) => format!("MIG {name}"),
        None => format!("MIG {}g.{}gb", profile.slices, profile.memory_mib.div_ceil(1024)),
    }
}

fn gibibytes(mib: u64) -> String {
    // Cut, not rounded, to two places: 20096 MiB are printed as 19.62.
    let hundredths = mib * 100 / 1024;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn profiles(out: &mut String, gpus: &[&(u32, Device<'_>)]) -> Reading<()> {
    let mut table = Table::new(
        79,
        " GPU instance profiles:",
        &[
            " GPU   Name               ID    Instances   Memory     P2P    SM    DEC   ENC  ",
            "                                Free/Total   GiB              CE    JPEG  OFA  ",
        ],
    );
    for (index, device) in gpus {
        for profile in offered(device) {
            let free = raw::remaining(device, profile.id).unwrap_or(0);
            let engines = &profile.engines;
            table.entry(&[
                format!(
                    "{index:>4}  {:<20}{:>2}  {:>4}/{:<5}    {:<5}      {:<3}    {:<4}   {:<3}   {:<3} ",
                    name(&profile),
                    profile.id,
                    free,
                    profile.instances,
                    gibibytes(profile.memory_mib),
                    if profile.peer { "Yes" } else { "No" },
                    engines.sm,
                    engines.decoder,
                    engines.encoder,
                ),
                format!("{:63}{:<3}   {:<3}   {:<3} ", "", engines.copy, engines.jpeg, engines.ofa),
            ]);
        }
    }
    *out += &table.body;
    Ok(())
}

fn placements(out: &mut String, gpus: &[&(u32, Device<'_>)]) -> Reading<()> {
    for (index, device) in gpus {
        for profile in offered(device) {
            let Ok(places) = raw::placements(device, profile.id) else { continue };
            let starts: Vec<String> = places.iter().map(|(start, _)| start.to_string()).collect();
            let size = places.first().map_or(0, |(_, size)| *size);
            let word = if places.len() == 1 { "Placement " } else { "Placements" };
            let _ = writeln!(
                out,
                "GPU {index:>2} Profile ID {:>2} {word}: {{{}}}:{size}",
                profile.id,
                starts.join(",")
            );
        }
    }
    Ok(())
}

/// GPU instances with their profiles, by name and id.
fn existing<'d>(device: &'d Device<'d>) -> Reading<Vec<(Profile, GpuInstance<'d>)>> {
    let mut all = Vec::new();
    for profile in offered(device) {
        match raw::gpu_instances(device, profile.id) {
            Ok(found) => all.extend(found.into_iter().map(|one| (profile.clone(), one))),
            Err(code) if code.is_absence() => {}
            Err(code) => return Err(code),
        }
    }
    Ok(all)
}

/// Those that `-gi` names, or all.
fn chosen<'d>(device: &'d Device<'d>, ids: &Option<Vec<u32>>) -> Reading<Vec<(Profile, GpuInstance<'d>)>> {
    let mut all = existing(device)?;
    if let Some(ids) = ids {
        all.retain(|(_, one)| ids.contains(&one.id));
    }
    all.sort_by_key(|(_, one)| one.id);
    Ok(all)
}

fn instances(out: &mut String, gpus: &[&(u32, Device<'_>)]) -> Reading<()> {
    let mut table = Table::new(
        57,
        " GPU instances:",
        &[
            " GPU   Name               Profile  Instance   Placement  ",
            "                            ID       ID       Start:Size ",
        ],
    );
    let mut any = false;
    for (index, device) in gpus {
        for (profile, one) in existing(device)? {
            any = true;
            table.entry(&[format!(
                "{index:>4}  {:<20} {:>3}       {:>2}       {:>4}:{:<4}  ",
                name(&profile),
                profile.id,
                one.id,
                one.start,
                one.size
            )]);
        }
    }
    if !any {
        *out += "No GPU instances found: Not Found\n";
        return Err(Code::NOT_FOUND);
    }
    *out += &table.body;
    Ok(())
}

/// The compute profiles of a GPU instance, small ones first.
fn offered_within(instance: &GpuInstance<'_>) -> Vec<Profile> {
    let mut all: Vec<Profile> =
        (0..COMPUTE_PROFILES).filter_map(|number| instance.profile(number).ok()).collect();
    all.sort_by_key(|profile| (profile.slices, profile.id));
    all
}

/// `MIG 1c.3g.40gb`, or the name of the whole GPU instance.
fn name_within(whole: &Profile, part: &Profile) -> String {
    match &part.name {
        Some(text) if text.starts_with("MIG ") => text.clone(),
        Some(text) => format!("MIG {text}"),
        None if part.slices == whole.slices => name(whole),
        None => format!("MIG {}c.{}", part.slices, name(whole).trim_start_matches("MIG ")),
    }
}

fn compute_profiles(out: &mut String, gpus: &[&(u32, Device<'_>)], asked: &Mig) -> Reading<()> {
    let mut table = Table::new(
        86,
        " Compute instance profiles:",
        &[
            " GPU     GPU       Name             Profile  Instances   Exclusive       Shared       ",
            "       Instance                       ID     Free/Total     SM       DEC   ENC   OFA  ",
            "         ID                                                          CE    JPEG       ",
        ],
    );
    for (index, device) in gpus {
        for (whole, instance) in chosen(device, &asked.gpu_instances)? {
            for part in offered_within(&instance) {
                let free = instance.remaining(part.id).unwrap_or(0);
                let engines = &part.engines;
                let star = if part.slices == whole.slices { "*" } else { " " };
                table.entry(&[
                    format!(
                        "{index:>4}  {:>5}       {:<18}{:>4}{star}  {:>4}/{:<4}        {:<4}      {:<3}   {:<3}   {:<3} ",
                        instance.id,
                        name_within(&whole, &part),
                        part.id,
                        free,
                        part.instances,
                        engines.sm,
                        engines.decoder,
                        engines.encoder,
                        engines.ofa
                    ),
                    format!("{:70}{:<3}   {:<3}       ", "", engines.copy, engines.jpeg),
                ]);
            }
        }
    }
    *out += &table.body;
    Ok(())
}

/// The compute instances of a GPU instance, with their profiles.
fn existing_within<'d>(instance: &GpuInstance<'d>) -> Reading<Vec<(Profile, ComputeInstance<'d>)>> {
    let mut all = Vec::new();
    for part in offered_within(instance) {
        match instance.compute_instances(part.id) {
            Ok(found) => all.extend(found.into_iter().map(|one| (part.clone(), one))),
            Err(code) if code.is_absence() => {}
            Err(code) => return Err(code),
        }
    }
    Ok(all)
}

fn compute_instances(out: &mut String, gpus: &[&(u32, Device<'_>)], asked: &Mig) -> Reading<()> {
    let mut table = Table::new(
        68,
        " Compute instances:",
        &[
            " GPU     GPU       Name             Profile   Instance   Placement  ",
            "       Instance                       ID        ID       Start:Size ",
            "         ID                                                         ",
        ],
    );
    let mut any = false;
    for (index, device) in gpus {
        let mut wholes = existing(device)?;
        if let Some(ids) = &asked.gpu_instances {
            wholes.retain(|(_, one)| ids.contains(&one.id));
        }
        for (whole, instance) in wholes {
            for (part, one) in existing_within(&instance)? {
                any = true;
                table.entry(&[format!(
                    "{index:>4}  {:>5}       {:<18}{:>4}  {:>8}       {:>4}:{:<4}  ",
                    instance.id,
                    name_within(&whole, &part),
                    part.id,
                    one.id,
                    one.start,
                    one.size
                )]);
            }
        }
    }
    if !any {
        *out += "No compute instances found: Not Found\n";
        return Err(Code::NOT_FOUND);
    }
    *out += &table.body;
    Ok(())
}

/// The profile that `19`, `1g.10gb` or `MIG 1g.10gb` means.
fn wanted<'p>(asked: &str, offered: &'p [Profile]) -> Option<&'p Profile> {
    match asked.parse::<u32>() {
        Ok(id) => offered.iter().find(|profile| profile.id == id),
        Err(_) => {
            let short = asked.trim_start_matches("MIG ");
            offered.iter().find(|profile| name(profile).trim_start_matches("MIG ") == short)
        }
    }
}

fn create(out: &mut String, gpus: &[&(u32, Device<'_>)], asked: &[String], whole: bool) -> Reading<()> {
    for (index, device) in gpus {
        let offered = offered(device);
        for one in asked {
            let (which, start) = match one.split_once(':') {
                Some((which, start)) => (which, start.parse::<u32>().ok()),
                None => (one.as_str(), None),
            };
            let Some(profile) = wanted(which, &offered) else {
                let _ = writeln!(
                    out,
                    "Unable to create a GPU instance on GPU {index:>2} using profile {which}: {}",
                    Code::INVALID_ARGUMENT
                );
                return give_up(out, "create GPU instances", Code::INVALID_ARGUMENT);
            };
            let made = match start {
                None => raw::create_gpu_instance(device, profile.id),
                Some(start) => raw::placements(device, profile.id).and_then(|places| {
                    let (_, size) =
                        places.iter().find(|(at, _)| *at == start).ok_or(Code::INVALID_ARGUMENT)?;
                    raw::create_gpu_instance_at(device, profile.id, start, *size)
                }),
            };
            let instance = match made {
                Ok(instance) => instance,
                Err(code) => {
                    let _ = writeln!(
                        out,
                        "Unable to create a GPU instance on GPU {index:>2} using profile {}: {code}",
                        profile.id
                    );
                    return give_up(out, "create GPU instances", code);
                }
            };
            let _ = writeln!(
                out,
                "Successfully created GPU instance ID {:>2} on GPU {index:>2} using profile {} (ID {:>2})",
                instance.id,
                name(profile),
                profile.id
            );
            if whole {
                create_within(out, *index, profile, &instance, None)?;
            }
        }
    }
    Ok(())
}

fn give_up(out: &mut String, what: &str, code: Code) -> Reading<()> {
    let _ = writeln!(out, "Failed to {what}: {code}");
    Err(code)
}

/// One compute instance; without a profile, of all that the GPU instance has.
fn create_within(
    out: &mut String,
    index: u32,
    whole: &Profile,
    instance: &GpuInstance<'_>,
    asked: Option<&str>,
) -> Reading<()> {
    let offered = offered_within(instance);
    let part = match asked {
        None => offered.iter().find(|part| part.slices == whole.slices),
        Some(asked) => match asked.parse::<u32>() {
            Ok(id) => offered.iter().find(|part| part.id == id),
            Err(_) => offered.iter().find(|part| {
                name_within(whole, part).trim_start_matches("MIG ") == asked.trim_start_matches("MIG ")
            }),
        },
    };
    let made = part.ok_or(Code::INVALID_ARGUMENT).and_then(|part| Ok((part, instance.create(part.id)?)));
    match made {
        Ok((part, made)) => {
            let _ = writeln!(
                out,
                "Successfully created compute instance ID {:>2} on GPU {index:>2} GPU instance ID {:>2} using \
                 profile {} (ID {:>2})",
                made.id,
                instance.id,
                name_within(whole, part),
                part.id
            );
            Ok(())
        }
        Err(code) => {
            let _ = writeln!(
                out,
                "Unable to create a compute instance on GPU {index:>2} GPU instance ID {:>2} using profile {}: {code}",
                instance.id,
                asked.map_or_else(|| part.map_or("-".into(), |part| part.id.to_string()), str::to_owned)
            );
            give_up(out, "create compute instances", code)
        }
    }
}

fn create_compute(
    out: &mut String,
    gpus: &[&(u32, Device<'_>)],
    asked: &Mig,
    profiles: &[String],
) -> Reading<()> {
    let mut any = false;
    for (index, device) in gpus {
        for (whole, instance) in chosen(device, &asked.gpu_instances)? {
            any = true;
            if profiles.is_empty() {
                create_within(out, *index, &whole, &instance, None)?;
            }
            for profile in profiles {
                create_within(out, *index, &whole, &instance, Some(profile))?;
            }
        }
    }
    if any {
        return Ok(());
    }
    *out += "No GPU instances found: Not Found\n";
    Err(Code::NOT_FOUND)
}

fn destroy(out: &mut String, gpus: &[&(u32, Device<'_>)], asked: &Mig) -> Reading<()> {
    let mut any = false;
    for (index, device) in gpus {
        for (_, instance) in chosen(device, &asked.gpu_instances)? {
            any = true;
            let id = instance.id;
            if let Err(code) = instance.destroy() {
                let _ =
                    writeln!(out, "Unable to destroy GPU instance ID {id:>2} from GPU {index:>2}: {code}");
                return give_up(out, "destroy GPU instances", code);
            }
            let _ = writeln!(out, "Successfully destroyed GPU instance ID {id:>2} from GPU {index:>2}");
        }
    }
    if any {
        return Ok(());
    }
    *out += "No GPU instances found: Not Found\n";
    Err(Code::NOT_FOUND)
}

fn destroy_compute(out: &mut String, gpus: &[&(u32, Device<'_>)], asked: &Mig) -> Reading<()> {
    let mut any = false;
    for (index, device) in gpus {
        for (_, instance) in chosen(device, &asked.gpu_instances)? {
            for (_, one) in existing_within(&instance)? {
                if asked.compute_instances.as_ref().is_some_and(|ids| !ids.contains(&one.id)) {
                    continue;
                }
                any = true;
                let (id, within) = (one.id, instance.id);
                if let Err(code) = one.destroy() {
                    let _ = writeln!(
                        out,
                        "Unable to destroy compute instance ID {id:>2} from GPU {index:>2} GPU instance ID \
                         {within:>2}: {code}"
                    );
                    return give_up(out, "destroy compute instances", code);
                }
                let _ = writeln!(
                    out,
                    "Successfully destroyed compute instance ID {id:>2} from GPU {index:>2} GPU instance ID {within:>2}"
                );
            }
        }
    }
    if any {
        return Ok(());
    }
    *out += "No compute instances found: Not Found\n";
    Err(Code::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_cut_to_two_places() {
        for (mib, expected) in [(9984, "9.75"), (20096, "19.62"), (40448, "39.50"), (81152, "79.25")] {
            assert_eq!(gibibytes(mib), expected);
        }
    }
}
