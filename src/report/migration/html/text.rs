//! Text from files inside HTML: it stays text, whatever is in it, and can be seen.

use std::fmt::Write;

use maud::{Escaper, Markup, Render, html};

use crate::input::visible;
use crate::report::text::pieces;

/// Text in which HTML sees nothing but text; control characters, and those that reorder what stands around them, are
/// spelled out.
pub(super) struct Text<'a>(&'a str);

/// The text, ready for an element or an attribute.
pub(super) fn t(text: &str) -> Text<'_> {
    Text(text)
}

/// A sentence of ours, its code marked as such.
pub(super) fn prose(sentence: &str) -> Markup {
    html! { @for (is_code, piece) in pieces(sentence) { @if is_code { code { (t(piece)) } } @else { (t(piece)) } } }
}

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a `String` cannot fail.
        let _ = Escaper::new(buffer).write_str(&visible(self.0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_in_text_is_markup(text: String) {
            let shown = t(&text).render().into_string();
            prop_assert!(!shown.contains(['<', '>', '"']));
            prop_assert!(!shown.contains(|c: char| c.is_control()));
            let back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            prop_assert_eq!(back, visible(&text).into_owned());
        }
    }

    #[test]
    fn hostile_text_is_spelled_out() {
        assert_eq!(t("</style><script>").render().into_string(), "&lt;/style&gt;&lt;script&gt;");
        assert_eq!(t("a\u{0}\u{202e}b").render().into_string(), "a\\u{0}\\u{202e}b");
    }
}
