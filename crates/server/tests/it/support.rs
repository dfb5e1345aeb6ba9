//! A server on a fresh data directory with a fixed clock.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use burgeon_core::time::FixedClock;
use burgeon_server::api::limits::Limits;
use burgeon_server::api::{self, Context};
use burgeon_server::app::secrets::Secrets;
use burgeon_server::app::{OpenOptions, Workspace};
use burgeon_server::auth::Auth;
use burgeon_server::live::Live;
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

/// The moment of all tests.
pub const NOW: &str = "2026-03-15T12:00:00Z";

/// A server and its data directory.
pub struct Server {
    pub router: Router,
    pub workspace: Arc<Workspace>,
    pub folder: TempDir,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Without a token.
    pub async fn start() -> Self {
        Self::with_token(None).await
    }

    /// With the token that requests must carry.
    pub async fn with_token(token: Option<&str>) -> Self {
        Self::with(token, Limits::default()).await
    }

    /// With a token and limits.
    pub async fn with(token: Option<&str>, limits: Limits) -> Self {
        Self::on(tempfile::tempdir().unwrap(), token, limits, &[]).await
    }

    /// Without a token, with settings in force.
    pub async fn with_settings(settings: &[(&str, &str)]) -> Self {
        Self::on(tempfile::tempdir().unwrap(), None, Limits::default(), settings).await
    }

    async fn on(folder: TempDir, token: Option<&str>, limits: Limits, settings: &[(&str, &str)]) -> Self {
        let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = OpenOptions { buckets: Some(4), settings, ..OpenOptions::default() };
        let workspace = Workspace::open(folder.path(), clock, options).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let live = Live::start(workspace.clone(), stopped);
        let context = Context {
            workspace: workspace.clone(),
            auth: Auth::new(token, false),
            live,
            limits,
            secrets: Secrets::new([7; 32]),
        };
        Self { router: api::router(Arc::new(context)), workspace, folder, stop }
    }

    /// The same data directory in a new process, so to speak: nothing is closed before, as after a power cut.
    pub async fn reopen(self) -> Self {
        self.stop.send_replace(true);
        self.workspace.state().close().await;
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        drop(self);
        Self::on(folder, None, Limits::default(), &[]).await
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }

    pub async fn try_get(&self, path: &str) -> (StatusCode, Value) {
        json(self.send(Request::get(format!("/api/v1{path}")).body(Body::empty()).unwrap()).await).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::post(format!("/api/v1{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        json(self.send(request).await).await
    }

    /// Sends a file as a form.
    pub async fn import(&self, name: &str, content: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let edge = "----edge";
        let mut body = String::new();
        for (field, value) in fields {
            body.push_str(&format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(&format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: text/csv\r\n\r\n{content}\r\n--{edge}--\r\n"
        ));
        let request = Request::post("/api/v1/imports")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={edge}"))
            .body(Body::from(body))
            .unwrap();
        json(self.send(request).await).await
    }

    /// Imports a file and waits for its end.
    pub async fn imported(&self, name: &str, content: &str, fields: &[(&str, &str)]) -> Value {
        let (status, started) = self.import(name, content, fields).await;
        assert_eq!(status, 202, "{started:#}");
        let id = started["import_id"].as_str().unwrap().to_owned();
        for _ in 0..600 {
            let status = self.get(&format!("/imports/{id}")).await;
            if status["state"] != "running" {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the import did not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Status and body of an answer.
pub async fn json(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
    let value = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()))
    };
    (status, value)
}

/// Three customers over three months; the plan of one is changed, one leaves.
pub const CHANGES: &str = "\
customer_id,subscription_id,effective_at,status,amount,currency,interval,plan
a,a1,2026-01-05,active,100.00,USD,month,Pro
b,b1,2026-01-10,active,50.00,USD,month,Team
a,a1,2026-02-03,active,130.00,USD,month,Pro
b,b1,2026-02-14,canceled,0,USD,month,Team
c,c1,2026-02-20,active,80.00,USD,month,Team
";
