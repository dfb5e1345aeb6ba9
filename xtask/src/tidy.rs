//! The house rules that a compiler does not check. Each rule is a table at the top of this file and a pure function
//! from text to findings below, so that the rules can be read at once and are tested without a checkout.

use std::path::Path;

use serde_json::Value;

/// Which crates of ours a crate may name in `[dependencies]`; the arrows of ARCHITECTURE.md.
const MAY_USE: &[(&str, &[&str])] = &[
    ("burgeon-core", &[]),
    // Nothing but one feature set for every selection of packages.
    ("burgeon-unify", &[]),
    ("burgeon-metrics", &["burgeon-core"]),
    ("burgeon-events", &["burgeon-core"]),
    ("burgeon-engine", &["burgeon-core", "burgeon-events", "burgeon-metrics", "burgeon-unify"]),
    ("burgeon-state", &["burgeon-core", "burgeon-unify"]),
    ("burgeon-connectors", &["burgeon-core", "burgeon-unify"]),
    (
        "burgeon-server",
        &[
            "burgeon-core",
            "burgeon-metrics",
            "burgeon-engine",
            "burgeon-state",
            "burgeon-connectors",
            "burgeon-unify",
        ],
    ),
    ("burgeon", &["burgeon-core", "burgeon-metrics", "burgeon-server"]),
    ("burgeon-testkit", &["burgeon-core"]),
    ("xtask", &[]),
];

/// Outside crates that only one of ours may name, in any kind of dependency.
const ONLY_ONE_WITH: &[(&str, &str)] = &[
    ("datafusion", "burgeon-engine"),
    ("deltalake", "burgeon-engine"),
    ("redb", "burgeon-engine"),
    ("sqlx", "burgeon-state"),
    ("axum", "burgeon-server"),
    ("rust-embed", "burgeon-server"),
    ("reqwest", "burgeon-connectors"),
    ("calamine", "burgeon-connectors"),
    ("clap", "burgeon"),
    ("indicatif", "burgeon"),
];

/// Names that must not be used by the code under a folder (comments are free to mention them).
const BORDERS: &[(&str, &[&str])] = &[
    ("crates/core/src/", &["std::fs", "std::net", "std::process", "std::env"]),
    ("crates/metrics/src/", &["std::fs", "std::net", "std::process", "std::env"]),
    ("crates/server/src/app/", &["axum", "crate::api"]),
    ("crates/server/src/api/", &["datafusion", "burgeon_state"]),
];

const LONGEST_FILE: usize = 800;

/// Runs every rule over the checkout at `root`.
pub fn run(root: &Path) -> Result<Vec<String>, String> {
    let metadata = crate::output(
        &std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
        &["metadata", "--format-version", "1", "--no-deps", "--offline"],
        root,
    )?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let mut findings = dependencies(&metadata);
    let list = crate::output("git", &["ls-files", "--cached", "--others", "--exclude-standard"], root)?;
    for path in list.lines() {
        let Ok(bytes) = std::fs::read(root.join(path)) else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        findings.extend(file(path, text));
    }
    Ok(findings)
}

/// The dependency rule and the "only one with" column, from `cargo metadata --no-deps`.
fn dependencies(metadata: &Value) -> Vec<String> {
    let mut findings = Vec::new();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(n, _)| *n == name) else {
            findings.push(format!(
                "crate {name} is not in the dependency rule: add it to MAY_USE in xtask/src/tidy.rs and to ARCHITECTURE.md"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"].as_str() == Some("dev");
            let ours = MAY_USE.iter().any(|(n, _)| *n == target);
            let tests_only = dev && target == "burgeon-testkit";
            if ours && !tests_only && !allowed.contains(&target) {
                findings.push(format!(
                    "{name} must not depend on {target}: the dependency rule of ARCHITECTURE.md"
                ));
            }
            if let Some((_, owner)) = ONLY_ONE_WITH.iter().find(|(n, _)| *n == target)
                && *owner != name
            {
                findings.push(format!("{name} must not depend on {target}: only {owner} does"));
            }
        }
    }
    findings
}

/// All rules on one file of the checkout; `path` is relative to its root.
fn file(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let extension = path.rsplit('.').next().unwrap_or_default();
    let code = matches!(extension, "rs" | "ts" | "tsx" | "sql" | "css");
    let generated = path.ends_with(".lock")
        || path.ends_with("package-lock.json")
        || path.ends_with(".d.ts")
        || text.lines().take(3).any(|l| l.contains("generated by") || l.contains("Generated by"));
    let lines = text.lines().count();
    if code && !generated && lines > LONGEST_FILE {
        findings.push(format!("{path}: {lines} lines; split it, {LONGEST_FILE} are the most"));
    }
    let test = path.contains("/tests/") || path.ends_with("/tests.rs");
    let borders: Vec<&&str> = BORDERS
        .iter()
        .filter(|(folder, _)| path.starts_with(folder) && !test)
        .flat_map(|(_, names)| *names)
        .collect();
    for (number, line) in text.lines().enumerate() {
        let at = || format!("{path}:{}", number + 1);
        if !generated && let Some(found) = machine_path(line) {
            findings.push(format!("{}: a path of one machine: {found}", at()));
        }
        if !code {
            continue;
        }
        if let Some(found) = left_over(line) {
            findings.push(format!("{}: left unfinished: {found}", at()));
        }
        let statement = line.split("//").next().unwrap_or_default();
        for name in &borders {
            if has_word(statement, name) {
                findings
                    .push(format!("{}: {name} does not belong here (module borders, ARCHITECTURE.md)", at()));
            }
        }
    }
    findings
}

