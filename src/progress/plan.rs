//! A learner's path: how each skill of a role stands, which labs come next and why, which come back and when.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::schedule::{Due, INTERVALS, Turn, Went, days_between, due, spoken_age};
use super::shown::{Shown, Strength, shown};
use super::{Past, Turned};
use crate::grade::{Report, Scorecard, Verdict, scorecard};
use crate::rubric::{Role, Skill};

/// Labs that are proposed.
const PROPOSED: usize = 3;
/// Of them at most so many come back while there is something new.
const RETURNS_PROPOSED: usize = 2;
/// Percent below which a skill is weak where no role has a mark of its own.
const MARK: u32 = 70;
/// Least need of a skill, in percent: what is strong may still be practised.
const LEAST_NEED: u64 = 5;
/// Least need of a skill that faded.
const NEED_OF_FADED: u64 = 50;

/// A lab that can be proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub lab: String,
    /// 1 to 5.
    pub level: u8,
    pub minutes: u16,
    /// Root causes that it has.
    pub causes: usize,
    /// Points of each skill.
    pub points: BTreeMap<Skill, u32>,
}

/// A path for one role; for all skills alike where no role is named.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// How the best gradings stand in the role.
    pub scorecard: Option<Scorecard>,
    /// The hardest level that fits: one above what was passed alone.
    pub level: u8,
    /// The heaviest first.
    pub skills: Vec<SkillStanding>,
    /// What to do, the first thing first.
    pub next: Vec<Proposal>,
    /// All labs that come back, the one that is due first first.
    pub returns: Vec<Return>,
}

/// A skill of the path.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkillStanding {
    pub skill: Skill,
    pub title: &'static str,
    /// Percent of the role; none where no role is named.
    pub weight: Option<u32>,
    pub core: bool,
    pub strength: Strength,
    pub shown: Option<Shown>,
    /// Days since it was shown last.
    pub age_days: Option<i64>,
    #[serde(serialize_with = "maybe_day")]
    pub newest: Option<Date>,
}

/// Why a lab is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It comes back, and is due.
    Return,
    /// It was never graded.
    New,
    /// It is not passed and not due either, and there is nothing else.
    Again,
}

/// One thing to do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proposal {
    pub lab: String,
    pub level: u8,
    pub minutes: u16,
    pub kind: Kind,
    /// One sentence, without its full stop; says no day but past ones.
    pub why: String,
}

/// A lab that comes back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Return {
    pub lab: String,
    #[serde(serialize_with = "as_day")]
    pub due: Date,
    /// Below zero where it is overdue.
    pub due_in_days: i64,
    /// Days from the last turn to that day.
    pub interval_days: u16,
    /// When it was played last.
    #[serde(serialize_with = "as_day")]
    pub last: Date,
    pub went: Went,
    pub passed: bool,
    /// How it went, in words.
    pub why: String,
}

fn as_day<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

fn maybe_day<S: Serializer>(day: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => to.collect_str(day),
        None => to.serialize_none(),
    }
}

/// Plans a path from what was done so far. Labs that are no longer offered are not proposed; what they showed counts.
pub fn plan(role: Option<&Role>, past: &Past, offers: &[Offer], today: Date) -> Plan {
    let turns = past.turns();
    let skills = standings(role, past, offers, today);
    let wanted: Vec<(&Offer, u64)> =
        offers.iter().map(|offer| (offer, gain(offer, &skills))).filter(|(_, gain)| *gain > 0).collect();
    let mut returns: Vec<Return> = wanted
        .iter()
        .filter_map(|(offer, _)| returning(&offer.lab, turns.get(offer.lab.as_str())?, today))
        .collect();
    returns.sort_by(|one, other| (one.due, one.went, &one.lab).cmp(&(other.due, other.went, &other.lab)));
    let level = level(&turns, offers);
    let best: Vec<&Report> = past.best().into_values().collect();
    Plan {
        scorecard: role.map(|role| scorecard(role, &best)),
        level,
        next: next(past, &wanted, &returns, &skills, level),
        skills,
        returns,
    }
}

