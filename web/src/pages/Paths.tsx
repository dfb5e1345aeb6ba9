/** What people do next, or did before: the most travelled ways from or to an event. */
import { SegmentedControl, Select } from '@mantine/core';
import { useMeanings, useNames, usePaths } from '../api/events';
import { ChartFrame, useColours, useWords } from '../charts/ChartFrame';
import { pathBars } from '../charts/registry';
import { FlowChart } from '../components/FlowChart';
import { NoEvents, useNoEvents } from '../components/NoEvents';
import { PeoplePanel } from '../components/People';
import { SavedViews } from '../components/SavedViews';
import { StepField } from '../components/StepField';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { stepOf } from '../state/funnel';
import { usePick } from '../state/people';
import { eventLabel, stepLabel } from '../state/step';
import { useBesideParams } from '../state/useBeside';
import { useView } from '../state/useView';

const LENGTHS = [3, 4, 5, 6, 7];

export function Paths() {
  const { t, value, moment } = useI18n();
  const c = useColours();
  const words = useWords();
  const view = useView();
  const { search, span } = view;
  const empty = useNoEvents();
  const names = useNames();
  const meanings = useMeanings();
  const { pick, open, close } = usePick();
  const backwards = search.end !== undefined;
  const usual = names.data && meanings.data ? (stepOf(meanings.data, 'signup', names.data) ?? names.data[0]?.event ?? null) : null;
  const anchor = search.end ?? search.start ?? usual;
  const length = search.length ?? 4;
  const params = { ...(backwards ? { end: anchor } : { start: anchor }), steps: length, from: span.from, to: span.to, where: view.where };
  const query = usePaths(params, Boolean(anchor));
  const other = useBesideParams();
  const second = usePaths({ ...params, ...other?.params }, Boolean(anchor) && Boolean(other));
  if (empty) return <div className="page"><h1>{t('page.paths')}</h1><NoEvents /></div>;
  const label = (e: string) => eventLabel(e);
  const sentence = (events: readonly string[]) => events.map(label).join(' → ');
  const go = (event: string, back: boolean) => view.set(back ? { end: event, start: undefined, people: undefined } : { start: event, end: undefined, people: undefined });
  return (
    <div className="page" data-page="paths">
      <div className="page-head between">
        <h1>{t('page.paths')}</h1>
        <SavedViews page="/paths" />
      </div>
      <section className="panel" aria-label={t('paths.question')}>
        <Loaded query={{ data: anchor === null && !names.data ? undefined : true, error: names.error, refetch: names.refetch }} height={70}>
          {() => (
            <div className="fields across">
              <div className="field"><span className="field-label" id="paths-which">{t('paths.which')}</span><SegmentedControl size="xs" aria-labelledby="paths-which" data={[{ value: 'start', label: t('paths.from') }, { value: 'end', label: t('paths.to') }]} value={backwards ? 'end' : 'start'} onChange={(v) => anchor && go(anchor, v === 'end')} /></div>
              <div className="field"><span className="field-label">{t('paths.event')}</span><StepField value={anchor ?? ''} names={names.data ?? []} any={false} label={t('paths.event')} onChange={(v) => go(v, backwards)} /></div>
              <Select label={t('paths.length')} w={110} data={LENGTHS.map((n) => ({ value: String(n), label: t('paths.steps', { n }) }))} value={String(length)} onChange={(v) => v && view.set({ length: Number(v) === 4 ? undefined : Number(v) })} allowDeselect={false} withCheckIcon={false} />
            </div>
          )}
        </Loaded>
      </section>
      <Loaded query={query} height={480}>
        {(r) => {
          const total = r.paths.reduce((s, p) => s + p.people, 0);
          const oldTotal = second.data?.paths.reduce((s, p) => s + p.people, 0) ?? 0;
          const old = (events: string[]): number | null => (second.data && other && oldTotal ? (second.data.paths.find((p) => p.events.join('\n') === events.join('\n'))?.people ?? 0) / oldTotal : null);
          const head = [t('paths.path'), t('people.title'), t('paths.share'), ...(other && second.data ? [other.label] : [])];
          const title = t(backwards ? 'paths.title.to' : 'paths.title.from', { name: stepLabel(anchor ?? '', t('step.any')) });
          return r.paths.length === 0 ? (
            <section className="panel"><Empty title={t('paths.none')}>{t('paths.none.why')}</Empty></section>
          ) : (
            <>
              <ChartFrame
                title={title}
                name={title}
                note={t('paths.note')}
                option={null}
                pictureOption={() => pathBars(r.paths, sentence, c, words)}
                table={{ head, rows: r.paths.slice(0, 100).map((p) => { const o = old(p.events); return { key: p.events.join('>'), head: sentence(p.events), cells: [value(p.people, 'count'), value(p.people / total, 'percent'), ...(other && second.data ? [value(o, 'percent')] : [])] }; }) }}
                sheet={() => ({ name: t('page.paths'), head: ['path', 'people', 'share'], rows: r.paths.map((p) => [p.events.join(' > '), p.people, p.people / total]) })}
                height={440}
                origin={[t('origin.asOf', { at: moment(r.as_of) }), ...view.where].join(' · ')}
              >
                <FlowChart paths={r.paths} backwards={backwards} label={label} onOpen={(n) => open({ event: n.event, at: String(n.column + 1) })} />
              </ChartFrame>
              <section className="panel" aria-label={t('paths.top')}>
                <header className="panel-head"><div className="panel-title"><h2>{t('paths.top')}</h2><p className="muted">{t('paths.top.note')}</p></div></header>
                <div className="scroll" tabIndex={0}>
                  <table className="data path-table">
                    <caption className="sr-only">{t('paths.top')}</caption>
                    <thead><tr>{head.map((h, i) => <th key={i} scope="col" className={i ? 'num' : undefined}>{h}</th>)}</tr></thead>
                    <tbody>
                      {r.paths.slice(0, 12).map((p) => {
                        const o = old(p.events);
                        return (
                          <tr key={p.events.join('>')}>
                            <th scope="row"><span className="path-steps">{p.events.map((e, i) => <span key={i}>{i ? <i aria-hidden="true">→</i> : null}{label(e)}</span>)}</span></th>
                            <td className="num"><button type="button" className="link" title={t('people.open')} onClick={() => open({ path: p.events.join('>') })}>{value(p.people, 'count')}</button></td>
                            <td className="num">{value(p.people / total, 'percent')}</td>
                            {other && second.data ? <td className="num muted">{value(o, 'percent')}</td> : null}
                          </tr>
                        );
                      })}
                    </tbody>
                  </table>
                </div>
              </section>
            </>
          );
        }}
      </Loaded>
      {pick && anchor ? (
        <PeoplePanel
          title={pick['path'] ? pick['path'].split('>').map(label).join(' → ') : label(pick['event'] ?? '')}
          note={pick['at'] ? t('paths.people.at', { n: Number(pick['at']) }) : t('paths.people.path')}
          params={{ of: 'paths', ...params, event: pick['event'], at: pick['at'], path: pick['path']?.split('>') }}
          onClose={close}
        />
      ) : null}
    </div>
  );
}
