//! Bytes that arrive in pieces as text.

/// Text made of bytes as they come. What ends in the middle of a character waits for the rest of it.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of one character, at most three bytes.
    begun: Vec<u8>,
}

impl Text {
    /// The text of these bytes, as far as it is whole; what is no text at all is shown as U+FFFD.
    pub(super) fn take(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut text = String::with_capacity(all.len());
        let mut left = &all[..];
        loop {
            let error = match std::str::from_utf8(left) {
                Ok(whole) => {
                    text.push_str(whole);
                    return text;
                }
                Err(error) => error,
            };
            let (whole, rest) = left.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(whole));
            match error.error_len() {
                Some(wrong) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    left = &rest[wrong..];
                }
                None => {
                    self.begun = rest.to_vec();
                    return text;
                }
            }
        }
    }

    /// What stands for a character that never became whole; nothing where there is none.
    pub(super) fn rest(&mut self) -> String {
        match std::mem::take(&mut self.begun).is_empty() {
            true => String::new(),
            false => char::REPLACEMENT_CHARACTER.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_bytes_are_cut_the_text_is_the_same() {
        let whole = "aä€😀é\u{1b}[0m";
        let bytes = whole.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut text = Text::default();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let told: String = pieces.into_iter().map(|piece| text.take(piece)).collect();
                assert_eq!((told.as_str(), text.rest().as_str()), (whole, ""), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart_from_what_is_not_whole_yet() {
        fn case(pieces: &[&[u8]], wanted: &str) {
            let mut text = Text::default();
            let mut told: String = pieces.iter().map(|piece| text.take(piece)).collect();
            told.push_str(&text.rest());
            assert_eq!(told, wanted, "{pieces:?}");
        }
        case(&[b"a\xffb"], "a\u{fffd}b");
        // A beginning that goes on as something else.
        case(&[b"\xe2\x82", b"a"], "\u{fffd}a");
        case(&[b"\xf0", b"\x9f", b"\x98"], "\u{fffd}");
        // Surrogates and overlong forms are no characters.
        case(&[b"\xed\xa0\x80"], "\u{fffd}\u{fffd}\u{fffd}");
        case(&[b"\xc0\xaf"], "\u{fffd}\u{fffd}");
    }
}
