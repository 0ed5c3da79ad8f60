//! What a policy fills in, in plain English.

use super::quoted;
use crate::constraint::{Fill, Setting};
use crate::pod_view::{Field, POD_SECCOMP_ANNOTATION};
use crate::psp::SeLinuxOptions;

impl Fill {
    /// What is filled in, in plain English.
    pub fn words(&self) -> String {
        match self {
            Self::SetIfAbsent { at, value, unless_set } => {
                let target = match value {
                    Setting::SeLinux(_) => "spec.securityContext.seLinuxOptions",
                    _ => at.name(),
                };
                let silence = match unless_set {
                    None => "it is unset".to_owned(),
                    Some(other) => format!("it and `{}` are unset", other.name()),
                };
                format!("`{target}` is set to {} where {silence}", value.words())
            }
            Self::Capabilities { add, drop } => capability_words(add, drop),
            Self::CopySeccompToAnnotation => {
                let field = Field::PodSeccomp.name();
                format!("`{field}` is written into annotation `{POD_SECCOMP_ANNOTATION}` where that is unset")
            }
        }
    }
}

fn capability_words(add: &[String], drop: &[String]) -> String {
    let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let adds = (!add.is_empty()).then(|| format!("adds {} where it does not drop them", list(add)));
    let drops = (!drop.is_empty()).then(|| format!("drops {}", list(drop)));
    let parts: Vec<_> = drops.into_iter().chain(adds).collect();
    format!("every container {}", parts.join(" and "))
}

impl Setting {
    fn words(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(id) => id.to_string(),
            Self::Ints(ids) => format!("{ids:?}"),
            Self::Text(text) => quoted(text),
            Self::SeLinux(options) => context_words(options),
        }
    }
}

fn context_words(options: &SeLinuxOptions) -> String {
    let parts = [("user", &options.user), ("role", &options.role), ("type", &options.type_), ("level", &options.level)];
    let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<_> = parts.map(|(part, value)| format!("{part} {}", quoted(value))).collect();
    if parts.is_empty() {
        return "an empty context".to_owned();
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn fills_are_told() {
        let not_root = Fill::SetIfAbsent {
            at: Field::RunAsNonRoot,
            value: Setting::Bool(true),
            unless_set: Some(Field::RunAsUser),
        };
        assert_eq!(
            not_root.words(),
            "`securityContext.runAsNonRoot` is set to true where it and `securityContext.runAsUser` are unset"
        );
        let (add, drop) = (texts(&["A"]), texts(&["B", "C"]));
        let both = Fill::Capabilities { add, drop };
        assert_eq!(both.words(), "every container drops `B`, `C` and adds `A` where it does not drop them");
        let context = SeLinuxOptions { type_: "t".to_owned(), ..SeLinuxOptions::default() };
        assert_eq!(
            Fill::set(Field::PodSeLinuxLevel, Setting::SeLinux(context)).words(),
            "`spec.securityContext.seLinuxOptions` is set to type `t` where it is unset"
        );
    }
}
