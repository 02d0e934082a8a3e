//! The header for C is the layout's own; UPDATE_CASES=1 rewrites it.

#[test]
fn the_header_for_c_is_that_of_the_layout() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ccgpu_page.h");
    let wanted = crashcart_hardware::page::c_header();
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(path, &wanted).expect("the header can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == wanted, "include/ccgpu_page.h is of another layout; UPDATE_CASES=1 rewrites it");
}
