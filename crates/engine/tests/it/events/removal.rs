//! Removal of a person: nothing of theirs is left, whatever cut it off.

use std::path::Path;

use burgeon_engine::events::{DeletedPerson, Removal};
use burgeon_engine::lake::{FaultPoint, Lake};

use super::{batch, cells, content, event, events, failing, links, open, owners, sorted};

/// A text that only the removed person has.
const SECRET: &str = "secret-identifier-of-one-person";

async fn fill(lake: &Lake) -> Vec<super::Event> {
    let all = events(200);
    let theirs = |i: i64| super::Event {
        properties: Some(format!("{{\"note\":\"{SECRET}\"}}")),
        ..event(&format!("{SECRET}-{i}"), "signup", if i % 2 == 0 { SECRET } else { "p005" }, 5000 + i)
    };
    lake.append("events", batch(&all[..100])).await.expect("append");
    lake.append("events", batch(&[theirs(0), theirs(1)])).await.expect("append");
    lake.compact().await.expect("compact");
    lake.append("events", batch(&[theirs(2), theirs(3)])).await.expect("append");
    lake.flush().await.expect("flush");
    lake.append("persons", owners("distinct_id", &[(SECRET, Some("secret@x.io"), Some("cus_1"))]))
        .await
        .expect("p");
    lake.append("identity_links", links(&[("p005", SECRET, "identify", 1, false)])).await.expect("link");
    lake.append("events", batch(&all[100..])).await.expect("append");
    lake.append("events", batch(&[theirs(4), theirs(5)])).await.expect("append");
    all.into_iter().filter(|one| one.who != "p005").collect()
}

/// Removes a person from begin to end.
pub async fn delete(lake: &Lake, identifier: &str) -> Option<DeletedPerson> {
    let removal = lake.events().begin_removal(identifier).await.expect("begun")?;
    Some(carry_out(lake, &removal).await)
}

async fn carry_out(lake: &Lake, removal: &Removal) -> DeletedPerson {
    let done = lake.events().remove(removal).await.expect("removed");
    lake.events().end_removal(removal).await.expect("ended");
    done
}

/// Files under a directory that have the text in their bytes.
fn with_secret(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(with_secret(&path));
            continue;
        }
        let bytes = std::fs::read(&path).expect("readable");
        if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_person_is_gone_everywhere() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let rest = fill(&lake).await;
    let mine = content(&lake).await.len() - rest.len();
    assert!(!with_secret(dir.path()).is_empty());
    assert!(delete(&lake, "nobody at all").await.is_none());
    let before = lake.versions()["events"];
    // By any of their identifiers.
    let done = delete(&lake, "p005").await.expect("known");
    assert_eq!((done.person_id.as_str(), done.identifiers), (SECRET, 2));
    assert_eq!(done.events as usize, mine);
    assert_eq!(done.records, 2, "traits and a link");
    assert_ne!(lake.versions()["events"], before);
    assert_eq!(content(&lake).await, sorted(rest.clone()));
    assert!(lake.events().person(SECRET).await.expect("person").is_none());
    assert!(cells(&lake, "SELECT * FROM persons").await.is_empty());
    assert!(cells(&lake, "SELECT * FROM identity_links").await.is_empty());
    assert_eq!(with_secret(dir.path()), Vec::<String>::new());
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(rest.clone()));
    assert_eq!(with_secret(dir.path()), Vec::<String>::new());
    // Who comes again is somebody new.
    lake.append("events", batch(&[event("back", "signup", "p005", 9)])).await.expect("append");
    assert_eq!(content(&lake).await.len(), rest.len() + 1);
    let person = lake.events().person("p005").await.expect("person").expect("new");
    assert_eq!(person.identifiers.len(), 1);
    assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_cut_off_is_carried_through() {
    for point in [FaultPoint::FilesWritten, FaultPoint::Committed, FaultPoint::Removing] {
        let dir = tempfile::tempdir().expect("tempdir");
        let lake = open(dir.path()).await;
        let rest = fill(&lake).await;
        lake.flush().await.expect("flush");
        drop(lake);
        let lake = failing(dir.path(), point).await;
        let removal = lake.events().begin_removal(SECRET).await.expect("begun").expect("known");
        assert!(lake.events().remove(&removal).await.is_err(), "{point:?}");
        drop(lake);
        let lake = open(dir.path()).await;
        let left = lake.events().removals().expect("notes");
        assert_eq!(left.iter().map(Removal::id).collect::<Vec<_>>(), [removal.id()], "{point:?}");
        carry_out(&lake, &left[0]).await;
        assert!(lake.events().removals().expect("notes").is_empty());
        assert_eq!(content(&lake).await, sorted(rest), "{point:?}");
        lake.vacuum(std::time::Duration::ZERO).await.expect("vacuum");
        assert_eq!(with_secret(dir.path()), Vec::<String>::new(), "{point:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_arrive_meanwhile_are_kept() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let mut rest = fill(&lake).await;
    let more: Vec<_> = (0..200).map(|i| event(&format!("more{i}"), "x", &format!("q{}", i % 9), i)).collect();
    let appending = {
        let (lake, more) = (lake.clone(), more.clone());
        tokio::spawn(async move {
            for part in more.chunks(4) {
                lake.append("events", batch(part)).await.expect("append");
            }
        })
    };
    delete(&lake, SECRET).await.expect("known");
    appending.await.expect("task");
    rest.extend(more);
    assert_eq!(content(&lake).await, sorted(rest.clone()));
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(rest));
}
