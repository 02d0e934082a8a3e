//! Data files that describe what cannot be: `tests/cases/mistakes.txt` changes a file of the catalogue and has what
//! is said of it, line and reason. UPDATE_CASES=1 writes what is said now; review the difference.

use std::fs;
use std::path::Path;

use crashcart_hardware::catalog::Device;
use crashcart_hardware::profile::NodeProfile;

/// `device t4 | total-mib = 15360 | total-mib = 100`: what is said of the file after that change.
fn said(change: &str) -> String {
    let mut parts = change.splitn(3, " | ");
    let mut part = || parts.next().expect("file | before | after").to_owned();
    let (file, before, after) = (part(), part(), part());
    let (kind, name) = file.split_once(' ').expect("device or profile, and its name");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{kind}s/{name}.toml"));
    let text = fs::read_to_string(&path).expect("a file of the catalogue");
    assert!(text.contains(&before), "{change}: the file has no `{before}`");
    let text = text.replacen(&before, &after, 1);
    let outcome = match kind {
        "device" => Device::parse(&text).map(|_| ()),
        _ => NodeProfile::parse(&text).map(|_| ()),
    };
    match outcome {
        Ok(()) => "nothing wrong".into(),
        Err(error) => {
            assert!(error.line > 0 && error.line <= text.lines().count(), "{change}: {error}");
            error.to_string()
        }
    }
}

#[test]
fn what_cannot_be_is_refused_with_line_and_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes.txt");
    let recorded = fs::read_to_string(&path).expect("the cases");
    let mut now = String::new();
    let mut wrong = 0;
    for line in recorded.lines().filter(|line| !line.starts_with("=> ")) {
        now += line;
        now.push('\n');
        if !line.is_empty() && !line.starts_with('#') {
            let said = said(line);
            // The first case changes nothing, so that the others fail for their own reason.
            assert_eq!(
                said == "nothing wrong",
                line.starts_with("device t4 | format = 1 | format = 1"),
                "{line}"
            );
            wrong += 1;
            now += &format!("=> {said}\n");
        }
    }
    assert!(wrong > 10, "the cases are there");
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, &now).expect("the cases can be written");
    } else {
        assert_eq!(now, recorded);
    }
}
