//! Files of events, and exports of event collectors.

use burgeon_connectors::{Input, Options, Reader};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{options, read, shown};

const CSV: &str = "user_id,event,timestamp,acquisition_channel,plan,seats,note\n\
    u1,signup,2026-03-01T10:00:00Z,paid_search,pro,5,\n\
    u2,\"report, made\",2026-03-01 10:00:01,,free,007,\"say \"\"hi\"\"\"\n\
    ,lost,2026-03-01T10:00:00Z,,,,\n\
    u3,,2026-03-01T10:00:00Z,,,,\n\
    u4,late,yesterday,,,,\n";

const LINES: &str = r#"{"user_id":"u1","event":"signup","timestamp":"2026-03-01T10:00:00Z","acquisition_channel":"paid_search","plan":"pro","seats":5}
{"user_id":"u2","event":"report, made","timestamp":"2026-03-01 10:00:01","plan":"free","seats":"007","note":"say \"hi\""}

{"user_id":"","event":"lost","timestamp":"2026-03-01T10:00:00Z"}
{"user_id":"u3","event":null,"timestamp":"2026-03-01T10:00:00Z"}
{"user_id":"u4","event":"late","timestamp":"yesterday"}
{"user_id":"u5","event":"number","timestamp":1772359200,"deep":{"a":[1,{"b":null}]},"properties":{"x":true}}
{"user_id":5,"event":"broken"
"#;

const MAP: &str = "person=user_id,event=event,at=timestamp,channel=acquisition_channel";

#[test]
fn csv() {
    let expected = r#"events@2 event_id=ID event=signup distinct_id=u1 at=2026-03-01T10:00:00Z channel=paid_search properties={"plan":"pro","seats":5}
events@3 event_id=ID event=report, made distinct_id=u2 at=2026-03-01T10:00:01Z properties={"plan":"free","seats":"007","note":"say \"hi\""}
line 4: user_id (distinct_id) is empty <- ,lost,2026-03-01T10:00:00Z,,,,
line 5: event is empty <- u3,,2026-03-01T10:00:00Z,,,,
line 6: timestamp: "yesterday" is not a date; write 2025-12-31 <- u4,late,yesterday,,,,
"#;
    assert_eq!(anonymised(&shown("x.csv", CSV, &options("events", MAP))), expected);
    // The header says the same without any mapping.
    assert_eq!(anonymised(&shown("x.csv", CSV, &options("", ""))), expected);
}

#[test]
fn json_lines() {
    let expected = r#"events@1 event_id=ID event=signup distinct_id=u1 at=2026-03-01T10:00:00Z channel=paid_search properties={"plan":"pro","seats":5}
events@2 event_id=ID event=report, made distinct_id=u2 at=2026-03-01T10:00:01Z properties={"plan":"free","seats":"007","note":"say \"hi\""}
events@7 event_id=ID event=number distinct_id=u5 at=2026-03-01T10:00:00Z properties={"deep":{"a":[1,{"b":null}]},"x":true}
line 4: user_id (distinct_id) is empty <- {"user_id":"","event":"lost","timestamp":"2026-03-01T10:00:00Z"}
line 5: event is empty <- {"user_id":"u3","event":null,"timestamp":"2026-03-01T10:00:00Z"}
line 6: timestamp: "yesterday" is not a date; write 2025-12-31 <- {"user_id":"u4","event":"late","timestamp":"yesterday"}
line 8: is not JSON: it is not JSON at byte 29: a comma or } should stand here <- {"user_id":5,"event":"broken"
"#;
    for options in [options("events", MAP), options("", "")] {
        assert_eq!(anonymised(&shown("x.jsonl", LINES, &options)), expected);
    }
}

/// Identifiers that were made up become `ID`.
fn anonymised(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match line.split_once("event_id=") {
            Some((head, tail)) if tail.as_bytes().get(16) == Some(&b' ') => {
                out.push_str(&format!("{head}event_id=ID{}\n", &tail[16..]));
            }
            _ => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

#[test]
fn what_the_client_named_stays_and_what_has_no_name_gets_its_own() {
    let text = "{\"event\":\"a\",\"distinct_id\":\"u\",\"at\":\"2026-03-01\",\"event_id\":\"mine\"}\n{\"event\":\"a\",\"distinct_id\":\"u\",\"at\":\"2026-03-01\"}\n{\"event\":\"a\",\"distinct_id\":\"u\",\"at\":\"2026-03-01\"}\n";
    let one = shown("x.jsonl", text, &options("events", ""));
    assert_eq!(one, shown("x.jsonl", text, &options("events", "")));
    let ids: Vec<&str> =
        one.lines().map(|line| line.split("event_id=").nth(1).unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(ids[0], "mine");
    assert_ne!(ids[1], ids[2], "two equal lines are two events");
}

#[test]
fn nested_paths_literals_and_other_names() {
    let text = r#"{"who":{"id":"u1","age":5},"what":"a","t":"2026-03-01T00:00:00Z","props":{"plan":"pro"},"c":"us"}"#;
    let map = "person=who.id,event=what,at=t,country=c,channel='outbound',properties.years=who.age";
    assert_eq!(
        anonymised(&shown("x.jsonl", text, &options("events", map))),
        "events@1 event_id=ID event=a distinct_id=u1 at=2026-03-01 channel=outbound country=US properties={\"years\":5,\"plan\":\"pro\"}\n"
    );
    let csv = "who,what,t,props\nu1,a,2026-03-01T00:00:00Z,\"{\"\"plan\"\":\"\"pro\"\"}\"\nu1,a,2026-03-01T00:00:00Z,[1]\n";
    assert_eq!(
        anonymised(&shown("x.csv", csv, &options("events", "person=who,event=what,at=t,properties=props"))),
        "events@2 event_id=ID event=a distinct_id=u1 at=2026-03-01 properties={\"plan\":\"pro\"}\nline 3: properties: is not a JSON object <- u1,a,2026-03-01T00:00:00Z,[1]\n"
    );
}

#[test]
fn pages_are_taken_apart() {
    let text = "event,user_id,timestamp,url,referrer\npage_view,u,2026-03-01T00:00:00Z,https://www.example.com/a?utm_source=x&utm_medium=email,https://t.co/1\n";
    let mut options = options("events", "");
    options.channels = Some(std::sync::Arc::new(super::intake::FEW.clone()));
    let expected = "events@2 event_id=ID event=page_view distinct_id=u at=2026-03-01 url=https://www.example.com/a?utm_source=x&utm_medium=email host=www.example.com path=/a referrer=https://t.co/1 referrer_host=t.co source=x medium=email channel=email\n";
    assert_eq!(anonymised(&shown("x.csv", text, &options)), expected);
    let line = r#"{"event":"page_view","user_id":"u","timestamp":"2026-03-01T00:00:00Z","url":"https://www.example.com/a?utm_source=x&utm_medium=email","referrer":"https://t.co/1"}"#;
    assert_eq!(anonymised(&shown("x.jsonl", line, &options)).replace("events@1", "events@2"), expected);
    assert_eq!(
        anonymised(&shown("x.json", format!("[{line}]"), &options)).replace("events@1", "events@2"),
        expected
    );
}

#[test]
fn parquet() {
    use arrow::array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
    use std::sync::Arc;
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("user_id", DataType::Utf8, true),
        Field::new("event", DataType::Utf8, true),
        Field::new("timestamp", time, true),
        Field::new("seats", DataType::Int64, true),
    ]));
    let at = TimestampMillisecondArray::from(vec![1_772_359_200_000; 2]).with_timezone("UTC");
    let batch = RecordBatch::try_new(
        schema.clone(),
        vec![
            Arc::new(StringArray::from(vec![Some("u1"), None])),
            Arc::new(StringArray::from(vec!["a", "b"])),
            Arc::new(at),
            Arc::new(Int64Array::from(vec![Some(5), None])),
        ],
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let shown = anonymised(&shown("x.parquet", bytes, &options("events", "")));
    assert_eq!(
        shown.lines().next().unwrap(),
        "events@1 event_id=ID event=a distinct_id=u1 at=2026-03-01T10:00:00Z properties={\"seats\":5}"
    );
    assert!(shown.lines().nth(1).unwrap().starts_with("line 2: user_id (distinct_id) is empty"), "{shown}");
}

#[test]
fn persons_and_links() {
    let persons = "person_id,email,name,company_id,Plan Name\nu1,ada@example.com,Ada,acme,pro\n";
    assert_eq!(
        shown("persons.csv", persons, &options("persons", "")),
        "persons@2 distinct_id=u1 email=ada@example.com name=Ada customer_id=acme traits={\"plan_name\":\"pro\"}\n"
    );
    // As in a file of events; without a word on the customer too.
    for (name, header) in
        [("users.csv", "user_id,email,company_id"), ("team.csv", "person,email,customer_id")]
    {
        assert_eq!(
            shown(name, format!("{header}\nu1,ada@example.com,acme\n"), &options("", "")),
            "persons@2 distinct_id=u1 email=ada@example.com customer_id=acme\n"
        );
    }
    for name in ["persons.csv", "users.csv"] {
        let found = shown(name, "user_id,email,name\nu1,ada@example.com,Ada\n", &options("", ""));
        assert_eq!(found, "persons@2 distinct_id=u1 email=ada@example.com name=Ada\n");
    }
    let customers = shown("customers.csv", "user_id,email\nu1,ada@example.com\n", &options("", ""));
    assert_eq!(customers, "customers@2 customer_id=u1 email=ada@example.com\n");
    let links = "from_id,to_id,kind,at\na1,u1,identify,2026-03-01\n";
    assert_eq!(
        shown("links.csv", links, &options("", "")),
        "identity_links@2 from_id=a1 to_id=u1 kind=identify at=2026-03-01\n"
    );
}

fn shape_of(name: &str, bytes: &str) -> &'static str {
    Reader::open(&Input::bytes(name, bytes.to_owned()), &Options::default()).unwrap().shape()
}

#[test]
fn exports_of_segment() {
    let lines = r#"{"messageId":"1","type":"track","event":"Paid","userId":"u1","anonymousId":"a1","timestamp":"2026-03-01T10:00:00.000Z","originalTimestamp":"2026-03-01T10:00:05.000Z","sentAt":"2026-03-01T10:00:06.000Z","receivedAt":"2026-03-01T10:00:01.000Z","properties":{"amount":5},"context":{"page":{"url":"https://example.com/a"}}}
{"messageId":"2","type":"identify","userId":"u1","anonymousId":"a2","timestamp":"2026-03-01T10:00:01.000Z","traits":{"email":"x"}}
{"messageId":"3","type":"page","anonymousId":"a1","timestamp":"2026-03-01T10:00:02.000Z","properties":{"url":"https://example.com/b","title":"B"}}
{"messageId":"4","type":"track","event":"no time","userId":"u1"}
"#;
    assert_eq!(shape_of("x.jsonl", lines), "segment_events");
    assert_eq!(
        shown("x.jsonl", lines, &options("", "")),
        r#"events@1 event_id=1 event=Paid distinct_id=u1 at=2026-03-01T10:00:00Z url=https://example.com/a host=example.com path=/a properties={"amount":5}
events@3 event_id=3 event=page_view distinct_id=a1 at=2026-03-01T10:00:02Z url=https://example.com/b host=example.com path=/b title=B
identity_links@1 from_id=a1 to_id=u1 kind=identify at=2026-03-01T10:00:00Z
identity_links@2 from_id=a2 to_id=u1 kind=identify at=2026-03-01T10:00:01Z
line 4: has no time <- {"messageId":"4","type":"track","event":"no time","userId":"u1"}
"#
    );
    let table = "id,received_at,anonymous_id,context_page_url,context_campaign_medium,event,event_text,original_timestamp,sent_at,timestamp,user_id,amount\n\
        1,2026-03-01 10:00:01,a1,https://example.com/a,email,paid,Paid,2026-03-01 10:00:05,2026-03-01 10:00:06,2026-03-01 10:00:00,u1,5\n";
    assert_eq!(shape_of("x.csv", table), "segment_table");
    assert_eq!(
        shown("x.csv", table, &options("", "")),
        "events@2 event_id=1 event=Paid distinct_id=u1 at=2026-03-01T10:00:00Z url=https://example.com/a host=example.com path=/a medium=email properties={\"amount\":5}\nidentity_links@2 from_id=a1 to_id=u1 kind=identify at=2026-03-01T10:00:00Z\n"
    );
    let pages = "id,received_at,anonymous_id,original_timestamp,sent_at,timestamp,user_id,path,referrer,title,url\n\
        1,,a1,2026-03-01 10:00:05,2026-03-01 10:00:06,2026-03-01 10:00:00,,/a,https://t.co/,A,https://example.com/a\n";
    assert_eq!(
        shown("pages.csv", pages, &options("", "")),
        "events@2 event_id=1 event=page_view distinct_id=a1 at=2026-03-01T10:00:00Z url=https://example.com/a host=example.com path=/a title=A referrer=https://t.co/ referrer_host=t.co source=t.co\n"
    );
}

#[test]
fn exports_of_posthog() {
    let expected = r#"events@1 event_id=1 event=page_view distinct_id=a1 at=2026-03-01T10:00:00Z url=https://example.com/a host=example.com path=/a os=macOS properties={"x":1}
identity_links@2 from_id=a1 to_id=u1 kind=identify at=2026-03-01T10:00:01Z
"#;
    let objects = r#"{"uuid":"1","event":"$pageview","distinct_id":"a1","timestamp":"2026-03-01T10:00:00.000Z","team_id":2,"properties":{"$current_url":"https://example.com/a","$os":"Mac OS X","x":1}}
{"uuid":"2","event":"$identify","distinct_id":"u1","timestamp":"2026-03-01T10:00:01.000Z","team_id":2,"properties":{"$anon_distinct_id":"a1"}}
"#;
    assert_eq!(shape_of("x.jsonl", objects), "posthog_events");
    assert_eq!(shown("x.jsonl", objects, &options("", "")), expected);
    let as_text: String = objects
        .lines()
        .map(|line| {
            let mut object: Value = serde_json::from_str(line).unwrap();
            object["properties"] = object["properties"].to_string().into();
            format!("{object}\n")
        })
        .collect();
    assert_eq!(shown("x.jsonl", as_text, &options("", "")), expected);
    let csv = "uuid,event,distinct_id,timestamp,properties,team_id\n\
        1,$pageview,a1,2026-03-01 10:00:00.000000+00:00,\"{\"\"$current_url\"\":\"\"https://example.com/a\"\",\"\"$os\"\":\"\"Mac OS X\"\",\"\"x\"\":1}\",2\n\
        2,$identify,u1,2026-03-01 10:00:01.000000+00:00,\"{\"\"$anon_distinct_id\"\":\"\"a1\"\"}\",2\n";
    assert_eq!(shape_of("x.csv", csv), "posthog_events");
    let shown = shown("x.csv", csv, &options("", ""));
    assert_eq!(shown, expected.replace("@2", "@3").replace("events@1", "events@2"));
}

#[test]
fn exports_of_mixpanel() {
    let lines = r#"{"event":"Paid","properties":{"time":1772359200,"distinct_id":"u1","$insert_id":"1","$browser":"Chrome","amount":5,"mp_country_code":"DE"}}
{"event":"$identify","properties":{"time":1772359201,"distinct_id":"u1","$insert_id":"2","$identified_id":"u1","$anon_id":"a1"}}
"#;
    assert_eq!(shape_of("x.jsonl", lines), "mixpanel_events");
    assert_eq!(
        shown("x.jsonl", lines, &options("", "")),
        r#"events@1 event_id=1 event=Paid distinct_id=u1 at=2026-03-01T10:00:00Z country=DE browser=Chrome properties={"amount":5}
identity_links@2 from_id=a1 to_id=u1 kind=identify at=2026-03-01T10:00:01Z
"#
    );
}

#[test]
fn a_preview_shows_what_becomes_of_columns() {
    for (name, bytes) in [("x.csv", CSV), ("x.jsonl", LINES)] {
        let preview = Reader::preview(&Input::bytes(name, bytes), &options("events", MAP), 5).unwrap();
        assert_eq!(
            (preview.shape, preview.sample[0].rows.num_rows()),
            ("events", if name == "x.csv" { 2 } else { 3 })
        );
        let fields: Vec<&str> = preview.mapping.iter().map(|field| field.field.as_str()).collect();
        assert!(fields.contains(&"properties.plan") && fields.contains(&"distinct_id"), "{fields:?}");
    }
}

#[test]
fn threads_change_nothing() {
    let text: String = (0..30_000)
        .map(|n| format!("{{\"event\":\"e{}\",\"user_id\":\"u{n}\",\"timestamp\":\"2026-03-01T10:00:00Z\",\"n\":{n},\"pad\":\"{}\"}}\n", n % 7, "x".repeat(60)))
        .collect();
    let one = shown("x.jsonl", text.clone(), &options("events", ""));
    let many = shown("x.jsonl", text, &Options { threads: 3, ..options("events", "") });
    assert_eq!(one.lines().count(), 30_000);
    assert!(one == many);
}

/// Keys that come in another order, are parts of one another, are written with escapes or twice, or stand in other objects
/// than in the line before.
#[test]
fn keys_are_told_apart_whatever_stood_in_the_line_before() {
    let lines = [
        r#"{"user_id":"u1","event":"a","timestamp":"2026-03-01T10:00:00.250Z","plan":"pro","plans":1,"who":{"age":5,"plan":"x"}}"#,
        r#"{"user_id":"u2","event":"a","timestamp":"2026-03-01T10:00:00.5Z","plans":1,"plan":"pro","who":{"plan":"x","age":5}}"#,
        r#"{"event":"a","user_id":"u3","timestamp":"2026-03-01","pl":1,"pla\u006e":"é","plan\"":2,"plan\"":3}"#,
        "{ \"user_id\" : \"u4\" , \"event\":\"a\",\t\"timestamp\":1772359200,\"plan\" :\"pro\"}\r",
        r#"{"user_id":"u5","event":"a","timestamp":"2026-03-01T10:00:00.250Z","user_id":"u\u0036","plan":"pro","plan":null,"event":"b"}"#,
        r#"{"user_id":"u\u0037","event":"a","timestamp":"2026-03-01T10:00:00.250+02:00","user_id":"u8","who":5,"age":7,"properties":{"user_id":1}}"#,
        r#"{"user_id":"u9","event":"a \ud83d","timestamp":"2026-02-29T10:00:00.250Z","plan":"\ud83d\ude00"}"#,
        r#"{"user_id":"u9","event":"a \ud83d","timestamp":"2026-03-01T10:00:00.250z","plan":"\ud83d\ude00 \ude00"}"#,
        r#"{"user_id":"u10","event":"a","timestamp":"2026-03-01T10:00:00.250Z","plan":"pro",}"#,
        r#"{"user_id":"u10","event":"a","timestamp":"2026-03-01T10:00:00.250Z""plan":"pro"}"#,
        r#"{"user_id":"u11","event":"a","timestamp":"2026-03-01T10:00:00.250Z","plan":"pro"}"#,
    ];
    let map = "person=user_id,event=event,at=timestamp,properties.years=who.age";
    insta::assert_snapshot!(anonymised(&shown("x.jsonl", lines.join("\n"), &options("events", map))), @r#"
    events@1 event_id=ID event=a distinct_id=u1 at=2026-03-01T10:00:00.250Z properties={"plan":"pro","plans":1,"years":5,"who.plan":"x"}
    events@2 event_id=ID event=a distinct_id=u2 at=2026-03-01T10:00:00.500Z properties={"plans":1,"plan":"pro","who.plan":"x","years":5}
    events@3 event_id=ID event=a distinct_id=u3 at=2026-03-01 properties={"pl":1,"plan":"é","plan\"":2,"plan\"":3}
    events@4 event_id=ID event=a distinct_id=u4 at=2026-03-01T10:00:00Z properties={"plan":"pro"}
    events@5 event_id=ID event=b distinct_id=u6 at=2026-03-01T10:00:00.250Z properties={"plan":"pro"}
    events@6 event_id=ID event=a distinct_id=u8 at=2026-03-01T08:00:00.250Z properties={"who":5,"age":7,"user_id":1}
    events@8 event_id=ID event=a � distinct_id=u9 at=2026-03-01T10:00:00.250Z properties={"plan":"\ud83d\ude00 \ufffd"}
    events@11 event_id=ID event=a distinct_id=u11 at=2026-03-01T10:00:00.250Z properties={"plan":"pro"}
    line 7: timestamp: "2026-02-29T10:00:00.250Z" is not a day of the calendar <- {"user_id":"u9","event":"a \ud83d","timestamp":"2026-02-29T10:00:00.250Z","plan":"\ud83d\ude00"}
    line 9: is not JSON: it is not JSON at byte 81: a key in quotes should stand here <- {"user_id":"u10","event":"a","timestamp":"2026-03-01T10:00:00.250Z","plan":"pro",}
    line 10: is not JSON: it is not JSON at byte 67: a comma or } should stand here <- {"user_id":"u10","event":"a","timestamp":"2026-03-01T10:00:00.250Z""plan":"pro"}
    "#);
}

fn member() -> impl Strategy<Value = (&'static str, &'static str)> {
    let keys = [
        "user_id",
        "event",
        "timestamp",
        "plan",
        "plans",
        "pl",
        "pla\\u006e",
        "\\ud83d",
        "é",
        "who",
        "who.age",
        "properties",
        "props",
        "props.plan",
        "a\\/b",
    ];
    let values = [
        "\"u1\"",
        "\"2026-03-01T10:00:00.250Z\"",
        "\"2026-03-01\"",
        "1772359200",
        "1.50",
        "null",
        "true",
        "\"\"",
        "\" x \"",
        "\"\\ud83d\"",
        "\"\\u00e9\\n\"",
        "[1, {\"plan\":2}]",
        "{}",
        "{\"age\":5,\"plan\":\"\\ud83d\"}",
        "{\"plan\":{\"age\":1}}",
        "nul",
        "\"",
    ];
    (prop::sample::select(keys.to_vec()), prop::sample::select(values.to_vec()))
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\ é]{0,8}".prop_map(Value::String),
        Just(json!("2026-03-01T10:00:00Z")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::vec(("[a-c.]{1,3}", inner), 0..3)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Every property of a line is found again under its name, whatever else stands there.
    #[test]
    fn properties_are_kept(members in proptest::collection::vec(("[p-z]{1,3}", any_value()), 0..6)) {
        let mut object = serde_json::Map::new();
        object.insert("event".to_owned(), "e".into());
        object.insert("distinct_id".to_owned(), "u".into());
        object.insert("at".to_owned(), "2026-03-01T10:00:00Z".into());
        for (name, value) in &members {
            object.entry(name.clone()).or_insert(value.clone());
        }
        let line = Value::Object(object.clone()).to_string();
        let shown = read("x.jsonl", line, &options("events", "event=event,distinct_id=distinct_id,at=at,os=,event_id=")).unwrap();
        let batch = &shown[0].batches[0].rows;
        let texts = arrow::array::AsArray::as_string_view(batch.column_by_name("properties").unwrap());
        let found: Value = texts.iter().next().flatten().map_or(json!({}), |text| serde_json::from_str(text).unwrap());
        let mut expected: serde_json::Map<String, Value> = object
            .into_iter()
            .filter(|(name, value)| !["event", "distinct_id", "at"].contains(&name.as_str()) && !value.is_null())
            .collect();
        // Some names are columns; their values are not properties.
        for (column, _) in batch.schema().fields().iter().zip(0..) {
            expected.remove(column.name());
        }
        let mut found = found.as_object().unwrap().clone();
        for name in ["ts", "os", "url"] {
            found.remove(name);
            expected.remove(name);
        }
        prop_assert_eq!(found, expected);
    }

    /// A key that is found where it is expected means what it means when it must be searched for.
    #[test]
    fn blanks_before_colons_change_nothing(lines in prop::collection::vec(prop::collection::vec(member(), 0..6), 1..12)) {
        let head = r#"{"event_id":"i","user_id":"u","event":"e","timestamp":"2026-03-01T10:00:00.250Z","plan":"p","who":{"age":5,"plan":"x"}"#;
        let file = |colon: &str| {
            let mut text = format!("{head}}}\n");
            for members in &lines {
                text.push_str(head);
                for (key, value) in members {
                    text.push_str(&format!(",\"{key}\"{colon}{value}"));
                }
                text.push_str("}\n");
            }
            text
        };
        let map = "person=user_id,event=event,at=timestamp,event_id=event_id,properties.years=who.age";
        let seen = |colon| {
            let outputs = read("x.jsonl", file(colon), &options("events", map)).unwrap();
            let rows: Vec<_> = outputs.iter().flat_map(|output| &output.batches).map(|batch| (batch.rows.clone(), batch.lines.clone())).collect();
            let rejects: Vec<_> = outputs.iter().flat_map(|output| &output.rejects)
                .map(|reject| (reject.line, reject.reason.split(" at byte ").next().unwrap_or_default().to_owned())).collect();
            (rows, rejects)
        };
        prop_assert_eq!(seen(":"), seen(" :"));
    }

    #[test]
    fn any_lines_are_accounted_for(rows in prop::collection::vec("[\\[\\]{}\":, a-c0-9\n\\\\u]{0,40}", 0..10), shape in 0..4usize) {
        let name = ["events", "segment_events", "posthog_events", "mixpanel_events"][shape];
        let good = r#"{"event":"e","distinct_id":"u","at":"2026-03-01","uuid":"1","timestamp":"2026-03-01","messageId":"1","type":"track","userId":"u","properties":{"time":1772359200,"distinct_id":"u"}}"#;
        let text = format!("{good}\n{}", rows.join("\n"));
        let outputs = read("x.jsonl", text, &options(name, "")).unwrap();
        let taken: usize = outputs.iter().flat_map(|output| &output.batches).filter(|b| b.table.name == "events").map(|b| b.rows.num_rows()).sum();
        let rejected: usize = outputs.iter().map(|output| output.rejects.len()).sum();
        let seen: u64 = outputs.iter().map(|output| output.rows_read).sum();
        prop_assert!(taken >= 1 && (taken + rejected) as u64 == seen, "{} {} {}", taken, rejected, seen);
    }
}
