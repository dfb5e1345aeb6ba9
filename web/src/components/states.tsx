/** Loading, empty and error, in one manner everywhere. */
import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { useI18n } from '../i18n/context';
import { Icon } from './Icon';

export function ErrorBox({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useI18n();
  const known = error instanceof ApiError;
  const lost = !known;
  return (
    <div className="notice bad" role="alert">
      <Icon name="warn" size={18} />
      <div>
        <strong>{lost ? t('error.unreachable') : known && error.status === 404 ? t('error.notFound') : t('error.failed')}</strong>
        <p>{lost ? t('error.unreachable.mend') : (error as Error).message}</p>
        {known && error.mend ? <p className="muted">{error.mend}</p> : null}
        <p className="muted">{t('error.figures')}</p>
        {retry ? (
          <Button size="compact-sm" variant="default" onClick={retry}>
            {t('action.retry')}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children ? <div className="muted">{children}</div> : null}
      {action}
    </div>
  );
}

export function Waiting({ height }: { height: number }) {
  return <Skeleton height={height} radius="sm" aria-hidden="true" />;
}

/** The three states around a piece of content; stale content stays, greyed. */
export function Loaded<T>({ query, height, children }: { query: { data: T | undefined; error: unknown; isPlaceholderData?: boolean; refetch: () => unknown }; height: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined)
    return (
      <div className={query.isPlaceholderData ? 'loaded stale' : 'loaded'} aria-busy={query.isPlaceholderData || undefined}>
        {query.error ? <ErrorBox error={query.error} retry={() => void query.refetch()} /> : null}
        {children(query.data)}
      </div>
    );
  if (query.error) return <ErrorBox error={query.error} retry={() => void query.refetch()} />;
  return <Waiting height={height} />;
}
