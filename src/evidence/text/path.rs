//! Dotted paths into structured texts: `servers.0."host.name"`.

use serde_json::Value;

/// The parts of a path. A part in double quotes may hold dots.
pub fn parts(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ => parts.last_mut().expect("begun with one").push(c),
        }
    }
    parts
}

/// The value that a path leads to. YAML's merge key `<<` is looked through, as its readers do.
pub fn follow<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    parts(path).iter().try_fold(value, |value, part| step(value, part, 0))
}

fn step<'a>(value: &'a Value, part: &str, depth: u32) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(part).or_else(|| {
            // Merged tables may merge others; eight deep is more than anyone writes.
            let merged = fields.get("<<").filter(|_| depth < 8)?;
            match merged {
                Value::Array(several) => several.iter().find_map(|one| step(one, part, depth + 1)),
                one => step(one, part, depth + 1),
            }
        }),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    }
}
