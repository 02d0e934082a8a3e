//! Where labs, graders and image folders are found, and what labs there are.

use std::path::{Path, PathBuf};

use super::{Lab, LabError, LabName, NodePlan};
use crate::advice::{NextStep, nearest};
use crate::carried::{Carried, UnfoldError, Unfolded};
use crate::pack::UNPACKED;
use crate::rubric::{NodeKind, Role, Rubric};

/// The folder that holds `labs/`, `graders/` and `containers/`.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: PathBuf,
    pub origin: Origin,
    /// Keeps a version that is unpacked where it is.
    _unfolded: Option<Unfolded>,
    /// Set where its labs are a collection of somebody else's.
    collection: Option<OfCollection>,
}

/// What a catalogue of a collection knows beside its folder.
#[derive(Clone, Debug)]
struct OfCollection {
    /// What finds it again, as [`crate::collection::Collection::source`].
    source: String,
    /// Where our own images and roles are, if they are anywhere.
    ours: Option<PathBuf>,
}

/// Whose folder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody's own, who may be writing in it.
    Written,
    /// It came with the program, and goes with it.
    Shipped,
}

/// Where a root folder may be when none was asked for.
struct Places<'a> {
    working_directory: Option<PathBuf>,
    /// `../share/crashcart` beside the program's own folder.
    beside: Option<PathBuf>,
    /// The folder that the program was built from.
    built: &'a Path,
    carried: Option<Carried>,
    /// The state directory, below which the program unpacks what it carries; none where there is none.
    state: Option<&'a Path>,
    /// A collection, which is none of ours: whoever stands in it means it all the same.
    not: Option<&'a Path>,
}

impl Places<'_> {
    fn find(self) -> Result<Catalog, CatalogError> {
        let mut tried = Vec::new();
        if let Some(here) = self.working_directory {
            if let Some(found) = here.ancestors().find(|folder| is_apart(folder, self.not)) {
                return Ok(Catalog::at(found));
            }
            tried.push(here);
        }
        if let Some(beside) = self.beside {
            // Labs of another version may want what this program does not know.
            if fits(&beside) && self.carried.is_none_or(|carried| carried.is_installed_at(&beside)) {
                return Ok(Catalog { origin: Origin::Shipped, ..Catalog::at(&beside) });
            }
            tried.push(beside);
        }
        match (self.carried, self.state) {
            (Some(carried), Some(state)) => {
                let unfolded = carried.unfold(state)?;
                Ok(Catalog::of(unfolded))
            }
            (Some(_), None) => Err(CatalogError::NoData { tried }),
            (None, state) => {
                let places = std::iter::once(self.built.to_owned()).chain(state.map(|it| it.join(UNPACKED)));
                for place in places {
                    if is_apart(&place, self.not) {
                        return Ok(Catalog::at(&place));
                    }
                    tried.push(place);
                }
                Err(CatalogError::NoData { tried })
            }
        }
    }
}

fn fits(folder: &Path) -> bool {
    folder.join("labs").is_dir() && folder.join("graders").is_dir()
}

/// Whether it is a folder of labs, and not this collection.
fn is_apart(folder: &Path, collection: Option<&Path>) -> bool {
    fits(folder) && collection.is_none_or(|collection| !same_place(collection, folder))
}

impl Catalog {
    /// Finds the folder: the one asked for, else the nearest one above the working directory that has `labs/` and
    /// `graders/`, else the one that was installed with the program, else what the program carries, unpacked below
    /// `state`, the state directory. A debug build carries nothing and reads the folder that it was built from.
    /// The last place is that into which packs were unpacked.
    pub fn find(asked: Option<&Path>, state: Option<&Path>) -> Result<Self, CatalogError> {
        Self::find_beside(asked, state, None)
    }

    /// The same, but not this collection: whoever stands in it means it all the same.
    pub fn find_beside(
        asked: Option<&Path>,
        state: Option<&Path>,
        collection: Option<&Path>,
    ) -> Result<Self, CatalogError> {
        let fits = |folder: &Path| is_apart(folder, collection);
        if let Some(asked) = asked {
            return match fits(asked) {
                true => Ok(Self::at(asked)),
                false => Err(CatalogError::NoData { tried: vec![asked.to_owned()] }),
            };
        }
        let program = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
        let beside = program.and_then(|path| Some(path.parent()?.parent()?.join("share/crashcart")));
        let places = Places {
            working_directory: std::env::current_dir().ok(),
            beside,
            built: Path::new(env!("CARGO_MANIFEST_DIR")),
            carried: Carried::ours(),
            state,
            not: collection,
        };
        places.find()
    }

