//! Puts the workspace on a port until it is told to stop.

use crate::api::limits::Limits;
use crate::api::{self, Context};
use crate::app::secrets::Secrets;
use crate::app::{Error, Kind, Result, Workspace};
use crate::auth::Auth;
use crate::live::Live;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests may last after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen; `127.0.0.1:8090` by default.
    pub listen: SocketAddr,
    /// A token that every request must carry; needed where other machines can reach the address.
    pub token: Option<String>,
    /// How often something happens in a demo company; never when `None`.
    pub demo_pace: Option<Duration>,
    /// Whether maintenance (flush, compaction) runs beside.
    pub maintenance: bool,
    /// Random bytes of the system, from which write keys and salts are drawn.
    pub seed: [u8; 32],
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            token: None,
            demo_pace: None,
            maintenance: true,
            seed: [0; 32],
        }
    }
}

/// A server that has its port and waits for [`Server::run`].
#[derive(Debug)]
pub struct Server {
    workspace: Arc<Workspace>,
    listener: TcpListener,
    context: Arc<Context>,
    stop: watch::Sender<bool>,
    address: SocketAddr,
    options: ServeOptions,
}

impl Server {
    /// Takes the port. Refused: an address that others can reach without a token, a port in use.
    pub async fn bind(workspace: Arc<Workspace>, options: &ServeOptions) -> Result<Self> {
        let auth = Auth::new(options.token.as_deref(), workspace.has_tokens().await?);
        auth.check_address(options.listen)?;
        let listener =
            TcpListener::bind(options.listen).await.map_err(|error| unbound(options.listen, &error))?;
        let address = listener.local_addr().map_err(|error| unbound(options.listen, &error))?;
        let (stop, stopped) = watch::channel(false);
        let live = Live::start(workspace.clone(), stopped);
        let context = Arc::new(Context {
            workspace: workspace.clone(),
            auth,
            live,
            limits: Limits::default(),
            secrets: Secrets::new(options.seed),
        });
        Ok(Self { workspace, listener, context, stop, address, options: options.clone() })
    }

    /// The address that was taken; the port is known even when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then ends open requests, flushes the log and closes the state.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let Self { workspace, listener, context, stop, address, options } = self;
        let mut jobs = Vec::new();
        if options.maintenance {
            jobs.push(tokio::spawn(crate::app::jobs::maintain(workspace.clone(), stop.subscribe())));
        }
        if let Some(pace) = options.demo_pace {
            jobs.push(tokio::spawn(workspace.clone().live_demo(pace, stop.subscribe())));
        }
        tracing::info!(%address, "serving");
        let (asked, mut grace) = (stop.clone(), stop.subscribe());
        let router = api::router(context).into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, router).with_graceful_shutdown(async move {
            shutdown.await;
            // Ends the event streams and the jobs as well.
            asked.send_replace(true);
        });
        let ended = tokio::select! {
            ended = served.into_future() => ended,
            () = async {
                let _ = grace.wait_for(|stop| *stop).await;
                tokio::time::sleep(GRACE).await;
            } => {
                tracing::warn!("requests were still open after {} seconds and were ended", GRACE.as_secs());
                Ok(())
            }
        };
        stop.send_replace(true);
        for job in jobs {
            if let Err(error) = job.await {
                tracing::error!("a job ended badly: {error}");
            }
        }
        workspace.close().await?;
        tracing::info!("stopped");
        ended.map_err(|error| Error::internal(format!("serving on {address} failed: {error}")))
    }
}

/// [`Server::bind`] and [`Server::run`] in one.
pub async fn serve(
    workspace: Arc<Workspace>,
    options: &ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Server::bind(workspace, options).await?.run(shutdown).await
}

fn unbound(address: SocketAddr, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(Kind::Conflict, "port_in_use", format!("port {} is in use", address.port())).mend(
                format!(
                    "stop the other process, or choose another port with `--listen {}:{}`",
                    address.ip(),
                    address.port().wrapping_add(1)
                ),
            )
        }
        std::io::ErrorKind::PermissionDenied => {
            Error::new(Kind::Invalid, "port_forbidden", format!("listening on {address} is not allowed"))
                .mend("choose a port above 1023")
        }
        _ => Error::new(Kind::Invalid, "bad_address", format!("cannot listen on {address}: {error}"))
            .mend("choose an address of this machine"),
    }
    .param("listen")
}
