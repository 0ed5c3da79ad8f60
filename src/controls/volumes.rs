//! `volumes`: which types of volumes a pod may have.
//!
//! * Policy field: `spec.volumes`; absent or empty means none, `*` means all.
//! * Pod field: `spec.volumes[*]`, whose first known source names the type. A policy says `cephFS` where a pod says
//!   `cephfs`.
//! * Fills nothing in.
//!
//! From 1.19 `secret` also admits a `projected` volume that holds nothing but what the service account's token volume
//! holds, because such volumes used to be secrets. Only the reference to a claim is seen, never the volume behind it, and
//! `persistentVolumeClaim` does not admit `ephemeral`.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Place, Test};
use crate::field_error::{FieldError, go_quote};
use crate::pod_view::{Field, PodView, VOLUME_SOURCES, Volume, smallest_source};
use crate::psp::PodSecurityPolicy;
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "volumes", owns: &[Field::VolumeType, Field::TokenVolume], parse };

fn parse(policy: &PodSecurityPolicy, release: &Release) -> Parsed {
    let types = &policy.spec.volumes;
    let lists = |name: &str| types.iter().any(|listed| listed == name);
    let requirement = || {
        let tokens = release.exempts_token_volumes() && lists("secret") && !lists("projected");
        let types = types.clone();
        Box::new(VolumeTypes { types, tokens }) as _
    };
    Ok((!lists("*")).then(requirement))
}

struct VolumeTypes {
    types: Vec<String>,
    /// Token volumes are admitted although `projected` is not listed.
    tokens: bool,
}

impl Requirement for VolumeTypes {
    fn admit_volume(&self, _: &PodView<'_>, index: usize, volume: &Volume<'_>, denials: &mut Denials) {
        let kind = volume.kind;
        let listed = self.types.iter().any(|listed| listed == kind);
        let exempt = self.tokens && volume.holds_only_token_sources;
        if !listed && !exempt {
            denials.add(|| {
                let detail = format!("{kind} volumes are not allowed to be used");
                FieldError::invalid(format!("spec.volumes[{index}]"), go_quote(kind), detail)
            });
        }
    }

    fn constraint(&self) -> Constraint {
        let listed = Constraint::Field(Field::VolumeType, Test::OneOf(self.types.clone()));
        let token = self.tokens.then_some(Constraint::Field(Field::TokenVolume, Test::Is(true)));
        let one = Constraint::any([listed].into_iter().chain(token));
        Constraint::each(Items::Volumes, one)
    }

    fn boundary(&self) -> Vec<Axis> {
        let sources = VOLUME_SOURCES.iter().map(|(key, _)| json!({*key: smallest_source(key)}));
        let projected = projected_sources().into_iter().map(|sources| json!({"projected": {"sources": sources}}));
        let values = [Value::Null].into_iter().chain(sources).chain(projected);
        vec![Axis::new(Place::Volume, values)]
    }
}

/// Lists of sources on both sides of what makes a token volume: the injected one, and others with one thing changed.
fn projected_sources() -> Vec<Value> {
    let token = json!({"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}});
    let authority = json!({"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}});
    let downward =
        |path: &str, field: &str| json!({"downwardAPI": {"items": [{"path": path, "fieldRef": {"fieldPath": field}}]}});
    let namespace = downward("namespace", "metadata.namespace");
    let strangers = [
        json!({"serviceAccountToken": {"path": "token", "audience": "vault"}}),
        json!({"serviceAccountToken": {"path": "other"}}),
        json!({"configMap": {"name": "other"}}),
        json!({"secret": {"name": "s"}}),
        downward("other", "metadata.namespace"),
        downward("namespace", "metadata.name"),
        json!({"downwardAPI": {"items": [{"path": "namespace", "resourceFieldRef": {"resource": "limits.cpu"}}]}}),
    ];
    let mixed = strangers.into_iter().map(|stranger| json!([token, stranger]));
    let injected = json!([token, authority, namespace]);
    [json!([]), json!([token]), json!([{"downwardAPI": {}}]), injected].into_iter().chain(mixed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_release, lowering_is_faithful, lowering_is_faithful_in};
    use super::*;

    fn policy(types: &[&str]) -> Value {
        json!({"volumes": types})
    }

    fn projected(sources: &Value) -> Value {
        json!({"volumes": [{"name": "v", "projected": {"sources": sources}}]})
    }

    const PROJECTED_DENIED: &str =
        "spec.volumes[0]: Invalid value: \"projected\": projected volumes are not allowed to be used";

    #[test]
    fn absent_means_no_volume_at_all() {
        check(
            &CONTROL,
            json!({}),
            json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "cephfs": {}}]}),
            &[
                "spec.volumes[0]: Invalid value: \"emptyDir\": emptyDir volumes are not allowed to be used",
                "spec.volumes[1]: Invalid value: \"cephFS\": cephFS volumes are not allowed to be used",
            ],
        );
        check(&CONTROL, json!({}), json!({}), &[]);
    }

    #[test]
    fn a_claim_does_not_admit_an_ephemeral_volume() {
        check(
            &CONTROL,
            policy(&["persistentVolumeClaim", "cephFS"]),
            json!({"volumes": [{"name": "a", "ephemeral": {}}, {"name": "b", "cephfs": {}}]}),
            &["spec.volumes[0]: Invalid value: \"ephemeral\": ephemeral volumes are not allowed to be used"],
        );
    }

    #[test]
    fn a_secret_admits_the_token_volume_from_1_19() {
        let injected = projected(&projected_sources()[3]);
        check(&CONTROL, policy(&["secret"]), injected.clone(), &[]);
        check(&CONTROL, policy(&["configMap", "downwardAPI"]), injected.clone(), &[PROJECTED_DENIED]);
        check_release(&CONTROL, policy(&["secret"]), injected, &[PROJECTED_DENIED], "1.18".parse().unwrap());
    }

    #[test]
    fn a_secret_admits_no_other_projected_volume() {
        for sources in &projected_sources()[4..] {
            check(&CONTROL, policy(&["secret"]), projected(sources), &[PROJECTED_DENIED]);
            check(&CONTROL, policy(&["projected"]), projected(sources), &[]);
        }
        check(&CONTROL, policy(&["secret"]), projected(&json!([])), &[]);
    }

    #[test]
    fn a_volume_of_two_sources_is_judged_by_the_first_known_one() {
        check(
            &CONTROL,
            policy(&["emptyDir"]),
            json!({"volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]}),
            &["spec.volumes[0]: Invalid value: \"hostPath\": hostPath volumes are not allowed to be used"],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        let policies = [
            policy(&[]),
            policy(&["secret", "configMap"]),
            policy(&["projected", "cephFS"]),
            policy(&["secret", "projected"]),
            policy(&["*"]),
        ];
        lowering_is_faithful(&CONTROL, &policies);
        lowering_is_faithful_in("1.18".parse().unwrap(), &CONTROL, &policies);
    }
}
