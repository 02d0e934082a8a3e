//! systemd unit files. Source: systemd.syntax(7): lines that end in a backslash go on, comments within them
//! are skipped, and an empty assignment to a list forgets what was assigned before.

/// The values of `Section.Key` that still count at the end of the file.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let Some((wanted_section, wanted_key)) = key.split_once('.') else { return Vec::new() };
    let mut values = Vec::new();
    let mut section = String::new();
    let mut pending: Option<String> = None;
    let mut take = |line: &str, section: &mut String| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            *section = name.to_string();
        } else if let Some((name, value)) = line.split_once('=')
            && section == wanted_section
            && name.trim() == wanted_key
        {
            match value.trim() {
                "" => values.clear(),
                value => values.push(value.to_string()),
            }
        }
    };
    for line in text.lines() {
        let start = line.trim_start();
        let comment = start.starts_with('#') || start.starts_with(';');
        if comment || (start.is_empty() && pending.is_none()) {
            continue;
        }
        let mut whole = pending.take().unwrap_or_default();
        match line.strip_suffix('\\') {
            // The manual: "the backslash is replaced by a space".
            Some(part) => {
                whole.push_str(part);
                whole.push(' ');
                pending = Some(whole);
            }
            None => {
                whole.push_str(line);
                take(&whole, &mut section);
            }
        }
    }
    if let Some(rest) = pending {
        take(&rest, &mut section);
    }
    values
}
