//! The findings as Markdown, for a change board. Everything that comes from files is escaped.

use std::fmt::Write;

use super::{Difference, TargetFindings, Verification};
use crate::report::text::{escaped, fenced};
use crate::yaml::to_yaml;

impl Verification {
    /// The findings as a Markdown document.
    pub fn markdown(&self) -> String {
        let mut out = "# What the new policies decide, beside PodSecurityPolicy\n\n".to_owned();
        out.push_str("| target | relation | reaches | compared | agree | stricter | looser | filled differently | seen otherwise | not evaluated |\n");
        out.push_str("|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
        for target in &self.targets {
            let counts = &target.counts;
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                escaped(&target.target),
                format!("{:?}", target.relation()).to_lowercase(),
                target.rung(),
                target.compared,
                counts.agree,
                counts.stricter,
                counts.looser,
                counts.filled_differently,
                counts.seen_otherwise,
                counts.not_evaluated
            );
        }
        for target in &self.targets {
            out.push_str(&target.markdown());
        }
        out
    }
}

impl TargetFindings {
    fn markdown(&self) -> String {
        let mut out = format!("\n## {}\n", escaped(&self.target));
        let mut list = |title: &str, items: Vec<String>| {
            if !items.is_empty() {
                let _ = write!(out, "\n{title}\n\n");
                for item in items {
                    let _ = writeln!(out, "* {item}");
                }
            }
        };
        list("Good to know:", self.notes.iter().map(|note| escaped(note)).collect());
        list("What the target cannot say:", self.gaps.iter().map(|gap| escaped(&gap.message)).collect());
        let part = |part: &super::Unsupported| escaped(&format!("{} {}: {}", part.document, part.path, part.why));
        list("What could not be evaluated:", self.unsupported.iter().map(part).collect());
        if let Some(proved) = &self.proved {
            list("Proved for all pods:", vec![escaped(&proved.headline())]);
            let reasons = proved.reasons().into_iter();
            list("Not proved:", reasons.map(|reason| escaped(&reason.to_string())).collect());
            list("Taken for granted:", proved.assumptions.iter().map(|assumption| escaped(assumption)).collect());
        }
        for difference in self.differences.iter().chain(self.witnesses()) {
            out.push_str(&difference.markdown());
        }
        out
    }
}

impl Difference {
    fn markdown(&self) -> String {
        let user = if self.user.is_empty() { "anyone" } else { &self.user };
        let mut out = format!("\n### {:?}: {}/{}\n\n", self.kind, escaped(&self.namespace), escaped(&self.name));
        let mut row = |key: &str, value: &str| out.push_str(&format!("* {key}: {}\n", escaped(value)));
        row("requester", user);
        row("service account", &self.service_account);
        if !self.source.is_empty() {
            row("read from", &self.source);
        }
        let admitted = || format!("admitted by {}", self.policy.as_deref().unwrap_or_default());
        row("PodSecurityPolicy", &self.psp_message.clone().unwrap_or_else(admitted));
        let said =
            if self.target_messages.is_empty() { "admitted".to_owned() } else { self.target_messages.join("; ") };
        row("the target", &said);
        self.reasons.iter().for_each(|reason| row("because", reason));
        out.push_str(&fenced(&to_yaml(&self.pod).unwrap_or_default()));
        out
    }
}
