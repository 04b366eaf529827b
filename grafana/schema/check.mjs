// Holds dashboards against the types that Grafana publishes: node check.mjs FILE.json ...
//
// Each file becomes a program that assigns it, as a literal, to Grafana's own types: the dashboard as a whole, and each
// panel's options and field options to those of its kind. The compiler complains of what is missing, of another type, and
// of what nobody knows. Prints one line for each complaint; exit code 1 if there is any.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const kinds = {
  stat: 'stat/panelcfg/x/StatPanelCfg_types.gen',
  timeseries: 'timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen',
  'state-timeline': 'statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen',
  table: 'table/panelcfg/x/TablePanelCfg_types.gen',
  logs: 'logs/panelcfg/x/LogsPanelCfg_types.gen',
};
const withFieldOptions = ['timeseries', 'state-timeline', 'table'];

const types = `
import type { AnnotationQuery, Dashboard, DataQuery, Panel, RowPanel } from '@grafana/schema';
// What JSON can hold of a type: the values of an enumeration instead of its names.
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer Item)[] ? Plain<Item>[] : T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;
// What Prometheus and Loki understand of a query; these types are not part of the schema's package.
interface Query extends DataQuery {
  datasource: { type: string; uid: string }; expr: string; legendFormat?: string; editorMode?: 'code' | 'builder';
  format?: 'time_series' | 'table' | 'heatmap'; interval?: string; range?: boolean; instant?: boolean; exemplar?: boolean;
}
// Prometheus's support for annotations reads these beside the query.
interface Note extends AnnotationQuery<Query> { titleFormat?: string; textFormat?: string; tagKeys?: string }
type ClassicPanel = Omit<Panel, 'targets'> & { targets?: Query[] };
type Classic = Omit<Dashboard, 'panels' | 'annotations'> & {
  panels: Array<ClassicPanel | RowPanel>; annotations: { list: Note[] };
};
`;

// program is the text that is compiled for one dashboard.
function program(dashboard) {
  const imports = Object.entries(kinds).map(([kind, file], i) =>
    `import type * as kind${i} from '@grafana/schema/dist/esm/raw/composable/${file}';`);
  const lines = [...imports, types, `export const dashboard: Plain<Classic> = ${JSON.stringify(dashboard, null, 1)};`];
  for (const panel of dashboard.panels ?? []) {
    if (panel.type === 'row') continue;
    const kind = Object.keys(kinds).indexOf(panel.type);
    if (kind < 0) throw new Error(`panel ${panel.id}: no types are known for the kind ${panel.type}`);
    lines.push(`export const options${panel.id}: Plain<kind${kind}.Options> = ${JSON.stringify(panel.options, null, 1)};`);
    if (withFieldOptions.includes(panel.type)) {
      lines.push(`export const custom${panel.id}: Plain<kind${kind}.FieldConfig> = ${JSON.stringify(panel.fieldConfig.defaults.custom, null, 1)};`);
    }
  }
  return lines.join('\n');
}

// complaints compiles the programs together, in memory.
function complaints(programs) {
  const options = {
    strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (name, ...rest) =>
    programs.has(name) ? ts.createSourceFile(name, programs.get(name), ts.ScriptTarget.ES2022, true) : getSourceFile.call(host, name, ...rest);
  host.fileExists = (name) => programs.has(name) || fileExists.call(host, name);
  const compiled = ts.createProgram([...programs.keys()], options, host);
  return ts.getPreEmitDiagnostics(compiled).map((d) => {
    const where = d.file ? `${basename(d.file.fileName)}:${d.file.getLineAndCharacterOfPosition(d.start).line + 1}` : 'compiler';
    const line = d.file ? d.file.text.slice(d.start, d.start + d.length).split('\n')[0] : '';
    return `${where}: ${line}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`;
  });
}

const programs = new Map();
for (const file of process.argv.slice(2)) {
  programs.set(join(here, `${basename(file, '.json')}.ts`), program(JSON.parse(readFileSync(file, 'utf8'))));
}
const found = complaints(programs);
found.forEach((line) => console.log(line));
console.log(`schema: ${programs.size} dashboards, ${found.length} complaints`);
process.exit(found.length > 0 || programs.size === 0 ? 1 : 0);
