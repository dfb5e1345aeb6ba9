//! A reader of JSON that copies nothing: it hands out pieces of the text, checked by the grammar of RFC 8259.
//!
//! Events are read at a million a second, and most of each one ends verbatim in the column of properties. So nothing is
//! unpacked here that nobody asked for, and nothing is built on the way. What passes can be read by `serde_json`: numbers
//! are finite, escapes whole, and [`Scanner::deepest`] tells how deep values are nested.

use std::borrow::Cow;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A finite number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// The value's text, with its quotes or brackets.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a string with escapes.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// The string's text, the number or the word as written; empty for `null`; the JSON of arrays and objects.
    #[inline]
    pub fn plain(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::Null => Cow::Borrowed(""),
            Kind::Text => {
                let inner = self.text.get(1..self.text.len() - 1).unwrap_or_default();
                if self.escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
            }
            _ => Cow::Borrowed(self.text),
        }
    }

    /// As [`Raw::plain`], but only of strings and numbers, which is what identifiers and names are; else empty.
    #[inline]
    pub fn name(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::Text | Kind::Number => {
                let text = self.plain();
                // Nearly no text has blanks around it, and nearly all are told by their first and last byte.
                match (text.as_bytes().first(), text.as_bytes().last()) {
                    (Some(b'!'..=b'~'), Some(b'!'..=b'~')) | (None, _) => text,
                    _ if text.trim().len() == text.len() => text,
                    _ => Cow::Owned(text.trim().to_owned()),
                }
            }
            _ => Cow::Borrowed(""),
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        (self.kind == Kind::Number).then(|| self.text.parse().ok()).flatten()
    }
}

/// Where the text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not JSON at byte {at}: {what}")]
pub struct Fault {
    /// The byte, from 0.
    pub at: usize,
    /// What was expected.
    pub what: &'static str,
}

/// Reads values one after another.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<bool>,
    /// The most brackets that were open at once in a value, since it was last set to 0.
    pub deepest: usize,
    /// Whether a string with escapes was passed.
    pub escapes: bool,
}

