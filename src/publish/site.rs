//! The site: every page of it from labs, rubrics, roles and written texts. Plain: the same input gives the same
//! bytes, nothing is written and nothing waits.
//!
//! A page is one file that needs no other: style, icon and the small script of the search stand in it, and its own
//! policy (a digest for each) lets a browser do nothing else. Pages are `templates/` filled in; what an author, a lab
//! or a node wrote is escaped on the way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tera::{Context, Tera};

use super::TextError;
use super::address::{Addresses, Nowhere, relative};
use super::coverage;
use super::labs::{self, Scoring, Shown};
use super::links;
use super::markdown::{self, Anchors, First, Link, outline};
use super::mine::Mine;
use super::plot;
use super::roles;
use super::shelf::{DECISIONS, FRONT, Kind, LICENCE, PAGES, Shelf, Text};
use crate::advice::NextStep;
use crate::document::DocumentError;
use crate::lab::{Catalog, CatalogError, Lab};
use crate::progress::Offer;
use crate::rubric::Role;

const LABS: &str = "labs.html";
const ROLES: &str = "roles.html";
const SKILLS: &str = "skills.html";
const COVERAGE: &str = "coverage.html";
const MINE: &str = "mine.html";

/// Templates, by the name that others include them by.
const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../site/templates/base.html")),
    ("front.html", include_str!("../../site/templates/front.html")),
    ("labs.html", include_str!("../../site/templates/labs.html")),
    ("lab.html", include_str!("../../site/templates/lab.html")),
    ("roles.html", include_str!("../../site/templates/roles.html")),
    ("role.html", include_str!("../../site/templates/role.html")),
    ("skills.html", include_str!("../../site/templates/skills.html")),
    ("coverage.html", include_str!("../../site/templates/coverage.html")),
    ("pages.html", include_str!("../../site/templates/pages.html")),
    ("decisions.html", include_str!("../../site/templates/decisions.html")),
    ("text.html", include_str!("../../site/templates/text.html")),
    ("licence.html", include_str!("../../site/templates/licence.html")),
    ("mine.html", include_str!("../../site/templates/mine.html")),
    ("attempt.html", include_str!("../../site/templates/attempt.html")),
    ("path.html", include_str!("../../site/templates/path.html")),
    ("notice.html", include_str!("../../site/templates/notice.html")),
];
const STYLE: &str = include_str!("../../site/templates/site.css");
const SCRIPT: &str = include_str!("../../site/templates/find.js");

/// The pages of a site by their path, `labs/x.html`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages(BTreeMap<String, String>);

impl Pages {
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All together, in bytes.
    pub fn size(&self) -> usize {
        self.0.values().map(String::len).sum()
    }
}

impl FromIterator<(String, String)> for Pages {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pages: T) -> Self {
        Self(pages.into_iter().collect())
    }
}

/// A link that leads nowhere, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLink {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub to: String,
    pub why: Nowhere,
}

impl std::fmt::Display for BadLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: `{}`: {}", self.file, self.line, self.to, self.why)
    }
}

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("could not read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}", match bad.len() { 1 => "a link leads nowhere".to_owned(), n => format!("{n} links lead nowhere") })]
    Links { bad: Vec<BadLink> },
    #[error("`{file}` and another text both want to be the page `{page}`")]
    TwoPages { page: String, file: String },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Text(#[from] TextError),
    /// Our mistake: templates are part of the program.
    #[error("the page `{page}` could not be made")]
    Template { page: String, source: tera::Error },
    /// Our mistake: these links are the templates'.
    #[error("the page `{page}` leads to `{to}`, which is not there")]
    DeadLink { page: String, to: String },
}

impl NextStep for SiteError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => format!("make `{}` a readable text file", path.display()),
            Self::Links { bad } => match bad.as_slice() {
                [one] => format!("correct line {} of `{}`", one.line, one.file),
                _ => "correct them at the lines shown".into(),
            },
            Self::TwoPages { file, .. } => format!("give `{file}` another name"),
            Self::Catalog(error) => error.next_step(),
            Self::Document(error) => error.next_step(),
            Self::Text(error) => error.next_step(),
            Self::Template { .. } | Self::DeadLink { .. } => {
                "this is a mistake in crashcart itself; please report it with what is below `labs/` and `site/`".into()
            }
        }
    }
}

