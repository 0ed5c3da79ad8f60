//! A decision for people: one line that says it all, then why, then what changed as a diff.

use std::fmt::Write;

use serde_json::Value;

use super::{Decision, Denial, Word};
use crate::input::printable;
use crate::report::diff::{Line, changed_lines};
use crate::report::style::{BAD, DIM, GOOD, NOTE, paint};
use crate::report::text::printable_long;
use crate::yaml::to_yaml;

impl Decision {
    /// The decision with its reasons. `submitted` is the pod before admission, for the diff.
    pub fn text(&self, submitted: &Value) -> String {
        let mut out = format!(
            "{} {}{}\n",
            self.headline(),
            paint(DIM, self.requester()),
            paint(DIM, format!("  {}", self.source))
        );
        match self.verdict {
            Word::Admitted => self.push_changes(submitted, &mut out),
            Word::Ignored => push_lines(&mut out, self.message.as_deref().unwrap_or_default()),
            Word::Denied | Word::Invalid | Word::Unknown => self.push_reasons(&mut out),
        }
        out
    }

    fn headline(&self) -> String {
        let place = format!("{}/{}", printable(&self.namespace), printable(self.shown_name()));
        let policy = self.policy.as_deref().map(printable).unwrap_or_default();
        match self.verdict {
            Word::Admitted => format!("{} {place} by `{policy}`", paint(GOOD, "admitted")),
            Word::Denied => format!("{}   {place}", paint(BAD, "denied")),
            Word::Invalid => format!("{}  {place}, admitted by `{policy}`", paint(BAD, "invalid")),
            Word::Ignored => format!("{}  {place}", paint(NOTE, "ignored")),
            Word::Unknown => format!("{}  {place}", paint(NOTE, "unknown")),
        }
    }

    fn shown_name(&self) -> &str {
        match &self.workload {
            Some(workload) => workload,
            None if self.name.is_empty() => "Unknown",
            None => &self.name,
        }
    }

    fn requester(&self) -> String {
        let user = if self.user.is_empty() { "anyone".into() } else { printable(&self.user) };
        format!("(as {user}, service account {})", printable(&self.service_account))
    }

    fn push_reasons(&self, out: &mut String) {
        push_lines(out, &printable_long(self.message.as_deref().unwrap_or_default()));
        if self.verdict == Word::Denied && self.usable.is_empty() {
            push_lines(out, "neither the requester nor the service account may use any policy in this namespace");
        }
        for Denial { policy, field, detail, .. } in &self.denials {
            let policy = policy.as_deref().map_or("the API server".into(), printable);
            let line = format!("{policy}: {} {}", printable(field), printable(detail));
            push_lines(out, &paint(DIM, line.trim_end()));
        }
    }

    fn push_changes(&self, submitted: &Value, out: &mut String) {
        if !self.is_filled() {
            return;
        }
        let Some(pod) = &self.pod else { return };
        let yaml = |pod: &Value| to_yaml(pod).unwrap_or_default();
        out.push_str(&painted(changed_lines(&yaml(submitted), &yaml(pod))));
    }
}

/// Lines of a comparison, indented.
pub(crate) fn painted(lines: Vec<Line>) -> String {
    let line = |line: Line| match line {
        Line::Removed(text) => format!("    {}\n", paint(BAD, format!("- {text}"))),
        Line::Added(text) => format!("    {}\n", paint(GOOD, format!("+ {text}"))),
        Line::Same(text) => format!("      {text}\n"),
        Line::Skipped => "      …\n".to_owned(),
    };
    lines.into_iter().map(line).collect()
}

fn push_lines(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "    {line}");
    }
}
