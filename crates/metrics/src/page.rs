//! Definition pages: YAML front matter, markdown and worked examples.
//!
//! Each type has exactly its own fields; a field too many, a field missing or an unknown value is an error that
//! names the file, the line, what is wrong and the mend.

use std::collections::BTreeMap;

use burgeon_core::exact::Exact;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::Grain;
use serde_norway::Value;

use crate::base::CohortTake;
use crate::definition::*;
use crate::formula::Expr;

/// A definition page is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct PageError {
    /// Path of the page, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and the mend.
    pub message: String,
}

const COMMON: [&str; 8] = ["name", "label", "type", "unit", "better", "bands", "grain", "default_by"];
const TYPES: [(&str, &[&str]); 9] = [
    ("simple", &["fact", "aggregate", "measure", "filter", "sign"]),
    ("cumulative", &["fact", "aggregate", "measure", "filter", "entity", "window", "sign"]),
    ("cohort", &["fact", "measure", "filter", "entity", "window", "take"]),
    ("active", &["fact", "filter", "entity", "window"]),
    (
        "conversion",
        &[
            "fact",
            "filter",
            "entity",
            "target",
            "target_filter",
            "link",
            "after",
            "window",
            "take",
            "null_reason",
        ],
    ),
    ("ratio", &["numerator", "denominator", "null_reason"]),
    ("formula", &["formula", "null_reason"]),
    ("model", &["of", "window", "take"]),
    ("revaluation", &["of", "flows", "less"]),
];
const FIGURES: [(&str, ConversionFigure); 4] = [
    ("rate", ConversionFigure::Rate),
    ("base", ConversionFigure::Base),
    ("converted", ConversionFigure::Converted),
    ("days", ConversionFigure::Days),
];
const TAKES: [(&str, CohortTake); 5] = [
    ("start_amount", CohortTake::StartAmount),
    ("end_amount", CohortTake::EndAmount),
    ("capped_amount", CohortTake::CappedAmount),
    ("start_entities", CohortTake::StartEntities),
    ("kept_entities", CohortTake::KeptEntities),
];

impl Metric {
    /// Reads a page. `file` is its path (`…/metrics/<area>/<name>.md`), used for the area and in errors.
    ///
    /// # Errors
    /// [`PageError`] for the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Metric, PageError> {
        let fail = |line: usize, message: String| PageError { file: file.to_owned(), line, message };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let normal = text.replace("\r\n", "\n");
        let rest = normal.strip_prefix("---\n").ok_or_else(|| {
            fail(1, "a definition page begins with a line of --- and its front matter".into())
        })?;
        let end = if rest.starts_with("---\n") { Some(0) } else { rest.find("\n---\n").map(|i| i + 1) };
        let end = end
            .or_else(|| rest.strip_suffix("\n---").map(|r| r.len() + 1))
            .ok_or_else(|| fail(1, "the front matter is not closed; end it with a line of ---".into()))?;
        let (front, body) = (&rest[..end], rest[end..].strip_prefix("---").unwrap_or(""));
        let body = body.strip_prefix('\n').unwrap_or(body);
        let value: Value = serde_norway::from_str(front).map_err(|e| {
            let line = e.location().map_or(1, |l| l.line()) + 1;
            fail(line, format!("the front matter is no YAML: {e}"))
        })?;
        let Value::Mapping(map) = value else {
            return Err(fail(
                2,
                "the front matter is empty; write at least name, label, type and unit".into(),
            ));
        };
        let mut fields = Fields { file, front, values: BTreeMap::new() };
        for (key, value) in map {
            let Value::String(key) = key else {
                return Err(fail(2, "each field of the front matter has a text as its name".into()));
            };
            fields.values.insert(key, value);
        }
        let body_line = front.lines().count() + 2;
        let (prose, examples) =
            crate::example::split(body, body_line).map_err(|e| fail(e.line, e.message))?;
        let mut metric = fields.metric()?;
        metric.prose = prose;
        metric.examples = examples;
        metric.definition = front.trim_end().to_owned();
        Ok(metric)
    }
}

/// The fields of a front matter that have not been read yet.
struct Fields<'a> {
    file: &'a str,
    front: &'a str,
    values: BTreeMap<String, Value>,
}

