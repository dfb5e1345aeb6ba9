//! Words that mean one of a few things: booleans, intervals, statuses, currencies.

use burgeon_core::currency::Currency;
use burgeon_core::text::did_you_mean;

use super::quoted;

/// The intervals of records, in the order of their length.
pub const INTERVALS: [&str; 6] = ["day", "week", "month", "quarter", "half_year", "year"];

/// Yes or no in the words and numbers that exports use. The error is a reason for a person.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "on" | "да" | "是" => Ok(true),
        "false" | "f" | "no" | "n" | "0" | "off" | "нет" | "否" => Ok(false),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
    }
}

/// A currency from its code in any case, or from a sign that means only one currency.
pub fn currency(text: &str) -> Result<Currency, String> {
    if let Some(currency) = Currency::from_code(text) {
        return Ok(currency);
    }
    match text.trim() {
        "€" => Ok(Currency::EUR),
        "£" => Ok(Currency::GBP),
        "US$" => Ok(Currency::USD),
        "₽" | "руб" | "руб." => Currency::parse("RUB").map_err(|e| e.to_string()),
        other => Currency::parse(other).map_err(|e| e.to_string()),
    }
}

/// A billing interval: the name of one of [`INTERVALS`] and how many of them make one term.
///
/// Taken: `month`, `monthly`, `annual`, `quarterly`, `3 months`, `every 2 weeks`, `P1M`, `P1Y`, `1y`.
pub fn interval(text: &str) -> Result<(&'static str, i64), String> {
    match text {
        "month" => return Ok(("month", 1)),
        "year" => return Ok(("year", 1)),
        _ => {}
    }
    let lower = text.trim().to_lowercase().replace(['-', '_'], " ");
    let unknown =
        || format!("{} is not an interval; write month, quarter, half_year, year, week or day", quoted(text));
    if let Some(found) = interval_word(&lower) {
        return Ok(found);
    }
    if let Some(rest) = lower.strip_prefix('p') {
        let (number, unit) = split_number(rest);
        if let (Some(n), Some(unit)) = (
            number,
            match unit {
                "d" => Some("day"),
                "w" => Some("week"),
                "m" => Some("month"),
                "y" => Some("year"),
                _ => None,
            },
        ) {
            return counted(n, unit).ok_or_else(unknown);
        }
    }
    let rest = ["every ", "per ", "each ", "раз в ", "каждые ", "каждый "]
        .iter()
        .find_map(|p| lower.strip_prefix(p))
        .unwrap_or(&lower);
    let (number, unit) = split_number(rest);
    let (unit, n) = interval_word(unit.trim()).ok_or_else(unknown)?;
    counted(number.unwrap_or(1).checked_mul(n).ok_or_else(unknown)?, unit).ok_or_else(unknown)
}

/// `(unit, n)` with the count in range; 3 months stay 3 months, so that both ways of writing are kept apart.
fn counted(n: i64, unit: &'static str) -> Option<(&'static str, i64)> {
    (1..=1200).contains(&n).then_some((unit, n))
}

fn split_number(text: &str) -> (Option<i64>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

fn interval_word(word: &str) -> Option<(&'static str, i64)> {
    Some(match word {
        "day" | "days" | "daily" | "d" | "день" | "дня" | "дней" | "日" | "天" => ("day", 1),
        "week" | "weeks" | "weekly" | "wk" | "w" | "неделя" | "недели" | "周" => ("week", 1),
        "biweekly" | "fortnight" | "fortnightly" => ("week", 2),
        "month"
        | "months"
        | "monthly"
        | "mo"
        | "mon"
        | "mth"
        | "m"
        | "per month"
        | "month to month"
        | "месяц"
        | "месяца"
        | "месяцев"
        | "ежемесячно"
        | "помесячно"
        | "月"
        | "每月" => ("month", 1),
        "quarter" | "quarters" | "quarterly" | "q" | "qtr" | "квартал" | "ежеквартально" | "季度" => {
            ("quarter", 1)
        }
        "half year" | "half yearly" | "halfyear" | "semiannual" | "semi annual" | "semiannually"
        | "semi annually" | "biannual" | "полгода" | "半年" => ("half_year", 1),
        "year" | "years" | "yearly" | "annual" | "annually" | "yr" | "y" | "per year" | "год" | "года"
        | "ежегодно" | "年" | "每年" => ("year", 1),
        "biennial" | "biennially" => ("year", 2),
        "triennial" => ("year", 3),
        _ => return None,
    })
}

/// A closed list of words that a column may hold, with what other systems call them.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// What the column holds, for the error text.
    pub what: &'static str,
    /// Each word, followed by its synonyms in lower case with spaces.
    pub words: &'static [(&'static str, &'static [&'static str])],
}

