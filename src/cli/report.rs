//! A report as a person reads it.

use super::output::{Paint, table, visible};
use crate::evidence::{Changes, Place};
use crate::grade::{
    Beside, CheckReport, CheckVerdict, GuardState, Outcome, Report, RoleVerdict, Scorecard, TEXT_LIMIT,
    Verdict, clean, short,
};
use crate::review::{By, Summary, Timeline, What};
use crate::rubric::{Effect, Phase, Role, Severity};
use crate::units::spoken_duration;

/// Every check that earns points with what was found and what was wanted, and every guard that does not
/// hold; guards that hold are counted in one line. No line is longer than `width` characters.
pub fn checks(report: &Report, paint: Paint, width: usize) -> String {
    let restarted =
        report.checks.iter().any(|check| check.phase == Phase::AfterRestart && !check.provisional);
    let earning = |check: &CheckReport| {
        report
            .criteria
            .iter()
            .any(|criterion| criterion.phase == check.phase && criterion.checks.contains(&check.id))
    };
    let passes = |check: &CheckReport| matches!(check.verdict, CheckVerdict::Pass { .. });
    let (shown, quiet): (Vec<&CheckReport>, Vec<&CheckReport>) =
        distinct(report).into_iter().partition(|check| earning(check) || !passes(check));
    let mut rows = Vec::new();
    for check in &shown {
        let mark = match &check.verdict {
            CheckVerdict::Pass { .. } => paint.good("pass"),
            CheckVerdict::Fail { .. } => paint.bad("FAIL"),
            CheckVerdict::Unknown { .. } if check.waits() => paint.faint("wait"),
            CheckVerdict::Unknown { .. } => paint.unsure("????"),
        };
        let mut row = vec![mark, check.id.to_string()];
        if restarted {
            row.push(paint.faint(if check.phase == Phase::Live { "before" } else { "after restart" }));
        }
        let nodes: Vec<&str> = check.nodes.iter().map(|node| node.as_str()).collect();
        row.push(paint.faint(nodes.join(",")));
        rows.push(row);
    }
    let head = table(&rows);
    let column = head.lines().map(visible).max().unwrap_or(0) + 2;
    let room = width.saturating_sub(column).max(24);
    let mut text = String::new();
    for (line, check) in head.lines().zip(&shown) {
        let padded = format!("{line}{}", " ".repeat(column.saturating_sub(visible(line))));
        let found = check.short_found(room);
        text.push_str(format!("{padded}{found}").trim_end());
        text.push('\n');
        if matches!(check.verdict, CheckVerdict::Fail { .. }) {
            text.push_str(&format!(
                "{}{}\n",
                " ".repeat(column),
                paint.faint(format!("wanted {}", check.short_wanted(room.saturating_sub(7))))
            ));
        }
    }
    if !quiet.is_empty() {
        text.push_str(&format!(
            "{} {} more that must stay as they are, and do\n",
            paint.good("pass"),
            quiet.len()
        ));
    }
    for guard in report.guards.iter().filter(|guard| guard.state == GuardState::Broken) {
        let cost = match guard.effect {
            Effect::Fail => "the lab is failed".to_owned(),
            Effect::Cap(points) => format!("at most {points} points in all"),
            Effect::CapSkill { skill, at } => format!("at most {at} points for {skill}"),
        };
        text.push_str(&format!("{} {}: {} ({cost})\n", paint.bad("guard"), guard.id, guard.why));
    }
    text
}

/// Each check once where both phases rest on the same reading.
fn distinct(report: &Report) -> Vec<&CheckReport> {
    let mut shown: Vec<&CheckReport> = Vec::new();
    for check in &report.checks {
        if !shown.iter().any(|known| known.id == check.id && (check.provisional || known.provisional)) {
            shown.push(check);
        }
    }
    shown
}

/// Points and verdict in a line or two.
pub fn totals(report: &Report, paint: Paint) -> String {
    let totals = report.totals;
    match (report.verdict, totals.provisional) {
        (Verdict::Undecided, Some(so_far)) => {
            let line = format!(
                "{so_far} of {} points as it stands; {} of them hang on a restart",
                totals.max, totals.undecided
            );
            if so_far == totals.max { paint.good(line) } else { line }
        }
        (Verdict::Passed, _) => {
            paint.good(format!("passed: {} of {} points (mark {})", totals.earned, totals.max, report.pass))
        }
        (Verdict::Failed, _) => paint
            .bad(format!("not passed: {} of {} points (mark {})", totals.earned, totals.max, report.pass)),
        (Verdict::Undecided, None) => paint.unsure(format!(
            "undecided: {} of {} points are certain, {} could not be told (mark {})",
            totals.earned, totals.max, totals.undecided, report.pass
        )),
    }
}

