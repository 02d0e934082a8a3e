//! A TOML file that people write by hand: parsed into closed types, its mistakes shown with line and caret.
//!
//! [`Document`] holds the text, so that a mistake found long after parsing (a name that nothing declares,
//! points that do not sum) can still be shown at its place: either by the span of a [`toml::Spanned`]
//! value or by a [`Place`], the path of keys that leads to it.
//!
//! Every such file begins with `format = 1`. [`Document`] checks that line and takes it away, so the types
//! that are parsed do not declare it. Knows no lab and no rubric.

use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::advice::{NextStep, nearest};

/// The format of data files that this version reads.
pub const FORMAT: i64 = 1;

/// Longest file that is read: hand-written files are far below it.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// A data file's path and text.
#[derive(Clone, Debug)]
pub struct Document {
    path: PathBuf,
    text: Arc<str>,
}

/// A data file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The file could not be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was read and is not right.
    #[error("{mistakes}")]
    Wrong {
        /// What is wrong with it; never empty.
        mistakes: Mistakes,
    },
}

impl DocumentError {
    /// The mistakes in the text; empty where the file could not be read.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Wrong { mistakes } => &mistakes.0,
        }
    }
}

impl NextStep for DocumentError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreadable { path, source } if source.kind() == io::ErrorKind::NotFound => {
                format!("create `{}`, or correct the name", path.display())
            }
            Self::Unreadable { path, .. } => {
                format!("make `{}` a readable text file below 1 MiB", path.display())
            }
            Self::Wrong { mistakes } => mistakes.next_step(),
        }
    }
}

/// One or more mistakes of one file. Printed as one block, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Notes one more.
    pub fn push(&mut self, mistake: Mistake) {
        // The same place can be reached by two rules; once is enough.
        if !self.0.contains(&mistake) {
            self.0.push(mistake);
        }
    }

    /// `value` if nothing is wrong, else all that is, in the order of the file.
    pub fn or<T>(mut self, value: T) -> Result<T, DocumentError> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|mistake| (mistake.line, mistake.column));
        Err(DocumentError::Wrong { mistakes: self })
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\nerror: ")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl NextStep for Mistakes {
    fn next_step(&self) -> String {
        match &self.0[..] {
            [] => "nothing".into(),
            [one] => one.next_step(),
            [first, ..] => format!("mend `{}` at each place shown", first.path.display()),
        }
    }
}

/// One thing wrong in a data file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// Characters before the place, counted from 1.
    pub column: usize,
    /// What is wrong: one lower-case phrase.
    pub what: String,
    /// What would be right there, word for word; may be empty.
    pub allowed: Vec<String>,
    /// What was probably meant.
    pub meant: Option<String>,
    /// What would be right there, in a sentence, where a list of words does not say it.
    pub hint: Option<String>,
    text: Arc<str>,
    span: Range<usize>,
}

impl Mistake {
    /// Adds the list of what is allowed, and what of it was probably meant by `asked`.
    pub fn allowing<'a, N: AsRef<str> + ?Sized + 'a>(
        mut self,
        asked: &str,
        allowed: impl IntoIterator<Item = &'a N>,
    ) -> Self {
        self.allowed = allowed.into_iter().map(|name| name.as_ref().to_string()).collect();
        self.meant = nearest(asked, self.allowed.iter()).map(str::to_string);
        self
    }

    /// Adds what would be right there, as one lower-case phrase.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What stands under the caret line.
    fn label(&self) -> Option<String> {
        let listed = || {
            let names: Vec<String> = self.allowed.iter().map(|name| format!("`{name}`")).collect();
            format!("allowed here: {}", names.join(", "))
        };
        match (&self.meant, &self.hint, self.allowed.is_empty()) {
            (Some(meant), _, _) => Some(format!("did you mean `{meant}`?")),
            (None, Some(hint), _) => Some(hint.clone()),
            (None, None, false) => Some(listed()),
            (None, None, true) => None,
        }
    }
}

