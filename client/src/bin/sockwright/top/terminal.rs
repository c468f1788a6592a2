//! The terminal: taken, and given back however it ends.

use std::io::{self, IsTerminal};

use ratatui::DefaultTerminal;

use crate::failure::Failure;

/// The terminal, drawn on as a whole. It is as it was before when this is dropped, and on a panic.
pub(super) struct Screen {
    pub(super) terminal: DefaultTerminal,
}

impl Screen {
    pub(super) fn take() -> Result<Self, Failure> {
        let terminal =
            ratatui::try_init().map_err(|error| Failure::Other(format!("the terminal: {error}")))?;
        Ok(Self { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to be told.
        _ = self.terminal.show_cursor();
        _ = ratatui::try_restore();
    }
}

/// Whether there is a terminal to draw on.
pub(super) fn check() -> Result<(), Failure> {
    let usage = |said: &str| Err(Failure::Usage(format!("{said}: --once prints the table")));
    if !io::stdout().is_terminal() {
        return usage("standard output is no terminal");
    }
    if !io::stdin().is_terminal() {
        return usage("standard input is no terminal");
    }
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return usage("TERM says that this terminal cannot be drawn on");
    }
    Ok(())
}
