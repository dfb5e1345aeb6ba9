//! What definitions may write in SQL beside functions: `means('signup')` and `session_gap()`. Both are put in before the
//! statement is planned, so that the planner sees plain conditions on columns and can use them.
//!
//! `means('signup')` is the condition that an event has a meaning of the workspace; it stands where the columns of `events` are
//! in reach. `means('signup', e)` looks at the columns of the table called `e`. `session_gap()` is the workspace's time of
//! silence after which a visit is over, in microseconds.

use std::ops::ControlFlow;

use burgeon_core::behaviour::meaning::Meanings;
use burgeon_core::behaviour::step::{ANY_EVENT, Op, Step};
use burgeon_core::records;
use burgeon_core::text::did_you_mean;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// What the macros stand for in a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Macros {
    /// The meanings of events.
    pub meanings: Meanings,
    /// What `session_gap()` is, µs.
    pub session_gap_us: i64,
}

impl Macros {
    /// Puts the macros into a statement.
    ///
    /// # Errors
    /// What is wrong with a macro, and the mend.
    pub fn expand(&self, statement: &mut Statement) -> Result<(), String> {
        let found = visit_expressions_mut(statement, |expr| match self.expanded(expr) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(text)) => match parse(&text) {
                Ok(inner) => {
                    *expr = inner;
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            },
            Err(error) => ControlFlow::Break(error),
        });
        match found {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }

    /// The text of a statement with the macros put in; text without any, and text that is no statement, stays as it is.
    ///
    /// # Errors
    /// As [`Macros::expand`].
    pub fn expand_text(&self, sql: &str) -> Result<String, String> {
        let lower = sql.to_ascii_lowercase();
        if !lower.contains("means") && !lower.contains("session_gap") {
            return Ok(sql.to_owned());
        }
        let Ok(mut statements) = Parser::parse_sql(&GenericDialect {}, sql) else {
            return Ok(sql.to_owned());
        };
        for statement in &mut statements {
            self.expand(statement)?;
        }
        Ok(statements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// SQL that holds for the events of a meaning, over the columns of `events`; `None` when there is no such meaning.
    pub fn condition(&self, meaning: &str) -> Option<String> {
        Some(condition(&self.meanings.get(meaning)?.steps, ""))
    }

    /// The text that an expression stands for, when it is a macro.
    fn expanded(&self, expr: &Expr) -> Result<Option<String>, String> {
        let Expr::Function(call) = expr else { return Ok(None) };
        let name = call.name.to_string().to_ascii_lowercase();
        let FunctionArguments::List(list) = &call.args else { return Ok(None) };
        if name == "session_gap" {
            return match list.args.as_slice() {
                [] => Ok(Some(format!("CAST({} AS BIGINT)", self.session_gap_us))),
                _ => Err("session_gap() takes nothing".to_owned()),
            };
        }
        if name != "means" {
            return Ok(None);
        }
        let wrong = || {
            "means takes the name of a meaning in quotes and, where several tables are joined, the name of the one with the \
             events, as in means('signup') or means('signup', e)"
                .to_owned()
        };
        let argument = |argument: &FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        };
        let arguments: Vec<Expr> = list.args.iter().filter_map(argument).collect();
        let (meaning, prefix) = match arguments.as_slice() {
            [Expr::Value(value)] => (&value.value, String::new()),
            [Expr::Value(value), Expr::Identifier(table)] => (&value.value, format!("{table}.")),
            _ => return Err(wrong()),
        };
        let Value::SingleQuotedString(meaning) = meaning else { return Err(wrong()) };
        let Some(found) = self.meanings.get(meaning) else {
            let names: Vec<&str> = self.meanings.iter().map(|one| one.name.as_str()).collect();
            let hint = did_you_mean(meaning, names.iter().copied());
            return Err(format!("there is no meaning \"{meaning}\"{hint}; there are {}", names.join(", ")));
        };
        Ok(Some(condition(&found.steps, &prefix)))
    }
}

fn parse(text: &str) -> Result<Expr, String> {
    let parsed =
        Parser::new(&GenericDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_expr());
    parsed.map_err(|error| error.to_string())
}

/// SQL that holds for the events of any of `steps`. `prefix` stands before each column.
fn condition(steps: &[Step], prefix: &str) -> String {
    if steps.iter().any(|step| step.event == ANY_EVENT && step.conditions.is_empty()) {
        return "TRUE".to_owned();
    }
    let plain: Vec<String> =
        steps.iter().filter(|step| step.conditions.is_empty()).map(|step| quoted(&step.event)).collect();
    let mut any = vec![];
    if !plain.is_empty() {
        any.push(format!("{prefix}event IN ({})", plain.join(", ")));
    }
    for step in steps.iter().filter(|step| !step.conditions.is_empty()) {
        let mut all = vec![];
        if step.event != ANY_EVENT {
            all.push(format!("{prefix}event = {}", quoted(&step.event)));
        }
        for one in &step.conditions {
            let value = value_of(&one.property, prefix);
            let wanted = quoted(&one.value);
            all.push(match one.op {
                Op::Eq => format!("{value} = {wanted}"),
                Op::Ne => format!("{value} <> {wanted}"),
                Op::Contains => format!("strpos({value}, {wanted}) > 0"),
            });
        }
        any.push(format!("({})", all.join(" AND ")));
    }
    if any.is_empty() { "FALSE".to_owned() } else { format!("({})", any.join(" OR ")) }
}

/// SQL of a property as text; nothing is the empty text.
fn value_of(property: &str, prefix: &str) -> String {
    let column = records::table("events").and_then(|table| table.column(property));
    match column {
        Some(column) if column.name != "properties" => {
            format!("coalesce(CAST({prefix}\"{}\" AS VARCHAR), '')", column.name)
        }
        _ => format!("coalesce(json_text({prefix}properties, {}), '')", quoted(property)),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn macros() -> Macros {
        let text = "[signup]\nsteps = [\"signup\", \"Signed Up\", \"form[kind=it's,path~/join]\"]\n[active]\nsteps = [\"*\"]\n\
            [pql]\nsteps = []\n";
        Macros { meanings: Meanings::parse(text, "meanings.toml").unwrap(), session_gap_us: 1_800_000_000 }
    }

    #[test]
    fn meanings_become_conditions() {
        let sql = macros()
            .expand_text("SELECT 1 FROM events e WHERE means('signup', e) AND means('active')")
            .unwrap();
        assert_eq!(
            sql,
            "SELECT 1 FROM events e WHERE (e.event IN ('signup', 'Signed Up') OR (e.event = 'form' AND \
             coalesce(json_text(e.properties, 'kind'), '') = 'it''s' AND \
             strpos(coalesce(CAST(e.\"path\" AS VARCHAR), ''), '/join') > 0)) AND true"
        );
        assert_eq!(macros().expand_text("SELECT means('pql')").unwrap(), "SELECT false");
        assert_eq!(
            macros().expand_text("SELECT session_gap()").unwrap(),
            "SELECT CAST(1800000000 AS BIGINT)"
        );
    }

    #[test]
    fn errors_name_the_mend() {
        let error = macros().expand_text("SELECT means('sign_up')").unwrap_err();
        assert_eq!(
            error,
            "there is no meaning \"sign_up\"; did you mean \"signup\"?; there are active, pql, signup"
        );
        assert!(macros().expand_text("SELECT means(event)").unwrap_err().contains("in quotes"));
    }
}
