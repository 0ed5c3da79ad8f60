//! Compares an object with its API type: what the server would drop (unknown fields) or refuse (wrong types).
//!
//! Follows Go's JSON decoding as the API server uses it: names are case-sensitive, `null` is absence, an integer field
//! takes only whole numbers in its range.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

use super::quantity;
use super::suggest::suggestion;
use super::table::{Field, Known, Shape, Struct, StructId, Type};

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// A key of a map with free keys, e.g. an annotation's.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// Where a value stands in its object: `spec.containers[0].image`, `metadata.annotations[a/b]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<Segment>);

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if position == 0 => write!(f, "{name}")?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Key(key) => write!(f, "[{key}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Something in an object that its type does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub path: FieldPath,
    /// What it is.
    pub kind: FindingKind,
}

/// What can be wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// No release knows the field; the server drops it without a word (unless it is asked to be strict).
    UnknownField {
        /// A sentence such as "did you mean `privileged`?".
        suggestion: Option<String>,
    },
    /// The server refuses the whole object.
    WrongType {
        /// What the field takes, e.g. `a boolean`.
        expected: &'static str,
        /// What stands there, e.g. the string `"yes"`.
        got: String,
    },
    /// The field exists, but not in Kubernetes 1.24: a server with PodSecurityPolicy drops it.
    NewerThan124,
}

/// Nobody reads more complaints than these about one object.
const MOST_FINDINGS: usize = 100;

/// Everything in `object` that its type does not say, in the object's own order; at most 100 findings.
pub fn check(of: StructId, object: &Value) -> Vec<Finding> {
    let mut walk = Walk { path: Vec::new(), findings: Vec::new() };
    walk.structure(of.get(), None, object);
    walk.findings
}

struct Walk<'a> {
    path: Vec<Step<'a>>,
    findings: Vec<Finding>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> Walk<'a> {
    fn report(&mut self, kind: FindingKind) {
        if self.findings.len() < MOST_FINDINGS {
            let path = FieldPath(self.path.iter().map(|step| step.owned()).collect());
            self.findings.push(Finding { path, kind });
        }
    }

    fn wrong(&mut self, expected: &'static str, value: &Value) {
        self.report(FindingKind::WrongType { expected, got: describe(value) });
    }

    fn within(&mut self, step: Step<'a>, visit: impl FnOnce(&mut Self)) {
        self.path.push(step);
        visit(self);
        self.path.pop();
    }

    fn structure(&mut self, of: &'static Struct, parent: Option<&'static Struct>, value: &'a Value) {
        let Value::Object(fields) = value else {
            return self.wrong("an object", value);
        };
        for (name, value) in fields {
            self.within(Step::Field(name), |walk| match of.field(name) {
                Some(field) => walk.field(field, of, value),
                None => walk.report(FindingKind::UnknownField { suggestion: suggestion(name, of, parent) }),
            });
        }
    }

    fn field(&mut self, field: &'static Field, owner: &'static Struct, value: &'a Value) {
        if field.known == Known::After124 && !value.is_null() {
            self.report(FindingKind::NewerThan124);
        }
        self.value(&field.of, owner, value);
    }

    fn value(&mut self, of: &'static Type, owner: &'static Struct, value: &'a Value) {
        match (&of.shape, value) {
            (_, Value::Null) | (Shape::Any, _) => {}
            (Shape::Struct(id), _) => self.structure(id.get(), Some(owner), value),
            (Shape::List(element), Value::Array(items)) => self.items(element, owner, items),
            (Shape::Map(element), Value::Object(entries)) => self.entries(element, owner, entries),
            (shape, _) => {
                if let Some(expected) = refusal(shape, value) {
                    self.wrong(expected, value);
                }
            }
        }
    }

    fn items(&mut self, element: &'static Type, owner: &'static Struct, items: &'a [Value]) {
        for (index, item) in items.iter().enumerate() {
            self.within(Step::Index(index), |walk| walk.value(element, owner, item));
        }
    }

    fn entries(&mut self, element: &'static Type, owner: &'static Struct, entries: &'a Map<String, Value>) {
        for (key, value) in entries {
            self.within(Step::Key(key), |walk| walk.value(element, owner, value));
        }
    }
}

impl Step<'_> {
    fn owned(self) -> Segment {
        match self {
            Self::Field(name) => Segment::Field(name.to_owned()),
            Self::Key(key) => Segment::Key(key.to_owned()),
            Self::Index(index) => Segment::Index(index),
        }
    }
}

