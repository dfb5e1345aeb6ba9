use super::*;

async fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let state = State::open(dir.path().join("state.db")).await.expect("opens");
    (dir, state)
}

fn an_import(id: &str) -> NewImport {
    NewImport {
        import_id: id.into(),
        file: "subs.csv".into(),
        sha256: "ab".repeat(32),
        table: Some("subscription_changes".into()),
        shape: None,
        mapping: serde_json::json!([{"field": "customer_id", "column": "Customer"}]),
    }
}

#[tokio::test]
async fn a_token_is_accepted_until_revoked_and_its_secret_is_not_stored() {
    let (dir, state) = fresh().await;
    assert!(!state.has_tokens().await.unwrap());
    let made = state.create_token("laptop", &[7; 32], 1_000).await.unwrap();
    assert!(state.has_tokens().await.unwrap());
    assert!(made.secret.starts_with("bur_") && made.secret.len() == 68);
    let token = state.verify_token(&made.secret, 2_000).await.unwrap().expect("known");
    assert_eq!((token.name.as_str(), token.token_id.as_str()), ("laptop", made.token_id.as_str()));
    assert!(state.verify_token("bur_00", 2_000).await.unwrap().is_none());
    assert_eq!(state.tokens().await.unwrap()[0].last_used_at, Some(2_000));

    state.revoke_token(&made.token_id, 3_000).await.unwrap();
    state.revoke_token(&made.token_id, 4_000).await.unwrap();
    assert_eq!(state.tokens().await.unwrap()[0].revoked_at, Some(3_000));
    assert!(state.verify_token(&made.secret, 5_000).await.unwrap().is_none());
    assert!(!state.has_tokens().await.unwrap());
    let unknown = state.revoke_token("nobody", 1).await.unwrap_err();
    assert_eq!(unknown.to_string(), "no token with the id nobody");

    state.close().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let secret = made.secret.as_bytes();
        assert!(!bytes.windows(secret.len()).any(|w| w == secret), "the secret is in a file");
    }
}

#[tokio::test]
async fn a_write_key_is_listed_used_and_revoked() {
    let (dir, state) = fresh().await;
    let domains = ["Shop.Example.com".to_owned()];
    let site = state.create_write_key("site", &domains, &[0xab; 16], 1_000).await.unwrap();
    let app = state.create_write_key("app", &[], &[0x01; 16], 2_000).await.unwrap();
    assert_eq!(site.write_key, format!("wk_{}", "ab".repeat(16)));
    assert_eq!(site.domains, ["shop.example.com"]);
    // Keys are unique: the same random bytes twice are an error, not a second owner of one key.
    assert!(state.create_write_key("again", &[], &[0xab; 16], 3_000).await.is_err());
    state.touch_write_key(&app.key_id, 4_000).await.unwrap();
    state.revoke_write_key(&site.key_id, 5_000).await.unwrap();
    assert_eq!(state.revoke_write_key(&site.write_key, 6_000).await.unwrap().revoked_at, Some(5_000));
    let unknown = state.revoke_write_key("wk_nobody", 1).await.unwrap_err();
    assert_eq!(unknown.to_string(), "no write key with the id wk_nobody");
    state.close().await;

    let state = State::open(dir.path().join("state.db")).await.unwrap();
    let keys = state.write_keys().await.unwrap();
    assert_eq!(
        keys,
        [WriteKey { last_used_at: Some(4_000), ..app }, WriteKey { revoked_at: Some(5_000), ..site },]
    );
}

#[tokio::test]
async fn the_ledger_keeps_imports_over_a_restart() {
    let (dir, state) = fresh().await;
    let counts = ImportCounts {
        rows_read: 10,
        taken: 7,
        replaced: 1,
        unchanged: 1,
        rejected: 1,
        missing: 2,
        removed: 3,
        left_out: 4,
    };
    state.begin_import(&an_import("a"), 10).await.unwrap();
    state.progress_import("a", ImportCounts { rows_read: 4, ..Default::default() }).await.unwrap();
    assert_eq!(state.import("a").await.unwrap().counts.rows_read, 4);
    state.finish_import("a", counts, 20).await.unwrap();
    state.begin_import(&an_import("b"), 30).await.unwrap();
    state.fail_import("b", counts, "disk full", 40).await.unwrap();
    // Another content of the same name corrects what was imported; the same content, or an import that failed, does not.
    assert!(state.is_correction("subs.csv", "cd").await.unwrap());
    assert!(!state.is_correction("subs.csv", &"ab".repeat(32)).await.unwrap());
    assert!(!state.is_correction("other.csv", "cd").await.unwrap());
    state.begin_import(&an_import("c"), 50).await.unwrap();
    assert_eq!(state.check().await.unwrap().len(), 1, "an open import is a finding");
    state.close().await;

    let state = State::open(dir.path().join("state.db")).await.unwrap();
    assert_eq!(state.fail_interrupted_imports(60).await.unwrap(), 1);
    assert_eq!(state.check().await.unwrap(), Vec::<String>::new());
    let all = state.imports(10, 0).await.unwrap();
    let states: Vec<_> = all.iter().map(|i| (i.import_id.as_str(), i.state, i.finished_at)).collect();
    let expected = [
        ("c", ImportState::Failed, Some(60)),
        ("b", ImportState::Failed, Some(40)),
        ("a", ImportState::Done, Some(20)),
    ];
    assert_eq!(states, expected);
    assert_eq!(all[2].counts, counts);
    assert_eq!(all[2].mapping, an_import("a").mapping);
    assert_eq!(all[1].error.as_deref(), Some("disk full"));
    assert_eq!(state.imports_of(&"ab".repeat(32)).await.unwrap().len(), 3);
    assert_eq!(state.imports(1, 1).await.unwrap()[0].import_id, "b");
}

