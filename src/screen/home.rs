//! The home screen: what is running, what to do next and why, the labs, and the progress by track and role.
//!
//! One list: running attempts first, then the other labs. Every key acts on the chosen row, so nothing has to be
//! named. [`Home::press`] gives the act that a key asks for; doing it is `cli::home`'s business.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{Key, LEAST, Look, bar, first_shown, fit, folded, keys, padded, plain, put, too_small};

/// Columns from which progress stands beside the labs.
const WIDE: u16 = 120;
/// Columns of progress there.
const ASIDE: u16 = 44;

/// What the home screen is about; fetched anew after every act.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub running: Vec<Attempt>,
    pub next: Advice,
    pub labs: Vec<Lab>,
    pub tracks: Vec<Track>,
    pub roles: Vec<Role>,
    /// Labs that come back, the one that is due first first.
    pub returns: Vec<Return>,
    /// What could not be read, and what to do about it.
    pub remarks: Vec<String>,
}

/// What to do next, and why.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    pub command: String,
    pub why: String,
}

/// An attempt that is not over.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub id: String,
    pub lab: String,
    pub stage: Stage,
    /// Time used, in words: `12 min`.
    pub used: String,
    /// Minutes that a learner needs; unknown where its lab cannot be read.
    pub minutes: Option<u16>,
    pub hints: u32,
    /// Points of the newest report, and how many there are.
    pub points: Option<(u64, u64)>,
}

/// What can be done with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its start was interrupted.
    Starting,
    Running,
    Paused,
    /// Its end was interrupted.
    Stopping,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Starting => "start interrupted",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "end interrupted",
        }
    }
}

/// One lab.
#[derive(Clone, Debug, Default)]
pub struct Lab {
    pub name: String,
    pub title: String,
    pub summary: String,
    pub track: String,
    pub level: u8,
    pub minutes: u16,
    /// `3 containers`, `1 vm, 8 GPUs`.
    pub nodes: String,
    /// The same where there is little room: `3 ctr`, `1 vm+8gpu`.
    pub nodes_short: String,
    /// Skills in words, for the search.
    pub skills: String,
    /// Best grade so far, of 100.
    pub best: Option<u32>,
    pub passed: bool,
}

/// Labs passed in a track.
#[derive(Clone, Debug)]
pub struct Track {
    pub name: String,
    pub passed: usize,
    pub labs: usize,
}

/// How far somebody is on the way to a role.
#[derive(Clone, Debug)]
pub struct Role {
    pub title: String,
    /// Percent over the weight that is covered; none before the first grade.
    pub score: Option<u32>,
    /// Percent of the role's weight that graded labs cover.
    pub covered: u32,
    /// Percent that pass.
    pub mark: u32,
    pub met: bool,
    /// Its path is the one that is followed.
    pub followed: bool,
}

