//! The exports that people have, each with a small file of our own in its form.

use crate::{options, shown};

#[test]
fn periods_that_follow_each_other() {
    let text = "customer_id,plan,start,end,amount,currency,interval,quantity,reason\n\
                a,Pro,2025-03-01,2025-06-01,20,EUR,month,2,moved\n\
                a,Pro,2025-01-01,2025-03-01,10,EUR,month,2,\n\
                a,Pro,2025-07-01,2025-07-01,10,EUR,month,2,\n\
                b,,2025-01-01,,30,EUR,3 months,,\n";
    insta::assert_snapshot!(shown("p.csv", text, &options("", "")), @r"
    subscription_changes@2 customer_id=a subscription_id=Pro effective_at=2025-03-01 status=active amount_minor=4000 currency=EUR interval=month interval_count=1 quantity=2 plan=Pro
    subscription_changes@2 customer_id=a subscription_id=Pro effective_at=2025-06-01 status=canceled amount_minor=0 currency=EUR interval=month interval_count=1 quantity=2 plan=Pro reason=moved
    subscription_changes@3 customer_id=a subscription_id=Pro effective_at=2025-01-01 status=active amount_minor=2000 currency=EUR interval=month interval_count=1 quantity=2 plan=Pro
    subscription_changes@5 customer_id=b subscription_id=default effective_at=2025-01-01 status=active amount_minor=3000 currency=EUR interval=month interval_count=3 quantity=1
    line 4: the end is not after the start; a span ends before its end date <- a,Pro,2025-07-01,2025-07-01,10,EUR,month,2,
    ");
}

#[test]
fn periods_that_overlap_stand_side_by_side() {
    let text = "customer_id,subscription_id,start,end,amount,currency,interval\n\
                a,s,2025-01-01,2025-03-01,10,EUR,month\n\
                a,s,2025-02-01,2025-05-01,20,EUR,month\n\
                a,s,2025-05-01,,30,EUR,month\n\
                a,s,2025-05-01,2025-05-01,40,EUR,month\n\
                b,t,2025-01-01,2025-02-01,10,EUR,month\n\
                b,t,2025-02-01,2025-02-01,10,EUR,month\n\
                c,u,2025-01-01,2025-02-01,10,EUR,month\n\
                c,u,2025-01-01,2025-04-01,10,EUR,month\n";
    insta::assert_snapshot!(shown("p.csv", text, &options("", "")), @r"
    subscription_changes@2 customer_id=a subscription_id=s effective_at=2025-01-01 status=active amount_minor=1000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@2 customer_id=a subscription_id=s effective_at=2025-03-01 status=canceled amount_minor=0 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@3 customer_id=a subscription_id=s~2 effective_at=2025-02-01 status=active amount_minor=2000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@4 customer_id=a subscription_id=s~2 effective_at=2025-05-01 status=active amount_minor=3000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@6 customer_id=b subscription_id=t effective_at=2025-01-01 status=active amount_minor=1000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@6 customer_id=b subscription_id=t effective_at=2025-02-01 status=canceled amount_minor=0 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@8 customer_id=c subscription_id=u effective_at=2025-01-01 status=active amount_minor=1000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@9 customer_id=c subscription_id=u effective_at=2025-01-01 status=active amount_minor=1000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@9 customer_id=c subscription_id=u effective_at=2025-04-01 status=canceled amount_minor=0 currency=EUR interval=month interval_count=1 quantity=1
    line 5: the end is not after the start; a span ends before its end date <- a,s,2025-05-01,2025-05-01,40,EUR,month
    line 7: the end is not after the start; a span ends before its end date <- b,t,2025-02-01,2025-02-01,10,EUR,month
    ");
}

#[test]
fn periods_without_a_subscription_add_up() {
    let text = "customer_id,start,end,amount,currency,interval\n\
                a,2025-01-01,,10,EUR,month\n\
                a,2025-01-01,,20,EUR,month\n\
                a,2025-01-01,,20,EUR,month\n";
    insta::assert_snapshot!(shown("p.csv", text, &options("", "")), @r"
    subscription_changes@2 customer_id=a subscription_id=default effective_at=2025-01-01 status=active amount_minor=1000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@3 customer_id=a subscription_id=default~2 effective_at=2025-01-01 status=active amount_minor=2000 currency=EUR interval=month interval_count=1 quantity=1
    subscription_changes@4 customer_id=a subscription_id=default~2 effective_at=2025-01-01 status=active amount_minor=2000 currency=EUR interval=month interval_count=1 quantity=1
    ");
}

#[test]
fn stripe_subscriptions() {
    let head = "id,Customer ID,Customer Name,Customer Email,Plan,Quantity,Currency,Interval,Amount,Status,Created (UTC),Start (UTC),\
                Start Date (UTC),Current Period Start (UTC),Current Period End (UTC),Trial Start (UTC),Trial End (UTC),\
                Canceled At (UTC),Ended At (UTC),Cancellation Reason\n";
    let rows = "sub_1,cus_1,Alder,a@example.com,pro,2,usd,month,29.00,active,2025-01-01 10:00,2025-01-01 10:00,,2025-06-01 10:00,2025-07-01 10:00,,,,,\n\
                sub_2,cus_1,Alder,a@example.com,pro,1,usd,year,290.00,canceled,2025-01-01 00:00,2025-01-01 00:00,,,,2025-01-01 00:00,2025-01-15 00:00,2025-03-01 00:00,2025-04-01 00:00,too_expensive\n\
                sub_3,cus_2,Birch,b@example.com,pro,1,eur,month,29.00,past_due,2025-02-01 00:00,2025-02-01 00:00,,2025-05-01 00:00,2025-06-01 00:00,,,2025-05-10 00:00,,\n\
                sub_4,cus_3,Cedar,c@example.com,pro,1,eur,month,29.00,trialing,2025-02-01 00:00,2025-02-01 00:00,,2025-02-01 00:00,2025-02-15 00:00,2025-02-01 00:00,2025-02-15 00:00,,,\n\
                sub_5,cus_4,Elm,e@example.com,pro,1,eur,month,29.00,canceled,2025-02-01 00:00,2025-02-01 00:00,,,,,,,,\n";
    insta::assert_snapshot!(shown("subscriptions.csv", format!("{head}{rows}"), &options("", "")), @r"
    customers@2 customer_id=cus_1 name=Alder email=a@example.com
    customers@4 customer_id=cus_2 name=Birch email=b@example.com
    customers@5 customer_id=cus_3 name=Cedar email=c@example.com
    subscription_changes@2 customer_id=cus_1 subscription_id=sub_1 effective_at=2025-01-01T10:00:00Z status=active amount_minor=5800 currency=USD interval=month interval_count=1 quantity=2 plan=pro
    subscription_changes@3 customer_id=cus_1 subscription_id=sub_2 effective_at=2025-01-01 status=trialing amount_minor=29000 currency=USD interval=year interval_count=1 quantity=1 plan=pro trial_end=2025-01-15
    subscription_changes@3 customer_id=cus_1 subscription_id=sub_2 effective_at=2025-01-15 status=active amount_minor=29000 currency=USD interval=year interval_count=1 quantity=1 plan=pro trial_end=2025-01-15
    subscription_changes@3 customer_id=cus_1 subscription_id=sub_2 effective_at=2025-04-01 status=canceled amount_minor=0 currency=USD interval=year interval_count=1 quantity=1 plan=pro reason=too_expensive canceled_at=2025-03-01 trial_end=2025-01-15
    subscription_changes@4 customer_id=cus_2 subscription_id=sub_3 effective_at=2025-02-01 status=active amount_minor=2900 currency=EUR interval=month interval_count=1 quantity=1 plan=pro
    subscription_changes@4 customer_id=cus_2 subscription_id=sub_3 effective_at=2025-05-01 status=past_due amount_minor=2900 currency=EUR interval=month interval_count=1 quantity=1 plan=pro
    subscription_changes@4 customer_id=cus_2 subscription_id=sub_3 effective_at=2025-06-01 status=canceled amount_minor=0 currency=EUR interval=month interval_count=1 quantity=1 plan=pro canceled_at=2025-05-10
    subscription_changes@5 customer_id=cus_3 subscription_id=sub_4 effective_at=2025-02-01 status=trialing amount_minor=2900 currency=EUR interval=month interval_count=1 quantity=1 plan=pro trial_end=2025-02-15
    line 6: status is canceled, but ended_at and canceled_at are empty <- sub_5,cus_4,Elm,e@example.com,pro,1,eur,month,29.00,canceled,2025-02-01 00:00,2025-02-01 00:00,,,,,,,,
    ");
}

#[test]
fn stripe_invoices_and_charges() {
    let text = "id,Amount Due,Currency,Customer,Date (UTC),Due Date (UTC),Number,Paid,Subscription,Subtotal,Total Discount Amount,Tax,Total\n\
                in_1,24.00,eur,cus_1,2025-01-01 10:00,,A-1,TRUE,sub_1,25.00,5.00,4.00,24.00\n";
    insta::assert_snapshot!(shown("invoices.csv", text, &options("", "")), @"invoices@2 invoice_id=in_1 customer_id=cus_1 subscription_id=sub_1 issued_at=2025-01-01T10:00:00Z status=paid currency=EUR subtotal_minor=2500 discount_minor=500 tax_minor=400 total_minor=2400");
    let text = "id,Created date (UTC),Amount,Amount Refunded,Currency,Converted Currency,Fee,Status,Customer ID,Customer Email,Invoice ID\n\
                ch_1,2025-01-01 10:00,24.00,4.00,eur,eur,0.60,Paid,cus_1,,in_1\n\
                ch_2,2025-01-02 10:00,1000,0,jpy,eur,0.60,Failed,,x@example.com,\n";
    insta::assert_snapshot!(shown("payments.csv", text, &options("", "")), @r"
    payments@2 payment_id=ch_1 customer_id=cus_1 invoice_id=in_1 at=2025-01-01T10:00:00Z status=succeeded currency=EUR amount_minor=2400 fee_minor=60
    payments@3 payment_id=ch_2 customer_id=x@example.com at=2025-01-02T10:00:00Z status=failed currency=JPY amount_minor=1000
    refunds@2 refund_id=ch_1:refund customer_id=cus_1 payment_id=ch_1 invoice_id=in_1 at=2025-01-01T10:00:00Z currency=EUR amount_minor=400
    ");
}

#[test]
fn sigma_differences_sum_up_in_the_order_of_time() {
    let text = "event_timestamp,local_event_timestamp,event_type,currency,mrr_change,quantity_change,customer_id,price_id,product_id,subscription_id,subscription_item_id\n\
                2025-03-01 00:00:00,2025-03-01 00:00:00,ACTIVE_END,usd,-3000,-3,cus_1,price_1,prod_1,sub_1,si_1\n\
                2025-01-01 00:00:00,2025-01-01 00:00:00,ACTIVE_START,usd,1000,1,cus_1,price_1,prod_1,sub_1,si_1\n\
                2025-02-01 00:00:00,2025-02-01 00:00:00,ACTIVE_UPGRADE,usd,1500,1,cus_1,price_1,prod_1,sub_1,si_1\n\
                2025-02-01 00:00:00,2025-02-01 00:00:00,ACTIVE_UPGRADE,usd,500,1,cus_1,price_1,prod_1,sub_1,si_1\n";
    insta::assert_snapshot!(shown("sigma.csv", text, &options("", "")), @r"
    subscription_changes@2 customer_id=cus_1 subscription_id=si_1 effective_at=2025-03-01 status=canceled amount_minor=0 currency=USD interval=month interval_count=1 quantity=1 plan=price_1 reason=ACTIVE_END
    subscription_changes@3 customer_id=cus_1 subscription_id=si_1 effective_at=2025-01-01 status=active amount_minor=1000 currency=USD interval=month interval_count=1 quantity=1 plan=price_1 reason=ACTIVE_START
    subscription_changes@5 customer_id=cus_1 subscription_id=si_1 effective_at=2025-02-01 status=active amount_minor=3000 currency=USD interval=month interval_count=1 quantity=3 plan=price_1 reason=ACTIVE_UPGRADE
    ");
}

#[test]
fn baremetrics_template() {
    let text = "plan_oid,plan_name,plan_currency,plan_amount,plan_interval,plan_interval_count,customer_oid,customer_name,customer_email,\
                subscription_oid,subscription_started_at,subscription_canceled_at,subscription_quantity\n\
                p1,Pro,USD,2900,month,1,c1,Alder,a@example.com,s1,2025-01-01,2025-04-01,2\n\
                p1,Pro,USD,2900,month,1,c1,Alder,a@example.com,s2,1735689600,,\n";
    insta::assert_snapshot!(shown("baremetrics.csv", text, &options("", "")), @r"
    customers@2 customer_id=c1 name=Alder email=a@example.com
    plans@2 plan=p1 name=Pro amount_minor=2900 currency=USD interval=month interval_count=1
    subscription_changes@2 customer_id=c1 subscription_id=s1 effective_at=2025-01-01 status=active amount_minor=5800 currency=USD interval=month interval_count=1 quantity=2 plan=p1
    subscription_changes@2 customer_id=c1 subscription_id=s1 effective_at=2025-04-01 status=canceled amount_minor=0 currency=USD interval=month interval_count=1 quantity=2 plan=p1
    subscription_changes@3 customer_id=c1 subscription_id=s2 effective_at=2025-01-01 status=active amount_minor=2900 currency=USD interval=month interval_count=1 quantity=1 plan=p1
    ");
}

#[test]
fn canonical_tables() {
    let text = "date,base,quote,rate\n2025-01-01,EUR,USD,1.0352\n2025-01-02,EUR,USD,1.03521234567\n";
    insta::assert_snapshot!(shown("fx_rates.csv", text, &options("", "")), @r"
    fx_rates@2 date=2025-01-01 base=EUR quote=USD rate=1.0352000000
    line 3: rate: has more than ten decimals or is too large <- 2025-01-02,EUR,USD,1.03521234567
    ");
    let text = "discount_id,customer_id,percent,starts_at\nd1,c1,20,2025-01-01\n";
    insta::assert_snapshot!(shown("discounts.csv", text, &options("", "")), @"discounts@2 discount_id=d1 customer_id=c1 percent=20.0000000000 starts_at=2025-01-01");
    let text = r#"{"customer_id":"c1","created_at":"2025-01-01T00:00:00+02:00","attributes":{"size":3,"tier":"gold"}}"#;
    insta::assert_snapshot!(shown("customers.jsonl", text, &options("", "")), @r#"customers@1 customer_id=c1 created_at=2024-12-31T22:00:00Z attributes={"size":"3","tier":"gold"}"#);
    let text = "release_id,at,name,kind\nr1,2025-01-01,New prices,price change\n";
    insta::assert_snapshot!(shown("releases.csv", text, &options("", "")), @"releases@2 release_id=r1 at=2025-01-01 name=New prices kind=price_change");
}
