/** Paths from left to right. Places are buttons; the ribbons only show. */
import { useElementSize } from '@mantine/hooks';
import { useState } from 'react';
import { flow, flowHeight, type FlowNode } from '../charts/flow';
import { useI18n } from '../i18n/context';

interface Props {
  paths: { events: string[]; visits: number }[];
  backwards: boolean;
  label: (event: string) => string;
  onOpen: (node: FlowNode) => void;
  height?: number;
}

const WIDTH = 168;
const GAP = 56;

export function FlowChart({ paths, backwards, label, onOpen, height = 380 }: Props) {
  const { t, value } = useI18n();
  const [over, setOver] = useState<string | null>(null);
  const { ref, width: room } = useElementSize<HTMLDivElement>();
  // Labels stand beside the bar and need room even where few people are.
  const f = flow(paths, { height, gap: 8, backwards, least: 34, most: 5 });
  const tall = flowHeight(f) + 4;
  // The ribbons take the room that is left, up to a length that the eye still follows.
  const gap = f.columns > 1 ? Math.max(GAP, Math.min(260, (room - 4 - f.columns * WIDTH) / (f.columns - 1))) : 0;
  const x = (column: number) => column * (WIDTH + gap);
  const width = f.columns * WIDTH + (f.columns - 1) * gap;
  const at = (key: string) => f.nodes.find((n) => n.key === key)!;
  const total = (column: number) => f.nodes.filter((n) => n.column === column).reduce((s, n) => s + n.visits, 0);
  const whole = total(backwards ? f.columns - 1 : 0);
  return (
    <div className="scroll flow" tabIndex={0} ref={ref}>
      <div className="flow-heads" style={{ width }} aria-hidden="true">
        {Array.from({ length: f.columns }, (_, k) => <span key={k} style={{ left: x(k) }}>{backwards ? (k === f.columns - 1 ? t('paths.end') : t('paths.before', { n: f.columns - 1 - k })) : k === 0 ? t('paths.start') : t('paths.after', { n: k })}</span>)}
      </div>
      <div className="flow-box" style={{ width, height: tall }}>
        <svg width={width} height={tall} aria-hidden="true">
          {f.links.map((l) => {
            const [a, b] = [at(l.from), at(l.to)];
            const x0 = x(a.column) + WIDTH;
            const x1 = x(b.column);
            const bend = (x1 - x0) * 0.5;
            const h = Math.max(1, l.height);
            const on = over === null || over === l.from || over === l.to;
            return <path key={l.key} className={on ? 'flow-link' : 'flow-link dim'} d={`M${x0} ${l.y0}C${x0 + bend} ${l.y0} ${x1 - bend} ${l.y1} ${x1} ${l.y1}V${l.y1 + h}C${x1 - bend} ${l.y1 + h} ${x0 + bend} ${l.y0 + h} ${x0} ${l.y0 + h}Z`}><title>{`${label(a.event)} → ${label(b.event)}: ${value(l.visits, 'count')}`}</title></path>;
          })}
        </svg>
        <ul>
          {f.nodes.map((n) => {
            const name = n.other ? t('series.other') : label(n.event);
            return (
              <li key={n.key} style={{ left: x(n.column), top: n.y, width: WIDTH, height: n.height }}>
                <button
                  type="button"
                  className={n.other ? 'flow-node other' : 'flow-node'}
                  disabled={n.other}
                  aria-label={t('paths.node', { step: n.column + 1, name, visits: value(n.visits, 'count'), share: value(whole ? n.visits / whole : null, 'percent') })}
                  onMouseEnter={() => setOver(n.key)}
                  onMouseLeave={() => setOver(null)}
                  onFocus={() => setOver(n.key)}
                  onBlur={() => setOver(null)}
                  onClick={() => onOpen(n)}
                >
                  <i style={{ height: Math.max(2, n.bar) }} aria-hidden="true" />
                  <strong>{name}</strong>
                  <span className="muted">{value(n.visits, 'count', 'short')} · {value(whole ? n.visits / whole : null, 'percent')}{n.ended && !backwards ? <span className="flow-ended">{t('paths.ended', { n: n.ended })}</span> : null}</span>
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}
