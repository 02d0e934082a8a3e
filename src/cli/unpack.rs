//! `crashcart unpack`.

use std::path::PathBuf;

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use super::output::table;
use crate::image::ImageCatalog;
use crate::lab::Catalog;
use crate::pack::{self, Ready, TakenState};
use crate::units::Bytes;

/// Take in a file that `crashcart pack` wrote; needs no network
///
/// All of it is checked before any of it is taken. Cut off, it is done again and goes on with what is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file
    file: PathBuf,
    /// Only check it, and show what is inside
    #[arg(long)]
    check: bool,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let state = store.directory().to_owned();
    let progress = app.progress();
    let ready = app.block_on(pack::check(&args.file, &state, &*progress))?;
    if args.check {
        drop(progress);
        show(app, &ready);
        return Ok(Exit::Done);
    }
    let site = app.site(&store)?;
    app.recover(&site, &mut store)?;
    let taken = app.block_on(pack::unpack(&ready, &*site.engine, &state, &site.home, &*progress))?;
    drop(progress);
    let data = serde_json::json!({ "id": ready.checked.id, "taken": taken });
    app.output.data(&data, |paint| {
        let rows = taken.iter().map(|taken| {
            let state = match taken.state {
                TakenState::Taken => paint.good("taken"),
                TakenState::WasThere => paint.faint("was there"),
                TakenState::OtherBuild => paint.unsure("of another build; the first start makes it anew"),
            };
            vec![taken.kind.to_owned(), taken.name.clone(), state]
        });
        table(&rows.collect::<Vec<_>>())
    });
    let next = next(app, &ready, &state.join(pack::UNPACKED));
    app.output.talk(next);
    Ok(Exit::Done)
}

fn show(app: &App, ready: &Ready) {
    let manifest = &ready.checked.manifest;
    let data = serde_json::json!({
        "id": ready.checked.id, "crashcart": manifest.crashcart, "unpacked-bytes": ready.checked.unpacked_bytes(),
        "labs": manifest.labs, "images": manifest.images, "snapshots": manifest.snapshots,
    });
    app.output.data(&data, |_| {
        let mut rows = Vec::new();
        rows.extend(manifest.labs.iter().map(|lab| ("lab", lab.name.clone(), None)));
        rows.extend(manifest.images.iter().map(|it| ("image", it.name.clone(), Some(it.size_bytes))));
        rows.extend(
            manifest
                .snapshots
                .iter()
                .map(|it| ("snapshot", format!("of {}", it.image), Some(it.shape.memory_mib << 20))),
        );
        let row = |(kind, name, size): (&str, String, Option<u64>)| {
            let size = size.map_or_else(String::new, |size| Bytes(size >> 20 << 20).to_string());
            vec![kind.to_owned(), name, size]
        };
        table(&rows.into_iter().map(row).collect::<Vec<_>>())
    });
    let size = Bytes(ready.checked.unpacked_bytes().next_multiple_of(1 << 20));
    app.output.talk(format!("the pack is whole; it unpacks to {size} ({})", &ready.checked.id[..16]));
}

/// How to start what was unpacked: other labs of that name may be nearer.
fn next(app: &mut App, ready: &Ready, unpacked: &std::path::Path) -> String {
    let manifest = &ready.checked.manifest;
    let same = |catalog: &Catalog| {
        let images = ImageCatalog::load_all(&catalog.containers());
        manifest.labs.iter().all(|it| catalog.lab(&it.name).is_ok_and(|lab| lab.digest == it.digest))
            && images.is_ok_and(|images| {
                manifest.images.iter().all(|it| images.get(&it.name).is_ok_and(|image| image.tag() == it.tag))
            })
    };
    let start = match manifest.labs.as_slice() {
        [one] => format!("start {}", one.name),
        _ => "list".to_owned(),
    };
    match app.catalog() {
        Ok(catalog) if same(&catalog) => format!("next:  crashcart {start}"),
        _ => format!("next:  crashcart --root {} {start}", unpacked.display()),
    }
}
