//! Whatever arrives: no panic, every item is taken or handed back, and what is taken can be read by others.

use arrow::array::{Array, AsArray};
use burgeon_connectors::intake::{Call, Context, Hopeless, Limits, Parsed, Protocol, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{browser, server};

const ALL: [Protocol; 14] = [
    Protocol::SegmentBatch,
    Protocol::Segment(Call::Track),
    Protocol::Segment(Call::Page),
    Protocol::Segment(Call::Screen),
    Protocol::Segment(Call::Identify),
    Protocol::Segment(Call::Group),
    Protocol::Segment(Call::Alias),
    Protocol::PostHog,
    Protocol::PostHogV1,
    Protocol::Plausible,
    Protocol::MixpanelTrack,
    Protocol::MixpanelEngage,
    Protocol::MixpanelGroups,
    Protocol::Burgeon,
];

fn check(parsed: &Parsed) {
    assert!(parsed.events.num_rows() + parsed.rejects.len() <= parsed.items);
    for name in ["event_id", "event", "distinct_id", "at", "received_at"] {
        assert_eq!(parsed.events.column_by_name(name).unwrap().null_count(), 0, "{name}");
    }
    let properties = parsed.events.column_by_name("properties").unwrap();
    for text in properties.as_string_view().iter().flatten() {
        assert!(matches!(serde_json::from_str(text), Ok(Value::Object(_))), "{text}");
    }
    for patch in &parsed.persons {
        assert!(!patch.distinct_id.is_empty());
        for text in [&patch.set, &patch.set_once] {
            assert!(text.is_empty() || matches!(serde_json::from_str(text), Ok(Value::Object(_))), "{text}");
        }
    }
    for reject in &parsed.rejects {
        assert!(!reject.reason.is_empty() && reject.index < parsed.items);
    }
}

/// A value as a member may have it, right or wrong.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|x| json!(x)),
        ".{0,12}".prop_map(Value::String),
        Just(json!("2026-03-01T11:00:00Z")),
        Just(json!("track")),
        Just(json!("u1")),
        Just(json!([1, "a", null])),
        Just(json!({"distinct_id": "u1", "token": 5, "$set": [1], "alias": "b", "url": {"a": 1}})),
        Just(json!({"page": {"url": "https://e.com:x/"}, "campaign": null, "traits": 3})),
    ]
}

