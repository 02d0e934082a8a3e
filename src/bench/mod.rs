//! Measuring crashcart on this machine, each figure beside what it is compared
//! with, in the same run: machines differ, ratios travel.
//!
//! Knows no screen. What each number must be stands in the site's page on
//! performance and in [`Measure::bar`].

pub mod driver;
pub mod gpu;
pub mod guest;

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;

use crate::attempt::{self, Accelerators, Collector, Nodes, Plan, Site, StartError, StopError};
use crate::engine::{EngineError, Exec};
use crate::evidence::{Evidences, Taken};
use crate::grade::{Report, Verdict, grade};
use crate::lab::{Draw, Lab, NodePlan};
use crate::rubric::Rubric;
use crate::store::{AttemptId, Purpose, Store, StoreError};

/// Number of checks in the synthetic rubric.
pub const CHECKS: usize = 50;

/// One figure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measure {
    pub what: String,
    pub unit: Unit,
    /// Median and 95th percentile over the runs.
    pub median: f64,
    pub p95: f64,
    pub runs: usize,
    /// What it is measured against: name and median.
    pub against: Option<(String, f64)>,
    /// What it must be.
    pub bar: String,
    pub met: bool,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Milliseconds,
    PercentOfCore,
    Mebibytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Milliseconds => "ms",
            Self::PercentOfCore => "%",
            Self::Mebibytes => "MiB",
        })
    }
}

/// Times of one thing, or other readings of it.
#[derive(Clone, Debug, Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64() * 1000.0);
    }

    /// The value below which this share of the times lies; nearest rank.
    fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    fn median(&self) -> f64 {
        self.at(0.5)
    }

    fn measure(&self, what: impl Into<String>, bar: &str, met: bool) -> Measure {
        Measure {
            what: what.into(),
            unit: Unit::Milliseconds,
            median: self.median(),
            p95: self.at(0.95),
            runs: self.0.len(),
            against: None,
            bar: bar.into(),
            met,
        }
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("could not run `{program}`")]
    Program { program: String, source: std::io::Error },
    #[error("`{program}` failed: {said}")]
    Failed { program: String, said: String },
    #[error("the rubric of the benchmark gave {found}")]
    Wrong { found: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Stop(#[from] StopError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl crate::advice::NextStep for BenchError {
    fn next_step(&self) -> String {
        match self {
            Self::Program { .. } | Self::Failed { .. } => {
                "the comparison needs the `docker` command: install docker-cli, or docker.io where that has it".into()
            }
            Self::Wrong { .. } => "this is a mistake of crashcart's; run it again with --json and report it".into(),
            Self::Engine(error) => error.next_step(),
            Self::Start(error) => error.next_step(),
            Self::Stop(error) => error.next_step(),
            Self::Store(error) => error.next_step(),
        }
    }
}

/// Start to ready against the same containers by `docker run -d`, turn by turn. `plan` makes the plan of a
/// turn, the first of which is not counted.
pub async fn start<'a>(
    site: &Site,
    store: &mut Store,
    plan: &dyn Fn(usize) -> Plan<'a>,
    runs: usize,
) -> Result<Measure, BenchError> {
    let (mut ours, mut theirs) = (Times::default(), Times::default());
    let name = plan(0).lab.name.clone();
    for run in 0..=runs {
        let plan = plan(run);
        let began = Instant::now();
        let started = attempt::start(site, store, &plan).await?;
        // The first turn warms caches of engine and disk for both.
        if run > 0 {
            ours.add(began);
        }
        attempt::stop(site, store, &started.attempt, "measured").await?;
        drop(started.lock);
        store.forget_trial(&started.attempt)?;

        let began = Instant::now();
        let made = by_hand(&plan, run);
        if run > 0 {
            theirs.add(began);
        }
        remove_by_hand(&plan, run);
        made?;
    }
    let met = ours.median() <= 1.3 * theirs.median();
    let mut measure = ours.measure(format!("start {name}"), "at most 1.3 times `docker run -d`", met);
    measure.against = Some(("the same containers by `docker run -d`".into(), theirs.median()));
    Ok(measure)
}

