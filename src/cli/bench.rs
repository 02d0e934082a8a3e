//! `crashcart bench`.

use super::app::App;
use super::exit::Exit;
use super::message::{Failure, fails_with};
use super::output::table;
use crate::attempt;
use crate::bench::{self, BenchError, Measure, Unit, gpu};
use crate::lab::Lab;
use crate::rubric::Rubric;

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
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let runs = usize::from(args.runs);
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
    let (images, volume) = app.images(&store, &labs.iter().map(|(lab, _)| lab).collect::<Vec<_>>())?;

    let mut measures: Vec<Measure> = Vec::new();
    let has_guest = |lab: &Lab| lab.nodes.iter().any(|node| node.vm.is_some());
    for (lab, rubric) in labs.iter().filter(|(lab, _)| !has_guest(lab)) {
        app.output.talk(format!("starting {} {runs} times, in turn with `docker run -d` …", lab.name));
        let plan = |turn| bench::plan(lab, rubric, &images, &volume, turn);
        measures.push(app.block_on(bench::start(&site, &mut store, &plan, runs))?);
    }
    if let Some((lab, rubric)) = labs.iter().find_map(|(lab, _)| bench::guest::bare(lab)) {
        app.output.talk(format!("starting a guest {runs} times, and booting it …"));
        let plan = |turn| bench::plan(&lab, &rubric, &images, &volume, turn);
        let measured = bench::guest::measure(&site, &mut store, &plan, runs, usize::from(args.guests));
        measures.extend(app.block_on(measured)?);
    }
    app.output.talk("checking …");
    // The smallest, and where there is a choice one without GPUs.
    let small = |(lab, _): &&(Lab, Rubric)| {
        (lab.nodes.iter().any(|node| node.hardware.is_some() || node.vm.is_some()), lab.nodes.len())
    };
    let (lab, rubric) = labs.iter().min_by_key(small).expect("there is a lab");
    let plan = bench::plan(lab, rubric, &images, &volume, 0);
    let started = app.block_on(attempt::start(&site, &mut store, &plan))?;
    let checked = app.block_on(bench::check(&site, &started.nodes, &plan.draw, &started.attempt, runs * 5));
    let gpus = match labs.iter().find_map(|(lab, rubric)| Some((lab, rubric, gpu::node_of(lab)?))) {
        None => Ok(Vec::new()),
        Some((lab, rubric, node)) => {
            app.output.talk("watching a node with GPUs …");
            let plan = bench::plan(lab, rubric, &images, &volume, 0);
            let (_, other) = started.nodes.iter().next().expect("a lab has a node");
            app.block_on(gpu::measure(&site, &mut store, &plan, node, &other.container, runs))
        }
    };
    app.block_on(attempt::stop(&site, &mut store, &started.attempt, "measured"))?;
    drop(started.lock);
    store.forget_trial(&started.attempt)?;
    measures.extend(checked?);
    measures.extend(gpus?);
    let program = std::env::current_exe().map_err(|error| {
        Failure::plain(
            Exit::Machine,
            format!("could not find this program: {error}"),
            "call it by its full path",
        )
    })?;
    measures.push(bench::list(&program, catalog.root(), runs * 5)?);

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

/// `12.3 ms`, and more digits where there is little.
fn figure(value: f64, unit: Unit) -> String {
    if value < 1.0 { format!("{value:.3} {unit}") } else { format!("{value:.1} {unit}") }
}

fails_with! {
    BenchError => |_: &BenchError| Exit::Machine,
}
