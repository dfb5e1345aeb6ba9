-- A movement by which recurring revenue of a customer who stays shrank.
-- label: Contraction
-- label ru: Сокращение
-- label zh: 收缩
-- properties: plan
SELECT customer_id, at, max(plan) AS plan
FROM mrr_movements
WHERE NOT scheduled AND movement = 'contraction'
GROUP BY customer_id, at, movement_id
