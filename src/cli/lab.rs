//! `crashcart lab copy|new|lint|prove|refresh`.

use std::path::PathBuf;

use super::app::{App, Fit};
use super::complete;
use super::exit::{Asked, Exit, end_by};
use super::message::Failure;
use super::output::table;
use crate::attempt::recover;
use crate::carried;
use crate::collection::{Collection, Freshness, Source};
use crate::image::ImageCatalog;
use crate::lab::{Catalog, Draw, Lab, LabName, Origin, new_lab};
use crate::prove::{
    Outcome, Prover, TrialResult, junit, page, prove, quality, quick_trials, summary_rows, trials,
};
use crate::rubric::Rubric;

/// Write, lint and prove labs
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Copy labs, rubrics, images and texts to a folder of your own, to change them or to write more
    Copy(CopyArgs),
    /// Write a new lab to begin from: small, complete, provable as it stands
    New(NewArgs),
    /// Read labs, rubrics and texts, and show every mistake
    Lint(LintArgs),
    /// Play a lab's solutions, half-solutions, wrong fixes and cheats against its rubric
    Prove(ProveArgs),
    /// Fetch the labs of `--labs URL` anew; those that were fetched before are kept for their attempts
    Refresh,
}

/// Copy labs, rubrics, images and texts to a folder of your own
#[derive(Debug, clap::Args)]
pub struct CopyArgs {
    /// The folder; it is made, and must be empty where it is there already
    folder: PathBuf,
}

/// Write a new lab to begin from
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// Its name: lower-case words joined by hyphens
    name: String,
}

/// Read labs, rubrics and texts, and show every mistake
#[derive(Debug, clap::Args)]
pub struct LintArgs {
    /// The labs; all unless named
    #[arg(add = complete::labs())]
    labs: Vec<String>,
}

/// Play a lab's solutions, half-solutions, wrong fixes and cheats against its rubric
#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    /// The labs
    #[arg(required_unless_present = "all", conflicts_with = "all", add = complete::labs())]
    labs: Vec<String>,
    /// Prove every lab
    #[arg(long)]
    all: bool,
    /// Seeds to draw names and numbers from; every variant is played with each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// A selection with one seed: of each lab two variants and one of every other sort of trial; of labs with guests
    /// one variant of two labs
    #[arg(long, conflicts_with = "seeds")]
    quick: bool,
    /// Only this variant
    #[arg(long)]
    variant: Option<String>,
    /// Only trials whose description has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Trials side by side
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// How often mended nodes are graded; a verdict that turns between two gradings is a gap
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    gradings: u32,
    /// Write the proof as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write how good the graders are, in figures: false accepts and rejects with their bounds, flips, steps and checks
    /// that matter. As data where the name ends in `.json`, else as a page
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub fn run(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Copy(args) => copy(app, args),
        Command::New(args) => new(app, args),
        Command::Lint(args) => lint(app, args),
        Command::Prove(args) => run_prove(app, args),
        Command::Refresh => refresh(app),
    }
}

fn copy(app: &mut App, args: &CopyArgs) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let unwritable = |error: std::io::Error| {
        let what = format!("could not copy the labs to `{}`: {error}", args.folder.display());
        Failure::plain(Exit::Machine, what, "name another folder")
    };
    std::fs::create_dir_all(&args.folder).map_err(unwritable)?;
    if std::fs::read_dir(&args.folder).map_err(unwritable)?.next().is_some() {
        let error = format!("`{}` is not empty", args.folder.display());
        return Err(Failure::plain(Exit::Usage, error, "name a folder that is not there yet"));
    }
    carried::copy(catalog.root(), &args.folder).map_err(unwritable)?;
    app.output.data(&args.folder, |_| format!("{}\n", args.folder.display()));
    app.output.talk("next:  go there; in that folder crashcart takes its labs");
    Ok(Exit::Done)
}

