//! The catalog as the interfaces show it.

use super::{Band, DimensionInfo, MetricDetail, MetricHead, MetricList};
use crate::app::cells::Columns;
use crate::app::{Error, Result, Workspace};
use burgeon_metrics::definition::Metric;
use std::collections::{BTreeMap, BTreeSet};

/// How many keys of the customers' attributes are offered as dimensions.
const MOST_ATTRIBUTES: usize = 50;

impl Workspace {
    /// All metrics, by area and name, without the attributes of customers among the dimensions.
    pub fn metrics(&self) -> MetricList {
        self.list(&[])
    }

    /// All metrics, with the attributes of customers among the dimensions.
    pub async fn metrics_with_attributes(&self) -> Result<MetricList> {
        Ok(self.list(&self.attribute_dimensions().await?))
    }

    fn list(&self, attributes: &[DimensionInfo]) -> MetricList {
        let mut metrics: Vec<MetricHead> =
            self.catalog().metrics().map(|metric| self.head(metric, attributes)).collect();
        metrics.sort_by(|left, right| (&left.area, &left.name).cmp(&(&right.area, &right.name)));
        MetricList { metrics }
    }

    fn head(&self, metric: &Metric, attributes: &[DimensionInfo]) -> MetricHead {
        let catalog = self.catalog();
        let mut dimensions: Vec<DimensionInfo> = catalog
            .dimensions(&metric.name)
            .into_iter()
            .map(|dimension| DimensionInfo {
                label: super::labels::dimension(dimension.name()),
                name: dimension.name().to_owned(),
                kind: super::labels::kind(&dimension).to_owned(),
            })
            .collect();
        if dimensions.iter().any(|dimension| dimension.kind == "customer") {
            let known: BTreeSet<String> = dimensions.iter().map(|dimension| dimension.name.clone()).collect();
            dimensions.extend(attributes.iter().filter(|one| !known.contains(&one.name)).cloned());
        }
        let bound = |limit: &Option<burgeon_metrics::definition::BandLimit>| {
            limit.as_ref().and_then(|l| l.0.to_f64(6))
        };
        MetricHead {
            name: metric.name.clone(),
            label: metric.label.0.clone(),
            area: metric.area.clone(),
            ty: metric.kind.name().to_owned(),
            unit: metric.unit.as_str().to_owned(),
            better: word(&metric.better),
            summary: without_links(&metric.summary()),
            dimensions,
            bands: metric
                .bands
                .iter()
                .map(|band| Band {
                    grain: band.grain.map(|grain| grain.as_str().to_owned()),
                    from: bound(&band.from),
                    to: bound(&band.to),
                    label: band.label.0.clone(),
                    tone: word(&band.tone),
                })
                .collect(),
            properties: catalog.has_properties(&metric.name),
            additive: catalog.is_additive(&metric.name),
            default_by: metric.default_by.clone(),
        }
    }

    /// The definition of one metric, with everything above and below it.
    pub async fn metric(&self, name: &str) -> Result<MetricDetail> {
        let catalog = self.catalog();
        let Some(metric) = catalog.metric(name) else {
            let names = catalog.metrics().map(|metric| metric.name.as_str());
            let near = burgeon_core::text::did_you_mean(name, names);
            return Err(Error::not_found("unknown_metric", format!("there is no metric `{name}`{near}"))
                .mend("`burgeon metrics` and /api/v1/metrics list the names")
                .param("name"));
        };
        let attributes = self.attribute_dimensions().await?;
        let settings = self.setting_list().settings;
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(MetricDetail {
            head: self.head(metric, &attributes),
            formula: metric.formula_text(),
            prose: metric.prose.clone(),
            definition: metric.definition.clone(),
            depends_on: owned(catalog.depends_on(name)),
            used_by: owned(catalog.used_by(name)),
            fact: metric.kind.fact().map(str::to_owned),
            records: owned(catalog.records(name)),
            settings: settings.into_iter().filter(|setting| self.obeys(name, &setting.name)).collect(),
            file: metric.file.clone(),
        })
    }

    /// The metrics whose figures may differ when `tables` change.
    pub(in crate::app) fn metrics_of_tables(&self, tables: &[String]) -> Vec<String> {
        // Merged accounts change every history, customers every breakdown, rates every sum of money.
        let everywhere = ["customer_merges", "customers", "fx_rates"];
        let all = tables.iter().any(|table| everywhere.contains(&table.as_str()));
        let catalog = self.catalog();
        catalog
            .metrics()
            .filter(|metric| {
                all || catalog.records(&metric.name).iter().any(|record| tables.iter().any(|t| t == record))
            })
            .map(|metric| metric.name.clone())
            .collect()
    }

    /// Whether a metric obeys a setting.
    fn obeys(&self, metric: &str, setting: &str) -> bool {
        let catalog = self.catalog();
        let everywhere = ["timezone", "week_start", "currency", "constant_rate_date"];
        everywhere.contains(&setting)
            || catalog.settings(metric).contains(&setting)
            || (super::labels::FOLD_SETTINGS.contains(&setting)
                && catalog.records(metric).contains(&"subscription_changes"))
    }

    /// The keys of the customers' attributes.
    pub(in crate::app) async fn attribute_keys(&self) -> Result<Vec<String>> {
        Ok(self.attribute_dimensions().await?.into_iter().map(|dimension| dimension.name).collect())
    }

    /// The keys of the customers' attributes as dimensions, the most frequent first.
    async fn attribute_dimensions(&self) -> Result<Vec<DimensionInfo>> {
        let version = self.lake().versions().get("customers").copied();
        if let Some((kept, dimensions)) = self.kept_attributes().lock().as_ref()
            && *kept == version
        {
            return Ok(dimensions.clone());
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let sql = "SELECT attributes FROM customers WHERE attributes IS NOT NULL LIMIT 20000";
        for batch in &self.select(sql).await? {
            for row in 0..batch.num_rows() {
                let text = Columns(batch).text("attributes", row)?.unwrap_or_default();
                let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
                else {
                    continue;
                };
                for key in object.into_iter().map(|(key, _)| key) {
                    *counts.entry(key).or_default() += 1;
                }
            }
        }
        let mut keys: Vec<(String, usize)> = counts.into_iter().collect();
        keys.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        let dimensions: Vec<DimensionInfo> = keys
            .into_iter()
            .take(MOST_ATTRIBUTES)
            .map(|(name, _)| DimensionInfo {
                label: super::labels::dimension(&name),
                name,
                kind: "attribute".to_owned(),
            })
            .collect();
        *self.kept_attributes().lock() = Some((version, dimensions.clone()));
        Ok(dimensions)
    }
}

/// Markdown text with links as their words: a summary stands where nothing can be clicked.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        match after.split_once("](").and_then(|(words, tail)| Some((words, tail.split_once(')')?.1))) {
            Some((words, tail)) if !words.contains('[') => {
                plain.push_str(words);
                rest = tail;
            }
            _ => {
                plain.push('[');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The word that an enum is serialised as.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_links;

    #[test]
    fn links_become_their_words() {
        assert_eq!(without_links("See [MRR](../mrr.md) ÷ [a], [b](c)."), "See MRR ÷ [a], b.");
        assert_eq!(without_links("none [open"), "none [open");
    }
}
