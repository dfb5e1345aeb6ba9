//! What questions about events are broken down and filtered by: dimensions of events, attributes of persons, and
//! attributes of the customers that persons belong to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, AsArray, Decimal128Array, RecordBatch};
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::records;
use datafusion::common::cast::as_decimal128_array;
use parking_lot::Mutex;

use super::engine::Engine;
use super::error::EngineError;
use super::sql::SqlLimits;
use crate::events::{Breakdown, EventStore, Filter, Question};

/// Attributes of customers that follow from their subscriptions.
const DERIVED: [&str; 5] = ["plan", "interval", "currency", "mrr_band", "cohort"];
/// Lower bounds of MRR bands in major units of the display currency.
const MRR_BANDS: [i64; 5] = [0, 50, 200, 1_000, 5_000];

/// What a question is broken down by, or a filter is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupBy {
    /// Nothing: one group.
    Nothing,
    /// A column or property of the event, or `event` for its name.
    Event(String),
    /// A column of `persons` or a key of their traits.
    Person(String),
    /// A column of `customers`, a key of their attributes, `customer` for the customer itself, or what follows from
    /// subscriptions: `plan`, `interval`, `currency`, `mrr_band`, `cohort` (month of the first payment).
    Customer(String),
}

impl GroupBy {
    /// Reads a name: `person.role` and `customer.country` say whose attribute is meant; of plain names, `customer` and
    /// what follows from subscriptions are the customer's, all others the event's.
    pub fn parse(name: &str) -> GroupBy {
        match name.split_once('.') {
            Some(("person", rest)) => GroupBy::Person(rest.to_owned()),
            Some(("customer", rest)) => GroupBy::Customer(rest.to_owned()),
            _ if name.is_empty() => GroupBy::Nothing,
            _ if name == "customer" || DERIVED.contains(&name) => GroupBy::Customer(name.to_owned()),
            _ => GroupBy::Event(name.to_owned()),
        }
    }
}

/// The groups of a breakdown. Group 0 is "no value".
#[derive(Debug, Clone)]
pub struct Groups {
    /// For [`Question::by`].
    pub by: Breakdown,
    /// The value of each group, by its number; `None` for "no value" and for [`Groups::other`].
    pub texts: Vec<Option<String>>,
    /// The group of all values that have none of their own.
    pub other: Option<u32>,
}

/// Codes of persons that were given out last, by what they are about.
#[derive(Debug, Default)]
pub(super) struct GivenCodes(Mutex<BTreeMap<(GroupBy, usize), Given>>);

#[derive(Debug, Clone)]
struct Given {
    codes: Arc<[u32]>,
    texts: Vec<Option<String>>,
}

/// Sets of persons, or of groups, that were given out last.
#[derive(Debug)]
pub(super) struct GivenLately<T>(Mutex<VecDeque<Arc<[T]>>>);

impl<T> Default for GivenLately<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: PartialEq> GivenLately<T> {
    /// The same object as last time where they say the same, so that kept answers are found.
    pub fn same(&self, set: Vec<T>) -> Arc<[T]> {
        let mut given = self.0.lock();
        if let Some(known) = given.iter().find(|known| known[..] == set[..]) {
            return Arc::clone(known);
        }
        if given.len() >= SETS {
            given.pop_front();
        }
        let new: Arc<[T]> = set.into();
        given.push_back(Arc::clone(&new));
        new
    }
}

/// Sets that are remembered.
const SETS: usize = 16;

impl Engine {
    /// Bits of persons for [`Question::persons`]: the same object as last time where they say the same, so that kept answers are
    /// found.
    pub fn same_bits(&self, bits: Vec<u64>) -> Arc<[u64]> {
        self.bits.same(bits)
    }

    /// Groups of numbers for [`Breakdown::Mapped`], the same object as last time as well.
    pub(super) fn same_groups(&self, groups: Vec<u32>) -> Arc<[u32]> {
        self.maps.same(groups)
    }

    /// The groups of a breakdown: at most `most` values with a group of their own, those with the most persons, the
    /// others together. While values stay the same the answer is the same object, so that kept answers are found.
    ///
    /// # Errors
    /// Without a store of events; when storage fails.
    pub async fn event_groups(&self, by: &GroupBy, most: usize) -> Result<Groups, EngineError> {
        match by {
            GroupBy::Nothing => Ok(Groups { by: Breakdown::None, texts: vec![None], other: None }),
            GroupBy::Event(name) => self.groups_of_events(name, most).await,
            GroupBy::Person(_) | GroupBy::Customer(_) => {
                let values = self.values_of_persons(by).await?;
                Ok(self.groups_of_persons(by, values, most))
            }
        }
    }

