//! What questions over events share: their words, the span of time, breakdown and filters.

use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::added::AddedRows;
use burgeon_core::behaviour::meaning::parse_duration;
use burgeon_core::behaviour::step::Step;
use burgeon_core::behaviour::usage::UsedBetween;
use burgeon_core::records::table;
use burgeon_core::text::{did_you_mean, nearest};
use burgeon_core::time::{Grain, Period, Zone, days_between};
use burgeon_engine::events::{Filter, Question};
use burgeon_engine::lake::LakeError;
use burgeon_engine::plan::groups::{GroupBy, Groups};
use burgeon_metrics::base::Among;
use burgeon_metrics::query::QueryFilter;
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Groups of a breakdown that are told apart; the others are one.
pub const MOST_GROUPS: usize = 50;

/// The pairs of an address or of the command line, in order.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a>(pub &'a [(String, String)]);

impl<'a> Words<'a> {
    /// Refuses names outside `known`, naming the nearest one.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let mend = nearest(name, known.iter().copied()).map_or_else(
                    || format!("known: {}", known.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                let message = format!("there is no parameter `{name}` here");
                Err(Error::invalid("unknown_parameter", message).mend(mend).param(name.clone()))
            }
        }
    }

    /// The last value of `name`, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut named = self.0.iter().rev().filter(|(key, _)| key == name);
        named.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Every value of `name` that is not empty.
    pub fn all(&self, name: &str) -> Vec<&'a str> {
        let named = self.0.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect()
    }

    /// The value of `name`, which must be there.
    pub fn need(&self, name: &str) -> Result<&'a str> {
        self.get(name).ok_or_else(|| {
            Error::invalid("missing_parameter", format!("the parameter `{name}` is missing")).param(name)
        })
    }

    /// One of some words; the first of them when it is absent.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Result<T> {
        let Some(text) = self.get(name) else {
            return choices.first().map(|(_, value)| *value).ok_or_else(|| Error::internal("no choices"));
        };
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let near = did_you_mean(text, words.iter().copied());
            Error::invalid(
                "bad_value",
                format!("`{name}` is {text:?}{near}; it is one of {}", words.join(", ")),
            )
            .param(name)
        })
    }

    /// Yes or no; no when it is absent.
    pub fn flag(&self, name: &'static str) -> Result<bool> {
        self.choice(name, &[("false", false), ("true", true), ("1", true), ("0", false)])
    }

    /// A whole number from `least` to `most`; `default` when it is absent.
    pub fn number(&self, name: &str, default: usize, least: usize, most: usize) -> Result<usize> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let message = format!("`{name}` is {text:?}; it must be a whole number from {least} to {most}");
            Error::invalid("bad_number", message).param(name)
        })
    }
}

/// A step from text.
pub fn step(text: &str, param: &str) -> Result<Step> {
    Step::parse(text).map_err(|error| Error::invalid("bad_step", format!("{text}: {error}")).param(param))
}

/// A length of time such as `30m`, `12h`, `7d` or `2w`, µs.
pub fn duration(text: &str, param: &str) -> Result<i64> {
    parse_duration(text).ok_or_else(|| {
        Error::invalid("bad_duration", format!("{text:?} is no length of time"))
            .mend("write a whole number and s, m, h, d or w, such as 7d")
            .param(param)
    })
}

/// When, among whom, and by what.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// First date, where one is named.
    pub first: Option<Date>,
    /// First date after the end, where one is named.
    pub end: Option<Date>,
    /// The span that is compared with.
    pub earlier: Option<(Date, Date)>,
    /// The dimension of the breakdown.
    pub by: Option<String>,
    /// Conditions on dimensions of events, persons and customers; `did` names a step that the person took.
    pub filters: Vec<QueryFilter>,
    /// A saved segment that persons must be in.
    pub segment: Option<String>,
}

/// The names of the parameters that [`Scope::read`] takes.
pub const SCOPE: &[&str] = &["from", "to", "by", "where", "filter", "compare", "segment"];

