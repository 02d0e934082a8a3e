//! What killed runs left behind: found by stage, by lock and by label, then
//! finished or removed.
//!
//! A lock that is free tells that no crashcart is at work on an attempt any
//! more, however its process ended.

use std::collections::{BTreeMap, BTreeSet};

use super::Site;
use super::stop::{StopError, remove_all};
use crate::engine::{Found, LABEL_ATTEMPT, LABEL_HOME, Labels};
use crate::store::{AttemptId, Purpose, RecordKind, Stage, Store};

/// Something that a killed run left.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Leftover {
    pub attempt: AttemptId,
    pub lab: Option<String>,
    pub kind: LeftoverKind,
    /// Names of what stands in the engine.
    pub objects: Vec<String>,
}

/// How it was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftoverKind {
    /// The start was interrupted: can be finished with `start`, or removed.
    Start,
    /// The stop was interrupted: can be finished.
    Stop,
    /// A trial of `lab prove` whose prover is gone.
    Trial,
    /// Objects of an attempt that has ended or that the state file does not know.
    Stray,
}

/// Everything that killed runs of this state directory left. Touches nothing.
pub async fn leftovers(site: &Site, store: &Store) -> Result<Vec<Leftover>, StopError> {
    let home = Labels::from([(LABEL_HOME.to_owned(), site.home.clone())]);
    let mut objects: BTreeMap<AttemptId, Vec<Found>> = BTreeMap::new();
    for thing in site.engine.list(&home).await? {
        if let Some(attempt) = thing.labels.get(LABEL_ATTEMPT).and_then(|text| AttemptId::parse(text)) {
            objects.entry(attempt).or_default().push(thing);
        }
    }
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for row in store.attempts()? {
        known.insert(row.id.clone());
        let kind = match (row.stage, row.purpose) {
            (Stage::Stopped, _) if objects.contains_key(&row.id) => LeftoverKind::Stray,
            (Stage::Stopped, Purpose::Learn) => continue,
            (_, Purpose::Prove) => LeftoverKind::Trial,
            (Stage::Starting, Purpose::Learn) => LeftoverKind::Start,
            (Stage::Stopping, Purpose::Learn) => LeftoverKind::Stop,
            (Stage::Running | Stage::Paused, Purpose::Learn) => continue,
        };
        // Held: somebody is at work on it right now.
        if store.try_lock(&row.id)?.is_none() {
            continue;
        }
        found.push(Leftover {
            objects: names(objects.get(&row.id)),
            attempt: row.id,
            lab: Some(row.lab),
            kind,
        });
    }
    for (attempt, things) in objects.iter().filter(|(attempt, _)| !known.contains(*attempt)) {
        let objects = names(Some(things));
        found.push(Leftover { attempt: attempt.clone(), lab: None, kind: LeftoverKind::Stray, objects });
    }
    Ok(found)
}

fn names(things: Option<&Vec<Found>>) -> Vec<String> {
    things.map(|things| things.iter().map(|thing| thing.name.clone()).collect()).unwrap_or_default()
}

/// Removes one leftover. An interrupted stop is finished by it.
pub async fn remove_leftover(site: &Site, store: &mut Store, leftover: &Leftover) -> Result<(), StopError> {
    let Some(_lock) = store.try_lock(&leftover.attempt)? else { return Ok(()) };
    // Since it was found, another crashcart may have finished it, or removed it.
    let stage = store.attempt(&leftover.attempt)?.map(|row| row.stage);
    let still = match leftover.kind {
        LeftoverKind::Start => stage == Some(Stage::Starting),
        LeftoverKind::Stop => stage == Some(Stage::Stopping),
        LeftoverKind::Trial => stage.is_some(),
        LeftoverKind::Stray => matches!(stage, None | Some(Stage::Stopped)),
    };
    if !still {
        return Ok(());
    }
    remove_all(site, &leftover.attempt).await?;
    let now = site.clock.now_ms();
    match leftover.kind {
        LeftoverKind::Trial => store.forget_trial(&leftover.attempt)?,
        LeftoverKind::Start | LeftoverKind::Stop => {
            let note = match leftover.kind {
                LeftoverKind::Start => "removed after an interrupted start",
                _ => "finished after an interrupted stop",
            };
            store.append(&leftover.attempt, RecordKind::Note, &note, now)?;
            store.set_stage(&leftover.attempt, Stage::Stopped, now)?;
        }
        LeftoverKind::Stray => {}
    }
    Ok(())
}

/// Finishes and removes all that can be without asking anybody: everything but interrupted starts,
/// which `start` takes up again. Goes on after a failure: what cannot be removed today must not keep
/// anybody from another lab.
pub async fn recover(
    site: &Site,
    store: &mut Store,
) -> Result<Vec<(Leftover, Result<(), StopError>)>, StopError> {
    let mut done = Vec::new();
    for leftover in leftovers(site, store).await? {
        if leftover.kind != LeftoverKind::Start {
            let removed = remove_leftover(site, store, &leftover).await;
            done.push((leftover, removed));
        }
    }
    Ok(done)
}
