// Draws one dashboard with Grafana's own components: its panels' frames, graphs and big values. A state timeline
// and a table are not among what Grafana publishes for others; they are drawn here, with Grafana's colours and words.
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import { useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, ThemeContext } from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, PortalContainer, TimeSeries } from '@grafana/ui';
import { frames, last, name, rows } from './data.js';

const { dashboard, answers } = JSON.parse(document.getElementById('data').textContent);
const theme = createTheme({ colors: { mode: 'dark' } });
const width = 1480, gap = 8, line = 30;
const range = { from: dateTime(answers.from), to: dateTime(answers.to), raw: { from: dateTime(answers.from), to: dateTime(answers.to) } };
const [start, end] = [range.from.valueOf(), range.to.valueOf()];

// box is where a panel lies, in pixels.
function box({ x, y, w, h }) {
  const column = (width + gap) / 24;
  return { left: x * column, top: y * (line + gap), width: w * column - gap, height: h * (line + gap) - gap };
}

function Nothing({ panel, height }) {
  return <div style={{ height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
}

// marks are the annotations that lie in the time shown: from when on they stood.
const marks = dashboard.annotations.list.filter((note) => note.target).flatMap((note) =>
  (answers.queries[`${dashboard.uid}/annotation ${note.name}`] ?? []).map((series) => ({
    at: series.values[0][0] * 1000, color: theme.visualization.getColorByName(note.iconColor), text: name(note.titleFormat, series.metric),
  })));

function Graph({ panel, where, width, height }) {
  const data = useMemo(() => frames(panel, answers, where, theme), [panel, where]);
  if (data.length === 0) return <Nothing panel={panel} height={height} />;
  const annotate = (builder) => {
    builder.addHook('draw', (u) => {
      for (const mark of marks) {
        const x = Math.round(u.valToPos(mark.at, 'x', true));
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        u.ctx.save();
        u.ctx.strokeStyle = u.ctx.fillStyle = mark.color;
        u.ctx.setLineDash([5, 3]);
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.bbox.top);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
        u.ctx.stroke();
        u.ctx.setLineDash([]);
        u.ctx.beginPath();
        u.ctx.moveTo(x - 5, u.bbox.top + u.bbox.height + 6);
        u.ctx.lineTo(x + 5, u.bbox.top + u.bbox.height + 6);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
        u.ctx.fill();
        u.ctx.restore();
      }
    });
    return null;
  };
  return (
    <TimeSeries frames={data} structureRev={1} width={width} height={height} timeRange={range} timeZone="utc" legend={panel.options.legend} options={panel.options}>
      {annotate}
    </TimeSeries>
  );
}

function Stats({ panel, where, width, height }) {
  const data = frames(panel, answers, where, theme);
  const shown = data.length > 0 ? data.map((frame) => ({ ...frame.fields[1].display(last(frame.fields[1])), title: frame.name })) : [empty(panel)];
  const many = shown.length, down = panel.options.orientation !== 'vertical' && width < height * 2 && many > 1;
  return (
    <div style={{ display: 'flex', flexDirection: down ? 'column' : 'row', gap: 4, height }}>
      {shown.map((value, i) => (
        <BigValue key={i} theme={theme} value={value} width={down ? width : (width - 4 * (many - 1)) / many} height={down ? (height - 4 * (many - 1)) / many : height}
          count={many} colorMode={panel.options.colorMode} graphMode="none" justifyMode={panel.options.justifyMode}
          textMode={data.length > 0 ? panel.options.textMode : 'value'} />
      ))}
    </div>
  );
}

// empty is what a stat shows without an answer: its words for that, in the colour of its lowest threshold.
function empty(panel) {
  const { noValue, thresholds } = panel.fieldConfig.defaults;
  return { text: noValue ?? 'No data', numeric: NaN, color: theme.visualization.getColorByName(thresholds.steps[0].color) };
}

// pieces joins neighbours that show the same.
function pieces(field, times) {
  const all = [];
  field.values.forEach((value, i) => {
    const shown = field.display(value), before = all.at(-1);
    const next = Math.min((times[i + 1] ?? times[i] + answers.step), times[i] + 2.5 * answers.step);
    if (before && before.text === shown.text && times[i] - before.to < answers.step) before.to = next;
    else all.push({ from: times[i], to: next, text: shown.text, color: shown.color });
  });
  return all;
}

function Timeline({ panel, where, width, height }) {
  const data = frames(panel, answers, where, theme);
  if (data.length === 0) return <Nothing panel={panel} height={height} />;
  const left = Math.min(260, 14 + 6.6 * Math.max(...data.map((frame) => frame.name.length))), bottom = 22;
  const row = (height - bottom) / data.length, bar = row * panel.options.rowHeight;
  const x = (at) => left + ((Math.max(at, start) - start) / (end - start)) * (width - left - 4);
  const ticks = Array.from({ length: 5 }, (_, i) => start + ((i + 0.5) * (end - start)) / 5);
  return (
    <svg width={width} height={height} style={{ fontSize: 12, fontFamily: theme.typography.fontFamily }}>
      {data.map((frame, i) => (
        <g key={i}>
          <text x={left - 8} y={(i + 0.5) * row + 4} textAnchor="end" fill={theme.colors.text.primary} fontSize={Math.min(12, row)}>{frame.name}</text>
          {pieces(frame.fields[1], frame.fields[0].values).map((piece, k) => (
            <g key={k}>
              <rect x={x(piece.from)} y={i * row + (row - bar) / 2} width={Math.max(1, x(piece.to) - x(piece.from))} height={bar} fill={piece.color} fillOpacity={0.75} />
              {panel.options.showValue !== 'never' && bar > 12 && x(piece.to) - x(piece.from) > 7 * piece.text.length + 8 && (
                <text x={x(piece.from) + 5} y={(i + 0.5) * row + 4} fill="#fff">{piece.text}</text>
              )}
            </g>
          ))}
        </g>
      ))}
      {marks.map((mark, i) => <line key={i} x1={x(mark.at)} x2={x(mark.at)} y1={0} y2={height - bottom} stroke={mark.color} strokeDasharray="5 3" />)}
      {ticks.map((at) => <text key={at} x={x(at)} y={height - 6} textAnchor="middle" fill={theme.colors.text.secondary}>{dateTime(at).utc().format('HH:mm:ss')}</text>)}
    </svg>
  );
}

// Grafana publishes its table, too, but it draws nothing outside of Grafana; this one has its look.
function Rows({ panel, where, height }) {
  const { length, fields } = rows(panel, answers, where, theme);
  const cell = { padding: '5px 8px', textAlign: 'left', borderBottom: `1px solid ${theme.colors.border.weak}`, whiteSpace: 'nowrap' };
  return (
    <div style={{ height, overflow: 'hidden' }}>
      <table style={{ width: '100%', borderCollapse: 'collapse', fontSize: 13 }}>
        <thead><tr>{fields.map((field) => <th key={field.name} style={{ ...cell, color: theme.colors.primary.text, fontWeight: 500 }}>{field.name}</th>)}</tr></thead>
        <tbody>
          {Array.from({ length }, (_, i) => (
            <tr key={i}>{fields.map((field) => {
              const shown = field.display(field.values[i]);
              return <td key={field.name} style={{ ...cell, color: field.type === 'number' ? shown.color : undefined }}>{shown.text}</td>;
            })}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Logs = ({ height }) => (
  <div style={{ height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>Asks Loki, which does not run where this picture was made.</div>
);

const kinds = { timeseries: Graph, stat: Stats, 'state-timeline': Timeline, table: Rows, logs: Logs };

function Panel({ panel }) {
  const place = box(panel.gridPos);
  if (panel.type === 'row') {
    return <div style={{ position: 'absolute', ...place, fontSize: 16, fontWeight: 500, paddingTop: 4 }}>{`⌄ ${panel.title}`}</div>;
  }
  const Kind = kinds[panel.type];
  return (
    <div style={{ position: 'absolute', ...place }}>
      <PanelChrome title={panel.title} description={panel.description} width={place.width} height={place.height}>
        {(innerWidth, innerHeight) => <Kind panel={panel} where={`${dashboard.uid}/${panel.title}`} width={innerWidth} height={innerHeight} />}
      </PanelChrome>
    </div>
  );
}

function Page() {
  const height = Math.max(...dashboard.panels.map((panel) => box(panel.gridPos).top + box(panel.gridPos).height));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div id="page" style={{ width: width + 2 * gap, padding: gap, background: theme.colors.background.canvas, color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily }}>
        <div style={{ display: 'flex', justifyContent: 'space-between', padding: '2px 0 10px', fontSize: 18 }}>
          <span>{`Evergreen Stores / ${dashboard.title}`}</span>
          <span style={{ fontSize: 13, color: theme.colors.text.secondary }}>
            {`Preview with Grafana's components, from a real Prometheus's answers; not Grafana itself. ${range.from.utc().format('HH:mm:ss')} to ${range.to.utc().format('HH:mm:ss')} UTC`}
          </span>
        </div>
        <div style={{ position: 'relative', height }}>{dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}</div>
      </div>
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')).render(<Page />);
