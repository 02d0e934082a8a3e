//! Texts with an attempt's names and numbers in them: briefs, hints, debriefs
//! (Tera templates of the lab's folder). And the site: `site` makes its pages,
//! `folder` writes them, `serve` shows them on this machine.
//!
//! Page building is plain functions over labs, roles and written texts; only
//! `mine` reads the store, and only `serve` waits.

mod address;
pub mod card;
mod coverage;
pub mod folder;
mod labs;
mod links;
mod markdown;
pub mod mine;
mod plot;
mod roles;
pub mod serve;
mod shelf;
pub mod site;

use tera::{Context, Tera};

pub use labs::{Scoring, Shown};
pub use site::{Pages, SiteError};

use crate::advice::NextStep;
use crate::lab::{Draw, Lab};

/// Fills in a text of the lab's folder. Templates name the lab's parameters with underscores for
/// hyphens, and `lab`.
pub fn text(lab: &Lab, draw: &Draw<'_>, file: &str) -> Result<String, TextError> {
    let unreadable = |source| TextError::Unreadable { file: format!("{}/{file}", lab.name), source };
    let template = lab.read(file).map_err(unreadable)?;
    let mut context = Context::new();
    context.insert("lab", lab.name.as_str());
    context.insert("seed_word", &draw.seed_word);
    for (name, value) in &draw.parameters {
        context.insert(name.replace('-', "_"), value);
    }
    Tera::one_off(&template, &context, false)
        .map_err(|source| TextError::Template { file: format!("{}/{file}", lab.name), source })
}

/// The hints of a lab, one after the other: each begins with a `## ` heading.
pub fn hints(text: &str) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("## ") {
            hints.push(String::new());
        } else if let Some(hint) = hints.last_mut() {
            hint.push_str(line);
            hint.push('\n');
        }
    }
    hints.into_iter().map(|hint| hint.trim().to_owned()).collect()
}

/// What a debrief says of one variant: all that stands before the first `## `, and the section of
/// that variant's name.
pub fn debrief(text: &str, variant: &str) -> String {
    let mut out = String::new();
    let mut wanted = true;
    for line in text.lines() {
        match line.strip_prefix("## ") {
            Some(heading) => wanted = heading.trim() == variant,
            None if wanted => {
                out.push_str(line);
                out.push('\n');
            }
            None => {}
        }
    }
    // A section that was left out leaves the empty lines around it.
    while out.contains("\n\n\n") {
        out = out.replace("\n\n\n", "\n\n");
    }
    out.trim().to_owned()
}

/// Why a text could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("could not read `{file}`")]
    Unreadable { file: String, source: std::io::Error },
    #[error("the text `{file}` of the lab has a mistake")]
    Template { file: String, source: tera::Error },
}

impl NextStep for TextError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreadable { file, .. } => format!("make `labs/{file}` readable"),
            Self::Template { file, .. } => {
                format!("mend `labs/{file}`; `crashcart lab lint` shows all mistakes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_counted_by_their_headings() {
        let text = "Some words for authors.\n\n## One\n\nLook here.\n\n## Two\nAnd there.\n";
        assert_eq!(hints(text), ["Look here.", "And there."]);
    }

    #[test]
    fn a_debrief_tells_of_one_variant_only() {
        let text = "Common.\n\n## a\nOf a.\n\n## b\nOf b.\n";
        assert_eq!(debrief(text, "b"), "Common.\n\nOf b.");
    }
}
