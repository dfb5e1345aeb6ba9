//! Facts: SQL files over records, registered as views.
//!
//! A file begins with comment lines: a description in prose, then headers `-- key: value`.
//!
//! | header | meaning |
//! |---|---|
//! | `entity` | the entity that a row belongs to, e.g. `customer`; its column is `<entity>_id`; left out where there is none |
//! | `time` | the column that says when a row happened |
//! | `records` | the record tables below, comma-separated |
//! | `entity_ids` | columns of which equal values belong to one entity and stand together in its order |
//! | `of_entity` | columns with the same value in all rows of an entity, comma-separated |
//! | `key` | the column with the `_key` of the record behind a row |
//! | `meaning` | the rows are the events of this meaning of the workspace (`*`: all events), each once, with columns under the names that `events` gives them |
//! | `fold` | `visits_fold`: the rows are those of this function, each once, with columns under its names |
//! | `record` | the record table of that key, when `records` names several |
//! | `column NAME` | what a column means |
//!
//! Beside functions the SQL may use what [`macros`] says: `means('signup')` and `session_gap()`.

pub mod macros;

use datafusion::prelude::SessionContext;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};

use crate::functions::visits_fold;
use burgeon_core::behaviour::step::ANY_EVENT;
use macros::Macros;

/// A fact file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// A header is missing or wrong.
    #[error("definitions/facts/{file}.sql:{line}: {wrong}; {mend}")]
    Header {
        /// Name of the fact.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        wrong: String,
        /// What to do.
        mend: String,
    },
    /// The SQL does not plan.
    #[error("definitions/facts/{file}.sql: {error}")]
    Sql {
        /// Name of the fact.
        file: String,
        /// What the planner says.
        error: Box<datafusion::common::DataFusionError>,
    },
}

/// One fact file, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactFile {
    /// Name of the fact and its view: the file's name without `.sql`.
    pub name: String,
    /// The prose at the top.
    pub doc: String,
    /// Column of the entity, such as `customer_id`.
    pub entity: Option<String>,
    /// Column of the time.
    pub time: String,
    /// Record tables below.
    pub records: Vec<String>,
    /// Columns of which equal values belong to one entity and stand together when its rows are in order.
    pub entity_ids: Vec<String>,
    /// Columns that belong to the entity.
    pub of_entity: Vec<String>,
    /// The column with the key of the record behind a row, and that record's table.
    pub key: Option<(String, String)>,
    /// The meaning of events that the rows have; `*` for all events.
    pub meaning: Option<String>,
    /// The function whose rows these are.
    pub fold: Option<String>,
    /// Meanings of columns.
    pub column_docs: Vec<(String, String)>,
    /// The file's text.
    pub sql: String,
}

/// A fact as the metrics catalog sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactSchema {
    /// The parsed file.
    pub file: FactFile,
    /// The view's columns.
    pub columns: Vec<FactColumn>,
}

/// A column of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactColumn {
    /// Name.
    pub name: String,
    /// Arrow type.
    pub data_type: DataType,
    /// Whether all rows of an entity have the same value.
    pub of_entity: bool,
    /// What it means; empty when the file does not say.
    pub doc: String,
}

impl FactFile {
    /// Parses the text of `definitions/facts/<name>.sql`.
    ///
    /// # Errors
    /// [`FactError::Header`] for an unknown, repeated or missing header.
    pub fn parse(name: &str, text: &str) -> Result<FactFile, FactError> {
        let mut fact = FactFile {
            name: name.to_owned(),
            doc: String::new(),
            entity: None,
            time: String::new(),
            records: vec![],
            entity_ids: vec![],
            of_entity: vec![],
            key: None,
            meaning: None,
            fold: None,
            column_docs: vec![],
            sql: text.to_owned(),
        };
        let (mut key, mut record) = (None, None);
        let wrong = |line: usize, wrong: String, mend: &str| FactError::Header {
            file: name.to_owned(),
            line: line + 1,
            wrong,
            mend: mend.to_owned(),
        };
        let list =
            |value: &str| value.split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
        let mut last = 0;
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = line.strip_prefix("--") else { break };
            last = number;
            let comment = comment.trim();
            let header = comment.split_once(':').map(|(k, v)| (k.trim(), v.trim()));
            match header {
                Some(("entity", value)) => fact.entity = Some(format!("{value}_id")),
                Some(("time", value)) => fact.time = value.to_owned(),
                Some(("records", value)) => fact.records = list(value),
                Some(("of_entity", value)) => fact.of_entity = list(value),
                Some(("key", value)) => key = Some(value.to_owned()),
                Some(("record", value)) => record = Some(value.to_owned()),
                Some(("meaning", value)) => fact.meaning = Some(value.to_owned()),
                Some(("fold", value)) if value == visits_fold::NAME => fact.fold = Some(value.to_owned()),
                Some(("fold", value)) => {
                    let mend = format!("write {} or leave the line out", visits_fold::NAME);
                    return Err(wrong(number, format!("there is no fold \"{value}\""), &mend));
                }
                Some(("entity_ids", value)) => fact.entity_ids = list(value),
                Some((k, value)) if k.strip_prefix("column ").is_some() => {
                    let column = k.trim_start_matches("column ").trim().to_owned();
                    fact.column_docs.push((column, value.to_owned()));
                }
                Some((k, _)) if !k.is_empty() && k.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => {
                    let mend = "headers are entity, time, records, entity_ids, of_entity, key, record, meaning, fold and column NAME";
                    return Err(wrong(number, format!("unknown header \"{k}\""), mend));
                }
                _ => {
                    if !fact.doc.is_empty() {
                        fact.doc.push('\n');
                    }
                    fact.doc.push_str(comment);
                }
            }
        }
        fact.doc = fact.doc.trim().to_owned();
        if fact.time.is_empty() {
            return Err(wrong(last, "no time header".into(), "add a line such as -- time: at"));
        }
        if fact.records.is_empty() {
            let mend = "add a line such as -- records: payments, refunds";
            return Err(wrong(last, "no records header".into(), mend));
        }
        if let Some(unknown) = fact.records.iter().find(|r| burgeon_core::records::table(r).is_none()) {
            let mend = "name record tables, such as subscription_changes";
            return Err(wrong(last, format!("unknown record table \"{unknown}\""), mend));
        }
        fact.key = key.map(|key| (key, record.unwrap_or_else(|| fact.records[0].clone())));
        Ok(fact)
    }
}

