-- Movements of monthly recurring revenue: one row for each segment (subscription, plan, interval, currency) of a
-- customer whose amount changed at a netted instant. The running total of `amount_parts` is MRR.
-- entity: customer
-- time: at
-- records: subscription_changes, discounts, invoice_lines
-- entity_ids: movement_id
-- of_entity: first_paid_at
-- key: change_key
-- record: cause
-- column movement: new, expansion, contraction, churn or reactivation, by the customer's whole change
-- column amount_parts: signed change a month, 1/720720 of a minor unit of the currency
-- column list_parts: the same at list price
-- column discount_parts: list less net
-- column interval: billing term, such as month, year or 3 month
-- column reason: involuntary, pause or to_free for such losses, else the change's own reason
-- column scheduled: whether the row lies in the future
-- column is_transfer: whether the customer's total stays the same
-- column movement_id: one for all rows of a customer at one netted instant
-- column first_paid_at: when the customer first paid; the cohort
-- column change_key: key of the record that caused the row
-- column quantity: signed change of units
-- column cause: table of that record: subscription_changes; by setting also discounts or invoice_lines
SELECT
  customer_id, subscription_id, at, movement, currency, amount_parts, list_parts, discount_parts, plan, "interval",
  reason, scheduled, is_transfer, movement_id, first_paid_at, change_key, quantity, cause
FROM mrr_movements_fold()
