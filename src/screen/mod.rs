//! Screens that fill a terminal: state in, frame out.
//!
//! A screen is a plain value. Keys change it and may ask for an act; drawing it changes nothing but where a list
//! stands. It knows no engine, no store, no clock and no terminal: `cli::home` and `cli::watch` fetch what is
//! shown, do what is asked for, and own the terminal (`cli::takeover`). Whatever text comes in is cleaned here,
//! for labs and nodes may say anything.

pub mod home;
pub mod watch;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::grade::{TEXT_LIMIT, clean};

/// Least columns and rows that a screen is drawn in.
pub const LEAST: (u16, u16) = (40, 10);

/// How a screen may look. Meaning is always carried by a word or by an attribute that every terminal has (bold,
/// dim, reverse); colour only repeats it. No background is ever set: what is legible on a dark terminal is so on a
/// light one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
}

impl Look {
    fn tinted(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn good(self) -> Style {
        self.tinted(Color::Green)
    }

    pub fn bad(self) -> Style {
        self.tinted(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub fn unsure(self) -> Style {
        self.tinted(Color::Yellow)
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

/// A key as screens take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L.
    Redraw,
}

impl Key {
    /// What was pressed; none where a screen has no use for it.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        Some(match event.code {
            KeyCode::Char('c') if control => Self::Interrupt,
            KeyCode::Char('z') if control => Self::Suspend,
            KeyCode::Char('l') if control => Self::Redraw,
            KeyCode::Char('n') if control => Self::Down,
            KeyCode::Char('p') if control => Self::Up,
            KeyCode::Char(_) if control || event.modifiers.contains(KeyModifiers::ALT) => return None,
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Tab | KeyCode::BackTab => Self::Tab,
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            _ => return None,
        })
    }
}

/// One line without anything that a terminal obeys.
pub fn plain(text: &str) -> String {
    clean(text, TEXT_LIMIT).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A cleaned line in at most so many columns; what does not fit is cut, and the cut shows.
fn fit(text: &str, columns: usize) -> String {
    let text = plain(text);
    if text.width() <= columns {
        return text;
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        kept.push(c);
        used += wide;
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// A cleaned line in exactly so many columns.
fn padded(text: &str, columns: usize) -> String {
    let mut text = fit(text, columns);
    let used = text.width();
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    text
}

/// A cleaned text in lines of so many columns, at most `most` of them; the last one shows that there is more.
pub fn folded(text: &str, columns: usize, most: usize) -> Vec<String> {
    let text = plain(text);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word.to_owned();
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        // A word wider than the line is broken where the line ends.
        while line.is_empty() && word.width() > columns && columns > 0 {
            let mut used = 0;
            let cut = word.char_indices().find(|(_, c)| {
                used += c.width().unwrap_or(0);
                used > columns
            });
            let at = cut.map_or(word.len(), |(at, _)| at).max(word.chars().next().map_or(0, char::len_utf8));
            let rest = word.split_off(at);
            lines.push(std::mem::replace(&mut word, rest));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = fit(&format!("{last} …"), columns);
            if !last.ends_with('…') {
                last.push('…');
            }
        }
    }
    lines
}

/// Lines from the top of an area, as many as fit.
fn put(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>]) {
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
}

/// Lines of `s start  c check …`, each key in bold, broken where the area ends.
fn keys(pairs: &[(&str, &str)], columns: usize, look: Look) -> Vec<Line<'static>> {
    let mut lines: Vec<Vec<Span<'static>>> = vec![Vec::new()];
    let mut used = 0;
    for (key, what) in pairs {
        let wide = key.width() + 1 + what.width();
        if used > 0 && used + 2 + wide > columns {
            lines.push(Vec::new());
            used = 0;
        }
        let line = lines.last_mut().expect("there is one from the start");
        if used > 0 {
            line.push(Span::raw("  "));
            used += 2;
        }
        line.push(Span::styled((*key).to_owned(), look.strong()));
        line.push(Span::raw(format!(" {what}")));
        used += wide;
    }
    lines.into_iter().map(Line::from).collect()
}

/// A bar of so many columns, of which a share is filled: `######----`.
fn bar(done: usize, of: usize, columns: usize) -> String {
    let filled = if of == 0 { 0 } else { (done * columns).div_euclid(of).min(columns) };
    let filled = if done > 0 { filled.max(1) } else { 0 };
    format!("{}{}", "#".repeat(filled), "-".repeat(columns.saturating_sub(filled)))
}

/// Which of `count` rows are shown in `rows`, when `chosen` must be among them: the first of them.
fn first_shown(chosen: usize, count: usize, rows: usize, before: usize) -> usize {
    let latest = count.saturating_sub(rows);
    let before = before.min(latest);
    if chosen < before {
        chosen
    } else if rows > 0 && chosen >= before + rows {
        chosen + 1 - rows
    } else {
        before
    }
}

/// Drawn where there is no room for a screen.
fn too_small(buffer: &mut Buffer, area: Rect) {
    let words = format!("this needs {} columns and {} rows; q leaves", LEAST.0, LEAST.1);
    let lines: Vec<Line<'_>> = folded(&words, usize::from(area.width), usize::from(area.height))
        .into_iter()
        .map(Line::from)
        .collect();
    put(buffer, area, &lines);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a frame of this size shows, without attributes; line ends are trimmed.
    pub fn shown(columns: u16, rows: u16, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> String {
        let backend = ratatui::backend::TestBackend::new(columns, rows);
        let mut terminal = ratatui::Terminal::new(backend).expect("a terminal on paper");
        terminal.draw(draw).expect("paper takes every frame");
        text_of(terminal.backend().buffer())
    }

    pub fn text_of(buffer: &Buffer) -> String {
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    line.push_str(symbol);
                    skip = symbol.width().max(1);
                }
                skip -= 1;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Holds a frame against its recorded one; UPDATE_CASES=1 writes what is drawn now.
    pub fn expect(name: &str, frame: &str) {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/screen/{name}.txt"));
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&path, frame).expect("the case can be written");
        }
        let recorded = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(frame, recorded, "{name}");
    }