/// Registers `files` as views of `context`, each after those it reads, and gives their schemas in the order of `files`.
///
/// # Errors
/// [`FactError::Sql`] when a file does not plan against the records and the other facts, or names missing columns.
pub async fn register(
    context: &SessionContext,
    files: &[FactFile],
    macros: &Macros,
) -> Result<Vec<FactSchema>, FactError> {
    let mut pending: Vec<&FactFile> = files.iter().collect();
    let mut schemas: Vec<Option<FactSchema>> = vec![None; files.len()];
    while !pending.is_empty() {
        let mut failed = vec![];
        let mut error = None;
        let before = pending.len();
        for file in pending {
            // A fact may read other facts: whatever fails is tried again after the rest.
            match view(context, file, macros).await {
                Ok(schema) => {
                    if let Some(at) = files.iter().position(|f| f.name == file.name) {
                        schemas[at] = Some(schema);
                    }
                }
                Err(e) => {
                    error.get_or_insert(e);
                    failed.push(file);
                }
            }
        }
        if failed.len() == before
            && let Some(error) = error
        {
            return Err(error);
        }
        pending = failed;
    }
    Ok(schemas.into_iter().flatten().collect())
}

async fn view(context: &SessionContext, file: &FactFile, macros: &Macros) -> Result<FactSchema, FactError> {
    let sql = |error| FactError::Sql { file: file.name.clone(), error: Box::new(error) };
    let text = macros.expand_text(&file.sql).map_err(|text| sql(DataFusionError::Plan(text)))?;
    if let Some(meaning) = &file.meaning
        && meaning != ANY_EVENT
        && macros.meanings.get(meaning).is_none()
    {
        return Err(FactError::Header {
            file: file.name.clone(),
            line: 1,
            wrong: format!("the header meaning names \"{meaning}\", which is none"),
            mend: "name one of definitions/meanings.toml".into(),
        });
    }
    let plan = context.sql(&text).await.map_err(sql)?;
    let columns: Vec<FactColumn> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| FactColumn {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            of_entity: file.entity.as_ref() == Some(field.name()) || file.of_entity.contains(field.name()),
            doc: file
                .column_docs
                .iter()
                .find(|(name, _)| name == field.name())
                .map_or_else(String::new, |(_, doc)| doc.clone()),
        })
        .collect();
    let named = file
        .entity
        .iter()
        .chain([&file.time])
        .chain(&file.of_entity)
        .chain(&file.entity_ids)
        .chain(file.key.iter().map(|(k, _)| k));
    for name in named.chain(file.column_docs.iter().map(|(name, _)| name)) {
        if !columns.iter().any(|column| &column.name == name) {
            return Err(FactError::Header {
                file: file.name.clone(),
                line: 1,
                wrong: format!("the headers name the column \"{name}\", which the query does not give"),
                mend: format!("add {name} to the select list or mend the header"),
            });
        }
    }
    // A fact may carry the name of a record table, which stays within reach as records.<table>.
    context.deregister_table(file.name.as_str()).map_err(sql)?;
    context.register_table(file.name.as_str(), plan.into_view()).map_err(sql)?;
    Ok(FactSchema { file: file.clone(), columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- Money in and out.\n-- Second line: with a colon.\n-- entity: customer\n-- time: at\n\
        -- records: payments, refunds\n-- column kind: payment or refund\nSELECT 1";

    #[test]
    fn headers() {
        let fact = FactFile::parse("cash", TEXT).unwrap();
        assert_eq!(fact.doc, "Money in and out.\nSecond line: with a colon.");
        assert_eq!(fact.entity.as_deref(), Some("customer_id"));
        assert_eq!(fact.records, ["payments", "refunds"]);
        assert_eq!(fact.column_docs, [("kind".to_owned(), "payment or refund".to_owned())]);
    }

    #[test]
    fn errors_name_file_line_and_mend() {
        let error = FactFile::parse("cash", "-- Doc.\n-- tine: at\nSELECT 1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "definitions/facts/cash.sql:2: unknown header \"tine\"; headers are entity, time, records, entity_ids, \
             of_entity, key, record, meaning, fold and column NAME"
        );
        let error = FactFile::parse("cash", "-- time: at\n-- records: paymints\nSELECT 1").unwrap_err();
        assert!(error.to_string().contains("unknown record table \"paymints\""), "{error}");
    }
}