/// A lab that comes back.
#[derive(Clone, Debug)]
pub struct Return {
    pub lab: String,
    /// `due in 3 days`.
    pub due: String,
    pub is_due: bool,
}

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Leave,
    Suspend,
    Redraw,
    /// These words after `crashcart`.
    Run(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Running(usize),
    Lab(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    #[default]
    Labs,
    Progress,
    Help,
}

/// The screen.
#[derive(Debug, Default)]
pub struct Home {
    state: State,
    /// Words that rows must have.
    search: String,
    /// The search is being typed.
    typing: bool,
    /// Name of the chosen lab: it stays chosen when rows come and go.
    chosen: Option<String>,
    page: Page,
    /// A lab whose attempt shall end, once that is confirmed.
    ending: Option<(String, String)>,
    /// What the last key could not do.
    word: Option<String>,
    first: usize,
    /// Rows of the list when it was drawn last.
    rows: usize,
}

impl Home {
    pub fn new(state: State) -> Self {
        let mut home = Self::default();
        home.renew(state);
        home
    }

    /// Shows this from now on; what is chosen and searched for stays.
    pub fn renew(&mut self, state: State) {
        self.state = state;
        if let Some((attempt, _)) = &self.ending
            && !self.state.running.iter().any(|running| running.id == *attempt)
        {
            self.ending = None;
        }
        self.hold_on();
    }

    /// Text that came in one piece: it is searched for, and never obeyed.
    pub fn paste(&mut self, text: &str) {
        if self.typing {
            self.search.push_str(&plain(text));
            self.hold_on();
        }
    }

    /// Something to say below the list until the next key.
    pub fn say(&mut self, word: impl Into<String>) {
        self.word = Some(word.into());
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Option<Act> {
        self.word = None;
        match key {
            Key::Interrupt => return Some(Act::Leave),
            Key::Suspend => return Some(Act::Suspend),
            Key::Redraw => return Some(Act::Redraw),
            _ => {}
        }
        if let Some((attempt, _)) = self.ending.take() {
            return match key {
                Key::Char('y' | 'Y') => Some(run(&["stop", &attempt])),
                _ => {
                    self.say("nothing was changed");
                    None
                }
            };
        }
        match key {
            Key::Up => self.go(-1),
            Key::Down => self.go(1),
            Key::PageUp => self.go(-(self.rows.max(2) as isize - 1)),
            Key::PageDown => self.go(self.rows.max(2) as isize - 1),
            Key::Home => self.go(isize::MIN),
            Key::End => self.go(isize::MAX),
            _ if self.typing => return self.type_key(key),
            _ => return self.command_key(key),
        }
        None
    }

    fn type_key(&mut self, key: Key) -> Option<Act> {
        match key {
            Key::Char(c) => self.search.push(c),
            Key::Backspace => self.typing = self.search.pop().is_some(),
            Key::Escape => {
                self.search.clear();
                self.typing = false;
            }
            Key::Enter | Key::Tab => self.typing = false,
            _ => {}
        }
        self.hold_on();
        None
    }

    fn command_key(&mut self, key: Key) -> Option<Act> {
        match key {
            Key::Char('q') => return Some(Act::Leave),
            Key::Escape if self.page != Page::Labs => self.page = Page::Labs,
            Key::Escape if !self.search.is_empty() => {
                self.search.clear();
                self.hold_on();
            }
            Key::Escape => self.say("q leaves"),
            Key::Char('?') => self.page = if self.page == Page::Help { Page::Labs } else { Page::Help },
            Key::Tab => self.page = if self.page == Page::Progress { Page::Labs } else { Page::Progress },
            Key::Char('/') => {
                self.page = Page::Labs;
                self.typing = true;
            }
            Key::Char('k') => self.go(-1),
            Key::Char('j') => self.go(1),
            Key::Char('n') => {
                let words: Vec<&str> = self.state.next.command.split_whitespace().skip(1).collect();
                return (!words.is_empty()).then(|| run(&words));
            }
            Key::Char('d') => return Some(run(&["doctor"])),
            Key::Enter => return self.act('s'),
            Key::Char(c) => return self.act(c),
            _ => {}
        }
        None
    }

    /// A key that acts on the chosen row.
    fn act(&mut self, key: char) -> Option<Act> {
        if !"schgwrxbp".contains(key) {
            self.say(format!("`{}` does nothing here; ? tells the keys", plain(&key.to_string())));
            return None;
        }
        self.page = Page::Labs;
        let row = self.row()?;
        let Row::Running(index) = row else {
            let name = self.name(row).to_owned();
            if key == 's' {
                return Some(run(&["start", &name]));
            }
            self.say(format!("{name} is not running; s starts it"));
            return None;
        };
        let attempt = &self.state.running[index];
        let (id, lab) = (attempt.id.clone(), attempt.lab.clone());
        match (attempt.stage, key) {
            (Stage::Starting, 's') => Some(run(&["start", &lab])),
            (Stage::Paused, 's' | 'p') => Some(run(&["resume", &id])),
            (Stage::Running, 's') => Some(run(&["shell", "--attempt", &id])),
            (Stage::Running, 'p') => Some(run(&["pause", &id])),
            (Stage::Running, 'c') => Some(run(&["check", &id])),
            (Stage::Running, 'g') => Some(run(&["grade", &id])),
            (Stage::Running, 'w') => Some(run(&["watch", &id])),
            (Stage::Running | Stage::Paused, 'h') => Some(run(&["hint", &id])),
            (Stage::Running | Stage::Paused, 'b') => Some(run(&["brief", &id])),
            (Stage::Running | Stage::Paused | Stage::Starting, 'r') => Some(run(&["reset", &id])),
            (_, 'x') => {
                self.ending = Some((id, lab));
                None
            }
            (Stage::Paused, _) => {
                self.say(format!("{lab} is paused; s goes on with it"));
                None
            }
            (Stage::Starting, _) => {
                self.say(format!("the start of {lab} was interrupted; s finishes it"));
                None
            }
            (_, _) => {
                self.say(format!("the end of {lab} was interrupted; x finishes it"));
                None
            }
        }
    }

    /// Rows that the search leaves.
    fn listed(&self) -> Vec<Row> {
        let running = (0..self.state.running.len()).map(Row::Running);
        let taken = |lab: &Lab| self.state.running.iter().any(|attempt| attempt.lab == lab.name);
        let labs = self.state.labs.iter().enumerate().filter(|(_, lab)| !taken(lab));
        running.chain(labs.map(|(index, _)| Row::Lab(index))).filter(|row| self.found(*row)).collect()
    }

    /// Every word of the search is somewhere in the row's lab.
    fn found(&self, row: Row) -> bool {
        let mut text = self.name(row).to_lowercase();
        if let Some(lab) = self.lab(row) {
            let nodes = &lab.nodes;
            let more = format!(
                " {} {} {} {} {nodes} level{}",
                lab.title, lab.summary, lab.track, lab.skills, lab.level
            );
            text.push_str(&more.to_lowercase());
        }
        self.search.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    fn name(&self, row: Row) -> &str {
        match row {
            Row::Running(index) => &self.state.running[index].lab,
            Row::Lab(index) => &self.state.labs[index].name,
        }
    }

    fn lab(&self, row: Row) -> Option<&Lab> {
        match row {
            Row::Running(_) => self.state.labs.iter().find(|lab| lab.name == self.name(row)),
            Row::Lab(index) => Some(&self.state.labs[index]),
        }
    }

    fn row(&self) -> Option<Row> {
        let chosen = self.chosen.as_deref()?;
        self.listed().into_iter().find(|row| self.name(*row) == chosen)
    }

    /// Chooses the first row where what was chosen is no longer listed.
    fn hold_on(&mut self) {
        if self.row().is_none() {
            self.chosen = self.listed().first().map(|row| self.name(*row).to_owned());
        }
    }

    fn go(&mut self, by: isize) {
        let rows = self.listed();
        let at = self.chosen.as_deref().and_then(|name| rows.iter().position(|row| self.name(*row) == name));
        let last = rows.len().saturating_sub(1);
        let to = (at.unwrap_or(0) as isize).saturating_add(by).clamp(0, last as isize) as usize;
        self.chosen = rows.get(to).map(|row| self.name(*row).to_owned());
    }

    /// Draws it.
    pub fn draw(&mut self, frame: &mut Frame<'_>, look: Look) {
        let area = frame.area();
        let buffer = frame.buffer_mut();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return too_small(buffer, area);
        }
        let columns = usize::from(area.width);
        let mut top = self.head(columns, look);
        top.push(Line::default());
        let bottom = self.foot(columns, look);
        let middle = area.height.saturating_sub((top.len() + bottom.len()) as u16);
        put(buffer, area, &top);
        let body = Rect { y: area.y + (top.len() as u16).min(area.height), height: middle, ..area };
        match self.page {
            Page::Help => put(buffer, body, &help(columns, look)),
            Page::Progress => put(buffer, body, &self.progress(columns, look)),
            Page::Labs if area.width >= WIDE => {
                let list = Rect { width: body.width - ASIDE - 2, ..body };
                let lines = self.list(usize::from(list.width), usize::from(list.height), look);
                put(buffer, list, &lines);
                let aside = Rect { x: body.right() - ASIDE, width: ASIDE, ..body };
                put(buffer, aside, &self.progress(usize::from(ASIDE), look));
            }
            Page::Labs => {
                let lines = self.list(columns, usize::from(body.height), look);
                put(buffer, body, &lines);
            }
        }
        let foot = Rect { y: body.bottom(), height: area.bottom() - body.bottom(), ..area };
        put(buffer, foot, &bottom);
    }

    fn head(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        let passed = self.state.labs.iter().filter(|lab| lab.passed).count();
        let right = format!("{passed} of {} labs passed", self.state.labs.len());
        let left = padded("crashcart", columns.saturating_sub(right.width()));
        let next = fit(&self.state.next.command, columns.saturating_sub(7));
        let mut lines = vec![
            Line::from(vec![Span::styled(left, look.strong()), Span::styled(right, look.faint())]),
            Line::from(vec![Span::raw("next:  "), Span::styled(next, look.strong())]),
        ];
        let why = folded(&self.state.next.why, columns.saturating_sub(7), 2);
        lines.extend(why.into_iter().map(|line| Line::from(format!("       {line}"))));
        lines
    }

    /// The list in so many rows: headings stand where a kind of rows begins.
    fn list(&mut self, columns: usize, height: usize, look: Look) -> Vec<Line<'static>> {
        let rows = self.listed();
        let chosen = self.chosen.clone();
        let mut lines: Vec<Line<'static>> = Vec::new();
        let mut at = 0;
        for (index, row) in rows.iter().enumerate() {
            let first_of_kind =
                index == 0 || matches!((rows[index - 1], row), (Row::Running(_), Row::Lab(_)));
            if first_of_kind {
                if index > 0 {
                    lines.push(Line::default());
                }
                lines.push(match row {
                    Row::Running(_) => Line::styled(running_columns(RUNNING_HEADS), look.faint()),
                    Row::Lab(_) => Line::styled(lab_columns(columns, LAB_HEADS), look.faint()),
                });
            }
            let marked = chosen.as_deref() == Some(self.name(*row));
            if marked {
                at = lines.len();
            }
            lines.push(self.line(*row, columns, marked, look));
        }
        if rows.is_empty() {
            let words = match (self.state.labs.is_empty(), self.search.is_empty()) {
                (true, true) => "there are no labs here",
                _ => "no lab has these words; Esc clears the search",
            };
            lines.push(Line::from(words));
        }
        // The heading above the first row is shown with it.
        let wanted = if at == 1 { 0 } else { at };
        self.rows = height;
        self.first = first_shown(wanted, lines.len(), height, self.first);
        let more = lines.len() > self.first + height;
        let mut shown: Vec<_> = lines.into_iter().skip(self.first).take(height).collect();
        if more && height > 1 {
            let hidden = Line::styled("  … more below", look.faint());
            if at + 1 < self.first + height {
                shown.pop();
                shown.push(hidden);
            }
        }
        shown
    }

    fn line(&self, row: Row, columns: usize, marked: bool, look: Look) -> Line<'static> {
        let pointer = if marked { "> " } else { "  " };
        let (text, tail) = match row {
            Row::Running(index) => {
                let attempt = &self.state.running[index];
                let time = match attempt.minutes {
                    Some(minutes) => format!("{} of {minutes}", attempt.used),
                    None => attempt.used.clone(),
                };
                let points = attempt.points.map_or("-".to_owned(), |(points, of)| format!("{points}/{of}"));
                let hints = attempt.hints.to_string();
                let cells = [&attempt.lab, &attempt.id, attempt.stage.word(), &time, &points, &hints];
                (format!("{pointer}{}", &running_columns(cells)[2..]), None)
            }
            Row::Lab(index) => {
                let lab = &self.state.labs[index];
                let best = match (lab.best, lab.passed) {
                    (Some(best), true) => (format!("{best} passed"), Some(look.good())),
                    (Some(best), false) => (format!("{best} not yet"), Some(look.unsure())),
                    (None, _) => ("-".to_owned(), None),
                };
                let nodes = if columns >= ROOMY { &lab.nodes } else { &lab.nodes_short };
                let cells = [
                    lab.name.as_str(),
                    lab.track.as_str(),
                    &lab.level.to_string(),
                    &lab.minutes.to_string(),
                    nodes.as_str(),
                    "",
                ];
                (format!("{pointer}{}", &lab_columns(columns, cells)[2..]), Some(best))
            }
        };
        let style = if marked { look.chosen() } else { Default::default() };
        match tail {
            None => Line::styled(padded_raw(&text, columns), style),
            Some((best, tint)) => {
                let before = padded_raw(&text, columns.saturating_sub(BEST));
                let tint = if marked { style } else { tint.unwrap_or_default() };
                Line::from(vec![Span::styled(before, style), Span::styled(padded(&best, BEST), tint)])
            }
        }
    }

    fn foot(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        let mut lines = vec![Line::default()];
        if let Some(row) = self.row().filter(|_| self.page == Page::Labs) {
            if let Some(lab) = self.lab(row) {
                let mut words = lab.summary.clone();
                // Its columns are those of an attempt.
                if let Row::Running(_) = row {
                    let best = lab.best.map_or("-".to_owned(), |best| best.to_string());
                    words = format!("level {}, {}, best {best}: {words}", lab.level, lab.nodes);
                }
                lines.extend(
                    folded(&words, columns, 2).into_iter().map(|line| Line::styled(line, look.faint())),
                );
            } else {
                let words = format!("its lab has a mistake: see crashcart lab lint {}", self.name(row));
                lines.push(Line::styled(fit(&words, columns), look.unsure()));
            }
        }
        for remark in &self.state.remarks {
            lines.push(Line::styled(fit(remark, columns), look.unsure()));
        }
        if self.typing || !self.search.is_empty() {
            let cursor = if self.typing { Span::styled(" ", look.chosen()) } else { Span::raw("") };
            let found = format!("  {} found", self.listed().len());
            lines.push(Line::from(vec![
                Span::styled("/", look.strong()),
                Span::raw(fit(&self.search, columns.saturating_sub(20))),
                cursor,
                Span::styled(found, look.faint()),
            ]));
        }
        if let Some((attempt, lab)) = &self.ending {
            let question = format!("attempt {attempt} of {lab} ends and its nodes are removed. Go on? y/n");
            lines
                .extend(folded(&question, columns, 2).into_iter().map(|line| Line::styled(line, look.bad())));
        } else if let Some(word) = &self.word {
            lines.push(Line::styled(fit(word, columns), look.unsure()));
        }
        lines.extend(keys(&self.keys(), columns, look));
        lines
    }

    /// What can be pressed now.
    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        if self.typing {
            return vec![("Enter", "keep the search"), ("Esc", "clear it"), ("Up/Down", "choose")];
        }
        let mut keys = match self.row() {
            Some(Row::Running(index)) => match self.state.running[index].stage {
                Stage::Running => vec![
                    ("s", "shell"),
                    ("c", "check"),
                    ("w", "watch"),
                    ("h", "hint"),
                    ("g", "grade"),
                    ("b", "brief"),
                    ("p", "pause"),
                    ("r", "reset"),
                    ("x", "stop"),
                ],
                Stage::Paused => {
                    vec![("s", "resume"), ("h", "hint"), ("b", "brief"), ("r", "reset"), ("x", "stop")]
                }
                Stage::Starting => vec![("s", "finish the start"), ("r", "reset"), ("x", "stop")],
                Stage::Stopping => vec![("x", "finish the end")],
            },
            Some(Row::Lab(_)) => vec![("s", "start")],
            None => vec![],
        };
        let page = if self.page == Page::Progress { "labs" } else { "progress" };
        keys.extend([("n", "do next"), ("/", "search"), ("Tab", page), ("?", "help"), ("q", "leave")]);
        keys
    }

    fn progress(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        let beside = columns >= BESIDE.0;
        let mut lines = self.tracks(if beside { BESIDE.1 } else { columns }, look);
        let returns = self.returns(if beside { columns - BESIDE.1 - 2 } else { columns }, look);
        if beside {
            let rows = lines.len().max(returns.len());
            lines.resize(rows, Line::default());
            for (line, back) in lines.iter_mut().zip(returns) {
                let gap = (BESIDE.1 + 2).saturating_sub(line.width());
                // A style of its own, for the line's would be laid over both.
                line.spans.push(Span::raw(" ".repeat(gap)));
                line.spans.extend(back.spans);
            }
        }
        lines.push(Line::default());
        lines.push(Line::styled("ROLES", look.faint()));
        for role in &self.state.roles {
            let (word, style) = match (role.met, role.score) {
                (true, Some(score)) => (format!("met, {score} %"), look.good()),
                (_, Some(score)) => (format!("{score} % (mark {} %)", role.mark), Default::default()),
                (_, None) => ("no grade yet".to_owned(), look.faint()),
            };
            let covered = format!("covers {} %", role.covered);
            let words = if role.score.is_some() { format!("{word}, {covered}") } else { word };
            let title = if role.followed { format!("{} (yours)", role.title) } else { role.title.clone() };
            if columns >= 70 {
                lines.push(Line::from(vec![Span::raw(padded(&title, 40)), Span::styled(words, style)]));
            } else {
                lines.push(Line::from(fit(&title, columns)));
                lines.push(Line::styled(format!("  {}", fit(&words, columns.saturating_sub(2))), style));
            }
        }
        if !beside {
            lines.push(Line::default());
            lines.extend(self.returns(columns, look));
        }
        lines
    }

    fn tracks(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        let mut lines = vec![Line::from(Span::styled("TRACKS", look.faint()))];
        let name = 12.min(columns);
        let across = columns.saturating_sub(name + 12).clamp(6, 30);
        for track in &self.state.tracks {
            let style = if track.passed == track.labs { look.good() } else { Default::default() };
            lines.push(Line::from(vec![
                Span::raw(padded(&track.name, name)),
                Span::styled(bar(track.passed, track.labs, across), style),
                Span::raw(format!("  {} of {}", track.passed, track.labs)),
            ]));
        }
        lines
    }

    /// Labs that come back; what there is no room for is counted.
    fn returns(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        if self.state.returns.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![Line::from(Span::styled("COMING BACK", look.faint()))];
        let wide = (NAME + 2).min(columns.saturating_sub(DUE));
        for back in self.state.returns.iter().take(MOST_RETURNS) {
            let style = if back.is_due { look.unsure() } else { Default::default() };
            let due = Span::styled(fit(&back.due, columns.saturating_sub(wide)), style);
            lines.push(Line::from(vec![Span::raw(padded(&back.lab, wide)), due]));
        }
        let more = self.state.returns.len().saturating_sub(MOST_RETURNS);
        if more > 0 {
            let more = fit(&format!("and {more} more: crashcart path"), columns);
            lines.push(Line::from(Span::styled(more, look.faint())));
        }
        lines
    }
}

