//! A removed person is gone from every place, and nobody else is.

use crate::support::{Server, json as read};
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use axum::body::Body;
use axum::http::Request;
use burgeon_engine::lake::raw;
use burgeon_server::app::import::ImportOptions;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CSV: &str = "\
who,what,when,note
ada,visit,2026-03-01T10:00:00Z,plain
ben,visit,2026-03-01T11:00:00Z,\"ben's
second line\"
ada,visit,2026-03-01T12:00:00Z,\"ada's
second line
third line\"
ben,signup,2026-03-02T10:00:00Z,
ada,visit,someday,rejected
ben,visit,someday,rejected
";
const MAP: &str = "person=who,event=what,at=when";

async fn delete(server: &Server, who: &str) -> Value {
    let request = Request::delete(format!("/api/v1/persons/{who}")).body(Body::empty()).unwrap();
    let (status, answer) = read(server.send(request).await).await;
    assert_eq!(status, 200, "{answer:#}");
    answer
}

fn kept(folder: &Path) -> Vec<String> {
    raw::kept(folder)
}

fn text(folder: &Path, sha: &str) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut raw::open(folder, sha).unwrap(), &mut text).unwrap();
    text
}

/// Files under the data directory that hold a text, also where it is packed.
fn with(folder: &Path, secret: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(with(&path, secret));
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "lz4") {
            let sha = path.file_stem().unwrap().to_str().unwrap().to_owned();
            bytes = text(folder.parent().unwrap(), &sha).into_bytes();
        }
        if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
            found.push(path);
        }
    }
    found
}

