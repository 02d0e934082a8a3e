//! `{{…}}` in the texts of a rubric: parsed when the rubric is loaded, filled in when a question is put or judged.
//!
//! A placeholder is a parameter of the lab, `nonce` (of the check itself), `nonce.ID` (of another check or
//! probe), `token` (the path of the check's planted token), `seed-word` or `node`.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::CheckId;
use crate::lab::{NodeName, is_kebab};

/// Names that a lab's parameters cannot have.
pub const RESERVED: &[&str] = &["nonce", "token", "seed-word", "node"];

/// A text with placeholders, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Placeholder),
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// A parameter of the lab.
    Parameter(String),
    /// The nonce of the check itself, or of another.
    Nonce(Option<CheckId>),
    /// The path of this check's planted tokens.
    Token,
    /// The attempt's eight hex digits.
    SeedWord,
    /// The node that is asked.
    Node,
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{{{{{name}}}}}"),
            Self::Nonce(None) => f.write_str("{{nonce}}"),
            Self::Nonce(Some(id)) => write!(f, "{{{{nonce.{id}}}}}"),
            Self::Token => f.write_str("{{token}}"),
            Self::SeedWord => f.write_str("{{seed-word}}"),
            Self::Node => f.write_str("{{node}}"),
        }
    }
}

/// A text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` is not closed by `}}}}`")]
    Unclosed,
    /// What stands between the braces is no name.
    #[error(
        "`{{{{{found}}}}}` is no placeholder: a parameter, `nonce`, `nonce.ID`, `token`, `seed-word` or `node` belongs between the braces"
    )]
    NoName {
        /// What stands there.
        found: String,
    },
}

/// A placeholder has no value here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{placeholder}` has no value in this attempt")]
pub struct RenderError {
    /// The placeholder.
    pub placeholder: Placeholder,
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find("{{") {
            let (before, hole) = rest.split_at(open);
            let close = hole.find("}}").ok_or(TemplateError::Unclosed)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_string()));
            }
            parts.push(Part::Hole(placeholder(hole[2..close].trim())?));
            rest = &hole[close + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_string()));
        }
        Ok(Self { text, parts })
    }
}

fn placeholder(name: &str) -> Result<Placeholder, TemplateError> {
    let no_name = || TemplateError::NoName { found: name.to_string() };
    match name {
        "nonce" => Ok(Placeholder::Nonce(None)),
        "token" => Ok(Placeholder::Token),
        "seed-word" => Ok(Placeholder::SeedWord),
        "node" => Ok(Placeholder::Node),
        _ => match name.strip_prefix("nonce.") {
            Some(id) => id.parse().map(|id| Placeholder::Nonce(Some(id))).map_err(|_| no_name()),
            None if is_kebab(name) => Ok(Placeholder::Parameter(name.to_string())),
            None => Err(no_name()),
        },
    }
}

impl Template {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text has no placeholder.
    pub fn is_plain(&self) -> bool {
        self.placeholders().next().is_none()
    }

    /// What must be filled in.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(placeholder) => Some(placeholder),
            Part::Text(_) => None,
        })
    }

    /// The text with everything filled in.
    pub fn render(&self, values: &Values<'_>) -> Result<String, RenderError> {
        self.render_with(values, |value| value)
    }

    /// As [`Template::render`]; every filled-in value goes through `quote` first.
    pub(crate) fn render_with(
        &self,
        values: &Values<'_>,
        quote: impl Fn(String) -> String,
    ) -> Result<String, RenderError> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(text.clone()),
                Part::Hole(placeholder) => values.get(placeholder).map(&quote),
            })
            .collect()
    }
}

/// What the placeholders of one check stand for, in one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// The check or probe that the text belongs to.
    pub of: &'a CheckId,
    /// The node that is asked.
    pub node: &'a NodeName,
    /// The lab's parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// The nonces of this collection.
    pub nonces: &'a BTreeMap<CheckId, String>,
    /// The attempt's eight hex digits.
    pub seed_word: &'a str,
}

impl Values<'_> {
    fn get(&self, placeholder: &Placeholder) -> Result<String, RenderError> {
        let nonce = |id: &CheckId| self.nonces.get(id).cloned();
        let value = match placeholder {
            Placeholder::Parameter(name) => self.parameters.get(name).cloned(),
            Placeholder::Nonce(None) => nonce(self.of),
            Placeholder::Nonce(Some(other)) => nonce(other),
            Placeholder::Token => nonce(self.of).map(|nonce| token_path(&nonce)),
            Placeholder::SeedWord => Some(self.seed_word.to_string()),
            Placeholder::Node => Some(self.node.to_string()),
        };
        value.ok_or_else(|| RenderError { placeholder: placeholder.clone() })
    }
}

/// Fills in one text; a convenience over [`Template`] for texts that are used once.
pub fn render(text: &str, values: &Values<'_>) -> Result<String, RenderProblem> {
    Ok(Template::try_from(text.to_string())?.render(values)?)
}

/// A text could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// It is no template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It names something that has no value.
    #[error(transparent)]
    Value(#[from] RenderError),
}

/// Where the tokens of a nonce job lie on each planted node: follows from the nonce, so nobody knows it before.
pub fn token_path(nonce: &str) -> String {
    format!("/run/crashcart-{}/token", &hex_digest(&["token-path", nonce])[..16])
}

/// What a node's answer to a nonce job must contain: SHA-256, in lower-case hex, of the nonce and then its token.
pub fn expected_answer(nonce: &str, token: &str) -> String {
    hex_digest(&[nonce, token])
}

fn hex_digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    crate::units::hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let of: CheckId = "own".parse().expect("a name");
        let node: NodeName = "gpu1".parse().expect("a name");
        let parameters = BTreeMap::from([("workers".to_string(), "8".to_string())]);
        let nonces = BTreeMap::from([
            (of.clone(), "aa".to_string()),
            ("other".parse().expect("a name"), "bb".to_string()),
        ]);
        let values =
            Values { of: &of, node: &node, parameters: &parameters, nonces: &nonces, seed_word: "c0ffee00" };
        render(text, &values).map_err(|error| error.to_string())
    }

    #[test]
    fn every_placeholder_is_filled_in() {
        assert_eq!(filled("{{workers}}-{{ nonce }}-{{nonce.other}}"), Ok("8-aa-bb".into()));
        assert_eq!(filled("{{seed-word}} on {{node}} {x}"), Ok("c0ffee00 on gpu1 {x}".into()));
        assert_eq!(filled("cat {{token}}"), Ok(format!("cat {}", token_path("aa"))));
    }

    #[test]
    fn what_has_no_value_is_refused() {
        assert_eq!(filled("{{nope}}"), Err("`{{nope}}` has no value in this attempt".into()));
        assert_eq!(filled("{{nonce.gone}}"), Err("`{{nonce.gone}}` has no value in this attempt".into()));
        assert_eq!(filled("{{"), Err("`{{` is not closed by `}}`".into()));
        assert!(filled("{{}}").is_err());
        assert!(filled("{{A b}}").is_err());
    }

    #[test]
    fn the_answer_is_what_sha256sum_prints() {
        // printf 'abc' | sha256sum
        assert_eq!(
            expected_answer("a", "bc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
