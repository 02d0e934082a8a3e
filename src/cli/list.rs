//! `crashcart list`.

use std::collections::BTreeMap;

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::advice::nearest;
use crate::lab::Track;
use crate::store::{Score, Stage, Store};

/// Show the labs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only labs of this track
    #[arg(long)]
    track: Option<String>,
    /// Only labs that have not been passed
    #[arg(long)]
    todo: bool,
    /// Only labs whose name, title or summary has this word
    #[arg(value_name = "WORD")]
    word: Option<String>,
}

/// One line of the list.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    name: String,
    title: String,
    summary: String,
    track: Track,
    level: u8,
    minutes: u16,
    nodes: usize,
    skills: Vec<crate::rubric::Skill>,
    /// Best grade so far, of 100.
    best: Option<u32>,
    passed: bool,
    /// Stage of an attempt that is not over.
    stage: Option<Stage>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let (labs, bad) = catalog.labs()?;
    let store = app.store()?;
    let best = best(&store, catalog.collection())?;
    let alive: BTreeMap<String, Stage> =
        store.unfinished()?.into_iter().map(|row| (row.lab, row.stage)).collect();
    if let Some(track) = &args.track
        && !labs.iter().any(|lab| lab.track.to_string() == *track)
    {
        let tracks: std::collections::BTreeSet<String> =
            labs.iter().map(|lab| lab.track.to_string()).collect();
        let tracks: Vec<String> = tracks.into_iter().collect();
        let error = format!("no lab belongs to track `{track}`");
        let next = match nearest(track, &tracks) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("tracks with labs: {}", tracks.join(", ")),
        };
        return Err(Failure::plain(Exit::Usage, error, next));
    }
    let word = args.word.as_ref().map(|word| word.to_lowercase());
    let lines: Vec<Line> = labs
        .into_iter()
        .filter(|lab| args.track.as_ref().is_none_or(|track| lab.track.to_string() == *track))
        .filter(|lab| {
            let text = format!("{} {} {}", lab.name, lab.title, lab.summary).to_lowercase();
            word.as_ref().is_none_or(|word| text.contains(word))
        })
        .map(|lab| {
            let score = best.get(lab.name.as_str());
            Line {
                best: score.map(|score| score.earned),
                passed: score.is_some_and(|score| score.verdict == "passed"),
                stage: alive.get(lab.name.as_str()).copied(),
                name: lab.name.to_string(),
                title: lab.title,
                summary: lab.summary,
                track: lab.track,
                level: lab.level,
                minutes: lab.minutes,
                nodes: lab.nodes.len(),
                skills: lab.skills,
            }
        })
        .filter(|line| !args.todo || !line.passed)
        .collect();
    app.output.data(&lines, |paint| {
        let mut rows = vec![
            ["LAB", "TRACK", "LEVEL", "MIN", "NODES", "BEST", ""].map(|head| paint.faint(head)).to_vec(),
        ];
        for line in &lines {
            let best = match (line.best, line.passed) {
                (Some(best), true) => paint.good(best.to_string()),
                (Some(best), false) => paint.unsure(best.to_string()),
                (None, _) => "-".into(),
            };
            let state = line.stage.map(|stage| format!(" ({stage})")).unwrap_or_default();
            rows.push(vec![
                paint.strong(&line.name),
                line.track.to_string(),
                line.level.to_string(),
                line.minutes.to_string(),
                line.nodes.to_string(),
                best,
                format!("{}{state}", line.summary),
            ]);
        }
        table(&rows)
    });
    for name in &bad {
        app.output.talk(format!("lab `{name}` has mistakes: see `crashcart lab lint {name}`"));
    }
    if lines.is_empty() {
        app.output.talk("no lab fits\nnext:  crashcart list");
    }
    Ok(Exit::Done)
}

/// The best grade of each lab of a collection, whatever its commit, or of crashcart's own: one that passed before one
/// that did not, then by points.
pub fn best(store: &Store, collection: Option<&str>) -> Result<BTreeMap<String, Score>, Failure> {
    let mut best: BTreeMap<String, Score> = BTreeMap::new();
    let name = |source: Option<&str>| source.map(|it| it.split('#').next().unwrap_or(it).to_owned());
    for score in store.scores()? {
        if score.demo || name(score.collection.as_deref()) != name(collection) {
            continue;
        }
        let worth = |score: &Score| (score.verdict == "passed", score.earned);
        match best.get(&score.lab) {
            Some(known) if worth(known) >= worth(&score) => {}
            _ => {
                best.insert(score.lab.clone(), score);
            }
        }
    }
    Ok(best)
}
