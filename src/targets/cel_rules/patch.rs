//! Fills as JSON patches in CEL, for servers that know the library of lists (1.35).

use super::printed::Printed;
use super::{At, Names, field};
use crate::cel::print::Expr;
use crate::constraint::{Fill, Setting};
use crate::pod_view::{Field, POD_SECCOMP_ANNOTATION, Scope};

/// The patches, as a list of `JSONPatch`, that fill in what the pod leaves out; `None` if nothing ever is. All are
/// stated of the pod before the first is applied.
pub fn patches(fills: &[Fill], names: &Names) -> Option<Expr> {
    let of_pod: Vec<Expr> = fills.iter().filter_map(|fill| pod_patch(fill, names)).collect();
    let of_containers: Vec<Expr> = fills.iter().filter_map(|fill| container_patches(fill, names)).collect();
    let needs_context = fills.iter().any(|fill| pod_value(fill).is_some_and(|(at, _)| at != Field::RuntimeClassName));
    let pod_parent = needs_context.then(|| pod_parent(names));
    let container_parents = (!of_containers.is_empty()).then(|| container_parents(names));
    let all = pod_parent.into_iter().chain(of_pod).chain(container_parents).chain(of_containers);
    let all: Vec<Expr> = all.collect();
    (!all.is_empty()).then(|| Expr::concat(all))
}

/// Whether the old server would have written the pod's seccomp field into an annotation, which counts as a change.
pub fn seccomp_is_copied(names: &Names) -> Expr {
    let at = At::pod(names);
    let field::Source::Optional { value, .. } = field::source(Field::PodSeccomp, &at) else {
        return Expr::bool(false);
    };
    let annotations = Expr::name(names.pod).field("metadata").optional_field("annotations");
    let annotation = annotations.optional_field(POD_SECCOMP_ANNOTATION);
    let empty = || Expr::string("");
    Expr::and([
        value.method("orValue", [empty()]).differs(empty()),
        annotation.method("orValue", [empty()]).equals(empty()),
    ])
}

/// What is written for a field, if anything is.
pub(super) fn value(at: Field, value: &Setting) -> Option<Expr> {
    Some(match (at, value) {
        (Field::PodSeccomp | Field::AppArmor, Setting::Text(text)) => profile(text)?,
        (_, Setting::Text(text)) => Expr::string(text),
        (_, Setting::Bool(value)) => Expr::bool(*value),
        (_, Setting::Int(id)) => Expr::int(*id),
        (_, Setting::Ints(ids)) => Expr::list(ids.iter().copied().map(Expr::int)),
        (_, Setting::SeLinux(options)) => {
            let parts =
                [("user", &options.user), ("role", &options.role), ("type", &options.type_), ("level", &options.level)];
            let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
            let fields: Vec<(&str, Expr)> = parts.map(|(key, text)| (key, Expr::string(text))).collect();
            Expr::object("Object.spec.securityContext.seLinuxOptions", fields)
        }
    })
}

/// A profile of an annotation as a field; `None` if it has no field.
fn profile(text: &str) -> Option<Expr> {
    Some(Expr::map(profile_parts(text)?.into_iter().map(|(key, text)| (Expr::string(key), Expr::string(text)))))
}

/// The keys and values of the field that stands for a profile of an annotation; `None` if it has no field.
pub fn profile_parts(text: &str) -> Option<Vec<(&'static str, &str)>> {
    Some(match text {
        "runtime/default" | "docker/default" => vec![("type", "RuntimeDefault")],
        "unconfined" => vec![("type", "Unconfined")],
        _ => {
            let file = text.strip_prefix("localhost/").filter(|file| !file.is_empty())?;
            vec![("type", "Localhost"), ("localhostProfile", file)]
        }
    })
}

/// What a fill of the pod itself writes, and for which field.
fn pod_value(fill: &Fill) -> Option<(Field, Expr)> {
    match fill {
        Fill::SetIfAbsent { at, value: setting, .. } if at.scope() == Scope::Pod => Some((*at, value(*at, setting)?)),
        _ => None,
    }
}

