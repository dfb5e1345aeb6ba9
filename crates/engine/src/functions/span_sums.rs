//! `span_sums(at, amount, currency)`: sums of amounts by span and currency, exact, in one cell. For the planner only.
//!
//! Rows are grouped by dimensions alone; spans and currencies are counted inside, in a dense array for each currency, so
//! that a question over 60 months and four currencies needs no more groups than it has dimension values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, BooleanArray, StringViewArray};
use arrow::datatypes::DataType;
use burgeon_core::currency::Currency;
use datafusion::common::cast::{as_binary_array, as_string_view_array, as_timestamp_microsecond_array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator};

use super::major::whole_or_decimal;
use super::span_aggregate::{self, OverSpans, spans};
use super::span_index::find;

/// The aggregate over the spans between `bounds` (ascending, µs UTC); rows outside and null amounts count nothing. The
/// currency may be null: then the sums carry none. Decode the result with [`decode`].
pub fn udaf(bounds: Arc<[i64]>) -> AggregateUDF {
    span_aggregate::udaf::<Sums>(bounds)
}

/// A currency's view (its three bytes and their length) as the string array holds it; 0 for none.
type Code = u128;

#[derive(Debug, Default)]
struct BySpan {
    code: Code,
    sums: Vec<i128>,
    touched: Vec<bool>,
}

#[derive(Debug)]
struct Sums {
    bounds: Arc<[i64]>,
    /// For each group its currencies.
    groups: Vec<Vec<BySpan>>,
}

impl Sums {
    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let groups = emit_to.take_needed(&mut self.groups);
        let mut out = BinaryBuilder::with_capacity(groups.len(), groups.len() * 64);
        let mut cell = vec![];
        for group in groups {
            cell.clear();
            for by_span in group {
                for (span, (sum, touched)) in by_span.sums.iter().zip(&by_span.touched).enumerate() {
                    if *touched {
                        // A view's text begins after its four bytes of length.
                        cell.extend(&by_span.code.to_le_bytes()[4..7]);
                        cell.extend((span as u32).to_le_bytes());
                        cell.extend(sum.to_le_bytes());
                    }
                }
            }
            out.append_value(&cell);
        }
        Arc::new(out.finish())
    }
}

impl OverSpans for Sums {
    const NAME: &'static str = "span_sums";
    const ARGUMENTS: usize = 3;
    const ORDERED: bool = false;

    fn result_type() -> DataType {
        DataType::Binary
    }

    fn over(bounds: Arc<[i64]>) -> Self {
        Self { bounds, groups: vec![] }
    }

    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, Vec::new);
    }
}

#[inline]
fn of_code(group: &mut Vec<BySpan>, code: Code, spans: usize) -> &mut BySpan {
    let at = match group.iter().position(|known| known.code == code) {
        Some(at) => at,
        None => {
            group.push(BySpan { code, sums: vec![0; spans], touched: vec![false; spans] });
            group.len() - 1
        }
    };
    &mut group[at]
}

/// Bytes of one (currency, span, sum).
const ENTRY: usize = 3 + 4 + 16;

/// The sums of one cell: currency (if any), span, sum.
pub fn decode(cell: &[u8]) -> Result<Vec<(Option<Currency>, usize, i128)>> {
    if !cell.len().is_multiple_of(ENTRY) {
        return exec_err!("the partial sums by span are damaged");
    }
    cell.chunks_exact(ENTRY)
        .map(|entry| {
            let currency = match &entry[..3] {
                [0, 0, 0] => None,
                code => {
                    let code = String::from_utf8_lossy(code);
                    match Currency::from_code(&code) {
                        Some(currency) => Some(currency),
                        None => {
                            return exec_err!(
                                "unknown currency \"{code}\"; write an ISO 4217 code such as USD"
                            );
                        }
                    }
                }
            };
            let (mut span, mut sum) = ([0; 4], [0; 16]);
            span.copy_from_slice(&entry[3..7]);
            sum.copy_from_slice(&entry[7..]);
            Ok((currency, u32::from_le_bytes(span) as usize, i128::from_le_bytes(sum)))
        })
        .collect()
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let spans = spans(&self.bounds);
        self.grow(total_num_groups);
        let times = as_timestamp_microsecond_array(&values[0])?;
        let (amounts, _) = whole_or_decimal(&values[1])?;
        let currencies: Option<&StringViewArray> = match values[2].data_type() {
            DataType::Null => None,
            _ => Some(as_string_view_array(&values[2])?),
        };
        let plain = times.null_count() == 0 && amounts.null_count() == 0;
        let mut hint = 0;
        let mut add = |row: usize| -> Result<()> {
            if !plain && (times.is_null(row) || amounts.is_null(row)) {
                return Ok(());
            }
            let Some(span) = find(&self.bounds, times.value(row), hint) else { return Ok(()) };
            hint = span;
            let code = match currencies {
                None => 0,
                Some(codes) if codes.is_valid(row) && codes.views()[row] as u32 == 3 => codes.views()[row],
                Some(codes) => {
                    let code = if codes.is_valid(row) { codes.value(row) } else { "" };
                    return exec_err!("unknown currency \"{code}\"; write an ISO 4217 code such as USD");
                }
            };
            let by_span = of_code(&mut self.groups[group_indices[row]], code, spans);
            let sum = &mut by_span.sums[span];
            match sum.checked_add(amounts.value(row)) {
                Some(total) => *sum = total,
                None => return exec_err!("the sum of the amounts is too large"),
            }
            by_span.touched[span] = true;
            Ok(())
        };
        match opt_filter {
            None => (0..times.len()).try_for_each(add),
            Some(filter) => {
                let passes = match filter.nulls() {
                    Some(nulls) => filter.values() & nulls.inner(),
                    None => filter.values().clone(),
                };
                passes.set_indices().try_for_each(&mut add)
            }
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let spans = spans(&self.bounds);
        self.grow(total_num_groups);
        for (cell, &group) in as_binary_array(&values[0])?.iter().zip(group_indices) {
            for entry in cell.unwrap_or_default().chunks_exact(ENTRY) {
                let (mut code, mut span, mut sum) = ([0_u8; 16], [0; 4], [0; 16]);
                code[4..7].copy_from_slice(&entry[..3]);
                if entry[..3] != [0, 0, 0] {
                    code[0] = 3;
                }
                span.copy_from_slice(&entry[3..7]);
                sum.copy_from_slice(&entry[7..]);
                let span = u32::from_le_bytes(span) as usize;
                let by_span = of_code(&mut self.groups[group], u128::from_le_bytes(code), spans);
                let (Some(total), Some(touched)) =
                    (by_span.sums.get_mut(span), by_span.touched.get_mut(span))
                else {
                    return exec_err!("the partial sums by span are damaged");
                };
                *touched = true;
                match total.checked_add(i128::from_le_bytes(sum)) {
                    Some(added) => *total = added,
                    None => return exec_err!("the sum of the amounts is too large"),
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Sums::over(Arc::clone(&self.bounds));
        let groups: Vec<usize> = (0..rows).collect();
        each.update_batch(values, &groups, opt_filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let by_span = size_of::<BySpan>() + spans(&self.bounds) * 17;
        self.groups.iter().map(|group| 24 + group.len() * by_span).sum()
    }
}
