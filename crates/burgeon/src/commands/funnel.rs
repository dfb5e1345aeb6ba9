//! `burgeon funnel`: how far people get in a series of steps.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::{Global, Slice};
use crate::failure::Failure;
use crate::output::Rows;

/// Options of `funnel`.
#[derive(Debug, Args)]
pub struct Funnel {
    /// Steps in order: the name of an event, with conditions where wanted: report_created[kind=pdf]
    #[arg(required = true, value_name = "STEP")]
    steps: Vec<String>,
    /// How long after step 1 the others may come: 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME", default_value = "14d")]
    within: String,
    /// How steps follow each other: ordered (anything between), strict (nothing between) or any
    #[arg(long, value_name = "ORDER", default_value = "ordered")]
    order: String,
    /// An event that ends a person's way; may be repeated
    #[arg(long, value_name = "STEP")]
    exclude: Vec<String>,
    /// Dimension to break down by: of step 1's event, or person.TRAIT or customer.ATTRIBUTE
    #[arg(long, value_name = "DIM")]
    by: Option<String>,
    /// First date or period of step 1, included
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last date or period of step 1, included
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    #[command(flatten)]
    slice: Slice,
}

impl Funnel {
    fn pairs(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: &String| pairs.push((name.to_owned(), value.clone()));
        self.steps.iter().for_each(|step| put("step", step));
        self.exclude.iter().for_each(|step| put("exclude", step));
        put("within", &self.within);
        put("order", &self.order);
        for (name, value) in [("by", &self.by), ("from", &self.from), ("to", &self.to)] {
            value.iter().for_each(|value| put(name, value));
        }
        self.slice.filters()?.iter().for_each(|filter| put("where", filter));
        Ok(pairs)
    }

    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let pairs = self.pairs()?;
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let answer = workspace.funnel(&workspace.parse_funnel(&pairs)?).await?;
        workspace.close().await?;
        let columns = self.by.iter().map(String::as_str);
        let mut rows = Rows::new(columns.chain(["step", "people", "conversion", "median_seconds"]));
        for group in &answer.groups {
            let all = group.people.first().copied().unwrap_or(0);
            for (at, step) in answer.steps.iter().enumerate() {
                let people = group.people.get(at).copied().unwrap_or(0);
                let conversion =
                    if all > 0 { format!("{:.4}", people as f64 / all as f64) } else { String::new() };
                let median = group.median_seconds.get(at).copied().flatten();
                let value = self.by.iter().map(|_| group.value.clone().unwrap_or_default());
                rows.push(value.chain([
                    step.step.clone(),
                    people.to_string(),
                    conversion,
                    median.map(|seconds| seconds.to_string()).unwrap_or_default(),
                ]));
            }
        }
        rows.print(global.format, &answer)?;
        Ok(ExitCode::SUCCESS)
    }
}