/// What the shape takes, when it does not take this value.
fn refusal(shape: &Shape, value: &Value) -> Option<&'static str> {
    let in_32_bits = || value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
    let (fits, expected) = match shape {
        Shape::Bool => (value.is_boolean(), "a boolean"),
        Shape::Int32 => (in_32_bits(), "an integer of 32 bits"),
        Shape::Int64 => (value.is_i64(), "an integer of 64 bits"),
        Shape::String => (value.is_string(), "a string"),
        Shape::Quantity => (is_quantity(value), "a quantity such as `100m` or `1Gi`"),
        Shape::IntOrString => (value.is_string() || in_32_bits(), "an integer of 32 bits or a string"),
        Shape::Time => (
            value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            "a time such as `2022-01-31T12:00:00Z`",
        ),
        Shape::Bytes => (value.is_string(), "a string in base64"),
        Shape::List(_) => (value.is_array(), "a list"),
        Shape::Map(_) | Shape::Struct(_) => (value.is_object(), "an object"),
        Shape::Any => (true, ""),
    };
    (!fits).then_some(expected)
}

fn is_quantity(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::String(text) => quantity::nanos(text).is_some(),
        _ => false,
    }
}

/// The value as a reader recognises it: its kind, and itself when it is short.
fn describe(value: &Value) -> String {
    const SHORT: usize = 40;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("the boolean `{value}`"),
        Value::Number(_) => format!("the number `{value}`"),
        Value::String(text) if text.chars().count() <= SHORT => format!("the string `{value}`"),
        Value::String(_) => "a long string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object_type;
    use super::*;

    fn findings(api_version: &str, kind: &str, object: &Value) -> Vec<String> {
        let found = check(object_type(api_version, kind).unwrap(), object);
        found.iter().map(|finding| format!("{}: {:?}", finding.path, finding.kind)).collect()
    }

    #[test]
    fn a_sound_pod_has_no_findings() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}, "creationTimestamp": null},
            "spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"port": "http"}}}]}});
        assert_eq!(findings("v1", "Pod", &pod), [] as [&str; 0]);
    }

    #[test]
    fn unknown_fields_carry_their_path_and_a_suggestion() {
        let pod = json!({"spec": {"containers": [{"securityContext": {"priviledged": true}}]}});
        let expected = "spec.containers[0].securityContext.priviledged: UnknownField { suggestion: Some(\"did you mean `privileged`?\") }";
        assert_eq!(findings("v1", "Pod", &pod), [expected]);
    }

    #[test]
    fn wrong_types_say_what_was_expected() {
        let pod = json!({"metadata": {"annotations": {"a/b": true}}, "spec": {"hostPID": "yes", "containers": {},
            "terminationGracePeriodSeconds": 1.5, "priority": 2_147_483_648_i64}});
        let found = findings("v1", "Pod", &pod).join("\n");
        assert!(
            found.contains(
                "metadata.annotations[a/b]: WrongType { expected: \"a string\", got: \"the boolean `true`\" }"
            ),
            "{found}"
        );
        assert!(
            found.contains("spec.hostPID: WrongType { expected: \"a boolean\", got: \"the string `\\\"yes\\\"`\" }"),
            "{found}"
        );
        assert!(found.contains("spec.containers: WrongType { expected: \"a list\", got: \"an object\" }"), "{found}");
        assert_eq!(found.lines().count(), 5, "{found}");
    }

    #[test]
    fn null_is_absence_everywhere() {
        let pod =
            json!({"metadata": null, "spec": {"containers": null, "hostPID": null, "volumes": [null], "frob": null}});
        assert_eq!(findings("v1", "Pod", &pod), ["spec.frob: UnknownField { suggestion: None }"]);
    }

    #[test]
    fn fields_of_later_releases_are_named_as_such() {
        assert_eq!(findings("v1", "Pod", &json!({"spec": {"hostUsers": false}})), ["spec.hostUsers: NewerThan124"]);
    }

    #[test]
    fn findings_are_limited() {
        let fields: Map<String, Value> = (0..1000).map(|n| (format!("f{n}"), json!(1))).collect();
        assert_eq!(findings("v1", "Pod", &json!({"spec": fields})).len(), MOST_FINDINGS);
    }
}
