//! A step: which events count, written as text.
//!
//! | text | means |
//! |---|---|
//! | `signup` | events of this name |
//! | `*` | any event |
//! | `report_created[kind=pdf,pages!=1,title~budget]` | of this name, and all of the conditions hold |
//! | `"odd[name]"["odd,key"="a \"b\""]` | quotes around anything that has marks of its own |

use std::fmt;
use std::str::FromStr;

/// The event name that stands for any event.
pub const ANY_EVENT: &str = "*";

/// Which events count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Step {
    /// Name of the event; [`ANY_EVENT`] for all.
    pub event: String,
    /// What must hold of its properties, all of it.
    pub conditions: Vec<Condition>,
}

/// What must hold of one property.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// Name of the property: a column of `events` or a key of its `properties`.
    pub property: String,
    /// How it is compared.
    pub op: Op,
    /// What it is compared with.
    pub value: String,
}

/// How a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// `=`: is this text. A property that is absent is the empty text.
    Eq,
    /// `!=`: is not this text; holds where the property is absent, unless the text is empty.
    Ne,
    /// `~`: holds this text somewhere, in this case of letters.
    Contains,
}

/// What is wrong with the text of a step. The text names the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Nothing before the bracket.
    #[error("\"{0}\" names no event; write a name such as signup, or * for any event")]
    NoEvent(String),
    /// The bracket does not close, or something follows it.
    #[error("\"{0}\": conditions stand in one pair of brackets at the end, as in signup[plan=pro]")]
    Bracket(String),
    /// A quote does not close, or something follows it.
    #[error("\"{0}\": a quoted text ends with a quote; write \\\" for a quote inside it")]
    Quote(String),
    /// A condition has no comparison or no property.
    #[error("\"{0}\": \"{1}\" is no condition; write property=value, property!=value or property~text")]
    Condition(String, String),
}

impl Op {
    /// The sign: `=`, `!=` or `~`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Eq => "=",
            Op::Ne => "!=",
            Op::Contains => "~",
        }
    }
}

impl Condition {
    /// Whether the condition holds for the value of its property, as text; `None` where the property is absent.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default();
        match self.op {
            Op::Eq => value == self.value,
            Op::Ne => value != self.value,
            Op::Contains => value.contains(&self.value),
        }
    }
}

impl Step {
    /// All events of a name; `*` for any event.
    pub fn named(event: impl Into<String>) -> Step {
        Step { event: event.into(), conditions: Vec::new() }
    }

    /// Reads a step.
    ///
    /// # Errors
    /// [`StepError`] for text that is none.
    ///
    /// ```
    /// use burgeon_core::behaviour::step::{Op, Step};
    /// let step = Step::parse("report_created[kind=pdf, title~budget]")?;
    /// assert_eq!(step.event, "report_created");
    /// assert_eq!(step.conditions[1].op, Op::Contains);
    /// assert_eq!(step.to_string(), "report_created[kind=pdf,title~budget]");
    /// # Ok::<(), burgeon_core::behaviour::step::StepError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Step, StepError> {
        let whole = || text.to_owned();
        let (event, rest) = word(text.trim(), &["["]).ok_or_else(|| StepError::Quote(whole()))?;
        if event.is_empty() {
            return Err(StepError::NoEvent(whole()));
        }
        let mut step = Step::named(event);
        if rest.is_empty() {
            return Ok(step);
        }
        let mut rest = rest.strip_prefix('[').ok_or_else(|| StepError::Bracket(whole()))?;
        loop {
            let (property, after) =
                word(rest, &["!=", "=", "~", ",", "]"]).ok_or_else(|| StepError::Quote(whole()))?;
            let op = [Op::Ne, Op::Eq, Op::Contains].into_iter().find(|op| after.starts_with(op.as_str()));
            let (Some(op), false) = (op, property.is_empty()) else {
                let part = rest.split([',', ']']).next().unwrap_or_default().trim();
                return Err(StepError::Condition(whole(), part.to_owned()));
            };
            let (value, after) =
                word(&after[op.as_str().len()..], &[",", "]"]).ok_or_else(|| StepError::Quote(whole()))?;
            step.conditions.push(Condition { property, op, value });
            match after.split_at_checked(1) {
                Some((",", next)) => rest = next,
                Some(("]", next)) if next.trim().is_empty() => return Ok(step),
                _ => return Err(StepError::Bracket(whole())),
            }
        }
    }

    /// Whether an event counts. `property` gives the text of a property, `None` where it is absent.
    pub fn matches<'v>(&self, event: &str, mut property: impl FnMut(&str) -> Option<&'v str>) -> bool {
        (self.event == ANY_EVENT || self.event == event)
            && self.conditions.iter().all(|condition| condition.holds(property(&condition.property)))
    }
}

