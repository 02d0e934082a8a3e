//! A new lab to begin from: small, complete and provable as it stands, so that
//! its author replaces parts of something that works.

use std::path::{Path, PathBuf};

use super::LabName;
use crate::advice::NextStep;

/// Files of the new lab: path below the root (`NAME` stands for the lab's name) and text.
const FILES: &[(&str, &str)] = &[
    ("labs/NAME/lab.toml", include_str!("new/lab.toml")),
    ("labs/NAME/brief.md", include_str!("new/brief.md")),
    ("labs/NAME/hints.md", include_str!("new/hints.md")),
    ("labs/NAME/debrief.md", include_str!("new/debrief.md")),
    ("labs/NAME/break/world-readable.sh", include_str!("new/break.sh")),
    ("labs/NAME/solve/reference.sh", include_str!("new/reference.sh")),
    ("labs/NAME/solve/alternative.sh", include_str!("new/alternative.sh")),
    ("labs/NAME/solve/half.sh", include_str!("new/half.sh")),
    ("labs/NAME/wrong/root-only.sh", include_str!("new/wrong.sh")),
    ("graders/NAME.toml", include_str!("new/grader.toml")),
];

/// Writes a new lab below `root`; gives the files written. Overwrites nothing.
pub fn new_lab(root: &Path, name: &LabName) -> Result<Vec<PathBuf>, NewLabError> {
    let files: Vec<(PathBuf, &str)> =
        FILES.iter().map(|(path, text)| (root.join(path.replace("NAME", name.as_str())), *text)).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(NewLabError::Exists { path: path.clone() });
    }
    for (path, text) in &files {
        let write = || {
            std::fs::create_dir_all(path.parent().expect("each has a folder"))?;
            std::fs::write(path, text.replace("NAME", name.as_str()))
        };
        write().map_err(|source| NewLabError::Unwritable { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Why no lab was written.
#[derive(Debug, thiserror::Error)]
pub enum NewLabError {
    #[error("`{}` is there already", path.display())]
    Exists { path: PathBuf },
    #[error("could not write `{}`", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
}

impl NextStep for NewLabError {
    fn next_step(&self) -> String {
        match self {
            Self::Exists { .. } => "choose another name; nothing was written".into(),
            Self::Unwritable { .. } => "make the folder writable, or name another with `--root`".into(),
        }
    }
}
