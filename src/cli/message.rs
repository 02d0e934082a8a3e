//! How an error is told: what failed, why, what to do next.

use std::error::Error;

use serde::Serialize;

use super::exit::Exit;
use crate::advice::NextStep;

/// An error on its way to the terminal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    #[serde(skip)]
    pub exit: Exit,
    pub error: String,
    pub causes: Vec<String>,
    /// Lines that belong to the error: a place in a file, the end of a build log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    pub next: String,
}

impl Failure {
    /// Takes an error apart: its text, its chain of causes, its advice.
    pub fn new<E: Error + NextStep>(exit: Exit, error: &E) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Libraries often repeat the cause in their own text.
            if !causes.iter().any(|said: &String| said.contains(&text)) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { exit, error: error.to_string(), causes, detail: Vec::new(), next: error.next_step() }
    }

    /// An error that has no type of its own because it is made where it is told.
    pub fn plain(exit: Exit, error: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit, error: error.into(), causes: Vec::new(), detail: Vec::new(), next: next.into() }
    }

    /// Adds lines below the error.
    pub fn with_detail(mut self, detail: Vec<String>) -> Self {
        self.detail = detail;
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "error: {}", self.error)?;
        for line in &self.detail {
            writeln!(f, "  {line}")?;
        }
        for cause in &self.causes {
            // A cause of several lines shows a place in a file; the lines below the first belong to it.
            writeln!(f, "cause: {}", cause.trim_end().replace('\n', "\n       "))?;
        }
        writeln!(f, "next:  {}", self.next)
    }
}

/// A command line that does not parse, told like every other error.
pub fn of_arguments(error: &clap::Error) -> Failure {
    use clap::error::{ContextKind, ContextValue};
    let said = error.render().to_string();
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    // First what is wrong, then below an empty line tips and usage, which we tell our own way.
    let wrong = said.split("\n\n").next().unwrap_or(said);
    let mut lines = wrong.lines().map(|line| line.trim().to_owned());
    let first = lines.next().unwrap_or_default();
    let suggested =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let near = suggested.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(near) => Some(near.clone()),
        // The most likely one comes last.
        ContextValue::Strings(near) => near.last().cloned(),
        _ => None,
    });
    let next = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("see `{} --help`", typed_command()),
    };
    Failure::plain(Exit::Usage, first, next).with_detail(lines.collect())
}

/// The command that was typed, as far as there is one of that name: `crashcart lab prove`.
fn typed_command() -> String {
    let mut command = super::command();
    let mut typed = "crashcart".to_owned();
    for word in std::env::args().skip(1) {
        if let Some(found) = command.find_subcommand(&word).cloned() {
            typed = format!("{typed} {word}");
            command = found;
        }
    }
    typed
}

/// Declares that an error of a verb becomes a [`Failure`] with this exit.
macro_rules! fails_with {
    ($($error:ty => $exit:expr),* $(,)?) => {
        $(impl From<$error> for $crate::cli::message::Failure {
            fn from(error: $error) -> Self {
                #[allow(clippy::redundant_closure_call, reason = "some exits depend on the error")]
                let exit: $crate::cli::exit::Exit = ($exit)(&error);
                Self::new(exit, &error)
            }
        })*
    };
}
pub(crate) use fails_with;
