//! The function libraries of CEL and Kubernetes: a table of names, signatures and the functions behind them.
//!
//! One table serves evaluation (which overload fits these values) and lint (which overload fits these types, and since
//! which Kubernetes version). An [`Environment`] is a list of libraries, so an engine that adds functions adds a list.

mod authz;
mod conversions;
mod encoding;
mod format_string;
mod formats;
mod jsonpatch;
mod lists;
mod net;
mod operators;
mod optionals;
mod quantity;
pub(crate) mod regex;
mod sets;
mod strings;
mod times;
mod url;

use super::error::EvalError;
use super::eval::Runtime;
use super::types::Signature;
use super::value::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(crate) use authz::{authorizer_value, request_resource_value};
pub(crate) use encoding::base64;

/// What evaluating gives.
pub(crate) type Outcome = Result<Value, EvalError>;

/// A function's implementation. Its arguments fit one of the signatures it is declared with, the receiver first.
pub(crate) type Native = fn(&mut Runtime<'_>, &[Value]) -> Outcome;

/// A set of functions that came together.
#[derive(Debug)]
pub(crate) struct Library {
    /// The Kubernetes 1.x minor whose base environment first had it; 0 for always.
    pub introduced: u32,
    pub functions: &'static [Declaration],
}

/// A name with the signatures that one native function serves.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub name: &'static str,
    pub signatures: &'static [&'static str],
    pub native: Native,
}

/// Declares a function.
const fn declare(name: &'static str, signatures: &'static [&'static str], native: Native) -> Declaration {
    Declaration { name, signatures, native }
}

/// A function as an environment knows it.
#[derive(Debug)]
pub(crate) struct Function {
    pub overloads: Vec<Overload>,
}

/// One way to call a function.
#[derive(Debug)]
pub(crate) struct Overload {
    pub signature: Signature,
    /// See [`Library::introduced`].
    pub introduced: u32,
    pub native: Native,
}

impl Function {
    /// Calls the overload that the values fit.
    pub(crate) fn call(&self, name: &str, member: bool, runtime: &mut Runtime<'_>, args: &[Value]) -> Outcome {
        match self.overloads.iter().find(|overload| overload.fits(member, args)) {
            Some(overload) => (overload.native)(runtime, args),
            None => Err(no_such_overload(name, args)),
        }
    }
}

impl Overload {
    fn fits(&self, member: bool, args: &[Value]) -> bool {
        let Signature { member: declared, params, .. } = &self.signature;
        *declared == member && params.len() == args.len() && params.iter().zip(args).all(|(t, v)| t.admits(v))
    }
}

/// cel-go names the function where the receiver's kind has no such function at all, and the types where the function is
/// not one of its operators.
fn no_such_overload(name: &str, args: &[Value]) -> EvalError {
    let first = args.first().map_or("", Value::type_name);
    let has_operator = match name {
        "_<_" | "_<=_" | "_>_" | "_>=_" => !matches!(first, "list" | "map" | "null_type" | "type" | "optional_type"),
        "_+_" => ["int", "uint", "double", "string", "bytes", "list"].contains(&first),
        "_-_" | "_*_" | "_/_" | "-_" => ["int", "uint", "double"].contains(&first),
        "_%_" => ["int", "uint"].contains(&first),
        "startsWith" | "endsWith" | "contains" | "matches" => first == "string",
        _ => false,
    };
    if has_operator {
        return EvalError::no_such_overload();
    }
    if name.starts_with('_') {
        return EvalError::Runtime(format!("no such overload: {name}"));
    }
    let types: Vec<&str> = args.iter().map(Value::type_name).collect();
    EvalError::Runtime(format!("no such overload: {name}({})", types.join(", ")))
}

/// The functions that expressions may call.
#[derive(Debug)]
pub struct Environment {
    name: &'static str,
    functions: BTreeMap<&'static str, Function>,
}

impl Environment {
    /// All functions of these libraries.
    pub(crate) fn new(name: &'static str, libraries: &[&'static Library]) -> Self {
        let mut functions: BTreeMap<&'static str, Function> = BTreeMap::new();
        for library in libraries {
            for declaration in library.functions {
                let function = functions.entry(declaration.name).or_insert(Function { overloads: Vec::new() });
                for signature in declaration.signatures.iter().filter_map(|text| Signature::read(text)) {
                    let (introduced, native) = (library.introduced, declaration.native);
                    function.overloads.push(Overload { signature, introduced, native });
                }
            }
        }
        Self { name, functions }
    }

    /// What it is called; no two are called alike.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The function of that name.
    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }
}

/// What Kubernetes' admission policies offer, as of 1.37.
pub(crate) const KUBERNETES_LIBRARIES: [&Library; 19] = [
    &operators::STANDARD,
    &operators::CROSS_TYPE,
    &conversions::STANDARD,
    &strings::STANDARD,
    &strings::FORMATTING,
    &times::STANDARD,
    &regex::KUBERNETES,
    &lists::KUBERNETES,
    &lists::INCLUDES,
    &lists::EXTENDED,
    &sets::SETS,
    &optionals::OPTIONALS,
    &quantity::QUANTITY,
    &url::URL,
    &net::NET,
    &formats::FORMATS,
    &authz::AUTHORIZER,
    &authz::SELECTORS,
    &jsonpatch::JSON_PATCH,
];

/// What Kyverno 1.19 offers of it: nobody answers an authorizer there. Its own functions (`resource`, `http`, `image` and
/// others) are unknown here, hence named where an expression uses them.
static KYVERNO_LIBRARIES: LazyLock<Vec<&'static Library>> = LazyLock::new(|| {
    let not_there: [&Library; 3] = [&authz::AUTHORIZER, &authz::SELECTORS, &lists::INCLUDES];
    KUBERNETES_LIBRARIES.into_iter().filter(|library| !not_there.iter().any(|it| std::ptr::eq(*it, *library))).collect()
});

/// The environment of Kyverno's CEL policies.
pub(crate) static KYVERNO: LazyLock<Environment> = LazyLock::new(|| Environment::new("kyverno", &KYVERNO_LIBRARIES));

/// The environment of Kubernetes' admission policies.
pub(crate) static KUBERNETES: LazyLock<Environment> =
    LazyLock::new(|| Environment::new("kubernetes", &KUBERNETES_LIBRARIES));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_signature_reads() {
        for library in KUBERNETES_LIBRARIES {
            for declaration in library.functions {
                for signature in declaration.signatures {
                    assert!(Signature::read(signature).is_some(), "{}: {signature}", declaration.name);
                }
            }
        }
    }
}
