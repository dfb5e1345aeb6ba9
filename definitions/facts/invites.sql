-- Invitations that users sent, by the meaning `invite`.
-- entity: person
-- time: at
-- records: events
-- meaning: invite
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('invite')
