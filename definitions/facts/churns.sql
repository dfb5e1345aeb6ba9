-- Losses of customers that have happened: churn movements with the reason of the change or, where it has none, of the
-- customer's cancellation nearest in time (at most 90 days away), else `unknown`.
-- entity: customer
-- time: at
-- records: subscription_changes, discounts, invoice_lines, cancellations
-- entity_ids: movement_id
-- of_entity: first_paid_at
-- key: change_key
-- record: cause
-- column amount_parts: negative; 1/720720 of a minor unit of the currency a month
-- column reason: why, as recorded; `unknown` when nothing was
-- column comment: the customer's own words
WITH lost AS (
  SELECT
    customer_id AS lost_by, subscription_id, at, currency, amount_parts, plan, "interval", reason, movement_id, first_paid_at,
    change_key, cause
  FROM mrr_movements
  WHERE movement = 'churn' AND NOT scheduled
), said AS (
  SELECT
    lost.*, c.reason AS said_reason, c.comment,
    rank() OVER (
      PARTITION BY lost_by, movement_id
      ORDER BY abs(CAST(c.at AS BIGINT) - CAST(lost.at AS BIGINT)), c.cancellation_id
    ) AS nearest
  FROM lost
  LEFT JOIN cancellations c
    ON c.customer_id = lost.lost_by AND abs(CAST(c.at AS BIGINT) - CAST(lost.at AS BIGINT)) <= 7776000000000
)
SELECT
  lost_by AS customer_id, subscription_id, at, currency, amount_parts, plan, "interval",
  coalesce(reason, said_reason, 'unknown') AS reason,
  comment, movement_id, first_paid_at, change_key, cause
FROM said
WHERE nearest = 1
