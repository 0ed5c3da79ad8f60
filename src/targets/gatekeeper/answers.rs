//! The answers of a template in Rego, each found once: requests that no rule can tell apart are decided alike.
//!
//! Of a template whose rules are not known the whole review is what tells requests apart. The template of this project
//! reads of a CREATE no more than the policies that are usable and the parts of the pod that it names, so there it does not
//! matter who asks for them, where, and what else the pods hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use regorus::Value as RegoValue;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::emit::REGO;
use super::review::review;
use super::template::{Program, Violation};
use super::text_at;
use crate::admission::Operation;
use crate::targets::AdmissionRequest;

/// A program with the parameters of one constraint, and the answers that it has given.
pub(super) struct Answers {
    program: Program,
    parameters: RegoValue,
    usable: Kept<(String, String, Vec<String>, String), Usable>,
    answers: Kept<Key, Arc<[Violation]>>,
    /// Equal sets of usable policies have equal numbers.
    sets: Mutex<BTreeMap<RegoValue, usize>>,
}

/// Which policies are usable, by number; unless the evaluation ends in an error.
type Usable = Option<usize>;

/// What tells requests apart.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// A CREATE that the template of this project judges.
    Known { usable: usize, requester_unknown: bool, pod: String },
    /// Any other review.
    Whole(String),
}

impl Answers {
    /// The program has not answered yet.
    pub(super) fn new(program: Program, parameters: RegoValue) -> Self {
        Self { program, parameters, usable: Kept::new(), answers: Kept::new(), sets: Mutex::default() }
    }

    /// What is asked, and the parameters it is asked with.
    pub(super) fn asked(&self) -> (&Program, &RegoValue) {
        (&self.program, &self.parameters)
    }

    /// The violations of a request for the pod, which is as the API server writes it.
    pub(super) fn violations(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Arc<[Violation]> {
        let key = self.key(request, pod).unwrap_or_else(|| Key::Whole(review(request, pod).to_string()));
        self.answers.get_or(key, || self.program.violations(self.input(review(request, pod))).into())
    }

    fn key(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Option<Key> {
        if !self.program.is_own() || request.operation != Operation::Create || !request.subresource.is_empty() {
            return None;
        }
        let usable = self.usable_policies(request, pod)?;
        let requester_unknown = request.user.is_empty() && request.groups.is_empty();
        let part = |pointer| Parts(pod.pointer(pointer).unwrap_or(&Value::Null));
        let pod = [part("/metadata/annotations"), part("/spec")];
        Some(Key::Known { usable, requester_unknown, pod: serde_json::to_string(&pod).ok()? })
    }

    /// What tells subjects apart of whom the template of this project judges a CREATE; `None` for another template.
    pub(super) fn situation(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Option<String> {
        let requester_unknown = request.user.is_empty() && request.groups.is_empty();
        let usable = || self.usable_policies(request, pod);
        self.program.is_own().then(|| format!("{requester_unknown} {:?}", usable()))
    }

    /// The policies that the template finds usable, which depends on who asks and where alone.
    fn usable_policies(&self, request: &AdmissionRequest<'_>, pod: &Value) -> Usable {
        let account = |field| text_at(pod, field).filter(|name| !name.is_empty());
        let account = account("/spec/serviceAccountName").or_else(|| account("/spec/serviceAccount"));
        let account = account.unwrap_or_default().to_owned();
        let asks = (request.namespace.to_owned(), request.user.to_owned(), request.groups.to_vec(), account);
        self.usable.get_or(asks, || {
            let input = self.input(review(request, pod));
            let usable = self.program.rule("usable_policies", input).ok()?;
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            let next = sets.len();
            Some(*sets.entry(usable).or_insert(next))
        })
    }

    fn input(&self, review: Value) -> RegoValue {
        let input = [("review", RegoValue::from(review)), ("parameters", self.parameters.clone())];
        RegoValue::from(input.map(|(key, value)| (RegoValue::from(key), value)).into_iter().collect::<BTreeMap<_, _>>())
    }
}

/// Values that were found, up to a number.
struct Kept<K, V>(Mutex<HashMap<K, V>>);

/// How many values are kept.
const MOST_KEPT: usize = 100_000;

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn get_or(&self, key: K, find: impl FnOnce() -> V) -> V {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(&key).cloned();
        known.unwrap_or_else(|| {
            let found = find();
            let mut kept = kept();
            if kept.len() < MOST_KEPT {
                kept.insert(key, found.clone());
            }
            found
        })
    }
}

/// Of a value only what this project's template can read of it, as JSON.
struct Parts<'a>(&'a Value);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in fields.iter().filter(|(key, _)| is_read(key)) {
                    map.serialize_entry(key, &Parts(value))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Parts)),
            other => other.serialize(serializer),
        }
    }
}

/// Whether the template can read a key of a pod: it reads none but those that it spells out, and annotations whose keys
/// start with a text that it spells out. Who may use a policy is asked apart.
fn is_read(key: &str) -> bool {
    static WORDS: OnceLock<BTreeSet<&str>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let quoted = REGO.split('"').skip(1).step_by(2);
        let fields = REGO.split(|c: char| !c.is_ascii_alphanumeric());
        let accounts = ["serviceAccountName", "serviceAccount"];
        quoted.chain(fields).filter(|word| !word.is_empty() && !accounts.contains(word)).collect()
    });
    let prefix = key.rfind('/').and_then(|slash| key.get(..=slash));
    words.contains(key) || prefix.is_some_and(|prefix| words.contains(prefix))
}