impl<'a> Scanner<'a> {
    /// A reader from the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), deepest: 0, escapes: false }
    }

    /// Where the reader stands, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The text between two places.
    pub fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, what })
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no blank, which stays unread; 0 at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        self.byte()
    }

    /// Whether nothing but blanks is left.
    pub fn is_done(&mut self) -> bool {
        self.peek();
        self.at >= self.text.len()
    }

    /// Steps into an object.
    ///
    /// # Errors
    /// When there is none.
    pub fn open_object(&mut self) -> Result<(), Fault> {
        if self.peek() != b'{' {
            return self.fault("an object should stand here");
        }
        self.at += 1;
        Ok(())
    }

    /// The next key of the object, whose value comes next; `None` when the object ends. `first` must be true at the
    /// first call for an object.
    ///
    /// # Errors
    /// When neither follows.
    #[inline]
    pub fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Fault> {
        Ok(self.raw_key(first)?.map(|raw| raw.plain()))
    }

    /// As [`Scanner::key`], as it stands in the text.
    ///
    /// # Errors
    /// When neither follows.
    #[inline]
    pub fn raw_key(&mut self, first: &mut bool) -> Result<Option<Raw<'a>>, Fault> {
        match self.peek() {
            b'}' => {
                self.at += 1;
                return Ok(None);
            }
            b',' if !*first => {
                self.at += 1;
            }
            _ if *first => {}
            _ => return self.fault("a comma or } should stand here"),
        }
        *first = false;
        self.member().map(Some)
    }

    /// Passes a key that is expected, in the form `"key":`, with the comma before it, where exactly that stands next; else
    /// nothing is passed, and [`Scanner::raw_key`] tells what stands there. `first` as in [`Scanner::key`].
    #[inline]
    pub fn pass_key(&mut self, expected: &str, first: &mut bool) -> bool {
        let bytes = self.text.as_bytes();
        let start = match *first {
            true => self.at,
            false if self.byte() == b',' => self.at + 1,
            false => return false,
        };
        let stands = bytes.get(start..).is_some_and(|rest| rest.starts_with(expected.as_bytes()));
        if stands {
            self.at = start + expected.len();
            *first = false;
        }
        stands
    }

    #[inline]
    fn member(&mut self) -> Result<Raw<'a>, Fault> {
        if self.peek() != b'"' {
            return self.fault("a key in quotes should stand here");
        }
        let key = self.string()?;
        if self.peek() != b':' {
            return self.fault("a colon should stand here");
        }
        self.at += 1;
        Ok(key)
    }

    /// Steps into an array.
    ///
    /// # Errors
    /// When there is none.
    pub fn open_array(&mut self) -> Result<(), Fault> {
        if self.peek() != b'[' {
            return self.fault("an array should stand here");
        }
        self.at += 1;
        Ok(())
    }

    /// Whether an element of the array comes next; false when the array ends. `first` as in [`Scanner::key`].
    ///
    /// # Errors
    /// When neither follows.
    pub fn element(&mut self, first: &mut bool) -> Result<bool, Fault> {
        match self.peek() {
            b']' => {
                self.at += 1;
                return Ok(false);
            }
            b',' if !*first => {
                self.at += 1;
                if self.peek() == b']' {
                    return self.fault("a value should stand here");
                }
            }
            _ if *first => {}
            _ => return self.fault("a comma or ] should stand here"),
        }
        *first = false;
        Ok(true)
    }

    /// The next value, whole.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn value(&mut self) -> Result<Raw<'a>, Fault> {
        match self.peek() {
            b'"' => self.string(),
            first @ (b'{' | b'[') => {
                let start = self.at;
                self.container()?;
                let kind = if first == b'{' { Kind::Object } else { Kind::Array };
                Ok(Raw { text: self.slice(start, self.at), kind, escaped: false })
            }
            _ => self.scalar(),
        }
    }

    /// The object that stands here, whole; `each` sees the key and the value of each member on the way.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn object(&mut self, mut each: impl FnMut(&Raw<'a>, &Raw<'a>)) -> Result<Raw<'a>, Fault> {
        self.peek();
        let start = self.at;
        let before = std::mem::take(&mut self.deepest);
        self.open_object()?;
        let mut first = true;
        while let Some(key) = self.raw_key(&mut first)? {
            let value = self.value()?;
            each(&key, &value);
        }
        self.deepest = before.max(self.deepest + 1);
        Ok(Raw { text: self.slice(start, self.at), kind: Kind::Object, escaped: false })
    }

    fn scalar(&mut self) -> Result<Raw<'a>, Fault> {
        let start = self.at;
        let kind = match self.byte() {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Kind::Number
            }
            first => {
                let (word, kind) = match first {
                    b't' => ("true", Kind::Bool),
                    b'f' => ("false", Kind::Bool),
                    b'n' => ("null", Kind::Null),
                    _ => return self.fault("a value should stand here"),
                };
                if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                    return self.fault("a value should stand here");
                }
                self.at += word.len();
                kind
            }
        };
        Ok(Raw { text: self.slice(start, self.at), kind, escaped: false })
    }

    fn digits(&mut self) -> Result<(), Fault> {
        if !self.byte().is_ascii_digit() {
            return self.fault("a digit should stand here");
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        let mut large = self.at - start > 300;
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
            large = true;
        }
        if large && !self.slice(start, self.at).parse::<f64>().is_ok_and(f64::is_finite) {
            return self.fault("the number is too large");
        }
        Ok(())
    }

    /// The string whose opening quote stands here.
    #[inline]
    fn string(&mut self) -> Result<Raw<'a>, Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut escaped = false;
        loop {
            // Eight bytes at a time up to the first quote, backslash or control character.
            while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                let special = special(u64::from_le_bytes(*word));
                if special != 0 {
                    at += (special.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    (escaped, self.escapes) = (true, true);
                    at += 1;
                    match bytes.get(at) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 1,
                        Some(b'u')
                            if bytes
                                .get(at + 1..at + 5)
                                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
                        {
                            at += 5;
                        }
                        _ => {
                            self.at = at;
                            return self.fault("this is no escape");
                        }
                    }
                }
                Some(0..=0x1f) => {
                    self.at = at;
                    return self.fault("a control character in a string must be escaped");
                }
                Some(_) => at += 1,
                None => {
                    self.at = bytes.len();
                    return self.fault("the string does not end");
                }
            }
        }
        self.at = at + 1;
        Ok(Raw { text: self.slice(start, self.at), kind: Kind::Text, escaped })
    }

    /// Passes the object or array that begins here, without recursion, so that no depth can overflow the stack.
    fn container(&mut self) -> Result<(), Fault> {
        self.open.clear();
        'value: loop {
            match self.peek() {
                b'{' => {
                    self.at += 1;
                    self.open.push(true);
                    self.deepest = self.deepest.max(self.open.len());
                    if self.peek() != b'}' {
                        self.member()?;
                        continue 'value;
                    }
                    self.at += 1;
                    self.open.pop();
                }
                b'[' => {
                    self.at += 1;
                    self.open.push(false);
                    self.deepest = self.deepest.max(self.open.len());
                    if self.peek() != b']' {
                        continue 'value;
                    }
                    self.at += 1;
                    self.open.pop();
                }
                _ => {
                    self.scalar()?;
                }
            }
            while let Some(&object) = self.open.last() {
                match (self.peek(), object) {
                    (b',', true) => {
                        self.at += 1;
                        self.member()?;
                        continue 'value;
                    }
                    (b',', false) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        self.open.pop();
                    }
                    _ => return self.fault("a comma or a closing bracket should stand here"),
                }
            }
            return Ok(());
        }
    }
}

