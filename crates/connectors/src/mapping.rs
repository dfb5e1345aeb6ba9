//! Guessing what a file is and which column is which field, from the header and the first values.

use burgeon_core::currency::Currency;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::Zone;

use crate::error::Error;
use crate::options::{Options, Source};
use crate::plan::{Binding, Bound, Plan};
use crate::rows::header::normal;
use crate::rows::{Chunk, Layout};
use crate::shape::{Field, Kind, SHAPES, Shape, property_name, shape};
use crate::typed::is_empty;
use crate::value::number::{self, DecimalMark};
use crate::value::time::{DateOrder, TimeReader};
use crate::value::words;

/// How many filled cells of a column are looked at.
const LOOKED_AT: usize = 200;

/// The columns of a file as the guess sees them.
struct Columns<'a> {
    file: &'a str,
    layout: &'a Layout,
    normal: Vec<String>,
    sample: &'a Chunk,
}

impl Columns<'_> {
    fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        (0..self.sample.rows())
            .map(move |row| self.sample.cell(row, column))
            .filter(|text| !is_empty(text))
            .take(LOOKED_AT)
    }

    /// The share of the column's values that can be read as the kind; 1 for empty columns.
    fn share(&self, column: usize, kind: Kind) -> f32 {
        let mut dmy = TimeReader::new(Zone::utc(), Some(DateOrder::Dmy));
        let mut mdy = TimeReader::new(Zone::utc(), Some(DateOrder::Mdy));
        let decimal = |text: &str| {
            number::decimal(text, None).or_else(|_| number::decimal(text, Some(DecimalMark::Comma)))
        };
        let (mut good, mut all) = (0, 0);
        for text in self.values(column) {
            all += 1;
            let fits = match kind {
                Kind::Text | Kind::Id => true,
                Kind::Word(list) => list.read(text).is_ok(),
                Kind::Time | Kind::Date => dmy.instant(text).is_ok() || mdy.instant(text).is_ok(),
                Kind::Major | Kind::Decimal => decimal(text).is_ok(),
                Kind::Minor | Kind::Int => decimal(text).is_ok_and(|dec| dec.scale == 0),
                Kind::Bool => words::boolean(text).is_ok(),
                Kind::Currency => words::currency(text).is_ok(),
                Kind::Interval => words::interval(text).is_ok(),
                Kind::Json => text.starts_with('{'),
            };
            good += i32::from(fits);
        }
        if all == 0 { 1.0 } else { good as f32 / all as f32 }
    }

    /// The position of a column that a person named.
    fn find(&self, name: &str) -> Result<usize, Error> {
        let header = &self.layout.header;
        let exact = header.iter().position(|column| column == name);
        let wanted = normal(name);
        exact.or_else(|| self.normal.iter().position(|column| *column == wanted)).ok_or_else(|| {
            Error::Mapping(format!(
                "the file has no column {name:?}{}; it has {}",
                did_you_mean(name, header.iter().map(String::as_str)),
                listed(header)
            ))
        })
    }
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 40;
    let shown = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

/// How well a header names a field: 0 to 1, with the reason.
fn name_match(field: &Field, column: &str) -> Option<(f32, &'static str)> {
    if column == field.name {
        return Some((1.0, "same name"));
    }
    // Cents are never taken for whole units, nor the other way round.
    let cents = ["_in_cents", "_cents", "_minor"].iter().find_map(|suffix| column.strip_suffix(suffix));
    if (field.kind == Kind::Minor) != cents.is_some() && matches!(field.kind, Kind::Major | Kind::Minor) {
        return None;
    }
    let column = cents.filter(|_| field.kind == Kind::Minor).unwrap_or(column);
    let of = |column: &str| -> Option<f32> {
        if column == field.name || Some(column) == field.name.strip_suffix("_minor") {
            return Some(0.97);
        }
        let place = field.synonyms.iter().position(|synonym| *synonym == column)?;
        Some((0.95 - 0.01 * place as f32).max(0.7))
    };
    if let Some(confidence) = of(column) {
        return Some((confidence, "usual name"));
    }
    let bare = ["_utc", "_gmt", "_iso"].iter().find_map(|suffix| column.strip_suffix(suffix));
    if let Some(confidence) = bare.or_else(|| without_currency(column)).and_then(of) {
        return Some((confidence - 0.05, "usual name"));
    }
    let long = |name: &str| name.len() >= 6 || name.contains('_');
    let tail = field
        .synonyms
        .iter()
        .chain([&field.name])
        .any(|name| long(name) && column.strip_suffix(name).is_some_and(|head| head.ends_with('_')));
    tail.then_some((0.6, "name ends like it"))
}

