//! `format.…().validate(text)`: named formats, and the name checks that others share.
//!
//! A text that does not fit gives messages; only their presence is certain to match the API server's, except for DNS
//! labels and subdomains, whose messages are upstream's.

use super::encoding::is_base64;
use super::{Declaration, Library, Outcome, declare, url};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::time::Timestamp;
use crate::cel::value::{Opaque, Value};
use std::any::Any;
use std::sync::Arc;

pub(crate) static FORMATS: Library = Library { introduced: 31, functions: &FUNCTIONS };

macro_rules! constant {
    ($name:literal) => {
        declare(concat!("format.", $name), &["() -> kubernetes.NamedFormat"], |_, _| Ok(value_of($name)))
    };
}

static FUNCTIONS: [Declaration; 15] = [
    declare("validate", &["kubernetes.NamedFormat.(string) -> optional(list(string))"], validate),
    declare("format.named", &["(string) -> optional(kubernetes.NamedFormat)"], named),
    constant!("dns1123Label"),
    constant!("dns1123Subdomain"),
    constant!("dns1035Label"),
    constant!("qualifiedName"),
    constant!("dns1123LabelPrefix"),
    constant!("dns1123SubdomainPrefix"),
    constant!("dns1035LabelPrefix"),
    constant!("labelValue"),
    constant!("uri"),
    constant!("uuid"),
    constant!("byte"),
    constant!("date"),
    constant!("datetime"),
];

/// A format, by name.
#[derive(Debug)]
struct Format(&'static str);

impl Opaque for Format {
    fn type_name(&self) -> &'static str {
        "kubernetes.NamedFormat"
    }

    fn equals(&self, other: &dyn Opaque) -> Option<bool> {
        other.as_any().downcast_ref::<Self>().map(|other| other.0 == self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn value_of(name: &'static str) -> Value {
    Value::Opaque(Arc::new(Format(name)))
}

fn named(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(name)] = args else {
        return Err(EvalError::no_such_overload());
    };
    let wanted = format!("format.{name}");
    let known = FUNCTIONS.iter().skip(2).find(|declaration| declaration.name == wanted);
    let format = known.and_then(|declaration| declaration.name.strip_prefix("format."));
    Ok(format.map_or(Value::Optional(None), |name| Value::some(value_of(name))))
}

fn validate(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::Opaque(format), Value::String(text)] = args else {
        return Err(EvalError::no_such_overload());
    };
    let Some(Format(name)) = format.as_any().downcast_ref() else {
        return Err(EvalError::no_such_overload());
    };
    match fits(name, text) {
        Some(true) => Ok(Value::Optional(None)),
        Some(false) => Ok(Value::some(Value::list([Value::string(format!("not a valid {name}"))]))),
        None => Err(EvalError::unknown(format!("the format `{name}`"), 0)),
    }
}

fn fits(name: &str, text: &str) -> Option<bool> {
    let prefix = || text.strip_suffix('-').map_or_else(|| text.to_owned(), |stem| format!("{stem}a"));
    Some(match name {
        "dns1123Label" => is_dns1123_label(text),
        "dns1123Subdomain" => is_dns1123_subdomain(text),
        "dns1035Label" => is_dns1035_label(text),
        "dns1123LabelPrefix" => is_dns1123_label(&prefix()),
        "dns1123SubdomainPrefix" => is_dns1123_subdomain(&prefix()),
        "dns1035LabelPrefix" => is_dns1035_label(&prefix()),
        "qualifiedName" => is_qualified_name(text),
        "labelValue" => text.is_empty() || is_label_name(text),
        "uri" => url::is_url(text),
        "uuid" => is_uuid(text),
        "byte" => is_base64(text),
        "date" => Timestamp::parse(&format!("{text}T00:00:00Z")).is_some(),
        "datetime" => Timestamp::parse(&text.to_uppercase()).is_some(),
        _ => return None,
    })
}

/// Lower-case letters, digits and `-`, at most 63, alphanumeric at both ends.
pub(crate) fn is_dns1123_label(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(alphanumeric)
        && text.bytes().last().is_some_and(alphanumeric)
        && text.bytes().all(|b| alphanumeric(b) || b == b'-')
}

/// Labels (of any length) joined by dots, at most 253 characters.
pub(crate) fn is_dns1123_subdomain(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        part.bytes().next().is_some_and(alphanumeric)
            && part.bytes().last().is_some_and(alphanumeric)
            && part.bytes().all(|b| alphanumeric(b) || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn is_dns1035_label(text: &str) -> bool {
    is_dns1123_label(text) && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

fn is_label_name(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_dns1123_subdomain(domain) && is_label_name(name),
        None => is_label_name(text),
    }
}

fn is_uuid(text: &str) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let plain = text.replace('-', "");
    let dashed = text.split('-').map(str::len).eq(GROUPS) || !text.contains('-');
    dashed && plain.len() == 32 && plain.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        assert!(is_dns1123_label("a-1") && !is_dns1123_label("-a") && !is_dns1123_label("A") && !is_dns1123_label(""));
        assert!(is_dns1123_subdomain("a.b-c.d") && !is_dns1123_subdomain("a..b") && !is_dns1123_subdomain(""));
        assert!(is_qualified_name("a.b/C_d") && !is_qualified_name("a/b/c"));
        assert_eq!(fits("dns1123LabelPrefix", "a-"), Some(true));
        assert_eq!(fits("uuid", "123e4567-e89b-12d3-a456-426614174000"), Some(true));
        assert_eq!(fits("date", "2021-02-30"), Some(false));
    }
}
