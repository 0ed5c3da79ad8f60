//! The turns of phrase that the checks' texts share. Names and values are quoted but never escaped, as upstream does.

use std::collections::BTreeSet;

use crate::targets::psa::pod::{ContainerFacts, PodFacts};

/// `one` for exactly one, else `many`.
pub(super) fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// `"a", "b"`
pub(super) fn push_quoted<'a>(out: &mut String, items: impl IntoIterator<Item = &'a str>) {
    push_joined(out, items, ["\"", "\", \"", "\""]);
}

/// `a, b`
pub(super) fn push_list<'a>(out: &mut String, items: impl IntoIterator<Item = &'a str>) {
    push_joined(out, items, ["", ", ", ""]);
}

fn push_joined<'a>(out: &mut String, items: impl IntoIterator<Item = &'a str>, [open, between, close]: [&str; 3]) {
    for (index, item) in items.into_iter().enumerate() {
        out.push_str(if index == 0 { open } else { between });
        out.push_str(item);
    }
    out.push_str(close);
}

/// Every distinct value, in byte order.
pub(super) fn set<'a>(values: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    values.collect()
}

/// `container "a"` or `containers "a", "b"`: those for which `bad` holds, in the pod's order.
pub(super) fn push_containers(out: &mut String, pod: &PodFacts<'_>, bad: impl Fn(&ContainerFacts<'_>) -> bool) {
    let names = || pod.containers.iter().filter(|container| bad(container)).map(|c| c.name);
    out.push_str(plural(names().count(), "container ", "containers "));
    push_quoted(out, names());
}

/// Who sets a bad value: `pod`, the containers for which `bad` holds, or both joined by `and`.
pub(super) fn push_setters(
    out: &mut String,
    pod: &PodFacts<'_>,
    bad_pod: bool,
    bad: impl Fn(&ContainerFacts<'_>) -> bool,
) {
    let some_container = pod.containers.iter().any(&bad);
    if bad_pod {
        out.push_str(if some_container { "pod and " } else { "pod" });
    }
    if some_container {
        push_containers(out, pod, bad);
    }
}
