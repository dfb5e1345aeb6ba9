/** The one wrapper around ECharts. It loads the library when the first chart comes into view. */
import type { EChartsOption } from 'echarts';
import type { EChartsType } from 'echarts/core';
import { useEffect, useRef } from 'react';

export interface Click {
  /** Index on the category axis. */
  index: number;
  /** The id of the series that was hit, when one was. */
  series: string | null;
}

interface Props {
  option: EChartsOption;
  height: number;
  onClick?: ((click: Click) => void) | undefined;
  /** The category axis lies vertically. */
  vertical?: boolean;
}

export function Chart({ option, height, onClick, vertical = false }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const latest = useRef({ option, onClick });
  latest.current = { option, onClick };

  useEffect(() => {
    const node = box.current;
    if (!node) return;
    let gone = false;
    let resize: ResizeObserver | undefined;
    void import('./echarts').then(({ init }) => {
      if (gone) return;
      const made = init(node, null, { renderer: 'canvas' });
      chart.current = made;
      made.setOption(latest.current.option);
      resize = new ResizeObserver(() => made.resize());
      resize.observe(node);
      let hit: string | null = null;
      made.on('mousedown', (event) => {
        hit = event.seriesId ?? null;
      });
      made.getZr().on('click', (event) => {
        const point: [number, number] = [event.offsetX, event.offsetY];
        if (!made.containPixel({ gridIndex: 0 }, point)) return;
        const at = made.convertFromPixel({ gridIndex: 0 }, point) as [number, number];
        const index = Math.round(vertical ? at[1] : at[0]);
        latest.current.onClick?.({ index, series: hit });
        hit = null;
      });
      node.dataset['ready'] = 'true';
    });
    return () => {
      gone = true;
      resize?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, [vertical]);

  useEffect(() => {
    // Series are replaced, axes and the rest are merged, so that live changes move instead of blinking.
    chart.current?.setOption(option, { replaceMerge: ['series'], lazyUpdate: true });
  }, [option]);

  return <div ref={box} className={onClick ? 'chart clickable' : 'chart'} style={{ height }} aria-hidden="true" data-chart="" />;
}

/** Draws a chart off the page and gives it as a PNG with title and origin. */
export async function picture(option: EChartsOption, about: { title: string; note: string; background: string; text: string; muted: string; names: string[]; width?: number; height?: number }): Promise<string> {
  const { init } = await import('./echarts');
  const node = document.createElement('div');
  const [width, height] = [about.width ?? 1200, about.height ?? 520];
  const chart = init(node, null, { renderer: 'canvas', width, height, devicePixelRatio: 2 });
  const grid = (option as { grid?: { top?: number; bottom?: number; left?: number; right?: number } }).grid ?? {};
  chart.setOption({
    ...option,
    animation: false,
    backgroundColor: about.background,
    grid: { ...grid, top: 64 + (grid.top ?? 0), bottom: 16, left: 24, right: 24 + (grid.right ?? 0) },
    ...(about.names.length > 1 ? { legend: { data: about.names, top: 18, right: 20, icon: 'roundRect', itemWidth: 12, itemHeight: 12, textStyle: { color: about.text } } } : {}),
    title: { text: about.title, subtext: about.note, left: 20, top: 14, textStyle: { fontSize: 17, color: about.text }, subtextStyle: { fontSize: 12, color: about.muted } },
  } as EChartsOption);
  const url = chart.getDataURL({ type: 'png', pixelRatio: 2, backgroundColor: about.background });
  chart.dispose();
  return url;
}
