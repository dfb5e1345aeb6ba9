//! Small text helpers for error messages that name the mend.

/// The candidate nearest to `name` by edit distance, if one is near enough to be a likely slip.
///
/// Compares without regard to ASCII case. A candidate counts as near when its distance is at most a
/// third of its length (at least 1), or when one of both begins with the other.
///
/// ```
/// use burgeon_core::text::nearest;
/// assert_eq!(nearest("curency", ["currency", "timezone"]), Some("currency"));
/// assert_eq!(nearest("zebra", ["currency", "timezone"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let lower = candidate.to_ascii_lowercase();
        let prefix = name.len() >= 3 && (lower.starts_with(&name) || name.starts_with(&lower));
        let distance = if prefix { lower.len().abs_diff(name.len()).min(2) } else { distance(&name, &lower) };
        let limit = (lower.chars().count() / 3).max(1);
        if (prefix || distance <= limit) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?` for the nearest candidate, or an empty text. Made to be appended to an error.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default()
}

/// Edit distance with transpositions of neighbours (optimal string alignment), by characters.
fn distance(a: &str, b: &str) -> usize {
    // Names are short; a hostile input must not cost quadratic time.
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("mrr", "mrr"), 0);
        assert_eq!(distance("mmr", "mrr"), 1);
        assert_eq!(distance("chrun", "churn"), 1);
    }

    #[test]
    fn prefers_the_nearest() {
        assert_eq!(nearest("MRRR", ["mrr", "arr"]), Some("mrr"));
        assert_eq!(did_you_mean("coutry", ["country", "channel"]), "; did you mean \"country\"?");
        assert_eq!(did_you_mean("qqqq", ["country"]), "");
    }
}
