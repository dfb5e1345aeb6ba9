//! Numbers as people and programs write them.

use std::borrow::Cow;

use super::quoted;

/// Which sign separates the fraction of a number in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

/// What one written number says about the decimal mark of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkEvidence {
    /// It reads the same under both (`120`), or it is not a number.
    None,
    /// It can only be read with a decimal point (`12.5`, `1,234,567`).
    Point,
    /// It can only be read with a decimal comma (`12,5`, `1.234.567`).
    Comma,
    /// A lone comma before three digits (`1,234`): one thousand and more, or one and a fraction.
    Ambiguous,
}

/// An exact decimal: `digits / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dec {
    /// All digits as one integer, with the sign.
    pub digits: i128,
    /// How many of the digits stand after the decimal mark, without trailing zeros.
    pub scale: u8,
}

impl std::fmt::Display for Dec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:0width$}", self.digits.unsigned_abs(), width = usize::from(self.scale) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.scale));
        let sign = if self.digits < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// The most digits a number may have; more is refused, never cut.
const MAX_DIGITS: usize = 30;

impl Dec {
    /// A whole number.
    pub const fn whole(value: i64) -> Self {
        Self { digits: value as i128, scale: 0 }
    }

    /// The value times `10^exponent` as an integer, or `None` when digits would be lost or it does not fit.
    pub fn scaled(self, exponent: u8) -> Option<i128> {
        if exponent >= self.scale {
            let factor = 10i128.checked_pow(u32::from(exponent - self.scale))?;
            self.digits.checked_mul(factor)
        } else {
            let factor = 10i128.checked_pow(u32::from(self.scale - exponent))?;
            (self.digits % factor == 0).then(|| self.digits / factor)
        }
    }

    /// The product, or `None` when it does not fit.
    pub fn times(self, other: Dec) -> Option<Dec> {
        Some(Dec::trimmed(self.digits.checked_mul(other.digits)?, self.scale.checked_add(other.scale)?))
    }

    /// The same value without trailing zeros after the mark.
    fn trimmed(mut digits: i128, mut scale: u8) -> Dec {
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        Dec { digits, scale }
    }
}

/// Reads a number. `mark` is the column's decimal mark; without one, only what reads in one way is taken.
///
/// Taken: `1234.5`, `1,234.56`, `1.234,56`, `1 234,56`, `1'234.56`, `$5`, `5 €`, `USD 5`, `(5.00)` and `5-` as
/// negative, `−5`, `1e3`. The error is a reason for a person.
pub fn decimal(text: &str, mark: Option<DecimalMark>) -> Result<Dec, String> {
    if let Some(dec) = plain(text.as_bytes(), mark) {
        return Ok(dec);
    }
    let (body, negative) = strip(text);
    if body.is_empty() || !body.bytes().any(|b| b.is_ascii_digit()) {
        return Err(format!("{} is not a number", quoted(text)));
    }
    if let Some(position) = body.find(['e', 'E']) {
        return exponent(text, &body, position, negative);
    }
    let form = Form::of(&body).ok_or_else(|| format!("{} is not a number", quoted(text)))?;
    let mark = match (form.evidence(), mark) {
        (MarkEvidence::Point, Some(DecimalMark::Comma)) => {
            return Err(format!(
                "{} is written with a decimal point in a column with decimal commas; mend the value, or say decimal=point",
                quoted(text)
            ));
        }
        (MarkEvidence::Comma, Some(DecimalMark::Point)) => {
            return Err(format!(
                "{} is written with a decimal comma in a column with decimal points; mend the value, or say decimal=comma",
                quoted(text)
            ));
        }
        (MarkEvidence::Ambiguous, None) => {
            return Err(format!(
                "{} may be a thousand or a fraction; say decimal=comma or decimal=point",
                quoted(text)
            ));
        }
        (MarkEvidence::Point, _) => DecimalMark::Point,
        (MarkEvidence::Comma, _) => DecimalMark::Comma,
        (_, Some(mark)) => mark,
        (MarkEvidence::None, None) => DecimalMark::Point,
    };
    form.value(mark, negative).ok_or_else(|| {
        format!(
            "{} is not a number with a decimal {}",
            quoted(text),
            if mark == DecimalMark::Comma { "comma" } else { "point" }
        )
    })
}

/// Reads a whole number, in the same forms as [`decimal`].
pub fn integer(text: &str, mark: Option<DecimalMark>) -> Result<i64, String> {
    let dec = decimal(text, mark)?;
    dec.scaled(0)
        .and_then(|value| i64::try_from(value).ok())
        .ok_or_else(|| format!("{} is not a whole number", quoted(text)))
}

/// What a written number says about its column's decimal mark.
pub fn evidence(text: &str) -> MarkEvidence {
    let (body, _) = strip(text);
    if body.contains(['e', 'E']) {
        return MarkEvidence::None;
    }
    Form::of(&body).map_or(MarkEvidence::None, |form| form.evidence())
}

