-- The movement with which a customer's recurring revenue ended.
-- label: Loss of the customer
-- label ru: Уход клиента
-- label zh: 客户流失
-- properties: plan, reason
SELECT customer_id, at, max(plan) AS plan, max(reason) AS reason
FROM mrr_movements
WHERE NOT scheduled AND movement = 'churn'
GROUP BY customer_id, at, movement_id
