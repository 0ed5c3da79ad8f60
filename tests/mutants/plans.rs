//! Mutations of what is to be emitted: rules, fills, policies, grants.

use psp_migrate::constraint::{Constraint, Fill, PathPrefix, Pattern, Setting, Test};
use psp_migrate::psp::IdRange;
use psp_migrate::rbac::{GrantAtom, Subject};

use super::{Mutant, Original};

/// Every rule, changed in every way.
pub fn rules(original: &Original) -> Vec<Mutant> {
    let plan = original.input.plan(&original.options);
    let mut mutants = Vec::new();
    for (policy, planned) in plan.policies.iter().enumerate() {
        for (index, rule) in planned.rules.iter().enumerate() {
            let forgotten = [("forgotten".to_owned(), Constraint::Always)];
            for (what, changed) in of_constraint(&rule.constraint).into_iter().chain(forgotten) {
                let what = format!("{} {}: {what}", planned.name, rule.control);
                mutants.push(original.emitted(&what, |plan| plan.policies[policy].rules[index].constraint = changed));
            }
        }
    }
    mutants
}

fn of_constraint(constraint: &Constraint) -> Vec<(String, Constraint)> {
    match constraint {
        Constraint::Always | Constraint::Never(_) => Vec::new(),
        Constraint::All(parts) => of_parts(parts, "all", Constraint::All, ("any for all", Constraint::Any)),
        Constraint::Any(parts) => of_parts(parts, "any", Constraint::Any, ("all for any", Constraint::All)),
        Constraint::Each(items, inner) => {
            let each = |(what, inner)| (format!("each of {items:?}: {what}"), Constraint::each(*items, inner));
            of_constraint(inner).into_iter().map(each).collect()
        }
        Constraint::Field(field, test) => {
            let field = *field;
            of_test(test)
                .into_iter()
                .map(|(what, test)| (format!("{field:?} {what}"), Constraint::Field(field, test)))
                .collect()
        }
    }
}

fn of_parts(
    parts: &[Constraint],
    of: &str,
    join: fn(Vec<Constraint>) -> Constraint,
    swapped: (&str, fn(Vec<Constraint>) -> Constraint),
) -> Vec<(String, Constraint)> {
    let mut changed = vec![(swapped.0.to_owned(), swapped.1(parts.to_vec()))];
    for (index, part) in parts.iter().enumerate() {
        let with = |new: Option<Constraint>| {
            let mut parts = parts.to_vec();
            drop(parts.splice(index..=index, new));
            join(parts)
        };
        changed.push((format!("{of} without part {index}"), with(None)));
        changed.extend(
            of_constraint(part).into_iter().map(|(what, part)| (format!("{of} {index}: {what}"), with(Some(part)))),
        );
    }
    changed
}

fn of_test(test: &Test) -> Vec<(String, Test)> {
    match test {
        Test::Absent => vec![("present for absent".to_owned(), Test::not(Test::Absent))],
        Test::Empty => vec![("set for empty".to_owned(), Test::not(Test::Empty))],
        Test::Is(value) => vec![("negated".to_owned(), Test::Is(!value))],
        Test::OneOf(set) => {
            let more = set.iter().cloned().chain(["mutant".to_owned()]).collect();
            let mut changed = vec![("one name more".to_owned(), Test::OneOf(more))];
            changed.extend(lists(set).into_iter().map(|(what, set)| (what, Test::OneOf(set))));
            changed
        }
        Test::InRanges(ranges) => {
            ranges_changed(ranges).into_iter().map(|(what, ranges)| (what, Test::InRanges(ranges))).collect()
        }
        Test::Matches(patterns) => {
            let mut changed: Vec<_> =
                lists(patterns).into_iter().map(|(what, list)| (what, Test::Matches(list))).collect();
            let exact = |pattern: &Pattern| match pattern {
                Pattern::Exact(name) => Pattern::Prefix(name.clone()),
                Pattern::Prefix(name) => Pattern::Exact(format!("{name}*")),
            };
            changed
                .push(("names and prefixes swapped".to_owned(), Test::Matches(patterns.iter().map(exact).collect())));
            changed
        }
        Test::Under(prefixes) => {
            let mut changed: Vec<_> =
                lists(prefixes).into_iter().map(|(what, list)| (what, Test::Under(list))).collect();
            let parent = |prefix: &PathPrefix| PathPrefix::new(prefix.as_str().rsplit_once('/').unwrap().0);
            changed.push(("a folder too high".to_owned(), Test::Under(prefixes.iter().map(parent).collect())));
            let deeper = |prefix: &PathPrefix| PathPrefix::new(&format!("{}/x", prefix.as_str()));
            changed.push(("a folder too deep".to_owned(), Test::Under(prefixes.iter().map(deeper).collect())));
            changed
        }
        Test::SameLevel(level) => vec![
            ("categories in this order only".to_owned(), Test::OneOf(vec![level.clone()])),
            (
                "a category less".to_owned(),
                Test::SameLevel(level.rsplit_once(',').map_or(String::new(), |(most, _)| most.to_owned())),
            ),
        ],
        Test::Not(inner) => vec![("not negated".to_owned(), (**inner).clone())],
    }
}

/// The list without its first entry, and with nothing but the first.
fn lists<T: Clone>(list: &[T]) -> Vec<(String, Vec<T>)> {
    let without_first = ("without the first".to_owned(), list[1..].to_vec());
    let first_only = ("the first only".to_owned(), list[..1].to_vec());
    if list.len() > 1 { vec![without_first, first_only] } else { vec![without_first] }
}

