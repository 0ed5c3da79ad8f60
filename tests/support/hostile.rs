//! A cluster whose policies and bindings hold one hostile text wherever any text may stand, and pods around it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use psp_migrate::admission::Operation;
use psp_migrate::input::{Creator, Source, default_pod};
use psp_migrate::requests::PodRequest;
use serde_json::{Value, json};

/// Quotes, variables, references, operators, globs and lines of every engine's languages.
pub const TEXTS: [&str; 24] = [
    "'",
    "\"",
    "`",
    "\\",
    "\\'",
    "{{",
    "}}",
    "{{ request.object.metadata.name }}",
    "{{- request.operation }}",
    "\\{{x}}",
    "$(",
    "$(./../x)",
    "\\$(x)",
    "a|b",
    "a & b",
    "*",
    "?",
    "!x",
    "> 0",
    "1-2",
    "') || true || ('",
    "`] || `true",
    "line\nline",
    "\u{2028}ü\u{1f600}\t",
];

/// The case, as recordings hold them.
pub fn case(text: &str) -> Value {
    let any = json!({"rule": "RunAsAny"});
    let se_linux = json!({"user": text, "role": format!("{text}r"), "type": "t", "level": format!("s0:{text},c1")});
    let spec = json!({
        "seLinux": {"rule": "MustRunAs", "seLinuxOptions": se_linux},
        "runAsUser": any, "supplementalGroups": any, "fsGroup": any,
        "volumes": ["flexVolume", "hostPath", "emptyDir", "csi"],
        "allowedFlexVolumes": [{"driver": text}],
        "allowedHostPaths": [{"pathPrefix": format!("/{text}"), "readOnly": false}],
        "allowedCSIDrivers": [{"name": "csi.example.com"}],
        "allowedCapabilities": [text], "defaultAddCapabilities": [format!("D{text}")],
        "requiredDropCapabilities": [format!("R{text}")],
    });
    let policy = json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "hostile"}, "spec": spec});
    let api = "rbac.authorization.k8s.io/v1";
    let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"], "resourceNames": ["hostile"]});
    let subject = |kind: &str| json!({"kind": kind, "apiGroup": "rbac.authorization.k8s.io", "name": text});
    let objects = json!([
        policy,
        {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [rule]},
        {"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
            "subjects": [subject("User"), subject("Group")]},
    ]);
    let requesters = [(text, vec![]), ("nobody", vec![text.to_owned()]), ("nobody", vec!["other".to_owned()])];
    let requests = pods(text).into_iter().flat_map(|pod| {
        let request = |(user, groups): &(&str, Vec<String>)| json!({"namespace": "default", "user": user, "groups": groups, "pod": pod});
        requesters.iter().map(request).collect::<Vec<_>>()
    });
    json!({"id": format!("hostile {text:?}"), "objects": objects, "requests": requests.collect::<Vec<_>>()})
}

/// Pods that hold the text, nearly hold it, and are silent.
fn pods(text: &str) -> Vec<Value> {
    let near = format!("{text}x");
    let mut pods = vec![pod(json!({}), json!({}))];
    for text in [text, near.as_str()] {
        let volume = |source: Value| json!({"volumes": [source]});
        pods.extend([
            pod(json!({"capabilities": {"add": [text], "drop": [text]}}), json!({})),
            pod(json!({"seLinuxOptions": {"user": text, "role": format!("{text}r"), "type": "t", "level": format!("s0:c1,{text}")}}), json!({})),
            pod(json!({}), volume(json!({"name": "v", "flexVolume": {"driver": text}}))),
            pod(json!({}), volume(json!({"name": "v", "hostPath": {"path": format!("/{text}/y")}}))),
            pod(json!({}), volume(json!({"name": "v", "hostPath": {"path": format!("/{text}")}}))),
        ]);
    }
    pods
}

fn pod(context: Value, spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "securityContext": context}]}});
    for (key, value) in spec.as_object().unwrap() {
        pod["spec"][key] = value.clone();
    }
    default_pod(&mut pod);
    pod
}

/// The requests of the case.
pub fn requests(case: &Value) -> Vec<PodRequest> {
    let request = |request: &Value| PodRequest {
        namespace: "default".to_owned(),
        name: "p".to_owned(),
        owner: None,
        requester: Creator {
            user: request["user"].as_str().unwrap().to_owned(),
            groups: serde_json::from_value(request["groups"].clone()).unwrap(),
        },
        subresource: String::new(),
        operation: Operation::Create,
        pod: request["pod"].clone().into(),
        old_pod: None,
        ignored: None,
        source: Source::file(&"hostile".into()),
    };
    case["requests"].as_array().unwrap().iter().map(request).collect()
}
