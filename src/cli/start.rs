//! `crashcart start`.

use super::app::{App, Fit};
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::advice::nearest;
use crate::attempt::{Accelerators, Leftover, LeftoverKind, Plan, Site, remove_leftover, start};
use crate::lab::{Catalog, Draw, Lab, LabName, Variant, another_seed};
use crate::machine::accelerators::{self, NoAccelerators};
use crate::store::{AttemptId, AttemptRow, Purpose, Stage, Store};

/// Start a lab: its nodes come up, broken
#[derive(Debug, PartialEq, clap::Args)]
pub struct Args {
    /// The lab's name, as `crashcart list` shows it
    #[arg(add = complete::labs())]
    pub lab: String,
    /// Draw cause, names and numbers from this seed instead of one whose cause you have not met lately
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Break it in this way instead of the one that the seed draws
    #[arg(long)]
    pub variant: Option<String>,
    /// Whose GPUs its nodes get: simulated ones, or this machine's own, for labs that declare it safe
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t)]
    pub accelerators: Accelerators,
    /// Open a shell in the first node at once
    #[arg(long)]
    pub shell: bool,
    /// Start it also where it seems not to fit on this machine
    #[arg(long)]
    pub anyway: bool,
}

impl Args {
    /// As if nothing but the lab's name were given.
    pub fn of(lab: &str) -> Self {
        Self {
            lab: lab.into(),
            seed: None,
            variant: None,
            accelerators: Accelerators::Simulated,
            shell: false,
            anyway: false,
        }
    }
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    if args.shell && !app.output.interactive {
        return Err(super::shell::no_terminal());
    }
    let record = if args.shell { super::tape::Wish::of_environment()? } else { None };
    let mut store = app.store()?;
    let begun = begin(app, &mut store, args)?;
    begun.show(app);
    if args.shell {
        return super::shell::enter(app, &mut store, Some(begun.attempt.as_str()), None, record);
    }
    Ok(Exit::Done)
}

/// A lab that has been started.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Begun {
    pub attempt: AttemptId,
    lab: String,
    seed: u64,
    nodes: Vec<String>,
    ready_ms: u64,
    brief: String,
    #[serde(skip)]
    minutes: u16,
}

impl Begun {
    /// Prints the ticket, and how to go on.
    pub fn show(&self, app: &App) {
        app.output.data(self, |paint| super::brief::decorate(&self.brief, *paint));
        let node = if self.nodes.len() > 1 { format!(" {}", self.nodes[0]) } else { String::new() };
        app.output.talk(format!(
            "\nattempt {} is ready after {}.{} s; about {} minutes\nnext:  crashcart shell{node}",
            self.attempt,
            self.ready_ms / 1000,
            self.ready_ms % 1000 / 100,
            self.minutes,
        ));
    }
}