fn object() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "type",
        "event",
        "userId",
        "anonymousId",
        "previousId",
        "groupId",
        "messageId",
        "timestamp",
        "sentAt",
        "context",
        "properties",
        "traits",
        "writeKey",
        "distinct_id",
        "uuid",
        "offset",
        "api_key",
        "$set",
        "$set_once",
        "$unset",
        "n",
        "u",
        "d",
        "r",
        "p",
        "sd",
        "e",
        "$",
        "$token",
        "$distinct_id",
        "$group_id",
        "batch",
        "events",
        "at",
        "user_id",
        "anonymous_id",
        "from",
        "to",
        "customer_id",
        "url",
        "referrer",
        "odd \"key\"\u{1f600}",
    ]);
    proptest::collection::vec((key, odd()), 0..9)
        .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), query in ".{0,30}") {
        for protocol in ALL {
            let context = Context { query: &query, ..server() };
            if let Ok(parsed) = parse(protocol, &bytes, &context) {
                check(&parsed);
            }
        }
    }

    #[test]
    fn any_text_in_brackets(text in "[{\\[\"a-z:,0-9}\\]\\\\u\n ]{0,60}") {
        for protocol in ALL {
            for body in [text.clone(), format!("{{{text}"), format!("[{{{text}}}]")] {
                if let Ok(parsed) = parse(protocol, body.as_bytes(), &browser()) {
                    check(&parsed);
                }
            }
        }
    }

    #[test]
    fn any_members(items in proptest::collection::vec(object(), 0..6), good in 0usize..7) {
        for protocol in ALL {
            let (list, one) = match protocol {
                Protocol::Burgeon => ("events", json!({"event": "good", "distinct_id": "g", "event_id": "1"})),
                Protocol::PostHog | Protocol::PostHogV1 => {
                    ("batch", json!({"event": "good", "distinct_id": "g", "uuid": "1", "properties": {"a": [1]}}))
                }
                Protocol::SegmentBatch => ("batch", json!({"type": "track", "event": "good", "userId": "g", "messageId": "1"})),
                _ => {
                    // These take a list, or one object, as it stands.
                    for body in [json!(items), json!(items.first())] {
                        if let Ok(parsed) = parse(protocol, body.to_string().as_bytes(), &browser()) {
                            check(&parsed);
                        }
                    }
                    continue;
                }
            };
            // The good one is taken whatever stands around it, unless a neighbour claims another key first.
            let mut all = items.clone();
            all.insert(good.min(all.len()), one);
            let count = all.len();
            let body = json!({ list: all }).to_string();
            let parsed = parse(protocol, body.as_bytes(), &browser()).unwrap();
            check(&parsed);
            prop_assert_eq!(parsed.items, count);
            let events = parsed.events.column_by_name("event").unwrap();
            prop_assert!(events.as_string_view().iter().flatten().any(|event| event == "good"), "{}", body);
        }
    }

    /// A body cut anywhere is refused or taken in part, line by line, but never by surprise.
    #[test]
    fn cut_anywhere(at in 0usize..400) {
        let item = r#"{"type":"track","event":"e\ud83d\ude00","userId":"u","context":{"page":{"url":"https://e.com/é?a=%ff"}},"properties":{"a":"\\\" "}}"#;
        let body = format!(r#"{{"batch":[{item},{item}],"writeKey":"k"}}"#);
        let cut = &body.as_bytes()[..at.min(body.len())];
        let parsed = parse(Protocol::SegmentBatch, cut, &server());
        prop_assert_eq!(parsed.is_ok(), at >= body.len());
    }
}

#[test]
fn broken_text_spoils_only_its_item() {
    let body = b"{\"batch\":[{\"type\":\"track\",\"event\":\"a\xff\",\"userId\":\"u\"},{\"type\":\"track\",\"event\":\"b\",\"userId\":\"u\"}]}";
    let parsed = parse(Protocol::SegmentBatch, body, &server()).unwrap();
    check(&parsed);
    assert_eq!((parsed.events.num_rows(), parsed.rejects[0].index), (1, 0));
    assert!(parsed.rejects[0].reason.contains("UTF-8"));
}

#[test]
fn half_characters_are_mended() {
    let body = br#"{"type":"track","event":"e","userId":"u","properties":{"cut":"\ud83d"}}"#;
    check(&parse(Protocol::Segment(Call::Track), body, &server()).unwrap());
}

#[test]
fn what_is_too_deep_or_too_large_is_handed_back() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let large = "x".repeat(3000);
    let body = format!(
        r#"{{"batch":[{{"type":"track","event":"deep","userId":"u","properties":{{"a":{deep}}}}},{{"type":"track","event":"large","userId":"u","properties":{{"a":"{large}"}}}},{{"type":"track","event":"good","userId":"u"}}]}}"#
    );
    let limits = Limits { item_bytes: 2000, ..Limits::default() };
    let parsed = parse(Protocol::SegmentBatch, body.as_bytes(), &Context { limits, ..server() }).unwrap();
    check(&parsed);
    assert_eq!((parsed.events.num_rows(), parsed.rejects.len()), (1, 2));
    let few = Limits { items: 2, ..Limits::default() };
    let refused = parse(Protocol::SegmentBatch, body.as_bytes(), &Context { limits: few, ..server() });
    assert_eq!(refused.unwrap_err(), Hopeless::TooMany { limit: 2 });
    let deep = Limits { item_bytes: 1 << 20, ..Limits::default() };
    let parsed =
        parse(Protocol::SegmentBatch, body.as_bytes(), &Context { limits: deep, ..server() }).unwrap();
    assert_eq!(parsed.rejects.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>(), ["is nested too deep"]);
}
