//! What each matcher means. Three-valued: a reading that was cut short, a missing second reading or a missing
//! baseline make an answer unknown, never right and never wrong.
//!
//! How values of different types compare: a number and a text that is a plain decimal number compare as
//! numbers (`"4"` is 4, `"0400"` is no number: modes stay texts); `true` and `"true"` are the same; the line
//! end after a text's last line does not count. What is absent matches nothing.

use semver::Version;
use serde_json::Value;

use crate::rubric::{Matcher, Operand, PatternError, Property, RenderError, Values, version_requirement};

/// Whether an expectation holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    Unknown(String),
}

impl Holds {
    fn from_bool(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown => unknown,
        }
    }

    /// All of them: one that does not hold decides, whatever is unknown.
    pub(super) fn all(each: impl IntoIterator<Item = Self>) -> Self {
        let mut unknown = None;
        for one in each {
            match one {
                Self::No => return Self::No,
                Self::Unknown(why) => unknown = unknown.or(Some(why)),
                Self::Yes => {}
            }
        }
        unknown.map_or(Self::Yes, Self::Unknown)
    }

    /// At least one of them.
    fn any(each: impl IntoIterator<Item = Self>) -> Self {
        Self::all(each.into_iter().map(Self::not)).not()
    }
}

/// Another reading of the same property, or why there is none.
pub(super) type Other = Result<Value, String>;

/// What a matcher may look at beside the value.
pub(super) struct Scope<'a> {
    pub values: Values<'a>,
    /// The value right after the fault went in.
    pub baseline: &'a dyn Fn() -> Other,
    /// The value at the second reading.
    pub again: &'a dyn Fn() -> Other,
    /// A property of a probe's fact.
    pub probe: &'a dyn Fn(&crate::rubric::CheckId, &Property) -> Other,
}

/// The value was cut short, so what was not found in it may still be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Cut,
}

/// Judges one value.
pub(super) fn holds(matcher: &Matcher, value: &Value, extent: Extent, scope: &Scope<'_>) -> Holds {
    match judge(matcher, value, extent, scope) {
        Ok(holds) => holds,
        Err(error) => Holds::Unknown(error.to_string()),
    }
}

fn cut_short() -> Holds {
    Holds::Unknown("the answer was too large to be read to its end".into())
}

/// What was found counts; what was not found counts only where all was read.
fn found(yes: bool, extent: Extent) -> Holds {
    match (yes, extent) {
        (true, _) => Holds::Yes,
        (false, Extent::Whole) => Holds::No,
        (false, Extent::Cut) => cut_short(),
    }
}

/// What speaks against it counts; that nothing does counts only where all was read.
fn unopposed(yes: bool, extent: Extent) -> Holds {
    found(!yes, extent).not()
}

