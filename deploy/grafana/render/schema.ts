// What a dashboard's JSON is, put together from the types that Grafana publishes: the dashboard, and the options of each
// panel that is used. Keys beyond them are refused by the compiler, since it is given literals.
import type { Dashboard, Panel, RowPanel } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { Options as Stat } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type { Options as Series, FieldConfig as SeriesField } from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';
import type { Options as Table, FieldConfig as TableField } from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type { Options as Bars } from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';

// Grafana's enums have words as values, which is what JSON holds.
type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T : T extends (infer E)[] ? Json<E>[] :
  T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Of<Kind extends string, Options, Field = never> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource'> & {
  type: Kind; datasource: { type: string; uid: string };
  targets: Record<string, unknown>[];
  options: Json<Options>;
  fieldConfig: { defaults: Record<string, unknown> & { custom?: Json<Field> }; overrides: { matcher: { id: string; options?: unknown }; properties: { id: string; value?: unknown }[] }[] };
};
type Drawn = Of<'stat', Partial<Stat>> | Of<'timeseries', Series, Partial<SeriesField>> | Of<'table', Partial<Table>, Partial<TableField>> | Of<'bargauge', Partial<Bars>>;
export type Checked = Json<Omit<Dashboard, 'panels' | 'annotations' | 'templating'>> & {
  panels: (Json<Omit<RowPanel, 'panels'>> & { type: 'row'; panels: [] } | Json<Drawn>)[];
  annotations: unknown; templating: { list: Json<NonNullable<NonNullable<Dashboard['templating']>['list']>[number]>[] };
};
