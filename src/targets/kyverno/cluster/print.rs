//! Constraints as JMESPath, for rules that no CEL can guard.
//!
//! Within a list's filter nothing but the item can be reached. What depends on the pod as well is therefore said of the pod:
//! a container's own values are judged in the filter, the pod's beside it; and what joins two lists is said of sets of names.

use super::condition::{Condition, disjoint, distinct, every, has, one_of, text, texts};
use super::inherited::{OWN, PODS, inherited, inherits, pods, profile, value_of};
use crate::constraint::{Constraint, Items, PathPrefix, Pattern, Test};
use crate::pod_view::{Fact, Field, VOLUME_SOURCES};

/// The pod's spec.
const SPEC: &str = "request.object.spec";
/// The pod's annotations.
pub(super) const ANNOTATIONS: &str = "(request.object.metadata.annotations || `{}`)";
/// All containers of the pod in one list.
pub(super) const CONTAINERS: &str = "([request.object.spec.initContainers || `[]`, request.object.spec.containers || `[]`, \
    request.object.spec.ephemeralContainers || `[]`][])";

/// The constraint; `None` if it cannot be said.
pub(super) fn constraint(constraint: &Constraint) -> Option<Condition> {
    Some(match constraint {
        Constraint::Always => Condition::Constant(true),
        Constraint::Never(_) => Condition::Constant(false),
        Constraint::All(parts) => Condition::all(parts.iter().map(self::constraint).collect::<Option<Vec<_>>>()?),
        Constraint::Any(parts) => match defaulted(parts) {
            Some((field, test)) => local(field, test, true, None)?,
            None => Condition::any(parts.iter().map(self::constraint).collect::<Option<Vec<_>>>()?),
        },
        Constraint::Each(Items::Containers, body) => containers(body)?,
        Constraint::Each(Items::Volumes, body) => volumes(body)?,
        Constraint::Each(items, body) => every(items_of(*items)?, of_item(body, None)?),
        Constraint::Field(field, test) => local(*field, test, false, None)?,
    })
}

/// The field is absent or passes a test.
fn defaulted(parts: &[Constraint]) -> Option<(Field, &Test)> {
    match parts {
        [Constraint::Field(absent, Test::Absent), Constraint::Field(field, test)] if absent == field => {
            Some((*field, test))
        }
        _ => None,
    }
}

/// A list of the pod, or of the item at hand.
fn items_of(items: Items) -> Option<&'static str> {
    match items {
        Items::Containers | Items::Volumes => None,
        Items::Sysctls => Some("(request.object.spec.securityContext.sysctls || `[]`)"),
        Items::SupplementalGroups => Some("(request.object.spec.securityContext.supplementalGroups || `[]`)"),
        Items::AddedCapabilities => Some("(securityContext.capabilities.add || `[]`)"),
        Items::HostPorts => Some("(ports || `[]`)"),
    }
}

/// What holds of every container.
fn containers(body: &Constraint) -> Option<Condition> {
    match body {
        Constraint::All(parts) => Some(Condition::all(parts.iter().map(containers).collect::<Option<Vec<_>>>()?)),
        Constraint::Field(field, test) if inherits(*field) => inherited(*field, test, false),
        Constraint::Any(parts) => match defaulted(parts) {
            Some((field, test)) if inherits(field) => inherited(field, test, true),
            _ => Some(every(CONTAINERS, of_item(body, None)?)),
        },
        _ => Some(every(CONTAINERS, of_item(body, None)?)),
    }
}

/// The key of a field that containers have for themselves.
pub(super) fn own_key(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Privileged => "privileged",
        Field::ProcMount => "procMount",
        Field::ReadOnlyRootFilesystem => "readOnlyRootFilesystem",
        Field::AllowPrivilegeEscalation => "allowPrivilegeEscalation",
        _ => return None,
    })
}

/// Every container's lists of capabilities, or those of one place, hold what would be filled in.
pub(super) fn capabilities_settled(context: &str, add: &[String], drop: &[String]) -> Condition {
    let list = |key: &str| format!("({context}.capabilities.{key} || `[]`)");
    let both = format!("[{}, {}][]", list("add"), list("drop"));
    let held = |list: &str, name: &String| Condition::of(format!("contains({list}, {})", text(name)));
    let adds = add.iter().map(|name| held(&both, name));
    let drops = drop.iter().map(|name| held(&list("drop"), name));
    Condition::all(adds.chain(drops))
}

/// The same of all containers.
pub(super) fn all_capabilities_settled(add: &[String], drop: &[String]) -> Condition {
    every(CONTAINERS, capabilities_settled("securityContext", add, drop))
}

/// What holds of every volume. Where a mount decides, the volumes that fail if it is writable must not be among those that
/// are mounted so, and none may fail even if it is not: that a volume may have to be mounted so is not said.
fn volumes(body: &Constraint) -> Option<Condition> {
    let list = format!("({SPEC}.volumes || `[]`)");
    if !mentions_mounts(body) {
        return Some(every(&list, of_item(body, None)?));
    }
    if !wants_read_only(body) {
        return None;
    }
    let if_writable = of_item(body, Some(true))?;
    let if_writable = format!("({list} | [?{}].name)", if_writable.negated().text());
    let mounts = format!("({CONTAINERS} | [*].volumeMounts[] | [?!(readOnly == `true`)].name)");
    Some(Condition::all([disjoint(&if_writable, &distinct(&mounts)), every(&list, of_item(body, Some(false))?)]))
}

