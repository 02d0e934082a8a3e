//! Where this machine gets its Debian packages, so that images get theirs there too.
//!
//! Reads apt's own configuration, both styles of it. Behind a company's wall or in a
//! classroom the public mirror may be out of reach while a local one is not.

use std::path::Path;

/// Suite of the base image.
pub(super) const SUITE: &str = "trixie";
/// The public mirror, for machines that name none.
const PUBLIC: &str = "http://deb.debian.org/debian";
const PUBLIC_SECURITY: &str = "http://deb.debian.org/debian-security";
/// The archive's keys, on Debian machines and in Debian images alike.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A Debian mirror and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mirror {
    /// `http://deb.debian.org/debian`.
    pub main: String,
    /// The mirror of security updates, where the machine has one.
    pub security: Option<String>,
    /// The machine takes stable updates from it.
    pub updates: bool,
    /// The machine takes its packages unsigned.
    pub trusted: bool,
    /// The machine's apt goes through this proxy.
    pub proxy: Option<String>,
}

impl Mirror {
    /// The mirror of this machine, or the public one.
    pub fn of_this_machine() -> Self {
        Self::below(Path::new("/"))
    }

    /// The mirror of the machine whose root is `root`.
    fn below(root: &Path) -> Self {
        let apt = root.join("etc/apt");
        let mut entries = Vec::new();
        if let Ok(text) = std::fs::read_to_string(apt.join("sources.list")) {
            entries.extend(parse_lines(&text));
        }
        for path in sorted_files(&apt.join("sources.list.d")) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("list") => entries.extend(parse_lines(&text)),
                Some("sources") => entries.extend(parse_stanzas(&text)),
                _ => {}
            }
        }
        let mut mirror = Self::of_entries(&entries);
        let texts = [apt.join("apt.conf")].into_iter().chain(sorted_files(&apt.join("apt.conf.d")));
        mirror.proxy = texts
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .filter_map(|text| parse_proxy(&text))
            .next_back();
        mirror
    }

    fn of_entries(entries: &[Entry]) -> Self {
        let usable = |entry: &&Entry| {
            let uri = entry.uri.as_str();
            (uri.starts_with("http://") || uri.starts_with("https://"))
                && entry.components.iter().any(|component| component == "main")
                && entry.signed_by.as_ref().is_none_or(|keyring| keyring.contains("debian-archive"))
        };
        let main = entries.iter().filter(usable).find(|entry| is_release(&entry.suite));
        let Some(main) = main else {
            return Self {
                main: PUBLIC.into(),
                security: Some(PUBLIC_SECURITY.into()),
                updates: true,
                trusted: false,
                proxy: None,
            };
        };
        let security = entries.iter().filter(usable).find(|entry| {
            entry
                .suite
                .strip_suffix("-security")
                .or(entry.suite.strip_suffix("/updates"))
                .is_some_and(is_release)
        });
        let updates = entries.iter().filter(usable).any(|entry| {
            entry.uri == main.uri && entry.suite.strip_suffix("-updates").is_some_and(is_release)
        });
        Self {
            main: main.uri.clone(),
            security: security.map(|entry| entry.uri.clone()),
            updates,
            trusted: main.trusted,
            proxy: None,
        }
    }

    /// URIs with the suites taken from each.
    fn sources(&self) -> Vec<(&str, Vec<String>)> {
        let mut main = vec![SUITE.to_owned()];
        if self.updates {
            main.push(format!("{SUITE}-updates"));
        }
        let mut sources = vec![(self.main.as_str(), main)];
        if let Some(security) = &self.security {
            sources.push((security, vec![format!("{SUITE}-security")]));
        }
        sources
    }

    /// Whether a client needs certificates to believe it.
    pub(super) fn is_https(&self) -> bool {
        self.sources().iter().any(|(uri, _)| uri.starts_with("https://"))
    }

    /// `debian.sources` for an image.
    pub(super) fn stanzas(&self) -> String {
        let trust = if self.trusted { "Trusted: yes".to_owned() } else { format!("Signed-By: {KEYRING}") };
        let stanza = |(uri, suites): (&str, Vec<String>)| {
            format!("Types: deb\nURIs: {uri}\nSuites: {}\nComponents: main\n{trust}\n", suites.join(" "))
        };
        self.sources().into_iter().map(stanza).collect::<Vec<_>>().join("\n")
    }

    /// One-line sources, as mmdebstrap takes them.
    pub(super) fn lines(&self) -> Vec<String> {
        let options = match (self.trusted, Path::new(KEYRING).exists()) {
            (true, _) => " [trusted=yes]".to_owned(),
            // Machines other than Debian do not believe its keys unless told to.
            (false, true) => format!(" [signed-by={KEYRING}]"),
            (false, false) => String::new(),
        };
        let sources = self.sources();
        let pairs = sources.iter().flat_map(|(uri, suites)| suites.iter().map(move |suite| (uri, suite)));
        pairs.map(|(uri, suite)| format!("deb{options} {uri} {suite} main")).collect()
    }
}

/// One suite of one source of binary packages.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    uri: String,
    suite: String,
    components: Vec<String>,
    signed_by: Option<String>,
    trusted: bool,
}

/// Whether this names a release of Debian itself; other archives name theirs otherwise (`bookworm-pgdg`, `nodistro`).
fn is_release(suite: &str) -> bool {
    const RELEASES: [&str; 10] = [
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "sid",
    ];
    RELEASES.contains(&suite)
}

