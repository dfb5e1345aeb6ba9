/** Where visitors come from, what they look at, and what becomes of them. One page, everything to be clicked. */
import { Select } from '@mantine/core';
import { useMetrics } from '../api/hooks';
import { Breakdown } from '../components/Breakdown';
import { MetricChart } from '../components/MetricChart';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { SavedViews } from '../components/SavedViews';
import { Strip } from '../components/Strip';
import { Tops } from '../components/Tops';
import { useI18n } from '../i18n/context';
import { usePick } from '../state/people';
import { useView } from '../state/useView';

const HEAD = ['visitors', 'visits', 'page_views', 'pages_per_visit', 'bounce_rate', 'visit_duration'];
const GOALS = ['signups', 'signup_rate', 'view_to_contact', 'content_reads', 'content_downloads', 'returning_visitors'];

export function Traffic() {
  const { t, text, dim: dimText } = useI18n();
  const view = useView();
  const catalog = useMetrics().data;
  const empty = useNoEvents();
  const { pick, close } = usePick();
  const has = (m: string) => catalog?.some((k) => k.name === m) ?? false;
  const name = (m: string) => text(catalog?.find((x) => x.name === m)?.label) || m;
  if (empty) return <div className="page"><h1>{t('page.traffic')}</h1><NoEvents /></div>;
  const choices = [...HEAD, ...GOALS].filter(has);
  const metric = choices.find((m) => m === view.search.metric) ?? choices[0] ?? 'visitors';
  const additive = catalog?.find((m) => m.name === metric)?.additive ?? false;
  const dims = (list: [string, string][]) => list.map(([dim, label]) => ({ dim, label }));
  return (
    <div className="page" data-page="traffic">
      <div className="page-head between">
        <h1>{t('page.traffic')}</h1>
        <SavedViews page="/traffic" />
      </div>
      <Strip metrics={HEAD} />
      <MetricChart
        metrics={[metric]}
        title={name(metric)}
        name={name(metric)}
        by={view.search.by}
        kind={view.search.by && additive ? 'bar' : 'line'}
        zero
        tab="people"
        controls={
          <>
            <Select aria-label={t('traffic.metric')} w={170} data={choices.map((m) => ({ value: m, label: name(m) }))} value={metric} onChange={(v) => v && view.set({ metric: v === choices[0] ? undefined : v }, { replace: true })} allowDeselect={false} withCheckIcon={false} />
            <Breakdown metric={metric} />
          </>
        }
      />
      <div className="grid two">
        <Tops title={t('traffic.sources')} metric="visitors" extra={['visits', 'bounce_rate', 'signups']} dims={dims([['channel', t('traffic.channels')], ['source', t('traffic.source')], ['referrer_host', t('traffic.referrers')], ['campaign', t('traffic.campaigns')]])} />
        <Tops title={t('traffic.pages')} metric="visitors" extra={['page_views', 'bounce_rate']} dims={[{ dim: 'path', metric: 'page_views', key: 'pages', label: t('traffic.all') }, { dim: 'path', key: 'landing', label: t('traffic.landing') }, { dim: 'exit_path', label: t('traffic.exit') }, { dim: 'title', metric: 'page_views', label: t('traffic.titles') }]} />
        <Tops title={t('traffic.places')} metric="visitors" extra={['visits', 'signups']} dims={dims([['country', t('traffic.countries')]])} />
        <Tops title={t('traffic.devices')} metric="visitors" extra={['visits', 'bounce_rate']} dims={dims([['device', t('traffic.device')], ['browser', t('traffic.browser')], ['os', t('traffic.os')]])} />
      </div>
      {GOALS.some(has) ? (
        <section className="section" aria-label={t('traffic.goals')}>
          <h2>{t('traffic.goals')}</h2>
          <Strip metrics={GOALS} />
        </section>
      ) : null}
      {pick ? <PeoplePanel title={pick['value'] !== undefined ? dimText(pick['by'] ?? '', pick['value']) : t('dim.none')} note={name(pick['metric'] ?? 'visitors')} params={{ of: 'metric', ...pick, from: view.span.from, to: view.span.to, where: view.where }} onClose={close} /> : null}
    </div>
  );
}
