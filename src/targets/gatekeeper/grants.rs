//! Grants as the constraint carries them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::rbac::{GrantAtom, Subject};

/// Users and groups.
type Subjects<'a> = (BTreeSet<&'a str>, BTreeSet<&'a str>);

/// The grants, as few objects as possible: subjects that count in the same namespaces stand together. No namespaces means
/// everywhere.
pub(super) fn grants_json(atoms: &[GrantAtom]) -> Vec<Value> {
    let mut by_place: BTreeMap<Option<&str>, Subjects<'_>> = BTreeMap::new();
    for atom in atoms {
        let (users, groups) = by_place.entry(atom.namespace.as_deref()).or_default();
        match &atom.subject {
            Subject::User(name) => users.insert(name),
            Subject::Group(name) => groups.insert(name),
        };
    }
    let mut by_subjects: BTreeMap<(bool, Subjects<'_>), BTreeSet<&str>> = BTreeMap::new();
    for (place, subjects) in by_place {
        by_subjects.entry((place.is_some(), subjects)).or_default().extend(place);
    }
    let grant =
        |((_, (users, groups)), namespaces)| json!({"users": users, "groups": groups, "namespaces": namespaces});
    by_subjects.into_iter().map(grant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(subject: Subject, namespace: Option<&str>) -> GrantAtom {
        GrantAtom { subject, namespace: namespace.map(str::to_owned) }
    }

    #[test]
    fn subjects_that_count_in_the_same_places_stand_together() {
        let (alice, dev) = (Subject::User("alice".to_owned()), Subject::Group("dev".to_owned()));
        let atoms = [
            atom(alice.clone(), Some("a")),
            atom(dev.clone(), Some("a")),
            atom(alice.clone(), Some("b")),
            atom(dev, Some("b")),
            atom(alice, None),
        ];
        let expected = json!([
            {"users": ["alice"], "groups": [], "namespaces": []},
            {"users": ["alice"], "groups": ["dev"], "namespaces": ["a", "b"]},
        ]);
        assert_eq!(json!(grants_json(&atoms)), expected);
    }
}
