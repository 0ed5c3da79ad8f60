//! Everything below `golden/controls` and `golden/convert`: text that is expected, and beside it decisions.
//!
//! * `controls/<control>/` holds a `policy.yaml`, and in `pass/` and `fail/` the pods around its limits, made from the policy.
//! * `convert/<case>/` holds an `input/`, the `arguments` of `convert` if there are any, and in `expect/` what is written for
//!   every target, the report, and the decisions of both sides on each given pod.
//!
//! `UPDATE_GOLDEN=1` writes what is expected; files that are missing or too many fail. Text is no second opinion, so the
//! documents decide beside PodSecurityPolicy as well: on the pods of the folder and on those around every limit.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use psp_migrate::cli::{Cli, Command};
use psp_migrate::compare::{Agreement, Comparison};
use psp_migrate::constraint::{Axis, Place, boundary_pods};
use psp_migrate::controls::CONTROLS;
use psp_migrate::input::objects_in_text;
use psp_migrate::plan::{Enforcement, Options, RbacMode};
use psp_migrate::report::decision::{Decision, Word};
use psp_migrate::requests::PodRequest;
use psp_migrate::targets::{TARGETS, Target};
use psp_migrate::yaml::to_yaml;
use serde_json::{Value, json};
use support::folder::Scratch;
use support::program::run;
use support::sides::{Sides, agrees, judges, told};
use support::snapshot::{Files, differences, files, folders};

fn root(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(below)
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[track_caller]
fn nothing_is_wrong(wrong: &[String]) {
    let shown: Vec<&str> = wrong.iter().take(10).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} wrong, UPDATE_GOLDEN=1 blesses text:\n{}", wrong.len(), shown.join("\n"));
}

/// Everybody may use the policy.
fn grant_to_everybody() -> String {
    let api = "rbac.authorization.k8s.io";
    let rule = json!({"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]});
    let role =
        json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": {"name": "all"}, "rules": [rule]});
    let binding = json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": "all"},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "all"},
        "subjects": [{"apiGroup": api, "kind": "Group", "name": "system:authenticated"}]});
    format!("{}---\n{}", to_yaml(&role).unwrap(), to_yaml(&binding).unwrap())
}

/// The pods around the limits of a control's policy, each a minimal valid one with one value set: that of one axis, or of
/// a volume and its mount.
fn pods_around(sides: &Sides, control: &str) -> Vec<Value> {
    let plan = sides.plan(Options::default());
    let mut pods = Vec::new();
    for demand in plan.demands(0).iter().filter(|demand| demand.control == control) {
        for axes in one_at_a_time(&demand.axes) {
            for list in lists(&axes) {
                for pod in boundary_pods(&axes, list).filter(|pod| psp_migrate::validity::is_valid(pod, 37)) {
                    let pod = complete(pod);
                    if !pods.contains(&pod) {
                        pods.push(pod);
                    }
                }
            }
        }
    }
    pods
}

/// Every kind of container where containers matter.
fn lists(axes: &[Axis]) -> &'static [&'static str] {
    let is_pods =
        |axis: &Axis| matches!(axis.at, Place::Spec(_) | Place::PodContext(_) | Place::Annotation(_) | Place::Volume);
    if axes.iter().all(is_pods) { &["containers"] } else { &["containers", "initContainers"] }
}

fn one_at_a_time(axes: &[Axis]) -> Vec<Vec<Axis>> {
    let volume = axes.iter().find(|axis| axis.at == Place::Volume);
    let with_volume = |axis: &Axis| match axis.at {
        Place::Mount => volume.into_iter().cloned().chain([axis.clone()]).collect(),
        _ => vec![axis.clone()],
    };
    axes.iter().map(with_volume).collect()
}

/// The pod with what the API server asks for.
fn complete(mut pod: Value) -> Value {
    if pod["spec"].get("containers").is_none() {
        pod["spec"]["containers"] = json!([{"name": "main"}]);
    }
    for list in ["containers", "initContainers"] {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = json!("registry.example.com/app:1");
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"], "spec": pod["spec"]})
}

/// What sets the pod apart from a minimal one, as a file's name.
fn file_name(pod: &Value, taken: &BTreeSet<String>) -> String {
    let minimal = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "registry.example.com/app:1"}]}});
    let mut words = Vec::new();
    for operation in json!(json_patch::diff(&minimal, pod)).as_array().unwrap() {
        words.push(format!("{} {}", operation["path"].as_str().unwrap(), operation["value"]));
    }
    let noise =
        ["spec", "metadata", "containers", "securityContext", "annotations", "name", "image", "0", "c", "v", "main"];
    let text = words.join(" ").replace("registry.example.com/app:1", "");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !noise.contains(word)).collect();
    let plain = if words.is_empty() { "silent".to_owned() } else { words.join("-") };
    let plain: String = plain.chars().take(70).collect();
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let fresh = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(&name.to_ascii_lowercase()));
    fresh.unwrap()
}

