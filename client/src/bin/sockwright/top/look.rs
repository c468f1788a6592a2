//! How things look: colours or none, Unicode or ASCII.
//!
//! Owns: every glyph and every colour. Nothing is told by colour alone.

use std::env;

use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) colour: bool,
    pub(super) unicode: bool,
}

/// The characters that ASCII has no like of, and what stands for them.
#[derive(Debug)]
pub(super) struct Glyphs {
    /// The shaft of an arrow.
    pub(super) shaft: &'static str,
    /// A column of the ladder.
    pub(super) column: &'static str,
    /// Where an arrow breaks off.
    pub(super) broken: &'static str,
    /// Where an arrow is stopped.
    pub(super) stopped: &'static str,
    /// A time in which nothing happens.
    pub(super) wait: &'static str,
    /// Where events are missing.
    pub(super) gap: &'static str,
    /// From one state to another.
    pub(super) to: &'static str,
    /// What does not fit.
    pub(super) cut: &'static str,
    pub(super) infinite: &'static str,
    pub(super) ascending: &'static str,
    pub(super) descending: &'static str,
    /// The levels of a curve.
    pub(super) levels: [&'static str; 8],
}

impl Look {
    /// As the environment has it: `NO_COLOR`, and the locale.
    pub(super) fn of_environment(ascii: bool) -> Self {
        let filled = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(filled).unwrap_or_default();
        Self { colour: filled("NO_COLOR").is_none(), unicode: !ascii && is_utf_8(&locale) }
    }

    pub(super) fn glyphs(self) -> &'static Glyphs {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    /// A state, in the colour of its phase of a connection's life.
    pub(super) fn state(self, state: &str) -> Style {
        let colour = match state {
            "LISTEN" => Color::Blue,
            "SYN-SENT" | "SYN-RECEIVED" => Color::Cyan,
            "ESTABLISHED" => Color::Green,
            "FIN-WAIT-1" | "FIN-WAIT-2" | "CLOSE-WAIT" | "CLOSING" | "LAST-ACK" => Color::Yellow,
            "TIME-WAIT" => Color::Magenta,
            _ => return Style::new(),
        };
        self.coloured(colour)
    }

    /// What went wrong.
    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red)
    }

    /// What is sent again.
    pub(super) fn again(self) -> Style {
        self.coloured(Color::Yellow)
    }

    /// What is less important.
    pub(super) fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// A heading.
    pub(super) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Where the cursor is.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}

fn is_utf_8(locale: &str) -> bool {
    let (_, charset) = locale.split_once('.').unwrap_or_default();
    let charset = charset.split('@').next().unwrap_or_default();
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

const UNICODE: Glyphs = Glyphs {
    shaft: "─",
    column: "│",
    broken: "╳",
    stopped: "┤",
    wait: "·",
    gap: "~",
    to: "→",
    cut: "…",
    infinite: "∞",
    ascending: "▲",
    descending: "▼",
    levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Glyphs = Glyphs {
    shaft: "-",
    column: "|",
    broken: "X",
    stopped: "]",
    wait: ".",
    gap: "~",
    to: "->",
    cut: "~",
    infinite: "infinite",
    ascending: "^",
    descending: "v",
    levels: ["_", ".", "-", "=", "+", "*", "%", "#"],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_its_charset_behind_a_dot() {
        for (locale, utf_8) in [
            ("C.UTF-8", true),
            ("de_DE.utf8@euro", true),
            ("de_DE.ISO-8859-1", false),
            ("C", false),
            ("POSIX", false),
            ("", false),
        ] {
            assert_eq!(is_utf_8(locale), utf_8, "{locale}");
        }
    }
}