fn judge(matcher: &Matcher, value: &Value, extent: Extent, scope: &Scope<'_>) -> Result<Holds, PatternError> {
    if let Matcher::Unchanged = matcher {
        return Ok(unchanged(value, extent, scope));
    }
    // Several keys and combinators pass `unchanged` on, which is the one matcher that knows what to do with nothing.
    if value.is_null() && !matches!(matcher, Matcher::Both(_) | Matcher::All(_) | Matcher::Any(_)) {
        return Ok(Holds::No);
    }
    let whole = |holds: bool| match extent {
        Extent::Whole => Holds::from_bool(holds),
        Extent::Cut => cut_short(),
    };
    let each = |items: &[Matcher]| -> Result<Vec<Holds>, PatternError> {
        items.iter().map(|item| judge(item, value, extent, scope)).collect()
    };
    Ok(match matcher {
        Matcher::Eq(operand) => whole(equal(value, operand, scope)?),
        Matcher::Ne(operand) => whole(!equal(value, operand, scope)?),
        Matcher::Lt(operand) => whole(order(value, operand, scope)?.is_some_and(|o| o.is_lt())),
        Matcher::Le(operand) => whole(order(value, operand, scope)?.is_some_and(|o| o.is_le())),
        Matcher::Gt(operand) => whole(order(value, operand, scope)?.is_some_and(|o| o.is_gt())),
        Matcher::Ge(operand) => whole(order(value, operand, scope)?.is_some_and(|o| o.is_ge())),
        Matcher::Within(low, high) => whole(
            order(value, low, scope)?.is_some_and(|o| o.is_ge())
                && order(value, high, scope)?.is_some_and(|o| o.is_le()),
        ),
        Matcher::Regex(pattern) => {
            let regex = pattern.regex(&scope.values)?;
            found(text(value).is_some_and(|text| regex.is_match(&text)), extent)
        }
        Matcher::Contains(operand) => match value {
            Value::Array(items) => {
                let mut there = false;
                for item in items {
                    there |= equal(item, operand, scope)?;
                }
                found(there, extent)
            }
            Value::Object(_) => Holds::No,
            _ => {
                let needle = operand_text(operand, scope)?;
                let there =
                    needle.is_some_and(|needle| text(value).is_some_and(|text| text.contains(&needle)));
                found(there, extent)
            }
        },
        Matcher::Some(is) => {
            let each = elements(value).unwrap_or_default();
            let each: Vec<Holds> =
                each.iter().map(|item| judge(is, item, Extent::Whole, scope)).collect::<Result<_, _>>()?;
            match Holds::any(each) {
                Holds::No => found(false, extent),
                other => other,
            }
        }
        Matcher::Every(is) => {
            let each = elements(value).unwrap_or_default();
            if each.is_empty() {
                return Ok(found(false, extent));
            }
            let each: Vec<Holds> =
                each.iter().map(|item| judge(is, item, Extent::Whole, scope)).collect::<Result<_, _>>()?;
            match Holds::all(each) {
                Holds::Yes => unopposed(true, extent),
                other => other,
            }
        }
        Matcher::Subset(allowed) => match value {
            Value::Array(items) => unopposed(covered(items, allowed, scope)?, extent),
            _ => Holds::No,
        },
        Matcher::SetEqual(wanted) => match value {
            Value::Array(items) => {
                let mut all_there = true;
                for operand in wanted {
                    let mut there = false;
                    for item in items {
                        there |= equal(item, operand, scope)?;
                    }
                    all_there &= there;
                }
                Holds::all([unopposed(covered(items, wanted, scope)?, extent), found(all_there, extent)])
            }
            _ => Holds::No,
        },
        Matcher::Semver(requirement) => {
            let requirement = requirement.render(&scope.values)?;
            let satisfied = version_requirement(&requirement)
                .ok()
                .zip(text(value))
                .is_some_and(|(wanted, text)| version(&text).is_some_and(|version| wanted.matches(&version)));
            whole(satisfied)
        }
        Matcher::Len(is) => {
            let length = match value {
                Value::String(text) => Some(text.chars().count()),
                Value::Array(items) => Some(items.len()),
                Value::Object(fields) => Some(fields.len()),
                _ => None,
            };
            match length {
                None => Holds::No,
                Some(length) => {
                    let so_far = judge(is, &length.into(), Extent::Whole, scope)?;
                    match (extent, &**is, &so_far) {
                        (Extent::Whole, _, _) => so_far,
                        // There is at least so much of it.
                        (Extent::Cut, Matcher::Ge(_) | Matcher::Gt(_), Holds::Yes) => Holds::Yes,
                        (Extent::Cut, Matcher::Le(_) | Matcher::Lt(_), Holds::No) => Holds::No,
                        (Extent::Cut, _, _) => cut_short(),
                    }
                }
            }
        }
        Matcher::JsonPath { path, is } => {
            let parsed = match value {
                Value::String(text) => match serde_json::from_str::<Value>(text) {
                    Ok(parsed) => parsed,
                    Err(_) => return Ok(found(false, extent)),
                },
                structured => structured.clone(),
            };
            let nodes = path.query(&parsed).all();
            match &nodes[..] {
                [] => Holds::No,
                [one] => judge(is, one, Extent::Whole, scope)?,
                several => {
                    let list = Value::Array(several.iter().map(|&node| node.clone()).collect());
                    judge(is, &list, Extent::Whole, scope)?
                }
            }
        }
        Matcher::All(items) | Matcher::Both(items) => Holds::all(each(items)?),
        Matcher::Any(items) => Holds::any(each(items)?),
        Matcher::None(items) => Holds::any(each(items)?).not(),
        Matcher::StableFor { is, .. } => {
            let now = judge(is, value, extent, scope)?;
            let later = match (scope.again)() {
                Ok(later) => judge(is, &later, extent, scope)?,
                Err(why) => Holds::Unknown(why),
            };
            Holds::all([now, later])
        }
        Matcher::Tracks { probe, property, within_percent } => match (scope.probe)(probe, property) {
            Err(why) => Holds::Unknown(why),
            Ok(target) => match (number(&target), number(value)) {
                (Some(target), Some(found)) => {
                    let (target, found) = (target.as_f64(), found.as_f64());
                    let allowed = target.abs() * f64::from(*within_percent) / 100.0;
                    whole((found - target).abs() <= allowed)
                }
                (None, _) => Holds::Unknown(format!("`{probe}` has no number to follow")),
                (_, None) => Holds::No,
            },
        },
        Matcher::Rises { at_least, at_most, .. } => match (scope.again)() {
            Err(why) => Holds::Unknown(why),
            Ok(later) => match number(&later).zip(number(value)) {
                None => Holds::No,
                Some((later, earlier)) => {
                    let rise = later.less(earlier);
                    let least = at_least.as_ref().map(|least| order(&rise, least, scope)).transpose()?;
                    let most = at_most.as_ref().map(|most| order(&rise, most, scope)).transpose()?;
                    whole(
                        least.is_none_or(|order| order.is_some_and(|o| o.is_ge()))
                            && most.is_none_or(|order| order.is_some_and(|o| o.is_le())),
                    )
                }
            },
        },
        Matcher::Unchanged => unreachable!("answered above"),
    })
}