/// Whether what passes with a writable mount passes without one.
fn wants_read_only(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::All(parts) | Constraint::Any(parts) => parts.iter().all(wants_read_only),
        Constraint::Field(Field::WritableMount, test) => passes_false(test),
        _ => true,
    }
}

/// Whether the test of a truth passes `false`.
fn passes_false(test: &Test) -> bool {
    match test {
        Test::Is(value) => !value,
        Test::Not(test) => !passes_false(test),
        _ => false,
    }
}

fn mentions_mounts(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::All(parts) | Constraint::Any(parts) => parts.iter().any(mentions_mounts),
        Constraint::Field(field, _) => *field == Field::WritableMount,
        _ => false,
    }
}

/// What holds of the item at hand.
fn of_item(constraint: &Constraint, writable: Option<bool>) -> Option<Condition> {
    Some(match constraint {
        Constraint::Always => Condition::Constant(true),
        Constraint::Never(_) => Condition::Constant(false),
        Constraint::All(parts) => {
            Condition::all(parts.iter().map(|part| of_item(part, writable)).collect::<Option<Vec<_>>>()?)
        }
        Constraint::Any(parts) => match defaulted(parts) {
            Some((field, test)) => local(field, test, true, writable)?,
            None => Condition::any(parts.iter().map(|part| of_item(part, writable)).collect::<Option<Vec<_>>>()?),
        },
        Constraint::Each(items @ (Items::AddedCapabilities | Items::HostPorts), body) => {
            every(items_of(*items)?, of_item(body, writable)?)
        }
        Constraint::Each(..) => return None,
        Constraint::Field(field, _) if inherits(*field) => return None,
        Constraint::Field(field, test) => local(*field, test, false, writable)?,
    })
}

/// Whether a field of the pod, or of the item at hand, passes the test.
fn local(field: Field, test: &Test, or_absent: bool, writable: Option<bool>) -> Option<Condition> {
    let absent = |absent: Fact<'_>| or_absent || test.passes(absent);
    let optional = |map: &str, key: &str, none: Fact<'_>| {
        let place = if map == "@" { key.to_owned() } else { format!("{map}.{key}") };
        let map = if map == "@" { map.to_owned() } else { format!("{map} || `{{}}`") };
        held(has(&map, key), of_value(test, &place), absent(none))
    };
    let part = |map: &str, object: &str, key: &str| {
        let place = if map == "@" { object.to_owned() } else { format!("{map}.{object}") };
        let map = if map == "@" { map.to_owned() } else { format!("{map} || `{{}}`") };
        held(has(&map, object), of_value(test, &format!("({place}.{key} || '')")), absent(Fact::Absent))
    };
    Some(match field {
        Field::HostNetwork => optional(SPEC, "hostNetwork", Fact::Bool(false)),
        Field::HostPid => optional(SPEC, "hostPID", Fact::Bool(false)),
        Field::HostIpc => optional(SPEC, "hostIPC", Fact::Bool(false)),
        Field::RuntimeClassName => optional(SPEC, "runtimeClassName", Fact::Absent),
        Field::FsGroup => optional(PODS, "fsGroup", Fact::Absent),
        Field::SupplementalGroups => optional(PODS, "supplementalGroups", Fact::Absent),
        Field::PodSeLinuxUser => part(PODS, "seLinuxOptions", "user"),
        Field::PodSeLinuxRole => part(PODS, "seLinuxOptions", "role"),
        Field::PodSeLinuxType => part(PODS, "seLinuxOptions", "type"),
        Field::PodSeLinuxLevel => part(PODS, "seLinuxOptions", "level"),
        Field::PodSeccomp => held(pods(field)?, of_value(test, &value_of(field, PODS)?), absent(Fact::Absent)),
        Field::SupplementalGroup | Field::AddedCapability => of_value(test, "@"),
        Field::Sysctl => of_value(test, "name"),
        Field::HostPort => held(has("@", "hostPort"), of_value(test, "hostPort"), true),
        Field::VolumeType => of_volume_type(test)?,
        Field::TokenVolume => of_truth(test, holds_only_token_sources())?,
        Field::WritableMount => of_truth(test, Condition::Constant(writable?))?,
        Field::HostPath => part("@", "hostPath", "path"),
        Field::FlexDriver => part("@", "flexVolume", "driver"),
        Field::CsiDriver => part("@", "csi", "driver"),
        Field::SeLinuxUser => part(OWN, "seLinuxOptions", "user"),
        Field::SeLinuxRole => part(OWN, "seLinuxOptions", "role"),
        Field::SeLinuxType => part(OWN, "seLinuxOptions", "type"),
        Field::SeLinuxLevel => part(OWN, "seLinuxOptions", "level"),
        Field::Privileged | Field::ProcMount | Field::ReadOnlyRootFilesystem | Field::AllowPrivilegeEscalation => {
            optional(OWN, own_key(field)?, Fact::Absent)
        }
        Field::RunAsUser | Field::RunAsGroup | Field::RunAsNonRoot | Field::AppArmor | Field::Seccomp => return None,
    })
}

