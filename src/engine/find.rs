//! Where the container engine is, and why we think so.
//!
//! Knows the rules by which `docker` itself picks an engine (`DOCKER_HOST`, then
//! `DOCKER_CONTEXT`, then the current context of its configuration) and the
//! usual places of sockets. It connects to a socket only to see that somebody
//! listens; speaking to it is left to [`super::docker`].

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{AddressFault, EngineError, Said};
use crate::units::hex;

/// Where an engine listens, and what made us choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    /// `DOCKER_HOST`, ``context `desktop` ``, `the usual place`.
    pub chosen_by: String,
}

/// How to reach an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
    /// Host and port, and the certificates to show and to believe.
    Tls {
        host: String,
        ca: PathBuf,
        cert: PathBuf,
        key: PathBuf,
    },
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) | Self::Tls { host, .. } => write!(f, "tcp://{host}"),
        }
    }
}

/// What the search looks at. [`Surroundings::here`] is this process's own; tests make others.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Environment by name; empty values count as absent, as they do for `docker`.
    pub env: BTreeMap<String, String>,
    pub home: Option<PathBuf>,
    pub uid: u32,
    /// Put before the absolute paths of sockets. `/` but for tests.
    pub root: PathBuf,
}

impl Surroundings {
    /// The environment, home and user of this process.
    pub fn here() -> Self {
        Self {
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            home: std::env::home_dir(),
            uid: rustix::process::getuid().as_raw(),
            root: PathBuf::from("/"),
        }
    }

    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn config_dir(&self) -> Option<PathBuf> {
        match self.var("DOCKER_CONFIG") {
            Some(dir) => Some(PathBuf::from(dir)),
            None => self.home.as_ref().map(|home| home.join(".docker")),
        }
    }

    fn runtime_dir(&self) -> PathBuf {
        match self.var("XDG_RUNTIME_DIR") {
            Some(dir) => PathBuf::from(dir),
            None => self.root.join(format!("run/user/{}", self.uid)),
        }
    }

    /// Sockets of engines where distributions and desktops put them, best first.
    pub fn usual_places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.root.join("var/run/docker.sock"), self.runtime_dir().join("docker.sock")];
        if let Some(home) = &self.home {
            places.push(home.join(".docker/run/docker.sock"));
        }
        places.push(self.runtime_dir().join("podman/podman.sock"));
        places.push(self.root.join("run/podman/podman.sock"));
        places
    }
}

/// Why an engine that nobody named was chosen.
pub const USUAL_PLACE: &str = "the usual place";

/// Whether somebody named an engine, by the environment or in docker's configuration.
pub fn is_chosen(around: &Surroundings) -> bool {
    let named = match around.var("DOCKER_CONTEXT") {
        Some(name) => name != "default",
        // A configuration that cannot be read names something, as far as we know.
        None => !matches!(current_context(around), Ok(None)),
    };
    around.var("DOCKER_HOST").is_some() || named
}

/// Finds the engine to use: what the environment or docker's configuration names, else the
/// first of the usual places where somebody listens.
pub fn find(around: &Surroundings) -> Result<Endpoint, EngineError> {
    if let Some(host) = around.var("DOCKER_HOST") {
        let tls = around.var("DOCKER_TLS_VERIFY").map(|_| {
            around
                .var("DOCKER_CERT_PATH")
                .map(PathBuf::from)
                .or_else(|| around.config_dir())
                .unwrap_or_default()
        });
        return named(host, tls, "DOCKER_HOST".into());
    }
    if let Some(name) = around.var("DOCKER_CONTEXT") {
        if name != "default" {
            return context(around, name, format!("DOCKER_CONTEXT, context `{name}`"));
        }
    } else if let Some(name) = current_context(around)? {
        return context(around, &name, format!("context `{name}`"));
    }
    usual(around)
}

