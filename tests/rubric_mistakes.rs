//! Each file of tests/cases/rubric-mistakes is a rubric or role with a mistake; beside it stands what is printed.
//! UPDATE_CASES=1 writes what is printed now; review the difference.

use std::{fs, path::PathBuf};

use crashcart::{
    advice::NextStep,
    document::DocumentError,
    rubric::{NodeKind, Role, Rubric},
};

/// What the command line would print for a file, or that nothing is wrong with it.
fn printed(name: &str, text: &str) -> String {
    let path = format!("graders/{name}");
    let outcome: Result<(), DocumentError> = match name.starts_with("role-") {
        true => Role::parse(path, text).map(|_| ()),
        false => Rubric::parse(path, text).and_then(|rubric| {
            let kinds =
                [NodeKind::Container, NodeKind::Container, NodeKind::Container, NodeKind::Vm, NodeKind::Vm];
            let names = ["ctl", "gpu1", "gpu2", "vm1", "vm2"].map(|name| name.parse().expect("a name"));
            let nodes: Vec<_> = names.into_iter().zip(kinds).collect();
            let variants = ["one", "two"].map(|name| name.parse().expect("a name"));
            rubric.fits(&variants, &nodes, &["workers", "port"])
        }),
    };
    match outcome {
        Ok(()) => "nothing wrong\n".into(),
        Err(error) => format!("error: {error}\nnext:  {}\n", error.next_step()),
    }
}

#[test]
fn every_mistake_is_shown_at_its_place() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/rubric-mistakes");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "the cases are there");
    let mut different = Vec::new();
    for case in cases {
        let name = case.file_name().and_then(|name| name.to_str()).expect("cases have plain names");
        let printed = printed(name, &fs::read_to_string(&case).expect("a readable case"));
        let expected = case.with_extension("txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&expected, &printed).expect("the case can be written");
        }
        let recorded = fs::read_to_string(&expected).unwrap_or_default();
        // `nothing-wrong` shows that the others fail for their own reason.
        assert_eq!(
            printed == "nothing wrong\n",
            name.starts_with("nothing-wrong") || name.starts_with("role-fine"),
            "{name}:\n{printed}"
        );
        if printed != recorded {
            different.push(format!("--- {name}, recorded\n{recorded}+++ now\n{printed}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