fn run(words: &[&str]) -> Act {
    Act::Run(words.iter().map(|word| (*word).to_owned()).collect())
}

/// Columns from which labs that come back stand beside the tracks, and those that the tracks then have.
const BESIDE: (usize, usize) = (76, 34);
/// So many labs that come back are shown.
const MOST_RETURNS: usize = 8;
/// Columns of the longest word for when a lab is due.
const DUE: usize = 15;
/// Columns of a lab's name.
const NAME: usize = 26;
/// Columns of the best grade.
const BEST: usize = 11;
/// Columns from which nodes are told in words.
const ROOMY: usize = 92;
const LAB_HEADS: [&str; 6] = ["LABS", "TRACK", "LEVEL", "MIN", "NODES", "BEST"];

const RUNNING_HEADS: [&str; 6] = ["RUNNING", "ATTEMPT", "STAGE", "TIME", "POINTS", "HINTS"];

/// The cells of an attempt in their columns. Begins with two spaces.
fn running_columns(cells: [&str; 6]) -> String {
    let mut line = String::new();
    for (cell, wide) in cells.into_iter().zip([NAME, 7, 7, 16, 7, 5]) {
        let cell = plain(cell);
        // A stage that was interrupted has more to say than its column is wide.
        line.push_str(&format!(
            "  {}",
            padded(&cell, if wide == NAME { NAME } else { wide.max(cell.width()) })
        ));
    }
    line
}

