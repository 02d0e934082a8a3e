//! `crashcart shell`: the learner's terminal, joined to one in a node.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::app::App;
use super::exit::Exit;
use super::message::Failure;
use crate::engine::{Engine, Exec, Terminal, WindowSize};
use crate::store::Store;
use crashcart_facts::AGENT_PATH;

/// Open a root shell in a node
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The node; the lab's first one unless named
    node: Option<String>,
    /// The lab or attempt, where several are running
    #[arg(long, short)]
    attempt: Option<String>,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let store = app.store()?;
    enter(app, &store, args.attempt.as_deref(), args.node.as_deref())
}

/// Opens a shell and stays in it until it ends.
pub fn enter(
    app: &mut App,
    store: &Store,
    attempt: Option<&str>,
    node: Option<&str>,
) -> Result<Exit, Failure> {
    if !app.output.interactive {
        return Err(no_terminal());
    }
    let open = app.open(store, attempt)?;
    let site = app.site(store)?;
    let nodes = app.open_nodes(&site, &open)?;
    let link = open.node(&nodes, node)?;
    app.output.talk(format!("root on {}; `exit` or ctrl-D brings you back", link.name));
    let container = link.container.clone();
    // The shell's own exit status is that of the learner's last command: no verdict of ours.
    app.block_on(attach(&*site.engine, &container, "shell"))?;
    app.output.talk("next:  crashcart check");
    Ok(Exit::Done)
}

/// What is said where a shell is asked for and there is no terminal to join it to.
pub fn no_terminal() -> Failure {
    Failure::plain(
        Exit::Usage,
        "a shell needs a terminal",
        "run it on a terminal, without `--json` and without a pipe",
    )
}

fn window() -> WindowSize {
    let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
    WindowSize { columns, rows }
}

/// Keeps the terminal in raw mode, and gives it back however this ends.
struct Raw;

impl Raw {
    fn enter() -> Self {
        // Without raw mode the shell still works, line by line.
        let _ = crossterm::terminal::enable_raw_mode();
        Self
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Carries bytes both ways and the window's size one way until the far side ends.
async fn join(mut terminal: Box<dyn Terminal>) -> Result<i64, crate::engine::EngineError> {
    let (mut from_node, mut to_node) = terminal.split();
    let mut resized = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change()).ok();
    // A thread of its own: a blocking read of the terminal cannot be called off, and the process
    // must not wait for one more key when the shell has ended.
    let (keys, mut typed) = tokio::sync::mpsc::channel::<Vec<u8>>(16);
    std::thread::spawn(move || {
        use std::io::Read;
        let mut buffer = [0u8; 4096];
        while let Ok(read @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            if keys.blocking_send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut screen = tokio::io::stdout();
    let mut buffer = vec![0u8; 32 * 1024];
    let mut typing = true;
    loop {
        tokio::select! {
            read = from_node.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    if screen.write_all(&buffer[..read]).await.is_err() { break; }
                    let _ = screen.flush().await;
                }
            },
            keys = typed.recv(), if typing => match keys {
                Some(keys) => if to_node.write_all(&keys).await.is_err() { break },
                None => {
                    let _ = to_node.shutdown().await;
                    typing = false;
                }
            },
            _ = next_resize(&mut resized) => {
                // The session may be over already; the loop finds out by itself.
                let _ = terminal.resize(window()).await;
            }
        }
    }
    terminal.wait().await
}

async fn next_resize(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Joins this process's terminal to what the agent of a container gives for this word (`shell`, `console`), until
/// that ends; gives its exit status.
pub async fn attach(
    engine: &dyn Engine,
    container: &crate::engine::ContainerId,
    word: &str,
) -> Result<i64, crate::engine::EngineError> {
    let terminal = std::env::var("TERM").unwrap_or_else(|_| "xterm".into());
    let exec = Exec {
        argv: vec![AGENT_PATH.into(), word.into()],
        user: "root".into(),
        env: BTreeMap::from([("TERM".to_owned(), terminal)]),
        stdin: Vec::new(),
        output_limit: usize::MAX,
        timeout_ms: u32::MAX,
    };
    let terminal = engine.attach(container, exec, window()).await?;
    // From here on every key belongs to the node.
    let _raw = Raw::enter();
    join(terminal).await
}
