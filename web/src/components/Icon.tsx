/** The few icons that are used, drawn on 16 × 16. */
const PATHS = {
  pulse: 'M1.500 8h3l2-5 3 10 2-5h3',
  revenue: 'M2 13.500h12M3.500 11V7M6.500 11V4M9.500 11V8.500M12.500 11V2.500',
  retention: 'M13.500 8a5.500 5.500 0 1 1-1.700-4M12 1.500V4.200H9.300',
  customers: 'M6 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM1.500 13.500c0-2.500 2-4 4.500-4s4.500 1.500 4.500 4M10.500 3a2.200 2.200 0 0 1 0 4.300M12 9.800c1.500.5 2.500 1.800 2.500 3.700',
  definitions: 'M3 2.500h7.500a2 2 0 0 1 2 2v9H5a2 2 0 0 1-2-2v-9ZM3 11.500a2 2 0 0 1 2-2h7.500M6 5.500h4',
  data: 'M2.500 4c0-1.100 2.500-2 5.500-2s5.500.9 5.500 2-2.500 2-5.500 2-5.500-.9-5.500-2ZM2.500 4v8c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2V4M2.500 8c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2',
  settings: 'M2 4.500h6M11 4.500h3M2 11.500h3M8 11.500h6M9.500 6a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3ZM6.500 13a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3Z',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.700 10.700 14 14',
  menu: 'M2 4h12M2 8h12M2 12h12',
  dots: 'M3 8h.01M8 8h.01M13 8h.01',
  close: 'M3.500 3.500l9 9M12.500 3.500l-9 9',
  left: 'M10 3 5 8l5 5',
  right: 'M6 3l5 5-5 5',
  down: 'M3.500 6 8 10.500 12.500 6',
  filter: 'M2 3h12L9.500 8.500v4l-3 1.500V8.500L2 3Z',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7Z',
  table: 'M2 3h12v10H2V3ZM2 6.500h12M2 10h12M6.500 6.500V13',
  chart: 'M2 13.500h12M3 10.500l3-4 3 2 4-5.500',
  download: 'M8 2v8M4.500 7 8 10.500 11.500 7M2.500 13.500h11',
  upload: 'M8 10.500V2.500M4.500 6 8 2.500 11.500 6M2.500 13.500h11',
  link: 'M6.500 9.500 9.500 6.500M7 4.500l1.200-1.200a3 3 0 0 1 4.400 4.400L11.500 9M9 11.500l-1.200 1.200a3 3 0 0 1-4.400-4.400L4.500 7',
  check: 'M3 8.500 6.500 12 13 4.500',
  warn: 'M8 2 15 13.500H1L8 2ZM8 6.500V9.500M8 11.700h.01',
  keyboard: 'M1.500 4h13v8h-13V4ZM4 6.500h.01M6.700 6.500h.01M9.300 6.500h.01M12 6.500h.01M5 9.500h6',
  calendar: 'M2 3.500h12v10H2v-10ZM2 6.500h12M5 2v3M11 2v3',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={name === 'dots' ? 2.2 : 1.4} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" style={{ flex: 'none' }}>
      <path d={PATHS[name]} />
    </svg>
  );
}
