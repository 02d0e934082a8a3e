//! What the pages say, read as text: nothing that gives a lab away, nothing from elsewhere, not too much, and the same
//! every time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crashcart::lab::{Catalog, Lab};
use crashcart::publish::hints;
use crashcart::publish::mine::Mine;
use crashcart::rubric::Rubric;

use crate::bench::Bench;

/// Most bytes of a page without pictures.
const HEAVIEST: usize = 100 * 1024;

/// The shipped labs' site, with a learner's attempts that a lab on paper was used for.
pub struct Site {
    bench: Bench,
    folder: PathBuf,
}

impl Site {
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Built once for all tests.
pub fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let mut bench = Bench::new().lab("key-exposed");
        bench.run("start key-exposed --seed 1").succeeds();
        bench.run("grade --yes").ends_with(crashcart::cli::exit::Exit::NotYet);
        bench.run("hint").succeeds();
        bench.mend();
        bench.run("grade --yes").succeeds();
        bench.run("stop").succeeds();
        bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"));
        bench.run("site build --mine --out site").succeeds();
        let folder = bench.root().parent().expect("a folder above").join("site");
        Site { bench, folder }
    })
}

/// All pages by path.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("readable"));
    let pages = files.filter(|it| it.path().extension().is_some_and(|extension| extension == "html"));
    pages
        .map(|page| {
            let path = page.path().strip_prefix(folder).expect("below").display().to_string();
            (path, std::fs::read_to_string(page.path()).expect("text"))
        })
        .collect()
}

fn catalog() -> Catalog {
    Catalog::find(Some(Path::new(env!("CARGO_MANIFEST_DIR"))), None).expect("the shipped labs")
}

/// Texts that would give a lab away: causes, hints, debriefs, why checks matter, and names that say something.
fn secrets(lab: &Lab, rubric: &Rubric) -> Vec<String> {
    let lines = |text: String| -> Vec<String> {
        let text = text.lines().map(str::trim).filter(|line| line.len() > 40).map(str::to_owned);
        text.collect()
    };
    let mut secrets: Vec<String> = lab.variants.iter().map(|variant| variant.cause.clone()).collect();
    let hints = hints(&lab.read("hints.md").expect("hints"));
    secrets.extend(hints.into_iter().flat_map(lines));
    secrets.extend(lines(lab.read("debrief.md").expect("a debrief")));
    secrets.extend(rubric.checks.iter().map(|check| check.why.clone()));
    secrets.extend(rubric.guards.iter().map(|guard| guard.why.clone()));
    let names = lab.variants.iter().map(|it| it.name.to_string());
    let names = names.chain(rubric.checks.iter().map(|it| it.id.to_string()));
    let names = names.chain(rubric.criteria.iter().map(|it| it.id.to_string()));
    let names = names.chain(lab.solutions.iter().map(|it| it.name.clone()));
    let names = names.chain(lab.wrongs.iter().map(|it| it.name.clone()));
    // A single word may stand in any ticket.
    secrets.extend(names.filter(|name| name.matches('-').count() > 1));
    secrets
}

#[test]
fn no_page_gives_a_lab_away() {
    let pages = pages(site().folder());
    // The walk plays one lab to its end and says so, and the live view shows that lab's checks. The guide for authors and
    // the changelog name things.
    let frank = |page: &str| {
        let frank = [
            "a-learners-walk.html",
            "authors.html",
            "changelog.html",
            "the-home-screen-and-the-live-view.html",
        ];
        frank.contains(&page) || page.starts_with("mine") || page.starts_with("decisions")
    };
    let mut given_away = Vec::new();
    for name in catalog().names().expect("labs") {
        let lab = catalog().lab(name.as_str()).expect("a lab");
        let rubric = catalog().rubric(&lab).expect("a rubric");
        for (page, html) in pages.iter().filter(|(page, _)| !frank(page)) {
            for secret in secrets(&lab, &rubric) {
                let secret = secret.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;");
                if html.contains(&secret) {
                    given_away.push(format!("{page} says of {name}: {secret}"));
                }
            }
        }
    }
    assert!(given_away.is_empty(), "{}", given_away.join("\n"));
}

#[test]
fn every_page_is_light_and_asks_for_nothing() {
    let loaded = r"<(link|script|img|iframe|object|embed|form|base)\b[^>]*>";
    let tags = regex::Regex::new(loaded).expect("a pattern");
    for (page, html) in pages(site().folder()) {
        assert!(html.len() <= HEAVIEST, "{page} has {} bytes", html.len());
        for tag in tags.find_iter(&html) {
            let tag = tag.as_str();
            let fine = tag == "<script>"
                || tag.starts_with("<link rel=\"icon\" href=\"data:")
                || tag == "<form data-find role=\"search\" hidden>";
            assert!(fine, "{page}: {tag}");
        }
        assert!(!html.contains(" style=\""), "{page} has a style that its policy forbids");
        assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""), "{page}");
    }
}

