//! What a dry run says.

use burgeon_connectors::{Input, Options, Preview, Reader};

use crate::options;

fn preview(name: &str, text: &str, options: &Options) -> Preview {
    Reader::preview(&Input::bytes(name, text.to_owned()), options, 3).expect("the file can be read")
}

/// Shape, mapping and notes, one in each line.
fn told(preview: &Preview) -> String {
    let mut out = format!("{} ({}) {}\n", preview.shape, preview.tables.join(", "), preview.format);
    for mapped in &preview.mapping {
        let from = match (&mapped.column, &mapped.literal) {
            (Some(column), _) => column.clone(),
            (None, Some(literal)) => format!("'{literal}'"),
            (None, None) => "nothing".to_owned(),
        };
        out.push_str(&format!("{} = {from} {:.2} {}\n", mapped.field, mapped.confidence, mapped.why));
    }
    for undecided in &preview.undecided {
        out.push_str(&format!("undecided: {undecided}\n"));
    }
    for note in &preview.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

const SEATS: &str = "subscription_id,account_id,start_date,end_date,plan_tier,seats,mrr_amount,arr_amount,is_trial,billing_frequency\n\
                     S-1,A-1,2023-12-23,2024-04-12,Pro,14,2786,33432,FALSE,annual\n\
                     S-2,A-2,2024-01-23,,Basic,3,0,0,TRUE,monthly\n";

#[test]
fn a_column_of_mrr_is_per_month() {
    let mut opts = options("", "");
    opts.currency = Some(burgeon_core::currency::Currency::USD);
    let preview = preview("subscriptions.csv", SEATS, &opts);
    insta::assert_snapshot!(told(&preview), @r#"
    subscription_periods (subscription_changes) CSV, UTF-8, delimiter ,
    customer_id = account_id 0.89 usual name
    subscription_id = subscription_id 1.00 same name
    plan = plan_tier 0.92 usual name
    start = start_date 0.95 usual name
    end = end_date 0.95 usual name
    amount_total = mrr_amount 0.94 usual name
    currency = 'USD' 0.50 the workspace's currency, since the file names none
    interval = 'month' 0.90 mrr_amount is per month
    quantity = seats 0.95 usual name
    is_trial = is_trial 1.00 same name
    note: "mrr_amount" is per month whatever "billing_frequency" says; map interval to that column if it is not
    note: not read: arr_amount, billing_frequency
    "#);
    let rows: Vec<String> = preview
        .sample_rows()
        .into_iter()
        .map(|(_, row)| serde_json::Value::Object(row).to_string())
        .collect();
    assert!(rows[2].contains(r#""status":"trialing""#), "{rows:?}");
}

#[test]
fn what_a_person_adds_to_it() {
    let opts = options("subscription_periods", "amount=mrr_amount,currency='USD'");
    let preview = preview("subscriptions.csv", SEATS, &opts);
    let told = told(&preview);
    assert!(told.contains("interval = 'month'") && !told.contains("quantity = "), "{told}");
    let out = crate::shown("s.csv", SEATS, &opts);
    assert!(out.starts_with("subscription_changes@2 customer_id=A-1 subscription_id=S-1 effective_at=2023-12-23 status=active amount_minor=278600 "), "{out}");
}

#[test]
fn customers_and_their_attributes() {
    let text = "Account ID,Account name,Industry,Country,Signup date,Referral source,Team size\n\
                A-1,\"Company, 0\",EdTech,us,2024-10-16,partner,9\n";
    let preview = preview("accounts.csv", text, &options("", ""));
    insta::assert_snapshot!(told(&preview), @r"
    customers (customers) CSV, UTF-8, delimiter ,
    customer_id = Account ID 0.86 usual name
    name = Account name 0.92 usual name
    country = Country 1.00 same name
    channel = Referral source 0.94 usual name
    created_at = Signup date 0.94 usual name
    attributes.industry = Industry 1.00 no field reads it, so it becomes an attribute
    attributes.team_size = Team size 1.00 no field reads it, so it becomes an attribute
    ");
    insta::assert_snapshot!(crate::shown("accounts.csv", text, &options("", "")), @r#"customers@2 customer_id=A-1 name=Company, 0 country=US channel=partner created_at=2024-10-16 attributes={"industry":"EdTech","team_size":"9"}"#);
    insta::assert_snapshot!(crate::shown("accounts.csv", text, &options("customers", "segment=Industry,channel=")), @r#"customers@2 customer_id=A-1 name=Company, 0 country=US created_at=2024-10-16 attributes={"segment":"EdTech","referral_source":"partner","team_size":"9"}"#);
}

#[test]
fn why_they_left() {
    let text = "churn_event_id,account_id,churn_date,reason_code,refund_amount_usd,feedback_text\n\
                C-1,A-1,2024-10-27,pricing,4.03,switched\nC-2,A-2,2024-06-25,support,0,\n";
    let preview = preview("churn_events.csv", text, &options("", ""));
    insta::assert_snapshot!(told(&preview), @r"
    cancellations (cancellations) CSV, UTF-8, delimiter ,
    cancellation_id = churn_event_id 0.95 usual name
    customer_id = account_id 0.89 usual name
    at = churn_date 0.95 usual name
    reason = reason_code 0.95 usual name
    comment = feedback_text 0.95 usual name
    note: not read: refund_amount_usd
    ");
    let form = "Who;When;Answer\nF-1;03.05.2025;too dear\n";
    let opts = options("cancellations", "customer_id=Who,at=when,reason=Answer");
    insta::assert_snapshot!(crate::shown("form.csv", form, &opts), @"cancellations@2 cancellation_id=F-1@1746230400000000 customer_id=F-1 at=2025-05-03 reason=too dear");
}

#[test]
fn currencies_from_headers_and_signs() {
    let of = |head: &str, amount: &str| {
        let text = format!("payment_id,customer_id,date,status,{head}\np1,c1,2025-01-01,paid,{amount}\n");
        crate::shown("payments.csv", text, &options("payments", ""))
    };
    let expect = |currency: &str| {
        format!(
            "payments@2 payment_id=p1 customer_id=c1 at=2025-01-01 status=succeeded currency={currency} amount_minor=950\n"
        )
    };
    assert_eq!(of("amount_eur", "9.50"), expect("EUR"));
    assert_eq!(of("Amount (GBP)", "9.50"), expect("GBP"));
    assert_eq!(of("amount", "$9.50"), expect("USD"));
    assert_eq!(of("amount", "\"9,50 €\""), expect("EUR"));
    insta::assert_snapshot!(of("amount", "9.50"), @"error: payments needs currency (ISO 4217 code of all amounts of the row.); map a column to it (currency=COLUMN) or give a constant (currency='…'). Columns: payment_id, customer_id, date, status, amount");
}

#[test]
fn mistakes_name_the_mend() {
    let text = "customer_id,name\n1,A\n";
    let error = |shape: &str, map: &str| crate::shown("c.csv", text, &options(shape, map));
    insta::assert_snapshot!(error("custommers", ""), @r#"error: there is no table or shape "custommers"; did you mean "customers"?; there are stripe_subscriptions, stripe_invoices, stripe_charges, baremetrics, stripe_sigma_changes, subscription_periods, segment_events, segment_table, posthog_events, mixpanel_events, events, customers, plans, subscription_changes, cancellations, invoices, invoice_lines, payments, refunds, credit_notes, discounts, fx_rates, costs, customer_merges, releases, persons, identity_links"#);
    insta::assert_snapshot!(error("customers", "emial=name"), @r#"error: customers has no field "emial"; did you mean "email"? For an attribute of that name write attributes.emial=…"#);
    insta::assert_snapshot!(error("customers", "email=nmae"), @r#"error: the file has no column "nmae"; did you mean "name"?; it has customer_id, name"#);
    insta::assert_snapshot!(error("payments", "currency='EURO'"), @r#"error: currency='EURO': unknown currency "EURO"; write an ISO 4217 code such as USD, EUR or JPY; did you mean "EUR"?"#);
    let junk = crate::shown("j.csv", "a,b\n1,2\n", &options("", ""));
    assert!(
        junk.starts_with("error: the header fits no table: a, b. Say which it is (as stripe_subscriptions, "),
        "{junk}"
    );
}
