//! How long builds take: what earlier ones on this machine took, else what was measured where crashcart is made, scaled
//! by how this machine has kept up so far.
//!
//! [`Paced`] stands between a build and whoever shows it: it hears jobs and steps, writes down what whole jobs took, and
//! knows about how long is left. It never knows more than "about", and says when it knows nothing: a job that has taken
//! longer than it should is late, not nearly done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::engine::{Left, Progress};

/// Seconds of each step of a job, in their order. Steps beyond the last one take no time to speak of.
pub type Steps = Vec<f32>;

/// Seconds by which a machine is taken for one as fast as where the times are from, before anything is known of it.
const FAITH_S: f32 = 10.0;
/// Bounds of how much slower or faster a machine is taken for.
const PACES: (f32, f32) = (0.1, 20.0);

/// A job that lies ahead: its name as [`Progress::job`] will say it, and what it took elsewhere.
#[derive(Clone, Debug)]
pub struct Ahead {
    pub name: String,
    pub reference: Option<Steps>,
}

/// What jobs of this state directory took, by name. The file is a help: one that cannot be read is an empty one.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Times {
    format: u32,
    jobs: BTreeMap<String, Steps>,
}

impl Times {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let read: Option<Self> = serde_json::from_str(&text).ok();
        read.filter(|times| times.format == 1).unwrap_or(Self { format: 1, jobs: BTreeMap::new() })
    }

    fn put(path: &Path, job: &str, steps: &[f32]) {
        // Another crashcart may have written meanwhile: its jobs are kept.
        let mut times = Self::read(path);
        times.jobs.insert(job.to_owned(), steps.to_vec());
        let text = serde_json::to_string(&times).expect("numbers serialise");
        let folder = path.parent().unwrap_or(path);
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(path).map_err(|error| error.error)
        });
        // Without it the next build knows its time less well, no more.
        drop(written);
    }
}

/// The jobs of a build, and how far it has come.
#[derive(Debug)]
struct Course {
    /// From the one at work to the last.
    ahead: Vec<(String, Option<Steps>)>,
    /// Seconds that finished steps took, and should have taken.
    took_s: f32,
    should_s: f32,
    /// The job at work, since when, and the seconds of its steps so far.
    job: Option<String>,
    steps: Steps,
    /// When the step at work began, in seconds since the start.
    step_began_s: f32,
}

impl Course {
    fn new(ahead: Vec<(String, Option<Steps>)>) -> Self {
        Self { ahead, took_s: 0.0, should_s: 0.0, job: None, steps: Vec::new(), step_began_s: 0.0 }
    }

    fn profile(&self) -> Option<&Steps> {
        let job = self.job.as_ref()?;
        self.ahead.first().filter(|(name, _)| name == job)?.1.as_ref()
    }

    /// How much slower than expected this machine is.
    fn pace(&self) -> f32 {
        ((self.took_s + FAITH_S) / (self.should_s + FAITH_S)).clamp(PACES.0, PACES.1)
    }

    /// The step at work is over.
    fn end_step(&mut self, now_s: f32) {
        if let Some(last) = self.steps.last_mut() {
            let took = now_s - self.step_began_s;
            *last += took;
            let index = self.steps.len() - 1;
            if let Some(should) = self.profile().and_then(|profile| profile.get(index)).copied() {
                self.took_s += took;
                self.should_s += should;
            }
        }
        self.step_began_s = now_s;
    }

    /// Ends the job at work; gives its name and what it took.
    fn end_job(&mut self, now_s: f32) -> Option<(String, Steps)> {
        self.end_step(now_s);
        let job = self.job.take()?;
        self.ahead.retain(|(name, _)| *name != job);
        Some((job, std::mem::take(&mut self.steps)))
    }

    fn begin_job(&mut self, name: &str, now_s: f32) {
        // What should have come before was there already, or made by somebody else.
        if let Some(at) = self.ahead.iter().position(|(known, _)| known == name) {
            self.ahead.drain(..at);
        }
        self.job = Some(name.to_owned());
        self.step_began_s = now_s;
    }

