//! An inspection for people: the policies, who may use what, what is odd.

mod policies;
mod subjects;
mod warnings;

use super::Inspection;
use crate::report::style::{HEAD, paint};

impl Inspection {
    /// The inspection for a terminal of so many columns.
    pub fn text(&self, width: usize) -> String {
        let sections = [
            ("Policies", policies::text(self, width)),
            ("Who may use what", subjects::text(self, width)),
            ("Warnings", warnings::text(&self.warnings, width)),
        ];
        let sections = sections.into_iter().filter(|(_, text)| !text.is_empty());
        let printed: Vec<String> = sections.map(|(title, text)| format!("{}\n\n{text}", paint(HEAD, title))).collect();
        printed.join("\n")
    }
}
