//! Meanings: which events of a workspace are a sign-up, a trial, an active use, …
//!
//! Metric pages and questions speak of meanings; what they are is a file. Built in is `definitions/meanings.toml`; a workspace's
//! own file of that name puts whole meanings in their place and adds others:
//!
//! ```toml
//! [signup]
//! label = { en = "Sign-up", ru = "Регистрация", zh = "注册" }
//! steps = ["signup", "Signed Up", "account_created[kind!=internal]"]
//!
//! [active]
//! steps = ["report_created", "report_shared"]
//! at_least = 3
//! within = "1d"
//! ```
//!
//! A step whose condition does not hold is no sign-up; several steps are alternatives. `at_least` and `within` say how often it
//! must happen until it counts (see [`Active`]).

use std::collections::BTreeMap;
use std::fmt::Write;

use toml::Spanned;

use super::active::Active;
use super::definition::{DefinitionError, Label, parse_toml};
use super::step::Step;

/// What events mean in a workspace, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meanings(BTreeMap<String, Meaning>);

/// One meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The name, as metrics use it: small letters, digits and `_`.
    pub name: String,
    /// The name for people.
    pub label: Label,
    /// The steps that have this meaning, any of them. None: the workspace has no such event.
    pub steps: Vec<Step>,
    /// How often one of them must happen until it counts.
    pub active: Active,
    /// Whether it comes from the built-in file.
    pub built_in: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    label: Option<Label>,
    #[serde(default)]
    steps: Vec<Spanned<String>>,
    #[serde(default)]
    at_least: Option<Spanned<i64>>,
    #[serde(default)]
    within: Option<Spanned<String>>,
}

impl Meanings {
    /// Reads a file of meanings; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DefinitionError`] with file and line: text that is no TOML, an unknown key, a bad name, a step that cannot be read, or a
    /// number or time out of place.
    pub fn parse(text: &str, file: &str) -> Result<Meanings, DefinitionError> {
        let raw: BTreeMap<Spanned<String>, Raw> = parse_toml(text, file)?;
        let mut meanings = BTreeMap::new();
        for (name, raw) in raw {
            let wrong = |offset: usize, problem: String| DefinitionError::at(text, file, offset, problem);
            let offset = name.span().start;
            let name = name.into_inner();
            if !is_name(&name) {
                return Err(wrong(
                    offset,
                    format!("meaning \"{name}\": write small letters, digits and _ only"),
                ));
            }
            let mut steps = Vec::with_capacity(raw.steps.len());
            for step in &raw.steps {
                let read = Step::parse(step.get_ref());
                steps.push(read.map_err(|error| wrong(step.span().start, format!("{name}: step {error}")))?);
            }
            let at_least = match &raw.at_least {
                None => 1,
                Some(number) => u32::try_from(*number.get_ref())
                    .ok()
                    .filter(|n| (1..=MOST).contains(n))
                    .ok_or_else(|| {
                        wrong(
                            number.span().start,
                            format!(
                                "at_least is {}; write a whole number from 1 to {MOST}",
                                number.get_ref()
                            ),
                        )
                    })?,
            };
            let within_us = match &raw.within {
                None => None,
                Some(time) => Some(parse_duration(time.get_ref()).ok_or_else(|| {
                    let problem =
                        format!("within is \"{}\"; write a time such as 30m, 12h, 1d or 4w", time.get_ref());
                    wrong(time.span().start, problem)
                })?),
            };
            let label = raw.label.unwrap_or_else(|| Label { en: name.replace('_', " "), ru: None, zh: None });
            let active = Active { at_least, within_us };
            meanings.insert(name.clone(), Meaning { name, label, steps, active, built_in: false });
        }
        Ok(Meanings(meanings))
    }

    /// Marks all of them as built in.
    #[must_use]
    pub fn as_built_in(mut self) -> Meanings {
        self.0.values_mut().for_each(|meaning| meaning.built_in = true);
        self
    }

    /// Puts the meanings of another file in place of those of the same name. One that gives no label keeps the old one.
    pub fn replace_with(&mut self, own: Meanings) {
        for (name, mut meaning) in own.0 {
            if let Some(old) = self.0.get(&name)
                && meaning.label.en == name.replace('_', " ")
            {
                meaning.label = old.label.clone();
            }
            self.0.insert(name, meaning);
        }
    }

    /// Sets one meaning.
    pub fn set(&mut self, meaning: Meaning) {
        self.0.insert(meaning.name.clone(), meaning);
    }

    /// One meaning by name.
    pub fn get(&self, name: &str) -> Option<&Meaning> {
        self.0.get(name)
    }

    /// All meanings, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Meaning> {
        self.0.values()
    }

    /// The meanings of an event of this name, whatever its properties: those that have a step of the name.
    pub fn of_event<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Meaning> {
        self.iter().filter(move |meaning| meaning.steps.iter().any(|step| step.event == event))
    }

    /// The meanings that are not built in, as a file that [`Meanings::parse`] reads back.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
        for meaning in self.iter().filter(|meaning| !meaning.built_in) {
            let mut labels = vec![format!("en = {}", quote(&meaning.label.en))];
            labels.extend(meaning.label.ru.iter().map(|text| format!("ru = {}", quote(text))));
            labels.extend(meaning.label.zh.iter().map(|text| format!("zh = {}", quote(text))));
            let steps: Vec<String> = meaning.steps.iter().map(|step| quote(&step.to_string())).collect();
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{}]\nlabel = {{ {} }}", meaning.name, labels.join(", "));
            let _ = writeln!(text, "steps = [{}]", steps.join(", "));
            if meaning.active.at_least > 1 {
                let _ = writeln!(text, "at_least = {}", meaning.active.at_least);
            }
            if let Some(us) = meaning.active.within_us {
                let _ = writeln!(text, "within = {}", quote(&format_duration(us)));
            }
        }
        text
    }
}

