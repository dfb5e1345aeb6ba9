-- Events that show active use, by the workspace's meaning `active`: any event until it names others.
-- entity: person
-- time: at
-- records: events
-- meaning: active
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('active')