    /// Bits of the persons who have one of some values (`None` is "no value"), or who have none of them; for
    /// [`Question::persons`].
    ///
    /// # Errors
    /// As [`Engine::event_groups`]; for filters on events, which go to [`Question::filters`].
    pub async fn persons_with(
        &self,
        of: &GroupBy,
        values: &[Option<String>],
        negated: bool,
    ) -> Result<Arc<[u64]>, EngineError> {
        let groups = self.event_groups(of, usize::MAX).await?;
        let Breakdown::PersonCodes(codes) = &groups.by else {
            return Err(EngineError::Query("a filter on events is no filter on persons".into()));
        };
        let wanted: Vec<bool> = groups.texts.iter().map(|text| values.contains(text) != negated).collect();
        let persons = self.store()?.snapshot().persons().len().max(codes.len());
        let mut bits = vec![0u64; persons.div_ceil(64)];
        for person in 0..persons {
            let code = codes.get(person).copied().unwrap_or_default();
            if wanted.get(code as usize).copied().unwrap_or_default() {
                bits[person / 64] |= 1 << (person % 64);
            }
        }
        Ok(bits.into())
    }

    fn store(&self) -> Result<EventStore, EngineError> {
        self.events().ok_or_else(|| EngineError::Query("these records have no events".into()))
    }

    async fn groups_of_events(&self, name: &str, most: usize) -> Result<Groups, EngineError> {
        let store = self.store()?;
        store.make_hot(&[name.to_owned()].into_iter().filter(|name| name != "event").collect()).await?;
        let snapshot = store.snapshot();
        let texts = snapshot.texts(name).map_err(crate::lake::LakeError::from)?;
        // Codes of names start with the first name; there is no "no value".
        if texts.len() <= most.saturating_add(1) {
            return Ok(Groups { by: Breakdown::Dimension(name.to_owned()), texts, other: None });
        }
        let by = Breakdown::Dimension(name.to_owned());
        let usage = Usage::between(i64::MIN, i64::MAX, texts.len() as u32);
        let question = Question { by, conditions: vec![vec![any()?]], ..Question::default() };
        let sum = store.ask(question, usage.clone()).await?;
        let known = name != "event";
        let mut groups: Vec<u32> = vec![most as u32 + 1; texts.len()];
        let mut kept = vec![None];
        if known {
            groups[0] = 0;
        }
        let mut top: Vec<u32> = usage.top(&sum, 0, most, known).into_iter().map(|(code, ..)| code).collect();
        top.sort_unstable(); // the same values give the same groups, however their order changes
        for code in top {
            groups[code as usize] = kept.len() as u32;
            kept.push(texts[code as usize].clone());
        }
        let other = kept.len() as u32;
        groups.iter_mut().filter(|group| **group > other).for_each(|group| *group = other);
        kept.push(None);
        while groups.last() == Some(&other) {
            groups.pop();
        }
        let key = (GroupBy::Event(name.to_owned()), most);
        let given = self.given.give(key, groups, kept);
        let dimensions = vec![(name.to_owned(), given.codes.len() as u32)];
        let by = Breakdown::Mapped { dimensions, groups: given.codes, other };
        Ok(Groups { by, texts: given.texts, other: Some(other) })
    }

    fn groups_of_persons(&self, by: &GroupBy, values: Values, most: usize) -> Groups {
        let Values { texts, codes, .. } = values;
        let mut counts = vec![0u64; texts.len()];
        codes.iter().for_each(|code| counts[*code as usize] += 1);
        let mut order: Vec<usize> = (1..texts.len()).filter(|code| counts[*code] > 0).collect();
        let all = order.len();
        if all > most {
            order.sort_by_key(|code| (std::cmp::Reverse(counts[*code]), *code));
            order.truncate(most);
        }
        order.sort_by(|a, b| texts[*a].cmp(&texts[*b]));
        let other = (all > most).then_some(order.len() as u32 + 1);
        let mut groups = vec![other.unwrap_or_default(); texts.len()];
        groups[0] = 0;
        let mut kept = vec![None];
        for code in order {
            groups[code] = kept.len() as u32;
            kept.push(texts[code].clone());
        }
        kept.extend(other.map(|_| None));
        let mut codes: Vec<u32> = codes.iter().map(|code| groups[*code as usize]).collect();
        while codes.last() == Some(&0) {
            codes.pop();
        }
        let given = self.given.give((by.clone(), most), codes, kept);
        Groups { by: Breakdown::PersonCodes(given.codes), texts: given.texts, other }
    }

