/** What is in the workspace, how fresh it is, and how more comes in. */
import { Button, Checkbox, FileButton, Progress, Select, TextInput, Tooltip } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { send } from '../api/client';
import { isRunning, useImportRun, useImports, useRejects, useWorkspace } from '../api/hooks';
import type { ImportRun, Preview } from '../api/types';
import { Icon } from '../components/Icon';
import { Pager } from '../components/RowsTable';
import { Status } from '../components/Status';
import { Empty, ErrorBox, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';

const ORDER = ['customers', 'plans', 'subscription_changes', 'cancellations', 'invoices', 'invoice_lines', 'payments', 'refunds', 'credit_notes', 'discounts', 'fx_rates', 'costs', 'customer_merges', 'releases', 'events', 'persons', 'identity_links'];
/** What is recognised from the header of a file, beside the tables themselves. */
const SHAPES = {
  ledger: ['subscription_periods', 'stripe_subscriptions', 'stripe_invoices', 'stripe_charges', 'stripe_sigma_changes', 'baremetrics'],
  events: ['events', 'segment_events', 'segment_table', 'posthog_events', 'mixpanel_events'],
} as const;

function Shapes() {
  const { t, maybe } = useI18n();
  return (
    <section className="panel" aria-label={t('shapes.title')}>
      <header className="panel-head"><div className="panel-title"><h2>{t('shapes.title')}</h2><p className="muted">{t('shapes.note')}</p></div></header>
      {(['ledger', 'events'] as const).map((kind) => (
        <div key={kind} className="shapes">
          <h3>{t(`shapes.${kind}`)}</h3>
          <ul>
            {SHAPES[kind].map((name) => <li key={name}><span>{maybe(`shape.${name}`, maybe(`table.${name}`, name))}</span><code className="muted small">--as {name}</code></li>)}
          </ul>
        </div>
      ))}
      <p className="muted small">{t('shapes.tables')}</p>
    </section>
  );
}


/** `field=column` pairs of what a person chose over the guess; a column in quotes is a literal. */
export function mapText(chosen: Record<string, string | null>): string[] {
  return Object.entries(chosen).filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== '').map(([field, column]) => `${field}=${column}`);
}

function form(file: File, table: string | null, chosen: Record<string, string | null>, dry: boolean, replace = false): FormData {
  const data = new FormData();
  if (replace) data.append('replace', 'true');
  if (dry) data.append('dry_run', 'true');
  if (table) data.append('table', table);
  for (const pair of mapText(chosen)) data.append('map', pair);
  // The file stands last, so that the server knows the options before it reads it.
  data.append('file', file, file.name);
  return data;
}

function Confidence({ value }: { value: number }) {
  const { t, value: format } = useI18n();
  const word = value >= 0.85 ? 'sure' : value >= 0.5 ? 'likely' : value > 0 ? 'unsure' : 'none';
  return <Tooltip label={format(value, 'percent')}><span className={`confidence ${word}`} tabIndex={0}>{t(`import.${word}`)}</span></Tooltip>;
}

