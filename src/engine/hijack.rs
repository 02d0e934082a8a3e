//! A terminal's bytes, untouched.
//!
//! The engine's API turns an HTTP request into a plain two-way stream ("hijack").
//! `bollard` offers such a stream only through a decoder for multiplexed output,
//! which takes a chunk of terminal output that begins with a byte below 3 for a
//! header and then waits for megabytes that never come: one `cat` of a binary file
//! would freeze the learner's shell. So the upgrade is done by hand here, for the
//! one request that needs it. Over TLS, where that would need a TLS stack of our
//! own, `docker` goes through `bollard` all the same.

use std::io;
use std::path::Path;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::Ends;

/// Longest response head that we read.
const HEAD_LIMIT: usize = 16 * 1024;

/// Posts `body` (JSON) to `path` over a Unix socket and takes the connection over.
pub(super) async fn unix(socket: &Path, path: &str, body: &str) -> io::Result<Ends> {
    let (read, write) = UnixStream::connect(socket).await?.into_split();
    upgrade(Box::pin(read), Box::pin(write), "localhost", path, body).await
}

/// The same over TCP.
pub(super) async fn tcp(host: &str, path: &str, body: &str) -> io::Result<Ends> {
    let stream = TcpStream::connect(host).await?;
    // Keystrokes are single bytes; they must not wait for company.
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    upgrade(Box::pin(read), Box::pin(write), host, path, body).await
}

async fn upgrade(
    mut read: Pin<Box<dyn AsyncRead + Send>>,
    mut write: Pin<Box<dyn AsyncWrite + Send>>,
    host: &str,
    path: &str,
    body: &str,
) -> io::Result<Ends> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if head.len() > HEAD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the engine's response head has no end"));
        }
        if read.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let rest = head.split_off(end);
    let status = status(&head);
    // Engines older than API 1.20 answered 200; Podman and Docker answer 101.
    if !matches!(status, Some(101 | 200)) {
        let mut text = rest;
        let _ = (&mut read).take(4096).read_to_end(&mut text).await;
        return Err(io::Error::other(format!(
            "the engine answered {}: {}",
            status.unwrap_or_default(),
            String::from_utf8_lossy(&text).trim()
        )));
    }
    Ok((Box::pin(io::Cursor::new(rest).chain(read)), write))
}

fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.split(|byte| *byte == b' ').nth(1)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that answers `answer` and then closes.
    async fn answered(answer: &'static [u8]) -> io::Result<Vec<u8>> {
        let (ours, theirs) = tokio::io::duplex(4096);
        let (read, write) = tokio::io::split(ours);
        let engine = tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(theirs);
            let mut request = vec![0; 4096];
            let length = read.read(&mut request).await.expect("a request");
            write.write_all(answer).await.expect("an answer");
            write.shutdown().await.expect("an end");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let ends = upgrade(Box::pin(read), Box::pin(write), "h", "/exec/1/start", "{}").await;
        let request = engine.await.expect("the engine");
        assert!(request.starts_with("POST /exec/1/start HTTP/1.1\r\nHost: h\r\n"), "{request}");
        assert!(request.ends_with("Content-Length: 2\r\n\r\n{}"), "{request}");
        let (mut read, _write) = ends?;
        let mut bytes = Vec::new();
        read.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    #[tokio::test]
    async fn output_that_arrives_with_the_head_is_kept_whatever_its_first_byte() {
        let bytes = answered(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\n\x01\x00binary").await;
        assert_eq!(bytes.expect("a stream"), b"\x01\x00binary");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error_with_the_engines_words() {
        let error =
            answered(b"HTTP/1.1 409 Conflict\r\n\r\n{\"message\":\"paused\"}").await.expect_err("refused");
        assert_eq!(error.to_string(), "the engine answered 409: {\"message\":\"paused\"}");
        let error = answered(b"HTTP/1.1 101").await.expect_err("cut short");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