/// Starts the lab; for `start`, `reset` and `demo`.
pub fn begin(app: &mut App, store: &mut Store, args: &Args) -> Result<Begun, Failure> {
    let catalog = app.catalog()?;
    let lab = catalog.lab(&args.lab)?;
    let rubric = catalog.rubric(&lab)?;
    let variant = match &args.variant {
        None => None,
        Some(name) => Some(lab.variant(name).ok_or_else(|| {
            let names: Vec<&str> = lab.variants.iter().map(|variant| variant.name.as_str()).collect();
            let error = format!("lab `{}` has no variant `{name}`", lab.name);
            let next = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.join(", ")),
            };
            Failure::plain(Exit::Usage, error, next)
        })?),
    };
    let site = app.site(store)?;
    if args.accelerators == Accelerators::Real {
        may_have_real(app, &site, &catalog, &lab, variant)?;
    }
    app.recover(&site, store)?;
    app.forget_older_labs(store);

    let mut again = None;
    let rows: Vec<AttemptRow> = store
        .attempts()?
        .into_iter()
        .filter(|row| row.lab == args.lab && row.purpose == Purpose::Learn)
        .collect();
    let possible: Vec<&Variant> = match args.accelerators {
        Accelerators::Simulated => lab.variants.iter().collect(),
        Accelerators::Real => lab.variants_for_real().collect(),
    };
    let drawn = |seed: u64| match args.accelerators {
        Accelerators::Simulated => Draw::new(&lab, seed, variant),
        Accelerators::Real => {
            let drawn = possible[(seed % possible.len() as u64) as usize];
            Draw::new(&lab, seed, variant.or(Some(drawn)))
        }
    };
    let seed = args.seed.unwrap_or_else(|| match variant {
        Some(_) => rand::random(),
        None => {
            // One whose start was interrupted showed nobody anything.
            let played = rows.iter().filter(|row| row.ready_at_ms.is_some()).map(|row| row.variant.as_str());
            another_seed(possible.len(), played, |seed| drawn(seed).variant.name.as_str(), rand::random)
        }
    });
    let mut draw = drawn(seed);
    for row in rows {
        match row.stage {
            Stage::Running | Stage::Paused => {
                let go_on = match row.stage {
                    Stage::Paused => format!("crashcart resume {}", row.id),
                    _ => format!("crashcart shell --attempt {}", row.id),
                };
                let whose = match &row.collection {
                    Some(source) if row.collection.as_deref() != catalog.collection() => {
                        format!(", of {source}")
                    }
                    _ => String::new(),
                };
                return Err(Failure::plain(
                    Exit::Usage,
                    format!("lab `{}` is already {} as attempt `{}`{whose}", lab.name, row.stage, row.id),
                    format!("go on with `{go_on}`, or begin anew with `crashcart reset {}`", row.id),
                ));
            }
            // Interrupted: unless something else is asked for, the same attempt is finished. If it is,
            // nothing of a learner's is in it, and it goes.
            Stage::Starting => {
                match lab.variant(&row.variant).filter(|_| row.collection.as_deref() == catalog.collection())
                {
                    Some(variant)
                        if *args
                            == (Args { shell: args.shell, anyway: args.anyway, ..Args::of(&args.lab) }) =>
                    {
                        draw = Draw::new(&lab, row.seed, Some(variant));
                        app.output.talk(format!("finishing attempt {}, whose start was interrupted", row.id));
                        again = Some(row.id);
                    }
                    _ => {
                        let leftover = Leftover {
                            attempt: row.id,
                            lab: Some(row.lab),
                            kind: LeftoverKind::Start,
                            objects: Vec::new(),
                        };
                        app.block_on(remove_leftover(&site, store, &leftover))?;
                    }
                }
            }
            Stage::Stopping | Stage::Stopped => {}
        }
    }

    let fit = if args.anyway { Fit::Ignored } else { Fit::Wanted };
    let (images, volume) = app.images(store, &[&lab], fit)?;
    let plan = Plan {
        lab: &lab,
        collection: catalog.collection(),
        rubric: &rubric,
        draw,
        purpose: Purpose::Learn,
        images: &images,
        agent_volume: &volume,
        accelerators: args.accelerators,
        again,
        takes_stock: true,
    };
    app.output.talk(format!("starting {} …", lab.name));
    let before = app.clock.now_ms();
    let started = app.block_on(start(&site, store, &plan))?;
    let took = app.clock.now_ms().saturating_sub(before);
    Ok(Begun {
        attempt: started.attempt,
        lab: lab.name.to_string(),
        seed: plan.draw.seed,
        nodes: lab.nodes.iter().map(|node| node.name.to_string()).collect(),
        ready_ms: took,
        brief: super::brief::render(&lab, &plan.draw)?,
        minutes: lab.minutes,
    })
}

/// Refuses real accelerators where a lab must not have them, or where there are none.
fn may_have_real(
    app: &mut App,
    site: &Site,
    catalog: &Catalog,
    lab: &Lab,
    variant: Option<&Variant>,
) -> Result<(), Failure> {
    let safe = |lab: &Lab| lab.nodes.iter().any(|node| node.real_accelerators);
    if !safe(lab) {
        let names = catalog.names()?;
        let may = |name: &&LabName| catalog.lab(name.as_str()).is_ok_and(|lab| safe(&lab));
        let others: Vec<&str> = names.iter().filter(may).map(|name| name.as_str()).collect();
        let next = match others.is_empty() {
            true => "start it with simulated ones; no lab here declares real ones safe".to_owned(),
            false => format!("start it with simulated ones; these may have real ones: {}", others.join(", ")),
        };
        let error = format!("lab `{}` does not declare real accelerators safe", lab.name);
        return Err(Failure::plain(Exit::Usage, error, next));
    }
    if let Some(variant) = variant.filter(|variant| !variant.hardware.is_empty()) {
        let names: Vec<&str> = lab.variants_for_real().map(|variant| variant.name.as_str()).collect();
        return Err(Failure::plain(
            Exit::Usage,
            format!(
                "variant `{}` breaks the accelerators themselves, which nobody does to real ones",
                variant.name
            ),
            format!("with real ones there are {}", names.join(", ")),
        ));
    }
    let endpoint = app.block_on(site.engine.about())?.endpoint;
    let (names, driver) = match endpoint.starts_with("tcp:") || endpoint.starts_with("http") {
        true => Err(NoAccelerators::ElsewhereEngine),
        false => accelerators::present(),
    }?;
    app.output.talk(format!("real accelerators: {} (driver {driver})", names.join(", ")));
    Ok(())
}
