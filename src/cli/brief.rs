//! `crashcart brief`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::Paint;
use crate::lab::{Draw, Lab};

/// Read the ticket again
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab or attempt, where several are running
    #[arg(add = complete::running())]
    attempt: Option<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    let open = app.open(&store, args.attempt.as_deref())?;
    let brief = render(&open.lab, &open.draw()?)?;
    let data = serde_json::json!({ "attempt": open.row.id, "lab": open.lab.name, "brief": brief });
    app.output.data(&data, |paint| decorate(&brief, *paint));
    Ok(Exit::Done)
}

/// The lab's ticket with the attempt's names and numbers in it.
pub fn render(lab: &Lab, draw: &Draw<'_>) -> Result<String, Failure> {
    fill(lab, draw, "brief.md")
}

/// A text of the lab with the attempt's names and numbers in it.
pub fn fill(lab: &Lab, draw: &Draw<'_>, file: &str) -> Result<String, Failure> {
    crate::publish::text(lab, draw, file).map_err(|error| Failure::new(Exit::Usage, &error))
}

/// Markdown as a terminal shows it best: headings stand out, the rest is text already.
pub fn decorate(text: &str, paint: Paint) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let shown = match line.trim_start_matches('#') {
            heading if heading.len() < line.len() => paint.strong(heading.trim_start()),
            _ if line.starts_with("    ") || line.starts_with("> ") => paint.faint(line),
            _ => line.to_owned(),
        };
        out.push_str(&shown);
        out.push('\n');
    }
    out
}
