//! The part of a pack with images: looked over before an engine sees it.
//!
//! An engine that loads a tar gives it whatever names stand inside, and decompresses whatever layers. Here every
//! name must be one that the manifest announces, and layers may not grow beyond what it announces.

use std::io::Read;

use serde_json::Value;

use super::walk::{Fault, Kind, Member, read_whole, walk};

/// Most bytes of a file that lists images.
const LIST_BYTES: u64 = 4 << 20;
/// What layers may take beyond the announced: folders, and files that a later layer replaces.
const SLACK: u64 = 256 << 20;

/// Refuses a tar of images that has other names than `tags`, or unpacks to much more than `size_bytes`.
pub(super) fn look_over(tar: impl Read, tags: &[&str], size_bytes: u64) -> Result<(), Fault> {
    let most = size_bytes.saturating_mul(2).saturating_add(SLACK);
    let (mut grown, mut found) = (0u64, Vec::new());
    walk(tar, |member, bytes| {
        match &member.kind {
            Kind::Folder => return Ok(()),
            // Docker before 25 links a layer that stands there already.
            Kind::Link(target) if target.starts_with("../") && target[3..].split('/').all(is_plain) => {
                return Ok(());
            }
            Kind::Link(_) => return Err(Fault::Bad(format!("the link `{}` leads elsewhere", member.path))),
            Kind::File => {}
        }
        match member.path.as_str() {
            "manifest.json" => found = names_of_manifest(&list(member, bytes)?)?,
            "repositories" => only(&names_of_repositories(&list(member, bytes)?)?, tags)?,
            "index.json" => only(&names_of_index(&list(member, bytes)?), tags)?,
            _ => grown = grown.saturating_add(grows_to(bytes, most.saturating_sub(grown))?),
        }
        match grown > most {
            true => Err(Fault::bad("its layers are larger than it says")),
            false => Ok(()),
        }
    })?;
    only(&found, tags)?;
    match tags.iter().find(|tag| !found.iter().any(|name| bare(name) == **tag)) {
        Some(tag) => Err(Fault::Bad(format!("the image `{tag}` is not in it"))),
        None => Ok(()),
    }
}

fn is_plain(part: &str) -> bool {
    !part.is_empty() && part != ".."
}

fn list(member: &Member, bytes: &mut dyn Read) -> Result<Value, Fault> {
    let bytes = read_whole(member, bytes, LIST_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|_| Fault::Bad(format!("`{}` is no list of images", member.path)))
}

/// A name without the registry that Podman puts before names that have none.
fn bare(name: &str) -> &str {
    name.trim_start_matches("localhost/").trim_start_matches("docker.io/")
}

fn only(names: &[String], tags: &[&str]) -> Result<(), Fault> {
    match names.iter().find(|name| !tags.contains(&bare(name))) {
        Some(name) => Err(Fault::Bad(format!("the image `{}` is not announced", name.escape_debug()))),
        None => Ok(()),
    }
}

/// Docker's own list: `[{"RepoTags": ["name:tag"], …}]`.
fn names_of_manifest(list: &Value) -> Result<Vec<String>, Fault> {
    let images = list.as_array().ok_or_else(|| Fault::bad("`manifest.json` is no list of images"))?;
    let mut names = Vec::new();
    for image in images {
        let tags = image["RepoTags"].as_array().filter(|tags| !tags.is_empty());
        let tags = tags.ok_or_else(|| Fault::bad("an image has no name"))?;
        for tag in tags {
            names.push(tag.as_str().ok_or_else(|| Fault::bad("an image's name is no text"))?.to_owned());
        }
    }
    Ok(names)
}

/// The list of long ago: `{"name": {"tag": "id"}}`.
fn names_of_repositories(list: &Value) -> Result<Vec<String>, Fault> {
    let names = list.as_object().ok_or_else(|| Fault::bad("`repositories` is no list of images"))?;
    let mut all = Vec::new();
    for (name, tags) in names {
        let tags = tags.as_object().ok_or_else(|| Fault::bad("`repositories` is no list of images"))?;
        all.extend(tags.keys().map(|tag| format!("{name}:{tag}")));
    }
    Ok(all)
}

