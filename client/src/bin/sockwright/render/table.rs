//! Columns.
//!
//! ```text
//! ID  STACK  LABEL              msl      30s
//! 3   lab/b  web                linger   off
//! ```

/// Rows under a heading, each column as wide as its widest cell. An empty cell is shown as `-`.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let heading = heading.map(str::to_owned);
    let all: Vec<&[String; N]> = std::iter::once(&heading).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        all.iter().map(|row| row[column].chars().count().max(1)).max().unwrap_or(1)
    });
    let lines = all.into_iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", dash(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Names and values, the values below each other.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines = rows.iter().map(|(name, value)| format!("{name:<width$}  {}", dash(value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn dash(cell: &str) -> &str {
    if cell.is_empty() { "-" } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["3".into(), "".into()], ["12".into(), "größer".to_string()]];
        assert_eq!(table(["ID", "LABEL"], &rows), "ID  LABEL\n3   -\n12  größer");
        assert_eq!(table(["ID", "LABEL"], &[]), "ID  LABEL");
        assert_eq!(pairs(&[("msl", "30s".into()), ("linger", String::new())]), "msl     30s\nlinger  -");
    }
}
