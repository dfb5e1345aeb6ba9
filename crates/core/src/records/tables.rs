//! The list of record tables. To add one, add it here; everything else follows.

use super::ColumnType::{Bool, Date, Decimal10, Int, Json, Minor, Text, Timestamp};
use super::{Column, ColumnType, Storage, Table};

const fn required(name: &'static str, ty: ColumnType, doc: &'static str) -> Column {
    Column { name, ty, required: true, doc }
}

const fn optional(name: &'static str, ty: ColumnType, doc: &'static str) -> Column {
    Column { name, ty, required: false, doc }
}

/// All record tables, in the order of the documentation.
pub static TABLES: &[Table] = &[
    CUSTOMERS,
    PLANS,
    SUBSCRIPTION_CHANGES,
    CANCELLATIONS,
    INVOICES,
    INVOICE_LINES,
    PAYMENTS,
    REFUNDS,
    CREDIT_NOTES,
    DISCOUNTS,
    FX_RATES,
    COSTS,
    CUSTOMER_MERGES,
    RELEASES,
    PERSONS,
    IDENTITY_LINKS,
    EVENTS,
    REJECTS,
];

const CUSTOMERS: Table = Table {
    name: "customers",
    doc: "Who buys: one row for each account as last seen.",
    columns: &[
        required("customer_id", Text, "Identifier in the billing system."),
        optional("name", Text, "Name of the company or person."),
        optional("email", Text, "Billing address for mail."),
        optional("country", Text, "ISO 3166 code of two letters."),
        optional("channel", Text, "How the customer was won, such as organic_search or outbound."),
        optional("partner", Text, "Partner who brought the customer, if any."),
        optional("created_at", Timestamp, "When the account was created."),
        optional("attributes", Json, "Any further attributes; each key is a dimension."),
    ],
    key: &["customer_id"],
    entity: Some("customer_id"),
    time: None,
    storage: Storage::Ledger,
};

const PLANS: Table = Table {
    name: "plans",
    doc: "What is sold: one row for each price.",
    columns: &[
        required("plan", Text, "Identifier that subscriptions name."),
        optional("name", Text, "Name for people."),
        optional("product", Text, "Product that the plan belongs to."),
        optional("amount_minor", Minor, "Price of one unit for one interval."),
        optional("currency", Text, "ISO 4217 code of the price."),
        optional("interval", Text, "day, week, month, quarter, half_year or year."),
        optional("interval_count", Int, "Number of intervals in one term; 1 when empty."),
    ],
    key: &["plan"],
    entity: None,
    time: None,
    storage: Storage::Ledger,
};

const SUBSCRIPTION_CHANGES: Table = Table {
    name: "subscription_changes",
    doc: "Each change of a subscription as the full state from then on; all recurring revenue comes from here.",
    columns: &[
        required("customer_id", Text, "Customer who pays."),
        required("subscription_id", Text, "Subscription that changed."),
        required("effective_at", Timestamp, "From when the state holds; may lie in the future (scheduled)."),
        required(
            "status",
            Text,
            "trialing, active, past_due, unpaid, uncollectible, paused, canceled, incomplete, incomplete_expired or free.",
        ),
        required("amount_minor", Minor, "Net price of all units for one term: after discount, before tax."),
        optional("list_amount_minor", Minor, "The same before discount; amount_minor when empty."),
        required("currency", Text, "ISO 4217 code of both amounts."),
        required("interval", Text, "day, week, month, quarter, half_year or year."),
        optional("interval_count", Int, "Number of intervals in one term; 1 when empty."),
        optional("quantity", Int, "Units (seats) sold; 1 when empty. The amounts include it."),
        optional("plan", Text, "Plan that is sold."),
        optional("reason", Text, "Why the change was made, as the source says."),
        optional(
            "canceled_at",
            Timestamp,
            "When the cancellation was asked for, where it takes effect later.",
        ),
        optional("trial_end", Timestamp, "When the trial ends or ended."),
        optional("source_event", Text, "Identifier of the event in the source system."),
        optional("change_id", Text, "Tells several changes of one subscription at one instant apart."),
    ],
    key: &["customer_id", "subscription_id", "effective_at", "change_id"],
    entity: Some("customer_id"),
    time: Some("effective_at"),
    storage: Storage::Ledger,
};