impl Scope {
    /// Reads the parameters of [`SCOPE`]. `from` and `to` are dates or periods, both included.
    pub fn read(words: Words<'_>, zone: &Zone) -> Result<Self> {
        let date = |name: &str| -> Result<Option<Period>> {
            let Some(text) = words.get(name) else { return Ok(None) };
            let period = Period::parse(text, zone).or_else(|error| {
                // A moment is good for its day.
                let at = zone.parse_instant(text).map_err(|_| error)?;
                Ok::<_, burgeon_core::time::TimeError>(Period::containing(
                    zone.date_of(at),
                    Grain::Day,
                    zone.week_start(),
                ))
            });
            period.map(Some).map_err(|error| Error::invalid("bad_period", error.to_string()).param(name))
        };
        let first = date("from")?.map(|period| period.start);
        let end = date("to")?.map(|period| period.end);
        if let (Some(first), Some(end)) = (first, end)
            && first >= end
        {
            let message = format!("the end lies before the beginning {first}; turn them round");
            return Err(Error::invalid("bad_period", message).param("to"));
        }
        let earlier = match (words.get("compare"), first, end) {
            (None | Some("none"), _, _) => None,
            (Some("previous"), Some(first), Some(end)) => {
                let days = i64::from(days_between(first, end));
                first.checked_sub(days.days()).ok().map(|start| (start, first))
            }
            (Some("year_ago"), Some(first), Some(end)) => {
                first.checked_sub(1.year()).ok().zip(end.checked_sub(1.year()).ok())
            }
            (Some("previous" | "year_ago"), _, _) => {
                return Err(Error::invalid("missing_parameter", "a comparison needs `from` and `to`")
                    .param("compare"));
            }
            (Some(other), _, _) => {
                let near = did_you_mean(other, ["previous", "year_ago", "none"]);
                let message = format!("unknown comparison {other:?}{near}; write previous, year_ago or none");
                return Err(Error::invalid("bad_value", message).param("compare"));
            }
        };
        let mut filters = Vec::new();
        for name in ["where", "filter"] {
            for text in words.all(name) {
                filters.push(QueryFilter::parse(text)?);
            }
        }
        let (by, segment) = (words.get("by").map(str::to_owned), words.get("segment").map(str::to_owned));
        Ok(Self { first, end, earlier, by, filters, segment })
    }

    /// The instants of the span, half-open; `None` when all of time is asked for.
    pub fn span(&self, zone: &Zone) -> Option<(i64, i64)> {
        if self.first.is_none() && self.end.is_none() {
            return None;
        }
        let first = self.first.map_or(i64::MIN, |date| zone.start_of(date));
        Some((first, self.end.map_or(i64::MAX, |date| zone.start_of(date))))
    }

    /// The span compared with, as instants.
    pub fn earlier_span(&self, zone: &Zone) -> Option<(i64, i64)> {
        self.earlier.map(|(first, end)| (zone.start_of(first), zone.start_of(end)))
    }
}

/// What a dimension is one of: a column of `events` or a property; `person.X` a trait of the person; `customer.X` an
/// attribute of their customer. A name alone that is no column of events and one of the customers' is theirs.
pub fn group_by(dimension: &str, customer_attributes: &[String]) -> GroupBy {
    if let Some(name) = dimension.strip_prefix("event.").or(dimension.strip_prefix("properties.")) {
        return GroupBy::Event(name.to_owned());
    }
    let column = |name: &str| {
        name == EVENT
            || table("events").is_some_and(|table| table.columns.iter().any(|column| column.name == name))
    };
    match GroupBy::parse(dimension) {
        GroupBy::Event(name) if name == "customer_id" => GroupBy::Customer("customer".to_owned()),
        GroupBy::Event(name) if !column(&name) && customer_attributes.contains(&name) => {
            GroupBy::Customer(name)
        }
        by => by,
    }
}

/// What the rest of a breakdown is called.
pub const OTHER: &str = "(other)";

/// The dimension of a condition on what a person did: its values are steps.
const DID: &str = "did";

/// The name under which the event's own name is a dimension.
pub(super) const EVENT: &str = "event";

/// A filter that lets one value of a dimension through.
pub(super) fn is(dimension: &str, value: &str) -> Filter {
    Filter { dimension: dimension.to_owned(), values: vec![Some(value.to_owned())], negated: false }
}

