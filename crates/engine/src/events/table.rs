//! The SQL table `events`: runs and tail, with the person and the customer of every row.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs,
};

use super::EventStore;
use super::batch::{self, Columns, PERSON, WHO};
use super::people::{People, people};
use super::run::Run;
use super::state::{Chunk, EventsState};
use crate::lake::maintain::blocking;
use crate::lake::prune::Bounds;

/// The table of events for DataFusion. Every scan sees the rows of the moment when it was planned.
#[derive(Debug)]
pub struct EventsTable {
    store: EventStore,
}

impl EventsTable {
    pub(crate) fn new(store: EventStore) -> Self {
        Self { store }
    }
}

/// What filters say about rows.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Lowest and highest time, µs UTC.
    pub time: (i64, i64),
    /// Numbers of identifiers, sorted; `None` means all.
    pub who: Option<Vec<i32>>,
}

impl Wanted {
    fn of(store: &EventStore, filters: &[Expr]) -> Self {
        let hot = &store.shared().events.hot;
        let identifiers = Bounds::by(Some("distinct_id"), None, filters);
        let time = Bounds::by(Some(PERSON), Some("at"), filters).time;
        let mut wanted = Self { time, ..Self::persons(store, filters) };
        if let Some(names) = &identifiers.entities {
            wanted.only(names.iter().filter_map(|name| hot.number(name)).collect());
        }
        wanted
    }

    /// What filters say about persons alone.
    pub fn persons(store: &EventStore, filters: &[Expr]) -> Self {
        let hot = &store.shared().events.hot;
        let mut wanted = Self { time: (i64::MIN, i64::MAX), who: None };
        if let Some(names) = &Bounds::by(Some(PERSON), None, filters).entities {
            let snapshot = hot.snapshot();
            let members = names.iter().filter_map(|name| hot.number(name)).map(|number| hot.person(number));
            wanted.only(members.flat_map(|person| snapshot.members(person)).collect());
        }
        wanted
    }

    fn understands(filter: &Expr) -> bool {
        let filter = std::slice::from_ref(filter);
        let persons = Bounds::by(Some(PERSON), Some("at"), filter);
        persons.time != (i64::MIN, i64::MAX)
            || persons.entities.is_some()
            || Bounds::by(Some("distinct_id"), None, filter).entities.is_some()
    }

    fn only(&mut self, numbers: Vec<u32>) {
        let mut numbers: Vec<i32> = numbers.into_iter().map(|number| number as i32).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.who = Some(match self.who.take() {
            None => numbers,
            Some(old) => old.into_iter().filter(|one| numbers.binary_search(one).is_ok()).collect(),
        });
    }

