//! The settings file as text: its entries with their lines, its comments, and editing in place.

use std::fmt;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::SettingsError;
use crate::exact::Exact;

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    Number(String),
    Bool(bool),
    Date(String),
    /// An array or a table.
    Other(&'static str),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Text(text) => write!(f, "\"{text}\""),
            Raw::Number(text) | Raw::Date(text) => f.write_str(text),
            Raw::Bool(value) => value.fmt(f),
            Raw::Other(kind) => write!(f, "an {kind}"),
        }
    }
}

impl Raw {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Raw::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self {
            Raw::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn date(&self) -> Option<Date> {
        match self {
            Raw::Date(text) | Raw::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<Exact> {
        match self {
            Raw::Number(text) => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }

    /// A whole number within bounds; the error says what to write.
    pub(super) fn whole(&self, least: u32, most: u32) -> Result<u32, String> {
        let number = self.number().and_then(|number| number.to_i64()).and_then(|n| u32::try_from(n).ok());
        number
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| format!("a whole number from {least} to {most}"))
    }

    fn from_toml(value: &DeValue<'_>) -> Raw {
        match value {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Raw::Number(number.as_str().to_owned()),
            DeValue::Integer(_) => Raw::Other("integer that is not decimal"),
            DeValue::Float(number) => Raw::Number(number.as_str().to_owned()),
            DeValue::Boolean(value) => Raw::Bool(*value),
            DeValue::Datetime(date) => Raw::Date(date.to_string()),
            DeValue::Array(_) => Raw::Other("array"),
            DeValue::Table(_) => Raw::Other("inner table"),
        }
    }
}

/// One line of the file.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Raw,
    pub(super) line: usize,
}

/// The entries of a file, in order of their lines.
pub(super) fn entries(text: &str, file: &str) -> Result<Vec<Entry>, SettingsError> {
    let table = DeTable::parse(text).map_err(|error| SettingsError::Line {
        file: file.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        problem: format!("this is not TOML: {}", error.message()),
    })?;
    let mut entries: Vec<Entry> = table
        .get_ref()
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            value: Raw::from_toml(value.get_ref()),
            line: line_of(text, name.span().start),
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

/// A value that stands alone: TOML, or else a bare word.
pub(super) fn value(text: &str) -> Raw {
    match DeValue::parse(text) {
        Ok(value) => Raw::from_toml(value.get_ref()),
        Err(_) => Raw::Text(text.to_owned()),
    }
}

/// A text as a TOML string.
pub(super) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The name that a line sets, and whether it is commented out.
fn setting_of(line: &str) -> Option<(&str, bool)> {
    let trimmed = line.trim_start();
    let (rest, commented) = match trimmed.strip_prefix('#') {
        Some(rest) => (rest.trim_start(), true),
        None => (trimmed, false),
    };
    let (name, _) = rest.split_once('=')?;
    let name = name.trim_end();
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some((name, commented))
}

/// See [`super::edit`].
pub(super) fn edit(text: &str, name: &str, value: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let find = |commented| lines.iter().position(|line| setting_of(line) == Some((name, commented)));
    let place = find(false).or_else(|| find(true));
    let new = if value.is_empty() { None } else { Some(format!("{name} = {value}")) };
    let mut out: Vec<String> = Vec::with_capacity(lines.len() + 1);
    for (index, line) in lines.iter().enumerate() {
        match (&new, Some(index) == place) {
            (Some(new), true) => out.push(new.clone()),
            (None, true) if !line.trim_start().starts_with('#') => {
                out.push(format!("# {}", line.trim_start()))
            }
            _ => out.push((*line).to_owned()),
        }
    }
    if let (Some(new), None) = (new, place) {
        out.push(new);
    }
    out.join("\n") + "\n"
}

/// The comment above each setting of a file.
pub(super) fn docs(text: &str) -> Vec<(String, String)> {
    let mut docs = Vec::new();
    let mut doc = String::new();
    for line in text.lines() {
        if let Some((name, _)) = setting_of(line) {
            docs.push((name.to_owned(), std::mem::take(&mut doc)));
        } else if let Some(comment) = line.strip_prefix('#') {
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(comment.trim());
        } else {
            doc.clear();
        }
    }
    docs
}
