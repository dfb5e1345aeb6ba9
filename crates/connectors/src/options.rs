//! What a person may say about an import.

use std::sync::Arc;

use burgeon_core::behaviour::channel::ChannelRules;
use burgeon_core::currency::Currency;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::Zone;

use crate::error::Error;
use crate::value::number::DecimalMark;
use crate::value::time::DateOrder;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text: `,` `;` tab or `|`.
    Csv,
    /// One JSON object in each line.
    JsonLines,
    /// One JSON array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// A workbook: xlsx, xls, xlsb or ods.
    Excel,
}

impl Format {
    /// The name in messages.
    pub const fn label(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::JsonLines => "JSON lines",
            Format::Json => "JSON",
            Format::Parquet => "Parquet",
            Format::Excel => "Excel",
        }
    }
}

/// Where the values of a field come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The column of this name.
    Column(String),
    /// The same text in every row.
    Literal(String),
    /// Nowhere: the field stays empty even if a column looks like it.
    Nothing,
}

/// One `field=column`, `field='literal'` or `field=` of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The field of the shape.
    pub field: String,
    /// Where its values come from.
    pub source: Source,
}

/// Bounds that keep a hostile or mistaken file from filling the memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most columns of a file.
    pub columns: usize,
    /// The most bytes of one row.
    pub row_bytes: usize,
    /// The most bytes of a workbook or a Parquet row group's page, which must be unpacked in memory.
    pub workbook_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { columns: 4096, row_bytes: 4 << 20, workbook_bytes: 512 << 20 }
    }
}

/// What is known or wished about an import. Everything has a default, and most is guessed from the file.
#[derive(Debug, Clone)]
pub struct Options {
    /// The table or shape (`--as`); guessed from the header when `None`.
    pub shape: Option<String>,
    /// Mappings that overrule the guess (`--map`).
    pub map: Vec<Assignment>,
    /// The format; guessed from content and name when `None`.
    pub format: Option<Format>,
    /// The order of day and month; taken from the column's own values when `None`.
    pub date: Option<DateOrder>,
    /// The decimal mark; taken from the column's own values when `None`.
    pub decimal: Option<DecimalMark>,
    /// The delimiter of a CSV file; guessed when `None`.
    pub delimiter: Option<u8>,
    /// The encoding label (WHATWG) of a text file, such as `windows-1251`; guessed when `None`.
    pub encoding: Option<String>,
    /// The sheet of a workbook; the first when `None`.
    pub sheet: Option<String>,
    /// The zone of wall-clock times in the file.
    pub zone: Zone,
    /// The workspace's currency, proposed where the file has none.
    pub currency: Option<Currency>,
    /// The rules that name the channels of visits, for events; without them only what the file says counts.
    pub channels: Option<Arc<ChannelRules>>,
    /// Bounds on sizes.
    pub limits: Limits,
    /// Threads that turn rows into records beside the one that reads; 0 does all on the caller's thread.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shape: None,
            map: Vec::new(),
            format: None,
            date: None,
            decimal: None,
            delimiter: None,
            encoding: None,
            sheet: None,
            zone: Zone::utc(),
            currency: None,
            channels: None,
            limits: Limits::default(),
            threads: 2,
        }
    }
}

/// The names that [`Options::set`] takes.
pub const SETTINGS: [&str; 6] = ["date", "decimal", "delimiter", "encoding", "sheet", "format"];

