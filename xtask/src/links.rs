//! Links within the book, the definition pages and the documents at the root: each must lead to a file that is there, and
//! to a heading in it where it names one. Addresses of other sites are not looked at.

use std::path::{Path, PathBuf};

/// The links that lead nowhere, as `file: link`.
pub fn check(root: &Path) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let mut open = vec![root.join("docs/src"), root.join("definitions")];
    let mut pages: Vec<PathBuf> = Vec::new();
    for entry in read_dir(root)? {
        if entry.extension().is_some_and(|e| e == "md") {
            pages.push(entry);
        }
    }
    while let Some(folder) = open.pop() {
        for entry in read_dir(&folder)? {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|e| e == "md") {
                pages.push(entry);
            }
        }
    }
    pages.sort();
    for page in &pages {
        let text = std::fs::read_to_string(page).map_err(|e| format!("{}: {e}", page.display()))?;
        for link in targets(&text) {
            if let Some(wrong) = wrong(page, &link) {
                let page = page.strip_prefix(root).unwrap_or(page);
                findings.push(format!("{}: {wrong}", page.display()));
            }
        }
    }
    Ok(findings)
}

fn read_dir(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |e: std::io::Error| format!("{}: {e}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(fail)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(fail)).collect()
}

/// What stands in `](…)` and `{{#include …}}` outside of code.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("{{#include ") {
            let Some((target, after)) = after.split_once("}}") else { break };
            // A range of lines may follow.
            found.push(target.split(':').next().unwrap_or_default().to_owned());
            rest = after;
        }
        if in_code {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else { break };
            found.push(target.to_owned());
            rest = after;
        }
    }
    found
}

fn wrong(page: &Path, link: &str) -> Option<String> {
    let elsewhere = link.contains("://") || link.starts_with("mailto:");
    if elsewhere || link.is_empty() || link.contains(' ') {
        return None;
    }
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = if file.is_empty() { page.to_owned() } else { page.parent()?.join(file) };
    if !target.exists() {
        return Some(format!("the link {link} leads nowhere"));
    }
    let heading = heading.filter(|_| target.extension().is_some_and(|e| e == "md"))?;
    let text = std::fs::read_to_string(&target).ok()?;
    let known = text.lines().filter_map(|line| line.strip_prefix('#')).any(|line| anchor(line) == heading);
    (!known).then(|| format!("{file} has no heading #{heading}"))
}

/// The address of a heading, as mdBook makes it.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page() {
        let text = "See [a](a.md) and [b](../b.md#c).\n```\n[no](x.md)\n```\n{{#include ../d.md:3:}}";
        assert_eq!(targets(text), ["a.md", "../b.md#c", "../d.md"]);
        assert_eq!(anchor("## A corrected `file`, twice"), "a-corrected-file-twice");
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = root.join("../README.md");
        assert!(wrong(&page, "nothing.md").is_some_and(|w| w.contains("leads nowhere")));
        assert_eq!(wrong(&page, "CONTRIBUTING.md"), None);
        assert!(wrong(&page, "CONTRIBUTING.md#no-such-heading").is_some());
        assert_eq!(wrong(&page, "https://example.org/x.md"), None);
    }
}
