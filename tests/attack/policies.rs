//! Sets of policies with their wiring, drawn field by field.

use serde_json::{Map, Value, json};

use crate::draw::Draw;

/// One to three policies, with the roles and bindings that make them usable.
pub fn drawn(draw: &mut Draw) -> (Vec<Value>, Vec<Value>) {
    let count = 1 + draw.below(3);
    let policies: Vec<Value> = (0..count).map(|at| policy(&format!("policy-{at}"), draw)).collect();
    let rbac = (0..count).flat_map(|at| wiring(&format!("policy-{at}"), draw)).collect();
    (policies, rbac)
}

/// Who may use a policy: everybody, a service account, a user or a group, everywhere or in one namespace.
fn wiring(name: &str, draw: &mut Draw) -> Vec<Value> {
    let api = "rbac.authorization.k8s.io";
    let subject = match draw.below(4) {
        0 => json!({"kind": "Group", "name": "system:authenticated", "apiGroup": api}),
        1 => json!({"kind": "ServiceAccount", "name": draw.one(&["default", "runner"]), "namespace": "team"}),
        2 => json!({"kind": "User", "name": draw.one(&["alice", "bob"]), "apiGroup": api}),
        _ => json!({"kind": "Group", "name": draw.one(&["system:serviceaccounts:team", "admins"]), "apiGroup": api}),
    };
    let role = json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "resourceNames": [name], "verbs": ["use"]}]});
    let kind = draw.one(&["ClusterRoleBinding", "RoleBinding"]);
    let mut binding = json!({"apiVersion": format!("{api}/v1"), "kind": kind, "metadata": {"name": name},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name}, "subjects": [subject]});
    if kind == "RoleBinding" {
        binding["metadata"]["namespace"] = json!("team");
    }
    vec![role, binding]
}

fn policy(name: &str, draw: &mut Draw) -> Value {
    let mut spec = Map::new();
    let mut set = |key: &str, value: Value| drop(spec.insert(key.to_owned(), value));
    for key in ["privileged", "hostPID", "hostIPC", "hostNetwork", "readOnlyRootFilesystem"] {
        if draw.once_in(3) {
            set(key, json!(true));
        }
    }
    match draw.below(4) {
        0 => set("allowPrivilegeEscalation", json!(false)),
        1 => set("defaultAllowPrivilegeEscalation", json!(false)),
        _ => {}
    }
    if draw.once_in(3) {
        let min = draw.below(100);
        set("hostPorts", json!([{"min": min, "max": min + draw.below(3)}]));
    }
    set("volumes", volumes(draw));
    if draw.once_in(3) {
        set("allowedHostPaths", host_paths(draw));
    }
    capabilities(draw, &mut set);
    set("runAsUser", ids(&["RunAsAny", "MustRunAs", "MustRunAsNonRoot"], draw));
    set("supplementalGroups", ids(&["RunAsAny", "MustRunAs", "MayRunAs"], draw));
    set("fsGroup", ids(&["RunAsAny", "MustRunAs", "MayRunAs"], draw));
    if draw.once_in(3) {
        set("runAsGroup", ids(&["MustRunAs", "MayRunAs"], draw));
    }
    set("seLinux", se_linux(draw));
    if draw.once_in(4) {
        set("allowedUnsafeSysctls", json!([draw.one(&["kernel.msgmax", "net.core.*", "*"])]));
    }
    if draw.once_in(4) {
        set("forbiddenSysctls", json!([draw.one(&["kernel.shm_rmid_forced", "net.*"])]));
    }
    if draw.once_in(6) {
        set("runtimeClass", json!({"allowedRuntimeClassNames": ["gvisor"], "defaultRuntimeClassName": "gvisor"}));
    }
    let metadata = json!({"name": name, "annotations": annotations(draw)});
    json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": metadata, "spec": spec})
}

fn volumes(draw: &mut Draw) -> Value {
    if draw.once_in(4) {
        return json!(["*"]);
    }
    draw.some(&["configMap", "emptyDir", "secret", "hostPath", "nfs", "projected", "csi", "persistentVolumeClaim"])
        .into()
}

fn host_paths(draw: &mut Draw) -> Value {
    let path =
        |draw: &mut Draw| json!({"pathPrefix": draw.one(&["/var/log", "/", "/etc/ssl"]), "readOnly": draw.once_in(2)});
    (0..1 + draw.below(2)).map(|_| path(draw)).collect()
}

fn capabilities(draw: &mut Draw, set: &mut impl FnMut(&str, Value)) {
    let mut names = vec!["NET_ADMIN", "CHOWN", "KILL", "SYS_TIME"];
    if draw.once_in(4) {
        set("requiredDropCapabilities", json!(["ALL"]));
    } else {
        let dropped = draw.some(&names);
        names.retain(|name| !dropped.contains(name));
        set("requiredDropCapabilities", dropped.into());
    }
    if draw.once_in(4) {
        set("allowedCapabilities", json!(["*"]));
    } else {
        set("allowedCapabilities", draw.some(&names).into());
    }
    if draw.once_in(3) {
        set("defaultAddCapabilities", draw.some(&names).into());
    }
}

fn ids(rules: &[&str], draw: &mut Draw) -> Value {
    let rule = draw.one(rules);
    if !matches!(rule, "MustRunAs" | "MayRunAs") {
        return json!({"rule": rule});
    }
    let range = |draw: &mut Draw| {
        let min = draw.below(5);
        json!({"min": min, "max": min + draw.below(4)})
    };
    json!({"rule": rule, "ranges": (0..1 + draw.below(2)).map(|_| range(draw)).collect::<Vec<_>>()})
}

fn se_linux(draw: &mut Draw) -> Value {
    if draw.below(3) > 0 {
        return json!({"rule": "RunAsAny"});
    }
    let level = draw.one(&["s0:c1,c2", "s0", ""]);
    json!({"rule": "MustRunAs", "seLinuxOptions": {"level": level, "role": draw.one(&["", "object_r"])}})
}

fn annotations(draw: &mut Draw) -> Value {
    let mut annotations = Map::new();
    let mut set = |key: &str, value: &str| drop(annotations.insert(key.to_owned(), json!(value)));
    if draw.once_in(3) {
        set(
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames",
            draw.one(&["*", "runtime/default", "runtime/default,localhost/a.json", "unconfined"]),
        );
        if draw.once_in(2) {
            set("seccomp.security.alpha.kubernetes.io/defaultProfileName", "runtime/default");
        }
    }
    if draw.once_in(3) {
        set(
            "apparmor.security.beta.kubernetes.io/allowedProfileNames",
            draw.one(&["runtime/default", "localhost/a,runtime/default"]),
        );
        if draw.once_in(2) {
            set("apparmor.security.beta.kubernetes.io/defaultProfileName", "runtime/default");
        }
    }
    annotations.into()
}
