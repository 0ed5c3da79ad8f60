//! Constraints as JMESPath, for rules that no CEL can guard.
//!
//! Within a list's filter nothing but the item can be reached. What depends on the pod as well is therefore said of the pod:
//! a container's own values are judged in the filter, the pod's beside it; and what joins two lists is said of sets of names.
//! Literals are JSON in which everything but letters and digits is escaped, so that no text means anything to Kyverno.

use crate::constraint::{Constraint, Items, PathPrefix, Pattern, Test};
use crate::pod_view::{APP_ARMOR_ANNOTATION, Fact, Field, VOLUME_SOURCES};
use crate::rbac::{GrantAtom, Subject};

/// The pod's spec.
const SPEC: &str = "request.object.spec";
/// The pod's annotations.
pub(super) const ANNOTATIONS: &str = "(request.object.metadata.annotations || `{}`)";
/// All containers of the pod in one list.
const CONTAINERS: &str = "([request.object.spec.initContainers || `[]`, request.object.spec.containers || `[]`, \
    request.object.spec.ephemeralContainers || `[]`][])";

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// It does not depend on the pod.
    Constant(bool),
    /// It does: an expression within parentheses, or one that binds as tightly.
    Of(String),
}

impl Condition {
    fn of(text: impl Into<String>) -> Self {
        Self::Of(text.into())
    }

    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, true, " && ")
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, false, " || ")
    }

    fn join(parts: impl IntoIterator<Item = Self>, neutral: bool, operator: &str) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::Constant(value) if value == neutral => {}
                Self::Constant(value) => return Self::Constant(value),
                Self::Of(text) => kept.push(text),
            }
        }
        match kept.len() {
            0 => Self::Constant(neutral),
            1 => Self::Of(kept.concat()),
            _ => Self::Of(format!("({})", kept.join(operator))),
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Of(text) => Self::Of(format!("!{text}")),
        }
    }

    /// The text; a constant as one.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Constant(value) => format!("`{value}`"),
            Self::Of(text) => text.clone(),
        }
    }
}

/// A string as a literal.
pub(super) fn text(text: &str) -> String {
    format!("`\"{}\"`", escaped(text))
}

/// A list of strings as a literal.
fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| format!("\"{}\"", escaped(text))).collect();
    format!("`[{}]`", texts.join(","))
}

/// The inside of a JSON string that no layer takes for anything else.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ' ') {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

/// The map has the key.
pub(super) fn has(map: &str, key: &str) -> Condition {
    Condition::of(format!("contains(keys({map}), {})", text(key)))
}

/// The text is one of these.
fn one_of<'t>(value: &str, set: impl IntoIterator<Item = &'t str>) -> Condition {
    let set: Vec<&str> = set.into_iter().collect();
    match set.as_slice() {
        [] => Condition::Constant(false),
        _ => Condition::of(format!("contains({}, {value})", texts(set))),
    }
}

/// The condition holds of every item.
fn every(list: &str, condition: Condition) -> Condition {
    match condition {
        Condition::Constant(true) => Condition::Constant(true),
        condition => Condition::of(format!("!({list} | [?{}])", condition.negated().text())),
    }
}

/// The distinct texts of a list.
fn distinct(list: &str) -> String {
    format!("keys(object_from_lists({list}, {list}))")
}

/// No text is in both lists; the other holds every text once.
fn disjoint(one: &str, other: &str) -> Condition {
    let both = distinct(&format!("[{one}, {other}][]"));
    Condition::of(format!("(length({both}) == sum([length({}), length({other})]))", distinct(one)))
}

/// Every text of the one list is in the other, which holds every text once.
fn within(one: &str, other: &str) -> Condition {
    Condition::of(format!("(length({}) == length({other}))", distinct(&format!("[{one}, {other}][]"))))
}

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

/// Whether a container takes the value over that it does not have itself.
fn inherits(field: Field) -> bool {
    matches!(field, Field::RunAsUser | Field::RunAsGroup | Field::RunAsNonRoot | Field::Seccomp | Field::AppArmor)
}

/// The key of a field that containers take over.
fn inherited_key(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::RunAsUser => "runAsUser",
        Field::RunAsGroup => "runAsGroup",
        Field::RunAsNonRoot => "runAsNonRoot",
        Field::Seccomp | Field::PodSeccomp => "seccompProfile",
        Field::AppArmor => "appArmorProfile",
        _ => return None,
    })
}

/// The value of a field that is a profile in the spelling of annotations.
fn value_of(field: Field, context: &str) -> Option<String> {
    let place = format!("{context}.{}", inherited_key(field)?);
    Some(match field {
        Field::Seccomp | Field::PodSeccomp | Field::AppArmor => profile(&place),
        _ => place,
    })
}

fn profile(place: &str) -> String {
    format!(
        "({place}.type == 'RuntimeDefault' && 'runtime/default' || {place}.type == 'Unconfined' && 'unconfined' \
         || {place}.type == 'Localhost' && {place}.localhostProfile && join('', ['localhost/', {place}.localhostProfile]) || '')"
    )
}

const OWN: &str = "securityContext";
const PODS: &str = "request.object.spec.securityContext";

/// The container itself says something about the field.
fn own(field: Field) -> Option<Condition> {
    Some(has("securityContext || `{}`", inherited_key(field)?))
}

/// The pod says something about the field.
fn pods(field: Field) -> Option<Condition> {
    Some(has("request.object.spec.securityContext || `{}`", inherited_key(field)?))
}