/// The first usual place where somebody listens. Where there is none, the error is that of
/// the socket that came closest.
fn usual(around: &Surroundings) -> Result<Endpoint, EngineError> {
    let mut closest: Option<EngineError> = None;
    let places = around.usual_places();
    for place in &places {
        match listens(place) {
            Ok(()) => {
                return Ok(Endpoint { address: Address::Unix(place.clone()), chosen_by: USUAL_PLACE.into() });
            }
            Err(EngineError::NotFound { .. }) => {}
            // A socket that refuses this user is alive; it says more than a dead one.
            Err(error @ EngineError::NotAllowed { .. }) => match closest {
                Some(EngineError::NotAllowed { .. }) => {}
                _ => closest = Some(error),
            },
            Err(error) => closest = closest.or(Some(error)),
        }
    }
    Err(closest.unwrap_or_else(|| EngineError::NotFound {
        tried: places.iter().map(|place| place.display().to_string()).collect(),
    }))
}

/// Whether somebody listens on a Unix socket and lets us in.
fn listens(socket: &Path) -> Result<(), EngineError> {
    match UnixStream::connect(socket) {
        Ok(_) => Ok(()),
        Err(error) => Err(unix_error(socket, error)),
    }
}

/// The error for a Unix socket that could not be connected to.
pub(super) fn unix_error(socket: &Path, error: io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::NotFound => EngineError::NotFound { tried: vec![socket.display().to_string()] },
        io::ErrorKind::PermissionDenied => {
            EngineError::NotAllowed { socket: socket.to_owned(), group: group_of(socket) }
        }
        io::ErrorKind::ConnectionRefused => EngineError::NotRunning { socket: socket.to_owned() },
        _ => EngineError::Unreachable {
            endpoint: format!("unix://{}", socket.display()),
            source: Box::new(error),
        },
    }
}

/// Name of the group that a socket is open to; none when it is open to its owner alone or to root's group.
fn group_of(socket: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(socket).ok()?;
    if about.mode() & 0o020 == 0 || about.gid() == 0 {
        return None;
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse::<u32>().ok()?;
        (gid == about.gid()).then(|| name.to_owned())
    })
}

/// The endpoint that an address names. It is tried at once where that costs nothing.
fn named(host: &str, tls: Option<PathBuf>, chosen_by: String) -> Result<Endpoint, EngineError> {
    let unusable = |why| Err(EngineError::UnusableAddress { endpoint: host.to_owned(), why });
    let address = match host.split_once("://") {
        Some(("unix", path)) => {
            let path = PathBuf::from(path);
            listens(&path).map_err(|error| match error {
                EngineError::NotFound { .. } => {
                    EngineError::NoSocket { endpoint: host.to_owned(), chosen_by: chosen_by.clone() }
                }
                error => error,
            })?;
            Address::Unix(path)
        }
        Some(("tcp" | "http" | "https", rest)) => {
            let rest = rest.trim_end_matches('/');
            let host = if rest.contains(':') {
                rest.to_owned()
            } else {
                // The ports that docker's own client assumes.
                format!("{rest}:{}", if tls.is_some() { 2376 } else { 2375 })
            };
            match tls {
                None if host.is_empty() => return unusable(AddressFault::Scheme),
                None => Address::Tcp(host),
                Some(dir) => {
                    let file = |name| Some(dir.join(name)).filter(|path: &PathBuf| path.is_file());
                    match (file("ca.pem"), file("cert.pem"), file("key.pem")) {
                        (Some(ca), Some(cert), Some(key)) => Address::Tls { host, ca, cert, key },
                        _ => return unusable(AddressFault::TlsFiles),
                    }
                }
            }
        }
        Some(("ssh", _)) => return unusable(AddressFault::Ssh),
        _ => return unusable(AddressFault::Scheme),
    };
    Ok(Endpoint { address, chosen_by })
}

#[derive(serde::Deserialize)]
struct Config {
    #[serde(rename = "currentContext", default)]
    current_context: Option<String>,
}

