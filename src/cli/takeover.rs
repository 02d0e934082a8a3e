//! The terminal while a screen fills it: taken over, lent to commands, and given back as it was found, whatever
//! ends the screen: a key, an error, a panic, a signal, a suspension.
//!
//! Knows no screen's contents. Signals are events here, so that giving back is always done by the one who took.

use std::ffi::OsString;
use std::io::{Stdout, Write, stdout};
use std::process::ExitStatus;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, EnableBracketedPaste, Event as Input, EventStream, KeyEventKind,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures_util::StreamExt;
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::process::{getpgrp, getsid, kill_current_process_group};
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Asked, Exit};
use super::message::Failure;
use crate::screen::Key;

/// The terminal is ours at present, and must be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What happened.
#[derive(Debug)]
pub enum Event {
    Key(Key),
    Paste(String),
    /// The window has another size, or the time was up: draw anew.
    Draw,
    /// Nobody sits at the terminal any more, or somebody wants this to end; the signal's number.
    End(i32),
}

/// The terminal, taken over.
pub struct Takeover {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// None while a command has the terminal.
    keys: Option<EventStream>,
    signals: Signals,
    /// How the terminal was found.
    found: Option<Termios>,
}

impl Takeover {
    /// Takes the terminal over. Call it within the runtime.
    pub fn begin() -> Result<Self, Failure> {
        let found = tcgetattr(std::io::stdin()).ok();
        let signals = Signals::listen().map_err(unusable)?;
        give_back_on_panic();
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).map_err(unusable)?;
        let mut takeover = Self { terminal, keys: None, signals, found };
        takeover.take()?;
        Ok(takeover)
    }

    fn take(&mut self) -> Result<(), Failure> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode().map_err(unusable)?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide).map_err(unusable)?;
        self.redraw()?;
        self.keys = Some(EventStream::new());
        Ok(())
    }

    fn give_back(&mut self) {
        // First nobody reads keys any more: what is typed from here on belongs to whoever comes next.
        self.keys = None;
        give_back();
        self.as_found();
    }

    /// The modes of the terminal as they were, also where a command that was killed left others.
    fn as_found(&self) {
        if let Some(found) = &self.found {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, found);
        }
    }

    /// Draws a frame; only what differs from the last one is sent, in one go.
    pub fn draw(&mut self, frame: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        let mut out = stdout();
        let _ = queue!(out, BeginSynchronizedUpdate);
        let drawn = self.terminal.draw(frame).map(drop);
        let _ = execute!(out, EndSynchronizedUpdate);
        drawn.map_err(unusable)
    }

    /// Sends the next frame whole, onto an empty screen. Not by clearing ratatui's terminal: that asks the terminal
    /// where its cursor is, and the answer comes in as keys do, to whoever reads them at that moment.
    pub fn redraw(&mut self) -> Result<(), Failure> {
        execute!(stdout(), Clear(ClearType::All)).map_err(unusable)?;
        self.terminal = Terminal::new(CrosstermBackend::new(stdout())).map_err(unusable)?;
        Ok(())
    }

    /// Waits for the next event, at most so long.
    pub async fn next(&mut self, wait: Duration) -> Event {
        let Some(keys) = &mut self.keys else { return Event::Draw };
        let late = tokio::time::sleep(wait);
        tokio::pin!(late);
        loop {
            tokio::select! {
                () = &mut late => return Event::Draw,
                event = keys.next() => match event {
                    Some(Ok(Input::Key(key))) => if let Some(key) = Key::of(&key) { return Event::Key(key) },
                    Some(Ok(Input::Paste(text))) => return Event::Paste(text),
                    Some(Ok(Input::Resize(..))) => return Event::Draw,
                    Some(Ok(_)) => {}
                    // The terminal is gone.
                    Some(Err(_)) | None => return Event::End(SignalKind::hangup().as_raw_value()),
                },
                told = self.signals.next() => match told {
                    Told::Suspend => return Event::Key(Key::Suspend),
                    Told::End(number) => return Event::End(number),
                },
            }
        }
    }

    /// Stops this process until somebody continues it; the terminal is given back meanwhile. False where no shell
    /// could continue it.
    pub fn suspend(&mut self) -> Result<bool, Failure> {
        // A group that has the session's leader in it is no job of a shell.
        if getsid(None).is_ok_and(|session| session == getpgrp()) {
            return Ok(false);
        }
        self.give_back();
        let _ = kill_current_process_group(rustix::process::Signal::STOP);
        self.take()?;
        Ok(true)
    }

    /// Lends the terminal to a crashcart with these arguments; gives how it ended. With `stay`, what it printed is
    /// left to be read until a key is pressed.
    pub async fn lend(&mut self, arguments: &[OsString], stay: Stay) -> Result<Lent, Failure> {
        self.give_back();
        let shown: Vec<String> =
            arguments.iter().map(|word| crate::screen::plain(&word.to_string_lossy())).collect();
        let _ = writeln!(stdout(), "$ crashcart {}", shown.join(" "));
        let ended = self.run(arguments).await;
        self.as_found();
        let ended = match ended {
            Ok(Ran::Ended(status)) => status,
            Ok(Ran::Told(number)) => return Ok(Lent::Told(number)),
            Err(error) => {
                self.take()?;
                return Err(Failure::plain(
                    Exit::Machine,
                    format!("could not run `crashcart {}`: {error}", shown.join(" ")),
                    "leave with `q` and run it by hand",
                ));
            }
        };
        let pause = match stay {
            Stay::UntilKey => true,
            Stay::OnFailure => ended.code().is_none_or(|code| code > Exit::NotYet as i32),
        };
        if pause && let Some(number) = self.pause().await {
            return Ok(Lent::Told(number));
        }
        self.take()?;
        Ok(Lent::Ended)
    }

    /// Runs the command, with the terminal as its own. What is typed at it belongs to it, ctrl-C too.
    async fn run(&mut self, arguments: &[OsString]) -> std::io::Result<Ran> {
        let mut child = tokio::process::Command::new(std::env::current_exe()?).args(arguments).spawn()?;
        loop {
            tokio::select! {
                ended = child.wait() => return Ok(Ran::Ended(ended?)),
                told = self.signals.next() => match told {
                    // It has been stopped with us, and both go on together.
                    Told::Suspend => { let _ = kill_current_process_group(rustix::process::Signal::STOP); }
                    Told::End(number) if number == SignalKind::interrupt().as_raw_value()
                        || number == SignalKind::quit().as_raw_value() => {}
                    Told::End(number) => {
                        if let Some(id) = child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
                            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
                        }
                        let _ = child.wait().await;
                        return Ok(Ran::Told(number));
                    }
                },
            }
        }
    }

    /// Waits for a key below what a command printed; gives a signal that came instead.
    async fn pause(&mut self) -> Option<i32> {
        // What was typed ahead was meant for the command.
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
        let _ = write!(stdout(), "\n-- press a key to go back --").and_then(|()| stdout().flush());
        let _ = enable_raw_mode();
        let mut keys = EventStream::new();
        let told = loop {
            tokio::select! {
                event = keys.next() => match event {
                    Some(Ok(Input::Key(key))) if key.kind != KeyEventKind::Release => break None,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break Some(SignalKind::hangup().as_raw_value()),
                },
                told = self.signals.next() => match told {
                    Told::Suspend => {}
                    Told::End(number) => break Some(number),
                },
            }
        };
        drop(keys);
        let _ = disable_raw_mode();
        let _ = writeln!(stdout());
        told
    }
}

