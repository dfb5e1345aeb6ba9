/** The side panel as such: it does not cover what was clicked, takes the focus and gives it back. */
import { ActionIcon, CloseButton, Tooltip } from '@mantine/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useI18n } from '../i18n/context';
import { Icon } from './Icon';

interface Props {
  label: string;
  title: ReactNode;
  note?: ReactNode;
  /** What is shown; when it changes, the panel takes the focus again. */
  of: string;
  onClose: () => void;
  children: ReactNode;
}

export function Side({ label, title, note, of, onClose, children }: Props) {
  const { t } = useI18n();
  const box = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    box.current?.focus();
    return () => before?.focus();
  }, [of]);
  const copy = () =>
    void navigator.clipboard?.writeText(location.href).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  return (
    <aside
      ref={box}
      className="side"
      role="dialog"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={(e) => {
        if (e.key === 'Escape' && !e.defaultPrevented) {
          e.stopPropagation();
          onClose();
        }
      }}
    >
      <header>
        <div>
          <h2>{title}</h2>
          {note ? <p className="muted">{note}</p> : null}
        </div>
        <span className="side-tools">
          <Tooltip label={copied ? t('action.copied') : t('action.copyLink')}>
            <ActionIcon variant="subtle" color="gray" aria-label={t('action.copyLink')} onClick={copy}>
              <Icon name={copied ? 'check' : 'link'} />
            </ActionIcon>
          </Tooltip>
          <CloseButton aria-label={t('action.close')} onClick={onClose} />
        </span>
      </header>
      {children}
    </aside>
  );
}
