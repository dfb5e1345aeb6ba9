//! Raw files: kept whole, found again by hash and line.

use std::io::Read;
use std::path::Path;

use burgeon_engine::lake::raw::{self, RawMeta, Taken};

#[test]
fn a_kept_file_gives_its_lines_back() {
    let dir = tempfile::tempdir().expect("tempdir");
    let meta = RawMeta {
        name: "subs.csv".into(),
        table: "subscription_changes".into(),
        mapping: serde_json::json!({"customer_id": "Customer"}),
        imported_at: 5,
    };
    let content = b"a,b\r\n1,2\n3,4".to_vec();
    let known = raw::content(content.as_slice()).expect("content");
    assert_eq!((known.sha256.len(), known.bytes), (64, content.len() as u64));
    for _ in 0..2 {
        assert!(raw::keep(dir.path(), content.as_slice(), &known, &meta).expect("keep"));
    }
    let sha = known.sha256.clone();
    let short = &sha[..raw::SHORT];
    assert_eq!(raw::line(dir.path(), short, 1).expect("line"), Some(b"a,b".to_vec()));
    assert_eq!(raw::line(dir.path(), &sha, 3).expect("line"), Some(b"3,4".to_vec()));
    assert_eq!(raw::line(dir.path(), &sha, 4).expect("line"), None);
    assert_eq!(raw::meta(dir.path(), short), Some(meta.clone()));
    assert!(raw::line(dir.path(), "0123456789abcdef", 1).is_err());
    let files = || std::fs::read_dir(dir.path().join("raw")).expect("dir").count();
    assert_eq!(files(), 2);
    // A file that was written to since it was looked at is not kept under the name of what it was.
    for other in [&b"a,b\r\n1,2\n3,5"[..], b"a,b\r\n1,2\n3,4\n", b""] {
        assert!(!raw::keep(dir.path(), other, &known, &meta).expect("keep"));
    }
    assert_eq!(files(), 2);
    assert_eq!(raw::line(dir.path(), &sha, 3).expect("line"), Some(b"3,4".to_vec()));
}

fn about() -> RawMeta {
    RawMeta { name: "a".into(), table: String::new(), mapping: serde_json::Value::Null, imported_at: 0 }
}

fn whole(data: &Path, sha: &str) -> Vec<u8> {
    let mut back = Vec::new();
    raw::open(data, sha).expect("open").read_to_end(&mut back).expect("read");
    back
}

fn taken(removal: &str, lines: &[(u64, u64)]) -> Taken {
    Taken { removal: removal.into(), at: 7, lines: lines.to_vec() }
}

#[test]
fn lines_are_taken_out_and_all_others_stay_where_they_were() {
    let dir = tempfile::tempdir().expect("tempdir");
    let data = dir.path();
    let mut content = Vec::new();
    // Longer than a piece and than what is unpacked at once.
    for line in 1..=60_000u64 {
        content.extend_from_slice(format!("{line},{}\r\n", "x".repeat(line as usize % 50)).as_bytes());
    }
    content.extend_from_slice(b"last");
    let known = raw::content(content.as_slice()).expect("content");
    assert!(raw::keep(data, content.as_slice(), &known, &about()).expect("keep"));
    let sha = known.sha256.as_str();
    assert_eq!(raw::removed(data, sha).expect("note"), None);
    let gone = [(1, 1), (777, 790), (60_001, u64::MAX)];
    raw::take_out(data, sha, &taken("one", &gone), Some(b'\n')).expect("taken out");
    let back = whole(data, sha);
    let after: Vec<&[u8]> = back.split(|byte| *byte == b'\n').collect();
    let before: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
    assert_eq!(after.len(), before.len());
    for (index, (after, before)) in after.iter().zip(&before).enumerate() {
        let line = index as u64 + 1;
        let out = gone.iter().any(|(first, last)| (*first..=*last).contains(&line));
        assert_eq!(*after, if out { &b""[..] } else { *before }, "line {line}");
    }
    let note = raw::removed(data, sha).expect("note").expect("note");
    assert_eq!((note.at(776), note.at(777), note.at(790), note.at(791)), (None, Some(7), Some(7), None));
    assert_eq!((note.rows("one"), note.rows("two"), note.given_up()), (3, 0, None));
    assert_eq!(raw::verify(data).expect("verify"), []);
    // The same content again does not bring them back.
    assert!(raw::keep(data, content.as_slice(), &known, &about()).expect("keep"));
    assert!(whole(data, sha) == back);
    assert!(!raw::keep(data, &content[1..], &known, &about()).expect("keep"));
    // A removal that was cut off and is repeated is one; another is one more.
    raw::take_out(data, sha, &taken("one", &gone[..2]), Some(b'\n')).expect("again");
    assert!(whole(data, sha) == back);
    raw::take_out(data, sha, &taken("two", &[(3, 3)]), Some(b'\n')).expect("taken out");
    let note = raw::removed(data, sha).expect("note").expect("note");
    assert_eq!((note.rows("one"), note.rows("two")), (3, 1));
    assert_eq!(raw::line(data, sha, 3).expect("line"), Some(Vec::new()));
    assert_eq!(raw::verify(data).expect("verify"), []);
}

