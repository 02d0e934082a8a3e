//! The live view of an attempt's checks: met, not met, unknown, since when, and what is wrong with the nodes.
//!
//! Remembers, for as long as it is shown, when each check changed last. Looking at the nodes and doing what a key
//! asks for is `cli::watch`'s business; so is the clock, which comes in as milliseconds.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{Key, LEAST, Look, first_shown, fit, folded, keys, padded, plain, put, too_small};
use crate::grade::{CheckReport, CheckVerdict, GuardState, Report};
use crate::rubric::{CheckId, Effect};
use crate::units::spoken_duration;

/// A change this young stands out, in milliseconds.
const FRESH_MS: u64 = 15_000;
/// So long a guard that holds again is shown on its own, in milliseconds.
const RECENT_MS: u64 = 60_000;
/// What was read longer ago than this is shown as such, in milliseconds.
const STALE_MS: u64 = 45_000;

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Leave,
    Suspend,
    Redraw,
    /// Ask everything now, also what is asked rarely.
    Look,
    /// A shell in another pane of tmux.
    Split,
    /// These words after `crashcart`, about this attempt.
    Run(Vec<String>),
}

/// What is being watched.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    pub attempt: String,
    pub lab: String,
    /// Minutes that a learner needs.
    pub minutes: u16,
    /// Inside tmux: another pane can be had.
    pub panes: bool,
}

/// What the watching itself is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    Looking,
    /// Until this time, in milliseconds.
    Waiting(u64),
    /// Another crashcart grades, checks or stops this attempt.
    Locked,
    /// The attempt is paused: nobody is asked anything.
    Paused,
    /// The attempt is over.
    Over,
    /// There was no look, and this is why.
    Failed(String),
}

/// What is wrong with a node, beside its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is switched off; starting it again may be all that it takes.
    Off { node: String },
    /// Its own machine does not run.
    Down { node: String, why: String },
    /// It gives no answer, for so many milliseconds by now.
    Silent { node: String, why: String, for_ms: u64 },
    /// The engine no longer has it.
    Gone { node: String },
}

/// Milliseconds without an answer after which a node is given up.
const GIVEN_UP_MS: u64 = 60_000;

