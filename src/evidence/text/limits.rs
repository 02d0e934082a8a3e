//! limits.conf and limits.d. Source: limits.conf(5): `DOMAIN TYPE ITEM VALUE`, `-` as type means soft and hard.

/// All values of `DOMAIN TYPE ITEM`, in order.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let wanted: Vec<&str> = key.split_whitespace().collect();
    let [domain, kind, item] = wanted[..] else { return Vec::new() };
    text.lines()
        // pam_limits cuts a line at the first hash, wherever it stands.
        .filter_map(|line| line.split('#').next())
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [d, k, i, value]
                    if d == domain && (k == kind || k == "-") && i.eq_ignore_ascii_case(item) =>
                {
                    Some(value.to_string())
                }
                _ => None,
            }
        })
        .collect()
}
