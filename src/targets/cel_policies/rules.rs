//! The rules of all policies as variables: rules that several policies share are written and evaluated once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cel::print::Expr;
use crate::plan::{Plan, PlannedPolicy};
use crate::targets::cel_rules::{self, Names};

/// Named expressions, each of which may use those before it.
#[derive(Debug, Default)]
pub(in crate::targets) struct Variables(Vec<(String, Expr)>);

impl Variables {
    /// Adds a variable under this name, or under one like it if another has the name; gives the reference to it.
    pub(in crate::targets) fn add(&mut self, wish: &str, expression: Expr) -> Expr {
        let taken = |name: &str| self.0.iter().any(|(known, _)| known == name);
        let mut name = wish.to_owned();
        let mut number = 2;
        while taken(&name) {
            name = format!("{wish}_{number}");
            number += 1;
        }
        let reference = Expr::name("variables").field(&name);
        self.0.push((name, expression));
        reference
    }

    /// As [`Variables::add`], unless a variable of this name or one like it says the same.
    fn share(&mut self, wish: &str, expression: Expr) -> Expr {
        match self.0.iter().find(|(_, known)| *known == expression) {
            Some((name, _)) => Expr::name("variables").field(name),
            None => self.add(wish, expression),
        }
    }

    /// The list as a document has it.
    pub(in crate::targets) fn to_json(&self) -> Value {
        let entry = |(name, expression): &(String, Expr)| json!({"name": name, "expression": expression.to_string()});
        self.0.iter().map(entry).collect()
    }
}

/// One policy as references to variables.
pub(in crate::targets) struct PolicyRules<'p> {
    pub(in crate::targets) policy: &'p PlannedPolicy<'p>,
    /// What can stand in a variable's name.
    pub(in crate::targets) slug: String,
    /// The control and the variable of each rule.
    pub(in crate::targets) rules: Vec<(&'static str, Expr)>,
    /// The rules all hold.
    pub(in crate::targets) admits: Expr,
    /// Filling would leave the pod as it is; `None` if it always would.
    pub(in crate::targets) settled: Option<Expr>,
}

impl PolicyRules<'_> {
    /// It admits the pod, and has nothing to fill in.
    pub(in crate::targets) fn admits_untouched(&self) -> Expr {
        Expr::and([self.admits.clone()].into_iter().chain(self.settled.clone()))
    }
}

/// Adds the rules of all policies. Without `fills` nothing counts as to be filled in.
pub(in crate::targets) fn add_rules<'p>(
    plan: &'p Plan<'p>,
    fills: bool,
    names: &Names,
    variables: &mut Variables,
) -> Vec<PolicyRules<'p>> {
    let mut slugs = BTreeSet::new();
    plan.policies
        .iter()
        .map(|policy| add_policy(policy, fills, names, slug(policy.name, &mut slugs), variables))
        .collect()
}

fn add_policy<'p>(
    policy: &'p PlannedPolicy<'p>,
    fills: bool,
    names: &Names,
    slug: String,
    variables: &mut Variables,
) -> PolicyRules<'p> {
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let expression = cel_rules::constraint(&rule.constraint, names);
        if expression != Expr::bool(true) {
            rules.push((rule.control, variables.share(rule.control, expression)));
        }
    }
    let admits = Expr::and(rules.iter().map(|(_, rule)| rule.clone()));
    let admits = variables.add(&format!("admits_{slug}"), admits);
    let settled: Vec<Expr> =
        policy.fills.iter().filter(|_| fills).filter_map(|fill| cel_rules::settled(fill, names)).collect();
    let settled = (!settled.is_empty()).then(|| variables.add(&format!("filled_{slug}"), Expr::and(settled)));
    PolicyRules { policy, slug, rules, admits, settled }
}

/// The name with what a variable's name cannot hold replaced, and unlike the ones before.
fn slug(name: &str, known: &mut BTreeSet<String>) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let numbers = (2..).map(|number| format!("{plain}_{number}"));
    let slug = [plain.clone()].into_iter().chain(numbers).find(|slug| !known.contains(slug)).unwrap_or(plain);
    known.insert(slug.clone());
    slug
}
