//! What stands on a node, all of it in one answer: files, units, packages, accounts, sockets, mounts, settings.
//!
//! It is taken when a node is handed over, while somebody waits, so it is cheap first and thorough second: one call
//! of the kernel per file, digests only where settings live, no program of the node. Whatever could not be looked at
//! in full is said, by tree or by list. What a difference means is the host's business.

mod files;
mod packet_filter;
mod state;

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use crashcart_facts::Inventory;

use crate::init::Init;
use crate::rooted::Root;

/// Takes stock of this node. Its JSON has at most `room` bytes, or nearly so.
pub fn take(init: &Init, deadline: Instant, room: usize) -> io::Result<Inventory> {
    let root = Root::system()?;
    let mut cut = BTreeMap::new();
    // Names are escaped at worst six to one, and stand beside some eighty bytes each.
    let files = files::walk(&root, deadline, room / 8, &mut cut);
    let mut note = |list: &str, error: &io::Error| {
        let text = error.to_string();
        cut.insert(list.to_owned(), text.split(" (os error").next().unwrap_or_default().to_owned());
    };
    let units = state::units(&root, init).unwrap_or_else(|error| {
        note("units", &error);
        BTreeMap::new()
    });
    let packages = state::packages(&root).unwrap_or_else(|error| {
        note("packages", &error);
        BTreeMap::new()
    });
    let sockets = state::sockets().unwrap_or_else(|error| {
        note("sockets", &error);
        BTreeMap::new()
    });
    let next_boot = state::next_boot(&root).unwrap_or_else(|error| {
        note("next boot", &error);
        None
    });
    let packet_filter = packet_filter::chains(init.in_guest).unwrap_or_else(|error| {
        note("packet filter", &error);
        None
    });
    let (users, groups) = state::accounts(&root);
    Ok(Inventory {
        files,
        units,
        packages,
        users,
        groups,
        sockets,
        mounts: state::mounts(),
        kernel_parameters: state::kernel_parameters(&root, init.in_guest),
        next_boot,
        programs: state::programs(&root),
        packet_filter,
        texts: state::texts(&root),
        cut,
    })
}
