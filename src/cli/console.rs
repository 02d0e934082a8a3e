//! `crashcart console`: the serial console of a vm node's guest.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use crate::attempt::{Nodes, find_nodes};
use crate::engine::Condition;

/// Sit at the serial console of a node with a kernel of its own
///
/// What the node printed last is shown first. The console is there from the boot loader on, also when the
/// node does not come up; ctrl-] leaves it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The node; the lab's first one unless named
    #[arg(add = complete::nodes())]
    node: Option<String>,
    /// The lab or attempt, where several are running
    #[arg(long, short, add = complete::running())]
    attempt: Option<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let open = app.open(&store, args.attempt.as_deref())?;
    let site = app.site(&store)?;
    let found = app.block_on(find_nodes(&site, &open.row.id, &open.lab))?;
    let off = |name: &str| {
        found.iter().any(|(known, (_, condition))| known.as_str() == name && *condition != Condition::Running)
    };
    let nodes: Nodes = found.iter().map(|(name, (link, _))| (name.clone(), link.clone())).collect();
    let link = open.node(&nodes, args.node.as_deref())?;
    if !link.is_vm {
        return Err(Failure::plain(
            Exit::Usage,
            format!("node `{}` has no machine of its own, and so no console", link.name),
            format!("open a shell with `crashcart shell {}`", link.name),
        ));
    }
    if off(&link.name) {
        return Err(Failure::plain(
            Exit::Usage,
            format!("node `{}` is switched off", link.name),
            "switch it on with `crashcart resume`",
        ));
    }
    if !app.output.interactive {
        let guest = app.block_on(link.guest(0))?;
        app.output.data(&guest.console, |_| guest.console.join("\n") + "\n");
        return Ok(Exit::Done);
    }
    app.output.talk(format!("the console of {}; ctrl-] leaves it", link.name));
    let container = link.container.clone();
    app.block_on(super::shell::attach(&*site.engine, &container, "console", None))?;
    Ok(Exit::Done)
}