impl fmt::Display for Mistake {
    /// What, then file, line and column, the line, a caret under the place, and what is allowed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        let mut annotation = AnnotationKind::Primary.span(self.span.clone());
        let label = self.label();
        if let Some(label) = &label {
            annotation = annotation.label(label.as_str());
        }
        let report = [Level::ERROR
            .primary_title(self.what.as_str())
            .element(Snippet::source(&*self.text).path(path.as_str()).annotation(annotation))];
        let drawn = Renderer::plain().render(&report);
        // The caller writes `error:` before every error alike.
        f.write_str(drawn.strip_prefix("error: ").unwrap_or(&drawn))?;
        if self.meant.is_some() && self.allowed.len() > 1 {
            let names: Vec<String> = self.allowed.iter().map(|name| format!("`{name}`")).collect();
            write!(f, "\n   = allowed here: {}", names.join(", "))?;
        }
        Ok(())
    }
}

impl NextStep for Mistake {
    fn next_step(&self) -> String {
        let place = format!("line {} of `{}`", self.line, self.path.display());
        match (&self.meant, &self.hint) {
            (Some(meant), _) => format!("write `{meant}` in {place}, if that was meant"),
            (None, Some(hint)) => format!("mend {place}: {hint}"),
            (None, None) => format!("mend {place}"),
        }
    }
}

/// One step on the way to a place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_string())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Keys and indices that lead to a place in a document: `check`, 3, `expect`, `stdout`.
/// Steps that lead nowhere are ignored, so a place may name a key that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<Step>);

impl Place {
    /// The document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// One step further in.
    pub fn then(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }
}