/// The text up to the first of the marks or the end, and what follows. A text in quotes ends with its quote, and only
/// space may stand between that and the mark; `None` where that does not hold.
fn word<'t>(text: &'t str, marks: &[&str]) -> Option<(String, &'t str)> {
    let inner = text.trim_start();
    let Some(quoted) = inner.strip_prefix('"') else {
        let end =
            text.char_indices().map(|(at, _)| at).find(|at| marks.iter().any(|m| text[*at..].starts_with(m)));
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        return Some((word.trim().to_owned(), rest));
    };
    let mut word = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => word.push(chars.next()?.1),
            '"' => {
                let rest = quoted[at + 1..].trim_start();
                return (rest.is_empty() || marks.iter().any(|m| rest.starts_with(m)))
                    .then_some((word, rest));
            }
            c => word.push(c),
        }
    }
    None
}

/// Writes a text so that [`word`] reads it back.
fn write_word(f: &mut fmt::Formatter<'_>, text: &str, must: bool) -> fmt::Result {
    let marked = text.contains(['[', ']', ',', '=', '!', '~', '"', '\\']) || text.trim() != text;
    let empty = must && text.is_empty();
    if !(marked || empty) {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, &self.property, true)?;
        f.write_str(self.op.as_str())?;
        write_word(f, &self.value, false)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, &self.event, true)?;
        for (index, condition) in self.conditions.iter().enumerate() {
            write!(f, "{}{condition}", if index == 0 { "[" } else { "," })?;
        }
        f.write_str(if self.conditions.is_empty() { "" } else { "]" })
    }
}

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Step, StepError> {
        Step::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn condition(property: &str, op: Op, value: &str) -> Condition {
        Condition { property: property.to_owned(), op, value: value.to_owned() }
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(Step::parse(" signup ").unwrap(), Step::named("signup"));
        assert_eq!(Step::parse("*").unwrap(), Step::named("*"));
        assert_eq!(Step::parse("Order Completed").unwrap(), Step::named("Order Completed"));
        let step = Step::parse("page_view[ path = /pricing , plan!=free,title~a b]").unwrap();
        assert_eq!(
            step.conditions,
            [
                condition("path", Op::Eq, "/pricing"),
                condition("plan", Op::Ne, "free"),
                condition("title", Op::Contains, "a b")
            ]
        );
        assert_eq!(Step::parse("x[a=]").unwrap().conditions, [condition("a", Op::Eq, "")]);
        assert_eq!(Step::parse("x[a=b=c]").unwrap().conditions, [condition("a", Op::Eq, "b=c")]);
        let odd = Step::parse(r#""odd[name]"["odd,key" = "a \"b\", c"]"#).unwrap();
        assert_eq!(odd.event, "odd[name]");
        assert_eq!(odd.conditions, [condition("odd,key", Op::Eq, r#"a "b", c"#)]);
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| Step::parse(text).unwrap_err().to_string();
        assert!(error("").contains("names no event"));
        assert!(error("[plan=pro]").contains("names no event"));
        assert!(error("a[plan=pro").contains("one pair of brackets"));
        assert!(error("a[plan=pro]b").contains("one pair of brackets"));
        assert!(error("a[]").contains("\"\" is no condition"));
        assert!(error("a[plan]").contains("\"plan\" is no condition"));
        assert!(error("a[x=1,=2]").contains("\"=2\" is no condition"));
        assert!(error("a[x=\"1]").contains("ends with a quote"));
        assert!(error("\"a\"b").contains("ends with a quote"));
    }

    #[test]
    fn absent_properties_are_empty() {
        assert!(condition("p", Op::Eq, "").holds(None) && !condition("p", Op::Eq, "x").holds(None));
        assert!(condition("p", Op::Ne, "x").holds(None) && !condition("p", Op::Ne, "").holds(None));
        assert!(
            condition("p", Op::Contains, "").holds(None)
                && condition("p", Op::Contains, "b").holds(Some("abc"))
        );
        let step = Step::parse("*[plan=pro]").unwrap();
        assert!(step.matches("anything", |_| Some("pro")) && !step.matches("anything", |_| None));
    }

    proptest! {
        #[test]
        fn text_and_step_are_inverse(
            event in "\\PC{1,8}",
            conditions in prop::collection::vec(("\\PC{1,6}", 0usize..3, "\\PC{0,6}"), 0..4),
        ) {
            let conditions = conditions.into_iter()
                .map(|(p, op, v)| condition(&p, [Op::Eq, Op::Ne, Op::Contains][op], &v)).collect();
            let step = Step { event, conditions };
            prop_assert_eq!(Step::parse(&step.to_string()).unwrap(), step);
        }

        #[test]
        fn no_text_panics(text in "[a\\[\\]=!~,\"\\\\ é]{0,16}") {
            if let Ok(step) = Step::parse(&text) {
                prop_assert_eq!(Step::parse(&step.to_string()).unwrap(), step);
            }
        }
    }
}