fn new(app: &mut App, args: &NewArgs) -> Result<Exit, Failure> {
    let name: LabName = args.name.parse().map_err(|error: crate::lab::NotAName| {
        Failure::plain(Exit::Usage, error.to_string(), "choose a name such as `nfs-exports-gone`")
    })?;
    // A collection begins with its first lab.
    let root = match app.labs()? {
        None => {
            let catalog = app.catalog()?;
            if catalog.origin == Origin::Shipped {
                return Err(Failure::plain(
                    Exit::Usage,
                    format!("the labs in `{}` came with crashcart and go with it", catalog.root().display()),
                    "copy them to a folder of your own with `crashcart lab copy my-labs`, and write there",
                ));
            }
            catalog.root().to_owned()
        }
        Some(Source::Folder(folder)) => folder,
        Some(Source::Repository(repository)) => {
            return Err(Failure::plain(
                Exit::Usage,
                format!("nothing can be written into `{}`", repository.url),
                "clone it, and name the folder",
            ));
        }
    };
    let files = new_lab(&root, &name).map_err(|error| Failure::new(Exit::Usage, &error))?;
    app.output.data(&files, |_| files.iter().map(|path| format!("{}\n", path.display())).collect());
    let labs = match app.labs()? {
        Some(_) => format!("--labs {} ", root.display()),
        None => String::new(),
    };
    app.output.talk(format!("next:  crashcart {labs}lab prove {name}, then replace part after part"));
    Ok(Exit::Done)
}

/// What a repository gave.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Refreshed {
    source: String,
    commit: String,
    /// The commit before, where there was one and it is another.
    before: Option<String>,
}

fn refresh(app: &mut App) -> Result<Exit, Failure> {
    let Some(source @ Source::Repository(_)) = app.labs()? else {
        return Err(Failure::plain(
            Exit::Usage,
            "only labs of a repository can be fetched anew",
            "name it: `crashcart --labs URL lab refresh`",
        ));
    };
    let state = App::state_directory()?;
    let before = Collection::kept(&source, &state).and_then(|kept| kept.commit);
    let now = Collection::open(&source, &state, Freshness::Anew)?;
    let commit = now.commit.unwrap_or_default();
    let before = before.filter(|before| *before != commit);
    let refreshed = Refreshed { source: now.source, commit, before };
    app.output.data(&refreshed, |_| match &refreshed.before {
        Some(before) => format!("{} (it was {before})", refreshed.commit),
        None => refreshed.commit.clone(),
    });
    Ok(Exit::Done)
}

/// Names of labs that lint finds mistakes in.
pub fn with_mistakes(catalog: &Catalog, images: &ImageCatalog) -> Result<Vec<String>, Failure> {
    let names = catalog.names()?.into_iter().map(|name| name.to_string());
    let wrong =
        |name: &String| !read(catalog, name).is_ok_and(|(lab, _)| lint_texts(&lab, images).is_empty());
    Ok(names.filter(wrong).collect())
}

/// What lint says of one lab.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Linted {
    lab: String,
    mistakes: Vec<Failure>,
}

fn lint(app: &mut App, args: &LintArgs) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let names: Vec<String> = match args.labs.is_empty() {
        true => catalog.names()?.iter().map(ToString::to_string).collect(),
        false => args.labs.clone(),
    };
    // A lab that is not there has no mistakes to show.
    if let Some(unknown) = args
        .labs
        .iter()
        .find(|name| !matches!(catalog.names(), Ok(known) if known.iter().any(|lab| lab.as_str() == *name)))
    {
        catalog.lab(unknown)?;
    }
    let images = ImageCatalog::load_all(&catalog.containers())?;
    let mut linted = Vec::new();
    for name in names {
        let mistakes = match read(&catalog, &name) {
            Ok((lab, _)) => lint_texts(&lab, &images),
            Err(failure) => vec![failure],
        };
        linted.push(Linted { lab: name, mistakes });
    }
    app.output.data(&linted, |paint| {
        let mut text = String::new();
        for lab in &linted {
            match lab.mistakes.is_empty() {
                true => text.push_str(&format!("{}  {}\n", paint.good("ok"), lab.lab)),
                false => {
                    text.push_str(&format!("{} {}\n", paint.bad("bad"), lab.lab));
                    lab.mistakes.iter().for_each(|mistake| text.push_str(&mistake.to_string()));
                }
            }
        }
        text
    });
    Ok(if linted.iter().all(|lab| lab.mistakes.is_empty()) { Exit::Done } else { Exit::NotYet })
}

