//! Request bodies as the official clients send them, written down from their code, and what must come of them.

mod hostile;
mod plausible_mixpanel_own;
mod posthog;
mod segment;

use std::sync::LazyLock;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use burgeon_connectors::intake::{Context, Parsed, Protocol, parse};
use burgeon_core::behaviour::channel::ChannelRules;

/// 2026-03-01T12:00:00Z.
pub const NOW: i64 = 1_772_366_400_000_000;
pub const SECOND: i64 = 1_000_000;

pub const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

/// Channels for tests.
pub static FEW: LazyLock<ChannelRules> = LazyLock::new(|| {
    let text = r#"
        channel = [
          { name = "paid_search", when = [{ click_id = "gclid" }] },
          { name = "email", when = [{ medium = "email" }] },
          { name = "organic_search", when = [{ referrer = "google.*" }] },
          { name = "direct", when = [{ source = "", medium = "", referrer = "" }] },
          { name = "referral" },
        ]"#;
    ChannelRules::parse(text, "channels.toml").unwrap()
});

pub fn server() -> Context<'static> {
    Context { user_agent: "analytics-node/3.1.0", channels: Some(&FEW), ..Context::new(NOW) }
}

pub fn browser() -> Context<'static> {
    Context {
        user_agent: CHROME,
        country: "de",
        address: "203.0.113.9",
        salt: b"today",
        channels: Some(&FEW),
        ..Context::new(NOW)
    }
}

pub fn read(protocol: Protocol, body: &str, context: &Context<'_>) -> Parsed {
    let parsed = parse(protocol, body.as_bytes(), context).unwrap();
    let taken = parsed.events.num_rows() + parsed.rejects.len();
    assert!(taken <= parsed.items, "{taken} of {}", parsed.items);
    parsed
}

/// The rows of a batch as `column=value` without empty ones; times as seconds before [`NOW`].
pub fn show(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| {
            let schema = batch.schema();
            let cells = schema.fields().iter().zip(batch.columns()).filter_map(|(field, column)| {
                if column.is_null(row) || field.name() == "received_at" {
                    return None;
                }
                let value = match column.as_string_view_opt() {
                    Some(texts) => texts.value(row).to_owned(),
                    None => {
                        let at = column.as_primitive::<TimestampMicrosecondType>().value(row);
                        format!("{}s", (at - NOW) as f64 / SECOND as f64)
                    }
                };
                Some(format!("{}={value}", field.name()))
            });
            cells.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

pub fn reasons(parsed: &Parsed) -> Vec<String> {
    parsed.rejects.iter().map(|reject| format!("{}: {}", reject.index, reject.reason)).collect()
}
