//! What guests cost: their start beside a container's and beside a boot, their memory, and a check of one.
//!
//! Measured on a guest of the first lab that has one, with nothing of the lab in it: neither what prepares nor
//! what breaks it is crashcart's to answer for.

use std::time::{Duration, Instant};

use super::{BenchError, Measure, Times, Unit, check, docker, network, run_arguments};
use crate::attempt::{self, Plan, Site, Started};
use crate::lab::{Lab, Variant};
use crate::rubric::Rubric;
use crate::store::Store;

/// How long idle guests are left alone before their memory is read.
const REST: Duration = Duration::from_secs(8);
/// Seconds that a guest has to shut down.
const GRACE_S: u32 = 50;

/// The lab reduced to one guest, and a rubric that asks it one thing.
pub fn bare(lab: &Lab) -> Option<(Lab, Rubric)> {
    let node = lab.nodes.iter().find(|node| node.vm.is_some())?.clone();
    let text = format!(
        "format = 1\nlab = \"{}\"\npass = 70\n[[check]]\nid = \"release\"\nnode = \"{}\"\n\
         ask.kernel-command-line = {{}}\nexpect.release = {{ regex = \"^6\" }}\nwhy = \"it runs\"\n\
         [[criterion]]\nid = \"runs\"\npoints = 100\nskill = \"KRN\"\nphase = \"live\"\nchecks = [\"release\"]\n",
        lab.name, node.name
    );
    let rubric = Rubric::parse("bench.toml", text).expect("the benchmark's rubric is right");
    let variants =
        lab.variants.iter().take(1).map(|variant| Variant { breaks: Vec::new(), ..variant.clone() });
    let bare = Lab {
        nodes: vec![node],
        prepare: Vec::new(),
        variants: variants.collect(),
        outside: false,
        ..lab.clone()
    };
    Some((bare, rubric))
}

/// All of it. `plan` is of a bare lab.
pub async fn measure<'a>(
    site: &Site,
    store: &mut Store,
    plan: &dyn Fn(usize) -> Plan<'a>,
    runs: usize,
    many: usize,
) -> Result<Vec<Measure>, BenchError> {
    let mut all = Vec::new();
    let (mut ours, mut theirs, mut boots) = (Times::default(), Times::default(), Times::default());
    let mut whole = Times::default();
    for run in 0..=runs {
        let began = Instant::now();
        let started = attempt::start(site, store, &plan(run)).await?;
        if run > 0 {
            whole.add(began);
        }
        end(site, store, started).await?;
        let plan = Plan { takes_stock: false, ..plan(run) };
        let began = Instant::now();
        let started = attempt::start(site, store, &plan).await?;
        if run > 0 {
            ours.add(began);
        }
        // A boot takes as long as many restores; a few will do.
        if run > 0 && run <= runs.div_ceil(5) {
            for link in started.nodes.values() {
                site.engine.stop(&link.container, GRACE_S).await?;
                let began = Instant::now();
                site.engine.start(&link.container).await?;
                link.hello(link.settle_ms()).await.map_err(attempt::StartError::from)?;
                boots.add(began);
            }
        }
        end(site, store, started).await?;
        let began = Instant::now();
        let made = by_hand(&plan, run);
        if run > 0 {
            theirs.add(began);
        }
        super::remove_by_hand(&plan, run);
        made?;
    }
    let more = ours.median() - theirs.median();
    let mut start =
        ours.measure("start of a guest", "at most 1000 ms more than `docker run -d`", more <= 1000.0);
    start.against = Some(("its container by `docker run -d`".into(), theirs.median()));
    let mut boot = boots.measure(
        "boot of the same guest",
        "10 times a start, or more",
        boots.median() >= 10.0 * ours.median(),
    );
    boot.against = Some(("its start from the snapshot".into(), ours.median()));
    let mut whole = whole.measure("start of a guest, and stock taken of it", "no bar", true);
    whole.against = Some(("its start alone".into(), ours.median()));
    all.extend([start, whole, boot]);

    let first = plan(0);
    let started = attempt::start(site, store, &first).await?;
    let checked = check(site, &started.nodes, &first.draw, &started.attempt, runs).await;
    end(site, store, started).await?;
    for mut measure in checked?.into_iter().take(1) {
        measure.what = format!("{}, a guest", measure.what);
        measure.bar = "p95 at most 1000 ms".into();
        measure.met = measure.p95 <= 1000.0;
        all.push(measure);
    }
    let mut counts = vec![1, many.max(1)];
    counts.dedup();
    for count in counts {
        all.extend(memory(site, store, plan, count).await?);
    }
    Ok(all)
}

pub(super) async fn end(site: &Site, store: &mut Store, started: Started) -> Result<(), BenchError> {
    attempt::stop(site, store, &started.attempt, "measured").await?;
    drop(started.lock);
    Ok(store.forget_trial(&started.attempt)?)
}

fn by_hand(plan: &Plan<'_>, run: usize) -> Result<(), BenchError> {
    let network = network(run);
    docker(&["network", "create", "--internal", &network])?;
    plan.lab.nodes.iter().try_for_each(|node| {
        let mut arguments = run_arguments(plan, node, &network);
        // The same container with a program that needs nothing.
        let last = arguments.len();
        arguments.splice(last - 2.., ["/usr/bin/sleep".to_owned(), "60".to_owned()]);
        docker(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// Memory of idle guests, each with its share of what several have in common. Nothing where this process may
/// not read it.
async fn memory<'a>(
    site: &Site,
    store: &mut Store,
    plan: &dyn Fn(usize) -> Plan<'a>,
    count: usize,
) -> Result<Option<Measure>, BenchError> {
    let before = proportional_kib();
    let mut running = Vec::new();
    let mut failed = None;
    for turn in 0..count {
        match attempt::start(site, store, &plan(turn)).await {
            Ok(started) => running.push(started),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    tokio::time::sleep(REST).await;
    let after = proportional_kib();
    for started in running {
        end(site, store, started).await?;
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    let new: Vec<u64> =
        after.iter().filter(|(pid, _)| !before.contains_key(*pid)).map(|(_, kib)| *kib).collect();
    if new.len() != count {
        return Ok(None);
    }
    let each = Times(new.iter().map(|kib| *kib as f64 / 1024.0).collect());
    let most = each.at(0.95);
    let mut measure =
        each.measure(format!("memory of an idle guest, {count} at once"), "at most 120 MiB", true);
    measure.unit = Unit::Mebibytes;
    // One alone shares with nobody.
    measure.met = count == 1 || most <= 120.0;
    if count == 1 {
        measure.bar = "no bar: nobody to share with".into();
    }
    Ok(Some(measure))
}

/// Proportional set size (`Pss` of smaps_rollup) of each QEMU of this machine that may be read.
fn proportional_kib() -> std::collections::BTreeMap<u32, u64> {
    let of = |entry: std::fs::DirEntry| -> Option<(u32, u64)> {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let guest = line.split(|byte| *byte == 0).any(|word| word == b"guest,process=guest");
        let text = guest.then(|| std::fs::read_to_string(entry.path().join("smaps_rollup")).ok())??;
        let kib = text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix("kB")?;
        Some((pid, kib.trim().parse().ok()?))
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(of).collect()
}
