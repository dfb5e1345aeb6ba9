//! Which figures changed, pushed to every open page within a second.

use crate::app::Workspace;
use crate::app::live::Change;
use axum::response::sse::Event;
use futures::{Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

/// How long changes are gathered before they are told, so that a burst of writes is one event.
const GATHER: Duration = Duration::from_millis(200);

/// Hands changes of the lake to the open pages.
#[derive(Debug, Clone)]
pub struct Live {
    changes: broadcast::Sender<Arc<Change>>,
    stop: watch::Receiver<bool>,
}

impl Live {
    /// Starts to listen to the lake; ends when `stop` becomes true.
    pub fn start(workspace: Arc<Workspace>, stop: watch::Receiver<bool>) -> Self {
        let (changes, _) = broadcast::channel(256);
        let live = Self { changes: changes.clone(), stop: stop.clone() };
        let mut source = workspace.subscribe();
        let mut stop = stop;
        tokio::spawn(async move {
            loop {
                let first = tokio::select! {
                    first = source.recv() => first,
                    _ = stop.wait_for(|stop| *stop) => return,
                };
                let mut gathered = crate::app::live::Gathered::default();
                match first {
                    Ok(changed) => gathered.add(&changed),
                    Err(broadcast::error::RecvError::Lagged(_)) => gathered.everything(),
                    Err(broadcast::error::RecvError::Closed) => return,
                }
                tokio::time::sleep(GATHER).await;
                loop {
                    match source.try_recv() {
                        Ok(changed) => gathered.add(&changed),
                        Err(broadcast::error::TryRecvError::Lagged(_)) => gathered.everything(),
                        Err(_) => break,
                    }
                }
                // Nobody listening is no failure.
                let _ = changes.send(Arc::new(workspace.change(&gathered)));
            }
        });
        live
    }

    /// The events for one page: `hello`, then `change` whenever figures changed, until the server stops.
    pub fn events(&self, hello: Event) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        let changes = BroadcastStream::new(self.changes.subscribe()).map(|change| match change {
            Ok(change) => event("change", &*change),
            // A page that fell behind reads everything anew.
            Err(BroadcastStreamRecvError::Lagged(_)) => Event::default().event("lagged").data("{}"),
        });
        let stopped = WatchStream::new(self.stop.clone()).filter(|stop| futures::future::ready(*stop));
        futures::stream::once(async { hello }).chain(changes).take_until(stopped.into_future()).map(Ok)
    }
}

/// An event with a JSON body.
pub fn event<T: serde::Serialize>(name: &str, body: &T) -> Event {
    match Event::default().event(name).json_data(body) {
        Ok(event) => event,
        Err(error) => Event::default().event("error").data(error.to_string()),
    }
}
