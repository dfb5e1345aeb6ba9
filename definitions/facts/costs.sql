-- What the company spends, on the date that it belongs to.
-- time: date
-- records: costs
-- key: record_key
-- column kind: marketing, sales, cogs, support, research, general or investment
-- column amount_minor: minor units of the currency
SELECT cost_id, date, kind, channel, campaign, currency, amount_minor, note, _key AS record_key
FROM records.costs
