//! The findings for a terminal.

use std::fmt::Write;

use super::{Agreement, Difference, DifferenceGroup, TargetFindings, Verification, grouped};
use crate::relation::Relation;
use crate::report::decision::painted;
use crate::report::style::{BAD, DIM, GOOD, HEAD, NOTE, paint};
use crate::report::text::printable_long;

/// The most kinds of differences that are shown with a pod each, unless all are wanted; the rest is counted.
const SHOWN: usize = 10;

impl Verification {
    /// The findings for people, with every kind of difference or the first few.
    pub fn text(&self, all: bool) -> String {
        self.targets.iter().map(|target| target.text(all)).collect::<Vec<_>>().join("\n")
    }
}

impl TargetFindings {
    fn text(&self, all: bool) -> String {
        let mut out = String::new();
        let differences: Vec<Difference> = self.differences.iter().chain(self.witnesses()).cloned().collect();
        let groups = grouped(&differences);
        let shown = if all { groups.len() } else { SHOWN };
        for group in groups.iter().take(shown) {
            out.push_str(&group.text());
            out.push('\n');
        }
        // Writing to a `String` cannot fail.
        let mut line = |style, text: String| out.push_str(&format!("{}\n", paint(style, text)));
        if let Some(more) = groups.len().checked_sub(shown).filter(|more| *more > 0) {
            line(DIM, format!("… and {more} more kinds of differences; --verbose shows them, --format json tells all"));
        }
        for gap in &self.gaps {
            line(NOTE, format!("gap: {}", printable_long(&gap.message)));
        }
        for part in &self.unsupported {
            line(NOTE, format!("cannot evaluate {} {}: {}", part.document, part.path, part.why));
        }
        for note in &self.notes {
            line(DIM, format!("note: {note}"));
        }
        if let Some(proved) = &self.proved {
            for reason in proved.reasons() {
                line(NOTE, format!("not proved: {}", printable_long(&reason.to_string())));
            }
            let given = if all {
                proved.assumptions.iter().for_each(|assumption| line(DIM, format!("taken for granted: {assumption}")));
                String::new()
            } else {
                format!("; {} things are taken for granted, --verbose lists them", proved.assumptions.len())
            };
            line(DIM, format!("{}{given}", proved.headline()));
        }
        let _ = writeln!(out, "{}", self.headline());
        out
    }

    /// One line that tells the outcome and how far it reaches.
    pub fn headline(&self) -> String {
        let relation = self.relation();
        let style = if self.is_clean() { GOOD } else { BAD };
        let counts = &self.counts;
        let mut parts = vec![format!("{} agree", counts.agree)];
        for (count, what) in [
            (counts.stricter, "stricter (PodSecurityPolicy admits, the target denies)"),
            (counts.looser, "looser (PodSecurityPolicy denies, the target admits)"),
            (counts.filled_differently, "filled in differently"),
            (counts.seen_otherwise, "that the newer server sees otherwise"),
            (counts.not_evaluated, "that cannot be evaluated"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let reach = match (relation, self.rung()) {
            (Relation::Unproven, _) => "",
            (Relation::Equal, "proved") => "; proved for all pods",
            (_, "proved") => "; given pods, pods around every limit, and all pods",
            (_, "boundary") => "; given pods, and pods around every limit of the policies",
            _ => "; the given pods only",
        };
        format!(
            "{} {} of {} requests: {}{reach}",
            paint(HEAD, format!("{}:", self.target)),
            paint(style, relation.word()),
            self.compared,
            parts.join(", ")
        )
    }
}

impl DifferenceGroup {
    fn text(&self) -> String {
        let style = if self.kind == Agreement::SeenOtherwise { NOTE } else { BAD };
        let Difference { namespace, name, service_account, source, operation, .. } = &self.witness;
        let update = if *operation == "UPDATE" { " (updated)" } else { "" };
        let about = printable_long(&self.about.join(", "));
        let mut out =
            format!("{}{}\n", paint(style, self.title()), if about.is_empty() { about } else { format!(": {about}") });
        let mut line = |label: &str, text: &str| out.push_str(&format!("    {label}: {}\n", printable_long(text)));
        let requester = self.witness.requester();
        let request = format!(
            "{namespace}/{name}{update}, service account {service_account}, asked for by {requester}  {source}"
        );
        line("e.g.", request.trim_end());
        line("PodSecurityPolicy", &self.witness.psp_says());
        line("the target", &self.witness.target_says());
        self.witness.reasons.iter().for_each(|reason| line("because", reason));
        out.push_str(&painted(self.witness.lines()));
        out
    }
}
