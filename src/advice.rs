//! What to do next: the third line of every error, and near misses for what was mistyped.
//! Knows no error in particular; each operation's own error enum implements [`NextStep`].

/// What a person can do about an error. One lower-case phrase that names a command or a file.
pub trait NextStep {
    /// The advice, without a final full stop.
    fn next_step(&self) -> String;
}

/// The known name that is most like `asked`, if one is near enough to be what was meant.
pub fn nearest<'a, N: AsRef<str> + ?Sized + 'a>(
    asked: &str,
    known: impl IntoIterator<Item = &'a N>,
) -> Option<&'a str> {
    let asked = asked.to_lowercase();
    known
        .into_iter()
        .map(|name| (likeness(&asked, &name.as_ref().to_lowercase()), name.as_ref()))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// 0 to 1. From 0.8 it admits one slip in a short word and drops words that merely share letters.
fn likeness(asked: &str, known: &str) -> f64 {
    // Two letters in the wrong order weigh heavily in a word of three, and are still one slip.
    if asked.len() < 3 || strsim::damerau_levenshtein(asked, known) != 1 {
        return strsim::jaro_winkler(asked, known);
    }
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    if letters(asked) == letters(known) { 0.99 } else { 0.98 }
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Libraries often repeat the cause in their own text.
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        source = cause.source();
    }
    text
}

/// A word in quotes, as a shell reads it back.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let known = ["path", "user", "stdin", "timeout-ms"];
        assert_eq!(nearest("pth", known), Some("path"));
        assert_eq!(nearest("timeout_ms", known), Some("timeout-ms"));
        assert_eq!(nearest("SHC", ["SCH", "SEC", "CTR"]), Some("SCH"));
        assert_eq!(nearest("colour", known), None);
    }
}
