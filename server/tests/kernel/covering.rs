//! Covering arrays: few rows in which any two parameters meet in every combination of their values.
//!
//! ```text
//! three parameters of two values ─> [0,0,0] [0,1,1] [1,0,1] [1,1,0]
//! ```

use std::collections::BTreeSet;

/// Two parameters, and a value of each.
type Meeting = ((usize, usize), (usize, usize));

/// Rows with one value, below its level, for each parameter. The same levels give the same rows.
pub(crate) fn pairs(levels: &[usize]) -> Vec<Vec<usize>> {
    let mut missing = meetings(levels);
    let mut rows = Vec::new();
    while let Some(&((first, value), _)) = missing.first() {
        let mut row = vec![None; levels.len()];
        row[first] = Some(value);
        for parameter in 0..levels.len() {
            if row[parameter].is_none() {
                // Of the values that meet the most for the first time, the turn goes round.
                let turn = |value: usize| (value + rows.len()) % levels[parameter];
                let gain = |&value: &usize| (gained(&row, (parameter, value), &missing), turn(value));
                row[parameter] = (0..levels[parameter]).max_by_key(gain);
            }
        }
        let row: Vec<usize> =
            row.into_iter().map(|value| value.expect("every level is above zero")).collect();
        missing.retain(|((a, x), (b, y))| row[*a] != *x || row[*b] != *y);
        rows.push(row);
    }
    rows
}

fn meetings(levels: &[usize]) -> BTreeSet<Meeting> {
    let values = |parameter: usize| (0..levels[parameter]).map(move |value| (parameter, value));
    let parameters = 0..levels.len();
    let of = |a: usize| parameters.clone().skip(a + 1).map(move |b| (a, b));
    let each = |(a, b)| values(a).flat_map(move |x| values(b).map(move |y| (x, y)));
    parameters.clone().flat_map(of).flat_map(each).collect()
}

/// How many meetings a value would add to a row that is not yet whole.
fn gained(row: &[Option<usize>], new: (usize, usize), missing: &BTreeSet<Meeting>) -> usize {
    let others = row.iter().enumerate().filter_map(|(parameter, value)| Some((parameter, (*value)?)));
    others.filter(|other| missing.contains(&(new.min(*other), new.max(*other)))).count()
}

#[test]
fn any_two_parameters_meet_in_every_combination() {
    let levels = [2, 2, 2, 3, 4, 5];
    let rows = pairs(&levels);
    for ((a, x), (b, y)) in meetings(&levels) {
        assert!(rows.iter().any(|row| row[a] == x && row[b] == y), "{a}={x} never meets {b}={y}");
    }
    assert!((20..30).contains(&rows.len()), "{} rows", rows.len());
}