impl Trouble {
    /// Nothing that a learner can do in the node brings it back.
    fn hopeless(&self) -> bool {
        match self {
            Self::Off { .. } | Self::Down { .. } => false,
            Self::Silent { for_ms, .. } => *for_ms >= GIVEN_UP_MS,
            Self::Gone { .. } => true,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Off { node } => format!("node {node} is switched off: u switches it on again"),
            Self::Down { node, why } => format!(
                "node {node} is down: {why}; crashcart console {node} shows its console, r begins anew"
            ),
            Self::Silent { node, why, for_ms } if *for_ms >= GIVEN_UP_MS => format!(
                "node {node} has not answered for {} and cannot be recovered from here: r begins anew ({why})",
                spoken_duration(*for_ms)
            ),
            Self::Silent { node, why, .. } => format!("node {node} gives no answer: {why}"),
            Self::Gone { node } => {
                format!("node {node} is gone from the engine and cannot be recovered: r begins the lab anew")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Met,
    NotMet,
    Unknown,
    /// Asked only when grading.
    Waits,
}

impl State {
    fn of(check: &CheckReport) -> Self {
        match check.verdict {
            CheckVerdict::Pass { .. } => Self::Met,
            CheckVerdict::Fail { .. } => Self::NotMet,
            CheckVerdict::Unknown { .. } if check.waits() => Self::Waits,
            CheckVerdict::Unknown { .. } => Self::Unknown,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "NOT MET",
            Self::Unknown => "unknown",
            Self::Waits => "later",
        }
    }

    fn style(self, look: Look) -> Style {
        match self {
            Self::Met => look.good(),
            Self::NotMet => look.bad(),
            Self::Unknown => look.unsure(),
            Self::Waits => look.faint(),
        }
    }
}

/// A check as shown.
#[derive(Clone, Debug)]
struct Row {
    id: CheckId,
    nodes: String,
    state: State,
    found: String,
    wanted: String,
    why: String,
    /// When it was read, in milliseconds.
    read_ms: Option<u64>,
}

/// The screen.
#[derive(Debug, Default)]
pub struct Watch {
    subject: Subject,
    used_ms: u64,
    rows: Vec<Row>,
    /// Guards that hold, which are not shown one by one.
    quiet: usize,
    totals: String,
    /// Guards whose breaking fails the lab, in words.
    broken: Vec<String>,
    all_met: bool,
    troubles: Vec<Trouble>,
    doing: Option<Doing>,
    /// What each check said last, and when that changed while we watched.
    known: BTreeMap<CheckId, (State, Option<u64>)>,
    chosen: usize,
    first: usize,
    word: Option<String>,
}

impl Watch {
    pub fn new(subject: Subject) -> Self {
        Self { subject, ..Self::default() }
    }

    /// Time that the learner has had the nodes.
    pub fn used(&mut self, used_ms: u64) {
        self.used_ms = used_ms;
    }

    pub fn doing(&mut self, doing: Doing) {
        self.doing = Some(doing);
    }

    pub fn troubles(&mut self, troubles: Vec<Trouble>) {
        self.troubles = troubles;
    }

    /// Something to say until the next key.
    pub fn say(&mut self, word: impl Into<String>) {
        self.word = Some(word.into());
    }

    /// Takes in a look; `read` is when each check was asked. Says whether any verdict changed.
    pub fn seen(&mut self, report: &Report, read: &BTreeMap<CheckId, u64>, now_ms: u64) -> bool {
        let mut rows: Vec<Row> = Vec::new();
        let mut quiet = 0;
        let mut changed = false;
        // A check of two phases stands twice in a report, on the same reading.
        let mut taken = BTreeSet::new();
        for check in &report.checks {
            if !taken.insert(&check.id) {
                continue;
            }
            let state = State::of(check);
            match self.known.get(&check.id) {
                Some((before, _)) if *before == state => {}
                Some(_) => {
                    changed = true;
                    self.known.insert(check.id.clone(), (state, Some(now_ms)));
                }
                // How it was before the first look nobody knows.
                None => drop(self.known.insert(check.id.clone(), (state, None))),
            }
            let earns = report.criteria.iter().any(|criterion| criterion.checks.contains(&check.id));
            let changed_ms = self.known.get(&check.id).and_then(|(_, changed_ms)| *changed_ms);
            let recent = changed_ms.is_some_and(|at| now_ms.saturating_sub(at) < RECENT_MS);
            if !earns && state == State::Met && !recent {
                quiet += 1;
                continue;
            }
            rows.push(Row {
                id: check.id.clone(),
                nodes: check.nodes.iter().map(|node| node.as_str()).collect::<Vec<_>>().join(","),
                state,
                found: plain(check.found()),
                wanted: plain(&check.wanted),
                why: plain(&check.why),
                read_ms: read.get(&check.id).copied(),
            });
        }
        let fails = |effect: Effect| matches!(effect, Effect::Fail);
        let broken = report.guards.iter().filter(|guard| guard.state == GuardState::Broken);
        self.broken = broken
            .map(|guard| match fails(guard.effect) {
                true => format!("{} The lab is failed like this: put it back, or r begins anew.", guard.why),
                false => format!("{} That limits the points as long as it stays so.", guard.why),
            })
            .collect();
        let totals = report.totals;
        self.totals = match totals.provisional {
            Some(so_far) => format!(
                "{so_far} of {} points as it stands; {} of them hang on a restart",
                totals.max, totals.undecided
            ),
            None => format!("{} of {} points", totals.earned, totals.max),
        };
        self.all_met = report.nothing_wrong();
        self.rows = rows;
        self.quiet = quiet;
        self.chosen = self.chosen.min(self.rows.len().saturating_sub(1));
        changed
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key) -> Option<Act> {
        self.word = None;
        let last = self.rows.len().saturating_sub(1);
        match key {
            Key::Interrupt | Key::Char('q') => return Some(Act::Leave),
            Key::Suspend => return Some(Act::Suspend),
            Key::Redraw => return Some(Act::Redraw),
            Key::Up | Key::Char('k') => self.chosen = self.chosen.saturating_sub(1),
            Key::Down | Key::Char('j') => self.chosen = (self.chosen + 1).min(last),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(10),
            Key::PageDown => self.chosen = (self.chosen + 10).min(last),
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = last,
            Key::Char('c') => return Some(Act::Look),
            Key::Char('g') => return Some(self.run("grade")),
            Key::Char('h') => return Some(self.run("hint")),
            Key::Char('b') => return Some(self.run("brief")),
            Key::Char('r') => return Some(self.run("reset")),
            Key::Char('u') => return Some(self.run("resume")),
            Key::Char('s') => {
                let words = ["shell", "--attempt", &self.subject.attempt];
                return Some(Act::Run(words.map(str::to_owned).to_vec()));
            }
            Key::Char('t') if self.subject.panes => return Some(Act::Split),
            Key::Enter | Key::Char('y') => {
                let id = self.rows.get(self.chosen)?.id.to_string();
                let words = ["check".to_owned(), self.subject.attempt.clone(), "--why".to_owned(), id];
                return Some(Act::Run(words.to_vec()));
            }
            _ => {}
        }
        None
    }

    fn run(&self, verb: &str) -> Act {
        Act::Run(vec![verb.to_owned(), self.subject.attempt.clone()])
    }

    /// Draws it, at this time.
    pub fn draw(&mut self, frame: &mut Frame<'_>, look: Look, now_ms: u64) {
        let area = frame.area();
        let buffer = frame.buffer_mut();
        if area.width < LEAST.0 || area.height < LEAST.1 {
            return too_small(buffer, area);
        }
        let columns = usize::from(area.width);
        let top = self.head(columns, look);
        let bottom = self.foot(columns, look, now_ms);
        let room = usize::from(area.height).saturating_sub(top.len() + bottom.len());
        // What the chosen check says in full, where there is room beside the list.
        let detail = if room >= 10 { self.detail(columns, look, now_ms) } else { Vec::new() };
        let height = room.saturating_sub(detail.len());
        let list = self.list(columns, height, look, now_ms);
        put(buffer, area, &top);
        let mut y = area.y + top.len() as u16;
        let below = |y: u16| Rect { y, height: area.bottom().saturating_sub(y), ..area };
        put(buffer, below(y), &list);
        y += height as u16;
        put(buffer, below(y), &detail);
        y += detail.len() as u16;
        put(buffer, below(y), &bottom);
    }

    fn head(&self, columns: usize, look: Look) -> Vec<Line<'static>> {
        let minutes = self.subject.minutes;
        let right = format!("{} used of about {minutes} min", spoken_duration(self.used_ms));
        let left = format!("{}, attempt {}", self.subject.lab, self.subject.attempt);
        let left = padded(&left, columns.saturating_sub(right.width() + 1));
        let over = self.used_ms > u64::from(minutes) * 60_000;
        let right = Span::styled(right, if over { look.unsure() } else { look.faint() });
        let mut lines = vec![Line::from(vec![Span::styled(left, look.strong()), Span::raw(" "), right])];
        if !self.totals.is_empty() {
            let style = if self.all_met { look.good() } else { Style::default() };
            lines.push(Line::styled(fit(&self.totals, columns), style));
        }
        lines.push(Line::default());
        lines
    }

    fn list(&mut self, columns: usize, height: usize, look: Look, now_ms: u64) -> Vec<Line<'static>> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let several = self.rows.iter().any(|row| row.nodes != self.rows[0].nodes);
        let widest = |of: fn(&Row) -> &str| self.rows.iter().map(|row| of(row).width()).max().unwrap_or(0);
        let name = widest(|row| row.id.as_str()).min(columns / 3).max(5);
        let node = if several { widest(|row| &row.nodes).clamp(4, columns / 6) + 2 } else { 0 };
        let found = columns.saturating_sub(STATE + name + 2 + node + CHANGED + 2);
        let mut head = format!("  {}{}  ", padded("CHECK", STATE - 2), padded("", name));
        if several {
            head = format!("  {}{}  {}", padded("CHECK", STATE - 2), padded("", name), padded("NODE", node));
        }
        head.push_str(&padded("FOUND", found));
        head.push_str("  CHANGED");
        let mut lines = vec![Line::styled(head, look.faint())];
        let quiet = usize::from(self.quiet > 0);
        let shown = height.saturating_sub(1 + quiet);
        self.first = first_shown(self.chosen, self.rows.len(), shown, self.first);
        for (index, row) in self.rows.iter().enumerate().skip(self.first).take(shown) {
            let changed = self.known.get(&row.id).and_then(|(_, changed)| *changed);
            let fresh = changed.is_some_and(|at| now_ms.saturating_sub(at) < FRESH_MS);
            let stale = row.read_ms.is_some_and(|at| now_ms.saturating_sub(at) > STALE_MS);
            let since = changed.map_or("-".to_owned(), |at| spoken_duration(now_ms.saturating_sub(at)));
            let marked = index == self.chosen;
            let pointer = if marked { "> " } else { "  " };
            let plain_style = match (fresh, stale) {
                (true, _) => look.strong(),
                (false, true) => look.faint(),
                _ => Style::default(),
            };
            let over = |style: Style| if marked { look.chosen() } else { style };
            let mut spans = vec![
                Span::styled(pointer, over(Style::default())),
                Span::styled(padded(row.state.word(), STATE - 2), over(row.state.style(look))),
                Span::styled(padded(row.id.as_str(), name), over(plain_style)),
                Span::styled("  ", over(Style::default())),
            ];
            if several {
                spans.push(Span::styled(padded(&row.nodes, node), over(look.faint())));
            }
            spans.push(Span::styled(padded(&row.found, found), over(plain_style)));
            spans.push(Span::styled("  ", over(Style::default())));
            let word = if fresh { format!("{since} !") } else { since };
            spans.push(Span::styled(padded(&word, CHANGED), over(plain_style)));
            lines.push(Line::from(spans));
        }
        if self.quiet > 0 && lines.len() < height {
            let words = format!("  {} more must stay as they are, and do", self.quiet);
            lines.push(Line::styled(fit_raw(&words, columns), look.faint()));
        }
        lines
    }

    fn detail(&self, columns: usize, look: Look, now_ms: u64) -> Vec<Line<'static>> {
        let Some(row) = self.rows.get(self.chosen) else { return Vec::new() };
        let mut lines = vec![Line::default()];
        let why = folded(&row.why, columns, 2);
        lines.extend(why.into_iter().map(|line| Line::styled(line, look.strong())));
        let mut say = |head: &str, text: &str, most: usize| {
            let texts = folded(text, columns.saturating_sub(8), most);
            for (index, text) in texts.into_iter().enumerate() {
                let head = if index == 0 { head } else { "" };
                lines.push(Line::from(vec![
                    Span::styled(format!("{head:<8}"), look.faint()),
                    Span::raw(text),
                ]));
            }
        };
        say("found", &row.found, 2);
        if row.state != State::Met {
            say("wanted", &row.wanted, 2);
        }
        if let Some(read) = row.read_ms {
            say("read", &format!("{} ago", spoken_duration(now_ms.saturating_sub(read))), 1);
        }
        lines
    }