/// `-?digits[.digits]` without anything around it: most cells of most files.
fn plain(bytes: &[u8], mark: Option<DecimalMark>) -> Option<Dec> {
    let (negative, bytes) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, bytes),
    };
    if bytes.is_empty() || bytes.len() > 18 || bytes[0] == b'.' {
        return None;
    }
    let mut digits = 0i64;
    let mut scale = 0u8;
    let mut fraction = false;
    for &byte in bytes {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + i64::from(byte - b'0');
                scale += u8::from(fraction);
            }
            b'.' if !fraction && mark != Some(DecimalMark::Comma) => fraction = true,
            _ => return None,
        }
    }
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    let digits = i128::from(if negative { -digits } else { digits });
    Some(Dec { digits, scale })
}

/// Takes away signs, currencies and spaces; what is left are digits, `,`, `.`, `e` and junk.
fn strip(text: &str) -> (Cow<'_, str>, bool) {
    let mut rest = text.trim();
    let mut negative = false;
    if let Some(inner) = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')) {
        negative = true;
        rest = inner.trim();
    }
    loop {
        let before = rest;
        for sign in ['-', '\u{2212}', '\u{2013}'] {
            if let Some(inner) = rest.strip_prefix(sign).or_else(|| rest.strip_suffix(sign)) {
                negative = !negative;
                rest = inner.trim();
            }
        }
        rest = rest.strip_prefix('+').unwrap_or(rest);
        rest = rest.trim_matches(|c: char| c.is_whitespace() || is_currency_sign(c));
        for word in ["CHF", "USD", "EUR", "GBP", "RUB", "CNY", "JPY", "руб.", "руб", "р.", "kr", "zł", "Kč"]
        {
            rest = strip_word(rest, word);
        }
        if rest.len() == before.len() {
            break;
        }
    }
    let group = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '\u{2019}' | '_');
    if rest.contains(group) {
        return (Cow::Owned(grouped(rest, group)), negative);
    }
    (Cow::Borrowed(rest), negative)
}

/// Joins groups of three digits that stand apart; anything else keeps a sign that no number has.
fn grouped(text: &str, group: impl Fn(char) -> bool) -> String {
    let whole_end = text.find([',', '.']).unwrap_or(text.len());
    let (whole, fraction) = text.split_at(whole_end);
    let mut parts = whole.split(&group);
    let first = parts.next().unwrap_or_default();
    let fair =
        (1..=3).contains(&first.len()) && parts.all(|part| part.len() == 3) && !fraction.contains(&group);
    if fair { text.chars().filter(|c| !group(*c)).collect() } else { "?".to_owned() }
}

fn strip_word<'a>(text: &'a str, word: &str) -> &'a str {
    let n = word.len();
    if text.len() > n && text.is_char_boundary(n) && text[..n].eq_ignore_ascii_case(word) {
        return text[n..].trim();
    }
    let at = text.len().saturating_sub(n);
    if text.len() > n && text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(word) {
        return text[..at].trim();
    }
    text
}

fn is_currency_sign(c: char) -> bool {
    matches!(
        c,
        '$' | '€'
            | '£'
            | '¥'
            | '₽'
            | '₴'
            | '₸'
            | '₹'
            | '₩'
            | '₺'
            | '₪'
            | '฿'
            | '₫'
            | '₱'
            | '¢'
            | '元'
    )
}

fn exponent(text: &str, body: &str, position: usize, negative: bool) -> Result<Dec, String> {
    let wrong = || format!("{} is not a number", quoted(text));
    let mantissa = plain(&body.as_bytes()[..position], Some(DecimalMark::Point)).ok_or_else(wrong)?;
    let power: i32 = body[position + 1..].parse().map_err(|_| wrong())?;
    let scale = i32::from(mantissa.scale) - power;
    let digits = if negative { -mantissa.digits } else { mantissa.digits };
    let out = if scale >= 0 {
        Dec::trimmed(digits, u8::try_from(scale).map_err(|_| wrong())?)
    } else {
        let factor = u32::try_from(-scale).ok().and_then(|n| 10i128.checked_pow(n)).ok_or_else(wrong)?;
        Dec { digits: digits.checked_mul(factor).ok_or_else(wrong)?, scale: 0 }
    };
    if usize::from(out.scale) > MAX_DIGITS { Err(wrong()) } else { Ok(out) }
}

/// Digits with their separators, before it is known what the separators mean.
struct Form<'a> {
    text: &'a str,
    commas: usize,
    points: usize,
    /// Digits after the last separator.
    tail: usize,
    last: Option<u8>,
}

