use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burgeon_connectors::intake::{Context, Protocol, parse};

use super::{browser, read, reasons, server, show};

#[test]
fn plausible_tells_persons_apart_for_a_day() {
    let body = r#"{"n":"pageview","v":36,"u":"https://example.com/a?utm_source=x&utm_medium=email","d":"example.com","r":null,"p":{"plan":"pro"}}"#;
    let parsed = read(Protocol::Plausible, body, &browser());
    assert_eq!(parsed.key.as_deref(), Some("example.com"));
    let shown = show(&parsed.events).remove(0);
    let (_, tail) = shown.split_once(" at=").unwrap();
    assert_eq!(
        tail,
        concat!(
            "0s url=https://example.com/a?utm_source=x&utm_medium=email host=example.com path=/a source=x medium=email channel=email ",
            r#"country=DE device=desktop browser=Chrome os=Windows properties={"plan":"pro"}"#
        )
    );
    let person = |context: &Context<'_>| {
        let shown = show(&read(Protocol::Plausible, body, context).events).remove(0);
        shown.split(' ').find_map(|cell| cell.strip_prefix("distinct_id=")).unwrap().to_owned()
    };
    let one = person(&browser());
    assert!(one.starts_with("day_") && !one.contains("203"));
    assert_eq!(person(&browser()), one);
    assert_ne!(person(&Context { salt: b"tomorrow", ..browser() }), one);
    assert_ne!(person(&Context { address: "203.0.113.10", ..browser() }), one);
}

