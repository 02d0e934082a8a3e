//! `crashcart path`.

use jiff::civil::Date;

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::{Output, Paint, fold, table};
use crate::grade::{Scorecard, scorecard};
use crate::lab::Lab;
use crate::progress::schedule::{spoken_age, spoken_due};
use crate::progress::{self, Offer, Past, Plan, SkillStanding, Strength, plan};
use crate::publish::{Scoring, Shown};
use crate::rubric::Role;
use crate::store::Store;

/// Show your path in a role: what is strong, what is weak, what comes next
///
/// How each skill of the role stands, by the newest attempt of each lab with its hints counted and its age beside it;
/// three labs to do next, and why; and the labs that come back, sooner the harder they were. Without a role, the one
/// that you follow; where you follow none, all skills alike.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A role, as `crashcart path` lists them
    #[arg(add = complete::roles())]
    role: Option<String>,
    /// Follow this role: `crashcart next` and the home screen plan for it from now on
    #[arg(long, requires = "role")]
    follow: bool,
    /// Follow no role any more
    #[arg(long, conflicts_with_all = ["role", "follow"])]
    unfollow: bool,
}

/// What is printed.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shows<'a> {
    role: Option<&'a str>,
    title: Option<&'a str>,
    followed: bool,
    #[serde(flatten)]
    plan: &'a Plan,
    /// How every role stands; only where none is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Scorecard>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    if args.unfollow {
        store.set_role(None)?;
    }
    let role = match &args.role {
        Some(name) => Some(super::grade::role(&app.catalog()?, name)?),
        None => match store.role()? {
            Some(name) => {
                Some(super::grade::role(&app.catalog()?, &name).map_err(|failure| gone(failure, &name))?)
            }
            None => None,
        },
    };
    if let (true, Some(role)) = (args.follow, &role) {
        store.set_role(Some(role.id.as_str()))?;
    }
    let followed = role
        .as_ref()
        .is_some_and(|role| store.role().is_ok_and(|it| it.as_deref() == Some(role.id.as_str())));
    let (labs, _) = app.catalog()?.labs()?;
    let offers = offers(app, labs)?;
    let past = past(&store)?;
    let plan = plan(role.as_ref(), &past, &offers, past.day(app.clock.now_ms()));
    let roles = match role {
        Some(_) => Vec::new(),
        None => {
            let best: Vec<_> = past.best().into_values().collect();
            app.catalog()?.roles()?.iter().map(|role| scorecard(role, &best)).collect()
        }
    };
    let shows = Shows {
        role: role.as_ref().map(|role| role.id.as_str()),
        title: role.as_ref().map(|role| role.title.as_str()),
        followed,
        plan: &plan,
        roles,
    };
    let output = app.output;
    app.output.data(&shows, |paint| text(&shows, role.as_ref(), output, *paint));
    match (&role, followed) {
        (Some(role), false) => {
            app.output.talk(format!(
                "follow it with `crashcart path {} --follow`: `crashcart next` then plans for it",
                role.id
            ));
        }
        (None, _) if !shows.roles.is_empty() => {
            app.output.talk("plan for one of them: `crashcart path ROLE`, and with `--follow` from now on");
        }
        _ => {}
    }
    if let Some(first) = plan.next.first() {
        app.output.talk(format!("next:  crashcart start {}", first.lab));
    }
    Ok(Exit::Done)
}

/// The role that was followed is no longer there.
fn gone(failure: Failure, name: &str) -> Failure {
    Failure::plain(
        failure.exit,
        format!("the role `{name}`, which you follow, cannot be had: {}", failure.error),
        "follow another with `crashcart path ROLE --follow`, or none with `crashcart path --unfollow`",
    )
    .with_detail(failure.detail)
}

/// The role that `next` and the home screen plan for; none where none is followed, or where it is gone: that keeps
/// nobody from his labs, and `crashcart path` tells of it.
pub fn followed<'a>(store: &Store, roles: &'a [Role]) -> Result<Option<&'a Role>, Failure> {
    let name = store.role()?;
    Ok(name.and_then(|name| roles.iter().find(|role| role.id.as_str() == name)))
}

/// A learner's attempts, with days as they are here.
pub fn past(store: &Store) -> Result<Past, Failure> {
    Ok(Past::read(store, jiff::tz::TimeZone::system())?)
}

/// The day of a moment, here.
pub fn day(ms: u64) -> Date {
    progress::day(ms, jiff::tz::TimeZone::system())
}

