//! Rows of a spill on their way into a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Int32Array, Int64Array, RecordBatch, StringViewBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{FieldRef, Schema};
use burgeon_core::records::system;
use burgeon_events::ReadTexts;

use super::super::batch::{Columns, POSITION, WHO};
use super::row::{RECEIVED, Row, SAME_FILE, SAME_SOURCE, TEXT_BITS, length};
use super::{BATCH_ROOM, Spill};
use crate::lake::{LakeError, Result};

/// Rows on their way into a batch.
pub(super) struct Out {
    fields: Vec<FieldRef>,
    source: Shared,
    file: String,
    origin_place: usize,
    position: i64,
    texts: Vec<StringViewBuilder>,
    /// By hot dimension the text column that its codes stand for.
    columns: Vec<Option<usize>>,
    /// The text column that holds the names of events.
    name: Option<usize>,
    who: Vec<i32>,
    at: Vec<i64>,
    received_at: TimestampMicrosecondBuilder,
    /// Room for an origin.
    origin: String,
}

/// A text of many rows of a column.
struct Shared {
    place: usize,
    text: Buffer,
    block: Option<u32>,
}

impl Out {
    pub fn new(spill: &Spill, position: u64) -> Self {
        let fields = spill.texts.clone();
        let texts = fields.iter().map(|_| builder(0)).collect();
        let place = |name| fields.iter().position(|field| field.name() == name).unwrap_or(fields.len());
        let source = spill.source.clone().unwrap_or_default().into_bytes();
        let stands = |wanted: Option<usize>| {
            spill.coded.iter().position(|c| c.as_ref().is_some_and(|c| c.dim == wanted))
        };
        Self {
            columns: (0..spill.dims).map(|dim| stands(Some(dim))).collect(),
            name: stands(None),
            source: Shared { place: place(system::SOURCE), text: source.into(), block: None },
            file: spill.file.clone().unwrap_or_default(),
            origin_place: place(system::ORIGIN),
            position: position as i64,
            texts,
            fields,
            who: Vec::new(),
            at: Vec::new(),
            received_at: TimestampMicrosecondBuilder::new(),
            origin: String::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.who.len()
    }

    /// Adds a row whose texts begin at `from`; `coded` are the texts, by column, that codes stand for.
    pub fn push(
        &mut self,
        row: &Row<'_>,
        texts: &str,
        mut from: usize,
        coded: &[Option<ReadTexts<'_>>],
    ) -> Result<()> {
        let place = self.who.len();
        self.who.push(row.who as i32);
        self.at.push(row.at);
        if row.which & RECEIVED != 0 {
            self.received_at.append_nulls(place - self.received_at.len());
            self.received_at.append_value(row.received_at);
        }
        let mut at = 0;
        let mut left = row.which & TEXT_BITS;
        while left != 0 {
            let column = left.trailing_zeros() as usize;
            left &= left - 1;
            let Some((length, next)) = length(row.lengths, at) else { break };
            at = next;
            let builder = &mut self.texts[column];
            fill(builder, place);
            let text = texts.get(from..from + length);
            builder
                .append_value(text.ok_or_else(|| LakeError::Internal("a spilled text is cut off".into()))?);
            from += length;
        }
        let columns = row.codes().filter_map(|(dim, code)| Some((*self.columns.get(dim)?.as_ref()?, code)));
        for (column, code) in self.name.map(|name| (name, u32::from(row.event))).into_iter().chain(columns) {
            if row.which >> column & 1 == 0
                && let Some(text) = coded[column].as_ref().and_then(|texts| texts.get(code))
            {
                fill(&mut self.texts[column], place);
                self.texts[column].append_value(text);
            }
        }
        if row.which & SAME_SOURCE != 0
            && let Some(builder) = self.texts.get_mut(self.source.place)
        {
            fill(builder, place);
            let Shared { text, block, .. } = &mut self.source;
            let block = *block.get_or_insert_with(|| builder.append_block(text.clone()));
            builder.try_append_view(block, 0, text.len() as u32)?;
        }
        if row.which & SAME_FILE != 0
            && let Some(builder) = self.texts.get_mut(self.origin_place)
        {
            fill(builder, place);
            self.origin.clear();
            self.origin.push_str(&self.file);
            self.origin.push_str(itoa::Buffer::new().format(row.line));
            builder.append_value(&self.origin);
        }
        Ok(())
    }

    pub fn take(&mut self, columns: &Columns) -> Result<RecordBatch> {
        let rows = self.who.len();
        self.source.block = None;
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for field in columns.stored.fields() {
            let array: ArrayRef = match field.name().as_str() {
                WHO => {
                    let who = std::mem::replace(&mut self.who, Vec::with_capacity(BATCH_ROOM));
                    Arc::new(Int32Array::from(who))
                }
                POSITION => Arc::new(Int64Array::from(vec![self.position; rows])),
                "at" => {
                    let at = std::mem::replace(&mut self.at, Vec::with_capacity(BATCH_ROOM));
                    Arc::new(TimestampMicrosecondArray::from(at).with_data_type(field.data_type().clone()))
                }
                "received_at" if self.received_at.is_empty() => continue,
                "received_at" => {
                    self.received_at.append_nulls(rows - self.received_at.len());
                    Arc::new(self.received_at.finish().with_data_type(field.data_type().clone()))
                }
                name => {
                    let place = self.fields.iter().position(|field| field.name() == name);
                    match place.map(|place| &mut self.texts[place]).filter(|texts| !texts.is_empty()) {
                        None => continue,
                        Some(texts) => {
                            (texts.len()..rows).for_each(|_| texts.append_null());
                            Arc::new(std::mem::replace(texts, builder(BATCH_ROOM)).finish())
                        }
                    }
                }
            };
            fields.push(Arc::clone(field));
            arrays.push(array);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

/// For texts of so many rows.
fn builder(rows: usize) -> StringViewBuilder {
    StringViewBuilder::with_capacity(rows).with_fixed_block_size(256 << 10)
}

/// The rows since the last one with a text have none.
#[inline]
fn fill(builder: &mut StringViewBuilder, place: usize) {
    (builder.len()..place).for_each(|_| builder.append_null());
}
