//! Formulas over metrics: a small expression tree, parsed from SQL expression syntax.

use burgeon_core::exact::Exact;
use burgeon_core::settings::Settings;
use burgeon_core::text::did_you_mean;
use sqlparser::ast;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// The functions that a formula may call.
pub const FUNCTIONS: [&str; 9] =
    ["opening", "previous", "shift", "trailing_avg", "nullif", "coalesce", "setting", "choose", "share"];

/// A formula. Names are those of metrics and settings, not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A number.
    Number(Exact),
    /// The value of a metric in the period.
    Metric(String),
    /// `setting(name)`: a number of the workspace settings; true is 1, false is 0.
    Setting(String),
    /// `-a`
    Negate(Box<Expr>),
    /// `a op b`
    Binary(Box<Expr>, Operator, Box<Expr>),
    /// `opening(m)`: a balance's value at the period's start, that is at the end of the period before.
    Opening(Box<Expr>),
    /// `previous(a)`, `shift(a, n)`: the value `n` periods before.
    Shift(Box<Expr>, Box<Expr>),
    /// `trailing_avg(a, n)`: mean over this period and the `n − 1` before it, of those that have a value.
    TrailingAvg(Box<Expr>, Box<Expr>),
    /// `nullif(a, b)`: empty where both are equal.
    NullIf(Box<Expr>, Box<Expr>),
    /// `coalesce(a, b, …)`: the first that has a value.
    Coalesce(Vec<Expr>),
    /// `share(m)`: the group's value ÷ the undivided value.
    Share(Box<Expr>),
    /// `choose(s, word, a, word, b, …)`: the value whose word the setting `s` says.
    Choose(String, Vec<(String, Expr)>),
}

/// Arithmetic of formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; division by zero is an empty value with a reason.
    Divide,
}

impl Operator {
    /// The sign for people: `+`, `−`, `×`, `÷`.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "−",
            Operator::Multiply => "×",
            Operator::Divide => "÷",
        }
    }
}

/// A formula cannot be read. The text names the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormulaError {
    /// Not an expression.
    #[error(
        "formula \"{text}\" cannot be read: {reason}; write metric names with + - * / ( ), numbers and functions"
    )]
    Syntax {
        /// The formula.
        text: String,
        /// What the parser said.
        reason: String,
    },
    /// Part of the expression is beyond formulas.
    #[error("\"{0}\" has no place in a formula; write metric names with + - * / ( ), numbers and the functions {names}", names = FUNCTIONS.join(", "))]
    Unsupported(String),
    /// Unknown function.
    #[error("unknown function \"{name}\"{hint}; there are {names}", names = FUNCTIONS.join(", "))]
    Function {
        /// As written.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// Wrong arguments.
    #[error("{call} needs {needs}")]
    Arguments {
        /// The function.
        call: String,
        /// What it needs.
        needs: &'static str,
    },
}

/// How deep parentheses and calls may nest.
const MAX_DEPTH: usize = 60;

impl Expr {
    /// Reads a formula.
    ///
    /// # Errors
    /// [`FormulaError`] names the part that cannot be read and the mend.
    ///
    /// ```
    /// use burgeon_metrics::formula::Expr;
    /// let expr = Expr::parse("(churn_mrr + contraction_mrr) / opening(mrr)").unwrap();
    /// assert_eq!(expr.metrics(), ["churn_mrr", "contraction_mrr", "mrr"]);
    /// ```
    pub fn parse(text: &str) -> Result<Expr, FormulaError> {
        let syntax = |reason: String| FormulaError::Syntax { text: text.to_owned(), reason };
        let parser = Parser::new(&GenericDialect {}).with_recursion_limit(MAX_DEPTH);
        let mut parser = parser.try_with_sql(text).map_err(|e| syntax(plain(&e)))?;
        let expr = parser.parse_expr().map_err(|e| syntax(plain(&e)))?;
        let rest = parser.peek_token();
        if rest.token != sqlparser::tokenizer::Token::EOF {
            return Err(syntax(format!("unexpected \"{}\"", rest.token)));
        }
        convert(&expr)
    }

