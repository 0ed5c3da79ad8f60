//! The findings for a terminal.

use std::fmt::Write;

use super::{Agreement, Difference, Relation, TargetFindings, Verification};
use crate::input::printable;
use crate::report::decision::diff;
use crate::report::style::{BAD, DIM, GOOD, HEAD, NOTE, paint};
use crate::report::text::printable_long;
use crate::yaml::to_yaml;

/// The most differences that are shown with their pods; the rest is counted.
const SHOWN: usize = 10;

impl Verification {
    /// The findings for people.
    pub fn text(&self) -> String {
        self.targets.iter().map(TargetFindings::text).collect::<Vec<_>>().join("\n")
    }
}

impl TargetFindings {
    fn text(&self) -> String {
        let mut out = String::new();
        for difference in self.differences.iter().take(SHOWN) {
            out.push_str(&difference.text());
        }
        for witness in self.witnesses().take(SHOWN) {
            out.push_str(&witness.text());
        }
        // Writing to a `String` cannot fail.
        let mut line = |style, text: String| out.push_str(&format!("{}\n", paint(style, text)));
        if let Some(more) = self.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            line(DIM, format!("… and {more} more; --format json tells all"));
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
            proved.assumptions.iter().for_each(|assumption| line(DIM, format!("taken for granted: {assumption}")));
            line(DIM, proved.headline());
        }
        let _ = writeln!(out, "{}", self.headline());
        out
    }

    /// One line that tells the outcome and how far it reaches.
    pub fn headline(&self) -> String {
        let relation = self.relation();
        let style = if self.is_clean() { GOOD } else { BAD };
        let word =
            serde_json::to_value(relation).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
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
            (_, "proved") => "; proved for all pods",
            (_, "boundary") => "; given pods, and pods around every limit of the policies",
            _ => "; the given pods only",
        };
        format!(
            "{} {} of {} requests: {}{reach}",
            paint(HEAD, format!("{}:", self.target)),
            paint(style, word),
            self.compared,
            parts.join(", ")
        )
    }
}

impl Difference {
    fn text(&self) -> String {
        let style = if self.kind == Agreement::SeenOtherwise { NOTE } else { BAD };
        let kind =
            serde_json::to_value(self.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        let user = if self.user.is_empty() { "anyone".into() } else { printable(&self.user) };
        let update = if self.operation == "UPDATE" { " (updated)" } else { "" };
        let mut out = format!(
            "{} {}/{}{update} {}\n",
            paint(style, kind),
            printable(&self.namespace),
            printable(&self.name),
            paint(DIM, format!("(as {user}, service account {})  {}", printable(&self.service_account), self.source)),
        );
        let mut line = |label: &str, text: &str| out.push_str(&format!("    {label}: {}\n", printable_long(text)));
        match (&self.psp_message, &self.policy) {
            (Some(message), _) => line("PodSecurityPolicy", message),
            (None, policy) => {
                line("PodSecurityPolicy", &format!("admitted by `{}`", policy.as_deref().unwrap_or_default()))
            }
        }
        match self.target_messages.as_slice() {
            [] => line("the target", "admitted"),
            messages => messages.iter().for_each(|message| line("the target", message)),
        }
        self.reasons.iter().for_each(|reason| line("because", reason));
        out.push_str(&self.pods());
        out
    }

    fn pods(&self) -> String {
        let yaml = |pod| to_yaml(pod).unwrap_or_default();
        match (&self.psp_pod, &self.target_pod) {
            (Some(psp), Some(target)) => diff(&yaml(psp), &yaml(target)),
            _ if self.source.is_empty() => yaml(&self.pod).lines().map(|line| format!("      {line}\n")).collect(),
            _ => String::new(),
        }
    }
}