/// What there is to propose. A lab whose rubric is not at hand, or has a mistake, is offered by what it says of itself.
pub fn offers(app: &mut App, labs: Vec<Lab>) -> Result<Vec<Offer>, Failure> {
    let catalog = app.catalog()?;
    let offer = |lab: Lab| {
        let scoring = catalog.rubric(&lab).ok().map(|rubric| Scoring::of(&lab, &rubric));
        Shown { lab, scoring }.offer()
    };
    Ok(labs.into_iter().map(offer).collect())
}

/// Characters of the columns beside the name of a skill.
const BESIDE: usize = 55;
/// Least characters that a skill's name gets.
const LEAST_NAME: usize = 20;

fn text(shows: &Shows<'_>, role: Option<&Role>, output: Output, paint: Paint) -> String {
    let (plan, width) = (shows.plan, output.width());
    let mut text = match (role, &plan.scorecard) {
        (Some(role), Some(card)) => format!("{}\n\n", super::report::standing(card, role, paint)),
        _ => format!("{}\n\n", paint.strong("All skills, each as heavy as another")),
    };
    text.push_str(&skills(&plan.skills, width, paint));
    text.push_str(&format!("\n{}\n", paint.faint("NEXT")));
    for (nth, proposal) in plan.next.iter().enumerate() {
        text.push_str(&format!(
            "{}. {}  level {}, about {} minutes\n   {}\n",
            nth + 1,
            paint.strong(&proposal.lab),
            proposal.level,
            proposal.minutes,
            fold(&proposal.why, width.saturating_sub(3), 3)
        ));
    }
    if plan.next.is_empty() {
        text.push_str("nothing new, and nothing that is due\n");
    }
    text.push_str(&format!("\n{}\n", paint.faint("COMING BACK")));
    let rows: Vec<Vec<String>> = plan
        .returns
        .iter()
        .map(|back| {
            let due = spoken_due(back.due_in_days);
            let due = if back.due_in_days <= 0 { paint.unsure(due) } else { due };
            vec![back.lab.clone(), due, back.why.clone()]
        })
        .collect();
    text.push_str(&table(&rows));
    if rows.is_empty() {
        text.push_str("nothing yet: a lab comes back once it was graded\n");
    }
    if !shows.roles.is_empty() {
        text.push_str(&format!("\n{}\n", paint.faint("ROLES")));
        let percent = |bp: u32| format!("{} %", bp / 100);
        let rows: Vec<Vec<String>> = shows
            .roles
            .iter()
            .map(|card| {
                let score = card.score_bp.map_or("-".to_owned(), percent);
                let covered =
                    format!("mark {}, over {} % of its weight", percent(card.pass_bp), card.weight_covered);
                vec![card.role.to_string(), score, covered]
            })
            .collect();
        text.push_str(&table(&rows));
    }
    text
}

/// The skills in columns that fit the width, for names give way.
fn skills(skills: &[SkillStanding], width: usize, paint: Paint) -> String {
    let weighed = skills.iter().any(|standing| standing.weight.is_some());
    let heads = ["SKILL", "WEIGHT", "SHOWN", "", "LABS", "HINTS", "LAST"];
    let column = |nth: usize| weighed || nth != 1;
    let kept = |cells: [String; 7]| -> Vec<String> {
        cells.into_iter().enumerate().filter(|(nth, _)| column(*nth)).map(|(_, cell)| cell).collect()
    };
    let mut rows = vec![kept(heads.map(|head| paint.faint(head)))];
    for standing in skills {
        let word = standing.strength.word();
        let word = match standing.strength {
            Strength::Strong => paint.good(word),
            Strength::Weak => paint.bad(word),
            Strength::Fair | Strength::Faded => paint.unsure(word),
            Strength::Untried => paint.faint(word),
        };
        let figures = match &standing.shown {
            None => ["-"; 4].map(str::to_owned),
            Some(shown) => [
                format!("{} %", shown.share_bp / 100),
                shown.labs.to_string(),
                shown.hints.to_string(),
                spoken_age(standing.age_days.unwrap_or(0)),
            ],
        };
        let [share, labs, hints, last] = figures;
        rows.push(kept([
            crate::grade::short(standing.title, width.saturating_sub(BESIDE).max(LEAST_NAME)),
            standing.weight.map_or(String::new(), |weight| format!("{weight} %")),
            share,
            word,
            labs,
            hints,
            last,
        ]));
    }
    table(&rows)
}
