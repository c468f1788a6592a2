//! Positions in the stream of events.
//!
//! ```text
//! 81985529216486895:12  ->  that event of that run of the server
//! 12                    ->  that event of the present run, whose epoch the server is asked for
//! 0                     ->  the beginning of the present run
//! ```

use sockwright_client::v1::Position;

/// A position whose epoch may have been left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The run of the server; absent: the present one.
    pub(crate) epoch: Option<u64>,
    /// The event.
    pub(crate) seq: u64,
}

/// Reads `[EPOCH:]SEQ`.
pub(crate) fn point(text: &str) -> Result<Point, String> {
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is not a number ([EPOCH:]SEQ)"));
    match text.split_once(':') {
        Some((epoch, seq)) => Ok(Point { epoch: Some(number(epoch)?), seq: number(seq)? }),
        None => Ok(Point { epoch: None, seq: number(text)? }),
    }
}

/// Writes a position as it is read.
pub(crate) fn text(position: &Position) -> String {
    format!("{}:{}", position.epoch, position.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_may_be_left_out() {
        assert_eq!(point("7:12"), Ok(Point { epoch: Some(7), seq: 12 }));
        assert_eq!(point("0"), Ok(Point { epoch: None, seq: 0 }));
        assert!(point(":12").is_err());
        assert!(point("now").is_err());
        assert_eq!(text(&Position { epoch: 7, seq: 12 }), "7:12");
    }
}
