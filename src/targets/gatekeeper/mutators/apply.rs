//! What a mutator does to a pod.

use serde_json::{Map, Value, json};

use super::location::Step;
use super::read::{Change, Mutator, PathTest};

/// Why Gatekeeper refuses a request while it mutates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("mutation failed: {0}")]
pub(in super::super) struct Refused(pub(in super::super) String);

impl Mutator {
    /// Applies the mutator once and tells whether it changed the pod.
    pub(super) fn apply(&self, pod: &mut Value) -> Result<bool, Refused> {
        self.descend(pod, 0)
    }

    /// Goes on at step `depth`, with `node` being what the steps before lead to.
    fn descend(&self, node: &mut Value, depth: usize) -> Result<bool, Refused> {
        match self.location.get(depth) {
            None => Ok(false),
            Some(Step::Key(name)) => self.key(node, name, depth),
            Some(Step::Element { key, value: None }) => {
                let mut changed = false;
                for element in list(node)? {
                    if element.get(key).is_some() && self.passes(depth, true) {
                        changed |= self.descend(element, depth + 1)?;
                    }
                }
                Ok(changed)
            }
            Some(Step::Element { key, value: Some(value) }) => self.element(node, key, value, depth),
        }
    }

    fn key(&self, node: &mut Value, name: &str, depth: usize) -> Result<bool, Refused> {
        let Value::Object(map) = node else {
            return Err(Refused(format!("`{name}` is to be set in something that is no object")));
        };
        let present = map.get_mut(name).filter(|value| !value.is_null());
        if !self.passes(depth, present.is_some()) {
            return Ok(false);
        }
        if depth + 1 == self.location.len() {
            let Some(value) = self.change.value(present.as_deref())? else {
                return Ok(false);
            };
            map.insert(name.to_owned(), value);
            return Ok(true);
        }
        if let Some(child) = present {
            return self.descend(child, depth + 1);
        }
        // Missing parents are made only if the leaf gets set; `*` never makes an element, nor the list.
        let mut child = match self.location.get(depth + 1) {
            Some(Step::Element { value: None, .. }) => return Ok(false),
            Some(Step::Element { .. }) => json!([]),
            _ => Value::Object(Map::new()),
        };
        let changed = self.descend(&mut child, depth + 1)?;
        if changed {
            map.insert(name.to_owned(), child);
        }
        Ok(changed)
    }

    fn element(&self, node: &mut Value, key: &str, value: &str, depth: usize) -> Result<bool, Refused> {
        let elements = list(node)?;
        let found = elements.iter_mut().find(|element| element.get(key).and_then(Value::as_str) == Some(value));
        if !self.passes(depth, found.is_some()) {
            return Ok(false);
        }
        if let Some(element) = found {
            return self.descend(element, depth + 1);
        }
        let mut element = json!({key: value});
        let changed = self.descend(&mut element, depth + 1)? || depth + 1 == self.location.len();
        if changed {
            elements.push(element);
        }
        Ok(changed)
    }

    /// Whether the path tests about the place that step `depth` leads to hold.
    pub(super) fn passes(&self, depth: usize, exists: bool) -> bool {
        let here = self.tests.iter().filter(|test| test.depth == depth + 1);
        here.fold(true, |holds, PathTest { must_exist, .. }| holds && *must_exist == exists)
    }
}

impl Change {
    /// The new value of a place, if it changes.
    fn value(&self, old: Option<&Value>) -> Result<Option<Value>, Refused> {
        match self {
            Self::Set(value) => Ok((old != Some(value)).then(|| value.clone())),
            Self::SetIfAbsent(value) => Ok(old.is_none().then(|| value.clone())),
            Self::Merge(values) => {
                let mut items = items(old)?;
                let before = items.len();
                for value in values {
                    if !items.contains(value) {
                        items.push(value.clone());
                    }
                }
                Ok((items.len() > before).then_some(Value::Array(items)))
            }
            Self::Prune(values) => {
                let items = items(old)?;
                let kept: Vec<_> = items.iter().filter(|item| !values.contains(item)).cloned().collect();
                Ok((kept.len() < items.len()).then_some(Value::Array(kept)))
            }
        }
    }
}

fn items(old: Option<&Value>) -> Result<Vec<Value>, Refused> {
    match old {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(_) => Err(Refused("a set is to be changed where there is no list".to_owned())),
    }
}

fn list(node: &mut Value) -> Result<&mut Vec<Value>, Refused> {
    match node {
        Value::Array(items) => Ok(items),
        _ => Err(Refused("elements are to be changed of something that is no list".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(mutator: Value, mut pod: Value) -> Result<(bool, Value), Refused> {
        let changed = Mutator::read(&mutator).unwrap().unwrap().apply(&mut pod)?;
        Ok((changed, pod))
    }

    fn assign(location: &str, value: Value, tests: Value) -> Value {
        let apply_to = json!([{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}]);
        let parameters = json!({"assign": {"value": value}, "pathTests": tests});
        json!({
            "apiVersion": "mutations.gatekeeper.sh/v1", "kind": "Assign", "metadata": {"name": "m"},
            "spec": {"applyTo": apply_to, "location": location, "parameters": parameters},
        })
    }

    #[test]
    fn missing_parents_are_made() {
        let absent = json!([{"subPath": "spec.securityContext.fsGroup", "condition": "MustNotExist"}]);
        let mutator = assign("spec.securityContext.fsGroup", json!(5), absent);
        assert_eq!(
            applied(mutator.clone(), json!({"spec": {}})),
            Ok((true, json!({"spec": {"securityContext": {"fsGroup": 5}}})))
        );
        let set = json!({"spec": {"securityContext": {"fsGroup": 1}}});
        assert_eq!(applied(mutator, set.clone()), Ok((false, set)));
    }

    #[test]
    fn a_star_visits_every_element_and_makes_none() {
        let mutator = assign("spec.containers[name: *].a.b", json!(true), json!([]));
        let pod = json!({"spec": {"containers": [{"name": "c"}, {"name": "d", "a": {"b": false}}]}});
        let expected =
            json!({"spec": {"containers": [{"name": "c", "a": {"b": true}}, {"name": "d", "a": {"b": true}}]}});
        assert_eq!(applied(mutator.clone(), pod), Ok((true, expected)));
        assert_eq!(applied(mutator, json!({"spec": {}})), Ok((false, json!({"spec": {}}))));
    }

    #[test]
    fn a_named_element_is_made() {
        let mutator = assign("spec.containers[name: x].a", json!(1), json!([]));
        assert_eq!(
            applied(mutator, json!({"spec": {}})),
            Ok((true, json!({"spec": {"containers": [{"name": "x", "a": 1}]}})))
        );
    }

    #[test]
    fn a_set_is_merged_at_its_end() {
        let mut mutator = assign("spec.drop", json!(0), json!([]));
        mutator["kind"] = json!("ModifySet");
        mutator["spec"]["parameters"] = json!({"operation": "merge", "values": {"fromList": ["A", "B"]}});
        assert_eq!(
            applied(mutator.clone(), json!({"spec": {"drop": ["B"]}})),
            Ok((true, json!({"spec": {"drop": ["B", "A"]}})))
        );
        assert!(applied(mutator, json!({"spec": {"drop": "B"}})).is_err());
    }

    #[test]
    fn an_unexpected_type_refuses_the_request() {
        assert!(applied(assign("spec.a.b", json!(1), json!([])), json!({"spec": {"a": 1}})).is_err());
    }
}
