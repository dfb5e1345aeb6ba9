/**
 * The shapes in `types.ts` name units, grains and states more narrowly than the generated ones. Here the compiler checks that
 * every field the pages read exists in `schema.d.ts`: a field that the server drops or renames fails `npm run check`.
 */
import type { components } from './schema';
import type * as Ours from './types';

type Schemas = components['schemas'];
/** Fields of ours that the server does not have. */
type Unknown<A, B> = Exclude<keyof A, keyof B>;
type None<T extends never> = T;

export type Conform = [
  None<Unknown<Ours.Workspace, Schemas['Info']>>,
  None<Unknown<Ours.Metric, Schemas['MetricHead']>>,
  None<Unknown<Ours.Dimension, Schemas['DimensionInfo']>>,
  None<Unknown<Ours.QueryResult, Schemas['Answer']>>,
  None<Unknown<Ours.Period, Schemas['PeriodInfo']>>,
  None<Unknown<Ours.Series, Schemas['Series']>>,
  None<Unknown<Ours.Explain, Schemas['Explained']>>,
  None<Unknown<Ours.Tree, Schemas['Node']>>,
  None<Unknown<Ours.Split, Schemas['SplitRow']>>,
  None<Unknown<Ours.Release, Schemas['Release']>>,
  None<Unknown<Ours.Rows, Schemas['RowsPage']>>,
  None<Unknown<Ours.RecordRef, Schemas['RecordRef']>>,
  None<Unknown<Ours.CustomerList, Schemas['CustomersPage']>>,
  None<Unknown<Ours.Customer, Schemas['Customer']>>,
  None<Unknown<Ours.CustomerPage, Schemas['CustomerDetail']>>,
  None<Unknown<Ours.TimelineItem, Schemas['Happening']>>,
  None<Unknown<Ours.Change, Schemas['MetricChange']>>,
  None<Unknown<Ours.Preview, Schemas['Preview']>>,
  None<Unknown<Ours.Mapping, Schemas['Mapped']>>,
  None<Unknown<Ours.Reject, Schemas['Reject']>>,
  None<Unknown<Ours.Setting, Schemas['SettingInfo']>>,
  None<Unknown<Ours.Dashboard, Schemas['Dashboard']>>,
];
