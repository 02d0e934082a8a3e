//! How structures that Rust, C and a kernel module share are written down: once.
//!
//! `layout!` makes the Rust side, and a table from which [`c_header`] writes the C side. Fields are integers of fixed
//! size, arrays of them, or structures of the same layout; each stands where it stands, with no padding put in.

use std::fmt::Write;

/// A structure of a layout.
#[derive(Debug)]
pub struct Structure {
    /// Name in C.
    pub name: &'static str,
    /// Name in Rust.
    pub rust: &'static str,
    pub size: usize,
    pub fields: &'static [Field],
}

/// A field of a [`Structure`].
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// Type as Rust writes it.
    pub kind: &'static str,
    pub offset: usize,
    pub size: usize,
    pub doc: &'static str,
}

/// Defines structures, and the table `STRUCTURES` from which their C header is written; what others hold comes first.
macro_rules! layout {
    ($($(#[doc = $doc:literal])* struct $name:ident / $c:literal { $($(#[doc = $field_doc:literal])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
            #[repr(C)]
            pub struct $name { $($(#[doc = $field_doc])* pub $field: $kind,)* }
        )*
        /// Every structure with its fields, in the order of the C header.
        pub const STRUCTURES: &[$crate::layout::Structure] = &[$($crate::layout::Structure {
            name: $c,
            rust: stringify!($name),
            size: size_of::<$name>(),
            fields: &[$($crate::layout::Field {
                name: stringify!($field),
                kind: stringify!($kind),
                offset: std::mem::offset_of!($name, $field),
                size: size_of::<$kind>(),
                doc: concat!($($field_doc),*),
            },)*],
        },)*];
    };
}
pub(crate) use layout;

/// The structures for C, as the header of `src/FILE.rs`, after these numbers.
pub fn c_header(file: &str, guard: &str, numbers: &[(&str, String)], structures: &[Structure]) -> String {
    let mut text = format!(
        "/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */\n/* Written by crashcart-hardware from src/{file}.rs; do not edit. */\n\
         #ifndef {guard}\n#define {guard}\n\n#include <linux/types.h>\n\n"
    );
    for (name, value) in numbers {
        let _ = writeln!(text, "#define {name} {value}");
    }
    text.push('\n');
    for structure in structures {
        let _ = writeln!(text, "struct {} {{", structure.name);
        for field in structure.fields {
            let (kind, suffix) = c_type(structures, field.kind, field.size);
            let _ = writeln!(text, "\t{kind} {}{suffix};\t/* {} */", field.name, field.offset);
        }
        let _ = writeln!(
            text,
            "}};\n_Static_assert(sizeof(struct {}) == {}, \"layout\");\n",
            structure.name, structure.size
        );
    }
    text.push_str("#endif\n");
    text
}

/// A field's type in C and what follows its name.
fn c_type(structures: &[Structure], kind: &str, size: usize) -> (String, String) {
    let inner = kind.trim_start_matches('[').split(';').next().unwrap_or(kind).trim();
    let (name, one) = match inner {
        "u8" => ("__u8".to_owned(), 1),
        "u16" => ("__u16".to_owned(), 2),
        "u32" => ("__u32".to_owned(), 4),
        "i32" => ("__s32".to_owned(), 4),
        "u64" => ("__u64".to_owned(), 8),
        other => {
            let found = structures.iter().find(|structure| structure.rust == other);
            let structure = found.expect("every kind of field has a C type");
            (format!("struct {}", structure.name), structure.size)
        }
    };
    let count = size / one;
    match kind.matches('[').count() {
        0 => (name, String::new()),
        2 => (name, format!("[2][{}]", count / 2)),
        _ => (name, format!("[{count}]")),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// No field is padded in, and every structure is whole words.
    pub fn is_tight(structures: &[Structure]) {
        for structure in structures {
            let mut end = 0;
            for field in structure.fields {
                assert_eq!(field.offset, end, "{} {}", structure.name, field.name);
                end += field.size;
            }
            assert_eq!(end, structure.size, "{}", structure.name);
            assert_eq!(structure.size % 8, 0, "{}", structure.name);
        }
    }
}
