//! What is wrong is said, and nothing is lost.

use crate::support::{CHANGES, NOW, Server};
use burgeon_core::time::FixedClock;
use burgeon_server::app::{Kind, OpenOptions, Workspace};
use burgeon_server::{ServeOptions, Server as Listening};
use std::path::Path;
use std::sync::Arc;

async fn open(folder: &Path) -> Result<Arc<Workspace>, burgeon_server::app::Error> {
    let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
    Workspace::open(folder, clock, OpenOptions { buckets: Some(2), ..OpenOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_who_holds_the_directory() {
    let server = Server::start().await;
    let error = open(server.folder.path()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy, "{error}");
    assert!(error.message.contains("in use by another process"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_files_are_named_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("burgeon.toml"), "name = \"x\"\ncurency = \"USD\"\n").unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.message.contains("burgeon.toml:2") && error.message.contains("currency"), "{error}");

    std::fs::remove_file(folder.path().join("burgeon.toml")).unwrap();
    let metrics = folder.path().join("definitions/metrics/own");
    std::fs::create_dir_all(&metrics).unwrap();
    std::fs::write(
        metrics.join("mine.md"),
        "---\nname: mine\ntype: ratio\nnumerator: mmr\ndenominator: customers\nunit: money\nbetter: higher\nlabel: Mine\n---\nMine.\n",
    )
    .unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.message.contains("mine.md:4") && error.message.contains("mrr"), "{error}");
    let options = OpenOptions { tolerant: true, buckets: Some(2), ..OpenOptions::default() };
    let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
    let workspace = Workspace::open(folder.path(), clock, options).await.unwrap();
    let findings = workspace.doctor().await.unwrap();
    assert!(findings.iter().any(|f| f.part == "definitions" && f.text.contains("mine.md")), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = open(folder.path()).await.unwrap();
    let row = serde_json::json!({"customer_id": "a", "subscription_id": "a1", "effective_at": "2026-01-05",
        "status": "active", "amount": "10", "currency": "USD", "interval": "month"});
    workspace.write("subscription_changes", vec![row]).await.unwrap();
    workspace.state().close().await;
    // No flush: the intake log alone must carry it.
    drop(workspace);
    let workspace = open(folder.path()).await.unwrap();
    let info = workspace.info().await.unwrap();
    assert_eq!(info.tables["subscription_changes"], 1);
    assert!(workspace.doctor().await.unwrap().iter().all(|finding| !finding.severe));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_and_an_open_address_are_refused_with_the_mend() {
    let server = Server::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ServeOptions { listen: taken.local_addr().unwrap(), ..ServeOptions::default() };
    let error = Listening::bind(server.workspace.clone(), &options).await.unwrap_err();
    assert_eq!(error.code, "port_in_use");
    assert!(error.to_string().contains("--listen"), "{error}");
    let options = ServeOptions { listen: "0.0.0.0:0".parse().unwrap(), ..ServeOptions::default() };
    let error = Listening::bind(server.workspace.clone(), &options).await.unwrap_err();
    assert_eq!(error.code, "token_needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stops_when_it_is_told_although_pages_listen() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let workspace = open(folder.path()).await.unwrap();
    let options = ServeOptions { listen: "127.0.0.1:0".parse().unwrap(), ..ServeOptions::default() };
    let server = Listening::bind(workspace, &options).await.unwrap();
    let address = server.address();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        let _ = told.await;
    }));
    let mut page = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\n\r\n");
    page.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = [0; 2048];
    let read = page.read(&mut buffer).await.unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).contains("200 OK"));
    tell.send(()).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(8), running).await.unwrap().unwrap().unwrap();
    assert!(open(folder.path()).await.is_ok(), "the directory is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_rows_are_replayed_after_the_mend() {
    let server = Server::start().await;
    let content = format!("{CHANGES}d,d1,05/02/2026,active,10.00,USD,month,Pro\n");
    let fields = [("table", "subscription_changes"), ("date", "dmy")];
    let done = server.imported("subs.csv", &content, &fields).await;
    let rejected = done["rejected"].as_u64().unwrap();
    let (status, replayed) = server.post("/rejects/replay", serde_json::json!({})).await;
    assert_eq!(status, 200, "{replayed:#}");
    assert_eq!(replayed["read"].as_u64().unwrap(), rejected, "{replayed:#}");
}
