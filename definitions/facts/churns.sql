-- Losses of customers that have happened: churn movements with the reason of the change or, where it has none, of the
-- customer's cancellation nearest in time (at most 90 days away), else `unknown`.
-- entity: customer
-- time: at
-- records: subscription_changes, cancellations
-- entity_ids: movement_id
-- of_entity: first_paid_at
-- key: change_key
-- column amount_parts: negative; 1/720720 of a minor unit of the currency a month
-- column reason: why, as recorded; `unknown` when nothing was
-- column comment: the customer's own words
WITH said AS (
  SELECT
    c.customer_id AS said_by, m.movement_id AS said_of,
    first_value(c.reason ORDER BY abs(CAST(c.at AS BIGINT) - CAST(m.at AS BIGINT)), c.cancellation_id) AS said_reason,
    first_value(c.comment ORDER BY abs(CAST(c.at AS BIGINT) - CAST(m.at AS BIGINT)), c.cancellation_id) AS said_comment
  FROM mrr_movements m
  JOIN cancellations c ON c.customer_id = m.customer_id
  WHERE m.movement = 'churn' AND abs(CAST(c.at AS BIGINT) - CAST(m.at AS BIGINT)) <= 7776000000000
  GROUP BY c.customer_id, m.movement_id
)
SELECT
  m.customer_id, m.subscription_id, m.at, m.currency, m.amount_parts, m.plan, m."interval",
  coalesce(m.reason, said.said_reason, 'unknown') AS reason,
  said.said_comment AS comment,
  m.movement_id, m.first_paid_at, m.change_key
FROM mrr_movements m
LEFT JOIN said ON said.said_by = m.customer_id AND said.said_of = m.movement_id
WHERE m.movement = 'churn' AND NOT m.scheduled