/// A question without its kernel, and the groups that it is broken down by.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Conditions, breakdown, filters.
    pub question: Question,
    /// The value of each group; none for the group of those without a value.
    pub texts: Vec<Option<String>>,
    /// Rows of the ledger that conditions name.
    pub facts: Option<Arc<AddedRows>>,
}

impl Asked {
    /// The number of groups, at least 1.
    pub fn groups(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX).max(1)
    }
}

impl Workspace {
    /// A question about these conditions within a scope; the span of time is the kernel's affair.
    pub(super) async fn asked(&self, conditions: Vec<Vec<Step>>, scope: &Scope) -> Result<Asked> {
        let attributes = self.attribute_keys().await?;
        let mut conditions = conditions;
        let facts = self.facts_of(&mut conditions).await?;
        let mut question = Question { conditions, ..Question::default() };
        let mut persons: Option<Vec<u64>> = None;
        let mut filters = scope.filters.clone();
        if let Some(segment) = &scope.segment {
            filters.extend(self.segment_filters(segment).await?);
        }
        let mut only = |bits: Vec<u64>| {
            persons = Some(match persons.take() {
                None => bits,
                Some(others) => bits.iter().zip(&others).map(|(a, b)| a & b).collect(),
            });
        };
        for filter in &filters {
            if filter.dimension == DID {
                only(self.persons_who_did(filter).await?);
                continue;
            }
            match group_by(&filter.dimension, &attributes) {
                GroupBy::Event(dimension) => {
                    let values = filter.values.iter();
                    let values = values.map(|text| (!text.is_empty()).then(|| text.clone())).collect();
                    question.filters.push(Filter { dimension, values, negated: filter.negated });
                }
                by => {
                    let values = filter.values.iter();
                    let values: Vec<_> =
                        values.map(|text| (!text.is_empty()).then(|| text.clone())).collect();
                    only(self.engine().persons_with(&by, &values, filter.negated).await?.to_vec());
                }
            }
        }
        question.persons = persons.map(|bits| self.engine().same_bits(bits));
        let texts = match &scope.by {
            None => vec![None],
            Some(dimension) => {
                let by = group_by(dimension, &attributes);
                let Groups { by, mut texts, other } = self.engine().event_groups(&by, MOST_GROUPS).await?;
                question.by = by;
                if let Some(text) = other.and_then(|other| texts.get_mut(other as usize)) {
                    *text = Some(OTHER.to_owned());
                }
                texts
            }
        };
        Ok(Asked { question, texts, facts })
    }

    /// Texts of all codes of a hot dimension of events.
    pub(super) fn event_texts(&self, dimension: &str) -> Result<Vec<Option<String>>> {
        Ok(self.events().snapshot().texts(dimension).map_err(LakeError::from)?)
    }

    /// Bits by person number: who took one of some steps, ever. Steps of the ledger (`fact:churn`) are taken by all people of
    /// the customer.
    async fn persons_who_did(&self, filter: &QueryFilter) -> Result<Vec<u64>> {
        let steps = filter.values.iter().map(|text| step(text, "where")).collect::<Result<Vec<_>>>()?;
        let mut conditions = vec![steps];
        let facts = self.facts_of(&mut conditions).await?;
        let question = Question { conditions, ..Question::default() };
        let asked = Asked { question, texts: vec![None], facts };
        let who = UsedBetween { start: i64::MIN, end: i64::MAX, group: None };
        let mut bits = self.nobody();
        for person in self.members(&asked, who).await? {
            if let Some(word) = bits.get_mut(person as usize / 64) {
                *word |= 1 << (person % 64);
            }
        }
        if filter.negated {
            bits.iter_mut().for_each(|word| *word = !*word);
        }
        Ok(bits)
    }

    /// Customers to whom one of the steps of the ledger in a condition happened; steps of events are passed over.
    async fn customers_who_did(&self, filter: &QueryFilter) -> Result<BTreeSet<String>> {
        let steps = filter.values.iter().map(|text| step(text, "where")).collect::<Result<Vec<_>>>()?;
        self.customers_with(&steps).await
    }

