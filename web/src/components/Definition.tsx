/** How a metric is computed: formula with the figures of now, prose, rules, lineage. */
import { Link } from '@tanstack/react-router';
import { useExplain, useMetricDetail, useMetrics, useWorkspace } from '../api/hooks';
import type { Params } from '../api/client';
import type { MetricDetail, Tree } from '../api/types';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';
import { Inline, Markdown } from './Markdown';
import { Loaded } from './states';

function Part({ node, depth }: { node: Tree; depth: number }) {
  const { text, value } = useI18n();
  const { carry } = useView();
  const known = useMetrics().data?.some((m) => m.name === node.metric) ?? false;
  return (
    <li>
      <span className="part">
        {node.operator && depth > 0 && node.children.length ? null : null}
        {known ? <Link to="/metrics/$name" params={{ name: node.metric }} search={carry as never}>{text(node.label) || node.metric}</Link> : <span>{text(node.label) || node.metric}</span>}
        <span className="dots" aria-hidden="true" />
        <span className="num">{value(node.after, node.unit)}</span>
      </span>
      {node.children.length && depth < 3 ? <ul>{node.children.map((child, i) => <Part key={i} node={child} depth={depth + 1} />)}</ul> : null}
    </li>
  );
}

export function Formula({ metric, formula, params }: { metric: string; formula: string | null; params: Params }) {
  const { t, period } = useI18n();
  const query = useExplain(metric, params, Boolean(params['period']));
  return (
    <div className="formula">
      {formula ? <pre tabIndex={0}>{metric} = {formula}</pre> : null}
      {query.data?.tree ? (
        <>
          <h4>{t('definition.numbers', { period: period(typeof query.data.period === 'string' ? query.data.period : query.data.period.label) })}</h4>
          <ul className="tree"><Part node={query.data.tree} depth={0} /></ul>
        </>
      ) : null}
    </div>
  );
}

/** What it is made from and what is made from it, left to right. */
export function Lineage({ detail, onPick }: { detail: MetricDetail; onPick?: (name: string) => void }) {
  const { t, text, maybe } = useI18n();
  const { carry } = useView();
  const catalog = useMetrics().data;
  const metric = (name: string) => {
    const label = text(catalog?.find((m) => m.name === name)?.label) || name;
    return onPick ? <button type="button" className="link" onClick={() => onPick(name)}>{label}</button> : <Link to="/metrics/$name" params={{ name }} search={carry as never}>{label}</Link>;
  };
  const columns: { key: string; title: string; items: { key: string; node: React.ReactNode }[] }[] = [
    { key: 'records', title: t('lineage.records'), items: detail.records.map((r) => ({ key: r, node: maybe(`table.${r}`, r) })) },
    { key: 'fact', title: t('lineage.fact'), items: detail.fact ? [{ key: detail.fact, node: <code>{detail.fact}</code> }] : [] },
    { key: 'from', title: t('lineage.from'), items: detail.depends_on.map((m) => ({ key: m, node: metric(m) })) },
    { key: 'self', title: t('lineage.self'), items: [{ key: detail.name, node: <strong>{text(detail.label)}</strong> }] },
    { key: 'used', title: t('lineage.used'), items: detail.used_by.map((m) => ({ key: m, node: metric(m) })) },
  ];
  return (
    <ol className="lineage" aria-label={t('lineage.label')}>
      {columns.filter((col) => col.items.length).map((col) => (
        <li key={col.key} className={`lineage-${col.key}`}>
          <span className="muted">{col.title}</span>
          <ul>{col.items.map((item) => <li key={item.key}>{item.node}</li>)}</ul>
        </li>
      ))}
    </ol>
  );
}

/** The prose begins with the summary, which stands above it already (on the metric's own page under its name). */
const withoutFirst = (prose: string): string => prose.split(/\n\s*\n/).slice(1).join('\n\n');

export function Definition({ metric, params, compact = false }: { metric: string; params: Params; compact?: boolean }) {
  const { t, text } = useI18n();
  const query = useMetricDetail(metric);
  const rules = useWorkspace().data?.rule_version;
  return (
    <Loaded query={query} height={300}>
      {(d) => (
        <div className="definition">
          {compact ? <p className="lead"><Inline text={text(d.summary)} /></p> : null}
          <Formula metric={metric} formula={d.formula} params={params} />
          <Markdown source={withoutFirst(text(d.prose) ?? '')} />
          {d.settings.length ? (
            <details>
              <summary>{t('definition.rules')}</summary>
              <dl className="rules">
                {d.settings.map((s) => (
                  <div key={s.name}>
                    <dt><code>{s.name}</code> = <code>{String(s.value)}</code></dt>
                    <dd className="muted"><Inline text={text(s.doc)} /></dd>
                  </div>
                ))}
              </dl>
            </details>
          ) : null}
          <h4>{t('lineage.label')}</h4>
          <Lineage detail={d} />
          {compact ? null : (
            <details>
              <summary>{t('definition.source')}</summary>
              <pre tabIndex={0}>{d.definition}</pre>
            </details>
          )}
          <p className="muted small">
            <code>{d.name}</code> · {d.file}
            {rules ? ` · ${t('definition.ruleVersion', { version: rules })}` : ''}
          </p>
        </div>
      )}
    </Loaded>
  );
}
