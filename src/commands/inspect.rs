//! `inspect`: who may use which policy, what each policy allows and fills in, and what is odd.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;
use rayon::prelude::*;
use serde_json::Value;

use super::output::{counted, program, report_problems, tell, width};
use super::{Ending, reading};
use crate::admission::Verdict;
use crate::cli::{Inspect, InspectFormat};
use crate::cluster::{Cluster, Outcome};
use crate::input::{Class, Inventory, Parsed, Problem, Sourced, printable};
use crate::pod_view::PodView;
use crate::report::inspection::{Inspected, Inspection, Tally};
use crate::report::style::{BAD, GOOD, HEAD, NOTE, paint};
use crate::requests::{PodRequest, RequestReader};

pub(super) fn run(arguments: &Inspect) -> Result<Ending> {
    let mut inventory = reading::inventory(&arguments.input.paths)?;
    let cluster = reading::cluster(&inventory, &arguments.input)?;
    let mut problems = std::mem::take(&mut inventory.problems);
    let (requests, more) = requests(&inventory, arguments);
    problems.extend(more);
    let (inspection, more) = inspection(&inventory, &cluster, &requests);
    problems.extend(more);
    let broken = report_problems(&problems);
    print(&inspection, arguments.format)?;
    tell(summary(&inspection, arguments));
    Ok(if broken && !arguments.input.keep_going { Ending::Incomplete } else { Ending::Equal })
}

/// What there is to say about the policies and the wiring, with what is wrong with requests for pods.
pub(super) fn inspection(
    inventory: &Inventory,
    cluster: &Cluster,
    requests: &[PodRequest],
) -> (Inspection, Vec<Problem>) {
    let (pods, problems) = tally(cluster, requests);
    let rbac_objects: Vec<&Sourced<Value>> = reading::rbac_objects(inventory).collect();
    let accounts = accounts(inventory, &rbac_objects, requests);
    let inspected = Inspected { cluster, policies: &inventory.policies, rbac_objects: &rbac_objects, accounts, pods };
    (Inspection::of(&inspected), problems)
}

/// The requests that the pods and workloads stand for.
fn requests(inventory: &Inventory, arguments: &Inspect) -> (Vec<PodRequest>, Vec<Problem>) {
    let minor = arguments.input.release().minor;
    let reader = RequestReader::new(DEFAULT, None, minor).with_accounts(&inventory.service_accounts);
    let classes = [
        (Class::Pod, &inventory.pods),
        (Class::Workload, &inventory.workloads),
        (Class::AdmissionReview, &inventory.admission_reviews),
        (Class::AuditEvent, &inventory.audit_events),
    ];
    let objects =
        classes.into_iter().flat_map(|(class, objects)| objects.iter().map(move |object| (class, object.clone())));
    reader.requests(Parsed { objects: objects.collect(), ..Parsed::default() })
}

/// The namespace of what names none.
const DEFAULT: &str = "default";

