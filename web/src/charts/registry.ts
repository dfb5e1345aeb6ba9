/** All charts by what they show: one file each, one line here. */
export { bars, cohorts, falls, lines, ranks } from './options';
export { columns } from './columns';
export { curves } from './curve';
export { flow, pathBars } from './flow';
export { funnelBars } from './funnel';
export { lifecycleFigure, stacksBefore } from './lifecycle';
