//! `visits_fold()`: visits of persons as a table.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result, internal_err, plan_err};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::events::{EventStore, VisitsQuestion, VisitsScan, VisitsWork, Wanted};
use crate::exec::RecordSource;
use crate::facts::macros::Macros;
use crate::lake::maintain::blocking;

/// The function's name.
pub const NAME: &str = "visits_fold";
/// What is no more than being there: a visit with one page view and nothing but these is a bounce.
pub const QUIET: [&str; 2] = ["page_leave", "engagement"];
/// What belongs to a visit beside page views, with every event that has a path.
pub const BESIDE: [&str; 3] = ["page_leave", "screen_view", "engagement"];

/// SQL that holds for events of some names.
fn named(names: &[&str]) -> String {
    format!("event IN ('{}')", names.join("', '"))
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("person_id", DataType::Utf8View, false),
        text("customer_id"),
        Field::new("at", instant, false),
    ];
    fields.extend(
        [
            "channel",
            "source",
            "medium",
            "campaign",
            "content",
            "term",
            "host",
            "path",
            "exit_path",
            "url",
            "title",
            "referrer",
            "referrer_host",
            "country",
            "device",
            "browser",
            "os",
            "properties",
        ]
        .map(text),
    );
    fields.push(Field::new("pages", DataType::Int64, false));
    fields.push(Field::new("seconds", DataType::Int64, false));
    fields.push(Field::new("bounced", DataType::Boolean, false));
    fields.push(Field::new("is_returning", DataType::Boolean, false));
    Arc::new(Schema::new(fields))
});

/// The table function. It streams the sessions of the event store with at least one page view (meaning `page_view`); one ends
/// after the workspace's time of silence. Values are those of the first page view, `exit_path` is of the last.
#[derive(Debug)]
pub struct VisitsFold {
    source: Arc<dyn RecordSource>,
    view: String,
    gap_us: i64,
}

impl VisitsFold {
    /// Visits over the events of `source`, by the workspace's meanings and time of silence.
    pub fn new(source: Arc<dyn RecordSource>, macros: &Macros) -> Self {
        let view = macros.condition("page_view").unwrap_or_else(|| "FALSE".to_owned());
        Self { source, view, gap_us: macros.session_gap_us }
    }
}

impl TableFunctionImpl for VisitsFold {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        if !args.exprs().is_empty() {
            return plan_err!(
                "visits_fold() takes no arguments; what ends a visit is a setting, what a page view is a meaning of the workspace"
            );
        }
        Ok(match self.source.events() {
            None => Arc::new(EmptyTable::new(Arc::clone(&SCHEMA))),
            Some(store) => Arc::new(Visits { store, view: self.view.clone(), gap_us: self.gap_us }),
        })
    }
}

#[derive(Debug)]
struct Visits {
    store: EventStore,
    /// SQL of what a page view is.
    view: String,
    gap_us: i64,
}

#[async_trait]
impl TableProvider for Visits {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Only whole persons can be left out: what came before decides whether somebody comes back.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let understood =
            |filter: &&Expr| match Wanted::persons(&self.store, std::slice::from_ref(*filter)).who {
                Some(_) => TableProviderFilterPushDown::Inexact,
                None => TableProviderFilterPushDown::Unsupported,
            };
        Ok(filters.iter().map(understood).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..SCHEMA.fields().len()).collect();
        let schema = Arc::new(SCHEMA.project(&projection.cloned().unwrap_or_else(all))?);
        let Some(session) = state.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("visits_fold() is planned outside of a session");
        };
        let shown = self.store.provider().schema();
        let whole = DFSchema::try_from(Arc::clone(&shown))?;
        let hit = format!("({}) OR {} OR path IS NOT NULL", self.view, named(&BESIDE));
        let logical = |text: &str| session.create_logical_expr(text, &whole);
        let (hit, view, quiet) = (logical(&hit)?, logical(&self.view)?, logical(&named(&QUIET))?);
        let mut columns = vec![shown.index_of("at")?];
        for column in [&hit, &view, &quiet].into_iter().flat_map(Expr::column_refs) {
            columns.push(shown.index_of(&column.name)?);
        }
        for field in schema.fields() {
            match field.name().as_str() {
                "pages" | "seconds" | "bounced" | "is_returning" => {}
                "exit_path" => columns.push(shown.index_of("path")?),
                name => columns.push(shown.index_of(name)?),
            }
        }
        columns.sort_unstable();
        columns.dedup();
        let read = DFSchema::try_from(Arc::new(shown.project(&columns)?))?;
        let physical = |expr: Expr| session.create_physical_expr(expr, &read);
        let question = VisitsQuestion {
            hit: physical(hit)?,
            view: physical(view)?,
            quiet: physical(quiet)?,
            gap_us: self.gap_us,
            schema: Arc::clone(&schema),
        };
        let (store, wanted) = (self.store.clone(), Wanted::persons(&self.store, filters));
        let workers = store.partitions();
        // Persons and customers may have to be read first.
        let scan = blocking(move || VisitsScan::new(&store, &columns, &wanted, question)).await?;
        Ok(Arc::new(VisitsExec::new(Arc::new(scan), schema, workers)))
    }
}

/// Streams visits; several workers fill one partition, since the identifiers of a person may lie far apart.
#[derive(Debug)]
struct VisitsExec {
    scan: Arc<VisitsScan>,
    schema: SchemaRef,
    workers: usize,
    properties: Arc<PlanProperties>,
}

impl VisitsExec {
    fn new(scan: Arc<VisitsScan>, schema: SchemaRef, workers: usize) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { scan, schema, workers, properties: Arc::new(properties) }
    }
}

impl DisplayAs for VisitsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "VisitsExec: [{}]", fields.join(", "))
    }
}

impl ExecutionPlan for VisitsExec {
    fn name(&self) -> &'static str {
        "VisitsExec"
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

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = Arc::new(VisitsWork::new(&self.scan, self.workers));
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 2 * self.workers);
        for _ in 0..self.workers {
            let (work, to) = (Arc::clone(&work), stream.tx());
            stream.spawn_blocking(move || {
                work.run(|batch| to.blocking_send(Ok(batch)).is_ok())?;
                Ok(())
            });
        }
        Ok(stream.build())
    }
}
