/** Whether people come back: cohorts by what they did first, and the curve. */
import { SegmentedControl, Select } from '@mantine/core';
import { useMemo } from 'react';
import { useMeanings, useNames, useRetention } from '../api/events';
import { ChartFrame, useColours, useWords } from '../charts/ChartFrame';
import { averageCurve, retentionRows, type Curve } from '../charts/curve';
import { cohorts, curves } from '../charts/registry';
import { Heat } from '../components/Heat';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { SavedViews } from '../components/SavedViews';
import { StepField } from '../components/StepField';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { startOfLabel, step } from '../state/dates';
import { defaultRetention } from '../state/funnel';
import { groupPick, usePick } from '../state/people';
import { useStepWords } from '../state/useEventWords';
import { useBesideParams } from '../state/useBeside';
import { useSplits } from '../state/useSplits';
import { useView } from '../state/useView';

export function UserRetention() {
  const { t, value, period, dim, moment } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const { search, span, today } = view;
  const empty = useNoEvents();
  const names = useNames();
  const meanings = useMeanings();
  const splits = useSplits();
  const { pick, open, close } = usePick();
  const usual = names.data && meanings.data ? defaultRetention(meanings.data, names.data) : null;
  const first = search.first ?? usual?.first ?? '*';
  const back = search.back ?? usual?.back ?? '*';
  const kind = search.kind ?? 'first';
  const bounded = search.count !== 'unbounded';
  // Cohorts by quarter or year hide what retention tells.
  const grain = span.grain === 'quarter' || span.grain === 'year' ? 'month' : span.grain;
  const by = search.by;
  const params = { first, return: back, grain, kind, bounded, from: span.from, to: span.to, where: view.where };
  const query = useRetention({ ...params, by }, Boolean(usual));
  const other = useBesideParams();
  const second = useRetention({ ...params, ...other?.params }, Boolean(usual) && Boolean(other) && !by);
  const unfinished = useMemo(() => (cohort: string, age: number) => step(startOfLabel(cohort), grain, age + 1) > today, [grain, today]);
  const answer = query.data;
  const groups = useMemo(() => {
    if (!answer || !by) return [];
    const values = [...new Set(answer.cohorts.map((x) => x.value ?? null))];
    return values
      .map((v) => ({ value: v, rows: retentionRows({ ...answer, cohorts: answer.cohorts.filter((x) => (x.value ?? null) === v) }, unfinished) }))
      .map((g) => ({ ...g, size: g.rows.reduce((s, r) => s + r.size, 0), shares: averageCurve(g.rows) }))
      .sort((a, b) => b.size - a.size)
      .slice(0, 6);
  }, [answer, by, unfinished]);
  const rows = useMemo(() => (answer && !by ? retentionRows(answer, unfinished).filter((r) => r.size > 0).slice(-26) : []), [answer, by, unfinished]);
  const before = useMemo(() => (second.data && other && !by ? averageCurve(retentionRows(second.data, unfinished)) : null), [second.data, other, by, unfinished]);
  const average = useMemo(() => averageCurve(rows), [rows]);
  const widest = Math.max(average.length, ...groups.map((g) => g.shares.length), 0);
  const list: Curve[] = useMemo(
    () => (by ? groups.map((g) => ({ key: g.value ?? '~', name: dim(by, g.value), shares: g.shares })) : [{ key: 'average', name: t('cohorts.average'), shares: average, colour: c.accent }, ...(before && other ? [{ key: 'beside', name: other.label, shares: before.slice(0, Math.max(average.length, 2)), dashed: true }] : [])]),
    [by, groups, average, before, other, c.accent, dim, t],
  );
  const age = useMemo(() => (k: number) => t(`age.${grain as 'day' | 'week' | 'month'}`, { n: k }), [t, grain]);
  const option = useMemo(() => curves(list, age, c, words), [list, age, c, words]);
  if (empty) return <div className="page"><h1>{t('page.userRetention')}</h1><NoEvents /></div>;
  const label = useStepWords();
  const groupRows = groups.map((g) => ({ cohort: g.value ?? '', size: g.size, shares: g.shares, amounts: g.shares.map((s) => (s === null ? null : Math.round(s * g.size))), running: g.shares.map(() => false) }));
  const shownRows = by ? groupRows : rows;
  /** Of a group, the people of one cohort are listed: at first the newest that has lived so long; others are chosen beside. */
  const aged = (value: string, k: number) => (groups.find((g) => (g.value ?? '') === value)?.rows ?? []).filter((r) => r.shares[k] !== undefined && !r.running[k]).map((r) => r.cohort);
  const newest = (value: string, k: number) => aged(value, k).at(-1) ?? '';
  const picked = pick?.['by'] ? aged(pick['value'] ?? '', Number(pick['period'])) : [];
  const heads: [string, string] = [by ? splits.label(by) : t('cohorts.cohort'), t('people.title')];
  return (
    <div className="page" data-page="user-retention">
      <div className="page-head between">
        <h1>{t('page.userRetention')}</h1>
        <SavedViews page="/user-retention" />
      </div>
      <p className="lead">{t('back.lead', { first: label(first), back: label(back) })}</p>
      <section className="panel" aria-label={t('back.question')}>
        <Loaded query={{ data: usual ?? undefined, error: names.error ?? meanings.error, refetch: names.refetch }} height={70}>
          {() => (
            <div className="fields across">
              <div className="field"><span className="field-label">{t('back.first')}</span><StepField value={first} names={names.data ?? []} label={t('back.first')} onChange={(v) => view.set({ first: v })} /></div>
              <div className="field"><span className="field-label">{t('back.back')}</span><StepField value={back} names={names.data ?? []} label={t('back.back')} onChange={(v) => view.set({ back: v })} /></div>
              <div className="field"><span className="field-label" id="back-kind">{t('back.kind')}</span><SegmentedControl size="xs" aria-labelledby="back-kind" data={[{ value: 'first', label: t('back.kind.first') }, { value: 'recurring', label: t('back.kind.recurring') }]} value={kind} onChange={(v) => view.set({ kind: v === 'recurring' ? v : undefined }, { replace: true })} /></div>
              <div className="field"><span className="field-label" id="back-count">{t('back.count')}</span><SegmentedControl size="xs" aria-labelledby="back-count" data={[{ value: 'bounded', label: t('back.bounded') }, { value: 'unbounded', label: t('back.unbounded') }]} value={bounded ? 'bounded' : 'unbounded'} onChange={(v) => view.set({ count: v === 'unbounded' ? v : undefined }, { replace: true })} /></div>
              <Select label={t('breakdown.none')} w={150} data={[{ value: '', label: t('breakdown.whole') }, ...splits.choices]} value={by ?? ''} onChange={(v) => view.set({ by: v || undefined })} allowDeselect={false} searchable data-breakdown="" />
            </div>
          )}
        </Loaded>
      </section>
      <Loaded query={query} height={320}>
        {(r) => (
          <>
            <ChartFrame
              title={t('back.curve')}
              name={t('back.curve')}
              note={t('back.curve.note')}
              legend={list.length > 1 ? list.map((l, i) => ({ name: l.name, colour: l.dashed ? c.compare : (l.colour ?? c.series[i % c.series.length]!), dashed: l.dashed ?? false })) : []}
              option={option}
              table={{ head: [t('back.age'), ...list.map((l) => l.name)], rows: Array.from({ length: widest }, (_, k) => ({ key: String(k), head: age(k), cells: list.map((l) => value(l.shares[k] ?? null, 'percent')) })) }}
              height={240}
              sheet={() => ({ name: t('back.curve'), head: ['age', ...list.map((l) => l.name)], rows: Array.from({ length: widest }, (_, k) => [k, ...list.map((l) => l.shares[k] ?? null)]) })}
              origin={[t('origin.asOf', { at: moment(r.as_of) }), ...view.where].join(' · ')}
            />
            <ChartFrame
              title={by ? t('back.groups') : t('cohorts.title')}
              name={by ? t('back.groups') : t('cohorts.title')}
              note={t(bounded ? 'back.note.bounded' : 'back.note.unbounded', { back: label(back) })}
              option={null}
              pictureOption={() => cohorts(shownRows, c, by ? { ...words, period: (v) => dim(by, v || null) } : words)}
              table={{ head: [...heads, ...Array.from({ length: widest }, (_, k) => String(k))], rows: shownRows.map((x) => ({ key: x.cohort, head: by ? dim(by, x.cohort || null) : period(x.cohort), cells: [value(x.size, 'count'), ...x.amounts.map((a) => value(a, 'count'))] })) }}
              height={420}
              sheet={() => ({ name: t('cohorts.title'), head: ['cohort', ...(by ? [by] : []), 'size', 'period', 'people'], rows: r.cohorts.flatMap((x) => x.people.map((n, k) => [x.cohort, ...(by ? [x.value ?? null] : []), x.size, k, n])) })}
              origin={[t('origin.asOf', { at: moment(r.as_of) }), ...view.where].join(' · ')}
            >
              {shownRows.length ? (
                <Heat rows={shownRows} unit="count" title={t('cohorts.title')} heads={heads} {...(by ? { name: (v: string) => dim(by, v || null) } : {})} onOpen={(cohort, k) => open(by ? { cohort: newest(cohort, k), period: String(k), ...groupPick(by, cohort || null) } : { cohort, period: String(k) })} />
              ) : (
                <Empty title={t('cohorts.none')}>{t('back.none.why')}</Empty>
              )}
            </ChartFrame>
          </>
        )}
      </Loaded>
      {pick?.['period'] && usual ? (
        <PeoplePanel
          title={pick['by'] ? dim(pick['by'], pick['value'] ?? null) : period(pick['cohort'])}
          controls={picked.length > 1 ? <Select aria-label={t('cohorts.cohort')} data={picked.map((c2) => ({ value: c2, label: period(c2) }))} value={pick['cohort'] ?? null} onChange={(v) => v && open({ ...pick, cohort: v })} allowDeselect={false} withCheckIcon={false} /> : null}
          note={t('back.people', { age: age(Number(pick['period'])) })}
          params={{ of: 'retention', ...params, cohort: pick['cohort'], period: pick['period'], by: pick['by'], value: pick['value'], none: pick['none'] }}
          onClose={close}
        />
      ) : null}
    </div>
  );
}