impl Drop for Takeover {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether what a command printed waits for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    UntilKey,
    /// Only where it failed: it fills the screen itself.
    OnFailure,
}

/// What became of a lent terminal.
#[derive(Debug)]
pub enum Lent {
    Ended,
    /// A signal ended it; the terminal stays given back.
    Told(i32),
}

enum Ran {
    Ended(ExitStatus),
    Told(i32),
}

enum Told {
    Suspend,
    End(i32),
}

/// Signals that would leave the terminal taken.
struct Signals {
    ending: Asked,
    suspend: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let ending = Asked::listen(&[&Asked::USUAL[..], &[SignalKind::quit()]].concat())?;
        let suspend = signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?;
        Ok(Self { ending, suspend })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            number = self.ending.next() => Told::End(number),
            Some(()) = self.suspend.recv() => Told::Suspend,
        }
    }
}

/// Gives the terminal back, once; from a panic, too.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// A panic's words go to the terminal as it was, not to a screen that vanishes.
fn give_back_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

fn unusable(error: std::io::Error) -> Failure {
    Failure::plain(
        Exit::Machine,
        format!("could not draw on this terminal: {error}"),
        "use the plain commands: `crashcart next`, `crashcart list`, `crashcart check`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    /// Set where this test plays the program that panics.
    const PLAYS: &str = "CRASHCART_TEST_PLAYS_THE_PROGRAM";

    /// This program once more, playing the test of that name on a terminal that `script` of util-linux makes.
    fn on_terminal(test: &str) -> Command {
        let program = std::env::current_exe().expect("a test is a program");
        let script = format!(
            "before=$(stty -g); {PLAYS}=1 {} --exact cli::takeover::tests::{test} --nocapture; \
             [ \"$(stty -g)\" = \"$before\" ] && echo 'as found'",
            program.display()
        );
        let mut command = Command::new("script");
        command.args(["-qefc", &script, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh");
        command
    }

    fn say(text: &str) {
        let mut out = stdout();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).expect("a terminal");
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the system gives threads")
    }

    #[test]
    fn a_key_pressed_while_nobody_looks_yet_is_taken_when_somebody_does() {
        const ROUNDS: usize = 8;
        if std::env::var_os(PLAYS).is_some() {
            runtime().block_on(async {
                let mut takeover = Takeover::begin().expect("`script` makes a terminal");
                for round in 0..ROUNDS {
                    takeover.give_back();
                    takeover.take().expect("a terminal");
                    say(&format!("waits {round}"));
                    // What comes to be shown is fetched: a screen is not quick at that on every machine.
                    std::thread::sleep(Duration::from_millis(100));
                    let Event::Key(Key::Char('q')) = takeover.next(Duration::from_secs(2)).await else {
                        panic!("the key of round {round} was lost");
                    };
                }
                drop(takeover);
                say("took all");
            });
            return;
        }
        let mut command = on_terminal("a_key_pressed_while_nobody_looks_yet_is_taken_when_somebody_does");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script` of util-linux runs");
        let (mut keys, mut screen) =
            (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (mut told, mut some, mut round) = (String::new(), [0; 4096], 0);
        while let Ok(read @ 1..) = screen.read(&mut some) {
            told.push_str(&String::from_utf8_lossy(&some[..read]));
            if told.contains(&format!("waits {round}")) {
                keys.write_all(b"q").expect("somebody reads keys");
                round += 1;
            }
        }
        child.wait().expect("a child of ours");
        assert!(told.contains("took all") && round == ROUNDS, "{told:?}");
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PLAYS).is_some() {
            let runtime = runtime();
            let _inside = runtime.enter();
            let mut takeover = Takeover::begin().expect("`script` makes a terminal");
            takeover.draw(|_| panic!("an invariant of a screen does not hold")).expect("it panics");
        }
        let mut command = on_terminal("a_panic_gives_the_terminal_back_before_it_is_told");
        let output = command.stdin(Stdio::null()).output().expect("`script` of util-linux runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text:?} in {told:?}"));
        let (taken, given, word) = (at("\x1b[?1049h"), at("\x1b[?1049l"), at("an invariant of a screen"));
        assert!(taken < given && given < word && word < at("as found"), "{told:?}");
    }
}
