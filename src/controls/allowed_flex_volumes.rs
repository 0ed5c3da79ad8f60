//! `allowedFlexVolumes`: which drivers of flexVolumes a pod may use.
//!
//! * Policy field: `spec.allowedFlexVolumes`, exact names; absent or empty means every driver.
//! * Pod field: `flexVolume.driver` of a volume.
//! * Fills nothing in.
//!
//! The list does not admit flexVolumes, and does restrict them where `volumes` says `*`.

use super::drivers::DriverKind;
use super::{Control, Parsed};
use crate::pod_view::Field;
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "allowedFlexVolumes", owns: &[Field::FlexDriver], parse };

static KIND: DriverKind =
    DriverKind { field: Field::FlexDriver, source: "flexVolume", path: "driver", words: "Flexvolume driver" };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    KIND.parse(policy.spec.allowed_flex_volumes.iter().map(|entry| &entry.driver))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, lowering_is_faithful};
    use super::*;

    fn pod(driver: &str) -> Value {
        json!({"volumes": [{"name": "e", "emptyDir": {}}, {"name": "v", "flexVolume": {"driver": driver}}]})
    }

    fn policy(names: &[&str]) -> Value {
        let entry = |name: &&str| json!({"driver": name});
        json!({"allowedFlexVolumes": names.iter().map(entry).collect::<Vec<_>>()})
    }

    #[test]
    fn absent_means_every_driver() {
        check(&CONTROL, json!({}), pod("a/b"), &[]);
        check(&CONTROL, policy(&[]), pod("a/b"), &[]);
    }

    #[test]
    fn names_are_compared_exactly() {
        check(&CONTROL, policy(&["c", "a/b"]), pod("a/b"), &[]);
        check(
            &CONTROL,
            policy(&["a/b", "*"]),
            pod("A/b"),
            &["spec.volumes[1].driver: Invalid value: \"A/b\": Flexvolume driver is not allowed to be used"],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(&CONTROL, &[policy(&["a/b"]), policy(&["a", "ab", "*"])]);
    }
}
