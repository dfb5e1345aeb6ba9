//! Persons as queries show them: the main identifier and the customer of each.
//!
//! The customer of a person is the one that `persons` names for them; else the known customer that the newest of their
//! events to name one names; else the customer whose identifier is one of theirs; else the customer with the mail address
//! of theirs; else a customer whom only events name. An address that several customers share joins nobody. Of several
//! identifiers of a person the main one counts first, then the one seen first. Merged customers are shown as the surviving
//! one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray, StringViewBuilder};
use burgeon_events::Persons;

use super::identity::Identity;
use super::named::Named;
use super::state::EventsShared;
use crate::lake::state::{MergeMap, TableState};
use crate::lake::{Result, Shared, fold};

/// The ledger table of persons.
pub(crate) const PERSONS: &str = "persons";
/// The ledger table of customers.
const CUSTOMERS: &str = "customers";

/// What one row of `persons` says about customers.
#[derive(Debug)]
struct Said {
    number: u32,
    customer: Option<Box<str>>,
    email: Option<Box<str>>,
}

/// What is kept between questions.
#[derive(Debug, Default)]
pub(crate) struct PeopleCache {
    /// Rows of `persons` by bucket, with the bucket's version.
    said: Vec<(u64, Arc<Vec<Said>>)>,
    /// Customers by version of their table.
    customers: Option<(u64, Arc<CustomerNames>)>,
    named: Named,
    made: Option<(Key, Arc<People>)>,
}

/// What a [`People`] was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    persons: u64,
    customers: u64,
    merges: u64,
    identity: u64,
    named: u64,
    identifiers: u32,
}

#[derive(Debug, Default)]
struct CustomerNames {
    ids: BTreeSet<Box<str>>,
    /// The customer of a mail address; `None` when several have it.
    emails: HashMap<Box<str>, Option<Box<str>>>,
}

/// Main identifier and customer of everybody.
#[derive(Debug)]
pub(crate) struct People {
    persons: Persons,
    /// For identifiers that are not the main one: place of the main one's text, + 1; 0 for all others.
    main: Vec<u32>,
    main_texts: StringViewArray,
    /// Customer of each person, by number: place in [`People::customers`], + 1; 0 for none.
    customer: Vec<u32>,
    customers: StringViewArray,
    merges: Arc<MergeMap>,
}

impl People {
    /// The person of each row: the text of the main identifier. `own` is the identifier that the row came under.
    pub fn person_ids(&self, who: &[i32], own: &StringViewArray) -> Result<ArrayRef> {
        let place = |who: i32| self.main.get(who as usize).copied().unwrap_or_default();
        if self.main_texts.is_empty() || who.iter().all(|who| place(*who) == 0) {
            return Ok(Arc::new(own.clone()));
        }
        let pairs: Vec<(usize, usize)> = who
            .iter()
            .enumerate()
            .map(|(row, who)| match place(*who) {
                0 => (0, row),
                at => (1, at as usize - 1),
            })
            .collect();
        Ok(arrow::compute::interleave(&[own, &self.main_texts], &pairs)?)
    }

    /// The customer of each row: the one that the event names, else the person's.
    pub fn customer_ids(&self, who: &[i32], named: &StringViewArray) -> Result<ArrayRef> {
        let none = StringViewArray::new_null(1);
        let merged = self.merged(named);
        let named = merged.as_ref().unwrap_or(named);
        let pairs: Vec<(usize, usize)> = who
            .iter()
            .enumerate()
            .map(|(row, who)| match named.is_valid(row) {
                true => (0, row),
                false => match self.customer_code(*who as u32) {
                    0 => (2, 0),
                    at => (1, at as usize - 1),
                },
            })
            .collect();
        Ok(arrow::compute::interleave(&[named, &self.customers, &none], &pairs)?)
    }

    /// The column with merged customers under the surviving one; `None` when there are none.
    fn merged(&self, named: &StringViewArray) -> Option<StringViewArray> {
        if self.merges.into.is_empty() || named.null_count() == named.len() {
            return None;
        }
        Some(named.iter().map(|name| name.map(|name| survivor(&self.merges, name))).collect())
    }

