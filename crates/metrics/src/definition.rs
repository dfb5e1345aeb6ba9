//! What a metric is: one enum variant for each type, with exactly the fields of that type.

use std::collections::BTreeMap;

use burgeon_core::time::Grain;
use serde::Serialize;

use crate::formula::Expr;

/// A text in the languages of the product. English is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Label(pub BTreeMap<String, String>);

impl Label {
    /// A label that has only English.
    pub fn english(text: &str) -> Label {
        Label(BTreeMap::from([("en".to_owned(), text.to_owned())]))
    }

    /// A label in all three languages.
    pub fn of(en: &str, ru: &str, zh: &str) -> Label {
        Label([("en", en), ("ru", ru), ("zh", zh)].map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    }

    /// The text in a language (`en`, `ru`, `zh`), else in English.
    pub fn get(&self, language: &str) -> &str {
        self.0.get(language).or_else(|| self.0.get("en")).map_or("", String::as_str)
    }

    /// The English text.
    pub fn en(&self) -> &str {
        self.get("en")
    }
}

/// What a metric's value counts. Decides how it is rounded and printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Major units of the query's currency; printed with the currency's decimals.
    Money,
    /// A number of things; printed whole.
    Count,
    /// A fraction of one (0.1 is 10 %); printed with up to six decimals.
    Percent,
    /// A quotient of like things.
    Ratio,
    /// Months.
    Months,
    /// Years.
    Years,
    /// Days.
    Days,
    /// Seconds; shown as a length of time.
    Seconds,
    /// Periods of the query's grain.
    Periods,
}

impl Unit {
    pub(crate) const NAMES: [(&'static str, Unit); 9] = [
        ("money", Unit::Money),
        ("count", Unit::Count),
        ("percent", Unit::Percent),
        ("ratio", Unit::Ratio),
        ("months", Unit::Months),
        ("years", Unit::Years),
        ("days", Unit::Days),
        ("seconds", Unit::Seconds),
        ("periods", Unit::Periods),
    ];

    /// The name in definition pages and answers.
    pub fn as_str(self) -> &'static str {
        Unit::NAMES.iter().find(|(_, u)| *u == self).map_or("count", |(n, _)| n)
    }
}

/// Which direction is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither.
    Neutral,
}

impl Better {
    pub(crate) const NAMES: [(&'static str, Better); 3] =
        [("higher", Better::Higher), ("lower", Better::Lower), ("neutral", Better::Neutral)];
}

/// How a band is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Good news.
    Good,
    /// Neither.
    Neutral,
    /// Needs attention.
    Warn,
    /// Bad news.
    Bad,
}

impl Tone {
    pub(crate) const NAMES: [(&'static str, Tone); 4] =
        [("good", Tone::Good), ("neutral", Tone::Neutral), ("warn", Tone::Warn), ("bad", Tone::Bad)];
}

/// A range of values with a meaning, shown behind a chart. Bounds are decimal texts in the metric's unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Band {
    /// Lower bound, inclusive; `None` is without bound.
    pub from: Option<BandLimit>,
    /// Upper bound, exclusive; `None` is without bound.
    pub to: Option<BandLimit>,
    /// Colour.
    pub tone: Tone,
    /// Meaning.
    pub label: Label,
    /// The band holds at this grain only (a yearly norm says nothing about a month).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grain: Option<Grain>,
}

/// A number as it stands in a definition; serialised as a JSON number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandLimit(pub burgeon_core::exact::Exact);

impl Serialize for BandLimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_f64(6) {
            Some(value) => serializer.serialize_f64(value),
            None => serializer.serialize_none(),
        }
    }
}

/// The aggregate of a `simple` metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimpleAggregate {
    /// Sum of the measure.
    Sum,
    /// Number of rows (where the measure, if any, is not null).
    Count,
    /// Number of distinct values of the measure.
    CountDistinct,
    /// Sum ÷ number of rows with a value.
    Avg,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
}

