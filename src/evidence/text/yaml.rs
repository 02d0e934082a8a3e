//! YAML. A short text can grow without bound through aliases, so values are counted while they are built.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Found, path};

/// Most values that are built from one text; far above any configuration file.
const VALUE_LIMIT: usize = 100_000;
/// Most bytes of texts and keys that are built from one text.
const BYTE_LIMIT: usize = 4 * 1024 * 1024;

/// Most brackets and braces that may be open at once. The scanner looks at all of them for every token, so a
/// text of nothing else would take quadratic time; serde gives up at 128 levels anyway.
const FLOW_LIMIT: usize = 1_000;

/// Brackets and braces that are open at once; those in quotes count too, which no sensible text will notice.
fn flow_depth(text: &str) -> usize {
    let mut open = 0usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// The value that `key` leads to in each document of the text.
pub fn find(key: &str, text: &str) -> Found {
    if flow_depth(text) > FLOW_LIMIT {
        return Found::unreadable("no YAML: it is nested too deeply");
    }
    let budget = Budget { values: Cell::new(VALUE_LIMIT), bytes: Cell::new(BYTE_LIMIT) };
    let mut found = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        match Counted(&budget).deserialize(document) {
            Ok(value) => found.extend(path::follow(&value, key).cloned()),
            Err(error) => return Found::unreadable(format!("no YAML: {error}")),
        }
    }
    match &found[..] {
        [] => Found::default(),
        [one] => Found::structured(Some(one)),
        [.., last] => Found { value: Some(last.clone()), values: found, problem: None },
    }
}

struct Budget {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Budget {
    fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let (values, left) = (self.values.get().checked_sub(1), self.bytes.get().checked_sub(bytes));
        let (Some(values), Some(left)) = (values, left) else {
            return Err(E::custom("it grows too large through its aliases"));
        };
        self.values.set(values);
        self.bytes.set(left);
        Ok(())
    }
}

/// Builds one value within a budget.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Budget);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.0.spend(1).map(|()| Value::Bool(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.0.spend(8).map(|()| value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.0.spend(8).map(|()| value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.0.spend(8).map(|()| value.into())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.0.spend(value.len()).map(|()| value.into())
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.0.spend(1).map(|()| Value::Null)
    }
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }
    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        // A `!tag` says how to read its value; the value is what a grader asks for.
        let (_, content) = data.variant_seed(self)?;
        serde::de::VariantAccess::newtype_variant_seed(content, self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        self.0.spend(1)?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.0.spend(1)?;
        let mut fields = Map::new();
        while let Some(key) = map.next_key_seed(self)? {
            let key = match key {
                Value::String(text) => text,
                other => other.to_string(),
            };
            fields.insert(key, map.next_value_seed(self)?);
        }
        Ok(Value::Object(fields))
    }
}
