//! What `allowedFlexVolumes` and `allowedCSIDrivers` share: a list of exact driver names.

use serde_json::json;

use super::{Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Place, Test, edge_names};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Fact, Field, PodView, Volume};

/// A kind of volumes that have a driver.
pub(super) struct DriverKind {
    /// The driver of such a volume.
    pub(super) field: Field,
    /// The key of the volume's source.
    pub(super) source: &'static str,
    /// Upstream's path of the driver in the volume.
    pub(super) path: &'static str,
    /// Upstream's words for the driver.
    pub(super) words: &'static str,
}

impl DriverKind {
    /// Admits the named drivers; every driver if none is named.
    pub(super) fn parse<'n>(&'static self, names: impl IntoIterator<Item = &'n String>) -> Parsed {
        let allowed: Vec<String> = names.into_iter().cloned().collect();
        Ok((!allowed.is_empty()).then(|| Box::new(Drivers { kind: self, allowed }) as _))
    }
}

struct Drivers {
    kind: &'static DriverKind,
    allowed: Vec<String>,
}

impl Requirement for Drivers {
    fn admit_volume(&self, pod: &PodView<'_>, index: usize, volume: &Volume<'_>, denials: &mut Denials) {
        if let Fact::Text(driver) = pod.volume_fact(volume, self.kind.field)
            && !self.allowed.iter().any(|allowed| allowed == driver)
        {
            denials.add(|| {
                let field = format!("spec.volumes[{index}].{}", self.kind.path);
                let detail = format!("{} is not allowed to be used", self.kind.words);
                FieldError::invalid(field, go_quote(driver), detail)
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let one = Constraint::absent_or(self.kind.field, Test::OneOf(self.allowed.clone()));
        Constraint::each(Items::Volumes, one)
    }

    fn boundary(&self) -> Vec<Axis> {
        let other = json!({"emptyDir": {}});
        let names = edge_names(&self.allowed);
        let volumes = names.iter().map(|name| json!({self.kind.source: {"driver": name}}));
        vec![Axis::new(Place::Volume, [other].into_iter().chain(volumes))]
    }
}
