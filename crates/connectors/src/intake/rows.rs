//! Rows of `events` on their way out, column by column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray, StringViewBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use burgeon_core::records::{ColumnType, Table, content_schema, table};

/// One row of `events`. Empty text is no value.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventRow<'a> {
    /// Identifier from the client.
    pub event_id: &'a str,
    /// Name.
    pub event: &'a str,
    /// Identifier under which the event came.
    pub distinct_id: &'a str,
    /// When it happened, µs UTC.
    pub at: i64,
    /// When it arrived, µs UTC.
    pub received_at: Option<i64>,
    /// Account, where the event names one.
    pub customer_id: &'a str,
    /// Session, where the client names one.
    pub session_id: &'a str,
    /// Full address of the page.
    pub url: &'a str,
    /// Host of the page.
    pub host: &'a str,
    /// Path of the page.
    pub path: &'a str,
    /// Title of the page.
    pub title: &'a str,
    /// Address of the page before.
    pub referrer: &'a str,
    /// Host of the page before; empty for the own site.
    pub referrer_host: &'a str,
    /// Where the visit came from.
    pub source: &'a str,
    /// Kind of traffic.
    pub medium: &'a str,
    /// Campaign.
    pub campaign: &'a str,
    /// Which of several advertisements.
    pub content: &'a str,
    /// Search term.
    pub term: &'a str,
    /// Channel.
    pub channel: &'a str,
    /// ISO 3166 code of two letters.
    pub country: &'a str,
    /// desktop, mobile or tablet; bot for programs that call themselves one.
    pub device: &'a str,
    /// Name of the browser.
    pub browser: &'a str,
    /// Name of the operating system.
    pub os: &'a str,
    /// All other properties as a JSON object.
    pub properties: &'a str,
}

/// How many columns of `events` are text.
pub const TEXT_COLUMNS: usize = 22;

/// The text columns of [`EventRow`] in the order of its fields, times left out.
const TEXTS: [&str; TEXT_COLUMNS] = [
    "event_id",
    "event",
    "distinct_id",
    "customer_id",
    "session_id",
    "url",
    "host",
    "path",
    "title",
    "referrer",
    "referrer_host",
    "source",
    "medium",
    "campaign",
    "content",
    "term",
    "channel",
    "country",
    "device",
    "browser",
    "os",
    "properties",
];

impl<'a> EventRow<'a> {
    /// The place of a text column in [`EventRow::of`]; `None` for times and for what is no column.
    pub fn place(column: &str) -> Option<usize> {
        TEXTS.iter().position(|text| *text == column)
    }

    /// A row of its texts, each at its [`EventRow::place`].
    pub fn of(texts: [&'a str; TEXT_COLUMNS], at: i64, received_at: Option<i64>) -> Self {
        let [
            event_id,
            event,
            distinct_id,
            customer_id,
            session_id,
            url,
            host,
            path,
            title,
            referrer,
            referrer_host,
            source,
            medium,
            campaign,
            content,
            term,
            channel,
            country,
            device,
            browser,
            os,
            properties,
        ] = texts;
        Self {
            event_id,
            event,
            distinct_id,
            at,
            received_at,
            customer_id,
            session_id,
            url,
            host,
            path,
            title,
            referrer,
            referrer_host,
            source,
            medium,
            campaign,
            content,
            term,
            channel,
            country,
            device,
            browser,
            os,
            properties,
        }
    }

    fn texts(&self) -> [&'a str; TEXT_COLUMNS] {
        [
            self.event_id,
            self.event,
            self.distinct_id,
            self.customer_id,
            self.session_id,
            self.url,
            self.host,
            self.path,
            self.title,
            self.referrer,
            self.referrer_host,
            self.source,
            self.medium,
            self.campaign,
            self.content,
            self.term,
            self.channel,
            self.country,
            self.device,
            self.browser,
            self.os,
            self.properties,
        ]
    }
}

/// Collects rows of `events`. Text is copied once, to where it stays.
#[derive(Debug)]
pub struct EventRows {
    texts: [Column; TEXT_COLUMNS],
    at: Vec<i64>,
    /// Ends with the last row that has a value.
    received_at: Vec<Option<i64>>,
    /// No values, as many as were ever needed at once.
    nothing: StringViewArray,
}

/// Bytes of texts that lie together: about those of a column of a mebibyte of JSON lines.
const TEXT_BLOCK: u32 = 64 << 10;

/// A column that costs nothing for rows without a value.
#[derive(Debug)]
struct Column {
    builder: StringViewBuilder,
    /// Rows that the builder has, with and without a value.
    rows: usize,
}

impl Column {
    /// A column with room for the values of so many rows.
    fn new(rows: usize) -> Self {
        // Blocks that grow to the usual two mebibytes are mostly pages of zeros that nobody writes to.
        Self { builder: StringViewBuilder::with_capacity(rows).with_fixed_block_size(TEXT_BLOCK), rows: 0 }
    }

