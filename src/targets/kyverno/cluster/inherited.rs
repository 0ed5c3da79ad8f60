//! Fields that a container takes over from the pod where it says nothing itself: what holds of all containers is said of their
//! own values, and of the pod's beside them.

use super::condition::{Condition, disjoint, every, has, text, within};
use super::print::{ANNOTATIONS, CONTAINERS, of_value, own_key};
use crate::constraint::Test;
use crate::pod_view::{APP_ARMOR_ANNOTATION, Fact, Field};

/// Whether a container takes the value over that it does not have itself.
pub(super) fn inherits(field: Field) -> bool {
    matches!(field, Field::RunAsUser | Field::RunAsGroup | Field::RunAsNonRoot | Field::Seccomp | Field::AppArmor)
}

/// The key of a field that containers take over.
pub(super) fn inherited_key(field: Field) -> Option<&'static str> {
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
pub(super) fn value_of(field: Field, context: &str) -> Option<String> {
    let place = format!("{context}.{}", inherited_key(field)?);
    Some(match field {
        Field::Seccomp | Field::PodSeccomp | Field::AppArmor => profile(&place),
        _ => place,
    })
}

pub(super) fn profile(place: &str) -> String {
    format!(
        "({place}.type == 'RuntimeDefault' && 'runtime/default' || {place}.type == 'Unconfined' && 'unconfined' \
         || {place}.type == 'Localhost' && {place}.localhostProfile && join('', ['localhost/', {place}.localhostProfile]) || '')"
    )
}

pub(super) const OWN: &str = "securityContext";
pub(super) const PODS: &str = "request.object.spec.securityContext";

/// The container itself says something about the field.
pub(super) fn own(field: Field) -> Option<Condition> {
    Some(has("securityContext || `{}`", inherited_key(field)?))
}

/// The pod says something about the field.
pub(super) fn pods(field: Field) -> Option<Condition> {
    Some(has("request.object.spec.securityContext || `{}`", inherited_key(field)?))
}

/// Containers that have the value pass, and so does the pod's value, or all have it.
pub(super) fn inherited(field: Field, test: &Test, or_absent: bool) -> Option<Condition> {
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
pub(super) fn names_of(condition: Condition) -> String {
    format!("({CONTAINERS} | [?{}].name)", condition.text())
}

/// The names of containers with an AppArmor annotation that is not empty, and whose value `v` meets the condition.
pub(super) fn annotated(condition: Condition) -> String {
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
