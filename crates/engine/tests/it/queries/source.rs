//! Records in memory with the properties of the lake: buckets of whole entities, in order; every read is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, StringViewBuilder,
    TimestampMicrosecondBuilder, UInt64Array,
};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use burgeon_core::records::{self, ColumnType, Table};
use burgeon_core::time::{Zone, epoch_days};
use burgeon_engine::exec::RecordSource;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use parking_lot::RwLock;
use serde_json::Value;

#[derive(Debug, Default, Clone)]
struct Bucket {
    version: u64,
    rows: Vec<Value>,
}

/// Record tables in memory.
#[derive(Debug)]
pub struct Records {
    buckets: usize,
    tables: RwLock<BTreeMap<String, Vec<Bucket>>>,
    /// How often a bucket was read, by table and bucket.
    pub reads: Arc<RwLock<BTreeMap<(String, usize), usize>>>,
    next_key: AtomicUsize,
}

impl Records {
    pub fn new(buckets: usize) -> Arc<Self> {
        Arc::new(Self {
            buckets,
            tables: RwLock::default(),
            reads: Arc::default(),
            next_key: AtomicUsize::new(1),
        })
    }

    pub fn bucket_of(&self, entity: &str) -> usize {
        entity.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)))
            % self.buckets
    }

    /// Adds rows given as JSON objects; instants are text.
    pub fn put(&self, table: &str, rows: impl IntoIterator<Item = Value>) {
        let table = records::table(table).unwrap();
        let mut tables = self.tables.write();
        let count = if table.entity.is_some() { self.buckets } else { 1 };
        let buckets = tables.entry(table.name.to_owned()).or_insert_with(|| vec![Bucket::default(); count]);
        for mut row in rows {
            let entity = table.entity.map_or("", |e| row[e].as_str().unwrap());
            let at = if table.entity.is_some() { self.bucket_of(entity) } else { 0 };
            row["_key"] = Value::from(self.next_key.fetch_add(1, Ordering::Relaxed));
            buckets[at].version += 1;
            buckets[at].rows.push(row);
        }
        for bucket in buckets.iter_mut() {
            bucket.rows.sort_by_key(|row| order(table, row));
        }
    }

    /// How often buckets were read since the last call.
    pub fn take_reads(&self) -> BTreeMap<(String, usize), usize> {
        std::mem::take(&mut self.reads.write())
    }
}

fn order(table: &Table, row: &Value) -> (String, i64) {
    let entity = table.entity.map_or(String::new(), |e| row[e].as_str().unwrap().to_owned());
    let time = table.time.map_or(0, |t| instant(&row[t]).unwrap_or(0));
    (entity, time)
}

fn instant(value: &Value) -> Option<i64> {
    value.as_str().map(|text| Zone::utc().parse_instant(text).unwrap())
}

/// Rows as they lie in a record table.
pub fn batch(table: &Table, rows: &[Value]) -> RecordBatch {
    let mut arrays: Vec<ArrayRef> = vec![];
    for column in table.columns {
        let values = rows.iter().map(|row| &row[column.name]);
        arrays.push(match column.ty {
            ColumnType::Text | ColumnType::Json => {
                let mut b = StringViewBuilder::new();
                values.for_each(|v| b.append_option(v.as_str()));
                Arc::new(b.finish())
            }
            ColumnType::Int | ColumnType::Minor => {
                let mut b = Int64Builder::new();
                values.for_each(|v| b.append_option(v.as_i64()));
                Arc::new(b.finish())
            }
            ColumnType::Decimal10 => {
                let mut b = Decimal128Builder::new().with_precision_and_scale(30, 10).unwrap();
                values.for_each(|v| {
                    b.append_option(v.as_f64().map(|f| (f * 1e6).round() as i128 * 10_000));
                });
                Arc::new(b.finish())
            }
            ColumnType::Timestamp => {
                let mut b = TimestampMicrosecondBuilder::new().with_timezone("UTC");
                values.for_each(|v| b.append_option(instant(v)));
                Arc::new(b.finish())
            }
            ColumnType::Date => {
                let mut b = Date32Builder::new();
                values.for_each(|v| b.append_option(v.as_str().map(|t| epoch_days(t.parse().unwrap()))));
                Arc::new(b.finish())
            }
            ColumnType::Bool => {
                let mut b = BooleanBuilder::new();
                values.for_each(|v| b.append_option(v.as_bool()));
                Arc::new(b.finish())
            }
        });
    }
    let text = |value: Option<&str>| -> ArrayRef {
        let mut b = StringViewBuilder::new();
        rows.iter().for_each(|_| b.append_option(value));
        Arc::new(b.finish())
    };
    arrays.push(text(Some("test")));
    arrays.push(text(None));
    arrays.push(text(None));
    let keys = rows.iter().map(|row| row["_key"].as_u64().unwrap());
    arrays.push(Arc::new(UInt64Array::from_iter_values(keys)));
    let (mut seqs, mut deleted) = (Int64Builder::new(), BooleanBuilder::new());
    rows.iter().for_each(|_| {
        seqs.append_value(1);
        deleted.append_value(false);
    });
    arrays.push(Arc::new(seqs.finish()));
    arrays.push(Arc::new(deleted.finish()));
    RecordBatch::try_new(records::arrow_schema(table), arrays).unwrap()
}

