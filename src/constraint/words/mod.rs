//! Constraints, and in [`fills`] what is filled in, in plain English for reports.
//!
//! Names and paths of users stand in backticks; one that could break out of them is quoted as Go quotes instead. A report
//! still has to escape the whole text for its own format.

mod fills;

use std::fmt;

use super::{Constraint, Items, Pattern, Test};
use crate::field_error::go_quote;
use crate::pod_view::{Field, Scope};
use crate::psp::IdRange;

impl fmt::Display for Constraint {
    /// For example: every container: `securityContext.runAsUser` is unset or in 1-65535.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) if subject(self).is_none() => f.write_str(&joined(parts, "; ")),
            other => f.write_str(&sentence(other)),
        }
    }
}

fn sentence(constraint: &Constraint) -> String {
    if let Some(field) = subject(constraint) {
        return match special(constraint) {
            Some(words) => words.to_owned(),
            None => format!("`{}` is {}", field.name(), predicate(constraint)),
        };
    }
    match constraint {
        Constraint::Always | Constraint::Field(..) => "anything goes".to_owned(),
        Constraint::Never(reason) => format!("nothing passes: {reason}"),
        Constraint::Each(items, part) => each(*items, part),
        Constraint::Any(parts) => joined(parts, ", or "),
        Constraint::All(parts) => {
            let simple = parts.iter().all(|part| matches!(part, Constraint::Field(..)));
            format!("({})", joined(parts, if simple { " and " } else { "; " }))
        }
    }
}

fn each(items: Items, part: &Constraint) -> String {
    let item = items.name();
    match (part, subject(part).map(Field::scope)) {
        (Constraint::Field(_, test), _) if test.passes_nothing() => format!("no {item}"),
        (_, Some(Scope::Item)) => format!("every {item} is {}", predicate(part)),
        _ => format!("every {item}: {}", sentence(part)),
    }
}

fn joined(parts: &[Constraint], separator: &str) -> String {
    parts.iter().map(sentence).collect::<Vec<_>>().join(separator)
}

/// The one field that the constraint speaks of, if it is one and no list stands between.
fn subject(constraint: &Constraint) -> Option<Field> {
    match constraint {
        Constraint::Field(field, _) => Some(*field),
        Constraint::All(parts) | Constraint::Any(parts) => {
            let mut subjects = parts.iter().map(subject);
            let first = subjects.next()??;
            subjects.all(|other| other == Some(first)).then_some(first)
        }
        _ => None,
    }
}

/// What the constraint says of its one field, after "is".
fn predicate(constraint: &Constraint) -> String {
    let all = |parts: &[Constraint], word| parts.iter().map(predicate).collect::<Vec<_>>().join(word);
    match constraint {
        Constraint::Field(_, test) => test.to_string(),
        Constraint::Any(parts) => all(parts, " or "),
        Constraint::All(parts) => all(parts, " and "),
        other => sentence(other),
    }
}

/// Facts that are not fields of the API have words of their own.
fn special(constraint: &Constraint) -> Option<&'static str> {
    let Constraint::Field(field, test) = constraint else {
        return None;
    };
    match (field, test) {
        (Field::TokenVolume, Test::Is(true)) => Some("it holds only what a service account's token volume holds"),
        (Field::WritableMount, Test::Not(inner)) if **inner == Test::Is(true) => Some("every mount of it is read-only"),
        _ => None,
    }
}

impl Items {
    /// One item of the list, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Containers => "container",
            Self::Volumes => "volume",
            Self::Sysctls => "sysctl",
            Self::SupplementalGroups => "supplemental group",
            Self::AddedCapabilities => "added capability",
            Self::HostPorts => "host port",
        }
    }
}

impl Test {
    fn passes_nothing(&self) -> bool {
        match self {
            Self::OneOf(set) => set.is_empty(),
            Self::InRanges(ranges) => ranges.is_empty(),
            Self::Matches(patterns) => patterns.is_empty(),
            Self::Under(prefixes) => prefixes.is_empty(),
            _ => false,
        }
    }
}

impl fmt::Display for Test {
    /// What stands after "is".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("unset"),
            Self::Empty => f.write_str("empty"),
            Self::Is(value) => write!(f, "{value}"),
            Self::OneOf(set) => f.write_str(&one_of(set.iter().map(|name| word(name)))),
            Self::InRanges(ranges) => f.write_str(&in_ranges(ranges)),
            Self::Matches(patterns) => f.write_str(&one_of(patterns.iter().map(pattern))),
            Self::Under(prefixes) => {
                let prefixes = prefixes.iter().map(|prefix| prefix.as_str());
                let prefixes = prefixes.map(|prefix| quoted(if prefix.is_empty() { "/" } else { prefix }));
                write!(f, "under {}", one_of(prefixes))
            }
            Self::SameLevel(level) => write!(f, "{}, its categories in any order", quoted(level)),
            Self::Not(test) if **test == Self::Absent => f.write_str("set"),
            Self::Not(test) => write!(f, "not {test}"),
        }
    }
}