    /// The text of a row; the rows since the last one have none.
    #[inline]
    fn push(&mut self, row: usize, text: &str) {
        self.settle(row);
        self.builder.append_value(text);
        self.rows += 1;
    }

    #[inline]
    fn settle(&mut self, rows: usize) {
        for _ in self.rows..rows {
            self.builder.append_null();
        }
        self.rows = rows;
    }

    /// The column of `rows` rows; `None` when there is no value.
    fn take(&mut self, rows: usize) -> Option<StringViewArray> {
        if self.rows == 0 {
            return None;
        }
        self.settle(rows);
        // The next rows are about as many.
        Some(std::mem::replace(self, Self::new(rows)).builder.finish())
    }
}

impl Default for EventRows {
    fn default() -> Self {
        Self::new()
    }
}

impl EventRows {
    /// An empty collection.
    pub fn new() -> Self {
        Self {
            texts: std::array::from_fn(|_| Column::new(0)),
            at: Vec::new(),
            received_at: Vec::new(),
            nothing: StringViewArray::new_null(0),
        }
    }

    /// Rows collected so far.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// Adds a row.
    pub fn push(&mut self, row: &EventRow<'_>) {
        let place = self.at.len();
        for (column, text) in self.texts.iter_mut().zip(&row.texts()) {
            if !text.is_empty() {
                column.push(place, text);
            }
        }
        self.at.push(row.at);
        if row.received_at.is_some() {
            self.received_at.resize(place, None);
            self.received_at.push(row.received_at);
        }
    }

    /// Changes the times of all rows: is called with the row's place and its time.
    pub fn retime(&mut self, mut each: impl FnMut(usize, i64) -> i64) {
        for (row, at) in self.at.iter_mut().enumerate() {
            *at = each(row, *at);
        }
    }

    fn received(&mut self, rows: usize) -> TimestampMicrosecondArray {
        if self.received_at.is_empty() {
            return TimestampMicrosecondArray::new_null(rows);
        }
        let mut received = std::mem::replace(&mut self.received_at, Vec::with_capacity(rows));
        received.resize(rows, None);
        TimestampMicrosecondArray::from(received)
    }

    /// Hands the rows over, in the content schema of `events`, and begins anew.
    pub fn take(&mut self) -> RecordBatch {
        let rows = self.at.len();
        let utc = ColumnType::Timestamp.data_type();
        let at = std::mem::replace(&mut self.at, Vec::with_capacity(rows));
        let at = TimestampMicrosecondArray::from(at).with_data_type(utc.clone());
        let received = self.received(rows).with_data_type(utc);
        if self.nothing.len() < rows {
            self.nothing = StringViewArray::new_null(rows);
        }
        let nothing: ArrayRef = Arc::new(self.nothing.slice(0, rows));
        let mut texts: Vec<Option<ArrayRef>> = Vec::with_capacity(TEXT_COLUMNS);
        texts.extend(
            self.texts.iter_mut().map(|column| column.take(rows).map(|texts| Arc::new(texts) as ArrayRef)),
        );
        let (schema, columns) = events(|name| match name {
            "at" => Arc::new(at.clone()),
            "received_at" => Arc::new(received.clone()),
            _ => {
                let text = TEXTS.iter().position(|text| *text == name).and_then(|place| texts[place].take());
                text.unwrap_or_else(|| Arc::clone(&nothing))
            }
        });
        // The lengths and types agree by construction.
        RecordBatch::try_new(schema.clone(), columns).unwrap_or_else(|_| RecordBatch::new_empty(schema))
    }
}

/// The table of events.
pub(crate) fn events_table() -> Option<&'static Table> {
    table("events")
}