impl Options {
    /// Sets one option from text, as `date=dmy`, `decimal=comma`, `delimiter=tab`, `encoding=windows-1251`,
    /// `sheet=Subscriptions`, `format=csv`.
    ///
    /// # Errors
    /// [`Error::Option`] naming the values that are taken.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let wrong = |takes: &str| Error::Option(format!("{name}={value} is not understood; write {takes}"));
        match name {
            "date" => {
                self.date = Some(match value.to_ascii_lowercase().as_str() {
                    "dmy" => DateOrder::Dmy,
                    "mdy" => DateOrder::Mdy,
                    _ => return Err(wrong("date=dmy or date=mdy")),
                });
            }
            "decimal" => {
                self.decimal = Some(match value.to_ascii_lowercase().as_str() {
                    "comma" | "," => DecimalMark::Comma,
                    "point" | "dot" | "." => DecimalMark::Point,
                    _ => return Err(wrong("decimal=comma or decimal=point")),
                });
            }
            "delimiter" => {
                self.delimiter = Some(match (value.to_ascii_lowercase().as_str(), value.as_bytes()) {
                    ("comma", _) => b',',
                    ("semicolon", _) => b';',
                    ("tab" | "\\t", _) => b'\t',
                    ("pipe", _) => b'|',
                    (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => *byte,
                    _ => return Err(wrong("delimiter=comma, semicolon, tab, pipe or one character")),
                });
            }
            "encoding" => {
                if encoding_rs::Encoding::for_label(value.as_bytes()).is_none() {
                    return Err(wrong("a WHATWG label such as encoding=utf-8, windows-1252 or windows-1251"));
                }
                self.encoding = Some(value.to_owned());
            }
            "sheet" => self.sheet = Some(value.to_owned()),
            "format" => {
                self.format = Some(match value.to_ascii_lowercase().as_str() {
                    "csv" | "tsv" => Format::Csv,
                    "jsonl" | "ndjson" | "json_lines" => Format::JsonLines,
                    "json" => Format::Json,
                    "parquet" => Format::Parquet,
                    "excel" | "xlsx" | "xls" | "ods" => Format::Excel,
                    _ => return Err(wrong("format=csv, jsonl, json, parquet or excel")),
                });
            }
            _ => {
                return Err(Error::Option(format!(
                    "unknown option {name:?}; there are {}{}",
                    SETTINGS.join(", "),
                    did_you_mean(name, SETTINGS)
                )));
            }
        }
        Ok(())
    }

    /// Adds the assignments of a `--map` text.
    ///
    /// # Errors
    /// [`Error::Mapping`] when a part is not `field=column` or `field='literal'`.
    pub fn map(&mut self, text: &str) -> Result<(), Error> {
        self.map.extend(parse_map(text)?);
        Ok(())
    }
}

/// Reads `field=column,field='literal',field="column, with comma",field=`.
///
/// # Errors
/// [`Error::Mapping`] naming the part that is not understood.
pub fn parse_map(text: &str) -> Result<Vec<Assignment>, Error> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let wrong = |part: &str| {
            Error::Mapping(format!(
                "the mapping {part:?} is not field=column or field='text'; parts are parted by commas"
            ))
        };
        let (field, after) = rest.split_once('=').ok_or_else(|| wrong(rest))?;
        let field = field.trim();
        if field.is_empty() || field.contains([',', '\'', '"']) {
            return Err(wrong(rest));
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let (source, tail) = if let Some(quote) = quote {
            let (value, tail) = quoted_part(&after[1..], quote).ok_or_else(|| wrong(after))?;
            let tail = tail.trim_start();
            if !tail.is_empty() && !tail.starts_with(',') {
                return Err(wrong(after));
            }
            (if quote == '\'' { Source::Literal(value) } else { Source::Column(value) }, tail)
        } else {
            let end = after.find(',').unwrap_or(after.len());
            let column = after[..end].trim();
            let source = if column.is_empty() { Source::Nothing } else { Source::Column(column.to_owned()) };
            (source, &after[end..])
        };
        out.push(Assignment { field: field.to_owned(), source });
        rest = tail.strip_prefix(',').unwrap_or(tail).trim_start();
    }
    Ok(out)
}

/// The text up to the closing quote (two of them are one in the text), and what follows.
fn quoted_part(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            return Some((value, &text[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        let map = parse_map("customer_id=Client, currency='USD',plan=\"Plan, name\",reason=,name='O''Neil'")
            .unwrap();
        let shown: Vec<String> = map.iter().map(|a| format!("{} {:?}", a.field, a.source)).collect();
        assert_eq!(
            shown,
            [
                "customer_id Column(\"Client\")",
                "currency Literal(\"USD\")",
                "plan Column(\"Plan, name\")",
                "reason Nothing",
                "name Literal(\"O'Neil\")"
            ]
        );
        insta::assert_snapshot!(parse_map("customer_id").unwrap_err(), @r#"the mapping "customer_id" is not field=column or field='text'; parts are parted by commas"#);
        assert!(parse_map("a='x").is_err());
        assert!(parse_map("").unwrap().is_empty());
    }

    #[test]
    fn settings() {
        let mut options = Options::default();
        options.set("date", "DMY").unwrap();
        options.set("delimiter", "tab").unwrap();
        assert_eq!((options.date, options.delimiter), (Some(DateOrder::Dmy), Some(b'\t')));
        insta::assert_snapshot!(options.set("decimals", "comma").unwrap_err(), @r#"unknown option "decimals"; there are date, decimal, delimiter, encoding, sheet, format; did you mean "decimal"?"#);
        insta::assert_snapshot!(options.set("date", "ymd").unwrap_err(), @"date=ymd is not understood; write date=dmy or date=mdy");
    }
}
