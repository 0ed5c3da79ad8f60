//! What a YAML scalar means, exactly as kubectl reads it: YAML 1.1 as go-yaml v2 resolves it, then as JSON.
//!
//! `yes` is true, `0644` is 420, `1_000` is 1000, `12:30` and `2022-01-31` are strings. A tool that reads
//! `privileged: yes` as a string judges another pod than the cluster runs. Source: go-yaml v2 `resolve.go` and
//! `sigs.k8s.io/yaml`.

use std::borrow::Cow;

use serde_json::{Number, Value};

/// The value of a plain (unquoted, untagged) scalar. Fails on infinities and NaN, which JSON cannot say.
pub(super) fn plain(text: Cow<'_, str>) -> Result<Value, String> {
    let special = match text.as_bytes().first() {
        None => Some(Value::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => word(&text),
        Some(b'.') => dotted(&text)?,
        Some(b'+' | b'-' | b'0'..=b'9') => numeric(&text)?,
        Some(_) => None,
    };
    Ok(special.unwrap_or_else(|| Value::String(text.into_owned())))
}

/// The value of a scalar with a core-schema tag: `!!str 12`, `!!int "3"`. `suffix` is what follows `!!`.
pub(super) fn tagged(suffix: &str, text: &str) -> Result<Value, String> {
    let value = match suffix {
        "str" => return Ok(Value::String(text.to_owned())),
        "binary" => return binary(text),
        "null" | "bool" | "int" | "float" | "timestamp" => plain(Cow::Borrowed(text))?,
        _ => return Ok(Value::String(text.to_owned())),
    };
    let fits = match (suffix, &value) {
        ("null", Value::Null)
        | ("bool", Value::Bool(_))
        | ("float", Value::Number(_))
        | ("timestamp", Value::String(_)) => true,
        ("int", Value::Number(number)) => !number.is_f64(),
        _ => false,
    };
    if fits { Ok(value) } else { Err(format!("`{text}` is not of the type !!{suffix}")) }
}

/// Go prints float keys with the precision of 32 bits.
pub(super) fn float_key(number: &Number) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "that is what upstream does")]
    number.as_f64().map_or_else(String::new, |float| (float as f32).to_string())
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => Value::Bool(false),
        "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

const NO_JSON: &str = "infinity and NaN have no JSON form";

fn dotted(text: &str) -> Result<Option<Value>, String> {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err(NO_JSON.to_owned());
    }
    // Here Go's own float syntax holds, in which underscores stand only between digits.
    let between_digits = |index: usize| {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        digit(text.as_bytes().get(index.wrapping_sub(1))) && digit(text.as_bytes().get(index + 1))
    };
    let sound = text.match_indices('_').all(|(index, _)| between_digits(index));
    let float = text.replace('_', "").parse::<f64>().ok().filter(|float| sound && float.is_finite());
    Ok(float.map(float_value))
}

fn numeric(text: &str) -> Result<Option<Value>, String> {
    if matches!(text, "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF") {
        return Err(NO_JSON.to_owned());
    }
    let stripped;
    let digits = if text.contains('_') {
        stripped = text.replace('_', "");
        stripped.as_str()
    } else {
        text
    };
    Ok(integer(digits).or_else(|| float(digits)))
}

/// Go's `ParseInt` and `ParseUint` with base 0: `0x`, `0o`, `0b` and a leading `0` choose the base.
fn integer(text: &str) -> Option<Value> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("+", text.get(1..)?),
        _ => ("", text),
    };
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, unsigned.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, unsigned.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| char::from(digit).is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        "" => Some(Value::from(magnitude)),
        "-" => 0_i64.checked_sub_unsigned(magnitude).map(Value::from),
        _ => i64::try_from(magnitude).ok().map(Value::from),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, the only floats that YAML knows.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    if !digits || exponent.is_some_and(|digits| digits.is_empty() || !all_digits(digits)) {
        return None;
    }
    text.parse::<f64>().ok().filter(|float| float.is_finite()).map(float_value)
}

/// A whole number that fits 64 bits becomes an integer, as it does on its way through JSON to the API server. Its
/// digits are the shortest that mean the float, padded with zeros, in Go as in Rust.
pub(super) fn float_value(float: f64) -> Value {
    const LONGEST: f64 = 1e21;
    if float.fract() == 0.0 && float.abs() < LONGEST {
        let digits = float.to_string();
        let signed = digits.parse::<i64>().map(Value::from);
        if let Ok(integer) = signed.or_else(|_| digits.parse::<u64>().map(Value::from)) {
            return integer;
        }
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

/// Base64 of text; what is no text has no JSON form.
fn binary(text: &str) -> Result<Value, String> {
    let compact: String = text.split_ascii_whitespace().collect();
    let bytes = decode_base64(&compact).ok_or("!!binary holds no valid base64")?;
    String::from_utf8(bytes).map(Value::String).map_err(|_| "!!binary holds no text".to_owned())
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for byte in body.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> Result<Value, String> {
        super::plain(Cow::Borrowed(text))
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for text in ["yes", "Yes", "YES", "y", "Y", "on", "On", "ON", "true", "True", "TRUE"] {
            assert_eq!(plain(text), Ok(json!(true)), "{text}");
        }
        for text in ["no", "n", "off", "OFF", "false", "False"] {
            assert_eq!(plain(text), Ok(json!(false)), "{text}");
        }
        for text in ["yEs", "tRUE", "oN", "yess", "nay"] {
            assert_eq!(plain(text), Ok(json!(text)));
        }
    }

    #[test]
    fn numbers_are_those_of_go() {
        let expected = [
            ("0644", 420),
            ("0o644", 420),
            ("1_000", 1000),
            ("08", 8),
            ("0b11", 3),
            ("0777_7", 4095),
            ("1.0", 1),
            ("1e3", 1000),
            ("0x_1F", 31),
            ("+1", 1),
            ("-0", 0),
            ("-0644", -420),
            ("1_", 1),
            ("5.", 5),
            ("-0b11", -3),
            ("0XfF", 255),
        ];
        for (text, number) in expected {
            assert_eq!(plain(text), Ok(json!(number)), "{text}");
        }
        assert_eq!(plain(".5"), Ok(json!(0.5)));
        assert_eq!(plain("18446744073709551615"), Ok(json!(u64::MAX)));
        assert_eq!(plain("99999999999999999999"), Ok(json!(1e20)));
    }

    #[test]
    fn what_looks_like_more_stays_a_string() {
        for text in [
            "12:30:45",
            "2022-01-31",
            "0b12",
            "0x",
            "1e",
            "_1",
            "1.2.3",
            "-",
            "+",
            ".",
            ".e1",
            "1e400",
            "<<",
            "0x1p4",
            "1 000",
        ] {
            assert_eq!(plain(text), Ok(json!(text)), "{text}");
        }
    }

    #[test]
    fn nothing_is_null_and_infinity_is_an_error() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(plain(text), Ok(Value::Null), "{text}");
        }
        for text in [".inf", "-.Inf", "+.INF", ".nan", ".NaN"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tags_decide() {
        assert_eq!(tagged("str", "12"), Ok(json!("12")));
        assert_eq!(tagged("int", "3"), Ok(json!(3)));
        assert_eq!(tagged("binary", "aGk="), Ok(json!("hi")));
        assert_eq!(tagged("bool", "yes"), Ok(json!(true)));
        assert!(tagged("int", "abc").is_err());
        assert!(tagged("binary", "?").is_err());
    }
}
