//! Workspace settings: `burgeon.toml`.
//!
//! `default.toml` beside this file is the reference: it is what a new workspace gets, its comments are the
//! documentation of the settings everywhere, and a test holds it equal to [`Settings::default`]. To add a
//! setting: a field, an arm in `set_raw` and in `get`, a name in [`NAMES`], its lines in `default.toml`, and its meaning in
//! the other languages in `docs.toml`.

mod file;

use std::sync::LazyLock;

use jiff::civil::Date;
use twox_hash::XxHash3_64;

use crate::currency::Currency;
use crate::exact::Exact;
use crate::revenue::{AmountRule, ChurnDateRule, PauseRule, RevenueRules};
use crate::text::did_you_mean;
use crate::time::{Zone, parse_weekday, weekday_name};

use file::Raw;

/// The commented default settings file, given to every new workspace.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The settings of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of the company.
    pub name: String,
    /// Time zone and first day of the week (`timezone`, `week_start`).
    pub zone: Zone,
    /// Currency in which money is shown.
    pub currency: Currency,
    /// Date whose rates convert all money, if the workspace wants constant currency.
    pub constant_rate_date: Option<Date>,
    /// The rules of the revenue fold (`mrr_amount`, `one_time_coupons`, `usage_in_mrr`, `pause`, `past_due_churn_days`,
    /// `churn_date`, `netting_window_minutes`, `reactivation_gap_days`).
    pub rules: RevenueRules,
    /// Whether reactivated revenue counts for the quick ratio.
    pub quick_ratio_with_reactivation: bool,
    /// Whether reactivated revenue is deducted in net MRR churn.
    pub net_churn_with_reactivation: bool,
    /// Gross margin for lifetime value, 0 to 1.
    pub gross_margin: Exact,
    /// Months over which lifetime value averages the churn rate.
    pub ltv_window_months: u32,
    /// Minutes without an event that end a visit.
    pub session_minutes: u32,
    /// Whether the addresses of those who send events are kept.
    pub store_addresses: bool,
    /// The formula of lifetime value: one of [`LTV_FORMULAS`].
    pub ltv_formula: &'static str,
    /// Months that a predicted lifetime looks ahead.
    pub ltv_horizon_months: u32,
    /// Periods by which costs run before the customers that they win.
    pub cost_lag_periods: u32,
}

/// The formulas of lifetime value that `ltv_formula` may name.
pub const LTV_FORMULAS: [&str; 4] = ["churn", "lifetime", "orders", "predicted"];

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "My company".to_owned(),
            zone: Zone::utc(),
            currency: Currency::USD,
            constant_rate_date: None,
            rules: RevenueRules::default(),
            quick_ratio_with_reactivation: false,
            net_churn_with_reactivation: false,
            gross_margin: Exact::one(),
            ltv_window_months: 6,
            session_minutes: 30,
            store_addresses: false,
            ltv_formula: "churn",
            ltv_horizon_months: 60,
            cost_lag_periods: 1,
        }
    }
}

/// The names of all settings, in the order of the reference.
pub const NAMES: [&str; 22] = [
    "name",
    "timezone",
    "week_start",
    "currency",
    "constant_rate_date",
    "mrr_amount",
    "one_time_coupons",
    "usage_in_mrr",
    "pause",
    "past_due_churn_days",
    "churn_date",
    "netting_window_minutes",
    "reactivation_gap_days",
    "quick_ratio_with_reactivation",
    "net_churn_with_reactivation",
    "gross_margin",
    "ltv_window_months",
    "session_minutes",
    "store_addresses",
    "ltv_formula",
    "ltv_horizon_months",
    "cost_lag_periods",
];

/// The settings that say how things are shown and change no figure.
const NO_RULES: [&str; 3] = ["name", "currency", "store_addresses"];

/// What is wrong with a settings file or a value for a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A line of the file is wrong.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file's name, as it was given.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong and how it is mended.
        problem: String,
    },
    /// A value that did not come from a file is wrong.
    #[error("{0}")]
    Value(String),
}