    #[test]
    fn a_text_is_cut_where_its_columns_end_and_the_cut_shows() {
        let case = |text: &str, columns: usize, wanted: &str| assert_eq!(fit(text, columns), wanted);
        case("short", 5, "short");
        case("longer", 5, "long…");
        case("日本語", 5, "日本…");
        case("\u{1b}[31mred\u{1b}[0m\r\n2nd", 20, "red 2nd");
        case("any", 0, "");
    }

    #[test]
    fn a_text_is_folded_between_words_and_a_long_word_is_broken() {
        assert_eq!(folded("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(folded("abcdefgh ij", 5, 9), ["abcde", "fgh", "ij"]);
        assert_eq!(folded("one two three four", 7, 2), ["one two", "three …"]);
        assert_eq!(folded("", 7, 2), [""; 0]);
        assert_eq!(folded("x", 0, 2), ["x"]);
    }

    #[test]
    fn the_chosen_row_is_always_among_those_shown() {
        for count in 0..12 {
            for rows in 1..6 {
                for before in 0..12 {
                    for chosen in 0..count {
                        let first = first_shown(chosen, count, rows, before);
                        assert!(first <= chosen && chosen < first + rows, "{chosen} of {count} in {rows}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_bar_is_empty_only_where_nothing_is_done_and_full_only_where_all_is() {
        assert_eq!(bar(0, 11, 10), "----------");
        assert_eq!(bar(1, 100, 10), "#---------");
        assert_eq!(bar(10, 11, 10), "#########-");
        assert_eq!(bar(11, 11, 10), "##########");
        assert_eq!(bar(0, 0, 4), "----");
    }

    #[test]
    fn nothing_sets_a_background_and_without_colour_nothing_sets_a_colour() {
        for colour in [true, false] {
            let look = Look { colour };
            for style in [look.good(), look.bad(), look.unsure(), look.strong(), look.faint(), look.chosen()]
            {
                assert_eq!(style.bg, None);
                assert!(colour || style.fg.is_none());
            }
        }
    }
}
