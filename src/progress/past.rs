//! A learner's attempts with what each was graded, and the turns at each lab that they come to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::schedule::{Turn, Went};
use crate::grade::{Report, Verdict};
use crate::store::{
    AttemptId, AttemptRow, ENDED_BY_DEMO, ENDED_BY_RESET, Purpose, RecordKind, Stage, Store, StoreError,
};

/// With less than this, in percent of the points that could be told, a lab that was passed was hard.
const CLEAN_PERCENT: u64 = 90;

/// All attempts of a learner.
#[derive(Debug)]
pub struct Past {
    /// The oldest first.
    tried: Vec<Tried>,
    /// For days.
    zone: TimeZone,
}

/// One attempt.
#[derive(Debug)]
pub struct Tried {
    pub row: AttemptRow,
    /// In the order in which they were written.
    pub gradings: Vec<Grading>,
    /// Gradings that no longer read.
    pub unreadable: usize,
    /// It was ended to begin anew.
    reset: bool,
    /// `crashcart demo` mended it, and not the learner.
    demo: bool,
}

/// One grading of an attempt.
#[derive(Debug)]
pub struct Grading {
    pub at_ms: u64,
    pub report: Report,
}

/// A turn at a lab: an attempt that was graded for certain, as it was graded last.
#[derive(Debug)]
pub struct Turned<'a> {
    pub tried: &'a Tried,
    pub report: &'a Report,
    /// When it was passed; when it was graded last, if it never was.
    pub day: Date,
    pub went: Went,
    /// The seed had been played before.
    pub known: bool,
    /// Attempts at the lab since the turn before that were ended to begin anew.
    pub resets: usize,
    /// Gradings that did not pass, before one that did.
    pub failed_before: usize,
}

impl Past {
    /// Reads them; `zone` says when a day begins.
    pub fn read(store: &Store, zone: TimeZone) -> Result<Self, StoreError> {
        let mut tried = Vec::new();
        // A row that was changed behind our back could name anything; pages are named by it.
        let ours =
            |row: &AttemptRow| row.purpose == Purpose::Learn && AttemptId::parse(row.id.as_str()).is_some();
        for row in store.attempts()?.into_iter().rev().filter(ours) {
            let (mut gradings, mut unreadable) = (Vec::new(), 0);
            for record in store.records_of(&row.id, RecordKind::Grade)? {
                match serde_json::from_str(&record.body) {
                    Ok(report) => gradings.push(Grading { at_ms: record.at_ms, report }),
                    Err(_) => unreadable += 1,
                }
            }
            let notes = store.records_of(&row.id, RecordKind::Note)?;
            let noted = |why| {
                notes.iter().any(|note| serde_json::from_str(&note.body).is_ok_and(|it: String| it == why))
            };
            let (reset, demo) = (noted(ENDED_BY_RESET), noted(ENDED_BY_DEMO));
            tried.push(Tried { row, gradings, unreadable, reset, demo });
        }
        Ok(Self { tried, zone })
    }

    /// All attempts, the oldest first.
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// The day of a moment, in the learner's zone.
    pub fn day(&self, ms: u64) -> Date {
        day(ms, self.zone.clone())
    }