impl RecordSource for Records {
    fn provider(&self, table: &str) -> Result<Arc<dyn TableProvider>> {
        let known =
            records::table(table).ok_or_else(|| DataFusionError::Plan(format!("no table {table}")))?;
        let count = if known.entity.is_some() { self.buckets } else { 1 };
        let tables = self.tables.read();
        let buckets = tables.get(table).cloned().unwrap_or_else(|| vec![Bucket::default(); count]);
        Ok(Arc::new(Provider {
            table: known,
            buckets: buckets.iter().map(|bucket| batch(known, &bucket.rows)).collect(),
            reads: Arc::clone(&self.reads),
        }))
    }

    fn bucket_version(&self, table: &str, bucket: usize) -> u64 {
        self.tables.read().get(table).map_or(0, |buckets| buckets[bucket].version)
    }

    fn buckets(&self) -> usize {
        self.buckets
    }
}

#[derive(Debug)]
struct Provider {
    table: &'static Table,
    buckets: Vec<RecordBatch>,
    reads: Arc<RwLock<BTreeMap<(String, usize), usize>>>,
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        records::arrow_schema(self.table)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let buckets: Vec<RecordBatch> = match projection {
            Some(wanted) => self.buckets.iter().map(|b| b.project(wanted)).collect::<Result<_, _>>()?,
            None => self.buckets.clone(),
        };
        let schema = buckets[0].schema();
        let mut equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        let mut partitioning = Partitioning::UnknownPartitioning(buckets.len());
        if let Some(Ok(entity)) = self.table.entity.map(|e| col(e, &schema)) {
            let time = self.table.time.and_then(|t| col(t, &schema).ok());
            equivalence.add_ordering(
                [Some(Arc::clone(&entity)), time].into_iter().flatten().map(PhysicalSortExpr::new_default),
            );
            partitioning = Partitioning::Hash(vec![entity], buckets.len());
        }
        Ok(Arc::new(BucketsExec {
            table: self.table.name.to_owned(),
            buckets,
            reads: Arc::clone(&self.reads),
            properties: Arc::new(PlanProperties::new(
                equivalence,
                partitioning,
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
        }))
    }
}

#[derive(Debug)]
struct BucketsExec {
    table: String,
    buckets: Vec<RecordBatch>,
    reads: Arc<RwLock<BTreeMap<(String, usize), usize>>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for BucketsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BucketsExec: {}", self.table)
    }
}

impl ExecutionPlan for BucketsExec {
    fn name(&self) -> &str {
        "BucketsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        *self.reads.write().entry((self.table.clone(), partition)).or_default() += 1;
        // Small batches, so that entities stretch over several.
        let rows = context.session_config().batch_size().min(3);
        let bucket = self.buckets[partition].clone();
        let starts: Vec<usize> = (0..bucket.num_rows()).step_by(rows).collect();
        let batches: Vec<_> =
            starts.into_iter().map(|at| Ok(bucket.slice(at, rows.min(bucket.num_rows() - at)))).collect();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.properties.equivalence_properties().schema().clone(),
            futures::stream::iter(batches),
        )))
    }
}
