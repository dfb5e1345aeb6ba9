//! `burgeon serve`: the page and the API.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use burgeon_server::app::Workspace;
use burgeon_server::{ServeOptions, Server};
use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    listen: Listen,
}

/// Where and for whom to listen.
#[derive(Debug, Args)]
pub struct Listen {
    /// Address and port; an address that other machines reach needs a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Token that the page and the API ask for
    #[arg(long, value_name = "TOKEN", env = "BURGEON_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

impl Serve {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open().await?;
        self.listen.serve(workspace, None).await
    }
}

impl Listen {
    /// Takes the port, prints the address, and serves until the process is asked to stop. In a demo company
    /// something happens every `demo_pace`.
    pub async fn serve(
        self,
        workspace: Arc<Workspace>,
        demo_pace: Option<Duration>,
    ) -> Result<ExitCode, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(Failure::Random)?;
        let options = ServeOptions {
            listen: self.listen,
            token: self.token,
            demo_pace,
            seed,
            ..ServeOptions::default()
        };
        let server = Server::bind(workspace, &options).await?;
        eprintln!("Burgeon is at http://{}  (Ctrl-C stops it)", server.address());
        server.run(stopped()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Ready when the process is asked to stop: Ctrl-C or the service manager.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
