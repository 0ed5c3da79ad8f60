//! Colours. Who prints decides whether they reach the terminal.

use anstyle::{AnsiColor, Style};

/// Something good: admitted, equal.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something bad: denied, different.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something to look at.
pub const NOTE: Style = AnsiColor::Yellow.on_default().bold();
/// Something less important.
pub const DIM: Style = Style::new().dimmed();
/// Headings.
pub const HEAD: Style = Style::new().bold();

/// The text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
