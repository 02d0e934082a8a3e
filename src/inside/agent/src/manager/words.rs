//! Words of unit files: quoting, specifiers, variables, time spans, sizes.
//! Pure functions after systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers".

use std::collections::BTreeMap;

use super::unit_file::UnitName;

/// Splits at blanks; quotes group, a backslash escapes as in C.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.peek().is_some_and(|c| c.is_whitespace()) {
            chars.next();
        }
        if chars.peek().is_none() {
            return Ok(words);
        }
        let mut word = String::new();
        let mut quote: Option<char> = None;
        loop {
            let Some(c) = chars.next() else {
                if quote.is_some() {
                    return Err("a quote is not closed".into());
                }
                break;
            };
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (_, '\\') => escape(&mut chars, &mut word),
                (None, c) if c.is_whitespace() => break,
                (_, c) => word.push(c),
            }
        }
        words.push(word);
    }
}

fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, digits: usize| {
        let mut value = 0;
        for _ in 0..digits {
            let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
            value = value * radix + digit;
            chars.next();
        }
        char::from_u32(value)
    };
    match chars.next() {
        Some('n') => word.push('\n'),
        Some('t') => word.push('\t'),
        Some('r') => word.push('\r'),
        Some('a') => word.push('\x07'),
        Some('b') => word.push('\x08'),
        Some('f') => word.push('\x0c'),
        Some('v') => word.push('\x0b'),
        Some('s') => word.push(' '),
        Some('x') => word.extend(number(chars, 16, 2)),
        Some('u') => word.extend(number(chars, 16, 4)),
        Some(c @ '0'..='7') => {
            let mut rest = c.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                rest = rest * 8 + digit;
                chars.next();
            }
            word.extend(char::from_u32(rest));
        }
        // `\;` stays what it is until commands are told apart.
        Some(';') => word.push_str("\\;"),
        Some(c @ ('\\' | '"' | '\'')) => word.push(c),
        Some(c) => {
            word.push('\\');
            word.push(c);
        }
        None => word.push('\\'),
    }
}

/// What the specifiers of a unit stand for.
pub struct Specifiers<'a> {
    pub unit: &'a str,
    /// Host name of the node.
    pub host: &'a str,
    /// `User=` of the unit, with its number and home.
    pub user: Option<(&'a str, u32, &'a str)>,
}

impl Specifiers<'_> {
    /// Replaces `%n`, `%i`, `%p`, … in a value. An unknown one stays as it is.
    pub fn fill(&self, text: &str) -> String {
        if !text.contains('%') {
            return text.to_owned();
        }
        let name = UnitName::parse(self.unit);
        let prefix = name.as_ref().map_or("", |name| name.prefix);
        let instance = name.as_ref().and_then(|name| name.instance).unwrap_or("");
        let stem = self.unit.rsplit_once('.').map_or(self.unit, |(stem, _)| stem);
        let last = |text: &str| text.rsplit('-').next().unwrap_or_default().to_owned();
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('n') => out.push_str(self.unit),
                Some('N') => out.push_str(stem),
                Some('p') => out.push_str(prefix),
                Some('P') => out.push_str(&unescape(prefix)),
                Some('i') => out.push_str(instance),
                Some('I') => out.push_str(&unescape(instance)),
                Some('j') => out.push_str(&last(prefix)),
                Some('J') => out.push_str(&unescape(&last(prefix))),
                Some('f') => out
                    .push_str(&format!("/{}", unescape(if instance.is_empty() { prefix } else { instance }))),
                Some('H') => out.push_str(self.host),
                Some('l') => out.push_str(self.host.split('.').next().unwrap_or_default()),
                Some('t') => out.push_str("/run"),
                Some('S') => out.push_str("/var/lib"),
                Some('C') => out.push_str("/var/cache"),
                Some('L') => out.push_str("/var/log"),
                Some('E') => out.push_str("/etc"),
                Some('T') => out.push_str("/tmp"),
                Some('V') => out.push_str("/var/tmp"),
                Some('u') => out.push_str(self.user.map_or("root", |(name, ..)| name)),
                Some('U') => out.push_str(&self.user.map_or(0, |(_, uid, _)| uid).to_string()),
                Some('h') => out.push_str(self.user.map_or("/root", |(.., home)| home)),
                Some('s') => out.push_str("/bin/sh"),
                Some('v') => out.push_str(&rustix::system::uname().release().to_string_lossy()),
                Some('%') => out.push('%'),
                Some(other) => {
                    out.push('%');
                    out.push(other);
                }
                None => out.push('%'),
            }
        }
        out
    }
}

