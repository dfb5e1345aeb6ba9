/** Shapes of `/api/v1` as the pages use them. */

export type Unit = 'money' | 'count' | 'percent' | 'ratio' | 'months' | 'years' | 'days' | 'seconds';
export type Better = 'higher' | 'lower' | 'neutral';
export type Grain = 'day' | 'week' | 'month' | 'quarter' | 'year';
export type Text = string | { en: string; ru?: string; zh?: string };

export interface Workspace {
  name: string;
  timezone: string;
  week_start: string;
  currency: string;
  currencies: string[];
  version: string;
  now: string;
  data_through: string | null;
  data_from?: string | null;
  demo: boolean;
  rule_version: string;
  token_required: boolean;
  tables: Record<string, number>;
}

export interface Dimension {
  name: string;
  label: Text;
  kind: string;
}

export interface Band {
  grain?: string | null;
  below?: number | null;
  above?: number | null;
  from?: number | null;
  to?: number | null;
  label: Text;
  tone: string;
}

export interface Metric {
  name: string;
  label: Text;
  area: string;
  type: string;
  unit: Unit;
  better: Better;
  summary: Text;
  dimensions: Dimension[];
  bands: Band[];
  additive: boolean;
  /** Whether properties of events are dimensions too, as `event.NAME`. */
  properties?: boolean;
  default_by?: string[];
}

export interface MetricDetail extends Metric {
  formula: string | null;
  prose: Text;
  definition: string;
  depends_on: string[];
  used_by: string[];
  fact: string | null;
  records: string[];
  settings: { name: string; value: unknown; doc: Text }[];
  file: string;
}

export interface Period {
  label: string;
  start: string;
  end: string;
  complete: boolean;
}

export interface Series {
  metric: string;
  unit: Unit;
  dimensions: Record<string, string | null>;
  values: (number | null)[];
  reasons: (Text | null)[];
  compare: (number | null)[] | null;
}

export interface QueryResult {
  grain: Grain;
  currency: string;
  timezone: string;
  as_of: string;
  data_through: string | null;
  rule_version: string;
  periods: Period[];
  compare_periods: Period[] | null;
  series: Series[];
  /** Groups that `top` left out. */
  left_out?: number;
  warnings: (string | { message: string })[];
  took_ms: number;
}

export interface Tree {
  metric: string;
  label: Text;
  unit: Unit;
  before: number | null;
  after: number | null;
  change: number | null;
  contribution: number | null;
  operator: string | null;
  children: Tree[];
}

export interface Split {
  /** value, other (all further values together) or overlap (what overlapping groups count twice). */
  kind?: 'value' | 'other' | 'overlap';
  value: string | null;
  before: number | null;
  after: number | null;
  change: number | null;
  mix: number | null;
  rate: number | null;
}

export interface Sentence {
  kind: string;
  params: Record<string, unknown>;
}

export interface Release {
  release_id?: string;
  at: string;
  date?: string;
  name: string;
  kind: string;
  note?: string | null;
}

export interface Explain {
  metric: string;
  unit: Unit;
  currency: string;
  period: string | Period;
  against: string | Period;
  before: number | null;
  after: number | null;
  change: number | null;
  change_ratio: number | null;
  tree: Tree | null;
  by: { dimension: string; rows: Split[]; sum: number | null }[];
  sentences: Sentence[];
  releases: Release[];
}

export interface RecordRef {
  table: string;
  entity: string;
  key: string | number;
}

export type Cell = string | number | boolean | null;

export interface Rows {
  columns: { name: string; type: string }[];
  rows: { values: Cell[]; record: RecordRef | null }[];
  total: number;
  sum: number | null;
  /** The metric whose rows these are: of a formula, its first part. */
  metric?: string;
}

export interface RecordPage {
  record: Record<string, unknown>;
  source: { source: string | null; file?: string | null; line?: number | null; raw?: unknown; removed_at?: string | null } | null;
}

export interface Customer {
  customer_id: string;
  name: string | null;
  email: string | null;
  country: string | null;
  channel: string | null;
  plan: string | null;
  mrr: number | null;
  currency: string;
  since: string | null;
  status: string;
  ltv: number | null;
}

export interface CustomerList {
  customers: Customer[];
  total: number;
}

export interface TimelineItem {
  at: string;
  kind: string;
  title_key: string;
  params: Record<string, unknown>;
  amount: number | null;
  currency: string | null;
  record: RecordRef | null;
}

export interface CustomerPage {
  customer: Customer & { partner?: string | null; created_at?: string | null };
  attributes: Record<string, unknown>;
  subscriptions: Record<string, unknown>[];
  merged?: string[];
  timeline: TimelineItem[];
  mrr: { at: string; amount: number }[];
}

export interface Change {
  metric: string;
  before: number | null;
  after: number | null;
  change: number | null;
  change_ratio: number | null;
  cause: { dimension: string; value: string | null; change: number; customers: number | null } | null;
  unusual: boolean;
}

export interface Changes {
  period: string | Period;
  against: string | Period;
  changes: Change[];
}

export interface ImportRun {
  import_id: string;
  file: string;
  table: string | null;
  shape: string | null;
  state: string;
  rows_read: number;
  taken: number;
  replaced: number;
  unchanged: number;
  rejected: number;
  missing: number;
  removed: number;
  left_out: number;
  bytes_read: number | null;
  bytes_total: number | null;
  error: string | null;
  started_at: string;
  finished_at: string | null;
}

export interface Mapping {
  field: string;
  column: string | null;
  confidence: number;
  required: boolean;
  doc: string;
}

export interface Preview {
  shape: string | null;
  table: string | null;
  tables: string[];
  mapping: Mapping[];
  columns: { name: string; type: string; examples: string[] }[];
  sample: Record<string, unknown>[];
  rejects: { line: number; reason: string; bytes: string }[];
  rows_seen: number;
  rejected: number;
  undecided: string[];
  notes: string[];
}

export interface Reject {
  reject_id: string;
  source: string;
  table: string;
  line: number | null;
  reason: string;
  bytes: string | null;
  base64?: boolean;
  import_id: string | null;
  at: string;
  replayed_at: string | null;
}

export interface Setting {
  name: string;
  value: unknown;
  default: unknown;
  doc: Text;
  choices: string[];
  is_rule: boolean;
}

export interface LiveChange {
  metrics: string[];
  tables: string[];
  position: number;
  at: string;
}

export interface Dashboard {
  name: string;
  label: Record<string, string>;
  sections: { name: string; label: Record<string, string>; items: { chart: string; metrics: string[]; by: string[]; grain?: string; label?: Record<string, string> }[] }[];
}

/** Saved filters of persons or customers, in the form of `where`. */
export interface Segment {
  name: string;
  of: 'persons' | 'customers';
  filter: string[];
}
