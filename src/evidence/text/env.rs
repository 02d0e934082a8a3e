//! Files of `KEY=value` with the shell's quotes: /etc/default, os-release, EnvironmentFile.
//! Variables and commands in values are left as they stand: nothing of the node is run here.

/// All values of a key, in order.
pub fn values(key: &str, text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.trim_start();
        if rest.starts_with(['#', ';']) {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        let line = rest.split('\n').next().unwrap_or("");
        let assignment = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let name_end = assignment.find('=').filter(|end| is_name(&assignment[..*end]));
        let Some(end) = name_end else {
            rest = rest.get(line.len() + 1..).unwrap_or("");
            continue;
        };
        let name = &assignment[..end];
        let from = line.len() - assignment.len() + end + 1;
        let (value, used) = word(&rest[from..]);
        if name == key {
            values.push(value);
        }
        rest = &rest[from + used..];
    }
    values
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value that begins here and the bytes that it and the rest of its line take. Quotes may span lines.
/// Unquoted blanks end the value for a shell and not for systemd; they belong to it unless a comment follows.
fn word(text: &str) -> (String, usize) {
    let mut value = String::new();
    // Length of `value` without the unquoted blanks at its end.
    let mut solid = 0;
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, '\n') => {
                value.truncate(solid);
                return (value, at + 1);
            }
            (None, '#') if value.len() > solid || at == 0 => {
                let end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
                value.truncate(solid);
                return (value, end);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                solid = value.len();
            }
            (Some(open), _) if c == open => {
                quote = None;
                solid = value.len();
            }
            (None, '\\') => {
                match chars.next() {
                    Some((_, '\n')) | None => {}
                    Some((_, escaped)) => value.push(escaped),
                }
                solid = value.len();
            }
            (Some('"'), '\\') => {
                // Within double quotes the backslash means something before these only.
                match chars.peek() {
                    Some((_, next @ ('"' | '\\' | '$' | '`'))) => {
                        value.push(*next);
                        chars.next();
                    }
                    Some((_, '\n')) => {
                        chars.next();
                    }
                    _ => value.push('\\'),
                }
            }
            (None, c) if c.is_whitespace() => value.push(c),
            (_, c) => {
                value.push(c);
                solid = value.len();
            }
        }
    }
    if quote.is_none() {
        value.truncate(solid);
    }
    (value, text.len())
}
