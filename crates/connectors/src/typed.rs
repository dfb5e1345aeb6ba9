//! The cells of a chunk as values, field by field, with the reasons of those that cannot be read.

use burgeon_core::currency::Currency;

use crate::plan::{Bound, Plan};
use crate::rows::{Chunk, Span};
use crate::shape::{Kind, Shape};
use crate::value::number::{self, Dec};
use crate::value::time::TimeReader;
use crate::value::words;

/// The values of one field for all rows of a chunk.
#[derive(Debug)]
pub enum Values {
    /// The field is not mapped.
    Nothing,
    /// Text in a column of the chunk.
    Column(usize),
    /// The same text in every row.
    Constant(String),
    /// Whole numbers, and instants in µs UTC.
    Int(Vec<Option<i64>>),
    /// Days since 1970.
    Date(Vec<Option<i32>>),
    /// Exact decimals.
    Dec(Vec<Option<Dec>>),
    /// Yes or no.
    Bool(Vec<Option<bool>>),
    /// Words of a closed list.
    Word(Vec<Option<&'static str>>),
    /// Currencies.
    Currency(Vec<Option<Currency>>),
    /// Intervals with their count.
    Interval(Vec<Option<(&'static str, i64)>>),
}

/// A chunk with its values.
pub struct Typed<'a> {
    /// The cells.
    pub chunk: &'a Chunk,
    /// The plan by which they are read.
    pub plan: &'a Plan,
    values: Vec<Values>,
    bad: Vec<bool>,
    reasons: Vec<(usize, String)>,
}

/// Reads the values of chunks; one for each thread.
pub struct Typer {
    readers: Vec<Option<TimeReader>>,
}

impl Typer {
    /// A reader for the fields of a plan.
    pub fn new(plan: &Plan) -> Self {
        let readers = plan.shape.fields.iter().zip(&plan.bindings).map(|(field, binding)| {
            let zone = if binding.utc { burgeon_core::time::Zone::utc() } else { plan.zone.clone() };
            field.kind.is_time().then(|| TimeReader::new(zone, binding.order))
        });
        Self { readers: readers.collect() }
    }

    /// Reads the values of all mapped fields.
    pub fn read<'a>(&mut self, chunk: &'a Chunk, plan: &'a Plan) -> Typed<'a> {
        self.read_where(chunk, plan, |_| true)
    }

    /// Reads the values of some fields; the others are as if they were not mapped.
    pub fn read_some<'a>(&mut self, chunk: &'a Chunk, plan: &'a Plan, fields: &[usize]) -> Typed<'a> {
        self.read_where(chunk, plan, |field| fields.contains(&field))
    }

    fn read_where<'a>(
        &mut self,
        chunk: &'a Chunk,
        plan: &'a Plan,
        wanted: impl Fn(usize) -> bool,
    ) -> Typed<'a> {
        let mut typed = Typed {
            chunk,
            plan,
            values: Vec::with_capacity(plan.bindings.len()),
            bad: vec![false; chunk.rows()],
            reasons: Vec::new(),
        };
        for (index, field) in plan.shape.fields.iter().enumerate() {
            let values =
                if wanted(index) { self.field(&mut typed, index, field.kind) } else { Values::Nothing };
            typed.values.push(values);
        }
        typed
    }

    fn field(&mut self, typed: &mut Typed<'_>, index: usize, kind: Kind) -> Values {
        let binding = &typed.plan.bindings[index];
        let mark = binding.mark;
        let reader = self.readers[index].as_mut();
        match kind {
            Kind::Text | Kind::Id | Kind::Json => match &binding.bound {
                Bound::Nothing => Values::Nothing,
                Bound::Column(column) => Values::Column(*column),
                Bound::Literal(text) => Values::Constant(text.clone()),
            },
            _ if binding.bound == Bound::Nothing => Values::Nothing,
            Kind::Word(words) => Values::Word(typed.memo(index, |text| words.read(text))),
            Kind::Currency => Values::Currency(typed.memo(index, words::currency)),
            Kind::Interval => Values::Interval(typed.memo(index, words::interval)),
            Kind::Bool => Values::Bool(typed.memo(index, words::boolean)),
            Kind::Int => Values::Int(typed.each(index, |text| number::integer(text, mark))),
            Kind::Minor => Values::Int(typed.each(index, |text| minor(text, mark))),
            Kind::Major | Kind::Decimal => Values::Dec(typed.each(index, |text| number::decimal(text, mark))),
            Kind::Time => match reader {
                Some(reader) => Values::Int(typed.each(index, |text| reader.instant(text))),
                None => Values::Nothing,
            },
            Kind::Date => match reader {
                Some(reader) => Values::Date(typed.each(index, |text| reader.date(text))),
                None => Values::Nothing,
            },
        }
    }
}

