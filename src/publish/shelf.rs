//! What people have written for readers: README, `site/pages`, `site/decisions`, the map of the code, the licence.
//! Finds the files, says which page each becomes and where that stands among the others.
//!
//! Everything here may be missing: a folder with labs and graders alone makes a site too.

use std::path::Path;

use super::SiteError;
use super::address::Addresses;
use super::markdown::{Anchors, First, Outline, line_of, outline, sections};

/// A text that becomes a page, or a part of one.
#[derive(Clone, Debug)]
pub struct Text {
    /// The page.
    pub page: String,
    /// The file, from the root folder.
    pub file: String,
    /// The line of the file that the text begins on, counted from 1.
    pub first_line: usize,
    pub text: String,
    pub outline: Outline,
    pub kind: Kind,
}

impl Text {
    /// The page's heading.
    pub fn title(&self) -> &str {
        self.outline.title.as_deref().unwrap_or(match self.kind {
            Kind::Code => "Map of the code",
            _ => &self.page,
        })
    }
}

/// Where a text stands on the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// On the front page.
    Front,
    /// Among what learners read.
    Learner,
    /// What can be believed of nodes, and how they are built.
    Truth,
    /// For who writes labs.
    Author,
    /// A decision.
    Decision,
    /// The map of the code.
    Code,
    /// What changed, the licence.
    Record,
}

impl Kind {
    /// The groups of the list of pages, with their headings.
    pub const GROUPS: [(Self, &'static str); 5] = [
        (Self::Learner, "For learners"),
        (Self::Author, "For authors"),
        (Self::Truth, "What a node is"),
        (Self::Code, "How crashcart is built"),
        (Self::Record, "Changes and licence"),
    ];

    /// The kind of a page below `site/pages`.
    fn of(stem: &str) -> Self {
        match stem {
            "authors" => Self::Author,
            "fidelity" | "agent" | "vm" | "security" | "performance" => Self::Truth,
            "changelog" => Self::Record,
            _ => Self::Learner,
        }
    }
}

/// Sections of README that stand on the front page. The others become pages of their own.
const ON_THE_FRONT: [&str; 2] = ["The first ten minutes", "How it is safe"];
/// The site's own menu stands in its place.
const LEFT_OUT: &str = "Where to read on";

/// Everything that was written.
#[derive(Debug, Default)]
pub struct Shelf {
    pub texts: Vec<Text>,
    /// The licence, word for word.
    pub licence: Option<String>,
}

/// Page of the licence.
pub const LICENCE: &str = "licence.html";
/// List of the decisions.
pub const DECISIONS: &str = "decisions.html";
/// List of all pages.
pub const PAGES: &str = "pages.html";
/// The front page.
pub const FRONT: &str = "index.html";

impl Shelf {
    /// Reads all that there is below a root folder.
    pub fn read(root: &Path) -> Result<Self, SiteError> {
        let mut shelf = Self { texts: Vec::new(), licence: read(&root.join("LICENSE"))? };
        if let Some(text) = read(&root.join("README.md"))? {
            shelf.put_readme(&text);
        }
        for (file, text) in markdown_files(root, "site/pages")? {
            let stem = stem(&file).to_owned();
            shelf.put(&format!("{stem}.html"), &file, text, 1, First::IsTitle, Kind::of(&stem));
        }
        for (file, text) in markdown_files(root, "site/decisions")? {
            let page = format!("decisions/{}.html", stem(&file));
            shelf.put(&page, &file, text, 1, First::IsTitle, Kind::Decision);
        }
        if let Some(text) = read(&root.join("src/README.md"))? {
            shelf.put("code.html", "src/README.md", text, 1, First::Stays, Kind::Code);
        }
        Ok(shelf)
    }

    fn put(&mut self, page: &str, file: &str, text: String, first_line: usize, first: First, kind: Kind) {
        let outline = outline(&text, first, &mut Anchors::default());
        self.texts.push(Text { page: page.into(), file: file.into(), first_line, text, outline, kind });
    }

