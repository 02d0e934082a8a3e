//! Found and wanted in words. What was found comes from a node that belongs to the learner, so it may hold
//! anything: control characters and terminal sequences are taken out, and it is cut at 4 KiB.

use serde_json::Value;

use super::matching::operand_value;
use crate::rubric::{Matcher, Operand, Property, Values};

/// Most bytes of one text that came from a node.
pub const TEXT_LIMIT: usize = 4096;

/// `text` without control characters, terminal sequences and marks that turn the direction of writing;
/// at most `limit` bytes. Line ends stay.
pub fn clean(text: &str, limit: usize) -> String {
    let mut kept = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut chars),
            '\n' => kept.push('\n'),
            '\t' => kept.push(' '),
            // CSI in one character.
            '\u{9b}' => skip_parameters(&mut chars),
            c if c.is_control() => {}
            // Zero width, and marks that turn the direction of writing.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {}
            c => kept.push(c),
        }
        if kept.len() > limit {
            let mut end = limit.saturating_sub('…'.len_utf8());
            while !kept.is_char_boundary(end) {
                end -= 1;
            }
            kept.truncate(end);
            kept.push('…');
            break;
        }
    }
    kept
}

/// Skips what follows an escape character: `[…m`, `]…BEL` and the like.
fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_parameters(chars),
        // Operating system commands and other strings end at BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    return;
                }
            }
        }
        _ => {}
    }
}

fn skip_parameters(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

/// One line of at most `limit` characters, for tables.
pub fn short(text: &str, limit: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.chars().count() > limit {
        true => line.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
        false => line,
    }
}

/// A value that was found, as a person would write it.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.trim().is_empty() => "empty".into(),
        Value::String(text) => clean(text.trim_end_matches('\n'), TEXT_LIMIT),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => {
            let mut list = String::new();
            for item in items {
                if !list.is_empty() {
                    list.push_str(", ");
                }
                list.push_str(&self::value(item));
                if list.len() > TEXT_LIMIT {
                    break;
                }
            }
            clean(&list, TEXT_LIMIT)
        }
        Value::Object(_) => clean(&value.to_string(), TEXT_LIMIT),
    }
}

/// `text`, with the property's name where the text alone would not say what it is about.
pub(super) fn labelled(property: &Property, alone: bool, yes_or_no: bool, text: &str) -> String {
    match alone && !yes_or_no && property.as_str() != "exit" {
        true => text.to_string(),
        false => format!("{}: {text}", property.as_str()),
    }
}

/// The expectation is about yes or no.
pub(super) fn yes_or_no(matcher: &Matcher) -> bool {
    matches!(matcher, Matcher::Eq(Operand::Bool(_)) | Matcher::Ne(Operand::Bool(_)))
}

/// What is expected, in words that continue "wanted:".
pub(super) fn wanted(matcher: &Matcher, values: &Values<'_>) -> String {
    let operand =
        |operand: &Operand| operand_value(operand, values).map_or_else(|e| e.to_string(), |v| value(&v));
    let list = |operands: &[Operand]| match operands.is_empty() {
        true => "nothing".to_string(),
        false => operands.iter().map(operand).collect::<Vec<_>>().join(", "),
    };
    let inner = |matcher: &Matcher| wanted(matcher, values);
    let joined = |items: &[Matcher], with: &str| items.iter().map(inner).collect::<Vec<_>>().join(with);
    match matcher {
        Matcher::Eq(o) => operand(o),
        Matcher::Ne(o) => format!("not {}", operand(o)),
        Matcher::Lt(o) => format!("less than {}", operand(o)),
        Matcher::Le(o) => format!("at most {}", operand(o)),
        Matcher::Gt(o) => format!("more than {}", operand(o)),
        Matcher::Ge(o) => format!("at least {}", operand(o)),
        Matcher::Within(low, high) => format!("{} to {}", operand(low), operand(high)),
        Matcher::Regex(pattern) => {
            format!("a match of /{}/", pattern.source(values).unwrap_or_else(|error| error.to_string()))
        }
        Matcher::Contains(o) => format!("`{}` in it", operand(o)),
        Matcher::Some(is) => format!("one of them: {}", inner(is)),
        Matcher::Every(is) => format!("each of them: {}", inner(is)),
        Matcher::Subset(items) => format!("nothing but {}", list(items)),
        Matcher::SetEqual(items) => match items.is_empty() {
            true => "none".into(),
            false => list(items),
        },
        Matcher::Semver(requirement) => requirement.render(values).unwrap_or_else(|error| error.to_string()),
        Matcher::Len(is) => format!("{} in number", inner(is)),
        Matcher::JsonPath { path, is } => format!("{} at `{path}`", inner(is)),
        Matcher::All(items) | Matcher::Both(items) => joined(items, " and "),
        Matcher::Any(items) => joined(items, " or "),
        Matcher::None(items) => match &items[..] {
            [one] => format!("not: {}", inner(one)),
            _ => format!("none of: {}", joined(items, "; ")),
        },
        Matcher::Unchanged => "as it was at the start".into(),
        Matcher::StableFor { ms, is } => format!("{}, and still so {ms} ms later", inner(is)),
        Matcher::Tracks { probe, property, within_percent } => {
            format!("within {within_percent} % of `{}` of `{probe}`", property.as_str())
        }
        Matcher::Rises { ms, at_least, at_most } => {
            let least = at_least.iter().map(|o| format!("at least {}", operand(o)));
            let most = at_most.iter().map(|o| format!("at most {}", operand(o)));
            format!("a rise of {} in {ms} ms", least.chain(most).collect::<Vec<_>>().join(" and "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let case = |text: &str, wanted: &str| assert_eq!(clean(text, TEXT_LIMIT), wanted, "{text:?}");
        case("plain\ntext\twith tab", "plain\ntext with tab");
        case("\u{1b}[31;1mred\u{1b}[0m", "red");
        case("\u{1b}]0;title\u{7}after", "after");
        case("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link");
        case("\u{9b}31mred", "red");
        case("a\rb\u{8}c\u{0}d\u{7f}e", "abcde");
        case("\u{202e}evil\u{2066}", "evil");
        case("no\u{200b}break\u{feff}", "nobreak");
        case("\u{1b}", "");
        case("\u{1b}[", "");
        case("\u{1b}]never ends", "");
        case("é日本", "é日本");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let cut = clean(&"é".repeat(5000), TEXT_LIMIT);
        assert!(cut.len() <= TEXT_LIMIT);
        assert!(cut.ends_with("é…"));
        assert_eq!(clean(&"a".repeat(TEXT_LIMIT), TEXT_LIMIT).len(), TEXT_LIMIT);
        let list = Value::Array(vec!["x".repeat(100).into(); 1000]);
        assert!(value(&list).len() <= TEXT_LIMIT);
    }

    #[test]
    fn a_short_text_is_one_line() {
        assert_eq!(short("one\n two\n", 20), "one two");
        assert_eq!(short("one two three", 8), "one two…");
        assert_eq!(short("äöüäöü", 4), "äöü…");
    }
}