#[test]
fn a_file_without_lines_is_given_up_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let data = dir.path();
    let content = b"PAR1 and the like".to_vec();
    let known = raw::content(content.as_slice()).expect("content");
    assert!(raw::keep(data, content.as_slice(), &known, &about()).expect("keep"));
    let sha = known.sha256.as_str();
    for _ in 0..2 {
        raw::take_out(data, sha, &taken("one", &[(5, 5)]), None).expect("given up");
    }
    let note = raw::removed(data, sha).expect("note").expect("note");
    assert_eq!((note.given_up(), note.at(5), note.at(6)), (Some(7), Some(7), None));
    assert!(raw::open(data, sha).is_err());
    assert_eq!(raw::resolve(data, &sha[..raw::SHORT]).as_deref(), Some(sha), "what it was is still known");
    assert_eq!(raw::meta(data, sha), Some(about()));
    assert!(raw::keep(data, content.as_slice(), &known, &about()).expect("keep"));
    assert!(raw::open(data, sha).is_err(), "importing it again does not keep it");
    assert_eq!(raw::verify(data).expect("verify"), []);
}

#[test]
fn a_kept_file_that_is_not_what_it_should_be_is_found() {
    let dir = tempfile::tempdir().expect("tempdir");
    let data = dir.path();
    let [one, two] = [b"one\n", b"two\n"].map(|content| {
        let known = raw::content(content.as_slice()).expect("content");
        assert!(raw::keep(data, content.as_slice(), &known, &about()).expect("keep"));
        known.sha256
    });
    let path = |sha: &str| data.join("raw").join(format!("{sha}.lz4"));
    std::fs::copy(path(&one), path(&two)).expect("copy");
    let wrong = raw::verify(data).expect("verify");
    assert_eq!(wrong.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), [path(&two)]);
    std::fs::write(path(&one), b"no frame").expect("write");
    assert_eq!(raw::verify(data).expect("verify").len(), 2);
}

#[test]
fn a_file_of_many_pieces_comes_back_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let meta = about();
    let mut content = Vec::new();
    for line in 0..400_000u64 {
        content.extend_from_slice(format!("{line},{}\n", line * 7919 % 1_000_003).as_bytes());
    }
    let known = raw::content(content.as_slice()).expect("content");
    assert!(raw::keep(dir.path(), content.as_slice(), &known, &meta).expect("keep"));
    assert!(whole(dir.path(), &known.sha256) == content);
}

#[tokio::test]
async fn what_an_earlier_version_packed_with_zstd_is_packed_anew() {
    let dir = tempfile::tempdir().expect("tempdir");
    let raw_dir = dir.path().join("raw");
    std::fs::create_dir_all(&raw_dir).expect("dir");
    let content = b"a,b\n1,2\n".repeat(100_000);
    let sha = raw::content(content.as_slice()).expect("content").sha256;
    let old = raw_dir.join(format!("{sha}.zst"));
    std::fs::write(&old, zstd::encode_all(content.as_slice(), 3).expect("pack")).expect("write");
    std::fs::write(raw_dir.join("tmp-1-1.part"), b"half").expect("write");
    drop(super::open(dir.path()).await);
    assert!(whole(dir.path(), &sha) == content);
    assert_eq!(raw::verify(dir.path()).expect("verify"), []);
    assert_eq!(std::fs::read_dir(&raw_dir).expect("dir").count(), 1);
}