fn read(catalog: &Catalog, name: &str) -> Result<(Lab, Rubric), Failure> {
    let lab = catalog.lab(name)?;
    let rubric = catalog.rubric(&lab)?;
    Ok((lab, rubric))
}

/// Mistakes that show only when texts are filled in and names looked up.
fn lint_texts(lab: &Lab, images: &ImageCatalog) -> Vec<Failure> {
    let mut mistakes: Vec<Failure> = Vec::new();
    let mut say = |error: String, next: &str| {
        // Texts are filled in for each variant, and most mistakes are in all of them.
        if !mistakes.iter().any(|mistake| mistake.error == error) {
            mistakes.push(Failure::plain(Exit::Usage, error, next));
        }
    };
    for node in lab.nodes.iter().filter(|node| images.get(&node.image).is_err()) {
        say(
            format!("node `{}` wants image `{}`, which is not in containers/", node.name, node.image),
            "correct the name",
        );
    }
    for variant in &lab.variants {
        let draw = Draw::new(lab, 1, Some(variant));
        for file in ["brief.md", "hints.md", "debrief.md"] {
            match crate::publish::text(lab, &draw, file) {
                Err(error) => say(crate::advice::chain(&error), "mend the template"),
                Ok(text) if file == "hints.md" => {
                    let count = crate::publish::hints(&text).iter().filter(|hint| !hint.is_empty()).count();
                    if count != 3 {
                        say(
                            format!("hints.md has {count} hints, not 3"),
                            "write three, each under a `## ` heading",
                        );
                    }
                }
                Ok(text) if file == "debrief.md" => {
                    if !text.contains(&format!("## {}", variant.name)) {
                        say(
                            format!("debrief.md says nothing of `{}`", variant.name),
                            "add a section under its name",
                        );
                    }
                }
                // A ticket that names the cause gives it away.
                Ok(text) if text.contains(variant.name.as_str()) => {
                    say(
                        format!("brief.md names the variant `{}`", variant.name),
                        "describe what people see instead",
                    );
                }
                Ok(_) => {}
            }
        }
    }
    mistakes
}