/// A path that exists on one machine only.
fn machine_path(line: &str) -> Option<&str> {
    // Written in two parts so that this file does not find itself.
    let roots = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    for root in roots {
        for (at, _) in line.match_indices(root) {
            let before = line[..at].chars().next_back();
            let inside_a_longer_path = before.is_some_and(|c| c.is_alphanumeric() || "._-~$}*/".contains(c));
            let rest = &line[at + root.len()..];
            if !inside_a_longer_path && rest.starts_with(|c: char| c.is_alphanumeric()) {
                let end = rest.find(|c: char| c.is_whitespace() || "\"'`)".contains(c)).unwrap_or(rest.len());
                return Some(&line[at..at + root.len() + end]);
            }
        }
    }
    None
}

/// A mark of something that was put off.
fn left_over(line: &str) -> Option<&'static str> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let calls = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
        concat!("test.on", "ly("),
        concat!("describe.on", "ly("),
    ];
    marks
        .into_iter()
        .find(|mark| has_word(line, mark))
        .or_else(|| calls.into_iter().find(|call| line.contains(call)))
}

/// Whether `name` stands in `text` as a name of its own, not as a part of a longer one.
fn has_word(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(part)
            && !text[at + name.len()..].chars().next().is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(name: &str, dependency: &str, kind: Value) -> Value {
        json!({"packages": [{"name": name, "dependencies": [{"name": dependency, "kind": kind}]}]})
    }

    #[test]
    fn the_dependency_rule() {
        let allowed = [
            ("burgeon-engine", "burgeon-metrics", Value::Null),
            ("burgeon", "burgeon-server", Value::Null),
            ("burgeon-engine", "burgeon-testkit", json!("dev")),
            ("burgeon-engine", "datafusion", Value::Null),
            ("burgeon-core", "jiff", Value::Null),
        ];
        for (name, dependency, kind) in allowed {
            assert_eq!(dependencies(&metadata(name, dependency, kind)), Vec::<String>::new());
        }
        let forbidden = [
            ("burgeon-state", "burgeon-connectors", Value::Null),
            ("burgeon-metrics", "burgeon-engine", Value::Null),
            ("burgeon", "burgeon-engine", Value::Null),
            ("burgeon-server", "burgeon-testkit", Value::Null),
            ("burgeon-server", "datafusion", json!("dev")),
            ("burgeon-core", "sqlx", Value::Null),
            ("burgeon-engine", "axum", Value::Null),
        ];
        for (name, dependency, kind) in forbidden {
            let found = dependencies(&metadata(name, dependency, kind));
            assert_eq!(found.len(), 1, "{name} → {dependency}: {found:?}");
            assert!(found[0].contains(name) && found[0].contains(dependency));
        }
        assert!(dependencies(&metadata("burgeon-new", "jiff", Value::Null))[0].contains("MAY_USE"));
    }

    #[test]
    fn the_rule_has_no_circle() {
        fn reaches(from: &str, to: &str) -> bool {
            let next = MAY_USE.iter().find(|(n, _)| *n == from).map_or(&[][..], |(_, uses)| *uses);
            next.iter().any(|n| *n == to || reaches(n, to))
        }
        assert!(MAY_USE.iter().all(|(name, _)| !reaches(name, name)));
    }

    #[test]
    fn module_borders() {
        let app = "crates/server/src/app/import.rs";
        assert_eq!(file(app, "use axum::Router;").len(), 1);
        assert_eq!(file(app, "// axum is not used here\nlet axumish = 1;"), Vec::<String>::new());
        assert_eq!(file("crates/server/src/api/query.rs", "use axum::Router;"), Vec::<String>::new());
        assert_eq!(file("crates/core/src/money.rs", "let text = std::fs::read(path);").len(), 1);
    }

    #[test]
    fn long_files() {
        let long = "x\n".repeat(801);
        assert_eq!(file("crates/a/src/b.rs", &long).len(), 1);
        assert_eq!(file("docs/b.md", &long), Vec::<String>::new());
        assert_eq!(file("web/src/api/schema.d.ts", &long), Vec::<String>::new());
        assert_eq!(file("web/src/a.ts", &format!("// generated by a tool\n{long}")), Vec::<String>::new());
    }

    #[test]
    fn machine_paths_and_left_overs() {
        let home = concat!("/ho", "me/someone/src");
        assert_eq!(file("README.md", &format!("cd {home} && make")).len(), 1);
        assert_eq!(file("README.md", "cd /var/lib/burgeon"), Vec::<String>::new());
        assert_eq!(file("README.md", concat!("https://example.com/ho", "me/page")), Vec::<String>::new());
        assert_eq!(file("a.rs", concat!("// TO", "DO: later")).len(), 1);
        assert_eq!(file("a.rs", concat!("let x = todo", "!();")).len(), 1);
        assert_eq!(file("a.rs", "let method = 1;"), Vec::<String>::new());
    }
}