impl Words {
    /// The word that the text means. The error names the words that are taken.
    pub fn read(&self, text: &str) -> Result<&'static str, String> {
        if let Some((word, _)) = self.words.iter().find(|(word, _)| *word == text) {
            return Ok(word);
        }
        let lower = text.trim().to_lowercase().replace(['-', '_', '.'], " ");
        let found = self
            .words
            .iter()
            .find(|(word, synonyms)| word.replace('_', " ") == lower || synonyms.contains(&lower.as_str()));
        found.map(|(word, _)| *word).ok_or_else(|| {
            let all: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
            format!(
                "{} is not a {}; write {}{}",
                quoted(text),
                self.what,
                all.join(", "),
                did_you_mean(text, all.iter().copied())
            )
        })
    }
}

/// Statuses of a subscription: the words of Stripe, and what Chargebee, Recurly, Paddle and spreadsheets say.
pub static SUBSCRIPTION_STATUS: Words = Words {
    what: "status of a subscription",
    words: &[
        ("trialing", &["trial", "in trial", "on trial", "trialling", "free trial", "пробный", "试用"]),
        (
            "active",
            &[
                "live",
                "current",
                "paid",
                "paying",
                "ok",
                "open",
                "enabled",
                "subscribed",
                "non renewing",
                "renewed",
                "активна",
                "активен",
                "正常",
            ],
        ),
        ("past_due", &["pastdue", "delinquent", "overdue", "in dunning", "dunning", "просрочена"]),
        ("unpaid", &[]),
        ("uncollectible", &["written off", "write off"]),
        ("paused", &["pause", "on hold", "hold", "suspended", "halted", "приостановлена"]),
        (
            "canceled",
            &[
                "cancelled",
                "cancel",
                "churned",
                "churn",
                "expired",
                "ended",
                "terminated",
                "inactive",
                "closed",
                "deleted",
                "stopped",
                "finished",
                "отменена",
                "取消",
            ],
        ),
        ("incomplete", &["pending", "created"]),
        ("incomplete_expired", &[]),
        ("free", &["freemium", "free plan", "бесплатный"]),
    ],
};

/// Statuses of an invoice.
pub static INVOICE_STATUS: Words = Words {
    what: "status of an invoice",
    words: &[
        ("draft", &["pending"]),
        (
            "open",
            &[
                "sent",
                "issued",
                "unpaid",
                "posted",
                "payment due",
                "not paid",
                "past due",
                "overdue",
                "authorised",
                "due",
            ],
        ),
        ("paid", &["closed", "settled", "complete", "completed", "оплачен"]),
        ("void", &["voided", "canceled", "cancelled", "deleted"]),
        ("uncollectible", &["written off", "bad debt"]),
    ],
};

/// Statuses of a payment.
pub static PAYMENT_STATUS: Words = Words {
    what: "status of a payment",
    words: &[
        (
            "succeeded",
            &[
                "success",
                "successful",
                "paid",
                "complete",
                "completed",
                "captured",
                "settled",
                "ok",
                "approved",
                "refunded",
                "partially refunded",
            ],
        ),
        ("failed", &["failure", "declined", "error", "canceled", "cancelled", "blocked", "refused", "void"]),
        ("pending", &["processing", "in progress", "authorized", "requires action", "uncaptured"]),
    ],
};

/// Kinds of invoice lines.
pub static LINE_KIND: Words = Words {
    what: "kind of line",
    words: &[
        ("subscription", &["recurring", "plan", "subscription item"]),
        ("usage", &["metered", "overage", "consumption"]),
        (
            "one_off",
            &["one time", "onetime", "one off", "invoiceitem", "setup", "setup fee", "service", "addon"],
        ),
        ("credit", &["discount", "adjustment", "refund", "credit note"]),
    ],
};