/// Change a parsed table before its types are read from it.
type Prepare<'a> = &'a mut dyn FnMut(&mut DeTable<'_>);

impl Document {
    /// Reads a file and parses it into `T`.
    pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(Self, T), DocumentError> {
        Self::parse(path, Self::text_of(path)?)
    }

    /// The text of a data file: a regular file of at most 1 MiB.
    pub(crate) fn text_of(path: &Path) -> Result<String, DocumentError> {
        read_text(path).map_err(|source| DocumentError::Unreadable { path: path.to_path_buf(), source })
    }

    /// Parses a text into `T`; `path` is what mistakes name.
    pub fn parse<T: DeserializeOwned>(
        path: impl Into<PathBuf>,
        text: impl Into<String>,
    ) -> Result<(Self, T), DocumentError> {
        Self::parse_prepared(path, text, &mut |_| ())
    }

    /// As [`Document::parse`], after `prepare` has had a look at the syntax tree.
    pub(crate) fn parse_prepared<T: DeserializeOwned>(
        path: impl Into<PathBuf>,
        text: impl Into<String>,
        prepare: Prepare<'_>,
    ) -> Result<(Self, T), DocumentError> {
        let document = Self { path: path.into(), text: Arc::from(text.into()) };
        let text = Arc::clone(&document.text);
        let value = document.typed::<T>(&text, prepare);
        match value {
            Ok(value) => Ok((document, value)),
            Err(mistake) => Err(DocumentError::Wrong { mistakes: Mistakes(vec![*mistake]) }),
        }
    }

    fn typed<T: DeserializeOwned>(&self, text: &str, prepare: Prepare<'_>) -> Result<T, Box<Mistake>> {
        let mut tree = DeTable::parse(text).map_err(|error| Box::new(self.translate(&error)))?;
        self.check_format(tree.get_ref())?;
        let table = tree.get_mut();
        table.remove("format");
        prepare(table);
        T::deserialize(toml::de::Deserializer::from(tree)).map_err(|error| Box::new(self.translate(&error)))
    }

    fn check_format(&self, table: &DeTable<'_>) -> Result<(), Box<Mistake>> {
        let found = table.iter().find(|(key, _)| key.get_ref() == "format");
        let Some((_, value)) = found else {
            let start = self.text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
            let mistake = self.mistake_at(start..start + 1, "the format number is missing");
            return Err(Box::new(mistake.hint(format!("write `format = {FORMAT}` as the first line"))));
        };
        let number =
            value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        match number {
            Some(FORMAT) => Ok(()),
            Some(newer) if newer > FORMAT => Err(Box::new(
                self.mistake_at(value.span(), format!("format {newer} is newer than this crashcart"))
                    .hint(format!("this version reads format {FORMAT}; update crashcart")),
            )),
            _ => Err(Box::new(
                self.mistake_at(value.span(), "this is no known format")
                    .hint(format!("write `format = {FORMAT}`")),
            )),
        }
    }

    /// The file that was parsed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A mistake at a byte span of the text, as [`toml::Spanned::span`] gives it.
    pub fn mistake_at(&self, span: Range<usize>, what: impl Into<String>) -> Mistake {
        let span = self.on_one_line(span);
        let before = &self.text[..span.start];
        Mistake {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
            what: what.into(),
            allowed: Vec::new(),
            meant: None,
            hint: None,
            text: Arc::clone(&self.text),
            span,
        }
    }

    /// A mistake in the value at `place`: a whole table or list is shown by its key.
    pub fn mistake(&self, place: &Place, what: impl Into<String>) -> Mistake {
        self.mistake_at(self.span(place, false), what)
    }

    /// A mistake in the last key of `place`.
    pub fn mistake_in_key(&self, place: &Place, what: impl Into<String>) -> Mistake {
        self.mistake_at(self.span(place, true), what)
    }

    /// Every step of `place` leads somewhere.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.find(place).2
    }

    /// Where a place is. Parses the text again, which is cheap and happens on a mistake only.
    fn span(&self, place: &Place, want_key: bool) -> Range<usize> {
        let (key, value, whole) = self.find(place);
        match (key, value) {
            (Some(key), _) if want_key && whole => key,
            // An inline table or list is shown by its key when there is one: carets under all of it say less.
            (Some(key), (_, true)) => key,
            (_, (value, _)) => value,
        }
    }

    /// The last key and value on the way that could be followed: the key's span if it has one, the value's
    /// span and whether it holds other values, and whether the way was followed to its end.
    fn find(&self, place: &Place) -> (Option<Range<usize>>, (Range<usize>, bool), bool) {
        let Ok(tree) = DeTable::parse(&self.text) else { return (None, (0..0, false), false) };
        let mut key_span: Option<Range<usize>> = None;
        let mut value_span = 0..0;
        let mut value: Option<&Spanned<DeValue<'_>>> = None;
        let mut reached = 0;
        for step in &place.0 {
            match (step, value.map(Spanned::get_ref)) {
                (Step::Key(key), None) => {
                    let Some((k, v)) = tree.get_ref().iter().find(|(k, _)| k.get_ref() == key) else { break };
                    (key_span, value_span, value) = (Some(k.span()), v.span(), Some(v));
                }
                (Step::Key(key), Some(DeValue::Table(table))) => {
                    let Some((k, v)) = table.iter().find(|(k, _)| k.get_ref() == key) else { break };
                    (key_span, value_span, value) = (Some(k.span()), v.span(), Some(v));
                }
                (Step::Index(index), Some(DeValue::Array(list))) => {
                    let Some(v) = list.get(*index) else { break };
                    (key_span, value_span, value) = (None, v.span(), Some(v));
                }
                _ => break,
            }
            reached += 1;
        }
        let holds_others = matches!(value.map(Spanned::get_ref), Some(DeValue::Table(_) | DeValue::Array(_)));
        (key_span, (value_span, holds_others), reached == place.0.len())
    }

    /// The span cut to the line that it begins on, and to whole characters within the text.
    fn on_one_line(&self, span: Range<usize>) -> Range<usize> {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |n| start + n);
        start..floor(span.end).clamp(start, line_end)
    }

    /// A message of serde or the TOML parser, in our words.
    fn translate(&self, error: &toml::de::Error) -> Mistake {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        let quoted =
            |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_string).collect() };
        let unknown = |rest: &str, what: &dyn Fn(&str) -> String| {
            let names = quoted(rest);
            let (asked, allowed) = names.split_first().map_or(("", &[][..]), |(a, rest)| (a.as_str(), rest));
            let mistake = self.mistake_at(span.clone(), what(asked));
            match allowed.is_empty() {
                true => mistake.hint("nothing is allowed here"),
                false => mistake.allowing(asked, allowed.iter()),
            }
        };
        if let Some(rest) = message.strip_prefix("unknown field ") {
            return unknown(rest, &|asked| format!("unknown key `{asked}`"));
        }
        if let Some(rest) = message.strip_prefix("unknown variant ") {
            return unknown(rest, &|asked| format!("`{asked}` is not known here"));
        }
        if let Some(rest) = message.strip_prefix("missing field ") {
            return self.mistake_at(span, format!("the key {rest} is missing here"));
        }
        // toml's own check of a variant's table: `unexpected keys in table: a, b, available keys: c, d`.
        if let Some((unexpected, available)) = message
            .strip_prefix("unexpected keys in table: ")
            .and_then(|rest| rest.split_once(", available keys: "))
        {
            let first = unexpected.split(", ").next().unwrap_or_default();
            return self
                .mistake_at(span, format!("unknown key `{first}`"))
                .allowing(first, available.split(", "));
        }
        if message.starts_with("wanted exactly 1 element") {
            return self.mistake_at(span, "exactly one key belongs here");
        }
        for prefix in ["invalid type: ", "invalid value: "] {
            if let Some((found, wanted)) =
                message.strip_prefix(prefix).and_then(|m| m.split_once(", expected "))
            {
                return self
                    .mistake_at(span, format!("this is {}", plain_type(found)))
                    .hint(format!("{} belongs here", plain_type(wanted)));
            }
        }
        let mut what = message.trim().replace('\n', ", ");
        if let Some(first) = what.get(..1).map(str::to_lowercase) {
            what.replace_range(..1, &first);
        }
        self.mistake_at(span, what)
    }
}

