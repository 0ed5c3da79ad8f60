//! Resource quantities by value: `1`, `1000m` and `1e0` are equal. Source: apimachinery `pkg/api/resource`.

/// Billionths. Nothing finer exists: the API rounds up to nano.
const NANO: i128 = 1_000_000_000;

/// The largest magnitude that the API keeps (2^63-1); more is capped.
const LARGEST: i128 = i64::MAX as i128 * NANO;

/// The value in billionths, capped at ±(2^63-1); `None` when the text is no quantity.
pub(super) fn nanos(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (multiplier, exponent) = scale(suffix)?;
    let magnitude = magnitude(number, multiplier, exponent)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The value in thousandths, rounded up, as the API server keeps requests and limits.
pub(super) fn millis(text: &str) -> Option<i128> {
    const NANOS_IN_MILLI: i128 = 1_000_000;
    let nanos = nanos(text)?;
    let away_from_zero = if nanos < 0 { 1 - NANOS_IN_MILLI } else { NANOS_IN_MILLI - 1 };
    Some((nanos + away_from_zero) / NANOS_IN_MILLI)
}

/// A binary multiplier and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => (1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

fn magnitude(number: &str, multiplier: i128, exponent: i32) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| i128::from(digit - b'0'));
    let significant = digits().try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(digit));
    let scaled = significant.and_then(|value| value.checked_mul(multiplier));
    let Some(scaled) = scaled else {
        return Some(LARGEST);
    };
    let exponent = exponent.saturating_add(9).saturating_sub(i32::try_from(fraction.len()).ok()?);
    Some(shift(scaled, exponent).min(LARGEST))
}

/// `value × 10^exponent`, rounded up.
fn shift(value: i128, exponent: i32) -> i128 {
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    match (exponent < 0, power) {
        _ if value == 0 => 0,
        (false, Some(power)) => value.saturating_mul(power),
        (false, None) => LARGEST,
        (true, Some(power)) => value / power + i128::from(value % power != 0),
        (true, None) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_however_written() {
        let same =
            [("1", "1000m"), ("1Gi", "1073741824"), ("1k", "1e3"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("0", "0m")];
        for (a, b) in same {
            assert_eq!(nanos(a).unwrap(), nanos(b).unwrap(), "{a} {b}");
        }
        assert_ne!(nanos("1G"), nanos("1Gi"));
        assert_ne!(nanos("-1"), nanos("1"));
    }

    #[test]
    fn requests_round_up_to_thousandths() {
        assert_eq!(millis("0.0001"), Some(1));
        assert_eq!(millis("100u"), millis("1m"));
        assert_eq!(millis("-1500u"), Some(-2));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "-", "1x", "1.2.3", "Gi", "1 Gi", "0x10", "one", "1e", "1Kib"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn huge_values_are_capped() {
        assert_eq!(nanos("9e99"), nanos("1e1000"));
        assert_eq!(nanos(&"9".repeat(100)), Some(LARGEST));
        assert_eq!(nanos("0e1000"), Some(0));
        assert_eq!(nanos("1e-1000"), Some(1));
    }
}
