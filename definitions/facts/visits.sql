-- Visits: what a person did on pages and screens without a silence longer than the setting `session_minutes`, with at least one
-- page view (meaning `page_view`). Where it came from and where it began are those of its first page view.
-- entity: person
-- time: at
-- records: events
-- fold: visits_fold
-- column at: when the visit began
-- column path: path of the first page
-- column exit_path: path of the last page
-- column url: full address of the first page, with its query
-- column title: title of the first page
-- column referrer: address of the page before the first one
-- column properties: what the first page view says beside its columns
-- column pages: page views
-- column seconds: from the first event to the last
-- column bounced: one page view and nothing else; leaving and being there do not count as something else
-- column is_returning: the person had a visit before
SELECT
  person_id, customer_id, at, channel, source, medium, campaign, content, term, host, path, exit_path, url, title, referrer,
  referrer_host, country, device, browser, os, properties, pages, seconds, bounced, is_returning
FROM visits_fold()