    /// README is one file and several pages: its sections are read for different reasons.
    fn put_readme(&mut self, text: &str) {
        let parts = sections(text, 2);
        let before = parts.first().map_or(text.len(), |(_, range)| range.start);
        let mut anchors = Anchors::default();
        let mut front = |text: &str, first_line, first| {
            let outline = outline(text, first, &mut anchors);
            let (page, file, text) = (FRONT.to_owned(), "README.md".to_owned(), text.to_owned());
            self.texts.push(Text { page, file, first_line, text, outline, kind: Kind::Front });
        };
        front(&text[..before], 1, First::IsTitle);
        for name in ON_THE_FRONT {
            if let Some((_, range)) = parts.iter().find(|(heading, _)| heading == name) {
                front(&text[range.clone()], line_of(text, range.start), First::Stays);
            }
        }
        for (heading, range) in &parts {
            if ON_THE_FRONT.contains(&heading.as_str()) || heading == LEFT_OUT {
                continue;
            }
            let part = text[range.clone()].to_owned();
            let page = format!("{}.html", name_of(heading));
            self.put(&page, "README.md", part, line_of(text, range.start), First::IsTitle, Kind::Learner);
        }
    }

    /// Notes which pages the files became.
    pub fn enter(&self, addresses: &mut Addresses) {
        for text in &self.texts {
            let own = text.outline.headings.iter().map(|heading| heading.id.clone());
            addresses.put(&text.file, &text.page, own.chain(text.outline.title_id.clone()));
        }
        if self.licence.is_some() {
            addresses.put("LICENSE", LICENCE, []);
        }
        if self.texts.iter().any(|text| text.kind == Kind::Decision) {
            addresses.put("site/decisions", DECISIONS, []);
        }
        addresses.put("site/pages", PAGES, []);
    }

    /// The texts of a kind, in their order.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Text> {
        self.texts.iter().filter(move |text| text.kind == kind)
    }
}

/// `a-learners-walk` of `A learner's walk`.
fn name_of(heading: &str) -> String {
    let words: Vec<String> = heading
        .split_whitespace()
        .map(|word| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() { "section".into() } else { words.join("-") }
}

fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".md").unwrap_or(name)
}

/// A text file; none where there is none.
pub fn read(path: &Path) -> Result<Option<String>, SiteError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SiteError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The markdown files of a folder by name, with their paths from the root folder.
fn markdown_files(root: &Path, folder: &str) -> Result<Vec<(String, String)>, SiteError> {
    let path = root.join(folder);
    let unreadable = |source| SiteError::Unreadable { path: path.clone(), source };
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let fits = |stem: &str| {
            !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if name.strip_suffix(".md").is_some_and(fits) {
            names.push(name);
        }
    }
    names.sort();
    let text = |name: String| {
        let text = read(&path.join(&name))?;
        Ok(text.map(|text| (format!("{folder}/{name}"), text)))
    };
    names.into_iter().filter_map(|name| text(name).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_the_readme_become_pages_or_stand_on_the_front() {
        let mut shelf = Shelf::default();
        shelf.put_readme(
            "# tool\n\nIt helps.\n\n## The first ten minutes\n\nTry.\n\n## A learner's walk\n\n### Deep\n\n## Where to read on\n",
        );
        let pages: Vec<(&str, &str, usize)> =
            shelf.texts.iter().map(|text| (text.page.as_str(), text.title(), text.first_line)).collect();
        assert_eq!(
            pages,
            [
                ("index.html", "tool", 1),
                ("index.html", "index.html", 5),
                ("a-learners-walk.html", "A learner's walk", 9)
            ]
        );
        let mut addresses = Addresses::default();
        shelf.enter(&mut addresses);
        let to = |link: &str| addresses.resolve(link, "README.md", "index.html");
        assert_eq!(to("#deep").as_deref(), Ok("a-learners-walk.html#deep"));
        assert!(to("#where-to-read-on").is_err());
    }
}
