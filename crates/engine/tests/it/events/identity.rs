//! Persons and customers of events: links, taking them back, mail addresses, merged customers.

use burgeon_engine::events::Question;
use burgeon_engine::lake::{Lake, LakeOptions};

use super::{
    Event, batch, content, count, customers, event, events, links, open, options, owners, persons, sorted,
};

#[tokio::test(flavor = "multi_thread")]
async fn links_apply_to_history_and_can_be_taken_back() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = [
        event("1", "page_view", "anon-1", 10),
        event("2", "signup", "user-1", 20),
        event("3", "page_view", "anon-2", 30),
        event("4", "page_view", "stranger", 40),
    ];
    lake.append("events", batch(&all[..2])).await.expect("append");
    lake.compact().await.expect("compact");
    lake.append("events", batch(&all[2..])).await.expect("append");
    assert_eq!(count(&lake, Question::default()).await.persons, 4);
    let before = lake.versions()["events"];
    let linked = [("anon-1", "user-1", "identify", 20, false), ("anon-2", "user-1", "identify", 35, false)];
    lake.append("identity_links", links(&linked)).await.expect("link");
    assert_ne!(lake.versions()["events"], before);
    let shown = persons(&lake).await;
    let ids = |names: [&str; 4]| {
        ["1", "2", "3", "4"].iter().zip(names).map(|(id, name)| (id.to_string(), name.to_string())).collect()
    };
    assert_eq!(shown, ids(["user-1", "user-1", "user-1", "stranger"]));
    assert_eq!(count(&lake, Question::default()).await.persons, 2);
    for reopened in [false, true] {
        let lake = if reopened {
            lake.compact().await.expect("compact");
            lake.clone()
        } else {
            lake.clone()
        };
        let person = lake.events().person("anon-2").await.expect("person").expect("known");
        assert_eq!(person.person_id, "user-1");
        let others: Vec<&str> = person.identifiers.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(others, ["user-1", "anon-1", "anon-2"]);
        assert_eq!(person.identifiers[2].kind, Some("identify"));
        assert_eq!(lake.events().history("user-1", None, 10).await.expect("history").num_rows(), 3);
    }
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(persons(&lake).await, ids(["user-1", "user-1", "user-1", "stranger"]));
    assert_eq!(count(&lake, Question::default()).await.persons, 2);
    let back = [("anon-2", "user-1", "identify", 35, true)];
    lake.append("identity_links", links(&back)).await.expect("unlink");
    assert_eq!(persons(&lake).await, ids(["user-1", "user-1", "anon-2", "stranger"]));
    assert_eq!(count(&lake, Question::default()).await.persons, 3);
    lake.compact().await.expect("compact");
    assert_eq!(count(&lake, Question::default()).await.persons, 3);
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(persons(&lake).await, ids(["user-1", "user-1", "anon-2", "stranger"]));
    assert_eq!(content(&lake).await, sorted(all.to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_never_merged_away() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = [event("1", "x", "user-1", 1), event("2", "x", "user-2", 2), event("3", "x", "device", 3)];
    lake.append("events", batch(&all)).await.expect("append");
    let said = [
        ("device", "user-1", "identify", 1, false),
        ("device", "user-2", "identify", 2, false),
        ("user-1", "user-2", "alias", 3, false),
    ];
    lake.append("identity_links", links(&said)).await.expect("links");
    let shown = persons(&lake).await;
    assert_eq!(
        (shown["1"].as_str(), shown["2"].as_str(), shown["3"].as_str()),
        ("user-1", "user-2", "user-1")
    );
    let person = lake.events().person("user-1").await.expect("person").expect("known");
    let refused: Vec<&String> = person.identifiers.iter().flat_map(|one| &one.refused).collect();
    assert_eq!(refused.len(), 2, "{person:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_imported_count_like_others() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = events(50);
    lake.append("events", batch(&all)).await.expect("append");
    let import = lake.bulk("identity_links").expect("bulk");
    import
        .write(&links(&[("p001", "u", "identify", 1, false), ("p002", "u", "identify", 1, false)]))
        .expect("write");
    import.finish().await.expect("finish");
    let shown = persons(&lake).await;
    for one in &all {
        let person = if ["p001", "p002"].contains(&one.who.as_str()) { "u" } else { &one.who };
        assert_eq!(shown[&one.id], person);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_come_by_event_then_person_then_identifier_then_mail() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = [
        Event { customer: Some("named".into()), ..event("1", "x", "said", 1) },
        event("2", "x", "said", 2),
        event("3", "x", "cus_9", 3),
        event("4", "x", "mailed", 4),
        event("5", "x", "shared", 5),
        event("6", "x", "nobody", 6),
        event("7", "x", "anon", 7),
    ];
    lake.append("events", batch(&all)).await.expect("append");
    assert_eq!(
        customers(&lake).await.keys().collect::<Vec<_>>(),
        ["1", "2"],
        "nothing else knows of the customer"
    );
    let people = owners(
        "distinct_id",
        &[
            ("said", Some("a@x.io"), Some("cus_1")),
            ("mailed", Some(" A@X.io "), None),
            ("shared", Some("both@x.io"), None),
        ],
    );
    lake.append("persons", people).await.expect("persons");
    let accounts = owners(
        "customer_id",
        &[
            ("cus_1", None, None),
            ("cus_2", Some("a@x.io"), None),
            ("cus_3", Some("both@x.io"), None),
            ("cus_4", Some("both@x.io"), None),
            ("cus_9", None, None),
        ],
    );
    lake.append("customers", accounts).await.expect("customers");
    let shown = customers(&lake).await;
    let wanted: std::collections::BTreeMap<String, String> =
        [("1", "named"), ("2", "cus_1"), ("3", "cus_9"), ("4", "cus_2")]
            .map(|(id, customer)| (id.to_owned(), customer.to_owned()))
            .into();
    assert_eq!(shown, wanted);
    // A link brings the visitor to the customer of the user.
    lake.append("identity_links", links(&[("anon", "said", "identify", 8, false)])).await.expect("link");
    assert_eq!(customers(&lake).await.get("7").map(String::as_str), Some("cus_1"));
    // Merged customers are shown as the surviving one.
    let text = |value: &str| {
        std::sync::Arc::new(arrow::array::StringViewArray::from_iter_values([value]))
            as arrow::array::ArrayRef
    };
    let merge = arrow::array::RecordBatch::try_from_iter([
        ("from_customer_id", text("cus_1")),
        ("into_customer_id", text("cus_2")),
    ])
    .expect("batch");
    lake.append("customer_merges", merge).await.expect("merge");
    assert_eq!(customers(&lake).await.get("2").map(String::as_str), Some("cus_2"));
    lake.compact().await.expect("compact");
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(customers(&lake).await.get("7").map(String::as_str), Some("cus_2"));
    let person = lake.events().person("anon").await.expect("person").expect("known");
    assert_eq!(person.customer_id.as_deref(), Some("cus_2"));
}

/// The customer of each of some persons, in order.
async fn customers_of(lake: &Lake, persons: &[&str]) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for person in persons {
        found.push(lake.events().person(person).await.expect("person").and_then(|person| person.customer_id));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_name_a_customer_join_their_person() {
    let naming = |id: &str, who: &str, at: i64, customer: &str| Event {
        customer: Some(customer.into()),
        ..event(id, "x", who, at)
    };
    let some = |names: &[&str]| -> Vec<Option<String>> {
        names.iter().map(|name| (!name.is_empty()).then(|| (*name).to_owned())).collect()
    };
    let day = 86_400_000_000i64;
    // 2026-01-01, the clock of the tests.
    let now = 1_767_225_600_000_000i64;
    let who = ["ann", "ben", "cus_3", "dan", "anon"];
    let dir = tempfile::tempdir().expect("tempdir");
    let keeping = LakeOptions { keep_events_seconds: Some(30 * 86_400), flush_events: 0, ..options() };
    let lake = Lake::open(dir.path(), keeping.clone()).await.expect("open");
    let accounts = [
        ("cus_1", None, None),
        ("cus_2", None, None),
        ("cus_3", None, None),
        ("cus_4", Some("dan@x.io"), None),
    ];
    lake.append("customers", owners("customer_id", &accounts)).await.expect("customers");
    let mailed = owners("distinct_id", &[("dan", Some("dan@x.io"), None)]);
    lake.append("persons", mailed).await.expect("persons");

    // Of many rows only one names anybody.
    let mut all: Vec<Event> =
        (0..1000).map(|i| event(&format!("f{i}"), "x", &format!("p{}", i % 90), now - day)).collect();
    all.push(naming("1", "ann", now - 9 * day, "cus_1"));
    lake.append("events", batch(&all)).await.expect("append");
    lake.append("identity_links", links(&[("anon", "ann", "identify", now - 8 * day, false)]))
        .await
        .expect("link");
    assert_eq!(customers_of(&lake, &who).await, some(&["cus_1", "", "", "cus_4", "cus_1"]));
    lake.flush().await.expect("flush");
    // By time, not by arrival; an account that billing does not know stands behind a mail address.
    let more = [
        naming("2", "ann", now - 7 * day, "cus_2"),
        naming("3", "ann", now - 8 * day, "cus_1"),
        naming("4", "ben", now - 40 * day, "elsewhere"),
        naming("5", "cus_3", now - 5 * day, "cus_1"),
        naming("6", "dan", now - 5 * day, "elsewhere"),
        event("7", "x", "ben", now - 5 * day),
    ];
    lake.append("events", batch(&more)).await.expect("append");
    let wanted = some(&["cus_2", "elsewhere", "cus_1", "cus_4", "cus_2"]);
    assert_eq!(customers_of(&lake, &who).await, wanted);
    let shown = customers(&lake).await;
    assert_eq!(
        (shown["3"].as_str(), shown["7"].as_str()),
        ("cus_1", "elsewhere"),
        "a row keeps the one it names"
    );
    lake.compact().await.expect("compact");
    assert_eq!(customers_of(&lake, &who).await, wanted);

    let import = lake.events().bulk().expect("bulk");
    import
        .write(&batch(&[naming("8", "ann", now - 2 * day, "cus_3"), event("9", "x", "ann", now)]))
        .expect("write");
    import.finish().await.expect("finish");
    let wanted = some(&["cus_3", "elsewhere", "cus_1", "cus_4", "cus_3"]);
    assert_eq!(customers_of(&lake, &who).await, wanted);
    drop(lake);
    let lake = Lake::open(dir.path(), keeping).await.expect("open");
    assert_eq!(customers_of(&lake, &who).await, wanted);

    // What is removed says nothing any more: by age, and with a person who comes again.
    lake.maintain().await.expect("maintain");
    let removal = lake.events().begin_removal("ann").await.expect("begun").expect("known");
    lake.events().remove(&removal).await.expect("removed");
    lake.events().end_removal(&removal).await.expect("ended");
    let again = [event("10", "x", "ann", now - day), event("11", "x", "anon", now - day)];
    lake.append("events", batch(&again)).await.expect("append");
    let wanted = some(&["", "", "cus_1", "cus_4", ""]);
    assert_eq!(customers_of(&lake, &who).await, wanted);
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(customers_of(&lake, &who).await, wanted);
}
