//! `/query`, as JSON, CSV and a workbook.

pub mod csv;
pub mod run;
pub mod xlsx;
