//! Work on the repository itself: `cargo run -p xtask -- tidy` checks the house rules, `book` writes the pages of the
//! book that are generated from `definitions/`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod book;
mod links;
mod tidy;

const USAGE: &str =
    "usage: xtask tidy          check the dependency rule, module borders, file lengths, left-overs
       xtask book          write the generated pages of the book
       xtask book --check  fail when the generated pages are stale or a link leads nowhere";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["book"] => book::write(&root),
        ["book", "--check"] => book::check(&root).and_then(|mut findings| {
            findings.extend(links::check(&root)?);
            Ok(findings)
        }),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(findings) if findings.is_empty() => {
            println!("{}: nothing to complain about", words.join(" "));
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            eprintln!("{}: {} findings", words.join(" "), findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout that this tool was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Standard output of a program that must succeed.
fn output(program: &str, args: &[&str], folder: &Path) -> Result<String, String> {
    let done = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output()
        .map_err(|e| format!("{program} cannot be started: {e}"))?;
    if !done.status.success() {
        return Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr)));
    }
    String::from_utf8(done.stdout).map_err(|e| format!("{program} {}: {e}", args.join(" ")))
}
