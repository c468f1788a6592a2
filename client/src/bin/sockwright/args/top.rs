//! The verb `top`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::filter::FilterArgs;
use crate::parse::duration::std_duration;
use crate::top::Column;

/// See `Events.Watch`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Begin with this connection
    #[arg(value_name = "ID")]
    pub(crate) id: Option<u64>,
    /// Which sockets.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The shortest time between two drawings, but for keys, which are answered at once
    #[arg(long, value_name = "DURATION", value_parser = std_duration, default_value = "250ms", help_heading = "Looks")]
    pub(crate) interval: Duration,
    /// The column to sort by
    #[arg(long, value_name = "COLUMN", default_value = "id", help_heading = "Looks")]
    pub(crate) sort: Column,
    /// The largest first
    #[arg(long, help_heading = "Looks")]
    pub(crate) reverse: bool,
    /// No characters but those of ASCII; taken for granted where the locale is not UTF-8
    #[arg(long, help_heading = "Looks")]
    pub(crate) ascii: bool,
    /// Print the table once, as text, and end
    #[arg(long, conflicts_with = "id")]
    pub(crate) once: bool,
}

impl ValueEnum for Column {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.heading().to_ascii_lowercase()))
    }
}

/// The long help.
pub(super) const ABOUT: &str = "\
Look at connections as they live, in a terminal

A table of sockets; of each one its states, windows, round trips and timers; the ladder of its segments; and what happens, as \
it happens. The keys are shown at the foot, ? explains them all. When the server goes away, top says so, shows what it knew, \
and goes on when the server is back.

What is shown changes the server as little as any watch does: see docs/top.md. NO_COLOR in the environment takes the colours \
away.";

pub(super) const EXAMPLES: &str = "\
Examples:
  sockwright top
  sockwright top --label web --sort sent --reverse
  sockwright top 3                                   the connection of socket 3
  sockwright top --interval 1s --ascii               over a slow line
  sockwright top --once --state ESTABLISHED          a table, and done";