fn control_sides(folder: &Path) -> Sides {
    let scratch = Scratch::new();
    let wiring = scratch.path().join("wiring.yaml");
    fs::write(&wiring, grant_to_everybody()).unwrap();
    Sides::read(&[folder.join("policy.yaml"), wiring])
}

fn pod_requests(folder: &Path) -> Vec<PodRequest> {
    let mut requests = Sides::read(&[folder.to_owned()]).given;
    requests.sort_by(|a, b| a.source.cmp(&b.source));
    requests
}

#[test]
fn every_control_has_its_folder() {
    let found: BTreeSet<String> = folders(&root("controls")).iter().map(|folder| name(folder).to_owned()).collect();
    let expected: BTreeSet<String> = CONTROLS.iter().map(|control| control.name.to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_pods_of_every_control_are_those_around_its_limits() {
    let (mut wrong, mut pods) = (Vec::new(), 0);
    for folder in folders(&root("controls")) {
        let sides = control_sides(&folder);
        let mut expected =
            Files::from([("policy.yaml".to_owned(), fs::read_to_string(folder.join("policy.yaml")).unwrap())]);
        let mut taken = BTreeSet::new();
        for pod in pods_around(&sides, name(&folder)) {
            let file = file_name(&pod, &taken);
            taken.insert(file.to_ascii_lowercase());
            let text = to_yaml(&pod).unwrap();
            let request = request_of(&text);
            let admitted = Decision::of(&sides.cluster, &request).unwrap().verdict == Word::Admitted;
            expected.insert(format!("{}/{file}.yaml", if admitted { "pass" } else { "fail" }), text);
            pods += 1;
        }
        let has = |part: &str| expected.keys().any(|file| file.starts_with(part));
        // Without the gate of the old server the field is cleared before anybody looks at it.
        let cuts = has("fail/") || name(&folder) == "allowedProcMountTypes";
        assert!(has("pass/") && cuts, "{}: the policy cuts nothing", folder.display());
        wrong.extend(differences(&folder, &expected));
    }
    eprintln!("{pods} pods");
    nothing_is_wrong(&wrong);
}

fn request_of(text: &str) -> PodRequest {
    let reader = psp_migrate::requests::RequestReader::new("default", None, 24);
    let value = objects_in_text(text).unwrap().remove(0);
    let source = psp_migrate::input::Source { file: "".into(), line: 1, column: 1 };
    reader.request(psp_migrate::input::Class::Pod, psp_migrate::input::Sourced { value, source }).unwrap().unwrap()
}

#[test]
fn every_target_decides_about_every_control_as_the_folders_say() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for folder in folders(&root("controls")) {
        let sides = control_sides(&folder);
        for (part, passes) in [("pass", true), ("fail", false)] {
            let requests = pod_requests(&folder.join(part));
            for mode in [RbacMode::Live, RbacMode::Frozen] {
                let options = Options { rbac: Some(mode), ..Options::default() };
                for target in judges() {
                    let emission = target.emit(&sides.plan(options.clone()));
                    let documents: Vec<Value> = emission.documents.into_iter().map(|it| it.document).collect();
                    let found = sides.compare(target, &documents, &options, &requests);
                    compared += found.len();
                    for (request, comparison) in requests.iter().zip(&found) {
                        let admitted = comparison.psp.verdict == Word::Admitted;
                        if admitted != passes || comparison.agreement != Agreement::Agree {
                            wrong.push(format!("{} {}: {}", target.name(), request.source, told(request, comparison)));
                        }
                    }
                }
            }
        }
    }
    eprintln!("{compared} decisions");
    assert!(compared > 1000, "too few pods");
    nothing_is_wrong(&wrong);
}

/// A case below `golden/convert`.
struct Case {
    folder: PathBuf,
    arguments: Vec<String>,
    options: Options,
}

fn cases() -> Vec<Case> {
    let case = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join("arguments")).unwrap_or_default();
        let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let line = ["psp-migrate", "convert"].map(str::to_owned).into_iter().chain(arguments.iter().cloned());
        let Command::Convert(convert) = Cli::parse_from(line).command else { panic!("no convert") };
        Case { options: convert.translation.options(), folder, arguments }
    };
    let cases: Vec<Case> = folders(&root("convert")).into_iter().map(case).collect();
    assert!(cases.len() >= 10, "too few cases");
    cases
}

