-- A term that was due and was renewed.
-- label: Renewal
-- label ru: Продление
-- label zh: 续费
-- properties: plan, interval
SELECT customer_id, due_at AS at, plan, "interval"
FROM renewals
WHERE renewed
