import posthog from 'posthog-js';

const { host, key, told } = window.settings;
const options = {
  api_host: host,
  autocapture: false,
  capture_pageview: false,
  capture_pageleave: false,
  disable_session_recording: true,
};

// What the person did before, under another identifier …
posthog.init(key, { ...options, bootstrap: { distinctID: told.former } });
posthog.capture(told.old);
// … and now as a visitor, who signs in.
const shop = posthog.init(key, { ...options, bootstrap: { distinctID: told.anonymous }, persistence_name: 'shop' }, 'shop');
shop.capture(told.before);
shop.identify(told.user, { email: told.email });
shop.group('company', told.account, { name: 'Acme' });
shop.alias(told.former, told.user);
shop.capture(told.done, { rows: 7, format: 'csv' });
