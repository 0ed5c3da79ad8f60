//! The pods of requests that are decided about together: each is taken in once, however many requests it comes in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::stored::{as_stored, as_stored_with_spec, prepare_for_create};
use crate::cel::Object;
use crate::modern;

/// Pods as they came and as they were changed, as the server shows them.
#[derive(Default)]
pub(in crate::targets) struct Pods<'a> {
    submitted: Mutex<Vec<(&'a Value, Object)>>,
    changed: Mutex<Vec<Object>>,
    /// One pod of each `spec`.
    specs: Mutex<Vec<Object>>,
}

impl<'a> Pods<'a> {
    /// A pod that a request brings.
    pub(in crate::targets) fn submitted(&self, pod: &'a Value) -> Object {
        let mut known = locked(&self.submitted);
        if let Some((_, object)) = known.iter().rfind(|(other, _)| std::ptr::eq(*other, pod)) {
            return object.clone();
        }
        let spec = pod.get("spec");
        let alike = known.iter().rfind(|(other, _)| spec.is_some() && other.get("spec") == spec);
        let stored = match alike.and_then(|(_, object)| object.get("spec")) {
            Some(spec) => as_stored_with_spec(pod, spec),
            None => as_stored(pod.clone()),
        };
        let object = self.shown(stored);
        known.push((pod, object.clone()));
        object
    }

    /// A pod that a policy has changed.
    pub(in crate::targets) fn changed(&self, pod: Value) -> Object {
        let pod = as_stored(pod);
        let mut known = locked(&self.changed);
        if let Some(object) = known.iter().rfind(|other| ***other == pod) {
            return object.clone();
        }
        let object = self.shown(pod);
        known.push(object.clone());
        object
    }

    /// A pod as the server prepares it for its creation.
    pub(in crate::targets) fn prepared(&self, pod: Object) -> Object {
        let annotations = pod.pointer("/metadata/annotations").and_then(Value::as_object);
        if annotations.is_none_or(|annotations| modern::app_armor_annotations(annotations).is_empty()) {
            return pod;
        }
        let mut prepared = Value::clone(&pod);
        prepare_for_create(&mut prepared);
        self.shown(prepared)
    }

    /// A pod as the server shows it, with what is known of its `spec` already.
    fn shown(&self, pod: Value) -> Object {
        let mut specs = locked(&self.specs);
        let object = Object::beside(pod, &specs);
        if !specs.iter().any(|other| other.shares_spec(&object)) {
            specs.push(object.clone());
        }
        object
    }
}

fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
