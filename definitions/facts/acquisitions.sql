-- First payments: one row for each customer who became new, with the MRR that it started with.
-- entity: customer
-- time: at
-- records: subscription_changes, discounts, invoice_lines
-- entity_ids: movement_id
-- of_entity: first_paid_at
-- key: change_key
-- record: cause
-- column amount_parts: 1/720720 of a minor unit of the currency a month
SELECT
  customer_id, subscription_id, at, currency, amount_parts, plan, "interval", movement_id, first_paid_at, change_key, cause
FROM mrr_movements
WHERE movement = 'new' AND NOT scheduled
