//! fstab. Source: fstab(5): six fields, `\040` and the like for blanks in them.

use serde_json::Value;

use super::Found;

/// `MOUNTPOINT.options` and the other fields; `MOUNTPOINT.options.NAME` for one option's value.
pub fn find(key: &str, text: &str) -> Found {
    let Some((mount_point, field)) = split_key(key) else { return Found::default() };
    let lines: Vec<Vec<String>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(unescape).collect())
        .filter(|fields: &Vec<String>| fields.get(1).is_some_and(|point| point == mount_point))
        .collect();
    let nth = |n: usize, default: &str| {
        Found::last(
            lines
                .iter()
                .map(|fields| fields.get(n).cloned().unwrap_or_else(|| default.to_string()))
                .collect(),
        )
    };
    match field {
        "device" => nth(0, ""),
        "type" => nth(2, ""),
        "dump" => nth(4, "0"),
        "pass" => nth(5, "0"),
        "options" => {
            let mut found = nth(3, "defaults");
            if let Some(Value::String(options)) = &found.value {
                found.values = options.split(',').map(|option| Value::String(option.to_string())).collect();
            }
            found
        }
        _ => {
            let option = field.strip_prefix("options.").unwrap_or_default();
            let options = lines.last().and_then(|fields| fields.get(3)).map_or("", String::as_str);
            let values = options.split(',').filter_map(|one| match one.split_once('=') {
                Some((name, value)) => (name == option).then(|| value.to_string()),
                None => (one == option).then(String::new),
            });
            Found::last(values.collect())
        }
    }
}

/// Mount point and field. A mount point may hold dots itself.
fn split_key(key: &str) -> Option<(&str, &str)> {
    if let Some(at) = key.rfind(".options.") {
        return Some((&key[..at], &key[at + 1..]));
    }
    key.rsplit_once('.')
        .filter(|(_, field)| matches!(*field, "device" | "type" | "options" | "dump" | "pass"))
}

/// `\040` is a blank, and so on for other three-digit octal numbers.
fn unescape(field: &str) -> String {
    let mut plain = String::new();
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                rest = &after[3..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}
