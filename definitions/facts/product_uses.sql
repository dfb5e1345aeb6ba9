-- Uses of the product: events of the meaning `active` that are more than looking at pages or asking for something (meanings
-- `page_view`, `contact`, `signup`, `trial`, `demo_request`).
-- entity: person
-- time: at
-- records: events
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
WHERE means('active')
  AND NOT (means('page_view') OR means('contact') OR means('signup') OR means('trial') OR means('demo_request'))
  AND event NOT IN ('page_leave', 'screen_view', 'engagement')