/// The OCI's: names stand in annotations, of which one may hold the tag alone.
fn names_of_index(index: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for manifest in index["manifests"].as_array().into_iter().flatten() {
        let said = |name: &str| manifest["annotations"][name].as_str().map(str::to_owned);
        let named = said("io.containerd.image.name");
        let reference = said("org.opencontainers.image.ref.name").filter(|name| name.contains([':', '/']));
        names.extend(named.into_iter().chain(reference));
    }
    names
}

/// Bytes that a member becomes when an engine decompresses it; stops counting beyond `most`.
fn grows_to(bytes: &mut dyn Read, most: u64) -> Result<u64, Fault> {
    let mut head = [0; 6];
    let mut got = 0;
    while got < head.len() {
        match bytes.read(&mut head[got..])? {
            0 => break,
            more => got += more,
        }
    }
    let whole = head[..got].chain(bytes);
    let count =
        |from: &mut dyn Read| std::io::copy(&mut from.take(most.saturating_add(1)), &mut std::io::sink());
    Ok(match &head {
        [0x1f, 0x8b, ..] => count(&mut flate2::read::MultiGzDecoder::new(whole))?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::Decoder::new(whole)?;
            decoder.window_log_max(27)?;
            count(&mut decoder)?
        }
        [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            return Err(Fault::bad("a layer is compressed in a way that no engine uses"));
        }
        _ => count(&mut { whole })?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::walk::tar_of as tar;
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn manifest(tags: &[&str]) -> (&'static str, Vec<u8>) {
        ("manifest.json", json!([{ "Config": "c.json", "RepoTags": tags, "Layers": [] }]).to_string().into())
    }

    fn why(files: &[(&str, Vec<u8>)]) -> String {
        match look_over(tar(files).as_slice(), &["crashcart/box:1"], 1 << 20) {
            Ok(()) => "nothing".into(),
            Err(Fault::Bad(why)) => why,
            Err(Fault::Io(error)) => error.to_string(),
        }
    }

    #[test]
    fn images_have_the_names_that_are_announced_and_no_others() {
        assert_eq!(why(&[manifest(&["crashcart/box:1"]), ("a/layer.tar", vec![0; 512])]), "nothing");
        assert_eq!(why(&[manifest(&["localhost/crashcart/box:1"])]), "nothing");
        assert!(
            why(&[manifest(&["crashcart/box:1", "debian:latest"])])
                .contains("`debian:latest` is not announced")
        );
        assert!(why(&[manifest(&[])]).contains("has no name"));
        assert!(why(&[("a", vec![])]).contains("`crashcart/box:1` is not in it"));
        let old = json!({ "debian": { "latest": "x" } }).to_string().into_bytes();
        assert!(why(&[manifest(&["crashcart/box:1"]), ("repositories", old)]).contains("not announced"));
        let annotations = json!({ "io.containerd.image.name": "docker.io/library/debian:latest" });
        let index = json!({ "manifests": [{ "annotations": annotations }] }).to_string().into_bytes();
        assert!(why(&[manifest(&["crashcart/box:1"]), ("index.json", index)]).contains("not announced"));
    }

    #[test]
    fn a_layer_that_grows_without_end_is_refused() {
        let size = usize::try_from(SLACK).expect("it fits") + (4 << 20);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        for _ in 0..size >> 20 {
            gzip.write_all(&[0; 1 << 20]).expect("a Vec takes all");
            zstd.write_all(&[0; 1 << 20]).expect("a Vec takes all");
        }
        for bytes in [gzip.finish().expect("a Vec takes all"), zstd.finish().expect("a Vec takes all")] {
            assert!(bytes.len() < 4 << 20, "it is small");
            let blobs = [manifest(&["crashcart/box:1"]), ("blobs/sha256/0", bytes)];
            assert!(why(&blobs).contains("larger than it says"), "{}", why(&blobs));
        }
    }
}
