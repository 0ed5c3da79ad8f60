//! The pods of requests that are decided about together: each is taken in once, however many requests it comes in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::stored::{as_stored, prepare_for_create};
use crate::cel::Object;
use crate::modern;

/// Pods as they came and as they were changed, as the server shows them.
#[derive(Default)]
pub(in crate::targets) struct Pods<'a> {
    submitted: Mutex<Vec<(&'a Value, Object)>>,
    changed: Mutex<Vec<(Value, Object)>>,
}

impl<'a> Pods<'a> {
    /// A pod that a request brings.
    pub(in crate::targets) fn submitted(&self, pod: &'a Value) -> Object {
        let mut known = locked(&self.submitted);
        if let Some((_, object)) = known.iter().rfind(|(other, _)| std::ptr::eq(*other, pod)) {
            return object.clone();
        }
        let object = Object::from(as_stored(pod.clone()));
        known.push((pod, object.clone()));
        object
    }

    /// A pod that a policy has changed.
    pub(in crate::targets) fn changed(&self, pod: Value) -> Object {
        let mut known = locked(&self.changed);
        if let Some((_, object)) = known.iter().rfind(|(other, _)| *other == pod) {
            return object.clone();
        }
        let object = Object::from(as_stored(pod.clone()));
        known.push((pod, object.clone()));
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
        prepared.into()
    }
}

fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
