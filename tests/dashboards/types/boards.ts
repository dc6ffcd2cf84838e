// What a board may be, by Grafana's own types. They leave a panel's options, field settings and queries open
// (`Record<string, unknown>`); here each panel has those of its own kind. Enums are taken by their values, as
// JSON has them. Grafana fills in options that a board leaves out, so they may be left out here too.
import type * as now from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
// later packages have no type of a Prometheus query
import type { PrometheusDataQuery } from 'grafana-schema-10/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';

type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;
type Loose<T> = T extends Array<infer Item>
  ? Array<Loose<Item>>
  : T extends object
    ? { [Key in keyof T]?: Loose<T[Key]> }
    : T;

// `key` and the like are of the explorer; a saved query is these
type Query = Plain<Omit<PrometheusDataQuery, 'datasource'>> & { datasource: Source; interval?: string };
type Source = { type: 'prometheus' | 'grafana'; uid: string };
type Link = Pick<Plain<now.DashboardLink>, 'title' | 'url' | 'targetBlank'>;

type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | {
      id: 'organize';
      options: {
        excludeByName: Record<string, boolean>;
        indexByName: Record<string, number>;
        renameByName: Record<string, string>;
      };
    };

type Property<Custom> =
  | { [Name in keyof Plain<now.FieldConfig>]-?: { id: Name; value: Plain<now.FieldConfig>[Name] } }[Exclude<
      keyof now.FieldConfig,
      'custom'
    >]
  | { [Name in keyof Custom & string]-?: { id: `custom.${Name}`; value: Custom[Name] } }[keyof Custom & string];

type Fields<Custom> = {
  defaults: Omit<Plain<now.FieldConfig>, 'custom'> & { custom?: Loose<Plain<Custom>> };
  overrides: Array<{
    matcher: { id: 'byName' | 'byRegexp' | 'byType' | 'byFrameRefID'; options: string };
    properties: Array<Property<Plain<Custom>>>;
  }>;
};

type PanelOf<Kind extends string, Options, Custom = Record<string, never>> = Omit<
  Plain<now.Panel>,
  'type' | 'options' | 'targets' | 'fieldConfig' | 'links' | 'transformations' | 'datasource'
> & {
  type: Kind;
  id: number;
  title: string;
  gridPos: Plain<now.GridPos>;
  datasource: Source;
  options: Loose<Plain<Options>>;
  targets: Array<Query>;
  fieldConfig: Fields<Custom>;
  links: Array<Link>;
  transformations: Array<Transformation>;
};

export interface Panels {
  row: Plain<Omit<now.RowPanel, 'panels'>> & { panels: Array<Panels[Exclude<keyof Panels, 'row'>]> };
  stat: PanelOf<'stat', stat.Options>;
  timeseries: PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;
  table: PanelOf<'table', table.Options, table.FieldConfig>;
  bargauge: PanelOf<'bargauge', bargauge.Options>;
  'state-timeline': PanelOf<'state-timeline', statetimeline.Options, Timeline>;
}

// the panel's editor writes these two; its generated type has not got them
type Timeline = statetimeline.FieldConfig & { spanNulls: boolean | number; insertNulls: boolean | number };

// what Grafana's Prometheus data source adds to an annotation
type Annotation = Omit<Plain<now.AnnotationQuery>, 'target' | 'datasource'> & {
  datasource: Source;
  target?: Omit<Query, 'datasource'>;
  expr?: string;
  step?: string;
  tagKeys?: string;
  titleFormat?: string;
  textFormat?: string;
  useValueForTime?: boolean;
};

// `definition` is what the editor shows of a query
type Variable = Omit<Plain<now.VariableModel>, 'current'> & {
  current: Plain<now.VariableOption> | Record<string, never>;
  definition?: string;
};

export type Board = Omit<Plain<now.Dashboard>, 'panels' | 'annotations' | 'templating'> & {
  uid: string;
  title: string;
  panels: Array<never>; // each is checked by itself, as the panel that it says it is
  annotations: { list: Array<Annotation> };
  templating: { list: Array<Variable> };
};