/// Makes every page. `mine` adds a learner's own attempts, which are nobody else's business.
pub fn build(catalog: &Catalog, mine: Option<&Mine>) -> Result<Pages, SiteError> {
    let labs = read_labs(catalog)?;
    let roles = match catalog.roles() {
        Err(CatalogError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Vec::new()
        }
        roles => roles?,
    };
    let shelf = Shelf::read(catalog.root())?;
    let coverage = coverage::read(catalog.root(), &labs)?;
    let mut addresses = Addresses::default();
    shelf.enter(&mut addresses);
    addresses.put("labs", LABS, []);
    addresses.put("graders/roles", ROLES, []);
    for shown in &labs {
        let folder = format!("labs/{}", shown.lab.name);
        addresses.put(&format!("{folder}/brief.md"), &lab_page(&shown.lab), []);
        addresses.put(&folder, &lab_page(&shown.lab), []);
    }
    for role in &roles {
        addresses.put(&format!("graders/roles/{}.toml", role.id), &role_page(role.id.as_str()), []);
    }
    let mut press = Press::new(addresses, mine.is_some());
    press.front(&shelf, &labs, &roles)?;
    press.labs(&labs, &roles)?;
    press.roles(&labs, &roles)?;
    let views: Vec<_> = roles.iter().map(|role| roles::view(role, &labs)).collect();
    let mut context = Context::new();
    context.insert("roles", &views);
    context.insert("coverage", &coverage);
    context.insert("labs", &labs.len());
    let about = "Which roles and topics the labs cover, and which they do not yet.";
    press.page(COVERAGE, "coverage.html", "Coverage", about, context)?;
    press.texts(&shelf)?;
    if let Some(mine) = mine {
        press.mine(mine, &roles, &labs)?;
    }
    press.finish()
}

/// A page that says one thing, for where there is no other: no such page, a site that cannot be made. `lines` are
/// shown word for word.
pub fn notice(title: &str, lines: &[String], next: &str) -> String {
    let mut press = Press::new(Addresses::default(), false);
    let mut context = Context::new();
    context.insert("lines", lines);
    context.insert("next", next);
    context.insert("alone", &true);
    match press.page(FRONT, "notice.html", title, title, context) {
        Ok(()) => press.pages.0.remove(FRONT).unwrap_or_default(),
        Err(_) => markdown::escape(title),
    }
}

fn lab_page(lab: &Lab) -> String {
    format!("labs/{}.html", lab.name)
}

fn role_page(name: &str) -> String {
    format!("roles/{name}.html")
}

/// All labs, as readers look for them: by track, then from the easy to the hard. One with a mistake is an error: a
/// site that lacks it would say that it does not exist.
fn read_labs(catalog: &Catalog) -> Result<Vec<Shown>, SiteError> {
    let mut labs = Vec::new();
    for name in catalog.names()? {
        let lab = catalog.lab(name.as_str())?;
        // Labs are also handed out without what grades them.
        let graded = catalog.graders().join(format!("{name}.toml")).exists();
        let scoring = match graded {
            true => Some(Scoring::of(&lab, &catalog.rubric(&lab)?)),
            false => None,
        };
        labs.push(Shown { lab, scoring });
    }
    labs.sort_by_key(|it| (it.lab.track, it.lab.level, it.lab.minutes, it.lab.name.clone()));
    Ok(labs)
}

/// An entry of the menu.
#[derive(Debug, Serialize)]
struct MenuItem {
    href: String,
    label: &'static str,
    /// For `aria-current`: empty, `page` or `true`.
    current: &'static str,
}

/// Fills templates in, and gathers pages and bad links.
struct Press {
    tera: Tera,
    addresses: Addresses,
    mine: bool,
    pages: Pages,
    bad: Vec<BadLink>,
}

impl Press {
    fn new(addresses: Addresses, mine: bool) -> Self {
        let mut tera = Tera::default();
        tera.add_raw_templates(TEMPLATES.iter().copied()).expect("a test fills every template in");
        // As Tera's own, and leaves the slashes of links alone.
        tera.set_escape_fn(markdown::escape);
        Self { tera, addresses, mine, pages: Pages::default(), bad: Vec::new() }
    }

