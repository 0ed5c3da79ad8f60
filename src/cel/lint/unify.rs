//! Type unification: which types agree, and what type variables come to stand for.
//!
//! Source: cel-go `checker/types.go`.

use crate::cel::types::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What type variables stand for so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Substitution {
    bound: BTreeMap<usize, Type>,
    next: usize,
}

impl Substitution {
    /// A type variable that nothing is known of.
    pub fn fresh(&mut self) -> Type {
        self.next += 1;
        Type::Var(self.next - 1)
    }

    /// The types of a signature with its parameters replaced by fresh variables.
    pub fn instantiate(&mut self, types: &[&Type]) -> Vec<Type> {
        let mut names: BTreeMap<Arc<str>, Type> = BTreeMap::new();
        types.iter().map(|t| self.instance(t, &mut names)).collect()
    }

    fn instance(&mut self, t: &Type, names: &mut BTreeMap<Arc<str>, Type>) -> Type {
        match t {
            Type::Param(name) => match names.get(name) {
                Some(known) => known.clone(),
                None => {
                    let fresh = self.fresh();
                    names.insert(name.clone(), fresh.clone());
                    fresh
                }
            },
            Type::List(element) => Type::list(self.instance(element, names)),
            Type::Map(key, value) => Type::map(self.instance(key, names), self.instance(value, names)),
            Type::Optional(inner) => Type::optional(self.instance(inner, names)),
            other => other.clone(),
        }
    }

    /// Whether `a` and `b` agree; if so, remembers what that says of variables.
    pub fn agree(&mut self, a: &Type, b: &Type) -> bool {
        self.agree_all(&[(a, b)])
    }

    /// Whether all pairs agree; remembers nothing unless they do.
    pub fn agree_all(&mut self, pairs: &[(&Type, &Type)]) -> bool {
        let mut attempt = self.clone();
        let agreed = pairs.iter().all(|(a, b)| attempt.assignable(a, b));
        if agreed {
            *self = attempt;
        }
        agreed
    }

    fn assignable(&mut self, a: &Type, b: &Type) -> bool {
        if let Type::Var(id) = b {
            match self.bind(*id, b, a) {
                Bound::Agreed => return true,
                Bound::Refused => return false,
                Bound::Circular => {}
            }
        }
        if let Type::Var(id) = a {
            return matches!(self.bind(*id, a, b), Bound::Agreed);
        }
        match (a, b) {
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::Meta(_), Type::Meta(_)) => true,
            (Type::List(x), Type::List(y)) | (Type::Optional(x), Type::Optional(y)) => self.assignable(x, y),
            (Type::Map(k1, v1), Type::Map(k2, v2)) => self.assignable(k1, k2) && self.assignable(v1, v2),
            _ => a == b,
        }
    }

    fn bind(&mut self, id: usize, variable: &Type, to: &Type) -> Bound {
        if variable == to {
            return Bound::Agreed;
        }
        if let Some(known) = self.bound.get(&id).cloned() {
            if known == *to {
                return Bound::Agreed;
            }
            if !self.assignable(to, &known) {
                return Bound::Refused;
            }
            let general = if is_less_specific(to, &known) { to.clone() } else { known };
            if !self.mentions(&general, id) {
                self.bound.insert(id, general);
            }
            return Bound::Agreed;
        }
        if self.mentions(to, id) {
            return Bound::Circular;
        }
        self.bound.insert(id, to.clone());
        Bound::Agreed
    }

    fn mentions(&self, t: &Type, id: usize) -> bool {
        match t {
            Type::Var(other) => *other == id || self.bound.get(other).is_some_and(|t| self.mentions(t, id)),
            Type::List(inner) | Type::Optional(inner) => self.mentions(inner, id),
            Type::Map(key, value) => self.mentions(key, id) || self.mentions(value, id),
            _ => false,
        }
    }

    /// The type with all known variables replaced.
    pub fn resolve(&self, t: &Type) -> Type {
        match t {
            Type::Var(id) => self.bound.get(id).map_or_else(|| t.clone(), |known| self.resolve(known)),
            Type::List(inner) => Type::list(self.resolve(inner)),
            Type::Optional(inner) => Type::optional(self.resolve(inner)),
            Type::Map(key, value) => Type::map(self.resolve(key), self.resolve(value)),
            other => other.clone(),
        }
    }

    /// The type with all variables replaced, unknown ones by `dyn`.
    pub fn settle(&self, t: &Type) -> Type {
        match self.resolve(t) {
            Type::Var(_) => Type::Dyn,
            Type::List(inner) => Type::list(self.settle(&inner)),
            Type::Optional(inner) => Type::optional(self.settle(&inner)),
            Type::Map(key, value) => Type::map(self.settle(&key), self.settle(&value)),
            other => other,
        }
    }
}

enum Bound {
    Agreed,
    Refused,
    Circular,
}

fn is_nullable(t: &Type) -> bool {
    matches!(t, Type::Null | Type::Object(_) | Type::Optional(_) | Type::Duration | Type::Timestamp)
}

/// The more general of two types that agree.
pub(super) fn most_general(a: Type, b: Type) -> Type {
    if is_less_specific(&a, &b) { a } else { b }
}

fn is_less_specific(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn | Type::Var(_) | Type::Error, _) => true,
        (_, Type::Dyn | Type::Var(_)) => false,
        (Type::List(x), Type::List(y)) | (Type::Optional(x), Type::Optional(y)) => is_less_specific(x, y),
        (Type::Map(k1, v1), Type::Map(k2, v2)) => is_less_specific(k1, k2) && is_less_specific(v1, v2),
        (Type::Meta(_), Type::Meta(_)) => true,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_take_the_more_general_type() {
        let mut s = Substitution::default();
        let v = s.fresh();
        assert!(s.agree(&Type::String, &v));
        assert!(!s.agree(&Type::Int, &v));
        assert!(s.agree(&Type::Dyn, &v));
        assert_eq!(s.settle(&Type::list(v)), Type::list(Type::Dyn));
    }

    #[test]
    fn nothing_is_remembered_of_a_failed_attempt() {
        let mut s = Substitution::default();
        let v = s.fresh();
        assert!(!s.agree_all(&[(&Type::String, &v), (&Type::Int, &Type::Bool)]));
        assert!(s.agree(&Type::Int, &v));
        assert!(!s.agree(&Type::list(v.clone()), &v));
    }
}
