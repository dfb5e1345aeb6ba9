-- The first moment at which a subscription was in its trial.
-- label: Trial by the billing system
-- label ru: Пробный период по биллингу
-- label zh: 计费系统中的试用
-- properties: plan
SELECT customer_id, min(effective_at) AS at, max(plan) AS plan
FROM subscription_changes
WHERE status = 'trialing'
GROUP BY customer_id, subscription_id
