//! What headers call the columns of record tables, in normal form (lower case, words parted by `_`).

/// Names of the customer's identifier.
pub const CUSTOMER: &[&str] = &[
    "customer",
    "customer_oid",
    "customer_uuid",
    "customer_external_id",
    "client_id",
    "client",
    "account_id",
    "account",
    "company_id",
    "organization_id",
    "organisation_id",
    "org_id",
    "user_id",
    "tenant_id",
    "workspace_id",
    "subscriber_id",
    "customer_number",
    "customer_no",
    "stripe_customer_id",
    "account_number",
    "клиент",
    "id_клиента",
    "客户",
    "客户id",
];
/// Names of the subscription's identifier.
pub const SUBSCRIPTION: &[&str] = &[
    "subscription",
    "subscription_oid",
    "subscription_external_id",
    "sub_id",
    "contract_id",
    "agreement_id",
    "подписка",
    "订阅id",
];
/// Names of a plan.
pub const PLAN: &[&str] = &[
    "plan_name",
    "plan_id",
    "plan_oid",
    "plan_tier",
    "price_id",
    "tier",
    "package",
    "product_plan",
    "plan_code",
    "product",
    "sku",
    "тариф",
    "套餐",
];
/// Names of a unit price in major units.
pub const AMOUNT: &[&str] = &[
    "price",
    "plan_amount",
    "unit_price",
    "unit_amount",
    "rate",
    "fee",
    "monthly_price",
    "value",
    "sum",
    "сумма",
    "цена",
    "金额",
];
/// Names of a price for all units together.
pub const TOTAL: &[&str] = &[
    "mrr",
    "mrr_amount",
    "monthly_recurring_revenue",
    "arr",
    "arr_amount",
    "annual_recurring_revenue",
    "recurring_amount",
    "total_amount",
    "total",
    "net_amount",
];
/// Names of a currency column.
pub const CURRENCY: &[&str] =
    &["currency_code", "plan_currency", "ccy", "cur", "iso_currency", "валюта", "货币"];
/// Names of a billing interval.
pub const INTERVAL: &[&str] = &[
    "billing_interval",
    "plan_interval",
    "billing_period",
    "billing_frequency",
    "billing_cycle",
    "period",
    "frequency",
    "term",
    "interval_unit",
    "период",
];
/// Names of the number of intervals in a term.
pub const INTERVAL_COUNT: &[&str] = &["plan_interval_count", "billing_interval_count", "term_length"];
/// Names of the number of units.
pub const QUANTITY: &[&str] = &[
    "seats",
    "qty",
    "units",
    "licenses",
    "licences",
    "subscription_quantity",
    "seat_count",
    "users",
    "количество",
];
/// Names of a start.
pub const START: &[&str] = &[
    "start_date",
    "started_at",
    "start_at",
    "starts_at",
    "subscription_started_at",
    "valid_from",
    "from",
    "begin",
    "begin_date",
    "period_start",
    "start_time",
    "activated_at",
    "subscription_start",
    "начало",
    "дата_начала",
    "开始日期",
];
/// Names of an end.
pub const END: &[&str] = &[
    "end_date",
    "ended_at",
    "end_at",
    "ends_at",
    "valid_to",
    "valid_until",
    "to",
    "until",
    "period_end",
    "end_time",
    "canceled_at",
    "cancelled_at",
    "cancel_date",
    "cancellation_date",
    "canceled_on",
    "churned_at",
    "subscription_canceled_at",
    "subscription_end",
    "expires_at",
    "expiry_date",
    "конец",
    "дата_окончания",
    "结束日期",
];
/// Names of a flag that marks trials.
pub const TRIAL: &[&str] = &["trial", "in_trial", "trial_flag", "is_trialing"];
/// Names of a reason for leaving.
pub const REASON: &[&str] = &[
    "reason_code",
    "churn_reason",
    "cancellation_reason",
    "cancel_reason",
    "cancelation_reason",
    "reason_for_leaving",
    "primary_reason",
    "причина",
    "原因",
];

const AT: &[&str] = &[
    "date",
    "created",
    "created_at",
    "timestamp",
    "time",
    "datetime",
    "occurred_at",
    "created_date",
    "дата",
    "日期",
];