/// Reads `deb [options] uri suite component…` lines.
fn parse_lines(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '['])) else {
            continue;
        };
        let rest = rest.trim();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let option = |name: &str| {
            options
                .split_whitespace()
                .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else { continue };
        entries.push(Entry {
            uri: bare(&uri),
            suite,
            components: words.collect(),
            signed_by: option("signed-by"),
            trusted: option("trusted").as_deref() == Some("yes"),
        });
    }
    entries
}

/// Reads stanzas in the style of deb822.
fn parse_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let without_comments = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    for stanza in without_comments.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines() {
            if line.starts_with([' ', '\t']) {
                // A value goes on; keys in full may stand here too.
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
        let field = |name: &str| {
            fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
        };
        let is = |name: &str, wanted: &[&str]| wanted.contains(&field(name).to_lowercase().as_str());
        if !field("types").split_whitespace().any(|kind| kind == "deb")
            || is("enabled", &["no", "false", "0"])
        {
            continue;
        }
        for uri in field("uris").split_whitespace() {
            for suite in field("suites").split_whitespace() {
                entries.push(Entry {
                    uri: bare(uri),
                    suite: suite.to_owned(),
                    components: field("components").split_whitespace().map(str::to_owned).collect(),
                    signed_by: Some(field("signed-by").to_owned()).filter(|keyring| !keyring.is_empty()),
                    trusted: is("trusted", &["yes", "true", "1"]),
                });
            }
        }
    }
    entries
}

fn bare(uri: &str) -> String {
    uri.trim_end_matches('/').to_owned()
}

/// The proxy for http that a piece of apt.conf sets. One on this machine's own loopback is of
/// no use in a container and is left out.
fn parse_proxy(text: &str) -> Option<String> {
    let quoted = |rest: &str| rest.split('"').nth(1).map(str::to_owned);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//") && !line.starts_with('#'))
        .filter_map(|line| quoted(line.strip_prefix("Acquire::http::Proxy")?))
        .rfind(|proxy| {
            proxy.starts_with("http")
                && !["localhost", "127.", "[::1]"].iter().any(|here| proxy.contains(here))
        })
}

fn sorted_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Mirror {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = dir.path().join("etc/apt").join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            std::fs::write(path, text).expect("file");
        }
        Mirror::below(dir.path())
    }

    #[test]
    fn a_machine_that_is_not_debian_uses_the_public_mirror() {
        let mirror = machine(&[("sources.list", "deb http://archive.example/ubuntu noble main universe\n")]);
        assert_eq!(mirror.main, PUBLIC);
        assert_eq!(mirror.security.as_deref(), Some(PUBLIC_SECURITY));
    }

    #[test]
    fn one_line_sources_are_read() {
        let mirror = machine(&[(
            "sources.list",
            "# deb http://old.example/debian bookworm main\n\
             deb-src http://src.example/debian bookworm main\n\
             deb cdrom:[Debian]/ bookworm main\n\
             deb [arch=amd64] http://mirror.example/debian/ bookworm main contrib # near\n\
             deb http://mirror.example/debian bookworm-updates main\n\
             deb http://mirror.example/debian-security bookworm-security main\n",
        )]);
        let wanted = Mirror {
            main: "http://mirror.example/debian".into(),
            security: Some("http://mirror.example/debian-security".into()),
            updates: true,
            trusted: false,
            proxy: None,
        };
        assert_eq!(mirror, wanted);
    }

    #[test]
    fn stanzas_are_read_and_other_archives_left_out() {
        let mirror = machine(&[
            (
                "sources.list.d/a.sources",
                "Types: deb\nURIs: https://other.example/apt\nSuites: bookworm\nComponents: main\nSigned-By: /etc/apt/keyrings/other.gpg\n",
            ),
            ("sources.list.d/b.list", "deb https://db.example/apt bookworm-pgdg main\n"),
            (
                "sources.list.d/debian.sources",
                "Types: deb deb-src\n# a comment\nURIs: https://near.example/debian\nSuites: trixie\n trixie-updates\nComponents: main non-free-firmware\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nEnabled: no\nTypes: deb\nURIs: https://off.example/debian\nSuites: trixie-security\nComponents: main\n",
            ),
        ]);
        assert_eq!(mirror.main, "https://near.example/debian");
        assert_eq!((mirror.updates, mirror.security.clone()), (true, None));
        assert!(mirror.is_https());
        assert_eq!(
            mirror.stanzas(),
            "Types: deb\nURIs: https://near.example/debian\nSuites: trixie trixie-updates\nComponents: main\n\
             Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        );
    }

    #[test]
    fn a_mirror_that_the_machine_trusts_unsigned_stays_so() {
        let mirror =
            machine(&[("sources.list", "deb [trusted=yes] http://class.example/debian trixie main\n")]);
        assert!(mirror.trusted && !mirror.updates);
        assert_eq!(mirror.lines(), ["deb [trusted=yes] http://class.example/debian trixie main"]);
        assert!(mirror.stanzas().contains("Trusted: yes"));
    }

    #[test]
    fn the_last_proxy_counts_unless_it_is_out_of_a_containers_reach() {
        let proxy = |text: &str| machine(&[("apt.conf.d/80proxy", text)]).proxy;
        assert_eq!(
            proxy("Acquire::http::Proxy \"http://proxy.example:3128/\";\n").as_deref(),
            Some("http://proxy.example:3128/")
        );
        assert_eq!(proxy("// Acquire::http::Proxy \"http://proxy.example:3128/\";\n"), None);
        assert_eq!(proxy("Acquire::http::Proxy \"http://127.0.0.1:3142\";\n"), None);
        assert_eq!(proxy("Acquire::http::Proxy \"DIRECT\";\n"), None);
    }
}
