//! Which row is the header, and what its columns are called.

use std::collections::HashSet;

/// The place of the header among the first rows: the first one that is not a title above the table.
pub fn choose<'a, S: AsRef<str> + 'a>(rows: impl Iterator<Item = &'a [S]> + Clone) -> Option<usize> {
    let filled = |row: &[S]| row.iter().filter(|cell| !cell.as_ref().trim().is_empty()).count();
    let mut fills: Vec<usize> = rows.clone().map(filled).collect();
    fills.sort_unstable();
    let usual = *fills.get(fills.len() / 2)?;
    // Titles, dates of a report and the like fill at most half of what rows usually do.
    rows.take(20).position(|row| filled(row) * 2 > usual).or(Some(0))
}

/// Unique names of columns; empty ones are called `column_3`, repeated ones get a number.
pub fn names<'a>(cells: impl Iterator<Item = &'a str>, notes: &mut Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for (index, cell) in cells.enumerate() {
        let base =
            if cell.trim().is_empty() { format!("column_{}", index + 1) } else { cell.trim().to_owned() };
        let mut name = base.clone();
        let mut n = 1;
        while !seen.insert(name.clone()) {
            n += 1;
            name = format!("{base}_{n}");
        }
        if n > 1 {
            notes
                .push(format!("the column {base:?} stands more than once; the later one is called {name:?}"));
        }
        out.push(name);
    }
    out
}

/// A name in the form that names are compared in: `Customer ID`, `customerId` and `customer-id` are `customer_id`.
pub fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut before = ' ';
    let mut chars = name.trim().chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() {
            let next_lower = chars.peek().is_some_and(|n| n.is_lowercase());
            let hump = c.is_uppercase()
                && (before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && next_lower));
            if hump && !out.is_empty() {
                out.push('_');
            }
            out.extend(c.to_lowercase());
        } else if c != '\'' && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        before = c;
    }
    while out.ends_with('_') {
        out.pop();
    }
    out.replace("__", "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_names() {
        for (name, expect) in [
            ("Customer ID", "customer_id"),
            ("customerId", "customer_id"),
            ("Created (UTC)", "created_utc"),
            ("MRRAmount", "mrr_amount"),
            (" plan-name ", "plan_name"),
            ("customer.id", "customer_id"),
            ("Клиент", "клиент"),
            ("__x__", "x"),
        ] {
            assert_eq!(normal(name), expect);
        }
    }

    #[test]
    fn titles_are_no_header() {
        let rows: Vec<Vec<&str>> = vec![vec!["Report 2025"], vec!["a", "b", "c"], vec!["1", "2", "3"]];
        assert_eq!(choose(rows.iter().map(Vec::as_slice)), Some(1));
        let mut notes = Vec::new();
        assert_eq!(names(["a", "", "a"].into_iter(), &mut notes), ["a", "column_2", "a_2"]);
        assert_eq!(notes.len(), 1);
    }
}