impl Case {
    fn sides(&self) -> Sides {
        Sides::read(&[self.folder.join("input")])
    }

    /// What `convert` writes.
    fn written(&self) -> Files {
        let scratch = Scratch::new();
        let out = scratch.path().join("out");
        let targets: Vec<&str> = TARGETS.iter().map(|target| target.name()).collect();
        let (input, targets) = (format!("golden/convert/{}/input", name(&self.folder)), targets.join(","));
        let mut arguments = vec!["convert", &input, "--to", &targets, "-o", out.to_str().unwrap()];
        arguments.extend(self.arguments.iter().map(String::as_str));
        if !self.keeps_report() {
            arguments.push("--no-verify");
        }
        let run = run(&arguments);
        assert_eq!(run.code, 0, "{}: {}", self.folder.display(), run.stderr);
        let mut written = files(&out);
        written.retain(|file, _| self.keeps(file));
        written
    }

    /// Whether a file is held against what is expected. Reports are long and runbooks much alike: a few cases are enough. What
    /// goes with PodSecurityPolicy is the same beside every target but those that keep the grants: two targets are enough.
    fn keeps(&self, file: &str) -> bool {
        let is_removal = file.contains("/remove/") && !file.starts_with("psa/") && !file.starts_with("vap/");
        let is_alike = file.ends_with("runbook.md") && name(&self.folder) != "docker-socket";
        let is_report = Path::new(file).file_stem().is_some_and(|stem| stem == "report");
        !(file.starts_with('.') || is_removal || is_alike || is_report && !self.keeps_report())
    }

    fn keeps_report(&self) -> bool {
        ["docker-socket", "hostile-names", "namespaces"].contains(&name(&self.folder))
    }

    /// Both sides' decisions by the documents that were written for a target.
    fn compare(&self, sides: &Sides, target: &dyn Target, written: &Files, requests: &[PodRequest]) -> Vec<Comparison> {
        let own = |file: &&String| file.starts_with(&format!("{}/", target.name())) && file.ends_with(".yaml");
        let texts = written.keys().filter(own).map(|file| &written[file]);
        let documents: Vec<Value> = texts.flat_map(|text| objects_in_text(text).unwrap()).collect();
        sides.compare(target, &documents, &self.options, requests)
    }
}

fn line(request: &PodRequest, comparison: &Comparison) -> String {
    let user = if request.requester.user.is_empty() { "anyone" } else { &request.requester.user };
    let theirs = match (comparison.target.unsupported.is_empty(), comparison.target.allowed) {
        (false, _) => "cannot be evaluated",
        (true, true) => "admitted",
        (true, false) => "denied",
    };
    format!(
        "  {} {}/{} by {user} {:?}: PodSecurityPolicy {:?} {}, here {theirs}\n",
        request.operation.name(),
        request.namespace,
        request.name,
        request.requester.groups,
        comparison.psp.verdict,
        comparison.psp.policy.as_deref().unwrap_or("-"),
    )
}

#[test]
fn every_conversion_writes_what_is_expected_and_that_decides_as_pod_security_policy_does() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for case in cases() {
        let mut expected = case.written();
        let (sides, mut decisions) = (case.sides(), String::new());
        let requests = sides.some_requests(&case.options);
        for target in TARGETS.iter().copied().filter(|target| target.judges()) {
            let found = case.compare(&sides, target, &expected, &requests);
            let must_agree = must_agree(&case, &sides, target);
            compared += found.len();
            writeln!(decisions, "{}:", target.name()).unwrap();
            for (request, comparison) in requests.iter().zip(&found) {
                if !request.source.file.is_empty() {
                    decisions.push_str(&line(request, comparison));
                }
                if must_agree && !agrees(comparison) {
                    wrong.push(format!("{} {}: {}", name(&case.folder), target.name(), told(request, comparison)));
                }
            }
        }
        expected.insert("decisions.txt".to_owned(), decisions);
        wrong.extend(differences(&case.folder.join("expect"), &expected));
    }
    eprintln!("{compared} decisions");
    nothing_is_wrong(&wrong);
}

/// Labels say less than policies; what only warns denies nobody; and a gap is a difference that was told.
fn must_agree(case: &Case, sides: &Sides, target: &dyn Target) -> bool {
    judges().any(|judge| judge.name() == target.name())
        && case.options.enforcement == Enforcement::Deny
        && target.emit(&sides.plan(case.options.clone())).gaps.is_empty()
}
