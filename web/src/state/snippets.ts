/** How each client is pointed at this server: code to copy, not words. */
export interface Snippet {
  id: string;
  name: string;
  language: string;
  /** `domain` is the site that stands for the key where a client knows no keys. */
  code: (host: string, key: string, domain: string) => string;
}

const bare = (host: string): string => host.replace(/^https?:\/\//, '');
const scheme = (host: string): string => host.replace(/:\/\/.*/, '');

export const SNIPPETS: readonly Snippet[] = [
  {
    id: 'tracker', name: 'Burgeon', language: 'html',
    code: (host, key) => `<script>window.burgeon=window.burgeon||function(){(burgeon.q=burgeon.q||[]).push(arguments)}</script>\n<script defer src="${host}/burgeon.js" data-key="${key}"></script>\n<script>\n  // Page views, links, downloads and reading come by themselves. Own events, and who it is after a login:\n  burgeon('event', 'report_created', { template: 'weekly' })\n  burgeon('identify', 'user-42', { name: 'Ada', email: 'ada@example.com' })\n  burgeon('group', 'customer-7')\n</script>`,
  },
  {
    id: 'curl', name: 'HTTP', language: 'sh',
    code: (host, key) => `curl ${host}/api/v1/events \\\n  -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\\n  -d '{"events":[{"event":"report_created","distinct_id":"user_42","event_id":"0b6f1c1e","at":"2026-11-20T09:41:00Z","properties":{"template":"weekly"}}]}'`,
  },
  {
    id: 'segment-browser', name: 'Segment · browser', language: 'ts',
    code: (host, key) => `import { AnalyticsBrowser } from '@segment/analytics-next'\n\nconst analytics = AnalyticsBrowser.load(\n  { writeKey: '${key}', cdnURL: '${host}' },\n  { integrations: { 'Segment.io': { apiHost: '${bare(host)}/v1', protocol: '${scheme(host)}' } } },\n)\nanalytics.page()\nanalytics.identify('user_42', { email: 'ada@example.com' })\nanalytics.track('report_created', { template: 'weekly' })`,
  },
  {
    id: 'segment-node', name: 'Segment · Node', language: 'ts',
    code: (host, key) => `import { Analytics } from '@segment/analytics-node'\n\nconst analytics = new Analytics({ writeKey: '${key}', host: '${host}', path: '/v1/batch' })\nanalytics.track({ userId: 'user_42', event: 'report_created', properties: { template: 'weekly' } })\nawait analytics.closeAndFlush()`,
  },
  {
    id: 'segment-python', name: 'Segment · Python', language: 'py',
    code: (host, key) => `import segment.analytics as analytics\n\nanalytics.write_key = '${key}'\nanalytics.host = '${host}'\nanalytics.track('user_42', 'report_created', {'template': 'weekly'})\nanalytics.flush()`,
  },
  {
    id: 'rudder-node', name: 'RudderStack · Node', language: 'ts',
    code: (host, key) => `import RudderAnalytics from '@rudderstack/rudder-sdk-node'\n\nconst analytics = new RudderAnalytics('${key}', { dataPlaneUrl: '${host}' })\nanalytics.track({ userId: 'user_42', event: 'report_created', properties: { template: 'weekly' } })`,
  },
  {
    id: 'rudder-python', name: 'RudderStack · Python', language: 'py',
    code: (host, key) => `import rudderstack.analytics as analytics\n\nanalytics.write_key = '${key}'\nanalytics.dataPlaneUrl = '${host}'\nanalytics.track('user_42', 'report_created', {'template': 'weekly'})\nanalytics.flush()`,
  },
  {
    id: 'posthog-js', name: 'PostHog · browser', language: 'ts',
    code: (host, key) => `import posthog from 'posthog-js'\n\nposthog.init('${key}', { api_host: '${host}' })\nposthog.identify('user_42', { email: 'ada@example.com' })\nposthog.capture('report_created', { template: 'weekly' })`,
  },
  {
    id: 'posthog-node', name: 'PostHog · Node', language: 'ts',
    code: (host, key) => `import { PostHog } from 'posthog-node'\n\nconst posthog = new PostHog('${key}', { host: '${host}' })\nposthog.capture({ distinctId: 'user_42', event: 'report_created', properties: { template: 'weekly' } })\nawait posthog.shutdown()`,
  },
  {
    id: 'posthog-python', name: 'PostHog · Python', language: 'py',
    code: (host, key) => `from posthog import Posthog\n\nposthog = Posthog('${key}', host='${host}')\nposthog.capture('report_created', distinct_id='user_42', properties={'template': 'weekly'})\nposthog.shutdown()`,
  },
  {
    id: 'plausible', name: 'Plausible', language: 'ts',
    code: (host, _key, domain) => `import { init, track } from '@plausible-analytics/tracker'\n\ninit({ domain: '${domain}', endpoint: '${host}/api/event' })\ntrack('signup', { props: { plan: 'team' } })`,
  },
  {
    id: 'mixpanel', name: 'Mixpanel', language: 'ts',
    code: (host, key) => `import mixpanel from 'mixpanel-browser'\n\nmixpanel.init('${key}', { api_host: '${host}' })\nmixpanel.identify('user_42')\nmixpanel.track('report_created', { template: 'weekly' })`,
  },
];