fn unchanged(value: &Value, extent: Extent, scope: &Scope<'_>) -> Holds {
    match (scope.baseline)() {
        Err(why) => Holds::Unknown(why),
        Ok(before) => unopposed(&before == value, extent),
    }
}

/// Every element is one of `allowed`.
fn covered(items: &[Value], allowed: &[Operand], scope: &Scope<'_>) -> Result<bool, RenderError> {
    for item in items {
        let mut known = false;
        for operand in allowed {
            known |= equal(item, operand, scope)?;
        }
        if !known {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Elements of a list, or lines of a text.
fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items.clone()),
        Value::String(text) => Some(text.lines().map(Value::from).collect()),
        _ => None,
    }
}

/// The value as a text, for patterns and substrings.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn operand_text(operand: &Operand, scope: &Scope<'_>) -> Result<Option<String>, RenderError> {
    Ok(match operand {
        Operand::Bool(value) => Some(value.to_string()),
        Operand::Int(value) => Some(value.to_string()),
        Operand::Float(value) => Some(value.to_string()),
        Operand::Text(template) => Some(template.render(&scope.values)?),
        Operand::List(_) => None,
    })
}

/// The operand as a value, everything filled in.
pub(super) fn operand_value(operand: &Operand, values: &Values<'_>) -> Result<Value, RenderError> {
    Ok(match operand {
        Operand::Bool(value) => Value::Bool(*value),
        Operand::Int(value) => (*value).into(),
        Operand::Float(value) => (*value).into(),
        Operand::Text(template) => template.render(values)?.into(),
        Operand::List(items) => {
            Value::Array(items.iter().map(|item| operand_value(item, values)).collect::<Result<_, _>>()?)
        }
    })
}

fn equal(value: &Value, operand: &Operand, scope: &Scope<'_>) -> Result<bool, RenderError> {
    Ok(same(value, &operand_value(operand, &scope.values)?))
}

fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => {
            found == wanted || found.strip_suffix('\n').is_some_and(|found| found == wanted)
        }
        (Value::Number(_), Value::Number(_) | Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            match (number(found), number(wanted)) {
                (Some(found), Some(wanted)) => found.compare(wanted).is_some_and(|o| o.is_eq()),
                _ => false,
            }
        }
        (Value::Bool(value), Value::String(text)) | (Value::String(text), Value::Bool(value)) => {
            text.trim_end() == if *value { "true" } else { "false" }
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| same(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

fn order(
    value: &Value,
    operand: &Operand,
    scope: &Scope<'_>,
) -> Result<Option<std::cmp::Ordering>, RenderError> {
    let wanted = operand_value(operand, &scope.values)?;
    Ok(number(value).zip(number(&wanted)).and_then(|(found, wanted)| found.compare(wanted)))
}

/// A number, whole where it can be: 64-bit counters do not fit into a float.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Fraction(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Fraction(n) => n,
        }
    }

    /// The difference, as a value to compare.
    fn less(self, other: Self) -> Value {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => match i64::try_from(a - b) {
                Ok(difference) => difference.into(),
                Err(_) => ((a - b) as f64).into(),
            },
            (a, b) => (a.as_f64() - b.as_f64()).into(),
        }
    }

    fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        }
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Some(Number::Whole(n.into())),
            (None, Some(n)) => Some(Number::Whole(n.into())),
            (None, None) => n.as_f64().map(Number::Fraction),
        },
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                // `0400` is a mode, not four hundred.
                && !(digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."));
            if !plain {
                return None;
            }
            match text.parse::<i128>() {
                Ok(n) => Some(Number::Whole(n)),
                Err(_) => text.parse::<f64>().ok().map(Number::Fraction),
            }
        }
        _ => None,
    }
}

