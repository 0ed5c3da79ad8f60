//! The values that matter to one control: its constants, and values just either side of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::psp::IdRange;

/// The values of one place of a pod, `null` for absence. The boundary of a control is every combination of its axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Where the values go.
    pub at: Place,
    /// What goes there.
    pub values: Vec<Value>,
}

/// A place of a pod manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A key of `spec`.
    Spec(&'static str),
    /// A key of `spec.securityContext`.
    PodContext(&'static str),
    /// A key of the container itself.
    Container(&'static str),
    /// A key of the container's `securityContext`.
    ContainerContext(&'static str),
    /// An annotation of the pod.
    Annotation(&'static str),
    /// The annotation of this prefix for the container.
    ContainerAnnotation(&'static str),
    /// A volume (its source), under the name of the first volume.
    Volume,
    /// `readOnly` of the container's mount of that volume; `null` for a mount without it, `"unmounted"` for none.
    Mount,
}

impl Axis {
    /// The values at one place.
    pub fn new(at: Place, values: impl IntoIterator<Item = Value>) -> Self {
        Self { at, values: values.into_iter().collect() }
    }

    /// Absent, `true` and `false`.
    pub fn bools(at: Place) -> Self {
        Self::new(at, [Value::Null, true.into(), false.into()])
    }

    /// Absent, and [`edge_names`].
    pub fn names<'n>(at: Place, names: impl IntoIterator<Item = &'n String>) -> Self {
        Self::new(at, std::iter::once(Value::Null).chain(edge_names(names).into_iter().map(Value::from)))
    }

    /// Absent, 0, each end of the ranges, the ids next to them, and a large one.
    pub fn ids(at: Place, ranges: &[IdRange]) -> Self {
        Self::new(at, std::iter::once(Value::Null).chain(edge_ids(ranges).into_iter().map(Value::from)))
    }
}

/// 0, each end of the ranges, the ids next to them, and the largest id that the API takes; sorted, none negative.
pub fn edge_ids(ranges: &[IdRange]) -> Vec<i64> {
    const LARGEST: i64 = i32::MAX as i64;
    let around = |end: i64| [end.saturating_sub(1), end, end.saturating_add(1)];
    let ends = ranges.iter().flat_map(|range| [range.min, range.max]);
    let mut ids: Vec<i64> = ends.flat_map(around).chain([0, LARGEST]).filter(|id| (0..=LARGEST).contains(id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Each name, the name longer and shorter by one character and in the other case, the empty name, a literal `*`, and one
/// that nobody mentions; sorted.
pub fn edge_names<'n>(names: impl IntoIterator<Item = &'n String>) -> Vec<String> {
    let names: BTreeSet<&String> = names.into_iter().collect();
    let mut fresh = "other".to_owned();
    while names.contains(&fresh) {
        fresh.push('x');
    }
    let fixed = [String::new(), "*".to_owned(), fresh];
    let edges: BTreeSet<String> = names.into_iter().flat_map(|name| around(name)).chain(fixed).collect();
    edges.into_iter().collect()
}

fn around(name: &str) -> [String; 4] {
    let upper = name.to_uppercase();
    let other_case = if upper == name { name.to_lowercase() } else { upper };
    let mut shorter = name.to_owned();
    shorter.pop();
    [name.to_owned(), format!("{name}x"), shorter, other_case]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_on_both_sides_of_every_end() {
        let ranges = [IdRange { min: 0, max: 1 }, IdRange { min: 5, max: 5 }];
        assert_eq!(edge_ids(&ranges), [0, 1, 2, 4, 5, 6, 2_147_483_647]);
    }

    #[test]
    fn a_name_has_neighbours_and_a_stranger() {
        let names = ["ab".to_owned(), "other".to_owned()];
        let expected = ["", "*", "AB", "OTHER", "a", "ab", "abx", "othe", "other", "otherx"];
        assert_eq!(edge_names(&names), expected);
    }
}
