//! The agent's way into nodes: a volume that holds nothing else and is mounted read-only.
//!
//! The program is built by `src/build.rs` and carried in this one. What it does is its own
//! business (`src/inside/agent`).

use std::path::Path;

use crate::engine::{ContainerId, Engine, EngineError, FoundKind, LABEL_HOME, LABEL_KIND, Labels, Progress};

use super::lock::Lock;
use super::{ImageError, LABEL_DIGEST};

/// The static program.
pub static PROGRAM: &[u8] = include_bytes!(env!("CRASHCART_AGENT"));
/// SHA-256 of the program, in hexadecimal.
pub const DIGEST: &str = env!("CRASHCART_AGENT_DIGEST");
/// Value of [`LABEL_KIND`] on its volume.
pub const KIND_AGENT: &str = "agent";

/// Name of the volume of this very agent. Mount it read-only at `/.crashcart`.
pub fn volume() -> String {
    format!("crashcart-agent-{}", &DIGEST[..12])
}

fn labels() -> Labels {
    Labels::from([
        (LABEL_KIND.to_owned(), KIND_AGENT.to_owned()),
        (LABEL_DIGEST.to_owned(), DIGEST.to_owned()),
    ])
}

/// Makes sure that the volume is there and filled, and gives its name. `image` is any image
/// that is present; a container of it carries the file in and never runs. `home` is the state
/// directory's name in engines.
pub async fn ensure(
    engine: &dyn Engine,
    state: &Path,
    home: &str,
    endpoint: &str,
    image: &str,
    progress: &dyn Progress,
) -> Result<String, ImageError> {
    let volume = volume();
    // A run may be killed while it fills a volume, and looking into one takes longer than this: a volume
    // counts without a look only together with our own note that it was filled in that engine.
    let note = state.join("agents").join(format!("{volume}@{}", place(endpoint)));
    if note.is_file() && is_there(engine, &volume).await? {
        return Ok(volume);
    }
    let wait = || progress.note("waiting for another crashcart that delivers the agent");
    let _lock = Lock::exclusive(state, "agent", &wait).await?;
    if note.is_file() && is_there(engine, &volume).await? {
        return Ok(volume);
    }
    remove_carriers(engine, home).await?;
    engine.fill_volume(&volume, &labels(), &carrier(home), image, tar()).await?;
    let unwritable = |source| ImageError::Unwritable { path: note.clone(), source };
    std::fs::create_dir_all(note.parent().expect("it has a parent")).map_err(unwritable)?;
    std::fs::write(&note, "").map_err(unwritable)?;
    Ok(volume)
}

/// Labels of the container that carries the agent into its volume.
fn carrier(home: &str) -> Labels {
    Labels::from([(LABEL_KIND.to_owned(), "carrier".to_owned()), (LABEL_HOME.to_owned(), home.to_owned())])
}

/// Removes the carrier that a killed run of this state directory left behind, where there is one.
pub async fn sweep(
    engine: &dyn Engine,
    state: &Path,
    home: &str,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    if carriers(engine, home).await?.is_empty() {
        return Ok(());
    }
    let wait = || progress.note("waiting for another crashcart that delivers the agent");
    let _lock = Lock::exclusive(state, "agent", &wait).await?;
    Ok(remove_carriers(engine, home).await?)
}

async fn carriers(engine: &dyn Engine, home: &str) -> Result<Vec<ContainerId>, EngineError> {
    let found = engine.list(&carrier(home)).await?;
    let containers = found.into_iter().filter(|thing| matches!(thing.kind, FoundKind::Container(_)));
    Ok(containers.map(|thing| ContainerId(thing.id)).collect())
}

/// The caller holds the lock: whatever carrier of ours is there, nobody is at work with it.
async fn remove_carriers(engine: &dyn Engine, home: &str) -> Result<(), EngineError> {
    for id in carriers(engine, home).await? {
        engine.remove(&id).await?;
    }
    Ok(())
}

async fn is_there(engine: &dyn Engine, volume: &str) -> Result<bool, EngineError> {
    let found = engine.list(&labels()).await?;
    Ok(found.iter().any(|thing| thing.kind == FoundKind::Volume && thing.name == volume))
}

/// An engine's address as part of a file's name.
pub(super) fn place(endpoint: &str) -> String {
    endpoint.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The volume's content: the program, which its user may run and not read.
fn tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::with_capacity(PROGRAM.len() + 4096));
    let mut root = tar::Header::new_gnu();
    root.set_entry_type(tar::EntryType::Directory);
    root.set_mode(0o755);
    root.set_size(0);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o711);
    header.set_size(PROGRAM.len() as u64);
    tar.append_data(&mut root, "./", std::io::empty()).expect("a Vec takes all that is written to it");
    tar.append_data(&mut header, "agent", PROGRAM).expect("a Vec takes all that is written to it");
    tar.into_inner().expect("a Vec takes all that is written to it")
}

/// Removes the volumes of other versions that no container uses.
pub(super) async fn prune(engine: &dyn Engine) -> Result<(), EngineError> {
    let ours = volume();
    super::prune_volumes(engine, KIND_AGENT, |thing| thing.name == ours).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_needs_nothing_of_the_node_it_runs_in() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("agent");
        std::fs::write(&path, PROGRAM).expect("a file");
        assert_eq!(&PROGRAM[..4], b"\x7fELF");
        // An interpreter is what a dynamically linked program names first: /lib64/ld-linux…
        let names_a_loader = PROGRAM.windows(7).take(64 * 1024).any(|bytes| bytes == b"ld-linu");
        assert!(!names_a_loader, "the agent is linked dynamically");
    }

    #[test]
    fn the_volume_is_named_after_the_program() {
        use sha2::{Digest, Sha256};
        assert_eq!(DIGEST, crate::units::hex(&Sha256::digest(PROGRAM)));
        assert_eq!(volume(), format!("crashcart-agent-{}", &DIGEST[..12]));
        let tar = tar();
        let mut archive = tar::Archive::new(tar.as_slice());
        let entries: Vec<_> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("an entry");
                (entry.path().expect("a path").display().to_string(), entry.header().mode().expect("a mode"))
            })
            .collect();
        assert_eq!(entries, [("./".to_owned(), 0o755), ("agent".to_owned(), 0o711)]);
    }
}
