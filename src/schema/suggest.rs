//! "Did you mean …?" for a field that a type does not have.

use super::table::{Shape, Struct};

/// How alike two names must be, from 0 to 1, to be taken for a slip of the keyboard.
const ALIKE: f64 = 0.75;

/// What the writer most likely meant by `name` in a value of type `owner`, itself found in one of type `parent`.
pub(super) fn suggestion(name: &str, owner: &Struct, parent: Option<&Struct>) -> Option<String> {
    same_letters(name, owner)
        .or_else(|| nested(name, owner))
        .or_else(|| one_level_up(name, parent))
        .or_else(|| closest(name, owner))
}

fn same_letters(name: &str, owner: &Struct) -> Option<String> {
    let field = owner.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    Some(format!("did you mean `{}`?", field.name))
}

/// The field exists one or two structs further down, e.g. `privileged` beside `securityContext` instead of inside.
fn nested(name: &str, owner: &Struct) -> Option<String> {
    let child_of = |owner: &Struct| -> Vec<(&'static str, &'static Struct)> {
        let structs = owner.fields.iter().filter(|field| !matches!(field.name, "status" | "metadata"));
        structs
            .filter_map(
                |field| {
                    if let Shape::Struct(id) = field.of.shape { Some((field.name, id.get())) } else { None }
                },
            )
            .collect()
    };
    let children = child_of(owner);
    let direct = children.iter().find(|(_, child)| child.field(name).is_some());
    if let Some((path, _)) = direct {
        return Some(format!("did you mean `{path}.{name}`?"));
    }
    // Common words (`name`, `type`) are everywhere further down; only a workload's template is worth a longer walk.
    let template = children.iter().find(|(field, _)| matches!(*field, "spec" | "template"))?;
    let (deeper, _) = child_of(template.1).into_iter().find(|(_, child)| child.field(name).is_some())?;
    Some(format!("did you mean `{}.{deeper}.{name}`?", template.0))
}

fn one_level_up(name: &str, parent: Option<&Struct>) -> Option<String> {
    parent?.field(name)?;
    Some(format!("`{name}` belongs one level up"))
}

fn closest(name: &str, owner: &Struct) -> Option<String> {
    let scored =
        owner.fields.iter().map(|field| (strsim::normalized_damerau_levenshtein(name, field.name), field.name));
    let (score, best) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= ALIKE).then(|| format!("did you mean `{best}`?"))
}

#[cfg(test)]
mod tests {
    use super::super::table::StructId;
    use super::*;

    fn suggest(name: &str, owner: &str, parent: Option<&str>) -> Option<String> {
        let get = |name| StructId::named(name).unwrap().get();
        suggestion(name, get(owner), parent.map(get))
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(suggest("priviledged", "v1.SecurityContext", None).unwrap(), "did you mean `privileged`?");
        assert_eq!(suggest("hostpid", "v1.PodSpec", None).unwrap(), "did you mean `hostPID`?");
        assert_eq!(
            suggest("runAsUsr", "policy/v1beta1.PodSecurityPolicySpec", None).unwrap(),
            "did you mean `runAsUser`?"
        );
    }

    #[test]
    fn fields_at_the_wrong_level_are_recognised() {
        assert_eq!(suggest("privileged", "v1.Container", None).unwrap(), "did you mean `securityContext.privileged`?");
        assert_eq!(
            suggest("containers", "apps/v1.DeploymentSpec", None).unwrap(),
            "did you mean `template.spec.containers`?"
        );
        assert_eq!(
            suggest("hostNetwork", "v1.PodSecurityContext", Some("v1.PodSpec")).unwrap(),
            "`hostNetwork` belongs one level up"
        );
    }

    #[test]
    fn a_strange_word_gets_no_suggestion() {
        assert_eq!(suggest("frobnicate", "v1.PodSpec", None), None);
    }
}
