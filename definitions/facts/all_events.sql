-- Every event of every person, on the site and in the product.
-- entity: person
-- time: at
-- records: events
-- meaning: *
-- column event: its name, such as page_view or report_created
SELECT
  person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, url, title,
  referrer, referrer_host, country, device, browser, os, properties
FROM events
