//! When a lab comes back: sooner the harder it was.
//!
//! Pure; days in, a day out. Which intervals, and why, is decided in `site/decisions/0016-when-a-lab-comes-back.md`.

use jiff::ToSpan;
use jiff::civil::Date;

/// Days after which a lab comes back: one step after the other as long as it goes cleanly.
pub const INTERVALS: [u16; 5] = [1, 3, 7, 16, 35];

const LAST: usize = INTERVALS.len() - 1;

/// How a turn at a lab went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Went {
    /// Not passed.
    Failed,
    /// Passed with help: hints, a new beginning, a grading that failed before, or few points.
    Hard,
    /// Passed at once, alone and with nearly all points.
    Clean,
}

/// One graded turn at a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub day: Date,
    pub went: Went,
    /// The same seed had been played before, so that the cause was known.
    pub known: bool,
}

/// When a lab comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub on: Date,
    /// Index into [`INTERVALS`].
    pub step: usize,
}

impl Due {
    /// Days until then; below zero where it is overdue.
    pub fn in_days(self, today: Date) -> i64 {
        days_between(today, self.on)
    }
}

/// When a lab with these turns, the oldest first, comes back; none where there are none.
///
/// A first turn begins at the last step if it was clean, at the second if it was hard, at the first if it failed. A
/// later one goes one step on if it was clean, one back if it was hard, and back to the first if it failed. A clean
/// turn before the day, or with a fault that was known, changes no step: only the days count anew.
///
/// A turn that lies after today comes of a clock that was set back: what it says of the day cannot be believed, so
/// the lab is due.
pub fn due(turns: &[Turn], today: Date) -> Option<Due> {
    let mut due: Option<Due> = None;
    for turn in turns {
        let step = match (due, turn.went) {
            (_, Went::Failed) => 0,
            (None, Went::Clean) if !turn.known => LAST,
            (None, Went::Clean | Went::Hard) => 1,
            (Some(due), Went::Hard) => due.step.saturating_sub(1),
            (Some(due), Went::Clean) if turn.known || turn.day < due.on => due.step,
            (Some(due), Went::Clean) => (due.step + 1).min(LAST),
        };
        due = Some(Due { on: turn.day.saturating_add(i32::from(INTERVALS[step]).days()), step });
    }
    match turns.last() {
        Some(last) if last.day > today => due.map(|due| Due { on: today, ..due }),
        _ => due,
    }
}

/// From one day to another; below zero where the other comes first.
pub fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// `today`, `tomorrow`, `in 3 days`, `4 days overdue`.
pub fn spoken_due(in_days: i64) -> String {
    match in_days {
        0 => "due today".into(),
        1 => "due tomorrow".into(),
        2.. => format!("due in {in_days} days"),
        -1 => "1 day overdue".into(),
        _ => format!("{} days overdue", -in_days),
    }
}

/// `today`, `yesterday`, `12 days ago`; a day that has yet to come is today.
pub fn spoken_age(days: i64) -> String {
    match days {
        ..=0 => "today".into(),
        1 => "yesterday".into(),
        _ => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const FIRST: Date = date(2026, 1, 1);

    /// Turns on days after the first of January, and in how many days after the last of them the lab comes back.
    #[track_caller]
    fn case(turns: &[(i32, Went)], interval: i64) {
        let turns: Vec<Turn> =
            turns.iter().map(|(day, went)| Turn { day: on(*day), went: *went, known: false }).collect();
        let last = turns.last().expect("a turn").day;
        let due = due(&turns, last).expect("it comes back");
        assert_eq!(due.in_days(last), interval, "{turns:?}");
    }

    fn on(day: i32) -> Date {
        FIRST.saturating_add(day.days())
    }

    use Went::{Clean, Failed, Hard};

    #[test]
    fn the_first_turn_decides_where_it_begins() {
        case(&[(0, Failed)], 1);
        case(&[(0, Hard)], 3);
        case(&[(0, Clean)], 35);
    }

    #[test]
    fn clean_turns_lengthen_it_hard_ones_shorten_it_and_a_failure_begins_again() {
        case(&[(0, Failed), (1, Clean)], 3);
        case(&[(0, Failed), (1, Clean), (4, Clean), (11, Clean), (27, Clean)], 35);
        case(&[(0, Failed), (1, Clean), (4, Clean), (11, Clean), (27, Clean), (62, Clean)], 35);
        case(&[(0, Hard), (3, Clean), (10, Clean)], 16);
        case(&[(0, Hard), (3, Clean), (10, Clean), (26, Hard)], 7);
        case(&[(0, Hard), (3, Hard), (4, Hard)], 1);
        case(&[(0, Clean), (35, Hard)], 16);
        case(&[(0, Clean), (35, Failed)], 1);
    }

    #[test]
    fn a_lab_that_is_played_before_its_day_goes_no_step_on() {
        case(&[(0, Hard), (0, Clean), (0, Clean), (1, Clean)], 3);
        case(&[(0, Hard), (2, Clean), (5, Clean)], 7);
        // Trouble counts on any day.
        case(&[(0, Hard), (1, Failed)], 1);
    }

    #[test]
    fn a_fault_that_was_known_shows_nothing_new() {
        let turn = |day, went, known| Turn { day: on(day), went, known };
        let step = |turns: &[Turn]| due(turns, on(99)).expect("it comes back").step;
        assert_eq!(step(&[turn(0, Hard, false), turn(3, Clean, true)]), 1);
        assert_eq!(step(&[turn(0, Hard, false), turn(3, Clean, false)]), 2);
        assert_eq!(step(&[turn(0, Clean, true)]), 1, "played before, and never graded");
        assert_eq!(step(&[turn(0, Hard, false), turn(3, Failed, true)]), 0);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_no_lab_away() {
        let ahead = [Turn { day: on(4000), went: Clean, known: false }];
        assert_eq!(due(&ahead, on(3)), Some(Due { on: on(3), step: LAST }));
        // Turns in the wrong order: the last one that was played decides, whatever its day.
        let turns =
            [Turn { day: on(10), went: Hard, known: false }, Turn { day: on(2), went: Clean, known: false }];
        assert_eq!(due(&turns, on(2)), Some(Due { on: on(5), step: 1 }));
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        let turns = [Turn { day: Date::MAX, went: Clean, known: false }];
        assert_eq!(due(&turns, Date::MAX).map(|due| due.on), Some(Date::MAX));
        assert!(days_between(Date::MIN, Date::MAX) > 7_000_000);
        assert_eq!(due(&[], FIRST), None);
    }

    #[test]
    fn days_are_spoken() {
        let due: Vec<String> = [-9, -1, 0, 1, 2].into_iter().map(spoken_due).collect();
        assert_eq!(due, ["9 days overdue", "1 day overdue", "due today", "due tomorrow", "due in 2 days"]);
        let ages: Vec<String> = [-1, 0, 1, 30].into_iter().map(spoken_age).collect();
        assert_eq!(ages, ["today", "today", "yesterday", "30 days ago"]);
    }
}
