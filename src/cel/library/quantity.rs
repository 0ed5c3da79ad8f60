//! Kubernetes quantities: `1.5Gi`, `100m`, `1e3`, exact to a billionth.
//!
//! Source: `k8s.io/apimachinery/pkg/api/resource`. Amounts are kept in nanos; upstream rounds finer fractions up. Upstream
//! also keeps how an amount was written: `1.0` and `1000m` are no integers to it, and neither is `1.5Gi`.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::{Opaque, Value};
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

pub(crate) static QUANTITY: Library = Library { introduced: 28, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 11] = [
    declare("quantity", &["(string) -> kubernetes.Quantity"], to_quantity),
    declare("isQuantity", &["(string) -> bool"], is_quantity),
    declare("sign", &["(kubernetes.Quantity) -> int"], |_, args| Ok(Value::Int(this(args)?.nanos.signum() as i64))),
    declare("isGreaterThan", &["kubernetes.Quantity.(kubernetes.Quantity) -> bool"], |_, args| {
        Ok(Value::Bool(order(args)?.is_gt()))
    }),
    declare("isLessThan", &["kubernetes.Quantity.(kubernetes.Quantity) -> bool"], |_, args| {
        Ok(Value::Bool(order(args)?.is_lt()))
    }),
    declare("compareTo", &["kubernetes.Quantity.(kubernetes.Quantity) -> int"], |_, args| {
        Ok(Value::Int(order(args)? as i64))
    }),
    declare("asApproximateFloat", &["kubernetes.Quantity.() -> double"], |_, args| {
        Ok(Value::Double(this(args)?.nanos as f64 / NANO as f64))
    }),
    declare("asInteger", &["kubernetes.Quantity.() -> int"], |_, args| {
        let whole = this(args)?.whole();
        whole.map(Value::Int).ok_or_else(|| EvalError::runtime("cannot convert value to integer"))
    }),
    declare("isInteger", &["kubernetes.Quantity.() -> bool"], |_, args| Ok(Value::Bool(this(args)?.whole().is_some()))),
    declare("add", ARITHMETIC, |_, args| combine(args, i128::checked_add)),
    declare("sub", ARITHMETIC, |_, args| combine(args, i128::checked_sub)),
];

const ARITHMETIC: &[&str] = &[
    "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity",
    "kubernetes.Quantity.(int) -> kubernetes.Quantity",
];

const NANO: i128 = 1_000_000_000;

#[derive(Debug, Clone, Copy)]
struct Quantity {
    nanos: i128,
    /// The power of ten that the amount is counted in; `None` where upstream keeps a decimal of any length.
    scale: Option<i32>,
}

impl Opaque for Quantity {
    fn type_name(&self) -> &'static str {
        "kubernetes.Quantity"
    }

    fn equals(&self, other: &dyn Opaque) -> Option<bool> {
        other.as_any().downcast_ref::<Self>().map(|other| other.nanos == self.nanos)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Quantity {
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let (numerator, denominator) = scale(suffix)?;
        let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
        let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(denominator)?;
        let nanos = div_up(digits.checked_mul(numerator)?.checked_mul(NANO)?, divisor);
        let scale = written_scale(whole.trim_start_matches('0').len(), fraction.len(), suffix);
        Some(Self { nanos: if negative { -nanos } else { nanos }, scale })
    }

    fn whole(self) -> Option<i64> {
        self.scale.filter(|scale| *scale >= 0).and_then(|_| i64::try_from(self.nanos / NANO).ok())
    }
}

/// The scale in which upstream keeps an amount written with so many digits.
fn written_scale(whole: usize, fraction: usize, suffix: &str) -> Option<i32> {
    let (whole, fraction) = (i32::try_from(whole).ok()?, i32::try_from(fraction).ok()?);
    if let Some(power) = BINARY.iter().position(|name| *name == suffix) {
        let exponent = 10 * (i32::try_from(power).ok()? + 1);
        return (fraction == 0 && 15 - whole - exponent * 3 / 10 > 0).then_some(0);
    }
    let scale = exponent_of(suffix)? - fraction;
    (whole + fraction <= 18 && scale >= -9).then_some(scale)
}

