//! What the driver of a guest costs: the start of a guest with GPUs beside one without, loading its module, looking at
//! its GPUs, and building it with DKMS.
//!
//! As in `guest`, nothing of a lab is in it.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{BenchError, Measure, Times};
use crate::attempt::{self, Plan, Site};
use crate::lab::Lab;
use crate::node::NodeLink;
use crate::rubric::Rubric;
use crate::store::Store;

/// What a build by DKMS has, without KVM and beside other work.
const BUILD_MS: u32 = 1_200_000;
/// What everything else has.
const SCRIPT_MS: u32 = 300_000;

/// Loads the module and waits for the last device file; then a module that has no hardware, for comparison.
const LOAD: &str = "modprobe -r nvidia-uvm nvidia-modeset nvidia 2>/dev/null; modprobe -r dummy 2>/dev/null; udevadm settle; \
                    gpus=$(lspci -n -d 10de: | wc -l); a=$EPOCHREALTIME; modprobe nvidia; \
                    until [ -e /dev/nvidia$((gpus - 1)) ] && [ -e /dev/nvidiactl ]; do sleep 0.01; done; \
                    b=$EPOCHREALTIME; modprobe dummy numdummies=0; c=$EPOCHREALTIME; echo $a $b $c";
/// Two programs that look, each before one that does nothing.
const LOOK: &str = "lspci -vv -d 10de: >/dev/null; nvidia-smi >/dev/null; a=$EPOCHREALTIME; lspci -vv -d 10de: >/dev/null; \
                    b=$EPOCHREALTIME; nvidia-smi >/dev/null; c=$EPOCHREALTIME; /bin/true; d=$EPOCHREALTIME; echo $a $b $c $d";
/// Takes the module out of DKMS's hands and has it built and installed anew.
const BUILD: &str = "v=$(modinfo -F version nvidia); k=$(uname -r); modprobe -r nvidia-uvm nvidia-modeset nvidia; \
                     dkms remove nvidia/$v -k $k >/dev/null; dkms add nvidia/$v >/dev/null 2>&1; a=$EPOCHREALTIME; \
                     dkms build nvidia/$v -k $k >/dev/null; b=$EPOCHREALTIME; dkms install nvidia/$v -k $k >/dev/null; \
                     c=$EPOCHREALTIME; echo $a $b $c";

/// The lab reduced to one guest with GPUs, and the same guest without them.
pub fn bare(lab: &Lab) -> Option<[(Lab, Rubric); 2]> {
    let mut lab = lab.clone();
    lab.nodes.retain(|node| node.vm.is_some() && node.hardware.is_some());
    let with = super::guest::bare(&lab)?;
    for node in &mut lab.nodes {
        node.hardware = None;
        node.vm.iter_mut().for_each(|shape| shape.board = None);
    }
    Some([with, super::guest::bare(&lab)?])
}

/// All of it. The plans are of what [`bare`] gives, in that order.
pub async fn measure<'a>(
    site: &Site,
    store: &mut Store,
    plans: [&dyn Fn(usize) -> Plan<'a>; 2],
    runs: usize,
) -> Result<Vec<Measure>, BenchError> {
    let mut starts = [Times::default(), Times::default()];
    for run in 0..=runs {
        for (plan, times) in plans.iter().zip(&mut starts) {
            let plan = plan(run);
            let began = Instant::now();
            let started = attempt::start(site, store, &plan).await?;
            if run > 0 {
                times.add(began);
            }
            super::guest::end(site, store, started).await?;
        }
    }
    let [with, without] = starts;
    let more = with.median() - without.median();
    let mut start =
        with.measure("start of a guest with GPUs", "at most 1000 ms more than without", more <= 1000.0);
    start.against = Some(("the same guest without".into(), without.median()));
    let mut all = vec![start];

    let started = attempt::start(site, store, &plans[0](0)).await?;
    let link = started.nodes.values().next().expect("the lab has its node");
    let inside = inside(link, runs).await;
    super::guest::end(site, store, started).await?;
    all.extend(inside?);
    Ok(all)
}

async fn inside(link: &NodeLink, runs: usize) -> Result<Vec<Measure>, BenchError> {
    let [mut load, mut other, mut lspci, mut smi, mut nothing] = std::array::from_fn(|_| Times::default());
    for _ in 0..runs {
        let moments = moments(link, LOAD, SCRIPT_MS, 3).await?;
        load.0.push(moments[1] - moments[0]);
        other.0.push(moments[2] - moments[1]);
    }
    for _ in 0..runs {
        let moments = moments(link, LOOK, SCRIPT_MS, 4).await?;
        lspci.0.push(moments[1] - moments[0]);
        smi.0.push(moments[2] - moments[1]);
        nothing.0.push(moments[3] - moments[2]);
    }
    let [mut build, mut install] = std::array::from_fn(|_| Times::default());
    let moments = moments(link, BUILD, BUILD_MS, 3).await?;
    build.0.push(moments[1] - moments[0]);
    install.0.push(moments[2] - moments[1]);
    let beside = |mut measure: Measure, name: &str, times: &Times| {
        measure.against = Some((name.into(), times.median()));
        measure
    };
    // What a guest without KVM computes takes as long as the machine makes it: these have no bar.
    let free = "no bar";
    Ok(vec![
        beside(
            load.measure("the driver's module, until all device files", free, true),
            "the module `dummy`",
            &other,
        ),
        beside(lspci.measure("lspci -vv of GPUs in a guest", free, true), "/bin/true there", &nothing),
        beside(smi.measure("nvidia-smi in a guest", free, true), "/bin/true there", &nothing),
        build.measure("dkms build of the driver in a guest", free, true),
        install.measure("dkms install of what is built", free, true),
    ])
}

/// Runs a script that prints moments in seconds; gives them in milliseconds.
async fn moments(link: &NodeLink, script: &str, time_ms: u32, count: usize) -> Result<Vec<f64>, BenchError> {
    let script = format!("set +e; export LC_ALL=C; {script}");
    let ran = link.run(script, BTreeMap::new(), time_ms).await.map_err(attempt::StartError::from)?;
    let line = ran.stdout.lines().last().unwrap_or_default();
    let moments: Option<Vec<f64>> = line.split(' ').map(|moment| moment.parse().ok()).collect();
    match moments {
        Some(moments) if moments.len() == count => Ok(moments.iter().map(|moment| moment * 1000.0).collect()),
        _ => Err(BenchError::Wrong { found: format!("no {count} moments: {line} {}", ran.stderr.trim()) }),
    }
}
