//! `crashcart bench`.

use std::collections::BTreeMap;

use super::app::{App, Fit};
use super::exit::Exit;
use super::message::{Failure, fails_with};
use super::output::table;
use crate::attempt::{self, Site};
use crate::bench::{self, BenchError, Measure, Unit, driver, gpu, guest};
use crate::image::Image;
use crate::lab::Lab;
use crate::rubric::Rubric;
use crate::store::Store;

/// Measure crashcart on this machine
///
/// Each figure stands beside what it must be and what it is compared with, taken in the same run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Times that each start is measured; cheaper things are measured more often
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Guests that idle at once when their memory is measured
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=500))]
    guests: u16,
    /// Only these parts
    #[arg(long, value_name = "PART", value_enum)]
    only: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Start of each lab in containers
    Start,
    /// Start, boot, check and memory of a guest
    Guest,
    /// A guest with GPUs, and its driver
    Driver,
    /// A check of fifty facts, and judging them; what a node with GPUs costs
    Node,
    /// The list of labs
    List,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let runs = usize::from(args.runs);
    let wanted = |part: Part| args.only.is_empty() || args.only.contains(&part);
    let catalog = app.catalog()?;
    let labs: Vec<(Lab, Rubric)> = catalog
        .labs()?
        .0
        .into_iter()
        .map(|lab| Ok((catalog.rubric(&lab)?, lab)))
        .map(|read: Result<_, Failure>| read.map(|(rubric, lab)| (lab, rubric)))
        .collect::<Result<_, _>>()?;
    let mut store = app.store()?;
    let site = app.site(&store)?;
    app.recover(&site, &mut store)?;
    let (images, volume) =
        app.images(&store, &labs.iter().map(|(lab, _)| lab).collect::<Vec<_>>(), Fit::Ignored)?;

    let mut measures: Vec<Measure> = Vec::new();
    for (lab, rubric) in labs.iter().filter(|(lab, _)| wanted(Part::Start) && !lab.has_guest()) {
        app.output.talk(format!("starting {} {runs} times, in turn with `docker run -d` …", lab.name));
        let plan = |turn| bench::plan(lab, rubric, &images, &volume, turn);
        measures.push(app.block_on(bench::start(&site, &mut store, &plan, runs))?);
    }
    if wanted(Part::Guest)
        && let Some((lab, rubric)) = labs.iter().find_map(|(lab, _)| guest::bare(lab))
    {
        app.output.talk(format!("starting a guest {runs} times, and booting it …"));
        let plan = |turn| bench::plan(&lab, &rubric, &images, &volume, turn);
        let measured = guest::measure(&site, &mut store, &plan, runs, usize::from(args.guests));
        measures.extend(app.block_on(measured)?);
    }
    if wanted(Part::Driver)
        && let Some([(lab, rubric), (bare, other)]) = labs.iter().find_map(|(lab, _)| driver::bare(lab))
    {
        app.output.talk("building, loading and asking a guest's driver …");
        let with = |turn| bench::plan(&lab, &rubric, &images, &volume, turn);
        let without = |turn| bench::plan(&bare, &other, &images, &volume, turn);
        measures.extend(app.block_on(driver::measure(&site, &mut store, [&with, &without], runs))?);
    }
    if wanted(Part::Node) {
        measures.extend(nodes(app, &site, &mut store, &labs, &images, &volume, runs)?);
    }
    if wanted(Part::List) {
        let program = std::env::current_exe().map_err(|error| {
            let what = format!("could not find this program: {error}");
            Failure::plain(Exit::Machine, what, "call it by its full path")
        })?;
        measures.push(bench::list(&program, catalog.root(), runs * 5)?);
    }

    app.output.data(&measures, |paint| {
        let head = ["WHAT", "MEDIAN", "P95", "RUNS", "COMPARED WITH", "RATIO", "MUST BE", ""];
        let mut rows = vec![head.map(|head| paint.faint(head)).to_vec()];
        for measure in &measures {
            let (against, ratio) = match &measure.against {
                Some((name, theirs)) => (
                    format!("{name}: {}", figure(*theirs, measure.unit)),
                    if *theirs > 0.0 { format!("{:.2}", measure.median / theirs) } else { String::new() },
                ),
                None => (String::new(), String::new()),
            };
            rows.push(vec![
                measure.what.clone(),
                figure(measure.median, measure.unit),
                figure(measure.p95, measure.unit),
                measure.runs.to_string(),
                against,
                ratio,
                measure.bar.clone(),
                if measure.met { paint.good("met") } else { paint.bad("missed") },
            ]);
        }
        table(&rows)
    });
    Ok(if measures.iter().all(|measure| measure.met) { Exit::Done } else { Exit::NotYet })
}

/// A check in the smallest node, and a node with GPUs beside it.
fn nodes(
    app: &mut App,
    site: &Site,
    store: &mut Store,
    labs: &[(Lab, Rubric)],
    images: &BTreeMap<String, Image>,
    volume: &str,
    runs: usize,
) -> Result<Vec<Measure>, Failure> {
    app.output.talk("checking …");
    // The smallest, and where there is a choice one without GPUs.
    let small = |(lab, _): &&(Lab, Rubric)| {
        (lab.nodes.iter().any(|node| node.hardware.is_some() || node.vm.is_some()), lab.nodes.len())
    };
    let (lab, rubric) = labs.iter().min_by_key(small).expect("there is a lab");
    let plan = bench::plan(lab, rubric, images, volume, 0);
    let started = app.block_on(attempt::start(site, store, &plan))?;
    let checked = app.block_on(bench::check(site, &started.nodes, &plan.draw, &started.attempt, runs * 5));
    let gpus = match labs.iter().find_map(|(lab, rubric)| Some((lab, rubric, gpu::node_of(lab)?))) {
        None => Ok(Vec::new()),
        Some((lab, rubric, node)) => {
            app.output.talk("watching a node with GPUs …");
            let plan = bench::plan(lab, rubric, images, volume, 0);
            let (_, other) = started.nodes.iter().next().expect("a lab has a node");
            app.block_on(gpu::measure(site, store, &plan, node, &other.container, runs))
        }
    };
    app.block_on(attempt::stop(site, store, &started.attempt, "measured"))?;
    drop(started.lock);
    store.forget_trial(&started.attempt)?;
    let mut all = checked?;
    all.extend(gpus?);
    Ok(all)
}

/// `12.3 ms`, and more digits where there is little.
fn figure(value: f64, unit: Unit) -> String {
    if value < 1.0 { format!("{value:.3} {unit}") } else { format!("{value:.1} {unit}") }
}

fails_with! {
    BenchError => |_: &BenchError| Exit::Machine,
}