const CANCELLATIONS: Table = Table {
    name: "cancellations",
    doc: "Why somebody left, as a churn form or an export gives it.",
    columns: &[
        required("cancellation_id", Text, "Identifier of the answer."),
        required("customer_id", Text, "Customer who left."),
        optional("subscription_id", Text, "Subscription that was given up, where known."),
        required("at", Timestamp, "When it was said."),
        optional("reason", Text, "Short reason, such as price or missing_feature."),
        optional("comment", Text, "The customer's own words."),
    ],
    key: &["customer_id", "cancellation_id"],
    entity: Some("customer_id"),
    time: Some("at"),
    storage: Storage::Ledger,
};

const INVOICES: Table = Table {
    name: "invoices",
    doc: "Invoices as last seen.",
    columns: &[
        required("invoice_id", Text, "Identifier of the invoice."),
        required("customer_id", Text, "Customer who is billed."),
        optional("subscription_id", Text, "Subscription that is billed, if it is one."),
        required("issued_at", Timestamp, "When it was issued."),
        optional("due_at", Timestamp, "When it is due."),
        optional("paid_at", Timestamp, "When it was paid in full."),
        optional("status", Text, "draft, open, paid, void or uncollectible."),
        required("currency", Text, "ISO 4217 code of all amounts of the row."),
        optional("subtotal_minor", Minor, "Sum of the lines before discount and tax."),
        optional("discount_minor", Minor, "Discount on the whole invoice."),
        optional("tax_minor", Minor, "Tax on the whole invoice."),
        required("total_minor", Minor, "What the customer owes: subtotal − discount + tax."),
    ],
    key: &["customer_id", "invoice_id"],
    entity: Some("customer_id"),
    time: Some("issued_at"),
    storage: Storage::Ledger,
};

const INVOICE_LINES: Table = Table {
    name: "invoice_lines",
    doc: "Lines of invoices; recognised revenue comes from here.",
    columns: &[
        required("line_id", Text, "Identifier of the line."),
        required("invoice_id", Text, "Invoice that the line stands on."),
        required("customer_id", Text, "Customer who is billed."),
        optional("subscription_id", Text, "Subscription that is billed, if it is one."),
        required("at", Timestamp, "When the line was billed."),
        required("kind", Text, "subscription, usage, one_off or credit."),
        optional("plan", Text, "Plan that is billed."),
        optional("description", Text, "Text of the line."),
        optional("quantity", Int, "Units billed."),
        required("currency", Text, "ISO 4217 code of both amounts."),
        required("amount_minor", Minor, "Net of discount, without tax; negative for credits."),
        optional("tax_minor", Minor, "Tax on the line."),
        optional("period_start", Timestamp, "First instant of the service billed."),
        optional("period_end", Timestamp, "First instant after the service billed."),
        optional("proration", Bool, "Whether the line settles a change within a term."),
    ],
    key: &["customer_id", "line_id"],
    entity: Some("customer_id"),
    time: Some("at"),
    storage: Storage::Ledger,
};

const PAYMENTS: Table = Table {
    name: "payments",
    doc: "Attempts to collect money.",
    columns: &[
        required("payment_id", Text, "Identifier of the attempt."),
        required("customer_id", Text, "Customer who pays."),
        optional("invoice_id", Text, "Invoice that is paid."),
        required("at", Timestamp, "When it was tried."),
        required("status", Text, "succeeded, failed or pending."),
        required("currency", Text, "ISO 4217 code of all amounts of the row."),
        required("amount_minor", Minor, "What was tried, with tax."),
        optional("fee_minor", Minor, "Fee of the processor."),
        optional("tax_minor", Minor, "Tax within the amount."),
    ],
    key: &["customer_id", "payment_id"],
    entity: Some("customer_id"),
    time: Some("at"),
    storage: Storage::Ledger,
};