    /// Code of the customer of an identifier's person; 0 for none.
    pub fn customer_code(&self, who: u32) -> u32 {
        let person = self.persons.of(who);
        self.customer.get(person as usize).copied().unwrap_or_default()
    }

    /// Code of the customer of each person, by number.
    pub fn customer_codes(&self) -> &[u32] {
        &self.customer
    }

    /// Customers that have persons, by code less one.
    pub fn customers(&self) -> &StringViewArray {
        &self.customers
    }

    /// The customer of an identifier's person.
    pub fn customer(&self, who: u32) -> Option<&str> {
        match self.customer_code(who) {
            0 => None,
            code => Some(self.customers.value(code as usize - 1)),
        }
    }
}

fn survivor<'a>(merges: &'a MergeMap, name: &'a str) -> &'a str {
    merges.into.get(name).map_or(name, String::as_str)
}

/// The people of this moment. Reads tables where they changed: call it where blocking is allowed.
pub(crate) fn people(shared: &Shared) -> Result<Arc<People>> {
    let persons = shared.table(PERSONS)?.state();
    let customers = shared.table(CUSTOMERS)?.state();
    let merges = Arc::clone(&customers.merges);
    let hot = &shared.events.hot;
    let mut cache = shared.events.people.lock();
    cache.named.catch_up(&shared.events)?;
    let identifiers = hot.identifiers();
    let key = Key {
        persons: persons.version(),
        customers: customers.version(),
        merges: shared.table("customer_merges")?.state().version(),
        identity: shared.events.identity.lock().version,
        named: cache.named.version,
        identifiers,
    };
    let names = cache.customers(&customers)?;
    if let Some((made, people)) = &mut cache.made {
        // New identifiers are persons of their own and nobody's customer, unless they are called like one.
        let mut same = *made == Key { identifiers: made.identifiers, ..key };
        for number in made.identifiers..key.identifiers {
            same = same && !hot.identifier(number)?.is_some_and(|text| names.ids.contains(text.as_str()));
        }
        if same {
            *made = key;
            return Ok(Arc::clone(people));
        }
    }
    let said = cache.said(shared, &persons)?;
    let people = Arc::new(make(shared, &said, &cache.named, &names, merges)?);
    cache.made = Some((key, Arc::clone(&people)));
    Ok(people)
}

impl PeopleCache {
    /// Forgets what events say of customers; see [`Named::forget`].
    pub fn forget(&mut self, events: &EventsShared) {
        self.named.forget(events);
    }

    /// What `persons` says, read anew for the buckets that changed.
    fn said(&mut self, shared: &Shared, state: &TableState) -> Result<Vec<Arc<Vec<Said>>>> {
        self.said.resize_with(state.buckets.len(), || (0, Arc::default()));
        for (at, bucket) in state.buckets.iter().enumerate() {
            if self.said[at].0 == bucket.version {
                continue;
            }
            let mut said = Vec::new();
            for batch in fold::present(state, at)? {
                let ids = text(&batch, "distinct_id");
                let (customer, email) = (text(&batch, "customer_id"), text(&batch, "email"));
                let names: Vec<&str> = ids.iter().flatten().collect();
                let numbers = shared.events.hot.numbers(&names)?;
                for (row, number) in numbers.into_iter().enumerate() {
                    let customer = value(customer, row).map(Into::into);
                    let email = value(email, row).map(|email| address(email).into());
                    if customer.is_some() || email.is_some() {
                        said.push(Said { number, customer, email });
                    }
                }
            }
            self.said[at] = (bucket.version, Arc::new(said));
        }
        Ok(self.said.iter().map(|(_, said)| Arc::clone(said)).collect())
    }

    fn customers(&mut self, state: &TableState) -> Result<Arc<CustomerNames>> {
        if let Some((version, names)) = &self.customers
            && *version == state.version()
        {
            return Ok(Arc::clone(names));
        }
        let mut names = CustomerNames::default();
        for at in 0..state.buckets.len() {
            for batch in fold::present(state, at)? {
                let (ids, emails) = (text(&batch, "customer_id"), text(&batch, "email"));
                for row in 0..batch.num_rows() {
                    let id: Box<str> = ids.value(row).into();
                    if emails.is_valid(row) && !emails.value(row).is_empty() {
                        let owner = Some(survivor(&state.merges, &id).into());
                        names
                            .emails
                            .entry(address(emails.value(row)).into())
                            .and_modify(|other| {
                                if *other != owner {
                                    *other = None;
                                }
                            })
                            .or_insert(owner.clone());
                    }
                    names.ids.insert(id);
                }
            }
        }
        let names = Arc::new(names);
        self.customers = Some((state.version(), Arc::clone(&names)));
        Ok(names)
    }
}

