//! Names of labs, nodes and variants: parsed once, then trusted.
//! They come in from TOML, the command line, JSON and SQL by the same door.

/// Declares a newtype for a name made of lower-case words joined by single hyphens.
macro_rules! kebab_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::lab::NotAName;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                match $crate::lab::is_kebab(&text) {
                    true => Ok(Self(text)),
                    false => Err($crate::lab::NotAName { what: $what, text }),
                }
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::lab::NotAName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_string())
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
pub(crate) use kebab_name;

/// The text is no name of this sort.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of a {what}: lower-case words joined by single hyphens, at most 63 characters")]
pub struct NotAName {
    /// What it should have named.
    pub what: &'static str,
    /// What was given.
    pub text: String,
}

/// A letter first, then lower-case words of letters and digits joined by single hyphens. 63 characters
/// at most, so that every name is a valid host name and engine label too.
pub fn is_kebab(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

kebab_name! {
    /// Name of a folder under `labs/`, and of its rubric under `graders/`.
    LabName, "lab"
}
kebab_name! {
    /// Name of a node within its lab; also its host name.
    NodeName, "node"
}
kebab_name! {
    /// Name of one of a lab's root causes.
    VariantName, "variant"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_joined_by_single_hyphens() {
        let case =
            |text: &str, good: bool| assert_eq!(LabName::try_from(text.to_string()).is_ok(), good, "{text}");
        case("shm-dataloader-bus-error", true);
        case("gpu1", true);
        case("", false);
        case("1gpu", false);
        case("Gpu", false);
        case("a--b", false);
        case("a-", false);
        case("../etc", false);
        case(&"a".repeat(63), true);
        case(&"a".repeat(64), false);
    }

    #[test]
    fn a_wrong_name_says_what_a_right_one_looks_like() {
        let error = "Ctl".parse::<NodeName>().expect_err("capital letters are refused");
        assert_eq!(
            error.to_string(),
            "`Ctl` is no name of a node: lower-case words joined by single hyphens, at most 63 characters"
        );
    }
}
