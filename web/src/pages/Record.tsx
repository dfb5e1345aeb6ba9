/** A record and the row of the source that it came from. */
import { Link, useParams } from '@tanstack/react-router';
import { useRecord } from '../api/hooks';
import { Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { useView } from '../state/useView';

export function RecordPage() {
  const { table, entity, key } = useParams({ strict: false }) as { table: string; entity: string; key: string };
  const { t, maybe, moment, money } = useI18n();
  const { carry } = useView();
  const query = useRecord(table, entity, key);
  const show = (name: string, v: unknown, record: Record<string, unknown>) => {
    if (v === null || v === undefined || v === '') return <span className="muted">–</span>;
    if (name === 'customer_id') return <Link to="/customers/$id" params={{ id: String(v) }} search={carry as never}>{String(v)}</Link>;
    if (typeof v === 'string' && /^\d{4}-\d\d-\d\dT/.test(v)) return moment(v, true);
    if (typeof v === 'object') return <code>{JSON.stringify(v)}</code>;
    if (typeof v === 'number' && /amount|price|total|fee|tax|subtotal|discount/.test(name) && !name.endsWith('_minor') && typeof record['currency'] === 'string') return money(v, record['currency']);
    if (typeof v === 'boolean') return t(v ? 'value.yes' : 'value.no');
    return String(v);
  };
  const raw = (v: unknown): string => {
    if (v === null || v === undefined) return '';
    if (typeof v !== 'string') return JSON.stringify(v, null, 2);
    try {
      return JSON.stringify(JSON.parse(v), null, 2);
    } catch {
      return v;
    }
  };
  return (
    <div className="page" data-page="record">
      <nav className="crumbs" aria-label={t('crumbs.label')}>
        <Link to="/customers/$id" params={{ id: entity }} search={carry as never}>{entity}</Link> / {maybe(`table.${table}`, table)}
      </nav>
      <h1>{t('record.title', { table: maybe(`table.${table}`, table) })}</h1>
      <Loaded query={query} height={400}>
        {(page) => (
          <div className="grid two">
            <section className="panel" aria-label={t('record.fields')}>
              <header className="panel-head"><h2>{t('record.fields')}</h2></header>
              <dl className="pairs">
                {Object.entries(page.record).filter(([k]) => !k.startsWith('_')).map(([k, v]) => <div key={k}><dt><code>{k}</code></dt><dd>{show(k, v, page.record)}</dd></div>)}
              </dl>
            </section>
            <section className="panel" aria-label={t('record.source')}>
              <header className="panel-head"><h2>{t('record.source')}</h2></header>
              {page.source ? (
                <>
                  <dl className="pairs">
                    <div><dt>{t('record.from')}</dt><dd><code>{page.source.source ?? '–'}</code></dd></div>
                    {page.source.file ? <div><dt>{t('record.file')}</dt><dd><code>{page.source.file}</code></dd></div> : null}
                    {page.source.line !== null && page.source.line !== undefined ? <div><dt>{t('record.line')}</dt><dd>{page.source.line}</dd></div> : null}
                  </dl>
                  {page.source.raw !== null && page.source.raw !== undefined ? <><h3>{t('record.raw')}</h3><pre className="raw" tabIndex={0}>{raw(page.source.raw)}</pre></> : <p className="muted">{page.source.removed_at ? t('record.removed', { at: moment(page.source.removed_at) }) : t('record.noRaw')}</p>}
                </>
              ) : (
                <p className="muted">{t('record.noRaw')}</p>
              )}
            </section>
          </div>
        )}
      </Loaded>
    </div>
  );
}
