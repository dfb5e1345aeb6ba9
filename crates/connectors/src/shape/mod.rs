//! What a file may hold: the record tables themselves and the exports that people have.
//!
//! Each shape is one entry of [`SHAPES`]: the fields that it reads, how it is recognised from the header,
//! and the mapper that turns its rows into rows of record tables. To add one, write its file and its line.

mod baremetrics;
mod canonical;
mod event_lines;
mod events;
mod exports;
mod periods;
mod sigma;
mod stripe;
mod synonyms;

pub(crate) use event_lines::property_name;

use std::any::Any;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use burgeon_core::records::{KeyHasher, KeyPart};
use burgeon_core::text::did_you_mean;

use crate::error::Error;
use crate::plan::Plan;
use crate::rows::Chunk;
use crate::table::Output;
use crate::typed::Typed;
use crate::value::words::Words;

/// What the values of a field are, and so how their text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that names one thing, such as a customer's identifier.
    Id,
    /// One word of a closed list.
    Word(&'static Words),
    /// An instant.
    Time,
    /// A calendar date.
    Date,
    /// An amount in major units, such as `12.50`.
    Major,
    /// An amount in minor units, such as `1250`.
    Minor,
    /// A whole number.
    Int,
    /// A decimal number.
    Decimal,
    /// Yes or no.
    Bool,
    /// An ISO 4217 code.
    Currency,
    /// A billing interval.
    Interval,
    /// A JSON object.
    Json,
}

impl Kind {
    /// The name in previews.
    pub const fn label(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Id => "identifier",
            Kind::Word(_) => "word",
            Kind::Time => "time",
            Kind::Date => "date",
            Kind::Major => "amount",
            Kind::Minor => "amount in minor units",
            Kind::Int => "whole number",
            Kind::Decimal => "number",
            Kind::Bool => "yes or no",
            Kind::Currency => "currency",
            Kind::Interval => "interval",
            Kind::Json => "JSON object",
        }
    }

    /// Whether values are written with a decimal mark.
    pub const fn is_number(self) -> bool {
        matches!(self, Kind::Major | Kind::Minor | Kind::Int | Kind::Decimal)
    }

    /// Whether values are dates or instants.
    pub const fn is_time(self) -> bool {
        matches!(self, Kind::Time | Kind::Date)
    }
}

/// One field that a shape reads.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name in mappings.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Headers that mean it, in their normal form, likelier ones first.
    pub synonyms: Vec<&'static str>,
    /// One line for a person.
    pub doc: &'static str,
}

impl Field {
    fn new(name: &'static str, kind: Kind, synonyms: &[&'static str], doc: &'static str) -> Self {
        Self { name, kind, synonyms: synonyms.to_vec(), doc }
    }
}

/// Turns rows of one shape into rows of record tables. Each worker thread has its own.
pub trait Mapper: Send {
    /// Maps the rows of a chunk. A row that cannot be mapped is reported to `typed` with its reason.
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output);
}

/// Turns JSON objects of one shape into rows of record tables, without cutting them into cells first. Each worker thread
/// has its own.
pub trait Lines: Send {
    /// Maps objects, each with its line. What cannot be mapped goes to the rejects of `out`.
    fn map(&mut self, lines: &[(u64, &str)], out: &mut Output);
}

/// What a shape learns from a first pass over the whole file.
pub type Prepared = Option<Arc<dyn Any + Send + Sync>>;

/// A first pass: is called with a function that hands out the chunks of the file.
pub type Prepare = fn(&Plan, &mut dyn FnMut() -> Result<Option<Chunk>, Error>) -> Result<Prepared, Error>;

/// Makes a mapper of JSON objects for one thread.
pub type NewLines = fn(&Arc<Plan>) -> Box<dyn Lines>;

/// One shape of file.
pub struct Shape {
    /// The name for `--as`.
    pub name: &'static str,
    /// One line for a person.
    pub doc: &'static str,
    /// The record tables that its rows go to.
    pub tables: Vec<&'static str>,
    /// The fields that it reads.
    pub fields: Vec<Field>,
    /// Of each group at least one field is needed.
    pub needs: Vec<Vec<&'static str>>,
    /// Headers (in normal form) that only this shape has; empty when it has none.
    pub signature: &'static [&'static str],
    /// The JSON column that takes what no field reads, such as `attributes`; `None` when that is not read.
    pub rest: Option<&'static str>,
    /// Other names that a person may give fields in mappings: the name, and the field.
    pub aliases: &'static [(&'static str, &'static str)],
    /// What a person should know who imports such a file; empty for nothing.
    pub note: &'static str,
    /// The first pass, if the shape needs one.
    pub prepare: Option<Prepare>,
    /// Makes a mapper for one thread.
    pub mapper: fn(&Arc<Plan>, &Prepared) -> Box<dyn Mapper>,
    /// Makes a mapper of JSON objects for one thread, for shapes that read them as they stand.
    pub lines: Option<NewLines>,
}

impl Shape {
    /// The position of a field.
    pub fn field(&self, name: &str) -> Option<usize> {
        let alias = self.aliases.iter().find(|(alias, _)| *alias == name);
        let name = alias.map_or(name, |(_, field)| field);
        self.fields.iter().position(|field| field.name == name)
    }

    /// Whether a row cannot do without the field.
    pub fn needs_field(&self, name: &str) -> bool {
        self.needs.iter().any(|group| group.as_slice() == [name])
    }
}

/// All shapes, exports of billing systems before the record tables.
pub static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let mut shapes = vec![
        stripe::subscriptions(),
        stripe::invoices(),
        stripe::charges(),
        baremetrics::template(),
        sigma::item_changes(),
        periods::periods(),
        exports::segment(),
        exports::segment_tables(),
        exports::posthog(),
        exports::mixpanel(),
        events::events(),
    ];
    shapes.extend(canonical::shapes());
    shapes
});

/// The shape of a name. Tables are shapes under their own names.
///
/// # Errors
/// [`Error::Shape`] naming the nearest one.
pub fn shape(name: &str) -> Result<&'static Shape, Error> {
    SHAPES.iter().find(|shape| shape.name == name).ok_or_else(|| {
        let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
        Error::Shape(format!(
            "there is no table or shape {name:?}{}; there are {}",
            did_you_mean(name, names.iter().copied()),
            names.join(", ")
        ))
    })
}

/// Whether the values of these fields were handed out before. Forgets everything when there is much to remember.
fn repeated(seen: &mut HashSet<u64>, typed: &Typed<'_>, row: usize, tag: &str, fields: &[usize]) -> bool {
    const MOST: usize = 1 << 20;
    if seen.len() >= MOST {
        seen.clear();
    }
    let parts = fields.iter().map(|field| typed.text(*field, row).map_or(KeyPart::Null, KeyPart::Text));
    !seen.insert(KeyHasher::default().hash(std::iter::once(KeyPart::Text(tag)).chain(parts)))
}