/// The cells of a lab in their columns; those that there is no room for are left out. Begins with two spaces.
fn lab_columns(columns: usize, cells: [&str; 6]) -> String {
    let [name, track, level, minutes, nodes, best] = cells;
    let room = columns.saturating_sub(BEST + 2);
    let mut line = format!("  {}", padded(name, NAME.min(room)));
    for (cell, wide) in [(track, 11), (level, 5), (minutes, 3)] {
        if line.width() + 2 + wide <= columns.saturating_sub(BEST) {
            line.push_str(&format!("  {}", padded(cell, wide)));
        }
    }
    let left = columns.saturating_sub(BEST + line.width() + 2);
    if left >= 6 {
        line.push_str(&format!("  {}", fit(nodes, left.saturating_sub(1))));
    }
    if best.is_empty() {
        return line;
    }
    format!("{}{best}", padded_raw(&line, columns.saturating_sub(BEST)))
}

/// As [`padded`], for a line that was put together here: its spaces stay.
fn padded_raw(line: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for c in line.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + wide > columns {
            break;
        }
        out.push(c);
        used += wide;
    }
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(used)));
    out
}

fn help(columns: usize, look: Look) -> Vec<Line<'static>> {
    let rows = [
        ("Up Down j k", "choose a row; PgUp PgDn Home End go farther"),
        ("Enter or s", "start a lab; in one that runs, open a shell; a paused one goes on"),
        ("c", "check: what is met and what is not"),
        ("w", "watch the checks live while you work in another terminal"),
        ("h", "the next hint; hints and their cost are recorded"),
        ("g", "grade: restart the nodes and score the repair"),
        ("b", "read the ticket again"),
        ("p", "pause, and go on"),
        ("r", "begin the lab anew with the same fault; asks first"),
        ("x", "stop: end the attempt and remove its nodes; asks first"),
        ("n", "do what stands after `next:`"),
        ("d", "doctor: whether this machine is ready"),
        ("/", "search as you type, in names, titles, complaints, tracks and skills"),
        ("Tab", "progress by track and role, and the labs that come back"),
        ("NODES", "ctr container, vm a machine with its own kernel, gpu GPUs in all"),
        ("q", "leave; what runs goes on running"),
    ];
    let wide = 13;
    let mut lines = vec![Line::styled("KEYS", look.faint())];
    for (key, what) in rows {
        lines.push(Line::from(vec![
            Span::styled(padded(key, wide), look.strong()),
            Span::raw(fit(what, columns.saturating_sub(wide))),
        ]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, shown};
    use super::*;

    fn lab(name: &str, track: &str, level: u8, best: Option<u32>) -> Lab {
        Lab {
            name: name.into(),
            title: "A title".into(),
            summary: format!("What they say of {name}."),
            track: track.into(),
            level,
            minutes: 10 * u16::from(level),
            nodes: "1 container, 8 GPUs".into(),
            nodes_short: "1 ctr+8gpu".into(),
            skills: "KRN kernel tuning".into(),
            best,
            passed: best.is_some_and(|best| best >= 70),
        }
    }

    fn state() -> State {
        State {
            running: vec![Attempt {
                id: "abc234".into(),
                lab: "bus-error".into(),
                stage: Stage::Running,
                used: "12 min".into(),
                minutes: Some(8),
                hints: 1,
                points: Some((40, 100)),
            }],
            next: Advice {
                command: "crashcart shell --attempt abc234".into(),
                why: "bus-error is running; the last check found something still wrong".into(),
            },
            labs: vec![
                lab("bus-error", "kernel", 1, None),
                lab("key-exposed", "security", 1, Some(100)),
                lab("slow-steps", "kernel", 3, Some(55)),
                lab("a-name-that-is-far-too-long-for-its-column", "scheduling", 5, None),
            ],
            tracks: vec![
                Track { name: "kernel".into(), passed: 0, labs: 2 },
                Track { name: "security".into(), passed: 1, labs: 1 },
            ],
            roles: vec![
                Role {
                    title: "Site Keeper".into(),
                    score: Some(100),
                    covered: 100,
                    mark: 70,
                    met: true,
                    followed: true,
                },
                Role {
                    title: "Night Watch".into(),
                    score: None,
                    covered: 0,
                    mark: 68,
                    met: false,
                    followed: false,
                },
            ],
            returns: vec![
                Return { lab: "slow-steps".into(), due: "2 days overdue".into(), is_due: true },
                Return { lab: "key-exposed".into(), due: "due in 35 days".into(), is_due: false },
            ],
            remarks: vec![],
        }
    }

    fn frame(home: &mut Home, columns: u16, rows: u16) -> String {
        shown(columns, rows, |frame| home.draw(frame, Look::default()))
    }

    fn type_in(home: &mut Home, text: &str) -> Option<Act> {
        text.chars().fold(None, |_, c| home.press(Key::Char(c)))
    }

    #[test]
    fn the_screen_is_as_recorded_at_every_size() {
        let mut home = Home::new(state());
        expect("home-80x24", &frame(&mut home, 80, 24));
        expect("home-140x40", &frame(&mut home, 140, 40));
        home.press(Key::Tab);
        expect("home-progress-80x24", &frame(&mut home, 80, 24));
        home.press(Key::Char('?'));
        expect("home-help-80x24", &frame(&mut home, 80, 24));
    }

    #[test]
    fn no_size_and_no_state_breaks_it() {
        for columns in (1..=170).step_by(13) {
            for rows in (1..45).step_by(2) {
                for mut home in [Home::new(state()), Home::new(State::default())] {
                    frame(&mut home, columns, rows);
                    home.press(Key::End);
                    home.press(Key::Char('x'));
                    frame(&mut home, columns, rows);
                }
            }
        }
    }

    #[test]
    fn a_key_acts_on_the_chosen_row_as_its_stage_allows() {
        let run = |words: &str| Some(Act::Run(words.split(' ').map(str::to_owned).collect()));
        let mut home = Home::new(state());
        assert_eq!(home.press(Key::Enter), run("shell --attempt abc234"));
        assert_eq!(home.press(Key::Char('c')), run("check abc234"));
        assert_eq!(home.press(Key::Char('n')), run("shell --attempt abc234"));
        home.press(Key::Down);
        assert_eq!(home.press(Key::Char('s')), run("start key-exposed"));
        assert_eq!(home.press(Key::Char('c')), None, "it does not run");
        assert!(frame(&mut home, 80, 24).contains("key-exposed is not running; s starts it"));
        let mut paused = state();
        paused.running[0].stage = Stage::Paused;
        home.renew(paused);
        home.press(Key::Home);
        assert_eq!(home.press(Key::Char('s')), run("resume abc234"));
        assert_eq!(home.press(Key::Char('c')), None, "it is paused");
    }

    #[test]
    fn an_attempt_ends_only_after_a_yes() {
        let mut home = Home::new(state());
        assert_eq!(home.press(Key::Char('x')), None);
        assert!(frame(&mut home, 80, 24).contains("Go on? y/n"));
        assert_eq!(home.press(Key::Enter), None, "no other key is a yes");
        home.press(Key::Char('x'));
        assert_eq!(home.press(Key::Char('y')), Some(Act::Run(vec!["stop".into(), "abc234".into()])));
    }

    #[test]
    fn the_search_narrows_as_it_is_typed_and_keys_are_letters_meanwhile() {
        let mut home = Home::new(state());
        home.press(Key::Char('/'));
        assert_eq!(type_in(&mut home, "key q"), None);
        assert!(frame(&mut home, 80, 24).contains("0 found"));
        home.press(Key::Backspace);
        home.press(Key::Backspace);
        assert!(frame(&mut home, 80, 24).contains("/key"));
        home.press(Key::Enter);
        assert_eq!(home.press(Key::Enter), Some(Act::Run(vec!["start".into(), "key-exposed".into()])));
        home.press(Key::Escape);
        assert!(frame(&mut home, 80, 24).contains("slow-steps"));
        // Every word counts, wherever it stands.
        home.press(Key::Char('/'));
        type_in(&mut home, "KERNEL level3");
        assert!(frame(&mut home, 80, 24).contains("1 found"));
    }

    #[test]
    fn what_is_chosen_stays_chosen_when_rows_come_and_go() {
        let mut home = Home::new(state());
        home.press(Key::Down);
        let mut other = state();
        other.running.clear();
        home.renew(other);
        assert!(frame(&mut home, 80, 24).lines().any(|line| line.starts_with("> key-exposed")));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let mut hostile = state();
        hostile.labs[0].summary = "\u{1b}[2J\u{1b}]0;owned\u{7}calm".into();
        hostile.next.why = "\u{9b}31mred\r\nnext".into();
        let mut home = Home::new(hostile);
        home.paste("\u{1b}[31mignored unless a search is typed");
        home.press(Key::Char('/'));
        home.paste("\u{1b}[31mbus\n");
        let frame = frame(&mut home, 80, 24);
        assert!(!frame.contains('\u{1b}') && !frame.contains('\u{9b}') && !frame.contains("[2J"), "{frame}");
        assert!(frame.contains("/bus") && frame.contains("red next"), "{frame}");
    }
}
