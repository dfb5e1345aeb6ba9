-- Persons who reached the first real use, by the meaning `activation`.
-- entity: person
-- time: at
-- records: events
-- meaning: activation
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('activation')
