//! Raw files: kept whole, found again by hash and line.

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
    let sha = raw::put(dir.path(), content.as_slice(), &meta).expect("put");
    assert_eq!(sha.len(), 64);
    assert_eq!(raw::hash(content.as_slice()).expect("hash"), sha);
    assert_eq!(raw::put(dir.path(), content.as_slice(), &meta).expect("put again"), sha);
    let short = &sha[..raw::SHORT];
    assert_eq!(raw::line(dir.path(), short, 1).expect("line"), Some(b"a,b".to_vec()));
    assert_eq!(raw::line(dir.path(), &sha, 3).expect("line"), Some(b"3,4".to_vec()));
    assert_eq!(raw::line(dir.path(), &sha, 4).expect("line"), None);
    assert_eq!(raw::meta(dir.path(), short), Some(meta));
    assert!(raw::line(dir.path(), "0123456789abcdef", 1).is_err());
    assert_eq!(std::fs::read_dir(dir.path().join("raw")).expect("dir").count(), 2);
}
