/** Addresses of the pages. Each page but the first is its own file, loaded when it is opened. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, type AnyRoute, type AnyRouter, type RouteComponent } from '@tanstack/react-router';
import { useWorkspace } from './api/hooks';
import { Frame } from './components/Frame';
import { Empty, ErrorBox } from './components/states';
import { I18nProvider, useI18n, useLanguage } from './i18n/context';
import { withEvents } from './i18n/store';
import { Pulse } from './pages/Pulse';
import { useView } from './state/useView';
import { parseAddress, readSearch, writeAddress, type Search } from './state/view';

function Root() {
  const language = useLanguage();
  const { currency } = useView();
  const workspace = useWorkspace().data;
  return (
    <I18nProvider {...language} currency={currency} zone={workspace?.timezone ?? 'UTC'}>
      <Frame />
    </I18nProvider>
  );
}

/** The frame itself failed: the words have to be brought along. */
function Broken({ error }: { error: unknown }) {
  const language = useLanguage();
  return (
    <I18nProvider {...language} currency="USD" zone="UTC">
      <ErrorBox error={error} />
    </I18nProvider>
  );
}

function Missing() {
  const { t } = useI18n();
  return <div className="page"><Empty title={t('error.noPage')}>{t('error.noPage.why')}</Empty></div>;
}

const root = createRootRoute({ component: Root, validateSearch: (raw: Record<string, unknown>): Search => readSearch(raw), notFoundComponent: Missing, errorComponent: Broken });
const route = (path: string, component: RouteComponent): AnyRoute => createRoute({ getParentRoute: () => root, path, component }) as AnyRoute;

const tree = root.addChildren([
  route('/', Pulse),
  route('/revenue', lazyRouteComponent(() => import('./pages/Revenue'), 'Revenue')),
  route('/retention', lazyRouteComponent(() => import('./pages/Retention'), 'Retention')),
  route('/customers', lazyRouteComponent(() => import('./pages/Customers'), 'Customers')),
  route('/customers/$id', lazyRouteComponent(() => import('./pages/Customer'), 'Customer')),
  route('/live', lazyRouteComponent(() => withEvents(import('./pages/Live')), 'Live')),
  route('/traffic', lazyRouteComponent(() => withEvents(import('./pages/Traffic')), 'Traffic')),
  route('/product', lazyRouteComponent(() => withEvents(import('./pages/Product')), 'Product')),
  route('/funnels', lazyRouteComponent(() => withEvents(import('./pages/Funnels')), 'Funnels')),
  route('/user-retention', lazyRouteComponent(() => withEvents(import('./pages/UserRetention')), 'UserRetention')),
  route('/paths', lazyRouteComponent(() => withEvents(import('./pages/Paths')), 'Paths')),
  route('/events', lazyRouteComponent(() => withEvents(import('./pages/Events')), 'Events')),
  route('/persons', lazyRouteComponent(() => withEvents(import('./pages/Persons')), 'Persons')),
  route('/persons/$id', lazyRouteComponent(() => withEvents(import('./pages/Person')), 'Person')),
  route('/metrics/$name', lazyRouteComponent(() => import('./pages/Metric'), 'MetricPage')),
  route('/records/$table/$entity/$key', lazyRouteComponent(() => import('./pages/Record'), 'RecordPage')),
  route('/definitions', lazyRouteComponent(() => import('./pages/Definitions'), 'Definitions')),
  route('/data', lazyRouteComponent(() => import('./pages/Data'), 'Data')),
  route('/settings', lazyRouteComponent(() => import('./pages/Settings'), 'Settings')),
]);

export const router: AnyRouter = createRouter({
  routeTree: tree,
  parseSearch: parseAddress,
  stringifySearch: writeAddress,
  // A page that fails does so in its own place; the rail stays.
  defaultErrorComponent: ({ error, reset }) => <div className="page"><ErrorBox error={error} retry={reset} /></div>,
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
});
