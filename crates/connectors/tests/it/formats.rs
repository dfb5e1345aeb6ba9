//! The same rows in every format and encoding give the same records.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use burgeon_connectors::{Input, Options, Reader};

use crate::{options, shown};

const CSV: &str = "customer_id,subscription_id,start,end,amount,currency,interval,is_trial\n\
                   a,s1,2025-01-01,2025-03-01,12.5,USD,month,FALSE\n\
                   b,s2,2025-01-15,,120,EUR,year,FALSE\n\
                   c,s3,2025-02-01,2025-02-15,0,USD,month,TRUE\n";

const RECORDS: &str = "\
subscription_changes@2 customer_id=a subscription_id=s1 effective_at=2025-01-01 status=active amount_minor=1250 currency=USD interval=month interval_count=1 quantity=1
subscription_changes@2 customer_id=a subscription_id=s1 effective_at=2025-03-01 status=canceled amount_minor=0 currency=USD interval=month interval_count=1 quantity=1
subscription_changes@3 customer_id=b subscription_id=s2 effective_at=2025-01-15 status=active amount_minor=12000 currency=EUR interval=year interval_count=1 quantity=1
subscription_changes@4 customer_id=c subscription_id=s3 effective_at=2025-02-01 status=trialing amount_minor=0 currency=USD interval=month interval_count=1 quantity=1 trial_end=2025-02-15
subscription_changes@4 customer_id=c subscription_id=s3 effective_at=2025-02-15 status=canceled amount_minor=0 currency=USD interval=month interval_count=1 quantity=1 trial_end=2025-02-15
";

/// The records with lines counted from the first row.
fn from_one() -> String {
    RECORDS.replace("@2", "@1").replace("@3", "@2").replace("@4", "@3")
}

