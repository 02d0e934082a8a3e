//! `crashcart check`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::report;
use crate::advice::nearest;
use crate::attempt::{Checked, check};
use crate::evidence::Evidence;
use crate::grade::{CheckReport, CheckVerdict, Report, where_read};
use crate::rubric::CheckId;
use crashcart_facts::Question;

/// Say, fact by fact, what was found and what was wanted
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
    /// Explain one check: where it was read, what was found there, and why it matters
    #[arg(long, value_name = "CHECK")]
    why: Option<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let mut open = app.open(&store, args.attempt.as_deref())?;
    if let Some(name) = &args.why
        && !open.rubric.checks.iter().any(|check| check.id.as_str() == name)
    {
        let names: Vec<&str> = open.rubric.checks.iter().map(|check| check.id.as_str()).collect();
        let next = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names.join(", ")),
        };
        return Err(Failure::plain(
            Exit::Usage,
            format!("lab `{}` has no check `{name}`", open.lab.name),
            next,
        ));
    }
    let site = app.site(&store)?;
    let _lock = app.hold(&store, &mut open.row)?;
    let nodes = app.open_nodes(&site, &open)?;
    let draw = open.draw()?;
    let Checked { evidences, report } =
        app.block_on(check(&site, &mut store, &open.row.id, &nodes, &open.rubric, &draw, true))?;
    if let Some(name) = &args.why {
        let found: Vec<_> = report.checks.iter().filter(|check| check.id.as_str() == name).collect();
        let Some(check) = found.first() else {
            let error = format!("check `{name}` does not belong to this attempt's fault");
            return Err(Failure::plain(Exit::Usage, error, "see `crashcart check` for those that do"));
        };
        let probe = probe(&evidences.live, &check.id);
        let asked = open.rubric.check(&check.id).expect("a report's checks are the rubric's");
        let place = check.nodes.first().map(|node| where_read(asked, node, &evidences.live));
        let script = script(asked.ask.template());
        let data = serde_json::json!({ "check": check, "question": probe, "place": place });
        app.output.data(&data, |paint| report::why(check, place.as_ref(), script, *paint));
        return Ok(exit_of(&report));
    }
    app.output.data(&report, |paint| {
        format!(
            "{}\n{}",
            report::checks(&report, *paint, app.output.width()),
            report::totals(&report, *paint)
        )
    });
    let next = match first_failing(&report) {
        Some(id) => format!("next:  crashcart check --why {id}, or crashcart hint"),
        None => "next:  crashcart grade".into(),
    };
    app.output.talk(next);
    Ok(exit_of(&report))
}

/// Done when nothing is wrong; the machine's fault when nothing is wrong but something could not be told.
fn exit_of(report: &Report) -> Exit {
    let failed = report.checks.iter().any(|check| matches!(check.verdict, CheckVerdict::Fail { .. }));
    match (failed, report.nothing_wrong()) {
        (true, _) => Exit::NotYet,
        (false, true) => Exit::Done,
        (false, false) => Exit::Machine,
    }
}

fn first_failing(report: &Report) -> Option<&CheckId> {
    let wrong = |check: &&CheckReport| !matches!(check.verdict, CheckVerdict::Pass { .. }) && !check.waits();
    report.checks.iter().find(wrong).map(|check| &check.id)
}

/// The lines of a script of the rubric's own that is run in the node.
fn script(question: &Question) -> Option<&str> {
    match question {
        Question::Command { argv, .. } => {
            argv.last().map(|script| script.trim()).filter(|script| script.contains('\n'))
        }
        _ => None,
    }
}

/// The question as it was put, without what is wanted.
fn probe(evidence: &Evidence, id: &CheckId) -> String {
    let seen = evidence.observations.iter().find(|seen| seen.of == *id);
    seen.map_or_else(
        || "none was put".into(),
        |seen| serde_json::to_string(&seen.question).expect("questions serialise"),
    )
}
