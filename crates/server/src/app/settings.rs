//! The rules of the workspace: read from `burgeon.toml`, changed in place, every change on record.

use super::metrics::Label;
use super::{Error, Result, Workspace};
use burgeon_core::settings::{DEFAULT_TOML, Settings, SettingsError, doc_in, edit};
use burgeon_state::SettingChange;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// The languages of the product.
const LANGUAGES: [&str; 3] = ["en", "ru", "zh"];

/// A setting.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingInfo {
    /// Name in `burgeon.toml`.
    pub name: String,
    /// Value in force: text, number, yes or no; null when it is not set.
    #[schema(value_type = Option<Object>)]
    pub value: serde_json::Value,
    /// Value when the file says nothing.
    #[schema(value_type = Option<Object>)]
    pub default: serde_json::Value,
    /// What it means, by language.
    pub doc: Label,
    /// The values that are allowed, where they can be counted.
    pub choices: Vec<String>,
    /// Whether changing it recomputes history.
    pub is_rule: bool,
}

/// All settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingList {
    /// In the order of the reference.
    pub settings: Vec<SettingInfo>,
    /// Names the rules in force.
    pub rule_version: String,
}

/// Settings to change.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct SettingValues {
    /// New values by name; null or an empty text puts the default back.
    #[schema(value_type = Object)]
    pub values: BTreeMap<String, Scalar>,
}

/// A value: text, number or yes and no.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// Yes or no.
    Bool(bool),
    /// No value: the default.
    Nothing,
}

impl Scalar {
    /// As the settings take it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Nothing => String::new(),
        }
    }
}

/// `burgeon.toml` as it lies on the disk.
#[derive(Debug)]
pub(super) struct SettingsFile {
    path: PathBuf,
    text: String,
}

impl SettingsFile {
    /// Reads the file, written with its comments when it is missing, and puts `over` on top.
    pub(super) fn open(folder: &Path, over: &[(String, String)]) -> Result<(Self, Settings)> {
        let path = folder.join("burgeon.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::fs::write(&path, DEFAULT_TOML).map_err(|error| Error::io(&path, &error))?;
                DEFAULT_TOML.to_owned()
            }
            Err(error) => return Err(Error::io(&path, &error)),
        };
        let mut settings = Settings::parse(&text, &path.display().to_string()).map_err(wrong)?;
        for (name, value) in over {
            settings.set(name, value).map_err(wrong)?;
        }
        Ok((Self { path, text }, settings))
    }

    /// Writes the file with one setting changed, beside and renamed, so that a crash leaves the old or the new one.
    fn change(&mut self, name: &str, value: &str) -> Result<()> {
        let text = edit(&self.text, name, value);
        let beside = self.path.with_extension("toml.part");
        std::fs::write(&beside, &text).map_err(|error| Error::io(&beside, &error))?;
        std::fs::rename(&beside, &self.path).map_err(|error| Error::io(&self.path, &error))?;
        self.text = text;
        Ok(())
    }
}

/// A value of the settings file as JSON: quotes taken off, numbers as numbers.
fn plain(toml: &str) -> serde_json::Value {
    if toml.is_empty() {
        return serde_json::Value::Null;
    }
    // Text, numbers and yes or no are written alike in both; a date is text.
    serde_json::from_str(toml).unwrap_or_else(|_| toml.trim_matches(['"', '\'']).into())
}

fn wrong(error: SettingsError) -> Error {
    Error::invalid("bad_setting", error.to_string())
}

impl Workspace {
    /// All settings.
    pub fn setting_list(&self) -> SettingList {
        let settings = self.settings();
        let list = settings.list().into_iter().map(|info| SettingInfo {
            name: info.name.to_owned(),
            value: plain(&info.value),
            default: plain(&info.default),
            doc: LANGUAGES
                .iter()
                .filter_map(|language| {
                    Some(((*language).to_owned(), doc_in(info.name, language)?.to_owned()))
                })
                .collect(),
            choices: info.choices.iter().map(|choice| (*choice).to_owned()).collect(),
            is_rule: info.is_rule,
        });
        SettingList { settings: list.collect(), rule_version: settings.rule_version() }
    }

    /// Changes one setting; every figure is recomputed under the new rule.
    pub async fn set_setting(&self, name: &str, value: &str, actor: &str) -> Result<()> {
        let values = BTreeMap::from([(name.to_owned(), Scalar::Text(value.to_owned()))]);
        self.set_settings(&values, actor).await
    }

    /// Changes settings, all or none, and notes who did it.
    pub async fn set_settings(&self, values: &BTreeMap<String, Scalar>, actor: &str) -> Result<()> {
        let before = self.settings();
        let mut after = Settings::clone(&before);
        for (name, value) in values {
            after.set(name, &value.text()).map_err(|error| wrong(error).param(name.clone()))?;
        }
        let mut changes = Vec::new();
        for name in values.keys() {
            let (old, new) = (before.get(name).unwrap_or_default(), after.get(name).unwrap_or_default());
            if old != new {
                let set = |text: String| (!text.is_empty()).then_some(text);
                changes.push(SettingChange { name: name.clone(), before: set(old), after: set(new) });
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.renew(after).await?;
        {
            let mut file = self.file.lock();
            for change in &changes {
                file.change(&change.name, change.after.as_deref().unwrap_or_default())?;
            }
        }
        self.state().audit_settings(actor, &changes, self.now().as_microsecond()).await?;
        Ok(())
    }
}

/// The time zone that settings give, over the defaults.
pub(super) fn zone_of(over: &[(String, String)]) -> Result<burgeon_core::time::Zone> {
    let mut settings = Settings::default();
    for (name, value) in over {
        settings.set(name, value).map_err(wrong)?;
    }
    Ok(settings.zone)
}