impl SimpleAggregate {
    pub(crate) const NAMES: [(&'static str, SimpleAggregate); 6] = [
        ("sum", SimpleAggregate::Sum),
        ("count", SimpleAggregate::Count),
        ("count_distinct", SimpleAggregate::CountDistinct),
        ("avg", SimpleAggregate::Avg),
        ("min", SimpleAggregate::Min),
        ("max", SimpleAggregate::Max),
    ];
}

/// The aggregate of a `cumulative` metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CumulativeAggregate {
    /// Running (or trailing) sum of the measure.
    Sum,
    /// Number of entities whose own running sum is above zero.
    PositiveEntities,
}

impl CumulativeAggregate {
    pub(crate) const NAMES: [(&'static str, CumulativeAggregate); 2] =
        [("sum", CumulativeAggregate::Sum), ("positive_entities", CumulativeAggregate::PositiveEntities)];
}

/// The length of a window that ends with the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// The period itself.
    Period,
    /// This many calendar months up to the period's end.
    Months(i32),
    /// This many days up to the period's end.
    Days(i32),
}

/// A figure of a fitted model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelTake {
    /// The expected value.
    Expected,
    /// Lower end of the interval of 95 %.
    Low,
    /// Upper end of the interval.
    High,
}

impl ModelTake {
    pub(crate) const NAMES: [(&'static str, ModelTake); 3] =
        [("expected", ModelTake::Expected), ("low", ModelTake::Low), ("high", ModelTake::High)];
}

/// The figure of a `conversion` metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversionFigure {
    /// Converted entities ÷ all of the base.
    Rate,
    /// Entities of the base.
    Base,
    /// Converted entities.
    Converted,
    /// Days that it took the converted entities, on average.
    Days,
}

/// A metric's type, with exactly its own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An aggregate over the rows of one fact that happened in the period.
    Simple {
        /// Fact.
        fact: String,
        /// Aggregate.
        aggregate: SimpleAggregate,
        /// SQL expression over the fact's columns; `None` only for `count`.
        measure: Option<String>,
        /// SQL condition.
        filter: Option<String>,
        /// The sign is turned (`sign: negate`).
        negate: bool,
    },
    /// A balance at the period's end, or a trailing sum.
    Cumulative {
        /// Fact.
        fact: String,
        /// Aggregate.
        aggregate: CumulativeAggregate,
        /// SQL expression, signed.
        measure: String,
        /// SQL condition.
        filter: Option<String>,
        /// Entity that `positive_entities` counts.
        entity: Option<String>,
        /// Trailing window instead of "since ever"; sums only.
        window: Option<Window>,
        /// The sign is turned.
        negate: bool,
    },
    /// Entities with a balance at the window's start, compared with their balance at its end.
    Cohort {
        /// Fact.
        fact: String,
        /// SQL expression, signed.
        measure: String,
        /// SQL condition.
        filter: Option<String>,
        /// Entity.
        entity: String,
        /// Window, ends with the period.
        window: Window,
        /// What is added up.
        take: crate::base::CohortTake,
    },
    /// Entities with rows in a window that ends with the period: active users.
    Active {
        /// Fact.
        fact: String,
        /// SQL condition.
        filter: Option<String>,
        /// Entity that is counted, e.g. `person`.
        entity: String,
        /// Window, ends with the period.
        window: Window,
    },
    /// Entities with rows of one fact in the period, and those who come to a row of another within a time.
    Conversion {
        /// Fact of the base.
        fact: String,
        /// SQL condition on the base.
        filter: Option<String>,
        /// Entity that is counted, e.g. `person`; its column stands in the base.
        entity: String,
        /// Fact of the target.
        target: String,
        /// SQL condition on the target.
        target_filter: Option<String>,
        /// Column of both facts by which they belong together, e.g. `customer_id`.
        link: String,
        /// How many days after the base row the target counts at the earliest, each of 24 hours.
        after: i32,
        /// How many days after the base row the target may come, each of 24 hours.
        days: i32,
        /// The figure.
        take: ConversionFigure,
    },
    /// One metric divided by another.
    Ratio {
        /// Metric above the line.
        numerator: String,
        /// Metric below the line.
        denominator: String,
    },
    /// An expression over metrics.
    Formula {
        /// The text as written.
        text: String,
        /// The parsed expression.
        expr: Expr,
        /// The settings that chose it ([`Catalog::under`](crate::Catalog::under)).
        chosen_by: Vec<String>,
    },
    /// Months that a customer stays, predicted by a curve that is fitted to how many stayed so far
    /// ([`lifetime`](crate::insight::lifetime)). Always computed by month.
    Model {
        /// A metric that counts entities with a balance, each of which has a first payment.
        of: String,
        /// Months up to the period's end whose losses are looked at.
        window_months: i32,
        /// Which figure of the prediction.
        take: ModelTake,
    },
    /// What exchange rates alone did to a balance: closing − opening − flows + less, each flow converted at its
    /// own date.
    Revaluation {
        /// The balance.
        of: String,
        /// Flows that raise the balance.
        flows: Vec<String>,
        /// Flows that lower it, as positive figures.
        less: Vec<String>,
    },
}