    /// A moment to the minute, as `history` has it.
    pub fn minute(&self, ms: u64) -> String {
        zoned(ms, self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The best grading of each lab, as roles count it: one that passed before one that did not, then by points;
    /// of equal ones the newest. What the demo mended is nobody's.
    pub fn best(&self) -> BTreeMap<&str, &Report> {
        let mut best: BTreeMap<&str, (&Report, u64)> = BTreeMap::new();
        for tried in self.tried.iter().filter(|tried| !tried.demo) {
            for grading in &tried.gradings {
                let worth =
                    |report: &Report, at_ms| (report.verdict == Verdict::Passed, report.totals.earned, at_ms);
                let slot = best.entry(&tried.row.lab).or_insert((&grading.report, grading.at_ms));
                if worth(&grading.report, grading.at_ms) >= worth(slot.0, slot.1) {
                    *slot = (&grading.report, grading.at_ms);
                }
            }
        }
        best.into_iter().map(|(lab, (report, _))| (lab, report)).collect()
    }

    /// Labs with an attempt that is not over.
    pub fn alive(&self) -> BTreeSet<&str> {
        let alive = self.tried.iter().filter(|tried| tried.row.stage != Stage::Stopped);
        alive.map(|tried| tried.row.lab.as_str()).collect()
    }

    /// Attempts at a lab of which no grading tells anything for certain.
    pub fn ungraded(&self, lab: &str) -> usize {
        let at_lab = self.tried.iter().filter(|tried| tried.row.lab == lab && !tried.demo);
        at_lab.filter(|tried| tried.decided().next().is_none()).count()
    }

    /// The turns at each lab, in the order in which they were begun.
    pub fn turns(&self) -> BTreeMap<&str, Vec<Turned<'_>>> {
        let mut turns: BTreeMap<&str, Vec<Turned<'_>>> = BTreeMap::new();
        let mut resets: BTreeMap<&str, usize> = BTreeMap::new();
        let mut played: BTreeSet<(&str, u64)> = BTreeSet::new();
        for tried in self.tried.iter().filter(|tried| !tried.demo) {
            let lab = tried.row.lab.as_str();
            let known = played.contains(&(lab, tried.row.seed));
            // One whose start was interrupted showed nobody anything.
            if tried.row.ready_at_ms.is_some() {
                played.insert((lab, tried.row.seed));
            }
            let decided: Vec<&Grading> = tried.decided().collect();
            if let Some(last) = decided.last() {
                let passed = |grading: &&&Grading| grading.report.verdict == Verdict::Passed;
                let first_pass = decided.iter().position(|grading| passed(&grading));
                let failed_before = first_pass.unwrap_or(0);
                let from = match first_pass {
                    Some(first) if passed(&last) => decided[first],
                    _ => last,
                };
                let resets = resets.remove(lab).unwrap_or(0);
                turns.entry(lab).or_default().push(Turned {
                    tried,
                    report: &last.report,
                    day: self.day(from.at_ms),
                    went: match last.report.verdict {
                        Verdict::Passed if tried.row.hints == 0 && resets == 0 && failed_before == 0 => {
                            if nearly_all(&last.report) {
                                Went::Clean
                            } else {
                                Went::Hard
                            }
                        }
                        Verdict::Passed => Went::Hard,
                        _ => Went::Failed,
                    },
                    known,
                    resets,
                    failed_before,
                });
            }
            if tried.reset {
                *resets.entry(lab).or_default() += 1;
            }
        }
        turns
    }
}

/// The day of a moment, in milliseconds since the epoch. One that no calendar has is the first of 1970.
pub fn day(ms: u64, zone: TimeZone) -> Date {
    zoned(ms, zone).date()
}

fn zoned(ms: u64, zone: TimeZone) -> Zoned {
    let stamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stamp.unwrap_or_default().to_zoned(zone)
}

fn nearly_all(report: &Report) -> bool {
    let told = report.totals.max.less(report.totals.undecided);
    u64::from(report.totals.earned.0) * 100 >= u64::from(told.0) * CLEAN_PERCENT
}

impl Tried {
    /// Gradings that say whether the lab is passed.
    pub fn decided(&self) -> impl Iterator<Item = &Grading> {
        self.gradings.iter().filter(|grading| grading.report.verdict != Verdict::Undecided)
    }

    /// It says something of the learner.
    pub fn is_the_learners(&self) -> bool {
        !self.demo
    }
}

impl Turned<'_> {
    /// As the schedule takes it.
    pub fn turn(&self) -> Turn {
        Turn { day: self.day, went: self.went, known: self.known }
    }

    /// How it went, in words for the end of a sentence: `hard last time: 2 hints, 80 of 100 points`.
    pub fn words(&self) -> String {
        let mut marks = Vec::new();
        let mut count = |many: usize, one: &str, more: &str| match many {
            0 => {}
            1 => marks.push(one.to_owned()),
            _ => marks.push(format!("{many} {more}")),
        };
        count(self.tried.row.hints as usize, "1 hint", "hints");
        count(self.resets, "begun anew", "times begun anew");
        count(self.failed_before, "1 grading failed first", "gradings failed first");
        let totals = &self.report.totals;
        if totals.earned < totals.max {
            marks.push(format!("{} of {} points", totals.earned, totals.max));
        }
        let how = match self.went {
            Went::Clean => "passed cleanly last time",
            Went::Hard => "hard last time",
            Went::Failed => "not passed last time",
        };
        if marks.is_empty() { how.to_owned() } else { format!("{how}: {}", marks.join(", ")) }
    }
}
