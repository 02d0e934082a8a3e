//! `crashcart shell`: the learner's terminal, joined to one in a node.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::app::App;
use super::complete;
use super::exit::Exit;
use super::message::Failure;
use super::tape::{Record, Tape, Wish};
use crate::engine::{Engine, Exec, Terminal, WindowSize};
use crate::store::Store;
use crashcart_facts::AGENT_PATH;

/// Open a root shell in a node
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The node; the lab's first one unless named
    #[arg(add = complete::nodes())]
    node: Option<String>,
    /// The lab or attempt, where several are running
    #[arg(long, short, add = complete::running())]
    attempt: Option<String>,
    #[command(flatten)]
    record: Record,
}

pub fn run(app: &mut App, args: &Args) -> Result<Exit, Failure> {
    let mut store = app.store()?;
    let wish = args.record.wish()?;
    enter(app, &mut store, args.attempt.as_deref(), args.node.as_deref(), wish)
}

/// Opens a shell and stays in it until it ends.
pub fn enter(
    app: &mut App,
    store: &mut Store,
    attempt: Option<&str>,
    node: Option<&str>,
    record: Option<Wish>,
) -> Result<Exit, Failure> {
    if !app.output.interactive {
        return Err(no_terminal());
    }
    let open = app.open(store, attempt)?;
    let site = app.site(store)?;
    let nodes = app.open_nodes(&site, &open)?;
    let link = open.node(&nodes, node)?;
    let mut tape = match &record {
        Some(wish) => Some(Tape::begin(app, store, &open, &link.name, wish)?),
        None => None,
    };
    app.output.talk(format!("root on {}; `exit` or ctrl-D brings you back", link.name));
    let container = link.container.clone();
    // The shell's own exit status is that of the learner's last command: no verdict of ours.
    let ended = app.block_on(attach(&*site.engine, &container, "shell", tape.as_mut()));
    if let Some(tape) = tape {
        tape.end(ended.as_ref().ok().copied()).tell(app, store);
    }
    ended?;
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

/// The size of this terminal's window.
pub fn window() -> WindowSize {
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

/// Carries bytes both ways and the window's size one way until the far side ends; a tape gets what passes after the
/// screen did.
async fn join(
    mut terminal: Box<dyn Terminal>,
    mut tape: Option<&mut Tape<'_>>,
) -> Result<i64, crate::engine::EngineError> {
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
    let mut rounds = super::tape::rounds();
    loop {
        tokio::select! {
            read = from_node.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    if screen.write_all(&buffer[..read]).await.is_err() { break; }
                    let _ = screen.flush().await;
                    if let Some(tape) = &mut tape { tape.shown(&buffer[..read]); }
                }
            },
            keys = typed.recv(), if typing => match keys {
                Some(keys) => {
                    if to_node.write_all(&keys).await.is_err() { break }
                    if let Some(tape) = &mut tape { tape.typed(&keys); }
                }
                None => {
                    let _ = to_node.shutdown().await;
                    typing = false;
                }
            },
            _ = next_resize(&mut resized) => {
                // The session may be over already; the loop finds out by itself.
                let window = window();
                let _ = terminal.resize(window).await;
                if let Some(tape) = &mut tape { tape.resized(window); }
            }
            _ = rounds.tick(), if tape.is_some() => {
                if let Some(tape) = &mut tape { tape.look_around(); }
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
    tape: Option<&mut Tape<'_>>,
) -> Result<i64, crate::engine::EngineError> {
    let terminal = terminal_type();
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
    join(terminal, tape).await
}

/// What this terminal is.
pub fn terminal_type() -> String {
    std::env::var("TERM").unwrap_or_else(|_| "xterm".into())
}
