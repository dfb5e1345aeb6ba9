-- Ends of paid terms of more than a month, counted from the start of the paid run of a subscription: what was due and
-- whether the subscription went on right after. Terms to come are listed up to three years after the last change.
-- entity: customer
-- time: due_at
-- records: subscription_changes
-- key: change_key
-- column due_parts: monthly value of the term that ended, 1/720720 of a minor unit
-- column renewed: whether the subscription is live right after
-- column renewed_parts: monthly value right after, at most due_parts
WITH changes AS (
  SELECT
    customer_id, subscription_id, effective_at, currency, plan, "interval", interval_count, _key,
    status IN ('active', 'past_due') AND amount_minor > 0 AS live,
    monthly_parts(amount_minor, "interval", interval_count) AS parts,
    concat("interval", ' ', CAST(coalesce(interval_count, 1) AS VARCHAR)) AS term
  FROM subscription_changes
), neighbours AS (
  SELECT
    *,
    lag(live) OVER w AS was_live, lag(term) OVER w AS was_term,
    lead(effective_at) OVER w AS next_at, lead(live) OVER w AS next_live, lead(parts) OVER w AS next_parts
  FROM changes
  WINDOW w AS (PARTITION BY customer_id, subscription_id ORDER BY effective_at, _key)
), runs AS (
  SELECT
    *,
    max(CASE WHEN live AND (was_live IS NULL OR NOT was_live OR was_term <> term) THEN effective_at END) OVER (
      PARTITION BY customer_id, subscription_id ORDER BY effective_at, _key
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS anchor
  FROM neighbours
), due AS (
  SELECT
    customer_id, subscription_id, currency, plan, "interval", parts, next_at, next_live, next_parts, _key,
    unnest(term_ends(anchor, "interval", interval_count, effective_at, next_at)) AS due_at
  FROM runs
  WHERE live
)
SELECT
  customer_id, subscription_id, due_at, currency, plan, "interval",
  parts AS due_parts,
  next_at IS NULL OR due_at < next_at OR next_live AS renewed,
  CASE
    WHEN next_at IS NULL OR due_at < next_at THEN parts
    WHEN next_live THEN least(parts, next_parts)
    ELSE CAST(0 AS DECIMAL(38, 0))
  END AS renewed_parts,
  _key AS change_key
FROM due
