//! The modules of a template, and which rules a name stands for.

use std::collections::BTreeMap;

use regorus::unstable::{Expr, Module, Ref, Rule, RuleHead};
use regorus::{Engine, Value};

/// The rules of all modules, by their full names such as `data.library.rule`.
pub(super) struct Program {
    modules: Vec<Ref<Module>>,
    packages: Vec<String>,
    rules: BTreeMap<String, Vec<(usize, usize)>>,
}

impl Program {
    pub fn new(engine: &mut Engine) -> Self {
        let modules = engine.get_modules().clone();
        let packages: Vec<String> =
            modules.iter().map(|module| format!("data.{}", dotted(&module.package.refr).unwrap_or_default())).collect();
        let mut rules: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, module) in modules.iter().enumerate() {
            for (index, rule) in module.policy.iter().enumerate() {
                let package = packages.get(at).map(String::as_str).unwrap_or_default();
                if let Some(name) = rule_name(rule) {
                    rules.entry(format!("{package}.{name}")).or_default().push((at, index));
                }
            }
        }
        Self { modules, packages, rules }
    }

    /// The rules of a full name, each with its module.
    pub fn rules(&self, name: &str) -> impl Iterator<Item = (usize, &Rule)> {
        let all = self.rules.get(name).into_iter().flatten();
        all.filter_map(|(module, rule)| Some((*module, self.modules.get(*module)?.policy.get(*rule)?.as_ref())))
    }

    pub fn package(&self, module: usize) -> &str {
        self.packages.get(module).map(String::as_str).unwrap_or_default()
    }

    pub fn module(&self, module: usize) -> Option<&Module> {
        self.modules.get(module).map(AsRef::as_ref)
    }

    /// The full name of the rule that an expression in a module refers to.
    pub fn resolve(&self, module: usize, expr: &Expr) -> Option<String> {
        let text = dotted(expr)?;
        if self.rules.contains_key(&text) {
            return Some(text);
        }
        let own = format!("{}.{text}", self.package(module));
        if self.rules.contains_key(&own) {
            return Some(own);
        }
        let (first, rest) = text.split_once('.').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
        for import in &self.module(module)?.imports {
            let path = dotted(&import.refr)?;
            let alias = import.r#as.as_ref().map(|span| span.text().to_owned());
            let alias = alias.or_else(|| path.rsplit('.').next().map(str::to_owned));
            let full = rest.map_or_else(|| path.clone(), |rest| format!("{path}.{rest}"));
            if alias.as_deref() == Some(first) && self.rules.contains_key(&full) {
                return Some(full);
            }
        }
        None
    }
}

/// A reference of plain names, as text.
pub(super) fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var { value: Value::String(name), .. } => Some(name.to_string()),
        Expr::RefDot { refr, field: (_, Value::String(field)), .. } => Some(format!("{}.{field}", dotted(refr)?)),
        Expr::RefBrack { refr, index, .. } => match index.as_ref() {
            Expr::String { value: Value::String(field), .. } => Some(format!("{}.{field}", dotted(refr)?)),
            _ => None,
        },
        _ => None,
    }
}

fn rule_name(rule: &Rule) -> Option<String> {
    match rule {
        Rule::Default { refr, .. } => dotted(refr),
        Rule::Spec { head: RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. }, .. } => dotted(refr),
        Rule::Spec { head: RuleHead::Compr { refr, .. }, .. } => match refr.as_ref() {
            Expr::RefBrack { refr, .. } => dotted(refr),
            plain => dotted(plain),
        },
    }
}
