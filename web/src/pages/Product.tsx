/** Who uses the product, how often, and what they use. */
import { SegmentedControl, Switch, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { LIFE, useLifecycle, useStickiness, useUsage } from '../api/events';
import { useMetrics } from '../api/hooks';
import { ChartFrame, figureLegend, useColours, useFigureTable, useWords } from '../charts/ChartFrame';
import type { Figure } from '../charts/figure';
import { bars, columns, lifecycleFigure, stacksBefore } from '../charts/registry';
import { ActiveRule } from '../components/ActiveRule';
import { Breakdown } from '../components/Breakdown';
import { Delta } from '../components/Delta';
import { MetricChart } from '../components/MetricChart';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { SavedViews } from '../components/SavedViews';
import { Strip } from '../components/Strip';
import { Tops } from '../components/Tops';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { usePick } from '../state/people';
import { daysBetween } from '../state/dates';
import { useEventName } from '../state/useEventWords';
import { useToken } from '../state/token';
import { useBesideParams } from '../state/useBeside';
import { useView } from '../state/useView';

const HEAD = ['mau', 'wau', 'dau', 'stickiness', 'active_customers', 'product_usage'];
/** From the first try to the first payment, and who brings others along. */
const TRY = ['activations', 'trials', 'engaged_trials', 'trial_to_paid', 'trial_days_to_paid', 'demo_to_paid'];
const VIRAL = ['viral_coefficient', 'k_factor'];
/** Beyond so many days a line by day is a smear. */
const MOST_DAYS = 200;

function Lifecycle() {
  const { t, moment } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const { open } = usePick();
  const grain = view.span.grain === 'quarter' || view.span.grain === 'year' ? 'month' : view.span.grain;
  const params = { grain, from: view.span.from, to: view.span.to, where: view.where };
  const query = useLifecycle(params);
  const other = useBesideParams();
  const second = useLifecycle({ ...params, ...other?.params }, Boolean(other));
  const figure: Figure | null = useMemo(() => (query.data ? lifecycleFigure(query.data, other ? second.data : undefined, (state) => t(`life.${state}`), c) : null), [query.data, second.data, other, c, t]);
  const show = useCallback(
    (index: number, line: number) => {
      const period = figure?.periods[index]?.label;
      if (period) open({ of: 'lifecycle', state: figure?.lines[line]?.key ?? 'new', period });
    },
    [figure, open],
  );
  const table = useFigureTable(figure, show);
  const option = useMemo(() => {
    if (!figure) return null;
    const old = stacksBefore(figure);
    return bars(figure, c, words, figure.comparePeriods ? { before: [{ name: t('life.active.before'), values: old.active }, { name: t('life.dormant.before'), values: old.quiet }] } : {});
  }, [figure, c, words, t]);
  return (
    <Loaded query={query} height={340}>
      {(r) => (
        <ChartFrame
          title={t('life.title')}
          name={t('life.title')}
          note={t('life.note')}
          legend={figureLegend(figure, c, other?.label ?? null)}
          option={option}
          table={table}
          height={260}
          onClick={(click) => show(click.index, Math.max(0, figure?.lines.findIndex((l) => l.key === click.series) ?? 0))}
          sheet={() => ({ name: t('life.title'), head: ['period', ...LIFE], rows: r.periods.map((p, i) => [p.label, ...LIFE.map((s) => r.series.find((x) => x.state === s)?.values[i] ?? 0)]) })}
          origin={t('origin.asOf', { at: moment(r.as_of) })}
        />
      )}
    </Loaded>
  );
}

function Stickiness() {
  const { t, value } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const { open } = usePick();
  const [sticky, setSticky] = useToken('sticky');
  const span = sticky === 'month' ? 'month' : 'week';
  const params = { grain: span, from: view.span.from, to: view.span.to, where: view.where };
  const other = useBesideParams();
  const query = useStickiness(params);
  const second = useStickiness({ ...params, ...other?.params }, Boolean(other));
  const days = query.data?.days ?? [];
  const whole = days.reduce((s, d) => s + d.people, 0);
  const besideWhole = second.data?.days.reduce((s, d) => s + d.people, 0) ?? 0;
  const share = (n: number, of: number) => (of ? n / of : 0);
  const option = useMemo(
    () => columns(days.map((d) => ({ name: String(d.days), title: t('sticky.days', { n: d.days }), value: share(d.people, whole), before: other && second.data ? share(second.data.days.find((x) => x.days === d.days)?.people ?? 0, besideWhole) : undefined! })), c, words, { unit: 'percent', label: t('sticky.share'), beside: other && second.data ? other.label : undefined }),
    [days, whole, second.data, besideWhole, other, c, words, t],
  );
  return (
    <Loaded query={query} height={340}>
      {() => (
        <ChartFrame
          title={t('sticky.title')}
          name={t('sticky.title')}
          note={t(span === 'week' ? 'sticky.note.week' : 'sticky.note.month')}
          controls={<SegmentedControl size="xs" aria-label={t('sticky.span')} data={[{ value: 'week', label: t('sticky.week') }, { value: 'month', label: t('sticky.month') }]} value={span} onChange={(v) => setSticky(v === 'month' ? v : undefined)} />}
          legend={other && second.data ? [{ name: other.label, colour: c.compare, dashed: true }] : []}
          option={option}
          table={{ head: [t('sticky.active'), t('people.title'), t('sticky.share')], rows: days.map((d) => ({ key: String(d.days), head: t('sticky.days', { n: d.days }), cells: [value(d.people, 'count'), value(share(d.people, whole), 'percent')], open: () => open({ of: 'stickiness', days: String(d.days), grain: span }) })) }}
          height={260}
          onClick={(click) => days[click.index] && open({ of: 'stickiness', days: String(days[click.index]!.days), grain: span })}
          sheet={() => ({ name: t('sticky.title'), head: ['days', 'people', 'share'], rows: days.map((d) => [d.days, d.people, share(d.people, whole)]) })}
        />
      )}
    </Loaded>
  );
}

function Usage() {
  const { t, value } = useI18n();
  const view = useView();
  const [limit, setLimit] = useToken('fell');
  const fell = limit !== undefined;
  const share = Math.min(100, Math.max(1, Number(limit) || 50));
  const params = { by: 'customer', event: view.search.event ?? '*', from: view.span.from, to: view.span.to, fell: fell ? share / 100 : undefined };
  const query = useUsage(params);
  const rows = query.data?.customers ?? [];
  return (
    <Loaded query={query} height={340}>
      {(r) => (
        <ChartFrame
          title={t('usage.title')}
          name={t('usage.title')}
          note={fell ? t('usage.note.fell', { n: r.total }) : t('usage.note')}
          controls={
            <>
              <Switch size="xs" label={t('usage.fell')} checked={fell} onChange={(e) => setLimit(e.currentTarget.checked ? '50' : undefined)} />
              {fell ? <TextInput type="number" aria-label={t('usage.by')} size="xs" w={84} min={1} max={100} step={10} rightSection={<span aria-hidden="true">%</span>} defaultValue={share} key={share} onBlur={(e) => setLimit(String(Number(e.currentTarget.value) || 50))} onKeyDown={(e) => e.key === 'Enter' && setLimit(String(Number(e.currentTarget.value) || 50))} /> : null}
            </>
          }
          option={null}
          table={{ head: [t('people.customer'), t('usage.now'), t('usage.before'), t('table.change')], rows: rows.map((x) => ({ key: x.customer_id, head: x.name ?? x.customer_id, cells: [value(x.now, 'count'), value(x.before, 'count'), value(x.change, 'percent')] })) }}
          height={320}
          sheet={() => ({ name: t('usage.title'), head: ['customer_id', 'name', 'now', 'before', 'change'], rows: rows.map((x) => [x.customer_id, x.name, x.now, x.before, x.change]) })}
        >
          {rows.length ? (
            <div className="scroll usage" tabIndex={0}>
              <table className="data">
                <caption className="sr-only">{t('usage.title')}</caption>
                <thead><tr><th scope="col">{t('people.customer')}</th><th scope="col" className="num">{t('usage.now')}</th><th scope="col" className="num">{t('usage.before')}</th><th scope="col" className="num">{t('table.change')}</th></tr></thead>
                <tbody>
                  {rows.map((x) => (
                    <tr key={x.customer_id}>
                      <th scope="row"><Link to="/customers/$id" params={{ id: x.customer_id }} search={view.carry as never}>{x.name ?? x.customer_id}</Link></th>
                      <td className="num">{value(x.now, 'count')}</td>
                      <td className="num">{value(x.before, 'count')}</td>
                      <td className="num"><Delta before={x.before} after={x.now} unit="count" better="higher" /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <Empty title={t(fell ? 'usage.none.fell' : 'usage.none')}>{t(fell ? 'usage.none.fell.why' : 'usage.none.why')}</Empty>
          )}
        </ChartFrame>
      )}
    </Loaded>
  );
}

export function Product() {
  const { t, text, dim: dimText, period } = useI18n();
  const view = useView();
  const catalog = useMetrics().data;
  const empty = useNoEvents();
  const { pick, close } = usePick();
  const has = (m: string) => catalog?.some((k) => k.name === m) ?? false;
  const name = (m: string) => text(catalog?.find((x) => x.name === m)?.label) || m;
  const eventName = useEventName();
  const [which, setWhich] = useToken('active');
  const { span } = view;
  if (empty) return <div className="page"><h1>{t('page.product')}</h1><NoEvents /></div>;
  const actives = ['mau', 'wau', 'dau'].filter(has);
  const one = actives.find((m) => which === m);
  const features = ['feature_users', 'active_users'].find(has);
  const titleOf = (p: Record<string, string>): [string, string] => {
    if (p['of'] === 'lifecycle') return [t(`life.${(LIFE.find((s) => s === p['state']) ?? 'new')}`), period(p['period'])];
    if (p['of'] === 'stickiness') return [t('sticky.days', { n: Number(p['days']) }), t('sticky.title')];
    return [p['value'] === undefined ? t('dim.none') : p['by'] === 'event' ? eventName(p['value']) : dimText(p['by'] ?? '', p['value']), name(p['metric'] ?? '')];
  };
  const params = pick ? { of: 'metric', ...pick, from: view.span.from, to: view.span.to, where: view.where } : {};
  return (
    <div className="page" data-page="product">
      <div className="page-head between">
        <h1>{t('page.product')}</h1>
        <SavedViews page="/product" />
      </div>
      <Strip metrics={HEAD} />
      <div className="grid two-one">
        {actives.length ? (
          <MetricChart
            grain={span.grain === 'week' && daysBetween(span.from, span.to) <= MOST_DAYS ? 'day' : undefined}
            metrics={view.search.by ? [one ?? actives[0]!] : one ? [one] : actives}
            title={t('product.active')}
            name={t('product.active')}
            note={t('product.active.note')}
            by={view.search.by}
            height={370}
            zero
            tab="people"
            controls={
              <>
                <SegmentedControl size="xs" aria-label={t('product.which')} data={[{ value: '', label: t('product.together') }, ...actives.map((m) => ({ value: m, label: name(m) }))]} value={one ?? ''} onChange={(v) => setWhich(v || undefined)} />
                <Breakdown metric={one ?? actives[0]!} />
              </>
            }
          />
        ) : null}
        <div className="column">
          <ActiveRule />
          {features ? <Tops title={t('product.features')} note={t('product.features.note')} metric={features} extra={['product_usage']} dims={[{ dim: 'event', label: t('product.feature') }]} name={(_, v) => (v ? eventName(v) : t('dim.none'))} /> : null}
        </div>
      </div>
      <div className="grid two">
        <Lifecycle />
        <Stickiness />
      </div>
      {TRY.some(has) ? (
        <section className="section" aria-label={t('product.try')}>
          <h2>{t('product.try')}</h2>
          <Strip metrics={TRY} />
        </section>
      ) : null}
      <div className="grid two">
        {has('trial_to_paid') ? <MetricChart metrics={['trial_to_paid']} title={name('trial_to_paid')} name={name('trial_to_paid')} note={t('product.cohorted')} zero tab="people" /> : null}
        {has('viral_coefficient') ? <MetricChart metrics={VIRAL.filter(has)} title={t('product.viral')} name={t('product.viral')} note={t('product.viral.note')} zero /> : null}
      </div>
      <Usage />
      {pick ? <PeoplePanel title={titleOf(pick)[0]} note={titleOf(pick)[1]} params={params} onClose={close} /> : null}
    </div>
  );
}
