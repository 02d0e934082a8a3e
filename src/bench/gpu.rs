//! What simulated GPUs cost in a node: `nvidia-smi` from start to end, and PID 1, which owns them, at rest.
//!
//! Both are measured in a node with eight GPUs, beside what they are compared with: a program that does
//! nothing, and PID 1 of a node without GPUs in the same seconds. What a getter of the library costs is
//! measured without a node, by `cargo bench -p crashcart-nvml`.

use std::time::{Duration, Instant};

use super::{BenchError, Measure, Times, Unit};
use crate::attempt::{self, Plan, Site};
use crate::engine::{ContainerId, Exec};
use crate::lab::Lab;
use crate::store::Store;

/// GPUs of the node that is measured.
const GPUS: usize = 8;
/// How long PID 1 is watched at a time.
const WINDOW: Duration = Duration::from_secs(5);
/// Somebody who looks at all GPUs every second, each time as a new client. One that stays reads pages and asks nothing.
const WATCHER: &str = "while nvidia-smi; do sleep 1; done >/dev/null 2>&1 & echo $!";

/// The node of a lab that has the GPUs, if one has as many as are measured.
pub fn node_of(lab: &Lab) -> Option<&str> {
    let has = |spec: &crashcart_hardware::spec::HardwareSpec| {
        let slots =
            crashcart_hardware::profile::profile(&spec.profile).map_or(0, |profile| profile.slots.len());
        spec.gpus.map_or(slots, |gpus| gpus as usize)
    };
    let node = lab.nodes.iter().find(|node| node.hardware.as_ref().is_some_and(|spec| has(spec) == GPUS))?;
    Some(node.name.as_str())
}

/// All of it, in an attempt of its own on a lab whose `node` has the GPUs; `without` is a node that has none.
pub async fn measure(
    site: &Site,
    store: &mut Store,
    plan: &Plan<'_>,
    node: &str,
    without: &ContainerId,
    runs: usize,
) -> Result<Vec<Measure>, BenchError> {
    let started = attempt::start(site, store, plan).await?;
    let (_, with) =
        started.nodes.iter().find(|(name, _)| name.as_str() == node).expect("the lab has its own node");
    let measured = async {
        let mut all = vec![smi(site, &with.container, runs * 5).await?];
        all.extend(owner(site, &with.container, without, "at rest", runs).await?);
        let watcher = run(site, &with.container, &["/bin/sh", "-c", WATCHER]).await?;
        all.extend(owner(site, &with.container, without, "asked every second", runs).await?);
        run(site, &with.container, &["/bin/kill", watcher.trim()]).await?;
        Ok(all)
    }
    .await;
    attempt::stop(site, store, &started.attempt, "measured").await?;
    drop(started.lock);
    store.forget_trial(&started.attempt)?;
    measured
}

/// `nvidia-smi`, in turn with a program that does nothing; started and timed in the node itself.
async fn smi(site: &Site, node: &ContainerId, runs: usize) -> Result<Measure, BenchError> {
    // The first turn fills caches, and shows that all GPUs are there.
    let script = format!(
        "set -e; export LC_ALL=C; nvidia-smi -L | wc -l; nvidia-smi >/dev/null; for n in $(seq {runs}); do \
         a=$EPOCHREALTIME; nvidia-smi >/dev/null; b=$EPOCHREALTIME; /bin/true; c=$EPOCHREALTIME; \
         echo $a $b $c; done"
    );
    let printed = run(site, node, &["/bin/bash", "-c", &script]).await?;
    let mut lines = printed.lines();
    if lines.next() != Some(&*GPUS.to_string()) {
        return Err(BenchError::Wrong { found: format!("a node without {GPUS} GPUs: {printed}") });
    }
    let (mut ours, mut theirs) = (Times::default(), Times::default());
    for line in lines {
        let moments: Option<Vec<f64>> = line.split(' ').map(|moment| moment.parse().ok()).collect();
        let Some([began, between, ended]) = moments.as_deref() else {
            return Err(BenchError::Wrong { found: format!("no three moments: {line}") });
        };
        ours.0.push((between - began) * 1000.0);
        theirs.0.push((ended - between) * 1000.0);
    }
    let met = ours.median() <= 50.0;
    let mut measure = ours.measure(format!("nvidia-smi, {GPUS} GPUs"), "at most 50 ms", met);
    measure.against = Some(("/bin/true in the same node".into(), theirs.median()));
    Ok(measure)
}

