//! What a figure is: a thing measured of ours and of a peer, in turn, and what its ratio has to be.
//!
//! Owns rounds, medians, the table and the JSON; knows nothing of what is measured.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

/// Figures that are measured together.
#[derive(Debug)]
pub(crate) struct Case {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    pub(crate) figures: &'static [Figure],
    /// Measures once: a sample for each figure, in their order.
    pub(crate) measure: fn(&Round) -> anyhow::Result<Vec<Sample>>,
    /// It takes so long, or is so steady, that it is measured once, whatever is asked for.
    pub(crate) once: bool,
}

/// A thing that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// What it is compared with.
    pub(crate) peer: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) bounds: Bounds,
    /// The curve that it is a point of.
    pub(crate) point: Option<Point>,
}

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// What it should come to, and what it must come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bounds {
    /// Ours divided by theirs.
    Ratio { at_least: f64, aim: f64 },
    /// Ours, in the unit.
    Value { at_least: f64, aim: f64 },
    /// Told for its own sake.
    None,
}

/// A place on a curve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) curve: &'static Curve,
    pub(crate) x: f64,
}

/// A picture.
#[derive(Debug)]
pub(crate) struct Curve {
    /// Of its file.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) x_is_logarithmic: bool,
    pub(crate) y: &'static str,
    pub(crate) y_is_logarithmic: bool,
    /// What the two lines are.
    pub(crate) lines: [&'static str; 2],
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) ours: f64,
    /// `None` where there is nothing to compare with.
    pub(crate) theirs: Option<f64>,
}

/// What a measurement depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// From 0; also a seed.
    pub(crate) number: u32,
    /// How long each transfer is watched.
    pub(crate) length: Duration,
}

impl Round {
    /// Measures both, ours first in every other round: so that what changes in the course of time favors nobody.
    pub(crate) fn in_turn<T>(
        &self,
        ours: impl FnOnce() -> anyhow::Result<T>,
        theirs: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, T)> {
        if self.number.is_multiple_of(2) {
            let ours = ours().context("ours")?;
            Ok((ours, theirs().context("the peer")?))
        } else {
            let theirs = theirs().context("the peer")?;
            Ok((ours().context("ours")?, theirs))
        }
    }

    /// [`Round::in_turn`] of a single figure.
    pub(crate) fn compare(
        &self,
        ours: impl FnOnce() -> anyhow::Result<f64>,
        theirs: impl FnOnce() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Sample> {
        let (ours, theirs) = self.in_turn(ours, theirs)?;
        Ok(Sample { ours, theirs: Some(theirs) })
    }
}

/// A line of the result: medians.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) peer: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) ours: f64,
    pub(crate) theirs: Option<f64>,
    /// Ours divided by theirs: of the medians.
    pub(crate) ratio: Option<f64>,
    /// What the bounds are of: "ratio", "ours", or null where there is none.
    pub(crate) bound: Option<&'static str>,
    pub(crate) at_least: Option<f64>,
    pub(crate) aim: Option<f64>,
    /// Whether it is as good as it must be.
    pub(crate) meets: Option<bool>,
    /// Whether it is as good as it should be.
    pub(crate) meets_aim: Option<bool>,
    /// Ours, of each round: how much it spreads.
    pub(crate) rounds: Vec<f64>,
    #[serde(skip)]
    pub(crate) point: Option<Point>,
}

impl Row {
    fn new(figure: &Figure, samples: &[Sample]) -> Row {
        let rounds: Vec<f64> = samples.iter().map(|sample| sample.ours).collect();
        let ours = median(rounds.clone());
        let theirs: Option<Vec<f64>> = samples.iter().map(|sample| sample.theirs).collect();
        let theirs = theirs.map(median);
        let ratio = theirs.map(|theirs| ours / theirs);
        let (bound, judged, at_least, aim) = match figure.bounds {
            Bounds::Ratio { at_least, aim } => (Some("ratio"), ratio, Some(at_least), Some(aim)),
            Bounds::Value { at_least, aim } => (Some("ours"), Some(ours), Some(at_least), Some(aim)),
            Bounds::None => (None, None, None, None),
        };
        let meets = |bound: Option<f64>| {
            Some(match figure.better {
                Better::Higher => judged? >= bound?,
                Better::Lower => judged? <= bound?,
            })
        };
        Row {
            figure: figure.name,
            peer: figure.peer,
            unit: figure.unit,
            better: figure.better,
            ours,
            theirs,
            ratio,
            bound,
            at_least,
            aim,
            meets: meets(at_least),
            meets_aim: meets(aim),
            rounds,
            point: figure.point,
        }
    }
}