    fn foot(&self, columns: usize, look: Look, now_ms: u64) -> Vec<Line<'static>> {
        let mut lines = vec![Line::default()];
        let mut warn = |text: &str, style: Style| {
            lines.extend(folded(text, columns, 2).into_iter().map(|line| Line::styled(line, style)));
        };
        for trouble in &self.troubles {
            warn(&trouble.words(), if trouble.hopeless() { look.bad() } else { look.unsure() });
        }
        for broken in &self.broken {
            warn(broken, look.bad());
        }
        if self.all_met && self.troubles.is_empty() && !self.rows.is_empty() {
            warn("Everything that is asked now is met: g restarts the nodes and scores it.", look.good());
        }
        if let Some(word) = &self.word {
            warn(word, look.unsure());
        }
        let doing = match &self.doing {
            None | Some(Doing::Looking) => "looking …".to_owned(),
            Some(Doing::Waiting(until)) => {
                format!(
                    "next look in {}",
                    spoken_duration(until.saturating_sub(now_ms).next_multiple_of(1000))
                )
            }
            Some(Doing::Locked) => "another crashcart is at work on this attempt; waiting for it".to_owned(),
            Some(Doing::Paused) => "the attempt is paused: u goes on with it".to_owned(),
            Some(Doing::Over) => "the attempt is over: r begins the lab anew".to_owned(),
            Some(Doing::Failed(why)) => format!("could not look: {why}"),
        };
        let style = match &self.doing {
            Some(Doing::Failed(_) | Doing::Over | Doing::Paused) => look.unsure(),
            _ => look.faint(),
        };
        lines.extend(folded(&doing, columns, 2).into_iter().map(|line| Line::styled(line, style)));
        lines.extend(keys(&self.keys(), columns, look));
        lines
    }

    fn keys(&self) -> Vec<(&'static str, &'static str)> {
        let mut keys = vec![("c", "look now"), ("y", "why"), ("h", "hint"), ("g", "grade"), ("s", "shell")];
        if self.subject.panes {
            keys.push(("t", "shell beside"));
        }
        let off = self.troubles.iter().any(|trouble| matches!(trouble, Trouble::Off { .. }));
        if off || self.doing == Some(Doing::Paused) {
            keys.push(("u", "go on"));
        }
        keys.extend([("r", "reset"), ("q", "leave")]);
        keys
    }
}

