/** Colours of the charts in light and dark. Movements have one order and one set everywhere. */
export type Scheme = 'light' | 'dark';

export const MOVEMENTS = ['new', 'expansion', 'reactivation', 'contraction', 'churn'] as const;
export type Movement = (typeof MOVEMENTS)[number];

export interface Colours {
  text: string;
  muted: string;
  line: string;
  grid: string;
  surface: string;
  accent: string;
  compare: string;
  good: string;
  bad: string;
  neutral: string;
  other: string;
  series: readonly string[];
  movement: Record<Movement | 'fx', string>;
}

const light: Colours = {
  text: '#1a1d23',
  muted: '#5b6472',
  line: '#c9ced6',
  grid: '#e8ebef',
  surface: '#ffffff',
  accent: '#2f55c8',
  compare: '#7a8496',
  good: '#1a7f4b',
  bad: '#c0342b',
  neutral: '#5b6472',
  other: '#a3abb8',
  series: ['#2f55c8', '#d9822b', '#17877d', '#9a4fbf', '#b8405e', '#6b7f1f'],
  movement: { new: '#1f8a5b', expansion: '#74bd92', reactivation: '#3f9fb5', contraction: '#eba55c', churn: '#d1493f', fx: '#98a1af' },
};

const dark: Colours = {
  text: '#e8eaee',
  muted: '#9ba5b4',
  line: '#454c58',
  grid: '#2b3038',
  surface: '#1b1e24',
  accent: '#8ba6ff',
  compare: '#8892a2',
  good: '#5cc98d',
  bad: '#ff8177',
  neutral: '#9ba5b4',
  other: '#6d7686',
  series: ['#8ba6ff', '#f0a558', '#4cc4b5', '#c78be6', '#ec7f9a', '#b3c65a'],
  movement: { new: '#3fb27c', expansion: '#8fd3ab', reactivation: '#5bb9d0', contraction: '#e9a55c', churn: '#ee6a60', fx: '#8a93a2' },
};

export const colours = (scheme: Scheme): Colours => (scheme === 'dark' ? dark : light);