#[test]
fn csv_of_all_dialects() {
    let auto = options("", "");
    assert_eq!(shown("s.csv", CSV, &auto), RECORDS);
    for delimiter in [";", "\t", "|"] {
        assert_eq!(shown("s.csv", CSV.replace(',', delimiter), &auto), RECORDS, "{delimiter:?}");
    }
    assert_eq!(shown("s.csv", CSV.replace('\n', "\r\n"), &auto), RECORDS);
    assert_eq!(shown("s.csv", CSV.replace('\n', "\r"), &auto), RECORDS);
    assert_eq!(shown("s.csv", format!("\u{feff}{CSV}"), &auto), RECORDS);
    let utf16: Vec<u8> = CSV.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(shown("s.csv", utf16, &auto), RECORDS);
    let quoted: String = CSV
        .lines()
        .map(|line| line.split(',').map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    assert_eq!(shown("s.csv", quoted, &auto), RECORDS);
}

#[test]
fn titles_above_the_header_and_excels_hint() {
    let moved = RECORDS.replace("@4", "@7").replace("@3", "@6").replace("@2", "@5");
    let titled = format!("Fernhill GmbH\nSubscriptions of 2025\n\n{CSV}");
    assert_eq!(shown("s.csv", titled, &options("", "")), moved);
    let hinted = format!("sep=;\n{}", CSV.replace(',', ";"));
    assert_eq!(
        shown("s.csv", hinted, &options("", "")),
        RECORDS.replace("@4", "@5").replace("@3", "@4").replace("@2", "@3")
    );
}

#[test]
fn json_lines_and_arrays() {
    let lines = r#"{"customer":{"id":"a"},"subscription_id":"s1","start":"2025-01-01","end":"2025-03-01","amount":12.5,"currency":"USD","interval":"month"}
{"customer":{"id":"b"},"subscription_id":"s2","start":"2025-01-15T00:00:00Z","end":null,"amount":120,"currency":"eur","interval":"year"}

{"customer":{"id":"c"},"subscription_id":"s3","start":1738368000,"end":1739577600,"amount":"0","currency":"USD","interval":"month","is_trial":true}
"#;
    let expect = from_one().replace("@3", "@4");
    assert_eq!(shown("s.jsonl", lines, &options("", "")), expect);
    let array = format!("[{}]", lines.trim().replace("\n\n", "\n").replace('\n', ",\n  "));
    assert_eq!(shown("s.json", array, &options("", "")), from_one());
    let broken = format!("{lines}{{\"customer\": \n[1]\n");
    let text = shown("s.jsonl", broken, &options("", ""));
    assert!(
        text.contains("line 5: is not JSON: EOF") && text.contains("line 6: is not a JSON object <- [1]"),
        "{text}"
    );
    let text = shown("s.json", "{\n \"customers\": []\n}\n", &options("", ""));
    assert_eq!(
        text,
        "error: s.json is damaged or not a JSON lines file: it holds no JSON objects; write one object in each line, or one array of objects"
    );
}

fn batch() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("subscription_id", Arc::new(StringArray::from(vec!["s1", "s2", "s3"]))),
        ("start", Arc::new(Date32Array::from(vec![20_089, 20_103, 20_120]))),
        (
            "end",
            Arc::new(
                TimestampMicrosecondArray::from(vec![
                    Some(1_740_787_200_000_000),
                    None,
                    Some(1_739_577_600_000_000),
                ])
                .with_timezone("UTC"),
            ),
        ),
        ("amount", Arc::new(Float64Array::from(vec![12.5, 120.0, 0.0]))),
        (
            "tax",
            Arc::new(
                Decimal128Array::from(vec![100, 200, 300]).with_precision_and_scale(10, 2).expect("it fits"),
            ),
        ),
        ("currency", Arc::new(StringArray::from(vec!["USD", "EUR", "USD"]))),
        ("interval", Arc::new(StringArray::from(vec!["month", "year", "month"]))),
        ("is_trial", Arc::new(BooleanArray::from(vec![false, false, true]))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns agree")
}

fn parquet() -> Vec<u8> {
    let batch = batch();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Cursor::new(&mut bytes), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_files() {
    assert_eq!(shown("s.parquet", parquet(), &options("", "")), from_one());
    let mut cut = parquet();
    cut.truncate(cut.len() / 2);
    assert!(
        shown("s.parquet", cut, &options("", ""))
            .starts_with("error: s.parquet is damaged or not a Parquet file: ")
    );
}

fn workbook() -> Vec<u8> {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut book = Workbook::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = book.add_worksheet();
    sheet.set_name("Abos").unwrap();
    sheet.write(0, 0, "Fernhill").unwrap();
    let rows: Vec<Vec<&str>> = CSV.lines().map(|line| line.split(',').collect()).collect();
    for (r, row) in rows.iter().enumerate() {
        for (c, cell) in row.iter().enumerate() {
            let (r, c) = (r as u32 + 1, c as u16);
            match (r, c) {
                (2.., 2 | 3) if !cell.is_empty() => {
                    let at = ExcelDateTime::parse_from_str(cell).unwrap();
                    sheet.write_with_format(r, c, &at, &date).unwrap();
                }
                (2.., 4) => drop(sheet.write(r, c, cell.parse::<f64>().unwrap()).unwrap()),
                (2.., 7) => drop(sheet.write(r, c, *cell == "TRUE").unwrap()),
                _ => drop(sheet.write(r, c, *cell).unwrap()),
            }
        }
    }
    book.add_worksheet().set_name("Notes").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn workbooks() {
    let moved = RECORDS.replace("@4", "@5").replace("@3", "@4").replace("@2", "@3");
    assert_eq!(shown("s.xlsx", workbook(), &options("", "")), moved);
    let mut named = options("", "");
    named.set("sheet", "Abo").unwrap();
    assert_eq!(shown("s.xlsx", workbook(), &named), "error: s.xlsx has no sheet \"Abo\"; it has Abos, Notes");
    let mut cut = workbook();
    cut.truncate(cut.len() / 2);
    assert!(
        shown("s.xlsx", cut, &options("", "")).starts_with("error: s.xlsx is damaged or not a Excel file: ")
    );
}

#[test]
fn threads_keep_the_order() {
    let mut csv = CSV.lines().next().unwrap().to_owned() + "\n";
    for n in 0..120_000 {
        csv.push_str(&format!("c{n},s{n},2025-01-01,,{}.25,USD,month,FALSE\n", n % 90));
        if n % 10_000 == 0 {
            csv.push_str("bad row\n");
        }
    }
    let run = |threads: usize| {
        let options = Options { threads, ..Options::default() };
        let reader = Reader::open(&Input::bytes("s.csv", csv.clone()), &options).unwrap();
        let outputs: Vec<_> = reader.map(Result::unwrap).collect();
        let lines: Vec<u64> =
            outputs.iter().flat_map(|o| o.batches.iter().flat_map(|b| b.lines.clone())).collect();
        let rejects: Vec<u64> = outputs.iter().flat_map(|o| o.rejects.iter().map(|r| r.line)).collect();
        (lines, rejects, outputs.iter().map(|o| o.rows_read).sum::<u64>())
    };
    let one = run(0);
    assert!(one.0.is_sorted());
    assert_eq!((one.0.len(), one.1.len(), one.2), (120_000, 12, 120_012));
    assert_eq!(run(1), one);
    assert_eq!(run(3), one);
}

#[test]
fn records_point_to_their_line() {
    let outputs = crate::read("s.csv", CSV, &options("", "")).unwrap();
    let stamped = outputs[0].batches[0].with_origin("file:s.csv", "0123456789abcdef");
    let column = stamped.column_by_name("_origin").unwrap();
    let origins = column.as_any().downcast_ref::<arrow::array::StringViewArray>().unwrap();
    let expect = [2, 2, 3, 4, 4].map(|line| format!("0123456789abcdef:{line}"));
    assert!(origins.iter().flatten().eq(expect.iter().map(String::as_str)));
    assert_eq!(stamped.column_by_name("_source").unwrap().null_count(), 0);
}
