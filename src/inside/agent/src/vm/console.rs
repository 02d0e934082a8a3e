//! The guest's serial console: what it printed last, and what its words say of
//! a guest that does not come up. Pure.

use std::collections::VecDeque;

/// Bytes kept for who comes late.
const KEPT: usize = 128 * 1024;
/// Longest line that is told, in characters.
const WIDE: usize = 160;
/// Longest line that is looked at.
const LINE: usize = 1024;

/// What was printed, and the line that is being printed.
#[derive(Default)]
pub struct Console {
    kept: VecDeque<u8>,
    line: Vec<u8>,
}

/// What a console says of its machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Sign {
    /// It will not come up by itself: why, as one lower-case phrase.
    Stuck(String),
    /// systemd gave up on starting it, and serves a shell at the console.
    Emergency,
    /// Its kernel waits for a timer that never rang: an emulated machine's mistake, and none of its own.
    LostTimer,
}

impl Console {
    /// Takes what was printed; gives the signs in it, in order.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Sign> {
        self.kept.extend(bytes);
        let surplus = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..surplus);
        let mut signs = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    signs.extend(line_sign(&plain(&self.line)));
                    self.line.clear();
                }
                b'\r' => {}
                byte if self.line.len() < LINE => self.line.push(*byte),
                _ => {}
            }
        }
        // Prompts wait at the end of a line that has no end.
        signs.extend(prompt_sign(&plain(&self.line)));
        signs
    }

    /// All that is kept, as it was printed.
    pub fn kept(&self) -> Vec<u8> {
        self.kept.iter().copied().collect()
    }

    /// The last `count` lines with something on them, without what moves a cursor.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let text = plain(&self.kept());
        // What was painted with a cursor, as menus are, is no line of its own: blanks stand for where it jumped.
        let folded = |line: &str| -> String {
            let line = line.trim_end();
            if line.len() <= WIDE {
                return line.to_owned();
            }
            line.split("   ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
        };
        let cut = |line: String| -> String { line.chars().take(WIDE).collect() };
        let lines: Vec<String> = text.lines().map(folded).filter(|line| !line.is_empty()).map(cut).collect();
        lines[lines.len().saturating_sub(count)..].to_vec()
    }
}

/// Text without escape sequences and other control characters.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => match characters.next() {
                // A control sequence ends with a letter or one of @[\]^_`{|}~ (ECMA-48, 5.4).
                Some('[') => while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // An operating system command ends with BEL or ESC \.
                Some(']') => while characters.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
                _ => {}
            },
            '\n' => out.push('\n'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn line_sign(line: &str) -> Option<Sign> {
    if let Some((_, why)) = line.split_once("Kernel panic - not syncing: ") {
        let why = why.chars().take(120).collect::<String>();
        return Some(Sign::Stuck(format!("its kernel panicked: {why}")));
    }
    if line.contains("You are in emergency mode") {
        return Some(Sign::Emergency);
    }
    // kernel/rcu/tree_stall.h, rcu_check_gp_kthread_expired_fqs_timer().
    if line.contains("kthread timer wakeup didn't happen for") {
        return Some(Sign::LostTimer);
    }
    // SeaBIOS, of a disk without a boot loader.
    line.contains("No bootable device").then(|| Sign::Stuck("its disk holds nothing that boots".into()))
}

fn prompt_sign(line: &str) -> Option<Sign> {
    let line = line.trim();
    if line.ends_with("(initramfs)") {
        return Some(Sign::Stuck(
            "its initramfs did not find the root file system and waits at a prompt".into(),
        ));
    }
    if line.ends_with("grub rescue>") || line.ends_with("grub>") {
        return Some(Sign::Stuck("GRUB waits at its prompt: it found no menu that it could read".into()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(text: &str) -> Vec<Sign> {
        Console::default().take(text.as_bytes())
    }

    #[test]
    fn a_console_tells_of_a_guest_that_is_stuck() {
        let stuck = |text: &str, wanted: &str| match &signs(text)[..] {
            [Sign::Stuck(why)] => assert!(why.contains(wanted), "{why}"),
            other => panic!("{text}: {other:?}"),
        };
        stuck(
            "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
            "VFS: Unable to mount root",
        );
        stuck("ALERT!  UUID=1 does not exist.  Dropping to a shell!\r\n(initramfs) ", "initramfs");
        stuck("error: no such device: 1.\r\n\u{1b}[0mgrub rescue> ", "GRUB");
        stuck("Booting from Hard Disk...\r\nNo bootable device.\r\n", "nothing that boots");
        assert_eq!(signs("You are in emergency mode. After logging in, type\r\n"), [Sign::Emergency]);
        let stalled =
            "[   22.4] rcu: rcu_preempt kthread timer wakeup didn't happen for 5251 jiffies! g-1131 f0x0\r\n";
        assert_eq!(signs(stalled), [Sign::LostTimer]);
        assert_eq!(signs("[    0.0] Linux version 6.12\r\nlogin: "), []);
        assert_eq!(signs("I wrote about grub> once\r\n"), []);
    }

    #[test]
    fn signs_are_seen_however_the_bytes_arrive() {
        let mut console = Console::default();
        let mut seen = Vec::new();
        for byte in b"\x1b[1mKernel panic - not syncing: x\r\n" {
            seen.extend(console.take(&[*byte]));
        }
        assert_eq!(seen, [Sign::Stuck("its kernel panicked: x".into())]);
    }

    #[test]
    fn the_last_lines_are_plain_text() {
        let mut console = Console::default();
        console.take(b"one\r\n\x1b[0;32m  OK  \x1b[0m two\r\n\r\n\x1b]0;title\x07three");
        assert_eq!(console.last_lines(2), ["  OK   two", "three"]);
        let menu = format!("\nEntry one{}Entry two", " ".repeat(300));
        console.take(menu.as_bytes());
        assert_eq!(console.last_lines(1), ["Entry one  Entry two"]);
        console.take(&vec![b'x'; 2 * KEPT]);
        assert_eq!(console.kept().len(), KEPT);
    }
}
