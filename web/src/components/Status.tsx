import { useI18n } from '../i18n/context';

const TONE: Record<string, string> = { active: 'good', trialing: 'info', done: 'good', finished: 'good', failed: 'bad', churned: 'bad', canceled: 'bad', unpaid: 'bad', uncollectible: 'bad', past_due: 'warn', paused: 'warn', running: 'info', queued: 'info', never: 'none' };

export function Status({ status }: { status: string }) {
  const { maybe } = useI18n();
  return <span className={`status ${TONE[status] ?? 'none'}`}>{maybe(`status.${status}`, status.replaceAll('_', ' '))}</span>;
}
