//! What a rubric may expect of a value. The syntax lives here; what each matcher means is in `grade::matching`.

use std::fmt;

use regex::{Regex, RegexBuilder};
use semver::VersionReq;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json_path::JsonPath;

use super::{CheckId, Property, RenderError, Template, Values};

/// One expectation of one value. A bare value means `eq`; a table with several keys means all of them.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The same value.
    Eq(Operand),
    /// Another value. What is absent has no value, so it is not another one either.
    Ne(Operand),
    /// A smaller number.
    Lt(Operand),
    /// At most this number.
    Le(Operand),
    /// A greater number.
    Gt(Operand),
    /// At least this number.
    Ge(Operand),
    /// A number from the first to the second, both included.
    Within(Operand, Operand),
    /// A text in which this pattern is found.
    Regex(Pattern),
    /// A text with this in it, or a list with this element.
    Contains(Operand),
    /// A list with an element, or a text with a line, that matches. Written `contains` or `some`.
    Some(Box<Matcher>),
    /// A list of which every element, or a text of which every line, matches; and there is at least one.
    Every(Box<Matcher>),
    /// A list with no element beside these.
    Subset(Vec<Operand>),
    /// A list with these elements and no others, in any order.
    SetEqual(Vec<Operand>),
    /// A version that satisfies this requirement: `>=1.2`.
    Semver(Template),
    /// The number of elements, or of characters, matches.
    Len(Box<Matcher>),
    /// What a JSONPath finds in a JSON text matches: the one value found, or the list where there are several.
    JsonPath {
        /// The path.
        path: Box<JsonPath>,
        /// What is expected there.
        is: Box<Matcher>,
    },
    /// All of them match.
    All(Vec<Matcher>),
    /// At least one matches.
    Any(Vec<Matcher>),
    /// Not one matches.
    None(Vec<Matcher>),
    /// Several keys in one table: all of them match.
    Both(Vec<Matcher>),
    /// The value that was read right after the fault went in.
    Unchanged,
    /// Matches now, and again after so many milliseconds.
    StableFor {
        /// Milliseconds between the two readings.
        ms: u32,
        /// What is expected of both.
        is: Box<Matcher>,
    },
    /// A number that follows a number read by a probe.
    Tracks {
        /// The probe.
        probe: CheckId,
        /// The property of its fact.
        property: Property,
        /// Allowed distance, in percent of the probe's value.
        within_percent: u32,
    },
    /// A number that rises between two readings: the second less the first.
    Rises {
        /// Milliseconds between the two readings.
        ms: u32,
        /// It rises by so much or more.
        at_least: Option<Operand>,
        /// It rises by so much or less.
        at_most: Option<Operand>,
    },
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text; may hold placeholders.
    Text(Template),
    /// A list, compared element by element.
    List(Vec<Operand>),
}

impl Operand {
    /// All texts in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) => Vec::new(),
        }
    }

    /// As a number, where it is one already when the rubric is loaded.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            Self::Text(t) if t.is_plain() => t.as_str().trim().parse().ok(),
            _ => None,
        }
    }
}

/// A regular expression that may hold placeholders; filled-in values are taken literally.
#[derive(Clone, Debug)]
pub struct Pattern {
    template: Template,
    /// Compiled once where nothing is to be filled in.
    compiled: Option<Regex>,
}

/// A pattern could not be made of what the rubric says and the attempt holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A placeholder has no value.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// With everything filled in, it is more than a pattern may be.
    #[error("a pattern of {source_length} bytes cannot be compiled")]
    TooLarge {
        /// Its length.
        source_length: usize,
    },
}

impl Pattern {
    /// The pattern as written.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The pattern, ready to use.
    pub fn regex(&self, values: &Values<'_>) -> Result<Regex, PatternError> {
        if let Some(compiled) = &self.compiled {
            return Ok(compiled.clone());
        }
        let source = self.source(values)?;
        // It compiled with a short literal; a long one may still make it too large.
        compile(&source).map_err(|_| PatternError::TooLarge { source_length: source.len() })
    }

    /// The pattern's text with everything filled in.
    pub fn source(&self, values: &Values<'_>) -> Result<String, RenderError> {
        self.template.render_with(values, |value| regex::escape(&value))
    }

    /// The pattern finds itself in the empty text, so it is found in every text.
    pub fn matches_nothing_at_all(&self) -> bool {
        stand_in(&self.template).is_ok_and(|regex| regex.is_match(""))
    }
}

fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).size_limit(1 << 20).build()
}

