//! A progress bar on standard error for long work, when that is a terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use burgeon_server::app::import::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

/// Shows counters until it is dropped.
pub struct Bar {
    bar: ProgressBar,
    watched: JoinHandle<()>,
}

impl Bar {
    /// Shows `progress` under `name`.
    pub fn show(name: String, progress: &Arc<Progress>) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {percent}%  {msg}  {eta}") {
            bar.set_style(style);
        }
        bar.set_prefix(name);
        let watched = {
            let (bar, progress) = (bar.clone(), progress.clone());
            tokio::spawn(async move {
                loop {
                    bar.set_length(progress.total.load(Ordering::Relaxed));
                    bar.set_position(progress.bytes.load(Ordering::Relaxed));
                    let rows = progress.rows.load(Ordering::Relaxed);
                    bar.set_message(match progress.rejected.load(Ordering::Relaxed) {
                        0 => format!("{rows} rows"),
                        rejected => format!("{rows} rows, {rejected} rejected"),
                    });
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        };
        Self { bar, watched }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.watched.abort();
        self.bar.finish_and_clear();
    }
}
