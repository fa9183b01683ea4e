// One dashboard, drawn by Grafana's own components. Grafana's server would do what stands here: give each field its settings and
// its display, run the panel's transformations, and hand the frames to the panel.
import {
  createDataFrame, createTheme, dateTime, FieldType, formattedValueToString, getDisplayProcessor, getFieldDisplayName, reduceField, standardTransformers,
  standardTransformersRegistry, ThemeContext, transformDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, Table, TimeSeries, VizLegend } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import uplotStyle from 'uplot/dist/uPlot.min.css';

const { dashboard, answers, start, end, office, width } = window.given;
const theme = createTheme({ colors: { mode: 'dark' } });
const CELL = 36;
const { mergeTransformer, organizeFieldsTransformer, sortByTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() => [mergeTransformer, organizeFieldsTransformer, sortByTransformer]
  .map((t) => ({ id: t.id, name: t.name, transformation: async () => t, editor: () => null })));

function legend(target, labels) {
  if (target.legendFormat === '__auto') return Object.values(labels).join(' ') || 'value';
  return target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

/** Prometheus' answer as data frames. */
function frames({ target, result }) {
  if (target.format === 'table') {
    const names = [...new Set(result.flatMap((row) => Object.keys(row.metric)))];
    return [createDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: FieldType.time, values: result.map(() => end * 1000), config: {} },
      ...names.map((name) => ({ name, type: FieldType.string, values: result.map((row) => row.metric[name] ?? ''), config: {} })),
      { name: 'Value', type: FieldType.number, values: result.map((row) => Number(row.value[1])), config: {}, labels: {} },
    ] })];
  }
  return result.map((series) => {
    const points = series.values ?? [series.value];
    return createDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000), config: {} },
      { name: 'Value', type: FieldType.number, values: points.map(([, value]) => (Number.isFinite(Number(value)) ? Number(value) : null)), labels: series.metric,
        config: { displayNameFromDS: legend(target, series.metric) } },
    ] });
  });
}

/** Defaults, then what overrides say for the field's name; then how values look. */
function settle(panel, all) {
  all.forEach((frame) => frame.fields.forEach((field, i) => {
    const { defaults, overrides } = panel.fieldConfig;
    const shown = getFieldDisplayName(field, frame, all);
    field.config = { ...structuredClone(defaults), ...field.config, custom: { ...defaults.custom, ...field.config.custom } };
    for (const { matcher, properties } of overrides.filter(({ matcher }) => matcher.options === shown || matcher.options === field.name)) {
      for (const { id, value } of properties) {
        if (id.startsWith('custom.')) field.config.custom[id.slice(7)] = value;
        else field.config[id] = value;
      }
    }
    if (field.type === FieldType.number) field.config.color ??= { mode: 'thresholds' };
    field.state = { ...field.state, displayName: shown, seriesIndex: all.indexOf(frame) };
    if (field.type === FieldType.number) {
      const known = field.values.filter((value) => value !== null);
      const [min, max] = [Math.min(0, ...known), Math.max(0, ...known)];
      field.state.range = { min, max, delta: max - min };
    }
    field.display = getDisplayProcessor({ field, theme });
    field.getLinks = () => [];
  }));
  return all;
}

async function prepare(panel) {
  let all = answers[panel.id].flatMap(frames);
  const tables = answers[panel.id].length > 1 && panel.type === 'table';
  if (tables) all.forEach((frame) => { frame.fields[frame.fields.length - 1].name = `Value #${frame.refId}`; });
  const steps = (panel.transformations ?? []).map((t) => ({ id: t.id, options: t.options }));
  if (steps.length) all = await lastValueFrom(transformDataFrame(steps, all, { interpolate: (text) => text }));
  return settle(panel, all);
}

const numbers = (all) => all.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number));
const last = (field) => field.values[field.values.length - 1];