/// The pattern with `x` in place of every placeholder.
fn stand_in(template: &Template) -> Result<Regex, regex::Error> {
    let mut source = String::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        source.push_str(before);
        source.push('x');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    source.push_str(rest);
    compile(&source)
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let template = Template::deserialize(deserializer)?;
        let compiled = stand_in(&template).map_err(|error| {
            // The crate draws its own caret picture over several lines; its last line says what is wrong.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            D::Error::custom(format!("this is no regular expression: {last}"))
        })?;
        let compiled = template.is_plain().then_some(compiled);
        Ok(Self { template, compiled })
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Operands;
        impl<'de> Visitor<'de> for Operands {
            type Value = Operand;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, `true`, `false` or a list of them")
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Operand, E> {
                Ok(Operand::Bool(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Operand, E> {
                Ok(Operand::Int(value))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Operand, E> {
                Ok(Operand::Float(value))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Operand, E> {
                Template::try_from(value.to_string()).map(Operand::Text).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Operand, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Operand::List(items))
            }
        }
        deserializer.deserialize_any(Operands)
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "kebab-case")]
enum Key {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Within,
    Regex,
    Contains,
    Some,
    Every,
    Subset,
    SetEqual,
    Semver,
    Len,
    JsonPath,
    All,
    Any,
    None,
    Unchanged,
    StableFor,
    Tracks,
    Rises,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawJsonPath {
    path: String,
    is: Matcher,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawStableFor {
    ms: u32,
    is: Matcher,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawTracks {
    probe: CheckId,
    property: Property,
    within_percent: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawRises {
    ms: u32,
    #[serde(default)]
    at_least: Option<Operand>,
    #[serde(default)]
    at_most: Option<Operand>,
}

struct Matchers;

impl<'de> Visitor<'de> for Matchers {
    type Value = Matcher;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a table of matchers")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Matcher, E> {
        Ok(Matcher::Eq(Operand::Bool(value)))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Matcher, E> {
        Ok(Matcher::Eq(Operand::Int(value)))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Matcher, E> {
        Ok(Matcher::Eq(Operand::Float(value)))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Matcher, E> {
        Template::try_from(value.to_string()).map(|text| Matcher::Eq(Operand::Text(text))).map_err(E::custom)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Matcher, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Matcher::Eq(Operand::List(items)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Matcher, A::Error> {
        let mut found = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            found.push(match key {
                Key::Eq => Matcher::Eq(map.next_value()?),
                Key::Ne => Matcher::Ne(map.next_value()?),
                Key::Lt => Matcher::Lt(map.next_value()?),
                Key::Le => Matcher::Le(map.next_value()?),
                Key::Gt => Matcher::Gt(map.next_value()?),
                Key::Ge => Matcher::Ge(map.next_value()?),
                Key::Within => {
                    let [low, high] = map.next_value::<[Operand; 2]>()?;
                    Matcher::Within(low, high)
                }
                Key::Regex => Matcher::Regex(map.next_value()?),
                // A bare value is looked for as it stands; a table is a matcher of elements.
                Key::Contains => match map.next_value::<Matcher>()? {
                    Matcher::Eq(operand) => Matcher::Contains(operand),
                    matcher => Matcher::Some(Box::new(matcher)),
                },
                Key::Some => Matcher::Some(map.next_value()?),
                Key::Every => Matcher::Every(map.next_value()?),
                Key::Subset => Matcher::Subset(map.next_value()?),
                Key::SetEqual => Matcher::SetEqual(map.next_value()?),
                Key::Semver => Matcher::Semver(map.next_value()?),
                Key::Len => Matcher::Len(map.next_value()?),
                Key::JsonPath => {
                    let RawJsonPath { path, is } = map.next_value()?;
                    let parsed = JsonPath::parse(&path)
                        .map_err(|error| A::Error::custom(format!("`{path}` is no JSONPath: {error}")))?;
                    Matcher::JsonPath { path: Box::new(parsed), is: Box::new(is) }
                }
                Key::All => Matcher::All(map.next_value()?),
                Key::Any => Matcher::Any(map.next_value()?),
                Key::None => Matcher::None(map.next_value()?),
                Key::Unchanged => match map.next_value::<bool>()? {
                    true => Matcher::Unchanged,
                    false => return Err(A::Error::custom("only `unchanged = true` has a meaning")),
                },
                Key::StableFor => {
                    let RawStableFor { ms, is } = map.next_value()?;
                    Matcher::StableFor { ms, is: Box::new(is) }
                }
                Key::Tracks => {
                    let RawTracks { probe, property, within_percent } = map.next_value()?;
                    Matcher::Tracks { probe, property, within_percent }
                }
                Key::Rises => match map.next_value()? {
                    RawRises { at_least: None, at_most: None, .. } => {
                        let why = "every number rises or does not: add `at-least`, `at-most` or both";
                        return Err(A::Error::custom(why));
                    }
                    RawRises { ms, at_least, at_most } => Matcher::Rises { ms, at_least, at_most },
                },
            });
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        match found.len() {
            0 => Err(A::Error::custom("an empty table expects nothing, so it cannot fail")),
            1 => Ok(found.remove(0)),
            _ => Ok(Matcher::Both(found)),
        }
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Matchers)
    }
}

impl Matcher {
    /// The key that it is written with; none for several keys in one table. `Some` may stand as `contains`.
    pub fn key(&self) -> Option<&'static str> {
        Some(match self {
            Self::Eq(_) => "eq",
            Self::Ne(_) => "ne",
            Self::Lt(_) => "lt",
            Self::Le(_) => "le",
            Self::Gt(_) => "gt",
            Self::Ge(_) => "ge",
            Self::Within(..) => "within",
            Self::Regex(_) => "regex",
            Self::Contains(_) => "contains",
            Self::Some(_) => "some",
            Self::Every(_) => "every",
            Self::Subset(_) => "subset",
            Self::SetEqual(_) => "set-equal",
            Self::Semver(_) => "semver",
            Self::Len(_) => "len",
            Self::JsonPath { .. } => "json-path",
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::None(_) => "none",
            Self::Unchanged => "unchanged",
            Self::StableFor { .. } => "stable-for",
            Self::Tracks { .. } => "tracks",
            Self::Rises { .. } => "rises",
            Self::Both(_) => return None,
        })
    }

    /// The matchers directly inside, each with the steps that lead to it.
    pub(crate) fn inner(&self) -> Vec<(Vec<crate::document::Step>, &Matcher)> {
        let list = |key: &'static str, items: &'_ [Matcher]| -> Vec<_> {
            (0..items.len()).map(|i| vec![key.into(), i.into()]).collect()
        };
        match self {
            Self::Some(is) => vec![(vec!["some".into()], &**is)],
            Self::Every(is) => vec![(vec!["every".into()], &**is)],
            Self::Len(is) => vec![(vec!["len".into()], &**is)],
            Self::JsonPath { is, .. } => vec![(vec!["json-path".into(), "is".into()], &**is)],
            Self::StableFor { is, .. } => vec![(vec!["stable-for".into(), "is".into()], &**is)],
            Self::All(items) => list("all", items).into_iter().zip(items).collect(),
            Self::Any(items) => list("any", items).into_iter().zip(items).collect(),
            Self::None(items) => list("none", items).into_iter().zip(items).collect(),
            Self::Both(items) => items.iter().map(|item| (Vec::new(), item)).collect(),
            _ => Vec::new(),
        }
    }

    /// Itself and every matcher inside, outermost first.
    pub fn walk(&self) -> Vec<&Matcher> {
        let mut all = vec![self];
        for (_, inner) in self.inner() {
            all.extend(inner.walk());
        }
        all
    }

    /// The texts that it holds itself, not those of matchers inside.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Eq(o)
            | Self::Ne(o)
            | Self::Lt(o)
            | Self::Le(o)
            | Self::Gt(o)
            | Self::Ge(o)
            | Self::Contains(o) => o.templates(),
            Self::Within(low, high) => [low.templates(), high.templates()].concat(),
            Self::Regex(pattern) => vec![pattern.template()],
            Self::Subset(items) | Self::SetEqual(items) => {
                items.iter().flat_map(Operand::templates).collect()
            }
            Self::Semver(template) => vec![template],
            Self::Rises { at_least, at_most, .. } => {
                at_least.iter().chain(at_most).flat_map(Operand::templates).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Milliseconds to a second reading, where it needs one itself.
    pub fn pause_ms(&self) -> Option<u32> {
        match self {
            Self::StableFor { ms, .. } | Self::Rises { ms, .. } => Some(*ms),
            _ => None,
        }
    }
}

/// A requirement on a version: `>=1.2`, `>=1.2, <2`, `~560.35`.
pub fn version_requirement(text: &str) -> Result<VersionReq, semver::Error> {
    // Leading zeros are common in driver versions (560.35.03) and not allowed in semver.
    VersionReq::parse(&without_leading_zeros(text))
}

fn without_leading_zeros(text: &str) -> String {
    let mut plain = String::new();
    let mut within_number = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let leading = c == '0' && !within_number && chars.peek().is_some_and(char::is_ascii_digit);
        within_number = c.is_ascii_digit() && !leading;
        if !leading {
            plain.push(c);
        }
    }
    plain
}
