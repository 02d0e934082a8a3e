//! What a command prints: data to standard output, talk to standard error.
//! Colour only on a terminal, and never needed to understand.

use std::io::{IsTerminal, Write};

use serde::Serialize;

/// How this run talks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Data as one JSON document, and errors too.
    pub json: bool,
    /// Standard output is a terminal that wants colour.
    pub colour: bool,
    /// Standard input and output are terminals: questions may be asked.
    pub interactive: bool,
    /// Talk less.
    pub quiet: bool,
}

impl Output {
    /// Looks at the terminal and at NO_COLOR.
    pub fn detect(json: bool, quiet: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            colour: terminal && wanted && !json,
            interactive: terminal && std::io::stdin().is_terminal() && !json,
            quiet,
        }
    }

    /// Prints data: as JSON when that was asked for, else as `text` makes it.
    pub fn data<T: Serialize>(&self, value: &T, text: impl FnOnce(&Paint) -> String) {
        let mut rendered = if self.json {
            serde_json::to_string_pretty(value).expect("what we print serialises")
        } else {
            text(&self.paint())
        };
        // No data: not even an empty line.
        if rendered.is_empty() {
            return;
        }
        if !rendered.ends_with('\n') {
            rendered.push('\n');
        }
        // A reader that has gone away (`| head`) is no error of ours.
        let _ = std::io::stdout().lock().write_all(rendered.as_bytes());
    }

    /// Characters that fit on a line: the terminal's, 100 where there is none.
    pub fn width(&self) -> usize {
        match self.interactive {
            true => crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns).max(40)),
            false => 100,
        }
    }

    /// How to colour what goes to standard output.
    pub fn paint(&self) -> Paint {
        Paint { on: self.colour }
    }

    /// Prints talk: what is being done, what to do next.
    pub fn talk(&self, line: impl AsRef<str>) {
        if !self.quiet && !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
        }
    }

    /// Prints talk that `--quiet` does not silence: what somebody must know before he goes on.
    pub fn insist(&self, line: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
    }
}

/// Puts a question on standard error, and leaves the cursor behind it.
pub fn prompt(question: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

/// Colours words, or leaves them.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Never colours.
    pub const PLAIN: Self = Self { on: false };

    fn wrap(self, code: &str, text: impl AsRef<str>) -> String {
        if self.on { format!("\x1b[{code}m{}\x1b[0m", text.as_ref()) } else { text.as_ref().to_owned() }
    }

    pub fn good(self, text: impl AsRef<str>) -> String {
        self.wrap("32", text)
    }

    pub fn bad(self, text: impl AsRef<str>) -> String {
        self.wrap("31", text)
    }

    pub fn unsure(self, text: impl AsRef<str>) -> String {
        self.wrap("33", text)
    }

    pub fn strong(self, text: impl AsRef<str>) -> String {
        self.wrap("1", text)
    }

    pub fn faint(self, text: impl AsRef<str>) -> String {
        self.wrap("2", text)
    }
}

/// Columns of text, each as wide as its widest cell; the last one is not padded. Cells may be coloured.
/// On a terminal the last column is folded where the line ends.
pub fn table(rows: &[Vec<String>]) -> String {
    let width = match std::io::stdout().is_terminal() {
        true => {
            crossterm::terminal::size().ok().map(|(width, _)| usize::from(width)).filter(|width| *width > 0)
        }
        false => None,
    };
    table_within(rows, width)
}

/// Least characters that the last column gets beside the others; with less it goes below them.
const LEAST: usize = 30;
/// How far it is indented there.
const BELOW: usize = 4;

fn table_within(rows: &[Vec<String>], screen: Option<usize>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| visible(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < row.len() {
                line.extend(std::iter::repeat_n(' ', widths[column].saturating_sub(visible(cell)) + 2));
            }
        }
        let before: usize = widths.iter().take(row.len().saturating_sub(1)).map(|width| width + 2).sum();
        if let (Some(screen), Some(last)) = (screen, row.last())
            && before + visible(last) > screen
            && BELOW + LEAST <= screen
        {
            line.truncate(line.len() - last.len());
            let indent = if before + LEAST <= screen { before } else { BELOW };
            if indent != before {
                line.truncate(line.trim_end().len());
                line.push_str(&format!("\n{}", " ".repeat(indent)));
            }
            line.push_str(&fold(last, screen - indent, indent));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Words in lines of so many characters; those below the first are indented.
pub fn fold(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = visible(word);
        if used > 0 && used + 1 + wide > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out
}

/// Characters that show: escape sequences do not.
pub fn visible(text: &str) -> usize {
    let mut count = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coloured_cell_is_as_wide_as_it_looks() {
        let paint = Paint { on: true };
        let rows = vec![vec![paint.good("ok"), "a".into()], vec!["bad".into(), "b".into()]];
        assert_eq!(table_within(&rows, None), "\x1b[32mok\x1b[0m   a\nbad  b\n");
    }

    #[test]
    fn the_last_column_is_folded_where_the_screen_ends() {
        let last = "the quick brown fox jumps over";
        let rows = vec![vec!["one".into(), "a b".into()], vec!["three".into(), last.into()]];
        let longer = vec![vec!["three".into(), format!("{last} and over again")]];
        let folded = "three  the quick brown fox jumps over\n       and over again\n";
        assert_eq!(table_within(&longer, Some(39)), folded);
        assert_eq!(table_within(&rows, Some(37)), "one    a b\nthree  the quick brown fox jumps over\n");
        // Too little room beside the others.
        assert_eq!(table_within(&rows, Some(36)), "one    a b\nthree\n    the quick brown fox jumps over\n");
        // Too narrow to be worth it: left to the terminal.
        assert_eq!(table_within(&rows, Some(30)), table_within(&rows, None));
    }
}
