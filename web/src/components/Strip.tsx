/** A row of compact figures above a page's charts. */
import { useFigureSet, useMetrics } from '../api/hooks';
import { step, startOf } from '../state/dates';
import { beside, useOther } from '../state/useBeside';
import { useView } from '../state/useView';
import { Card, FailedCard } from './Card';
import { Loaded } from './states';

export function Strip({ metrics }: { metrics: string[] }) {
  const view = useView();
  const catalog = useMetrics().data;
  const shown = metrics.filter((m) => catalog?.some((k) => k.name === m));
  const from = view.compare === 'previous' ? startOf(step(view.span.from, view.span.grain, -1), view.span.grain) : view.span.from;
  const params = { ...view.params, from, compare: view.compare === 'year_ago' ? 'year_ago' : undefined };
  const enabled = Boolean(catalog) && shown.length > 0;
  const query = useFigureSet({ metrics: shown, params, enabled });
  const other = useOther({ metrics: shown, params, enabled });
  if (catalog && !shown.length) return null;
  return (
    <Loaded query={query} height={104}>
      {(found) => {
        const result = other ? beside(found, other) : found;
        return (
        <div className="cards strip">
          {shown.map((name) => {
            const metric = catalog?.find((m) => m.name === name);
            const series = result.series.find((s) => s.metric === name);
            return metric && series ? <Card key={name} metric={metric} result={result} series={series} /> : metric && query.failed.has(name) ? <FailedCard key={name} metric={metric} error={query.failed.get(name)} /> : null;
          })}
        </div>
        );
      }}
    </Loaded>
  );
}
