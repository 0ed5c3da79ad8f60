//! Whether a constraint holds of a pod.

use super::{Constraint, Items, Test};
use crate::pod_view::{Container, Fact, Field, PodView, Scope, Volume};

/// What a field is read from: the pod, and the container, volume or item that a quantifier has reached.
#[derive(Clone, Copy)]
struct At<'v> {
    pod: &'v PodView<'v>,
    container: Option<&'v Container<'v>>,
    volume: Option<&'v Volume<'v>>,
    item: Fact<'v>,
}

impl Constraint {
    /// Whether the constraint holds of a submitted pod.
    pub fn holds(&self, pod: &PodView<'_>) -> bool {
        self.holds_at(At { pod, container: None, volume: None, item: Fact::Absent })
    }

    fn holds_at(&self, at: At<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Never(_) => false,
            Self::All(parts) => parts.iter().all(|part| part.holds_at(at)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_at(at)),
            Self::Each(items, constraint) => at.each(*items, |at| constraint.holds_at(at)),
            Self::Field(field, test) => test.passes(at.fact(*field)),
        }
    }
}

impl<'v> At<'v> {
    fn each(self, items: Items, holds: impl Fn(At<'_>) -> bool) -> bool {
        let item = |item| At { item, ..self };
        let added = || self.container.and_then(|container| container.capabilities.as_ref());
        match items {
            Items::Containers => self.pod.containers.iter().all(|c| holds(At { container: Some(c), ..self })),
            Items::Volumes => self.pod.volumes.iter().all(|v| holds(At { volume: Some(v), ..self })),
            Items::Sysctls => self.pod.sysctls.iter().all(|name| holds(item(Fact::Text(name)))),
            Items::SupplementalGroups => self
                .pod
                .supplemental_groups
                .iter()
                .flat_map(|groups| groups.iter())
                .all(|id| holds(item(Fact::Int(*id)))),
            Items::AddedCapabilities => {
                added().iter().flat_map(|both| &both.add).all(|name| holds(item(Fact::Text(name))))
            }
            Items::HostPorts => self
                .container
                .iter()
                .flat_map(|container| container.host_ports.iter())
                .all(|port| holds(item(Fact::Int(i64::from(*port))))),
        }
    }

    fn fact(&self, field: Field) -> Fact<'v> {
        match field.scope() {
            Scope::Pod => self.pod.fact(field),
            Scope::Container => {
                self.container.map_or(Fact::Absent, |container| self.pod.container_fact(container, field))
            }
            Scope::Volume => self.volume.map_or(Fact::Absent, |volume| self.pod.volume_fact(volume, field)),
            Scope::Item => self.item,
        }
    }
}

impl Test {
    /// Whether a value passes.
    pub fn passes(&self, fact: Fact<'_>) -> bool {
        match (self, fact) {
            (Self::Not(test), fact) => !test.passes(fact),
            (Self::Absent, fact) => fact == Fact::Absent,
            (Self::Empty, fact) => fact == Fact::List(0),
            (Self::Is(expected), Fact::Bool(value)) => value == *expected,
            (Self::OneOf(set), Fact::Text(value)) => set.iter().any(|member| member == value),
            (Self::InRanges(ranges), Fact::Int(id)) => ranges.iter().any(|range| range.contains(id)),
            (Self::Matches(patterns), Fact::Text(name)) => patterns.iter().any(|pattern| pattern.matches(name)),
            (Self::Under(prefixes), Fact::Text(path)) => prefixes.iter().any(|prefix| prefix.contains(path)),
            (Self::SameLevel(level), Fact::Text(value)) => same_level(level, value),
            _ => false,
        }
    }
}

/// Two SELinux levels are the same if equal, or if both have categories after the first `:` and the same ones in any
/// order (`pkg/security/podsecuritypolicy/selinux/mustrunas.go`). Duplicates count, and a range like `c0.c3` is opaque.
pub(crate) fn same_level(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Some((sensitivity_a, categories_a)), Some((sensitivity_b, categories_b))) =
        (a.split_once(':'), b.split_once(':'))
    else {
        return false;
    };
    sensitivity_a == sensitivity_b && sorted(categories_a) == sorted(categories_b)
}

fn sorted(categories: &str) -> Vec<&str> {
    let mut list: Vec<_> = categories.split(',').collect();
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_stand_in_any_order() {
        assert!(same_level("s0:c2,c1", "s0:c1,c2"));
        assert!(!same_level("s0:c1,c2,c2", "s0:c1,c2"));
        assert!(!same_level("s0", "s0:"));
        assert!(!same_level("s0:a:b", "s0:b:a"));
    }

    #[test]
    fn an_absent_value_passes_negations_only() {
        assert!(Test::not(Test::Is(true)).passes(Fact::Absent));
        assert!(!Test::Is(false).passes(Fact::Absent));
        assert!(!Test::OneOf(vec![String::new()]).passes(Fact::Absent));
    }
}
