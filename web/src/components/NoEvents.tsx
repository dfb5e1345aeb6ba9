/** What fills the pages of events, when nothing has arrived yet. */
import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useWorkspace } from '../api/hooks';
import { useI18n } from '../i18n/context';
import '../styles-events.css';
import { Empty } from './states';

/** True when the workspace is known to hold no event. */
export function useNoEvents(): boolean {
  const workspace = useWorkspace().data;
  return Boolean(workspace && !(workspace.tables['events'] ?? 0));
}

export function NoEvents() {
  const { t } = useI18n();
  return (
    <Empty
      title={t('noEvents.title')}
      action={
        <span className="row">
          <Button component={Link} to="/events" search={{ view: 'keys' } as never} size="sm">{t('noEvents.key')}</Button>
          <Button component={Link} to="/data" size="sm" variant="default">{t('noEvents.import')}</Button>
        </span>
      }
    >
      <p>{t('noEvents.why')}</p>
      <p><code>burgeon keys create NAME</code> · <code>burgeon import FILE --as events</code> · <code>burgeon demo</code></p>
    </Empty>
  );
}
