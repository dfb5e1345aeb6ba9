//! What is wrong with a data directory, in words.

use super::{Result, Workspace};
use burgeon_engine::lake::Severity;
use serde::Serialize;

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// lake, state, definitions, settings or data.
    pub part: &'static str,
    /// Whether figures or records are affected; else it is only worth knowing.
    pub severe: bool,
    /// What is wrong, and the mend.
    pub text: String,
}

impl Workspace {
    /// Checks the lake with its log, the state, the definitions and the records; an empty list when all is well.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for finding in self.lake().check().await {
            findings.push(Finding {
                part: "lake",
                severe: finding.severity == Severity::Error,
                text: format!("{}: {}; {}", finding.path.display(), finding.what, finding.mend),
            });
        }
        for text in self.state().check().await? {
            findings.push(Finding { part: "state", severe: true, text });
        }
        for trouble in &self.troubles {
            findings.push(Finding { part: "definitions", severe: true, text: trouble.to_string() });
        }
        for removal in self.lake().events().removals()? {
            findings.push(Finding {
                part: "data",
                severe: true,
                text: format!(
                    "the removal {} of a person was begun and could not be carried through; it is repeated at every \
                     start, whose log says what is in its way",
                    removal.id()
                ),
            });
        }
        match self.rejects(None, 0, 0).await {
            Ok(page) if page.open > 0 => findings.push(Finding {
                part: "data",
                severe: false,
                text: format!(
                    "{} rows could not be read and wait for a mend; see them with \
                     `burgeon sql \"SELECT source, line, reason FROM rejects WHERE replayed_at IS NULL\"`",
                    page.open
                ),
            }),
            Ok(_) => {}
            Err(error) => findings.push(Finding { part: "data", severe: true, text: error.to_string() }),
        }
        findings.extend(self.missing_rates().await);
        Ok(findings)
    }

    /// Currencies in use that cannot be shown in the display currency.
    async fn missing_rates(&self) -> Option<Finding> {
        let sql = format!(
            "SELECT max(convert(0, currency, {})) FROM (SELECT DISTINCT currency FROM subscription_changes)",
            super::sql::instant_literal(self.now().as_microsecond())
        );
        let error = self.select(&sql).await.err()?;
        Some(Finding { part: "data", severe: error.code == "missing_rate", text: error.to_string() })
    }
}