/// Names of a column of a record table beside its own.
pub fn of(table: &str, column: &str) -> Vec<&'static str> {
    let own: &[&str] = match (table, column) {
        ("customers", "customer_id") => &["id", "uuid", "external_id"],
        ("customers", "name") => &[
            "customer_name",
            "company_name",
            "company",
            "account_name",
            "organization",
            "organisation",
            "full_name",
            "client_name",
            "название",
            "имя",
            "名称",
        ],
        ("customers", "email") => {
            &["customer_email", "email_address", "billing_email", "contact_email", "e_mail", "mail", "почта"]
        }
        ("customers", "country") => &[
            "country_code",
            "billing_country",
            "customer_country",
            "address_country",
            "card_address_country",
            "страна",
            "国家",
        ],
        ("customers", "channel") => &[
            "acquisition_channel",
            "referral_source",
            "lead_source",
            "utm_source",
            "marketing_channel",
            "source",
            "referrer",
            "канал",
            "渠道",
        ],
        ("customers", "partner") => {
            &["partner_name", "referral_partner", "reseller", "affiliate", "партнер", "партнёр"]
        }
        ("customers", "created_at") => &[
            "created",
            "signup_date",
            "sign_up_date",
            "signed_up_at",
            "signup_at",
            "created_on",
            "creation_date",
            "registration_date",
            "registered_at",
            "date_created",
            "customer_since",
            "first_seen",
            "joined_at",
            "created_date",
            "дата_регистрации",
            "注册日期",
        ],
        ("plans", "plan") => &["plan_id", "plan_oid", "plan_code", "price_id", "id", "sku", "code"],
        ("plans", "name") => &["plan_name", "title", "nickname"],
        ("plans", "product") => &["product_name", "product_id"],
        ("subscription_changes", "effective_at") => &[
            "effective_date",
            "effective_from",
            "effective",
            "changed_at",
            "change_date",
            "event_date",
            "event_time",
            "date",
            "at",
            "timestamp",
            "valid_from",
            "дата",
        ],
        ("subscription_changes", "status") => &["subscription_status", "state", "статус", "状态"],
        ("subscription_changes", "canceled_at") => &["cancelled_at", "cancel_requested_at", "canceled_on"],
        ("subscription_changes", "trial_end") => &["trial_ends_at", "trial_end_date", "trial_until"],
        ("subscription_changes", "source_event") => &["event_id", "source_event_id"],
        ("subscription_changes", "list_amount") => &["list_price", "gross_amount", "base_price"],
        ("cancellations", "cancellation_id") => {
            &["churn_event_id", "cancelation_id", "churn_id", "event_id", "response_id", "id"]
        }
        ("cancellations", "at") => &[
            "churn_date",
            "churned_at",
            "cancellation_date",
            "canceled_at",
            "cancelled_at",
            "cancel_date",
            "canceled_on",
            "date",
            "submitted_at",
            "created_at",
            "дата",
        ],
        ("cancellations", "comment") => &[
            "feedback_text",
            "feedback",
            "comments",
            "cancellation_feedback",
            "notes",
            "note",
            "details",
            "free_text",
            "комментарий",
            "评论",
        ],
        ("invoices", "invoice_id") => &["id", "invoice", "invoice_number", "number", "invoice_no", "номер"],
        ("invoices", "issued_at") => &[
            "invoice_date",
            "issue_date",
            "date",
            "created",
            "created_at",
            "finalized_at",
            "issued_on",
            "billing_date",
            "дата",
            "日期",
        ],
        ("invoices", "due_at") => &["due_date", "payment_due", "due"],
        ("invoices", "paid_at") => &["paid_date", "payment_date", "paid_on", "date_paid"],
        ("invoices", "status") => &["invoice_status", "state"],
        ("invoices", "subtotal") => &["sub_total", "net_amount", "net"],
        ("invoices", "discount") => &["discount_amount", "total_discount_amount"],
        ("invoices", "tax") => &["tax_amount", "vat", "vat_amount", "total_tax"],
        ("invoices", "total") => {
            &["total_amount", "amount", "amount_due", "grand_total", "invoice_total", "gross_amount", "сумма"]
        }
        ("invoice_lines", "line_id") => {
            &["id", "line_item_id", "invoice_line_id", "invoice_item_id", "item_id"]
        }
        ("invoice_lines", "at") => &["invoice_date", "date", "created", "created_at", "billed_at"],
        ("invoice_lines", "kind") => &["type", "line_type", "item_type", "category"],
        ("invoice_lines", "description") => &["item", "item_description", "text", "name"],
        ("invoice_lines", "amount") => &["line_amount", "net_amount", "line_total", "price", "total"],
        ("invoice_lines", "tax") => &["tax_amount", "vat"],
        ("invoice_lines", "period_start") => {
            &["service_start", "service_period_start", "start_date", "start"]
        }
        ("invoice_lines", "period_end") => &["service_end", "service_period_end", "end_date", "end"],
        ("invoice_lines", "proration") => &["is_proration", "prorated"],
        ("payments", "payment_id") => {
            &["id", "charge_id", "transaction_id", "payment", "txn_id", "payment_intent_id"]
        }
        ("payments", "at") => &[
            "payment_date",
            "paid_at",
            "date",
            "created",
            "created_at",
            "transaction_date",
            "timestamp",
            "дата",
        ],
        ("payments", "status") => &["payment_status", "state", "result"],
        ("payments", "fee") => &["fees", "processing_fee", "transaction_fee"],
        ("payments", "tax") => &["tax_amount", "vat"],
        ("payments", "amount") => &["payment_amount", "amount_paid", "gross", "paid", "total", "сумма"],
        ("refunds", "refund_id") => &["id", "refund"],
        ("refunds", "at") => &["refund_date", "refunded_at", "date", "created", "created_at"],
        ("refunds", "payment_id") => &["charge_id", "payment", "charge", "transaction_id"],
        ("refunds", "amount") => &["refund_amount", "amount_refunded", "refunded"],
        ("refunds" | "credit_notes", "reason") => &["refund_reason", "memo"],
        ("credit_notes", "credit_note_id") => &["id", "credit_note", "credit_note_number", "number"],
        ("credit_notes", "at") => &["credit_date", "issued_at", "date", "created", "created_at"],
        ("credit_notes", "amount") => &["credit_amount", "total"],
        ("discounts", "discount_id") => &["id"],
        ("discounts", "coupon") => &["coupon_code", "coupon_id", "code", "promo_code", "promotion_code"],
        ("discounts", "percent") => &["percent_off", "discount_percent", "percentage"],
        ("discounts", "amount") => &["amount_off", "discount_amount"],
        ("discounts", "duration") => &["coupon_duration", "discount_duration"],
        ("discounts", "starts_at") => START,
        ("discounts", "ends_at") => END,
        ("fx_rates", "date") => &["day", "at", "rate_date", "дата", "日期"],
        ("fx_rates", "base") => &["base_currency", "from", "from_currency", "source_currency"],
        ("fx_rates", "quote") => {
            &["quote_currency", "to", "to_currency", "target_currency", "counter_currency"]
        }
        ("fx_rates", "rate") => &["fx_rate", "exchange_rate", "value", "курс", "汇率"],
        ("costs", "cost_id") => &["id", "expense_id", "transaction_id"],
        ("costs", "date") => &["day", "at", "cost_date", "expense_date", "дата", "日期"],
        ("costs", "kind") => &["category", "type", "cost_type", "department"],
        ("costs", "channel") => &["source", "marketing_channel", "medium"],
        ("costs", "campaign") => &["campaign_name", "utm_campaign"],
        ("costs", "amount") => &["cost", "spend", "amount_spent", "expense", "total", "сумма"],
        ("costs" | "releases", "note") => &["notes", "description", "comment", "memo"],
        ("customer_merges", "from_customer_id") => {
            &["from", "from_id", "duplicate_id", "old_customer_id", "source_customer_id"]
        }
        ("customer_merges", "into_customer_id") => {
            &["into", "into_id", "to", "primary_id", "new_customer_id", "target_customer_id"]
        }
        ("customer_merges", "at") => &["merged_at", "date"],
        ("releases", "release_id") => &["id", "version"],
        ("releases", "at") => &["date", "released_at", "release_date"],
        ("releases", "name") => &["title", "release", "event"],
        ("releases", "kind") => &["type", "category"],
        ("events", "event_id") => &["uuid", "insert_id", "message_id", "event_uuid"],
        ("events", "event") => &["event_name", "event_type", "event_text", "action"],
        ("events", "distinct_id") => &[
            "person_id",
            "person",
            "user_id",
            "userid",
            "visitor_id",
            "anonymous_id",
            "device_id",
            "profile_id",
            "user",
        ],
        ("events", "at") => &[
            "timestamp",
            "event_timestamp",
            "event_time",
            "time",
            "datetime",
            "occurred_at",
            "created_at",
            "ts",
            "date",
        ],
        ("events", "received_at") => &["inserted_at", "ingested_at"],
        // The shared names would take the person's identifier for a customer's.
        ("events", "customer_id") => {
            return vec![
                "account_id",
                "company_id",
                "organization_id",
                "organisation_id",
                "org_id",
                "tenant_id",
            ];
        }
        ("events", "session_id") => &["visit_id"],
        ("events", "url") => &["page_url", "current_url", "page_location"],
        ("events", "path") => &["page_path", "page", "pathname"],
        ("events", "title") => &["page_title"],
        ("events", "referrer") => &["page_referrer", "referer"],
        ("events", "source") => &["utm_source"],
        ("events", "medium") => &["utm_medium"],
        ("events", "campaign") => &["utm_campaign"],
        ("events", "content") => &["utm_content"],
        ("events", "term") => &["utm_term"],
        ("events", "channel") => &["acquisition_channel", "marketing_channel"],
        ("events", "country") => &["country_code"],
        ("events", "device") => &["device_type", "device_category"],
        ("events", "os") => &["operating_system"],
        ("persons", "distinct_id") => return vec!["person_id", "person", "user_id", "userid", "user"],
        ("persons", "customer_id") => return vec!["account_id", "company_id", "organization_id", "org_id"],
        ("identity_links", "from_id") => &["previous_id", "alias"],
        ("identity_links", "to_id") => &["user_id", "distinct_id"],
        _ => &[],
    };
    let shared: &[&str] = match column {
        "customer_id" => CUSTOMER,
        "subscription_id" => SUBSCRIPTION,
        "invoice_id" => &["invoice", "invoice_number", "invoice_no"],
        "plan" => PLAN,
        "amount" => AMOUNT,
        "amount_total" => TOTAL,
        "currency" => CURRENCY,
        "interval" => INTERVAL,
        "interval_count" => INTERVAL_COUNT,
        "quantity" => QUANTITY,
        "reason" => REASON,
        "is_trial" => TRIAL,
        "at" => AT,
        _ => &[],
    };
    own.iter().chain(shared).copied().collect()
}
