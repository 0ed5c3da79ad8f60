//! Who may use what: subjects with the same policies in the same namespace share a row.

use anstyle::Style;

use crate::input::printable;
use crate::report::inspection::{Inspection, SubjectReport, Who};
use crate::report::layout::{grid, some, table};

/// How many names are shown in one cell.
const MOST: usize = 12;

pub(super) fn text(inspection: &Inspection, width: usize) -> String {
    let rows = rows(inspection);
    let mut out = String::new();
    if !rows.is_empty() {
        let rows = rows
            .iter()
            .map(|row| vec![row.kind.to_owned(), row.namespace.clone(), row.names(), row.usable.clone()])
            .collect();
        out = table(&["who", "namespace", "name", "may use"], rows, 2, width);
    }
    for note in notes(inspection) {
        out.push_str(&format!("\n{}", grid(vec![vec![note]], 2, width, Style::new())));
    }
    out.trim_start_matches('\n').to_owned()
}

/// Subjects of one kind that may use the same in the same namespace.
struct Row<'a> {
    kind: &'static str,
    namespace: String,
    names: Vec<&'a str>,
    usable: String,
}

impl Row<'_> {
    fn names(&self) -> String {
        some(self.names.iter().map(|name| printable(name).into_owned()), MOST).join(", ")
    }
}

fn rows(inspection: &Inspection) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for subject in shown(inspection) {
        let (kind, name) = parts(&subject.who);
        let namespace =
            subject.namespace.as_deref().map_or_else(|| "any".to_owned(), |name| printable(name).into_owned());
        let usable = usable(inspection, subject);
        let same = |row: &&mut Row<'_>| row.kind == kind && row.namespace == namespace && row.usable == usable;
        match rows.iter_mut().rev().take(64).find(same) {
            Some(row) => row.names.push(name),
            None => rows.push(Row { kind, namespace, names: vec![name], usable }),
        }
    }
    rows
}

/// Everybody who may use something.
fn shown(inspection: &Inspection) -> impl Iterator<Item = &SubjectReport> {
    inspection.subjects.iter().filter(|subject| !subject.usable.is_empty())
}

fn parts(who: &Who) -> (&'static str, &str) {
    match who {
        Who::ServiceAccount(name) => ("service account", name),
        Who::User(name) => ("user", name),
        Who::Group(name) => ("group", name),
    }
}

fn usable(inspection: &Inspection, subject: &SubjectReport) -> String {
    let accepted = inspection.policies.iter().filter(|policy| policy.invalid.is_empty()).count();
    if accepted > 3 && subject.usable.len() == accepted {
        return format!("all {accepted} policies");
    }
    some(subject.usable.iter().map(|name| printable(name).into_owned()), MOST).join(", ")
}

fn notes(inspection: &Inspection) -> Vec<String> {
    let is_account = |subject: &&SubjectReport| matches!(subject.who, Who::ServiceAccount(_));
    let without = inspection.subjects.iter().filter(is_account).filter(|subject| subject.usable.is_empty());
    let names: Vec<String> = without
        .map(|subject| {
            let (_, name) = parts(&subject.who);
            format!("{}/{}", printable(subject.namespace.as_deref().unwrap_or_default()), printable(name))
        })
        .collect();
    let mut notes = Vec::new();
    let anywhere = |who: &Who| shown(inspection).any(|other| other.namespace.is_none() && other.who == *who);
    let overridden = shown(inspection).any(|subject| subject.namespace.is_some() && anywhere(&subject.who));
    if overridden {
        notes.push("A row of a user or group for one namespace counts there in place of the row for any.".to_owned());
    }
    if !names.is_empty() {
        let (accounts, pods) = match names.len() {
            1 => ("1 service account".to_owned(), "its pods"),
            count => (format!("{count} service accounts"), "their pods"),
        };
        let names = some(names, MOST).join(", ");
        notes.push(format!("{accounts} may use no policy: {pods} pass only by what the requester may use. {names}"));
    }
    notes
}