/// A text of a column that is not empty.
fn value(column: &StringViewArray, row: usize) -> Option<&str> {
    Some(column.value(row)).filter(|text| column.is_valid(row) && !text.is_empty())
}

/// A mail address as it is compared.
fn address(text: &str) -> String {
    text.trim().to_lowercase()
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringViewArray {
    let at = batch.schema_ref().index_of(name).unwrap_or_default();
    batch.column(at).as_string_view()
}

/// How well founded a claim is: lower is better.
const SAID: u64 = 0;
const EVENT: u64 = 1;
const IDENTIFIER: u64 = 2;
const MAIL: u64 = 3;
/// By an event, on a customer that nothing else knows.
const UNKNOWN: u64 = 4;

/// The best claim on each person so far.
struct Claims<'a> {
    persons: &'a Persons,
    identity: &'a Identity,
    /// For each person how well founded the claim is: source, main identifier or not, number; lower is better.
    ranks: Vec<u64>,
    /// For each person the place of the customer, + 1.
    customer: Vec<u32>,
    places: HashMap<&'a str, u32>,
    names: StringViewBuilder,
}

impl<'a> Claims<'a> {
    fn put(&mut self, source: u64, number: u32, customer: &'a str) {
        let person = self.persons.of(number) as usize;
        let other = u64::from(self.identity.main(number) != number);
        let rank = source << 33 | other << 32 | u64::from(number);
        if self.ranks.len() <= person {
            self.ranks.resize(person + 1, u64::MAX);
            self.customer.resize(person + 1, 0);
        }
        if rank < self.ranks[person] {
            let next = self.places.len() as u32 + 1;
            let place = *self.places.entry(customer).or_insert_with(|| {
                self.names.append_value(customer);
                next
            });
            self.ranks[person] = rank;
            self.customer[person] = place;
        }
    }
}

fn make(
    shared: &Shared,
    said: &[Arc<Vec<Said>>],
    named: &Named,
    names: &CustomerNames,
    merges: Arc<MergeMap>,
) -> Result<People> {
    let persons = shared.events.hot.snapshot().persons();
    let identity = shared.events.identity.lock();
    let (mut main, mut main_texts) = (Vec::new(), StringViewBuilder::new());
    let mut places: HashMap<u32, u32> = HashMap::new();
    for (number, of, text) in identity.others() {
        let next = places.len() as u32 + 1;
        let place = *places.entry(of).or_insert_with(|| {
            main_texts.append_value(text);
            next
        });
        if main.len() <= number as usize {
            main.resize(number as usize + 1, 0);
        }
        main[number as usize] = place;
    }
    let mut claims = Claims {
        persons: &persons,
        identity: &identity,
        ranks: Vec::new(),
        customer: Vec::new(),
        places: HashMap::new(),
        names: StringViewBuilder::new(),
    };
    for one in said.iter().flat_map(|said| said.iter()) {
        match (&one.customer, &one.email) {
            (Some(customer), _) => claims.put(SAID, one.number, survivor(&merges, customer)),
            (None, Some(email)) => {
                if let Some(Some(customer)) = names.emails.get(email) {
                    claims.put(MAIL, one.number, customer);
                }
            }
            (None, None) => {}
        }
    }
    for (number, customer) in named.claims() {
        let customer = survivor(&merges, customer);
        let source = if names.ids.contains(customer) { EVENT } else { UNKNOWN };
        claims.put(source, number, customer);
    }
    for id in &names.ids {
        if let Some(number) = shared.events.hot.number(id) {
            claims.put(IDENTIFIER, number, survivor(&merges, id));
        }
    }
    let (customer, customers) = (claims.customer, claims.names.finish());
    drop(identity);
    Ok(People { persons, main, main_texts: main_texts.finish(), customer, customers, merges })
}