/// Undoes the escaping of unit names: `-` is a slash, `\x2d` a byte.
fn unescape(name: &str) -> String {
    let mut out = Vec::new();
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = name.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'-', _) => out.push(b'/'),
            (b'\\', Some(code)) if bytes.get(at + 1) == Some(&b'x') => {
                out.push(code);
                at += 3;
            }
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Puts variables into the words of a command: `${X}` anywhere, `$X` as a whole
/// word that is split at blanks, `$$` for a dollar sign.
pub fn expand(words: &[String], env: &BTreeMap<String, String>) -> Vec<String> {
    let mut out = Vec::new();
    for word in words {
        let whole = word.strip_prefix('$').filter(|rest| !rest.starts_with(['{', '$']) && is_variable(rest));
        match whole {
            Some(name) => {
                let value = env.get(name).map_or("", String::as_str);
                out.extend(split(value).unwrap_or_else(|_| vec![value.to_owned()]));
            }
            None => out.push(expand_inside(word, env)),
        }
    }
    out
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn expand_inside(word: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let braced = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| is_variable(name));
        match braced {
            Some((name, tail)) => {
                out.push_str(env.get(name).map_or("", String::as_str));
                rest = tail;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The assignments of an environment file, as systemd.exec(5) describes it.
pub fn environment_file(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) || line.is_empty() {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().strip_prefix("export ").unwrap_or(key.trim()).trim();
        if !is_variable(key) {
            continue;
        }
        let mut raw = value.trim_start().to_owned();
        while raw.ends_with('\\') || open_quote(&raw) {
            let Some(more) = lines.next() else { break };
            if raw.ends_with('\\') {
                raw.pop();
            } else {
                raw.push('\n');
            }
            raw.push_str(more);
        }
        out.push((key.to_owned(), unquote(raw.trim_end())));
    }
    out
}

fn open_quote(text: &str) -> bool {
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"') | None, '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    quote.is_some()
}

/// Takes quotes and backslashes away as a shell would, splitting nothing.
fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('"'), '\\') => match chars.peek() {
                Some('"' | '\\' | '`' | '$') => out.extend(chars.next()),
                _ => out.push('\\'),
            },
            (None, '\\') => out.extend(chars.next()),
            (_, c) => out.push(c),
        }
    }
    out
}

/// A time span such as `90`, `1min 30s`, `500ms`, `infinity`, in milliseconds; `u64::MAX` for infinity.
pub fn time_span(text: &str) -> Option<u64> {
    let text = text.trim();
    if text == "infinity" {
        return Some(u64::MAX);
    }
    let mut total = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        rest = rest[end..].trim_start();
        let end = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
        let ms = match &rest[..end] {
            "" | "s" | "sec" | "second" | "seconds" => 1_000.0,
            "us" | "usec" | "µs" => 0.001,
            "ms" | "msec" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            "w" | "week" | "weeks" => 604_800_000.0,
            _ => return None,
        };
        total += number * ms;
        rest = rest[end..].trim_start();
    }
    Some(total as u64)
}

