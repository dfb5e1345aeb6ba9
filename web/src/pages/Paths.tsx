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
import { useEventName, useStepWords } from '../state/useEventWords';
import { useToken } from '../state/token';
import { useBesideParams } from '../state/useBeside';
import { useView } from '../state/useView';

const LENGTHS = [3, 4, 5, 6, 7];

/** The way in the address; null when it is none. */
function readWay(text: string | undefined): string[] | null {
  try {
    const way: unknown = JSON.parse(text ?? 'null');
    return Array.isArray(way) && way.length > 0 && way.every((e) => typeof e === 'string') ? way : null;
  } catch {
    return null;
  }
}

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
  const eventName = useEventName();
  const stepWords = useStepWords();
  const backwards = search.end !== undefined;
  const usual = names.data && meanings.data ? (stepOf(meanings.data, 'signup', names.data) ?? names.data[0]?.event ?? null) : null;
  const anchor = search.end ?? search.start ?? usual;
  const length = search.length ?? 4;
  const [node, setNode] = useToken('of');
  const pages = node === 'pages';
  const params = { ...(backwards ? { end: anchor } : { start: anchor }), steps: length, by: pages ? 'path' : undefined, from: span.from, to: span.to, where: view.where };
  const query = usePaths(params, Boolean(anchor));
  const other = useBesideParams();
  const second = usePaths({ ...params, ...other?.params }, Boolean(anchor) && Boolean(other));
  if (empty) return <div className="page"><h1>{t('page.paths')}</h1><NoEvents /></div>;
  const way = readWay(pick?.['path']);
  const label = (e: string) => (pages ? e || t('dim.none') : eventName(e));
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
              <div className="field"><span className="field-label" id="paths-of">{t('paths.of')}</span><SegmentedControl size="xs" aria-labelledby="paths-of" data={[{ value: 'events', label: t('step.events') }, { value: 'pages', label: t('traffic.pages') }]} value={pages ? 'pages' : 'events'} onChange={(v) => setNode(v === 'pages' ? v : undefined)} /></div>
              <Select label={t('paths.length')} w={110} data={LENGTHS.map((n) => ({ value: String(n), label: t('paths.steps', { n }) }))} value={String(length)} onChange={(v) => v && view.set({ length: Number(v) === 4 ? undefined : Number(v) })} allowDeselect={false} withCheckIcon={false} />
            </div>
          )}
        </Loaded>
      </section>
      <Loaded query={query} height={480}>
        {(r) => {
          const total = r.paths.reduce((s, p) => s + p.visits, 0);
          const oldTotal = second.data?.paths.reduce((s, p) => s + p.visits, 0) ?? 0;
          const old = (events: string[]): number | null => (second.data && other && oldTotal ? (second.data.paths.find((p) => p.events.join('\n') === events.join('\n'))?.visits ?? 0) / oldTotal : null);
          const head = [t('paths.path'), t('people.title'), t('paths.visits'), t('paths.share'), ...(other && second.data ? [other.label] : [])];
          const title = t(backwards ? 'paths.title.to' : 'paths.title.from', { name: stepWords(anchor ?? '') });
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
                table={{ head, rows: r.paths.slice(0, 100).map((p) => { const o = old(p.events); return { key: p.events.join('>'), head: sentence(p.events), cells: [value(p.people, 'count'), value(p.visits, 'count'), value(p.visits / total, 'percent'), ...(other && second.data ? [value(o, 'percent')] : [])] }; }) }}
                sheet={() => ({ name: t('page.paths'), head: ['path', 'people', 'visits', 'share'], rows: r.paths.map((p) => [p.events.join(' > '), p.people, p.visits, p.visits / total]) })}
                height={440}
                origin={[t('origin.asOf', { at: moment(r.as_of) }), ...view.where].join(' · ')}
              >
                <FlowChart paths={r.paths} backwards={backwards} label={label} onOpen={(n) => open({ path: JSON.stringify(n.way) })} />
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
                            <td className="num"><button type="button" className="link" title={t('people.open')} onClick={() => open({ path: JSON.stringify(p.events) })}>{value(p.people, 'count')}</button></td>
                            <td className="num">{value(p.visits, 'count')}</td>
                            <td className="num">{value(p.visits / total, 'percent')}</td>
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
      {way && anchor ? <PeoplePanel title={way.map(label).join(' → ')} note={t(backwards ? 'paths.people.to' : 'paths.people.from')} params={{ of: 'paths', ...params, path: way }} onClose={close} /> : null}
    </div>
  );
}
