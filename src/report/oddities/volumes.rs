//! Volumes: limits that do not limit, and lists that refuse more than they seem to.

use super::{Looked, Oddity, listed};
use crate::psp::PodSecurityPolicy;

pub(super) const ODDITIES: &[Oddity] = &[
    Oddity { code: "volumes-none", find: none },
    Oddity { code: "token-volume-refused", find: token_volume_refused },
    Oddity { code: "host-path-any", find: any_host_path },
    Oddity { code: "host-path-writable", find: writable_host_path },
    Oddity { code: "host-path-unreachable", find: unreachable_host_path },
    Oddity { code: "host-paths-void", find: host_paths_void },
    Oddity { code: "flex-volumes-void", find: flex_volumes_void },
    Oddity { code: "csi-drivers-void", find: csi_drivers_void },
];

fn allows(policy: &PodSecurityPolicy, kind: &str) -> bool {
    policy.spec.volumes.iter().any(|volume| volume == kind || volume == "*")
}

fn none(looked: &Looked<'_>) -> Option<String> {
    let text = "no type of volume is allowed, not even the token of the service account: only pods with \
                `automountServiceAccountToken: false` and no volumes pass";
    looked.policy.spec.volumes.is_empty().then(|| text.to_owned())
}

fn token_volume_refused(looked: &Looked<'_>) -> Option<String> {
    let projected = looked.release.minor >= 21;
    let allowed = allows(looked.policy, "secret") || (projected && allows(looked.policy, "projected"));
    let needed = if projected { "neither `secret` nor `projected` is" } else { "`secret` is not" };
    let text = format!(
        "{needed} among the volumes, so every pod that mounts the token of its service account is refused, as pods do \
         unless they say `automountServiceAccountToken: false`"
    );
    (!allowed && !looked.policy.spec.volumes.is_empty()).then_some(text)
}

fn any_host_path(looked: &Looked<'_>) -> Option<String> {
    let prefixes = &looked.policy.spec.allowed_host_paths;
    let text = if prefixes.is_empty() {
        "hostPath volumes are allowed and `allowedHostPaths` names no prefix: a pod can mount and change any file of its node"
    } else if prefixes.iter().any(|prefix| prefix.path_prefix == "/" && !prefix.read_only) {
        "`allowedHostPaths` allows to write below `/`: a pod can mount and change any file of its node"
    } else if prefixes.iter().any(|prefix| prefix.path_prefix == "/") {
        "`allowedHostPaths` allows to read below `/`: a pod can read any file of its node, the secrets of other pods included"
    } else {
        return None;
    };
    allows(looked.policy, "hostPath").then(|| text.to_owned())
}

fn writable_host_path(looked: &Looked<'_>) -> Option<String> {
    let writable = looked.policy.spec.allowed_host_paths.iter().filter(|prefix| !prefix.read_only);
    let writable: Vec<&str> = writable.map(|prefix| prefix.path_prefix.as_str()).filter(|path| *path != "/").collect();
    let text = format!(
        "{} can be mounted writable, which does not confine: with a symbolic link made there a pod can reach the rest of \
         the node",
        listed(writable.iter().copied())
    );
    (allows(looked.policy, "hostPath") && !writable.is_empty()).then_some(text)
}

fn unreachable_host_path(looked: &Looked<'_>) -> Option<String> {
    let prefixes = looked.policy.spec.allowed_host_paths.iter().map(|prefix| prefix.path_prefix.as_str());
    let relative: Vec<&str> = prefixes.filter(|prefix| !prefix.starts_with('/')).collect();
    let text = format!(
        "{} does not begin with `/`, and paths are compared byte by byte: it allows no path",
        listed(relative.iter().copied())
    );
    (allows(looked.policy, "hostPath") && !relative.is_empty()).then_some(text)
}

fn void(looked: &Looked<'_>, field: &str, is_empty: bool, kind: &str) -> Option<String> {
    let text =
        format!("`{field}` has no effect, because `{kind}` is not among the volumes: every {kind} volume is refused");
    (!is_empty && !allows(looked.policy, kind)).then_some(text)
}

fn host_paths_void(looked: &Looked<'_>) -> Option<String> {
    void(looked, "allowedHostPaths", looked.policy.spec.allowed_host_paths.is_empty(), "hostPath")
}

fn flex_volumes_void(looked: &Looked<'_>) -> Option<String> {
    void(looked, "allowedFlexVolumes", looked.policy.spec.allowed_flex_volumes.is_empty(), "flexVolume")
}

fn csi_drivers_void(looked: &Looked<'_>) -> Option<String> {
    void(looked, "allowedCSIDrivers", looked.policy.spec.allowed_csi_drivers.is_empty(), "csi")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::codes;
    use super::*;

    fn found(spec: Value) -> Vec<&'static str> {
        codes(ODDITIES, spec)
    }

    #[test]
    fn ordinary_volumes_are_not_odd() {
        assert!(found(json!({"volumes": ["configMap", "secret"]})).is_empty());
        assert!(found(json!({"volumes": ["projected"]})).is_empty());
    }

    #[test]
    fn the_token_needs_a_volume() {
        assert_eq!(found(json!({"volumes": []})), ["volumes-none"]);
        assert_eq!(found(json!({"volumes": ["emptyDir"]})), ["token-volume-refused"]);
    }

    #[test]
    fn host_paths_without_a_prefix_or_below_the_root_are_any_path() {
        assert_eq!(found(json!({"volumes": ["*"]})), ["host-path-any"]);
        assert_eq!(found(json!({"volumes": ["*"], "allowedHostPaths": [{"pathPrefix": "/"}]})), ["host-path-any"]);
    }

    #[test]
    fn writable_prefixes_do_not_confine_and_read_only_ones_do() {
        let with = |path: Value| found(json!({"volumes": ["secret", "hostPath"], "allowedHostPaths": [path]}));
        assert_eq!(with(json!({"pathPrefix": "/srv"})), ["host-path-writable"]);
        assert!(with(json!({"pathPrefix": "/srv", "readOnly": true})).is_empty());
        assert_eq!(with(json!({"pathPrefix": "srv", "readOnly": true})), ["host-path-unreachable"]);
    }

    #[test]
    fn lists_for_volumes_that_are_not_allowed_are_void() {
        let spec = json!({"volumes": ["secret"], "allowedHostPaths": [{"pathPrefix": "/srv"}],
            "allowedFlexVolumes": [{"driver": "a/b"}], "allowedCSIDrivers": [{"name": "a"}]});
        assert_eq!(found(spec), ["host-paths-void", "flex-volumes-void", "csi-drivers-void"]);
    }
}
