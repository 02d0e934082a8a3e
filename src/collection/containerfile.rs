//! What the image of a collection is built of: ours, or its own, and nothing that is fetched by a name.
//!
//! Not a parser of Containerfiles: what it does not understand it refuses, so that it cannot be led past.

/// The first line that builds of something else: its number, and what is wrong.
pub(super) fn foreign(text: &str) -> Option<(usize, String)> {
    let (mut stages, mut count): (Vec<String>, usize) = (Vec::new(), 0);
    for (number, line) in instructions(text) {
        if let Some(directive) = line.strip_prefix('#') {
            let name = directive.split('=').next().unwrap_or_default().trim().to_lowercase();
            if directive.contains('=') && ["syntax", "escape", "check"].contains(&name.as_str()) {
                return Some((number, format!("`{name}` would have it read in another way")));
            }
            continue;
        }
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap_or_default().to_uppercase();
        let rest: Vec<&str> = words.collect();
        let known = |name: &str| {
            ["${BASE}", "$BASE"].contains(&name)
                || stages.iter().any(|stage| stage.eq_ignore_ascii_case(name))
        };
        match verb.as_str() {
            "FROM" => {
                match rest.first() {
                    Some(image) if known(image) => {}
                    other => return Some((number, format!("FROM {}", other.unwrap_or(&"")))),
                }
                if let [_, word, stage] = rest[..]
                    && word.eq_ignore_ascii_case("AS")
                {
                    stages.push(stage.to_owned());
                } else if rest.len() != 1 {
                    return Some((number, "FROM with more than an image".into()));
                }
                stages.push(count.to_string());
                count += 1;
            }
            // The base is given by crashcart; a value here would stand in where it is not.
            "ARG"
                if rest
                    .first()
                    .is_some_and(|name| name.split('=').next() == Some("BASE") && *name != "BASE") =>
            {
                return Some((number, "ARG BASE with a value of its own".into()));
            }
            "COPY" | "ADD" => {
                for word in rest.iter().take_while(|word| word.starts_with("--")) {
                    match word.split_once('=') {
                        Some(("--from", stage)) if !known(stage) && !is_earlier(stage, &stages) => {
                            return Some((number, format!("{verb} --from={stage}")));
                        }
                        _ => {}
                    }
                }
                if verb == "ADD" && rest.iter().any(|word| word.contains("://") || word.starts_with("git@")) {
                    return Some((number, "ADD of an address".into()));
                }
            }
            "RUN" if rest.first().is_some_and(|word| word.starts_with("--")) => {
                return Some((number, format!("RUN {}", rest[0])));
            }
            "RUN" | "ARG" | "ENV" | "CMD" | "ENTRYPOINT" | "USER" | "WORKDIR" | "LABEL" | "EXPOSE"
            | "SHELL" | "STOPSIGNAL" | "HEALTHCHECK" => {}
            other => return Some((number, format!("`{other}`, which is not used here"))),
        }
    }
    None
}

/// Whether a number names a stage before this one.
fn is_earlier(stage: &str, stages: &[String]) -> bool {
    stage.bytes().all(|b| b.is_ascii_digit()) && stages.iter().any(|known| known == stage)
}

/// Instructions with their lines put together, and comments as they stand; each with the number of its first line.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if line.starts_with('#') {
            // Between the lines of an instruction a comment is passed over.
            if !goes_on {
                found.push((n + 1, line.to_owned()));
            }
            continue;
        }
        let (piece, more) = match line.strip_suffix('\\') {
            Some(piece) => (piece, true),
            None => (line, false),
        };
        match found.last_mut().filter(|_| goes_on) {
            Some((_, whole)) => whole.push_str(&format!(" {piece}")),
            None => found.push((n + 1, piece.to_owned())),
        }
        goes_on = more;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_built_of_ours_and_of_its_own_stages() {
        let case = |text: &str| assert_eq!(foreign(text), None, "{text}");
        case(
            "ARG BASE\nFROM ${BASE}\nRUN set -eu; \\\n    # why\n    apt-get update\nCOPY files/ /\nCMD [\"/bin/bash\"]\n",
        );
        case(
            "ARG BASE\nFROM $BASE AS guest\nFROM ${BASE}\nCOPY --from=guest /a /b\nCOPY --chmod=755 --from=0 /c /d\n",
        );
        for entry in
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/containers")).expect("our images")
        {
            let path = entry.expect("an entry").path().join("Containerfile");
            if let Ok(text) = std::fs::read_to_string(&path) {
                case(&text);
            }
        }
    }

    #[test]
    fn whatever_else_it_is_built_of_is_told_with_its_line() {
        let case = |text: &str, line: usize, wanted: &str| {
            let (at, what) = foreign(text).unwrap_or_else(|| panic!("{text}"));
            assert!(at == line && what.contains(wanted), "{at}: {what}");
        };
        case("FROM debian:latest\n", 1, "FROM debian:latest");
        case("ARG BASE=evil\nFROM ${BASE}\n", 1, "a value of its own");
        case("ARG BASE\nFROM \\\n  evil/image\n", 2, "FROM evil/image");
        case("ARG BASE\nfrom ${BASE}\ncopy --from=evil/image / /\n", 3, "--from=evil/image");
        case("ARG BASE\nFROM ${BASE}\nCOPY --from=1 / /\n", 3, "--from=1");
        case("ARG BASE\nFROM --platform=x ${BASE}\n", 2, "FROM --platform");
        case("# syntax=evil/frontend\nFROM ${BASE}\n", 1, "another way");
        case("# escape=`\nFROM ${BASE}\n", 1, "another way");
        case("FROM ${BASE}\nRUN --mount=type=bind,from=evil,target=/x true\n", 2, "RUN --mount");
        case("FROM ${BASE}\nADD https://example.org/x /x\n", 2, "ADD of an address");
        case("FROM ${BASE}\nONBUILD RUN true\n", 2, "not used here");
        case("FROM ${BASE}\nVOLUME /x\n", 2, "not used here");
        case("FROM ${BASE}\nRUN <<X\nFROM y\nX\n", 3, "FROM y");
    }
}