/// Measures a case in so many rounds, and tells each on standard error.
pub(crate) fn measure(case: &Case, rounds: u32, length: Duration) -> anyhow::Result<Vec<Row>> {
    let rounds = if case.once { 1 } else { rounds };
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); case.figures.len()];
    for number in 0..rounds {
        let round = (case.measure)(&Round { number, length })
            .with_context(|| format!("{}, round {} of {rounds}", case.name, number + 1))?;
        anyhow::ensure!(round.len() == samples.len(), "{} measures something else", case.name);
        for ((figure, of_figure), sample) in case.figures.iter().zip(&mut samples).zip(round) {
            let theirs = sample.theirs.map_or("-".to_owned(), number_in_words);
            eprintln!(
                "  {} of {rounds}: {}: {} / {theirs}",
                number + 1,
                figure.name,
                number_in_words(sample.ours)
            );
            of_figure.push(sample);
        }
    }
    Ok(case.figures.iter().zip(&samples).map(|(figure, samples)| Row::new(figure, samples)).collect())
}

/// The table, as Markdown.
pub(crate) fn print(rows: &[Row], mut to: impl Write) -> std::io::Result<()> {
    writeln!(to, "| figure | unit | ours | peer | | ratio | at least | aim | |")?;
    writeln!(to, "|---|---|--:|--:|---|--:|--:|--:|---|")?;
    for row in rows {
        let or_nothing = |value: Option<f64>| value.map_or(String::new(), number_in_words);
        let verdict = match (row.meets_aim, row.meets) {
            (Some(true), _) => "aim reached",
            (_, Some(true)) => "enough",
            (_, Some(false)) => "**short**",
            _ => "",
        };
        writeln!(
            to,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {verdict} |",
            row.figure,
            row.unit,
            number_in_words(row.ours),
            or_nothing(row.theirs),
            row.peer,
            or_nothing(row.ratio),
            or_nothing(row.at_least),
            or_nothing(row.aim),
        )?;
    }
    Ok(())
}

/// Writes the rows as JSON.
pub(crate) fn write_json(rows: &[Row], path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, serde_json::to_string_pretty(rows)?).with_context(|| path.display().to_string())
}

/// The middle one of some values; at least one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Three digits that count, and commas between thousands.
fn number_in_words(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURE: Figure = Figure {
        name: "it",
        peer: "another",
        unit: "us",
        better: Better::Lower,
        bounds: Bounds::Ratio { at_least: 1.5, aim: 1.0 },
        point: None,
    };

    fn row(figure: Figure, ours: f64, theirs: Option<f64>) -> Row {
        Row::new(&figure, &[Sample { ours, theirs }])
    }

    #[test]
    fn a_row_tells_whether_it_is_good_enough() {
        let verdicts = |row: Row| (row.ratio, row.meets, row.meets_aim);
        assert_eq!(verdicts(row(FIGURE, 1.2, Some(1.0))), (Some(1.2), Some(true), Some(false)));
        assert_eq!(verdicts(row(FIGURE, 1.6, Some(1.0))), (Some(1.6), Some(false), Some(false)));
        let higher =
            Figure { better: Better::Higher, bounds: Bounds::Value { at_least: 5.0, aim: 9.0 }, ..FIGURE };
        assert_eq!(verdicts(row(higher, 9.0, None)), (None, Some(true), Some(true)));
        assert_eq!(verdicts(row(higher, 4.0, None)), (None, Some(false), Some(false)));
        assert_eq!(
            verdicts(row(Figure { bounds: Bounds::None, ..FIGURE }, 4.0, Some(8.0))),
            (Some(0.5), None, None)
        );
    }

    #[test]
    fn medians_of_rounds_are_compared() {
        let samples = [(1.0, 10.0), (9.0, 30.0), (3.0, 20.0)];
        let samples = samples.map(|(ours, theirs)| Sample { ours, theirs: Some(theirs) });
        let row = Row::new(&FIGURE, &samples);
        assert_eq!((row.ours, row.theirs, row.ratio), (3.0, Some(20.0), Some(0.15)));
        assert_eq!(row.rounds, [1.0, 9.0, 3.0]);
    }

    #[test]
    fn who_is_first_alternates() {
        let order = |number| {
            let order = std::cell::RefCell::new(Vec::new());
            let round = Round { number, length: Duration::ZERO };
            let tell = |who: &'static str| {
                order.borrow_mut().push(who);
                Ok(0.0)
            };
            round.compare(|| tell("ours"), || tell("theirs")).expect("both");
            order.into_inner()
        };
        assert_eq!(order(0), ["ours", "theirs"]);
        assert_eq!(order(1), ["theirs", "ours"]);
    }

    #[test]
    fn numbers_are_read_easily() {
        assert_eq!(
            [0.594, 99.2, 2358.4, 1_234_567.0].map(number_in_words),
            ["0.59", "99.20", "2,358", "1,234,567"]
        );
    }
}