/// `amount_usd` without its currency.
fn without_currency(column: &str) -> Option<&str> {
    let (head, tail) = column.rsplit_once('_')?;
    Currency::from_code(&tail.to_ascii_uppercase()).map(|_| head)
}

/// Whether a header speaks of recurring revenue of a whole subscription, and of which interval.
fn recurring(column: &str) -> Option<&'static str> {
    let mut parts = column.split('_');
    if parts.any(|part| part == "mrr") || column.contains("monthly_recurring") {
        return Some("month");
    }
    let mut parts = column.split('_');
    (parts.any(|part| part == "arr") || column.contains("annual_recurring")).then_some("year")
}

/// What a person assigned, by field; attributes apart.
struct Given {
    bindings: Vec<Option<Binding>>,
    attributes: Vec<(usize, String)>,
}

fn given(shape: &Shape, columns: &Columns<'_>, options: &Options) -> Result<Given, Error> {
    let mut given = Given { bindings: vec![None; shape.fields.len()], attributes: Vec::new() };
    for assignment in &options.map {
        let bound = match &assignment.source {
            Source::Nothing => Bound::Nothing,
            Source::Literal(text) => Bound::Literal(text.clone()),
            Source::Column(name) => Bound::Column(columns.find(name)?),
        };
        let Some(field) = shape.field(&assignment.field) else {
            let fields = shape.fields.iter().map(|field| field.name);
            let rest = shape.rest.unwrap_or_default();
            let (name, said) =
                match assignment.field.strip_prefix(rest).and_then(|tail| tail.strip_prefix('.')) {
                    Some(name) if !rest.is_empty() => (name, true),
                    _ => (assignment.field.as_str(), false),
                };
            if let (Some(rest), Bound::Column(column)) = (shape.rest, &bound) {
                // A name that is nearly a field's is a slip, unless it is said to be an attribute's.
                let slip = did_you_mean(name, fields);
                if said || slip.is_empty() {
                    given.attributes.push((*column, name.to_owned()));
                    continue;
                }
                return Err(Error::Mapping(format!(
                    "{} has no field {name:?}{slip} For {} of that name write {rest}.{name}=…",
                    shape.name,
                    one_of(rest)
                )));
            }
            let names: Vec<&str> = shape.fields.iter().map(|field| field.name).collect();
            return Err(Error::Mapping(format!(
                "{} has no field {:?}{}; it has {}",
                shape.name,
                assignment.field,
                did_you_mean(&assignment.field, names.iter().copied()),
                names.join(", ")
            )));
        };
        if let Bound::Literal(text) = &bound {
            literal_fits(&shape.fields[field], text)?;
        }
        given.bindings[field] =
            Some(Binding { bound, confidence: 1.0, why: "given".to_owned(), ..Binding::nothing() });
    }
    Ok(given)
}

/// What a thing is called that has no field of its own.
pub(crate) fn one_of(rest: &str) -> &'static str {
    match rest {
        "properties" => "a property",
        "traits" => "a trait",
        _ => "an attribute",
    }
}