impl<'a> Form<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut form = Form { text, commas: 0, points: 0, tail: 0, last: None };
        let mut digits = 0;
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => {
                    form.tail += 1;
                    digits += 1;
                }
                b',' => (form.commas, form.tail, form.last) = (form.commas + 1, 0, Some(byte)),
                b'.' => (form.points, form.tail, form.last) = (form.points + 1, 0, Some(byte)),
                _ => return None,
            }
        }
        (1..=MAX_DIGITS).contains(&digits).then_some(form)
    }

    fn evidence(&self) -> MarkEvidence {
        let whole = self.text.split([',', '.']).next().unwrap_or_default();
        match (self.commas, self.points, self.last) {
            (0, 0, _) => MarkEvidence::None,
            (c, p, Some(b',')) if c >= 1 && p >= 1 => MarkEvidence::Comma,
            (c, p, _) if c >= 1 && p >= 1 => MarkEvidence::Point,
            (c, 0, _) if c > 1 => MarkEvidence::Point,
            (0, p, _) if p > 1 => MarkEvidence::Comma,
            (1, 0, _) if self.tail == 3 && (1..=3).contains(&whole.len()) && whole != "0" => {
                MarkEvidence::Ambiguous
            }
            (1, 0, _) => MarkEvidence::Comma,
            // `1.234` alone: a point is a decimal point unless the column shows commas.
            (0, 1, _) if self.tail == 3 && (1..=3).contains(&whole.len()) && whole != "0" => {
                MarkEvidence::None
            }
            _ => MarkEvidence::Point,
        }
    }

    fn value(&self, mark: DecimalMark, negative: bool) -> Option<Dec> {
        let (decimal, group) = if mark == DecimalMark::Point { ('.', ',') } else { (',', '.') };
        let (whole, fraction) = match self.text.split_once(decimal) {
            Some((whole, fraction)) => (whole, fraction),
            None => (self.text, ""),
        };
        if fraction.contains([decimal, group]) {
            return None;
        }
        let mut digits = 0i128;
        for (index, part) in whole.split(group).enumerate() {
            if index > 0 && part.len() != 3 {
                // `1,23,456` is how lakhs are written: groups of two before the last.
                if !(part.len() == 2
                    && group == ','
                    && whole.rsplit(group).next().is_some_and(|p| p.len() == 3))
                {
                    return None;
                }
            }
            for byte in part.bytes() {
                digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
            }
        }
        for byte in fraction.bytes() {
            digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
        let digits = if negative { -digits } else { digits };
        Some(Dec::trimmed(digits, u8::try_from(fraction.len()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str, mark: Option<DecimalMark>) -> String {
        match decimal(text, mark) {
            Ok(d) => format!("{}e-{}", d.digits, d.scale),
            Err(reason) => reason,
        }
    }

    #[test]
    fn numbers_as_people_write_them() {
        use DecimalMark::{Comma, Point};
        let cases = [
            ("1234.50", None, "12345e-1"),
            ("1,234.56", None, "123456e-2"),
            ("1.234,56", None, "123456e-2"),
            ("1\u{a0}234,56", None, "123456e-2"),
            ("1'234.56", None, "123456e-2"),
            ("12,5", None, "125e-1"),
            ("$ 1,234.50", None, "12345e-1"),
            ("(12.00)", None, "-12e-0"),
            ("12.00-", None, "-12e-0"),
            ("\u{2212}7", None, "-7e-0"),
            ("-$5.00", None, "-5e-0"),
            ("1 234,50 €", None, "12345e-1"),
            ("USD 10", None, "10e-0"),
            ("1 500 руб.", None, "1500e-0"),
            ("1,234", Some(Point), "1234e-0"),
            ("1,234", Some(Comma), "1234e-3"),
            ("1.234", Some(Comma), "1234e-0"),
            ("1.5e3", None, "1500e-0"),
            ("12,34,567", None, "1234567e-0"),
            (".5", None, "5e-1"),
        ];
        for (text, mark, expect) in cases {
            assert_eq!(dec(text, mark), expect, "{text:?} with {mark:?}");
        }
    }

    #[test]
    fn what_is_no_number_says_why() {
        insta::assert_snapshot!(dec("1,234", None), @r#""1,234" may be a thousand or a fraction; say decimal=comma or decimal=point"#);
        insta::assert_snapshot!(dec("n/a", None), @r#""n/a" is not a number"#);
        insta::assert_snapshot!(dec("12,5", Some(DecimalMark::Point)), @r#""12,5" is written with a decimal comma in a column with decimal points; mend the value, or say decimal=comma"#);
        insta::assert_snapshot!(dec("1 2 3", None), @r#""1 2 3" is not a number"#);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = decimal(&text, None);
            let _ = decimal(&text, Some(DecimalMark::Comma));
            let _ = evidence(&text);
        }

        #[test]
        fn reads_back_what_was_written(value in -1_000_000_000_000i64..1_000_000_000_000) {
            let text = format!("{}.{:02}", value / 100, (value % 100).abs());
            let text = if value < 0 && value / 100 == 0 { format!("-{text}") } else { text };
            proptest::prop_assert_eq!(decimal(&text, None).unwrap().scaled(2), Some(i128::from(value)));
        }
    }
}
