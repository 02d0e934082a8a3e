//! `reboot`, `poweroff`, `shutdown`, `halt`: a container node is restarted
//! from outside, so they say how and change nothing.

/// Explains; never stops the node.
pub fn main(name: &str) -> u8 {
    eprintln!("{name}: this node cannot restart itself: its power switch is outside.");
    eprintln!(
        "Leave the shell (`exit`): `crashcart grade` restarts the node before it grades what must survive,"
    );
    eprintln!(
        "and `crashcart reset` gives you a fresh attempt. Services are restarted with `systemctl restart NAME`."
    );
    1
}