fn ranges_changed(ranges: &[IdRange]) -> Vec<(String, Vec<IdRange>)> {
    let mut changed: Vec<(String, Vec<IdRange>)> = if ranges.is_empty() { Vec::new() } else { lists(ranges) };
    for (index, range) in ranges.iter().enumerate() {
        for (what, min, max) in [("min + 1", 1, 0), ("min - 1", -1, 0), ("max + 1", 0, 1), ("max - 1", 0, -1)] {
            let mut ranges = ranges.to_vec();
            ranges[index] = IdRange { min: range.min + min, max: range.max + max };
            changed.push((format!("range {index}: {what}"), ranges));
        }
    }
    changed
}

/// Every fill, forgotten and changed.
pub fn fills(original: &Original) -> Vec<Mutant> {
    let plan = original.input.plan(&original.options);
    let mut mutants = Vec::new();
    for (policy, planned) in plan.policies.iter().enumerate() {
        for (index, fill) in planned.fills.iter().enumerate() {
            for (what, fill) in of_fill(fill) {
                let mut fills = planned.fills.to_vec();
                drop(fills.splice(index..=index, fill));
                let what = format!("{} {what}", planned.name);
                mutants.push(original.emitted(&what, |plan| plan.policies[policy].fills = fills.leak()));
            }
        }
    }
    mutants
}

fn of_fill(fill: &Fill) -> Vec<(String, Option<Fill>)> {
    match fill {
        Fill::SetIfAbsent { at, value, unless_set } => {
            let (at, unless_set) = (*at, *unless_set);
            let other = Fill::SetIfAbsent { at, value: other(value), unless_set };
            let mut changed = vec![
                (format!("fill of {at:?}: forgotten"), None),
                (format!("fill of {at:?}: another value"), Some(other)),
            ];
            if unless_set.is_some() {
                let alone = Fill::SetIfAbsent { at, value: value.clone(), unless_set: None };
                changed.push((format!("fill of {at:?}: whatever stands in for it"), Some(alone)));
            }
            changed
        }
        Fill::Capabilities { add, drop } => vec![
            ("fill of capabilities: forgotten".to_owned(), None),
            (
                "fill of capabilities: one drop forgotten".to_owned(),
                Some(Fill::Capabilities { add: add.clone(), drop: drop[1..].to_vec() }),
            ),
            (
                "fill of capabilities: none added".to_owned(),
                Some(Fill::Capabilities { add: Vec::new(), drop: drop.clone() }),
            ),
            (
                "fill of capabilities: added and dropped swapped".to_owned(),
                Some(Fill::Capabilities { add: drop.clone(), drop: add.clone() }),
            ),
        ],
        Fill::CopySeccompToAnnotation => vec![("copy of the seccomp field: forgotten".to_owned(), None)],
    }
}

fn other(setting: &Setting) -> Setting {
    match setting {
        Setting::Bool(value) => Setting::Bool(!value),
        Setting::Int(id) => Setting::Int(id + 1),
        Setting::Ints(ids) => Setting::Ints(ids.iter().map(|id| id + 1).collect()),
        Setting::Text(text) if text == "runtime/default" => Setting::Text("unconfined".to_owned()),
        Setting::Text(text) => Setting::Text(format!("{text}x")),
        Setting::SeLinux(options) => {
            let mut options = options.clone();
            options.level = "s0:c3".to_owned();
            Setting::SeLinux(options)
        }
    }
}

/// Every policy forgotten, and policies in another order.
pub fn policies(original: &Original) -> Vec<Mutant> {
    let plan = original.input.plan(&original.options);
    let forgotten = plan.policies.iter().enumerate().map(|(index, planned)| {
        original.emitted(&format!("{} forgotten", planned.name), |plan| drop(plan.policies.remove(index)))
    });
    let swapped = (1..plan.policies.len()).map(|index| {
        let names = format!("{} before {}", plan.policies[index].name, plan.policies[index - 1].name);
        original.emitted(&names, |plan| plan.policies.swap(index - 1, index))
    });
    forgotten.chain(swapped).collect()
}

/// Every grant forgotten and changed, and a policy granted to everybody.
pub fn grants(original: &Original) -> Vec<Mutant> {
    let plan = original.input.plan(&original.options);
    let mut mutants = Vec::new();
    for (policy, planned) in plan.policies.iter().enumerate() {
        let name = planned.name;
        let all = Subject::Group("system:authenticated".to_owned());
        let everybody = GrantAtom { subject: all, namespace: None };
        let what = format!("{name} granted to everybody");
        mutants.push(original.emitted(&what, |plan| plan.policies[policy].grants.push(everybody)));
        for (index, grant) in planned.grants.iter().enumerate() {
            for (what, changed) in of_grant(grant) {
                let what = format!("{name} grant to {}: {what}", grant.subject.name());
                mutants.push(
                    original.emitted(&what, |plan| drop(plan.policies[policy].grants.splice(index..=index, changed))),
                );
            }
        }
    }
    mutants
}

fn of_grant(grant: &GrantAtom) -> Vec<(&'static str, Option<GrantAtom>)> {
    let elsewhere =
        |namespace: &str| Some(GrantAtom { subject: grant.subject.clone(), namespace: Some(namespace.to_owned()) });
    let place = match &grant.namespace {
        Some(_) => ("everywhere", Some(GrantAtom { subject: grant.subject.clone(), namespace: None })),
        None => ("in one namespace only", elsewhere("team-b")),
    };
    let subject = match &grant.subject {
        Subject::User(name) => ("user as group", Subject::Group(name.clone())),
        Subject::Group(name) => ("group as user", Subject::User(name.clone())),
    };
    let subject = (subject.0, Some(GrantAtom { subject: subject.1, namespace: grant.namespace.clone() }));
    vec![("forgotten", None), place, subject, ("in another namespace", elsewhere("team-b"))]
}