    /// The names of the metrics in it, in order of mention, with repetitions.
    pub fn metrics(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.walk(&mut |e| {
            if let Expr::Metric(name) = e {
                found.push(name.as_str());
            }
        });
        found
    }

    /// The names of the settings in it, in order of mention, with repetitions.
    pub fn settings(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.walk(&mut |e| {
            if let Expr::Setting(name) = e {
                found.push(name.as_str());
            }
        });
        found
    }

    /// Calls `f` on this expression and each one in it, outer before inner, left before right.
    pub fn walk<'a>(&'a self, f: &mut dyn FnMut(&'a Expr)) {
        f(self);
        match self {
            Expr::Number(_) | Expr::Metric(_) | Expr::Setting(_) => {}
            Expr::Negate(a) | Expr::Opening(a) | Expr::Share(a) => a.walk(f),
            Expr::Binary(a, _, b) | Expr::Shift(a, b) | Expr::TrailingAvg(a, b) | Expr::NullIf(a, b) => {
                a.walk(f);
                b.walk(f);
            }
            Expr::Coalesce(all) => all.iter().for_each(|e| e.walk(f)),
            Expr::Choose(_, arms) => arms.iter().for_each(|(_, e)| e.walk(f)),
        }
    }

    /// The formula under settings: every choice is replaced by what is chosen. What the settings do not say is the
    /// first of a choice.
    pub fn under(&self, settings: &Settings) -> Expr {
        let inner = |e: &Expr| Box::new(e.under(settings));
        match self {
            Expr::Number(_) | Expr::Metric(_) | Expr::Setting(_) => self.clone(),
            Expr::Negate(a) => Expr::Negate(inner(a)),
            Expr::Opening(a) => Expr::Opening(inner(a)),
            Expr::Share(a) => Expr::Share(inner(a)),
            Expr::Binary(a, op, b) => Expr::Binary(inner(a), *op, inner(b)),
            Expr::Shift(a, n) => Expr::Shift(inner(a), inner(n)),
            Expr::TrailingAvg(a, n) => Expr::TrailingAvg(inner(a), inner(n)),
            Expr::NullIf(a, b) => Expr::NullIf(inner(a), inner(b)),
            Expr::Coalesce(all) => Expr::Coalesce(all.iter().map(|e| e.under(settings)).collect()),
            Expr::Choose(setting, arms) => {
                let word = settings.word(setting);
                let arm = arms.iter().find(|(name, _)| Some(name.as_str()) == word).or(arms.first());
                arm.map_or_else(|| self.clone(), |(_, e)| e.under(settings))
            }
        }
    }

    /// The names of the settings that choose in it.
    pub fn choices(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.walk(&mut |e| {
            if let Expr::Choose(name, _) = e {
                found.push(name.as_str());
            }
        });
        found
    }

    /// Whether it has no metric in it, so that it is one number for every period.
    pub fn is_constant(&self) -> bool {
        self.metrics().is_empty()
    }
}