/// The context that docker's configuration names, unless that is the default one.
fn current_context(around: &Surroundings) -> Result<Option<String>, EngineError> {
    let Some(path) = around.config_dir().map(|dir| dir.join("config.json")) else { return Ok(None) };
    // A configuration that is absent or closed to us names no context.
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
    let config: Config = serde_json::from_str(&text).map_err(|source| EngineError::BadContext {
        name: "current".into(),
        path,
        source: Box::new(source),
    })?;
    Ok(config.current_context.filter(|name| !name.is_empty() && name != "default"))
}

#[derive(serde::Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints", default)]
    endpoints: BTreeMap<String, MetaEndpoint>,
}

#[derive(serde::Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
}

/// The endpoint of a named context. Docker keeps each under the SHA-256 of its name.
fn context(around: &Surroundings, name: &str, chosen_by: String) -> Result<Endpoint, EngineError> {
    let dir = around.config_dir().unwrap_or_default().join("contexts");
    let id = hex(&Sha256::digest(name.as_bytes()));
    let path = dir.join("meta").join(&id).join("meta.json");
    let bad = |source| EngineError::BadContext { name: name.to_owned(), path: path.clone(), source };
    let text = std::fs::read_to_string(&path).map_err(|source| bad(Box::new(source)))?;
    let meta: Meta = serde_json::from_str(&text).map_err(|source| bad(Box::new(source)))?;
    let endpoint = meta
        .endpoints
        .get("docker")
        .filter(|endpoint| !endpoint.host.is_empty())
        .ok_or_else(|| bad(Box::new(Said("it has no `docker` endpoint".into()))))?;
    let tls = Some(dir.join("tls").join(&id).join("docker")).filter(|dir| dir.is_dir());
    named(&endpoint.host, tls, chosen_by)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::advice::NextStep;

    /// A machine in a folder, without any engine yet.
    struct Machine {
        dir: tempfile::TempDir,
        around: Surroundings,
        listeners: Vec<UnixListener>,
    }

    impl Machine {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let root = dir.path().to_owned();
            let around =
                Surroundings { env: BTreeMap::new(), home: Some(root.join("home")), uid: 1000, root };
            Self { dir, around, listeners: Vec::new() }
        }
        fn set(mut self, name: &str, value: &str) -> Self {
            self.around.env.insert(name.into(), value.into());
            self
        }
        fn path(&self, path: &str) -> PathBuf {
            self.dir.path().join(path)
        }
        fn file(self, path: &str, text: &str) -> Self {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            std::fs::write(path, text).expect("file");
            self
        }
        fn listens(mut self, path: &str) -> Self {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            self.listeners.push(UnixListener::bind(path).expect("socket"));
            self
        }
        /// A socket whose engine has gone.
        fn dead(mut self, path: &str) -> Self {
            self = self.listens(path);
            self.listeners.pop();
            self
        }
        fn context(self, name: &str, host: &str) -> Self {
            let id = hex(&Sha256::digest(name.as_bytes()));
            self.file(
                &format!("home/.docker/contexts/meta/{id}/meta.json"),
                &format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#),
            )
        }
        fn found(&self) -> (String, String) {
            let endpoint = find(&self.around).expect("an engine");
            let address = endpoint.address.to_string();
            (address.replace(&format!("{}/", self.dir.path().display()), "ROOT/"), endpoint.chosen_by)
        }
        fn error(&self) -> EngineError {
            find(&self.around).expect_err("no engine")
        }
    }

    #[test]
    fn the_first_usual_place_where_somebody_listens_is_taken() {
        let machine = Machine::new()
            .dead("var/run/docker.sock")
            .listens("run/user/1000/podman/podman.sock")
            .listens("run/podman/podman.sock");
        assert_eq!(
            machine.found(),
            ("unix://ROOT/run/user/1000/podman/podman.sock".into(), "the usual place".into())
        );
        let machine = machine.listens("home/.docker/run/docker.sock");
        assert_eq!(machine.found().0, "unix://ROOT/home/.docker/run/docker.sock");
    }

    #[test]
    fn docker_host_goes_before_contexts_and_contexts_before_usual_places() {
        let machine = Machine::new()
            .listens("var/run/docker.sock")
            .file("home/.docker/config.json", r#"{"currentContext":"lab","auths":{}}"#)
            .context("lab", "tcp://lab.example:2375")
            .context("other", "tcp://other.example:2375");
        assert_eq!(machine.found(), ("tcp://lab.example:2375".into(), "context `lab`".into()));
        let machine = machine.set("DOCKER_CONTEXT", "other");
        assert_eq!(machine.found().0, "tcp://other.example:2375");
        let machine = machine.set("DOCKER_CONTEXT", "default");
        assert_eq!(machine.found().0, "unix://ROOT/var/run/docker.sock");
        let machine = machine.set("DOCKER_CONTEXT", "other").set("DOCKER_HOST", "tcp://host.example");
        assert_eq!(machine.found(), ("tcp://host.example:2375".into(), "DOCKER_HOST".into()));
        let machine = machine.set("DOCKER_HOST", "");
        assert_eq!(machine.found().0, "tcp://other.example:2375", "an empty variable is no variable");
    }

    #[test]
    fn tls_wants_its_three_files() {
        let machine = Machine::new().set("DOCKER_HOST", "tcp://host.example").set("DOCKER_TLS_VERIFY", "1");
        assert!(matches!(machine.error(), EngineError::UnusableAddress { why: AddressFault::TlsFiles, .. }));
        let machine = machine
            .file("home/.docker/ca.pem", "")
            .file("home/.docker/cert.pem", "")
            .file("home/.docker/key.pem", "");
        assert_eq!(machine.found().0, "tcp://host.example:2376");
    }

    #[test]
    fn each_way_of_having_no_engine_has_its_own_advice() {
        let nothing = Machine::new().error();
        assert!(matches!(&nothing, EngineError::NotFound { tried } if tried.len() == 5));
        assert!(nothing.next_step().contains("doctor --fix"));

        let dead = Machine::new().dead("var/run/docker.sock").error();
        assert!(matches!(&dead, EngineError::NotRunning { .. }));
        assert!(dead.next_step().contains("start"));

        let ssh = Machine::new().set("DOCKER_HOST", "ssh://ada@host.example").error();
        assert!(ssh.next_step().contains("ssh -nNT -L"));

        let odd = Machine::new().set("DOCKER_HOST", "npipe:////./pipe/x").error();
        assert!(matches!(odd, EngineError::UnusableAddress { why: AddressFault::Scheme, .. }));

        let gone = Machine::new().set("DOCKER_HOST", "unix:///nonexistent/x.sock").error();
        assert_eq!(
            gone.to_string(),
            "there is no container engine at `unix:///nonexistent/x.sock`, which is chosen by DOCKER_HOST"
        );
        assert!(gone.next_step().contains("unset"));

        let lost = Machine::new().set("DOCKER_CONTEXT", "lost").error();
        assert!(matches!(&lost, EngineError::BadContext { name, .. } if name == "lost"));
        let broken = Machine::new().file("home/.docker/config.json", "{").error();
        assert!(matches!(broken, EngineError::BadContext { .. }));
    }

    #[test]
    fn a_closed_socket_is_told_from_a_dead_one() {
        if rustix::process::getuid().is_root() {
            // Root is never refused; the mapping is tested on the error itself.
            let error = unix_error(Path::new("/x.sock"), io::ErrorKind::PermissionDenied.into());
            assert!(error.next_step().contains("sudo"));
            return;
        }
        let machine = Machine::new().dead("var/run/docker.sock").listens("run/podman/podman.sock");
        let socket = machine.path("run/podman/podman.sock");
        std::fs::set_permissions(socket, PermissionsExt::from_mode(0o000)).expect("mode");
        assert!(matches!(machine.error(), EngineError::NotAllowed { .. }));
    }
}
