//! The headers for C are the layouts' own; UPDATE_CASES=1 rewrites them.

#[test]
fn the_headers_for_c_are_those_of_the_layouts() {
    for (name, wanted) in [
        ("ccgpu_page.h", crashcart_hardware::page::c_header()),
        ("ccboard.h", crashcart_hardware::board::c_header()),
    ] {
        let path = format!("{}/include/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&path, &wanted).expect("the header can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "include/{name} is of another layout; UPDATE_CASES=1 rewrites it");
    }
}