function PreviewBox({ file, onDone, onCancel }: { file: File; onDone: (run: ImportRun) => void; onCancel: () => void }) {
  const { t, maybe } = useI18n();
  const [table, setTable] = useState<string | null>(null);
  const [chosen, setChosen] = useState<Record<string, string | null>>({});
  const [replace, setReplace] = useState(false);
  const look = useMutation({ mutationFn: (x: { table: string | null; chosen: Record<string, string | null> }) => send<Preview>('POST', '/imports', form(file, x.table, x.chosen, true)) });
  const start = useMutation({ mutationFn: () => send<ImportRun>('POST', '/imports', form(file, table, chosen, false, replace)), onSuccess: onDone });
  const { mutate } = look;
  useEffect(() => mutate({ table, chosen }), [mutate, table, chosen, file]);
  const p = look.data;
  const tables = [...new Set([...(p?.shape ? [p.shape] : []), ...(p?.table ? [p.table] : []), ...SHAPES.events, ...SHAPES.ledger, ...ORDER])];
  const sampleColumns = [...new Set((p?.sample ?? []).flatMap((r) => Object.keys(r)))].slice(0, 10);
  return (
    <section className="panel" aria-label={t('import.preview')} data-import-preview="">
      <header className="panel-head">
        <div className="panel-title"><h2>{t('import.preview')}: {file.name}</h2><p className="muted">{p ? t('import.seen', { n: p.rows_seen }) : t('import.looking')}</p></div>
        <Select size="xs" w={210} searchable label={t('import.as')} data={tables.map((v) => ({ value: v, label: maybe(`shape.${v}`, maybe(`table.${v}`, v)) }))} value={table ?? p?.shape ?? p?.table ?? null} onChange={(v) => { setTable(v); setChosen({}); }} allowDeselect={false} />
      </header>
      {look.error ? <ErrorBox error={look.error} /> : null}
      {p ? (
        <div className={look.isPending ? 'stale' : undefined}>
          {[...p.undecided].map((u) => <p key={u} className="notice warn"><Icon name="warn" />{u}</p>)}
          {[...p.notes].map((u) => <p key={u} className="muted small">{u}</p>)}
          <h3>{t('import.mapping')}</h3>
          <div className="scroll" tabIndex={0}>
            <table className="data mapping">
              <thead><tr><th scope="col">{t('import.field')}</th><th scope="col">{t('import.column')}</th><th scope="col">{t('import.confidence')}</th><th scope="col">{t('import.examples')}</th></tr></thead>
              <tbody>
                {p.mapping.map((m) => {
                  const now = m.field in chosen ? chosen[m.field]! : m.column;
                  const literal = now !== null && now.startsWith('"');
                  const column = p.columns.find((c) => c.name === now);
                  return (
                    <tr key={m.field}>
                      <th scope="row"><code>{m.field}</code>{m.required ? <span className="required" title={t('import.required')}> *</span> : null}<span className="muted small doc">{m.doc}</span></th>
                      <td>
                        <span className="row">
                          <Select size="xs" w={190} searchable aria-label={t('import.columnFor', { field: m.field })} placeholder={t('import.noColumn')} data={[...p.columns.map((c) => ({ value: c.name, label: c.name })), { value: '"', label: t('import.literal') }]} value={literal ? '"' : now} onChange={(v) => setChosen({ ...chosen, [m.field]: v === '"' ? '""' : v })} clearable={!m.required} clearButtonProps={{ 'aria-label': t('action.clear') }} />
                          {literal ? <TextInput size="xs" w={90} aria-label={t('import.literal')} defaultValue={now.replaceAll('"', '')} onBlur={(e) => setChosen({ ...chosen, [m.field]: `"${e.currentTarget.value}"` })} /> : null}
                        </span>
                      </td>
                      <td><Confidence value={m.field in chosen ? 1 : m.confidence} /></td>
                      <td className="muted">{column?.examples.slice(0, 3).join(' · ') ?? ''}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
          {p.sample.length ? (
            <>
              <h3>{t('import.sample')}</h3>
              <div className="scroll" tabIndex={0}>
                <table className="data">
                  <thead><tr>{sampleColumns.map((c) => <th key={c} scope="col">{c}</th>)}</tr></thead>
                  <tbody>{p.sample.slice(0, 5).map((r, i) => <tr key={i}>{sampleColumns.map((c) => <td key={c}>{r[c] === null || r[c] === undefined ? '–' : typeof r[c] === 'object' ? JSON.stringify(r[c]) : String(r[c])}</td>)}</tr>)}</tbody>
                </table>
              </div>
            </>
          ) : null}
          {p.rejects.length ? (
            <>
              <h3>{t('import.wouldReject', { n: p.rejected })}</h3>
              <ul className="reasons">{p.rejects.slice(0, 8).map((r) => <li key={r.line}><span className="muted">{t('import.line', { line: String(r.line) })}</span> {r.reason}</li>)}</ul>
            </>
          ) : null}
        </div>
      ) : null}
      {start.error ? <ErrorBox error={start.error} /> : null}
      <Checkbox size="sm" checked={replace} onChange={(e) => setReplace(e.currentTarget.checked)} label={t('import.replace')} description={t('import.replace.why')} />
      <div className="actions">
        <Button onClick={() => start.mutate()} loading={start.isPending} disabled={!p || look.isPending} data-import-start="">{t('import.start')}</Button>
        <Button variant="default" onClick={onCancel}>{t('action.cancel')}</Button>
      </div>
    </section>
  );
}

function Running({ id, onClose }: { id: string; onClose: () => void }) {
  const { t, value } = useI18n();
  const client = useQueryClient();
  const run = useImportRun(id);
  const state = run.data?.state;
  useEffect(() => {
    if (state && !isRunning(state)) void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'imports' || q.queryKey.length === 1 });
  }, [state, client]);
  return (
    <Loaded query={run} height={90}>
      {(r) => {
        const done = r.bytes_total ? (100 * (r.bytes_read ?? 0)) / r.bytes_total : null;
        return (
          <section className={`panel import-run ${r.state}`} aria-label={t('import.progress')} data-import-state={r.state}>
            <header className="panel-head"><div className="panel-title"><h2>{r.file} <Status status={r.state} /></h2><p className="muted">{isRunning(r.state) ? t('import.leave') : ''}</p></div>{isRunning(r.state) ? null : <Button size="compact-sm" variant="default" onClick={onClose}>{t('action.close')}</Button>}</header>
            {isRunning(r.state) ? <Progress value={done ?? 100} animated={done === null} striped={done === null} aria-label={t('import.progress')} /> : null}
            <dl className="facts" aria-live="polite">
              {([['rows_read', r.rows_read], ['taken', r.taken], ['replaced', r.replaced], ['unchanged', r.unchanged], ['rejected', r.rejected], ['missing', r.missing], ['removed', r.removed], ['left_out', r.left_out]] as const).filter(([k, v]) => v > 0 || !['missing', 'removed', 'left_out'].includes(k)).map(([k, v]) => <div key={k}><dt>{t(`import.${k}`)}</dt><dd>{value(v, 'count')}</dd></div>)}
            </dl>
            {r.missing > 0 ? <p className="notice warn"><Icon name="warn" />{t('import.missing.why', { n: r.missing })}</p> : null}
            {r.error ? <p className="notice bad"><Icon name="warn" />{r.error}</p> : null}
          </section>
        );
      }}
    </Loaded>
  );
}

function Rejects() {
  const { t, maybe, moment } = useI18n();
  const client = useQueryClient();
  const [page, setPage] = useState(0);
  const query = useRejects({ limit: 20, offset: page * 20 });
  const replay = useMutation({ mutationFn: (ids: string[]) => send<{ read: number; taken: number; still_rejected: number }>('POST', '/rejects/replay', { ids }), onSuccess: () => client.invalidateQueries() });
  return (
    <section className="panel" aria-label={t('rejects.title')}>
      <header className="panel-head">
        <div className="panel-title"><h2>{t('rejects.title')}</h2><p className="muted">{t('rejects.note')}</p></div>
        {query.data?.open ? <Button size="compact-sm" variant="default" loading={replay.isPending} onClick={() => replay.mutate([])}>{t('rejects.replayAll', { n: query.data.open })}</Button> : null}
      </header>
      {replay.error ? <ErrorBox error={replay.error} /> : null}
      {replay.data ? <p className="notice info" role="status">{t('rejects.replayed', { read: replay.data.read, taken: replay.data.taken, still: replay.data.still_rejected })}</p> : null}
      <Loaded query={query} height={120}>
        {(r) =>
          r.total === 0 ? (
            <p className="muted">{t('rejects.none')}</p>
          ) : (
            <>
              <div className="scroll" tabIndex={0}>
                <table className="data rejects">
                  <caption className="sr-only">{t('rejects.title')}</caption>
                  <thead><tr><th scope="col">{t('rejects.reason')}</th><th scope="col">{t('rejects.source')}</th><th scope="col">{t('rejects.at')}</th><th scope="col"><span className="sr-only">{t('rejects.replay')}</span></th></tr></thead>
                  <tbody>
                    {r.rejects.map((x) => (
                      <tr key={x.reject_id}>
                        <td>{x.reason}<details><summary className="muted small">{t('rejects.row')}</summary><pre tabIndex={0}>{x.bytes}</pre></details></td>
                        <td><code>{x.source}</code>{x.line !== null ? <span className="muted"> {t('import.line', { line: String(x.line) })}</span> : null}<br /><span className="muted small">{x.table ? maybe(`table.${x.table}`, x.table) : ''}</span></td>
                        <td className="nowrap">{moment(x.at)}</td>
                        <td>{x.replayed_at ? <span className="muted">{t('rejects.done')}</span> : <Button size="compact-xs" variant="default" onClick={() => replay.mutate([x.reject_id])}>{t('rejects.replay')}</Button>}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <Pager page={page} size={20} total={r.total} onPage={setPage} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

export function Data() {
  const { t, maybe, value, moment, ago } = useI18n();
  const workspace = useWorkspace();
  const imports = useImports();
  const [file, setFile] = useState<File | null>(null);
  const [running, setRunning] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const client = useQueryClient();
  return (
    <div
      className={`page ${over ? 'dropping' : ''}`}
      data-page="data"
      onDragEnter={(e) => { e.preventDefault(); depth.current += 1; setOver(true); }}
      onDragLeave={() => { depth.current -= 1; if (depth.current <= 0) setOver(false); }}
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => {
        e.preventDefault();
        depth.current = 0;
        setOver(false);
        const dropped = e.dataTransfer.files[0];
        if (dropped) setFile(dropped);
      }}
    >
      <h1>{t('page.data')}</h1>
      {file ? (
        <PreviewBox key={file.name + file.size} file={file} onCancel={() => setFile(null)} onDone={(run) => { setFile(null); setRunning(run.import_id); void client.invalidateQueries({ queryKey: ['imports'] }); }} />
      ) : (
        <section className="drop" aria-label={t('import.title')}>
          <Icon name="upload" size={20} />
          <div>
            <strong>{t('import.drop')}</strong>
            <p className="muted">{t('import.forms')}</p>
          </div>
          <FileButton onChange={(f) => f && setFile(f)} accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.parquet,.xlsx,.gz,.zst" inputProps={{ 'aria-label': t('import.choose') }}>
            {(props) => <Button {...props} variant="default">{t('import.choose')}</Button>}
          </FileButton>
        </section>
      )}
      {running ? <Running id={running} onClose={() => setRunning(null)} /> : null}
      <div className="grid two">
        <section className="panel" aria-label={t('data.tables')}>
          <header className="panel-head"><div className="panel-title"><h2>{t('data.tables')}</h2>{workspace.data ? <p className="muted">{workspace.data.data_through ? t('data.fresh', { at: moment(workspace.data.data_through), ago: ago(workspace.data.data_through, workspace.data.now) }) : t('live.empty')}</p> : null}</div></header>
          <Loaded query={workspace} height={360}>
            {(w) => (
              <table className="data">
                <caption className="sr-only">{t('data.tables')}</caption>
                <thead><tr><th scope="col">{t('data.table')}</th><th scope="col" className="num">{t('data.rows')}</th></tr></thead>
                <tbody>
                  {[...ORDER, ...Object.keys(w.tables).filter((k) => !ORDER.includes(k) && k !== 'rejects')].filter((k) => k in w.tables).map((k) => (
                    <tr key={k}><th scope="row">{maybe(`table.${k}`, k)} <code className="muted small">{k}</code></th><td className="num">{w.tables[k] ? value(w.tables[k], 'number') : <span className="muted" title={t('data.emptyTable')}>–</span>}</td></tr>
                  ))}
                </tbody>
              </table>
            )}
          </Loaded>
        </section>
        <div className="column">
        <Shapes />
        <section className="panel" aria-label={t('imports.title')}>
          <header className="panel-head"><h2>{t('imports.title')}</h2></header>
          <Loaded query={imports} height={200}>
            {(list) =>
              list.length ? (
                <ul className="imports">
                  {list.map((r) => (
                    <li key={r.import_id}>
                      <button type="button" className="link" onClick={() => setRunning(r.import_id)}>{r.file}</button> <Status status={r.state} />
                      <span className="muted small">{moment(r.started_at)}{r.table ? ` · ${maybe(`table.${r.table}`, r.table)}` : ''}</span>
                      <span className="small">{t('imports.counts', { taken: r.taken, replaced: r.replaced, unchanged: r.unchanged, rejected: r.rejected })}</span>
                      {r.error ? <span className="bad-text small">{r.error}</span> : null}
                    </li>
                  ))}
                </ul>
              ) : (
                <Empty title={t('imports.none')}>{t('imports.none.why')}</Empty>
              )
            }
          </Loaded>
        </section>
        </div>
      </div>
      <Rejects />
    </div>
  );
}