/// One setting for people: what it is, what it means, what it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInfo {
    /// The name in `burgeon.toml`.
    pub name: &'static str,
    /// The value in force, as TOML; empty when it is not set.
    pub value: String,
    /// The default, as TOML; empty when there is none.
    pub default: String,
    /// What it means, from the reference.
    pub doc: String,
    /// The values that are allowed, where they can be counted; else empty.
    pub choices: &'static [&'static str],
    /// Whether changing it recomputes history.
    pub is_rule: bool,
}

impl Settings {
    /// Reads a settings file. What it does not say has its default.
    ///
    /// # Errors
    /// [`SettingsError::Line`] for text that is not TOML, an unknown name (with the nearest valid one) or a
    /// value out of place; `file` is what the error calls the file.
    pub fn parse(text: &str, file: &str) -> Result<Settings, SettingsError> {
        let mut settings = Settings::default();
        for entry in file::entries(text, file)? {
            settings.set_raw(&entry.name, entry.value).map_err(|problem| SettingsError::Line {
                file: file.to_owned(),
                line: entry.line,
                problem,
            })?;
        }
        Ok(settings)
    }

    /// Sets one setting from text: TOML, or a bare word for text. Empty text gives the default back.
    ///
    /// # Errors
    /// [`SettingsError::Value`] for an unknown name or a value out of place.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingsError> {
        let value = value.trim();
        if value.is_empty() {
            let default = Settings::default();
            let Some(text) = default.get(name) else { return Err(SettingsError::Value(unknown(name))) };
            match name {
                "constant_rate_date" => self.constant_rate_date = None,
                "past_due_churn_days" => self.rules.past_due_churn_days = None,
                "reactivation_gap_days" => self.rules.reactivation_gap_days = None,
                _ => return self.set(name, &text),
            }
            return Ok(());
        }
        self.set_raw(name, file::value(value)).map_err(SettingsError::Value)
    }

    fn set_raw(&mut self, name: &str, value: Raw) -> Result<(), String> {
        let wrong = |expected: &str| format!("{name} is {value}; write {expected}");
        match name {
            "name" => self.name = value.text().ok_or_else(|| wrong("a text in quotes"))?.to_owned(),
            "timezone" => {
                let zone = value.text().ok_or_else(|| wrong("an IANA name such as \"Europe/Berlin\""))?;
                self.zone = Zone::new(zone, self.zone.week_start()).map_err(|error| error.to_string())?;
            }
            "week_start" => {
                let day = value.text().ok_or_else(|| wrong("a day such as \"monday\""))?;
                let day = parse_weekday(day).map_err(|error| error.to_string())?;
                self.zone = Zone::new(self.zone.name(), day).map_err(|error| error.to_string())?;
            }
            "currency" => {
                let code = value.text().ok_or_else(|| wrong("a code such as \"USD\""))?;
                self.currency = Currency::parse(code).map_err(|error| error.to_string())?;
            }
            "constant_rate_date" => {
                let date = value.date().ok_or_else(|| wrong("a date such as 2025-01-01"))?;
                self.constant_rate_date = Some(date);
            }
            "mrr_amount" => {
                self.rules.amount =
                    choose(name, &value, [("net", AmountRule::Net), ("list", AmountRule::List)])?;
            }
            "one_time_coupons" => {
                self.rules.one_time_coupons = choose(name, &value, [("ignored", false), ("counted", true)])?;
            }
            "usage_in_mrr" => {
                self.rules.usage_in_mrr = value.bool().ok_or_else(|| wrong("true or false"))?;
            }
            "pause" => {
                self.rules.pause =
                    choose(name, &value, [("churn", PauseRule::Churn), ("keep", PauseRule::Keep)])?;
            }
            "past_due_churn_days" => {
                self.rules.past_due_churn_days = Some(value.whole(0, 3_650).map_err(|e| wrong(&e))?);
            }
            "churn_date" => {
                let choices = [("period_end", ChurnDateRule::PeriodEnd), ("request", ChurnDateRule::Request)];
                self.rules.churn_date = choose(name, &value, choices)?;
            }
            "netting_window_minutes" => {
                self.rules.netting_window_minutes = value.whole(0, 44_640).map_err(|e| wrong(&e))?;
            }
            "reactivation_gap_days" => {
                self.rules.reactivation_gap_days = Some(value.whole(0, 36_500).map_err(|e| wrong(&e))?);
            }
            "quick_ratio_with_reactivation" => {
                self.quick_ratio_with_reactivation = value.bool().ok_or_else(|| wrong("true or false"))?;
            }
            "net_churn_with_reactivation" => {
                self.net_churn_with_reactivation = value.bool().ok_or_else(|| wrong("true or false"))?;
            }
            "gross_margin" => {
                let margin = value.number().filter(|m| !m.is_negative() && *m <= Exact::one());
                self.gross_margin = margin.ok_or_else(|| wrong("a fraction from 0 to 1, such as 0.8"))?;
            }
            "ltv_window_months" => self.ltv_window_months = value.whole(1, 120).map_err(|e| wrong(&e))?,
            "session_minutes" => self.session_minutes = value.whole(1, 1_440).map_err(|e| wrong(&e))?,
            "store_addresses" => {
                self.store_addresses = value.bool().ok_or_else(|| wrong("true or false"))?;
            }
            "ltv_formula" => self.ltv_formula = choose(name, &value, LTV_FORMULAS.map(|word| (word, word)))?,
            "ltv_horizon_months" => self.ltv_horizon_months = value.whole(1, 600).map_err(|e| wrong(&e))?,
            "cost_lag_periods" => self.cost_lag_periods = value.whole(0, 120).map_err(|e| wrong(&e))?,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// The value of a setting as TOML, empty when it is not set; `None` when there is no such setting.
    pub fn get(&self, name: &str) -> Option<String> {
        let quoted = |text: &str| file::quote(text);
        Some(match name {
            "name" => quoted(&self.name),
            "timezone" => quoted(self.zone.name()),
            "week_start" => quoted(weekday_name(self.zone.week_start())),
            "currency" => quoted(self.currency.code()),
            "constant_rate_date" => self.constant_rate_date.map(|date| date.to_string()).unwrap_or_default(),
            "mrr_amount" => quoted(match self.rules.amount {
                AmountRule::Net => "net",
                AmountRule::List => "list",
            }),
            "one_time_coupons" => quoted(if self.rules.one_time_coupons { "counted" } else { "ignored" }),
            "usage_in_mrr" => self.rules.usage_in_mrr.to_string(),
            "pause" => quoted(match self.rules.pause {
                PauseRule::Churn => "churn",
                PauseRule::Keep => "keep",
            }),
            "past_due_churn_days" => {
                self.rules.past_due_churn_days.map(|n| n.to_string()).unwrap_or_default()
            }
            "churn_date" => quoted(match self.rules.churn_date {
                ChurnDateRule::PeriodEnd => "period_end",
                ChurnDateRule::Request => "request",
            }),
            "netting_window_minutes" => self.rules.netting_window_minutes.to_string(),
            "reactivation_gap_days" => {
                self.rules.reactivation_gap_days.map(|n| n.to_string()).unwrap_or_default()
            }
            "quick_ratio_with_reactivation" => self.quick_ratio_with_reactivation.to_string(),
            "net_churn_with_reactivation" => self.net_churn_with_reactivation.to_string(),
            "gross_margin" => self.gross_margin.to_decimal(12),
            "ltv_window_months" => self.ltv_window_months.to_string(),
            "session_minutes" => self.session_minutes.to_string(),
            "store_addresses" => self.store_addresses.to_string(),
            "ltv_formula" => quoted(self.ltv_formula),
            "ltv_horizon_months" => self.ltv_horizon_months.to_string(),
            "cost_lag_periods" => self.cost_lag_periods.to_string(),
            _ => return None,
        })
    }

    /// A setting as a number for formulas: true is 1, false is 0. `None` for one that is unknown, no number
    /// or not set.
    pub fn number(&self, name: &str) -> Option<Exact> {
        match self.get(name)?.as_str() {
            "true" => Some(Exact::one()),
            "false" => Some(Exact::zero()),
            text => text.parse().ok(),
        }
    }

    /// A setting that is a word, such as `churn` of `ltv_formula`; `None` for one that is unknown, no word or not set.
    pub fn word(&self, name: &str) -> Option<&'static str> {
        let value = self.get(name)?;
        choices(name).iter().find(|choice| file::quote(choice) == value).copied()
    }

    /// All settings with their values and documentation, in the order of the reference.
    pub fn list(&self) -> Vec<SettingInfo> {
        let default = Settings::default();
        NAMES
            .iter()
            .map(|&name| SettingInfo {
                name,
                value: self.get(name).unwrap_or_default(),
                default: default.get(name).unwrap_or_default(),
                doc: doc(name).unwrap_or_default().to_owned(),
                choices: choices(name),
                is_rule: !NO_RULES.contains(&name),
            })
            .collect()
    }

    /// Names the rules under which figures were computed: 16 hex digits over every setting that changes a
    /// figure. Equal rules give equal text on every machine and in every version that knows the same rules.
    pub fn rule_version(&self) -> String {
        let default = Settings::default();
        let mut text = String::new();
        for name in NAMES.iter().filter(|name| !NO_RULES.contains(name)) {
            let value = self.get(name).unwrap_or_default();
            // Defaults are left out, so that a later version with one more setting gives the same text.
            if default.get(name).as_ref() != Some(&value) {
                text.push_str(&format!("{name}={value}\n"));
            }
        }
        format!("{:016x}", XxHash3_64::oneshot(text.as_bytes()))
    }
}

