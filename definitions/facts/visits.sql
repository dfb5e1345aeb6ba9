-- Visits: what a person did on pages and screens without a silence longer than the setting `session_minutes`, with at least one
-- page view. Where it came from and where it began are those of its first page view.
-- entity: person
-- time: at
-- records: events
-- column at: when the visit began
-- column path: path of the first page
-- column exit_path: path of the last page
-- column pages: page views
-- column seconds: from the first event to the last
-- column bounced: one page view and nothing else; leaving and being there do not count as something else
-- column is_returning: the person had a visit before
WITH hits AS (
  SELECT
    person_id, customer_id, at, event, event_id, channel, source, medium, campaign, content, term, host, path, referrer_host,
    country, device, browser, os,
    CAST(at AS BIGINT) AS micros,
    means('page_view') AS is_view
  FROM events
  WHERE means('page_view') OR event IN ('page_leave', 'screen_view', 'engagement') OR path IS NOT NULL
), parted AS (
  SELECT
    *,
    CASE
      WHEN micros - lag(micros) OVER (PARTITION BY person_id ORDER BY micros, event_id) <= session_gap() THEN 0
      ELSE 1
    END AS begins
  FROM hits
), numbered AS (
  SELECT
    *,
    sum(begins) OVER (
      PARTITION BY person_id ORDER BY micros, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS visit
  FROM parted
), visits AS (
  SELECT
    person_id AS visitor, visit,
    min(micros) AS first_micros,
    min(at) AS began,
    first_value(customer_id ORDER BY micros, event_id) FILTER (WHERE is_view) AS customer_id,
    first_value(channel ORDER BY micros, event_id) FILTER (WHERE is_view) AS channel,
    first_value(source ORDER BY micros, event_id) FILTER (WHERE is_view) AS source,
    first_value(medium ORDER BY micros, event_id) FILTER (WHERE is_view) AS medium,
    first_value(campaign ORDER BY micros, event_id) FILTER (WHERE is_view) AS campaign,
    first_value(content ORDER BY micros, event_id) FILTER (WHERE is_view) AS content,
    first_value(term ORDER BY micros, event_id) FILTER (WHERE is_view) AS term,
    first_value(host ORDER BY micros, event_id) FILTER (WHERE is_view) AS host,
    first_value(path ORDER BY micros, event_id) FILTER (WHERE is_view) AS path,
    last_value(path ORDER BY micros, event_id) FILTER (WHERE is_view) AS exit_path,
    first_value(referrer_host ORDER BY micros, event_id) FILTER (WHERE is_view) AS referrer_host,
    first_value(country ORDER BY micros, event_id) FILTER (WHERE is_view) AS country,
    first_value(device ORDER BY micros, event_id) FILTER (WHERE is_view) AS device,
    first_value(browser ORDER BY micros, event_id) FILTER (WHERE is_view) AS browser,
    first_value(os ORDER BY micros, event_id) FILTER (WHERE is_view) AS os,
    sum(CASE WHEN is_view THEN 1 ELSE 0 END) AS pages,
    (max(micros) - min(micros)) / 1000000 AS seconds,
    sum(CASE WHEN is_view OR event IN ('page_leave', 'engagement') THEN 0 ELSE 1 END) AS others
  FROM numbered
  GROUP BY person_id, visit
)
SELECT
  visitor AS person_id, customer_id, began AS at, channel, source, medium, campaign, content, term, host, path, exit_path,
  referrer_host, country, device, browser, os, pages, seconds,
  pages = 1 AND others = 0 AS bounced,
  row_number() OVER (PARTITION BY visitor ORDER BY first_micros) > 1 AS is_returning
FROM visits
WHERE pages > 0