    /// The persons that conditions of a metric are about, whatever is negated, and their customers.
    pub(in crate::app) async fn among(
        &self,
        filters: &[QueryFilter],
    ) -> Result<Vec<(QueryFilter, Arc<Among>)>> {
        let mut found = Vec::new();
        for filter in filters.iter().filter(|filter| filter.is_of_people()) {
            let plain = QueryFilter { negated: false, ..filter.clone() };
            let scope = Scope { filters: vec![plain], ..Scope::default() };
            let persons = self.asked(Vec::new(), &scope).await?.question.persons;
            let persons = persons.ok_or_else(|| Error::internal("a condition on persons found no bits"))?;
            let (customers, codes) = self.events().customers_of_persons().await?;
            let among =
                |person: usize| persons.get(person / 64).is_some_and(|word| word >> (person % 64) & 1 == 1);
            let named = codes.iter().enumerate().filter(|(person, _)| among(*person));
            let places: BTreeSet<usize> =
                named.filter_map(|(_, code)| (*code as usize).checked_sub(1)).collect();
            let mut customers: Vec<String> =
                places.into_iter().filter_map(|place| customers.get(place).cloned()).collect();
            if filter.dimension == DID {
                // The ledger knows customers of whom nobody was seen.
                customers.extend(self.customers_who_did(filter).await?);
            }
            customers.sort_unstable();
            customers.dedup();
            let text = format!("{}:{}", filter.dimension, filter.values.join(","));
            let who = Among { text, persons, customers: customers.into() };
            found.push((filter.clone(), Arc::new(who)));
        }
        Ok(found)
    }

    /// A bit for every number that is given, none set.
    fn nobody(&self) -> Vec<u64> {
        vec![0; self.events().snapshot().persons().len().div_ceil(64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration("7d", "within").unwrap(), 7 * 86_400_000_000);
        assert_eq!(duration("30m", "within").unwrap(), 1_800_000_000);
        for wrong in ["", "7", "d", "-1d", "0d", "7 years", "99999999999999d"] {
            assert!(duration(wrong, "within").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_includes_both_ends_and_compares() {
        let pairs = words(&[
            ("from", "2026-02"),
            ("to", "2026-02-10"),
            ("compare", "previous"),
            ("where", "plan:Pro"),
        ]);
        let scope = Scope::read(Words(&pairs), &Zone::utc()).unwrap();
        let date = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!((scope.first, scope.end), (Some(date("2026-02-01")), Some(date("2026-02-11"))));
        assert_eq!(scope.earlier, Some((date("2026-01-22"), date("2026-02-01"))));
        assert_eq!(scope.filters[0].dimension, "plan");
        let error =
            |pairs: &[(&str, &str)]| Scope::read(Words(&words(pairs)), &Zone::utc()).unwrap_err().param;
        assert_eq!(error(&[("from", "2026-03"), ("to", "2026-02")]).as_deref(), Some("to"));
        assert_eq!(error(&[("compare", "previous")]).as_deref(), Some("compare"));
        assert_eq!(error(&[("from", "soon")]).as_deref(), Some("from"));
    }

    #[test]
    fn a_dimension_is_of_events_persons_or_customers() {
        let own = ["region".to_owned(), "country".to_owned()];
        assert_eq!(group_by("channel", &own), GroupBy::Event("channel".into()));
        assert_eq!(group_by("country", &own), GroupBy::Event("country".into()));
        assert_eq!(group_by("region", &own), GroupBy::Customer("region".into()));
        assert_eq!(group_by("customer.country", &own), GroupBy::Customer("country".into()));
        assert_eq!(group_by("plan", &own), GroupBy::Customer("plan".into()));
        assert_eq!(group_by("customer_id", &own), GroupBy::Customer("customer".into()));
        assert_eq!(group_by("event", &own), GroupBy::Event("event".into()));
        assert_eq!(group_by("event.plan", &own), GroupBy::Event("plan".into()));
        assert_eq!(group_by("person.role", &own), GroupBy::Person("role".into()));
    }

    #[test]
    fn words_are_checked() {
        let pairs = words(&[("ordre", "any")]);
        let error = Words(&pairs).only(&["order", "within"]).unwrap_err();
        assert!(error.mend.unwrap().contains("order"));
        let pairs = words(&[("order", "sorted")]);
        let error = Words(&pairs).choice("order", &[("ordered", 1), ("any", 2)]).unwrap_err();
        assert!(error.message.contains("ordered"), "{error}");
    }
}