    /// The value of every person.
    async fn values_of_persons(&self, of: &GroupBy) -> Result<Values, EngineError> {
        let store = self.store()?;
        match of {
            GroupBy::Customer(name) => {
                let of_customer = self.values_of_customers(name).await?;
                let (customers, codes) = store.customers_of_persons().await?;
                let mut values = Values::new();
                let of_code: Vec<u32> = customers
                    .iter()
                    .map(|customer| match (name == "customer", of_customer.get(customer)) {
                        (true, _) => values.code(customer),
                        (false, Some(value)) => values.code(value),
                        (false, None) => 0,
                    })
                    .collect();
                let code = |code: &u32| code.checked_sub(1).map_or(0, |at| of_code[at as usize]);
                values.codes = codes.iter().map(code).collect();
                Ok(values)
            }
            GroupBy::Person(name) => {
                let value = match records::table("persons").and_then(|table| table.column(name)) {
                    Some(_) => format!("CAST(\"{name}\" AS VARCHAR)"),
                    None => format!("json_text(traits, '{}')", name.replace('\'', "''")),
                };
                let sql = format!(
                    "SELECT distinct_id, value FROM (SELECT distinct_id, {value} AS value FROM records.persons) \
                     WHERE value IS NOT NULL AND value <> ''"
                );
                let mut rows = Vec::new();
                for batch in &self.all(&sql).await? {
                    let (ids, texts) = (text(batch, 0)?, text(batch, 1)?);
                    rows.extend(ids.into_iter().zip(texts));
                }
                let mut values = Values::new();
                let coded: Vec<(String, u32)> =
                    rows.into_iter().filter_map(|(id, value)| Some((id?, values.code(&value?)))).collect();
                values.codes = store.spread_over_persons(coded).await?;
                Ok(values)
            }
            GroupBy::Nothing | GroupBy::Event(_) => Ok(Values::new()),
        }
    }

    /// The value of every customer that has one.
    async fn values_of_customers(&self, name: &str) -> Result<HashMap<String, String>, EngineError> {
        let mut out = HashMap::new();
        if name == "customer" {
            return Ok(out);
        }
        if DERIVED.contains(&name) {
            return self.values_of_payers(name).await;
        }
        let value = match records::table("customers").and_then(|table| table.column(name)) {
            Some(_) => format!("CAST(\"{name}\" AS VARCHAR)"),
            None => format!("json_text(attributes, '{}')", name.replace('\'', "''")),
        };
        let sql = format!("SELECT customer_id, {value} AS value FROM records.customers");
        for batch in &self.all(&sql).await? {
            for (id, value) in text(batch, 0)?.into_iter().zip(text(batch, 1)?) {
                if let (Some(id), Some(value)) = (id, value.filter(|value| !value.is_empty())) {
                    out.insert(id, value);
                }
            }
        }
        Ok(out)
    }

    /// What follows from the subscriptions of every customer at this moment.
    async fn values_of_payers(&self, name: &str) -> Result<HashMap<String, String>, EngineError> {
        let now = format!("to_timestamp_micros({})", self.now());
        let sql = format!(
            "SELECT customer_id, plan, \"interval\", currency, \
                    CAST(period_start(min(first_paid_at), 'month') AS VARCHAR) AS cohort, \
                    convert(sum(amount_parts), currency, {now}) AS parts \
             FROM mrr_movements WHERE NOT scheduled AND at <= {now} \
             GROUP BY customer_id, plan, \"interval\", currency ORDER BY customer_id, plan, \"interval\", currency"
        );
        /// What is known of a customer.
        #[derive(Default)]
        struct Payer {
            largest: i128,
            text: Option<String>,
            sum: i128,
            cohort: Option<String>,
        }
        let mut payers: HashMap<String, Payer> = HashMap::new();
        let mut scale = 0;
        for batch in &self.all(&sql).await? {
            let ids = text(batch, 0)?;
            let texts = match name {
                "plan" => text(batch, 1)?,
                "interval" => text(batch, 2)?,
                _ => text(batch, 3)?,
            };
            let cohorts = text(batch, 4)?;
            let parts: &Decimal128Array = as_decimal128_array(batch.column(5))?;
            scale = i32::from(parts.scale());
            for (row, id) in ids.into_iter().enumerate() {
                let Some(id) = id else { continue };
                let payer = payers.entry(id).or_default();
                let amount = if parts.is_valid(row) { parts.value(row) } else { 0 };
                payer.sum += amount;
                // The cohort of a customer is that of their first payment, whichever row says it.
                payer.cohort = match (payer.cohort.take(), cohorts[row].clone()) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                if amount > payer.largest {
                    payer.largest = amount;
                    payer.text.clone_from(&texts[row]);
                }
            }
        }
        // Parts of a minor unit to a major unit of the display currency.
        let exponent = self.options().display.exponent();
        let major = 720_720i128 * 10i128.pow(exponent + scale.unsigned_abs());
        let value = |payer: Payer| match name {
            "cohort" => payer.cohort.map(|day| day.chars().take(7).collect()),
            "mrr_band" => (payer.sum > 0).then(|| band((payer.sum / major) as i64)),
            _ => payer.text,
        };
        Ok(payers.into_iter().filter_map(|(id, payer)| Some((id, value(payer)?))).collect())
    }

