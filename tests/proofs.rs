//! The shipped labs are proved against real nodes: a documented, quick selection. All of it, over three
//! seeds, is `crashcart lab prove --all`.

use std::process::Command;

#[test]
fn a_selection_of_every_shipped_lab_holds_against_solutions_wrong_fixes_and_cheats() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_crashcart"))
        .args(["lab", "prove", "--all", "--quick"])
        .env("CRASHCART_STATE_DIR", state.path())
        .env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("crashcart starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{said}\nwhere no engine answers, get one with `cargo run --release -- doctor --fix`"
    );
}
