//! Reading the nodes and judging what was read: `check` as they are, `grade`
//! before and after a restart. Both keep evidence and report.

use super::collect::{Collected, Errands};
use super::nodes::{Nodes, restart_all};
use super::{Collector, Site};
use crate::advice::NextStep;
use crate::engine::EngineError;
use crate::evidence::{Changes, Evidence, EvidenceError, Evidences, Inventories, Taken};
use crate::grade::{Report, grade as judge};
use crate::lab::Draw;
use crate::review::{Left, as_checks_read_it, as_inventories_tell};
use crate::rubric::Rubric;
use crate::store::{AttemptId, RecordKind, Store, StoreError};

/// Seconds that `check` gives a fact to settle; `grade` gives what the rubric grants.
const CHECK_PATIENCE_S: u32 = 3;

/// A check: what was read, and what it is worth so far.
pub struct Checked {
    pub evidences: Evidences,
    pub report: Report,
}

/// A grading.
pub struct Graded {
    pub evidences: Evidences,
    pub report: Report,
}

/// Why nothing was judged.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("attempt `{attempt}` has no baseline to compare with")]
    NoBaseline { attempt: AttemptId },
    #[error("attempt `{attempt}` has no evidence to judge again")]
    NoEvidence { attempt: AttemptId },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl NextStep for SubmitError {
    fn next_step(&self) -> String {
        match self {
            Self::NoBaseline { .. } => "begin anew with `crashcart reset`".into(),
            Self::NoEvidence { .. } => "collect some with `crashcart grade`".into(),
            Self::Engine(error) => error.next_step(),
            Self::Store(error) => error.next_step(),
            Self::Evidence(error) => error.next_step(),
        }
    }
}

/// Reads the nodes as they are and judges that. `keep` is false for a live view, whose every look need
/// not be stored.
pub async fn check(
    site: &Site,
    store: &mut Store,
    attempt: &AttemptId,
    nodes: &Nodes,
    rubric: &Rubric,
    draw: &Draw<'_>,
    keep: bool,
) -> Result<Checked, SubmitError> {
    let baseline = baseline(store, attempt)?;
    let collector = Collector::new(rubric, draw, attempt).ahead().patience(CHECK_PATIENCE_S);
    let live = collector.collect(site, nodes, Taken::Live, Some(&baseline)).await;
    let evidences = Evidences { baseline, live, after_restart: None, changes: None };
    let report = judge(rubric, &evidences);
    if keep {
        let now = site.clock.now_ms();
        store.append(attempt, RecordKind::Evidence, &evidences.live, now)?;
        store.append(attempt, RecordKind::Report, &report, now)?;
    }
    Ok(Checked { evidences, report })
}