fn standings(role: Option<&Role>, past: &Past, offers: &[Offer], today: Date) -> Vec<SkillStanding> {
    let shown = shown(past);
    let offered = |skill: &Skill| offers.iter().any(|offer| offer.points.contains_key(skill));
    let weights: Vec<(Skill, Option<u32>)> = match role {
        Some(role) => role.weights.iter().map(|(skill, weight)| (*skill, Some(*weight))).collect(),
        None => {
            let known = |skill: &Skill| shown.contains_key(skill) || offered(skill);
            Skill::ALL.into_iter().filter(known).map(|skill| (skill, None)).collect()
        }
    };
    let mut standings: Vec<SkillStanding> = weights
        .into_iter()
        .map(|(skill, weight)| {
            let shown = shown.get(&skill).cloned();
            let newest = shown.as_ref().map(|shown| past.day(shown.newest_ms));
            // A clock that was set back makes nothing younger than today.
            let age_days = newest.map(|newest| days_between(newest, today).max(0));
            SkillStanding {
                skill,
                title: skill.title(),
                weight,
                core: role.is_some_and(|role| role.core.contains(&skill)),
                strength: Strength::of(
                    shown.as_ref(),
                    role.map_or(MARK, |role| role.pass),
                    age_days.unwrap_or(0),
                ),
                shown,
                age_days,
                newest,
            }
        })
        .collect();
    standings.sort_by_key(|standing| Reverse(standing.weight));
    standings
}

/// What a skill still wants, in percent.
fn need(standing: &SkillStanding) -> u64 {
    let share = standing.shown.as_ref().map_or(0, |shown| u64::from(shown.share_bp / 100));
    let least = if standing.strength == Strength::Faded { NEED_OF_FADED } else { LEAST_NEED };
    100u64.saturating_sub(share).max(least)
}

/// What a skill gains by a lab: its weight, by what it wants, by the lab's points of it.
fn gain_of(offer: &Offer, standing: &SkillStanding) -> u64 {
    let points = offer.points.get(&standing.skill).copied().unwrap_or(0);
    u64::from(standing.weight.unwrap_or(1)) * need(standing) * u64::from(points)
}

fn gain(offer: &Offer, skills: &[SkillStanding]) -> u64 {
    skills.iter().map(|standing| gain_of(offer, standing)).sum()
}

/// The hardest level that fits.
fn level(turns: &BTreeMap<&str, Vec<Turned<'_>>>, offers: &[Offer]) -> u8 {
    let mut level = 1;
    for offer in offers {
        for turn in turns.get(offer.lab.as_str()).into_iter().flatten() {
            if turn.report.verdict == Verdict::Passed {
                let alone = turn.tried.row.hints == 0;
                level = level.max(offer.level + u8::from(alone));
            }
        }
    }
    level.min(5)
}

