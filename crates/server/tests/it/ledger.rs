//! Events and the ledger in one question: funnels over both, figures by what the customer paid for, and their people.

use crate::events::{filled, ids};
use crate::support::Server;
use serde_json::{Value, json};

/// The three people of the events' tests: Ada's company pays from 5 March on; Ben's paid an hour before he signed up and is
/// lost on the 10th; Cleo belongs to none.
async fn paying() -> Server {
    let server = filled().await;
    let person = json!([{"distinct_id": "ben", "customer_id": "bolt"}]);
    assert_eq!(server.post("/records/persons", person).await.0, 200);
    let change = |customer: &str, at: &str, status: &str, amount: &str, plan: &str| {
        json!({"customer_id": customer, "subscription_id": format!("{customer}1"), "effective_at": at,
            "status": status, "amount": amount, "currency": "USD", "interval": "month", "plan": plan})
    };
    let changes = json!([
        change("acme", "2026-03-05T09:00:00Z", "active", "49.00", "Pro"),
        change("bolt", "2026-03-04T10:00:00Z", "active", "300.00", "Team"),
        change("bolt", "2026-03-10T10:00:00Z", "canceled", "0", "Team"),
    ]);
    let (status, written) = server.post("/records/subscription_changes", changes).await;
    assert_eq!((status.as_u16(), &written["accepted"]), (200, &json!(3)), "{written:#}");
    server
}