    /// The step of this number, from 1, begins. Those left out took no time.
    fn begin_step(&mut self, number: u32, now_s: f32) {
        self.end_step(now_s);
        // No job has so many; an engine that counts otherwise must not make us remember them.
        let number = (number as usize).clamp(1, 500);
        if number > self.steps.len() {
            self.steps.resize(number, 0.0);
        }
    }

    fn left(&self, now_s: f32) -> Left {
        let pace = self.pace();
        let mut left = 0.0;
        let mut is_late = false;
        for (n, (name, profile)) in self.ahead.iter().enumerate() {
            let Some(profile) = profile else { return Left::Unknown };
            let is_at_work = n == 0 && self.job.as_ref() == Some(name);
            let done = if is_at_work { self.steps.len() } else { 0 };
            left += profile.iter().skip(done).sum::<f32>() * pace;
            if is_at_work && done > 0 {
                let step = profile.get(done - 1).copied().unwrap_or(0.0) * pace;
                let rest = step - (now_s - self.step_began_s);
                is_late = rest < -(step * 0.25 + 5.0);
                left += rest.max(0.0);
            }
        }
        match (is_late, self.job.is_some() || !self.ahead.is_empty()) {
            (_, false) => Left::Unknown,
            (true, true) => Left::Late { about_s: left as u64 },
            (false, true) => Left::About { s: left as u64 },
        }
    }
}

/// Hears a build on its way to whoever shows it.
pub struct Paced<'a> {
    shown: &'a dyn Progress,
    path: PathBuf,
    began: Instant,
    course: Arc<Mutex<Course>>,
}

impl<'a> Paced<'a> {
    /// Before these jobs are begun, in their order. Times are kept in `state`, the state directory.
    pub fn new(shown: &'a dyn Progress, state: &Path, ahead: &[Ahead]) -> Self {
        let path = state.join("build-times.json");
        let times = Times::read(&path);
        let known = |job: &Ahead| times.jobs.get(&job.name).or(job.reference.as_ref()).cloned();
        let ahead = ahead.iter().map(|job| (job.name.clone(), known(job))).collect();
        let course = Arc::new(Mutex::new(Course::new(ahead)));
        let began = Instant::now();
        let asked = course.clone();
        shown.left(Arc::new(move || {
            let course = asked.lock().unwrap_or_else(PoisonError::into_inner);
            course.left(began.elapsed().as_secs_f32())
        }));
        Self { shown, path, began, course }
    }

    /// The last job is over, and well.
    pub fn done(self) {
        self.end_job();
        self.shown.left(Arc::new(|| Left::Unknown));
    }