fn minor(text: &str, mark: Option<number::DecimalMark>) -> Result<i64, String> {
    number::integer(text, mark).map_err(|reason| {
        if number::decimal(text, mark).is_ok() {
            format!("{reason}; amounts in minor units are whole, map major units to the field without _minor")
        } else {
            reason
        }
    })
}

/// Whether a cell says that there is no value.
#[inline]
pub fn is_empty(text: &str) -> bool {
    match text.len() {
        0 => true,
        1 => text == "-",
        2..=4 => matches!(
            text,
            "NULL"
                | "null"
                | "None"
                | "NaN"
                | "nan"
                | "N/A"
                | "n/a"
                | "NA"
                | "\\N"
                | "--"
                | "#N/A"
                | "nil"
                | "—"
        ),
        _ => false,
    }
}

impl<'a> Typed<'a> {
    /// Rows of the chunk.
    pub fn rows(&self) -> usize {
        self.chunk.rows()
    }

    /// The shape of the file.
    pub fn shape(&self) -> &'static Shape {
        self.plan.shape
    }

    fn each<T: Copy>(
        &mut self,
        index: usize,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Vec<Option<T>> {
        let rows = self.rows();
        let column = match &self.plan.bindings[index].bound {
            Bound::Column(column) => *column,
            Bound::Literal(text) => return vec![read(text).ok(); rows],
            Bound::Nothing => return vec![None; rows],
        };
        let mut out = Vec::with_capacity(rows);
        let chunk = self.chunk;
        for row in 0..rows {
            let text = chunk.cell(row, column);
            out.push(if is_empty(text) {
                None
            } else {
                match read(text) {
                    Ok(value) => Some(value),
                    Err(reason) => {
                        let name = &self.plan.layout.header[column];
                        self.reject(row, format!("{name}: {reason}"));
                        None
                    }
                }
            });
        }
        out
    }

    /// As [`Typed::each`], for columns of few different values.
    fn memo<T: Copy>(
        &mut self,
        index: usize,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Vec<Option<T>> {
        let mut memory: Vec<(String, T)> = Vec::new();
        self.each(index, move |text| {
            if let Some((_, value)) = memory.iter().find(|(known, _)| known == text) {
                return Ok(*value);
            }
            let value = read(text)?;
            if memory.len() < 8 {
                memory.push((text.to_owned(), value));
            }
            Ok(value)
        })
    }

    /// Marks a row as not to be taken. The first reason counts.
    pub fn reject(&mut self, row: usize, reason: String) {
        if !self.bad[row] {
            self.bad[row] = true;
            self.reasons.push((row, reason));
        }
    }

    /// Whether the row is still good.
    pub fn is_good(&self, row: usize) -> bool {
        !self.bad[row]
    }

    /// The rows that were marked with their reasons, in the order of rows.
    pub fn into_reasons(mut self) -> Vec<(usize, String)> {
        self.reasons.sort_by_key(|(row, _)| *row);
        self.reasons
    }

    /// The rows that are good.
    pub fn good(&self) -> Vec<u32> {
        if self.reasons.is_empty() {
            return (0..self.rows() as u32).collect();
        }
        (0..self.rows() as u32).filter(|row| !self.bad[*row as usize]).collect()
    }

    /// The values of a field.
    pub fn values(&self, field: usize) -> &Values {
        &self.values[field]
    }

    /// Whether the field has values at all.
    pub fn has(&self, field: usize) -> bool {
        !matches!(self.values[field], Values::Nothing)
    }

    /// The text of a field that is not empty.
    #[inline]
    pub fn text(&self, field: usize, row: usize) -> Option<&str> {
        let text = match &self.values[field] {
            Values::Column(column) => self.chunk.cell(row, *column),
            Values::Constant(text) => text,
            Values::Word(words) => words[row]?,
            Values::Currency(values) => return values[row].as_ref().map(Currency::code),
            _ => return None,
        };
        (!is_empty(text)).then_some(text)
    }

    /// The whole number or instant of a field.
    #[inline]
    pub fn int(&self, field: usize, row: usize) -> Option<i64> {
        match &self.values[field] {
            Values::Int(values) => values[row],
            _ => None,
        }
    }

    /// The decimal of a field.
    #[inline]
    pub fn dec(&self, field: usize, row: usize) -> Option<Dec> {
        match &self.values[field] {
            Values::Dec(values) => values[row],
            _ => None,
        }
    }

    /// The word of a field.
    #[inline]
    pub fn word(&self, field: usize, row: usize) -> Option<&'static str> {
        match &self.values[field] {
            Values::Word(values) => values[row],
            _ => None,
        }
    }

    /// The yes or no of a field.
    #[inline]
    pub fn bool(&self, field: usize, row: usize) -> Option<bool> {
        match &self.values[field] {
            Values::Bool(values) => values[row],
            _ => None,
        }
    }

    /// The currency of a field.
    #[inline]
    pub fn currency(&self, field: usize, row: usize) -> Option<Currency> {
        match &self.values[field] {
            Values::Currency(values) => values[row],
            _ => None,
        }
    }

    /// The interval of a field.
    #[inline]
    pub fn interval(&self, field: usize, row: usize) -> Option<(&'static str, i64)> {
        match &self.values[field] {
            Values::Interval(values) => values[row],
            _ => None,
        }
    }

    /// Whether the field has a value in the row.
    pub fn filled(&self, field: usize, row: usize) -> bool {
        match &self.values[field] {
            Values::Nothing => false,
            Values::Column(_) | Values::Constant(_) => self.text(field, row).is_some(),
            Values::Int(values) => values[row].is_some(),
            Values::Date(values) => values[row].is_some(),
            Values::Dec(values) => values[row].is_some(),
            Values::Bool(values) => values[row].is_some(),
            Values::Word(values) => values[row].is_some(),
            Values::Currency(values) => values[row].is_some(),
            Values::Interval(values) => values[row].is_some(),
        }
    }

    /// Rejects rows that lack a value which the shape needs, naming the column. `excused` lets a row go without
    /// the values of a group.
    pub fn check_needs(&mut self, excused: impl Fn(&Self, &[&'static str], usize) -> bool) {
        let shape = self.shape();
        for group in &shape.needs {
            let fields: Vec<usize> = group.iter().filter_map(|name| shape.field(name)).collect();
            for row in 0..self.rows() {
                if self.bad[row]
                    || fields.iter().any(|field| self.filled(*field, row))
                    || excused(self, group, row)
                {
                    continue;
                }
                let reason = self.missing(group, row);
                self.reject(row, reason);
            }
        }
    }

    fn missing(&self, group: &[&'static str], row: usize) -> String {
        let cells = &self.chunk.cells[row * self.chunk.width..(row + 1) * self.chunk.width];
        let text =
            |span: &Span| self.chunk.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        if cells.iter().map(text).any(words::is_total) {
            return "looks like a line of totals, which is no record".to_owned();
        }
        let name = |field: &str| match self.shape().field(field).map(|f| &self.plan.bindings[f].bound) {
            Some(Bound::Column(column)) if self.plan.layout.header[*column] != field => {
                format!("{} ({field})", self.plan.layout.header[*column])
            }
            _ => field.to_owned(),
        };
        let mapped = group.iter().filter(|field| self.shape().field(field).is_some_and(|f| self.has(f)));
        let names: Vec<String> = mapped.map(|field| name(field)).collect();
        format!("{} is empty", if names.is_empty() { group.join(" or ") } else { names.join(" or ") })
    }
}
