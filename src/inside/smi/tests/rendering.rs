//! Every case is a folder: `arguments` says what was typed and `node` which node of `nodes` was looked at;
//! `output` is what that prints, and how it ends. UPDATE_CASES=1 writes what it prints now; review the
//! difference.

mod nodes;

use std::fs;
use std::path::Path;

use jiff::civil::date;
use jiff::tz::TimeZone;

fn now() -> jiff::Zoned {
    date(2026, 9, 1).at(20, 41, 56, 941_000_000).to_zoned(TimeZone::UTC).expect("a time that there was")
}

#[test]
fn every_case_prints_as_recorded() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(&cases).expect("the folder of cases") {
        let folder = entry.expect("a case").path();
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let words: Vec<String> = read("arguments").split_whitespace().map(str::to_owned).collect();
        let printed = match smi::arguments::parse(&words) {
            Ok(arguments) => {
                let node = nodes::named(read("node").trim());
                let (text, exit) = smi::show(&arguments, &node, &now(), 0, false);
                format!("{text}[exit {exit}]\n")
            }
            Err(mistake) => format!("{}[exit {}]\n", mistake.text, mistake.exit),
        };
        seen += 1;
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(folder.join("output"), printed).expect("a case to write");
        } else if printed != read("output") {
            wrong.push(format!("{}:\n{printed}", folder.display()));
        }
    }
    assert!(seen > 0, "there are no cases in {}", cases.display());
    assert!(wrong.is_empty(), "{} cases print otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn text_and_xml_of_a_query_tell_the_same_of_each_line() {
    use smi::sections::{Body, Item, Show};
    fn check(items: &[Item]) {
        for item in items {
            match &item.body {
                Body::Group(inner) if item.show == Show::Everywhere => check(inner),
                Body::Group(_) => {}
                Body::Value { .. } if item.show == Show::Everywhere => {
                    assert!(!item.label.is_empty() && !item.tag.is_empty(), "{item:?} is half described");
                }
                Body::Value { .. } => {}
            }
        }
    }
    for name in ["h200", "h200-550", "h200-570", "mig-590", "busy"] {
        let node = nodes::named(name);
        for gpu in &node.gpus {
            check(&smi::sections::gpu(node.driver(), gpu.state.as_ref().expect("a GPU that answers")));
        }
    }
}

#[test]
fn every_property_of_a_branch_can_be_asked_for_by_each_of_its_names() {
    use smi::csv::{Format, Subject};
    for (driver, count) in [("h200-550", 130), ("h200-570", 150), ("h200", 200)] {
        let node = nodes::named(driver);
        let names: Vec<String> = Subject::Gpu
            .fields()
            .iter()
            .filter(|field| field.is_known_to(node.driver()))
            .flat_map(|field| std::iter::once(field.name).chain(field.aliases.iter().copied()))
            .map(str::to_owned)
            .collect();
        assert!(names.len() > count, "{driver} knows only {} names", names.len());
        let (text, _) =
            smi::csv::render(&node, Subject::Gpu, &names, Format::default(), true, &now()).expect("fields");
        for line in text.lines() {
            assert_eq!(line.split(", ").count(), names.len(), "{driver}: {line}");
        }
    }
}

#[test]
fn what_keeps_nvml_from_starting_has_its_own_words_and_exit() {
    use smi::gather::Unavailable;
    use smi::node::Code;
    let of = |code, library: Option<&str>| {
        smi::explain(&Unavailable { code, library: library.map(str::to_owned) })
    };
    assert_eq!(
        of(Code::VERSION_MISMATCH, Some("570.124")),
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 570.124\n"
                .into(),
            18
        )
    );
    assert_eq!(of(Code::UNKNOWN, None), ("Failed to initialize NVML: Unknown Error\n".into(), 255));
    let (text, exit) = of(Code::DRIVER_NOT_LOADED, None);
    assert!(text.starts_with("NVIDIA-SMI has failed because it couldn't communicate"));
    assert!(text.ends_with("running.\n\n"));
    assert_eq!(exit, 9);
    assert_eq!(of(Code::LIBRARY_NOT_FOUND, None).1, 12);
}
