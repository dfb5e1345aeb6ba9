use burgeon_connectors::intake::Protocol;

use super::{CHROME, browser, read, reasons, server, show};

#[test]
fn a_batch_of_the_clients_for_servers() {
    let body = r#"{"api_key":"phc_1","batch":[
      {"event":"report created","distinct_id":"u1","properties":{"kind":"pdf","$groups":{"team":"t","company":"acme"},"$lib":"posthog-node","$lib_version":"5.70.0","$geoip_disable":true,"nothing":null},"timestamp":"2026-03-01T11:59:00.000Z","uuid":"0195-1","type":"capture","library":"posthog-node"},
      {"event":"$identify","distinct_id":"u1","properties":{"$set":{"email":"ada@example.com"},"$set_once":{"first":"x"},"$anon_distinct_id":"a1"},"timestamp":"2026-03-01T11:59:01.000Z","uuid":"0195-2"},
      {"event":"$create_alias","distinct_id":"u1","properties":{"distinct_id":"u1","alias":"other"},"timestamp":"2026-03-01T11:59:02.000Z","uuid":"0195-3"},
      {"event":"$groupidentify","distinct_id":"$company_acme","properties":{"$group_type":"company","$group_key":"acme","$group_set":{"name":"Acme"}},"timestamp":"2026-03-01T11:59:03.000Z","uuid":"0195-4"},
      {"event":"$set","distinct_id":"u1","$set":{"plan":"pro"},"properties":{"$unset":["old"]},"timestamp":"2026-03-01T11:59:04.000Z","uuid":"0195-5"}
    ],"sent_at":"2026-03-01T12:00:00.000Z"}"#;
    let parsed = read(Protocol::PostHog, body, &server());
    assert_eq!((parsed.key.as_deref(), reasons(&parsed)), (Some("phc_1"), vec![]));
    assert_eq!(
        show(&parsed.events),
        [concat!(
            "event_id=0195-1 event=report created distinct_id=u1 at=-60s customer_id=acme ",
            r#"properties={"kind":"pdf","$groups":{"team":"t","company":"acme"},"$lib":"posthog-node","$lib_version":"5.70.0","$geoip_disable":true}"#
        )]
    );
    assert_eq!(
        show(&parsed.links),
        ["from_id=a1 to_id=u1 kind=identify at=-59s", "from_id=other to_id=u1 kind=alias at=-58s"]
    );
    assert_eq!(parsed.persons.len(), 2);
    assert_eq!(parsed.persons[0].set_once, r#"{"first":"x"}"#);
    assert_eq!(
        (&*parsed.persons[1].set, &parsed.persons[1].unset[..]),
        (r#"{"plan":"pro"}"#, &["old".to_owned()][..])
    );
    assert_eq!((&*parsed.groups[0].kind, &*parsed.groups[0].customer_id), ("company", "acme"));
    assert!(parsed.answers.is_empty());
}

#[test]
fn a_page_of_the_client_for_browsers() {
    let body = format!(
        r#"{{"api_key":"phc_1","batch":[{{"uuid":"0195-1","event":"$pageview","properties":{{"$os":"Mac OS X","$browser":"Mobile Safari","$device_type":"Desktop","$current_url":"https://example.com/a?gclid=1","$host":"example.com","$pathname":"/a","$raw_user_agent":"{CHROME}","$browser_version":17,"$insert_id":"ins","$time":1772366399.5,"distinct_id":"a1","$device_id":"a1","$initial_person_info":{{"r":"$direct"}},"token":"phc_1","$session_id":"s1","$window_id":"w1","title":"A","$referrer":"$direct","$referring_domain":"$direct"}},"timestamp":"2026-03-01T11:59:58.000Z"}}],"sent_at":"2026-03-01T12:00:00.000Z"}}"#
    );
    let parsed = read(Protocol::PostHog, &body, &browser());
    assert_eq!((parsed.key.as_deref(), reasons(&parsed)), (Some("phc_1"), vec![]));
    let expected = [concat!(
        "event_id=0195-1 event=page_view distinct_id=a1 at=-2s session_id=s1 url=https://example.com/a?gclid=1 host=example.com ",
        "path=/a title=A channel=paid_search country=DE device=desktop browser=Safari os=macOS ",
        r#"properties={"$browser_version":17,"$device_id":"a1","$initial_person_info":{"r":"$direct"},"$window_id":"w1"}"#
    )];
    assert_eq!(show(&parsed.events), expected);
    // Older clients send a bare object or a list of them, and say in the query when.
    let item = &body[body.find('[').unwrap() + 1..body.rfind(']').unwrap()];
    for older in [item.to_owned(), format!("[{item}]")] {
        let mut context = browser();
        context.query = "ip=1&_=1772366400000&ver=1.0";
        let parsed = read(Protocol::PostHog, &older, &context);
        assert_eq!(parsed.key.as_deref(), Some("phc_1"));
        assert_eq!(show(&parsed.events), expected);
    }
}

#[test]
fn what_was_kept_offline_tells_its_age() {
    let body = r#"{"token":"phc_1","event":"e","distinct_id":"u","uuid":"1","offset":30000}"#;
    let parsed = read(Protocol::PostHog, body, &server());
    assert_eq!(show(&parsed.events), ["event_id=1 event=e distinct_id=u at=-30s"]);
}

#[test]
fn old_data_keep_their_times() {
    let item = r#"{"event":"e","distinct_id":"u","uuid":"1","timestamp":"2020-01-01T00:00:00Z"}"#;
    let plain = format!(r#"{{"api_key":"k","sent_at":"2026-03-01T11:00:00Z","batch":[{item}]}}"#);
    let history = plain.replace("{\"api_key\"", "{\"historical_migration\":true,\"api_key\"");
    let at = |body: &str| show(&read(Protocol::PostHog, body, &server()).events).remove(0);
    assert!(at(&plain).ends_with("at=-194526000s"), "{}", at(&plain));
    assert!(at(&history).ends_with("at=-194529600s"), "{}", at(&history));
}

#[test]
fn each_item_of_the_new_path_is_answered() {
    let body = r#"{"created_at":"2026-03-01T12:00:00+00:00","batch":[
      {"event":"e","uuid":"1","distinct_id":"u","timestamp":"2026-03-01T12:59:00+00:00","options":{"process_person_profile":false},"properties":{"a":1},"session_id":"s"},
      {"event":"","uuid":"2","distinct_id":"u","timestamp":"2026-03-01T12:59:00+00:00","options":{},"properties":{}},
      {"event":"$identify","uuid":"3","distinct_id":"u","timestamp":"2026-03-01T12:59:00+00:00","options":{},"properties":{"$set":{"a":1}}}
    ]}"#;
    let mut context = server();
    context.sent_at = "2026-03-01T13:00:00.000000+00:00";
    let parsed = read(Protocol::PostHogV1, body, &context);
    assert_eq!(parsed.key, None);
    assert_eq!(
        show(&parsed.events),
        [r#"event_id=1 event=e distinct_id=u at=-60s session_id=s properties={"a":1}"#]
    );
    let answers: Vec<(&str, bool)> = parsed.answers.iter().map(|a| (&*a.id, a.rejected.is_none())).collect();
    assert_eq!(answers, [("1", true), ("2", false), ("3", true)]);
    assert_eq!(parsed.persons.len(), 1);
}

#[test]
fn traits_that_come_with_an_event_are_taken_too() {
    let body = r#"{"api_key":"k","batch":[{"event":"paid","distinct_id":"u","uuid":"1","properties":{"$set":{"plan":"pro"},"amount":5}},
      {"event":"$snapshot","distinct_id":"u","uuid":"2","properties":{}}]}"#;
    let parsed = read(Protocol::PostHog, body, &server());
    assert_eq!(
        show(&parsed.events),
        [r#"event_id=1 event=paid distinct_id=u at=0s properties={"amount":5}"#]
    );
    assert_eq!(parsed.persons[0].set, r#"{"plan":"pro"}"#);
    assert_eq!(reasons(&parsed), Vec::<String>::new());
}
