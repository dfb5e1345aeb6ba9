//! `GET /people`: the people behind a figure.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::people::PeopleAnswer;
use axum::Json;
use axum::extract::State;

/// The people behind a figure, those last seen first: the same parameters as the figure, and which part of it.
#[utoipa::path(get, path = "/api/v1/people", tag = "events",
    params(
        ("of" = String, Query, description = "funnel, retention, actives, event, meaning, metric, paths, lifecycle, stickiness or live"),
        ("at" = Option<usize>, Query, description = "funnel: the step, from 1"),
        ("dropped" = Option<bool>, Query, description = "funnel: those who got to the step before and not to this one"),
        ("cohort" = Option<String>, Query, description = "retention: the cohort"),
        ("period" = Option<String>, Query, description = "retention: the period from 0; the whole cohort when absent. Else a period such as 2026-01"),
        ("missing" = Option<bool>, Query, description = "retention: those who did not come back"),
        ("path" = Option<Vec<String>>, Query, description = "paths: how the way begins (or ends), repeated"),
        ("state" = Option<String>, Query, description = "lifecycle: new, returning, resurrecting or dormant"),
        ("days" = Option<usize>, Query, description = "stickiness: the number of days"),
        ("on" = Option<String>, Query, description = "live: site or product"),
        ("metric" = Option<String>, Query, description = "metric: its name"),
        ("meaning" = Option<String>, Query, description = "meaning: its name"),
        ("event" = Option<Vec<String>>, Query, description = "event: steps of which people took one"),
        ("value" = Option<String>, Query, description = "Only the group of this value of `by`"),
        ("none" = Option<bool>, Query, description = "Only the group without a value"),
        ("limit" = Option<usize>, Query, description = "Most people, up to 1,000; 50 by default"),
        ("offset" = Option<usize>, Query, description = "People to pass over"),
        ("from" = Option<String>, Query, description = "First date or period, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = PeopleAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<PeopleAnswer>> {
    let request = context.workspace.parse_people(&params.0)?;
    Ok(Json(context.workspace.people(&request).await?))
}
