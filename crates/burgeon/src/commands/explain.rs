//! `burgeon explain`: why a metric changed.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use burgeon_server::app::explain::{Explained, Node, Request, SplitRow};
use clap::Args;

use crate::cli::{Format, Global, Slice};
use crate::failure::Failure;
use crate::output::{self, Rows, figure};

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// Name of the metric
    metric: String,
    /// Period, such as 2019-12 or 2019-Q4
    #[arg(long)]
    period: String,
    /// Period to compare with (default: the one before)
    #[arg(long, value_name = "PERIOD")]
    against: Option<String>,
    /// Dimensions to split the change by, separated by commas (default: the metric's usual ones)
    #[arg(long, value_name = "DIM,…", value_delimiter = ',')]
    by: Vec<String>,
    #[command(flatten)]
    slice: Slice,
}

impl Explain {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let request = Request {
            metric: self.metric,
            period: self.period,
            against: self.against,
            by: self.by,
            filters: self.slice.filters()?,
            currency: self.slice.currency,
        };
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let explained = workspace.explain(&request).await?;
        workspace.close().await?;
        if global.format == Format::Table {
            print(&explained)?;
        } else {
            splits(&explained).print(global.format, &explained)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The whole answer for reading: the change, the formula with its parts, one table for each dimension.
fn print(explained: &Explained) -> Result<(), Failure> {
    let unit = explained.unit.as_str();
    let change = signed(explained.change, unit);
    let mut text = format!(
        "{} {}: {} → {} ({change} against {})\n\n",
        explained.metric,
        explained.period,
        figure(explained.before, unit),
        figure(explained.after, unit),
        explained.against,
    );
    tree(&explained.tree, unit, 0, &mut text);
    output::print(&text)?;
    for split in &explained.by {
        output::print(&format!("\nby {}\n", split.dimension))?;
        let mut rows = Rows::new([split.dimension.as_str(), "before", "after", "change", "mix", "rate"]);
        for row in &split.rows {
            rows.push([
                named(row),
                figure(row.before, unit),
                figure(row.after, unit),
                signed(row.change, unit),
                signed(row.mix, unit),
                signed(row.rate, unit),
            ]);
        }
        rows.print(Format::Table, &())?;
        output::print(&format!("sum of mix and rate: {}\n", signed(split.sum, unit)))?;
    }
    for release in &explained.releases {
        output::print(&format!("\n{} {} ({})\n", release.at, release.name, release.kind))?;
    }
    Ok(())
}

/// A node and its parts, indented, each with its part of the whole change.
fn tree(node: &Node, whole: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    text.push_str(&format!(
        "{indent}{}: {} → {}  contributes {}\n",
        node.metric,
        figure(node.before, &node.unit),
        figure(node.after, &node.unit),
        signed(node.contribution.or((depth == 0).then_some(node.change).flatten()), whole),
    ));
    for child in &node.children {
        tree(child, whole, depth + 1, text);
    }
}

/// What a row of a split stands for.
fn named(row: &SplitRow) -> String {
    match (row.kind.as_str(), &row.value) {
        ("value", Some(value)) => value.clone(),
        ("value", None) => "(none)".to_owned(),
        (kind, _) => format!("({kind})"),
    }
}

/// All splits under each other, for CSV.
fn splits(explained: &Explained) -> Rows {
    let mut rows = Rows::new(["dimension", "value", "before", "after", "change", "mix", "rate"]);
    let plain = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for split in &explained.by {
        for row in &split.rows {
            rows.push([
                split.dimension.clone(),
                if row.kind == "value" {
                    row.value.clone().unwrap_or_default()
                } else {
                    format!("({})", row.kind)
                },
                plain(row.before),
                plain(row.after),
                plain(row.change),
                plain(row.mix),
                plain(row.rate),
            ]);
        }
    }
    rows
}

/// A figure with its sign; a change of a percentage is in points.
fn signed(value: Option<f64>, unit: &str) -> String {
    let plus = value.is_some_and(|v| v > 0.0);
    let text = match (unit, value) {
        ("percent", Some(points)) => format!("{:.1} pt", points * 100.0),
        _ => figure(value, unit),
    };
    if plus { format!("+{text}") } else { text }
}
