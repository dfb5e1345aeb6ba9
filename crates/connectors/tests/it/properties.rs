//! What holds for any bytes.

use burgeon_connectors::{Input, Options, Reader};
use proptest::prelude::*;

/// Reads whatever it is; says how many rows were read, taken and rejected.
fn account(name: &str, bytes: Vec<u8>, shape: Option<&str>) -> Option<(u64, u64, u64)> {
    let options = Options { shape: shape.map(str::to_owned), threads: 0, ..Options::default() };
    let input = Input::bytes(name, bytes);
    let _ = Reader::preview(&input, &options, 5);
    let reader = Reader::open(&input, &options).ok()?;
    let mut sums = (0, 0, 0);
    for output in reader {
        let output = output.ok()?;
        let mut lines: Vec<u64> = output.batches.iter().flat_map(|batch| batch.lines.clone()).collect();
        lines.sort_unstable();
        lines.dedup();
        sums.0 += output.rows_read;
        sums.1 += lines.len() as u64;
        sums.2 += output.rejects.len() as u64;
    }
    Some(sums)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), ending in 0..5usize) {
        let name = ["x.csv", "x.json", "x.parquet", "x.xlsx", "x"][ending];
        account(name, bytes, Some("customers"));
    }

    #[test]
    fn any_table_is_accounted_for(rows in prop::collection::vec("[a-c0-9\",;\n\r\\- é]{0,30}", 0..20)) {
        let text = format!("customer_id,name,created_at\n{}", rows.join("\n"));
        if let Some((read, taken, rejected)) = account("x.csv", text.into_bytes(), Some("customers")) {
            prop_assert_eq!(read, taken + rejected);
        }
    }

    #[test]
    fn json_is_accounted_for(rows in prop::collection::vec("[\\[\\]{}\":, a-c0-9\n]{0,30}", 0..10), array: bool) {
        let good = "{\"customer_id\":\"a\"}";
        let text = if array { format!("[{good},{}]", rows.join(",")) } else { format!("{good}\n{}", rows.join("\n")) };
        let name = if array { "x.json" } else { "x.jsonl" };
        if let Some((read, taken, rejected)) = account(name, text.into_bytes(), Some("customers")) {
            prop_assert_eq!(read, taken + rejected);
        }
    }

    /// Sound files are read as the csv crate reads them.
    #[test]
    fn reads_what_the_csv_crate_reads(cells in prop::collection::vec(prop::collection::vec("[a-c\",; \n]{0,6}", 3), 1..20), crlf: bool) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        writer.write_record(["customer_id", "name", "partner"]).unwrap();
        for (n, row) in cells.iter().enumerate() {
            writer.write_record([&format!("k{n}{}", row[0]), &row[1], &row[2]]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let options = Options {
            shape: Some("customers".to_owned()), delimiter: Some(b','), threads: 0, ..Options::default()
        };
        let outputs: Vec<_> =
            Reader::open(&Input::bytes("x.csv", bytes), &options).unwrap().map(Result::unwrap).collect();
        let mut found = Vec::new();
        for batch in outputs.iter().flat_map(|output| &output.batches) {
            let column = |name: &str| {
                let column = batch.rows.column_by_name(name).unwrap();
                let array = column.as_any().downcast_ref::<arrow::array::StringViewArray>().unwrap();
                array.iter().map(|value| value.unwrap_or_default().to_owned()).collect::<Vec<_>>()
            };
            let (ids, names, partners) = (column("customer_id"), column("name"), column("partner"));
            found.extend(ids.into_iter().zip(names).zip(partners).map(|((a, b), c)| [a, b, c]));
        }
        let expect: Vec<[String; 3]> = cells
            .iter()
            .enumerate()
            .map(|(n, row)| [format!("k{n}{}", row[0]), row[1].clone(), row[2].clone()].map(|cell| cell.trim().to_owned()))
            .collect();
        prop_assert_eq!(found, expect);
    }
}
