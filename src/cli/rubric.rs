//! `crashcart rubric simulate`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::grade;
use super::message::Failure;
use super::output::table;
use crate::grade::{Played, RoleVerdict, simulate};
use crate::lab::VariantName;
use crate::rubric::{Role, Rubric};

/// Try roles on candidates that nobody has to be
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Play profiles against roles and refuse a role that cannot tell them apart
    ///
    /// Each profile takes every lab: broken touches nothing; reference mends all; runtime-only mends nothing that
    /// survives a restart; without-SKILL lacks one core skill; gate-NAME breaks what a gate guards. Only reference may
    /// pass. No node is started.
    Simulate(SimulateArgs),
}

/// Play profiles against roles and refuse a role that cannot tell them apart
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// The roles; all unless named
    #[arg(add = complete::roles())]
    roles: Vec<String>,
}

/// What is said of one role.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Simulated {
    role: String,
    title: String,
    /// Percent of the role's weight that the labs cover; the rest is left out.
    weight_covered: u32,
    profiles: Vec<Played>,
}

pub fn run(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    let Command::Simulate(args) = command;
    let catalog = app.catalog()?;
    let roles: Vec<Role> = match args.roles.is_empty() {
        true => catalog.roles()?,
        false => args.roles.iter().map(|name| grade::role(&catalog, name)).collect::<Result<_, _>>()?,
    };
    let mut labs: Vec<(Rubric, VariantName)> = Vec::new();
    for name in catalog.names()? {
        let lab = catalog.lab(name.as_str())?;
        labs.push((catalog.rubric(&lab)?, lab.variants[0].name.clone()));
    }
    let labs: Vec<(&Rubric, &VariantName)> = labs.iter().map(|(rubric, variant)| (rubric, variant)).collect();
    let simulated: Vec<Simulated> = roles
        .iter()
        .map(|role| {
            let profiles = simulate(role, &labs);
            // What no lab covers is left out of every card alike.
            let weight_covered = profiles.first().map_or(0, |played| played.card.weight_covered);
            Simulated { role: role.id.to_string(), title: role.title.clone(), weight_covered, profiles }
        })
        .collect();
    app.output.data(&simulated, |paint| {
        let mut text = String::new();
        for role in &simulated {
            text.push_str(&format!(
                "{}: labs cover {} % of its weight\n",
                paint.strong(&role.title),
                role.weight_covered
            ));
            let rows: Vec<Vec<String>> = role
                .profiles
                .iter()
                .map(|played| {
                    let score = played.card.score_bp.unwrap_or(0);
                    let score = format!("{}.{:02} %", score / 100, score % 100);
                    let (mark, said) = match (&played.idle, played.holds()) {
                        (Some(why), _) => (paint.unsure("idle"), why.clone()),
                        (None, true) => (paint.good("ok"), word(played.card.verdict).to_owned()),
                        (None, false) => (
                            paint.bad("GAP"),
                            format!("{}, must {}", word(played.card.verdict), word(played.declared)),
                        ),
                    };
                    vec![format!("  {mark}"), played.profile.to_string(), score, said]
                })
                .collect();
            text.push_str(&table(&rows));
        }
        text
    });
    let gaps = simulated.iter().flat_map(|role| &role.profiles).filter(|played| !played.holds()).count();
    if gaps > 0 {
        app.output.talk(
            "next:  raise the mark, a floor or a gate in graders/roles, or move points to after the restart",
        );
    }
    Ok(if gaps == 0 { Exit::Done } else { Exit::NotYet })
}

fn word(verdict: RoleVerdict) -> &'static str {
    match verdict {
        RoleVerdict::Pass => "pass",
        RoleVerdict::Fail => "fail",
        RoleVerdict::Incomplete => "incomplete",
    }
}
