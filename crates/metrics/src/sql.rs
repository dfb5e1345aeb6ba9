//! What can be said of a definition's SQL fragments without running them.

use burgeon_core::text::did_you_mean;
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::base::MoneyUnit;
use crate::fact::FactSchema;

/// The columns that a fragment mentions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fragment {
    /// Names, in order, with repetitions.
    pub columns: Vec<String>,
    /// Whether `scheduled` stands in it without `not` before it: rows after now are asked for.
    pub asks_for_scheduled: bool,
}

impl Fragment {
    /// Reads an expression over a fact's columns.
    ///
    /// The error says what is wrong and the mend.
    pub fn parse(text: &str, fact: &FactSchema) -> Result<Fragment, String> {
        let dialect = GenericDialect {};
        let broken = |reason: String| format!("\"{text}\" is no SQL expression: {reason}");
        let mut parser = Parser::new(&dialect)
            .with_recursion_limit(60)
            .try_with_sql(text)
            .map_err(|e| broken(crate::formula::plain(&e)))?;
        parser.parse_expr().map_err(|e| broken(crate::formula::plain(&e)))?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            return Err(broken(format!("unexpected \"{}\"", rest.token)));
        }
        let tokens = Tokenizer::new(&dialect, text).tokenize().map_err(|e| broken(e.to_string()))?;
        let tokens: Vec<Token> = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
        let mut found = Fragment::default();
        let mut negated = false;
        for (i, token) in tokens.iter().enumerate() {
            let Token::Word(word) = token else {
                negated = negated && *token == Token::LParen;
                continue;
            };
            let name =
                if word.quote_style.is_some() { word.value.clone() } else { word.value.to_ascii_lowercase() };
            if tokens.get(i + 1) == Some(&Token::LParen)
                && word.quote_style.is_none()
                && fact.column(&name).is_none()
            {
                continue;
            }
            if fact.column(&name).is_some() {
                if name == "scheduled" && !negated {
                    found.asks_for_scheduled = true;
                }
                found.columns.push(name);
            } else if word.quote_style.is_some() || word.keyword == Keyword::NoKeyword {
                let hint = did_you_mean(&name, fact.columns.iter().map(|c| c.name.as_str()));
                return Err(format!("fact {} has no column \"{name}\"{hint}", fact.name));
            }
            negated = word.keyword == Keyword::NOT;
        }
        Ok(found)
    }

    /// What amounts the columns of a measure count; `None` for no money. Both kinds at once are an error.
    pub fn money(&self) -> Result<Option<MoneyUnit>, String> {
        let parts = self.columns.iter().any(|c| c.ends_with("_parts"));
        let minor = self.columns.iter().any(|c| c.ends_with("_minor"));
        match (parts, minor) {
            (true, true) => {
                Err("parts and minor units cannot be mixed in one measure; use one of them".to_owned())
            }
            (true, false) => Ok(Some(MoneyUnit::Parts)),
            (false, true) => Ok(Some(MoneyUnit::Minor)),
            (false, false) => Ok(None),
        }
    }
}
