import { AnalyticsBrowser } from '@segment/analytics-next';

const { host, key, told } = window.settings;

// The settings that the server gives name its own address for events, so that nothing else has to be said here.
const analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: host });

analytics.setAnonymousId(told.former);
await analytics.track(told.old);
await analytics.reset();
analytics.setAnonymousId(told.anonymous);
await analytics.page();
await analytics.track(told.before);
await analytics.identify(told.user, { email: told.email });
await analytics.group(told.account, { name: 'Acme' });
await analytics.alias(told.user, told.former);
await analytics.track(told.done, { rows: 7, format: 'csv' });
