//! Releases, price changes, campaigns and incidents: the flags on the charts.

use super::cells::{Columns, instant};
use super::{Result, Workspace};
use serde::Serialize;
use utoipa::ToSchema;

/// A flag on the charts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Release {
    /// Identifier.
    pub release_id: String,
    /// When it took effect, RFC 3339.
    pub at: String,
    /// The date in the workspace's time zone.
    pub date: String,
    /// What the flag says.
    pub name: String,
    /// release, price_change, campaign, incident or note.
    pub kind: String,
    /// Anything else.
    pub note: Option<String>,
}

/// Flags, oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReleaseList {
    /// Oldest first.
    pub releases: Vec<Release>,
}

impl Workspace {
    /// The releases between two dates or periods, both included.
    pub async fn releases(&self, from: Option<&str>, to: Option<&str>) -> Result<ReleaseList> {
        let zone = self.zone();
        let start = from.map(|text| self.period(text, "from")).transpose()?;
        let end = to.map(|text| self.period(text, "to")).transpose()?;
        let first = start.map_or(i64::MIN, |period| zone.start_of(period.start));
        let last = end.map_or(i64::MAX, |period| zone.start_of(period.end));
        self.releases_between(first, last).await
    }

    /// The releases in `[first, last)`, µs UTC.
    pub async fn releases_between(&self, first: i64, last: i64) -> Result<ReleaseList> {
        let batches = self
            .select("SELECT release_id, at, name, kind, note FROM releases ORDER BY at, release_id")
            .await?;
        let zone = self.zone();
        let mut releases = Vec::new();
        for batch in &batches {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let Some(at) = columns.int("at", row)? else {
                    continue;
                };
                if at < first || at >= last {
                    continue;
                }
                releases.push(Release {
                    release_id: columns.text("release_id", row)?.unwrap_or_default(),
                    at: instant(at),
                    date: zone.date_of(at).to_string(),
                    name: columns.text("name", row)?.unwrap_or_default(),
                    kind: columns.text("kind", row)?.unwrap_or_else(|| "release".to_owned()),
                    note: columns.text("note", row)?,
                });
            }
        }
        Ok(ReleaseList { releases })
    }
}
