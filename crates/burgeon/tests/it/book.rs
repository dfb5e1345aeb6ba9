//! The book's examples run: every ```console block of the pages below is played in order in a copy of `examples/`,
//! with the data directory in a temporary folder, and prints what the page says.
//!
//! A line that begins with `$ ` is a command for `sh`; the lines up to the next one are its output, both streams; a
//! line `…` stands for any lines. `BURGEON_BOOK=write` puts the present output into the pages: look at the difference.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{NOW, Place, run};

const PAGES: &[&str] =
    &["docs/src/tutorial.md", "docs/src/people.md", "docs/src/cli.md", "docs/src/definitions.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_examples_of_the_book_run() {
    for page in PAGES {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        let place = Place::new();
        copy(&root().join("examples"), &place.path().join("examples"));
        let (played, wrong) = play(&text, |command| shell(&place, command));
        if std::env::var("BURGEON_BOOK").is_ok_and(|v| v == "write") {
            std::fs::write(&path, played).unwrap();
        } else {
            assert!(wrong.is_empty(), "{page}:\n{}", wrong.join("\n"));
        }
    }
}

fn shell(place: &Place, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_burgeon")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} 2>&1")]).current_dir(place.path().join("examples"));
    shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", binary.display())).env("BURGEON_NOW", NOW);
    run(&mut shell).out
}

/// Plays the blocks of a page: the page with the present output, and what differs from it.
fn play(text: &str, mut shell: impl FnMut(&str) -> String) -> (String, Vec<String>) {
    let (mut played, mut wrong) = (String::new(), Vec::new());
    let mut lines = text.lines().peekable();
    let mut inside = false;
    while let Some(line) = lines.next() {
        played.push_str(line);
        played.push('\n');
        if line.starts_with("```") {
            inside = !inside && line.trim_end() == "```console";
            continue;
        }
        let Some(first) = line.strip_prefix("$ ").filter(|_| inside) else {
            continue;
        };
        let mut command = first.to_owned();
        while command.ends_with('\\') {
            let Some(more) = lines.next() else { break };
            played.push_str(more);
            played.push('\n');
            command = command[..command.len() - 1].to_owned() + more.trim_start();
        }
        let mut expected = Vec::new();
        while let Some(next) = lines.next_if(|next| !next.starts_with("$ ") && !next.starts_with("```")) {
            expected.push(next);
        }
        let out = shell(&command);
        let actual: Vec<&str> = out.lines().collect();
        if matches(&expected, &actual) {
            expected.iter().for_each(|line| played.push_str(&format!("{line}\n")));
        } else {
            wrong.push(format!("$ {command}\n--- the page\n{}\n--- it prints\n{out}", expected.join("\n")));
            played.push_str(&out);
        }
    }
    (played, wrong)
}

/// Whether `actual` is what `expected` says; `…` stands for any lines.
fn matches(expected: &[&str], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((&"…", rest)) => (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..])),
        Some((line, rest)) => actual.first() == Some(line) && matches(rest, &actual[1..]),
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn the_player_finds_what_differs() {
    let page = "Text\n```console\n$ echo a \\\n  b\na b\n$ many\nfirst\n…\nlast\n```\n$ not a command\n";
    let shell = |command: &str| match command {
        "echo a b" => "a b\n".to_owned(),
        "many" => "first\nx\ny\nlast\n".to_owned(),
        other => panic!("{other}"),
    };
    assert_eq!(play(page, shell), (page.to_owned(), Vec::new()));
    let (played, wrong) = play("```console\n$ x\nold\n```\n", |_| "new\n".to_owned());
    assert_eq!(played, "```console\n$ x\nnew\n```\n");
    assert_eq!(wrong.len(), 1);
}