/// Kinds of costs.
pub static COST_KIND: Words = Words {
    what: "kind of cost",
    words: &[
        ("marketing", &["ads", "advertising", "paid media"]),
        ("sales", &["commission", "commissions"]),
        ("cogs", &["hosting", "cost of goods sold", "cost of revenue", "infrastructure"]),
        ("support", &["customer success", "customer support"]),
        ("research", &["r&d", "rnd", "engineering", "development", "research and development"]),
        ("general", &["g&a", "admin", "general and administrative", "overhead"]),
        ("investment", &["capex"]),
    ],
};

/// Kinds of releases.
pub static RELEASE_KIND: Words = Words {
    what: "kind of release",
    words: &[
        ("release", &["feature", "launch", "version"]),
        ("price_change", &["price", "pricing", "price change"]),
        ("campaign", &["marketing"]),
        ("incident", &["outage", "bug"]),
        ("note", &["other", "comment"]),
    ],
};

/// How long a discount holds.
pub static DISCOUNT_DURATION: Words = Words {
    what: "duration of a discount",
    words: &[
        ("once", &["one time", "onetime", "single", "first invoice", "1"]),
        ("repeating", &["recurring", "multi month", "limited"]),
        ("forever", &["always", "unlimited", "permanent"]),
    ],
};

/// The closed list that a text column of a record table holds, if it holds one.
pub fn words_of(table: &str, column: &str) -> Option<&'static Words> {
    match (table, column) {
        ("subscription_changes", "status") => Some(&SUBSCRIPTION_STATUS),
        ("invoices", "status") => Some(&INVOICE_STATUS),
        ("payments", "status") => Some(&PAYMENT_STATUS),
        ("invoice_lines", "kind") => Some(&LINE_KIND),
        ("discounts", "duration") => Some(&DISCOUNT_DURATION),
        ("costs", "kind") => Some(&COST_KIND),
        ("releases", "kind") => Some(&RELEASE_KIND),
        _ => None,
    }
}

/// Whether the cell is how a report labels its sums.
pub fn is_total(text: &str) -> bool {
    let lower = text.trim().trim_end_matches(':').to_lowercase();
    matches!(
        lower.as_str(),
        "total"
            | "totals"
            | "grand total"
            | "sum"
            | "subtotal"
            | "summe"
            | "gesamt"
            | "итого"
            | "всего"
            | "合计"
            | "总计"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        let cases = [
            ("Monthly", ("month", 1)),
            ("annual", ("year", 1)),
            ("3 months", ("month", 3)),
            ("every 2 weeks", ("week", 2)),
            ("P1M", ("month", 1)),
            ("p12m", ("month", 12)),
            ("semi-annual", ("half_year", 1)),
            ("half_year", ("half_year", 1)),
            ("1y", ("year", 1)),
            ("Месяц", ("month", 1)),
        ];
        for (text, expect) in cases {
            assert_eq!(interval(text), Ok(expect), "{text}");
        }
        assert!(interval("whenever").is_err());
        assert!(interval("0 months").is_err());
        for word in INTERVALS {
            assert_eq!(interval(word), Ok((word, 1)));
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(SUBSCRIPTION_STATUS.read("Cancelled"), Ok("canceled"));
        assert_eq!(SUBSCRIPTION_STATUS.read("past-due"), Ok("past_due"));
        assert_eq!(SUBSCRIPTION_STATUS.read("INCOMPLETE_EXPIRED"), Ok("incomplete_expired"));
        insta::assert_snapshot!(PAYMENT_STATUS.read("sukceeded").unwrap_err(), @r#""sukceeded" is not a status of a payment; write succeeded, failed, pending; did you mean "succeeded"?"#);
    }

    #[test]
    fn other_words() {
        assert_eq!(boolean("FALSE"), Ok(false));
        assert!(boolean("maybe").is_err());
        assert_eq!(currency("eur"), Ok(Currency::EUR));
        assert_eq!(currency("€"), Ok(Currency::EUR));
        assert!(currency("EUX").is_err());
        assert!(is_total("Grand Total:"));
    }
}
