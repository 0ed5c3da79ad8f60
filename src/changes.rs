//! What is new in a later version of an object: the fewest values to write, each with its path.

use serde_json::Value;

use crate::schema::{FieldPath, Segment};

/// A value to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it goes.
    pub path: FieldPath,
    /// The value.
    pub value: Value,
    /// What stands there before; `None` where the key is absent.
    pub before: Option<Value>,
}

/// The values to write so that `before` becomes `after`, in the order of `after`. What `after` lacks is not told: whoever
/// applies the changes holds the result against it. Lists are taken element by element where they hold objects and are of
/// the same length, and as a whole otherwise.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), before, after, &mut found);
    found
}

fn walk(path: &mut Vec<Segment>, before: &Value, after: &Value, found: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(was), Value::Object(now)) => {
            for (key, now) in now {
                path.push(Segment::Field(key.clone()));
                match was.get(key) {
                    Some(was) => walk(path, was, now, found),
                    None => found.push(Change { path: FieldPath(path.clone()), value: now.clone(), before: None }),
                }
                path.pop();
            }
        }
        (Value::Array(was), Value::Array(now)) if was.len() == now.len() && now.iter().any(Value::is_object) => {
            for (index, (was, now)) in was.iter().zip(now).enumerate() {
                path.push(Segment::Index(index));
                walk(path, was, now, found);
                path.pop();
            }
        }
        _ if before != after => {
            let change = Change { path: FieldPath(path.clone()), value: after.clone(), before: Some(before.clone()) };
            found.push(change);
        }
        _ => {}
    }
}

impl Change {
    /// The change as changes of single values and lists: an object that is new is taken apart.
    pub fn leaves(&self) -> Vec<Self> {
        match &self.value {
            Value::Object(fields) if !fields.is_empty() => {
                let leaves = fields.iter().flat_map(|(key, value)| {
                    let path = self.path.0.iter().cloned().chain([Segment::Field(key.clone())]);
                    Self { path: FieldPath(path.collect()), value: value.clone(), before: None }.leaves()
                });
                leaves.collect()
            }
            _ => vec![self.clone()],
        }
    }
}

/// The value at a path.
pub fn value_at<'v>(root: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, segment| match segment {
        Segment::Field(name) | Segment::Key(name) => value.get(name),
        Segment::Index(index) => value.get(index),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: Value, after: Value) -> Vec<String> {
        changes(&before, &after).iter().map(|change| format!("{} = {}", change.path, change.value)).collect()
    }

    #[test]
    fn elements_are_compared_one_by_one_and_plain_lists_as_a_whole() {
        let before = json!({"c": [{"name": "a", "drop": ["X"]}, {"name": "b"}]});
        let after = json!({"c": [{"name": "a", "drop": ["A", "X"]}, {"name": "b", "s": {"t": 1}}]});
        assert_eq!(told(before, after), [r#"c[0].drop = ["A","X"]"#, r#"c[1].s = {"t":1}"#]);
    }

    #[test]
    fn what_replaces_null_is_one_change() {
        assert_eq!(told(json!({"a": null}), json!({"a": {"b": 1}})), [r#"a = {"b":1}"#]);
        assert!(told(json!({"a": 1}), json!({"a": 1})).is_empty());
    }

    #[test]
    fn a_new_object_has_leaves() {
        let all = changes(&json!({}), &json!({"a": {"b": 1, "c": {"d": [2]}}}));
        let leaves: Vec<String> = all.iter().flat_map(Change::leaves).map(|leaf| leaf.path.to_string()).collect();
        assert_eq!(leaves, ["a.b", "a.c.d"]);
    }
}
