//! What the labs of a collection ask for beyond what every lab may do.

use std::path::Path;

use super::{CollectionError, containerfile};
use crate::image::ImageCatalog;
use crate::lab::Lab;

/// What a user of a collection agrees to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Asks {
    /// How many labs there are; the scripts of each run as root in its nodes.
    pub labs: usize,
    /// Labs whose nodes reach what lies outside their network.
    pub outside: Vec<String>,
    /// Labs that may have this machine's own accelerators.
    pub real_accelerators: Vec<String>,
    /// Images that are built of files of the collection's.
    pub images: Vec<AskedImage>,
}

/// An image of a collection's own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AskedImage {
    pub name: String,
    /// What root of its nodes may, without `CAP_`; bounded by [`crate::image::ALLOWED_CAPABILITIES`].
    pub capabilities: Vec<String>,
}

impl Asks {
    /// Looks at what these labs and the images below `folder` ask for.
    ///
    /// # Errors
    /// An image that is built of something that nobody here can see.
    pub fn of(labs: &[Lab], images: &ImageCatalog, folder: &Path) -> Result<Self, CollectionError> {
        let named = |fits: &dyn Fn(&Lab) -> bool| {
            labs.iter().filter(|lab| fits(lab)).map(|lab| lab.name.to_string()).collect::<Vec<_>>()
        };
        let mut own = Vec::new();
        for image in images.iter().filter(|image| image.folder.starts_with(folder)) {
            let path = image.folder.join("Containerfile");
            let text = std::fs::read_to_string(&path)
                .map_err(|source| CollectionError::Unreadable { path, source })?;
            if let Some((line, what)) = containerfile::foreign(&text) {
                let what = what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
                return Err(CollectionError::Foreign { image: image.name.clone(), line, what });
            }
            own.push(AskedImage { name: image.name.clone(), capabilities: image.capabilities.clone() });
        }
        Ok(Self {
            labs: labs.len(),
            outside: named(&|lab| lab.outside),
            real_accelerators: named(&|lab| lab.nodes.iter().any(|node| node.real_accelerators)),
            images: own,
        })
    }

    /// A name for exactly this: a folder that asks for more is asked about anew.
    pub fn digest(&self) -> String {
        use sha2::Digest;
        // How many labs there are changes nothing of what they may do.
        let text = serde_json::to_string(&Self { labs: 0, ..self.clone() }).expect("names serialise");
        crate::units::hex(&sha2::Sha256::digest(text))
    }

    /// For the one who is to agree, a line each.
    pub fn told(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{} of somebody else's; scripts run as root in unprivileged containers",
            if self.labs == 1 { "1 lab".to_owned() } else { format!("{} labs", self.labs) }
        )];
        let mut line = |what: &str, whose: Vec<String>| {
            if !whose.is_empty() {
                lines.push(format!("{what}: {}", whose.join(", ")));
            }
        };
        line("nodes that reach the network outside, and through it yours", self.outside.clone());
        line(
            "may have this machine's own accelerators (`--accelerators real`)",
            self.real_accelerators.clone(),
        );
        let images = self.images.iter().map(|image| match image.capabilities.is_empty() {
            true => image.name.clone(),
            false => format!("{} ({})", image.name, image.capabilities.join(", ")),
        });
        line("images of their own, built as root in a container with a network", images.collect());
        lines
    }
}