const REFUNDS: Table = Table {
    name: "refunds",
    doc: "Money given back.",
    columns: &[
        required("refund_id", Text, "Identifier of the refund."),
        required("customer_id", Text, "Customer who gets it."),
        optional("payment_id", Text, "Payment that is given back."),
        optional("invoice_id", Text, "Invoice that it settles."),
        required("at", Timestamp, "When it was given."),
        required("currency", Text, "ISO 4217 code of the amount."),
        required("amount_minor", Minor, "What was given back, positive, with tax."),
        optional("reason", Text, "Why."),
    ],
    key: &["customer_id", "refund_id"],
    entity: Some("customer_id"),
    time: Some("at"),
    storage: Storage::Ledger,
};

const CREDIT_NOTES: Table = Table {
    name: "credit_notes",
    doc: "Claims given up; they touch revenue, never recurring revenue.",
    columns: &[
        required("credit_note_id", Text, "Identifier of the note."),
        required("customer_id", Text, "Customer who gets it."),
        optional("invoice_id", Text, "Invoice that it lowers."),
        required("at", Timestamp, "When it was issued."),
        required("currency", Text, "ISO 4217 code of the amount."),
        required("amount_minor", Minor, "What was given up, positive, without tax."),
        optional("reason", Text, "Why."),
    ],
    key: &["customer_id", "credit_note_id"],
    entity: Some("customer_id"),
    time: Some("at"),
    storage: Storage::Ledger,
};

const DISCOUNTS: Table = Table {
    name: "discounts",
    doc: "Discounts as granted. Their effect on recurring revenue stands in subscription_changes.",
    columns: &[
        required("discount_id", Text, "Identifier of the grant."),
        required("customer_id", Text, "Customer who has it."),
        optional("subscription_id", Text, "Subscription that it lowers; all of the customer's when empty."),
        optional("coupon", Text, "Code of the coupon."),
        optional("percent", Decimal10, "Share of the price in per cent: 20 is a fifth off."),
        optional("amount_minor", Minor, "Fixed amount off for one term, where it is no share."),
        optional("currency", Text, "ISO 4217 code of the fixed amount."),
        required("starts_at", Timestamp, "From when it holds."),
        optional("ends_at", Timestamp, "Until when it holds; for ever when empty."),
        optional("duration", Text, "once (a single invoice), repeating or forever; not known when empty."),
    ],
    key: &["customer_id", "discount_id"],
    entity: Some("customer_id"),
    time: Some("starts_at"),
    storage: Storage::Ledger,
};

const FX_RATES: Table = Table {
    name: "fx_rates",
    doc: "Exchange rates by date: 1 unit of base costs `rate` units of quote. The latest on or before a date counts.",
    columns: &[
        required("date", Date, "Date from which the rate holds."),
        required("base", Text, "ISO 4217 code of what is bought."),
        required("quote", Text, "ISO 4217 code of what it is paid in."),
        required("rate", Decimal10, "Units of quote for one unit of base."),
    ],
    key: &["date", "base", "quote"],
    entity: None,
    time: Some("date"),
    storage: Storage::Ledger,
};

const COSTS: Table = Table {
    name: "costs",
    doc: "What the company spends, by date and kind.",
    columns: &[
        required("cost_id", Text, "Identifier of the cost."),
        required("date", Date, "Date that it belongs to."),
        required("kind", Text, "marketing, sales, cogs, support, research, general or investment."),
        optional("channel", Text, "Channel that it was spent on."),
        optional("campaign", Text, "Campaign that it was spent on."),
        required("amount_minor", Minor, "Amount, positive."),
        required("currency", Text, "ISO 4217 code of the amount."),
        optional("note", Text, "Anything else."),
    ],
    key: &["cost_id"],
    entity: None,
    time: Some("date"),
    storage: Storage::Ledger,
};

const CUSTOMER_MERGES: Table = Table {
    name: "customer_merges",
    doc: "Accounts that are one customer. History is read as if they always had been; undone by merging into itself.",
    columns: &[
        required("from_customer_id", Text, "Account that goes up in the other."),
        required("into_customer_id", Text, "Account that stays; the same account to undo."),
        optional("at", Timestamp, "When it was decided."),
    ],
    key: &["from_customer_id"],
    entity: None,
    time: None,
    storage: Storage::Ledger,
};