async fn events(server: &Server) -> Vec<Value> {
    server.get("/events/recent?limit=100").await["events"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_kept_file_are_emptied_and_stay_out() {
    let server = Server::start().await;
    let fields = [("table", "events"), ("map", MAP)];
    let first = server.imported("app.csv", CSV, &fields).await;
    assert_eq!((&first["taken"], &first["rejected"]), (&json!(4), &json!(2)), "{first:#}");
    let folder = server.folder.path().to_owned();
    let [sha] = &kept(&folder)[..] else { panic!("one file") };
    let gone = delete(&server, "ada").await;
    let expected = json!({
        "identifiers": 1, "events": 2, "records": 0, "event_files": 1, "source_rows": 3, "source_files": 1,
        "source_files_given_up": 0, "rejects": 1, "audit_lines": 0,
    });
    assert_eq!(gone, expected);
    let after = "\
who,what,when,note

ben,visit,2026-03-01T11:00:00Z,\"ben's
second line\"



ben,signup,2026-03-02T10:00:00Z,

ben,visit,someday,rejected
";
    assert_eq!(text(&folder, sha), after);
    assert_eq!(with(&folder, "ada's"), Vec::<PathBuf>::new());
    assert_eq!(events(&server).await.len(), 2);
    let rejects = server.get("/rejects").await;
    assert_eq!((&rejects["total"], &rejects["rejects"][0]["line"]), (&json!(1), &json!(10)), "{rejects:#}");
    let audit = server.workspace.state().audit_log(Some("delete_person"), 5).await.unwrap();
    assert_eq!((audit.len(), &audit[0].detail["source_rows"]), (1, &json!(3)));
    assert!(server.workspace.doctor().await.unwrap().iter().all(|finding| finding.part != "lake"));

    // The same file brings nobody back, and says so.
    let again = server.imported("app.csv", CSV, &fields).await;
    let told = ["rows_read", "taken", "unchanged", "rejected", "left_out"].map(|name| again[name].clone());
    assert_eq!(told, [json!(6), json!(0), json!(2), json!(1), json!(3)], "{again:#}");
    assert_eq!(text(&folder, sha), after);
    assert_eq!(server.try_get("/persons/ada").await.0, 404);
    let list = server.get("/imports").await;
    assert_eq!(list["imports"][0]["left_out"], json!(3), "the ledger remembers");
    // The rejected row of somebody else is still found at its line.
    let options = json!({"options": {"date": "dmy"}});
    assert_eq!(server.post("/rejects/replay", options).await.1["still_rejected"], json!(1));
    // Another file is another matter: who is in it is somebody new.
    let other = "who,what,when,note\nada,visit,2026-03-05T10:00:00Z,new\n";
    assert_eq!(server.imported("other.csv", other, &fields).await["taken"], json!(1));
    assert_eq!(server.get("/persons/ada").await["person"]["events"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_identifiers_count_and_only_whole_ones() {
    let server = Server::start().await;
    let segment = [
        json!({"type": "track", "event": "Open", "userId": "7", "anonymousId": "a-7", "messageId": "m1",
               "timestamp": "2026-03-01T10:00:00Z"}),
        json!({"type": "page", "anonymousId": "a-7", "messageId": "m2", "timestamp": "2026-03-01T09:00:00Z"}),
        json!({"type": "track", "event": "Open", "userId": "77", "messageId": "m3",
               "properties": {"n": 7, "who": "7"}, "timestamp": "2026-03-01T10:00:00Z"}),
    ];
    let lines: Vec<String> = segment.iter().map(Value::to_string).collect();
    let content = format!("{}\n", lines.join("\n"));
    let first = server.imported("segment.jsonl", &content, &[]).await;
    assert_eq!(first["state"], "done", "{first:#}");
    let mails = "distinct_id,email\n7,seven@x.test\n77,seventy@x.test\n";
    server.imported("people.csv", mails, &[("table", "persons")]).await;
    let customers = "customer_id,email\nc7,seven@x.test\n";
    server.imported("customers.csv", customers, &[("table", "customers")]).await;
    // Rows of clients that nobody could read: by identifier, by mail, of somebody else.
    let broken = ["7", "77"].map(|who| json!({"event": "x", "distinct_id": who, "at": "someday"}));
    let mail = json!({"event": "x", "mail": "Seven@x.test"});
    let sent = json!({"events": [broken[0], broken[1], mail]});
    assert_eq!(server.post("/events", sent).await.0, 200);
    let waiting = server.get("/rejects").await["total"].as_u64().unwrap();

    let gone = delete(&server, "a-7").await;
    assert_eq!((&gone["identifiers"], &gone["source_rows"]), (&json!(2), &json!(3)), "{gone:#}");
    assert_eq!((&gone["source_files"], &gone["source_files_given_up"]), (&json!(2), &json!(0)));
    assert_eq!(gone["rejects"], json!(2), "{gone:#}");
    assert_eq!(server.get("/rejects").await["total"], json!(waiting - 2));
    let folder = server.folder.path();
    let texts: Vec<String> = kept(folder).iter().map(|sha| text(folder, sha)).collect();
    assert!(texts.contains(&format!("\n\n{}\n", lines[2])), "{texts:?}");
    assert!(texts.contains(&"distinct_id,email\n\n77,seventy@x.test\n".to_owned()), "{texts:?}");
    assert!(texts.contains(&customers.to_owned()), "billing stays: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_lines_is_given_up_and_says_so() {
    let server = Server::start().await;
    let folder = server.folder.path();
    let event = |id: &str, who: &str| json!({"event_id": id, "event": "visit", "distinct_id": who, "at": "2026-03-01"});
    let events = json!([event("1", "ada"), event("2", "ben"), event("3", "ada")]).to_string();
    let import = || async { server.imported("events.json", &events, &[("table", "events")]).await };
    assert_eq!(import().await["taken"], json!(3));
    // Text in units of two bytes has lines that no other program finds.
    let people = "distinct_id,email\nada,a@x.test\nben,b@x.test\n";
    let path = folder.join("people.csv");
    let units = people.encode_utf16().flat_map(u16::to_le_bytes);
    std::fs::write(&path, [0xff, 0xfe].into_iter().chain(units).collect::<Vec<u8>>()).unwrap();
    let mut options = ImportOptions::default();
    options.set("table", "persons").unwrap();
    server.workspace.import_file(&path, &options, &Arc::default()).await.unwrap();

    let gone = delete(&server, "ada").await;
    let told = ["source_rows", "source_files", "source_files_given_up"].map(|name| gone[name].clone());
    assert_eq!(told, [json!(3), json!(2), json!(2)], "{gone:#}");
    assert!(kept(folder).iter().all(|sha| raw::open(folder, sha).is_err()));
    // The record of somebody else stays, and says since when its source is gone.
    let rows = server.workspace.lake().entity("persons", "ben").unwrap();
    let ben = rows.iter().find(|batch| batch.num_rows() > 0).unwrap();
    let key = ben.column_by_name("_key").unwrap().as_primitive::<UInt64Type>().value(0);
    let record = server.get(&format!("/records/persons/ben/{key}")).await;
    assert_eq!(record["source"]["removed_at"], json!("2026-03-15T12:00:00Z"), "{record:#}");
    assert_eq!((&record["source"]["raw"], &record["source"]["line"]), (&Value::Null, &json!(3)));
    let again = import().await;
    let told = ["taken", "unchanged", "left_out"].map(|name| again[name].clone());
    assert_eq!(told, [json!(0), json!(1), json!(2)], "{again:#}");
    assert!(server.workspace.doctor().await.unwrap().iter().all(|finding| finding.part != "lake"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_cut_off_is_carried_through_everywhere() {
    let server = Server::start().await;
    server.imported("app.csv", CSV, &[("table", "events"), ("map", MAP)]).await;
    // Cut off right after it was noted, and again with the kept file done and nothing else.
    let begun = server.workspace.lake().events().begin_removal("ada").await.unwrap().unwrap();
    let server = server.reopen().await;
    let folder = server.folder.path();
    assert_eq!(with(folder, "ada's"), Vec::<PathBuf>::new());
    assert_eq!(server.try_get("/persons/ada").await.0, 404);
    let audit = server.workspace.state().audit_log(Some("delete_person"), 5).await.unwrap();
    assert_eq!((audit.len(), &audit[0].detail["removal"]), (1, &json!(begun.id())));
    assert_eq!((&audit[0].detail["source_rows"], &audit[0].actor[..]), (&json!(3), "start"));
    assert!(server.workspace.lake().events().removals().unwrap().is_empty());

    let begun = server.workspace.lake().events().begin_removal("ben").await.unwrap().unwrap();
    let [sha] = &kept(folder)[..] else { panic!("one file") };
    let rows = raw::Taken { removal: begun.id().into(), at: 1, lines: vec![(3, 4), (8, 8), (10, 10)] };
    raw::take_out(folder, sha, &rows, Some(b'\n')).unwrap();
    let server = server.reopen().await;
    let audit = server.workspace.state().audit_log(Some("delete_person"), 5).await.unwrap();
    assert_eq!(
        (audit.len(), &audit[0].detail["source_rows"]),
        (2, &json!(3)),
        "counted although it was done before"
    );
    assert_eq!(with(server.folder.path(), "ben's"), Vec::<PathBuf>::new());
}
