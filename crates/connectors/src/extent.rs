//! Where rows stand in a file, for whoever takes some of them out and leaves every other line where it was.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::input::Input;
use crate::options::{Format, Options};
use crate::reader;
use crate::rows;

/// Where rows stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extents {
    /// On lines of their own.
    Lines {
        /// The byte that ends a line.
        terminator: u8,
        /// First and last line of each row, ascending.
        lines: Vec<(u64, u64)>,
    },
    /// In a file without lines of its own: a sheet, Parquet, one JSON array, text in units of two bytes.
    Whole,
}

/// Finds the lines of the rows that begin at `wanted`. A quoted row of CSV may go over several lines.
///
/// # Errors
/// [`Error`] when the file cannot be read under these options.
pub fn extents(input: &Input, options: &Options, wanted: &BTreeSet<u64>) -> Result<Extents, Error> {
    let layout = reader::look(input, options)?.plan.layout;
    let two_bytes = [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE].contains(&layout.encoding);
    if two_bytes || !matches!(layout.format, Format::Csv | Format::JsonLines) {
        return Ok(Extents::Whole);
    }
    let terminator = layout.terminator;
    if layout.format == Format::JsonLines {
        return Ok(Extents::Lines { terminator, lines: wanted.iter().map(|line| (*line, *line)).collect() });
    }
    let mut blocks = rows::blocks(input, &layout, options.limits)?;
    let mut lines: Vec<(u64, u64)> = Vec::with_capacity(wanted.len());
    // The row whose end is not known yet: it ends where the next one begins.
    let mut open = None;
    while let Some(block) = blocks.next()? {
        let chunk = rows::cut(block, &layout);
        let mut starts: Vec<u64> = chunk.rejects.iter().map(|reject| reject.line).collect();
        starts.extend(&chunk.lines);
        starts.sort_unstable();
        for start in starts {
            if let Some(first) = open.take() {
                lines.push((first, start.saturating_sub(1).max(first)));
            }
            open = wanted.contains(&start).then_some(start);
        }
    }
    lines.extend(open.map(|first| (first, u64::MAX)));
    Ok(Extents::Lines { terminator, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str, wanted: &[u64]) -> Extents {
        let input = Input::bytes(name, text.as_bytes().to_vec());
        let mut options = Options { shape: Some("events".into()), threads: 0, ..Options::default() };
        for map in ["person=who", "event=what", "at=when"] {
            options.map(map).unwrap();
        }
        extents(&input, &options, &wanted.iter().copied().collect()).unwrap()
    }

    #[test]
    fn a_quoted_row_goes_over_several_lines() {
        let text = "who,what,when,note\n\
                    ada,visit,2026-01-01,\"one\ntwo\nthree\"\n\
                    ben,visit,2026-01-01,x\n\
                    \n\
                    cleo,visit,2026-01-01\n\
                    dan,visit,2026-01-01,y";
        let lines = |lines: &[(u64, u64)]| Extents::Lines { terminator: b'\n', lines: lines.to_vec() };
        assert_eq!(found("a.csv", text, &[2]), lines(&[(2, 4)]));
        // A blank line behind a row has nothing to keep; a row that is rejected begins one too.
        assert_eq!(found("a.csv", text, &[5]), lines(&[(5, 6)]));
        assert_eq!(found("a.csv", text, &[7]), lines(&[(7, 7)]));
        assert_eq!(found("a.csv", text, &[2, 8]), lines(&[(2, 4), (8, u64::MAX)]));
        assert_eq!(found("a.csv", text, &[]), lines(&[]));
    }

    #[test]
    fn lines_of_json_are_rows_and_an_array_has_none() {
        let row = r#"{"who":"ada","what":"visit","when":"2026-01-01"}"#;
        let lines = Extents::Lines { terminator: b'\n', lines: vec![(3, 3)] };
        assert_eq!(found("a.jsonl", &format!("{row}\n\n{row}\n"), &[3]), lines);
        assert_eq!(found("a.json", &format!("[{row},\n{row}]"), &[2]), Extents::Whole);
    }
}
