//! Raw files: kept whole, found again by hash and line.

use std::io::Read;

use burgeon_engine::lake::raw::{self, RawMeta};

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

#[test]
fn a_file_of_many_pieces_comes_back_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let meta =
        RawMeta { name: "a".into(), table: String::new(), mapping: serde_json::Value::Null, imported_at: 0 };
    let mut content = Vec::new();
    for line in 0..400_000u64 {
        content.extend_from_slice(format!("{line},{}\n", line * 7919 % 1_000_003).as_bytes());
    }
    let known = raw::content(content.as_slice()).expect("content");
    assert!(raw::keep(dir.path(), content.as_slice(), &known, &meta).expect("keep"));
    let mut back = Vec::new();
    raw::open(dir.path(), &known.sha256).expect("open").read_to_end(&mut back).expect("read");
    assert!(back == content);
}
