//! Rows a second from a file to record batches: `cargo run --release --example speed -- FILE [threads] [shape]`.
#![allow(clippy::disallowed_methods)]

use std::time::Instant;

use burgeon_connectors::{Input, Options, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let file = words.next().ok_or("which file?")?;
    let threads = words.next().map_or(Ok(2), |n| n.parse())?;
    let options = Options { threads, shape: words.next(), ..Options::default() };
    let begin = Instant::now();
    let (mut rows, mut records, mut rejected, mut bytes) = (0u64, 0usize, 0usize, 0u64);
    for output in Reader::open(&Input::path(&file), &options)? {
        let output = output?;
        rows += output.rows_read;
        rejected += output.rejects.len();
        bytes += output.bytes_read;
        for batch in &output.batches {
            records += batch.with_origin("file:speed.csv", "0123456789abcdef").num_rows();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {records} records, {rejected} rejected in {seconds:.2} s: {:.2} M rows/s, {:.0} MB/s",
        rows as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}
