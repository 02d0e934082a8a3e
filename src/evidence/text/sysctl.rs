//! sysctl.d. Source: sysctl.d(5): `key = value`, a leading `-` ignores errors, `/` and `.` separate alike.

/// All values of a kernel parameter, in order.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let wanted = normal(key);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| normal(name.trim().trim_start_matches('-').trim()) == wanted)
        .map(|(_, value)| value.trim().to_string())
        .collect()
}

/// With dots between the parts. Where the first separator is a slash, dots and slashes change places.
fn normal(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(at) if key[at..].starts_with('/') => key
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
        _ => key.to_string(),
    }
}
