//! Cases that break importers.

use crate::{options, shown};

const HEAD: &str = "customer_id,name,country\n";

fn customers(rows: &str) -> String {
    shown("customers.csv", format!("{HEAD}{rows}"), &options("customers", ""))
}

#[test]
fn quotes_and_line_ends() {
    insta::assert_snapshot!(customers("1,\"Elm\nLogistics\",fr\r\n2,\"Birch \"\"B\"\"\",DE\n\n3,5\" pipes,GB"), @r#"
    customers@2 customer_id=1 name=Elm
    Logistics country=FR
    customers@4 customer_id=2 name=Birch "B" country=DE
    customers@6 customer_id=3 name=5" pipes country=GB
    "#);
}

#[test]
fn ragged_rows_are_rejected_with_line_and_bytes() {
    insta::assert_snapshot!(customers("1,A\n2,B,DE,\n3,C,DE,x\n,,\nTotal,2,\n,D,DE\n"), @r"
    customers@3 customer_id=2 name=B country=DE
    customers@6 customer_id=Total name=2
    line 2: has 2 cells, the header has 3; a delimiter is missing, or one too many is not quoted <- 1,A
    line 4: has 4 cells, the header has 3; a delimiter is missing, or one too many is not quoted <- 3,C,DE,x
    line 7: customer_id is empty <- ,D,DE
    ");
}

#[test]
fn an_open_quote_costs_one_line() {
    insta::assert_snapshot!(customers("1,\"A,DE\n2,B,DE\n3,\"C\",DE\n4,D,DE\n"), @r#"
    customers@3 customer_id=2 name=B country=DE
    customers@4 customer_id=3 name=C country=DE
    customers@5 customer_id=4 name=D country=DE
    line 2: a quotation mark opens in this line and is not closed where a cell ends; close it or double it <- 1,"A,DE
    "#);
    insta::assert_snapshot!(customers("1,A,DE\n2,\"B,DE\n3,C,DE\n"), @r#"
    customers@2 customer_id=1 name=A country=DE
    customers@4 customer_id=3 name=C country=DE
    line 3: a quotation mark opens in this line and is not closed; close it or double it <- 2,"B,DE
    "#);
}

#[test]
fn bytes_that_are_not_utf8_in_one_of_many_rows() {
    let mut bytes = HEAD.as_bytes().to_vec();
    for n in 0..20_000 {
        bytes.extend(format!("{n},Zoë,DE\n").into_bytes());
    }
    bytes.extend(b"bad,Zo\xeb,DE\n");
    let outputs = crate::read("customers.csv", bytes, &options("customers", "")).unwrap();
    let rejects: Vec<_> = outputs.iter().flat_map(|output| &output.rejects).collect();
    assert_eq!(rejects.len(), 1);
    assert_eq!((rejects[0].line, rejects[0].bytes.as_slice()), (20_002, &b"bad,Zo\xeb,DE"[..]));
    assert_eq!(outputs.iter().map(|output| output.rows_taken()).sum::<u64>(), 20_000);
}

#[test]
fn line_of_totals() {
    let text = "cost_id,date,kind,amount,currency\nc1,2025-01-01,ads,12.50,EUR\nTotal,,,12.50,EUR\n";
    insta::assert_snapshot!(shown("costs.csv", text, &options("costs", "")), @r"
    costs@2 cost_id=c1 date=2025-01-01 kind=marketing amount_minor=1250 currency=EUR
    line 3: looks like a line of totals, which is no record <- Total,,,12.50,EUR
    ");
}

#[test]
fn a_million_columns() {
    let wide = "a,".repeat(400_000);
    insta::assert_snapshot!(shown("junk.csv", format!("{wide}\n{wide}\n"), &options("customers", "")), @"error: junk.csv has 400001 columns in line 1, more than the limit of 4096; is this the right file, and the right delimiter?");
    let line = "x".repeat(3 << 20);
    insta::assert_snapshot!(shown("junk.csv", line, &options("customers", "")), @"error: junk.csv is damaged or not a CSV file: its first mebibyte has no line end");
    let rows = format!("1,A,DE\n{}\n2,B,DE\n", "y".repeat(6 << 20));
    let text = customers(&rows);
    assert!(text.starts_with("customers@2 customer_id=1"), "{}", &text[..200]);
    assert!(text.contains("line 3: ") && text.contains("customers@4 customer_id=2 name=B"), "{}", text.len());
}

#[test]
fn a_wide_row_in_a_narrow_file() {
    let text = customers(&format!("1,A,DE\n{}\n2,B,DE\n", "z,".repeat(1_000_000)));
    assert!(text.contains("line 3: has 1000001 cells, the header has 3"));
    assert!(text.contains("customers@4 customer_id=2"));
}

#[test]
fn nothing_to_read() {
    for bytes in ["", "\n\n", "\u{feff}"] {
        let text = shown("empty.csv", bytes, &options("customers", ""));
        assert_eq!(
            text, "error: empty.csv has no rows; a header line and at least one row are needed",
            "{bytes:?}"
        );
    }
    let text = shown("head.csv", HEAD, &options("customers", ""));
    assert_eq!(text, "error: head.csv has no rows; a header line and at least one row are needed");
}

#[test]
fn dates_that_nothing_decides() {
    let rows = |second: &str| format!("customer_id,created_at\n1,03/04/2025\n2,{second}\n");
    insta::assert_snapshot!(shown("c.csv", rows("05/06/2025"), &options("customers", "")), @r#"error: the dates of column "created_at" may be day/month or month/day (such as "03/04/2025"); say date=dmy or date=mdy"#);
    insta::assert_snapshot!(shown("c.csv", rows("31/06/2025"), &options("customers", "")), @r#"
    customers@2 customer_id=1 created_at=2025-04-03
    line 3: created_at: "31/06/2025" is not a day of the calendar <- 2,31/06/2025
    "#);
    let mut given = options("customers", "");
    given.set("date", "mdy").unwrap();
    insta::assert_snapshot!(shown("c.csv", rows("31/12/2025"), &given), @r#"
    customers@2 customer_id=1 created_at=2025-03-04
    line 3: created_at: "31/12/2025" has no month 31 in a column of month/day; mend the value, or say date=dmy <- 2,31/12/2025
    "#);
}

#[test]
fn evidence_far_down_the_file_decides() {
    let mut text = "customer_id,created_at\n".to_owned();
    for n in 0..200_000 {
        text.push_str(&format!("{n},03/04/2025\n"));
    }
    text.push_str("last,12/31/2025\n");
    let outputs = crate::read("c.csv", text, &options("customers", "")).unwrap();
    let shown = crate::show(&outputs[..1]);
    assert!(shown.starts_with("customers@2 customer_id=0 created_at=2025-03-04\n"), "{}", &shown[..100]);
    assert_eq!(outputs.iter().map(|output| output.rows_taken()).sum::<u64>(), 200_001);
}

#[test]
fn money_is_exact_or_rejected() {
    let head = "customer_id,subscription_id,effective_at,status,amount,currency,interval,quantity\n";
    let rows = "a,s,2025-01-01,active,0.10,USD,month,3\na,s,2025-02-01,active,0.005,USD,month,1\n\
                a,s,2025-03-01,active,0.005,USD,month,200\na,s,2025-04-01,active,1000,JPY,year,\n\
                a,s,2025-05-01,canceled,,USD,month,\na,s,2025-06-01,active,,USD,month,\n\
                a,s,2025-07-01,active,9e30,USD,month,1\na,s,2025-08-01,active,5,XXQ,month,1\n";
    insta::assert_snapshot!(shown("s.csv", format!("{head}{rows}"), &options("subscription_changes", "")), @r#"
    subscription_changes@2 customer_id=a subscription_id=s effective_at=2025-01-01 status=active amount_minor=30 currency=USD interval=month interval_count=1 quantity=3
    subscription_changes@4 customer_id=a subscription_id=s effective_at=2025-03-01 status=active amount_minor=100 currency=USD interval=month interval_count=1 quantity=200
    subscription_changes@5 customer_id=a subscription_id=s effective_at=2025-04-01 status=active amount_minor=1000 currency=JPY interval=year interval_count=1 quantity=1
    subscription_changes@6 customer_id=a subscription_id=s effective_at=2025-05-01 status=canceled amount_minor=0 currency=USD interval=month interval_count=1 quantity=1
    line 3: amount: 0.005 × 1 is no whole number of minor units: USD has 2 decimals <- a,s,2025-02-01,active,0.005,USD,month,1
    line 7: amount is empty <- a,s,2025-06-01,active,,USD,month,
    line 8: amount: 9000000000000000000000000000000 × 1 is no whole number of minor units: USD has 2 decimals <- a,s,2025-07-01,active,9e30,USD,month,1
    line 9: currency: unknown currency "XXQ"; write an ISO 4217 code such as USD, EUR or JPY <- a,s,2025-08-01,active,5,XXQ,month,1
    "#);
}

#[test]
fn decimal_commas_by_column_and_by_file() {
    let head = "cost_id;date;kind;amount;currency\n";
    let mut opts = options("costs", "");
    let rows = "1;01.02.2025;ads;1.234,50;EUR\n2;01.02.2025;ads;1,234;KWD\n";
    insta::assert_snapshot!(shown("c.csv", format!("{head}{rows}"), &opts), @r"
    costs@2 cost_id=1 date=2025-02-01 kind=marketing amount_minor=123450 currency=EUR
    costs@3 cost_id=2 date=2025-02-01 kind=marketing amount_minor=1234 currency=KWD
    ");
    let mixed = format!("{head}{rows}3;01.02.2025;ads;12.5;EUR\n");
    assert!(
        shown("c.csv", mixed.as_str(), &opts).starts_with("error: the numbers of column \"amount\" may have")
    );
    opts.set("decimal", "comma").unwrap();
    let text = shown("c.csv", mixed, &opts);
    assert!(text.ends_with("line 4: amount: \"12.5\" is written with a decimal point in a column with decimal commas; mend the value, or say decimal=point <- 3;01.02.2025;ads;12.5;EUR\n"), "{text}");
    opts.decimal = None;
    let comma = "cost_id\tdate\tkind\tamount\tcurrency\n1\t2025-02-01\tads\t1,234\tEUR\n";
    insta::assert_snapshot!(shown("c.tsv", comma, &opts), @r#"error: the numbers of column "amount" may have a decimal comma or a comma for thousands (such as "1,234"); say decimal=comma or decimal=point"#);
    opts.set("decimal", "point").unwrap();
    insta::assert_snapshot!(shown("c.tsv", comma, &opts), @"costs@2 cost_id=1 date=2025-02-01 kind=marketing amount_minor=123400 currency=EUR");
}