/// A check of fifty facts in one node, against fifty single execs; and judging what was read.
pub async fn check(
    site: &Site,
    nodes: &Nodes,
    draw: &Draw<'_>,
    attempt: &AttemptId,
    runs: usize,
) -> Result<Vec<Measure>, BenchError> {
    let (name, link) = nodes.iter().next().expect("a lab has a node");
    let rubric = rubric(name.as_str());
    let collector = Collector::new(&rubric, draw, attempt);
    let baseline = collector.collect(site, nodes, Taken::Baseline, None).await;
    let (mut batch, mut judged, mut singles) = (Times::default(), Times::default(), Times::default());
    for _ in 0..runs {
        let began = Instant::now();
        let live = collector.collect(site, nodes, Taken::Live, Some(&baseline)).await;
        let evidences = Evidences { baseline: baseline.clone(), live, after_restart: None, changes: None };
        let report = grade(&rubric, &evidences);
        batch.add(began);
        demand_all(&report)?;
        for _ in 0..10 {
            let began = Instant::now();
            std::hint::black_box(grade(&rubric, &evidences));
            judged.add(began);
        }
    }
    for _ in 0..runs.div_ceil(10) {
        let began = Instant::now();
        for file in files() {
            let exec = Exec {
                argv: vec!["/usr/bin/stat".into(), file],
                user: "root".into(),
                env: Default::default(),
                stdin: Vec::new(),
                output_limit: 65_536,
                timeout_ms: 10_000,
            };
            site.engine.exec(&link.container, exec).await?;
        }
        singles.add(began);
    }
    let mut measure = batch.measure(
        format!("check, {CHECKS} facts in one node"),
        "p95 at most 400 ms",
        batch.at(0.95) <= 400.0,
    );
    measure.against = Some((format!("{CHECKS} single execs"), singles.median()));
    Ok(vec![
        measure,
        judged.measure(format!("judge {CHECKS} stored facts"), "at most 5 ms", judged.median() <= 5.0),
    ])
}

/// The command line's own start-up: `crashcart list`.
pub fn list(program: &Path, root: &Path, runs: usize) -> Result<Measure, BenchError> {
    let mut times = Times::default();
    for _ in 0..runs {
        let began = Instant::now();
        let mut command = Command::new(program);
        command.arg("--root").arg(root).arg("list").stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |source| BenchError::Program { program: program.display().to_string(), source };
        command.status().map_err(failed)?;
        times.add(began);
    }
    let met = times.median() <= 20.0;
    Ok(times.measure("crashcart list", "at most 20 ms", met))
}

fn demand_all(report: &Report) -> Result<(), BenchError> {
    match report.verdict {
        Verdict::Passed if report.checks.len() == CHECKS => Ok(()),
        _ => {
            Err(BenchError::Wrong { found: format!("{:?}, {} checks", report.verdict, report.checks.len()) })
        }
    }
}

/// Files that every Debian has.
fn files() -> impl Iterator<Item = String> {
    const NAMES: [&str; 10] = [
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/shells",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/os-release",
        "/etc/profile",
        "/usr/bin/bash",
        "/var/lib/dpkg/status",
    ];
    NAMES.iter().cycle().take(CHECKS).map(|name| (*name).to_owned())
}

fn rubric(node: &str) -> Rubric {
    use std::fmt::Write;
    let mut text = "format = 1\nlab = \"bench\"\npass = 70\n".to_owned();
    for (n, file) in files().enumerate() {
        let _ = write!(
            text,
            "[[check]]\nid = \"c{n}\"\nnode = \"{node}\"\nask.file = {{ path = \"{file}\" }}\n\
             expect.exists = true\nwhy = \"it is there\"\n\
             [[criterion]]\nid = \"k{n}\"\npoints = 2\nskill = \"TRB\"\nphase = \"live\"\nchecks = [\"c{n}\"]\n"
        );
    }
    Rubric::parse("bench.toml", text).expect("the benchmark's rubric is right")
}

