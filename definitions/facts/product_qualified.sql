-- Uses that make a product-qualified lead, by the meaning `pql`; it also says how many it takes.
-- entity: person
-- time: at
-- records: events
-- meaning: pql
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('pql')