/// PID 1 of a node with GPUs, which owns them, and in the same seconds that of a node without.
async fn owner(
    site: &Site,
    with: &ContainerId,
    without: &ContainerId,
    state: &str,
    windows: usize,
) -> Result<Vec<Measure>, BenchError> {
    let (mut ours, mut theirs) = ([Times::default(), Times::default()], [Times::default(), Times::default()]);
    let mut before = both(site, with, without).await?;
    for _ in 0..windows {
        tokio::time::sleep(WINDOW).await;
        let after = both(site, with, without).await?;
        for (times, (then, now)) in [&mut ours, &mut theirs].into_iter().zip(before.iter().zip(&after)) {
            let passed = now.at.duration_since(then.at).as_nanos() as f64;
            times[0].0.push(now.busy_ns.saturating_sub(then.busy_ns) as f64 / passed * 100.0);
            times[1].0.push(now.resident_kib as f64 / 1024.0);
        }
        before = after;
    }
    let against = String::from("PID 1 of a node without GPUs");
    // Not the median: mostly there is nothing to do, and what counts is when there is.
    let measure = |at: usize, what: &str, bar: &str, unit, most: f64| {
        let what = format!("PID 1, {GPUS} GPUs {state}: {what}");
        let mut measure = ours[at].measure(what, bar, ours[at].at(0.95) <= most);
        measure.unit = unit;
        measure.against = Some((against.clone(), theirs[at].median()));
        measure
    };
    Ok(vec![
        measure(0, "processor", "p95 at most 1 % of a core", Unit::PercentOfCore, 1.0),
        measure(1, "memory", "p95 at most 12 MiB resident", Unit::Mebibytes, 12.0),
    ])
}

/// What PID 1 has used by now.
struct Used {
    at: Instant,
    /// On a processor, nanoseconds, since it began.
    busy_ns: u64,
    resident_kib: u64,
}

async fn both(site: &Site, with: &ContainerId, without: &ContainerId) -> Result<[Used; 2], BenchError> {
    let (with, without) = tokio::try_join!(used(site, with), used(site, without))?;
    Ok([with, without])
}

async fn used(site: &Site, node: &ContainerId) -> Result<Used, BenchError> {
    let printed = run(site, node, &["/bin/cat", "/proc/1/schedstat", "/proc/1/status"]).await?;
    let at = Instant::now();
    // The first field of schedstat; the kernel's documentation calls it the time spent on the processor.
    let busy = printed.split(' ').next().and_then(|busy| busy.parse().ok());
    let resident = printed.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    match (busy, resident.and_then(|kib| kib.parse().ok())) {
        (Some(busy_ns), Some(resident_kib)) => Ok(Used { at, busy_ns, resident_kib }),
        _ => Err(BenchError::Wrong { found: format!("no times of PID 1: {printed}") }),
    }
}

async fn run(site: &Site, node: &ContainerId, argv: &[&str]) -> Result<String, BenchError> {
    let exec = Exec {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        user: "root".into(),
        env: Default::default(),
        stdin: Vec::new(),
        output_limit: 1 << 20,
        timeout_ms: 300_000,
    };
    let output = site.engine.exec(node, exec).await?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.code {
        0 => Ok(printed),
        code => {
            let said = format!("{printed}{} (exit {code})", String::from_utf8_lossy(&output.stderr));
            Err(BenchError::Wrong { found: said })
        }
    }
}
