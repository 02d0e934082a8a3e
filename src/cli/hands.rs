//! `crashcart hands`.

use crashcart_hardware::fault::Deed;

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::hands;
use crate::store::{RecordKind, Stage};

/// Send a technician to a node: power it off and on, reseat or replace a GPU, clean its fans
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is to be done; the node is switched off meanwhile, and all that runs in it ends
    #[arg(value_enum)]
    errand: Errand,
    /// The node; the lab's first one unless named
    #[arg(add = complete::nodes())]
    node: Option<String>,
    /// Which GPU to reseat or to replace, as NVML counts them
    #[arg(long, value_name = "NUMBER")]
    gpu: Option<u32>,
    /// The lab or attempt, where several are running
    #[arg(long, short, add = complete::running())]
    attempt: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Errand {
    /// Off and on again
    PowerCycle,
    /// Take a GPU out and put it back
    Reseat,
    /// Put another GPU of the same model in its place
    Replace,
    /// Clean fans and filters
    Clean,
    /// Exchange the power supplies
    PowerSupply,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let deed = deed(args)?;
    let mut store = app.store()?;
    let mut open = app.open(&store, args.attempt.as_deref())?;
    let site = app.site(&store)?;
    let _lock = app.hold(&store, &mut open.row)?;
    if open.row.stage == Stage::Paused {
        let error = format!("attempt `{}` is paused", open.row.id);
        return Err(Failure::plain(Exit::Usage, error, "go on with `crashcart resume` first"));
    }
    let nodes = app.open_nodes(&site, &open)?;
    let link = open.node(&nodes, args.node.as_deref())?;
    let plan = open.lab.nodes.iter().find(|plan| plan.name.as_str() == link.name);
    let has = plan.and_then(|plan| plan.gpus()).unwrap_or(0);
    refuse(&link.name, deed, link.real_accelerators, has)?;
    if app.output.interactive && !args.yes {
        let question =
            format!("{} is switched off meanwhile, and all that runs in it ends. Go on?", link.name);
        if !super::app::ask(&question)? {
            app.output.talk("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    app.output.talk(format!("{} goes down …", link.name));
    app.block_on(hands(&site, link, deed))?;
    let done = serde_json::json!({ "node": link.name, "hands": deed });
    store.append(&open.row.id, RecordKind::Note, &done, app.clock.now_ms())?;
    app.output.data(&done, |_| format!("{}; {} is up again", told(deed), link.name));
    app.output.talk("next:  crashcart check");
    Ok(Exit::Done)
}

fn deed(args: &Args) -> Result<Deed, Failure> {
    let gpu = || {
        args.gpu.ok_or_else(|| {
            let error = "the technician does not know which GPU is meant";
            Failure::plain(Exit::Usage, error, "add `--gpu NUMBER`, as `nvidia-smi -L` counts them")
        })
    };
    let deed = match args.errand {
        Errand::Reseat => return Ok(Deed::Reseat(gpu()?)),
        Errand::Replace => return Ok(Deed::Replace(gpu()?)),
        Errand::PowerCycle => Deed::PowerCycle,
        Errand::Clean => Deed::Clean,
        Errand::PowerSupply => Deed::PowerSupply,
    };
    match args.gpu {
        None => Ok(deed),
        Some(_) => {
            let error = "this is done to the whole node, not to one GPU";
            Err(Failure::plain(Exit::Usage, error, "drop `--gpu`"))
        }
    }
}

/// Refuses what the node has no part for.
fn refuse(node: &str, deed: Deed, real: bool, has: u32) -> Result<(), Failure> {
    let (error, next) = match deed {
        Deed::PowerCycle => return Ok(()),
        _ if real => (
            format!("the GPUs of node `{node}` are real"),
            "send somebody real, or `power-cycle` the node".into(),
        ),
        _ if has == 0 => (format!("node `{node}` has no GPUs"), "it can be sent a `power-cycle`".into()),
        Deed::Reseat(gpu) | Deed::Replace(gpu) if gpu >= has => {
            (format!("node `{node}` has no GPU {gpu}"), format!("it has 0 to {}", has - 1))
        }
        _ => return Ok(()),
    };
    Err(Failure::plain(Exit::Usage, error, next))
}

/// What the technician reports: what was done, not whether it was needed.
fn told(deed: Deed) -> String {
    match deed {
        Deed::PowerCycle => "off and on again".into(),
        Deed::Reseat(gpu) => format!("GPU {gpu} was taken out and put back"),
        Deed::Replace(gpu) => format!("there is another board in place of GPU {gpu}"),
        Deed::Clean => "fans and filters are clean".into(),
        Deed::PowerSupply => "the power supplies were exchanged".into(),
    }
}
