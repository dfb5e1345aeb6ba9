-- Revenue as it is earned: each invoice line spread evenly over the days of its service, a line without a period on its
-- day; credit notes lower it on theirs. Net of discounts, without tax.
-- entity: customer
-- time: at
-- records: invoice_lines, credit_notes
-- key: record_key
-- record: record_table
-- column kind: subscription, usage, one_off, credit or credit_note
-- column amount_parts: 1/720720 of a minor unit of the currency
-- column record_table: invoice_lines or credit_notes
WITH spread AS (
  SELECT
    customer_id, subscription_id, kind, plan, currency, invoice_id, _key,
    unnest(spread_days(amount_minor, coalesce(period_start, at), period_end)) AS day
  FROM invoice_lines
)
SELECT
  customer_id, subscription_id, day['at'] AS at, kind, plan, currency, day['amount_parts'] AS amount_parts,
  invoice_id, 'invoice_lines' AS record_table, _key AS record_key
FROM spread
UNION ALL
SELECT
  customer_id, CAST(NULL AS VARCHAR) AS subscription_id, at, 'credit_note' AS kind, CAST(NULL AS VARCHAR) AS plan,
  currency, CAST(amount_minor AS DECIMAL(38, 0)) * -720720 AS amount_parts,
  invoice_id, 'credit_notes' AS record_table, _key AS record_key
FROM credit_notes