    /// A folder of somebody's own.
    fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), origin: Origin::Written, _unfolded: None, collection: None }
    }

    /// A version that was carried by this program, or by an older one.
    pub fn of(unfolded: Unfolded) -> Self {
        Self {
            root: unfolded.folder.clone(),
            origin: Origin::Shipped,
            _unfolded: Some(unfolded),
            collection: None,
        }
    }

    /// The labs of a collection, with our own images, and our roles where it has none.
    pub fn of_collection(folder: &Path, source: &str, ours: Option<&Self>) -> Self {
        let collection = OfCollection { source: source.to_owned(), ours: ours.map(|ours| ours.root.clone()) };
        Self {
            root: folder.to_owned(),
            origin: Origin::Written,
            _unfolded: ours.and_then(|ours| ours._unfolded.clone()),
            collection: Some(collection),
        }
    }

    /// Refuses a lab that is called as one of `ours`: scores and attempts go by names.
    pub fn is_apart_from(&self, ours: &Self) -> Result<(), CatalogError> {
        let taken = ours.names()?;
        match self.names()?.into_iter().find(|name| taken.contains(name)) {
            Some(lab) => Err(CatalogError::NameTaken { lab, folder: self.root.clone() }),
            None => Ok(()),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What finds the collection again that its labs are of.
    pub fn collection(&self) -> Option<&str> {
        self.collection.as_ref().map(|it| it.source.as_str())
    }

    /// Folders of the images: our own, and those of a collection.
    pub fn containers(&self) -> Vec<PathBuf> {
        let own = self.root.join("containers");
        match &self.collection {
            None => vec![own],
            Some(collection) => {
                let ours = collection.ours.as_ref().map(|root| root.join("containers"));
                ours.into_iter().chain(Some(own)).filter(|folder| folder.is_dir()).collect()
            }
        }
    }

    /// Folder of the rubrics.
    pub fn graders(&self) -> PathBuf {
        self.root.join("graders")
    }

    /// Names of all labs, sorted.
    pub fn names(&self) -> Result<Vec<LabName>, CatalogError> {
        let folder = self.root.join("labs");
        let at = |source| CatalogError::Unreadable { path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            let name = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(name) = name.filter(|_| entry.path().join("lab.toml").is_file()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// One lab by name.
    pub fn lab(&self, name: &str) -> Result<Lab, CatalogError> {
        let names = self.names()?;
        match names.iter().find(|known| known.as_str() == name) {
            Some(known) => Ok(Lab::load(&self.root.join("labs").join(known.as_str()))?),
            None => {
                let near = nearest(name, names.iter()).map(str::to_owned);
                Err(CatalogError::NoSuchLab { asked: name.to_owned(), nearest: near })
            }
        }
    }

    /// All labs that can be read, by name, and the names of those that cannot: one lab with a mistake must
    /// not take the others away.
    pub fn labs(&self) -> Result<(Vec<Lab>, Vec<LabName>), CatalogError> {
        let (mut labs, mut bad) = (Vec::new(), Vec::new());
        for name in self.names()? {
            match Lab::load(&self.root.join("labs").join(name.as_str())) {
                Ok(lab) => labs.push(lab),
                Err(_) => bad.push(name),
            }
        }
        Ok((labs, bad))
    }

    /// Folder of the roles.
    pub fn roles_folder(&self) -> PathBuf {
        let own = self.graders().join("roles");
        match self.collection.as_ref().and_then(|collection| collection.ours.as_ref()) {
            Some(ours) if !own.is_dir() => ours.join("graders/roles"),
            _ => own,
        }
    }

    /// All roles, by file name.
    pub fn roles(&self) -> Result<Vec<Role>, CatalogError> {
        let folder = self.roles_folder();
        let at = |source| CatalogError::Unreadable { path: folder.clone(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths.iter().map(|path| Role::read(path)).collect::<Result<_, _>>()?)
    }

    /// A lab's rubric, made sure to fit the lab.
    pub fn rubric(&self, lab: &Lab) -> Result<Rubric, CatalogError> {
        let path = self.graders().join(format!("{}.toml", lab.name));
        let rubric = Rubric::read(&path)?;
        let variants: Vec<_> = lab.variants.iter().map(|variant| variant.name.clone()).collect();
        let kind = |node: &NodePlan| if node.vm.is_some() { NodeKind::Vm } else { NodeKind::Container };
        let nodes: Vec<_> = lab.nodes.iter().map(|node| (node.name.clone(), kind(node))).collect();
        let parameters: Vec<&str> = lab.parameters.keys().map(String::as_str).collect();
        if rubric.lab != lab.name {
            return Err(CatalogError::OtherLab { path, named: rubric.lab, wanted: lab.name.clone() });
        }
        rubric.fits(&variants, &nodes, &parameters)?;
        if lab.nodes.iter().any(|node| node.real_accelerators) {
            rubric.fits_real_accelerators()?;
        }
        let checks: Vec<&str> = rubric.checks.iter().map(|check| check.id.as_str()).collect();
        for wrong in &lab.wrongs {
            if let Some(check) = wrong.refused_by.iter().find(|name| !checks.contains(&name.as_str())) {
                return Err(CatalogError::NoSuchCheck {
                    lab: lab.name.clone(),
                    wrong: wrong.name.clone(),
                    check: check.clone(),
                    nearest: nearest(check, checks.iter().copied()).map(str::to_owned),
                });
            }
        }
        Ok(rubric)
    }
}

/// Whether two paths are one folder.
fn same_place(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Why a lab could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("found no labs")]
    NoData { tried: Vec<PathBuf> },
    #[error("there is no lab `{asked}`")]
    NoSuchLab { asked: String, nearest: Option<String> },
    #[error("the lab `{lab}` of `{}` is called as one of crashcart's own", folder.display())]
    NameTaken { lab: LabName, folder: PathBuf },
    #[error("could not read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the rubric `{}` belongs to lab `{named}`, not to `{wanted}`", path.display())]
    OtherLab { path: PathBuf, named: LabName, wanted: LabName },
    #[error("lab `{lab}` has `{wrong}` refused by `{check}`, and its rubric has no such check")]
    NoSuchCheck { lab: LabName, wrong: String, check: String, nearest: Option<String> },
    #[error(transparent)]
    Unfold(#[from] UnfoldError),
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Rubric(#[from] crate::document::DocumentError),
}

impl NextStep for CatalogError {
    fn next_step(&self) -> String {
        match self {
            Self::NoData { tried } => {
                let tried: Vec<String> = tried.iter().map(|path| format!("`{}`", path.display())).collect();
                format!(
                    "run it in a clone of the project, name one with `--root`, or unpack a pack with `crashcart unpack` (tried {})",
                    tried.join(", ")
                )
            }
            Self::NoSuchLab { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::NoSuchLab { nearest: None, .. } => "list them with `crashcart list`".into(),
            Self::NameTaken { lab, .. } => {
                format!("rename `labs/{lab}` and `graders/{lab}.toml` in the collection, or tell its author")
            }
            Self::Unreadable { path, .. } => format!("make `{}` readable", path.display()),
            Self::OtherLab { path, wanted, .. } => {
                format!("write `lab = \"{wanted}\"` in `{}`", path.display())
            }
            Self::NoSuchCheck { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::NoSuchCheck { lab, .. } => format!("correct `refused-by` in `labs/{lab}/lab.toml`"),
            Self::Unfold(error) => error.next_step(),
            Self::Lab(error) => error.next_step(),
            Self::Rubric(error) => error.next_step(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(parts: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in parts {
            std::fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        folder
    }

    /// What is found without anything carried.
    fn found(here: &Path, beside: &Path, built: &Path) -> Option<(PathBuf, Origin)> {
        let (working_directory, beside) = (Some(here.to_owned()), Some(beside.to_owned()));
        let places = Places { working_directory, beside, built, carried: None, state: None, not: None };
        places.find().ok().map(|catalog| (catalog.root, catalog.origin))
    }

    #[test]
    fn the_nearest_folder_is_taken_then_the_installed_one_then_the_one_built_from() {
        let nothing = folder(&[]);
        let own = folder(&["labs/deep/er", "graders"]);
        let installed = folder(&["labs", "graders"]);
        let built = folder(&["labs", "graders"]);
        let path = |folder: &tempfile::TempDir| folder.path().to_owned();
        let deep = path(&own).join("labs/deep/er");
        assert_eq!(found(&deep, &path(&installed), &path(&built)), Some((path(&own), Origin::Written)));
        assert_eq!(
            found(&path(&nothing), &path(&installed), &path(&built)),
            Some((path(&installed), Origin::Shipped))
        );
        assert_eq!(
            found(&path(&nothing), &path(&nothing), &path(&built)),
            Some((path(&built), Origin::Written))
        );
        assert_eq!(found(&path(&nothing), &path(&nothing), &path(&nothing)), None);
    }
}