    fn menu(&self, here: &str) -> Vec<MenuItem> {
        let mut items = vec![
            (FRONT, "Start", ""),
            (LABS, "Labs", "labs/"),
            (ROLES, "Roles", "roles/"),
            (SKILLS, "Skills", ""),
            (COVERAGE, "Coverage", ""),
            (PAGES, "Pages", "decisions/"),
        ];
        if self.mine {
            items.push((MINE, "My attempts", "mine/"));
        }
        let inside = |page: &str, below: &str| {
            let known = items.iter().any(|(page, ..)| *page == here) || here.contains('/');
            (!below.is_empty() && here.starts_with(below)) || (page == PAGES && !known)
        };
        let item = |(page, label, below): &(&str, &'static str, &str)| MenuItem {
            href: relative(here, page),
            label,
            current: match *page == here {
                true => "page",
                false if inside(page, below) => "true",
                false => "",
            },
        };
        items.iter().map(item).collect()
    }

    /// Fills one page in. `alone` in the context leaves the menu out.
    fn page(
        &mut self,
        path: &str,
        template: &str,
        title: &str,
        about: &str,
        mut context: Context,
    ) -> Result<(), SiteError> {
        let searched = context.get("searched").is_some();
        let digest = |text: &str| {
            format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
        };
        let script = if searched { digest(SCRIPT) } else { "'none'".into() };
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {script}; img-src data:; base-uri 'none'; form-action 'none'",
            digest(STYLE)
        );
        context.insert("policy", &policy);
        context.insert("style", STYLE);
        context.insert("script", SCRIPT);
        context.insert("menu", &self.menu(path));
        context.insert("up", &"../".repeat(path.matches('/').count()));
        context.insert("title", title);
        context.insert("about", about);
        context.insert("version", env!("CARGO_PKG_VERSION"));
        let html = self
            .tera
            .render(template, &context)
            .map_err(|source| SiteError::Template { page: path.into(), source })?;
        match self.pages.0.insert(path.to_owned(), html) {
            None => Ok(()),
            Some(_) => Err(SiteError::TwoPages { page: path.into(), file: title.into() }),
        }
    }

    /// A written text as HTML; its bad links are noted.
    fn written(&mut self, text: &Text) -> String {
        let (addresses, bad) = (&self.addresses, &mut self.bad);
        markdown::render(&text.text, &text.outline, &mut |link: Link<'_>| {
            let to = match link.picture {
                true => Err(Nowhere::Picture),
                false => addresses.resolve(link.to, &text.file, &text.page),
            };
            to.map_err(|why| {
                let line = text.first_line + link.line - 1;
                bad.push(BadLink { file: text.file.clone(), line, to: link.to.to_owned(), why });
            })
            .ok()
        })
    }

    fn front(&mut self, shelf: &Shelf, labs: &[Shown], roles: &[Role]) -> Result<(), SiteError> {
        let texts: Vec<&Text> = shelf.of(Kind::Front).collect();
        let parts: Vec<String> = texts.iter().map(|text| self.written(text)).collect();
        let mut context = Context::new();
        context.insert("parts", &parts);
        context.insert("labs", &labs.len());
        context.insert("roles", &roles.len());
        context.insert("title_id", &texts.first().and_then(|text| text.outline.title_id.clone()));
        let about = "Broken GPU nodes to mend, and a grader that reads the state of the system.";
        self.page(FRONT, "front.html", "crashcart", about, context)
    }

    fn labs(&mut self, labs: &[Shown], roles: &[Role]) -> Result<(), SiteError> {
        let views: Vec<_> = labs.iter().map(Shown::view).collect();
        let mut tracks: Vec<&str> = views.iter().map(|view| view.track.as_str()).collect();
        tracks.dedup();
        let mut context = Context::new();
        context.insert("labs", &views);
        context.insert("tracks", &tracks);
        context.insert("searched", &true);
        let about = "All labs, with what they are about, how long they take and which skills they grade.";
        self.page(LABS, "labs.html", "Labs", about, context)?;
        for (nth, (shown, view)) in labs.iter().zip(&views).enumerate() {
            let page = lab_page(&shown.lab);
            let ticket = labs::ticket(&shown.lab)?;
            let file = format!("labs/{}/brief.md", shown.lab.name);
            let outline = outline(&ticket, First::IsTitle, &mut Anchors::default());
            let text =
                Text { page: page.clone(), file, first_line: 1, text: ticket, outline, kind: Kind::Learner };
            let mut context = Context::new();
            context.insert("ticket", &self.written(&text));
            context.insert("lab", view);
            let bars: Vec<String> = view.skills.iter().map(|skill| plot::bar(skill.most)).collect();
            context.insert("bars", &bars);
            context.insert("roles", &labs::roles_of(shown, roles));
            let beside =
                |nth: Option<usize>| nth.and_then(|nth| views.get(nth)).map(|view| (&view.name, &view.title));
            context.insert("before", &beside(nth.checked_sub(1)));
            context.insert("after", &beside(nth.checked_add(1)));
            self.page(&page, "lab.html", &view.title, &view.summary, context)?;
        }
        let rows = roles::skills(labs, roles);
        // One cell per lab and skill: what the lab gives of it.
        let cells: Vec<Vec<String>> = labs
            .iter()
            .map(|shown| {
                let points = |skill| {
                    let given = shown.scoring.as_ref().and_then(|it| it.skills.get(&skill));
                    given.map(|range| range.in_a_cell()).unwrap_or_default()
                };
                crate::rubric::Skill::ALL.into_iter().map(points).collect()
            })
            .collect();
        let mut context = Context::new();
        context.insert("skills", &rows);
        context.insert("labs", &views);
        context.insert("cells", &cells);
        let about = "Which lab gives how many points of which skill.";
        self.page(SKILLS, "skills.html", "Skills and labs", about, context)
    }

    fn roles(&mut self, labs: &[Shown], roles: &[Role]) -> Result<(), SiteError> {
        let views: Vec<_> = roles.iter().map(|role| roles::view(role, labs)).collect();
        let mut context = Context::new();
        context.insert("roles", &views);
        let rows = roles::skills(labs, roles);
        context.insert("skills", &rows);
        let about = "What each role must be able to do: skills, weights, floors and marks.";
        self.page(ROLES, "roles.html", "Roles", about, context)?;
        for view in &views {
            let bars: Vec<String> = view.skills.iter().map(|skill| plot::bar(skill.weight)).collect();
            let mut context = Context::new();
            context.insert("role", view);
            context.insert("bars", &bars);
            let about =
                format!("What {} {} must be able to do, and which labs grade it.", view.article, view.title);
            self.page(&role_page(&view.name), "role.html", &view.title, &about, context)?;
        }
        Ok(())
    }

    /// The written texts that are pages of their own, their list, and the licence.
    fn texts(&mut self, shelf: &Shelf) -> Result<(), SiteError> {
        /// An entry of a list of texts.
        #[derive(Serialize)]
        struct Entry<'a> {
            href: &'a str,
            title: &'a str,
            about: String,
            sections: Vec<(String, &'a str)>,
        }
        let entry = |text: &'_ Text| -> (String, String, String) {
            (text.page.clone(), text.title().to_owned(), crate::grade::short(&text.outline.opening, 200))
        };
        for text in shelf.texts.iter().filter(|text| text.kind != Kind::Front) {
            let (page, title, about) = entry(text);
            let html = self.written(text);
            let highest = text.outline.headings.iter().map(|heading| heading.level).min();
            let parts: Vec<(&str, &str)> = text
                .outline
                .headings
                .iter()
                .filter(|heading| Some(heading.level) == highest)
                .map(|heading| (heading.id.as_str(), heading.text.as_str()))
                .collect();
            let mut context = Context::new();
            context.insert("html", &html);
            // A short page needs no list of its parts.
            context.insert("parts", if parts.len() > 3 { &parts[..] } else { &[] });
            context.insert("title_id", &text.outline.title_id);
            context.insert("walk", &(text.page == "a-learners-walk.html"));
            context.insert("decision", &(text.kind == Kind::Decision));
            self.page(&page, "text.html", &title, &about, context).map_err(|error| match error {
                SiteError::TwoPages { page, .. } => SiteError::TwoPages { page, file: text.file.clone() },
                error => error,
            })?;
        }
        let list = |kind: Kind| -> Vec<Entry<'_>> {
            let entries = shelf.of(kind).map(|text| Entry {
                href: &text.page,
                title: text.title(),
                about: crate::grade::short(&text.outline.opening, 200),
                sections: text
                    .outline
                    .headings
                    .iter()
                    .filter(|heading| heading.level <= 2)
                    .map(|heading| (format!("{}#{}", text.page, heading.id), heading.text.as_str()))
                    .collect(),
            });
            entries.collect()
        };
        let mut groups: Vec<(&str, Vec<Entry<'_>>)> =
            Kind::GROUPS.into_iter().map(|(kind, heading)| (heading, list(kind))).collect();
        let decisions = list(Kind::Decision);
        if !decisions.is_empty() {
            let mut context = Context::new();
            context.insert("entries", &decisions);
            let about = "Why crashcart is built as it is: choices, and what was turned down.";
            self.page(DECISIONS, "decisions.html", "Decisions", about, context)?;
            let entry =
                Entry { href: DECISIONS, title: "Decisions", about: about.to_owned(), sections: Vec::new() };
            groups[3].1.push(entry);
        }
        if let Some(licence) = &shelf.licence {
            let mut context = Context::new();
            context.insert("licence", licence);
            let about = "The terms under which crashcart may be used, changed and passed on.";
            self.page(LICENCE, "licence.html", "Licence", about, context)?;
            let entry =
                Entry { href: LICENCE, title: "Licence", about: about.to_owned(), sections: Vec::new() };
            groups[4].1.push(entry);
        }
        groups.retain(|(_, entries)| !entries.is_empty());
        let mut context = Context::new();
        context.insert("groups", &groups);
        context.insert("searched", &true);
        let about = "Everything there is to read: for learners, for authors, and about what a node is.";
        self.page(PAGES, "pages.html", "Pages", about, context)
    }

    fn mine(&mut self, mine: &Mine, roles: &[Role], labs: &[Shown]) -> Result<(), SiteError> {
        let offers: Vec<Offer> = labs.iter().map(Shown::offer).collect();
        let view = mine.view(roles, &offers);
        // A lab that was tried once may be gone.
        let there = |lab: &str| self.pages.0.contains_key(&format!("labs/{lab}.html"));
        let known: Vec<bool> = view.attempts.iter().map(|attempt| there(&attempt.lab)).collect();
        let mut context = Context::new();
        context.insert("mine", &view);
        context.insert("known", &known);
        self.page(
            MINE,
            "mine.html",
            "My attempts",
            "Attempts on this machine, and what they came to.",
            context,
        )?;
        for path in &view.paths {
            let mut context = Context::new();
            context.insert("path", path);
            let title = format!("The path to {}", path.title);
            let about =
                format!("What is strong, what is weak and what comes next on the way to {}.", path.title);
            // No attempt is named so: a hyphen is none of its letters.
            self.page(&format!("mine/path-{}.html", path.name), "path.html", &title, &about, context)?;
        }
        for (attempt, known) in view.attempts.iter().zip(known) {
            let mut context = Context::new();
            context.insert("attempt", attempt);
            context.insert("known", &known);
            let title = format!("Attempt {} at {}", attempt.id, attempt.lab);
            let about = format!("What became of attempt {}.", attempt.id);
            self.page(&format!("mine/{}.html", attempt.id), "attempt.html", &title, &about, context)?;
        }
        Ok(())
    }

    /// All pages, once each of their links leads somewhere.
    fn finish(mut self) -> Result<Pages, SiteError> {
        if !self.bad.is_empty() {
            self.bad.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
            return Err(SiteError::Links { bad: self.bad });
        }
        let found: BTreeMap<String, links::Found> =
            self.pages.0.iter().map(|(path, html)| (path.clone(), links::find(html))).collect();
        match links::dead(&found).into_iter().next() {
            Some((page, to)) => Err(SiteError::DeadLink { page, to }),
            None => Ok(self.pages),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The pages about attempts, without a site around them.
    pub fn mine_alone(mine: &Mine) -> Pages {
        let mut press = Press::new(Addresses::default(), true);
        press.mine(mine, &[], &[]).unwrap_or_else(|error| panic!("{}", crate::advice::chain(&error)));
        press.pages
    }

    #[test]
    fn a_notice_shows_lines_as_they_are_and_has_no_menu() {
        let page = notice("No <such> page", &["a <b>".into(), "c".into()], "Go & look.");
        assert!(
            page.contains("<h1>No &lt;such&gt; page</h1>") && page.contains("a &lt;b&gt;\nc\n"),
            "{page}"
        );
        assert!(page.contains("Go &amp; look.") && !page.contains("<nav"), "{page}");
    }

    #[test]
    fn a_page_allows_its_own_style_and_nothing_else() {
        let page = notice("x", &[], "y");
        let style =
            &page[page.find("<style>").expect("a style") + 7..page.find("</style>").expect("its end")];
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        assert!(
            page.contains(&format!("style-src &#39;sha256-{digest}&#39;; script-src &#39;none&#39;")),
            "{page}"
        );
    }
}
