//! The findings as JUnit XML: a suite per target, a failed case per difference.

use std::fmt::Write;

use super::{Agreement, Difference, TargetFindings, Verification};

impl Verification {
    /// The findings as a JUnit document.
    pub fn junit(&self) -> String {
        let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        let tests: usize = self.targets.iter().map(|target| target.compared).sum();
        let failures: usize = self.targets.iter().map(TargetFindings::failures).sum();
        let errors: usize = self.targets.iter().map(|target| target.counts.not_evaluated).sum();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            out,
            "<testsuites name=\"psp-migrate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
        );
        for target in &self.targets {
            out.push_str(&target.junit());
        }
        out + "</testsuites>\n"
    }
}

impl TargetFindings {
    fn failures(&self) -> usize {
        self.counts.stricter + self.counts.looser + self.counts.filled_differently
    }

    fn junit(&self) -> String {
        let name = xml(&self.target);
        let mut out = format!(
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
            self.compared,
            self.failures(),
            self.counts.not_evaluated,
            self.counts.seen_otherwise
        );
        for index in 0..self.counts.agree {
            let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"agrees {}\"/>", index + 1);
        }
        for difference in &self.differences {
            let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{}\">", xml(&difference.title()));
            let (tag, closing) = match difference.kind {
                Agreement::SeenOtherwise => ("skipped", ""),
                Agreement::NotEvaluated => ("error", " type=\"not-evaluated\""),
                _ => ("failure", " type=\"difference\""),
            };
            let _ =
                writeln!(out, "      <{tag}{closing} message=\"{}\"/>\n    </testcase>", xml(&difference.summary()));
        }
        out + "  </testsuite>\n"
    }
}

impl Difference {
    /// Which request differs.
    pub(super) fn title(&self) -> String {
        format!("{}/{} as {} {}", self.namespace, self.name, self.requester(), self.source).trim_end().to_owned()
    }

    /// What both sides say, on one line.
    pub(super) fn summary(&self) -> String {
        let (psp, target) = (self.psp_says(), self.target_says());
        let because =
            if self.reasons.is_empty() { String::new() } else { format!("; because {}", self.reasons.join("; ")) };
        format!("PodSecurityPolicy: {psp}; the target: {target}{because}")
    }
}

/// Text for an attribute; characters that XML cannot hold become U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
