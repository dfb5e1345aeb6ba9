/** A row of compact figures above a page's charts. */
import { useFigureSet, useMetrics } from '../api/hooks';
import { addDays, step, startOf } from '../state/dates';
import { beside, useOther } from '../state/useBeside';
import { useView } from '../state/useView';
import { Card, FailedCard } from './Card';
import { Loaded } from './states';

/** Daily figures are told by day, whatever the grain of the bar: the last day of a week is always a Sunday. */
const DAILY = new Set(['dau', 'stickiness']);
const DAYS = 27;

/** Figures in one row; those by day are asked for apart. */
export function Strip({ metrics }: { metrics: string[] }) {
  const catalog = useMetrics().data;
  const daily = metrics.filter((m) => DAILY.has(m));
  const others = metrics.filter((m) => !DAILY.has(m));
  const known = (list: string[]) => !catalog || list.some((m) => catalog.some((k) => k.name === m));
  if (!known(metrics)) return null;
  return (
    <div className="cards strip joined-strips" data-count={metrics.length}>
      {known(others) && others.length ? <Row metrics={others} /> : null}
      {known(daily) && daily.length ? <Row metrics={daily} grain="day" /> : null}
    </div>
  );
}

function Row({ metrics, grain = null }: { metrics: string[]; grain?: 'day' | null }) {
  const view = useView();
  const catalog = useMetrics().data;
  const shown = metrics.filter((m) => catalog?.some((k) => k.name === m));
  const from = grain ? addDays(view.span.to, -DAYS) : view.compare === 'previous' ? startOf(step(view.span.from, view.span.grain, -1), view.span.grain) : view.span.from;
  const params = { ...view.params, ...(grain ? { grain } : {}), from, compare: view.compare === 'year_ago' ? 'year_ago' : undefined };
  const enabled = Boolean(catalog) && shown.length > 0;
  const query = useFigureSet({ metrics: shown, params, enabled });
  const other = useOther({ metrics: shown, params, enabled });
  if (catalog && !shown.length) return null;
  return (
    <Loaded query={query} height={104}>
      {(found) => {
        const result = other ? beside(found, other) : found;
        return (
        <>
          {shown.map((name) => {
            const metric = catalog?.find((m) => m.name === name);
            const series = result.series.find((s) => s.metric === name);
            return metric && series ? <Card key={name} metric={metric} result={result} series={series} /> : metric && query.failed.has(name) ? <FailedCard key={name} metric={metric} error={query.failed.get(name)} /> : null;
          })}
        </>
        );
      }}
    </Loaded>
  );
}
