//! How well each skill has been shown, now and over time.
//!
//! Of each lab the newest attempt counts that was graded for certain, with its points after what its hints cost; points
//! that could not be told are left out. A lab that a guard failed counts with no points, as in a role.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Past;
use crate::attempt::cost_percent;
use crate::grade::{Report, is_voided};
use crate::rubric::Skill;

/// Share from which a skill is strong, in hundredths of a percent.
pub const STRONG_BP: u32 = 8_500;
/// Days after which what was shown last says no more that a skill is strong. Longer than any lab stays away.
pub const FADES_AFTER_DAYS: i64 = 60;

/// The whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// How well a skill has been shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// Points after hints, by those that could be told; in hundredths of a percent, rounded down.
    pub share_bp: u32,
    /// Points that could be told.
    pub points: u64,
    /// Labs that they come from.
    pub labs: usize,
    /// Hints in their attempts.
    pub hints: u32,
    /// When the newest of them was graded.
    pub newest_ms: u64,
}

/// What that comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// No lab with points of it was graded.
    Untried,
    /// Below the mark.
    Weak,
    Fair,
    /// It was strong, long ago.
    Faded,
    Strong,
}

impl Strength {
    pub fn word(self) -> &'static str {
        match self {
            Self::Untried => "never tried",
            Self::Weak => "weak",
            Self::Fair => "fair",
            Self::Faded => "faded",
            Self::Strong => "strong",
        }
    }

    /// Of a skill in a role that is passed from `mark` percent; `age` in days.
    pub fn of(shown: Option<&Shown>, mark: u32, age: i64) -> Self {
        match shown {
            None => Self::Untried,
            Some(shown) if shown.share_bp < mark * 100 => Self::Weak,
            Some(shown) if shown.share_bp < STRONG_BP => Self::Fair,
            Some(_) if age > FADES_AFTER_DAYS => Self::Faded,
            Some(_) => Self::Strong,
        }
    }
}

/// A grading that counts.
struct Seen<'a> {
    lab: &'a str,
    /// Attempt and grading, in the order in which they were written: the clock may have gone back.
    order: (usize, usize),
    at_ms: u64,
    hints: u32,
    report: &'a Report,
}

/// All that count, in the order of time.
fn seen(past: &Past) -> Vec<Seen<'_>> {
    let mut all = Vec::new();
    for (attempt, tried) in past.tried().iter().enumerate().filter(|(_, tried)| tried.is_the_learners()) {
        for (grading, it) in tried.decided().enumerate() {
            all.push(Seen {
                lab: &tried.row.lab,
                order: (attempt, grading),
                at_ms: it.at_ms,
                hints: tried.row.hints,
                report: &it.report,
            });
        }
    }
    all.sort_by_key(|it| (it.at_ms, it.order));
    all
}

/// Keeps of each lab what was written last.
fn keep<'a, 's>(newest: &mut BTreeMap<&'a str, &'s Seen<'a>>, one: &'s Seen<'a>) {
    let slot = newest.entry(one.lab).or_insert(one);
    if slot.order <= one.order {
        *slot = one;
    }
}

fn shown_in(newest: &BTreeMap<&str, &Seen<'_>>, skill: Skill) -> Option<Shown> {
    let mut all = Shown { share_bp: 0, points: 0, labs: 0, hints: 0, newest_ms: 0 };
    // In hundredths of a point: hints cost percents.
    let mut earned = 0;
    for seen in newest.values() {
        let Some(totals) = seen.report.skills.get(&skill) else { continue };
        let told = u64::from(totals.max.less(totals.undecided).0);
        if told == 0 {
            continue;
        }
        if !is_voided(seen.report) {
            // Records can be changed behind our back: nobody earns more than there is.
            earned += u64::from(totals.earned.0).min(told) * u64::from(100 - cost_percent(seen.hints));
        }
        all.points += told;
        all.labs += 1;
        all.hints = all.hints.saturating_add(seen.hints);
        all.newest_ms = all.newest_ms.max(seen.at_ms);
    }
    let share = (earned * WHOLE / 100).checked_div(all.points)?;
    Some(Shown { share_bp: share as u32, ..all })
}

/// Every skill that was shown, as it stands now.
pub(super) fn shown(past: &Past) -> BTreeMap<Skill, Shown> {
    let all = seen(past);
    let mut newest = BTreeMap::new();
    all.iter().for_each(|one| keep(&mut newest, one));
    Skill::ALL.into_iter().filter_map(|skill| Some((skill, shown_in(&newest, skill)?))).collect()
}

/// A skill over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Series {
    pub skill: Skill,
    pub title: &'static str,
    /// As it stands now: the last of the marks.
    pub now: Shown,
    /// After each grading that told something of it, the oldest first; never empty.
    pub marks: Vec<Mark>,
}

/// How a skill stood after a grading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mark {
    pub at_ms: u64,
    /// The lab that was graded.
    pub lab: String,
    /// In hundredths of a percent.
    pub share_bp: u32,
}

/// How every skill moved, in the catalogue's order.
pub fn series(past: &Past) -> Vec<Series> {
    let all = seen(past);
    let mut newest = BTreeMap::new();
    let mut found: BTreeMap<Skill, Series> = BTreeMap::new();
    for one in &all {
        keep(&mut newest, one);
        for skill in one.report.skills.keys() {
            let Some(now) = shown_in(&newest, *skill) else { continue };
            let mark = Mark { at_ms: one.at_ms, lab: one.lab.to_owned(), share_bp: now.share_bp };
            let begin =
                || Series { skill: *skill, title: skill.title(), now: now.clone(), marks: Vec::new() };
            let series = found.entry(*skill).or_insert_with(begin);
            series.now = now.clone();
            series.marks.push(mark);
        }
    }
    found.into_values().collect()
}

/// A series in so many columns of equal time: what stood at the end of each, none before the first mark. `from` is
/// where the first column begins, `to` where the last one ends, both in milliseconds.
pub fn columns(marks: &[Mark], from: u64, to: u64, columns: usize) -> Vec<Option<u32>> {
    let span = u128::from(to.saturating_sub(from));
    let end = |column: usize| from + (span * (column as u128 + 1) / columns.max(1) as u128) as u64;
    let stood = |column| marks.iter().rev().find(|mark| mark.at_ms <= end(column)).map(|mark| mark.share_bp);
    (0..columns).map(stood).collect()
}
