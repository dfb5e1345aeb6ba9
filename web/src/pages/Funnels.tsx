/** Who goes how far: steps of events and of the ledger, built by clicking. */
import { MultiSelect, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useMemo } from 'react';
import type { Params } from '../api/client';
import { useFunnel, useFunnelTrend, useMeanings, useNames, type FunnelAnswer } from '../api/events';
import { useReleases } from '../api/hooks';
import type { Period } from '../api/types';
import { ChartFrame, useColours, useFigureTable, useWords } from '../charts/ChartFrame';
import type { Figure } from '../charts/figure';
import { biggest, funnelRows, funnelTotal, weakest, type FunnelBar } from '../charts/funnel';
import { funnelBars, lines } from '../charts/registry';
import { Icon } from '../components/Icon';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { SavedViews } from '../components/SavedViews';
import { StepList, useEventChoices } from '../components/StepField';
import { Empty, ErrorBox, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { addDays, labelOf, step as stepDate } from '../state/dates';
import { defaultSteps } from '../state/funnel';
import { groupPick, usePick } from '../state/people';
import { readWithin } from '../state/step';
import { useStepWords } from '../state/useEventWords';
import { useBesideParams } from '../state/useBeside';
import { useSplits } from '../state/useSplits';
import { useView } from '../state/useView';
import { MODES, type Mode } from '../state/view';

/** Long enough for a trial and the first payment after it. */
const WINDOW = '30d';

function Steps({ answer, beside, by, besideLabel }: { answer: FunnelAnswer; beside: FunnelAnswer | undefined; by: string | undefined; besideLabel: string }) {
  const { t, value, dim } = useI18n();
  const c = useColours();
  const { open } = usePick();
  const words = useStepWords();
  const rows = funnelRows(answer);
  const top = Math.max(1, ...(rows[0]?.bars.map((b) => b.people) ?? [1]));
  const total = funnelTotal(answer);
  const before = beside ? funnelTotal(beside) : null;
  const worst = weakest(total);
  const groupOf = (bar: FunnelBar) => (by ? groupPick(by, bar.value) : {});
  return (
    <ol className="funnel" data-funnel="">
      {rows.map((row, i) => {
        const label = words(row.step);
        return (
          <li key={i} className="funnel-step">
            {i > 0 ? (
              <div className={worst === i && !by ? 'funnel-drop worst' : 'funnel-drop'}>
                {by ? null : (
                  <>
                    <span aria-hidden="true">↓</span>
                    <span>{t('funnel.went', { share: value(row.bars[0]?.step ?? null, 'percent') })}</span>
                    {row.bars[0]?.seconds !== null && row.bars[0] ? <span className="muted">{t('funnel.took', { time: value(row.bars[0].seconds, 'seconds') })}</span> : null}
                    {row.bars[0]?.dropped ? <button type="button" className="link bad-text" onClick={() => open({ step: String(i + 1), dropped: 'true' })}>{t('funnel.dropped', { n: row.bars[0].dropped })}</button> : null}
                    {worst === i && rows.length > 2 ? <span className="mark">{t('funnel.worst')}</span> : null}
                  </>
                )}
              </div>
            ) : null}
            <div className="funnel-head"><span className="step-number" aria-hidden="true">{i + 1}</span><strong>{label}</strong></div>
            <div className="funnel-bars">
              {row.bars.map((bar, k) => {
                const share = bar.share;
                const old = !by && before ? (before[0] ? before[i]! / before[0] : null) : null;
                const group = by ? dim(by, bar.value) : '';
                return (
                  <div key={bar.value ?? '~'} className="funnel-row">
                    {by ? <span className="funnel-group" title={group}><i style={{ background: c.series[k % c.series.length] }} aria-hidden="true" />{group}</span> : null}
                    <button
                      type="button"
                      className="funnel-bar"
                      aria-label={t('funnel.bar', { step: label, group, people: value(bar.people, 'count'), share: value(share, 'percent') })}
                      onClick={() => open({ step: String(i + 1), ...groupOf(bar) })}
                    >
                      <span className="funnel-track">
                        <span className="funnel-fill" style={{ width: `${(100 * bar.people) / top}%`, ...(by ? { background: c.series[k % c.series.length] } : {}) }} />
                        {old !== null && before ? <span className="funnel-old" style={{ left: `${Math.min(100, 100 * old)}%` }} title={`${besideLabel}: ${value(old, 'percent')}`} /> : null}
                      </span>
                      <span className="funnel-figures"><strong>{value(share, 'percent')}</strong> <span className="muted">{value(bar.people, 'count')}</span></span>
                    </button>
                    {by && i === 0 ? <span className="funnel-lost" /> : null}
                    {by && i > 0 ? <button type="button" className="link small funnel-lost" title={t('funnel.took', { time: value(bar.seconds, 'seconds') })} onClick={() => open({ step: String(i + 1), dropped: 'true', ...groupOf(bar) })}>{t('funnel.droppedShort', { n: bar.dropped })}</button> : null}
                    {old !== null ? <span className="muted small funnel-before">{i ? t('funnel.before', { share: value(old, 'percent') }) : ''}</span> : null}
                  </div>
                );
              })}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

/** Conversion by the period in which people began: the same question for each period. */
function Trend({ params, steps }: { params: Params; steps: string[] }) {
  const { t } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const releases = useReleases().data;
  const { span, today } = view;
  const periods: Period[] = useMemo(() => {
    const out: Period[] = [];
    for (let d = span.from; d <= span.to && out.length < 62; d = stepDate(d, span.grain, 1)) {
      const end = stepDate(d, span.grain, 1);
      out.push({ label: labelOf(d, span.grain), start: d, end, complete: end <= today });
    }
    return out;
  }, [span.from, span.to, span.grain, today]);
  const queries = useFunnelTrend(params, periods.map((p) => ({ from: p.start, to: addDays(p.end, -1) < span.to ? addDays(p.end, -1) : span.to })), periods.length > 1);
  const found = queries.map((q) => (q.data ? funnelTotal(q.data) : null));
  const key = found.map((f) => f?.join(',') ?? '').join(';');
  const figure: Figure = useMemo(
    () => ({ periods, comparePeriods: null, currency: '', lines: [{ key: 'conversion', name: t('funnel.conversion'), metric: 'conversion', unit: 'percent', values: found.map((f) => (f?.[0] ? (f.at(-1) ?? 0) / f[0] : null)), reasons: [], compare: null, dimensions: {} }] }),
    [periods, key, t],
  );
  const table = useFigureTable(figure);
  const option = useMemo(() => lines(figure, c, words, { releases: releases ?? [], area: true, zero: true }), [figure, c, words, releases]);
  if (periods.length < 2) return null;
  const error = queries.find((q) => q.error)?.error;
  if (error) return <ErrorBox error={error} />;
  return (
    <Loaded query={{ data: found.every((f) => f === null) ? undefined : true, error: null, isPlaceholderData: queries.some((q) => q.isPending), refetch: () => undefined }} height={290}>
      {() => <ChartFrame title={t('funnel.trend')} name={t('funnel.trend')} note={t('funnel.trend.note')} option={option} table={table} height={220} sheet={() => ({ name: t('funnel.trend'), head: ['period', ...steps], rows: periods.map((p, i) => [p.label, ...(found[i] ?? steps.map(() => null))]) })} />}
    </Loaded>
  );
}

export function Funnels() {
  const { t, value, dim, moment } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const empty = useNoEvents();
  const names = useNames();
  const meanings = useMeanings();
  const splits = useSplits();
  const label = useStepWords();
  const { pick, close } = usePick();
  const { search } = view;
  const ready = Boolean(names.data && meanings.data);
  const steps = search.step ?? (names.data && meanings.data ? defaultSteps(meanings.data, names.data) : []);
  const within = search.within ?? WINDOW;
  const mode: Mode = search.mode ?? 'ordered';
  const exclude = search.exclude ?? [];
  const params = { step: steps, within, order: mode, exclude, times: 'previous', by: search.by, from: view.span.from, to: view.span.to, where: view.where };
  const asked = ready && steps.length > 1;
  const query = useFunnel(params, asked);
  const other = useBesideParams();
  const second = useFunnel({ ...params, ...other?.params }, asked && Boolean(other) && !search.by);
  const beside = other && !search.by ? second.data : undefined;
  const choices = useEventChoices(names.data ?? [], false);
  const { n, unit } = readWithin(within);
  if (empty) return <div className="page"><h1>{t('page.funnels')}</h1><NoEvents /></div>;
  const answer = query.data;
  const groups = answer ? biggest(answer.groups, search.by ? 50 : 1) : [];
  const total = answer ? funnelTotal(answer) : [];
  const overall = total[0] ? (total.at(-1) ?? 0) / total[0] : null;
  const oldTotal = beside ? funnelTotal(beside) : [];
  const head = [t('funnel.step'), ...(search.by ? [splits.label(search.by)] : []), t('people.title'), t('funnel.ofFirst'), t('funnel.ofBefore'), t('funnel.median'), ...(beside && other ? [t('table.compared', { name: t('people.title') })] : [])];
  const flat = (answer?.steps ?? []).flatMap((s, i) => groups.map((g) => ({ key: `${i}:${g.value ?? ''}`, step: s.step, i, g })));
  const rate = (a: number | undefined, b: number | undefined) => (b ? (a ?? 0) / b : null);
  return (
    <div className="page" data-page="funnels">
      <div className="page-head between">
        <h1>{t('page.funnels')}</h1>
        <SavedViews page="/funnels" />
      </div>
      <div className="grid builder">
        <section className="panel" aria-label={t('funnel.steps')}>
          <header className="panel-head"><div className="panel-title"><h2>{t('funnel.steps')}</h2><p className="muted">{t('funnel.steps.note')}</p></div></header>
          <Loaded query={{ data: ready ? true : undefined, error: names.error ?? meanings.error, refetch: names.refetch }} height={220}>
            {() => (
              <div className="stack">
                <StepList steps={steps} names={names.data ?? []} onChange={(next) => view.set({ step: next, people: undefined })} name={(i) => t('funnel.stepN', { n: i })} add={t('funnel.add')} />
                <div className="fields">
                  <span className="joined">
                    <TextInput type="number" label={t('funnel.within')} min={1} max={9999} defaultValue={n} key={within} w={72} onBlur={(e) => view.set({ within: `${Math.max(1, Math.round(Number(e.currentTarget.value) || n))}${unit}` }, { replace: true })} onKeyDown={(e) => e.key === 'Enter' && view.set({ within: `${Math.max(1, Math.round(Number(e.currentTarget.value) || n))}${unit}` }, { replace: true })} />
                    <Select aria-label={t('funnel.unit')} w={104} data={(['m', 'h', 'd', 'w'] as const).map((u) => ({ value: u, label: t(`unit.${u}`) }))} value={unit} onChange={(u) => u && view.set({ within: `${n}${u}` }, { replace: true })} allowDeselect={false} withCheckIcon={false} />
                  </span>
                  <div className="field">
                    <span className="field-label" id="funnel-mode">{t('funnel.order')}</span>
                    <SegmentedControl size="xs" aria-labelledby="funnel-mode" data={MODES.map((m) => ({ value: m, label: t(`funnel.${m}`) }))} value={mode} onChange={(m) => view.set({ mode: m === 'ordered' ? undefined : (m as Mode) }, { replace: true })} />
                  </div>
                  <MultiSelect size="xs" label={t('funnel.exclude')} placeholder={exclude.length ? undefined : t('funnel.exclude.none')} searchable clearable clearButtonProps={{ 'aria-label': t('action.clear') }} data={[...choices, ...(exclude.some((e) => !names.data?.some((x) => x.event === e)) ? [{ group: t('step.unseen'), items: exclude.filter((e) => !names.data?.some((x) => x.event === e)).map((e) => ({ value: e, label: label(e) })) }] : [])]} value={exclude} onChange={(v) => view.set({ exclude: v.length ? v : undefined })} maxDropdownHeight={260} />
                  <Select label={t('breakdown.none')} data={[{ value: '', label: t('breakdown.whole') }, ...splits.choices]} value={search.by ?? ''} onChange={(v) => view.set({ by: v || undefined })} allowDeselect={false} searchable data-breakdown="" />
                </div>
                <p className="muted small">{t(`funnel.${mode}.note`)}</p>
              </div>
            )}
          </Loaded>
        </section>
        {steps.length < 2 && ready ? (
          <section className="panel"><Empty title={t('funnel.few')}>{t('funnel.few.why')}</Empty></section>
        ) : (
          <ChartFrame
            title={t('funnel.title')}
            name={`${t('funnel.title')}: ${steps.map(label).join(' → ')}`}
            note={overall !== null ? <>{t('funnel.overall', { share: value(overall, 'percent'), first: value(total[0] ?? 0, 'count'), last: value(total.at(-1) ?? 0, 'count') })}{beside && oldTotal[0] ? ` · ${other?.label}: ${value((oldTotal.at(-1) ?? 0) / oldTotal[0], 'percent')}` : ''}</> : null}
            legend={beside && other ? [{ name: other.label, colour: c.compare, dashed: true }] : []}
            option={null}
            pictureOption={() => funnelBars(answer ? funnelRows(answer) : [], { step: label, group: (v) => dim(search.by ?? '', v) }, c, words)}
            table={{ head, rows: flat.map(({ key, step, i, g }) => ({ key, head: `${i + 1}. ${label(step)}`, cells: [...(search.by ? [dim(search.by, g.value)] : []), value(g.people[i] ?? 0, 'count'), value(rate(g.people[i], g.people[0]), 'percent'), i ? value(rate(g.people[i], g.people[i - 1]), 'percent') : '', i ? value(g.median_seconds[i] ?? null, 'seconds') : '', ...(beside ? [value(oldTotal[i] ?? null, 'count')] : [])] })) }}
            height={360}
            sheet={() => ({ name: t('funnel.title'), head: ['step', ...(search.by ? [search.by] : []), 'people', 'conversion', 'step_conversion', 'median_seconds'], rows: flat.map(({ step, i, g }) => [step, ...(search.by ? [g.value] : []), g.people[i] ?? 0, rate(g.people[i], g.people[0]), i ? rate(g.people[i], g.people[i - 1]) : null, g.median_seconds[i] ?? null]) })}
            origin={answer ? [t('origin.asOf', { at: moment(answer.as_of) }), ...view.where].join(' · ') : ''}
          >
            <Loaded query={query} height={360}>
              {(r) => (total[0] ? <Steps answer={r} beside={beside} by={search.by} besideLabel={other?.label ?? ''} /> : <Empty title={t('funnel.nobody')}>{t('funnel.nobody.why')}</Empty>)}
            </Loaded>
          </ChartFrame>
        )}
      </div>
      {answer && total[0] && !search.by ? <Trend params={{ step: steps, within, order: mode, exclude, where: view.where }} steps={steps} /> : null}
      {answer && total[0] ? (
        <p className="muted small row"><Icon name="person" size={12} />{t('funnel.hint')}</p>
      ) : null}
      {pick?.['step'] && asked ? (
        <PeoplePanel
          title={label(steps[Number(pick['step']) - 1] ?? '')}
          note={[t(pick['dropped'] ? 'funnel.people.dropped' : 'funnel.people.came', { n: Number(pick['step']) }), search.by && pick['by'] ? dim(search.by, pick['value'] ?? null) : ''].filter(Boolean).join(' · ')}
          params={{ of: 'funnel', step: steps, within, order: mode, exclude, from: view.span.from, to: view.span.to, where: view.where, at: pick['step'], dropped: pick['dropped'], by: pick['by'], value: pick['value'], none: pick['none'] }}
          onClose={close}
        />
      ) : null}
    </div>
  );
}
