//! The values that matter to one control: its constants, and values just either side of them.

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
        Self {
            at,
            values: values.into_iter().collect(),
        }
    }

    /// Absent, `true` and `false`.
    pub fn bools(at: Place) -> Self {
        Self::new(at, [Value::Null, true.into(), false.into()])
    }

    /// Absent, 0, each end of the ranges, the ids next to them, and a large one.
    pub fn ids(at: Place, ranges: &[IdRange]) -> Self {
        Self::new(
            at,
            std::iter::once(Value::Null).chain(edge_ids(ranges).into_iter().map(Value::from)),
        )
    }
}

/// 0, each end of the ranges, the ids next to them, and the largest id that the API takes; sorted, none negative.
pub fn edge_ids(ranges: &[IdRange]) -> Vec<i64> {
    const LARGEST: i64 = i32::MAX as i64;
    let around = |end: i64| [end.saturating_sub(1), end, end.saturating_add(1)];
    let ends = ranges.iter().flat_map(|range| [range.min, range.max]);
    let mut ids: Vec<i64> = ends
        .flat_map(around)
        .chain([0, LARGEST])
        .filter(|id| (0..=LARGEST).contains(id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