impl Kind {
    /// The name of the type in definition pages.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Simple { .. } => "simple",
            Kind::Cumulative { .. } => "cumulative",
            Kind::Cohort { .. } => "cohort",
            Kind::Active { .. } => "active",
            Kind::Conversion { .. } => "conversion",
            Kind::Ratio { .. } => "ratio",
            Kind::Formula { .. } => "formula",
            Kind::Model { .. } => "model",
            Kind::Revaluation { .. } => "revaluation",
        }
    }

    /// The fact of a metric that reads rows itself.
    pub fn fact(&self) -> Option<&str> {
        match self {
            Kind::Simple { fact, .. }
            | Kind::Cumulative { fact, .. }
            | Kind::Cohort { fact, .. }
            | Kind::Active { fact, .. }
            | Kind::Conversion { fact, .. } => Some(fact),
            _ => None,
        }
    }

    /// The facts that a metric reads itself.
    pub fn facts(&self) -> Vec<&str> {
        let target = match self {
            Kind::Conversion { target, .. } => Some(target.as_str()),
            _ => None,
        };
        self.fact().into_iter().chain(target).collect()
    }

    /// The names of the metrics that this one is computed from, each once, in order of mention.
    pub fn parts(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match self {
            Kind::Ratio { numerator, denominator } => vec![numerator, denominator],
            Kind::Formula { expr, .. } => expr.metrics(),
            Kind::Model { of, .. } => vec![of],
            Kind::Revaluation { of, flows, less } => {
                std::iter::once(of).chain(flows).chain(less).map(String::as_str).collect()
            }
            _ => Vec::new(),
        };
        let mut seen = std::collections::HashSet::new();
        names.retain(|n| seen.insert(*n));
        names
    }
}

/// One metric definition, as its page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Name in queries: lower-case letters, digits and `_`.
    pub name: String,
    /// Name for people.
    pub label: Label,
    /// Folder of the page under `definitions/metrics`: `revenue`, `sales`, `success`, …
    pub area: String,
    /// What the value counts.
    pub unit: Unit,
    /// Which direction is good news.
    pub better: Better,
    /// Ranges with a meaning.
    pub bands: Vec<Band>,
    /// Always computed at this grain; a longer period shows its last one.
    pub grain: Option<Grain>,
    /// Dimensions to divide by when the query names none.
    pub default_by: Vec<String>,
    /// Why the value is empty when the metric's own division has nothing to divide by.
    pub null_reason: Option<Label>,
    /// Type and its fields.
    pub kind: Kind,
    /// Markdown of the page without front matter and examples.
    pub prose: String,
    /// Path of the page, as it was given.
    pub file: String,
    /// Front matter as text, for the "definition" panel.
    pub definition: String,
    /// Worked examples of the page.
    pub examples: Vec<crate::example::Example>,
}

