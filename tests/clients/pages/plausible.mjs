import Plausible from 'plausible-tracker';

const { host, told } = window.settings;
const plausible = Plausible({ domain: 'plausible.example', apiHost: host, trackLocalhost: true });

plausible.trackPageview({ url: 'https://plausible.example/pricing?utm_source=news', referrer: 'https://www.google.com/' });
plausible.trackEvent(told.done, { props: { rows: 7, format: 'csv' } });