/// Upstream rounds away from zero what is finer than a billionth.
fn div_up(n: i128, by: i128) -> i128 {
    n / by + i128::from(n % by != 0)
}

const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// The power of ten of a decimal suffix or exponent.
fn exponent_of(suffix: &str) -> Option<i32> {
    match DECIMAL.iter().find(|(name, _)| *name == suffix) {
        Some((_, exponent)) => Some(*exponent),
        None => suffix.strip_prefix(['e', 'E']).filter(|digits| !digits.is_empty())?.parse().ok(),
    }
}

/// A suffix as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    if let Some(power) = BINARY.iter().position(|name| *name == suffix) {
        return Some((1_i128 << (10 * (power + 1)), 1));
    }
    let exponent = exponent_of(suffix)?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

fn text(args: &[Value]) -> Result<&str, EvalError> {
    match args {
        [Value::String(text)] => Ok(text),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn to_quantity(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let quantity = Quantity::parse(text(args)?).ok_or_else(|| {
        EvalError::runtime(
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        )
    })?;
    Ok(Value::Opaque(Arc::new(quantity)))
}

fn is_quantity(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Bool(Quantity::parse(text(args)?).is_some()))
}

fn amount(value: Option<&Value>) -> Result<Quantity, EvalError> {
    match value {
        Some(Value::Int(n)) => Ok(Quantity { nanos: i128::from(*n) * NANO, scale: Some(0) }),
        Some(Value::Opaque(opaque)) => opaque.as_any().downcast_ref().copied().ok_or_else(EvalError::no_such_overload),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn this(args: &[Value]) -> Result<Quantity, EvalError> {
    amount(args.first())
}

fn order(args: &[Value]) -> Result<Ordering, EvalError> {
    Ok(this(args)?.nanos.cmp(&amount(args.get(1))?.nanos))
}

fn combine(args: &[Value], by: fn(i128, i128) -> Option<i128>) -> Outcome {
    let (a, b) = (this(args)?, amount(args.get(1))?);
    let nanos = by(a.nanos, b.nanos).ok_or_else(|| EvalError::unknown("a quantity of that size", 0))?;
    let scale = match (a.nanos, b.nanos) {
        (_, 0) if a.scale.is_some() && b.scale.is_some() => a.scale,
        (0, _) if a.scale.is_some() => b.scale,
        _ => a.scale.zip(b.scale).map(|(a, b)| a.min(b)),
    };
    Ok(Value::Opaque(Arc::new(Quantity { nanos, scale })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i128> {
        Quantity::parse(text).map(|quantity| quantity.nanos)
    }

    #[test]
    fn suffixes_scale() {
        assert_eq!(nanos("1.5Gi"), Some(1_610_612_736 * NANO));
        assert_eq!(nanos("100m"), Some(NANO / 10));
        assert_eq!(nanos("1e3"), nanos("1k"));
        assert_eq!(nanos("1E"), Some(NANO * 1_000_000_000_000_000_000));
        assert_eq!(nanos("-.5"), Some(-NANO / 2));
        assert_eq!(nanos("0.1n"), Some(1));
        let whole = |text: &str| Quantity::parse(text).and_then(Quantity::whole);
        assert_eq!((whole("1.0"), whole("1000m"), whole("1.5Gi"), whole("0.1Ki")), (None, None, None, None));
        assert_eq!((whole("1e3"), whole("2Gi"), whole("007")), (Some(1000), Some(2_147_483_648), Some(7)));
        for bad in ["", "a", "1.2.3", "1 ", "1Kb", "e3", "1e", "--1"] {
            assert_eq!(nanos(bad), None, "{bad}");
        }
    }
}