fn one_of(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [name] => name.clone(),
        names => format!("one of {}", names.join(", ")),
    }
}

fn word(name: &str) -> String {
    if name.is_empty() {
        return "empty".to_owned();
    }
    quoted(name)
}

fn in_ranges(ranges: &[IdRange]) -> String {
    let print = |range: &IdRange| match (range.min, range.max) {
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min}-{max}"),
    };
    match ranges {
        [] => "nothing".to_owned(),
        [range] if range.min == range.max => print(range),
        ranges => format!("in {}", ranges.iter().map(print).collect::<Vec<_>>().join(", ")),
    }
}

fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Exact(name) => quoted(name),
        Pattern::Prefix(prefix) => quoted(&format!("{prefix}*")),
    }
}

/// The text in backticks, or in Go's quotes if it is empty, or holds a backtick or what does not print as itself.
fn quoted(text: &str) -> String {
    let escaped = go_quote(text);
    let prints_as_itself = escaped.len() == text.len() + 2;
    if text.is_empty() || text.contains('`') || !prints_as_itself {
        escaped.replace('`', "\\x60")
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraint::PathPrefix;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn one_of(field: Field, list: &[&str]) -> Constraint {
        Constraint::Field(field, Test::OneOf(texts(list)))
    }

    #[test]
    fn one_field_has_one_subject() {
        let ranges = vec![IdRange { min: 1, max: 65535 }, IdRange { min: 0, max: 0 }];
        let user = Constraint::absent_or(Field::RunAsUser, Test::InRanges(ranges));
        assert_eq!(
            Constraint::each(Items::Containers, user).to_string(),
            "every container: `securityContext.runAsUser` is unset or in 1-65535, 0"
        );
    }

    #[test]
    fn items_speak_for_themselves() {
        let names = Constraint::all([
            Constraint::Field(Field::Sysctl, Test::not(Test::Matches(vec![Pattern::parse("kernel.*")]))),
            Constraint::Field(Field::Sysctl, Test::Matches(vec![Pattern::parse("a"), Pattern::parse("net.*")])),
        ]);
        assert_eq!(
            Constraint::each(Items::Sysctls, names).to_string(),
            "every sysctl is not `kernel.*` and one of `a`, `net.*`"
        );
    }

    #[test]
    fn an_empty_set_is_said_as_none() {
        let ports = Constraint::Field(Field::HostPort, Test::InRanges(Vec::new()));
        let ports = Constraint::each(Items::Containers, Constraint::each(Items::HostPorts, ports));
        assert_eq!(ports.to_string(), "every container: no host port");
        let volumes = Constraint::each(Items::Volumes, one_of(Field::VolumeType, &[]));
        assert_eq!(volumes.to_string(), "no volume");
    }

    #[test]
    fn an_empty_name_is_called_so() {
        let profile = Constraint::absent_or(Field::PodSeccomp, Test::OneOf(vec![String::new()]));
        assert_eq!(profile.to_string(), "`spec.securityContext.seccompProfile` is unset or empty");
    }

    #[test]
    fn alternatives_keep_what_belongs_together() {
        let under = |path| Constraint::Field(Field::HostPath, Test::Under(vec![PathPrefix::new(path)]));
        let mounts = Constraint::Field(Field::WritableMount, Test::not(Test::Is(true)));
        let other = Constraint::Field(Field::HostPath, Test::Absent);
        let one = Constraint::any([other, under("/"), Constraint::all([under("/var/"), mounts])]);
        assert_eq!(
            Constraint::each(Items::Volumes, one).to_string(),
            "every volume: `hostPath.path` is unset, or `hostPath.path` is under `/`, or (`hostPath.path` is under `/var` and every mount of it is read-only)"
        );
    }

    #[test]
    fn demands_on_several_fields_stand_side_by_side() {
        let pid = Constraint::Field(Field::HostPid, Test::not(Test::Is(true)));
        let each = Constraint::each(Items::Containers, one_of(Field::Seccomp, &["runtime/default"]));
        assert_eq!(
            Constraint::all([pid, each]).to_string(),
            "`spec.hostPID` is not true; every container: `securityContext.seccompProfile` is `runtime/default`"
        );
    }

    #[test]
    fn users_text_cannot_break_out() {
        assert_eq!(quoted("a`b"), r#""a\x60b""#);
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert_eq!(quoted(""), r#""""#);
    }
}
