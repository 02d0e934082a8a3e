//! Shows the site on this machine, to nobody else: it listens on the loopback address alone and answers only who
//! asked for that, so that a page elsewhere cannot read it under a name of its own.
//!
//! Pages are made anew when something they are made of has changed, and looked up by name in what was made: no path
//! leads to a file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::civil::Date;
use tokio::net::TcpListener;

use super::Pages;
use super::site::notice;
use crate::advice::NextStep;

/// Gives the site as it is now; where that is not possible, what is shown instead.
pub type Maker = Arc<dyn Fn() -> Result<Arc<Pages>, Trouble> + Send + Sync>;

/// A site that was made, after what its sources and the day were.
type Made = ((u64, Date), Arc<Pages>);

/// Makes the site when somebody asks for it and one of these files, or a file below one of these folders, is not as
/// it was when it was last made, or it is another day.
pub fn remembering(
    watched: Vec<PathBuf>,
    today: impl Fn() -> Date + Send + Sync + 'static,
    make: impl Fn() -> Result<Pages, Trouble> + Send + Sync + 'static,
) -> Maker {
    let last: Mutex<Option<Made>> = Mutex::new(None);
    Arc::new(move || {
        // Held while the site is made: whoever asks meanwhile gets the same one. One that panicked left what was there.
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (stamp(&watched), today());
        match &*last {
            Some((then, pages)) if *then == now => Ok(Arc::clone(pages)),
            _ => {
                let pages = Arc::new(make()?);
                *last = Some((now, Arc::clone(&pages)));
                Ok(pages)
            }
        }
    })
}