/// What became of the nodes beside the task: damage one by one, the rest counted. `listed_by` is how to see all of it.
pub fn beside(report: &Report, listed_by: Option<&str>, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.strong("Beside the task"));
    let Some(beside) = &report.beside else {
        text.push_str(&paint.faint("not known: nobody looked when the nodes were handed over\n"));
        return text;
    };
    let mut said: Option<&str> = None;
    for damage in &beside.damage {
        if said != Some(&damage.says) {
            let severity = match damage.severity {
                Severity::Grave => paint.bad(damage.severity.to_string()),
                Severity::Serious | Severity::Minor => paint.unsure(damage.severity.to_string()),
            };
            text.push_str(&format!("{severity}: {} [{}]\n", damage.says, damage.kind));
            said = Some(&damage.says);
        }
        text.push_str(format!("  {}  {}  {}", damage.node, damage.what, damage.how).trim_end());
        text.push('\n');
    }
    if beside.damage.is_empty() && beside.not_known.is_empty() {
        text.push_str(&format!("{}\n", paint.good("no damage found")));
    }
    let mut rows = Vec::new();
    for (node, why) in &beside.not_known {
        rows.push(vec![node.to_string(), paint.unsure(format!("not known: {why}"))]);
    }
    for (node, counts) in &beside.changed {
        rows.push(vec![node.to_string(), format!("changed: {}", Beside::counted(counts))]);
    }
    text.push_str(&table(&rows));
    if let Some(command) = listed_by
        && beside.changed.values().any(|counts| !counts.is_empty())
    {
        text.push_str(&paint.faint(format!("all of it: {command}\n")));
    }
    text
}

/// Most changes of one node that are listed.
const CHANGES_LISTED: usize = 500;
/// Most characters of a name in that list.
const NAME_LISTED: usize = 200;

/// Every change, node by node.
pub fn changes(changes: &Changes, paint: Paint) -> String {
    let mut text = String::new();
    for (node, changes) in &changes.nodes {
        text.push_str(&format!("{}\n", paint.strong(format!("Changed on {node}"))));
        if let Some(why) = &changes.not_known {
            text.push_str(&format!("not known {}\n", clean(why, TEXT_LIMIT)));
            continue;
        }
        let lines = changes.lines();
        let shown = lines.iter().take(CHANGES_LISTED).map(|line| {
            let name = short(&clean(&line.name, TEXT_LIMIT), NAME_LISTED);
            let what = short(&clean(&line.what, TEXT_LIMIT), NAME_LISTED);
            vec![line.list.words(1).to_owned(), line.fate.word().to_owned(), name, paint.faint(what)]
        });
        let shown: Vec<Vec<String>> = shown.collect();
        text.push_str(&if shown.is_empty() { "nothing\n".to_owned() } else { table(&shown) });
        if lines.len() > CHANGES_LISTED {
            text.push_str(&format!("and {} more: crashcart --json\n", lines.len() - CHANGES_LISTED));
        }
        for (place, why) in &changes.cut {
            text.push_str(&format!("{} not in full: {}\n", clean(place, TEXT_LIMIT), clean(why, TEXT_LIMIT)));
        }
    }
    text
}

/// Criterion by criterion, with points and skills.
pub fn criteria(report: &Report, paint: Paint) -> String {
    let mut rows = vec![["CRITERION", "SKILL", "PHASE", "POINTS", ""].map(|head| paint.faint(head)).to_vec()];
    for criterion in &report.criteria {
        let points = format!("{}/{}", criterion.earned, criterion.max);
        let (points, note) = match criterion.outcome {
            Outcome::Pass => (paint.good(points), String::new()),
            Outcome::Part => (paint.unsure(points), criterion.level.clone().unwrap_or_default()),
            Outcome::Fail => (paint.bad(points), String::new()),
            Outcome::Blocked => {
                let by: Vec<String> = criterion.blocked_by.iter().map(ToString::to_string).collect();
                (paint.bad(points), format!("needs {} first", by.join(", ")))
            }
            Outcome::Unknown => (paint.unsure(points), "could not be told".into()),
            Outcome::NotYet => (paint.faint(points), "measured after a restart".into()),
        };
        let phase = if criterion.phase == Phase::Live { "before" } else { "after restart" };
        rows.push(vec![criterion.id.to_string(), criterion.skill.to_string(), phase.into(), points, note]);
    }
    table(&rows)
}

