/** Columns over named places: minutes, days of activity. Pure. */
import type { EChartsOption } from 'echarts';
import type { Colours } from './colours';
import { escape, FONT, type Words } from './options';

export interface Column {
  name: string;
  value: number;
  /** The same of the range compared with. */
  before?: number | null;
  /** Said above the figure. */
  title?: string;
  open?: boolean;
}

export function columns(items: readonly Column[], c: Colours, w: Words, options: { unit?: string; label: string; beside?: string | undefined; second?: { label: string; values: number[] } } = { label: '' }): EChartsOption {
  const unit = options.unit ?? 'count';
  const line = (name: string, value: string) => `<div style="display:flex;gap:16px;justify-content:space-between"><span>${escape(name)}</span><b>${escape(value)}</b></div>`;
  return {
    animationDuration: 0,
    animationDurationUpdate: 300,
    textStyle: { fontFamily: FONT, color: c.text },
    grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
    xAxis: { type: 'category', data: items.map((i) => i.name), axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false }, axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true, margin: 8 } },
    yAxis: { type: 'value', splitNumber: 3, minInterval: unit === 'count' ? 1 : 0, splitLine: { lineStyle: { color: c.grid } }, axisLabel: { color: c.muted, fontSize: 11, formatter: (v: number) => w.axis(v, unit) } },
    tooltip: {
      trigger: 'axis', confine: true, backgroundColor: c.surface, borderColor: c.line, textStyle: { color: c.text, fontSize: 12, fontFamily: FONT }, axisPointer: { type: 'shadow', shadowStyle: { color: c.line, opacity: 0.2 } },
      formatter: (params: unknown) => {
        const index = (params as { dataIndex: number }[])[0]?.dataIndex ?? 0;
        const item = items[index];
        if (!item) return '';
        const more = options.second ? line(options.second.label, w.value(options.second.values[index] ?? null, unit)) : '';
        const beside = options.beside && item.before !== undefined ? line(options.beside, w.value(item.before ?? null, unit)) : '';
        return `<div style="font-weight:600;margin-bottom:4px">${escape(item.title ?? item.name)}</div>${line(options.label, w.value(item.value, unit))}${more}${beside}`;
      },
    },
    series: [
      { id: 'columns', type: 'bar', barMaxWidth: 34, barCategoryGap: '22%', emphasis: { disabled: true }, data: items.map((i) => ({ value: i.value, itemStyle: { color: c.accent, borderRadius: [2, 2, 0, 0], opacity: i.open ? 0.55 : 1 } })) },
      ...(options.beside ? [{ id: 'columns~beside', type: 'line', step: 'middle', silent: true, showSymbol: false, data: items.map((i) => i.before ?? null), lineStyle: { color: c.compare, width: 1.4, type: [3, 3] }, itemStyle: { color: c.compare } }] : []),
    ],
  } as unknown as EChartsOption;
}