fn people(answer: &Value) -> &Value {
    &answer["groups"][0]["people"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_funnel_goes_from_the_visit_to_the_payment() {
    let server = paying().await;
    let steps = "step=page_view&step=signup&step=fact:first_payment";
    let whole = server.get(&format!("/funnel?{steps}&within=30d")).await;
    assert_eq!(people(&whole), &json!([3, 2, 1]), "Ben's company paid before he signed up: {whole:#}");
    let any = server.get(&format!("/funnel?{steps}&within=30d&order=any")).await;
    assert_eq!(people(&any), &json!([3, 2, 2]), "{any:#}");
    let short = server.get(&format!("/funnel?{steps}&within=2d")).await;
    assert_eq!(people(&short), &json!([3, 2, 0]), "{short:#}");
    let who = server.get(&format!("/people?of=funnel&{steps}&within=30d&at=3")).await;
    assert_eq!(ids(&who), ["ada"], "{who:#}");
    let lost = server.get(&format!("/people?of=funnel&{steps}&within=30d&at=3&dropped=true")).await;
    assert_eq!(ids(&lost), ["ben"], "{lost:#}");

    let team = server.get("/funnel?step=page_view&step=fact:first_payment[plan=Team]&within=30d").await;
    assert_eq!(people(&team), &json!([3, 1]), "{team:#}");
    let ended = server.get("/funnel?step=fact:first_payment&step=fact:churn&within=30d").await;
    assert_eq!(people(&ended), &json!([2, 1]), "{ended:#}");
    let back = server.get("/funnel?step=fact:first_payment&step=report_created&within=30d").await;
    assert_eq!(people(&back), &json!([2, 1]), "{back:#}");
    let (status, error) = server.try_get("/funnel?step=page_view&step=fact:first_paymnt").await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("first_payment"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_the_customer_brings_its_person_to_the_payment() {
    let server = paying().await;
    let paid = "/funnel?step=page_view&step=fact:churn[plan=Team]&within=30d";
    assert_eq!(people(&server.get(paid).await), &json!([3, 1]));
    let event = json!({"event_id": "9", "event": "report_created", "distinct_id": "cleo", "at": "2026-03-14T09:00:00Z",
        "customer_id": "bolt"});
    assert_eq!(server.post("/events", json!({ "events": [event] })).await.0, 200);
    let found = server.get(paid).await;
    assert_eq!(people(&found), &json!([3, 2]), "also for what she did before: {found:#}");
    let cleo = server.get("/persons/cleo").await;
    assert_eq!(cleo["person"]["customer"]["customer_id"], "bolt", "{cleo:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_the_ledger_are_offered_beside_events() {
    let server = paying().await;
    let names = server.get("/events/names").await;
    let all = names["names"].as_array().unwrap();
    let of = |name: &str| all.iter().find(|one| one["event"] == name);
    let signup = of("signup").unwrap();
    assert_eq!((&signup["kind"], &signup["persons"]), (&json!("event"), &json!(2)), "{names:#}");
    let paid = of("fact:first_payment").unwrap();
    assert_eq!((&paid["kind"], &paid["count"], &paid["persons"]), (&json!("fact"), &json!(2), &json!(2)));
    assert_eq!(paid["first_at"], "2026-03-04T10:00:00Z");
    assert_eq!(paid["properties"], json!(["plan", "interval"]));
    assert!(["en", "ru", "zh"].iter().all(|language| paid["label"][language].is_string()), "{paid:#}");
    assert_eq!(of("fact:churn").unwrap()["count"], json!(1));
    assert!(of("fact:renewal").is_none(), "nothing was renewed: {names:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_divide_by_what_was_paid_for_at_the_time() {
    let server = paying().await;
    let march = "from=2026-03-01&to=2026-03-31&grain=range";
    let by = |answer: &Value, dim: &str| -> Vec<(Option<String>, f64)> {
        let all = answer["series"].as_array().unwrap().iter();
        all.map(|one| {
            (one["dimensions"][dim].as_str().map(str::to_owned), one["values"][0].as_f64().unwrap())
        })
        .collect()
    };
    let some = |text: &str| Some(text.to_owned());
    // All three before anybody paid; Ada with two reports on Pro, Ben's sign-up on Team.
    let plans = server.get(&format!("/query?metrics=active_users&by=plan&{march}")).await;
    assert_eq!(by(&plans, "plan"), [(None, 3.0), (some("Pro"), 1.0), (some("Team"), 1.0)], "{plans:#}");
    let bands = server.get(&format!("/query?metrics=active_users&by=mrr_band&{march}&top=1")).await;
    assert_eq!(by(&bands, "mrr_band"), [(None, 3.0)], "{bands:#}");
    assert_eq!(bands["left_out"], json!(2), "{bands:#}");
    let cohorts = server.get(&format!("/query?metrics=events&by=cohort&{march}")).await;
    assert_eq!(by(&cohorts, "cohort"), [(None, 2.0), (some("2026-03"), 6.0)], "{cohorts:#}");
    let filtered = server.get(&format!("/query?metrics=active_users&where=plan:Pro&{march}")).await;
    assert_eq!(filtered["series"][0]["values"], json!([1.0]), "{filtered:#}");
    let (status, error) = server.try_get("/query?metrics=mrr&by=mrr_band").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (400, &json!("unknown_dimension")), "{error:#}");
    let (status, _) = server.try_get(&format!("/query?metrics=mrr&by=plan&{march}&top=1&limit=1")).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_opens_the_people_of_its_own_fact() {
    let server = paying().await;
    let of = async |rest: &str| {
        let answer = server.get(&format!("/people?of=metric&from=2026-03-01&to=2026-03-31&{rest}")).await;
        ids(&answer).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("metric=visitors").await, ["ada", "ben", "cleo"]);
    assert_eq!(of("metric=visitors&by=channel&value=email").await, ["ben", "cleo"]);
    assert_eq!(of("metric=signup_rate").await, ["ada", "ben"], "those who signed up");
    assert_eq!(of("metric=returning_visitors").await, ["cleo"]);
    assert_eq!(of("metric=active_users&by=plan&value=Pro").await, ["ada"]);
    assert_eq!(of("metric=active_users&where=plan:Team").await, ["ben"]);
    assert_eq!(of("metric=active_users&by=plan&none=true").await, ["ada", "ben", "cleo"]);
    assert_eq!(of("metric=active_users&where=person.role:owner").await, ["ada"]);
    assert_eq!(of("metric=dau&period=2026-03-12").await, ["ada"]);
    assert_eq!(of("metric=wau&period=2026-03").await, ["ada", "cleo"], "the seven days to today");
    assert_eq!(of("metric=stickiness&period=2026-03-12").await, ["ada"]);
    assert_eq!(of("metric=trials").await, Vec::<String>::new());
    let (status, error) = server.try_get("/people?of=metric&metric=mrr").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (400, &json!("no_people")), "{error:#}");
    let (status, error) = server.try_get("/people?of=metric&metric=visitrs").await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("visitors"), "{error:#}");
}
