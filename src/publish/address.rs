//! Where things stand on the site: which page a file of the repository became, which anchors it has, and how one
//! page is reached from another. Knows no markdown and no template.

use std::collections::{BTreeMap, BTreeSet};

use crate::advice::nearest;

/// Files and folders of the repository, and the pages that they became.
#[derive(Debug, Default)]
pub struct Addresses {
    /// By path from the root folder, without a slash at the end. A file that became several pages leads to the first.
    files: BTreeMap<String, Vec<Target>>,
}

#[derive(Debug)]
struct Target {
    page: String,
    anchors: BTreeSet<String>,
}

/// Why a link leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nowhere {
    /// Not http, https or mailto.
    Scheme(String),
    /// No page was made of that file.
    NoPage { file: String, nearest: Option<String> },
    /// The page has no such anchor.
    NoAnchor { file: String, anchor: String, nearest: Option<String> },
    /// It leaves the repository.
    Outside,
    /// It shows a picture; the site has none.
    Picture,
}

impl std::fmt::Display for Nowhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meant = |f: &mut std::fmt::Formatter<'_>, nearest: &Option<String>| match nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        };
        match self {
            Self::Scheme(scheme) => write!(f, "`{scheme}:` is neither http, https nor mailto"),
            Self::NoPage { file, nearest } => {
                write!(f, "no page is made of `{file}`")?;
                meant(f, nearest)
            }
            Self::NoAnchor { file, anchor, nearest } => {
                write!(f, "`{file}` has no heading `#{anchor}`")?;
                meant(f, nearest)
            }
            Self::Outside => f.write_str("it leads out of the folder of labs and pages"),
            Self::Picture => {
                f.write_str("it shows a picture, and the site carries none: use words, or a table")
            }
        }
    }
}

impl Addresses {
    /// Notes that a page was made of a file, and the anchors that this gave it.
    pub fn put(&mut self, file: &str, page: &str, anchors: impl IntoIterator<Item = String>) {
        let targets = self.files.entry(file.to_owned()).or_default();
        targets.push(Target { page: page.to_owned(), anchors: anchors.into_iter().collect() });
    }

    /// What stands in the place of a link to `to` that a file has on a page.
    pub fn resolve(&self, to: &str, file: &str, page: &str) -> Result<String, Nowhere> {
        if let Some(scheme) = scheme(to) {
            let known = ["http", "https", "mailto"].contains(&scheme.to_ascii_lowercase().as_str());
            return if known { Ok(to.to_owned()) } else { Err(Nowhere::Scheme(scheme.to_owned())) };
        }
        if to.starts_with('/') {
            return Err(Nowhere::Outside);
        }
        let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
        let meant =
            if path.is_empty() { file.to_owned() } else { joined(file, path).ok_or(Nowhere::Outside)? };
        let Some(targets) = self.files.get(&meant) else {
            // A folder is never what was meant by the name of a file.
            let extension = |path: &str| path.rsplit_once('.').map(|(_, extension)| extension.to_owned());
            let alike = self
                .files
                .keys()
                .filter(|known| known.as_str() != file && extension(known) == extension(&meant));
            let nearest = nearest(&meant, alike).map(str::to_owned);
            return Err(Nowhere::NoPage { file: meant, nearest });
        };
        let Some(anchor) = anchor else {
            return Ok(relative(page, &targets[0].page));
        };
        match targets.iter().find(|target| target.anchors.contains(anchor)) {
            Some(target) if target.page == page => Ok(format!("#{anchor}")),
            Some(target) => Ok(format!("{}#{anchor}", relative(page, &target.page))),
            None => {
                let known = targets.iter().flat_map(|target| &target.anchors);
                let nearest = nearest(anchor, known).map(|near| format!("#{near}"));
                Err(Nowhere::NoAnchor { file: meant, anchor: anchor.to_owned(), nearest })
            }
        }
    }
}

/// `https` of `https://…`.
fn scheme(to: &str) -> Option<&str> {
    let (scheme, _) = to.split_once(':')?;
    let mut chars = scheme.chars();
    let fits = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    fits.then_some(scheme)
}

/// A path as a file names it, from the root folder; none where it leaves that.
fn joined(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The way from one page to another: `../roles/x.html`.
pub fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').collect();
    let to: Vec<&str> = to.split('/').collect();
    let (here, there) = (&from[..from.len() - 1], &to[..to.len() - 1]);
    let shared = here.iter().zip(there).take_while(|(one, other)| one == other).count();
    let mut way: Vec<&str> = vec![".."; here.len() - shared];
    way.extend(&to[shared..]);
    way.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let mut addresses = Addresses::default();
        addresses.put("README.md", "index.html", ["first".to_owned()]);
        addresses.put("README.md", "commands.html", ["exit-codes".to_owned()]);
        addresses.put("site/pages/vm.md", "vm.html", ["reboot".to_owned()]);
        addresses.put("site/decisions", "decisions.html", []);
        addresses.put("site/decisions/0001-one.md", "decisions/0001-one.html", []);
        addresses
    }

    #[test]
    fn links_between_files_become_links_between_pages() {
        fn case(to: &str, file: &str, page: &str, wanted: &str) {
            assert_eq!(addresses().resolve(to, file, page).as_deref(), Ok(wanted), "{to}");
        }
        let (vm, one) = ("site/pages/vm.md", "site/decisions/0001-one.md");
        case("site/pages/vm.md", "README.md", "index.html", "vm.html");
        case("../pages/vm.md#reboot", one, "decisions/0001-one.html", "../vm.html#reboot");
        case("../decisions/0001-one.md", vm, "vm.html", "decisions/0001-one.html");
        case("../decisions/", vm, "vm.html", "decisions.html");
        case("../../README.md", vm, "vm.html", "index.html");
        case("#exit-codes", "README.md", "index.html", "commands.html#exit-codes");
        case("#first", "README.md", "index.html", "#first");
        case("https://example.org/a:b", vm, "vm.html", "https://example.org/a:b");
    }

    #[test]
    fn what_leads_nowhere_is_told_with_what_was_probably_meant() {
        fn case(to: &str, wanted: &str) {
            let nowhere = addresses().resolve(to, "site/pages/vm.md", "vm.html").expect_err(to);
            assert_eq!(nowhere.to_string(), wanted);
        }
        case(
            "../decisions/0001-ome.md",
            "no page is made of `site/decisions/0001-ome.md`; did you mean `site/decisions/0001-one.md`?",
        );
        case("wm.md", "no page is made of `site/pages/wm.md`");
        case("#rebot", "`site/pages/vm.md` has no heading `#rebot`; did you mean `#reboot`?");
        case("../../../etc/passwd", "it leads out of the folder of labs and pages");
        case("/etc/passwd", "it leads out of the folder of labs and pages");
        case("javascript:alert(1)", "`javascript:` is neither http, https nor mailto");
        case("data:text/html,x", "`data:` is neither http, https nor mailto");
    }

    #[test]
    fn pages_are_reached_from_one_another() {
        assert_eq!(relative("labs/a.html", "roles/b.html"), "../roles/b.html");
        assert_eq!(relative("labs/a.html", "labs/b.html"), "b.html");
        assert_eq!(relative("index.html", "labs/b.html"), "labs/b.html");
        assert_eq!(relative("labs/a.html", "index.html"), "../index.html");
    }
}
