/** All metrics by area, and what each is made of. */
import { TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useMetricDetail, useMetrics } from '../api/hooks';
import { Lineage } from '../components/Definition';
import { Inline } from '../components/Markdown';
import { Icon } from '../components/Icon';
import { Empty, Loaded } from '../components/states';
import { useI18n } from '../i18n/context';
import { match } from '../state/match';
import { useView } from '../state/useView';

export function Definitions() {
  const { t, text, maybe } = useI18n();
  const view = useView();
  const catalog = useMetrics();
  const [typed, setTyped] = useState(view.search.q ?? '');
  useEffect(() => setTyped(view.search.q ?? ''), [view.search.q]);
  const q = view.search.q ?? '';
  const chosen = view.search.metric;
  const detail = useMetricDetail(chosen);
  return (
    <div className="page" data-page="definitions">
      <div className="page-head">
        <h1>{t('page.definitions')}</h1>
        <TextInput type="search" className="grow" aria-label={t('definitions.search')} placeholder={t('definitions.search')} leftSection={<Icon name="search" size={14} />} value={typed} onChange={(e) => { setTyped(e.currentTarget.value); view.set({ q: e.currentTarget.value.trim() || undefined }, { replace: true }); }} />
      </div>
      <Loaded query={catalog} height={500}>
        {(metrics) => {
          const shown = q ? metrics.filter((m) => match(q, `${m.name} ${text(m.label)} ${text(m.summary)}`) >= 1) : metrics;
          const areas = [...new Set(shown.map((m) => m.area))];
          return shown.length === 0 ? (
            <Empty title={t('definitions.none', { q })} />
          ) : (
            <div className={chosen ? 'grid two-one' : undefined}>
              <div className="column">
                {areas.map((area) => (
                  <section key={area} className="panel flush" aria-label={area}>
                    <header className="panel-head pad"><div className="panel-title"><h2>{maybe(`area.${area}`, area.replaceAll('_', ' '))}</h2></div><span className="muted small">{t('definitions.count', { n: shown.filter((m) => m.area === area).length })}</span></header>
                    <ul className="defs">
                      {shown.filter((m) => m.area === area).map((m) => (
                        <li key={m.name} className={chosen === m.name ? 'chosen' : undefined}>
                          <Link to="/metrics/$name" params={{ name: m.name }} search={view.carry as never} className="defs-name">{text(m.label)}</Link>
                          <span className="muted defs-what"><Inline text={text(m.summary)} /></span>
                          <span className="tag">{maybe(`type.${m.type}`, m.type)}</span>
                          <button type="button" className="link" aria-pressed={chosen === m.name} onClick={() => view.set({ metric: chosen === m.name ? undefined : m.name }, { replace: true })}>{t('lineage.show')}</button>
                        </li>
                      ))}
                    </ul>
                  </section>
                ))}
              </div>
              {chosen ? (
                <section className="panel sticky" aria-label={t('lineage.label')}>
                  <header className="panel-head"><h2>{t('lineage.label')}</h2></header>
                  <Loaded query={detail} height={240}>
                    {(d) => (
                      <>
                        <p className="lead">{text(d.label)}</p>
                        {d.formula ? <pre tabIndex={0}>{d.formula}</pre> : null}
                        <Lineage detail={d} onPick={(name) => view.set({ metric: name }, { replace: true })} />
                      </>
                    )}
                  </Loaded>
                </section>
              ) : null}
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}