/// A size such as `64K` or `2G`, base 1024.
pub fn size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" | "B" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// `yes`, `true`, `on`, `1` and their opposites.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Whether a shell pattern with `*`, `?` and `[…]` matches the whole text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when a later part fails: behind the last star, one character further.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => class(&pattern, p, text[t]),
            Some(c) if *c == text[t] => Some(p + 1),
            _ => None,
        };
        match (step, retry) {
            (Some(next), _) => {
                p = next;
                t += 1;
            }
            (None, Some((after, from))) => {
                retry = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Index behind a `[…]` that holds `c`.
fn class(pattern: &[char], open: usize, c: char) -> Option<usize> {
    let close = (open + 2..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut inside = &pattern[open + 1..close];
    let negated = matches!(inside.first(), Some('!' | '^'));
    if negated {
        inside = &inside[1..];
    }
    let mut at = 0;
    let mut holds = false;
    while at < inside.len() {
        if at + 2 < inside.len() && inside[at + 1] == '-' {
            holds |= (inside[at]..=inside[at + 2]).contains(&c);
            at += 3;
        } else {
            holds |= inside[at] == c;
            at += 1;
        }
    }
    (holds != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_split_like_systemds() {
        fn case(line: &str, expected: &[&str]) {
            assert_eq!(split(line).expect("splits"), expected, "{line}");
        }
        case("/bin/a  b\tc", &["/bin/a", "b", "c"]);
        case(r#"/bin/sh -c "echo 'a b' \"c\"""#, &["/bin/sh", "-c", r#"echo 'a b' "c""#]);
        case(r#"a 'b "c" d' e"f g"h"#, &["a", "b \"c\" d", "ef gh"]);
        case(r"x a\x20b \t c\;d \\", &["x", "a b", "\t", "c\\;d", "\\"]);
        case(r#"empty "" ''"#, &["empty", "", ""]);
        case("", &[]);
        assert!(split("a 'b").is_err());
    }

    #[test]
    fn variables_expand_whole_or_inside() {
        let env =
            BTreeMap::from([("OPTS".to_owned(), "-a \"b c\"".to_owned()), ("P".to_owned(), "7".to_owned())]);
        let words = |text: &[&str]| text.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            expand(&words(&["x", "$OPTS", "--p=${P}", "$NONE", "${NONE}", "$$P", "a$P", "${P", "$"]), &env),
            ["x", "-a", "b c", "--p=7", "", "$P", "a$P", "${P", "$"]
        );
    }

    #[test]
    fn specifiers_are_filled() {
        let with = Specifiers {
            unit: "gpu-work@a-b.service",
            host: "gpu1.lab",
            user: Some(("ada", 1000, "/home/ada")),
        };
        assert_eq!(
            with.fill("%n|%N|%p|%i|%I|%j|%H|%l|%t|%u|%U|%h|%%|%y|100%"),
            "gpu-work@a-b.service|gpu-work@a-b|gpu-work|a-b|a/b|work|gpu1.lab|gpu1|/run|ada|1000|/home/ada|%|%y|100%"
        );
    }

    #[test]
    fn environment_files_are_read_as_systemd_reads_them() {
        let text = "# c\nA=1\nB=\"two words\" \nC='x \"y\"'\nD=a\\\nb\nexport E=5\nbad line\n1X=2\nF=\nG=\"line\nnext\"\n";
        let pairs = environment_file(text);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "x \"y\""),
                ("D", "ab"),
                ("E", "5"),
                ("F", ""),
                ("G", "line\nnext")
            ]
        );
    }

    #[test]
    fn spans_and_sizes_have_units() {
        assert_eq!(time_span("90"), Some(90_000));
        assert_eq!(time_span("1min 30s"), Some(90_000));
        assert_eq!(time_span("500ms"), Some(500));
        assert_eq!(time_span("1.5h"), Some(5_400_000));
        assert_eq!(time_span("infinity"), Some(u64::MAX));
        assert_eq!(time_span("soon"), None);
        assert_eq!(size("64K"), Some(65_536));
        assert_eq!(size("8G"), Some(8 << 30));
        assert_eq!(size("x"), None);
    }

    #[test]
    fn globs_match_whole_names() {
        fn case(pattern: &str, text: &str, expected: bool) {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        case("slurm*", "slurmd.service", true);
        case("*.conf", "a.conf.bak", false);
        case("a?c", "abc", true);
        case("a?c", "ac", false);
        case("gpu[0-3].*", "gpu2.service", true);
        case("gpu[!0-3].*", "gpu2.service", false);
        case("*a*b*", "xxaxxbxx", true);
        case("", "", true);
        case("*", "", true);
    }
}