fn network(run: usize) -> String {
    format!("crashcart-bench-{}-{run}", std::process::id())
}

/// The lab's containers as a person would start them: a network, then all at once.
fn by_hand(plan: &Plan<'_>, run: usize) -> Result<(), BenchError> {
    let network = network(run);
    docker(&["network", "create", "--internal", &network])?;
    std::thread::scope(|scope| {
        let started: Vec<_> = plan
            .lab
            .nodes
            .iter()
            .map(|node| {
                let arguments = run_arguments(plan, node, &network);
                scope.spawn(move || docker(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
            })
            .collect();
        started.into_iter().try_for_each(|started| started.join().expect("running a program does not panic"))
    })
}

fn run_arguments(plan: &Plan<'_>, node: &NodePlan, network: &str) -> Vec<String> {
    let image = &plan.images[&node.image];
    let mut arguments: Vec<String> =
        ["run", "-d", "--network", network, "--hostname", node.name.as_str()].map(String::from).to_vec();
    arguments.extend(["--name".into(), format!("{network}-{}", node.name)]);
    arguments.extend([
        format!("--memory={}", node.memory.0),
        format!("--cpus={}", f64::from(node.cpu_milli) / 1000.0),
    ]);
    arguments.extend([format!("--pids-limit={}", node.pids), format!("--shm-size={}", node.shm.0)]);
    arguments.extend(["--tmpfs=/run".into(), "--tmpfs=/tmp".into(), "--cap-drop=ALL".into()]);
    arguments.extend(node.tmpfs.iter().map(|(path, size)| format!("--tmpfs={path}:size={}", size.0)));
    arguments.extend(image.capabilities.iter().map(|capability| format!("--cap-add={capability}")));
    arguments.extend(["-v".into(), format!("{}:/.crashcart:ro", plan.agent_volume)]);
    arguments.extend([image.tag(), crashcart_facts::AGENT_PATH.into(), "init".into()]);
    arguments
}

fn remove_by_hand(plan: &Plan<'_>, run: usize) {
    let network = network(run);
    for node in &plan.lab.nodes {
        // What was never made cannot be removed; that is no reason to stop.
        let _ = docker(&["rm", "-f", "-v", &format!("{network}-{}", node.name)]);
    }
    let _ = docker(&["network", "rm", &network]);
}

fn docker(arguments: &[&str]) -> Result<(), BenchError> {
    let program = || format!("docker {}", arguments[0]);
    let output = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| BenchError::Program { program: program(), source })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(BenchError::Failed {
            program: program(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}

/// A plan for one measured start. Turns take the lab's variants one after the other: some break more than
/// others.
pub fn plan<'a>(
    lab: &'a Lab,
    rubric: &'a Rubric,
    images: &'a std::collections::BTreeMap<String, crate::image::Image>,
    agent_volume: &'a str,
    turn: usize,
) -> Plan<'a> {
    let variant = lab.variants.get(turn % lab.variants.len().max(1));
    Plan {
        collection: None,
        accelerators: Accelerators::Simulated,
        lab,
        rubric,
        draw: Draw::new(lab, 1, variant),
        purpose: Purpose::Prove,
        images,
        agent_volume,
        again: None,
        takes_stock: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times = Times((1..=20).map(f64::from).collect());
        assert_eq!((times.median(), times.at(0.95)), (10.0, 19.0));
    }

    #[test]
    fn the_rubric_of_the_benchmark_has_fifty_checks_and_a_hundred_points() {
        assert_eq!(rubric("trainer").checks.len(), CHECKS);
    }
}
