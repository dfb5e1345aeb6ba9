/** One or several metrics over the range of the bar, with comparison, division, flags and the way to the panel. */
import { useCallback, useMemo, type ReactNode } from 'react';
import { useMetrics, useReleases } from '../api/hooks';
import type { Grain, QueryResult, Series } from '../api/types';
import { ChartFrame, figureLegend, useColours, useFigureTable, useWords } from '../charts/ChartFrame';
import { figureOf, type Figure } from '../charts/figure';
import { bars, lines } from '../charts/options';
import { useI18n } from '../i18n/context';
import { useOpenPanel } from '../state/panel';
import { useFiguresBeside, useSegmentName } from '../state/useBeside';
import { useView } from '../state/useView';
import type { Tab } from '../state/view';
import { Loaded } from './states';

interface Props {
  metrics: string[];
  title: ReactNode;
  name: string;
  note?: ReactNode;
  controls?: ReactNode;
  by?: string | undefined;
  kind?: 'line' | 'bar' | undefined;
  height?: number;
  compare?: boolean;
  className?: string;
  zero?: boolean;
  /** Conditions beside those of the bar. */
  where?: string[];
  /** In place of the grain of the bar. */
  grain?: Grain | undefined;
  /** The tab that a click opens. */
  tab?: Tab;
}

export function useOrigin(): (result: QueryResult | undefined) => string {
  const { t, moment } = useI18n();
  const { where } = useView();
  return (result) => (result ? [t('origin.asOf', { at: moment(result.as_of) }), result.timezone, result.currency, ...where].join(' · ') : '');
}

export function MetricChart({ metrics, title, name, note, controls, by, kind = 'line', height = 260, compare = true, className, zero, tab, where, grain }: Props) {
  const i18n = useI18n();
  const { t, text, dim } = i18n;
  const c = useColours();
  const words = useWords();
  const view = useView();
  const catalog = useMetrics().data;
  const releases = useReleases().data;
  const open = useOpenPanel();
  const origin = useOrigin();
  const params = { ...view.params, ...(grain ? { grain } : {}), ...(where ? { where: [...view.where, ...where] } : {}), by, compare: compare && !by ? view.compareParam : undefined };
  const query = useFiguresBeside({ metrics, params });
  const segment = useSegmentName(view.versus);

  const nameOf = useCallback(
    (s: Series): string => {
      const metric = catalog?.find((m) => m.name === s.metric);
      const dims = Object.entries(s.dimensions);
      if (dims.length === 0) return metric ? text(metric.label) : s.metric;
      return dims.map(([d, v]) => dim(d, v)).join(' · ');
    },
    [catalog, text, dim],
  );
  const figure: Figure | null = useMemo(
    () => (query.data ? figureOf(query.data, nameOf, (m) => catalog?.find((x) => x.name === m)?.additive ?? false, { other: t('series.other') }) : null),
    [query.data, nameOf, catalog, t],
  );
  const show = useCallback(
    (index: number, at: number) => {
      const period = figure?.periods[index]?.label;
      const line = figure?.lines[at] ?? figure?.lines[0];
      if (period && line) open({ metric: line.metric, period, dimensions: line.dimensions, ...(tab ? { tab } : {}) });
    },
    [figure, open, tab],
  );
  const table = useFigureTable(figure, show);
  const option = useMemo(
    () => (figure ? (kind === 'bar' ? bars(figure, c, words, { releases: releases ?? [], sum: by ? t('series.total') : undefined! }) : lines(figure, c, words, { releases: releases ?? [], area: metrics.length === 1 && !by, zero: zero ?? false })) : null),
    [figure, kind, c, words, releases, by, t, metrics.length, zero],
  );
  return (
    <Loaded query={query} height={height + 64}>
      {() => (
        <ChartFrame
          title={title}
          name={name}
          note={note}
          controls={controls}
          legend={figureLegend(figure, c, view.compare === 'segment' ? segment : t(`compare.${view.compare}`))}
          option={option}
          table={table}
          height={height}
          onClick={(click) => {
            const at = figure?.lines.findIndex((l) => click.series === l.key || click.series?.startsWith(`${l.key}~`)) ?? -1;
            show(click.index, at < 0 ? 0 : at);
          }}
          query={{ metrics, params }}
          origin={origin(query.data)}
          {...(className ? { className } : {})}
        />
      )}
    </Loaded>
  );
}
