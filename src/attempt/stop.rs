//! Ending an attempt: its nodes and network go, its records stay.

use futures_util::future::join_all;

use super::Site;
use crate::advice::NextStep;
use crate::engine::{EngineError, FoundKind};
use crate::store::{AttemptId, RecordKind, Stage, Store, StoreError};

/// Why an attempt could not be ended wholly.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("could not remove everything of attempt `{attempt}`: {} of it is left", errors.len())]
    Left {
        attempt: AttemptId,
        /// Each thing that stayed, and why.
        errors: Vec<EngineError>,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NextStep for StopError {
    fn next_step(&self) -> String {
        match self {
            Self::Left { .. } => "run `crashcart doctor --fix`, which tries again".into(),
            Self::Engine(error) => error.next_step(),
            Self::Store(error) => error.next_step(),
        }
    }
}

/// Ends an attempt, with a note that says why. Running it again finishes what a killed run began.
pub async fn stop(site: &Site, store: &mut Store, attempt: &AttemptId, why: &str) -> Result<(), StopError> {
    store.set_stage(attempt, Stage::Stopping, site.clock.now_ms())?;
    remove_all(site, attempt).await?;
    store.append(attempt, RecordKind::Note, &why, site.clock.now_ms())?;
    store.set_stage(attempt, Stage::Stopped, site.clock.now_ms())?;
    Ok(())
}

/// Removes everything of an attempt from the engine. Goes on after an error, and returns them all.
pub(super) async fn remove_all(site: &Site, attempt: &AttemptId) -> Result<(), StopError> {
    let found = site.engine.list(&site.labels(attempt)).await?;
    let (containers, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|thing| matches!(thing.kind, FoundKind::Container(_)));
    let ids: Vec<_> = containers.into_iter().map(|thing| crate::engine::ContainerId(thing.id)).collect();
    let mut errors: Vec<EngineError> = join_all(ids.iter().map(|id| site.engine.remove(id)))
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    // A network goes only when nothing hangs on it any more.
    for thing in others {
        let removed = match thing.kind {
            FoundKind::Network => site.engine.remove_network(&thing.id).await,
            FoundKind::Volume => site.engine.remove_volume(&thing.name).await,
            FoundKind::Container(_) => Ok(()),
        };
        errors.extend(removed.err());
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(StopError::Left { attempt: attempt.clone(), errors }),
    }
}
