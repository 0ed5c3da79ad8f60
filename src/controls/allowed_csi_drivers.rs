//! `allowedCSIDrivers`: which drivers of inline CSI volumes a pod may use.
//!
//! * Policy field: `spec.allowedCSIDrivers`, exact names; absent or empty means every driver.
//! * Pod field: `csi.driver` of a volume.
//! * Fills nothing in.
//!
//! The list does not admit inline CSI volumes, and does restrict them where `volumes` says `*`.

use super::drivers::DriverKind;
use super::{Control, Parsed};
use crate::pod_view::Field;
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "allowedCSIDrivers", owns: &[Field::CsiDriver], parse };

static KIND: DriverKind =
    DriverKind { field: Field::CsiDriver, source: "csi", path: "csi.driver", words: "Inline CSI driver" };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    KIND.parse(policy.spec.allowed_csi_drivers.iter().map(|entry| &entry.name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{check, lowering_is_faithful};
    use super::*;

    fn pod(driver: &str) -> Value {
        json!({"volumes": [{"name": "e", "emptyDir": {}}, {"name": "v", "csi": {"driver": driver}}]})
    }

    fn policy(names: &[&str]) -> Value {
        let entry = |name: &&str| json!({"name": name});
        json!({"allowedCSIDrivers": names.iter().map(entry).collect::<Vec<_>>()})
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
            &["spec.volumes[1].csi.driver: Invalid value: \"A/b\": Inline CSI driver is not allowed to be used"],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(&CONTROL, &[policy(&["a/b"]), policy(&["a", "ab", "*"])]);
    }
}