#[test]
fn every_lab_role_guide_and_decision_has_its_page() {
    let (pages, root) = (pages(site().folder()), Path::new(env!("CARGO_MANIFEST_DIR")));
    let stems = |folder: &str, extension: &str| -> Vec<String> {
        let entries = root.join(folder).read_dir().expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let fitting = paths.filter(|path| path.extension().is_some_and(|it| it == extension));
        fitting.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    let mut wanted: Vec<String> = [
        "index",
        "labs",
        "roles",
        "skills",
        "coverage",
        "pages",
        "decisions",
        "licence",
        "code",
        "commands",
        "mine",
    ]
    .map(|page| format!("{page}.html"))
    .into();
    wanted.extend(catalog().names().expect("labs").iter().map(|name| format!("labs/{name}.html")));
    wanted.extend(stems("graders/roles", "toml").iter().map(|name| format!("roles/{name}.html")));
    wanted.extend(stems("graders/roles", "toml").iter().map(|name| format!("mine/path-{name}.html")));
    wanted.extend(stems("site/pages", "md").iter().map(|name| format!("{name}.html")));
    wanted.extend(stems("site/decisions", "md").iter().map(|name| format!("decisions/{name}.html")));
    let missing: Vec<&String> = wanted.iter().filter(|page| !pages.contains_key(*page)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!pages["coverage.html"].contains("In no topic:"), "every shipped lab is about some topic");
}

#[test]
fn the_same_files_make_the_same_bytes() {
    let site = site();
    site.bench.run("site build --mine --out again").succeeds();
    let again = pages(&site.folder.with_file_name("again"));
    assert!(pages(&site.folder) == again);
    // And nobody's attempts are published unasked.
    site.bench.run("site build --out public").succeeds();
    let public = pages(&site.folder.with_file_name("public"));
    assert!(public.keys().all(|page| !page.starts_with("mine")), "{:?}", public.keys());
    let ids: Vec<String> = site.bench.attempts().iter().map(|row| row.id.to_string()).collect();
    assert!(public.values().all(|html| ids.iter().all(|id| !html.contains(id))));
}

#[test]
fn the_report_page_shows_what_was_earned_and_what_was_not() {
    let pages = pages(site().folder());
    let id = site().bench.attempts()[0].id.to_string();
    let (mine, attempt) = (&pages["mine.html"], &pages[&format!("mine/{id}.html")]);
    assert!(mine.contains("1 of 1 lab tried is passed.") && mine.contains("<svg class=\"plot\""), "{mine}");
    assert!(attempt.contains("100 of 100 points") && attempt.contains("0 of 100 points"), "{attempt}");
}

#[test]
fn the_path_to_a_role_says_what_is_shown_and_what_comes_next() {
    let pages = pages(site().folder());
    let mine = &pages["mine.html"];
    // Figures of a picture are told to whoever cannot see it.
    let told =
        regex::Regex::new(r#"role="img" aria-label="security and multi-tenancy: 0 % on [-0-9: ]+, 90 % on"#);
    assert!(told.expect("a pattern").is_match(mine), "{mine}");
    let path = &pages["mine/path-ai-operations-specialist.html"];
    assert!(
        path.contains(
            "process and job scheduling <span class=\"core\">core</span></th><td>24 %</td><td>90 %</td>"
        ),
        "{path}"
    );
    assert!(path.contains("<td>never tried</td>") && path.contains("level 1, about"), "{path}");
    // The lab that was played is none of those that are shown.
    assert!(path.contains("Nothing yet: a lab comes back once it was graded."), "{path}");
}

#[test]
fn how_an_attempt_went_is_on_its_page_and_the_solution_only_where_nobody_else_sees_it() {
    let site = site();
    let page = format!("mine/{}.html", site.bench.attempts()[0].id);
    let built = &pages(site.folder())[&page];
    assert!(built.contains("How it went") && built.contains("grade: passed, 100 of 100 points"), "{built}");
    assert!(!built.contains("own solution") && !built.contains("chmod 0400"), "{built}");
    let catalog = Catalog::find(Some(&site.bench.root()), None).expect("the lab on paper");
    let store = site.bench.store();
    let mine = Mine::read(&store, jiff::tz::TimeZone::UTC, 0).expect("read").with_solutions(&store, &catalog);
    let own = crashcart::publish::site::build(&catalog, Some(&mine)).expect("pages");
    let own = own.iter().find(|(path, _)| *path == page).expect("the page of the attempt").1;
    assert!(own.contains("chmod 0400 /etc/service/key") && own.contains("was 0644"), "{own}");
}
