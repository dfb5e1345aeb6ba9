-- Content read or watched far enough, by the meaning `content_read`.
-- entity: person
-- time: at
-- records: events
-- meaning: content_read
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('content_read')
