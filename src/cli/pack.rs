//! `crashcart pack`.

use std::path::PathBuf;

use super::app::{App, Fit};
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::image::ImageCatalog;
use crate::image::template::Place;
use crate::lab::Lab;
use crate::pack;
use crate::units::Bytes;

/// Put labs, their images and snapshots into one file, for machines without a network
///
/// What is not built yet is built first. `crashcart unpack` takes the file; both machines need the same
/// build of crashcart.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The labs
    #[arg(required_unless_present = "all", conflicts_with = "all", add = complete::labs())]
    labs: Vec<String>,
    /// Pack every lab
    #[arg(long)]
    all: bool,
    /// The file; LAB.pack, or labs.pack where there are several, unless named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out snapshots of guests: a smaller file, and a first start that takes a minute or two
    #[arg(long)]
    no_snapshots: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let catalog = app.catalog()?;
    let mut names: Vec<String> = match args.all {
        true => catalog.names()?.iter().map(ToString::to_string).collect(),
        false => args.labs.clone(),
    };
    names.sort();
    names.dedup();
    let labs: Vec<Lab> = names.iter().map(|name| catalog.lab(name)).collect::<Result<_, _>>()?;
    for lab in &labs {
        catalog.rubric(lab)?;
    }
    let labs: Vec<&Lab> = labs.iter().collect();
    let path = args.output.clone().unwrap_or_else(|| match names.as_slice() {
        [one] => format!("{one}.pack").into(),
        _ => "labs.pack".into(),
    });

    let mut store = app.store()?;
    let site = app.site(&store)?;
    app.recover(&site, &mut store)?;
    let (_, volume) = app.images(&store, &labs, Fit::Ignored)?;
    let images = ImageCatalog::load_all(&catalog.containers())?;
    let endpoint = app.block_on(site.engine.about())?.endpoint;
    let place = Place {
        engine: &*site.engine,
        state: store.directory(),
        home: &site.home,
        endpoint: &endpoint,
        agent_volume: &volume,
    };
    let planning = pack::plan(&place, &catalog, &images, &labs, !args.no_snapshots);
    let plan = app.block_on(planning)?;
    app.output.talk(format!(
        "packing {}: {} with {}{}",
        count(labs.len(), "lab"),
        count(plan.images.len(), "image"),
        Bytes(plan.image_bytes() >> 20 << 20),
        match plan.snapshots.len() {
            0 => String::new(),
            n => format!(", {} of {} of memory", count(n, "snapshot"), Bytes(plan.guest_bytes())),
        }
    ));
    let progress = app.progress();
    let packed = app.block_on(pack::write(&place, &plan, &path, &*progress))?;
    drop(progress);
    let data = serde_json::json!({
        "file": packed.file, "bytes": packed.bytes, "id": packed.id,
        "labs": names, "images": plan.images, "snapshots": plan.snapshots,
    });
    app.output.data(&data, |paint| {
        let size = Bytes(packed.bytes.next_multiple_of(1 << 20)).to_string();
        table(&[vec![paint.strong(packed.file.display().to_string()), size, packed.id[..16].to_owned()]])
    });
    app.output.talk(format!(
        "next:  carry it to the other machine, and there: crashcart unpack {}",
        packed.file.file_name().unwrap_or_default().display()
    ));
    Ok(Exit::Done)
}

/// `1 lab`, `2 labs`.
fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
