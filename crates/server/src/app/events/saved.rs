//! Saved segments of persons and customers, and saved addresses of pages.

use crate::app::{Error, Kind, Result, Workspace};
use burgeon_core::text::did_you_mean;
use burgeon_metrics::query::QueryFilter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const SEGMENT: &str = "segment";
const VIEW: &str = "view";
/// The longest name, and the most conditions of a segment.
const MOST: usize = 200;

/// Who is in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentOf {
    /// People.
    Persons,
    /// Customers.
    Customers,
}

/// A saved segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub of: SegmentOf,
    /// Conditions that all hold, in the form of `where`: `plan:Pro,Team`, `country!:US`, `did:report_created`.
    pub filter: Vec<String>,
}

/// A segment to save; its name stands in the address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewSegment {
    /// Who is in it.
    pub of: SegmentOf,
    /// Conditions that all hold.
    pub filter: Vec<String>,
}

/// The saved segments, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SegmentList {
    /// By name.
    pub segments: Vec<Segment>,
}

/// A saved address of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The page, such as `/funnels`.
    pub page: String,
    /// The query of the address, as the page writes it.
    pub query: String,
}

/// An address to save; its name stands in the address.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewView {
    /// The page, such as `/funnels`.
    pub page: String,
    /// The query of the address, as the page writes it.
    pub query: String,
}

/// The saved addresses, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ViewList {
    /// By name.
    pub views: Vec<View>,
}

fn checked(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MOST {
        let message = format!("a name has 1 to {MOST} characters");
        return Err(Error::invalid("bad_name", message).param("name"));
    }
    Ok(name)
}

impl Workspace {
    /// The saved segments.
    pub async fn segments(&self) -> Result<SegmentList> {
        Ok(SegmentList { segments: self.saved(SEGMENT).await? })
    }

    /// Saves a segment under its name, in place of one of the same name.
    pub async fn save_segment(&self, name: &str, new: NewSegment) -> Result<Segment> {
        if new.filter.len() > MOST {
            return Err(
                Error::invalid("too_many_conditions", format!("at most {MOST} conditions")).param("filter")
            );
        }
        for text in &new.filter {
            QueryFilter::parse(text)?;
        }
        let segment = Segment { name: checked(name)?.to_owned(), of: new.of, filter: new.filter };
        self.keep(SEGMENT, &segment.name, &segment).await?;
        Ok(segment)
    }

    /// Deletes a segment.
    pub async fn delete_segment(&self, name: &str) -> Result<()> {
        self.forget(SEGMENT, name).await
    }

    /// The conditions of a segment.
    pub(super) async fn segment_filters(&self, name: &str) -> Result<Vec<QueryFilter>> {
        let all = self.segments().await?.segments;
        let Some(segment) = all.iter().find(|segment| segment.name == name) else {
            let near = did_you_mean(name, all.iter().map(|segment| segment.name.as_str()));
            let message = format!("there is no segment {name:?}{near}");
            return Err(Error::new(Kind::Invalid, "unknown_segment", message).param("segment"));
        };
        segment.filter.iter().map(|text| Ok(QueryFilter::parse(text)?)).collect()
    }

    /// The saved addresses.
    pub async fn views(&self) -> Result<ViewList> {
        Ok(ViewList { views: self.saved(VIEW).await? })
    }

    /// Saves an address under its name, in place of one of the same name.
    pub async fn save_view(&self, name: &str, new: NewView) -> Result<View> {
        if new.page.len() + new.query.len() > 16 << 10 {
            return Err(Error::new(Kind::TooLarge, "too_long", "the address is longer than 16 KiB"));
        }
        let view = View { name: checked(name)?.to_owned(), page: new.page, query: new.query };
        self.keep(VIEW, &view.name, &view).await?;
        Ok(view)
    }

    /// Deletes a saved address.
    pub async fn delete_view(&self, name: &str) -> Result<()> {
        self.forget(VIEW, name).await
    }

    async fn saved<T: serde::de::DeserializeOwned>(&self, kind: &str) -> Result<Vec<T>> {
        let all = self.state().saved_views().await?;
        let own = all.iter().filter(|view| view.kind == kind);
        own.map(|view| {
            serde_json::from_str(&view.content).map_err(|error| {
                Error::internal(format!("the saved {kind} {:?} is damaged: {error}", view.name))
            })
        })
        .collect()
    }

    async fn keep<T: Serialize>(&self, kind: &str, name: &str, value: &T) -> Result<()> {
        let content = serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))?;
        let at = self.now().as_microsecond();
        Ok(self.state().save_view(&format!("{kind}:{name}"), kind, name, &content, at).await?)
    }

    async fn forget(&self, kind: &str, name: &str) -> Result<()> {
        Ok(self.state().delete_view(&format!("{kind}:{}", name.trim())).await?)
    }
}