/// Differs when a file was written, came or went.
fn stamp(watched: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in watched.iter().flat_map(|path| walkdir::WalkDir::new(path).sort_by_file_name()).flatten() {
        let Ok(about) = entry.metadata() else { continue };
        // SQLite's log comes empty and goes whenever somebody looks.
        if about.is_file() && about.len() > 0 {
            (entry.path(), about.len(), about.modified().ok()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Why there is no site at the moment.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Word for word, as the command line would say it.
    pub lines: Vec<String>,
    pub next: String,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("could not listen on port {port} of this machine")]
    Port { port: u16, source: io::Error },
    #[error("could not go on listening")]
    Listening { source: io::Error },
}

impl NextStep for ServeError {
    fn next_step(&self) -> String {
        match self {
            Self::Port { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "name another with `--port`; 0 takes any that is free".into()
            }
            Self::Port { .. } => "name one above 1023 with `--port`; 0 takes any that is free".into(),
            Self::Listening { .. } => "start it again".into(),
        }
    }
}

/// A site that is being shown.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes a port of the loopback address; 0 is any that is free.
    pub async fn bind(port: u16) -> Result<Self, ServeError> {
        let at = |source| ServeError::Port { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(at)?;
        let address = listener.local_addr().map_err(at)?;
        Ok(Self { listener, address })
    }

    /// What to type into a browser.
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers until it is dropped.
    pub async fn run(self, maker: Maker) -> Result<(), ServeError> {
        let router = Router::new().fallback(answer).with_state(maker);
        axum::serve(self.listener, router).await.map_err(|source| ServeError::Listening { source })
    }
}

async fn answer(State(maker): State<Maker>, request: Request) -> Response {
    let said = |status: StatusCode, title: &str, next: &str| {
        (status, Html(notice(title, &[], next))).into_response()
    };
    let mut response = if !ours(request.headers()) {
        let next = "Use the address that `crashcart site serve` printed.";
        said(StatusCode::MISDIRECTED_REQUEST, "This address is not ours", next)
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        said(StatusCode::METHOD_NOT_ALLOWED, "There is nothing to send here", "Pages can only be read.")
    } else {
        let path = match request.uri().path().trim_start_matches('/') {
            "" => "index.html".to_owned(),
            path => path.to_owned(),
        };
        // Reads all labs, and takes as long as that takes.
        match tokio::task::spawn_blocking(move || maker()).await {
            Ok(Ok(pages)) => match pages.get(&path) {
                Some(page) => Html(page.to_owned()).into_response(),
                None => said(StatusCode::NOT_FOUND, "There is no such page", "The front page is at `/`."),
            },
            Ok(Err(trouble)) => {
                let page = notice("The site cannot be made", &trouble.lines, &trouble.next);
                (StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response()
            }
            Err(_) => said(
                StatusCode::INTERNAL_SERVER_ERROR,
                "crashcart made a mistake",
                "Please report it; `crashcart site build` shows what it says.",
            ),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        // Always as the files are now.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // What a page's own policy cannot say.
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// Whether this machine was asked for by a name that means itself. A name of somebody else's may have been made to
/// point here.
fn ours(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Status line, headers and body of one request.
    async fn ask(address: &str, request: &str) -> String {
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = tokio::net::TcpStream::connect(host).await.expect("a connection");
        stream.write_all(request.replace("HOST", host).as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    async fn server(maker: Maker) -> (String, tokio::task::JoinHandle<Result<(), ServeError>>) {
        let server = Server::bind(0).await.expect("a port");
        (server.address(), tokio::spawn(server.run(maker)))
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn pages_are_answered_by_name_and_nothing_else_is() {
        let pages: Pages = [("index.html", "front"), ("labs/a.html", "a lab")]
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect();
        let pages = Arc::new(pages);
        let (address, task) = server(Arc::new(move || Ok(Arc::clone(&pages)))).await;
        let front = ask(&address, &get("/")).await;
        assert!(front.starts_with("HTTP/1.1 200") && front.ends_with("\r\n\r\nfront"), "{front}");
        assert!(front.to_lowercase().contains("content-type: text/html; charset=utf-8"), "{front}");
        assert!(ask(&address, &get("/labs/a.html?q=x")).await.ends_with("a lab"));
        for path in [
            "/../../etc/passwd",
            "//etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/labs/../index.html",
            "/labs",
            "/.crashcart-site",
        ] {
            let answer = ask(&address, &get(path)).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        }
        let post = "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert!(ask(&address, post).await.starts_with("HTTP/1.1 405"));
        let head = ask(&address, &get("/").replace("GET", "HEAD")).await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
        task.abort();
    }

    #[tokio::test]
    async fn whoever_asks_under_another_name_is_not_answered() {
        let (address, task) = server(Arc::new(|| Ok(Arc::default()))).await;
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""] {
            let answer = ask(&address, &get("/").replace("HOST", host)).await;
            assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
        }
        task.abort();
    }

    #[tokio::test]
    async fn a_mistake_is_shown_as_a_page_without_becoming_a_part_of_it() {
        let trouble =
            Trouble { lines: vec!["error: <script>alert(1)</script>".into()], next: "mend & reload".into() };
        let (address, task) = server(Arc::new(move || Err(trouble.clone()))).await;
        let answer = ask(&address, &get("/")).await;
        assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("&lt;script&gt;alert"), "{answer}");
        assert!(answer.contains("mend &amp; reload"), "{answer}");
        task.abort();
    }

    #[test]
    fn the_site_is_made_again_when_a_file_has_changed_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("labs/a.md");
        std::fs::create_dir(folder.path().join("labs")).expect("made");
        std::fs::write(&file, "one").expect("written");
        let read = file.clone();
        let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let watched = vec![folder.path().join("labs"), folder.path().join("not-there")];
        let maker = remembering(
            watched,
            || Date::ZERO,
            move || {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let text = std::fs::read_to_string(&read)
                    .map_err(|error| Trouble { lines: vec![error.to_string()], next: String::new() })?;
                Ok([("index.html".to_owned(), text)].into_iter().collect())
            },
        );
        let page = || maker().map(|pages| pages.get("index.html").expect("there").to_owned());
        let made = || made.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!((page().expect("made"), page().expect("kept"), made()), ("one".into(), "one".into(), 1));
        std::fs::write(&file, "another").expect("written");
        assert_eq!((page().expect("made"), made()), ("another".into(), 2));
        std::fs::remove_file(&file).expect("removed");
        assert!(page().is_err() && page().is_err(), "trouble is not remembered");
        std::fs::write(&file, "back").expect("written");
        assert_eq!(page().expect("made"), "back");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_said_with_what_to_do() {
        let first = Server::bind(0).await.expect("a port");
        let error = Server::bind(first.address.port()).await.expect_err("taken");
        assert!(error.next_step().contains("--port"), "{}", error.next_step());
    }
}
