//! Questions over events, as the page asks them.

use crate::support::{Server, json as read};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Three people over some days: Ada goes all the way, Ben stops half-way, Cleo only looks.
pub async fn filled() -> Server {
    let server = Server::start().await;
    let mut events = Vec::new();
    let mut add = |id: &str, who: &str, event: &str, at: &str, extra: Value| {
        let mut row = json!({"event_id": id, "event": event, "distinct_id": who, "at": at});
        row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        events.push(row);
    };
    let page = |path: &str, channel: &str| json!({"path": path, "channel": channel});
    add("1", "anon-ada", "page_view", "2026-03-02T10:00:00Z", page("/", "organic_search"));
    add("2", "ada", "signup", "2026-03-02T10:01:00Z", json!({"channel": "organic_search"}));
    add("3", "ada", "report_created", "2026-03-03T10:01:00Z", json!({"properties": {"kind": "pdf"}}));
    add("4", "ada", "report_created", "2026-03-12T10:01:00Z", json!({"properties": {"kind": "csv"}}));
    add("5", "ben", "page_view", "2026-03-02T11:00:00Z", page("/pricing", "email"));
    add("6", "ben", "signup", "2026-03-04T11:00:00Z", json!({}));
    add("7", "cleo", "page_view", "2026-03-09T12:00:00Z", page("/", "email"));
    add("8", "cleo", "page_view", "2026-03-15T11:58:00Z", page("/docs", "direct"));
    let (status, answer) = server.post("/events", json!({ "events": events })).await;
    assert_eq!((status.as_u16(), &answer["accepted"]), (200, &json!(8)), "{answer}");
    let link =
        json!([{"from_id": "anon-ada", "to_id": "ada", "kind": "identify", "at": "2026-03-02T10:01:00Z"}]);
    assert_eq!(server.post("/records/identity_links", link).await.0, 200);
    let person = json!([{"distinct_id": "ada", "email": "ada@acme.test", "name": "Ada", "customer_id": "acme", "traits": {"role": "owner"}}]);
    assert_eq!(server.post("/records/persons", person).await.0, 200);
    server
}

async fn request(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
    let (status, body) = read(server.send(request.body(Body::from(body.to_string())).unwrap()).await).await;
    (status.as_u16(), body)
}

