//! Patterns in which `*` stands for any characters, slashes among them, or for none. Nothing else is special.

/// Whether the whole of a name fits a pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_the_rest_for_itself() {
        let case = |pattern: &str, name: &str, wanted: bool| {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        };
        case("/etc/passwd", "/etc/passwd", true);
        case("/etc/passwd", "/etc/passwd-", false);
        case("*/id_rsa", "/home/ada/.ssh/id_rsa", true);
        case("/home/*/.ssh/*", "/home/ada/.ssh/a/b", true);
        case("/home/*/.ssh/*", "/home/.ssh/x", false);
        case("a*a", "a", false);
        case("a*a", "aa", true);
        case("*a*b*", "xxbxa", false);
        case("*", "", true);
        case("", "x", false);
    }
}
