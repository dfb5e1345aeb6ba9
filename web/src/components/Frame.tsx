/** Rail, bar, side panel, palette, keys: what stands around every page. */
import { ActionIcon, Burger, Button, Drawer, Menu, Modal, PasswordInput, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { send, whenUnauthorised } from '../api/client';
import { useMetrics, useWorkspace } from '../api/hooks';
import { startLive } from '../api/live';
import { useI18n } from '../i18n/context';
import { LANGUAGES } from '../i18n/core';
import { GROUPS, PLACES } from '../state/places';
import { toggleScheme, useScheme } from '../state/scheme';
import { useIsNarrow } from '../state/useIsNarrow';
import { useView } from '../state/useView';
import { Bar } from './Bar';
import { Icon } from './Icon';
import { Keys } from './Keys';
import { Waiting } from './states';

// What is opened on demand is loaded on demand.
const Palette = lazy(() => import('./Palette').then((m) => ({ default: m.Palette })));
const Panel = lazy(() => import('./Panel').then((m) => ({ default: m.Panel })));

function Rail({ onGo }: { onGo?: () => void }) {
  const { t } = useI18n();
  const { carry } = useView();
  const workspace = useWorkspace().data;
  return (
    <nav className="rail-nav" aria-label={t('rail.label')}>
      {GROUPS.map((group) => {
        const empty = group.needs && workspace && !(workspace.tables[group.needs] ?? 0);
        return (
          <div key={group.key} className="rail-group">
            <span className="rail-head">{t(group.key)}</span>
            {group.places.map((p) => (
              <Link key={p.to} to={p.to} search={carry as never} {...(onGo ? { onClick: onGo } : {})} activeOptions={{ exact: p.to === '/', includeSearch: false }} activeProps={{ className: 'active', 'aria-current': 'page' }} className="rail-link">
                <Icon name={p.icon} />
                {t(p.key)}
              </Link>
            ))}
            {empty && group.empty ? <span className="rail-empty">{t(group.empty)}</span> : null}
          </div>
        );
      })}
    </nav>
  );
}

function TokenPrompt() {
  const { t } = useI18n();
  const client = useQueryClient();
  const [asked, setAsked] = useState(false);
  const [token, setToken] = useState('');
  const [wrong, setWrong] = useState(false);
  useEffect(() => whenUnauthorised(() => setAsked(true)), []);
  const enter = async () => {
    try {
      await send('POST', '/session', { token });
      setAsked(false);
      setWrong(false);
      setToken('');
      location.reload();
      await client.invalidateQueries();
    } catch {
      setWrong(true);
    }
  };
  return (
    <Modal opened={asked} onClose={() => {}} withCloseButton={false} centered title={t('token.title')}>
      <form className="stack" onSubmit={(e) => { e.preventDefault(); void enter(); }}>
        <p className="muted">{t('token.why')}</p>
        <PasswordInput label={t('token.label')} value={token} onChange={(e) => setToken(e.currentTarget.value)} error={wrong ? t('token.wrong') : null} autoComplete="current-password" data-autofocus />
        <Button type="submit" disabled={!token}>{t('token.enter')}</Button>
      </form>
    </Modal>
  );
}

/** Pages that have no range: the bar shows only where it acts. */
const ANALYTIC = /^\/($|revenue|retention|metrics|traffic|product|funnels|user-retention|paths|events)/;

export function Frame() {
  const { t, lang, setLang } = useI18n();
  const scheme = useScheme();
  const narrow = useIsNarrow();
  const client = useQueryClient();
  const [menu, drawer] = useDisclosure(false);
  const [palette, paletteControl] = useDisclosure(false);
  const asked = useWorkspace();
  const workspace = asked.data;
  useMetrics();
  const path = useRouterState({ select: (s) => s.location.pathname });
  const { search } = useView();
  useEffect(() => startLive(client), [client]);
  useEffect(() => {
    const place = PLACES.find((p) => (p.to === '/' ? path === '/' : path === p.to || path.startsWith(`${p.to}/`)));
    document.title = [place ? t(place.key) : null, workspace?.name, 'Burgeon'].filter(Boolean).join(' · ');
  }, [path, t, workspace?.name]);

  const bar = ANALYTIC.test(path) && !(path === '/events' && /\b(keys|meanings)\b/.test(search.view ?? ''));

  const tools = (
    <>
      <Menu position="top-start">
        <Menu.Target>
          <Button variant="subtle" color="gray" size="compact-sm" aria-label={t('language.label')} data-language={lang}>{t(`language.${lang}`)}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {LANGUAGES.map((l) => <Menu.Item key={l} lang={l} onClick={() => setLang(l)} rightSection={l === lang ? <Icon name="check" size={14} /> : null}>{t(`language.${l}`)}</Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      <Tooltip label={t('scheme.toggle')}>
        <ActionIcon variant="subtle" color="gray" aria-label={t('scheme.toggle')} onClick={toggleScheme} data-scheme={scheme}><Icon name={scheme === 'dark' ? 'sun' : 'moon'} /></ActionIcon>
      </Tooltip>
      <Tooltip label={t('keys.title')}>
        <ActionIcon variant="subtle" color="gray" aria-label={t('keys.title')} onClick={() => window.dispatchEvent(new Event('burgeon:keys'))}><Icon name="keyboard" /></ActionIcon>
      </Tooltip>
    </>
  );
  const searchButton = (
    <button type="button" className="search-button" onClick={paletteControl.open}>
      <Icon name="search" size={14} />
      <span>{t('palette.open')}</span>
      <kbd>{/Mac/.test(navigator.platform) ? '⌘K' : 'Ctrl K'}</kbd>
    </button>
  );
  const brand = (
    <Link to="/" className="brand">
      <img src="/favicon.svg" alt="" width={22} height={22} />
      <span>{workspace?.name ?? 'Burgeon'}</span>
      {workspace?.demo ? <em>{t('demo.label')}</em> : null}
    </Link>
  );
  return (
    <div className={`app ${narrow ? 'narrow' : ''} ${search.open || search.people || (search.event && path === '/events') ? 'with-side' : ''}`}>
      <a className="skip" href="#main">{t('action.skip')}</a>
      {narrow ? (
        <header className="top">
          <Burger opened={menu} onClick={drawer.toggle} size="sm" aria-label={t('rail.label')} />
          {brand}
          <ActionIcon variant="subtle" color="gray" aria-label={t('palette.open')} onClick={paletteControl.open}><Icon name="search" /></ActionIcon>
          <Drawer opened={menu} onClose={drawer.close} size="80%" title={brand} closeButtonProps={{ 'aria-label': t('action.close') }}>
            <Rail onGo={drawer.close} />
            <div className="rail-tools">{tools}</div>
          </Drawer>
        </header>
      ) : (
        <div className="rail">
          {brand}
          {searchButton}
          <Rail />
          <div className="rail-tools">{tools}</div>
        </div>
      )}
      <div className="body">
        {bar ? <Bar /> : null}
        {/* "Today" and the time zone are the workspace's: before they are known, nothing can be asked rightly. */}
        <main id="main" tabIndex={-1}>{workspace || asked.error ? <Outlet /> : <div className="page"><Waiting height={480} /></div>}</main>
      </div>
      <Suspense fallback={null}>
        {search.open ? <Panel /> : null}
        {palette ? <Palette opened onClose={paletteControl.close} /> : null}
      </Suspense>
      <Keys onPalette={paletteControl.open} />
      <TokenPrompt />
    </div>
  );
}