function Body({ panel, all, w, h }) {
  const fields = numbers(all);
  if (!all.some((frame) => frame.length)) return <div style={{ padding: 16, color: theme.colors.text.secondary }}>No data</div>;
  if (panel.type === 'stat') {
    const field = fields[0];
    return <BigValue width={w} height={h} theme={theme} value={field.display(last(field))} colorMode={panel.options.colorMode} graphMode={panel.options.graphMode}
      textMode={panel.options.textMode} sparkline={panel.options.graphMode === 'area' && field.values.length > 1 ? { y: field, yMin: 0 } : undefined} />;
  }
  if (panel.type === 'bargauge') {
    const most = Math.max(...fields.map(last), 1e-9);
    const shown = [...fields].sort((a, b) => last(b) - last(a));
    const each = Math.min(30, Math.floor((h - 6) / shown.length));
    const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), '');
    const widest = { title: `${longest(shown.map((field) => field.state.displayName))}mm`, text: longest(shown.map((field) => formattedValueToString(field.display(last(field))))) };
    return <div>{shown.map((field, i) => {
      field.config.max ??= most;
      field.config.min ??= 0;
      return <div key={i} style={{ height: each }}><BarGauge width={w} height={each - 4} theme={theme} field={{ ...field.config, color: { mode: 'thresholds' } }} value={{ ...field.display(last(field)), title: field.state.displayName }}
        display={getDisplayProcessor({ field, theme })} orientation="horizontal" displayMode="gradient" showUnfilled={true} itemSpacing={2} lcdCellWidth={12} valueDisplayMode="color" namePlacement="left"
        alignmentFactors={widest} text={{ titleSize: 13, valueSize: 16 }} /></div>;
    })}</div>;
  }
  if (panel.type === 'table') {
    return <Table data={all[0]} width={w} height={h} cellHeight="sm" columnMinWidth={70} timeRange={range} />;
  }
  // Every series in one frame, each with what it is drawn with.
  const items = fields.map((field) => ({
    label: field.state.displayName,
    color: theme.visualization.getColorByName(field.config.color?.mode === 'fixed' ? field.config.color.fixedColor
      : theme.visualization.palette[field.state.seriesIndex % theme.visualization.palette.length]),
    yAxis: 1, getDisplayValues: () => (panel.options.legend.calcs ?? []).map((calc) => ({ ...field.display(reduceField({ field, reducers: [calc] })[calc]), title: calc === 'sum' ? 'Total' : calc[0].toUpperCase() + calc.slice(1) })),
  }));
  // What finds no room, Grafana shows when one scrolls.
  const inTable = panel.options.legend.displayMode === 'table';
  const rows = Math.min(items.length, Math.max(2, Math.floor((h * 0.6 - 26) / 24)));
  const plot = h - (inTable ? 26 + rows * 24 : 28);
  return <>
    <TimeSeries frames={all} timeRange={range} timeZone="utc" width={w} height={plot} theme={theme} legend={{ showLegend: false, calcs: [], displayMode: 'list', placement: 'bottom' }}
      options={panel.options} />
    <div style={{ height: h - plot, overflow: 'hidden' }}><VizLegend isSortable items={inTable ? items.slice(0, rows) : items} displayMode={panel.options.legend.displayMode} placement="bottom" /></div>
  </>;
}

const range = { from: dateTime(start * 1000), to: dateTime(end * 1000), raw: { from: dateTime(start * 1000), to: dateTime(end * 1000) } };

function Dashboard({ prepared }) {
  const gap = 8;
  const unit = (width - 2 * gap) / 24;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div data-drawn style={{ position: 'relative', width, height: bottom * CELL + 60, background: theme.colors.background.canvas, color: theme.colors.text.primary, fontFamily: 'sans-serif' }}>
      <div style={{ padding: '14px 16px', fontSize: 20, fontWeight: 500 }}>{dashboard.title}<span style={{ fontSize: 14, marginLeft: 16, color: theme.colors.text.secondary }}>
        {dashboard.templating.list.some((v) => v.name === 'office' && !v.multi) ? `Office: ${office} — ` : ''}{dashboard.description}</span></div>
      {dashboard.panels.map((panel) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: 'absolute', left: gap + x * unit, top: 52 + y * CELL, width: w * unit - gap, height: h * CELL - gap };
        if (panel.type === 'row') return <div key={panel.id} style={{ ...place, fontSize: 16, fontWeight: 500, padding: '2px 4px' }}>{panel.title}</div>;
        return <div key={panel.id} style={place}>
          <PanelChrome width={place.width} height={place.height} title={panel.title} description={panel.description} padding="md">
            {(w, h) => <Body panel={panel} all={prepared[panel.id]} w={w} h={h} />}
          </PanelChrome></div>;
      })}
    </div>
  </ThemeContext.Provider>;
}

const prepared = {};
async function draw() {
  // Without it plots stand beside their places.
  document.head.append(Object.assign(document.createElement('style'), { textContent: uplotStyle }));
  for (const panel of dashboard.panels) {
    if (panel.targets) prepared[panel.id] = await prepare(panel);
  }
  createRoot(document.getElementById('root')).render(<Dashboard prepared={prepared} />);
}
draw();