/// A settings file with one setting changed (or, with empty `value`, commented out); all other lines,
/// comments included, stay as they are. `value` is TOML, as [`Settings::get`] gives it.
pub fn edit(text: &str, name: &str, value: &str) -> String {
    file::edit(text, name, value)
}

/// What a setting means, from the comments of the reference; `None` when there is no such setting.
pub fn doc(name: &str) -> Option<&'static str> {
    static DOCS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| file::docs(DEFAULT_TOML));
    DOCS.iter().find(|(known, _)| known == name).map(|(_, doc)| doc.as_str())
}

/// The words that a setting may be, where they can be counted; else empty.
pub fn choices(name: &str) -> &'static [&'static str] {
    match name {
        "week_start" => &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        "mrr_amount" => &["net", "list"],
        "one_time_coupons" => &["ignored", "counted"],
        "pause" => &["churn", "keep"],
        "churn_date" => &["period_end", "request"],
        "ltv_formula" => &LTV_FORMULAS,
        "usage_in_mrr"
        | "quick_ratio_with_reactivation"
        | "net_churn_with_reactivation"
        | "store_addresses" => &["true", "false"],
        _ => &[],
    }
}

/// What a setting means in a language (`en`, `ru`, `zh`); `None` when there is no such setting or language.
pub fn doc_in(name: &str, language: &str) -> Option<&'static str> {
    type Docs = std::collections::HashMap<String, std::collections::HashMap<String, String>>;
    // A test holds the file readable and whole.
    static DOCS: LazyLock<Docs> =
        LazyLock::new(|| toml::from_str(include_str!("docs.toml")).unwrap_or_default());
    match language {
        "en" => doc(name),
        _ => DOCS.get(name)?.get(language).map(String::as_str),
    }
}

fn unknown(name: &str) -> String {
    format!("unknown setting \"{name}\"{}", did_you_mean(name, NAMES))
}

fn choose<T: Copy, const N: usize>(name: &str, value: &Raw, choices: [(&str, T); N]) -> Result<T, String> {
    let text = value.text().unwrap_or_default();
    choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value).ok_or_else(|| {
        let list: Vec<String> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
        format!(
            "{name} is {value}; write {}{}",
            list.join(" or "),
            did_you_mean(text, choices.map(|(c, _)| c))
        )
    })
}

#[cfg(test)]
mod tests;
