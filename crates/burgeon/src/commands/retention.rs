//! `burgeon retention`: who comes back.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::{Global, Slice};
use crate::failure::Failure;
use crate::output::Rows;

/// Options of `retention`.
#[derive(Debug, Args)]
pub struct Retention {
    /// What begins a cohort: the name of an event, with conditions where wanted: signup[plan=free]
    #[arg(long, value_name = "STEP")]
    first: String,
    /// What counts as coming back (default: the same)
    #[arg(long = "return", value_name = "STEP")]
    back: Option<String>,
    /// Length of a period: day, week or month
    #[arg(long, value_name = "GRAIN", default_value = "week")]
    grain: String,
    /// Whether a person counts once, by the first such event ever, or in every period with one: first or recurring
    #[arg(long, value_name = "KIND", default_value = "first")]
    kind: String,
    /// Count those who come back in a period or later
    #[arg(long)]
    unbounded: bool,
    /// Dimension to break down by: of the first event, or person.TRAIT or customer.ATTRIBUTE
    #[arg(long, value_name = "DIM")]
    by: Option<String>,
    /// First date or period of the cohorts, included
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last date or period of the cohorts and of coming back, included
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    #[command(flatten)]
    slice: Slice,
}

impl Retention {
    fn pairs(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
        put("first", &self.first);
        put("grain", &self.grain);
        put("kind", &self.kind);
        put("bounded", if self.unbounded { "false" } else { "true" });
        for (name, value) in
            [("return", &self.back), ("by", &self.by), ("from", &self.from), ("to", &self.to)]
        {
            value.iter().for_each(|value| put(name, value));
        }
        self.slice.filters()?.iter().for_each(|filter| put("where", filter));
        Ok(pairs)
    }

    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let pairs = self.pairs()?;
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let answer = workspace.retention(&workspace.parse_retention(&pairs)?).await?;
        workspace.close().await?;
        let columns = self.by.iter().map(String::as_str);
        let mut rows = Rows::new(columns.chain(["cohort", "size", "period", "people"]));
        for cohort in &answer.cohorts {
            for (period, people) in cohort.people.iter().enumerate() {
                let value = self.by.iter().map(|_| cohort.value.clone().unwrap_or_default());
                rows.push(value.chain([
                    cohort.cohort.clone(),
                    cohort.size.to_string(),
                    period.to_string(),
                    people.to_string(),
                ]));
            }
        }
        rows.print(global.format, &answer)?;
        Ok(ExitCode::SUCCESS)
    }
}