impl Fields<'_> {
    fn metric(&mut self) -> Result<Metric, PageError> {
        let ty = self.text("type")?;
        let Some((_, own)) = TYPES.iter().find(|(name, _)| *name == ty) else {
            let names = TYPES.map(|(n, _)| n);
            return Err(self.fail("type", unknown("type", &ty, &names)));
        };
        for key in self.values.keys() {
            if !own.contains(&key.as_str()) && !COMMON.contains(&key.as_str()) {
                let all = || own.iter().copied().chain(COMMON);
                let hint = did_you_mean(key, all());
                let message = format!(
                    "a metric of type {ty} has no field \"{key}\"{hint}; its fields are {}",
                    own.join(", ")
                );
                return Err(self.fail(key, message));
            }
        }
        let name = self.text("name")?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let message =
                format!("\"{name}\" is no name; write lower-case letters, digits and _, a letter first");
            return Err(self.fail("name", message));
        }
        let parts: Vec<&str> = self.file.split(['/', '\\']).collect();
        let area = if parts.len() >= 2 { parts[parts.len() - 2] } else { "own" }.to_owned();
        let label = match self.values.remove("label") {
            Some(value) => self.label("label", value)?,
            None => Label::english(&name),
        };
        let null_reason = match self.values.remove("null_reason") {
            Some(value) => Some(self.label("null_reason", value)?),
            None => None,
        };
        let bands = self.bands()?;
        let grain = match self.optional_text("grain")? {
            Some(text) => Some(text.parse::<Grain>().map_err(|e| self.fail("grain", e.to_string()))?),
            None => None,
        };
        let kind = self.kind(&ty)?;
        let grain = match (&kind, grain) {
            (Kind::Model { .. }, None | Some(Grain::Month)) => Some(Grain::Month),
            (Kind::Model { .. }, Some(_)) => {
                let message = "a model is always computed by month; leave the grain out".to_owned();
                return Err(self.fail("grain", message));
            }
            (_, grain) => grain,
        };
        Ok(Metric {
            label,
            area,
            unit: self.choice("unit", &Unit::NAMES, None)?,
            better: self.choice("better", &Better::NAMES, Some(Better::Neutral))?,
            bands,
            grain,
            default_by: self.list("default_by")?,
            null_reason,
            kind,
            prose: String::new(),
            file: self.file.to_owned(),
            definition: String::new(),
            examples: Vec::new(),
            name,
        })
    }

    fn kind(&mut self, ty: &str) -> Result<Kind, PageError> {
        Ok(match ty {
            "simple" => {
                let aggregate = self.choice("aggregate", &SimpleAggregate::NAMES, None)?;
                let measure = match aggregate {
                    SimpleAggregate::Count => self.optional_text("measure")?,
                    _ => Some(self.text("measure")?),
                };
                Kind::Simple {
                    fact: self.text("fact")?,
                    aggregate,
                    measure,
                    filter: self.optional_text("filter")?,
                    negate: self.negate()?,
                }
            }
            "cumulative" => {
                let aggregate = self.choice("aggregate", &CumulativeAggregate::NAMES, None)?;
                let window = self.window(None)?;
                if aggregate == CumulativeAggregate::PositiveEntities && window.is_some() {
                    let message = "positive_entities has no window; leave the window out".to_owned();
                    return Err(self.fail("window", message));
                }
                let entity = match aggregate {
                    CumulativeAggregate::PositiveEntities => Some(self.text("entity")?),
                    CumulativeAggregate::Sum => self.optional_text("entity")?,
                };
                Kind::Cumulative {
                    fact: self.text("fact")?,
                    aggregate,
                    measure: self.text("measure")?,
                    filter: self.optional_text("filter")?,
                    entity,
                    window,
                    negate: self.negate()?,
                }
            }
            "cohort" => Kind::Cohort {
                fact: self.text("fact")?,
                measure: self.text("measure")?,
                filter: self.optional_text("filter")?,
                entity: self.text("entity")?,
                window: self.window(Some(Window::Period))?.unwrap_or(Window::Period),
                take: self.choice("take", &TAKES, None)?,
            },
            "active" => Kind::Active {
                fact: self.text("fact")?,
                filter: self.optional_text("filter")?,
                entity: self.text("entity")?,
                window: self.window(Some(Window::Period))?.unwrap_or(Window::Period),
            },
            "conversion" => {
                let entity = self.text("entity")?;
                let Some(Window::Days(days)) = self.window(None)? else {
                    let message =
                        "the window of a conversion is a number of days, such as 30 days".to_owned();
                    return Err(self.fail("window", message));
                };
                let after = match self.length("after", None)? {
                    None => 0,
                    Some(Window::Days(after)) if after < days => after,
                    Some(_) => {
                        let message = "after is a number of days, less than those of the window".to_owned();
                        return Err(self.fail("after", message));
                    }
                };
                Kind::Conversion {
                    fact: self.text("fact")?,
                    filter: self.optional_text("filter")?,
                    target: self.text("target")?,
                    target_filter: self.optional_text("target_filter")?,
                    link: self.optional_text("link")?.unwrap_or_else(|| format!("{entity}_id")),
                    entity,
                    after,
                    days,
                    take: self.choice("take", &FIGURES, None)?,
                }
            }
            "ratio" => {
                Kind::Ratio { numerator: self.text("numerator")?, denominator: self.text("denominator")? }
            }
            "model" => {
                let window_months = match self.window(Some(Window::Months(24)))? {
                    Some(Window::Months(n)) => n,
                    _ => {
                        return Err(
                            self.fail("window", "a model looks at whole months, such as 24 months".into())
                        );
                    }
                };
                Kind::Model {
                    of: self.text("of")?,
                    window_months,
                    take: self.choice("take", &ModelTake::NAMES, None)?,
                }
            }
            "revaluation" => Kind::Revaluation {
                of: self.text("of")?,
                flows: self.list("flows")?,
                less: self.list("less")?,
            },
            _ => {
                let text = self.text("formula")?;
                let expr = Expr::parse(&text).map_err(|e| self.fail("formula", e.to_string()))?;
                Kind::Formula { text, expr, chosen_by: Vec::new() }
            }
        })
    }

    fn fail(&self, key: &str, message: String) -> PageError {
        PageError { file: self.file.to_owned(), line: line_of(self.front, key), message }
    }

    fn optional_text(&mut self, key: &str) -> Result<Option<String>, PageError> {
        match self.values.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(Value::Bool(b)) => Ok(Some(b.to_string())),
            Some(_) => Err(self.fail(key, format!("{key} is a text"))),
        }
    }

    fn text(&mut self, key: &str) -> Result<String, PageError> {
        match self.optional_text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.fail(key, format!("the field {key} is missing; add a line \"{key}: …\""))),
        }
    }

    fn list(&mut self, key: &str) -> Result<Vec<String>, PageError> {
        let items = match self.values.remove(key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Sequence(items)) => items,
            Some(one @ Value::String(_)) => vec![one],
            Some(_) => return Err(self.fail(key, format!("{key} is a list, such as {key}: [a, b]"))),
        };
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(self.fail(key, format!("{key} is a list of names, such as {key}: [a, b]"))),
            })
            .collect()
    }

    fn choice<T: Copy>(&mut self, key: &str, all: &[(&str, T)], default: Option<T>) -> Result<T, PageError> {
        let text = match default {
            Some(default) => match self.optional_text(key)? {
                Some(text) => text,
                None => return Ok(default),
            },
            None => self.text(key)?,
        };
        let found = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(n, _)| *n).collect();
            self.fail(key, unknown(key, &text, &names))
        })
    }

    fn negate(&mut self) -> Result<bool, PageError> {
        self.choice("sign", &[("negate", true), ("keep", false)], Some(false))
    }

    fn window(&mut self, default: Option<Window>) -> Result<Option<Window>, PageError> {
        self.length("window", default)
    }

    fn length(&mut self, key: &str, default: Option<Window>) -> Result<Option<Window>, PageError> {
        let Some(text) = self.optional_text(key)? else { return Ok(default) };
        if text == "period" && default.is_some() {
            return Ok(Some(Window::Period));
        }
        let parsed = text.split_once(' ').and_then(|(n, unit)| {
            let n: i32 = n.parse().ok().filter(|n| (1..=1200).contains(n))?;
            match unit.trim_end_matches('s') {
                "month" => Some(Window::Months(n)),
                "year" => Some(Window::Months(n * 12)),
                "day" => Some(Window::Days(n)),
                "week" => Some(Window::Days(n * 7)),
                _ => None,
            }
        });
        let message = format!("\"{text}\" is no {key}; write period or a length such as '12 months'");
        parsed.map(Some).ok_or_else(|| self.fail(key, message))
    }

    fn label(&self, key: &str, value: Value) -> Result<Label, PageError> {
        let message = format!("{key} is a text, or texts by language: {{ en: …, ru: …, zh: … }}");
        match value {
            Value::String(text) => Ok(Label::english(&text)),
            Value::Mapping(map) => {
                let mut texts = BTreeMap::new();
                for (language, text) in map {
                    match (language, text) {
                        (Value::String(language), Value::String(text)) => {
                            if !["en", "ru", "zh"].contains(&language.as_str()) {
                                return Err(
                                    self.fail(key, unknown("language", &language, &["en", "ru", "zh"]))
                                );
                            }
                            texts.insert(language, text);
                        }
                        _ => return Err(self.fail(key, message)),
                    }
                }
                if !texts.contains_key("en") {
                    return Err(self.fail(key, format!("{key} has no English text; add en: …")));
                }
                Ok(Label(texts))
            }
            _ => Err(self.fail(key, message)),
        }
    }

    fn bands(&mut self) -> Result<Vec<Band>, PageError> {
        let Some(value) = self.values.remove("bands") else { return Ok(Vec::new()) };
        let Value::Sequence(items) = value else {
            return Err(self.fail("bands", "bands is a list of { from, to, tone, label }".into()));
        };
        let mut bands = Vec::new();
        for item in items {
            let Value::Mapping(map) = item else {
                return Err(self.fail("bands", "a band is { from, to, tone, label }".into()));
            };
            let mut band =
                Band { from: None, to: None, tone: Tone::Neutral, label: Label::english(""), grain: None };
            for (key, value) in map {
                let Value::String(key) = key else { continue };
                match (key.as_str(), value) {
                    ("from" | "above", v) => band.from = Some(self.number("bands", &v)?),
                    ("to" | "below", v) => band.to = Some(self.number("bands", &v)?),
                    ("tone", Value::String(text)) => {
                        let tone = Tone::NAMES.iter().find(|(n, _)| *n == text).map(|(_, t)| *t);
                        band.tone = tone.ok_or_else(|| {
                            self.fail("bands", unknown("tone", &text, &Tone::NAMES.map(|(n, _)| n)))
                        })?;
                    }
                    ("label", v) => band.label = self.label("bands", v)?,
                    ("grain", Value::String(text)) => {
                        let grain = text
                            .parse()
                            .map_err(|e: burgeon_core::time::TimeError| self.fail("bands", e.to_string()))?;
                        band.grain = Some(grain);
                    }
                    (key, _) => {
                        let names = ["from", "to", "above", "below", "tone", "label", "grain"];
                        return Err(self.fail("bands", unknown("field of a band", key, &names)));
                    }
                }
            }
            bands.push(band);
        }
        Ok(bands)
    }

    fn number(&self, key: &str, value: &Value) -> Result<BandLimit, PageError> {
        let number: Option<Exact> = match value {
            Value::Number(n) => n.to_string().parse().ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .map(BandLimit)
            .ok_or_else(|| self.fail(key, "a limit is a decimal number, such as 0.05".into()))
    }
}

fn unknown(what: &str, given: &str, all: &[&str]) -> String {
    let hint = did_you_mean(given, all.iter().copied());
    format!("unknown {what} \"{given}\"{hint}; there are {}", all.join(", "))
}

/// The line in the file of a top-level key of the front matter; its first line when the key is absent.
fn line_of(front: &str, key: &str) -> usize {
    let at = front.lines().position(|l| l.strip_prefix(key).is_some_and(|r| r.trim_start().starts_with(':')));
    at.map_or(2, |i| i + 2)
}
