//! `crashcart image build|list|prune`.

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::image::pace::{Ahead, Paced};
use crate::image::{ImageCatalog, Making};
use crate::units::Bytes;

/// Build, list and prune node images
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Build the images that labs need
    Build(BuildArgs),
    /// Show the images, and which are present
    List,
    /// Remove images of ours that no lab of this version needs
    Prune,
}

/// Build the images that labs need
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// The images; all unless named
    #[arg(add = complete::images())]
    images: Vec<String>,
}

pub fn run(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    let catalog = ImageCatalog::load_all(&app.catalog()?.containers())?;
    let engine = app.engine()?;
    match command {
        Command::Build(args) => {
            let store = app.store()?;
            app.agree(&store)?;
            let names: Vec<&str> = match args.images.is_empty() {
                true => catalog.iter().map(|image| image.name.as_str()).collect(),
                false => args.images.iter().map(String::as_str).collect(),
            };
            let shown = app.progress();
            let plan = app.block_on(catalog.plan(&*engine, &names))?;
            let making = app.block_on(catalog.ahead(&*engine, &plan))?;
            let ahead: Vec<Ahead> = making.iter().map(Making::ahead).collect();
            let progress = Paced::new(&*shown, store.directory(), &ahead);
            app.block_on(catalog.build(&*engine, store.directory(), &plan, &progress))?;
            progress.done();
            drop(shown);
            app.output.data(&plan.steps, |paint| {
                let rows = plan.steps.iter().map(|step| {
                    let state = if step.present { paint.faint("was there") } else { paint.good("built") };
                    vec![step.image.clone(), state, step.tag.clone()]
                });
                table(&rows.collect::<Vec<_>>())
            });
        }
        Command::List => {
            let mut lines = Vec::new();
            for image in catalog.iter() {
                let present = app.block_on(engine.image(&image.tag()))?;
                let size = present.as_ref().map(|info| info.size_bytes);
                lines.push(serde_json::json!({
                    "image": image.name, "tag": image.tag(), "summary": image.summary,
                    "capabilities": image.capabilities, "present": present.is_some(), "size-bytes": size,
                }));
            }
            app.output.data(&lines, |paint| {
                let text =
                    |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
                let rows = lines.iter().map(|line| {
                    let size = line["size-bytes"]
                        .as_u64()
                        .map_or(paint.faint("not built"), |size| Bytes(size).to_string());
                    vec![text(line, "image"), size, text(line, "tag"), text(line, "summary")]
                });
                table(&rows.collect::<Vec<_>>())
            });
        }
        Command::Prune => {
            let store = app.store()?;
            let progress = app.progress();
            let pruned = app.block_on(catalog.prune(&*engine, store.directory(), &*progress))?;
            let names: Vec<&str> = pruned.iter().map(|image| image.name.as_str()).collect();
            app.output.data(&names, |_| {
                pruned
                    .iter()
                    .map(|image| format!("removed {} ({})\n", image.name, Bytes(image.size_bytes)))
                    .collect()
            });
            if pruned.is_empty() {
                app.output.talk("nothing to remove");
            }
        }
    }
    Ok(Exit::Done)
}