/// Reads the nodes, restarts them, reads them again, and judges both. Live evidence is kept before the
/// restart: whatever happens then, it is not lost.
pub async fn grade(
    site: &Site,
    store: &mut Store,
    attempt: &AttemptId,
    nodes: &Nodes,
    rubric: &Rubric,
    draw: &Draw<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<Graded, SubmitError> {
    let baseline = baseline(store, attempt)?;
    let handed_over = inventories(store, attempt, Taken::Baseline)?;
    let mut collector = Collector::new(rubric, draw, attempt);
    if handed_over.is_some() {
        collector = collector.taking_stock();
    }
    told("reading the nodes as you left them");
    let live = collector.collect_after(site, nodes, Taken::Live, Some(&baseline), Errands::new()).await;
    let Collected { evidence: live, inventories: left, .. } = live;
    store.append(attempt, RecordKind::Evidence, &live, site.clock.now_ms())?;
    if let Some(left) = &left {
        store.append(attempt, RecordKind::Inventory, left, site.clock.now_ms())?;
    }
    let collector = Collector::new(rubric, draw, attempt);
    told("restarting the nodes: what was only mended for now shows");
    restart_all(site, nodes).await?;
    told("reading them again");
    let after = collector.collect(site, nodes, Taken::AfterRestart, Some(&baseline)).await;
    let now = site.clock.now_ms();
    store.append(attempt, RecordKind::Evidence, &after, now)?;
    let changes = handed_over.zip(left).map(|(before, after)| Changes::between(&before, &after));
    let evidences = Evidences { baseline, live, after_restart: Some(after), changes };
    let report = judge(rubric, &evidences);
    store.append(attempt, RecordKind::Grade, &report, now)?;
    Ok(Graded { evidences, report })
}

/// Judges the stored evidence of the last grading under the present rubric. Touches no node.
pub fn judge_again(store: &Store, attempt: &AttemptId, rubric: &Rubric) -> Result<Graded, SubmitError> {
    let baseline = baseline(store, attempt)?;
    let stored: Vec<Evidence> = store
        .records(attempt)?
        .iter()
        .filter(|record| record.kind == RecordKind::Evidence)
        .map(|record| Evidence::from_json(&record.body))
        .collect::<Result<_, _>>()?;
    // The last reading after a restart, and the live one that stands right before it.
    let after = stored.iter().rposition(|evidence| evidence.phase == Taken::AfterRestart);
    let last_live =
        |upto: usize| stored[..upto].iter().rfind(|evidence| evidence.phase == Taken::Live).cloned();
    let live = last_live(after.unwrap_or(stored.len()));
    let live = live.ok_or_else(|| SubmitError::NoEvidence { attempt: attempt.clone() })?;
    let evidences = Evidences {
        baseline,
        live,
        after_restart: after.map(|index| stored[index].clone()),
        changes: changes(store, attempt)?,
    };
    let report = judge(rubric, &evidences);
    Ok(Graded { evidences, report })
}

/// What is different on the nodes, from what was read of them at first and for the last grading, judged under the present
/// rubric. Right after the break only what is compared with that moment is read, so the report of the first check or
/// grading tells of the rest. Touches no node.
pub fn difference(store: &Store, attempt: &AttemptId, rubric: &Rubric) -> Result<Vec<Left>, SubmitError> {
    let Graded { evidences, report } = judge_again(store, attempt, rubric)?;
    let baseline = evidences.baseline;
    let mut left = evidences.changes.iter().flat_map(as_inventories_tell).collect::<Vec<_>>();
    let untouched = Evidences { live: baseline.clone(), baseline, after_restart: None, changes: None };
    let mut before = vec![judge(rubric, &untouched)];
    let mut first = None;
    store.story(attempt, 0, |record| {
        if first.is_none() && matches!(record.kind, RecordKind::Report | RecordKind::Grade) {
            first = serde_json::from_str(&record.body).ok();
        }
    })?;
    before.extend(first);
    left.extend(as_checks_read_it(&before, &report));
    Ok(left)
}

/// What was seen of the nodes last, by a check or a grading, and what it is worth under the present rubric. None
/// where nothing was seen yet, or where it no longer reads: that is told by `history`.
pub fn last_seen(
    store: &Store,
    attempt: &AttemptId,
    rubric: &Rubric,
) -> Result<Option<Checked>, SubmitError> {
    let Ok(baseline) = baseline(store, attempt) else { return Ok(None) };
    let records = store.records(attempt)?;
    let mut stored = records
        .iter()
        .rev()
        .filter(|record| record.kind == RecordKind::Evidence)
        .map_while(|record| Evidence::from_json(&record.body).ok());
    let evidences = match stored.next() {
        Some(after) if after.phase == Taken::AfterRestart => {
            let Some(live) = stored.find(|evidence| evidence.phase == Taken::Live) else { return Ok(None) };
            Evidences { baseline, live, after_restart: Some(after), changes: changes(store, attempt)? }
        }
        Some(live) => Evidences { baseline, live, after_restart: None, changes: None },
        None => return Ok(None),
    };
    let report = judge(rubric, &evidences);
    Ok(Some(Checked { evidences, report }))
}

pub(super) fn baseline(store: &Store, attempt: &AttemptId) -> Result<Evidence, SubmitError> {
    let stored: Option<Evidence> = store.latest(attempt, RecordKind::Baseline)?;
    stored.ok_or_else(|| SubmitError::NoBaseline { attempt: attempt.clone() })
}

/// What changed between hand-over and the last grading. None where either was not looked at.
fn changes(store: &Store, attempt: &AttemptId) -> Result<Option<Changes>, StoreError> {
    let before = inventories(store, attempt, Taken::Baseline)?;
    let after = inventories(store, attempt, Taken::Live)?;
    Ok(before.zip(after).map(|(before, after)| Changes::between(&before, &after)))
}

/// The newest inventories of a time. What no longer reads, as that of a later version, is as good as none.
fn inventories(store: &Store, attempt: &AttemptId, phase: Taken) -> Result<Option<Inventories>, StoreError> {
    let records = store.records(attempt)?;
    let mut stored = records
        .iter()
        .rev()
        .filter(|record| record.kind == RecordKind::Inventory)
        .filter_map(|record| serde_json::from_str::<Inventories>(&record.body).ok());
    Ok(stored.find(|inventories| inventories.phase == phase))
}
