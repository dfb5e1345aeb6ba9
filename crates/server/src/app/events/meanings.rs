//! What events mean in this workspace: which are a sign-up, an active use, …

use crate::app::definitions::{File, Files};
use crate::app::{Error, Kind, Result, Workspace};
use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::definition::Label;
use burgeon_core::behaviour::meaning::{Meaning, Meanings, format_duration, is_name, parse_duration};
use burgeon_core::behaviour::step::Step;
use burgeon_core::text::did_you_mean;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use utoipa::ToSchema;

/// The file of meanings, built in and of a workspace.
const FILE: &str = "meanings.toml";

/// The meanings, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeaningList {
    /// By name.
    pub meanings: Vec<MeaningInfo>,
}

/// A meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeaningInfo {
    /// Name, as metrics use it.
    pub name: String,
    /// Name for people, by language.
    pub label: BTreeMap<String, String>,
    /// Steps of which any has this meaning.
    pub steps: Vec<String>,
    /// How often one of them must happen until it counts.
    pub at_least: u32,
    /// Within which time, such as `1d`; none when that is the period asked for.
    pub within: Option<String>,
    /// Whether it is the built-in one.
    pub builtin: bool,
}

/// A meaning to set; its name stands in the address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMeaning {
    /// Steps of which any has this meaning.
    pub steps: Vec<String>,
    /// How often one of them must happen until it counts; once when it is absent.
    #[serde(default)]
    pub at_least: Option<u32>,
    /// Within which time, such as `1d`.
    #[serde(default)]
    pub within: Option<String>,
    /// Name for people in English; the present one when it is absent.
    #[serde(default)]
    pub label: Option<String>,
}

impl From<&Meaning> for MeaningInfo {
    fn from(meaning: &Meaning) -> Self {
        let mut label = BTreeMap::from([("en".to_owned(), meaning.label.en.clone())]);
        label.extend(meaning.label.ru.clone().map(|text| ("ru".to_owned(), text)));
        label.extend(meaning.label.zh.clone().map(|text| ("zh".to_owned(), text)));
        Self {
            name: meaning.name.clone(),
            label,
            steps: meaning.steps.iter().map(Step::to_string).collect(),
            at_least: meaning.active.at_least.max(1),
            within: meaning.active.within_us.map(format_duration),
            builtin: meaning.built_in,
        }
    }
}

/// Reads the built-in meanings and those of the workspace over them.
pub(in crate::app) fn read(files: &Files) -> Result<Meanings> {
    let parse = |file: &File| {
        Meanings::parse(&file.text, &file.place())
            .map_err(|error| Error::invalid("bad_definition", error.to_string()))
    };
    let mut meanings = match Files::built_in()?.get(FILE) {
        Some(file) => parse(file)?.as_built_in(),
        None => Meanings::default(),
    };
    if let Some(own) = files.get(FILE).filter(|file| file.origin.is_some()) {
        meanings.replace_with(parse(own)?);
    }
    Ok(meanings)
}

impl Workspace {
    /// The meanings in force.
    pub(in crate::app) fn meanings(&self) -> Arc<Meanings> {
        self.definitions().meanings.clone()
    }

    /// Names of the meanings that take events of a name.
    pub(super) fn meanings_of(&self, event: &str) -> Vec<String> {
        self.meanings().of_event(event).map(|meaning| meaning.name.clone()).collect()
    }

    /// A meaning by name; an error names the nearest.
    pub(super) fn meaning(&self, name: &str) -> Result<Meaning> {
        let meanings = self.meanings();
        meanings.get(name).cloned().ok_or_else(|| {
            let near = did_you_mean(name, meanings.iter().map(|meaning| meaning.name.as_str()));
            Error::not_found("unknown_meaning", format!("there is no meaning {name:?}{near}"))
                .param("meaning")
        })
    }

    /// The meanings, by name.
    pub fn meaning_list(&self) -> MeaningList {
        MeaningList { meanings: self.meanings().iter().map(MeaningInfo::from).collect() }
    }

    /// Says what a meaning is from now on; figures of the past follow. The workspace's file of meanings is written anew.
    pub async fn set_meaning(&self, name: &str, new: &NewMeaning, actor: &str) -> Result<MeaningInfo> {
        if !is_name(name) {
            return Err(Error::invalid(
                "bad_name",
                format!("{name:?}: write small letters, digits and _ only"),
            )
            .param("name"));
        }
        let steps =
            new.steps.iter().map(|text| super::ask::step(text, "steps")).collect::<Result<Vec<_>>>()?;
        let within_us = match new.within.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(parse_duration(text).ok_or_else(|| {
                Error::invalid("bad_duration", format!("{text:?} is no length of time"))
                    .mend("write a time such as 30m, 12h, 1d or 4w")
                    .param("within")
            })?),
        };
        let before = self.meanings().get(name).cloned();
        let label = match (&new.label, before) {
            (Some(text), _) => Label { en: text.clone(), ru: None, zh: None },
            (None, Some(before)) => before.label,
            (None, None) => Label { en: name.replace('_', " "), ru: None, zh: None },
        };
        let active = Active { at_least: new.at_least.unwrap_or(1).clamp(1, 1_000), within_us };
        let meaning = Meaning { name: name.to_owned(), label, steps, active, built_in: false };
        let info = MeaningInfo::from(&meaning);
        self.change_meanings(name, Some(meaning), actor).await?;
        Ok(info)
    }

    /// Goes back to the built-in meaning; one that is not built in is gone.
    pub async fn reset_meaning(&self, name: &str, actor: &str) -> Result<Option<MeaningInfo>> {
        self.meaning(name)?;
        self.change_meanings(name, None, actor).await?;
        Ok(self.meanings().get(name).map(MeaningInfo::from))
    }

    fn meanings_file(&self) -> PathBuf {
        self.definitions_folder().join(FILE)
    }

    async fn change_meanings(&self, name: &str, to: Option<Meaning>, actor: &str) -> Result<()> {
        let _alone = self.intake().meanings.lock().await;
        let path = self.meanings_file();
        let own = match std::fs::read_to_string(&path) {
            Ok(text) => Meanings::parse(&text, &path.display().to_string())
                .map_err(|error| Error::new(Kind::Conflict, "bad_definition", error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Meanings::default(),
            Err(error) => return Err(Error::io(&path, &error)),
        };
        let mut next = Meanings::default();
        own.iter().filter(|meaning| meaning.name != name).for_each(|meaning| next.set(meaning.clone()));
        let steps: Option<Vec<String>> =
            to.as_ref().map(|meaning| meaning.steps.iter().map(Step::to_string).collect());
        if let Some(meaning) = to {
            next.set(meaning);
        }
        let text = format!(
            "# Meanings of this workspace, over the built-in ones. Written by the page; a text editor does as well.\n\n{}",
            next.to_toml()
        );
        let folder = self.definitions_folder();
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        // All or nothing: a half file would keep the workspace from being opened.
        let draft = path.with_extension("toml~");
        let written = std::fs::File::create(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(|error| Error::io(&path, &error))?;
        self.renew((*self.settings()).clone()).await?;
        let detail = serde_json::json!({ "steps": steps });
        self.state().audit(actor, "meaning", name, &detail, self.now().as_microsecond()).await?;
        Ok(())
    }
}
