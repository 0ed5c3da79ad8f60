//! Gator mutates what workloads expand to. Operations are unknown to it there, so the mutators must not name any.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use psp_migrate::admission::Operation;
use psp_migrate::cel::normalise::{normalise, pod_pointers};
use psp_migrate::input::objects_in_text;
use psp_migrate::targets::gatekeeper::Documents;
use psp_migrate::targets::{AdmissionRequest, Decider, Emission};
use serde_json::{Value, json};

use super::support::{Recorded, admission_pod};
use super::{Scratch, emission_of, gator, wanted, write_documents};

const FILES: [&str; 4] = ["psp-core", "psp-boundary", "psp-adversarial", "psp-manifests"];

#[test]
#[ignore = "needs gator and takes minutes"]
fn gator_mutates_recorded_pods_alike() {
    let recorded = FILES.map(Recorded::read);
    let all = recorded.iter().flat_map(|recorded| recorded.cases.iter().map(Expanded::new));
    let all: Vec<Expanded> = all.filter(|expanded| !expanded.pods.is_empty()).collect();
    let pods: usize = all.iter().map(|expanded| expanded.pods.len()).sum();
    let (mut compared, mut changed, mut wrong) = (0, 0, Vec::new());
    for expanded in all.iter().step_by((pods / wanted() / 2).max(1)) {
        let theirs = expanded.by_gator();
        for (index, ours) in expanded.here() {
            let theirs = theirs.get(&index).map(|pod| normalise(pod, &pod_pointers));
            compared += 1;
            changed += usize::from(expanded.pods[&index]["spec"] != ours["spec"]);
            if theirs.as_ref().map(|pod| &pod["spec"]) != Some(&ours["spec"]) {
                wrong.push(format!("{} pod {index}:\nours {ours}\ntheirs {theirs:?}", expanded.case));
            }
        }
    }
    eprintln!("gator and the mutators here: {compared} pods compared, {changed} of them changed");
    assert!(changed > 0);
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.into_iter().take(3).collect::<Vec<_>>().join("\n"));
}

/// The mutators of a case, and the pods that are created, by position of their request.
struct Expanded {
    case: String,
    emission: Emission,
    namespaces: BTreeMap<usize, String>,
    pods: BTreeMap<usize, Value>,
}

impl Expanded {
    fn new(case: &Value) -> Self {
        let mut emission = emission_of(case);
        emission.documents.drain(..2);
        for emitted in &mut emission.documents {
            emitted.document["spec"]["applyTo"][0].as_object_mut().unwrap().shift_remove("operations");
        }
        let (mut namespaces, mut pods) = (BTreeMap::new(), BTreeMap::new());
        let requests = case["requests"].as_array().unwrap().iter().enumerate();
        for (index, request) in requests.filter(|(_, request)| request.get("oldPod").is_none()) {
            let mut pod = normalise(&admission_pod(case, request, "pod"), &pod_pointers);
            pod["metadata"].as_object_mut().unwrap().shift_remove("namespace");
            namespaces.insert(index, request["namespace"].as_str().unwrap().to_owned());
            pods.insert(index, pod);
        }
        if emission.documents.is_empty() {
            pods.clear();
        }
        Self { case: case["id"].to_string(), emission, namespaces, pods }
    }

    fn here(&self) -> impl Iterator<Item = (usize, Value)> + '_ {
        let documents: Vec<Value> = self.emission.documents.iter().map(|emitted| emitted.document.clone()).collect();
        let decider = Documents::read(&documents, &[]).without_pod_validation();
        self.pods.iter().map(move |(index, object)| {
            let request = AdmissionRequest {
                namespace: &self.namespaces[index],
                name: "p",
                user: "",
                groups: &[],
                operation: Operation::Create,
                subresource: "",
                object,
                old_object: None,
            };
            let verdict = decider.decide(&request);
            assert_eq!(verdict.messages, Vec::<String>::new());
            (*index, Value::clone(&verdict.pod))
        })
    }

    fn by_gator(&self) -> BTreeMap<usize, Value> {
        let folder = Scratch::new();
        write_documents(folder.path(), &self.emission);
        let write = |name: String, document: Value| fs::write(folder.path().join(name), document.to_string()).unwrap();
        write(
            "expansion.yaml".to_owned(),
            json!({
                "apiVersion": "expansion.gatekeeper.sh/v1beta1",
                "kind": "ExpansionTemplate",
                "metadata": {"name": "deployments"},
                "spec": {
                    "applyTo": [{"groups": ["apps"], "kinds": ["Deployment"], "versions": ["v1"]}],
                    "templateSource": "spec.template",
                    "generatedGVK": {"kind": "Pod", "group": "", "version": "v1"},
                },
            }),
        );
        for (index, pod) in &self.pods {
            let metadata = json!({"name": format!("d{index}"), "namespace": self.namespaces[index]});
            let document =
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": pod}});
            write(format!("deployment-{index}.yaml"), document);
        }
        for namespace in self.namespaces.values() {
            let document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            write(format!("namespace-{namespace}.yaml"), document);
        }
        let run = Command::new(gator()).args(["expand", "--filename"]).arg(folder.path()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let found = objects_in_text(&String::from_utf8(run.stdout).unwrap()).unwrap();
        let pods = found.into_iter().filter(|object| object["kind"] == "Pod");
        pods.map(|pod| (index_in(pod["metadata"]["name"].as_str().unwrap()), pod)).collect()
    }
}

/// Gator names what a Deployment expands to after it: `d3-pod`.
fn index_in(name: &str) -> usize {
    name.trim_start_matches('d').split('-').next().unwrap().parse().unwrap()
}
