-- Money that moved: successful payments, and refunds as negative amounts.
-- entity: customer
-- time: at
-- records: payments, refunds
-- key: record_key
-- record: record_table
-- column kind: payment or refund
-- column amount_minor: minor units of the currency, with tax; negative for refunds
-- column fee_minor: the processor's fee, minor units
-- column record_table: payments or refunds
SELECT
  customer_id, at, 'payment' AS kind, currency, amount_minor, coalesce(fee_minor, 0) AS fee_minor,
  payment_id, invoice_id, 'payments' AS record_table, _key AS record_key
FROM payments
WHERE status = 'succeeded'
UNION ALL
SELECT
  customer_id, at, 'refund' AS kind, currency, -amount_minor AS amount_minor, 0 AS fee_minor,
  payment_id, invoice_id, 'refunds' AS record_table, _key AS record_key
FROM refunds