fn events(mut column: impl FnMut(&str) -> ArrayRef) -> (SchemaRef, Vec<ArrayRef>) {
    // The table is one of the fixed list.
    events_table().map_or_else(
        || (Arc::new(Schema::empty()), Vec::new()),
        |table| (content_schema(table), table.columns.iter().map(|c| column(c.name)).collect()),
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn every_column_of_the_table_has_its_place() {
        let table = events_table().unwrap();
        let names: Vec<&str> = table.columns.iter().map(|c| c.name).collect();
        let mut ours: Vec<&str> = TEXTS.to_vec();
        ours.extend(["at", "received_at"]);
        assert_eq!(names.len(), ours.len());
        assert!(names.iter().all(|name| ours.contains(name)), "{names:?}");
    }

    #[test]
    fn texts_land_in_their_columns() {
        let long = "a long text that is no view of twelve bytes";
        let mut rows = EventRows::new();
        rows.push(&EventRow { event_id: "1", event: "a", distinct_id: "d", at: 5, ..EventRow::default() });
        let all = EventRow {
            event_id: "event_id",
            event: "event",
            distinct_id: "distinct_id",
            at: 7,
            received_at: Some(8),
            customer_id: "customer_id",
            session_id: "session_id",
            url: "url",
            host: "host",
            path: "path",
            title: "title",
            referrer: "referrer",
            referrer_host: "referrer_host",
            source: "source",
            medium: "medium",
            campaign: "campaign",
            content: "content",
            term: "term",
            channel: "channel",
            country: "country",
            device: "device",
            browser: "browser",
            os: "os",
            properties: "properties",
        };
        assert_eq!(EventRow::place("at"), None);
        for (place, name) in TEXTS.iter().enumerate() {
            assert_eq!((EventRow::place(name), all.texts()[place]), (Some(place), *name));
        }
        let again = EventRow::of(all.texts(), all.at, all.received_at);
        assert_eq!(again.texts(), all.texts());
        rows.push(&again);
        rows.push(&EventRow { title: long, ..EventRow::default() });
        rows.retime(|row, at| at + row as i64);
        let batch = rows.take();
        assert_eq!(batch.num_rows(), 3);
        assert_eq!(batch.schema(), content_schema(events_table().unwrap()));
        for (index, column) in events_table().unwrap().columns.iter().enumerate() {
            let array = batch.column(index);
            if column.ty == ColumnType::Timestamp {
                continue;
            }
            assert_eq!(array.as_string_view().value(1), column.name);
            assert_eq!(array.is_null(2), column.name != "title", "{}", column.name);
        }
        let at = batch.column_by_name("at").unwrap();
        let at = at.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        assert_eq!(at.values(), &[5, 8, 2]);
        let received = batch.column_by_name("received_at").unwrap();
        let received: Vec<Option<i64>> =
            received.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().iter().collect();
        assert_eq!(received, [None, Some(8), None]);
        // What was taken is gone.
        assert_eq!(rows.take().num_rows(), 0);
        rows.push(&EventRow { title: long, ..EventRow::default() });
        let batch = rows.take();
        assert_eq!(batch.num_rows(), 1);
        assert_eq!(batch.columns().iter().filter(|column| column.null_count() == 0).count(), 2);
    }
}