/// Columns of the pointer and the state.
const STATE: usize = 11;
/// Columns of the time since the last change: `1 h 05 min`.
const CHANGED: usize = 10;

/// A line that was put together here: its spaces stay.
fn fit_raw(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{expect, shown};
    use super::*;
    use crate::grade::FORMAT;

    /// A report whose checks say this: `+` met, `-` not met, `?` unknown. The last one is a guard's.
    fn report(says: &str) -> Report {
        let ids: Vec<String> = (0..says.len()).map(|i| format!("check-{i}")).collect();
        let checks: Vec<serde_json::Value> = says
            .chars()
            .zip(&ids)
            .map(|(c, id)| {
                let verdict = match c {
                    '+' => serde_json::json!({ "pass": { "found": "active" } }),
                    '-' => {
                        serde_json::json!({ "fail": { "found": "\u{1b}[31minactive", "wanted": "active" } })
                    }
                    _ => serde_json::json!({ "unknown": { "why": "no answer" } }),
                };
                serde_json::json!({
                    "id": id, "nodes": ["front"], "phase": "live", "verdict": verdict, "wanted": "active",
                    "why": "The service must run.", "took-ms": 3,
                })
            })
            .collect();
        let last = ids.len() - 1;
        let guard = match says.ends_with('-') {
            true => "broken",
            false => "held",
        };
        let report = serde_json::json!({
            "format": FORMAT, "attempt": "abc234", "lab": "bus-error", "variant": "one", "pass": 70,
            "verdict": "undecided", "totals": { "earned": 0, "undecided": 0, "max": 100, "provisional": 40 },
            "skills": {}, "checks": checks,
            "criteria": [{
                "id": "all", "skill": "KRN", "phase": "live", "checks": ids[..last], "outcome": "fail",
                "earned": 0, "undecided": 0, "max": 100,
            }],
            "guards": [{
                "id": "kept", "phase": "live", "checks": [ids[last]], "state": guard,
                "effect": "fail", "why": "The dataset was altered.",
            }],
        });
        serde_json::from_value(report).expect("a report")
    }

    fn watch() -> Watch {
        Watch::new(Subject { attempt: "abc234".into(), lab: "bus-error".into(), minutes: 8, panes: true })
    }

    fn frame(watch: &mut Watch, columns: u16, rows: u16, now_ms: u64) -> String {
        shown(columns, rows, |frame| watch.draw(frame, Look::default(), now_ms))
    }

    #[test]
    fn the_screen_is_as_recorded() {
        let mut watch = watch();
        watch.used(125_000);
        expect("watch-first-80x24", &frame(&mut watch, 80, 24, 0));
        let read: BTreeMap<CheckId, u64> = BTreeMap::from([("check-0".parse().expect("an id"), 400)]);
        watch.seen(&report("-?++"), &read, 1_000);
        watch.seen(&report("+?-+"), &read, 60_000);
        watch.doing(Doing::Waiting(68_000));
        expect("watch-80x24", &frame(&mut watch, 80, 24, 62_000));
        expect("watch-140x40", &frame(&mut watch, 140, 40, 62_000));
    }

    #[test]
    fn a_change_is_told_from_how_it_was_at_the_first_look() {
        let mut watch = watch();
        let none = BTreeMap::new();
        assert!(!watch.seen(&report("-++"), &none, 1_000), "nothing was known before");
        assert!(!watch.seen(&report("-++"), &none, 2_000));
        assert!(watch.seen(&report("+++"), &none, 3_000));
        let told = frame(&mut watch, 80, 24, 63_000);
        let line = told.lines().find(|line| line.contains("check-0")).expect("its line");
        assert!(line.contains("met") && line.ends_with("1 min"), "{line}");
        assert!(told.lines().any(|line| line.contains("check-1") && line.ends_with('-')), "{told}");
    }

    #[test]
    fn a_guard_is_shown_where_it_is_broken_and_says_what_it_costs() {
        let mut watch = watch();
        watch.seen(&report("++"), &BTreeMap::new(), 1_000);
        let told = frame(&mut watch, 80, 24, 1_000);
        assert!(told.contains("1 more must stay") && !told.contains("check-1"), "{told}");
        watch.seen(&report("+-"), &BTreeMap::new(), 2_000);
        let told = frame(&mut watch, 80, 24, 2_000);
        assert!(
            told.contains("check-1") && told.contains("The dataset was altered. The lab is failed"),
            "{told}"
        );
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn a_node_that_cannot_come_back_is_said_and_reset_is_offered() {
        let mut watch = watch();
        watch.seen(&report("-+"), &BTreeMap::new(), 1_000);
        let node = || "front".to_owned();
        let case = |watch: &mut Watch, trouble: Trouble, hopeless: bool, wanted: &str| {
            assert_eq!(trouble.hopeless(), hopeless, "{trouble:?}");
            watch.troubles(vec![trouble]);
            let told = frame(watch, 140, 24, 2_000);
            assert!(told.contains(wanted), "{told}");
        };
        case(&mut watch, Trouble::Gone { node: node() }, true, "cannot be recovered: r begins the lab anew");
        let silent = |for_ms| Trouble::Silent { node: node(), why: "timed out".into(), for_ms };
        case(&mut watch, silent(5_000), false, "node front gives no answer: timed out");
        case(&mut watch, silent(61_000), true, "has not answered for 1 min and cannot be recovered");
        case(&mut watch, Trouble::Off { node: node() }, false, "u switches it on again");
    }

    #[test]
    fn keys_ask_for_acts_about_this_attempt() {
        let run = |words: &str| Some(Act::Run(words.split(' ').map(str::to_owned).collect()));
        let mut watch = watch();
        watch.seen(&report("-?+"), &BTreeMap::new(), 1_000);
        assert_eq!(watch.press(Key::Char('g')), run("grade abc234"));
        assert_eq!(watch.press(Key::Char('h')), run("hint abc234"));
        assert_eq!(watch.press(Key::Char('r')), run("reset abc234"));
        watch.press(Key::Down);
        assert_eq!(watch.press(Key::Char('y')), run("check abc234 --why check-1"));
        assert_eq!(watch.press(Key::Char('t')), Some(Act::Split));
        assert_eq!(watch.press(Key::Char('q')), Some(Act::Leave));
    }

    #[test]
    fn no_size_breaks_it() {
        let mut watch = watch();
        for says in ["+", "-?+-+-+-+-+-+-+-+-+-+-+-", "??"] {
            watch.seen(&report(says), &BTreeMap::new(), 1_000);
            watch.troubles(vec![Trouble::Gone { node: "front".into() }]);
            for columns in (1..=170).step_by(13) {
                for rows in (1..45).step_by(2) {
                    frame(&mut watch, columns, rows, 2_000);
                    watch.press(Key::End);
                }
            }
        }
    }
}
