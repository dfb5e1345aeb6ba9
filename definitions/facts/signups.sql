-- Registrations, by the meaning `signup`.
-- entity: person
-- time: at
-- records: events
-- meaning: signup
-- column invited: whether the person ever accepted an invitation (meaning `invite_accepted`)
WITH accepted AS (
  SELECT DISTINCT person_id AS invited_id
  FROM events
  WHERE means('invite_accepted')
)
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties,
  invited_id IS NOT NULL AS invited
FROM events
LEFT JOIN accepted ON invited_id = person_id
WHERE means('signup')
