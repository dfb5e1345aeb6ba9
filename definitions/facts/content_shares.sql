-- Content passed on, by the meaning `content_share`.
-- entity: person
-- time: at
-- records: events
-- meaning: content_share
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('content_share')
