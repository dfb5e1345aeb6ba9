-- The movement with which a lost customer came back.
-- label: Return of the customer
-- label ru: Возвращение клиента
-- label zh: 客户回归
-- properties: plan
SELECT customer_id, at, max(plan) AS plan
FROM mrr_movements
WHERE NOT scheduled AND movement = 'reactivation'
GROUP BY customer_id, at, movement_id
