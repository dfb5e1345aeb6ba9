-- Persons leaving a way to reach them, by the meaning `contact`.
-- entity: person
-- time: at
-- records: events
-- meaning: contact
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('contact')
