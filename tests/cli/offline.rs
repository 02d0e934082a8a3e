//! What needs a network and what does not: after its first start, no lab asks the engine for anything from outside.

use std::collections::BTreeMap;
use std::path::Path;

use crashcart::lab::{Catalog, Lab};

use crate::bench::Bench;

/// Operations for which an engine, or a build in it, goes to a registry or to a mirror.
const OUTWARD: [&str; 3] = ["build-image", "import-image", "pull-image"];

fn outward(bench: &Bench, after: usize) -> Vec<String> {
    bench.log().into_iter().skip(after).filter(|name| OUTWARD.contains(&name.as_str())).collect()
}

/// Starts a lab twice on an engine that has nothing.
fn starts_twice(lab: &Lab) {
    let mut bench = Bench::new();
    bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"));
    bench.clear_engine();
    bench.be_patient();
    bench.run(&format!("start {} --quiet", lab.name)).succeeds();
    assert!(outward(&bench, 0).len() >= 2, "{}: the first start makes images: {:?}", lab.name, bench.log());
    bench.run("stop --quiet").succeeds();
    let so_far = bench.log().len();
    bench.run(&format!("start {} --quiet", lab.name)).succeeds();
    assert_eq!(outward(&bench, so_far), [""; 0], "{}", lab.name);
    // Neither has what it does there a way out.
    assert!(!lab.outside, "{}", lab.name);
}

#[test]
fn a_second_start_of_any_lab_needs_no_network() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (labs, bad) = Catalog::find(Some(root), None).and_then(|catalog| catalog.labs()).expect("labs");
    assert!(bad.is_empty(), "{bad:?}");
    // A guest's snapshot is made of an image that is there, which the engine on paper cannot do.
    let containers = labs.iter().filter(|lab| !lab.has_guest());
    // What differs between labs of the same images is scripts.
    let sorts: BTreeMap<Vec<&str>, &Lab> = containers
        .map(|lab| (lab.nodes.iter().map(|node| node.image.as_str()).collect::<Vec<_>>(), lab))
        .collect();
    assert!(sorts.len() > 3, "the labs are there");
    // They wait for most of the time, and each has an engine of its own.
    std::thread::scope(|scope| {
        for lab in sorts.into_values() {
            scope.spawn(|| starts_twice(lab));
        }
    });
    assert!(labs.iter().all(|lab| !lab.outside), "no lab has a way out");
}