impl Metric {
    /// The first paragraph of the prose on one line.
    pub fn summary(&self) -> String {
        let first = self.prose.trim().split("\n\n").next().unwrap_or("");
        first.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The computation in one line, for people: `mrr ÷ customers`, `sum of amount_parts over mrr_movements`.
    pub fn formula_text(&self) -> String {
        let sign = |negate: bool| if negate { "−" } else { "" };
        let only = |filter: &Option<String>| filter.as_ref().map_or(String::new(), |f| format!(" where {f}"));
        match &self.kind {
            Kind::Simple { fact, aggregate, measure, filter, negate } => {
                let name = SimpleAggregate::NAMES.iter().find(|(_, a)| a == aggregate).map_or("", |(n, _)| n);
                let measure = measure.as_deref().unwrap_or("*");
                format!("{}{name}({measure}) over {fact}{}", sign(*negate), only(filter))
            }
            Kind::Cumulative { fact, aggregate, measure, filter, entity, window, negate } => {
                let what = match aggregate {
                    CumulativeAggregate::Sum => format!("running sum({measure})"),
                    CumulativeAggregate::PositiveEntities => {
                        format!(
                            "number of {}s whose sum({measure}) > 0",
                            entity.as_deref().unwrap_or("entitie")
                        )
                    }
                };
                let window = match window {
                    Some(Window::Months(n)) => format!(" in the trailing {n} months"),
                    Some(Window::Days(n)) => format!(" in the trailing {n} days"),
                    _ => String::new(),
                };
                format!("{}{what} over {fact}{}{window}", sign(*negate), only(filter))
            }
            Kind::Cohort { fact, measure, filter, entity, window, take } => {
                let window = match window {
                    Window::Period => "the period's start".to_owned(),
                    Window::Months(n) => format!("{n} months before the period's end"),
                    Window::Days(n) => format!("{n} days before the period's end"),
                };
                let take = match take {
                    crate::base::CohortTake::StartAmount => "balance then",
                    crate::base::CohortTake::EndAmount => "balance at the end",
                    crate::base::CohortTake::CappedAmount => "balance at the end, at most the one then",
                    crate::base::CohortTake::StartEntities => "their number",
                    crate::base::CohortTake::KeptEntities => "number of those who still have one at the end",
                };
                format!(
                    "each {entity} with sum({measure}) > 0 at {window}: {take}; over {fact}{}",
                    only(filter)
                )
            }
            Kind::Active { fact, filter, entity, window } => {
                let window = match window {
                    Window::Period => "the period".to_owned(),
                    Window::Months(n) => format!("the {n} months to the period's end"),
                    Window::Days(n) => format!("the {n} days to the period's end"),
                };
                format!("number of {entity}s with rows in {window} over {fact}{}", only(filter))
            }
            Kind::Conversion { fact, filter, entity, target, target_filter, after, days, take, .. } => {
                let base = format!("{entity}s in {fact}{}", only(filter));
                let time = match after {
                    0 => format!("within {days} days"),
                    after => format!("{after} to {days} days later"),
                };
                let converted = format!("followed by {target}{} {time}", only(target_filter));
                match take {
                    ConversionFigure::Base => base,
                    ConversionFigure::Converted => format!("{base}, {converted}"),
                    ConversionFigure::Rate => format!("{base}, {converted} ÷ all of them"),
                    ConversionFigure::Days => format!("mean days to it of {base}, {converted}"),
                }
            }
            Kind::Ratio { numerator, denominator } => format!("{numerator} ÷ {denominator}"),
            Kind::Formula { expr, chosen_by, .. } if !chosen_by.is_empty() => {
                format!("{expr} (chosen by {})", chosen_by.join(", "))
            }
            Kind::Formula { text, .. } => text.clone(),
            Kind::Model { of, window_months, take } => {
                let what = match take {
                    ModelTake::Expected => "expected lifetime",
                    ModelTake::Low => "lower end of the expected lifetime's interval of 95 %",
                    ModelTake::High => "upper end of the expected lifetime's interval of 95 %",
                };
                format!(
                    "{what}, from the retention curve fitted to {of} in the trailing {window_months} months"
                )
            }
            Kind::Revaluation { of, flows, less } => {
                let minus: String = flows.iter().map(|f| format!(" − {f}")).collect();
                let plus: String = less.iter().map(|f| format!(" + {f}")).collect();
                format!("{of} − opening({of}){minus}{plus}")
            }
        }
    }
}
