/** The cards of a dashboard, section by section. */
import type { CSSProperties } from 'react';
import { useDashboard, useFigureSet, useMetrics } from '../api/hooks';
import type { Text } from '../api/types';
import { useI18n } from '../i18n/context';
import { startOf, step } from '../state/dates';
import { beside, useOther } from '../state/useBeside';
import { useView } from '../state/useView';
import { Card, FailedCard } from './Card';
import { Loaded, Waiting } from './states';

interface CardsProps {
  metrics: string[];
  unusual: ReadonlySet<string>;
  height: number;
}

/** Cards that are asked for together, and so come together. */
function Cards({ metrics, unusual, height }: CardsProps) {
  const view = useView();
  const catalog = useMetrics().data;
  // One period more than the range, so that the first comparison exists even for short ranges.
  const from = view.compare === 'previous' ? startOf(step(view.span.from, view.span.grain, -1), view.span.grain) : view.span.from;
  const params = { ...view.params, from, compare: view.compare === 'year_ago' ? 'year_ago' : undefined };
  const query = useFigureSet({ metrics, params });
  const other = useOther({ metrics, params });
  return (
    <Loaded query={query} height={height}>
      {(found) => {
        const result = other ? beside(found, other) : found;
        return metrics.map((name) => {
          const metric = catalog?.find((m) => m.name === name);
          const series = result.series.find((s) => s.metric === name);
          return metric && series ? <Card key={name} metric={metric} result={result} series={series} unusual={unusual.has(name)} /> : metric && query.failed.has(name) ? <FailedCard key={name} metric={metric} error={query.failed.get(name)} /> : null;
        });
      }}
    </Loaded>
  );
}

/** `apart` asks for each card by itself: figures over events take unlike long, and none waits for another. */
export function CardSections({ dashboard, unusual, apart = false }: { dashboard: string; unusual: ReadonlySet<string>; apart?: boolean }) {
  const { text } = useI18n();
  const catalog = useMetrics().data;
  const page = useDashboard(dashboard);
  if (page.error) return <Loaded query={page} height={176}>{() => null}</Loaded>;
  if (!catalog || !page.data) return <Waiting height={520} />;
  const known = new Set(catalog.map((m) => m.name));
  const sections = page.data.sections
    .map((s) => ({ name: s.name, label: s.label as Text, metrics: s.items.filter((i) => i.chart === 'card').flatMap((i) => i.metrics).filter((m) => known.has(m)) }))
    .filter((s) => s.metrics.length);
  const columns = Math.max(...sections.map((s) => s.metrics.length));
  return (
    <>
      {sections.map((section) => (
        <section key={section.name} className="section" aria-label={text(section.label)} data-section={section.name}>
          <h2>{text(section.label)}</h2>
          <div className={apart ? 'cards even apart' : 'cards even together'} style={{ '--columns': columns } as CSSProperties}>
            {apart ? section.metrics.map((m) => <Cards key={m} metrics={[m]} unusual={unusual} height={146} />) : <Cards metrics={section.metrics} unusual={unusual} height={146} />}
          </div>
        </section>
      ))}
    </>
  );
}
