//! The report as Markdown. Everything that comes from files is escaped.

use super::Report;
use super::chains::Chain;
use super::classes::ClassReport;
use super::matrix::{Matrix, NamespaceLevels};
use super::summary::word;
use super::targets::{Compared, TargetReport};
use crate::report::diff::Line;
use crate::report::inspection::{Filled, PolicyReport};
use crate::report::text::{counted, escaped, fenced, fenced_as, prose};
use crate::report::verification::{Difference, DifferenceGroup};
use crate::targets::Gap;
use crate::yaml::to_yaml;

/// The most entries of a list that are shown; the JSON report has all.
const MOST: usize = 20;

impl Report {
    /// The report as a Markdown document.
    pub fn markdown(&self) -> String {
        let mut out = format!("# Moving off PodSecurityPolicy\n\n{}\n", escaped(&self.summary.sentence()));
        out.push_str(&verdicts(self));
        section(&mut out, "Classes", &classes(&self.classes));
        section(&mut out, "Namespaces and Pod Security levels", &levels(&self.matrix));
        for target in &self.targets {
            section(&mut out, &format!("Target {}", escaped(&target.name)), &target_text(target));
        }
        section(&mut out, "Policies", &self.inspection.policies.iter().map(policy).collect::<String>());
        section(&mut out, "What is odd", &oddities(self));
        section(&mut out, "What all this takes for granted", &list(&self.assumptions));
        out
    }
}

/// A heading and what stands below it; nothing if that is nothing.
fn section(out: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        out.push_str(&format!("\n## {title}\n\n{}\n", body.trim_matches('\n')));
    }
}

fn verdicts(report: &Report) -> String {
    let rows = report.summary.verdicts.iter().map(|verdict| {
        format!("| {} | **{}** | {} |\n", escaped(&verdict.target), word(verdict.relation), escaped(&verdict.sentence))
    });
    let rows: String = rows.collect();
    if rows.is_empty() { rows } else { format!("\n| target | relation | in a sentence |\n|---|---|---|\n{rows}") }
}

/// The entries as a list, escaped, the first few of many.
fn list(entries: &[impl AsRef<str>]) -> String {
    let mut out: String = entries.iter().take(MOST).map(|entry| format!("* {}\n", prose(entry.as_ref()))).collect();
    if let Some(more) = entries.len().checked_sub(MOST).filter(|more| *more > 0) {
        out.push_str(&format!("* … and {more} more: see report.json\n"));
    }
    out
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { escaped(&names.join(", ")) }
}

fn classes(classes: &[ClassReport]) -> String {
    classes.iter().map(class).collect()
}

fn class(class: &ClassReport) -> String {
    let mut out = format!("\n### {}: {}\n\n", class.name, class_title(class));
    out.push_str(&list(&class.members));
    if !class.filling.is_empty() {
        out.push_str(&format!("\nFill pods in: {}.\n", names(&class.filling)));
    }
    if !class.chains.is_empty() {
        out.push_str("\n| subject | binding | role | policies |\n|---|---|---|---|\n");
        out.extend(class.chains.iter().take(MOST).map(chain));
        if let Some(more) = class.chains.len().checked_sub(MOST).filter(|more| *more > 0) {
            out.push_str(&format!("\n… and {more} more chains: see report.json\n"));
        }
    }
    let relations: Vec<_> = class.relations.iter().filter(|relation| relation.compared > 0).collect();
    if !relations.is_empty() {
        out.push_str("\n| target | relation | reaches | compared | stricter | looser | filled differently |\n|---|---|---|---:|---:|---:|---:|\n");
    }
    for relation in relations {
        let counts = relation.counts;
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            escaped(&relation.target),
            word(Some(relation.relation)),
            escaped(&relation.rung),
            relation.compared,
            counts.stricter,
            counts.looser,
            counts.filled_differently
        ));
    }
    out
}

fn class_title(class: &ClassReport) -> String {
    if class.policies.is_empty() {
        "may use no policy".to_owned()
    } else {
        format!("may use {}", names(&class.policies))
    }
}

fn chain(chain: &Chain) -> String {
    let role = match &chain.aggregated_from {
        Some(from) => format!("{} (from {from})", chain.role),
        None => chain.role.clone(),
    };
    let cells = [&chain.subject, &chain.binding, &role, &chain.policies.join(", ")];
    format!("| {} |\n", cells.map(|cell| escaped(cell)).join(" | "))
}

fn levels(matrix: &Matrix) -> String {
    let mut out = "| namespace | enforced now | enforce | given pods pass | why |\n|---|---|---|---|---|\n".to_owned();
    for (namespace, levels) in matrix.namespaces.iter().take(MOST) {
        let NamespaceLevels { enforced, advised, pods, reason, .. } = levels;
        let namespace = if namespace.is_empty() { "every other" } else { namespace };
        let cells = [namespace, enforced.as_deref().unwrap_or("–"), advised, pods.unwrap_or("–"), reason];
        out.push_str(&format!("| {} |\n", cells.map(escaped).join(" | ")));
    }
    if let Some(more) = matrix.namespaces.len().checked_sub(MOST).filter(|more| *more > 0) {
        out.push_str(&format!("\n… and {more} more namespaces: see report.html or report.json\n"));
    }
    out
}