/// Marks the bytes of a word that are a quote, a backslash or a control character. The lowest mark is exact; those above
/// it may be false.
#[inline]
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let quote = zero(word ^ (ONES * 0x22));
    let backslash = zero(word ^ (ONES * 0x5c));
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    quote | backslash | control
}

/// The text of a string's inside. What is no escape stays as it is; half of a surrogate pair becomes U+FFFD.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\\') {
        out.push_str(&rest[..place]);
        let mut chars = rest[place + 1..].chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let after = chars.as_str();
                let high = unit(after);
                chars = after.get(4..).unwrap_or_default().chars();
                let low = chars.as_str().strip_prefix("\\u").map(unit);
                match (high, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        chars = chars.as_str().get(6..).unwrap_or_default().chars();
                    }
                    _ => out.push(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)),
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// The four hex digits at the beginning of a text; U+FFFD when there are none.
fn unit(text: &str) -> u32 {
    text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0xfffd)
}

/// Puts `\ufffd` in the place of each half of a surrogate pair that stands alone, which other readers of JSON refuse.
/// Clients that cut texts in the middle of an emoji send them. The length stays.
pub fn mend_surrogates(text: &mut Cow<'_, str>) {
    let found = lone_surrogates(text);
    if found.is_empty() {
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for place in found {
        out.push_str(&text[from..place]);
        out.push_str("\\ufffd");
        from = place + 6;
    }
    out.push_str(&text[from..]);
    *text = Cow::Owned(out);
}

/// Where `\ud800` … `\udfff` stand without their other half.
fn lone_surrogates(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    if memchr::memchr(b'\\', bytes).is_none() {
        return found;
    }
    let mut after = 0;
    // Nearly no body has a surrogate at all; the search for "\ud" is all that it costs then.
    for place in memchr::memmem::find_iter(bytes, b"\\u") {
        if place < after || !matches!(bytes.get(place + 2), Some(b'd' | b'D')) {
            continue;
        }
        // An even number of backslashes before makes this one an ordinary character.
        let before = bytes[..place].iter().rev().take_while(|b| **b == b'\\').count();
        if before % 2 == 1 {
            continue;
        }
        let code = |at: usize| match bytes.get(at..at + 2) {
            Some(b"\\u") => text.get(at + 2..at + 6).map_or(0, unit),
            _ => 0,
        };
        match code(place) {
            0xd800..=0xdbff if (0xdc00..=0xdfff).contains(&code(place + 6)) => after = place + 12,
            0xd800..=0xdfff => found.push(place),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Result<Raw<'_>, Fault> {
        let mut scanner = Scanner::new(text);
        let value = scanner.value()?;
        if scanner.is_done() { Ok(value) } else { scanner.fault("nothing should follow") }
    }

    #[test]
    fn walks() {
        let mut scanner = Scanner::new(r#" {"a": [1, -2.5e3, "x\"y"], "b" :{}, "c\u0041":null} "#);
        scanner.open_object().unwrap();
        let mut first = true;
        let mut seen = Vec::new();
        while let Some(key) = scanner.key(&mut first).unwrap() {
            let value = scanner.value().unwrap();
            seen.push(format!("{key}={}", value.plain()));
        }
        assert_eq!(seen, [r#"a=[1, -2.5e3, "x\"y"]"#, "b={}", "cA="]);
        assert!(scanner.is_done());
        assert_eq!(scanner.deepest, 1);
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "{",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "01",
            "1.",
            "-",
            "1e",
            "1e999",
            "tru",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "[1}",
            "1 2",
            "nul",
            "+1",
            "{\"a\":1 \"b\":2}",
        ] {
            assert!(whole(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_is_seen_by_member_and_as_deep_as_it_is() {
        let text = r#" {"a":[[1]],"b":{}} x"#;
        let (mut whole, mut passed) = (Scanner::new(text), Scanner::new(text));
        let mut members = Vec::new();
        let object = whole.object(|key, value| members.push((key.plain(), value.text))).expect("an object");
        assert_eq!(members, [("a".into(), "[[1]]"), ("b".into(), "{}")]);
        assert_eq!(object.text, passed.value().expect("an object").text);
        assert_eq!((whole.deepest, whole.at()), (passed.deepest, passed.at()));
        assert!(Scanner::new("[1]").object(|_, _| ()).is_err());
    }

    #[test]
    fn depth_cannot_overflow() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let mut scanner = Scanner::new(&deep);
        assert!(scanner.value().is_ok());
        assert_eq!(scanner.deepest, 100_000);
    }

    #[test]
    fn surrogates() {
        let pair = r#""\ud83d\ude00""#;
        assert_eq!(whole(pair).unwrap().plain(), "😀");
        let mut alone: Cow<'_, str> = Cow::Borrowed(r#"["\ud83d\ude00","\ud83d","\\ud83d","\\\ude00"]"#);
        assert!(serde_json::from_str::<serde_json::Value>(&alone).is_err());
        mend_surrogates(&mut alone);
        assert_eq!(alone, r#"["\ud83d\ude00","\ufffd","\\ud83d","\\\ufffd"]"#);
        assert!(serde_json::from_str::<serde_json::Value>(&alone).is_ok());
    }

    /// Text that is nearly JSON.
    fn nearly() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("[".to_owned()),
            Just("]".to_owned()),
            Just(",".to_owned()),
            Just(":".to_owned()),
            Just("\"a\"".to_owned()),
            Just("\"\\u00e9\\\\\"".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("-0.5e-7".to_owned()),
            Just("120".to_owned()),
            Just(" ".to_owned()),
            Just("\"".to_owned()),
            Just("é\n".to_owned()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    pub fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|x| serde_json::Number::from_f64(x).map_or(Value::Null, Value::Number)),
            ".*".prop_map(Value::String),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::vec((".{0,6}", inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The judge is serde_json: what one takes, the other takes.
        #[test]
        fn agrees_on_what_is_json(text in nearly()) {
            let judge = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(whole(&text).is_ok(), judge.is_ok(), "{}", text);
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = whole(&text);
            let mut mended = Cow::Borrowed(text.as_str());
            mend_surrogates(&mut mended);
            prop_assert_eq!(mended.len(), text.len());
        }

        #[test]
        fn reads_what_serde_writes(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let raw = whole(&text).unwrap();
            prop_assert_eq!(raw.text, text.trim());
            if let serde_json::Value::String(inner) = &value {
                prop_assert_eq!(&*raw.plain(), inner.as_str());
            }
            // The judge reads the same text, since its own floats do not always come back to the last bit.
            if let Ok(serde_json::Value::Object(object)) = serde_json::from_str(&text) {
                let mut scanner = Scanner::new(&text);
                scanner.open_object().unwrap();
                let mut first = true;
                let mut seen = serde_json::Map::new();
                while let Some(key) = scanner.key(&mut first).unwrap() {
                    let value = scanner.value().unwrap();
                    seen.insert(key.into_owned(), serde_json::from_str(value.text).unwrap());
                }
                prop_assert_eq!(seen, object);
            }
        }
    }
}
