//! The results of bench/run as one HTML page with its plots in it (SVG), readable with no network and no script.

use anyhow::Context;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What bench/run writes, as far as the page shows it.
#[derive(Debug, Deserialize)]
struct Results {
    date: String,
    commit: String,
    machine: Machine,
    versions: BTreeMap<String, String>,
    runs: u32,
    /// In the order in which they were measured.
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Machine {
    cpu: String,
    cores: u32,
    memory_bytes: u64,
    kernel: String,
    load_average: f64,
}

#[derive(Debug, Deserialize)]
struct Part {
    name: String,
    title: String,
    method: String,
    plots: Vec<Plot>,
    tables: Vec<Table>,
}

#[derive(Debug, Deserialize)]
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Plot {
    Lines { title: String, x: String, y: String, log_x: bool, series: Vec<Series> },
    Bars { title: String, y: String, bars: Vec<Bar> },
}

#[derive(Debug, Deserialize)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

#[derive(Debug, Deserialize)]
struct Bar {
    name: String,
    value: f64,
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}td,th{padding:.15em .7em;border-bottom:1px solid #ddd;text-align:right;\
    white-space:nowrap}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}svg{max-width:100%;height:auto}p.method{color:#555;max-width:50em}";
/// Of each plot, in pixels.
const SIZE: (u32, u32) = (760, 380);
/// Distinct for most kinds of colour blindness (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

/// The page of these results, which bench/run wrote as JSON.
///
/// # Errors
/// They are not what bench/run writes.
pub fn page(results: &str) -> anyhow::Result<String> {
    let results: Results = serde_json::from_str(results).context("these are no results of bench/run")?;
    let Machine { cpu, cores, memory_bytes, kernel, load_average } = &results.machine;
    let versions: Vec<String> = results.versions.values().map(|version| escape(version)).collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Sekisho, measured {date}</title>\n<style>{STYLE}</style>\n<h1>Sekisho, measured</h1>\n\
         <p>{date}, commit {commit}; {cpu}, {cores} cores, {memory:.0} GB, Linux {kernel}, load {load_average:.1} at the start.<br>\n{versions}. \
         Medians of {runs} runs.</p>\n",
        date = escape(&results.date),
        commit = escape(&results.commit),
        cpu = escape(cpu),
        memory = *memory_bytes as f64 / 1e9,
        kernel = escape(kernel),
        versions = versions.join("; "),
        runs = results.runs,
    );
    for part in results.parts {
        writeln!(
            out,
            "<h2 id=\"{}\">{}</h2>\n<p class=\"method\">{}</p>",
            escape(&part.name),
            escape(&part.title),
            escape(&part.method)
        )?;
        for plot in &part.plots {
            out.push_str(
                &draw(plot).map_err(|error| anyhow::anyhow!("part {}: a plot cannot be drawn: {error}", part.name))?,
            );
        }
        part.tables.iter().for_each(|table| write_table(&mut out, table));
    }
    out.push_str("</html>\n");
    Ok(out)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn write_table(out: &mut String, table: &Table) {
    let row = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    out.push_str("<table><tr>");
    out.push_str(&row("th", &table.columns));
    for cells in &table.rows {
        out.push_str("</tr>\n<tr>");
        out.push_str(&row("td", cells));
    }
    out.push_str("</tr></table>\n");
}

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// One plot as SVG.
fn draw(plot: &Plot) -> Drawn<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        match plot {
            Plot::Lines { title, x, y, log_x, series } => lines(&area, title, (x, y), *log_x, series)?,
            Plot::Bars { title, y, bars } => draw_bars(&area, title, y, bars)?,
        }
        area.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// From 0 to a little above the largest.
fn height(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    0.0..if most > 0.0 { most * 1.1 } else { 1.0 }
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{}M", value / 1e6),
        v if v >= 1e3 => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}

fn lines(area: &Area<'_>, title: &str, (x, y): (&str, &str), log_x: bool, series: &[Series]) -> Drawn<()> {
    let points = || series.iter().flat_map(|series| &series.points);
    let least = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let most = points().map(|point| point.0).fold(0.0, f64::max);
    if !least.is_finite() {
        return Ok(());
    }
    let up = height(points().map(|point| point.1));
    let mut builder = ChartBuilder::on(area);
    builder.caption(title, ("sans-serif", 18)).margin(12).x_label_area_size(40).y_label_area_size(60);
    // One point alone still needs a range about it.
    let (from, to) = if least < most { (least, most) } else { (least * 0.5, least * 1.5 + 1.0) };
    if log_x && from > 0.0 {
        on_axes(&mut builder, (from..to).log_scale(), up, (x, y), series)
    } else {
        on_axes(&mut builder, from..to, up, (x, y), series)
    }
}

/// Draws the lines over a horizontal axis of either kind.
fn on_axes<X: AsRangedCoord<Value = f64>>(
    builder: &mut ChartBuilder<'_, '_, SVGBackend<'_>>,
    across: X,
    up: std::ops::Range<f64>,
    (x, y): (&str, &str),
    series: &[Series],
) -> Drawn<()>
where
    X::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = builder.build_cartesian_2d(across, up)?;
    chart.configure_mesh().x_desc(x).y_desc(y).x_label_formatter(&|x| short(*x)).light_line_style(WHITE).draw()?;
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let points = || series.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(&series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

fn draw_bars(area: &Area<'_>, title: &str, y: &str, bars: &[Bar]) -> Drawn<()> {
    let up = height(bars.iter().map(|bar| bar.value));
    let down = bars.iter().map(|bar| bar.value).fold(0.0, f64::min);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..bars.len().max(1) as f64, down * 1.1..up.end)?;
    chart.configure_mesh().disable_x_mesh().disable_x_axis().y_desc(y).light_line_style(WHITE).draw()?;
    for (i, bar) in bars.iter().enumerate() {
        let (left, right) = (i as f64 + 0.15, i as f64 + 0.85);
        let colour = COLOURS[0].filled();
        chart.draw_series([Rectangle::new([(left, 0.0), (right, bar.value)], colour)])?;
        let (x, y) = chart.backend_coord(&(i as f64 + 0.5, bar.value.max(0.0)));
        let centred =
            |size: u32| TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(HPos::Center, VPos::Bottom));
        area.draw(&Text::new(format!("{:.2}", bar.value), (x, y - 2), centred(12)))?;
        // Long names of many bars are put on two heights.
        let lower = if bars.len() > 6 && i % 2 == 1 { 14 } else { 0 };
        area.draw(&Text::new(bar.name.clone(), (x, SIZE.1 as i32 - 28 + lower), centred(12)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(parts: &str) -> String {
        format!(
            r#"{{"date": "2026-01-01", "commit": "abc", "machine": {{"cpu": "<b>cpu", "cores": 2, "memory_bytes": 8e9, "kernel": "6", "load_average": 0}},
                "versions": {{"sekisho": "sekisho 1"}}, "runs": 3, "parts": [{parts}]}}"#
        )
        .replace("8e9", "8000000000")
    }

    #[test]
    fn plots_and_tables_are_there_and_text_is_escaped() {
        let part = r#"{"name": "b", "title": "By rules", "method": "a < b", "tables": [{"columns": ["what", "Mpps"], "rows": [["mix & more", "1.5"]]}], "plots": [
            {"kind": "lines", "title": "Lines", "x": "rules", "y": "Mpps", "log_x": true, "series": [{"name": "sekisho", "points": [[100, 2.0], [28000, 1.0]]}]},
            {"kind": "bars", "title": "Bars", "y": "ns", "bars": [{"name": "decode", "value": 30.0}, {"name": "flow", "value": -1.0}]}]},
            {"name": "a", "title": "Second", "method": "", "plots": [], "tables": []}"#;
        let page = page(&results(part)).unwrap();
        assert_eq!(page.matches("<svg").count(), 2);
        for text in
            ["By rules", "a &lt; b", "&lt;b&gt;cpu", "mix &amp; more", "Lines\n</text>", "sekisho", "decode", "30.00"]
        {
            assert!(page.contains(text), "{text} is missing in {page}");
        }
        assert!(page.find("By rules") < page.find("Second"), "in the order in which they were measured");
    }

    #[test]
    fn plots_of_one_point_and_of_none_are_drawn() {
        let lines = |points: &str, log_x: bool| {
            let plot = format!(
                r#"{{"kind": "lines", "title": "t", "x": "x", "y": "y", "log_x": {log_x}, "series": [{{"name": "s", "points": [{points}]}}]}}"#
            );
            page(&results(&format!(r#"{{"name": "p", "title": "", "method": "", "tables": [], "plots": [{plot}]}}"#)))
                .unwrap()
        };
        for log_x in [true, false] {
            assert!(lines("[1, 5.0]", log_x).contains("<circle"));
            assert!(!lines("", log_x).contains("<circle"));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(page("{}").is_err());
        assert!(page(&results(r#"{"name": "p", "title": 1}"#)).is_err());
    }
}
