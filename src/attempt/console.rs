//! Sits at a guest's serial console, as a lab's script says.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::Site;
use crate::engine::{EngineError, Exec, WindowSize};
use crate::grade::clean;
use crate::lab::AtConsole;
use crate::node::NodeLink;

/// How long something may take to be shown: a guest boots meanwhile.
const PATIENCE: Duration = Duration::from_secs(240);
/// Bytes of what was shown that are looked through.
const KEPT: usize = 64 * 1024;
/// Firmware loses keys that come all at once, and those that come while it draws.
const BETWEEN_KEYS: Duration = Duration::from_millis(300);
const BEFORE_KEYS: Duration = Duration::from_millis(1500);

/// Why a script for the console came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error("`{text}` was not shown within {} s; its console: {last}", PATIENCE.as_secs())]
    NotShown { text: String, last: String },
    #[error("the console was closed")]
    Closed,
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Does one thing after the other.
pub async fn sit_at(site: &Site, link: &NodeLink, script: &[AtConsole]) -> Result<(), ConsoleError> {
    let exec = Exec {
        argv: vec![crashcart_facts::AGENT_PATH.into(), "console".into()],
        user: "root".into(),
        env: std::collections::BTreeMap::from([("TERM".to_owned(), "vt100".to_owned())]),
        stdin: Vec::new(),
        output_limit: usize::MAX,
        timeout_ms: u32::MAX,
    };
    let window = WindowSize { columns: 80, rows: 25 };
    let mut terminal = site.engine.attach(&link.container, exec, window).await?;
    let (mut shown, mut typed) = terminal.split();
    let mut seen = Vec::new();
    let mut buffer = [0; 16 * 1024];
    for act in script {
        match act {
            AtConsole::Wait(text) => {
                let until = Instant::now() + PATIENCE;
                while !plain(&seen).contains(text.as_str()) {
                    match timeout_at(until, shown.read(&mut buffer)).await {
                        Ok(Ok(0) | Err(_)) => return Err(ConsoleError::Closed),
                        Ok(Ok(read)) => {
                            seen.extend_from_slice(&buffer[..read]);
                            seen.drain(..seen.len().saturating_sub(KEPT));
                        }
                        Err(_) => {
                            let last = plain(&seen);
                            let lines = last.lines().map(str::trim).filter(|line| !line.is_empty());
                            let lines: Vec<&str> = lines.collect();
                            let last = lines[lines.len().saturating_sub(5)..].join(" | ");
                            return Err(ConsoleError::NotShown { text: text.clone(), last });
                        }
                    }
                }
            }
            AtConsole::Type(text) => {
                tokio::time::sleep(BEFORE_KEYS).await;
                seen.clear();
                send(&mut typed, text).await?;
            }
            AtConsole::Keys(keys) => {
                tokio::time::sleep(BEFORE_KEYS).await;
                seen.clear();
                for key in keys {
                    send(&mut typed, key).await?;
                }
            }
        }
    }
    Ok(())
}

/// What was shown, without what a terminal obeys.
fn plain(bytes: &[u8]) -> String {
    clean(&String::from_utf8_lossy(bytes), usize::MAX)
}

async fn send(typed: &mut (impl tokio::io::AsyncWrite + Unpin), text: &str) -> Result<(), ConsoleError> {
    typed.write_all(text.as_bytes()).await.map_err(|_| ConsoleError::Closed)?;
    typed.flush().await.map_err(|_| ConsoleError::Closed)?;
    tokio::time::sleep(BETWEEN_KEYS).await;
    Ok(())
}
