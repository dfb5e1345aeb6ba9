-- Metered usage as it is invoiced, on the day of the line. It is not part of MRR.
-- entity: customer
-- time: at
-- records: invoice_lines
-- key: record_key
-- column amount_minor: minor units of the currency, net of discount, without tax
SELECT
  customer_id, subscription_id, at, plan, currency, amount_minor, quantity, invoice_id, _key AS record_key
FROM invoice_lines
WHERE kind = 'usage'
