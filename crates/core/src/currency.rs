//! Currencies of ISO 4217 and the number of decimals of each.

use std::fmt;
use std::str::FromStr;

use crate::text::did_you_mean;

/// A currency code that is not in ISO 4217, or an amount that does not fit one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// The code is unknown.
    #[error("unknown currency \"{0}\"; write an ISO 4217 code such as USD, EUR or JPY{1}")]
    Unknown(String, String),
    /// The text is not a decimal number.
    #[error("\"{0}\" is not an amount; write digits with a point for decimals, such as 1234.50")]
    Amount(String),
    /// The amount has more decimals than the currency.
    #[error("{0} has more decimals than {1}, which has {2}")]
    Decimals(String, Currency, u32),
    /// The amount does not fit 64 bits of minor units.
    #[error("{0} is too large an amount")]
    Range(String),
}

/// An ISO 4217 currency. Three bytes, copied freely; orders by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar.
    pub const USD: Currency = Currency(*b"USD");
    /// Euro.
    pub const EUR: Currency = Currency(*b"EUR");
    /// Pound sterling.
    pub const GBP: Currency = Currency(*b"GBP");
    /// Japanese yen, which has no decimals.
    pub const JPY: Currency = Currency(*b"JPY");

    /// A currency from its code, in any case, blanks around it ignored.
    ///
    /// # Errors
    /// [`CurrencyError::Unknown`] when ISO 4217 has no such code.
    pub fn parse(text: &str) -> Result<Currency, CurrencyError> {
        let trimmed = text.trim();
        if let &[a, b, c] = trimmed.as_bytes() {
            let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()];
            if exponent_of(code).is_some() {
                return Ok(Currency(code));
            }
        }
        Err(CurrencyError::Unknown(text.to_owned(), did_you_mean(trimmed, Currency::codes())))
    }

    /// A currency from exactly its upper-case code, as stored records have it; `None` for anything else.
    /// This is the quick way for columns.
    #[inline]
    pub fn from_code(code: &str) -> Option<Currency> {
        match code.as_bytes() {
            // The usual ones first: this is called once for each row.
            b"USD" => Some(Currency::USD),
            b"EUR" => Some(Currency::EUR),
            b"GBP" => Some(Currency::GBP),
            &[a, b, c] => exponent_of([a, b, c]).map(|_| Currency([a, b, c])),
            _ => None,
        }
    }

    /// The upper-case code, such as `USD`.
    #[inline]
    pub fn code(&self) -> &str {
        // The bytes come out of the table, so they are ASCII.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals the currency has: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        exponent_of(self.0).unwrap_or(2)
    }

    /// Minor units in one major unit: 100 for USD, 1 for JPY, 1000 for KWD.
    pub fn scale(self) -> i64 {
        10_i64.pow(self.exponent())
    }

    /// An amount in major units without a symbol: `format_minor(11600)` is `116.00` in USD, `11600` in JPY.
    pub fn format_minor(self, minor: i64) -> String {
        let exponent = self.exponent() as usize;
        let sign = if minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = exponent + 1);
        let (whole, part) = digits.split_at(digits.len() - exponent);
        if exponent == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// Minor units from plain decimal text in major units (`1234.5`, `-3`, `.50`); exact, never rounded.
    /// Trailing zeros beyond the currency's decimals are allowed.
    ///
    /// # Errors
    /// [`CurrencyError`] when the text is no number, has too many decimals, or does not fit `i64`.
    pub fn parse_major(self, text: &str) -> Result<i64, CurrencyError> {
        let amount = || CurrencyError::Amount(text.to_owned());
        let trimmed = text.trim();
        let (negative, digits) = match trimmed.strip_prefix(['-', '−']) {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
        if !plain || whole.len() + part.len() == 0 {
            return Err(amount());
        }
        let exponent = self.exponent();
        let significant = part.trim_end_matches('0');
        if significant.len() > exponent as usize {
            return Err(CurrencyError::Decimals(text.to_owned(), self, exponent));
        }
        let padded = format!("{whole}{significant:0<width$}", width = exponent as usize);
        let padded = padded.trim_start_matches('0');
        let minor: i128 = match padded.len() {
            0 => 0,
            1..=30 => padded.parse().map_err(|_| amount())?,
            _ => return Err(CurrencyError::Range(text.to_owned())),
        };
        let minor = if negative { -minor } else { minor };
        i64::try_from(minor).map_err(|_| CurrencyError::Range(text.to_owned()))
    }

    /// All codes of the table, in alphabetical order.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        CODES.split_ascii_whitespace()
    }

    /// All currencies of the table, in alphabetical order of their codes.
    pub fn all() -> impl Iterator<Item = Currency> {
        Currency::codes().filter_map(Currency::from_code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Currency, CurrencyError> {
        Currency::parse(text)
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Currency::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// ISO 4217 active codes (funds and precious metals left out, since nobody bills in them), and a few that
/// were withdrawn recently and stand in older records (BGN, HRK, CUC, SLL, VEF, ZWL, ANG).
const CODES: &str = "\
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT \
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD \
OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN \
SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED VEF VES VND VUV WST XAF \
XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL";

fn exponent_of(code: [u8; 3]) -> Option<u32> {
    let exponent = match &code {
        b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
        | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
        b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
        b"CLF" | b"UYW" => 4,
        _ => return in_codes(code).then_some(2),
    };
    Some(exponent)
}

/// Whether a code stands in [`CODES`], which is sorted with a constant stride of four bytes.
fn in_codes(code: [u8; 3]) -> bool {
    let bytes = CODES.as_bytes();
    let count = (bytes.len() + 1) / 4;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        match bytes[middle * 4..middle * 4 + 3].cmp(&code[..]) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        let codes: Vec<&str> = Currency::codes().collect();
        assert!(codes.is_sorted());
        assert!(codes.len() > 150);
        for code in &codes {
            assert_eq!(Currency::from_code(code).map(|c| c.to_string()).as_deref(), Some(*code));
        }
        assert_eq!(Currency::all().count(), codes.len());
    }

    #[test]
    fn exponents() {
        let exponent = |code| Currency::parse(code).unwrap().exponent();
        assert_eq!([exponent("usd"), exponent("JPY"), exponent(" kwd "), exponent("CLF")], [2, 0, 3, 4]);
        // HUF and IDR are often shown without decimals but have two in ISO 4217.
        assert_eq!([exponent("HUF"), exponent("IDR"), exponent("ISK")], [2, 2, 0]);
    }

    #[test]
    fn unknown_codes_name_the_nearest() {
        assert!(Currency::parse("US").is_err());
        assert!(Currency::parse("").is_err());
        assert!(Currency::parse("€").is_err());
        assert_eq!(Currency::from_code("usd"), None);
        let error = Currency::parse("EUO").unwrap_err().to_string();
        assert!(error.contains("did you mean \"EUR\"?"), "{error}");
    }

    #[test]
    fn amounts_without_symbol() {
        assert_eq!(Currency::USD.format_minor(11600), "116.00");
        assert_eq!(Currency::USD.format_minor(-5), "-0.05");
        assert_eq!(Currency::JPY.format_minor(-5), "-5");
        assert_eq!(Currency::parse("KWD").unwrap().format_minor(1), "0.001");
        assert_eq!(Currency::USD.format_minor(i64::MIN), "-92233720368547758.08");
    }

    #[test]
    fn amounts_from_text_are_exact() {
        assert_eq!(Currency::USD.parse_major("1234.5"), Ok(123_450));
        assert_eq!(Currency::USD.parse_major("-.50"), Ok(-50));
        assert_eq!(Currency::USD.parse_major("10.000"), Ok(1000));
        assert_eq!(Currency::JPY.parse_major("980.0"), Ok(980));
        assert!(matches!(Currency::USD.parse_major("0.005"), Err(CurrencyError::Decimals(..))));
        assert!(matches!(Currency::USD.parse_major("1e5"), Err(CurrencyError::Amount(_))));
        assert!(matches!(Currency::USD.parse_major("-"), Err(CurrencyError::Amount(_))));
        assert!(matches!(Currency::USD.parse_major(&"9".repeat(400)), Err(CurrencyError::Range(_))));
        assert_eq!(Currency::USD.parse_major("-92233720368547758.08"), Ok(i64::MIN));
    }
}
