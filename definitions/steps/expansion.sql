-- A movement by which recurring revenue of a paying customer grew.
-- label: Expansion
-- label ru: Расширение
-- label zh: 扩展
-- properties: plan
SELECT customer_id, at, max(plan) AS plan
FROM mrr_movements
WHERE NOT scheduled AND movement = 'expansion'
GROUP BY customer_id, at, movement_id