fn pod_patch(fill: &Fill, names: &Names) -> Option<Expr> {
    let (at, value) = pod_value(fill)?;
    let path = match at {
        Field::RuntimeClassName => "/spec/runtimeClassName",
        Field::FsGroup => "/spec/securityContext/fsGroup",
        Field::SupplementalGroups => "/spec/securityContext/supplementalGroups",
        Field::PodSeLinuxLevel => "/spec/securityContext/seLinuxOptions",
        Field::PodSeccomp => "/spec/securityContext/seccompProfile",
        _ => return None,
    };
    let silent = At::pod(names).present(at).negated();
    Some(Expr::from(silent).then_else(Expr::list([add(Expr::string(path), value)]), Expr::list([])))
}

fn pod_parent(names: &Names) -> Expr {
    let add = add(Expr::string("/spec/securityContext"), Expr::object("Object.spec.securityContext", []));
    let there = field::spec(names).field("securityContext").has();
    there.then_else(Expr::list([]), Expr::list([add]))
}

fn container_parents(names: &Names) -> Expr {
    let silent = container(names).field("securityContext").has().negated();
    let empty = Expr::object("Object.spec.containers.securityContext", []);
    for_containers(names, silent, "/securityContext", empty)
}

fn container_patches(fill: &Fill, names: &Names) -> Option<Expr> {
    let at = At { names, container: container(names) };
    let (path, value) = match fill {
        Fill::SetIfAbsent { at, value: setting, .. } => {
            let key = match at {
                Field::RunAsUser => "/securityContext/runAsUser",
                Field::RunAsGroup => "/securityContext/runAsGroup",
                Field::RunAsNonRoot => "/securityContext/runAsNonRoot",
                Field::AppArmor => "/securityContext/appArmorProfile",
                Field::ReadOnlyRootFilesystem => "/securityContext/readOnlyRootFilesystem",
                Field::AllowPrivilegeEscalation => "/securityContext/allowPrivilegeEscalation",
                _ => return None,
            };
            (key, value(*at, setting)?)
        }
        Fill::Capabilities { add, drop } => ("/securityContext/capabilities", capabilities(&at, add, drop)),
        Fill::CopySeccompToAnnotation => return None,
    };
    let Printed::Expr(settled) = at.settled_here(fill) else {
        return None;
    };
    Some(for_containers(names, settled.negated(), path, value))
}

/// Both lists of the container at hand with what is filled in, sorted and without duplicates.
fn capabilities(at: &At<'_>, add: &[String], drop: &[String]) -> Expr {
    let strings = |names: &[String]| Expr::strings(names.iter().map(String::as_str));
    let (added, dropped) = (field::capabilities(at, "add"), field::capabilities(at, "drop"));
    let not_dropped = Expr::name("x").is_in(dropped.clone()).negated();
    let more = strings(add).method("filter", [Expr::name("x"), not_dropped]);
    let sorted = |list: Expr| list.method("distinct", []).method("sort", []);
    let add = if add.is_empty() { added } else { Expr::concat([added, more]) };
    let drop = if drop.is_empty() { dropped } else { Expr::concat([dropped, strings(drop)]) };
    let lists = [("add", sorted(add)), ("drop", sorted(drop))];
    Expr::object("Object.spec.containers.securityContext.capabilities", lists)
}

fn container(names: &Names) -> Expr {
    Expr::name(names.containers).index(Expr::name("i"))
}

/// A patch for every container of which the condition holds.
fn for_containers(names: &Names, condition: Expr, path: &str, value: Expr) -> Expr {
    let range = Expr::call("lists.range", [Expr::call("size", [Expr::name(names.containers)])]);
    let place = Expr::name(names.paths).index(Expr::name("i"));
    let add = add(Expr::concat([place, Expr::string(path)]), value);
    range.method("map", [Expr::name("i"), condition, add])
}

fn add(path: Expr, value: Expr) -> Expr {
    Expr::object("JSONPatch", [("op", Expr::string("add")), ("path", path), ("value", value)])
}
