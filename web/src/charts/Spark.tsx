/** A sparkline in SVG: no chart library is needed for the first page. The unfinished end is dashed. */
export function Spark({ values, compare, open, width = 220, height = 40, colour = 'var(--accent)' }: { values: (number | null)[]; compare?: (number | null)[] | null; open: number; width?: number; height?: number; colour?: string }) {
  const known = [...values, ...(compare ?? [])].filter((v): v is number => v !== null && Number.isFinite(v));
  if (known.length < 2) return <svg className="spark" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" />;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const span = high - low || 1;
  const x = (i: number) => 2 + (i * (width - 4)) / Math.max(1, values.length - 1);
  const y = (v: number) => height - 3 - ((v - low) / span) * (height - 6);
  const path = (list: (number | null)[], from: number, to: number): string => {
    let out = '';
    let pen = false;
    for (let i = Math.max(0, from); i <= to && i < list.length; i++) {
      const v = list[i];
      if (v === null || v === undefined) pen = false;
      else {
        out += `${pen ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
        pen = true;
      }
    }
    return out;
  };
  const last = values.length - 1;
  const cut = open < 0 ? last : open - 1;
  const solid = path(values, 0, cut);
  return (
    <svg className="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {solid && cut > 0 ? <path d={`${solid}L${x(cut).toFixed(1)} ${height}L${x(values.findIndex((v) => v !== null)).toFixed(1)} ${height}Z`} fill={colour} opacity="0.08" /> : null}
      {compare ? <path d={path(compare, 0, last)} fill="none" stroke="var(--muted)" strokeWidth="1" strokeDasharray="2 3" vectorEffect="non-scaling-stroke" opacity="0.7" /> : null}
      <path d={solid} fill="none" stroke={colour} strokeWidth="1.6" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
      {open >= 0 ? <path d={path(values, open - 1, last)} fill="none" stroke={colour} strokeWidth="1.6" strokeDasharray="3 3" vectorEffect="non-scaling-stroke" /> : null}
    </svg>
  );
}
