//! A script for a guest's serial console: what to wait for, and what to type then.
//!
//! ```text
//! # Until the text is on the screen, at most four minutes.
//! wait Press any key
//! keys enter
//! wait Password:
//! type four words that nobody guesses
//! keys enter
//! ```

/// One thing to do at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtConsole {
    /// Until this is shown, in what came since something was typed last.
    Wait(String),
    /// These characters, as they are.
    Type(String),
    /// What these keys send.
    Keys(Vec<&'static str>),
}

/// Keys by name, and what a serial terminal sends for them.
const KEYS: [(&str, &str); 7] = [
    ("enter", "\r"),
    ("escape", "\x1b"),
    ("tab", "\t"),
    ("up", "\x1b[A"),
    ("down", "\x1b[B"),
    ("right", "\x1b[C"),
    ("left", "\x1b[D"),
];

/// Reads such a script; the error says the line, from 1, and what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<AtConsole>, (usize, String)> {
    let mut script = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        if rest.is_empty() {
            return Err((number, format!("`{line}` says nothing behind its first word")));
        }
        script.push(match word {
            "wait" => AtConsole::Wait(rest.into()),
            "type" => AtConsole::Type(rest.into()),
            "keys" => {
                let key = |name: &str| {
                    let known = KEYS.iter().find(|(known, _)| *known == name).map(|(_, sent)| *sent);
                    known.ok_or_else(|| {
                        let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
                        (number, format!("there is no key `{name}`; there are {}", names.join(", ")))
                    })
                };
                AtConsole::Keys(rest.split_whitespace().map(key).collect::<Result<_, _>>()?)
            }
            other => return Err((number, format!("`{other}` is none of wait, type and keys"))),
        });
    }
    match script.is_empty() {
        true => Err((1, "nothing is done in it".into())),
        false => Ok(script),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_line_by_line() {
        let script =
            parse("# first\nwait MOK management\n\n  keys down  enter\ntype a b\n").expect("it is one");
        let keys = vec!["\x1b[B", "\r"];
        let wanted =
            [AtConsole::Wait("MOK management".into()), AtConsole::Keys(keys), AtConsole::Type("a b".into())];
        assert_eq!(script, wanted);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, line, wanted) in [
            ("wait x\nkeys enter f13", 2, "there is no key `f13`"),
            ("press any", 1, "`press` is none of"),
            ("wait x\n\ntype", 3, "says nothing"),
            ("# nothing\n", 1, "nothing is done"),
        ] {
            let (at, why) = parse(text).expect_err("it is none");
            assert!(at == line && why.contains(wanted), "{at}: {why}");
        }
    }
}
