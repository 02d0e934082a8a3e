//! Plain lines, and files in which the first word is the key: modprobe.d, sshd_config, hosts.

/// All lines that are neither empty nor a comment; or, with a key, the rest of those that begin with its words.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let wanted: Vec<&str> = key.split_whitespace().collect();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let mut rest = line;
            for word in &wanted {
                rest = rest.strip_prefix(word)?;
                if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
                    return None;
                }
                rest = rest.trim_start();
            }
            Some(rest.to_string())
        })
        .collect()
}