pub fn ids(answer: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> =
        answer["people"].as_array().unwrap().iter().map(|one| one["person_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_funnel_opens_its_people() {
    let server = filled().await;
    let steps = "step=page_view&step=signup&step=report_created";
    let answer = server.get(&format!("/funnel?{steps}&within=7d")).await;
    let group = &answer["groups"][0];
    // By hand: Ada 1 minute and then a day; Ben two days and no report; Cleo only looked.
    assert_eq!(group["people"], json!([3, 2, 1]), "{answer:#}");
    assert_eq!(group["median_seconds"], json!([null, 86_430.0, 86_460.0]), "{answer:#}");
    let previous = server.get(&format!("/funnel?{steps}&within=7d&times=previous")).await;
    assert_eq!(previous["groups"][0]["median_seconds"], json!([null, 86_430.0, 86_400.0]));

    let divided = server.get(&format!("/funnel?{steps}&within=7d&by=channel")).await;
    let by: Vec<(&Value, &Value)> = divided["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["value"], &group["people"]))
        .collect();
    assert_eq!(
        by,
        [(&json!("email"), &json!([2, 1, 0])), (&json!("organic_search"), &json!([1, 1, 1]))],
        "{divided:#}"
    );
    let short = server.get(&format!("/funnel?{steps}&within=1h&where=channel:organic_search")).await;
    assert_eq!(short["groups"][0]["people"], json!([1, 1, 0]), "{short:#}");
    let pdf = server.get("/funnel?step=signup&step=report_created[kind=pdf]&within=7d").await;
    assert_eq!(pdf["groups"][0]["people"], json!([2, 1]), "{pdf:#}");
    let ranged = server.get(&format!("/funnel?{steps}&from=2026-03-09&to=2026-03-15&compare=previous")).await;
    assert_eq!(ranged["groups"][0]["people"], json!([1, 0, 0]), "{ranged:#}");
    assert_eq!(ranged["groups"][0]["previous"]["people"], json!([2, 2, 1]), "{ranged:#}");

    let people = server.get(&format!("/people?of=funnel&{steps}&within=7d&at=2")).await;
    assert_eq!((ids(&people), &people["total"]), (vec!["ada", "ben"], &json!(2)), "{people:#}");
    let lost = server.get(&format!("/people?of=funnel&{steps}&within=7d&at=3&dropped=true")).await;
    assert_eq!(ids(&lost), ["ben"], "{lost:#}");
    let email = server.get(&format!("/people?of=funnel&{steps}&within=7d&at=1&by=channel&value=email")).await;
    assert_eq!(ids(&email), ["ben", "cleo"], "{email:#}");
    for wrong in [
        "/funnel",
        "/funnel?step=a&within=soon",
        "/funnel?step=a&order=sorted",
        "/funnel?step=[",
        "/funnel?stop=a",
    ] {
        assert_eq!(server.try_get(wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_opens_its_people() {
    let server = filled().await;
    let answer = server.get("/retention?first=signup&return=report_created&grain=week&to=2026-03-15").await;
    // Both signed up in week 10; Ada made a report in that week and in the next.
    assert_eq!(
        answer["cohorts"],
        json!([{"cohort": "2026-W10", "value": null, "size": 2, "people": [1, 1]}]),
        "{answer:#}"
    );
    let back = server
        .get("/people?of=retention&first=signup&return=report_created&grain=week&cohort=2026-W10&period=1")
        .await;
    assert_eq!(ids(&back), ["ada"], "{back:#}");
    let away = server
        .get("/people?of=retention&first=signup&return=report_created&grain=week&cohort=2026-W10&period=1&missing=true")
        .await;
    assert_eq!(ids(&away), ["ben"], "{away:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_days_and_stages() {
    let server = filled().await;
    let paths = server.get("/paths?start=page_view&steps=3").await;
    let first = &paths["paths"][0];
    assert_eq!((&first["events"], &first["people"]), (&json!(["page_view"]), &json!(2)), "{paths:#}");
    assert_eq!(paths["paths"][1]["events"], json!(["page_view", "signup"]), "{paths:#}");
    let people = server.get("/people?of=paths&start=page_view&steps=3&path=page_view&path=signup").await;
    assert_eq!(ids(&people), ["ada"], "{people:#}");
    let pages = server.get("/paths?start=page_view&by=path").await;
    assert!(
        pages["paths"].as_array().unwrap().iter().any(|path| path["events"] == json!(["/pricing"])),
        "{pages:#}"
    );

    let life = server.get("/lifecycle?event=page_view&grain=week&from=2026-03-02&to=2026-03-15").await;
    let values = |state: &str| {
        let found =
            life["series"].as_array().unwrap().iter().find(|series| series["state"] == state).unwrap();
        found["values"].clone()
    };
    assert_eq!(life["periods"].as_array().unwrap().len(), 2, "{life:#}");
    assert_eq!((values("new"), values("dormant")), (json!([2, 1]), json!([0, 2])), "{life:#}");
    let new = server.get("/people?of=lifecycle&event=page_view&grain=week&from=2026-03-02&to=2026-03-15&state=new&period=2026-W11").await;
    assert_eq!(ids(&new), ["cleo"], "{new:#}");

    let sticky = server.get("/stickiness?event=page_view&grain=week&to=2026-03-15").await;
    assert_eq!(sticky["span"], json!(7));
    assert_eq!(sticky["days"][1], json!({"days": 2, "people": 1}), "{sticky:#}");
    let two = server.get("/people?of=stickiness&event=page_view&grain=week&to=2026-03-15&days=2").await;
    assert_eq!(ids(&two), ["cleo"], "{two:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_seen() {
    let server = filled().await;
    let names = server.get("/events/names").await;
    assert_eq!(names["names"][0]["event"], "page_view", "{names:#}");
    assert_eq!(
        (&names["names"][0]["count"], &names["names"][0]["persons"]),
        (&json!(4), &json!(3)),
        "{names:#}"
    );
    let report =
        names["names"].as_array().unwrap().iter().find(|name| name["event"] == "report_created").unwrap();
    assert_eq!(report["properties"], json!(["kind"]));
    let signup = names["names"].as_array().unwrap().iter().find(|name| name["event"] == "signup").unwrap();
    assert!(signup["meanings"].as_array().unwrap().contains(&json!("signup")), "{signup:#}");

    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/events/recent?limit=3{after}")).await;
        seen.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["event_id"].as_str().unwrap().to_owned()),
        );
        match page["cursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    let of_ada = server.get("/events/recent?person=anon-ada").await;
    assert_eq!(of_ada["events"].as_array().unwrap().len(), 4, "{of_ada:#}");
    assert_eq!(of_ada["events"][0]["customer_id"], "acme");
    let reports = server.get("/events/recent?event=report_created&customer=acme").await;
    assert_eq!(reports["events"].as_array().unwrap().len(), 2, "{reports:#}");

    let live = server.get("/events/live").await;
    assert_eq!(live["now"], json!({"on_site": 1, "in_product": 0}), "{live:#}");
    assert_eq!(live["pages"], json!([{"path": "/docs", "persons": 1}]));
    let minutes = live["minutes"].as_array().unwrap();
    assert_eq!((minutes.len(), minutes.iter().map(|m| m["events"].as_i64().unwrap()).sum::<i64>()), (30, 1));
    let here = server.get("/people?of=live&on=site").await;
    assert_eq!(ids(&here), ["cleo"], "{here:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_are_found_opened_unlinked_and_removed() {
    let server = filled().await;
    let all = server.get("/persons").await;
    assert_eq!(all["total"], json!(3), "{all:#}");
    // Last seen first.
    assert_eq!(all["persons"][0]["person_id"], "cleo", "{all:#}");
    let found = server.get("/persons?search=ACME.test").await;
    assert_eq!((&found["total"], &found["persons"][0]["name"]), (&json!(1), &json!("Ada")), "{found:#}");
    let theirs = server.get("/persons?customer=acme").await;
    assert_eq!(theirs["persons"][0]["person_id"], "ada", "{theirs:#}");

    let page = server.get("/persons/anon-ada").await;
    assert_eq!(page["person"]["person_id"], "ada", "{page:#}");
    assert_eq!(page["person"]["traits"]["role"], "owner");
    assert_eq!(
        (&page["person"]["events"], &page["person"]["channel"]),
        (&json!(4), &json!("organic_search"))
    );
    assert_eq!(page["person"]["identifiers"][1]["kind"], "identify", "{page:#}");
    assert_eq!(page["timeline"][0]["event"], "report_created");
    assert_eq!(page["timeline"].as_array().unwrap().len(), 4);

    let (status, page) =
        request(&server, "POST", "/persons/ada/unlink", json!({"identifier": "anon-ada"})).await;
    assert_eq!(status, 200, "{page:#}");
    assert_eq!(page["timeline"].as_array().unwrap().len(), 3, "{page:#}");
    assert_eq!(server.get("/persons").await["total"], json!(4));

    let (status, gone) = request(&server, "DELETE", "/persons/ada", json!(null)).await;
    assert_eq!((status, &gone["events"]), (200, &json!(3)), "{gone:#}");
    assert_eq!(server.try_get("/persons/ada").await.0, 404);
    assert_eq!(request(&server, "DELETE", "/persons/ada", json!(null)).await.0, 404);
    let audit = server.workspace.state().audit_log(Some("delete_person"), 5).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert!(!serde_json::to_string(&audit).unwrap().contains("ada"), "who it was is not kept: {audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn meanings_are_set_and_reset() {
    let server = filled().await;
    let (status, set) = request(
        &server,
        "PUT",
        "/meanings/active",
        json!({"steps": ["report_created[kind=pdf]"], "at_least": 1}),
    )
    .await;
    assert_eq!((status, &set["builtin"]), (200, &json!(false)), "{set:#}");
    let people = server.get("/people?of=meaning&meaning=active&from=2026-03-01&to=2026-03-15").await;
    assert_eq!(ids(&people), ["ada"], "{people:#}");
    let listed = server.get("/meanings").await;
    let active =
        listed["meanings"].as_array().unwrap().iter().find(|meaning| meaning["name"] == "active").unwrap();
    assert_eq!(active["steps"], json!(["report_created[kind=pdf]"]));
    assert!(active["label"]["ru"].is_string(), "the label stays: {active:#}");
    let (status, back) = request(&server, "DELETE", "/meanings/active", json!(null)).await;
    assert_eq!((status, &back["builtin"]), (200, &json!(true)), "{back:#}");
    assert_eq!(request(&server, "PUT", "/meanings/active", json!({"steps": ["["]})).await.0, 400);
    assert_eq!(request(&server, "PUT", "/meanings/No%20Name", json!({"steps": []})).await.0, 400);
    assert_eq!(request(&server, "DELETE", "/meanings/nothing", json!(null)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_saved_and_used() {
    let server = filled().await;
    let new = json!({"of": "persons", "filter": ["did:signup", "person.role:owner"]});
    let (status, saved) = request(&server, "PUT", "/segments/Owners", new).await;
    assert_eq!((status, &saved["name"]), (200, &json!("Owners")), "{saved:#}");
    let answer = server.get("/funnel?step=page_view&step=signup&segment=Owners").await;
    assert_eq!(answer["groups"][0]["people"], json!([1, 1]), "{answer:#}");
    let others = server.get("/funnel?step=page_view&where=did!:signup").await;
    assert_eq!(others["groups"][0]["people"], json!([1]), "{others:#}");
    let listed = server.get("/persons?segment=Owners").await;
    assert_eq!(listed["total"], json!(1), "{listed:#}");
    let (status, error) = server.try_get("/funnel?step=page_view&segment=Owner").await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("Owners"), "{error:#}");
    assert_eq!(request(&server, "DELETE", "/segments/Owners", json!(null)).await.0, 204);
    assert_eq!(request(&server, "DELETE", "/segments/Owners", json!(null)).await.0, 404);
    assert_eq!(
        request(&server, "PUT", "/segments/x", json!({"of": "persons", "filter": ["nonsense"]})).await.0,
        400
    );

    let view = json!({"page": "/funnels", "query": "?step=a"});
    assert_eq!(request(&server, "PUT", "/views/Mine", view).await.0, 200);
    assert_eq!(
        server.get("/views").await["views"],
        json!([{"name": "Mine", "page": "/funnels", "query": "?step=a"}])
    );
    assert_eq!(request(&server, "DELETE", "/views/Mine", json!(null)).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn use_by_customer_and_its_fall() {
    let server = filled().await;
    let answer = server.get("/usage?by=customer&event=report_created&from=2026-03-09&to=2026-03-15").await;
    assert_eq!(
        answer["customers"],
        json!([{"customer_id": "acme", "name": null, "now": 1, "before": 1, "change": 0.0}]),
        "{answer:#}"
    );
    let fell = server.get("/usage?from=2026-03-09&to=2026-03-15&fell=0.5&at_least=1").await;
    assert_eq!(fell["customers"][0]["before"], json!(3), "{fell:#}");
    assert_eq!(
        server.get("/usage?from=2026-03-09&to=2026-03-15&fell=0.9&at_least=1").await["total"],
        json!(0)
    );
}

/// The series of an answer: its dimensions and values.
fn series(answer: &Value) -> Vec<(Value, Value)> {
    let all = answer["series"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
    all.iter().map(|one| (one["dimensions"].clone(), one["values"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_divided_and_filtered_by_address_title_and_referrer() {
    let server = Server::start().await;
    let view = |id: &str, who: &str, at: &str, url: &str, title: &str, referrer: &str| {
        json!({"event_id": id, "event": "page_view", "distinct_id": who, "at": format!("2026-03-02T{at}:00Z"),
               "url": format!("https://x.test{url}"), "title": title, "referrer": referrer})
    };
    // Ann looks at two pages in one visit and at one in another; Bob comes from elsewhere to the second.
    let events = json!({"events": [
        view("1", "ann", "10:00", "/?a=1", "Home", "https://news.test/a"),
        view("2", "ann", "10:05", "/pricing", "Prices", "https://x.test/?a=1"),
        view("3", "ann", "15:00", "/pricing", "Prices", ""),
        view("4", "bob", "11:00", "/pricing", "Prices", "https://news.test/a"),
    ]});
    assert_eq!(server.post("/events", events).await.1["accepted"], json!(4));
    let asked = |what: &str| format!("/query?{what}&grain=range&from=2026-03-02&to=2026-03-02");
    let figures = |of: &[(Value, f64)]| -> BTreeSet<(String, String)> {
        of.iter().map(|(dimensions, value)| (dimensions.to_string(), json!([value]).to_string())).collect()
    };
    let text = |all: Vec<(Value, Value)>| -> BTreeSet<(String, String)> {
        all.into_iter().map(|(dimensions, values)| (dimensions.to_string(), values.to_string())).collect()
    };
    for (what, expected) in [
        (
            "metrics=page_views&by=url",
            vec![
                (json!({"url": "https://x.test/?a=1"}), 1.0),
                (json!({"url": "https://x.test/pricing"}), 3.0),
            ],
        ),
        ("metrics=page_viewers&where=title:Prices", vec![(json!({}), 2.0)]),
        ("metrics=page_views&where=url:https://x.test/pricing", vec![(json!({}), 3.0)]),
        ("metrics=page_views&where=referrer!:https://news.test/a", vec![(json!({}), 2.0)]),
        // A visit has what its first page has.
        ("metrics=visits&by=title", vec![(json!({"title": "Home"}), 1.0), (json!({"title": "Prices"}), 2.0)]),
        (
            "metrics=visits&by=title,referrer",
            vec![
                (json!({"referrer": "https://news.test/a", "title": "Home"}), 1.0),
                (json!({"referrer": "https://news.test/a", "title": "Prices"}), 1.0),
                (json!({"referrer": null, "title": "Prices"}), 1.0),
            ],
        ),
        ("metrics=visitors&where=referrer:https://news.test/a", vec![(json!({}), 2.0)]),
        ("metrics=bounce_rate&where=url:https://x.test/pricing", vec![(json!({}), 1.0)]),
    ] {
        let answer = server.get(&asked(what)).await;
        assert_eq!(text(series(&answer)), figures(&expected), "{what}: {answer:#}");
    }
    let rows = server.get("/rows?metric=visits&period=2026-03&where=title:Home").await;
    assert_eq!(rows["total"], json!(1), "{rows:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_divided_and_filtered_by_properties_of_events() {
    let server = filled().await;
    let march = "from=2026-03&to=2026-03";
    let by = server.get(&format!("/query?metrics=events&by=event.kind&{march}")).await;
    let kinds = [(json!("csv"), 1), (json!("pdf"), 1), (json!(null), 6)];
    let mut expected = kinds.map(|(kind, n)| (json!({"event.kind": kind}), json!([f64::from(n)]))).to_vec();
    let mut found = series(&by);
    expected.sort_by_key(|one| one.0.to_string());
    found.sort_by_key(|one| one.0.to_string());
    assert_eq!(found, expected, "{by:#}");
    // The other prefix of questions over events, and a column under its prefix.
    for condition in ["properties.kind:pdf", "event.kind:pdf,xls"] {
        let one = server.get(&format!("/query?metrics=active_users&where={condition}&{march}")).await;
        assert_eq!(series(&one), [(json!({}), json!([1.0]))], "{one:#}");
    }
    let pages = "metrics=page_viewers&by=event.path&top=1&grain=range";
    let top = server.get(&format!("/query?{pages}&{march}")).await;
    assert_eq!(series(&top), [(json!({"event.path": "/"}), json!([2.0]))], "{top:#}");
    assert_eq!(top["left_out"], json!(2));
    // Behind the figure are its rows and its people.
    let rows = server.get("/rows?metric=events&period=2026-03&where=event.kind:csv").await;
    assert_eq!((&rows["total"], &rows["sum"]), (&json!(1), &json!(1.0)), "{rows:#}");
    let people =
        server.get("/people?of=metric&metric=active_users&period=2026-03&by=event.kind&value=pdf").await;
    assert_eq!(ids(&people), ["ada"], "{people:#}");
    let why = server.get("/explain?metric=events&period=2026-03&by=event.kind").await;
    assert_eq!(why["by"][0]["sum"], json!(8.0), "{why:#}");
    // What has no events has no properties, and the mend is named.
    let (status, wrong) = server.try_get("/query?metrics=mrr&by=event.kind").await;
    assert_eq!((status.as_u16(), &wrong["error"]["code"]), (400, &json!("unknown_dimension")), "{wrong:#}");
    let (_, wrong) = server.try_get("/query?metrics=events&by=kind").await;
    assert!(wrong.to_string().contains("event.NAME for any property"), "{wrong:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_asked_among_those_who_did_something() {
    let server = filled().await;
    let change = json!([{"customer_id": "acme", "subscription_id": "s1", "effective_at": "2026-03-05", "status": "active",
        "amount": 100, "currency": "USD", "interval": "month", "plan": "Pro"},
        {"customer_id": "bolt", "subscription_id": "s2", "effective_at": "2026-03-06", "status": "active",
        "amount": 40, "currency": "USD", "interval": "month", "plan": "Team"}]);
    assert_eq!(server.post("/records/subscription_changes", change).await.0, 200);
    let query = |metric: &'static str, condition: &'static str| {
        let server = &server;
        async move {
            let answer = server
                .get(&format!("/query?metrics={metric}&from=2026-03&to=2026-03&where={condition}"))
                .await;
            assert_eq!(answer["series"].as_array().map(Vec::len), Some(1), "{answer:#}");
            answer["series"][0]["values"][0].as_f64().unwrap_or(0.0)
        }
    };
    // Ada made reports and is of Acme; Ben signed up too; nobody of Bolt was seen.
    assert_eq!(query("active_users", "did:signup").await, 2.0);
    assert_eq!(query("active_users", "did!:signup").await, 1.0);
    assert_eq!(query("events", "did:report_created").await, 4.0);
    assert_eq!(query("events", "did:report_created[kind=xls]").await, 0.0);
    assert_eq!(query("visitors", "did:signup").await, 2.0);
    assert_eq!(query("events", "person.role:owner").await, 4.0);
    // Customers one of whose people did it.
    assert_eq!(query("mrr", "did:report_created").await, 100.0);
    assert_eq!(query("mrr", "did!:report_created").await, 40.0);
    assert_eq!(query("new_customers", "did:signup").await, 1.0);
    // The ledger knows its customers, seen or not.
    assert_eq!(query("mrr", "did:fact:first_payment").await, 140.0);
    assert_eq!(query("mrr", "did:fact:first_payment[plan=Team]").await, 40.0);
    assert_eq!(query("active_users", "did:fact:first_payment").await, 1.0);
    let rows = server.get("/rows?metric=new_mrr&period=2026-03&where=did:signup").await;
    assert_eq!((&rows["total"], &rows["sum"]), (&json!(1), &json!(100.0)), "{rows:#}");
    let why = server.get("/explain?metric=mrr&period=2026-03&where=did:signup").await;
    assert_eq!((&why["before"], &why["after"]), (&json!(0.0), &json!(100.0)), "{why:#}");
    // Costs are of nobody.
    let (status, wrong) = server.try_get("/query?metrics=costs&where=did:signup").await;
    assert_eq!(status.as_u16(), 400);
    assert!(wrong.to_string().contains("belongs to no person and no customer"), "{wrong:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_over_events_are_asked_among_customers_of_the_ledger() {
    let server = filled().await;
    let change = json!([{"customer_id": "acme", "subscription_id": "s1", "effective_at": "2026-03-05", "status": "active",
        "amount": 100, "currency": "USD", "interval": "month", "plan": "Pro"}]);
    assert_eq!(server.post("/records/subscription_changes", change).await.0, 200);
    let stages = |answer: &Value| -> Vec<(String, i64)> {
        let all = answer["series"].as_array().unwrap().iter();
        let sum = |one: &Value| one["values"].as_array().unwrap().iter().filter_map(Value::as_i64).sum();
        all.map(|one| (one["state"].as_str().unwrap().to_owned(), sum(one))).collect()
    };
    let ask =
        |condition: &str| format!("/lifecycle?grain=week&from=2026-03-02&to=2026-03-15&where={condition}");
    // Ada is new in the first week and comes back in the second.
    let paid = server.get(&ask("did:fact:first_payment")).await;
    assert_eq!(stages(&paid)[..2], [("new".into(), 1), ("returning".into(), 1)], "{paid:#}");
    // Ben is new in the first week and gone in the second, Cleo is new in the second.
    let others = server.get(&ask("did!:fact:first_payment")).await;
    assert_eq!(stages(&others)[..2], [("new".into(), 2), ("returning".into(), 0)], "{others:#}");
    let none = server.get(&ask("did:fact:first_payment[plan=Team]")).await;
    assert_eq!(stages(&none).iter().map(|one| one.1).sum::<i64>(), 0, "{none:#}");
    let (status, wrong) = server.try_get(&ask("did:fact:first_paymnt")).await;
    assert_eq!(status.as_u16(), 400);
    assert!(wrong.to_string().contains("first_payment"), "{wrong:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_looks_at_what_people_do() {
    let server = filled().await;
    let answer = server.get("/changes?grain=month&period=2026-03").await;
    let all = answer["changes"].as_array().unwrap();
    let change = |metric: &str| all.iter().find(|one| one["metric"] == metric);
    // Ada came from a search; of Ben's sign-up nothing is known.
    let signups = change("signups").unwrap_or_else(|| panic!("{answer:#}"));
    assert_eq!((&signups["before"], &signups["after"]), (&json!(0.0), &json!(2.0)), "{answer:#}");
    assert_eq!(signups["cause"]["dimension"], "channel", "{answer:#}");
    assert!(change("mau").is_some(), "{answer:#}");
    // A passing day says nothing of a month, and rates over the ledger would read all events.
    for other in ["dau", "wau", "trial_to_paid"] {
        assert!(change(other).is_none(), "{answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_events_are_those_that_happened_last() {
    let server = filled().await;
    // What came last happened first.
    let more = json!({"events": [
        {"event_id": "old", "event": "page_view", "distinct_id": "dora", "at": "2020-01-01T00:00:00Z"},
    ]});
    assert_eq!(server.post("/events", more).await.0, 200);
    let ids = |answer: &Value| -> Vec<String> {
        let all = answer["events"].as_array().unwrap().iter();
        all.map(|one| one["event_id"].as_str().unwrap().to_owned()).collect()
    };
    let first = server.get("/events/recent?limit=5").await;
    assert_eq!(ids(&first), ["8", "4", "7", "6", "3"], "{first:#}");
    assert_eq!(first["events"][1]["person_name"], "Ada", "{first:#}");
    assert_eq!(first["events"][0]["person_name"], json!(null), "{first:#}");
    let cursor = first["cursor"].as_str().unwrap();
    let rest = server.get(&format!("/events/recent?limit=5&after={cursor}")).await;
    assert_eq!(ids(&rest), ["5", "2", "1", "old"], "{rest:#}");
    assert_eq!(
        rest["events"][2]["person_name"], "Ada",
        "found by the person behind the identifier: {rest:#}"
    );
    let views = server.get("/events/recent?event=page_view&limit=2").await;
    assert_eq!(ids(&views), ["8", "7"], "{views:#}");
    let live = server.get("/events/live").await;
    assert_eq!(ids(&live)[..2], ["8", "4"], "{live:#}");
}
