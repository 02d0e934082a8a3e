//! A small HTTP/1.1 client: one GET, from inside the node. Names come from
//! the node's /etc/hosts; there is no DNS, since node names do not need it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crashcart_facts::{HttpFact, TEXT_LIMIT};

use crate::rooted::Root;

/// Most bytes of a header block.
const HEAD_LIMIT: usize = 64 * 1024;

#[derive(Debug, PartialEq, Eq)]
struct Url<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
}

fn parse_url(url: &str) -> Option<Url<'_>> {
    let rest = url.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') || url.contains(char::is_whitespace) {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, rest) = inner.split_once(']')?;
        (host, rest.strip_prefix(':').map_or(Some(80), |port| port.parse().ok())?)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 80),
        }
    };
    (!host.is_empty()).then_some(Url { host, port, path })
}

/// Fetches a page before the deadline.
pub fn get(root: &Root, url: &str, deadline: Instant) -> HttpFact {
    let began = Instant::now();
    let mut fact = HttpFact::default();
    let answer = parse_url(url)
        .ok_or_else(|| "the address is not of the form http://host:port/path".to_owned())
        .and_then(|url| fetch(root, &url, deadline));
    match answer {
        Ok(answer) => {
            fact.answered = true;
            fact.status = Some(answer.status);
            fact.content_type = answer.content_type;
            fact.body = String::from_utf8_lossy(&answer.body).into_owned();
            fact.problem = answer.problem;
        }
        Err(problem) => fact.problem = Some(problem),
    }
    fact.took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    fact
}

/// Addresses of a host, those of /etc/hosts in its order.
fn resolve(hosts: &str, host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let mut found: Vec<IpAddr> = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut fields = line.split_ascii_whitespace();
        let Some(address) = fields.next().and_then(|field| field.parse().ok()) else { continue };
        if fields.any(|name| name.eq_ignore_ascii_case(host)) {
            found.push(address);
        }
    }
    if found.is_empty() && host.eq_ignore_ascii_case("localhost") {
        found = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    }
    found
}

struct Page {
    status: u16,
    content_type: Option<String>,
    body: Vec<u8>,
    /// The body broke off.
    problem: Option<String>,
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    }
}

fn fetch(root: &Root, url: &Url<'_>, deadline: Instant) -> Result<Page, String> {
    let hosts = root.text("/etc/hosts", 256 * 1024).ok().flatten().unwrap_or_default();
    let addresses = resolve(&hosts, url.host);
    let mut problem = format!("/etc/hosts names no `{}`", url.host);
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&SocketAddr::new(address, url.port), left) {
            Ok(stream) => return talk(stream, url, deadline),
            Err(error) => problem = said(&error),
        }
    }
    Err(problem)
}

fn talk(mut stream: TcpStream, url: &Url<'_>, deadline: Instant) -> Result<Page, String> {
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.to_owned() };
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: crashcart\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path, url.port
    );
    let mut input = Input { stream: &mut stream, deadline, ahead: Vec::new(), at: 0 };
    input.arm().map_err(|error| said(&error))?;
    input.stream.write_all(request.as_bytes()).map_err(|error| said(&error))?;
    page(&mut input)
}

/// Bytes from the server, with one deadline for all of them.
struct Input<'a, S> {
    stream: &'a mut S,
    deadline: Instant,
    ahead: Vec<u8>,
    at: usize,
}

/// A stream whose reads can be given a time limit.
trait Timed: Read {
    fn limit(&self, left: Duration) -> io::Result<()>;
}

impl Timed for TcpStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

impl<S: Timed> Input<'_, S> {
    fn arm(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.limit(left)
    }

    /// The next byte; `None` at the end.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.ahead.len() {
            self.arm()?;
            self.ahead.resize(16 * 1024, 0);
            let got = self.stream.read(&mut self.ahead)?;
            self.ahead.truncate(got);
            self.at = 0;
            if got == 0 {
                return Ok(None);
            }
        }
        self.at += 1;
        Ok(Some(self.ahead[self.at - 1]))
    }

    /// A line without its end; `None` at the end of the stream.
    fn line(&mut self, limit: usize) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                Some(b'\n') => break,
                Some(byte) if line.len() < limit => line.push(byte),
                Some(_) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a header line is too long"));
                }
                None if line.is_empty() => return Ok(None),
                None => break,
            }
        }
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Up to `length` bytes, or all there are. What is beyond the limit is not kept.
    /// `true`: there were as many as announced.
    fn body(&mut self, length: Option<u64>, body: &mut Vec<u8>) -> io::Result<bool> {
        let mut left = length.unwrap_or(u64::MAX);
        while left > 0 {
            // Endless bodies end here.
            if body.len() >= TEXT_LIMIT {
                return Ok(true);
            }
            match self.byte()? {
                Some(byte) => body.push(byte),
                None => return Ok(length.is_none()),
            }
            left -= 1;
        }
        Ok(true)
    }
}