const RELEASES: Table = Table {
    name: "releases",
    doc: "What the company did and when; flags on charts, and candidates for explanations.",
    columns: &[
        required("release_id", Text, "Identifier."),
        required("at", Timestamp, "When it took effect."),
        required("name", Text, "What the flag says."),
        optional("kind", Text, "release, price_change, campaign, incident or note."),
        optional("note", Text, "Anything else."),
    ],
    key: &["release_id"],
    entity: None,
    time: Some("at"),
    storage: Storage::Ledger,
};

const PERSONS: Table = Table {
    name: "persons",
    doc: "Who uses the product: one row for each identified person, with the traits last said of them.",
    columns: &[
        required("distinct_id", Text, "Identifier under which the person was identified."),
        optional("email", Text, "Mail address; joins the person to a customer where no identifier does."),
        optional("name", Text, "Name."),
        optional("customer_id", Text, "Customer (account, group) that the person belongs to."),
        optional("at", Timestamp, "When this was said."),
        optional("traits", Json, "All traits; each key is a dimension of persons."),
    ],
    key: &["distinct_id"],
    entity: Some("distinct_id"),
    time: None,
    storage: Storage::Ledger,
};

const IDENTITY_LINKS: Table = Table {
    name: "identity_links",
    doc: "Two identifiers of one person. Deleting a row takes the link back, also in history.",
    columns: &[
        required(
            "from_id",
            Text,
            "Identifier that joins the other's person: an anonymous or an earlier one.",
        ),
        required("to_id", Text, "Identifier of the person."),
        required("kind", Text, "identify or alias."),
        required("at", Timestamp, "When it was said."),
    ],
    key: &["from_id", "to_id"],
    entity: Some("from_id"),
    time: None,
    storage: Storage::Ledger,
};

const EVENTS: Table = Table {
    name: "events",
    doc: "What people do: one row for each event of a person on the site or in the product.",
    columns: &[
        required("event_id", Text, "Identifier from the client; the same event sent twice is kept once."),
        required("event", Text, "Name, such as page_view or report_created."),
        required("distinct_id", Text, "Identifier under which the event came: a user's or an anonymous one."),
        required("at", Timestamp, "When it happened, corrected for the client's clock."),
        optional("received_at", Timestamp, "When it arrived."),
        optional("customer_id", Text, "Customer (account, group), where the event names one."),
        optional("session_id", Text, "Session, where the client names one."),
        optional("url", Text, "Full address of the page."),
        optional("host", Text, "Host of the page."),
        optional("path", Text, "Path of the page, without query."),
        optional("title", Text, "Title of the page."),
        optional("referrer", Text, "Address of the page before."),
        optional("referrer_host", Text, "Host of the page before; empty for the own site."),
        optional("source", Text, "Where the visit came from: utm_source, else the referrer's host."),
        optional("medium", Text, "utm_medium."),
        optional("campaign", Text, "utm_campaign."),
        optional("content", Text, "utm_content."),
        optional("term", Text, "utm_term."),
        optional(
            "channel",
            Text,
            "Channel by the rules of definitions/channels.toml, or as the source says.",
        ),
        optional("country", Text, "ISO 3166 code of two letters."),
        optional("device", Text, "desktop, mobile or tablet."),
        optional("browser", Text, "Name of the browser."),
        optional("os", Text, "Name of the operating system."),
        optional("properties", Json, "All other properties; each key is a dimension of events."),
    ],
    key: &["distinct_id", "event_id"],
    entity: Some("distinct_id"),
    time: Some("at"),
    storage: Storage::Events,
};

const REJECTS: Table = Table {
    name: "rejects",
    doc: "Rows that could not be read, whole, with the reason; to be mended and replayed.",
    columns: &[
        required("reject_id", Text, "Identifier."),
        required("source", Text, "File or client that the row came from."),
        optional("table", Text, "Table that it was meant for."),
        optional("line", Int, "Line in the file, from 1; place in the batch for the API."),
        required("reason", Text, "What is wrong and how it is mended."),
        required("bytes", Text, "The row as it came; base64 when it is not UTF-8."),
        optional("base64", Bool, "Whether bytes is base64."),
        optional("import_id", Text, "Import that met it."),
        required("at", Timestamp, "When it was met."),
        optional("replayed_at", Timestamp, "When it was replayed with success."),
    ],
    key: &["reject_id"],
    entity: None,
    time: Some("at"),
    storage: Storage::Ledger,
};
