-- Requests for a demonstration, by the meaning `demo_request`.
-- entity: person
-- time: at
-- records: events
-- meaning: demo_request
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('demo_request')