/// The first three numbers of a version. A Debian epoch, revision or suffix does not count, nor does a leading `v`.
fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text
        .split_once(':')
        .filter(|(epoch, _)| epoch.bytes().all(|b| b.is_ascii_digit()))
        .map_or(text, |v| v.1);
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = numbers.split('.').filter(|part| !part.is_empty()).map(|part| part.parse::<u64>().ok());
    let major = parts.next()??;
    let minor = parts.next().flatten().unwrap_or(0);
    let patch = parts.next().flatten().unwrap_or(0);
    Some(Version::new(major, minor, patch))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::{
        lab::NodeName,
        rubric::{CheckId, Matcher},
    };

    #[derive(Deserialize)]
    struct Written {
        is: Matcher,
    }

    /// Judges as a rubric that says `expect.x = MATCHER` would, with a baseline, a second reading and a probe.
    fn judged(matcher: &str, value: Value, extent: Extent) -> Holds {
        let written: Written =
            toml::from_str(&format!("is = {matcher}")).unwrap_or_else(|error| panic!("{matcher}: {error}"));
        let of: CheckId = "own".parse().expect("a name");
        let node: NodeName = "gpu1".parse().expect("a name");
        let parameters = BTreeMap::from([("workers".to_string(), "8".to_string())]);
        let nonces = BTreeMap::from([(of.clone(), "a.c".to_string())]);
        let scope = Scope {
            values: Values {
                of: &of,
                node: &node,
                parameters: &parameters,
                nonces: &nonces,
                seed_word: "c0ffee00",
            },
            baseline: &|| Ok(json!("as before")),
            again: &|| Ok(json!(7)),
            probe: &|id, _| match id.as_str() {
                "load" => Ok(json!(200)),
                "idle" => Ok(json!("idle")),
                _ => Err("it was not asked".into()),
            },
        };
        holds(&written.is, &value, extent, &scope)
    }

    fn case(matcher: &str, value: Value, wanted: bool) {
        assert_eq!(
            judged(matcher, value.clone(), Extent::Whole),
            Holds::from_bool(wanted),
            "{matcher} of {value}"
        );
    }

    fn unknown(matcher: &str, value: Value, extent: Extent) {
        let found = judged(matcher, value.clone(), extent);
        assert!(matches!(found, Holds::Unknown(_)), "{matcher} of {value} is {found:?}");
    }

    #[test]
    fn a_bare_value_and_eq_mean_the_same() {
        for eq in ["4", "{ eq = 4 }", "\"4\"", "{ eq = \"4\" }", "4.0"] {
            case(eq, json!(4), true);
            case(eq, json!("4"), true);
            case(eq, json!(5), false);
        }
        case("true", json!(true), true);
        case("true", json!("true\n"), true);
        case("\"true\"", json!(true), true);
        case("true", json!("yes"), false);
        case("true", json!(1), false);
        case("1", json!(true), false);
        case("\"0400\"", json!("0400"), true);
        case("400", json!("0400"), false);
        case("\"400\"", json!("0400"), false);
        case("\"1.0\"", json!("1"), false);
        case("\"ok\"", json!("ok\n"), true);
        case("\"ok\"", json!("ok\n\n"), false);
        case("\"ok\\n\"", json!("ok"), false);
        case("[\"a\", 2]", json!(["a", "2"]), true);
        case("[\"a\"]", json!(["a", "b"]), false);
        case("[\"a\"]", json!("a"), false);
        case("\"{{workers}}\"", json!(8), true);
        case("\"{{nonce}}-{{seed-word}}\"", json!("a.c-c0ffee00"), true);
        case("0", json!("nan"), false);
        case("18446744073709551615.0", json!(u64::MAX), true);
        case("\"18446744073709551615\"", json!(u64::MAX), true);
        case("\"18446744073709551614\"", json!(u64::MAX), false);
    }

    #[test]
    fn numbers_have_an_order_and_texts_have_none() {
        case("{ ne = 4 }", json!(5), true);
        case("{ ne = 4 }", json!("4"), false);
        case("{ lt = 4 }", json!(3), true);
        case("{ lt = 4 }", json!(4), false);
        case("{ le = 4 }", json!(" 4 "), true);
        case("{ gt = 4 }", json!("4.5"), true);
        case("{ ge = \"{{workers}}\" }", json!(8), true);
        case("{ ge = \"{{workers}}\" }", json!(7), false);
        case("{ ge = -5 }", json!("-4"), true);
        case("{ le = 4 }", json!("64M"), false);
        case("{ ge = 4 }", json!("unlimited"), false);
        case("{ le = 1000 }", json!("0400"), false);
        case("{ within = [1, 3] }", json!(1), true);
        case("{ within = [1, 3] }", json!(3), true);
        case("{ within = [1, 3] }", json!(4), false);
        case("{ ge = 1, le = 3 }", json!(2), true);
        case("{ ge = 1, le = 3 }", json!(4), false);
        case("{ le = 4 }", json!([1]), false);
        case("{ le = 4 }", json!(true), false);
    }

    #[test]
    fn what_is_absent_matches_nothing() {
        for matcher in [
            "0",
            "false",
            "\"\"",
            "{ ne = 4 }",
            "{ le = 4 }",
            "{ none = [4] }",
            "{ any = [{ ne = 4 }] }",
            "{ subset = [1] }",
            "{ len = 0 }",
            "{ every = 1 }",
            "{ contains = \"a\" }",
            "{ stable-for = { ms = 1, is = { ne = 4 } } }",
            "{ rises = { ms = 1, at-most = 9 } }",
            "{ unchanged = true }",
        ] {
            case(matcher, Value::Null, false);
        }
    }

    #[test]
    fn patterns_take_filled_in_values_literally() {
        case("{ regex = \"^a\" }", json!("abc"), true);
        case("{ regex = \"^b\" }", json!("abc"), false);
        case("{ regex = \"(?m)^b$\" }", json!("a\nb"), true);
        case("{ regex = \"^{{nonce}}$\" }", json!("a.c"), true);
        case("{ regex = \"^{{nonce}}$\" }", json!("abc"), false);
        case("{ regex = \"^4\" }", json!(42), true);
        case("{ regex = \"a\" }", json!(["a"]), false);
    }

    #[test]
    fn lists_and_lines_have_elements() {
        case("{ contains = \"b\" }", json!("abc"), true);
        case("{ contains = \"d\" }", json!("abc"), false);
        case("{ contains = \"b\" }", json!(["a", "b"]), true);
        case("{ contains = \"b\" }", json!(["abc"]), false);
        case("{ contains = 2 }", json!([1, "2"]), true);
        case("{ contains = { regex = \"^b\" } }", json!(["abc", "bcd"]), true);
        case("{ contains = { regex = \"^b\" } }", json!("a\nbcd"), true);
        case("{ some = { ge = 2 } }", json!([1, 2]), true);
        case("{ some = { ge = 3 } }", json!([1, 2]), false);
        case("{ every = { ge = 1 } }", json!([1, 2]), true);
        case("{ every = { ge = 2 } }", json!([1, 2]), false);
        case("{ every = { ge = 2 } }", json!([]), false);
        case("{ every = { regex = \"idle$\" } }", json!("gpu1 idle\ngpu2 idle\n"), true);
        case("{ every = { regex = \"idle$\" } }", json!(""), false);
        case("{ subset = [1, 2, 3] }", json!([1, 2]), true);
        case("{ subset = [1] }", json!([1, 2]), false);
        case("{ subset = [1] }", json!([]), true);
        case("{ subset = [1] }", json!("1"), false);
        case("{ set-equal = [\"b\", \"a\"] }", json!(["a", "b", "a"]), true);
        case("{ set-equal = [\"a\"] }", json!(["a", "b"]), false);
        case("{ set-equal = [\"a\", \"b\"] }", json!(["a"]), false);
        case("{ set-equal = [] }", json!([]), true);
        case("{ len = 2 }", json!([1, 2]), true);
        case("{ len = { ge = 3 } }", json!("äöü"), true);
        case("{ len = 1 }", json!({"a": 1}), true);
        case("{ len = 1 }", json!(1), false);
    }

    #[test]
    fn combinators_combine() {
        case("{ all = [{ ge = 1 }, { le = 3 }] }", json!(2), true);
        case("{ all = [{ ge = 1 }, { le = 3 }] }", json!(4), false);
        case("{ any = [1, { regex = \"^a\" }] }", json!("abc"), true);
        case("{ any = [1, 2] }", json!(3), false);
        case("{ none = [1, 2] }", json!(3), true);
        case("{ none = [1, 2] }", json!(2), false);
        case("{ none = [{ contains = \"auth/none\" }] }", json!("AuthType=auth/none"), false);
    }

    #[test]
    fn versions_are_compared_by_their_first_three_numbers() {
        case("{ semver = \">=1.2\" }", json!("1.10.1"), true);
        case("{ semver = \">=1.2\" }", json!("1.1"), false);
        case("{ semver = \">=560.35.03\" }", json!("560.35.03"), true);
        case("{ semver = \">=560.35.03, <561\" }", json!("560.40.01"), true);
        case("{ semver = \"<2\" }", json!("2:1.22.08-4+deb12u1"), true);
        case("{ semver = \"=22.5.8\" }", json!("slurm 22.05.8"), false);
        case("{ semver = \"=22.5.8\" }", json!("22.05.8-4"), true);
        case("{ semver = \"^1\" }", json!("v1.2.3.4"), true);
        case("{ semver = \"*\" }", json!("none"), false);
    }

    #[test]
    fn json_paths_look_into_texts() {
        let text = json!("{\"a\": [{\"n\": 1}, {\"n\": 2}], \"b\": \"x\"}\n");
        case("{ json-path = { path = \"$.b\", is = \"x\" } }", text.clone(), true);
        case("{ json-path = { path = \"$.a[0].n\", is = { le = 1 } } }", text.clone(), true);
        case("{ json-path = { path = \"$.a[*].n\", is = { set-equal = [2, 1] } } }", text.clone(), true);
        case("{ json-path = { path = \"$.c\", is = { ne = 1 } } }", text, false);
        case("{ json-path = { path = \"$.b\", is = \"x\" } }", json!("no json"), false);
        case("{ json-path = { path = \"$[1]\", is = 2 } }", json!([1, 2]), true);
    }

    #[test]
    fn another_reading_may_be_needed() {
        case("{ unchanged = true }", json!("as before"), true);
        case("{ unchanged = true }", json!("otherwise"), false);
        case("{ stable-for = { ms = 500, is = { ge = 7 } } }", json!(8), true);
        case("{ stable-for = { ms = 500, is = { ge = 8 } } }", json!(8), false);
        case("{ stable-for = { ms = 500, is = { ge = 7 } } }", json!(6), false);
        let tracks = |probe: &str, percent: u32| {
            format!(
                "{{ tracks = {{ probe = \"{probe}\", property = \"count\", within-percent = {percent} }} }}"
            )
        };
        case(&tracks("load", 10), json!(180), true);
        case(&tracks("load", 10), json!("220"), true);
        case(&tracks("load", 10), json!(221), false);
        case(&tracks("load", 0), json!(200), true);
        case(&tracks("load", 10), json!("full"), false);
        unknown(&tracks("idle", 10), json!(200), Extent::Whole);
        unknown(&tracks("gone", 10), json!(200), Extent::Whole);
    }

    #[test]
    fn a_rise_is_the_second_reading_less_the_first() {
        // The second reading is 7.
        let case = |bounds: &str, first: Value, wanted: bool| {
            case(&format!("{{ rises = {{ ms = 500, {bounds} }} }}"), first, wanted);
        };
        case("at-most = 4", json!(3), true);
        case("at-most = 3", json!(3), false);
        case("at-least = 4", json!("3"), true);
        case("at-least = 5", json!(3), false);
        case("at-least = 1, at-most = 8", json!(3), true);
        case("at-least = \"{{workers}}\"", json!(-1), true);
        case("at-least = \"{{workers}}\"", json!(0), false);
        case("at-most = 50", json!(9), true);
        case("at-least = 0", json!(9), false);
        case("at-least = 0.5", json!(6.5), true);
        case("at-most = 50", json!("many"), false);
        case("at-most = 50", json!(u64::MAX), true);
        case("at-least = -1", json!(u64::MAX), false);
    }

    #[test]
    fn what_was_cut_short_proves_only_what_was_seen() {
        let seen = |matcher: &str, value: Value, wanted: bool| {
            assert_eq!(
                judged(matcher, value.clone(), Extent::Cut),
                Holds::from_bool(wanted),
                "{matcher} of {value}"
            );
        };
        seen("{ contains = \"a\" }", json!("abc"), true);
        unknown("{ contains = \"x\" }", json!("abc"), Extent::Cut);
        unknown("{ none = [{ contains = \"x\" }] }", json!("abc"), Extent::Cut);
        seen("{ none = [{ contains = \"a\" }] }", json!("abc"), false);
        seen("{ regex = \"^a\" }", json!("abc"), true);
        unknown("\"abc\"", json!("abc"), Extent::Cut);
        unknown("{ ne = \"x\" }", json!("abc"), Extent::Cut);
        seen("{ every = { ge = 2 } }", json!([1]), false);
        unknown("{ every = { ge = 1 } }", json!([1]), Extent::Cut);
        seen("{ subset = [1] }", json!([2]), false);
        unknown("{ subset = [1] }", json!([1]), Extent::Cut);
        seen("{ set-equal = [1] }", json!([2]), false);
        unknown("{ set-equal = [1] }", json!([1]), Extent::Cut);
        seen("{ len = { ge = 2 } }", json!([1, 2]), true);
        seen("{ len = { le = 1 } }", json!([1, 2]), false);
        unknown("{ len = { ge = 3 } }", json!([1, 2]), Extent::Cut);
        unknown("{ len = 2 }", json!([1, 2]), Extent::Cut);
        unknown("{ unchanged = true }", json!("as before"), Extent::Cut);
        seen("{ unchanged = true }", json!("other"), false);
        // One that does not hold decides, whatever is unknown.
        seen("{ all = [{ subset = [1] }, { contains = 1 }] }", json!([2]), false);
        seen("{ any = [{ contains = 2 }, { contains = 1 }] }", json!([2]), true);
    }

    #[test]
    fn a_placeholder_without_a_value_is_unknown() {
        unknown("\"{{gone}}\"", json!("x"), Extent::Whole);
        unknown("{ regex = \"a{{gone}}\" }", json!("x"), Extent::Whole);
    }
}
