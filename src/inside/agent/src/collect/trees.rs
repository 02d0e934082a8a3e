//! Small trees of files that stand for a node in tests.

use std::fs;

use crate::rooted::Root;

/// A root with these files. The first of the two is the folder: it goes when dropped.
pub fn tree(files: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, content) in files {
        let path = folder.path().join(path.as_ref());
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    let root = Root::at(folder.path()).expect("a root");
    (folder, root)
}
