//! Which topics the labs cover, and which they do not yet: `site/coverage.toml` against the labs that there are.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::labs::Shown;
use crate::document::{Document, DocumentError, Mistakes, Place};
use crate::lab::LabName;

/// Where the file stands, from the root folder.
pub const FILE: &str = "site/coverage.toml";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    /// Labs that topics may name before they are there.
    planned: Vec<LabName>,
    part: Vec<RawPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawPart {
    title: String,
    about: String,
    topic: Vec<RawTopic>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawTopic {
    what: String,
    labs: Vec<Spanned<LabName>>,
}

/// A list of topics.
#[derive(Debug, Serialize)]
pub struct Part {
    pub title: String,
    pub about: String,
    pub topics: Vec<Topic>,
    /// Topics that some lab covers.
    pub covered: usize,
}

/// A topic with the labs about it.
#[derive(Debug, Serialize)]
pub struct Topic {
    pub what: String,
    pub labs: Vec<String>,
    pub planned: Vec<String>,
}

/// What the coverage page says.
#[derive(Debug, Serialize)]
pub struct Coverage {
    pub parts: Vec<Part>,
    /// Labs that no topic names.
    pub nowhere: Vec<String>,
}

/// Reads the file; none where there is none.
pub fn read(root: &Path, labs: &[Shown]) -> Result<Option<Coverage>, DocumentError> {
    let path = root.join(FILE);
    match path.exists() {
        true => parse(&path, Document::text_of(&path)?, labs).map(Some),
        false => Ok(None),
    }
}

fn parse(path: &Path, text: String, labs: &[Shown]) -> Result<Coverage, DocumentError> {
    let (document, raw) = Document::parse::<Raw>(path, text)?;
    let here: BTreeSet<&LabName> = labs.iter().map(|shown| &shown.lab.name).collect();
    let mut mistakes = Mistakes::default();
    let mut named = BTreeSet::new();
    let mut parts = Vec::new();
    for (p, part) in raw.part.iter().enumerate() {
        let mut topics = Vec::new();
        for (t, topic) in part.topic.iter().enumerate() {
            let (mut there, mut planned) = (Vec::new(), Vec::new());
            for (l, lab) in topic.labs.iter().enumerate() {
                let lab = lab.get_ref();
                if here.contains(lab) {
                    named.insert(lab);
                    there.push(lab.to_string());
                } else if raw.planned.contains(lab) {
                    planned.push(lab.to_string());
                } else {
                    let place = Place::root().then("part").then(p).then("topic").then(t).then("labs").then(l);
                    let known = here.iter().copied().chain(&raw.planned).map(LabName::as_str);
                    let wrong =
                        document.mistake(&place, format!("there is no lab `{lab}`, and none is planned"));
                    let mut wrong = wrong.allowing(lab.as_str(), known);
                    // Sixty names are no help.
                    wrong.allowed.clear();
                    mistakes.push(wrong.hint("a lab below `labs/`, or a name of `planned`"));
                }
            }
            topics.push(Topic { what: topic.what.clone(), labs: there, planned });
        }
        let covered = topics.iter().filter(|topic| !topic.labs.is_empty()).count();
        parts.push(Part { title: part.title.clone(), about: part.about.clone(), topics, covered });
    }
    let nowhere = here.iter().filter(|lab| !named.contains(*lab)).map(ToString::to_string).collect();
    mistakes.or(Coverage { parts, nowhere })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lab: &str) -> String {
        format!(
            "format = 1\nplanned = [\"some-lab\"]\n\n[[part]]\ntitle = \"A\"\nabout = \"b\"\n\n[[part.topic]]\nwhat = \"c\"\nlabs = [\"{lab}\"]\n"
        )
    }

    #[test]
    fn a_planned_lab_is_no_lab_yet() {
        let coverage = parse(Path::new("c.toml"), text("some-lab"), &[]).expect("no mistake");
        assert_eq!(coverage.parts[0].topics[0].planned, ["some-lab"]);
        assert_eq!(coverage.parts[0].covered, 0);
    }

    #[test]
    fn a_lab_that_nobody_knows_is_a_mistake_at_its_line() {
        let error = parse(Path::new("c.toml"), text("som-lab"), &[]).expect_err("a mistake");
        let [mistake] = error.mistakes() else { panic!("{error}") };
        assert_eq!((mistake.line, mistake.meant.as_deref()), (10, Some("some-lab")), "{error}");
    }
}
