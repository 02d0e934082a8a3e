//! Whether everybody can read the site: axe-core over every page in a real browser, on a desk in the light and on a
//! phone in the dark; the keyboard alone; no script. Pictures of some pages are left in `target/tmp/site-pictures`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::fetched::Fetched;
use crate::browser::{Browser, DESK, PHONE, Screen};
use crate::pages::site;

/// Deque's checker, as npm has it. To move on, take address and digest from `npm view axe-core`.
const AXE: Fetched = Fetched {
    name: "axe-core-4.14.1.tgz",
    url: "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz",
    sha256: "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
};

/// What axe is asked: every rule of WCAG 2.2 up to AA, and what its makers hold to be good practice.
const RUN: &str = "axe.run(document, {
    resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
}).then((found) => found.violations.map((it) =>
    `${it.id}: ${it.help}: ${it.nodes.map((node) => `${node.target} (${node.failureSummary})`).join('; ')}`))";

/// Pages of which pictures are kept.
const PICTURES: [&str; 12] = [
    "index.html",
    "labs.html",
    "labs/hugepages-short.html",
    "labs/xid-triage-fleet.html",
    "roles.html",
    "roles/mlops-engineer.html",
    "skills.html",
    "coverage.html",
    "authors.html",
    "commands.html",
    "pages.html",
    "mine.html",
];

/// A browser; where there is none, a word about that.
fn browser() -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        eprintln!(
            "this machine has no chromium, so nobody has looked at the pages: `apt-get install chromium`"
        );
    }
    browser
}

fn axe() -> String {
    let out = Command::new("tar")
        .args(["--extract", "--gzip", "--to-stdout", "--file"])
        .arg(AXE.cached())
        .arg("package/axe.min.js")
        .output()
        .expect("tar runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("a script is text")
}

fn html_files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let files = walk.map(|entry| entry.expect("readable").into_path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "html")).collect()
}

#[test]
fn every_page_passes_axe_and_fits_a_phone() {
    let Some(mut browser) = browser() else { return };
    let (axe, site) = (axe(), site());
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site-pictures");
    std::fs::create_dir_all(&pictures).expect("a folder");
    let files = html_files(site.folder());
    assert!(files.len() > 40, "the pages are there");
    let mut wrong = Vec::new();
    for screen in [DESK, PHONE] {
        browser.screen(screen);
        for file in &files {
            let page = file.strip_prefix(site.folder()).expect("below").display().to_string();
            let mut say = |what: String| wrong.push(format!("{page} ({}): {what}", screen.name));
            for complaint in browser.open(file, "") {
                say(complaint);
            }
            let wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
            if wide.as_i64().is_none_or(|wide| wide > 0) {
                say(format!("is {wide} pixels too wide"));
            }
            browser.evaluate(&axe);
            let violations = browser.evaluate(RUN);
            for violation in violations.as_array().expect("a list") {
                say(violation.as_str().unwrap_or_default().to_owned());
            }
            let of_attempt = page.starts_with("mine/");
            if PICTURES.contains(&page.as_str()) || of_attempt {
                let name = if of_attempt { "attempt.html".to_owned() } else { page.replace('/', "-") };
                let name = format!("{}-{}.png", name.trim_end_matches(".html"), screen.name);
                std::fs::write(pictures.join(name), browser.picture()).expect("a picture");
            }
        }
    }
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong.join("\n"));
}

/// Names of the labs that the catalogue shows.
fn shown(browser: &mut Browser) -> Vec<String> {
    let names = browser.evaluate(
        "[...document.querySelectorAll('[data-item]')].filter((it) => it.offsetParent).map((it) => it.querySelector('code').textContent)",
    );
    names.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_catalogue_is_searched_by_keyboard_and_as_one_types() {
    let Some(mut browser) = browser() else { return };
    let site = site();
    browser.screen(DESK);
    let labs = site.folder().join("labs.html");
    browser.open(&labs, "");
    let all = shown(&mut browser).len();
    assert!(all >= 11, "{all} labs");
    browser.press("Tab", 9);
    assert_eq!(
        browser.evaluate("document.activeElement.className"),
        "skip",
        "the first stop leaps over the menu"
    );
    browser.press("Enter", 13);
    browser.press("Tab", 9);
    assert_eq!(browser.evaluate("document.activeElement.id"), "find", "and the next one is the search");
    browser.write("Slurm two nodes");
    assert!(shown(&mut browser).is_empty());
    assert_eq!(
        browser.evaluate("document.querySelector('[role=status]').textContent"),
        format!("0 of {all}")
    );
    browser.evaluate("document.activeElement.select()");
    browser.write("scheduling level-1");
    assert_eq!(shown(&mut browser), ["slurm-munge-broken"]);
    // Links of other pages ask for a skill.
    browser.open(&labs, "?q=STO");
    assert_eq!(shown(&mut browser), ["checkpoint-writeback-stall"]);
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

#[test]
fn without_a_script_everything_is_there_but_the_search() {
    let Some(mut browser) = browser() else { return };
    let site = site();
    browser.screen(Screen { name: "no-script", ..PHONE });
    browser.ask("Emulation.setScriptExecutionDisabled", serde_json::json!({ "value": true }));
    browser.open(&site.folder().join("labs.html"), "?q=STO");
    assert!(shown(&mut browser).len() >= 11);
    let search: Value = browser.evaluate("document.querySelector('form').offsetParent === null");
    assert_eq!(search, true, "a field that does nothing is not shown");
}