    fn matches(&self, run: &super::run::Group) -> bool {
        let who = match &self.who {
            None => true,
            Some(who) => {
                let next = who.partition_point(|one| *one < run.who.0);
                who.get(next).is_some_and(|one| *one <= run.who.1)
            }
        };
        who && run.at.0 <= self.time.1 && run.at.1 >= self.time.0
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.store.shared().events.columns.shown)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters on person, identifier and time leave out what cannot match; all filters are applied again above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match Wanted::understands(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.store.shared().events.sound()?;
        let all = || (0..self.schema().fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let (store, wanted) = (self.store.clone(), Wanted::of(&self.store, filters));
        // Persons and customers may have to be read first.
        let plan = blocking(move || EventsScanExec::try_new(&store, projection, wanted, limit)).await?;
        Ok(Arc::new(plan))
    }
}

/// One piece of work of a scan.
#[derive(Debug, Clone)]
enum Piece {
    /// Row groups of a run's file, one after the other.
    Groups(Arc<Run>, Vec<usize>),
    Tail(Arc<Chunk>),
}

/// Reads the table of events, cut into as many partitions as the lake has threads.
#[derive(Debug)]
pub struct EventsScanExec {
    store: EventStore,
    view: Arc<Shown>,
    wanted: Arc<Wanted>,
    partitions: Vec<Vec<Piece>>,
    version: u64,
    limit: Option<usize>,
    rows: usize,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl EventsScanExec {
    fn try_new(
        store: &EventStore,
        projection: Vec<usize>,
        wanted: Wanted,
        limit: Option<usize>,
    ) -> crate::lake::Result<Self> {
        let columns = &store.shared().events.columns;
        let (version, state) = moment(store);
        let view = Arc::new(Shown::new(store, &projection)?);
        let (partitions, rows) = cut(columns, &state, &wanted, store.partitions())?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&view.schema)),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            store: store.clone(),
            view,
            wanted: Arc::new(wanted),
            partitions,
            version,
            limit,
            rows,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// The version of what is read: what was computed from one partition counts for it only.
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// The present state with its version, at most as new as the state.
fn moment(store: &EventStore) -> (u64, Arc<EventsState>) {
    loop {
        let (version, state) = (store.layout(), store.shared().events.state());
        if state.version.max(state.layout) <= version {
            return (version, state);
        }
    }
}

/// Cuts what is to be read into parts of about the same number of rows; gives the number of all rows too.
fn cut(
    columns: &Columns,
    state: &EventsState,
    wanted: &Wanted,
    parts: usize,
) -> crate::lake::Result<(Vec<Vec<Piece>>, usize)> {
    let mut pieces: Vec<(Arc<Run>, usize, usize)> = Vec::new();
    for run in &state.runs {
        for (number, group) in run.groups(columns)?.iter().enumerate() {
            if wanted.matches(group) {
                pieces.push((Arc::clone(run), number, group.rows));
            }
        }
    }
    let tail: usize = state.unflushed();
    let rows: usize = pieces.iter().map(|(_, _, rows)| rows).sum::<usize>() + tail;
    let parts = parts.max(1);
    let each = rows.div_ceil(parts).max(1);
    let mut out: Vec<Vec<Piece>> = vec![Vec::new(); parts];
    let (mut at, mut filled) = (0, 0);
    let mut place = |rows: usize| {
        if filled >= each && at + 1 < parts {
            at += 1;
            filled = 0;
        }
        filled += rows;
        at
    };
    for (run, number, rows) in pieces {
        let part = &mut out[place(rows)];
        match part.last_mut() {
            Some(Piece::Groups(last, groups)) if Arc::ptr_eq(last, &run) => groups.push(number),
            _ => part.push(Piece::Groups(run, vec![number])),
        }
    }
    for chunk in &state.tail {
        out[place(chunk.rows.num_rows())].push(Piece::Tail(Arc::clone(chunk)));
    }
    Ok((out, rows))
}

impl DisplayAs for EventsScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.view.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "EventsScanExec: [{}]", fields.join(", "))?;
        if let Some(who) = &self.wanted.who {
            write!(f, ", identifiers={}", who.len())?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for EventsScanExec {
    fn name(&self) -> &'static str {
        "EventsScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
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
        let rows = Reading {
            store: self.store.clone(),
            view: Arc::clone(&self.view),
            wanted: Arc::clone(&self.wanted),
            pieces: self.partitions[partition].clone().into_iter(),
            current: Box::new(std::iter::empty()),
            batch_size: context.session_config().batch_size(),
            left: self.limit.unwrap_or(usize::MAX),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let schema = Arc::clone(&self.view.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(rows))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let rows = args.partition().map_or(self.rows, |_| self.rows / self.partitions.len().max(1));
        statistics.num_rows = Precision::Inexact(rows);
        Ok(Arc::new(statistics))
    }
}

/// How stored rows are shown: which columns, with persons and customers.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The columns shown.
    pub schema: SchemaRef,
    /// The stored columns that are read for them.
    pub stored: Vec<usize>,
    read: SchemaRef,
    people: Option<Arc<People>>,
}

impl Shown {
    /// Shows some columns of the table (positions in its schema).
    pub fn new(store: &EventStore, projection: &[usize]) -> crate::lake::Result<Self> {
        let columns = &store.shared().events.columns;
        let schema = Arc::new(columns.shown.project(projection)?);
        let has = |name: &str| schema.fields().iter().any(|field| field.name() == name);
        let derived = has(PERSON) || has("customer_id");
        let mut stored: Vec<usize> = schema
            .fields()
            .iter()
            .filter(|field| field.name() != PERSON)
            .map(|field| columns.at(field.name()))
            .collect();
        if has(PERSON) {
            stored.push(columns.at("distinct_id"));
        }
        if derived {
            stored.push(columns.at(WHO));
        }
        stored.sort_unstable();
        stored.dedup();
        let people = if derived { Some(people(store.shared())?) } else { None };
        Ok(Self { schema, read: Arc::new(columns.stored.project(&stored)?), stored, people })
    }