fn target_text(target: &TargetReport) -> String {
    let mut out = String::new();
    let mut part = |title: &str, body: String| {
        if !body.is_empty() {
            out.push_str(&format!("\n### {title}\n\n{}\n", body.trim_matches('\n')));
        }
    };
    part("Files", list(&target.files));
    part("To know before applying it", list(&target.notes));
    if target.gaps.is_empty() && !target.files.is_empty() {
        part("Gaps", "There is nothing that this target cannot say.".to_owned());
    }
    part("Gaps", target.gaps.iter().take(MOST).map(gap).collect());
    if let Some(compared) = &target.compared {
        part("For all pods", list(&compared.proof_words()));
        part("Differences", differences(compared));
        let unsupported = compared.unsupported.iter();
        let unsupported: Vec<String> =
            unsupported.map(|part| format!("{} {}: {}", part.document, part.path, part.why)).collect();
        part("What could not be evaluated", list(&unsupported));
    }
    part("What no policy text can bring back", list(&target.residual));
    out
}

fn gap(gap: &Gap) -> String {
    let mut out = format!("\n* {} (`{}`)\n", prose(&gap.message), gap.code);
    if let Some(pod) = &gap.witness {
        out.push_str("\nA pod that shows it:\n");
        out.push_str(&fenced(&to_yaml(pod).unwrap_or_default()));
    }
    out
}

fn differences(compared: &Compared) -> String {
    if compared.differences.is_empty() {
        return format!("None in {}.", counted(compared.requests, "request"));
    }
    let mut out: String = compared.differences.iter().take(MOST).map(difference).collect();
    if let Some(more) = compared.differences.len().checked_sub(MOST).filter(|more| *more > 0) {
        out.push_str(&format!("\n… and {} more of other kinds: see report.json\n", counted(more, "difference")));
    }
    out
}

fn difference(group: &DifferenceGroup) -> String {
    let Difference { namespace, name, service_account, source, .. } = &group.witness;
    let mut out = format!("\n#### {}: {}\n\n", group.title(), escaped(&group.about.join(", ")));
    let mut row = |key: &str, value: &str| out.push_str(&format!("* {key}: {}\n", escaped(value)));
    row(
        "pod",
        &format!("{namespace}/{name}, service account {service_account}, asked for by {}", group.witness.requester()),
    );
    if !source.is_empty() {
        row("read from", source);
    }
    row("PodSecurityPolicy", &group.witness.psp_says());
    row("the target", &group.witness.target_says());
    group.witness.reasons.iter().for_each(|reason| row("because", reason));
    out.push_str(&format!("\n{}:\n", group.witness.caption()));
    let lines = group.witness.lines().into_iter().map(|line| match line {
        Line::Same(text) => format!("  {text}\n"),
        Line::Removed(text) => format!("- {text}\n"),
        Line::Added(text) => format!("+ {text}\n"),
        Line::Skipped => "  …\n".to_owned(),
    });
    out.push_str(&fenced_as("diff", &lines.collect::<String>()));
    out
}

fn policy(policy: &PolicyReport) -> String {
    let source = policy.source.as_deref().unwrap_or_default();
    let mut out = format!("\n### {}\n\n", escaped(&policy.name));
    let mut row = |key: &str, value: String| out.push_str(&format!("* {key}: {value}\n"));
    row("read from", escaped(source));
    if let Some(why) = &policy.dropped {
        row("not in force", format!("the plug-in passes over it: {}", escaped(why)));
    }
    if !policy.invalid.is_empty() {
        row("not in force", format!("the API server refuses it: {}", escaped(&policy.invalid.join("; "))));
    }
    let fills: Vec<String> = policy.fills.iter().map(Filled::sentence).collect();
    row("fills in", if fills.is_empty() { "nothing".to_owned() } else { escaped(&fills.join("; ")) });
    row("usable by", usable_by(policy));
    out
}

fn usable_by(policy: &PolicyReport) -> String {
    let mut subjects: Vec<&str> =
        policy.usable_by.iter().filter(|usable| !usable.built_in).map(|usable| usable.subject.as_str()).collect();
    subjects.dedup();
    match subjects.len() {
        0 => "nobody but `system:masters`".to_owned(),
        count => {
            let more = count.checked_sub(MOST).filter(|more| *more > 0).map(|more| format!(", and {more} more"));
            subjects.truncate(MOST);
            escaped(&subjects.join(", ")) + &more.unwrap_or_default()
        }
    }
}

fn oddities(report: &Report) -> String {
    let mut out = String::new();
    let mut known = None;
    for warning in &report.inspection.warnings {
        if known != Some((warning.code, &warning.message)) {
            out.push_str(&format!("\n`{}`: {}\n\n", warning.code, prose(&warning.message)));
            known = Some((warning.code, &warning.message));
        }
        let source = warning.source.as_deref().map(|source| format!(", {source}")).unwrap_or_default();
        out.push_str(&format!("* {}\n", escaped(&format!("{}{source}", warning.object))));
    }
    out
}
