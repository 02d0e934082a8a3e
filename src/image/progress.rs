//! Two ways to show how far a long job has come: a bar on a terminal, plain lines elsewhere.
//!
//! Both write to standard error; nothing of it is data.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::engine::{Left, Progress};

/// Whom to ask how long is left.
type Asked = Arc<Mutex<Arc<dyn Fn() -> Left + Send + Sync>>>;

fn nobody() -> Asked {
    Arc::new(Mutex::new(Arc::new(|| Left::Unknown)))
}

fn ask(asked: &Asked) -> Left {
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    asked()
}

/// The way that suits this process's standard error.
pub fn on_stderr() -> Box<dyn Progress> {
    let stderr = std::io::stderr();
    if stderr.is_terminal() { Box::new(Bar::new()) } else { Box::new(Lines::to(Box::new(stderr))) }
}

/// A live bar with the current step, its last line of output, the time taken and about how long is left. Gone when
/// dropped.
pub struct Bar {
    bar: ProgressBar,
    shown: Mutex<Shown>,
    left: Asked,
}

/// Before the first step is known, and from then on.
const TEMPLATES: [&str; 2] = [
    "{spinner} {prefix}  {elapsed}{left}  {wide_msg}",
    "{spinner} {prefix}  {bar:20} {pos}/{len}  {elapsed}{left}  {wide_msg}",
];

#[derive(Default)]
struct Shown {
    step: String,
}

impl Bar {
    pub fn new() -> Self {
        let bar = ProgressBar::no_length();
        let left = nobody();
        bar.set_style(style(TEMPLATES[0], &left));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, shown: Mutex::default(), left }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

fn style(template: &str, left: &Asked) -> ProgressStyle {
    let left = left.clone();
    let style = ProgressStyle::with_template(template).expect("the template is ours and right");
    // Asked whenever the bar is drawn: time passes within a step, too.
    let left = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let left = ask(&left).to_string();
        // A bar that cannot be drawn is no reason to stop the work.
        let _ = if left.is_empty() { Ok(()) } else { write!(out, "  {left}") };
    };
    style.progress_chars("━╸ ").with_key("left", left)
}

impl Progress for Bar {
    fn job(&self, what: &str) {
        *self.shown() = Shown::default();
        self.bar.reset_elapsed();
        self.bar.unset_length();
        self.bar.set_style(style(TEMPLATES[0], &self.left));
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message("");
    }

    fn step(&self, done: u32, of: u32, what: &str) {
        let what = one_line(what);
        self.shown().step.clone_from(&what);
        self.bar.set_style(style(TEMPLATES[1], &self.left));
        self.bar.set_length(of.into());
        self.bar.set_position(done.into());
        self.bar.set_message(what);
    }

    fn line(&self, line: &str) {
        let step = shorten(&self.shown().step, 40);
        let line = one_line(line);
        self.bar.set_message(if step.is_empty() { line } else { format!("{step} · {line}") });
    }

    fn note(&self, text: &str) {
        self.bar.println(text);
    }

    fn left(&self, asked: Arc<dyn Fn() -> Left + Send + Sync>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line per job, step and note, with the seconds since the start. Output of the jobs
/// themselves is left out; where one fails, its last lines are in the error.
pub struct Lines {
    out: Mutex<Box<dyn Write + Send>>,
    started: Instant,
    left: Asked,
}

impl Lines {
    /// Lines to any place.
    pub fn to(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out), started: Instant::now(), left: nobody() }
    }

    /// A job or a step, with about how long all that is left takes.
    fn begin(&self, text: &str) {
        match ask(&self.left).to_string() {
            left if left.is_empty() => self.say(text),
            left => self.say(&format!("{text} ({left})")),
        }
    }

    fn say(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody reads it: no reason to stop the work.
        let _ = writeln!(out, "[{:>4} s] {text}", self.started.elapsed().as_secs());
        let _ = out.flush();
    }
}

impl Progress for Lines {
    fn job(&self, what: &str) {
        self.begin(what);
    }
    fn step(&self, done: u32, of: u32, what: &str) {
        self.begin(&format!("  {done}/{of} {}", shorten(&one_line(what), 100)));
    }
    fn line(&self, _line: &str) {}
    fn note(&self, text: &str) {
        self.say(text);
    }
    fn left(&self, asked: Arc<dyn Fn() -> Left + Send + Sync>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }
}

/// Text without line breaks, tabs and runs of blanks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `width` characters, the last of them a sign that there was more.
fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no poison").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_tell_jobs_steps_and_notes_and_no_output() {
        let page = Page::default();
        let lines = Lines::to(Box::new(page.clone()));
        lines.job("image slurm (2 of 4)");
        lines.step(3, 7, "RUN set -eu; \\\n    apt-get update");
        lines.line("Get:1 http://…");
        lines.note("waiting for another crashcart");
        let text = String::from_utf8(page.0.lock().expect("no poison").clone()).expect("text");
        assert_eq!(
            text,
            "[   0 s] image slurm (2 of 4)\n[   0 s]   3/7 RUN set -eu; \\ apt-get update\n[   0 s] waiting for another crashcart\n"
        );
    }

    #[test]
    fn what_is_left_is_told_with_each_step() {
        let page = Page::default();
        let lines = Lines::to(Box::new(page.clone()));
        lines.left(Arc::new(|| Left::About { s: 125 }));
        lines.job("image slurm (2 of 4)");
        lines.note("no time of its own");
        lines.left(Arc::new(|| Left::Unknown));
        lines.step(3, 7, "COPY files/ /");
        let text = String::from_utf8(page.0.lock().expect("no poison").clone()).expect("text");
        assert_eq!(
            text,
            "[   0 s] image slurm (2 of 4) (about 2 min left)\n[   0 s] no time of its own\n[   0 s]   3/7 COPY files/ /\n"
        );
    }

    #[test]
    fn long_lines_are_cut_at_characters() {
        assert_eq!(shorten("ää", 2), "ää");
        assert_eq!(shorten("ääää", 3), "ää…");
    }
}