/// What the report means for one role.
pub fn scorecard(card: &Scorecard, role: &Role, paint: Paint) -> String {
    let mut text = format!("{}\n", standing(card, role, paint));
    let mut rows = Vec::new();
    for skill in card.skills.iter().filter(|skill| skill.available.0 > 0) {
        let core = if skill.core { "core" } else { "" };
        rows.push(vec![
            format!("  {}", skill.skill),
            skill.skill.title().to_owned(),
            format!("{}/{}", skill.earned, skill.available),
            format!("weight {}", skill.weight),
            format!("floor {} %", skill.floor),
            core.to_owned(),
        ]);
    }
    text.push_str(&table(&rows));
    if !card.uncovered.is_empty() {
        let skills: Vec<String> = card.uncovered.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  not in this lab: {}\n", skills.join(", ")));
    }
    text
}

/// The first line of a scorecard: verdict, score, mark, and how much of the role that is about.
pub fn standing(card: &Scorecard, role: &Role, paint: Paint) -> String {
    let percent = |bp: u32| format!("{}.{:02} %", bp / 100, bp % 100);
    let verdict = match card.verdict {
        RoleVerdict::Pass => paint.good("met"),
        RoleVerdict::Fail => paint.bad("not met"),
        RoleVerdict::Incomplete => paint.unsure("more labs needed"),
    };
    let score = card.score_bp.map_or("-".into(), percent);
    format!(
        "{}: {verdict}; {score} (mark {}) over {} % of the role's weight",
        paint.strong(&role.title),
        percent(card.pass_bp),
        card.weight_covered,
    )
}

/// How an attempt went, in a few lines.
pub fn summary(summary: &Summary) -> String {
    let rows: Vec<Vec<String>> =
        summary.words().into_iter().map(|(what, how)| vec![format!("  {what}"), how]).collect();
    table(&rows)
}

/// What happened and when: the learner's time at the left.
pub fn timeline(timeline: &Timeline, paint: Paint) -> String {
    let mut rows = vec![["TIME", "WHAT"].map(|head| paint.faint(head)).to_vec()];
    let begin = timeline.moments.len() / 2;
    for (nth, moment) in timeline.moments.iter().enumerate() {
        if timeline.left_out > 0 && nth == begin {
            rows.push(vec![String::new(), paint.faint(format!("{} more", timeline.left_out))]);
        }
        let words = moment.what.words();
        let words = match &moment.what {
            What::Look(look) if look.by == By::Grade && look.verdict == Verdict::Passed => paint.good(words),
            What::Look(look) if !look.worse.is_empty() => paint.bad(words),
            _ => words,
        };
        rows.push(vec![spoken_duration(moment.used_ms), words]);
    }
    table(&rows)
}

/// One check in full, without its cure: where it was read, how to read the same by hand, what was found. A script
/// that was run for it is shown as the rubric has it.
pub fn why(check: &CheckReport, place: Option<&Place>, script: Option<&str>, paint: Paint) -> String {
    if check.waits() {
        return format!(
            "{}\n{}\n\nasked only when grading: it disturbs the node\n",
            paint.strong(&check.id),
            check.why
        );
    }
    let nodes: Vec<&str> = check.nodes.iter().map(|node| node.as_str()).collect();
    let verdict = match check.verdict {
        CheckVerdict::Pass { .. } => paint.good("met"),
        CheckVerdict::Fail { .. } => paint.bad("not met"),
        CheckVerdict::Unknown { .. } => paint.unsure("unknown"),
    };
    let mut text = format!("{}: {verdict}\n{}\n\n", paint.strong(&check.id), check.why);
    let mut rows = vec![vec!["asked".to_owned(), nodes.join(", ")]];
    if let Some(place) = place {
        rows.push(vec!["read from".to_owned(), clean(&place.source, TEXT_LIMIT)]);
        rows.push(vec!["by hand".to_owned(), clean(&place.by_hand, TEXT_LIMIT)]);
    }
    rows.push(vec!["found".to_owned(), check.found().to_owned()]);
    rows.push(vec!["wanted".to_owned(), check.wanted.clone()]);
    rows.push(vec!["took".to_owned(), format!("{} ms", check.took_ms)]);
    text.push_str(&table(&rows));
    if let Some(script) = script {
        text.push_str("\nthe script, with {{…}} for what is drawn anew each time:\n\n");
        for line in clean(script, TEXT_LIMIT).lines() {
            text.push_str(&format!("    {}\n", paint.faint(line)));
        }
    }
    text
}
