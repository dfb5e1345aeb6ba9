-- When a customer paid for the first time, by the ledger of recurring revenue.
-- label: First payment
-- label ru: Первая оплата
-- label zh: 首次付款
-- properties: plan, interval
SELECT customer_id, first_paid_at AS at, max(plan) AS plan, max("interval") AS "interval"
FROM mrr_movements
WHERE NOT scheduled AND at = first_paid_at
GROUP BY customer_id, first_paid_at