    fn end_job(&self) {
        let ended = self.course().end_job(self.now_s());
        if let Some((job, steps)) = ended {
            Times::put(&self.path, &job, &steps);
        }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_s(&self) -> f32 {
        self.began.elapsed().as_secs_f32()
    }
}

/// About how many seconds such jobs take, all together; none where that is known of none of them.
pub fn expected_s(state: &Path, ahead: &[Ahead]) -> Option<u64> {
    let times = Times::read(&state.join("build-times.json"));
    let known = |job: &Ahead| {
        let steps = times.jobs.get(&job.name).or(job.reference.as_ref())?;
        Some(steps.iter().sum::<f32>())
    };
    ahead.iter().map(known).sum::<Option<f32>>().map(|sum| sum as u64)
}

/// `image slurm` of `image slurm (2 of 4)`.
fn name_of(job: &str) -> &str {
    job.split(" (").next().unwrap_or(job)
}

impl Progress for Paced<'_> {
    fn job(&self, what: &str) {
        self.end_job();
        self.course().begin_job(name_of(what), self.now_s());
        self.shown.job(what);
    }
    fn step(&self, done: u32, of: u32, what: &str) {
        self.course().begin_step(done, self.now_s());
        self.shown.step(done, of, what);
    }
    fn line(&self, line: &str) {
        self.shown.line(line);
    }
    fn note(&self, text: &str) {
        self.shown.note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Silent;

    fn course() -> Course {
        Course::new(vec![
            ("image base".into(), Some(vec![0.0, 20.0, 0.0])),
            ("image slurm".into(), Some(vec![0.0, 30.0, 10.0])),
        ])
    }

    fn about(s: u64) -> Left {
        Left::About { s }
    }

    #[test]
    fn a_machine_that_keeps_up_is_told_what_was_measured() {
        let mut course = course();
        assert_eq!(course.left(0.0), about(60));
        course.begin_job("image base", 0.0);
        course.begin_step(1, 0.0);
        course.begin_step(2, 0.0);
        assert_eq!(course.left(5.0), about(55));
        course.begin_step(3, 20.0);
        assert_eq!(course.end_job(20.0), Some(("image base".into(), vec![0.0, 20.0, 0.0])));
        assert_eq!(course.left(20.0), about(40));
    }

    #[test]
    fn one_that_is_half_as_fast_is_told_longer_once_it_is_known() {
        let mut course = course();
        course.begin_job("image base", 0.0);
        course.begin_step(2, 0.0);
        course.begin_step(3, 40.0);
        course.end_job(40.0);
        // (40 + 10) / (20 + 10) of 40 s.
        assert_eq!(course.left(40.0), about(66));
    }

    #[test]
    fn what_takes_longer_than_it_should_is_late_and_never_nearly_done() {
        let mut course = course();
        course.begin_job("image base", 0.0);
        course.begin_step(2, 0.0);
        assert_eq!(course.left(22.0), about(40), "a little over");
        assert_eq!(course.left(100.0), Left::Late { about_s: 40 });
        course.begin_job("image slurm", 100.0);
        course.begin_step(3, 100.0);
        assert!(matches!(course.left(1000.0), Left::Late { about_s: 0 }));
    }

    #[test]
    fn jobs_that_somebody_else_did_are_not_waited_for() {
        let mut course = course();
        course.begin_job("image slurm", 0.0);
        assert_eq!(course.left(0.0), about(40));
        course.end_job(1.0);
        assert_eq!(course.left(1.0), Left::Unknown, "nothing is left");
    }

    #[test]
    fn without_a_time_for_each_job_none_is_told() {
        let mut course = Course::new(vec![("a".into(), Some(vec![5.0])), ("b".into(), None)]);
        assert_eq!(course.left(0.0), Left::Unknown);
        course.begin_job("another", 0.0);
        course.begin_step(4_000_000_000, 0.0);
        course.begin_step(0, 1.0);
        assert!(course.end_job(2.0).is_some_and(|(_, steps)| steps.len() == 500));
    }

    #[test]
    fn what_whole_jobs_took_is_remembered_and_damage_is_not_believed() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let ahead = [Ahead { name: "image box".into(), reference: Some(vec![100.0]) }];
        assert_eq!(expected_s(state.path(), &ahead), Some(100));
        let paced = Paced::new(&Silent, state.path(), &ahead);
        paced.job("image box (1 of 2)");
        paced.step(1, 2, "FROM x");
        // Cut off: nothing is learnt.
        drop(paced);
        assert_eq!(expected_s(state.path(), &ahead), Some(100));
        let paced = Paced::new(&Silent, state.path(), &ahead);
        paced.job("image box (1 of 2)");
        paced.step(1, 2, "FROM x");
        paced.done();
        assert_eq!(expected_s(state.path(), &ahead), Some(0));
        std::fs::write(state.path().join("build-times.json"), "{\"format\":").expect("written");
        assert_eq!(expected_s(state.path(), &ahead), Some(100));
        let unknown = Ahead { name: "image other".into(), reference: None };
        assert_eq!(expected_s(state.path(), &[unknown]), None);
    }
}
