//! Constraints and fills as CEL, for every engine that speaks it.
//!
//! What is printed compiles to `bool` on a server from 1.30, and holds of a pod as the API server shows it to CEL exactly
//! when the constraint holds. Two things that the algebra can say, the server cannot show: an empty list is an absent
//! one, and a volume has one source. Seccomp and AppArmor are read from today's fields; AppArmor annotations count where
//! no field repeats them, because the server carries them over only after the mutating phase.

mod field;
mod patch;
mod printed;
mod test;

use crate::cel::print::Expr;
use crate::constraint::{Constraint, Fill, Items, Test};
use crate::pod_view::{Fact, Field, Scope};
use field::{Source, source};
use printed::Printed;

pub use patch::{patches, profile_parts, seccomp_is_copied};

/// The names under which expressions find the pod.
#[derive(Debug, Clone)]
pub struct Names {
    /// The pod, e.g. `object`.
    pub pod: &'static str,
    /// All containers of the pod in one list, see [`containers`].
    pub containers: &'static str,
    /// The paths of the containers, in the order of that list, see [`paths`].
    pub paths: &'static str,
}

impl Default for Names {
    fn default() -> Self {
        Self { pod: "object", containers: "variables.containers", paths: "variables.paths" }
    }
}

/// The lists of containers, in the order in which [`containers`] and [`paths`] put them.
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// All containers of the pod: what [`Names::containers`] must stand for.
pub fn containers(names: &Names) -> Expr {
    Expr::concat(LISTS.iter().map(|list| container_list(names, list)))
}

/// The JSON pointers of all containers: what [`Names::paths`] must stand for where pods are filled in. Needs the library
/// of lists (1.35).
pub fn paths(names: &Names) -> Expr {
    let path = |list: &&str| {
        let range = Expr::call("lists.range", [Expr::call("size", [container_list(names, list)])]);
        let index = Expr::call("string", [Expr::name("i")]);
        let path = Expr::concat([Expr::string(&format!("/spec/{list}/")), index]);
        range.method("map", [Expr::name("i"), path])
    };
    Expr::concat(LISTS.iter().map(path))
}

fn container_list(names: &Names, list: &str) -> Expr {
    field::spec(names).optional_field(list).method("orValue", [Expr::list([])])
}

/// The constraint as an expression of type `bool`.
pub fn constraint(constraint: &Constraint, names: &Names) -> Expr {
    At::pod(names).constraint(constraint).into()
}

/// Whether the fill would leave the pod as it is; `None` if it always would.
pub fn settled(fill: &Fill, names: &Names) -> Option<Expr> {
    match At::pod(names).settled(fill) {
        Printed::Constant(true) => None,
        printed => Some(printed.into()),
    }
}

/// What the quantifiers around an expression have reached.
#[derive(Clone)]
struct At<'n> {
    names: &'n Names,
    container: Expr,
}

impl<'n> At<'n> {
    fn pod(names: &'n Names) -> Self {
        Self { names, container: Expr::name("c") }
    }

    fn constraint(&self, constraint: &Constraint) -> Printed {
        match constraint {
            Constraint::Always => Printed::Constant(true),
            Constraint::Never(_) => Printed::Constant(false),
            Constraint::All(parts) => Printed::all(parts.iter().map(|part| self.constraint(part))),
            Constraint::Any(parts) => match parts.as_slice() {
                [Constraint::Field(absent, Test::Absent), Constraint::Field(field, test)] if absent == field => {
                    self.field(*field, test, true)
                }
                _ => Printed::any(parts.iter().map(|part| self.constraint(part))),
            },
            Constraint::Each(items, constraint) => self.each(*items, constraint),
            Constraint::Field(field, test) => self.field(*field, test, false),
        }
    }

    fn each(&self, items: Items, constraint: &Constraint) -> Printed {
        match self.constraint(constraint) {
            Printed::Constant(true) => Printed::Constant(true),
            body => {
                let (list, item) = field::items(items, self);
                Printed::Expr(list.all(item, body.into()))
            }
        }
    }

    /// Whether the field passes the test, or, with `or_absent`, is absent.
    fn field(&self, field: Field, test: &Test, or_absent: bool) -> Printed {
        match source(field, self) {
            Source::Always(value) => test::of_value(test, &value),
            Source::Truth(holds) => test::of_truth(test, holds),
            Source::Kind(volume) => test::of_volume_type(test, &volume),
            Source::Part { object, text } => test::of_part(test, object, text, or_absent || test.passes(Fact::Absent)),
            // A port without a host port is no item of the list.
            Source::Optional { value, .. } if field == Field::HostPort => test::of_optional(test, value, true),
            Source::Optional { value, absent, .. } => test::of_optional(test, value, or_absent || test.passes(absent)),
        }
    }

    fn present(&self, field: Field) -> Printed {
        match source(field, self) {
            Source::Optional { present, .. } | Source::Part { object: present, .. } => {
                Printed::Expr(present.method("hasValue", []))
            }
            _ => Printed::Constant(true),
        }
    }

    fn settled(&self, fill: &Fill) -> Printed {
        let each = |one: Printed| match one {
            Printed::Constant(true) => one,
            one => Printed::Expr(field::items(Items::Containers, self).0.all("c", one.into())),
        };
        match fill {
            Fill::CopySeccompToAnnotation => Printed::Constant(true),
            Fill::SetIfAbsent { at, value, .. } if patch::value(*at, value).is_none() => Printed::Constant(true),
            Fill::SetIfAbsent { at, .. } if at.scope() == Scope::Pod => self.present(*at),
            Fill::SetIfAbsent { .. } | Fill::Capabilities { .. } => each(self.settled_here(fill)),
        }
    }

    /// Whether a fill of containers would leave the container at hand as it is.
    fn settled_here(&self, fill: &Fill) -> Printed {
        match fill {
            Fill::SetIfAbsent { at, unless_set, .. } => {
                Printed::any([*at].into_iter().chain(*unless_set).map(|field| self.present(field)))
            }
            Fill::Capabilities { add, drop } => {
                let (added, dropped) = (field::capabilities(self, "add"), field::capabilities(self, "drop"));
                let both = Expr::concat([added, dropped.clone()]);
                let within = |names: &[String], list: Expr| {
                    let names = Expr::strings(names.iter().map(String::as_str));
                    names.all("x", Expr::name("x").is_in(list))
                };
                let add = (!add.is_empty()).then(|| Printed::Expr(within(add, both)));
                let drop = (!drop.is_empty()).then(|| Printed::Expr(within(drop, dropped)));
                Printed::all(add.into_iter().chain(drop))
            }
            Fill::CopySeccompToAnnotation => Printed::Constant(true),
        }
    }
}

#[cfg(test)]
mod tests;
