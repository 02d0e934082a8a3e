//! Ini files, as Python's configparser reads them: keys without case, `=` or `:`, comments on their own lines,
//! indented lines continue a value, `[DEFAULT]` answers for every section.

/// All values of `section.key`, or of `key` outside every section, in order.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let mut sections: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    // The line before was an assignment or continued one.
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with(';') {
            continue;
        }
        if let (true, true, Some((_, _, value))) = (open, line.starts_with([' ', '\t']), sections.last_mut())
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        open = false;
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_string();
            continue;
        }
        if let Some(at) = trimmed.find(['=', ':']) {
            let (name, value) = (trimmed[..at].trim(), trimmed[at + 1..].trim());
            sections.push((section.clone(), name.to_string(), value.to_string()));
            open = true;
        }
    }
    let in_section = |wanted: &str, name: &str| -> Vec<String> {
        sections
            .iter()
            .filter(|(section, key, _)| section == wanted && key.eq_ignore_ascii_case(name))
            .map(|(_, _, value)| value.clone())
            .collect()
    };
    // A section's name may hold dots, and so may a key: the longest section that has the key wins.
    let dots: Vec<usize> = key.match_indices('.').map(|(at, _)| at).collect();
    for at in dots.iter().rev() {
        let (section, name) = (&key[..*at], &key[at + 1..]);
        let found = in_section(section, name);
        if !found.is_empty() {
            return found;
        }
        if sections.iter().any(|(known, _, _)| known == section) {
            let inherited = in_section("DEFAULT", name);
            if !inherited.is_empty() {
                return inherited;
            }
        }
    }
    in_section("", key)
}