/// Which policies the requests need.
fn tally(cluster: &Cluster, requests: &[PodRequest]) -> (Tally, Vec<Problem>) {
    let (mut tally, mut problems) = (Tally::default(), Vec::new());
    let asked: Vec<&PodRequest> = requests.iter().filter(|request| request.ignored.is_none()).collect();
    let decided: Vec<_> = asked.into_par_iter().map(|request| admitted_by(cluster, request)).collect();
    for decision in decided {
        match decision {
            Ok(decision) => {
                tally.decided += usize::from(decision.is_some());
                for policy in decision.into_iter().flatten() {
                    *tally.admitted.entry(policy.to_owned()).or_insert(0) += 1;
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    (tally, problems)
}

/// The policies that admit the pod in the two phases, if the plug-in looks at the request at all.
fn admitted_by<'c>(cluster: &'c Cluster, request: &PodRequest) -> Result<Option<BTreeSet<&'c str>>, Problem> {
    let undecodable = |error: crate::pod_view::ReadError| {
        Problem::error("undecodable-pod", request.source.clone(), error.to_string())
    };
    let view = PodView::read(&request.pod, cluster.plugin().release()).map_err(undecodable)?;
    let name = |policy: usize| cluster.plugin().policies().get(policy).map(|policy| policy.name());
    Ok(match cluster.decide(&request.as_request(), &view) {
        Outcome::Ignored(_) => None,
        Outcome::Decided(Verdict::Admitted { by, validated_by, .. }) => {
            Some([by, validated_by].into_iter().filter_map(name).collect())
        }
        Outcome::Decided(_) => Some(BTreeSet::new()),
    })
}

/// Every service account that exists, that a pod runs as, or that a binding names, whatever it grants.
fn accounts(
    inventory: &Inventory,
    rbac_objects: &[&Sourced<Value>],
    requests: &[PodRequest],
) -> BTreeSet<(String, String)> {
    let existing = inventory
        .service_accounts
        .iter()
        .map(|account| (namespace(&account.value), text(&account.value, "/metadata/name")));
    let running =
        requests.iter().map(|request| (request.namespace.as_str(), text(&request.pod, "/spec/serviceAccountName")));
    let bound = rbac_objects.iter().flat_map(|binding| {
        let subjects = binding.value.get("subjects").and_then(Value::as_array).into_iter().flatten();
        subjects.filter_map(|subject| account(subject, &binding.value))
    });
    let named = existing.chain(running).chain(bound).filter(|(_, name)| !name.is_empty());
    named.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
}

/// The account that a binding's subject is; without a namespace, it lives in that of the role binding.
fn account<'v>(subject: &'v Value, binding: &'v Value) -> Option<(&'v str, &'v str)> {
    let own = Some(text(subject, "/namespace")).filter(|namespace| !namespace.is_empty());
    let home = || (text(binding, "/kind") == "RoleBinding").then(|| namespace(binding));
    (text(subject, "/kind") == "ServiceAccount").then_some((own.or_else(home)?, text(subject, "/name")))
}

fn namespace(object: &Value) -> &str {
    Some(text(object, "/metadata/namespace")).filter(|namespace| !namespace.is_empty()).unwrap_or(DEFAULT)
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn print(inspection: &Inspection, format: InspectFormat) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        InspectFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(inspection)?)?,
        InspectFormat::Text => writeln!(out, "{}", inspection.text(width()))?,
    }
    Ok(out.flush()?)
}

/// One line that tells the outcome, and what to do next.
fn summary(inspection: &Inspection, arguments: &Inspect) -> String {
    let policies = &inspection.policies;
    if policies.is_empty() {
        return format!(
            "{}: with the plug-in on that admits no pod at all; was the right folder read?",
            paint(BAD, "no PodSecurityPolicy was found")
        );
    }
    let out = policies.iter().filter(|policy| !policy.invalid.is_empty() || policy.dropped.is_some()).count();
    let filling = policies.iter().filter(|policy| !policy.fills.is_empty()).count();
    let warnings = counted(inspection.warnings.len(), "warning");
    let parts = [
        (out > 0).then(|| paint(BAD, format!("{out} not in force"))),
        Some(format!("{filling} filling pods in")),
        Some(paint(if inspection.warnings.is_empty() { GOOD } else { NOTE }, warnings)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let policies = if policies.len() == 1 { "1 policy".to_owned() } else { format!("{} policies", policies.len()) };
    format!("{}: {}; {}", paint(HEAD, policies), parts.join(", "), next(inspection, arguments))
}

fn next(inspection: &Inspection, arguments: &Inspect) -> String {
    let paths: Vec<_> = reading::paths(&arguments.input.paths);
    let paths: Vec<String> = paths.iter().map(|path| printable(&path.to_string_lossy()).into_owned()).collect();
    let (paths, program) = (paths.join(" "), program());
    match inspection.pods {
        0 => format!("run `{program} evaluate {paths} --pods PODS` to see what they decide about pods and workloads"),
        pods => format!("run `{program} evaluate {paths}` to see what they decide about {}", counted(pods, "pod")),
    }
}
