//! What clients expect to hear when their events are stored.

use crate::api::events::write::{Received, Refused};
use crate::app::events::intake::Taken;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// How a protocol says that all is well. The status is 200 in each: some clients take any other for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `{"success": true, "status": 1}`: what Segment's, RudderStack's and PostHog's clients look for.
    Success,
    /// One answer for each item.
    PostHogV1,
    /// `ok`.
    Plausible,
    /// `1`, or an object where the address has `verbose=1`.
    Mixpanel,
    /// The number of records.
    MixpanelImport,
    /// Counts and rejects.
    Own,
}

impl Style {
    /// The answer to a request with this query.
    pub fn answer(self, query: &str, taken: &Taken) -> Response {
        match self {
            Self::Success => Json(json!({"success": true, "status": 1})).into_response(),
            Self::PostHogV1 => Json(json!({ "results": results(taken) })).into_response(),
            Self::Plausible => "ok".into_response(),
            Self::Mixpanel if query.split('&').any(|pair| pair == "verbose=1") => {
                Json(json!({"status": 1, "error": Value::Null})).into_response()
            }
            Self::Mixpanel => "1".into_response(),
            Self::MixpanelImport => {
                let count = taken.items - taken.rejected.len();
                Json(json!({"code": 200, "status": 1, "num_records_imported": count})).into_response()
            }
            Self::Own => {
                let rejected = taken.rejected.iter();
                Json(Received {
                    accepted: taken.accepted,
                    duplicates: taken.duplicates,
                    rejected: rejected
                        .map(|(index, reason)| Refused { index: *index, reason: reason.clone() })
                        .collect(),
                })
                .into_response()
            }
        }
    }
}

/// By item: taken, or dropped for a reason; nothing is to be sent again.
fn results(taken: &Taken) -> Map<String, Value> {
    let of = |(id, rejected): &(String, Option<String>)| {
        let result = match rejected {
            None => json!({"result": "ok"}),
            Some(reason) => json!({"result": "drop", "details": reason}),
        };
        (id.clone(), result)
    };
    taken.answers.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn said(style: Style, query: &str, taken: &Taken) -> String {
        let response = style.answer(query, taken);
        assert_eq!(response.status(), 200);
        String::from_utf8(to_bytes(response.into_body(), 9_999).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_protocol_hears_its_own_words() {
        let taken = Taken {
            accepted: 1,
            items: 2,
            rejected: vec![(1, "no name".into())],
            answers: vec![("a".into(), None), ("b".into(), Some("no name".into()))],
            ..Taken::default()
        };
        assert_eq!(said(Style::Success, "", &taken).await, r#"{"success":true,"status":1}"#);
        assert_eq!(
            said(Style::PostHogV1, "", &taken).await,
            r#"{"results":{"a":{"result":"ok"},"b":{"result":"drop","details":"no name"}}}"#
        );
        assert_eq!(said(Style::Plausible, "", &taken).await, "ok");
        assert_eq!(said(Style::Mixpanel, "ip=1", &taken).await, "1");
        assert!(said(Style::Mixpanel, "ip=1&verbose=1", &taken).await.contains(r#""status":1"#));
        assert!(said(Style::MixpanelImport, "", &taken).await.contains(r#""num_records_imported":1"#));
        assert_eq!(
            said(Style::Own, "", &taken).await,
            r#"{"accepted":1,"duplicates":0,"rejected":[{"index":1,"reason":"no name"}]}"#
        );
    }
}
