//! Tests as CEL.

use super::printed::Printed;
use crate::cel::print::Expr;
use crate::constraint::{PathPrefix, Pattern, Test};
use crate::pod_view::VOLUME_SOURCES;

/// The test of a value that is always there.
pub(super) fn of_value(test: &Test, value: &Expr) -> Printed {
    match test {
        // An empty list reaches no server: it is stored as an absent one.
        Test::Absent | Test::Empty => Printed::Constant(false),
        Test::Is(expected) => Printed::Expr(value.clone().equals(Expr::bool(*expected))),
        Test::OneOf(set) => one_of(value, set.iter().map(String::as_str)),
        Test::InRanges(ranges) if ranges.is_empty() => Printed::Constant(false),
        Test::InRanges(ranges) => {
            let ranges: Vec<(i64, i64)> = ranges.iter().map(|range| (range.min, range.max)).collect();
            Printed::Expr(value.in_ranges(&ranges))
        }
        Test::Matches(patterns) => matches(value, patterns),
        Test::Under(prefixes) => Printed::any(prefixes.iter().map(|prefix| under(value, prefix))),
        Test::SameLevel(level) => same_level(value, level),
        Test::Not(test) => of_value(test, value).negated(),
    }
}

/// The test of a truth.
pub(super) fn of_truth(test: &Test, holds: Expr) -> Printed {
    match test {
        Test::Is(true) => Printed::Expr(holds),
        Test::Is(false) => Printed::Expr(holds.negated()),
        Test::Not(test) => of_truth(test, holds).negated(),
        _ => Printed::Constant(false),
    }
}

/// The test of an optional value; an absent one passes or does not.
pub(super) fn of_optional(test: &Test, value: Expr, absent_passes: bool) -> Printed {
    if let Some(wanted) = wanted_truth(test) {
        let otherwise = Expr::bool(if absent_passes { wanted } else { !wanted });
        return Printed::Expr(value.method("orValue", [otherwise]).equals(Expr::bool(wanted)));
    }
    match of_value(test, &Expr::name("v")) {
        Printed::Constant(passes) if passes == absent_passes => Printed::Constant(passes),
        Printed::Constant(true) => Printed::Expr(value.method("hasValue", [])),
        Printed::Constant(false) => Printed::Expr(value.method("hasValue", []).negated()),
        Printed::Expr(body) => {
            let judged = value.method("optMap", [Expr::name("v"), body]);
            Printed::Expr(judged.method("orValue", [Expr::bool(absent_passes)]))
        }
    }
}

/// The test of a text within an optional object called `o`.
pub(super) fn of_part(test: &Test, object: Expr, text: Expr, absent_passes: bool) -> Printed {
    let stated = if let Test::Not(denied) = test { denied } else { test };
    match (stated, of_value(test, &text)) {
        (Test::OneOf(_), Printed::Expr(body)) => {
            let judged = object.method("optMap", [Expr::name("o"), body]);
            Printed::Expr(judged.method("orValue", [Expr::bool(absent_passes)]))
        }
        _ => of_optional(test, object.method("optMap", [Expr::name("o"), text]), absent_passes),
    }
}

/// The one truth that passes.
fn wanted_truth(test: &Test) -> Option<bool> {
    match test {
        Test::Is(wanted) => Some(*wanted),
        Test::Not(test) => wanted_truth(test).map(|wanted| !wanted),
        _ => None,
    }
}

/// The test of a volume's type.
pub(super) fn of_volume_type(test: &Test, volume: &Expr) -> Printed {
    match test {
        Test::OneOf(types) => {
            let listed = VOLUME_SOURCES.iter().filter(|(_, kind)| types.iter().any(|listed| listed == kind));
            Printed::any(listed.map(|(key, _)| Printed::Expr(volume.clone().field(key).has())))
        }
        Test::Not(test) => of_volume_type(test, volume).negated(),
        _ => Printed::Constant(false),
    }
}

fn one_of<'t>(value: &Expr, texts: impl IntoIterator<Item = &'t str>) -> Printed {
    let texts: Vec<&str> = texts.into_iter().collect();
    match texts.as_slice() {
        [] => Printed::Constant(false),
        [only] => Printed::Expr(value.clone().equals(Expr::string(only))),
        _ => Printed::Expr(value.clone().is_one_of(texts)),
    }
}

fn matches(value: &Expr, patterns: &[Pattern]) -> Printed {
    let exact = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Exact(name) => Some(name.as_str()),
        Pattern::Prefix(_) => None,
    });
    let prefixes = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Prefix(prefix) => Some(starts_with(value, prefix)),
        Pattern::Exact(_) => None,
    });
    Printed::any([one_of(value, exact)].into_iter().chain(prefixes))
}

fn starts_with(value: &Expr, prefix: &str) -> Printed {
    if prefix.is_empty() {
        return Printed::Constant(true);
    }
    Printed::Expr(value.clone().method("startsWith", [Expr::string(prefix)]))
}

/// The path without its one trailing slash is the prefix, or continues it with a slash. Said of the path as it is: what
/// starts with the prefix and a slash, or is the prefix, unless that slash is the one that does not count.
fn under(value: &Expr, prefix: &PathPrefix) -> Printed {
    let prefix = prefix.as_str();
    let itself = (!prefix.ends_with('/')).then(|| one_of(value, [prefix]));
    Printed::any(itself.into_iter().chain([starts_with(value, &format!("{prefix}/"))]))
}

/// The same categories in any order: as many of them, and each as often.
fn same_level(value: &Expr, level: &str) -> Printed {
    let equal = Printed::Expr(value.clone().equals(Expr::string(level)));
    let Some((sensitivity, categories)) = level.split_once(':') else {
        return equal;
    };
    let mut sorted: Vec<&str> = categories.split(',').collect();
    let (count, skipped) = (length(sorted.len()), length(sensitivity.chars().count() + 1));
    sorted.sort_unstable();
    let list = || Expr::name("l");
    let same_size = list().method("size", []).equals(count);
    let each = sorted.chunk_by(|a, b| a == b).filter_map(|same| {
        let one = Expr::name("x").equals(Expr::string(same.first()?));
        let found = list().method("filter", [Expr::name("x"), one]);
        Some(found.method("size", []).equals(length(same.len())))
    });
    let same = Expr::and([same_size].into_iter().chain(each));
    let rest = value.clone().method("substring", [skipped]).method("split", [Expr::string(",")]);
    let begins = value.clone().method("startsWith", [Expr::string(&format!("{sensitivity}:"))]);
    Printed::any([equal, Printed::Expr(Expr::and([begins, Expr::list([rest]).exists("l", same)]))])
}

fn length(count: usize) -> Expr {
    Expr::int(i64::try_from(count).unwrap_or(i64::MAX))
}
