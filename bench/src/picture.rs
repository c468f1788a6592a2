//! Curves, as SVG.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;

use crate::figure::{Curve, Row};

/// Draws the curves that the rows are points of, each to a file of its name.
pub(crate) fn draw(rows: &[Row], directory: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory)?;
    let mut curves: BTreeMap<&str, &Curve> = BTreeMap::new();
    curves.extend(rows.iter().filter_map(|row| Some((row.point?.curve.name, row.point?.curve))));
    for (name, curve) in curves {
        let on_it = |row: &&Row| row.point.is_some_and(|point| point.curve.name == name);
        let points: Vec<_> = rows.iter().filter(on_it).filter_map(|row| Some((row.point?.x, row))).collect();
        let path = directory.join(format!("{name}.svg"));
        draw_curve(curve, &points, &path).map_err(|why| anyhow!("{}: {why}", path.display()))?;
    }
    Ok(())
}

fn draw_curve(curve: &Curve, points: &[(f64, &Row)], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let x = Axis { is_logarithmic: curve.x_is_logarithmic };
    let y = Axis { is_logarithmic: curve.y_is_logarithmic };
    let ours: Vec<_> = points.iter().map(|(at, row)| (x.place(*at), y.place(row.ours))).collect();
    let theirs: Vec<_> =
        points.iter().filter_map(|(at, row)| Some((x.place(*at), y.place(row.theirs?)))).collect();
    let all = || ours.iter().chain(&theirs);

    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(curve.title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(x.range(all().map(|(x, _)| *x)), y.range(all().map(|(_, y)| *y)))?;
    chart
        .configure_mesh()
        .x_desc(curve.x)
        .y_desc(curve.y)
        .x_labels(8)
        .y_labels(8)
        .max_light_lines(0)
        .bold_line_style(RGBColor(220, 220, 220))
        .x_label_formatter(&|place| x.label(*place))
        .y_label_formatter(&|place| y.label(*place))
        .label_style(("sans-serif", 13))
        .draw()?;
    for (line, name, color) in [(ours, curve.lines[0], OURS), (theirs, curve.lines[1], THEIRS)] {
        if line.is_empty() {
            continue;
        }
        let dots = line.clone().into_iter().map(move |at| Circle::new(at, 3, color.filled()));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 13))
        .draw()?;
    area.present()?;
    Ok(())
}

/// How values are laid out. A logarithmic axis is one of the values' logarithms.
#[derive(Clone, Copy)]
struct Axis {
    is_logarithmic: bool,
}

impl Axis {
    fn place(self, value: f64) -> f64 {
        if self.is_logarithmic { value.log10() } else { value }
    }

    /// Some room around the values, and 0 where the axis has it.
    fn range(self, places: impl Iterator<Item = f64>) -> Range<f64> {
        let (mut low, mut high) = places
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), place| (low.min(place), high.max(place)));
        if !self.is_logarithmic {
            low = low.min(0.0);
        }
        let room = ((high - low) * 0.06).max(1e-3);
        high += room;
        if self.is_logarithmic {
            low -= room;
        }
        low..high
    }

    fn label(self, place: f64) -> String {
        let value = if self.is_logarithmic { 10f64.powf(place) } else { place };
        match value.abs() {
            1e6.. => format!("{:.3}M", value / 1e6).replace(".000", ""),
            1e3.. => format!("{:.1}k", value / 1e3).replace(".0", ""),
            10.0.. => format!("{value:.0}"),
            _ => format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        }
    }
}

const SIZE: (u32, u32) = (760, 420);
const OURS: RGBColor = RGBColor(20, 90, 200);
const THEIRS: RGBColor = RGBColor(200, 110, 20);
