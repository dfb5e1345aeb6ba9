//! Many customers in little memory: texts of their own lie in one buffer, texts that many share are numbered. A customer
//! takes about 100 bytes and the length of its id, name and address.

use super::Customer;
use std::cmp::Ordering;
use std::collections::HashMap;

/// A text in the buffer; empty for none.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    start: usize,
    length: u32,
}

/// One customer.
#[derive(Debug)]
struct Entry {
    id: Own,
    name: Own,
    email: Own,
    /// Numbers of shared texts; 0 for none.
    country: u32,
    channel: u32,
    plan: u32,
    status: u32,
    since: u32,
    mrr: f64,
    ltv: Option<f64>,
}

/// Customers in the order of their ids.
#[derive(Debug)]
pub struct Compact {
    currency: String,
    entries: Vec<Entry>,
    texts: String,
    /// Shared texts by their number less one.
    shared: Vec<Box<str>>,
}

/// Takes customers in, one by one.
pub(super) struct Builder {
    made: Compact,
    numbers: HashMap<Box<str>, u32>,
}

impl Builder {
    pub fn new(currency: &str, expected: usize) -> Self {
        let made = Compact {
            currency: currency.to_owned(),
            entries: Vec::with_capacity(expected),
            texts: String::new(),
            shared: Vec::new(),
        };
        Self { made, numbers: HashMap::new() }
    }

    fn own(&mut self, text: Option<&str>) -> Own {
        let text = text.unwrap_or_default();
        let start = self.made.texts.len();
        self.made.texts.push_str(text);
        Own { start, length: u32::try_from(text.len()).unwrap_or(0) }
    }

    fn shared(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.made.shared.push(text.into());
        let number = u32::try_from(self.made.shared.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }

    pub fn push(&mut self, customer: &Customer) {
        let entry = Entry {
            id: self.own(Some(&customer.customer_id)),
            name: self.own(customer.name.as_deref()),
            email: self.own(customer.email.as_deref()),
            country: self.shared(customer.country.as_deref()),
            channel: self.shared(customer.channel.as_deref()),
            plan: self.shared(customer.plan.as_deref()),
            status: self.shared(Some(&customer.status)),
            since: self.shared(customer.since.as_deref()),
            mrr: customer.mrr,
            ltv: customer.ltv,
        };
        self.made.entries.push(entry);
    }

    pub fn finish(mut self) -> Compact {
        let Compact { entries, texts, .. } = &mut self.made;
        let id = |entry: &Entry| &texts[entry.id.start..entry.id.start + entry.id.length as usize];
        entries.sort_unstable_by(|left, right| id(left).cmp(id(right)));
        entries.shrink_to_fit();
        self.made.texts.shrink_to_fit();
        self.made
    }
}

impl Compact {
    fn own(&self, text: Own) -> Option<&str> {
        let end = text.start + text.length as usize;
        self.texts.get(text.start..end).filter(|text| !text.is_empty())
    }

    fn shared(&self, number: u32) -> Option<&str> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.shared.get(at).map(|text| &**text)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The customer at a place.
    pub fn get(&self, place: usize) -> Customer {
        let entry = &self.entries[place];
        let own = |text| self.own(text).map(str::to_owned);
        let shared = |number| self.shared(number).map(str::to_owned);
        Customer {
            customer_id: own(entry.id).unwrap_or_default(),
            name: own(entry.name),
            email: own(entry.email),
            country: shared(entry.country),
            channel: shared(entry.channel),
            plan: shared(entry.plan),
            mrr: entry.mrr,
            currency: self.currency.clone(),
            since: shared(entry.since),
            status: shared(entry.status).unwrap_or_default(),
            ltv: entry.ltv,
        }
    }

    /// The place of a customer.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| self.own(entry.id).unwrap_or_default().cmp(id)).ok()
    }

    /// Whether id, name or address hold a text that is in lower case already.
    pub fn matches(&self, place: usize, needle: &str) -> bool {
        let entry = &self.entries[place];
        needle.is_empty()
            || [entry.id, entry.name, entry.email]
                .into_iter()
                .filter_map(|text| self.own(text))
                .any(|text| text.to_lowercase().contains(needle))
    }

    fn text(&self, place: usize, column: &str) -> Option<&str> {
        let entry = &self.entries[place];
        match column {
            "name" => self.own(entry.name),
            "email" => self.own(entry.email),
            "since" => self.shared(entry.since),
            "status" => self.shared(entry.status),
            "plan" => self.shared(entry.plan),
            "country" => self.shared(entry.country),
            "channel" => self.shared(entry.channel),
            _ => self.own(entry.id),
        }
    }

    /// Whether a customer has no value in a column.
    pub fn absent(&self, place: usize, column: &str) -> bool {
        match column {
            "mrr" => false,
            "ltv" => self.entries[place].ltv.is_none(),
            _ => self.text(place, column).is_none(),
        }
    }

    /// Two customers by a column, the smaller first.
    pub fn compare(&self, left: usize, right: usize, column: &str) -> Ordering {
        let number = |place: usize| match column {
            "mrr" => Some(self.entries[place].mrr),
            "ltv" => Some(self.entries[place].ltv.unwrap_or(0.0)),
            _ => None,
        };
        match (number(left), number(right)) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ if column == "name" => {
                let name = |place| self.text(place, column).unwrap_or_default().to_lowercase();
                name(left).cmp(&name(right))
            }
            _ => self.text(left, column).cmp(&self.text(right, column)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(id: &str, name: Option<&str>, plan: Option<&str>, mrr: f64, ltv: Option<f64>) -> Customer {
        Customer {
            customer_id: id.to_owned(),
            name: name.map(str::to_owned),
            email: None,
            country: Some("DE".to_owned()),
            channel: None,
            plan: plan.map(str::to_owned),
            mrr,
            currency: "EUR".to_owned(),
            since: Some("2026-01-05".to_owned()),
            status: if mrr > 0.0 { "active" } else { "churned" }.to_owned(),
            ltv,
        }
    }

    #[test]
    fn what_goes_in_comes_out_by_id() {
        let all = [
            customer("b", Some("Möller & Söhne"), Some("Pro"), 10.0, None),
            customer("a", None, Some("Pro"), 0.0, Some(5.0)),
            customer("c", Some("Acme"), None, 30.0, Some(7.5)),
        ];
        let mut builder = Builder::new("EUR", 3);
        all.iter().for_each(|one| builder.push(one));
        let made = builder.finish();
        assert_eq!(made.len(), 3);
        let mut sorted = all.to_vec();
        sorted.sort_by(|x, y| x.customer_id.cmp(&y.customer_id));
        for (place, one) in sorted.iter().enumerate() {
            assert_eq!((made.find(&one.customer_id), &made.get(place)), (Some(place), one));
        }
        assert_eq!(made.find("d"), None);
        assert!(made.matches(1, "söhne") && !made.matches(0, "söhne"));
        assert!(made.absent(0, "name") && made.absent(2, "plan") && made.absent(1, "ltv"));
        assert_eq!(made.compare(0, 2, "mrr"), Ordering::Less);
        assert_eq!(made.compare(1, 2, "name"), Ordering::Greater);
        assert_eq!(made.compare(0, 1, "plan"), Ordering::Equal);
        assert!(size_of::<Entry>() <= 96, "{}", size_of::<Entry>());
    }
}