/// serde's words for types, for people.
fn plain_type(words: &str) -> String {
    match words {
        "map" | "a map" => "a table".into(),
        "sequence" | "a sequence" => "a list".into(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or above".into(),
        "i32" | "i64" => "a whole number".into(),
        "f64" => "a number".into(),
        "a boolean" => "`true` or `false`".into(),
        "string" => "a text".into(),
        _ if words.starts_with("struct ") => "a table".into(),
        _ if words.starts_with("enum ") || words.contains("variant of enum") => {
            "a table with one known key".into()
        }
        _ => match words.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("integer", number)) => format!("the number {number}"),
            Some(("floating", rest)) => format!("the number {}", rest.trim_start_matches("point ")),
            Some(("boolean", value)) => value.to_string(),
            _ => words.to_string(),
        },
    }
}

/// The text of a regular file of sensible size.
fn read_text(path: &Path) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    file.take(SIZE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SIZE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sheet {
        name: Spanned<String>,
        #[serde(default)]
        rows: Vec<String>,
    }

    const SHEET: &str = "format = 1\n\nname = \"é\"  # a name\nrows = [\"a\", \"b\"]\n";

    #[test]
    fn a_mistake_found_later_is_shown_by_span_or_by_place() {
        let (document, sheet) = Document::parse::<Sheet>("sheet.toml", SHEET).expect("it is right");
        let by_span = document.mistake_at(sheet.name.span(), "no good name");
        assert_eq!((by_span.line, by_span.column), (3, 8));
        assert_eq!(by_span, document.mistake(&Place::root().then("name"), "no good name"));
        let row = document.mistake(&Place::root().then("rows").then(1), "no good row");
        assert_eq!((row.line, row.column), (4, 14));
        assert_eq!(sheet.rows.len(), 2);
        let key = document.mistake_in_key(&Place::root().then("rows"), "no rows");
        assert_eq!((key.line, key.column), (4, 1));
        // A place that does not exist is shown where the way to it ends.
        let beyond = document.mistake(&Place::root().then("rows").then(7).then("x"), "no row");
        assert_eq!((beyond.line, beyond.column), (4, 1));
        // Nonsense spans are cut to the text.
        assert_eq!(document.mistake_at(900..901, "beyond").line, 5);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error =
            Document::read::<Sheet>(Path::new("/nonexistent/sheet.toml")).expect_err("there is no such file");
        assert_eq!(error.to_string(), "could not read `/nonexistent/sheet.toml`");
        assert_eq!(error.next_step(), "create `/nonexistent/sheet.toml`, or correct the name");
        let error = Document::read::<Sheet>(Path::new("/")).expect_err("a directory is no file");
        assert_eq!(error.next_step(), "make `/` a readable text file below 1 MiB");
    }

    #[test]
    fn no_text_makes_the_parser_or_the_drawing_panic() {
        for text in [
            "",
            "\n",
            "é",
            "format",
            "format = ",
            "format = 1\n\"",
            "[",
            "format = 1\nname = 1\r\n",
            "\u{feff}",
            "\u{0}",
        ] {
            if let Err(error) = Document::parse::<Sheet>("sheet.toml", text) {
                assert!(!error.to_string().is_empty());
                assert!(!error.next_step().is_empty());
            }
        }
        // Every prefix of a right text, cut anywhere.
        for end in (0..SHEET.len()).filter(|end| SHEET.is_char_boundary(*end)) {
            if let Err(error) = Document::parse::<Sheet>("sheet.toml", &SHEET[..end]) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