    /// Stored rows, of at least the columns [`Shown::stored`], as they are shown.
    pub fn show(&self, rows: &RecordBatch) -> crate::lake::Result<RecordBatch> {
        let rows = batch::align(rows, &self.read)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            columns.push(match (field.name().as_str(), &self.people) {
                (PERSON, Some(people)) => {
                    people.person_ids(batch::numbers(&rows)?.values(), batch::texts(&rows, "distinct_id")?)?
                }
                ("customer_id", Some(people)) => people
                    .customer_ids(batch::numbers(&rows)?.values(), batch::texts(&rows, "customer_id")?)?,
                (name, _) => Arc::clone(rows.column(rows.schema_ref().index_of(name)?)),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    /// The columns of a name in the shown schema without those of the lake.
    pub fn all(columns: &Columns) -> Vec<usize> {
        let shown: &Schema = &columns.shown;
        (0..shown.fields().len()).collect()
    }
}

type Batches = Box<dyn Iterator<Item = crate::lake::Result<RecordBatch>> + Send>;

/// The rows of a partition.
struct Reading {
    store: EventStore,
    view: Arc<Shown>,
    wanted: Arc<Wanted>,
    pieces: std::vec::IntoIter<Piece>,
    current: Batches,
    batch_size: usize,
    left: usize,
    metrics: BaselineMetrics,
}

impl Reading {
    fn open(&self, piece: Piece) -> crate::lake::Result<Batches> {
        let columns = &self.store.shared().events.columns;
        match (piece, &self.wanted.who) {
            (Piece::Groups(run, groups), None) => {
                Ok(Box::new(run.read(columns, &self.view.stored, Some(groups), None, self.batch_size)?))
            }
            (Piece::Groups(run, groups), Some(who)) => {
                let found = run.find_in(columns, &self.view.stored, who, &groups)?;
                Ok(Box::new(found.into_iter().map(Ok)))
            }
            (Piece::Tail(chunk), who) => {
                let rows = match who {
                    None => chunk.rows.clone(),
                    Some(who) => of_numbers(&chunk.rows, who)?,
                };
                let size = self.batch_size;
                let slices = (0..rows.num_rows().div_ceil(size)).map(move |at| {
                    let from = at * size;
                    Ok(rows.slice(from, size.min(rows.num_rows() - from)))
                });
                Ok(Box::new(slices))
            }
        }
    }

    fn step(&mut self) -> crate::lake::Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.current.next() {
                let batch = batch?;
                if batch.num_rows() > 0 {
                    return Ok(Some(self.view.show(&batch)?));
                }
            } else if let Some(piece) = self.pieces.next() {
                self.current = self.open(piece)?;
            } else {
                return Ok(None);
            }
        }
    }
}

impl Iterator for Reading {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let elapsed = self.metrics.elapsed_compute().clone();
        let next = {
            let _timer = elapsed.timer();
            self.step()
        };
        match next {
            Ok(None) => {
                self.metrics.done();
                None
            }
            Ok(Some(batch)) => {
                let batch = if batch.num_rows() > self.left { batch.slice(0, self.left) } else { batch };
                self.left -= batch.num_rows();
                self.metrics.record_output(batch.num_rows());
                Some(Ok(batch))
            }
            Err(error) => {
                self.left = 0;
                Some(Err(error.into()))
            }
        }
    }
}

/// The rows of some numbers (sorted).
pub(crate) fn of_numbers(rows: &RecordBatch, who: &[i32]) -> crate::lake::Result<RecordBatch> {
    let numbers = batch::numbers(rows)?.values();
    let keep = numbers.iter().map(|one| Some(who.binary_search(one).is_ok())).collect();
    Ok(arrow::compute::filter_record_batch(rows, &keep)?)
}