impl std::fmt::Display for Expr {
    /// The formula for people, with as few parentheses as it needs: `(a + b) ÷ opening(c)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn inner(e: &Expr, above: u8, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match e {
                Expr::Number(n) => f.write_str(&n.to_decimal(10)),
                Expr::Metric(name) | Expr::Setting(name) => f.write_str(name),
                Expr::Negate(a) => {
                    f.write_str("−")?;
                    inner(a, 3, f)
                }
                Expr::Binary(a, op, b) => {
                    let level = if matches!(op, Operator::Add | Operator::Subtract) { 1 } else { 2 };
                    let right =
                        if matches!(op, Operator::Add | Operator::Multiply) { level } else { level + 1 };
                    if level < above {
                        f.write_str("(")?;
                    }
                    inner(a, level, f)?;
                    write!(f, " {} ", op.sign())?;
                    inner(b, right, f)?;
                    if level < above {
                        f.write_str(")")?;
                    }
                    Ok(())
                }
                Expr::Opening(a) => call(f, "opening", &[a.as_ref()]),
                Expr::Share(a) => call(f, "share", &[a.as_ref()]),
                Expr::Shift(a, n) => call(f, "shift", &[a.as_ref(), n.as_ref()]),
                Expr::TrailingAvg(a, n) => call(f, "trailing_avg", &[a.as_ref(), n.as_ref()]),
                Expr::NullIf(a, b) => call(f, "nullif", &[a.as_ref(), b.as_ref()]),
                Expr::Coalesce(all) => call(f, "coalesce", &all.iter().collect::<Vec<_>>()),
                Expr::Choose(setting, arms) => {
                    write!(f, "by {setting}: ")?;
                    for (i, (word, arm)) in arms.iter().enumerate() {
                        write!(f, "{}{word} ", if i > 0 { "; " } else { "" })?;
                        inner(arm, 0, f)?;
                    }
                    Ok(())
                }
            }
        }
        fn call(f: &mut std::fmt::Formatter<'_>, name: &str, args: &[&Expr]) -> std::fmt::Result {
            write!(f, "{name}(")?;
            for (i, arg) in args.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                inner(arg, 0, f)?;
            }
            f.write_str(")")
        }
        inner(self, 0, f)
    }
}

pub(crate) fn plain(error: &sqlparser::parser::ParserError) -> String {
    let text = error.to_string();
    text.strip_prefix("sql parser error: ").unwrap_or(&text).to_owned()
}

fn convert(expr: &ast::Expr) -> Result<Expr, FormulaError> {
    let unsupported = || FormulaError::Unsupported(expr.to_string());
    match expr {
        ast::Expr::Nested(inner) => convert(inner),
        ast::Expr::Identifier(name) => Ok(Expr::Metric(name.value.clone())),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(text, _) => {
                text.parse().map(Expr::Number).map_err(|_| FormulaError::Unsupported(text.clone()))
            }
            ast::Value::Boolean(b) => Ok(Expr::Number(Exact::from_int(i64::from(*b)))),
            _ => Err(unsupported()),
        },
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
            Ok(Expr::Negate(Box::new(convert(expr)?)))
        }
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Plus, expr } => convert(expr),
        ast::Expr::BinaryOp { left, op, right } => {
            let operator = match op {
                ast::BinaryOperator::Plus => Operator::Add,
                ast::BinaryOperator::Minus => Operator::Subtract,
                ast::BinaryOperator::Multiply => Operator::Multiply,
                ast::BinaryOperator::Divide => Operator::Divide,
                _ => return Err(unsupported()),
            };
            Ok(Expr::Binary(Box::new(convert(left)?), operator, Box::new(convert(right)?)))
        }
        ast::Expr::Function(function) => call(function),
        _ => Err(unsupported()),
    }
}

