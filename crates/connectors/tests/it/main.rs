//! Files as they come, from bytes to records and rejects.

mod events;
mod formats;
mod guess;
mod intake;
mod properties;
mod shapes;
mod tricky;

use burgeon_connectors::{Error, Input, Options, Output, Reader};

/// Options with a shape and assignments.
pub fn options(shape: &str, map: &str) -> Options {
    let mut options = Options { threads: 0, ..Options::default() };
    options.shape = Some(shape.to_owned()).filter(|shape| !shape.is_empty());
    options.map(map).expect("the mapping is sound");
    options
}

/// All outputs of a file.
pub fn read(name: &str, bytes: impl Into<Vec<u8>>, options: &Options) -> Result<Vec<Output>, Error> {
    Reader::open(&Input::bytes(name, bytes.into()), options)?.collect()
}

/// Records and rejects, one in each line: `table@line column=value …` and `line N: reason <- bytes`.
pub fn show(outputs: &[Output]) -> String {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let format = FormatOptions::default();
    let mut out = String::new();
    for output in outputs {
        for batch in &output.batches {
            for (row, line) in batch.lines.iter().enumerate() {
                out.push_str(&format!("{}@{line}", batch.table.name));
                for (field, column) in batch.rows.schema().fields().iter().zip(batch.rows.columns()) {
                    if column.is_valid(row) {
                        let value = ArrayFormatter::try_new(column, &format).unwrap().value(row).to_string();
                        out.push_str(&format!(" {}={}", field.name(), value.replace("T00:00:00Z", "")));
                    }
                }
                out.push('\n');
            }
        }
        for reject in &output.rejects {
            let bytes = String::from_utf8_lossy(&reject.bytes).replace('\n', "\\n");
            out.push_str(&format!("line {}: {} <- {bytes}\n", reject.line, reject.reason));
        }
    }
    out
}

/// The records and rejects of a file, or its error.
pub fn shown(name: &str, bytes: impl Into<Vec<u8>>, options: &Options) -> String {
    match read(name, bytes, options) {
        Ok(outputs) => show(&outputs),
        Err(error) => format!("error: {error}"),
    }
}