/// The most that `at_least` may ask for.
const MOST: u32 = 1_000;

/// Whether a text can be the name of a meaning.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

const UNITS: [(&str, i64); 5] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
];

/// A time such as `90s`, `30m`, `12h`, `7d` or `2w` in µs, at most 100 years; `None` for any other text. A day is 24 hours.
pub fn parse_duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let (unit, us) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    let digits = text.strip_suffix(unit)?.trim_end();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    number.checked_mul(us).filter(|us| (1..=100 * 366 * 86_400_000_000).contains(us))
}

/// A time as [`parse_duration`] reads it, in the largest unit that fits; parts of a second are left out.
pub fn format_duration(us: i64) -> String {
    let fitting = UNITS.into_iter().find(|(_, unit)| us > 0 && us % unit == 0);
    let (unit, length) = fitting.unwrap_or(("s", 1_000_000));
    format!("{}{unit}", us / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUILT_IN: &str = include_str!("../../../../definitions/meanings.toml");

    #[test]
    fn the_built_in_meanings() {
        let meanings = Meanings::parse(BUILT_IN, "definitions/meanings.toml").unwrap().as_built_in();
        let expected = [
            "activation",
            "active",
            "contact",
            "content_read",
            "content_share",
            "content_view",
            "demo_request",
            "download",
            "invite",
            "invite_accepted",
            "page_view",
            "pql",
            "signup",
            "trial",
        ];
        assert_eq!(meanings.iter().map(|meaning| meaning.name.as_str()).collect::<Vec<_>>(), expected);
        for meaning in meanings.iter() {
            assert!(meaning.built_in);
            let label = &meaning.label;
            assert!(!label.en.is_empty() && label.ru.is_some() && label.zh.is_some(), "{}", meaning.name);
        }
        assert_eq!(
            meanings.of_event("Signed Up").map(|meaning| meaning.name.as_str()).collect::<Vec<_>>(),
            ["signup"]
        );
        assert_eq!(meanings.to_toml(), "");
    }

    #[test]
    fn own_meanings_replace_whole_ones() {
        let mut meanings = Meanings::parse(BUILT_IN, "definitions/meanings.toml").unwrap().as_built_in();
        let label = meanings.get("active").unwrap().label.clone();
        let own = "[active]\nsteps = ['report_created[kind=pdf]']\nat_least = 3\nwithin = '1d'\n\n[first_report]\nsteps = []\n";
        meanings.replace_with(Meanings::parse(own, "meanings.toml").unwrap());
        let active = meanings.get("active").unwrap();
        assert_eq!(active.label, label);
        assert_eq!(active.active, Active { at_least: 3, within_us: Some(86_400_000_000) });
        assert_eq!(active.steps, [Step::parse("report_created[kind=pdf]").unwrap()]);
        assert!(!active.built_in && meanings.get("signup").unwrap().built_in);
        assert_eq!(meanings.get("first_report").unwrap().label.en, "first report");
        let written = Meanings::parse(&meanings.to_toml(), "meanings.toml").unwrap();
        assert_eq!(written.get("active"), Some(active));
        assert_eq!(written.iter().count(), 2);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let error = |text: &str| Meanings::parse(text, "meanings.toml").unwrap_err().to_string();
        assert!(error("[signup]\nstep = []").starts_with("meanings.toml:2: unknown field `step`"));
        let step = error("[signup]\nsteps = [\n  'a',\n  'b[',\n]");
        assert!(step.starts_with("meanings.toml:4: signup: step \"b[\""), "{step}");
        assert!(error("[signup]\nat_least = 0").starts_with("meanings.toml:2: at_least is 0; write"));
        assert!(
            error("[signup]\n\nwithin = '1 fortnight'")
                .starts_with("meanings.toml:3: within is \"1 fortnight\"; write")
        );
        assert!(error("\n['Sign up']\n").starts_with("meanings.toml:2: meaning \"Sign up\": write"));
        assert!(error("signup").starts_with("meanings.toml:1: "));
    }

    #[test]
    fn durations() {
        let day = 86_400_000_000;
        let texts =
            ["1d", " 24h", "2 w", "90s", "0d", "d", "-1d", "1.5h", "1y", "99999999999999999w", "36601d"];
        let expected = [Some(day), Some(day), Some(14 * day), Some(90_000_000)];
        for (index, text) in texts.into_iter().enumerate() {
            assert_eq!(parse_duration(text), expected.get(index).copied().flatten(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn durations_are_written_as_they_are_read(seconds in 1i64..100_000_000) {
            prop_assert_eq!(parse_duration(&format_duration(seconds * 1_000_000)), Some(seconds * 1_000_000));
        }

        #[test]
        fn any_step_survives_the_file(event in "\\PC{1,6}", value in "\\PC{0,6}", at_least in 1u32..5) {
            let step = Step {
                event,
                conditions: vec![super::super::step::Condition {
                    property: "p".to_owned(), op: super::super::step::Op::Ne, value: value.clone(),
                }],
            };
            let mut meanings = Meanings::default();
            let label = Label { en: value, ru: None, zh: Some("注".to_owned()) };
            let active = Active { at_least, within_us: None };
            meanings.set(Meaning { name: "own".to_owned(), label, steps: vec![step], active, built_in: false });
            prop_assert_eq!(Meanings::parse(&meanings.to_toml(), "x").unwrap(), meanings);
        }
    }
}