fn call(function: &ast::Function) -> Result<Expr, FormulaError> {
    let name = function.name.to_string().to_ascii_lowercase();
    let ast::FunctionArguments::List(list) = &function.args else {
        return Err(FormulaError::Unsupported(function.to_string()));
    };
    let mut args = Vec::new();
    for arg in &list.args {
        match arg {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e)) => args.push(convert(e)?),
            other => return Err(FormulaError::Unsupported(other.to_string())),
        }
    }
    let needs = |needs: &'static str| FormulaError::Arguments { call: function.to_string(), needs };
    let one = |mut args: Vec<Expr>, text| match args.len() {
        1 => Ok(Box::new(args.remove(0))),
        _ => Err(needs(text)),
    };
    let two = |mut args: Vec<Expr>, text| match args.len() {
        2 => {
            let second = args.remove(1);
            Ok((Box::new(args.remove(0)), Box::new(second)))
        }
        _ => Err(needs(text)),
    };
    let periods = |n: &Expr| n.is_constant();
    match name.as_str() {
        "opening" => Ok(Expr::Opening(one(args, "one metric, such as opening(mrr)")?)),
        "share" => Ok(Expr::Share(one(args, "one metric, such as share(mrr)")?)),
        "previous" => {
            let a = one(args, "one metric, such as previous(mrr)")?;
            Ok(Expr::Shift(a, Box::new(Expr::Number(Exact::one()))))
        }
        "shift" | "trailing_avg" => {
            let text = "a metric and a number of periods, such as shift(mrr, 3)";
            let (a, n) = two(args, text)?;
            if !periods(&n) {
                return Err(needs(text));
            }
            Ok(if name == "shift" { Expr::Shift(a, n) } else { Expr::TrailingAvg(a, n) })
        }
        "nullif" => two(args, "two values, such as nullif(costs, 0)").map(|(a, b)| Expr::NullIf(a, b)),
        "coalesce" if args.is_empty() => Err(needs("at least one value, such as coalesce(cac, 0)")),
        "coalesce" => Ok(Expr::Coalesce(args)),
        "setting" => match one(args, "the name of a setting, such as setting(gross_margin)")?.as_ref() {
            Expr::Metric(name) => Ok(Expr::Setting(name.clone())),
            _ => Err(needs("the name of a setting, such as setting(gross_margin)")),
        },
        "choose" => {
            let text = "a setting and words with values, such as choose(ltv_formula, churn, a, lifetime, b)";
            let mut args = args.into_iter();
            let Some(Expr::Metric(setting)) = args.next() else { return Err(needs(text)) };
            let mut arms = Vec::new();
            while let Some(word) = args.next() {
                match (word, args.next()) {
                    (Expr::Metric(word), Some(value)) => arms.push((word, value)),
                    _ => return Err(needs(text)),
                }
            }
            if arms.is_empty() { Err(needs(text)) } else { Ok(Expr::Choose(setting, arms)) }
        }
        _ => Err(FormulaError::Function { hint: did_you_mean(&name, FUNCTIONS), name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, shown) in [
            ("mrr * 12", "mrr × 12"),
            ("a - (b - c)", "a − (b − c)"),
            ("(a + b) * -c / 2", "(a + b) × −c ÷ 2"),
            ("a/(b*c)", "a ÷ (b × c)"),
            (
                "arpa * setting(gross_margin) / trailing_avg(churn, setting(n))",
                "arpa × gross_margin ÷ trailing_avg(churn, n)",
            ),
            ("previous(mrr) + coalesce(cac, 0)", "shift(mrr, 1) + coalesce(cac, 0)"),
            ("choose(ltv_formula, churn, a / b, orders, c)", "by ltv_formula: churn a ÷ b; orders c"),
        ] {
            assert_eq!(Expr::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn errors_name_the_mend() {
        let fail = |text: &str| Expr::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(fail("a +"), @r#"formula "a +" cannot be read: Expected: an expression, found: EOF; write metric names with + - * / ( ), numbers and functions"#);
        insta::assert_snapshot!(fail("openng(mrr)"), @r#"unknown function "openng"; did you mean "opening"?; there are opening, previous, shift, trailing_avg, nullif, coalesce, setting, choose, share"#);
        insta::assert_snapshot!(fail("opening(mrr, 2)"), @"opening(mrr, 2) needs one metric, such as opening(mrr)");
        insta::assert_snapshot!(fail("a > 2"), @r#""a > 2" has no place in a formula; write metric names with + - * / ( ), numbers and the functions opening, previous, shift, trailing_avg, nullif, coalesce, setting, choose, share"#);
        insta::assert_snapshot!(fail("a b"), @r#"formula "a b" cannot be read: unexpected "b"; write metric names with + - * / ( ), numbers and functions"#);
        insta::assert_snapshot!(fail("choose(a, churn)"), @"choose(a, churn) needs a setting and words with values, such as choose(ltv_formula, churn, a, lifetime, b)");
        insta::assert_snapshot!(fail("shift(mrr, mrr)"), @"shift(mrr, mrr) needs a metric and a number of periods, such as shift(mrr, 3)");
    }
}
