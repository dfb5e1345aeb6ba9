//! All metrics together: look-up, checks across pages, dimensions, additivity, lineage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use burgeon_core::settings::Settings;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::Grain;

use crate::base::{Dimension, OF_EVENT, Standing};
use crate::definition::{ConversionFigure, CumulativeAggregate, Kind, Metric, SimpleAggregate, Unit};
use crate::fact::{CUSTOMER_COLUMNS, FactSchema, PROPERTIES};
use crate::formula::{Expr, Operator};
use crate::page::PageError;
use crate::sql::Fragment;

/// The metrics of a workspace: built-in pages, overridden and extended by the workspace's own.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    metrics: BTreeMap<String, Arc<Metric>>,
    facts: BTreeMap<String, FactSchema>,
}

/// There is no metric of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric \"{name}\"{hint}")]
pub struct UnknownMetric {
    /// As asked for.
    pub name: String,
    /// `; did you mean "…"?` or empty.
    pub hint: String,
}

impl Catalog {
    /// Reads pages, given as (path, text). `overrides` replace built-in metrics of the same name or add to them.
    ///
    /// # Errors
    /// Everything that is wrong in any page.
    pub fn new(
        pages: impl IntoIterator<Item = (String, String)>,
        overrides: impl IntoIterator<Item = (String, String)>,
        facts: Vec<FactSchema>,
    ) -> Result<Catalog, Vec<PageError>> {
        let (catalog, errors) = Catalog::load(pages, overrides, facts);
        if errors.is_empty() { Ok(catalog) } else { Err(errors) }
    }

    /// As [`Catalog::new`], but keeps what is right: metrics with errors are left out and their errors returned.
    pub fn load(
        pages: impl IntoIterator<Item = (String, String)>,
        overrides: impl IntoIterator<Item = (String, String)>,
        facts: Vec<FactSchema>,
    ) -> (Catalog, Vec<PageError>) {
        let mut errors = Vec::new();
        let mut catalog = Catalog {
            metrics: BTreeMap::new(),
            facts: facts.into_iter().map(|f| (f.name.clone(), f)).collect(),
        };
        let layers: [Vec<(String, String)>; 2] =
            [pages.into_iter().collect(), overrides.into_iter().collect()];
        for layer in layers {
            let mut own: BTreeMap<String, Arc<Metric>> = BTreeMap::new();
            for (file, text) in layer {
                match Metric::parse(&file, &text) {
                    Ok(metric) => {
                        if let Some(other) = own.get(&metric.name) {
                            let message = format!(
                                "the metric {} stands in {} too; give one of them another name",
                                metric.name, other.file
                            );
                            errors.push(PageError { line: line_of(&metric, "name"), file, message });
                        } else {
                            own.insert(metric.name.clone(), Arc::new(metric));
                        }
                    }
                    Err(e) => errors.push(e),
                }
            }
            catalog.metrics.extend(own);
        }
        // A metric that leans on a broken one is broken too, so look again until nothing more falls.
        loop {
            let found: Vec<(String, PageError)> = catalog
                .metrics
                .values()
                .filter_map(|m| catalog.check(m).err().map(|e| (m.name.clone(), e)))
                .collect();
            if found.is_empty() {
                break;
            }
            for (name, error) in found {
                catalog.metrics.remove(&name);
                errors.push(error);
            }
        }
        (catalog, errors)
    }

    /// The catalog under settings: where a setting chooses between formulas, the chosen one stands alone, so that the
    /// dimensions, the lineage and the explanation of a metric are those of what is computed.
    #[must_use]
    pub fn under(mut self, settings: &Settings) -> Catalog {
        for metric in self.metrics.values_mut() {
            let Kind::Formula { expr, .. } = &metric.kind else { continue };
            let choices: Vec<String> = expr.choices().into_iter().map(str::to_owned).collect();
            if choices.is_empty() {
                continue;
            }
            let chosen = expr.under(settings);
            if let Kind::Formula { expr, chosen_by, .. } = &mut Arc::make_mut(metric).kind {
                (*expr, *chosen_by) = (chosen, choices);
            }
        }
        self
    }