/// Refuses a literal that no row could have.
fn literal_fits(field: &Field, text: &str) -> Result<(), Error> {
    let checked = match field.kind {
        Kind::Text | Kind::Id | Kind::Json => Ok(()),
        Kind::Word(words) => words.read(text).map(drop),
        Kind::Time | Kind::Date => TimeReader::new(Zone::utc(), None).instant(text).map(drop),
        Kind::Major | Kind::Decimal => number::decimal(text, Some(DecimalMark::Point)).map(drop),
        Kind::Minor | Kind::Int => number::integer(text, Some(DecimalMark::Point)).map(drop),
        Kind::Bool => words::boolean(text).map(drop),
        Kind::Currency => words::currency(text).map(drop),
        Kind::Interval => words::interval(text).map(drop),
    };
    checked.map_err(|reason| Error::Mapping(format!("{}='{text}': {reason}", field.name)))
}

/// The guess for one shape.
struct Guess {
    shape: &'static Shape,
    bindings: Vec<Binding>,
    attributes: Vec<(usize, String)>,
    notes: Vec<String>,
    score: f32,
    lacks: Vec<Vec<&'static str>>,
}

fn guess(shape: &'static Shape, columns: &Columns<'_>, options: &Options) -> Result<Guess, Error> {
    let given = given(shape, columns, options)?;
    let mut taken: Vec<bool> = vec![false; columns.normal.len()];
    let mut bindings: Vec<Option<Binding>> = given.bindings;
    for binding in bindings.iter().flatten() {
        if let Some(column) = binding.column() {
            taken[column] = true;
        }
    }
    let mut candidates = Vec::new();
    for (index, field) in shape.fields.iter().enumerate() {
        if bindings[index].is_some() {
            continue;
        }
        for (column, name) in columns.normal.iter().enumerate() {
            let Some((confidence, why)) = name_match(field, name) else { continue };
            let share = columns.share(column, field.kind);
            if share >= 0.5 || confidence == 1.0 {
                candidates.push((confidence * (0.5 + 0.5 * share), index, column, why));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (confidence, field, column, why) in candidates {
        if bindings[field].is_none()
            && !taken[column]
            && !rivals(shape, field).iter().any(|f| bindings[*f].is_some())
        {
            taken[column] = true;
            bindings[field] = Some(Binding {
                bound: Bound::Column(column),
                confidence,
                why: why.to_owned(),
                ..Binding::nothing()
            });
        }
    }
    let mut notes = Vec::new();
    propose(shape, columns, options, &mut bindings, &mut notes);
    let mut bindings: Vec<Binding> =
        bindings.into_iter().map(|b| b.unwrap_or_else(Binding::nothing)).collect();
    for binding in &mut bindings {
        if let Some(column) = binding.column() {
            let name = &columns.normal[column];
            binding.utc = name.ends_with("_utc") || name.ends_with("_gmt");
        }
    }
    let mapped = |name: &str| shape.field(name).is_some_and(|field| bindings[field].bound != Bound::Nothing);
    let lacks: Vec<Vec<&'static str>> =
        shape.needs.iter().filter(|group| !group.iter().any(|name| mapped(name))).cloned().collect();
    let signed = !shape.signature.is_empty()
        && shape.signature.iter().all(|name| columns.normal.iter().any(|n| n == name));
    let mut score: f32 = bindings.iter().filter(|b| b.column().is_some()).map(|b| b.confidence).sum();
    score += if signed { 10.0 } else { 0.0 };
    if !shape.signature.is_empty() && !signed {
        score -= 4.0;
    }
    let file = normal(columns.file);
    if shape.name == "customers" && file.contains("customer") || file.contains(shape.name) {
        score += 0.5;
    }
    let mut attributes = given.attributes;
    if let Some(rest) = shape.rest {
        let used: Vec<usize> =
            bindings.iter().filter_map(Binding::column).chain(attributes.iter().map(|a| a.0)).collect();
        for (column, name) in columns.layout.header.iter().enumerate() {
            if !used.contains(&column) && !name.is_empty() {
                let inner = name.strip_prefix(rest).and_then(|tail| tail.strip_prefix('.')).unwrap_or(name);
                // Properties of events are called as the client calls them.
                let name = if rest == "properties" { property_name(name).to_owned() } else { normal(inner) };
                attributes.push((column, name));
            }
        }
    }
    Ok(Guess { shape, bindings, attributes, notes, score, lacks })
}

/// Fields that say the same thing in another unit: of them only one is guessed.
fn rivals(shape: &Shape, field: usize) -> Vec<usize> {
    let is_money = |index: usize| matches!(shape.fields[index].kind, Kind::Major | Kind::Minor);
    if !is_money(field) {
        return Vec::new();
    }
    let base = |name: &str| name.trim_end_matches("_minor").trim_end_matches("_total").to_owned();
    let own = base(shape.fields[field].name);
    (0..shape.fields.len())
        .filter(|other| *other != field && is_money(*other) && base(shape.fields[*other].name) == own)
        .collect()
}

/// Constants that the file implies, and guesses that it forbids.
fn propose(
    shape: &Shape,
    columns: &Columns<'_>,
    options: &Options,
    bindings: &mut [Option<Binding>],
    notes: &mut Vec<String>,
) {
    let is_given = |binding: &Option<Binding>| binding.as_ref().is_some_and(|b| b.why == "given");
    let money: Vec<usize> = shape
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| matches!(field.kind, Kind::Major | Kind::Minor))
        .filter_map(|(index, _)| bindings[index].as_ref().and_then(Binding::column))
        .collect();
    let recurring = money.iter().find_map(|column| Some((*column, recurring(&columns.normal[*column])?)));
    if let (Some((column, interval)), Some(field)) = (recurring, shape.field("interval")) {
        let name = &columns.layout.header[column];
        if !is_given(&bindings[field]) {
            if let Some(other) = bindings[field].as_ref().and_then(Binding::column) {
                notes.push(format!(
                    "{name:?} is per {interval} whatever {:?} says; map interval to that column if it is not",
                    columns.layout.header[other]
                ));
            }
            bindings[field] = Some(literal(interval, 0.9, &format!("{name} is per {interval}")));
        }
        let totals = shape.field("amount_total").is_some_and(|f| bindings[f].is_some());
        if let Some(quantity) = shape.field("quantity").filter(|_| !totals)
            && !is_given(&bindings[quantity])
            && bindings[quantity].take().is_some()
        {
            notes.push(format!(
                "quantity is left empty, since {name:?} is for all units; map quantity if it is for one"
            ));
        }
    }
    if let Some(field) =
        shape.field("currency").filter(|field| bindings[*field].is_none() && !money.is_empty())
    {
        let named = money.iter().find_map(|column| {
            let tail = columns.normal[*column].rsplit('_').next()?.to_ascii_uppercase();
            Currency::from_code(&tail)
                .map(|currency| (currency, 0.9, format!("{} says so", columns.layout.header[*column])))
        });
        let signed = || {
            money.iter().find_map(|column| {
                let sign = signs(columns.values(*column))?;
                Some((sign, 0.7, format!("the values of {} say so", columns.layout.header[*column])))
            })
        };
        let own = || {
            options
                .currency
                .map(|c| (c, 0.5, "the workspace's currency, since the file names none".to_owned()))
        };
        if let Some((currency, confidence, why)) = named.or_else(signed).or_else(own) {
            bindings[field] = Some(literal(currency.code(), confidence, &why));
        }
    }
}

fn literal(text: &str, confidence: f32, why: &str) -> Binding {
    Binding { bound: Bound::Literal(text.to_owned()), confidence, why: why.to_owned(), ..Binding::nothing() }
}

/// The currency that all values carry as a sign or code.
fn signs<'a>(values: impl Iterator<Item = &'a str>) -> Option<Currency> {
    let mut found = None;
    for text in values {
        let word: String =
            text.chars().filter(|c| !c.is_ascii_digit() && !",. ()-\u{a0}\u{202f}'".contains(*c)).collect();
        let currency = if word == "$" { Some(Currency::USD) } else { words::currency(&word).ok() }?;
        if *found.get_or_insert(currency) != currency {
            return None;
        }
    }
    found
}

/// Chooses the shape and the mapping of a file.
///
/// # Errors
/// [`Error::Shape`] when none fits or the wished one does not exist, [`Error::Mapping`] when an assignment is wrong.
pub fn plan(layout: Layout, sample: &Chunk, options: &Options, file: &str) -> Result<Plan, Error> {
    let columns = Columns {
        file,
        normal: layout.header.iter().map(|name| normal(name)).collect(),
        layout: &layout,
        sample,
    };
    let guess = match &options.shape {
        Some(name) => guess(shape(name)?, &columns, options)?,
        None => best(&columns, options)?,
    };
    let mut problems = Vec::new();
    for group in &guess.lacks {
        let field = guess.shape.field(group[0]).map(|index| &guess.shape.fields[index]);
        let doc = field.map(|field| field.doc).unwrap_or_default();
        problems.push(format!(
            "{} needs {} ({doc}); map a column to it ({}=COLUMN) or give a constant ({}='…'). Columns: {}",
            guess.shape.name,
            group.join(" or "),
            group[0],
            group[0],
            listed(&layout.header)
        ));
    }
    let mut notes = layout.notes.clone();
    notes.extend(guess.notes);
    if !guess.shape.note.is_empty() {
        notes.push(guess.shape.note.to_owned());
    }
    let used: Vec<usize> = guess
        .bindings
        .iter()
        .filter_map(Binding::column)
        .chain(guess.attributes.iter().map(|a| a.0))
        .collect();
    let unused: Vec<String> = layout
        .header
        .iter()
        .enumerate()
        .filter(|(i, _)| !used.contains(i))
        .map(|(_, name)| name.clone())
        .collect();
    // The exports of event collectors are read in their own language, all columns of it.
    let whole = guess.shape.tables.len() == 2 && guess.shape.tables[1] == "identity_links";
    if !unused.is_empty() && !whole {
        notes.push(format!("not read: {}", listed(&unused)));
    }
    Ok(Plan {
        shape: guess.shape,
        bindings: guess.bindings,
        attributes: guess.attributes,
        zone: options.zone.clone(),
        channels: options.channels.clone(),
        problems,
        notes,
        layout,
    })
}

fn best(columns: &Columns<'_>, options: &Options) -> Result<Guess, Error> {
    let mut best: Option<Guess> = None;
    let mut refused: Option<Error> = None;
    for shape in SHAPES.iter() {
        match guess(shape, columns, options) {
            Ok(guess) => {
                let better = best.as_ref().is_none_or(|b| {
                    (guess.lacks.is_empty(), guess.score) > (b.lacks.is_empty(), b.score + 1e-4)
                });
                if better {
                    best = Some(guess);
                }
            }
            // A column that is not there is the same mistake for every shape, a field only for some.
            Err(error) => {
                let column = error.to_string().starts_with("the file has no column");
                if column || refused.is_none() {
                    refused = Some(error);
                }
            }
        }
    }
    let header = listed(&columns.layout.header);
    match (best, refused) {
        (Some(guess), _) if guess.lacks.is_empty() => Ok(guess),
        (None, Some(error)) => Err(error),
        (best, _) => {
            let near = best.filter(|guess| guess.score >= 1.5).map(|guess| {
                let lacks: Vec<String> = guess.lacks.iter().map(|group| group.join(" or ")).collect();
                format!(" It is nearest to {}, which also needs {}.", guess.shape.name, lacks.join(" and "))
            });
            let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
            Err(Error::Shape(format!(
                "the header fits no table: {header}.{} Say which it is (as {}) and map its columns (field=column)",
                near.unwrap_or_default(),
                names.join(", ")
            )))
        }
    }
}
