// From what Prometheus has answered to what Grafana's components draw: data frames, with each field's configuration.
import { FieldType, getDisplayProcessor } from '@grafana/data';

// name fills a legend's {{label}}s in.
export const name = (format, labels) => (format || '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');

// fitting are the kinds of matcher that are used here.
const fitting = {
  byFrameRefID: (which, called, refId) => which === refId,
  byRegexp: (which, called) => new RegExp(which.slice(1, -1)).test(called),
  byName: (which, called) => which === called,
};

// configured is a panel's field configuration with the overrides that fit.
function configured(panel, called, refId) {
  const { defaults, overrides } = panel.fieldConfig;
  const config = { ...structuredClone(defaults), displayName: called };
  for (const { matcher, properties } of overrides) {
    const fits = fitting[matcher.id](matcher.options, called, refId);
    if (fits) properties.forEach(({ id, value }) => { config[id] = value; });
  }
  return config;
}

// frames gives one for each series of a panel's queries.
export function frames(panel, answers, where, theme) {
  const all = [];
  for (const target of panel.targets) {
    for (const series of answers.queries[`${where}/${target.refId}`] ?? []) {
      const called = name(target.legendFormat, series.metric);
      const numbers = series.values.map(([, value]) => (value === 'NaN' ? null : Number(value)));
      const time = { name: 'Time', type: FieldType.time, config: { interval: answers.step }, values: series.values.map(([at]) => at * 1000) };
      const value = {
        name: 'Value', type: FieldType.number, labels: series.metric, values: numbers, config: configured(panel, called, target.refId),
        state: { displayName: called, seriesIndex: all.length },
      };
      value.display = getDisplayProcessor({ field: value, theme, timeZone: 'utc' });
      all.push({ refId: target.refId, name: called, length: numbers.length, fields: [time, value] });
    }
  }
  return all;
}

// last is the value that a stat shows of a series.
export const last = (field) => field.values.filter((value) => value !== null).at(-1) ?? null;

// rows makes one frame of all series, with their labels as columns, as a table shows them.
export function rows(panel, answers, where, theme) {
  const { excludeByName, renameByName } = panel.transformations[0].options;
  const all = panel.targets.flatMap((target) => answers.queries[`${where}/${target.refId}`] ?? []);
  const labels = [...new Set(all.flatMap((series) => Object.keys(series.metric)))].sort();
  const columns = labels.map((label) => ({ label, type: FieldType.string, values: all.map((series) => series.metric[label] ?? '') }));
  columns.push({ label: 'Value', type: FieldType.number, values: all.map((series) => Number(series.values.at(-1)[1])) });
  const fields = columns.filter(({ label }) => !excludeByName[label]).map(({ label, type, values }) => {
    const called = renameByName[label] ?? label;
    const field = { name: called, type, values, config: configured(panel, called, 'A'), state: {} };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    return field;
  });
  return { length: all.length, fields };
}