#[tokio::test]
async fn a_finished_import_does_not_change_again() {
    let (_dir, state) = fresh().await;
    state.begin_import(&an_import("a"), 10).await.unwrap();
    state.finish_import("a", ImportCounts::default(), 20).await.unwrap();
    assert!(matches!(
        state.finish_import("a", ImportCounts::default(), 30).await,
        Err(StateError::NotFound { .. })
    ));
    assert!(matches!(state.begin_import(&an_import("a"), 10).await, Err(StateError::Query { .. })));
    assert!(matches!(state.import("z").await, Err(StateError::NotFound { .. })));
}

#[tokio::test]
async fn settings_changes_are_audited_together() {
    let (dir, state) = fresh().await;
    let change = |name: &str, after: &str| SettingChange {
        name: name.into(),
        before: None,
        after: Some(after.into()),
    };
    state.audit_settings("cli", &[change("pause", "keep"), change("margin", "0.8")], 5).await.unwrap();
    state.audit("cli", "merge", "c1", &serde_json::json!({"into": "c2"}), 6).await.unwrap();
    let settings = state.audit_log(Some("setting"), 10).await.unwrap();
    assert_eq!(settings.iter().map(|e| e.subject.as_str()).collect::<Vec<_>>(), ["margin", "pause"]);
    assert_eq!(settings[1].detail, serde_json::json!({"before": null, "after": "keep"}));
    assert_eq!(state.audit_log(None, 10).await.unwrap().len(), 3);
    assert_eq!(state.audit_log(None, 1).await.unwrap()[0].action, "merge");
    state.audit("page", "unlink", "ada", &serde_json::json!({"identifier": "anon-1"}), 7).await.unwrap();
    state.audit("page", "unlink", "ben", &serde_json::json!({"identifier": "anon-2"}), 8).await.unwrap();
    assert_eq!(state.forget_in_audit("unlink", &["anon-1", "c1"]).await.unwrap(), 1);
    let unlinked = state.audit_log(Some("unlink"), 10).await.unwrap();
    let told: Vec<_> = unlinked.iter().map(|line| (line.at, line.subject.as_str())).collect();
    assert_eq!(told, [(8, "ben"), (7, "removed")]);
    let stored = ["state.db", "state.db-wal"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
    assert!(stored.iter().all(|bytes| !bytes.windows(6).any(|window| window == b"anon-1")));
}

#[tokio::test]
async fn cursors_and_saved_views() {
    let (_dir, state) = fresh().await;
    assert_eq!(state.cursor("demo", "seed").await.unwrap(), None);
    state.set_cursor("demo", "seed", "1", 1).await.unwrap();
    state.set_cursor("demo", "seed", "2", 2).await.unwrap();
    state.set_cursor("demo", "customers", "20000", 2).await.unwrap();
    assert_eq!(state.cursor("demo", "seed").await.unwrap().as_deref(), Some("2"));
    assert_eq!(
        state.cursors("demo").await.unwrap(),
        [("customers".to_owned(), "20000".to_owned()), ("seed".to_owned(), "2".to_owned())]
    );

    state.save_view("v", "link", "Churn by plan", "metric=churn&by=plan", 1).await.unwrap();
    state.save_view("v", "link", "Churn by country", "metric=churn&by=country", 2).await.unwrap();
    let views = state.saved_views().await.unwrap();
    assert_eq!(views.len(), 1);
    let view = (views[0].name.as_str(), views[0].created_at, views[0].updated_at);
    assert_eq!(view, ("Churn by country", 1, 2));
    state.delete_view("v").await.unwrap();
    assert!(state.delete_view("v").await.is_err());
}

#[tokio::test]
async fn many_writers_wait_for_each_other() {
    let (_dir, state) = fresh().await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let state = state.clone();
            tokio::spawn(async move { state.set_cursor("job", &n.to_string(), "x", n).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(state.cursors("job").await.unwrap().len(), 40);
}

#[tokio::test]
async fn a_damaged_file_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    std::fs::write(&path, "this is no database, but long enough to look like one ".repeat(200)).unwrap();
    let error = State::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("state.db") && error.contains("not a database"), "{error}");

    let missing = State::open(dir.path().join("no/such/folder/state.db")).await.unwrap_err().to_string();
    assert!(missing.contains("Check that the folder exists"), "{missing}");
}