    /// All metrics by name.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.values().map(Arc::as_ref)
    }

    /// The metric of that name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(name).map(Arc::as_ref)
    }

    /// The metric of that name, or an error that names the nearest one.
    ///
    /// # Errors
    /// [`UnknownMetric`].
    pub fn get(&self, name: &str) -> Result<&Arc<Metric>, UnknownMetric> {
        self.metrics.get(name).ok_or_else(|| UnknownMetric {
            name: name.to_owned(),
            hint: did_you_mean(name, self.metrics.keys().map(String::as_str)),
        })
    }

    /// The facts that the catalog was checked against.
    pub fn facts(&self) -> impl Iterator<Item = &FactSchema> {
        self.facts.values()
    }

    /// The fact of that name.
    pub fn fact(&self, name: &str) -> Option<&FactSchema> {
        self.facts.get(name)
    }

    /// Names of the metrics that one is computed from directly.
    pub fn depends_on(&self, name: &str) -> Vec<&str> {
        self.metric(name).map(|m| m.kind.parts()).unwrap_or_default()
    }

    /// Names of the metrics that are computed from one directly.
    pub fn used_by(&self, name: &str) -> Vec<&str> {
        self.metrics().filter(|m| m.kind.parts().contains(&name)).map(|m| m.name.as_str()).collect()
    }

    /// The metrics under one that read facts themselves (itself, if it does), each once.
    pub fn leaves(&self, name: &str) -> Vec<&Metric> {
        let (mut leaves, mut seen, mut open) = (Vec::new(), BTreeSet::new(), vec![name]);
        while let Some(name) = open.pop() {
            let Some(metric) = self.metric(name).filter(|_| seen.insert(name)) else { continue };
            if metric.kind.fact().is_some() {
                leaves.push(metric);
            }
            open.extend(metric.kind.parts());
        }
        leaves
    }

    /// The record tables that a metric is computed from.
    pub fn records(&self, name: &str) -> Vec<&str> {
        let tables: BTreeSet<&str> = self
            .leaves(name)
            .into_iter()
            .flat_map(|m| m.kind.facts())
            .filter_map(|fact| self.facts.get(fact))
            .flat_map(|f| f.records.iter().map(String::as_str))
            .collect();
        tables.into_iter().collect()
    }

    /// Names of the workspace settings that stand in a metric's formula or in those under it.
    pub fn settings(&self, name: &str) -> Vec<&str> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![name]);
        while let Some(name) = open.pop() {
            let Some(metric) = self.metric(name).filter(|_| seen.insert(name)) else { continue };
            if let Kind::Formula { expr, chosen_by, .. } = &metric.kind {
                found.extend(expr.settings());
                found.extend(chosen_by.iter().map(String::as_str));
            }
            if let Kind::Model { .. } = metric.kind {
                found.insert("ltv_horizon_months");
            }
            open.extend(metric.kind.parts());
        }
        found.into_iter().collect()
    }

    /// The dimensions that a metric can be divided by, beside the keys of customers' attributes. The `cohort`
    /// dimension is given by month here.
    pub fn dimensions(&self, name: &str) -> Vec<Dimension> {
        let leaves = self.leaves(name);
        let Some(fact) = leaves.first().and_then(|m| self.facts.get(m.kind.fact()?)) else {
            return Vec::new();
        };
        let standing = Standing::ALL.map(Standing::as_str);
        let names: Vec<&str> =
            fact.dimensions().chain(["cohort"]).chain(standing).chain(CUSTOMER_COLUMNS).collect();
        let mut seen = BTreeSet::new();
        names
            .into_iter()
            .filter(|d| seen.insert(*d))
            .filter(|d| self.divisible(name, d, &[]))
            .filter_map(|d| resolve(fact, d, Grain::Month, &[]))
            .collect()
    }

    /// Whether properties of events are dimensions of a metric: every fact under it has them.
    pub fn has_properties(&self, name: &str) -> bool {
        let leaves = self.leaves(name);
        let fact = |m: &&Metric| m.kind.fact().and_then(|f| self.facts.get(f));
        !leaves.is_empty() && leaves.iter().all(|m| fact(m).is_some_and(|f| f.column(PROPERTIES).is_some()))
    }

    /// Whether the rows under a metric are of persons or of customers, so that it can be asked among some persons.
    pub fn has_people(&self, name: &str) -> bool {
        let people = |f: &FactSchema| ["person_id", "customer_id"].iter().any(|c| f.column(c).is_some());
        self.leaves(name)
            .into_iter()
            .all(|m| m.kind.fact().and_then(|f| self.facts.get(f)).is_some_and(people))
    }

    /// Whether every fact under a metric has the dimension. `attributes` are the known keys of customers' attributes.
    pub fn divisible(&self, name: &str, dimension: &str, attributes: &[String]) -> bool {
        self.leaves(name).into_iter().all(|m| {
            let fact = m.kind.fact().and_then(|f| self.facts.get(f));
            fact.is_some_and(|f| resolve(f, dimension, Grain::Month, attributes).is_some())
        })
    }

    /// Whether the values of a metric add up to the undivided value over some dimension (an entity's at least).
    pub fn is_additive(&self, name: &str) -> bool {
        self.additive(name, true)
    }

    /// Whether the values of a metric add up to the undivided value over a dimension, which follows from its type:
    /// sums and counts always do, numbers of entities only over dimensions of the entity, ratios never.
    pub fn additive_over(&self, name: &str, dimension: &str) -> bool {
        let of_entity = self.leaves(name).into_iter().all(|m| {
            let fact = m.kind.fact().and_then(|f| self.facts.get(f));
            // An attribute is of the entity; its key need not be known here.
            let key = [dimension.to_owned()];
            // A person may act for several customers.
            let of_customer = |f: &FactSchema| f.entity.as_deref() == Some("customer_id");
            fact.and_then(|f| Some((f, resolve(f, dimension, Grain::Month, &key)?))).is_some_and(|(f, d)| {
                d.of_entity() && (of_customer(f) || matches!(d, Dimension::Fact { .. }))
            })
        });
        self.additive(name, of_entity)
    }

    fn additive(&self, name: &str, of_entity: bool) -> bool {
        let Some(metric) = self.metric(name) else { return false };
        match &metric.kind {
            Kind::Simple { fact, aggregate, measure, .. } => match aggregate {
                SimpleAggregate::Sum | SimpleAggregate::Count => true,
                SimpleAggregate::CountDistinct => {
                    let fact = self.facts.get(fact);
                    let column = fact.and_then(|f| f.column(measure.as_deref()?.trim()));
                    of_entity
                        && column.is_some_and(|c| {
                            c.entity_id || fact.and_then(|f| f.entity.as_deref()) == Some(c.name.as_str())
                        })
                }
                SimpleAggregate::Avg | SimpleAggregate::Min | SimpleAggregate::Max => false,
            },
            Kind::Cumulative { aggregate, .. } => *aggregate == CumulativeAggregate::Sum || of_entity,
            Kind::Cohort { take, .. } => take.is_amount() || of_entity,
            Kind::Active { .. } => of_entity,
            Kind::Conversion { take, .. } => {
                matches!(take, ConversionFigure::Base | ConversionFigure::Converted) && of_entity
            }
            Kind::Ratio { .. } | Kind::Model { .. } => false,
            Kind::Revaluation { .. } => true,
            Kind::Formula { expr, .. } => self.additive_expr(expr, of_entity),
        }
    }

    /// Whether an expression is linear in additive metrics without a constant.
    pub(crate) fn additive_expr(&self, expr: &Expr, of_entity: bool) -> bool {
        match expr {
            Expr::Number(_) | Expr::Setting(_) | Expr::NullIf(..) | Expr::Coalesce(_) | Expr::Choose(..) => {
                false
            }
            Expr::Metric(name) => self.additive(name, of_entity),
            Expr::Negate(a) | Expr::Opening(a) | Expr::Shift(a, _) | Expr::Share(a) => {
                self.additive_expr(a, of_entity)
            }
            // A mean over the periods that have a value is linear only when all have one, as additive metrics do.
            Expr::TrailingAvg(a, _) => self.additive_expr(a, of_entity),
            Expr::Binary(a, op, b) => match op {
                Operator::Add | Operator::Subtract => {
                    self.additive_expr(a, of_entity) && self.additive_expr(b, of_entity)
                }
                Operator::Multiply => {
                    (a.is_constant() && self.additive_expr(b, of_entity))
                        || (b.is_constant() && self.additive_expr(a, of_entity))
                }
                Operator::Divide => b.is_constant() && self.additive_expr(a, of_entity),
            },
        }
    }

    fn check(&self, metric: &Metric) -> Result<(), PageError> {
        let fail = |field: &str, message: String| {
            Err(PageError { file: metric.file.clone(), line: line_of(metric, field), message })
        };
        let names: &[&str] = match &metric.kind {
            Kind::Ratio { .. } => &["numerator", "denominator"],
            Kind::Revaluation { .. } | Kind::Model { .. } => &["of"],
            _ => &["formula"],
        };
        for part in metric.kind.parts() {
            if let Err(e) = self.get(part) {
                let quoted = |field: &&&str| metric.definition.contains(&format!("{field}: {part}"));
                let field = names.iter().find(quoted).or(names.first()).copied().unwrap_or("type");
                return fail(field, e.to_string());
            }
        }
        if let Some(path) = self.cycle(&metric.name) {
            let field = names.first().copied().unwrap_or("type");
            return fail(field, format!("the metric is computed from itself: {path}; break the circle"));
        }
        match &metric.kind {
            Kind::Formula { expr, .. } => {
                if let Err(message) = self.check_formula(expr) {
                    return fail("formula", message);
                }
                if !expr.metrics().is_empty() {
                    Ok(())
                } else {
                    fail("formula", "the formula names no metric".into())
                }
            }
            Kind::Revaluation { of, flows, less } => {
                if !self.is_balance(of) {
                    return fail("of", format!("{of} is no balance; name a cumulative metric of money"));
                }
                let flow = |n: &&String| matches!(self.metric(n).map(|m| &m.kind), Some(Kind::Simple { .. }));
                match flows.iter().chain(less).find(|n| !flow(n)) {
                    Some(other) => fail("flows", format!("{other} is no flow; name simple metrics")),
                    None => Ok(()),
                }
            }
            Kind::Model { of, .. } => {
                let counts = match self.metric(of).map(|m| &m.kind) {
                    Some(Kind::Cumulative {
                        aggregate: CumulativeAggregate::PositiveEntities, fact, ..
                    }) => self.facts.get(fact).is_some_and(|fact| fact.column("first_paid_at").is_some()),
                    _ => false,
                };
                if !counts {
                    let message = format!(
                        "{of} has no cohorts to look at; name a metric of positive_entities over a fact with first_paid_at, such as customers"
                    );
                    return fail("of", message);
                }
                match metric.unit {
                    Unit::Months => Ok(()),
                    other => fail(
                        "unit",
                        format!("a model counts months, not {}; write unit: months", other.as_str()),
                    ),
                }
            }
            Kind::Ratio { .. } => Ok(()),
            Kind::Simple { fact, measure, filter, aggregate, .. } => {
                let plain = matches!(aggregate, SimpleAggregate::Count | SimpleAggregate::CountDistinct);
                self.check_fact(metric, fact, measure.as_deref(), filter.as_deref(), None, !plain)
            }
            Kind::Cumulative { fact, measure, filter, entity, aggregate, .. } => {
                let money = *aggregate == CumulativeAggregate::Sum;
                self.check_fact(metric, fact, Some(measure), filter.as_deref(), entity.as_deref(), money)
            }
            Kind::Active { fact, filter, entity, .. } => {
                self.check_counted(metric, fact, filter.as_deref(), entity)
            }
            Kind::Conversion { fact, filter, entity, target, target_filter, link, take, .. } => {
                self.check_counted(metric, fact, filter.as_deref(), entity)?;
                if (*take == ConversionFigure::Days) != (metric.unit == Unit::Days) {
                    return fail("unit", "take: days goes with unit: days, and with no other".to_owned());
                }
                let Some(to) = self.facts.get(target) else {
                    let hint = did_you_mean(target, self.facts.keys().map(String::as_str));
                    return fail("target", format!("there is no fact \"{target}\"{hint}"));
                };
                if let Some(filter) = target_filter
                    && let Err(message) = Fragment::parse(filter, to)
                {
                    return fail("target_filter", message);
                }
                let both = [fact, target].map(|name| self.facts.get(name));
                match both.into_iter().flatten().find(|f| f.column(link).is_none()) {
                    Some(f) => {
                        let hint = did_you_mean(link, f.columns.iter().map(|c| c.name.as_str()));
                        fail("link", format!("fact {} has no column \"{link}\"{hint}", f.name))
                    }
                    None => Ok(()),
                }
            }
            Kind::Cohort { fact, measure, filter, entity, take, .. } => self.check_fact(
                metric,
                fact,
                Some(measure),
                filter.as_deref(),
                Some(entity),
                take.is_amount(),
            ),
        }
    }

    /// Checks a metric that counts entities of a fact, not necessarily the one that its rows are ordered by.
    fn check_counted(
        &self,
        metric: &Metric,
        fact: &str,
        filter: Option<&str>,
        entity: &str,
    ) -> Result<(), PageError> {
        self.check_fact(metric, fact, None, filter, None, false)?;
        let column = crate::plan::entity_column(entity);
        if self.facts.get(fact).is_some_and(|f| f.column(&column).is_none()) {
            let message = format!("fact {fact} has no column {column}, so its {entity}s cannot be counted");
            return Err(PageError { file: metric.file.clone(), line: line_of(metric, "entity"), message });
        }
        Ok(())
    }

    fn check_fact(
        &self,
        metric: &Metric,
        fact: &str,
        measure: Option<&str>,
        filter: Option<&str>,
        entity: Option<&str>,
        amount: bool,
    ) -> Result<(), PageError> {
        let fail = |field: &str, message: String| {
            Err(PageError { file: metric.file.clone(), line: line_of(metric, field), message })
        };
        let Some(schema) = self.facts.get(fact) else {
            let hint = did_you_mean(fact, self.facts.keys().map(String::as_str));
            return fail("fact", format!("there is no fact \"{fact}\"{hint}"));
        };
        if let Some(entity) = entity {
            let column = schema.entity.as_deref().unwrap_or("");
            if column != entity && column.strip_suffix("_id") != Some(entity) {
                let own = schema.entity.as_deref().map_or("none", |c| c.strip_suffix("_id").unwrap_or(c));
                return fail("entity", format!("the entity of fact {fact} is {own}, not {entity}"));
            }
        }
        if let Some(filter) = filter
            && let Err(message) = Fragment::parse(filter, schema)
        {
            return fail("filter", message);
        }
        let Some(measure) = measure else { return Ok(()) };
        let money = match Fragment::parse(measure, schema).and_then(|f| f.money()) {
            Ok(money) => money,
            Err(message) => return fail("measure", message),
        };
        if amount && money.is_some() != (metric.unit == Unit::Money) {
            let message = match money {
                Some(_) => format!(
                    "\"{measure}\" is money, but the unit is {}; write unit: money",
                    metric.unit.as_str()
                ),
                None => {
                    format!("\"{measure}\" is no money; use a column *_parts or *_minor, or another unit")
                }
            };
            return fail("unit", message);
        }
        if amount && money.is_some() && schema.column("currency").is_none() {
            return fail(
                "fact",
                format!("fact {fact} has no column currency, so its amounts cannot be converted"),
            );
        }
        Ok(())
    }

    fn check_formula(&self, expr: &Expr) -> Result<(), String> {
        let defaults = Settings::default();
        let mut wrong = None;
        expr.walk(&mut |e| match e {
            Expr::Opening(inner) => {
                if let Some(flow) = inner.metrics().into_iter().find(|m| !self.is_balance(m)) {
                    wrong.get_or_insert(format!(
                        "opening({flow}) has no meaning: {flow} is no balance; use previous({flow})"
                    ));
                }
            }
            Expr::Choose(setting, arms) => {
                let known = burgeon_core::settings::choices(setting);
                if known.is_empty() || defaults.word(setting).is_none() {
                    let words = defaults.list().into_iter().filter(|s| !s.choices.is_empty()).map(|s| s.name);
                    wrong.get_or_insert(format!(
                        "there is no setting \"{setting}\" to choose by{}",
                        did_you_mean(setting, words.collect::<Vec<_>>())
                    ));
                } else if let Some((word, _)) = arms.iter().find(|(word, _)| !known.contains(&word.as_str()))
                {
                    let hint = did_you_mean(word, known.iter().copied());
                    wrong.get_or_insert(format!("{setting} is never \"{word}\"{hint}"));
                } else if let Some(word) = known.iter().find(|word| !arms.iter().any(|(arm, _)| arm == *word))
                {
                    wrong.get_or_insert(format!("{setting} may be {word}; say what holds then"));
                }
            }
            Expr::Setting(name) if defaults.number(name).is_none() => {
                let all = defaults.list();
                let numbers = all.iter().map(|s| s.name).filter(|n| defaults.number(n).is_some());
                wrong.get_or_insert(format!(
                    "there is no setting \"{name}\" with a number{}",
                    did_you_mean(name, numbers)
                ));
            }
            _ => {}
        });
        wrong.map_or(Ok(()), Err)
    }

    /// Whether a metric is a running balance, or computed from running balances of this period alone.
    pub(crate) fn is_balance(&self, name: &str) -> bool {
        self.balance(name, 0)
    }

    fn balance(&self, name: &str, depth: usize) -> bool {
        // Circles are reported apart; here they must only come to an end.
        let inner = |name: &str| depth < 60 && self.balance(name, depth + 1);
        match self.metric(name).map(|m| &m.kind) {
            Some(Kind::Cumulative { window, .. }) => window.is_none(),
            Some(Kind::Ratio { numerator, denominator }) => inner(numerator) && inner(denominator),
            Some(Kind::Formula { expr, .. }) => expr.metrics().into_iter().all(inner),
            _ => false,
        }
    }

    /// A path from a metric back to itself, if there is one.
    fn cycle(&self, start: &str) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Vec<&str>> = vec![vec![start]];
        while let Some(path) = open.pop() {
            for next in self.depends_on(path.last().copied().unwrap_or(start)) {
                let mut longer = path.clone();
                longer.push(next);
                if next == start {
                    return Some(longer.join(" → "));
                }
                if seen.insert(next) {
                    open.push(longer);
                }
            }
        }
        None
    }
}

