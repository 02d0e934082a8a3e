//! `list-units` and `list-unit-files`.

use std::io::Write;

use super::{Options, ask_views, exit};
use crate::local::UnitView;
use crate::manager::{unit_file, words};
use crate::rooted::Root;

fn is_wanted(name: &str, patterns: &[String], options: &Options) -> bool {
    let kind = name.rsplit('.').next().unwrap_or_default();
    let matches = |pattern: &String| {
        let pattern = if pattern.contains(['*', '?', '[']) {
            pattern.clone()
        } else {
            unit_file::complete_name(pattern)
        };
        words::glob(&pattern, name)
    };
    (options.types.is_empty() || options.types.iter().any(|wanted| wanted == kind))
        && (patterns.is_empty() || patterns.iter().any(matches))
}

pub fn units(patterns: &[String], options: &Options) -> Result<u8, String> {
    let mut views: Vec<UnitView> = ask_views(&[])?;
    views.retain(|view| is_wanted(&view.name, patterns, options));
    views.retain(|view| {
        let state = |wanted: &String| [&view.active, &view.sub, &view.load].contains(&wanted);
        if options.states.is_empty() {
            options.all || view.active != "inactive"
        } else {
            options.states.iter().any(state)
        }
    });
    let width = |column: fn(&UnitView) -> &String, head: usize| {
        views.iter().map(|view| column(view).chars().count()).max().unwrap_or(0).max(head)
    };
    let (name, load, active, sub) =
        (width(|v| &v.name, 4), width(|v| &v.load, 4), width(|v| &v.active, 6), width(|v| &v.sub, 3));
    let mut out = std::io::stdout().lock();
    let margin = if options.plain { "" } else { "  " };
    if !options.no_legend && !views.is_empty() {
        let _ = writeln!(
            out,
            "{margin}{:name$} {:load$} {:active$} {:sub$} DESCRIPTION",
            "UNIT", "LOAD", "ACTIVE", "SUB"
        );
    }
    for view in &views {
        let dot = match view.active.as_str() {
            _ if options.plain => "",
            "failed" => "● ",
            _ if view.load != "loaded" => "● ",
            _ => "  ",
        };
        let _ = writeln!(
            out,
            "{dot}{:name$} {:load$} {:active$} {:sub$} {}",
            view.name, view.load, view.active, view.sub, view.description
        );
    }
    if !options.no_legend {
        if !views.is_empty() {
            let _ =
                writeln!(out, "\nLegend: LOAD   → Reflects whether the unit definition was properly loaded.");
            let _ = writeln!(
                out,
                "        ACTIVE → The high-level unit activation state, i.e. generalization of SUB."
            );
            let _ = writeln!(
                out,
                "        SUB    → The low-level unit activation state, values depend on unit type.\n"
            );
        }
        let _ = writeln!(out, "{} loaded units listed.", views.len());
    }
    Ok(0)
}

pub fn unit_files(patterns: &[String], options: &Options) -> Result<u8, String> {
    let root = Root::system().map_err(|error| error.to_string())?;
    let mut rows: Vec<(String, String)> = Vec::new();
    for (name, _) in unit_file::every(&root) {
        if !is_wanted(&name, patterns, options) {
            continue;
        }
        let Some(state) = unit_file::enablement(&root, &name) else { continue };
        if options.states.is_empty() || options.states.contains(&state) {
            rows.push((name, state));
        }
    }
    let name = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(9);
    let state = rows.iter().map(|(_, state)| state.len()).max().unwrap_or(0).max(5);
    let mut out = std::io::stdout().lock();
    if !options.no_legend && !rows.is_empty() {
        let _ = writeln!(out, "{:name$} {:state$} PRESET", "UNIT FILE", "STATE");
    }
    for (unit, is) in &rows {
        let preset = if matches!(is.as_str(), "enabled" | "disabled") { "enabled" } else { "-" };
        let _ = writeln!(out, "{unit:name$} {is:state$} {preset}");
    }
    if !options.no_legend {
        let _ = writeln!(out, "\n{} unit files listed.", rows.len());
    }
    Ok(if rows.is_empty() && !patterns.is_empty() { exit::FAILURE } else { 0 })
}
