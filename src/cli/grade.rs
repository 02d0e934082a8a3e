//! `crashcart grade`.

use super::app::{App, Open};
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::report;
use crate::advice::nearest;
use crate::attempt::{Graded, cost_percent, grade, judge_again};
use crate::grade::{Report, Scorecard, Verdict, scorecard};
use crate::lab::Catalog;
use crate::review::Timeline;
use crate::rubric::Role;
use crate::store::Stage;

/// The role that the demo's lab counts most for.
pub const DEMO_ROLE: &str = "machine-learning-engineer";

/// Restart the nodes and score the repair
///
/// Facts are read as you left them, then all processes are started anew on the same disks, and the facts
/// that must survive that are read again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
    /// Score it for this role too; may be given several times, `all` means each. Without it, for the role that you
    /// follow
    #[arg(long, value_name = "ROLE", add = complete::roles())]
    role: Vec<String>,
    /// Judge the evidence of the last grading again, under the rubric as it is now; touches no node
    #[arg(long)]
    stored: bool,
    /// List all that changed on the nodes since they were handed over, for the task and beside it
    #[arg(long)]
    changes: bool,
    /// Do not ask before the nodes are restarted
    #[arg(long, short)]
    yes: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let mut open = app.open(&store, args.attempt.as_deref())?;
    let roles = match &args.role[..] {
        // A mistake in a role is told by `path`, and keeps nobody from his grading.
        [] => {
            let roles = open.catalog.roles().unwrap_or_default();
            super::path::followed(&store, &roles)?.cloned().into_iter().collect()
        }
        names if names.iter().any(|name| name == "all") => open.catalog.roles()?,
        names => names.iter().map(|name| role(&open.catalog, name)).collect::<Result<_, _>>()?,
    };
    let graded = if args.stored {
        judge_again(&store, &open.row.id, &open.rubric)?
    } else {
        let question = "all processes in the nodes are restarted for this. Go on?";
        if app.output.interactive && !args.yes && !super::app::ask(question)? {
            app.output.talk("nothing was changed");
            return Ok(Exit::Done);
        }
        let site = app.site(&store)?;
        let _lock = app.hold(&store, &mut open.row)?;
        let nodes = app.open_nodes(&site, &open)?;
        let draw = open.draw()?;
        let output = app.output;
        let told = move |line: &str| output.talk(line);
        app.block_on(grade(&site, &mut store, &open.row.id, &nodes, &open.rubric, &draw, &told))?
    };
    let went = super::review::timeline(app, &store, &open.row.id)?;
    show(app, &open, &graded, &roles, &went, args.changes)?;
    if graded.report.verdict == Verdict::Passed {
        let id = &open.row.id;
        app.output.talk(format!("\nmore:  crashcart report {id} --solution, or --timeline, or --card"));
    }
    match graded.report.verdict {
        Verdict::Passed if open.row.stage == Stage::Stopped => app.output.talk("next:  crashcart next"),
        Verdict::Passed => {
            app.output.talk(format!("next:  crashcart stop {}, then crashcart next", open.row.id))
        }
        Verdict::Failed if open.row.stage == Stage::Stopped => {
            app.output.talk(format!("\nnext:  crashcart start {}", open.row.lab));
        }
        Verdict::Failed => app.output.talk("\nnext:  crashcart shell, or crashcart hint"),
        Verdict::Undecided => {
            app.output.talk("\nnext:  crashcart grade again; `crashcart status` shows the nodes")
        }
    }
    Ok(exit_of(&graded.report))
}

/// Prints a grading: checks, criteria, verdict, roles, and after passing the debrief and how it went.
pub fn show(
    app: &App,
    open: &Open,
    graded: &Graded,
    roles: &[Role],
    went: &Timeline,
    all_changes: bool,
) -> Result<(), Failure> {
    let report = &graded.report;
    let cards: Vec<Scorecard> = roles.iter().map(|role| scorecard(role, &[report])).collect();
    let debrief = match report.verdict {
        Verdict::Passed => {
            let text = super::brief::fill(&open.lab, &open.draw()?, "debrief.md")?;
            let cause = open.draw()?.variant.cause.clone();
            Some((cause, crate::publish::debrief(&text, open.row.variant.as_str())))
        }
        _ => None,
    };
    // The report's own keys at the top, as they are stored.
    let mut data = serde_json::to_value(report).expect("reports serialise");
    data["roles"] = serde_json::to_value(&cards).expect("scorecards serialise");
    let (hints, cost) = (open.row.hints, cost_percent(open.row.hints));
    data["hints"] = serde_json::json!({ "seen": hints, "cost-percent": cost });
    data["went"] = serde_json::to_value(&went.summary).expect("summaries serialise");
    let changes = graded.evidences.changes.as_ref().filter(|_| all_changes);
    if let Some(changes) = changes {
        data["changes"] = serde_json::to_value(changes).expect("changes serialise");
    }
    app.output.data(&data, |paint| {
        let mut text = format!(
            "{}\n{}\n{}\n",
            report::checks(report, *paint, app.output.width()),
            report::criteria(report, *paint),
            report::totals(report, *paint)
        );
        if hints > 0 {
            let left = u64::from(report.totals.earned.0) * u64::from(100 - cost) / 100;
            let hints = if hints == 1 { "1 hint".to_owned() } else { format!("{hints} hints") };
            text.push_str(&format!("{left} of {} points after {cost} % for {hints}\n", report.totals.max));
        }
        let listed_by = format!("crashcart grade {} --stored --changes", open.row.id);
        let listed_by = changes.is_none().then_some(listed_by.as_str());
        text.push_str(&format!("\n{}", report::beside(report, listed_by, *paint)));
        if let Some(changes) = changes {
            text.push_str(&format!("\n{}", report::changes(changes, *paint)));
        }
        for (card, role) in cards.iter().zip(roles) {
            text.push_str(&format!("\n{}", report::scorecard(card, role, *paint)));
        }
        if let Some((cause, debrief)) = &debrief {
            text.push_str(&format!(
                "\n{}\n{cause}\n\n{}",
                paint.strong("The cause"),
                super::brief::decorate(debrief, *paint)
            ));
            text.push_str(&format!("\n{}\n{}", paint.strong("How it went"), report::summary(&went.summary)));
        }
        text
    });
    Ok(())
}

/// Passed is done; failed is not right yet; undecided is the machine's.
pub fn exit_of(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Passed => Exit::Done,
        Verdict::Failed => Exit::NotYet,
        Verdict::Undecided => Exit::Machine,
    }
}

/// One role by name.
pub fn role(catalog: &Catalog, name: &str) -> Result<Role, Failure> {
    let roles = catalog.roles()?;
    match roles.iter().position(|role| role.id.as_str() == name) {
        Some(index) => Ok(roles.into_iter().nth(index).expect("just found")),
        None => {
            let names: Vec<&str> = roles.iter().map(|role| role.id.as_str()).collect();
            let next = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names.join(", ")),
            };
            Err(Failure::plain(Exit::Usage, format!("there is no role `{name}`"), next))
        }
    }
}
