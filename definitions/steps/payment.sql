-- Every payment that was received.
-- label: Payment
-- label ru: Оплата
-- label zh: 付款
-- properties: currency
SELECT customer_id, at, currency
FROM cash
WHERE kind = 'payment'