fn returning(lab: &str, turned: &[Turned<'_>], today: Date) -> Option<Return> {
    let turns: Vec<Turn> = turned.iter().map(Turned::turn).collect();
    let due: Due = due(&turns, today)?;
    let last = turned.last()?;
    Some(Return {
        lab: lab.to_owned(),
        due: due.on,
        due_in_days: due.in_days(today),
        interval_days: INTERVALS[due.step],
        last: last.day,
        went: last.went,
        passed: turned.iter().any(|turn| turn.report.verdict == Verdict::Passed),
        why: last.words(),
    })
}

fn next(
    past: &Past,
    wanted: &[(&Offer, u64)],
    returns: &[Return],
    skills: &[SkillStanding],
    level: u8,
) -> Vec<Proposal> {
    let alive = past.alive();
    let free: Vec<_> = wanted.iter().filter(|(offer, _)| !alive.contains(offer.lab.as_str())).collect();
    let comes_back = |offer: &Offer| returns.iter().any(|back| back.lab == offer.lab);
    let mut new: Vec<_> = free.iter().filter(|(offer, _)| !comes_back(offer)).collect();
    new.sort_by_key(|(offer, gain)| {
        (offer.level.saturating_sub(level), Reverse(*gain), offer.minutes, &offer.lab)
    });
    let proposal = |offer: &Offer, kind, why| Proposal {
        lab: offer.lab.clone(),
        level: offer.level,
        minutes: offer.minutes,
        kind,
        why,
    };
    let back = |kind: Kind, fits: &dyn Fn(&Return) -> bool| -> Vec<Proposal> {
        let fitting = returns.iter().filter(|it| fits(it));
        let free = fitting.filter_map(|it| {
            let (offer, _) = free.iter().find(|(offer, _)| offer.lab == it.lab)?;
            let another = if offer.causes > 1 { "; another cause is drawn" } else { "" };
            Some(proposal(offer, kind, format!("{}{another}", it.why)))
        });
        free.collect()
    };
    let mut due = back(Kind::Return, &|it| it.due_in_days <= 0).into_iter();
    let mut new = new.into_iter().map(|(offer, _)| {
        let why = why_new(offer, skills, level, past.ungraded(&offer.lab));
        proposal(offer, Kind::New, why)
    });
    // What is due first, then something new, then the rest in turn.
    let mut next: Vec<Proposal> = due.next().into_iter().chain(new.next()).collect();
    while next.len() < PROPOSED {
        let returns = next.iter().filter(|it| it.kind == Kind::Return).count();
        let one = match returns < RETURNS_PROPOSED {
            true => due.next().or_else(|| new.next()),
            false => new.next().or_else(|| due.next()),
        };
        match one {
            Some(one) => next.push(one),
            None => break,
        }
    }
    let again = back(Kind::Again, &|it| it.due_in_days > 0 && !it.passed);
    next.extend(again.into_iter().take(PROPOSED - next.len()));
    next
}

/// Why a lab that was never graded: the skill that gains most by it, and how its level fits.
fn why_new(offer: &Offer, skills: &[SkillStanding], level: u8, begun: usize) -> String {
    let most = skills.iter().max_by_key(|standing| (gain_of(offer, standing), Reverse(standing.skill)));
    let skill = most.map_or(String::new(), |standing| {
        let weight = standing.weight.map_or(String::new(), |weight| format!(", {weight} % of the role,"));
        let share = standing.shown.as_ref().map_or(0, |shown| shown.share_bp / 100);
        let how = match (standing.strength, standing.newest) {
            (Strength::Untried, _) => "was never tried".to_owned(),
            (Strength::Faded, Some(newest)) => format!("was last shown on {newest}"),
            (Strength::Strong, _) => format!("is strong ({share} %) and stays so by practice"),
            (strength, _) => format!("is {} ({share} %)", strength.word()),
        };
        format!("{}{weight} {how}", standing.title)
    });
    let fits = match offer.level.cmp(&level) {
        _ if offer.level == 1 => "everybody can begin with level 1".to_owned(),
        std::cmp::Ordering::Less => format!("level {} is within what you have passed", offer.level),
        std::cmp::Ordering::Equal => format!("level {} is your next step", offer.level),
        std::cmp::Ordering::Greater => {
            format!("level {} is above what you have passed so far", offer.level)
        }
    };
    let begun = match begun {
        0 => String::new(),
        1 => "; begun once, not graded".to_owned(),
        _ => format!("; begun {begun} times, not graded"),
    };
    format!("{skill}; {fits}{begun}")
}

impl SkillStanding {
    /// What the figure rests on: `of 45 points in 2 labs, 3 days ago, 1 hint`; empty where it rests on nothing.
    pub fn basis(&self) -> String {
        let Some(shown) = &self.shown else { return String::new() };
        let labs = if shown.labs == 1 { "1 lab".to_owned() } else { format!("{} labs", shown.labs) };
        let hints = match shown.hints {
            0 => String::new(),
            1 => ", 1 hint".to_owned(),
            hints => format!(", {hints} hints"),
        };
        let age = spoken_age(self.age_days.unwrap_or(0));
        format!("{} points in {labs}, {age}{hints}", shown.points)
    }
}
