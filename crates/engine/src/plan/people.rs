//! The persons behind a figure of a metric, over the metric's own fact.

use burgeon_core::behaviour::active::Active;
use burgeon_metrics::base::{BaseMeasure, BaseRequest};

use super::engine::Engine;
use super::error::EngineError;
use super::{actives, conversion};

/// The column of facts that holds the person.
pub(super) const PERSON: &str = "person_id";

impl Engine {
    /// Numbers, ascending, of the persons whom a request counts in its last span; of sums and other figures over rows those
    /// who have such rows. Groups are left aside: a group is asked for as a filter.
    ///
    /// # Errors
    /// When the rows of the fact belong to no person, and as [`Engine::run_all`].
    pub async fn people_behind(&self, request: &BaseRequest) -> Result<Vec<u32>, EngineError> {
        let fact = self.fact(&request.fact)?;
        let (Some(store), Some(span), true) = (
            self.events(),
            request.spans.last().copied(),
            fact.columns.iter().any(|column| column.name == PERSON),
        ) else {
            return Err(EngineError::Request {
                fact: request.fact.clone(),
                wrong: "its rows belong to no person".into(),
                mend: "ask for the rows behind the figure".into(),
            });
        };
        self.rates().await?;
        let request =
            BaseRequest { entity: Some(PERSON.into()), by: vec![], spans: vec![span], ..request.clone() };
        let names = match &request.measure {
            BaseMeasure::ActiveEntities => {
                if let Some(numbers) = actives::hot_people(self, &request, span).await? {
                    return Ok(numbers);
                }
                actives::read_people(self, &request, span, None).await?
            }
            BaseMeasure::Conversion { .. } => conversion::people(self, &request).await?,
            _ => actives::read_people(self, &request, span, Some(Active::ONCE)).await?,
        };
        Ok(store.numbers_of(names).await?)
    }
}
