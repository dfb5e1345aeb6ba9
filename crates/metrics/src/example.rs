//! Worked examples of definition pages, and the comparison of what is expected with what came out.

use std::collections::BTreeMap;

/// One `## Example` of a page: records go in, a query is asked, a CSV comes out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// The text after `## Example:`; empty when there is none.
    pub title: String,
    /// Line of the heading in the page, from 1.
    pub line: usize,
    /// Record tables and their rows as CSV with a header, in order of the page.
    pub records: Vec<(String, String)>,
    /// Workspace settings, `key = value`.
    pub settings: BTreeMap<String, String>,
    /// The query as CLI words, without `--now`.
    pub query: Vec<String>,
    /// The value of `--now`, if the query gives one. Without it the runner takes a moment after all records.
    pub now: Option<String>,
    /// The expected answer as CSV.
    pub expect: String,
}

/// Compares CSV texts line by line, blanks at the ends of lines and empty lines at the end ignored.
///
/// # Errors
/// The lines that differ, `-` expected, `+` got.
pub fn compare(expected: &str, got: &str) -> Result<(), String> {
    let lines = |text: &str| -> Vec<String> {
        let mut lines: Vec<String> = text.lines().map(|l| l.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    };
    let (expected, got) = (lines(expected), lines(got));
    if expected == got {
        return Ok(());
    }
    let mut diff = String::new();
    for i in 0..expected.len().max(got.len()) {
        match (expected.get(i), got.get(i)) {
            (Some(e), Some(g)) if e == g => diff.push_str(&format!("  {e}\n")),
            (e, g) => {
                if let Some(e) = e {
                    diff.push_str(&format!("- {e}\n"));
                }
                if let Some(g) = g {
                    diff.push_str(&format!("+ {g}\n"));
                }
            }
        }
    }
    Err(diff)
}

/// Splits a line into words as a shell does: blanks part words, quotes (`'`, `"`) and `\` keep them together.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => {
                if let Some(next) = chars.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// An example's blocks cannot be read: line in the page and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExampleError {
    pub line: usize,
    pub message: String,
}

/// Splits the body of a page (after the front matter, whose last line is `offset`) into prose and examples.
pub(crate) fn split(body: &str, offset: usize) -> Result<(String, Vec<Example>), ExampleError> {
    let mut prose = String::new();
    let mut examples: Vec<Example> = Vec::new();
    let mut in_example = false;
    let mut lines = body.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        let at = offset + i + 1;
        if let Some(rest) = line.strip_prefix("## Example") {
            in_example = true;
            let title = rest.trim_start_matches(':').trim().to_owned();
            examples.push(Example { title, line: at, ..Example::default() });
            continue;
        }
        if line.starts_with("## ") || line.starts_with("# ") {
            in_example = false;
        }
        if !in_example {
            prose.push_str(line);
            prose.push('\n');
            continue;
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut content = String::new();
        let mut closed = false;
        for (_, line) in lines.by_ref() {
            if line.trim_end() == "```" {
                closed = true;
                break;
            }
            content.push_str(line);
            content.push('\n');
        }
        let error = |message: String| ExampleError { line: at, message };
        if !closed {
            return Err(error("the block is not closed; end it with a line of ```".to_owned()));
        }
        let Some(example) = examples.last_mut() else { continue };
        fill(example, info.trim(), content).map_err(error)?;
    }
    for e in &examples {
        let missing = match (e.query.is_empty(), e.expect.is_empty()) {
            (true, _) => "```query",
            (_, true) => "```expect",
            _ => continue,
        };
        return Err(ExampleError {
            line: e.line,
            message: format!("the example has no {missing} block; add one"),
        });
    }
    Ok((prose.trim().to_owned(), examples))
}

fn fill(example: &mut Example, info: &str, content: String) -> Result<(), String> {
    let mut info = info.split_whitespace();
    match info.next().unwrap_or("") {
        "records" => {
            let table = info.next().ok_or("name the table: ```records subscription_changes")?;
            example.records.push((table.to_owned(), content));
        }
        "settings" => {
            for line in content.lines().filter(|l| !l.trim().is_empty()) {
                let (key, value) = line
                    .split_once('=')
                    .ok_or_else(|| format!("\"{line}\" is no setting; write key = value"))?;
                example.settings.insert(key.trim().to_owned(), value.trim().trim_matches('"').to_owned());
            }
        }
        "query" => {
            let mut all = words(&content);
            if let Some(i) = all.iter().position(|w| w == "--now") {
                if i + 1 >= all.len() {
                    return Err("--now needs a date or time".to_owned());
                }
                example.now = Some(all.remove(i + 1));
                all.remove(i);
            }
            example.query = all;
        }
        "expect" => example.expect = content,
        other => {
            let hint = burgeon_core::text::did_you_mean(other, ["records", "settings", "query", "expect"]);
            return Err(format!(
                "unknown block \"{other}\"{hint}; there are records TABLE, settings, query and expect"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_in_a_shell() {
        assert_eq!(
            words(r#"mrr --where 'plan=Pro Plus' "a\"b" c\ d ''"#),
            ["mrr", "--where", "plan=Pro Plus", "a\"b", "c d", ""]
        );
    }

    #[test]
    fn a_difference_is_shown() {
        assert_eq!(compare("a\nb\n\n", "a \nb"), Ok(()));
        assert_eq!(compare("a\nb", "a\nc\nd"), Err("  a\n- b\n+ c\n+ d\n".to_owned()));
    }
}