/// Where a fact gets a dimension from: its own column first, then `cohort`, then what the customer paid for, then the
/// customer. Facts of the subscriptions themselves say what was paid for by their own columns or not at all: a balance by the plan
/// of each of its changes would be no balance by plan.
pub(crate) fn resolve(
    fact: &FactSchema,
    name: &str,
    grain: Grain,
    attributes: &[String],
) -> Option<Dimension> {
    if let Some(key) = name.strip_prefix(OF_EVENT).or_else(|| name.strip_prefix("properties.")) {
        return property(fact, key);
    }
    if let Some(name) = name.strip_prefix("customer.") {
        // Also where the fact has a column of that name, which may say something else.
        return of_customer(fact, name, grain, attributes);
    }
    if fact.dimensions().any(|d| d == name) {
        let of_entity =
            fact.entity.as_deref() == Some(name) || fact.column(name).is_some_and(|c| c.of_entity);
        return Some(Dimension::Fact { column: name.to_owned(), of_entity });
    }
    if name == "cohort" && fact.column("first_paid_at").is_some() {
        return Some(Dimension::Cohort { grain });
    }
    of_customer(fact, name, grain, attributes)
}

/// What a fact knows of the customer of a row.
fn of_customer(fact: &FactSchema, name: &str, grain: Grain, attributes: &[String]) -> Option<Dimension> {
    fact.column("customer_id")?;
    if name == "cohort" {
        return Some(Dimension::Cohort { grain });
    }
    let of_subscriptions = fact.records.iter().any(|table| table == "subscription_changes");
    if let Some(of) = Standing::ALL.into_iter().find(|of| of.as_str() == name)
        && !of_subscriptions
    {
        return Some(Dimension::Standing { of });
    }
    if CUSTOMER_COLUMNS.contains(&name) {
        return Some(Dimension::Customer { column: name.to_owned() });
    }
    attributes.iter().any(|a| a == name).then(|| Dimension::Attribute { key: name.to_owned() })
}

/// What `event.path` and `event.plan` say of a fact over events: a column of events is that column, where the fact has it; all
/// else is a key of the properties.
fn property(fact: &FactSchema, key: &str) -> Option<Dimension> {
    fact.column(PROPERTIES)?;
    let of_events = burgeon_core::records::table("events").and_then(|table| table.column(key));
    if of_events.is_some() {
        return fact
            .dimensions()
            .any(|d| d == key)
            .then(|| Dimension::Fact { column: key.to_owned(), of_entity: false });
    }
    (!key.is_empty()).then(|| Dimension::Property { name: format!("{OF_EVENT}{key}") })
}

fn line_of(metric: &Metric, field: &str) -> usize {
    let at = metric
        .definition
        .lines()
        .position(|l| l.strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with(':')));
    at.map_or(2, |i| i + 2)
}