/// Containers that have the value pass, and so does the pod's value, or all have it.
fn inherited(field: Field, test: &Test, or_absent: bool) -> Option<Condition> {
    let absent = or_absent || test.passes(Fact::Absent);
    let of_pod = of_value(test, &value_of(field, PODS)?);
    let of_pod =
        if absent { Condition::any([pods(field)?.negated(), of_pod]) } else { Condition::all([pods(field)?, of_pod]) };
    let own_passes = of_value(test, &value_of(field, OWN)?);
    let good = every(CONTAINERS, Condition::any([own(field)?.negated(), own_passes]));
    if field == Field::AppArmor {
        let silent = names_of(own(field)?.negated());
        let every = annotated(Condition::Constant(true));
        let refused = annotated(of_value(test, "v").negated());
        return Some(Condition::all([
            good,
            disjoint(&silent, &refused),
            Condition::any([of_pod, within(&silent, &every)]),
        ]));
    }
    Some(Condition::all([good, Condition::any([of_pod, every(CONTAINERS, own(field)?)])]))
}

/// The names of the containers of which the condition holds.
fn names_of(condition: Condition) -> String {
    format!("({CONTAINERS} | [?{}].name)", condition.text())
}

/// The names of containers with an AppArmor annotation that is not empty, and whose value `v` meets the condition.
fn annotated(condition: Condition) -> String {
    let named = Condition::of(format!("starts_with(k, {})", text(APP_ARMOR_ANNOTATION)));
    let condition = Condition::all([named, Condition::of("v"), condition]);
    let name = format!("trim_prefix(k, {})", text(APP_ARMOR_ANNOTATION));
    format!("(items({ANNOTATIONS}, 'k', 'v') | [?{}].{name})", condition.text())
}

/// The container, or the pod, says something about the field, for all containers.
pub(super) fn all_set(fields: &[Field]) -> Option<Condition> {
    let mut of_pod = Vec::new();
    let mut of_container = Vec::new();
    for field in fields {
        if *field == Field::AppArmor {
            let silent = names_of(own(*field)?.negated());
            return Some(Condition::any([pods(*field)?, within(&silent, &annotated(Condition::Constant(true)))]));
        }
        if inherits(*field) {
            of_pod.push(pods(*field)?);
            of_container.push(own(*field)?);
        } else {
            of_container.push(has("securityContext || `{}`", own_key(*field)?));
        }
    }
    Some(Condition::any(of_pod.into_iter().chain([every(CONTAINERS, Condition::any(of_container))])))
}

/// The element of a loop over containers is silent about all of the fields, and so is what it takes over.
pub(super) fn element_silent(fields: &[Field]) -> Option<Condition> {
    let mut set = Vec::new();
    for field in fields {
        let key = inherited_key(*field).or_else(|| own_key(*field))?;
        set.push(has("element.securityContext || `{}`", key));
        if inherits(*field) {
            set.push(pods(*field)?);
        }
        if *field == Field::AppArmor {
            let key = format!("join('', [{}, element.name])", text(APP_ARMOR_ANNOTATION));
            set.push(Condition::of(format!("(lookup({ANNOTATIONS}, {key}) || `false`)")));
        }
    }
    Some(Condition::any(set).negated())
}

/// The key of a field that containers have for themselves.
fn own_key(field: Field) -> Option<&'static str> {
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
/// are mounted so, and those that fail even if it is not must be none.
fn volumes(body: &Constraint) -> Option<Condition> {
    let list = format!("({SPEC}.volumes || `[]`)");
    if !mentions_mounts(body) {
        return Some(every(&list, of_item(body, None)?));
    }
    let failing = |writable| {
        let passes = of_item(body, Some(writable))?;
        Some(format!("({list} | [?{}].name)", passes.negated().text()))
    };
    let (if_writable, if_not) = (failing(true)?, failing(false)?);
    let mounts = format!("({CONTAINERS} | [*].volumeMounts[] | [?!(readOnly == `true`)].name)");
    let mounted = distinct(&mounts);
    Some(Condition::all([disjoint(&if_writable, &mounted), within(&if_not, &mounted)]))
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
fn of_value(test: &Test, value: &str) -> Condition {
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

/// Whether the requester or the pod's service account is granted the policy.
pub(super) fn may_use(grants: &[GrantAtom]) -> Condition {
    Condition::any(grants.iter().map(|grant| {
        let here = grant.namespace.as_deref().map(in_namespace);
        Condition::all(here.into_iter().chain([Condition::any(is(&grant.subject))]))
    }))
}

fn in_namespace(namespace: &str) -> Condition {
    one_of("request.namespace", [namespace])
}

/// The requester is the subject, or the pod's service account is.
fn is(subject: &Subject) -> Vec<Condition> {
    const ACCOUNT: &str = "request.object.spec.serviceAccountName";
    let has_account = || Condition::of(format!("({ACCOUNT} || `false`)"));
    let mut found = match subject {
        Subject::User(name) => vec![one_of("request.userInfo.username", [name.as_str()])],
        Subject::Group(name) => {
            vec![Condition::of(format!("contains(request.userInfo.groups || `[]`, {})", text(name)))]
        }
    };
    if let Some((home, name)) = subject.as_service_account() {
        // A pod without an account is nobody, whatever a binding's subject is called.
        let named = (!name.is_empty()).then(|| one_of(ACCOUNT, [name]));
        found.extend(named.map(|named| Condition::all([in_namespace(home), named])));
    } else if subject.name() == "system:serviceaccounts" && matches!(subject, Subject::Group(_)) {
        found.push(has_account());
    } else if let Some(home) = subject.as_accounts_of_namespace() {
        found.push(Condition::all([in_namespace(home), has_account()]));
    }
    found
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