fn page<S: Timed>(input: &mut Input<'_, S>) -> Result<Page, String> {
    let first = input
        .line(HEAD_LIMIT)
        .map_err(|error| said(&error))?
        .ok_or("the server hung up without an answer")?;
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or("the server does not speak HTTP/1.1")?;
    let mut content_type = None;
    let mut length = None;
    let mut chunked = false;
    let mut head = 0;
    while let Some(line) = input.line(HEAD_LIMIT).map_err(|error| said(&error))? {
        if line.is_empty() {
            break;
        }
        head += line.len();
        if head > HEAD_LIMIT {
            return Err("the header is too long".to_owned());
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "content-type" => content_type = Some(value.to_owned()),
            "content-length" => length = value.parse::<u64>().ok(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().ends_with("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    let read = if matches!(status, 204 | 304) {
        Ok(true)
    } else if chunked {
        chunks(input, &mut body)
    } else {
        input.body(length, &mut body)
    };
    let problem = match read {
        Ok(true) => None,
        Ok(false) => Some("the body broke off".to_owned()),
        Err(error) => Some(said(&error)),
    };
    Ok(Page { status, content_type, body, problem })
}

fn chunks<S: Timed>(input: &mut Input<'_, S>, body: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let Some(line) = input.line(1024)? else { return Ok(false) };
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = u64::from_str_radix(size, 16) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk has no size"));
        };
        if size == 0 {
            return Ok(true);
        }
        if !input.body(Some(size), body)? {
            return Ok(false);
        }
        if body.len() >= TEXT_LIMIT {
            return Ok(true);
        }
        input.line(1024)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Timed for &[u8] {
        fn limit(&self, _: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    fn read(mut bytes: &[u8]) -> Result<Page, String> {
        let deadline = Instant::now() + Duration::from_secs(5);
        page(&mut Input { stream: &mut bytes, deadline, ahead: Vec::new(), at: 0 })
    }

    #[test]
    fn addresses_are_taken_apart() {
        fn case(url: &str, expected: Option<(&str, u16, &str)>) {
            assert_eq!(parse_url(url).map(|url| (url.host, url.port, url.path)), expected, "{url}");
        }
        case("http://localhost:8080/a?b=c", Some(("localhost", 8080, "/a?b=c")));
        case("http://node", Some(("node", 80, "/")));
        case("http://[::1]:90/", Some(("::1", 90, "/")));
        case("https://node/", None);
        case("http://user@node/", None);
        case("http:///x", None);
        case("http://a b/", None);
    }

    #[test]
    fn bodies_come_by_length_by_chunks_or_to_the_end() {
        let page =
            read(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello, more")
                .expect("a page");
        assert_eq!((page.status, page.body.as_slice()), (200, &b"hello"[..]));
        assert_eq!(page.content_type.as_deref(), Some("text/plain"));
        let page = read(
            b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n",
        )
        .expect("a page");
        assert_eq!((page.status, page.body.as_slice()), (404, &b"wikipedia"[..]));
        let page = read(b"HTTP/1.0 200 OK\n\nto the end").expect("a page");
        assert_eq!((page.body.as_slice(), page.problem), (&b"to the end"[..], None));
    }

    #[test]
    fn broken_and_endless_answers_are_told() {
        let page = read(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort").expect("a page");
        assert_eq!(page.problem.as_deref(), Some("the body broke off"));
        assert!(read(b"SSH-2.0-x\r\n").is_err());
        assert!(read(b"").is_err());
        let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        long.resize(long.len() + 2 * TEXT_LIMIT, b'x');
        assert_eq!(read(&long).expect("a page").body.len(), TEXT_LIMIT);
    }

    #[test]
    fn hosts_come_from_the_file_and_localhost_always() {
        let hosts = "127.0.0.1 localhost\n10.0.0.2 gpu1 gpu1.lab # c\nbad line\n::1 localhost\n";
        assert_eq!(resolve(hosts, "GPU1").len(), 1);
        assert_eq!(resolve(hosts, "localhost").len(), 2);
        assert_eq!(resolve("", "localhost").len(), 2);
        assert!(resolve(hosts, "nowhere").is_empty());
        assert_eq!(resolve("", "10.1.2.3").len(), 1);
    }
}