    async fn all(&self, sql: &str) -> Result<Vec<RecordBatch>, EngineError> {
        let limits = SqlLimits { rows: usize::MAX, ..SqlLimits::default() };
        Ok(self.sql(sql, limits).await?.batches)
    }
}

/// The name of the MRR band of an amount in major units.
pub(super) fn band(amount: i64) -> String {
    let at = MRR_BANDS.partition_point(|bound| *bound <= amount).saturating_sub(1);
    match MRR_BANDS.get(at + 1) {
        Some(next) if at == 0 => format!("under {next}"),
        Some(next) => format!("{} to {next}", MRR_BANDS[at]),
        None => format!("{} and more", MRR_BANDS[at]),
    }
}

/// The step that every row meets.
fn any() -> Result<burgeon_core::behaviour::step::Step, EngineError> {
    burgeon_core::behaviour::step::Step::parse("*").map_err(|error| EngineError::Query(error.to_string()))
}

/// Values with codes; code 0 is "no value".
#[derive(Debug)]
struct Values {
    texts: Vec<Option<String>>,
    /// Code of each person, by number.
    codes: Vec<u32>,
    places: HashMap<String, u32>,
}

impl Values {
    fn new() -> Self {
        Self { texts: vec![None], codes: Vec::new(), places: HashMap::new() }
    }

    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.places.get(text) {
            return *code;
        }
        let code = self.texts.len() as u32;
        self.texts.push(Some(text.to_owned()));
        self.places.insert(text.to_owned(), code);
        code
    }
}

impl GivenCodes {
    /// The same object as last time where it says the same.
    fn give(&self, key: (GroupBy, usize), codes: Vec<u32>, texts: Vec<Option<String>>) -> Given {
        let mut given = self.0.lock();
        if let Some(before) = given.get(&key)
            && *before.codes == *codes
            && before.texts == texts
        {
            return before.clone();
        }
        let new = Given { codes: codes.into(), texts };
        given.insert(key, new.clone());
        new
    }
}

/// The texts of a column.
fn text(batch: &RecordBatch, at: usize) -> Result<Vec<Option<String>>, EngineError> {
    let column = arrow::compute::cast(batch.column(at), &arrow::datatypes::DataType::Utf8View)
        .map_err(|error| EngineError::Query(error.to_string()))?;
    let texts = column.as_string_view();
    Ok(texts.iter().map(|text| text.map(str::to_owned)).collect())
}

/// A filter on events, from what is asked for.
///
/// # Errors
/// For filters on persons, which go to [`Engine::persons_with`].
pub fn event_filter(of: &GroupBy, values: Vec<Option<String>>, negated: bool) -> Result<Filter, EngineError> {
    match of {
        GroupBy::Event(name) => Ok(Filter { dimension: name.clone(), values, negated }),
        _ => Err(EngineError::Query("a filter on persons is no filter on events".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_attribute_is_meant() {
        assert_eq!(GroupBy::parse("channel"), GroupBy::Event("channel".into()));
        assert_eq!(GroupBy::parse("customer.channel"), GroupBy::Customer("channel".into()));
        assert_eq!(GroupBy::parse("person.role"), GroupBy::Person("role".into()));
        assert_eq!(GroupBy::parse("plan"), GroupBy::Customer("plan".into()));
        assert_eq!(GroupBy::parse(""), GroupBy::Nothing);
    }

    #[test]
    fn bands_are_half_open() {
        let bands: Vec<String> = [0, 49, 50, 199, 200, 5_000].into_iter().map(band).collect();
        assert_eq!(bands, ["under 50", "under 50", "50 to 200", "50 to 200", "200 to 1000", "5000 and more"]);
    }
}