/// What is there passes; what is absent passes or does not.
fn held(present: Condition, passes: Condition, absent: bool) -> Condition {
    if absent { Condition::any([present.negated(), passes]) } else { Condition::all([present, passes]) }
}

fn of_truth(test: &Test, holds: Condition) -> Option<Condition> {
    Some(match test {
        Test::Is(true) => holds,
        Test::Is(false) => holds.negated(),
        Test::Not(test) => of_truth(test, holds)?.negated(),
        _ => return None,
    })
}

fn of_volume_type(test: &Test) -> Option<Condition> {
    Some(match test {
        Test::OneOf(types) => {
            let listed = VOLUME_SOURCES.iter().filter(|(_, kind)| types.iter().any(|listed| listed == kind));
            Condition::any(listed.map(|(key, _)| has("@", key)))
        }
        Test::Not(test) => of_volume_type(test)?.negated(),
        _ => return None,
    })
}

/// The test of a value that is there.
pub(super) fn of_value(test: &Test, value: &str) -> Condition {
    match test {
        // An empty list reaches no webhook: it is stored as an absent one.
        Test::Absent | Test::Empty => Condition::Constant(false),
        Test::Is(expected) => Condition::of(format!("({value} == `{expected}`)")),
        Test::OneOf(set) => one_of(value, set.iter().map(String::as_str)),
        Test::InRanges(ranges) => Condition::any(ranges.iter().map(|range| {
            let number = format!("to_number(to_string({value}))");
            Condition::of(format!("({number} >= `{}` && {number} <= `{}`)", range.min, range.max))
        })),
        Test::Matches(patterns) => Condition::any(patterns.iter().map(|pattern| match pattern {
            Pattern::Exact(name) => one_of(value, [name.as_str()]),
            Pattern::Prefix(prefix) if prefix.is_empty() => Condition::Constant(true),
            Pattern::Prefix(prefix) => starts_with(value, prefix),
        })),
        Test::Under(prefixes) => Condition::any(prefixes.iter().map(|prefix| under(value, prefix))),
        Test::SameLevel(level) => same_level(value, level),
        Test::Not(test) => of_value(test, value).negated(),
    }
}

fn starts_with(value: &str, prefix: &str) -> Condition {
    Condition::of(format!("starts_with({value} || '', {})", text(prefix)))
}

fn under(value: &str, prefix: &PathPrefix) -> Condition {
    let prefix = prefix.as_str();
    let itself = (!prefix.ends_with('/')).then(|| one_of(value, [prefix]));
    Condition::any(itself.into_iter().chain([starts_with(value, &format!("{prefix}/"))]))
}

/// The same categories in any order.
fn same_level(value: &str, level: &str) -> Condition {
    let equal = one_of(value, [level]);
    let Some((sensitivity, categories)) = level.split_once(':') else {
        return equal;
    };
    let mut sorted: Vec<&str> = categories.split(',').collect();
    sorted.sort_unstable();
    let prefix = format!("{sensitivity}:");
    let rest = format!("sort(split(trim_prefix({value}, {}), ','))", text(&prefix));
    let same = Condition::of(format!("({rest} == {})", texts(sorted)));
    Condition::any([equal, Condition::all([starts_with(value, &prefix), same])])
}

/// Nothing but what the service account's token volume holds.
fn holds_only_token_sources() -> Condition {
    let token = "!contains(keys(@), 'serviceAccountToken') || serviceAccountToken.path == 'token' && !(serviceAccountToken.audience)";
    let map = "!contains(keys(@), 'configMap') || configMap.name == 'kube-root-ca.crt'";
    let items = "!((downwardAPI.items || `[]`) | [?!(path == 'namespace' && (fieldRef.apiVersion || 'v1') == 'v1' \
        && fieldRef.fieldPath == 'metadata.namespace')])";
    let downward = format!("!contains(keys(@), 'downwardAPI') || {items}");
    let known = "contains(keys(@), 'serviceAccountToken') || contains(keys(@), 'configMap') || contains(keys(@), 'downwardAPI')";
    let source = Condition::of(format!("(({known}) && ({token}) && ({map}) && ({downward}))"));
    Condition::all([has("@", "projected"), every("(projected.sources || `[]`)", source)])
}

/// The pod has a field of its own.
pub(super) fn pod_has(context: &str, key: &str) -> Condition {
    has(&format!("{context} || `{{}}`"), key)
}

/// Whether the old server would have written the pod's seccomp field into an annotation, which counts as a change.
pub(super) fn seccomp_is_copied(annotation: &str) -> Condition {
    Condition::all([
        Condition::of(format!("({} != '')", profile(&format!("{PODS}.seccompProfile")))),
        Condition::of(format!("!lookup({ANNOTATIONS}, {})", text(annotation))),
    ])
}
