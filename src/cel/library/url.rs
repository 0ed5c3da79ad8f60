//! `url`, `isURL` and the parts of a URL, as Go's `url.ParseRequestURI` and `url.Parse` read it.

use super::{Declaration, Library, Outcome, declare};
use crate::cel::error::EvalError;
use crate::cel::eval::Runtime;
use crate::cel::value::{Key, Opaque, Value};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) static URL: Library = Library { introduced: 0, functions: &FUNCTIONS };

static FUNCTIONS: [Declaration; 8] = [
    declare("url", &["(string) -> kubernetes.URL"], to_url),
    declare("isURL", &["(string) -> bool"], is_url_value),
    declare("getScheme", PART, |_, args| part(args, |url| url.scheme.clone())),
    declare("getHost", PART, |_, args| part(args, |url| url.host.clone())),
    declare("getHostname", PART, |_, args| part(args, |url| url.split_port().0)),
    declare("getPort", PART, |_, args| part(args, |url| url.split_port().1)),
    declare("getEscapedPath", PART, |_, args| part(args, |url| url.path.clone())),
    declare("getQuery", &["kubernetes.URL.() -> map(string, list(string))"], query),
];

const PART: &[&str] = &["kubernetes.URL.() -> string"];

#[derive(Debug, PartialEq)]
struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Opaque for Url {
    fn type_name(&self) -> &'static str {
        "kubernetes.URL"
    }

    fn equals(&self, other: &dyn Opaque) -> Option<bool> {
        other.as_any().downcast_ref::<Self>().map(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Url {
    /// An absolute URL or an absolute path.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.chars().any(char::is_control) || text.contains(' ') {
            return None;
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ if text.starts_with('/') => (String::new(), text),
            _ => return None,
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None if rest.starts_with('/') => ("", rest),
            None => return None,
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let valid = valid_host(host) && valid_escapes(path);
        valid.then(|| Self { scheme, host: host.to_owned(), path: path.to_owned(), query: query.to_owned() })
    }

    fn split_port(&self) -> (String, String) {
        let bracketed = self.host.starts_with('[');
        let (name, port) = match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && (!bracketed || name.ends_with(']')) => {
                (name, port)
            }
            _ => (self.host.as_str(), ""),
        };
        (name.trim_start_matches('[').trim_end_matches(']').to_owned(), port.to_owned())
    }
}

fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn valid_host(host: &str) -> bool {
    let port = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((_, port)) => port,
            None => return false,
        },
        None => host.find(':').and_then(|at| host.get(at..)).unwrap_or_default(),
    };
    let port_is_number =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    port_is_number && valid_escapes(host) && !host.contains(['<', '>', '"', '^', '`', '{', '}', '|', '\\'])
}

fn valid_escapes(text: &str) -> bool {
    text.match_indices('%')
        .all(|(at, _)| text.get(at + 1..at + 3).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())))
}

/// Whether Go's `url.ParseRequestURI` takes it.
pub(super) fn is_url(text: &str) -> bool {
    Url::parse(text).is_some()
}

fn is_url_value(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(text)] = args else {
        return Err(EvalError::no_such_overload());
    };
    Ok(Value::Bool(is_url(text)))
}

fn to_url(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let [Value::String(text)] = args else {
        return Err(EvalError::no_such_overload());
    };
    match Url::parse(text) {
        Some(url) => Ok(Value::Opaque(Arc::new(url))),
        None => Err(EvalError::Runtime(format!(
            "URL parse error during conversion from string: parse {text:?}: invalid URI for request"
        ))),
    }
}

fn this(args: &[Value]) -> Result<&Url, EvalError> {
    match args {
        [Value::Opaque(opaque)] => opaque.as_any().downcast_ref().ok_or_else(EvalError::no_such_overload),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn part(args: &[Value], part: fn(&Url) -> String) -> Outcome {
    Ok(Value::string(part(this(args)?)))
}

fn query(_: &mut Runtime<'_>, args: &[Value]) -> Outcome {
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pair in this(args)?.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(key), Some(value)) = (unescape(key), unescape(value)) {
            values.entry(key).or_default().push(Value::string(value));
        }
    }
    Ok(Value::map(values.into_iter().map(|(key, list)| (Key::String(key.into()), Value::list(list))).collect()))
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                rest = tail.get(2..)?;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        let url = Url::parse("https://user@[::1]:8080/a%20b?x=1&x=2#f").unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str(), url.path.as_str()), ("https", "[::1]:8080", "/a%20b"));
        assert_eq!(url.split_port(), ("::1".into(), "8080".into()));
        assert!(is_url("/a") && !is_url("a") && !is_url("../a") && !is_url("https://a:b") && !is_url(""));
    }
}