#[test]
fn plausible_of_old_and_engagement() {
    let old = r#"{"n":"Signup","u":"https://example.com/","d":"example.com, other.com","r":"https://google.com/","w":1200,"h":0,"p":"{\"plan\":\"pro\",\"seats\":2}"}"#;
    let parsed = read(Protocol::Plausible, old, &browser());
    assert_eq!(parsed.key.as_deref(), Some("example.com, other.com"));
    let shown = show(&parsed.events).remove(0);
    assert!(
        shown.contains(" event=Signup ") && shown.contains(" source=google.com channel=organic_search "),
        "{shown}"
    );
    assert!(shown.ends_with(r#"properties={"plan":"pro","seats":2}"#), "{shown}");
    let engagement =
        r#"{"n":"engagement","sd":75,"d":"example.com","u":"https://example.com/a","p":{},"e":4200,"v":36}"#;
    let shown = show(&read(Protocol::Plausible, engagement, &browser()).events).remove(0);
    assert!(
        shown.contains(" event=engagement ") && shown.ends_with(r#"{"scroll_depth":75,"engaged_ms":4200}"#),
        "{shown}"
    );
    let nowhere = read(Protocol::Plausible, r#"{"n":"pageview","u":"https://example.com/"}"#, &browser());
    assert_eq!(reasons(&nowhere), ["0: has no domain; set it in the tracker"]);
}

#[test]
fn mixpanel_events_in_all_wrappings() {
    let item = r#"{"event":"Paid","properties":{"token":"mp","distinct_id":"u1","time":1772366340.5,"$insert_id":"i1","$browser":"Chrome","amount":5,"mp_lib":"node","ip":"203.0.113.9"}}"#;
    let expected = [
        r#"event_id=i1 event=Paid distinct_id=u1 at=-59.5s browser=Chrome properties={"amount":5,"mp_lib":"node"}"#,
    ];
    let packed = STANDARD.encode(item);
    for body in [item.to_owned(), format!("[{item}]"), format!("data={packed}"), format!("{item}\n{item}\n")]
    {
        let parsed = read(Protocol::MixpanelTrack, &body, &server());
        assert_eq!(parsed.key.as_deref(), Some("mp"));
        assert_eq!(show(&parsed.events)[..1], expected);
    }
    let query = format!("ip=0&verbose=0&data={}", packed.replace('=', "%3D").replace('+', "%2B"));
    let context = Context { query: &query, ..server() };
    assert_eq!(show(&parse(Protocol::MixpanelTrack, b"", &context).unwrap().events), expected);
    // A line that is broken spoils no other.
    let lines = format!("{item}\n{{\"event\":\n{item}\n");
    let parsed = read(Protocol::MixpanelTrack, &lines, &server());
    assert_eq!((parsed.events.num_rows(), parsed.rejects.len(), parsed.rejects[0].index), (2, 1, 1));
}

#[test]
fn mixpanel_persons() {
    let body = r#"[{"event":"$create_alias","properties":{"distinct_id":"u1","alias":"old","token":"mp"}},
      {"event":"$identify","properties":{"$identified_id":"u1","$anon_id":"a1","token":"mp"}},
      {"event":"$merge","properties":{"$distinct_ids":["x","y"],"token":"mp"}},
      {"event":"e","properties":{"$device_id":"d1","$user_id":"u1","distinct_id":"u1","token":"mp","$insert_id":"1"}},
      {"event":"e","properties":{"$device_id":"d1","distinct_id":"$device:d1","token":"mp","$insert_id":"2"}}]"#;
    let parsed = read(Protocol::MixpanelTrack, body, &server());
    assert_eq!(
        show(&parsed.links),
        [
            "from_id=old to_id=u1 kind=alias at=0s",
            "from_id=a1 to_id=u1 kind=identify at=0s",
            "from_id=x to_id=y kind=alias at=0s",
            "from_id=$device:d1 to_id=u1 kind=identify at=0s",
        ]
    );
    assert_eq!(show(&parsed.events)[1], "event_id=2 event=e distinct_id=$device:d1 at=0s");
    let engage = r#"[{"$token":"mp","$distinct_id":"u1","$set":{"$email":"ada@example.com"},"$time":1772366340000},
      {"$token":"mp","$distinct_id":"u1","$unset":["a"]},
      {"$token":"mp","$distinct_id":"u1","$add":{"n":1}}]"#;
    let parsed = read(Protocol::MixpanelEngage, engage, &server());
    assert_eq!((parsed.persons.len(), parsed.persons[1].unset.len()), (2, 1));
    assert_eq!(reasons(&parsed), ["2: $add is not taken; there are $set, $set_once and $unset"]);
    let groups = r#"{"$token":"mp","$group_key":"company","$group_id":"acme","$set":{"name":"Acme"}}"#;
    let parsed = read(Protocol::MixpanelGroups, groups, &server());
    assert_eq!((&*parsed.groups[0].customer_id, parsed.persons.len()), ("acme", 0));
}

#[test]
fn our_own_language() {
    let body = r#"{"key":"wk_1","sent_at":"2026-03-01T12:00:00Z","events":[
      {"event_id":"1","event":"page_view","anonymous_id":"a1","at":"2026-03-01T11:59:59Z","url":"https://example.com/a","title":"A","referrer":"https://www.google.com/","session_id":"s","properties":{"b":true},"c":[1]},
      {"event":"report_created","user_id":"u1","anonymous_id":"a1","event_id":"2","customer_id":"acme","channel":"outbound","plan":"pro"},
      {"type":"identify","user_id":"u1","anonymous_id":"a1","traits":{"email":"ada@example.com"}},
      {"type":"alias","from":"old","to":"u1"},
      {"type":"group","user_id":"u1","customer_id":"acme","traits":{"name":"Acme"}},
      {"event":"page_view","event_id":"3","cookieless":true,"url":"https://example.com/b"},
      {"event":"page_view","event_id":"4","url":"https://example.com/b"}
    ]}"#;
    let parsed = read(Protocol::Burgeon, body, &browser());
    assert_eq!(parsed.key.as_deref(), Some("wk_1"));
    let shown = show(&parsed.events);
    assert_eq!(
        shown[0],
        concat!(
            "event_id=1 event=page_view distinct_id=a1 at=-1s session_id=s url=https://example.com/a host=example.com path=/a title=A ",
            "referrer=https://www.google.com/ referrer_host=google.com source=google.com channel=organic_search country=DE device=desktop ",
            r#"browser=Chrome os=Windows properties={"b":true,"c":[1]}"#
        )
    );
    assert_eq!(
        shown[1],
        r#"event_id=2 event=report_created distinct_id=u1 at=0s customer_id=acme channel=outbound country=DE device=desktop browser=Chrome os=Windows properties={"plan":"pro"}"#
    );
    assert!(shown[2].contains("distinct_id=day_"));
    assert_eq!(
        show(&parsed.links),
        ["from_id=a1 to_id=u1 kind=identify at=0s", "from_id=old to_id=u1 kind=alias at=0s"]
    );
    assert_eq!((parsed.persons.len(), parsed.groups.len()), (2, 1));
    assert_eq!(parsed.rejects[0].index, 6);
    // One object, a list, and lines are taken as well.
    let item = r#"{"event":"e","distinct_id":"u","event_id":"1"}"#;
    for (body, count) in
        [(item.to_owned(), 1), (format!("[{item},{item}]"), 2), (format!("{item}\n\n{item}"), 2)]
    {
        assert_eq!(read(Protocol::Burgeon, &body, &server()).events.num_rows(), count);
    }
}

#[test]
fn addresses_are_kept_only_when_asked() {
    let body = r#"{"event":"e","distinct_id":"u","event_id":"1","a":1}"#;
    let shown = show(&read(Protocol::Burgeon, body, &browser()).events).remove(0);
    assert!(!shown.contains("203.0.113.9"));
    let kept =
        show(&read(Protocol::Burgeon, body, &Context { keep_address: true, ..browser() }).events).remove(0);
    assert!(kept.ends_with(r#"properties={"a":1,"ip":"203.0.113.9"}"#), "{kept}");
}
