//! How the rows of one file are read: its shape, and for each field where the values come from.

use std::sync::Arc;

use burgeon_core::behaviour::channel::ChannelRules;
use burgeon_core::time::Zone;

use crate::error::Error;
use crate::rows::{Chunk, Layout};
use crate::shape::Shape;
use crate::typed::is_empty;
use crate::value::number::{self, DecimalMark, MarkEvidence};
use crate::value::time::{self, DateOrder, OrderEvidence};

/// Where the values of a field come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Nowhere.
    Nothing,
    /// The column of this position.
    Column(usize),
    /// The same text in every row.
    Literal(String),
}

/// How one field is read.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Where the values come from.
    pub bound: Bound,
    /// How sure the guess is, 0 to 1; 1 when a person said so.
    pub confidence: f32,
    /// Why it was guessed, for a person.
    pub why: String,
    /// The order of day and month in the column.
    pub order: Option<DateOrder>,
    /// The decimal mark of the column.
    pub mark: Option<DecimalMark>,
    /// Whether wall-clock times are UTC, as the header says.
    pub utc: bool,
}

impl Binding {
    /// A field that is not mapped.
    pub fn nothing() -> Self {
        Self {
            bound: Bound::Nothing,
            confidence: 0.0,
            why: String::new(),
            order: None,
            mark: None,
            utc: false,
        }
    }

    /// The column, if the field has one.
    pub fn column(&self) -> Option<usize> {
        match self.bound {
            Bound::Column(column) => Some(column),
            _ => None,
        }
    }
}

/// How the rows of one file are read.
pub struct Plan {
    /// The shape.
    pub shape: &'static Shape,
    /// The file's layout.
    pub layout: Layout,
    /// One binding for each field of the shape.
    pub bindings: Vec<Binding>,
    /// Columns that become attributes, with the attribute's name.
    pub attributes: Vec<(usize, String)>,
    /// The zone of wall-clock times.
    pub zone: Zone,
    /// The rules that name the channels of visits.
    pub channels: Option<Arc<ChannelRules>>,
    /// What must be decided before the import can run.
    pub problems: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// The binding of a field by name.
    pub fn binding(&self, field: &str) -> Option<&Binding> {
        self.shape.field(field).map(|index| &self.bindings[index])
    }

    /// Whether a field of this name exists and is mapped.
    pub fn is_mapped(&self, field: &str) -> bool {
        self.binding(field).is_some_and(|binding| binding.bound != Bound::Nothing)
    }
}

/// What the values of all columns say about dates and numbers.
#[derive(Debug, Default, Clone)]
struct Evidence {
    dmy: bool,
    mdy: bool,
    date: Option<String>,
    comma: bool,
    point: bool,
    number: Option<String>,
}

impl Evidence {
    fn date(&mut self, text: &str) {
        match time::order_evidence(text) {
            OrderEvidence::Dmy => self.dmy = true,
            OrderEvidence::Mdy => self.mdy = true,
            OrderEvidence::Ambiguous if self.date.is_none() => self.date = Some(text.to_owned()),
            _ => {}
        }
    }

    fn number(&mut self, text: &str) {
        match number::evidence(text) {
            MarkEvidence::Comma => self.comma = true,
            MarkEvidence::Point => self.point = true,
            MarkEvidence::Ambiguous if self.number.is_none() => self.number = Some(text.to_owned()),
            _ => {}
        }
    }

    fn order(&self) -> Option<DateOrder> {
        match (self.dmy, self.mdy) {
            (true, false) => Some(DateOrder::Dmy),
            (false, true) => Some(DateOrder::Mdy),
            _ => None,
        }
    }

    fn mark(&self) -> Option<DecimalMark> {
        match (self.comma, self.point) {
            (true, false) => Some(DecimalMark::Comma),
            (false, true) => Some(DecimalMark::Point),
            _ => None,
        }
    }

    /// Whether something is ambiguous and nothing decides it yet.
    fn is_open(&self) -> bool {
        (self.date.is_some() && !self.dmy && !self.mdy)
            || (self.number.is_some() && !self.comma && !self.point)
    }
}

/// Decides the order of day and month and the decimal mark of each mapped column, by its own values first,
/// then by the other columns of the file. `chunks` hands out the file from the beginning and is asked for
/// more only as long as something is undecided.
///
/// # Errors
/// What `chunks` fails with.
pub fn decide(
    plan: &mut Plan,
    date: Option<DateOrder>,
    mark: Option<DecimalMark>,
    chunks: &mut dyn FnMut() -> Result<Option<Chunk>, Error>,
) -> Result<(), Error> {
    let fields: Vec<usize> = (0..plan.bindings.len())
        .filter(|field| {
            let kind = plan.shape.fields[*field].kind;
            (kind.is_time() || kind.is_number()) && plan.bindings[*field].column().is_some()
        })
        .collect();
    let mut found = vec![Evidence::default(); fields.len()];
    let mut first = true;
    while first || (date.is_none() || mark.is_none()) && found.iter().any(Evidence::is_open) {
        first = false;
        let Some(chunk) = chunks()? else { break };
        for (field, evidence) in fields.iter().zip(&mut found) {
            let is_time = plan.shape.fields[*field].kind.is_time();
            let Some(column) = plan.bindings[*field].column() else { continue };
            for row in 0..chunk.rows() {
                let text = chunk.cell(row, column);
                if is_empty(text) {
                } else if is_time {
                    evidence.date(text);
                } else {
                    evidence.number(text);
                }
            }
        }
    }
    let together = found.iter().fold(Evidence::default(), |mut all, one| {
        all.dmy |= one.dmy;
        all.mdy |= one.mdy;
        all.comma |= one.comma;
        all.point |= one.point;
        all
    });
    for (field, evidence) in fields.into_iter().zip(found) {
        let kind = plan.shape.fields[field].kind;
        let column = plan.bindings[field].column().map(|column| plan.layout.header[column].clone());
        let name = column.unwrap_or_default();
        let binding = &mut plan.bindings[field];
        if kind.is_time() {
            binding.order = date.or(evidence.order()).or_else(|| together.order());
            if let (None, Some(example)) = (binding.order, &evidence.date) {
                plan.problems.push(format!(
                    "the dates of column {name:?} may be day/month or month/day (such as {example:?}); say date=dmy or date=mdy"
                ));
            }
        } else {
            // A file with semicolons comes from where the comma is the decimal mark.
            let custom =
                || (plan.layout.delimiter == b';').then_some(DecimalMark::Comma).filter(|_| !together.point);
            binding.mark = mark.or(evidence.mark()).or_else(|| together.mark());
            if binding.mark.is_none() && evidence.number.is_some() {
                binding.mark = custom();
            }
            if let (None, Some(example)) = (binding.mark, &evidence.number) {
                plan.problems.push(format!(
                    "the numbers of column {name:?} may have a decimal comma or a comma for thousands (such as {example:?}); say decimal=comma or decimal=point"
                ));
            }
        }
    }
    Ok(())
}
