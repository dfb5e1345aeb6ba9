use burgeon_connectors::intake::{Call, Protocol, parse};

use super::{CHROME, NOW, SECOND, browser, read, reasons, server, show};

#[test]
fn a_batch_of_the_client_for_node() {
    let body = r#"{"batch":[
      {"timestamp":"2026-03-01T11:59:00.250Z","integrations":{},"userId":"u1","type":"track","event":"Report Created","properties":{"kind":"pdf","pages":3,"nested":{"a":[1,2]}},"messageId":"node-next-1","_metadata":{"nodeVersion":"20.1.0"},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}}},
      {"timestamp":"2026-03-01T11:59:01.000Z","userId":"u1","anonymousId":"a1","type":"identify","traits":{"email":"ada@example.com","plan":"pro"},"messageId":"node-next-2","context":{}},
      {"timestamp":"2026-03-01T11:59:02.000Z","userId":"u1","previousId":"old1","type":"alias","messageId":"node-next-3","context":{}},
      {"timestamp":"2026-03-01T11:59:03.000Z","userId":"u1","groupId":"acme","type":"group","traits":{"name":"Acme"},"messageId":"node-next-4","context":{}},
      {"timestamp":"2026-03-01T11:59:04.000Z","userId":"u1","type":"screen","name":"Home","properties":{"x":1},"messageId":"node-next-5","context":{"groupId":"acme"}}
    ],"writeKey":"wk_1","sentAt":"2026-03-01T12:00:00.100Z"}"#;
    let parsed = read(Protocol::SegmentBatch, body, &server());
    assert_eq!(parsed.key.as_deref(), Some("wk_1"));
    assert_eq!((parsed.items, reasons(&parsed)), (5, vec![]));
    assert_eq!(
        show(&parsed.events),
        [
            r#"event_id=node-next-1 event=Report Created distinct_id=u1 at=-59.75s properties={"kind":"pdf","pages":3,"nested":{"a":[1,2]}}"#,
            r#"event_id=node-next-5 event=screen_view distinct_id=u1 at=-56s customer_id=acme title=Home properties={"x":1,"name":"Home"}"#,
        ]
    );
    assert_eq!(
        show(&parsed.links),
        ["from_id=a1 to_id=u1 kind=identify at=-59s", "from_id=old1 to_id=u1 kind=alias at=-58s"]
    );
    let [ada, member] = &parsed.persons[..] else { panic!("{:?}", parsed.persons) };
    assert_eq!((&*ada.distinct_id, &*ada.set), ("u1", r#"{"email":"ada@example.com","plan":"pro"}"#));
    assert_eq!(ada.at, NOW - 59 * SECOND);
    assert_eq!((&*member.distinct_id, member.customer_id.as_deref()), ("u1", Some("acme")));
    assert_eq!((&*parsed.groups[0].customer_id, &*parsed.groups[0].set), ("acme", r#"{"name":"Acme"}"#));
}

#[test]
fn pythons_client_sends_null_and_spaces_and_its_zone() {
    let body = r#"{"batch": [{"integrations": {}, "anonymousId": null, "properties": {"n": 1.5, "t": "\u00e9"}, "timestamp": "2026-03-01T14:59:00.000+03:00", "context": {"library": {"name": "analytics-python", "version": "2.4.0"}}, "userId": "42", "type": "track", "event": "Paid", "messageId": "m"}], "sentAt": "2026-03-01T12:00:00.000000+00:00", "writeKey": "wk_1"}"#;
    let parsed = read(Protocol::SegmentBatch, body, &server());
    assert_eq!(
        show(&parsed.events),
        [r#"event_id=m event=Paid distinct_id=42 at=-60s properties={"n": 1.5, "t": "\u00e9"}"#]
    );
    assert_eq!(parsed.links.num_rows(), 0);
}

#[test]
fn rudderstack_puts_traits_into_the_context_and_its_own_time() {
    let body = r#"{"batch":[
      {"userId":"u1","anonymousId":"a1","type":"identify","context":{"traits":{"email":"ada@example.com"},"library":{"name":"analytics-node"}},"originalTimestamp":"2026-03-01T11:59:50.000Z","sentAt":"2026-03-01T12:00:00.000Z","messageId":"1","channel":"server"},
      {"userId":"u1","type":"track","event":"Paid","originalTimestamp":"2026-03-01T11:59:55.000Z","sentAt":"2026-03-01T12:00:00.000Z","messageId":"2","channel":"server","context":{"sessionId":1772366000}}
    ],"sentAt":"2026-03-01T12:00:00.000Z"}"#;
    let parsed = read(Protocol::SegmentBatch, body, &server());
    assert_eq!(parsed.key, None);
    assert_eq!(show(&parsed.events), ["event_id=2 event=Paid distinct_id=u1 at=-5s session_id=1772366000"]);
    assert_eq!(parsed.persons[0].set, r#"{"email":"ada@example.com"}"#);
}

const PAGE: &str = r#"{"timestamp":"2026-03-01T11:59:59.000Z","integrations":{},"anonymousId":"a1","type":"page","properties":{"path":"/pricing","referrer":"https://www.google.com/search","search":"?utm_source=x","title":"Prices","url":"https://www.example.com/pricing?utm_source=news&utm_medium=email&utm_campaign=spring+sale"},"context":{"page":{"path":"/pricing","referrer":"","search":"","title":"Prices","url":"https://www.example.com/pricing"},"userAgent":"UA","locale":"en-US","library":{"name":"analytics.js","version":"npm:next-1.84.3"}},"messageId":"ajs-1","writeKey":"wk_1","userId":null,"sentAt":"2026-03-01T12:00:00.000Z","_metadata":{"bundled":["Segment.io"],"unbundled":[],"bundledIds":[]}}"#;

#[test]
fn a_page_of_the_client_for_browsers() {
    let body = PAGE.replace("UA", CHROME);
    let expected = [concat!(
        "event_id=ajs-1 event=page_view distinct_id=a1 at=-1s ",
        "url=https://www.example.com/pricing?utm_source=news&utm_medium=email&utm_campaign=spring+sale ",
        "host=www.example.com path=/pricing title=Prices referrer=https://www.google.com/search referrer_host=google.com ",
        "source=news medium=email campaign=spring sale channel=email country=DE device=desktop browser=Chrome os=Windows",
    )];
    let parsed = read(Protocol::Segment(Call::Page), &body, &browser());
    assert_eq!(parsed.key.as_deref(), Some("wk_1"));
    assert_eq!(show(&parsed.events), expected);
    // The browser's `/b` sends the same in a list.
    let batch = format!(r#"{{"batch":[{body}],"sentAt":"2026-03-01T12:00:00.000Z","writeKey":"wk_1"}}"#);
    assert_eq!(show(&read(Protocol::SegmentBatch, &batch, &browser()).events), expected);
}

#[test]
fn a_page_within_a_visit_has_no_channel() {
    let body = PAGE
        .replace("https://www.google.com/search", "https://example.com/")
        .replace("?utm_source=news&utm_medium=email&utm_campaign=spring+sale", "");
    let shown = show(&read(Protocol::Segment(Call::Page), &body, &browser()).events);
    assert!(shown[0].contains("referrer=https://example.com/ country"), "{shown:?}");
    let direct = body.replace("https://example.com/", "");
    let shown = show(&read(Protocol::Segment(Call::Page), &direct, &browser()).events);
    assert!(shown[0].contains("title=Prices channel=direct country"), "{shown:?}");
}

#[test]
fn clocks_are_corrected_by_the_time_of_sending() {
    // The client's clock is an hour ahead; the event is ten seconds old.
    let body = r#"{"sentAt":"2026-03-01T13:00:00Z","batch":[{"type":"track","event":"e","userId":"u","messageId":"1","timestamp":"2026-03-01T12:59:50Z"},
      {"type":"identify","userId":"u","anonymousId":"a","timestamp":"2026-03-01T12:59:40Z"},
      {"type":"track","event":"e","userId":"u","messageId":"2"},
      {"type":"track","event":"e","userId":"u","messageId":"3","timestamp":"0001-01-01T00:00:00Z"},
      {"type":"track","event":"e","userId":"u","messageId":"4","timestamp":1772369980000}]}"#;
    let parsed = read(Protocol::SegmentBatch, body, &server());
    let shown = show(&parsed.events);
    let ats: Vec<&str> = shown.iter().map(|row| row.rsplit("at=").next().unwrap()).collect();
    assert_eq!(ats, ["-10s", "0s", "0s", "-20s"]);
    assert_eq!(show(&parsed.links), ["from_id=a to_id=u kind=identify at=-20s"]);
    assert_eq!(parsed.persons[0].at, NOW - 20 * SECOND);
    // What lies in the future is not believed.
    let body =
        r#"{"type":"track","event":"e","userId":"u","messageId":"1","timestamp":"2030-01-01T00:00:00Z"}"#;
    assert!(show(&read(Protocol::Segment(Call::Track), body, &server()).events)[0].ends_with("at=0s"));
}

#[test]
fn bad_items_are_handed_back_and_the_rest_is_taken() {
    let body = r#"{"batch":[
      {"type":"track","event":"good","userId":"u","messageId":"1"},
      {"type":"track","userId":"u"},
      {"type":"track","event":"x"},
      {"type":"track","event":"x","userId":"undefined","anonymousId":null},
      {"type":"trak","event":"x","userId":"u"},
      {"event":"x","userId":"u"},
      "text", null, [1],
      {"type":"track","event":"x","userId":"u","timestamp":"yesterday"},
      {"type":"alias","userId":"u","writeKey":"wk_1"},
      {"type":"track","event":"x","userId":"u","writeKey":"wk_other"},
      {"type":"group","userId":"u"},
      {"type":"track","event":"x","userId":{"a":1}},
      {"type":"track","event":"good too","anonymousId":7,"userId":"null","messageId":"2","properties":null}
    ],"writeKey":"wk_1"}"#;
    let parsed = read(Protocol::SegmentBatch, body, &server());
    assert_eq!(
        show(&parsed.events),
        ["event_id=1 event=good distinct_id=u at=0s", "event_id=2 event=good too distinct_id=7 at=0s",]
    );
    let shown = reasons(&parsed);
    assert_eq!(
        shown,
        [
            "1: has no name of the event; send it as event",
            "2: has no identifier of a person, or one such as null or undefined; send a user's or an anonymous one",
            "3: has no identifier of a person, or one such as null or undefined; send a user's or an anonymous one",
            "4: type \"trak\" is not known; there are track, page, screen, identify, group and alias",
            "5: has no type; it is one of track, page, screen, identify, group and alias",
            "6: is not a JSON object",
            "7: is not a JSON object",
            "8: is not a JSON object",
            "9: timestamp: \"yesterday\" is not a date; write 2025-12-31",
            "10: needs previousId and userId; send the earlier identifier and the user's",
            "11: names another write key than the items before it; send one body for each key",
            "12: has no groupId; send the account's identifier",
            "13: has no identifier of a person, or one such as null or undefined; send a user's or an anonymous one",
        ]
    );
    assert_eq!(parsed.rejects[0].bytes, br#"{"type":"track","userId":"u"}"#);
}

#[test]
fn an_item_without_identifier_gets_the_same_one_when_it_is_sent_again() {
    let body = r#"{"type":"track","event":"e","userId":"u","timestamp":"2026-03-01T11:00:00Z"}"#;
    let one = show(&read(Protocol::Segment(Call::Track), body, &server()).events);
    let mut later = server();
    later.received_at += 5 * SECOND;
    let again = show(&read(Protocol::Segment(Call::Track), body, &later).events);
    assert_eq!(one, again);
    let batch =
        r#"{"batch":[{"type":"track","event":"e","userId":"u"},{"type":"track","event":"e","userId":"u"}]}"#;
    let two = show(&read(Protocol::SegmentBatch, batch, &server()).events);
    assert_ne!(two[0], two[1], "two events at once are two");
}

#[test]
fn both_identifiers_link_once() {
    let item = r#"{"type":"track","event":"e","userId":"u","anonymousId":"a"}"#;
    let body = format!(r#"{{"batch":[{item},{item},{}]}}"#, item.replace("\"a\"", "\"anonymous\""));
    let parsed = read(Protocol::SegmentBatch, &body, &server());
    assert_eq!(show(&parsed.links), ["from_id=a to_id=u kind=identify at=0s"]);
    assert_eq!(parsed.events.num_rows(), 3);
}

#[test]
fn a_channel_is_taken_at_its_word_if_it_is_one() {
    let body = r#"{"type":"track","event":"e","userId":"u","messageId":"1","properties":{"channel":"CH"}}"#;
    let shown = |channel| {
        show(&read(Protocol::Segment(Call::Track), &body.replace("CH", channel), &server()).events).remove(0)
    };
    assert!(shown("paid_search").contains(" channel=paid_search "));
    assert!(!shown("#general").contains(" channel="));
}

#[test]
fn what_is_no_json_is_hopeless() {
    for body in ["", "{", "[", "{\"batch\":[{]}", "{\"batch\":[]} x", "hello!"] {
        assert!(parse(Protocol::SegmentBatch, body.as_bytes(), &server()).is_err(), "{body}");
    }
    assert_eq!(read(Protocol::SegmentBatch, r#"{"batch":[]}"#, &server()).items, 0);
}