fn run_prove(app: &mut App, args: &ProveArgs) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let names: Vec<String> = match args.all {
        true => catalog.names()?.iter().map(ToString::to_string).collect(),
        false => args.labs.clone(),
    };
    let labs = names.iter().map(|name| read(&catalog, name)).collect::<Result<Vec<_>, _>>()?;
    let seeds = if args.quick { 1 } else { args.seeds };
    let mut all = if args.quick { quick_trials(&labs) } else { Vec::new() };
    if !args.quick {
        for (lab, rubric) in &labs {
            all.extend((1..=seeds).flat_map(|seed| trials(lab, rubric, seed)));
        }
    }
    all.retain(|trial| args.variant.as_ref().is_none_or(|variant| trial.variant.as_str() == variant));
    all.retain(|trial| args.only.as_ref().is_none_or(|text| trial.kind.describe().contains(text)));
    if all.is_empty() {
        return Err(Failure::plain(Exit::Usage, "no trial fits", "see `--variant` and `--only`"));
    }
    let mut store = app.store()?;
    let site = app.site(&store)?;
    app.recover(&site, &mut store)?;
    let lab_list: Vec<&Lab> = labs.iter().map(|(lab, _)| lab).collect();
    let (images, volume) = app.images(&store, &lab_list, Fit::Wanted)?;
    // Trials mostly wait: for services to settle, for nodes to restart.
    let jobs = args
        .jobs
        .map_or_else(|| std::thread::available_parallelism().map_or(4, |n| n.get() * 2), usize::from);
    let prover = Prover {
        site,
        state: store.directory(),
        images: &images,
        agent_volume: &volume,
        gradings: args.gradings,
    };
    let began = app.clock.now_ms();
    let (total, done) = (all.len(), std::sync::atomic::AtomicUsize::new(0));
    let output = app.output;
    let told = |outcome: &Outcome| {
        let n = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let trial = &outcome.trial;
        let (mark, why) = match &outcome.result {
            TrialResult::Held => ("held", &[][..]),
            TrialResult::Gap(gaps) => ("GAP", &gaps[..]),
            TrialResult::Broke(why) => ("BROKE", std::slice::from_ref(why)),
        };
        let took = outcome.took_ms as f64 / 1000.0;
        output.talk(format!(
            "{n:>3}/{total} {mark:<5} {} {} {} ({took:.1} s)",
            trial.lab,
            trial.variant,
            trial.kind.describe()
        ));
        why.iter().for_each(|why| output.talk(format!("        {why}")));
        outcome.again.iter().for_each(|why| output.talk(format!("        played a second time: {why}")));
    };
    let asked = app.block_on(async { Asked::listen(&Asked::USUAL) });
    let mut asked = asked.map_err(|error| {
        Failure::plain(
            Exit::Machine,
            format!("could not listen for ctrl-C: {error}"),
            "see what this process may not do",
        )
    })?;
    let proved = async {
        tokio::select! {
            outcomes = prove(&prover, &labs, all, jobs, &told) => Ok(outcomes),
            number = asked.next() => Err(number),
        }
    };
    let outcomes = match app.block_on(proved) {
        Ok(outcomes) => outcomes,
        // The trials that were being played are over: their locks are free.
        Err(number) => {
            app.output.talk(
                "ending: the nodes of trials that were being played are removed; \
                 asked once more, they are left to the next command",
            );
            let Prover { site, .. } = prover;
            app.block_on(async {
                tokio::select! {
                    removed = recover(&site, &mut store) => removed.map(drop),
                    _ = asked.next() => Ok(()),
                }
            })?;
            return Ok(end_by(number));
        }
    };
    if let Some(path) = &args.junit {
        write(path, &junit(&outcomes))?;
    }
    if let Some(path) = &args.report {
        let rubrics: Vec<&Rubric> = labs.iter().map(|(_, rubric)| rubric).collect();
        let (of_labs, total) = quality(&outcomes, &rubrics);
        let version = env!("CARGO_PKG_VERSION");
        let text = match path.extension().is_some_and(|extension| extension == "json") {
            true => serde_json::json!({ "format": 1, "version": version, "seeds": seeds, "labs": of_labs, "all": total })
                .to_string(),
            false => page(&of_labs, &total, seeds, version),
        };
        write(path, &text)?;
    }
    let held = outcomes.iter().filter(|outcome| outcome.result == TrialResult::Held).count();
    let took_s = app.clock.now_ms().saturating_sub(began) as f64 / 1000.0;
    let data = serde_json::json!({ "held": held, "trials": total, "seeds": seeds, "took-s": took_s, "outcomes": outcomes });
    app.output.data(&data, |paint| {
        let mut rows = Vec::new();
        for (lab, sort, tried, held) in summary_rows(&outcomes) {
            let count = format!("{held}/{tried}");
            rows.push(vec![
                lab,
                sort.to_owned(),
                if held == tried { paint.good(count) } else { paint.bad(count) },
            ]);
        }
        // Last, where whoever sees only the end of a long log sees it.
        let mut text = format!("{}\n", table(&rows));
        for outcome in &outcomes {
            let trial = &outcome.trial;
            let head =
                format!("{} {} {} seed {}", trial.lab, trial.variant, trial.kind.describe(), trial.seed);
            match &outcome.result {
                TrialResult::Held => {}
                TrialResult::Gap(gaps) => {
                    gaps.iter()
                        .for_each(|gap| text.push_str(&format!("{} {head}: {gap}\n", paint.bad("gap"))));
                }
                TrialResult::Broke(why) => {
                    text.push_str(&format!("{} {head}: {why}\n", paint.unsure("broke")))
                }
            }
        }
        format!("{text}{held} of {total} trials held, {seeds} seed(s), {took_s:.0} s, {jobs} side by side")
    });
    Ok(if held == total { Exit::Done } else { Exit::NotYet })
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let what = format!("could not write `{}`: {error}", path.display());
        Failure::plain(Exit::Machine, what, "name another file")
    })
}
