//! What expressions cost the API server: the limits, a meter for one evaluation, budgets for several, and a static count
//! of authorizer checks.
//!
//! Checks are counted exactly; everything else roughly, which matters only to an expression that comes near the limit of
//! a million units without the authorizer.

use super::ast::{Kind, Node};
use super::error::EvalError;
use super::program::Program;
use super::value::Value;

/// The most that one expression, or one variable, may cost.
pub const PER_EXPRESSION: u64 = 1_000_000;
/// The most that one evaluation of a policy may cost, its variables included.
pub const PER_POLICY: u64 = 10_000_000;
/// The most that all match conditions of a policy may cost.
pub const MATCH_CONDITIONS: u64 = 2_500_000;
/// What one `check` costs.
pub const CHECK: u64 = 350_000;

/// How many checks one expression can pay.
pub const CHECKS_PER_EXPRESSION: u64 = PER_EXPRESSION / CHECK;
/// How many checks one policy can pay.
pub const CHECKS_PER_POLICY: u64 = PER_POLICY / CHECK;
/// How many checks all match conditions of a policy can pay.
pub const CHECKS_IN_MATCH_CONDITIONS: u64 = MATCH_CONDITIONS / CHECK;

/// What the API server says when a budget is exceeded.
pub const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

pub(crate) const NODE: u64 = 1;
pub(crate) const LIST: u64 = 10;
pub(crate) const MAP: u64 = 30;
pub(crate) const STRUCT: u64 = 40;

/// The cost of one evaluation so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meter {
    /// In the API server's units.
    pub units: u64,
    /// Authorizer checks made.
    pub checks: u64,
}

impl Meter {
    pub(crate) fn add(&mut self, units: u64) -> Result<(), EvalError> {
        self.units = self.units.saturating_add(units);
        if self.units > PER_EXPRESSION { Err(EvalError::CostLimit) } else { Ok(()) }
    }

    pub(crate) fn add_check(&mut self) -> Result<(), EvalError> {
        self.checks += 1;
        self.add(CHECK)
    }
}

/// What is left for further evaluations.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// In the API server's units.
    pub remaining: u64,
}

/// A budget is exceeded; see [`OUT_OF_BUDGET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBudget;

impl Budget {
    /// Takes a cost out of the budget.
    ///
    /// # Errors
    ///
    /// When there is not enough left.
    pub fn spend(&mut self, units: u64) -> Result<(), OutOfBudget> {
        self.remaining = self.remaining.checked_sub(units).ok_or(OutOfBudget)?;
        Ok(())
    }
}

/// What a call costs beyond its node: text is paid by length, lists by elements.
pub(crate) fn of_arguments(name: &str, args: &[Value]) -> u64 {
    let size_of = |position: usize| args.get(position).map_or(0, size);
    match name {
        "matches" | "find" | "findAll" => (size_of(0) / 10 + 1).saturating_mul(size_of(1) / 4 + 1),
        "sets.contains" | "sets.intersects" | "sets.equivalent" => args.iter().map(size).product(),
        "@in" => size_of(1),
        "size" | "check" | "orValue" | "value" | "hasValue" => 0,
        _ => args.iter().map(size).sum::<u64>() / 10,
    }
}

/// Characters of text (in bytes), elements of a list or map.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(s) => s.len() as u64,
        Value::Bytes(b) => b.len() as u64,
        Value::List(items) => items.len() as u64,
        Value::Map(map) => map.entries().len() as u64,
        _ => 1,
    }
}

/// How many `check` calls the text of an expression holds, outside its variables.
///
/// This is a lower bound only where a call stands inside a macro over a list; see [`checks_in_loops`].
pub fn checks(program: &Program) -> u64 {
    let mut count = 0;
    program.node().walk(&mut |node| count += u64::from(is_check(node)));
    count
}

/// Whether a `check` stands inside a macro, so that the number made depends on the object.
pub fn checks_in_loops(program: &Program) -> bool {
    let mut found = false;
    program.node().walk(&mut |node| {
        if let Kind::Macro(m) = &node.kind {
            m.body.walk(&mut |inner| found |= is_check(inner));
        }
    });
    found
}

fn is_check(node: &Node) -> bool {
    matches!(&node.kind, Kind::Call(call) if call.member && &*call.name == "check" && call.args.len() == 2)
}

/// An expression, or a set of expressions, that could exceed what the API server allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// Which expression, or `policy` or `matchConditions` for a sum.
    pub of: String,
    /// How many checks it holds.
    pub checks: u64,
    /// How many it may hold.
    pub limit: u64,
}

/// The checks of a policy that are over the limits, counting each variable once: it is evaluated at most once, on its own
/// account of [`PER_EXPRESSION`] and paid by the policy.
pub fn excesses<'a>(
    expressions: impl Iterator<Item = (&'a str, &'a Program)>,
    match_conditions: impl Iterator<Item = (&'a str, &'a Program)>,
) -> Vec<Excess> {
    let mut found = Vec::new();
    let total = sum(expressions, &mut found);
    let conditions = sum(match_conditions, &mut found);
    let sums = [("policy", total, CHECKS_PER_POLICY), ("matchConditions", conditions, CHECKS_IN_MATCH_CONDITIONS)];
    for (of, checks, limit) in sums {
        if checks > limit {
            found.push(Excess { of: of.into(), checks, limit });
        }
    }
    found
}

fn sum<'a>(programs: impl Iterator<Item = (&'a str, &'a Program)>, found: &mut Vec<Excess>) -> u64 {
    let mut total = 0;
    for (name, program) in programs {
        let checks = checks(program);
        if checks > CHECKS_PER_EXPRESSION {
            found.push(Excess { of: name.to_owned(), checks, limit: CHECKS_PER_EXPRESSION });
        }
        total += checks;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_limits() {
        assert_eq!((CHECKS_PER_EXPRESSION, CHECKS_PER_POLICY, CHECKS_IN_MATCH_CONDITIONS), (2, 28, 7));
    }

    #[test]
    fn checks_are_counted_in_the_text() {
        let two = Program::compile(
            "authorizer.path('/a').check('get').allowed() || variables.u.name('b').check('use').allowed()",
        );
        let two = two.unwrap();
        assert_eq!(checks(&two), 2);
        let three = Program::compile("[1].all(x, a.check('x') == b.check('y') || c.check('z') == d)").unwrap();
        assert_eq!(checks(&three), 3);
        assert!(checks_in_loops(&three));
        assert!(!checks_in_loops(&two));
        let of_policy = (0..15).map(|_| ("v", &two));
        let found = excesses(of_policy, [("m", &three)].into_iter());
        let shown: Vec<_> = found.iter().map(|e| (e.of.as_str(), e.checks, e.limit)).collect();
        assert_eq!(shown, [("m", 3, 2), ("policy", 30, 28)]);
    }
}
